/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the reading of segments in pieces (log/scan.h). Every batch goes
 * through rules/batch.h: what lies on a disk is hostile input.
 */
#include "log/scan.h"

#include <string.h>

#include "base/assert.h"
#include "log/internal.h"

#define PIECE_BYTES (256u << 10)

void scan_release(struct scan *scan)
{
    if (scan->seam == NULL)
        return;
    heap_free(scan->seam->heap, scan->buffer);
    space_forget(&scan->waiter);
    scan->buffer = NULL;
    scan->capacity = 0;
    scan->filled = 0;
}

static void read_more(struct scan *scan, size_t wanted);
static void leave(struct scan *scan);

/* ---- leaving the buffer ---- */

/* A file system that never writes in place needs space for it. */
static void rewrite_again(struct space_waiter *waiter)
{
    leave(container_of(waiter, struct scan, waiter));
}

static void rewrote(struct disk_request *request)
{
    struct scan *scan = container_of(request, struct scan, request);

    if (request->error == ERROR_DISK_FULL && scan->space != NULL) {
        scan->waiter.again = rewrite_again;
        if (space_wait(scan->space, &scan->waiter))
            return;
    }
    scan->rewritten = scan->position;
    if (request->error != ERROR_NONE) {
        scan->ending = true;
        scan->result = SCAN_FAILED;
        scan->error = request->error;
    }
    if (scan->ending)
        scan->done(scan);
    else
        read_more(scan, scan->wanted);
}

/* What was checked in the buffer is written, if it has to be; then on. */
static void leave(struct scan *scan)
{
    scan->request.error = ERROR_NONE;
    if (!scan->rewrite || scan->position == scan->rewritten) {
        rewrote(&scan->request);
        return;
    }
    ASSERT(scan->rewritten >= scan->buffer_at);
    scan->iov.iov_base = scan->buffer + (scan->rewritten - scan->buffer_at);
    scan->iov.iov_len = (size_t)(scan->position - scan->rewritten);
    scan->request.done = rewrote;
    disk_append(scan->seam->disk, &scan->request, scan->file, &scan->iov, 1,
                scan->rewritten);
}

static void finish(struct scan *scan, enum scan_result result, enum error error)
{
    scan->ending = true;
    scan->result = result;
    scan->error = error;
    leave(scan);
}

static void go_on(struct scan *scan, size_t wanted)
{
    scan->ending = false;
    scan->wanted = wanted;
    leave(scan);
}

/* ---- reading ---- */

static void read_done(struct disk_request *request);

static size_t available(const struct scan *scan)
{
    if (scan->position < scan->buffer_at ||
        scan->position >= scan->buffer_at + scan->filled)
        return 0;
    return (size_t)(scan->buffer_at + scan->filled - scan->position);
}

/* Fills the buffer from the position on with at least `wanted` bytes, if
 * the file has them. */
static void read_more(struct scan *scan, size_t wanted)
{
    uint64_t left = scan->end - scan->position;
    size_t length = wanted > PIECE_BYTES ? wanted : PIECE_BYTES;

    if (scan->capacity < length) {
        heap_free(scan->seam->heap, scan->buffer);
        scan->capacity = 0;
        scan->buffer = heap_try_alloc(scan->seam->heap, length);
        if (scan->buffer != NULL)
            scan->capacity = length;
    }
    scan->filled = 0;
    scan->buffer_at = scan->position;
    scan->request.done = read_done;
    if (length > left)
        length = (size_t)left;
    if (scan->buffer == NULL)
        length = 0; /* completes with nothing; seen in read_done() */
    disk_read(scan->seam->disk, &scan->request, scan->file,
              scan->buffer ? (void *)scan->buffer : (void *)scan, length,
              scan->position);
}

static enum error check(const struct scan *scan, const uint8_t *at, size_t size,
                        struct batch_header *header)
{
    enum error error;

    if (scan->verify)
        return batch_check(at, size, LOG_BATCH_BYTES_MAX, &scan->key.topic_id,
                           scan->key.partition, header);
    error = batch_decode(at, size, LOG_BATCH_BYTES_MAX, header);
    if (error != ERROR_NONE)
        return error;
    return batch_header_crc(at, &scan->key.topic_id, scan->key.partition) ==
                   header->header_crc
               ? ERROR_NONE
               : ERROR_CORRUPT_BATCH;
}

/* A later version wrote it: the header is whole, and not ours to judge. */
static bool is_newer(const struct scan *scan, const uint8_t *at)
{
    return at[28] > BATCH_MAGIC &&
           batch_header_crc(at, &scan->key.topic_id, scan->key.partition) ==
               load_u32(at + 24);
}

/* Goes through what the buffer holds. */
static void advance(struct scan *scan)
{
    while (scan->position < scan->end) {
        uint64_t left = scan->end - scan->position;
        size_t size = available(scan);
        const uint8_t *at = scan->buffer + (scan->position - scan->buffer_at);
        struct batch_header header;
        enum error error;

        if (left < BATCH_HEADER_BYTES) {
            finish(scan, SCAN_BAD, ERROR_CORRUPT_BATCH);
            return;
        }
        if (size < BATCH_HEADER_BYTES) {
            go_on(scan, BATCH_HEADER_BYTES);
            return;
        }
        error = check(scan, at, size, &header);
        if (error == ERROR_AGAIN && header.length <= left &&
            header.length > size) {
            go_on(scan, header.length);
            return;
        }
        if (error != ERROR_NONE && is_newer(scan, at)) {
            finish(scan, SCAN_FAILED, ERROR_FOREIGN);
            return;
        }
        if (error != ERROR_NONE || header.length > left ||
            (scan->dense && header.base_offset != scan->due)) {
            finish(scan, SCAN_BAD, ERROR_CORRUPT_BATCH);
            return;
        }
        if (!scan->on_batch(scan, &header)) {
            finish(scan, SCAN_STOPPED, ERROR_NONE);
            return;
        }
        scan->due = batch_next_offset(&header);
        scan->position += header.length;
    }
    finish(scan, SCAN_END, ERROR_NONE);
}

static void read_done(struct disk_request *request)
{
    struct scan *scan = container_of(request, struct scan, request);
    uint64_t left = scan->end - scan->position;

    if (request->error == ERROR_NONE && scan->buffer == NULL)
        request->error = ERROR_OUT_OF_MEMORY;
    if (request->error != ERROR_NONE) {
        finish(scan, SCAN_FAILED, request->error);
        return;
    }
    scan->filled = (size_t)request->size;
    /* the file is shorter than it should be: nothing more will come */
    if (request->size < request->length && request->size < left)
        scan->end = scan->position + request->size;
    if (scan->end == scan->position) {
        finish(scan, SCAN_BAD, ERROR_CORRUPT_BATCH);
        return;
    }
    advance(scan);
}

void scan_start(struct scan *scan)
{
    ASSERT(scan->position < scan->end);
    scan->filled = 0;
    scan->rewritten = scan->position;
    read_more(scan, BATCH_HEADER_BYTES);
}
