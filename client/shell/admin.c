/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests whose caller waits: each becomes a task on the loop, which asks
 * the engine and finishes when the answer is there. A description is copied
 * out of the answer into one list of blocks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/uuid.h"
#include "client/shell/internal.h"

struct question {
    struct task task;
    struct kq_client *client;
    Kq__Message message;
    bool to_controller;
    int64_t timeout_ms;
    enum kq_error error;
    int64_t offset; /* the log start; how far a clock is off */
    bool believed;
    struct kq_election election;
    char *detail;                /* KQ_DETAIL_BYTES, or NULL */
    struct kq_cluster **cluster; /* metadata: where the copy goes, or NULL */
    struct kq_reassign_result *results; /* as many as were asked for */
    size_t result_count;
};

static void describe(const Kq__MetadataResponse *from,
                     struct kq_cluster **cluster);

/* ---- asking ---- */

static void keep_detail(struct question *question, uint32_t error,
                        const char *detail)
{
    question->error = (enum kq_error)error_from_code(error);
    if (question->detail != NULL && detail != NULL)
        snprintf(question->detail, KQ_DETAIL_BYTES, "%s", detail);
}

static void keep_results(struct question *question,
                         const Kq__ReassignResponse *answer)
{
    question->error = (enum kq_error)error_from_code(answer->error);
    if (question->error != KQ_ERROR_NONE)
        return;
    if (answer->n_results != question->result_count) {
        question->error = KQ_ERROR_BAD_FRAME;
        return;
    }
    for (size_t i = 0; i < question->result_count; i++) {
        const Kq__ReassignResult *from = answer->results[i];

        question->results[i].error =
            (enum kq_error)error_from_code(from->error);
        snprintf(question->results[i].detail, KQ_DETAIL_BYTES, "%s",
                 from->detail ? from->detail : "");
    }
}

static void keep_answer(struct question *question, const Kq__Message *answer)
{
    switch (answer->body_case) {
    case KQ__MESSAGE__BODY_CREATE_TOPIC_RESPONSE:
        keep_detail(question, answer->create_topic_response->error,
                    answer->create_topic_response->detail);
        return;
    case KQ__MESSAGE__BODY_DELETE_TOPIC_RESPONSE:
        keep_detail(question, answer->delete_topic_response->error,
                    answer->delete_topic_response->detail);
        return;
    case KQ__MESSAGE__BODY_ALTER_TOPIC_RESPONSE:
        keep_detail(question, answer->alter_topic_response->error,
                    answer->alter_topic_response->detail);
        return;
    case KQ__MESSAGE__BODY_DELETE_RECORDS_RESPONSE:
        keep_detail(question, answer->delete_records_response->error,
                    answer->delete_records_response->detail);
        question->offset =
            (int64_t)answer->delete_records_response->log_start_offset;
        return;
    case KQ__MESSAGE__BODY_CLOCK_RESPONSE:
        question->error =
            (enum kq_error)error_from_code(answer->clock_response->error);
        question->believed = answer->clock_response->believed;
        question->offset = answer->clock_response->apart_ms;
        return;
    case KQ__MESSAGE__BODY_ELECT_LEADERS_RESPONSE:
        keep_detail(question, answer->elect_leaders_response->error,
                    answer->elect_leaders_response->detail);
        question->election =
            (struct kq_election){answer->elect_leaders_response->moved,
                                 answer->elect_leaders_response->left};
        return;
    case KQ__MESSAGE__BODY_REASSIGN_RESPONSE:
        keep_results(question, answer->reassign_response);
        return;
    case KQ__MESSAGE__BODY_METADATA_RESPONSE:
        if (question->cluster != NULL)
            describe(answer->metadata_response, question->cluster);
        return;
    default:
        question->error = KQ_ERROR_BAD_FRAME;
        return;
    }
}

static void on_answer(void *context, enum error error,
                      const Kq__Message *answer)
{
    struct question *question = context;

    question->error = (enum kq_error)error;
    if (error == ERROR_NONE)
        keep_answer(question, answer);
    task_finish(question->client, &question->task);
}

static void run_question(struct kq_client *client, struct task *task)
{
    struct question *question = container_of(task, struct question, task);

    client_request(client->engine, &question->message, question->to_controller,
                   question->timeout_ms * 1000, on_answer, question);
}

static enum kq_error ask(struct kq_client *client, struct question *question)
{
    question->client = client;
    question->task.run = run_question;
    client_run(client, &question->task);
    return question->error;
}

/* ---- topics ---- */

static void question_init(struct question *question, int64_t timeout_ms)
{
    memset(question, 0, sizeof *question);
    kq__message__init(&question->message);
    question->timeout_ms = timeout_ms;
}

static Kq__ConfigEntry **copy_settings(const struct kq_topic_options *options,
                                       Kq__ConfigEntry **block)
{
    size_t count = options->setting_count;
    Kq__ConfigEntry *entries = calloc(count + 1, sizeof *entries);
    Kq__ConfigEntry **pointers = calloc(count + 1, sizeof *pointers);

    ASSERT(entries != NULL);
    ASSERT(pointers != NULL);
    for (size_t i = 0; i < count; i++) {
        kq__config_entry__init(&entries[i]);
        entries[i].key = (char *)(uintptr_t)options->settings[i].key;
        entries[i].value = (char *)(uintptr_t)options->settings[i].value;
        pointers[i] = &entries[i];
    }
    *block = entries;
    return pointers;
}

enum kq_error kq_topic_create(struct kq_client *client, const char *name,
                              const struct kq_topic_options *options,
                              int64_t timeout_ms, char detail[KQ_DETAIL_BYTES])
{
    Kq__CreateTopicRequest body = KQ__CREATE_TOPIC_REQUEST__INIT;
    struct question question;
    Kq__ConfigEntry *entries;
    enum kq_error error;

    question_init(&question, timeout_ms);
    question.to_controller = true;
    question.detail = detail;
    if (detail != NULL)
        *detail = '\0';
    body.name = (char *)(uintptr_t)name;
    body.partition_count = options->partitions;
    body.replication_factor = options->replicas;
    body.n_configs = options->setting_count;
    body.configs = copy_settings(options, &entries);
    question.message.body_case = KQ__MESSAGE__BODY_CREATE_TOPIC_REQUEST;
    question.message.create_topic_request = &body;
    error = ask(client, &question);
    free(entries);
    free(body.configs);
    return error;
}

enum kq_error kq_topic_delete(struct kq_client *client, const char *name,
                              int64_t timeout_ms, char detail[KQ_DETAIL_BYTES])
{
    Kq__DeleteTopicRequest body = KQ__DELETE_TOPIC_REQUEST__INIT;
    struct question question;

    question_init(&question, timeout_ms);
    question.to_controller = true;
    question.detail = detail;
    if (detail != NULL)
        *detail = '\0';
    body.name = (char *)(uintptr_t)name;
    question.message.body_case = KQ__MESSAGE__BODY_DELETE_TOPIC_REQUEST;
    question.message.delete_topic_request = &body;
    return ask(client, &question);
}

enum kq_error kq_topic_alter(struct kq_client *client, const char *name,
                             const struct kq_setting *settings, size_t count,
                             int64_t timeout_ms, char detail[KQ_DETAIL_BYTES])
{
    Kq__AlterTopicRequest body = KQ__ALTER_TOPIC_REQUEST__INIT;
    Kq__SettingChange *changes = calloc(count + 1, sizeof *changes);
    Kq__SettingChange **pointers = calloc(count + 1, sizeof *pointers);
    struct question question;
    enum kq_error error;

    ASSERT(changes != NULL);
    ASSERT(pointers != NULL);
    for (size_t i = 0; i < count; i++) {
        kq__setting_change__init(&changes[i]);
        changes[i].key = (char *)(uintptr_t)settings[i].key;
        changes[i].value = (char *)(uintptr_t)settings[i].value;
        pointers[i] = &changes[i];
    }
    question_init(&question, timeout_ms);
    question.to_controller = true;
    question.detail = detail;
    if (detail != NULL)
        *detail = '\0';
    body.name = (char *)(uintptr_t)name;
    body.n_changes = count;
    body.changes = pointers;
    question.message.body_case = KQ__MESSAGE__BODY_ALTER_TOPIC_REQUEST;
    question.message.alter_topic_request = &body;
    error = ask(client, &question);
    free(pointers);
    free(changes);
    return error;
}

enum kq_error kq_topic_add_partitions(struct kq_client *client,
                                      const char *name, uint32_t partitions,
                                      int64_t timeout_ms,
                                      char detail[KQ_DETAIL_BYTES])
{
    Kq__AlterTopicRequest body = KQ__ALTER_TOPIC_REQUEST__INIT;
    struct question question;
    struct kq_cluster *cluster;
    enum kq_error error;

    if (detail != NULL)
        *detail = '\0';
    if (partitions == 0)
        return KQ_ERROR_INVALID_ARGUMENT;
    /* With what is known now, a request whose answer is lost can be repeated.
     */
    error = kq_cluster_describe(client, name, timeout_ms, &cluster);
    if (error != KQ_ERROR_NONE)
        return error;
    question_init(&question, timeout_ms);
    question.to_controller = true;
    question.detail = detail;
    body.name = (char *)(uintptr_t)name;
    body.has_partition_count = 1;
    body.partition_count = partitions;
    body.has_known_partition_count = 1;
    body.known_partition_count = (uint32_t)cluster->topics[0].partition_count;
    kq_cluster_free(cluster);
    question.message.body_case = KQ__MESSAGE__BODY_ALTER_TOPIC_REQUEST;
    question.message.alter_topic_request = &body;
    return ask(client, &question);
}

enum kq_error kq_records_delete(struct kq_client *client,
                                const struct kq_deletion *deletion,
                                int64_t timeout_ms, int64_t *log_start_offset,
                                char detail[KQ_DETAIL_BYTES])
{
    Kq__DeleteRecordsRequest body = KQ__DELETE_RECORDS_REQUEST__INIT;
    struct question question;
    enum kq_error error;

    question_init(&question, timeout_ms);
    question.detail = detail;
    if (detail != NULL)
        *detail = '\0';
    body.topic = (char *)(uintptr_t)deletion->topic;
    body.partition = (uint32_t)deletion->partition;
    body.before_offset = (uint64_t)deletion->before_offset;
    question.message.body_case = KQ__MESSAGE__BODY_DELETE_RECORDS_REQUEST;
    question.message.delete_records_request = &body;
    error = ask(client, &question);
    if (log_start_offset != NULL)
        *log_start_offset = question.offset;
    return error;
}

enum kq_error kq_leaders_elect(struct kq_client *client, const char *topic,
                               int64_t timeout_ms, struct kq_election *election)
{
    Kq__ElectLeadersRequest body = KQ__ELECT_LEADERS_REQUEST__INIT;
    struct question question;
    enum kq_error error;

    question_init(&question, timeout_ms);
    question.to_controller = true;
    body.topic = (char *)(uintptr_t)topic;
    question.message.body_case = KQ__MESSAGE__BODY_ELECT_LEADERS_REQUEST;
    question.message.elect_leaders_request = &body;
    error = ask(client, &question);
    *election = question.election;
    return error;
}

enum kq_error kq_leader_elect_uncleanly(struct kq_client *client,
                                        const char *topic, int32_t partition,
                                        int32_t broker, int64_t timeout_ms,
                                        char detail[KQ_DETAIL_BYTES])
{
    Kq__ElectLeadersRequest body = KQ__ELECT_LEADERS_REQUEST__INIT;
    Kq__UncleanElection unclean = KQ__UNCLEAN_ELECTION__INIT;
    struct question question;

    question_init(&question, timeout_ms);
    question.to_controller = true;
    question.detail = detail;
    if (detail != NULL)
        *detail = '\0';
    body.topic = (char *)(uintptr_t)topic;
    body.unclean = &unclean;
    unclean.partition = (uint32_t)partition;
    unclean.broker_id = (uint32_t)broker;
    question.message.body_case = KQ__MESSAGE__BODY_ELECT_LEADERS_REQUEST;
    question.message.elect_leaders_request = &body;
    return ask(client, &question);
}

/* One list of a message: its items, their fields, and their brokers. */
struct reassign_body {
    Kq__Reassignment *items;
    Kq__Reassignment **pointers;
    uint32_t *replicas;
};

static struct reassign_body reassign_body(const struct kq_reassignment *from,
                                          size_t count)
{
    struct reassign_body body;
    size_t replica_count = 0;
    uint32_t *at;

    for (size_t i = 0; i < count; i++)
        replica_count += from[i].replica_count;
    body.items = calloc(count + 1, sizeof *body.items);
    body.pointers = calloc(count + 1, sizeof *body.pointers);
    at = body.replicas = calloc(replica_count + 1, sizeof *body.replicas);
    ASSERT(body.items != NULL);
    ASSERT(body.pointers != NULL);
    ASSERT(body.replicas != NULL);
    for (size_t i = 0; i < count; i++) {
        Kq__Reassignment *item = body.pointers[i] = &body.items[i];

        kq__reassignment__init(item);
        item->topic = (char *)(uintptr_t)from[i].topic;
        item->partition = (uint32_t)from[i].partition;
        item->has_copy_rate = from[i].copy_rate > 0;
        item->copy_rate = from[i].copy_rate;
        item->n_replicas = from[i].replica_count;
        item->replicas = at;
        for (size_t k = 0; k < from[i].replica_count; k++)
            *at++ = (uint32_t)from[i].replicas[k];
    }
    return body;
}

enum kq_error kq_reassign(struct kq_client *client,
                          const struct kq_reassignment *items, size_t count,
                          int64_t timeout_ms,
                          struct kq_reassign_result *results)
{
    struct reassign_body list = reassign_body(items, count);
    Kq__ReassignRequest body = KQ__REASSIGN_REQUEST__INIT;
    struct question question;
    enum kq_error error;

    question_init(&question, timeout_ms);
    question.to_controller = true;
    question.results = results;
    question.result_count = count;
    body.n_partitions = count;
    body.partitions = list.pointers;
    question.message.body_case = KQ__MESSAGE__BODY_REASSIGN_REQUEST;
    question.message.reassign_request = &body;
    error = ask(client, &question);
    for (size_t i = 0; error != KQ_ERROR_NONE && i < count; i++)
        results[i] = (struct kq_reassign_result){.error = error};
    free(list.replicas);
    free(list.pointers);
    free(list.items);
    return error;
}

enum kq_error kq_broker_clock(struct kq_client *client, int32_t broker,
                              bool believe, int64_t timeout_ms,
                              struct kq_clock *clock)
{
    Kq__ClockRequest body = KQ__CLOCK_REQUEST__INIT;
    struct question question;
    enum kq_error error;

    question_init(&question, timeout_ms);
    body.broker_id = (uint32_t)broker;
    body.has_believe = believe;
    body.believe = believe;
    question.message.body_case = KQ__MESSAGE__BODY_CLOCK_REQUEST;
    question.message.clock_request = &body;
    error = ask(client, &question);
    *clock = (struct kq_clock){question.believed, question.offset};
    return error;
}

enum kq_error kq_client_wait(struct kq_client *client, int64_t timeout_ms)
{
    Kq__MetadataRequest body = KQ__METADATA_REQUEST__INIT;
    struct question question;

    question_init(&question, timeout_ms);
    question.message.body_case = KQ__MESSAGE__BODY_METADATA_REQUEST;
    question.message.metadata_request = &body;
    return ask(client, &question);
}

static enum kq_error describe_cluster(struct kq_client *client,
                                      const char *topic, bool check,
                                      int64_t timeout_ms,
                                      struct kq_cluster **cluster)
{
    Kq__MetadataRequest body = KQ__METADATA_REQUEST__INIT;
    char *name = (char *)(uintptr_t)topic;
    struct question question;
    enum kq_error error;

    *cluster = NULL;
    question_init(&question, timeout_ms);
    question.cluster = cluster;
    body.has_defaults = topic != NULL;
    body.defaults = topic != NULL;
    body.has_check = body.check = check;
    body.has_all_topics = topic == NULL;
    body.all_topics = topic == NULL;
    body.topics = &name;
    body.n_topics = topic == NULL ? 0 : 1;
    question.message.body_case = KQ__MESSAGE__BODY_METADATA_REQUEST;
    question.message.metadata_request = &body;
    error = ask(client, &question);
    if (error == KQ_ERROR_NONE && topic != NULL)
        error = (*cluster)->topic_count == 1 ? (*cluster)->topics[0].error
                                             : KQ_ERROR_BAD_FRAME;
    if (error == KQ_ERROR_NONE)
        return error;
    kq_cluster_free(*cluster);
    *cluster = NULL;
    return error;
}

enum kq_error kq_cluster_describe(struct kq_client *client, const char *topic,
                                  int64_t timeout_ms,
                                  struct kq_cluster **cluster)
{
    return describe_cluster(client, topic, false, timeout_ms, cluster);
}

enum kq_error kq_cluster_check(struct kq_client *client, int64_t timeout_ms,
                               struct kq_cluster **cluster)
{
    return describe_cluster(client, NULL, true, timeout_ms, cluster);
}

/* ---- how far new replicas are ---- */

static bool is_led_move(const struct kq_partition *partition, int32_t leader)
{
    return partition->leader == leader && partition->adding_count > 0;
}

static bool leads_move(const struct kq_topic *topic, int32_t leader)
{
    for (size_t i = 0; i < topic->partition_count; i++)
        if (is_led_move(&topic->partitions[i], leader))
            return true;
    return false;
}

/* What the leader says of its partitions, where it still is about the same
 * brokers; the descriptions are all ours to write to. */
static void take_progress(const struct kq_topic *from,
                          const struct kq_topic *topic, int32_t leader)
{
    struct kq_partition *partitions =
        (struct kq_partition *)(uintptr_t)topic->partitions;

    for (size_t i = 0; i < topic->partition_count && i < from->partition_count;
         i++) {
        const struct kq_partition *said = &from->partitions[i];
        struct kq_partition *to = &partitions[i];
        struct kq_new_replica *adding =
            (struct kq_new_replica *)(uintptr_t)to->adding;

        if (!is_led_move(to, leader) || said->adding_count != to->adding_count)
            continue;
        to->copy_start_offset = said->copy_start_offset;
        to->copy_end_offset = said->copy_end_offset;
        for (size_t k = 0; k < to->adding_count; k++)
            if (said->adding[k].broker == adding[k].broker)
                adding[k].copied_offset = said->adding[k].copied_offset;
    }
}

static void ask_leader(struct kq_client *client, struct kq_cluster *cluster,
                       int32_t leader, int64_t timeout_ms)
{
    Kq__MetadataRequest body = KQ__METADATA_REQUEST__INIT;
    size_t *asked = calloc(cluster->topic_count + 1, sizeof *asked);
    struct kq_cluster *said = NULL;
    struct question question;

    body.topics = calloc(cluster->topic_count + 1, sizeof *body.topics);
    ASSERT(asked != NULL);
    ASSERT(body.topics != NULL);
    for (size_t i = 0; i < cluster->topic_count; i++) {
        if (!leads_move(&cluster->topics[i], leader))
            continue;
        asked[body.n_topics] = i;
        body.topics[body.n_topics++] =
            (char *)(uintptr_t)cluster->topics[i].name;
    }
    question_init(&question, timeout_ms);
    question.cluster = &said;
    body.has_broker_id = 1;
    body.broker_id = (uint32_t)leader;
    question.message.body_case = KQ__MESSAGE__BODY_METADATA_REQUEST;
    question.message.metadata_request = &body;
    if (body.n_topics > 0 && ask(client, &question) == KQ_ERROR_NONE)
        for (size_t i = 0; i < said->topic_count && i < body.n_topics; i++)
            take_progress(&said->topics[i], &cluster->topics[asked[i]], leader);
    kq_cluster_free(said);
    free(body.topics);
    free(asked);
}

enum kq_error kq_moves_describe(struct kq_client *client, int64_t timeout_ms,
                                int64_t leader_timeout_ms,
                                struct kq_cluster **cluster)
{
    Kq__MetadataRequest body = KQ__METADATA_REQUEST__INIT;
    struct question question;
    enum kq_error error;

    *cluster = NULL;
    question_init(&question, timeout_ms);
    question.to_controller = true;
    question.cluster = cluster;
    body.has_all_topics = body.all_topics = 1;
    question.message.body_case = KQ__MESSAGE__BODY_METADATA_REQUEST;
    question.message.metadata_request = &body;
    error = ask(client, &question);
    if (error != KQ_ERROR_NONE)
        return error;
    for (size_t i = 0; leader_timeout_ms > 0 && i < (*cluster)->broker_count;
         i++)
        ask_leader(client, *cluster, (*cluster)->brokers[i].id,
                   leader_timeout_ms);
    return KQ_ERROR_NONE;
}

/* ---- the copy of a description ---- */

struct block {
    struct block *next;
    max_align_t bytes[];
};

/* What kq_cluster_describe() hands out, and what it hangs on. */
struct description {
    struct kq_cluster cluster;
    struct block *blocks;
};

static void *take(struct description *to, size_t size)
{
    struct block *block = calloc(1, sizeof *block + size + 1);

    ASSERT(block != NULL);
    block->next = to->blocks;
    to->blocks = block;
    return block->bytes;
}

static const char *copy_text(struct description *to, const char *text)
{
    size_t size = strlen(text) + 1;

    return memcpy(take(to, size), text, size);
}

static void copy_id(bool has, const ProtobufCBinaryData *from, char to[33])
{
    struct uuid id;

    _Static_assert(UUID_TEXT_SIZE == 33, "ids have 32 digits");
    *to = '\0';
    if (has && uuid_from_bytes(from->data, from->len, &id))
        uuid_format(&id, to);
}

static const int32_t *copy_ids(struct description *to, const uint32_t *from,
                               size_t count)
{
    int32_t *ids = take(to, count * sizeof *ids);

    for (size_t i = 0; i < count; i++)
        ids[i] = (int32_t)from[i];
    return ids;
}

static int64_t copied_offset(const Kq__PartitionMetadata *from, uint32_t broker)
{
    for (size_t i = 0; i < from->n_progress; i++)
        if (from->progress[i]->broker_id == broker &&
            from->progress[i]->has_counted_offset)
            return (int64_t)from->progress[i]->counted_offset;
    return -1;
}

static const struct kq_new_replica *copy_adding(
    struct description *to, const Kq__PartitionMetadata *from)
{
    struct kq_new_replica *adding = take(to, from->n_adding * sizeof *adding);

    for (size_t i = 0; i < from->n_adding; i++)
        adding[i] = (struct kq_new_replica){
            (int32_t)from->adding[i], copied_offset(from, from->adding[i])};
    return adding;
}

static struct kq_partition copy_partition(struct description *to,
                                          const Kq__PartitionMetadata *from)
{
    return (struct kq_partition){
        .leader = from->has_leader ? (int32_t)from->leader : -1,
        .leader_epoch = from->leader_epoch,
        .min = from->min,
        .replicas = copy_ids(to, from->replicas, from->n_replicas),
        .replica_count = from->n_replicas,
        .isr = copy_ids(to, from->isr, from->n_isr),
        .isr_count = from->n_isr,
        .eligible = copy_ids(to, from->eligible, from->n_eligible),
        .eligible_count = from->n_eligible,
        .log_start_offset = (int64_t)from->log_start_floor,
        .lazy = from->has_lazy && from->lazy,
        .adding = copy_adding(to, from),
        .adding_count = from->n_adding,
        .removing = copy_ids(to, from->removing, from->n_removing),
        .removing_count = from->n_removing,
        .copy_rate = from->copy_rate,
        .copy_start_offset =
            from->has_log_start_offset ? (int64_t)from->log_start_offset : -1,
        .copy_end_offset =
            from->has_log_end_offset ? (int64_t)from->log_end_offset : -1,
    };
}

static const struct kq_setting *copy_configs(struct description *to,
                                             Kq__ConfigEntry *const *from,
                                             size_t count)
{
    struct kq_setting *settings = take(to, count * sizeof *settings);

    for (size_t i = 0; i < count; i++) {
        settings[i].key = copy_text(to, from[i]->key);
        settings[i].value = copy_text(to, from[i]->value);
    }
    return settings;
}

static void copy_topic(struct description *to, const Kq__TopicMetadata *from,
                       struct kq_topic *topic)
{
    struct kq_partition *partitions =
        take(to, from->n_partitions * sizeof *partitions);

    topic->name = copy_text(to, from->name);
    topic->error = (enum kq_error)error_from_code(from->error);
    copy_id(from->has_topic_id, &from->topic_id, topic->id);
    for (size_t i = 0; i < from->n_partitions; i++)
        partitions[i] = copy_partition(to, from->partitions[i]);
    topic->partitions = partitions;
    topic->partition_count = from->n_partitions;
    topic->settings = copy_configs(to, from->configs, from->n_configs);
    topic->setting_count = from->n_configs;
}

static void copy_broker(struct description *to, const Kq__BrokerEndpoint *from,
                        struct kq_broker *broker)
{
    size_t count = from->n_offline_log_directories;
    struct kq_log_directory *directories =
        take(to, count * sizeof *directories);

    for (size_t i = 0; i < count; i++) {
        const Kq__OfflineLogDirectory *directory =
            from->offline_log_directories[i];

        directories[i].path = copy_text(to, directory->path);
        directories[i].detail =
            copy_text(to, directory->detail ? directory->detail : "");
    }
    *broker = (struct kq_broker){
        .id = (int32_t)from->broker_id,
        .host = copy_text(to, from->host),
        .port = (uint16_t)from->port,
        .rack = copy_text(to, from->rack ? from->rack : ""),
        .offline_directories = directories,
        .offline_directory_count = count,
        .offline_replica_count = from->offline_replicas,
        .leaving = from->has_leaving && from->leaving,
    };
}

static void copy_damaged(struct description *to,
                         const Kq__MetadataResponse *from)
{
    struct kq_damaged_znode *damaged =
        take(to, from->n_damaged * sizeof *damaged);

    for (size_t i = 0; i < from->n_damaged; i++) {
        damaged[i].path = copy_text(to, from->damaged[i]->path);
        damaged[i].why = copy_text(to, from->damaged[i]->why);
        damaged[i].way_out = copy_text(to, from->damaged[i]->way_out);
    }
    to->cluster.damaged = damaged;
    to->cluster.damaged_count = from->n_damaged;
}

static void describe(const Kq__MetadataResponse *from,
                     struct kq_cluster **cluster)
{
    struct description *to = calloc(1, sizeof *to);
    struct kq_broker *brokers;
    struct kq_topic *topics;

    ASSERT(to != NULL);
    brokers = take(to, from->n_brokers * sizeof *brokers);
    topics = take(to, from->n_topics * sizeof *topics);
    copy_id(from->has_cluster_id, &from->cluster_id, to->cluster.id);
    to->cluster.controller =
        from->has_controller ? (int32_t)from->controller : -1;
    for (size_t i = 0; i < from->n_brokers; i++)
        copy_broker(to, from->brokers[i], &brokers[i]);
    for (size_t i = 0; i < from->n_topics; i++)
        copy_topic(to, from->topics[i], &topics[i]);
    to->cluster.defaults = copy_configs(to, from->defaults, from->n_defaults);
    to->cluster.default_count = from->n_defaults;
    copy_damaged(to, from);
    to->cluster.brokers = brokers;
    to->cluster.broker_count = from->n_brokers;
    to->cluster.topics = topics;
    to->cluster.topic_count = from->n_topics;
    *cluster = &to->cluster;
}

void kq_cluster_free(struct kq_cluster *cluster)
{
    struct description *description = (struct description *)(void *)cluster;
    struct block *block;

    if (cluster == NULL)
        return;
    while ((block = description->blocks) != NULL) {
        description->blocks = block->next;
        free(block);
    }
    free(description);
}
