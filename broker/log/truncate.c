/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns cuts: log_truncate(), log_restart_at(), the taking back of appends that
 * found no space; and the reading again of who wrote what, after damage. Alone
 * with the log:
 *
 *     wait until idle -> find the batch of the cut
 *     -> checkpoint: new generation, recovery point not above the cut
 *     -> cut the file, unlink what follows, sync file and directory
 *     -> tables in memory follow -> producers read again, if need be -> done
 *
 * A crash before the cut is durable leaves the old tail, found again by
 * recovery from the new recovery point: as if the cut had not begun, for
 * nobody has been told that it had. What is below the cut is not touched.
 *
 * What is taken back was never the log's: the generation stays, and there is
 * nothing to store. But it is cut durably before the next append. Else that
 * one, at the same offsets and in the same epoch, could be followed by what
 * was left of these after a loss of power, and nobody could tell.
 */
#include <string.h>

#include "base/assert.h"
#include "log/internal.h"

static void begin(struct log *log, enum exclusive kind, int64_t offset,
                  void (*done)(void *context, enum error error), void *context);

/* Nobody asked for it but the owner must know: whoever waits for an offset
 * past the end waits in vain. */
static void tell_taken_back(void *context, enum error error)
{
    struct log_body *body = context;
    struct log_owner *owner = body->log.owner;

    if (error == ERROR_NONE && owner != NULL && owner->on_taken_back != NULL)
        owner->on_taken_back(owner);
}

static void finish(struct log_body *body, enum error error)
{
    struct exclusive_job *job = &body->exclusive;
    void (*done)(void *context, enum error error) = job->done;
    enum exclusive next = job->next;

    job->kind = EXCLUSIVE_NONE;
    job->next = EXCLUSIVE_NONE;
    job->running = false;
    job->storing = false;
    job->done = NULL;
    body->torn = false;
    body->log.truncating = false;
    body->log.unsure = body->log.unsure && body->log.damaged;
    scan_release(&job->scan);
    small_file_release(&job->snapshot);
    commit_want(body, false);
    done(job->context, error);
    if (next != EXCLUSIVE_NONE)
        begin(&body->log, next, job->next_offset, job->next_done,
              job->next_context);
    if (error != ERROR_NONE)
        return;
    seal_next(body);
    log_progress(body);
    log_kick(body);
}

void exclusive_fail(struct log_body *body, enum error error)
{
    finish(body, error);
}

/* Where the scan ended nothing more is read. */
static void damage_met(struct log_body *body, const struct scan *scan,
                       int64_t offset, int64_t end_offset)
{
    if (scan->result == SCAN_FAILED)
        damage_unreadable(body, offset, end_offset);
    else
        damage_found(body, offset, end_offset);
}

/* ---- producers ---- */

static void rebuild_next(struct log_body *body, int64_t offset);

static bool rebuild_batch(struct scan *scan, const struct batch_header *header)
{
    struct log_body *body = scan->context;

    producers_note(&body->producers, header);
    body->exclusive.rebuilt.offset = batch_next_offset(header);
    return true;
}

/* The rest of the segment cannot be read. It is damage like any other, and who
 * wrote there is looked for again once it is mended; who wrote behind it is
 * known. */
static void rebuild_without(struct log_body *body, const struct scan *scan,
                            int64_t end_offset)
{
    body->producers.forgetful = true;
    body->log.unsure = true;
    damage_met(body, scan, body->exclusive.rebuilt.offset, end_offset);
    rebuild_next(body, end_offset);
}

static void rebuild_scanned(struct scan *scan)
{
    struct log_body *body = scan->context;
    struct segment *segment =
        body->segments[segment_at(body, body->exclusive.rebuilt.segment)];

    if (scan->result == SCAN_END) {
        rebuild_next(body, segment->end_offset);
    } else if (scan->result == SCAN_BAD || scan->error == ERROR_IO) {
        rebuild_without(body, scan, segment->end_offset);
    } else {
        body->producers.forgetful = true;
        finish(body, ERROR_NONE);
    }
}

static void rebuild_opened(struct steps *steps, enum error error)
{
    struct log_body *body = steps->context;
    struct exclusive_job *job = &body->exclusive;
    struct segment *segment = body->segments[segment_at(body, job->reopened)];

    steps_release(steps);
    if (error != ERROR_NONE) {
        trace_log(body->log.directory->seam->trace, TRACE_WARN,
                  "%s: segment %lld cannot be opened (%s): which producers "
                  "wrote there is not known any more",
                  body->path, (long long)segment->base_offset,
                  error_sentence(error));
        body->producers.forgetful = true;
        finish(body, ERROR_NONE);
        return;
    }
    segment->file = steps->file;
    segment_touch(segment);
    rebuild_next(body, job->reopened);
}

/* It has been closed meanwhile, or a start did not need it. */
static void rebuild_open(struct log_body *body, const struct segment *segment,
                         int64_t offset)
{
    struct exclusive_job *job = &body->exclusive;

    job->reopened = offset;
    steps_init(&job->steps, body->log.directory->seam, rebuild_opened, body);
    steps_open(&job->steps, segment_path(body, segment->base_offset, "log"),
               DISK_OPEN_EXISTING);
    steps_run(&job->steps);
}

/* Reads on at `offset`, the start of a segment or the end of the log. */
static void rebuild_next(struct log_body *body, int64_t offset)
{
    struct exclusive_job *job = &body->exclusive;
    struct segment *segment = body->segments[segment_at(body, offset)];
    uint64_t position = offset == job->rebuilt.offset &&
                                job->rebuilt.segment == segment->base_offset
                            ? job->rebuilt.position
                            : 0;

    if (offset >= body->log.log_end_offset || position >= segment->size) {
        finish(body, ERROR_NONE);
        return;
    }
    if (segment->file == NULL) {
        rebuild_open(body, segment, offset);
        return;
    }
    job->rebuilt = (struct producers_place){offset, segment->base_offset, 0};
    job->scan.key = body->log.key;
    job->scan.seam = body->log.directory->seam;
    job->scan.file = segment->file;
    job->scan.position = position;
    job->scan.end = segment->size;
    job->scan.verify = false;
    job->scan.dense = true;
    job->scan.due = offset;
    job->scan.on_batch = rebuild_batch;
    job->scan.done = rebuild_scanned;
    job->scan.context = body;
    scan_start(&job->scan);
}

static void rebuild_start(struct log_body *body);

static void snapshot_read(struct small_file *file, enum error error)
{
    struct log_body *body = file->context;
    struct exclusive_job *job = &body->exclusive;
    bool good = error == ERROR_NONE &&
                producers_decode(&body->producers, file->payload,
                                 file->payload_size, &job->rebuilt) &&
                job->rebuilt.offset >= body->segments[0]->base_offset &&
                job->rebuilt.offset <= body->log.log_end_offset;

    small_file_release(file);
    if (good)
        rebuild_next(body, job->rebuilt.offset);
    else
        rebuild_start(body);
}

/* From the newest snapshot that is left, else from the start of the log: who
 * wrote between a snapshot and the start nobody can tell any more. */
static void rebuild_start(struct log_body *body)
{
    struct exclusive_job *job = &body->exclusive;
    int64_t base = body->segments[0]->base_offset;
    char *path;

    if (job->snapshot_at > 0) {
        job->snapshot_at--;
        path =
            segment_path(body, body->snapshots[job->snapshot_at], "producers");
        job->snapshot.done = snapshot_read;
        job->snapshot.context = body;
        small_file_read(&job->snapshot, body->log.directory->seam, path,
                        PRODUCERS_MAGIC, 0);
        heap_free(body->log.directory->seam->heap, path);
        return;
    }
    producers_clear(&body->producers, base > 0);
    job->rebuilt = (struct producers_place){base, base, 0};
    rebuild_next(body, base);
}

/* ---- the tables ---- */

static void cut_segments(struct log_body *body, const struct place *cut)
{
    size_t last = segment_at(body, cut->segment);
    struct segment *segment = body->segments[last];

    ASSERT(segment->base_offset == cut->segment);
    ASSERT(segment->size >= cut->position);
    segments_drop(body, last + 1, body->segment_count - last - 1);
    body->log.size_bytes -= segment->size - cut->position;
    segment->size = cut->position;
    segment->end_offset = cut->offset;
    segment->sealed = false;
    segment->seal_wanted = false;
    heap_free(body->log.directory->seam->heap, segment->snapshot);
    segment->snapshot = NULL;
    index_cut_end(&segment->index, cut->offset);
    if (cut->position == 0) {
        segment->indexed = true;
        segment->max_timestamp_ms = INT64_MIN;
    }
    segment_touch(segment);
}

/* What is past the end is forgotten. */
static void cut_tables(struct log_body *body, const struct place *cut)
{
    struct log *log = &body->log;

    log->next_offset = cut->offset;
    log->log_end_offset = cut->offset;
    body->log_end = *cut;
    body->window.count = 0;
    body->window.from = 0;
    body->window.to = 0;
    body->epochs_dirty = true;
    log->directory->checkpoint.stale = true;
    while (body->snapshot_count > 0 &&
           body->snapshots[body->snapshot_count - 1] > cut->offset)
        body->snapshot_count--;
}

static void cut_offsets(struct log_body *body, const struct place *cut)
{
    struct log *log = &body->log;
    struct fact fact = {
        .type = FACT_TRUNCATED, .key = log->key, .end_offset = cut->offset};

    log->generation++;
    cut_tables(body, cut);
    if (log->durable_end_offset > cut->offset) {
        log->durable_end_offset = cut->offset;
        body->durable_end = *cut;
    }
    if (log->high_watermark > cut->offset)
        log->high_watermark = cut->offset;
    body->evidence = -1;
    log->lossy = false;
    damage_settle(body);
    trace_fact(log->directory->seam->trace, &fact);
}

/* The ring and the producers; then it is finished. */
static void cut_rest(struct log_body *body)
{
    struct exclusive_job *job = &body->exclusive;
    bool whole;

    ring_cut_end(&body->ring, job->cut.offset);
    whole = producers_cut_end(&body->producers, job->cut.offset);
    if (whole && (!body->log.unsure || body->log.damaged)) {
        finish(body, ERROR_NONE);
        return;
    }
    job->snapshot_at = body->snapshot_count;
    rebuild_start(body);
}

static void truncated(struct log_body *body)
{
    struct exclusive_job *job = &body->exclusive;

    job->storing = false;
    cut_segments(body, &job->cut);
    cut_offsets(body, &job->cut);
    epochs_cut_end(&body->epochs, job->cut.offset);
    cut_rest(body);
}

/* An epoch that began at the end stays: its leader noted it there (K5). */
static void taken_back(struct log_body *body)
{
    const struct place *cut = &body->exclusive.cut;

    ASSERT_INVARIANT(L1, cut->offset == body->log.log_end_offset);
    SOMETIMES(body->log.directory->seam->trace, TAKEN_BACK);
    cut_segments(body, cut);
    cut_tables(body, cut);
    epochs_cut_end(&body->epochs, cut->offset + 1);
    damage_settle(body);
    cut_rest(body);
}

static void restarted(struct log_body *body, struct disk_file *file)
{
    struct exclusive_job *job = &body->exclusive;
    struct log *log = &body->log;
    struct segment *segment;
    struct fact fact = {
        .type = FACT_LOG_START, .key = log->key, .offset = job->cut.offset};

    job->storing = false;
    segments_drop(body, 0, body->segment_count);
    segment = segment_add(body, job->cut.offset);
    segment->file = file;
    segment->indexed = true;
    segment_touch(segment);
    cut_offsets(body, &job->cut);
    log->high_watermark = job->cut.offset;
    log->durable_end_offset = job->cut.offset;
    body->durable_end = job->cut;
    body->ring.count = 0;
    body->snapshot_count = 0;
    epochs_clear(&body->epochs);
    producers_clear(&body->producers, job->cut.offset > 0);
    log->log_start_offset = job->cut.offset;
    trace_fact(log->directory->seam->trace, &fact);
    finish(body, ERROR_NONE);
}

/* ---- the disk ---- */

static void stepped(struct steps *steps, enum error error)
{
    struct log_body *body = steps->context;
    struct log_directory *directory = body->log.directory;
    struct disk_file *file = steps->file;

    if (error != ERROR_NONE)
        directory_fail(directory, error, "cut", steps_path(steps));
    steps_release(steps);
    if (directory->failed) {
        disk_close(directory->seam->disk, file);
        finish(body, ERROR_LOG_DIRECTORY_FAILED);
    } else if (body->exclusive.kind == EXCLUSIVE_RESTART) {
        restarted(body, file);
    } else if (body->exclusive.kind == EXCLUSIVE_TAKE_BACK) {
        taken_back(body);
    } else {
        truncated(body);
    }
}

static void add_unlink(struct log_body *body, int64_t offset,
                       const char *suffix)
{
    steps_add(&body->exclusive.steps, DISK_UNLINK,
              segment_path(body, offset, suffix), NULL, ERROR_NOT_FOUND);
}

static size_t kept_segments(const struct log_body *body)
{
    const struct exclusive_job *job = &body->exclusive;

    if (job->kind == EXCLUSIVE_RESTART)
        return 0;
    return segment_at(body, job->cut.segment) + 1;
}

static void cut_files(struct log_body *body)
{
    struct exclusive_job *job = &body->exclusive;
    struct log_directory *directory = body->log.directory;
    struct steps *steps = &job->steps;
    bool whole = job->kind == EXCLUSIVE_RESTART;
    size_t keep = kept_segments(body);

    steps_init(steps, directory->seam, stepped, body);
    steps->space = &directory->space;
    for (size_t i = body->segment_count; i > keep; i--) {
        add_unlink(body, body->segments[i - 1]->base_offset, "log");
        add_unlink(body, body->segments[i - 1]->base_offset, "index");
    }
    for (size_t i = body->snapshot_count; i > 0; i--)
        if (whole || body->snapshots[i - 1] > job->cut.offset)
            add_unlink(body, body->snapshots[i - 1], "producers");
    if (whole) /* the old history would call the new epochs a step back */
        steps_add(steps, DISK_UNLINK,
                  path_of(directory->seam->heap, body->path, "epochs"), NULL,
                  ERROR_NOT_FOUND);
    if (whole) {
        steps_open(steps, segment_path(body, job->cut.offset, "log"),
                   DISK_OPEN_CREATE_EXCL);
    } else {
        add_unlink(body, job->cut.segment, "index");
        steps->cut_file = body->segments[keep - 1]->file;
        steps->cut_size = job->cut.position;
        steps_add(steps, DISK_TRUNCATE, NULL, NULL, ERROR_NONE);
        steps_add(steps, DISK_SYNC, NULL, NULL, ERROR_NONE);
    }
    steps_add(steps, DISK_SYNC_DIRECTORY,
              heap_strdup(directory->seam->heap, body->path), NULL, ERROR_NONE);
    steps_run(steps);
}

static void stored(struct save_waiter *waiter, enum error error)
{
    struct exclusive_job *job =
        container_of(waiter, struct exclusive_job, stored);
    struct log_body *body = container_of(job, struct log_body, exclusive);
    struct fact fact = {
        .type = FACT_TRUNCATING,
        .key = body->log.key,
        .end_offset = job->kind == EXCLUSIVE_RESTART ? 0 : job->cut.offset};

    if (error != ERROR_NONE) {
        finish(body, error);
        return;
    }
    trace_fact(body->log.directory->seam->trace, &fact);
    cut_files(body);
}

/* ---- the place ---- */

static void store(struct log_body *body, struct place cut)
{
    struct exclusive_job *job = &body->exclusive;

    job->cut = cut;
    job->storing = true;
    job->stored.done = stored;
    checkpoint_request(body->log.directory, &job->stored);
}

static bool find_batch(struct scan *scan, const struct batch_header *header)
{
    struct log_body *body = scan->context;

    body->exclusive.cut.offset = header->base_offset;
    if (batch_next_offset(header) > body->exclusive.offset)
        return false;
    body->exclusive.cut.offset = batch_next_offset(header);
    return true;
}

/* Where the cut lies cannot be told before what is below it is mended: a cut
 * at the damage would lose batches that this replica was counted for. */
static void cut_barred(struct log_body *body, const struct scan *scan)
{
    int64_t offset = body->exclusive.cut.offset;
    int64_t end_offset = body->exclusive.offset;

    trace_log(body->log.directory->seam->trace, TRACE_WARN,
              "%s: damaged at offset %lld: not cut to %lld before that is "
              "mended",
              body->path, (long long)offset, (long long)end_offset);
    finish(body, ERROR_CORRUPT);
    damage_met(body, scan, offset, end_offset);
}

static void found(struct scan *scan)
{
    struct log_body *body = scan->context;
    struct exclusive_job *job = &body->exclusive;

    if (scan->result == SCAN_FAILED && scan->error != ERROR_IO) {
        directory_fail(body->log.directory, scan->error, "read", body->path);
        finish(body, ERROR_LOG_DIRECTORY_FAILED);
        return;
    }
    if (scan->result != SCAN_STOPPED && job->cut.offset < job->offset) {
        cut_barred(body, scan);
        return;
    }
    job->cut.position = scan->position;
    store(body, job->cut);
}

static void find(struct log_body *body, struct segment *segment)
{
    struct exclusive_job *job = &body->exclusive;
    struct ring_entry from = {segment->base_offset, 0};

    if (job->offset == body->log.log_end_offset) {
        store(body, body->log_end);
        return;
    }
    boundary_floor(body, segment, job->offset, &from);
    job->cut = (struct place){from.offset, segment->base_offset, from.position};
    if (from.offset == job->offset) {
        store(body, job->cut);
        return;
    }
    job->scan = (struct scan){.seam = body->log.directory->seam,
                              .key = body->log.key,
                              .file = segment->file,
                              .position = from.position,
                              .end = segment->size,
                              .dense = true,
                              .due = from.offset,
                              .on_batch = find_batch,
                              .done = found,
                              .context = body};
    scan_start(&job->scan);
}

void exclusive_run(struct log_body *body)
{
    struct exclusive_job *job = &body->exclusive;
    struct log *log = &body->log;
    struct segment *segment;

    if (job->offset < log->log_start_offset)
        job->offset = log->log_start_offset;
    if (job->kind == EXCLUSIVE_REBUILD) {
        job->running = true;
        job->snapshot_at = body->snapshot_count;
        rebuild_start(body);
        return;
    }
    if (job->kind == EXCLUSIVE_RESTART) {
        job->running = true;
        store(body, (struct place){job->offset, job->offset, 0});
        return;
    }
    if (job->offset > log->log_end_offset || job->kind == EXCLUSIVE_TAKE_BACK)
        job->offset = log->log_end_offset;
    place_settle(body, &body->log_end);
    segment = job->offset == log->log_end_offset
                  ? body->segments[segment_at(body, body->log_end.segment)]
                  : body->segments[segment_at(body, job->offset)];
    if (segment->file == NULL) {
        if (job->tried && log->damaged &&
            log->damage_offset < segment->end_offset &&
            log->damage_end_offset > segment->base_offset) {
            finish(body, ERROR_CORRUPT); /* it is not there: mended first */
            return;
        }
        if (job->tried) {
            directory_fail(log->directory, ERROR_IO, "open a segment of",
                           body->path);
            return;
        }
        job->tried = true;
        segment_load(segment); /* load_finish() brings us back */
        return;
    }
    job->running = true;
    if (job->kind == EXCLUSIVE_TAKE_BACK) {
        job->cut = body->log_end;
        cut_files(body);
        return;
    }
    find(body, segment);
}

/* ---- the contract ---- */

static void later_fire(struct timer *timer)
{
    struct exclusive_job *job =
        container_of(timer, struct exclusive_job, later);

    finish(container_of(job, struct log_body, exclusive),
           ERROR_LOG_DIRECTORY_FAILED);
}

static void begin(struct log *log, enum exclusive kind, int64_t offset,
                  void (*done)(void *context, enum error error), void *context)
{
    struct log_body *body = body_of(log);
    struct exclusive_job *job = &body->exclusive;

    ASSERT(offset >= 0);
    if (job->kind == EXCLUSIVE_TAKE_BACK || job->kind == EXCLUSIVE_REBUILD) {
        ASSERT(job->next == EXCLUSIVE_NONE);
        job->next = kind;
        job->next_offset = offset;
        job->next_done = done;
        job->next_context = context;
        return;
    }
    ASSERT(job->kind == EXCLUSIVE_NONE);
    job->kind = kind;
    job->tried = false;
    job->offset = offset;
    job->done = done;
    job->context = context;
    log->truncating = true;
    if (directory_usable(log->directory)) {
        log_kick(body);
        return;
    }
    job->running = true; /* log_fail() keeps off */
    job->later.fire = later_fire;
    timer_start(log->directory->seam->timers, &job->later,
                log->directory->seam->now.monotonic_us);
}

/* log_kick() runs it once nothing is in flight any more. A cut does the same,
 * and the reading of producers that waits for that comes after it. */
void exclusive_take_back(struct log_body *body)
{
    struct exclusive_job *job = &body->exclusive;

    if (job->kind != EXCLUSIVE_NONE && job->kind != EXCLUSIVE_REBUILD)
        return;
    ASSERT(!job->running);
    job->kind = EXCLUSIVE_TAKE_BACK;
    job->tried = false;
    job->done = tell_taken_back;
    job->context = body;
    body->log.truncating = true;
}

static void rebuilt(void *context, enum error error)
{
    (void)context;
    (void)error; /* the directory is fenced, or they are forgotten */
}

void exclusive_rebuild(struct log_body *body)
{
    struct exclusive_job *job = &body->exclusive;

    ASSERT(job->kind == EXCLUSIVE_NONE);
    job->kind = EXCLUSIVE_REBUILD;
    job->tried = false;
    job->done = rebuilt;
    job->context = body;
    body->log.truncating = true;
}

void log_truncate(struct log *log, int64_t end_offset,
                  void (*done)(void *context, enum error error), void *context)
{
    begin(log, EXCLUSIVE_TRUNCATE, end_offset, done, context);
}

void log_restart_at(struct log *log, int64_t offset,
                    void (*done)(void *context, enum error error),
                    void *context)
{
    begin(log, EXCLUSIVE_RESTART, offset, done, context);
}
