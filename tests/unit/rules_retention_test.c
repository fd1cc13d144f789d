/* SPDX-License-Identifier: Apache-2.0
 *
 * Retention: what goes, what stays, and the schedules that deleted too much
 * or too little elsewhere (R1, R2, R5, R9, R13).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/retention.h"

#define NONE     (-1)
#define UNBOUND  INT64_MAX
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static const struct retention_limits an_hour = {3600000, NONE};
static const struct retention_limits no_time = {0, NONE};
static const struct retention_limits for_ever = {NONE, NONE};

/* Ten records and 100 bytes each, appended a minute apart from 0 on. */
static const struct retention_segment minutes[] = {
    {0, 10, 100, 0},       {10, 20, 100, 60000},  {20, 30, 100, 120000},
    {30, 40, 100, 180000}, {40, 50, 100, 240000},
};

static int64_t start(const struct retention_segment *segments, size_t count,
                     const struct retention_limits *limits, int64_t watermark,
                     int64_t now_ms)
{
    return retention_start_offset(segments, count, limits,
                                  segments[0].base_offset, watermark, now_ms);
}

static void age_is_told_from_the_last_append(void **state)
{
    (void)state;
    assert_int_equal(start(minutes, 5, &an_hour, UNBOUND, 3600000), 0);
    assert_int_equal(start(minutes, 5, &an_hour, UNBOUND, 3600001), 10);
    assert_int_equal(start(minutes, 5, &an_hour, UNBOUND, 3660001), 20);
    /* the active segment goes by time as well */
    assert_int_equal(start(minutes, 5, &an_hour, UNBOUND, 3840001), 50);
    assert_int_equal(start(minutes, 5, &for_ever, UNBOUND, UNBOUND), 0);
    /* no time at all is a time, and not for ever */
    assert_int_equal(start(minutes, 5, &no_time, UNBOUND, 60000), 10);
}

static void nothing_above_the_watermark_goes(void **state)
{
    (void)state;
    assert_int_equal(start(minutes, 5, &an_hour, 25, 9000000), 20);
    assert_int_equal(start(minutes, 5, &an_hour, 9, 9000000), 0);
    assert_int_equal(start(minutes, 5, &an_hour, 0, 9000000), 0);
}

/* R5: the watermark is not known after a restart; once it is, retention
 * catches up. */
static void r5_retention_waits_for_the_watermark(void **state)
{
    const struct retention_limits small = {NONE, 0};

    (void)state;
    assert_int_equal(start(minutes, 5, &small, 0, 0), 0);
    assert_int_equal(start(minutes, 5, &small, 50, 0), 40);
}

static void size_keeps_at_least_the_limit(void **state)
{
    struct retention_limits limits = {NONE, 500};

    (void)state;
    assert_int_equal(start(minutes, 5, &limits, UNBOUND, 0), 0);
    limits.retention_bytes = 401;
    assert_int_equal(start(minutes, 5, &limits, UNBOUND, 0), 0);
    limits.retention_bytes = 400;
    assert_int_equal(start(minutes, 5, &limits, UNBOUND, 0), 10);
    limits.retention_bytes = 150;
    assert_int_equal(start(minutes, 5, &limits, UNBOUND, 0), 30);
    limits.retention_bytes = 0; /* the active one does not go by size */
    assert_int_equal(start(minutes, 5, &limits, UNBOUND, 0), 40);
}

/* R1: records with time stamps of 2038 are as old as their append. R2:
 * back-filled ones are as young. Nothing but the append time is asked for,
 * so all that is left to show is that a stamp of a broken clock, were it
 * one, would not hold up what is behind it for ever by a wrap. */
static void r1_r2_only_append_times_count(void **state)
{
    const struct retention_segment odd[] = {
        {0, 10, 100, INT64_MIN}, {10, 20, 100, INT64_MAX}, {20, 30, 100, 0}};

    (void)state;
    /* the age overflows: kept rather than deleted by mistake */
    assert_int_equal(start(odd, 3, &an_hour, UNBOUND, 9000000), 0);
    /* the future is not expired */
    assert_int_equal(start(odd + 1, 2, &an_hour, UNBOUND, 9000000), 10);
    /* and retention by size goes on all the same (the disk does not fill) */
    assert_int_equal(
        start(odd, 3, &(struct retention_limits){3600000, 100}, UNBOUND, 0),
        20);
}

/* R9: there is no file time in the decision; a clock that went back
 * deletes nothing. */
static void r9_a_clock_that_went_back_deletes_nothing(void **state)
{
    (void)state;
    assert_int_equal(start(minutes, 5, &an_hour, UNBOUND, -9000000), 0);
}

/* R13: an empty rolled segment is neither a reason to stop nor to go. */
static void r13_empty_segments_hold_nothing(void **state)
{
    const struct retention_segment first_empty[] = {
        {0, 0, 0, 0}, {0, 10, 100, 0}, {10, 20, 100, 8999999}};
    const struct retention_segment middle_empty[] = {{0, 10, 100, 0},
                                                     {10, 10, 0, 8999999},
                                                     {10, 20, 100, 0},
                                                     {20, 20, 0, 0}};
    const struct retention_segment only_empty[] = {{7, 7, 0, 0}};

    (void)state;
    assert_int_equal(start(first_empty, 3, &an_hour, UNBOUND, 9000000), 10);
    assert_int_equal(start(middle_empty, 4, &an_hour, UNBOUND, 9000000), 20);
    assert_int_equal(start(only_empty, 1, &an_hour, UNBOUND, 9000000), 7);
}

static void the_start_never_goes_back(void **state)
{
    const struct retention_segment young_first[] = {
        {0, 10, 100, 9000000}, {10, 20, 100, 0}, {20, 30, 100, 9000000}};

    (void)state;
    assert_int_equal(
        retention_start_offset(minutes, 5, &for_ever, 25, UNBOUND, 0), 25);
    /* segments below the start are no reason to stop, and weigh nothing */
    assert_int_equal(
        retention_start_offset(
            minutes, 5, &(struct retention_limits){NONE, 200}, 20, UNBOUND, 0),
        30);
    assert_int_equal(
        retention_start_offset(minutes, 5, &an_hour, 30, UNBOUND, 3600001), 30);
    /* nor young ones, even where the start is their end */
    assert_int_equal(
        retention_start_offset(young_first, 3, &an_hour, 10, UNBOUND, 9000000),
        20);
}

/* For any limits: the result is the start or the end of a segment, and at
 * most the watermark where it moved. */
static void results_are_ends_of_segments(void **state)
{
    (void)state;
    for (int64_t watermark = 0; watermark <= 50; watermark++)
        for (int64_t bytes = 0; bytes <= 500; bytes += 50)
            for (int64_t now = 0; now < 5000000; now += 100000) {
                const struct retention_limits limits = {3600000, bytes};
                int64_t at =
                    start(minutes, COUNT(minutes), &limits, watermark, now);

                assert_int_equal(at % 10, 0);
                assert_true(at <= watermark);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(age_is_told_from_the_last_append),
        cmocka_unit_test(nothing_above_the_watermark_goes),
        cmocka_unit_test(r5_retention_waits_for_the_watermark),
        cmocka_unit_test(size_keeps_at_least_the_limit),
        cmocka_unit_test(r1_r2_only_append_times_count),
        cmocka_unit_test(r9_a_clock_that_went_back_deletes_nothing),
        cmocka_unit_test(r13_empty_segments_hold_nothing),
        cmocka_unit_test(the_start_never_goes_back),
        cmocka_unit_test(results_are_ends_of_segments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
