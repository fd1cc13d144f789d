/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns a log's epoch history: in memory it follows what is submitted, on
 * disk it is never behind the recovery point. What recovery finds above the
 * recovery point it reads from the batches. Payload of the file,
 * little-endian: count u32, reserved u32; each: start offset i64, epoch u32,
 * reserved u32.
 */
#include "base/assert.h"
#include "base/cursor.h"
#include "log/internal.h"

static void start(struct log_body *body);

void epochs_note(struct log_body *body, const struct batch_header *header)
{
    struct epochs *epochs = &body->epochs;
    bool taken;

    if (!epochs_is_news(epochs, header->leader_epoch))
        return;
    /* an epoch that began here, had no batch and lost */
    if (epochs->count > 0 && epochs_last(epochs) > header->leader_epoch)
        epochs_cut_end(epochs, header->base_offset);
    taken = epochs_append(epochs, header->leader_epoch, header->base_offset);
    ASSERT_INVARIANT(L9, taken);
    body->epochs_dirty = true;
    body->log.directory->checkpoint.stale = true;
}

bool epochs_decode(struct epochs *epochs, const uint8_t *data, size_t size)
{
    struct cursor cursor;
    uint32_t count;

    cursor_init(&cursor, data, size);
    count = cursor_u32(&cursor);
    cursor_u32(&cursor);
    if (cursor.failed || count > LOG_EPOCHS_MAX ||
        size != EPOCHS_HEAD_BYTES + (size_t)count * EPOCHS_ENTRY_BYTES)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        epochs->entries[i].start_offset = (int64_t)cursor_u64(&cursor);
        epochs->entries[i].epoch = cursor_u32(&cursor);
        cursor_u32(&cursor);
    }
    if (!epochs_valid(epochs->entries, count))
        return false;
    epochs->count = count;
    return true;
}

/* ---- saving ---- */

static void saved(struct small_file *file, enum error error)
{
    struct log_body *body = file->context;
    struct log_directory *directory = body->log.directory;
    struct saver *saver = &body->epochs_saver;

    if (error != ERROR_NONE)
        directory_fail(directory, error, "write the epoch history in",
                       body->path);
    saver->running = false;
    saver_finish(&saver->current, error);
    if (directory->failed) {
        saver_finish(&saver->next, ERROR_LOG_DIRECTORY_FAILED);
        return;
    }
    if (!list_empty(&saver->next) && !saver->running)
        start(body);
    log_kick(body);
}

static void start(struct log_body *body)
{
    const struct epochs *epochs = &body->epochs;
    size_t size = EPOCHS_HEAD_BYTES + epochs->count * EPOCHS_ENTRY_BYTES;
    struct log_directory *directory = body->log.directory;
    uint8_t *payload;
    uint8_t *data = small_file_buffer(directory->seam->heap, size, &payload);
    struct writer writer;

    body->epochs_saver.running = true;
    list_splice(&body->epochs_saver.current, &body->epochs_saver.next);
    body->epochs_dirty = false;
    writer_init(&writer, payload, size);
    writer_u32(&writer, (uint32_t)epochs->count);
    writer_u32(&writer, 0);
    for (size_t i = 0; i < epochs->count; i++) {
        writer_u64(&writer, (uint64_t)epochs->entries[i].start_offset);
        writer_u32(&writer, epochs->entries[i].epoch);
        writer_u32(&writer, 0);
    }
    ASSERT(!writer.failed);
    body->epochs_file.done = saved;
    body->epochs_file.context = body;
    body->epochs_file.space = &directory->space;
    small_file_write(&body->epochs_file, directory->seam, body->path, "epochs",
                     EPOCHS_MAGIC, data, size);
}

void epochs_save(struct log_body *body, struct save_waiter *waiter)
{
    list_init(&waiter->node);
    list_append(&body->epochs_saver.next, &waiter->node);
    if (!body->epochs_saver.running)
        start(body);
}

/* ---- the contract ---- */

uint32_t log_last_epoch(const struct log *log)
{
    return epochs_last(&log->body->epochs);
}

bool log_epoch_end(const struct log *log, uint32_t epoch, uint32_t *found,
                   int64_t *end_offset)
{
    return epochs_end(&log->body->epochs, epoch, log->log_end_offset, found,
                      end_offset);
}

int64_t log_epochs_start(const struct log *log)
{
    const struct epochs *epochs = &log->body->epochs;

    return epochs->count > 0 ? epochs->entries[0].start_offset
                             : log->log_end_offset;
}

bool log_epoch_before(const struct log *log, int64_t offset, uint32_t *epoch)
{
    return epochs_at(&log->body->epochs, offset - 1, epoch);
}

static void begin_finish(struct log_body *body, enum error error)
{
    void (*done)(void *context, enum error error) = body->epoch_done;

    body->epoch_done = NULL;
    done(body->epoch_context, error);
}

static void begin_saved(struct save_waiter *waiter, enum error error)
{
    begin_finish(container_of(waiter, struct log_body, epoch_noted), error);
}

static void begin_fire(struct timer *timer)
{
    struct log_body *body = container_of(timer, struct log_body, epoch_timer);

    begin_finish(body, body->log.directory->failed ? ERROR_LOG_DIRECTORY_FAILED
                                                   : body->epoch_error);
}

void log_begin_epoch(struct log *log, uint32_t epoch,
                     void (*done)(void *context, enum error error),
                     void *context)
{
    struct log_body *body = body_of(log);
    struct log_directory *directory = log->directory;
    bool news = epochs_is_news(&body->epochs, epoch);
    bool taken = epochs_append(&body->epochs, epoch, log->next_offset);

    ASSERT(body->epoch_done == NULL);
    body->epoch_done = done;
    body->epoch_context = context;
    if (taken) { /* who leads a new epoch is what the cluster goes by */
        body->evidence = -1;
        log->lossy = false;
    }
    if (taken && (news || body->epochs_dirty) && directory_usable(directory)) {
        body->epoch_noted.done = begin_saved;
        epochs_save(body, &body->epoch_noted);
        return;
    }
    body->epoch_error = taken ? ERROR_NONE : ERROR_FENCED_EPOCH;
    if (!directory_usable(directory))
        body->epoch_error = ERROR_LOG_DIRECTORY_FAILED;
    body->epoch_timer.fire = begin_fire;
    timer_start(directory->seam->timers, &body->epoch_timer,
                directory->seam->now.monotonic_us);
}
