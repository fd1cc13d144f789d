/* SPDX-License-Identifier: Apache-2.0
 *
 * Free lists by size class: steps of 16 bytes up to SMALL_BYTES, then four to
 * every power of two. What is larger than BLOCK_BYTES_MAX is malloc()'s. The
 * lists outlive a run, for the next one; nothing goes back to the system.
 */
#include "sim/pool.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

#if __has_include(<valgrind/memcheck.h>) /* comes with valgrind itself */
#include <valgrind/memcheck.h>
#else
#define VALGRIND_MAKE_MEM_DEFINED(at, size) 0
#endif

#define STEP_BYTES      16u
#define SMALL_ORDER     10u /* SMALL_BYTES, as a power of two */
#define SMALL_BYTES     (1u << SMALL_ORDER)
#define SMALL_COUNT     (SMALL_BYTES / STEP_BYTES)
#define LARGE_ORDER     17u
#define BLOCK_BYTES_MAX ((size_t)1 << LARGE_ORDER)
#define CLASS_COUNT     (SMALL_COUNT + 4 * (LARGE_ORDER - SMALL_ORDER))
#define CHUNK_BYTES     ((size_t)512 << 10)

struct spare {
    struct spare *next;
};

static struct spare *spares[CLASS_COUNT];
static uint8_t *chunk; /* the rest of the last one */
static size_t chunk_left;

static inline bool is_watched(void)
{
#ifdef __SANITIZE_ADDRESS__
    return true;
#else
    static enum { UNKNOWN, YES, NO } watched;

    /* only memcheck, of valgrind's tools, does anything */
    if (watched == UNKNOWN)
        watched =
            VALGRIND_MAKE_MEM_DEFINED(&watched, sizeof watched) ? YES : NO;
    return watched == YES;
#endif
}

/* The class, and what its blocks hold; size is in [1, BLOCK_BYTES_MAX]. */
static unsigned class_of(size_t size, size_t *room)
{
    unsigned order;
    unsigned shift;
    size_t quarters;

    if (size <= SMALL_BYTES) {
        *room = (size + STEP_BYTES - 1) / STEP_BYTES * STEP_BYTES;
        return (unsigned)(*room / STEP_BYTES - 1);
    }
    order = 63 - (unsigned)__builtin_clzll(size - 1);
    shift = order - 2;
    quarters = (size - 1) >> shift; /* 4 to 7 */
    *room = (quarters + 1) << shift;
    return SMALL_COUNT + 4 * (order - SMALL_ORDER) + (unsigned)quarters - 4;
}

static void *plain(size_t size)
{
    void *memory = malloc(size);

    ASSERT(memory != NULL);
    return memory;
}

static void *carve(size_t room)
{
    void *memory;

    if (room > chunk_left) { /* what is left is lost */
        chunk = plain(CHUNK_BYTES);
        chunk_left = CHUNK_BYTES;
    }
    memory = chunk;
    chunk += room;
    chunk_left -= room;
    return memory;
}

void *pool_take(size_t size)
{
    struct spare *spare;
    unsigned class;
    size_t room;

    if (size > BLOCK_BYTES_MAX || is_watched())
        return plain(size);
    class = class_of(size, &room);
    spare = spares[class];
    if (spare == NULL)
        return carve(room);
    spares[class] = spare->next;
    return spare;
}

void *pool_take_zeroed(size_t size)
{
    return memset(pool_take(size), 0, size);
}

void pool_give(void *memory, size_t size)
{
    struct spare *spare = memory;
    unsigned class;
    size_t room;

    if (memory == NULL)
        return;
    if (size > BLOCK_BYTES_MAX || is_watched()) {
        free(memory);
        return;
    }
    class = class_of(size, &room);
    spare->next = spares[class];
    spares[class] = spare;
}
