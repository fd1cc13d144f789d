/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests that read: metadata, offsets, whether the clock is believed; and
 * numbers for producers.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "cluster/topic_config.h"
#include "rules/reassign.h"
#include "seam/memory.h"
#include "server/internal.h"

#define CHECK_US 3000000 /* a reading of all znodes is waited for so long */

struct partition *find_partition(struct broker *broker,
                                 ProtobufCBinaryData topic_id, uint32_t index,
                                 enum error *error)
{
    struct partition_key key = {.partition = index};
    struct partition *partition;

    *error = ERROR_UNKNOWN_TOPIC;
    if (!uuid_from_bytes(topic_id.data, topic_id.len, &key.topic_id))
        return NULL;
    partition = replicas_find(&broker->replicas, &key);
    if (partition != NULL) {
        *error = ERROR_NONE;
        return partition;
    }
    if (metadata_topic_by_id(&broker->metadata, &key.topic_id) != NULL)
        *error = ERROR_NOT_LEADER;
    return NULL;
}

/* ---- metadata ---- */

/* Everything of one answer, freed at once. */
struct answer {
    struct broker *broker;
    struct list blocks;
};

struct block {
    struct list node;
    max_align_t bytes[];
};

static void *take(struct answer *answer, size_t size)
{
    struct block *block =
        heap_alloc(answer->broker->seam->heap, sizeof *block + size + 1);

    list_init(&block->node);
    list_append(&answer->blocks, &block->node);
    return block->bytes;
}

static void answer_release(struct answer *answer)
{
    struct list *node;

    while ((node = list_pop(&answer->blocks)) != NULL)
        heap_free(answer->broker->seam->heap,
                  container_of(node, struct block, node));
}

static uint32_t *ids_of(struct answer *answer, const struct replica_set *set)
{
    uint32_t *ids = take(answer, set->count * sizeof *ids);

    for (uint32_t i = 0; i < set->count; i++)
        ids[i] = set->members[i].broker_id;
    return ids;
}

static void describe_partition(struct answer *answer,
                               const struct partition_state *state,
                               uint32_t index, Kq__PartitionMetadata *to)
{
    kq__partition_metadata__init(to);
    to->partition = index;
    to->error = state->leader == NO_BROKER ? ERROR_NO_LEADER : ERROR_NONE;
    to->has_leader = state->leader != NO_BROKER;
    to->leader = state->leader;
    to->leader_epoch = state->leader_epoch;
    to->n_replicas = state->replica_count;
    to->replicas = (uint32_t *)(uintptr_t)state->replicas;
    to->n_isr = state->isr.count;
    to->isr = ids_of(answer, &state->isr);
    to->n_eligible = state->eligible.count;
    to->eligible = ids_of(answer, &state->eligible);
    to->min = state->min;
    to->log_start_floor = (uint64_t)state->log_start_floor;
    to->has_lazy = state->lazy;
    to->lazy = state->lazy;
}

/* How far those that are to come are; the leader alone knows. */
static void describe_progress(struct answer *answer,
                              const struct partition *partition,
                              Kq__PartitionMetadata *to)
{
    Kq__ReplicaProgress *progress =
        take(answer, to->n_adding * sizeof *progress);

    to->has_log_start_offset = to->has_log_end_offset = 1;
    to->log_start_offset = (uint64_t)partition_log_start(partition);
    to->log_end_offset = (uint64_t)partition->log->log_end_offset;
    to->progress = take(answer, to->n_adding * sizeof *to->progress);
    to->n_progress = to->n_adding;
    for (size_t i = 0; i < to->n_adding; i++) {
        Kq__ReplicaProgress *at = to->progress[i] = &progress[i];
        int64_t counted, durable;

        kq__replica_progress__init(at);
        at->broker_id = to->adding[i];
        if (!partition_follower_at(partition, at->broker_id, &counted,
                                   &durable))
            continue;
        at->has_counted_offset = at->has_durable_offset = 1;
        at->counted_offset = (uint64_t)counted;
        at->durable_offset = (uint64_t)durable;
    }
}

static void describe_reassignment(struct answer *answer,
                                  const struct partition_key *key,
                                  const struct partition_state *state,
                                  Kq__PartitionMetadata *to)
{
    struct partition *partition;

    if (!partition_state_reassigned(state))
        return;
    to->adding = take(answer, state->target_count * sizeof *to->adding);
    for (uint32_t i = 0; i < state->target_count; i++)
        if (partition_state_is_adding(state, state->replicas[i]))
            to->adding[to->n_adding++] = state->replicas[i];
    to->n_removing = state->replica_count - state->target_count;
    to->removing = to->replicas + state->target_count;
    to->has_copy_rate = state->copy_rate > 0;
    to->copy_rate = state->copy_rate;
    partition = replicas_find(&answer->broker->replicas, key);
    if (partition != NULL && partition->role == PARTITION_LEADER)
        describe_progress(answer, partition, to);
}

static Kq__TopicMetadata *describe_topic(struct answer *answer,
                                         const struct topic *topic)
{
    Kq__TopicMetadata *to = take(answer, sizeof *to);
    Kq__PartitionMetadata *partitions =
        take(answer, topic->partition_count * sizeof *partitions);
    Kq__ConfigEntry *configs =
        take(answer, topic->config_count * sizeof *configs);

    kq__topic_metadata__init(to);
    to->name = topic->name;
    to->has_topic_id = 1;
    to->topic_id.data = (uint8_t *)(uintptr_t)topic->id.bytes;
    to->topic_id.len = sizeof topic->id.bytes;
    to->n_partitions = topic->partition_count;
    to->partitions =
        take(answer, topic->partition_count * sizeof *to->partitions);
    for (uint32_t i = 0; i < topic->partition_count; i++) {
        describe_partition(answer, &topic->states[i], i, &partitions[i]);
        describe_reassignment(answer, &(struct partition_key){topic->id, i},
                              &topic->states[i], &partitions[i]);
        to->partitions[i] = &partitions[i];
    }
    to->n_configs = topic->config_count;
    to->configs = take(answer, topic->config_count * sizeof *to->configs);
    for (size_t i = 0; i < topic->config_count; i++) {
        kq__config_entry__init(&configs[i]);
        configs[i].key = topic->configs[i].key;
        configs[i].value = topic->configs[i].value;
        to->configs[i] = &configs[i];
    }
    return to;
}

/* It is not known, or what is known of it cannot be shown. */
static Kq__TopicMetadata *no_topic(struct answer *answer, char *name)
{
    const struct metadata *metadata = &answer->broker->metadata;
    Kq__TopicMetadata *to = take(answer, sizeof *to);

    kq__topic_metadata__init(to);
    to->name = name;
    to->error =
        topic_name_valid(name) && defects_of_topic(&metadata->defects, name)
            ? ERROR_CORRUPT
            : ERROR_UNKNOWN_TOPIC;
    return to;
}

static void describe_damaged(struct answer *answer,
                             Kq__MetadataResponse *response)
{
    const struct defects *defects = &answer->broker->metadata.defects;
    Kq__DamagedZnode *znodes;
    size_t count = 0;

    list_for_each (node, &defects->list)
        count++;
    znodes = take(answer, count * sizeof *znodes);
    response->damaged = take(answer, count * sizeof *response->damaged);
    list_for_each (node, &defects->list) {
        struct defect *defect = container_of(node, struct defect, node);
        Kq__DamagedZnode *to = &znodes[response->n_damaged];

        kq__damaged_znode__init(to);
        to->path = defect->path;
        to->why = defect->why;
        to->way_out = (char *)(uintptr_t)defect->way_out;
        response->damaged[response->n_damaged++] = to;
    }
}

static void describe_directories(struct answer *answer,
                                 const struct broker_endpoint *from,
                                 Kq__BrokerEndpoint *to)
{
    const Kq__BrokerNode *node = from->node;
    char *unknown = (char *)(uintptr_t) "?";
    Kq__OfflineLogDirectory *directories;

    if (node == NULL) /* all are online */
        return;
    directories = take(answer, node->n_log_directories * sizeof *directories);
    to->offline_log_directories = take(
        answer, node->n_log_directories * sizeof *to->offline_log_directories);
    for (size_t i = 0; i < node->n_log_directories; i++) {
        const Kq__LogDirectoryNode *directory = node->log_directories[i];
        Kq__OfflineLogDirectory *at =
            &directories[to->n_offline_log_directories];

        if (!directory->failed)
            continue;
        kq__offline_log_directory__init(at);
        at->path = directory->path ? directory->path : unknown;
        at->detail = directory->detail;
        to->offline_log_directories[to->n_offline_log_directories++] = at;
    }
    to->has_offline_replicas = 1;
    to->offline_replicas = broker_offline_count(from);
}

static void describe_brokers(struct answer *answer,
                             Kq__MetadataResponse *response)
{
    const struct brokers *brokers = &answer->broker->metadata.brokers;
    Kq__BrokerEndpoint *endpoints =
        take(answer, brokers->count * sizeof *endpoints);

    response->brokers =
        take(answer, brokers->count * sizeof *response->brokers);
    response->n_brokers = brokers->count;
    for (uint32_t i = 0; i < brokers->count; i++) {
        kq__broker_endpoint__init(&endpoints[i]);
        endpoints[i].broker_id = brokers->list[i].broker_id;
        endpoints[i].host = brokers->list[i].host;
        endpoints[i].port = brokers->list[i].port;
        if (*brokers->list[i].rack != '\0')
            endpoints[i].rack = brokers->list[i].rack;
        endpoints[i].has_leaving = endpoints[i].leaving =
            brokers->list[i].leaving;
        describe_directories(answer, &brokers->list[i], &endpoints[i]);
        response->brokers[i] = &endpoints[i];
    }
}

static void describe_all(struct answer *answer, Kq__MetadataResponse *response)
{
    struct metadata *metadata = &answer->broker->metadata;
    size_t count = 0;

    for (struct topic *topic = metadata_first(metadata); topic;
         topic = metadata_next(topic))
        count++;
    response->topics = take(answer, count * sizeof *response->topics);
    for (struct topic *topic = metadata_first(metadata); topic;
         topic = metadata_next(topic))
        if (topic_loaded(topic))
            response->topics[response->n_topics++] =
                describe_topic(answer, topic);
}

static void describe_named(struct answer *answer,
                           const Kq__MetadataRequest *request,
                           Kq__MetadataResponse *response)
{
    response->topics =
        take(answer, request->n_topics * sizeof *response->topics);
    response->n_topics = request->n_topics;
    for (size_t i = 0; i < request->n_topics; i++) {
        struct topic *topic =
            metadata_topic(&answer->broker->metadata, request->topics[i]);

        response->topics[i] = topic && topic_loaded(topic)
                                  ? describe_topic(answer, topic)
                                  : no_topic(answer, request->topics[i]);
    }
}

static void describe_defaults(struct answer *answer,
                              Kq__MetadataResponse *response)
{
    const struct broker *broker = answer->broker;
    Kq__ConfigEntry *entries =
        take(answer, TOPIC_SETTING_COUNT * sizeof *entries);

    response->n_defaults = TOPIC_SETTING_COUNT;
    response->defaults =
        take(answer, TOPIC_SETTING_COUNT * sizeof *response->defaults);
    for (size_t i = 0; i < TOPIC_SETTING_COUNT; i++) {
        enum topic_setting setting = (enum topic_setting)i;
        char *value = take(answer, TOPIC_SETTING_BYTES);

        topic_setting_write(setting,
                            topic_setting_default(
                                setting, &broker->replicas.options.log_settings,
                                (uint32_t)broker->config->min_insync_replicas),
                            value);
        kq__config_entry__init(&entries[i]);
        entries[i].key = (char *)(uintptr_t)topic_setting_key(setting);
        entries[i].value = value;
        response->defaults[i] = &entries[i];
    }
}

static void answer_metadata(struct session *session, struct frame *frame)
{
    struct broker *broker = session->broker;
    const Kq__MetadataRequest *request = frame->message->metadata_request;
    Kq__Message message = KQ__MESSAGE__INIT;
    Kq__MetadataResponse response = KQ__METADATA_RESPONSE__INIT;
    struct answer answer = {.broker = broker};

    if (!broker->metadata.ready) { /* what it knows may be out of date */
        session_answer_error(session, frame->message->correlation_id,
                             ERROR_AGAIN);
        frame_free(frame);
        return;
    }
    list_init(&answer.blocks);
    describe_brokers(&answer, &response);
    response.has_controller = broker->metadata.controller_id != NO_BROKER;
    response.controller = broker->metadata.controller_id;
    response.has_cluster_id = 1;
    response.cluster_id.data = broker->identity.cluster_id.bytes;
    response.cluster_id.len = sizeof broker->identity.cluster_id.bytes;
    if (request->has_defaults && request->defaults)
        describe_defaults(&answer, &response);
    if (request->all_topics)
        describe_damaged(&answer, &response);
    if (request->all_topics)
        describe_all(&answer, &response);
    else
        describe_named(&answer, request, &response);
    message.body_case = KQ__MESSAGE__BODY_METADATA_RESPONSE;
    message.metadata_response = &response;
    session_answer(session, frame->message->correlation_id, &message);
    answer_release(&answer);
    frame_free(frame);
}

/* A request that waits until all znodes were read. */
struct check {
    struct list node; /* broker->checks */
    struct session *session;
    struct frame *frame;
};

static void check_first(struct session *session, struct frame *frame)
{
    struct broker *broker = session->broker;
    struct check *check = heap_alloc(broker->seam->heap, sizeof *check);

    check->session = session;
    check->frame = frame;
    list_init(&check->node);
    list_append(&broker->checks, &check->node);
    session_request_begin(session);
    metadata_check(&broker->metadata);
    if (!timer_running(&broker->check_timer))
        timer_start(broker->seam->timers, &broker->check_timer,
                    broker->seam->now.monotonic_us + CHECK_US);
}

void describe_checked(struct broker *broker)
{
    struct list *node;

    timer_stop(broker->seam->timers, &broker->check_timer);
    while ((node = list_pop(&broker->checks)) != NULL) {
        struct check *check = container_of(node, struct check, node);

        answer_metadata(check->session, check->frame);
        session_request_end(check->session);
        heap_free(broker->seam->heap, check);
    }
}

void describe_drop(struct broker *broker)
{
    struct list *node;

    while ((node = list_pop(&broker->checks)) != NULL) {
        struct check *check = container_of(node, struct check, node);

        frame_free(check->frame);
        heap_free(broker->seam->heap, check);
    }
}

void handle_metadata(struct session *session, struct frame *frame)
{
    struct broker *broker = session->broker;
    const Kq__MetadataRequest *request = frame->message->metadata_request;

    if (broker->metadata.ready && request->has_check && request->check &&
        coord_state(broker->coord) == COORD_CONNECTED)
        check_first(session, frame);
    else
        answer_metadata(session, frame);
}

/* ---- offsets ---- */

static enum error look_up_offset(struct broker *broker,
                                 const Kq__ListOffsetsRequest *request,
                                 int64_t *offset)
{
    enum error error;
    struct partition *partition =
        find_partition(broker, request->topic_id, request->partition, &error);

    if (partition == NULL)
        return error;
    error = partition_check_leader(partition, false, 0);
    if (error != ERROR_NONE)
        return error;
    if (!partition_may_answer(partition))
        return ERROR_LEASE_EXPIRED;
    if (request->spec == KQ__OFFSET_SPEC__EARLIEST) {
        *offset = partition_log_start(partition);
        return ERROR_NONE;
    }
    /* A new leader's watermark may be behind what clients have seen (K9). */
    if (partition->high_watermark < partition->epoch_start_offset)
        return ERROR_OFFSET_NOT_AVAILABLE;
    if (request->spec == KQ__OFFSET_SPEC__LATEST) {
        *offset = partition->high_watermark;
        return ERROR_NONE;
    }
    if (request->spec != KQ__OFFSET_SPEC__TIMESTAMP ||
        !request->has_timestamp_ms)
        return ERROR_INVALID_ARGUMENT;
    error = log_offset_by_time(partition->log, request->timestamp_ms,
                               partition->high_watermark, offset);
    if (error == ERROR_NONE && *offset < 0) /* all are older */
        *offset = partition->high_watermark;
    if (error == ERROR_NONE && *offset < partition_log_start(partition))
        *offset = partition_log_start(partition);
    return error;
}

void handle_list_offsets(struct session *session, struct frame *frame)
{
    Kq__Message message = KQ__MESSAGE__INIT;
    Kq__ListOffsetsResponse response = KQ__LIST_OFFSETS_RESPONSE__INIT;
    int64_t offset = 0;
    enum error error = look_up_offset(
        session->broker, frame->message->list_offsets_request, &offset);

    response.error = error;
    response.has_offset = error == ERROR_NONE;
    response.offset = (uint64_t)offset;
    message.body_case = KQ__MESSAGE__BODY_LIST_OFFSETS_RESPONSE;
    message.list_offsets_response = &response;
    session_answer(session, frame->message->correlation_id, &message);
    frame_free(frame);
}

/* ---- the clock ---- */

void handle_clock(struct session *session, struct frame *frame)
{
    const Kq__ClockRequest *request = frame->message->clock_request;
    struct replicas *replicas = &session->broker->replicas;
    Kq__Message message = KQ__MESSAGE__INIT;
    Kq__ClockResponse response = KQ__CLOCK_RESPONSE__INIT;

    if (request->broker_id != replicas->options.broker_id) {
        response.error = ERROR_INVALID_ARGUMENT;
    } else if (!replicas->registered) {
        response.error = ERROR_AGAIN;
    } else {
        response.has_apart_ms = 1;
        response.apart_ms =
            replicas_clock(replicas, request->has_believe && request->believe);
        response.has_believed = 1;
        response.believed = clock_is_believed(&replicas->clock);
    }
    message.body_case = KQ__MESSAGE__BODY_CLOCK_RESPONSE;
    message.clock_response = &response;
    session_answer(session, frame->message->correlation_id, &message);
    frame_free(frame);
}

/* ---- producer ids ---- */

struct id_request {
    struct producer_id_waiter waiter;
    struct session *session;
    uint64_t correlation_id;
};

static void id_done(struct producer_id_waiter *waiter, enum error error,
                    uint64_t producer_id)
{
    struct id_request *request =
        container_of(waiter, struct id_request, waiter);
    struct session *session = request->session;
    Kq__Message message = KQ__MESSAGE__INIT;
    Kq__InitProducerResponse response = KQ__INIT_PRODUCER_RESPONSE__INIT;

    response.error = error;
    response.has_producer_id = error == ERROR_NONE;
    response.producer_id = producer_id;
    response.has_producer_epoch = error == ERROR_NONE;
    message.body_case = KQ__MESSAGE__BODY_INIT_PRODUCER_RESPONSE;
    message.init_producer_response = &response;
    session_answer(session, request->correlation_id, &message);
    heap_free(session->broker->seam->heap, request);
    session_request_end(session);
}

void handle_init_producer(struct session *session, struct frame *frame)
{
    struct id_request *request =
        heap_alloc(session->broker->seam->heap, sizeof *request);

    request->waiter.done = id_done;
    request->session = session;
    request->correlation_id = frame->message->correlation_id;
    frame_free(frame);
    session_request_begin(session);
    producer_ids_take(&session->broker->producer_ids, &request->waiter);
}
