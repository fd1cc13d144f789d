/* SPDX-License-Identifier: Apache-2.0
 *
 * 128-bit identifiers (topics, clusters, log directories, incarnations),
 * written as 32 hexadecimal digits.
 */
#ifndef BASE_UUID_H
#define BASE_UUID_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

#define UUID_TEXT_SIZE 33 /* with the closing zero */

struct uuid {
    uint8_t bytes[16];
};

static inline bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* Below, at or above zero, as memcmp() has it: trees of thousands of topics are
 * searched for every partition of a fetch, and a call costs more than this. */
static inline int uuid_compare(const struct uuid *a, const struct uuid *b)
{
    for (int i = 0; i < 2; i++) {
        uint64_t left = load_u64(a->bytes + 8 * i);
        uint64_t right = load_u64(b->bytes + 8 * i);

        if (left != right) /* the first byte weighs most */
            return __builtin_bswap64(left) < __builtin_bswap64(right) ? -1 : 1;
    }
    return 0;
}

static inline bool uuid_is_zero(const struct uuid *id)
{
    static const struct uuid zero;

    return uuid_equal(id, &zero);
}

/* Writes 32 digits and a zero into `text`. */
void uuid_format(const struct uuid *id, char text[UUID_TEXT_SIZE]);

/* Reads 32 hexadecimal digits; false if `text` holds anything else. */
bool uuid_parse(const char *text, struct uuid *id);

/* Takes 16 bytes from the wire; false unless size is 16. */
bool uuid_from_bytes(const void *data, size_t size, struct uuid *id);

#endif
