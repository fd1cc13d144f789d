/* SPDX-License-Identifier: Apache-2.0
 *
 * What a world leaves out of a scenario, by what it cannot do. Nothing is left
 * out in the simulator.
 */
#include "sim/workload/internal.h"

#define NEEDS_NOTHING (-1)

/* What a step needs of its world. */
static int skill_of(enum step_action action)
{
    switch (action) {
    case STEP_CUT:
    case STEP_HEAL:
        return SKILL_NETWORK;
    case STEP_EXPIRE:
        return SKILL_EXPIRE;
    case STEP_CLOCK_JUMP:
        return SKILL_CLOCKS;
    case STEP_DISK_FAILS:
        return SKILL_OUTAGE;
    case STEP_SAVE_IMAGE:
    case STEP_OLD_IMAGE:
        return SKILL_IMAGES;
    case STEP_DISK_CAPACITY:
        return SKILL_SPACE;
    default:
        return NEEDS_NOTHING;
    }
}

bool run_can_step(const struct scenario_step *step)
{
    int skill = skill_of(step->action);

    return skill == NEEDS_NOTHING ||
           world_cannot((enum world_skill)skill) == NULL;
}

bool run_can_fault(const struct scenario_fault *fault)
{
    return world_cannot_fault(fault->point, fault->nth_count) == NULL;
}

/* ---- oracles ---- */

/* They compare what two nodes do at one time. */
#define NEED_ORDER (UINT64_C(1) << ORACLE_LEASE | UINT64_C(1) << ORACLE_LED)

/* A session that is ended by force ends before the lease does. */
static bool forces_sessions(const struct scenario *scenario)
{
    for (size_t i = 0; i < scenario->step_count; i++)
        if (scenario->steps[i].action == STEP_EXPIRE)
            return true;
    for (size_t i = 0; i < scenario->fault_count; i++)
        if (scenario->faults[i].point == FAULT_ZOOKEEPER_EXPIRE)
            return true;
    return false;
}

uint64_t run_oracles(const struct scenario *scenario)
{
    uint64_t oracles = scenario->oracles;

    if (forces_sessions(scenario))
        oracles &= ~(UINT64_C(1) << ORACLE_LEASE);
    if (world_cannot(SKILL_ORDER) != NULL)
        oracles &= ~NEED_ORDER;
    return oracles;
}

/* ---- in words ---- */

static void tell_step(const struct scenario_step *step,
                      void (*tell)(void *context, const char *sentence),
                      void *context)
{
    char text[RUN_MESSAGE_BYTES];

    if (!run_can_step(step))
        snprintf(text, sizeof text, "the step in line %u (%s): %s", step->line,
                 step_name(step->action),
                 world_cannot((enum world_skill)skill_of(step->action)));
    else if (step->action == STEP_POWER_CUT && world_cannot(SKILL_POWER))
        snprintf(text, sizeof text,
                 "the step in line %u (%s) is no more than a kill: %s",
                 step->line, step_name(step->action),
                 world_cannot(SKILL_POWER));
    else
        return;
    tell(context, text);
}

static void tell_oracles(uint64_t oracles,
                         void (*tell)(void *context, const char *sentence),
                         void *context)
{
    char text[RUN_MESSAGE_BYTES];

    for (size_t i = 0; i < ORACLE_COUNT; i++) {
        if ((oracles >> i & 1) == 0)
            continue;
        snprintf(text, sizeof text, "the oracle %s (%s): %s",
                 oracle_name((enum oracle_id)i),
                 oracle_invariant((enum oracle_id)i),
                 world_cannot(SKILL_ORDER));
        tell(context, text);
    }
}

void run_skipped(const struct scenario *scenario,
                 void (*tell)(void *context, const char *sentence),
                 void *context)
{
    char text[RUN_MESSAGE_BYTES];

    for (size_t i = 0; i < scenario->step_count; i++)
        tell_step(&scenario->steps[i], tell, context);
    for (size_t i = 0; i < scenario->fault_count; i++) {
        const struct scenario_fault *fault = &scenario->faults[i];

        if (run_can_fault(fault))
            continue;
        snprintf(text, sizeof text, "the fault in line %u (%s): %s",
                 fault->line, fault_describe(fault->point)->name,
                 world_cannot_fault(fault->point, fault->nth_count));
        tell(context, text);
    }
    if (world_cannot(SKILL_ORDER) != NULL)
        tell_oracles(scenario->oracles & NEED_ORDER, tell, context);
}
