/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs as JUnit XML, the form that CI services show: one suite, one test case
 * a run. Owned by one thread.
 */
#ifndef REPORT_JUNIT_H
#define REPORT_JUNIT_H

#include "sim/report/report.h"

struct junit;

/* Written to the file by junit_end(). NULL: it cannot be, errno says why. */
struct junit *junit_new(const char *path);
void junit_run(struct junit *junit, const struct scenario *scenario,
               uint64_t seed, const struct run_report *report);
/* What the runs of a scenario did not prove together: a case of its own. */
void junit_vacuous(struct junit *junit, const struct scenario *scenario,
                   const char *sentence);
/* Writes all of it and frees it. False: it could not be written, errno says
 * why. */
bool junit_end(struct junit *junit);

#endif
