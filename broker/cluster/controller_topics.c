/* SPDX-License-Identifier: Apache-2.0
 *
 * The controller's part in making, altering and deleting topics: checks,
 * placement of replicas, first states, what other settings mean for states.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "cluster/controller_write.h"
#include "cluster/topic_config.h"
#include "rules/placement.h"
#include "rules/reassign.h"
#include "seam/memory.h"
#include "seam/trace.h"

#define CONFIGS_MAX 64

static bool configs_good(struct intent *intent)
{
    for (size_t i = 0; i < intent->config_count; i++)
        if (!topic_config_check(intent->configs[i].key,
                                intent->configs[i].value, intent->detail,
                                sizeof intent->detail))
            return false;
    return true;
}

static enum error refuse(struct intent *intent, enum error error,
                         const char *detail)
{
    snprintf(intent->detail, sizeof intent->detail, "%s", detail);
    return error;
}

static enum error refuse_partitions(const struct controller *controller,
                                    struct intent *intent)
{
    snprintf(intent->detail, sizeof intent->detail,
             "%u partitions are wanted, and a topic has at most %u "
             "(topic.partitions.max)",
             intent->partition_count, controller->options.partitions_max);
    return ERROR_INVALID_ARGUMENT;
}

/* Its place is taken, or the place of all topics is not there. */
static bool is_damaged(const struct controller *controller, const char *name)
{
    const struct defects *defects = &controller->metadata->defects;
    char path[ZNODE_PATH_BYTES];

    znode_topic_path(path, name);
    return defects_find(defects, path) != NULL ||
           defects_find(defects, ZNODE_TOPICS) != NULL;
}

static enum error check_create(struct controller *controller,
                               struct intent *intent)
{
    if (!topic_name_valid(intent->name))
        return refuse(intent, ERROR_INVALID_TOPIC,
                      "a topic name has 1 to 249 characters out of "
                      "a-z A-Z 0-9 . _ - and is not . or ..");
    if (metadata_topic(controller->metadata, intent->name) != NULL)
        return ERROR_TOPIC_EXISTS;
    if (is_damaged(controller, intent->name))
        return refuse(intent, ERROR_CORRUPT, CONTROLLER_SEE_STATUS);
    if (intent->partition_count == 0)
        return refuse(intent, ERROR_INVALID_ARGUMENT,
                      "a topic has at least one partition");
    if (intent->partition_count > controller->options.partitions_max)
        return refuse_partitions(controller, intent);
    if (intent->replication_factor == 0 ||
        intent->replication_factor > REPLICAS_MAX)
        return refuse(intent, ERROR_INVALID_ARGUMENT,
                      "a partition has 1 to 16 replicas");
    if (!configs_good(intent))
        return ERROR_INVALID_CONFIG;
    if (intent->replication_factor > controller->live_count)
        return ERROR_INVALID_REPLICATION;
    return ERROR_NONE;
}

/* A topic's settings, as they will be. */
struct configs {
    const struct intent_config *items;
    size_t count;
};

static int64_t config_number(const struct configs *configs, const char *key,
                             int64_t other)
{
    for (size_t i = 0; i < configs->count; i++)
        if (strcmp(configs->items[i].key, key) == 0)
            return strtoll(configs->items[i].value, NULL, 10);
    return other;
}

static uint32_t min_of(const struct controller *controller,
                       const struct configs *configs)
{
    return (uint32_t)config_number(configs, "min.insync.replicas",
                                   controller->options.min_insync_replicas);
}

static int64_t flush_ms_of(const struct controller *controller,
                           const struct configs *configs)
{
    return config_number(configs, "flush.ms", controller->options.flush_ms);
}

/* So many partitions more, alike. */
struct placement {
    uint32_t count;
    uint64_t first; /* a place in the round of the live brokers */
    uint32_t replica_count;
    uint32_t min;
    bool lazy;
};

/* The live brokers as replicas go round them. Caller frees. */
static struct placeable *arranged(const struct controller *controller)
{
    struct placeable *brokers = heap_alloc(
        controller->seam->heap, (controller->live_count + 1) * sizeof *brokers);

    for (uint32_t i = 0; i < controller->live_count; i++) {
        uint32_t id = controller->live[i].broker_id;
        const struct broker_endpoint *endpoint =
            brokers_find(&controller->brokers, id);

        brokers[i].broker_id = id;
        brokers[i].rack = endpoint != NULL ? endpoint->rack : "";
    }
    placement_arrange(brokers, controller->live_count);
    return brokers;
}

/* Caller frees. */
static struct partition_state *place(struct controller *controller,
                                     const struct placement *placement)
{
    struct heap *heap = controller->seam->heap;
    struct live_brokers live = {controller->live_count, controller->live};
    struct placeable *brokers = arranged(controller);
    struct partition_state *states =
        heap_alloc(heap, placement->count * sizeof *states);

    for (uint32_t p = 0; p < placement->count; p++) {
        uint32_t replicas[REPLICAS_MAX];

        placement_choose(brokers, live.count, placement->first + p,
                         placement->replica_count, replicas);
        partition_state_create(&states[p], replicas, placement->replica_count,
                               placement->min, placement->lazy, &live);
    }
    heap_free(heap, brokers);
    return states;
}

static struct bytes encode_topic(struct heap *heap, const struct uuid *id,
                                 uint32_t partition_count,
                                 const struct configs *configs)
{
    Kq__TopicNode node = KQ__TOPIC_NODE__INIT;
    Kq__TopicConfig *entries =
        heap_alloc(heap, (configs->count + 1) * sizeof *entries);
    Kq__TopicConfig **pointers =
        heap_alloc(heap, (configs->count + 1) * sizeof *pointers);
    struct bytes out;

    for (size_t i = 0; i < configs->count; i++) {
        kq__topic_config__init(&entries[i]);
        entries[i].key = (char *)(uintptr_t)configs->items[i].key;
        entries[i].value = (char *)(uintptr_t)configs->items[i].value;
        pointers[i] = &entries[i];
    }
    node.topic_id.data = (uint8_t *)(uintptr_t)id->bytes;
    node.topic_id.len = sizeof id->bytes;
    node.partition_count = partition_count;
    node.n_configs = configs->count;
    node.configs = pointers;
    out = znode_pack(heap, &node.base);
    heap_free(heap, pointers);
    heap_free(heap, entries);
    return out;
}

/* ---- what one multi holds ---- */

/* What a chunk of these states takes in a write. */
static size_t chunk_bytes(struct heap *heap, const struct uuid *id,
                          const struct partition_state *states, uint32_t count)
{
    struct bytes data =
        znode_chunk_encode(heap, id, PARTITIONS_PER_TOPIC_MAX, states, count);

    heap_free(heap, (void *)(uintptr_t)data.data);
    return data.size;
}

static size_t states_bytes(struct heap *heap, const struct uuid *id,
                           const struct partition_state *states, uint32_t count)
{
    size_t bytes = 0;

    for (uint32_t at = 0; at < count; at += CHUNK_PARTITIONS) {
        uint32_t left = count - at;

        bytes += chunk_bytes(heap, id, states + at,
                             left < CHUNK_PARTITIONS ? left : CHUNK_PARTITIONS);
    }
    return bytes;
}

/* A multi that ZooKeeper does not take would end the session, again and
 * again: it is refused before anything is staged. */
static bool fits(struct intent *intent, uint32_t partitions, size_t bytes)
{
    if (bytes <= CONTROLLER_TOPIC_BYTES_MAX)
        return true;
    snprintf(intent->detail, sizeof intent->detail,
             "the states of %u partitions take %zu bytes, and one write to "
             "ZooKeeper holds %u: %s",
             partitions, bytes, (unsigned)CONTROLLER_TOPIC_BYTES_MAX,
             intent->kind == INTENT_CREATE_TOPIC
                 ? "make a topic of fewer partitions or replicas"
             : intent->partition_count > 0
                 ? "add fewer, or make another topic"
                 : "this topic's flush.ms and min.insync.replicas stay as "
                   "they are");
    return false;
}

bool controller_stage_create(struct controller *controller,
                             struct intent *intent)
{
    struct controller_write *write = controller->write;
    struct heap *heap = controller->seam->heap;
    struct configs configs = {intent->configs, intent->config_count};
    struct placement placement = {
        intent->partition_count, 0, intent->replication_factor,
        min_of(controller, &configs), flush_ms_of(controller, &configs) != 0};
    enum error error = check_create(controller, intent);

    if (error != ERROR_NONE) {
        intent_finish(intent, error);
        return false;
    }
    random_fill(&controller->random, &intent->topic_id,
                sizeof intent->topic_id);
    placement.first = random_below(&controller->random, controller->live_count);
    write->new_states = place(controller, &placement);
    if (!fits(intent, intent->partition_count,
              states_bytes(heap, &intent->topic_id, write->new_states,
                           intent->partition_count))) {
        heap_free(heap, write->new_states);
        write->new_states = NULL;
        intent_finish(intent, ERROR_INVALID_ARGUMENT);
        return false;
    }
    write->topic_node = encode_topic(heap, &intent->topic_id,
                                     intent->partition_count, &configs);
    return true;
}

bool controller_stage_delete(struct controller *controller,
                             struct intent *intent)
{
    struct controller_write *write = controller->write;
    struct topic *topic = metadata_topic(controller->metadata, intent->name);

    if (topic == NULL) {
        intent_finish(intent, ERROR_UNKNOWN_TOPIC);
        return false;
    }
    /* What is staged for it would be written beside its deletion. */
    list_for_each_safe (node, &write->chunks) {
        struct staged_chunk *staged =
            container_of(node, struct staged_chunk, node);

        if (staged->topic == topic)
            staged->changed = false;
    }
    write->deleted_topic = topic;
    return true;
}

/* ---- other settings ---- */

static const struct intent_config *find_config(const struct intent *intent,
                                               const char *key)
{
    const struct intent_config *found = NULL;

    for (size_t i = 0; i < intent->config_count; i++)
        if (strcmp(intent->configs[i].key, key) == 0)
            found = &intent->configs[i]; /* the last word counts */
    return found;
}

/* What the topic sets and nobody speaks of stays (R8); then what is new. */
static size_t merge(const struct topic *topic, const struct intent *intent,
                    struct intent_config *items)
{
    size_t count = 0;

    for (size_t i = 0; i < topic->config_count; i++)
        if (find_config(intent, topic->configs[i].key) == NULL)
            items[count++] = (struct intent_config){topic->configs[i].key,
                                                    topic->configs[i].value};
    for (size_t i = 0; i < intent->config_count; i++)
        if (intent->configs[i].value != NULL &&
            find_config(intent, intent->configs[i].key) == &intent->configs[i])
            items[count++] = intent->configs[i];
    return count;
}

static size_t altered_bytes(struct controller *controller,
                            const struct topic *topic, uint32_t min,
                            bool relaxed)
{
    struct heap *heap = controller->seam->heap;
    struct partition_state *states =
        heap_alloc(heap, CHUNK_PARTITIONS * sizeof *states);
    size_t bytes = 0;

    for (uint32_t i = 0; i < topic->chunk_count; i++) {
        uint32_t count = topic_chunk_size(topic, i);

        memcpy(states, topic->states + i * CHUNK_PARTITIONS,
               count * sizeof *states);
        for (uint32_t k = 0; k < count; k++)
            partition_state_configure(&states[k], min, relaxed);
        bytes += chunk_bytes(heap, &topic->id, states, count);
    }
    heap_free(heap, states);
    return bytes;
}

static bool names_states(const struct intent *intent)
{
    return find_config(intent, "flush.ms") != NULL ||
           find_config(intent, "min.insync.replicas") != NULL;
}

/* `min` and `lazy` stand in the states, where leaders look (design §5). */
static void stage_states(struct controller *controller, struct topic *topic,
                         const struct configs *configs)
{
    uint32_t min = min_of(controller, configs);
    bool relaxed = flush_ms_of(controller, configs) != 0;

    for (uint32_t i = 0; i < topic->chunk_count; i++) {
        struct staged_chunk *staged =
            controller_stage_chunk(controller->write, topic, i);

        for (uint32_t k = 0; k < staged->count; k++)
            partition_state_configure(&staged->states[k], min, relaxed);
        staged->changed = true;
    }
}

/* ---- more partitions ---- */

/* The spreading goes on behind the broker that the last partition begins
 * with. */
static uint64_t place_after(const struct controller *controller,
                            const struct topic *topic)
{
    uint32_t last = topic->states[topic->partition_count - 1].replicas[0];
    struct placeable *brokers = arranged(controller);
    uint32_t at = placement_after(brokers, controller->live_count, last);

    heap_free(controller->seam->heap, brokers);
    return at;
}

/* As many as the first is to have: they may differ since some were moved. */
static uint32_t replicas_of(const struct topic *topic)
{
    const struct partition_state *first = &topic->states[0];

    return partition_state_reassigned(first) ? first->target_count
                                             : first->replica_count;
}

static void stage_added(struct controller_write *write, struct topic *topic,
                        const struct partition_state *added, uint32_t to)
{
    uint32_t at = topic->partition_count;

    while (at < to) {
        uint32_t chunk = at / CHUNK_PARTITIONS;
        uint32_t known = at % CHUNK_PARTITIONS;
        uint32_t left = to - chunk * CHUNK_PARTITIONS;
        uint32_t count = left < CHUNK_PARTITIONS ? left : CHUNK_PARTITIONS;
        struct staged_chunk *staged =
            controller_stage_grown(write, topic, chunk, count);

        memcpy(staged->states + known, added + (at - topic->partition_count),
               (count - known) * sizeof *added);
        controller_weigh(write, staged);
        staged->changed = true;
        at += count - known;
    }
}

/* The whole topic must fit into a write, or its settings could not be altered
 * any more. */
static bool stage_partitions(struct controller *controller, struct topic *topic,
                             struct intent *intent,
                             const struct configs *configs)
{
    struct heap *heap = controller->seam->heap;
    uint32_t to = intent->partition_count;
    struct placement placement = {
        to - topic->partition_count, place_after(controller, topic),
        replicas_of(topic), min_of(controller, configs),
        flush_ms_of(controller, configs) != 0};
    struct partition_state *added = place(controller, &placement);
    bool good = fits(
        intent, to,
        states_bytes(heap, &topic->id, topic->states, topic->partition_count) +
            states_bytes(heap, &topic->id, added, placement.count));

    if (good)
        stage_added(controller->write, topic, added, to);
    heap_free(heap, added);
    return good;
}

/* Asked again after its answer was lost, or somebody else was quicker. */
static bool was_done(const struct intent *intent, const struct topic *topic)
{
    return intent->partition_count == topic->partition_count &&
           intent->partitions_known > 0 &&
           intent->partitions_known < intent->partition_count;
}

static enum error check_partitions(const struct controller *controller,
                                   struct intent *intent,
                                   const struct topic *topic)
{
    uint32_t replicas = replicas_of(topic);

    if (intent->config_count > 0)
        return refuse(intent, ERROR_INVALID_ARGUMENT,
                      "partitions are added by a request of their own, "
                      "without settings");
    if (was_done(intent, topic))
        return ERROR_NONE;
    if (intent->partition_count <= topic->partition_count) {
        snprintf(intent->detail, sizeof intent->detail,
                 "it has %u partitions, and %u are wanted: there can be more, "
                 "never fewer",
                 topic->partition_count, intent->partition_count);
        return ERROR_INVALID_ARGUMENT;
    }
    if (intent->partition_count > controller->options.partitions_max)
        return refuse_partitions(controller, intent);
    if (replicas > controller->live_count) {
        snprintf(intent->detail, sizeof intent->detail,
                 "its partitions have %u replicas, and %u brokers are alive",
                 replicas, controller->live_count);
        return ERROR_INVALID_REPLICATION;
    }
    return ERROR_NONE;
}

/* ---- alterations ---- */

static enum error check_alter(const struct controller *controller,
                              struct intent *intent, const struct topic *topic)
{
    if (topic == NULL)
        return ERROR_UNKNOWN_TOPIC;
    /* what is not known would be written over */
    if (topic->damaged || topic->chunks_damaged > 0)
        return refuse(intent, ERROR_CORRUPT, CONTROLLER_SEE_STATUS);
    if (!topic_settled(topic))
        return ERROR_AGAIN;
    if (intent->partition_count > 0)
        return check_partitions(controller, intent, topic);
    if (intent->config_count == 0)
        return refuse(intent, ERROR_INVALID_ARGUMENT, "no setting is named");
    if (intent->config_count > CONFIGS_MAX)
        return refuse(intent, ERROR_INVALID_ARGUMENT,
                      "more settings are named than there are");
    return configs_good(intent) ? ERROR_NONE : ERROR_INVALID_CONFIG;
}

static bool stage_alteration(struct controller *controller, struct topic *topic,
                             struct intent *intent,
                             const struct configs *configs)
{
    if (intent->partition_count > 0)
        return stage_partitions(controller, topic, intent, configs);
    controller->decide_all = true; /* who leads, and who may go, may change */
    if (!names_states(intent))
        return true;
    if (!fits(intent, topic->partition_count,
              altered_bytes(controller, topic, min_of(controller, configs),
                            flush_ms_of(controller, configs) != 0)))
        return false;
    stage_states(controller, topic, configs);
    return true;
}

bool controller_stage_alter(struct controller *controller,
                            struct intent *intent)
{
    struct controller_write *write = controller->write;
    struct heap *heap = controller->seam->heap;
    struct topic *topic = metadata_topic(controller->metadata, intent->name);
    enum error error = check_alter(controller, intent, topic);
    struct intent_config *items;
    struct configs configs;
    bool staged;

    if (error == ERROR_NONE && was_done(intent, topic)) {
        SOMETIMES(controller->seam->trace, ADDITION_REPEATED);
        intent_finish(intent, ERROR_NONE);
        return false;
    }
    if (error != ERROR_NONE) {
        intent_finish(intent, error);
        return false;
    }
    items = heap_alloc(heap, (topic->config_count + intent->config_count + 1) *
                                 sizeof *items);
    configs = (struct configs){items, merge(topic, intent, items)};
    staged = stage_alteration(controller, topic, intent, &configs);
    if (staged) {
        write->altered_topic = topic;
        write->altered_flush_ms = flush_ms_of(controller, &configs);
        write->altered_min = min_of(controller, &configs);
        write->topic_node =
            encode_topic(heap, &topic->id,
                         intent->partition_count > 0 ? intent->partition_count
                                                     : topic->partition_count,
                         &configs);
    } else {
        intent_finish(intent, ERROR_INVALID_ARGUMENT);
    }
    heap_free(heap, items);
    return staged;
}
