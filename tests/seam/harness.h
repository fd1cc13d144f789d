/* SPDX-License-Identifier: Apache-2.0
 *
 * One node for a test of the seam: in the real world (harness_real.c) or the
 * simulated one (harness_sim.c). Tests call the seam between waits, as if
 * from within an event.
 */
#ifndef TESTS_SEAM_HARNESS_H
#define TESTS_SEAM_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "seam/dispatch.h"
#include "seam/seam.h"

struct harness;

#define HARNESS_HEAP_BYTES (128u << 20)

struct harness *harness_new(void);
/* What the test opened need not be closed. Takes NULL. */
void harness_free(struct harness *harness);
struct seam *harness_seam(struct harness *harness);

/* Delivers events until done(context); fails the test after 20 seconds of
 * the node's time. */
void harness_wait(struct harness *harness, bool (*done)(void *context),
                  void *context);
/* Delivers events for so long. */
void harness_pass(struct harness *harness, int64_t us);

/* Gets the ACCEPTED events. */
void harness_on_accepted(struct harness *harness,
                         void (*accepted)(const struct event *event));

/* A path in a directory of this harness that was empty; valid until the next
 * but seven calls. */
const char *harness_path(struct harness *harness, const char *name);

/* From now on that directory, still empty, holds no more than so many bytes.
 * False where that cannot be arranged: the test has nothing to show. */
bool harness_limit_space(struct harness *harness, uint64_t bytes);
/* From now on nothing in it can be changed; after harness_limit_space(), with
 * no file open. False likewise. */
bool harness_forbid_writes(struct harness *harness);

static inline bool harness_flag(void *context)
{
    return *(bool *)context;
}

/* For cmocka: *state is the harness. */
static inline int harness_setup(void **state)
{
    *state = harness_new();
    return *state == NULL;
}

static inline int harness_teardown(void **state)
{
    harness_free(*state);
    return 0;
}

#define SEAM_TEST(test)                                                        \
    cmocka_unit_test_setup_teardown(test, harness_setup, harness_teardown)

#endif
