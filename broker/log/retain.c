/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the front of a log: how far retention would move it, and the move:
 *
 *     wanted -> stored in the checkpoint -> visible -> segments unlinked
 *
 * The order is what keeps a start from going back after a crash: segments
 * that come back are below a stored start, and recovery removes them.
 */
#include "base/assert.h"
#include "log/internal.h"
#include "rules/retention.h"

void log_set_high_watermark(struct log *log, int64_t high_watermark)
{
    struct log_body *body = body_of(log);

    ASSERT_INVARIANT(L4, high_watermark <= log->log_end_offset);
    if (high_watermark <= log->high_watermark)
        return;
    log->high_watermark = high_watermark;
    log->directory->checkpoint.stale = true;
    if (body->evidence >= 0 && high_watermark >= body->evidence) {
        body->evidence = -1; /* all that was lost is here again */
        log->lossy = false;
    }
}

/* What a leader has not committed may be cut off again, and must not have
 * driven out what was. Up to the last boundary known: rather too few. */
static uint64_t committed_bytes(const struct log_body *body,
                                const struct segment *segment)
{
    struct ring_entry at = {segment->base_offset, 0};

    if (segment->end_offset <= body->log.high_watermark)
        return segment->size;
    if (segment->base_offset < body->log.high_watermark)
        boundary_floor(body, segment, body->log.high_watermark, &at);
    return at.position;
}

int64_t log_retention_target(struct log *log, int64_t now_ms)
{
    struct log_body *body = body_of(log);
    struct heap *heap = log->directory->seam->heap;
    struct retention_limits limits = {log->settings.retention_ms,
                                      log->settings.retention_bytes};
    struct retention_segment *rows =
        heap_alloc(heap, body->segment_count * sizeof *rows);
    const struct segment *active = active_segment(body);
    int64_t target;

    for (size_t i = 0; i < body->segment_count; i++) {
        const struct segment *segment = body->segments[i];

        rows[i] = (struct retention_segment){
            segment->base_offset, segment->end_offset,
            committed_bytes(body, segment), segment->last_append_ms};
    }
    target = retention_start_offset(rows, body->segment_count, &limits,
                                    log->log_start_offset, log->high_watermark,
                                    now_ms);
    heap_free(heap, rows);
    if (target <= active->base_offset || active->size == 0)
        return target;
    /* all of the active segment has expired: it is rolled first */
    if (roll_allowed(body))
        roll_start(body);
    return active->base_offset > log->log_start_offset ? active->base_offset
                                                       : log->log_start_offset;
}

int64_t log_start_at(const struct log *log, int64_t offset)
{
    const struct log_body *body = log->body;

    if (offset >= log->log_end_offset)
        return log->log_end_offset;
    return body->segments[segment_at(body, offset)]->base_offset;
}

/* ---- the move ---- */

static void removed(struct steps *steps, enum error error)
{
    struct log_body *body = steps->context;
    struct log_directory *directory = body->log.directory;

    body->advancing = false;
    if (error != ERROR_NONE)
        directory_fail(directory, error, "remove", steps_path(steps));
    steps_release(steps);
    if (directory->failed)
        return;
    for (size_t i = 0; i < body->start_removed; i++) {
        struct fact fact = {.type = FACT_DELETED,
                            .key = body->log.key,
                            .offset = body->segments[i]->base_offset,
                            .end_offset = body->segments[i]->end_offset};

        trace_fact(directory->seam->trace, &fact);
        SOMETIMES(directory->seam->trace, SEGMENT_DELETED);
    }
    segments_drop(body, 0, body->start_removed);
    body->start_removed = 0;
    log_kick(body);
}

static size_t count_removable(struct log_body *body)
{
    const struct segment *sealing = body->sealing ? body->seal_segment : NULL;
    size_t count = 0;

    if (body->window_loading || body->in_round)
        return 0;
    place_settle(body, &body->durable_end);
    while (count + 1 < body->segment_count) {
        const struct segment *segment = body->segments[count];

        if (segment->end_offset > body->log.log_start_offset ||
            segment->loading || segment->dirty || segment == sealing ||
            (segment->seal_wanted && !body->log.directory->space.starved) ||
            segment->base_offset == body->durable_end.segment)
            break;
        count++;
    }
    return count;
}

static void remove_segments(struct log_body *body, size_t count)
{
    struct steps *steps = &body->start_steps;

    body->advancing = true;
    body->storing_start = body->log.log_start_offset;
    body->start_removed = count;
    steps_init(steps, body->log.directory->seam, removed, body);
    steps->space = &body->log.directory->space;
    for (size_t i = 0; i < count; i++) {
        int64_t base = body->segments[i]->base_offset;

        body->segments[i]->seal_wanted = false; /* room may come meanwhile */
        steps_add(steps, DISK_UNLINK, segment_path(body, base, "log"), NULL,
                  ERROR_NOT_FOUND);
        steps_add(steps, DISK_UNLINK, segment_path(body, base, "index"), NULL,
                  ERROR_NOT_FOUND);
    }
    steps_run(steps);
}

static void stored(struct save_waiter *waiter, enum error error)
{
    struct log_body *body = container_of(waiter, struct log_body, start_stored);
    struct log *log = &body->log;
    struct fact fact = {
        .type = FACT_LOG_START, .key = log->key, .offset = body->storing_start};

    body->advancing = false;
    if (error != ERROR_NONE)
        return;
    ASSERT_INVARIANT(L5, body->storing_start > log->log_start_offset);
    log->log_start_offset = body->storing_start;
    if (log->high_watermark < log->log_start_offset)
        log->high_watermark = log->log_start_offset;
    epochs_cut_start(&body->epochs, log->log_start_offset);
    body->epochs_dirty = true;
    damage_settle(body);
    trace_fact(log->directory->seam->trace, &fact);
    log_kick(body);
}

void advance_next(struct log_body *body)
{
    struct log *log = &body->log;
    size_t count;

    if (body->advancing || body->dying || body->creating ||
        !directory_usable(log->directory) ||
        body->exclusive.kind != EXCLUSIVE_NONE)
        return;
    if (body->wanted_start > log->log_start_offset &&
        log->log_start_offset < log->log_end_offset) {
        body->storing_start = body->wanted_start < log->log_end_offset
                                  ? body->wanted_start
                                  : log->log_end_offset;
        body->advancing = true;
        body->start_stored.done = stored;
        checkpoint_request(log->directory, &body->start_stored);
        return;
    }
    count = count_removable(body);
    if (count > 0)
        remove_segments(body, count);
    else if (active_segment(body)->size > 0 && !body->rolling &&
             log->next_offset <= log->log_start_offset) {
        if (log->directory->seam->now.monotonic_us >= body->roll_after_us)
            roll_start(body);
        else
            log->directory->space.roll_waits = true;
    }
}

void log_advance_start(struct log *log, int64_t offset)
{
    struct log_body *body = body_of(log);

    if (offset <= body->wanted_start || offset <= log->log_start_offset)
        return;
    body->wanted_start = offset;
    log_kick(body);
}
