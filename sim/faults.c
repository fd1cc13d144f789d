/* SPDX-License-Identifier: Apache-2.0
 *
 * The plan of faults: which point fires for which node at which asking.
 * libfiu asks it by way of fault_control().
 */
#include <stdlib.h>

#include "sim/twins.h"

static bool rule_is_asked(const struct world *world,
                          const struct fault_rule *rule, enum fault_point point,
                          const struct node *node)
{
    const struct world_fault *fault = &rule->fault;

    if (fault->point != point || (fault->node != NULL && fault->node != node))
        return false;
    if (world->now_us < fault->from_us || world->now_us >= fault->until_us)
        return false;
    return fault->limit == 0 || rule->fired < fault->limit;
}

static bool is_next(struct fault_rule *rule)
{
    if (rule->next == rule->fault.nth_count ||
        rule->fault.nths[rule->next] != rule->asked)
        return false;
    rule->next++;
    return true;
}

static bool rule_fires(struct world *world, struct fault_rule *rule,
                       struct node *node)
{
    const struct world_fault *fault = &rule->fault;

    rule->asked++;
    if (fault->nth > 0)
        return rule->asked == fault->nth;
    if (fault->nth_count > 0)
        return is_next(rule);
    return (double)(world_random(world, node,
                                 PURPOSE_FAULT_RATE + (uint32_t)fault->point) >>
                    11) *
               0x1p-53 <
           fault->rate;
}

static void tell_asked(struct world *world, struct node *node, unsigned index,
                       bool fires)
{
    struct world_observer *observer = world->options.observer;

    if (observer != NULL && observer->on_asked != NULL)
        observer->on_asked(observer, node, index, fires);
}

/* Rules by rate all draw at every asking, so that whether one fires does not
 * move the draws of another. */
static bool answer(void *context, enum fault_point point)
{
    struct world *world = context;
    struct node *node = world->asking;
    bool fires = false;

    world->asking = NULL;
    if (node == NULL) {
        node = world->current;
        world->asked[point]++;
    }
    for (unsigned i = 0; i < world->rule_count; i++) {
        struct fault_rule *rule = &world->rules[i];
        bool hit;

        if (!rule_is_asked(world, rule, point, node))
            continue;
        hit = rule_fires(world, rule, node) && !fires;
        rule->fired += hit;
        fires |= hit;
        tell_asked(world, node, i, hit);
    }
    if (!fires)
        return false;
    world->fired[point]++;
    world_note(world, node, "fault %s", fault_describe(point)->name);
    return true;
}

bool node_asks(struct node *node, enum fault_point point)
{
    struct world *world = node->world;

    world->asked[point]++;
    if (!world->armed[point])
        return false;
    world->asking = node;
    return true;
}

unsigned world_add_fault(struct world *world, const struct world_fault *fault)
{
    struct fault_rule *rules =
        realloc(world->rules, (world->rule_count + 1) * sizeof *rules);

    ASSERT(rules != NULL);
    ASSERT(fault->point < FAULT_COUNT);
    world->rules = rules;
    rules[world->rule_count] = (struct fault_rule){.fault = *fault};
    world->armed[fault->point] = true;
    fault_control(answer, world, world->armed);
    return world->rule_count++;
}

void faults_release(struct world *world)
{
    free(world->rules);
    fault_control(NULL, NULL, NULL);
}

uint64_t world_fault_fired(const struct world *world, unsigned index)
{
    ASSERT(index < world->rule_count);
    return world->rules[index].fired;
}

uint64_t world_point_fired(const struct world *world, enum fault_point point)
{
    return world->fired[point];
}

uint64_t world_point_observed(const struct world *world, enum fault_point point)
{
    return world->observed[point];
}

uint64_t world_point_asked(const struct world *world, enum fault_point point)
{
    return world->asked[point];
}
