/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/seam/zookeeper_sim.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "sim/internal.h"

#define CLIENTS 4u

struct place {
    struct world *world;
    struct node *nodes[CLIENTS];
    char hosts[128];
};

/* A node with no code of its own: tests run theirs as its background. */
static void *on_start(struct node *node, struct seam *seam, void *context)
{
    (void)node;
    (void)seam;
    return context;
}

static void on_event(void *object, const struct event *event)
{
    (void)object;
    (void)event;
}

static const struct node_kind kind = {on_start, on_event, NULL};

struct place *place_new(unsigned servers, uint64_t seed)
{
    struct place *place = calloc(1, sizeof *place);
    struct world_options options = {.seed = seed};
    int length = 0;

    ASSERT(place != NULL);
    if (getenv("TRACE") != NULL)
        options.trace = stderr;
    place->world = world_new(&options);
    world_add_zookeeper(place->world, servers);
    for (unsigned i = 0; i < servers; i++)
        length += snprintf(place->hosts + length,
                           sizeof place->hosts - (size_t)length, "%sz%u:2181",
                           i > 0 ? "," : "", i + 1);
    for (unsigned i = 0; i < CLIENTS; i++) {
        char name[16];

        snprintf(name, sizeof name, "c%u", i + 1);
        place->nodes[i] =
            world_add_node(place->world, name, &kind, place, 1u << 20);
        node_start(place->nodes[i]);
    }
    return place;
}

void place_free(struct place *place)
{
    world_free(place->world);
    free(place);
}

const char *place_hosts(const struct place *place)
{
    return place->hosts;
}

struct world *place_world(struct place *place)
{
    return place->world;
}

struct node *place_node(struct place *place, unsigned client)
{
    return place->nodes[client];
}

void place_pass(struct place *place, int ms)
{
    world_run(place->world, world_now_us(place->world) + ms * INT64_C(1000),
              NULL, NULL);
}

struct node_call {
    struct background background;
    void (*call)(void *context);
    void *context;
    bool done;
};

static void call_run(struct background *background)
{
    struct node_call *call =
        container_of(background, struct node_call, background);

    call->call(call->context);
    call->done = true;
}

static void call_drop(struct background *background)
{
    container_of(background, struct node_call, background)->done = true;
}

static bool call_done(void *context)
{
    return ((struct node_call *)context)->done;
}

void place_call(struct place *place, unsigned client,
                void (*function)(void *context), void *context)
{
    struct node_call call = {
        {.run = call_run, .drop = call_drop}, function, context, false};
    int64_t now = world_now_us(place->world);

    node_background(place->nodes[client], &call.background, now);
    ASSERT(world_run(place->world, now, call_done, &call));
}

bool place_wait(struct place *place, bool (*done)(void *context), void *context,
                int ms)
{
    if (done(context))
        return true;
    return world_run(place->world,
                     world_now_us(place->world) + ms * INT64_C(1000), done,
                     context);
}

void place_lock(struct place *place)
{
    (void)place;
}

void place_unlock(struct place *place)
{
    (void)place;
}

void place_expire(struct place *place, unsigned client, const clientid_t *id)
{
    (void)id;
    ASSERT(world_zookeeper_expire(place->world, place->nodes[client]));
}
