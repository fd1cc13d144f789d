/* SPDX-License-Identifier: Apache-2.0
 *
 * Many runs: every scenario with every seed, by several processes, told in
 * order of scenario and seed whatever their number is.
 */
#ifndef REPORT_SWEEP_H
#define REPORT_SWEEP_H

#include "sim/report/report.h"

struct sweep {
    struct scenario **scenarios; /* borrowed */
    size_t scenario_count;
    uint64_t first_seed;
    uint64_t seeds;
    unsigned jobs;
    bool json;
    FILE *trace; /* of a single run; NULL: none */
};

/* True when every run passed and the sweep proved what it had to. */
bool sweep_run(const struct sweep *sweep);

#endif
