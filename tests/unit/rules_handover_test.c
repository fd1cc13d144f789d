/* SPDX-License-Identifier: Apache-2.0
 *
 * What becomes of a partition when brokers say that they are about to stop
 * (R18 of broker/INVARIANTS.md).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rules/replication.h"

#define EPOCH(id) ((uint64_t)(id)*100)
#define B0        (1u << 0)
#define B1        (1u << 1)
#define B2        (1u << 2)
#define B3        (1u << 3)
#define ALL       (B1 | B2 | B3)

struct cluster {
    struct live_broker brokers[4];
    struct live_brokers live;
};

/* Brokers by bit. */
static struct live_brokers *cluster_of(struct cluster *cluster, unsigned bits,
                                       unsigned leaving)
{
    cluster->live = (struct live_brokers){0, cluster->brokers};
    for (uint32_t id = 0; id < 4; id++)
        if (bits & (1u << id))
            cluster->brokers[cluster->live.count++] = (struct live_broker){
                id, EPOCH(id), true, (leaving & 1u << id) != 0};
    return &cluster->live;
}

static struct replica_set set_of(unsigned bits)
{
    struct replica_set set = {0};

    for (uint32_t id = 0; id < 4; id++)
        if (bits & (1u << id))
            replica_set_add(&set, (struct replica){id, EPOCH(id)});
    return set;
}

static void assert_set(const struct replica_set *set, unsigned bits)
{
    struct replica_set want = set_of(bits);

    assert_true(replica_set_equal(set, &want));
}

/* Replicas 1 2 3, min 2, led by 1, those of `isr` in sync. */
static struct partition_state led_by_1(unsigned isr)
{
    return (struct partition_state){
        .replica_count = 3,
        .replicas = {1, 2, 3},
        .leader = 1,
        .leader_epoch = 7,
        .partition_epoch = 20,
        .min = 2,
        .isr = set_of(isr),
    };
}

static void assert_stays(const struct partition_state *state,
                         const struct live_brokers *live)
{
    struct partition_state after = *state;

    assert_false(partition_state_decide(&after, live));
    assert_memory_equal(&after, state, sizeof after);
}

/* The leader, broker 1, is asked to give way, and does. */
static void gives_way_to(struct partition_state *state, uint32_t successor,
                         const struct live_brokers *live)
{
    struct replica leader = {1, EPOCH(1)};

    assert_true(partition_state_decide(state, live));
    assert_int_equal(state->leader, 1);
    assert_true(state->handing_over);
    assert_int_equal(state->successor, successor);
    assert_stays(state, live);
    assert_int_equal(partition_state_resign(state, &leader, state->leader_epoch,
                                            state->partition_epoch),
                     ERROR_NONE);
    assert_int_equal(state->leader, successor);
    assert_false(state->handing_over);
    assert_int_equal(state->successor, 0);
}

/* The last word counts, also of broker 0. */
static void another_successor_takes_the_place_of_the_first(void **unused)
{
    struct partition_state state = led_by_1(ALL | B0);

    (void)unused;
    assert_true(partition_state_hand_over(&state, 0));
    assert_int_equal(state.partition_epoch, 21);
    assert_false(partition_state_hand_over(&state, 0));
    assert_true(partition_state_hand_over(&state, 2));
    assert_int_equal(state.successor, 2);
    assert_true(partition_state_hand_over(&state, 3));
    assert_int_equal(state.successor, 3);
    assert_int_equal(state.partition_epoch, 23);
}

static void a_wish_goes_with_its_successor(void **unused)
{
    struct partition_state state = led_by_1(ALL);
    struct replica_set isr = set_of(B1 | B2);

    (void)unused;
    assert_true(partition_state_hand_over(&state, 2));
    partition_state_set_isr(&state, &isr, NULL);
    assert_true(state.handing_over);
    assert_int_equal(state.successor, 2);
    isr = set_of(B1 | B3);
    partition_state_set_isr(&state, &isr, NULL);
    assert_false(state.handing_over);
    assert_int_equal(state.successor, 0);
}

static void a_leader_that_leaves_is_replaced(void **unused)
{
    struct partition_state state = led_by_1(ALL);
    struct cluster cluster;

    (void)unused;
    cluster_of(&cluster, ALL, B1);
    gives_way_to(&state, 2, &cluster.live);
    assert_int_equal(state.leader_epoch, 8);
    assert_int_equal(state.partition_epoch, 22);
    assert_set(&state.isr, ALL);
    assert_true(partition_state_decide(&state, &cluster.live));
    assert_int_equal(state.leader_epoch, 8);
    assert_set(&state.isr, B2 | B3);
    assert_set(&state.eligible, 0);
    assert_stays(&state, &cluster.live);
    state = led_by_1(ALL);
    state.leader = 3;
    cluster_of(&cluster, ALL, B3);
    assert_true(partition_state_decide(&state, &cluster.live));
    assert_true(state.handing_over);
    assert_int_equal(state.successor, 1);
}

static void a_follower_that_leaves_is_let_go(void **unused)
{
    struct partition_state state = led_by_1(ALL);
    struct cluster cluster;

    (void)unused;
    cluster_of(&cluster, ALL, B2);
    assert_true(partition_state_decide(&state, &cluster.live));
    assert_int_equal(state.leader, 1);
    assert_int_equal(state.leader_epoch, 7);
    assert_int_equal(state.partition_epoch, 21);
    assert_set(&state.isr, B1 | B3);
    assert_stays(&state, &cluster.live);
}

/* Else nobody could write with acks=all as long as it still serves. */
static void nobody_is_let_go_below_min(void **unused)
{
    struct partition_state state = led_by_1(B1 | B2);
    struct cluster cluster;

    (void)unused;
    cluster_of(&cluster, ALL, B1);
    gives_way_to(&state, 2, &cluster.live);
    assert_set(&state.isr, B1 | B2);
    assert_stays(&state, &cluster.live);
    state = led_by_1(ALL);
    cluster_of(&cluster, ALL, B2 | B3);
    assert_true(partition_state_decide(&state, &cluster.live));
    assert_int_equal(state.leader, 1);
    assert_int_equal(state.isr.count, 2);
    assert_stays(&state, &cluster.live);
}

static void the_only_one_in_sync_leads_on(void **unused)
{
    struct partition_state state = led_by_1(B1);
    struct cluster cluster;

    (void)unused;
    state.eligible = set_of(B2);
    assert_stays(&state, cluster_of(&cluster, ALL, B1));
    state.min = 1;
    assert_stays(&state, cluster_of(&cluster, ALL, B1));
}

static void nobody_takes_over_who_leaves_too(void **unused)
{
    struct partition_state state = led_by_1(ALL);
    struct cluster cluster;

    (void)unused;
    assert_stays(&state, cluster_of(&cluster, ALL, ALL));
    cluster_of(&cluster, ALL, B1 | B2);
    gives_way_to(&state, 3, &cluster.live);
    assert_true(partition_state_decide(&state, &cluster.live));
    assert_int_equal(state.isr.count, 2);
    assert_true(replica_set_has(&state.isr, 3));
}

static void nobody_takes_over_who_has_not_reported(void **unused)
{
    struct partition_state state = led_by_1(ALL);
    struct cluster cluster;

    (void)unused;
    cluster_of(&cluster, ALL, B1);
    cluster.brokers[1].reported = false;
    gives_way_to(&state, 3, &cluster.live);
    state = led_by_1(ALL);
    cluster.brokers[2].reported = false;
    assert_stays(&state, &cluster.live);
}

static void nobody_takes_over_who_is_gone(void **unused)
{
    struct partition_state state = led_by_1(B1 | B3);
    struct cluster cluster;

    (void)unused;
    state.replica_count = 2; /* 3 is none of them */
    assert_stays(&state, cluster_of(&cluster, ALL, B1));
    state = led_by_1(ALL);
    cluster_of(&cluster, B1 | B3, B1);
    gives_way_to(&state, 3, &cluster.live);
    assert_set(&state.isr, B1 | B3);
    assert_stays(&state, &cluster.live);
}

/* Its session ends while others leave. */
static void who_leaves_is_elected_last(void **unused)
{
    struct partition_state state = led_by_1(ALL);
    struct cluster cluster;

    (void)unused;
    cluster_of(&cluster, B2 | B3, B2);
    assert_true(partition_state_decide(&state, &cluster.live));
    assert_int_equal(state.leader, 3);
    state = led_by_1(ALL);
    cluster_of(&cluster, B2, B2);
    assert_true(partition_state_decide(&state, &cluster.live));
    assert_int_equal(state.leader, 2);
    assert_set(&state.isr, B2);
    state = led_by_1(B1);
    state.eligible = set_of(B2 | B3);
    cluster_of(&cluster, B2 | B3, B2);
    assert_true(partition_state_decide(&state, &cluster.live));
    assert_int_equal(state.leader, 3);
    state = led_by_1(B1);
    state.eligible = set_of(B2);
    cluster_of(&cluster, B2 | B3, B2);
    assert_true(partition_state_decide(&state, &cluster.live));
    assert_int_equal(state.leader, 2);
    state = led_by_1(B1);
    state.eligible = set_of(B2 | B3);
    cluster_of(&cluster, B2 | B3, B2 | B3);
    assert_true(partition_state_decide(&state, &cluster.live));
    assert_int_equal(state.leader, 2);
}

static void nobody_prefers_who_leaves(void **unused)
{
    struct partition_state state = led_by_1(ALL);
    struct partition_state before;
    struct cluster cluster;

    (void)unused;
    state.leader = 2;
    before = state;
    cluster_of(&cluster, ALL, B1);
    assert_false(partition_state_prefer(&state, &cluster.live));
    assert_memory_equal(&state, &before, sizeof state);
    cluster_of(&cluster, ALL, 0);
    assert_true(partition_state_prefer(&state, &cluster.live));
    assert_int_equal(state.successor, 1);
}

static enum error ask(struct partition_state *state, unsigned isr,
                      const struct live_brokers *live)
{
    struct replica leader = {1, EPOCH(1)};
    struct replica_set wanted = set_of(isr);

    return partition_state_alter_isr(state, &leader, 7, 20, &wanted, live);
}

static void nobody_joins_who_leaves(void **unused)
{
    struct partition_state state = led_by_1(B1 | B3);
    struct partition_state before = state;
    struct cluster cluster;

    (void)unused;
    cluster_of(&cluster, ALL, B2 | B3);
    assert_int_equal(ask(&state, ALL, &cluster.live), ERROR_INELIGIBLE_REPLICA);
    assert_memory_equal(&state, &before, sizeof state);
    /* who is in it may stay */
    assert_int_equal(ask(&state, B1 | B3, &cluster.live), ERROR_NONE);
    assert_set(&state.isr, B1 | B3);
}

static void a_new_partition_does_without_who_leaves(void **unused)
{
    static const uint32_t assignment[] = {1, 2, 3};
    struct partition_state state;
    struct cluster cluster;

    (void)unused;
    cluster_of(&cluster, ALL, B1);
    partition_state_create(&state, assignment, 3, 2, false, &cluster.live);
    assert_int_equal(state.leader, 2);
    assert_set(&state.isr, B2 | B3);
    assert_int_equal(state.leader_epoch, 0);
    assert_int_equal(state.partition_epoch, 0);
    cluster_of(&cluster, B1 | B2, B1);
    partition_state_create(&state, assignment, 3, 2, false, &cluster.live);
    assert_int_equal(state.leader, 2);
    assert_set(&state.isr, B1 | B2);
    cluster_of(&cluster, B1, B1);
    partition_state_create(&state, assignment, 3, 2, false, &cluster.live);
    assert_int_equal(state.leader, 1);
    assert_set(&state.isr, B1);
}

/* ---- when it may stop ---- */

static bool may_leave(const struct partition_state *state, uint32_t id,
                      unsigned bits, unsigned leaving)
{
    struct replica self = {id, EPOCH(id)};
    struct cluster cluster;

    cluster_of(&cluster, bits, leaving);
    return partition_state_may_leave(state, &self, &cluster.live);
}

static void a_leader_waits_for_others(void **unused)
{
    struct partition_state state = led_by_1(ALL);

    (void)unused;
    assert_false(may_leave(&state, 1, ALL, B1));
    assert_false(may_leave(&state, 1, ALL, B1 | B2));
    assert_true(may_leave(&state, 1, ALL, ALL));
    assert_true(may_leave(&state, 1, B1, B1));
    assert_true(may_leave(&state, 1, B1 | B2, B1 | B2));
    state.leader = 2;
    assert_false(may_leave(&state, 2, B1 | B2, B2));
    state.leader = 1;
    /* it may not have read yet that it leaves itself */
    assert_true(may_leave(&state, 1, B1, 0));
    state.isr = set_of(B1 | B2);
    assert_false(may_leave(&state, 1, B1 | B2, B1));
    /* 2 may join, 3 is not there, or is no replica */
    state.isr = set_of(B1);
    assert_false(may_leave(&state, 1, B1 | B2, B1));
    assert_true(may_leave(&state, 1, B1 | B2, B1 | B2));
    state.replica_count = 2;
    assert_true(may_leave(&state, 1, B1 | B3, B1));
}

static void a_follower_waits_until_it_is_let_go(void **unused)
{
    struct partition_state state = led_by_1(ALL);

    (void)unused;
    assert_false(may_leave(&state, 2, ALL, B2));
    state.isr = set_of(B1 | B3);
    assert_true(may_leave(&state, 2, ALL, B2));
    /* at min, and nobody may join */
    state.isr = set_of(B1 | B2);
    assert_true(may_leave(&state, 2, B1 | B2, B2));
    assert_true(may_leave(&state, 2, ALL, B2 | B3));
    assert_false(may_leave(&state, 2, ALL, B2));
    state.isr = set_of(ALL);
    assert_true(may_leave(&state, 2, ALL, ALL));
    assert_false(may_leave(&state, 3, B1 | B3, B3));
    /* who is in it is a former life */
    state.isr = set_of(B1 | B2);
    state.isr.members[1].broker_epoch--;
    assert_true(may_leave(&state, 2, ALL, B2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_leader_that_leaves_is_replaced),
        cmocka_unit_test(another_successor_takes_the_place_of_the_first),
        cmocka_unit_test(a_wish_goes_with_its_successor),
        cmocka_unit_test(a_follower_that_leaves_is_let_go),
        cmocka_unit_test(nobody_is_let_go_below_min),
        cmocka_unit_test(the_only_one_in_sync_leads_on),
        cmocka_unit_test(nobody_takes_over_who_leaves_too),
        cmocka_unit_test(nobody_takes_over_who_has_not_reported),
        cmocka_unit_test(nobody_takes_over_who_is_gone),
        cmocka_unit_test(who_leaves_is_elected_last),
        cmocka_unit_test(nobody_prefers_who_leaves),
        cmocka_unit_test(nobody_joins_who_leaves),
        cmocka_unit_test(a_new_partition_does_without_who_leaves),
        cmocka_unit_test(a_leader_waits_for_others),
        cmocka_unit_test(a_follower_waits_until_it_is_let_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
