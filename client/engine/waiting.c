/* SPDX-License-Identifier: Apache-2.0
 *
 * Records produced to a topic that is not known yet, kept as copies until
 * metadata tells its partitions or patience is over; and records that cannot
 * be sent at all, until their callers can be told.
 */
#include "base/assert.h"
#include "client/engine/internal.h"
#include "seam/memory.h"

static struct bytes copy_bytes(uint8_t **at, struct bytes from)
{
    struct bytes copy = {*at, from.size};

    if (from.data == NULL)
        return (struct bytes){NULL, 0};
    if (from.size > 0)
        memcpy(*at, from.data, from.size);
    *at += from.size;
    return copy;
}

/* The record and all that it points at, in one piece of memory. */
static struct waiting *waiting_new(struct client *client,
                                   const struct client_record *record)
{
    size_t headers = record->header_count * sizeof(struct client_header);
    size_t memory = sizeof(struct waiting) + headers + record_bytes(record);
    struct waiting *waiting = heap_alloc(client->seam->heap, memory);
    struct client_header *to = (struct client_header *)(void *)(waiting + 1);
    uint8_t *at = (uint8_t *)to + headers;

    list_init(&waiting->node);
    waiting->memory = memory;
    waiting->record = *record;
    waiting->record.headers = to;
    waiting->record.key = copy_bytes(&at, record->key);
    waiting->record.value = copy_bytes(&at, record->value);
    for (size_t i = 0; i < record->header_count; i++) {
        size_t size = strlen(record->headers[i].key) + 1;

        to[i].key = memcpy(at, record->headers[i].key, size);
        at += size;
        to[i].value = copy_bytes(&at, record->headers[i].value);
    }
    ASSERT(at <= (uint8_t *)waiting + memory);
    return waiting;
}

void waiting_add(struct client *client, struct topic *topic, int32_t partition,
                 const struct client_record *record,
                 const struct delivery *delivery)
{
    struct waiting *waiting = waiting_new(client, record);

    waiting->delivery = *delivery;
    waiting->partition = partition;
    waiting->deadline_us =
        client_now(client) + client->options.delivery_timeout_us;
    if (waiting->record.timestamp_ms < 0)
        waiting->record.timestamp_ms = client->seam->now.wall_ms;
    client->producer.buffered += waiting->memory;
    list_append(&topic->waiting, &waiting->node);
    client_wake_now(client);
}

static void waiting_fail(struct client *client, struct waiting *waiting,
                         enum error error)
{
    waiting->error = error;
    list_remove(&waiting->node);
    list_append(&client->producer.failed, &waiting->node);
}

static void waiting_route(struct client *client, struct topic *topic,
                          struct waiting *waiting)
{
    int64_t partition =
        topic_pick(client, topic, waiting->partition, &waiting->record);
    int64_t asked_at_us =
        waiting->deadline_us - client->options.delivery_timeout_us;

    if (partition < 0) { /* unless it was added since we asked */
        if (topic_await(client, asked_at_us) != ERROR_AGAIN ||
            waiting->deadline_us <= client_now(client))
            waiting_fail(client, waiting, ERROR_UNKNOWN_PARTITION);
        client_wake(client, waiting->deadline_us);
        return;
    }
    list_remove(&waiting->node);
    client->producer.buffered -= waiting->memory;
    lane_add(client, topic_lane(client, topic, (uint32_t)partition),
             &waiting->record, &waiting->delivery);
    heap_free(client->seam->heap, waiting);
}

static void topic_route(struct client *client, struct topic *topic)
{
    enum error state = topic_state(client, topic);

    list_for_each_safe (node, &topic->waiting) {
        struct waiting *waiting = container_of(node, struct waiting, node);

        if (state == ERROR_NONE)
            waiting_route(client, topic, waiting);
        else if (state != ERROR_AGAIN)
            waiting_fail(client, waiting, state);
        else if (waiting->deadline_us <= client_now(client))
            waiting_fail(client, waiting, ERROR_TIMED_OUT);
        else
            client_wake(client, waiting->deadline_us);
    }
}

void waiting_work(struct client *client)
{
    for (size_t i = 0; i < client->metadata.topic_count; i++)
        if (!list_empty(&client->metadata.topics[i]->waiting))
            topic_route(client, client->metadata.topics[i]);
}

static void waiting_free_all(struct client *client, struct list *list)
{
    struct list *node;

    while ((node = list_pop(list)) != NULL)
        heap_free(client->seam->heap, container_of(node, struct waiting, node));
}

void waiting_release(struct client *client)
{
    waiting_free_all(client, &client->producer.failed);
    for (size_t i = 0; i < client->metadata.topic_count; i++)
        waiting_free_all(client, &client->metadata.topics[i]->waiting);
}
