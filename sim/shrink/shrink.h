/* SPDX-License-Identifier: Apache-2.0
 *
 * From a run that fails to a smaller scenario that fails in the same way:
 * with the same oracle, and thus the same invariant. Decision 0029 says how.
 */
#ifndef SHRINK_SHRINK_H
#define SHRINK_SHRINK_H

#include "sim/workload/run.h"

struct shrink_plan {
    const struct scenario *scenario; /* borrowed */
    uint64_t seed;
    const char *out;  /* the file that the result will be in */
    uint64_t minutes; /* then it ends with what it has */
    unsigned jobs;
};

enum shrink_end {
    SHRINK_DONE,          /* 1-minimal */
    SHRINK_OUT_OF_TIME,   /* smaller, maybe not 1-minimal */
    SHRINK_PASSES,        /* the run breaks no promise */
    SHRINK_PROVES_NOTHING /* nor does it prove anything */
};

struct shrunk {
    char *text; /* of a scenario file; NULL: nothing was to be shrunk */
    uint64_t runs;
    size_t steps;
    size_t occurrences; /* of faults */
    size_t clients;
    char message[RUN_MESSAGE_BYTES]; /* what is broken, or why nothing is */
};

/* The same plan gives the same text, whatever `jobs` is, unless time runs
 * out. Caller frees `shrunk->text`. */
enum shrink_end shrink_run(const struct shrink_plan *plan,
                           struct shrunk *shrunk);

#endif
