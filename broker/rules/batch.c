/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the byte layout of the record batch (rules/batch.h): fields, limits
 * and both checksums. Never looks into the RecordSet, never reads past what
 * it was given: every input is treated as hostile.
 */
#include "rules/batch.h"

#include "base/assert.h"
#include "base/crc32c.h"

enum position {
    AT_BASE_OFFSET = 0,
    AT_LENGTH = 8,
    AT_LEADER_EPOCH = 12,
    AT_APPEND_TIME = 16,
    AT_HEADER_CRC = 24,
    AT_MAGIC = 28,
    AT_BODY_CRC = 32,
    AT_ATTRIBUTES = 36,
    AT_LAST_OFFSET_DELTA = 40,
    AT_RECORD_COUNT = 44,
    AT_BASE_TIMESTAMP = 48,
    AT_MAX_TIMESTAMP = 56,
    AT_PRODUCER_ID = 64,
    AT_PRODUCER_EPOCH = 72,
    AT_BASE_SEQUENCE = 76
};

#define ATTRIBUTES_KNOWN (BATCH_CODEC_MASK | BATCH_APPEND_TIME | BATCH_CONTROL)

static void read_fields(const uint8_t *at, struct batch_header *out)
{
    out->base_offset = (int64_t)load_u64(at + AT_BASE_OFFSET);
    out->length = load_u32(at + AT_LENGTH);
    out->leader_epoch = load_u32(at + AT_LEADER_EPOCH);
    out->append_time_ms = (int64_t)load_u64(at + AT_APPEND_TIME);
    out->header_crc = load_u32(at + AT_HEADER_CRC);
    out->magic = at[AT_MAGIC];
    out->body_crc = load_u32(at + AT_BODY_CRC);
    out->attributes = load_u32(at + AT_ATTRIBUTES);
    out->last_offset_delta = load_u32(at + AT_LAST_OFFSET_DELTA);
    out->record_count = load_u32(at + AT_RECORD_COUNT);
    out->base_timestamp_ms = (int64_t)load_u64(at + AT_BASE_TIMESTAMP);
    out->max_timestamp_ms = (int64_t)load_u64(at + AT_MAX_TIMESTAMP);
    out->producer_id = (int64_t)load_u64(at + AT_PRODUCER_ID);
    out->producer_epoch = load_u32(at + AT_PRODUCER_EPOCH);
    out->base_sequence = (int32_t)load_u32(at + AT_BASE_SEQUENCE);
}

static bool offsets_valid(const struct batch_header *header)
{
    if (header->record_count == 0)
        return false;
    if (header->last_offset_delta != header->record_count - 1)
        return false;
    /* the next offset must be representable */
    return header->base_offset >= 0 &&
           header->base_offset < INT64_MAX - (int64_t)UINT32_MAX;
}

static bool producer_valid(const struct batch_header *header)
{
    if (header->producer_id < 0)
        return header->producer_id == -1 && header->base_sequence == -1;
    return header->base_sequence >= 0;
}

enum error batch_decode(const void *data, size_t size, uint32_t bytes_max,
                        struct batch_header *out)
{
    const uint8_t *at = data;

    if (size < BATCH_HEADER_BYTES)
        return ERROR_AGAIN;
    read_fields(at, out);
    if (out->magic != BATCH_MAGIC || at[AT_MAGIC + 1] != 0 ||
        at[AT_MAGIC + 2] != 0 || at[AT_MAGIC + 3] != 0)
        return ERROR_INVALID_BATCH;
    if (out->length < BATCH_HEADER_BYTES || out->length > bytes_max)
        return ERROR_INVALID_BATCH;
    if ((out->attributes & ~(uint32_t)ATTRIBUTES_KNOWN) != 0 ||
        (out->attributes & BATCH_CODEC_MASK) > BATCH_CODEC_ZSTD)
        return ERROR_INVALID_BATCH;
    if (!offsets_valid(out) || !producer_valid(out))
        return ERROR_INVALID_BATCH;
    return ERROR_NONE;
}

void batch_encode(const struct batch_header *header, uint8_t *to)
{
    store_u64(to + AT_BASE_OFFSET, (uint64_t)header->base_offset);
    store_u32(to + AT_LENGTH, header->length);
    store_u32(to + AT_LEADER_EPOCH, header->leader_epoch);
    store_u64(to + AT_APPEND_TIME, (uint64_t)header->append_time_ms);
    store_u32(to + AT_HEADER_CRC, header->header_crc);
    store_u32(to + AT_MAGIC, header->magic); /* and the reserved zeros */
    store_u32(to + AT_BODY_CRC, header->body_crc);
    store_u32(to + AT_ATTRIBUTES, header->attributes);
    store_u32(to + AT_LAST_OFFSET_DELTA, header->last_offset_delta);
    store_u32(to + AT_RECORD_COUNT, header->record_count);
    store_u64(to + AT_BASE_TIMESTAMP, (uint64_t)header->base_timestamp_ms);
    store_u64(to + AT_MAX_TIMESTAMP, (uint64_t)header->max_timestamp_ms);
    store_u64(to + AT_PRODUCER_ID, (uint64_t)header->producer_id);
    store_u32(to + AT_PRODUCER_EPOCH, header->producer_epoch);
    store_u32(to + AT_BASE_SEQUENCE, (uint32_t)header->base_sequence);
}

uint32_t batch_body_crc(const uint8_t *batch, uint32_t length)
{
    ASSERT(length >= BATCH_HEADER_BYTES);
    return crc32c(0, batch + AT_ATTRIBUTES, length - AT_ATTRIBUTES);
}

uint32_t batch_header_crc(const uint8_t *batch, const struct uuid *topic_id,
                          uint32_t partition)
{
    uint8_t number[4];
    uint32_t crc = crc32c(0, batch, AT_HEADER_CRC);

    crc = crc32c(crc, batch + AT_MAGIC, AT_ATTRIBUTES - AT_MAGIC);
    crc = crc32c(crc, topic_id->bytes, sizeof topic_id->bytes);
    store_u32(number, partition);
    return crc32c(crc, number, sizeof number);
}

void batch_seal(uint8_t *batch, uint32_t length)
{
    ASSERT(load_u32(batch + AT_LENGTH) == length);
    store_u32(batch + AT_BODY_CRC, batch_body_crc(batch, length));
}

void batch_stamp(uint8_t *batch, int64_t base_offset, uint32_t leader_epoch,
                 int64_t append_time_ms, const struct uuid *topic_id,
                 uint32_t partition)
{
    ASSERT(base_offset >= 0);
    ASSERT(batch[AT_MAGIC] == BATCH_MAGIC);
    store_u64(batch + AT_BASE_OFFSET, (uint64_t)base_offset);
    store_u32(batch + AT_LEADER_EPOCH, leader_epoch);
    store_u64(batch + AT_APPEND_TIME, (uint64_t)append_time_ms);
    store_u32(batch + AT_HEADER_CRC,
              batch_header_crc(batch, topic_id, partition));
}

enum error batch_check(const void *data, size_t size, uint32_t bytes_max,
                       const struct uuid *topic_id, uint32_t partition,
                       struct batch_header *out)
{
    enum error error = batch_decode(data, size, bytes_max, out);

    if (error)
        return error;
    /* before the length is believed: a torn header is damage, not "cut" */
    if (batch_header_crc(data, topic_id, partition) != out->header_crc)
        return ERROR_CORRUPT_BATCH;
    if (out->length > size)
        return ERROR_AGAIN;
    if (batch_body_crc(data, out->length) != out->body_crc)
        return ERROR_CORRUPT_BATCH;
    return ERROR_NONE;
}

enum error batch_check_produced(const void *data, size_t size,
                                uint32_t bytes_max, struct batch_header *out)
{
    enum error error;

    if (size > bytes_max)
        return ERROR_TOO_LARGE;
    error = batch_decode(data, size, bytes_max, out);
    if (error == ERROR_AGAIN || (!error && out->length != size))
        return ERROR_INVALID_BATCH;
    if (error)
        return error;
    if (out->attributes & BATCH_CONTROL)
        return ERROR_INVALID_BATCH;
    if (batch_body_crc(data, out->length) != out->body_crc)
        return ERROR_CORRUPT_BATCH;
    return ERROR_NONE;
}
