/* SPDX-License-Identifier: Apache-2.0
 *
 * A log while it runs: what goes in comes out, in order; segments roll; cuts
 * and retention do what they say; and all of it is there after a shutdown.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "log/internal.h"
#include "log/small_file.h"
#include "tests/lib/log_world.h"

static int setup(void **state)
{
    struct world *world = world_new();

    assert_int_equal(world_open(world), ERROR_NONE);
    *state = world;
    return 0;
}

static void what_is_appended_is_read_back(void **state)
{
    struct world *world = *state;
    struct log *log = world_create(world, 0, &world_settings);

    world_fill(world, log, 20, &(struct world_batch){.epoch = 1, .records = 3});
    assert_int_equal(log->log_end_offset, 60);
    assert_int_equal(log->durable_end_offset, 60);
    assert_int_equal(world_read(world, log, 0, 60), 20);
    assert_int_equal(world_read(world, log, 31, 60), 10);
    assert_int_equal(world_facts(world, "appended"), 20);
    for (unsigned i = 0; i < world->append_count; i++) {
        assert_int_equal(world->appends[i]->error, ERROR_NONE);
        assert_int_equal(world->appends[i]->order, i);
    }
}

static void ignore(struct log_append *append, enum error error)
{
    (void)append;
    assert_int_equal(error, ERROR_NONE);
}

static void one_append_may_go_over_several_segments(void **state)
{
    struct world *world = *state;
    struct log *log = world_create(world, 0, &world_settings);
    struct log *other = world_create(world, 1, &world_settings);
    struct log_append append = {.done = ignore};
    size_t size = 0;
    uint8_t *bytes = malloc(100 * 180);

    world_fill(world, log, 100, &(struct world_batch){.epoch = 1});
    for (unsigned i = 0; i < 100; i++) {
        memcpy(bytes + size, world->appends[i]->bytes, 180);
        batch_stamp(bytes + size, i, 1, 5, &other->key.topic_id,
                    other->key.partition);
        size += 180;
    }
    assert_int_equal(log_append(other, &append, bytes, size), ERROR_NONE);
    assert_int_equal(other->next_offset, 100);
    world_settle(world);
    assert_int_equal(other->durable_end_offset, 100);
    assert_int_equal(world_read(world, other, 0, 100), 100);
    for (unsigned i = 0; i < 5; i++) {
        char name[40];

        snprintf(name, sizeof name, "%020u.log", i * 22);
        assert_true(world_size(world_file(world, 1, name)) <= 4096);
        assert_true(world_exists(world_file(world, 1, name)));
    }
    free(bytes);
    assert_int_equal(world_crash(world), ERROR_NONE);
    assert_int_equal(world_log(world, 1)->log_end_offset, 100);
}

static void a_reader_never_passes_its_limit(void **state)
{
    struct world *world = *state;
    struct log *log = world_create(world, 0, &world_settings);
    struct log_range range;

    world_fill(world, log, 100, &(struct world_batch){.epoch = 1});
    for (int64_t limit = 0; limit <= 100; limit++) {
        assert_int_equal(world_read(world, log, 0, limit), limit);
        assert_int_equal(log_locate(log, limit, limit, 100, &range),
                         ERROR_NONE);
        assert_int_equal(range.length, 0);
    }
    assert_int_equal(log_locate(log, 101, 100, 100, &range),
                     ERROR_OFFSET_OUT_OF_RANGE);
    assert_int_equal(log_locate(log, -1, 100, 100, &range),
                     ERROR_OFFSET_OUT_OF_RANGE);
}

static void segments_roll_and_are_read_after_a_shutdown(void **state)
{
    struct world *world = *state;
    struct log *log = world_create(world, 3, &world_settings);

    for (unsigned i = 0; i < 20; i++)
        world_fill(world, log, 10, &(struct world_batch){.epoch = 1});
    assert_true(
        world_exists(world_file(world, 3, "00000000000000000000.index")));
    assert_true(log->size_bytes == 200 * 180);
    world_shutdown(world);
    assert_int_equal(world_open(world), ERROR_NONE);
    assert_non_null(log_directory_clean_token(world->directory));
    log = world_log(world, 3);
    assert_non_null(log);
    assert_int_equal(log->log_end_offset, 200);
    assert_int_equal(log->durable_end_offset, 200);
    assert_int_equal(log->size_bytes, 200 * 180);
    assert_false(log->lossy);
    for (int64_t limit = 0; limit <= 200; limit += 7)
        assert_int_equal(world_read(world, log, 0, limit), limit);
    world_append(world, log, &(struct world_batch){.epoch = 1});
    assert_int_equal(world_read(world, log, 199, 201), 2);
}

static void the_clean_token_serves_once(void **state)
{
    struct world *world = *state;

    assert_null(log_directory_clean_token(world->directory));
    world_shutdown(world);
    assert_int_equal(world_open(world), ERROR_NONE);
    assert_non_null(log_directory_clean_token(world->directory));
    assert_int_equal(world_crash(world), ERROR_NONE);
    assert_null(log_directory_clean_token(world->directory));
}

static void a_cut_goes_across_segments(void **state)
{
    struct world *world = *state;
    struct log *log = world_create(world, 0, &world_settings);
    uint64_t generation = log->generation;

    for (int64_t end = 95; end > 0; end -= 13) {
        world_fill(world, log, (unsigned)(100 - log->next_offset),
                   &(struct world_batch){.epoch = 1});
        world_truncate(world, log, end);
        assert_int_equal(log->log_end_offset, end);
        assert_int_equal(log->next_offset, end);
        assert_true(log->durable_end_offset <= end);
        assert_int_equal(log->generation, ++generation);
        assert_int_equal(world_read(world, log, 0, end), end);
    }
    world_append(world, log, &(struct world_batch){.epoch = 2});
    assert_int_equal(world_read(world, log, 0, log->log_end_offset),
                     log->log_end_offset);
    generation = log->generation;
    assert_int_equal(world_crash(world), ERROR_NONE);
    log = world_log(world, 0);
    assert_int_equal(log->generation, generation);
    assert_int_equal(log->log_end_offset, 5);
    assert_int_equal(world_read(world, log, 0, 5), 5);
}

static void a_cut_inside_a_batch_takes_all_of_it(void **state)
{
    struct world *world = *state;
    struct log *log = world_create(world, 0, &world_settings);

    world_fill(world, log, 60, &(struct world_batch){.epoch = 1, .records = 5});
    world_truncate(world, log, 43);
    assert_int_equal(log->log_end_offset, 40);
    world_shutdown(world);
    assert_int_equal(world_open(world), ERROR_NONE);
    log = world_log(world, 0);
    assert_int_equal(log->log_end_offset, 40);
    world_truncate(world, log, 12); /* nothing of it is in memory */
    assert_int_equal(log->log_end_offset, 10);
    assert_int_equal(world_read(world, log, 0, 10), 2);
}

static void cut(void *context, enum error error)
{
    struct world *world = context;

    world->answered = true;
    world->answer = error;
}

static void a_cut_cancels_what_is_in_flight(void **state)
{
    struct world *world = *state;
    struct log *log = world_create(world, 0, &world_settings);
    struct world_append *first, *last;
    struct log_append refused = {0};

    world_append(world, log, &(struct world_batch){.epoch = 1});
    first = world_submit(world, log, &(struct world_batch){.epoch = 1});
    last = world_submit(world, log, &(struct world_batch){.epoch = 1});
    world->answered = false;
    log_truncate(log, 1, cut, world);
    assert_int_equal(log_append(log, &refused, first->bytes, 180), ERROR_AGAIN);
    world_until(world, &world->answered);
    assert_int_equal(world->answer, ERROR_NONE);
    assert_true(first->done && last->done);
    assert_int_equal(first->error, ERROR_CANCELLED);
    assert_int_equal(last->error, ERROR_CANCELLED);
    assert_int_equal(log->log_end_offset, 1);
    world_append(world, log, &(struct world_batch){.epoch = 2});
    assert_int_equal(world_read(world, log, 0, 2), 2);
}

static void a_log_starts_over(void **state)
{
    struct world *world = *state;
    struct log *log = world_create(world, 0, &world_settings);

    world_fill(world, log, 50, &(struct world_batch){.epoch = 1});
    world_restart(world, log, 1000);
    assert_int_equal(log->log_start_offset, 1000);
    assert_int_equal(log->log_end_offset, 1000);
    assert_int_equal(log->high_watermark, 1000);
    assert_int_equal(log->size_bytes, 0);
    assert_int_equal(log_last_epoch(log), 0);
    world_append(world, log, &(struct world_batch){.epoch = 7});
    assert_int_equal(world_crash(world), ERROR_NONE);
    log = world_log(world, 0);
    assert_int_equal(log->log_start_offset, 1000);
    assert_int_equal(log->log_end_offset, 1001);
    assert_false(log->lossy);
    assert_int_equal(world_read(world, log, 1000, 1001), 1);
    world_restart(world, log, 1000); /* where it starts already */
    assert_int_equal(log->log_end_offset, 1000);
}

static void the_log_start_is_stored_before_anything_goes(void **state)
{
    struct world *world = *state;
    struct log *log = world_create(world, 0, &world_settings);
    struct log_range range;

    for (unsigned i = 0; i < 10; i++)
        world_fill(world, log, 10, &(struct world_batch){.epoch = 1});
    log_set_high_watermark(log, 100);
    log_advance_start(log, 60);
    assert_int_equal(log->log_start_offset, 0); /* not stored yet */
    world_settle(world);
    assert_int_equal(log->log_start_offset, 60);
    assert_false(
        world_exists(world_file(world, 0, "00000000000000000000.log")));
    assert_true(world_facts(world, "deleted") >= 2);
    assert_int_equal(world_facts(world, "log_start"), 1);
    assert_int_equal(log_locate(log, 59, 100, 100, &range),
                     ERROR_OFFSET_OUT_OF_RANGE);
    assert_int_equal(world_crash(world), ERROR_NONE);
    log = world_log(world, 0);
    assert_int_equal(log->log_start_offset, 60);
    assert_int_equal(world_read(world, log, 60, 100), 40);
}

static void retention_counts_age_and_bytes(void **state)
{
    struct world *world = *state;
    struct log_settings settings = world_settings;
    struct log *log;
    int64_t target;

    settings.retention_bytes = 9000;
    log = world_create(world, 0, &settings);
    for (unsigned i = 0; i < 10; i++)
        world_fill(world, log, 10, &(struct world_batch){.epoch = 1});
    assert_int_equal(log_retention_target(log, 0), 0); /* nothing committed */
    log_set_high_watermark(log, 60);
    assert_int_equal(log_retention_target(log, 0), 0); /* the rest may go */
    log_set_high_watermark(log, 100);
    target = log_retention_target(log, 0);
    assert_true(target > 0 && target <= 50);
    settings.retention_bytes = -1;
    settings.retention_ms = 1000;
    log_configure(log, &settings);
    assert_int_equal(log_retention_target(log, 1000), 0);
    target = log_retention_target(log, 1000000);
    assert_true(target < 100); /* the active segment is rolled first */
    world_settle(world);
    assert_int_equal(log_retention_target(log, 1000000), 100);
    log_advance_start(log, 100);
    world_settle(world);
    assert_int_equal(log->log_start_offset, 100);
    assert_int_equal(log->size_bytes, 0);
    world_append(world, log, &(struct world_batch){.epoch = 1});
    assert_int_equal(world_read(world, log, 100, 101), 1);
    assert_int_equal(world_crash(world), ERROR_NONE);
    log = world_log(world, 0);
    assert_int_equal(log->log_start_offset, 100);
    assert_int_equal(log->log_end_offset, 101);
}

static bool second_segment_exists(void *world)
{
    return world_exists(world_file(world, 0, "00000000000000000002.log"));
}

static bool first_index_exists(void *world)
{
    return world_exists(world_file(world, 0, "00000000000000000000.index"));
}

static void an_idle_log_rolls_unless_it_is_empty(void **state)
{
    struct world *world = *state;
    struct log_settings settings = world_settings;
    struct log *log;
    int64_t first_ms;

    settings.segment_ms = 5000;
    log = world_create(world, 0, &settings);
    log_roll_idle(log, INT64_MAX);
    world_run(world, 20);
    assert_int_equal(world_facts(world, "appended"), 0);
    first_ms = world->clock_ms;
    world_append(world, log, &(struct world_batch){.epoch = 1});
    world_append(world, log, &(struct world_batch){.epoch = 1});
    log_roll_idle(log, first_ms + 4999);
    world_run(world, 50);
    assert_false(
        world_exists(world_file(world, 0, "00000000000000000002.log")));
    log_roll_idle(log, first_ms + 5000);
    world_until_true(world, second_segment_exists, world);
    world_until_true(world, first_index_exists, world);
    log_roll_idle(log, INT64_MAX); /* the new one is empty (R13) */
    world_run(world, 50);
    world_append(world, log, &(struct world_batch){.epoch = 1});
    assert_int_equal(world_read(world, log, 0, 3), 3);
    assert_int_equal(world_crash(world), ERROR_NONE);
    assert_int_equal(world_read(world, world_log(world, 0), 0, 3), 3);
}

/* The index of a segment that was being written when the broker stopped is
 * made by reading all of it: who reads what is new does not wait for that. */
static void a_reader_of_the_end_does_not_wait_after_a_start(void **state)
{
    struct world *world = *state;
    struct log_settings settings = world_settings;
    struct log_range range;
    struct log *log;

    settings.segment_bytes = 1 << 20;
    log = world_create(world, 0, &settings);
    world_fill(world, log, 100, &(struct world_batch){.epoch = 1});
    world_shutdown(world);
    world->options.default_settings = settings;
    assert_int_equal(world_open(world), ERROR_NONE);
    log = world_log(world, 0);
    world_append(world, log, &(struct world_batch){.epoch = 1});
    assert_int_equal(log_locate(log, 100, 101, 4096, &range), ERROR_NONE);
    assert_int_equal(range.base_offset, 100);
    assert_int_equal(range.end_offset_max, 101);
    assert_int_equal(log_locate(log, 99, 101, 4096, &range), ERROR_AGAIN);
    assert_int_equal(world_read(world, log, 0, 101), 101);
}

static void offsets_are_found_by_time(void **state)
{
    struct world *world = *state;
    struct log *log = world_create(world, 0, &world_settings);
    int64_t offset;

    for (int64_t i = 0; i < 100; i++)
        world_append(world, log,
                     &(struct world_batch){.epoch = 1, .timestamp_ms = i * 10});
    for (int64_t i = 0; i < 100; i++) {
        enum error error;

        while ((error = log_offset_by_time(log, i * 10, 100, &offset)) ==
               ERROR_AGAIN)
            world_run(world, 5);
        assert_int_equal(error, ERROR_NONE);
        assert_true(offset >= 0 && offset <= i); /* never too late */
        assert_true(offset + 4 >= i);            /* and not much too early */
    }
    assert_int_equal(log_offset_by_time(log, 5000, 100, &offset), ERROR_NONE);
    assert_int_equal(log_offset_by_time(log, 1000, 100, &offset), ERROR_NONE);
    assert_int_equal(offset, -1);
}

static int64_t by_time(struct world *world, struct log *log, int64_t time_ms,
                       int64_t limit)
{
    enum error error;
    int64_t offset;

    while ((error = log_offset_by_time(log, time_ms, limit, &offset)) ==
           ERROR_AGAIN)
        world_run(world, 5);
    assert_int_equal(error, ERROR_NONE);
    return offset;
}

/* What is deleted, or not committed yet, is nobody's answer. */
static void what_cannot_be_read_is_not_found_by_time(void **state)
{
    struct world *world = *state;
    struct log *log = world_create(world, 0, &world_settings);

    for (int64_t i = 0; i < 100; i++)
        world_append(world, log,
                     &(struct world_batch){.epoch = 1, .timestamp_ms = i * 10});
    log_set_high_watermark(log, 100);
    log_advance_start(log, 30);
    world_settle(world);
    for (unsigned round = 0; round < 2; round++) {
        assert_int_equal(by_time(world, log, 0, 100), 30);
        assert_int_equal(by_time(world, log, 290, 100), 30);
        assert_int_equal(by_time(world, log, 990, 90), -1);
        assert_int_equal(by_time(world, log, 300, 30), -1);
        assert_int_equal(by_time(world, log, 500, 44), -1); /* its segment */
        world_shutdown(world);
        assert_int_equal(world_open(world), ERROR_NONE);
        log = world_log(world, 0); /* reads its indexes again */
    }
}

/* Who was told of an epoch twice notes it once; nobody goes back. */
static void an_epoch_is_noted_once(void **state)
{
    struct world *world = *state;
    struct log *log = world_create(world, 0, &world_settings);
    uint32_t epoch;
    int64_t end;

    world_fill(world, log, 30, &(struct world_batch){.epoch = 2});
    world_begin_epoch(world, log, 9);
    world_begin_epoch(world, log, 9);
    assert_int_equal(log_last_epoch(log), 9);
    world->answered = false;
    log_begin_epoch(log, 5, world_answered, world);
    assert_false(world->answered); /* from within no call */
    world_until(world, &world->answered);
    assert_int_equal(world->answer, ERROR_FENCED_EPOCH);
    assert_int_equal(log_last_epoch(log), 9);
    assert_true(log_epoch_end(log, 5, &epoch, &end));
    assert_int_equal(epoch, 2);
    assert_int_equal(end, 30);
}

static void epochs_are_known_across_restarts(void **state)
{
    struct world *world = *state;
    struct log *log = world_create(world, 0, &world_settings);
    uint32_t epoch;
    int64_t end;

    assert_false(log_epoch_before(log, 0, &epoch));
    world_fill(world, log, 30, &(struct world_batch){.epoch = 2});
    world_fill(world, log, 30, &(struct world_batch){.epoch = 5});
    world_begin_epoch(world, log, 9);
    assert_int_equal(log_last_epoch(log), 9);
    for (unsigned round = 0; round < 2; round++) {
        assert_true(log_epoch_end(log, 4, &epoch, &end));
        assert_int_equal(epoch, 2);
        assert_int_equal(end, 30);
        assert_true(log_epoch_end(log, 7, &epoch, &end));
        assert_int_equal(epoch, 5);
        assert_int_equal(end, 60);
        assert_false(log_epoch_end(log, 1, &epoch, &end));
        assert_true(log_epoch_before(log, 60, &epoch));
        assert_int_equal(epoch, 5);
        assert_int_equal(log_last_epoch(log), 9);
        assert_int_equal(world_crash(world), ERROR_NONE);
        log = world_log(world, 0);
    }
    world_truncate(world, log, 20);
    assert_int_equal(log_last_epoch(log), 2);
    /* an epoch that began here and lost gives way to an older batch */
    world_begin_epoch(world, log, 8);
    world_append(world, log, &(struct world_batch){.epoch = 3});
    assert_int_equal(log_last_epoch(log), 3);
    assert_int_equal(world_crash(world), ERROR_NONE);
    assert_int_equal(log_last_epoch(world_log(world, 0)), 3);
}

static void a_log_is_removed_and_made_again(void **state)
{
    struct world *world = *state;
    struct log *log = world_create(world, 0, &world_settings);

    world_create(world, 1, &world_settings);
    world_fill(world, log, 50, &(struct world_batch){.epoch = 1});
    world_submit(world, log, &(struct world_batch){.epoch = 1});
    log_delete(log);
    assert_null(world_log(world, 0));
    log = world_create(world, 0, &world_settings); /* waits for its turn */
    assert_int_equal(log->log_end_offset, 0);
    world_append(world, log, &(struct world_batch){.epoch = 4});
    assert_int_equal(world_read(world, log, 0, 1), 1);
    log_delete(log);
    world_settle(world);
    assert_false(world_exists(world_file(world, 0, "")));
    assert_int_equal(world_crash(world), ERROR_NONE);
    assert_null(world_log(world, 0));
    assert_non_null(world_log(world, 1));
    assert_int_equal(world->appends[world->append_count - 2]->error,
                     ERROR_CANCELLED);
}

static void logs_come_in_the_order_of_their_keys(void **state)
{
    struct world *world = *state;
    uint32_t expected = 0;

    for (uint32_t i = 0; i < 12; i++)
        world_create(world, (i * 5) % 12, &world_settings);
    for (struct log *log = log_next(world->directory, NULL); log;
         log = log_next(world->directory, log))
        assert_int_equal(log->key.partition, expected++);
    assert_int_equal(expected, 12);
}

static void refused(struct small_file *file, enum error error)
{
    assert_int_equal(error, ERROR_NOT_FOUND);
    small_file_release(file);
    (*(unsigned *)file->context)++;
}

static bool all_refused(void *context)
{
    return *(unsigned *)context == DISK_IN_FLIGHT_MAX + 1000;
}

static void a_busy_disk_is_waited_for(void **state)
{
    struct world *world = *state;
    struct small_file *files = calloc(DISK_IN_FLIGHT_MAX + 1000, sizeof *files);
    unsigned count = 0;

    assert_non_null(files);
    for (unsigned i = 0; i < DISK_IN_FLIGHT_MAX + 1000; i++) {
        files[i].done = refused;
        files[i].context = &count;
        small_file_read(&files[i], world->seam, "/nowhere/at-all", 1, 0);
    }
    world_until_true(world, all_refused, &count);
    free(files);
}

static bool first_is_durable(void *context)
{
    return ((const struct log *)context)->durable_end_offset >= 1;
}

static bool all_is_durable(void *context)
{
    const struct log *log = context;

    return log->durable_end_offset == log->log_end_offset;
}

/* Else what the cut takes away could be called durable when it is gone. */
static void nothing_is_synced_while_a_log_is_cut(void **state)
{
    struct world *world = *state;
    struct log_settings settings = world_settings;
    struct log *log;

    settings.flush_ms = -1;
    log = world_create(world, 0, &settings);
    world_fill(world, log, 3, &(struct world_batch){.epoch = 1});
    assert_int_equal(log->durable_end_offset, 0);
    world->answered = false;
    log_truncate(log, 2, cut, world);
    assert_true(log->body->exclusive.running);
    settings.flush_ms = 0;
    log_configure(log, &settings); /* wants a sync at once */
    assert_true(list_empty(&log->body->sync_node));
    world_until(world, &world->answered);
    assert_int_equal(world->answer, ERROR_NONE);
    world_until_true(world, all_is_durable, log);
    assert_int_equal(log->durable_end_offset, 2);
}

static void flush_ms_decides_what_counts(void **state)
{
    struct world *world = *state;
    struct log_settings settings = world_settings;
    struct log *log;

    settings.flush_ms = -1;
    log = world_create(world, 0, &settings);
    world_append(world, log, &(struct world_batch){.epoch = 1});
    world_run(world, 60);
    assert_int_equal(log->durable_end_offset, 0);
    assert_int_equal(log_counted_offset(log), 1);
    settings.flush_ms = 30;
    log_configure(log, &settings);
    world_until_true(world, first_is_durable, log);
    assert_int_equal(log->durable_end_offset, 1);
    settings.flush_ms = -1;
    log_configure(log, &settings);
    world_append(world, log, &(struct world_batch){.epoch = 1});
    world_shutdown(world); /* syncs all the same */
    assert_int_equal(world_open(world), ERROR_NONE);
    assert_int_equal(world_log(world, 0)->log_end_offset, 2);
}

static unsigned open_segments(void)
{
    DIR *directory = opendir("/proc/self/fd");
    struct dirent *entry;
    unsigned count = 0;

    assert_non_null(directory);
    while ((entry = readdir(directory)) != NULL) {
        char target[256] = "";

        if (readlinkat(dirfd(directory), entry->d_name, target,
                       sizeof target - 1) > 0)
            count += strstr(target, ".log") != NULL;
    }
    closedir(directory);
    return count;
}

#define LOGS       12
#define OPEN_FILES 3

/* Active and sealed ones are counted apart; some may be in use. */
static bool few_are_open(void *context)
{
    unsigned open = open_segments();

    (void)context;
    return open >= 1 && open <= 2 * OPEN_FILES + 4;
}

/* Of all logs in turn: appends, a roll in the end, reads of old and new. */
static void use_all(struct world *world, uint32_t epoch)
{
    for (unsigned i = 0; i < 3 * LOGS; i++) {
        struct log *log = world_log(world, i % LOGS);
        int64_t end = log->log_end_offset;

        world_fill(world, log, 11, &(struct world_batch){.epoch = epoch});
        assert_int_equal(world_read(world, log, end, end + 11), 11);
        assert_int_equal(world_read(world, log, end / 2, end + 11),
                         end + 11 - end / 2);
    }
}

static void few_files_are_open_however_many_logs_there_are(void **state)
{
    struct world *world = *state;

    world_shutdown(world);
    world->options.open_files_max = OPEN_FILES;
    assert_int_equal(world_open(world), ERROR_NONE);
    for (uint32_t i = 0; i < LOGS; i++)
        world_create(world, i, &world_settings);
    for (uint32_t round = 1; round <= 3; round++) {
        use_all(world, round);
        /* a truncation needs the file too */
        world_truncate(world, world_log(world, round), 33 * round - 15);
        world_fill(world, world_log(world, round), 15,
                   &(struct world_batch){.epoch = round});
        world_until_true(world, few_are_open, NULL);
        if (round == 1) {
            assert_int_equal(world_crash(world), ERROR_NONE);
        } else {
            world_shutdown(world);
            assert_int_equal(world_open(world), ERROR_NONE);
        }
        world_until_true(world, few_are_open, NULL);
    }
    for (uint32_t i = 0; i < LOGS; i++)
        assert_int_equal(world_read(world, world_log(world, i), 0, 99), 99);
}

static bool is_closed(void *context)
{
    const struct log *log = context;

    return log->body->segments[0]->file == NULL;
}

static void an_append_that_cannot_open_its_file_fails_the_directory(
    void **state)
{
    struct world *world = *state;
    struct world_append *append;
    char *path;

    world_shutdown(world);
    world->options.open_files_max = 1;
    assert_int_equal(world_open(world), ERROR_NONE);
    for (uint32_t i = 0; i < 3; i++)
        world_append(world, world_create(world, i, &world_settings),
                     &(struct world_batch){.epoch = 1});
    world_until_true(world, is_closed, world_log(world, 0));
    path = strdup(world_file(world, 0, "00000000000000000000.log"));
    assert_int_equal(unlink(path), 0);
    free(path);
    append = world_submit(world, world_log(world, 0),
                          &(struct world_batch){.epoch = 1});
    world_until(world, &append->done);
    assert_int_equal(append->error, ERROR_LOG_DIRECTORY_FAILED);
    world_until(world, &world->failed);
    assert_non_null(strstr(world->detail, "open a segment of"));
}

/* The kernel is the same one, and yet pages may be gone. */
static void what_failed_is_in_doubt_without_a_reboot(void **state)
{
    struct world *world = *state;
    char mark[128];

    world_append(world, world_create(world, 0, &world_settings),
                 &(struct world_batch){.epoch = 1});
    assert_int_equal(world_crash(world), ERROR_NONE);
    assert_false(world_log(world, 0)->doubtful); /* a process ended */
    snprintf(mark, sizeof mark, "%s/failed", world->path);
    directory_fail(world->directory, ERROR_IO, "sync", "x");
    assert_false(world->failed);
    world_until(world, &world->failed);
    world->failed = false;
    assert_true(world_exists(mark));
    assert_int_equal(world_crash(world), ERROR_NONE);
    assert_true(world_log(world, 0)->doubtful);
    snprintf(mark, sizeof mark, "%s/failed", world->path);
    assert_false(world_exists(mark));
    assert_int_equal(world_crash(world), ERROR_NONE);
    assert_true(world_log(world, 0)->doubtful); /* it is stored */
    log_trust(world_log(world, 0));
    world_settle(world);
    assert_int_equal(world_crash(world), ERROR_NONE);
    assert_false(world_log(world, 0)->doubtful);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
        TEST(what_is_appended_is_read_back),
        TEST(one_append_may_go_over_several_segments),
        TEST(a_reader_never_passes_its_limit),
        TEST(what_failed_is_in_doubt_without_a_reboot),
        TEST(segments_roll_and_are_read_after_a_shutdown),
        TEST(the_clean_token_serves_once),
        TEST(a_cut_goes_across_segments),
        TEST(a_cut_inside_a_batch_takes_all_of_it),
        TEST(a_cut_cancels_what_is_in_flight),
        TEST(a_log_starts_over),
        TEST(the_log_start_is_stored_before_anything_goes),
        TEST(retention_counts_age_and_bytes),
        TEST(an_idle_log_rolls_unless_it_is_empty),
        TEST(a_reader_of_the_end_does_not_wait_after_a_start),
        TEST(offsets_are_found_by_time),
        TEST(what_cannot_be_read_is_not_found_by_time),
        TEST(an_epoch_is_noted_once),
        TEST(epochs_are_known_across_restarts),
        TEST(a_log_is_removed_and_made_again),
        TEST(logs_come_in_the_order_of_their_keys),
        TEST(nothing_is_synced_while_a_log_is_cut),
        TEST(flush_ms_decides_what_counts),
        TEST(a_busy_disk_is_waited_for),
        TEST(few_files_are_open_however_many_logs_there_are),
        TEST(an_append_that_cannot_open_its_file_fails_the_directory),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
