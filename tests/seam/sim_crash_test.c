/* SPDX-License-Identifier: Apache-2.0
 *
 * What a crash leaves on a simulated disk: over many seeds, nothing that was
 * synced is ever lost, and of what was not, every outcome is seen.
 */
#include <stdio.h>
#include <string.h>

#include "tests/seam/lab.h"

#define SEEDS 200
#define PART  3000

/* How often each outcome was seen. */
struct seen {
    unsigned lost;
    unsigned kept;
    unsigned other;
};

static void expect_all(const struct seen *seen)
{
    if (seen->lost == 0 || seen->kept == 0 || seen->other == 0)
        fail_msg("lost %u, kept %u, other %u", seen->lost, seen->kept,
                 seen->other);
}

static void expect_both(const struct seen *seen)
{
    if (seen->lost == 0 || seen->kept == 0)
        fail_msg("lost %u, kept %u", seen->lost, seen->kept);
}

static size_t count(const char *bytes, long size, char letter)
{
    size_t found = 0;

    for (long i = 0; i < size; i++)
        found += bytes[i] == letter;
    return found;
}

static void tally(struct seen *seen, size_t found, size_t whole)
{
    if (found == 0)
        seen->lost++;
    else if (found == whole)
        seen->kept++;
    else
        seen->other++;
}

/* A node with an empty file "a" that is durable by name. */
static struct disk_file *begin(struct lab *lab, uint64_t seed)
{
    struct disk_file *file;

    lab_init(lab, seed, 1);
    file = lab_open(&lab->nodes[0], "a");
    assert_non_null(file);
    assert_int_equal(lab_path(&lab->nodes[0], disk_sync_directory, "/"), 0);
    return file;
}

/* ---- bytes ------------------------------------------------------------- */

static void what_is_synced_stays_and_the_rest_is_torn(void **state)
{
    struct seen seen = {0};
    unsigned holes = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct lab lab;
        struct lab_node *node = &lab.nodes[0];
        struct disk_file *file = begin(&lab, seed);
        char bytes[LAB_FILE_BYTES];
        long size;
        size_t b;

        assert_int_equal(lab_append(node, file, 0, 'A', PART), 0);
        assert_int_equal(lab_sync(node, file), ERROR_NONE);
        assert_int_equal(lab_append(node, file, PART, 'B', PART), 0);
        lab_bounce(node, NODE_CRASH_POWER);
        size = lab_read(node, "a", bytes);
        assert_in_range(size, PART, 2 * PART);
        assert_int_equal(count(bytes, PART, 'A'), PART);
        b = count(bytes + PART, size - PART, 'B');
        assert_int_equal(b + count(bytes + PART, size - PART, 0), size - PART);
        holes += b == 0 && size > PART;
        tally(&seen, b, PART);
        lab_release(&lab);
    }
    expect_all(&seen);
    assert_true(holes > 0);
}

static void a_killed_process_loses_nothing_completed(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct lab lab;
        struct lab_node *node = &lab.nodes[0];
        struct disk_file *file = begin(&lab, seed);
        char bytes[LAB_FILE_BYTES];

        assert_int_equal(lab_append(node, file, 0, 'A', PART), 0);
        assert_int_equal(lab_truncate(node, file, 100), 0);
        assert_non_null(lab_open(node, "b"));
        lab_bounce(node, NODE_CRASH_PROCESS);
        assert_int_equal(lab_read(node, "a", bytes), 100);
        assert_int_equal(count(bytes, 100, 'A'), 100);
        assert_true(lab_exists(node, "b"));
        lab_release(&lab);
    }
}

/* Four appends are under way when it ends: a prefix of them is there. */
static void in_flight(enum node_crash how, struct seen *seen)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct lab lab;
        struct lab_node *node = &lab.nodes[0];
        struct disk_file *file = begin(&lab, seed);
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
        tally(seen, (size_t)size, 2048);
        for (long i = 0; i < size && how == NODE_CRASH_PROCESS; i++)
            assert_int_equal(bytes[i], 'A' + i / 512);
        lab_release(&lab);
    }
}

static void what_is_in_flight_may_happen(void **state)
{
    struct seen killed = {0};
    struct seen powerless = {0};

    (void)state;
    in_flight(NODE_CRASH_PROCESS, &killed);
    expect_all(&killed);
    in_flight(NODE_CRASH_POWER, &powerless);
    expect_all(&powerless);
}

static void a_sync_covers_what_had_completed(void **state)
{
    struct seen seen = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct lab lab;
        struct lab_node *node = &lab.nodes[0];
        struct disk_file *file = begin(&lab, seed);
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
        tally(&seen, count(bytes, size, 'B'), 1);
        lab_release(&lab);
    }
    expect_both(&seen);
}

static void a_truncate_is_durable_by_a_sync(void **state)
{
    struct seen seen = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct lab lab;
        struct lab_node *node = &lab.nodes[0];
        struct disk_file *file = begin(&lab, seed);
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
        assert_int_equal(count(bytes, size, 'A'), size);
        if (!synced)
            tally(&seen, size == 10, 1);
        lab_release(&lab);
    }
    expect_both(&seen);
}

static void a_failed_sync_is_final(void **state)
{
    struct seen seen = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct lab lab;
        struct lab_node *node = &lab.nodes[0];
        struct disk_file *file = begin(&lab, seed);
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
        assert_int_equal(count(bytes + PART, 10, 'B'), 10);
        tally(&seen, count(bytes, PART, 'A'), PART);
        lab_release(&lab);
    }
    expect_all(&seen);
}

static void after_a_failed_sync_reads_show_new_or_old(void **state)
{
    struct seen seen = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct lab lab;
        struct lab_node *node = &lab.nodes[0];
        struct disk_file *file = begin(&lab, seed);
        char bytes[LAB_FILE_BYTES];

        assert_int_equal(lab_append(node, file, 0, 'A', 100), 0);
        assert_int_equal(lab_sync(node, file), ERROR_NONE);
        lab_fault(node, FAULT_DISK_SYNC_EIO, 1);
        assert_int_equal(lab_append(node, file, 0, 'B', 100), 0);
        assert_int_equal(lab_sync(node, file), ERROR_IO);
        assert_int_equal(lab_read(node, "a", bytes), 100);
        tally(&seen, count(bytes, 100, 'B'), 100);
        lab_release(&lab);
    }
    expect_both(&seen);
    assert_int_equal(seen.other, 0);
}

/* Older bytes whose sync failed do not come back over newer ones. */
static void what_is_synced_later_wins(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct lab lab;
        struct lab_node *node = &lab.nodes[0];
        struct disk_file *file = begin(&lab, seed);
        char bytes[LAB_FILE_BYTES];

        lab_fault(node, FAULT_DISK_SYNC_EIO, 1);
        assert_int_equal(lab_append(node, file, 0, 'A', PART), 0);
        assert_int_equal(lab_sync(node, file), ERROR_IO);
        assert_int_equal(lab_append(node, file, 1000, 'B', 1000), 0);
        assert_int_equal(lab_truncate(node, file, 2000), 0);
        assert_int_equal(lab_sync(node, file), ERROR_NONE);
        lab_bounce(node, NODE_CRASH_POWER);
        assert_int_equal(lab_read(node, "a", bytes), 2000);
        assert_int_equal(count(bytes + 1000, 1000, 'B'), 1000);
        lab_release(&lab);
    }
}

static void what_is_old_is_written_back(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct lab lab;
        struct lab_node *node = &lab.nodes[0];
        struct disk_file *file = begin(&lab, seed);
        char bytes[LAB_FILE_BYTES];

        assert_int_equal(lab_append(node, file, 0, 'A', PART), 0);
        lab_pass(&lab, 31000000);
        assert_int_equal(lab_append(node, file, PART, 'B', 1), 0);
        lab_bounce(node, NODE_CRASH_POWER);
        assert_true(lab_read(node, "a", bytes) >= PART);
        assert_int_equal(count(bytes, PART, 'A'), PART);
        lab_release(&lab);
    }
}

/* ---- names ------------------------------------------------------------- */

static void a_name_is_durable_by_its_directory(void **state)
{
    struct seen seen = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct lab lab;
        struct lab_node *node = &lab.nodes[0];
        bool synced = seed % 2 == 0;
        char bytes[LAB_FILE_BYTES];
        struct disk_file *file;
        long size;

        begin(&lab, seed);
        file = lab_open(node, "b");
        assert_int_equal(lab_append(node, file, 0, 'B', PART), 0);
        assert_int_equal(lab_sync(node, file), ERROR_NONE);
        if (synced)
            assert_int_equal(lab_path(node, disk_sync_directory, "/"), 0);
        lab_bounce(node, NODE_CRASH_POWER);
        assert_true(lab_exists(node, "a"));
        size = lab_read(node, "b", bytes);
        assert_true(size == PART || (!synced && size == -1));
        assert_int_equal(count(bytes, size, 'B'), size < 0 ? 0 : size);
        if (!synced)
            tally(&seen, size == PART, 1);
        lab_release(&lab);
    }
    expect_both(&seen);
}

static void names_survive_in_the_order_they_were_made(void **state)
{
    static const char *const names[] = {"p", "o", "n", "m"};
    struct seen seen = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct lab lab;
        struct lab_node *node = &lab.nodes[0];
        unsigned there = 0;

        lab_init_on(&lab, seed, 1, DISK_PROFILE_EXT4);
        for (unsigned i = 0; i < 4; i++)
            assert_non_null(lab_open(node, names[i]));
        lab_bounce(node, NODE_CRASH_POWER);
        while (there < 4 && lab_exists(node, names[there]))
            there++;
        for (unsigned i = there; i < 4; i++)
            assert_false(lab_exists(node, names[i]));
        tally(&seen, there, 4);
        lab_release(&lab);
    }
    expect_all(&seen);
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
    struct seen seen = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct lab lab;
        struct lab_node *node = &lab.nodes[0];
        char bytes[LAB_FILE_BYTES];
        bool synced = seed % 2 == 0;
        bool new;

        replace(node, begin(&lab, seed), true, synced);
        assert_int_equal(lab_read(node, "a", bytes), PART);
        new = bytes[0] == 'B';
        assert_int_equal(count(bytes, PART, new ? 'B' : 'A'), PART);
        assert_int_equal(lab_exists(node, "t"), !new);
        assert_true(new || !synced);
        if (!synced)
            tally(&seen, new, 1);
        lab_release(&lab);
    }
    expect_both(&seen);
}

static void a_rename_says_nothing_about_the_bytes(void **state)
{
    struct seen seen = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct lab lab;
        struct lab_node *node = &lab.nodes[0];
        char bytes[LAB_FILE_BYTES];
        long size;

        replace(node, begin(&lab, seed), false, true);
        size = lab_read(node, "a", bytes);
        assert_in_range(size, 0, PART);
        assert_int_equal(count(bytes, size, 'A'), 0);
        tally(&seen, count(bytes, size, 'B'), PART);
        lab_release(&lab);
    }
    expect_all(&seen);
}

static void a_move_between_directories_is_whole(void **state)
{
    struct seen seen = {0};

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
            tally(&seen, moved, 1);
        lab_release(&lab);
    }
    expect_both(&seen);
}

static void an_unlinked_file_may_come_back(void **state)
{
    struct seen seen = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct lab lab;
        struct lab_node *node = &lab.nodes[0];
        struct disk_file *file = begin(&lab, seed);
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
            tally(&seen, size == -1, 1);
        lab_release(&lab);
    }
    expect_both(&seen);
}

/* ---- what is done to a disk -------------------------------------------- */

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
    struct disk_file *file = begin(&lab, 1);
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
        assert_int_equal(count(bytes, PART, 'A'), PART);
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
    struct disk_file *file = begin(&lab, 1);
    char bytes[LAB_FILE_BYTES];

    (void)state;
    assert_int_equal(lab_append(node, file, 0, 'A', 10), 0);
    assert_int_equal(lab_sync(node, file), ERROR_NONE);
    assert_true(node_rot(node->node, "a", 7));
    assert_false(node_rot(node->node, "a", 10));
    assert_false(node_rot(node->node, "none", 0));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(lab_read(node, "a", bytes), 10);
        assert_int_equal(count(bytes, 10, 'A'), 9);
        assert_int_equal(
            __builtin_popcount((unsigned char)bytes[7] ^ (unsigned)'A'), 1);
        lab_bounce(node, NODE_CRASH_POWER);
    }
    lab_release(&lab);
}

static void a_full_disk_takes_a_prefix(void **state)
{
    struct seen seen = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct lab lab;
        struct lab_node *node = &lab.nodes[0];
        struct disk_file *file = begin(&lab, seed);
        char bytes[LAB_FILE_BYTES];
        struct lab_op op;
        long size;

        node_set_disk_capacity(node->node, 1000);
        disk_allocate(node->seam->disk, lab_op_init(&op), file, 1001);
        assert_int_equal(lab_end(node, &op), ERROR_DISK_FULL);
        assert_int_equal(lab_append(node, file, 0, 'A', 2000), ERROR_DISK_FULL);
        size = lab_read(node, "a", bytes);
        assert_in_range(size, 0, 1000);
        tally(&seen, (size_t)size, 1000);
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
    struct disk_file *file = begin(&lab, 1);
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
    struct seen seen = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct lab lab;
        struct lab_node *node = &lab.nodes[0];
        struct disk_file *file = begin(&lab, seed);
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
        assert_int_equal(count(bytes, size, 'A'), 10);
        if (late)
            assert_int_equal(size, 18);
        else
            tally(&seen, (size_t)size - 10, 8);
        lab_release(&lab);
    }
    expect_all(&seen);
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
        cmocka_unit_test(after_a_failed_sync_reads_show_new_or_old),
        cmocka_unit_test(what_is_synced_later_wins),
        cmocka_unit_test(what_is_old_is_written_back),
        cmocka_unit_test(a_name_is_durable_by_its_directory),
        cmocka_unit_test(names_survive_in_the_order_they_were_made),
        cmocka_unit_test(a_rename_is_old_or_new),
        cmocka_unit_test(a_rename_says_nothing_about_the_bytes),
        cmocka_unit_test(a_move_between_directories_is_whole),
        cmocka_unit_test(an_unlinked_file_may_come_back),
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
