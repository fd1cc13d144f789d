/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the life of a log directory and its end by failure. A failed write or
 * sync is final: nothing is tried again, nothing in doubt counts (B34). A
 * disk without space is no failure: log/space.h.
 *
 *     NEW -> OPENING -> OPEN -> CLOSING -> CLOSED
 *     `failed` in any of them
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "log/internal.h"

#define TIME_INTERVAL_MS  60000 /* an idle directory stores it so often */
#define SPACE_INTERVAL_MS 1000

/* ---- savers ---- */

void saver_init(struct saver *saver)
{
    list_init(&saver->next);
    list_init(&saver->current);
}

void saver_finish(struct list *waiters, enum error error)
{
    struct list now;
    struct list *node;

    list_init(&now); /* whoever is called may wait anew */
    list_splice(&now, waiters);
    while ((node = list_pop(&now)) != NULL) {
        struct save_waiter *waiter =
            container_of(node, struct save_waiter, node);

        waiter->done(waiter, error);
    }
}

/* ---- life ---- */

/* The bounds are the broker's: its directories share them. */
static void idle_init(struct idle_files *files,
                      const struct log_directory_options *options,
                      unsigned count_max)
{
    unsigned count = options->count ? options->count : 1;

    if (options->open_files_max < count_max)
        count_max = options->open_files_max;
    list_init(&files->segments);
    files->count_max = count_max > count ? count_max / count : 1;
}

struct log_directory *log_directory_new(
    struct seam *seam, const struct log_directory_options *options,
    struct log_directory_owner *owner)
{
    struct log_directory *directory = heap_alloc(seam->heap, sizeof *directory);

    directory->seam = seam;
    directory->options = *options;
    if (options->space_interval_ms == 0)
        directory->options.space_interval_ms = SPACE_INTERVAL_MS;
    directory->owner = owner;
    directory->stored_ms = INT64_MIN;
    directory->believed_ms = INT64_MIN;
    directory->believed_written_ms = INT64_MIN;
    list_init(&directory->logs);
    list_init(&directory->held);
    idle_init(&directory->active_files, options, UINT_MAX);
    idle_init(&directory->sealed_files, options, LOG_COLD_FILES_MAX);
    RB_INIT(&directory->tree);
    RB_INIT(&directory->dying);
    directory->appends_max =
        LOG_APPENDS_MAX / (options->count ? options->count : 1);
    /* a stream of its own: no two directories have one id */
    random_init(&directory->random,
                seam->random_key ^ (0x6c6f6764697231ULL + options->index));
    directory->idle_timer.fire = idle_fire;
    commit_init(directory);
    checkpoint_init(directory);
    space_init(directory);
    scrub_init(directory);
    return directory;
}

void log_directory_free(struct log_directory *directory)
{
    struct log_body *body;
    struct seam *seam;

    if (directory == NULL)
        return;
    seam = directory->seam;
    opening_free(directory);
    closing_free(directory);
    while ((body = body_next(directory, NULL)) != NULL) {
        RB_REMOVE(log_tree, &directory->tree, body);
        log_body_free(body);
    }
    while ((body = RB_MIN(log_tree, &directory->dying)) != NULL) {
        RB_REMOVE(log_tree, &directory->dying, body);
        log_body_free(body);
    }
    timer_stop(seam->timers, &directory->idle_timer);
    commit_release(directory);
    scrub_release(directory);
    doubt_release(directory);
    checkpoint_release(directory);
    small_file_release(&directory->lives.file);
    space_release(directory);
    disk_close(seam->disk, directory->lock);
    heap_free(seam->heap, directory);
}

const struct uuid *log_directory_id(const struct log_directory *directory)
{
    return &directory->id;
}

const struct uuid *log_directory_clean_token(const struct log_directory *dir)
{
    return dir->clean ? &dir->clean_token : NULL;
}

int64_t log_directory_stored_ms(const struct log_directory *directory)
{
    return directory->stored_ms;
}

void log_directory_note_time(struct log_directory *directory,
                             int64_t believed_ms)
{
    int64_t moved;

    directory->believed_ms = believed_ms;
    if (__builtin_sub_overflow(believed_ms, directory->believed_written_ms,
                               &moved) ||
        moved >= TIME_INTERVAL_MS || moved <= -TIME_INTERVAL_MS)
        directory->checkpoint.stale = true;
}

bool log_directory_full(const struct log_directory *directory)
{
    return directory->space.full;
}

bool log_directory_failed(const struct log_directory *directory)
{
    return directory->failed;
}

size_t log_directory_log_count(const struct log_directory *directory)
{
    return directory->log_count;
}

bool directory_usable(const struct log_directory *directory)
{
    return !directory->failed && directory->phase == DIRECTORY_OPEN;
}

/* ---- failure ---- */

static void fail_logs(struct log_directory *directory)
{
    struct log_body *body = body_next(directory, NULL);

    while (body != NULL) {
        struct log_body *next = body_next(directory, body);

        log_fail(body);
        body = next;
    }
    RB_FOREACH(body, log_tree, &directory->dying)
    {
        log_fail(body);
    }
}

void directory_fail(struct log_directory *directory, enum error error,
                    const char *what, const char *path)
{
    struct fact fact = {.type = FACT_FENCED, .value = error};

    if (directory->failed)
        return;
    directory->failed = true;
    directory->error = error;
    snprintf(directory->detail, sizeof directory->detail,
             "could not %s %.300s: %s; it is not written to any more. Check "
             "the disk, then start the broker again",
             what, path, error_sentence(error));
    trace_log(directory->seam->trace, TRACE_ERROR, "%s: %s",
              directory->options.path, directory->detail);
    trace_fact(directory->seam->trace, &fact);
    doubt_mark(directory);
    space_fail(directory);
    fail_logs(directory);
    checkpoint_fail(directory, ERROR_LOG_DIRECTORY_FAILED);
    if (directory->phase == DIRECTORY_OPENING)
        opening_free(directory);
}

void directory_tell_failed(struct log_directory *directory)
{
    struct log_directory_owner *owner = directory->owner;

    if (directory->phase == DIRECTORY_OPENING)
        owner->opened(owner, directory->error, directory->detail);
    else if (directory->closing != NULL)
        closing_failed(directory, directory->error);
    else
        owner->failed(owner, directory->error, directory->detail);
}

void directory_start(struct log_directory *directory)
{
    struct seam *seam = directory->seam;

    directory->phase = DIRECTORY_OPEN;
    timer_start(seam->timers, &directory->checkpoint.timer,
                seam->now.monotonic_us +
                    directory->options.checkpoint_interval_ms * 1000);
    space_start(directory);
    scrub_start(directory);
}
