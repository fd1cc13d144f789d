/* SPDX-License-Identifier: Apache-2.0
 *
 * Many runs: every scenario with every seed (and every strike), by several
 * processes, told in this order whatever the number of processes is.
 */
#ifndef REPORT_SWEEP_H
#define REPORT_SWEEP_H

#include "sim/report/junit.h"
#include "sim/report/report.h"

struct sweep {
    struct scenario **scenarios; /* borrowed */
    size_t scenario_count;
    uint64_t first_seed;
    uint64_t seeds;
    bool drawn; /* seeds is 1; scenario i runs with seed first_seed + i, and
                   only what fails is told */
    bool quiet; /* only told() hears of it; no run is made in this process */
    unsigned jobs;
    bool json;
    struct junit *junit;              /* told of every run; NULL: none */
    FILE *trace;                      /* of a single run; NULL: none */
    const struct run_strike *strikes; /* NULL: runs without any */
    size_t strike_count;
    /* Told of every run, in order; may be NULL. */
    void (*told)(void *context, const struct run_report *report);
    void *context;
};

/* True when every run passed and the sweep proved what it had to. */
bool sweep_run(const struct sweep *sweep);

#endif
