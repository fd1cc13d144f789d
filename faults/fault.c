/* SPDX-License-Identifier: Apache-2.0
 *
 * The switch of the fault points, by libfiu; the only file that includes it.
 * Points are enabled one by one under their exact names. libfiu's callback
 * has no context and is told a name, so the point asked about is remembered
 * for the thread; it runs under libfiu's lock and must not enable points.
 */
#include "faults/fault.h"

#include <fiu-control.h>
#include <fiu.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"

bool fault_armed[FAULT_COUNT];

static fault_answer *the_answer;
static void *the_context;
static _Thread_local enum fault_point asked_about;
static bool listens; /* to fiu-ctrl */
static struct {
    atomic_uint nth; /* of the rule that counts these */
    atomic_uint asked;
    atomic_uint fired;
} counts[FAULT_COUNT];

static const struct fault_description descriptions[FAULT_COUNT] = {
#define FAULT(name, text, happens, holds) {text, happens, holds},
#include "faults/catalogue.def"
#undef FAULT
};

const struct fault_description *fault_describe(enum fault_point point)
{
    ASSERT(point < FAULT_COUNT);
    return &descriptions[point];
}

bool fault_by_name(const char *name, enum fault_point *point)
{
    for (unsigned i = 0; i < FAULT_COUNT; i++) {
        if (strcmp(descriptions[i].name, name) != 0)
            continue;
        *point = (enum fault_point)i;
        return true;
    }
    return false;
}

/* In a process that listens; the numbers are those of fault_listen(). */
static bool is_its_turn(enum fault_point point, unsigned nth, uintptr_t limit)
{
    unsigned asked;

    if (atomic_exchange(&counts[point].nth, nth) != nth) { /* another rule */
        atomic_store(&counts[point].asked, 0);
        atomic_store(&counts[point].fired, 0);
    }
    asked = atomic_fetch_add(&counts[point].asked, 1) + 1;
    if (nth > 1 && asked != nth - 1)
        return false;
    if (limit > 0 && atomic_load(&counts[point].fired) >= limit)
        return false;
    atomic_fetch_add(&counts[point].fired, 1);
    dprintf(STDERR_FILENO, "fault %s\n", descriptions[point].name);
    return true;
}

bool fault_ask(enum fault_point point)
{
    int failnum;

    asked_about = point;
    failnum = fiu_fail(descriptions[point].name);
    if (failnum == 0 || !listens)
        return failnum != 0;
    return is_its_turn(point, (unsigned)failnum, (uintptr_t)fiu_failinfo());
}

/* libfiu's thread takes no signal from the process. */
static bool open_pipes(const char *pipes)
{
    sigset_t all, before;
    bool good;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    good = fiu_rc_fifo(pipes) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return good;
}

void fault_listen(void)
{
    const char *pipes = getenv(FAULT_PIPES_VARIABLE);

    ASSERT(fiu_init(0) == 0);
    if (!open_pipes(pipes ? pipes : "/tmp/fiu-ctrl")) {
        fputs("faults cannot be enabled: no pipes can be made\n", stderr);
        return;
    }
    listens = true;
    for (unsigned i = 0; i < FAULT_COUNT; i++)
        fault_armed[i] = true;
}

static int on_asked(const char *name, int *failnum, void **failinfo,
                    unsigned *flags)
{
    (void)name;
    (void)failnum;
    (void)failinfo;
    (void)flags;
    return the_answer(the_context, asked_about);
}

static void arm(enum fault_point point, bool enabled)
{
    const char *name = descriptions[point].name;

    if (enabled == fault_armed[point])
        return;
    if (enabled)
        ASSERT(fiu_enable_external(name, 1, NULL, 0, on_asked) == 0);
    else
        ASSERT(fiu_disable(name) == 0);
    fault_armed[point] = enabled;
}

void fault_control(fault_answer *answer, void *context, const bool enabled[])
{
    ASSERT(fiu_init(0) == 0);
    the_answer = answer;
    the_context = context;
    for (unsigned i = 0; i < FAULT_COUNT; i++)
        arm((enum fault_point)i, answer != NULL && enabled[i]);
}
