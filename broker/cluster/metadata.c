/* SPDX-License-Identifier: Apache-2.0
 *
 * The store: topics by name and by id, and what is put into them. What is
 * read from ZooKeeper, and when, is in cluster/metadata_read.c.
 */
#include "cluster/metadata.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "cluster/metadata_read.h"
#include "cluster/topic_config.h"
#include "seam/memory.h"
#include "seam/trace.h"

static int compare_names(const struct topic *a, const struct topic *b)
{
    return strcmp(a->name, b->name);
}

static int compare_ids(const struct topic *a, const struct topic *b)
{
    return uuid_compare(&a->id, &b->id);
}

RB_GENERATE_STATIC(topics_by_name, topic, by_name, compare_names)
RB_GENERATE_STATIC(topics_by_id, topic, by_id, compare_ids)

struct topic *metadata_topic(struct metadata *metadata, const char *name)
{
    struct topic key = {.name = (char *)(uintptr_t)name};

    return RB_FIND(topics_by_name, &metadata->by_name, &key);
}

struct topic *metadata_topic_by_id(struct metadata *metadata,
                                   const struct uuid *id)
{
    struct topic key = {.id = *id};

    return RB_FIND(topics_by_id, &metadata->by_id, &key);
}

struct topic *metadata_first(struct metadata *metadata)
{
    return RB_MIN(topics_by_name, &metadata->by_name);
}

struct topic *metadata_next(struct topic *topic)
{
    return RB_NEXT(topics_by_name, NULL, topic);
}

const char *topic_config_value(const struct topic *topic, const char *key)
{
    for (size_t i = 0; i < topic->config_count; i++)
        if (strcmp(topic->configs[i].key, key) == 0)
            return topic->configs[i].value;
    return NULL;
}

uint32_t topic_chunk_size(const struct topic *topic, uint32_t chunk)
{
    uint32_t first = chunk * CHUNK_PARTITIONS;
    uint32_t left = topic->partition_count - first;

    ASSERT(chunk < topic->chunk_count);
    return left < CHUNK_PARTITIONS ? left : CHUNK_PARTITIONS;
}

static void free_configs(struct heap *heap, struct topic *topic)
{
    for (size_t i = 0; i < topic->config_count; i++) {
        heap_free(heap, topic->configs[i].key);
        heap_free(heap, topic->configs[i].value);
    }
    heap_free(heap, topic->configs);
}

static void topic_free(struct heap *heap, struct topic *topic)
{
    if (topic->grown != NULL)
        topic_free(heap, topic->grown);
    free_configs(heap, topic);
    heap_free(heap, topic->chunk_versions);
    heap_free(heap, topic->chunk_czxids);
    heap_free(heap, topic->chunk_conditions);
    heap_free(heap, topic->states);
    heap_free(heap, topic->name);
    heap_free(heap, topic);
}

static void set_configs(struct heap *heap, struct topic *topic,
                        const Kq__TopicNode *node)
{
    topic->configs =
        heap_alloc(heap, (node->n_configs + 1) * sizeof *topic->configs);
    topic->config_count = node->n_configs;
    for (size_t i = 0; i < node->n_configs; i++) {
        topic->configs[i].key = heap_strdup(heap, node->configs[i]->key);
        topic->configs[i].value = heap_strdup(heap, node->configs[i]->value);
    }
}

/* Who lives by the settings is told with the states that go with them. */
static void change_configs(struct metadata *metadata, struct topic *topic,
                           int32_t version, const Kq__TopicNode *node)
{
    struct heap *heap = metadata->seam->heap;

    if (version <= topic->version)
        return; /* an older reading than what is known */
    topic->version = version;
    free_configs(heap, topic);
    set_configs(heap, topic, node);
    if (topic_loaded(topic))
        metadata->listener->on_states(metadata->listener, topic, 0,
                                      topic->partition_count);
}

/* So many partitions, of which nothing is known yet. */
static struct topic *topic_of(struct heap *heap, uint32_t partition_count)
{
    struct topic *topic = heap_alloc(heap, sizeof *topic);

    topic->partition_count = partition_count;
    topic->states = heap_alloc(heap, partition_count * sizeof *topic->states);
    topic->chunk_count =
        (partition_count + CHUNK_PARTITIONS - 1) / CHUNK_PARTITIONS;
    topic->chunk_versions =
        heap_alloc(heap, topic->chunk_count * sizeof *topic->chunk_versions);
    topic->chunk_czxids =
        heap_alloc(heap, topic->chunk_count * sizeof *topic->chunk_czxids);
    topic->chunk_conditions =
        heap_alloc(heap, topic->chunk_count * sizeof *topic->chunk_conditions);
    for (uint32_t i = 0; i < topic->chunk_count; i++)
        topic->chunk_versions[i] = -1;
    topic->chunks_missing = topic->chunk_count;
    return topic;
}

static struct topic *topic_new(struct metadata *metadata, const char *name,
                               const struct uuid *id, const Kq__TopicNode *node)
{
    struct heap *heap = metadata->seam->heap;
    struct topic *topic = topic_of(heap, node->partition_count);

    topic->name = heap_strdup(heap, name);
    topic->id = *id;
    topic->seen = true; /* newer than the names a scan under way was given */
    set_configs(heap, topic, node);
    RB_INSERT(topics_by_name, &metadata->by_name, topic);
    RB_INSERT(topics_by_id, &metadata->by_id, topic);
    return topic;
}

/* ---- chunks ---- */

static bool may_put(const struct topic *topic, const struct chunk_states *chunk)
{
    return chunk->chunk < topic->chunk_count &&
           chunk->count >= topic_chunk_size(topic, chunk->chunk);
}

static void set_condition(struct topic *topic, uint32_t chunk,
                          enum chunk_condition condition)
{
    enum chunk_condition *at = &topic->chunk_conditions[chunk];

    topic->chunks_larger -= *at == CHUNK_LARGER;
    topic->chunks_damaged -= *at >= CHUNK_DAMAGED;
    *at = condition;
    topic->chunks_larger += *at == CHUNK_LARGER;
    topic->chunks_damaged += *at >= CHUNK_DAMAGED;
}

void topic_set_condition(struct topic *topic, uint32_t chunk,
                         enum chunk_condition condition)
{
    if (chunk < topic->chunk_count)
        set_condition(topic, chunk, condition);
    if (topic->grown != NULL && chunk < topic->grown->chunk_count)
        set_condition(topic->grown, chunk, condition);
}

/* Of one znode by its version; one that was made anew begins with 0. */
static bool is_older(int64_t czxid, int32_t version, int64_t known_czxid,
                     int32_t known_version)
{
    if (czxid != 0 && known_czxid != 0 && czxid != known_czxid)
        return czxid < known_czxid;
    return version <= known_version;
}

/* False when it is not newer than what is known. */
static bool put_chunk(struct topic *topic, const struct chunk_states *chunk)
{
    uint32_t at = chunk->chunk;
    bool older = is_older(chunk->czxid, chunk->version, topic->chunk_czxids[at],
                          topic->chunk_versions[at]);

    if (older && chunk->version != topic->chunk_versions[at])
        return false;
    if (chunk->czxid != 0)
        topic->chunk_czxids[at] = chunk->czxid;
    set_condition(topic, at,
                  chunk->count > topic_chunk_size(topic, at) ? CHUNK_LARGER
                                                             : CHUNK_WHOLE);
    if (older)
        return false;
    if (topic->chunk_versions[at] == -1)
        topic->chunks_missing--;
    topic->chunk_versions[at] = chunk->version;
    memcpy(topic->states + at * CHUNK_PARTITIONS, chunk->states,
           topic_chunk_size(topic, at) * sizeof *chunk->states);
    return true;
}

/* The topic has more partitions. Chunks that stay as large are known; the
 * others are shown when all of them are. */
static void topic_grow(struct heap *heap, struct topic *topic,
                       uint32_t partition_count)
{
    struct topic *grown = topic->grown;

    if (grown != NULL && partition_count == topic->partition_count) {
        topic_free(heap, grown); /* a hand had raised it */
        topic->grown = NULL;
        return;
    }
    if (partition_count <=
        (grown ? grown->partition_count : topic->partition_count))
        return;
    if (grown != NULL)
        topic_free(heap, grown);
    topic->grown = grown = topic_of(heap, partition_count);
    for (uint32_t i = 0; i < topic->chunk_count; i++) {
        const struct chunk_states known = {
            i, topic->chunk_versions[i], topic_chunk_size(topic, i),
            topic->states + i * CHUNK_PARTITIONS, topic->chunk_czxids[i]};

        if (may_put(grown, &known))
            put_chunk(grown, &known);
    }
}

/* All of them are there. */
static void adopt_grown(struct metadata *metadata, struct topic *topic)
{
    struct topic *grown = topic->grown;
    struct topic old = *topic;
    uint32_t first = old.partition_count / CHUNK_PARTITIONS * CHUNK_PARTITIONS;

    topic->partition_count = grown->partition_count;
    topic->states = grown->states;
    topic->chunk_count = grown->chunk_count;
    topic->chunk_versions = grown->chunk_versions;
    topic->chunk_czxids = grown->chunk_czxids;
    topic->chunk_conditions = grown->chunk_conditions;
    topic->chunks_missing = 0;
    topic->chunks_larger = grown->chunks_larger;
    topic->chunks_damaged = grown->chunks_damaged;
    topic->grown = NULL;
    grown->states = old.states;
    grown->chunk_versions = old.chunk_versions;
    grown->chunk_czxids = old.chunk_czxids;
    grown->chunk_conditions = old.chunk_conditions;
    topic_free(metadata->seam->heap, grown);
    metadata->listener->on_states(metadata->listener, topic, first,
                                  topic->partition_count - first);
}

bool metadata_apply_chunk(struct metadata *metadata, struct topic *topic,
                          const struct chunk_states *chunk)
{
    bool known = may_put(topic, chunk);
    bool added = topic->grown && may_put(topic->grown, chunk);

    if (known && put_chunk(topic, chunk))
        metadata->listener->on_states(metadata->listener, topic,
                                      chunk->chunk * CHUNK_PARTITIONS,
                                      topic_chunk_size(topic, chunk->chunk));
    if (added)
        put_chunk(topic->grown, chunk);
    if (added && topic_loaded(topic->grown))
        adopt_grown(metadata, topic);
    return known || added;
}

bool topic_has_id(const struct topic *topic, ProtobufCBinaryData topic_id)
{
    struct uuid id;

    return uuid_from_bytes(topic_id.data, topic_id.len, &id) &&
           uuid_equal(&id, &topic->id);
}

const char *metadata_decode_chunk(uint32_t chunk,
                                  const Kq__PartitionStates *node,
                                  struct partition_state *states,
                                  char why[DEFECT_WHY_BYTES])
{
    uint32_t first = chunk * CHUNK_PARTITIONS;

    if (node->has_format && node->format > ZNODE_FORMAT)
        return "it was written by a newer version than this broker's";
    if (node->n_partitions > CHUNK_PARTITIONS)
        return "it holds more partitions than a znode does";
    for (uint32_t i = 0; i < node->n_partitions; i++) {
        const char *wrong =
            node->partitions[i]->partition == first + i
                ? znode_partition_decode(node->partitions[i], &states[i])
                : "it is not in its place";

        if (wrong == NULL)
            continue;
        snprintf(why, DEFECT_WHY_BYTES, "of partition %u: %s", first + i,
                 wrong);
        return why;
    }
    return NULL;
}

/* ---- topics ---- */

static const char *config_wrong(const Kq__TopicNode *node,
                                char why[DEFECT_WHY_BYTES])
{
    for (size_t i = 0; i < node->n_configs; i++)
        if (topic_config_known(node->configs[i]->key) &&
            !topic_config_check(node->configs[i]->key, node->configs[i]->value,
                                why, DEFECT_WHY_BYTES))
            return why;
    return NULL;
}

const char *metadata_topic_wrong(struct metadata *metadata, const char *name,
                                 const Kq__TopicNode *node,
                                 char why[DEFECT_WHY_BYTES])
{
    struct topic *other;
    struct uuid id;

    if (node->has_format && node->format > ZNODE_FORMAT)
        return "it was written by a newer version than this broker's";
    if (!uuid_from_bytes(node->topic_id.data, node->topic_id.len, &id))
        return "its topic id has not 16 bytes";
    if (node->partition_count == 0)
        return "it has no partitions";
    if (node->partition_count > PARTITIONS_PER_TOPIC_MAX)
        return "it has more partitions than a topic can have";
    other = metadata_topic_by_id(metadata, &id);
    if (other != NULL && strcmp(other->name, name) != 0)
        return "its topic id is that of another topic";
    return config_wrong(node, why);
}

struct topic *metadata_apply_topic(struct metadata *metadata, const char *name,
                                   int32_t version, const Kq__TopicNode *node)
{
    struct topic *topic = metadata_topic(metadata, name);
    char why[DEFECT_WHY_BYTES];
    struct uuid id;

    if (metadata_topic_wrong(metadata, name, node, why) != NULL ||
        !uuid_from_bytes(node->topic_id.data, node->topic_id.len, &id))
        return NULL;
    if (topic != NULL && uuid_equal(&topic->id, &id)) {
        bool older = version < topic->version;

        change_configs(metadata, topic, version, node);
        if (!older)
            topic_grow(metadata->seam->heap, topic, node->partition_count);
        return topic;
    }
    if (topic != NULL)
        metadata_remove_topic(metadata, topic);
    topic = topic_new(metadata, name, &id, node);
    topic->version = version;
    return topic;
}

/* Without the last of them, what is gone is known to be. */
static void forget_defects(struct metadata *metadata, const char *name)
{
    bool damaged = metadata->damaged;

    defects_forget_topic(&metadata->defects, name);
    metadata->damaged = defects_any(&metadata->defects);
    if (damaged && !metadata->damaged)
        metadata_scan_soon(metadata);
}

void metadata_remove_topic(struct metadata *metadata, struct topic *topic)
{
    metadata->listener->on_deleted(metadata->listener, topic);
    metadata_forget_reads(metadata, topic);
    forget_defects(metadata, topic->name);
    RB_REMOVE(topics_by_name, &metadata->by_name, topic);
    RB_REMOVE(topics_by_id, &metadata->by_id, topic);
    topic_free(metadata->seam->heap, topic);
}

static void on_brokers(struct brokers_listener *listener,
                       const struct brokers *brokers)
{
    struct metadata *metadata =
        container_of(listener, struct metadata, brokers_listener);

    (void)brokers;
    if (!metadata->stopped)
        metadata->listener->on_brokers(metadata->listener);
}

void metadata_init(struct metadata *metadata, struct seam *seam,
                   struct coord *coord, struct metadata_listener *listener)
{
    memset(metadata, 0, sizeof *metadata);
    metadata->seam = seam;
    metadata->coord = coord;
    metadata->listener = listener;
    metadata->stopped = true;
    metadata->controller_id = NO_BROKER;
    RB_INIT(&metadata->by_name);
    RB_INIT(&metadata->by_id);
    list_init(&metadata->reads);
    list_init(&metadata->queued);
    metadata->bulk_reads_max = BULK_READS_DEFAULT;
    defects_init(&metadata->defects, seam);
    metadata->brokers_listener.on_brokers = on_brokers;
    brokers_init(&metadata->brokers, seam, coord, &metadata->brokers_listener);
    metadata->brokers.defects = &metadata->defects;
    metadata_read_init(metadata);
}

void metadata_release(struct metadata *metadata)
{
    struct topic *topic;

    metadata_stop(metadata);
    metadata_drop_reads(metadata);
    brokers_release(&metadata->brokers);
    while ((topic = metadata_first(metadata)) != NULL) {
        RB_REMOVE(topics_by_name, &metadata->by_name, topic);
        topic_free(metadata->seam->heap, topic);
    }
    defects_release(&metadata->defects);
}
