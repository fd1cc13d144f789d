/* SPDX-License-Identifier: Apache-2.0
 *
 * A partition moves to other brokers while it serves (decision 0031; follows
 * KIP-455). New replicas copy beside the old ones; once all of the target are
 * in sync the others go, in the write that brings the last one in.
 *
 *     as it is --reassign--> target + what is to go --complete--> target
 *     ... --another target--> the same with that one; who is in neither, nor
 *                             in the original, goes at once
 *     ... --the original is the target: a cancellation--> original
 *
 * No write takes a replica out of the assignment that is eligible, or that
 * leaves fewer than min in sync (R15); nor the leader, which gives way first
 * (R17). Each that changes the assignment begins a leader epoch: what was
 * fetched under another one counts for nothing.
 */
#ifndef RULES_REASSIGN_H
#define RULES_REASSIGN_H

#include "rules/replication.h"

static inline bool partition_state_reassigned(
    const struct partition_state *state)
{
    return state->target_count > 0;
}

/* How many replicas it had before it was reassigned; now, if it is not. `min`
 * is bounded by it until the end. */
uint32_t partition_state_original_count(const struct partition_state *state);
/* It is to come; it may be in sync already. */
bool partition_state_is_adding(const struct partition_state *state,
                               uint32_t broker_id);
/* It is to go. */
bool partition_state_is_removing(const struct partition_state *state,
                                 uint32_t broker_id);

/* Lets the reassignment to these brokers, each named once, begin, or go on with
 * another rate. What is under way is replaced. ERROR_NONE: it has begun, or
 * nothing is to be done. Else unchanged: ERROR_INVALID_ARGUMENT: too many
 * replicas at once. ERROR_NOT_ENOUGH_REPLICAS: R15, who would go is counted
 * on. */
enum error partition_state_reassign(struct partition_state *state,
                                    const uint32_t *target,
                                    uint32_t target_count, uint64_t copy_rate);

/* The same to the original assignment. */
enum error partition_state_cancel(struct partition_state *state);

/* Who may go goes: when all of the target are in sync whoever is not of it, and
 * `min` follows the topic's setting (`min`) again; else who is of nothing any
 * more, as another target came. A leader that would go is asked to give way
 * first, to one that is not about to stop. True when the state changed. */
bool partition_state_complete(struct partition_state *state, uint32_t min,
                              const struct live_brokers *live);

#endif
