/* SPDX-License-Identifier: Apache-2.0
 *
 * A scenario is written out: each time that a step was carried out becomes a
 * step of its own, at that time, about that node; each fault becomes the
 * askings at which it fired, by node. What is left to the seed are latencies
 * and the like, from streams that none of this draws from.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/shrink/internal.h"

static void *zeroed(size_t count, size_t size)
{
    void *it = calloc(count + 1, size);

    if (it == NULL)
        abort();
    return it;
}

static struct settings copy_settings(const struct settings *from)
{
    struct settings to = {zeroed(from->count, sizeof *to.items), from->count};

    for (size_t i = 0; i < to.count; i++) {
        to.items[i].key = strdup(from->items[i].key);
        to.items[i].value = strdup(from->items[i].value);
        if (to.items[i].key == NULL || to.items[i].value == NULL)
            abort();
    }
    return to;
}

/* ---- steps ---- */

static struct scenario_step exact_step(const struct scenario_step *step,
                                       const struct decided_step *decided)
{
    struct scenario_step exact = *step;

    exact.config = copy_settings(&step->config);
    exact.every = (struct span){0, 0};
    exact.times = 1;
    exact.hold = (struct span){decided->hold_us, decided->hold_us};
    if (step->when.kind == CONDITION_NONE)
        exact.at = (struct span){decided->at_us, decided->at_us};
    else
        exact.after = (struct span){decided->at_us, decided->at_us};
    if (decided->other.kind != TARGET_NOBODY) {
        exact.from = decided->node;
        exact.to = decided->other;
    } else if (decided->node.kind != TARGET_NOBODY) {
        exact.targets[0] = decided->node;
        exact.target_count = 1;
    }
    return exact;
}

/* Those that stay keep their places: they draw by them. */
static void exact_steps(struct scenario *scenario,
                        const struct decisions *decisions, const bool *keep)
{
    size_t room = scenario->step_count + decisions->step_count;
    struct scenario_step *steps = zeroed(room, sizeof *steps);
    size_t next = 0, count = 0, left = scenario->step_count;

    for (size_t i = 0; left > 0 || next < decisions->step_count; i++) {
        const struct scenario_step *old = left > 0 ? &scenario->steps[i] : NULL;

        left -= old != NULL;
        if (old != NULL && keep != NULL && keep[i]) {
            steps[count] = *old;
            steps[count++].config = copy_settings(&old->config);
            continue;
        }
        while (next < decisions->step_count && keep != NULL &&
               keep[decisions->steps[next].step])
            next++;
        if (next < decisions->step_count) {
            const struct decided_step *decided = &decisions->steps[next++];

            steps[count++] =
                exact_step(&scenario->steps[decided->step], decided);
        }
    }
    for (size_t i = 0; i < scenario->step_count; i++)
        settings_release(&scenario->steps[i].config);
    free(scenario->steps);
    scenario->steps = steps;
    scenario->step_count = count;
}

/* ---- faults ---- */

static bool same_node(const struct target *a, const struct target *b)
{
    return a->kind == b->kind && a->index == b->index;
}

/* All that this fault did to the node it did the at-th thing to. */
static struct scenario_fault exact_fault(const struct scenario_fault *fault,
                                         const struct decisions *decisions,
                                         size_t at)
{
    const struct decided_fault *first = &decisions->faults[at];
    struct scenario_fault exact = *fault;

    exact.node = first->node;
    exact.from_us = first->from_us;
    exact.rate = 0;
    exact.limit = 0;
    exact.nth_count = 0;
    exact.nths = zeroed(decisions->fault_count - at, sizeof *exact.nths);
    for (size_t i = at; i < decisions->fault_count; i++)
        if (decisions->faults[i].fault == first->fault &&
            same_node(&decisions->faults[i].node, &first->node))
            exact.nths[exact.nth_count++] = decisions->faults[i].nth;
    return exact;
}

static bool is_first(const struct decisions *decisions, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (decisions->faults[i].fault == decisions->faults[at].fault &&
            same_node(&decisions->faults[i].node, &decisions->faults[at].node))
            return false;
    return true;
}

static struct scenario_fault copy_fault(const struct scenario_fault *fault)
{
    struct scenario_fault copy = *fault;

    copy.nths = zeroed(fault->nth_count, sizeof *copy.nths);
    for (size_t i = 0; i < fault->nth_count; i++)
        copy.nths[i] = fault->nths[i];
    return copy;
}

static void exact_faults(struct scenario *scenario,
                         const struct decisions *decisions, const bool *keep)
{
    struct scenario_fault *faults =
        zeroed(scenario->fault_count + decisions->fault_count, sizeof *faults);
    size_t count = 0;

    for (size_t i = 0; i < scenario->fault_count; i++)
        if (keep != NULL && keep[i])
            faults[count++] = copy_fault(&scenario->faults[i]);
    for (size_t i = 0; i < decisions->fault_count; i++) {
        const struct decided_fault *decided = &decisions->faults[i];

        if ((keep == NULL || !keep[decided->fault]) &&
            decided->node.kind != TARGET_NOBODY && is_first(decisions, i))
            faults[count++] =
                exact_fault(&scenario->faults[decided->fault], decisions, i);
    }
    for (size_t i = 0; i < scenario->fault_count; i++)
        free(scenario->faults[i].nths);
    free(scenario->faults);
    scenario->faults = faults;
    scenario->fault_count = count;
}

static bool is_drawn(const struct target *target)
{
    return target->kind == TARGET_FOLLOWER ||
           target->kind == TARGET_ANY_BROKER ||
           target->kind == TARGET_ANY_CLIENT ||
           target->kind == TARGET_ANY_ZOOKEEPER;
}

static bool step_is_exact(const struct scenario_step *step)
{
    for (size_t i = 0; i < step->target_count; i++)
        if (is_drawn(&step->targets[i]))
            return false;
    return !is_drawn(&step->from) && !is_drawn(&step->to) &&
           step->at.from_us == step->at.to_us &&
           step->after.from_us == step->after.to_us &&
           step->hold.from_us == step->hold.to_us && step->every.to_us == 0;
}

bool is_exact(const struct scenario *scenario, size_t at)
{
    if (at < scenario->step_count)
        return step_is_exact(&scenario->steps[at]);
    return scenario->faults[at - scenario->step_count].nth_count > 0;
}

struct scenario *exact_scenario(const struct scenario *scenario,
                                const struct decisions *decisions,
                                const bool *keep_steps, const bool *keep_faults)
{
    struct scenario *exact = scenario_copy(scenario);

    if (exact == NULL)
        return NULL;
    exact_steps(exact, decisions, keep_steps);
    exact_faults(exact, decisions, keep_faults);
    return exact;
}
