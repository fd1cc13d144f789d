/* SPDX-License-Identifier: Apache-2.0
 *
 * Which events of a run touched a record: wrote it, made it durable or
 * visible, cut it off, removed it, sent, acknowledged or read it; and those
 * that decide what becomes of all records of its partition.
 */
#ifndef REPORT_TOUCH_H
#define REPORT_TOUCH_H

#include "sim/workload/chronicle.h"

struct touch {
    const struct chronicle *chronicle;
    uint16_t partition; /* CHRONICLE_NO_PARTITION: all of them */
    int64_t offset;     /* -1: no record; then what there is plenty of is not
                           counted */
};

/* The indices of those events, in order; free() it. */
size_t *touch_events(const struct touch *touch, size_t *count);

#endif
