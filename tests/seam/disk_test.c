/* SPDX-License-Identifier: Apache-2.0
 *
 * The disk: order, files, paths, bounds. What a crash leaves is in
 * sim_crash_test.c.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/seam/harness.h"

struct op {
    struct disk_request request;
    bool done;
    unsigned number; /* in the order of completion */
};

static unsigned completed;

static void on_done(struct disk_request *request)
{
    struct op *op = container_of(request, struct op, request);

    assert_false(op->done);
    op->done = true;
    op->number = ++completed;
}

static struct op *op_init(struct op *op)
{
    *op = (struct op){.request.done = on_done};
    return op;
}

static enum error wait_for(struct harness *harness, struct op *op)
{
    assert_false(op->done);
    harness_wait(harness, harness_flag, &op->done);
    return op->request.error;
}

static struct disk *disk_of(struct harness *harness)
{
    return harness_seam(harness)->disk;
}

/* ---- one operation and its end ----------------------------------------- */

static enum error open_file(struct harness *harness, const char *name,
                            unsigned flags, struct disk_file **file)
{
    struct op op;

    disk_open(disk_of(harness), &op_init(&op)->request,
              harness_path(harness, name), flags);
    if (wait_for(harness, &op) == ERROR_NONE)
        *file = op.request.file;
    return op.request.error;
}

static struct disk_file *create(struct harness *harness, const char *name)
{
    struct disk_file *file = NULL;

    assert_int_equal(open_file(harness, name, DISK_OPEN_CREATE, &file), 0);
    return file;
}

static enum error append(struct harness *harness, struct disk_file *file,
                         uint64_t offset, const char *text)
{
    struct iovec iov = {(void *)(uintptr_t)text, strlen(text)};
    struct op op;

    disk_append(disk_of(harness), &op_init(&op)->request, file, &iov, 1,
                offset);
    return wait_for(harness, &op);
}

static void expect(struct harness *harness, struct disk_file *file,
                   uint64_t offset, size_t length, const char *text)
{
    char buffer[256] = {0};
    struct op op;

    assert_true(length < sizeof buffer);
    disk_read(disk_of(harness), &op_init(&op)->request, file, buffer, length,
              offset);
    assert_int_equal(wait_for(harness, &op), ERROR_NONE);
    assert_int_equal(op.request.size, strlen(text));
    assert_string_equal(buffer, text);
}

typedef void path_call(struct disk *disk, struct disk_request *request,
                       const char *path);

static enum error on_path(struct harness *harness, path_call *call,
                          const char *name)
{
    struct op op;

    call(disk_of(harness), &op_init(&op)->request, harness_path(harness, name));
    return wait_for(harness, &op);
}

static enum error rename_to(struct harness *harness, const char *from,
                            const char *to)
{
    struct op op;

    disk_rename(disk_of(harness), &op_init(&op)->request,
                harness_path(harness, from), harness_path(harness, to));
    return wait_for(harness, &op);
}

static uint64_t size_of(struct harness *harness, const char *name)
{
    struct op op;

    disk_open(disk_of(harness), &op_init(&op)->request,
              harness_path(harness, name), DISK_OPEN_READ_ONLY);
    assert_int_equal(wait_for(harness, &op), ERROR_NONE);
    disk_close(disk_of(harness), op.request.file);
    return op.request.size;
}

/* ---- files ------------------------------------------------------------- */

static void what_is_appended_can_be_read(void **state)
{
    struct disk_file *file = create(*state, "a");
    struct iovec iov[3] = {{"one ", 4}, {"", 0}, {"two", 3}};
    struct op op;

    disk_append(disk_of(*state), &op_init(&op)->request, file, iov, 3, 0);
    assert_false(op.done);
    assert_int_equal(wait_for(*state, &op), ERROR_NONE);
    expect(*state, file, 0, 7, "one two");
    expect(*state, file, 4, 3, "two");
    assert_int_equal(size_of(*state, "a"), 7);
}

static void a_read_is_short_at_the_end_alone(void **state)
{
    struct disk_file *file = create(*state, "a");

    assert_int_equal(append(*state, file, 0, "abc"), ERROR_NONE);
    expect(*state, file, 1, 100, "bc");
    expect(*state, file, 3, 100, "");
    expect(*state, file, 1000, 100, "");
}

static void an_append_goes_where_it_is_told(void **state)
{
    struct disk_file *file = create(*state, "a");

    assert_int_equal(append(*state, file, 0, "abcdef"), ERROR_NONE);
    assert_int_equal(append(*state, file, 2, "XY"), ERROR_NONE);
    expect(*state, file, 0, 100, "abXYef");
    assert_int_equal(append(*state, file, 5, "end"), ERROR_NONE);
    expect(*state, file, 0, 100, "abXYeend");
}

#define ROUNDS 64

static void one_file_keeps_its_order(void **state)
{
    struct disk_file *file = create(*state, "a");
    struct op appends[ROUNDS];
    struct op reads[ROUNDS];
    struct iovec iov[ROUNDS];
    char digits[ROUNDS];
    char seen[ROUNDS];
    unsigned first = completed;

    for (int i = 0; i < ROUNDS; i++) {
        digits[i] = (char)('0' + i);
        iov[i] = (struct iovec){&digits[i], 1};
        disk_append(disk_of(*state), &op_init(&appends[i])->request, file,
                    &iov[i], 1, 0);
        disk_read(disk_of(*state), &op_init(&reads[i])->request, file, &seen[i],
                  1, 0);
    }
    harness_wait(*state, harness_flag, &reads[ROUNDS - 1].done);
    for (int i = 0; i < ROUNDS; i++) {
        assert_int_equal(appends[i].number, first + 2 * (unsigned)i + 1);
        assert_int_equal(reads[i].number, first + 2 * (unsigned)i + 2);
        assert_int_equal(seen[i], digits[i]);
    }
}

static void a_truncate_cuts_and_extends(void **state)
{
    struct disk_file *file = create(*state, "a");
    struct op op;
    char buffer[8];

    assert_int_equal(append(*state, file, 0, "abcdef"), ERROR_NONE);
    disk_truncate(disk_of(*state), &op_init(&op)->request, file, 3);
    assert_int_equal(wait_for(*state, &op), ERROR_NONE);
    expect(*state, file, 0, 100, "abc");
    disk_truncate(disk_of(*state), &op_init(&op)->request, file, 5);
    assert_int_equal(wait_for(*state, &op), ERROR_NONE);
    disk_read(disk_of(*state), &op_init(&op)->request, file, buffer, 8, 0);
    assert_int_equal(wait_for(*state, &op), ERROR_NONE);
    assert_int_equal(op.request.size, 5);
    assert_memory_equal(buffer, "abc\0\0", 5);
}

static void space_is_reserved_without_a_change_of_size(void **state)
{
    struct disk_file *file = create(*state, "a");
    struct op op;

    assert_int_equal(append(*state, file, 0, "abc"), ERROR_NONE);
    disk_allocate(disk_of(*state), &op_init(&op)->request, file, 1 << 20);
    assert_int_equal(wait_for(*state, &op), ERROR_NONE);
    assert_int_equal(size_of(*state, "a"), 3);
    disk_free_space(disk_of(*state), &op_init(&op)->request,
                    harness_path(*state, "."));
    assert_int_equal(wait_for(*state, &op), ERROR_NONE);
    assert_true(op.request.size > 0);
}

static void a_set_of_files_is_synced(void **state)
{
    struct disk_file *files[40];
    struct op op;
    char name[16];

    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "f%d", i);
        files[i] = create(*state, name);
        assert_int_equal(append(*state, files[i], 0, "x"), ERROR_NONE);
    }
    disk_sync(disk_of(*state), &op_init(&op)->request, files, 40);
    assert_false(op.done);
    assert_int_equal(wait_for(*state, &op), ERROR_NONE);
    disk_sync(disk_of(*state), &op_init(&op)->request, files, 1);
    assert_int_equal(wait_for(*state, &op), ERROR_NONE);
}

static void what_was_submitted_before_a_close_completes(void **state)
{
    struct disk_file *file = create(*state, "a");
    struct iovec iov = {"abc", 3};
    struct op op;
    struct op sync;

    disk_append(disk_of(*state), &op_init(&op)->request, file, &iov, 1, 0);
    disk_sync(disk_of(*state), &op_init(&sync)->request, &file, 1);
    disk_close(disk_of(*state), file);
    harness_wait(*state, harness_flag, &op.done);
    assert_int_equal(op.request.error, ERROR_NONE);
    harness_wait(*state, harness_flag, &sync.done);
    assert_int_equal(sync.request.error, ERROR_NONE);
    assert_int_equal(size_of(*state, "a"), 3);
}

static void past_the_bound_it_is_busy(void **state)
{
    static struct op ops[DISK_IN_FLIGHT_MAX + 1];
    struct disk_file *file = create(*state, "a");
    char byte;

    for (unsigned i = 0; i <= DISK_IN_FLIGHT_MAX; i++)
        disk_read(disk_of(*state), &op_init(&ops[i])->request, file, &byte, 1,
                  0);
    harness_wait(*state, harness_flag, &ops[DISK_IN_FLIGHT_MAX].done);
    harness_wait(*state, harness_flag, &ops[DISK_IN_FLIGHT_MAX - 1].done);
    for (unsigned i = 0; i < DISK_IN_FLIGHT_MAX; i++)
        assert_int_equal(ops[i].request.error, ERROR_NONE);
    assert_int_equal(ops[DISK_IN_FLIGHT_MAX].request.error, ERROR_BUSY);
    assert_int_equal(append(*state, file, 0, "on it goes"), ERROR_NONE);
}

/* ---- paths ------------------------------------------------------------- */

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
    assert_int_equal(wait_for(*state, &op), ERROR_NONE);
    assert_int_equal(op.request.name_count, 8);
    for (size_t i = 0; i < 8; i++)
        assert_string_equal(op.request.names[i], sorted[i]);
    disk_names_free(disk_of(*state), &op.request);
    assert_null(op.request.names);
    assert_int_equal(on_path(*state, disk_mkdir, "empty"), ERROR_NONE);
    disk_list(disk_of(*state), &op_init(&op)->request,
              harness_path(*state, "empty"));
    assert_int_equal(wait_for(*state, &op), ERROR_NONE);
    assert_int_equal(op.request.name_count, 0);
    disk_names_free(disk_of(*state), &op.request);
    assert_int_equal(on_path(*state, disk_list, "none"), ERROR_NOT_FOUND);
}

static void paths_keep_their_order(void **state)
{
    struct op ops[5];
    unsigned first = completed;
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

static void a_lock_is_held_until_closed(void **state)
{
    struct op first;
    struct op op;

    disk_lock(disk_of(*state), &op_init(&first)->request,
              harness_path(*state, "lock"));
    assert_int_equal(wait_for(*state, &first), ERROR_NONE);
    disk_lock(disk_of(*state), &op_init(&op)->request,
              harness_path(*state, "lock"));
    assert_int_equal(wait_for(*state, &op), ERROR_LOCKED);
    disk_close(disk_of(*state), first.request.file);
    disk_lock(disk_of(*state), &op_init(&op)->request,
              harness_path(*state, "lock"));
    assert_int_equal(wait_for(*state, &op), ERROR_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SEAM_TEST(what_is_appended_can_be_read),
        SEAM_TEST(a_read_is_short_at_the_end_alone),
        SEAM_TEST(an_append_goes_where_it_is_told),
        SEAM_TEST(one_file_keeps_its_order),
        SEAM_TEST(a_truncate_cuts_and_extends),
        SEAM_TEST(space_is_reserved_without_a_change_of_size),
        SEAM_TEST(a_set_of_files_is_synced),
        SEAM_TEST(what_was_submitted_before_a_close_completes),
        SEAM_TEST(past_the_bound_it_is_busy),
        SEAM_TEST(opening_says_what_is_there),
        SEAM_TEST(a_read_only_file_is_not_written),
        SEAM_TEST(a_rename_replaces),
        SEAM_TEST(a_directory_moves_with_what_is_in_it),
        SEAM_TEST(an_unlinked_file_is_there_for_who_holds_it),
        SEAM_TEST(directories_come_and_go),
        SEAM_TEST(a_list_is_sorted_by_bytes),
        SEAM_TEST(paths_keep_their_order),
        SEAM_TEST(a_lock_is_held_until_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
