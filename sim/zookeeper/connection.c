/* SPDX-License-Identifier: Apache-2.0
 *
 * A connection between a handle and a server: two queues of packets, each
 * first in, first out. A cut link holds what is on its way, as TCP does; it
 * arrives after the link is healed unless the receiving end is closed.
 */
#include <stdlib.h>

#include "sim/zookeeper/internal.h"

#define LATENCY_MIN_US    60
#define LATENCY_SPREAD_US 240

static void up_run(struct call *call);
static void down_run(struct call *call);

struct connection *connection_new(struct ensemble *ensemble, zhandle_t *client,
                                  struct server *to)
{
    struct connection *connection = calloc(1, sizeof *connection);

    ASSERT(connection != NULL);
    connection->ensemble = ensemble;
    connection->id = ++ensemble->connection_count;
    connection->references = 1; /* the handle's */
    connection->client = client;
    connection->node = client->node;
    connection->to = to;
    connection->up_call.run = up_run;
    connection->down_call.run = down_run;
    list_init(&connection->server_link);
    list_init(&connection->up);
    list_init(&connection->down);
    list_init(&connection->waiting);
    list_init(&connection->watches);
    list_init(&connection->link);
    list_append(&ensemble->connections, &connection->link);
    return connection;
}

void connection_release(struct connection *connection)
{
    ASSERT(connection->references > 0);
    if (--connection->references > 0)
        return;
    ASSERT(connection->client == NULL);
    ASSERT(connection->server == NULL);
    ASSERT(!connection->up_call.waiting);
    ASSERT(!connection->down_call.waiting);
    list_remove(&connection->link);
    free(connection);
}

/* ---- towards the server ---- */

void connection_send_up(struct connection *connection, struct packet *packet)
{
    struct ensemble *ensemble = connection->ensemble;
    int64_t at = ensemble_now(ensemble) + LATENCY_MIN_US +
                 (int64_t)draw(ensemble, connection->node, PURPOSE_UP,
                               LATENCY_SPREAD_US);

    ASSERT(!connection->ended_up);
    connection->ended_up = packet->type == PACKET_END;
    if (at < connection->up_at_us)
        at = connection->up_at_us;
    connection->up_at_us = at;
    packet->at_us = at;
    list_append(&connection->up, &packet->link);
    if (!connection->up_call.waiting)
        call_at(ensemble, &connection->up_call, at);
}

/* The server's end opens when the first packet comes. */
static bool open_server(struct connection *connection, struct packet *packet)
{
    if (connection->server != NULL)
        return true;
    if (packet->type != PACKET_CONNECT)
        return false;
    if (!server_serves(connection->to)) {
        connection_send_down(connection, packet_new(connection, PACKET_END));
        return false;
    }
    connection->server = connection->to;
    connection->references++;
    list_append(&connection->server->connections, &connection->server_link);
    return true;
}

static void arrive_up(struct connection *connection, struct packet *packet)
{
    if (packet->type == PACKET_END) {
        connection_close_server(connection);
        packet_free(packet);
    } else if (open_server(connection, packet)) {
        serve_packet(connection, packet);
    } else {
        packet_free(packet);
    }
}

static void up_run(struct call *call)
{
    struct connection *connection =
        container_of(call, struct connection, up_call);
    struct ensemble *ensemble = connection->ensemble;
    int64_t now = ensemble_now(ensemble);
    struct packet *packet =
        container_of(list_first(&connection->up), struct packet, link);

    ASSERT(!list_empty(&connection->up));
    if (!world_connected(ensemble->world, node_name(connection->node),
                         connection->to->name)) {
        call_at(ensemble, call, now + RETRANSMIT_US);
        return;
    }
    list_remove(&packet->link);
    if (!list_empty(&connection->up)) {
        struct packet *next =
            container_of(list_first(&connection->up), struct packet, link);

        call_at(ensemble, call, next->at_us);
    }
    arrive_up(connection, packet);
}

/* ---- towards the client ---- */

void connection_send_down(struct connection *connection, struct packet *packet)
{
    struct ensemble *ensemble = connection->ensemble;
    int64_t at = ensemble_now(ensemble) + LATENCY_MIN_US + packet->delay_us +
                 (int64_t)draw(ensemble, connection->node, PURPOSE_DOWN,
                               LATENCY_SPREAD_US);

    if (connection->ended_down) {
        packet_free(packet);
        return;
    }
    connection->ended_down = packet->type == PACKET_END;
    if (at < connection->down_at_us)
        at = connection->down_at_us;
    connection->down_at_us = at;
    packet->at_us = at;
    list_append(&connection->down, &packet->link);
    if (!connection->down_call.waiting)
        call_at(ensemble, &connection->down_call, at);
}

static void background_run(struct background *background)
{
    client_receive(container_of(background, struct packet, background));
}

static void background_drop(struct background *background)
{
    packet_free(container_of(background, struct packet, background));
}

static void down_run(struct call *call)
{
    struct connection *connection =
        container_of(call, struct connection, down_call);
    struct ensemble *ensemble = connection->ensemble;
    int64_t now = ensemble_now(ensemble);
    struct packet *packet =
        container_of(list_first(&connection->down), struct packet, link);

    ASSERT(!list_empty(&connection->down));
    if (connection->client != NULL &&
        !world_connected(ensemble->world, connection->to->name,
                         node_name(connection->node))) {
        call_at(ensemble, call, now + RETRANSMIT_US);
        return;
    }
    list_remove(&packet->link);
    if (!list_empty(&connection->down)) {
        struct packet *next =
            container_of(list_first(&connection->down), struct packet, link);

        call_at(ensemble, call, next->at_us);
    }
    if (connection->client == NULL) {
        packet_free(packet);
        return;
    }
    packet->background.run = background_run;
    packet->background.drop = background_drop;
    node_background(connection->node, &packet->background, now);
}

/* ---- closing ---- */

static void drain(struct list *packets)
{
    struct list *node;

    while ((node = list_pop(packets)) != NULL)
        packet_free(container_of(node, struct packet, link));
}

void connection_break(struct connection *connection)
{
    if (!connection->ended_up)
        connection_send_up(connection, packet_new(connection, PACKET_END));
    if (connection->ended_down)
        return;
    drain(&connection->down);
    call_cancel(connection->ensemble, &connection->down_call);
    connection->down_at_us = 0;
    connection_send_down(connection, packet_new(connection, PACKET_END));
}

void connection_close_client(struct connection *connection)
{
    if (connection->client == NULL)
        return;
    connection->client = NULL;
    if (!connection->ended_up)
        connection_send_up(connection, packet_new(connection, PACKET_END));
    connection_release(connection);
}

void connection_close_server(struct connection *connection)
{
    struct list *node;

    if (connection->server == NULL)
        return;
    watch_forget(connection);
    while ((node = list_pop(&connection->waiting)) != NULL) {
        struct packet *packet = container_of(node, struct packet, link);

        packet->orphan = packet->forwarded && !packet->decided;
        if (!packet->orphan)
            packet_free(packet);
    }
    list_remove(&connection->server_link);
    connection->server = NULL;
    if (!connection->ensemble->freeing)
        connection_send_down(connection, packet_new(connection, PACKET_END));
    connection_release(connection);
}

void connection_drain(struct connection *connection)
{
    connection->references++;
    call_cancel(connection->ensemble, &connection->up_call);
    call_cancel(connection->ensemble, &connection->down_call);
    connection->ended_up = true;
    connection_close_server(connection);
    connection_close_client(connection);
    drain(&connection->up);
    drain(&connection->down);
    list_remove(&connection->link);
    connection_release(connection);
}
