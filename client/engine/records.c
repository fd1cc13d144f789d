/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a RecordSet that came over the wire. Its checksum was right, but
 * whoever produced it may be hostile: entries are bounded before they are
 * decoded, one at a time, each into memory in proportion to its size.
 */
#include "base/arena.h"
#include "base/assert.h"
#include "client/engine/internal.h"
#include "record.pb-c.h"
#include "seam/memory.h"

#define RECORD_FIELD        1
/* Decoded size of a plain record, and of one that is nothing but headers. */
#define DECODE_FACTOR_USUAL 4
#define DECODE_FACTOR_MAX   64
#define DECODE_BYTES_MIN    8192

enum wire_type { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

static bool varint_next(struct record_scan *scan, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte;

        if (scan->at >= scan->set.size)
            return false;
        byte = scan->set.data[scan->at++];
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return true;
    }
    return false;
}

/* The next field: `content` is set for length-delimited ones. */
static bool field_next(struct record_scan *scan, uint64_t *tag,
                       struct bytes *content)
{
    uint64_t size = 0;

    content->data = NULL;
    if (!varint_next(scan, tag))
        return false;
    switch (*tag & 7) {
    case WIRE_VARINT:
        return varint_next(scan, &size);
    case WIRE_64:
        size = 8;
        break;
    case WIRE_32:
        size = 4;
        break;
    case WIRE_BYTES:
        if (!varint_next(scan, &size))
            return false;
        break;
    default:
        return false;
    }
    if (size > scan->set.size - scan->at)
        return false;
    *content = (struct bytes){scan->set.data + scan->at, (size_t)size};
    scan->at += (size_t)size;
    return true;
}

static bool is_record(uint64_t tag)
{
    return tag == (RECORD_FIELD << 3 | WIRE_BYTES);
}

bool record_set_valid(struct bytes set, uint32_t count)
{
    struct record_scan scan = {set, 0};
    struct bytes content;
    uint32_t found = 0;
    uint64_t tag;

    while (scan.at < set.size) {
        if (!field_next(&scan, &tag, &content))
            return false;
        if (is_record(tag) && found++ == count)
            return false;
    }
    return found == count;
}

bool record_scan_next(struct record_scan *scan, struct bytes *record)
{
    uint64_t tag;

    while (scan->at < scan->set.size) {
        if (!field_next(scan, &tag, record))
            return false;
        if (is_record(tag))
            return true;
    }
    return false;
}

/* ---- one record ---- */

static void *decode_alloc(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void decode_free(void *arena, void *memory)
{
    (void)arena;
    (void)memory;
}

/* protobuf-c gives no pointer for empty bytes; ours tell empty from null. */
static struct bytes bytes_of(bool has, const ProtobufCBinaryData *data)
{
    static const uint8_t empty[1];

    if (!has)
        return (struct bytes){NULL, 0};
    return (struct bytes){data->data ? data->data : empty, data->len};
}

static bool decode_headers(struct arena *arena, const Kq__Record *decoded,
                           struct client_record *record)
{
    struct client_header *headers;
    size_t count = decoded->n_headers;

    record->headers = NULL;
    record->header_count = count;
    if (count == 0)
        return true;
    headers = arena_alloc(arena, count * sizeof *headers);
    if (headers == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        const Kq__Header *header = decoded->headers[i];

        headers[i].key = header->key;
        headers[i].value = bytes_of(header->has_value, &header->value);
    }
    record->headers = headers;
    return true;
}

static bool decode_within(struct arena *arena, struct bytes entry,
                          int64_t base_timestamp_ms,
                          struct client_record *record)
{
    ProtobufCAllocator allocator = {decode_alloc, decode_free, arena};
    Kq__Record *decoded =
        kq__record__unpack(&allocator, entry.size, entry.data);

    if (decoded == NULL)
        return false;
    record->key = bytes_of(decoded->has_key, &decoded->key);
    record->value = bytes_of(decoded->has_value, &decoded->value);
    record->timestamp_ms = (int64_t)((uint64_t)base_timestamp_ms +
                                     (uint64_t)decoded->timestamp_delta);
    return decode_headers(arena, decoded, record);
}

static bool decode_reserve(struct client *client, size_t size)
{
    if (client->decode_size >= size)
        return true;
    heap_free(client->seam->heap, client->decode_block);
    client->decode_size = 0;
    client->decode_block = heap_try_alloc(client->seam->heap, size);
    if (client->decode_block == NULL)
        return false;
    client->decode_size = size;
    return true;
}

enum error record_decode(struct client *client, struct bytes entry,
                         int64_t base_timestamp_ms,
                         struct client_record *record)
{
    static const size_t factors[] = {DECODE_FACTOR_USUAL, DECODE_FACTOR_MAX};
    struct arena arena;

    ASSERT(entry.size <= FRAME_BYTES_MAX_DEFAULT);
    for (size_t i = 0; i < sizeof factors / sizeof factors[0]; i++) {
        if (!decode_reserve(client, entry.size * factors[i] + DECODE_BYTES_MIN))
            return ERROR_OUT_OF_MEMORY;
        arena_init(&arena, client->decode_block, client->decode_size);
        if (decode_within(&arena, entry, base_timestamp_ms, record))
            return ERROR_NONE;
    }
    return ERROR_CORRUPT_BATCH;
}
