/* SPDX-License-Identifier: Apache-2.0
 *
 * Steps: when they are due, and that they are undone. What each does is
 * act.c's. A step whose target nobody is at the moment (no leader, say) is
 * tried again until the workload ends.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "sim/workload/step.h"

#define RETRY_US 20000

struct step_run {
    int64_t left;    /* times to come; -1: until the end */
    int64_t zero_us; /* its times count from here */
    int64_t elected; /* leaders and cuts seen, for conditions */
    int64_t truncated;
    int64_t strict;
    bool due; /* the condition was met */
};

static int64_t draw(struct run *run, size_t index, const struct span *span)
{
    uint64_t width = (uint64_t)(span->to_us - span->from_us) + 1;
    uint32_t purpose =
        (index < RANDOM_STEPS_MAX ? RANDOM_STEP : RANDOM_MORE_STEPS) +
        (uint32_t)index;

    return span->from_us +
           (int64_t)world_random_below(run->world, NULL, purpose, width);
}

/* ---- undoing ---- */

/* What was done by which step; freed when it is undone or with the run. */
struct done {
    struct list node; /* run->undone */
    struct act act;
};

static void undo(struct run *run, size_t number)
{
    list_for_each_safe (at, &run->undone) {
        struct done *done = container_of(at, struct done, node);

        if (done->act.number != number)
            continue;
        list_remove(at);
        if (run->phase == PHASE_WORK)
            act_undo(run, &done->act);
        free(done);
        return;
    }
}

static int64_t since_zero(const struct run *run, size_t index)
{
    return world_now_us(run->world) - run->steps[index].zero_us;
}

static void keep(struct run *run, size_t index, const struct act *act)
{
    const struct scenario_step *step = &run->scenario->steps[index];
    int64_t hold_us = draw(run, index, &step->hold);
    struct done *done = malloc(sizeof *done);

    if (done == NULL)
        abort();
    done->act = *act;
    done->act.number = run->next_undo++;
    list_append(&run->undone, &done->node);
    run_later(run, hold_us, undo, done->act.number);
    run_decided_step(run, act, index, since_zero(run, index), hold_us);
}

/* Each node by a draw of its own; a link as a whole. */
static void undo_later(struct run *run, size_t index, const struct act *act)
{
    const struct scenario_step *step = &run->scenario->steps[index];
    struct act one = {.step = step, .count = 1};

    if (step->hold.from_us < 0) {
        run_decided_step(run, act, index, since_zero(run, index), -1);
        return;
    }
    if (step->action == STEP_CUT || step->action == STEP_DAMAGE_ZNODE) {
        keep(run, index, act);
        return;
    }
    for (size_t i = 0; i < act->count; i++) {
        one.parties[0] = act->parties[i];
        keep(run, index, &one);
    }
}

/* ---- doing ---- */

/* Steps on nodes and links are told for each of them. */
static void tell_of_topic(struct run *run, const struct scenario_step *step)
{
    char text[300];

    if (step->action == STEP_HEAL || step->action == STEP_DAMAGE_ZNODE)
        return; /* of all; of a znode */
    snprintf(text, sizeof text, "%s %s", step_name(step->action),
             run->topics[step->topic].topic->name);
    run_say(run, "", CHRONICLE_STEP, text);
}

static void fire(struct run *run, size_t index)
{
    const struct scenario_step *step = &run->scenario->steps[index];
    struct step_run *state = &run->steps[index];
    struct act act = {.step = step};

    if (run->phase != PHASE_WORK)
        return;
    if (!act_do(run, &act)) {
        run_later(run, RETRY_US, fire, index);
        return;
    }
    run->report->steps[index]++;
    if (act.count == 0)
        tell_of_topic(run, step);
    undo_later(run, index, &act);
    if (state->left > 0)
        state->left--;
    if (state->left != 0)
        run_later(run, draw(run, index, &step->every), fire, index);
}

void run_steps_begin(struct run *run)
{
    const struct scenario *scenario = run->scenario;

    run->steps = calloc(scenario->step_count + 1, sizeof *run->steps);
    if (run->steps == NULL)
        abort();
    for (size_t i = 0; i < scenario->step_count; i++) {
        const struct scenario_step *step = &scenario->steps[i];

        run->steps[i].left = step->times;
        run->steps[i].zero_us = run->start_us;
        if (step->when.kind == CONDITION_NONE && run_can_step(step))
            run_later(run, draw(run, i, &step->at), fire, i);
    }
}

/* ---- conditions ---- */

static bool met(struct run *run, const struct condition *when,
                struct step_run *state, unsigned node, const struct fact *fact)
{
    struct partition_key key =
        run_key(run, (size_t)when->topic, (uint32_t)when->partition);

    if (fact->key.partition != key.partition ||
        !uuid_equal(&fact->key.topic_id, &key.topic_id))
        return false;
    switch (when->kind) {
    case CONDITION_APPENDED:
        return fact->type == FACT_APPENDED && fact->end_offset >= when->count &&
               judge_leader(run->judge, &key) == (int)node;
    case CONDITION_COMMITTED:
        return fact->type == FACT_HIGH_WATERMARK &&
               fact->end_offset >= when->count;
    case CONDITION_ELECTED:
        state->elected +=
            fact->type == FACT_ROLE && fact->value == FACT_ROLE_LEADER;
        return state->elected >= when->count;
    case CONDITION_TRUNCATED:
        state->truncated += fact->type == FACT_TRUNCATED;
        return state->truncated >= when->count;
    case CONDITION_STRICT:
        state->strict += fact->type == FACT_LAZY && fact->value == 0;
        return state->strict >= when->count;
    case CONDITION_NONE:
        break;
    }
    return false;
}

void run_steps_fact(struct run *run, unsigned node, const struct fact *fact)
{
    const struct scenario *scenario = run->scenario;

    if (run->phase != PHASE_WORK || fact->type > FACT_DELETED)
        return;
    for (size_t i = 0; i < scenario->step_count; i++) {
        const struct scenario_step *step = &scenario->steps[i];
        struct step_run *state = &run->steps[i];

        if (step->when.kind == CONDITION_NONE || state->due ||
            !run_can_step(step) || !met(run, &step->when, state, node, fact))
            continue;
        state->due = true;
        state->zero_us = world_now_us(run->world);
        run_later(run, draw(run, i, &step->after), fire, i);
    }
}

void run_steps_release(struct run *run)
{
    struct list *node;

    while ((node = list_pop(&run->undone)) != NULL)
        free(container_of(node, struct done, node));
    act_release(run);
    free(run->steps);
    run->steps = NULL;
}
