/* SPDX-License-Identifier: Apache-2.0
 *
 * The shell puts threads around the engine (client/engine). Each client has
 * one loop of broker/real on a thread of its own; only that thread touches
 * the engine. What callers hand over lies under the client's lock until the
 * loop takes all of it at once:
 *
 *     caller --lock: append, post once--> notice --loop: take all--> engine
 *     engine --callbacks--> loop-only state --once an event--> lock, signal
 *
 * So a record costs a caller one copy under a lock, and the loop is woken
 * once for all that was handed over before it looked.
 */
#ifndef SHELL_INTERNAL_H
#define SHELL_INTERNAL_H

#include <kq/kq.h>
#include <pthread.h>

#include "client/engine/client.h"
#include "real/loop.h"
#include "seam/inbox.h"

/* ---- producing ---- */

/* Records handed over, one behind the other, each a struct handed. Lives
 * until all of them are answered. */
struct chunk {
    struct list node; /* queue.waiting, then outbox.chunks */
    struct handed *first;
    struct handed *last;
    size_t record_count;
    /* loop only */
    struct kq_client *client;
    struct list feed_node; /* outbox.feed */
    struct handed *next;   /* the next one for the engine */
    size_t holds;          /* records not answered, and one while fed */
    size_t used;
    size_t capacity;
    char bytes[] __attribute__((aligned(16)));
};

struct handed {
    struct chunk *chunk;
    struct handed *next;
    const char *topic;
    int32_t partition;
    bool answered;
    size_t size;
    struct client_record record;
    kq_delivered *delivered;
    void *context;
};

/* Between callers and the loop; under the client's lock. */
struct queue {
    struct list waiting; /* of struct chunk; the last takes more records */
    size_t bytes;        /* in `waiting` and not yet with the engine */
    size_t bytes_max;
    size_t chunk_bytes;
    uint64_t accepted; /* records, ever */
    uint64_t answered; /* records, ever */
    enum kq_error first_error;
    bool flush_wanted;
};

/* The loop's own. */
struct outbox {
    struct list chunks; /* not all answered */
    struct list feed;   /* of them, those not all with the engine */
    bool full;          /* the engine said BUSY; until something is answered */
    size_t bytes_taken;
    uint64_t answered; /* not yet told to the queue */
    enum kq_error first_error;
    bool flush;
};

/* ---- the client ---- */

/* A call carried out on the loop while its caller waits. */
struct task {
    void (*run)(struct kq_client *client, struct task *task); /* on the loop */
    struct list node;
    bool finished; /* under the client's lock */
};

struct kq_client {
    struct loop *loop;
    struct client *engine; /* loop only; NULL once it stops */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;      /* room in the queue, answers, tasks done */
    struct inbox_message notice; /* under way while `noticed` */
    struct inbox_message goodbye;
    bool noticed;      /* under the lock */
    bool stop;         /* under the lock */
    struct list tasks; /* under the lock */
    struct queue queue;
    struct outbox outbox;
    struct list consumers; /* loop only */
    struct list dirty;     /* consumers with something to publish; loop only */
    size_t consume_bytes;
};

/* With the lock held: has the loop look at what was handed over. */
void client_notify(struct kq_client *client);
/* Runs a task on the loop; returns when task_finish() was called for it. */
void client_run(struct kq_client *client, struct task *task);
/* On the loop, from run() or later. */
void task_finish(struct kq_client *client, struct task *task);
/* On the client's own thread? */
bool client_is_here(const struct kq_client *client);
/* Now + milliseconds, for timed waits on `changed`. */
struct timespec deadline_after(int64_t timeout_ms);
int condition_init(pthread_cond_t *condition);

void producing_init(struct kq_client *client, uint64_t buffer_bytes);
/* With the lock held: takes what waits. */
void producing_take(struct kq_client *client);
/* Hands records to the engine, tells callers what was answered. */
void producing_settle(struct kq_client *client);
/* The engine is gone: what is not answered is CANCELLED. */
void producing_cancel(struct kq_client *client);

/* A poll made room. */
void consumers_resume(struct kq_client *client);
void consumers_publish(struct kq_client *client);

#endif
