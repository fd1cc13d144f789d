/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulated network as a process sees it: handles, reading, closing.
 * Output is in sim/net_send.c, connecting in sim/net_connect.c, what lies
 * between the ends in sim/net_wire.c.
 */
#include "seam/net.h"

#include <stdlib.h>
#include <string.h>

#include "sim/net_internal.h"

/* ---- events ------------------------------------------------------------ */

static void connection_kill(struct connection *connection);

static uint64_t id_of(const struct connection *connection)
{
    return connection->wire ? connection->wire->id : 0;
}

static void on_readable(struct delivery *delivery)
{
    struct connection *connection =
        container_of(delivery, struct connection, readable);
    struct event event = {.type = EVENT_NET_READABLE, .connection = connection};
    struct event_key key = {.what = "readable",
                            .id = id_of(connection),
                            .a = connection->received_bytes};

    if (connection->paused || connection->failed)
        return;
    node_handle(connection->net->node, &event, &key);
    connection_want_read(connection);
}

static void on_closed(struct delivery *delivery)
{
    struct connection *connection =
        container_of(delivery, struct connection, closed);
    struct event event = {.type = EVENT_NET_CLOSED,
                          .error = connection->error,
                          .connection = connection};
    struct event_key key = {.what = "closed", .id = id_of(connection)};

    if (connection->owner != NULL)
        node_handle(connection->net->node, &event, &key);
    connection_kill(connection);
}

void connection_want_read(struct connection *connection)
{
    if (connection->dead || connection->failed || connection->paused)
        return;
    if (connection->received_bytes > 0)
        node_arrive(connection->net->node, &connection->readable);
    else if (connection->ended)
        connection_fail(connection, ERROR_CLOSED);
}

static void drop_received(struct connection *connection)
{
    struct list *link;

    while ((link = list_pop(&connection->received)) != NULL)
        segment_free(container_of(link, struct segment, link));
    connection->received_bytes = 0;
}

void connection_fail(struct connection *connection, enum error error)
{
    if (connection->failed || connection->dead)
        return;
    connection->failed = true;
    connection->error = error;
    drop_received(connection);
    node_arrive(connection->net->node, &connection->closed);
}

/* ---- handles ----------------------------------------------------------- */

struct connection *connection_new(struct net *net, struct wire *wire,
                                  unsigned side)
{
    struct connection *connection = calloc(1, sizeof *connection);

    ASSERT(connection != NULL);
    connection->net = net;
    connection->wire = wire;
    connection->side = side;
    wire->ends[side] = connection;
    list_init(&connection->link);
    list_init(&connection->received);
    list_init(&connection->sends);
    connection->pump.run = on_pump;
    connecting_init(connection);
    delivery_init(&connection->readable, on_readable);
    delivery_init(&connection->closed, on_closed);
    list_append(&net->connections, &connection->link);
    return connection;
}

/* Takes it off the queues of the world and of the node. */
static void detach(struct connection *connection)
{
    world_cancel(connection->net->node->world, &connection->pump);
    list_remove(&connection->accepted.link);
    list_remove(&connection->established.link);
    list_remove(&connection->readable.link);
    list_remove(&connection->closed.link);
    list_remove(&connection->link);
}

static void connection_kill(struct connection *connection)
{
    struct net *net = connection->net;
    bool unread = connection->received_bytes > 0;

    if (connection->dead)
        return;
    connection->dead = true;
    connection->listener = NULL;
    detach(connection);
    drop_received(connection);
    wire_leave(connection, unread || (connection->failed && !connection->ended)
                               ? SEGMENT_RST
                               : SEGMENT_FIN);
    sends_cancel(connection);
    list_append(&net->dead, &connection->link);
}

struct connection *net_connect(struct net *net, const char *host, uint16_t port,
                               struct connection_owner *owner)
{
    struct wire *wire = wire_new(net->node->world, net->node);
    struct connection *connection = connection_new(net, wire, 0);

    connection->owner = owner;
    snprintf(connection->name, sizeof connection->name, "%.60s:%u", host,
             (unsigned)port);
    connecting_start(connection, host, port);
    return connection;
}

void net_set_owner(struct connection *connection,
                   struct connection_owner *owner)
{
    connection->owner = owner;
}

struct connection_owner *net_owner(const struct connection *connection)
{
    return connection->owner;
}

const char *net_peer_name(const struct connection *connection)
{
    return connection->name;
}

/* A read may end before what waits does. */
static bool is_short(struct connection *connection)
{
    struct node *node = connection->net->node;

    return world_chance(node->world, node, PURPOSE_NET_SPLIT, 8);
}

size_t net_read(struct connection *connection, void *buffer, size_t size)
{
    size_t done = 0;

    if (connection->failed || connection->dead)
        return 0;
    while (done < size && !list_empty(&connection->received)) {
        struct segment *segment = container_of(
            list_first(&connection->received), struct segment, link);
        size_t part = segment->size - segment->read;

        if (part > size - done)
            part = size - done;
        memcpy((uint8_t *)buffer + done, segment->data + segment->read, part);
        segment->read += part;
        done += part;
        if (segment->read < segment->size)
            break;
        list_remove(&segment->link);
        segment_free(segment);
        if (is_short(connection))
            break;
    }
    connection->received_bytes -= done;
    if (done > 0 && connection->wire != NULL)
        lane_credit(&connection->wire->lanes[1 - connection->side], done);
    if (connection->received_bytes == 0 && size > 0)
        connection_want_read(connection);
    return done;
}

void net_pause(struct connection *connection)
{
    connection->paused = true;
}

void net_resume(struct connection *connection)
{
    connection->paused = false;
    connection_want_read(connection);
}

void net_close(struct connection *connection)
{
    connection_kill(connection);
}

/* ---- life -------------------------------------------------------------- */

struct net *net_new(struct node *node)
{
    struct net *net = calloc(1, sizeof *net);

    ASSERT(net != NULL);
    net->node = node;
    list_init(&net->connections);
    list_init(&net->listeners);
    list_init(&net->dead);
    list_init(&net->dead_listeners);
    list_init(&net->over);
    return net;
}

void net_bury(struct net *net)
{
    struct list *link;

    while ((link = list_pop(&net->dead)) != NULL)
        free(container_of(link, struct connection, link));
    while ((link = list_pop(&net->dead_listeners)) != NULL)
        free(container_of(link, struct net_listener, link));
}

/* The files of sends are the disk's to free; sends lie in the heap. */
void net_process_ended(struct net *net, bool power)
{
    struct list *link;

    while ((link = list_first(&net->connections)) != &net->connections) {
        struct connection *connection =
            container_of(link, struct connection, link);
        bool unread = connection->received_bytes > 0;

        detach(connection);
        drop_received(connection);
        if (power)
            wire_vanish(connection);
        else
            wire_leave(connection, unread ? SEGMENT_RST : SEGMENT_FIN);
        free(connection);
    }
    while ((link = list_pop(&net->listeners)) != NULL)
        free(container_of(link, struct net_listener, link));
    sends_drop(net);
    net_bury(net);
    net->without_power = power;
}

void net_process_starts(struct net *net)
{
    if (!net->without_power)
        return;
    net->without_power = false;
    net_healed(net->node->world);
}

void net_free(struct net *net)
{
    free(net);
}
