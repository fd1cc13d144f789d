/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/seam/zookeeper_caller.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what the library calls ---- */

static void finish(struct answer *answer, int rc)
{
    answer->rc = rc;
    answer->done = true;
    answer->order = answer->caller->answers++;
    place_unlock(answer->caller->place);
}

static struct answer *begin(const void *context)
{
    struct answer *answer = (struct answer *)(uintptr_t)context;

    place_lock(answer->caller->place);
    return answer;
}

static void keep_stat(struct answer *answer, const struct Stat *stat)
{
    answer->has_stat = stat != NULL;
    if (stat != NULL)
        answer->stat = *stat;
}

static void on_void(int rc, const void *context)
{
    finish(begin(context), rc);
}

static void on_stat(int rc, const struct Stat *stat, const void *context)
{
    struct answer *answer = begin(context);

    keep_stat(answer, stat);
    finish(answer, rc);
}

static void on_data(int rc, const char *value, int size,
                    const struct Stat *stat, const void *context)
{
    struct answer *answer = begin(context);

    keep_stat(answer, stat);
    answer->size = size;
    if (value != NULL && size > 0)
        snprintf(answer->data, sizeof answer->data, "%.*s", size, value);
    finish(answer, rc);
}

static void on_string(int rc, const char *value, const void *context)
{
    struct answer *answer = begin(context);

    if (value != NULL)
        snprintf(answer->path, sizeof answer->path, "%s", value);
    finish(answer, rc);
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void on_strings(int rc, const struct String_vector *strings,
                       const void *context)
{
    struct answer *answer = begin(context);

    for (int i = 0; strings != NULL && i < strings->count; i++)
        if (i < CALLER_CHILDREN_MAX)
            snprintf(answer->children[answer->child_count++], CALLER_TEXT_MAX,
                     "%s", strings->data[i]);
    qsort(answer->children, (size_t)answer->child_count, CALLER_TEXT_MAX,
          compare);
    finish(answer, rc);
}

/* The context of a watch: a block a tag, never freed before the program
 * ends, because the library says when it is done with none of them. */
struct watch {
    struct caller *caller;
    int tag;
};
#define TAGS_MAX 64
static struct watch watches[16][TAGS_MAX];

static void on_watch(zhandle_t *handle, int type, int state, const char *path,
                     void *context)
{
    struct watch *watch = context;
    struct caller *caller = watch->caller;

    (void)handle;
    place_lock(caller->place);
    if (type == ZOO_SESSION_EVENT) {
        caller->session_events_of_watches++;
    } else if (caller->event_count < CALLER_EVENTS_MAX) {
        struct happened *event = &caller->events[caller->event_count++];

        event->tag = watch->tag;
        event->type = type;
        event->state = state;
        snprintf(event->path, sizeof event->path, "%s", path);
    }
    place_unlock(caller->place);
}

static void on_session(zhandle_t *handle, int type, int state, const char *path,
                       void *context)
{
    struct caller *caller = context;

    (void)path;
    if (type != ZOO_SESSION_EVENT)
        return;
    place_lock(caller->place);
    caller->state = state;
    if (state == ZOO_CONNECTED_STATE) {
        caller->connected++;
        caller->id = *zoo_client_id(handle);
        caller->timeout_ms = zoo_recv_timeout(handle);
    }
    place_unlock(caller->place);
}

/* ---- handles ---- */

static void no_log(const char *message)
{
    (void)message;
}

static void open_call(void *context)
{
    struct caller *caller = context;

    caller->handle = zookeeper_init2(
        caller->hosts, on_session, caller->timeout_ms, NULL, caller, 0, no_log);
}

static void start(struct caller *caller, struct place *place, unsigned client,
                  int timeout_ms, const char *hosts)
{
    memset(caller, 0, sizeof *caller);
    caller->place = place;
    caller->client = client;
    caller->timeout_ms = timeout_ms;
    caller->hosts = hosts;
    place_call(place, client, open_call, caller);
}

void caller_start(struct caller *caller, struct place *place, unsigned client,
                  int timeout_ms)
{
    start(caller, place, client, timeout_ms, place_hosts(place));
}

void caller_open_at(struct caller *caller, struct place *place, unsigned client,
                    int timeout_ms, const char *hosts)
{
    start(caller, place, client, timeout_ms, hosts);
    if (!caller_wait_state(caller, ZOO_CONNECTED_STATE, CALLER_WAIT_MS)) {
        fprintf(stderr, "client %u does not get connected\n", client);
        exit(1);
    }
}

void caller_open(struct caller *caller, struct place *place, unsigned client,
                 int timeout_ms)
{
    caller_open_at(caller, place, client, timeout_ms, place_hosts(place));
}

static void close_call(void *context)
{
    struct caller *caller = context;

    zookeeper_close(caller->handle);
    caller->handle = NULL;
}

void caller_close(struct caller *caller)
{
    place_call(caller->place, caller->client, close_call, caller);
}

/* ---- waiting ---- */

struct wanted {
    struct caller *caller;
    int value;
};

static bool has_state(void *context)
{
    struct wanted *wanted = context;

    return wanted->caller->state == wanted->value;
}

bool caller_wait_state(struct caller *caller, int state, int ms)
{
    struct wanted wanted = {caller, state};

    return place_wait(caller->place, has_state, &wanted, ms);
}

static bool has_events(void *context)
{
    struct wanted *wanted = context;

    return wanted->caller->event_count >= wanted->value;
}

bool caller_wait_events(struct caller *caller, int count, int ms)
{
    struct wanted wanted = {caller, count};

    return place_wait(caller->place, has_events, &wanted, ms);
}

static bool is_done(void *context)
{
    return ((struct answer *)context)->done;
}

bool caller_wait(struct answer *answer, int ms)
{
    return place_wait(answer->caller->place, is_done, answer, ms);
}

/* ---- requests ---- */

struct sending {
    struct caller *caller;
    const struct request *request;
    struct answer *answer;
    int rc;
};

static void op_init(const struct request *op, zoo_op_t *to,
                    struct answer *answer, int i)
{
    switch (op->verb) {
    case VERB_CREATE:
        zoo_create_op_init(to, op->path, op->data, op->size,
                           &ZOO_OPEN_ACL_UNSAFE, op->flags, answer->paths[i],
                           CALLER_TEXT_MAX);
        break;
    case VERB_SET:
        zoo_set_op_init(to, op->path, op->data, op->size, op->version,
                        &answer->stats[i]);
        break;
    case VERB_DELETE:
        zoo_delete_op_init(to, op->path, op->version);
        break;
    default:
        zoo_check_op_init(to, op->path, op->version);
    }
}

static int send_multi(struct sending *sending)
{
    const struct request *request = sending->request;
    struct answer *answer = sending->answer;
    zoo_op_t ops[CALLER_OPS_MAX];

    answer->op_count = request->op_count;
    for (int i = 0; i < request->op_count; i++)
        op_init(&request->ops[i], &ops[i], answer, i);
    return zoo_amulti(sending->caller->handle, request->op_count, ops,
                      answer->results, on_void, answer);
}

static void send_call(void *context)
{
    struct sending *sending = context;
    const struct request *request = sending->request;
    zhandle_t *handle = sending->caller->handle;
    watcher_fn watcher = request->watch ? on_watch : NULL;
    void *watch = NULL;
    void *answer = sending->answer;

    if (request->watch) {
        watch = &watches[sending->caller->client % 16][request->watch];
        *(struct watch *)watch =
            (struct watch){sending->caller, request->watch};
    }
    switch (request->verb) {
    case VERB_CREATE:
        sending->rc = zoo_acreate(handle, request->path, request->data,
                                  request->size, &ZOO_OPEN_ACL_UNSAFE,
                                  request->flags, on_string, answer);
        return;
    case VERB_SET:
        sending->rc =
            zoo_aset(handle, request->path, request->data, request->size,
                     request->version, on_stat, answer);
        return;
    case VERB_DELETE:
        sending->rc = zoo_adelete(handle, request->path, request->version,
                                  on_void, answer);
        return;
    case VERB_GET:
        sending->rc =
            zoo_awget(handle, request->path, watcher, watch, on_data, answer);
        return;
    case VERB_EXISTS:
        sending->rc = zoo_awexists(handle, request->path, watcher, watch,
                                   on_stat, answer);
        return;
    case VERB_CHILDREN:
        sending->rc = zoo_awget_children(handle, request->path, watcher, watch,
                                         on_strings, answer);
        return;
    case VERB_SYNC:
        sending->rc = zoo_async(handle, request->path, on_string, answer);
        return;
    case VERB_MULTI:
        sending->rc = send_multi(sending);
        return;
    case VERB_CHECK:
        abort();
    }
}

int caller_send(struct caller *caller, const struct request *request,
                struct answer *answer)
{
    struct sending sending = {caller, request, answer, 0};

    memset(answer, 0, sizeof *answer);
    answer->caller = caller;
    place_call(caller->place, caller->client, send_call, &sending);
    return sending.rc;
}

int caller_do(struct caller *caller, const struct request *request,
              struct answer *answer)
{
    int rc = caller_send(caller, request, answer);

    if (rc != ZOK)
        return answer->rc = rc;
    if (!caller_wait(answer, CALLER_WAIT_MS)) {
        fprintf(stderr, "no answer about %s\n", request->path);
        exit(1);
    }
    return answer->rc;
}

struct request request_of(enum verb verb, const char *path, const char *data,
                          int version)
{
    struct request request = {.verb = verb, .version = version, .data = data};

    snprintf(request.path, sizeof request.path, "%s", path);
    request.size = data == NULL ? -1 : (int)strlen(data);
    return request;
}

int caller_create(struct caller *caller, const char *path, const char *data,
                  int flags)
{
    struct request request = request_of(VERB_CREATE, path, data, 0);
    struct answer answer;

    request.flags = flags;
    return caller_do(caller, &request, &answer);
}

int caller_set(struct caller *caller, const char *path, const char *data,
               int version)
{
    struct request request = request_of(VERB_SET, path, data, version);
    struct answer answer;

    return caller_do(caller, &request, &answer);
}

int caller_delete(struct caller *caller, const char *path, int version)
{
    struct request request = request_of(VERB_DELETE, path, NULL, version);
    struct answer answer;

    return caller_do(caller, &request, &answer);
}

static int read(struct caller *caller, enum verb verb, const char *path,
                int watch, struct answer *answer)
{
    struct request request = request_of(verb, path, NULL, 0);

    request.watch = watch;
    return caller_do(caller, &request, answer);
}

int caller_get(struct caller *caller, const char *path, int watch,
               struct answer *answer)
{
    return read(caller, VERB_GET, path, watch, answer);
}

int caller_exists(struct caller *caller, const char *path, int watch,
                  struct answer *answer)
{
    return read(caller, VERB_EXISTS, path, watch, answer);
}

int caller_children(struct caller *caller, const char *path, int watch,
                    struct answer *answer)
{
    return read(caller, VERB_CHILDREN, path, watch, answer);
}

int caller_sync(struct caller *caller)
{
    struct answer answer;

    return read(caller, VERB_SYNC, "/", 0, &answer);
}
