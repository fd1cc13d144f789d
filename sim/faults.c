/* SPDX-License-Identifier: Apache-2.0
 *
 * The plan of faults: which point fires for which node at which asking.
 * libfiu asks it by way of fault_control().
 */
#include <stdlib.h>

#include "sim/twins.h"

static bool rule_fires(struct world *world, struct fault_rule *rule,
                       struct node *node)
{
    const struct world_fault *fault = &rule->fault;

    if (fault->node != NULL && fault->node != node)
        return false;
    if (world->now_us < fault->from_us || world->now_us >= fault->until_us)
        return false;
    if (fault->limit > 0 && rule->fired >= fault->limit)
        return false;
    rule->asked++;
    if (fault->nth > 0)
        return rule->asked == fault->nth;
    return (double)(world_random(world, node,
                                 PURPOSE_FAULT_RATE + (uint32_t)fault->point) >>
                    11) *
               0x1p-53 <
           fault->rate;
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

        if (rule->fault.point != point || !rule_fires(world, rule, node) ||
            fires)
            continue;
        rule->fired++;
        fires = true;
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
    rules[world->rule_count] = (struct fault_rule){*fault, 0, 0};
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
