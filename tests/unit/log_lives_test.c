/* SPDX-License-Identifier: Apache-2.0
 *
 * The lives of a log directory: what counts as used, what is stored when, and
 * what a file that is missing or damaged means.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "log/internal.h"
#include "tests/lib/log_world.h"

/* ---- the list ---- */

static void what_was_added_is_known_and_nothing_else(void **state)
{
    struct lives lives = {.floor = 0};

    (void)state;
    assert_false(lives_has(&lives, 1));
    lives_add(&lives, 30);
    lives_add(&lives, 10); /* an ensemble that was set back */
    lives_add(&lives, 20);
    lives_add(&lives, 20);
    assert_int_equal(lives.count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(lives.epochs[i], 10 * (i + 1));
    assert_false(lives_has(&lives, 0));
    assert_false(lives_has(&lives, 15));
    assert_false(lives_has(&lives, 31));
    assert_true(lives_has(&lives, 20));
}

static void the_oldest_make_room_and_count_as_used(void **state)
{
    struct lives lives = {.floor = 0};

    (void)state;
    for (uint64_t i = 0; i < LIVES_MAX + 3; i++)
        lives_add(&lives, 100 + 10 * i);
    assert_int_equal(lives.count, LIVES_MAX);
    assert_int_equal(lives.epochs[0], 130);
    assert_int_equal(lives.floor, 121);
    assert_true(lives_has(&lives, 120)); /* gone from the list */
    assert_true(lives_has(&lives, 5));
    assert_false(lives_has(&lives, 125));
    assert_false(lives_has(&lives, 135));
    lives_add(&lives, 7);
    assert_int_equal(lives.epochs[0], 130);
    lives_add(&lives, 125); /* older than all: it goes at once */
    assert_true(lives_has(&lives, 125));
    assert_true(lives_has(&lives, 130));
}

static bool decodes(struct lives *lives, uint64_t floor, uint32_t count,
                    size_t size, const uint64_t *epochs)
{
    uint8_t *data = malloc(size ? size : 1); /* of the exact size */
    uint8_t whole[16 + 8 * (LIVES_MAX + 1)] = {0};
    bool taken;

    assert_non_null(data);
    store_u64(whole, floor);
    store_u32(whole + 8, count);
    for (uint32_t i = 0; epochs && i < count; i++)
        store_u64(whole + 16 + 8 * (size_t)i, epochs[i]);
    memcpy(data, whole, size);
    taken = lives_decode(lives, data, size);
    free(data);
    return taken;
}

static void only_a_whole_list_that_ascends_is_taken(void **state)
{
    static const uint64_t good[] = {7, 8, 20};
    static const uint64_t twice[] = {7, 8, 8};
    static const uint64_t down[] = {7, 20, 8};
    uint64_t many[LIVES_MAX + 1];
    struct lives lives;

    (void)state;
    for (size_t i = 0; i <= LIVES_MAX; i++)
        many[i] = i + 1;
    assert_true(decodes(&lives, 7, 3, 40, good));
    assert_int_equal(lives.floor, 7);
    assert_int_equal(lives.count, 3);
    assert_int_equal(lives.epochs[2], 20);
    assert_true(decodes(&lives, 0, 0, 16, NULL));
    assert_true(decodes(&lives, 0, LIVES_MAX, 16 + 8 * LIVES_MAX, many));
    assert_false(
        decodes(&lives, 0, LIVES_MAX + 1, 16 + 8 * (LIVES_MAX + 1), many));
    assert_false(decodes(&lives, 8, 3, 40, good)); /* one below the floor */
    assert_false(decodes(&lives, 7, 3, 40, twice));
    assert_false(decodes(&lives, 7, 3, 40, down));
    for (size_t size = 0; size < 40; size++)
        assert_false(decodes(&lives, 7, 3, size, good));
}

/* ---- the file ---- */

static bool lived;

static void on_lived(struct log_directory_owner *owner)
{
    (void)owner;
    lived = true;
}

static void begin_life(struct world *world, uint64_t broker_epoch)
{
    world->owner.lived = on_lived;
    lived = false;
    log_directory_begin_life(world->directory, broker_epoch);
    assert_false(log_directory_in_life(world->directory, broker_epoch));
    assert_false(lived);
    world_until(world, &lived);
    assert_true(log_directory_in_life(world->directory, broker_epoch));
}

static const char *lives_path(struct world *world)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/lives", world->path);
    return path;
}

static void a_new_directory_has_no_lives(void **state)
{
    struct world *world = world_new();

    (void)state;
    assert_int_equal(world_open(world), ERROR_NONE);
    assert_int_equal(access(lives_path(world), F_OK), 0);
    assert_false(log_directory_lived(world->directory, 0));
    assert_false(log_directory_lived(world->directory, 1));
    world_free(world);
}

static void a_life_is_stored_when_that_is_told(void **state)
{
    struct world *world = world_new();

    (void)state;
    assert_int_equal(world_open(world), ERROR_NONE);
    begin_life(world, 10);
    begin_life(world, 30);
    log_directory_begin_life(world->directory, 40); /* one after the other */
    begin_life(world, 50);
    assert_false(log_directory_in_life(world->directory, 40));
    assert_int_equal(world_crash(world), ERROR_NONE);
    for (uint64_t epoch = 0; epoch < 60; epoch++)
        assert_int_equal(log_directory_lived(world->directory, epoch),
                         epoch == 10 || epoch == 30 || epoch == 40 ||
                             epoch == 50);
    assert_false(log_directory_in_life(world->directory, 50));
    world_shutdown(world);
    world_free(world);
}

static void one_of_an_older_version_was_used_until_its_next_life(void **state)
{
    struct world *world = world_new();

    (void)state;
    assert_int_equal(world_open(world), ERROR_NONE);
    world_shutdown(world);
    assert_int_equal(unlink(lives_path(world)), 0);
    assert_int_equal(world_open(world), ERROR_NONE);
    assert_true(log_directory_lived(world->directory, 0));
    assert_true(log_directory_lived(world->directory, 99));
    world_shutdown(world); /* before it was registered */
    assert_int_equal(world_open(world), ERROR_NONE);
    assert_true(log_directory_lived(world->directory, 99));
    begin_life(world, 50);
    assert_int_equal(world_crash(world), ERROR_NONE);
    assert_true(log_directory_lived(world->directory, 49));
    assert_true(log_directory_lived(world->directory, 50));
    assert_false(log_directory_lived(world->directory, 51));
    world_free(world);
}

static void a_damaged_file_knows_no_life(void **state)
{
    struct world *world = world_new();
    FILE *file;

    (void)state;
    assert_int_equal(world_open(world), ERROR_NONE);
    begin_life(world, 50);
    world_shutdown(world);
    file = fopen(lives_path(world), "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 20 + 16, SEEK_SET), 0);
    fputc(51, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(world_open(world), ERROR_NONE);
    assert_false(log_directory_lived(world->directory, 50));
    assert_false(log_directory_lived(world->directory, 51));
    assert_false(log_directory_lived(world->directory, 0));
    begin_life(world, 60);
    assert_int_equal(world_crash(world), ERROR_NONE);
    assert_false(log_directory_lived(world->directory, 50));
    assert_true(log_directory_lived(world->directory, 60));
    world_free(world);
}

static void a_life_that_cannot_be_stored_is_the_end(void **state)
{
    struct world *world = world_new();
    char away[160];

    (void)state;
    assert_int_equal(world_open(world), ERROR_NONE);
    snprintf(away, sizeof away, "%s.away", world->path);
    assert_int_equal(rename(world->path, away), 0);
    world->owner.lived = on_lived;
    lived = false;
    log_directory_begin_life(world->directory, 10);
    world_until(world, &world->failed);
    assert_true(log_directory_failed(world->directory));
    assert_false(log_directory_in_life(world->directory, 10));
    assert_false(lived);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_known_and_nothing_else),
        cmocka_unit_test(the_oldest_make_room_and_count_as_used),
        cmocka_unit_test(only_a_whole_list_that_ascends_is_taken),
        cmocka_unit_test(a_new_directory_has_no_lives),
        cmocka_unit_test(a_life_is_stored_when_that_is_told),
        cmocka_unit_test(one_of_an_older_version_was_used_until_its_next_life),
        cmocka_unit_test(a_damaged_file_knows_no_life),
        cmocka_unit_test(a_life_that_cannot_be_stored_is_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
