/* SPDX-License-Identifier: Apache-2.0
 *
 * When to read what:
 *
 *     scan: changes (sync, watch) + brokers + controller + list of topics
 *             -> each topic -> each of its chunks; all in -> ready
 *     watch on changes fires: changes again; per entry: a chunk, a topic
 *             whose settings changed or that has more partitions (and its
 *             chunks), a deletion, or brokers and controller; a gap, or an
 *             unknown topic: scan
 *
 * Readings run side by side; one that fails makes everything be read again
 * after a while, because what it would have said is not known.
 */
#include "cluster/metadata_read.h"

#include <string.h>

#include "base/assert.h"
#include "seam/memory.h"
#include "seam/trace.h"

#define RETRY_US 100000

enum read_kind {
    READ_CHANGES,
    READ_CONTROLLER,
    READ_TOPICS,
    READ_TOPIC,
    READ_CHUNK
};

struct metadata_read {
    struct coord_request request;
    struct metadata *metadata;
    enum read_kind kind;
    char *name;          /* of READ_TOPIC */
    struct topic *topic; /* of READ_CHUNK; NULL: deleted meanwhile */
    uint32_t chunk;
    bool scan;
    struct list node;
};

static void read_done(struct coord_request *request);

static struct metadata_read *read_new(struct metadata *metadata,
                                      enum read_kind kind)
{
    struct metadata_read *read = heap_alloc(metadata->seam->heap, sizeof *read);

    read->request.done = read_done;
    read->metadata = metadata;
    read->kind = kind;
    list_init(&read->node);
    list_append(&metadata->reads, &read->node);
    return read;
}

static void read_free(struct metadata_read *read)
{
    struct heap *heap = read->metadata->seam->heap;

    list_remove(&read->node);
    heap_free(heap, read->name);
    heap_free(heap, read);
}

void metadata_drop_reads(struct metadata *metadata)
{
    list_for_each_safe (node, &metadata->reads)
        read_free(container_of(node, struct metadata_read, node));
}

void metadata_forget_reads(struct metadata *metadata, struct topic *topic)
{
    list_for_each (node, &metadata->reads) {
        struct metadata_read *read =
            container_of(node, struct metadata_read, node);

        if (read->topic == topic)
            read->topic = NULL;
    }
}

/* ---- starting ---- */

static void read_changes(struct metadata *metadata)
{
    struct metadata_read *read = read_new(metadata, READ_CHANGES);

    coord_get(metadata->coord, &read->request, ZNODE_CHANGES, true,
              &metadata->changes_watch);
}

static void read_controller(struct metadata *metadata)
{
    struct metadata_read *read = read_new(metadata, READ_CONTROLLER);

    coord_get(metadata->coord, &read->request, ZNODE_CONTROLLER, true, NULL);
}

static void read_topics(struct metadata *metadata)
{
    struct metadata_read *read = read_new(metadata, READ_TOPICS);

    coord_children(metadata->coord, &read->request, ZNODE_TOPICS, true, NULL);
}

static void read_topic(struct metadata *metadata, const char *name)
{
    struct metadata_read *read = read_new(metadata, READ_TOPIC);
    char path[ZNODE_PATH_BYTES];

    read->name = heap_strdup(metadata->seam->heap, name);
    znode_topic_path(path, name);
    coord_get(metadata->coord, &read->request, path, false, NULL);
}

static void read_chunk(struct metadata *metadata, struct topic *topic,
                       uint32_t chunk)
{
    struct metadata_read *read = read_new(metadata, READ_CHUNK);
    char path[ZNODE_PATH_BYTES];

    read->topic = topic;
    read->chunk = chunk;
    znode_chunk_path(path, topic->name, chunk);
    coord_get(metadata->coord, &read->request, path, true, NULL);
}

static void start_scan(struct metadata *metadata)
{
    metadata->rescan_wanted = false;
    metadata->reads_failed = false;
    metadata->damaged = false;
    if (coord_state(metadata->coord) != COORD_CONNECTED) {
        metadata->rescan_wanted = true;
        timer_start(metadata->seam->timers, &metadata->retry,
                    metadata->seam->now.monotonic_us + RETRY_US);
        return;
    }
    metadata->rescanning = true;
    metadata->from_here = false;
    for (struct topic *topic = metadata_first(metadata); topic;
         topic = metadata_next(topic))
        topic->seen = false;
    read_changes(metadata);
    read_topics(metadata);
    metadata_refresh_brokers(metadata);
}

static void retry_fire(struct timer *timer)
{
    struct metadata *metadata = container_of(timer, struct metadata, retry);

    if (!metadata->stopped && list_empty(&metadata->reads))
        start_scan(metadata);
}

static void changes_fire(struct coord_watch *watch)
{
    struct metadata *metadata =
        container_of(watch, struct metadata, changes_watch);

    if (!metadata->stopped)
        read_changes(metadata);
}

void metadata_read_init(struct metadata *metadata)
{
    metadata->changes_watch.fire = changes_fire;
    metadata->retry.fire = retry_fire;
}

void metadata_scan(struct metadata *metadata)
{
    metadata->stopped = false;
    metadata->rescan_wanted = true;
    if (list_empty(&metadata->reads))
        start_scan(metadata);
}

void metadata_stop(struct metadata *metadata)
{
    metadata->stopped = true;
    metadata->ready = false;
    metadata->rescanning = false;
    timer_stop(metadata->seam->timers, &metadata->retry);
    coord_watch_cancel(metadata->coord, &metadata->changes_watch);
    brokers_stop(&metadata->brokers);
}

void metadata_refresh(struct metadata *metadata, struct topic *topic,
                      uint32_t partition)
{
    if (!metadata->stopped)
        read_chunk(metadata, topic, partition / CHUNK_PARTITIONS);
}

void metadata_refresh_brokers(struct metadata *metadata)
{
    read_controller(metadata);
    brokers_read(&metadata->brokers, false);
}

/* ---- what was read ---- */

static void apply_change(struct metadata *metadata, const Kq__Change *change)
{
    struct topic *topic;
    struct uuid id;

    if (!change->has_topic_id) {
        metadata_refresh_brokers(metadata);
        return;
    }
    if (!uuid_from_bytes(change->topic_id.data, change->topic_id.len, &id))
        return;
    topic = metadata_topic_by_id(metadata, &id);
    if (!change->has_chunk) {
        if (topic != NULL)
            metadata_remove_topic(metadata, topic);
    } else if (topic == NULL) {
        metadata->rescan_wanted = true; /* a new one: find its name */
    } else if (change->has_settings && change->settings) {
        read_topic(metadata, topic->name); /* and its chunks */
    } else if (change->chunk < topic_chunks(topic)) {
        read_chunk(metadata, topic, change->chunk);
    }
}

static void got_changes(struct metadata *metadata, const Kq__ChangesNode *node)
{
    uint64_t first =
        node->n_changes > 0 ? node->changes[0]->sequence : node->next_sequence;

    if (metadata->rescanning && !metadata->from_here) {
        /* The scan reads what these speak of, and not what comes later. */
        metadata->from_here = true;
        metadata->next_sequence = node->next_sequence;
        return;
    }
    if (first > metadata->next_sequence) { /* a gap */
        metadata->next_sequence = node->next_sequence;
        metadata->rescan_wanted = true;
        return;
    }
    for (size_t i = 0; i < node->n_changes; i++)
        if (node->changes[i]->sequence >= metadata->next_sequence)
            apply_change(metadata, node->changes[i]);
    metadata->next_sequence = node->next_sequence;
}

static void got_controller(struct metadata *metadata,
                           const Kq__ControllerNode *node)
{
    metadata->controller_id = node ? node->broker_id : NO_BROKER;
    if (node != NULL)
        metadata->controller_epoch = node->controller_epoch;
    metadata->listener->on_brokers(metadata->listener);
}

static void got_topics(struct metadata *metadata,
                       const struct coord_request *request)
{
    for (size_t i = 0; i < request->child_count; i++)
        read_topic(metadata, request->children[i]);
}

static void got_topic(struct metadata *metadata, const char *name,
                      int32_t version, const Kq__TopicNode *node)
{
    struct topic *topic = metadata_apply_topic(metadata, name, version, node);

    if (topic == NULL) {
        trace_log(metadata->seam->trace, TRACE_ERROR,
                  "znode " ZNODE_TOPICS "/%s is damaged: topic ignored", name);
        metadata->damaged = true;
        return;
    }
    topic->seen = true;
    for (uint32_t i = 0; i < topic_chunks(topic); i++)
        read_chunk(metadata, topic, i);
}

/* Every partition of the chunk, in its place, or it is damaged. */
static bool decode_chunk(uint32_t chunk, const Kq__PartitionStates *node,
                         struct partition_state *states)
{
    uint32_t first = chunk * CHUNK_PARTITIONS;

    if (node->n_partitions > CHUNK_PARTITIONS)
        return false;
    for (uint32_t i = 0; i < node->n_partitions; i++)
        if (node->partitions[i]->partition != first + i ||
            znode_partition_decode(node->partitions[i], &states[i]) !=
                ERROR_NONE)
            return false;
    return true;
}

static void got_chunk(struct metadata_read *read,
                      const Kq__PartitionStates *node)
{
    struct metadata *metadata = read->metadata;
    struct topic *topic = read->topic;
    struct heap *heap = metadata->seam->heap;
    struct partition_state *states;
    struct chunk_states chunk = {read->chunk, read->request.stat.version,
                                 (uint32_t)node->n_partitions, NULL};
    struct uuid id;
    bool whole;

    if (!uuid_from_bytes(node->topic_id.data, node->topic_id.len, &id) ||
        !uuid_equal(&id, &topic->id)) {
        metadata->rescan_wanted = true; /* created anew under this name */
        return;
    }
    chunk.states = states = heap_alloc(heap, CHUNK_PARTITIONS * sizeof *states);
    whole = decode_chunk(chunk.chunk, node, states);
    if (!whole)
        metadata->damaged = true;
    if (!whole || !metadata_apply_chunk(metadata, topic, &chunk))
        trace_log(metadata->seam->trace, TRACE_ERROR,
                  "znode " ZNODE_TOPICS "/%s/state/%u is damaged: ignored",
                  topic->name, chunk.chunk);
    heap_free(heap, states);
}

static const ProtobufCMessageDescriptor *descriptor_of(enum read_kind kind)
{
    switch (kind) {
    case READ_CHANGES:
        return &kq__changes_node__descriptor;
    case READ_CONTROLLER:
        return &kq__controller_node__descriptor;
    case READ_TOPIC:
        return &kq__topic_node__descriptor;
    case READ_CHUNK:
        return &kq__partition_states__descriptor;
    case READ_TOPICS:
        break;
    }
    UNREACHABLE();
}

static void got(struct metadata_read *read)
{
    struct metadata *metadata = read->metadata;
    void *block;
    void *node;

    if (read->kind == READ_TOPICS) {
        got_topics(metadata, &read->request);
        return;
    }
    node = znode_unpack(metadata->seam->heap, descriptor_of(read->kind),
                        read->request.data, &block);
    if (node == NULL) {
        metadata->damaged = true;
        trace_log(metadata->seam->trace, TRACE_ERROR,
                  "a znode under %s is damaged: ignored",
                  read->name ? read->name : "the chroot");
    } else if (read->kind == READ_CHANGES) {
        got_changes(metadata, node);
    } else if (read->kind == READ_CONTROLLER) {
        got_controller(metadata, node);
    } else if (read->kind == READ_TOPIC) {
        got_topic(metadata, read->name, read->request.stat.version, node);
    } else if (read->topic != NULL) {
        got_chunk(read, node);
    }
    heap_free(metadata->seam->heap, block);
}

static void remove_unseen(struct metadata *metadata)
{
    struct topic *next;

    for (struct topic *topic = metadata_first(metadata); topic; topic = next) {
        next = metadata_next(topic);
        if (!topic->seen)
            metadata_remove_topic(metadata, topic);
    }
}

/* Nothing is in flight: go on with what was asked for meanwhile. */
static void settle(struct metadata *metadata)
{
    if (metadata->stopped)
        return;
    if (metadata->reads_failed) {
        metadata->rescanning = false;
        metadata->reads_failed = false;
        metadata->rescan_wanted = true;
        timer_start(metadata->seam->timers, &metadata->retry,
                    metadata->seam->now.monotonic_us + RETRY_US);
        return;
    }
    if (metadata->rescan_wanted) {
        start_scan(metadata);
        return;
    }
    metadata->changes_read = metadata->next_sequence;
    if (metadata->rescanning) {
        metadata->rescanning = false;
        remove_unseen(metadata);
        metadata->ready = true;
        metadata->listener->on_ready(metadata->listener);
    }
}

/* Where changes follow each other closely, the next reading of them is always
 * under way; what matters is what they speak of. */
static void note_read(struct metadata *metadata)
{
    if (metadata->stopped || metadata->rescanning || metadata->reads_failed ||
        metadata->rescan_wanted)
        return;
    list_for_each (node, &metadata->reads)
        if (container_of(node, struct metadata_read, node)->kind !=
            READ_CHANGES)
            return;
    metadata->changes_read = metadata->next_sequence;
}

static void read_done(struct coord_request *request)
{
    struct metadata_read *read =
        container_of(request, struct metadata_read, request);
    struct metadata *metadata = read->metadata;

    if (metadata->stopped)
        ; /* the session that asked is over */
    else if (request->error == ERROR_NONE)
        got(read);
    else if (request->error == ERROR_NO_NODE && read->kind == READ_CONTROLLER)
        got_controller(metadata, NULL);
    else if (request->error != ERROR_NO_NODE)
        metadata->reads_failed = true;
    read_free(read);
    if (list_empty(&metadata->reads))
        settle(metadata);
    else
        note_read(metadata);
}
