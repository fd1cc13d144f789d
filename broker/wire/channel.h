/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames over one connection, for both ends: framing, the hello exchange,
 * calls that await their answer, back-pressure. A protocol error closes the
 * connection with a logged reason and harms no other.
 *
 *     CONNECTING --connected--> HELLO --answered--> READY --> CLOSED
 *     (accepted) -------------> HELLO --asked-----> READY --> CLOSED
 */
#ifndef WIRE_CHANNEL_H
#define WIRE_CHANNEL_H

#include "base/list.h"
#include "seam/net.h"
#include "seam/timer.h"
#include "wire/frame.h"

#define PROTOCOL_VERSION_MIN 1
#define PROTOCOL_VERSION_MAX 1

/* Who we say we are. The strings are borrowed for the channel's life. */
struct channel_identity {
    const char *client_id;
    struct uuid cluster_id; /* zero: not known yet */
    bool is_broker;
    uint32_t broker_id;
    uint32_t frame_bytes_max;
};

enum channel_state {
    CHANNEL_CLOSED,
    CHANNEL_CONNECTING,
    CHANNEL_HELLO,
    CHANNEL_READY
};

struct channel;

/* Embedded by the user. None of these is called from inside a channel_
 * function. */
struct channel_handler {
    /* Hello is done. NULL is allowed. */
    void (*on_ready)(struct channel_handler *handler);
    /* A message that answers no call: a request or a one-way message. Takes
     * the frame (frame_free). NULL: such a message closes the channel. */
    void (*on_message)(struct channel_handler *handler, struct frame *frame);
    /* The connection is gone; pending calls have failed before. The channel
     * may be opened again or released in here. */
    void (*on_closed)(struct channel_handler *handler, enum error error);
};

/* A request that awaits its answer; embedded by the caller. */
struct call {
    /* error != NONE: no answer (frame is NULL). Otherwise takes the frame.
     * An ErrorResponse arrives as its error. Exactly once per channel_call,
     * never from inside it. */
    void (*done)(struct call *call, enum error error, struct frame *frame);
    struct channel *channel; /* NULL when not pending */
    uint64_t correlation_id;
    struct timer timer;
    struct list node;
};

struct channel {
    struct seam *seam;
    struct channel_handler *handler;
    const struct channel_identity *identity;
    struct connection_owner owner;
    struct connection *connection;
    enum channel_state state;
    bool outbound;
    bool reading_paused;
    uint32_t peer_frame_bytes_max;
    struct uuid peer_cluster_id;
    bool peer_is_broker;
    uint32_t peer_broker_id;
    uint64_t next_correlation_id;
    struct list calls; /* of struct call, in order of sending */
    struct timer hello_timer;
    /* the frame being received: prefix, then header, then attachment */
    struct frame *incoming;
    struct frame_prefix prefix;
    uint8_t prefix_bytes[FRAME_PREFIX_BYTES];
    uint8_t *header;
    size_t received; /* of the current part */
    unsigned part;
    struct list closing_calls;
    bool in_event;
    bool close_wanted;
    enum error close_error;
};

void channel_init(struct channel *channel, struct seam *seam,
                  const struct channel_identity *identity,
                  struct channel_handler *handler);
/* Closes without a callback; pending calls are forgotten (not called). */
void channel_release(struct channel *channel);

/* State must be CLOSED. on_ready or on_closed follows. Borrows host. */
void channel_connect(struct channel *channel, const char *host, uint16_t port);
/* Takes an accepted connection, within its event. */
void channel_accept(struct channel *channel, struct connection *connection);

/* Closes; on_closed(error) follows at a later event, calls fail first. */
void channel_close(struct channel *channel, enum error error);

/* A part of an attachment: bytes, or a range of a file when file is set. */
struct channel_piece {
    struct bytes bytes;
    struct disk_file *file;
    uint64_t offset;
    uint64_t length;
};

/* Sends a message and the pieces as its attachment. The message is encoded
 * before return; bytes of pieces are borrowed until done(context), which
 * comes exactly once (also when the channel is closed, never from inside);
 * `done` may be NULL when there are no byte pieces. Does nothing but done
 * when the channel is closed. */
void channel_send(struct channel *channel, const Kq__Message *message,
                  const struct channel_piece *pieces, size_t piece_count,
                  void (*done)(void *context, enum error error), void *context);

/* Sends a request (its correlation id is set here) and awaits the answer for
 * timeout_us; pieces as above, borrowed until the call is done. */
void channel_call(struct channel *channel, struct call *call,
                  Kq__Message *message, const struct channel_piece *pieces,
                  size_t piece_count, int64_t timeout_us);
/* Forgets a pending call: done() will not come. Byte pieces given with it
 * must stay until the channel has sent or closed: cancel only calls without
 * byte pieces, or close the channel. */
void call_cancel(struct call *call);

/* Back-pressure: stop taking frames in; start again. */
void channel_pause(struct channel *channel);
void channel_resume(struct channel *channel);

static inline bool channel_ready(const struct channel *channel)
{
    return channel->state == CHANNEL_READY;
}

#endif
