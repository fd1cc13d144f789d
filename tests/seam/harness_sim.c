/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "seam/memory.h"
#include "sim/world.h"
#include "tests/seam/harness.h"

struct harness {
    struct world *world;
    struct node *node;
    struct seam *seam;
    void (*accepted)(const struct event *event);
    char paths[8][512];
    unsigned next_path;
};

static void *on_start(struct node *node, struct seam *seam, void *context)
{
    struct harness *harness = context;

    (void)node;
    harness->seam = seam;
    return harness;
}

static void on_event(void *object, const struct event *event)
{
    struct harness *harness = object;

    if (event->type == EVENT_NET_ACCEPTED && harness->accepted != NULL)
        harness->accepted(event);
    else if (event->type != EVENT_NET_ACCEPTED)
        event_dispatch(event);
}

static const struct node_kind kind = {on_start, on_event, NULL};

struct harness *harness_new(void)
{
    struct harness *harness = calloc(1, sizeof *harness);
    const char *seed = getenv("SEED");
    struct world_options options = {.seed = seed ? strtoull(seed, NULL, 10) : 1,
                                    .wall_start_ms = 1700000000000};

    harness->world = world_new(&options);
    harness->node = world_add_node(harness->world, "n1", &kind, harness,
                                   HARNESS_HEAP_BYTES);
    node_start(harness->node);
    return harness;
}

void harness_free(struct harness *harness)
{
    if (harness == NULL)
        return;
    world_free(harness->world);
    free(harness);
}

struct seam *harness_seam(struct harness *harness)
{
    return harness->seam;
}

void harness_wait(struct harness *harness, bool (*done)(void *context),
                  void *context)
{
    if (done(context))
        return;
    if (!world_run(harness->world, world_now_us(harness->world) + 20000000,
                   done, context))
        fail_msg("nothing came within 20 s");
    assert_null(world_assertion(harness->world));
}

void harness_pass(struct harness *harness, int64_t us)
{
    world_run(harness->world, world_now_us(harness->world) + us, NULL, NULL);
}

void harness_on_accepted(struct harness *harness,
                         void (*accepted)(const struct event *event))
{
    harness->accepted = accepted;
}

const char *harness_path(struct harness *harness, const char *name)
{
    char *path = harness->paths[harness->next_path++ % 8];

    snprintf(path, sizeof harness->paths[0], "/%s", name);
    return path;
}

bool harness_limit_space(struct harness *harness, uint64_t bytes)
{
    node_set_disk_capacity(harness->node, bytes);
    return true;
}

/* A simulated disk knows no permissions. */
bool harness_forbid_writes(struct harness *harness)
{
    (void)harness;
    return false;
}
