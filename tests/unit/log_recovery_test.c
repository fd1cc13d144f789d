/* SPDX-License-Identifier: Apache-2.0
 *
 * What a start believes after a crash and after damage: the log ends at the
 * first bad batch, what was durable is there or the replica says that it is
 * lossy, and nothing that was removed comes back.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "log/internal.h"
#include "tests/lib/log_world.h"

#define BATCH 180 /* bytes of a batch with a body of 100 */

static void a_crash_keeps_what_was_durable(void **state)
{
    struct world *world = *state;
    struct log *log = world_filled(world, 123);

    log_set_high_watermark(log, 120);
    world_settle(world);
    assert_int_equal(world_crash(world), ERROR_NONE);
    log = world_log(world, 0);
    assert_int_equal(log->log_end_offset, 123);
    assert_int_equal(log->durable_end_offset, 123);
    assert_int_equal(log->high_watermark, 120);
    assert_false(log->lossy);
    assert_int_equal(world_read(world, log, 0, 123), 123);
    world_append(world, log, &(struct world_batch){.epoch = 2});
    assert_int_equal(world_crash(world), ERROR_NONE);
    assert_int_equal(world_log(world, 0)->log_end_offset, 124);
}

static void a_torn_tail_is_cut(void **state)
{
    struct world *world = *state;
    const char *path;

    world_filled(world, 15);
    world_crash_closed(world);
    path = world_file(world, 0, "00000000000000000000.log");
    world_cut(path, 15 * BATCH - 30);
    assert_int_equal(world_open(world), ERROR_NONE);
    assert_int_equal(world_log(world, 0)->log_end_offset, 14);
    assert_false(world_log(world, 0)->lossy);
    path = world_file(world, 0, "00000000000000000000.log");
    assert_int_equal(world_size(path), 14 * BATCH);
    world_append(world, world_log(world, 0), &(struct world_batch){.epoch = 1});
    assert_int_equal(world_read(world, world_log(world, 0), 0, 15), 15);
}

static void garbage_at_the_end_is_cut(void **state)
{
    struct world *world = *state;

    world_filled(world, 15);
    world_crash_closed(world);
    world_cut(world_file(world, 0, "00000000000000000000.log"),
              15 * BATCH + 1000); /* size before data: zeros */
    assert_int_equal(world_open(world), ERROR_NONE);
    assert_int_equal(world_log(world, 0)->log_end_offset, 15);
    assert_int_equal(
        world_size(world_file(world, 0, "00000000000000000000.log")),
        15 * BATCH);
}

static void a_flipped_bit_ends_the_log(void **state)
{
    struct world *world = *state;

    for (long at = 3; at < BATCH; at += 13) {
        struct log *log = world_filled(world, 100);

        world_crash_closed(world);
        world_flip(world_file(world, 0, "00000000000000000000.log"),
                   7 * BATCH + at);
        assert_int_equal(world_open(world), ERROR_NONE);
        log = world_log(world, 0);
        assert_int_equal(log->log_end_offset, 7);
        assert_false(log->lossy); /* nothing of it was known to be durable */
        assert_int_equal(world_read(world, log, 0, 7), 7);
        world_append(world, log, &(struct world_batch){.epoch = 2});
        assert_int_equal(world_crash(world), ERROR_NONE);
        assert_int_equal(world_log(world, 0)->log_end_offset, 8);
        world_drop(world);
        snprintf(world->path, sizeof world->path, "%s/again%ld", world->root,
                 at);
    }
}

static void a_log_below_its_watermark_is_lossy(void **state)
{
    struct world *world = *state;
    struct log_settings lazy = world_settings;
    struct log *log;

    lazy.flush_ms = -1; /* the recovery point stays at 0 */
    assert_int_equal(world_open(world), ERROR_NONE);
    log = world_create(world, 0, &lazy);
    world_fill(world, log, 15, &(struct world_batch){.epoch = 1});
    log_set_high_watermark(log, 12);
    world_settle(world);
    world_crash_closed(world);
    world_cut(world_file(world, 0, "00000000000000000000.log"), 10 * BATCH);
    for (unsigned round = 0; round < 2; round++) {
        assert_int_equal(world_open(world), ERROR_NONE);
        log = world_log(world, 0);
        assert_true(log->lossy);
        assert_false(log->damaged);
        assert_int_equal(log->log_end_offset, 10);
        assert_int_equal(log->high_watermark, 10);
        world_shutdown(world); /* the evidence is not forgotten */
    }
    assert_int_equal(world_open(world), ERROR_NONE);
    log = world_log(world, 0);
    world_fill(world, log, 5, &(struct world_batch){.epoch = 1});
    log_set_high_watermark(log, 11);
    assert_true(log->lossy);
    log_set_high_watermark(log, 12);
    assert_false(log->lossy);
    world_shutdown(world);
    assert_int_equal(world_open(world), ERROR_NONE);
    assert_false(world_log(world, 0)->lossy);
}

static void an_index_is_made_again(void **state)
{
    struct world *world = *state;
    struct log *log = world_filled(world, 200);

    log_set_high_watermark(log, 200);
    world_shutdown(world);
    assert_int_equal(unlink(world_file(world, 0, "00000000000000000000.index")),
                     0);
    world_flip(world_file(world, 0, "00000000000000000022.index"), 40);
    assert_int_equal(world_open(world), ERROR_NONE);
    log = world_log(world, 0);
    assert_false(log->lossy);
    assert_int_equal(log->log_end_offset, 200);
    assert_int_equal(log->size_bytes, 200 * BATCH);
    assert_int_equal(world_read(world, log, 0, 200), 200);
    world_settle(world);
    assert_true(
        world_exists(world_file(world, 0, "00000000000000000000.index")));
}

static void entries_of_an_index_are_checked(void **state)
{
    struct world *world = *state;
    struct log *log = world_filled(world, 200);

    log_set_high_watermark(log, 200);
    world_shutdown(world);
    /* the summary is whole, an entry is not */
    world_flip(world_file(world, 0, "00000000000000000000.index"), 120);
    assert_int_equal(world_open(world), ERROR_NONE);
    log = world_log(world, 0);
    for (int64_t from = 0; from < 30; from++)
        assert_int_equal(world_read(world, log, from, 30), 30 - from);
}

static void an_index_past_the_data_goes(void **state)
{
    struct world *world = *state;
    char command[600], from[256];

    world_filled(world, 100);
    world_shutdown(world);
    snprintf(from, sizeof from, "%s",
             world_file(world, 0, "00000000000000000000.index"));
    snprintf(command, sizeof command, "cp %s %s", from,
             world_file(world, 0, "00000000000000005000.index"));
    assert_int_equal(system(command), 0);
    assert_int_equal(world_open(world), ERROR_NONE);
    assert_false(
        world_exists(world_file(world, 0, "00000000000000005000.index")));
    assert_int_equal(world_log(world, 0)->log_end_offset, 100);
}

static void a_damaged_checkpoint_costs_trust_not_data(void **state)
{
    struct world *world = *state;
    char path[200];
    struct log *log = world_filled(world, 100);

    log_set_high_watermark(log, 100);
    world_shutdown(world);
    snprintf(path, sizeof path, "%s/checkpoint", world->path);
    world_flip(path, 30);
    assert_int_equal(world_open(world), ERROR_NONE);
    log = world_log(world, 0);
    assert_true(log->lossy);
    assert_int_equal(log->log_end_offset, 100);
    assert_int_equal(log_last_epoch(log), 1);
    assert_int_equal(world_read(world, log, 0, 100), 100);
}

static void a_damaged_epoch_history_is_read_again(void **state)
{
    struct world *world = *state;
    struct log *log = world_filled(world, 50);
    uint32_t epoch;
    int64_t end;

    world_fill(world, log, 50, &(struct world_batch){.epoch = 4});
    world_shutdown(world);
    world_flip(world_file(world, 0, "epochs"), 30);
    assert_int_equal(world_open(world), ERROR_NONE);
    log = world_log(world, 0);
    assert_false(log->lossy);
    assert_true(log_epoch_end(log, 3, &epoch, &end));
    assert_int_equal(epoch, 1);
    assert_int_equal(end, 50);
    world_shutdown(world);
    assert_int_equal(unlink(world_file(world, 0, "epochs")), 0);
    assert_int_equal(world_open(world), ERROR_NONE);
    assert_true(log_epoch_end(world_log(world, 0), 3, &epoch, &end));
    assert_int_equal(end, 50);
}

static void removed_segments_do_not_come_back(void **state)
{
    struct world *world = *state;
    char command[600], path[256];
    struct log *log = world_filled(world, 100);

    snprintf(path, sizeof path, "%s/kept", world->root);
    snprintf(command, sizeof command, "cp %s %s",
             world_file(world, 0, "00000000000000000000.log"), path);
    assert_int_equal(system(command), 0);
    log_set_high_watermark(log, 100);
    log_advance_start(log, 50);
    world_settle(world);
    world_crash_closed(world);
    snprintf(command, sizeof command, "cp %s %s", path,
             world_file(world, 0, "00000000000000000000.log"));
    assert_int_equal(system(command), 0); /* its unlink was not durable */
    assert_int_equal(world_open(world), ERROR_NONE);
    log = world_log(world, 0);
    assert_int_equal(log->log_start_offset, 50);
    assert_int_equal(log->log_end_offset, 100);
    assert_false(log->lossy);
    assert_false(
        world_exists(world_file(world, 0, "00000000000000000000.log")));
    assert_int_equal(world_read(world, log, 50, 100), 50);
}

static void leftovers_go_at_the_start(void **state)
{
    struct world *world = *state;
    char path[300];
    FILE *file;

    world_filled(world, 5);
    world_shutdown(world);
    assert_int_equal(mkdir(world_file(world, 9, ""), 0755), 0);
    file = fopen(world_file(world, 9, "00000000000000000000.log"), "w");
    fclose(file);
    snprintf(path, sizeof path, "%s.deleted", world_file(world, 8, ""));
    assert_int_equal(mkdir(path, 0755), 0);
    file = fopen(world_file(world, 0, "epochs.tmp"), "w");
    fclose(file);
    assert_int_equal(world_open(world), ERROR_NONE);
    assert_false(world_exists(path));
    assert_false(world_exists(world_file(world, 9, "")));
    assert_false(world_exists(world_file(world, 0, "epochs.tmp")));
    assert_int_equal(world_log(world, 0)->log_end_offset, 5);
    assert_null(world_log(world, 9));
}

/* ---- many logs ---- */

static void fill_many(struct world *world, unsigned count)
{
    assert_int_equal(world_open(world), ERROR_NONE);
    for (unsigned i = 0; i < count; i++)
        world_fill(world, world_create(world, i, &world_settings), i + 30,
                   &(struct world_batch){.epoch = 3});
}

static void many_logs_are_recovered_at_once(void **state)
{
    struct world *world = *state;

    fill_many(world, 20);
    assert_int_equal(world_crash(world), ERROR_NONE);
    for (unsigned i = 0; i < 20; i++) {
        struct log *log = world_log(world, i);

        assert_int_equal(log->log_end_offset, i + 30);
        assert_int_equal(log->durable_end_offset, i + 30);
        assert_int_equal(world_read(world, log, 0, i + 30), i + 30);
    }
}

static void one_log_that_fails_stops_the_start(void **state)
{
    struct world *world = *state;
    const char *path;

    fill_many(world, 20);
    world_crash_closed(world);
    path = world_file(world, 7, "00000000000000000022.log");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(world_open(world), ERROR_IO);
    assert_non_null(strstr(world->detail, "-7: "));
    assert_non_null(strstr(world->detail, "00000000000000000022.log"));
    world_drop(world); /* nothing is in flight any more */
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(world_open(world), ERROR_NONE);
    assert_int_equal(world_log(world, 8)->log_end_offset, 38);
}

static ino_t inode_of(const char *path)
{
    struct stat stats;

    assert_int_equal(stat(path, &stats), 0);
    return stats.st_ino;
}

static void histories_that_did_not_change_stay(void **state)
{
    struct world *world = *state;
    ino_t inode;

    world_filled(world, 30);
    world_settle(world); /* the checkpoint takes the history along */
    world_crash_closed(world);
    inode = inode_of(world_file(world, 0, "epochs"));
    assert_int_equal(world_open(world), ERROR_NONE);
    world_run(world, 100);
    assert_int_equal(inode_of(world_file(world, 0, "epochs")), inode);
    world_append(world, world_log(world, 0), &(struct world_batch){.epoch = 2});
    world_settle(world);
    assert_int_not_equal(inode_of(world_file(world, 0, "epochs")), inode);
}

/* A start that was cut short before the broker could say it. */
static void what_is_lossy_stays_so_until_it_is_in_sync(void **state)
{
    struct world *world = *state;
    char path[300];

    world_filled(world, 50);
    world_shutdown(world);
    snprintf(path, sizeof path, "%s/checkpoint", world->path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(world_open(world), ERROR_NONE);
    assert_true(world_log(world, 0)->lossy);
    world_shutdown(world);
    assert_int_equal(world_open(world), ERROR_NONE);
    assert_true(world_log(world, 0)->lossy);
    assert_int_equal(world_read(world, world_log(world, 0), 0, 50), 50);
    log_trust(world_log(world, 0));
    world_shutdown(world);
    assert_int_equal(world_open(world), ERROR_NONE);
    assert_false(world_log(world, 0)->lossy);
}

/* ---- producers ---- */

static enum error check(struct log *log, int32_t sequence, int64_t *base)
{
    struct batch_header header = {
        .producer_id = 77, .record_count = 1, .base_sequence = sequence};

    return log_check_producer(log, &header, base);
}

static void produce(struct world *world, struct log *log, int32_t from,
                    int32_t to)
{
    for (int32_t i = from; i < to; i++)
        world_append(world, log,
                     &(struct world_batch){
                         .epoch = 1, .producer_id = 77, .sequence = i});
}

static void producers_are_known_across_restarts(void **state)
{
    struct world *world = *state;
    struct log *log;
    int64_t base = -1;

    assert_int_equal(world_open(world), ERROR_NONE);
    log = world_create(world, 0, &world_settings);
    assert_int_equal(check(log, 5, &base), ERROR_OUT_OF_ORDER_SEQUENCE);
    produce(world, log, 0, 50);
    for (unsigned round = 0; round < 4; round++) {
        assert_int_equal(check(log, 50, &base), ERROR_NONE);
        assert_int_equal(check(log, 46, &base), ERROR_DUPLICATE_SEQUENCE);
        assert_int_equal(base, 46);
        assert_int_equal(check(log, 51, &base), ERROR_OUT_OF_ORDER_SEQUENCE);
        if (round % 2 == 0) {
            assert_int_equal(world_crash(world), ERROR_NONE);
        } else {
            world_shutdown(world);
            assert_int_equal(world_open(world), ERROR_NONE);
        }
        log = world_log(world, 0);
    }
}

static void a_cut_restores_what_producers_had_written(void **state)
{
    struct world *world = *state;
    struct log *log;
    int64_t base = -1;

    assert_int_equal(world_open(world), ERROR_NONE);
    log = world_create(world, 0, &world_settings);
    produce(world, log, 0, 100);
    for (int32_t end = 90; end > 0; end -= 16) {
        world_truncate(world, log, end);
        assert_int_equal(check(log, end, &base), ERROR_NONE);
        assert_int_equal(check(log, end - 1, &base), ERROR_DUPLICATE_SEQUENCE);
        assert_int_equal(base, end - 1);
        assert_int_equal(check(log, end - 5, &base), ERROR_DUPLICATE_SEQUENCE);
        assert_int_equal(check(log, end + 1, &base),
                         ERROR_OUT_OF_ORDER_SEQUENCE);
    }
    assert_int_equal(world_crash(world), ERROR_NONE);
    log = world_log(world, 0);
    assert_int_equal(check(log, 10, &base), ERROR_NONE);
    assert_int_equal(check(log, 9, &base), ERROR_DUPLICATE_SEQUENCE);
}

/* Also when the segments below have been closed since, and with a watermark
 * that the snapshots have long passed. */
static void a_cut_after_a_start_forgets_no_producer(void **state)
{
    struct world *world = *state;
    struct log *log;
    int64_t base = -1;

    assert_int_equal(world_open(world), ERROR_NONE);
    log = world_create(world, 0, &world_settings);
    produce(world, log, 0, 60);
    log_set_high_watermark(log, 50);
    produce(world, log, 60, 100);
    world_settle(world);
    assert_int_equal(world_crash(world), ERROR_NONE);
    log = world_log(world, 0);
    assert_true(log->body->snapshots[0] <= 50);
    world_truncate(world, log, 55);
    assert_false(log->body->producers.forgetful);
    assert_int_equal(check(log, 54, &base), ERROR_DUPLICATE_SEQUENCE);
    assert_int_equal(check(log, 55, &base), ERROR_NONE);
    assert_int_equal(check(log, 57, &base), ERROR_OUT_OF_ORDER_SEQUENCE);
    world_truncate(world, log, 5);
    assert_false(log->body->producers.forgetful);
    assert_int_equal(check(log, 4, &base), ERROR_DUPLICATE_SEQUENCE);
    assert_int_equal(check(log, 6, &base), ERROR_OUT_OF_ORDER_SEQUENCE);
}

static enum error check_other(struct log *log, int32_t sequence)
{
    struct batch_header header = {
        .producer_id = 78, .record_count = 1, .base_sequence = sequence};
    int64_t base;

    return log_check_producer(log, &header, &base);
}

/* The newest snapshot there is lies below the start of the log: what it says is
 * older than what was deleted, and is not believed. */
static void a_snapshot_below_the_log_start_tells_nothing(void **state)
{
    struct world *world = *state;
    struct log *log;
    int64_t base = -1;

    assert_int_equal(world_open(world), ERROR_NONE);
    log = world_create(world, 0, &world_settings);
    produce(world, log, 0, 60);
    world_append(world, log,
                 &(struct world_batch){.epoch = 1, .producer_id = 78});
    produce(world, log, 60, 80); /* a snapshot at 66 */
    world_append(
        world, log,
        &(struct world_batch){.epoch = 1, .producer_id = 78, .sequence = 1});
    log->unsure = true; /* then no snapshot is taken, as after damage */
    produce(world, log, 80, 100);
    log->unsure = false;
    log_set_high_watermark(log, 95);
    log_advance_start(log, 90);
    world_settle(world);
    assert_int_equal(log->body->segments[0]->base_offset, 88);
    assert_int_equal(log->body->snapshot_count, 1);
    assert_int_equal(log->body->snapshots[0], 66);
    for (unsigned round = 0; round < 2; round++) {
        if (round == 0)
            world_truncate(world, log, 99);
        else
            assert_int_equal(world_crash(world), ERROR_NONE);
        log = world_log(world, 0);
        assert_false(log->damaged);
        assert_int_equal(check(log, 96, &base), ERROR_DUPLICATE_SEQUENCE);
        assert_int_equal(check(log, 97, &base), ERROR_NONE);
        assert_int_equal(check_other(log, 2), ERROR_NONE);
        world_settle(world);
    }
}

/* Another life of it has written here since. */
static void an_older_epoch_of_a_producer_is_refused(void **state)
{
    struct world *world = *state;
    struct batch_header header = {
        .producer_id = 77, .record_count = 1, .base_sequence = 1};
    struct log *log;
    int64_t base;

    assert_int_equal(world_open(world), ERROR_NONE);
    log = world_create(world, 0, &world_settings);
    world_append(world, log,
                 &(struct world_batch){
                     .epoch = 1, .producer_id = 77, .producer_epoch = 4});
    for (unsigned round = 0; round < 2; round++) {
        header.producer_epoch = 3;
        assert_int_equal(log_check_producer(log, &header, &base),
                         ERROR_FENCED_PRODUCER);
        header.producer_epoch = 4;
        assert_int_equal(log_check_producer(log, &header, &base), ERROR_NONE);
        assert_int_equal(world_crash(world), ERROR_NONE);
        log = world_log(world, 0);
    }
}

/* Who has not written for the longest time is forgotten, and the log knows
 * that it forgets. */
static void producers_are_not_more_than_there_is_room_for(void **state)
{
    struct world *world = *state;
    struct batch_header header = {.record_count = 1};
    struct producers producers;

    producers_init(&producers, world->seam->heap);
    for (int64_t id = 0; id < PRODUCERS_MAX; id++) {
        header.producer_id = header.base_offset = id;
        producers_note(&producers, &header);
    }
    header.producer_id = 0;
    header.base_sequence = 1;
    header.base_offset++;
    producers_note(&producers, &header); /* it is idle no more */
    assert_false(producers.forgetful);
    header.producer_id = PRODUCERS_MAX;
    header.base_offset++;
    producers_note(&producers, &header);
    assert_int_equal(producers.count, PRODUCERS_MAX);
    assert_true(producers.forgetful);
    assert_non_null(producers_find(&producers, 0));
    assert_null(producers_find(&producers, 1));
    assert_non_null(producers_find(&producers, 2));
    producers_clear(&producers, false);
}

static void a_damaged_snapshot_is_not_needed(void **state)
{
    struct world *world = *state;
    struct log *log;
    int64_t base = -1;

    assert_int_equal(world_open(world), ERROR_NONE);
    log = world_create(world, 0, &world_settings);
    produce(world, log, 0, 50);
    world_shutdown(world);
    world_flip(world_file(world, 0, "00000000000000000050.producers"), 60);
    assert_int_equal(world_open(world), ERROR_NONE);
    log = world_log(world, 0);
    assert_int_equal(check(log, 50, &base), ERROR_NONE);
    assert_int_equal(check(log, 49, &base), ERROR_DUPLICATE_SEQUENCE);
}

/* ---- failures ---- */

static void a_full_disk_is_known(void **state)
{
    struct world *world = *state;

    world->options.reserve_bytes = UINT64_MAX;
    assert_int_equal(world_open(world), ERROR_NONE);
    assert_true(log_directory_full(world->directory));
}

static bool has_failed(void *context)
{
    return ((struct world *)context)->failed;
}

static void a_failed_write_fences_the_directory(void **state)
{
    struct world *world = *state;
    struct rlimit limit, before;
    struct log_append refused = {0};
    struct log *log = world_filled(world, 10);
    struct world_append *first, *last;

    world_settle(world);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 10 * BATCH + 50;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    first = world_submit(world, log, &(struct world_batch){.epoch = 1});
    last = world_submit(world, log, &(struct world_batch){.epoch = 1});
    world_until_true(world, has_failed, world);
    world_until(world, &last->done);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(first->error, ERROR_LOG_DIRECTORY_FAILED);
    assert_int_equal(last->error, ERROR_LOG_DIRECTORY_FAILED);
    assert_int_equal(log->log_end_offset, 10);
    assert_int_equal(log->durable_end_offset, 10);
    assert_true(log_directory_failed(world->directory));
    assert_int_equal(log_append(log, &refused, first->bytes, BATCH),
                     ERROR_LOG_DIRECTORY_FAILED);
    world_run(world, 60);
    assert_int_equal(world->failures, 1);
    assert_int_equal(world_facts(world, "fenced"), 1);
    assert_int_equal(world_crash(world), ERROR_NONE);
    assert_int_equal(world_log(world, 0)->log_end_offset, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
#define TEST_UNMARKED(name)                                                    \
    cmocka_unit_test_setup_teardown(name, world_setup_without_checkpoints,     \
                                    world_teardown)
        TEST(a_crash_keeps_what_was_durable),
        TEST_UNMARKED(a_torn_tail_is_cut),
        TEST_UNMARKED(garbage_at_the_end_is_cut),
        TEST_UNMARKED(a_flipped_bit_ends_the_log),
        TEST(a_log_below_its_watermark_is_lossy),
        TEST(an_index_is_made_again),
        TEST(entries_of_an_index_are_checked),
        TEST(an_index_past_the_data_goes),
        TEST(a_damaged_checkpoint_costs_trust_not_data),
        TEST(a_damaged_epoch_history_is_read_again),
        TEST(removed_segments_do_not_come_back),
        TEST(leftovers_go_at_the_start),
        TEST(what_is_lossy_stays_so_until_it_is_in_sync),
        TEST(many_logs_are_recovered_at_once),
        TEST_UNMARKED(many_logs_are_recovered_at_once),
        TEST_UNMARKED(one_log_that_fails_stops_the_start),
        TEST(histories_that_did_not_change_stay),
        TEST(producers_are_known_across_restarts),
        TEST_UNMARKED(producers_are_known_across_restarts),
        TEST(a_cut_restores_what_producers_had_written),
        TEST(a_cut_after_a_start_forgets_no_producer),
        TEST(a_snapshot_below_the_log_start_tells_nothing),
        TEST(an_older_epoch_of_a_producer_is_refused),
        TEST(producers_are_not_more_than_there_is_room_for),
        TEST(a_damaged_snapshot_is_not_needed),
        TEST(a_full_disk_is_known),
        TEST(a_failed_write_fences_the_directory),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
