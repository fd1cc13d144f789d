/* SPDX-License-Identifier: Apache-2.0
 *
 * The disk: names, directories, locks.
 */
#include <stdio.h>

#include "tests/seam/disk_op.h"

static void opening_says_what_is_there(void **state)
{
    struct disk_file *file = NULL;

    assert_int_equal(open_file(*state, "a", DISK_OPEN_EXISTING, &file),
                     ERROR_NOT_FOUND);
    assert_int_equal(open_file(*state, "a", DISK_OPEN_CREATE_EXCL, &file), 0);
    assert_int_equal(open_file(*state, "a", DISK_OPEN_CREATE_EXCL, &file),
                     ERROR_EXISTS);
    assert_int_equal(open_file(*state, "a", DISK_OPEN_EXISTING, &file), 0);
    assert_int_equal(open_file(*state, "none/a", DISK_OPEN_CREATE, &file),
                     ERROR_NOT_FOUND);
}

static void a_read_only_file_is_not_written(void **state)
{
    struct disk_file *file = create(*state, "a");

    assert_int_equal(append(*state, file, 0, "abc"), ERROR_NONE);
    assert_int_equal(open_file(*state, "a", DISK_OPEN_READ_ONLY, &file), 0);
    expect(*state, file, 0, 100, "abc");
    assert_int_not_equal(append(*state, file, 0, "x"), ERROR_NONE);
    assert_int_not_equal(truncate_to(*state, file, 0), ERROR_NONE);
    assert_int_not_equal(allocate(*state, file, 8192), ERROR_NONE);
    assert_int_equal(sync_files(*state, &file, 1), ERROR_NONE);
    expect(*state, file, 0, 100, "abc");
}

static void a_rename_replaces(void **state)
{
    struct disk_file *old = create(*state, "old");
    struct disk_file *new = create(*state, "new");
    struct disk_file *found = NULL;

    assert_int_equal(append(*state, old, 0, "old"), ERROR_NONE);
    assert_int_equal(append(*state, new, 0, "new one"), ERROR_NONE);
    assert_int_equal(rename_to(*state, "new", "old"), ERROR_NONE);
    assert_int_equal(open_file(*state, "new", DISK_OPEN_EXISTING, &found),
                     ERROR_NOT_FOUND);
    assert_int_equal(open_file(*state, "old", DISK_OPEN_EXISTING, &found), 0);
    expect(*state, found, 0, 100, "new one");
    expect(*state, old, 0, 100, "old");
    assert_int_equal(rename_to(*state, "none", "x"), ERROR_NOT_FOUND);
}

static void a_directory_moves_with_what_is_in_it(void **state)
{
    struct disk_file *file;

    assert_int_equal(on_path(*state, disk_mkdir, "d"), ERROR_NONE);
    file = create(*state, "d/a");
    assert_int_equal(append(*state, file, 0, "abc"), ERROR_NONE);
    assert_int_equal(rename_to(*state, "d", "e"), ERROR_NONE);
    assert_int_equal(size_of(*state, "e/a"), 3);
    assert_int_equal(on_path(*state, disk_rmdir, "e"), ERROR_NOT_EMPTY);
}

static void an_unlinked_file_is_there_for_who_holds_it(void **state)
{
    struct disk_file *file = create(*state, "a");

    assert_int_equal(append(*state, file, 0, "abc"), ERROR_NONE);
    assert_int_equal(on_path(*state, disk_unlink, "a"), ERROR_NONE);
    assert_int_equal(on_path(*state, disk_unlink, "a"), ERROR_NOT_FOUND);
    expect(*state, file, 0, 100, "abc");
    assert_int_equal(append(*state, file, 3, "d"), ERROR_NONE);
    expect(*state, file, 0, 100, "abcd");
}

static void directories_come_and_go(void **state)
{
    assert_int_equal(on_path(*state, disk_mkdir, "d"), ERROR_NONE);
    assert_int_equal(on_path(*state, disk_mkdir, "d"), ERROR_EXISTS);
    assert_int_equal(on_path(*state, disk_mkdir, "e/f"), ERROR_NOT_FOUND);
    create(*state, "d/a");
    assert_int_equal(on_path(*state, disk_rmdir, "d"), ERROR_NOT_EMPTY);
    assert_int_equal(on_path(*state, disk_unlink, "d/a"), ERROR_NONE);
    assert_int_equal(on_path(*state, disk_sync_directory, "d"), ERROR_NONE);
    assert_int_equal(on_path(*state, disk_rmdir, "d"), ERROR_NONE);
    assert_int_equal(on_path(*state, disk_rmdir, "d"), ERROR_NOT_FOUND);
    assert_int_equal(on_path(*state, disk_sync_directory, "d"),
                     ERROR_NOT_FOUND);
}

static void a_list_is_sorted_by_bytes(void **state)
{
    static const char *const names[] = {"b", "B",        "a-", "a",
                                        "_", "\xc3\xa9", "10", "9"};
    static const char *const sorted[] = {"10", "9",  "B", "_",
                                         "a",  "a-", "b", "\xc3\xa9"};
    struct op op;

    for (size_t i = 0; i < 8; i++)
        disk_close(disk_of(*state), create(*state, names[i]));
    disk_list(disk_of(*state), &op_init(&op)->request,
              harness_path(*state, ""));
    assert_int_equal(op_wait(*state, &op), ERROR_NONE);
    assert_int_equal(op.request.name_count, 8);
    for (size_t i = 0; i < 8; i++)
        assert_string_equal(op.request.names[i], sorted[i]);
    disk_names_free(disk_of(*state), &op.request);
    assert_null(op.request.names);
    assert_int_equal(on_path(*state, disk_mkdir, "empty"), ERROR_NONE);
    disk_list(disk_of(*state), &op_init(&op)->request,
              harness_path(*state, "empty"));
    assert_int_equal(op_wait(*state, &op), ERROR_NONE);
    assert_int_equal(op.request.name_count, 0);
    disk_names_free(disk_of(*state), &op.request);
    assert_int_equal(on_path(*state, disk_list, "none"), ERROR_NOT_FOUND);
}

static void paths_keep_their_order(void **state)
{
    struct op ops[5];
    unsigned first = op_completed;
    struct disk *disk = disk_of(*state);

    disk_mkdir(disk, &op_init(&ops[0])->request, harness_path(*state, "d"));
    disk_rename(disk, &op_init(&ops[1])->request, harness_path(*state, "d"),
                harness_path(*state, "e"));
    disk_sync_directory(disk, &op_init(&ops[2])->request,
                        harness_path(*state, "e"));
    disk_rmdir(disk, &op_init(&ops[3])->request, harness_path(*state, "e"));
    disk_list(disk, &op_init(&ops[4])->request, harness_path(*state, "e"));
    harness_wait(*state, harness_flag, &ops[4].done);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(ops[i].number, first + i + 1);
        assert_int_equal(ops[i].request.error,
                         i == 4 ? ERROR_NOT_FOUND : ERROR_NONE);
    }
}

#define DIRECTORIES 60

/* What cannot be synced says so, and nothing else does. */
static void many_directories_are_synced_at_once(void **state)
{
    static struct op makes[DIRECTORIES], syncs[DIRECTORIES];
    static char paths[DIRECTORIES][256];
    unsigned first = op_completed;
    struct disk *disk = disk_of(*state);

    for (unsigned i = 0; i < DIRECTORIES; i++) {
        char name[16];

        snprintf(name, sizeof name, "d%u", i);
        snprintf(paths[i], sizeof paths[i], "%s", harness_path(*state, name));
        if (i % 20 != 7)
            disk_mkdir(disk, &op_init(&makes[i])->request, paths[i]);
    }
    for (unsigned i = 0; i < DIRECTORIES; i++)
        disk_sync_directory(disk, &op_init(&syncs[i])->request, paths[i]);
    harness_wait(*state, harness_flag, &syncs[DIRECTORIES - 1].done);
    for (unsigned i = 0; i < DIRECTORIES; i++) {
        assert_int_equal(syncs[i].number, first + DIRECTORIES - 3 + i + 1);
        assert_int_equal(syncs[i].request.error,
                         i % 20 == 7 ? ERROR_NOT_FOUND : ERROR_NONE);
    }
}

static void a_lock_is_held_until_closed(void **state)
{
    struct op first;
    struct op op;

    disk_lock(disk_of(*state), &op_init(&first)->request,
              harness_path(*state, "lock"));
    assert_int_equal(op_wait(*state, &first), ERROR_NONE);
    disk_lock(disk_of(*state), &op_init(&op)->request,
              harness_path(*state, "lock"));
    assert_int_equal(op_wait(*state, &op), ERROR_LOCKED);
    disk_close(disk_of(*state), first.request.file);
    disk_lock(disk_of(*state), &op_init(&op)->request,
              harness_path(*state, "lock"));
    assert_int_equal(op_wait(*state, &op), ERROR_NONE);
}

static void a_lock_is_of_a_file_and_leaves_it_as_it_is(void **state)
{
    struct disk_file *file = create(*state, "a");
    struct op locks[3];

    assert_int_equal(append(*state, file, 0, "abc"), ERROR_NONE);
    disk_lock(disk_of(*state), &op_init(&locks[0])->request,
              harness_path(*state, "a"));
    assert_int_equal(op_wait(*state, &locks[0]), ERROR_NONE);
    assert_int_equal(append(*state, file, 3, "d"), ERROR_NONE);
    assert_int_equal(size_of(*state, "a"), 4);
    disk_lock(disk_of(*state), &op_init(&locks[1])->request,
              harness_path(*state, "b"));
    assert_int_equal(op_wait(*state, &locks[1]), ERROR_NONE);
    assert_int_equal(on_path(*state, disk_unlink, "a"), ERROR_NONE);
    disk_lock(disk_of(*state), &op_init(&locks[2])->request,
              harness_path(*state, "a"));
    assert_int_equal(op_wait(*state, &locks[2]), ERROR_NONE);
    assert_int_equal(size_of(*state, "a"), 0);
}

static void a_lock_needs_a_place_for_its_file(void **state)
{
    assert_int_equal(on_path(*state, disk_lock, "none/lock"), ERROR_NOT_FOUND);
    assert_int_equal(on_path(*state, disk_mkdir, "d"), ERROR_NONE);
    assert_int_not_equal(on_path(*state, disk_lock, "d"), ERROR_NONE);
}

static void a_file_is_no_directory_nor_a_directory_a_file(void **state)
{
    struct disk_file *file = create(*state, "a");

    assert_int_equal(on_path(*state, disk_mkdir, "d"), ERROR_NONE);
    assert_int_equal(open_file(*state, "a/b", DISK_OPEN_CREATE, &file),
                     ERROR_NOT_FOUND);
    assert_int_equal(on_path(*state, disk_mkdir, "a/b"), ERROR_NOT_FOUND);
    assert_int_equal(on_path(*state, disk_mkdir, "a"), ERROR_EXISTS);
    assert_int_equal(on_path(*state, disk_list, "a"), ERROR_NOT_FOUND);
    assert_int_equal(on_path(*state, disk_sync_directory, "a"),
                     ERROR_NOT_FOUND);
    assert_int_equal(on_path(*state, disk_rmdir, "a"), ERROR_NOT_FOUND);
    assert_int_not_equal(on_path(*state, disk_unlink, "d"), ERROR_NONE);
    assert_int_not_equal(open_file(*state, "d", DISK_OPEN_CREATE, &file),
                         ERROR_NONE);
    assert_int_equal(open_file(*state, "d", DISK_OPEN_CREATE_EXCL, &file),
                     ERROR_EXISTS);
    assert_int_equal(size_of(*state, "a"), 0);
    assert_int_equal(on_path(*state, disk_rmdir, "d"), ERROR_NONE);
}

static void a_rename_that_cannot_be_changes_nothing(void **state)
{
    assert_int_equal(append(*state, create(*state, "a"), 0, "abc"), ERROR_NONE);
    assert_int_equal(on_path(*state, disk_mkdir, "d"), ERROR_NONE);
    assert_int_equal(on_path(*state, disk_mkdir, "full"), ERROR_NONE);
    create(*state, "full/b");
    assert_int_equal(rename_to(*state, "a", "none/a"), ERROR_NOT_FOUND);
    assert_int_not_equal(rename_to(*state, "a", "d"), ERROR_NONE);
    assert_int_equal(rename_to(*state, "d", "a"), ERROR_NOT_FOUND);
    assert_int_not_equal(rename_to(*state, "d", "full"), ERROR_NONE);
    assert_int_equal(rename_to(*state, "a", "a"), ERROR_NONE);
    assert_int_equal(size_of(*state, "a"), 3);
    assert_int_equal(size_of(*state, "full/b"), 0);
    assert_int_equal(rename_to(*state, "full", "d"), ERROR_NONE);
    assert_int_equal(size_of(*state, "d/b"), 0);
}

static void a_name_may_be_taken_again(void **state)
{
    struct disk_file *old = create(*state, "a");
    struct disk_file *new = NULL;

    assert_int_equal(append(*state, old, 0, "old"), ERROR_NONE);
    assert_int_equal(on_path(*state, disk_unlink, "a"), ERROR_NONE);
    assert_int_equal(open_file(*state, "a", DISK_OPEN_CREATE_EXCL, &new), 0);
    expect(*state, new, 0, 100, "");
    assert_int_equal(append(*state, new, 0, "new one"), ERROR_NONE);
    expect(*state, old, 0, 100, "old");
    assert_int_equal(sync_files(*state, &old, 1), ERROR_NONE);
    disk_close(disk_of(*state), old);
    expect(*state, new, 0, 100, "new one");
    assert_int_equal(size_of(*state, "a"), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SEAM_TEST(opening_says_what_is_there),
        SEAM_TEST(a_read_only_file_is_not_written),
        SEAM_TEST(a_rename_replaces),
        SEAM_TEST(a_directory_moves_with_what_is_in_it),
        SEAM_TEST(an_unlinked_file_is_there_for_who_holds_it),
        SEAM_TEST(directories_come_and_go),
        SEAM_TEST(a_list_is_sorted_by_bytes),
        SEAM_TEST(paths_keep_their_order),
        SEAM_TEST(many_directories_are_synced_at_once),
        SEAM_TEST(a_lock_is_held_until_closed),
        SEAM_TEST(a_lock_is_of_a_file_and_leaves_it_as_it_is),
        SEAM_TEST(a_lock_needs_a_place_for_its_file),
        SEAM_TEST(a_file_is_no_directory_nor_a_directory_a_file),
        SEAM_TEST(a_rename_that_cannot_be_changes_nothing),
        SEAM_TEST(a_name_may_be_taken_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
