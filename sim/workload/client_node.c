/* SPDX-License-Identifier: Apache-2.0
 *
 * A client as a node of the world: the engine of libkq, and a worker that
 * uses it (producer.c, reader.c, admin.c).
 */
#include <string.h>

#include "base/assert.h"
#include "seam/memory.h"
#include "sim/workload/internal.h"

#define CLIENT_HEAP_BYTES (256u << 20)
/* What piled up while nobody led is sent in batches that fit into the
 * smallest segment; the bound of retention by size counts on it. */
#define BATCH_BYTES       4096
#define BOOTSTRAP_BYTES   (SCENARIO_BROKERS_MAX * (WORLD_HOST_BYTES + 8))

static void bootstrap(const struct run *run, char text[BOOTSTRAP_BYTES])
{
    size_t used = 0;

    for (int64_t i = 0; i < run->scenario->brokers; i++) {
        char host[WORLD_HOST_BYTES];

        world_host(run->world, node_name(run->brokers[i].node), host);
        used += (size_t)snprintf(text + used, BOOTSTRAP_BYTES - used, "%s%s:%d",
                                 i > 0 ? "," : "", host, BROKER_PORT);
    }
}

static struct client *make_client(struct worker *worker)
{
    const struct scenario_producer *producer = worker->host->producer;
    struct client_options options;
    char servers[BOOTSTRAP_BYTES];

    client_options_init(&options);
    bootstrap(worker->run, servers);
    options.bootstrap = servers;
    options.client_id = node_name(worker->host->node);
    options.request_timeout_us = 3000000;
    options.retry_backoff_us = 50000;
    options.batch_bytes = BATCH_BYTES;
    if (producer != NULL) {
        options.acks = (int32_t)producer->acks;
        options.idempotence = producer->idempotence;
        options.in_flight_max = (uint32_t)producer->in_flight;
        options.delivery_timeout_us = producer->delivery_timeout_us;
    }
    return client_new(worker->seam, &options);
}

static void *start(struct node *node, struct seam *seam, void *context)
{
    struct client_host *host = context;
    struct worker *worker = heap_alloc(seam->heap, sizeof *worker);

    (void)node;
    worker->host = host;
    worker->run = host->run;
    worker->seam = seam;
    worker->client = make_client(worker);
    ASSERT(worker->client != NULL);
    memset(host->unanswered, 0, sizeof host->unanswered);
    worker->producer = host->run->next_producer++;
    if (host->producer != NULL)
        producer_begin(worker);
    else if (host->consumer != NULL)
        consumer_begin(worker);
    else
        admin_begin(worker);
    return worker;
}

static void on_event(void *object, const struct event *event)
{
    struct worker *worker = object;

    client_on_event(worker->client, event);
}

const struct node_kind client_kind = {start, on_event, NULL};

static void add(struct run *run, struct client_host *host, const char *name)
{
    host->run = run;
    host->node =
        world_add_node(run->world, name, &client_kind, host, CLIENT_HEAP_BYTES);
}

static struct client_host *add_client(struct run *run, unsigned *count)
{
    struct client_host *host = &run->clients[*count];
    char name[16];

    host->index = (*count)++;
    snprintf(name, sizeof name, "c%u", *count);
    add(run, host, name);
    return host;
}

void client_hosts_init(struct run *run)
{
    const struct scenario *scenario = run->scenario;
    unsigned count = 0;

    for (size_t i = 0; i < scenario->producer_count; i++)
        for (int64_t n = 0; n < scenario->producers[i].clients; n++)
            add_client(run, &count)->producer = &scenario->producers[i];
    for (size_t i = 0; i < scenario->consumer_count; i++)
        for (int64_t n = 0; n < scenario->consumers[i].clients; n++)
            add_client(run, &count)->consumer = &scenario->consumers[i];
    add(run, &run->admin, "admin");
}

void worker_wake(struct worker *worker, int64_t delay_us)
{
    timer_start(worker->seam->timers, &worker->timer,
                worker->seam->now.monotonic_us + delay_us);
}

/* ---- sending ---- */

struct sent {
    struct worker *worker;
    size_t topic;
    struct partition_key key;
    uint64_t sequence;
    int32_t acks;
    void (*done)(struct worker *worker, size_t topic, uint32_t partition,
                 bool kept, int64_t offset);
};

/* A broker that has not heard yet that the topic was deleted may have taken
 * it: what was promised then was promised of the deleted topic (decision
 * 0042). */
static void sent_done(void *context, const struct client_delivery *delivery)
{
    struct sent *sent = context;
    struct worker *worker = sent->worker;
    bool acked = delivery->error == ERROR_NONE;
    bool same = uuid_equal(&delivery->topic_id, &sent->key.topic_id);
    struct history event = {.type = acked ? HISTORY_ACKED : HISTORY_FAILED,
                            .key = sent->key,
                            .producer = worker->producer,
                            .sequence = sent->sequence,
                            .offset = delivery->offset,
                            .error = delivery->error};

    ASSERT(delivery->partition < 0 ||
           (uint32_t)delivery->partition == sent->key.partition);
    if (acked)
        event.key.topic_id = delivery->topic_id;
    worker->host->unanswered[sent->topic]--;
    run_history(worker, &event);
    if (sent->done != NULL)
        sent->done(worker, sent->topic, sent->key.partition, acked && same,
                   delivery->offset);
    heap_free(worker->seam->heap, sent);
}

static struct sent *sent_new(struct worker *worker,
                             const struct sending *sending)
{
    struct sent *sent = heap_alloc(worker->seam->heap, sizeof *sent);

    sent->worker = worker;
    sent->topic = sending->topic;
    sent->key = run_key(worker->run, sending->topic, sending->partition);
    sent->sequence = worker->sequence;
    sent->acks = sending->acks;
    sent->done = sending->done;
    return sent;
}

static void tell_sent(const struct worker *worker, const struct sent *sent,
                      const struct sending *sending,
                      const struct client_record *record)
{
    struct history event = {
        .type = HISTORY_SENT,
        .key = sent->key,
        .producer = worker->producer,
        .sequence = sent->sequence,
        .offset = -1,
        .crc = payload_crc(record->key, record->value),
        .bytes = (uint32_t)(record->key.size + record->value.size),
        .acks = (int8_t)sending->acks,
        .idempotent = sending->idempotent,
        .single = sending->single};

    run_history(worker, &event);
}

bool worker_send(struct worker *worker, const struct sending *sending)
{
    struct heap *heap = worker->seam->heap;
    size_t bytes = (size_t)sending->record_bytes - PAYLOAD_KEY_BYTES;
    struct sent *sent = sent_new(worker, sending);
    uint8_t *value = heap_alloc(heap, bytes);
    uint8_t key[PAYLOAD_KEY_BYTES];
    struct client_record record = {.key = {key, sizeof key},
                                   .value = {value, bytes},
                                   .timestamp_ms = sending->timestamp_ms};
    enum error error;

    payload_write(key, value, bytes, worker->producer, worker->sequence);
    error = client_produce(
        worker->client, worker->run->topics[sending->topic].topic->name,
        (int32_t)sending->partition, &record, sent_done, sent);
    if (error == ERROR_NONE) {
        tell_sent(worker, sent, sending, &record);
        worker->sequence++;
        worker->host->unanswered[sending->topic]++;
    } else {
        heap_free(heap, sent);
    }
    heap_free(heap, value);
    return error == ERROR_NONE;
}
