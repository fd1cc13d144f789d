/* SPDX-License-Identifier: Apache-2.0
 *
 * Checked reading of a byte range and checked writing into one. The first
 * access past the end sets `failed`; later reads give zeros, later writes
 * do nothing, so a decoder checks once at its end.
 */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include "base/bytes.h"

struct cursor {
    const uint8_t *data;
    size_t size;
    size_t at;
    bool failed;
};

static inline void cursor_init(struct cursor *cursor, const void *data,
                               size_t size)
{
    *cursor = (struct cursor){data, size, 0, false};
}

/* The next `size` bytes, or NULL (and failed) when fewer are left. */
static inline const uint8_t *cursor_take(struct cursor *cursor, size_t size)
{
    const uint8_t *at = cursor->data + cursor->at;

    if (cursor->failed || size > cursor->size - cursor->at) {
        cursor->failed = true;
        return NULL;
    }
    cursor->at += size;
    return at;
}

#define CURSOR_READ(bits)                                                      \
    static inline uint##bits##_t cursor_u##bits(struct cursor *cursor)         \
    {                                                                          \
        const uint8_t *at = cursor_take(cursor, bits / 8);                     \
        return at ? load_u##bits(at) : 0;                                      \
    }
CURSOR_READ(16)
CURSOR_READ(32)
CURSOR_READ(64)
#undef CURSOR_READ

struct writer {
    uint8_t *data;
    size_t size;
    size_t at;
    bool failed;
};

static inline void writer_init(struct writer *writer, void *data, size_t size)
{
    *writer = (struct writer){data, size, 0, false};
}

static inline uint8_t *writer_take(struct writer *writer, size_t size)
{
    uint8_t *at = writer->data + writer->at;

    if (writer->failed || size > writer->size - writer->at) {
        writer->failed = true;
        return NULL;
    }
    writer->at += size;
    return at;
}

#define WRITER_PUT(bits)                                                       \
    static inline void writer_u##bits(struct writer *writer,                   \
                                      uint##bits##_t value)                    \
    {                                                                          \
        uint8_t *at = writer_take(writer, bits / 8);                           \
        if (at)                                                                \
            store_u##bits(at, value);                                          \
    }
WRITER_PUT(16)
WRITER_PUT(32)
WRITER_PUT(64)
#undef WRITER_PUT

static inline void writer_bytes(struct writer *writer, const void *data,
                                size_t size)
{
    uint8_t *at = writer_take(writer, size);

    if (at && size > 0)
        memcpy(at, data, size);
}

#endif
