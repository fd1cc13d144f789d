/* SPDX-License-Identifier: Apache-2.0
 *
 * Where replicas of new partitions go (rules/placement.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rules/placement.h"
#include "rules/replication.h"

#define BROKERS_MAX 12

struct round {
    uint32_t count;
    struct placeable brokers[BROKERS_MAX];
};

/* Brokers 1 .. in these racks, a letter each; '-': none. */
static struct round round_of(const char *racks)
{
    static const char *const names[] = {"a", "b", "c"};
    struct round round = {(uint32_t)strlen(racks), {{0}}};

    /* what is in them is not looked at */
    memset(round.brokers, 0x5a, sizeof round.brokers);
    for (uint32_t i = 0; i < round.count; i++) {
        round.brokers[i].broker_id = i + 1;
        round.brokers[i].rack = racks[i] == '-' ? "" : names[racks[i] - 'a'];
    }
    placement_arrange(round.brokers, round.count);
    return round;
}

static void assert_order(const char *racks, const char *ids)
{
    struct round round = round_of(racks);

    assert_int_equal(round.count, strlen(ids));
    for (uint32_t i = 0; i < round.count; i++)
        assert_int_equal(round.brokers[i].broker_id, ids[i] - '0');
}

static void assert_chosen(const char *racks, uint64_t first, const char *ids)
{
    struct round round = round_of(racks);
    uint32_t replicas[REPLICAS_MAX];

    placement_choose(round.brokers, round.count, first, (uint32_t)strlen(ids),
                     replicas);
    for (uint32_t i = 0; ids[i] != '\0'; i++)
        assert_int_equal(replicas[i], ids[i] - '0');
}

static void without_racks_it_goes_by_id(void **unused)
{
    (void)unused;
    assert_order("----", "1234");
    assert_chosen("----", 0, "123");
    assert_chosen("----", 3, "412");
    assert_chosen("----", 4 * UINT64_C(1000) + 1, "234");
}

static void racks_take_turns(void **unused)
{
    (void)unused;
    assert_order("aaabbc", "146253");
    assert_order("a-b-", "1234");
    assert_order("aabb--", "135624");
}

/* Racks are numbered by their first brokers. */
static void each_has_a_place_in_its_rack(void **unused)
{
    struct round round = round_of("a-aba"); /* 1 2 4 3 5 */
    const uint32_t numbers[] = {0, 1, 3, 0, 0};
    const uint32_t ranks[] = {0, 0, 0, 1, 2};

    (void)unused;
    assert_order("a-aba", "12435");
    for (uint32_t i = 0; i < round.count; i++) {
        assert_int_equal(round.brokers[i].rack_number, numbers[i]);
        assert_int_equal(round.brokers[i].rank, ranks[i]);
    }
}

static void replicas_are_in_different_racks(void **unused)
{
    (void)unused;
    assert_chosen("aabb", 0, "13");
    assert_chosen("aabb", 1, "32");
    assert_chosen("aabbcc", 0, "135");
    assert_chosen("aaab", 0, "14");
    assert_chosen("aaab", 2, "24"); /* in the round: 1 4 2 3 */
    assert_chosen("aaab", 3, "34");
}

/* Three replicas in two racks: two of one, never three. */
static void more_replicas_than_racks_share(void **unused)
{
    (void)unused;
    assert_chosen("aabb", 0, "132");
    assert_chosen("aaab", 0, "142");
    assert_chosen("aaaa", 1, "2341");
}

static void leaders_go_round_all(void **unused)
{
    struct round round = round_of("aaabbc");
    unsigned led[BROKERS_MAX] = {0};
    uint32_t replicas[REPLICAS_MAX];

    (void)unused;
    for (uint64_t p = 0; p < 60; p++) {
        placement_choose(round.brokers, round.count, 17 + p, 3, replicas);
        led[replicas[0]]++;
    }
    for (uint32_t id = 1; id <= 6; id++)
        assert_int_equal(led[id], 10);
}

static void it_goes_on_behind_a_broker(void **unused)
{
    struct round round = round_of("aabb"); /* 1 3 2 4 */

    (void)unused;
    assert_int_equal(placement_after(round.brokers, round.count, 3), 2);
    assert_int_equal(placement_after(round.brokers, round.count, 4), 4);
    assert_int_equal(placement_after(round.brokers, round.count, 9), 4);
    assert_int_equal(placement_after(round.brokers, round.count, 0), 0);
    assert_int_equal(placement_after(round.brokers, 3, 4), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_racks_it_goes_by_id),
        cmocka_unit_test(racks_take_turns),
        cmocka_unit_test(each_has_a_place_in_its_rack),
        cmocka_unit_test(replicas_are_in_different_racks),
        cmocka_unit_test(more_replicas_than_racks_share),
        cmocka_unit_test(leaders_go_round_all),
        cmocka_unit_test(it_goes_on_behind_a_broker),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
