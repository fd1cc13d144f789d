/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"

#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/assert.h"

uint64_t random_u64(struct random *random)
{
    uint64_t n = random->drawn++;

    return XXH3_64bits_withSeed(&n, sizeof n, random->key);
}

uint64_t random_below(struct random *random, uint64_t bound)
{
    ASSERT(bound > 0);
    return (uint64_t)(((unsigned __int128)random_u64(random) * bound) >> 64);
}

void random_fill(struct random *random, void *to, size_t size)
{
    uint8_t *at = to;

    while (size > 0) {
        uint64_t value = random_u64(random);
        size_t part = size < sizeof value ? size : sizeof value;

        memcpy(at, &value, part);
        at += part;
        size -= part;
    }
}
