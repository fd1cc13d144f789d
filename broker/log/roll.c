/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the change to a new segment. Appends go on at once: they are held
 * until the new file and its directory entry are there. The old segment is
 * synced, then its index and a snapshot of the producers are written; both
 * can be done without, so a crash in between costs only time.
 */
#include "base/assert.h"
#include "log/internal.h"

/* ---- sealing ---- */

static void seal_end(struct log_body *body)
{
    body->seal_segment = NULL;
    body->sealing = false;
    seal_next(body);
    log_kick(body);
}

static void seal_finish(struct log_body *body)
{
    body->seal_segment->seal_wanted = false;
    segment_touch(body->seal_segment);
    seal_end(body);
}

static void snapshot_written(struct small_file *file, enum error error)
{
    struct log_body *body = file->context;
    struct log_directory *directory = body->log.directory;

    if (error == ERROR_DISK_FULL)
        space_starve(directory); /* an older one will do */
    else if (error != ERROR_NONE)
        directory_fail(directory, error, "write a producer snapshot in",
                       body->path);
    else
        snapshot_added(body, body->seal_segment->end_offset);
    seal_finish(body);
}

static void index_written(struct small_file *file, enum error error)
{
    struct log_body *body = file->context;
    struct segment *segment = body->seal_segment;
    char name[SEGMENT_NAME_SIZE];
    uint8_t *data = segment->snapshot;

    if (error == ERROR_DISK_FULL) { /* once there is space again */
        space_starve(body->log.directory);
        seal_end(body);
        return;
    }
    if (error != ERROR_NONE)
        directory_fail(body->log.directory, error, "write an index in",
                       body->path);
    if (error != ERROR_NONE || data == NULL) { /* sealed by a recovery */
        seal_finish(body);
        return;
    }
    segment->snapshot = NULL;
    segment_name(name, segment->end_offset, "producers");
    body->seal_file.done = snapshot_written;
    small_file_write(&body->seal_file, body->log.directory->seam, body->path,
                     name, PRODUCERS_MAGIC, data, segment->snapshot_size);
}

void seal_next(struct log_body *body)
{
    struct segment *segment = NULL;
    char name[SEGMENT_NAME_SIZE];
    size_t size;
    uint8_t *data;

    if (body->sealing || body->dying || body->log.directory->failed ||
        body->log.directory->space.starved ||
        body->exclusive.kind != EXCLUSIVE_NONE) /* its end brings us back */
        return;
    for (size_t i = body->start_removed;
         i < body->segment_count && segment == NULL; i++)
        if (body->segments[i]->seal_wanted)
            segment = body->segments[i];
    if (segment == NULL || segment->unborn)
        return;
    if (!segment->indexed) { /* recovered in part; load_finish() goes on */
        segment_load(segment);
        return;
    }
    body->sealing = true;
    body->seal_segment = segment;
    body->seal_file.context = body;
    segment_name(name, segment->base_offset, "index");
    body->seal_file.done = index_written;
    data = segment_encode(segment, &size);
    small_file_write(&body->seal_file, body->log.directory->seam, body->path,
                     name, INDEX_MAGIC, data, size);
}

/* ---- rolling ---- */

static void roll_run(struct log_body *body);

/* The log ends where it ended before the roll. One that was to let retention
 * go on gets the ballast, and is tried again with the next check. */
static void no_room(struct log_body *body)
{
    struct log_directory *directory = body->log.directory;

    steps_release(&body->roll_steps);
    body->roll_segment = NULL;
    body->rolling = false;
    if (list_empty(&body->held))
        space_give_ballast(directory);
    body->roll_after_us =
        directory->seam->now.monotonic_us + space_interval_us(directory) / 2;
    append_take_back(body);
    log_kick(body);
}

static void roll_stepped(struct steps *steps, enum error error)
{
    struct log_body *body = steps->context;
    struct log_directory *directory = body->log.directory;
    struct segment *segment = body->roll_segment;

    if (steps_lacked_space(steps, error)) {
        no_room(body);
        return;
    }
    if (error != ERROR_NONE)
        directory_fail(directory, error, "make", steps_path(steps));
    segment->file = steps->file;
    segment->unborn = false;
    segment_touch(segment);
    body->roll_segment = NULL;
    body->rolling = false;
    steps_release(steps);
    if (directory->failed)
        return;
    SOMETIMES(directory->seam->trace, SEGMENT_ROLLED);
    roll_run(body);
    append_pump(body);
    seal_next(body);
    commit_want(body, true);
    log_progress(body);
    log_kick(body);
}

/* Makes the file of the first segment that has none yet. */
static void roll_run(struct log_body *body)
{
    struct log_directory *directory = body->log.directory;
    struct steps *steps = &body->roll_steps;
    size_t at = body->segment_count;

    while (at > 0 && body->segments[at - 1]->unborn)
        at--;
    if (at == body->segment_count)
        return;
    body->rolling = true;
    body->roll_segment = body->segments[at];
    steps_init(steps, directory->seam, roll_stepped, body);
    steps_open(steps,
               segment_path(body, body->roll_segment->base_offset, "log"),
               DISK_OPEN_CREATE_EXCL);
    steps_add(steps, DISK_SYNC_DIRECTORY,
              heap_strdup(directory->seam->heap, body->path), NULL, ERROR_NONE);
    steps_run(steps);
}

void roll_start(struct log_body *body)
{
    struct segment *sealed = active_segment(body);
    struct segment *segment;
    int64_t base = body->log.next_offset;
    struct producers_place place = {base, base, 0};

    ASSERT(sealed->end_offset == base);
    ASSERT(sealed->size > 0);
    sealed->sealed = true;
    sealed->seal_wanted = true;
    segment_touch(sealed);
    if (!body->log.unsure)
        sealed->snapshot =
            producers_encode(&body->producers, &place, &sealed->snapshot_size);
    segment = segment_add(body, base);
    segment->indexed = true;
    segment->unborn = true;
    if (!body->rolling)
        roll_run(body);
}

bool roll_allowed(const struct log_body *body)
{
    return active_segment(body)->size > 0 && !body->rolling && !body->dying &&
           directory_usable(body->log.directory) &&
           body->exclusive.kind == EXCLUSIVE_NONE;
}

void log_roll_idle(struct log *log, int64_t now_ms)
{
    struct log_body *body = body_of(log);
    int64_t age_ms;

    if (!roll_allowed(body) || log->directory->space.starved ||
        __builtin_sub_overflow(now_ms, active_segment(body)->first_append_ms,
                               &age_ms) ||
        age_ms < log->settings.segment_ms)
        return;
    SOMETIMES(log->directory->seam->trace, SEGMENT_ROLLED_IDLE);
    roll_start(body);
}
