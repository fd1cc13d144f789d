/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether to believe a wall clock. Retention by time and the append times it
 * looks at need one that is right; one that jumps against the monotonic
 * clock (R3), or that disagrees with ZooKeeper's when the broker registers,
 * is doubted: then believed time goes on from where it was, with the
 * monotonic clock, and nothing may be deleted by time until the wall clock
 * is back near it. So is one that lies before the time last stored by an
 * earlier process, whatever ZooKeeper's clock says: time does not go back over
 * a restart. An operator's word ends a doubt. Pure.
 *
 *     UNKNOWN --reference near--> BELIEVED <--jump/back near--> DOUBTED
 *     UNKNOWN --reference far--> DOUBTED (believed time: the reference)
 */
#ifndef RULES_CLOCK_H
#define RULES_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

enum clock_state { CLOCK_UNKNOWN, CLOCK_BELIEVED, CLOCK_DOUBTED };

struct believed_clock {
    enum clock_state state;
    int64_t skew_max_ms; /* larger steps are jumps */
    int64_t stored_ms;   /* by an earlier process; INT64_MIN: none */
    int64_t believed_ms; /* believed time ... */
    int64_t at_us;       /* ... at this monotonic time */
};

/* skew_max_ms > 0. */
void clock_init(struct believed_clock *clock, int64_t skew_max_ms);

/* What an earlier process stored as believed time; before clock_refer(). */
void clock_remember(struct believed_clock *clock, int64_t stored_ms);

/* An operator vouches for the wall clock. True when the state changed. */
bool clock_believe(struct believed_clock *clock, int64_t wall_ms,
                   int64_t monotonic_us);

/* A reading of both clocks; call it often, so that slow corrections are not
 * taken for jumps. True when the state changed. */
bool clock_observe(struct believed_clock *clock, int64_t wall_ms,
                   int64_t monotonic_us);

/* What another clock said just now (the ctime of the broker's registration).
 * True when the state changed. */
bool clock_refer(struct believed_clock *clock, int64_t reference_ms,
                 int64_t wall_ms, int64_t monotonic_us);

/* Believed time; before any reference the wall clock itself. */
int64_t clock_now_ms(const struct believed_clock *clock, int64_t wall_ms,
                     int64_t monotonic_us);

/* Whether anything may be deleted by time. */
static inline bool clock_is_believed(const struct believed_clock *clock)
{
    return clock->state == CLOCK_BELIEVED;
}

#endif
