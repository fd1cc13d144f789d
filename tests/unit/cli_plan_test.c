/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "client/cli/plan.h"

#define MOST 64

/* Brokers 1 and up, partitions with `replicas` each. */
struct world {
    struct plan_broker brokers[8];
    size_t broker_count;
    struct plan_partition partitions[MOST];
    int32_t current[MOST][REPLICAS_MAX];
    size_t count;
};

/* "rack" of each broker, a letter each; '-': none, ' ': it is not there. */
static void set_brokers(struct world *world, const char *racks)
{
    static const char *const names[] = {"a", "b", "c"};

    world->broker_count = 0;
    for (size_t i = 0; racks[i] != '\0'; i++)
        if (racks[i] != ' ')
            world->brokers[world->broker_count++] = (struct plan_broker){
                .id = (int32_t)i + 1,
                .rack = racks[i] == '-' ? "" : names[racks[i] - 'a']};
}

/* Brokers a digit each. */
static void add_partition(struct world *world, const char *current,
                          size_t wanted)
{
    size_t at = world->count++;

    for (size_t i = 0; current[i] != '\0'; i++)
        world->current[at][i] = current[i] - '0';
    world->partitions[at] =
        (struct plan_partition){.topic = "t",
                                .partition = (int32_t)at,
                                .current = world->current[at],
                                .current_count = strlen(current),
                                .target_count = wanted};
}

static void make(struct world *world)
{
    plan_make(world->brokers, world->broker_count, world->partitions,
              world->count);
}

static void expect_target(const struct world *world, size_t at,
                          const char *target)
{
    const struct plan_partition *partition = &world->partitions[at];
    char text[REPLICAS_MAX + 1] = "";

    for (size_t i = 0; i < partition->target_count; i++)
        text[i] = (char)('0' + partition->target[i]);
    assert_string_equal(text, target);
}

static size_t sum(const struct world *world,
                  size_t (*of)(const struct plan_partition *partition))
{
    size_t all = 0;

    for (size_t i = 0; i < world->count; i++)
        all += of(&world->partitions[i]);
    return all;
}

/* They differ by one at most. */
static void expect_even_counts(const struct world *world, size_t offset)
{
    size_t least = SIZE_MAX, most = 0;

    for (size_t i = 0; i < world->broker_count; i++) {
        size_t count;

        memcpy(&count, (const char *)&world->brokers[i] + offset, sizeof count);
        least = count < least ? count : least;
        most = count > most ? count : most;
    }
    assert_true(most - least <= 1);
}

static void expect_even_replicas(const struct world *world)
{
    expect_even_counts(world, offsetof(struct plan_broker, replicas));
    for (size_t i = 0; i < world->count; i++)
        for (size_t k = 0; k < world->partitions[i].target_count; k++)
            for (size_t n = 0; n < k; n++)
                assert_int_not_equal(world->partitions[i].target[k],
                                     world->partitions[i].target[n]);
}

static void expect_even(const struct world *world)
{
    expect_even_replicas(world);
    expect_even_counts(world, offsetof(struct plan_broker, leaders));
}

static void test_what_is_even_stays(void **state)
{
    struct world world = {0};

    (void)state;
    set_brokers(&world, "---");
    add_partition(&world, "12", 2);
    add_partition(&world, "23", 2);
    add_partition(&world, "31", 2);
    make(&world);
    for (size_t i = 0; i < world.count; i++)
        assert_false(plan_changes(&world.partitions[i]));
    expect_even(&world);
}

static void test_a_broker_is_taken_out(void **state)
{
    struct world world = {0};

    (void)state;
    set_brokers(&world, "---");
    add_partition(&world, "34", 2);
    add_partition(&world, "41", 2);
    add_partition(&world, "12", 2);
    add_partition(&world, "23", 2);
    add_partition(&world, "34", 2);
    add_partition(&world, "41", 2);
    make(&world);
    assert_int_equal(sum(&world, plan_added), 4);
    assert_int_equal(sum(&world, plan_removed), 4);
    expect_target(&world, 2, "12");
    expect_target(&world, 3, "23");
    expect_even(&world);
}

/* The new one gets its share, and nothing else is copied. */
static void test_a_broker_is_added(void **state)
{
    struct world world = {0};

    (void)state;
    set_brokers(&world, "----");
    for (size_t i = 0; i < 12; i++)
        add_partition(&world, (const char *[]){"12", "23", "31"}[i % 3], 2);
    make(&world);
    assert_int_equal(sum(&world, plan_added), 6);
    assert_int_equal(world.brokers[3].added, 6);
    assert_int_equal(world.brokers[3].replicas, 6);
    expect_even(&world);
}

static void test_more_and_fewer_replicas(void **state)
{
    struct world world = {0};

    (void)state;
    set_brokers(&world, "---");
    add_partition(&world, "1", 3);
    add_partition(&world, "231", 2);
    add_partition(&world, "312", 1);
    make(&world);
    assert_int_equal(world.partitions[0].target_count, 3);
    assert_int_equal(world.partitions[1].target_count, 2);
    assert_int_equal(world.partitions[2].target_count, 1);
    assert_int_equal(sum(&world, plan_added), 2);
    assert_int_equal(sum(&world, plan_removed), 3);
    expect_even(&world);
}

/* Leaders are made even by order alone. */
static void test_leaders(void **state)
{
    struct world world = {0};

    (void)state;
    set_brokers(&world, "---");
    add_partition(&world, "12", 2);
    add_partition(&world, "12", 2);
    add_partition(&world, "12", 2);
    add_partition(&world, "23", 2);
    add_partition(&world, "31", 2);
    add_partition(&world, "13", 2);
    make(&world);
    assert_int_equal(sum(&world, plan_added), 1); /* 1 has five, 3 has three */
    expect_even(&world);
}

/* 1 can hand on to 2 alone, and 2 to 4. */
static void test_a_way_by_a_third_broker(void **state)
{
    struct world world = {0};

    (void)state;
    set_brokers(&world, "----");
    add_partition(&world, "12", 2);
    add_partition(&world, "12", 2);
    add_partition(&world, "243", 3);
    add_partition(&world, "34", 2);
    make(&world);
    assert_int_equal(sum(&world, plan_added), 0);
    expect_even(&world);
}

static bool in_one_rack(const struct world *world, size_t at)
{
    const struct plan_partition *partition = &world->partitions[at];
    const char *racks[2] = {NULL, NULL};

    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < world->broker_count; k++)
            if (world->brokers[k].id == partition->target[i])
                racks[i] = world->brokers[k].rack;
    return strcmp(racks[0], racks[1]) == 0;
}

/* Two in one rack are taken apart; what was apart stays apart. */
static void test_racks(void **state)
{
    struct world world = {0};

    (void)state;
    set_brokers(&world, "aabb");
    for (size_t i = 0; i < 8; i++)
        add_partition(&world, (const char *[]){"12", "34", "13", "24"}[i % 4],
                      2);
    make(&world);
    for (size_t i = 0; i < world.count; i++)
        assert_false(in_one_rack(&world, i));
    assert_int_equal(sum(&world, plan_added), 4);
    expect_even(&world);
}

static void test_another_rack_comes_first(void **state)
{
    struct world world = {0};

    (void)state;
    set_brokers(&world, "abaa");
    add_partition(&world, "14", 2);
    add_partition(&world, "2", 1);
    make(&world);
    assert_false(in_one_rack(&world, 0));
    assert_int_equal(plan_added(&world.partitions[0]), 1);
}

static void test_a_rack_with_one_broker(void **state)
{
    struct world world = {0};

    (void)state;
    set_brokers(&world, "abb");
    for (size_t i = 0; i < 6; i++)
        add_partition(&world, "23", 2);
    make(&world);
    for (size_t i = 0; i < world.count; i++)
        assert_false(in_one_rack(&world, i));
    assert_int_equal(world.brokers[0].replicas, 6);
    assert_int_equal(world.brokers[1].replicas, 3);
    assert_int_equal(world.brokers[0].leaders, 2);
}

/* Nobody of the old assignment may stay. */
static void test_all_are_others(void **state)
{
    struct world world = {0};

    (void)state;
    set_brokers(&world, "   ---");
    for (size_t i = 0; i < 6; i++)
        add_partition(&world, "123", 2);
    make(&world);
    assert_int_equal(sum(&world, plan_added), 12);
    assert_int_equal(sum(&world, plan_removed), 18);
    expect_even(&world);
}

/* From anything to anything, even and sound; and then nothing is left to do.
 * Who leads is even when each partition has a choice. */
static void test_many(void **state)
{
    static const char *const racks[] = {"---", "-- -", "-----", " ----"};
    uint32_t drawn = 1;

    (void)state;
    for (size_t round = 0; round < 200; round++) {
        struct world world = {0};

        set_brokers(&world, racks[round % 4]);
        for (size_t i = 0; i < 1 + round % MOST; i++) {
            char current[4] = "123";

            drawn = drawn * 1664525 + 1013904223;
            for (size_t k = 0; k < 3; k++)
                current[k] = (char)('1' + (drawn >> 28) % 2 + 2 * k);
            add_partition(&world, current,
                          round < 100 ? 2 + round % 2 : 1 + (drawn >> 20) % 3);
        }
        make(&world);
        expect_even_replicas(&world);
        if (round < 100)
            expect_even(&world);
        for (size_t i = 0; i < world.count; i++) {
            struct plan_partition *partition = &world.partitions[i];

            memcpy(world.current[i], partition->target,
                   sizeof partition->target);
            partition->current_count = partition->target_count;
        }
        make(&world);
        assert_int_equal(sum(&world, plan_added), 0);
        for (size_t i = 0; i < world.count; i++)
            assert_false(plan_changes(&world.partitions[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_even_stays),
        cmocka_unit_test(test_a_broker_is_taken_out),
        cmocka_unit_test(test_a_broker_is_added),
        cmocka_unit_test(test_more_and_fewer_replicas),
        cmocka_unit_test(test_leaders),
        cmocka_unit_test(test_a_way_by_a_third_broker),
        cmocka_unit_test(test_racks),
        cmocka_unit_test(test_another_rack_comes_first),
        cmocka_unit_test(test_a_rack_with_one_broker),
        cmocka_unit_test(test_all_are_others),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
