/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns durability: sync rounds. One round is in flight in a directory; what
 * completes meanwhile goes into the next, all logs together. durable_end is
 * what had completed before the round was submitted, never more (B33).
 */
#include "base/assert.h"
#include "log/internal.h"

static void round_start(struct log_directory *directory);

static void round_kick(struct log_directory *directory)
{
    struct commit *commit = &directory->commit;

    /* by a timer: all that this turn completes goes into one round */
    if (!commit->running && !list_empty(&commit->wanted) &&
        !timer_running(&commit->kick))
        timer_start(directory->seam->timers, &commit->kick,
                    directory->seam->now.monotonic_us);
}

static void durable(struct log_body *body, const struct place *target)
{
    struct log *log = &body->log;
    struct fact fact = {
        .type = FACT_DURABLE, .key = log->key, .end_offset = target->offset};

    ASSERT_INVARIANT(L2, target->offset <= log->log_end_offset);
    if (target->offset <= log->durable_end_offset)
        return;
    log->durable_end_offset = target->offset;
    body->durable_end = *target;
    log->directory->checkpoint.stale = true;
    trace_fact(log->directory->seam->trace, &fact);
    log_progress(body);
}

static void round_done(struct disk_request *request)
{
    struct commit *commit = container_of(request, struct commit, request);
    struct log_directory *directory =
        container_of(commit, struct log_directory, commit);
    size_t count = commit->entry_count;

    commit->running = false;
    if (request->error != ERROR_NONE) {
        SOMETIMES(directory->seam->trace, SYNC_FAILED);
        directory_fail(directory, request->error, "sync segments in",
                       directory->options.path);
    }
    for (size_t i = 0; i < count; i++)
        commit->entries[i].body->in_round = false;
    if (directory->failed)
        return;
    for (size_t i = 0; i < count; i++)
        durable(commit->entries[i].body, &commit->entries[i].target);
    for (size_t i = 0; i < count; i++)
        log_kick(commit->entries[i].body);
    round_kick(directory);
}

static void add_file(struct log_directory *directory, struct disk_file *file)
{
    struct commit *commit = &directory->commit;

    if (commit->file_count == commit->file_capacity) {
        size_t capacity =
            commit->file_capacity ? commit->file_capacity * 2 : 64;

        commit->files = heap_grow(directory->seam->heap, commit->files,
                                  commit->file_count * sizeof *commit->files,
                                  capacity * sizeof *commit->files);
        commit->file_capacity = capacity;
    }
    commit->files[commit->file_count++] = file;
}

static void add_log(struct log_directory *directory, struct log_body *body)
{
    struct commit *commit = &directory->commit;

    if (commit->entry_count == commit->entry_capacity) {
        size_t capacity =
            commit->entry_capacity ? commit->entry_capacity * 2 : 64;

        commit->entries =
            heap_grow(directory->seam->heap, commit->entries,
                      commit->entry_count * sizeof *commit->entries,
                      capacity * sizeof *commit->entries);
        commit->entry_capacity = capacity;
    }
    commit->entries[commit->entry_count++] =
        (struct round_entry){body, body->log_end};
    body->in_round = true;
    /* dirty segments are the last ones */
    for (size_t i = segment_at(body, body->log.durable_end_offset);
         i < body->segment_count; i++) {
        struct segment *segment = body->segments[i];

        if (!segment->dirty)
            continue;
        segment->dirty = false;
        add_file(directory, segment->file);
    }
}

static void round_start(struct log_directory *directory)
{
    struct commit *commit = &directory->commit;
    struct fact fact = {.type = FACT_SYNC};
    struct list *node;

    ASSERT(!commit->running);
    commit->entry_count = 0;
    commit->file_count = 0;
    while ((node = list_pop(&commit->wanted)) != NULL)
        add_log(directory, container_of(node, struct log_body, sync_node));
    if (commit->entry_count == 0)
        return;
    commit->running = true;
    fact.value = (int64_t)commit->file_count;
    trace_fact(directory->seam->trace, &fact);
    disk_sync(directory->seam->disk, &commit->request, commit->files,
              commit->file_count);
}

static void kick_fire(struct timer *timer)
{
    struct commit *commit = container_of(timer, struct commit, kick);
    struct log_directory *directory =
        container_of(commit, struct log_directory, commit);

    if (!commit->running && !directory->failed)
        round_start(directory);
}

void commit_init(struct log_directory *directory)
{
    struct commit *commit = &directory->commit;

    list_init(&commit->wanted);
    commit->kick.fire = kick_fire;
    commit->request.done = round_done;
}

void commit_release(struct log_directory *directory)
{
    timer_stop(directory->seam->timers, &directory->commit.kick);
    heap_free(directory->seam->heap, directory->commit.entries);
    heap_free(directory->seam->heap, directory->commit.files);
}

void commit_want(struct log_body *body, bool now)
{
    struct log_directory *directory = body->log.directory;
    struct timers *timers = directory->seam->timers;
    int64_t flush_ms = body->log.settings.flush_ms;

    if (body->dying || directory->failed ||
        body->exclusive.running || /* it asks when it has cut the log */
        body->log.durable_end_offset == body->log.log_end_offset)
        return;
    if (!now && flush_ms != 0) {
        if (flush_ms > 0 && !timer_running(&body->flush_timer))
            timer_start(timers, &body->flush_timer,
                        directory->seam->now.monotonic_us + flush_ms * 1000);
        return;
    }
    timer_stop(timers, &body->flush_timer);
    if (list_empty(&body->sync_node))
        list_append(&directory->commit.wanted, &body->sync_node);
    round_kick(directory);
}

void commit_forget(struct log_body *body)
{
    list_remove(&body->sync_node);
}
