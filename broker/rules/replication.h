/* SPDX-License-Identifier: Apache-2.0
 *
 * The state of a partition as ZooKeeper holds it, and every decision about
 * it: who is in sync, who is eligible, who leads, where the high watermark
 * may stand. Pure: structs in, structs out. Follows KIP-497 (partition
 * epoch), KIP-841 (broker epoch) and KIP-966 (eligible leader replicas).
 *
 * The rules (broker/INVARIANTS.md, R1..R18):
 *  - the high watermark is the minimum counted offset over the maximal ISR
 *    (committed or proposed), and stands still while the committed ISR is
 *    below `min`;
 *  - a write that changes the ISR sets eligible to nothing when the new ISR
 *    reaches `min`, else to (eligible + old ISR) - new ISR - lossy;
 *  - an outdone replica leaves them only when another can serve;
 *  - elect from the ISR, else from the eligible whose broker has said that
 *    the replica is whole; else there is no leader;
 *  - a broker that is leaving is asked to give what it leads to another member
 *    of the ISR, and leaves an ISR that reaches `min` without it (decision
 *    0032);
 *  - a leader that is there is replaced at its own word only (decision 0034).
 */
#ifndef RULES_REPLICATION_H
#define RULES_REPLICATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define REPLICAS_MAX 16
#define NO_BROKER    UINT32_MAX
#define NO_POSITION  (-1)

/* A replica at one incarnation of its broker (czxid of its znode). */
struct replica {
    uint32_t broker_id;
    uint64_t broker_epoch;
};

struct replica_set {
    uint32_t count;
    struct replica members[REPLICAS_MAX];
};

struct partition_state {
    uint32_t replica_count;
    uint32_t replicas[REPLICAS_MAX]; /* assignment, preferred leader first */
    uint32_t leader;                 /* NO_BROKER: none */
    uint32_t leader_epoch;
    uint32_t partition_epoch; /* bumped by every write */
    struct replica_set isr;
    struct replica_set eligible;
    uint32_t min; /* ISR size that lets the high watermark move */
    bool lazy;
    bool fresh; /* not `min` in sync had logs yet: nothing was written (R10) */
    int64_t log_start_floor;
    /* In this leader epoch one began to lead with what it had, committed or
     * not; 0: never. What was committed before may be gone (R11). */
    uint32_t unclean_epoch;
    /* The leader is to give way to this member of the ISR: it alone says when
     * (R17). Gone with either of them. */
    bool handing_over;
    uint32_t successor;
    /* While it is reassigned (rules/reassign.h): `replicas` holds the target
     * first, so many of them, then those that are to go; 0: it is not. */
    uint32_t target_count;
    uint32_t original_count; /* the assignment before, in its order */
    uint32_t original[REPLICAS_MAX];
    uint64_t copy_rate; /* bytes a second a new replica's broker may copy; 0:
                           as many as it can */
};

/* A registered broker, as a decision sees it. */
struct live_broker {
    uint32_t broker_id;
    uint64_t broker_epoch;
    bool reported; /* said which of its replicas are lossy */
    bool leaving;  /* said that it is about to stop */
};

struct live_brokers {
    uint32_t count;
    const struct live_broker *brokers; /* ascending by id */
};

/* NULL when the broker is not registered. */
const struct live_broker *live_broker_find(const struct live_brokers *live,
                                           uint32_t broker_id);

bool replica_set_has(const struct replica_set *set, uint32_t broker_id);
bool replica_set_has_epoch(const struct replica_set *set, uint32_t broker_id,
                           uint64_t broker_epoch);
/* Adds; replaces the epoch when the broker is there already. */
void replica_set_add(struct replica_set *set, struct replica replica);
void replica_set_remove(struct replica_set *set, uint32_t broker_id);
bool replica_set_equal(const struct replica_set *a,
                       const struct replica_set *b);

bool partition_state_has_replica(const struct partition_state *state,
                                 uint32_t broker_id);

/* The first state of a new partition: the ISR is the live part of the
 * assignment, its first member leads; of both, those that are leaving only as
 * far as nobody else is there. */
void partition_state_create(struct partition_state *state,
                            const uint32_t *replicas, uint32_t replica_count,
                            uint32_t min, bool lazy,
                            const struct live_brokers *live);

/* A new leader epoch under the leader that there is, or under none. */
void partition_state_begin_epoch(struct partition_state *state);

/* Puts a new ISR in and the eligible replicas that follow from it. `lossy`
 * (may be NULL) are replicas known to have lost records. */
void partition_state_set_isr(struct partition_state *state,
                             const struct replica_set *isr,
                             const struct replica_set *lossy);

/* The topic has other settings: `min` follows them at once; when they relax
 * flush.ms, what is counted from now on may be lost with the power. The epoch
 * is bumped in any case, so that what a leader proposed under the former
 * settings is refused. */
void partition_state_configure(struct partition_state *state, uint32_t min,
                               bool relaxed);

/* What the registered brokers mean for this partition: members of the ISR
 * that are gone, or back under another epoch, leave it; a leader that left
 * is replaced. A leader that is leaving is asked to hand over (R17) to a member
 * of the ISR that has said which of its replicas are lossy and is not leaving,
 * if there is one. Under another leader, members that are leaving leave the ISR
 * as far as `min` others are in it. True when the state changed (its epochs are
 * bumped then). */
bool partition_state_decide(struct partition_state *state,
                            const struct live_brokers *live);

/* A broker that is leaving may stop as far as this partition goes: it does
 * nothing here that another one, live and not leaving, could take over, now
 * or when it is in sync. */
bool partition_state_may_leave(const struct partition_state *state,
                               const struct replica *self,
                               const struct live_brokers *live);

/* The preferred leader, the first of the assignment, is to lead again if it is
 * in sync, is not leaving, and its broker has said which of its replicas are
 * lossy: the leader is asked to hand over to it. True when the state changed.
 */
bool partition_state_prefer(struct partition_state *state,
                            const struct live_brokers *live);

/* Asks the leader to hand over to another member of the ISR. True when the
 * state changed: it was not asked for that one yet. */
bool partition_state_hand_over(struct partition_state *state,
                               uint32_t successor);

/* A leader that answers no client any more gives way to its successor, who has
 * all that it has. ERROR_NONE: a new leader epoch begins.
 * ERROR_FENCED_EPOCH, ERROR_STALE_PARTITION_EPOCH, ERROR_NOT_LEADER,
 * ERROR_INELIGIBLE_REPLICA (it was not asked to): unchanged. */
enum error partition_state_resign(struct partition_state *state,
                                  const struct replica *leader,
                                  uint32_t leader_epoch,
                                  uint32_t partition_epoch);

/* An operator, or a topic's unclean.leader.election.enable, wants this replica
 * to lead with what it has, though nobody that has all can: what was committed
 * and it lacks is gone. Only where there is no leader, and on a broker that is
 * registered and has said which of its replicas are lossy; else unchanged. The
 * others may cut their logs to it, below the watermarks they know (R11). Nobody
 * is eligible then: who had all and who goes on with less must not take turns
 * as if both had all. */
enum error partition_state_elect_unclean(struct partition_state *state,
                                         uint32_t broker_id,
                                         const struct live_brokers *live);

/* A broker said that its replica lost records: entries of it from before
 * `broker_epoch` leave ISR and eligible, unless the partition is fresh: then
 * there was nothing to lose. If it was the last of a lazy
 * partition, whose records were promised to survive in memory only, it leads
 * all the same with what it has: the price of that mode. True when the state
 * changed. */
bool partition_state_replica_lost(struct partition_state *state,
                                  uint32_t broker_id, uint64_t broker_epoch);

/* A follower whose newest batch is of `last_epoch`, and that knows the high
 * watermark, may cut its log to `end_offset`. What is committed goes only
 * where the topic does not promise it (R11). */
bool partition_state_may_cut(const struct partition_state *state,
                             uint32_t last_epoch, int64_t high_watermark,
                             int64_t end_offset);

/* A broker asks that nobody count on its replica: it leads and lacks what is
 * committed or cannot be mended, or it is too old to be compared (R9, R11). If
 * somebody else can serve, the replica leaves ISR and eligible, and a new
 * leader epoch begins, under the same leader if that is another one: what it
 * fetched before counts for nothing. `leader_epoch`: the last that it knows; it
 * will ask again when there is a newer one. True when the state changed. */
bool partition_state_replica_outdone(struct partition_state *state,
                                     uint32_t broker_id, uint32_t leader_epoch,
                                     const struct live_brokers *live);

/* Nobody counts on this broker's replica, and another one leads. */
bool partition_state_spares(const struct partition_state *state,
                            uint32_t broker_id);

/* A leader asks for a new ISR. ERROR_NONE: done, the epoch is bumped, and the
 * partition is not fresh any more if the ISR reaches `min`. Nobody joins who is
 * leaving. ERROR_FENCED_EPOCH, ERROR_STALE_PARTITION_EPOCH, ERROR_NOT_LEADER,
 * ERROR_INELIGIBLE_REPLICA: unchanged. */
enum error partition_state_alter_isr(struct partition_state *state,
                                     const struct replica *leader,
                                     uint32_t leader_epoch,
                                     uint32_t partition_epoch,
                                     const struct replica_set *isr,
                                     const struct live_brokers *live);

/* What a leader knows of a replica's log. */
struct replica_position {
    struct replica replica;
    int64_t counted_offset; /* NO_POSITION: none in this leader epoch */
};

/* Whether each member of the set has come to `offset`. */
bool positions_reach(int64_t offset, const struct replica_set *set,
                     const struct replica_position *positions,
                     uint32_t position_count);

/* The high watermark after these positions; never below `current`. The
 * positions hold the leader itself and every member of committed and
 * proposed (`proposed` NULL: no change is pending). */
int64_t high_watermark_next(int64_t current, uint32_t min,
                            const struct replica_set *committed,
                            const struct replica_set *proposed,
                            const struct replica_position *positions,
                            uint32_t position_count);

#endif
