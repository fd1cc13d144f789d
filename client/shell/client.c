/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a client: its thread, how callers reach it, how it ends.
 *
 * The end takes two turns of the loop: in the first the engine is freed,
 * which closes its connections; then what they had queued comes back, and
 * only then the loop stops.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "client/shell/internal.h"
#include "seam/dispatch.h"

#define HEAP_BYTES_SPARE (512u << 20)
#define ROOM_FOR_BATCHES (2u << 20)
#define LOG_NOTHING      ((enum trace_level)(TRACE_ERROR + 1))

void kq_options_init(struct kq_options *options)
{
    struct client_options engine;

    client_options_init(&engine);
    *options = (struct kq_options){
        .client_id = engine.client_id,
        .acks = engine.acks,
        .idempotence = engine.idempotence,
        .linger_ms = engine.linger_us / 1000,
        .batch_bytes = engine.batch_bytes,
        .record_bytes_max = engine.batch_bytes_max,
        .buffer_bytes = engine.buffer_bytes,
        .in_flight_max = engine.in_flight_max,
        .request_timeout_ms = engine.request_timeout_us / 1000,
        .metadata_age_ms = engine.metadata_age_us / 1000,
        .delivery_timeout_ms = engine.delivery_timeout_us / 1000,
        .fetch_bytes = engine.fetch_bytes,
        .fetch_wait_ms = engine.fetch_wait_us / 1000,
        .consume_bytes = 16u << 20,
        .log = false,
    };
}

/* ---- callers ---- */

int condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    int failed;

    if (pthread_condattr_init(&attributes) != 0)
        return -1;
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    failed = pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
    return failed;
}

struct timespec deadline_after(int64_t timeout_ms)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_sec += timeout_ms / 1000;
    time.tv_nsec += timeout_ms % 1000 * 1000000;
    if (time.tv_nsec >= 1000000000) {
        time.tv_sec++;
        time.tv_nsec -= 1000000000;
    }
    return time;
}

bool client_is_here(const struct kq_client *client)
{
    return pthread_equal(pthread_self(), client->thread) != 0;
}

void client_notify(struct kq_client *client)
{
    if (client->noticed)
        return;
    client->noticed = true;
    inbox_post(loop_seam(client->loop)->inbox, &client->notice);
}

void client_run(struct kq_client *client, struct task *task)
{
    ASSERT(!client_is_here(client)); /* it would wait for itself */
    task->finished = false;
    list_init(&task->node);
    pthread_mutex_lock(&client->lock);
    list_append(&client->tasks, &task->node);
    client_notify(client);
    while (!task->finished)
        pthread_cond_wait(&client->changed, &client->lock);
    pthread_mutex_unlock(&client->lock);
}

void task_finish(struct kq_client *client, struct task *task)
{
    pthread_mutex_lock(&client->lock);
    task->finished = true;
    pthread_cond_broadcast(&client->changed);
    pthread_mutex_unlock(&client->lock);
}

/* ---- the loop's thread ---- */

static void on_goodbye(struct inbox_message *message)
{
    struct kq_client *client = container_of(message, struct kq_client, goodbye);

    loop_stop(client->loop);
}

static void on_notice(struct inbox_message *message)
{
    struct kq_client *client = container_of(message, struct kq_client, notice);
    struct list tasks;
    struct list *node;
    bool stop;

    list_init(&tasks);
    pthread_mutex_lock(&client->lock);
    client->noticed = false;
    list_splice(&tasks, &client->tasks);
    producing_take(client);
    stop = client->stop;
    pthread_mutex_unlock(&client->lock);
    while ((node = list_pop(&tasks)) != NULL) {
        struct task *task = container_of(node, struct task, node);

        task->run(client, task);
    }
    consumers_resume(client);
    if (!stop || client->engine == NULL)
        return;
    client_free(client->engine);
    client->engine = NULL;
    client->goodbye.deliver = on_goodbye;
    inbox_post(loop_seam(client->loop)->inbox, &client->goodbye);
}

static void on_event(void *node, const struct event *event)
{
    struct kq_client *client = node;

    if (client->engine == NULL) {
        event_dispatch(event);
        return;
    }
    client_on_event(client->engine, event);
    if (client->engine == NULL)
        return;
    producing_settle(client);
    consumers_publish(client);
}

static void *thread_main(void *argument)
{
    struct kq_client *client = argument;

    loop_run(client->loop, on_event, client);
    producing_cancel(client);
    return NULL;
}

/* ---- making ---- */

static bool options_valid(const struct kq_options *options)
{
    return options->bootstrap != NULL && options->acks >= -1 &&
           options->acks <= 1 &&
           (!options->idempotence || options->acks == -1) &&
           options->linger_ms >= 0 && options->batch_bytes > 0 &&
           options->in_flight_max > 0 && options->request_timeout_ms > 0 &&
           options->metadata_age_ms > 0 && options->delivery_timeout_ms > 0 &&
           options->fetch_bytes > 0 && options->fetch_wait_ms >= 0 &&
           options->consume_bytes > 0 &&
           options->buffer_bytes >=
               (uint64_t)options->record_bytes_max + ROOM_FOR_BATCHES;
}

static struct client_options engine_options(const struct kq_options *from)
{
    struct client_options options;

    client_options_init(&options);
    options.bootstrap = from->bootstrap;
    options.client_id = from->client_id;
    options.acks = from->acks;
    options.idempotence = from->idempotence;
    options.batch_bytes = from->batch_bytes;
    options.batch_bytes_max = from->record_bytes_max;
    options.linger_us = from->linger_ms * 1000;
    options.buffer_bytes = from->buffer_bytes;
    options.in_flight_max = from->in_flight_max;
    options.request_timeout_us = from->request_timeout_ms * 1000;
    options.metadata_age_us = from->metadata_age_ms * 1000;
    options.delivery_timeout_us = from->delivery_timeout_ms * 1000;
    options.fetch_bytes = from->fetch_bytes;
    options.fetch_wait_us = from->fetch_wait_ms * 1000;
    return options;
}

static enum kq_error open_engine(struct kq_client *client,
                                 const struct kq_options *options)
{
    struct client_options engine = engine_options(options);
    struct loop_options loop = {
        .heap_bytes_max =
            (size_t)(2 * options->buffer_bytes) + HEAP_BYTES_SPARE,
        .log_level = options->log ? TRACE_WARN : LOG_NOTHING,
        .name = "kq",
        .without_disk = true,
    };

    client->loop = loop_new(&loop);
    if (client->loop == NULL)
        return KQ_ERROR_AGAIN;
    client->engine = client_new(loop_seam(client->loop), &engine);
    return client->engine == NULL ? KQ_ERROR_INVALID_ARGUMENT : KQ_ERROR_NONE;
}

/* The program's signals are for its own threads. */
static int start_thread(struct kq_client *client)
{
    sigset_t all;
    sigset_t before;
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&client->thread, NULL, thread_main, client);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

static void release(struct kq_client *client)
{
    if (client->engine != NULL)
        client_free(client->engine);
    loop_free(client->loop);
    pthread_cond_destroy(&client->changed);
    pthread_mutex_destroy(&client->lock);
    free(client);
}

enum kq_error kq_client_new(const struct kq_options *options,
                            struct kq_client **out)
{
    struct kq_client *client;
    enum kq_error error;

    *out = NULL;
    if (!options_valid(options))
        return KQ_ERROR_INVALID_ARGUMENT;
    client = calloc(1, sizeof *client);
    if (client == NULL)
        return KQ_ERROR_AGAIN;
    pthread_mutex_init(&client->lock, NULL);
    condition_init(&client->changed);
    client->notice.deliver = on_notice;
    client->consume_bytes = (size_t)options->consume_bytes;
    list_init(&client->tasks);
    list_init(&client->consumers);
    list_init(&client->dirty);
    producing_init(client, options->buffer_bytes);
    error = open_engine(client, options);
    if (error == KQ_ERROR_NONE && start_thread(client) != 0)
        error = KQ_ERROR_AGAIN;
    if (error != KQ_ERROR_NONE) {
        release(client);
        return error;
    }
    *out = client;
    return KQ_ERROR_NONE;
}

void kq_client_free(struct kq_client *client)
{
    if (client == NULL)
        return;
    ASSERT(!client_is_here(client));
    pthread_mutex_lock(&client->lock);
    client->stop = true;
    client_notify(client);
    pthread_mutex_unlock(&client->lock);
    pthread_join(client->thread, NULL);
    release(client);
}
