/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the files of a log directory that no broker runs on: names, small
 * files, and segments batch by batch. Nothing is written, nothing that is
 * read is trusted, and memory stays within one batch or one small file.
 */
#ifndef CLI_LOG_READ_H
#define CLI_LOG_READ_H

#include "log/format.h"

#define LOG_PATH_SIZE 4096

/* What is wrong, and where in the file. */
struct log_fault {
    uint64_t position;
    bool unreadable; /* the system refused, the bytes are not to blame */
    char text[200];
};

void log_fault_set(struct log_fault *fault, uint64_t position,
                   const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "directory/name" into LOG_PATH_SIZE bytes; cut when it is longer. */
void log_path(char *path, const char *directory, const char *name);

/* The names in a directory, sorted, without "." and "..". */
struct log_names {
    char **names;
    size_t count;
};

/* False with errno. Free with log_names_release(). */
bool log_names_read(const char *path, struct log_names *names);
void log_names_release(struct log_names *names);

/* Holds off brokers while a directory is looked at. */
enum log_lock { LOG_LOCK_HELD, LOG_LOCK_BUSY, LOG_LOCK_MISSING };
/* *fd is to be closed when the lock is held. */
enum log_lock log_lock_take(const char *directory, int *fd);

/* ---- small files ---- */

/* The kinds, by magic and by the largest payload that makes sense. */
struct log_small {
    uint8_t *data;
    const uint8_t *payload; /* into data */
    size_t payload_size;
};

/* Reads a whole small file; false with *fault when it is not whole. The size
 * is bounded by the magic. Free with log_small_release() in any case. */
bool log_small_read(const char *path, uint32_t magic, struct log_small *file,
                    struct log_fault *fault);
void log_small_release(struct log_small *file);

/* ---- segments ---- */

enum segment_step {
    SEGMENT_BATCH,
    SEGMENT_BATCH_DAMAGED, /* its header is whole: the next one can be found */
    SEGMENT_LOST,          /* no further batch can be found */
    SEGMENT_END
};

struct segment_walk {
    int fd;
    uint64_t size;                   /* of the file */
    uint64_t next;                   /* where the next batch begins */
    const struct partition_key *key; /* NULL: header checksums are not known */
    uint8_t *buffer;
    size_t capacity, filled;
    uint64_t buffer_at;
    /* the batch of this step */
    uint64_t position;
    struct batch_header header;
    const uint8_t *batch; /* header.length bytes, until the next step */
};

/* False with *fault. Borrows key until closed. */
bool segment_walk_open(struct segment_walk *walk, const char *path,
                       const struct partition_key *key,
                       struct log_fault *fault);
/* *fault is set for SEGMENT_BATCH_DAMAGED and SEGMENT_LOST. */
enum segment_step segment_walk_next(struct segment_walk *walk,
                                    struct log_fault *fault);
void segment_walk_close(struct segment_walk *walk);

#endif
