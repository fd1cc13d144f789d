/* SPDX-License-Identifier: Apache-2.0
 *
 * Views of bytes, and little-endian loads and stores at a pointer. Every
 * integer in our formats is little-endian. A view owns nothing.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *data; /* NULL is "null", distinct from empty */
    size_t size;
};

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size &&
           (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline struct bytes bytes_of_string(const char *string)
{
    return (struct bytes){(const uint8_t *)string, strlen(string)};
}

#define BYTES_DEFINE(bits)                                                     \
    static inline uint##bits##_t load_u##bits(const void *from)                \
    {                                                                          \
        uint##bits##_t value;                                                  \
        memcpy(&value, from, sizeof value);                                    \
        return value;                                                          \
    }                                                                          \
    static inline void store_u##bits(void *to, uint##bits##_t value)           \
    {                                                                          \
        memcpy(to, &value, sizeof value);                                      \
    }
BYTES_DEFINE(16)
BYTES_DEFINE(32)
BYTES_DEFINE(64)
#undef BYTES_DEFINE

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "formats are little-endian: add byte swaps for this machine");

#endif
