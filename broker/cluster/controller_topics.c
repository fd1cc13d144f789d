/* SPDX-License-Identifier: Apache-2.0
 *
 * The controller's part in making and deleting topics: checks, placement of
 * replicas, first states.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "cluster/controller_write.h"
#include "cluster/topic_config.h"
#include "seam/memory.h"

static const char *configs_detail(const struct intent *intent)
{
    for (size_t i = 0; i < intent->config_count; i++) {
        const char *wrong = topic_config_check(intent->configs[i].key,
                                               intent->configs[i].value);
        if (wrong != NULL)
            return wrong;
    }
    return NULL;
}

static enum error check_create(struct controller *controller,
                               struct intent *intent)
{
    if (!topic_name_valid(intent->name)) {
        intent->detail = "a topic name has 1 to 249 characters out of "
                         "a-z A-Z 0-9 . _ - and is not . or ..";
        return ERROR_INVALID_TOPIC;
    }
    if (metadata_topic(controller->metadata, intent->name) != NULL)
        return ERROR_TOPIC_EXISTS;
    if (intent->partition_count == 0 ||
        intent->partition_count > PARTITIONS_PER_TOPIC_MAX) {
        intent->detail = "a topic has 1 to 10000 partitions";
        return ERROR_INVALID_ARGUMENT;
    }
    if (intent->replication_factor == 0 ||
        intent->replication_factor > REPLICAS_MAX) {
        intent->detail = "a partition has 1 to 16 replicas";
        return ERROR_INVALID_ARGUMENT;
    }
    intent->detail = configs_detail(intent);
    if (intent->detail != NULL)
        return ERROR_INVALID_CONFIG;
    if (intent->replication_factor > controller->live_count)
        return ERROR_INVALID_REPLICATION;
    return ERROR_NONE;
}

static int64_t config_number(const struct intent *intent, const char *key,
                             int64_t other)
{
    for (size_t i = 0; i < intent->config_count; i++)
        if (strcmp(intent->configs[i].key, key) == 0)
            return strtoll(intent->configs[i].value, NULL, 10);
    return other;
}

/* Replicas of successive partitions go round the brokers, from a random
 * first one; so do the preferred leaders. */
static void place(struct controller *controller, struct intent *intent,
                  struct partition_state *states)
{
    struct live_brokers live = {controller->live_count, controller->live};
    uint64_t start = random_below(&controller->random, live.count);
    uint32_t min = (uint32_t)config_number(
        intent, "min.insync.replicas", controller->options.min_insync_replicas);
    bool lazy =
        config_number(intent, "flush.ms", controller->options.flush_ms) != 0;

    for (uint32_t p = 0; p < intent->partition_count; p++) {
        uint32_t replicas[REPLICAS_MAX];

        for (uint32_t r = 0; r < intent->replication_factor; r++)
            replicas[r] = live.brokers[(start + p + r) % live.count].broker_id;
        partition_state_create(&states[p], replicas, intent->replication_factor,
                               min, lazy, &live);
    }
}

static struct bytes encode_topic(struct heap *heap, const struct intent *intent)
{
    Kq__TopicNode node = KQ__TOPIC_NODE__INIT;
    Kq__TopicConfig *configs =
        heap_alloc(heap, (intent->config_count + 1) * sizeof *configs);
    Kq__TopicConfig **pointers =
        heap_alloc(heap, (intent->config_count + 1) * sizeof *pointers);
    struct bytes out;

    for (size_t i = 0; i < intent->config_count; i++) {
        kq__topic_config__init(&configs[i]);
        configs[i].key = (char *)(uintptr_t)intent->configs[i].key;
        configs[i].value = (char *)(uintptr_t)intent->configs[i].value;
        pointers[i] = &configs[i];
    }
    node.topic_id.data = (uint8_t *)(uintptr_t)intent->topic_id.bytes;
    node.topic_id.len = sizeof intent->topic_id.bytes;
    node.partition_count = intent->partition_count;
    node.n_configs = intent->config_count;
    node.configs = pointers;
    out = znode_pack(heap, &node.base);
    heap_free(heap, pointers);
    heap_free(heap, configs);
    return out;
}

bool controller_stage_create(struct controller *controller,
                             struct intent *intent)
{
    struct controller_write *write = controller->write;
    struct heap *heap = controller->seam->heap;
    enum error error = check_create(controller, intent);

    if (error != ERROR_NONE) {
        intent_finish(intent, error);
        return false;
    }
    random_fill(&controller->random, &intent->topic_id,
                sizeof intent->topic_id);
    write->new_states =
        heap_alloc(heap, intent->partition_count * sizeof *write->new_states);
    place(controller, intent, write->new_states);
    write->topic_node = encode_topic(heap, intent);
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
