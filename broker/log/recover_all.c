/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the recovery of all logs of a directory: so many at once, and what
 * several of them wrote again is synced by one request.
 *
 *     wanted --a slot is free--> running --repaired, something dirty-->
 *     unsynced --no sync under way--> in a round --> done
 *     running --repaired, nothing dirty--> done
 *
 * The first failure stops it: those under way come to an end, no other is
 * begun, and done() is told when nothing is in flight any more.
 */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "log/recovery.h"

#define PROGRESS_US  1000000
#define UNSYNCED_MAX 256 /* logs whose segments wait open for a sync */

struct wanted {
    struct partition_key key;
    const struct stored_log *stored;
};

struct recoveries {
    struct log_directory *directory;
    void (*done)(struct log_directory *directory, enum error error,
                 const char *name, const char *path);
    struct wanted *wanted;
    size_t count, capacity;
    size_t begun;
    size_t finished;
    struct list running; /* struct recovery, all three lists */
    struct list unsynced;
    struct list in_round;
    unsigned running_count;
    unsigned waiting_count; /* unsynced or in a round */
    bool syncing;
    struct disk_request request;
    struct disk_file **files;
    size_t file_count, file_capacity;
    struct timer progress;
    struct timer kick;
    int64_t begun_us;
    uint64_t bytes;
    enum error error; /* the first */
    char name[64];
    char path[256];
};

static void pump(struct recoveries *all);

struct log_directory *recoveries_directory(const struct recoveries *all)
{
    return all->directory;
}

bool recoveries_stopped(const struct recoveries *all)
{
    return all->error != ERROR_NONE;
}

void recoveries_note_bytes(struct recoveries *all, uint64_t bytes)
{
    all->bytes += bytes;
}

/* ---- progress ---- */

static void report(const struct recoveries *all, const char *what)
{
    const struct seam *seam = all->directory->seam;

    trace_log(seam->trace, TRACE_INFO,
              "%s: %s: %zu of %zu logs, %llu bytes read, %lld ms",
              all->directory->options.path, what, all->finished, all->count,
              (unsigned long long)all->bytes,
              (long long)(seam->now.monotonic_us - all->begun_us) / 1000);
}

static void progress_fire(struct timer *timer)
{
    struct recoveries *all = container_of(timer, struct recoveries, progress);
    struct seam *seam = all->directory->seam;

    report(all, "recovering");
    timer_start(seam->timers, timer, seam->now.monotonic_us + PROGRESS_US);
}

/* ---- the shared sync ---- */

static void round_done(struct disk_request *request)
{
    struct recoveries *all = container_of(request, struct recoveries, request);
    struct list *node;

    all->syncing = false;
    while ((node = list_first(&all->in_round)) != &all->in_round) {
        struct recovery *recovery = container_of(node, struct recovery, node);

        list_remove(node);
        list_append(&all->running, node);
        if (request->error != ERROR_NONE || recoveries_stopped(all))
            recovery_done(recovery, request->error, recovery->body->path);
        else
            recovery_finish(recovery);
    }
    timer_start(all->directory->seam->timers, &all->kick,
                all->directory->seam->now.monotonic_us);
}

static void add_files(struct recoveries *all, const struct log_body *body)
{
    struct heap *heap = all->directory->seam->heap;

    for (size_t i = 0; i < body->segment_count; i++) {
        if (!body->segments[i]->dirty)
            continue;
        if (all->file_count == all->file_capacity) {
            size_t capacity = all->file_capacity ? all->file_capacity * 2 : 64;

            all->files = heap_grow(heap, all->files,
                                   all->file_count * sizeof *all->files,
                                   capacity * sizeof *all->files);
            all->file_capacity = capacity;
        }
        all->files[all->file_count++] = body->segments[i]->file;
    }
}

static void round_start(struct recoveries *all)
{
    if (all->syncing || list_empty(&all->unsynced))
        return;
    all->syncing = true;
    all->file_count = 0;
    list_splice(&all->in_round, &all->unsynced);
    list_for_each (node, &all->in_round)
        add_files(all, container_of(node, struct recovery, node)->body);
    all->request.done = round_done;
    disk_sync(all->directory->seam->disk, &all->request, all->files,
              all->file_count);
}

void recovery_unsynced(struct recovery *recovery)
{
    struct recoveries *all = recovery->all;

    list_remove(&recovery->node);
    list_append(&all->unsynced, &recovery->node);
    all->running_count--;
    all->waiting_count++;
    recovery->unsynced = true;
    /* by a timer: what this turn completes shares the round */
    timer_start(all->directory->seam->timers, &all->kick,
                all->directory->seam->now.monotonic_us);
}

/* ---- one after the other, several at once ---- */

void recovery_done(struct recovery *recovery, enum error error,
                   const char *path)
{
    struct recoveries *all = recovery->all;
    const char *name;

    if (recovery->unsynced)
        all->waiting_count--;
    else
        all->running_count--;
    if (error == ERROR_NONE) {
        all->finished++;
    } else if (!recoveries_stopped(all)) {
        all->error = error;
        name = strrchr(recovery->body->path, '/') + 1;
        snprintf(all->name, sizeof all->name, "%s", name);
        snprintf(all->path, sizeof all->path, "%s", path ? path : "");
    }
    recovery_free(recovery);
    timer_start(all->directory->seam->timers, &all->kick,
                all->directory->seam->now.monotonic_us);
}

static void finish(struct recoveries *all)
{
    timer_stop(all->directory->seam->timers, &all->progress);
    if (all->count > 0 && !recoveries_stopped(all))
        report(all, "recovered");
    all->done(all->directory, all->error, all->name, all->path);
}

static void pump(struct recoveries *all)
{
    unsigned limit = all->directory->options.recoveries_max;

    while (all->begun < all->count && all->running_count < limit &&
           all->waiting_count < UNSYNCED_MAX && !recoveries_stopped(all)) {
        const struct wanted *wanted = &all->wanted[all->begun++];
        struct recovery *recovery =
            recovery_new(all, &wanted->key, wanted->stored);

        all->running_count++;
        list_append(&all->running, &recovery->node);
    }
    round_start(all);
    if (all->running_count == 0 && all->waiting_count == 0)
        finish(all);
}

static void kick_fire(struct timer *timer)
{
    pump(container_of(timer, struct recoveries, kick));
}

/* ---- life ---- */

struct recoveries *recoveries_new(struct log_directory *directory,
                                  void (*done)(struct log_directory *directory,
                                               enum error error,
                                               const char *name,
                                               const char *path))
{
    struct recoveries *all = heap_alloc(directory->seam->heap, sizeof *all);

    ASSERT(directory->options.recoveries_max > 0);
    all->directory = directory;
    all->done = done;
    list_init(&all->running);
    list_init(&all->unsynced);
    list_init(&all->in_round);
    all->progress.fire = progress_fire;
    all->kick.fire = kick_fire;
    return all;
}

static void free_list(struct list *list)
{
    list_for_each_safe (node, list)
        recovery_free(container_of(node, struct recovery, node));
}

void recoveries_free(struct recoveries *all)
{
    struct seam *seam;

    if (all == NULL)
        return;
    seam = all->directory->seam;
    timer_stop(seam->timers, &all->progress);
    timer_stop(seam->timers, &all->kick);
    free_list(&all->running);
    free_list(&all->unsynced);
    free_list(&all->in_round);
    heap_free(seam->heap, all->wanted);
    heap_free(seam->heap, all->files);
    heap_free(seam->heap, all);
}

void recoveries_add(struct recoveries *all, const struct partition_key *key,
                    const struct stored_log *stored)
{
    if (all->count == all->capacity) {
        size_t capacity = all->capacity ? all->capacity * 2 : 64;

        all->wanted = heap_grow(all->directory->seam->heap, all->wanted,
                                all->count * sizeof *all->wanted,
                                capacity * sizeof *all->wanted);
        all->capacity = capacity;
    }
    all->wanted[all->count++] = (struct wanted){*key, stored};
}

void recoveries_run(struct recoveries *all)
{
    struct seam *seam = all->directory->seam;

    all->begun_us = seam->now.monotonic_us;
    timer_start(seam->timers, &all->progress,
                seam->now.monotonic_us + PROGRESS_US);
    timer_start(seam->timers, &all->kick, seam->now.monotonic_us);
}
