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

#include "base/bytes.h"
#include "base/crc32c.h"
#include "log/internal.h"
#include "tests/lib/log_world.h"

#define BATCH 180 /* bytes of a batch with a body of 100 */

static int setup(void **state)
{
    *state = world_new();
    return 0;
}

/* The recovery point stays where the directory was opened. */
static int setup_without_checkpoints(void **state)
{
    struct world *world = world_new();

    world->options.checkpoint_interval_ms = 3600000;
    *state = world;
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
    while (count > 0) {
        unsigned some = count < 10 ? count : 10;

        world_fill(world, log, some, &(struct world_batch){.epoch = 1});
        count -= some;
    }
    return log;
}

static void a_crash_keeps_what_was_durable(void **state)
{
    struct world *world = *state;
    struct log *log = filled(world, 123);

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

    filled(world, 15);
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

    filled(world, 15);
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
        struct log *log = filled(world, 100);

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
    struct log *log = filled(world, 200);

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
    struct log *log = filled(world, 200);

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

    filled(world, 100);
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
    struct log *log = filled(world, 100);

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
    struct log *log = filled(world, 50);
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
    struct log *log = filled(world, 100);

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

    filled(world, 5);
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

    filled(world, 30);
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

    filled(world, 50);
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

/* ---- the directory ---- */

/* The directory as it is: names, sizes and bytes. */
static void remember(struct world *world, char sum[64])
{
    char command[300];
    FILE *pipe;

    snprintf(command, sizeof command,
             "cd %s && find . ! -name lock -type f | sort | xargs sha1sum | "
             "sha1sum",
             world->path);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_non_null(fgets(sum, 64, pipe));
    pclose(pipe);
}

/* Refused, says this, and nothing has changed but the token of a clean
 * shutdown, which a start that comes so far takes. */
static void refuses(struct world *world, const char *what)
{
    char before[64], after[64], path[200];

    snprintf(path, sizeof path, "%s/clean", world->path);
    unlink(path);
    remember(world, before);
    assert_int_equal(world_open(world), ERROR_FOREIGN);
    if (strstr(world->detail, what) == NULL)
        fail_msg("not a word of %s: %s", what, world->detail);
    assert_non_null(strstr(world->detail, "Nothing"));
    world_drop(world);
    remember(world, after);
    assert_string_equal(before, after);
}

static void put(const char *path, const void *bytes, size_t size, long at)
{
    FILE *file = fopen(path, "r+b");

    if (file == NULL)
        file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* Gives a small file the next version, with the checksum that goes with it. */
static void age(const char *path)
{
    static uint8_t data[65536];
    FILE *file = fopen(path, "rb");
    uint32_t crc;
    size_t size;

    assert_non_null(file);
    size = fread(data, 1, sizeof data, file);
    fclose(file);
    store_u32(data + 4, load_u32(data + 4) + 1);
    crc = crc32c(0, data, 16);
    store_u32(data + 16, crc32c(crc, data + 20, size - 20));
    put(path, data, size, 0);
}

static void what_a_later_version_wrote_is_refused(void **state)
{
    struct world *world = *state;
    static const char *const names[] = {"checkpoint", "meta"};
    char path[200], kept[220], command[500];
    struct log *log;

    filled(world, 5);
    world_shutdown(world);
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", world->path, names[i]);
        snprintf(kept, sizeof kept, "%s/../kept", world->path);
        snprintf(command, sizeof command, "cp %s %s", path, kept);
        assert_int_equal(system(command), 0);
        age(path);
        refuses(world, names[i]);
        snprintf(command, sizeof command, "mv %s %s", kept, path);
        assert_int_equal(system(command), 0);
    }
    snprintf(path, sizeof path, "%s", world_file(world, 0, "epochs"));
    snprintf(command, sizeof command, "cp %s %s", path, kept);
    assert_int_equal(system(command), 0);
    age(path);
    refuses(world, "epoch history");
    snprintf(command, sizeof command, "mv %s %s", kept, path);
    assert_int_equal(system(command), 0);
    assert_int_equal(world_open(world), ERROR_NONE);
    log = world_log(world, 0);
    assert_int_equal(log->log_end_offset, 5);
}

/* Above the recovery point, where damage would be cut off. */
static void a_batch_of_a_later_version_is_not_cut(void **state)
{
    struct world *world = *state;
    struct log *log;
    struct partition_key key;
    const char *path;
    uint8_t batch[BATCH];
    FILE *file;

    log = filled(world, 5);
    key = log->key;
    world_crash_closed(world);
    path = world_file(world, 0, "00000000000000000000.log");
    file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(batch, 1, sizeof batch, file), sizeof batch);
    fclose(file);
    batch_stamp(batch, 5, 1, 2000, &key.topic_id, key.partition);
    batch[28] = BATCH_MAGIC + 1;
    store_u32(batch + 24,
              batch_header_crc(batch, &key.topic_id, key.partition));
    put(path, batch, sizeof batch, 5 * (long)sizeof batch);
    refuses(world, "00000000000000000000.log");
    batch[24] ^= 1; /* damage of the same kind is cut */
    put(path, batch, sizeof batch, 5 * (long)sizeof batch);
    assert_int_equal(world_open(world), ERROR_NONE);
    assert_int_equal(world_log(world, 0)->log_end_offset, 5);
}

static void a_log_that_nobody_knows_is_left_alone(void **state)
{
    struct world *world = *state;
    char command[500], name[200];

    filled(world, 5);
    world_shutdown(world);
    snprintf(name, sizeof name, "%s", world_file(world, 0, "epochs"));
    *strrchr(name, '/') = '\0';
    snprintf(command, sizeof command, "cp -r %s %.*s77", name,
             (int)strlen(name) - 1, name);
    assert_int_equal(system(command), 0);
    refuses(world, "-77");
    /* as it was being made, it goes */
    snprintf(command, sizeof command,
             "cd %s/*-77 && rm * && : > 00000000000000000000.log", world->path);
    assert_int_equal(system(command), 0);
    assert_int_equal(world_open(world), ERROR_NONE);
    snprintf(command, sizeof command,
             "ls -d %s/*-77 2>&1 >/dev/null | grep -q .", world->path);
    assert_int_equal(system(command), 0);
}

static void files_of_others_are_left_alone(void **state)
{
    struct world *world = *state;
    static const char *const names[] = {"notes.tmp", "old.deleted", "notes"};
    char path[200];

    filled(world, 5);
    world_shutdown(world);
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", world->path, names[i]);
        put(path, "x", 1, 0);
    }
    snprintf(path, sizeof path, "%s/checkpoint.tmp", world->path);
    put(path, "x", 1, 0);
    assert_int_equal(world_open(world), ERROR_NONE);
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", world->path, names[i]);
        assert_true(world_exists(path));
    }
}

static void a_foreign_directory_is_left_alone(void **state)
{
    struct world *world = *state;
    char path[200];

    filled(world, 5);
    world_shutdown(world);
    world->options.broker_id = 2;
    assert_int_equal(world_open(world), ERROR_FOREIGN);
    assert_non_null(strstr(world->detail, "/meta"));
    assert_non_null(strstr(world->detail, "broker 1"));
    world_drop(world);
    world->options.broker_id = 1;
    world->options.cluster_id.bytes[3] = 9;
    assert_int_equal(world_open(world), ERROR_FOREIGN);
    world_drop(world);
    world->options.cluster_id.bytes[3] = 0;
    snprintf(path, sizeof path, "%s/meta", world->path);
    world_flip(path, 25);
    assert_int_equal(world_open(world), ERROR_FOREIGN);
    assert_non_null(strstr(world->detail, "/meta"));
    world_drop(world);
    world_flip(path, 25);
    assert_int_equal(world_open(world), ERROR_NONE);
    assert_non_null(log_directory_clean_token(world->directory));
    assert_int_equal(world_log(world, 0)->log_end_offset, 5);
    world_shutdown(world);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(world_open(world), ERROR_FOREIGN);
    assert_non_null(strstr(world->detail, "missing"));
}

static void the_identity_stays(void **state)
{
    struct world *world = *state;
    struct uuid id;

    assert_int_equal(world_open(world), ERROR_NONE);
    id = *log_directory_id(world->directory);
    assert_false(uuid_is_zero(&id));
    world_shutdown(world);
    assert_int_equal(world_open(world), ERROR_NONE);
    assert_true(uuid_equal(&id, log_directory_id(world->directory)));
}

static void two_brokers_do_not_share_a_directory(void **state)
{
    struct world *world = *state;
    struct log_directory *first;

    assert_int_equal(world_open(world), ERROR_NONE);
    first = world->directory;
    assert_int_equal(world_open(world), ERROR_LOCKED);
    assert_non_null(strstr(world->detail, "/lock"));
    world_drop(world);
    world->directory = first;
}

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
    struct log *log = filled(world, 10);
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
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_UNMARKED(name)                                                    \
    cmocka_unit_test_setup_teardown(name, setup_without_checkpoints, teardown)
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
        TEST(a_damaged_snapshot_is_not_needed),
        TEST(what_a_later_version_wrote_is_refused),
        TEST_UNMARKED(a_batch_of_a_later_version_is_not_cut),
        TEST(a_log_that_nobody_knows_is_left_alone),
        TEST(files_of_others_are_left_alone),
        TEST(a_foreign_directory_is_left_alone),
        TEST(the_identity_stays),
        TEST(two_brokers_do_not_share_a_directory),
        TEST(a_full_disk_is_known),
        TEST(a_failed_write_fences_the_directory),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
