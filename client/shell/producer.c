/* SPDX-License-Identifier: Apache-2.0
 *
 * Records from callers to the engine, and what became of them. Two bounds
 * hold callers back: the bytes in the queue here, and the engine's own
 * buffer, past which the loop leaves records in the queue.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "client/shell/internal.h"

#define QUEUE_BYTES_MAX (8u << 20)
#define CHUNK_BYTES_MIN (4u << 10)
#define CHUNK_BYTES_MAX (256u << 10)
#define CHUNK_ALIGN     16

void producing_init(struct kq_client *client, uint64_t buffer_bytes)
{
    list_init(&client->queue.waiting);
    list_init(&client->outbox.chunks);
    list_init(&client->outbox.feed);
    client->queue.chunk_bytes = CHUNK_BYTES_MIN;
    client->queue.bytes_max = QUEUE_BYTES_MAX;
    if (buffer_bytes < QUEUE_BYTES_MAX)
        client->queue.bytes_max = (size_t)buffer_bytes;
}

/* ---- chunks ---- */

static size_t aligned(size_t size)
{
    return (size + CHUNK_ALIGN - 1) / CHUNK_ALIGN * CHUNK_ALIGN;
}

/* What a record takes in a chunk. */
static size_t record_size(const char *topic, const struct kq_record *record)
{
    size_t size = aligned(sizeof(struct handed)) + aligned(strlen(topic) + 1) +
                  aligned(record->key.size) + aligned(record->value.size);

    size += aligned(record->header_count * sizeof(struct client_header));
    for (size_t i = 0; i < record->header_count; i++)
        size += aligned(strlen(record->headers[i].key) + 1) +
                aligned(record->headers[i].value.size);
    return size;
}

static void *chunk_take(struct chunk *chunk, size_t size)
{
    void *at = chunk->bytes + chunk->used;

    chunk->used += aligned(size);
    ASSERT(chunk->used <= chunk->capacity);
    return at;
}

static struct bytes copy_bytes(struct chunk *chunk, struct kq_bytes from)
{
    uint8_t *to;

    if (from.data == NULL)
        return (struct bytes){NULL, 0};
    to = chunk_take(chunk, from.size);
    memcpy(to, from.data, from.size);
    return (struct bytes){to, from.size};
}

static const char *copy_text(struct chunk *chunk, const char *text)
{
    size_t size = strlen(text) + 1;

    return memcpy(chunk_take(chunk, size), text, size);
}

static const struct client_header *copy_headers(struct chunk *chunk,
                                                const struct kq_record *from)
{
    struct client_header *headers;

    if (from->header_count == 0)
        return NULL;
    headers = chunk_take(chunk, from->header_count * sizeof *headers);
    for (size_t i = 0; i < from->header_count; i++) {
        headers[i].key = copy_text(chunk, from->headers[i].key);
        headers[i].value = copy_bytes(chunk, from->headers[i].value);
    }
    return headers;
}

static struct handed *chunk_append(struct chunk *chunk, const char *topic,
                                   const struct kq_record *record)
{
    struct handed *handed = chunk_take(chunk, sizeof *handed);

    *handed = (struct handed){.chunk = chunk};
    if (chunk->last != NULL && strcmp(chunk->last->topic, topic) == 0)
        handed->topic = chunk->last->topic;
    else
        handed->topic = copy_text(chunk, topic);
    handed->record.key = copy_bytes(chunk, record->key);
    handed->record.value = copy_bytes(chunk, record->value);
    handed->record.timestamp_ms =
        record->timestamp_ms < 0 ? -1 : record->timestamp_ms;
    handed->record.headers = copy_headers(chunk, record);
    handed->record.header_count = record->header_count;
    if (chunk->last != NULL)
        chunk->last->next = handed;
    else
        chunk->first = handed;
    chunk->last = handed;
    chunk->record_count++;
    return handed;
}

/* The chunk that takes `size` bytes more; NULL without memory. They start
 * small and double while the loop does not take them. */
static struct chunk *queue_chunk(struct queue *queue, size_t size)
{
    struct chunk *chunk;
    size_t capacity;

    if (list_empty(&queue->waiting)) {
        queue->chunk_bytes = CHUNK_BYTES_MIN;
    } else {
        chunk = container_of(queue->waiting.previous, struct chunk, node);
        if (chunk->capacity - chunk->used >= size)
            return chunk;
        if (queue->chunk_bytes < CHUNK_BYTES_MAX)
            queue->chunk_bytes *= 2;
    }
    capacity = size > queue->chunk_bytes ? size : queue->chunk_bytes;
    chunk = malloc(sizeof *chunk + capacity);
    if (chunk == NULL)
        return NULL;
    *chunk = (struct chunk){.capacity = capacity};
    list_init(&chunk->node);
    list_init(&chunk->feed_node);
    list_append(&queue->waiting, &chunk->node);
    return chunk;
}

/* ---- callers ---- */

/* With the lock held: waits until `size` bytes fit, or says BUSY. */
static enum kq_error make_room(struct kq_client *client, size_t size,
                               enum kq_wait wait)
{
    struct queue *queue = &client->queue;

    while (queue->bytes > 0 && queue->bytes + size > queue->bytes_max) {
        if (wait == KQ_NO_WAIT || client_is_here(client))
            return KQ_ERROR_BUSY;
        pthread_cond_wait(&client->changed, &client->lock);
    }
    return KQ_ERROR_NONE;
}

enum kq_error kq_produce(struct kq_client *client, const char *topic,
                         int32_t partition, const struct kq_record *record,
                         kq_delivered *delivered, void *context,
                         enum kq_wait wait)
{
    struct queue *queue = &client->queue;
    struct chunk *chunk;
    enum kq_error error;
    size_t size;

    if (topic == NULL || *topic == '\0' || partition < KQ_ANY_PARTITION)
        return KQ_ERROR_INVALID_ARGUMENT;
    if (record->key.size > UINT32_MAX || record->value.size > UINT32_MAX)
        return KQ_ERROR_TOO_LARGE;
    size = record_size(topic, record);
    pthread_mutex_lock(&client->lock);
    error = make_room(client, size, wait);
    chunk = error == KQ_ERROR_NONE ? queue_chunk(queue, size) : NULL;
    if (chunk != NULL) {
        struct handed *handed = chunk_append(chunk, topic, record);

        handed->partition = partition;
        handed->size = size;
        handed->delivered = delivered;
        handed->context = context;
        queue->bytes += size;
        queue->accepted++;
        client_notify(client);
    } else if (error == KQ_ERROR_NONE) {
        error = KQ_ERROR_OUT_OF_MEMORY;
    }
    pthread_mutex_unlock(&client->lock);
    return error;
}

enum kq_error kq_flush(struct kq_client *client, int64_t timeout_ms)
{
    struct timespec deadline = deadline_after(timeout_ms < 0 ? 0 : timeout_ms);
    struct queue *queue = &client->queue;
    enum kq_error error = KQ_ERROR_NONE;

    ASSERT(!client_is_here(client));
    pthread_mutex_lock(&client->lock);
    queue->flush_wanted = true;
    client_notify(client);
    while (queue->answered < queue->accepted && error == KQ_ERROR_NONE) {
        if (timeout_ms < 0)
            pthread_cond_wait(&client->changed, &client->lock);
        else if (pthread_cond_timedwait(&client->changed, &client->lock,
                                        &deadline) == ETIMEDOUT)
            error = KQ_ERROR_TIMED_OUT;
    }
    if (queue->answered == queue->accepted) {
        error = queue->first_error;
        queue->first_error = KQ_ERROR_NONE;
    }
    pthread_mutex_unlock(&client->lock);
    return error;
}

/* ---- the loop ---- */

static void chunk_drop(struct chunk *chunk)
{
    ASSERT(chunk->holds > 0);
    if (--chunk->holds > 0)
        return;
    list_remove(&chunk->node);
    free(chunk);
}

static void on_delivered(void *context, const struct client_delivery *delivery)
{
    struct handed *handed = context;
    struct outbox *outbox = &handed->chunk->client->outbox;
    enum kq_error error = (enum kq_error)delivery->error;

    ASSERT(!handed->answered);
    handed->answered = true;
    outbox->answered++;
    outbox->full = false;
    if (handed->delivered != NULL)
        handed->delivered(handed->context, error, delivery->partition,
                          delivery->offset);
    else if (error != KQ_ERROR_NONE && outbox->first_error == KQ_ERROR_NONE)
        outbox->first_error = error;
    chunk_drop(handed->chunk);
}

static void give_up(struct handed *handed, enum error error)
{
    struct client_delivery delivery = {
        .error = error, .partition = handed->partition, .offset = -1};

    on_delivered(handed, &delivery);
}

void producing_take(struct kq_client *client)
{
    struct outbox *outbox = &client->outbox;
    struct queue *queue = &client->queue;
    struct list *node;

    while ((node = list_pop(&queue->waiting)) != NULL) {
        struct chunk *chunk = container_of(node, struct chunk, node);

        chunk->client = client;
        chunk->next = chunk->first;
        chunk->holds = chunk->record_count + 1; /* one until it is fed */
        list_append(&outbox->chunks, &chunk->node);
        list_append(&outbox->feed, &chunk->feed_node);
    }
    outbox->flush |= queue->flush_wanted;
    queue->flush_wanted = false;
}

/* Hands the rest of a chunk to the engine; false when that is full. */
static bool feed_chunk(struct kq_client *client, struct chunk *chunk)
{
    struct outbox *outbox = &client->outbox;

    for (; chunk->next != NULL; chunk->next = chunk->next->next) {
        struct handed *handed = chunk->next;
        enum error error =
            client_produce(client->engine, handed->topic, handed->partition,
                           &handed->record, on_delivered, handed);

        if (error == ERROR_BUSY)
            return false;
        outbox->bytes_taken += handed->size;
        if (error != ERROR_NONE)
            give_up(handed, error);
    }
    list_remove(&chunk->feed_node);
    chunk_drop(chunk);
    return true;
}

static void feed(struct kq_client *client)
{
    struct outbox *outbox = &client->outbox;

    while (!outbox->full && !list_empty(&outbox->feed))
        outbox->full =
            !feed_chunk(client, container_of(list_first(&outbox->feed),
                                             struct chunk, feed_node));
    if (!outbox->flush)
        return;
    client_flush(client->engine);
    outbox->flush = !list_empty(&outbox->feed);
}

/* Tells callers what happened since the last time, under one lock. */
static void tell(struct kq_client *client)
{
    struct outbox *outbox = &client->outbox;
    struct queue *queue = &client->queue;

    if (outbox->answered == 0 && outbox->bytes_taken == 0)
        return;
    pthread_mutex_lock(&client->lock);
    queue->answered += outbox->answered;
    queue->bytes -= outbox->bytes_taken;
    if (queue->first_error == KQ_ERROR_NONE)
        queue->first_error = outbox->first_error;
    pthread_cond_broadcast(&client->changed);
    pthread_mutex_unlock(&client->lock);
    outbox->answered = 0;
    outbox->bytes_taken = 0;
    outbox->first_error = KQ_ERROR_NONE;
}

void producing_settle(struct kq_client *client)
{
    feed(client);
    tell(client);
}

void producing_cancel(struct kq_client *client)
{
    struct outbox *outbox = &client->outbox;

    pthread_mutex_lock(&client->lock);
    producing_take(client);
    pthread_mutex_unlock(&client->lock);
    list_for_each_safe (node, &outbox->feed) {
        struct chunk *chunk = container_of(node, struct chunk, feed_node);

        list_remove(&chunk->feed_node);
        chunk_drop(chunk);
    }
    list_for_each_safe (node, &outbox->chunks) {
        struct chunk *chunk = container_of(node, struct chunk, node);

        chunk->holds++;
        for (struct handed *at = chunk->first; at != NULL; at = at->next)
            if (!at->answered)
                give_up(at, ERROR_CANCELLED);
        chunk_drop(chunk);
    }
    tell(client);
}
