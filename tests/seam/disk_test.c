/* SPDX-License-Identifier: Apache-2.0
 *
 * The disk: what is in a file, and the order of what is done to it. What a
 * crash leaves is in sim_crash_test.c.
 */
#include <stdio.h>
#include <string.h>

#include "tests/seam/disk_op.h"

static void what_is_appended_can_be_read(void **state)
{
    struct disk_file *file = create(*state, "a");
    struct iovec iov[3] = {{"one ", 4}, {"", 0}, {"two", 3}};
    struct op op;

    disk_append(disk_of(*state), &op_init(&op)->request, file, iov, 3, 0);
    assert_false(op.done);
    assert_int_equal(op_wait(*state, &op), ERROR_NONE);
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
    unsigned first = op_completed;

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
    assert_int_equal(op_wait(*state, &op), ERROR_NONE);
    expect(*state, file, 0, 100, "abc");
    disk_truncate(disk_of(*state), &op_init(&op)->request, file, 5);
    assert_int_equal(op_wait(*state, &op), ERROR_NONE);
    disk_read(disk_of(*state), &op_init(&op)->request, file, buffer, 8, 0);
    assert_int_equal(op_wait(*state, &op), ERROR_NONE);
    assert_int_equal(op.request.size, 5);
    assert_memory_equal(buffer, "abc\0\0", 5);
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
    assert_int_equal(op_wait(*state, &op), ERROR_NONE);
    disk_sync(disk_of(*state), &op_init(&op)->request, files, 1);
    assert_int_equal(op_wait(*state, &op), ERROR_NONE);
}

static void syncs_in_flight_are_all_answered(void **state)
{
    struct disk_file *files[8];
    struct op syncs[90], write;
    struct iovec iov = {"y", 1};
    char name[16];

    for (int i = 0; i < 8; i++) {
        snprintf(name, sizeof name, "f%d", i);
        files[i] = create(*state, name);
        assert_int_equal(append(*state, files[i], 0, "x"), ERROR_NONE);
    }
    disk_append(disk_of(*state), &op_init(&write)->request, files[0], &iov, 1,
                1);
    for (unsigned i = 0; i < 90; i++)
        disk_sync(disk_of(*state), &op_init(&syncs[i])->request, files + i % 5,
                  i % 4);
    for (unsigned i = 0; i < 90; i++) {
        harness_wait(*state, harness_flag, &syncs[i].done);
        assert_int_equal(syncs[i].request.error, ERROR_NONE);
    }
    harness_wait(*state, harness_flag, &write.done);
    for (int i = 0; i < 8; i++)
        expect(*state, files[i], 0, 10, i == 0 ? "xy" : "x");
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

static void behind_the_end_there_are_zeros(void **state)
{
    struct disk_file *file = create(*state, "a");
    char buffer[16];
    struct op op;

    assert_int_equal(append(*state, file, 0, "abcdef"), ERROR_NONE);
    assert_int_equal(truncate_to(*state, file, 2), ERROR_NONE);
    assert_int_equal(append(*state, file, 4, "gh"), ERROR_NONE);
    disk_read(disk_of(*state), &op_init(&op)->request, file, buffer, 16, 0);
    assert_int_equal(op_wait(*state, &op), ERROR_NONE);
    assert_int_equal(op.request.size, 6);
    assert_memory_equal(buffer, "ab\0\0gh", 6);
}

#define VECTOR_BYTES 16384

static void as_many_vectors_as_allowed_are_one_append(void **state)
{
    static uint8_t wanted[DISK_IOV_MAX * VECTOR_BYTES];
    static uint8_t got[sizeof wanted + 1];
    struct disk_file *file = create(*state, "a");
    struct iovec iov[DISK_IOV_MAX];
    size_t at = 0;
    struct op op;

    for (size_t i = 0; i < sizeof wanted; i++)
        wanted[i] = (uint8_t)(i * 7 + i / 251);
    for (size_t i = 0; i < DISK_IOV_MAX; i++) {
        size_t length = i % 5 == 0 ? 0 : VECTOR_BYTES - i;

        iov[i] = (struct iovec){wanted + at, length};
        at += length;
    }
    disk_append(disk_of(*state), &op_init(&op)->request, file, iov,
                DISK_IOV_MAX, 0);
    assert_int_equal(op_wait(*state, &op), ERROR_NONE);
    disk_read(disk_of(*state), &op_init(&op)->request, file, got, sizeof got,
              0);
    assert_int_equal(op_wait(*state, &op), ERROR_NONE);
    assert_int_equal(op.request.size, at);
    assert_memory_equal(got, wanted, at);
}

#define FLIGHT       600
#define FLIGHT_BYTES (4u << 20)

/* Most go on where the one before ends, some back, some ahead. */
static void appends_in_flight_are_as_if_one_by_one(void **state)
{
    static uint8_t wanted[FLIGHT_BYTES], got[FLIGHT_BYTES], source[8192];
    static struct op ops[FLIGHT];
    static struct iovec iov[FLIGHT][2];
    struct disk_file *file = create(*state, "a");
    unsigned first = op_completed;
    size_t at = 0, end = 0;

    for (size_t i = 0; i < sizeof source; i++)
        source[i] = (uint8_t)(i * 7 + i / 251);
    for (size_t i = 0; i < FLIGHT; i++) {
        size_t length = 1 + i * 37 % 5000, half = length / 3;

        if (i % 50 == 49)
            at = at > 3000 ? at - 3000 : 0;
        else if (i % 70 == 69)
            at += 100;
        iov[i][0] = (struct iovec){source + i, half};
        iov[i][1] = (struct iovec){source + i + half, length - half};
        memcpy(wanted + at, source + i, length);
        disk_append(disk_of(*state), &op_init(&ops[i])->request, file, iov[i],
                    2, at);
        at += length;
        if (at > end)
            end = at;
        assert_true(end < FLIGHT_BYTES);
    }
    harness_wait(*state, harness_flag, &ops[FLIGHT - 1].done);
    for (unsigned i = 0; i < FLIGHT; i++) {
        assert_int_equal(ops[i].request.error, ERROR_NONE);
        assert_int_equal(ops[i].number, first + i + 1);
    }
    disk_read(disk_of(*state), &op_init(&ops[0])->request, file, got,
              sizeof got, 0);
    assert_int_equal(op_wait(*state, &ops[0]), ERROR_NONE);
    assert_int_equal(ops[0].request.size, end);
    assert_memory_equal(got, wanted, end);
}

static void all_who_opened_a_file_see_one_file(void **state)
{
    struct disk_file *file = create(*state, "a");
    struct disk_file *other = create(*state, "a");
    struct disk_file *reader = NULL;

    assert_int_equal(open_file(*state, "a", DISK_OPEN_READ_ONLY, &reader), 0);
    assert_int_equal(append(*state, file, 0, "abc"), ERROR_NONE);
    expect(*state, other, 0, 100, "abc");
    assert_int_equal(append(*state, other, 3, "def"), ERROR_NONE);
    expect(*state, reader, 0, 100, "abcdef");
    disk_close(disk_of(*state), other);
    assert_int_equal(truncate_to(*state, file, 4), ERROR_NONE);
    expect(*state, reader, 0, 100, "abcd");
}

static void every_kind_keeps_the_order_of_its_file(void **state)
{
    struct disk *disk = disk_of(*state);
    struct disk_file *file = create(*state, "a");
    struct iovec first = {"abcdef", 6};
    struct iovec second = {"XY", 2};
    unsigned before = op_completed;
    char buffer[16];
    struct op ops[6];

    disk_append(disk, &op_init(&ops[0])->request, file, &first, 1, 0);
    disk_truncate(disk, &op_init(&ops[1])->request, file, 3);
    disk_allocate(disk, &op_init(&ops[2])->request, file, 8192);
    disk_append(disk, &op_init(&ops[3])->request, file, &second, 1, 2);
    disk_read(disk, &op_init(&ops[4])->request, file, buffer, 16, 0);
    disk_truncate(disk, &op_init(&ops[5])->request, file, 0);
    harness_wait(*state, harness_flag, &ops[5].done);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(ops[i].request.error, ERROR_NONE);
        assert_int_equal(ops[i].number, before + i + 1);
    }
    assert_int_equal(ops[4].request.size, 4);
    assert_memory_equal(buffer, "abXY", 4);
    assert_int_equal(size_of(*state, "a"), 0);
}

static void a_read_of_nothing_reads_nothing(void **state)
{
    struct disk_file *file = create(*state, "a");

    expect(*state, file, 0, 0, "");
    assert_int_equal(append(*state, file, 0, "abc"), ERROR_NONE);
    expect(*state, file, 1, 0, "");
}

static void a_set_may_be_empty_or_name_a_file_twice(void **state)
{
    struct disk_file *files[20];

    files[0] = create(*state, "a");
    for (int i = 1; i < 20; i++)
        files[i] = files[0];
    assert_int_equal(append(*state, files[0], 0, "abc"), ERROR_NONE);
    assert_int_equal(sync_files(*state, files, 0), ERROR_NONE);
    assert_int_equal(sync_files(*state, files, 2), ERROR_NONE);
    assert_int_equal(sync_files(*state, files, 20), ERROR_NONE);
    disk_close(disk_of(*state), files[0]);
    assert_int_equal(size_of(*state, "a"), 3);
}

/* A sync is outside of the order: both end, in whichever order. */
static void a_sync_holds_up_no_append(void **state)
{
    struct disk_file *file = create(*state, "a");
    struct iovec iov = {"abc", 3};
    struct op sync;
    struct op op;

    disk_sync(disk_of(*state), &op_init(&sync)->request, &file, 1);
    disk_append(disk_of(*state), &op_init(&op)->request, file, &iov, 1, 0);
    harness_wait(*state, harness_flag, &op.done);
    harness_wait(*state, harness_flag, &sync.done);
    assert_int_equal(op.request.error, ERROR_NONE);
    assert_int_equal(sync.request.error, ERROR_NONE);
    expect(*state, file, 0, 100, "abc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SEAM_TEST(what_is_appended_can_be_read),
        SEAM_TEST(a_read_is_short_at_the_end_alone),
        SEAM_TEST(an_append_goes_where_it_is_told),
        SEAM_TEST(one_file_keeps_its_order),
        SEAM_TEST(a_truncate_cuts_and_extends),
        SEAM_TEST(a_set_of_files_is_synced),
        SEAM_TEST(syncs_in_flight_are_all_answered),
        SEAM_TEST(what_was_submitted_before_a_close_completes),
        SEAM_TEST(behind_the_end_there_are_zeros),
        SEAM_TEST(as_many_vectors_as_allowed_are_one_append),
        SEAM_TEST(appends_in_flight_are_as_if_one_by_one),
        SEAM_TEST(all_who_opened_a_file_see_one_file),
        SEAM_TEST(every_kind_keeps_the_order_of_its_file),
        SEAM_TEST(a_read_of_nothing_reads_nothing),
        SEAM_TEST(a_set_may_be_empty_or_name_a_file_twice),
        SEAM_TEST(a_sync_holds_up_no_append),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
