/* SPDX-License-Identifier: Apache-2.0
 *
 * Small files, written whole and replaced crash-safely: temporary, sync,
 * rename, sync directory. After a crash there is the old file or the new
 * one. Little-endian:
 *
 *     at  size  field
 *      0    4   magic: which kind of file
 *      4    4   version (1)
 *      8    8   size of the payload
 *     16    4   CRC-32C of bytes [0, 16) and the payload
 *     20        payload
 */
#ifndef LOG_SMALL_FILE_H
#define LOG_SMALL_FILE_H

#include <stdbool.h>

#include "log/space.h"
#include "seam/disk.h"
#include "seam/memory.h"
#include "seam/timer.h"

#define SMALL_FILE_HEADER_BYTES 20
#define SMALL_FILE_BYTES_MAX    (256u << 20)

/* One reading or writing. Embedded; left alone until done. */
struct small_file {
    void (*done)(struct small_file *file, enum error error);
    void *context;
    /* A writing that finds no space waits there and goes on, for as long as
     * it takes. NULL: it leaves no file, and done hears of ERROR_DISK_FULL. */
    struct space *space;
    uint8_t *payload; /* read: until small_file_release() */
    size_t payload_size;
    /* small_file.c's */
    struct seam *seam;
    struct disk_request request;
    struct timer pause;
    struct space_waiter waiter;
    struct iovec iov;
    struct disk_file *file;
    uint8_t *data;
    size_t size;
    size_t wanted;
    uint32_t magic;
    unsigned step;
    char *directory;
    char *path;
    char *temporary;
};

/* Room for a file with this payload; *payload points into it. */
uint8_t *small_file_buffer(struct heap *heap, size_t payload_size,
                           uint8_t **payload);

/* Replaces directory/name. Takes `data`, a small_file_buffer(). */
void small_file_write(struct small_file *file, struct seam *seam,
                      const char *directory, const char *name, uint32_t magic,
                      uint8_t *data, size_t payload_size);

/* Reads `path`: ERROR_NOT_FOUND, ERROR_CORRUPT, ERROR_FOREIGN (whole, but of a
 * later version), ERROR_OUT_OF_MEMORY, or an error of the disk. `prefix_max` >
 * 0: only so much of the payload, which is not checked then. */
void small_file_read(struct small_file *file, struct seam *seam,
                     const char *path, uint32_t magic, size_t prefix_max);
void small_file_release(struct small_file *file);

#endif
