/* SPDX-License-Identifier: Apache-2.0
 *
 * Which wall clock is believed, and what time it is when it is not (R3).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/clock.h"

#define SKEW   1000
#define DAY    INT64_C(86400000)
#define MONTH  (30 * DAY)
#define NOW    INT64_C(1700000000000)
#define AT(ms) (INT64_C(77000000) + (ms)*1000) /* monotonic, us */

/* A clock that ZooKeeper's bore out at NOW. */
static struct believed_clock believed(void)
{
    struct believed_clock clock;

    clock_init(&clock, SKEW);
    assert_true(clock_refer(&clock, NOW + 3, NOW, AT(0)));
    assert_true(clock_is_believed(&clock));
    return clock;
}

static void nothing_is_believed_before_a_reference(void **state)
{
    struct believed_clock clock;

    (void)state;
    clock_init(&clock, SKEW);
    assert_false(clock_is_believed(&clock));
    /* but it is all there is */
    assert_int_equal(clock_now_ms(&clock, NOW, AT(0)), NOW);
    assert_int_equal(clock_now_ms(&clock, NOW + MONTH, AT(5)), NOW + MONTH);
    assert_false(clock_observe(&clock, NOW, AT(0)));
    assert_false(clock_observe(&clock, NOW + MONTH, AT(1)));
    assert_false(clock_is_believed(&clock));
    assert_int_equal(clock.state, CLOCK_UNKNOWN);
}

static void a_reference_decides_within_the_skew(void **state)
{
    struct believed_clock clock;

    (void)state;
    for (int64_t apart = -2 * SKEW; apart <= 2 * SKEW; apart++) {
        bool near = apart >= -SKEW && apart <= SKEW;

        clock_init(&clock, SKEW);
        assert_true(clock_refer(&clock, NOW, NOW + apart, AT(0)));
        assert_int_equal(clock_is_believed(&clock), near);
        assert_int_equal(clock.state, near ? CLOCK_BELIEVED : CLOCK_DOUBTED);
        /* the wall clock where it is near, the reference where it is not */
        assert_int_equal(clock_now_ms(&clock, NOW + apart, AT(0)),
                         near ? NOW + apart : NOW);
    }
}

static void only_a_change_is_told(void **state)
{
    struct believed_clock clock = believed();

    (void)state;
    assert_false(clock_refer(&clock, NOW, NOW, AT(0)));
    assert_false(clock_observe(&clock, NOW + 10, AT(10)));
    assert_true(clock_observe(&clock, NOW + MONTH, AT(20)));
    assert_false(clock_observe(&clock, NOW + MONTH, AT(30)));
    assert_false(clock_refer(&clock, NOW, NOW + MONTH, AT(40)));
    assert_true(clock_refer(&clock, NOW, NOW, AT(50)));
}

/* R3: thirty days for a moment. */
static void r3_a_jump_is_doubted_until_it_is_undone(void **state)
{
    static const int64_t jumps[] = {SKEW + 1, MONTH, -SKEW - 1, -MONTH};

    (void)state;
    for (size_t i = 0; i < sizeof jumps / sizeof jumps[0]; i++) {
        struct believed_clock clock = believed();

        assert_true(clock_observe(&clock, NOW + 100 + jumps[i], AT(100)));
        assert_false(clock_is_believed(&clock));
        assert_int_equal(clock.state, CLOCK_DOUBTED);
        /* believed time goes on with the monotonic clock */
        assert_int_equal(clock_now_ms(&clock, NOW + 100 + jumps[i], AT(100)),
                         NOW + 100);
        assert_int_equal(clock_now_ms(&clock, NOW + 7000 + jumps[i], AT(7000)),
                         NOW + 7000);
        assert_false(clock_observe(&clock, NOW + 7000 + jumps[i], AT(7000)));
        assert_false(clock_is_believed(&clock));
        assert_true(clock_observe(&clock, NOW + 8000, AT(8000)));
        assert_true(clock_is_believed(&clock));
        assert_int_equal(clock_now_ms(&clock, NOW + 8000, AT(8000)),
                         NOW + 8000);
    }
}

static void a_step_of_the_skew_is_no_jump(void **state)
{
    struct believed_clock clock = believed();

    (void)state;
    assert_false(clock_observe(&clock, NOW + 500 + SKEW, AT(500)));
    assert_true(clock_is_believed(&clock));
    /* time is the wall clock's from there on */
    assert_int_equal(clock_now_ms(&clock, 0, AT(600)), NOW + 600 + SKEW);
    assert_false(clock_observe(&clock, NOW + 700, AT(700)));
    assert_true(clock_is_believed(&clock));
    assert_true(clock_observe(&clock, NOW + 800 + SKEW + 1, AT(800)));
}

/* A slow correction: each step small, all together a month. */
static void a_clock_that_is_slewed_is_believed(void **state)
{
    struct believed_clock clock = believed();

    (void)state;
    for (int64_t i = 1; i <= MONTH / SKEW; i++) {
        assert_false(
            clock_observe(&clock, NOW + i * 10 + i * SKEW, AT(i * 10)));
        assert_true(clock_is_believed(&clock));
    }
}

static void times_at_the_ends_of_the_range_do_not_wrap(void **state)
{
    struct believed_clock clock;

    (void)state;
    clock_init(&clock, SKEW);
    assert_true(clock_refer(&clock, NOW, INT64_MIN, AT(0)));
    assert_false(clock_is_believed(&clock));
    assert_false(clock_observe(&clock, INT64_MIN, AT(1)));
    assert_false(clock_observe(&clock, INT64_MAX, AT(2)));
    assert_false(clock_refer(&clock, INT64_MAX, INT64_MIN, AT(3)));
    assert_false(clock_refer(&clock, INT64_MIN, 0, AT(4)));
    assert_false(clock_refer(&clock, 0, INT64_MIN, AT(5)));
    assert_false(clock_is_believed(&clock));
}

/* Both clocks are an hour behind what was stored before the restart. */
static void a_clock_before_the_stored_time_is_doubted(void **state)
{
    struct believed_clock clock;

    (void)state;
    clock_init(&clock, SKEW);
    clock_remember(&clock, NOW);
    assert_true(clock_refer(&clock, NOW - MONTH, NOW - MONTH, AT(0)));
    assert_int_equal(clock.state, CLOCK_DOUBTED);
    assert_int_equal(clock_now_ms(&clock, NOW - MONTH, AT(500)), NOW + 500);
    assert_false(clock_observe(&clock, NOW - MONTH, AT(600)));
    assert_false(clock_refer(&clock, NOW - MONTH, NOW - MONTH, AT(700)));
    assert_true(clock_observe(&clock, NOW + 1000, AT(1000)));
    assert_true(clock_is_believed(&clock));
    /* a little behind is nothing */
    clock_init(&clock, SKEW);
    clock_remember(&clock, NOW);
    assert_true(clock_refer(&clock, NOW - SKEW, NOW - SKEW, AT(0)));
    assert_true(clock_is_believed(&clock));
    clock_init(&clock, SKEW);
    clock_remember(&clock, NOW);
    clock_refer(&clock, NOW - SKEW - 1, NOW - SKEW - 1, AT(0));
    assert_false(clock_is_believed(&clock));
    /* what is ahead is for the other clock to judge */
    clock_init(&clock, SKEW);
    clock_remember(&clock, NOW - MONTH);
    assert_true(clock_refer(&clock, NOW, NOW, AT(0)));
    assert_true(clock_is_believed(&clock));
}

static void an_operator_ends_a_doubt(void **state)
{
    struct believed_clock clock;

    (void)state;
    clock_init(&clock, SKEW);
    clock_remember(&clock, NOW);
    clock_refer(&clock, NOW - MONTH, NOW - MONTH, AT(0));
    assert_true(clock_believe(&clock, NOW - MONTH + 10, AT(10)));
    assert_true(clock_is_believed(&clock));
    assert_int_equal(clock_now_ms(&clock, 0, AT(20)), NOW - MONTH + 20);
    assert_false(clock_observe(&clock, NOW - MONTH + 30, AT(30)));
    assert_false(clock_refer(&clock, NOW - MONTH, NOW - MONTH + 40, AT(40)));
    assert_true(clock_is_believed(&clock));
    assert_false(clock_believe(&clock, NOW - MONTH + 50, AT(50)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_before_the_stored_time_is_doubted),
        cmocka_unit_test(an_operator_ends_a_doubt),
        cmocka_unit_test(nothing_is_believed_before_a_reference),
        cmocka_unit_test(a_reference_decides_within_the_skew),
        cmocka_unit_test(only_a_change_is_told),
        cmocka_unit_test(r3_a_jump_is_doubted_until_it_is_undone),
        cmocka_unit_test(a_step_of_the_skew_is_no_jump),
        cmocka_unit_test(a_clock_that_is_slewed_is_believed),
        cmocka_unit_test(times_at_the_ends_of_the_range_do_not_wrap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
