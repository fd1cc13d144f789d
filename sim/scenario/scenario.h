/* SPDX-License-Identifier: Apache-2.0
 *
 * A scenario file (docs/writing-scenarios.md) as plain structs. Times are
 * microseconds of the simulated world, counted from the start of the
 * workload. Everything is checked while loading: what is in here can run.
 */
#ifndef SCENARIO_SCENARIO_H
#define SCENARIO_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "faults/fault.h"
#include "seam/trace.h"
#include "sim/disk_profile.h"
#include "sim/oracle/oracle.h"

#define SCENARIO_BROKERS_MAX    7
#define SCENARIO_ZOOKEEPERS_MAX 7
#define SCENARIO_CLIENTS_MAX    32
#define SCENARIO_FAULTS_MAX     256
#define SCENARIO_NTHS_MAX       65536 /* of a fault */
#define SCENARIO_STEPS_MAX      1024
#define SCENARIO_PARTITIONS_MAX 64
#define SCENARIO_TOPICS_MAX     16
#define SCENARIO_LOG_DIRS_MAX   4
#define SCENARIO_FOR_EVER       INT64_MAX

/* A time, or one drawn from a window: from == to when it is fixed. */
struct span {
    int64_t from_us;
    int64_t to_us;
};

struct setting {
    char *key;
    char *value;
};

struct settings {
    struct setting *items;
    size_t count;
};

struct scenario_topic {
    char *name;
    int64_t partitions;     /* as it is made */
    int64_t partitions_max; /* as steps may make it */
    int64_t replicas;
    int64_t replicas_least; /* that steps may leave it */
    struct settings config;
    bool late;                 /* made by a step, not at the start */
    struct judge_topic judged; /* what the oracles hold it to */
};

enum timestamps { TIMESTAMPS_NOW, TIMESTAMPS_OFFSET, TIMESTAMPS_AT };

struct scenario_producer {
    int64_t topic; /* index */
    int64_t clients;
    int64_t interval_us; /* between batches, of each client */
    int64_t batch;       /* records */
    int64_t record_bytes;
    int64_t acks; /* 0, 1, -1 */
    bool idempotence;
    bool idempotence_given;
    int64_t partition; /* -1: all in turn */
    enum timestamps timestamps;
    int64_t timestamp_ms;    /* offset from now, or absolute */
    int64_t timestamp_every; /* only each n-th batch has it; 1: all */
    int64_t in_flight;
    int64_t delivery_timeout_us;
    int64_t from_us;
    int64_t until_us;
};

struct scenario_consumer {
    int64_t topic;
    int64_t clients;
    bool latest;
    int64_t from_us;
    int64_t until_us;
};

enum target_kind {
    TARGET_BROKER,    /* index */
    TARGET_CLIENT,    /* index */
    TARGET_ZOOKEEPER, /* index */
    TARGET_LEADER,    /* topic, partition */
    TARGET_FOLLOWER,  /* one of them, drawn */
    TARGET_FOLLOWERS, /* all of them */
    TARGET_CONTROLLER,
    TARGET_ANY_BROKER, /* drawn from those that are up */
    TARGET_ANY_CLIENT,
    TARGET_ANY_ZOOKEEPER,
    TARGET_BROKERS, /* all */
    TARGET_CLIENTS,
    TARGET_ZOOKEEPERS,
    TARGET_EVERYBODY,
    TARGET_NOBODY
};

struct target {
    enum target_kind kind;
    int64_t index;
    int64_t topic;
    int64_t partition;
};

/* STEP(NAME, "key", what it takes, undone, stored, sentence): step.def */
enum step_action {
#define STEP(name, key, takes, undone, stored, sentence) STEP_##name,
#include "sim/scenario/step.def"
#undef STEP
    STEP_COUNT
};

enum condition_kind {
    CONDITION_NONE,
    CONDITION_APPENDED,  /* a leader's log end reached count */
    CONDITION_COMMITTED, /* a leader's high watermark reached count */
    CONDITION_ELECTED,   /* count leaders were elected since the start */
    CONDITION_TRUNCATED, /* logs were cut count times */
    CONDITION_STRICT     /* it was heard count times that it is lazy no more */
};

struct condition {
    enum condition_kind kind;
    int64_t topic;
    int64_t partition;
    int64_t count;
};

#define STEP_TARGETS_MAX 8
#define STEP_ZNODE_BYTES 128

enum znode_damage {
    ZNODE_GARBAGE, /* bytes that are no message */
    ZNODE_EMPTY,
    ZNODE_FLIPPED, /* a bit of its 6th byte: part of an id, or of a number */
    ZNODE_REMOVED
};

struct scenario_step {
    unsigned line;
    enum step_action action;
    struct span at;
    struct condition when;
    struct span after; /* the condition */
    struct span hold;  /* `for`: undone after this; -1: not */
    struct span every;
    int64_t times;
    struct target targets[STEP_TARGETS_MAX]; /* reassign: of all its replicas */
    size_t target_count;
    struct target from; /* cut, heal */
    struct target to;
    bool one_way;
    int64_t by_ms;     /* clock-jump */
    int64_t bytes;     /* disk-capacity; -1: what is used at that time */
    int64_t byte;      /* rot; 0: any */
    int64_t directory; /* disk-fails, disk-replaced: 1 .. log_dirs */
    int64_t topic; /* create-topic, delete-topic, alter-topic, add-partitions,
                      truncate, rot, reassign, cancel-reassign */
    int64_t partition;            /* -1, of the last two: each of the topic */
    struct settings config;       /* alter-topic */
    int64_t partitions;           /* add-partitions: so many from now on */
    int64_t before;               /* truncate */
    int64_t broker;               /* elect-uncleanly: 1 .. brokers */
    int64_t copy_rate;            /* reassign: bytes a second; 0: no limit */
    char znode[STEP_ZNODE_BYTES]; /* damage-znode: its path */
    enum znode_damage damage;
};

struct scenario_fault {
    unsigned line;
    enum fault_point point;
    struct target node; /* EVERYBODY: any */
    uint64_t *nths;     /* it fires at these askings, which grow; none: by */
    size_t nth_count;
    double rate; /* the chance of each */
    int64_t from_us;
    int64_t until_us;
    int64_t limit;
};

struct scenario_least {
    int64_t sent;
    int64_t acked;
    int64_t read;
};

struct scenario {
    char *path; /* as it was given */
    char *name; /* path without directory and .yaml */
    char *description;
    bool drawn; /* by the swarm: no file holds it */
    int64_t brokers;
    int64_t zookeepers;
    int64_t log_dirs;       /* of each broker */
    struct settings config; /* of every broker */
    enum disk_profile disk_profile;
    bool unbounded; /* damage: all of a disk, and of all disks */
    struct scenario_topic *topics;
    size_t topic_count;
    struct scenario_producer *producers;
    size_t producer_count;
    struct scenario_consumer *consumers;
    size_t consumer_count;
    int64_t client_count;
    int64_t duration_us;
    struct scenario_step *steps;
    size_t step_count;
    struct scenario_fault *faults;
    size_t fault_count;
    uint64_t oracles; /* set */
    struct scenario_least at_least;
    int64_t heal_within_us;
    bool heal_within_given; /* else it follows from the configuration */
    int64_t stale_us; /* how long metadata may show a broker that is gone */
    int64_t settle_us;
    int64_t restart_delay_us;
    int64_t clock_slack_ms;
    int64_t leaderless_us; /* a partition may be; 0: that is not judged */
    uint64_t reaches;      /* set of marks */
};

/* All that is wrong, one "file:line:column: sentence" a line. */
struct complaints {
    char *text; /* NULL: none */
    size_t size;
    size_t count;
};
void complaints_release(struct complaints *complaints);

/* Reads text of a file called `path`. NULL and at least one complaint when
 * anything is wrong with it. Free with scenario_free(). */
struct scenario *scenario_parse(const char *path, const char *text, size_t size,
                                struct complaints *complaints);
/* Reads a file; a file that cannot be read is a complaint too. */
struct scenario *scenario_load(const char *path, struct complaints *complaints);
/* Takes NULL. */
void scenario_free(struct scenario *scenario);

/* The text that scenario_parse() makes this of, in one fixed form and without
 * comments; caller frees. */
char *scenario_write(const struct scenario *scenario);

/* A commented scenario to begin with. */
extern const char scenario_template[];

/* The format as JSON Schema. */
void scenario_schema(FILE *out);

const char *step_name(enum step_action action);
const char *znode_damage_name(enum znode_damage damage);

enum step_takes {
    TAKES_NODES,
    TAKES_LINK,
    TAKES_CLOCK,
    TAKES_CAPACITY,
    TAKES_ROT, /* nodes and a partition */
    TAKES_TOPIC,
    TAKES_DIRECTORY,
    TAKES_PLACE, /* a partition */
    TAKES_MOVE,  /* a partition, or a topic */
    TAKES_ZNODE  /* a path in ZooKeeper */
};
enum step_takes step_takes(enum step_action action);

/* What a step does to what is stored. */
enum step_stored {
    STORED_KEPT,
    STORED_HIDDEN, /* until it is undone */
    STORED_TAKEN   /* for good */
};
enum step_stored step_stored(enum step_action action);

void settings_release(struct settings *settings);
/* What the oracles hold a topic to, once it has these settings too. */
void settings_apply(const struct settings *settings, struct judge_topic *topic);

#endif
