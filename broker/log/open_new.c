/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the making of a directory that has no meta file yet. It must be empty,
 * but for what a first start leaves that is cut short. Meta comes last:
 *
 *     list -> parent synced -> checkpoint -> lives -> meta
 */
#include <string.h>

#include "base/bytes.h"
#include "log/opening.h"

static void begin_use(struct opening *opening)
{
    opening->directory->ours = true;
    opening_read_clean(opening);
}

static void meta_written(struct small_file *file, enum error error)
{
    struct opening *opening = file->context;

    if (error != ERROR_NONE)
        opening_fail(opening, error, "meta", "it cannot be written");
    else
        begin_use(opening);
}

static void write_meta(struct opening *opening)
{
    struct log_directory *directory = opening->directory;
    uint8_t *payload;
    uint8_t *data;

    data = small_file_buffer(heap_of(opening), META_BYTES, &payload);
    random_fill(&directory->random, directory->id.bytes,
                sizeof directory->id.bytes);
    memcpy(payload, directory->options.cluster_id.bytes, 16);
    store_u32(payload + 16, directory->options.broker_id);
    memcpy(payload + 24, directory->id.bytes, 16);
    opening->file.done = meta_written;
    small_file_write(&opening->file, directory->seam, root_of(opening), "meta",
                     META_MAGIC, data, META_BYTES);
}

static void lives_written(struct small_file *file, enum error error)
{
    struct opening *opening = file->context;

    if (error != ERROR_NONE)
        opening_fail(opening, error, "lives", "it cannot be written");
    else
        write_meta(opening);
}

/* Both before the meta file: where that is, they are. */
static void checkpoint_made(struct save_waiter *waiter, enum error error)
{
    struct opening *opening = container_of(waiter, struct opening, saved);

    if (error != ERROR_NONE)
        return; /* directory_fail() has told it */
    opening->file.done = lives_written;
    lives_write(opening->directory, &opening->file);
}

/* Files that a first start leaves when it is cut short. */
static bool is_fresh(const struct disk_request *request)
{
    for (size_t i = 0; i < request->name_count; i++) {
        const char *name = request->names[i];

        if (strcmp(name, "lock") != 0 && strcmp(name, "checkpoint") != 0 &&
            strcmp(name, "checkpoint.tmp") != 0 && strcmp(name, "lives") != 0 &&
            strcmp(name, "lives.tmp") != 0 && strcmp(name, "meta.tmp") != 0 &&
            strcmp(name, "lost+found") != 0)
            return false;
    }
    return true;
}

static void unmade(struct steps *steps, enum error error)
{
    struct opening *opening = steps->context;

    (void)error; /* then it stays, and is ours to try again */
    steps_release(steps);
    opening_fail(opening, opening->error, "..", "it cannot be synced");
}

/* A directory whose entry could not be made durable goes again: to the next
 * start it would look as if it had been there before, and a second sync of
 * the parent may well succeed without writing the entry. */
static void unmake(struct opening *opening, enum error error)
{
    struct seam *seam = opening->directory->seam;
    struct steps *steps = &opening->steps;

    opening->error = error;
    steps_init(steps, seam, unmade, opening);
    if (opening->made) {
        steps_add(steps, DISK_UNLINK,
                  path_of(seam->heap, root_of(opening), "lock"), NULL,
                  ERROR_NOT_FOUND);
        steps_add(steps, DISK_RMDIR, heap_strdup(seam->heap, root_of(opening)),
                  NULL, ERROR_NOT_EMPTY);
    }
    steps_run(steps);
}

static void parent_synced(struct disk_request *request)
{
    struct opening *opening = container_of(request, struct opening, request);

    if (request->error != ERROR_NONE && request->error != ERROR_NOT_FOUND &&
        request->error != ERROR_PERMISSION) {
        unmake(opening, request->error);
        return;
    }
    opening->saved.done = checkpoint_made;
    checkpoint_request(opening->directory, &opening->saved);
}

/* Before the meta file and never after it: a start that made the directory
 * may have been cut short before its entry was durable. A parent that we may
 * not open is somebody else's, who made the directory. */
static void sync_parent(struct opening *opening)
{
    char *path = heap_strdup(heap_of(opening), root_of(opening));
    char *slash = strrchr(path, '/');

    if (slash == NULL)
        memcpy(path, ".", 2); /* a path has one byte at least */
    else
        slash[slash == path ? 1 : 0] = '\0';
    heap_free(heap_of(opening), opening->path);
    opening->path = path;
    opening->request.done = parent_synced;
    disk_sync_directory(opening->directory->seam->disk, &opening->request,
                        path);
}

static void fresh_listed(struct disk_request *request)
{
    struct opening *opening = container_of(request, struct opening, request);
    struct log_directory *directory = opening->directory;
    bool fresh;

    if (request->error != ERROR_NONE) {
        opening_fail(opening, request->error, "", "it cannot be listed");
        return;
    }
    fresh = is_fresh(request);
    disk_names_free(directory->seam->disk, request);
    if (!fresh) {
        opening_fail(
            opening, ERROR_FOREIGN, "meta",
            "the file is missing but the directory is not empty. Nothing "
            "was changed. Name another directory in log.dirs, or restore "
            "the file");
        return;
    }
    sync_parent(opening);
}

void opening_make_new(struct opening *opening)
{
    opening->request.done = fresh_listed;
    disk_list(opening->directory->seam->disk, &opening->request,
              root_of(opening));
}
