/* SPDX-License-Identifier: Apache-2.0
 *
 * The record batch: what is written is read, and no single changed byte, no
 * cut and no misplacement goes unseen by both checksums.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/crc32c.h"
#include "rules/batch.h"

#define BODY_BYTES  37
#define BATCH_BYTES (BATCH_HEADER_BYTES + BODY_BYTES)
#define BYTES_MAX   1024

static const struct uuid topic_id = {{1, 2, 3, 4, 5, 6, 7, 8, 9}};

static struct batch_header header_example(void)
{
    return (struct batch_header){.length = BATCH_BYTES,
                                 .magic = BATCH_MAGIC,
                                 .attributes = BATCH_CODEC_LZ4,
                                 .last_offset_delta = 6,
                                 .record_count = 7,
                                 .base_timestamp_ms = 1700000000000,
                                 .max_timestamp_ms = 1700000000123,
                                 .producer_id = 42,
                                 .producer_epoch = 3,
                                 .base_sequence = 1000};
}

static void produced(uint8_t batch[BATCH_BYTES])
{
    struct batch_header header = header_example();

    batch_encode(&header, batch);
    for (unsigned i = 0; i < BODY_BYTES; i++)
        batch[BATCH_HEADER_BYTES + i] = (uint8_t)(i * 7 + 1);
    batch_seal(batch, BATCH_BYTES);
}

static void stamped(uint8_t batch[BATCH_BYTES])
{
    produced(batch);
    batch_stamp(batch, 5000, 9, 1700000009999, &topic_id, 4);
}

static enum error check(const uint8_t *batch, size_t size)
{
    struct batch_header header;

    return batch_check(batch, size, BYTES_MAX, &topic_id, 4, &header);
}

static enum error check_produced(const uint8_t *batch, size_t size)
{
    struct batch_header header;

    return batch_check_produced(batch, size, BYTES_MAX, &header);
}

static void every_field_comes_back(void **state)
{
    uint8_t batch[BATCH_BYTES];
    struct batch_header out;

    (void)state;
    stamped(batch);
    assert_int_equal(
        batch_check(batch, sizeof batch, BYTES_MAX, &topic_id, 4, &out),
        ERROR_NONE);
    assert_int_equal(out.base_offset, 5000);
    assert_int_equal(out.length, BATCH_BYTES);
    assert_int_equal(out.leader_epoch, 9);
    assert_int_equal(out.append_time_ms, 1700000009999);
    assert_int_equal(out.magic, BATCH_MAGIC);
    assert_int_equal(out.attributes, BATCH_CODEC_LZ4);
    assert_int_equal(out.last_offset_delta, 6);
    assert_int_equal(out.record_count, 7);
    assert_int_equal(out.base_timestamp_ms, 1700000000000);
    assert_int_equal(out.max_timestamp_ms, 1700000000123);
    assert_int_equal(out.producer_id, 42);
    assert_int_equal(out.producer_epoch, 3);
    assert_int_equal(out.base_sequence, 1000);
    assert_int_equal(batch_next_offset(&out), 5007);
}

/* The layout is a contract with every disk and client: bytes, not fields. */
static void layout_is_as_documented(void **state)
{
    uint8_t batch[BATCH_BYTES];

    (void)state;
    stamped(batch);
    assert_int_equal(load_u64(batch), 5000);
    assert_int_equal(load_u32(batch + 8), BATCH_BYTES);
    assert_int_equal(load_u32(batch + 12), 9);
    assert_int_equal(load_u64(batch + 16), 1700000009999);
    assert_int_equal(batch[28], 1);
    assert_int_equal(load_u32(batch + 36), BATCH_CODEC_LZ4);
    assert_int_equal(load_u32(batch + 40), 6);
    assert_int_equal(load_u32(batch + 44), 7);
    assert_int_equal(load_u64(batch + 48), 1700000000000);
    assert_int_equal(load_u64(batch + 64), 42);
    assert_int_equal(load_u32(batch + 72), 3);
    assert_int_equal(load_u32(batch + 76), 1000);
}

static void every_flipped_bit_of_a_stored_batch_is_seen(void **state)
{
    uint8_t batch[BATCH_BYTES];

    (void)state;
    stamped(batch);
    for (size_t i = 0; i < sizeof batch; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            batch[i] = (uint8_t)(batch[i] ^ (1u << bit));
            assert_int_not_equal(check(batch, sizeof batch), ERROR_NONE);
            batch[i] = (uint8_t)(batch[i] ^ (1u << bit));
        }
    assert_int_equal(check(batch, sizeof batch), ERROR_NONE);
}

/* The patched part is the leader's to write, so it is not looked at. */
static void every_flipped_bit_of_a_producers_part_is_seen(void **state)
{
    uint8_t batch[BATCH_BYTES];

    (void)state;
    produced(batch);
    for (size_t i = 28; i < sizeof batch; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            batch[i] = (uint8_t)(batch[i] ^ (1u << bit));
            assert_int_not_equal(check_produced(batch, sizeof batch),
                                 ERROR_NONE);
            batch[i] = (uint8_t)(batch[i] ^ (1u << bit));
        }
    assert_int_equal(check_produced(batch, sizeof batch), ERROR_NONE);
}

static void every_cut_is_seen(void **state)
{
    uint8_t batch[BATCH_BYTES];

    (void)state;
    stamped(batch);
    for (size_t size = 0; size < sizeof batch; size++)
        assert_int_equal(check(batch, size), ERROR_AGAIN);
    produced(batch);
    for (size_t size = 0; size < sizeof batch; size++)
        assert_int_equal(check_produced(batch, size), ERROR_INVALID_BATCH);
}

static void bytes_after_a_batch_belong_to_the_next(void **state)
{
    uint8_t two[2 * BATCH_BYTES];

    (void)state;
    stamped(two);
    memset(two + BATCH_BYTES, 0xff, BATCH_BYTES);
    assert_int_equal(check(two, sizeof two), ERROR_NONE);
    produced(two);
    assert_int_equal(check_produced(two, sizeof two), ERROR_INVALID_BATCH);
}

static void a_misdirected_batch_is_seen(void **state)
{
    struct uuid other = topic_id;
    struct batch_header out;
    uint8_t batch[BATCH_BYTES];

    (void)state;
    stamped(batch);
    other.bytes[15] ^= 1;
    assert_int_equal(
        batch_check(batch, sizeof batch, BYTES_MAX, &other, 4, &out),
        ERROR_CORRUPT_BATCH);
    assert_int_equal(
        batch_check(batch, sizeof batch, BYTES_MAX, &topic_id, 5, &out),
        ERROR_CORRUPT_BATCH);
}

static void a_length_past_the_limit_is_refused(void **state)
{
    struct batch_header out;
    uint8_t batch[BATCH_BYTES];

    (void)state;
    stamped(batch);
    assert_int_equal(
        batch_check(batch, sizeof batch, BATCH_BYTES - 1, &topic_id, 4, &out),
        ERROR_INVALID_BATCH);
    produced(batch);
    assert_int_equal(
        batch_check_produced(batch, sizeof batch, BATCH_BYTES - 1, &out),
        ERROR_TOO_LARGE);
    store_u32(batch + 8, BATCH_HEADER_BYTES - 1);
    assert_int_equal(batch_decode(batch, sizeof batch, BYTES_MAX, &out),
                     ERROR_INVALID_BATCH);
}

static enum error decode(const struct batch_header *header)
{
    struct batch_header out;
    uint8_t batch[BATCH_HEADER_BYTES];

    batch_encode(header, batch);
    return batch_decode(batch, sizeof batch, BYTES_MAX, &out);
}

static void fields_out_of_range_are_refused(void **state)
{
    struct batch_header header = header_example();

    (void)state;
    assert_int_equal(decode(&header), ERROR_NONE);
#define REFUSED(field, value)                                                  \
    header = header_example();                                                 \
    header.field = value;                                                      \
    assert_int_equal(decode(&header), ERROR_INVALID_BATCH)
    REFUSED(record_count, 0);
    REFUSED(record_count, 8);
    REFUSED(last_offset_delta, 7);
    REFUSED(magic, 2);
    REFUSED(attributes, 32);
    REFUSED(attributes, BATCH_CODEC_ZSTD + 1);
    REFUSED(base_offset, -1);
    REFUSED(base_offset, INT64_MAX);
    REFUSED(base_offset, INT64_MAX - (int64_t)UINT32_MAX);
    REFUSED(producer_id, -2);
    REFUSED(producer_id, -1); /* with a sequence */
    REFUSED(base_sequence, -1);
#undef REFUSED
    header = header_example();
    header.producer_id = -1;
    header.base_sequence = -1;
    assert_int_equal(decode(&header), ERROR_NONE);
}

static void producers_send_no_control_batches(void **state)
{
    struct batch_header header = header_example();
    uint8_t batch[BATCH_BYTES] = {0};

    (void)state;
    header.attributes = BATCH_CONTROL;
    batch_encode(&header, batch);
    batch_seal(batch, BATCH_BYTES);
    assert_int_equal(check_produced(batch, sizeof batch), ERROR_INVALID_BATCH);
}

/* As batch.h says, counted here once more: both writer and reader could be
 * wrong alike. */
static void checksums_cover_what_is_documented(void **state)
{
    uint8_t batch[BATCH_BYTES];
    uint8_t covered[24 + 8 + 16 + 4];

    (void)state;
    stamped(batch);
    memcpy(covered, batch, 24);
    memcpy(covered + 24, batch + 28, 8);
    memcpy(covered + 32, topic_id.bytes, 16);
    store_u32(covered + 48, 4);
    assert_int_equal(load_u32(batch + 24), crc32c(0, covered, sizeof covered));
    assert_int_equal(load_u32(batch + 32),
                     crc32c(0, batch + 36, sizeof batch - 36));
}

/* batch_encode() writes the fields as they are, those of the leader too. */
static void a_header_is_encoded_as_it_is(void **state)
{
    uint8_t batch[BATCH_HEADER_BYTES];
    struct batch_header header = header_example();
    struct batch_header out;

    (void)state;
    header.base_offset = 11;
    header.leader_epoch = 12;
    header.append_time_ms = 13;
    header.header_crc = 14;
    header.body_crc = 15;
    memset(batch, 0xee, sizeof batch);
    batch_encode(&header, batch);
    assert_int_equal(batch_decode(batch, sizeof batch, BYTES_MAX, &out),
                     ERROR_NONE);
    assert_int_equal(out.base_offset, 11);
    assert_int_equal(out.leader_epoch, 12);
    assert_int_equal(out.append_time_ms, 13);
    assert_int_equal(out.header_crc, 14);
    assert_int_equal(out.body_crc, 15);
}

static enum error decoded(const struct batch_header *header)
{
    uint8_t batch[BATCH_HEADER_BYTES];
    struct batch_header out;

    batch_encode(header, batch);
    return batch_decode(batch, sizeof batch, BYTES_MAX, &out);
}

static void the_ends_of_every_range_are_in_it(void **state)
{
    struct batch_header header = header_example();
    uint8_t batch[BATCH_BYTES];

    (void)state;
    header.record_count = 1;
    header.last_offset_delta = 0;
    header.producer_id = 0;
    header.base_sequence = 0;
    header.length = BATCH_HEADER_BYTES;
    header.attributes = BATCH_CODEC_ZSTD;
    assert_int_equal(decoded(&header), ERROR_NONE);
    header.length = BYTES_MAX;
    assert_int_equal(decoded(&header), ERROR_NONE);
    header.producer_id = -1;
    header.base_sequence = -1;
    assert_int_equal(decoded(&header), ERROR_NONE);
    header.producer_id = -2; /* the only one that is no producer is -1 */
    assert_int_equal(decoded(&header), ERROR_INVALID_BATCH);
    produced(batch);
    assert_int_equal(
        batch_check_produced(batch, sizeof batch, BATCH_BYTES, &header),
        ERROR_NONE);
    assert_int_equal(
        batch_check_produced(batch, sizeof batch, BATCH_BYTES - 1, &header),
        ERROR_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_comes_back),
        cmocka_unit_test(layout_is_as_documented),
        cmocka_unit_test(every_flipped_bit_of_a_stored_batch_is_seen),
        cmocka_unit_test(every_flipped_bit_of_a_producers_part_is_seen),
        cmocka_unit_test(every_cut_is_seen),
        cmocka_unit_test(bytes_after_a_batch_belong_to_the_next),
        cmocka_unit_test(a_misdirected_batch_is_seen),
        cmocka_unit_test(a_length_past_the_limit_is_refused),
        cmocka_unit_test(fields_out_of_range_are_refused),
        cmocka_unit_test(producers_send_no_control_batches),
        cmocka_unit_test(checksums_cover_what_is_documented),
        cmocka_unit_test(a_header_is_encoded_as_it_is),
        cmocka_unit_test(the_ends_of_every_range_are_in_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
