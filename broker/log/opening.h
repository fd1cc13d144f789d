/* SPDX-License-Identifier: Apache-2.0
 *
 * A directory that is being opened, as the files of that share it:
 * open.c, open_new.c, open_leftovers.c. Nothing else includes this.
 */
#ifndef LOG_OPENING_H
#define LOG_OPENING_H

#include "log/recovery.h"

struct opening {
    struct log_directory *directory;
    struct disk_request request;
    struct disk_request inner;  /* the listing of a leftover */
    struct space_waiter waiter; /* for the directory or its lock */
    struct small_file file;
    struct steps steps;
    char *path; /* of the request under way */
    struct save_waiter saved;
    struct stored_log *stored;
    size_t stored_count;
    bool lost; /* the checkpoint */
    bool made; /* the directory itself, by this start */
    enum error error;
    char **names;
    size_t name_count;
    size_t at;
    struct recoveries *recoveries;
};

static inline struct heap *heap_of(const struct opening *opening)
{
    return opening->directory->seam->heap;
}

static inline const char *root_of(const struct opening *opening)
{
    return opening->directory->options.path;
}

/* Ends the opening, which is freed: no step follows. `name` is what it is
 * about, `advice` a way out; "" for none. */
void opening_fail(struct opening *opening, enum error error, const char *name,
                  const char *advice);
/* opening->path becomes `name` in the directory. */
void opening_set_path(struct opening *opening, const char *name);

/* Steps that begin in one file and go on in another. */
void opening_make_new(struct opening *opening);
void opening_read_clean(struct opening *opening);
void opening_next_name(struct opening *opening);
void opening_remove_leftover(struct opening *opening);
void opening_unlink_leftover(struct opening *opening, const char *name);
void opening_judge_unknown(struct opening *opening);

#endif
