/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the set of log directories: opens and closes all of them, notes which
 * is offline and why, finds logs in them. Never looks into a directory: that
 * is log_directory's.
 */
#include "log/directories.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/uuid.h"
#include "seam/memory.h"

/* ---- failure ---- */

static void failed_fire(struct timer *timer)
{
    struct log_directories *all =
        container_of(timer, struct log_directories, failed_timer);

    if (all->waiting > 0)
        return; /* while others open or close: their end tells it */
    for (size_t i = 0; i < all->count; i++) {
        struct log_root *root = &all->roots[i];

        if (!root->opened || root->state != LOG_ROOT_OFFLINE || root->told)
            continue;
        root->told = true;
        all->owner->failed(all->owner, root);
    }
}

static void take_offline(struct log_root *root, enum error error,
                         const char *detail)
{
    root->state = LOG_ROOT_OFFLINE;
    root->error = error;
    snprintf(root->detail, sizeof root->detail, "%s", detail);
}

static void root_failed(struct log_directory_owner *owner, enum error error,
                        const char *detail)
{
    struct log_root *root = container_of(owner, struct log_root, owner);
    struct log_directories *all = root->all;

    take_offline(root, error, detail);
    /* by a timer: it may have happened deep inside of an operation */
    timer_start(all->seam->timers, &all->failed_timer,
                all->seam->now.monotonic_us);
}

static void root_lived(struct log_directory_owner *owner)
{
    struct log_directories *all =
        container_of(owner, struct log_root, owner)->all;

    all->owner->lived(all->owner);
}

/* ---- opening ---- */

/* A mistake of whoever set the broker up, not a failure of the disk. */
static bool is_refusal(enum error error)
{
    return error == ERROR_FOREIGN || error == ERROR_LOCKED;
}

static const struct log_root *find_refusal(const struct log_directories *all)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->roots[i].state == LOG_ROOT_OFFLINE &&
            is_refusal(all->roots[i].error))
            return &all->roots[i];
    return NULL;
}

/* A log of the root that lies in one before it too. */
static struct log *find_double(const struct log_directories *all, size_t at,
                               const struct log_root **other)
{
    struct log_directory *directory = all->roots[at].directory;

    for (struct log *log = log_next(directory, NULL); log;
         log = log_next(directory, log))
        for (size_t i = 0; i < at; i++) {
            *other = &all->roots[i];
            if ((*other)->state == LOG_ROOT_ONLINE &&
                log_find((*other)->directory, &log->key) != NULL)
                return log;
        }
    return NULL;
}

/* Which of two is the replica cannot be told: nothing is opened. */
static bool refuse_doubles(struct log_directories *all)
{
    const struct log_root *other;
    char id[UUID_TEXT_SIZE], detail[1024];

    for (size_t i = 1; i < all->count; i++) {
        struct log *log = NULL;

        if (all->roots[i].state == LOG_ROOT_ONLINE)
            log = find_double(all, i, &other);
        if (log == NULL)
            continue;
        uuid_format(&log->key.topic_id, id);
        snprintf(detail, sizeof detail,
                 "%.300s/%s-%u: the same log lies in %.300s too. Both are "
                 "kept. Move the one that is older out of the directory; "
                 "what it lacks is fetched again",
                 all->roots[i].path, id, log->key.partition, other->path);
        all->owner->opened(all->owner, ERROR_FOREIGN, detail);
        return true;
    }
    return false;
}

static void all_opened(struct log_directories *all)
{
    const struct log_root *refusal = find_refusal(all);

    for (size_t i = 0; i < all->count; i++)
        all->roots[i].told = all->roots[i].state == LOG_ROOT_OFFLINE;
    if (refusal == NULL && log_directories_online(all) == 0)
        refusal = &all->roots[0];
    if (refusal != NULL)
        all->owner->opened(all->owner, refusal->error, refusal->detail);
    else if (!refuse_doubles(all))
        all->owner->opened(all->owner, ERROR_NONE, "");
}

static void root_opened(struct log_directory_owner *owner, enum error error,
                        const char *detail)
{
    struct log_root *root = container_of(owner, struct log_root, owner);
    struct log_directories *all = root->all;

    ASSERT(all->waiting > 0);
    if (error == ERROR_NONE) {
        root->state = LOG_ROOT_ONLINE;
        root->opened = true;
    } else {
        take_offline(root, error, detail);
    }
    if (--all->waiting == 0)
        all_opened(all);
}

void log_directories_init(struct log_directories *all, struct seam *seam,
                          struct log_directories_owner *owner)
{
    memset(all, 0, sizeof *all);
    all->seam = seam;
    all->owner = owner;
    all->failed_timer.fire = failed_fire;
}

void log_directories_open(struct log_directories *all, const char *const *paths,
                          size_t count,
                          const struct log_directory_options *options)
{
    struct heap *heap = all->seam->heap;

    ASSERT(all->roots == NULL);
    ASSERT(count > 0 && count <= LOG_DIRECTORIES_MAX);
    all->roots = heap_alloc(heap, count * sizeof *all->roots);
    all->count = count;
    all->waiting = count;
    for (size_t i = 0; i < count; i++) {
        struct log_root *root = &all->roots[i];
        struct log_directory_options own = *options;

        root->owner =
            (struct log_directory_owner){root_opened, root_failed, root_lived};
        root->all = all;
        root->path = heap_strdup(heap, paths[i]);
        own.path = root->path;
        own.index = (uint32_t)i;
        own.count = (uint32_t)count;
        root->directory = log_directory_new(all->seam, &own, &root->owner);
    }
    for (size_t i = 0; i < count; i++)
        log_directory_open(all->roots[i].directory);
}

/* ---- closing ---- */

static void root_shut(void *context, enum error error)
{
    struct log_directories *all = context;

    if (all->error == ERROR_NONE)
        all->error = error;
    if (--all->waiting == 0)
        all->done(all->context, all->error);
}

void log_directories_shutdown(struct log_directories *all,
                              void (*done)(void *context, enum error error),
                              void *context)
{
    ASSERT(all->waiting == 0);
    all->done = done;
    all->context = context;
    all->waiting = log_directories_online(all);
    if (all->waiting == 0) {
        done(context, ERROR_LOG_DIRECTORY_FAILED);
        return;
    }
    for (size_t i = 0; i < all->count; i++)
        if (all->roots[i].state == LOG_ROOT_ONLINE)
            log_directory_shutdown(all->roots[i].directory, root_shut, all);
}

void log_directories_release(struct log_directories *all)
{
    struct heap *heap = all->seam->heap;

    timer_stop(all->seam->timers, &all->failed_timer);
    for (size_t i = 0; i < all->count; i++) {
        log_directory_free(all->roots[i].directory);
        heap_free(heap, all->roots[i].path);
    }
    heap_free(heap, all->roots);
    all->roots = NULL;
    all->count = 0;
}

/* ---- questions ---- */

const struct uuid *log_directories_clean_token(
    const struct log_directories *all)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->roots[i].state != LOG_ROOT_ONLINE ||
            log_directory_clean_token(all->roots[i].directory) == NULL)
            return NULL;
    return log_directory_clean_token(all->roots[0].directory);
}

size_t log_directories_online(const struct log_directories *all)
{
    size_t online = 0;

    for (size_t i = 0; i < all->count; i++)
        online += all->roots[i].state == LOG_ROOT_ONLINE;
    return online;
}

bool log_directories_incomplete(const struct log_directories *all)
{
    for (size_t i = 0; i < all->count; i++)
        if (!all->roots[i].opened)
            return true;
    return false;
}

void log_directories_begin_life(struct log_directories *all,
                                uint64_t broker_epoch)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->roots[i].state == LOG_ROOT_ONLINE)
            log_directory_begin_life(all->roots[i].directory, broker_epoch);
}

bool log_directories_in_life(const struct log_directories *all,
                             uint64_t broker_epoch)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->roots[i].state == LOG_ROOT_ONLINE &&
            !log_directory_in_life(all->roots[i].directory, broker_epoch))
            return false;
    return true;
}

int64_t log_directories_stored_ms(const struct log_directories *all)
{
    int64_t latest = INT64_MIN;

    for (size_t i = 0; i < all->count; i++) {
        const struct log_root *root = &all->roots[i];
        int64_t stored =
            root->opened ? log_directory_stored_ms(root->directory) : INT64_MIN;

        if (stored > latest)
            latest = stored;
    }
    return latest;
}

void log_directories_note_time(const struct log_directories *all,
                               int64_t believed_ms)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->roots[i].state == LOG_ROOT_ONLINE)
            log_directory_note_time(all->roots[i].directory, believed_ms);
}

struct log *log_directories_find(const struct log_directories *all,
                                 const struct partition_key *key)
{
    for (size_t i = 0; i < all->count; i++) {
        struct log *log = all->roots[i].opened
                              ? log_find(all->roots[i].directory, key)
                              : NULL;

        if (log != NULL)
            return log;
    }
    return NULL;
}

struct log_directory *log_directories_removing(
    const struct log_directories *all, const struct partition_key *key)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->roots[i].opened &&
            log_directory_removes(all->roots[i].directory, key))
            return all->roots[i].directory;
    return NULL;
}

struct log *log_directories_next(const struct log_directories *all,
                                 struct log *log)
{
    size_t at = 0;

    if (log != NULL) {
        while (all->roots[at].directory != log->directory)
            at++;
        log = log_next(log->directory, log);
        at++;
    }
    for (; log == NULL && at < all->count; at++)
        if (all->roots[at].state == LOG_ROOT_ONLINE)
            log = log_next(all->roots[at].directory, NULL);
    return log;
}

static bool is_better(const struct log_directory *a,
                      const struct log_directory *b)
{
    if (log_directory_full(a) != log_directory_full(b))
        return !log_directory_full(a);
    return log_directory_log_count(a) < log_directory_log_count(b);
}

struct log_directory *log_directories_choose(const struct log_directories *all)
{
    struct log_directory *best = NULL;

    for (size_t i = 0; i < all->count; i++) {
        const struct log_root *root = &all->roots[i];

        if (root->state == LOG_ROOT_ONLINE &&
            !log_directory_failed(root->directory) &&
            (best == NULL || is_better(root->directory, best)))
            best = root->directory;
    }
    return best;
}
