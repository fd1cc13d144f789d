/* SPDX-License-Identifier: Apache-2.0
 *
 * One frame on its way out: the encoded header, then the pieces of its
 * attachment as bytes or file ranges. It belongs to the connection's queue
 * and may outlive the channel that made it. Used by channel.c only.
 */
#ifndef WIRE_OUTPUT_H
#define WIRE_OUTPUT_H

#include "seam/net.h"
#include "wire/channel.h"

struct output {
    struct heap *heap;
    /* All of it has left, or will never leave. Called once; the output frees
     * itself afterwards. Set by the maker. */
    void (*sent)(struct output *output, enum error error);
    struct channel *channel; /* NULL once the channel let go of it */
    struct list node;        /* on channel->outputs */
    /* the user's; NULL once nobody wants to know */
    void (*done)(void *context, enum error error);
    void *context;
    enum error error;
    unsigned pending;
    unsigned send_count;
    struct output_send *sends;
    uint8_t *header;
};

/* Bytes of the attachment that the pieces make. */
uint64_t pieces_length(const struct channel_piece *pieces, size_t count);

/* Encodes the message (whose frame is `size` bytes without the attachment);
 * borrows the pieces' bytes until sent(), the array until return. NULL: there
 * is no memory for so long an answer. */
struct output *output_new(struct heap *heap, const Kq__Message *message,
                          size_t size, const struct channel_piece *pieces,
                          size_t piece_count);
/* Queues it; sent() follows at a later event. */
void output_start(struct output *output, struct connection *connection);

/* Calls done(context, error) at the next turn. */
void output_refuse(struct seam *seam,
                   void (*done)(void *context, enum error error), void *context,
                   enum error error);

#endif
