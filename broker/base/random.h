/* SPDX-License-Identifier: Apache-2.0
 *
 * The only source of randomness of the core: a counter-based generator,
 * keyed at start by the world. Draw n of a stream depends on (key, n) alone.
 * The mixing is XXH3 (libxxhash).
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random {
    uint64_t key;
    uint64_t drawn;
};

static inline void random_init(struct random *random, uint64_t key)
{
    random->key = key;
    random->drawn = 0;
}

uint64_t random_u64(struct random *random);

/* Uniform in [0, bound); bound > 0. */
uint64_t random_below(struct random *random, uint64_t bound);

void random_fill(struct random *random, void *to, size_t size);

#endif
