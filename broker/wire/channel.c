/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a channel, its hello exchange, its calls and what it sends.
 * Taking frames in is in channel_read.c. A channel never calls its user from
 * inside a channel_ function: what must be told is told by a timer that has
 * already expired. Callbacks run last in an event, and a callback that
 * releases the channel says so through channel->released, so that nothing
 * is touched after it.
 */
#include "wire/channel.h"

#include "base/assert.h"
#include "seam/event.h"
#include "seam/memory.h"
#include "seam/trace.h"
#include "wire/internal.h"
#include "wire/output.h"

/* How long a refused peer is given to read why. */
#define CHANNEL_LINGER_US      1000000
/* An answer to a peer that did not tell its limit. */
#define CHANNEL_PEER_BYTES_MIN 65536

#define TO(state) (1u << CHANNEL_##state)

static void channel_move(struct channel *channel, enum channel_state to)
{
    static const unsigned char moves[] = {
        [CHANNEL_CLOSED] = TO(CONNECTING) | TO(HELLO),
        [CHANNEL_CONNECTING] = TO(HELLO) | TO(CLOSING),
        [CHANNEL_HELLO] = TO(READY) | TO(CLOSING),
        [CHANNEL_READY] = TO(CLOSING),
        [CHANNEL_CLOSING] = TO(CLOSED),
    };

    ASSERT(moves[channel->state] & (1u << to));
    channel->state = to;
}

const char *channel_peer(const struct channel *channel)
{
    return channel->connection ? net_peer_name(channel->connection) : "peer";
}

/* ---- the end ---- */

static void channel_finish(struct channel *channel)
{
    enum error error = channel->close_error;
    bool released = false;
    struct list *node;

    ASSERT(channel->connection == NULL);
    ASSERT(list_empty(&channel->outputs));
    timer_stop(channel->seam->timers, &channel->timer);
    channel->released = &released;
    while ((node = list_pop(&channel->calls)) != NULL) {
        struct call *call = container_of(node, struct call, node);

        call_finish(call, error, NULL);
        if (released)
            return;
    }
    channel->released = NULL;
    channel_move(channel, CHANNEL_CLOSED);
    channel->handler->on_closed(channel->handler, error);
}

static void channel_disconnect(struct channel *channel)
{
    channel_read_stop(channel);
    if (channel->connection)
        net_close(channel->connection);
    channel->connection = NULL;
}

void channel_close(struct channel *channel, enum error error)
{
    struct seam *seam = channel->seam;

    if (channel->state == CHANNEL_CLOSED || channel->state == CHANNEL_CLOSING)
        return;
    channel_move(channel, CHANNEL_CLOSING);
    channel->close_error = error == ERROR_NONE ? ERROR_CLOSED : error;
    channel_disconnect(channel);
    timer_stop(seam->timers, &channel->timer);
    if (list_empty(&channel->outputs))
        timer_start(seam->timers, &channel->timer, seam->now.monotonic_us);
}

void channel_fail(struct channel *channel, enum error error, const char *why)
{
    if (channel->state == CHANNEL_CLOSED || channel->state == CHANNEL_CLOSING)
        return;
    trace_log(channel->seam->trace, TRACE_WARN,
              "connection to %s closed: %s: %s", channel_peer(channel), why,
              error_sentence(error));
    channel_close(channel, error);
}

static void channel_timer_fire(struct timer *timer)
{
    struct channel *channel = container_of(timer, struct channel, timer);

    if (channel->state != CHANNEL_CLOSING) {
        channel_fail(channel, ERROR_TIMED_OUT, "no hello in time");
        return;
    }
    channel_disconnect(channel);
    if (list_empty(&channel->outputs))
        channel_finish(channel);
}

static void channel_lost(struct channel *channel, enum error error)
{
    trace_log(channel->seam->trace, TRACE_DEBUG, "connection to %s lost: %s",
              channel_peer(channel), error_sentence(error));
    channel->connection = NULL;
    channel_read_stop(channel);
    timer_stop(channel->seam->timers, &channel->timer);
    if (channel->state != CHANNEL_CLOSING) {
        channel_move(channel, CHANNEL_CLOSING);
        channel->close_error = error == ERROR_NONE ? ERROR_CLOSED : error;
    }
    if (list_empty(&channel->outputs))
        channel_finish(channel);
}

/* ---- hello ---- */

static void channel_hello_ask(struct channel *channel)
{
    const struct channel_identity *identity = channel->identity;
    Kq__HelloRequest hello = KQ__HELLO_REQUEST__INIT;
    Kq__Message message = KQ__MESSAGE__INIT;

    hello.version_min = PROTOCOL_VERSION_MIN;
    hello.version_max = PROTOCOL_VERSION_MAX;
    hello.client_id = (char *)(uintptr_t)identity->client_id;
    if (!uuid_is_zero(&identity->cluster_id)) {
        hello.has_cluster_id = true;
        hello.cluster_id.data =
            (uint8_t *)(uintptr_t)identity->cluster_id.bytes;
        hello.cluster_id.len = sizeof identity->cluster_id.bytes;
    }
    hello.has_broker_id = identity->is_broker;
    hello.broker_id = identity->broker_id;
    message.correlation_id = channel->next_correlation_id++;
    message.body_case = KQ__MESSAGE__BODY_HELLO_REQUEST;
    message.hello_request = &hello;
    channel_put(channel, &message, NULL, 0, NULL, NULL);
}

/* The peer's cluster id: absent is fine, another one is not. */
static enum error channel_check_cluster(struct channel *channel, bool has,
                                        const ProtobufCBinaryData *id)
{
    const struct uuid *ours = &channel->identity->cluster_id;
    struct uuid *theirs = &channel->peer_cluster_id;

    if (!has)
        return ERROR_NONE;
    if (!uuid_from_bytes(id->data, id->len, theirs))
        return ERROR_BAD_FRAME;
    if (uuid_is_zero(ours) || uuid_is_zero(theirs))
        return ERROR_NONE;
    return uuid_equal(ours, theirs) ? ERROR_NONE : ERROR_WRONG_CLUSTER;
}

static void channel_hello_reply(struct channel *channel, enum error error,
                                uint64_t correlation_id)
{
    const struct channel_identity *identity = channel->identity;
    Kq__HelloResponse hello = KQ__HELLO_RESPONSE__INIT;
    Kq__Message message = KQ__MESSAGE__INIT;

    hello.error = error;
    hello.version = PROTOCOL_VERSION_MAX;
    if (!uuid_is_zero(&identity->cluster_id)) {
        hello.has_cluster_id = true;
        hello.cluster_id.data =
            (uint8_t *)(uintptr_t)identity->cluster_id.bytes;
        hello.cluster_id.len = sizeof identity->cluster_id.bytes;
    }
    hello.has_broker_id = identity->is_broker;
    hello.broker_id = identity->broker_id;
    hello.message_bytes_max = identity->frame_bytes_max;
    message.correlation_id = correlation_id;
    message.body_case = KQ__MESSAGE__BODY_HELLO_RESPONSE;
    message.hello_response = &hello;
    channel_put(channel, &message, NULL, 0, NULL, NULL);
}

/* Hello is done: the user may start. */
static void channel_open(struct channel *channel)
{
    timer_stop(channel->seam->timers, &channel->timer);
    channel_move(channel, CHANNEL_READY);
    if (channel->handler->on_ready)
        channel->handler->on_ready(channel->handler);
}

void channel_hello_asked(struct channel *channel, const Kq__Message *message)
{
    struct seam *seam = channel->seam;
    const Kq__HelloRequest *hello = message->hello_request;
    enum error error;

    if (message->body_case != KQ__MESSAGE__BODY_HELLO_REQUEST) {
        channel_fail(channel, ERROR_BAD_FRAME, "hello must come first");
        return;
    }
    channel->peer_is_broker = hello->has_broker_id;
    channel->peer_broker_id = hello->broker_id;
    error = channel_check_cluster(channel, hello->has_cluster_id,
                                  &hello->cluster_id);
    if (hello->version_min > PROTOCOL_VERSION_MAX ||
        hello->version_max < PROTOCOL_VERSION_MIN)
        error = ERROR_UNSUPPORTED_VERSION;
    channel_hello_reply(channel, error, message->correlation_id);
    if (error == ERROR_NONE) {
        channel_open(channel);
        return;
    }
    trace_log(seam->trace, TRACE_WARN, "%s is refused: %s",
              channel_peer(channel), error_sentence(error));
    channel_move(channel, CHANNEL_CLOSING);
    channel->close_error = error;
    channel_read_stop(channel);
    timer_start(seam->timers, &channel->timer,
                seam->now.monotonic_us + CHANNEL_LINGER_US);
}

void channel_hello_answered(struct channel *channel, const Kq__Message *message)
{
    const Kq__HelloResponse *hello = message->hello_response;
    enum error error;

    if (message->body_case != KQ__MESSAGE__BODY_HELLO_RESPONSE) {
        channel_fail(channel, ERROR_BAD_FRAME, "hello must come first");
        return;
    }
    if (hello->error != 0) {
        channel_fail(channel, error_from_code(hello->error),
                     "the peer refused our hello");
        return;
    }
    error = channel_check_cluster(channel, hello->has_cluster_id,
                                  &hello->cluster_id);
    if (hello->version < PROTOCOL_VERSION_MIN ||
        hello->version > PROTOCOL_VERSION_MAX)
        error = ERROR_UNSUPPORTED_VERSION;
    if (error != ERROR_NONE) {
        channel_fail(channel, error, "the peer's hello");
        return;
    }
    channel->peer_is_broker = hello->has_broker_id;
    channel->peer_broker_id = hello->broker_id;
    channel->peer_frame_bytes_max = hello->message_bytes_max;
    if (channel->peer_frame_bytes_max < CHANNEL_PEER_BYTES_MIN)
        channel->peer_frame_bytes_max = CHANNEL_PEER_BYTES_MIN;
    channel_open(channel);
}

/* ---- sending ---- */

static void channel_output_sent(struct output *output, enum error error)
{
    struct channel *channel = output->channel;
    bool released = false;

    list_remove(&output->node);
    if (channel)
        channel->released = &released;
    if (output->done)
        output->done(output->context, error);
    if (channel == NULL || released)
        return;
    channel->released = NULL;
    if (channel->output_full && channel->connection &&
        net_unsent(channel->connection) <= CHANNEL_UNSENT_BYTES_MAX) {
        channel->output_full = false;
        channel_read_resume(channel);
    }
    if (channel->state == CHANNEL_CLOSING && channel->connection == NULL &&
        list_empty(&channel->outputs))
        channel_finish(channel);
}

/* Whether the peer and our own format can take it. */
static bool channel_fits(const struct channel *channel,
                         const Kq__Message *message, size_t header_size,
                         uint64_t attachment_length)
{
    uint64_t length = header_size + attachment_length;
    size_t header_max = message_is_answer(message) && !channel->peer_is_broker
                            ? FRAME_ANSWER_BYTES_MAX
                            : FRAME_HEADER_BYTES_MAX;

    return header_size <= FRAME_PREFIX_BYTES + header_max &&
           length <= channel->peer_frame_bytes_max;
}

struct output *channel_put(struct channel *channel, const Kq__Message *message,
                           const struct channel_piece *pieces,
                           size_t piece_count,
                           void (*done)(void *context, enum error error),
                           void *context)
{
    size_t size = frame_encoded_size(message);
    struct fact fact = {.type = FACT_FRAME_SENT,
                        .value = (int64_t)message->body_case};
    struct output *output;

    if (!channel_fits(channel, message, size,
                      pieces_length(pieces, piece_count)))
        return NULL;
    output =
        output_new(channel->seam->heap, message, size, pieces, piece_count);
    if (output == NULL)
        return NULL;
    output->sent = channel_output_sent;
    output->channel = channel;
    output->done = done;
    output->context = context;
    list_append(&channel->outputs, &output->node);
    output_start(output, channel->connection);
    trace_fact(channel->seam->trace, &fact);
    if (net_unsent(channel->connection) > CHANNEL_UNSENT_BYTES_MAX &&
        !channel->output_full) {
        channel->output_full = true;
        net_pause(channel->connection);
    }
    return output;
}

void channel_put_error(struct channel *channel, uint64_t correlation_id,
                       enum error error)
{
    Kq__ErrorResponse body = KQ__ERROR_RESPONSE__INIT;
    Kq__Message message = KQ__MESSAGE__INIT;

    body.error = error;
    message.correlation_id = correlation_id;
    message.body_case = KQ__MESSAGE__BODY_ERROR_RESPONSE;
    message.error_response = &body;
    channel_put(channel, &message, NULL, 0, NULL, NULL);
}

static bool has_byte_pieces(const struct channel_piece *pieces, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (pieces[i].file == NULL && pieces[i].bytes.size > 0)
            return true;
    return false;
}

void channel_send(struct channel *channel, const Kq__Message *message,
                  const struct channel_piece *pieces, size_t piece_count,
                  void (*done)(void *context, enum error error), void *context)
{
    enum error error = ERROR_CLOSED;

    ASSERT(done || !has_byte_pieces(pieces, piece_count));
    if (channel->state == CHANNEL_READY) {
        if (channel_put(channel, message, pieces, piece_count, done, context))
            return;
        error = ERROR_TOO_LARGE;
        trace_log(channel->seam->trace, TRACE_WARN,
                  "a message of kind %d to %s is too large and is not sent",
                  (int)message->body_case, channel_peer(channel));
        if (message_is_answer(message))
            channel_put_error(channel, message->correlation_id, error);
    }
    if (done)
        output_refuse(channel->seam, done, context, error);
}

/* ---- calls ---- */

void call_finish(struct call *call, enum error error, struct frame *frame)
{
    struct channel *channel = call->channel;

    ASSERT(call->output == NULL);
    timer_stop(channel->seam->timers, &call->timer);
    list_remove(&call->node);
    call->channel = NULL;
    if (frame &&
        frame->message->body_case == KQ__MESSAGE__BODY_ERROR_RESPONSE) {
        error = error_from_code(frame->message->error_response->error);
        error = error == ERROR_NONE ? ERROR_UNKNOWN : error;
        frame_free(frame);
        frame = NULL;
    }
    call->done(call, error, frame);
}

static void call_sent(void *context, enum error error)
{
    struct call *call = context;
    struct frame *answer = call->answer;

    (void)error;
    call->output = NULL;
    call->answer = NULL;
    if (answer)
        call_finish(call, ERROR_NONE, answer);
}

static void call_timer_fire(struct timer *timer)
{
    struct call *call = container_of(timer, struct call, timer);

    if (call->refused != ERROR_NONE) {
        call_finish(call, call->refused, NULL);
        return;
    }
    /* A peer that takes nothing for so long is gone; the call's bytes are
     * free when the connection is. */
    if (call->output) {
        channel_fail(call->channel, ERROR_TIMED_OUT, "it takes no bytes");
        return;
    }
    call_finish(call, ERROR_TIMED_OUT, NULL);
}

void channel_call(struct channel *channel, struct call *call,
                  Kq__Message *message, const struct channel_piece *pieces,
                  size_t piece_count, int64_t timeout_us)
{
    bool borrows = has_byte_pieces(pieces, piece_count);
    int64_t deadline_us = channel->seam->now.monotonic_us;
    struct output *output = NULL;

    ASSERT(call->channel == NULL);
    call->channel = channel;
    call->correlation_id = channel->next_correlation_id++;
    call->output = NULL;
    call->answer = NULL;
    call->refused = ERROR_CLOSED;
    call->timer.fire = call_timer_fire;
    message->correlation_id = call->correlation_id;
    if (channel->state == CHANNEL_READY) {
        call->refused = ERROR_TOO_LARGE;
        output = channel_put(channel, message, pieces, piece_count,
                             borrows ? call_sent : NULL, call);
    }
    if (output) {
        call->refused = ERROR_NONE;
        call->output = borrows ? output : NULL;
        deadline_us += timeout_us;
    }
    list_append(output ? &channel->calls : &channel->refused, &call->node);
    timer_start(channel->seam->timers, &call->timer, deadline_us);
}

void call_cancel(struct call *call)
{
    if (call->channel == NULL)
        return;
    timer_stop(call->channel->seam->timers, &call->timer);
    list_remove(&call->node);
    if (call->output)
        call->output->done = NULL;
    call->output = NULL;
    frame_free(call->answer);
    call->answer = NULL;
    call->channel = NULL;
}

/* ---- the beginning ---- */

static void channel_on_event(struct connection_owner *owner,
                             const struct event *event)
{
    struct channel *channel = container_of(owner, struct channel, owner);

    ASSERT(channel->connection == event->connection);
    switch (event->type) {
    case EVENT_NET_CONNECTED:
        channel_move(channel, CHANNEL_HELLO);
        channel_hello_ask(channel);
        return;
    case EVENT_NET_READABLE:
        channel_read(channel);
        return;
    case EVENT_NET_CLOSED:
        channel_lost(channel, event->error);
        return;
    default:
        UNREACHABLE();
    }
}

void channel_init(struct channel *channel, struct seam *seam,
                  const struct channel_identity *identity,
                  struct channel_handler *handler)
{
    memset(channel, 0, sizeof *channel);
    channel->seam = seam;
    channel->handler = handler;
    channel->identity = identity;
    channel->owner.on_event = channel_on_event;
    channel->timer.fire = channel_timer_fire;
    channel->next_correlation_id = 1;
    channel_read_init(channel);
    list_init(&channel->calls);
    list_init(&channel->refused);
    list_init(&channel->outputs);
}

static void channel_forget_calls(struct list *calls)
{
    list_for_each_safe (node, calls)
        call_cancel(container_of(node, struct call, node));
}

void channel_release(struct channel *channel)
{
    struct list *node;

    channel_disconnect(channel);
    timer_stop(channel->seam->timers, &channel->timer);
    channel_forget_calls(&channel->calls);
    channel_forget_calls(&channel->refused);
    while ((node = list_pop(&channel->outputs)) != NULL)
        container_of(node, struct output, node)->channel = NULL;
    channel->state = CHANNEL_CLOSED; /* from any state: nobody is told */
    if (channel->released)
        *channel->released = true;
    channel->released = NULL;
}

static void channel_start(struct channel *channel, bool outbound)
{
    struct seam *seam = channel->seam;

    ASSERT(channel->state == CHANNEL_CLOSED);
    channel->outbound = outbound;
    channel->output_full = false;
    channel->reading_paused = false;
    channel->close_error = ERROR_NONE;
    channel->peer_frame_bytes_max = FRAME_BYTES_MAX_DEFAULT;
    channel->peer_cluster_id = (struct uuid){{0}};
    timer_start(seam->timers, &channel->timer,
                seam->now.monotonic_us + CHANNEL_HELLO_TIMEOUT_US);
}

void channel_connect(struct channel *channel, const char *host, uint16_t port)
{
    channel_start(channel, true);
    channel_move(channel, CHANNEL_CONNECTING);
    channel->connection =
        net_connect(channel->seam->net, host, port, &channel->owner);
}

void channel_accept(struct channel *channel, struct connection *connection)
{
    channel_start(channel, false);
    channel_move(channel, CHANNEL_HELLO);
    channel->connection = connection;
    net_set_owner(connection, &channel->owner);
}
