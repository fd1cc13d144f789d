/* SPDX-License-Identifier: Apache-2.0
 *
 * The library's side of a session: what its I/O thread and its completion
 * thread do, in one order, on the node's background. It never decides that a
 * session is over; it learns of it when it connects again.
 *
 *     0 --turn--> CONNECTING --answered--> CONNECTED --lost--> 0
 *     CONNECTING --told that the session is gone--> EXPIRED (final)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/zookeeper/internal.h"

#define XID_SET_WATCHES (-8)
#define XID_PING        (-2)
#define LATE_US         1000
#define DELAY_MAX_US    1000000 /* of the fault zookeeper/delay */

/* ---- the alarm ---- */

static void wake_drop(struct background *background)
{
    struct wake *wake = container_of(background, struct wake, background);

    if (wake->handle != NULL)
        wake->handle->wake = NULL;
    free(wake);
}

static void alarm_set(zhandle_t *handle, int64_t at_us);

/* After a pause the alarm lets what came meanwhile go first, as a read that
 * poll() has found goes before the look at the clock. */
static void wake_run(struct background *background)
{
    struct wake *wake = container_of(background, struct wake, background);
    zhandle_t *handle = wake->handle;
    int64_t now;

    free(wake);
    if (handle == NULL)
        return;
    handle->wake = NULL;
    now = ensemble_now(handle->ensemble);
    if (now > handle->wake_at_us + LATE_US)
        alarm_set(handle, now + LATE_US);
    else
        zk_client_turn(handle);
}

static void alarm_set(zhandle_t *handle, int64_t at_us)
{
    struct wake *wake = handle->wake;

    if (wake != NULL) {
        if (handle->wake_at_us <= at_us)
            return;
        wake->handle = NULL;
    }
    wake = calloc(1, sizeof *wake);
    ASSERT(wake != NULL);
    wake->handle = handle;
    wake->background.run = wake_run;
    wake->background.drop = wake_drop;
    handle->wake = wake;
    handle->wake_at_us = at_us;
    node_background(handle->node, &wake->background, at_us);
}

/* ---- completions ---- */

void zk_completion_free(struct completion *completion)
{
    list_remove(&completion->link);
    zk_packet_free(completion->unsent);
    free(completion->op_types);
    free(completion->path);
    free(completion);
}

static void fill_result(zoo_op_result_t *result, enum change_type type, int rc,
                        const struct op *op)
{
    bool done;

    result->err = op == NULL ? rc : op->error;
    done = op != NULL && rc == ZOK;
    if (type == CHANGE_CREATE) {
        if (done && result->value != NULL && result->valuelen > 0)
            snprintf(result->value, (size_t)result->valuelen, "%s", op->path);
        else
            result->value = NULL;
    } else if (type == CHANGE_SET) {
        if (done && result->stat != NULL)
            *result->stat = op->stat;
        else
            result->stat = NULL;
    }
}

static void fill_results(struct completion *completion, int rc,
                         const struct packet *packet)
{
    for (size_t i = 0; i < completion->result_count; i++)
        fill_result(&completion->results[i], completion->op_types[i], rc,
                    packet == NULL ? NULL : &packet->ops[i]);
}

static void call_strings(const struct completion *completion, int rc,
                         const struct packet *packet)
{
    struct String_vector strings;

    if (rc != ZOK) {
        completion->on_strings(rc, NULL, completion->context);
        return;
    }
    strings.count = (int32_t)packet->children.count;
    strings.data = packet->children.paths;
    completion->on_strings(rc, &strings, completion->context);
}

static void call_data(const struct completion *completion, int rc,
                      const struct packet *packet)
{
    const struct blob *data = packet == NULL ? NULL : packet->data;

    if (rc != ZOK)
        completion->on_data(rc, NULL, 0, NULL, completion->context);
    else
        completion->on_data(rc, data == NULL ? NULL : data->bytes,
                            data == NULL ? -1 : (int)data->size, &packet->stat,
                            completion->context);
}

/* `packet` is the answer; NULL: there is none, rc says why. */
static void complete(zhandle_t *handle, struct completion *completion, int rc,
                     const struct packet *packet)
{
    const struct Stat *stat = rc == ZOK ? &packet->stat : NULL;
    const char *path = rc == ZOK ? packet->path : NULL;

    handle->calling = true;
    switch (completion->type) {
    case COMPLETION_VOID:
        if (completion->results != NULL)
            fill_results(completion, rc, packet);
        completion->on_void(rc, completion->context);
        break;
    case COMPLETION_STAT:
        if (rc == ZOK && packet->op_count > 0)
            stat = &packet->ops[0].stat;
        completion->on_stat(rc, stat, completion->context);
        break;
    case COMPLETION_DATA:
        call_data(completion, rc, packet);
        break;
    case COMPLETION_STRING:
        if (rc == ZOK && packet->op_count > 0)
            path = packet->ops[0].path;
        completion->on_string(rc, path, completion->context);
        break;
    case COMPLETION_STRINGS:
        call_strings(completion, rc, packet);
        break;
    }
    handle->calling = false;
    zk_completion_free(completion);
}

/* ---- sending ---- */

static void send_packet(zhandle_t *handle, struct packet *packet)
{
    struct connection *connection = handle->connection;

    handle->last_send_us = ensemble_now(handle->ensemble);
    packet->connection = connection;
    connection->references++;
    if (connection->ended_up) /* broken, and we have not noticed yet */
        zk_packet_free(packet);
    else
        zk_connection_send_up(connection, packet);
}

static void expire_own(zhandle_t *handle)
{
    struct session *session =
        zk_session_find(handle->ensemble, handle->id.client_id);
    struct server *leader = handle->ensemble->leader;

    if (session != NULL && zk_server_has_quorum(leader))
        zk_session_end(handle->ensemble, session, "expired by a fault");
}

/* The faults that a request may meet, asked for on behalf of its node. */
static void send_request(zhandle_t *handle, struct packet *packet)
{
    if (FAULT_FIRES(ZOOKEEPER_EXPIRE))
        expire_own(handle);
    if (FAULT_FIRES(ZOOKEEPER_DELAY))
        packet->delay_us = (int64_t)zk_draw(handle->ensemble, handle->node,
                                            PURPOSE_DELAY, DELAY_MAX_US);
    packet->lose_answer = FAULT_FIRES(ZOOKEEPER_LOSE_ANSWER);
    if (FAULT_FIRES(ZOOKEEPER_LOSE_REQUEST)) {
        zk_connection_break(handle->connection);
        zk_packet_free(packet);
        return;
    }
    send_packet(handle, packet);
}

void zk_client_submit(zhandle_t *handle, struct completion *completion,
                      struct packet *packet)
{
    completion->xid = ++handle->xid;
    packet->xid = completion->xid;
    list_init(&completion->link);
    list_append(&handle->outstanding, &completion->link);
    if (handle->state == ZOO_CONNECTED_STATE)
        send_request(handle, packet);
    else
        completion->unsent = packet;
}

static void send_unsent(zhandle_t *handle)
{
    list_for_each (node, &handle->outstanding) {
        struct completion *completion =
            container_of(node, struct completion, link);
        struct packet *packet = completion->unsent;

        completion->unsent = NULL;
        if (packet != NULL)
            send_request(handle, packet);
    }
}

/* ---- connecting and losing ---- */

static void connect_next(zhandle_t *handle)
{
    int64_t now = ensemble_now(handle->ensemble);
    struct packet *packet = zk_packet_new(NULL, PACKET_CONNECT);

    handle->connection = zk_connection_new(handle->ensemble, handle,
                                           handle->hosts[handle->host_next]);
    handle->state = ZOO_CONNECTING_STATE;
    handle->last_recv_us = now;
    handle->last_send_us = now;
    packet->session_id = handle->id.client_id;
    memcpy(packet->password, handle->id.passwd, sizeof packet->password);
    packet->timeout_ms = handle->recv_timeout_ms;
    packet->last_zxid = handle->last_zxid;
    send_packet(handle, packet);
}

/* The session event goes out first, then each request fails, in order. */
static void lose(zhandle_t *handle, int rc)
{
    bool connected = handle->state == ZOO_CONNECTED_STATE;
    bool final = handle->state < 0;
    struct list failing;
    struct list *node;

    zk_connection_close_client(handle->connection);
    handle->connection = NULL;
    if (!final)
        handle->state = 0;
    handle->host_next = (handle->host_next + 1) % handle->host_count;
    handle->delay = handle->host_next == 0;
    list_init(&failing);
    list_splice(&failing, &handle->outstanding);
    if (final || connected)
        zk_client_watch_session(handle,
                                final ? handle->state : ZOO_CONNECTING_STATE);
    while ((node = list_pop(&failing)) != NULL)
        complete(handle, container_of(node, struct completion, link), rc, NULL);
}

static bool sent_something(const zhandle_t *handle)
{
    return !list_empty(&handle->outstanding);
}

void zk_client_turn(zhandle_t *handle)
{
    int64_t now = ensemble_now(handle->ensemble);
    int64_t timeout_us = handle->recv_timeout_ms * INT64_C(1000);
    int64_t receive_by;
    int64_t send_by;

    if (handle->state < 0)
        return;
    if (handle->connection == NULL && handle->delay) {
        handle->delay = false;
        alarm_set(handle, now + timeout_us / 60 + 1000);
        return;
    }
    if (handle->connection == NULL)
        connect_next(handle);
    receive_by = handle->last_recv_us + timeout_us * 2 / 3;
    if (receive_by <= now) {
        lose(handle, ZOPERATIONTIMEOUT);
        alarm_set(handle, now);
        return;
    }
    send_by = handle->last_send_us + timeout_us / 3;
    if (send_by <= now) {
        send_by = now + timeout_us / 3;
        if (handle->state == ZOO_CONNECTED_STATE && !sent_something(handle)) {
            struct packet *packet = zk_packet_new(NULL, PACKET_PING);

            packet->xid = XID_PING;
            send_packet(handle, packet);
        }
    }
    alarm_set(handle, receive_by < send_by ? receive_by : send_by);
}

/* ---- receiving ---- */

static void established(zhandle_t *handle, const struct packet *packet)
{
    struct packet *watches;

    if (packet->session_id == 0) {
        handle->state = ZOO_EXPIRED_SESSION_STATE;
        lose(handle, ZSESSIONEXPIRED);
        return;
    }
    handle->recv_timeout_ms = packet->timeout_ms;
    handle->id.client_id = packet->session_id;
    memcpy(handle->id.passwd, packet->password, sizeof handle->id.passwd);
    handle->state = ZOO_CONNECTED_STATE;
    watches = zk_client_watch_packet(handle);
    if (watches != NULL) {
        watches->xid = XID_SET_WATCHES;
        send_packet(handle, watches);
    }
    send_unsent(handle);
    zk_client_watch_session(handle, ZOO_CONNECTED_STATE);
    zk_client_turn(handle);
}

static void answered(zhandle_t *handle, const struct packet *packet)
{
    struct completion *completion =
        container_of(list_first(&handle->outstanding), struct completion, link);

    ASSERT(!list_empty(&handle->outstanding));
    ASSERT(completion->xid == packet->xid);
    list_remove(&completion->link);
    if (packet->zxid > handle->last_zxid)
        handle->last_zxid = packet->zxid;
    zk_client_watch_add(handle, completion, packet->rc);
    complete(handle, completion, packet->rc, packet);
}

void zk_client_receive(struct packet *packet)
{
    zhandle_t *handle = packet->connection->client;

    if (handle == NULL) {
        zk_packet_free(packet);
        return;
    }
    ASSERT(handle->connection == packet->connection);
    handle->last_recv_us = ensemble_now(handle->ensemble);
    switch (packet->type) {
    case PACKET_CONNECT:
        established(handle, packet);
        break;
    case PACKET_END:
        lose(handle, ZCONNECTIONLOSS);
        zk_client_turn(handle);
        break;
    case PACKET_EVENT:
        zk_client_watch_fire(handle, packet->event, packet->path);
        break;
    case PACKET_PING:
    case PACKET_SET_WATCHES:
        break;
    default:
        answered(handle, packet);
    }
    zk_packet_free(packet);
}

/* The process, or the caller, is done with it. Nothing is called back. */
void zk_client_free(zhandle_t *handle)
{
    if (handle->connection != NULL)
        zk_connection_close_client(handle->connection);
    if (handle->wake != NULL)
        handle->wake->handle = NULL;
    while (!list_empty(&handle->outstanding))
        zk_completion_free(container_of(list_first(&handle->outstanding),
                                        struct completion, link));
    zk_client_watch_release(handle);
    list_remove(&handle->link);
    free(handle->hosts);
    free(handle);
}
