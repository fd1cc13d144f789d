/* SPDX-License-Identifier: Apache-2.0
 *
 * Turns a message and its pieces into sends of the seam: byte pieces are
 * gathered into vectored sends, a file range is a send of its own. One
 * allocation holds the output, its sends and the encoded header.
 */
#include "wire/output.h"

#include <string.h>

#include "base/assert.h"
#include "seam/memory.h"

struct output_send {
    struct net_send send;
    struct output *output;
};

struct refusal {
    struct timer timer;
    struct heap *heap;
    void (*done)(void *context, enum error error);
    void *context;
    enum error error;
};

uint64_t pieces_length(const struct channel_piece *pieces, size_t count)
{
    uint64_t length = 0;

    for (size_t i = 0; i < count; i++)
        length += pieces[i].file ? pieces[i].length : pieces[i].bytes.size;
    return length;
}

static void output_send_done(struct net_send *send)
{
    struct output_send *part = container_of(send, struct output_send, send);
    struct output *output = part->output;

    if (output->error == ERROR_NONE)
        output->error = send->error;
    ASSERT(output->pending > 0);
    if (--output->pending > 0)
        return;
    output->sent(output, output->error);
    heap_free(output->heap, output);
}

static struct output_send *output_add_send(struct output *output)
{
    struct output_send *part = &output->sends[output->send_count++];

    part->send.done = output_send_done;
    part->output = output;
    return part;
}

static void output_add_pieces(struct output *output, size_t header_size,
                              const struct channel_piece *pieces, size_t count)
{
    struct output_send *part = output_add_send(output);

    part->send.parts[0] = (struct iovec){output->header, header_size};
    part->send.part_count = 1;
    for (size_t i = 0; i < count; i++) {
        const struct channel_piece *piece = &pieces[i];

        if (piece->file) {
            part = output_add_send(output);
            part->send.file = piece->file;
            part->send.file_offset = piece->offset;
            part->send.file_length = piece->length;
            continue;
        }
        if (piece->bytes.size == 0)
            continue;
        if (part->send.file || part->send.part_count == NET_SEND_PARTS_MAX)
            part = output_add_send(output);
        part->send.parts[part->send.part_count++] = (struct iovec){
            (void *)(uintptr_t)piece->bytes.data, piece->bytes.size};
    }
}

struct output *output_new(struct heap *heap, const Kq__Message *message,
                          size_t size, const struct channel_piece *pieces,
                          size_t piece_count)
{
    size_t sends = (piece_count + 1) * sizeof(struct output_send);
    size_t total = sizeof(struct output) + sends + size;
    struct output *output = size > FRAME_PREFIX_BYTES + FRAME_HEADER_BYTES_MAX
                                ? heap_try_alloc(heap, total)
                                : heap_alloc_unset(heap, total);

    if (output == NULL)
        return NULL;
    memset(output, 0, sizeof *output + sends);
    output->heap = heap;
    list_init(&output->node);
    output->sends = (struct output_send *)(void *)(output + 1);
    output->header = (uint8_t *)output->sends + sends;
    frame_encode(message, pieces_length(pieces, piece_count), output->header,
                 size);
    output_add_pieces(output, size, pieces, piece_count);
    ASSERT(output->send_count <= piece_count + 1);
    return output;
}

void output_start(struct output *output, struct connection *connection)
{
    output->pending = output->send_count;
    for (unsigned i = 0; i < output->send_count; i++) {
        struct net_send *send = &output->sends[i].send;
        struct disk_file *file = send->file;

        if (file == NULL) {
            net_send(connection, send);
            continue;
        }
        net_send_file(connection, send, file, send->file_offset,
                      send->file_length);
    }
}

static void refusal_fire(struct timer *timer)
{
    struct refusal *refusal = container_of(timer, struct refusal, timer);

    refusal->done(refusal->context, refusal->error);
    heap_free(refusal->heap, refusal);
}

void output_refuse(struct seam *seam,
                   void (*done)(void *context, enum error error), void *context,
                   enum error error)
{
    struct refusal *refusal = heap_alloc(seam->heap, sizeof *refusal);

    refusal->timer.fire = refusal_fire;
    refusal->heap = seam->heap;
    refusal->done = done;
    refusal->context = context;
    refusal->error = error;
    timer_start(seam->timers, &refusal->timer, seam->now.monotonic_us);
}
