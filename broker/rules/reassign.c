/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/reassign.h"

#include <string.h>

#include "base/assert.h"

static bool names(const uint32_t *brokers, uint32_t count, uint32_t broker_id)
{
    for (uint32_t i = 0; i < count; i++)
        if (brokers[i] == broker_id)
            return true;
    return false;
}

uint32_t partition_state_original_count(const struct partition_state *state)
{
    return partition_state_reassigned(state) ? state->original_count
                                             : state->replica_count;
}

bool partition_state_is_adding(const struct partition_state *state,
                               uint32_t broker_id)
{
    return names(state->replicas, state->target_count, broker_id) &&
           !names(state->original, state->original_count, broker_id);
}

bool partition_state_is_removing(const struct partition_state *state,
                                 uint32_t broker_id)
{
    return partition_state_reassigned(state) &&
           partition_state_has_replica(state, broker_id) &&
           !names(state->replicas, state->target_count, broker_id);
}

static void set_replicas(struct partition_state *state,
                         const uint32_t *replicas, uint32_t count)
{
    memset(state->replicas, 0, sizeof state->replicas);
    memcpy(state->replicas, replicas, count * sizeof *replicas);
    state->replica_count = count;
}

static void end(struct partition_state *state)
{
    state->target_count = 0;
    state->original_count = 0;
    memset(state->original, 0, sizeof state->original);
    state->copy_rate = 0;
}

/* Nobody is counted on any more who is not in the assignment. False when R15
 * does not allow it. */
static bool take_out(struct partition_state *state)
{
    struct replica_set isr = {0};

    for (uint32_t i = 0; i < state->eligible.count; i++)
        if (!partition_state_has_replica(state,
                                         state->eligible.members[i].broker_id))
            return false;
    for (uint32_t i = 0; i < state->isr.count; i++)
        if (partition_state_has_replica(state, state->isr.members[i].broker_id))
            replica_set_add(&isr, state->isr.members[i]);
    if (isr.count == state->isr.count)
        return true;
    if (isr.count < state->min)
        return false;
    partition_state_set_isr(state, &isr, NULL);
    return true;
}

static void remember(struct partition_state *state)
{
    if (partition_state_reassigned(state))
        return;
    memcpy(state->original, state->replicas, sizeof state->original);
    state->original_count = state->replica_count;
}

/* Once. False when there is no room. */
static bool add(uint32_t *replicas, uint32_t *count, uint32_t broker_id)
{
    if (names(replicas, *count, broker_id))
        return true;
    if (*count == REPLICAS_MAX)
        return false;
    replicas[(*count)++] = broker_id;
    return true;
}

/* The target, then the others of the original; then `guest`, who stays although
 * it is of neither (NO_BROKER: nobody). False when these are too many. */
static bool set_target(struct partition_state *state, const uint32_t *target,
                       uint32_t count, uint32_t guest)
{
    uint32_t replicas[REPLICAS_MAX];
    uint32_t total = count;

    memcpy(replicas, target, count * sizeof *target);
    for (uint32_t i = 0; i < state->original_count; i++)
        if (!add(replicas, &total, state->original[i]))
            return false;
    if (guest != NO_BROKER && !add(replicas, &total, guest))
        return false;
    set_replicas(state, replicas, total);
    state->target_count = count;
    if (total == count && count == state->original_count)
        end(state); /* nobody comes, nobody goes */
    return true;
}

static bool same_assignment(const struct partition_state *a,
                            const struct partition_state *b)
{
    return a->replica_count == b->replica_count &&
           a->target_count == b->target_count &&
           memcmp(a->replicas, b->replicas, sizeof a->replicas) == 0;
}

enum error partition_state_reassign(struct partition_state *state,
                                    const uint32_t *target,
                                    uint32_t target_count, uint64_t copy_rate)
{
    struct partition_state next = *state;
    struct partition_state last;

    ASSERT(target_count > 0);
    ASSERT(target_count <= REPLICAS_MAX);
    remember(&next);
    next.copy_rate = copy_rate;
    last = next;
    if (!set_target(&last, target, target_count, NO_BROKER) ||
        !set_target(&next, target, target_count, state->leader))
        return ERROR_INVALID_ARGUMENT;
    if (same_assignment(&next, state)) {
        if (next.copy_rate == state->copy_rate)
            return ERROR_NONE;
    } else if (!take_out(&last) || !take_out(&next)) {
        return ERROR_NOT_ENOUGH_REPLICAS;
    } else {
        partition_state_begin_epoch(&next);
    }
    next.partition_epoch++;
    *state = next;
    return ERROR_NONE;
}

enum error partition_state_cancel(struct partition_state *state)
{
    struct partition_state before = *state;

    if (!partition_state_reassigned(state))
        return ERROR_NONE;
    return partition_state_reassign(state, before.original,
                                    before.original_count, 0);
}

static bool target_in_sync(const struct partition_state *state)
{
    for (uint32_t i = 0; i < state->target_count; i++)
        if (!replica_set_has(&state->isr, state->replicas[i]))
            return false;
    return true;
}

/* The leader is there and has no place in what comes next: it gives way first,
 * to a member of the ISR that has one (R17); not to one that would ask the next
 * one at once, as it is leaving. True when it is asked; to one that it was
 * asked for already it gives way before that. */
static bool ask_leader(struct partition_state *state,
                       const struct partition_state *next,
                       const struct live_brokers *live)
{
    if (state->handing_over)
        return false;
    for (uint32_t i = 0; i < next->replica_count; i++) {
        const struct live_broker *broker =
            live_broker_find(live, next->replicas[i]);

        if (broker != NULL && !broker->leaving &&
            replica_set_has(&state->isr, broker->broker_id))
            return partition_state_hand_over(state, broker->broker_id);
    }
    return false;
}

static bool takes_leader(const struct partition_state *state,
                         const struct partition_state *next)
{
    return state->leader != NO_BROKER &&
           !partition_state_has_replica(next, state->leader);
}

bool partition_state_complete(struct partition_state *state, uint32_t min,
                              const struct live_brokers *live)
{
    struct partition_state next = *state;

    if (!partition_state_reassigned(state))
        return false;
    if (target_in_sync(state)) {
        set_replicas(&next, state->replicas, state->target_count);
        next.min = min < next.replica_count ? min : next.replica_count;
        end(&next);
    } else if (!set_target(&next, state->replicas, state->target_count,
                           NO_BROKER) ||
               next.replica_count == state->replica_count) {
        return false;
    }
    if (takes_leader(state, &next))
        return ask_leader(state, &next, live);
    if (!take_out(&next))
        return false; /* who is eligible stays */
    ASSERT_INVARIANT(R15, next.isr.count >= next.min ||
                              next.isr.count == state->isr.count);
    if (next.replica_count < state->replica_count)
        partition_state_begin_epoch(&next);
    ASSERT_INVARIANT(R15, next.leader == NO_BROKER ||
                              partition_state_has_replica(&next, next.leader));
    next.partition_epoch++;
    *state = next;
    return true;
}
