/* SPDX-License-Identifier: Apache-2.0
 *
 * What is long is ISA-L's, which folds wide registers and takes some time to
 * begin; headers and keys are shorter than that, so where the processor has
 * an instruction for eight bytes at a time they go through it.
 */
#include "base/crc32c.h"

#include <isa-l/crc.h>
#include <stdbool.h>

#ifdef __x86_64__
#include <nmmintrin.h>

#include "base/bytes.h"

#define SHORT_BYTES_MAX 224

static bool is_short(size_t size)
{
    return size <= SHORT_BYTES_MAX && __builtin_cpu_supports("sse4.2");
}

__attribute__((target("sse4.2"))) static uint32_t checksum_short(
    uint32_t crc, const uint8_t *at, size_t size)
{
    uint64_t wide = crc;

    for (; size >= 8; size -= 8, at += 8)
        wide = _mm_crc32_u64(wide, load_u64(at));
    crc = (uint32_t)wide;
    if (size & 4) {
        crc = _mm_crc32_u32(crc, load_u32(at));
        at += 4;
    }
    for (size &= 3; size > 0; size--)
        crc = _mm_crc32_u8(crc, *at++);
    return crc;
}
#else
static bool is_short(size_t size)
{
    (void)size;
    return false;
}

static uint32_t checksum_short(uint32_t crc, const uint8_t *at, size_t size)
{
    (void)at;
    (void)size;
    return crc;
}
#endif

uint32_t crc32c(uint32_t crc, const void *data, size_t size)
{
    const unsigned char *at = data;

    if (is_short(size))
        return ~checksum_short(~crc, at, size);
    crc = ~crc;
    while (size > 0) { /* the library takes an int */
        size_t part = size < (1u << 30) ? size : (1u << 30);

        crc = crc32_iscsi((unsigned char *)(uintptr_t)at, (int)part, crc);
        at += part;
        size -= part;
    }
    return ~crc;
}
