/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the ends: segments take their time and keep their order; what
 * meets a cut hangs until it is healed. Who hears something for an end that
 * is gone answers with a reset; a machine without power answers nothing
 * until it runs again.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/net_internal.h"
#include "sim/pool.h"

#define BYTES_PER_US      125 /* 1 Gbit/s */
#define RETRANSMIT_US_MAX 200000
#define WINDOW_BYTES_MIN  (64 << 10)
#define WINDOW_BYTES_MAX  (256 << 10)

/* ---- cuts -------------------------------------------------------------- */

struct cut {
    struct list link;
    char *from;
    char *to;
};

static bool names(const char *pattern, const char *name)
{
    return strcmp(pattern, "*") == 0 || strcmp(pattern, name) == 0;
}

bool world_connected(struct world *world, const char *from, const char *to)
{
    if (list_empty(&world->cuts) || strcmp(from, to) == 0)
        return true;
    list_for_each (link, &world->cuts) {
        struct cut *cut = container_of(link, struct cut, link);

        if (names(cut->from, from) && names(cut->to, to))
            return false;
    }
    return true;
}

bool nodes_connected(struct world *world, const struct node *from,
                     const struct node *to)
{
    return list_empty(&world->cuts) ||
           world_connected(world, from->name, to->name);
}

static void add_cut(struct world *world, const char *from, const char *to)
{
    struct cut *cut = calloc(1, sizeof *cut);

    ASSERT(cut != NULL);
    cut->from = strdup(from);
    cut->to = strdup(to);
    list_append(&world->cuts, &cut->link);
}

void world_cut(struct world *world, const char *a, const char *b, bool one_way)
{
    world_note(world, NULL, "cut %s %s %s", a, one_way ? "->" : "--", b);
    add_cut(world, a, b);
    if (!one_way)
        add_cut(world, b, a);
}

static void cut_free(struct cut *cut)
{
    list_remove(&cut->link);
    free(cut->from);
    free(cut->to);
    free(cut);
}

/* "*" takes away every cut of the other name. */
void world_heal(struct world *world, const char *a, const char *b)
{
    world_note(world, NULL, "heal %s %s", a, b);
    list_for_each_safe (link, &world->cuts) {
        struct cut *cut = container_of(link, struct cut, link);

        if ((names(a, cut->from) && names(b, cut->to)) ||
            (names(b, cut->from) && names(a, cut->to)))
            cut_free(cut);
    }
    net_healed(world);
}

void cuts_release(struct world *world)
{
    while (!list_empty(&world->cuts))
        cut_free(container_of(list_first(&world->cuts), struct cut, link));
}

void world_heal_all(struct world *world)
{
    world_note(world, NULL, "heal all");
    cuts_release(world);
    net_healed(world);
}

/* ---- lanes ------------------------------------------------------------- */

struct segment *segment_new(enum segment_kind kind, size_t size)
{
    struct segment *segment = pool_take(sizeof *segment + size);

    *segment = (struct segment){.kind = kind, .size = size};
    list_init(&segment->link);
    return segment;
}

void segment_free(struct segment *segment)
{
    pool_give(segment, sizeof *segment + segment->size);
}

int64_t wire_latency_us(struct wire *wire, unsigned from)
{
    bool local = wire->nodes[0] == wire->nodes[1];

    return world_between(wire->world, wire->nodes[from], PURPOSE_NET_LATENCY,
                         local ? 10 : 50, local ? 30 : 300);
}

static void plan_arrival(struct lane *lane)
{
    struct segment *first;

    if (list_empty(&lane->segments) || lane->hangs ||
        happening_waits(&lane->arrival))
        return;
    first = container_of(list_first(&lane->segments), struct segment, link);
    world_schedule(lane->wire->world, &lane->arrival, first->at_us);
}

void net_lane_send(struct lane *lane, struct segment *segment)
{
    struct wire *wire = lane->wire;
    int64_t at_us = segment->at_us + wire->world->now_us +
                    wire_latency_us(wire, lane->from);

    if (wire->dead) {
        segment_free(segment);
        return;
    }
    if (at_us < lane->last_us)
        at_us = lane->last_us;
    at_us += (int64_t)segment->size / BYTES_PER_US;
    segment->at_us = at_us;
    lane->last_us = at_us;
    list_append(&lane->segments, &segment->link);
    plan_arrival(lane);
}

static void hears(struct connection *connection, struct segment *segment)
{
    switch (segment->kind) {
    case SEGMENT_DATA:
        list_append(&connection->received, &segment->link);
        connection->received_bytes += segment->size;
        connection_want_read(connection);
        return;
    case SEGMENT_FIN:
        connection->ended = true;
        connection_want_read(connection);
        break;
    case SEGMENT_RST:
        connection_fail(connection, ERROR_CLOSED);
        break;
    }
    segment_free(segment);
}

/* False: it cannot get there now. */
static bool may_arrive(struct lane *lane)
{
    struct wire *wire = lane->wire;
    struct node *to = wire->nodes[1 - lane->from];
    struct connection *end = wire->ends[1 - lane->from];

    return nodes_connected(wire->world, wire->nodes[lane->from], to) &&
           !to->net->without_power && (end == NULL || end->connected);
}

/* The last word of an end that is gone is said again for a while only. */
static bool is_lost(struct lane *lane, const struct segment *segment)
{
    return segment->kind != SEGMENT_DATA &&
           world_chance(lane->wire->world, lane->wire->nodes[lane->from],
                        PURPOSE_NET_FAULT, 2);
}

static void on_arrival(struct happening *happening)
{
    struct lane *lane = container_of(happening, struct lane, arrival);
    struct segment *segment =
        container_of(list_first(&lane->segments), struct segment, link);
    struct wire *wire = lane->wire;
    struct connection *end = wire->ends[1 - lane->from];

    if (!may_arrive(lane)) {
        if (is_lost(lane, segment)) {
            list_remove(&segment->link);
            segment_free(segment);
        } else {
            lane->hangs = true;
        }
        plan_arrival(lane);
        return;
    }
    list_remove(&segment->link);
    plan_arrival(lane);
    if (end != NULL && !end->failed) {
        hears(end, segment);
        return;
    }
    if (end == NULL && segment->kind == SEGMENT_DATA)
        net_lane_send(&wire->lanes[1 - lane->from],
                      segment_new(SEGMENT_RST, 0));
    segment_free(segment);
}

static void plan_credit(struct lane *lane)
{
    if (lane->credited > 0 && !happening_waits(&lane->credit))
        world_schedule(lane->wire->world, &lane->credit,
                       lane->wire->world->now_us +
                           wire_latency_us(lane->wire, 1 - lane->from));
}

void lane_credit(struct lane *lane, size_t bytes)
{
    lane->credited += bytes;
    plan_credit(lane);
}

static void on_credit(struct happening *happening)
{
    struct lane *lane = container_of(happening, struct lane, credit);
    struct wire *wire = lane->wire;
    struct connection *sender = wire->ends[lane->from];

    if (wire->dead || !nodes_connected(wire->world, wire->nodes[1 - lane->from],
                                       wire->nodes[lane->from]))
        return; /* net_healed() plans it again */
    ASSERT(lane->used >= lane->credited);
    lane->used -= lane->credited;
    lane->credited = 0;
    if (sender != NULL)
        connection_pump(sender);
}

void net_healed(struct world *world)
{
    list_for_each (link, &world->wires) {
        struct wire *wire = container_of(link, struct wire, link);

        for (unsigned side = 0; side < 2; side++) {
            struct lane *lane = &wire->lanes[side];

            if (wire->nodes[1] == NULL || wire->dead)
                continue;
            plan_credit(lane);
            if (!lane->hangs || !may_arrive(lane))
                continue;
            lane->hangs = false;
            if (list_empty(&lane->segments))
                continue;
            world_schedule(world, &lane->arrival,
                           world->now_us +
                               world_between(world, wire->nodes[side],
                                             PURPOSE_NET_LATENCY, 50,
                                             RETRANSMIT_US_MAX));
        }
    }
}

/* ---- wires ------------------------------------------------------------- */

struct wire *wire_new(struct world *world, struct node *from)
{
    struct wire *wire = calloc(1, sizeof *wire);

    ASSERT(wire != NULL);
    wire->world = world;
    wire->id = ++world->next_wire;
    wire->nodes[0] = from;
    list_init(&wire->link);
    list_append(&world->wires, &wire->link);
    for (unsigned side = 0; side < 2; side++) {
        struct lane *lane = &wire->lanes[side];

        lane->wire = wire;
        lane->from = side;
        lane->arrival.run = on_arrival;
        lane->credit.run = on_credit;
        lane->window =
            (size_t)world_between(world, from, PURPOSE_NET_WINDOW,
                                  WINDOW_BYTES_MIN, WINDOW_BYTES_MAX);
        list_init(&lane->segments);
    }
    return wire;
}

static void lane_clear(struct lane *lane)
{
    struct list *link;

    world_cancel(lane->wire->world, &lane->arrival);
    world_cancel(lane->wire->world, &lane->credit);
    while ((link = list_pop(&lane->segments)) != NULL)
        segment_free(container_of(link, struct segment, link));
}

void wire_kill(struct wire *wire)
{
    wire->dead = true;
    lane_clear(&wire->lanes[0]);
    lane_clear(&wire->lanes[1]);
}

void wire_free(struct wire *wire)
{
    wire_kill(wire);
    world_cancel(wire->world, &wire->handshake);
    list_remove(&wire->link);
    free(wire);
}

void wire_vanish(struct connection *connection)
{
    struct wire *wire = connection->wire;

    if (wire == NULL)
        return;
    connection->wire = NULL;
    wire->ends[connection->side] = NULL;
    if (wire->ends[1 - connection->side] == NULL)
        wire_free(wire);
}

void wire_leave(struct connection *connection, enum segment_kind how)
{
    struct wire *wire = connection->wire;

    if (wire == NULL)
        return;
    if (wire->ends[1 - connection->side] != NULL)
        net_lane_send(&wire->lanes[connection->side], segment_new(how, 0));
    wire_vanish(connection);
}
