/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the look-up structures of log/index.h.
 */
#include "log/index.h"

#include <string.h>

#include "base/assert.h"

/* ---- index ---- */

void index_release(struct index *index, struct heap *heap)
{
    heap_free(heap, index->entries);
    *index = (struct index){0};
}

/* Every second entry goes; its interval joins the one before. */
static void thin(struct index *index)
{
    size_t kept = 0;

    for (size_t i = 0; i < index->count; i += 2) {
        struct index_entry entry = index->entries[i];

        if (i + 1 < index->count)
            entry.max_timestamp_ms = index->entries[i + 1].max_timestamp_ms;
        index->entries[kept++] = entry;
    }
    index->count = kept;
}

static void index_add(struct index *index, struct heap *heap,
                      const struct index_entry *entry)
{
    if (index->count == INDEX_ENTRIES_MAX)
        thin(index);
    if (index->count == index->capacity) {
        size_t capacity = index->capacity ? index->capacity * 2 : 16;

        index->entries = heap_grow(heap, index->entries,
                                   index->count * sizeof *index->entries,
                                   capacity * sizeof *index->entries);
        index->capacity = capacity;
    }
    ASSERT(index->count == 0 ||
           index->entries[index->count - 1].offset < entry->offset);
    index->entries[index->count++] = *entry;
}

void index_note(struct index *index, struct heap *heap, uint32_t interval,
                const struct batch_header *header, uint64_t position)
{
    struct index_entry entry = {header->base_offset, position,
                                header->max_timestamp_ms};
    struct index_entry *last =
        index->count ? &index->entries[index->count - 1] : NULL;

    if (last != NULL && last->max_timestamp_ms > entry.max_timestamp_ms)
        entry.max_timestamp_ms = last->max_timestamp_ms;
    if (last != NULL && position - last->position < interval)
        last->max_timestamp_ms = entry.max_timestamp_ms;
    else
        index_add(index, heap, &entry);
}

void index_cut_end(struct index *index, int64_t offset)
{
    while (index->count > 0 &&
           index->entries[index->count - 1].offset >= offset)
        index->count--;
}

void index_prepend(struct index *index, struct heap *heap, struct index *head)
{
    struct index tail = *index;
    int64_t max = INT64_MIN;

    *index = *head;
    *head = (struct index){0};
    if (index->count > 0)
        max = index->entries[index->count - 1].max_timestamp_ms;
    for (size_t i = 0; i < tail.count; i++) {
        struct index_entry entry = tail.entries[i];

        if (entry.max_timestamp_ms < max)
            entry.max_timestamp_ms = max;
        index_add(index, heap, &entry);
    }
    index_release(&tail, heap);
}

ptrdiff_t index_floor(const struct index *index, int64_t offset)
{
    size_t low = 0, high = index->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (index->entries[middle].offset <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return (ptrdiff_t)low - 1;
}

/* ---- ring ---- */

void ring_release(struct ring *ring, struct heap *heap)
{
    heap_free(heap, ring->entries);
    *ring = (struct ring){0};
}

static void ring_grow(struct ring *ring, struct heap *heap)
{
    size_t capacity = ring->capacity ? ring->capacity * 2 : 64;
    struct ring_entry *entries = heap_alloc(heap, capacity * sizeof *entries);

    for (size_t i = 0; i < ring->count; i++)
        entries[i] = *ring_at(ring, i);
    heap_free(heap, ring->entries);
    ring->entries = entries;
    ring->capacity = capacity;
    ring->first = 0;
}

void ring_note(struct ring *ring, struct heap *heap, int64_t offset,
               uint64_t position, int64_t needed)
{
    if (ring->count == ring->capacity) {
        if (ring->capacity == 0 || (ring->capacity < RING_BATCHES_MAX &&
                                    ring_at(ring, 0)->offset >= needed)) {
            ring_grow(ring, heap);
        } else {
            ring->first = (ring->first + 1) & (ring->capacity - 1);
            ring->count--;
        }
    }
    ring->entries[(ring->first + ring->count) & (ring->capacity - 1)] =
        (struct ring_entry){offset, position};
    ring->count++;
}

void ring_cut_end(struct ring *ring, int64_t offset)
{
    while (ring->count > 0 && ring_at(ring, ring->count - 1)->offset >= offset)
        ring->count--;
}

ptrdiff_t ring_floor(const struct ring *ring, int64_t offset)
{
    size_t low = 0, high = ring->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (ring_at(ring, middle)->offset <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return (ptrdiff_t)low - 1;
}

/* ---- window ---- */

void window_release(struct window *window, struct heap *heap)
{
    heap_free(heap, window->entries);
    *window = (struct window){0};
}

void window_note(struct window *window, struct heap *heap, int64_t offset,
                 uint64_t position)
{
    if (window->count == window->capacity) {
        size_t capacity = window->capacity ? window->capacity * 2 : 64;

        window->entries = heap_grow(heap, window->entries,
                                    window->count * sizeof *window->entries,
                                    capacity * sizeof *window->entries);
        window->capacity = capacity;
    }
    window->entries[window->count++] = (struct ring_entry){offset, position};
}

ptrdiff_t window_floor(const struct window *window, int64_t offset)
{
    size_t low = 0, high = window->count;

    if (offset < window->from || offset >= window->to)
        return -1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (window->entries[middle].offset <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return (ptrdiff_t)low - 1;
}
