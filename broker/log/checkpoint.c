/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the checkpoint: recovery point, high watermark, log start and
 * generation of every log, in one file. A recovery point is never ahead of
 * what was synced (B33), nor of the epoch history on disk:
 *
 *     capture all logs -> save the histories that changed -> write the file
 *
 * Payload, little-endian: boot id 16, count u32, reserved u32; each log, by
 * key: topic id 16, partition u32, flags u32 (1: no producers known, 2: in
 *     doubt since a reboot or a failure, 4: lossy until it is in sync again),
 *     generation u64, recovery offset i64, its segment i64, position u64,
 *     that segment's first and last append time i64, max timestamp i64,
 *     high watermark i64, log start i64; behind the logs believed time i64
 *     (rules/clock.h), INT64_MIN or absent: none
 */
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/cursor.h"
#include "log/internal.h"

#define FLAG_NO_PRODUCERS 1u
#define FLAG_DOUBTFUL     2u
#define FLAG_LOSSY        4u

static void finish(struct log_directory *directory, enum error error);

/* ---- what is stored ---- */

static void capture(const struct log_body *body, struct stored_log *stored)
{
    const struct log *log = &body->log;
    const struct segment *segment =
        body->segments[segment_at(body, body->durable_end.segment)];

    *stored = (struct stored_log){
        .key = log->key,
        .generation = log->generation,
        .recovery = body->durable_end,
        .high_watermark = log->high_watermark > body->evidence
                              ? log->high_watermark
                              : body->evidence,
        .log_start_offset =
            body->advancing ? body->storing_start : log->log_start_offset,
        .no_producers =
            body->producers.count == 0 && !body->producers.forgetful,
        .doubtful = log->doubtful,
        .lossy = log->lossy,
    };
    if (body->exclusive.storing) {
        const struct exclusive_job *job = &body->exclusive;

        stored->generation++;
        if (job->cut.offset < stored->recovery.offset ||
            job->kind == EXCLUSIVE_RESTART)
            stored->recovery = job->cut;
        if (job->cut.offset < stored->high_watermark ||
            job->kind == EXCLUSIVE_RESTART)
            stored->high_watermark = job->cut.offset;
        if (job->kind == EXCLUSIVE_RESTART)
            stored->log_start_offset = job->cut.offset;
        segment = body->segments[segment_at(body, stored->recovery.segment)];
    }
    stored->first_append_ms = segment->first_append_ms;
    stored->last_append_ms = segment->last_append_ms;
    stored->max_timestamp_ms = segment->max_timestamp_ms;
}

static void encode_log(struct writer *writer, const struct stored_log *stored)
{
    writer_bytes(writer, stored->key.topic_id.bytes,
                 sizeof stored->key.topic_id.bytes);
    writer_u32(writer, stored->key.partition);
    writer_u32(writer, (stored->no_producers ? FLAG_NO_PRODUCERS : 0) |
                           (stored->doubtful ? FLAG_DOUBTFUL : 0) |
                           (stored->lossy ? FLAG_LOSSY : 0));
    writer_u64(writer, stored->generation);
    writer_u64(writer, (uint64_t)stored->recovery.offset);
    writer_u64(writer, (uint64_t)stored->recovery.segment);
    writer_u64(writer, stored->recovery.position);
    writer_u64(writer, (uint64_t)stored->first_append_ms);
    writer_u64(writer, (uint64_t)stored->last_append_ms);
    writer_u64(writer, (uint64_t)stored->max_timestamp_ms);
    writer_u64(writer, (uint64_t)stored->high_watermark);
    writer_u64(writer, (uint64_t)stored->log_start_offset);
}

/* The logs that a checkpoint names, by key: those in use, and those that are
 * being removed and may still lie there under their name after a crash. */
struct naming {
    struct log_directory *directory;
    struct log_body *used;
    struct log_body *dying;
};

static void naming_settle(struct naming *naming)
{
    while (naming->used && naming->used->segment_count == 0)
        naming->used = body_next(naming->directory, naming->used);
    while (naming->dying && naming->dying->gone)
        naming->dying = RB_NEXT(log_tree, 0, naming->dying);
}

static void naming_init(struct naming *naming, struct log_directory *directory)
{
    naming->directory = directory;
    naming->used = body_next(directory, NULL);
    naming->dying = RB_MIN(log_tree, &directory->dying);
    naming_settle(naming);
}

static struct log_body *naming_next(struct naming *naming)
{
    struct log_body *used = naming->used, *dying = naming->dying;
    bool first =
        used && (!dying || key_compare(&used->log.key, &dying->log.key) < 0);

    if (first)
        naming->used = body_next(naming->directory, used);
    else if (dying)
        naming->dying = RB_NEXT(log_tree, 0, dying);
    naming_settle(naming);
    return first ? used : dying;
}

static void encode(struct log_directory *directory)
{
    struct checkpoint *checkpoint = &directory->checkpoint;
    struct naming naming;
    struct log_body *body;
    uint32_t count = 0;
    uint8_t *payload;
    struct writer writer;

    naming_init(&naming, directory);
    while (naming_next(&naming) != NULL)
        count++;
    checkpoint->size = CHECKPOINT_HEAD_BYTES +
                       (size_t)count * CHECKPOINT_LOG_BYTES +
                       CHECKPOINT_TAIL_BYTES;
    checkpoint->data =
        small_file_buffer(directory->seam->heap, checkpoint->size, &payload);
    writer_init(&writer, payload, checkpoint->size);
    writer_bytes(&writer, directory->seam->boot_id.bytes,
                 sizeof directory->seam->boot_id.bytes);
    writer_u32(&writer, count);
    writer_u32(&writer, 0);
    naming_init(&naming, directory);
    while ((body = naming_next(&naming)) != NULL) {
        struct stored_log stored;

        capture(body, &stored);
        body->captured_offset = stored.recovery.offset;
        encode_log(&writer, &stored);
    }
    writer_u64(&writer, (uint64_t)directory->believed_ms);
    directory->believed_written_ms = directory->believed_ms;
    ASSERT(!writer.failed);
    ASSERT(writer.at == checkpoint->size);
}

bool stored_log_decode(struct cursor *cursor, struct stored_log *stored)
{
    const uint8_t *id = cursor_take(cursor, 16);
    uint32_t flags;

    if (id != NULL)
        memcpy(stored->key.topic_id.bytes, id, 16);
    stored->key.partition = cursor_u32(cursor);
    flags = cursor_u32(cursor);
    stored->no_producers = (flags & FLAG_NO_PRODUCERS) != 0;
    stored->doubtful = (flags & FLAG_DOUBTFUL) != 0;
    stored->lossy = (flags & FLAG_LOSSY) != 0;
    stored->generation = cursor_u64(cursor);
    stored->recovery.offset = (int64_t)cursor_u64(cursor);
    stored->recovery.segment = (int64_t)cursor_u64(cursor);
    stored->recovery.position = cursor_u64(cursor);
    stored->first_append_ms = (int64_t)cursor_u64(cursor);
    stored->last_append_ms = (int64_t)cursor_u64(cursor);
    stored->max_timestamp_ms = (int64_t)cursor_u64(cursor);
    stored->high_watermark = (int64_t)cursor_u64(cursor);
    stored->log_start_offset = (int64_t)cursor_u64(cursor);
    return !cursor->failed && stored->recovery.offset >= 0 &&
           stored->recovery.segment >= 0 && stored->high_watermark >= 0 &&
           stored->log_start_offset >= 0;
}

bool checkpoint_head_decode(struct cursor *cursor, struct uuid *boot_id,
                            uint32_t *count)
{
    const uint8_t *boot = cursor_take(cursor, sizeof boot_id->bytes);

    if (boot != NULL)
        memcpy(boot_id->bytes, boot, sizeof boot_id->bytes);
    *count = cursor_u32(cursor);
    cursor_u32(cursor); /* reserved */
    return !cursor->failed;
}

bool checkpoint_fits(size_t size, uint32_t count)
{
    size_t wanted =
        CHECKPOINT_HEAD_BYTES + (size_t)count * CHECKPOINT_LOG_BYTES;

    return size == wanted || size == wanted + CHECKPOINT_TAIL_BYTES;
}

int64_t checkpoint_believed_ms(const uint8_t *payload, size_t size)
{
    size_t rest = (size - CHECKPOINT_HEAD_BYTES) % CHECKPOINT_LOG_BYTES;

    return rest == CHECKPOINT_TAIL_BYTES
               ? (int64_t)load_u64(payload + size - CHECKPOINT_TAIL_BYTES)
               : INT64_MIN;
}

bool checkpoint_decode(struct heap *heap, const uint8_t *data, size_t size,
                       struct stored_log **logs, size_t *count,
                       struct uuid *boot_id)
{
    struct cursor cursor;
    uint32_t stored = 0;

    cursor_init(&cursor, data, size);
    *logs = NULL;
    if (!checkpoint_head_decode(&cursor, boot_id, &stored))
        return false;
    *count = stored;
    if (!checkpoint_fits(size, stored))
        return false;
    if (*count == 0)
        return true;
    *logs = heap_alloc(heap, *count * sizeof **logs);
    for (size_t i = 0; i < *count; i++)
        if (!stored_log_decode(&cursor, &(*logs)[i]) ||
            (i > 0 && key_compare(&(*logs)[i - 1].key, &(*logs)[i].key) >= 0)) {
            heap_free(heap, *logs);
            *logs = NULL;
            return false;
        }
    return true;
}

/* ---- writing ---- */

static void written(struct small_file *file, enum error error)
{
    struct log_directory *directory = file->context;

    if (error != ERROR_NONE)
        directory_fail(directory, error, "write", "checkpoint");
    finish(directory, error);
}

static void epochs_saved(struct save_waiter *waiter, enum error error);

/* The histories, one log after the other, by key; then the file. */
static void next_history(struct log_directory *directory)
{
    struct checkpoint *checkpoint = &directory->checkpoint;
    struct log_body *body = NULL;
    uint8_t *data = checkpoint->data;

    while ((body = body_next(directory, body)) != NULL) {
        if (checkpoint->cursor_set &&
            key_compare(&body->log.key, &checkpoint->cursor) <= 0)
            continue;
        if (!body->epochs_dirty || body->segment_count == 0)
            continue;
        checkpoint->cursor = body->log.key;
        checkpoint->cursor_set = true;
        checkpoint->epochs.done = epochs_saved;
        epochs_save(body, &checkpoint->epochs);
        return;
    }
    checkpoint->data = NULL;
    small_file_write(&checkpoint->file, directory->seam,
                     directory->options.path, "checkpoint", CHECKPOINT_MAGIC,
                     data, checkpoint->size);
}

static void epochs_saved(struct save_waiter *waiter, enum error error)
{
    struct checkpoint *checkpoint =
        container_of(waiter, struct checkpoint, epochs);
    struct log_directory *directory =
        container_of(checkpoint, struct log_directory, checkpoint);

    if (error != ERROR_NONE || directory->failed)
        finish(directory, ERROR_LOG_DIRECTORY_FAILED);
    else
        next_history(directory);
}

static void start(struct log_directory *directory)
{
    struct checkpoint *checkpoint = &directory->checkpoint;

    checkpoint->saver.running = true;
    list_splice(&checkpoint->saver.current, &checkpoint->saver.next);
    checkpoint->stale = false;
    checkpoint->cursor_set = false;
    checkpoint->file.done = written;
    checkpoint->file.context = directory;
    checkpoint->file.space = &directory->space;
    encode(directory);
    next_history(directory);
}

static void finish(struct log_directory *directory, enum error error)
{
    struct checkpoint *checkpoint = &directory->checkpoint;
    struct log_body *body = NULL;

    heap_free(directory->seam->heap, checkpoint->data);
    checkpoint->data = NULL;
    if (directory->failed)
        error = ERROR_LOG_DIRECTORY_FAILED;
    if (error == ERROR_NONE)
        while ((body = body_next(directory, body)) != NULL)
            snapshots_prune(body, body->captured_offset);
    saver_finish(&checkpoint->saver.current, error);
    checkpoint->saver.running = false;
    if (!list_empty(&checkpoint->saver.next)) {
        if (directory->failed)
            saver_finish(&checkpoint->saver.next, error);
        else
            start(directory);
    }
    if (directory->closing != NULL)
        closing_kick(directory);
}

void checkpoint_request(struct log_directory *directory,
                        struct save_waiter *waiter)
{
    struct checkpoint *checkpoint = &directory->checkpoint;

    list_init(&waiter->node);
    list_append(&checkpoint->saver.next, &waiter->node);
    if (!checkpoint->saver.running && !directory->failed)
        start(directory);
}

void checkpoint_fail(struct log_directory *directory, enum error error)
{
    struct checkpoint *checkpoint = &directory->checkpoint;

    timer_stop(directory->seam->timers, &checkpoint->timer);
    saver_finish(&checkpoint->saver.next, error);
}

void checkpoint_release(struct log_directory *directory)
{
    struct checkpoint *checkpoint = &directory->checkpoint;

    timer_stop(directory->seam->timers, &checkpoint->timer);
    heap_free(directory->seam->heap, checkpoint->data);
    checkpoint->data = NULL;
    small_file_release(&checkpoint->file);
}

/* ---- now and then ---- */

static void periodic_done(struct save_waiter *waiter, enum error error)
{
    struct checkpoint *checkpoint =
        container_of(waiter, struct checkpoint, periodic);

    checkpoint->periodic_running = false;
    if (checkpoint->again && error == ERROR_NONE)
        checkpoint_soon(
            container_of(checkpoint, struct log_directory, checkpoint));
}

void checkpoint_soon(struct log_directory *directory)
{
    struct checkpoint *checkpoint = &directory->checkpoint;

    checkpoint->stale = true;
    if (!directory_usable(directory))
        return;
    checkpoint->again = checkpoint->periodic_running;
    if (checkpoint->again)
        return;
    checkpoint->periodic_running = true;
    checkpoint->periodic.done = periodic_done;
    checkpoint_request(directory, &checkpoint->periodic);
}

static void timer_fire(struct timer *timer)
{
    struct checkpoint *checkpoint =
        container_of(timer, struct checkpoint, timer);
    struct log_directory *directory =
        container_of(checkpoint, struct log_directory, checkpoint);
    struct log_body *body = NULL;

    while ((body = body_next(directory, body)) != NULL)
        if (body->snapshot_bytes > LOG_SNAPSHOT_INTERVAL)
            snapshot_start(body);
    if (checkpoint->stale && !checkpoint->periodic_running)
        checkpoint_soon(directory);
    timer_start(directory->seam->timers, timer,
                directory->seam->now.monotonic_us +
                    directory->options.checkpoint_interval_ms * 1000);
}

void checkpoint_init(struct log_directory *directory)
{
    saver_init(&directory->checkpoint.saver);
    directory->checkpoint.timer.fire = timer_fire;
}
