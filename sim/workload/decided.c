/* SPDX-License-Identifier: Apache-2.0
 *
 * Fills the decisions of a run that is asked for them; it changes nothing.
 */
#include "sim/workload/decided.h"

#include <stdlib.h>

#include "base/assert.h"
#include "sim/workload/step.h"

static const struct target nobody = {.kind = TARGET_NOBODY};

/* Room for one more of a list that grows. */
static void *grow(void *list, size_t count, size_t size)
{
    if ((count & (count - 1)) != 0)
        return list;
    list = realloc(list, (count > 0 ? 2 * count : 1) * size);
    if (list == NULL)
        abort();
    return list;
}

void decisions_release(struct decisions *decisions)
{
    free(decisions->steps);
    free(decisions->faults);
    free(decisions->rules);
    *decisions = (struct decisions){0};
}

static struct target target_of(const struct run *run, const struct node *node)
{
    for (int64_t i = 0; i < run->scenario->brokers; i++)
        if (run->brokers[i].node == node)
            return (struct target){.kind = TARGET_BROKER, .index = i};
    for (int64_t i = 0; i < run->scenario->client_count; i++)
        if (run->clients[i].node == node)
            return (struct target){.kind = TARGET_CLIENT, .index = i};
    return nobody;
}

static struct target party_target(const struct run *run,
                                  const struct party *party)
{
    if (party->node == NULL)
        return (struct target){.kind = TARGET_ZOOKEEPER,
                               .index = (int64_t)party->number - 1};
    return target_of(run, party->node);
}

static void add_step(struct decisions *decisions,
                     const struct decided_step *step)
{
    decisions->steps =
        grow(decisions->steps, decisions->step_count, sizeof *step);
    decisions->steps[decisions->step_count++] = *step;
}

void run_decided_step(struct run *run, const struct act *act, size_t index,
                      int64_t at_us, int64_t hold_us)
{
    struct decided_step step = {index, at_us, hold_us, nobody, nobody};

    if (run->decisions == NULL)
        return;
    if (act->count == 0)
        add_step(run->decisions, &step);
    for (size_t i = 0; i < act->count; i++) {
        step.node = party_target(run, &act->parties[i]);
        if (act->other_count == 0)
            add_step(run->decisions, &step);
        for (size_t j = 0; j < act->other_count; j++) {
            step.other = party_target(run, &act->others[j]);
            if (step.other.kind != step.node.kind ||
                step.other.index != step.node.index)
                add_step(run->decisions, &step);
        }
    }
}

void run_decided_rule(struct run *run, unsigned rule, size_t fault)
{
    struct decisions *decisions = run->decisions;

    if (decisions == NULL)
        return;
    ASSERT(rule == decisions->rule_count);
    decisions->rules = grow(decisions->rules, rule, sizeof *decisions->rules);
    decisions->rules[decisions->rule_count++] = (struct decided_rule){
        .fault = fault, .from_us = world_now_us(run->world) - run->start_us};
}

void run_decided_asking(struct run *run, const struct node *node, unsigned rule,
                        bool fires)
{
    struct decisions *decisions = run->decisions;
    struct decided_rule *at;
    uint64_t nth = 0;

    if (decisions == NULL)
        return;
    ASSERT(rule < decisions->rule_count);
    at = &decisions->rules[rule];
    if (node != NULL) {
        ASSERT(node_index(node) < DECIDED_NODES_MAX);
        nth = ++at->asked[node_index(node)];
    }
    if (!fires)
        return;
    decisions->faults = grow(decisions->faults, decisions->fault_count,
                             sizeof *decisions->faults);
    decisions->faults[decisions->fault_count++] = (struct decided_fault){
        at->fault, node ? target_of(run, node) : nobody, at->from_us, nth};
}
