/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the scrub: reads what nobody reads, below what was synced, at a
 * bounded rate, and checks both checksums of every batch (B45). One segment
 * at a time, through a file of its own; logs go on meanwhile, and what was
 * found of a log that was cut since then counts for nothing.
 *
 *     pass: all logs by key, all segments by offset --over--> pause --> pass
 *     a suspect (a reader met what is no batch) comes first, and at once
 *
 * Where a pass stood is not stored: a start begins one.
 */
#include "base/assert.h"
#include "log/internal.h"

#define STEP_BYTES    (256u << 10)
#define SEGMENT_BYTES 4096 /* what opening one counts as */
#define SECOND_US     1000000

static void next_segment(struct log_directory *directory);

static struct log_directory *directory_of(struct scrub *scrub)
{
    return container_of(scrub, struct log_directory, scrub);
}

static void go_on(struct scrub *scrub, int64_t delay_us)
{
    struct seam *seam = directory_of(scrub)->seam;

    timer_start(seam->timers, &scrub->timer, seam->now.monotonic_us + delay_us);
}

/* Reading so much takes so long. */
static int64_t pause_us(const struct log_directory *directory, uint64_t bytes)
{
    uint64_t rate = directory->options.scrub_bytes_per_second;

    return rate > 0 ? (int64_t)(bytes * SECOND_US / rate) : 0;
}

/* ---- what is read ---- */

/* The segment looked at, as the log has it now; NULL when it is another one
 * or none. */
static struct segment *current(const struct scrub *scrub)
{
    struct log_body *body = scrub->body;
    struct segment *segment;

    if (body == NULL || body->dying || body->creating ||
        body->log.generation != scrub->generation ||
        body->exclusive.kind != EXCLUSIVE_NONE || body->segment_count == 0)
        return NULL;
    segment = body->segments[segment_at(body, scrub->base_offset)];
    return segment->base_offset == scrub->base_offset ? segment : NULL;
}

/* How many bytes of it are known to be on the disk, and whole. */
static uint64_t synced_bytes(const struct log_body *body,
                             const struct segment *segment)
{
    const struct log *log = &body->log;

    if (segment->unborn ||
        (log->damaged && log->damage_offset < segment->end_offset &&
         log->damage_end_offset > segment->base_offset))
        return 0;
    if (segment->end_offset <= log->durable_end_offset)
        return segment->size;
    return body->durable_end.segment == segment->base_offset
               ? body->durable_end.position
               : 0;
}

/* ---- one segment ---- */

static void leave_segment(struct scrub *scrub)
{
    struct log_directory *directory = directory_of(scrub);

    disk_close(directory->seam->disk, scrub->file);
    scrub->file = NULL;
    scrub->body = NULL;
    scan_release(&scrub->scan);
    heap_free(directory->seam->heap, scrub->path);
    scrub->path = NULL;
}

/* A request of it has come back. True when there is nothing more to do. */
static bool came_back(struct scrub *scrub)
{
    struct log_directory *directory = directory_of(scrub);

    scrub->busy = false;
    if (directory_usable(directory) && current(scrub) != NULL)
        return false;
    leave_segment(scrub);
    if (directory->closing != NULL)
        closing_kick(directory);
    else if (directory_usable(directory))
        go_on(scrub, 0);
    return true;
}

static void damaged(struct scrub *scrub, bool unreadable)
{
    struct log_body *body = scrub->body;
    int64_t end_offset = current(scrub)->end_offset;

    if (end_offset > body->log.durable_end_offset)
        end_offset = body->log.durable_end_offset; /* not looked at beyond */
    scrub->damaged_count++;
    leave_segment(scrub); /* its owner may do anything */
    if (scrub->next_offset >= end_offset)
        return; /* behind the last batch nobody reads */
    if (unreadable)
        damage_unreadable(body, scrub->next_offset, end_offset);
    else
        damage_found(body, scrub->next_offset, end_offset);
}

static bool scan_batch(struct scan *scan, const struct batch_header *header)
{
    struct scrub *scrub = scan->context;

    if (header->base_offset != scrub->next_offset) {
        scrub->mismatch = true;
        return false;
    }
    if (scan->position >= scrub->position + STEP_BYTES)
        return false;
    scrub->next_offset = batch_next_offset(header);
    return true;
}

/* All bytes that the table knows of are read, and batches are missing. */
static bool ends_early(const struct scrub *scrub)
{
    const struct segment *segment = current(scrub);

    return scrub->scan.result == SCAN_END && scrub->end == segment->size &&
           scrub->next_offset < segment->end_offset &&
           segment->end_offset <= scrub->body->log.durable_end_offset;
}

static void scanned(struct scan *scan)
{
    struct scrub *scrub = scan->context;
    struct log_directory *directory = directory_of(scrub);
    uint64_t bytes = scan->position - scrub->position;

    if (came_back(scrub))
        return;
    scrub->bytes += bytes;
    scrub->position = scan->position;
    if (scan->result == SCAN_FAILED) {
        trace_log(directory->seam->trace, TRACE_WARN,
                  "%s cannot be read at byte %llu: %s", scrub->path,
                  (unsigned long long)scan->position,
                  error_sentence(scan->error));
        if (scan->error == ERROR_IO) /* a sector that cannot be read */
            damaged(scrub, true);
        else
            leave_segment(scrub);
    } else if (scan->result == SCAN_BAD || scrub->mismatch ||
               ends_early(scrub)) {
        damaged(scrub, false);
    } else if (scan->result == SCAN_END) {
        leave_segment(scrub);
    }
    go_on(scrub, scrub->urgent || !list_empty(&scrub->suspects)
                     ? 0
                     : pause_us(directory, bytes));
}

static void read_on(struct scrub *scrub)
{
    scrub->busy = true;
    scrub->mismatch = false;
    scrub->scan.seam = directory_of(scrub)->seam;
    scrub->scan.key = scrub->body->log.key;
    scrub->scan.file = scrub->file;
    scrub->scan.position = scrub->position;
    scrub->scan.end = scrub->end;
    scrub->scan.verify = true;
    scrub->scan.on_batch = scan_batch;
    scrub->scan.done = scanned;
    scrub->scan.context = scrub;
    scan_start(&scrub->scan);
}

static void file_opened(struct disk_request *request)
{
    struct scrub *scrub = container_of(request, struct scrub, request);
    struct log_directory *directory = directory_of(scrub);

    if (request->error == ERROR_NONE)
        scrub->file = request->file;
    if (came_back(scrub))
        return;
    if (request->error == ERROR_NONE) {
        go_on(scrub, scrub->urgent ? 0 : pause_us(directory, SEGMENT_BYTES));
        return;
    }
    trace_log(directory->seam->trace, TRACE_WARN, "%s cannot be opened: %s",
              scrub->path, error_sentence(request->error));
    if (request->error == ERROR_NOT_FOUND)
        damaged(scrub, false);
    else
        leave_segment(scrub);
    go_on(scrub, 0);
}

static void open_segment(struct scrub *scrub, struct log_body *body,
                         const struct segment *segment, uint64_t bytes)
{
    scrub->body = body;
    scrub->generation = body->log.generation;
    scrub->base_offset = segment->base_offset;
    scrub->next_offset = segment->base_offset;
    scrub->position = 0;
    scrub->end = bytes;
    scrub->path = segment_path(body, segment->base_offset, "log");
    scrub->busy = true;
    scrub->request.done = file_opened;
    disk_open(directory_of(scrub)->seam->disk, &scrub->request, scrub->path,
              DISK_OPEN_READ_ONLY);
}

/* ---- a pass ---- */

static bool open_suspect(struct scrub *scrub)
{
    struct list *node;

    while ((node = list_pop(&scrub->suspects)) != NULL) {
        struct log_body *body =
            container_of(node, struct log_body, suspect_node);
        const struct segment *segment =
            body->segments[segment_at(body, body->suspect_offset)];
        uint64_t bytes = synced_bytes(body, segment);

        if (bytes == 0 || body->dying)
            continue;
        scrub->urgent = true;
        open_segment(scrub, body, segment, bytes);
        return true;
    }
    return false;
}

/* The next segment with synced bytes at or after the cursor. */
static bool open_next(struct scrub *scrub)
{
    struct log_directory *directory = directory_of(scrub);
    struct log_body *body = body_from(directory, &scrub->cursor);

    for (; body != NULL; body = body_next(directory, body)) {
        size_t at = 0;

        if (body->creating || body->dying || body->segment_count == 0)
            continue;
        if (key_compare(&body->log.key, &scrub->cursor) == 0)
            while (at < body->segment_count &&
                   body->segments[at]->base_offset < scrub->cursor_offset)
                at++;
        for (; at < body->segment_count; at++) {
            uint64_t bytes = synced_bytes(body, body->segments[at]);

            if (bytes == 0)
                continue;
            scrub->cursor = body->log.key;
            scrub->cursor_offset = body->segments[at]->base_offset + 1;
            scrub->urgent = false;
            open_segment(scrub, body, body->segments[at], bytes);
            return true;
        }
    }
    return false;
}

static void pass_begin(struct scrub *scrub)
{
    scrub->passing = true;
    scrub->cursor = (struct partition_key){0};
    scrub->cursor_offset = 0;
    scrub->bytes = 0;
    scrub->damaged_count = 0;
    scrub->begun_us = directory_of(scrub)->seam->now.monotonic_us;
}

static void pass_end(struct scrub *scrub)
{
    struct log_directory *directory = directory_of(scrub);
    struct seam *seam = directory->seam;
    int64_t next_us =
        scrub->begun_us + directory->options.scrub_interval_ms * 1000;

    scrub->passing = false;
    SOMETIMES(seam->trace, SCRUBBED);
    trace_log(
        seam->trace, TRACE_INFO,
        "%s: scrubbed: %llu bytes read in %lld s, %u damaged segments",
        directory->options.path, (unsigned long long)scrub->bytes,
        (long long)((seam->now.monotonic_us - scrub->begun_us) / SECOND_US),
        scrub->damaged_count);
    go_on(scrub, next_us > seam->now.monotonic_us
                     ? next_us - seam->now.monotonic_us
                     : 0);
}

static void next_segment(struct log_directory *directory)
{
    struct scrub *scrub = &directory->scrub;

    if (open_suspect(scrub) || directory->options.scrub_bytes_per_second == 0)
        return;
    if (!scrub->passing)
        pass_begin(scrub);
    if (!open_next(scrub))
        pass_end(scrub);
}

/* What the pass is in the middle of is begun again after them. */
static bool suspects_wait(const struct scrub *scrub)
{
    return scrub->file != NULL && !scrub->urgent &&
           !list_empty(&scrub->suspects) && current(scrub) != NULL;
}

static void put_back(struct scrub *scrub)
{
    scrub->cursor = scrub->body->log.key;
    scrub->cursor_offset = scrub->base_offset;
    leave_segment(scrub);
}

static void fire(struct timer *timer)
{
    struct scrub *scrub = container_of(timer, struct scrub, timer);
    struct log_directory *directory = directory_of(scrub);

    if (scrub->busy || !directory_usable(directory))
        return;
    if (suspects_wait(scrub))
        put_back(scrub);
    if (scrub->file == NULL) {
        next_segment(directory);
    } else if (current(scrub) == NULL || scrub->position == scrub->end) {
        leave_segment(scrub);
        go_on(scrub, 0);
    } else {
        read_on(scrub);
    }
}

/* ---- the contract ---- */

void scrub_init(struct log_directory *directory)
{
    list_init(&directory->scrub.suspects);
    directory->scrub.timer.fire = fire;
}

void scrub_start(struct log_directory *directory)
{
    go_on(&directory->scrub, 0);
}

void scrub_suspect(struct log_body *body, int64_t offset)
{
    struct scrub *scrub = &body->log.directory->scrub;

    if (!list_empty(&body->suspect_node))
        return;
    body->suspect_offset = offset;
    list_append(&scrub->suspects, &body->suspect_node);
    if (!scrub->busy && (scrub->file == NULL || !scrub->urgent))
        go_on(scrub, 0);
}

void log_suspect(struct log *log, int64_t offset)
{
    if (offset >= log->log_start_offset && offset < log->durable_end_offset &&
        directory_usable(log->directory))
        scrub_suspect(body_of(log), offset);
}

void scrub_forget(struct log_body *body)
{
    struct scrub *scrub = &body->log.directory->scrub;

    list_remove(&body->suspect_node);
    if (scrub->body == body)
        scrub->body = NULL;
}

void scrub_release(struct log_directory *directory)
{
    timer_stop(directory->seam->timers, &directory->scrub.timer);
    leave_segment(&directory->scrub);
}
