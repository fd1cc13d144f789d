/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations on paths, one after the other, up to the first error: how a
 * directory is changed in an order that a crash may cut anywhere.
 */
#ifndef LOG_STEPS_H
#define LOG_STEPS_H

#include "log/space.h"
#include "seam/disk.h"
#include "seam/seam.h"
#include "seam/timer.h"

/* When the disk has too many requests in flight, the next try is so late. */
#define DISK_BUSY_PAUSE_US 1000

struct step {
    enum disk_operation operation;
    char *path;
    char *path_to;
    unsigned flags;
    enum error allowed; /* as good as success */
};

/* Embedded; left alone from steps_run() until done. Zeroed is empty. */
struct steps {
    void (*done)(struct steps *steps, enum error error);
    void *context;
    struct disk_file *file; /* of the last DISK_OPEN: the owner's after done */
    uint64_t file_size;
    struct disk_file *cut_file; /* what DISK_TRUNCATE and DISK_SYNC work on */
    uint64_t cut_size;
    /* Set after steps_init(): a step that finds no space waits there and is
     * tried again, for as long as it takes. NULL: done hears of it. */
    struct space *space;
    /* steps.c's */
    struct seam *seam;
    struct step *items;
    size_t count, capacity;
    size_t at;
    struct disk_request request;
    struct timer pause;
    struct space_waiter waiter;
};

void steps_init(struct steps *steps, struct seam *seam,
                void (*done)(struct steps *steps, enum error error),
                void *context);
/* Takes both paths (heap). */
void steps_add(struct steps *steps, enum disk_operation operation, char *path,
               char *path_to, enum error allowed);
void steps_open(struct steps *steps, char *path, unsigned flags);
void steps_run(struct steps *steps);
/* The path that failed, while done runs. */
const char *steps_path(const struct steps *steps);
/* The one that failed, with this error, found no space; nothing was done. A
 * sync that says so has failed for good, like any other. */
bool steps_lacked_space(const struct steps *steps, enum error error);
void steps_release(struct steps *steps);

#endif
