/* SPDX-License-Identifier: Apache-2.0
 *
 * What channel.c and channel_read.c share. Nobody else includes this.
 */
#ifndef WIRE_INTERNAL_H
#define WIRE_INTERNAL_H

#include "wire/channel.h"

struct output;

/* Name of the peer, for logs. */
const char *channel_peer(const struct channel *channel);

/* Logs the reason and closes. */
void channel_fail(struct channel *channel, enum error error, const char *why);

/* Queues a frame on the open connection; NULL when it is past the limits. */
struct output *channel_put(struct channel *channel, const Kq__Message *message,
                           const struct channel_piece *pieces,
                           size_t piece_count,
                           void (*done)(void *context, enum error error),
                           void *context);
void channel_put_error(struct channel *channel, uint64_t correlation_id,
                       enum error error);

/* The first message of either side. Calls back, last. */
void channel_hello_asked(struct channel *channel, const Kq__Message *message);
void channel_hello_answered(struct channel *channel,
                            const Kq__Message *message);

/* The call is over: takes the frame, calls back. An ErrorResponse becomes
 * its error. */
void call_finish(struct call *call, enum error error, struct frame *frame);

/* Whether the body is an answer to a request. */
bool message_is_answer(const Kq__Message *message);

void channel_read_init(struct channel *channel);
/* Takes in what waits; calls back. */
void channel_read(struct channel *channel);
/* The same at the next turn. */
void channel_read_soon(struct channel *channel);
/* Lets bytes in again unless something still forbids it. */
void channel_read_resume(struct channel *channel);
/* Drops what was read of the current frame; reads no more. */
void channel_read_stop(struct channel *channel);

#endif
