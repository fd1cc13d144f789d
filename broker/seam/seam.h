/* SPDX-License-Identifier: Apache-2.0
 *
 * What one node (a broker or a client engine) holds of its world: opaque
 * handles, and the time of the event being handled. The world makes it
 * before the node and outlives the node. Which world: decided by the linker.
 */
#ifndef SEAM_SEAM_H
#define SEAM_SEAM_H

#include <stdint.h>

#include "base/uuid.h"

struct heap;
struct disk;
struct net;
struct timers;
struct inbox;
struct trace;

/* One reading of both clocks. */
struct moment {
    int64_t monotonic_us; /* since an arbitrary start, never backwards */
    int64_t wall_ms;      /* since 1970-01-01 UTC; may jump */
};

struct seam {
    struct heap *heap;
    struct disk *disk; /* NULL for a client */
    struct net *net;
    struct timers *timers;
    struct inbox *inbox;
    struct trace *trace;
    /* Set by the door (broker_on_event, client_on_event) from each event,
     * by nobody else. There is no other clock. */
    struct moment now;
    uint64_t random_key; /* differs between starts of a node */
    struct uuid boot_id; /* of the running kernel */
};

#endif
