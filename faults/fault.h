/* SPDX-License-Identifier: Apache-2.0
 *
 * Fault points: asked in the twins (real/ and sim/) alone, and compiled to
 * nothing unless KQ_FAULTS is defined. libfiu is the switch (fault.c).
 */
#ifndef FAULTS_FAULT_H
#define FAULTS_FAULT_H

#include <stdbool.h>
#include <stdint.h>

enum fault_point {
#define FAULT(name, text, happens, holds) FAULT_##name,
#include "faults/catalogue.def"
#undef FAULT
    FAULT_COUNT
};

struct fault_description {
    const char *name;
    const char *happens;
    const char *holds;
};
const struct fault_description *fault_describe(enum fault_point point);
/* False when there is no point of this name. */
bool fault_by_name(const char *name, enum fault_point *point);

/* Whether this point fires now, for whoever runs now. */
#ifdef KQ_FAULTS
extern bool fault_armed[FAULT_COUNT]; /* points nobody enabled cost nothing */
bool fault_ask(enum fault_point point);
#define FAULT_FIRES(name)                                                      \
    (__builtin_expect(fault_armed[FAULT_##name], 0) && fault_ask(FAULT_##name))
#define FAULT_LISTEN()   fault_listen()
#define FAULT_EACH_ALONE true /* an operation is not joined with others */
#else
#define FAULT_FIRES(name) false
#define FAULT_LISTEN()    ((void)0)
#define FAULT_EACH_ALONE  false
#endif

/* The switches of a real process: from now on fiu-ctrl(1) enables points by
 * their names, through pipes called $KQ_FAULTS-PID.in and .out (/tmp/fiu-ctrl).
 * failnum=N with N > 1: only the (N-1)-th asking since then fires; failinfo=N:
 * at most N do, if N > 0. Each that fires is a line "fault NAME" on standard
 * error. Once. */
void fault_listen(void);

/* A point has several switches, for so many rules about it at a time, each of
 * which counts for itself: NAME, NAME#1, NAME#2 and so on. A rule may have a
 * number R: failinfo=N + (R << 32), and its lines are "fault NAME R". */
#define FAULT_SWITCHES     4
#define FAULT_SWITCH_BYTES 48
#define FAULT_RULE_SHIFT   32
void fault_switch_name(enum fault_point point, unsigned number,
                       char name[FAULT_SWITCH_BYTES]);

/* The pipes of a process: "in" and "out". */
#define FAULT_PIPES_VARIABLE "KQ_FAULTS"

/* The simulator's switch: answers through libfiu's external callback. */
typedef bool fault_answer(void *context, enum fault_point point);
/* Enables the points whose flag is set (FAULT_COUNT of them), and no other;
 * answer NULL disables all. Borrows context until the next call. */
void fault_control(fault_answer *answer, void *context, const bool enabled[]);

#endif
