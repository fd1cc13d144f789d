/* SPDX-License-Identifier: Apache-2.0
 *
 * One-shot timers on the monotonic clock. The struct is embedded in what it
 * wakes. Timers with one deadline fire in the order they were started.
 */
#ifndef SEAM_TIMER_H
#define SEAM_TIMER_H

#include <stdbool.h>

#include "base/tree.h"
#include "seam/seam.h"

struct timer {
    void (*fire)(struct timer *timer); /* set by the owner */
    int64_t deadline_us;               /* valid while running */
    /* the world's: */
    bool running;
    uint64_t sequence;
    RB_ENTRY(timer) entry;
};

/* Starts or restarts; a deadline in the past fires at the next turn. The
 * timer must stay where it is until it fires or is stopped. */
void timer_start(struct timers *timers, struct timer *timer,
                 int64_t deadline_us);

/* Does nothing when it is not running. */
void timer_stop(struct timers *timers, struct timer *timer);

static inline bool timer_running(const struct timer *timer)
{
    return timer->running;
}

#endif
