/* SPDX-License-Identifier: Apache-2.0
 *
 * CRC-32C (Castagnoli), as in RFC 3720 B.4: crc32c("123456789") is
 * 0xe3069283. Computed by ISA-L.
 */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of `size` bytes that follow bytes with checksum `crc`; start
 * with 0. Borrows data until return. */
uint32_t crc32c(uint32_t crc, const void *data, size_t size);

#endif
