/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/log_records.h"

#include <stdlib.h>

#include "base/arena.h"
#include "client/engine/internal.h"

#define DECODE_FACTOR    64 /* decoded size of a record of headers alone */
#define DECODE_BYTES_MAX (256u << 20)
#define DECODE_BYTES_MIN 8192

static void *decode_alloc(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void decode_free(void *arena, void *memory)
{
    (void)arena;
    (void)memory;
}

static void decode(struct bytes entry, uint32_t at,
                   void (*each)(void *context, uint32_t at,
                                const Kq__Record *record),
                   void *context)
{
    size_t size = entry.size * DECODE_FACTOR + DECODE_BYTES_MIN;
    struct arena arena;
    ProtobufCAllocator allocator = {decode_alloc, decode_free, &arena};
    void *block;

    if (size > DECODE_BYTES_MAX)
        size = DECODE_BYTES_MAX;
    block = malloc(size);
    if (block == NULL)
        abort();
    arena_init(&arena, block, size);
    each(context, at, kq__record__unpack(&allocator, entry.size, entry.data));
    free(block);
}

bool log_records_each(struct bytes set, uint32_t count,
                      void (*each)(void *context, uint32_t at,
                                   const Kq__Record *record),
                      void *context)
{
    struct field_scan scan = {set, 0};
    struct bytes entry;

    if (!record_set_valid(set, count))
        return false;
    for (uint32_t at = 0; record_scan_next(&scan, &entry); at++)
        decode(entry, at, each, context);
    return true;
}
