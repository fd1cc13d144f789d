/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory of what comes and goes with each event: blocks are kept by size and
 * given out again, the last one first. Where every access is watched (under
 * AddressSanitizer or valgrind) each block is malloc()'s own, so that
 * overruns and late uses are seen.
 */
#ifndef SIM_POOL_H
#define SIM_POOL_H

#include <stddef.h>

/* Memory of size > 0 bytes, 16-aligned, not zeroed; never NULL. Give it back
 * with pool_give() and the same size. */
void *pool_take(size_t size);

/* The same, zeroed. */
void *pool_take_zeroed(size_t size);

/* Takes NULL. */
void pool_give(void *memory, size_t size);

#endif
