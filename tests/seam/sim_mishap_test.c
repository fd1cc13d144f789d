/* SPDX-License-Identifier: Apache-2.0
 *
 * What befalls a simulated disk besides crashes: it is emptied, fails in part,
 * goes back in time, rots, is full; and one operation of it is struck.
 */
#include <stdio.h>

#include "tests/seam/lab.h"

#define SEEDS 200
#define PART  3000

static void a_wiped_disk_is_empty(void **state)
{
    struct lab lab;
    struct lab_node *node = &lab.nodes[0];
    struct lab_op op;

    (void)state;
    lab_init(&lab, 1, 1);
    assert_int_equal(lab_path(node, disk_mkdir, "d"), ERROR_NONE);
    assert_int_equal(lab_append(node, lab_open(node, "d/a"), 0, 'A', 9), 0);
    node_crash(node->node, NODE_CRASH_PROCESS);
    node_wipe_disk(node->node);
    node_start(node->node);
    disk_list(node->seam->disk, lab_op_init(&op), "/");
    assert_int_equal(lab_end(node, &op), ERROR_NONE);
    assert_int_equal(op.request.name_count, 0);
    lab_release(&lab);
}

/* n0 with d1/a and d2/b, synced. */
static void begin_directories(struct lab *lab, struct disk_file *files[2])
{
    struct lab_node *node = &lab->nodes[0];

    lab_init(lab, 1, 1);
    assert_int_equal(lab_path(node, disk_mkdir, "d1"), ERROR_NONE);
    assert_int_equal(lab_path(node, disk_mkdir, "d2"), ERROR_NONE);
    files[0] = lab_open(node, "d1/a");
    files[1] = lab_open(node, "d2/b");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(lab_append(node, files[i], 0, 'A', 9), ERROR_NONE);
        assert_int_equal(lab_sync(node, files[i]), ERROR_NONE);
    }
    assert_int_equal(lab_path(node, disk_sync_directory, "/"), ERROR_NONE);
    assert_int_equal(lab_path(node, disk_sync_directory, "d1"), ERROR_NONE);
    assert_int_equal(lab_path(node, disk_sync_directory, "d2"), ERROR_NONE);
}

static void a_directory_fails_as_a_whole_and_alone(void **state)
{
    struct lab lab;
    struct lab_node *node = &lab.nodes[0];
    struct disk_file *files[2];
    char bytes[LAB_FILE_BYTES];

    (void)state;
    begin_directories(&lab, files);
    node_fail_directory(node->node, "d2", true);
    node_fail_directory(node->node, "d2", true);
    assert_int_equal(lab_append(node, files[0], 9, 'B', 9), ERROR_NONE);
    assert_int_equal(lab_sync(node, files[0]), ERROR_NONE);
    assert_int_equal(lab_append(node, files[1], 9, 'B', 9), ERROR_IO);
    assert_int_equal(lab_sync(node, files[1]), ERROR_IO);
    assert_int_equal(lab_path(node, disk_lock, "./d2/lock"), ERROR_IO);
    assert_int_equal(lab_path(node, disk_mkdir, "d2"), ERROR_IO);
    assert_int_equal(lab_path(node, disk_mkdir, "d22"), ERROR_NONE);
    assert_int_equal(lab_rename(node, "d1/a", "d2/a"), ERROR_IO);
    lab_bounce(node, NODE_CRASH_POWER);
    assert_int_equal(lab_path(node, disk_mkdir, "d2/c"), ERROR_IO);
    assert_int_equal(lab_read(node, "d1/a", bytes), 18);
    node_fail_directory(node->node, "d2", false);
    assert_int_equal(lab_path(node, disk_mkdir, "d2/c"), ERROR_NONE);
    assert_true(lab_read(node, "d2/b", bytes) >= 9); /* what was synced */
    lab_release(&lab);
}

static void a_replaced_directory_is_empty_and_the_others_are_not(void **state)
{
    struct lab lab;
    struct lab_node *node = &lab.nodes[0];
    struct disk_file *files[2];
    char bytes[LAB_FILE_BYTES];

    (void)state;
    begin_directories(&lab, files);
    assert_int_equal(lab_path(node, disk_mkdir, "d2/unsynced"), ERROR_NONE);
    assert_true(node_has_path(node->node, "d2/b"));
    node_crash(node->node, NODE_CRASH_PROCESS);
    node_wipe_directory(node->node, "d2");
    assert_false(node_has_path(node->node, "d2/b"));
    for (int i = 0; i < 2; i++) { /* in both views */
        node_start(node->node);
        assert_false(lab_exists(node, "d2/b"));
        assert_int_equal(lab_read(node, "d1/a", bytes), 9);
        node_crash(node->node, NODE_CRASH_POWER);
    }
    node_start(node->node);
    assert_int_equal(lab_path(node, disk_mkdir, "d2"), ERROR_NONE);
    lab_release(&lab);
}

/* What was synced when the image was taken, and nothing after it. */
static void an_old_image_comes_back(void **state)
{
    struct lab lab;
    struct lab_node *node = &lab.nodes[0];
    struct disk_file *file = lab_begin(&lab, 1);
    char bytes[LAB_FILE_BYTES];

    (void)state;
    assert_false(node_has_image(node->node));
    assert_int_equal(lab_path(node, disk_mkdir, "d"), ERROR_NONE);
    assert_int_equal(lab_append(node, file, 0, 'A', PART), 0);
    assert_int_equal(lab_append(node, lab_open(node, "d/b"), 0, 'B', 9), 0);
    assert_int_equal(lab_sync(node, file), ERROR_NONE);
    assert_int_equal(lab_path(node, disk_sync_directory, "/"), ERROR_NONE);
    node_save_disk(node->node);
    assert_int_equal(lab_append(node, file, 0, 'C', 2 * PART), 0);
    assert_int_equal(lab_sync(node, file), ERROR_NONE);
    assert_non_null(lab_open(node, "c"));
    assert_int_equal(lab_path(node, disk_sync_directory, "/"), ERROR_NONE);
    for (int i = 0; i < 2; i++) {
        node_crash(node->node, NODE_CRASH_PROCESS);
        node_restore_disk(node->node);
        node_start(node->node);
        lab_bounce(node, NODE_CRASH_POWER);
        assert_int_equal(lab_read(node, "a", bytes), PART);
        assert_int_equal(lab_count(bytes, PART, 'A'), PART);
        assert_false(lab_exists(node, "c"));
        assert_int_equal(lab_append(node, lab_open(node, "a"), 0, 'D', 9), 0);
        assert_int_equal(lab_path(node, disk_unlink, "a"), ERROR_NONE);
    }
    lab_release(&lab);
}

static void rot_flips_one_stored_bit(void **state)
{
    struct lab lab;
    struct lab_node *node = &lab.nodes[0];
    struct disk_file *file = lab_begin(&lab, 1);
    char bytes[LAB_FILE_BYTES];

    (void)state;
    assert_int_equal(lab_append(node, file, 0, 'A', 10), 0);
    assert_int_equal(lab_sync(node, file), ERROR_NONE);
    assert_true(node_rot(node->node, "a", 7));
    assert_false(node_rot(node->node, "a", 10));
    assert_false(node_rot(node->node, "none", 0));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(lab_read(node, "a", bytes), 10);
        assert_int_equal(lab_count(bytes, 10, 'A'), 9);
        assert_int_equal(
            __builtin_popcount((unsigned char)bytes[7] ^ (unsigned)'A'), 1);
        lab_bounce(node, NODE_CRASH_POWER);
    }
    lab_release(&lab);
}

static void a_full_disk_takes_a_prefix(void **state)
{
    struct lab_seen seen = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct lab lab;
        struct lab_node *node = &lab.nodes[0];
        struct disk_file *file = lab_begin(&lab, seed);
        char bytes[LAB_FILE_BYTES];
        struct lab_op op;
        long size;

        node_set_disk_capacity(node->node, 1000);
        disk_allocate(node->seam->disk, lab_op_init(&op), file, 1001);
        assert_int_equal(lab_end(node, &op), ERROR_DISK_FULL);
        assert_int_equal(lab_append(node, file, 0, 'A', 2000), ERROR_DISK_FULL);
        size = lab_read(node, "a", bytes);
        assert_in_range(size, 0, 1000);
        lab_tally(&seen, (size_t)size, 1000);
        assert_int_equal(lab_truncate(node, file, 0), 0);
        assert_int_equal(lab_append(node, file, 0, 'A', 1000), 0);
        disk_free_space(node->seam->disk, lab_op_init(&op), "/");
        assert_int_equal(lab_end(node, &op), ERROR_NONE);
        assert_int_equal(op.request.size, 0);
        disk_close(node->seam->disk, file);
        assert_int_equal(lab_path(node, disk_unlink, "a"), ERROR_NONE);
        file = lab_open(node, "b");
        assert_int_equal(lab_append(node, file, 0, 'B', 1000), 0);
        lab_release(&lab);
    }
    assert_true(seen.other > 0);
}

/* ---- strikes ----------------------------------------------------------- */

struct struck {
    struct node *node;
    unsigned calls;
    const char *operation;
    char path[16];
    bool crash;
};

static void on_chosen(void *context, const struct disk_call *call)
{
    struct struck *struck = context;

    struck->operation = disk_operation_name(call->operation);
    snprintf(struck->path, sizeof struck->path, "%s", call->path);
}

static void on_strike(void *context)
{
    struct struck *struck = context;

    struck->calls++;
    if (struck->crash)
        node_crash(struck->node, NODE_CRASH_PROCESS);
}

/* The second operation from now on. */
static void strike(struct lab_node *node, enum disk_strike_kind kind,
                   struct struck *struck)
{
    const struct disk_strike plan = {
        .kind = kind,
        .nth = node_disk_operations(node->node, kind) + 2,
        .chosen = on_chosen,
        .call = on_strike,
        .context = struck};

    *struck = (struct struck){.node = node->node};
    node_strike_disk(node->node, &plan);
}

static void a_strike_fails_one_operation(void **state)
{
    char bytes[LAB_FILE_BYTES];
    struct lab lab;
    struct lab_node *node = &lab.nodes[0];
    struct disk_file *file = lab_begin(&lab, 1);
    struct struck struck;

    (void)state;
    strike(node, DISK_STRIKE_ERROR, &struck);
    assert_int_equal(lab_append(node, file, 0, 'A', PART), ERROR_NONE);
    assert_int_equal(struck.calls, 0);
    assert_int_equal(lab_append(node, file, PART, 'B', PART), ERROR_IO);
    assert_string_equal(struck.operation, "append");
    assert_int_equal(lab_append(node, file, PART, 'C', PART), ERROR_NONE);
    assert_string_equal(struck.path, "a");
    strike(node, DISK_STRIKE_FULL, &struck);
    assert_int_equal(lab_sync(node, file), ERROR_NONE);
    assert_int_equal(lab_append(node, file, 0, 'D', PART), ERROR_DISK_FULL);
    strike(node, DISK_STRIKE_FULL, &struck);
    assert_int_equal(lab_append(node, file, 0, 'E', PART), ERROR_NONE);
    assert_int_equal(lab_sync(node, file), ERROR_IO); /* takes no space */
    strike(node, DISK_STRIKE_SHORT, &struck);
    assert_int_equal(lab_append(node, file, 0, 'F', PART), ERROR_NONE);
    assert_int_equal(lab_truncate(node, file, 0), ERROR_NONE);
    assert_int_equal(lab_append(node, file, 0, 'G', PART), ERROR_IO);
    assert_in_range(lab_read(node, "a", bytes), 1, PART - 1);
    assert_int_equal(struck.calls, 1);
    lab_release(&lab);
}

/* As it is submitted it may happen or not; once it is done it has. */
static void a_strike_crashes_at_one_operation(void **state)
{
    struct lab_seen seen = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct lab lab;
        struct lab_node *node = &lab.nodes[0];
        struct disk_file *file = lab_begin(&lab, seed);
        struct iovec iov = {"BBBBBBBB", 8};
        struct struck struck;
        char bytes[LAB_FILE_BYTES];
        struct lab_op op;
        bool late = seed % 2 == 0;
        long size;

        strike(node, late ? DISK_STRIKE_DONE : DISK_STRIKE_SUBMITTED, &struck);
        struck.crash = true;
        assert_int_equal(lab_append(node, file, 0, 'A', 10), ERROR_NONE);
        disk_append(node->seam->disk, lab_op_init(&op), file, &iov, 1, 10);
        assert_int_equal(node_is_up(node->node), late);
        lab_pass(&lab, 100000);
        assert_false(node_is_up(node->node));
        assert_int_equal(op.done, late);
        assert_int_equal(struck.calls, 1);
        node_start(node->node);
        size = lab_read(node, "a", bytes);
        assert_int_equal(lab_count(bytes, size, 'A'), 10);
        if (late)
            assert_int_equal(size, 18);
        else
            lab_tally(&seen, (size_t)size - 10, 8);
        lab_release(&lab);
    }
    lab_expect_all(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wiped_disk_is_empty),
        cmocka_unit_test(a_directory_fails_as_a_whole_and_alone),
        cmocka_unit_test(a_replaced_directory_is_empty_and_the_others_are_not),
        cmocka_unit_test(an_old_image_comes_back),
        cmocka_unit_test(rot_flips_one_stored_bit),
        cmocka_unit_test(a_full_disk_takes_a_prefix),
        cmocka_unit_test(a_strike_fails_one_operation),
        cmocka_unit_test(a_strike_crashes_at_one_operation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
