/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a RecordSet that came over the wire. Its checksum was right, but
 * whoever produced it may be hostile: entries are bounded before they are
 * decoded, one at a time, each into memory in proportion to its size. Keys
 * and values stay where they lie.
 */
#include "base/arena.h"
#include "base/assert.h"
#include "client/engine/internal.h"
#include "seam/memory.h"

/* What the headers of a plain record take, to a byte of it, and those of one
 * that is nothing but headers: 24 bytes each, and 16 a name, for two. */
#define DECODE_FACTOR_USUAL 4
#define DECODE_FACTOR_MAX   12
#define DECODE_BYTES_MIN    8192

static bool is_record(const struct field *field)
{
    return field->number == SET_RECORDS && field->type == FIELD_BYTES;
}

bool record_set_valid(struct bytes set, uint32_t count)
{
    struct field_scan scan = {set, 0};
    struct field field;
    uint32_t found = 0;

    while (field_waits(&scan)) {
        if (!field_next(&scan, &field))
            return false;
        if (is_record(&field) && found++ == count)
            return false;
    }
    return found == count;
}

bool record_scan_next(struct field_scan *scan, struct bytes *record)
{
    struct field field;

    while (field_waits(scan)) {
        if (!field_next(scan, &field))
            return false;
        *record = field.content;
        if (is_record(&field))
            return true;
    }
    return false;
}

/* ---- one record ---- */

static bool take_name(struct arena *arena, const struct field *field,
                      struct client_header *header)
{
    size_t size = field->content.size;
    char *name = arena_alloc(arena, size + 1);

    if (name == NULL)
        return false;
    memcpy(name, field->content.data, size);
    name[size] = '\0';
    header->key = name;
    return true;
}

static bool decode_header(struct arena *arena, struct bytes entry,
                          struct client_header *header)
{
    struct field_scan scan = {entry, 0};
    struct field field;

    *header = (struct client_header){0};
    while (field_waits(&scan)) {
        if (!field_next(&scan, &field))
            return false;
        if (field.number != HEADER_KEY && field.number != HEADER_VALUE)
            continue;
        if (field.type != FIELD_BYTES)
            return false;
        if (field.number == HEADER_VALUE)
            header->value = field.content;
        else if (!take_name(arena, &field, header))
            return false;
    }
    return header->key != NULL;
}

static bool take_field(const struct field *field, int64_t base_timestamp_ms,
                       struct client_record *record)
{
    if (field->number < RECORD_KEY || field->number > RECORD_HEADERS)
        return true; /* of a later version */
    if (field->type !=
        (field->number == RECORD_TIMESTAMP_DELTA ? FIELD_VARINT : FIELD_BYTES))
        return false;
    if (field->number == RECORD_KEY)
        record->key = field->content;
    else if (field->number == RECORD_VALUE)
        record->value = field->content;
    else if (field->number == RECORD_TIMESTAMP_DELTA)
        record->timestamp_ms = (int64_t)((uint64_t)base_timestamp_ms +
                                         (uint64_t)zigzag_back(field->value));
    else
        record->header_count++;
    return true;
}

static bool decode_headers(struct arena *arena, struct bytes entry,
                           struct client_record *record)
{
    struct field_scan scan = {entry, 0};
    struct client_header *header;
    struct field field;

    if (record->header_count == 0)
        return true;
    header = arena_alloc(arena, record->header_count * sizeof *header);
    if (header == NULL)
        return false;
    record->headers = header;
    while (field_waits(&scan) && field_next(&scan, &field))
        if (field.number == RECORD_HEADERS &&
            !decode_header(arena, field.content, header++))
            return false;
    return true;
}

static bool decode_within(struct arena *arena, struct bytes entry,
                          int64_t base_timestamp_ms,
                          struct client_record *record)
{
    struct field_scan scan = {entry, 0};
    struct field field;

    *record = (struct client_record){.timestamp_ms = base_timestamp_ms};
    while (field_waits(&scan))
        if (!field_next(&scan, &field) ||
            !take_field(&field, base_timestamp_ms, record))
            return false;
    return decode_headers(arena, entry, record);
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
