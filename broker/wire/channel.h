/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames over one connection, for both ends: framing, the hello exchange,
 * calls that await their answer, back-pressure. A protocol error closes the
 * connection with a logged reason and harms no other.
 *
 *     CLOSED --channel_connect()--> CONNECTING --connected--> HELLO
 *     CLOSED --channel_accept()-----------------------------> HELLO
 *     HELLO  --asked and answered---------------------------> READY
 *     any of these --error, channel_close()-----------------> CLOSING
 *     CLOSING --calls failed, then on_closed()--------------> CLOSED
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
    CHANNEL_READY,
    CHANNEL_CLOSING /* on_closed is still to come */
};

struct channel;

/* Embedded by the user. None of these is called from inside a channel_
 * function. */
struct channel_handler {
    /* Hello is done. NULL is allowed. */
    void (*on_ready)(struct channel_handler *handler);
    /* A request or a one-way message. Takes the frame (frame_free). NULL:
     * such a message closes the channel. */
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
    struct channel *channel; /* NULL when not pending; zero it at first */
    /* the channel's */
    uint64_t correlation_id;
    struct timer timer;
    struct list node;
    struct output *output; /* while its byte pieces have not left */
    struct frame *answer;  /* came before they had left */
    enum error refused;
};

/* Frames are cut out of this much read-ahead; larger attachments are read
 * straight into their buffers. */
#define CHANNEL_AHEAD_BYTES      4096
/* Above so many unsent bytes no more frames are taken in. */
#define CHANNEL_UNSENT_BYTES_MAX (8u << 20)
/* From connecting to the end of the hello exchange. */
#define CHANNEL_HELLO_TIMEOUT_US 5000000

struct channel {
    struct seam *seam;
    struct channel_handler *handler;
    const struct channel_identity *identity;
    enum channel_state state;
    uint32_t peer_frame_bytes_max;
    struct uuid peer_cluster_id; /* zero: it did not say */
    bool peer_is_broker;
    uint32_t peer_broker_id; /* of a broker */

    /* the channel's own */
    struct connection_owner owner;
    struct connection *connection;
    bool outbound;
    bool reading_paused; /* by channel_pause() */
    bool output_full;
    uint64_t next_correlation_id;
    struct list calls;       /* of struct call, in order of sending */
    struct list refused;     /* calls made while not READY, to fail soon */
    struct list outputs;     /* of struct output, unsent; CLOSING awaits them */
    struct timer timer;      /* the hello time-out, later the end of CLOSING */
    struct timer read_timer; /* goes on reading at the next turn */
    enum error close_error;
    bool *released; /* set by channel_release() under a running callback */
    /* the frame being received: prefix, then header, then attachment */
    struct frame *incoming;
    struct frame_prefix prefix;
    uint8_t prefix_bytes[FRAME_PREFIX_BYTES];
    uint8_t *header;
    size_t received; /* of the current part */
    unsigned part;
    size_t ahead_at;
    size_t ahead_end;
    uint8_t ahead[CHANNEL_AHEAD_BYTES];
};

/* Borrows seam, identity and handler for the channel's life. */
void channel_init(struct channel *channel, struct seam *seam,
                  const struct channel_identity *identity,
                  struct channel_handler *handler);
/* Closes without a callback; pending calls are forgotten (not called); the
 * done() of a channel_send still comes. Allowed at any time, also in each
 * of the callbacks above: the channel touches itself no more when one of
 * them has released it, so its memory may be freed there too. */
void channel_release(struct channel *channel);

/* State must be CLOSED. on_ready or on_closed follows. Borrows host until
 * return. */
void channel_connect(struct channel *channel, const char *host, uint16_t port);
/* Takes an accepted connection, within its event. State must be CLOSED. */
void channel_accept(struct channel *channel, struct connection *connection);

/* Closes; on_closed(error) follows at a later event, calls fail first. Does
 * nothing when CLOSED or CLOSING. */
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
 * comes exactly once (also when the channel is closed or released, never
 * from inside); `done` may be NULL when there are no byte pieces. Files are
 * held by the world until they have left. Does nothing but done(CLOSED)
 * when the channel is not READY. A message past the limits is not sent:
 * done(TOO_LARGE), and if it is an answer the peer gets an ErrorResponse. */
void channel_send(struct channel *channel, const Kq__Message *message,
                  const struct channel_piece *pieces, size_t piece_count,
                  void (*done)(void *context, enum error error), void *context);

/* Sends a request (its correlation id is set here) and awaits the answer for
 * timeout_us; pieces as above, borrowed until the call is done. */
void channel_call(struct channel *channel, struct call *call,
                  Kq__Message *message, const struct channel_piece *pieces,
                  size_t piece_count, int64_t timeout_us);
/* Forgets a pending call: done() will not come; does nothing when it is not
 * pending. Byte pieces given with it must stay until the channel has sent
 * or closed: cancel only calls without byte pieces, or close the channel. */
void call_cancel(struct call *call);

/* Back-pressure: stop taking frames in; start again. A channel also stops
 * by itself above CHANNEL_UNSENT_BYTES_MAX. */
void channel_pause(struct channel *channel);
void channel_resume(struct channel *channel);

static inline bool channel_ready(const struct channel *channel)
{
    return channel->state == CHANNEL_READY;
}

#endif
