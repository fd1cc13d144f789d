/* SPDX-License-Identifier: Apache-2.0
 *
 * When the preferred replica leads again, and how a leader gives way (R6, R17
 * of broker/INVARIANTS.md).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rules/replication.h"

#define PREFERRED 1
#define OTHER     2

static struct live_broker brokers[] = {
    {PREFERRED, 101, true, false},
    {OTHER, 102, true, false},
};
static const struct live_brokers live = {2, brokers};

/* OTHER leads, both are in sync. */
static struct partition_state led_by_other(void)
{
    return (struct partition_state){
        .replica_count = 2,
        .replicas = {PREFERRED, OTHER},
        .leader = OTHER,
        .leader_epoch = 7,
        .partition_epoch = 20,
        .min = 1,
        .isr = {2, {{OTHER, 102}, {PREFERRED, 101}}},
    };
}

static void assert_stays(const struct partition_state *state,
                         const struct live_brokers *seen)
{
    struct partition_state after = *state;

    assert_false(partition_state_prefer(&after, seen));
    assert_memory_equal(&after, state, sizeof after);
}

static const struct replica leader = {OTHER, 102};

static void the_leader_is_asked_once(void **unused)
{
    struct partition_state state = led_by_other();

    (void)unused;
    assert_true(partition_state_prefer(&state, &live));
    assert_true(state.handing_over);
    assert_int_equal(state.successor, PREFERRED);
    assert_int_equal(state.leader, OTHER);
    assert_int_equal(state.leader_epoch, 7);
    assert_int_equal(state.partition_epoch, 21);
    assert_stays(&state, &live);
}

static void leads_again_at_the_leaders_word(void **unused)
{
    struct partition_state state = led_by_other();
    struct partition_state before = state;

    (void)unused;
    assert_int_equal(partition_state_resign(&state, &leader, 7, 20),
                     ERROR_INELIGIBLE_REPLICA); /* nobody asked for it */
    assert_true(partition_state_prefer(&state, &live));
    assert_int_equal(partition_state_resign(&state, &leader, 6, 21),
                     ERROR_FENCED_EPOCH);
    assert_int_equal(partition_state_resign(&state, &leader, 7, 20),
                     ERROR_STALE_PARTITION_EPOCH);
    assert_int_equal(
        partition_state_resign(&state, &(struct replica){OTHER, 99}, 7, 21),
        ERROR_NOT_LEADER);
    assert_int_equal(state.leader, OTHER);
    assert_int_equal(partition_state_resign(&state, &leader, 7, 21),
                     ERROR_NONE);
    assert_int_equal(state.leader, PREFERRED);
    assert_int_equal(state.leader_epoch, 8);
    assert_int_equal(state.partition_epoch, 22);
    assert_false(state.handing_over);
    assert_true(replica_set_equal(&state.isr, &before.isr));
    assert_stays(&state, &live);
}

/* The wish ends with who was to lead, or with the leader. */
static void nobody_gives_way_to_who_is_gone(void **unused)
{
    struct partition_state state = led_by_other();
    const struct live_brokers without_preferred = {1, brokers + 1};
    const struct live_brokers without_other = {1, brokers};

    (void)unused;
    assert_true(partition_state_prefer(&state, &live));
    assert_true(partition_state_decide(&state, &without_preferred));
    assert_false(state.handing_over);
    assert_int_equal(state.leader, OTHER);
    state = led_by_other();
    assert_true(partition_state_prefer(&state, &live));
    assert_true(partition_state_decide(&state, &without_other));
    assert_false(state.handing_over);
    assert_int_equal(state.leader, PREFERRED);
}

static void not_when_out_of_sync(void **unused)
{
    struct partition_state state = led_by_other();

    (void)unused;
    replica_set_remove(&state.isr, PREFERRED);
    assert_stays(&state, &live);
    replica_set_add(&state.eligible, (struct replica){PREFERRED, 101});
    assert_stays(&state, &live);
}

/* In the ISR stands a former life of it. */
static void not_when_it_is_somebody_else(void **unused)
{
    struct partition_state state = led_by_other();

    (void)unused;
    replica_set_add(&state.isr, (struct replica){PREFERRED, 100});
    assert_stays(&state, &live);
}

static void not_when_it_is_gone_or_has_not_reported(void **unused)
{
    struct partition_state state = led_by_other();
    struct live_broker silent = {PREFERRED, 101, false, false};

    (void)unused;
    assert_stays(&state, &(struct live_brokers){1, brokers + 1});
    assert_stays(&state, &(struct live_brokers){1, &silent});
}

static void not_when_nobody_leads(void **unused)
{
    struct partition_state state = led_by_other();

    (void)unused;
    state.leader = NO_BROKER;
    assert_stays(&state, &live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_leader_is_asked_once),
        cmocka_unit_test(leads_again_at_the_leaders_word),
        cmocka_unit_test(nobody_gives_way_to_who_is_gone),
        cmocka_unit_test(not_when_out_of_sync),
        cmocka_unit_test(not_when_it_is_somebody_else),
        cmocka_unit_test(not_when_it_is_gone_or_has_not_reported),
        cmocka_unit_test(not_when_nobody_leads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
