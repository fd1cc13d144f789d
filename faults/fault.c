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
#include <string.h>

#include "base/assert.h"

bool fault_armed[FAULT_COUNT];

static fault_answer *the_answer;
static void *the_context;
static _Thread_local enum fault_point asked_about;

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

bool fault_ask(enum fault_point point)
{
    asked_about = point;
    return fiu_fail(descriptions[point].name) != 0;
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
