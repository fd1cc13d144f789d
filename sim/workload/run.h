/* SPDX-License-Identifier: Apache-2.0
 *
 * One run: a scenario and a seed in a world of their own, judged.
 */
#ifndef WORKLOAD_RUN_H
#define WORKLOAD_RUN_H

#include <stdio.h>

#include "sim/scenario/scenario.h"
#include "sim/workload/chronicle.h"
#include "sim/workload/decided.h"
#include "sim/workload/disk_kind.h"

#define RUN_MESSAGE_BYTES 704
#define RUN_PLACE_BYTES   300

enum run_result {
    RUN_PASS,
    RUN_FAIL, /* a promise was broken */
    RUN_ERROR /* it proves nothing */
};

enum strike_how {
    STRIKE_POWER,   /* its machine loses power; started again soon */
    STRIKE_PROCESS, /* it is killed; started again soon */
    STRIKE_ERROR,   /* the operation fails */
    STRIKE_FULL,    /* from it on its disk has no space, for a while */
    STRIKE_SHORT,   /* an append writes some of it, and fails */
    STRIKE_HOWS,
    STRIKE_FUTURE = STRIKE_HOWS /* nothing fails: what is left to chance comes
                                   otherwise from there on */
};

/* What befalls one disk operation of one broker, besides the scenario, or one
 * turn of the world. */
struct run_strike {
    enum strike_how how;
    unsigned broker; /* index */
    uint32_t future; /* of STRIKE_FUTURE: which, 1 and up */
    uint64_t nth;    /* of the disk operations it submits that this can befall,
                        or of all that happens; 0: no strike */
    bool late;       /* a crash: once the operation is done, else as it is
                        submitted; an error: no space, else EIO; a full
                        disk: not even what is given up makes room, else no
                        more than that */
};

/* What a broken promise is about. */
struct violation_place {
    char place[RUN_PLACE_BYTES]; /* "orders/0"; "": no partition */
    struct partition_key key;    /* zero: no partition */
    int64_t offset;              /* -1: no record */
    char node[16];               /* "": no node */
    int64_t at_us;               /* of the world */
};

/* Holds no pointer: it crosses a pipe between processes. */
struct run_report {
    enum run_result result;
    int oracle; /* enum oracle_id; -1: none */
    char message[RUN_MESSAGE_BYTES];
    bool has_story;               /* what happened until then says more */
    struct violation_place where; /* of a broken promise */
    enum disk_profile disk_profile;
    uint64_t trace_hash;
    int64_t sim_ms;
    int64_t wall_ms;
    uint64_t events;
    struct judge_counts records;
    uint64_t points[FAULT_COUNT];   /* fault point: times it took effect */
    uint64_t observed[FAULT_COUNT]; /* silent damage that some read met */
    uint64_t marks[MARK_COUNT];
    uint64_t faults[SCENARIO_FAULTS_MAX]; /* of the scenario, likewise */
    uint64_t steps[SCENARIO_STEPS_MAX];   /* times they were carried out */
    /* disk operations of each broker until faults were over, of those that a
     * strike can befall; and all of them, by what they were */
    uint64_t disk_operations[STRIKE_HOWS][SCENARIO_BROKERS_MAX];
    struct disk_points disk_points;
    struct run_strike strike;
    bool struck;
    struct disk_point struck_at;
};

/* Turns of the world, while the clients work. */
struct run_turns {
    uint64_t *turns;
    size_t count;
    size_t room;
};

/* Where a run is to be forked: a mark was reached first, a sync submitted. */
struct run_forks {
    struct run_turns marks;
    struct run_turns syncs;
};

/* What a run is to do and to tell besides; each may be NULL. */
struct run_extras {
    const struct run_strike *strike;
    FILE *trace; /* text of everything that happens */
    struct decisions *decisions;
    struct chronicle *chronicle; /* what happened, as structures */
    struct run_forks *forks;     /* to be added to */
};

/* What this world leaves out of a scenario, a sentence each: steps and faults
 * that it cannot carry out, oracles that cannot judge it. */
void run_skipped(const struct scenario *scenario,
                 void (*tell)(void *context, const char *sentence),
                 void *context);
/* False: this fault is. */
bool run_can_fault(const struct scenario_fault *fault);
/* Oracles that do judge it: a set. */
uint64_t run_oracles(const struct scenario *scenario);

/* `extras`: NULL when there are none. */
void run_scenario(const struct scenario *scenario, uint64_t seed,
                  const struct run_extras *extras, struct run_report *report);

#endif
