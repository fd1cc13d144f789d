/* SPDX-License-Identifier: Apache-2.0
 *
 * How an outcome is filled.
 */
#ifndef REPORT_OUTCOME_INTERNAL_H
#define REPORT_OUTCOME_INTERNAL_H

#include "sim/report/outcome.h"

#define OUTCOME_SUBJECT_BYTES 400
#define OUTCOME_RESULT        "result"
#define OUTCOME_BROKER        "broker " /* and its letter: what its name is */

/* With nothing in it. Free it with outcome_free(). */
struct outcome *outcome_empty(void);
/* So many more of it, also none. */
void outcome_count(struct outcome *outcome, const char *subject,
                   uint64_t count);
/* Behind what is there; words that repeat are counted, "opened x4". A sequence
 * that is too long ends with "...". */
void outcome_next(struct outcome *outcome, const char *subject,
                  const char *next);

#endif
