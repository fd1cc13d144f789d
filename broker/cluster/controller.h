/* SPDX-License-Identifier: Apache-2.0
 *
 * The controller: one broker decides for all, and it alone writes topics and
 * partition states. Its election and each of its writes are one multi that
 * checks the version of /controller_epoch, so that one who was replaced
 * while it slept can write nothing (K15).
 *
 *     IDLE --registered--> LOOKING --no controller--> ELECTING --won--> LOADING
 *     LOOKING --another one--> FOLLOWING --it is gone--> LOOKING
 *     LOADING --all read, brokers known--> ACTIVE
 *     LOADING, ACTIVE --a write's outcome unknown or refused--> LOOKING
 *     ACTIVE --a damaged znode was repaired--> LOOKING
 *     any --session over--> IDLE
 *
 * At most one write is in flight; what is asked meanwhile gathers for the
 * next (20 ms or WRITE_BYTES_MAX). Decisions are rules/replication.h.
 */
#ifndef CLUSTER_CONTROLLER_H
#define CLUSTER_CONTROLLER_H

#include "base/random.h"
#include "cluster/metadata.h"

#define CONTROLLER_WRITE_BYTES_MAX  (256u << 10)
#define CONTROLLER_WRITE_CHUNKS_MAX 200
/* The states of one topic that are written at once; they then go alone, with
 * room for their paths and the changes. */
#define CONTROLLER_TOPIC_BYTES_MAX  (COORD_MULTI_BYTES_MAX - (64u << 10))

/* Bytes of states in /changes: with what they are written to they fit into
 * COORD_MULTI_BYTES_MAX. */
#define CHANGES_STATES_MAX (256u << 10)

enum controller_state {
    CONTROLLER_IDLE,
    CONTROLLER_LOOKING,
    CONTROLLER_FOLLOWING,
    CONTROLLER_ELECTING,
    CONTROLLER_LOADING,
    CONTROLLER_ACTIVE
};

enum intent_kind {
    INTENT_ALTER,
    INTENT_REPLICA_LOST,
    INTENT_CREATE_TOPIC,
    INTENT_DELETE_TOPIC,
    INTENT_ALTER_TOPIC,
    INTENT_ELECT,
    INTENT_ELECT_UNCLEAN,
    INTENT_REASSIGN
};

struct intent_item {
    struct uuid topic_id;
    uint32_t partition;
    /* alter; the epoch also of an outdone replica */
    uint32_t leader_epoch;
    uint32_t partition_epoch;
    struct replica_set isr;
    int64_t log_start_floor; /* 0: unchanged */
    bool synced;             /* clears `lazy` */
    bool resigns;            /* gives way to the successor instead */
    /* replica lost: partition_state_replica_outdone() instead of ..._lost() */
    bool outdone;
    uint32_t broker_id; /* unclean election: who is to lead */
    enum error error;   /* result */
};

struct intent_config {
    const char *key;
    const char *value; /* NULL, altering: not set any more */
};

#define INTENT_DETAIL_BYTES 256

/* One partition is to lie on other brokers. */
struct reassignment {
    const char *topic;
    uint32_t partition;
    uint32_t target_count; /* 0: what is under way is cancelled */
    uint32_t target[REPLICAS_MAX];
    uint64_t copy_rate;               /* bytes a second; 0: no limit */
    enum error error;                 /* result */
    char detail[INTENT_DETAIL_BYTES]; /* result: a sentence, or empty */
};

/* Something asked of the controller. The caller keeps it and what it points
 * at until done, which comes once, never from inside controller_submit(). */
struct intent {
    enum intent_kind kind;
    void (*done)(struct intent *intent);
    enum error error;                 /* result */
    char detail[INTENT_DETAIL_BYTES]; /* result: a sentence, or empty */
    struct replica sender;            /* alter, replica lost */
    uint32_t registration_version;    /* of the sender's znode; replica lost */
    uint64_t changes_read;            /* by the sender; replica lost */
    bool more;                        /* of this report comes; likewise */
    char *const *damaged;             /* znodes to the sender; likewise */
    size_t damaged_count;
    struct intent_item *items;
    size_t item_count; /* also of reassignments */
    struct reassignment *reassignments;
    const char *name;          /* topics; elect: NULL for all of them;
                                  unclean election, with one item */
    uint32_t partition_count;  /* altering: so many from now on; 0: as it is */
    uint32_t partitions_known; /* altering: to who asks; 0: not said */
    uint32_t replication_factor;
    const struct intent_config *configs;
    size_t config_count;
    struct uuid topic_id; /* result of a creation */
    /* result of an election: partitions that go back to the preferred replica,
     * and others that it does not lead */
    uint32_t moved;
    uint32_t left;
    struct list node;
    size_t staged_items; /* the controller's: items already looked at */
};

struct controller_options {
    uint32_t broker_id;
    int64_t coalesce_us;
    int64_t balance_us;           /* 0: leaders stay where they are */
    uint32_t min_insync_replicas; /* of topics that do not say */
    int64_t flush_ms;             /* likewise */
    uint32_t partitions_max;      /* of a topic */
};

struct controller {
    struct seam *seam;
    struct coord *coord;
    struct metadata *metadata;
    struct controller_options options;
    struct random random; /* topic ids, first broker of an assignment */
    enum controller_state state;
    uint64_t broker_epoch;
    uint32_t epoch;        /* of this controller, or being tried for */
    int32_t epoch_version; /* of /controller_epoch, checked by every write */
    struct coord_request request;
    bool request_open;
    struct coord_watch watch; /* on /controller */
    struct timer retry;
    bool doubtful;     /* a write of it failed: it reads everything */
    unsigned patience; /* so often in turn what it reads was damaged */
    /* metadata.defects.repaired, as it was when it became ACTIVE */
    uint32_t repaired;
    /* loading */
    bool metadata_loaded;
    bool brokers_loaded;
    struct brokers_listener brokers_listener;
    struct brokers brokers;
    /* the brokers that decisions see, ascending by id */
    struct live_broker *live;
    uint32_t *live_versions;       /* of their znodes */
    uint64_t *live_since;          /* sequence: no change from this one on
                                      names a former life of theirs anew */
    struct live_broker *live_here; /* scratch: those that count for one
                                      partition */
    uint32_t live_count;
    /* what is to be decided */
    struct list intents;
    struct list unread; /* of them: these wait for a reading of the brokers */
    bool decide_all;
    bool balance_all;     /* leaders go back to the preferred replicas */
    bool brokers_changed; /* to be told in `changes` */
    struct timer coalesce;
    struct timer balance;
    struct controller_write *write; /* in flight or being gathered */
    /* /changes as it stands */
    Kq__Change changes[CHANGES_KEPT];
    struct uuid change_topics[CHANGES_KEPT];
    size_t change_count;
    uint64_t next_sequence;
    int32_t changes_version;
};

void controller_init(struct controller *controller, struct seam *seam,
                     struct coord *coord, struct metadata *metadata,
                     const struct controller_options *options);
void controller_release(struct controller *controller);

/* This broker is registered under this epoch: take part. */
void controller_start(struct controller *controller, uint64_t broker_epoch);
/* The session is over. */
void controller_stop(struct controller *controller);
/* The metadata have been read completely (metadata_listener.on_ready). */
void controller_metadata_ready(struct controller *controller);
/* A topic is about to be freed. */
void controller_topic_deleted(struct controller *controller,
                              struct topic *topic);

/* ERROR_NOT_CONTROLLER by way of done when it is not ACTIVE. */
void controller_submit(struct controller *controller, struct intent *intent);

static inline bool controller_active(const struct controller *controller)
{
    return controller->state == CONTROLLER_ACTIVE;
}

#endif
