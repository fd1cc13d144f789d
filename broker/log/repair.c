/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the end of a log's recovery: names and sizes are made to agree with
 * what was found, and all of it is durable before the log is shown.
 *
 *     unlinks, cut -> directory synced -> segments synced -> in the set
 *
 * A directory that was not closed cleanly is synced in any case: names that
 * the last process made or removed may be in the cache alone, and a log that
 * goes on upon them would end with the power (B32).
 */
#include <string.h>

#include "base/assert.h"
#include "log/recovery.h"

static struct heap *heap_of(const struct recovery *recovery)
{
    return recovery->directory->seam->heap;
}

/* ---- the log as it is now ---- */

/* Against the file: a start must not write thousands of them for nothing. */
static bool history_changed(const struct recovery *recovery)
{
    const struct epochs *epochs = &recovery->body->epochs;
    const struct epoch_entry *noted = recovery->noted;

    if (noted == NULL)
        return recovery->has_epochs || epochs->count > 0;
    if (recovery->noted_count != epochs->count)
        return true;
    for (size_t i = 0; i < epochs->count; i++)
        if (noted[i].epoch != epochs->entries[i].epoch ||
            noted[i].start_offset != epochs->entries[i].start_offset)
            return true;
    return false;
}

static bool has_damage(const struct recovery *recovery,
                       const struct segment *segment)
{
    const struct log_body *body = recovery->body;

    return (segment->end_offset > recovery->damage_offset &&
            segment->base_offset < recovery->damage_end) ||
           (body->more.known && segment->end_offset > body->more.offset &&
            segment->base_offset < body->more.end_offset);
}

/* When the last batch of a segment with damage was appended cannot be told:
 * before what follows, and before the checkpoint. It must not look older than
 * it may be, or the leader would have it removed where it is whole, too. */
static void bound_ages(struct recovery *recovery)
{
    struct log_body *body = recovery->body;
    int64_t latest_ms = recovery->stored.last_append_ms;

    if (latest_ms < recovery->directory->stored_ms)
        latest_ms = recovery->directory->stored_ms;
    for (size_t i = body->segment_count; i > 0; i--) {
        struct segment *segment = body->segments[i - 1];

        if (!has_damage(recovery, segment)) {
            if (segment->end_offset > segment->base_offset)
                latest_ms = segment->first_append_ms;
        } else if (segment->last_append_ms < latest_ms) {
            segment->last_append_ms = latest_ms;
        }
    }
}

static void recovered(struct recovery *recovery)
{
    struct log_body *body = recovery->body;
    struct log *log = &body->log;
    const struct stored_log *stored = &recovery->stored;
    struct segment *active = active_segment(body);

    bound_ages(recovery);
    log->size_bytes = 0;
    for (size_t i = 0; i < body->segment_count; i++) {
        struct segment *segment = body->segments[i];

        log->size_bytes += segment->size;
        segment->dirty = false;
        if (!segment->sealed)
            continue;
        /* one with damage is to be read again by the next start too */
        segment->seal_wanted = segment->file != NULL && !segment->index_good &&
                               !has_damage(recovery, segment);
        if (!segment->indexed && segment->index_good)
            index_release(&segment->index, heap_of(recovery));
        segment_touch(segment);
    }
    segment_touch(active);
    log->generation = stored->generation;
    log->log_start_offset = stored->log_start_offset;
    body->wanted_start = log->log_start_offset;
    log->log_end_offset = active->end_offset;
    log->next_offset = active->end_offset;
    log->durable_end_offset = active->end_offset;
    body->log_end =
        (struct place){active->end_offset, active->base_offset, active->size};
    body->durable_end = body->log_end;
    log->high_watermark = stored->high_watermark;
    log->doubtful = stored->doubtful || recovery->directory->rebooted ||
                    recovery->directory->marked;
    log->lossy = recovery->lost || stored->lossy ||
                 log->log_end_offset < stored->high_watermark;
    log->damaged = recovery->damage_end > log->log_start_offset;
    log->unsure = log->unsure && log->damaged;
    body->epochs_guessed = log->damaged && recovery->noted == NULL;
    log->damage_offset = recovery->damage_offset;
    log->damage_end_offset = recovery->damage_end;
    if (log->high_watermark > log->log_end_offset) {
        body->evidence = log->high_watermark;
        log->high_watermark = log->log_end_offset;
    }
    for (size_t i = 0; i < recovery->noted_count; i++)
        if (recovery->noted[i].start_offset == log->log_end_offset &&
            recovery->noted[i].epoch > epochs_last(&body->epochs))
            epochs_append(&body->epochs, recovery->noted[i].epoch,
                          log->log_end_offset);
    epochs_cut_start(&body->epochs, log->log_start_offset);
    if (!producers_cut_end(&body->producers, log->log_end_offset))
        body->producers.forgetful = true;
    body->epochs_dirty = history_changed(recovery);
    body_insert(body);
    recovery->body = NULL;
}

static void finish(struct recovery *recovery)
{
    recovered(recovery);
    recovery_done(recovery, ERROR_NONE, NULL);
}

static void unmarked(struct steps *steps, enum error error)
{
    struct recovery *recovery = steps->context;

    if (error != ERROR_NONE)
        recovery_done(recovery, error, steps_path(steps));
    else
        finish(recovery);
}

void recovery_finish(struct recovery *recovery)
{
    struct steps *steps = &recovery->steps;

    if (!recovery->has_mending) {
        finish(recovery);
        return;
    }
    /* what was mended is durable like the rest: the mark has served */
    steps_release(steps);
    steps_init(steps, recovery->directory->seam, unmarked, recovery);
    steps_add(steps, DISK_UNLINK,
              path_of(heap_of(recovery), recovery->body->path, MENDING_NAME),
              NULL, ERROR_NOT_FOUND);
    steps_run(steps);
}

/* ---- repair ---- */

/* All that was read and taken is made durable before it is reported. */
static void repaired(struct steps *steps, enum error error)
{
    struct recovery *recovery = steps->context;
    struct log_body *body = recovery->body;

    if (error != ERROR_NONE) {
        recovery_done(recovery, error, steps_path(steps));
        return;
    }
    if (recovery->created)
        active_segment(body)->file = steps->file;
    for (size_t i = 0; i < body->segment_count; i++)
        if (body->segments[i]->dirty) {
            recovery_unsynced(recovery);
            return;
        }
    recovery_finish(recovery);
}

static void begin_segment(struct recovery *recovery, int64_t offset)
{
    struct log_body *body = recovery->body;

    segment_add(body, offset)->indexed = true;
    steps_open(&recovery->steps, segment_path(body, offset, "log"),
               DISK_OPEN_CREATE);
    recovery->created = true;
}

/* Nothing of the log is left at or above its start: it begins anew there. */
static void begin_anew(struct recovery *recovery)
{
    struct log_body *body = recovery->body;

    body->log.size_bytes = 0;
    for (size_t i = 0; i < body->segment_count; i++) {
        recovery_remove_later(recovery, body->segments[i]->base_offset, "log");
        body->segments[i]->size = 0;
    }
    segments_drop(body, 0, body->segment_count);
    body->ring.count = 0;
    epochs_clear(&body->epochs);
    begin_segment(recovery, recovery->stored.log_start_offset);
}

static void keep_snapshots(struct recovery *recovery, int64_t end)
{
    if (end > recovery->stored.recovery.offset)
        end = recovery->stored.recovery.offset;
    for (size_t i = 0; i < recovery->snapshot_at; i++)
        if (recovery->snapshots[i] <= end)
            snapshot_added(recovery->body, recovery->snapshots[i]);
        else
            recovery_remove_later(recovery, recovery->snapshots[i],
                                  "producers");
}

/* An index without a sealed segment is of no use (B41). */
static void remove_indexes(struct recovery *recovery)
{
    const struct log_body *body = recovery->body;

    for (size_t i = 0; i < recovery->index_count; i++) {
        const struct segment *segment =
            body->segments[segment_at(body, recovery->indexes[i])];

        if (segment->base_offset != recovery->indexes[i] || !segment->sealed)
            recovery_remove_later(recovery, recovery->indexes[i], "index");
    }
}

/* What lies behind the end, in the last file, goes. */
static void cut_tail(struct recovery *recovery)
{
    struct segment *active = active_segment(recovery->body);
    struct steps *steps = &recovery->steps;

    ASSERT(active->file != NULL); /* never taken by its summary */
    if (active->size == recovery->file_size)
        return;
    steps->cut_file = active->file;
    steps->cut_size = active->size;
    steps_add(steps, DISK_TRUNCATE, NULL, NULL, ERROR_NONE);
    active->dirty = true;
}

/* The segment to append to. A file with damage takes no more: what is in it
 * behind the damage is out of reach once the recovery point has passed. */
static void settle_end(struct recovery *recovery)
{
    struct log_body *body = recovery->body;

    if (recovery->hollow)
        begin_segment(recovery, recovery->expected);
    else if (body->segment_count == 0 || active_segment(body)->end_offset <
                                             recovery->stored.log_start_offset)
        begin_anew(recovery);
    else
        cut_tail(recovery);
    if (recovery->resumed && !recovery->created &&
        active_segment(body)->base_offset < active_segment(body)->end_offset)
        begin_segment(recovery, active_segment(body)->end_offset);
    active_segment(body)->sealed = false;
}

void recovery_repair(struct recovery *recovery)
{
    struct log_body *body = recovery->body;
    struct steps *steps = &recovery->steps;

    for (size_t i = body->segment_count; i < recovery->base_count; i++)
        recovery_remove_later(recovery, recovery->bases[i], "log");
    settle_end(recovery);
    keep_snapshots(recovery, active_segment(body)->end_offset);
    remove_indexes(recovery);
    if (!recovery->directory->clean || recovery->created || recovery->ended ||
        steps->count > 0 || active_segment(body)->dirty)
        steps_add(steps, DISK_SYNC_DIRECTORY,
                  heap_strdup(heap_of(recovery), body->path), NULL, ERROR_NONE);
    steps->done = repaired;
    steps_run(steps);
}
