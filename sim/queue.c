/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue of happenings, by (time, order of adding): a heap of four
 * children a slot, and a list of what is added for the very time that it is,
 * which is half of all and comes after what the heap has for that time.
 * Every happening knows its place, so that it can be taken out.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "sim/queue.h"

#define CHILDREN    4
#define IN_THE_LIST SIZE_MAX /* as a position */

/* One comparison, without a branch: which child is first cannot be guessed. */
static bool before(const struct queue_slot *a, const struct queue_slot *b)
{
    return ((__int128)a->at_us << 64 | a->sequence) <
           ((__int128)b->at_us << 64 | b->sequence);
}

static void put(struct queue *queue, size_t at, struct queue_slot slot)
{
    queue->slots[at] = slot;
    slot.happening->position = at + 1;
}

static void sift_up(struct queue *queue, size_t at, struct queue_slot slot)
{
    while (at > 0) {
        size_t parent = (at - 1) / CHILDREN;

        if (!before(&slot, &queue->slots[parent]))
            break;
        put(queue, at, queue->slots[parent]);
        at = parent;
    }
    put(queue, at, slot);
}

static size_t first_child(const struct queue *queue, size_t at)
{
    size_t first = CHILDREN * at + 1;
    size_t end =
        first + CHILDREN < queue->count ? first + CHILDREN : queue->count;

    for (size_t child = first + 1; child < end; child++)
        first =
            before(&queue->slots[child], &queue->slots[first]) ? child : first;
    return first;
}

static void sift_down(struct queue *queue, size_t at, struct queue_slot slot)
{
    while (CHILDREN * at + 1 < queue->count) {
        size_t child = first_child(queue, at);

        if (!before(&queue->slots[child], &slot))
            break;
        put(queue, at, queue->slots[child]);
        at = child;
    }
    put(queue, at, slot);
}

void queue_init(struct queue *queue)
{
    *queue = (struct queue){.now_us = INT64_MIN};
    list_init(&queue->due);
}

void queue_release(struct queue *queue)
{
    free(queue->slots);
    queue_init(queue);
}

void queue_add(struct queue *queue, struct happening *happening, int64_t at_us)
{
    ASSERT(!happening_waits(happening));
    happening->at_us = at_us;
    if (at_us == queue->now_us) {
        list_append(&queue->due, &happening->due);
        happening->position = IN_THE_LIST;
        return;
    }
    ASSERT(at_us > queue->now_us);
    if (queue->count == queue->room) {
        queue->room = queue->room ? queue->room * 2 : 256;
        queue->slots =
            realloc(queue->slots, queue->room * sizeof *queue->slots);
        ASSERT(queue->slots != NULL);
    }
    queue->count++;
    sift_up(queue, queue->count - 1,
            (struct queue_slot){at_us, queue->next_sequence++, happening});
}

static void leave_heap(struct queue *queue, struct happening *happening)
{
    size_t at = happening->position - 1;
    struct queue_slot last = queue->slots[--queue->count];

    ASSERT(at <= queue->count && queue->slots[at].happening == happening);
    if (at == queue->count)
        return;
    if (at > 0 && before(&last, &queue->slots[(at - 1) / CHILDREN]))
        sift_up(queue, at, last);
    else
        sift_down(queue, at, last);
}

void queue_remove(struct queue *queue, struct happening *happening)
{
    if (!happening_waits(happening))
        return;
    if (happening->position == IN_THE_LIST)
        list_remove(&happening->due);
    else
        leave_heap(queue, happening);
    happening->position = 0;
}

int64_t queue_next_us(const struct queue *queue)
{
    if (!list_empty(&queue->due))
        return queue->now_us;
    return queue->count > 0 ? queue->slots[0].at_us : INT64_MAX;
}

struct happening *queue_take(struct queue *queue, int64_t until_us)
{
    bool in_heap = queue->count > 0 && (list_empty(&queue->due) ||
                                        queue->slots[0].at_us == queue->now_us);
    struct happening *first;

    if (in_heap)
        first = queue->slots[0].happening;
    else if (!list_empty(&queue->due))
        first = container_of(list_first(&queue->due), struct happening, due);
    else
        return NULL;
    if (first->at_us > until_us)
        return NULL;
    queue_remove(queue, first);
    queue->now_us = first->at_us;
    return first;
}
