/* SPDX-License-Identifier: Apache-2.0
 *
 * A node: a process that starts, handles one event at a time in the order of
 * arrival, and ends. What arrives waits in `pending`; `dispatch` happens
 * when the node is free. An assertion that fails in its code jumps out of
 * the event and ends the process.
 *
 *     down --node_start--> up --node_exit, node_crash, assertion--> down
 *                          up --node_pause--> paused --node_resume--> up
 */
#include <stdlib.h>
#include <string.h>

#include "sim/line.h"
#include "sim/pool.h"
#include "sim/twins.h"

#define CPU_US_MAX 5

struct background_call {
    struct happening happening;
    struct list link; /* node->backgrounds or node->held */
    struct background *call;
};

/* ---- its code runs ----------------------------------------------------- */

_Noreturn void node_escape(struct node *node)
{
    longjmp(*node->world->escape, 1);
}

/* Runs as the node; ends it afterwards when that was asked for. */
static void enter(struct node *node, void (*run)(void *argument),
                  void *argument)
{
    struct world *world = node->world;
    struct node *outer = world->current;
    jmp_buf *outer_escape = world->escape;
    jmp_buf escape;

    ASSERT(!node->running);
    world->current = node;
    world->escape = &escape;
    node->running = true;
    if (setjmp(escape) == 0)
        run(argument);
    node->running = false;
    world->current = outer;
    world->escape = outer_escape;
    net_bury(node->net);
    if (node->ending)
        node_end(node, node->ending_by_power);
}

static void plan_dispatch(struct node *node)
{
    if (node->up && !node->paused && !list_empty(&node->pending) &&
        !happening_waits(&node->dispatch))
        world_schedule(node->world, &node->dispatch, node->busy_until_us);
}

static void run_delivery(void *argument)
{
    struct delivery *delivery = argument;

    delivery->deliver(delivery);
}

static void on_dispatch(struct happening *happening)
{
    struct node *node = container_of(happening, struct node, dispatch);
    struct world *world = node->world;
    struct list *link = list_pop(&node->pending);

    if (link == NULL)
        return;
    node->busy_until_us =
        world->now_us + world_between(world, node, PURPOSE_CPU, 1, CPU_US_MAX);
    enter(node, run_delivery, container_of(link, struct delivery, link));
    plan_dispatch(node);
}

void node_arrive(struct node *node, struct delivery *delivery)
{
    if (!node->up || delivery_waits(delivery))
        return;
    list_append(&node->pending, &delivery->link);
    plan_dispatch(node);
}

int64_t node_monotonic_us(const struct node *node)
{
    return node->world->now_us + node->monotonic_offset_us;
}

static struct moment moment_of(const struct node *node)
{
    return (struct moment){node_monotonic_us(node),
                           node->world->options.wall_start_ms +
                               node->world->now_us / 1000 +
                               node->wall_offset_ms};
}

static void event_text(const struct node *node, const struct event *event,
                       const struct event_key *key)
{
    struct line line;

    line_begin(&line, node->world, node);
    line_add(&line, key->what);
    line_add(&line, "#");
    line_append_unsigned(&line, key->id);
    line_add_unsigned(&line, key->a);
    line_add_unsigned(&line, key->b);
    line_add(&line, error_name(event->error));
    line_end(&line);
}

void node_handle(struct node *node, struct event *event,
                 const struct event_key *key)
{
    struct world *world = node->world;
    uint64_t words[5] = {(uint64_t)world->now_us,
                         (uint64_t)node->index << 16 |
                             (uint64_t)event->type << 8 |
                             (uint64_t)event->error,
                         key->id, key->a, key->b};

    world_hash_add(world, words, sizeof words);
    world->events++;
    node->handled++;
    if (world_keeps_text(world))
        event_text(node, event, key);
    event->now = moment_of(node);
    node->seam.now = event->now;
    node->kind->on_event(node->object, event);
}

/* ---- background calls -------------------------------------------------- */

static void run_background(void *argument)
{
    struct background *call = argument;

    call->run(call);
}

static void on_background(struct happening *happening)
{
    struct background_call *wrapper =
        container_of(happening, struct background_call, happening);
    struct background *call = wrapper->call;
    struct node *node = call->node;

    list_remove(&wrapper->link);
    if (node->paused) {
        list_append(&node->held, &wrapper->link);
        return;
    }
    pool_give(wrapper, sizeof *wrapper);
    enter(node, run_background, call);
}

void node_background(struct node *node, struct background *call, int64_t at_us)
{
    struct background_call *wrapper;

    call->node = node;
    call->at_us = at_us;
    call->sequence = node->next_background++;
    list_init(&call->link);
    if (!node->up) {
        call->drop(call);
        return;
    }
    wrapper = pool_take_zeroed(sizeof *wrapper);
    wrapper->call = call;
    wrapper->happening.run = on_background;
    list_append(&node->backgrounds, &wrapper->link);
    world_schedule(node->world, &wrapper->happening, at_us);
}

static void drop_backgrounds(struct node *node, struct list *list)
{
    struct list *link;

    while ((link = list_pop(list)) != NULL) {
        struct background_call *wrapper =
            container_of(link, struct background_call, link);
        struct background *call = wrapper->call;

        world_cancel(node->world, &wrapper->happening);
        pool_give(wrapper, sizeof *wrapper);
        call->drop(call);
    }
}

/* ---- life -------------------------------------------------------------- */

static void on_stop(struct delivery *delivery)
{
    struct node *node = container_of(delivery, struct node, stop);
    struct event event = {.type = EVENT_STOP};
    struct event_key key = {.what = "stop"};

    node_handle(node, &event, &key);
}

static void new_boot_id(struct node *node)
{
    random_fill(streams_find(&node->streams, PURPOSE_START), &node->boot_id,
                sizeof node->boot_id);
}

struct node *world_add_node(struct world *world, const char *name,
                            const struct node_kind *kind, void *context,
                            size_t heap_bytes_max)
{
    struct node *node = calloc(1, sizeof *node);
    struct node **nodes =
        realloc(world->nodes, (world->node_count + 1) * sizeof(struct node *));

    ASSERT(node != NULL && nodes != NULL);
    world->nodes = nodes;
    ASSERT(world_node(world, name) == NULL);
    node->world = world;
    node->name = strdup(name);
    node->index = world->node_count;
    node->kind = kind;
    node->context = context;
    node->heap_bytes_max = heap_bytes_max;
    list_init(&node->pending);
    list_init(&node->backgrounds);
    list_init(&node->held);
    node->dispatch.run = on_dispatch;
    delivery_init(&node->stop, on_stop);
    streams_init(&node->streams, world->options.seed, name);
    node->wall_offset_ms = world_between(world, node, PURPOSE_CLOCK, -20, 20);
    new_boot_id(node);
    node->trace.node = node;
    node->disk = disk_new(node);
    node->net = net_new(node);
    nodes[world->node_count++] = node;
    return node;
}

void node_free(struct node *node)
{
    net_free(node->net);
    disk_free(node->disk);
    streams_release(&node->streams);
    free(node->name);
    free(node);
}

static void run_start(void *argument)
{
    struct node *node = argument;

    node->object = node->kind->start(node, &node->seam, node->context);
}

static void make_seam(struct node *node)
{
    struct world *world = node->world;

    node->monotonic_offset_us =
        world_between(world, node, PURPOSE_START, 1000000, 1000000000000);
    heap_init(&node->heap, node, node->heap_bytes_max);
    timers_init(&node->timers, node);
    inbox_init(&node->inbox, node);
    disk_process_starts(node->disk);
    node->seam = (struct seam){
        .heap = &node->heap,
        .disk = node->disk,
        .net = node->net,
        .timers = &node->timers,
        .inbox = &node->inbox,
        .trace = &node->trace,
        .now = moment_of(node),
        .random_key = world_random(world, node, PURPOSE_START),
        .boot_id = node->boot_id,
    };
}

void node_start(struct node *node)
{
    struct world *world = node->world;
    struct world_observer *observer = world->options.observer;

    ASSERT(!node->up);
    node->up = true;
    node->paused = false;
    node->ending = false;
    node->ending_by_power = false;
    node->exited = false;
    node->exit_code = 0;
    node->why[0] = '\0';
    node->starts++;
    node->busy_until_us = world->now_us;
    make_seam(node);
    world_note(world, node, "start %u", node->starts);
    net_process_starts(node->net);
    if (observer != NULL && observer->on_up != NULL)
        observer->on_up(observer, node);
    enter(node, run_start, node);
}

void node_end(struct node *node, bool power)
{
    struct world *world = node->world;
    struct world_observer *observer = world->options.observer;

    ASSERT(node->up && !node->running);
    world_note(world, node, "%s",
               node->exited ? "exit"
               : power      ? "power lost"
                            : "killed");
    node->up = false;
    node->object = NULL;
    node->ending = false;
    node->paused = false;
    world_cancel(world, &node->dispatch);
    while (list_pop(&node->pending) != NULL)
        continue;
    disk_process_ended(node->disk, power);
    net_process_ended(node->net, power);
    timers_drop(&node->timers);
    drop_backgrounds(node, &node->backgrounds);
    drop_backgrounds(node, &node->held);
    if (world->ensemble != NULL)
        ensemble_node_ended(world->ensemble, node);
    inbox_drop(&node->inbox);
    heap_drop(&node->heap);
    if (power)
        new_boot_id(node);
    if (observer != NULL && observer->on_down != NULL)
        observer->on_down(observer, node);
}

static void end_soon(struct node *node, bool power)
{
    node->ending = true;
    node->ending_by_power = power;
    if (!node->running)
        node_end(node, power);
}

void node_crash(struct node *node, enum node_crash how)
{
    ASSERT(node->up);
    end_soon(node, how == NODE_CRASH_POWER);
}

void node_exit(struct node *node, int exit_code, const char *why)
{
    ASSERT(node->up);
    if (node->exited)
        return;
    node->exited = true;
    node->exit_code = exit_code;
    snprintf(node->why, sizeof node->why, "%s", why ? why : "");
    end_soon(node, node->ending_by_power);
}

void node_stop(struct node *node)
{
    node_arrive(node, &node->stop);
}

void node_pause(struct node *node)
{
    if (!node->up || node->paused)
        return;
    world_note(node->world, node, "pause");
    node->paused = true;
    world_cancel(node->world, &node->dispatch);
}

void node_resume(struct node *node)
{
    struct list *link;

    if (!node->up || !node->paused)
        return;
    world_note(node->world, node, "resume");
    node->paused = false;
    while ((link = list_pop(&node->held)) != NULL) {
        struct background_call *wrapper =
            container_of(link, struct background_call, link);

        list_append(&node->backgrounds, &wrapper->link);
        world_schedule(node->world, &wrapper->happening, node->world->now_us);
    }
    plan_dispatch(node);
}

void node_clock_jump(struct node *node, int64_t by_ms)
{
    world_note(node->world, node, "wall clock jumps %lld ms", (long long)by_ms);
    node->wall_offset_ms += by_ms;
}

/* ---- questions --------------------------------------------------------- */

struct node *world_node(struct world *world, const char *name)
{
    for (uint32_t i = 0; i < world->node_count; i++)
        if (strcmp(world->nodes[i]->name, name) == 0)
            return world->nodes[i];
    return NULL;
}

const char *node_name(const struct node *node)
{
    return node->name;
}

uint32_t node_index(const struct node *node)
{
    return node->index;
}

struct world *node_world(const struct node *node)
{
    return node->world;
}

bool node_is_up(const struct node *node)
{
    return node->up;
}

void *node_object(const struct node *node)
{
    return node->object;
}

unsigned node_starts(const struct node *node)
{
    return node->starts;
}

int node_exit_code(const struct node *node)
{
    return node->exit_code;
}

const char *node_exit_why(const struct node *node)
{
    return node->why;
}

bool node_is_paused(const struct node *node)
{
    return node->paused;
}
