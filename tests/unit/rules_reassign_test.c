/* SPDX-License-Identifier: Apache-2.0
 *
 * How a partition moves to other brokers (R15 of broker/INVARIANTS.md).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rules/reassign.h"

#define MIN 2

static struct live_broker brokers[] = {
    {0, 100, true, false}, {1, 101, true, false}, {2, 102, true, false},
    {3, 103, true, false}, {4, 104, true, false}, {5, 105, true, false},
    {6, 106, true, false}, {7, 107, true, false}, {8, 108, true, false},
};
static const struct live_brokers live = {9, brokers};

static struct replica replica(uint32_t id)
{
    return (struct replica){id, 100 + id};
}

static void in_sync(struct partition_state *state, const uint32_t *ids,
                    uint32_t count)
{
    state->isr = (struct replica_set){0};
    for (uint32_t i = 0; i < count; i++)
        replica_set_add(&state->isr, replica(ids[i]));
}
#define IN_SYNC(state, ...)                                                    \
    in_sync((state), (const uint32_t[]){__VA_ARGS__},                          \
            sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static enum error move(struct partition_state *state, const uint32_t *ids,
                       uint32_t count)
{
    return partition_state_reassign(state, ids, count, 0);
}
#define MOVE(state, ...)                                                       \
    move((state), (const uint32_t[]){__VA_ARGS__},                             \
         sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static bool complete(struct partition_state *state)
{
    return partition_state_complete(state, MIN, &live);
}

static void assert_replicas(const struct partition_state *state,
                            const uint32_t *ids, uint32_t count)
{
    assert_int_equal(state->replica_count, count);
    assert_memory_equal(state->replicas, ids, count * sizeof *ids);
}
#define ASSERT_REPLICAS(state, ...)                                            \
    assert_replicas((state), (const uint32_t[]){__VA_ARGS__},                  \
                    sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

/* On 1, 2 and 3, all in sync; 1 leads. */
static struct partition_state on_three(void)
{
    struct partition_state state = {
        .replica_count = 3,
        .replicas = {1, 2, 3},
        .leader = 1,
        .leader_epoch = 7,
        .partition_epoch = 20,
        .min = MIN,
    };

    IN_SYNC(&state, 1, 2, 3);
    return state;
}

static void assert_refused(struct partition_state *state, enum error expected,
                           enum error got, const struct partition_state *before)
{
    assert_int_equal(got, expected);
    assert_memory_equal(state, before, sizeof *state);
}

/* ---- the beginning ---- */

static void target_comes_first_then_what_goes(void **unused)
{
    struct partition_state state = on_three();

    (void)unused;
    assert_int_equal(MOVE(&state, 4, 2, 5), ERROR_NONE);
    ASSERT_REPLICAS(&state, 4, 2, 5, 1, 3);
    assert_int_equal(state.target_count, 3);
    assert_true(partition_state_is_adding(&state, 4));
    assert_false(partition_state_is_adding(&state, 2));
    assert_false(partition_state_is_adding(&state, 1));
    assert_true(partition_state_is_removing(&state, 1));
    assert_false(partition_state_is_removing(&state, 2));
    assert_false(partition_state_is_removing(&state, 9));
    assert_int_equal(partition_state_original_count(&state), 3);
}

static void it_begins_a_leader_epoch_under_the_same_leader(void **unused)
{
    struct partition_state state = on_three();
    struct partition_state before = state;

    (void)unused;
    MOVE(&state, 4, 5, 6);
    assert_int_equal(state.leader, 1);
    assert_int_equal(state.leader_epoch, 8);
    assert_int_equal(state.partition_epoch, 21);
    assert_true(replica_set_equal(&state.isr, &before.isr));
    assert_int_equal(state.min, MIN);
}

static void the_same_assignment_is_nothing(void **unused)
{
    struct partition_state state = on_three();
    struct partition_state before = state;

    (void)unused;
    assert_int_equal(MOVE(&state, 1, 2, 3), ERROR_NONE);
    assert_memory_equal(&state, &before, sizeof state);
    assert_int_equal(partition_state_cancel(&state), ERROR_NONE);
    assert_memory_equal(&state, &before, sizeof state);
}

static void the_same_target_again_is_nothing(void **unused)
{
    struct partition_state state = on_three();
    struct partition_state before;

    (void)unused;
    MOVE(&state, 4, 5, 6);
    before = state;
    assert_int_equal(MOVE(&state, 4, 5, 6), ERROR_NONE);
    assert_memory_equal(&state, &before, sizeof state);
}

static void another_rate_begins_no_leader_epoch(void **unused)
{
    const uint32_t target[] = {4, 5, 6};
    struct partition_state state = on_three();
    uint32_t leader_epoch, partition_epoch;

    (void)unused;
    MOVE(&state, 4, 5, 6);
    leader_epoch = state.leader_epoch;
    partition_epoch = state.partition_epoch;
    partition_state_reassign(&state, target, 3, 1000);
    assert_int_equal(state.copy_rate, 1000);
    assert_int_equal(state.leader_epoch, leader_epoch);
    assert_int_equal(state.partition_epoch, partition_epoch + 1);
}

static void another_order_is_done_at_once(void **unused)
{
    struct partition_state state = on_three();

    (void)unused;
    IN_SYNC(&state, 1, 2);
    assert_int_equal(MOVE(&state, 3, 1, 2), ERROR_NONE);
    ASSERT_REPLICAS(&state, 3, 1, 2);
    assert_false(partition_state_reassigned(&state));
    assert_int_equal(state.leader, 1);
    assert_int_equal(state.leader_epoch, 8);
}

static void more_than_sixteen_at_once_are_refused(void **unused)
{
    struct partition_state state = on_three();
    struct partition_state before = state;
    uint32_t target[14];

    (void)unused;
    for (uint32_t i = 0; i < 14; i++)
        target[i] = 10 + i;
    assert_refused(&state, ERROR_INVALID_ARGUMENT, move(&state, target, 14),
                   &before);
    assert_int_equal(move(&state, target, 13), ERROR_NONE);
    assert_int_equal(state.replica_count, 16);
}

/* The leader is asked to give way, and does: the rest goes with that write. */
static void gives_way_to(struct partition_state *state, uint32_t successor)
{
    struct replica leader = replica(state->leader);

    assert_true(complete(state));
    assert_true(state->handing_over);
    assert_int_equal(state->successor, successor);
    assert_int_equal(state->leader, leader.broker_id);
    assert_false(complete(state));
    assert_int_equal(partition_state_resign(state, &leader, state->leader_epoch,
                                            state->partition_epoch),
                     ERROR_NONE);
    assert_int_equal(state->leader, successor);
}

/* ---- the end ---- */

static void it_ends_when_all_of_the_target_are_in_sync(void **unused)
{
    struct partition_state state = on_three();
    struct partition_state before;

    (void)unused;
    MOVE(&state, 4, 5, 6);
    IN_SYNC(&state, 1, 2, 3, 4, 5);
    before = state;
    assert_false(complete(&state));
    assert_memory_equal(&state, &before, sizeof state);
    IN_SYNC(&state, 1, 4, 5, 6);
    gives_way_to(&state, 4);
    before = state;
    assert_true(complete(&state));
    ASSERT_REPLICAS(&state, 4, 5, 6);
    assert_false(partition_state_reassigned(&state));
    assert_int_equal(state.original_count, 0);
    assert_int_equal(state.isr.count, 3);
    assert_false(replica_set_has(&state.isr, 1));
    assert_int_equal(state.leader, 4);
    assert_int_equal(state.leader_epoch, before.leader_epoch + 1);
    assert_int_equal(state.partition_epoch, before.partition_epoch + 1);
    assert_false(complete(&state));
}

static void a_leader_of_the_target_stays(void **unused)
{
    struct partition_state state = on_three();

    (void)unused;
    MOVE(&state, 4, 1);
    IN_SYNC(&state, 1, 2, 4);
    state.leader_epoch = 30;
    assert_true(complete(&state));
    ASSERT_REPLICAS(&state, 4, 1);
    assert_int_equal(state.leader, 1);
    assert_int_equal(state.leader_epoch, 31);
}

/* Nobody's position is void when nobody goes. */
static void an_addition_ends_without_a_leader_epoch(void **unused)
{
    struct partition_state state = on_three();

    (void)unused;
    MOVE(&state, 1, 2, 3, 4);
    IN_SYNC(&state, 1, 2, 3, 4);
    state.leader_epoch = 30;
    assert_true(complete(&state));
    assert_int_equal(state.leader_epoch, 30);
}

static void who_is_eligible_is_not_taken_out(void **unused)
{
    struct partition_state state = on_three();

    (void)unused;
    MOVE(&state, 3);
    IN_SYNC(&state, 3);
    state.leader = 3;
    replica_set_add(&state.eligible, replica(1));
    assert_false(complete(&state));
    replica_set_remove(&state.eligible, 1);
    assert_true(complete(&state));
    ASSERT_REPLICAS(&state, 3);
}

static void what_is_done_with_the_last_state_needs_no_waiting(void **unused)
{
    struct partition_state state = on_three();

    (void)unused;
    MOVE(&state, 1, 3);
    assert_true(complete(&state));
    ASSERT_REPLICAS(&state, 1, 3);
    assert_int_equal(state.leader, 1);
}

/* ---- the leader ---- */

static void a_leader_that_is_to_go_gives_way_first(void **unused)
{
    struct partition_state state = on_three();

    (void)unused;
    MOVE(&state, 2, 3);
    gives_way_to(&state, 2);
    ASSERT_REPLICAS(&state, 2, 3, 1);
    assert_true(complete(&state));
    ASSERT_REPLICAS(&state, 2, 3);
    assert_int_equal(state.leader, 2);
}

/* It is asked for another one already: that one gives way next. */
static void a_leader_is_not_asked_for_two(void **unused)
{
    struct partition_state state = on_three();

    (void)unused;
    MOVE(&state, 3);
    assert_true(partition_state_hand_over(&state, 2));
    assert_false(complete(&state));
    assert_int_equal(state.successor, 2);
}

/* It would have to ask for another one at once. */
static void a_leader_gives_way_to_nobody_who_is_leaving(void **unused)
{
    struct partition_state state = on_three();

    (void)unused;
    state.replicas[1] = 0; /* it is there, and has no place either */
    MOVE(&state, 4, 5);
    IN_SYNC(&state, 0, 1, 4, 5);
    brokers[4].leaving = true;
    brokers[5].leaving = true;
    assert_false(complete(&state));
    assert_false(state.handing_over);
    brokers[5].leaving = false;
    assert_true(complete(&state));
    brokers[4].leaving = false;
    assert_int_equal(state.successor, 5);
}

static void a_leader_gives_way_to_nobody_who_is_gone(void **unused)
{
    struct partition_state state = on_three();
    struct live_brokers without_5 = {5, brokers};

    (void)unused;
    MOVE(&state, 5, 4);
    IN_SYNC(&state, 1, 4, 5);
    assert_true(partition_state_complete(&state, MIN, &without_5));
    assert_int_equal(state.successor, 4);
}

static void without_a_leader_nobody_is_asked(void **unused)
{
    struct partition_state state = on_three();

    (void)unused;
    MOVE(&state, 2, 3);
    state.leader = NO_BROKER;
    assert_true(complete(&state));
    ASSERT_REPLICAS(&state, 2, 3);
    assert_int_equal(state.leader, NO_BROKER);
    assert_false(state.handing_over);
}

static void another_leader_needs_no_asking(void **unused)
{
    struct partition_state state = on_three();

    (void)unused;
    MOVE(&state, 1, 2);
    assert_true(complete(&state));
    assert_int_equal(state.leader, 1);
    assert_false(state.handing_over);
}

static void a_leader_that_is_cancelled_stays_until_it_gives_way(void **unused)
{
    struct partition_state state = on_three();
    struct partition_state before;

    (void)unused;
    MOVE(&state, 4, 5);
    IN_SYNC(&state, 1, 2, 4);
    state.leader = 4;
    assert_int_equal(partition_state_cancel(&state), ERROR_NONE);
    ASSERT_REPLICAS(&state, 1, 2, 3, 4);
    assert_int_equal(state.leader, 4);
    assert_true(partition_state_is_removing(&state, 4));
    before = state;
    assert_int_equal(partition_state_cancel(&state), ERROR_NONE);
    assert_memory_equal(&state, &before, sizeof state);
    gives_way_to(&state, 1);
    assert_true(complete(&state));
    ASSERT_REPLICAS(&state, 1, 2, 3);
    assert_false(partition_state_reassigned(&state));
    assert_int_equal(state.leader, 1);
}

static void a_leader_of_no_target_goes_before_the_target_is_in_sync(
    void **unused)
{
    struct partition_state state = on_three();

    (void)unused;
    MOVE(&state, 4, 5);
    IN_SYNC(&state, 1, 2, 4);
    state.leader = 4;
    assert_int_equal(MOVE(&state, 6), ERROR_NONE);
    ASSERT_REPLICAS(&state, 6, 1, 2, 3, 4);
    gives_way_to(&state, 1);
    IN_SYNC(&state, 1, 4);
    assert_false(complete(&state)); /* R15 */
    IN_SYNC(&state, 1, 2, 4);
    assert_true(complete(&state));
    ASSERT_REPLICAS(&state, 6, 1, 2, 3);
    assert_true(partition_state_reassigned(&state));
    assert_int_equal(state.leader, 1);
}

static void who_is_of_nothing_goes_when_another_one_leads(void **unused)
{
    struct partition_state state = on_three();

    (void)unused;
    MOVE(&state, 4, 5);
    IN_SYNC(&state, 1, 2, 4);
    state.leader = 4;
    MOVE(&state, 6);
    state.leader = 1;
    assert_true(complete(&state));
    ASSERT_REPLICAS(&state, 6, 1, 2, 3);
    assert_false(replica_set_has(&state.isr, 4));
}

/* ---- min ---- */

static void min_is_of_the_original_until_it_ends(void **unused)
{
    struct partition_state state = {.replica_count = 1,
                                    .replicas = {1},
                                    .leader = 1,
                                    .leader_epoch = 1,
                                    .min = 1};

    (void)unused;
    IN_SYNC(&state, 1);
    MOVE(&state, 1, 2, 3);
    assert_int_equal(state.min, 1);
    partition_state_configure(&state, 3, false);
    assert_int_equal(state.min, 1);
    IN_SYNC(&state, 1, 2, 3);
    assert_true(complete(&state));
    assert_int_equal(state.min, MIN);
}

static void min_is_no_more_than_the_target(void **unused)
{
    struct partition_state state = on_three();

    (void)unused;
    MOVE(&state, 2);
    assert_int_equal(state.min, MIN);
    gives_way_to(&state, 2);
    assert_int_equal(state.min, MIN);
    assert_true(complete(&state));
    assert_int_equal(state.min, 1);
    assert_int_equal(state.leader, 2);
    assert_int_equal(state.isr.count, 1);
    assert_int_equal(state.eligible.count, 0);
}

/* ---- another target, and none ---- */

static void a_cancellation_restores_the_order(void **unused)
{
    struct partition_state state = on_three();

    (void)unused;
    MOVE(&state, 3, 4, 1);
    IN_SYNC(&state, 1, 2, 3, 4);
    assert_int_equal(partition_state_cancel(&state), ERROR_NONE);
    ASSERT_REPLICAS(&state, 1, 2, 3);
    assert_false(partition_state_reassigned(&state));
    assert_int_equal(state.leader, 1);
    assert_false(replica_set_has(&state.isr, 4));
}

static void another_target_takes_the_place_of_the_first(void **unused)
{
    struct partition_state state = on_three();

    (void)unused;
    MOVE(&state, 4, 5, 6);
    IN_SYNC(&state, 1, 2, 3, 4, 5);
    assert_int_equal(MOVE(&state, 5, 7), ERROR_NONE);
    ASSERT_REPLICAS(&state, 5, 7, 1, 2, 3);
    assert_false(replica_set_has(&state.isr, 4));
    assert_true(replica_set_has(&state.isr, 5));
    assert_int_equal(state.original_count, 3);
    assert_int_equal(partition_state_cancel(&state), ERROR_NONE);
    ASSERT_REPLICAS(&state, 1, 2, 3);
}

/* The originals are gone, and 4 and 5 alone have what came since. */
static void who_is_in_sync_alone_does_not_go(void **unused)
{
    struct partition_state state = on_three();
    struct partition_state before;

    (void)unused;
    MOVE(&state, 4, 5);
    IN_SYNC(&state, 4, 5);
    state.leader = 4;
    before = state;
    assert_refused(&state, ERROR_NOT_ENOUGH_REPLICAS,
                   partition_state_cancel(&state), &before);
    assert_refused(&state, ERROR_NOT_ENOUGH_REPLICAS, MOVE(&state, 6), &before);
    IN_SYNC(&state, 1, 4, 5);
    before = state;
    assert_refused(&state, ERROR_NOT_ENOUGH_REPLICAS,
                   partition_state_cancel(&state), &before);
    IN_SYNC(&state, 1, 2, 4, 5);
    state.leader = 1;
    assert_int_equal(partition_state_cancel(&state), ERROR_NONE);
    assert_int_equal(state.isr.count, 2);
}

static void who_was_not_in_sync_goes_from_below_min(void **unused)
{
    struct partition_state state = on_three();

    (void)unused;
    MOVE(&state, 4, 5);
    IN_SYNC(&state, 1);
    replica_set_add(&state.eligible, replica(2));
    assert_int_equal(partition_state_cancel(&state), ERROR_NONE);
    ASSERT_REPLICAS(&state, 1, 2, 3);
    assert_true(replica_set_has(&state.eligible, 2));
}

static void who_may_have_all_does_not_go(void **unused)
{
    struct partition_state state = on_three();
    struct partition_state before;

    (void)unused;
    MOVE(&state, 4, 5);
    IN_SYNC(&state, 1);
    replica_set_add(&state.eligible, replica(5));
    before = state;
    assert_refused(&state, ERROR_NOT_ENOUGH_REPLICAS,
                   partition_state_cancel(&state), &before);
    assert_refused(&state, ERROR_NOT_ENOUGH_REPLICAS, MOVE(&state, 4, 6),
                   &before);
}

/* ---- with the other rules ---- */

static void a_new_replica_in_sync_may_lead(void **unused)
{
    struct partition_state state = on_three();

    (void)unused;
    MOVE(&state, 4, 5);
    IN_SYNC(&state, 4);
    assert_true(partition_state_decide(&state, &live));
    assert_int_equal(state.leader, 4);
}

static void a_proposal_from_before_is_refused(void **unused)
{
    struct partition_state state = on_three();
    struct replica leader = replica(1);
    struct replica_set isr = {2, {replica(1), replica(2)}};

    (void)unused;
    MOVE(&state, 4, 5);
    assert_int_equal(
        partition_state_alter_isr(&state, &leader, 7, 20, &isr, &live),
        ERROR_FENCED_EPOCH);
}

/* ---- what is left of it ---- */

/* As it was made, so that states can be compared. */
static void the_end_leaves_nothing_of_it(void **unused)
{
    const uint32_t target[] = {2, 4};
    struct partition_state state = on_three();
    struct partition_state plain = {
        .replica_count = 2, .replicas = {2, 4}, .leader = 2, .min = MIN};

    (void)unused;
    state.leader = 2;
    partition_state_reassign(&state, target, 2, 1000);
    IN_SYNC(&state, 1, 2, 3, 4);
    IN_SYNC(&plain, 2, 4);
    assert_true(complete(&state));
    plain.leader_epoch = state.leader_epoch;
    plain.partition_epoch = state.partition_epoch;
    assert_memory_equal(&state.replicas, &plain.replicas,
                        sizeof plain.replicas);
    assert_memory_equal(&state.original, &plain.original,
                        sizeof plain.original);
    assert_int_equal(state.copy_rate, 0);
    assert_int_equal(state.isr.count, 2);
}

static void nobody_comes_or_goes_without_a_reassignment(void **unused)
{
    struct partition_state state = on_three();

    (void)unused;
    for (uint32_t id = 0; id < 6; id++) {
        assert_false(partition_state_is_adding(&state, id));
        assert_false(partition_state_is_removing(&state, id));
    }
    MOVE(&state, 4, 2);
    assert_false(partition_state_is_adding(&state, 9));
    assert_false(partition_state_is_removing(&state, 9));
}

/* The second of the eligible is one of those who would go. */
static void none_of_the_eligible_goes(void **unused)
{
    struct partition_state state = on_three();
    struct partition_state before;

    (void)unused;
    MOVE(&state, 4, 5);
    IN_SYNC(&state, 1);
    replica_set_add(&state.eligible, replica(2));
    replica_set_add(&state.eligible, replica(4));
    before = state;
    assert_refused(&state, ERROR_NOT_ENOUGH_REPLICAS,
                   partition_state_cancel(&state), &before);
}

/* Broker 0 is a broker like any other. */
static void who_is_not_in_sync_does_not_become_so(void **unused)
{
    struct partition_state state = on_three();

    (void)unused;
    state.replicas[2] = 0;
    IN_SYNC(&state, 1, 2);
    MOVE(&state, 1, 4, 0);
    IN_SYNC(&state, 1, 2, 4);
    assert_int_equal(MOVE(&state, 1, 0, 2), ERROR_NONE);
    assert_int_equal(state.isr.count, 2);
    assert_false(replica_set_has(&state.isr, 0));
}

/* On 1, 2 and 3, on its way to 4 and 5; 0, which led and is of neither, has
 * stayed so far. */
static struct partition_state with_a_guest(void)
{
    struct partition_state state = on_three();

    MOVE(&state, 0, 4);
    IN_SYNC(&state, 1, 2, 0);
    state.leader = 0;
    partition_state_reassign(&state, (const uint32_t[]){4, 5}, 2, 1000);
    assert_int_equal(state.replica_count, 6);
    return state;
}

static void the_same_target_lets_go_who_leads_no_more(void **unused)
{
    struct partition_state state = with_a_guest();

    (void)unused;
    state.leader = 1;
    assert_int_equal(
        partition_state_reassign(&state, (const uint32_t[]){4, 5}, 2, 1000),
        ERROR_NONE);
    ASSERT_REPLICAS(&state, 4, 5, 1, 2, 3);
    assert_false(replica_set_has(&state.isr, 0));
}

static void a_cancellation_has_no_rate(void **unused)
{
    struct partition_state state = with_a_guest();

    (void)unused;
    assert_int_equal(partition_state_cancel(&state), ERROR_NONE);
    ASSERT_REPLICAS(&state, 1, 2, 3, 0);
    assert_int_equal(state.copy_rate, 0);
}

static void a_guest_needs_room_too(void **unused)
{
    struct partition_state state = with_a_guest();
    struct partition_state before = state;
    uint32_t target[13];

    (void)unused;
    for (uint32_t i = 0; i < 13; i++)
        target[i] = 10 + i;
    assert_refused(&state, ERROR_INVALID_ARGUMENT, move(&state, target, 13),
                   &before);
    state.leader = 1;
    assert_int_equal(move(&state, target, 13), ERROR_NONE);
    assert_int_equal(state.replica_count, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(target_comes_first_then_what_goes),
        cmocka_unit_test(it_begins_a_leader_epoch_under_the_same_leader),
        cmocka_unit_test(the_same_assignment_is_nothing),
        cmocka_unit_test(the_same_target_again_is_nothing),
        cmocka_unit_test(another_rate_begins_no_leader_epoch),
        cmocka_unit_test(another_order_is_done_at_once),
        cmocka_unit_test(more_than_sixteen_at_once_are_refused),
        cmocka_unit_test(it_ends_when_all_of_the_target_are_in_sync),
        cmocka_unit_test(a_leader_of_the_target_stays),
        cmocka_unit_test(an_addition_ends_without_a_leader_epoch),
        cmocka_unit_test(who_is_eligible_is_not_taken_out),
        cmocka_unit_test(what_is_done_with_the_last_state_needs_no_waiting),
        cmocka_unit_test(a_leader_that_is_to_go_gives_way_first),
        cmocka_unit_test(a_leader_is_not_asked_for_two),
        cmocka_unit_test(a_leader_gives_way_to_nobody_who_is_leaving),
        cmocka_unit_test(a_leader_gives_way_to_nobody_who_is_gone),
        cmocka_unit_test(without_a_leader_nobody_is_asked),
        cmocka_unit_test(another_leader_needs_no_asking),
        cmocka_unit_test(a_leader_that_is_cancelled_stays_until_it_gives_way),
        cmocka_unit_test(
            a_leader_of_no_target_goes_before_the_target_is_in_sync),
        cmocka_unit_test(who_is_of_nothing_goes_when_another_one_leads),
        cmocka_unit_test(min_is_of_the_original_until_it_ends),
        cmocka_unit_test(min_is_no_more_than_the_target),
        cmocka_unit_test(a_cancellation_restores_the_order),
        cmocka_unit_test(another_target_takes_the_place_of_the_first),
        cmocka_unit_test(who_is_in_sync_alone_does_not_go),
        cmocka_unit_test(who_was_not_in_sync_goes_from_below_min),
        cmocka_unit_test(who_may_have_all_does_not_go),
        cmocka_unit_test(a_new_replica_in_sync_may_lead),
        cmocka_unit_test(a_proposal_from_before_is_refused),
        cmocka_unit_test(the_end_leaves_nothing_of_it),
        cmocka_unit_test(nobody_comes_or_goes_without_a_reassignment),
        cmocka_unit_test(none_of_the_eligible_goes),
        cmocka_unit_test(who_is_not_in_sync_does_not_become_so),
        cmocka_unit_test(the_same_target_lets_go_who_leads_no_more),
        cmocka_unit_test(a_cancellation_has_no_rate),
        cmocka_unit_test(a_guest_needs_room_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
