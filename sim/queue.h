/* SPDX-License-Identifier: Apache-2.0
 *
 * What is to happen, by time. No world is in here.
 */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Embedded in what it happens to. Zeroed is "not in the queue". */
struct happening {
    void (*run)(struct happening *happening);
    int64_t at_us;
    uint64_t sequence;
    size_t position; /* in the queue, from 1; 0: not in it */
};

struct queue_slot {
    int64_t at_us;
    uint64_t sequence;
    struct happening *happening;
};

/* A heap by (time, order of adding). */
struct queue {
    struct queue_slot *slots;
    size_t count;
    size_t room;
    uint64_t next_sequence;
};

void queue_release(struct queue *queue);
/* It must not be in the queue. */
void queue_add(struct queue *queue, struct happening *happening, int64_t at_us);
/* Does nothing when it is not in it. */
void queue_remove(struct queue *queue, struct happening *happening);
/* NULL when the queue is empty. */
struct happening *queue_first(const struct queue *queue);

static inline bool happening_waits(const struct happening *happening)
{
    return happening->position != 0;
}

#endif
