/* SPDX-License-Identifier: Apache-2.0
 *
 * What is to happen, by time. No world is in here.
 */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

/* Embedded in what it happens to. Zeroed is "not in the queue". */
struct happening {
    void (*run)(struct happening *happening);
    int64_t at_us;
    size_t position; /* in the queue, from 1; 0: not in it */
    struct list due; /* the queue's */
};

struct queue_slot {
    int64_t at_us;
    uint64_t sequence;
    struct happening *happening;
};

/* By (time, order of adding). */
struct queue {
    int64_t now_us; /* of what was taken last */
    struct list due;
    struct queue_slot *slots; /* a heap */
    size_t count;
    size_t room;
    uint64_t next_sequence;
};

void queue_init(struct queue *queue);
void queue_release(struct queue *queue);
/* It must not be in the queue; at_us is not before what was taken last. */
void queue_add(struct queue *queue, struct happening *happening, int64_t at_us);
/* Does nothing when it is not in it. */
void queue_remove(struct queue *queue, struct happening *happening);
/* Takes the first one out; NULL when it is later, or there is none. */
struct happening *queue_take(struct queue *queue, int64_t until_us);
/* When the first one is to happen; INT64_MAX: there is none. */
int64_t queue_next_us(const struct queue *queue);

static inline bool happening_waits(const struct happening *happening)
{
    return happening->position != 0;
}

#endif
