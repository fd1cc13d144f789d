/* SPDX-License-Identifier: Apache-2.0
 *
 * What /changes says: what is read again, what came with it, and how far all
 * is known.
 */
#include "cluster/metadata_read.h"
#include "seam/memory.h"
#include "seam/trace.h"

/* The change carries what was written over what is known. */
static bool is_next(const struct topic *topic, const Kq__Change *change)
{
    return change->has_states && change->has_version && topic_settled(topic) &&
           topic_chunk_whole(topic, change->chunk) &&
           topic->chunk_versions[change->chunk] + 1 == change->version;
}

/* False when they are not to be had: the chunk is read. */
static bool apply_states(struct metadata *metadata, struct topic *topic,
                         const Kq__Change *change)
{
    struct heap *heap = metadata->seam->heap;
    struct partition_state *states;
    struct chunk_states chunk = {.chunk = change->chunk,
                                 .version = change->version};
    char why[DEFECT_WHY_BYTES];
    Kq__PartitionStates *node;
    void *block;
    bool taken = false;

    if (!is_next(topic, change))
        return false;
    node = znode_unpack(heap, &kq__partition_states__descriptor,
                        (struct bytes){change->states.data, change->states.len},
                        &block);
    chunk.states = states =
        heap_alloc_unset(heap, CHUNK_PARTITIONS * sizeof *states);
    if (node != NULL && topic_has_id(topic, node->topic_id) &&
        metadata_decode_chunk(chunk.chunk, node, states, why) == NULL &&
        node->n_partitions == topic_chunk_size(topic, chunk.chunk)) {
        chunk.count = (uint32_t)node->n_partitions;
        taken = metadata_apply_chunk(metadata, topic, &chunk);
        SOMETIMES(metadata->seam->trace, STATES_CAME_WITH_CHANGE);
    }
    heap_free(heap, states);
    heap_free(heap, block);
    return taken;
}

static bool is_being_read(const struct metadata *metadata,
                          const struct uuid *id)
{
    list_for_each (node, &metadata->reads) {
        const struct metadata_read *read =
            container_of(node, struct metadata_read, node);

        if (read->kind == READ_TOPIC && uuid_equal(&read->id, id))
            return true;
    }
    return false;
}

/* A topic that is not known: a new one, or nobody knows. What is said of one
 * that is being read will be read behind it. */
static void discover(struct metadata *metadata, const Kq__Change *change,
                     const struct uuid *id)
{
    if (change->name != NULL && topic_name_valid(change->name))
        metadata_read_topic(metadata, change->name)->id = *id;
    else if (!is_being_read(metadata, id))
        metadata->rescan_wanted = true; /* find its name */
}

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
        discover(metadata, change, &id);
    } else if (change->has_settings && change->settings) {
        metadata_read_topic(metadata, topic->name); /* and its chunks */
    } else if (change->chunk < topic_chunks(topic) &&
               !apply_states(metadata, topic, change)) {
        metadata_read_chunk(metadata, topic, change->chunk, false);
    }
}

void metadata_got_changes(struct metadata *metadata,
                          const Kq__ChangesNode *node, int32_t version)
{
    uint64_t first =
        node->n_changes > 0 ? node->changes[0]->sequence : node->next_sequence;

    if (metadata->blind) {
        metadata->blind = false;
        metadata->next_sequence = node->next_sequence;
        metadata->rescan_wanted = true;
        return;
    }
    if (metadata->rescanning && !metadata->from_here) {
        /* The scan reads what these speak of, and not what comes later. */
        metadata->from_here = true;
        metadata->next_sequence = node->next_sequence;
        return;
    }
    if (first > metadata->next_sequence || /* a gap, or written by hand */
        node->next_sequence < metadata->next_sequence ||
        znode_changes_by_hand(node, version)) {
        metadata->next_sequence = node->next_sequence;
        metadata->rescan_wanted = true;
        return;
    }
    for (size_t i = 0; i < node->n_changes; i++)
        if (node->changes[i]->sequence >= metadata->next_sequence)
            apply_change(metadata, node->changes[i]);
    metadata->next_sequence = node->next_sequence;
}

/* Where changes follow each other closely, the next reading of them is always
 * under way; what matters is what they speak of. */
void metadata_note_read(struct metadata *metadata)
{
    if (metadata->stopped || metadata->rescanning || metadata->reads_failed ||
        metadata->rescan_wanted)
        return;
    list_for_each (node, &metadata->reads) {
        enum read_kind kind =
            container_of(node, struct metadata_read, node)->kind;

        if (kind != READ_CHANGES)
            return;
    }
    metadata->changes_read = metadata->next_sequence;
}

void metadata_wrote(struct metadata *metadata, uint64_t first, uint64_t next,
                    bool brokers)
{
    if (!metadata_is_followed(metadata) || metadata->next_sequence != first)
        return;
    metadata->next_sequence = next;
    metadata_note_read(metadata);
    if (brokers)
        metadata_refresh_brokers(metadata);
}
