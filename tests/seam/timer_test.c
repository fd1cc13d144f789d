/* SPDX-License-Identifier: Apache-2.0
 *
 * Timers: order, restart, stop, never early, never from inside the call.
 */
#include "tests/seam/harness.h"

struct alarm {
    struct timer timer;
    struct seam *seam;
    char letter;
    char *to; /* where the next letter goes */
    int64_t fired_us;
};

static char order[16];
static size_t fired;

static void on_fire(struct timer *timer)
{
    struct alarm *alarm = container_of(timer, struct alarm, timer);

    assert_false(timer_running(timer));
    assert_true(fired < sizeof order - 1);
    order[fired++] = alarm->letter;
    alarm->fired_us = alarm->seam->now.monotonic_us;
    assert_true(alarm->fired_us >= timer->deadline_us);
}

static void start(struct harness *harness, struct alarm *alarm, char letter,
                  int64_t in_us)
{
    struct seam *seam = harness_seam(harness);

    *alarm = (struct alarm){.timer.fire = on_fire, .letter = letter};
    alarm->seam = seam;
    timer_start(seam->timers, &alarm->timer, seam->now.monotonic_us + in_us);
    assert_true(timer_running(&alarm->timer));
}

static int reset(void **state)
{
    fired = 0;
    memset(order, 0, sizeof order);
    return harness_setup(state);
}

static bool fired_are(void *context)
{
    return fired >= *(size_t *)context;
}

static void wait_for(struct harness *harness, size_t count)
{
    harness_wait(harness, fired_are, &count);
}

static void deadlines_decide(void **state)
{
    struct alarm alarms[3];

    start(*state, &alarms[0], 'c', 40000);
    start(*state, &alarms[1], 'a', 10000);
    start(*state, &alarms[2], 'b', 20000);
    assert_int_equal(fired, 0);
    wait_for(*state, 3);
    assert_string_equal(order, "abc");
}

static void equal_deadlines_fire_in_the_order_of_starting(void **state)
{
    struct alarm alarms[6];

    for (int i = 0; i < 6; i++)
        start(*state, &alarms[i], (char)('a' + i), 10000);
    wait_for(*state, 6);
    assert_string_equal(order, "abcdef");
}

static void the_past_fires_at_the_next_turn(void **state)
{
    struct alarm alarm;

    start(*state, &alarm, 'a', -1000);
    assert_int_equal(fired, 0);
    wait_for(*state, 1);
}

static void a_restart_moves_it(void **state)
{
    struct seam *seam = harness_seam(*state);
    struct alarm alarms[2];

    start(*state, &alarms[0], 'a', 10000);
    start(*state, &alarms[1], 'b', 20000);
    timer_start(seam->timers, &alarms[0].timer, seam->now.monotonic_us + 40000);
    wait_for(*state, 2);
    assert_string_equal(order, "ba");
}

static void a_restart_goes_behind_equal_deadlines(void **state)
{
    struct seam *seam = harness_seam(*state);
    struct alarm alarms[2];

    start(*state, &alarms[0], 'a', 10000);
    start(*state, &alarms[1], 'b', 10000);
    timer_start(seam->timers, &alarms[0].timer, alarms[1].timer.deadline_us);
    wait_for(*state, 2);
    assert_string_equal(order, "ba");
}

static void a_stopped_timer_is_silent(void **state)
{
    struct seam *seam = harness_seam(*state);
    struct alarm alarms[2];

    start(*state, &alarms[0], 'a', 5000);
    start(*state, &alarms[1], 'b', 10000);
    timer_stop(seam->timers, &alarms[0].timer);
    timer_stop(seam->timers, &alarms[0].timer);
    assert_false(timer_running(&alarms[0].timer));
    wait_for(*state, 1);
    harness_pass(*state, 20000);
    assert_string_equal(order, "b");
}

static struct alarm second;

static void start_second(struct timer *timer)
{
    struct alarm *alarm = container_of(timer, struct alarm, timer);

    second.timer.fire = on_fire;
    second.seam = alarm->seam;
    second.letter = 'z';
    timer_start(alarm->seam->timers, &second.timer,
                alarm->seam->now.monotonic_us);
    assert_int_equal(fired, 0);
    on_fire(timer);
}

static void one_started_while_firing_comes_later(void **state)
{
    struct alarm alarm;

    start(*state, &alarm, 'a', 1000);
    alarm.timer.fire = start_second;
    wait_for(*state, 2);
    assert_string_equal(order, "az");
}

int main(void)
{
#define TIMER_TEST(test)                                                       \
    cmocka_unit_test_setup_teardown(test, reset, harness_teardown)
    const struct CMUnitTest tests[] = {
        TIMER_TEST(deadlines_decide),
        TIMER_TEST(equal_deadlines_fire_in_the_order_of_starting),
        TIMER_TEST(the_past_fires_at_the_next_turn),
        TIMER_TEST(a_restart_moves_it),
        TIMER_TEST(a_restart_goes_behind_equal_deadlines),
        TIMER_TEST(a_stopped_timer_is_silent),
        TIMER_TEST(one_started_while_firing_comes_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
