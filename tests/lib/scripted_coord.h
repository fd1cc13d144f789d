/* SPDX-License-Identifier: Apache-2.0
 *
 * coord/coord.h over a table of znodes, for programs that link no coord/: what
 * is asked waits until the test lets it be answered, and the test says what is
 * there. Always connected; watches never fire.
 */
#ifndef TESTS_LIB_SCRIPTED_COORD_H
#define TESTS_LIB_SCRIPTED_COORD_H

#include "coord/coord.h"

#define SCRIPTED_SESSION 77

/* What it holds from now on, persistent; copied. A new one (its czxid is above
 * all before) when there was none, else a new version. */
void scripted_put(struct coord *coord, const char *path, struct bytes data);
/* Likewise, of this session (0: of none). */
void scripted_own(struct coord *coord, const char *path, int64_t session_id);
void scripted_remove(struct coord *coord, const char *path);
/* What is there; NULL, 0 bytes: there is no such znode. Borrowed. */
struct bytes scripted_get(struct coord *coord, const char *path);
/* So what is asked of this path fails; ERROR_NONE: it does not any more. */
void scripted_fail(struct coord *coord, const char *path, enum error error);

/* Answers the oldest that waits; false when none does. */
bool scripted_answer(struct coord *coord);
/* And all that is asked then. */
void scripted_answer_all(struct coord *coord);

#endif
