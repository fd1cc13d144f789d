/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the decision how much of a log has expired (rules/retention.h). Never
 * deletes anything.
 */
#include "rules/retention.h"

#include "base/assert.h"

static bool is_empty(const struct retention_segment *segment)
{
    return segment->end_offset == segment->base_offset;
}

static bool expired(const struct retention_segment *segment,
                    const struct retention_limits *limits, int64_t now_ms)
{
    int64_t age;

    if (limits->retention_ms < 0)
        return false;
    /* stored times are not to be trusted: no age is better than a wrap */
    if (__builtin_sub_overflow(now_ms, segment->last_append_ms, &age))
        return false;
    return age > limits->retention_ms;
}

static bool too_much(uint64_t total_bytes,
                     const struct retention_segment *segment,
                     const struct retention_limits *limits)
{
    if (limits->retention_bytes < 0)
        return false;
    ASSERT(segment->size_bytes <= total_bytes);
    return total_bytes - segment->size_bytes >=
           (uint64_t)limits->retention_bytes;
}

int64_t retention_start_offset(const struct retention_segment *segments,
                               size_t count,
                               const struct retention_limits *limits,
                               int64_t log_start_offset, int64_t high_watermark,
                               int64_t now_ms)
{
    int64_t start = log_start_offset;
    uint64_t total_bytes = 0;

    for (size_t i = 0; i < count; i++)
        if (segments[i].end_offset <= high_watermark)
            total_bytes += segments[i].size_bytes;
    for (size_t i = 0; i < count; i++) {
        const struct retention_segment *segment = &segments[i];
        bool active = i + 1 == count;

        ASSERT(segment->base_offset <= segment->end_offset);
        ASSERT(i == 0 || segment->base_offset == segments[i - 1].end_offset);
        if (is_empty(segment))
            continue;
        if (segment->end_offset > high_watermark)
            break;
        if (segment->end_offset > log_start_offset &&
            !expired(segment, limits, now_ms) &&
            (active || !too_much(total_bytes, segment, limits)))
            break;
        total_bytes -= segment->size_bytes;
        if (segment->end_offset > start)
            start = segment->end_offset;
    }
    /* L8: only committed records go */
    ASSERT_INVARIANT(L8, start == log_start_offset || start <= high_watermark);
    return start;
}
