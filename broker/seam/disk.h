/* SPDX-License-Identifier: Apache-2.0
 *
 * Asynchronous disk. Every call fills the request, submits it and returns;
 * EVENT_DISK_DONE brings it back exactly once, never before the call has
 * returned. Loop thread only.
 *
 * Order: operations on one file complete in the order of submission; across
 * files there is no order. A sync is an operation on a set, outside of that
 * order: appends may pass it; it covers what had completed before it was
 * submitted. Operations on paths (rename, unlink, mkdir, rmdir, list,
 * sync_directory) complete in the order of submission among themselves.
 * A failed sync is final: what it covered may be gone and a later success
 * says nothing about it (see PostgreSQL's "fsyncgate", 2018).
 *
 * Bounds: past DISK_IN_FLIGHT_MAX requests, a request completes with
 * ERROR_BUSY and nothing was done. Paths are '/'-separated and relative to
 * the current directory of the process or absolute; in the simulator every
 * node has a file tree of its own.
 *
 * Borrowing: paths, buffers, iovecs and file arrays are borrowed until done.
 */
#ifndef SEAM_DISK_H
#define SEAM_DISK_H

#include <stdbool.h>
#include <sys/uio.h>

#include "base/error.h"
#include "base/list.h"
#include "seam/seam.h"

#define DISK_IN_FLIGHT_MAX 4096
#define DISK_IOV_MAX       64

struct disk_file; /* an open file; the world's */

enum disk_operation {
    DISK_OPEN,
    DISK_READ,
    DISK_APPEND,
    DISK_SYNC,
    DISK_TRUNCATE,
    DISK_ALLOCATE,
    DISK_RENAME,
    DISK_UNLINK,
    DISK_MKDIR,
    DISK_RMDIR,
    DISK_LIST,
    DISK_SYNC_DIRECTORY,
    DISK_LOCK,
    DISK_FREE_SPACE,
    DISK_CLOSE
};

enum disk_open_flags {
    DISK_OPEN_EXISTING = 0,    /* read and write; ERROR_NOT_FOUND */
    DISK_OPEN_CREATE = 1,      /* create when missing */
    DISK_OPEN_CREATE_EXCL = 2, /* ERROR_EXISTS when it is there */
    DISK_OPEN_READ_ONLY = 4
};

struct disk_request {
    void (*done)(struct disk_request *request); /* set by the caller */

    /* results */
    enum error error;
    struct disk_file *file; /* open, lock: the file; close with disk_close */
    uint64_t size;          /* open: file size; read: bytes read (short only
                               at the end of the file); free space: bytes */
    char **names;           /* list: sorted by byte value, without . and .. */
    size_t name_count;

    /* what was asked, filled by the call; the world's until done */
    enum disk_operation operation;
    const char *path;
    const char *path_to;
    unsigned flags;
    struct disk_file *const *files;
    size_t file_count;
    const struct iovec *iov;
    unsigned iov_count;
    void *buffer;
    uint64_t offset;
    uint64_t length;
    struct list node;
    void *world;
};

void disk_open(struct disk *disk, struct disk_request *request,
               const char *path, unsigned flags);

/* Reads up to `length` bytes at `offset` into `buffer`. */
void disk_read(struct disk *disk, struct disk_request *request,
               struct disk_file *file, void *buffer, uint64_t length,
               uint64_t offset);

/* Writes the vectors at `offset`, which is the end of the file as the caller
 * sees it (the file need not be that long or that short: preallocated and
 * recycled files are written within). All or an error; after an error the
 * file may hold any prefix. iov_count <= DISK_IOV_MAX. */
void disk_append(struct disk *disk, struct disk_request *request,
                 struct disk_file *file, const struct iovec *iov,
                 unsigned iov_count, uint64_t offset);

/* Makes data and sizes of these files durable (not their directory
 * entries). One error for the set: then none of them may be trusted. */
void disk_sync(struct disk *disk, struct disk_request *request,
               struct disk_file *const *files, size_t count);

/* Cuts or extends. From submission on, sends of ranges past `size` by
 * net_send_file() close their connection instead. */
void disk_truncate(struct disk *disk, struct disk_request *request,
                   struct disk_file *file, uint64_t size);

/* Reserves space for [0, length) without changing the visible size. */
void disk_allocate(struct disk *disk, struct disk_request *request,
                   struct disk_file *file, uint64_t length);

/* Replaces `to` atomically when it exists. */
void disk_rename(struct disk *disk, struct disk_request *request,
                 const char *from, const char *to);
void disk_unlink(struct disk *disk, struct disk_request *request,
                 const char *path);
void disk_mkdir(struct disk *disk, struct disk_request *request,
                const char *path); /* ERROR_EXISTS */
void disk_rmdir(struct disk *disk, struct disk_request *request,
                const char *path); /* ERROR_NOT_EMPTY */

/* The entries of a directory; free with disk_names_free(). */
void disk_list(struct disk *disk, struct disk_request *request,
               const char *path);
void disk_names_free(struct disk *disk, struct disk_request *request);

/* Makes the entries of a directory durable (creations, renames, unlinks). */
void disk_sync_directory(struct disk *disk, struct disk_request *request,
                         const char *path);

/* Opens (creates) and locks a file against other processes until closed;
 * ERROR_LOCKED. */
void disk_lock(struct disk *disk, struct disk_request *request,
               const char *path);

/* Bytes that may still be written in the file system of `path`. */
void disk_free_space(struct disk *disk, struct disk_request *request,
                     const char *path);

/* Gives the file up. What was submitted before still completes; sends from
 * the file go on to their end. There is no completion. NULL is taken. */
void disk_close(struct disk *disk, struct disk_file *file);

#endif
