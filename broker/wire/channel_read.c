/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking frames in. Small reads are served from a read-ahead, so that a
 * burst of small frames costs one call into the world; what is left of a
 * large attachment is read straight into its buffer. Every length is
 * bounded before memory is taken. One event takes in a bounded number of
 * bytes and goes on at the next turn, so that one peer cannot hold the loop.
 */
#include "base/assert.h"
#include "seam/memory.h"
#include "seam/trace.h"
#include "wire/internal.h"

#define READ_BYTES_A_TURN (1u << 20)

/* A hello is small; whoever sends more has not earned the memory. */
#define CHANNEL_HELLO_BYTES_MAX 65536

enum part { PART_PREFIX, PART_HEADER, PART_ATTACHMENT };

bool message_is_answer(const Kq__Message *message)
{
    switch (message->body_case) {
    case KQ__MESSAGE__BODY_HELLO_RESPONSE:
    case KQ__MESSAGE__BODY_ERROR_RESPONSE:
    case KQ__MESSAGE__BODY_METADATA_RESPONSE:
    case KQ__MESSAGE__BODY_CREATE_TOPIC_RESPONSE:
    case KQ__MESSAGE__BODY_DELETE_TOPIC_RESPONSE:
    case KQ__MESSAGE__BODY_ALTER_TOPIC_RESPONSE:
    case KQ__MESSAGE__BODY_ELECT_LEADERS_RESPONSE:
    case KQ__MESSAGE__BODY_REASSIGN_RESPONSE:
    case KQ__MESSAGE__BODY_CLOCK_RESPONSE:
    case KQ__MESSAGE__BODY_DELETE_RECORDS_RESPONSE:
    case KQ__MESSAGE__BODY_PRODUCE_RESPONSE:
    case KQ__MESSAGE__BODY_FETCH_RESPONSE:
    case KQ__MESSAGE__BODY_LIST_OFFSETS_RESPONSE:
    case KQ__MESSAGE__BODY_INIT_PRODUCER_RESPONSE:
    case KQ__MESSAGE__BODY_ALTER_PARTITION_RESPONSE:
    case KQ__MESSAGE__BODY_REPLICA_LOST_RESPONSE:
        return true;
    default:
        return false;
    }
}

/* ---- a whole frame ---- */

static struct call *channel_find_call(struct channel *channel,
                                      uint64_t correlation_id)
{
    list_for_each (node, &channel->calls) {
        struct call *call = container_of(node, struct call, node);

        if (call->correlation_id == correlation_id)
            return call;
    }
    return NULL;
}

static void channel_take_answer(struct channel *channel, struct frame *frame)
{
    const Kq__Message *message = frame->message;
    struct call *call = channel_find_call(channel, message->correlation_id);

    if (call == NULL || call->answer) {
        frame_free(frame); /* it came too late */
        return;
    }
    if (call->output) {
        timer_stop(channel->seam->timers, &call->timer);
        call->answer = frame;
        return;
    }
    call_finish(call, ERROR_NONE, frame);
}

/* Takes the frame; calls back. */
static void channel_take_frame(struct channel *channel, struct frame *frame)
{
    const Kq__Message *message = frame->message;
    struct fact fact = {.type = FACT_FRAME_RECEIVED,
                        .value = (int64_t)message->body_case};

    trace_fact(channel->seam->trace, &fact);
    if (channel->state == CHANNEL_HELLO) {
        if (channel->outbound)
            channel_hello_answered(channel, message);
        else
            channel_hello_asked(channel, message);
        frame_free(frame);
        return;
    }
    switch (message->body_case) {
    case KQ__MESSAGE__BODY_HELLO_REQUEST:
    case KQ__MESSAGE__BODY_HELLO_RESPONSE:
        channel_fail(channel, ERROR_BAD_FRAME, "a second hello");
        break;
    case KQ__MESSAGE__BODY__NOT_SET:
        channel_put_error(channel, message->correlation_id,
                          ERROR_UNKNOWN_REQUEST);
        break;
    default:
        if (message_is_answer(message)) {
            channel_take_answer(channel, frame);
            return;
        }
        if (channel->handler->on_message) {
            channel->handler->on_message(channel->handler, frame);
            return;
        }
        channel_fail(channel, ERROR_BAD_FRAME, "it asks a client");
    }
    frame_free(frame);
}

/* ---- parts of a frame ---- */

/* Reads on until the current part has `size` bytes: true. False: no bytes
 * wait, or the budget of this turn is used up. */
static bool channel_fill(struct channel *channel, uint8_t *to, size_t size,
                         size_t *budget)
{
    while (channel->received < size) {
        size_t ahead = channel->ahead_end - channel->ahead_at;
        size_t wanted = size - channel->received;
        size_t got = ahead < wanted ? ahead : wanted;

        if (got > 0) {
            memcpy(to + channel->received, channel->ahead + channel->ahead_at,
                   got);
            channel->ahead_at += got;
            channel->received += got;
            continue;
        }
        if (*budget == 0)
            return false;
        if (wanted >= CHANNEL_AHEAD_BYTES) {
            got = net_read(channel->connection, to + channel->received, wanted);
            channel->received += got;
        } else {
            got = net_read(channel->connection, channel->ahead,
                           CHANNEL_AHEAD_BYTES);
            channel->ahead_at = 0;
            channel->ahead_end = got;
        }
        if (got == 0)
            return false;
        *budget -= got < *budget ? got : *budget;
    }
    return true;
}

static void channel_next_part(struct channel *channel, enum part part)
{
    channel->part = part;
    channel->received = 0;
}

static void channel_end_prefix(struct channel *channel)
{
    uint32_t limit = channel->identity->frame_bytes_max;
    enum error error;

    if (channel->state != CHANNEL_READY && limit > CHANNEL_HELLO_BYTES_MAX)
        limit = CHANNEL_HELLO_BYTES_MAX;
    error =
        frame_prefix_decode(channel->prefix_bytes, limit,
                            channel->outbound && !channel->identity->is_broker
                                ? FRAME_ANSWER_BYTES_MAX
                                : FRAME_HEADER_BYTES_MAX,
                            &channel->prefix);
    if (error != ERROR_NONE) {
        channel_fail(channel, error, "the lengths of a frame");
        return;
    }
    channel->header =
        heap_try_alloc(channel->seam->heap, channel->prefix.header_length);
    if (channel->header == NULL) {
        channel_fail(channel, ERROR_OUT_OF_MEMORY, "the header of a frame");
        return;
    }
    channel_next_part(channel, PART_HEADER);
}

static void channel_end_header(struct channel *channel)
{
    struct heap *heap = channel->seam->heap;
    size_t size = channel->prefix.attachment_length;
    struct frame *frame = frame_new(heap);
    enum error error = frame_decode(frame, &channel->prefix, channel->header);

    channel->incoming = frame;
    heap_free(heap, channel->header);
    channel->header = NULL;
    if (error != ERROR_NONE) {
        channel_fail(channel, error, "the header of a frame");
        return;
    }
    if (size > 0) {
        frame->attachment = heap_try_alloc(heap, size);
        if (frame->attachment == NULL) {
            channel_fail(channel, ERROR_OUT_OF_MEMORY, "an attachment");
            return;
        }
        frame->memory += size;
    }
    frame->attachment_size = size;
    channel_next_part(channel, PART_ATTACHMENT);
}

/* The next whole frame, or NULL: nothing more to do in this turn. */
static struct frame *channel_next_frame(struct channel *channel, size_t *budget)
{
    struct frame *frame;

    if (channel->part == PART_PREFIX &&
        channel_fill(channel, channel->prefix_bytes, FRAME_PREFIX_BYTES,
                     budget))
        channel_end_prefix(channel);
    if (channel->part == PART_HEADER &&
        channel_fill(channel, channel->header, channel->prefix.header_length,
                     budget))
        channel_end_header(channel);
    if (channel->part != PART_ATTACHMENT ||
        !channel_fill(channel, channel->incoming->attachment,
                      channel->incoming->attachment_size, budget))
        return NULL;
    frame = channel->incoming;
    channel->incoming = NULL;
    channel_next_part(channel, PART_PREFIX);
    return frame;
}

static bool channel_reads(const struct channel *channel)
{
    return (channel->state == CHANNEL_HELLO ||
            channel->state == CHANNEL_READY) &&
           !channel->reading_paused && !channel->output_full;
}

void channel_read(struct channel *channel)
{
    size_t budget = READ_BYTES_A_TURN;
    bool released = false;

    while (channel_reads(channel)) {
        struct frame *frame = channel_next_frame(channel, &budget);

        if (frame == NULL)
            break;
        channel->released = &released;
        channel_take_frame(channel, frame);
        if (released)
            return;
        channel->released = NULL;
    }
    if (budget == 0 && channel_reads(channel))
        channel_read_soon(channel);
}

static void channel_read_timer_fire(struct timer *timer)
{
    channel_read(container_of(timer, struct channel, read_timer));
}

/* ---- when to read ---- */

void channel_read_init(struct channel *channel)
{
    channel->read_timer.fire = channel_read_timer_fire;
}

void channel_read_soon(struct channel *channel)
{
    struct seam *seam = channel->seam;

    timer_start(seam->timers, &channel->read_timer, seam->now.monotonic_us);
}

void channel_read_stop(struct channel *channel)
{
    struct heap *heap = channel->seam->heap;

    timer_stop(channel->seam->timers, &channel->read_timer);
    frame_free(channel->incoming);
    heap_free(heap, channel->header);
    channel->incoming = NULL;
    channel->header = NULL;
    channel->ahead_at = 0;
    channel->ahead_end = 0;
    channel_next_part(channel, PART_PREFIX);
}

void channel_read_resume(struct channel *channel)
{
    if (!channel_reads(channel))
        return;
    net_resume(channel->connection);
    channel_read_soon(channel);
}

void channel_pause(struct channel *channel)
{
    channel->reading_paused = true;
    if (channel->connection)
        net_pause(channel->connection);
}

void channel_resume(struct channel *channel)
{
    channel->reading_paused = false;
    channel_read_resume(channel);
}
