/* SPDX-License-Identifier: Apache-2.0
 *
 * Small files whose checksums are right and whose contents cannot be, as a bug
 * or an old copy would leave them: nothing of one is believed, and what the
 * log itself tells is kept.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/crc32c.h"
#include "log/internal.h"
#include "tests/lib/log_world.h"

#define HEADER  SMALL_FILE_HEADER_BYTES
#define SUMMARY INDEX_SUMMARY_BYTES
#define ENTRY   INDEX_ENTRY_BYTES
#define SEGMENT 22 /* batches in a segment */

struct forgery {
    uint8_t data[65536];
    size_t size;
    uint8_t *payload;
};

static void load_file(struct forgery *file, const char *path)
{
    FILE *from = fopen(path, "rb");

    assert_non_null(from);
    file->size = fread(file->data, 1, sizeof file->data, from);
    fclose(from);
    assert_in_range(file->size, HEADER, sizeof file->data - 1);
    file->payload = file->data + HEADER;
}

/* With the size and the checksum that go with it. */
static void store_file(struct forgery *file, const char *path)
{
    FILE *to = fopen(path, "wb");
    uint32_t crc;

    assert_non_null(to);
    store_u64(file->data + 8, file->size - HEADER);
    crc = crc32c(0, file->data, 16);
    store_u32(file->data + 16, crc32c(crc, file->payload, file->size - HEADER));
    assert_int_equal(fwrite(file->data, 1, file->size, to), file->size);
    assert_int_equal(fclose(to), 0);
}

/* A number of eight (or four) bytes in a payload, and what it is to be. */
struct change {
    size_t at;
    uint64_t value;
    bool is_small;
};

#define U32(at, value)                                                         \
    {                                                                          \
        at, value, true                                                        \
    }
#define U64(at, value)                                                         \
    {                                                                          \
        at, value, false                                                       \
    }

static void change(struct forgery *file, const struct change *change)
{
    if (change->is_small)
        store_u32(file->payload + change->at, (uint32_t)change->value);
    else
        store_u64(file->payload + change->at, change->value);
}

static void forge(const char *path, const struct forgery *good,
                  const struct change *what)
{
    struct forgery bad = *good;

    bad.payload = bad.data + HEADER;
    change(&bad, what);
    store_file(&bad, path);
}

/* ---- the checkpoint ---- */

#define LOG_AT(n, field)                                                       \
    (CHECKPOINT_HEAD_BYTES + (n)*CHECKPOINT_LOG_BYTES + (field))

/* All data is read, and nobody trusts it. */
static void assert_lost(struct world *world)
{
    struct log *log;

    assert_int_equal(world_open(world), ERROR_NONE);
    log = world_log(world, 0);
    assert_true(log->lossy);
    assert_int_equal(log->log_end_offset, 50);
    assert_int_equal(world_read(world, log, 0, 50), 50);
    log_trust(log);
    log_trust(world_log(world, 1));
    world_shutdown(world);
}

static void a_checkpoint_that_cannot_be_costs_trust_not_data(void **state)
{
    static const struct change changes[] = {
        U32(16, 1),                     /* not so many logs */
        U32(16, UINT32_MAX),            /* nor so many */
        U64(LOG_AT(0, 32), UINT64_MAX), /* a recovery point below 0 */
        U64(LOG_AT(0, 40), UINT64_MAX), /* its segment */
        U64(LOG_AT(1, 80), UINT64_MAX), /* a watermark */
        U64(LOG_AT(1, 88), UINT64_MAX), /* a log start */
        U32(LOG_AT(0, 16), 7),          /* logs that do not ascend */
        U32(LOG_AT(1, 16), 0),          /* one log twice */
    };
    struct world *world = *state;
    struct forgery good;
    char path[200];

    world_filled(world, 50);
    world_create(world, 1, &world_settings);
    world_shutdown(world);
    snprintf(path, sizeof path, "%s/checkpoint", world->path);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        load_file(&good, path);
        forge(path, &good, &changes[i]);
        assert_lost(world);
    }
    load_file(&good, path);
    good.size = HEADER + 10; /* not even a head */
    store_file(&good, path);
    assert_lost(world);
    load_file(&good, path);
    good.size--;
    store_file(&good, path);
    assert_lost(world);
    assert_int_equal(world_open(world), ERROR_NONE);
    assert_false(world_log(world, 0)->lossy);
    world_shutdown(world);
}

/* As it may be read only when all of it is right that can be told. */
static void damage_is_not_taken_for_a_later_version(void **state)
{
    static const size_t flipped[] = {1, 9, 17, HEADER + 3};
    struct world *world = *state;
    struct forgery bad;
    char path[200];

    world_filled(world, 50);
    world_create(world, 1, &world_settings);
    world_shutdown(world);
    snprintf(path, sizeof path, "%s/checkpoint", world->path);
    for (size_t i = 0; i < sizeof flipped / sizeof flipped[0]; i++) {
        load_file(&bad, path);
        store_u32(bad.data + 4, load_u32(bad.data + 4) + 1);
        store_file(&bad, path);
        world_flip(path, (long)flipped[i]);
        assert_lost(world);
    }
    world_cut(path, HEADER - 1); /* and not even a header */
    assert_lost(world);
}

/* ---- an index ---- */

/* The summary has a checksum of its own. */
static void seal_summary(struct forgery *file)
{
    store_u32(file->payload + 52, crc32c(0, file->payload, SUMMARY - 4));
}

static void assert_found(struct world *world)
{
    struct log *log;

    assert_int_equal(world_open(world), ERROR_NONE);
    log = world_log(world, 0);
    assert_false(log->lossy);
    assert_false(log->damaged);
    for (int64_t from = 0; from < SEGMENT + 5; from++)
        assert_int_equal(world_read(world, log, from, SEGMENT + 5),
                         SEGMENT + 5 - from);
    world_shutdown(world);
}

static void entries_that_cannot_be_are_made_again(void **state)
{
    static const struct change changes[] = {
        U64(SUMMARY, 1),                     /* the first: not of the base */
        U64(SUMMARY + 8, 1),                 /* nor of the beginning */
        U64(SUMMARY + 7 * ENTRY, SEGMENT),   /* an offset of the next one */
        U64(SUMMARY + 7 * ENTRY + 8, 99999), /* a position past the end */
        U64(SUMMARY + ENTRY, 0),             /* the same offset again */
        U64(SUMMARY + 2 * ENTRY + 8, 1),     /* a position before the last */
    };
    struct world *world = *state;
    struct forgery good;
    const char *path;

    log_set_high_watermark(world_filled(world, 100), 100);
    world_shutdown(world);
    path = world_file(world, 0, "00000000000000000000.index");
    load_file(&good, path);
    assert_int_equal(load_u32(good.payload + 48), 8);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        forge(world_file(world, 0, "00000000000000000000.index"), &good,
              &changes[i]);
        assert_found(world);
    }
}

static void an_index_that_does_not_hold_what_it_says_is_made_again(void **state)
{
    static const struct change changes[] = {
        U32(48, 0),                     /* no entries */
        U32(48, INDEX_ENTRIES_MAX + 1), /* more than there can be */
        U32(48, 2),                     /* fewer than there are */
        U64(0, 5),                      /* of another segment */
        U64(8, SEGMENT + 3),            /* one that ends elsewhere */
        U64(16, 12345),                 /* or has another size */
        U64(8, UINT64_MAX),             /* before it begins */
    };
    struct world *world = *state;
    struct forgery good, bad;
    const char *path;

    log_set_high_watermark(world_filled(world, 100), 100);
    world_shutdown(world);
    load_file(&good, world_file(world, 0, "00000000000000000000.index"));
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        bad = good;
        bad.payload = bad.data + HEADER;
        change(&bad, &changes[i]);
        seal_summary(&bad);
        path = world_file(world, 0, "00000000000000000000.index");
        store_file(&bad, path);
        assert_found(world);
    }
    bad = good;
    bad.payload = bad.data + HEADER;
    bad.size = HEADER + 8; /* no summary */
    store_file(&bad, world_file(world, 0, "00000000000000000000.index"));
    assert_found(world);
    bad = good;
    bad.payload = bad.data + HEADER;
    bad.size = HEADER + SUMMARY; /* and nothing but that */
    store_u32(bad.payload + 48, 0);
    seal_summary(&bad);
    store_file(&bad, world_file(world, 0, "00000000000000000000.index"));
    assert_found(world);
}

/* ---- a snapshot of producers ---- */

static void assert_sequence(struct log *log, int64_t producer_id,
                            int32_t sequence, enum error error)
{
    struct batch_header header = {.producer_id = producer_id,
                                  .record_count = 1,
                                  .base_sequence = sequence};
    int64_t base;

    assert_int_equal(log_check_producer(log, &header, &base), error);
}

static void a_snapshot_that_cannot_be_is_not_needed(void **state)
{
    static const struct change changes[] = {
        U32(28, UINT32_MAX), /* more producers than are kept */
        U32(28, 3),          /* than there are */
        U32(28, 1),          /* or fewer */
        U32(32 + 12, 6),     /* more batches than are kept */
        U64(32, UINT64_MAX), /* a producer of no name */
        U64(0, 49),          /* of another offset */
    };
    struct world *world = *state;
    struct forgery good;
    struct log *log;

    assert_int_equal(world_open(world), ERROR_NONE);
    log = world_create(world, 0, &world_settings);
    for (int32_t i = 0; i < 50; i++) {
        int64_t id = i < 45 ? 77 : 78;

        world_append(world, log,
                     &(struct world_batch){.epoch = 1,
                                           .producer_id = id,
                                           .sequence = i < 45 ? i : i - 45});
    }
    world_shutdown(world);
    load_file(&good, world_file(world, 0, "00000000000000000050.producers"));
    assert_int_equal(load_u32(good.payload + 28), 2);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        forge(world_file(world, 0, "00000000000000000050.producers"), &good,
              &changes[i]);
        assert_int_equal(world_open(world), ERROR_NONE);
        log = world_log(world, 0);
        assert_sequence(log, 77, 45, ERROR_NONE);
        assert_sequence(log, 77, 44, ERROR_DUPLICATE_SEQUENCE);
        assert_sequence(log, 77, 47, ERROR_OUT_OF_ORDER_SEQUENCE);
        assert_sequence(log, 78, 5, ERROR_NONE);
        assert_sequence(log, 78, 4, ERROR_DUPLICATE_SEQUENCE);
        world_shutdown(world);
    }
}

/* ---- names ---- */

/* Whoever made it, it is no log of ours: it stays, and nothing of it counts. */
static void what_is_not_named_like_a_log_is_none(void **state)
{
    static const char *const names[] = {
        "0102030405060708090000000000000-0",   /* a digit less */
        "0102030405060708090000000000000g-0",  /* no digit */
        "01020304050607080900000000000000_0",  /* no dash */
        "01020304050607080900000000000000-",   /* no number */
        "01020304050607080900000000000000-x",  /* no number */
        "01020304050607080900000000000000-1x", /* a part of one */
        "01020304050607080900000000000000-01", /* in another spelling */
        "01020304050607080900000000000000-4294967296",
        "01020304050607080900000000000000-99999999999999999999",
        "0102030405060708090000000000000A-1",
    };
    struct world *world = *state;
    struct partition_key key;
    char path[256];

    assert_true(
        parse_log_name("01020304050607080900000000000000-4294967295", &key));
    assert_int_equal(key.partition, UINT32_MAX);
    world_filled(world, 5);
    world_shutdown(world);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_false(parse_log_name(names[i], &key));
        snprintf(path, sizeof path, "%s/%s", world->path, names[i]);
        assert_int_equal(mkdir(path, 0755), 0);
    }
    assert_int_equal(world_open(world), ERROR_NONE);
    assert_int_equal(log_directory_log_count(world->directory), 1);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", world->path, names[i]);
        assert_true(world_exists(path));
    }
}

static void what_is_not_named_like_a_segment_is_none(void **state)
{
    int64_t offset;

    (void)state;
    assert_true(segment_name_parse("09223372036854775807.log", "log", &offset));
    assert_true(offset == INT64_MAX);
    assert_false(
        segment_name_parse("09223372036854775808.log", "log", &offset));
    assert_false(
        segment_name_parse("99999999999999999999.log", "log", &offset));
    assert_false(segment_name_parse("0000000000000000000.log", "log", &offset));
    assert_false(
        segment_name_parse("0000000000000000000x.log", "log", &offset));
    assert_false(
        segment_name_parse("0000000000000000000/.log", "log", &offset));
    assert_false(
        segment_name_parse("00000000000000000000-log", "log", &offset));
    assert_false(
        segment_name_parse("00000000000000000000.lock", "log", &offset));
}

int main(void)
{
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_checkpoint_that_cannot_be_costs_trust_not_data),
        TEST(damage_is_not_taken_for_a_later_version),
        TEST(entries_that_cannot_be_are_made_again),
        TEST(an_index_that_does_not_hold_what_it_says_is_made_again),
        TEST(a_snapshot_that_cannot_be_is_not_needed),
        TEST(what_is_not_named_like_a_log_is_none),
        cmocka_unit_test(what_is_not_named_like_a_segment_is_none),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
