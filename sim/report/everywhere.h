/* SPDX-License-Identifier: Apache-2.0
 *
 * One scenario and seed, again and again: each time another disk operation
 * of a broker is the one at which it crashes, or which fails.
 */
#ifndef REPORT_EVERYWHERE_H
#define REPORT_EVERYWHERE_H

#include "sim/report/sweep.h"

/* What was struck, and what there was: by stage, file and operation. */
struct everywhere_table {
    struct disk_points struck;
    struct disk_points all;
};

struct everywhere {
    struct scenario *scenario; /* borrowed */
    uint64_t seed;
    enum strike_how how;
    int broker;     /* index; -1: all of them */
    uint64_t limit; /* so many runs, spread evenly; 0: one an operation */
    unsigned jobs;
    bool json;
    struct junit *junit;            /* told of every run; NULL: none */
    struct everywhere_table *table; /* borrowed; counted on */
};

/* Why one more failure than the scenario means may break what is promised, so
 * that nothing is shown by it; NULL: it may not. */
const char *everywhere_too_much(const struct scenario *scenario,
                                enum strike_how how);
/* True when the run without a strike and every run with one passed. */
bool everywhere_run(const struct everywhere *everywhere);

void everywhere_table_print(FILE *out, const struct everywhere_table *table);

#endif
