/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the way in: where batches go, that they go there in order, and when
 * they count as appended. Never copies a batch, never allocates for one
 * (but for the growth of bounded tables).
 *
 *     log_append() --file ready, slot free--> in_flight --written, and all
 *         before it--> log_end, done()
 *     log_append() --else--> held --append_pump()--> in_flight
 *
 * An append that finds no space, and all that were submitted after it, come
 * to nothing: any prefix of them may lie in the file. Once none is in flight
 * any more, truncate.c cuts them off; until then no append is taken.
 */
#include "base/assert.h"
#include "log/internal.h"

static struct log_append *append_of(struct list *node)
{
    return container_of(node, struct log_append, node);
}

void append_note(struct log_body *body, struct segment *segment,
                 const struct batch_header *header, uint64_t position)
{
    ring_note(&body->ring, body->log.directory->seam->heap, header->base_offset,
              position, body->log.high_watermark);
    segment_note(segment, header, position);
    epochs_note(body, header);
    producers_note(&body->producers, header);
}

/* ---- completion ---- */

static void note_appended(struct log_body *body,
                          const struct log_append *append)
{
    struct fact fact = {.type = FACT_APPENDED, .key = body->log.key};
    struct trace *trace = body->log.directory->seam->trace;

    for (size_t at = 0; at < append->size;) {
        struct batch_header header;
        enum error error = batch_decode(append->batches + at, append->size - at,
                                        LOG_BATCH_BYTES_MAX, &header);

        ASSERT(error == ERROR_NONE);
        fact.leader_epoch = (int32_t)header.leader_epoch;
        fact.offset = header.base_offset;
        fact.end_offset = batch_next_offset(&header);
        fact.value = header.body_crc;
        trace_fact(trace, &fact);
        at += header.length;
    }
}

/* The first append in flight is written: the log reaches past it. */
static void take_in(struct log_body *body, struct log_append *append)
{
    struct log *log = &body->log;
    struct segment *segment =
        body->segments[segment_at(body, append->base_offset)];

    ASSERT_INVARIANT(L1, append->base_offset == log->log_end_offset);
    segment->dirty = true;
    log->log_end_offset = append->end_offset;
    body->log_end = (struct place){append->end_offset, segment->base_offset,
                                   append->request.offset + append->size};
    body->snapshot_bytes += append->size;
    note_appended(body, append);
}

static bool taking_back(const struct log_body *body)
{
    return body->torn || body->exclusive.kind == EXCLUSIVE_TAKE_BACK;
}

void append_take_back(struct log_body *body)
{
    struct list *node;

    space_starve(body->log.directory);
    if (!body->dying)
        exclusive_take_back(body);
    list_remove(&body->held_node);
    while ((node = list_pop(&body->held)) != NULL) {
        struct log_append *append = append_of(node);

        append->done(append, ERROR_DISK_FULL);
    }
}

/* The first append in flight is complete: what became of it. */
static enum error outcome(struct log_body *body, struct log_append *append)
{
    if (body->log.directory->failed)
        return ERROR_LOG_DIRECTORY_FAILED;
    if (append->request.error == ERROR_DISK_FULL) {
        body->torn = true;
        append_take_back(body);
    }
    if (body->torn)
        return ERROR_DISK_FULL;
    take_in(body, append);
    return body->dying || (body->exclusive.kind != EXCLUSIVE_NONE &&
                           body->exclusive.kind != EXCLUSIVE_TAKE_BACK &&
                           body->exclusive.kind != EXCLUSIVE_REBUILD)
               ? ERROR_CANCELLED
               : ERROR_NONE;
}

static void append_done(struct disk_request *request)
{
    struct log_append *append =
        container_of(request, struct log_append, request);
    struct log_body *body = body_of(append->log);
    struct log_directory *directory = body->log.directory;
    int64_t end = body->log.log_end_offset;
    bool moved;

    directory->appends--;
    append->private = NULL;
    if (request->error != ERROR_NONE && request->error != ERROR_DISK_FULL)
        directory_fail(directory, request->error, "append to a segment of",
                       body->path);
    while (!list_empty(&body->in_flight)) {
        append = append_of(list_first(&body->in_flight));
        if (append->private != NULL)
            break;
        list_remove(&append->node);
        append->done(append, outcome(body, append));
    }
    if (directory->failed)
        return;
    moved = body->log.log_end_offset > end;
    if (moved) {
        commit_want(body, false);
        log_progress(body);
    }
    append_pump(body);
    log_kick(body);
}

/* ---- submission ---- */

static void submit(struct log_body *body, struct log_append *append)
{
    struct log_directory *directory = body->log.directory;
    struct segment *segment =
        body->segments[segment_at(body, append->base_offset)];

    ASSERT(segment->file != NULL);
    segment_touch(segment);
    append->private = segment;
    append->request.done = append_done;
    append->iov =
        (struct iovec){(void *)(uintptr_t)append->batches, append->size};
    list_append(&body->in_flight, &append->node);
    directory->appends++;
    space_take(directory, append->size);
    disk_append(directory->seam->disk, &append->request, segment->file,
                &append->iov, 1, append->request.offset);
}

/* A file that is closed is opened: load_finish() goes on. */
static bool may_submit(struct log_body *body, const struct log_append *append)
{
    const struct log_directory *directory = body->log.directory;
    struct segment *segment =
        body->segments[segment_at(body, append->base_offset)];

    if (segment->file == NULL && !segment->unborn)
        segment_load(segment);
    return segment->file != NULL && directory->appends < directory->appends_max;
}

static void pump(struct log_body *body)
{
    while (!list_empty(&body->held)) {
        struct log_append *append = append_of(list_first(&body->held));

        if (!may_submit(body, append))
            return;
        list_remove(&append->node);
        submit(body, append);
    }
    list_remove(&body->held_node);
}

void append_cannot_open(struct segment *segment, enum error error)
{
    struct log_body *body = body_of(segment->log);
    struct log_append *first;

    if (list_empty(&body->held))
        return;
    first = append_of(list_first(&body->held));
    if (body->segments[segment_at(body, first->base_offset)] == segment)
        directory_fail(body->log.directory, error, "open a segment of",
                       body->path);
}

void append_pump(struct log_body *body)
{
    struct log_directory *directory = body->log.directory;

    pump(body);
    list_for_each_safe (node, &directory->held) {
        if (directory->appends >= directory->appends_max)
            return;
        pump(container_of(node, struct log_body, held_node));
    }
}

/* Whether the next batch, of these bytes, goes into a new segment. */
static bool roll_needed(const struct log_body *body, const uint8_t *batch,
                        size_t size)
{
    const struct segment *segment = active_segment(body);
    const struct log_settings *settings = &body->log.settings;
    struct batch_header first;
    enum error error = batch_decode(batch, size, LOG_BATCH_BYTES_MAX, &first);
    int64_t age_ms;

    ASSERT(error == ERROR_NONE);
    if (segment->size == 0)
        return false;
    if (segment->size + first.length > settings->segment_bytes)
        return true;
    return !__builtin_sub_overflow(first.append_time_ms,
                                   segment->first_append_ms, &age_ms) &&
           age_ms >= settings->segment_ms;
}

/* The bytes of the batches that still fit into the active segment; of one
 * at least. */
static size_t that_fits(const struct log_body *body, const uint8_t *batches,
                        size_t size)
{
    uint64_t used = active_segment(body)->size;
    size_t taken = 0;

    while (taken < size) {
        struct batch_header header;
        enum error error = batch_decode(batches + taken, size - taken,
                                        LOG_BATCH_BYTES_MAX, &header);

        ASSERT(error == ERROR_NONE);
        if (taken > 0 &&
            used + taken + header.length > body->log.settings.segment_bytes)
            break;
        taken += header.length;
    }
    return taken;
}

/* The tables follow what is submitted. */
static void note_batches(struct log_body *body, struct log_append *append)
{
    struct segment *segment = active_segment(body);
    int64_t next = append->base_offset;

    for (size_t at = 0; at < append->size;) {
        struct batch_header header;
        enum error error = batch_decode(append->batches + at, append->size - at,
                                        LOG_BATCH_BYTES_MAX, &header);

        ASSERT(error == ERROR_NONE);
        ASSERT(header.length <= append->size - at);
        ASSERT_INVARIANT(L1, header.base_offset == next);
        append_note(body, segment, &header, segment->size + at);
        next = batch_next_offset(&header);
        at += header.length;
    }
    append->end_offset = next;
    segment->size += append->size;
    body->log.size_bytes += append->size;
    body->log.next_offset = next;
}

static void enqueue(struct log_body *body, struct log_append *append,
                    const uint8_t *batches, size_t size)
{
    struct log *log = &body->log;

    append->batches = batches;
    append->size = size;
    append->log = log;
    append->base_offset = log->next_offset;
    append->generation = log->generation;
    append->private = NULL;
    append->request.offset = active_segment(body)->size;
    list_init(&append->node);
    note_batches(body, append);
    if (list_empty(&body->held) && may_submit(body, append)) {
        submit(body, append);
        return;
    }
    list_append(&body->held, &append->node);
    if (list_empty(&body->held_node))
        list_append(&log->directory->held, &body->held_node);
}

/* A piece of an append that goes over several segments; the last piece is
 * the caller's, and done after all others. */
static void piece_done(struct log_append *append, enum error error)
{
    (void)error;
    heap_free(append->log->directory->seam->heap, append);
}

enum error log_append(struct log *log, struct log_append *append,
                      const uint8_t *batches, size_t size)
{
    struct log_body *body = body_of(log);
    struct heap *heap = log->directory->seam->heap;

    ASSERT(size > 0);
    if (!directory_usable(log->directory))
        return ERROR_LOG_DIRECTORY_FAILED;
    if (taking_back(body) || log->directory->space.starved)
        return ERROR_DISK_FULL;
    if (body->exclusive.kind != EXCLUSIVE_NONE || body->dying)
        return ERROR_AGAIN;
    for (;;) {
        struct log_append *piece = append;
        size_t part;

        if (roll_needed(body, batches, size))
            roll_start(body);
        part = that_fits(body, batches, size);
        if (part < size) {
            piece = heap_alloc(heap, sizeof *piece);
            piece->done = piece_done;
        }
        enqueue(body, piece, batches, part);
        if (part == size)
            return ERROR_NONE;
        batches += part;
        size -= part;
    }
}

enum error log_check_producer(struct log *log, const struct batch_header *batch,
                              int64_t *base_offset)
{
    struct producers *producers = &body_of(log)->producers;

    if (taking_back(body_of(log))) /* they remember what is being taken back */
        return ERROR_DISK_FULL;
    if (!producer_applies(batch))
        return ERROR_NONE;
    switch (producer_decide(producers_find(producers, batch->producer_id),
                            batch, producers->forgetful, base_offset)) {
    case PRODUCER_NEW:
        return ERROR_NONE;
    case PRODUCER_DUPLICATE:
        SOMETIMES(log->directory->seam->trace, DUPLICATE_REFUSED);
        return ERROR_DUPLICATE_SEQUENCE;
    case PRODUCER_OUT_OF_ORDER:
        return ERROR_OUT_OF_ORDER_SEQUENCE;
    case PRODUCER_FENCED:
        return ERROR_FENCED_PRODUCER;
    }
    UNREACHABLE();
}
