/* SPDX-License-Identifier: Apache-2.0
 *
 * What each disk operation does when its time has come.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/disk_internal.h"

#define NAME_BYTES_MAX 256

static uint64_t room_left(const struct disk *disk)
{
    return disk->used < disk->capacity ? disk->capacity - disk->used : 0;
}

static enum error work_open(struct operation *operation)
{
    struct disk_request *request = operation->request;
    struct disk *disk = operation->disk;
    unsigned flags = request->flags;
    char name[NAME_BYTES_MAX];
    struct inode *parent = tree_parent(disk, request->path, name, sizeof name);
    struct inode *inode = parent ? entries_find(parent, CACHE, name) : NULL;

    if (parent == NULL)
        return ERROR_NOT_FOUND;
    if (inode != NULL && (flags & DISK_OPEN_CREATE_EXCL))
        return ERROR_EXISTS;
    if (inode != NULL && inode->directory)
        return ERROR_IO;
    if (inode == NULL) {
        if (!(flags & (DISK_OPEN_CREATE | DISK_OPEN_CREATE_EXCL)))
            return ERROR_NOT_FOUND;
        if (room_left(disk) == 0)
            return ERROR_DISK_FULL; /* a name takes space, too */
        inode = inode_new(disk, false);
        tree_link(parent, name, inode);
        inode_drop(inode);
    }
    inode_name(inode, request->path);
    request->file = disk_file_new(disk, inode);
    disk_file_note_top(request->file, request->path);
    request->file->read_only = (flags & DISK_OPEN_READ_ONLY) != 0;
    request->size = inode->content[CACHE].size;
    return ERROR_NONE;
}

static enum error work_lock(struct operation *operation)
{
    struct disk_request *request = operation->request;
    struct inode *inode = tree_find(operation->disk, request->path);
    enum error error;

    if (inode != NULL && inode->locked)
        return ERROR_LOCKED;
    request->flags = DISK_OPEN_CREATE;
    error = work_open(operation);
    if (error != ERROR_NONE)
        return error;
    request->file->inode->locked = true;
    request->file->locks = true;
    request->size = 0;
    return ERROR_NONE;
}

size_t disk_file_peek(struct disk_file *file, uint64_t offset, void *buffer,
                      size_t size)
{
    const struct content *content = &file->inode->content[CACHE];

    if (offset >= content->size || disk_file_fails(file))
        return 0;
    if (size > content->size - offset)
        size = (size_t)(content->size - offset);
    if (size > 0)
        memcpy(buffer, content->data + offset, size);
    damage_read(file->inode, offset, buffer, size);
    return size;
}

static enum error work_read(struct operation *operation, bool faults)
{
    struct disk_request *request = operation->request;

    request->size = 0;
    if (faults && NODE_FAULT(operation->disk->node, DISK_READ_EIO))
        return ERROR_IO;
    request->size = disk_file_peek(operation->file, request->offset,
                                   request->buffer, (size_t)request->length);
    return ERROR_NONE;
}

/* ---- append ------------------------------------------------------------ */

/* The first `limit` bytes of the vectors, as one write. */
static void write_vectors(struct operation *operation, uint64_t limit)
{
    struct disk_request *request = operation->request;

    file_write(operation->file->inode, request->offset, request->iov, limit);
}

static uint64_t some_prefix(struct disk *disk, uint64_t limit)
{
    return world_random_below(disk_world(disk), disk->node, PURPOSE_DISK_FAULT,
                              limit + 1);
}

static uint64_t append_size(const struct disk_request *request)
{
    uint64_t size = 0;

    for (unsigned i = 0; i < request->iov_count; i++)
        size += request->iov[i].iov_len;
    return size;
}

/* The longest prefix that there is space for. */
static uint64_t append_limit(const struct operation *operation)
{
    uint64_t limit =
        operation->file->inode->charged + room_left(operation->disk);
    uint64_t offset = operation->request->offset;

    return limit > offset ? limit - offset : 0;
}

static void append_some_prefix(struct operation *operation)
{
    uint64_t size = append_size(operation->request);
    uint64_t limit = append_limit(operation);

    write_vectors(operation,
                  some_prefix(operation->disk, size < limit ? size : limit));
}

static enum error work_append(struct operation *operation, bool faults)
{
    struct node *node = operation->disk->node;
    uint64_t size = append_size(operation->request);

    if (operation->file->read_only)
        return ERROR_IO;
    if (faults && NODE_FAULT(node, DISK_APPEND_EIO)) {
        append_some_prefix(operation);
        return ERROR_IO;
    }
    if (size > append_limit(operation) ||
        (faults && NODE_FAULT(node, DISK_APPEND_ENOSPC))) {
        append_some_prefix(operation);
        return ERROR_DISK_FULL;
    }
    write_vectors(operation, size);
    return ERROR_NONE;
}

static enum error work_truncate(struct operation *operation)
{
    struct disk *disk = operation->disk;
    struct inode *inode = operation->file->inode;
    uint64_t size = operation->request->length;

    if (operation->file->read_only)
        return ERROR_IO;
    if (size > inode->charged && size - inode->charged > room_left(disk))
        return ERROR_DISK_FULL;
    file_resize(inode, size);
    return ERROR_NONE;
}

static enum error work_allocate(struct operation *operation)
{
    struct inode *inode = operation->file->inode;
    uint64_t length = operation->request->length;

    if (operation->file->read_only)
        return ERROR_IO;
    if (length <= inode->charged)
        return ERROR_NONE;
    if (length - inode->charged > room_left(operation->disk))
        return ERROR_DISK_FULL;
    inode->allocated = length;
    inode_recharge(inode);
    return ERROR_NONE;
}

/* The files before a drawn one are synced, that one has lost its pages, and
 * those after it were not tried. */
static void sync_in_part(struct operation *operation)
{
    struct disk_request *request = operation->request;
    struct disk *disk = operation->disk;
    struct disk_file *file;
    size_t failing;

    if (request->file_count == 0)
        return;
    failing = world_random_below(disk_world(disk), disk->node,
                                 PURPOSE_DISK_FAULT, request->file_count);
    for (size_t i = 0; i < failing; i++)
        file_sync(request->files[i]->inode, operation->covered);
    file = request->files[failing];
    file_sync_failed(file->inode, operation->covered);
    file->failures_heard = file->inode->failures;
}

/* A sync by way of another open file failed, and this one hears of it. */
static bool hears_of_failure(struct disk_file *file)
{
    bool news = file->failures_heard != file->inode->failures;

    file->failures_heard = file->inode->failures;
    return news && disk_does(file->disk, file->disk->habits->tells_each);
}

static enum error work_sync(struct operation *operation, bool faults)
{
    struct disk_request *request = operation->request;

    if (faults && request->file_count > 0 &&
        NODE_FAULT(operation->disk->node, DISK_SYNC_EIO)) {
        sync_in_part(operation);
        return ERROR_IO;
    }
    for (size_t i = 0; i < request->file_count; i++) {
        file_sync(request->files[i]->inode, operation->covered);
        if (hears_of_failure(request->files[i]))
            return ERROR_IO;
    }
    return ERROR_NONE;
}

/* ---- paths ------------------------------------------------------------- */

static enum error work_rename(struct operation *operation)
{
    struct disk_request *request = operation->request;
    struct disk *disk = operation->disk;
    char name[NAME_BYTES_MAX];
    char to_name[NAME_BYTES_MAX];
    struct inode *from = tree_parent(disk, request->path, name, sizeof name);
    struct inode *to =
        tree_parent(disk, request->path_to, to_name, sizeof to_name);
    struct inode *inode = from ? entries_find(from, CACHE, name) : NULL;
    struct inode *old = to ? entries_find(to, CACHE, to_name) : NULL;

    if (inode == NULL || to == NULL)
        return ERROR_NOT_FOUND;
    if (old == inode)
        return ERROR_NONE;
    if (old != NULL && old->directory != inode->directory)
        return old->directory ? ERROR_IO : ERROR_NOT_FOUND;
    if (old != NULL && old->directory && old->entries[CACHE].count > 0)
        return ERROR_NOT_EMPTY;
    inode_name(inode, request->path_to);
    tree_rename(from, name, to, to_name);
    return ERROR_NONE;
}

static enum error work_remove(struct operation *operation, bool directory)
{
    char name[NAME_BYTES_MAX];
    struct inode *parent = tree_parent(
        operation->disk, operation->request->path, name, sizeof name);
    struct inode *inode = parent ? entries_find(parent, CACHE, name) : NULL;

    if (inode == NULL)
        return ERROR_NOT_FOUND;
    if (inode->directory != directory)
        return directory ? ERROR_NOT_FOUND : ERROR_IO;
    if (directory && inode->entries[CACHE].count > 0)
        return ERROR_NOT_EMPTY;
    tree_unlink(parent, name);
    return ERROR_NONE;
}

static enum error work_mkdir(struct operation *operation)
{
    char name[NAME_BYTES_MAX];
    struct inode *parent = tree_parent(
        operation->disk, operation->request->path, name, sizeof name);
    struct inode *inode;

    if (parent == NULL)
        return tree_find(operation->disk, operation->request->path)
                   ? ERROR_EXISTS
                   : ERROR_NOT_FOUND;
    if (entries_find(parent, CACHE, name) != NULL)
        return ERROR_EXISTS;
    if (room_left(operation->disk) == 0)
        return ERROR_DISK_FULL;
    inode = inode_new(operation->disk, true);
    tree_link(parent, name, inode);
    inode_drop(inode);
    return ERROR_NONE;
}

/* One block: its place in disk->names, the pointers, the strings. */
static enum error work_list(struct operation *operation)
{
    struct disk_request *request = operation->request;
    struct inode *inode = tree_find(operation->disk, request->path);
    const struct entries *entries;
    struct list *block;
    size_t bytes = 0;
    char *text;

    if (inode == NULL || !inode->directory)
        return ERROR_NOT_FOUND;
    entries = &inode->entries[CACHE];
    for (size_t i = 0; i < entries->count; i++)
        bytes += strlen(entries->entries[i].name) + 1;
    block = calloc(1, sizeof *block + entries->count * sizeof(char *) + bytes);
    ASSERT(block != NULL);
    list_init(block);
    list_append(&operation->disk->names, block);
    request->names = (char **)(void *)(block + 1);
    request->name_count = entries->count;
    text = (char *)(request->names + entries->count);
    for (size_t i = 0; i < entries->count; i++) {
        size_t size = strlen(entries->entries[i].name) + 1;

        memcpy(text, entries->entries[i].name, size);
        request->names[i] = text;
        text += size;
    }
    return ERROR_NONE;
}

static enum error work_sync_directory(struct operation *operation, bool faults)
{
    struct inode *inode = tree_find(operation->disk, operation->request->path);

    if (inode == NULL || !inode->directory)
        return ERROR_NOT_FOUND;
    if (faults && NODE_FAULT(operation->disk->node, DISK_SYNC_DIRECTORY_EIO)) {
        tree_sync_failed(inode);
        return ERROR_IO;
    }
    tree_sync(inode);
    damage_ripen(operation->disk);
    return ERROR_NONE;
}

static enum error work_free_space(struct operation *operation)
{
    if (tree_find(operation->disk, operation->request->path) == NULL)
        return ERROR_NOT_FOUND;
    operation->request->size = room_left(operation->disk);
    return ERROR_NONE;
}

static enum error work(struct operation *operation, bool faults)
{
    struct node *node = operation->disk->node;

    switch (operation->request->operation) {
    case DISK_OPEN:
        if (faults && NODE_FAULT(node, DISK_OPEN_EIO))
            return ERROR_IO;
        return work_open(operation);
    case DISK_LOCK:
        return work_lock(operation);
    case DISK_READ:
        return work_read(operation, faults);
    case DISK_APPEND:
        return work_append(operation, faults);
    case DISK_SYNC:
        return work_sync(operation, faults);
    case DISK_TRUNCATE:
        return work_truncate(operation);
    case DISK_ALLOCATE:
        return work_allocate(operation);
    case DISK_RENAME:
        return work_rename(operation);
    case DISK_UNLINK:
        return work_remove(operation, false);
    case DISK_MKDIR:
        return work_mkdir(operation);
    case DISK_RMDIR:
        return work_remove(operation, true);
    case DISK_LIST:
        return work_list(operation);
    case DISK_SYNC_DIRECTORY:
        return work_sync_directory(operation, faults);
    case DISK_FREE_SPACE:
        return work_free_space(operation);
    case DISK_CLOSE:
        break; /* has no request */
    }
    UNREACHABLE();
}

void disk_execute(struct operation *operation, bool faults)
{
    operation->request->error = work(operation, faults);
}

static void directory_sync_fails(struct operation *operation)
{
    struct inode *inode = tree_find(operation->disk, operation->request->path);

    if (inode != NULL && inode->directory)
        tree_sync_failed(inode);
}

void disk_execute_failing(struct operation *operation, enum error error)
{
    struct disk_request *request = operation->request;

    request->size = 0;
    if (request->operation == DISK_APPEND && !operation->file->read_only)
        append_some_prefix(operation);
    if (request->operation == DISK_SYNC)
        sync_in_part(operation);
    if (request->operation == DISK_SYNC_DIRECTORY)
        directory_sync_fails(operation);
    request->error = error;
}

void disk_execute_short(struct operation *operation)
{
    uint64_t size = append_size(operation->request);
    uint64_t limit = append_limit(operation);

    if (limit > size)
        limit = size;
    if (limit > 1 && !operation->file->read_only)
        write_vectors(operation, 1 + some_prefix(operation->disk, limit - 2));
    operation->request->error = ERROR_IO;
}
