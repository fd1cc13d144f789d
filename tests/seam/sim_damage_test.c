/* SPDX-License-Identifier: Apache-2.0
 *
 * Damage that no call tells of: each fault does what its row says, where it
 * may, and a read that meets it is counted.
 */
#include <string.h>

#include "tests/seam/lab.h"

#define PART 2048

struct damage_lab {
    struct lab lab;
    struct lab_node *node;
    struct disk_file *file;
    enum damage_time time; /* for "a" */
    unsigned told;
};

static struct damage_lab *the_lab;

static enum damage_time may_damage(struct world_observer *observer,
                                   struct node *node,
                                   const struct disk_place *place)
{
    (void)observer;
    (void)node;
    return strcmp(place->path, "a") == 0 ? the_lab->time : DAMAGE_NEVER;
}

static void on_damage(struct world_observer *observer, struct node *node,
                      const struct disk_place *place)
{
    (void)observer;
    (void)node;
    assert_string_equal(place->path, "a");
    the_lab->told++;
}

/* "a" holds 3 times PART of 'A', synced. */
static void begin(struct damage_lab *lab, uint64_t seed, enum damage_time time)
{
    *lab = (struct damage_lab){.time = time, .node = &lab->lab.nodes[0]};
    the_lab = lab;
    lab_init_on(&lab->lab, seed, 1, DISK_PROFILE_XFS);
    lab->lab.observer.may_damage = may_damage;
    lab->lab.observer.on_damage = on_damage;
    lab->file = lab_open(lab->node, "a");
    assert_int_equal(lab_append(lab->node, lab->file, 0, 'A', 3 * PART), 0);
    assert_int_equal(lab_sync(lab->node, lab->file), 0);
    assert_int_equal(lab_path(lab->node, disk_sync_directory, "/"), 0);
}

static uint64_t observed(const struct damage_lab *lab, enum fault_point point)
{
    return world_point_observed(lab->lab.world, point);
}

static void a_lost_write_leaves_what_was_there(void **state)
{
    struct damage_lab lab;
    char bytes[LAB_FILE_BYTES];

    (void)state;
    begin(&lab, 1, DAMAGE_NOW);
    lab_fault(lab.node, FAULT_DISK_WRITE_LOST, 2);
    assert_int_equal(lab_append(lab.node, lab.file, 0, 'B', PART), 0);
    assert_int_equal(lab_append(lab.node, lab.file, PART, 'C', PART), 0);
    assert_int_equal(lab_sync(lab.node, lab.file), 0);
    assert_int_equal(lab.told, 1);
    assert_int_equal(observed(&lab, FAULT_DISK_WRITE_LOST), 0);
    assert_int_equal(lab_read(lab.node, "a", bytes), 3 * PART);
    assert_int_equal(lab_count(bytes, PART, 'B'), PART);
    assert_int_equal(lab_count(bytes + PART, PART, 'A'), PART);
    assert_int_equal(observed(&lab, FAULT_DISK_WRITE_LOST), 1);
    assert_int_equal(lab_append(lab.node, lab.file, PART, 'D', PART), 0);
    assert_int_equal(lab_sync(lab.node, lab.file), 0);
    lab_bounce(lab.node, NODE_CRASH_POWER);
    assert_int_equal(lab_read(lab.node, "a", bytes), 3 * PART);
    assert_int_equal(lab_count(bytes + PART, PART, 'D'), PART);
    assert_int_equal(observed(&lab, FAULT_DISK_WRITE_LOST), 1);
    lab_release(&lab.lab);
}

static void damage_waits_until_it_may_be(void **state)
{
    struct damage_lab lab;
    char bytes[LAB_FILE_BYTES];

    (void)state;
    begin(&lab, 1, DAMAGE_LATER);
    lab_fault(lab.node, FAULT_DISK_WRITE_LOST, 1);
    assert_int_equal(lab_append(lab.node, lab.file, 0, 'B', PART), 0);
    assert_int_equal(lab_sync(lab.node, lab.file), 0);
    lab_bounce(lab.node, NODE_CRASH_POWER);
    assert_int_equal(lab_read(lab.node, "a", bytes), 3 * PART);
    assert_int_equal(lab_count(bytes, PART, 'B'), PART);
    lab.time = DAMAGE_NOW;
    assert_int_equal(lab_path(lab.node, disk_sync_directory, "/"), 0);
    assert_int_equal(lab.told, 1);
    assert_int_equal(lab_read(lab.node, "a", bytes), 3 * PART);
    assert_int_equal(lab_count(bytes, 3 * PART, 'A'), 3 * PART);
    lab_release(&lab.lab);
}

static void a_misdirected_write_lands_elsewhere(void **state)
{
    unsigned elsewhere = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct damage_lab lab;
        char bytes[LAB_FILE_BYTES];

        begin(&lab, seed, DAMAGE_NOW);
        lab_fault(lab.node, FAULT_DISK_WRITE_MISDIRECTED, 1);
        assert_int_equal(lab_append(lab.node, lab.file, 2 * PART, 'B', PART),
                         0);
        assert_int_equal(lab_sync(lab.node, lab.file), 0);
        assert_int_equal(lab_read(lab.node, "a", bytes), 3 * PART);
        assert_int_equal(lab_count(bytes, 3 * PART, 'B'), PART);
        if (lab.told > 0) {
            assert_int_equal(lab.told, 2);
            assert_int_equal(lab_count(bytes + 2 * PART, PART, 'B'), 0);
            assert_int_equal(observed(&lab, FAULT_DISK_WRITE_MISDIRECTED), 1);
            elsewhere++;
        }
        lab_release(&lab.lab);
    }
    assert_true(elsewhere > 0);
}

static void rot_is_once_or_for_ever(void **state)
{
    unsigned once = 0, for_ever = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct damage_lab lab;
        char bytes[LAB_FILE_BYTES];
        size_t good;

        begin(&lab, seed, DAMAGE_NOW);
        lab_fault(lab.node, FAULT_DISK_ROT, 1);
        assert_int_equal(lab_read(lab.node, "a", bytes), 3 * PART);
        assert_int_equal(lab_count(bytes, 3 * PART, 'A'), 3 * PART - 1);
        assert_int_equal(lab_read(lab.node, "a", bytes), 3 * PART);
        good = lab_count(bytes, 3 * PART, 'A');
        lab_bounce(lab.node, NODE_CRASH_POWER);
        assert_int_equal(lab_read(lab.node, "a", bytes), 3 * PART);
        assert_int_equal(lab_count(bytes, 3 * PART, 'A'), good);
        once += good == 3 * PART;
        for_ever += good == 3 * PART - 1;
        assert_int_equal(observed(&lab, FAULT_DISK_ROT), 1);
        lab_release(&lab.lab);
    }
    assert_true(once > 0 && for_ever > 0 && once + for_ever == 40);
}

static void what_may_not_be_damaged_is_spared(void **state)
{
    struct damage_lab lab;
    char bytes[LAB_FILE_BYTES];
    unsigned faults[3];

    (void)state;
    begin(&lab, 1, DAMAGE_NEVER);
    faults[0] = lab_fault(lab.node, FAULT_DISK_WRITE_LOST, 1);
    faults[1] = lab_fault(lab.node, FAULT_DISK_WRITE_MISDIRECTED, 1);
    faults[2] = lab_fault(lab.node, FAULT_DISK_ROT, 1);
    assert_int_equal(lab_append(lab.node, lab.file, 0, 'B', 3 * PART), 0);
    assert_int_equal(lab_sync(lab.node, lab.file), 0);
    assert_int_equal(lab_read(lab.node, "a", bytes), 3 * PART);
    assert_int_equal(lab_count(bytes, 3 * PART, 'B'), 3 * PART);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(world_fault_fired(lab.lab.world, faults[i]), 0);
    lab_release(&lab.lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lost_write_leaves_what_was_there),
        cmocka_unit_test(damage_waits_until_it_may_be),
        cmocka_unit_test(a_misdirected_write_lands_elsewhere),
        cmocka_unit_test(rot_is_once_or_for_ever),
        cmocka_unit_test(what_may_not_be_damaged_is_spared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
