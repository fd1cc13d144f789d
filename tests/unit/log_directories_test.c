/* SPDX-License-Identifier: Apache-2.0
 *
 * Several log directories of one broker on real files: where logs go, who is
 * offline, and what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "log/directories.h"
#include "log/internal.h"
#include "tests/lib/log_world.h"

#define COUNT 3

struct set {
    struct world *world;
    struct log_directories_owner owner;
    struct log_directories all;
    char paths[COUNT][128];
    bool answered;
    enum error error;
    char detail[1024];
    const struct log_root *failed;
    bool has_failed;
};

static void opened(struct log_directories_owner *owner, enum error error,
                   const char *detail)
{
    struct set *set = container_of(owner, struct set, owner);

    set->answered = true;
    set->error = error;
    snprintf(set->detail, sizeof set->detail, "%s", detail);
}

static void failed(struct log_directories_owner *owner,
                   const struct log_root *root)
{
    struct set *set = container_of(owner, struct set, owner);

    assert_null(set->failed);
    set->failed = root;
    set->has_failed = true;
}

static void shut(void *context, enum error error)
{
    struct set *set = context;

    set->answered = true;
    set->error = error;
}

static struct set *set_new(void)
{
    struct set *set = calloc(1, sizeof *set);

    assert_non_null(set);
    set->world = world_new();
    set->owner = (struct log_directories_owner){opened, failed, NULL};
    for (int i = 0; i < COUNT; i++)
        snprintf(set->paths[i], sizeof set->paths[i], "%s/d%d",
                 set->world->root, i);
    return set;
}

static void set_free(struct set *set)
{
    world_free(set->world);
    free(set);
}

static enum error set_open(struct set *set)
{
    const char *paths[COUNT] = {set->paths[0], set->paths[1], set->paths[2]};

    set->answered = false;
    log_directories_init(&set->all, set->world->seam, &set->owner);
    log_directories_open(&set->all, paths, COUNT, &set->world->options);
    assert_false(set->answered);
    world_until(set->world, &set->answered);
    return set->error;
}

static enum error set_close(struct set *set)
{
    if (log_directories_online(&set->all) > 0) {
        set->answered = false;
        log_directories_shutdown(&set->all, shut, set);
        world_until(set->world, &set->answered);
    }
    world_rest(set->world); /* a failed one may have something in flight */
    log_directories_release(&set->all);
    return set->error;
}

static struct partition_key key_of(uint32_t partition)
{
    return (struct partition_key){{{7}}, partition};
}

static void created(void *context, enum error error, struct log *log)
{
    struct set *set = context;

    (void)log;
    set->answered = true;
    set->error = error;
}

/* Where the next log goes; it is made there. */
static size_t make(struct set *set, uint32_t partition)
{
    struct partition_key key = key_of(partition);
    struct log_directory *directory = log_directories_choose(&set->all);
    size_t at = 0;

    set->answered = false;
    log_create(directory, &key, &world_settings, created, set);
    world_until(set->world, &set->answered);
    assert_int_equal(set->error, ERROR_NONE);
    while (set->all.roots[at].directory != directory)
        at++;
    return at;
}

static void new_logs_go_where_the_fewest_are(void **state)
{
    struct set *set = set_new();
    struct log *log = NULL;
    struct partition_key key = key_of(3);
    uint32_t seen = 0;

    (void)state;
    assert_int_equal(set_open(set), ERROR_NONE);
    assert_int_equal(log_directories_online(&set->all), COUNT);
    assert_false(log_directories_incomplete(&set->all));
    for (uint32_t i = 0; i < 7; i++)
        assert_int_equal(make(set, i), i % COUNT);
    assert_ptr_equal(log_directories_find(&set->all, &key)->directory,
                     set->all.roots[0].directory);
    while ((log = log_directories_next(&set->all, log)) != NULL)
        seen |= 1u << log->key.partition;
    assert_int_equal(seen, 0x7f);
    set->all.roots[1].directory->space.full =
        true; /* not where there is no room */
    assert_int_equal(make(set, 7), 2);
    assert_int_equal(make(set, 8), 0);
    assert_false(uuid_equal(log_directory_id(set->all.roots[0].directory),
                            log_directory_id(set->all.roots[1].directory)));
    assert_int_equal(set_close(set), ERROR_NONE);

    assert_int_equal(set_open(set), ERROR_NONE); /* and are found again */
    assert_non_null(log_directories_clean_token(&set->all));
    for (uint32_t i = 0; i < 9; i++) {
        key = key_of(i);
        assert_non_null(log_directories_find(&set->all, &key));
    }
    assert_int_equal(set_close(set), ERROR_NONE);
    set_free(set);
}

static void one_that_cannot_be_opened_is_offline(void **state)
{
    struct set *set = set_new();
    struct partition_key key = key_of(1);
    char away[160];

    (void)state;
    assert_int_equal(set_open(set), ERROR_NONE);
    for (uint32_t i = 0; i < COUNT; i++)
        make(set, i);
    assert_int_equal(set_close(set), ERROR_NONE);
    snprintf(away, sizeof away, "%s.away", set->paths[1]);
    assert_int_equal(rename(set->paths[1], away), 0);
    fclose(fopen(set->paths[1], "w")); /* a file is in the way */
    assert_int_equal(set_open(set), ERROR_NONE);
    assert_int_equal(log_directories_online(&set->all), 2);
    assert_true(log_directories_incomplete(&set->all));
    assert_null(log_directories_find(&set->all, &key));
    assert_null(log_directories_clean_token(&set->all));
    assert_non_null(strstr(set->all.roots[1].detail, set->paths[1]));
    assert_int_equal(make(set, 3), 0);
    assert_int_equal(make(set, 4), 2);
    assert_int_equal(set_close(set), ERROR_NONE);
    set_free(set);
}

static void when_none_can_be_opened_that_is_said(void **state)
{
    struct set *set = set_new();

    (void)state;
    for (int i = 0; i < COUNT; i++)
        fclose(fopen(set->paths[i], "w"));
    assert_int_not_equal(set_open(set), ERROR_NONE);
    assert_non_null(strstr(set->detail, set->paths[0]));
    assert_int_equal(log_directories_online(&set->all), 0);
    set_close(set);
    set_free(set);
}

static void one_that_fails_is_told_once_and_the_others_go_on(void **state)
{
    struct set *set = set_new();
    struct partition_key key = key_of(1);

    (void)state;
    assert_int_equal(set_open(set), ERROR_NONE);
    for (uint32_t i = 0; i < COUNT; i++)
        make(set, i);
    directory_fail(set->all.roots[1].directory, ERROR_IO, "write", "x");
    assert_false(set->has_failed); /* not from inside */
    world_until(set->world, &set->has_failed);
    assert_ptr_equal(set->failed, &set->all.roots[1]);
    assert_int_equal(log_directories_online(&set->all), 2);
    assert_false(log_directories_incomplete(&set->all)); /* it is known */
    assert_non_null(log_directories_find(&set->all, &key));
    for (struct log *log = NULL;
         (log = log_directories_next(&set->all, log)) != NULL;)
        assert_int_not_equal(log->key.partition, 1);
    assert_int_equal(make(set, 3), 0);
    assert_int_equal(make(set, 4), 2);
    assert_int_equal(set_close(set), ERROR_NONE);
    set_free(set);
}

/* The others are still being opened when the first one fails. */
static void held(struct log_directory_owner *owner, enum error error,
                 const char *detail)
{
    struct log_root *root = container_of(owner, struct log_root, owner);

    (void)detail;
    assert_int_equal(error, ERROR_NONE);
    root->owner.opened = NULL; /* it has come */
}

static bool all_held(void *context)
{
    struct set *set = context;

    return set->all.roots[0].opened && !set->all.roots[1].owner.opened &&
           !set->all.roots[2].owner.opened;
}

static bool first_is_offline(void *context)
{
    struct set *set = context;

    return set->all.roots[0].state == LOG_ROOT_OFFLINE;
}

static void one_that_fails_while_others_open_leaves_them(void **state)
{
    struct set *set = set_new();
    const char *paths[COUNT] = {set->paths[0], set->paths[1], set->paths[2]};
    struct log_directory_owner owner;

    (void)state;
    log_directories_init(&set->all, set->world->seam, &set->owner);
    log_directories_open(&set->all, paths, COUNT, &set->world->options);
    owner = set->all.roots[0].owner;
    set->all.roots[1].owner.opened = held;
    set->all.roots[2].owner.opened = held;
    world_until_true(set->world, all_held, set);
    directory_fail(set->all.roots[0].directory, ERROR_IO, "write", "x");
    world_until_true(set->world, first_is_offline, set);
    world_run(set->world, 20);
    assert_false(set->has_failed);
    assert_false(set->answered);
    for (int i = 1; i < COUNT; i++) {
        set->all.roots[i].owner = owner;
        owner.opened(&set->all.roots[i].owner, ERROR_NONE, "");
    }
    assert_true(set->answered);
    assert_int_equal(set->error, ERROR_NONE);
    assert_int_equal(log_directories_online(&set->all), 2);
    world_run(set->world, 20);
    assert_false(set->has_failed); /* the answer told of it */
    assert_int_equal(set_close(set), ERROR_NONE);
    set_free(set);
}

static void one_of_another_broker_is_refused(void **state)
{
    struct set *set = set_new();

    (void)state;
    set->world->options.broker_id = 2;
    assert_int_equal(set_open(set), ERROR_NONE);
    assert_int_equal(set_close(set), ERROR_NONE);
    set->world->options.broker_id = 1;
    snprintf(set->paths[0], sizeof set->paths[0], "%s/mine", set->world->root);
    assert_int_equal(set_open(set), ERROR_FOREIGN);
    assert_non_null(strstr(set->detail, set->paths[1]));
    assert_non_null(strstr(set->detail, "broker 2"));
    set_close(set);
    set_free(set);
}

/* By a link: as names they differ. */
static void one_under_two_names_is_refused(void **state)
{
    struct set *set = set_new();

    (void)state;
    assert_int_equal(mkdir(set->paths[0], 0755), 0);
    assert_int_equal(symlink(set->paths[0], set->paths[2]), 0);
    assert_int_equal(set_open(set), ERROR_LOCKED);
    assert_non_null(strstr(set->detail, "/lock"));
    set_close(set);
    set_free(set);
}

/* A whole directory was copied, ids and all. */
static void a_log_in_two_directories_is_refused(void **state)
{
    struct set *set = set_new();
    char command[400];

    (void)state;
    assert_int_equal(set_open(set), ERROR_NONE);
    make(set, 0);
    assert_int_equal(set_close(set), ERROR_NONE);
    snprintf(command, sizeof command, "rm -r %s && cp -r %s %s", set->paths[2],
             set->paths[0], set->paths[2]);
    assert_int_equal(system(command), 0);
    assert_int_equal(set_open(set), ERROR_FOREIGN);
    assert_non_null(strstr(set->detail, set->paths[0]));
    assert_non_null(strstr(set->detail, set->paths[2]));
    set_close(set);
    assert_int_equal(set_open(set), ERROR_FOREIGN); /* nothing was deleted */
    set_close(set);
    set_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_logs_go_where_the_fewest_are),
        cmocka_unit_test(one_that_cannot_be_opened_is_offline),
        cmocka_unit_test(when_none_can_be_opened_that_is_said),
        cmocka_unit_test(one_that_fails_is_told_once_and_the_others_go_on),
        cmocka_unit_test(one_that_fails_while_others_open_leaves_them),
        cmocka_unit_test(one_of_another_broker_is_refused),
        cmocka_unit_test(one_under_two_names_is_refused),
        cmocka_unit_test(a_log_in_two_directories_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
