/* SPDX-License-Identifier: Apache-2.0
 *
 * The habits of disk profiles: what ALWAYS and NEVER say holds over many
 * seeds, and where a habit allows two outcomes both are seen.
 */

#include "tests/seam/lab.h"

#define SEEDS 200
#define PART  3000

#define EVERY(profile)                                                         \
    enum disk_profile profile = DISK_PROFILE_DRAWN + 1;                        \
    profile < DISK_PROFILE_COUNT;                                              \
    profile++

static const struct disk_habits *habits(enum disk_profile profile)
{
    return disk_profile_habits(profile);
}

/* `some` of `all` runs: every one, none, or both kinds. */
static void expect(enum disk_profile profile, enum habit habit, unsigned some,
                   unsigned all)
{
    bool good = habit == ALWAYS  ? some == all
                : habit == NEVER ? some == 0
                                 : some > 0 && some < all;

    if (!good)
        fail_msg("%s: %u of %u", disk_profile_name(profile), some, all);
}

static struct disk_file *begin(struct lab *lab, uint64_t seed,
                               enum disk_profile profile)
{
    struct disk_file *file;

    lab_init_on(lab, seed, 1, profile);
    file = lab_open(&lab->nodes[0], "a");
    assert_non_null(file);
    assert_int_equal(lab_path(&lab->nodes[0], disk_mkdir, "d"), 0);
    assert_int_equal(lab_path(&lab->nodes[0], disk_sync_directory, "/"), 0);
    return file;
}

static void a_profile_is_drawn_from_the_seed(void **state)
{
    unsigned drawn[DISK_PROFILE_COUNT] = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct lab lab;

        lab_init(&lab, seed, 1);
        drawn[world_disk_profile(lab.world)]++;
        lab_release(&lab);
    }
    assert_int_equal(drawn[DISK_PROFILE_DRAWN], 0);
    for (EVERY(profile)) {
        struct lab lab;

        assert_in_range(drawn[profile], SEEDS / 8, SEEDS / 2);
        lab_init_on(&lab, 1, 1, profile);
        assert_int_equal(world_disk_profile(lab.world), profile);
        lab_release(&lab);
    }
}

static void a_sync_of_a_new_file_takes_its_name(void **state)
{
    (void)state;
    for (EVERY(profile)) {
        unsigned named = 0, earlier = 0;

        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            struct lab lab;
            struct lab_node *node = &lab.nodes[0];
            struct disk_file *file;

            begin(&lab, seed, profile);
            assert_non_null(lab_open(node, "d/c"));
            file = lab_open(node, "b");
            assert_int_equal(lab_append(node, file, 0, 'B', PART), 0);
            assert_int_equal(lab_sync(node, file), ERROR_NONE);
            lab_bounce(node, NODE_CRASH_POWER);
            named += lab_exists(node, "b");
            earlier += lab_exists(node, "d/c");
            lab_release(&lab);
        }
        expect(profile,
               habits(profile)->sync_takes_name == ALWAYS ? ALWAYS : MAYBE,
               named, SEEDS);
        expect(profile,
               habits(profile)->sync_takes_earlier == ALWAYS ? ALWAYS : MAYBE,
               earlier, SEEDS);
    }
}

static void names_come_in_order_or_each_for_itself(void **state)
{
    static const char *const names[] = {"p", "o", "n", "m"};

    (void)state;
    for (EVERY(profile)) {
        unsigned in_order = 0, some = 0;

        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            struct lab lab;
            struct lab_node *node = &lab.nodes[0];
            bool there[4], order = true;

            begin(&lab, seed, profile);
            for (unsigned i = 0; i < 4; i++)
                assert_non_null(lab_open(node, names[i]));
            lab_bounce(node, NODE_CRASH_POWER);
            for (unsigned i = 0; i < 4; i++) {
                there[i] = lab_exists(node, names[i]);
                order &= i == 0 || !there[i] || there[i - 1];
            }
            in_order += order;
            some += there[0] && !there[3];
            lab_release(&lab);
        }
        assert_true(some > 0);
        expect(profile,
               habits(profile)->names_in_order == ALWAYS ? ALWAYS : MAYBE,
               in_order, SEEDS);
    }
}

/* "a" is replaced by "t", whose bytes were never synced. */
static void a_rename_over_a_file_takes_the_bytes(void **state)
{
    (void)state;
    for (EVERY(profile)) {
        unsigned whole = 0;

        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            struct lab lab;
            struct lab_node *node = &lab.nodes[0];
            struct disk_file *file = begin(&lab, seed, profile);
            char bytes[LAB_FILE_BYTES];
            long size;

            assert_int_equal(lab_append(node, file, 0, 'A', PART), 0);
            assert_int_equal(lab_sync(node, file), ERROR_NONE);
            file = lab_open(node, "t");
            assert_int_equal(lab_append(node, file, 0, 'B', PART), 0);
            assert_int_equal(lab_rename(node, "t", "a"), ERROR_NONE);
            assert_int_equal(lab_path(node, disk_sync_directory, "/"), 0);
            lab_bounce(node, NODE_CRASH_POWER);
            size = lab_read(node, "a", bytes);
            assert_int_equal(lab_count(bytes, size, 'A'), 0);
            whole += lab_count(bytes, size, 'B') == PART;
            lab_release(&lab);
        }
        expect(profile,
               habits(profile)->rename_takes_data == ALWAYS ? ALWAYS : MAYBE,
               whole, SEEDS);
    }
}

static void a_lost_write_may_leave_zeros(void **state)
{
    (void)state;
    for (EVERY(profile)) {
        unsigned zeros = 0;

        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            struct lab lab;
            struct lab_node *node = &lab.nodes[0];
            struct disk_file *file = begin(&lab, seed, profile);
            char bytes[LAB_FILE_BYTES];
            long size;

            assert_int_equal(lab_append(node, file, 0, 'A', PART), 0);
            assert_int_equal(lab_append(node, file, PART, 'B', PART), 0);
            lab_bounce(node, NODE_CRASH_POWER);
            size = lab_read(node, "a", bytes);
            zeros += lab_count(bytes, size, 0) > 0;
            lab_release(&lab);
        }
        expect(profile, habits(profile)->size_before_data, zeros, SEEDS);
    }
}

/* What reads show after a failed sync, and whether the next one covers it. */
static void pages_of_a_failed_sync(void **state)
{
    (void)state;
    for (EVERY(profile)) {
        unsigned old = 0, kept = 0;

        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            struct lab lab;
            struct lab_node *node = &lab.nodes[0];
            struct disk_file *file = begin(&lab, seed, profile);
            char bytes[LAB_FILE_BYTES];

            assert_int_equal(lab_append(node, file, 0, 'A', PART), 0);
            assert_int_equal(lab_sync(node, file), ERROR_NONE);
            lab_fault(node, FAULT_DISK_SYNC_EIO, 1);
            assert_int_equal(lab_append(node, file, 0, 'B', PART), 0);
            assert_int_equal(lab_sync(node, file), ERROR_IO);
            assert_int_equal(lab_read(node, "a", bytes), PART);
            assert_int_equal(lab_count(bytes, PART, bytes[0]), PART);
            old += bytes[0] == 'A';
            assert_int_equal(lab_sync(node, file), ERROR_NONE);
            lab_bounce(node, NODE_CRASH_POWER);
            assert_int_equal(lab_read(node, "a", bytes), PART);
            kept += lab_count(bytes, PART, 'B') == PART;
            lab_release(&lab);
        }
        expect(profile, habits(profile)->reads_old, old, SEEDS);
        expect(profile, habits(profile)->reads_old == ALWAYS ? NEVER : MAYBE,
               kept, SEEDS);
    }
}

static void each_open_file_hears_of_a_failed_sync(void **state)
{
    (void)state;
    for (EVERY(profile)) {
        bool each = habits(profile)->tells_each == ALWAYS;
        struct lab lab;
        struct lab_node *node = &lab.nodes[0];
        struct disk_file *file = begin(&lab, 1, profile);
        struct disk_file *other = lab_open(node, "a");

        lab_fault(node, FAULT_DISK_SYNC_EIO, 1);
        assert_int_equal(lab_append(node, file, 0, 'A', PART), 0);
        assert_int_equal(lab_sync(node, file), ERROR_IO);
        assert_int_equal(lab_sync(node, file), ERROR_NONE);
        assert_int_equal(lab_sync(node, lab_open(node, "a")), ERROR_NONE);
        assert_int_equal(lab_sync(node, other), each ? ERROR_IO : ERROR_NONE);
        assert_int_equal(lab_sync(node, other), ERROR_NONE);
        lab_release(&lab);
    }
}

/* "b" is made, the sync fails, and the next one "succeeds". */
static void after_a_failed_sync_of_a_directory(void **state)
{
    (void)state;
    for (EVERY(profile)) {
        unsigned kept = 0, again = 0;

        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            struct lab lab;
            struct lab_node *node = &lab.nodes[0];
            bool changed = seed % 2 == 0;

            begin(&lab, seed, profile);
            assert_non_null(lab_open(node, "b"));
            lab_fault(node, FAULT_DISK_SYNC_DIRECTORY_EIO, 1);
            assert_int_equal(lab_path(node, disk_sync_directory, "/"),
                             ERROR_IO);
            if (changed)
                assert_non_null(lab_open(node, "c"));
            assert_int_equal(lab_path(node, disk_sync_directory, "/"), 0);
            lab_bounce(node, NODE_CRASH_POWER);
            kept += !changed && lab_exists(node, "b");
            again += changed && lab_exists(node, "b");
            lab_release(&lab);
        }
        expect(profile,
               habits(profile)->forgets_names == NEVER ? ALWAYS : MAYBE, kept,
               SEEDS / 2);
        assert_int_equal(again, SEEDS / 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_profile_is_drawn_from_the_seed),
        cmocka_unit_test(a_sync_of_a_new_file_takes_its_name),
        cmocka_unit_test(names_come_in_order_or_each_for_itself),
        cmocka_unit_test(a_rename_over_a_file_takes_the_bytes),
        cmocka_unit_test(a_lost_write_may_leave_zeros),
        cmocka_unit_test(pages_of_a_failed_sync),
        cmocka_unit_test(each_open_file_hears_of_a_failed_sync),
        cmocka_unit_test(after_a_failed_sync_of_a_directory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
