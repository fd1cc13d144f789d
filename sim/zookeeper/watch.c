/* SPDX-License-Identifier: Apache-2.0
 *
 * One-shot watches that a server keeps for its connections: lost with the
 * connection; the library sets them again on the next one.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/zookeeper/internal.h"

static int watch_compare(const struct server_watch *a,
                         const struct server_watch *b)
{
    int order;

    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    order = strcmp(a->path, b->path);
    if (order != 0)
        return order;
    return a->connection->id < b->connection->id
               ? -1
               : a->connection->id > b->connection->id;
}
RB_GENERATE_STATIC(watch_tree, server_watch, entry, watch_compare)

void zk_watch_add(struct connection *connection, enum watch_kind kind,
                  const char *path)
{
    struct server_watch *watch = calloc(1, sizeof *watch);

    ASSERT(watch != NULL);
    watch->kind = kind;
    watch->path = strdup(path);
    ASSERT(watch->path != NULL);
    watch->connection = connection;
    list_init(&watch->link);
    if (RB_INSERT(watch_tree, &connection->server->watches, watch) != NULL) {
        free(watch->path);
        free(watch);
        return;
    }
    list_append(&connection->watches, &watch->link);
}

static void watch_free(struct server *server, struct server_watch *watch)
{
    RB_REMOVE(watch_tree, &server->watches, watch);
    list_remove(&watch->link);
    free(watch->path);
    free(watch);
}

void zk_watch_forget(struct connection *connection)
{
    while (!list_empty(&connection->watches))
        watch_free(connection->server,
                   container_of(list_first(&connection->watches),
                                struct server_watch, link));
}

void zk_watch_event(struct connection *connection, int event, const char *path)
{
    struct packet *packet = zk_packet_new(connection, PACKET_EVENT);

    packet->event = event;
    packet->path = strdup(path);
    ASSERT(packet->path != NULL);
    zk_connection_send_down(connection, packet);
}

/* A connection with both kinds on a deleted znode hears of it once. */
static bool watches_both(struct server *server,
                         const struct server_watch *watch)
{
    struct server_watch key = *watch;

    key.kind = WATCH_CHILD;
    return RB_FIND(watch_tree, &server->watches, &key) != NULL;
}

static void fire(struct server *server, enum watch_kind kind, int event,
                 const char *path)
{
    struct connection nobody = {.id = 0};
    struct server_watch key = {
        .kind = kind, .path = (char *)(uintptr_t)path, .connection = &nobody};
    struct server_watch *watch = RB_NFIND(watch_tree, &server->watches, &key);

    while (watch != NULL && watch->kind == kind &&
           strcmp(watch->path, path) == 0) {
        struct server_watch *next =
            RB_NEXT(watch_tree, &server->watches, watch);
        bool again = kind == WATCH_DATA && event == ZOO_DELETED_EVENT &&
                     watches_both(server, watch);

        if (!again)
            zk_watch_event(watch->connection, event, path);
        watch_free(server, watch);
        watch = next;
    }
}

void zk_watch_change(struct server *server, const struct change *change)
{
    const char *path = change->path;
    size_t length = (size_t)(strrchr(path, '/') - path);
    char *parent = strndup(path, length == 0 ? 1 : length);

    ASSERT(parent != NULL);
    switch (change->type) {
    case CHANGE_CREATE:
        fire(server, WATCH_DATA, ZOO_CREATED_EVENT, path);
        fire(server, WATCH_CHILD, ZOO_CHILD_EVENT, parent);
        break;
    case CHANGE_SET:
        fire(server, WATCH_DATA, ZOO_CHANGED_EVENT, path);
        break;
    case CHANGE_DELETE:
        fire(server, WATCH_DATA, ZOO_DELETED_EVENT, path);
        fire(server, WATCH_CHILD, ZOO_DELETED_EVENT, path);
        fire(server, WATCH_CHILD, ZOO_CHILD_EVENT, parent);
        break;
    case CHANGE_CHECK:
        UNREACHABLE();
    }
    free(parent);
}

/* ---- watches set again on a new connection ---- */

static void set_one(struct connection *connection, enum watch_kind kind,
                    const char *path, int64_t since)
{
    const struct znode *node = zk_tree_find(&connection->server->tree, path);

    if (kind == WATCH_EXISTS) {
        if (node != NULL)
            zk_watch_event(connection, ZOO_CREATED_EVENT, path);
        else
            zk_watch_add(connection, WATCH_DATA, path);
    } else if (node == NULL) {
        zk_watch_event(connection, ZOO_DELETED_EVENT, path);
    } else if (kind == WATCH_DATA && node->stat.mzxid > since) {
        zk_watch_event(connection, ZOO_CHANGED_EVENT, path);
    } else if (kind == WATCH_CHILD && node->stat.pzxid > since) {
        zk_watch_event(connection, ZOO_CHILD_EVENT, path);
    } else {
        zk_watch_add(connection, kind, path);
    }
}

void zk_watch_set(struct connection *connection, const struct packet *packet)
{
    for (int kind = 0; kind < WATCH_KINDS; kind++)
        for (size_t i = 0; i < packet->watches[kind].count; i++)
            set_one(connection, (enum watch_kind)kind,
                    packet->watches[kind].paths[i], packet->last_zxid);
}
