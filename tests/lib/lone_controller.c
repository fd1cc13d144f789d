/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/lone_controller.h"

#include <string.h>

#include "base/assert.h"
#include "seam/dispatch.h"
#include "seam/memory.h"

#define PATIENCE_US 5000000

static void on_topic(struct metadata_listener *listener, struct topic *topic)
{
    (void)listener;
    (void)topic;
}

static void on_states(struct metadata_listener *listener, struct topic *topic,
                      uint32_t first, uint32_t count)
{
    struct lone_controller *lone =
        container_of(listener, struct lone_controller, listener);

    ASSERT(first + count <= topic->partition_count);
    lone->told += count;
}

static void on_nothing(struct metadata_listener *listener)
{
    (void)listener;
}

static void on_coord(struct coord_listener *listener)
{
    (void)listener;
}

void lone_controller_init(struct lone_controller *lone,
                          const struct controller_options *options)
{
    struct loop_options loop = {.heap_bytes_max = 64u << 20,
                                .log_level = TRACE_ERROR,
                                .name = "test",
                                .without_disk = true};

    memset(lone, 0, sizeof *lone);
    lone->loop = loop_new(&loop);
    lone->seam = loop_seam(lone->loop);
    lone->coord_listener =
        (struct coord_listener){on_coord, on_coord, on_coord};
    lone->coord =
        coord_new(lone->seam, "127.0.0.1:1", 6000, &lone->coord_listener);
    lone->listener =
        (struct metadata_listener){on_nothing, on_states, on_topic, on_nothing};
    metadata_init(&lone->metadata, lone->seam, lone->coord, &lone->listener);
    controller_init(&lone->controller, lone->seam, lone->coord, &lone->metadata,
                    options);
}

void lone_controller_release(struct lone_controller *lone)
{
    if (lone->controller.write == &lone->write)
        lone_controller_end_write(lone);
    controller_release(&lone->controller);
    metadata_release(&lone->metadata);
    coord_free(lone->coord);
    loop_free(lone->loop);
}

void lone_controller_set_live(struct lone_controller *lone,
                              const struct live_broker *live, uint32_t count)
{
    struct controller *controller = &lone->controller;
    struct heap *heap = lone->seam->heap;

    heap_free(heap, controller->live);
    heap_free(heap, controller->live_since);
    heap_free(heap, controller->live_here);
    controller->live = heap_alloc(heap, count * sizeof *live);
    controller->live_since =
        heap_alloc(heap, count * sizeof *controller->live_since);
    controller->live_here = heap_alloc(heap, count * sizeof *live);
    memcpy(controller->live, live, count * sizeof *live);
    controller->live_count = count;
}

/* ---- asked, and answered at once ---- */

static void on_event(void *node, const struct event *event)
{
    struct lone_controller *lone = node;

    lone->seam->now = event->now;
    event_dispatch(event);
}

void lone_controller_answered(struct intent *intent)
{
    struct lone_controller *lone =
        container_of(intent, struct lone_controller, asked);

    lone->answered = true;
    loop_stop(lone->loop);
}

static void give_up(struct timer *timer)
{
    loop_stop(container_of(timer, struct lone_controller, patience)->loop);
}

bool lone_controller_ask(struct lone_controller *lone,
                         const struct intent *intent)
{
    lone->answered = false;
    lone->asked = *intent;
    lone->asked.done = lone_controller_answered;
    controller_submit(&lone->controller, &lone->asked);
    lone->patience.fire = give_up;
    timer_start(lone->seam->timers, &lone->patience,
                lone->seam->now.monotonic_us + PATIENCE_US);
    loop_run(lone->loop, on_event, lone);
    timer_stop(lone->seam->timers, &lone->patience);
    return lone->answered;
}

/* ---- staged ---- */

void lone_controller_begin_write(struct lone_controller *lone)
{
    memset(&lone->write, 0, sizeof lone->write);
    lone->write.controller = &lone->controller;
    list_init(&lone->write.chunks);
    list_init(&lone->write.intents);
    lone->controller.write = &lone->write;
}

void lone_controller_end_write(struct lone_controller *lone)
{
    struct heap *heap = lone->seam->heap;
    struct list *node;

    while ((node = list_pop(&lone->write.chunks)) != NULL)
        heap_free(heap, container_of(node, struct staged_chunk, node));
    heap_free(heap, (void *)(uintptr_t)lone->write.topic_node.data);
    heap_free(heap, lone->write.new_states);
    lone->write.topic_node.data = NULL;
    lone->write.new_states = NULL;
    lone->controller.write = NULL;
}
