/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue of happenings: a binary heap by (time, order of adding). Every
 * happening knows its place, so that it can be taken out.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "sim/queue.h"

static bool before(const struct queue_slot *a, const struct queue_slot *b)
{
    if (a->at_us != b->at_us)
        return a->at_us < b->at_us;
    return a->sequence < b->sequence;
}

static void put(struct queue *queue, size_t at, struct queue_slot slot)
{
    queue->slots[at] = slot;
    slot.happening->position = at + 1;
}

static void sift_up(struct queue *queue, size_t at, struct queue_slot slot)
{
    while (at > 0) {
        size_t parent = (at - 1) / 2;

        if (!before(&slot, &queue->slots[parent]))
            break;
        put(queue, at, queue->slots[parent]);
        at = parent;
    }
    put(queue, at, slot);
}

static void sift_down(struct queue *queue, size_t at, struct queue_slot slot)
{
    for (;;) {
        size_t child = 2 * at + 1;

        if (child >= queue->count)
            break;
        if (child + 1 < queue->count &&
            before(&queue->slots[child + 1], &queue->slots[child]))
            child++;
        if (!before(&queue->slots[child], &slot))
            break;
        put(queue, at, queue->slots[child]);
        at = child;
    }
    put(queue, at, slot);
}

void queue_release(struct queue *queue)
{
    free(queue->slots);
    *queue = (struct queue){0};
}

void queue_add(struct queue *queue, struct happening *happening, int64_t at_us)
{
    ASSERT(!happening_waits(happening));
    if (queue->count == queue->room) {
        queue->room = queue->room ? queue->room * 2 : 256;
        queue->slots =
            realloc(queue->slots, queue->room * sizeof *queue->slots);
        ASSERT(queue->slots != NULL);
    }
    happening->at_us = at_us;
    happening->sequence = queue->next_sequence++;
    queue->count++;
    sift_up(queue, queue->count - 1,
            (struct queue_slot){at_us, happening->sequence, happening});
}

void queue_remove(struct queue *queue, struct happening *happening)
{
    size_t at = happening->position - 1;
    struct queue_slot last;

    if (!happening_waits(happening))
        return;
    ASSERT(at < queue->count && queue->slots[at].happening == happening);
    happening->position = 0;
    last = queue->slots[--queue->count];
    if (at == queue->count)
        return;
    if (at > 0 && before(&last, &queue->slots[(at - 1) / 2]))
        sift_up(queue, at, last);
    else
        sift_down(queue, at, last);
}

struct happening *queue_first(const struct queue *queue)
{
    return queue->count > 0 ? queue->slots[0].happening : NULL;
}
