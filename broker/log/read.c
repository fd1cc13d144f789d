/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the way out: which bytes of which file hold what a reader may see.
 * Where a reader starts may be early; where it ends is exact, because what
 * lies past the limit is not for it. When the exact end lies between two
 * index entries, that interval is read once (the window).
 */
#include "base/assert.h"
#include "log/internal.h"

bool boundary_floor(const struct log_body *body, const struct segment *segment,
                    int64_t offset, struct ring_entry *found)
{
    ptrdiff_t at = index_floor(&segment->index, offset);
    bool any = false;

    if (at >= 0) {
        *found = (struct ring_entry){segment->index.entries[at].offset,
                                     segment->index.entries[at].position};
        any = true;
    }
    at = window_floor(&body->window, offset);
    if (at >= 0 && body->window.entries[at].offset >= segment->base_offset &&
        (!any || body->window.entries[at].offset > found->offset)) {
        *found = body->window.entries[at];
        any = true;
    }
    at = ring_floor(&body->ring, offset);
    if (at >= 0 &&
        ring_at(&body->ring, (size_t)at)->offset >= segment->base_offset &&
        (!any || ring_at(&body->ring, (size_t)at)->offset > found->offset)) {
        *found = *ring_at(&body->ring, (size_t)at);
        any = true;
    }
    return any;
}

/* The first known boundary above `offset`, which lies in the segment. */
static struct ring_entry boundary_above(const struct log_body *body,
                                        const struct segment *segment,
                                        int64_t offset)
{
    struct ring_entry found = {segment->end_offset, segment->size};
    size_t at = (size_t)(index_floor(&segment->index, offset) + 1);

    if (at < segment->index.count &&
        segment->index.entries[at].offset < found.offset)
        found = (struct ring_entry){segment->index.entries[at].offset,
                                    segment->index.entries[at].position};
    if (offset >= body->window.from && offset < body->window.to) {
        at = (size_t)(window_floor(&body->window, offset) + 1);
        if (at < body->window.count &&
            body->window.entries[at].offset < found.offset)
            found = body->window.entries[at];
    }
    at = (size_t)(ring_floor(&body->ring, offset) + 1);
    if (at < body->ring.count &&
        ring_at(&body->ring, at)->offset < found.offset)
        found = *ring_at(&body->ring, at);
    return found;
}

/* ---- the window ---- */

static bool window_batch(struct scan *scan, const struct batch_header *header)
{
    struct log_body *body = scan->context;

    window_note(&body->window, scan->seam->heap, header->base_offset,
                scan->position);
    body->window_next = batch_next_offset(header);
    return true;
}

static void window_done(struct scan *scan)
{
    struct log_body *body = scan->context;

    if (scan->result != SCAN_END) {
        trace_log(scan->seam->trace, TRACE_WARN,
                  "%s: no batch can be read at byte %llu of the segment that "
                  "holds offset %lld",
                  body->path, (unsigned long long)scan->position,
                  (long long)body->window.from);
        scrub_suspect(body, body->window.from);
    }
    if (body->window_next < body->window.to) /* what is before can be read */
        window_note(&body->window, scan->seam->heap, body->window_next,
                    scan->position);
    scan_release(scan);
    body->window_loading = false;
    log_progress(body);
    log_kick(body);
}

static void window_load(struct log_body *body, struct segment *segment,
                        int64_t offset)
{
    ptrdiff_t at = index_floor(&segment->index, offset);
    struct ring_entry above = boundary_above(body, segment, offset);

    if (body->window_loading)
        return;
    ASSERT(at >= 0);
    body->window.count = 0;
    body->window.from = segment->index.entries[at].offset;
    body->window.to = above.offset;
    body->window_next = body->window.from;
    body->window_loading = true;
    body->window_scan =
        (struct scan){.seam = body->log.directory->seam,
                      .key = body->log.key,
                      .file = segment->file,
                      .position = segment->index.entries[at].position,
                      .end = above.position,
                      .dense = true,
                      .due = body->window.from,
                      .on_batch = window_batch,
                      .done = window_done,
                      .context = body};
    scan_start(&body->window_scan);
}

/* ---- the contract ---- */

/* A reader of what cannot be read hears of it once, and may ask again. */
static enum error load(struct log_body *body, struct segment *segment)
{
    if (segment->unreadable) {
        segment->unreadable = false;
        return ERROR_IO;
    }
    if (body->exclusive.kind == EXCLUSIVE_NONE)
        segment_load(segment);
    return ERROR_AGAIN;
}

/* Who reads this segment will want the next one. */
static void look_ahead(struct log_body *body, size_t at)
{
    struct segment *next =
        at + 1 < body->segment_count ? body->segments[at + 1] : NULL;

    if (next != NULL && !next->unborn && !next->unreadable &&
        !segment_reaches(next, next->base_offset) &&
        body->exclusive.kind == EXCLUSIVE_NONE)
        segment_load(next);
}

static enum error locate(struct log_body *body, int64_t offset, int64_t limit,
                         uint32_t bytes_max, struct log_range *range)
{
    size_t at = segment_at(body, offset);
    struct segment *segment = body->segments[at];
    struct ring_entry from, above, end;
    uint64_t most = bytes_max;

    if (!segment_reaches(segment, offset))
        return load(body, segment);
    segment_touch(segment);
    look_ahead(body, at);
    if (!boundary_floor(body, segment, offset, &from))
        return ERROR_CORRUPT;
    above = boundary_above(body, segment, offset);
    if (above.offset > limit) {
        if (!body->window_loading && offset >= body->window.from &&
            offset < body->window.to)
            return ERROR_NONE; /* the limit is no boundary: nothing whole */
        if (body->exclusive.kind == EXCLUSIVE_NONE)
            window_load(body, segment, offset);
        return ERROR_AGAIN;
    }
    end = (struct ring_entry){segment->end_offset, segment->size};
    if (limit < segment->end_offset &&
        !boundary_floor(body, segment, limit, &end))
        return ERROR_CORRUPT;
    ASSERT(from.position < above.position);
    ASSERT(above.position <= end.position);
    if (most < above.position - from.position)
        most = above.position - from.position;
    range->file = segment->file;
    range->position = from.position;
    range->length = end.position - from.position;
    if (range->length > most)
        range->length = most;
    range->base_offset = from.offset;
    range->end_offset_max = end.offset;
    return ERROR_NONE;
}

enum error log_locate(struct log *log, int64_t offset, int64_t limit,
                      uint32_t bytes_max, struct log_range *range)
{
    struct log_body *body = body_of(log);

    ASSERT_INVARIANT(L3, limit <= log->log_end_offset);
    *range =
        (struct log_range){.base_offset = offset, .end_offset_max = offset};
    if (offset < log->log_start_offset || offset > limit)
        return ERROR_OFFSET_OUT_OF_RANGE;
    if (log->damaged && limit > log->damage_offset &&
        offset < log->damage_end_offset) {
        if (offset >= log->damage_offset)
            return ERROR_CORRUPT;
        limit = log->damage_offset;
    }
    if (offset == limit)
        return ERROR_NONE;
    return locate(body, offset, limit, bytes_max, range);
}

/* The first entry of a loaded index that reaches the time; -1: none. */
static int64_t first_by_time(const struct index *index, int64_t timestamp_ms)
{
    size_t low = 0, high = index->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (index->entries[middle].max_timestamp_ms < timestamp_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low < index->count ? index->entries[low].offset : -1;
}

enum error log_offset_by_time(struct log *log, int64_t timestamp_ms,
                              int64_t limit, int64_t *offset)
{
    struct log_body *body = body_of(log);

    *offset = -1;
    for (size_t i = segment_at(body, log->log_start_offset);
         i < body->segment_count; i++) {
        struct segment *segment = body->segments[i];
        int64_t found;

        if (segment->base_offset >= limit)
            break;
        if (segment->end_offset == segment->base_offset ||
            segment->max_timestamp_ms < timestamp_ms)
            continue;
        if (!segment_reaches(segment, segment->base_offset))
            return load(body, segment);
        segment_touch(segment);
        found = first_by_time(&segment->index, timestamp_ms);
        if (found < 0)
            continue;
        if (found < log->log_start_offset)
            found = log->log_start_offset;
        if (found < limit)
            *offset = found;
        break;
    }
    return ERROR_NONE;
}
