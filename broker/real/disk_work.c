/* SPDX-License-Identifier: Apache-2.0 */
#include "real/disk_work.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "faults/fault.h"
#include "real/internal.h"

#define WARM_BYTES   (256u << 10)
#define STALL_US_MAX 2000000u

enum error error_of_errno(int number)
{
    switch (number) {
    case 0:
        return ERROR_NONE;
    case ENOENT:
    case ENOTDIR:
        return ERROR_NOT_FOUND;
    case EEXIST:
        return ERROR_EXISTS;
    case ENOSPC:
    case EDQUOT:
        return ERROR_DISK_FULL;
    case ENOTEMPTY:
        return ERROR_NOT_EMPTY;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERROR_PERMISSION;
    case EWOULDBLOCK:
        return ERROR_LOCKED;
    case EADDRINUSE:
        return ERROR_ADDRESS_IN_USE;
    case EADDRNOTAVAIL:
    case ENETUNREACH:
    case EHOSTUNREACH:
        return ERROR_UNREACHABLE;
    case ECONNREFUSED:
        return ERROR_REFUSED;
    case ETIMEDOUT:
        return ERROR_TIMED_OUT;
    case ENOMEM:
        return ERROR_OUT_OF_MEMORY;
    default:
        return ERROR_IO;
    }
}

static enum error error_of_result(int result)
{
    return result == 0 ? ERROR_NONE : error_of_errno(errno);
}

static struct disk_request *request_of(struct list *node)
{
    return container_of(node, struct disk_request, node);
}

static int fd_of(const struct disk_request *request)
{
    const struct disk_file *file = request->world;

    return file->fd;
}

static enum error work_open(struct disk_request *request)
{
    int flags = O_CLOEXEC;
    struct stat stat;
    int fd;

    if (FAULT_FIRES(DISK_OPEN_EIO))
        return ERROR_IO;
    flags |= request->flags & DISK_OPEN_READ_ONLY ? O_RDONLY : O_RDWR;
    if (request->flags & (DISK_OPEN_CREATE | DISK_OPEN_CREATE_EXCL))
        flags |= O_CREAT;
    if (request->flags & DISK_OPEN_CREATE_EXCL)
        flags |= O_EXCL;
    fd = open(request->path, flags, 0644);
    if (fd < 0)
        return error_of_errno(errno);
    if (fstat(fd, &stat) != 0) {
        close(fd);
        return ERROR_IO;
    }
    request->size = (uint64_t)stat.st_size;
    request->offset = (uint64_t)fd;
    return ERROR_NONE;
}

static enum error work_lock(struct disk_request *request)
{
    int fd = open(request->path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

    if (fd < 0)
        return error_of_errno(errno);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        enum error error = error_of_errno(errno);

        close(fd);
        return error;
    }
    request->size = 0;
    request->offset = (uint64_t)fd;
    return ERROR_NONE;
}

/* Without a buffer: into the page cache only. */
static enum error work_warm(struct disk_request *request)
{
    uint8_t *scratch = malloc(WARM_BYTES);
    uint64_t end = request->offset + request->length;

    if (scratch == NULL)
        return ERROR_OUT_OF_MEMORY;
    for (uint64_t at = request->offset; at < end; at += WARM_BYTES) {
        uint64_t left = end - at;
        ssize_t got = pread(fd_of(request), scratch,
                            left < WARM_BYTES ? left : WARM_BYTES, (off_t)at);

        if (got <= 0)
            break; /* the send will see it */
    }
    free(scratch);
    return ERROR_NONE;
}

static enum error work_read(struct disk_request *request)
{
    uint8_t *to = request->buffer;

    if (to == NULL)
        return work_warm(request);
    request->size = 0;
    if (FAULT_FIRES(DISK_READ_EIO))
        return ERROR_IO;
    while (request->size < request->length) {
        ssize_t got = pread(fd_of(request), to + request->size,
                            request->length - request->size,
                            (off_t)(request->offset + request->size));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_of_errno(errno);
        if (got == 0)
            break;
        request->size += (uint64_t)got;
    }
    return ERROR_NONE;
}

/* Drops `written` bytes from the front of the vectors. */
static unsigned iov_advance(struct iovec *iov, unsigned count, size_t written)
{
    unsigned first = 0;

    while (first < count && written >= iov[first].iov_len)
        written -= iov[first++].iov_len;
    memmove(iov, iov + first, (count - first) * sizeof *iov);
    if (first < count) {
        iov[0].iov_base = (uint8_t *)iov[0].iov_base + written;
        iov[0].iov_len -= written;
    }
    return count - first;
}

/* A part of its first vector, which any prefix may be. */
static enum error append_some(const struct disk_request *request,
                              enum error error)
{
    ssize_t ignored =
        pwrite(fd_of(request), request->iov[0].iov_base,
               request->iov[0].iov_len / 2, (off_t)request->offset);

    (void)ignored;
    return error;
}

static enum error work_append(struct disk_request *request)
{
    struct iovec iov[DISK_IOV_MAX];
    unsigned count = request->iov_count;
    uint64_t at = request->offset;

    if (FAULT_FIRES(DISK_APPEND_EIO))
        return append_some(request, ERROR_IO);
    if (FAULT_FIRES(DISK_APPEND_ENOSPC))
        return append_some(request, ERROR_DISK_FULL);
    memcpy(iov, request->iov, count * sizeof *iov);
    while (count > 0) {
        ssize_t written = pwritev(fd_of(request), iov, (int)count, (off_t)at);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return error_of_errno(errno);
        if (written == 0)
            return ERROR_IO;
        at += (uint64_t)written;
        count = iov_advance(iov, count, (size_t)written);
    }
    return ERROR_NONE;
}

uint64_t disk_append_size(const struct disk_request *request)
{
    uint64_t size = 0;

    for (unsigned i = 0; i < request->iov_count; i++)
        size += request->iov[i].iov_len;
    return size;
}

/* What fails is the first that is not written: it is not tried again. Those
 * behind it are, alone, as they would have been. */
static void append_joined(struct list *requests)
{
    struct iovec iov[JOINED_IOV_MAX];
    const struct disk_request *first = request_of(list_first(requests));
    enum error error = ERROR_NONE;
    unsigned count = 0;
    uint64_t written = 0;
    ssize_t result;

    list_for_each (node, requests) {
        const struct disk_request *request = request_of(node);

        ASSERT(count + request->iov_count <= JOINED_IOV_MAX);
        memcpy(iov + count, request->iov, request->iov_count * sizeof *iov);
        count += request->iov_count;
    }
    do
        result = pwritev(fd_of(first), iov, (int)count, (off_t)first->offset);
    while (result < 0 && errno == EINTR);
    if (result < 0)
        error = error_of_errno(errno);
    else
        written = (uint64_t)result;
    list_for_each (node, requests) {
        struct disk_request *request = request_of(node);
        uint64_t size = disk_append_size(request);

        if (error != ERROR_NONE) {
            request->error = error;
            error = ERROR_NONE;
        } else if (written >= size) {
            written -= size;
        } else {
            written = 0;
            request->error = work_append(request);
        }
    }
}

/* Where syncfs() is known to be as good as a sync of each file. FUSE answers 0
 * and does not pass it on to those who hold the bytes. */
static bool syncs_whole(int fd)
{
    static const uint32_t types[] = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC,
                                     BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC,
                                     TMPFS_MAGIC};
    struct statfs stat;

    if (fstatfs(fd, &stat) != 0)
        return false;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if ((uint32_t)stat.f_type == types[i])
            return true;
    return false;
}

/* What failed to be written back earlier, by the kernel itself, syncfs() tells
 * to whoever asks first, which may be another process: each file is asked too.
 * With nothing left to wait for, that costs no more than the call. */
static enum error ask_files(const struct disk_request *request)
{
    for (size_t i = 0; i < request->file_count; i++)
        if (sync_file_range(request->files[i]->fd, 0, 1,
                            SYNC_FILE_RANGE_WAIT_BEFORE) != 0)
            return error_of_errno(errno);
    return ERROR_NONE;
}

static enum error work_sync(const struct disk_request *request)
{
    if (FAULT_FIRES(DISK_SYNC_EIO))
        return ERROR_IO;
    for (size_t i = 0; i < request->file_count; i++)
        if (fdatasync(request->files[i]->fd) != 0)
            return error_of_errno(errno);
    return ERROR_NONE;
}

/* Of one file system. */
static void work_syncs(struct list *requests)
{
    size_t files = 0;
    bool joined;
    int fd;

    list_for_each (node, requests)
        files += request_of(node)->file_count;
    joined = files >= SYNCFS_FILES_MIN && !FAULT_EACH_ALONE;
    if (joined) {
        fd = request_of(list_first(requests))->files[0]->fd;
        joined = syncs_whole(fd);
    }
    if (joined && syncfs(fd) != 0) {
        enum error error = error_of_errno(errno);

        list_for_each (node, requests)
            request_of(node)->error = error;
        return;
    }
    list_for_each (node, requests) {
        struct disk_request *request = request_of(node);

        request->error = joined ? ask_files(request) : work_sync(request);
    }
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum error work_list(struct disk_request *request)
{
    DIR *directory = opendir(request->path);
    size_t room = 0;
    struct dirent *entry;
    enum error error;

    if (directory == NULL)
        return error_of_errno(errno);
    errno = 0;
    while ((entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (request->name_count == room) {
            room = room ? room * 2 : 64;
            request->names =
                realloc(request->names, room * sizeof *request->names);
            ASSERT(request->names != NULL);
        }
        request->names[request->name_count] = strdup(entry->d_name);
        ASSERT(request->names[request->name_count] != NULL);
        request->name_count++;
    }
    error = error_of_errno(errno);
    closedir(directory);
    if (request->name_count > 0)
        qsort(request->names, request->name_count, sizeof *request->names,
              compare_names);
    return error;
}

static enum error work_sync_directory(struct disk_request *request)
{
    int fd = open(request->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum error error;

    if (fd < 0)
        return error_of_errno(errno);
    if (FAULT_FIRES(DISK_SYNC_DIRECTORY_EIO)) {
        close(fd);
        return ERROR_IO;
    }
    error = error_of_result(fsync(fd));
    close(fd);
    return error;
}

/* Those of one file system by one syncfs(). */
static void directories_joined(struct list *requests)
{
    const struct disk_request *first = request_of(list_first(requests));
    int fd = open(first->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat root, stat_buffer;
    bool joined = fd >= 0 && fstat(fd, &root) == 0 && syncs_whole(fd);
    enum error error = ERROR_NONE;

    if (joined && syncfs(fd) != 0)
        error = error_of_errno(errno);
    list_for_each (node, requests) {
        struct disk_request *request = request_of(node);

        if (joined && stat(request->path, &stat_buffer) == 0 &&
            S_ISDIR(stat_buffer.st_mode) && stat_buffer.st_dev == root.st_dev)
            request->error = error;
        else
            request->error = work_sync_directory(request);
    }
    if (fd >= 0)
        close(fd);
}

static enum error work_free_space(struct disk_request *request)
{
    struct statvfs stat;

    if (statvfs(request->path, &stat) != 0)
        return error_of_errno(errno);
    request->size = (uint64_t)stat.f_bavail * stat.f_frsize;
    return ERROR_NONE;
}

static enum error work(struct disk_request *request)
{
    switch (request->operation) {
    case DISK_OPEN:
        return work_open(request);
    case DISK_LOCK:
        return work_lock(request);
    case DISK_READ:
        return work_read(request);
    case DISK_APPEND:
        return work_append(request);
    case DISK_TRUNCATE:
        return error_of_result(
            ftruncate(fd_of(request), (off_t)request->length));
    case DISK_ALLOCATE:
        return error_of_result(fallocate(fd_of(request), FALLOC_FL_KEEP_SIZE, 0,
                                         (off_t)request->length));
    case DISK_RENAME:
        return error_of_result(rename(request->path, request->path_to));
    case DISK_UNLINK:
        return error_of_result(unlink(request->path));
    case DISK_MKDIR:
        return error_of_result(mkdir(request->path, 0755));
    case DISK_RMDIR:
        return error_of_result(rmdir(request->path));
    case DISK_LIST:
        return work_list(request);
    case DISK_SYNC_DIRECTORY:
        return work_sync_directory(request);
    case DISK_FREE_SPACE:
        return work_free_space(request);
    case DISK_SYNC:
    case DISK_CLOSE:
        break; /* work_syncs() does it; has no request */
    }
    UNREACHABLE();
}

static size_t count_of(struct list *requests)
{
    size_t count = 0;

    list_for_each (node, requests)
        count++;
    return count;
}

static void stall(void)
{
    struct timespec pause = {0, 0};
    unsigned us = 0;

    if (!FAULT_FIRES(DISK_STALL) ||
        getrandom(&us, sizeof us, 0) != (ssize_t)sizeof us)
        return;
    us %= STALL_US_MAX;
    pause.tv_sec = us / 1000000;
    pause.tv_nsec = us % 1000000 * 1000L;
    nanosleep(&pause, NULL);
}

void disk_work(struct list *requests)
{
    size_t count = count_of(requests);
    enum disk_operation operation = request_of(list_first(requests))->operation;

    stall();
    if (count > 1 && operation == DISK_APPEND && !FAULT_EACH_ALONE)
        append_joined(requests);
    else if (operation == DISK_SYNC)
        work_syncs(requests);
    else if (count >= SYNCFS_FILES_MIN && operation == DISK_SYNC_DIRECTORY &&
             !FAULT_EACH_ALONE)
        directories_joined(requests);
    else
        list_for_each (node, requests)
            request_of(node)->error = work(request_of(node));
}
