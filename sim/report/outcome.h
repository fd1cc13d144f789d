/* SPDX-License-Identifier: Apache-2.0
 *
 * What a run came to, in words that can be compared with those of another
 * run of the same scenario, in the other world above all: who led, who was in
 * sync, what clients were told, how brokers recovered. Times are not in it.
 */
#ifndef REPORT_OUTCOME_H
#define REPORT_OUTCOME_H

#include <stdio.h>

#include "sim/report/report.h"

struct outcome;

/* Of a run that was recorded in this chronicle. Free it with outcome_free(). */
struct outcome *outcome_new(const struct run_report *report,
                            const struct chronicle *chronicle);
void outcome_free(struct outcome *outcome); /* takes NULL */

/* As text that outcome_read() takes; several may follow each other. */
void outcome_write(FILE *out, const struct outcome *outcome);
/* NULL at the end of the file. */
struct outcome *outcome_read(FILE *in);

/* The run passed. */
bool outcome_is_good(const struct outcome *outcome);

/* Where the simulator and the real world differed; what was counted in both,
 * though not as often; and what is alike. A line each. */
void outcome_compare(FILE *out, const struct outcome *sim,
                     const struct outcome *real);
/* The same as one object on one line. */
void outcome_compare_json(FILE *out, const struct scenario *scenario,
                          uint64_t seed, const struct outcome *sim,
                          const struct outcome *real);

#endif
