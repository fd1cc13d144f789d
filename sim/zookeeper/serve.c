/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests at a server. Those of one connection are answered in order: reads
 * from what this server has applied, writes and syncs when the leader has
 * decided them and this server has come so far.
 */
#include <string.h>

#include "sim/zookeeper/internal.h"

static bool for_leader(const struct packet *packet)
{
    switch (packet->type) {
    case PACKET_CONNECT:
    case PACKET_WRITE:
    case PACKET_MULTI:
    case PACKET_SYNC:
    case PACKET_CLOSE_SESSION:
        return true;
    default:
        return false;
    }
}

/* ---- reads ---- */

static void read_children(const struct znode *node, struct packet *packet)
{
    list_for_each (at, &node->children)
        zk_paths_add(&packet->children,
                     zk_znode_name(container_of(at, struct znode, sibling)));
}

static void read_znode(struct connection *connection, struct packet *packet)
{
    struct znode *node = zk_tree_find(&connection->server->tree, packet->path);
    enum watch_kind kind =
        packet->type == PACKET_CHILDREN ? WATCH_CHILD : WATCH_DATA;

    if (packet->watch && (node != NULL || packet->type == PACKET_EXISTS))
        zk_watch_add(connection, kind, packet->path);
    if (node == NULL) {
        packet->rc = ZNONODE;
        return;
    }
    zk_znode_stat(node, &packet->stat);
    if (packet->type == PACKET_GET)
        packet->data = zk_blob_hold(node->data);
    if (packet->type == PACKET_CHILDREN)
        read_children(node, packet);
}

/* ---- answers ---- */

/* False: the connection is closed and the packet gone. */
static bool answer(struct connection *connection, struct packet *packet)
{
    enum packet_type type = packet->type;

    list_remove(&packet->link);
    if (type == PACKET_GET || type == PACKET_EXISTS || type == PACKET_CHILDREN)
        read_znode(connection, packet);
    if (type == PACKET_SET_WATCHES)
        zk_watch_set(connection, packet);
    if (type == PACKET_CONNECT)
        connection->session_id = packet->session_id;
    /* A session that moved is an error of the connection, not of the request
     * (ZOOKEEPER-710): a renewal that was given up may be carried out late,
     * and the client must renew once more. */
    if (packet->lose_answer || packet->rc == ZSESSIONMOVED) {
        zk_packet_free(packet);
        zk_connection_close_server(connection);
        return false;
    }
    packet->zxid = connection->server->applied_zxid;
    zk_connection_send_down(connection, packet);
    if (type != PACKET_CLOSE_SESSION &&
        (type != PACKET_CONNECT || connection->session_id != 0))
        return true;
    zk_connection_close_server(connection);
    return false;
}

void zk_serve_waiting(struct connection *connection)
{
    while (connection->server != NULL && !list_empty(&connection->waiting)) {
        struct packet *packet =
            container_of(list_first(&connection->waiting), struct packet, link);

        if (for_leader(packet) &&
            (!packet->decided || connection->server->applied < packet->index))
            return;
        if (!answer(connection, packet))
            return;
    }
}

void zk_serve_packet(struct connection *connection, struct packet *packet)
{
    struct server *server = connection->server;

    if (packet->bytes > REQUEST_BYTES_MAX ||
        (packet->type == PACKET_CONNECT &&
         packet->last_zxid > server->applied_zxid)) {
        zk_packet_free(packet);
        zk_connection_close_server(connection);
        return;
    }
    if (connection->session_id != 0)
        zk_session_touch(server->ensemble, server, connection->session_id);
    if (packet->type == PACKET_PING) {
        packet->zxid = server->applied_zxid;
        zk_connection_send_down(connection, packet);
        return;
    }
    list_append(&connection->waiting, &packet->link);
    if (for_leader(packet))
        zk_server_forward(server, packet);
    zk_serve_waiting(connection);
}
