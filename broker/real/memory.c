/* SPDX-License-Identifier: Apache-2.0
 *
 * The heap of a real node: malloc() with a limit and an account.
 */
#include "seam/memory.h"

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "faults/fault.h"
#include "real/internal.h"

struct heap {
    size_t used;
    size_t bytes_max;
};

/* Before every block; keeps it 16-aligned. */
struct block {
    size_t size;
    size_t unused;
};

_Noreturn void assert_failed(const char *file, int line, const char *what)
{
    fprintf(stderr,
            "%s:%d: assertion failed: %s\n"
            "This is a bug. Nothing in doubt was acknowledged; please report "
            "this line with the log.\n",
            file, line, what);
    abort();
}

#define KEPT_BUFFER_BYTES_MAX (32 << 20) /* the most that mallopt() takes */
#define KEPT_FREE_BYTES_MAX   (256 << 20)

void loop_keep_memory(void)
{
    mallopt(M_MMAP_THRESHOLD, KEPT_BUFFER_BYTES_MAX);
    mallopt(M_TRIM_THRESHOLD, KEPT_FREE_BYTES_MAX);
}

struct heap *heap_new(size_t bytes_max)
{
    struct heap *heap = calloc(1, sizeof *heap);

    if (heap != NULL)
        heap->bytes_max = bytes_max;
    return heap;
}

void heap_destroy(struct heap *heap)
{
    free(heap);
}

static _Noreturn void out_of_memory(const struct heap *heap, size_t size)
{
    fprintf(stderr,
            "out of memory: %zu bytes wanted, %zu in use, limit %zu; raise "
            "memory.max.bytes or give the machine more memory\n",
            size, heap->used, heap->bytes_max);
    abort();
}

static void *take(struct heap *heap, size_t size, bool zeroed)
{
    struct block *block;

    if (size > heap->bytes_max - heap->used)
        return NULL;
    block =
        zeroed ? calloc(1, sizeof *block + size) : malloc(sizeof *block + size);
    if (block == NULL)
        return NULL;
    block->size = size;
    heap->used += size;
    return block + 1;
}

static void *take_or_end(struct heap *heap, size_t size, bool zeroed)
{
    void *memory = take(heap, size, zeroed);

    if (memory == NULL)
        out_of_memory(heap, size);
    return memory;
}

void *heap_alloc(struct heap *heap, size_t size)
{
    return take_or_end(heap, size, true);
}

void *heap_alloc_unset(struct heap *heap, size_t size)
{
    return take_or_end(heap, size, false);
}

void *heap_try_alloc(struct heap *heap, size_t size)
{
    if (FAULT_FIRES(MEMORY_REFUSE))
        return NULL;
    return take(heap, size, false);
}

void *heap_grow(struct heap *heap, void *old, size_t old_size, size_t size)
{
    size_t kept = old_size < size ? old_size : size;
    uint8_t *memory = heap_alloc_unset(heap, size);

    if (old == NULL)
        kept = 0;
    else
        memcpy(memory, old, kept);
    memset(memory + kept, 0, size - kept);
    heap_free(heap, old);
    return memory;
}

void heap_free(struct heap *heap, void *memory)
{
    struct block *block;

    if (memory == NULL)
        return;
    block = (struct block *)memory - 1;
    ASSERT(heap->used >= block->size);
    heap->used -= block->size;
    free(block);
}

char *heap_strdup(struct heap *heap, const char *string)
{
    size_t size = strlen(string) + 1;
    char *copy = heap_alloc_unset(heap, size);

    memcpy(copy, string, size);
    return copy;
}

size_t heap_used(const struct heap *heap)
{
    return heap->used;
}
