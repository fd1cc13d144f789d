/* SPDX-License-Identifier: Apache-2.0
 *
 * Timers in a tree by (deadline, order of starting); one happening a node
 * stands at the first deadline.
 */
#include "seam/timer.h"

#include "sim/twins.h"

#define SPIN_TURNS 1000
#define SPIN_US    100000

static int compare(const struct timer *a, const struct timer *b)
{
    if (a->deadline_us != b->deadline_us)
        return a->deadline_us < b->deadline_us ? -1 : 1;
    return (a->sequence > b->sequence) - (a->sequence < b->sequence);
}

RB_GENERATE_STATIC(timer_tree, timer, entry, compare)

/* Puts the happening where the first deadline is; nothing while some that
 * came due wait for their turn. */
static void arrange(struct timers *timers)
{
    struct node *node = timers->node;
    struct timer *first = RB_MIN(timer_tree, &timers->tree);
    int64_t at_us;

    if (delivery_waits(&timers->fire))
        return;
    if (first == NULL) {
        world_cancel(node->world, &timers->due);
        return;
    }
    at_us = first->deadline_us - node->monotonic_offset_us;
    if (happening_waits(&timers->due)) {
        if (timers->due.at_us == at_us)
            return;
        world_cancel(node->world, &timers->due);
    }
    world_schedule(node->world, &timers->due, at_us);
}

static void on_due(struct happening *happening)
{
    struct timers *timers = container_of(happening, struct timers, due);

    node_arrive(timers->node, &timers->fire);
}

/* A timer that is started again for now, and again, while the node hears of
 * nothing else, would take a processor for itself. */
static void note_turn(struct timers *timers, const struct timer *timer)
{
    const struct node *node = timers->node;

    if (timer != timers->last || node->handled != timers->last_handled + 1) {
        timers->same_count = 0;
        timers->same_since_us = node->world->now_us;
    }
    timers->last = timer;
    timers->last_handled = node->handled;
    timers->same_count++;
}

static bool spins(const struct timers *timers)
{
    return timers->same_count > SPIN_TURNS &&
           timers->node->world->now_us - timers->same_since_us < SPIN_US;
}

/* One a turn: what arrived in between comes in between. */
static void on_fire(struct delivery *delivery)
{
    struct timers *timers = container_of(delivery, struct timers, fire);
    struct timer *timer = RB_MIN(timer_tree, &timers->tree);
    struct event event = {.type = EVENT_TIMER, .timer = timer};
    struct event_key key = {.what = "timer"};

    if (timer == NULL || timer->deadline_us > node_monotonic_us(timers->node)) {
        arrange(timers);
        return;
    }
    timer_stop(timers, timer);
    arrange(timers);
    key.a = (uint64_t)timer->deadline_us;
    key.b = timer->sequence;
    note_turn(timers, timer);
    ASSERT(!spins(timers));
    node_handle(timers->node, &event, &key);
}

void timers_init(struct timers *timers, struct node *node)
{
    *timers = (struct timers){.node = node};
    RB_INIT(&timers->tree);
    timers->due.run = on_due;
    delivery_init(&timers->fire, on_fire);
}

void timers_drop(struct timers *timers)
{
    world_cancel(timers->node->world, &timers->due);
    list_remove(&timers->fire.link);
    RB_INIT(&timers->tree);
}

void timer_start(struct timers *timers, struct timer *timer,
                 int64_t deadline_us)
{
    if (timer->running)
        RB_REMOVE(timer_tree, &timers->tree, timer);
    timer->deadline_us = deadline_us;
    timer->sequence = timers->next_sequence++;
    timer->running = true;
    RB_INSERT(timer_tree, &timers->tree, timer);
    arrange(timers);
}

void timer_stop(struct timers *timers, struct timer *timer)
{
    if (!timer->running)
        return;
    timer->running = false;
    RB_REMOVE(timer_tree, &timers->tree, timer);
    if (RB_EMPTY(&timers->tree))
        arrange(timers);
}
