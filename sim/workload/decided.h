/* SPDX-License-Identifier: Apache-2.0
 *
 * What a run decided where its scenario leaves a choice: when each step was
 * carried out, on whom and for how long, and at which askings each fault
 * fired. It is what a scenario needs to say so that nothing of this is drawn.
 */
#ifndef WORKLOAD_DECIDED_H
#define WORKLOAD_DECIDED_H

#include "sim/scenario/scenario.h"

struct decided_step {
    size_t step;         /* index */
    int64_t at_us;       /* of the workload; or since its condition was met */
    int64_t hold_us;     /* -1: it is not undone by itself */
    struct target node;  /* NOBODY: it is about none; of a link the first */
    struct target other; /* of a link the second, else NOBODY */
};

struct decided_fault {
    size_t fault;       /* index */
    struct target node; /* NOBODY: one that a scenario cannot name */
    int64_t from_us;    /* of the workload: when counting began */
    uint64_t nth;       /* asking of this node since */
};

#define DECIDED_NODES_MAX 64

/* A fault of the world, which comes of one of the scenario. */
struct decided_rule {
    size_t fault;
    int64_t from_us;
    uint64_t asked[DECIDED_NODES_MAX]; /* by node_index() */
};

/* Zeroed before a run fills it, in the order of time. */
struct decisions {
    struct decided_step *steps;
    size_t step_count;
    struct decided_fault *faults;
    size_t fault_count;
    struct decided_rule *rules; /* by the world's index */
    size_t rule_count;
};
void decisions_release(struct decisions *decisions);

#endif
