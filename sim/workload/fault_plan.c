/* SPDX-License-Identifier: Apache-2.0
 *
 * The faults of a scenario, given to the world. One that names a role
 * (leader(orders/0)) befalls whoever plays it when the fault begins.
 */
#include <stdlib.h>

#include "sim/workload/internal.h"

#define RETRY_US 20000

struct fault_run {
    unsigned index[PARTIES_MAX]; /* in the world, one a node */
    size_t count;
};

static void give(struct run *run, size_t index, struct node *node)
{
    const struct scenario_fault *plan = &run->scenario->faults[index];
    struct fault_run *state = &run->faults[index];
    int64_t until_us = plan->until_us < run->scenario->duration_us
                           ? plan->until_us
                           : run->scenario->duration_us;
    struct world_fault fault = {.point = plan->point,
                                .node = node,
                                .nths = plan->nths,
                                .nth_count = plan->nth_count,
                                .rate = plan->rate,
                                .from_us = run->start_us + plan->from_us,
                                .until_us = run->start_us + until_us,
                                .limit = (uint64_t)plan->limit};

    state->index[state->count] = world_add_fault(run->world, &fault);
    run_decided_rule(run, state->index[state->count++], index);
}

static void begin(struct run *run, size_t index)
{
    const struct scenario_fault *plan = &run->scenario->faults[index];
    struct party parties[PARTIES_MAX];
    size_t count;

    if (run->phase != PHASE_WORK)
        return;
    if (plan->node.kind == TARGET_EVERYBODY) {
        give(run, index, NULL);
        return;
    }
    count = run_resolve(run, &plan->node, parties);
    for (size_t i = 0; i < count; i++)
        if (parties[i].node != NULL)
            give(run, index, parties[i].node);
    if (count == 0)
        run_later(run, RETRY_US, begin, index);
}

void fault_plan_begin(struct run *run)
{
    const struct scenario *scenario = run->scenario;

    run->faults = calloc(scenario->fault_count + 1, sizeof *run->faults);
    if (run->faults == NULL)
        abort();
    for (size_t i = 0; i < scenario->fault_count; i++)
        if (run_can_fault(&scenario->faults[i]))
            run_later(run, scenario->faults[i].from_us, begin, i);
}

void fault_plan_report(struct run *run)
{
    for (size_t i = 0; run->faults && i < run->scenario->fault_count; i++)
        for (size_t j = 0; j < run->faults[i].count; j++)
            run->report->faults[i] +=
                world_fault_fired(run->world, run->faults[i].index[j]);
}

void fault_plan_release(struct run *run)
{
    free(run->faults);
    run->faults = NULL;
}
