/* SPDX-License-Identifier: Apache-2.0
 *
 * Inbound connections and the dispatch of what comes over them: one flat
 * table from message to handler.
 */
#include "base/assert.h"
#include "seam/memory.h"
#include "seam/trace.h"
#include "server/internal.h"

struct dispatch {
    Kq__Message__BodyCase body;
    bool brokers_only;
    void (*handle)(struct session *session, struct frame *frame);
};

static const struct dispatch table[] = {
    {KQ__MESSAGE__BODY_PRODUCE_REQUEST, false, handle_produce},
    {KQ__MESSAGE__BODY_FETCH_REQUEST, false, handle_fetch},
    {KQ__MESSAGE__BODY_REPLICA_POSITION, true, handle_replica_position},
    {KQ__MESSAGE__BODY_METADATA_REQUEST, false, handle_metadata},
    {KQ__MESSAGE__BODY_LIST_OFFSETS_REQUEST, false, handle_list_offsets},
    {KQ__MESSAGE__BODY_INIT_PRODUCER_REQUEST, false, handle_init_producer},
    {KQ__MESSAGE__BODY_CREATE_TOPIC_REQUEST, false, handle_create_topic},
    {KQ__MESSAGE__BODY_DELETE_TOPIC_REQUEST, false, handle_delete_topic},
    {KQ__MESSAGE__BODY_ALTER_TOPIC_REQUEST, false, handle_alter_topic},
    {KQ__MESSAGE__BODY_ELECT_LEADERS_REQUEST, false, handle_elect_leaders},
    {KQ__MESSAGE__BODY_REASSIGN_REQUEST, false, handle_reassign},
    {KQ__MESSAGE__BODY_CLOCK_REQUEST, false, handle_clock},
    {KQ__MESSAGE__BODY_DELETE_RECORDS_REQUEST, false, handle_delete_records},
    {KQ__MESSAGE__BODY_ALTER_PARTITION_REQUEST, true, handle_alter_partition},
    {KQ__MESSAGE__BODY_REPLICA_LOST_REQUEST, true, handle_replica_lost},
};

static void session_free(struct session *session)
{
    struct broker *broker = session->broker;

    list_remove(&session->node);
    broker->session_count--;
    channel_release(&session->channel);
    heap_free(broker->seam->heap, session);
}

static void on_message(struct channel_handler *handler, struct frame *frame)
{
    struct session *session = container_of(handler, struct session, handler);
    uint64_t correlation_id = frame->message->correlation_id;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].body != frame->message->body_case)
            continue;
        if (table[i].brokers_only && !session->channel.peer_is_broker)
            break;
        table[i].handle(session, frame);
        return;
    }
    frame_free(frame);
    session_answer_error(session, correlation_id, ERROR_UNKNOWN_REQUEST);
}

static void on_closed(struct channel_handler *handler, enum error error)
{
    struct session *session = container_of(handler, struct session, handler);

    (void)error; /* the channel has logged it */
    session->closed = true;
    if (session->open_requests == 0)
        session_free(session);
}

void session_accept(struct broker *broker, struct connection *connection)
{
    struct session *session;

    if (broker->stopping ||
        broker->session_count >= (size_t)broker->config->connections_max) {
        trace_log(broker->seam->trace, TRACE_WARN,
                  "connection from %s refused: %s", net_peer_name(connection),
                  broker->stopping ? "the broker is shutting down"
                                   : "max.connections is reached");
        net_close(connection);
        return;
    }
    session = heap_alloc(broker->seam->heap, sizeof *session);
    session->broker = broker;
    session->handler.on_message = on_message;
    session->handler.on_closed = on_closed;
    list_init(&session->node);
    list_init(&session->parked);
    list_append(&broker->sessions, &session->node);
    broker->session_count++;
    channel_init(&session->channel, broker->seam, &broker->identity,
                 &session->handler);
    channel_accept(&session->channel, connection);
}

void session_close_all(struct broker *broker)
{
    list_for_each (node, &broker->sessions) {
        struct session *session = container_of(node, struct session, node);

        if (!session->closed)
            channel_close(&session->channel, ERROR_SHUTTING_DOWN);
    }
}

void session_request_begin(struct session *session)
{
    if (++session->open_requests == SESSION_REQUESTS_MAX && !session->closed)
        channel_pause(&session->channel);
}

void session_request_end(struct session *session)
{
    ASSERT(session->open_requests > 0);
    session->open_requests--;
    if (session->closed && session->open_requests == 0)
        session_free(session);
    else if (!session->closed &&
             session->open_requests == SESSION_REQUESTS_MAX - 1)
        channel_resume(&session->channel);
}

void session_answer(struct session *session, uint64_t correlation_id,
                    Kq__Message *message)
{
    message->correlation_id = correlation_id;
    if (!session->closed)
        channel_send(&session->channel, message, NULL, 0, NULL, NULL);
}

void session_answer_error(struct session *session, uint64_t correlation_id,
                          enum error error)
{
    Kq__Message message = KQ__MESSAGE__INIT;
    Kq__ErrorResponse response = KQ__ERROR_RESPONSE__INIT;

    response.error = error;
    message.body_case = KQ__MESSAGE__BODY_ERROR_RESPONSE;
    message.error_response = &response;
    session_answer(session, correlation_id, &message);
}
