/* SPDX-License-Identifier: Apache-2.0
 *
 * Partitions by key, in a hash table whose order nobody sees; replicas move
 * by the facts (replica.c).
 */
#include "sim/oracle/model.h"

#include <stdlib.h>

#include "base/bytes.h"

void model_init(struct model *model, unsigned brokers)
{
    *model = (struct model){.brokers = brokers};
}

static void partition_free(struct partition *partition)
{
    for (unsigned node = 0; node < JUDGE_NODES_MAX; node++)
        vector_release(&partition->replicas[node].held);
    vector_release(&partition->births);
    vector_release(&partition->found);
    vector_release(&partition->sizes);
    free(partition);
}

void model_release(struct model *model)
{
    for (size_t i = 0; i < model->partitions.count; i++)
        partition_free(model_at(model, i));
    vector_release(&model->partitions);
    vector_release(&model->buckets);
    vector_release(&model->topics);
}

struct partition *model_at(const struct model *model, size_t index)
{
    return *VECTOR_AT(&model->partitions, struct partition *, index);
}

/* The ids are random: their own bytes are a good hash. */
static size_t hash_of(const struct partition_key *key)
{
    return (size_t)(load_u64(key->topic_id.bytes) ^
                    load_u64(key->topic_id.bytes + 8)) +
           key->partition * 2654435761U;
}

static bool key_equal(const struct partition_key *a,
                      const struct partition_key *b)
{
    return a->partition == b->partition &&
           uuid_equal(&a->topic_id, &b->topic_id);
}

struct partition *model_find(const struct model *model,
                             const struct partition_key *key)
{
    size_t mask = model->buckets.count - 1;

    if (model->buckets.count == 0)
        return NULL;
    for (size_t at = hash_of(key) & mask;; at = (at + 1) & mask) {
        size_t entry = *VECTOR_AT(&model->buckets, size_t, at);

        if (entry == 0)
            return NULL;
        if (key_equal(&model_at(model, entry - 1)->key, key))
            return model_at(model, entry - 1);
    }
}

static void hash_in(struct model *model, size_t index)
{
    size_t mask = model->buckets.count - 1;
    size_t at = hash_of(&model_at(model, index)->key) & mask;

    while (*VECTOR_AT(&model->buckets, size_t, at) != 0)
        at = (at + 1) & mask;
    *VECTOR_AT(&model->buckets, size_t, at) = index + 1;
}

static void hash_grow(struct model *model)
{
    size_t size = model->buckets.count ? model->buckets.count * 2 : 64;

    vector_release(&model->buckets);
    vector_reach(&model->buckets, size, sizeof(size_t));
    for (size_t i = 0; i < model->partitions.count; i++)
        hash_in(model, i);
}

static const struct model_topic *find_topic(const struct model *model,
                                            const struct uuid *id)
{
    for (size_t i = 0; i < model->topics.count; i++) {
        const struct model_topic *topic =
            VECTOR_AT(&model->topics, struct model_topic, i);

        if (uuid_equal(&topic->id, id))
            return topic;
    }
    return NULL;
}

struct partition *model_partition(struct model *model,
                                  const struct partition_key *key)
{
    struct partition *partition = model_find(model, key);
    const struct model_topic *topic;

    if (partition != NULL)
        return partition;
    topic = find_topic(model, &key->topic_id);
    partition = memory_zeroed(sizeof *partition);
    partition->key = *key;
    partition->index = model->partitions.count;
    partition->topic = topic ? topic->topic : -1;
    partition->gone = topic ? topic->gone : false;
    partition->final_start = -1;
    partition->final_end = -1;
    for (unsigned node = 0; node < JUDGE_NODES_MAX; node++)
        partition->replicas[node].up = model->up[node];
    *(struct partition **)vector_push(&model->partitions, sizeof partition) =
        partition;
    if (model->partitions.count * 2 > model->buckets.count)
        hash_grow(model);
    else
        hash_in(model, partition->index);
    return partition;
}

void model_bind(struct model *model, const struct uuid *topic_id, int topic)
{
    struct model_topic *row;

    if (find_topic(model, topic_id) != NULL)
        return;
    row = vector_push(&model->topics, sizeof *row);
    row->id = *topic_id;
    row->topic = topic;
    for (size_t i = 0; i < model->partitions.count; i++) {
        struct partition *partition = model_at(model, i);

        if (uuid_equal(&partition->key.topic_id, topic_id))
            partition->topic = topic;
    }
}

void model_gone(struct model *model, const struct uuid *topic_id)
{
    for (size_t i = 0; i < model->topics.count; i++) {
        struct model_topic *topic =
            VECTOR_AT(&model->topics, struct model_topic, i);

        if (uuid_equal(&topic->id, topic_id))
            topic->gone = true;
    }
    for (size_t i = 0; i < model->partitions.count; i++) {
        struct partition *partition = model_at(model, i);

        if (uuid_equal(&partition->key.topic_id, topic_id))
            partition->gone = true;
    }
}

struct found *partition_found(struct partition *partition, int64_t offset)
{
    vector_reach(&partition->found, (size_t)offset + 1, sizeof(struct found));
    return VECTOR_AT(&partition->found, struct found, offset);
}

void partition_size(struct partition *partition, int64_t offset, uint32_t bytes)
{
    vector_reach(&partition->sizes, (size_t)offset + 1, sizeof(uint32_t));
    *VECTOR_AT(&partition->sizes, uint32_t, offset) = bytes;
}
