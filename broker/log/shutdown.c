/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the clean end: nothing in flight, all synced, producers and
 * checkpoint written, and last the token that says so.
 *
 *     DRAINING -> SYNCING -> SNAPSHOTS -> CHECKPOINT -> TOKEN -> done
 */
#include <string.h>

#include "base/assert.h"
#include "log/internal.h"

enum closing_step {
    CLOSING_SYNCING,
    CLOSING_SNAPSHOTS,
    CLOSING_CHECKPOINT,
    CLOSING_TOKEN
};

struct closing {
    struct log_directory *directory;
    enum closing_step step;
    void (*done)(void *context, enum error error);
    void *context;
    enum error error;
    struct timer timer;
    bool finishing;
    struct save_waiter saved;
    struct small_file file;
};

static void finish_fire(struct timer *timer)
{
    struct closing *closing = container_of(timer, struct closing, timer);
    struct log_directory *directory = closing->directory;
    void (*done)(void *context, enum error error) = closing->done;
    void *context = closing->context;
    enum error error = closing->error;

    directory->phase = DIRECTORY_CLOSED;
    space_stop(directory);
    timer_stop(directory->seam->timers, &directory->checkpoint.timer);
    closing_free(directory);
    done(context, error);
}

static void finish(struct closing *closing, enum error error)
{
    struct seam *seam = closing->directory->seam;

    if (closing->finishing || closing->directory->doubt.marking)
        return; /* the second: it ends with closing_failed() */
    closing->finishing = true;
    closing->error = error;
    closing->timer.fire = finish_fire;
    timer_start(seam->timers, &closing->timer, seam->now.monotonic_us);
}

void closing_free(struct log_directory *directory)
{
    struct closing *closing = directory->closing;

    if (closing == NULL)
        return;
    directory->closing = NULL;
    timer_stop(directory->seam->timers, &closing->timer);
    list_remove(&closing->saved.node);
    small_file_release(&closing->file);
    heap_free(directory->seam->heap, closing);
}

void closing_failed(struct log_directory *directory, enum error error)
{
    if (directory->closing != NULL)
        finish(directory->closing, error);
}

/* ---- the steps, last to first ---- */

static void token_written(struct small_file *file, enum error error)
{
    struct closing *closing = file->context;

    if (error != ERROR_NONE)
        directory_fail(closing->directory, error, "write", "clean");
    finish(closing, error);
}

static void write_token(struct closing *closing)
{
    struct log_directory *directory = closing->directory;
    uint8_t *payload;
    uint8_t *data =
        small_file_buffer(directory->seam->heap, sizeof(struct uuid), &payload);

    closing->step = CLOSING_TOKEN;
    random_fill(&directory->random, payload, sizeof(struct uuid));
    closing->file.done = token_written;
    closing->file.context = closing;
    closing->file.space = &directory->space;
    small_file_write(&closing->file, directory->seam, directory->options.path,
                     "clean", CLEAN_MAGIC, data, sizeof(struct uuid));
}

static void checkpoint_saved(struct save_waiter *waiter, enum error error)
{
    struct closing *closing = container_of(waiter, struct closing, saved);

    if (error != ERROR_NONE)
        finish(closing, error);
}

/* ---- what is still to be done ---- */

/* Requests that would still come back: by then all must be at rest. */
static bool at_rest(struct log_directory *directory)
{
    struct log_body *body = NULL;

    while ((body = body_next(directory, body)) != NULL)
        if (body->creating || !log_idle(body) ||
            body->exclusive.kind != EXCLUSIVE_NONE)
            return false;
    return RB_EMPTY(&directory->dying) && !directory->commit.running &&
           !directory->checkpoint.saver.running && !directory->lives.writing &&
           !directory->scrub.busy && space_idle(&directory->space);
}

static bool all_synced(struct log_directory *directory)
{
    struct log_body *body = NULL;
    bool synced = true;

    while ((body = body_next(directory, body)) != NULL)
        if (body->log.durable_end_offset < body->log.log_end_offset) {
            commit_want(body, true);
            synced = false;
        }
    return synced;
}

/* Producers that no snapshot at the end of their log tells of. */
static bool all_snapshot(struct log_directory *directory)
{
    struct log_body *body = NULL;
    bool written = true;

    while ((body = body_next(directory, body)) != NULL)
        if (body->producers.count > 0 || body->producers.forgetful) {
            snapshot_start(body);
            written = written && !body->snapshotting;
        }
    return written;
}

void closing_kick(struct log_directory *directory)
{
    struct closing *closing = directory->closing;

    if (directory->failed || closing->finishing ||
        closing->step == CLOSING_TOKEN || !at_rest(directory))
        return;
    if (closing->step == CLOSING_SYNCING) {
        if (!all_synced(directory))
            return;
        closing->step = CLOSING_SNAPSHOTS;
    }
    if (closing->step == CLOSING_SNAPSHOTS) {
        if (!all_snapshot(directory))
            return;
        closing->step = CLOSING_CHECKPOINT; /* its end kicks again */
        closing->saved.done = checkpoint_saved;
        checkpoint_request(directory, &closing->saved);
        return;
    }
    write_token(closing);
}

static void begin_fire(struct timer *timer)
{
    struct closing *closing = container_of(timer, struct closing, timer);

    closing_kick(closing->directory);
}

void log_directory_shutdown(struct log_directory *directory,
                            void (*done)(void *context, enum error error),
                            void *context)
{
    struct seam *seam = directory->seam;
    struct closing *closing = heap_alloc(seam->heap, sizeof *closing);

    ASSERT(directory->closing == NULL);
    closing->directory = directory;
    closing->done = done;
    closing->context = context;
    directory->closing = closing;
    list_init(&closing->saved.node);
    if (!directory_usable(directory)) {
        finish(closing, ERROR_LOG_DIRECTORY_FAILED);
        return;
    }
    directory->phase = DIRECTORY_CLOSING;
    timer_stop(seam->timers, &directory->checkpoint.timer);
    closing->timer.fire = begin_fire;
    timer_start(seam->timers, &closing->timer, seam->now.monotonic_us);
}
