/* SPDX-License-Identifier: Apache-2.0
 *
 * A frame on the wire, all integers little-endian:
 *
 *     u32 length          of what follows this field
 *     u32 header_length
 *     u32 header_crc      CRC-32C of the header
 *     header              a protobuf Message (proto/wire.proto)
 *     attachment          the rest: record batches, opaque here
 *
 * A received frame is one object: the decoded message lives in its arena,
 * whose budget is FRAME_ARENA_FACTOR times the header plus a constant.
 */
#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H

#include "base/bytes.h"
#include "base/error.h"
#include "seam/seam.h"
#include "wire.pb-c.h"

#define FRAME_PREFIX_BYTES      12
#define FRAME_HEADER_BYTES_MAX  (1u << 20)
#define FRAME_ANSWER_BYTES_MAX  (16u << 20) /* of an answer's header */
#define FRAME_BYTES_MAX_DEFAULT (64u << 20)
#define FRAME_ARENA_FACTOR      32 /* short repeated fields: 26 in protobuf-c */
#define FRAME_ARENA_BYTES_MIN   4096

struct frame {
    struct heap *heap;
    Kq__Message *message; /* in this frame's memory */
    uint8_t *attachment;  /* NULL when there is none; may be patched */
    size_t attachment_size;
    size_t memory; /* bytes that this frame holds */
    void *arena_block;
};

struct frame_prefix {
    uint32_t header_length;
    uint32_t header_crc;
    uint32_t attachment_length;
};

/* Reads and bounds the 12 bytes: ERROR_BAD_FRAME, or ERROR_TOO_LARGE when
 * `length` is above frame_bytes_max or the header above its own limit. */
enum error frame_prefix_decode(const uint8_t prefix[FRAME_PREFIX_BYTES],
                               uint32_t frame_bytes_max,
                               uint32_t header_bytes_max,
                               struct frame_prefix *out);

/* Checks the header's CRC and decodes it into the frame's arena:
 * ERROR_BAD_FRAME, ERROR_OUT_OF_MEMORY. Unknown fields are dropped. Borrows
 * header until return. */
enum error frame_decode(struct frame *frame, const struct frame_prefix *prefix,
                        const uint8_t *header);

/* A frame without contents; its attachment buffer is not allocated yet. */
struct frame *frame_new(struct heap *heap);
/* Takes NULL and half-built frames. */
void frame_free(struct frame *frame);

/* Bytes of prefix and header for this message. */
size_t frame_encoded_size(const Kq__Message *message);
/* Writes prefix and header; `size` as frame_encoded_size() said. */
void frame_encode(const Kq__Message *message, uint64_t attachment_length,
                  uint8_t *to, size_t size);

#endif
