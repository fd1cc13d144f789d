/* SPDX-License-Identifier: Apache-2.0
 *
 * From offsets to positions. Three structures, from coarse to exact:
 *   index   of a segment: an entry every so many bytes, thinned when there
 *           are many. 64-bit offsets and positions throughout (B37).
 *   ring    of a log: the newest batches, each of them
 *   window  of a log: the batches of one index interval, read on demand
 * Nothing here does I/O.
 */
#ifndef LOG_INDEX_H
#define LOG_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rules/batch.h"
#include "seam/memory.h"

#define INDEX_ENTRIES_MAX 16384
#define RING_BATCHES_MAX  4096

struct index_entry {
    int64_t offset;
    uint64_t position;
    int64_t max_timestamp_ms; /* from the segment's start up to the next */
};

struct index {
    struct index_entry *entries;
    size_t count, capacity;
};

void index_release(struct index *index, struct heap *heap);
/* A batch at the end. `interval`: bytes between entries, at least. */
void index_note(struct index *index, struct heap *heap, uint32_t interval,
                const struct batch_header *header, uint64_t position);
/* Batches at or above `offset` are gone. */
void index_cut_end(struct index *index, int64_t offset);
/* Puts the entries of `head`, which ends where `index` begins, in front;
 * empties `head`. */
void index_prepend(struct index *index, struct heap *heap, struct index *head);
/* The last entry at or below offset; -1: none. */
ptrdiff_t index_floor(const struct index *index, int64_t offset);

struct ring_entry {
    int64_t offset; /* of a batch's first record */
    uint64_t position;
};

struct ring {
    struct ring_entry *entries;
    size_t capacity; /* a power of two */
    size_t first, count;
};

void ring_release(struct ring *ring, struct heap *heap);
/* `needed`: batches from this offset on are worth growing for. */
void ring_note(struct ring *ring, struct heap *heap, int64_t offset,
               uint64_t position, int64_t needed);
void ring_cut_end(struct ring *ring, int64_t offset);
/* The i-th, oldest first. */
static inline const struct ring_entry *ring_at(const struct ring *ring,
                                               size_t i)
{
    return &ring->entries[(ring->first + i) & (ring->capacity - 1)];
}
/* The last batch that begins at or below offset; -1: none. */
ptrdiff_t ring_floor(const struct ring *ring, int64_t offset);

/* Batches of [from, to), ascending. */
struct window {
    int64_t from, to;
    struct ring_entry *entries;
    size_t count, capacity;
};

void window_release(struct window *window, struct heap *heap);
void window_note(struct window *window, struct heap *heap, int64_t offset,
                 uint64_t position);
ptrdiff_t window_floor(const struct window *window, int64_t offset);

#endif
