/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/field.h"

static bool varint_next(struct field_scan *scan, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte;

        if (!field_waits(scan))
            return false;
        byte = scan->bytes.data[scan->at++];
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return true;
    }
    return false;
}

bool field_next(struct field_scan *scan, struct field *field)
{
    uint64_t tag;
    uint64_t size;

    if (!varint_next(scan, &tag) || tag >> 3 == 0 || tag > UINT32_MAX)
        return false;
    field->number = tag >> 3;
    field->type = (enum field_type)(tag & 7);
    switch (field->type) {
    case FIELD_VARINT:
        field->content.data = NULL;
        return varint_next(scan, &field->value);
    case FIELD_64:
        size = 8;
        break;
    case FIELD_32:
        size = 4;
        break;
    case FIELD_BYTES:
        if (!varint_next(scan, &size))
            return false;
        break;
    default:
        return false;
    }
    if (size > scan->bytes.size - scan->at)
        return false;
    field->content = (struct bytes){scan->bytes.data + scan->at, (size_t)size};
    scan->at += (size_t)size;
    return true;
}

size_t varint_size(uint64_t value)
{
    size_t size = 1;

    for (; value >= 0x80; value >>= 7)
        size++;
    return size;
}

uint8_t *varint_put(uint8_t *to, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *to++ = (uint8_t)(value | 0x80);
    *to++ = (uint8_t)value;
    return to;
}
