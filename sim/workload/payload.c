/* SPDX-License-Identifier: Apache-2.0
 *
 * A record that says who sent it, as which of its records, and whether its
 * bytes are whole:
 *
 *     key    producer (4), sequence modulo 16 (4)
 *     value  CRC-32C of key and the rest (4), producer (4), sequence (8),
 *            filler made from both
 */
#include "base/crc32c.h"
#include "sim/workload/internal.h"

#define FILLER_AT 16

uint32_t payload_crc(struct bytes key, struct bytes value)
{
    return crc32c(crc32c(0, key.data, key.size), value.data, value.size);
}

void payload_write(uint8_t *key, uint8_t *value, size_t value_bytes,
                   uint32_t producer, uint64_t sequence)
{
    uint32_t crc;

    store_u32(key, producer);
    store_u32(key + 4, (uint32_t)(sequence % 16));
    store_u32(value + 4, producer);
    store_u64(value + 8, sequence);
    for (size_t i = FILLER_AT; i < value_bytes; i++)
        value[i] = (uint8_t)(sequence * 31 + producer * 7 + i);
    crc = crc32c(0, key, PAYLOAD_KEY_BYTES);
    store_u32(value, crc32c(crc, value + 4, value_bytes - 4));
}

bool payload_read(struct bytes key, struct bytes value, uint32_t *producer,
                  uint64_t *sequence)
{
    uint32_t crc;

    *producer = 0;
    *sequence = UINT64_MAX;
    if (key.size != PAYLOAD_KEY_BYTES || value.size < PAYLOAD_VALUE_BYTES)
        return false;
    crc = crc32c(0, key.data, key.size);
    if (crc32c(crc, value.data + 4, value.size - 4) != load_u32(value.data))
        return false;
    *producer = load_u32(value.data + 4);
    *sequence = load_u64(value.data + 8);
    return true;
}
