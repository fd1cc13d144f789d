/* SPDX-License-Identifier: Apache-2.0
 *
 * The real world: one event loop with a disk, sockets, timers and an inbox,
 * for one node. No state outside of it: a process may run several, each on
 * a thread of its own.
 */
#ifndef REAL_LOOP_H
#define REAL_LOOP_H

#include <stdbool.h>
#include <stdio.h>

#include "seam/event.h"
#include "seam/trace.h"

struct loop;

/* For a program's main(), before anything else: buffers of frames are taken
 * from memory that stays in the process, instead of from the kernel, which
 * would zero each page of each of them again (mallopt(3)). */
void loop_keep_memory(void);

struct loop_options {
    size_t heap_bytes_max;
    enum trace_level log_level; /* what is logged to standard error */
    const char *name;           /* in log lines; borrowed */
    FILE *facts;                /* JSON lines; NULL: none; borrowed */
    bool handle_signals;        /* SIGTERM, SIGINT: EVENT_STOP */
    bool without_disk;          /* a client */
};

/* NULL (errno set) when the system has no descriptors or threads left. */
struct loop *loop_new(const struct loop_options *options);
/* After loop_run() has returned and the node is freed. Takes NULL. */
void loop_free(struct loop *loop);

/* What the node is made with; valid for the loop's life. `now` is set. */
struct seam *loop_seam(struct loop *loop);

/* Delivers events to on_event(node, event) until loop_stop(). May be called
 * again. */
void loop_run(struct loop *loop,
              void (*on_event)(void *node, const struct event *event),
              void *node);
/* The same in single turns, for who runs several loops on one thread: what is
 * due is delivered, and nothing is waited for. A turn is due when the
 * descriptor is readable, or at the time that is given back (monotonic_us;
 * INT64_MAX: not before). */
int64_t loop_turn(struct loop *loop,
                  void (*on_event)(void *node, const struct event *event),
                  void *node);
int loop_descriptor(const struct loop *loop);
/* No disk request is under way: nothing that one borrows is needed. */
bool loop_at_rest(const struct loop *loop);
/* From within an event, or before loop_run(): it returns soon. From another
 * thread: post a message that calls it. */
void loop_stop(struct loop *loop);

#endif
