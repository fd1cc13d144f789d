/* SPDX-License-Identifier: Apache-2.0
 *
 * Readings that are under way or about to be. Those of topics and their states
 * that a reading of all begins come by ten thousands: they wait in a queue.
 */
#include "cluster/metadata_read.h"
#include "seam/memory.h"
#include "seam/trace.h"

struct metadata_read *metadata_read_new(struct metadata *metadata,
                                        enum read_kind kind)
{
    struct metadata_read *read = heap_alloc(metadata->seam->heap, sizeof *read);

    read->request.done = metadata_read_done;
    read->metadata = metadata;
    read->kind = kind;
    list_init(&read->node);
    list_init(&read->queued);
    list_append(&metadata->reads, &read->node);
    return read;
}

void metadata_read_free(struct metadata_read *read)
{
    struct heap *heap = read->metadata->seam->heap;

    list_remove(&read->node);
    list_remove(&read->queued);
    heap_free(heap, read->name);
    heap_free(heap, read);
}

void metadata_drop_reads(struct metadata *metadata)
{
    list_for_each_safe (node, &metadata->reads)
        metadata_read_free(container_of(node, struct metadata_read, node));
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

static void ask_topic(struct metadata_read *read)
{
    char path[ZNODE_PATH_BYTES];

    znode_topic_path(path, read->name);
    coord_get(read->metadata->coord, &read->request, path, false, NULL);
}

static void ask_chunk(struct metadata_read *read, bool sync)
{
    char path[ZNODE_PATH_BYTES];

    znode_chunk_path(path, read->topic->name, read->chunk);
    coord_get(read->metadata->coord, &read->request, path, sync, NULL);
}

/* A server answers one session in order: whoever asked for ten thousands of
 * znodes at once would have to wait for all of them before it is elected. */
void metadata_ask_queued(struct metadata *metadata)
{
    while (metadata->bulk_reads < metadata->bulk_reads_max &&
           !list_empty(&metadata->queued)) {
        struct metadata_read *read = container_of(list_pop(&metadata->queued),
                                                  struct metadata_read, queued);

        if (read->kind == READ_CHUNK && read->topic == NULL) {
            metadata_read_free(read); /* deleted meanwhile */
            continue;
        }
        read->bulk = true;
        metadata->bulk_reads++;
        if (read->kind == READ_TOPIC)
            ask_topic(read);
        else
            ask_chunk(read, false);
    }
}

static void enqueue(struct metadata_read *read)
{
    struct metadata *metadata = read->metadata;

    list_append(&metadata->queued, &read->queued);
    metadata_ask_queued(metadata);
    if (!list_empty(&metadata->queued))
        SOMETIMES(metadata->seam->trace, READS_QUEUED);
}

void metadata_drop_queued(struct metadata *metadata)
{
    struct list *node;

    while ((node = list_pop(&metadata->queued)) != NULL)
        metadata_read_free(container_of(node, struct metadata_read, queued));
}

struct metadata_read *metadata_read_topic(struct metadata *metadata,
                                          const char *name)
{
    struct metadata_read *read = metadata_read_new(metadata, READ_TOPIC);

    read->name = heap_strdup(metadata->seam->heap, name);
    enqueue(read);
    return read;
}

void metadata_read_chunk(struct metadata *metadata, struct topic *topic,
                         uint32_t chunk, bool sync)
{
    struct metadata_read *read = metadata_read_new(metadata, READ_CHUNK);

    read->topic = topic;
    read->chunk = chunk;
    if (sync)
        ask_chunk(read, true);
    else
        enqueue(read);
}
