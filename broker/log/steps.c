/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the running of steps (log/steps.h).
 */
#include "log/steps.h"

#include <string.h>

#include "base/assert.h"
#include "seam/memory.h"

void steps_init(struct steps *steps, struct seam *seam,
                void (*done)(struct steps *steps, enum error error),
                void *context)
{
    ASSERT(steps->items == NULL);
    memset(steps, 0, sizeof *steps);
    steps->seam = seam;
    steps->done = done;
    steps->context = context;
}

void steps_add(struct steps *steps, enum disk_operation operation, char *path,
               char *path_to, enum error allowed)
{
    if (steps->count == steps->capacity) {
        size_t capacity = steps->capacity ? steps->capacity * 2 : 8;

        steps->items = heap_grow(steps->seam->heap, steps->items,
                                 steps->count * sizeof *steps->items,
                                 capacity * sizeof *steps->items);
        steps->capacity = capacity;
    }
    steps->items[steps->count++] =
        (struct step){operation, path, path_to, DISK_OPEN_EXISTING, allowed};
}

void steps_open(struct steps *steps, char *path, unsigned flags)
{
    steps_add(steps, DISK_OPEN, path, NULL, ERROR_NONE);
    steps->items[steps->count - 1].flags = flags;
}

void steps_release(struct steps *steps)
{
    if (steps->seam == NULL)
        return;
    timer_stop(steps->seam->timers, &steps->pause);
    space_forget(&steps->waiter);
    for (size_t i = 0; i < steps->count; i++) {
        heap_free(steps->seam->heap, steps->items[i].path);
        heap_free(steps->seam->heap, steps->items[i].path_to);
    }
    heap_free(steps->seam->heap, steps->items);
    steps->items = NULL;
    steps->count = 0;
    steps->capacity = 0;
}

const char *steps_path(const struct steps *steps)
{
    const char *path =
        steps->at < steps->count ? steps->items[steps->at].path : NULL;

    return path ? path : "";
}

bool steps_lacked_space(const struct steps *steps, enum error error)
{
    enum disk_operation operation;

    if (error != ERROR_DISK_FULL || steps->at >= steps->count)
        return false;
    operation = steps->items[steps->at].operation;
    return operation != DISK_SYNC && operation != DISK_SYNC_DIRECTORY;
}

static void submit(struct steps *steps)
{
    struct disk *disk = steps->seam->disk;
    struct disk_request *request = &steps->request;
    const struct step *step = &steps->items[steps->at];

    switch (step->operation) {
    case DISK_OPEN:
        disk_open(disk, request, step->path, step->flags);
        return;
    case DISK_RENAME:
        disk_rename(disk, request, step->path, step->path_to);
        return;
    case DISK_UNLINK:
        disk_unlink(disk, request, step->path);
        return;
    case DISK_MKDIR:
        disk_mkdir(disk, request, step->path);
        return;
    case DISK_RMDIR:
        disk_rmdir(disk, request, step->path);
        return;
    case DISK_SYNC_DIRECTORY:
        disk_sync_directory(disk, request, step->path);
        return;
    case DISK_TRUNCATE:
        disk_truncate(disk, request, steps->cut_file, steps->cut_size);
        return;
    case DISK_SYNC:
        disk_sync(disk, request, &steps->cut_file, 1);
        return;
    default:
        UNREACHABLE();
    }
}

static void try_again(struct space_waiter *waiter)
{
    struct steps *steps = container_of(waiter, struct steps, waiter);

    if (space_lost(steps->space))
        steps->done(steps, ERROR_LOG_DIRECTORY_FAILED);
    else
        submit(steps);
}

static void step_done(struct disk_request *request)
{
    struct steps *steps = container_of(request, struct steps, request);
    const struct step *step = &steps->items[steps->at];

    if (request->error == ERROR_BUSY) { /* nothing was done */
        timer_start(steps->seam->timers, &steps->pause,
                    steps->seam->now.monotonic_us + DISK_BUSY_PAUSE_US);
        return;
    }
    if (steps->space != NULL && steps_lacked_space(steps, request->error)) {
        steps->waiter.again = try_again;
        if (space_wait(steps->space, &steps->waiter))
            return;
    }
    if (request->error != ERROR_NONE && request->error != step->allowed) {
        steps->done(steps, request->error);
        return;
    }
    if (step->operation == DISK_OPEN) {
        steps->file = request->file;
        steps->file_size = request->size;
    }
    if (++steps->at < steps->count)
        submit(steps);
    else
        steps->done(steps, ERROR_NONE);
}

static void pause_fire(struct timer *timer)
{
    struct steps *steps = container_of(timer, struct steps, pause);

    if (steps->count > 0)
        submit(steps);
    else
        steps->done(steps, ERROR_NONE);
}

void steps_run(struct steps *steps)
{
    steps->at = 0;
    steps->request.done = step_done;
    steps->pause.fire = pause_fire;
    if (steps->count > 0)
        submit(steps);
    else
        timer_start(steps->seam->timers, &steps->pause,
                    steps->seam->now.monotonic_us);
}
