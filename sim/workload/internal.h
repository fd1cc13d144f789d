/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of a run share.
 *
 *     SETUP --all topics made and whole--> WORK --duration over--> HEAL
 *     HEAL --whole, written to, nothing in flight--> SETTLE
 *     SETTLE --settle over--> CLOSING --everything read--> (judged)
 *     HEAL, CLOSING --heal_within over--> (judged)
 */
#ifndef WORKLOAD_INTERNAL_H
#define WORKLOAD_INTERNAL_H

#include "client/engine/client.h"
#include "seam/timer.h"
#include "server/broker.h"
#include "sim/workload/decided.h"
#include "sim/workload/run.h"
#include "sim/world.h"

enum phase { PHASE_SETUP, PHASE_WORK, PHASE_HEAL, PHASE_SETTLE, PHASE_CLOSING };

/* Purposes of random streams (world_random). */
enum {
    RANDOM_STEP = 1000,
    RANDOM_TARGET = 1100,
    RANDOM_CLIENT = 1200,
    RANDOM_ROT = 1201,
    RANDOM_MORE_STEPS = 2000 /* + the index: beyond RANDOM_STEPS_MAX of them */
};

#define RANDOM_STEPS_MAX (RANDOM_TARGET - RANDOM_STEP)

struct run;

#define BROKER_PORT           9092
#define ZOOKEEPER_PORT        2181
#define BROKER_SETTINGS_BYTES 8192

/* A broker's place: outlives the process. */
struct broker_host {
    struct run *run;
    struct node *node;
    unsigned index;
    char settings[BROKER_SETTINGS_BYTES]; /* KEY=VALUE lines */
    struct config config;                 /* the same */
    struct broker_owner owner;
    bool planned;  /* its next end was asked for by a step */
    bool again;    /* ... and it is to be started as soon as it has ended */
    bool starting; /* it has told no fact yet */
    bool damaged;  /* its disk lost or changed something without a word */
    int64_t skew_ms;
    bool fenced;     /* a log directory was, since the process began */
    unsigned failed; /* set of log directories that fail */
};

#define DIRECTORY_NAME_BYTES 16
/* The n-th log directory (1 ..) of every broker. */
void run_directory_name(const struct run *run, int64_t n,
                        char name[DIRECTORY_NAME_BYTES]);

/* A client's place. */
struct client_host {
    struct run *run;
    struct node *node;
    unsigned index;
    const struct scenario_producer *producer; /* one of these, */
    const struct scenario_consumer *consumer; /* or the admin */
    uint64_t unanswered[SCENARIO_TOPICS_MAX]; /* records, by topic */
};

/* How a partition is found after faults. */
struct run_partition {
    int64_t truncate_to; /* an operator wants it; 0: nothing to be asked */
    uint32_t lead_by;    /* likewise: a broker to be elected uncleanly */
    bool led;
    uint32_t in_sync;
    uint32_t replicas;
    uint32_t assigned; /* set of brokers by index */
    bool moving;       /* to other brokers */
    bool write_open;
    bool written;
    int64_t written_offset;
    bool read;
    int64_t read_to;
    unsigned damaged; /* the broker, from 1, whose replica may be; 0: none is */
};

#define ALTERATIONS_MAX 8
#define ADDITIONS_MAX   4

/* Partitions that an operator wants more; several may at once. */
struct addition {
    uint32_t to; /* 0: none */
    bool open;   /* a request is under way */
};

/* Where an operator wants a partition to lie. */
struct move {
    const struct scenario_step *wanted; /* NULL: nothing is to be asked */
    const struct scenario_step *asked;  /* in the request under way */
    bool moved;     /* some reassignment of it was accepted */
    bool cancelled; /* or may have been: it lies as before, or as asked for */
};

struct run_topic {
    const struct scenario_topic *topic;
    struct judge_topic judged; /* as it was last asked for */
    const struct settings *alterations[ALTERATIONS_MAX]; /* to be made */
    size_t alteration_count;
    struct addition additions[ADDITIONS_MAX]; /* to be made */
    struct move moves[SCENARIO_PARTITIONS_MAX];
    bool moves_any;           /* some were wanted once */
    bool moves_open;          /* a request about them is under way */
    uint32_t partition_count; /* that it is known to have */
    struct uuid id;
    bool wanted;
    bool exists;
    bool deleting; /* its deletion is not confirmed yet */
    bool open;     /* a request about it is under way */
    struct run_partition partitions[SCENARIO_PARTITIONS_MAX];
};

struct step_run;
struct fault_run;
struct in_sync_look;

struct run {
    const struct scenario *scenario;
    uint64_t seed;
    struct world *world;
    struct world_observer observer;
    struct judge *judge;
    enum phase phase;
    int64_t start_us; /* of the workload */
    int64_t healed_us;
    int64_t whole_since_us; /* 0: it is not whole */
    struct broker_host brokers[SCENARIO_BROKERS_MAX];
    struct client_host clients[SCENARIO_CLIENTS_MAX];
    struct client_host admin;
    int64_t zookeeper_skew_ms; /* of z1's clock, which is that of all */
    bool zookeeper_down[SCENARIO_ZOOKEEPERS_MAX];
    struct run_topic topics[SCENARIO_TOPICS_MAX];
    uint32_t next_producer;
    unsigned next_reader;
    struct run_report *report;
    struct chronicle *chronicle; /* borrowed; NULL: nobody asks for it */
    struct in_sync_look *looks;  /* by topic, for the chronicle; else NULL */
    int64_t next_look_us;
    struct step_run *steps;
    struct fault_run *faults;
    struct list pending; /* calls that the world was asked for */
    struct list undone;  /* steps to be undone */
    size_t next_undo;
    struct list znodes;          /* that are damaged, and what was there */
    struct decisions *decisions; /* borrowed; NULL: nobody asks for them */
    struct run_forks *forks;     /* likewise */
    char unsound[RUN_MESSAGE_BYTES];
};

/* ---- nodes ---- */

extern const struct node_kind broker_kind; /* context: broker_host */
extern const struct node_kind client_kind; /* context: client_host */

void broker_host_init(struct run *run, unsigned index);
void client_hosts_init(struct run *run);
void broker_host_down(struct broker_host *host);
void broker_host_fenced(struct broker_host *host);
void broker_host_start(struct broker_host *host);

/* ---- what the clients do ---- */

/* A client node under way; in its heap. */
struct worker {
    struct client_host *host;
    struct run *run;
    struct seam *seam;
    struct client *client;
    struct timer timer;
    uint32_t producer; /* its number in the history */
    uint64_t sequence;
    uint64_t batches;
    struct reader **readers; /* by partition */
    size_t reader_count;
    struct topic_watch watch; /* a consumer's */
    bool metadata_open;
    int64_t next_metadata_us;
};

void producer_begin(struct worker *worker);
void consumer_begin(struct worker *worker);
void admin_begin(struct worker *worker);

/* Sends one record that describes itself; false when the engine is full.
 * done may be NULL. */
struct sending {
    size_t topic;
    uint32_t partition;
    int64_t record_bytes;
    int64_t timestamp_ms;
    int32_t acks;
    bool idempotent;
    bool single;
    /* kept: acknowledged by the topic that bears the name */
    void (*done)(struct worker *worker, size_t topic, uint32_t partition,
                 bool kept, int64_t offset);
};
bool worker_send(struct worker *worker, const struct sending *sending);
void worker_wake(struct worker *worker, int64_t delay_us);

/* A partition being read. */
struct reader {
    struct subscription subscription;
    struct worker *worker;
    size_t topic;
    struct partition_key key;
    unsigned number;
    bool final;
    bool told;         /* where it began */
    int64_t since_us;  /* it has looked for that */
    bool lost;         /* to be started anew */
    int64_t resume_at; /* -1: from the beginning */
};
struct reader *reader_new(struct worker *worker, size_t topic,
                          uint32_t partition, bool final);
/* The topic was made anew, or it had to stop: begins again. */
void reader_again(struct reader *reader, bool latest);

/* ---- payload.c: records that describe themselves ---- */

#define PAYLOAD_KEY_BYTES   8
#define PAYLOAD_VALUE_BYTES 24 /* at least */

void payload_write(uint8_t *key, uint8_t *value, size_t value_bytes,
                   uint32_t producer, uint64_t sequence);
/* False when its checksum is wrong. */
bool payload_read(struct bytes key, struct bytes value, uint32_t *producer,
                  uint64_t *sequence);
uint32_t payload_crc(struct bytes key, struct bytes value);

/* ---- run.c ---- */

/* What this worker did or saw. */
void run_history(const struct worker *worker, const struct history *event);
/* Something that befalls this node (""; none); `what` in words. */
void run_say(struct run *run, const char *who, enum chronicle_kind kind,
             const char *what);
/* Each topic of the file is there, led and all in sync. */
bool run_is_whole(const struct run *run);
/* A topic is there, and this is its id. */
void run_topic_exists(struct run *run, size_t topic, const struct uuid *id);
/* It has so many partitions, at least. */
void run_topic_has(struct run_topic *topic, size_t partition_count);
/* An operator was not told yet that it has the partitions asked for, or that
 * they move where he wants them. */
bool run_topic_asked(const struct run_topic *topic);
/* Records that any client still waits for, of this topic. */
uint64_t run_unanswered(const struct run *run, size_t topic);

/* ---- moves.c: partitions on their way to other brokers ---- */

/* False while there is no such partition. */
bool run_move(struct run *run, const struct scenario_step *step);
bool run_moves_wanted(const struct run_topic *topic);
/* It lies where some step wanted it, or has never been moved. */
bool run_lies_well(const struct run *run, size_t topic, uint32_t partition);
/* Asks for all that is wanted and not asked for. */
void admin_move(struct worker *worker, size_t topic);

/* ---- in_sync.c ---- */

/* For the chronicle: who is in sync now, if that has changed. */
void run_look_in_sync(struct run *run);

/* ---- skipped.c ---- */

/* False: it is left out in this world. */
bool run_can_step(const struct scenario_step *step);

/* ---- steps, faults, conditions ---- */

void run_steps_begin(struct run *run);
void run_steps_fact(struct run *run, unsigned node, const struct fact *fact);
void run_steps_release(struct run *run);
/* Everybody is up, connected and on time again. */
void run_steps_heal(struct run *run);
#define DISK_BYTES_UNBOUND UINT64_MAX /* a capacity */
void fault_plan_begin(struct run *run);
/* How often they took effect, into the report. */
void fault_plan_report(struct run *run);
void fault_plan_release(struct run *run);
/* Of the report's strike, if there is one: before any node starts. */
void run_strike_begin(struct run *run);
/* Disk operations of a broker so far that such a strike can befall. */
uint64_t run_strike_operations(const struct run *run, unsigned broker,
                               enum strike_how how);
/* A broker submits a disk operation. */
void run_disk_call(struct run *run, struct broker_host *host,
                   const struct disk_call *call);
/* call(run, index) at a time from now; forgotten when the run is over. */
void run_later(struct run *run, int64_t delay_us,
               void (*call)(struct run *run, size_t index), size_t index);
void run_later_release(struct run *run);

/* ---- decided.c: told of all that was drawn ---- */

/* A fault of the scenario became one of the world. */
void run_decided_rule(struct run *run, unsigned rule, size_t fault);
void run_decided_asking(struct run *run, const struct node *node, unsigned rule,
                        bool fires);

/* Who is meant, now. */
struct party {
    struct node *node; /* NULL: the ZooKeeper server */
    unsigned number;   /* of the ZooKeeper server, from 1 */
};
#define PARTIES_MAX (SCENARIO_BROKERS_MAX + SCENARIO_CLIENTS_MAX + 8)
size_t run_resolve(struct run *run, const struct target *target,
                   struct party parties[PARTIES_MAX]);
void party_name(const struct party *party, char name[16]);
struct partition_key run_key(const struct run *run, size_t topic,
                             uint32_t partition);
struct broker_host *run_broker(struct run *run, const struct node *node);

/* ---- atlas.c: where disks may be damaged ---- */

enum damage_time atlas_time(struct run *run, struct broker_host *host,
                            const struct disk_place *place);
void atlas_damaged(struct run *run, struct broker_host *host,
                   const struct disk_place *place);

#endif
