/* SPDX-License-Identifier: Apache-2.0
 *
 * Partitions being read, and what the history is told of it. A reader that
 * finds its position below the log start goes on there (a gap); one whose
 * topic went away, or whose position no longer exists, is another reader
 * from then on.
 */
#include "seam/memory.h"
#include "sim/workload/internal.h"

#define LOOK_US 200000

/* The engine may have heard of another topic of this name. */
static bool reads_what_exists(const struct reader *reader)
{
    return uuid_equal(&reader->subscription.topic_id, &reader->key.topic_id);
}

static struct history event_of(const struct reader *reader,
                               enum history_type type, int64_t offset)
{
    struct history event = {.type = type,
                            .key = reader->key,
                            .reader = reader->number,
                            .offset = offset,
                            .final = reader->final};

    event.key.topic_id = reader->subscription.topic_id;
    return event;
}

static void tell_start(struct reader *reader)
{
    struct history event =
        event_of(reader, HISTORY_POSITIONED, reader->subscription.start_offset);

    if (reader->told)
        return;
    reader->told = true;
    event.since_us = reader->since_us;
    if (reader->subscription.start == CLIENT_START_EARLIEST)
        run_history(reader->worker, &event);
}

static void on_record(struct subscription *subscription, int64_t offset,
                      const struct client_record *record)
{
    struct reader *reader =
        container_of(subscription, struct reader, subscription);
    struct history event = event_of(reader, HISTORY_READ, offset);

    tell_start(reader);
    event.intact = payload_read(record->key, record->value, &event.producer,
                                &event.sequence);
    event.crc = payload_crc(record->key, record->value);
    run_history(reader->worker, &event);
}

static void on_end(struct subscription *subscription, int64_t high_watermark)
{
    struct reader *reader =
        container_of(subscription, struct reader, subscription);
    struct run *run = reader->worker->run;
    struct history event = event_of(reader, HISTORY_SEEN_END, high_watermark);
    struct run_partition *partition =
        &run->topics[reader->topic].partitions[reader->key.partition];

    tell_start(reader);
    run_history(reader->worker, &event);
    if (!reader->final || !reads_what_exists(reader) ||
        subscription->next_offset <= partition->written_offset)
        return;
    partition->read = true;
    partition->read_to = subscription->next_offset;
}

static void on_error(struct subscription *subscription, enum error error,
                     int64_t log_start_offset)
{
    struct reader *reader =
        container_of(subscription, struct reader, subscription);
    int64_t next_offset = subscription->next_offset;

    run_say(reader->worker->run, node_name(reader->worker->host->node),
            CHRONICLE_TROUBLE, error_sentence(error));
    reader->lost = true;
    reader->resume_at = -1;
    if (error == ERROR_OFFSET_OUT_OF_RANGE && log_start_offset > next_offset) {
        struct history event = event_of(reader, HISTORY_GAP, log_start_offset);

        tell_start(reader);
        run_history(reader->worker, &event);
        reader->resume_at = log_start_offset;
    } else if (error == ERROR_CORRUPT_BATCH && subscription->positioned) {
        reader->resume_at = next_offset;
    }
}

static void subscribe(struct reader *reader, bool latest)
{
    struct run *run = reader->worker->run;
    enum client_start start = CLIENT_START_EARLIEST;

    if (reader->resume_at >= 0)
        start = CLIENT_START_OFFSET;
    else if (latest)
        start = CLIENT_START_LATEST;
    reader->lost = false;
    reader->since_us = world_now_us(run->world);
    client_subscribe(reader->worker->client, &reader->subscription,
                     run->topics[reader->topic].topic->name,
                     reader->key.partition, start, reader->resume_at);
}

struct reader *reader_new(struct worker *worker, size_t topic,
                          uint32_t partition, bool final)
{
    struct reader *reader = heap_alloc(worker->seam->heap, sizeof *reader);

    reader->worker = worker;
    reader->topic = topic;
    reader->final = final;
    reader->key.partition = partition;
    reader->lost = true;
    reader->resume_at = -1;
    reader->subscription.on_record = on_record;
    reader->subscription.on_end = on_end;
    reader->subscription.on_error = on_error;
    return reader;
}

void reader_again(struct reader *reader, bool latest)
{
    struct run *run = reader->worker->run;

    if (!reader->lost || !run->topics[reader->topic].exists)
        return;
    client_unsubscribe(&reader->subscription);
    if (reader->resume_at < 0) {
        reader->key = run_key(run, reader->topic, reader->key.partition);
        reader->number = run->next_reader++;
        reader->told = false;
    }
    subscribe(reader, latest);
}

/* ---- a client that reads a topic ---- */

static void stop(struct worker *worker)
{
    client_unwatch_topic(&worker->watch);
    for (size_t i = 0; i < worker->reader_count; i++)
        client_unsubscribe(&worker->readers[i]->subscription);
}

static void read_each(struct worker *worker, size_t count)
{
    size_t topic = (size_t)worker->host->consumer->topic;
    size_t old = worker->reader_count;

    if (count <= old)
        return;
    worker->readers = heap_grow(worker->seam->heap, worker->readers,
                                old * sizeof(struct reader *),
                                count * sizeof(struct reader *));
    for (size_t i = old; i < count; i++)
        worker->readers[i] = reader_new(worker, topic, (uint32_t)i, false);
    worker->reader_count = count;
}

static void on_partitions(struct topic_watch *watch, uint32_t count)
{
    struct worker *worker = container_of(watch, struct worker, watch);

    if (count <= SCENARIO_PARTITIONS_MAX)
        read_each(worker, count);
}

static void on_no_topic(struct topic_watch *watch, enum error error)
{
    (void)watch; /* looked at again */
    (void)error;
}

/* What is added to it is read too, as the engine hears of it. */
static void watch_topic(struct worker *worker)
{
    const struct run_topic *topic =
        &worker->run->topics[worker->host->consumer->topic];

    if (worker->watch.client != NULL || !topic->exists ||
        topic->topic->partitions_max == topic->topic->partitions)
        return;
    worker->watch.on_partitions = on_partitions;
    worker->watch.on_error = on_no_topic;
    client_watch_topic(worker->client, &worker->watch, topic->topic->name);
}

static void look(struct timer *timer)
{
    struct worker *worker = container_of(timer, struct worker, timer);
    const struct scenario_consumer *plan = worker->host->consumer;
    const struct run *run = worker->run;
    int64_t at_us = world_now_us(run->world) - run->start_us;

    if (at_us >= plan->until_us) {
        stop(worker);
        return;
    }
    watch_topic(worker);
    for (size_t i = 0; i < worker->reader_count; i++) {
        bool added = i >= (size_t)run->topics[plan->topic].topic->partitions;

        reader_again(worker->readers[i], plan->latest && !added);
    }
    worker_wake(worker, LOOK_US);
}

void consumer_begin(struct worker *worker)
{
    const struct scenario_consumer *plan = worker->host->consumer;
    const struct run *run = worker->run;
    int64_t at_us = world_now_us(run->world) - run->start_us;

    read_each(worker, (size_t)run->topics[plan->topic].topic->partitions);
    worker->timer.fire = look;
    worker_wake(worker, at_us < plan->from_us ? plan->from_us - at_us : 0);
}
