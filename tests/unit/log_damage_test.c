/* SPDX-License-Identifier: Apache-2.0
 *
 * Damage below the recovery point: it is found by whoever reads there, told
 * once, and nothing is cut for it until the owner says that another replica
 * has it all (B45).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/log_world.h"

#define BATCH   180 /* bytes of a batch with a body of 100 */
#define SEGMENT 22  /* batches in a segment */

static int setup(void **state)
{
    struct world *world = world_new();

    world->options.scrub_bytes_per_second = 64 << 20;
    world->options.scrub_interval_ms = 100;
    *state = world;
    return 0;
}

static int setup_without_scrub(void **state)
{
    *state = world_new();
    return 0;
}

static int teardown(void **state)
{
    world_free(*state);
    return 0;
}

static struct log *filled(struct world *world, unsigned count)
{
    struct log *log;

    assert_int_equal(world_open(world), ERROR_NONE);
    log = world_create(world, 0, &world_settings);
    for (unsigned i = 0; i < count; i++)
        world_fill(world, log, 1,
                   &(struct world_batch){.epoch = 1 + i / 30,
                                         .producer_id = 77,
                                         .sequence = (int32_t)i});
    log_set_high_watermark(log, count);
    world_settle(world); /* the checkpoint takes it all */
    return log;
}

/* The first byte of the nth batch of a segment, and a few more. */
static void damage(struct world *world, const char *segment, unsigned batch)
{
    world_flip(world_file(world, 0, segment), (long)batch * BATCH + 100);
}

static bool is_damaged(void *context)
{
    return ((struct log *)context)->damaged;
}

static enum error locate(struct world *world, struct log *log, int64_t offset)
{
    struct log_range range;

    return world_locate(world, log, offset, log->log_end_offset, 1000, &range);
}

static void expect_damage(struct world *world, struct log *log, int64_t from,
                          int64_t to)
{
    assert_true(log->damaged);
    assert_false(log->lossy);
    assert_int_equal(log->damage_offset, from);
    assert_int_equal(log->damage_end_offset, to);
    if (from > 0)
        assert_int_equal(world_read(world, log, 0, from), from);
    for (int64_t offset = from; offset < to; offset++)
        assert_int_equal(locate(world, log, offset), ERROR_CORRUPT);
    assert_int_equal(world_read(world, log, to, log->log_end_offset),
                     log->log_end_offset - to);
}

static void append_one(struct world *world, struct log *log)
{
    int64_t end = log->log_end_offset;

    world_append(world, log, &(struct world_batch){.epoch = 9});
    assert_int_equal(log->log_end_offset, end + 1);
    assert_int_equal(world_read(world, log, end, end + 1), 1);
}

/* ---- found -------------------------------------------------------------- */

static void the_scrub_finds_what_nobody_reads(void **state)
{
    struct world *world = *state;
    struct log *log = filled(world, 100);

    world_run(world, 300);
    assert_false(log->damaged);
    damage(world, "00000000000000000022.log", 5);
    world_until_true(world, is_damaged, log);
    assert_int_equal(world->damages, 1);
    expect_damage(world, log, SEGMENT + 5, 2 * SEGMENT);
    append_one(world, log);
    world_run(world, 300);
    assert_int_equal(world->damages, 1); /* told once */
    assert_int_equal(world_facts(world, "damaged"), 1);
}

static void a_missing_segment_is_found_by_the_scrub(void **state)
{
    struct world *world = *state;
    struct log *log = filled(world, 100);

    /* the page cache may hold what the directory has lost */
    assert_int_equal(unlink(world_file(world, 0, "00000000000000000044.log")),
                     0);
    world_until_true(world, is_damaged, log);
    expect_damage(world, log, 2 * SEGMENT, 3 * SEGMENT);
}

static void a_suspect_is_read_at_once(void **state)
{
    struct world *world = *state;
    struct log *log = filled(world, 100);

    damage(world, "00000000000000000022.log", 5);
    log_suspect(log, 5); /* not there */
    world_run(world, 100);
    assert_false(log->damaged);
    log_suspect(log, SEGMENT + 5);
    world_until_true(world, is_damaged, log);
    expect_damage(world, log, SEGMENT + 5, 2 * SEGMENT);
}

/* What is not synced yet is nobody's business. */
static void the_scrub_leaves_the_tail_alone(void **state)
{
    struct world *world = *state;
    struct log_settings lazy = world_settings;
    struct log *log;

    lazy.flush_ms = -1;
    assert_int_equal(world_open(world), ERROR_NONE);
    log = world_create(world, 0, &lazy);
    world_fill(world, log, 10, &(struct world_batch){.epoch = 1});
    damage(world, "00000000000000000000.log", 5);
    world_run(world, 300);
    assert_false(log->damaged);
}

/* ---- at the start -------------------------------------------------------- */

/* A crash with a snapshot below the damage: recovery reads there. */
static void recovery_goes_on_behind_damage(void **state)
{
    struct world *world = *state;
    struct log *log = filled(world, 100);

    world_crash_closed(world);
    damage(world, "00000000000000000088.log", 3);
    for (unsigned round = 0; round < 2; round++) {
        assert_int_equal(world_open(world), ERROR_NONE);
        log = world_log(world, 0);
        assert_int_equal(log->log_end_offset, 100 + round);
        assert_int_equal(log->high_watermark, 100);
        assert_int_equal(log_last_epoch(log), round == 0 ? 4 : 9);
        expect_damage(world, log, 91, 100);
        append_one(world, log);
        world_settle(world);
        world_crash_closed(world);
    }
}

static void a_short_segment_is_bridged(void **state)
{
    struct world *world = *state;
    struct log *log = filled(world, 100);

    world_shutdown(world);
    world_cut(world_file(world, 0, "00000000000000000022.log"), 5 * BATCH + 7);
    for (unsigned round = 0; round < 2; round++) {
        assert_int_equal(world_open(world), ERROR_NONE);
        log = world_log(world, 0);
        assert_int_equal(log->log_end_offset, 100 + round);
        expect_damage(world, log, 27, 2 * SEGMENT);
        append_one(world, log);
        world_shutdown(world);
    }
    assert_int_equal(
        world_size(world_file(world, 0, "00000000000000000022.log")),
        5 * BATCH + 7); /* nothing is cut */
}

static void the_end_of_a_lost_tail_is_kept(void **state)
{
    struct world *world = *state;
    struct log *log = filled(world, 100);

    world_shutdown(world);
    world_cut(world_file(world, 0, "00000000000000000088.log"), 4 * BATCH);
    for (unsigned round = 0; round < 2; round++) {
        assert_int_equal(world_open(world), ERROR_NONE);
        log = world_log(world, 0);
        assert_int_equal(log->log_end_offset, 100 + round);
        expect_damage(world, log, 92, 100);
        append_one(world, log);
        world_shutdown(world);
    }
}

static void missing_segments_are_bridged(void **state)
{
    struct world *world = *state;
    struct log *log = filled(world, 100);

    world_shutdown(world);
    assert_int_equal(unlink(world_file(world, 0, "00000000000000000022.log")),
                     0);
    assert_int_equal(unlink(world_file(world, 0, "00000000000000000044.log")),
                     0);
    assert_int_equal(world_open(world), ERROR_NONE);
    log = world_log(world, 0);
    assert_int_equal(log->log_end_offset, 100);
    expect_damage(world, log, 22, 66);
    world_shutdown(world);
    assert_int_equal(unlink(world_file(world, 0, "00000000000000000000.log")),
                     0);
    assert_int_equal(world_open(world), ERROR_NONE);
    expect_damage(world, world_log(world, 0), 0, 66);
    world_shutdown(world);
    assert_int_equal(unlink(world_file(world, 0, "00000000000000000066.log")),
                     0);
    assert_int_equal(unlink(world_file(world, 0, "00000000000000000088.log")),
                     0);
    assert_int_equal(world_open(world), ERROR_NONE);
    log = world_log(world, 0);
    assert_int_equal(log->log_start_offset, 0);
    expect_damage(world, log, 0, 100);
    append_one(world, log);
}

/* ---- set aside ----------------------------------------------------------- */

static void quarantine(struct world *world, struct log *log)
{
    world->answered = false;
    log_quarantine(log, world_answered, world);
    world_until(world, &world->answered);
    assert_int_equal(world->answer, ERROR_NONE);
}

static void damaged_segments_are_set_aside(void **state)
{
    struct world *world = *state;
    struct log *log = filled(world, 100);
    uint64_t generation = log->generation;
    uint32_t epoch;

    damage(world, "00000000000000000044.log", 9);
    world_until_true(world, is_damaged, log);
    quarantine(world, log);
    assert_false(log->damaged);
    assert_int_equal(log->log_end_offset, 44);
    assert_int_equal(log->durable_end_offset, 44);
    assert_int_equal(log->high_watermark, 44);
    assert_int_equal(log->generation, generation + 1);
    assert_true(log_epoch_before(log, 44, &epoch));
    assert_int_equal(epoch, 2);
    assert_int_equal(world_read(world, log, 0, 44), 44);
    assert_true(world_exists(
        world_file(world, 0, "00000000000000000044.log.0.damaged")));
    assert_true(world_exists(
        world_file(world, 0, "00000000000000000088.log.0.damaged")));
    assert_int_equal(
        world_size(world_file(world, 0, "00000000000000000044.log.0.damaged")),
        SEGMENT * BATCH);
    for (unsigned i = 0; i < 30; i++)
        append_one(world, log);
    assert_int_equal(world_crash(world), ERROR_NONE);
    log = world_log(world, 0);
    assert_false(log->damaged);
    assert_int_equal(log->log_end_offset, 74);
    assert_int_equal(world_read(world, log, 0, 74), 74);
    assert_true(world_exists(
        world_file(world, 0, "00000000000000000044.log.0.damaged")));
}

/* The log start lies in the damaged segment: the log starts over there. */
static void nothing_below_the_log_start_comes_back(void **state)
{
    struct world *world = *state;
    struct log *log = filled(world, 100);

    log_advance_start(log, 50);
    world_settle(world);
    assert_int_equal(log->log_start_offset, 50);
    damage(world, "00000000000000000044.log", 12);
    world_until_true(world, is_damaged, log);
    quarantine(world, log);
    assert_int_equal(log->log_start_offset, 50);
    assert_int_equal(log->log_end_offset, 50);
    append_one(world, log);
    assert_int_equal(world_crash(world), ERROR_NONE);
    assert_int_equal(world_log(world, 0)->log_start_offset, 50);
    assert_int_equal(world_log(world, 0)->log_end_offset, 51);
}

static void retention_passes_damage(void **state)
{
    struct world *world = *state;
    struct log *log = filled(world, 100);

    damage(world, "00000000000000000022.log", 9);
    world_until_true(world, is_damaged, log);
    log_advance_start(log, 44);
    world_settle(world);
    assert_false(log->damaged);
    assert_int_equal(world_read(world, log, 44, 100), 56);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_UNSCRUBBED(name)                                                  \
    cmocka_unit_test_setup_teardown(name, setup_without_scrub, teardown)
        TEST(the_scrub_finds_what_nobody_reads),
        TEST(a_missing_segment_is_found_by_the_scrub),
        TEST_UNSCRUBBED(a_suspect_is_read_at_once),
        TEST(the_scrub_leaves_the_tail_alone),
        TEST_UNSCRUBBED(recovery_goes_on_behind_damage),
        TEST_UNSCRUBBED(a_short_segment_is_bridged),
        TEST_UNSCRUBBED(the_end_of_a_lost_tail_is_kept),
        TEST_UNSCRUBBED(missing_segments_are_bridged),
        TEST(damaged_segments_are_set_aside),
        TEST(nothing_below_the_log_start_comes_back),
        TEST(retention_passes_damage),
#undef TEST
#undef TEST_UNSCRUBBED
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
