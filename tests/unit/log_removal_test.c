/* SPDX-License-Identifier: Apache-2.0
 *
 * A log that is removed as its partition was moved away, and made again under
 * the same key.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "log/internal.h"
#include "tests/lib/log_world.h"

#define FIRST "00000000000000000000.log"

static void created(void *context, enum error error, struct log *log)
{
    struct world *world = context;

    world->answered = true;
    world->answer = error;
    world->made = log;
}

static void make_again(struct world *world, const struct partition_key *key)
{
    world->answered = false;
    log_create(world->directory, key, &world_settings, created, world);
}

/* Its watermark and its recovery point are in the checkpoint. */
static struct log *remembered(struct world *world)
{
    struct log *log = world_filled(world, 20);

    log_set_high_watermark(log, 15);
    checkpoint_soon(world->directory);
    world_settle(world);
    return log;
}

static bool is_gone(void *context)
{
    return !world_exists(world_file(context, 0, ""));
}

static bool is_begun(void *context)
{
    return world_exists(world_file(context, 0, FIRST));
}

static void what_is_made_again_is_empty(void **state)
{
    struct world *world = *state;
    struct log *log = remembered(world);
    struct partition_key key = log->key;

    log_remove(log);
    assert_null(log_find(world->directory, &key));
    assert_true(log_directory_removes(world->directory, &key));
    make_again(world, &key);
    world_until(world, &world->answered);
    assert_int_equal(world->answer, ERROR_NONE);
    assert_false(log_directory_removes(world->directory, &key));
    assert_int_equal(world->made->log_end_offset, 0);
    assert_int_equal(world->made->high_watermark, 0);
    world_shutdown(world);
}

/* As the new log's files appear the checkpoint does not name the old one. */
static void a_crash_while_it_is_made_again_leaves_an_empty_log(void **state)
{
    struct world *world = *state;
    struct log *log = remembered(world);
    struct partition_key key = log->key;

    log_remove(log);
    make_again(world, &key);
    world_until_true(world, is_gone, world);
    world_until_true(world, is_begun, world);
    assert_int_equal(world_crash(world), ERROR_NONE);
    log = world_log(world, 0);
    if (log != NULL) {
        assert_false(log->lossy);
        assert_int_equal(log->log_end_offset, 0);
        assert_int_equal(log->high_watermark, 0);
    }
    world_shutdown(world);
}

static void a_crash_before_it_is_gone_leaves_all_of_it(void **state)
{
    struct world *world = *state;

    log_remove(remembered(world));
    assert_int_equal(world_crash(world), ERROR_NONE);
    assert_int_equal(world_log(world, 0)->log_end_offset, 20);
    world_shutdown(world);
}

static void a_crash_after_it_is_gone_leaves_nothing(void **state)
{
    struct world *world = *state;

    log_remove(remembered(world));
    world_until_true(world, is_gone, world);
    assert_int_equal(world_crash(world), ERROR_NONE);
    assert_null(world_log(world, 0));
    world_shutdown(world);
}

/* The name is still there: so may be the log, at the next start. */
static void what_a_failed_directory_holds_stays_known(void **state)
{
    struct world *world = *state;
    struct log *log = remembered(world);
    struct partition_key key = log->key;

    log_remove(log);
    directory_fail(world->directory, ERROR_IO, "write", "x");
    world_rest(world);
    assert_true(log_directory_removes(world->directory, &key));
    world_drop(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_made_again_is_empty,
                                        world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            a_crash_while_it_is_made_again_leaves_an_empty_log, world_setup,
            world_teardown),
        cmocka_unit_test_setup_teardown(
            a_crash_before_it_is_gone_leaves_all_of_it, world_setup,
            world_teardown),
        cmocka_unit_test_setup_teardown(a_crash_after_it_is_gone_leaves_nothing,
                                        world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            what_a_failed_directory_holds_stays_known, world_setup,
            world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
