/* SPDX-License-Identifier: Apache-2.0
 *
 * What a crash leaves on a simulated disk: over many seeds, nothing that was
 * synced is ever lost, and of what was not, every outcome is seen.
 */
#include <string.h>

#include "tests/seam/lab.h"

#define SEEDS 200
#define PART  3000

/* ---- bytes ------------------------------------------------------------- */

static void what_is_synced_stays_and_the_rest_is_torn(void **state)
{
    struct lab_seen seen = {0};
    unsigned holes = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct lab lab;
        struct lab_node *node = &lab.nodes[0];
        struct disk_file *file = lab_begin(&lab, seed);
        char bytes[LAB_FILE_BYTES];
        long size;
        size_t b;

        assert_int_equal(lab_append(node, file, 0, 'A', PART), 0);
        assert_int_equal(lab_sync(node, file), ERROR_NONE);
        assert_int_equal(lab_append(node, file, PART, 'B', PART), 0);
        lab_bounce(node, NODE_CRASH_POWER);
        size = lab_read(node, "a", bytes);
        assert_in_range(size, PART, 2 * PART);
        assert_int_equal(lab_count(bytes, PART, 'A'), PART);
        b = lab_count(bytes + PART, size - PART, 'B');
        assert_int_equal(b + lab_count(bytes + PART, size - PART, 0),
                         size - PART);
        holes += b == 0 && size > PART;
        lab_tally(&seen, b, PART);
        lab_release(&lab);
    }
    lab_expect_all(&seen);
    assert_true(holes > 0);
}

static void a_killed_process_loses_nothing_completed(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct lab lab;
        struct lab_node *node = &lab.nodes[0];
        struct disk_file *file = lab_begin(&lab, seed);
        char bytes[LAB_FILE_BYTES];

        assert_int_equal(lab_append(node, file, 0, 'A', PART), 0);
        assert_int_equal(lab_truncate(node, file, 100), 0);
        assert_non_null(lab_open(node, "b"));
        lab_bounce(node, NODE_CRASH_PROCESS);
        assert_int_equal(lab_read(node, "a", bytes), 100);
        assert_int_equal(lab_count(bytes, 100, 'A'), 100);
        assert_true(lab_exists(node, "b"));
        lab_release(&lab);
    }
}

/* Four appends are under way when it ends: a prefix of them is there. */
static void in_flight(enum node_crash how, struct lab_seen *seen)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct lab lab;
        struct lab_node *node = &lab.nodes[0];
        struct disk_file *file = lab_begin(&lab, seed);
        char bytes[LAB_FILE_BYTES];
        char letters[4][512];
        struct iovec iov[4];
        struct lab_op ops[4];
        long size;

        for (unsigned i = 0; i < 4; i++) {
            memset(letters[i], 'A' + (int)i, sizeof letters[i]);
            iov[i] = (struct iovec){letters[i], sizeof letters[i]};
            disk_append(node->seam->disk, lab_op_init(&ops[i]), file, &iov[i],
                        1, i * 512u);
        }
        lab_bounce(node, how);
        for (unsigned i = 0; i < 4; i++)
            assert_false(ops[i].done);
        size = lab_read(node, "a", bytes);
        lab_tally(seen, (size_t)size, 2048);
        for (long i = 0; i < size && how == NODE_CRASH_PROCESS; i++)
            assert_int_equal(bytes[i], 'A' + i / 512);
        lab_release(&lab);
    }
}

static void what_is_in_flight_may_happen(void **state)
{
    struct lab_seen killed = {0};
    struct lab_seen powerless = {0};

    (void)state;
    in_flight(NODE_CRASH_PROCESS, &killed);
    lab_expect_all(&killed);
    in_flight(NODE_CRASH_POWER, &powerless);
    lab_expect_all(&powerless);
}

static void a_sync_covers_what_had_completed(void **state)
{
    struct lab_seen seen = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct lab lab;
        struct lab_node *node = &lab.nodes[0];
        struct disk_file *file = lab_begin(&lab, seed);
        char bytes[LAB_FILE_BYTES];
        struct iovec iov = {"B", 1};
        struct lab_op late;
        struct lab_op sync;
        long size;

        assert_int_equal(lab_append(node, file, 0, 'A', 1), 0);
        disk_append(node->seam->disk, lab_op_init(&late), file, &iov, 1, 1);
        disk_sync(node->seam->disk, lab_op_init(&sync), &file, 1);
        assert_int_equal(lab_end(node, &sync), ERROR_NONE);
        assert_int_equal(lab_end(node, &late), ERROR_NONE);
        lab_bounce(node, NODE_CRASH_POWER);
        size = lab_read(node, "a", bytes);
        assert_true(size >= 1);
        assert_int_equal(bytes[0], 'A');
        lab_tally(&seen, lab_count(bytes, size, 'B'), 1);
        lab_release(&lab);
    }
    lab_expect_both(&seen);
}

static void a_truncate_is_durable_by_a_sync(void **state)
{
    struct lab_seen seen = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct lab lab;
        struct lab_node *node = &lab.nodes[0];
        struct disk_file *file = lab_begin(&lab, seed);
        char bytes[LAB_FILE_BYTES];
        bool synced = seed % 2 == 0;
        long size;

        assert_int_equal(lab_append(node, file, 0, 'A', PART), 0);
        assert_int_equal(lab_sync(node, file), ERROR_NONE);
        assert_int_equal(lab_truncate(node, file, 10), 0);
        if (synced)
            assert_int_equal(lab_sync(node, file), ERROR_NONE);
        lab_bounce(node, NODE_CRASH_POWER);
        size = lab_read(node, "a", bytes);
        assert_true(size == 10 || (!synced && size == PART));
        assert_int_equal(lab_count(bytes, size, 'A'), size);
        if (!synced)
            lab_tally(&seen, size == 10, 1);
        lab_release(&lab);
    }
    lab_expect_both(&seen);
}

static void a_failed_sync_is_final(void **state)
{
    struct lab_seen seen = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct lab lab;
        struct lab_node *node = &lab.nodes[0];
        struct disk_file *file = lab_begin(&lab, seed);
        unsigned fault = lab_fault(node, FAULT_DISK_SYNC_EIO, 1);
        char bytes[LAB_FILE_BYTES];
        long size;

        assert_int_equal(lab_append(node, file, 0, 'A', PART), 0);
        assert_int_equal(lab_sync(node, file), ERROR_IO);
        assert_int_equal(world_fault_fired(lab.world, fault), 1);
        assert_int_equal(lab_append(node, file, PART, 'B', 10), 0);
        assert_int_equal(lab_sync(node, file), ERROR_NONE);
        lab_bounce(node, NODE_CRASH_POWER);
        size = lab_read(node, "a", bytes);
        assert_int_equal(size, PART + 10);
        assert_int_equal(lab_count(bytes + PART, 10, 'B'), 10);
        lab_tally(&seen, lab_count(bytes, PART, 'A'), PART);
        lab_release(&lab);
    }
    lab_expect_all(&seen);
}

/* Older bytes whose sync failed do not come back over newer ones. */
static void what_is_synced_later_wins(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct lab lab;
        struct lab_node *node = &lab.nodes[0];
        struct disk_file *file = lab_begin(&lab, seed);
        char bytes[LAB_FILE_BYTES];

        lab_fault(node, FAULT_DISK_SYNC_EIO, 1);
        assert_int_equal(lab_append(node, file, 0, 'A', PART), 0);
        assert_int_equal(lab_sync(node, file), ERROR_IO);
        assert_int_equal(lab_append(node, file, 1000, 'B', 1000), 0);
        assert_int_equal(lab_truncate(node, file, 2000), 0);
        assert_int_equal(lab_sync(node, file), ERROR_NONE);
        lab_bounce(node, NODE_CRASH_POWER);
        assert_int_equal(lab_read(node, "a", bytes), 2000);
        assert_int_equal(lab_count(bytes + 1000, 1000, 'B'), 1000);
        lab_release(&lab);
    }
}

static void what_is_old_is_written_back(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct lab lab;
        struct lab_node *node = &lab.nodes[0];
        struct disk_file *file = lab_begin(&lab, seed);
        char bytes[LAB_FILE_BYTES];

        assert_int_equal(lab_append(node, file, 0, 'A', PART), 0);
        lab_pass(&lab, 31000000);
        assert_int_equal(lab_append(node, file, PART, 'B', 1), 0);
        lab_bounce(node, NODE_CRASH_POWER);
        assert_true(lab_read(node, "a", bytes) >= PART);
        assert_int_equal(lab_count(bytes, PART, 'A'), PART);
        lab_release(&lab);
    }
}

/* ---- names ------------------------------------------------------------- */

static void a_name_is_durable_by_its_directory(void **state)
{
    struct lab_seen seen = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct lab lab;
        struct lab_node *node = &lab.nodes[0];
        bool synced = seed % 2 == 0;
        char bytes[LAB_FILE_BYTES];
        struct disk_file *file;
        long size;

        lab_begin(&lab, seed);
        file = lab_open(node, "b");
        assert_int_equal(lab_append(node, file, 0, 'B', PART), 0);
        assert_int_equal(lab_sync(node, file), ERROR_NONE);
        if (synced)
            assert_int_equal(lab_path(node, disk_sync_directory, "/"), 0);
        lab_bounce(node, NODE_CRASH_POWER);
        assert_true(lab_exists(node, "a"));
        size = lab_read(node, "b", bytes);
        assert_true(size == PART || (!synced && size == -1));
        assert_int_equal(lab_count(bytes, size, 'B'), size < 0 ? 0 : size);
        if (!synced)
            lab_tally(&seen, size == PART, 1);
        lab_release(&lab);
    }
    lab_expect_both(&seen);
}

/* "a" is replaced by way of "t". */
static void replace(struct lab_node *node, struct disk_file *file,
                    bool sync_first, bool sync_directory)
{
    struct disk_file *new;

    assert_int_equal(lab_append(node, file, 0, 'A', PART), 0);
    assert_int_equal(lab_sync(node, file), ERROR_NONE);
    new = lab_open(node, "t");
    assert_int_equal(lab_append(node, new, 0, 'B', PART), 0);
    if (sync_first)
        assert_int_equal(lab_sync(node, new), ERROR_NONE);
    assert_int_equal(lab_path(node, disk_sync_directory, "/"), 0);
    assert_int_equal(lab_rename(node, "t", "a"), ERROR_NONE);
    if (sync_directory)
        assert_int_equal(lab_path(node, disk_sync_directory, "/"), 0);
    lab_bounce(node, NODE_CRASH_POWER);
}

static void a_rename_is_old_or_new(void **state)
{
    struct lab_seen seen = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct lab lab;
        struct lab_node *node = &lab.nodes[0];
        char bytes[LAB_FILE_BYTES];
        bool synced = seed % 2 == 0;
        bool new;

        replace(node, lab_begin(&lab, seed), true, synced);
        assert_int_equal(lab_read(node, "a", bytes), PART);
        new = bytes[0] == 'B';
        assert_int_equal(lab_count(bytes, PART, new ? 'B' : 'A'), PART);
        assert_int_equal(lab_exists(node, "t"), !new);
        assert_true(new || !synced);
        if (!synced)
            lab_tally(&seen, new, 1);
        lab_release(&lab);
    }
    lab_expect_both(&seen);
}

static void a_rename_says_nothing_about_the_bytes(void **state)
{
    struct lab_seen seen = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct lab lab;
        struct lab_node *node = &lab.nodes[0];
        char bytes[LAB_FILE_BYTES];
        long size;

        replace(node, lab_begin(&lab, seed), false, true);
        size = lab_read(node, "a", bytes);
        assert_in_range(size, 0, PART);
        assert_int_equal(lab_count(bytes, size, 'A'), 0);
        lab_tally(&seen, lab_count(bytes, size, 'B'), PART);
        lab_release(&lab);
    }
    lab_expect_all(&seen);
}

static void a_move_between_directories_is_whole(void **state)
{
    struct lab_seen seen = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct lab lab;
        struct lab_node *node = &lab.nodes[0];
        bool synced = seed % 2 == 0;
        bool moved;

        lab_init(&lab, seed, 1);
        assert_int_equal(lab_path(node, disk_mkdir, "d"), ERROR_NONE);
        assert_int_equal(lab_path(node, disk_mkdir, "e"), ERROR_NONE);
        assert_int_equal(lab_path(node, disk_sync_directory, "/"), 0);
        assert_non_null(lab_open(node, "d/a"));
        if (!synced)
            assert_int_equal(lab_path(node, disk_sync_directory, "d"), 0);
        assert_int_equal(lab_rename(node, "d/a", "e/b"), ERROR_NONE);
        if (synced)
            assert_int_equal(lab_path(node, disk_sync_directory, "e"), 0);
        lab_bounce(node, NODE_CRASH_POWER);
        moved = lab_exists(node, "e/b");
        assert_int_equal(lab_exists(node, "d/a"), !moved);
        assert_true(moved || !synced);
        if (!synced)
            lab_tally(&seen, moved, 1);
        lab_release(&lab);
    }
    lab_expect_both(&seen);
}

static void an_unlinked_file_may_come_back(void **state)
{
    struct lab_seen seen = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct lab lab;
        struct lab_node *node = &lab.nodes[0];
        struct disk_file *file = lab_begin(&lab, seed);
        bool synced = seed % 2 == 0;
        char bytes[LAB_FILE_BYTES];
        long size;

        assert_int_equal(lab_append(node, file, 0, 'A', PART), 0);
        assert_int_equal(lab_sync(node, file), ERROR_NONE);
        disk_close(node->seam->disk, file);
        assert_int_equal(lab_path(node, disk_unlink, "a"), ERROR_NONE);
        if (synced)
            assert_int_equal(lab_path(node, disk_sync_directory, "/"), 0);
        lab_bounce(node, NODE_CRASH_POWER);
        size = lab_read(node, "a", bytes);
        assert_true(size == -1 || (!synced && size == PART));
        if (!synced)
            lab_tally(&seen, size == -1, 1);
        lab_release(&lab);
    }
    lab_expect_both(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_synced_stays_and_the_rest_is_torn),
        cmocka_unit_test(a_killed_process_loses_nothing_completed),
        cmocka_unit_test(what_is_in_flight_may_happen),
        cmocka_unit_test(a_sync_covers_what_had_completed),
        cmocka_unit_test(a_truncate_is_durable_by_a_sync),
        cmocka_unit_test(a_failed_sync_is_final),
        cmocka_unit_test(what_is_synced_later_wins),
        cmocka_unit_test(what_is_old_is_written_back),
        cmocka_unit_test(a_name_is_durable_by_its_directory),
        cmocka_unit_test(a_rename_is_old_or_new),
        cmocka_unit_test(a_rename_says_nothing_about_the_bytes),
        cmocka_unit_test(a_move_between_directories_is_whole),
        cmocka_unit_test(an_unlinked_file_may_come_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
