/* SPDX-License-Identifier: Apache-2.0
 *
 * The fields of a protobuf message one by one, as they lie in its bytes: for
 * what is read and written often enough that protobuf-c, which looks at every
 * field a message may have, takes too long.
 */
#ifndef WIRE_FIELD_H
#define WIRE_FIELD_H

#include "base/bytes.h"

#define VARINT_BYTES_MAX 10

enum field_type {
    FIELD_VARINT = 0,
    FIELD_64 = 1,
    FIELD_BYTES = 2,
    FIELD_32 = 5
};

struct field_scan {
    struct bytes bytes; /* a message, borrowed; any bytes may be one */
    size_t at;
};

struct field {
    uint64_t number;
    enum field_type type;
    uint64_t value;       /* of a varint */
    struct bytes content; /* of any other type: within the message */
};

/* Whether there are bytes left. */
static inline bool field_waits(const struct field_scan *scan)
{
    return scan->at < scan->bytes.size;
}

/* False: what waits is no field, or is cut off. */
bool field_next(struct field_scan *scan, struct field *field);

/* Bytes of tag or number; at most VARINT_BYTES_MAX. */
size_t varint_size(uint64_t value);
/* Writes as many; where the next byte goes. */
uint8_t *varint_put(uint8_t *to, uint64_t value);

static inline uint64_t field_tag(uint64_t number, enum field_type type)
{
    return number << 3 | (uint64_t)type;
}

/* A signed number as small ones are written short. */
static inline uint64_t zigzag(int64_t number)
{
    return (uint64_t)number << 1 ^ (number < 0 ? UINT64_MAX : 0);
}

static inline int64_t zigzag_back(uint64_t value)
{
    return (int64_t)(value >> 1 ^ (value & 1 ? UINT64_MAX : 0));
}

#endif
