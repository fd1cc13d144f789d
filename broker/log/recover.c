/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns what is found out about one log at the start. What lies below the
 * recovery point was synced: of those segments size and summary are checked,
 * no data is read. What is missing or damaged there is noted, and never cut:
 * the log goes on behind it (log/damage.c). From the recovery point on every
 * batch is checked, and the log ends at the first one that is torn, damaged or
 * out of order. What was
 * found is written again and synced before anybody hears of it: a process
 * that died of a failed sync leaves pages behind that look whole and that no
 * sync would write. Never changes a name; log/repair.c does.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "log/recovery.h"

static void list_done(struct disk_request *request);
static void next_snapshot(struct recovery *recovery);
static void next_segment(struct recovery *recovery);
static void scan_segment(struct recovery *recovery, const struct place *from);

static struct heap *heap_of(const struct recovery *recovery)
{
    return recovery->directory->seam->heap;
}

void recovery_free(struct recovery *recovery)
{
    struct heap *heap;

    if (recovery == NULL)
        return;
    heap = heap_of(recovery);
    list_remove(&recovery->node);
    if (recovery->body != NULL)
        log_body_free(recovery->body);
    small_file_release(&recovery->file);
    scan_release(&recovery->scan);
    steps_release(&recovery->steps);
    heap_free(heap, recovery->path);
    heap_free(heap, recovery->bases);
    heap_free(heap, recovery->snapshots);
    heap_free(heap, recovery->indexes);
    heap_free(heap, recovery->noted);
    heap_free(heap, recovery);
}

struct recovery *recovery_new(struct recoveries *all,
                              const struct partition_key *key,
                              const struct stored_log *stored)
{
    struct log_directory *directory = recoveries_directory(all);
    struct recovery *recovery =
        heap_alloc(directory->seam->heap, sizeof *recovery);

    recovery->all = all;
    recovery->directory = directory;
    list_init(&recovery->node);
    recovery->lost = stored == NULL;
    if (stored != NULL)
        recovery->stored = *stored;
    recovery->body =
        log_body_new(directory, key, &directory->options.default_settings);
    recovery->request.done = list_done;
    disk_list(directory->seam->disk, &recovery->request, recovery->body->path);
    return recovery;
}

/* ---- names ---- */

/* Names are sorted, and so are offsets of 20 digits. */
static void take_names(struct recovery *recovery)
{
    const struct disk_request *request = &recovery->request;
    size_t room = (request->name_count + 1) * sizeof(int64_t);
    struct steps *steps = &recovery->steps;

    recovery->bases = heap_alloc(heap_of(recovery), room);
    recovery->snapshots = heap_alloc(heap_of(recovery), room);
    recovery->indexes = heap_alloc(heap_of(recovery), room);
    for (size_t i = 0; i < request->name_count; i++) {
        const char *name = request->names[i];
        size_t length = strlen(name);
        int64_t offset;

        if (segment_name_parse(name, "log", &offset))
            recovery->bases[recovery->base_count++] = offset;
        else if (segment_name_parse(name, "producers", &offset))
            recovery->snapshots[recovery->snapshot_count++] = offset;
        else if (segment_name_parse(name, "index", &offset))
            recovery->indexes[recovery->index_count++] = offset;
        else if (strcmp(name, "epochs") == 0)
            recovery->has_epochs = true;
        else if (strcmp(name, MENDING_NAME) == 0)
            recovery->has_mending = true;
        else if (length > 4 && strcmp(name + length - 4, ".tmp") == 0)
            steps_add(steps, DISK_UNLINK,
                      path_of(heap_of(recovery), recovery->body->path, name),
                      NULL, ERROR_NOT_FOUND);
    }
}

void recovery_remove_later(struct recovery *recovery, int64_t offset,
                           const char *suffix)
{
    steps_add(&recovery->steps, DISK_UNLINK,
              segment_path(recovery->body, offset, suffix), NULL,
              ERROR_NOT_FOUND);
}

/* ---- the epoch history ---- */

static void read_file(struct recovery *recovery, char *path, uint32_t magic,
                      size_t prefix_max,
                      void (*done)(struct small_file *file, enum error error))
{
    recovery->file.done = done;
    recovery->file.context = recovery;
    small_file_read(&recovery->file, recovery->directory->seam, path, magic,
                    prefix_max);
    heap_free(heap_of(recovery), path);
}

static bool is_damage(enum error error)
{
    return error == ERROR_CORRUPT || error == ERROR_NOT_FOUND;
}

/* Where checking starts when there is nothing better. */
static void start_from_first(struct recovery *recovery)
{
    int64_t base = recovery->base_count > 0 ? recovery->bases[0] : 0;

    producers_clear(&recovery->body->producers, base > 0);
    epochs_clear(&recovery->body->epochs);
    recovery->start = (struct place){base, base, 0};
}

static void epochs_read(struct small_file *file, enum error error)
{
    struct recovery *recovery = file->context;
    struct log_body *body = recovery->body;
    bool good = error == ERROR_NONE &&
                epochs_decode(&body->epochs, file->payload, file->payload_size);

    small_file_release(file);
    if (error != ERROR_NONE && !is_damage(error)) {
        recovery_done(recovery, error, "its epoch history");
        return;
    }
    if (!good) {
        trace_log(recovery->directory->seam->trace, TRACE_WARN,
                  "%s/epochs is damaged: all of the log is read to make it "
                  "again",
                  body->path);
        start_from_first(recovery);
        next_segment(recovery);
        return;
    }
    recovery->noted_count = body->epochs.count;
    recovery->noted = heap_alloc(
        heap_of(recovery), (body->epochs.count + 1) * sizeof *recovery->noted);
    memcpy(recovery->noted, body->epoch_entries,
           body->epochs.count * sizeof *recovery->noted);
    next_snapshot(recovery);
}

static void read_history(struct recovery *recovery)
{
    struct heap *heap = heap_of(recovery);

    if (recovery->lost ||
        (!recovery->has_epochs && recovery->stored.recovery.offset >
                                      recovery->stored.log_start_offset)) {
        start_from_first(recovery);
        next_segment(recovery);
    } else if (recovery->has_epochs) {
        read_file(recovery, path_of(heap, recovery->body->path, "epochs"),
                  EPOCHS_MAGIC, 0, epochs_read);
    } else {
        next_snapshot(recovery);
    }
}

static void mending_read(struct small_file *file, enum error error)
{
    struct recovery *recovery = file->context;

    recovery->mending = 0; /* anywhere, if it does not say */
    if (error == ERROR_NONE && file->payload_size == MENDING_BYTES)
        recovery->mending = (int64_t)load_u64(file->payload);
    small_file_release(file);
    if (error != ERROR_NONE && !is_damage(error)) {
        recovery_done(recovery, error, "what was being mended");
        return;
    }
    read_history(recovery);
}

static void list_done(struct disk_request *request)
{
    struct recovery *recovery = container_of(request, struct recovery, request);
    struct log_body *body = recovery->body;
    struct seam *seam = recovery->directory->seam;

    if (request->error != ERROR_NONE) {
        recovery_done(recovery, request->error, body->path);
        return;
    }
    steps_init(&recovery->steps, seam, NULL, recovery);
    recovery->steps.space = &recovery->directory->space;
    take_names(recovery);
    disk_names_free(seam->disk, request);
    if (recovery->lost && recovery->base_count > 0)
        recovery->stored.log_start_offset = recovery->bases[0];
    recovery->snapshot_at = recovery->snapshot_count;
    recovery->mending = INT64_MAX;
    if (recovery->has_mending)
        read_file(recovery, path_of(seam->heap, body->path, MENDING_NAME),
                  MENDING_MAGIC, 0, mending_read);
    else
        read_history(recovery);
}

/* ---- the producers ---- */

static bool has_base(const struct recovery *recovery, int64_t base)
{
    for (size_t i = 0; i < recovery->base_count; i++)
        if (recovery->bases[i] == base)
            return true;
    return false;
}

static void snapshot_read(struct small_file *file, enum error error)
{
    struct recovery *recovery = file->context;
    struct producers_place place;
    bool good = error == ERROR_NONE &&
                producers_decode(&recovery->body->producers, file->payload,
                                 file->payload_size, &place) &&
                place.offset == recovery->snapshots[recovery->snapshot_at] &&
                (place.position == 0 || has_base(recovery, place.segment));

    small_file_release(file);
    if (error != ERROR_NONE && !is_damage(error)) {
        recovery_done(recovery, error, "a producer snapshot");
        return;
    }
    if (!good) {
        recovery_remove_later(
            recovery, recovery->snapshots[recovery->snapshot_at], "producers");
        next_snapshot(recovery);
        return;
    }
    recovery->start =
        (struct place){place.offset, place.segment, place.position};
    recovery->snapshot_at++;
    next_segment(recovery);
}

/* The newest one at or below the recovery point; those above it may tell of
 * batches that are gone. Nor does checking start above what was mended. */
static void next_snapshot(struct recovery *recovery)
{
    struct log_body *body = recovery->body;
    int64_t point = recovery->stored.recovery.offset;

    if (point > recovery->mending)
        point = recovery->mending;
    while (recovery->snapshot_at > 0 &&
           recovery->snapshots[recovery->snapshot_at - 1] > point)
        recovery_remove_later(recovery,
                              recovery->snapshots[--recovery->snapshot_at],
                              "producers");
    if (recovery->stored.no_producers && !recovery->has_mending) {
        recovery->start = recovery->stored.recovery;
        next_segment(recovery);
        return;
    }
    if (recovery->snapshot_at == 0) {
        int64_t base = recovery->base_count > 0 ? recovery->bases[0] : 0;

        producers_clear(&body->producers, base > 0);
        recovery->start = (struct place){base, base, 0};
        next_segment(recovery);
        return;
    }
    recovery->snapshot_at--;
    read_file(recovery,
              segment_path(body, recovery->snapshots[recovery->snapshot_at],
                           "producers"),
              PRODUCERS_MAGIC, 0, snapshot_read);
}

/* ---- the start ---- */

/* Segments below the log start come back when their removal was not durable:
 * they go first. Then the place to start is made one that exists. */
static void prepare(struct recovery *recovery)
{
    struct log_body *body = recovery->body;
    struct stored_log *stored = &recovery->stored;
    size_t below = 0;
    size_t last;

    while (below + 1 < recovery->base_count &&
           recovery->bases[below + 1] <= stored->log_start_offset) {
        recovery_remove_later(recovery, recovery->bases[below], "log");
        below++;
    }
    recovery->base_count -= below;
    memmove(recovery->bases, recovery->bases + below,
            recovery->base_count * sizeof *recovery->bases);
    recovery->expected = stored->log_start_offset;
    if (recovery->base_count == 0)
        return;
    if (recovery->bases[0] <= stored->log_start_offset)
        recovery->expected = recovery->bases[0];
    if (recovery->start.offset < recovery->bases[0]) {
        /* who wrote in between nobody can tell any more */
        producers_clear(&body->producers, true);
        recovery->start =
            (struct place){recovery->bases[0], recovery->bases[0], 0};
    }
    if (!has_base(recovery, recovery->start.segment)) {
        for (last = recovery->base_count - 1;
             last > 0 && recovery->bases[last] > recovery->start.offset; last--)
            ;
        recovery->start =
            (struct place){recovery->bases[last], recovery->bases[last], 0};
        if (!producers_cut_end(&body->producers, recovery->bases[last]))
            body->producers.forgetful = true;
    }
    epochs_cut_end(&body->epochs, recovery->start.offset + 1);
}

/* ---- segments ---- */

static void take_segment(struct recovery *recovery)
{
    recovery->expected = active_segment(recovery->body)->end_offset;
    recovery->at++;
    next_segment(recovery);
}

static bool scan_batch(struct scan *scan, const struct batch_header *header)
{
    struct recovery *recovery = scan->context;
    struct log_body *body = recovery->body;
    struct segment *segment = active_segment(body);

    if (header->base_offset != segment->end_offset ||
        recoveries_stopped(recovery->all))
        return false;
    recoveries_note_bytes(recovery->all, header->length);
    if (recovery->rebuilding) {
        segment_note(segment, header, scan->position);
    } else if (header->base_offset < recovery->start.offset) {
        /* history and producers know of it already */
        ring_note(&body->ring, scan->seam->heap, header->base_offset,
                  scan->position, 0);
        segment_note(segment, header, scan->position);
    } else {
        if (header->leader_epoch < epochs_last(&body->epochs) &&
            body->epochs.entries[body->epochs.count - 1].start_offset !=
                header->base_offset)
            return false;
        append_note(body, segment, header, scan->position);
    }
    segment->size = scan->position + header->length;
    return true;
}

/* ---- damage below the recovery point ---- */

static void note_damage(struct recovery *recovery, int64_t to)
{
    if (recovery->damage_end == 0) {
        recovery->damage_offset = recovery->expected;
        recovery->damage_end = to;
    } else if (recovery->expected == recovery->damage_end) {
        recovery->damage_end = to;
    } else {
        damage_more(recovery->body, recovery->expected, to);
    }
    if (to <= recovery->start.offset)
        return; /* the snapshot knows who wrote there */
    recovery->body->producers.forgetful = true;
    recovery->body->log.unsure = true;
}

/* What the batches would have told of epochs, the history on disk does. */
static void restore_epochs(struct recovery *recovery, int64_t to)
{
    struct epochs *epochs = &recovery->body->epochs;

    for (size_t i = 0; i < recovery->noted_count; i++)
        if (recovery->noted[i].start_offset < to &&
            recovery->noted[i].epoch > epochs_last(epochs))
            epochs_append(epochs, recovery->noted[i].epoch,
                          recovery->noted[i].start_offset);
}

/* Nothing can be read from `expected` on; the log is known to go on. */
static void bridge(struct recovery *recovery, int64_t to)
{
    struct log_body *body = recovery->body;
    int64_t from = recovery->expected;

    note_damage(recovery, to);
    restore_epochs(recovery, to);
    recovery->expected = to;
    if (body->segment_count == 0)
        segment_add(body, from)->sealed = true;
    active_segment(body)->end_offset = to;
    active_segment(body)->index_good = false;
}

/* The recovery point lies behind the damage, in the same file. */
static bool resume(struct recovery *recovery, uint64_t position)
{
    struct segment *segment = active_segment(recovery->body);
    const struct place *point = &recovery->stored.recovery;

    if (recovery->lost || recovery->resumed ||
        segment->base_offset != point->segment ||
        segment->end_offset >= point->offset || position > point->position ||
        point->position > recovery->file_size)
        return false;
    recovery->resumed = true;
    recovery->expected = segment->end_offset;
    note_damage(recovery, point->offset);
    restore_epochs(recovery, point->offset);
    scan_segment(recovery, point);
    return true;
}

static void scanned(struct scan *scan)
{
    struct recovery *recovery = scan->context;
    struct log_body *body = recovery->body;
    struct segment *segment = active_segment(body);

    if (scan->result == SCAN_FAILED || recoveries_stopped(recovery->all)) {
        heap_free(scan->seam->heap, recovery->path);
        recovery->path = segment_path(body, segment->base_offset, "log");
        recovery_done(recovery, scan->error, recovery->path);
        return;
    }
    segment->dirty = true; /* to be synced, or cut and synced */
    if (scan->result != SCAN_END && resume(recovery, scan->position))
        return;
    if (scan->result != SCAN_END && !recovery->lost &&
        segment->end_offset < recovery->stored.recovery.offset) {
        segment->size = recovery->file_size; /* next_segment() bridges it */
    } else if (scan->result != SCAN_END) {
        SOMETIMES(scan->seam->trace, RECOVERY_CUT);
        trace_log(scan->seam->trace, TRACE_WARN,
                  "%s/%020" PRId64 ".log: no whole batch at byte %" PRIu64
                  " (file of %" PRIu64 "); the log ends there, at offset "
                  "%" PRId64,
                  body->path, segment->base_offset, scan->position,
                  recovery->file_size, segment->end_offset);
        recovery->ended = true;
    }
    take_segment(recovery);
}

static void scan_segment(struct recovery *recovery, const struct place *from)
{
    struct segment *segment = active_segment(recovery->body);

    segment->end_offset = from->offset;
    segment->size = from->position;
    segment->indexed = from->position == 0;
    if (from->position == 0)
        segment->max_timestamp_ms = INT64_MIN;
    if (recovery->file_size == from->position) {
        take_segment(recovery);
        return;
    }
    recovery->scan.seam = recovery->directory->seam;
    recovery->scan.space = &recovery->directory->space;
    recovery->scan.key = recovery->body->log.key;
    recovery->scan.file = segment->file;
    recovery->scan.position = from->position;
    recovery->scan.end = recovery->file_size;
    recovery->scan.verify = true;
    recovery->scan.rewrite = !recovery->rebuilding;
    recovery->scan.on_batch = scan_batch;
    recovery->scan.done = scanned;
    recovery->scan.context = recovery;
    scan_start(&recovery->scan);
}

/* A segment from `start` on. */
static void check_segment(struct recovery *recovery)
{
    struct segment *segment = active_segment(recovery->body);
    const struct stored_log *stored = &recovery->stored;
    struct place from = {segment->base_offset, segment->base_offset, 0};

    recovery->rebuilding = false;
    if (segment->base_offset == recovery->start.segment &&
        recovery->start.position <= recovery->file_size)
        from = recovery->start;
    if (!recovery->lost && segment->base_offset == stored->recovery.segment) {
        segment->first_append_ms = stored->first_append_ms;
        segment->last_append_ms = stored->last_append_ms;
        segment->max_timestamp_ms = stored->max_timestamp_ms;
    }
    scan_segment(recovery, &from);
}

static void summary_read(struct small_file *file, enum error error)
{
    struct recovery *recovery = file->context;
    struct segment *segment = active_segment(recovery->body);
    struct place from = {segment->base_offset, segment->base_offset, 0};
    int64_t next = recovery->at + 1 < recovery->base_count
                       ? recovery->bases[recovery->at + 1]
                       : segment->base_offset;
    bool good =
        error == ERROR_NONE &&
        segment_decode_summary(segment, file->payload, file->payload_size);

    small_file_release(file);
    if (error != ERROR_NONE && !is_damage(error)) {
        recovery_done(recovery, error, "an index");
        return;
    }
    good = good && segment->size == recovery->file_size &&
           segment->end_offset == next;
    segment->index_good = good;
    if (segment->base_offset == recovery->start.segment) {
        check_segment(recovery);
        return;
    }
    if (good) {
        disk_close(recovery->directory->seam->disk, segment->file);
        segment->file = NULL;
        take_segment(recovery);
        return;
    }
    trace_log(recovery->directory->seam->trace, TRACE_WARN,
              "%s/%020" PRId64 ".index does not fit its segment (%" PRIu64
              " bytes): the segment is read to make it again",
              recovery->body->path, segment->base_offset, recovery->file_size);
    recovery->rebuilding = true;
    scan_segment(recovery, &from);
}

static void segment_opened(struct disk_request *request)
{
    struct recovery *recovery = container_of(request, struct recovery, request);
    struct segment *segment = active_segment(recovery->body);
    bool last = recovery->at + 1 == recovery->base_count;

    if (request->error != ERROR_NONE) {
        recovery_done(recovery, request->error, recovery->path);
        return;
    }
    segment->file = request->file;
    recovery->file_size = request->size;
    if (last || segment->base_offset > recovery->start.segment ||
        (segment->base_offset == recovery->start.segment &&
         recovery->start.position == 0))
        check_segment(recovery);
    else
        read_file(recovery,
                  segment_path(recovery->body, segment->base_offset, "index"),
                  INDEX_MAGIC, INDEX_SUMMARY_BYTES, summary_read);
}

/* Below the recovery point the log goes on, whatever is missing. */
static void bridge_gap(struct recovery *recovery)
{
    int64_t point = recovery->stored.recovery.offset;
    int64_t next = recovery->at < recovery->base_count
                       ? recovery->bases[recovery->at]
                       : INT64_MAX;

    if (!recovery->lost && !recovery->ended && recovery->expected < point &&
        next > recovery->expected) {
        recovery->hollow = next > point;
        bridge(recovery, next < point ? next : point);
    }
}

static void next_segment(struct recovery *recovery)
{
    struct log_body *body = recovery->body;
    int64_t base;

    if (recoveries_stopped(recovery->all)) {
        recovery_done(recovery, ERROR_NONE, NULL);
        return;
    }
    if (recovery->at == 0)
        prepare(recovery);
    if (body->segment_count > 0)
        active_segment(body)->sealed = true;
    bridge_gap(recovery);
    if (recovery->at == recovery->base_count || recovery->ended) {
        recovery_repair(recovery);
        return;
    }
    base = recovery->bases[recovery->at];
    if (base != recovery->expected) {
        recovery->ended = true; /* what was between is missing */
        recovery_repair(recovery);
        return;
    }
    segment_add(body, base);
    heap_free(heap_of(recovery), recovery->path);
    recovery->path = segment_path(body, base, "log");
    recovery->request.done = segment_opened;
    disk_open(recovery->directory->seam->disk, &recovery->request,
              recovery->path, DISK_OPEN_EXISTING);
}
