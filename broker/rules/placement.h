/* SPDX-License-Identifier: Apache-2.0
 *
 * Which brokers get the replicas of a new partition. They go round the brokers,
 * and so do the preferred leaders; brokers of one rack stand as far apart in
 * the round as there are racks, and a partition takes a second replica of a
 * rack only when it has one of each.
 */
#ifndef RULES_PLACEMENT_H
#define RULES_PLACEMENT_H

#include <stdbool.h>
#include <stdint.h>

/* Of two brokers; "" is a rack of its own. */
bool placement_same_rack(const char *a, const char *b);

struct placeable {
    uint32_t broker_id;
    const char *rack; /* "": it is a rack of its own */
    /* set by placement_arrange(): equal for brokers of one rack */
    uint32_t rack_number;
    uint32_t rank; /* in its rack, from 0 */
};

/* Orders the brokers, given ascending by id, as they are gone round. Without
 * racks they stay as they are. */
void placement_arrange(struct placeable *brokers, uint32_t count);

/* The place of the round behind this broker, if it is there, else behind those
 * of lower ids. */
uint32_t placement_after(const struct placeable *brokers, uint32_t count,
                         uint32_t broker_id);

/* `replica_count` ids, at most `count`; the first is the preferred leader, and
 * stands at `first` (modulo count) of the round. */
void placement_choose(const struct placeable *brokers, uint32_t count,
                      uint64_t first, uint32_t replica_count,
                      uint32_t *replicas);

#endif
