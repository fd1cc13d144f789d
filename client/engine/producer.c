/* SPDX-License-Identifier: Apache-2.0
 *
 * Producing: takes records in, sends the batches that are ready to the
 * leaders of their partitions, tells callers what became of them, and holds
 * the producer id. Order and retries of one partition are lane.c's.
 */
#include "base/assert.h"
#include "client/engine/internal.h"
#include "rules/batch.h"
#include "seam/memory.h"
#include "seam/trace.h"

#define PRODUCE_PARTITIONS_MAX 1024

/* One produce request on its way. */
struct produce_call {
    struct call call;
    struct heap *heap;
    struct client *client; /* NULL when it was freed meanwhile */
    struct remote *remote;
    struct list node; /* on producer->calls */
    size_t count;
    struct bundle *bundles[];
};

void producer_init(struct client *client)
{
    struct producer *producer = &client->producer;

    list_init(&producer->lanes);
    list_init(&producer->finished);
    list_init(&producer->failed);
    list_init(&producer->calls);
    producer->producer_id = -1;
}

/* ---- records in ---- */

enum error client_produce(struct client *client, const char *topic_name,
                          int32_t partition, const struct client_record *record,
                          void (*done)(void *context,
                                       const struct client_delivery *delivery),
                          void *context)
{
    struct producer *producer = &client->producer;
    struct delivery delivery = {done, context};
    size_t size = record_bytes(record) + sizeof delivery;
    struct topic *topic;
    int64_t picked = -1;

    if (record_bytes(record) + BATCH_HEADER_BYTES >
        client->options.batch_bytes_max)
        return ERROR_TOO_LARGE;
    if (producer->buffered + size > client->options.buffer_bytes)
        return ERROR_BUSY;
    producer->unanswered++;
    topic = client_metadata_topic(client, topic_name);
    if (topic->known && list_empty(&topic->waiting))
        picked = topic_pick(client, topic, partition, record);
    if (picked < 0)
        waiting_add(client, topic, partition, record, &delivery);
    else
        lane_add(client, topic_lane(client, topic, (uint32_t)picked), record,
                 &delivery);
    return ERROR_NONE;
}

void client_flush(struct client *client)
{
    list_for_each (node, &client->producer.lanes) {
        struct lane *lane = container_of(node, struct lane, node);

        list_for_each (bundle, &lane->queue)
            container_of(bundle, struct bundle, node)->due_at_us =
                client_now(client);
    }
    client_wake_now(client);
}

size_t client_unanswered(const struct client *client)
{
    return client->producer.unanswered;
}

/* ---- results out ---- */

void producer_finish(struct client *client, struct bundle *bundle,
                     enum error error)
{
    bundle->error = error;
    if (bundle->producer_id >= 0)
        client->producer.sequenced--;
    list_append(&client->producer.finished, &bundle->node);
    client_wake_now(client);
}

static void bundle_tell(struct client *client, struct bundle *bundle)
{
    bool known = bundle->error == ERROR_NONE && bundle->base_offset >= 0;
    struct client_delivery told = {.error = bundle->error,
                                   .partition =
                                       (int32_t)bundle->lane->partition,
                                   .topic_id = bundle->topic_id};

    client->producer.buffered -= bundle_memory(bundle);
    for (uint32_t i = 0; i < bundle->record_count; i++) {
        const struct delivery *delivery = &bundle->deliveries[i];

        client->producer.unanswered--;
        told.offset = known ? bundle->base_offset + i : -1;
        if (delivery->done)
            delivery->done(delivery->context, &told);
    }
    bundle_free(client, bundle);
}

/* Calls back. The callbacks may produce more; that is told another time. */
static void producer_tell(struct client *client)
{
    struct producer *producer = &client->producer;
    struct list *node;

    while ((node = list_pop(&producer->finished)) != NULL)
        bundle_tell(client, container_of(node, struct bundle, node));
    while ((node = list_pop(&producer->failed)) != NULL) {
        struct waiting *waiting = container_of(node, struct waiting, node);
        struct delivery *delivery = &waiting->delivery;
        struct client_delivery told = {.error = waiting->error,
                                       .partition = waiting->partition,
                                       .offset = -1};

        producer->unanswered--;
        producer->buffered -= waiting->memory;
        if (delivery->done)
            delivery->done(delivery->context, &told);
        heap_free(client->seam->heap, waiting);
    }
}

/* ---- the producer id ---- */

struct id_request {
    struct client *client;
    Kq__Message message;
    Kq__InitProducerRequest body;
};

static void id_done(void *context, enum error error, const Kq__Message *answer)
{
    struct id_request *request = context;
    struct client *client = request->client;
    struct producer *producer = &client->producer;
    const Kq__InitProducerResponse *body;

    producer->id_request = NULL;
    client_wake(client, client_now(client) + client_backoff(client, 1));
    heap_free(client->seam->heap, request);
    if (error != ERROR_NONE ||
        answer->body_case != KQ__MESSAGE__BODY_INIT_PRODUCER_RESPONSE)
        return;
    body = answer->init_producer_response;
    if (body->error != ERROR_NONE || !body->has_producer_id ||
        body->producer_id > INT64_MAX) {
        trace_log(client->seam->trace, TRACE_WARN, "no producer id: %s",
                  error_sentence(error_from_code(body->error)));
        return;
    }
    producer->producer_id = (int64_t)body->producer_id;
    producer->producer_epoch = body->producer_epoch;
    client_wake_now(client);
}

void producer_ask_id(struct client *client)
{
    struct id_request *request;

    if (client->producer.id_request)
        return;
    request = heap_alloc(client->seam->heap, sizeof *request);
    client->producer.id_request = request;
    request->client = client;
    kq__message__init(&request->message);
    kq__init_producer_request__init(&request->body);
    request->message.body_case = KQ__MESSAGE__BODY_INIT_PRODUCER_REQUEST;
    request->message.init_producer_request = &request->body;
    client_request(client, &request->message, false,
                   client->options.delivery_timeout_us, id_done, request);
}

/* Starts over with a new id once nothing bears the old one. */
static void producer_reset(struct client *client)
{
    struct producer *producer = &client->producer;

    if (!producer->reset_wanted || producer->sequenced > 0)
        return;
    producer->reset_wanted = false;
    producer->producer_id = -1;
    for (size_t i = 0; i < client->metadata.topic_count; i++) {
        struct topic *topic = client->metadata.topics[i];

        for (uint32_t k = 0; k < topic->place_count; k++)
            if (topic->places[k].lane)
                topic->places[k].lane->next_sequence = 0;
    }
}

/* ---- sending ---- */

static enum error bundle_result(struct bundle *bundle, size_t index,
                                const Kq__ProduceResponse *answer)
{
    for (size_t i = 0; i < answer->n_partitions; i++) {
        size_t at = (index + i) % answer->n_partitions;
        const Kq__ProducePartitionResult *result = answer->partitions[at];
        struct uuid id;

        if (result->partition != bundle->lane->partition ||
            !uuid_from_bytes(result->topic_id.data, result->topic_id.len,
                             &id) ||
            !uuid_equal(&id, &bundle->topic_id))
            continue;
        if (result->has_base_offset && result->base_offset <= INT64_MAX)
            bundle->base_offset = (int64_t)result->base_offset;
        return error_from_code(result->error);
    }
    return ERROR_TIMED_OUT; /* not answered: we do not know */
}

/* Ends the request; `answer` is NULL when there is none. */
static void produce_call_end(struct produce_call *produce, enum error error,
                             const Kq__ProduceResponse *answer)
{
    struct client *client = produce->client;

    produce->remote->produce_in_flight--;
    for (size_t i = 0; i < produce->count; i++) {
        struct bundle *bundle = produce->bundles[i];

        if (answer)
            error = bundle_result(bundle, i, answer);
        lane_answered(client, bundle, error);
    }
    list_remove(&produce->node);
    heap_free(client->seam->heap, produce);
}

static void produce_done(struct call *call, enum error error,
                         struct frame *frame)
{
    struct produce_call *produce =
        container_of(call, struct produce_call, call);
    const Kq__ProduceResponse *answer = NULL;

    if (error == ERROR_TIMED_OUT)
        remote_distrust(produce->remote);
    if (frame &&
        frame->message->body_case == KQ__MESSAGE__BODY_PRODUCE_RESPONSE)
        answer = frame->message->produce_response;
    else if (frame)
        error = ERROR_TIMED_OUT;
    produce_call_end(produce, error, answer);
    frame_free(frame);
}

/* acks 0: it has left, or the connection was lost before. */
static void produce_sent(void *context, enum error error)
{
    struct produce_call *produce = context;

    if (produce->client)
        produce_call_end(produce, error, NULL);
    else
        heap_free(produce->heap, produce);
}

/* Takes one bundle of each gathered lane, up to the limits of a request. */
static size_t gather(struct client *client, struct remote *remote,
                     struct bundle **bundles)
{
    size_t bytes_max = remote->channel.peer_frame_bytes_max / 2;
    size_t bytes = 0;
    size_t count = 0;

    list_for_each_safe (node, &remote->lanes) {
        struct lane *lane = container_of(node, struct lane, sender);
        struct bundle *bundle = lane_ready(client, lane);

        if (bytes_max > FRAME_BYTES_WANTED)
            bytes_max = FRAME_BYTES_WANTED;
        if (bundle == NULL) {
            list_remove(&lane->sender);
            continue;
        }
        if (count == PRODUCE_PARTITIONS_MAX ||
            (count > 0 && bytes + bundle->size > bytes_max))
            break;
        lane_send(client, lane, bundle);
        bytes += bundle->size;
        bundles[count++] = bundle;
        /* the next one has its turn first */
        list_remove(&lane->node);
        list_append(&client->producer.lanes, &lane->node);
    }
    return count;
}

/* The time the request is given: a batch's time-out may come before. */
static int64_t produce_timeout_us(const struct produce_call *produce)
{
    struct client *client = produce->client;
    int64_t timeout_us = client->options.request_timeout_us;

    for (size_t i = 0; i < produce->count; i++) {
        int64_t left_us = produce->bundles[i]->deadline_us - client_now(client);

        if (left_us < timeout_us)
            timeout_us = left_us;
    }
    return timeout_us > 1000 ? timeout_us : 1000;
}

static void produce_send(struct produce_call *produce,
                         Kq__ProducePartition *parts,
                         Kq__ProducePartition **pointers,
                         struct channel_piece *pieces)
{
    struct client *client = produce->client;
    struct channel *channel = &produce->remote->channel;
    int64_t timeout_us = produce_timeout_us(produce);
    Kq__ProduceRequest body = KQ__PRODUCE_REQUEST__INIT;
    Kq__Message message = KQ__MESSAGE__INIT;

    for (size_t i = 0; i < produce->count; i++) {
        struct bundle *bundle = produce->bundles[i];

        parts[i] = (Kq__ProducePartition)KQ__PRODUCE_PARTITION__INIT;
        parts[i].topic_id.data = bundle->topic_id.bytes;
        parts[i].topic_id.len = sizeof bundle->topic_id.bytes;
        parts[i].partition = bundle->lane->partition;
        parts[i].attachment_length = (uint32_t)bundle->size;
        pieces[i].bytes = (struct bytes){bundle->data, bundle->size};
        pointers[i] = &parts[i];
    }
    body.acks = client->options.acks;
    /* a broker that lives answers before we give it up */
    body.timeout_ms = (uint32_t)(timeout_us * 3 / 4 / 1000);
    body.n_partitions = produce->count;
    body.partitions = pointers;
    message.body_case = KQ__MESSAGE__BODY_PRODUCE_REQUEST;
    message.produce_request = &body;
    if (client->options.acks == 0) {
        channel_send(channel, &message, pieces, produce->count, produce_sent,
                     produce);
        return;
    }
    produce->call.done = produce_done;
    channel_call(channel, &produce->call, &message, pieces, produce->count,
                 timeout_us);
}

static void remote_produce_once(struct client *client, struct remote *remote,
                                struct bundle **bundles, size_t count)
{
    struct heap *heap = client->seam->heap;
    struct produce_call *produce =
        heap_alloc(heap, sizeof *produce + count * sizeof bundles[0]);
    Kq__ProducePartition *parts = heap_alloc(heap, count * sizeof *parts);
    Kq__ProducePartition **pointers = heap_alloc(heap, count * sizeof parts);
    struct channel_piece *pieces = heap_alloc(heap, count * sizeof *pieces);

    produce->heap = heap;
    produce->client = client;
    produce->remote = remote;
    produce->count = count;
    memcpy(produce->bundles, bundles, count * sizeof bundles[0]);
    list_append(&client->producer.calls, &produce->node);
    remote->produce_in_flight++;
    produce_send(produce, parts, pointers, pieces);
    heap_free(heap, pieces);
    heap_free(heap, pointers);
    heap_free(heap, parts);
}

void remote_produce(struct client *client, struct remote *remote)
{
    struct bundle *bundles[PRODUCE_PARTITIONS_MAX];

    while (remote->produce_in_flight < client->options.in_flight_max) {
        size_t count = gather(client, remote, bundles);

        if (count == 0)
            break;
        remote_produce_once(client, remote, bundles, count);
    }
    while (list_pop(&remote->lanes) != NULL)
        ;
}

/* ---- the turn ---- */

static void lane_work(struct client *client, struct lane *lane)
{
    enum error state = topic_state(client, lane->topic);
    struct remote *remote;

    lane_expire(client, lane);
    if (state != ERROR_NONE && state != ERROR_AGAIN)
        lane_fail(client, lane, state);
    if (list_empty(&lane->queue)) {
        list_remove(&lane->node);
        return;
    }
    if (state != ERROR_NONE || lane_ready(client, lane) == NULL)
        return;
    remote = topic_leader(client, lane->topic, lane->partition);
    if (remote)
        list_append(&remote->lanes, &lane->sender);
}

void producer_work(struct client *client)
{
    struct producer *producer = &client->producer;

    waiting_work(client);
    producer_reset(client);
    list_for_each_safe (node, &producer->lanes)
        lane_work(client, container_of(node, struct lane, node));
    list_for_each (node, &client->remotes) {
        struct remote *remote = container_of(node, struct remote, node);

        if (!list_empty(&remote->lanes))
            remote_produce(client, remote);
    }
    producer_tell(client);
}

static void bundles_release(struct client *client, struct list *list)
{
    struct list *node;

    while ((node = list_pop(list)) != NULL)
        bundle_free(client, container_of(node, struct bundle, node));
}

void producer_release(struct client *client)
{
    struct producer *producer = &client->producer;
    struct list *node;

    while ((node = list_pop(&producer->calls)) != NULL) {
        struct produce_call *produce =
            container_of(node, struct produce_call, node);

        produce->client = NULL;
        if (client->options.acks != 0)
            heap_free(produce->heap, produce);
    }
    heap_free(client->seam->heap, producer->id_request);
    waiting_release(client);
    bundles_release(client, &producer->finished);
    for (size_t i = 0; i < client->metadata.topic_count; i++) {
        struct topic *topic = client->metadata.topics[i];

        for (uint32_t k = 0; k < topic->place_count; k++) {
            struct lane *lane = topic->places[k].lane;

            if (lane == NULL)
                continue;
            bundles_release(client, &lane->queue);
            bundles_release(client, &lane->in_flight);
        }
    }
}
