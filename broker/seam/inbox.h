/* SPDX-License-Identifier: Apache-2.0
 *
 * The way into a loop from other threads (ZooKeeper's callbacks), and the
 * way out of it for calls that block.
 */
#ifndef SEAM_INBOX_H
#define SEAM_INBOX_H

#include <stddef.h>

#include "base/list.h"
#include "seam/seam.h"

struct inbox_message {
    void (*deliver)(struct inbox_message *message); /* on the loop */
    struct list node;                               /* the world's */
};

/* A message of `size` bytes (>= sizeof(struct inbox_message), zeroed). Any
 * thread. Free with inbox_message_free(), usually in deliver(). */
void *inbox_message_new(struct inbox *inbox, size_t size);
void inbox_message_free(struct inbox *inbox, void *message);

/* Delivers the message as an EVENT_INBOX, in the order of posting. Any
 * thread; takes the message. */
void inbox_post(struct inbox *inbox, struct inbox_message *message);

/* A blocking call: run() on a thread that is not the loop (it may touch
 * nothing of the core), then done() on the loop by way of EVENT_INBOX. */
struct offload {
    struct inbox_message message; /* the world's until done */
    void (*run)(struct offload *offload);
    void (*done)(struct offload *offload);
};

/* Loop only. Jobs run one after the other. The struct must live until
 * done(). */
void inbox_offload(struct inbox *inbox, struct offload *offload);

#endif
