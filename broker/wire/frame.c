/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames to bytes and back. Every length is bounded before memory is taken;
 * a message is decoded into one arena, so hostile input cannot take more
 * than FRAME_ARENA_FACTOR times what it sent. Fields that the schema does
 * not know stay in the arena and are never looked at or sent on.
 */
#include "wire/frame.h"

#include "base/arena.h"
#include "base/assert.h"
#include "base/crc32c.h"
#include "base/cursor.h"
#include "seam/memory.h"

/* header_length and header_crc: what `length` counts besides the parts */
#define FRAME_LENGTH_MIN 8

enum error frame_prefix_decode(const uint8_t prefix[FRAME_PREFIX_BYTES],
                               uint32_t frame_bytes_max,
                               struct frame_prefix *out)
{
    struct cursor cursor;
    uint32_t length;

    cursor_init(&cursor, prefix, FRAME_PREFIX_BYTES);
    length = cursor_u32(&cursor);
    out->header_length = cursor_u32(&cursor);
    out->header_crc = cursor_u32(&cursor);
    ASSERT(!cursor.failed);
    if (length < FRAME_LENGTH_MIN || out->header_length == 0)
        return ERROR_BAD_FRAME;
    if (out->header_length > length - FRAME_LENGTH_MIN)
        return ERROR_BAD_FRAME;
    if (length > frame_bytes_max)
        return ERROR_TOO_LARGE;
    if (out->header_length > FRAME_HEADER_BYTES_MAX)
        return ERROR_TOO_LARGE;
    out->attachment_length = length - FRAME_LENGTH_MIN - out->header_length;
    return ERROR_NONE;
}

static void *decode_alloc(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void decode_free(void *arena, void *memory)
{
    (void)arena;
    (void)memory;
}

enum error frame_decode(struct frame *frame, const struct frame_prefix *prefix,
                        const uint8_t *header)
{
    size_t budget = (size_t)prefix->header_length * FRAME_ARENA_FACTOR +
                    FRAME_ARENA_BYTES_MIN;
    struct arena arena;
    ProtobufCAllocator allocator = {decode_alloc, decode_free, &arena};

    ASSERT(frame->arena_block == NULL);
    ASSERT(prefix->header_length <= FRAME_HEADER_BYTES_MAX);
    if (crc32c(0, header, prefix->header_length) != prefix->header_crc)
        return ERROR_BAD_FRAME;
    frame->arena_block = heap_try_alloc(frame->heap, budget);
    if (frame->arena_block == NULL)
        return ERROR_OUT_OF_MEMORY;
    frame->memory += budget;
    arena_init(&arena, frame->arena_block, budget);
    frame->message =
        kq__message__unpack(&allocator, prefix->header_length, header);
    return frame->message ? ERROR_NONE : ERROR_BAD_FRAME;
}

struct frame *frame_new(struct heap *heap)
{
    struct frame *frame = heap_alloc(heap, sizeof *frame);

    frame->heap = heap;
    frame->memory = sizeof *frame;
    return frame;
}

void frame_free(struct frame *frame)
{
    if (frame == NULL)
        return;
    heap_free(frame->heap, frame->attachment);
    heap_free(frame->heap, frame->arena_block);
    heap_free(frame->heap, frame);
}

size_t frame_encoded_size(const Kq__Message *message)
{
    return FRAME_PREFIX_BYTES + kq__message__get_packed_size(message);
}

void frame_encode(const Kq__Message *message, uint64_t attachment_length,
                  uint8_t *to, size_t size)
{
    uint8_t *header = to + FRAME_PREFIX_BYTES;
    size_t header_length = size - FRAME_PREFIX_BYTES;
    uint64_t length = FRAME_LENGTH_MIN + header_length + attachment_length;
    struct writer writer;

    ASSERT(size > FRAME_PREFIX_BYTES);
    ASSERT(length <= UINT32_MAX);
    ASSERT(kq__message__pack(message, header) == header_length);
    writer_init(&writer, to, FRAME_PREFIX_BYTES);
    writer_u32(&writer, (uint32_t)length);
    writer_u32(&writer, (uint32_t)header_length);
    writer_u32(&writer, crc32c(0, header, header_length));
    ASSERT(!writer.failed);
}
