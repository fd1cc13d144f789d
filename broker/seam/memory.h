/* SPDX-License-Identifier: Apache-2.0
 *
 * One heap a node, with a limit. In the simulated world a crash drops the
 * whole heap and runs no destructor; there also the Nth heap_try_alloc() can
 * be made to fail. Loop thread only.
 */
#ifndef SEAM_MEMORY_H
#define SEAM_MEMORY_H

#include <stddef.h>

#include "seam/seam.h"

/* Zeroed memory, 16-aligned, of size > 0 bytes. Ends the node with a message
 * when there is none: for bounded structures. Free with heap_free(). */
void *heap_alloc(struct heap *heap, size_t size);

/* The same, not zeroed: for what is large and filled by who takes it. */
void *heap_alloc_unset(struct heap *heap, size_t size);

/* Memory (not zeroed) for buffers whose size the outside decides: NULL past
 * the limit. Free with heap_free(). */
void *heap_try_alloc(struct heap *heap, size_t size);

/* Like realloc(); new bytes are zeroed; `old` may be NULL. Ends the node
 * when there is no memory. */
void *heap_grow(struct heap *heap, void *old, size_t old_size, size_t size);

/* Takes NULL. */
void heap_free(struct heap *heap, void *memory);

/* A copy of a string; free with heap_free(). */
char *heap_strdup(struct heap *heap, const char *string);

/* Bytes handed out now. */
size_t heap_used(const struct heap *heap);

#endif
