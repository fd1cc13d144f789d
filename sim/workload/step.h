/* SPDX-License-Identifier: Apache-2.0
 *
 * What a step does, and undoes.
 */
#ifndef WORKLOAD_STEP_H
#define WORKLOAD_STEP_H

#include "sim/workload/internal.h"

struct act {
    const struct scenario_step *step;
    size_t number; /* of its undoing */
    struct party parties[PARTIES_MAX];
    size_t count;
    struct party others[PARTIES_MAX]; /* the other end of a link */
    size_t other_count;
};

/* False when nobody is meant at the moment: nothing was done. */
bool act_do(struct run *run, struct act *act);
/* It was done, and will be undone after hold_us (-1: it will not). */
void run_decided_step(struct run *run, const struct act *act, size_t index,
                      int64_t at_us, int64_t hold_us);
void act_undo(struct run *run, const struct act *act);
/* At the end of a run. */
void act_release(struct run *run);

#endif
