/* SPDX-License-Identifier: Apache-2.0
 *
 * Which brokers are to hold partitions that exist: replicas that may stay stay,
 * one that has to go is replaced by the broker with the fewest, and then as few
 * move as make replicas and preferred leaders even. A partition takes another
 * replica of a rack only when it has as many of each other one, where it can.
 * Pure; the same input gives the same plan.
 */
#ifndef CLI_PLAN_H
#define CLI_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rules/replication.h"

struct plan_broker {
    int32_t id;
    const char *rack; /* "": it is a rack of its own */
    /* set by plan_make(): of the partitions it was given */
    size_t replicas;
    size_t leaders; /* partitions that it is the preferred leader of */
    size_t added;   /* of its replicas */
};

struct plan_partition {
    const char *topic;
    int32_t partition;
    const int32_t *current; /* at most REPLICAS_MAX */
    size_t current_count;
    /* set by the caller: how many are wanted, 1 to REPLICAS_MAX and at
     * most as many as there are brokers; and then by plan_make(): which, the
     * preferred leader first */
    size_t target_count;
    int32_t target[REPLICAS_MAX];
};

/* Brokers ascending by id, each once. */
void plan_make(struct plan_broker *brokers, size_t broker_count,
               struct plan_partition *partitions, size_t count);

/* So many of the target are not in the current assignment. */
size_t plan_added(const struct plan_partition *partition);
/* ... and the other way round. */
size_t plan_removed(const struct plan_partition *partition);
/* Whether the target is another one, or in another order. */
bool plan_changes(const struct plan_partition *partition);

#endif
