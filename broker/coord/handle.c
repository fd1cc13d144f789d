/* SPDX-License-Identifier: Apache-2.0
 *
 * One zhandle_t: opened and closed off the loop (both block), and the
 * watchers that its threads call. A watcher copies and posts, never calls
 * the library (a call to close it from there deadlocks).
 */
#include "coord/internal.h"

#include <string.h>

#include "base/assert.h"
#include "seam/memory.h"
#include "seam/trace.h"

struct session_message {
    struct inbox_message message;
    struct list node; /* handle->early */
    struct handle *handle;
    int state;
    int timeout_ms;
    int64_t session_id;
};

static void session_changed(struct session_message *message)
{
    struct handle *handle = message->handle;

    if (!handle->closing && !handle->close_wanted)
        coord_session_event(handle->coord, message->state, message->session_id,
                            message->timeout_ms);
    inbox_message_free(handle->inbox, message);
}

/* The session may be there before the job that opens the handle has told us
 * where it is: then the event waits for that. */
static void session_deliver(struct inbox_message *inbox_message)
{
    struct session_message *message =
        container_of(inbox_message, struct session_message, message);

    list_init(&message->node);
    if (message->handle->opening)
        list_append(&message->handle->early, &message->node);
    else
        session_changed(message);
}

static struct session_message *next_early(struct handle *handle)
{
    struct list *node = list_pop(&handle->early);

    return node == NULL ? NULL
                        : container_of(node, struct session_message, node);
}

/* The global watcher: session events. On a thread of the library. */
static void session_watcher(zhandle_t *zookeeper, int type, int state,
                            const char *path, void *context)
{
    struct handle *handle = context;
    struct session_message *message;

    (void)path;
    if (type != ZOO_SESSION_EVENT)
        return;
    message = inbox_message_new(handle->inbox, sizeof *message);
    message->message.deliver = session_deliver;
    message->handle = handle;
    message->state = state;
    if (state == ZOO_CONNECTED_STATE) {
        message->timeout_ms = zoo_recv_timeout(zookeeper);
        message->session_id = zoo_client_id(zookeeper)->client_id;
    }
    inbox_post(handle->inbox, &message->message);
}

static void watch_deliver(struct inbox_message *inbox_message)
{
    struct watch_context *context =
        container_of(inbox_message, struct watch_context, message);
    struct handle *handle = context->handle;
    uint64_t id = context->id;

    list_remove(&context->node);
    inbox_message_free(handle->inbox, context);
    if (!handle->closing && !handle->close_wanted)
        coord_watch_event(handle->coord, id);
}

/* One-shot watches. Session events reach every watcher too; they are the
 * global watcher's. On a thread of the library. */
void handle_watcher(zhandle_t *zookeeper, int type, int state, const char *path,
                    void *context)
{
    struct watch_context *watch = context;

    (void)zookeeper;
    (void)state;
    (void)path;
    if (type != ZOO_SESSION_EVENT)
        inbox_post(watch->handle->inbox, &watch->message);
}

struct watch_context *watch_context_new(struct handle *handle, uint64_t id)
{
    struct watch_context *context =
        inbox_message_new(handle->inbox, sizeof *context);

    context->message.deliver = watch_deliver;
    context->handle = handle;
    context->id = id;
    list_init(&context->node);
    list_append(&handle->watches, &context->node);
    return context;
}

void watch_context_free(struct watch_context *context)
{
    list_remove(&context->node);
    inbox_message_free(context->handle->inbox, context);
}

/* The library's own log lines say nothing that our events do not. */
static void ignore_log(const char *message)
{
    (void)message;
}

static void open_run(struct offload *offload)
{
    struct handle *handle = container_of(offload, struct handle, open);

    handle->zookeeper =
        zookeeper_init2(handle->hosts, session_watcher, handle->timeout_ms,
                        NULL, handle, 0, ignore_log);
    /* Else it asks the resolver each time that it looks at its socket, which
     * is for each answer. It still does when the connection is lost. */
    if (handle->zookeeper != NULL)
        zoo_set_servers_resolution_delay(handle->zookeeper, -1);
}

static void open_done(struct offload *offload)
{
    struct handle *handle = container_of(offload, struct handle, open);
    struct coord *coord = handle->coord;
    struct session_message *message;

    handle->opening = false;
    if (handle->close_wanted) {
        handle->close_wanted = false;
        handle_close(handle);
        return;
    }
    if (handle->zookeeper == NULL) {
        handle_free(handle);
        coord_opened(coord, false);
        return;
    }
    coord_opened(coord, true);
    while ((message = next_early(handle)) != NULL)
        session_changed(message);
}

struct handle *handle_open(struct coord *coord)
{
    struct inbox *inbox = coord->seam->inbox;
    struct handle *handle = inbox_message_new(inbox, sizeof *handle);

    handle->inbox = inbox;
    handle->coord = coord;
    handle->hosts = coord->hosts;
    handle->timeout_ms = coord->session_timeout_ms;
    handle->opening = true;
    list_init(&handle->early);
    list_init(&handle->watches);
    list_init(&handle->abandoned);
    handle->open.run = open_run;
    handle->open.done = open_done;
    inbox_offload(inbox, &handle->open);
    return handle;
}

static void close_run(struct offload *offload)
{
    struct handle *handle = container_of(offload, struct handle, close);

    if (handle->zookeeper != NULL)
        zookeeper_close(handle->zookeeper);
}

static void close_done(struct offload *offload)
{
    struct handle *handle = container_of(offload, struct handle, close);
    struct coord *coord = handle->coord;

    handle_free(handle);
    coord_closed(coord);
}

void handle_close(struct handle *handle)
{
    if (handle->closing)
        return;
    if (handle->opening) {
        handle->close_wanted = true;
        return;
    }
    handle->closing = true;
    handle->close.run = close_run;
    handle->close.done = close_done;
    inbox_offload(handle->inbox, &handle->close);
}

/* The library's threads are gone, and what they posted has been delivered
 * (the inbox keeps its order): what is left was dropped by the library. */
void handle_free(struct handle *handle)
{
    struct session_message *message;

    while ((message = next_early(handle)) != NULL)
        inbox_message_free(handle->inbox, message);
    list_for_each_safe (node, &handle->watches)
        watch_context_free(container_of(node, struct watch_context, node));
    coord_forget_tickets(handle);
    inbox_message_free(handle->inbox, handle);
}
