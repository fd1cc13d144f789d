/* SPDX-License-Identifier: Apache-2.0
 *
 * A growing array of zeroed items, and the memory of the oracles: ends the
 * process when there is none.
 */
#ifndef ORACLE_VECTOR_H
#define ORACLE_VECTOR_H

#include <stddef.h>

struct vector {
    void *items;
    size_t count;
    size_t capacity;
};

/* At least `count` items; new ones are zeroed. */
void vector_reach(struct vector *vector, size_t count, size_t item_size);
/* One zeroed item more; valid until the vector grows. */
void *vector_push(struct vector *vector, size_t item_size);
void vector_release(struct vector *vector);

void *memory_zeroed(size_t size);

#define VECTOR_AT(vector, type, n) (&((type *)(vector)->items)[n])

#endif
