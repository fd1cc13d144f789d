/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the mending of damage (log/damage.c): batches that cannot be read are
 * written again where they lay. Leader epoch and offset name a batch, and
 * whoever has one under that name has the same bytes; so the segment keeps
 * its layout, and all that is whole in it stays.
 *
 *     log_mend_look(): from the start of the damaged segment, batch by batch
 *         whole --> on; not --> CORRUPT: `offset` is wanted
 *     log_mend_write(): checked against the epoch history --> marked -->
 *         written --> synced --> read again, and on
 *     the end of the segment --> the next one, or NONE: mended
 *
 *     log_mend_fill(): nobody has it, and need not have: a batch without
 *         records takes its place
 *
 * Nothing is held between two steps: a log that was cut meanwhile says
 * CANCELLED. A crash leaves what could not be read before either, or what
 * looks whole and is not on the disk yet, or never will be (B34): before the
 * first write a small file "mending" says from which segment on. A start that
 * finds it reads that again, writes it and syncs it, as it does what lies
 * behind the recovery point. Payload, little-endian: base offset i64.
 */
#include <string.h>

#include "base/assert.h"
#include "base/cursor.h"
#include "log/internal.h"

#define FILL_BYTES (2u << 20) /* so far a whole batch is looked for */

static void look(struct log_mend *mend);

/* The segment under repair, as the log has it now; NULL when the log was cut
 * or is no longer damaged there. */
static struct segment *current(const struct log_mend *mend)
{
    struct log *log = mend->log;
    struct log_body *body;
    struct segment *segment;

    if (log == NULL)
        return NULL;
    body = body_of(log);
    if (body->dying || !directory_usable(log->directory) || !log->damaged ||
        log->generation != mend->generation ||
        body->damage_changes != mend->changes ||
        body->exclusive.kind != EXCLUSIVE_NONE)
        return NULL;
    segment = body->segments[segment_at(body, mend->base_offset)];
    return segment->base_offset == mend->base_offset && !segment->unborn
               ? segment
               : NULL;
}

/* Mended up to here, in this segment. */
static int64_t end_of(const struct log_mend *mend,
                      const struct segment *segment)
{
    return segment->end_offset < mend->log->damage_end_offset
               ? segment->end_offset
               : mend->log->damage_end_offset;
}

static void close_file(struct log_mend *mend)
{
    disk_close(mend->seam->disk, mend->file);
    mend->file = NULL;
    heap_free(mend->seam->heap, mend->path);
    mend->path = NULL;
}

static void detach(struct log_mend *mend)
{
    if (mend->log != NULL)
        body_of(mend->log)->mend = NULL;
    mend->log = NULL;
}

static void finish(struct log_mend *mend, enum error error)
{
    struct log_body *body = mend->log ? body_of(mend->log) : NULL;

    mend->busy = false;
    scan_release(&mend->scan);
    heap_free(mend->seam->heap, mend->filler);
    mend->filler = NULL;
    if (body != NULL && body->dying)
        detach(mend);
    mend->done(mend, error);
    if (body != NULL)
        log_kick(body); /* may have waited for us */
}

/* A request has come back. True when there is nothing more to do. */
static bool came_back(struct log_mend *mend)
{
    if (current(mend) != NULL)
        return false;
    finish(mend, ERROR_CANCELLED);
    return true;
}

static void failed(struct log_mend *mend, enum error error, const char *what)
{
    directory_fail(mend->log->directory, error, what, mend->path);
    finish(mend, ERROR_LOG_DIRECTORY_FAILED);
}

static void begin_segment(struct log_mend *mend, struct segment *segment)
{
    mend->base_offset = segment->base_offset;
    mend->offset = segment->base_offset;
    mend->position = 0;
    mend->first_append_ms = 0;
    mend->last_append_ms = 0;
    mend->max_timestamp_ms = INT64_MIN;
}

/* ---- looking ---- */

static void unmarked(struct disk_request *request)
{
    struct log_mend *mend = container_of(request, struct log_mend, request);

    if (request->error != ERROR_NONE && request->error != ERROR_NOT_FOUND) {
        if (mend->log != NULL)
            directory_fail(mend->log->directory, request->error, "remove",
                           MENDING_NAME);
        finish(mend, ERROR_LOG_DIRECTORY_FAILED);
        return;
    }
    finish(mend, ERROR_NONE);
}

/* All that was written is synced: the mark may go, and may come back. */
static void all_whole(struct log_mend *mend)
{
    struct log_body *body = body_of(mend->log);

    seal_next(body);
    if (!mend->marked) {
        finish(mend, ERROR_NONE);
        return;
    }
    mend->marked = false;
    close_file(mend);
    mend->path = path_of(mend->seam->heap, body->path, MENDING_NAME);
    mend->request.done = unmarked;
    disk_unlink(mend->seam->disk, &mend->request, mend->path);
}

/* The segment is whole up to its end, or to that of the damage. */
static void segment_whole(struct log_mend *mend, struct segment *segment)
{
    struct log *log = mend->log;
    struct log_body *body = body_of(log);
    int64_t end_offset = end_of(mend, segment);

    if (segment->sealed && end_offset == segment->end_offset) {
        segment->first_append_ms = mend->first_append_ms;
        segment->last_append_ms = mend->last_append_ms;
        segment->max_timestamp_ms = mend->max_timestamp_ms;
        segment_mended(segment, mend->position);
    }
    if (!damage_mended(body, end_offset)) {
        all_whole(mend);
        return;
    }
    close_file(mend);
    begin_segment(mend, body->segments[segment_at(body, end_offset)]);
    look(mend);
}

static bool look_batch(struct scan *scan, const struct batch_header *header)
{
    struct log_mend *mend = scan->context;

    if (header->base_offset >= mend->end_offset)
        return false;
    if (header->base_offset == mend->base_offset)
        mend->first_append_ms = header->append_time_ms;
    mend->last_append_ms = header->append_time_ms;
    if (header->max_timestamp_ms > mend->max_timestamp_ms)
        mend->max_timestamp_ms = header->max_timestamp_ms;
    mend->offset = batch_next_offset(header);
    return true;
}

static void read_so_far(struct log_mend *mend)
{
    struct segment *segment = current(mend);

    if (segment->size < mend->position) /* what was not there is, now */
        segment_resize(segment, mend->position);
    if (mend->offset >= end_of(mend, segment)) {
        segment_whole(mend, segment);
        return;
    }
    damage_mended(body_of(mend->log), mend->offset);
    finish(mend, ERROR_CORRUPT);
}

static void looked(struct scan *scan)
{
    struct log_mend *mend = scan->context;

    if (came_back(mend))
        return;
    mend->position = scan->position;
    if (scan->result == SCAN_FAILED && scan->error != ERROR_IO)
        finish(mend, scan->error);
    else
        read_so_far(mend);
}

static void opened(struct disk_request *request)
{
    struct log_mend *mend = container_of(request, struct log_mend, request);

    if (request->error == ERROR_NONE)
        mend->file = request->file;
    if (came_back(mend))
        return;
    if (request->error != ERROR_NONE) {
        close_file(mend);
        finish(mend, request->error);
        return;
    }
    mend->file_size = request->size;
    mend->fresh = request->size == 0; /* its name may be new */
    look(mend);
}

static void look(struct log_mend *mend)
{
    mend->busy = true;
    if (mend->file == NULL) {
        mend->path = segment_path(body_of(mend->log), mend->base_offset, "log");
        mend->request.done = opened;
        disk_open(mend->seam->disk, &mend->request, mend->path,
                  DISK_OPEN_CREATE);
        return;
    }
    mend->end_offset = end_of(mend, current(mend));
    if (mend->position >= mend->file_size) {
        read_so_far(mend);
        return;
    }
    scan_release(&mend->scan);
    mend->scan = (struct scan){.seam = mend->seam,
                               .key = mend->log->key,
                               .file = mend->file,
                               .position = mend->position,
                               .end = mend->file_size,
                               .verify = true,
                               .dense = true,
                               .due = mend->offset,
                               .on_batch = look_batch,
                               .done = looked,
                               .context = mend};
    scan_start(&mend->scan);
}

/* ---- writing ---- */

static void named(struct disk_request *request)
{
    struct log_mend *mend = container_of(request, struct log_mend, request);

    if (request->error != ERROR_NONE) {
        failed(mend, request->error, "sync");
        return;
    }
    mend->fresh = false;
    if (mend->refusal != ERROR_NONE)
        finish(mend, mend->refusal);
    else if (!came_back(mend))
        look(mend);
}

static void synced(struct disk_request *request)
{
    struct log_mend *mend = container_of(request, struct log_mend, request);

    if (request->error != ERROR_NONE) {
        failed(mend, request->error, "sync");
        return;
    }
    if (!mend->fresh) {
        named(request);
        return;
    }
    request->done = named;
    disk_sync_directory(mend->seam->disk, request, body_of(mend->log)->path);
}

static void written(struct disk_request *request)
{
    struct log_mend *mend = container_of(request, struct log_mend, request);

    if (request->error == ERROR_BUSY) {
        finish(mend, request->error);
        return;
    }
    if (request->error != ERROR_NONE && request->error != ERROR_DISK_FULL) {
        failed(mend, request->error, "write");
        return;
    }
    /* some of it may lie there all the same, for the next look to find */
    mend->refusal = request->error;
    if (mend->refusal == ERROR_NONE &&
        mend->file_size < mend->position + mend->iov.iov_len)
        mend->file_size = mend->position + mend->iov.iov_len;
    request->done = synced;
    disk_sync(mend->seam->disk, request, &mend->file, 1);
}

static void write_out(struct log_mend *mend)
{
    mend->request.done = written;
    disk_append(mend->seam->disk, &mend->request, mend->file, &mend->iov, 1,
                mend->position);
}

static void marked(struct small_file *file, enum error error)
{
    struct log_mend *mend = container_of(file, struct log_mend, mark);

    if (error == ERROR_DISK_FULL) {
        finish(mend, error);
        return;
    }
    if (error != ERROR_NONE) {
        failed(mend, error, "write a mark for");
        return;
    }
    mend->marked = true;
    if (!came_back(mend))
        write_out(mend);
}

/* What is written lies in this segment and later ones. */
static void mark_and_write(struct log_mend *mend)
{
    struct writer writer;
    uint8_t *payload, *data;

    if (mend->marked) {
        write_out(mend);
        return;
    }
    data = small_file_buffer(mend->seam->heap, MENDING_BYTES, &payload);
    writer_init(&writer, payload, MENDING_BYTES);
    writer_u64(&writer, (uint64_t)mend->base_offset);
    mend->mark.done = marked;
    mend->mark.space = NULL;
    small_file_write(&mend->mark, mend->seam, body_of(mend->log)->path,
                     MENDING_NAME, MENDING_MAGIC, data, MENDING_BYTES);
}

/* Of the epoch that was here. A history that does not reach down so far, or was
 * made again over the damage, does not know; then it is what the leader says of
 * what is committed. */
static bool belongs(const struct log_mend *mend,
                    const struct batch_header *header)
{
    const struct log_body *body = body_of(mend->log);
    uint32_t epoch;

    if (!body->epochs_guessed &&
        epochs_at(&body->epochs, header->base_offset, &epoch))
        return epoch == header->leader_epoch;
    return mend->from_leader &&
           batch_next_offset(header) <= body->log.high_watermark;
}

/* Those that were here under this name, one after the other. */
static size_t take_batches(const struct log_mend *mend, const uint8_t *data,
                           size_t size, size_t *from)
{
    int64_t next = mend->offset;
    size_t at = 0, end = 0;

    *from = 0;
    while (at < size && next < mend->end_offset) {
        struct batch_header header;

        if (batch_check(data + at, size - at, LOG_BATCH_BYTES_MAX,
                        &mend->log->key.topic_id, mend->log->key.partition,
                        &header) != ERROR_NONE)
            break;
        if (end == 0 && batch_next_offset(&header) <= next) {
            at += header.length;
            *from = at;
            continue; /* from before what was asked for */
        }
        if (header.base_offset != next ||
            batch_next_offset(&header) > mend->end_offset ||
            !belongs(mend, &header))
            break;
        at += header.length;
        end = at;
        next = batch_next_offset(&header);
    }
    return end > 0 ? end - *from : 0;
}

/* ---- filling ---- */

/* The next whole batch within what was read; 0: there is none. */
static size_t next_whole(const struct log_mend *mend, size_t size,
                         struct batch_header *header)
{
    for (size_t at = 1; at + BATCH_HEADER_BYTES <= size; at++)
        if (batch_check(mend->filler + at, size - at, LOG_BATCH_BYTES_MAX,
                        &mend->log->key.topic_id, mend->log->key.partition,
                        header) == ERROR_NONE &&
            header->base_offset > mend->offset)
            return at;
    return 0;
}

/* Without records, and as long as what lay there. */
static void make_filler(struct log_mend *mend, size_t size,
                        const struct batch_header *next)
{
    const struct log *log = mend->log;
    uint32_t epoch = next->leader_epoch;
    struct batch_header header = {
        .length = (uint32_t)size,
        .magic = BATCH_MAGIC,
        .attributes = BATCH_CONTROL,
        .last_offset_delta = (uint32_t)(next->base_offset - mend->offset - 1),
        .record_count = (uint32_t)(next->base_offset - mend->offset),
        .base_timestamp_ms = next->base_timestamp_ms,
        .max_timestamp_ms = next->base_timestamp_ms,
        .producer_id = -1,
        .base_sequence = -1};

    epochs_at(&body_of(mend->log)->epochs, mend->offset, &epoch);
    memset(mend->filler, 0, size);
    batch_encode(&header, mend->filler);
    batch_seal(mend->filler, (uint32_t)size);
    batch_stamp(mend->filler, mend->offset, epoch, next->append_time_ms,
                &log->key.topic_id, log->key.partition);
}

static void read_on(struct disk_request *request)
{
    struct log_mend *mend = container_of(request, struct log_mend, request);
    struct batch_header next;
    size_t size;

    if (came_back(mend))
        return;
    if (request->error != ERROR_NONE) {
        finish(mend, request->error);
        return;
    }
    size = next_whole(mend, (size_t)request->size, &next);
    if (size < BATCH_HEADER_BYTES || next.base_offset > mend->floor ||
        next.base_offset >= mend->end_offset) {
        finish(mend, ERROR_OFFSET_OUT_OF_RANGE);
        return;
    }
    trace_log(mend->seam->trace, TRACE_WARN,
              "%s: offsets %lld to %lld are damaged, nobody has them, and they "
              "lie below the log start: their place is filled",
              mend->path, (long long)mend->offset,
              (long long)next.base_offset - 1);
    make_filler(mend, size, &next);
    mend->iov.iov_base = mend->filler;
    mend->iov.iov_len = size;
    mark_and_write(mend);
}

/* ---- the contract ---- */

void log_mend_begin(struct log_mend *mend, struct log *log,
                    void (*done)(struct log_mend *mend, enum error error))
{
    struct log_body *body = body_of(log);

    ASSERT(log->damaged);
    ASSERT(body->mend == NULL);
    *mend = (struct log_mend){.done = done,
                              .log = log,
                              .seam = log->directory->seam,
                              .generation = log->generation,
                              .changes = body->damage_changes};
    body->mend = mend;
    begin_segment(mend, body->segments[segment_at(body, log->damage_offset)]);
}

enum error log_mend_look(struct log_mend *mend)
{
    ASSERT(!mend->busy);
    if (current(mend) == NULL)
        return ERROR_CANCELLED;
    look(mend);
    return ERROR_NONE;
}

enum error log_mend_write(struct log_mend *mend, const uint8_t *batches,
                          size_t size)
{
    size_t from;

    ASSERT(!mend->busy);
    if (current(mend) == NULL || mend->file == NULL)
        return ERROR_CANCELLED;
    size = take_batches(mend, batches, size, &from);
    if (size == 0)
        return ERROR_CORRUPT_BATCH;
    mend->busy = true;
    mend->iov.iov_base = (void *)(batches + from);
    mend->iov.iov_len = size;
    mark_and_write(mend);
    return ERROR_NONE;
}

enum error log_mend_fill(struct log_mend *mend, int64_t floor)
{
    ASSERT(!mend->busy);
    if (current(mend) == NULL || mend->file == NULL)
        return ERROR_CANCELLED;
    if (mend->offset >= floor || mend->position >= mend->file_size)
        return ERROR_OFFSET_OUT_OF_RANGE;
    mend->filler = heap_try_alloc(mend->seam->heap, FILL_BYTES);
    if (mend->filler == NULL)
        return ERROR_OUT_OF_MEMORY;
    mend->busy = true;
    mend->floor = floor;
    mend->request.done = read_on;
    disk_read(mend->seam->disk, &mend->request, mend->file, mend->filler,
              FILL_BYTES, mend->position);
    return ERROR_NONE;
}

void log_mend_end(struct log_mend *mend)
{
    if (mend->seam == NULL)
        return;
    ASSERT(!mend->busy);
    close_file(mend);
    small_file_release(&mend->mark);
    detach(mend);
}

void mend_forget(struct log_body *body)
{
    if (body->mend != NULL && !body->mend->busy) /* else finish() does */
        detach(body->mend);
}
