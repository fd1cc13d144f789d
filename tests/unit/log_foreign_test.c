/* SPDX-License-Identifier: Apache-2.0
 *
 * What is not ours, or of a later version, is refused at a start with its
 * name, and nothing of it is changed.
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

#include "base/bytes.h"
#include "base/crc32c.h"
#include "tests/lib/log_world.h"

#define BATCH 180 /* bytes of a batch with a body of 100 */

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

    world_filled(world, 5);
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

    log = world_filled(world, 5);
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

    world_filled(world, 5);
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

    world_filled(world, 5);
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

    world_filled(world, 5);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
#define TEST_UNMARKED(name)                                                    \
    cmocka_unit_test_setup_teardown(name, world_setup_without_checkpoints,     \
                                    world_teardown)
        TEST(what_a_later_version_wrote_is_refused),
        TEST_UNMARKED(a_batch_of_a_later_version_is_not_cut),
        TEST(a_log_that_nobody_knows_is_left_alone),
        TEST(files_of_others_are_left_alone),
        TEST(a_foreign_directory_is_left_alone),
        TEST(the_identity_stays),
        TEST(two_brokers_do_not_share_a_directory),
#undef TEST
#undef TEST_UNMARKED
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
