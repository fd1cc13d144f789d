/* SPDX-License-Identifier: Apache-2.0
 *
 * One run: a scenario and a seed in a world of their own, judged.
 */
#ifndef WORKLOAD_RUN_H
#define WORKLOAD_RUN_H

#include <stdio.h>

#include "sim/scenario/scenario.h"

#define RUN_MESSAGE_BYTES 704
#define RUN_STORY_BYTES   6000

enum run_result {
    RUN_PASS,
    RUN_FAIL, /* a promise was broken */
    RUN_ERROR /* it proves nothing */
};

/* Holds no pointer: it crosses a pipe between processes. */
struct run_report {
    enum run_result result;
    int oracle; /* enum oracle_id; -1: none */
    char message[RUN_MESSAGE_BYTES];
    char story[RUN_STORY_BYTES]; /* of a failure: what happened last */
    uint64_t trace_hash;
    int64_t sim_ms;
    int64_t wall_ms;
    uint64_t events;
    struct judge_counts records;
    uint64_t points[FAULT_COUNT]; /* fault point: times it took effect */
    uint64_t marks[MARK_COUNT];
    uint64_t faults[SCENARIO_FAULTS_MAX]; /* of the scenario, likewise */
    uint64_t steps[SCENARIO_STEPS_MAX];   /* times they were carried out */
};

/* `trace`: text of everything that happens, or NULL. */
void run_scenario(const struct scenario *scenario, uint64_t seed, FILE *trace,
                  struct run_report *report);

#endif
