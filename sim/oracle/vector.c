/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/oracle/vector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *memory)
{
    if (memory == NULL) {
        fputs("kqsim: out of memory\n", stderr);
        exit(3);
    }
    return memory;
}

void *memory_zeroed(size_t size)
{
    return checked(calloc(1, size));
}

void vector_reach(struct vector *vector, size_t count, size_t item_size)
{
    if (count > vector->capacity) {
        size_t capacity = vector->capacity ? vector->capacity * 2 : 16;

        if (capacity < count)
            capacity = count;
        vector->items = checked(realloc(vector->items, capacity * item_size));
        vector->capacity = capacity;
    }
    if (count > vector->count) {
        memset((char *)vector->items + vector->count * item_size, 0,
               (count - vector->count) * item_size);
        vector->count = count;
    }
}

void *vector_push(struct vector *vector, size_t item_size)
{
    vector_reach(vector, vector->count + 1, item_size);
    return (char *)vector->items + (vector->count - 1) * item_size;
}

void vector_release(struct vector *vector)
{
    free(vector->items);
    *vector = (struct vector){NULL, 0, 0};
}
