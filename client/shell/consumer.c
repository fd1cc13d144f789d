/* SPDX-License-Identifier: Apache-2.0
 *
 * Records from the engine to callers. The loop copies what one event brings
 * into pages and publishes them at the event's end; a poll takes one page.
 * Past consume_bytes of published pages the partitions are paused, below
 * half of it they go on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "client/shell/internal.h"

#define PAGE_BYTES        (256u << 10)
#define PAGE_MESSAGES_MIN 256
#define PAGE_ALIGN        16

/* Messages and the bytes that they point at. */
struct page {
    struct list node;
    struct kq_message *messages;
    size_t count;
    size_t room;
    size_t used;
    size_t capacity;
    char bytes[] __attribute__((aligned(PAGE_ALIGN)));
};

struct reading {
    struct subscription subscription;
    struct kq_consumer *consumer;
    char *topic;
    struct list node;
};

/* A topic of which every partition is read. */
struct following {
    struct topic_watch watch;
    struct kq_consumer *consumer;
    char *topic;
    enum kq_start start; /* of the partitions that it begins with */
    int64_t position;
    uint32_t count; /* partitions being read */
    struct list node;
};

struct kq_consumer {
    struct kq_client *client;
    struct list node; /* client->consumers */
    /* the loop's */
    struct list readings;
    struct list followings;
    struct list filling; /* of struct page */
    struct list dirty;   /* on client->dirty while `filling` is not empty */
    bool paused;
    /* under the lock */
    pthread_mutex_t lock;
    pthread_cond_t published;
    struct list ready; /* of struct page */
    size_t ready_bytes;
    bool resume; /* a poll made room */
    /* the poller's */
    struct page *page;
};

/* ---- pages ---- */

static size_t aligned(size_t size)
{
    return (size + PAGE_ALIGN - 1) / PAGE_ALIGN * PAGE_ALIGN;
}

static void page_free(struct page *page)
{
    if (page == NULL)
        return;
    free(page->messages);
    free(page);
}

static void pages_free(struct list *pages)
{
    struct list *node;

    while ((node = list_pop(pages)) != NULL)
        page_free(container_of(node, struct page, node));
}

static size_t page_bytes(const struct page *page)
{
    return page->used + page->count * sizeof *page->messages;
}

static struct page *page_new(struct kq_consumer *consumer, size_t size)
{
    size_t capacity = size > PAGE_BYTES ? size : PAGE_BYTES;
    struct page *page = malloc(sizeof *page + capacity);

    ASSERT(page != NULL);
    *page = (struct page){.capacity = capacity};
    list_init(&page->node);
    if (list_empty(&consumer->filling))
        list_append(&consumer->client->dirty, &consumer->dirty);
    list_append(&consumer->filling, &page->node);
    return page;
}

/* A new message, with `size` bytes of room in its page. */
static struct kq_message *message_new(struct kq_consumer *consumer, size_t size,
                                      struct page **in)
{
    struct page *page = NULL;

    if (!list_empty(&consumer->filling))
        page = container_of(consumer->filling.previous, struct page, node);
    if (page == NULL || page->capacity - page->used < size)
        page = page_new(consumer, size);
    if (page->count == page->room) {
        page->room = page->room ? 2 * page->room : PAGE_MESSAGES_MIN;
        page->messages =
            realloc(page->messages, page->room * sizeof *page->messages);
        ASSERT(page->messages != NULL);
    }
    *in = page;
    return &page->messages[page->count++];
}

static void *page_take(struct page *page, size_t size)
{
    void *at = page->bytes + page->used;

    page->used += aligned(size);
    ASSERT(page->used <= page->capacity);
    return at;
}

static struct kq_bytes copy_bytes(struct page *page, struct bytes from)
{
    void *to;

    if (from.data == NULL)
        return (struct kq_bytes){NULL, 0};
    to = page_take(page, from.size + 1);
    memcpy(to, from.data, from.size);
    return (struct kq_bytes){to, from.size};
}

static const struct kq_header *copy_headers(struct page *page,
                                            const struct client_record *from)
{
    struct kq_header *headers;

    if (from->header_count == 0)
        return NULL;
    headers = page_take(page, from->header_count * sizeof *headers);
    for (size_t i = 0; i < from->header_count; i++) {
        const struct client_header *header = &from->headers[i];
        size_t size = strlen(header->key) + 1;

        headers[i].key = memcpy(page_take(page, size), header->key, size);
        headers[i].value = copy_bytes(page, header->value);
    }
    return headers;
}

static size_t record_size(const struct client_record *record)
{
    size_t size = aligned(record->key.size + 1) +
                  aligned(record->value.size + 1) +
                  aligned(record->header_count * sizeof(struct kq_header));

    for (size_t i = 0; i < record->header_count; i++)
        size += aligned(strlen(record->headers[i].key) + 1) +
                aligned(record->headers[i].value.size + 1);
    return size;
}

/* ---- what the engine says ---- */

static struct kq_message *say(const struct reading *reading,
                              enum kq_message_type type, int64_t offset,
                              size_t size, struct page **page)
{
    struct kq_message *message = message_new(reading->consumer, size, page);

    *message = (struct kq_message){
        .type = type,
        .topic = reading->topic,
        .partition = (int32_t)reading->subscription.partition,
        .offset = offset,
    };
    return message;
}

static void on_record(struct subscription *subscription, int64_t offset,
                      const struct client_record *record)
{
    struct reading *reading =
        container_of(subscription, struct reading, subscription);
    struct page *page;
    struct kq_message *message =
        say(reading, KQ_MESSAGE_RECORD, offset, record_size(record), &page);

    message->record = (struct kq_record){
        .key = copy_bytes(page, record->key),
        .value = copy_bytes(page, record->value),
        .timestamp_ms = record->timestamp_ms,
        .headers = copy_headers(page, record),
        .header_count = record->header_count,
    };
}

static void on_end(struct subscription *subscription, int64_t high_watermark)
{
    struct reading *reading =
        container_of(subscription, struct reading, subscription);
    struct page *page;

    (void)high_watermark;
    say(reading, KQ_MESSAGE_END, subscription->next_offset, 0, &page);
}

static void on_error(struct subscription *subscription, enum error error,
                     int64_t log_start_offset)
{
    struct reading *reading =
        container_of(subscription, struct reading, subscription);
    struct page *page;
    struct kq_message *message =
        say(reading, KQ_MESSAGE_STOPPED, log_start_offset, 0, &page);

    message->error = (enum kq_error)error;
}

static void pause_all(struct kq_consumer *consumer, bool paused)
{
    consumer->paused = paused;
    list_for_each (node, &consumer->readings) {
        struct subscription *subscription =
            &container_of(node, struct reading, node)->subscription;

        if (paused)
            subscription_pause(subscription);
        else
            subscription_resume(subscription);
    }
}

void consumers_publish(struct kq_client *client)
{
    struct list *node;

    while ((node = list_pop(&client->dirty)) != NULL) {
        struct kq_consumer *consumer =
            container_of(node, struct kq_consumer, dirty);
        bool full;

        pthread_mutex_lock(&consumer->lock);
        list_for_each (page, &consumer->filling)
            consumer->ready_bytes +=
                page_bytes(container_of(page, struct page, node));
        list_splice(&consumer->ready, &consumer->filling);
        full = consumer->ready_bytes > client->consume_bytes;
        pthread_cond_signal(&consumer->published);
        pthread_mutex_unlock(&consumer->lock);
        if (full && !consumer->paused)
            pause_all(consumer, true);
    }
}

void consumers_resume(struct kq_client *client)
{
    list_for_each (node, &client->consumers) {
        struct kq_consumer *consumer =
            container_of(node, struct kq_consumer, node);
        bool resume;

        pthread_mutex_lock(&consumer->lock);
        resume = consumer->resume;
        consumer->resume = false;
        pthread_mutex_unlock(&consumer->lock);
        if (resume && consumer->paused)
            pause_all(consumer, false);
    }
}

/* ---- callers ---- */

/* What a caller has done on the loop. */
struct consumer_task {
    struct task task;
    struct kq_consumer *consumer;
    struct reading *reading;
    struct following *following;
    enum kq_start start;
    int64_t position;
};

static void run_new(struct kq_client *client, struct task *task)
{
    struct consumer_task *at = container_of(task, struct consumer_task, task);

    list_append(&client->consumers, &at->consumer->node);
    task_finish(client, task);
}

struct kq_consumer *kq_consumer_new(struct kq_client *client)
{
    struct kq_consumer *consumer = calloc(1, sizeof *consumer);
    struct consumer_task task = {.task.run = run_new, .consumer = consumer};

    ASSERT(consumer != NULL);
    consumer->client = client;
    list_init(&consumer->node);
    list_init(&consumer->readings);
    list_init(&consumer->followings);
    list_init(&consumer->filling);
    list_init(&consumer->dirty);
    list_init(&consumer->ready);
    pthread_mutex_init(&consumer->lock, NULL);
    condition_init(&consumer->published);
    client_run(client, &task.task);
    return consumer;
}

static void run_free(struct kq_client *client, struct task *task)
{
    struct kq_consumer *consumer =
        container_of(task, struct consumer_task, task)->consumer;
    struct list *node;

    while ((node = list_pop(&consumer->readings)) != NULL) {
        struct reading *reading = container_of(node, struct reading, node);

        client_unsubscribe(&reading->subscription);
        free(reading->topic);
        free(reading);
    }
    while ((node = list_pop(&consumer->followings)) != NULL) {
        struct following *following =
            container_of(node, struct following, node);

        client_unwatch_topic(&following->watch);
        free(following->topic);
        free(following);
    }
    list_remove(&consumer->node);
    list_remove(&consumer->dirty);
    pages_free(&consumer->filling);
    task_finish(client, task);
}

void kq_consumer_free(struct kq_consumer *consumer)
{
    struct consumer_task task = {.task.run = run_free, .consumer = consumer};

    if (consumer == NULL)
        return;
    client_run(consumer->client, &task.task);
    pages_free(&consumer->ready);
    page_free(consumer->page);
    pthread_cond_destroy(&consumer->published);
    pthread_mutex_destroy(&consumer->lock);
    free(consumer);
}

static struct reading *reading_new(struct kq_consumer *consumer,
                                   const char *topic, uint32_t partition)
{
    struct reading *reading = calloc(1, sizeof *reading);

    ASSERT(reading != NULL);
    reading->consumer = consumer;
    reading->topic = strdup(topic);
    ASSERT(reading->topic != NULL);
    list_init(&reading->node);
    reading->subscription.partition = partition;
    reading->subscription.on_record = on_record;
    reading->subscription.on_end = on_end;
    reading->subscription.on_error = on_error;
    return reading;
}

static void reading_begin(struct reading *reading, enum kq_start start,
                          int64_t position)
{
    static const enum client_start starts[] = {
        [KQ_START_OFFSET] = CLIENT_START_OFFSET,
        [KQ_START_BEGINNING] = CLIENT_START_EARLIEST,
        [KQ_START_END] = CLIENT_START_LATEST,
        [KQ_START_TIMESTAMP] = CLIENT_START_TIMESTAMP,
    };
    struct kq_consumer *consumer = reading->consumer;

    list_append(&consumer->readings, &reading->node);
    reading->subscription.paused = consumer->paused;
    client_subscribe(consumer->client->engine, &reading->subscription,
                     reading->topic, reading->subscription.partition,
                     starts[start], position);
}

static void run_subscribe(struct kq_client *client, struct task *task)
{
    struct consumer_task *at = container_of(task, struct consumer_task, task);

    reading_begin(at->reading, at->start, at->position);
    task_finish(client, task);
}

void kq_consumer_subscribe(struct kq_consumer *consumer, const char *topic,
                           int32_t partition, enum kq_start start,
                           int64_t position)
{
    struct consumer_task task = {
        .task.run = run_subscribe,
        .consumer = consumer,
        .reading = reading_new(consumer, topic, (uint32_t)partition),
        .start = start,
        .position = position};

    client_run(consumer->client, &task.task);
}

/* ---- whole topics ---- */

/* What is new has nothing before its beginning, wherever the others began. */
static void on_partitions(struct topic_watch *watch, uint32_t count)
{
    struct following *following = container_of(watch, struct following, watch);
    bool first = following->count == 0;

    while (following->count < count)
        reading_begin(reading_new(following->consumer, following->topic,
                                  following->count++),
                      first ? following->start : KQ_START_BEGINNING,
                      following->position);
}

static void on_no_topic(struct topic_watch *watch, enum error error)
{
    struct following *following = container_of(watch, struct following, watch);
    struct page *page;
    struct kq_message *message = message_new(following->consumer, 0, &page);

    *message = (struct kq_message){.type = KQ_MESSAGE_STOPPED,
                                   .error = (enum kq_error)error,
                                   .topic = following->topic,
                                   .partition = -1};
}

static void run_follow(struct kq_client *client, struct task *task)
{
    struct following *following =
        container_of(task, struct consumer_task, task)->following;

    list_append(&following->consumer->followings, &following->node);
    client_watch_topic(client->engine, &following->watch, following->topic);
    task_finish(client, task);
}

void kq_consumer_subscribe_topic(struct kq_consumer *consumer,
                                 const char *topic, enum kq_start start,
                                 int64_t position)
{
    struct following *following = calloc(1, sizeof *following);
    struct consumer_task task = {
        .task.run = run_follow, .consumer = consumer, .following = following};

    ASSERT(following != NULL);
    following->consumer = consumer;
    following->topic = strdup(topic);
    ASSERT(following->topic != NULL);
    following->start = start;
    following->position = position;
    list_init(&following->node);
    following->watch.on_partitions = on_partitions;
    following->watch.on_error = on_no_topic;
    client_run(consumer->client, &task.task);
}

/* Takes the first page; true when the loop should hear of the room. */
static bool take_page(struct kq_consumer *consumer)
{
    size_t half = consumer->client->consume_bytes / 2;
    struct list *node = list_pop(&consumer->ready);
    size_t before = consumer->ready_bytes;

    if (node == NULL)
        return false;
    consumer->page = container_of(node, struct page, node);
    consumer->ready_bytes -= page_bytes(consumer->page);
    if (before <= half || consumer->ready_bytes > half)
        return false;
    consumer->resume = true;
    return true;
}

size_t kq_consumer_poll(struct kq_consumer *consumer, int64_t timeout_ms,
                        const struct kq_message **messages)
{
    struct timespec deadline = deadline_after(timeout_ms);
    struct kq_client *client = consumer->client;
    bool room;

    page_free(consumer->page);
    consumer->page = NULL;
    pthread_mutex_lock(&consumer->lock);
    while (list_empty(&consumer->ready) && timeout_ms > 0)
        if (pthread_cond_timedwait(&consumer->published, &consumer->lock,
                                   &deadline) == ETIMEDOUT)
            break;
    room = take_page(consumer);
    pthread_mutex_unlock(&consumer->lock);
    if (room) {
        pthread_mutex_lock(&client->lock);
        client_notify(client);
        pthread_mutex_unlock(&client->lock);
    }
    *messages = consumer->page ? consumer->page->messages : NULL;
    return consumer->page ? consumer->page->count : 0;
}
