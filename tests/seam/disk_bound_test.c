/* SPDX-License-Identifier: Apache-2.0
 *
 * The disk: what is bounded, in flight and in space, and what it forbids.
 */
#include <string.h>

#include "tests/seam/disk_op.h"

/* ---- in flight --------------------------------------------------------- */

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

#define KINDS 13

/* One of each kind that changes or needs something. */
static void submit_all(struct harness *harness, struct disk_file *const *file,
                       struct op *ops)
{
    static struct iovec iov = {"XYZ", 3};
    struct disk *disk = disk_of(harness);
    const char *a = harness_path(harness, "a");
    const char *b = harness_path(harness, "b");
    const char *d = harness_path(harness, "d");

    for (int i = 0; i < KINDS; i++)
        op_init(&ops[i]);
    disk_append(disk, &ops[0].request, *file, &iov, 1, 0);
    disk_truncate(disk, &ops[1].request, *file, 1);
    disk_allocate(disk, &ops[2].request, *file, 8192);
    disk_sync(disk, &ops[3].request, file, 1);
    disk_open(disk, &ops[4].request, b, DISK_OPEN_CREATE_EXCL);
    disk_lock(disk, &ops[5].request, b);
    disk_rename(disk, &ops[6].request, a, b);
    disk_unlink(disk, &ops[7].request, a);
    disk_mkdir(disk, &ops[8].request, b);
    disk_rmdir(disk, &ops[9].request, d);
    disk_list(disk, &ops[10].request, d);
    disk_sync_directory(disk, &ops[11].request, d);
    disk_free_space(disk, &ops[12].request, d);
}

static void what_was_refused_was_not_done(void **state)
{
    static struct op reads[DISK_IN_FLIGHT_MAX];
    struct disk_file *file = create(*state, "a");
    struct disk_file *none = NULL;
    struct op ops[KINDS];
    char byte;

    assert_int_equal(append(*state, file, 0, "abcdef"), ERROR_NONE);
    assert_int_equal(on_path(*state, disk_mkdir, "d"), ERROR_NONE);
    for (unsigned i = 0; i < DISK_IN_FLIGHT_MAX; i++)
        disk_read(disk_of(*state), &op_init(&reads[i])->request, file, &byte, 1,
                  0);
    submit_all(*state, &file, ops);
    for (int i = 0; i < KINDS; i++)
        assert_false(ops[i].done);
    for (int i = 0; i < KINDS; i++) {
        harness_wait(*state, harness_flag, &ops[i].done);
        assert_int_equal(ops[i].request.error, ERROR_BUSY);
    }
    harness_wait(*state, harness_flag, &reads[DISK_IN_FLIGHT_MAX - 1].done);
    expect(*state, file, 0, 100, "abcdef");
    assert_int_equal(size_of(*state, "a"), 6);
    assert_int_equal(open_file(*state, "b", DISK_OPEN_EXISTING, &none),
                     ERROR_NOT_FOUND);
    assert_int_equal(on_path(*state, disk_rmdir, "d"), ERROR_NONE);
}

/* ---- space ------------------------------------------------------------- */

static void space_is_reserved_without_a_change_of_size(void **state)
{
    struct disk_file *file = create(*state, "a");

    assert_int_equal(append(*state, file, 0, "abc"), ERROR_NONE);
    assert_int_equal(allocate(*state, file, 1 << 20), ERROR_NONE);
    assert_int_equal(size_of(*state, "a"), 3);
    assert_int_equal(append(*state, file, 3, "def"), ERROR_NONE);
    assert_int_equal(size_of(*state, "a"), 6);
    expect(*state, file, 0, 100, "abcdef");
    assert_true(free_space(*state) > 0);
    assert_int_equal(on_path(*state, disk_free_space, "none"), ERROR_NOT_FOUND);
}

#define SPACE_BYTES (1u << 20)
#define CHUNK_BYTES (64u << 10)

/* A node whose disk holds no more than SPACE_BYTES. */
static void make_small(struct harness *harness)
{
    if (!harness_limit_space(harness, SPACE_BYTES))
        skip();
}

static enum error append_chunk(struct harness *harness, struct disk_file *file,
                               uint64_t offset)
{
    static char chunk[CHUNK_BYTES];
    struct iovec iov = {chunk, sizeof chunk};
    struct op op;

    memset(chunk, 'x', sizeof chunk);
    disk_append(disk_of(harness), &op_init(&op)->request, file, &iov, 1,
                offset);
    return op_wait(harness, &op);
}

/* Appends chunks from `offset` until there is no space; the bytes that were
 * taken. */
static uint64_t fill(struct harness *harness, struct disk_file *file,
                     uint64_t offset)
{
    enum error error;
    uint64_t at = offset;

    while ((error = append_chunk(harness, file, at)) == ERROR_NONE) {
        at += CHUNK_BYTES;
        assert_true(at <= offset + SPACE_BYTES);
    }
    assert_int_equal(error, ERROR_DISK_FULL);
    return at - offset;
}

static void a_full_disk_says_so_and_keeps_what_it_has(void **state)
{
    struct disk_file *file;
    struct disk_file *other;
    uint64_t size;

    make_small(*state);
    file = create(*state, "a");
    other = create(*state, "b");
    assert_int_equal(append(*state, file, 0, "abcdef"), ERROR_NONE);
    size = fill(*state, file, CHUNK_BYTES);
    assert_true(size >= SPACE_BYTES / 2);
    assert_true(free_space(*state) < CHUNK_BYTES);
    assert_int_equal(allocate(*state, other, CHUNK_BYTES), ERROR_DISK_FULL);
    assert_int_equal(size_of(*state, "b"), 0);
    expect(*state, file, 0, 6, "abcdef");
    expect(*state, file, size + CHUNK_BYTES - 3, 3, "xxx");
    /* any prefix of the refused append may be there: it is cut off */
    assert_int_equal(truncate_to(*state, file, size / 2), ERROR_NONE);
    assert_int_equal(append_chunk(*state, other, 0), ERROR_NONE);
    assert_int_equal(sync_files(*state, &other, 1), ERROR_NONE);
}

#define FLIGHT 40

/* Those that fit are there, and the others say that they are not. */
static void appends_in_flight_end_one_by_one_on_a_full_disk(void **state)
{
    static char chunks[FLIGHT][CHUNK_BYTES], got[CHUNK_BYTES];
    static struct op ops[FLIGHT];
    struct iovec iov[FLIGHT];
    struct disk_file *file;
    unsigned first, fitted = 0;

    make_small(*state);
    file = create(*state, "a");
    first = op_completed;
    for (unsigned i = 0; i < FLIGHT; i++) {
        memset(chunks[i], 'A' + (int)i, CHUNK_BYTES);
        iov[i] = (struct iovec){chunks[i], CHUNK_BYTES};
        disk_append(disk_of(*state), &op_init(&ops[i])->request, file, &iov[i],
                    1, (uint64_t)i * CHUNK_BYTES);
    }
    harness_wait(*state, harness_flag, &ops[FLIGHT - 1].done);
    for (unsigned i = 0; i < FLIGHT; i++) {
        struct op read;

        assert_int_equal(ops[i].number, first + i + 1);
        if (ops[i].request.error != ERROR_NONE) {
            assert_int_equal(ops[i].request.error, ERROR_DISK_FULL);
            continue;
        }
        assert_int_equal(fitted++, i);
        disk_read(disk_of(*state), &op_init(&read)->request, file, got,
                  sizeof got, (uint64_t)i * CHUNK_BYTES);
        assert_int_equal(op_wait(*state, &read), ERROR_NONE);
        assert_memory_equal(got, chunks[i], CHUNK_BYTES);
    }
    assert_in_range(fitted, SPACE_BYTES / CHUNK_BYTES / 2, FLIGHT - 1);
}

static void what_is_reserved_is_there_on_a_full_disk(void **state)
{
    struct disk_file *file;
    struct disk_file *other;

    make_small(*state);
    file = create(*state, "a");
    other = create(*state, "b");
    assert_int_equal(allocate(*state, file, 2 * CHUNK_BYTES), ERROR_NONE);
    fill(*state, other, 0);
    assert_int_equal(append_chunk(*state, file, 0), ERROR_NONE);
    assert_int_equal(append_chunk(*state, file, CHUNK_BYTES), ERROR_NONE);
    assert_int_equal(size_of(*state, "a"), 2 * CHUNK_BYTES);
}

static void an_unlinked_file_holds_its_space_until_it_is_closed(void **state)
{
    struct disk_file *file;
    uint64_t before;

    make_small(*state);
    file = create(*state, "a");
    fill(*state, file, 0);
    before = free_space(*state);
    assert_int_equal(on_path(*state, disk_unlink, "a"), ERROR_NONE);
    assert_true(free_space(*state) < before + CHUNK_BYTES);
    disk_close(disk_of(*state), file);
    assert_true(free_space(*state) >= before + SPACE_BYTES / 2);
}

static void nothing_is_changed_where_writing_is_forbidden(void **state)
{
    struct disk_file *file = NULL;

    make_small(*state);
    file = create(*state, "a");
    assert_int_equal(append(*state, file, 0, "abc"), ERROR_NONE);
    disk_close(disk_of(*state), file);
    if (!harness_forbid_writes(*state))
        skip();
    assert_int_equal(open_file(*state, "a", DISK_OPEN_EXISTING, &file),
                     ERROR_PERMISSION);
    assert_int_equal(open_file(*state, "b", DISK_OPEN_CREATE_EXCL, &file),
                     ERROR_PERMISSION);
    assert_int_equal(on_path(*state, disk_mkdir, "d"), ERROR_PERMISSION);
    assert_int_equal(on_path(*state, disk_unlink, "a"), ERROR_PERMISSION);
    assert_int_equal(on_path(*state, disk_lock, "lock"), ERROR_PERMISSION);
    assert_int_equal(rename_to(*state, "a", "b"), ERROR_PERMISSION);
    assert_int_equal(open_file(*state, "a", DISK_OPEN_READ_ONLY, &file), 0);
    expect(*state, file, 0, 100, "abc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SEAM_TEST(past_the_bound_it_is_busy),
        SEAM_TEST(what_was_refused_was_not_done),
        SEAM_TEST(space_is_reserved_without_a_change_of_size),
        SEAM_TEST(a_full_disk_says_so_and_keeps_what_it_has),
        SEAM_TEST(appends_in_flight_end_one_by_one_on_a_full_disk),
        SEAM_TEST(what_is_reserved_is_there_on_a_full_disk),
        SEAM_TEST(an_unlinked_file_holds_its_space_until_it_is_closed),
        SEAM_TEST(nothing_is_changed_where_writing_is_forbidden),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
