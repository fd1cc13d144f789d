/* SPDX-License-Identifier: Apache-2.0
 *
 * One fetch asks a broker for all partitions that are ready to be read from
 * it. Its answer is checked batch by batch (both checksums) and delivered
 * record by record. A fetch may begin with a batch that starts before the
 * wanted offset and end with one that is cut off: what lies before is
 * skipped, what is cut off is asked for again.
 */
#include "base/assert.h"
#include "client/engine/internal.h"
#include "rules/batch.h"
#include "seam/memory.h"
#include "seam/trace.h"

#define FETCH_PARTITIONS_MAX  4096
#define FETCH_BYTES_TOTAL_MAX (32u << 20)

struct fetch {
    struct call call;
    struct client *client;
    struct remote *remote;
    struct list node; /* client->fetches */
    size_t count;
    struct reader *readers[];
};

/* ---- delivering ---- */

static void deliver_record(struct reader *reader, int64_t offset,
                           const struct client_record *record)
{
    struct subscription *subscription = reader->subscription;

    subscription->next_offset = offset + 1;
    if (reader->skip_older && record->timestamp_ms < reader->timestamp_ms)
        return;
    reader->skip_older = false;
    subscription->on_record(subscription, offset, record);
}

/* Whether the batch can be decoded, or why not. */
static enum error batch_readable(struct client *client, struct bytes set,
                                 const struct batch_header *header)
{
    uint32_t codec = header->attributes & BATCH_CODEC_MASK;

    if (codec != BATCH_CODEC_NONE) {
        trace_log(client->seam->trace, TRACE_ERROR,
                  "the batch at offset %lld is compressed with codec %u, "
                  "which this client cannot read",
                  (long long)header->base_offset, codec);
        return ERROR_UNSUPPORTED_VERSION;
    }
    if (!record_set_valid(set, header->record_count))
        return ERROR_CORRUPT_BATCH;
    return ERROR_NONE;
}

/* Delivers what is wanted of one whole batch. */
static enum error deliver_batch(struct reader *reader, const uint8_t *batch,
                                const struct batch_header *header)
{
    struct client *client = reader->client;
    struct bytes set = {batch + BATCH_HEADER_BYTES,
                        header->length - BATCH_HEADER_BYTES};
    struct field_scan scan = {set, 0};
    int64_t offset = header->base_offset;
    struct client_record record;
    struct bytes entry;
    enum error error = batch_readable(client, set, header);

    if (error != ERROR_NONE)
        return error;
    for (; record_scan_next(&scan, &entry); offset++) {
        if (offset < reader->subscription->next_offset)
            continue;
        error =
            record_decode(client, entry, header->base_timestamp_ms, &record);
        if (error != ERROR_NONE)
            return error;
        if (header->attributes & BATCH_APPEND_TIME)
            record.timestamp_ms = header->append_time_ms;
        deliver_record(reader, offset, &record);
        if (!reader_flows(reader))
            return ERROR_NONE;
    }
    return ERROR_NONE;
}

/* The batch that is due: the first one may begin before what is wanted, each
 * further one begins where the one before ends. A whole batch of this very
 * partition that lies in the place of another one is damage too: a write
 * that went astray. */
static bool follows(const struct batch_header *header, int64_t due, bool first)
{
    return first ? header->base_offset <= due : header->base_offset == due;
}

/* Nothing that is wanted was among `whole` bytes of batches: the one wanted is
 * cut off, or all lie before it. A broker sends that one in any case: then they
 * lie in its place, like a write that went astray. */
static enum error missed(struct reader *reader, size_t whole, size_t size)
{
    if (whole == size)
        return ERROR_CORRUPT_BATCH;
    if (reader->fetch_bytes < FETCH_BYTES_TOTAL_MAX)
        reader->fetch_bytes *= 2;
    return ERROR_NONE;
}

/* Delivers the attachment of one partition. */
static enum error deliver(struct reader *reader, struct bytes data)
{
    int64_t wanted = reader->subscription->next_offset;
    int64_t due = wanted;
    struct batch_header header;
    size_t at = 0;

    while (reader_flows(reader)) {
        enum error error =
            batch_check(data.data + at, data.size - at, FRAME_BYTES_MAX_DEFAULT,
                        &reader->topic_id, reader->partition, &header);
        int64_t next_offset;

        if (error == ERROR_AGAIN)
            break; /* the rest is cut off */
        if (error != ERROR_NONE || !follows(&header, due, at == 0))
            return ERROR_CORRUPT_BATCH;
        next_offset = batch_next_offset(&header);
        due = next_offset;
        if (!(header.attributes & BATCH_CONTROL) &&
            next_offset > reader->subscription->next_offset)
            error = deliver_batch(reader, data.data + at, &header);
        if (error != ERROR_NONE || !reader_flows(reader))
            return error;
        if (next_offset > reader->subscription->next_offset)
            reader->subscription->next_offset = next_offset;
        at += header.length;
    }
    if (data.size > 0 && reader_flows(reader) &&
        reader->subscription->next_offset == wanted)
        return missed(reader, at, data.size);
    return ERROR_NONE;
}

/* Once at each place; again there if it went back, which no end may do. */
static void reader_told_end(struct reader *reader, int64_t high_watermark)
{
    struct subscription *subscription = reader->subscription;
    int64_t offset;

    if (!reader_flows(reader))
        return;
    offset = subscription->next_offset;
    if (offset < high_watermark || (offset == reader->told_end &&
                                    high_watermark >= reader->told_watermark))
        return;
    reader->told_end = offset;
    reader->told_watermark = high_watermark;
    if (subscription->on_end)
        subscription->on_end(subscription, high_watermark);
}

static void reader_fetched(struct reader *reader,
                           const Kq__FetchPartitionResult *result,
                           struct bytes data)
{
    enum error error = error_from_code(result->error);
    int64_t log_start = (int64_t)(result->log_start_offset & INT64_MAX);
    int64_t next_offset;

    if (!reader_flows(reader))
        return;
    next_offset = reader->subscription->next_offset;
    if (error == ERROR_NONE)
        error = deliver(reader, data);
    if (reader->subscription == NULL)
        return;
    if (reader->subscription->next_offset > next_offset)
        reader->retry.failures = reader->corrupt = 0;
    if (error != ERROR_NONE) {
        reader_failed(reader, error, log_start);
        return;
    }
    if (result->has_high_watermark && result->high_watermark <= INT64_MAX)
        reader_told_end(reader, (int64_t)result->high_watermark);
}

/* ---- answers ---- */

static bool result_is_for(const Kq__FetchPartitionResult *result,
                          const struct reader *reader)
{
    return result->partition == reader->partition &&
           result->topic_id.len == sizeof reader->topic_id.bytes &&
           memcmp(result->topic_id.data, reader->topic_id.bytes,
                  sizeof reader->topic_id.bytes) == 0;
}

static struct reader *fetch_find(const struct fetch *fetch, size_t index,
                                 const Kq__FetchPartitionResult *result)
{
    for (size_t i = 0; i < fetch->count; i++) {
        struct reader *reader = fetch->readers[(index + i) % fetch->count];

        if (result_is_for(result, reader))
            return reader;
    }
    return NULL;
}

static void fetch_answered(struct fetch *fetch, const struct frame *frame)
{
    const Kq__FetchResponse *answer = frame->message->fetch_response;
    size_t at = 0;

    for (size_t i = 0; i < answer->n_partitions; i++) {
        const Kq__FetchPartitionResult *result = answer->partitions[i];
        size_t size =
            result->has_attachment_length ? result->attachment_length : 0;
        struct reader *reader = fetch_find(fetch, i, result);

        if (size > frame->attachment_size - at) {
            trace_log(fetch->client->seam->trace, TRACE_WARN,
                      "a fetch answer is shorter than it says");
            remote_distrust(fetch->remote);
            return;
        }
        if (reader)
            reader_fetched(reader, result,
                           (struct bytes){frame->attachment + at, size});
        at += size;
    }
}

static void fetch_done(struct call *call, enum error error, struct frame *frame)
{
    struct fetch *fetch = container_of(call, struct fetch, call);
    struct client *client = fetch->client;

    client_wake_now(client);
    fetch->remote->fetches--;
    if (error == ERROR_TIMED_OUT)
        remote_distrust(fetch->remote);
    if (frame && frame->message->body_case != KQ__MESSAGE__BODY_FETCH_RESPONSE)
        error = ERROR_CLOSED;
    if (error == ERROR_NONE)
        fetch_answered(fetch, frame);
    for (size_t i = 0; i < fetch->count; i++) {
        struct reader *reader = fetch->readers[i];

        if (error != ERROR_NONE)
            reader_failed(reader, error, 0);
        reader->fetching = false;
        if (reader->subscription == NULL)
            reader_free(reader);
    }
    frame_free(frame);
    list_remove(&fetch->node);
    heap_free(client->seam->heap, fetch);
}

/* ---- asking ---- */

static size_t readers_gathered(const struct remote *remote)
{
    size_t count = 0;

    list_for_each (node, &remote->readers)
        count++;
    return count < FETCH_PARTITIONS_MAX ? count : FETCH_PARTITIONS_MAX;
}

static void fetch_ask(const struct reader *reader, Kq__FetchPartition *to)
{
    const struct topic *topic = reader->topic;

    kq__fetch_partition__init(to);
    to->topic_id.data = (uint8_t *)(uintptr_t)reader->topic_id.bytes;
    to->topic_id.len = sizeof reader->topic_id.bytes;
    to->partition = reader->partition;
    to->fetch_offset = (uint64_t)reader->subscription->next_offset;
    to->max_bytes = reader->fetch_bytes;
    to->has_damaged = to->damaged = reader->corrupt > 0;
    to->has_leader_epoch = true;
    to->leader_epoch = topic->places[reader->partition].leader_epoch;
}

static void fetch_send(struct fetch *fetch, Kq__FetchPartition **partitions)
{
    struct client *client = fetch->client;
    int64_t wait_us = client->options.fetch_wait_us;
    Kq__FetchRequest body = KQ__FETCH_REQUEST__INIT;
    Kq__Message message = KQ__MESSAGE__INIT;

    body.max_wait_ms = (uint32_t)(wait_us / 1000);
    body.min_bytes = 1;
    body.max_bytes = FETCH_BYTES_TOTAL_MAX;
    body.n_partitions = fetch->count;
    body.partitions = partitions;
    message.body_case = KQ__MESSAGE__BODY_FETCH_REQUEST;
    message.fetch_request = &body;
    fetch->call.done = fetch_done;
    channel_call(&fetch->remote->channel, &fetch->call, &message, NULL, 0,
                 client->options.request_timeout_us + wait_us);
}

void remote_fetch(struct client *client, struct remote *remote)
{
    struct heap *heap = client->seam->heap;
    size_t count = readers_gathered(remote);
    struct fetch *fetch =
        heap_alloc(heap, sizeof *fetch + count * sizeof fetch->readers[0]);
    Kq__FetchPartition *parts = heap_alloc(heap, count * sizeof *parts);
    Kq__FetchPartition **pointers = heap_alloc(heap, count * sizeof parts);

    fetch->client = client;
    fetch->remote = remote;
    list_append(&client->fetches, &fetch->node);
    while (fetch->count < count) {
        struct reader *reader =
            container_of(list_pop(&remote->readers), struct reader, fetcher);

        fetch_ask(reader, &parts[fetch->count]);
        pointers[fetch->count] = &parts[fetch->count];
        reader->fetching = true;
        fetch->readers[fetch->count++] = reader;
    }
    remote->fetches++;
    fetch_send(fetch, pointers);
    heap_free(heap, pointers);
    heap_free(heap, parts);
}

void fetches_release(struct client *client)
{
    struct list *node;

    while ((node = list_pop(&client->fetches)) != NULL)
        heap_free(client->seam->heap, container_of(node, struct fetch, node));
}
