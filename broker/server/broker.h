/* SPDX-License-Identifier: Apache-2.0
 *
 * One broker: all of its state hangs off struct broker, so that one process
 * can hold many.
 */
#ifndef SERVER_BROKER_H
#define SERVER_BROKER_H

#include "seam/event.h"
#include "server/config.h"

struct broker;

/* Embedded by the world that runs the broker. */
struct broker_owner {
    /* The broker has stopped by itself: `exit_code` as the process's (0 after
     * EVENT_STOP; 2 bad configuration; 3 environment). `why` is a sentence,
     * valid until return. The world stops delivering events; it frees the
     * broker outside of this call. */
    void (*stopped)(struct broker_owner *owner, int exit_code, const char *why);
    /* Registered, its logs recovered, its listener open. May be NULL. */
    void (*ready)(struct broker_owner *owner, uint16_t port);
};

/* Borrows config and owner for its life; copies nothing of them. */
struct broker *broker_new(struct seam *seam, const struct config *config,
                          struct broker_owner *owner);
/* Starts: connects to ZooKeeper, opens the logs, listens, registers. The
 * caller has set seam->now. */
void broker_start(struct broker *broker);
/* The door: one event, handled to its end. */
void broker_on_event(struct broker *broker, const struct event *event);
/* False once a log directory has failed: operations on it may be under way
 * still and point into the broker's memory. */
bool broker_may_be_freed(const struct broker *broker);
/* Frees memory and handles; only after stopped() (a crash just drops the
 * heap). Takes NULL. */
void broker_free(struct broker *broker);

#endif
