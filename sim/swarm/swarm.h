/* SPDX-License-Identifier: Apache-2.0
 *
 * Scenarios that nobody wrote: cluster, topics, knobs, clients and a few of
 * all the hazards there are, drawn from a seed ("swarm testing": Groce et
 * al., ISSTA 2012; leaving most hazards out of a run finds more than having
 * all of them in each).
 */
#ifndef SWARM_SWARM_H
#define SWARM_SWARM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct scenario;
struct junit;

/* The scenario of this seed as the text of a scenario file, always the same
 * and always in order. The caller frees it. */
char *swarm_draw(uint64_t seed);

/* The same as a scenario; free it with scenario_free(). */
struct scenario *swarm_scenario(uint64_t seed);

struct swarm {
    uint64_t first_seed;
    uint64_t seeds;
    uint64_t minutes; /* then no more seeds are begun; 0: no limit */
    unsigned jobs;
    bool json;
    struct junit *junit; /* told of every run; NULL: none */
    FILE *trace;         /* of a single seed; NULL: none */
};

/* Draws and runs seed after seed, tells of those that fail, and at the end
 * what all came to. True when all passed. */
bool swarm_run(const struct swarm *swarm);

#endif
