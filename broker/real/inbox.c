/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages from other threads, under a lock, and one thread for calls that
 * block.
 */
#include "seam/inbox.h"

#include <stdlib.h>

#include "base/assert.h"
#include "real/internal.h"

struct inbox {
    struct loop *loop;
    pthread_mutex_t lock;
    struct list messages; /* under the lock */
    /* the thread for offloaded calls, started when first needed */
    pthread_t worker;
    bool worker_started;
    pthread_cond_t wanted;
    struct list jobs; /* of struct offload; under the lock */
    bool quit;        /* under the lock */
};

struct inbox *inbox_new(struct loop *loop)
{
    struct inbox *inbox = calloc(1, sizeof *inbox);

    if (inbox == NULL)
        return NULL;
    inbox->loop = loop;
    list_init(&inbox->messages);
    list_init(&inbox->jobs);
    pthread_mutex_init(&inbox->lock, NULL);
    pthread_cond_init(&inbox->wanted, NULL);
    return inbox;
}

void inbox_destroy(struct inbox *inbox)
{
    if (inbox == NULL)
        return;
    pthread_mutex_lock(&inbox->lock);
    inbox->quit = true;
    pthread_cond_signal(&inbox->wanted);
    pthread_mutex_unlock(&inbox->lock);
    if (inbox->worker_started)
        pthread_join(inbox->worker, NULL);
    pthread_cond_destroy(&inbox->wanted);
    pthread_mutex_destroy(&inbox->lock);
    free(inbox);
}

void *inbox_message_new(struct inbox *inbox, size_t size)
{
    void *message = calloc(1, size);

    (void)inbox;
    if (message == NULL)
        abort();
    return message;
}

void inbox_message_free(struct inbox *inbox, void *message)
{
    (void)inbox;
    free(message);
}

void inbox_post(struct inbox *inbox, struct inbox_message *message)
{
    bool first;

    list_init(&message->node);
    pthread_mutex_lock(&inbox->lock);
    first = list_empty(&inbox->messages);
    list_append(&inbox->messages, &message->node);
    if (first) /* under the lock: the inbox is there while it is held */
        loop_wake(inbox->loop);
    pthread_mutex_unlock(&inbox->lock);
}

void inbox_run(struct inbox *inbox)
{
    struct list messages;
    struct list *node;

    list_init(&messages);
    pthread_mutex_lock(&inbox->lock);
    list_splice(&messages, &inbox->messages);
    pthread_mutex_unlock(&inbox->lock);
    while ((node = list_pop(&messages)) != NULL) {
        struct event event = {
            .type = EVENT_INBOX,
            .inbox_message = container_of(node, struct inbox_message, node)};

        loop_deliver(inbox->loop, &event);
    }
}

/* ---- offloaded calls ---- */

static void offload_deliver(struct inbox_message *message)
{
    struct offload *offload = container_of(message, struct offload, message);

    offload->done(offload);
}

static void *worker_main(void *argument)
{
    struct inbox *inbox = argument;
    struct list *node;

    pthread_mutex_lock(&inbox->lock);
    while (!inbox->quit) {
        struct offload *offload;

        node = list_pop(&inbox->jobs);
        if (node == NULL) {
            pthread_cond_wait(&inbox->wanted, &inbox->lock);
            continue;
        }
        pthread_mutex_unlock(&inbox->lock);
        offload = container_of(container_of(node, struct inbox_message, node),
                               struct offload, message);
        offload->run(offload);
        inbox_post(inbox, &offload->message);
        pthread_mutex_lock(&inbox->lock);
    }
    pthread_mutex_unlock(&inbox->lock);
    return NULL;
}

void inbox_offload(struct inbox *inbox, struct offload *offload)
{
    offload->message.deliver = offload_deliver;
    list_init(&offload->message.node);
    pthread_mutex_lock(&inbox->lock);
    if (!inbox->worker_started) {
        int failed = pthread_create(&inbox->worker, NULL, worker_main, inbox);

        ASSERT(failed == 0);
        inbox->worker_started = true;
    }
    list_append(&inbox->jobs, &offload->message.node);
    pthread_cond_signal(&inbox->wanted);
    pthread_mutex_unlock(&inbox->lock);
}
