/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the snapshot files of a log: written at each roll (roll.c), at a
 * clean shutdown and every so many bytes. A recovery starts from the newest
 * at or below its recovery point, and a cut, which goes no deeper than the
 * high watermark, from the newest at or below that: older ones go.
 */
#include <string.h>

#include "base/assert.h"
#include "log/internal.h"

void snapshot_added(struct log_body *body, int64_t offset)
{
    size_t at = body->snapshot_count;

    while (at > 0 && body->snapshots[at - 1] > offset)
        at--;
    if (at > 0 && body->snapshots[at - 1] == offset)
        return;
    if (body->snapshot_count == body->snapshot_capacity) {
        size_t capacity =
            body->snapshot_capacity ? body->snapshot_capacity * 2 : 4;

        body->snapshots =
            heap_grow(body->log.directory->seam->heap, body->snapshots,
                      body->snapshot_count * sizeof *body->snapshots,
                      capacity * sizeof *body->snapshots);
        body->snapshot_capacity = capacity;
    }
    memmove(body->snapshots + at + 1, body->snapshots + at,
            (body->snapshot_count - at) * sizeof *body->snapshots);
    body->snapshots[at] = offset;
    body->snapshot_count++;
}

static void written(struct small_file *file, enum error error)
{
    struct log_body *body = file->context;
    struct log_directory *directory = body->log.directory;

    body->snapshotting = false;
    if (error == ERROR_DISK_FULL) { /* later: recovery can do without */
        space_starve(directory);
        body->snapshot_bytes = LOG_SNAPSHOT_INTERVAL + 1;
        log_kick(body);
        return;
    }
    if (error != ERROR_NONE) {
        directory_fail(directory, error, "write a producer snapshot in",
                       body->path);
        return;
    }
    snapshot_added(body, body->snapshot_offset);
    log_kick(body);
}

void snapshot_start(struct log_body *body)
{
    struct log_directory *directory = body->log.directory;
    struct segment *active = active_segment(body);
    struct producers_place place = {body->log.next_offset, active->base_offset,
                                    active->size};
    char name[SEGMENT_NAME_SIZE];
    uint8_t *data;
    size_t size;

    if (body->log.unsure || body->snapshotting || body->rolling ||
        body->dying || body->creating || directory->space.starved ||
        body->exclusive.kind != EXCLUSIVE_NONE ||
        (body->snapshot_count > 0 &&
         body->snapshots[body->snapshot_count - 1] >= place.offset))
        return;
    body->snapshotting = true;
    body->snapshot_bytes = 0;
    body->snapshot_offset = place.offset;
    body->snapshot_file.done = written;
    body->snapshot_file.context = body;
    data = producers_encode(&body->producers, &place, &size);
    segment_name(name, place.offset, "producers");
    small_file_write(&body->snapshot_file, directory->seam, body->path, name,
                     PRODUCERS_MAGIC, data, size);
}

static void pruned(struct steps *steps, enum error error)
{
    struct log_body *body = steps->context;

    if (error != ERROR_NONE)
        directory_fail(body->log.directory, error, "remove", steps_path(steps));
    steps_release(steps);
    body->pruning = false;
    log_kick(body);
}

void snapshots_prune(struct log_body *body, int64_t recovery_offset)
{
    struct log_directory *directory = body->log.directory;
    int64_t needed = body->log.high_watermark < recovery_offset
                         ? body->log.high_watermark
                         : recovery_offset;
    size_t old = 0;

    if (body->pruning || body->dying || body->creating ||
        body->exclusive.kind != EXCLUSIVE_NONE)
        return;
    while (old + 1 < body->snapshot_count && body->snapshots[old + 1] <= needed)
        old++;
    if (old == 0)
        return;
    body->pruning = true;
    steps_init(&body->prune_steps, directory->seam, pruned, body);
    body->prune_steps.space = &directory->space;
    for (size_t i = 0; i < old; i++)
        steps_add(&body->prune_steps, DISK_UNLINK,
                  segment_path(body, body->snapshots[i], "producers"), NULL,
                  ERROR_NOT_FOUND);
    body->snapshot_count -= old;
    memmove(body->snapshots, body->snapshots + old,
            body->snapshot_count * sizeof *body->snapshots);
    steps_run(&body->prune_steps);
}
