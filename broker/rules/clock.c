/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/clock.h"

#include "base/assert.h"

void clock_init(struct believed_clock *clock, int64_t skew_max_ms)
{
    ASSERT(skew_max_ms > 0);
    *clock = (struct believed_clock){
        .state = CLOCK_UNKNOWN,
        .skew_max_ms = skew_max_ms,
        .stored_ms = INT64_MIN,
    };
}

void clock_remember(struct believed_clock *clock, int64_t stored_ms)
{
    clock->stored_ms = stored_ms;
}

static bool near(const struct believed_clock *clock, int64_t a_ms, int64_t b_ms)
{
    int64_t apart;

    if (__builtin_sub_overflow(a_ms, b_ms, &apart) || apart == INT64_MIN)
        return false;
    return (apart < 0 ? -apart : apart) <= clock->skew_max_ms;
}

int64_t clock_now_ms(const struct believed_clock *clock, int64_t wall_ms,
                     int64_t monotonic_us)
{
    if (clock->state == CLOCK_UNKNOWN)
        return wall_ms;
    return clock->believed_ms + (monotonic_us - clock->at_us) / 1000;
}

static bool set(struct believed_clock *clock, enum clock_state state,
                int64_t believed_ms, int64_t monotonic_us)
{
    bool changed = clock->state != state;

    clock->state = state;
    clock->believed_ms = believed_ms;
    clock->at_us = monotonic_us;
    return changed;
}

bool clock_observe(struct believed_clock *clock, int64_t wall_ms,
                   int64_t monotonic_us)
{
    int64_t expected_ms = clock_now_ms(clock, wall_ms, monotonic_us);

    if (clock->state == CLOCK_UNKNOWN)
        return false;
    if (near(clock, wall_ms, expected_ms))
        return set(clock, CLOCK_BELIEVED, wall_ms, monotonic_us);
    return set(clock, CLOCK_DOUBTED, expected_ms, monotonic_us);
}

static bool before_stored(const struct believed_clock *clock, int64_t ms)
{
    return ms < clock->stored_ms && !near(clock, ms, clock->stored_ms);
}

bool clock_refer(struct believed_clock *clock, int64_t reference_ms,
                 int64_t wall_ms, int64_t monotonic_us)
{
    if (near(clock, wall_ms, reference_ms) && !before_stored(clock, wall_ms))
        return set(clock, CLOCK_BELIEVED, wall_ms, monotonic_us);
    if (before_stored(clock, reference_ms))
        reference_ms = clock->stored_ms;
    return set(clock, CLOCK_DOUBTED, reference_ms, monotonic_us);
}

bool clock_believe(struct believed_clock *clock, int64_t wall_ms,
                   int64_t monotonic_us)
{
    clock->stored_ms = wall_ms;
    return set(clock, CLOCK_BELIEVED, wall_ms, monotonic_us);
}
