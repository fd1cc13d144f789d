/* SPDX-License-Identifier: Apache-2.0
 *
 * How fast this broker copies what was reassigned to it: new replicas that are
 * not in sync share so many bytes a second, the lowest rate that any of their
 * partitions asks for. Whoever is in sync, or is no new replica, is not held.
 */
#ifndef CLUSTER_THROTTLE_H
#define CLUSTER_THROTTLE_H

#include <stdint.h>

#include "base/list.h"
#include "seam/event.h"

struct partition;

struct throttle {
    struct list copying; /* of struct partition */
    int64_t bytes;       /* that may be fetched now; below 0: too many were */
    int64_t filled_us;   /* when that was so */
};

void throttle_init(struct throttle *throttle);
/* The partition's state is another one. Who leaves takes its node off. */
void throttle_note(struct throttle *throttle, struct partition *partition);
/* How long the partition has to wait, in microseconds, to ask again then; 0:
 * it may fetch up to *bytes, which are lowered if it is held. */
int64_t throttle_pause_us(struct throttle *throttle,
                          const struct partition *partition,
                          const struct moment *now, uint32_t *bytes);
/* So many bytes came for it. */
void throttle_charge(struct throttle *throttle,
                     const struct partition *partition, size_t bytes);

#endif
