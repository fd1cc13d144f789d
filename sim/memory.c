/* SPDX-License-Identifier: Apache-2.0
 *
 * The heap of a simulated node: blocks in a list, so that a crash drops all
 * of them at once; the end of a node whose assertion failed.
 */
#include "seam/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/pool.h"
#include "sim/twins.h"

/* Before every block; keeps it 16-aligned. */
struct block {
    struct list link;
    size_t size;
    size_t state;
};

enum { LIVE = 0x6c697665, FREED = 0x66726565 };

/* "log/recover.c" of a path that may be absolute: where the tree was built
 * must not get into the trace. */
static const char *short_path(const char *path)
{
    const char *at = path + strlen(path);
    int slashes = 0;

    while (at > path && (at[-1] != '/' || ++slashes < 2))
        at--;
    return at;
}

_Noreturn void assert_failed(const char *file, int line, const char *what)
{
    struct world *world = world_current();
    char text[512];

    snprintf(text, sizeof text, "%s:%d: %s", short_path(file), line, what);
    if (world != NULL && world->escape != NULL)
        world_assertion_failed(world, text);
    fprintf(stderr, "assertion failed in the simulator: %s\n", text);
    abort();
}

void world_assertion_failed(struct world *world, const char *text)
{
    struct node *node = world->current;

    if (world->assertion == NULL)
        world->assertion = strdup(text);
    if (node == NULL || world->escape == NULL)
        return;
    world_note(world, node, "assertion failed: %s", text);
    node_exit(node, 134, text);
    node_escape(node);
}

static void give(struct block *block)
{
    ASSERT(block->state == LIVE);
    block->state = FREED;
    pool_give(block, sizeof *block + block->size);
}

void heap_init(struct heap *heap, struct node *node, size_t bytes_max)
{
    heap->node = node;
    heap->used = 0;
    heap->bytes_max = bytes_max;
    list_init(&heap->blocks);
}

void heap_drop(struct heap *heap)
{
    struct list *link;

    while ((link = list_pop(&heap->blocks)) != NULL)
        give(container_of(link, struct block, link));
    heap->used = 0;
}

static _Noreturn void out_of_memory(const struct heap *heap, size_t size)
{
    char text[160];

    snprintf(text, sizeof text,
             "out of memory: %zu bytes wanted, %zu in use, limit %zu", size,
             heap->used, heap->bytes_max);
    world_assertion_failed(heap->node->world, text);
    fprintf(stderr, "%s: %s\n", heap->node->name, text);
    abort();
}

static void *take(struct heap *heap, size_t size, bool zeroed)
{
    struct block *block;

    if (size > heap->bytes_max - heap->used)
        return NULL;
    block = zeroed ? pool_take_zeroed(sizeof *block + size)
                   : pool_take(sizeof *block + size);
    block->size = size;
    block->state = LIVE;
    list_append(&heap->blocks, &block->link);
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
    if (NODE_FAULT(heap->node, MEMORY_REFUSE))
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
    list_remove(&block->link);
    give(block);
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
