/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the set of logs: found by key, made, removed. A log that is being
 * made is in the set but not shown; one that is being removed has left it.
 *
 *     creating --steps: mkdir, first segment, syncs; checkpoint--> in use
 *     in use --log_delete()--> dying --idle; steps: rename, sync--> gone
 *     gone --steps: unlinks--> freed
 *     in use --log_remove()--> the same, and a checkpoint before it is freed
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "log/internal.h"

int key_compare(const struct partition_key *a, const struct partition_key *b)
{
    int order = uuid_compare(&a->topic_id, &b->topic_id);

    if (order != 0)
        return order;
    return (a->partition > b->partition) - (a->partition < b->partition);
}

static int compare(const struct log_body *a, const struct log_body *b)
{
    return key_compare(&a->log.key, &b->log.key);
}

RB_GENERATE(log_tree, log_body, by_key, compare)

char *path_of(struct heap *heap, const char *directory, const char *name)
{
    size_t first = strlen(directory), second = strlen(name);
    char *path = heap_alloc(heap, first + second + 2);

    memcpy(path, directory, first);
    path[first] = '/';
    memcpy(path + first + 1, name, second + 1);
    return path;
}

static void log_name(char *name, size_t size, const struct partition_key *key)
{
    char id[UUID_TEXT_SIZE];

    uuid_format(&key->topic_id, id);
    snprintf(name, size, "%s-%" PRIu32, id, key->partition);
}

static bool ends_with(const char *name, const char *end)
{
    size_t length = strlen(name), size = strlen(end);

    return length > size && strcmp(name + length - size, end) == 0;
}

bool log_name_is_temporary(const char *name)
{
    static const char *const names[] = {"meta.tmp", "checkpoint.tmp",
                                        "clean.tmp", "lives.tmp"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

bool log_name_is_deleted(const char *name)
{
    struct partition_key key;
    size_t length = strcspn(name, ".");
    char log[64];

    if (length >= sizeof log || !ends_with(name, ".deleted"))
        return false;
    memcpy(log, name, length);
    log[length] = '\0';
    return parse_log_name(log, &key);
}

bool parse_log_name(const char *name, struct partition_key *key)
{
    char id[UUID_TEXT_SIZE] = {0};
    char again[64];
    uint64_t partition = 0;

    if (strlen(name) < UUID_TEXT_SIZE + 1 || name[UUID_TEXT_SIZE - 1] != '-')
        return false;
    memcpy(id, name, UUID_TEXT_SIZE - 1);
    if (!uuid_parse(id, &key->topic_id))
        return false;
    for (const char *at = name + UUID_TEXT_SIZE; *at; at++) {
        if (*at < '0' || *at > '9' || partition > UINT32_MAX / 10)
            return false;
        partition = partition * 10 + (uint64_t)(*at - '0');
    }
    key->partition = (uint32_t)partition;
    log_name(again, sizeof again, key); /* one spelling alone */
    return strcmp(name, again) == 0;
}

/* ---- the set ---- */

static void flush_fire(struct timer *timer)
{
    commit_want(container_of(timer, struct log_body, flush_timer), true);
}

struct log_body *log_body_new(struct log_directory *directory,
                              const struct partition_key *key,
                              const struct log_settings *settings)
{
    struct heap *heap = directory->seam->heap;
    struct log_body *body = heap_alloc(heap, sizeof *body);
    char name[64];

    log_name(name, sizeof name, key);
    body->log.key = *key;
    body->log.directory = directory;
    body->log.settings = *settings;
    body->log.body = body;
    body->path = path_of(heap, directory->options.path, name);
    body->evidence = -1;
    body->damage_error = ERROR_CORRUPT;
    list_init(&body->log.node);
    list_init(&body->in_flight);
    list_init(&body->held);
    list_init(&body->held_node);
    list_init(&body->sync_node);
    list_init(&body->suspect_node);
    body->flush_timer.fire = flush_fire;
    epochs_init(&body->epochs, body->epoch_entries, LOG_EPOCHS_MAX);
    producers_init(&body->producers, heap);
    saver_init(&body->epochs_saver);
    return body;
}

void log_body_free(struct log_body *body)
{
    struct log_directory *directory = body->log.directory;
    struct heap *heap = directory->seam->heap;

    commit_forget(body);
    scrub_forget(body);
    mend_forget(body);
    timer_stop(directory->seam->timers, &body->flush_timer);
    list_remove(&body->held_node);
    list_remove(&body->log.node);
    segments_drop(body, 0, body->segment_count);
    heap_free(heap, body->segments);
    ring_release(&body->ring, heap);
    window_release(&body->window, heap);
    scan_release(&body->window_scan);
    steps_release(&body->roll_steps);
    steps_release(&body->start_steps);
    steps_release(&body->life_steps);
    steps_release(&body->exclusive.steps);
    scan_release(&body->exclusive.scan);
    timer_stop(directory->seam->timers, &body->exclusive.later);
    timer_stop(directory->seam->timers, &body->epoch_timer);
    steps_release(&body->prune_steps);
    small_file_release(&body->exclusive.snapshot);
    small_file_release(&body->seal_file);
    small_file_release(&body->epochs_file);
    small_file_release(&body->snapshot_file);
    producers_clear(&body->producers, false);
    heap_free(heap, body->snapshots);
    heap_free(heap, body->path);
    heap_free(heap, body);
}

void body_insert(struct log_body *body)
{
    struct log_directory *directory = body->log.directory;
    struct log_body *next;

    RB_INSERT(log_tree, &directory->tree, body);
    directory->log_count++;
    next = RB_NEXT(log_tree, &directory->tree, body);
    list_append(next ? &next->log.node : &directory->logs, &body->log.node);
}

static void body_take_out(struct log_body *body)
{
    RB_REMOVE(log_tree, &body->log.directory->tree, body);
    body->log.directory->log_count--;
    list_remove(&body->log.node);
}

struct log_body *body_next(struct log_directory *directory,
                           struct log_body *body)
{
    return body ? RB_NEXT(log_tree, &directory->tree, body)
                : RB_MIN(log_tree, &directory->tree);
}

struct log_body *body_from(struct log_directory *directory,
                           const struct partition_key *key)
{
    struct log_body wanted;

    wanted.log.key = *key;
    return RB_NFIND(log_tree, &directory->tree, &wanted);
}

static struct log_body *find(struct log_tree *tree,
                             const struct partition_key *key)
{
    struct log_body wanted;

    wanted.log.key = *key;
    return RB_FIND(log_tree, tree, &wanted);
}

struct log *log_find(struct log_directory *directory,
                     const struct partition_key *key)
{
    struct log_body *body = find(&directory->tree, key);

    return body && !body->creating ? &body->log : NULL;
}

struct log *log_next(struct log_directory *directory, struct log *log)
{
    struct log_body *body = body_next(directory, log ? body_of(log) : NULL);

    while (body && body->creating)
        body = body_next(directory, body);
    return body ? &body->log : NULL;
}

void log_set_owner(struct log *log, struct log_owner *owner)
{
    log->owner = owner;
}

void log_configure(struct log *log, const struct log_settings *settings)
{
    bool sooner = settings->flush_ms != log->settings.flush_ms;

    log->settings = *settings;
    if (sooner && log->durable_end_offset < log->log_end_offset)
        commit_want(body_of(log), false);
}

void log_trust(struct log *log)
{
    if (!log->doubtful && !log->lossy)
        return;
    log->doubtful = false;
    log->lossy = false;
    body_of(log)->evidence = -1;
    checkpoint_soon(log->directory);
}

void log_progress(struct log_body *body)
{
    if (body->log.owner != NULL && !body->dying)
        body->log.owner->on_progress(body->log.owner);
}

/* ---- rest and what waits for it ---- */

static void create_finish(struct log_body *body, enum error error);

bool log_idle(const struct log_body *body)
{
    return list_empty(&body->in_flight) && list_empty(&body->held) &&
           list_empty(&body->sync_node) && !body->in_round && !body->rolling &&
           !body->sealing && !body->snapshotting && !body->pruning &&
           !body->advancing && !body->window_loading && body->loads == 0 &&
           !body->epochs_saver.running && !body->exclusive.running &&
           !(body->mend != NULL && body->mend->busy);
}

void log_kick(struct log_body *body)
{
    struct log_directory *directory = body->log.directory;

    if (directory->failed || body->creating)
        return;
    if (body->exclusive.kind != EXCLUSIVE_NONE) {
        if (log_idle(body))
            exclusive_run(body);
        return;
    }
    if (body->dying) {
        if (log_idle(body) && body->life_steps.items == NULL && !body->gone)
            remove_run(body);
        return;
    }
    advance_next(body);
    if (directory->closing != NULL)
        closing_kick(directory);
}

/* The directory has failed: whoever waits is told. */
void log_fail(struct log_body *body)
{
    struct list *node;

    list_remove(&body->held_node);
    while ((node = list_pop(&body->held)) != NULL) {
        struct log_append *append = container_of(node, struct log_append, node);

        append->done(append, ERROR_LOG_DIRECTORY_FAILED);
    }
    saver_finish(&body->epochs_saver.next, ERROR_LOG_DIRECTORY_FAILED);
    if (!body->epochs_saver.running)
        saver_finish(&body->epochs_saver.current, ERROR_LOG_DIRECTORY_FAILED);
    if (body->exclusive.kind != EXCLUSIVE_NONE && !body->exclusive.running)
        exclusive_fail(body, ERROR_LOG_DIRECTORY_FAILED);
    if (body->creating && body->segment_count == 0)
        create_finish(body, ERROR_LOG_DIRECTORY_FAILED); /* frees it */
}

/* ---- making ---- */

static void create_finish(struct log_body *body, enum error error)
{
    void (*done)(void *context, enum error error, struct log *log) =
        body->create_done;

    body->create_done = NULL;
    body->creating = false;
    if (error == ERROR_NONE) {
        struct fact fact = {.type = FACT_OPENED, .key = body->log.key};

        trace_fact(body->log.directory->seam->trace, &fact);
        done(body->create_context, ERROR_NONE, &body->log);
        return;
    }
    body_take_out(body);
    done(body->create_context, error, NULL);
    log_body_free(body);
}

static void create_stored(struct save_waiter *waiter, enum error error)
{
    create_finish(container_of(waiter, struct log_body, created), error);
}

static void create_stepped(struct steps *steps, enum error error)
{
    struct log_body *body = steps->context;
    struct log_directory *directory = body->log.directory;

    if (error != ERROR_NONE)
        directory_fail(directory, error, "make", steps_path(steps));
    if (error == ERROR_NONE) {
        active_segment(body)->file = steps->file;
        segment_touch(active_segment(body));
    }
    steps_release(steps);
    if (directory->failed) {
        create_finish(body, ERROR_LOG_DIRECTORY_FAILED);
        return;
    }
    body->created.done = create_stored;
    checkpoint_request(directory, &body->created);
}

static void create_run(struct log_body *body)
{
    struct log_directory *directory = body->log.directory;
    struct heap *heap = directory->seam->heap;
    struct steps *steps = &body->life_steps;

    segment_add(body, 0)->indexed = true;
    steps_init(steps, directory->seam, create_stepped, body);
    steps->space = &directory->space;
    steps_add(steps, DISK_MKDIR, heap_strdup(heap, body->path), NULL,
              ERROR_NONE);
    steps_open(steps, segment_path(body, 0, "log"), DISK_OPEN_CREATE_EXCL);
    steps_add(steps, DISK_SYNC_DIRECTORY, heap_strdup(heap, body->path), NULL,
              ERROR_NONE);
    steps_add(steps, DISK_SYNC_DIRECTORY,
              heap_strdup(heap, directory->options.path), NULL, ERROR_NONE);
    steps_run(steps);
}

void log_create(struct log_directory *directory,
                const struct partition_key *key,
                const struct log_settings *settings,
                void (*done)(void *context, enum error error, struct log *log),
                void *context)
{
    struct log_body *body = log_body_new(directory, key, settings);

    ASSERT(find(&directory->tree, key) == NULL);
    body->creating = true;
    body->create_done = done;
    body->create_context = context;
    body_insert(body);
    if (find(&directory->dying, key) == NULL)
        create_run(body); /* else remove_stepped() does */
}

/* ---- removing ---- */

/* Files that a failed directory still holds under their name may be found at
 * a start: the log stays known as dying. */
static void let_go(struct log_body *body)
{
    struct log_directory *directory = body->log.directory;

    steps_release(&body->life_steps);
    if (directory->failed && !body->gone)
        return;
    RB_REMOVE(log_tree, &directory->dying, body);
    log_body_free(body);
}

static void removed(struct log_body *body)
{
    struct log_directory *directory = body->log.directory;
    struct partition_key key = body->log.key;
    struct log_body *next;

    let_go(body);
    next = find(&directory->tree, &key);
    if (next && next->creating && next->segment_count == 0) {
        if (directory->failed)
            create_finish(next, ERROR_LOG_DIRECTORY_FAILED);
        else
            create_run(next);
    }
    if (directory->closing != NULL)
        closing_kick(directory);
}

static void forgotten(struct save_waiter *waiter, enum error error)
{
    (void)error; /* the directory has failed */
    removed(container_of(waiter, struct log_body, created));
}

static void remove_stepped(struct steps *steps, enum error error)
{
    struct log_body *body = steps->context;
    struct log_directory *directory = body->log.directory;

    if (error != ERROR_NONE)
        directory_fail(directory, error, "remove", steps_path(steps));
    if (directory->failed || !body->returns) {
        removed(body);
        return;
    }
    steps_release(steps);
    body->created.done = forgotten;
    checkpoint_request(directory, &body->created);
}

static void remove_file(struct log_body *body, int64_t offset,
                        const char *suffix)
{
    steps_add(&body->life_steps, DISK_UNLINK,
              segment_path(body, offset, suffix), NULL, ERROR_NOT_FOUND);
}

/* Its files, under its other name. */
static void remove_files(struct log_body *body)
{
    struct log_directory *directory = body->log.directory;
    struct heap *heap = directory->seam->heap;
    struct steps *steps = &body->life_steps;

    steps_init(steps, directory->seam, remove_stepped, body);
    steps->space = &directory->space;
    for (size_t i = 0; i < body->segment_count; i++) {
        remove_file(body, body->segments[i]->base_offset, "log");
        remove_file(body, body->segments[i]->base_offset, "index");
    }
    for (size_t i = 0; i < body->snapshot_count; i++)
        remove_file(body, body->snapshots[i], "producers");
    steps_add(steps, DISK_UNLINK, path_of(heap, body->path, "epochs"), NULL,
              ERROR_NOT_FOUND);
    steps_add(steps, DISK_UNLINK, path_of(heap, body->path, MENDING_NAME), NULL,
              ERROR_NOT_FOUND);
    /* what else may lie there goes at the next start */
    steps_add(steps, DISK_RMDIR, heap_strdup(heap, body->path), NULL,
              ERROR_NOT_EMPTY);
    segments_drop(body, 0, body->segment_count);
    steps_run(steps);
}

static void remove_renamed(struct steps *steps, enum error error)
{
    struct log_body *body = steps->context;
    struct heap *heap = body->log.directory->seam->heap;
    char *away;

    if (error != ERROR_NONE) {
        remove_stepped(steps, error);
        return;
    }
    away = heap_strdup(heap, steps->items[0].path_to);
    steps_release(steps);
    heap_free(heap, body->path);
    body->path = away;
    body->gone = true;
    remove_files(body);
}

/* Until the other name is durable the checkpoint goes on naming the log: a
 * start refuses records that it does not know. */
void remove_run(struct log_body *body)
{
    struct log_directory *directory = body->log.directory;
    struct heap *heap = directory->seam->heap;
    size_t room = strlen(body->path) + 32;
    char *away = heap_alloc(heap, room);
    struct steps *steps = &body->life_steps;
    struct fact fact = {.type = FACT_REMOVED, .key = body->log.key};

    if (body->returns)
        trace_fact(directory->seam->trace, &fact);
    /* a name of its own: what an earlier one left is still there */
    snprintf(away, room, "%s.%" PRIu64 ".deleted", body->path,
             directory->removals++);
    steps_init(steps, directory->seam, remove_renamed, body);
    steps->space = &directory->space;
    steps_add(steps, DISK_RENAME, heap_strdup(heap, body->path), away,
              ERROR_NONE);
    steps_add(steps, DISK_SYNC_DIRECTORY,
              heap_strdup(heap, directory->options.path), NULL, ERROR_NONE);
    steps_run(steps);
}

static void removal_fire(struct timer *timer)
{
    struct log_body *body = container_of(timer, struct log_body, flush_timer);

    log_kick(body);
}

void log_delete(struct log *log)
{
    struct log_body *body = body_of(log);
    struct log_directory *directory = log->directory;

    ASSERT(!body->dying);
    body->dying = true;
    log->owner = NULL;
    body_take_out(body);
    RB_INSERT(log_tree, &directory->dying, body);
    commit_forget(body);
    mend_forget(body);
    damage_leave(body);
    timer_stop(directory->seam->timers, &body->flush_timer);
    body->flush_timer.fire = removal_fire;
    timer_start(directory->seam->timers, &body->flush_timer,
                directory->seam->now.monotonic_us);
}

void log_remove(struct log *log)
{
    body_of(log)->returns = true;
    log_delete(log);
}

bool log_directory_removes(const struct log_directory *directory,
                           const struct partition_key *key)
{
    struct log_tree *dying = (struct log_tree *)(uintptr_t)&directory->dying;
    const struct log_body *body = find(dying, key);

    return body != NULL && !(directory->failed && body->gone);
}
