/* SPDX-License-Identifier: Apache-2.0
 *
 * One scenario and seed, again and again: up to some point each run is the
 * same, and from there on what is left to chance comes otherwise. Points are
 * where something rare has just happened and where a sync is submitted.
 */
#ifndef REPORT_EXPLORE_H
#define REPORT_EXPLORE_H

#include "sim/report/sweep.h"

#define EXPLORE_FUTURES 3 /* when it is not told */

struct explore {
    struct scenario *scenario; /* borrowed */
    uint64_t seed;
    uint32_t futures; /* of each point; 1 and up */
    uint64_t limit;   /* no more futures: those of the first marks, then those
                         of syncs, spread evenly, if there is room; 0: all */
    unsigned jobs;
    bool json;
    struct junit *junit; /* told of every run; NULL: none */
};

/* True when the run of this seed and all its futures passed. */
bool explore_run(const struct explore *explore);

#endif
