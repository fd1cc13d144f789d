/* SPDX-License-Identifier: Apache-2.0
 *
 * Timers in a tree by (deadline, order of starting); the loop sleeps until
 * the first.
 */
#include "seam/timer.h"

#include <stdlib.h>

#include "real/internal.h"

static int compare(const struct timer *a, const struct timer *b)
{
    if (a->deadline_us != b->deadline_us)
        return a->deadline_us < b->deadline_us ? -1 : 1;
    return (a->sequence > b->sequence) - (a->sequence < b->sequence);
}

RB_HEAD(timer_tree, timer);
RB_GENERATE_STATIC(timer_tree, timer, entry, compare)

struct timers {
    struct loop *loop;
    struct timer_tree tree;
    uint64_t next_sequence;
};

struct timers *timers_new(struct loop *loop)
{
    struct timers *timers = calloc(1, sizeof *timers);

    if (timers != NULL)
        timers->loop = loop;
    return timers;
}

void timers_destroy(struct timers *timers)
{
    free(timers);
}

void timer_start(struct timers *timers, struct timer *timer,
                 int64_t deadline_us)
{
    timer_stop(timers, timer);
    timer->deadline_us = deadline_us;
    timer->sequence = timers->next_sequence++;
    timer->running = true;
    RB_INSERT(timer_tree, &timers->tree, timer);
}

void timer_stop(struct timers *timers, struct timer *timer)
{
    if (!timer->running)
        return;
    timer->running = false;
    RB_REMOVE(timer_tree, &timers->tree, timer);
}

int64_t timers_next(struct timers *timers, int64_t now_us)
{
    struct timer *first = RB_MIN(timer_tree, &timers->tree);

    if (first == NULL)
        return -1;
    return first->deadline_us > now_us ? first->deadline_us - now_us : 0;
}

void timers_run(struct timers *timers)
{
    struct moment now;
    uint64_t limit = timers->next_sequence; /* none started by these */
    struct timer *timer;

    loop_clock(timers->loop, &now);
    while ((timer = RB_MIN(timer_tree, &timers->tree)) != NULL &&
           timer->deadline_us <= now.monotonic_us && timer->sequence < limit) {
        struct event event = {.type = EVENT_TIMER, .timer = timer};

        timer_stop(timers, timer);
        loop_deliver(timers->loop, &event);
    }
}
