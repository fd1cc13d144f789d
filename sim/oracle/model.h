/* SPDX-License-Identifier: Apache-2.0
 *
 * The model of every replica's log, built from facts alone: which batches it
 * holds, its offsets, its role. A crash leaves it as it is; FACT_OPENED then
 * says how much came back.
 */
#ifndef ORACLE_MODEL_H
#define ORACLE_MODEL_H

#include "seam/trace.h"
#include "sim/oracle/oracle.h"
#include "sim/oracle/vector.h"

/* A batch in a replica's log. */
struct held {
    int64_t base_offset;
    int64_t next_offset;
    uint32_t body_crc;
    bool known; /* false: recovered without an APPENDED fact before */
    int64_t born_us;
};

struct replica {
    struct vector held; /* struct held by offset */
    size_t held_first;  /* those before are below the log start */
    bool present;       /* some fact told of it, since the disk was wiped */
    bool up;
    bool open;           /* its node has told of it since it started */
    int64_t down_us;     /* when it went down last that was open */
    bool damaged;        /* its disk was: nothing stored counts as promised */
    bool rotten;         /* likewise, and not only until it opens again */
    bool reported;       /* it has damage that is not mended ... */
    int64_t reported_us; /* ... since then */
    bool outlived;       /* it is about to start over for its age */
    int64_t log_start;
    int64_t end;
    int64_t durable;
    int64_t durable_most; /* what it may have reported, back by truncation */
    int64_t high_watermark;
    enum fact_role role;
    int32_t leader_epoch;
};

/* When a batch first lay in any log. */
struct birth {
    int64_t base_offset;
    int64_t next_offset;
    uint32_t body_crc;
    int64_t born_us;
};

/* What readers found at an offset. */
struct found {
    uint32_t producer; /* + 1; 0: nobody read it yet */
    bool final;        /* the closing reader saw it */
    uint64_t sequence;
};

struct partition {
    struct partition_key key;
    size_t index;
    int topic; /* of the options; -1: not known */
    bool gone; /* the topic was deleted */
    struct replica replicas[JUDGE_NODES_MAX];
    struct vector births;   /* struct birth by offset */
    struct vector found;    /* struct found, by offset from 0 */
    struct vector sizes;    /* uint32_t by offset: key and value; 0: unknown */
    int64_t committed;      /* the highest high watermark of any node */
    bool lazy_known;        /* some replica told what the state says */
    bool lazy;              /* so by the newest state told */
    int64_t lazy_epoch;     /* its partition epoch */
    bool unclean_asked;     /* an operator may want it */
    uint32_t unclean_epoch; /* a leader began with less than was committed */
    int64_t unclean_us;     /* when that was heard first; else -1 */
    int64_t ordered;        /* below: an operator wants it gone */
    int64_t ordered_done;   /* and was told that it is */
    int64_t final_start;    /* where the closing reader began; -1 */
    int64_t final_end;      /* and came to; -1: it did not finish */
};

struct model_topic {
    struct uuid id;
    int topic;
    bool gone;
};

struct model {
    struct vector partitions; /* struct partition * by index */
    struct vector buckets;    /* size_t, index + 1; open addressing */
    struct vector topics;     /* struct model_topic */
    unsigned brokers;
    bool up[JUDGE_NODES_MAX];
};

void model_init(struct model *model, unsigned brokers);
void model_release(struct model *model);

/* Makes it when it is new. The pointer is stable. */
struct partition *model_partition(struct model *model,
                                  const struct partition_key *key);
/* NULL when no fact or event told of it. */
struct partition *model_find(const struct model *model,
                             const struct partition_key *key);
struct partition *model_at(const struct model *model, size_t index);

void model_bind(struct model *model, const struct uuid *topic_id, int topic);
void model_gone(struct model *model, const struct uuid *topic_id);

void model_fact(struct model *model, struct partition *partition, unsigned node,
                const struct fact *fact, int64_t now_us);
void model_node(struct model *model, unsigned node, enum node_change change,
                int64_t now_us);
void model_replica(struct model *model, unsigned node,
                   const struct partition_key *key, enum node_change change,
                   int64_t now_us);

/* The batch of a replica that holds `offset`, or the first after it; NULL
 * past the end. */
const struct held *replica_held(const struct replica *replica, int64_t offset);
/* Index of the batch that holds `offset` or is the first after it. */
size_t replica_index(const struct replica *replica, int64_t offset);
size_t partition_birth(const struct partition *partition, int64_t offset);

struct found *partition_found(struct partition *partition, int64_t offset);
/* The record at `offset` has so many bytes. */
void partition_size(struct partition *partition, int64_t offset,
                    uint32_t bytes);

#endif
