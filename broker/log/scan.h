/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads a segment batch by batch: for recovery, for indexes that are missing
 * and for exact positions.
 */
#ifndef LOG_SCAN_H
#define LOG_SCAN_H

#include <stdbool.h>

#include "log/space.h"
#include "rules/batch.h"
#include "seam/disk.h"
#include "seam/seam.h"
#include "seam/trace.h"

enum scan_result {
    SCAN_END,     /* came to `end`, at the end of a batch */
    SCAN_STOPPED, /* on_batch said so; position is that batch's */
    SCAN_BAD,     /* at position lies no whole and intact batch */
    SCAN_FAILED   /* the disk failed, or there was no memory: error */
};

/* Embedded; left alone from scan_start() until done. */
struct scan {
    /* in */
    struct seam *seam;
    struct partition_key key;
    struct disk_file *file;
    uint64_t position;
    uint64_t end;
    bool verify; /* bodies too, or headers alone */
    /* The first batch begins at `due`, each further one where the one before
     * ends; else that is for on_batch() to see. A whole batch in the place of
     * another one is damage: a write that went astray. */
    bool dense;
    int64_t due;
    /* Batches are written again where they lie, once they were checked.
     * After a failed sync the cache holds pages that are not on the disk and
     * that no later sync would write (B34): reading proves nothing. */
    bool rewrite;
    struct space *space; /* rewriting waits there for space, if it must */
    /* False: stop before this batch. */
    bool (*on_batch)(struct scan *scan, const struct batch_header *header);
    void (*done)(struct scan *scan);
    void *context;
    /* out */
    enum scan_result result;
    enum error error;
    /* scan.c's */
    uint8_t *buffer;
    size_t capacity;
    uint64_t buffer_at;
    size_t filled;
    uint64_t rewritten; /* up to here */
    bool ending;        /* result is known; else `wanted` more is read */
    size_t wanted;
    struct iovec iov;
    struct disk_request request;
    struct space_waiter waiter;
};

/* position < end. The caller keeps the file open. */
void scan_start(struct scan *scan);
/* Frees the buffer; done() may be followed by another scan without it. */
void scan_release(struct scan *scan);

#endif
