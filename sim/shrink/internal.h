/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the shrinker share. A candidate is the text of a
 * scenario, made by an edit of the smallest one that is known to fail: what
 * was run is what will be in the file.
 */
#ifndef SHRINK_INTERNAL_H
#define SHRINK_INTERNAL_H

#include "sim/shrink/shrink.h"

/* ---- edit.c: what may be left out, simplify.c: what may be less ---- */

struct edit {
    size_t (*count)(const struct scenario *scenario);
    /* Makes the scenario smaller, in place; false: this one must stay, or
     * there is nothing to do. What comes of it may be no scenario. */
    bool (*apply)(struct scenario *scenario, size_t at);
};

/* Elements go, one each, and several in a row may go at once. */
#define EDITS_OF_ELEMENTS 5
#define EDITS_OF_VALUES   8
extern const struct edit edits_of_elements[EDITS_OF_ELEMENTS];
extern const struct edit edits_of_values[EDITS_OF_VALUES];

size_t count_steps(const struct scenario *scenario);
size_t count_occurrences(const struct scenario *scenario);
size_t count_clients(const struct scenario *scenario);

bool remove_step(struct scenario *scenario, size_t at);
void remove_fault(struct scenario *scenario, size_t at);
/* Nodes of this kind with this index and above are no more. */
void forget_nodes(struct scenario *scenario, enum target_kind kind,
                  int64_t from);
/* What spoke of later partitions of the topic speaks of its last one. */
void forget_partitions(struct scenario *scenario, int64_t topic, int64_t from);

/* It takes stored bytes away, which a smaller number of replicas does not
 * promise to outlive. */
bool destroys(const struct scenario *scenario);

/* ---- exact.c ---- */

/* Nothing is drawn for this step, or for the fault of this index less the
 * number of steps. */
bool is_exact(const struct scenario *scenario, size_t at);

/* The scenario with all that the run drew written out, but for the steps and
 * faults of these indices (NULL: none), which stay as they are. Free with
 * scenario_free(). */
struct scenario *exact_scenario(const struct scenario *scenario,
                                const struct decisions *decisions,
                                const bool *keep_steps,
                                const bool *keep_faults);

/* ---- trial.c ---- */

struct trial {
    const struct shrink_plan *plan;
    int oracle;
    char pattern[RUN_MESSAGE_BYTES]; /* of what only words tell apart */
    struct scenario *now;            /* the smallest that fails so far */
    char *text;                      /* the same */
    char message[RUN_MESSAGE_BYTES]; /* how it fails */
    uint64_t seed;                   /* with this one */
    uint64_t seeds; /* from the plan's on so many are tried for each edit */
    uint64_t runs;
    int64_t deadline_ms;
    bool out_of_time;
    void *tried; /* texts that do not fail so, a tree of tsearch() */
};

/* Runs the plan's scenario, in a process of its own. */
void trial_begin(struct trial *trial, const struct shrink_plan *plan,
                 struct run_report *report);
/* From here on an edit may fail with any of so many seeds. */
void trial_widen(struct trial *trial, uint64_t seeds);
void trial_release(struct trial *trial);

/* A copy of what a scenario says. Free with scenario_free(). */
struct scenario *scenario_copy(const struct scenario *scenario);

/* False, for ever, when time has run out. */
bool trial_has_time(struct trial *trial);

/* True when it fails as it must: then it is the smallest from here on, with
 * the first seed that it does so with. Takes the scenario. */
bool trial_one(struct trial *trial, struct scenario *scenario);

#endif
