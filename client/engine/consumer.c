/* SPDX-License-Identifier: Apache-2.0
 *
 * Subscriptions: where they stand and what they wait for. Fetching and
 * delivering is fetch.c's.
 *
 *     LOOKING --topic and leader known--> LISTING --answer--> POSITIONED
 *     POSITIONED --not paused--> FETCHING --answer--> POSITIONED
 *     any --error that retrying cannot cure--> stopped (on_error)
 *
 * The states are not stored: they are read off topic, call, positioned and
 * fetching in each turn (reader_work).
 */
#include "base/assert.h"
#include "client/engine/internal.h"
#include "seam/memory.h"
#include "seam/trace.h"

/* Fetches of one broker under way at once. */
#define REMOTE_FETCHES_MAX 8
/* A damaged batch may be the network's fault, but not for ever. */
#define CORRUPT_TRIES_MAX  5

void client_subscribe(struct client *client, struct subscription *subscription,
                      const char *topic, uint32_t partition,
                      enum client_start start, int64_t position)
{
    struct reader *reader = heap_alloc(client->seam->heap, sizeof *reader);

    ASSERT(!subscription->active);
    ASSERT(subscription->private == NULL);
    subscription->client = client;
    subscription->topic = heap_strdup(client->seam->heap, topic);
    subscription->partition = partition;
    subscription->start = start;
    subscription->positioned = start == CLIENT_START_OFFSET;
    subscription->next_offset = subscription->positioned ? position : -1;
    subscription->start_offset = subscription->next_offset;
    subscription->topic_id = (struct uuid){{0}};
    subscription->active = true;
    subscription->private = reader;
    reader->client = client;
    reader->subscription = subscription;
    reader->topic = client_metadata_topic(client, topic);
    reader->partition = partition;
    reader->asked_at_us = client_now(client);
    reader->timestamp_ms = position;
    reader->skip_older = start == CLIENT_START_TIMESTAMP;
    reader->told_end = -1;
    reader->fetch_bytes = client->options.fetch_bytes;
    list_init(&reader->fetcher);
    list_append(&client->readers, &reader->node);
    client_wake_now(client);
}

void reader_free(struct reader *reader)
{
    call_cancel(&reader->call);
    list_remove(&reader->node);
    list_remove(&reader->fetcher);
    heap_free(reader->client->seam->heap, reader);
}

void client_unsubscribe(struct subscription *subscription)
{
    struct reader *reader = subscription->private;

    if (reader == NULL)
        return;
    heap_free(subscription->client->seam->heap, subscription->topic);
    subscription->topic = NULL;
    subscription->private = NULL;
    subscription->active = false;
    reader->subscription = NULL;
    if (!reader->fetching)
        reader_free(reader);
}

void subscription_pause(struct subscription *subscription)
{
    subscription->paused = true;
}

void subscription_resume(struct subscription *subscription)
{
    subscription->paused = false;
    if (subscription->client)
        client_wake_now(subscription->client);
}

bool reader_flows(const struct reader *reader)
{
    return reader->subscription && reader->subscription->active &&
           !reader->subscription->paused;
}

void reader_stop(struct reader *reader, enum error error,
                 int64_t log_start_offset)
{
    struct subscription *subscription = reader->subscription;

    if (subscription == NULL || !subscription->active)
        return;
    subscription->active = false;
    if (subscription->on_error)
        subscription->on_error(subscription, error, log_start_offset);
}

void reader_failed(struct reader *reader, enum error error,
                   int64_t log_start_offset)
{
    struct client *client = reader->client;

    reader->corrupt += error == ERROR_CORRUPT_BATCH;
    if (!error_retriable(error) || reader->corrupt >= CORRUPT_TRIES_MAX) {
        reader_stop(reader, error, log_start_offset);
        return;
    }
    if (error_refreshes(error))
        client_metadata_refresh(client);
    retry_after_failure(client, &reader->retry, reader->topic,
                        reader->partition);
}

/* ---- where to start ---- */

static void reader_listed(struct reader *reader,
                          const Kq__ListOffsetsResponse *answer)
{
    struct subscription *subscription = reader->subscription;

    if (!answer->has_offset && reader->skip_older && !reader->list_latest) {
        reader->list_latest = true; /* nothing is so late: from the end on */
        return;
    }
    if (!answer->has_offset || answer->offset > INT64_MAX) {
        reader_failed(reader, ERROR_AGAIN, 0);
        return;
    }
    reader->retry.failures = 0;
    subscription->next_offset = (int64_t)answer->offset;
    subscription->start_offset = subscription->next_offset;
    subscription->positioned = true;
}

static void reader_list_done(struct call *call, enum error error,
                             struct frame *frame)
{
    struct reader *reader = container_of(call, struct reader, call);
    const Kq__Message *message = frame ? frame->message : NULL;

    client_wake_now(reader->client);
    if (error == ERROR_TIMED_OUT)
        remote_distrust(reader->asked);
    if (message &&
        message->body_case != KQ__MESSAGE__BODY_LIST_OFFSETS_RESPONSE)
        error = ERROR_CLOSED;
    if (error == ERROR_NONE)
        error = error_from_code(message->list_offsets_response->error);
    if (error == ERROR_NONE)
        reader_listed(reader, message->list_offsets_response);
    else
        reader_failed(reader, error, 0);
    frame_free(frame);
}

static Kq__OffsetSpec reader_spec(const struct reader *reader)
{
    if (reader->subscription->start == CLIENT_START_EARLIEST)
        return KQ__OFFSET_SPEC__EARLIEST;
    if (reader->subscription->start == CLIENT_START_LATEST ||
        reader->list_latest)
        return KQ__OFFSET_SPEC__LATEST;
    return KQ__OFFSET_SPEC__TIMESTAMP;
}

static void reader_list(struct reader *reader, struct remote *remote)
{
    Kq__ListOffsetsRequest body = KQ__LIST_OFFSETS_REQUEST__INIT;
    Kq__Message message = KQ__MESSAGE__INIT;

    body.topic_id.data = reader->topic_id.bytes;
    body.topic_id.len = sizeof reader->topic_id.bytes;
    body.partition = reader->partition;
    body.spec = reader_spec(reader);
    body.has_timestamp_ms = body.spec == KQ__OFFSET_SPEC__TIMESTAMP;
    body.timestamp_ms = reader->timestamp_ms;
    message.body_case = KQ__MESSAGE__BODY_LIST_OFFSETS_REQUEST;
    message.list_offsets_request = &body;
    reader->asked = remote;
    reader->call.done = reader_list_done;
    channel_call(&remote->channel, &reader->call, &message, NULL, 0,
                 reader->client->options.request_timeout_us);
}

/* ---- the turn ---- */

/* What forbids it to go on for good; ERROR_AGAIN: not yet. */
static enum error reader_state(struct reader *reader)
{
    struct topic *topic = reader->topic;
    enum error state = topic_state(reader->client, topic);

    if (state != ERROR_NONE)
        return state;
    if (!uuid_is_zero(&reader->topic_id) &&
        !uuid_equal(&reader->topic_id, &topic->id))
        return ERROR_UNKNOWN_TOPIC; /* another topic bears the name now */
    if (reader->partition >= topic->partition_count)
        return topic_await(reader->client, reader->asked_at_us);
    reader->topic_id = topic->id;
    reader->subscription->topic_id = topic->id;
    return ERROR_NONE;
}

static void reader_work(struct reader *reader)
{
    struct client *client = reader->client;
    enum error state;
    struct remote *remote;

    if (reader->fetching || reader->call.channel ||
        !reader->subscription->active)
        return;
    if (reader->subscription->positioned && reader->subscription->paused)
        return;
    state = reader_state(reader);
    if (state == ERROR_AGAIN)
        return;
    if (state != ERROR_NONE) {
        reader_stop(reader, state, 0);
        return;
    }
    if (retry_waits(client, &reader->retry, reader->topic, reader->partition))
        return;
    remote = topic_leader(client, reader->topic, reader->partition);
    if (remote == NULL)
        return;
    if (reader->subscription->positioned)
        list_append(&remote->readers, &reader->fetcher);
    else
        reader_list(reader, remote);
}

void consumer_work(struct client *client)
{
    struct list todo;
    struct list *node;

    list_init(&todo);
    list_splice(&todo, &client->readers);
    while ((node = list_pop(&todo)) != NULL) {
        list_append(&client->readers, node);
        reader_work(container_of(node, struct reader, node));
    }
    list_for_each (at, &client->remotes) {
        struct remote *remote = container_of(at, struct remote, node);

        if (!list_empty(&remote->readers) &&
            remote->fetches < REMOTE_FETCHES_MAX)
            remote_fetch(client, remote);
        while (list_pop(&remote->readers) != NULL)
            ;
    }
}

void consumer_release(struct client *client)
{
    while (!list_empty(&client->readers)) {
        struct reader *reader =
            container_of(list_first(&client->readers), struct reader, node);

        reader->fetching = false;
        if (reader->subscription)
            client_unsubscribe(reader->subscription);
        else
            reader_free(reader);
    }
}
