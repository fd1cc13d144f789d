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

struct connection *zk_connection_new(struct ensemble *ensemble,
                                     zhandle_t *client, struct server *to)
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

void zk_connection_release(struct connection *connection)
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

void zk_connection_send_up(struct connection *connection, struct packet *packet)
{
    struct ensemble *ensemble = connection->ensemble;
    int64_t at = ensemble_now(ensemble) + LATENCY_MIN_US +
                 (int64_t)zk_draw(ensemble, connection->node, PURPOSE_UP,
                                  LATENCY_SPREAD_US);

    ASSERT(!connection->ended_up);
    connection->ended_up = packet->type == PACKET_END;
    if (at < connection->up_at_us)
        at = connection->up_at_us;
    connection->up_at_us = at;
    packet->at_us = at;
    list_append(&connection->up, &packet->link);
    if (!connection->up_call.waiting)
        zk_call_at(ensemble, &connection->up_call, at);
}

/* The server's end opens when the first packet comes. */
static bool open_server(struct connection *connection, struct packet *packet)
{
    if (connection->server != NULL)
        return true;
    if (packet->type != PACKET_CONNECT)
        return false;
    if (!zk_server_serves(connection->to)) {
        zk_connection_send_down(connection,
                                zk_packet_new(connection, PACKET_END));
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
        zk_connection_close_server(connection);
        zk_packet_free(packet);
    } else if (open_server(connection, packet)) {
        zk_serve_packet(connection, packet);
    } else {
        zk_packet_free(packet);
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
        zk_call_at(ensemble, call, now + RETRANSMIT_US);
        return;
    }
    list_remove(&packet->link);
    if (!list_empty(&connection->up)) {
        struct packet *next =
            container_of(list_first(&connection->up), struct packet, link);

        zk_call_at(ensemble, call, next->at_us);
    }
    arrive_up(connection, packet);
}

/* ---- towards the client ---- */

void zk_connection_send_down(struct connection *connection,
                             struct packet *packet)
{
    struct ensemble *ensemble = connection->ensemble;
    int64_t at = ensemble_now(ensemble) + LATENCY_MIN_US + packet->delay_us +
                 (int64_t)zk_draw(ensemble, connection->node, PURPOSE_DOWN,
                                  LATENCY_SPREAD_US);

    if (connection->ended_down) {
        zk_packet_free(packet);
        return;
    }
    connection->ended_down = packet->type == PACKET_END;
    if (at < connection->down_at_us)
        at = connection->down_at_us;
    connection->down_at_us = at;
    packet->at_us = at;
    list_append(&connection->down, &packet->link);
    if (!connection->down_call.waiting)
        zk_call_at(ensemble, &connection->down_call, at);
}

static void background_run(struct background *background)
{
    zk_client_receive(container_of(background, struct packet, background));
}

static void background_drop(struct background *background)
{
    zk_packet_free(container_of(background, struct packet, background));
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
        zk_call_at(ensemble, call, now + RETRANSMIT_US);
        return;
    }
    list_remove(&packet->link);
    if (!list_empty(&connection->down)) {
        struct packet *next =
            container_of(list_first(&connection->down), struct packet, link);

        zk_call_at(ensemble, call, next->at_us);
    }
    if (connection->client == NULL) {
        zk_packet_free(packet);
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
        zk_packet_free(container_of(node, struct packet, link));
}

void zk_connection_break(struct connection *connection)
{
    if (!connection->ended_up)
        zk_connection_send_up(connection,
                              zk_packet_new(connection, PACKET_END));
    if (connection->ended_down)
        return;
    drain(&connection->down);
    zk_call_cancel(connection->ensemble, &connection->down_call);
    connection->down_at_us = 0;
    zk_connection_send_down(connection, zk_packet_new(connection, PACKET_END));
}

void zk_connection_close_client(struct connection *connection)
{
    if (connection->client == NULL)
        return;
    connection->client = NULL;
    if (!connection->ended_up)
        zk_connection_send_up(connection,
                              zk_packet_new(connection, PACKET_END));
    zk_connection_release(connection);
}

void zk_connection_close_server(struct connection *connection)
{
    struct list *node;

    if (connection->server == NULL)
        return;
    zk_watch_forget(connection);
    while ((node = list_pop(&connection->waiting)) != NULL) {
        struct packet *packet = container_of(node, struct packet, link);

        packet->orphan = packet->forwarded && !packet->decided;
        if (!packet->orphan)
            zk_packet_free(packet);
    }
    list_remove(&connection->server_link);
    connection->server = NULL;
    if (!connection->ensemble->freeing)
        zk_connection_send_down(connection,
                                zk_packet_new(connection, PACKET_END));
    zk_connection_release(connection);
}

void zk_connection_drain(struct connection *connection)
{
    connection->references++;
    zk_call_cancel(connection->ensemble, &connection->up_call);
    zk_call_cancel(connection->ensemble, &connection->down_call);
    connection->ended_up = true;
    zk_connection_close_server(connection);
    zk_connection_close_client(connection);
    drain(&connection->up);
    drain(&connection->down);
    list_remove(&connection->link);
    zk_connection_release(connection);
}
