/* SPDX-License-Identifier: Apache-2.0
 *
 * The world: what happens next, at what time, and the hash of all of it.
 * Nodes are in sim/node.c, faults in sim/faults.c, draws in sim/streams.c.
 */
#include "sim/world.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "sim/line.h"
#include "sim/pool.h"
#include "sim/twins.h"

static struct world *the_world;

struct world *world_current(void)
{
    return the_world;
}

struct node *node_current(void)
{
    return the_world ? the_world->current : NULL;
}

static void draw_profile(struct world *world)
{
    world->disk_profile = world->options.disk_profile;
    if (world->disk_profile == DISK_PROFILE_DRAWN)
        world->disk_profile = (enum disk_profile)world_between(
            world, NULL, PURPOSE_DISK_PROFILE, DISK_PROFILE_DRAWN + 1,
            DISK_PROFILE_COUNT - 1);
    world_note(world, NULL, "disks are those of %s",
               disk_profile_name(world->disk_profile));
}

struct world *world_new(const struct world_options *options)
{
    struct world *world = calloc(1, sizeof *world);

    ASSERT(world != NULL);
    ASSERT(the_world == NULL);
    world->options = *options;
    streams_init(&world->streams, options->seed, "");
    world->hash = XXH3_64bits_withSeed("world", 5, options->seed);
    queue_init(&world->queue);
    list_init(&world->calls);
    list_init(&world->cuts);
    list_init(&world->wires);
    the_world = world;
    draw_profile(world);
    return world;
}

enum disk_profile world_disk_profile(const struct world *world)
{
    return world->disk_profile;
}

int64_t world_now_us(const struct world *world)
{
    return world->now_us;
}

int64_t world_wall_ms(const struct world *world)
{
    return world->options.wall_start_ms + world->now_us / 1000;
}

uint64_t world_hash(const struct world *world)
{
    return world->hash;
}

uint64_t world_events(const struct world *world)
{
    return world->events;
}

uint64_t world_marks(const struct world *world, enum mark mark)
{
    return world->marks[mark];
}

const char *world_assertion(const struct world *world)
{
    return world->assertion;
}

/* ---- what happens ------------------------------------------------------ */

void world_schedule(struct world *world, struct happening *happening,
                    int64_t at_us)
{
    queue_add(&world->queue, happening,
              at_us > world->now_us ? at_us : world->now_us);
}

void world_cancel(struct world *world, struct happening *happening)
{
    queue_remove(&world->queue, happening);
}

uint64_t world_turn(const struct world *world)
{
    return world->turn;
}

void world_fork(struct world *world, uint64_t turn, uint32_t future)
{
    world->fork_turn = turn;
    world->future = future;
}

static void take_other_future(struct world *world)
{
    streams_fork(&world->streams, world->future);
    for (uint32_t i = 0; i < world->node_count; i++)
        streams_fork(&world->nodes[i]->streams, world->future);
}

bool world_run(struct world *world, int64_t until_us,
               bool (*done)(void *context), void *context)
{
    struct happening *next;

    while ((next = queue_take(&world->queue, until_us)) != NULL) {
        world->now_us = next->at_us;
        if (++world->turn == world->fork_turn)
            take_other_future(world);
        next->run(next);
        if (done != NULL && done(context))
            return true;
    }
    if (until_us != INT64_MAX && until_us > world->now_us)
        world->now_us = until_us;
    return done != NULL && done(context);
}

const char *world_name(void)
{
    return "sim";
}

const char *world_cannot(enum world_skill skill)
{
    (void)skill;
    return NULL;
}

const char *world_cannot_fault(enum fault_point point, size_t nths)
{
    (void)point;
    (void)nths;
    return NULL;
}

void world_catch_up(struct world *world)
{
    (void)world; /* it is told everything as it happens */
}

void world_host(const struct world *world, const char *name,
                char host[WORLD_HOST_BYTES])
{
    (void)world;
    snprintf(host, WORLD_HOST_BYTES, "%s", name);
}

/* ---- draws ------------------------------------------------------------- */

static struct random *find(struct world *world, struct node *node,
                           uint32_t purpose)
{
    return streams_find(node ? &node->streams : &world->streams, purpose);
}

uint64_t world_random(struct world *world, struct node *node, uint32_t purpose)
{
    return random_u64(find(world, node, purpose));
}

uint64_t world_random_below(struct world *world, struct node *node,
                            uint32_t purpose, uint64_t bound)
{
    return random_below(find(world, node, purpose), bound);
}

int64_t world_between(struct world *world, struct node *node,
                      enum purpose purpose, int64_t low, int64_t high)
{
    return low + (int64_t)world_random_below(world, node, purpose,
                                             (uint64_t)(high - low) + 1);
}

bool world_chance(struct world *world, struct node *node, enum purpose purpose,
                  uint64_t of)
{
    return world_random_below(world, node, purpose, of) == 0;
}

/* ---- calls ------------------------------------------------------------- */

struct call {
    struct happening happening;
    struct list link;
    void (*call)(void *context);
    void *context;
};

static void call_run(struct happening *happening)
{
    struct call *call = container_of(happening, struct call, happening);
    struct call copy = *call;

    list_remove(&call->link);
    pool_give(call, sizeof *call);
    copy.call(copy.context);
}

void world_at(struct world *world, int64_t at_us, void (*function)(void *),
              void *context)
{
    struct call *call = pool_take_zeroed(sizeof *call);

    call->happening.run = call_run;
    call->call = function;
    call->context = context;
    list_append(&world->calls, &call->link);
    world_schedule(world, &call->happening, at_us);
}

void world_free(struct world *world)
{
    struct list *link;

    if (world == NULL)
        return;
    world->options.observer = NULL;
    for (uint32_t i = 0; i < world->node_count; i++)
        if (world->nodes[i]->up)
            node_end(world->nodes[i], false);
    if (world->ensemble != NULL)
        ensemble_free(world->ensemble);
    for (uint32_t i = 0; i < world->node_count; i++)
        node_free(world->nodes[i]);
    while ((link = list_pop(&world->calls)) != NULL)
        pool_give(container_of(link, struct call, link), sizeof(struct call));
    faults_release(world);
    cuts_release(world);
    queue_release(&world->queue);
    streams_release(&world->streams);
    free(world->nodes);
    free(world->assertion);
    free(world);
    the_world = NULL;
}

/* ---- hash and text ----------------------------------------------------- */

void world_hash_add(struct world *world, const void *bytes, size_t size)
{
    world->hash = XXH3_64bits_withSeed(bytes, size, world->hash);
}

bool world_keeps_text(const struct world *world)
{
    return world->options.trace != NULL;
}

static void put_line(struct world *world, const struct node *node,
                     const char *text)
{
    struct line line;

    line_begin(&line, world, node);
    line_add(&line, text);
    line_end(&line);
}

void world_note(struct world *world, const struct node *node,
                const char *format, ...)
{
    struct world_observer *observer = world->options.observer;
    uint64_t head[2] = {(uint64_t)world->now_us,
                        node ? (uint64_t)node->index + 1 : 0};
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    world_hash_add(world, head, sizeof head);
    world_hash_add(world, text, strlen(text));
    if (world_keeps_text(world))
        put_line(world, node, text);
    if (observer != NULL && observer->on_note != NULL)
        observer->on_note(observer, node, text);
}

void world_text(struct world *world, const struct node *node,
                const char *format, ...)
{
    char text[1024];
    va_list arguments;

    if (!world_keeps_text(world))
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    put_line(world, node, text);
}

/* ---- the ensemble ------------------------------------------------------ */

struct ensemble *world_ensemble(struct world *world)
{
    return world->ensemble;
}

void world_add_zookeeper(struct world *world, unsigned servers)
{
    ASSERT(world->ensemble == NULL);
    world->ensemble = ensemble_new(world, servers);
}

void world_zookeeper_crash(struct world *world, unsigned server)
{
    ASSERT(world->ensemble != NULL);
    world_note(world, NULL, "zookeeper crash z%u", server);
    ensemble_crash(world->ensemble, server);
}

void world_zookeeper_start(struct world *world, unsigned server)
{
    ASSERT(world->ensemble != NULL);
    world_note(world, NULL, "zookeeper start z%u", server);
    ensemble_start(world->ensemble, server);
}

int64_t world_zookeeper_skew_ms(const struct world *world)
{
    return world->zookeeper_skew_ms;
}

void world_zookeeper_clock_jump(struct world *world, int64_t by_ms)
{
    world->zookeeper_skew_ms += by_ms;
}

bool world_zookeeper_expire(struct world *world, struct node *node)
{
    return world->ensemble != NULL && ensemble_expire(world->ensemble, node);
}

bool world_zookeeper_put(struct world *world, const char *path,
                         const char *bytes, int size)
{
    ASSERT(world->ensemble != NULL);
    world_note(world, NULL, "zookeeper put %s %d", path, size);
    return ensemble_put(world->ensemble, path, bytes, size);
}

int world_zookeeper_read(struct world *world, const char *path, char **bytes)
{
    ASSERT(world->ensemble != NULL);
    return ensemble_read(world->ensemble, path, bytes);
}

int world_zookeeper_peek(struct world *world, const char *path, char **bytes)
{
    return world_zookeeper_read(world, path, bytes);
}
