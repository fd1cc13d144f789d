/* SPDX-License-Identifier: Apache-2.0
 *
 * A leader with less than was acknowledged (R16 of broker/INVARIANTS.md).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/replication.h"

#define GONE  1
#define LESS  2
#define FRESH 3 /* registered, its replicas are not reported yet */
#define OTHER 4 /* no replica */

static struct live_broker brokers[] = {
    {LESS, 202, true, false},
    {FRESH, 203, false, false},
    {OTHER, 204, true, false},
};
static const struct live_brokers live = {3, brokers};

/* All that was acknowledged is on GONE. */
static struct partition_state without_leader(uint32_t min)
{
    return (struct partition_state){
        .replica_count = 3,
        .replicas = {GONE, LESS, FRESH},
        .leader = NO_BROKER,
        .leader_epoch = 7,
        .partition_epoch = 20,
        .min = min,
        .eligible = {1, {{GONE, 101}}},
    };
}

static void assert_refused(const struct partition_state *state,
                           uint32_t broker_id, enum error error)
{
    struct partition_state after = *state;

    assert_int_equal(partition_state_elect_unclean(&after, broker_id, &live),
                     error);
    assert_memory_equal(&after, state, sizeof after);
}

static void leads_and_may_be_followed_below_watermarks(void **unused)
{
    struct partition_state state = without_leader(1);

    (void)unused;
    assert_int_equal(partition_state_elect_unclean(&state, LESS, &live),
                     ERROR_NONE);
    assert_int_equal(state.leader, LESS);
    assert_int_equal(state.leader_epoch, 8);
    assert_int_equal(state.unclean_epoch, 8);
    assert_int_equal(state.partition_epoch, 21);
    assert_int_equal(state.isr.count, 1);
    assert_true(replica_set_has_epoch(&state.isr, LESS, 202));
    assert_int_equal(state.eligible.count, 0);
    assert_true(partition_state_may_cut(&state, 7, 50, 10));
    assert_false(partition_state_may_cut(&state, 8, 50, 10));
}

/* Who had all and who goes on with less must not take turns. */
static void nobody_else_is_eligible_then(void **unused)
{
    struct partition_state state = without_leader(2);
    struct live_broker back[] = {{GONE, 301, true, false},
                                 {FRESH, 203, true, false}};
    const struct live_brokers later = {2, back};

    (void)unused;
    assert_int_equal(partition_state_elect_unclean(&state, LESS, &live),
                     ERROR_NONE);
    assert_int_equal(state.eligible.count, 0);
    assert_true(partition_state_decide(&state, &later)); /* LESS died */
    assert_int_equal(state.leader, NO_BROKER);
    assert_int_equal(partition_state_elect_unclean(&state, GONE, &later),
                     ERROR_NONE);
    assert_int_equal(state.unclean_epoch, state.leader_epoch);
}

static void not_where_there_is_a_leader(void **unused)
{
    struct partition_state state = without_leader(1);

    (void)unused;
    state.leader = GONE;
    state.isr = (struct replica_set){1, {{GONE, 101}}};
    assert_refused(&state, LESS, ERROR_ELECTION_NOT_NEEDED);
}

static void only_a_replica_that_is_there_and_was_reported(void **unused)
{
    struct partition_state state = without_leader(1);

    (void)unused;
    assert_refused(&state, GONE, ERROR_INELIGIBLE_REPLICA);
    assert_refused(&state, FRESH, ERROR_INELIGIBLE_REPLICA);
    assert_refused(&state, OTHER, ERROR_INELIGIBLE_REPLICA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leads_and_may_be_followed_below_watermarks),
        cmocka_unit_test(nobody_else_is_eligible_then),
        cmocka_unit_test(not_where_there_is_a_leader),
        cmocka_unit_test(only_a_replica_that_is_there_and_was_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
