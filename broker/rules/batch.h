/* SPDX-License-Identifier: Apache-2.0
 *
 * The record batch, as it lies on disk and crosses the wire. Little-endian.
 *
 *     at  size  field
 *      0    8   base_offset        \
 *      8    4   length              |  patched: stamped by the leader,
 *     12    4   leader_epoch        |  copied by followers
 *     16    8   append_time_ms      |
 *     24    4   header_crc         /   CRC-32C of bytes [0, 24) and [28, 36),
 *                                      topic id (16), partition (u32)
 *     28    1   magic (1)          \
 *     29    3   reserved (0)        |
 *     32    4   body_crc            |  CRC-32C of bytes [36, length)
 *     36    4   attributes          |  enum batch_attributes
 *     40    4   last_offset_delta   |  the producer's part
 *     44    4   record_count        |
 *     48    8   base_timestamp_ms   |
 *     56    8   max_timestamp_ms    |
 *     64    8   producer_id (-1)    |
 *     72    4   producer_epoch      |
 *     76    4   base_sequence (-1)  |
 *     80        RecordSet          /   protobuf, compressed or not
 *
 * `length` counts the whole batch from offset 0. The producer sends the
 * patched part as zeros but for length. Every reader checks both CRCs.
 * Offsets are dense: last_offset_delta == record_count - 1.
 */
#ifndef RULES_BATCH_H
#define RULES_BATCH_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/uuid.h"

#define BATCH_HEADER_BYTES 80
#define BATCH_MAGIC        1

enum batch_attributes {
    BATCH_CODEC_MASK = 7,  /* enum batch_codec */
    BATCH_APPEND_TIME = 8, /* record timestamps are the append time */
    BATCH_CONTROL = 16
};

enum batch_codec { BATCH_CODEC_NONE, BATCH_CODEC_LZ4, BATCH_CODEC_ZSTD };

struct batch_header {
    int64_t base_offset;
    uint32_t length;
    uint32_t leader_epoch;
    int64_t append_time_ms;
    uint32_t header_crc;
    uint8_t magic;
    uint32_t body_crc;
    uint32_t attributes;
    uint32_t last_offset_delta;
    uint32_t record_count;
    int64_t base_timestamp_ms;
    int64_t max_timestamp_ms;
    int64_t producer_id;
    uint32_t producer_epoch;
    int32_t base_sequence;
};

/* The offset after the batch. */
static inline int64_t batch_next_offset(const struct batch_header *header)
{
    return header->base_offset + header->last_offset_delta + 1;
}

/* Reads the fields and checks what can be checked without CRCs: magic,
 * reserved bytes, length within [BATCH_HEADER_BYTES, bytes_max], count and
 * deltas. ERROR_INVALID_BATCH; ERROR_AGAIN when fewer than BATCH_HEADER_BYTES
 * are there (length may still exceed `size`). */
enum error batch_decode(const void *data, size_t size, uint32_t bytes_max,
                        struct batch_header *out);

/* Writes all 80 bytes from the fields as they are (CRCs too). */
void batch_encode(const struct batch_header *header, uint8_t *to);

uint32_t batch_body_crc(const uint8_t *batch, uint32_t length);
uint32_t batch_header_crc(const uint8_t *batch, const struct uuid *topic_id,
                          uint32_t partition);

/* Producer: fills the body CRC after header and RecordSet are in place. */
void batch_seal(uint8_t *batch, uint32_t length);

/* Leader: stamps the patched part (batch_decode and the body CRC have been
 * checked). */
void batch_stamp(uint8_t *batch, int64_t base_offset, uint32_t leader_epoch,
                 int64_t append_time_ms, const struct uuid *topic_id,
                 uint32_t partition);

/* A whole batch as a reader or a follower gets it: decode and both CRCs.
 * `size` is what is there: ERROR_AGAIN when the batch is cut short,
 * ERROR_CORRUPT_BATCH, ERROR_INVALID_BATCH. */
enum error batch_check(const void *data, size_t size, uint32_t bytes_max,
                       const struct uuid *topic_id, uint32_t partition,
                       struct batch_header *out);

/* What a producer sent: decode, length == size, body CRC, no control bit.
 * ERROR_CORRUPT_BATCH, ERROR_INVALID_BATCH, ERROR_TOO_LARGE. */
enum error batch_check_produced(const void *data, size_t size,
                                uint32_t bytes_max, struct batch_header *out);

#endif
