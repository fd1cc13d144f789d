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

/* What the rule of a switch has counted; another rule begins anew. */
struct counts {
    unsigned nth;
    uint64_t rule_and_limit;
    uint64_t asked;
    uint64_t fired;
};
static struct counts counts[FAULT_COUNT][FAULT_SWITCHES];
static char switches[FAULT_COUNT][FAULT_SWITCHES][FAULT_SWITCH_BYTES];
static pthread_mutex_t counting = PTHREAD_MUTEX_INITIALIZER;

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

void fault_switch_name(enum fault_point point, unsigned number,
                       char name[FAULT_SWITCH_BYTES])
{
    ASSERT(point < FAULT_COUNT && number < FAULT_SWITCHES);
    if (number == 0)
        snprintf(name, FAULT_SWITCH_BYTES, "%s", descriptions[point].name);
    else
        snprintf(name, FAULT_SWITCH_BYTES, "%s#%u", descriptions[point].name,
                 number);
}

/* Under the lock; the numbers are those of fault_listen(). */
static bool is_its_turn(struct counts *counted, unsigned nth,
                        uint64_t rule_and_limit)
{
    uint32_t limit = (uint32_t)rule_and_limit;

    if (counted->nth != nth || counted->rule_and_limit != rule_and_limit)
        *counted =
            (struct counts){.nth = nth, .rule_and_limit = rule_and_limit};
    counted->asked++;
    return (nth <= 1 || counted->asked == nth - 1) &&
           (limit == 0 || counted->fired < limit);
}

static void tell_fired(enum fault_point point, uint64_t rule)
{
    if (rule == 0)
        dprintf(STDERR_FILENO, "fault %s\n", descriptions[point].name);
    else
        dprintf(STDERR_FILENO, "fault %s %llu\n", descriptions[point].name,
                (unsigned long long)rule);
}

/* As in the simulator: all rules are asked, and the first whose turn it is
 * fires. */
static bool ask_switches(enum fault_point point)
{
    bool fires = false;

    pthread_mutex_lock(&counting);
    for (unsigned i = 0; i < FAULT_SWITCHES; i++) {
        struct counts *counted = &counts[point][i];
        int failnum = fiu_fail(switches[point][i]);

        if (failnum == 0 ||
            !is_its_turn(counted, (unsigned)failnum,
                         (uintptr_t)fiu_failinfo()) ||
            fires)
            continue;
        counted->fired++;
        tell_fired(point, counted->rule_and_limit >> FAULT_RULE_SHIFT);
        fires = true;
    }
    pthread_mutex_unlock(&counting);
    return fires;
}

bool fault_ask(enum fault_point point)
{
    asked_about = point;
    return listens ? ask_switches(point)
                   : fiu_fail(descriptions[point].name) != 0;
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
    for (unsigned i = 0; i < FAULT_COUNT; i++)
        for (unsigned j = 0; j < FAULT_SWITCHES; j++)
            fault_switch_name((enum fault_point)i, j, switches[i][j]);
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
