/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations on paths, one after the other, up to the first error: how a
 * directory is changed in an order that a crash may cut anywhere.
 */
#ifndef LOG_STEPS_H
#define LOG_STEPS_H

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
    /* steps.c's */
    struct seam *seam;
    struct step *items;
    size_t count, capacity;
    size_t at;
    struct disk_request request;
    struct timer pause;
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
void steps_release(struct steps *steps);

#endif
