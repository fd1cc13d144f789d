/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the start of a directory. Nothing is changed before the lock is held
 * and the meta file says that the directory is ours; nothing is ever deleted
 * of a directory that is not.
 *
 *     mkdir -> lock -> meta --missing: made new (open_new.c)--> lives ->
 *     clean token: read, removed -> checkpoint -> list -> by name: leftovers
 *     removed (open_leftovers.c), logs recovered -> checkpoint ->
 *     free space -> opened
 *
 * Payload of meta: cluster id 16, broker id u32, reserved u32, directory id
 * 16. Of clean: token 16.
 */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "log/opening.h"

#define LATER_VERSION                                                          \
    "a later version wrote it. Nothing was changed. Start that version "       \
    "again, or name another directory in log.dirs"

static void read_meta(struct opening *opening);
static void read_lives(struct opening *opening);
static void read_checkpoint(struct opening *opening);

void opening_free(struct log_directory *directory)
{
    struct opening *opening = directory->opening;
    struct heap *heap = directory->seam->heap;

    if (opening == NULL)
        return;
    directory->opening = NULL;
    list_remove(&opening->saved.node);
    space_forget(&opening->waiter);
    recoveries_free(opening->recoveries);
    for (size_t i = 0; i < opening->name_count; i++)
        heap_free(heap, opening->names[i]);
    heap_free(heap, opening->names);
    heap_free(heap, opening->stored);
    heap_free(heap, opening->path);
    small_file_release(&opening->file);
    steps_release(&opening->steps);
    heap_free(heap, opening);
}

void opening_fail(struct opening *opening, enum error error, const char *name,
                  const char *advice)
{
    struct log_directory *directory = opening->directory;

    if (directory->failed)
        return; /* directory_fail() tells it */
    snprintf(directory->detail, sizeof directory->detail, "%.300s/%s: %s%s%s",
             root_of(opening), name, error_sentence(error),
             advice[0] ? "; " : "", advice);
    directory->failed = true;
    directory->error = error;
    space_stop(directory);
    trace_log(directory->seam->trace, TRACE_ERROR, "%s: %s",
              directory->options.path, directory->detail);
    opening_free(directory);
    doubt_mark(directory);
}

void opening_set_path(struct opening *opening, const char *name)
{
    heap_free(heap_of(opening), opening->path);
    opening->path = path_of(heap_of(opening), root_of(opening), name);
}

static void read_file(struct opening *opening, const char *name, uint32_t magic,
                      void (*done)(struct small_file *file, enum error error))
{
    opening_set_path(opening, name);
    opening->file.done = done;
    opening->file.context = opening;
    small_file_read(&opening->file, opening->directory->seam, opening->path,
                    magic, 0);
}

/* ---- the end ---- */

static void space_known(struct disk_request *request)
{
    struct opening *opening = container_of(request, struct opening, request);
    struct log_directory *directory = opening->directory;
    struct log_body *body = NULL;

    if (request->error == ERROR_NONE)
        space_note(directory, request->size);
    opening_free(directory);
    while ((body = body_next(directory, body)) != NULL) {
        struct fact fact = {.type = FACT_OPENED,
                            .key = body->log.key,
                            .offset = body->log.log_start_offset,
                            .end_offset = body->log.log_end_offset,
                            .value = body->log.lossy};

        trace_fact(directory->seam->trace, &fact);
        if (body->log.damaged)
            damage_report(body);
    }
    directory_start(directory);
    while ((body = body_next(directory, body)) != NULL)
        seal_next(body);
    directory->owner->opened(directory->owner, ERROR_NONE, "");
}

static void ask_space(struct opening *opening)
{
    opening->request.done = space_known;
    disk_free_space(opening->directory->seam->disk, &opening->request,
                    root_of(opening));
}

static void mark_removed(struct steps *steps, enum error error)
{
    struct opening *opening = steps->context;

    steps_release(steps);
    if (error != ERROR_NONE)
        opening_fail(opening, error, FAILED_NAME, "it cannot be removed");
    else
        ask_space(opening);
}

/* The checkpoint says now which logs are in doubt. */
static void remove_mark(struct opening *opening)
{
    struct seam *seam = opening->directory->seam;

    steps_init(&opening->steps, seam, mark_removed, opening);
    opening->steps.space = &opening->directory->space;
    steps_add(&opening->steps, DISK_UNLINK,
              path_of(seam->heap, root_of(opening), FAILED_NAME), NULL,
              ERROR_NOT_FOUND);
    steps_run(&opening->steps);
}

static void all_saved(struct save_waiter *waiter, enum error error)
{
    struct opening *opening = container_of(waiter, struct opening, saved);
    struct log_directory *directory = opening->directory;

    if (error != ERROR_NONE)
        return; /* directory_fail() has told it */
    if (directory->marked)
        remove_mark(opening);
    else
        ask_space(opening);
}

static void report_missing(struct opening *opening)
{
    char id[UUID_TEXT_SIZE];

    for (size_t i = 0; i < opening->stored_count; i++) {
        const struct partition_key *key = &opening->stored[i].key;

        if (log_find(opening->directory, key) != NULL)
            continue;
        uuid_format(&key->topic_id, id);
        trace_log(opening->directory->seam->trace, TRACE_WARN,
                  "%s/%s-%u is missing: the replica is lost, unless its topic "
                  "was being deleted",
                  root_of(opening), id, key->partition);
    }
}

/* ---- logs ---- */

static const struct stored_log *find_stored(const struct opening *opening,
                                            const struct partition_key *key)
{
    size_t low = 0, high = opening->stored_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = key_compare(&opening->stored[middle].key, key);

        if (order == 0)
            return &opening->stored[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static void logs_recovered(struct log_directory *directory, enum error error,
                           const char *name, const char *path)
{
    struct opening *opening = directory->opening;
    char advice[480];

    if (error != ERROR_NONE) {
        snprintf(advice, sizeof advice, "recovery stopped at %s%s", path,
                 error == ERROR_FOREIGN ? ": " LATER_VERSION : "");
        opening_fail(opening, error, name, advice);
        return;
    }
    recoveries_free(opening->recoveries);
    opening->recoveries = NULL;
    report_missing(opening);
    opening->saved.done = all_saved;
    checkpoint_request(opening->directory, &opening->saved);
}

/* Leftovers go one after the other, then the logs are recovered. */
void opening_next_name(struct opening *opening)
{
    struct partition_key key;

    for (; opening->at < opening->name_count; opening->at++) {
        const char *name = opening->names[opening->at];

        if (log_name_is_temporary(name)) {
            opening_unlink_leftover(opening, name);
            return;
        }
        if (log_name_is_deleted(name)) {
            opening_remove_leftover(opening);
            return;
        }
        if (!parse_log_name(name, &key))
            continue;
        if (!opening->lost && find_stored(opening, &key) == NULL) {
            opening_judge_unknown(opening);
            return;
        }
        recoveries_add(opening->recoveries, &key, find_stored(opening, &key));
    }
    recoveries_run(opening->recoveries);
}

static void note_mark(struct opening *opening)
{
    opening->directory->marked = true;
    trace_log(opening->directory->seam->trace, TRACE_WARN,
              "%s: it failed when it was used last; what was written and not "
              "synced may be gone, so replicas of topics with flush.ms other "
              "than 0 count as lost until they are in sync again",
              root_of(opening));
}

static void listed(struct disk_request *request)
{
    struct opening *opening = container_of(request, struct opening, request);
    struct seam *seam = opening->directory->seam;

    if (request->error != ERROR_NONE) {
        opening_fail(opening, request->error, "", "it cannot be listed");
        return;
    }
    opening->names = heap_alloc(seam->heap, (request->name_count + 1) *
                                                sizeof *opening->names);
    for (size_t i = 0; i < request->name_count; i++)
        opening->names[i] = heap_strdup(seam->heap, request->names[i]);
    for (size_t i = 0; i < request->name_count; i++)
        if (strcmp(request->names[i], FAILED_NAME) == 0)
            note_mark(opening);
    opening->name_count = request->name_count;
    opening->recoveries = recoveries_new(opening->directory, logs_recovered);
    disk_names_free(seam->disk, request);
    opening_next_name(opening);
}

/* ---- checkpoint and clean token ---- */

static void checkpoint_read(struct small_file *file, enum error error)
{
    struct opening *opening = file->context;
    struct log_directory *directory = opening->directory;
    struct uuid boot_id = {{0}};

    if (error != ERROR_NONE && error != ERROR_NOT_FOUND &&
        error != ERROR_CORRUPT) {
        opening_fail(opening, error, "checkpoint",
                     error == ERROR_FOREIGN ? LATER_VERSION : "");
        return;
    }
    opening->lost =
        error != ERROR_NONE ||
        !checkpoint_decode(heap_of(opening), file->payload, file->payload_size,
                           &opening->stored, &opening->stored_count, &boot_id);
    directory->rebooted =
        !directory->clean &&
        (opening->lost || !uuid_equal(&boot_id, &directory->seam->boot_id));
    if (!opening->lost) {
        directory->stored_ms =
            checkpoint_believed_ms(file->payload, file->payload_size);
        directory->believed_ms = directory->stored_ms;
    }
    if (opening->lost) {
        opening->stored_count = 0;
        trace_log(directory->seam->trace, TRACE_ERROR,
                  "%s/checkpoint is missing or damaged: all data is read, and "
                  "every replica here counts as lossy",
                  root_of(opening));
    }
    small_file_release(file);
    opening->request.done = listed;
    disk_list(directory->seam->disk, &opening->request, root_of(opening));
}

static void read_checkpoint(struct opening *opening)
{
    read_file(opening, "checkpoint", CHECKPOINT_MAGIC, checkpoint_read);
}

static void clean_removed(struct steps *steps, enum error error)
{
    struct opening *opening = steps->context;

    steps_release(steps);
    if (error != ERROR_NONE)
        opening_fail(opening, error, "clean", "it cannot be removed");
    else
        read_checkpoint(opening);
}

static void clean_read(struct small_file *file, enum error error)
{
    struct opening *opening = file->context;
    struct log_directory *directory = opening->directory;
    struct seam *seam = directory->seam;

    if (error == ERROR_NONE && file->payload_size == CLEAN_BYTES) {
        memcpy(directory->clean_token.bytes, file->payload, CLEAN_BYTES);
        directory->clean = true;
    }
    small_file_release(file);
    if (error == ERROR_FOREIGN) {
        opening_fail(opening, error, "clean", LATER_VERSION);
        return;
    }
    if (error == ERROR_NOT_FOUND) {
        read_checkpoint(opening);
        return;
    }
    steps_init(&opening->steps, seam, clean_removed, opening);
    opening->steps.space = &directory->space;
    steps_add(&opening->steps, DISK_UNLINK,
              path_of(seam->heap, root_of(opening), "clean"), NULL,
              ERROR_NOT_FOUND);
    steps_add(&opening->steps, DISK_SYNC_DIRECTORY,
              heap_strdup(seam->heap, root_of(opening)), NULL, ERROR_NONE);
    steps_run(&opening->steps);
}

void opening_read_clean(struct opening *opening)
{
    read_file(opening, "clean", CLEAN_MAGIC, clean_read);
}

/* ---- lives ---- */

static void lives_read(struct small_file *file, enum error error)
{
    struct opening *opening = file->context;
    struct log_directory *directory = opening->directory;
    struct directory_lives *lives = &directory->lives;
    bool whole = error == ERROR_NONE &&
                 lives_decode(&lives->known, file->payload, file->payload_size);

    small_file_release(file);
    if (error != ERROR_NONE && error != ERROR_NOT_FOUND &&
        error != ERROR_CORRUPT) {
        opening_fail(opening, error, "lives",
                     error == ERROR_FOREIGN ? LATER_VERSION
                                            : "it cannot be read");
        return;
    }
    lives->unknown = error == ERROR_NOT_FOUND; /* of an older version */
    if (!whole && !lives->unknown) {
        memset(&lives->known, 0, sizeof lives->known);
        trace_log(directory->seam->trace, TRACE_ERROR,
                  "%s/lives is damaged: whether this is the disk that was "
                  "used last cannot be told, so every replica here counts as "
                  "lost and is fetched again",
                  root_of(opening));
    }
    opening_read_clean(opening);
}

static void read_lives(struct opening *opening)
{
    read_file(opening, "lives", LIVES_MAGIC, lives_read);
}

/* ---- meta ---- */

bool meta_decode(const uint8_t *data, size_t size, struct meta *meta)
{
    if (size != META_BYTES)
        return false;
    memcpy(meta->cluster_id.bytes, data, 16);
    meta->broker_id = load_u32(data + 16);
    memcpy(meta->directory_id.bytes, data + 24, 16);
    return true;
}

static void check_meta(struct opening *opening, const struct meta *meta)
{
    struct log_directory *directory = opening->directory;
    const struct log_directory_options *options = &directory->options;
    char advice[256], id[UUID_TEXT_SIZE];

    uuid_format(&meta->cluster_id, id);
    if (!uuid_equal(&meta->cluster_id, &options->cluster_id) ||
        meta->broker_id != options->broker_id) {
        snprintf(advice, sizeof advice,
                 "it was written by broker %u of cluster %s. Nothing was "
                 "changed. Name another directory in log.dirs, or set "
                 "broker.id and zookeeper.connect as they were",
                 meta->broker_id, id);
        opening_fail(opening, ERROR_FOREIGN, "meta", advice);
        return;
    }
    directory->id = meta->directory_id;
    small_file_release(&opening->file);
    directory->ours = true;
    read_lives(opening);
}

static void meta_read(struct small_file *file, enum error error)
{
    struct opening *opening = file->context;
    struct meta meta;

    if (error == ERROR_NONE &&
        meta_decode(file->payload, file->payload_size, &meta)) {
        check_meta(opening, &meta);
        return;
    }
    small_file_release(file);
    if (error == ERROR_NOT_FOUND) {
        opening_make_new(opening);
    } else if (error == ERROR_FOREIGN) {
        opening_fail(opening, error, "meta", LATER_VERSION);
    } else if (error == ERROR_NONE || error == ERROR_CORRUPT) {
        opening_fail(
            opening, ERROR_FOREIGN, "meta",
            "the file is damaged or of another format. Nothing was changed. "
            "Restore it from a copy, or remove the whole directory: the "
            "replicas here will be fetched again");
    } else {
        opening_fail(opening, error, "meta", "it cannot be read");
    }
}

static void read_meta(struct opening *opening)
{
    read_file(opening, "meta", META_MAGIC, meta_read);
}

/* ---- the directory itself ---- */

/* On a full disk even a name may find no space: it is tried again. */
static bool waits(struct opening *opening, const struct disk_request *request,
                  void (*again)(struct space_waiter *waiter))
{
    opening->waiter.again = again;
    return request->error == ERROR_DISK_FULL &&
           space_wait(&opening->directory->space, &opening->waiter);
}

static void lock_again(struct space_waiter *waiter);

static void locked(struct disk_request *request)
{
    struct opening *opening = container_of(request, struct opening, request);

    if (waits(opening, request, lock_again))
        return;
    if (request->error != ERROR_NONE) {
        opening_fail(
            opening, request->error, "lock",
            request->error == ERROR_LOCKED
                ? "another broker runs on this directory, or log.dirs names "
                  "it twice: stop it, or name another directory in log.dirs"
                : "it cannot be made");
        return;
    }
    opening->directory->lock = request->file;
    read_meta(opening);
}

static void take_lock(struct opening *opening)
{
    opening_set_path(opening, "lock");
    opening->request.done = locked;
    disk_lock(opening->directory->seam->disk, &opening->request, opening->path);
}

static void lock_again(struct space_waiter *waiter)
{
    take_lock(container_of(waiter, struct opening, waiter));
}

static void make(struct opening *opening)
{
    disk_mkdir(opening->directory->seam->disk, &opening->request,
               opening->directory->options.path);
}

static void make_again(struct space_waiter *waiter)
{
    make(container_of(waiter, struct opening, waiter));
}

static void made(struct disk_request *request)
{
    struct opening *opening = container_of(request, struct opening, request);

    if (waits(opening, request, make_again))
        return;
    if (request->error != ERROR_NONE && request->error != ERROR_EXISTS) {
        opening_fail(
            opening, request->error, "",
            "the directory cannot be made: make its parent, or name another "
            "directory in log.dirs");
        return;
    }
    opening->made = request->error == ERROR_NONE;
    take_lock(opening);
}

void log_directory_open(struct log_directory *directory)
{
    struct opening *opening =
        heap_alloc(directory->seam->heap, sizeof *opening);

    ASSERT(directory->phase == DIRECTORY_NEW);
    ASSERT(directory->options.path[0] != '\0');
    directory->phase = DIRECTORY_OPENING;
    directory->opening = opening;
    opening->directory = directory;
    opening->file.context = opening;
    opening->file.space = &directory->space;
    list_init(&opening->saved.node);
    opening->request.done = made;
    make(opening);
}
