/* SPDX-License-Identifier: Apache-2.0
 *
 * Damage below the recovery point: it is found by whoever reads there, told
 * once, never cut, and written again where it lay (B45).
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

#include "log/internal.h"
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

/* Of the segment that begins at `base`. */
static const char *file_of(struct world *world, unsigned base)
{
    char name[32];

    snprintf(name, sizeof name, "%020u.log", base);
    return world_file(world, 0, name);
}

/* A bit of the body of the nth batch of the segment at `base`. */
static void damage(struct world *world, unsigned base, unsigned batch)
{
    world_flip(file_of(world, base), (long)batch * BATCH + 100);
}

static void lose_file(struct world *world, unsigned base)
{
    assert_int_equal(unlink(file_of(world, base)), 0);
}

static struct log *opened(struct world *world)
{
    assert_int_equal(world_open(world), ERROR_NONE);
    return world_log(world, 0);
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
    damage(world, 22, 5);
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
    lose_file(world, 44);
    world_until_true(world, is_damaged, log);
    expect_damage(world, log, 2 * SEGMENT, 3 * SEGMENT);
}

static void a_suspect_is_read_at_once(void **state)
{
    struct world *world = *state;
    struct log *log = filled(world, 100);

    damage(world, 22, 5);
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
    damage(world, 0, 5);
    world_run(world, 300);
    assert_false(log->damaged);
}

/* Nor is it damaged by what is: followers go on to fetch it. */
static void damage_ends_with_what_was_synced(void **state)
{
    struct world *world = *state;
    struct log_settings lazy = world_settings;
    struct log *log = filled(world, 10);

    lazy.flush_ms = -1;
    log_configure(log, &lazy);
    world_fill(world, log, 5, &(struct world_batch){.epoch = 1});
    assert_int_equal(log->durable_end_offset, 10);
    damage(world, 0, 5);
    world_until_true(world, is_damaged, log);
    expect_damage(world, log, 5, 10);
}

/* ---- at the start -------------------------------------------------------- */

/* A crash with a snapshot below the damage: recovery reads there. */
static void recovery_goes_on_behind_damage(void **state)
{
    struct world *world = *state;
    struct log *log = filled(world, 100);

    world_crash_closed(world);
    damage(world, 88, 3);
    for (unsigned round = 0; round < 2; round++) {
        log = opened(world);
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
    world_cut(file_of(world, 22), 5 * BATCH + 7);
    for (unsigned round = 0; round < 2; round++) {
        log = opened(world);
        assert_int_equal(log->log_end_offset, 100 + round);
        expect_damage(world, log, 27, 2 * SEGMENT);
        append_one(world, log);
        world_shutdown(world);
    }
    assert_int_equal(world_size(file_of(world, 22)),
                     5 * BATCH + 7); /* nothing is cut */
}

static void the_end_of_a_lost_tail_is_kept(void **state)
{
    struct world *world = *state;
    struct log *log = filled(world, 100);

    world_shutdown(world);
    world_cut(file_of(world, 88), 4 * BATCH);
    for (unsigned round = 0; round < 2; round++) {
        log = opened(world);
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
    lose_file(world, 22);
    lose_file(world, 44);
    log = opened(world);
    assert_int_equal(log->log_end_offset, 100);
    expect_damage(world, log, 22, 66);
    world_shutdown(world);
    lose_file(world, 0);
    expect_damage(world, opened(world), 0, 66);
    world_shutdown(world);
    lose_file(world, 66);
    lose_file(world, 88);
    log = opened(world);
    assert_int_equal(log->log_start_offset, 0);
    expect_damage(world, log, 0, 100);
    append_one(world, log);
}

/* ---- mended -------------------------------------------------------------- */

/* What another replica would have: the batch at n * BATCH. */
struct copy {
    uint8_t batches[100 * BATCH];
};

static void read_copy(struct world *world, struct copy *copy)
{
    for (size_t base = 0; base < 100; base += SEGMENT) {
        size_t count = 100 - base < SEGMENT ? 100 - base : SEGMENT;
        FILE *file = fopen(file_of(world, (unsigned)base), "rb");

        assert_non_null(file);
        assert_int_equal(
            fread(copy->batches + base * BATCH, BATCH, count, file), count);
        fclose(file);
    }
}

/* The batch at 53 is damaged, and known to be. */
static struct log *damaged_at_53(struct world *world, struct copy *copy)
{
    struct log *log = filled(world, 100);

    read_copy(world, copy);
    damage(world, 44, 9);
    world_until_true(world, is_damaged, log);
    return log;
}

struct mending {
    struct log_mend mend;
    bool done;
    enum error error;
};

static void mend_done(struct log_mend *mend, enum error error)
{
    struct mending *mending = container_of(mend, struct mending, mend);

    mending->done = true;
    mending->error = error;
}

static enum error look(struct world *world, struct mending *mending)
{
    mending->done = false;
    assert_int_equal(log_mend_look(&mending->mend), ERROR_NONE);
    world_until(world, &mending->done);
    return mending->error;
}

/* Begins, and looks for what is wanted first: its offset. */
static int64_t begin(struct world *world, struct log *log,
                     struct mending *mending)
{
    *mending = (struct mending){0};
    log_mend_begin(&mending->mend, log, mend_done);
    assert_int_equal(look(world, mending), ERROR_CORRUPT);
    return mending->mend.offset;
}

static enum error finish(struct world *world, struct mending *mending,
                         enum error error)
{
    if (error != ERROR_NONE)
        return error;
    world_until(world, &mending->done);
    return mending->error;
}

static enum error give_bytes(struct world *world, struct mending *mending,
                             const void *batches, size_t size)
{
    mending->done = false;
    return finish(world, mending,
                  log_mend_write(&mending->mend, batches, size));
}

/* `count` batches from `offset` on. */
static enum error give(struct world *world, struct mending *mending,
                       const struct copy *copy, int64_t offset, int64_t count)
{
    return give_bytes(world, mending, copy->batches + offset * BATCH,
                      (size_t)count * BATCH);
}

/* As often as it takes, `count` batches at a time; how many were given. */
static unsigned mend(struct world *world, struct log *log,
                     const struct copy *copy, int64_t count)
{
    struct mending mending = {0};
    unsigned given = 0;
    enum error error;

    log_mend_begin(&mending.mend, log, mend_done);
    error = look(world, &mending);
    while (error == ERROR_CORRUPT) {
        int64_t from = mending.mend.offset;

        error = give(world, &mending, copy, from,
                     from + count < 100 ? count : 100 - from);
        given++;
    }
    assert_int_equal(error, ERROR_NONE);
    log_mend_end(&mending.mend);
    return given;
}

static void expect_copy(struct world *world, struct log *log,
                        const struct copy *copy)
{
    struct copy now;

    assert_false(log->damaged);
    read_copy(world, &now);
    assert_memory_equal(now.batches, copy->batches, sizeof now.batches);
    assert_int_equal(world_read(world, log, 0, 100), 100);
    assert_int_equal(log->size_bytes, 100 * BATCH);
}

static void what_is_damaged_is_written_where_it_lay(void **state)
{
    struct world *world = *state;
    struct copy copy;
    struct log *log = damaged_at_53(world, &copy);
    uint64_t generation = log->generation;

    assert_int_equal(mend(world, log, &copy, 1), 1);
    expect_copy(world, log, &copy);
    assert_int_equal(log->generation, generation);
    assert_int_equal(log->log_end_offset, 100);
    assert_int_equal(world_facts(world, "mended"), 1);
    append_one(world, log);
    assert_int_equal(world_crash(world), ERROR_NONE);
    log = world_log(world, 0);
    assert_false(log->damaged);
    assert_int_equal(world_read(world, log, 0, 101), 101);
}

/* Two replicas, damaged in two places: what is whole here is not asked for,
 * and what was mended can be given at once. */
static void what_is_whole_is_kept(void **state)
{
    struct world *world = *state;
    struct log *log = filled(world, 100);
    struct mending mending;
    struct copy copy;

    read_copy(world, &copy);
    damage(world, 44, 3);
    damage(world, 44, 4);
    damage(world, 44, 9);
    world_until_true(world, is_damaged, log);
    expect_damage(world, log, 47, 66);
    assert_int_equal(begin(world, log, &mending), 47);
    assert_int_equal(
        give_bytes(world, &mending, copy.batches + 47 * BATCH, 2 * BATCH - 1),
        ERROR_CORRUPT);
    assert_int_equal(mending.mend.offset, 48);
    assert_int_equal(locate(world, log, 47), ERROR_NONE);
    assert_int_equal(give(world, &mending, &copy, 40, 9),
                     ERROR_CORRUPT); /* from before, too */
    assert_int_equal(mending.mend.offset, 53);
    expect_damage(world, log, 53, 66);
    log_mend_end(&mending.mend);
    assert_int_equal(mend(world, log, &copy, 50), 1);
    expect_copy(world, log, &copy);
}

/* Another batch at this offset, whole, of an epoch that was not here. */
static void what_was_not_here_is_not_taken(void **state)
{
    struct world *world = *state;
    struct copy copy;
    struct log *log = damaged_at_53(world, &copy);
    struct mending mending;
    uint8_t other[BATCH];

    assert_int_equal(begin(world, log, &mending), 53);
    assert_int_equal(give(world, &mending, &copy, 0, 10), ERROR_CORRUPT_BATCH);
    assert_int_equal(give(world, &mending, &copy, 54, 10), ERROR_CORRUPT_BATCH);
    memcpy(other, copy.batches + 53 * BATCH, BATCH);
    batch_stamp(other, 53, 7, 1000, &log->key.topic_id, log->key.partition);
    mending.mend.from_leader = true;
    assert_int_equal(give_bytes(world, &mending, other, BATCH),
                     ERROR_CORRUPT_BATCH);
    log_mend_end(&mending.mend);
    mend(world, log, &copy, 100);
    expect_copy(world, log, &copy);
}

static void missing_files_are_made_again(void **state)
{
    struct world *world = *state;
    struct log *log = filled(world, 100);
    struct copy copy;

    read_copy(world, &copy);
    world_shutdown(world);
    for (unsigned base = 0; base < 100; base += SEGMENT)
        if (base != 2 * SEGMENT)
            lose_file(world, base);
    log = opened(world);
    assert_int_equal(log->log_end_offset, 100);
    assert_true(log->damaged);
    while (log->damaged) /* what else there is comes after the first */
        mend(world, log, &copy, 7);
    assert_int_equal(world_read(world, log, 0, 100), 100);
    append_one(world, log);
    world_shutdown(world);
    log = opened(world);
    assert_false(log->damaged);
    assert_int_equal(world_read(world, log, 0, 101), 101);
    assert_int_equal(log->size_bytes, 101 * BATCH);
}

static void short_files_are_filled(void **state)
{
    struct world *world = *state;
    struct log *log = filled(world, 100);
    struct copy copy;

    read_copy(world, &copy);
    world_cut(file_of(world, 22), 5 * BATCH);
    world_until_true(world, is_damaged, log); /* at the end of a batch, too */
    assert_int_equal(log->damage_offset, 27);
    mend(world, log, &copy, 3);
    expect_copy(world, log, &copy);
    world_shutdown(world);
    world_cut(file_of(world, 66), 7);
    log = opened(world);
    mend(world, log, &copy, 100);
    expect_copy(world, log, &copy);
}

static enum error cut_to(struct world *world, struct log *log, int64_t offset)
{
    world->answered = false;
    log_truncate(log, offset, world_answered, world);
    world_until(world, &world->answered);
    return world->answer;
}

/* A cut at the damage would lose what is whole below the place asked for. */
static void nothing_is_cut_at_damage(void **state)
{
    struct world *world = *state;
    struct log *log = filled(world, 100);
    struct copy copy;

    read_copy(world, &copy);
    world_shutdown(world); /* where batches lie is forgotten */
    log = opened(world);
    world_flip(file_of(world, 44), 9 * BATCH + 9);
    assert_int_equal(cut_to(world, log, 55), ERROR_CORRUPT);
    assert_int_equal(log->log_end_offset, 100);
    assert_int_equal(log->damage_offset, 53);
    assert_int_equal(log->damage_end_offset, 55);
    mend(world, log, &copy, 1);
    assert_int_equal(cut_to(world, log, 55), ERROR_NONE);
    assert_int_equal(log->log_end_offset, 55);
    assert_int_equal(world_read(world, log, 0, 55), 55);
}

static void expect_barred(struct world *world, const struct copy *copy)
{
    struct log *log = world_log(world, 0);

    assert_true(log->damaged);
    assert_int_equal(cut_to(world, log, 40), ERROR_CORRUPT);
    assert_int_equal(log->log_end_offset, 100);
    assert_int_equal(log->high_watermark, 100);
    assert_true(log->damaged);
    mend(world, log, copy, 100);
    assert_int_equal(cut_to(world, log, 40), ERROR_NONE);
    assert_int_equal(log->log_end_offset, 40);
    assert_int_equal(world_read(world, log, 0, 40), 40);
}

/* The file ends between two batches, below the place of the cut. */
static void a_cut_into_what_is_missing_waits(void **state)
{
    struct world *world = *state;
    struct copy copy;

    filled(world, 100);
    read_copy(world, &copy);
    world_shutdown(world);
    world_cut(file_of(world, 22), 5 * BATCH);
    assert_int_equal(world_open(world), ERROR_NONE);
    expect_barred(world, &copy);
}

static void a_cut_into_a_missing_file_waits(void **state)
{
    struct world *world = *state;
    struct copy copy;

    filled(world, 100);
    read_copy(world, &copy);
    world_shutdown(world);
    lose_file(world, 0);
    lose_file(world, 22);
    assert_int_equal(world_open(world), ERROR_NONE);
    expect_barred(world, &copy);
}

/* The cut lies behind the damage, at a place that is known. */
static void damage_ends_where_the_log_is_cut(void **state)
{
    struct world *world = *state;
    struct copy copy;
    struct log *log = damaged_at_53(world, &copy);

    assert_int_equal(log->damage_end_offset, 66);
    assert_int_equal(cut_to(world, log, 64), ERROR_NONE);
    assert_int_equal(log->log_end_offset, 64);
    assert_int_equal(log->damage_end_offset, 64);
    mend(world, log, &copy, 100);
    assert_false(log->damaged);
    assert_int_equal(world_read(world, log, 0, 64), 64);
}

static enum error check(struct log *log, int32_t sequence)
{
    struct batch_header header = {
        .record_count = 1, .producer_id = 77, .base_sequence = sequence};
    int64_t base_offset;

    return log_check_producer(log, &header, &base_offset);
}

static bool is_sure(void *context)
{
    return !((struct log *)context)->unsure;
}

/* After a cut who wrote what is read again, through the damage: no leader may
 * judge by what that gives, and once it is mended it is read anew. */
static void a_cut_behind_damage_leaves_producers_unsure(void **state)
{
    struct world *world = *state;
    struct log *log = filled(world, 100);
    struct copy copy;

    read_copy(world, &copy);
    world_flip(world_file(world, 0, "00000000000000000088.log"), 3 * BATCH + 9);
    world_until_true(world, is_damaged, log);
    assert_false(log->unsure);
    assert_int_equal(cut_to(world, log, 97), ERROR_NONE);
    assert_true(log->damaged);
    assert_true(log->unsure);
    mend(world, log, &copy, 1);
    assert_false(log->damaged);
    world_until_true(world, is_sure, log);
    assert_int_equal(check(log, 96), ERROR_DUPLICATE_SEQUENCE);
    assert_int_equal(check(log, 97), ERROR_NONE);
}

/* Likewise when nobody knew of the damage before; what lies behind it is read
 * all the same. */
static void damage_that_producers_are_read_through_is_found(void **state)
{
    struct world *world = *state;
    struct log *log = filled(world, 100);
    struct copy copy;

    read_copy(world, &copy);
    for (unsigned base = SEGMENT; base < 100; base += SEGMENT) {
        char name[32];

        snprintf(name, sizeof name, "%020u.producers", base);
        unlink(world_file(world, 0, name)); /* not all are kept */
    }
    world_flip(file_of(world, 44), 3 * BATCH + 9);
    assert_int_equal(cut_to(world, log, 97), ERROR_NONE);
    assert_true(log->damaged);
    assert_int_equal(log->damage_offset, 47);
    assert_int_equal(log->damage_end_offset, 66);
    assert_true(log->unsure);
    assert_int_equal(check(log, 96), ERROR_DUPLICATE_SEQUENCE);
    mend(world, log, &copy, 1);
    assert_false(log->damaged);
    world_until_true(world, is_sure, log);
    assert_int_equal(check(log, 96), ERROR_DUPLICATE_SEQUENCE);
    assert_int_equal(check(log, 97), ERROR_NONE);
    assert_false(log->body->producers.forgetful);
}

/* The history was made again over the hole: it only guesses what was there. */
static void a_guessed_history_names_nothing(void **state)
{
    struct world *world = *state;
    struct log *log = filled(world, 100);
    struct mending mending;
    uint8_t other[BATCH];
    struct copy copy;

    read_copy(world, &copy);
    world_shutdown(world);
    damage(world, 66, 2);
    assert_int_equal(unlink(world_file(world, 0, "epochs")), 0);
    log = opened(world);
    assert_true(log->damaged);
    memcpy(other, copy.batches + 68 * BATCH, BATCH);
    assert_int_equal(begin(world, log, &mending), 68);
    assert_int_equal(give_bytes(world, &mending, other, BATCH),
                     ERROR_CORRUPT_BATCH);
    mending.mend.from_leader = true;
    assert_int_equal(give_bytes(world, &mending, other, BATCH), ERROR_NONE);
    log_mend_end(&mending.mend);
    assert_false(log->damaged);
    assert_int_equal(world_read(world, log, 0, 100), 100);
}

static enum error fill(struct world *world, struct mending *mending,
                       int64_t floor)
{
    mending->done = false;
    return finish(world, mending, log_mend_fill(&mending->mend, floor));
}

/* What nobody has any more, for it was to be deleted, is not waited for. */
static void what_nobody_needs_is_filled(void **state)
{
    struct world *world = *state;
    struct log *log = filled(world, 100);
    struct mending mending;

    damage(world, 44, 3);
    damage(world, 44, 4);
    world_until_true(world, is_damaged, log);
    assert_int_equal(begin(world, log, &mending), 47);
    assert_int_equal(fill(world, &mending, 47), ERROR_OFFSET_OUT_OF_RANGE);
    assert_int_equal(fill(world, &mending, 48), ERROR_OFFSET_OUT_OF_RANGE);
    assert_true(log->damaged);
    assert_int_equal(fill(world, &mending, 49), ERROR_NONE);
    log_mend_end(&mending.mend);
    assert_false(log->damaged);
    assert_int_equal(log->size_bytes, 100 * BATCH);
    assert_int_equal(world_read(world, log, 49, 100), 51);
    world_run(world, 300); /* the scrub is content, too */
    assert_false(log->damaged);
    assert_int_equal(world_crash(world), ERROR_NONE);
    log = world_log(world, 0);
    assert_false(log->damaged);
    assert_int_equal(world_read(world, log, 49, 100), 51);
}

/* A cut takes the log away under the mending. */
static void a_cut_ends_a_mending(void **state)
{
    struct world *world = *state;
    struct copy copy;
    struct log *log = damaged_at_53(world, &copy);
    struct mending mending;

    assert_int_equal(begin(world, log, &mending), 53);
    assert_int_equal(cut_to(world, log, 50), ERROR_NONE);
    assert_false(log->damaged);
    assert_int_equal(give(world, &mending, &copy, 53, 10), ERROR_CANCELLED);
    log_mend_end(&mending.mend);
    assert_int_equal(world_read(world, log, 0, 50), 50);
}

static void retention_passes_damage(void **state)
{
    struct world *world = *state;
    struct log *log = filled(world, 100);

    damage(world, 22, 9);
    world_until_true(world, is_damaged, log);
    log_advance_start(log, 44);
    world_settle(world);
    assert_false(log->damaged);
    assert_int_equal(world_read(world, log, 44, 100), 56);
}

/* When its last batch was appended nobody can read: it is not the older for
 * it, or the leader would have what the others still hold deleted too. */
static void damage_makes_nothing_older(void **state)
{
    struct world *world = *state;
    struct log_settings settings = world_settings;
    struct log *log;

    world->clock_ms = 1000000000;
    settings.retention_ms = 1000000;
    log = filled(world, 100);
    world_shutdown(world);
    assert_int_equal(unlink(world_file(world, 0, "00000000000000000000.log")),
                     0);
    assert_int_equal(world_open(world), ERROR_NONE);
    log = world_log(world, 0);
    expect_damage(world, log, 0, SEGMENT);
    log_configure(log, &settings);
    assert_int_equal(log_retention_target(log, world->clock_ms), 0);
    world_shutdown(world);
    world_cut(world_file(world, 0, "00000000000000000022.log"), 0);
    assert_int_equal(world_open(world), ERROR_NONE);
    log = world_log(world, 0);
    log_configure(log, &settings);
    assert_int_equal(log_retention_target(log, world->clock_ms), 0);
    assert_int_equal(
        log_retention_target(log, world->clock_ms + settings.retention_ms + 1),
        4 * SEGMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
#define TEST_UNSCRUBBED(name)                                                  \
    cmocka_unit_test_setup_teardown(name, setup_without_scrub, world_teardown)
        TEST(the_scrub_finds_what_nobody_reads),
        TEST(a_missing_segment_is_found_by_the_scrub),
        TEST_UNSCRUBBED(a_suspect_is_read_at_once),
        TEST(the_scrub_leaves_the_tail_alone),
        TEST(damage_ends_with_what_was_synced),
        TEST_UNSCRUBBED(recovery_goes_on_behind_damage),
        TEST_UNSCRUBBED(a_short_segment_is_bridged),
        TEST_UNSCRUBBED(the_end_of_a_lost_tail_is_kept),
        TEST_UNSCRUBBED(missing_segments_are_bridged),
        TEST(what_is_damaged_is_written_where_it_lay),
        TEST(what_is_whole_is_kept),
        TEST(what_was_not_here_is_not_taken),
        TEST(missing_files_are_made_again),
        TEST(short_files_are_filled),
        TEST_UNSCRUBBED(nothing_is_cut_at_damage),
        TEST_UNSCRUBBED(a_cut_into_what_is_missing_waits),
        TEST_UNSCRUBBED(a_cut_into_a_missing_file_waits),
        TEST(damage_ends_where_the_log_is_cut),
        TEST(a_cut_behind_damage_leaves_producers_unsure),
        TEST_UNSCRUBBED(damage_that_producers_are_read_through_is_found),
        TEST_UNSCRUBBED(a_guessed_history_names_nothing),
        TEST(what_nobody_needs_is_filled),
        TEST(a_cut_ends_a_mending),
        TEST(retention_passes_damage),
        TEST_UNSCRUBBED(damage_makes_nothing_older),
#undef TEST
#undef TEST_UNSCRUBBED
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
