/* SPDX-License-Identifier: Apache-2.0
 *
 * A replica on this broker: its log, the state that the controller gave it,
 * and the role that follows.
 *
 *     NONE --state says so, log is there, appends drained--> FOLLOWER
 *     NONE --the same, and the epoch noted durably--> LEADER
 *     LEADER, FOLLOWER --state with another leader epoch--> NONE
 *
 * A role change is one transaction: stop, persist, switch, start; role_epoch
 * is set last, so that one that failed half-way is tried again (B5).
 *
 * Leader: appends with its epoch, keeps each follower's counted offset,
 * moves the high watermark, asks the controller for ISR changes.
 * Follower: fetched for by cluster/fetcher.c.
 */
#ifndef CLUSTER_PARTITION_H
#define CLUSTER_PARTITION_H

#include "base/tree.h"
#include "cluster/metadata.h"
#include "log/log.h"
#include "rules/replication.h"

struct replicas;
struct fetcher;

enum partition_role { PARTITION_NONE, PARTITION_LEADER, PARTITION_FOLLOWER };

/* What a leader knows of a follower. */
struct follower {
    struct replica replica;
    bool valid; /* its log was found to match ours in this leader epoch */
    uint64_t generation;    /* of its log, in its last fetch */
    int64_t counted_offset; /* as it counts by its own idea of the settings */
    int64_t durable_offset;
    int64_t caught_up_us;   /* when it last had all that we had */
    int64_t last_fetch_us;  /* when it last fetched ... */
    int64_t last_fetch_end; /* ... and our log end then */
};

/* Somebody who waits for a partition to move on: a parked fetch. */
struct partition_waiter {
    void (*wake)(struct partition_waiter *waiter);
    struct list node;
};

/* A produce request waiting for its acknowledgement. */
struct ack_waiter {
    void (*done)(struct ack_waiter *waiter, enum error error);
    int64_t end_offset;
    struct list node;
};

/* An operator waiting for the floor to be raised in ZooKeeper. */
struct floor_waiter {
    void (*done)(struct floor_waiter *waiter, enum error error);
    int64_t floor;
    struct list node;
};

enum follower_step {
    FOLLOWER_IDLE,     /* to be put into the next fetch */
    FOLLOWER_FETCHING, /* in a fetch under way */
    FOLLOWER_WAITING,  /* backing off */
    FOLLOWER_CUTTING   /* the log is being truncated */
};

struct partition {
    RB_ENTRY(partition) by_key;
    struct partition_key key;
    struct replicas *replicas;
    struct topic *topic; /* NULL once it is stopping */
    struct partition_state state;
    bool state_known;
    bool lazy_told;        /* as the last fact said it */
    uint32_t unclean_told; /* likewise */
    bool stopping;         /* it goes: freed when nothing is in flight */
    bool unassigned; /* as it was moved to others, not as the topic is gone */

    struct log *log;     /* NULL until it is there */
    bool older_told;     /* to people */
    bool beyond_mending; /* all were asked for what is damaged, in vain */
    bool damage_counts;  /* found while it was not committed */
    struct log_owner log_owner;
    bool log_creating;
    /* It lies in a log directory that is not there, or its making failed:
     * nothing is made or read until the broker starts again. */
    bool offline;

    enum partition_role role;
    uint32_t role_epoch;
    uint32_t role_leader;
    bool role_changing;  /* the epoch is being noted */
    unsigned operations; /* of the log, that will call back */

    int64_t high_watermark;
    bool gives; /* has led since this broker began to leave */

    /* leader */
    int64_t epoch_start_offset;
    /* A member of ISR or eligible knows that more is committed than this
     * leader has. */
    bool outdone;
    int64_t outdone_watermark; /* so much is */
    bool outdone_told;         /* to the controller, not long ago */
    int64_t outdone_said_us;   /* to people; 0: not yet */
    struct follower followers[REPLICAS_MAX]; /* by place in the assignment */
    bool proposed;
    uint32_t proposed_at; /* partition epoch it was proposed on */
    struct replica_set proposed_isr;
    int64_t proposed_floor;
    bool proposed_synced;
    bool resigning;            /* proposed: it gives way, and answers nobody */
    int64_t give_way_until_us; /* it takes no records until then; 0: it does */
    int64_t give_way_again_us; /* not before */
    /* of a lazy partition that is to be strict again: the log end when this
     * leader began to count so; NO_POSITION: it is not */
    int64_t strict_end;
    bool retracting;         /* asks for the committed ISR instead */
    unsigned alter_attempts; /* of this proposal */
    bool alter_sent;
    int64_t review_at_us;          /* no proposal before */
    struct list alter_node;        /* replicas->alters */
    struct list data_waiters;      /* followers: log end */
    struct list watermark_waiters; /* consumers: high watermark */
    struct list leader_acks;       /* acks=1: our counted offset */
    struct list all_acks;          /* acks=all: high watermark */
    struct list floor_waiters;

    /* follower */
    struct fetcher *fetcher;
    enum follower_step step;
    struct list fetch_node;
    int64_t retry_at_us;
    bool has_last_epoch;
    uint32_t last_epoch; /* of the last batch before log->next_offset */
    bool sent_damage;    /* the last answer did not pass its check */
    bool refused;        /* the last answer asked for a cut that is not made */
    int64_t refusal_said_us; /* to people; 0: never */
    /* It has to start over, as the leader's history does not reach down to its
     * epoch, and it is in the ISR or eligible: not as long as it is. */
    bool outlived;
    bool heard;           /* its leader has answered as such */
    int64_t told_counted; /* counted offset that the leader knows of */
    int64_t leader_high_watermark;
    struct list position_node; /* fetcher->positions */
    struct list copying_node;  /* throttle->copying */
};

void partition_init(struct partition *partition, struct replicas *replicas,
                    const struct partition_key *key);
/* Takes the log off; waiters are answered. */
void partition_release(struct partition *partition);

/* The controller's word, or a log, or a drained append: do what follows. */
void partition_set_state(struct partition *partition, struct topic *topic,
                         const struct partition_state *state);
void partition_set_log(struct partition *partition, struct log *log);
void partition_update(struct partition *partition);
/* The log lives by the settings of its topic as they are known now. */
void partition_configure(struct partition *partition);
/* The state counts on records that this replica does not have: named from
 * before this registration, and there is no log, or a lossy or older one, and
 * it is fresh no more (else there was nothing to lose). It must be
 * reported before the log may be created or take a role. */
bool partition_is_lost(const struct partition *partition);
/* The state names it under an epoch that the log's directory was not used
 * under: that was another disk (decision 0022). */
bool partition_is_older(const struct partition *partition);
/* Its log holds all that this replica may have been counted for, as far as
 * recovery can tell. */
bool partition_is_whole(const struct partition *partition);
/* It lies in a log directory that has failed or is not there. Such a replica
 * is not lost: it takes no role, and nobody counts on it. */
bool partition_is_offline(const struct partition *partition);
/* It leads and lacks what is committed (R11) or is hopeless, or it has to start
 * over as it is older than the leader's epoch history; and the controller has
 * not taken it out of what the others count on: it is asked to, again and
 * again. */
bool partition_is_outdone(const struct partition *partition);
/* Another one leads, and nobody counts on this replica. */
bool partition_spares_self(const struct partition *partition);
/* The counted offset of its log, but never past damage that is not known to be
 * committed: who cannot read a batch does not vouch for it. A leader that was
 * damaged when it started, and is in sync alone, has committed what it counted
 * before. */
int64_t partition_counted_offset(const struct partition *partition);
/* Batches of its log cannot be read that are not known to be committed. */
bool partition_has_uncommitted_damage(const struct partition *partition);
/* What cannot be read is not known to be committed, nobody has it, and another
 * replica may lead without it: this one is to follow, and to cut it off. */
bool partition_is_hopeless(const struct partition *partition);
/* Whether to say to people what goes on being so: once a minute. `said_us` is
 * when it was said last; 0: not yet. */
bool partition_says(const struct partition *partition, int64_t *said_us);
/* Session over: no role until a new state comes. */
void partition_suspend(struct partition *partition);

/* ---- leader ---- */

/* Checks and stamps one produced batch and appends it. ERROR_NONE: append is
 * under way, *base_offset is set. ERROR_DUPLICATE_SEQUENCE: written before,
 * at *base_offset. Borrows batch until append->done. */
enum error partition_append(struct partition *partition, int32_t acks,
                            struct log_append *append, uint8_t *batch,
                            size_t size, int64_t *base_offset);
/* Waits until offsets below waiter->end_offset are acknowledged; done comes
 * with NOT_LEADER when the role ends. */
void partition_wait_ack(struct partition *partition, int32_t acks,
                        struct ack_waiter *waiter);

/* A follower's fetch. ERROR_NONE with *diverges false: it is counted. */
struct divergence {
    bool diverges;
    /* ERROR_OFFSET_OUT_OF_RANGE as the leader's history does not reach down to
     * the follower's epoch: the logs part at end_offset at the latest. */
    bool unknown;
    uint32_t epoch; /* if it diverges */
    int64_t end_offset;
};
struct follower_fetch {
    struct replica replica;
    uint32_t leader_epoch;
    int64_t fetch_offset;
    bool has_last_epoch;
    uint32_t last_epoch; /* of the batch before fetch_offset */
    int64_t counted_offset;
    int64_t durable_offset;
    uint64_t generation; /* of the follower's log */
    bool refused;        /* to cut, as the last answer asked for, below */
    int64_t refused_watermark;
};
enum error partition_follower_fetch(struct partition *partition,
                                    const struct follower_fetch *fetch,
                                    struct divergence *divergence);
/* A follower's one-way position (no fetch offset, no last epoch); ignored
 * unless it is of this epoch, and of the generation that its last fetch told:
 * one from before a cut may arrive late, on an older connection. */
void partition_follower_position(struct partition *partition,
                                 const struct follower_fetch *position);

/* How far a leader knows a follower to be. False: not, in this leader epoch. */
bool partition_follower_at(const struct partition *partition,
                           uint32_t broker_id, int64_t *counted_offset,
                           int64_t *durable_offset);

/* A consumer's or a follower's epoch against ours. */
enum error partition_check_leader(const struct partition *partition,
                                  bool has_epoch, uint32_t leader_epoch);

/* A leader may acknowledge acks=1 and serve readers: the lease holds, it is not
 * giving way (R17), and it has not asked for another one (R9): from then on it
 * may be replaced without hearing of it. */
bool partition_may_answer(const struct partition *partition);

/* Moves the high watermark as far as the positions allow. */
void partition_advance(struct partition *partition);
/* Proposes what the followers' progress asks for: in, out. */
void partition_review_isr(struct partition *partition);
/* The controller's answer to the proposal. */
void partition_alter_done(struct partition *partition, enum error error);
/* Lets retention propose a new log start floor. */
void partition_retain(struct partition *partition, int64_t now_ms);

/* Deletes the records below waiter->floor. ERROR_AGAIN: done comes when the
 * floor is committed (and with NOT_LEADER when the role ends). Else it does
 * not come: ERROR_NONE: they are gone. ERROR_NOT_LEADER.
 * ERROR_OFFSET_NOT_AVAILABLE: this leader does not know yet that so much is
 * committed. ERROR_OFFSET_OUT_OF_RANGE: it is not. */
enum error partition_raise_floor(struct partition *partition,
                                 struct floor_waiter *waiter);

/* Follower: what the leader said of its high watermark. */
void partition_set_leader_watermark(struct partition *partition,
                                    int64_t high_watermark);
/* Removes the log's data below the committed floor, where there is any. */
void partition_apply_floor(struct partition *partition);
/* Where clients of this leader may begin: at the committed floor, also while
 * the log has yet to get there. */
int64_t partition_log_start(const struct partition *partition);

#endif
