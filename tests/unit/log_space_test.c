/* SPDX-License-Identifier: Apache-2.0
 *
 * A full disk is an answer: on a small file system of its own, filled to the
 * last byte, nothing is fenced, what was taken stays, what was refused is not
 * there, retention and a start go on, and writing resumes by itself. Needs
 * to be root, to mount it; skipped otherwise.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cmocka.h>

#include "log/internal.h"
#include "tests/lib/log_world.h"

#define RESERVE     65536
#define BODY        6000 /* bytes: more than a page, each batch takes some */
#define INTERVAL_MS 50   /* between two looks at the free space */

static const struct log_settings settings = {.segment_bytes = 32768,
                                             .segment_ms = 1000000000,
                                             .retention_ms = -1,
                                             .retention_bytes = -1,
                                             .flush_ms = 0,
                                             .batch_bytes_max = 1u << 20};

static int setup(void **state)
{
    struct world *world = world_new();

    world->options.reserve_bytes = RESERVE;
    world->options.space_interval_ms = INTERVAL_MS;
    world->options.checkpoint_interval_ms = 3600000; /* the tests say when */
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    umount2(world->root, MNT_DETACH);
    world_free(world);
    return 0;
}

static void small_disk(struct world *world)
{
    if (mount("tmpfs", world->root, "tmpfs", 0, "size=512k,nr_inodes=64") !=
        0) {
        print_message("a file system cannot be mounted here\n");
        skip();
    }
}

static const char *filler(struct world *world)
{
    static char path[96];

    snprintf(path, sizeof path, "%s/filler", world->root);
    return path;
}

/* To the last byte. */
static void fill_disk(struct world *world)
{
    static const char page[4096];
    int fd = open(filler(world), O_WRONLY | O_CREAT | O_APPEND, 0600);

    assert_true(fd >= 0);
    while (write(fd, page, sizeof page) == (ssize_t)sizeof page)
        ;
    close(fd);
}

static void fill_names(struct world *world)
{
    char path[128];
    int fd = 0;

    for (int i = 0; fd >= 0; i++) {
        snprintf(path, sizeof path, "%s%d", filler(world), i);
        fd = open(path, O_WRONLY | O_CREAT, 0600);
        if (fd >= 0)
            close(fd);
    }
}

static void free_names(struct world *world)
{
    char path[128];

    for (int i = 0; i < 64; i++) {
        snprintf(path, sizeof path, "%s%d", filler(world), i);
        unlink(path);
    }
}

static void make_room(struct world *world)
{
    assert_int_equal(unlink(filler(world)), 0);
}

static bool has_ballast(void *context)
{
    struct world *world = context;

    return world->directory->space.ballast == BALLAST_HELD;
}

static bool is_roomy(void *context)
{
    return !log_directory_full(((struct world *)context)->directory);
}

static bool is_fresh(void *context)
{
    const struct log_body *body = ((const struct log *)context)->body;

    return body->segment_count == 1 && body->segments[0]->base_offset == 3;
}

static bool has_tried_often(void *context)
{
    return ((const struct world *)context)->taken_back >= 6;
}

static bool has_one_segment(void *context)
{
    return ((const struct log *)context)->body->segment_count == 1;
}

static bool is_idle(void *context)
{
    const struct log *log = context;

    return !log->truncating && log->next_offset == log->log_end_offset;
}

static const struct world_batch *batch_of(int32_t sequence)
{
    static struct world_batch batch;

    batch = (struct world_batch){.epoch = 1,
                                 .body_bytes = BODY,
                                 .producer_id = 7,
                                 .sequence = sequence,
                                 .fill = (uint8_t)sequence};
    return &batch;
}

/* A log of so many batches, and a disk with room for nothing more. */
static struct log *on_a_full_disk(struct world *world, int32_t count)
{
    struct log *log;

    small_disk(world);
    assert_int_equal(world_open(world), ERROR_NONE);
    if (world->options.reserve_bytes > 0)
        world_until_true(world, has_ballast, world);
    log = world_create(world, 0, &settings);
    for (int32_t i = 0; i < count; i++)
        world_append(world, log, batch_of(i));
    fill_disk(world);
    return log;
}

static enum error check(struct log *log, int32_t sequence, int64_t *base_offset)
{
    struct batch_header header = {.base_offset = 0,
                                  .last_offset_delta = 0,
                                  .record_count = 1,
                                  .producer_id = 7,
                                  .base_sequence = sequence};

    return log_check_producer(log, &header, base_offset);
}

static void what_finds_no_space_is_taken_back(void **state)
{
    struct world *world = *state;
    struct log *log = on_a_full_disk(world, 3);
    struct log_append refused = {0};
    struct world_append *appends[3];
    uint64_t generation = log->generation;
    int64_t base;

    for (int32_t i = 0; i < 3; i++)
        appends[i] = world_submit(world, log, batch_of(3 + i));
    assert_int_equal(log->next_offset, 6);
    for (int i = 0; i < 3; i++) {
        world_until(world, &appends[i]->done);
        assert_int_equal(appends[i]->error, ERROR_DISK_FULL);
    }
    world_until_true(world, is_idle, log);
    assert_int_equal(log->log_end_offset, 3);
    assert_int_equal(log->generation, generation);
    assert_int_equal(world->taken_back, 1);
    assert_false(world->failed);
    assert_true(log_directory_full(world->directory));
    assert_int_equal(
        world_size(world_file(world, 0, "00000000000000000000.log")),
        3 * (BODY + BATCH_HEADER_BYTES));
    assert_int_equal(log_append(log, &refused, appends[0]->bytes, 80),
                     ERROR_DISK_FULL);
    assert_int_equal(world_read(world, log, 0, 3), 3);

    make_room(world);
    world_until_true(world, is_roomy, world);
    assert_int_equal(check(log, 2, &base), ERROR_DUPLICATE_SEQUENCE);
    assert_int_equal(base, 2);
    assert_int_equal(check(log, 3, &base), ERROR_NONE);
    assert_int_equal(check(log, 4, &base), ERROR_OUT_OF_ORDER_SEQUENCE);
    for (int32_t i = 3; i < 8; i++)
        world_append(world, log, batch_of(i));
    assert_int_equal(world_crash(world), ERROR_NONE);
    assert_int_equal(world_read(world, world_log(world, 0), 0, 8), 8);
}

/* There are bytes, but there is no name for another segment. */
static void a_roll_without_space_is_taken_back(void **state)
{
    struct world *world = *state;
    struct world_append *appends[8];
    struct log *log;

    small_disk(world);
    assert_int_equal(world_open(world), ERROR_NONE);
    world_until_true(world, has_ballast, world);
    log = world_create(world, 0, &settings);
    fill_names(world);
    for (int32_t i = 0; i < 8; i++)
        appends[i] = world_submit(world, log, batch_of(i));
    for (int i = 0; i < 8; i++) { /* five are a segment */
        world_until(world, &appends[i]->done);
        assert_int_equal(appends[i]->error,
                         i < 5 ? ERROR_NONE : ERROR_DISK_FULL);
    }
    world_until_true(world, is_idle, log);
    assert_false(world->failed);
    assert_int_equal(log->log_end_offset, 5);
    free_names(world);
    world_until_true(world, is_roomy, world);
    for (int32_t i = 5; i < 16; i++)
        world_append(world, log, batch_of(i));
    assert_int_equal(world_crash(world), ERROR_NONE);
    assert_int_equal(world_read(world, world_log(world, 0), 0, 16), 16);
}

/* What was damaged has just been mended, and who wrote it is about to be read:
 * that does not keep what found no space from being taken back. */
static void a_roll_without_space_is_taken_back_after_mending(void **state)
{
    struct world *world = *state;
    struct world_append *append;
    struct log *log;
    int64_t base;

    small_disk(world);
    assert_int_equal(world_open(world), ERROR_NONE);
    world_until_true(world, has_ballast, world);
    log = world_create(world, 0, &settings);
    for (int32_t i = 0; i < 5; i++)
        world_append(world, log, batch_of(i));
    fill_names(world);
    append = world_submit(world, log, batch_of(5));
    log->unsure = true;
    exclusive_rebuild(log->body); /* by damage.c */
    world_until(world, &append->done);
    assert_int_equal(append->error, ERROR_DISK_FULL);
    world_until_true(world, is_idle, log);
    assert_int_equal(log->log_end_offset, 5);
    assert_int_equal(world->taken_back, 1);
    assert_false(log->unsure);
    assert_int_equal(check(log, 4, &base), ERROR_DUPLICATE_SEQUENCE);
    free_names(world);
    world_until_true(world, is_roomy, world);
    for (int32_t i = 5; i < 8; i++)
        world_append(world, log, batch_of(i));
    assert_int_equal(world_read(world, log, 0, 8), 8);
}

/* Sooner than it is looked at by the clock. */
static void the_reserve_is_kept(void **state)
{
    struct world *world = *state;
    struct log *log;
    unsigned taken = 0;

    world->options.space_interval_ms = 1000;
    small_disk(world);
    assert_int_equal(world_open(world), ERROR_NONE);
    world_until_true(world, has_ballast, world);
    log = world_create(world, 0, &settings);
    world_run(world, 1100); /* it was just looked at */
    while (!log_directory_full(world->directory) && taken < 200) {
        world_append(world, log, batch_of((int32_t)taken));
        taken++;
    }
    assert_in_range(taken, 40, 75); /* of 512 KiB without reserve, ballast */
    assert_false(world->directory->space.starved);
    log_set_high_watermark(log, log->log_end_offset);
    log_advance_start(log, 30);
    world_until_true(world, is_roomy, world);
    world_append(world, log, batch_of((int32_t)taken));
}

static bool has_started_at_16(void *context)
{
    const struct log *log = context;

    return log->log_start_offset == 16 &&
           log->body->segments[0]->base_offset >= 12;
}

static void retention_goes_on(void **state)
{
    struct world *world = *state;
    struct log *log = on_a_full_disk(world, 20);
    long before;

    log_set_high_watermark(log, 20);
    before = world_size(world_file(world, 0, "00000000000000000000.log"));
    assert_true(before > 0);
    log_advance_start(log, 16);
    world_until_true(world, has_started_at_16, log);
    assert_false(
        world_exists(world_file(world, 0, "00000000000000000000.log")));
    assert_int_equal(log->body->segments[0]->base_offset, 15);
    world_until_true(world, is_roomy, world); /* and that is room enough */
    world_append(world, log, batch_of(20));
    assert_int_equal(world_crash(world), ERROR_NONE);
    assert_int_equal(world_log(world, 0)->log_start_offset, 16);
    assert_int_equal(world_read(world, world_log(world, 0), 16, 21), 5);
}

/* All of the log is to go, and a name for the next segment is missing: it is
 * tried again every now and then, not over and over. */
static void a_roll_for_retention_is_tried_again(void **state)
{
    struct world *world = *state;
    struct log *log;
    int64_t began_us;

    world->options.reserve_bytes = 0; /* no ballast, that is a name */
    small_disk(world);
    assert_int_equal(world_open(world), ERROR_NONE);
    log = world_create(world, 0, &settings);
    world_begin_epoch(world, log, 1);
    for (int32_t i = 0; i < 3; i++)
        world_append(world, log, batch_of(i));
    fill_names(world);
    log_set_high_watermark(log, 3);
    log->log_start_offset = 3; /* as if it were stored */
    assert_int_equal(world->taken_back, 0);
    began_us = world->seam->now.monotonic_us;
    log_kick(log->body);
    world_until_true(world, has_tried_often, world);
    assert_true(world->seam->now.monotonic_us - began_us >=
                (world->taken_back - 1) * INTERVAL_MS * 1000 / 2);
    free_names(world);
    world_until_true(world, is_fresh, log);
    world_until_true(world, is_roomy, world);
    world_append(world, log, batch_of(3));
}

/* The roll found a name, but neither the batch nor the old segment's index
 * found a byte. */
static void a_missing_index_holds_nothing_up(void **state)
{
    struct world *world = *state;
    struct log *log = on_a_full_disk(world, 5);
    struct world_append *append = world_submit(world, log, batch_of(5));

    world_until(world, &append->done);
    assert_int_equal(append->error, ERROR_DISK_FULL);
    world_until_true(world, is_idle, log);
    assert_int_equal(log->body->segment_count, 2);
    assert_true(log->body->segments[0]->seal_wanted);
    log_set_high_watermark(log, 5);
    log_advance_start(log, 5);
    world_until_true(world, has_one_segment, log);
    assert_false(world->failed);
    make_room(world);
    world_until_true(world, is_roomy, world);
    world_append(world, log, batch_of(5));
}

/* A leader's epoch that has no batch yet stays, whatever is taken back. */
static void an_epoch_without_a_batch_stays(void **state)
{
    struct world *world = *state;
    struct log *log = on_a_full_disk(world, 3);
    struct world_append *append;

    make_room(world);
    world_begin_epoch(world, log, 4);
    fill_disk(world);
    append = world_submit(
        world, log, &(struct world_batch){.epoch = 4, .body_bytes = BODY});
    world_until(world, &append->done);
    assert_int_equal(append->error, ERROR_DISK_FULL);
    world_until_true(world, is_idle, log);
    assert_int_equal(log_last_epoch(log), 4);
    assert_int_equal(log->log_end_offset, 3);
}

static void a_start_goes_on(void **state)
{
    struct world *world = *state;
    struct log *log;

    small_disk(world);
    assert_int_equal(world_open(world), ERROR_NONE);
    world_until_true(world, has_ballast, world);
    log = world_create(world, 0, &settings);
    for (int32_t i = 0; i < 20; i++)
        world_append(world, log, batch_of(i));
    world_drop(world);
    fill_disk(world);
    assert_int_equal(world_open(world), ERROR_NONE);
    log = world_log(world, 0);
    assert_int_equal(log->log_end_offset, 20);
    assert_int_equal(world_read(world, log, 0, 20), 20);
    assert_true(log_directory_full(world->directory));
    assert_false(has_ballast(world));
    log_set_high_watermark(log, 20);
    log_advance_start(log, 16);
    world_until_true(world, has_started_at_16, log);
    world_until_true(world, has_ballast, world); /* made again */
    world_append(world, log, batch_of(20));
}

static void a_clean_end_goes_on(void **state)
{
    struct world *world = *state;

    on_a_full_disk(world, 20);
    world_shutdown(world);
    assert_int_equal(world_open(world), ERROR_NONE);
    assert_non_null(log_directory_clean_token(world->directory));
    assert_int_equal(world_read(world, world_log(world, 0), 0, 20), 20);
}

static void note_end(void *context, enum error error)
{
    struct world *world = context;

    world->answered = true;
    world->answer = error;
}

/* It waits, but not for ever: whoever asked for the end gets one. */
static void an_end_without_a_byte_is_not_clean(void **state)
{
    struct world *world = *state;
    int64_t began_us;

    world->options.reserve_bytes = 0; /* no ballast */
    on_a_full_disk(world, 3);
    world->answered = false;
    began_us = world->seam->now.monotonic_us;
    log_directory_shutdown(world->directory, note_end, world);
    world_until(world, &world->answered);
    assert_true(world->seam->now.monotonic_us - began_us >=
                5 * INTERVAL_MS * 1000);
    assert_int_not_equal(world->answer, ERROR_NONE);
    world_rest(world);
    log_directory_free(world->directory);
    make_room(world);
    assert_int_equal(world_open(world), ERROR_NONE);
    assert_null(log_directory_clean_token(world->directory));
    assert_int_equal(world_read(world, world_log(world, 0), 0, 3), 3);
}

static void note_made(void *context, enum error error, struct log *log)
{
    struct world *world = context;

    world->answered = true;
    world->answer = error;
    world->made = log;
}

/* Also when there is nothing to give up. */
static void what_must_be_written_waits(void **state)
{
    struct world *world = *state;
    struct partition_key key = {{{1}}, 9};

    world->options.reserve_bytes = 0;
    small_disk(world);
    assert_int_equal(world_open(world), ERROR_NONE);
    world_create(world, 0, &settings);
    world_run(world, 60);
    fill_disk(world);
    world->answered = false;
    log_create(world->directory, &key, &settings, note_made, world);
    world_run(world, 2 * INTERVAL_MS); /* it was tried again */
    assert_false(world->answered);
    assert_false(world->failed);
    make_room(world);
    world_until(world, &world->answered);
    assert_int_equal(world->answer, ERROR_NONE);
    world_until_true(world, is_roomy, world);
    world_append(world, world->made, batch_of(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(what_finds_no_space_is_taken_back),
        TEST(a_roll_without_space_is_taken_back),
        TEST(a_roll_without_space_is_taken_back_after_mending),
        TEST(the_reserve_is_kept),
        TEST(retention_goes_on),
        TEST(a_roll_for_retention_is_tried_again),
        TEST(a_missing_index_holds_nothing_up),
        TEST(an_epoch_without_a_batch_stays),
        TEST(a_start_goes_on),
        TEST(a_clean_end_goes_on),
        TEST(an_end_without_a_byte_is_not_clean),
        TEST(what_must_be_written_waits),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
