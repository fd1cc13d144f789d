/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests on their way: each has a ticket, which the library carries as
 * the completion's context. The completion copies what it is given into a
 * reply and posts it; on the loop the reply meets its ticket, and the ticket
 * its request, unless that was failed meanwhile (session over): then both
 * are dropped.
 */
#include "coord/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "seam/memory.h"
#include "seam/trace.h"

/* Made by inbox_message_new(): the library's threads read `inbox`. */
struct ticket {
    struct inbox *inbox;
    struct handle *handle;
    struct coord_request *request; /* NULL: failed meanwhile */
    struct list node;              /* coord->pending or handle->abandoned */
    struct watch_context *watch;
    bool watch_on_no_node; /* exists: armed by NO_NODE too */
    bool renews_lease;
    int64_t sent_at_us;
    unsigned outstanding; /* answers to come */
    enum error error;     /* the first one */
    /* of a multi; the library writes here until the completion */
    size_t op_count;
    zoo_op_result_t *results;
    struct Stat *stats;
    zoo_op_t *ops;
};

struct reply {
    struct inbox_message message;
    struct ticket *ticket;
    int rc;
    bool has_stat;
    struct Stat stat;
    size_t size; /* of bytes */
    int32_t child_count;
    uint8_t bytes[]; /* data, or child names one after the other */
};

static enum error error_of(int rc)
{
    switch (rc) {
    case ZOK:
        return ERROR_NONE;
    case ZNONODE:
        return ERROR_NO_NODE;
    case ZNODEEXISTS:
        return ERROR_NODE_EXISTS;
    case ZBADVERSION:
        return ERROR_BAD_VERSION;
    case ZNOTEMPTY:
        return ERROR_NODE_NOT_EMPTY;
    case ZNOAUTH:
    case ZAUTHFAILED:
        return ERROR_NOT_AUTHORISED;
    case ZINVALIDSTATE:
        return ERROR_NOT_CONNECTED;
    case ZBADARGUMENTS:
    case ZNOCHILDRENFOREPHEMERALS:
        return ERROR_INVALID_ARGUMENT;
    default: /* lost, timed out, expired, closing: it may have been applied */
        return ERROR_OUTCOME_UNKNOWN;
    }
}

/* ---- answers ---- */

static void ticket_free(struct ticket *ticket)
{
    list_remove(&ticket->node);
    if (ticket->ops != NULL)
        inbox_message_free(ticket->inbox, ticket->ops);
    inbox_message_free(ticket->inbox, ticket);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Splits the names of a reply; free the array with heap_free(). */
static char **children_of(struct heap *heap, struct reply *reply)
{
    size_t count = (size_t)reply->child_count;
    char **names = heap_alloc(heap, (count + 1) * sizeof *names);
    char *at = (char *)reply->bytes;

    for (size_t i = 0; i < count; i++) {
        names[i] = at;
        at += strlen(at) + 1;
    }
    qsort(names, count, sizeof *names, compare_names);
    return names;
}

static void fill_stat(struct coord_request *request, const struct Stat *stat)
{
    request->stat.czxid = stat->czxid;
    request->stat.ctime_ms = stat->ctime;
    request->stat.ephemeral_owner = stat->ephemeralOwner;
    request->stat.version = stat->version;
}

/* Which operation made a multi fail: the one with an error of its own. */
static size_t failed_op_of(const struct ticket *ticket)
{
    for (size_t i = 0; i < ticket->op_count; i++)
        if (ticket->results[i].err != ZOK &&
            ticket->results[i].err != ZRUNTIMEINCONSISTENCY)
            return i;
    return 0;
}

static void resolve_watch(struct coord *coord, struct ticket *ticket,
                          enum error error)
{
    if (ticket->watch == NULL || error == ERROR_NONE ||
        (ticket->watch_on_no_node && error == ERROR_NO_NODE))
        return;
    list_for_each (node, &coord->watches) {
        struct coord_watch *watch =
            container_of(node, struct coord_watch, node);

        if (watch->id == ticket->watch->id) {
            coord_watch_cancel(coord, watch);
            break;
        }
    }
    watch_context_free(ticket->watch);
    ticket->watch = NULL;
}

static void complete(struct coord *coord, struct ticket *ticket,
                     struct reply *reply)
{
    struct coord_request *request = ticket->request;
    struct heap *heap = coord->seam->heap;
    char **names = NULL;

    request->error = ticket->error;
    request->failed_op = failed_op_of(ticket);
    if (reply->has_stat)
        fill_stat(request, &reply->stat);
    request->data = (struct bytes){reply->bytes, reply->size};
    request->child_count = (size_t)reply->child_count;
    if (reply->child_count > 0)
        request->children = names = children_of(heap, reply);
    if (ticket->error == ERROR_OUTCOME_UNKNOWN)
        SOMETIMES(coord->seam->trace, OUTCOME_UNKNOWN);
    request->ticket = NULL;
    ticket_free(ticket);
    request->done(request);
    heap_free(heap, names);
}

static void reply_deliver(struct inbox_message *message)
{
    struct reply *reply = container_of(message, struct reply, message);
    struct ticket *ticket = reply->ticket;
    struct inbox *inbox = ticket->inbox;
    struct coord *coord = ticket->handle->coord;
    enum error error = error_of(reply->rc);

    ASSERT(ticket->outstanding > 0);
    ticket->outstanding--;
    if (ticket->error == ERROR_NONE)
        ticket->error = error;
    if (ticket->outstanding > 0) { /* the sync before a read */
        inbox_message_free(inbox, reply);
        return;
    }
    resolve_watch(coord, ticket, error);
    if (ticket->request == NULL) {
        ticket_free(ticket);
    } else {
        if (ticket->renews_lease && ticket->error == ERROR_NONE)
            coord_lease_renew(coord, ticket->sent_at_us);
        complete(coord, ticket, reply);
    }
    inbox_message_free(inbox, reply);
}

/* ---- on the library's threads: copy and post ---- */

static void post(const struct ticket *ticket, int rc, const void *data,
                 size_t size, const struct Stat *stat)
{
    struct reply *reply =
        inbox_message_new(ticket->inbox, sizeof *reply + size + 1);

    reply->message.deliver = reply_deliver;
    reply->ticket = (struct ticket *)(uintptr_t)ticket;
    reply->rc = rc;
    reply->size = size;
    if (size > 0)
        memcpy(reply->bytes, data, size);
    if (stat != NULL) {
        reply->has_stat = true;
        reply->stat = *stat;
    }
    inbox_post(ticket->inbox, &reply->message);
}

static void on_data(int rc, const char *value, int size,
                    const struct Stat *stat, const void *data)
{
    bool filled = rc == ZOK && value != NULL && size > 0;

    post(data, rc, value, filled ? (size_t)size : 0, rc == ZOK ? stat : NULL);
}

static void on_stat(int rc, const struct Stat *stat, const void *data)
{
    post(data, rc, NULL, 0, rc == ZOK ? stat : NULL);
}

static void on_void(int rc, const void *data)
{
    post(data, rc, NULL, 0, NULL);
}

static void on_string(int rc, const char *value, const void *data)
{
    (void)value;
    post(data, rc, NULL, 0, NULL);
}

static void on_children(int rc, const struct String_vector *names,
                        const void *data)
{
    const struct ticket *ticket = data;
    struct reply *reply;
    size_t size = 0;
    char *at;

    if (rc != ZOK || names == NULL) {
        post(ticket, rc, NULL, 0, NULL);
        return;
    }
    for (int32_t i = 0; i < names->count; i++)
        size += strlen(names->data[i]) + 1;
    reply = inbox_message_new(ticket->inbox, sizeof *reply + size + 1);
    reply->message.deliver = reply_deliver;
    reply->ticket = (struct ticket *)(uintptr_t)ticket;
    reply->child_count = names->count;
    at = (char *)reply->bytes;
    for (int32_t i = 0; i < names->count; i++) {
        size_t length = strlen(names->data[i]) + 1;

        memcpy(at, names->data[i], length);
        at += length;
    }
    inbox_post(ticket->inbox, &reply->message);
}

/* ---- sending ---- */

static void fail_deliver(struct inbox_message *message)
{
    struct fail_message {
        struct inbox_message message;
        struct coord *coord;
    } *fail = container_of(message, struct fail_message, message);
    struct coord *coord = fail->coord;
    struct list failing;
    struct list *node;

    inbox_message_free(coord->seam->inbox, fail);
    coord->failing_posted = false;
    list_init(&failing);
    list_splice(&failing, &coord->failing);
    while ((node = list_pop(&failing)) != NULL) {
        struct coord_request *request =
            container_of(node, struct coord_request, node);

        request->done(request);
    }
    coord_tell_stopped(coord);
}

/* Fails a request at a later turn, never from inside the call. */
static void fail_later(struct coord *coord, struct coord_request *request,
                       enum error error)
{
    struct fail_message {
        struct inbox_message message;
        struct coord *coord;
    } * fail;

    request->error = error;
    request->ticket = NULL;
    list_init(&request->node);
    list_append(&coord->failing, &request->node);
    if (coord->failing_posted)
        return;
    coord->failing_posted = true;
    fail = inbox_message_new(coord->seam->inbox, sizeof *fail);
    fail->message.deliver = fail_deliver;
    fail->coord = coord;
    inbox_post(coord->seam->inbox, &fail->message);
}

void coord_fail_pending(struct coord *coord, enum error error)
{
    struct list *node;

    while ((node = list_pop(&coord->pending)) != NULL) {
        struct ticket *ticket = container_of(node, struct ticket, node);

        list_append(&ticket->handle->abandoned, &ticket->node);
        fail_later(coord, ticket->request, error);
        ticket->request = NULL;
    }
}

void coord_forget_tickets(struct handle *handle)
{
    struct list *node;

    while ((node = list_pop(&handle->abandoned)) != NULL)
        ticket_free(container_of(node, struct ticket, node));
}

/* NULL (and the request will fail) when there is no connection. */
static struct ticket *ticket_new(struct coord *coord,
                                 struct coord_request *request)
{
    struct ticket *ticket;

    request->error = ERROR_NONE;
    request->data = (struct bytes){NULL, 0};
    request->children = NULL;
    request->child_count = 0;
    if (coord->state != COORD_CONNECTED) {
        fail_later(coord, request, ERROR_NOT_CONNECTED);
        return NULL;
    }
    ticket = inbox_message_new(coord->seam->inbox, sizeof *ticket);
    ticket->inbox = coord->seam->inbox;
    ticket->handle = coord->handle;
    ticket->request = request;
    ticket->sent_at_us = coord->seam->now.monotonic_us;
    ticket->outstanding = 1;
    list_init(&ticket->node);
    list_append(&coord->pending, &ticket->node);
    request->ticket = ticket;
    return ticket;
}

/* Why the library did not take it; a multi gets one code for all reasons. */
static enum error refusal_of(const struct coord *coord, int rc)
{
    if (is_unrecoverable(coord->handle->zookeeper) != ZOK)
        return ERROR_NOT_CONNECTED;
    return rc == ZBADARGUMENTS || rc == ZMARSHALLINGERROR
               ? ERROR_INVALID_ARGUMENT
               : ERROR_NOT_CONNECTED;
}

/* The library refused to take it: nothing was sent, nothing calls back. */
static void sent(struct coord *coord, struct ticket *ticket, int rc)
{
    struct coord_request *request = ticket->request;
    enum error error;

    if (rc == ZOK)
        return;
    error = refusal_of(coord, rc);
    ticket->outstanding--;
    if (ticket->error == ERROR_NONE)
        ticket->error = error;
    resolve_watch(coord, ticket, error);
    if (ticket->outstanding > 0) /* its sync is on the way */
        return;
    ticket_free(ticket);
    fail_later(coord, request, error);
}

static const char *full_path(const struct coord *coord, const char *path,
                             char buffer[COORD_PATH_BYTES])
{
    bool root = strcmp(path, "/") == 0 && coord->chroot[0] != '\0';
    int length = snprintf(buffer, COORD_PATH_BYTES, "%s%s", coord->chroot,
                          root ? "" : path);

    ASSERT(length > 0);
    ASSERT(length < COORD_PATH_BYTES);
    return buffer;
}

/* A sync sent right before the read: both travel one connection in order,
 * or the sync fails and so does the request. */
static void sync_before(struct coord *coord, struct ticket *ticket,
                        const char *path)
{
    int rc;

    ticket->outstanding++;
    ticket->renews_lease = true;
    rc = zoo_async(coord->handle->zookeeper, path, on_string, ticket);
    if (rc == ZOK)
        return;
    ticket->outstanding--;
    ticket->error = refusal_of(coord, rc);
}

static watcher_fn arm(struct coord *coord, struct ticket *ticket,
                      struct coord_watch *watch)
{
    if (watch == NULL)
        return NULL;
    ticket->watch =
        watch_context_new(coord->handle, coord_watch_arm(coord, watch));
    return handle_watcher;
}

void coord_get(struct coord *coord, struct coord_request *request,
               const char *path, bool sync, struct coord_watch *watch)
{
    char buffer[COORD_PATH_BYTES];
    struct ticket *ticket = ticket_new(coord, request);
    watcher_fn watcher;

    if (ticket == NULL)
        return;
    path = full_path(coord, path, buffer);
    watcher = arm(coord, ticket, watch);
    if (sync)
        sync_before(coord, ticket, path);
    sent(coord, ticket,
         zoo_awget(coord->handle->zookeeper, path, watcher, ticket->watch,
                   on_data, ticket));
}

void coord_exists(struct coord *coord, struct coord_request *request,
                  const char *path, struct coord_watch *watch)
{
    char buffer[COORD_PATH_BYTES];
    struct ticket *ticket = ticket_new(coord, request);
    watcher_fn watcher;

    if (ticket == NULL)
        return;
    ticket->watch_on_no_node = true;
    watcher = arm(coord, ticket, watch);
    sent(coord, ticket,
         zoo_awexists(coord->handle->zookeeper, full_path(coord, path, buffer),
                      watcher, ticket->watch, on_stat, ticket));
}

void coord_children(struct coord *coord, struct coord_request *request,
                    const char *path, bool sync, struct coord_watch *watch)
{
    char buffer[COORD_PATH_BYTES];
    struct ticket *ticket = ticket_new(coord, request);
    watcher_fn watcher;

    if (ticket == NULL)
        return;
    path = full_path(coord, path, buffer);
    watcher = arm(coord, ticket, watch);
    if (sync)
        sync_before(coord, ticket, path);
    sent(coord, ticket,
         zoo_awget_children(coord->handle->zookeeper, path, watcher,
                            ticket->watch, on_children, ticket));
}

void coord_sync(struct coord *coord, struct coord_request *request,
                const char *path)
{
    char buffer[COORD_PATH_BYTES];
    struct ticket *ticket = ticket_new(coord, request);

    if (ticket == NULL)
        return;
    ticket->renews_lease = true;
    sent(coord, ticket,
         zoo_async(coord->handle->zookeeper, full_path(coord, path, buffer),
                   on_string, ticket));
}

/* ---- writes ---- */

static void op_init(struct ticket *ticket, size_t i, const struct coord_op *op,
                    const char *path)
{
    zoo_op_t *to = &ticket->ops[i];
    const char *data = (const char *)op->data.data;
    int size = (int)op->data.size;

    switch (op->operation) {
    case COORD_CREATE:
        zoo_create_op_init(to, path, data, size, &ZOO_OPEN_ACL_UNSAFE,
                           op->ephemeral ? ZOO_EPHEMERAL : 0, NULL, 0);
        return;
    case COORD_SET:
        zoo_set_op_init(to, path, data, size, op->version, &ticket->stats[i]);
        return;
    case COORD_DELETE:
        zoo_delete_op_init(to, path, op->version);
        return;
    case COORD_CHECK:
        zoo_check_op_init(to, path, op->version);
        return;
    }
    UNREACHABLE();
}

/* Room for the library's arrays and for the paths, in one block. */
static char *ops_alloc(struct ticket *ticket, size_t count)
{
    size_t results = count * sizeof *ticket->results;
    size_t stats = count * sizeof *ticket->stats;
    size_t ops = count * sizeof *ticket->ops;
    char *block = inbox_message_new(
        ticket->inbox, ops + results + stats + count * COORD_PATH_BYTES);

    ticket->op_count = count;
    ticket->ops = (zoo_op_t *)(void *)block;
    ticket->results = (zoo_op_result_t *)(void *)(block + ops);
    ticket->stats = (struct Stat *)(void *)(block + ops + results);
    return block + ops + results + stats;
}

static bool too_large(const struct coord_op *ops, size_t count)
{
    size_t size = 0;

    for (size_t i = 0; i < count; i++)
        size += ops[i].data.size + strlen(ops[i].path);
    return size > (count > 1 ? COORD_MULTI_BYTES_MAX : COORD_DATA_BYTES_MAX);
}

void coord_multi(struct coord *coord, struct coord_request *request,
                 const struct coord_op *ops, size_t count)
{
    struct ticket *ticket;
    char *paths;

    ASSERT(count > 0);
    ASSERT(count <= COORD_MULTI_MAX);
    if (too_large(ops, count)) {
        fail_later(coord, request, ERROR_TOO_LARGE);
        return;
    }
    ticket = ticket_new(coord, request);
    if (ticket == NULL)
        return;
    ticket->renews_lease = true;
    paths = ops_alloc(ticket, count);
    for (size_t i = 0; i < count; i++) {
        char *path = paths + i * COORD_PATH_BYTES;

        op_init(ticket, i, &ops[i], full_path(coord, ops[i].path, path));
    }
    sent(coord, ticket,
         zoo_amulti(coord->handle->zookeeper, (int)count, ticket->ops,
                    ticket->results, on_void, ticket));
}

/* ---- the chroot ---- */

static void chroot_step(struct coord *coord);

static void chroot_done(struct coord_request *request)
{
    struct coord *coord = container_of(request, struct coord, chroot_request);

    if (request->error == ERROR_NOT_AUTHORISED)
        trace_log(coord->seam->trace, TRACE_ERROR,
                  "ZooKeeper denied the creation of the chroot '%s'",
                  coord->chroot);
    if (request->error != ERROR_NONE && request->error != ERROR_NODE_EXISTS)
        return; /* again once connected */
    chroot_step(coord);
}

/* Creates the next level; the path is absolute, so not under the chroot. */
static void chroot_step(struct coord *coord)
{
    const char *chroot = coord->chroot;
    size_t end = coord->chroot_made;
    char path[COORD_PATH_BYTES];
    struct ticket *ticket;

    if (chroot[end] == '\0') {
        coord_chroot_made(coord);
        return;
    }
    end += 1 + strcspn(chroot + end + 1, "/");
    snprintf(path, sizeof path, "%.*s", (int)end, chroot);
    coord->chroot_made = end;
    coord->chroot_request.done = chroot_done;
    ticket = ticket_new(coord, &coord->chroot_request);
    if (ticket == NULL)
        return;
    sent(coord, ticket,
         zoo_acreate(coord->handle->zookeeper, path, "", 0,
                     &ZOO_OPEN_ACL_UNSAFE, 0, on_string, ticket));
}

void coord_make_chroot(struct coord *coord)
{
    coord->chroot_made = 0;
    chroot_step(coord);
}
