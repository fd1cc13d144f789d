/* SPDX-License-Identifier: Apache-2.0
 *
 * A bump allocator over one block with a fixed budget; everything in it is
 * released at once. It backs protobuf-c when a message is decoded, so that
 * hostile input cannot take more memory than the budget.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena {
    uint8_t *block; /* 16-aligned, owned by the caller */
    size_t size;
    size_t used;
};

static inline void arena_init(struct arena *arena, void *block, size_t size)
{
    *arena = (struct arena){block, size, 0};
}

/* 16-aligned bytes (not zeroed), or NULL past the budget. */
static inline void *arena_alloc(struct arena *arena, size_t size)
{
    size_t rounded = (size + 15) & ~(size_t)15;
    uint8_t *at = arena->block + arena->used;

    if (rounded < size || rounded > arena->size - arena->used)
        return NULL;
    arena->used += rounded;
    return at;
}

static inline void arena_reset(struct arena *arena)
{
    arena->used = 0;
}

#endif
