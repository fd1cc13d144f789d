/* SPDX-License-Identifier: Apache-2.0
 *
 * What people and programs are told of runs.
 */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include <stdio.h>

#include "sim/workload/run.h"

/* One object on one line (design §7). */
void report_json(FILE *out, const struct scenario *scenario, uint64_t seed,
                 const struct run_report *report);

/* "pass", "fail", "error". */
const char *report_result_name(enum run_result result);
const char *report_mark_name(enum mark mark);

/* A JSON string; "<" is escaped, so it may stand in a script of a page. */
void report_put_string(FILE *out, const char *text);

/* Members of a JSON list or object, with commas between them. */
struct report_list {
    FILE *out; /* borrowed */
    bool begun;
};
/* Before each member. */
void report_list_next(struct report_list *list);

/* A single run: the same object on standard output or, without `json`, a line
 * for people. */
void report_run(const struct scenario *scenario, uint64_t seed,
                const struct run_report *report, bool json);

/* A run that did not pass: what, where, the events that touched it, how to
 * replay. A run of which events tell more is made once more for that. */
void report_failure(FILE *out, const struct scenario *scenario, uint64_t seed,
                    const struct run_report *report);
/* The same of a run that cannot be made again, as it was recorded. */
void report_failure_recorded(FILE *out, const struct scenario *scenario,
                             uint64_t seed, const struct run_report *report,
                             const struct chronicle *chronicle);

/* What this world left out, a line each. */
void report_skipped(FILE *out, const struct scenario *scenario);

/* Where a promise was broken, and what happened there, in words; chronicle
 * NULL: the first alone. */
void explain(FILE *out, const struct chronicle *chronicle,
             const struct run_report *report);

/* The run of this report once more, recorded; free it with chronicle_free().
 * NULL, and a word to standard error: it went another way. */
struct chronicle *chronicle_again(const struct scenario *scenario,
                                  uint64_t seed,
                                  const struct run_report *report);

/* How the program was called, for lines to paste; kept, not copied. */
void report_called(const char *program);
/* The line that makes this run again. */
void report_replay(FILE *out, const struct scenario *scenario, uint64_t seed,
                   const struct run_report *report);

/* A strike in words of the command line: "power", "b2:1234+"; a future:
 * "1234:2". */
#define STRIKE_TEXT_BYTES 40
const char *strike_how_name(enum strike_how how);
bool strike_how_parse(const char *text, enum strike_how *how);
void strike_format(const struct run_strike *strike,
                   char text[STRIKE_TEXT_BYTES]);
/* Sets all but `how`; false when it is not "bN:NUMBER" or "bN:NUMBER+" with
 * one of so many brokers. */
bool strike_parse(const char *text, int64_t brokers, struct run_strike *strike);
/* Sets all; false when it is not "TURN:FUTURE". */
bool strike_parse_future(const char *text, struct run_strike *strike);

/* What all runs of one scenario came to. */
struct tally {
    uint64_t runs;
    uint64_t failed;
    uint64_t errors;
    bool vacuous; /* the runs together proved too little */
    uint64_t acked;
    int64_t sim_ms;
    int64_t wall_ms;
    uint64_t faults[SCENARIO_FAULTS_MAX];
    uint64_t marks[MARK_COUNT];
};
void tally_add(struct tally *tally, const struct run_report *report);
/* The first thing that a sweep of this many runs had to reach and did not,
 * as a sentence; false when there is none, or too few runs to say. */
bool tally_vacuous(const struct tally *tally, const struct scenario *scenario,
                   char sentence[RUN_MESSAGE_BYTES]);
void report_tally(FILE *out, const struct scenario *scenario,
                  const struct tally *tally);

#endif
