/* SPDX-License-Identifier: Apache-2.0
 *
 * The watches that the library keeps for its caller: registered when a read
 * was answered, taken off when they fire, set again on a new connection.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/zookeeper/internal.h"

struct client_watch {
    RB_ENTRY(client_watch) entry;
    struct list link;
    enum watch_kind kind;
    uint64_t sequence;
    char *path;
    watcher_fn watcher;
    void *context;
};

static int client_watch_compare(const struct client_watch *a,
                                const struct client_watch *b)
{
    int order;

    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    order = strcmp(a->path, b->path);
    if (order != 0)
        return order;
    return a->sequence < b->sequence ? -1 : a->sequence > b->sequence;
}
RB_GENERATE_STATIC(client_watch_tree, client_watch, entry, client_watch_compare)

static struct client_watch *first_of(zhandle_t *handle, enum watch_kind kind,
                                     const char *path)
{
    struct client_watch key = {.kind = kind, .path = (char *)(uintptr_t)path};

    return RB_NFIND(client_watch_tree, &handle->watches, &key);
}

static bool is_of(const struct client_watch *watch, enum watch_kind kind,
                  const char *path)
{
    return watch != NULL && watch->kind == kind &&
           strcmp(watch->path, path) == 0;
}

static void watch_release(struct client_watch *watch)
{
    free(watch->path);
    free(watch);
}

void zk_client_watch_add(zhandle_t *handle, const struct completion *completion,
                         int rc)
{
    enum watch_kind kind = completion->watch_kind;
    struct client_watch *watch;
    uint64_t sequence = 1;

    if (completion->watcher == NULL)
        return;
    if (kind == WATCH_EXISTS && rc == ZOK)
        kind = WATCH_DATA;
    else if (rc != (kind == WATCH_EXISTS ? ZNONODE : ZOK))
        return;
    for (watch = first_of(handle, kind, completion->path);
         is_of(watch, kind, completion->path);
         watch = RB_NEXT(client_watch_tree, &handle->watches, watch)) {
        if (watch->watcher == completion->watcher &&
            watch->context == completion->watcher_context)
            return;
        sequence = watch->sequence + 1;
    }
    watch = calloc(1, sizeof *watch);
    ASSERT(watch != NULL);
    watch->kind = kind;
    watch->sequence = sequence;
    watch->path = strdup(completion->path);
    ASSERT(watch->path != NULL);
    watch->watcher = completion->watcher;
    watch->context = completion->watcher_context;
    RB_INSERT(client_watch_tree, &handle->watches, watch);
}

/* Whether the list has this watcher and context already. */
static bool has(const struct list *list, const struct client_watch *watch)
{
    list_for_each (node, list) {
        const struct client_watch *other =
            container_of(node, struct client_watch, link);

        if (other->watcher == watch->watcher &&
            other->context == watch->context)
            return true;
    }
    return false;
}

static void take(zhandle_t *handle, enum watch_kind kind, const char *path,
                 struct list *taken)
{
    struct client_watch *watch = first_of(handle, kind, path);

    while (is_of(watch, kind, path)) {
        struct client_watch *next =
            RB_NEXT(client_watch_tree, &handle->watches, watch);

        RB_REMOVE(client_watch_tree, &handle->watches, watch);
        list_init(&watch->link);
        if (has(taken, watch))
            watch_release(watch);
        else
            list_append(taken, &watch->link);
        watch = next;
    }
}

void zk_client_watch_fire(zhandle_t *handle, int event, const char *path)
{
    struct list taken;
    struct list *node;

    list_init(&taken);
    if (event != ZOO_CHILD_EVENT) {
        take(handle, WATCH_DATA, path, &taken);
        take(handle, WATCH_EXISTS, path, &taken);
    }
    if (event == ZOO_CHILD_EVENT || event == ZOO_DELETED_EVENT)
        take(handle, WATCH_CHILD, path, &taken);
    while ((node = list_pop(&taken)) != NULL) {
        struct client_watch *watch =
            container_of(node, struct client_watch, link);

        handle->calling = true;
        watch->watcher(handle, event, ZOO_CONNECTED_STATE, path,
                       watch->context);
        handle->calling = false;
        watch_release(watch);
    }
}

void zk_client_watch_session(zhandle_t *handle, int state)
{
    struct client_watch *watch;
    struct list called;
    struct list *node;

    list_init(&called);
    RB_FOREACH(watch, client_watch_tree, &handle->watches)
    {
        list_init(&watch->link);
        if (!has(&called, watch))
            list_append(&called, &watch->link);
    }
    handle->calling = true;
    while ((node = list_pop(&called)) != NULL) {
        watch = container_of(node, struct client_watch, link);
        watch->watcher(handle, ZOO_SESSION_EVENT, state, "", watch->context);
    }
    if (handle->watcher != NULL)
        handle->watcher(handle, ZOO_SESSION_EVENT, state, "", handle->context);
    handle->calling = false;
}

/* Once a path; several watchers share it. */
struct packet *zk_client_watch_packet(zhandle_t *handle)
{
    const struct client_watch *last = NULL;
    struct client_watch *watch;
    struct packet *packet;

    if (RB_EMPTY(&handle->watches))
        return NULL;
    packet = zk_packet_new(NULL, PACKET_SET_WATCHES);
    packet->last_zxid = handle->last_zxid;
    RB_FOREACH(watch, client_watch_tree, &handle->watches)
    {
        if (last == NULL || !is_of(last, watch->kind, watch->path))
            zk_paths_add(&packet->watches[watch->kind], watch->path);
        last = watch;
    }
    return packet;
}

void zk_client_watch_release(zhandle_t *handle)
{
    struct client_watch *watch;

    while ((watch = RB_MIN(client_watch_tree, &handle->watches)) != NULL) {
        RB_REMOVE(client_watch_tree, &handle->watches, watch);
        watch_release(watch);
    }
}
