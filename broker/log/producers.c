/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the set of known producers and the bytes of its snapshot. Payload of
 * the small file, little-endian:
 *
 *     offset i64, segment i64, position u64, forgetful u32, count u32;
 *     each, longest idle first: id i64, epoch u32, batches u32, more u32;
 *         each batch: base and last sequence i32, base offset i64
 */
#include "log/producers.h"

#include <string.h>

#include "base/assert.h"
#include "base/cursor.h"
#include "log/small_file.h"

#define HEAD_BYTES     32
#define PRODUCER_BYTES 20
#define BATCH_BYTES    16

static int compare(const struct producer_node *a, const struct producer_node *b)
{
    return (a->producer.id > b->producer.id) -
           (a->producer.id < b->producer.id);
}

RB_GENERATE_STATIC(producer_tree, producer_node, by_id, compare)

void producers_init(struct producers *producers, struct heap *heap)
{
    *producers = (struct producers){.heap = heap};
    RB_INIT(&producers->tree);
    list_init(&producers->idle);
}

static void forget(struct producers *producers, struct producer_node *node)
{
    RB_REMOVE(producer_tree, &producers->tree, node);
    list_remove(&node->idle);
    producers->count--;
    heap_free(producers->heap, node);
}

static struct producer_node *oldest(const struct producers *producers)
{
    return container_of(list_first(&producers->idle), struct producer_node,
                        idle);
}

void producers_clear(struct producers *producers, bool forgetful)
{
    while (producers->count > 0)
        forget(producers, oldest(producers));
    producers->forgetful = forgetful;
}

static struct producer_node *find(struct producers *producers, int64_t id)
{
    struct producer_node wanted;

    wanted.producer.id = id;
    return RB_FIND(producer_tree, &producers->tree, &wanted);
}

struct producer *producers_find(struct producers *producers, int64_t id)
{
    struct producer_node *node = find(producers, id);

    return node ? &node->producer : NULL;
}

static struct producer_node *add(struct producers *producers, int64_t id)
{
    struct producer_node *node;

    if (producers->count == PRODUCERS_MAX) {
        forget(producers, oldest(producers));
        producers->forgetful = true;
    }
    node = heap_alloc(producers->heap, sizeof *node);
    node->producer.id = id;
    RB_INSERT(producer_tree, &producers->tree, node);
    list_append(&producers->idle, &node->idle);
    producers->count++;
    return node;
}

void producers_note(struct producers *producers,
                    const struct batch_header *header)
{
    struct producer_node *node;

    if (!producer_applies(header))
        return;
    node = find(producers, header->producer_id);
    if (node == NULL) {
        node = add(producers, header->producer_id);
    } else {
        list_remove(&node->idle);
        list_append(&producers->idle, &node->idle);
    }
    producer_note(&node->producer, header);
}

bool producers_cut_end(struct producers *producers, int64_t offset)
{
    bool whole = true;

    list_for_each_safe (at, &producers->idle) {
        struct producer_node *node =
            container_of(at, struct producer_node, idle);
        uint32_t before = node->producer.batch_count;

        if (!producer_cut_end(&node->producer, offset)) {
            whole = whole && !node->producer.more;
            forget(producers, node);
        } else if (node->producer.batch_count < before && node->producer.more) {
            whole = false;
        }
    }
    return whole;
}

uint8_t *producers_encode(struct producers *producers,
                          const struct producers_place *place, size_t *size)
{
    struct writer writer;
    uint8_t *payload, *data;

    *size = HEAD_BYTES;
    list_for_each (at, &producers->idle)
        *size +=
            PRODUCER_BYTES +
            BATCH_BYTES * (size_t)container_of(at, struct producer_node, idle)
                              ->producer.batch_count;
    data = small_file_buffer(producers->heap, *size, &payload);
    writer_init(&writer, payload, *size);
    writer_u64(&writer, (uint64_t)place->offset);
    writer_u64(&writer, (uint64_t)place->segment);
    writer_u64(&writer, place->position);
    writer_u32(&writer, producers->forgetful);
    writer_u32(&writer, (uint32_t)producers->count);
    list_for_each (at, &producers->idle) {
        const struct producer *producer =
            &container_of(at, struct producer_node, idle)->producer;

        writer_u64(&writer, (uint64_t)producer->id);
        writer_u32(&writer, producer->epoch);
        writer_u32(&writer, producer->batch_count);
        writer_u32(&writer, producer->more);
        for (uint32_t i = 0; i < producer->batch_count; i++) {
            writer_u32(&writer, (uint32_t)producer->batches[i].base_sequence);
            writer_u32(&writer, (uint32_t)producer->batches[i].last_sequence);
            writer_u64(&writer, (uint64_t)producer->batches[i].base_offset);
        }
    }
    ASSERT(!writer.failed);
    ASSERT(writer.at == *size);
    return data;
}

bool producers_head_decode(struct cursor *cursor, struct producers_head *head)
{
    head->place.offset = (int64_t)cursor_u64(cursor);
    head->place.segment = (int64_t)cursor_u64(cursor);
    head->place.position = cursor_u64(cursor);
    head->forgetful = cursor_u32(cursor) != 0;
    head->count = cursor_u32(cursor);
    return !cursor->failed && head->count <= PRODUCERS_MAX;
}

bool producer_decode(struct cursor *cursor, struct producer *producer)
{
    *producer = (struct producer){.id = (int64_t)cursor_u64(cursor)};
    producer->epoch = cursor_u32(cursor);
    producer->batch_count = cursor_u32(cursor);
    producer->more = cursor_u32(cursor) != 0;
    if (producer->batch_count > PRODUCER_BATCHES_MAX)
        return false;
    for (uint32_t i = 0; i < producer->batch_count; i++) {
        producer->batches[i].base_sequence = (int32_t)cursor_u32(cursor);
        producer->batches[i].last_sequence = (int32_t)cursor_u32(cursor);
        producer->batches[i].base_offset = (int64_t)cursor_u64(cursor);
    }
    return !cursor->failed && producer_valid(producer);
}

bool producers_decode(struct producers *producers, const uint8_t *data,
                      size_t size, struct producers_place *place)
{
    struct producers_head head;
    struct producer producer;
    struct cursor cursor;

    producers_clear(producers, false);
    cursor_init(&cursor, data, size);
    if (!producers_head_decode(&cursor, &head))
        return false;
    *place = head.place;
    for (uint32_t i = 0; i < head.count; i++) {
        if (!producer_decode(&cursor, &producer) ||
            find(producers, producer.id) != NULL) {
            producers_clear(producers, false);
            return false;
        }
        add(producers, producer.id)->producer = producer;
    }
    producers->forgetful = head.forgetful;
    return cursor.at == cursor.size;
}
