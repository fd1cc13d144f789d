/* SPDX-License-Identifier: Apache-2.0
 *
 * A controller without an ensemble: it believes that it is one and that some
 * brokers are alive, and what it stages is looked at instead of sent.
 */
#ifndef TESTS_LONE_CONTROLLER_H
#define TESTS_LONE_CONTROLLER_H

#include "cluster/controller_write.h"
#include "real/loop.h"

struct lone_controller {
    struct loop *loop;
    struct seam *seam;
    struct coord_listener coord_listener;
    struct coord *coord;
    struct metadata_listener listener;
    struct metadata metadata;
    struct controller controller;
    struct controller_write write; /* staged into, if it was begun */
    uint32_t told;                 /* partitions that on_states named */
    struct intent asked;           /* by lone_controller_ask() */
    bool answered;
    struct timer patience;
};

void lone_controller_init(struct lone_controller *lone,
                          const struct controller_options *options);
void lone_controller_release(struct lone_controller *lone);

/* These are alive from now on; copied. */
void lone_controller_set_live(struct lone_controller *lone,
                              const struct live_broker *live, uint32_t count);

/* Submits lone->asked, a copy of the intent, and runs until it is answered.
 * False: it is not, as it wants a write, which nobody would answer. */
bool lone_controller_ask(struct lone_controller *lone,
                         const struct intent *intent);
/* The done() of lone->asked. */
void lone_controller_answered(struct intent *intent);

/* What is staged goes into lone->write from here on. */
void lone_controller_begin_write(struct lone_controller *lone);
/* It is thrown away. */
void lone_controller_end_write(struct lone_controller *lone);

#endif
