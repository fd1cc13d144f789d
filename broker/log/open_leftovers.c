/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns what a start finds beside the logs it knows: what was being written or
 * deleted goes, and so does a log that was being made and is empty; one with
 * records that the checkpoint does not know is refused, and nothing of it is
 * changed. Calls opening_next_name() when it is done with a name.
 */
#include <string.h>

#include "log/opening.h"

#define FIRST_SEGMENT "00000000000000000000.log"

/* ---- leftovers ---- */

static void leftover_removed(struct steps *steps, enum error error)
{
    struct opening *opening = steps->context;

    if (error != ERROR_NONE) {
        opening_fail(opening, error, opening->names[opening->at],
                     "it was deleted and could not be removed");
        return;
    }
    steps_release(steps);
    opening->at++;
    opening_next_name(opening);
}

static void leftover_listed(struct disk_request *request)
{
    struct opening *opening = container_of(request, struct opening, inner);
    struct seam *seam = opening->directory->seam;
    struct steps *steps = &opening->steps;

    if (request->error != ERROR_NONE) {
        opening_fail(opening, request->error, opening->names[opening->at],
                     "it was deleted and could not be removed");
        return;
    }
    steps_init(steps, seam, leftover_removed, opening);
    steps->space = &opening->directory->space;
    for (size_t i = 0; i < request->name_count; i++)
        steps_add(steps, DISK_UNLINK,
                  path_of(seam->heap, opening->path, request->names[i]), NULL,
                  ERROR_NOT_FOUND);
    disk_names_free(seam->disk, request);
    steps_add(steps, DISK_RMDIR, heap_strdup(seam->heap, opening->path), NULL,
              ERROR_NOT_FOUND);
    steps_run(steps);
}

void opening_remove_leftover(struct opening *opening)
{
    opening_set_path(opening, opening->names[opening->at]);
    opening->inner.done = leftover_listed;
    disk_list(opening->directory->seam->disk, &opening->inner, opening->path);
}

void opening_unlink_leftover(struct opening *opening, const char *name)
{
    struct seam *seam = opening->directory->seam;

    steps_init(&opening->steps, seam, leftover_removed, opening);
    opening->steps.space = &opening->directory->space;
    steps_add(&opening->steps, DISK_UNLINK,
              path_of(seam->heap, root_of(opening), name), NULL,
              ERROR_NOT_FOUND);
    steps_run(&opening->steps);
}

/* ---- logs that nobody knows of ---- */

static void refuse_unknown(struct opening *opening)
{
    opening_fail(
        opening, ERROR_FOREIGN, opening->names[opening->at],
        "it holds records but the checkpoint does not know it: it was moved "
        "here, or the checkpoint is an old copy. Nothing of it was changed. "
        "Move it out of log.dirs, or restore the checkpoint of its time");
}

static void unknown_opened(struct disk_request *request)
{
    struct opening *opening = container_of(request, struct opening, inner);

    if (request->error != ERROR_NONE && request->error != ERROR_NOT_FOUND) {
        opening_fail(opening, request->error, opening->names[opening->at],
                     "it cannot be read");
        return;
    }
    if (request->error == ERROR_NONE)
        disk_close(opening->directory->seam->disk, request->file);
    if (request->error == ERROR_NONE && request->size > 0)
        refuse_unknown(opening);
    else
        opening_remove_leftover(opening);
}

static void unknown_listed(struct disk_request *request)
{
    struct opening *opening = container_of(request, struct opening, inner);
    struct seam *seam = opening->directory->seam;
    bool made = true; /* as far as its first, empty segment */
    char *segment;

    if (request->error != ERROR_NONE) {
        opening_fail(opening, request->error, opening->names[opening->at],
                     "it cannot be listed");
        return;
    }
    for (size_t i = 0; i < request->name_count; i++)
        made = made && strcmp(request->names[i], FIRST_SEGMENT) == 0;
    disk_names_free(seam->disk, request);
    if (!made) {
        refuse_unknown(opening);
        return;
    }
    segment = path_of(seam->heap, opening->path, FIRST_SEGMENT);
    heap_free(seam->heap, opening->path);
    opening->path = segment;
    opening->inner.done = unknown_opened;
    disk_open(seam->disk, &opening->inner, segment, DISK_OPEN_READ_ONLY);
}

/* A log that was being made when the broker ended is empty, and goes. */
void opening_judge_unknown(struct opening *opening)
{
    opening_set_path(opening, opening->names[opening->at]);
    opening->inner.done = unknown_listed;
    disk_list(opening->directory->seam->disk, &opening->inner, opening->path);
}
