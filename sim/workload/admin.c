/* SPDX-License-Identifier: Apache-2.0
 *
 * The client that looks after topics: makes them at the start and when a
 * step says so, looks at the metadata until the cluster is whole, writes a
 * record into every partition after faults, and at the end reads everything.
 */
#include <string.h>

#include "base/assert.h"
#include "seam/memory.h"
#include "sim/workload/internal.h"

#define TICK_US      50000
#define METADATA_US  200000
#define REQUEST_US   5000000
#define CLOSING_SIZE 64

/* A request under way. */
struct ask {
    struct worker *worker;
    size_t topic;
    struct uuid id; /* of that topic */
    Kq__Message message;
    Kq__CreateTopicRequest create;
    Kq__DeleteTopicRequest delete;
    Kq__AlterTopicRequest alter;
    Kq__DeleteRecordsRequest records;
    Kq__ElectLeadersRequest elect;
    Kq__UncleanElection unclean;
    Kq__SettingChange changes[16];
    Kq__SettingChange *change_pointers[16];
    Kq__MetadataRequest metadata;
    Kq__ConfigEntry entries[16];
    Kq__ConfigEntry *configs[16];
    char *names[SCENARIO_TOPICS_MAX];
};

static struct ask *ask_new(struct worker *worker, size_t topic)
{
    struct ask *ask = heap_alloc(worker->seam->heap, sizeof *ask);

    ask->worker = worker;
    ask->topic = topic;
    kq__message__init(&ask->message);
    return ask;
}

static void ask_free(struct ask *ask)
{
    heap_free(ask->worker->seam->heap, ask);
}

/* ---- topics ---- */

static void created(void *context, enum error error, const Kq__Message *answer)
{
    struct ask *ask = context;
    struct run *run = ask->worker->run;
    const Kq__CreateTopicResponse *response = NULL;
    struct uuid id;

    run->topics[ask->topic].open = false;
    if (error == ERROR_NONE && answer != NULL &&
        answer->body_case == KQ__MESSAGE__BODY_CREATE_TOPIC_RESPONSE)
        response = answer->create_topic_response;
    if (response != NULL && response->error == ERROR_NONE &&
        response->has_topic_id &&
        uuid_from_bytes(response->topic_id.data, response->topic_id.len, &id))
        run_topic_exists(run, ask->topic, &id);
    ask_free(ask);
}

static void create(struct worker *worker, size_t index)
{
    struct run_topic *topic = &worker->run->topics[index];
    struct ask *ask = ask_new(worker, index);
    const struct settings *config = &topic->topic->config;

    ASSERT(config->count <= 16);
    kq__create_topic_request__init(&ask->create);
    ask->create.name = topic->topic->name;
    ask->create.partition_count = (uint32_t)topic->topic->partitions;
    ask->create.replication_factor = (uint32_t)topic->topic->replicas;
    ask->create.n_configs = config->count;
    ask->create.configs = ask->configs;
    for (size_t i = 0; i < config->count; i++) {
        kq__config_entry__init(&ask->entries[i]);
        ask->entries[i].key = config->items[i].key;
        ask->entries[i].value = config->items[i].value;
        ask->configs[i] = &ask->entries[i];
    }
    ask->message.body_case = KQ__MESSAGE__BODY_CREATE_TOPIC_REQUEST;
    ask->message.create_topic_request = &ask->create;
    topic->open = true;
    client_request(worker->client, &ask->message, true, REQUEST_US, created,
                   ask);
}

static void deleted(void *context, enum error error, const Kq__Message *answer)
{
    struct ask *ask = context;
    struct run_topic *topic = &ask->worker->run->topics[ask->topic];

    topic->open = false;
    if (error == ERROR_NONE && answer != NULL &&
        answer->body_case == KQ__MESSAGE__BODY_DELETE_TOPIC_RESPONSE &&
        (answer->delete_topic_response->error == ERROR_NONE ||
         answer->delete_topic_response->error == ERROR_UNKNOWN_TOPIC))
        topic->deleting = false;
    ask_free(ask);
}

static void delete (struct worker *worker, size_t index)
{
    struct run_topic *topic = &worker->run->topics[index];
    struct ask *ask = ask_new(worker, index);

    kq__delete_topic_request__init(&ask->delete);
    ask->delete.name = topic->topic->name;
    ask->message.body_case = KQ__MESSAGE__BODY_DELETE_TOPIC_REQUEST;
    ask->message.delete_topic_request = &ask->delete;
    topic->open = true;
    client_request(worker->client, &ask->message, true, REQUEST_US, deleted,
                   ask);
}

static void altered(void *context, enum error error, const Kq__Message *answer)
{
    struct ask *ask = context;
    struct run *run = ask->worker->run;
    struct run_topic *topic = &run->topics[ask->topic];

    topic->open = false;
    if (error == ERROR_NONE && answer != NULL &&
        answer->body_case == KQ__MESSAGE__BODY_ALTER_TOPIC_RESPONSE &&
        answer->alter_topic_response->error == ERROR_NONE) {
        topic->alteration_count--;
        memmove(topic->alterations, topic->alterations + 1,
                topic->alteration_count * sizeof topic->alterations[0]);
        judge_time(run->judge, world_now_us(run->world));
        if (topic->alteration_count == 0)
            judge_altered(run->judge, ask->topic);
    }
    ask_free(ask);
}

static void alter(struct worker *worker, size_t index)
{
    struct run_topic *topic = &worker->run->topics[index];
    const struct settings *config = topic->alterations[0];
    struct ask *ask = ask_new(worker, index);

    ASSERT(config->count <= 16);
    kq__alter_topic_request__init(&ask->alter);
    ask->alter.name = topic->topic->name;
    ask->alter.n_changes = config->count;
    ask->alter.changes = ask->change_pointers;
    for (size_t i = 0; i < config->count; i++) {
        kq__setting_change__init(&ask->changes[i]);
        ask->changes[i].key = config->items[i].key;
        ask->changes[i].value = config->items[i].value;
        ask->change_pointers[i] = &ask->changes[i];
    }
    ask->message.body_case = KQ__MESSAGE__BODY_ALTER_TOPIC_REQUEST;
    ask->message.alter_topic_request = &ask->alter;
    topic->open = true;
    client_request(worker->client, &ask->message, true, REQUEST_US, altered,
                   ask);
}

/* ---- more partitions ---- */

/* True when nobody needs to ask again: it was done, or the topic has more by
 * now. */
static bool was_added(struct run_topic *topic, uint32_t to,
                      const Kq__AlterTopicResponse *response)
{
    if (response->error == ERROR_NONE)
        run_topic_has(topic, to);
    return response->error == ERROR_NONE ||
           (response->error == ERROR_INVALID_ARGUMENT &&
            topic->partition_count > to);
}

static void added(void *context, enum error error, const Kq__Message *answer)
{
    struct ask *ask = context;
    struct run_topic *topic = &ask->worker->run->topics[ask->topic];
    uint32_t to = ask->alter.partition_count;

    for (size_t i = 0; i < ADDITIONS_MAX; i++) {
        struct addition *addition = &topic->additions[i];

        if (addition->to != to || !addition->open ||
            !uuid_equal(&topic->id, &ask->id))
            continue;
        addition->open = false;
        if (error == ERROR_NONE && answer != NULL &&
            answer->body_case == KQ__MESSAGE__BODY_ALTER_TOPIC_RESPONSE &&
            was_added(topic, to, answer->alter_topic_response))
            addition->to = 0;
        break;
    }
    ask_free(ask);
}

/* What waits is asked for at once, as by several operators. */
static void add_partitions(struct worker *worker, size_t index)
{
    struct run_topic *topic = &worker->run->topics[index];

    for (size_t i = 0; i < ADDITIONS_MAX; i++) {
        struct addition *addition = &topic->additions[i];
        struct ask *ask;

        if (addition->to == 0 || addition->open)
            continue;
        addition->open = true;
        ask = ask_new(worker, index);
        ask->id = topic->id;
        kq__alter_topic_request__init(&ask->alter);
        ask->alter.name = topic->topic->name;
        ask->alter.has_partition_count = 1;
        ask->alter.partition_count = addition->to;
        ask->alter.has_known_partition_count = 1;
        ask->alter.known_partition_count = (uint32_t)topic->topic->partitions;
        ask->message.body_case = KQ__MESSAGE__BODY_ALTER_TOPIC_REQUEST;
        ask->message.alter_topic_request = &ask->alter;
        client_request(worker->client, &ask->message, true, REQUEST_US, added,
                       ask);
    }
}

static void truncated(void *context, enum error error,
                      const Kq__Message *answer)
{
    struct ask *ask = context;
    struct run *run = ask->worker->run;
    struct run_partition *partition =
        &run->topics[ask->topic].partitions[ask->records.partition];
    int64_t before = (int64_t)ask->records.before_offset;
    const Kq__DeleteRecordsResponse *response = NULL;

    run->topics[ask->topic].open = false;
    if (error == ERROR_NONE && answer != NULL &&
        answer->body_case == KQ__MESSAGE__BODY_DELETE_RECORDS_RESPONSE)
        response = answer->delete_records_response;
    if (response != NULL && response->error == ERROR_NONE) {
        struct partition_key key =
            run_key(run, ask->topic, ask->records.partition);

        if (partition->truncate_to == before)
            partition->truncate_to = 0;
        judge_time(run->judge, world_now_us(run->world));
        judge_ordered(run->judge, &key, (int64_t)response->log_start_offset);
    }
    ask_free(ask);
}

/* Above the watermark it is refused, and asked again. False: nothing is to be
 * asked. */
static bool truncate_one(struct worker *worker, size_t index)
{
    struct run_topic *topic = &worker->run->topics[index];
    uint32_t partition = 0;
    struct ask *ask;

    while (partition < topic->partition_count &&
           topic->partitions[partition].truncate_to == 0)
        partition++;
    if (partition == topic->partition_count)
        return false;
    ask = ask_new(worker, index);
    kq__delete_records_request__init(&ask->records);
    ask->records.topic = topic->topic->name;
    ask->records.partition = partition;
    ask->records.before_offset =
        (uint64_t)topic->partitions[partition].truncate_to;
    ask->message.body_case = KQ__MESSAGE__BODY_DELETE_RECORDS_REQUEST;
    ask->message.delete_records_request = &ask->records;
    topic->open = true;
    client_request(worker->client, &ask->message, false, REQUEST_US, truncated,
                   ask);
    return true;
}

static void elected(void *context, enum error error, const Kq__Message *answer)
{
    struct ask *ask = context;
    struct run_topic *topic = &ask->worker->run->topics[ask->topic];
    struct run_partition *partition =
        &topic->partitions[ask->unclean.partition];

    topic->open = false;
    if (error == ERROR_NONE && answer != NULL &&
        answer->body_case == KQ__MESSAGE__BODY_ELECT_LEADERS_RESPONSE &&
        (answer->elect_leaders_response->error == ERROR_NONE ||
         answer->elect_leaders_response->error == ERROR_ELECTION_NOT_NEEDED) &&
        partition->lead_by == ask->unclean.broker_id)
        partition->lead_by = 0;
    ask_free(ask);
}

/* Somebody leads: an answer was lost, or it is not needed any more. Nobody is
 * there who could: it is asked again. */
static void elect_one(struct worker *worker, size_t index)
{
    struct run_topic *topic = &worker->run->topics[index];
    uint32_t partition = 0;
    struct ask *ask;

    while (partition < topic->partition_count &&
           topic->partitions[partition].lead_by == 0)
        partition++;
    if (partition == topic->partition_count)
        return;
    ask = ask_new(worker, index);
    kq__elect_leaders_request__init(&ask->elect);
    kq__unclean_election__init(&ask->unclean);
    ask->elect.topic = topic->topic->name;
    ask->elect.unclean = &ask->unclean;
    ask->unclean.partition = partition;
    ask->unclean.broker_id = topic->partitions[partition].lead_by;
    ask->message.body_case = KQ__MESSAGE__BODY_ELECT_LEADERS_REQUEST;
    ask->message.elect_leaders_request = &ask->elect;
    topic->open = true;
    client_request(worker->client, &ask->message, true, REQUEST_US, elected,
                   ask);
}

static void look_after(struct worker *worker, size_t index)
{
    struct run_topic *topic = &worker->run->topics[index];

    if (topic->exists) {
        add_partitions(worker, index);
        admin_move(worker, index);
    }
    if (topic->open)
        return;
    if (topic->deleting)
        delete (worker, index);
    else if (topic->wanted && !topic->exists &&
             run_unanswered(worker->run, index) == 0)
        create(worker, index);
    else if (topic->exists && topic->alteration_count > 0)
        alter(worker, index);
    else if (topic->exists && !truncate_one(worker, index))
        elect_one(worker, index);
}

/* ---- metadata ---- */

static void take_partition(struct run_topic *topic,
                           const Kq__PartitionMetadata *metadata)
{
    struct run_partition *partition;

    if (metadata->partition >= topic->partition_count)
        return;
    partition = &topic->partitions[metadata->partition];
    partition->led = metadata->has_leader && metadata->error == ERROR_NONE;
    partition->in_sync = (uint32_t)metadata->n_isr;
    partition->replicas = (uint32_t)metadata->n_replicas;
    partition->moving = metadata->n_adding > 0 || metadata->n_removing > 0;
    partition->assigned = 0;
    for (size_t i = 0; i < metadata->n_replicas; i++)
        if (metadata->replicas[i] - 1 < SCENARIO_BROKERS_MAX)
            partition->assigned |= 1u << (metadata->replicas[i] - 1);
}

static void take_topic(struct run *run, const Kq__TopicMetadata *metadata)
{
    struct uuid id;
    size_t index = 0;
    struct run_topic *topic;

    while (index < run->scenario->topic_count &&
           strcmp(run->topics[index].topic->name, metadata->name) != 0)
        index++;
    if (index == run->scenario->topic_count || !metadata->has_topic_id ||
        metadata->error != ERROR_NONE ||
        !uuid_from_bytes(metadata->topic_id.data, metadata->topic_id.len, &id))
        return;
    topic = &run->topics[index];
    if (topic->wanted && !topic->exists && !topic->deleting &&
        !uuid_equal(&topic->id, &id))
        run_topic_exists(run, index, &id); /* the answer was lost */
    if (!topic->exists || !uuid_equal(&topic->id, &id))
        return;
    run_topic_has(topic, metadata->n_partitions);
    for (size_t i = 0; i < metadata->n_partitions; i++)
        take_partition(topic, metadata->partitions[i]);
    for (size_t i = metadata->n_partitions; i < topic->partition_count; i++)
        topic->partitions[i].led = false; /* that broker does not know it */
}

static void described(void *context, enum error error,
                      const Kq__Message *answer)
{
    struct ask *ask = context;
    struct worker *worker = ask->worker;

    worker->metadata_open = false;
    if (error == ERROR_NONE && answer != NULL &&
        answer->body_case == KQ__MESSAGE__BODY_METADATA_RESPONSE) {
        const Kq__MetadataResponse *response = answer->metadata_response;

        for (size_t i = 0; i < response->n_topics; i++)
            take_topic(worker->run, response->topics[i]);
    }
    ask_free(ask);
}

static void describe(struct worker *worker)
{
    const struct scenario *scenario = worker->run->scenario;
    struct ask *ask;

    if (worker->metadata_open ||
        worker->seam->now.monotonic_us < worker->next_metadata_us)
        return;
    worker->metadata_open = true;
    worker->next_metadata_us = worker->seam->now.monotonic_us + METADATA_US;
    ask = ask_new(worker, 0);
    kq__metadata_request__init(&ask->metadata);
    for (size_t i = 0; i < scenario->topic_count; i++)
        ask->names[i] = scenario->topics[i].name;
    ask->metadata.n_topics = scenario->topic_count;
    ask->metadata.topics = ask->names;
    ask->message.body_case = KQ__MESSAGE__BODY_METADATA_REQUEST;
    ask->message.metadata_request = &ask->metadata;
    client_request(worker->client, &ask->message, false, REQUEST_US, described,
                   ask);
}

/* ---- after faults ---- */

static void written(struct worker *worker, size_t topic, uint32_t index,
                    bool kept, int64_t offset)
{
    struct run_partition *partition =
        &worker->run->topics[topic].partitions[index];

    partition->write_open = false;
    if (!kept)
        return;
    partition->written = true;
    partition->written_offset = offset;
}

static void write_each(struct worker *worker, size_t index)
{
    struct run_topic *topic = &worker->run->topics[index];

    if (!topic->exists)
        return;
    for (uint32_t i = 0; i < topic->partition_count; i++) {
        struct run_partition *partition = &topic->partitions[i];
        struct sending sending = {.topic = index,
                                  .partition = i,
                                  .record_bytes = CLOSING_SIZE,
                                  .timestamp_ms = -1,
                                  .acks = -1,
                                  .idempotent = true,
                                  .done = written};

        if (!partition->written && !partition->write_open)
            partition->write_open = worker_send(worker, &sending);
    }
}

static void read_each(struct worker *worker)
{
    const struct run *run = worker->run;
    struct heap *heap = worker->seam->heap;

    for (size_t t = 0; t < run->scenario->topic_count; t++)
        worker->reader_count += run->topics[t].partition_count;
    worker->readers =
        heap_alloc(heap, worker->reader_count * sizeof(struct reader *));
    worker->reader_count = 0;
    for (size_t t = 0; t < run->scenario->topic_count; t++)
        for (uint32_t i = 0; i < run->topics[t].partition_count; i++)
            worker->readers[worker->reader_count++] =
                reader_new(worker, t, i, true);
}

static void tick(struct timer *timer)
{
    struct worker *worker = container_of(timer, struct worker, timer);
    struct run *run = worker->run;
    bool missing = false;

    for (size_t i = 0; i < run->scenario->topic_count; i++) {
        look_after(worker, i);
        missing |= (run->topics[i].wanted && !run->topics[i].exists) ||
                   run_topic_asked(&run->topics[i]);
        if (run->phase == PHASE_HEAL)
            write_each(worker, i);
    }
    if (missing || run->phase == PHASE_SETUP || run->phase == PHASE_HEAL)
        describe(worker);
    if (run->phase == PHASE_CLOSING) {
        if (worker->readers == NULL)
            read_each(worker);
        for (size_t i = 0; i < worker->reader_count; i++)
            reader_again(worker->readers[i], false);
    }
    worker_wake(worker, TICK_US);
}

void admin_begin(struct worker *worker)
{
    worker->timer.fire = tick;
    worker_wake(worker, TICK_US);
}
