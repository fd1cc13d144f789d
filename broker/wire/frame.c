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
#include "wire/field.h"

/* header_length and header_crc: what `length` counts besides the parts */
#define FRAME_LENGTH_MIN   8
#define CORRELATION_NUMBER 1 /* Message.correlation_id */

enum error frame_prefix_decode(const uint8_t prefix[FRAME_PREFIX_BYTES],
                               uint32_t frame_bytes_max,
                               uint32_t header_bytes_max,
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
    if (out->header_length > header_bytes_max)
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

/* ---- the envelope ---- */

/* Message has a body of each kind there is, of which protobuf-c would look at
 * all, so it is read and written here. What is in the body is protobuf-c's. */
static const ProtobufCFieldDescriptor *body_field(uint64_t number)
{
    const ProtobufCFieldDescriptor *field =
        number > UINT32_MAX || number == CORRELATION_NUMBER
            ? NULL
            : protobuf_c_message_descriptor_get_field(&kq__message__descriptor,
                                                      (unsigned)number);

    ASSERT(field == NULL || field->type == PROTOBUF_C_TYPE_MESSAGE);
    return field;
}

static ProtobufCMessage *body_of(const Kq__Message *message,
                                 const ProtobufCFieldDescriptor *field)
{
    return *(ProtobufCMessage *const *)(const void *)((const uint8_t *)message +
                                                      field->offset);
}

static bool take_body(Kq__Message *message, const ProtobufCFieldDescriptor *of,
                      const struct field *field, ProtobufCAllocator *allocator)
{
    ProtobufCMessage *body;

    if (field->type != FIELD_BYTES ||
        message->body_case != KQ__MESSAGE__BODY__NOT_SET)
        return false;
    body = protobuf_c_message_unpack(of->descriptor, allocator,
                                     field->content.size, field->content.data);
    if (body == NULL)
        return false;
    message->body_case = (Kq__Message__BodyCase)of->id;
    *(ProtobufCMessage **)(void *)((uint8_t *)message + of->offset) = body;
    return true;
}

static bool take_fields(Kq__Message *message, struct bytes header,
                        ProtobufCAllocator *allocator)
{
    struct field_scan scan = {header, 0};
    bool correlated = false;
    struct field field;

    while (field_waits(&scan)) {
        const ProtobufCFieldDescriptor *of;

        if (!field_next(&scan, &field))
            return false;
        of = body_field(field.number);
        if (of != NULL && !take_body(message, of, &field, allocator))
            return false;
        if (field.number != CORRELATION_NUMBER)
            continue;
        if (field.type != FIELD_VARINT)
            return false;
        message->correlation_id = field.value;
        correlated = true;
    }
    return correlated;
}

enum error frame_decode(struct frame *frame, const struct frame_prefix *prefix,
                        const uint8_t *header)
{
    size_t budget = (size_t)prefix->header_length * FRAME_ARENA_FACTOR +
                    FRAME_ARENA_BYTES_MIN;
    struct arena arena;
    ProtobufCAllocator allocator = {decode_alloc, decode_free, &arena};
    Kq__Message *message;

    ASSERT(frame->arena_block == NULL);
    ASSERT(prefix->header_length <= FRAME_ANSWER_BYTES_MAX);
    if (crc32c(0, header, prefix->header_length) != prefix->header_crc)
        return ERROR_BAD_FRAME;
    frame->arena_block = heap_try_alloc(frame->heap, budget);
    if (frame->arena_block == NULL)
        return ERROR_OUT_OF_MEMORY;
    frame->memory += budget;
    arena_init(&arena, frame->arena_block, budget);
    message = arena_alloc(&arena, sizeof *message);
    ASSERT(message != NULL);
    kq__message__init(message);
    if (!take_fields(message, (struct bytes){header, prefix->header_length},
                     &allocator))
        return ERROR_BAD_FRAME;
    frame->message = message;
    return ERROR_NONE;
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

static size_t envelope_size(const Kq__Message *message, size_t body_size)
{
    size_t size = 1 + varint_size(message->correlation_id);

    if (message->body_case == KQ__MESSAGE__BODY__NOT_SET)
        return size;
    return size + varint_size(field_tag(message->body_case, FIELD_BYTES)) +
           varint_size(body_size);
}

static size_t body_size_of(const Kq__Message *message)
{
    const ProtobufCFieldDescriptor *field = body_field(message->body_case);

    return field != NULL
               ? protobuf_c_message_get_packed_size(body_of(message, field))
               : 0;
}

size_t frame_encoded_size(const Kq__Message *message)
{
    size_t body_size = body_size_of(message);

    return FRAME_PREFIX_BYTES + envelope_size(message, body_size) + body_size;
}

/* Of a body that fills `left` bytes with its length before it: to count it
 * again takes longer. */
static size_t body_within(size_t left)
{
    size_t width = 1;

    while (width < left && varint_size(left - width) > width)
        width++;
    return left - width;
}

static uint8_t *put_message(uint8_t *at, size_t size,
                            const Kq__Message *message)
{
    const ProtobufCFieldDescriptor *field = body_field(message->body_case);
    const uint8_t *end = at + size;

    at = varint_put(at, field_tag(CORRELATION_NUMBER, FIELD_VARINT));
    at = varint_put(at, message->correlation_id);
    if (field == NULL)
        return at;
    at = varint_put(at, field_tag(field->id, FIELD_BYTES));
    at = varint_put(at, body_within((size_t)(end - at)));
    return at + protobuf_c_message_pack(body_of(message, field), at);
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
    ASSERT(put_message(header, header_length, message) ==
           header + header_length);
    writer_init(&writer, to, FRAME_PREFIX_BYTES);
    writer_u32(&writer, (uint32_t)length);
    writer_u32(&writer, (uint32_t)header_length);
    writer_u32(&writer, crc32c(0, header, header_length));
    ASSERT(!writer.failed);
}
