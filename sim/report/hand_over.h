/* SPDX-License-Identifier: Apache-2.0
 *
 * From kqsim to kqreal, which runs scenarios in the other world: each of both
 * programs holds one world.
 */
#ifndef REPORT_HAND_OVER_H
#define REPORT_HAND_OVER_H

#include <limits.h>

#include "sim/report/report.h"

struct hand_over {
    struct scenario **scenarios; /* borrowed */
    size_t scenario_count;
    uint64_t first_seed;
    uint64_t seeds;
    bool json;
    bool both; /* each run is made here first, and compared there */
};

/* Goes on as kqreal, and so does not return, unless that fails. Gives back
 * what could not be done, as half a sentence; errno says why. */
const char *hand_over(const struct hand_over *plan);

/* The path of a program that stands beside this one; false: errno says why
 * there is none. */
bool program_beside(const char *name, char path[PATH_MAX]);

/* For kqreal: --beside with a descriptor of outcomes, in the order of runs. */
#define HAND_OVER_BESIDE "--beside"

#endif
