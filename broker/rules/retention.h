/* SPDX-License-Identifier: Apache-2.0
 *
 * Retention: how far the log start offset may move. Whole segments, oldest
 * first, never above the high watermark. By time: believed now minus the
 * append time of the segment's last batch. Client timestamps play no part,
 * so that neither one from the future keeps a segment (R1) nor old ones
 * lose it (R2); file times play none either (R9). By size: while what stays
 * of whole committed segments would still be at least the limit; what may yet
 * be cut pushes nothing out. Pure.
 */
#ifndef RULES_RETENTION_H
#define RULES_RETENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct retention_segment {
    int64_t base_offset;
    int64_t end_offset; /* == base_offset: it holds nothing (R13) */
    uint64_t size_bytes;
    int64_t last_append_ms; /* of its last batch; unused when empty */
};

struct retention_limits {
    int64_t retention_ms;    /* -1: none */
    int64_t retention_bytes; /* -1: none */
};

/* `segments` ascend without gaps; the last one is active and goes by time
 * only. The result is log_start_offset or the end of a segment. */
int64_t retention_start_offset(const struct retention_segment *segments,
                               size_t count,
                               const struct retention_limits *limits,
                               int64_t log_start_offset, int64_t high_watermark,
                               int64_t now_ms);

#endif
