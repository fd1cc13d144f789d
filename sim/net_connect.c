/* SPDX-License-Identifier: Apache-2.0
 *
 * Listening, and the way from net_connect() to a connection: the request
 * takes its time to the listener, the answer its time back; what meets a cut
 * is said again every second until it is given up.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/net_internal.h"

#define AGAIN_US     1000000
#define GIVE_UP_US   20000000
#define PORT_CHOSEN  20000
#define PORT_CONNECT 32768

/* ---- listening --------------------------------------------------------- */

static struct net_listener *find_listener(struct net *net, uint16_t port)
{
    list_for_each (link, &net->listeners) {
        struct net_listener *listener =
            container_of(link, struct net_listener, link);

        if (listener->port == port)
            return listener;
    }
    return NULL;
}

enum error net_listen(struct net *net, const char *host, uint16_t port,
                      struct net_listener **out)
{
    struct net_listener *listener;

    (void)host; /* a node is reached by its name, whatever it listens on */
    if (port == 0)
        for (port = PORT_CHOSEN; find_listener(net, port) != NULL; port++)
            continue;
    if (find_listener(net, port) != NULL)
        return ERROR_ADDRESS_IN_USE;
    listener = calloc(1, sizeof *listener);
    ASSERT(listener != NULL);
    listener->net = net;
    listener->port = port;
    list_init(&listener->link);
    list_append(&net->listeners, &listener->link);
    *out = listener;
    return ERROR_NONE;
}

uint16_t net_listener_port(const struct net_listener *listener)
{
    return listener->port;
}

void net_listener_close(struct net *net, struct net_listener *listener)
{
    list_for_each_safe (link, &net->connections) {
        struct connection *connection =
            container_of(link, struct connection, link);

        if (connection->listener == listener)
            net_close(connection);
    }
    list_remove(&listener->link);
    list_append(&net->dead_listeners, &listener->link);
}

/* ---- connecting -------------------------------------------------------- */

static void on_accepted(struct delivery *delivery)
{
    struct connection *connection =
        container_of(delivery, struct connection, accepted);
    struct event event = {.type = EVENT_NET_ACCEPTED,
                          .connection = connection,
                          .listener = connection->listener};
    struct event_key key = {.what = "accepted", .id = connection->wire->id};

    connection->listener = NULL;
    node_handle(connection->net->node, &event, &key);
    if (!connection->dead && connection->owner == NULL)
        net_close(connection); /* nobody wanted it */
}

static void on_established(struct delivery *delivery)
{
    struct connection *connection =
        container_of(delivery, struct connection, established);
    struct event event = {.type = EVENT_NET_CONNECTED,
                          .connection = connection};
    struct event_key key = {.what = "connected"};

    if (connection->failed)
        return;
    key.id = connection->wire->id;
    node_handle(connection->net->node, &event, &key);
}

static bool reachable(struct wire *wire)
{
    return nodes_connected(wire->world, wire->nodes[0], wire->nodes[1]) &&
           nodes_connected(wire->world, wire->nodes[1], wire->nodes[0]);
}

static void again(struct wire *wire)
{
    if (wire->world->now_us >= wire->give_up_us)
        connection_fail(wire->ends[0], ERROR_TIMED_OUT);
    else
        world_schedule(wire->world, &wire->handshake,
                       wire->world->now_us + AGAIN_US);
}

/* The answer is there: the client may go on. */
static void on_answer(struct happening *happening)
{
    struct wire *wire = container_of(happening, struct wire, handshake);
    struct connection *client = wire->ends[0];

    if (client == NULL || client->failed)
        return;
    if (!nodes_connected(wire->world, wire->nodes[1], wire->nodes[0])) {
        again(wire);
        return;
    }
    client->connected = true;
    node_arrive(client->net->node, &client->established);
    connection_pump(client);
    if (wire->lanes[1].hangs)
        net_healed(wire->world);
}

static void accept_one(struct wire *wire, struct net_listener *listener)
{
    struct world *world = wire->world;
    struct net *net = listener->net;
    struct connection *server = connection_new(net, wire, 1);

    server->connected = true;
    server->listener = listener;
    snprintf(server->name, sizeof server->name, "%.60s:%u",
             wire->nodes[0]->name, (unsigned)wire->nodes[0]->net->next_port);
    node_arrive(net->node, &server->accepted);
    wire->handshake.run = on_answer;
    wire->lanes[1].last_us = world->now_us + wire_latency_us(wire, 1);
    world_schedule(world, &wire->handshake, wire->lanes[1].last_us);
}

static void on_refusal(struct happening *happening)
{
    struct wire *wire = container_of(happening, struct wire, handshake);

    connection_fail(wire->ends[0], ERROR_REFUSED);
}

static void on_request(struct happening *happening)
{
    struct wire *wire = container_of(happening, struct wire, handshake);
    struct node *server = wire->nodes[1];
    struct net_listener *listener;

    if (server == NULL) {
        connection_fail(wire->ends[0], ERROR_UNREACHABLE);
        return;
    }
    if (!reachable(wire)) {
        again(wire);
        return;
    }
    listener = server->up && !wire->refused
                   ? find_listener(server->net, wire->port)
                   : NULL;
    if (listener != NULL) {
        accept_one(wire, listener);
        return;
    }
    wire->handshake.run = on_refusal;
    world_schedule(wire->world, &wire->handshake,
                   wire->world->now_us + wire_latency_us(wire, 1));
}

static struct node *resolve(struct net *net, const char *host)
{
    if (strcmp(host, "localhost") == 0 || strcmp(host, "127.0.0.1") == 0 ||
        strcmp(host, "::1") == 0)
        return net->node;
    return world_node(net->node->world, host);
}

void connecting_start(struct connection *connection, const char *host,
                      uint16_t port)
{
    struct wire *wire = connection->wire;
    struct net *net = connection->net;
    struct world *world = wire->world;

    net->next_port = net->next_port == 0 || net->next_port == UINT16_MAX
                         ? PORT_CONNECT
                         : (uint16_t)(net->next_port + 1);
    wire->nodes[1] = resolve(net, host);
    wire->port = port;
    wire->refused = NODE_FAULT(net->node, NET_CONNECT_REFUSE);
    wire->give_up_us = world->now_us + GIVE_UP_US;
    wire->handshake.run = on_request;
    world_schedule(world, &wire->handshake,
                   world->now_us + wire_latency_us(wire, 0));
}

/* ---- handles of both kinds --------------------------------------------- */

void connecting_init(struct connection *connection)
{
    delivery_init(&connection->accepted, on_accepted);
    delivery_init(&connection->established, on_established);
}
