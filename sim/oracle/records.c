/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/oracle/records.h"

void records_release(struct records *records)
{
    for (size_t i = 0; i < records->producers.count; i++)
        vector_release(VECTOR_AT(&records->producers, struct vector, i));
    vector_release(&records->producers);
}

struct record *records_find(const struct records *records, uint32_t producer,
                            uint64_t sequence)
{
    const struct vector *sent;

    if (producer >= records->producers.count)
        return NULL;
    sent = VECTOR_AT(&records->producers, struct vector, producer);
    return sequence < sent->count ? VECTOR_AT(sent, struct record, sequence)
                                  : NULL;
}

struct record *records_add(struct records *records, uint32_t producer,
                           uint64_t sequence)
{
    struct vector *sent;

    vector_reach(&records->producers, producer + 1, sizeof(struct vector));
    sent = VECTOR_AT(&records->producers, struct vector, producer);
    vector_reach(sent, sequence + 1, sizeof(struct record));
    return VECTOR_AT(sent, struct record, sequence);
}
