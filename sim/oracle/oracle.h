/* SPDX-License-Identifier: Apache-2.0
 *
 * The judge of a run: it is told every fact of every broker, what befalls
 * the nodes and what the clients saw, and says which promise was broken
 * first. It sees nothing else of the world, so that a real cluster can be
 * judged the same way. Times are the world's own: microseconds since the run
 * began, not the wall clock of a node.
 */
#ifndef ORACLE_ORACLE_H
#define ORACLE_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

#include "seam/trace.h"

#define JUDGE_NODES_MAX 16

enum oracle_id {
#define ORACLE(name, file, text, invariant, sentence) ORACLE_##name,
#include "sim/oracle/oracle.def"
#undef ORACLE
    ORACLE_COUNT
};
_Static_assert(ORACLE_COUNT <= 63, "sets of oracles are 64-bit words");

const char *oracle_name(enum oracle_id id);
const char *oracle_invariant(enum oracle_id id);
const char *oracle_sentence(enum oracle_id id);

/* A topic as configured for this run. */
struct judge_topic {
    const char *name;
    uint32_t partitions;
    uint32_t replicas;
    uint32_t min_insync;
    int64_t retention_ms;    /* -1: no limit */
    int64_t retention_bytes; /* -1: no limit */
    int64_t segment_bytes;
    int64_t segment_ms;
    int64_t flush_ms;
    int64_t retention_check_ms;
    bool unclean_election;    /* any leader rather than none */
    int64_t record_bytes_max; /* key and value, of any producer */
};

struct judge_options {
    uint64_t oracles;       /* set of 1 << enum oracle_id */
    unsigned brokers;       /* nodes [0, brokers) */
    int64_t clock_slack_ms; /* how far wall clocks stray from the truth */
    int64_t leaderless_us;  /* how long nobody may lead a partition; 0: that is
                               not judged */
    const struct judge_topic *topics; /* borrowed */
    size_t topic_count;
};

#define VIOLATION_BYTES 640
struct violation {
    enum oracle_id oracle;
    char message[VIOLATION_BYTES];
    struct partition_key key; /* zero: not about a partition */
    int64_t offset;           /* -1: not about an offset */
    unsigned node;            /* JUDGE_NODES_MAX: not about a node */
    int64_t now_us;
};

/* What befalls a broker from outside. */
enum node_change {
    NODE_STARTED,
    NODE_CRASHED, /* or killed, or stopped: no facts until it starts */
    NODE_WIPED,   /* its disk is empty from now on; it is down */
    NODE_DAMAGED  /* its disk lost or changed what was durable */
};

/* What a client did or saw. */
enum history_type {
    HISTORY_SENT,       /* a record was given to the engine */
    HISTORY_ACKED,      /* done: offset (-1 with acks=0) */
    HISTORY_FAILED,     /* done with an error; it may have been written */
    HISTORY_READ,       /* a record was read */
    HISTORY_POSITIONED, /* offset: where a read from the earliest began */
    HISTORY_SEEN_END,   /* offset: the high watermark told to a reader */
    HISTORY_GAP         /* out of range: reading goes on at offset */
};

struct history {
    enum history_type type;
    struct partition_key key;
    unsigned reader;   /* a subscription: READ, POSITIONED, SEEN_END, GAP */
    uint32_t producer; /* SENT, ACKED, FAILED, READ */
    uint64_t sequence; /* likewise; from 0, dense per producer */
    int64_t offset;
    int64_t since_us; /* POSITIONED: it looks for a place since then */
    uint32_t crc;     /* SENT, READ: of key and value */
    uint32_t bytes;   /* SENT: of key and value */
    enum error error; /* FAILED */
    int8_t acks;      /* SENT: 0, 1, -1 */
    bool idempotent;  /* SENT */
    bool single;      /* SENT: one request in flight at a time */
    bool intact;      /* READ: its own checksum is right */
    bool final; /* READ, POSITIONED, GAP: by the reader of the closing phase */
};

/* How a partition was found when the closing phase ended. */
struct ending_partition {
    struct partition_key key;
    bool led;          /* metadata shows a leader */
    uint32_t in_sync;  /* and so many in-sync replicas */
    uint32_t replicas; /* of so many */
    bool lies_well;    /* on brokers that an operator wanted, and stays there */
    uint32_t assigned; /* set of nodes that are to hold it; 0: not known */
    bool written;      /* a record was acknowledged with acks=all */
    bool read;         /* the final reader saw everything, that record too */
    int64_t read_to;   /* and came so far */
};

struct ending {
    int64_t heal_within_us;
    const struct ending_partition *partitions; /* borrowed until return */
    size_t partition_count;
    const char *refused; /* a topic that an operator's request about was never
                            answered with success; NULL: none */
};

struct judge;

/* Borrows the topics for its life. */
struct judge *judge_new(const struct judge_options *options);
void judge_free(struct judge *judge);

/* The world's time from here on; never backwards. */
void judge_time(struct judge *judge, int64_t now_us);

/* This id is a life of this topic (it was created, or found in metadata). */
void judge_topic_is(struct judge *judge, const struct uuid *topic_id,
                    size_t topic);
/* The life of this topic ends: what it holds is no longer promised. */
void judge_topic_gone(struct judge *judge, const struct uuid *topic_id);

/* The topic is about to have these settings; until it is said that it has
 * them, and for a while after, what either of both allows is allowed. */
void judge_alter(struct judge *judge, size_t topic,
                 const struct judge_topic *settings);
void judge_altered(struct judge *judge, size_t topic);

/* An operator wants the records below `offset` gone; he was told that the
 * partition begins there. */
void judge_order(struct judge *judge, const struct partition_key *key,
                 int64_t offset);
void judge_ordered(struct judge *judge, const struct partition_key *key,
                   int64_t offset);

/* An operator may let a replica lead with less than was committed. */
void judge_unclean(struct judge *judge, const struct partition_key *key);

void judge_fact(struct judge *judge, unsigned node, const struct fact *fact);
void judge_node(struct judge *judge, unsigned node, enum node_change change);
/* One replica of a broker that is down: its log is gone, or damaged. */
void judge_replica(struct judge *judge, unsigned node,
                   const struct partition_key *key, enum node_change change);
void judge_history(struct judge *judge, const struct history *event);
/* All faults are over from here on (from the start, if it is not told). */
void judge_healed(struct judge *judge);
void judge_end(struct judge *judge, const struct ending *ending);

/* A broker's failed assertion, or any stop that no scenario asked for. */
void judge_unsound(struct judge *judge, unsigned node, const char *what);

/* The first promise broken, or NULL. Lives as long as the judge. */
const struct violation *judge_violation(const struct judge *judge);

/* Whom the facts show as leader of the newest epoch and up, or -1. */
int judge_leader(const struct judge *judge, const struct partition_key *key);
/* Up and following; a bit a node. */
unsigned judge_followers(const struct judge *judge,
                         const struct partition_key *key);
/* Another node than this, up and whole, holds the partition from at or below
 * `from` durably up to `to`, and knows that this is committed. */
bool judge_others_hold(const struct judge *judge,
                       const struct partition_key *key, unsigned node,
                       int64_t from, int64_t to);
/* Nobody who is up has known of damage in his logs for so long. */
bool judge_mended(const struct judge *judge, int64_t for_us);
/* A node that is up and holds a log of the partition without being one of these
 * (a set; 0: nobody knows), or -1. */
int judge_stray(const struct judge *judge, const struct partition_key *key,
                uint32_t assigned);
/* Who last won a controller epoch and is up, or -1. */
int judge_controller(const struct judge *judge);

struct judge_counts {
    uint64_t sent;
    uint64_t acked;
    uint64_t read;
};
struct judge_counts judge_counts(const struct judge *judge);

#endif
