/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns what a log directory knows of its space, and the ballast
 * (log/space.h). Never fences: a disk that is full is not a disk that fails.
 */
#include "log/space.h"

#include "base/assert.h"
#include "log/internal.h"

#define ROOM_BYTES_MIN    65536 /* without a reserve: so much is room */
#define RETRIES           5     /* of what waits, in an interval */
#define CLOSING_INTERVALS 5     /* so long an end waits */

static struct log_directory *directory_of(struct space *space)
{
    return container_of(space, struct log_directory, space);
}

int64_t space_interval_us(const struct log_directory *directory)
{
    return directory->options.space_interval_ms * 1000;
}

/* ---- how much there is ---- */

/* A quarter of the reserve: also what must be free beyond it, before writing
 * resumes, so that it does not stop again at once. */
static uint64_t quarter(const struct log_directory *directory)
{
    return directory->options.reserve_bytes / 4;
}

static bool is_roomy(const struct log_directory *directory, uint64_t free_bytes)
{
    uint64_t reserve = directory->options.reserve_bytes;

    return free_bytes >= ROOM_BYTES_MIN && free_bytes >= reserve &&
           free_bytes - reserve >= quarter(directory);
}

static void relieve(struct log_directory *directory, uint64_t free_bytes)
{
    struct log_body *body = NULL;
    bool was_starved = directory->space.starved;

    directory->space.full = false;
    directory->space.starved = false;
    trace_log(directory->seam->trace, TRACE_INFO,
              "%s: %llu bytes are free: producers are served again",
              directory->options.path, (unsigned long long)free_bytes);
    if (was_starved)
        while ((body = body_next(directory, body)) != NULL)
            seal_next(body);
}

static void ballast_make(struct log_directory *directory);

void space_note(struct log_directory *directory, uint64_t free_bytes)
{
    struct space *space = &directory->space;
    bool roomy = is_roomy(directory, free_bytes);
    uint64_t reserve = directory->options.reserve_bytes;

    space->left = free_bytes > reserve ? free_bytes - reserve : 0;
    space->unseen = 0;
    if (!space->full && free_bytes < reserve) {
        space->full = true;
        trace_log(directory->seam->trace, TRACE_ERROR,
                  "%s: only %llu bytes are free, less than "
                  "log.reserve.bytes: producers are refused until there is "
                  "room",
                  directory->options.path, (unsigned long long)free_bytes);
    } else if (space->full && roomy && list_empty(&space->waiters)) {
        relieve(directory, free_bytes);
    }
    if (!space->full && roomy)
        ballast_make(directory);
}

void space_starve(struct log_directory *directory)
{
    struct space *space = &directory->space;

    if (space->starved || directory->failed)
        return;
    space->starved = true;
    space->full = true;
    SOMETIMES(directory->seam->trace, STARVED);
    trace_log(directory->seam->trace, TRACE_ERROR,
              directory->phase == DIRECTORY_OPENING
                  ? "%s: no space is left: the start goes on as soon as there "
                    "is some"
                  : "%s: no space is left: nothing is appended until there is "
                    "room; reads and retention go on",
              directory->options.path);
}

/* What retention could not do for want of space is tried again. */
static void kick_all(struct log_directory *directory)
{
    struct log_body *body = NULL;

    while ((body = body_next(directory, body)) != NULL)
        log_kick(body);
}

static void poll_done(struct disk_request *request)
{
    struct space *space = container_of(request, struct space, poll_request);
    struct log_directory *directory = directory_of(space);
    bool again = space->starved || space->roll_waits;

    space->asked = false;
    space->roll_waits = false;
    if (request->error == ERROR_NONE && !directory->failed)
        space_note(directory, request->size);
    if (again && !directory->failed)
        kick_all(directory);
    if (directory->closing != NULL)
        closing_kick(directory);
}

static void ask(struct log_directory *directory)
{
    struct space *space = &directory->space;

    if (space->asked)
        return;
    space->asked = true;
    disk_free_space(directory->seam->disk, &space->poll_request,
                    directory->options.path);
}

void space_take(struct log_directory *directory, uint64_t bytes)
{
    struct space *space = &directory->space;

    space->unseen += bytes;
    if (space->unseen > space->left / 2 && !space->full)
        ask(directory);
}

static void poll_fire(struct timer *timer)
{
    struct space *space = container_of(timer, struct space, poll);
    struct log_directory *directory = directory_of(space);
    struct seam *seam = directory->seam;

    if (directory->failed || directory->phase == DIRECTORY_CLOSED)
        return;
    ask(directory);
    timer_start(seam->timers, timer,
                seam->now.monotonic_us + space_interval_us(directory));
}

/* ---- the ballast ---- */

static void retry_now(struct space *space)
{
    struct seam *seam = directory_of(space)->seam;

    if (!list_empty(&space->waiters))
        timer_start(seam->timers, &space->retry, seam->now.monotonic_us);
}

static void ballast_rest(struct space *space, enum ballast ballast)
{
    struct log_directory *directory = directory_of(space);

    space->ballast_busy = false;
    space->ballast = ballast;
    if (directory->closing != NULL)
        closing_kick(directory);
}

static void ballast_gone(struct disk_request *request)
{
    struct space *space = container_of(request, struct space, ballast_request);
    bool gone =
        request->error == ERROR_NONE || request->error == ERROR_NOT_FOUND;

    if (request->error == ERROR_NONE)
        SOMETIMES(directory_of(space)->seam->trace, BALLAST_GIVEN);
    if (space->ballast == BALLAST_IMPOSSIBLE)
        ballast_rest(space, BALLAST_IMPOSSIBLE);
    else
        ballast_rest(space, gone ? BALLAST_GONE : BALLAST_UNKNOWN);
    retry_now(space);
}

static void ballast_unlink(struct space *space)
{
    space->ballast_busy = true;
    space->ballast_request.done = ballast_gone;
    disk_unlink(directory_of(space)->seam->disk, &space->ballast_request,
                space->ballast_path);
}

static void ballast_allocated(struct disk_request *request)
{
    struct space *space = container_of(request, struct space, ballast_request);
    struct log_directory *directory = directory_of(space);

    disk_close(directory->seam->disk, space->ballast_file);
    space->ballast_file = NULL;
    if (request->error == ERROR_NONE && !space->starved) {
        ballast_rest(space, BALLAST_HELD);
        return;
    }
    if (request->error != ERROR_NONE && request->error != ERROR_DISK_FULL &&
        request->error != ERROR_BUSY) {
        space->ballast = BALLAST_IMPOSSIBLE;
        trace_log(directory->seam->trace, TRACE_WARN,
                  "%s: space cannot be set aside: %s. On a disk that others "
                  "fill to the last byte, retention will wait for them",
                  space->ballast_path, error_sentence(request->error));
    }
    ballast_unlink(space);
}

static void ballast_opened(struct disk_request *request)
{
    struct space *space = container_of(request, struct space, ballast_request);
    struct log_directory *directory = directory_of(space);

    if (request->error != ERROR_NONE) {
        ballast_rest(space, BALLAST_UNKNOWN);
        return;
    }
    space->ballast_file = request->file;
    space->ballast_request.done = ballast_allocated;
    disk_allocate(directory->seam->disk, &space->ballast_request,
                  space->ballast_file, quarter(directory));
}

static void ballast_make(struct log_directory *directory)
{
    struct space *space = &directory->space;

    if (space->ballast_busy || space->ballast == BALLAST_HELD ||
        space->ballast == BALLAST_IMPOSSIBLE || quarter(directory) == 0 ||
        directory->phase != DIRECTORY_OPEN)
        return;
    space->ballast_busy = true;
    space->ballast_request.done = ballast_opened;
    disk_open(directory->seam->disk, &space->ballast_request,
              space->ballast_path, DISK_OPEN_CREATE);
}

void space_give_ballast(struct log_directory *directory)
{
    struct space *space = &directory->space;

    if (space->ballast_busy || space->ballast == BALLAST_GONE ||
        space->ballast == BALLAST_IMPOSSIBLE)
        return; /* one that is being made is given up when it is there */
    if (space->ballast == BALLAST_HELD)
        trace_log(directory->seam->trace, TRACE_WARN,
                  "%s: given up, so that what must be written can be",
                  space->ballast_path);
    ballast_unlink(space);
}

/* ---- waiting ---- */

bool space_lost(const struct space *space)
{
    return container_of(space, struct log_directory, space)->failed;
}

bool space_wait(struct space *space, struct space_waiter *waiter)
{
    struct log_directory *directory = directory_of(space);
    struct seam *seam = directory->seam;
    int64_t now_us = seam->now.monotonic_us;

    if (directory->failed)
        return false;
    if (directory->phase == DIRECTORY_CLOSING) {
        if (space->give_up_us == 0)
            space->give_up_us =
                now_us + CLOSING_INTERVALS * space_interval_us(directory);
        if (now_us >= space->give_up_us)
            return false;
    }
    list_init(&waiter->node);
    list_append(&space->waiters, &waiter->node);
    space_starve(directory);
    space_give_ballast(directory);
    if (!timer_running(&space->retry))
        timer_start(seam->timers, &space->retry,
                    now_us + space_interval_us(directory) / RETRIES);
    return true;
}

void space_forget(struct space_waiter *waiter)
{
    if (waiter->node.next != NULL)
        list_remove(&waiter->node);
}

static void retry_fire(struct timer *timer)
{
    struct space *space = container_of(timer, struct space, retry);
    struct list now;
    struct list *node;

    list_init(&now); /* who finds no space again waits anew */
    list_splice(&now, &space->waiters);
    while ((node = list_pop(&now)) != NULL) {
        struct space_waiter *waiter =
            container_of(node, struct space_waiter, node);

        waiter->again(waiter);
    }
}

void space_fail(struct log_directory *directory)
{
    timer_stop(directory->seam->timers, &directory->space.poll);
    retry_now(&directory->space);
}

/* ---- life ---- */

void space_init(struct log_directory *directory)
{
    struct space *space = &directory->space;

    list_init(&space->waiters);
    space->retry.fire = retry_fire;
    space->poll.fire = poll_fire;
    space->poll_request.done = poll_done;
    space->ballast_path =
        path_of(directory->seam->heap, directory->options.path, BALLAST_NAME);
}

void space_start(struct log_directory *directory)
{
    struct seam *seam = directory->seam;

    timer_start(seam->timers, &directory->space.poll,
                seam->now.monotonic_us + space_interval_us(directory));
}

void space_stop(struct log_directory *directory)
{
    timer_stop(directory->seam->timers, &directory->space.poll);
}

void space_release(struct log_directory *directory)
{
    struct space *space = &directory->space;
    struct seam *seam = directory->seam;

    timer_stop(seam->timers, &space->poll);
    timer_stop(seam->timers, &space->retry);
    disk_close(seam->disk, space->ballast_file);
    heap_free(seam->heap, space->ballast_path);
}

bool space_idle(const struct space *space)
{
    return !space->asked && !space->ballast_busy;
}
