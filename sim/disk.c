/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulated disk of a node: requests are carried out after a drawn time,
 * in the order of their file (or of the paths), and come back as events. It
 * outlives the processes of the node.
 */
#include "seam/disk.h"

#include <stdlib.h>
#include <string.h>

#include "sim/disk_internal.h"
#include "sim/pool.h"

#define CAPACITY_DEFAULT (UINT64_C(1) << 40)
#define STALL_US_MAX     2000000

bool disk_does(const struct disk *disk, enum habit habit)
{
    if (habit != MAYBE)
        return habit == ALWAYS;
    return world_chance(disk_world(disk), disk->node, PURPOSE_DISK_PROFILE, 2);
}

/* ---- completion -------------------------------------------------------- */

static void operation_free(struct operation *operation)
{
    struct disk_request *request = operation->request;

    world_cancel(disk_world(operation->disk), &operation->happening);
    list_remove(&operation->delivery.link);
    list_remove(&operation->link);
    if (operation->file != NULL)
        disk_file_drop(operation->file);
    if (request->operation == DISK_SYNC && !operation->busy)
        for (size_t i = 0; i < request->file_count; i++)
            disk_file_drop(request->files[i]);
    operation->disk->in_flight--;
    pool_give(operation, sizeof *operation);
}

static void on_complete(struct happening *happening)
{
    struct operation *operation =
        container_of(happening, struct operation, happening);

    operation->executed = true;
    if (operation->busy)
        operation->request->error = ERROR_BUSY;
    else if (disk_operation_fails(operation))
        disk_execute_failing(operation, ERROR_IO);
    else if (!operation->struck || !disk_strike_fails(operation))
        disk_execute(operation, true);
    node_arrive(operation->disk->node, &operation->delivery);
}

static void on_deliver(struct delivery *delivery)
{
    struct operation *operation =
        container_of(delivery, struct operation, delivery);
    struct disk_request *request = operation->request;
    struct disk *disk = operation->disk;
    struct node *node = disk->node;
    bool struck = operation->struck;
    const char *name = disk_operation_name(request->operation);
    struct event event = {.type = EVENT_DISK_DONE, .disk_request = request};
    struct event_key key = {.what = name};

    if (operation->file != NULL) {
        key.id = operation->file->inode->id;
        key.a = request->offset;
        key.b = request->operation == DISK_READ ? request->size : 0;
    } else if (request->operation == DISK_SYNC) {
        key.a = request->file_count;
    }
    key.b |= (uint64_t)request->error << 48;
    world_text(
        node->world, node, "disk %s %s: %s", name,
        operation->file || request->operation == DISK_SYNC ? "" : request->path,
        error_name(request->error));
    operation_free(operation);
    node_handle(node, &event, &key);
    if (struck)
        disk_strike_done(disk);
}

/* ---- submission -------------------------------------------------------- */

static uint64_t bytes_of(const struct disk_request *request)
{
    uint64_t bytes = 0;

    if (request->operation == DISK_READ)
        return request->length;
    if (request->operation == DISK_APPEND)
        for (unsigned i = 0; i < request->iov_count; i++)
            bytes += request->iov[i].iov_len;
    return bytes;
}

static int64_t latency_us(struct disk *disk, const struct disk_request *request)
{
    struct world *world = disk_world(disk);
    int64_t low = 20;
    int64_t high = 100;
    int64_t us;

    switch (request->operation) {
    case DISK_READ:
    case DISK_APPEND:
    case DISK_LIST:
        low = 50;
        high = 200;
        break;
    case DISK_SYNC:
    case DISK_SYNC_DIRECTORY:
        low = 200;
        high = 800;
        break;
    default:
        break;
    }
    us = world_between(world, disk->node, PURPOSE_DISK_LATENCY, low, high) +
         (int64_t)(bytes_of(request) / 1000);
    if (NODE_FAULT(disk->node, DISK_STALL))
        us += world_between(world, disk->node, PURPOSE_DISK_FAULT, 0,
                            STALL_US_MAX);
    return us;
}

/* In the order of `last_us`, where there is one. */
static struct operation *submit(struct disk *disk, struct disk_request *request,
                                enum disk_operation kind, int64_t *last_us)
{
    struct operation *operation = pool_take_zeroed(sizeof *operation);
    struct world *world = disk_world(disk);
    int64_t at_us = world->now_us;

    request->operation = kind;
    request->error = ERROR_NONE;
    request->world = NULL;
    list_init(&request->node);
    operation->disk = disk;
    operation->request = request;
    operation->happening.run = on_complete;
    operation->covered = disk->next_record;
    delivery_init(&operation->delivery, on_deliver);
    list_init(&operation->link);
    list_append(&disk->operations, &operation->link);
    operation->busy = disk->in_flight++ >= DISK_IN_FLIGHT_MAX;
    if (operation->busy) {
        at_us += 1;
    } else {
        at_us += latency_us(disk, request);
        if (last_us != NULL && at_us < *last_us)
            at_us = *last_us;
        if (last_us != NULL)
            *last_us = at_us;
    }
    world_schedule(world, &operation->happening, at_us);
    return operation;
}

static void on_path(struct disk *disk, struct disk_request *request,
                    enum disk_operation kind, const char *path)
{
    request->path = path;
    disk_submitted(submit(disk, request, kind, &disk->paths_last_us));
}

static void on_file(struct disk *disk, struct disk_request *request,
                    enum disk_operation kind, struct disk_file *file)
{
    struct operation *operation = submit(disk, request, kind, &file->last_us);

    disk_file_hold(file);
    operation->file = file;
    disk_submitted(operation);
}

void disk_open(struct disk *disk, struct disk_request *request,
               const char *path, unsigned flags)
{
    request->flags = flags;
    on_path(disk, request, DISK_OPEN, path);
}

void disk_lock(struct disk *disk, struct disk_request *request,
               const char *path)
{
    on_path(disk, request, DISK_LOCK, path);
}

void disk_rename(struct disk *disk, struct disk_request *request,
                 const char *from, const char *to)
{
    request->path_to = to;
    on_path(disk, request, DISK_RENAME, from);
}

void disk_unlink(struct disk *disk, struct disk_request *request,
                 const char *path)
{
    on_path(disk, request, DISK_UNLINK, path);
}

void disk_mkdir(struct disk *disk, struct disk_request *request,
                const char *path)
{
    on_path(disk, request, DISK_MKDIR, path);
}

void disk_rmdir(struct disk *disk, struct disk_request *request,
                const char *path)
{
    on_path(disk, request, DISK_RMDIR, path);
}

void disk_list(struct disk *disk, struct disk_request *request,
               const char *path)
{
    request->names = NULL;
    request->name_count = 0;
    on_path(disk, request, DISK_LIST, path);
}

void disk_sync_directory(struct disk *disk, struct disk_request *request,
                         const char *path)
{
    on_path(disk, request, DISK_SYNC_DIRECTORY, path);
}

void disk_free_space(struct disk *disk, struct disk_request *request,
                     const char *path)
{
    on_path(disk, request, DISK_FREE_SPACE, path);
}

void disk_read(struct disk *disk, struct disk_request *request,
               struct disk_file *file, void *buffer, uint64_t length,
               uint64_t offset)
{
    request->buffer = buffer;
    request->length = length;
    request->offset = offset;
    on_file(disk, request, DISK_READ, file);
}

void disk_append(struct disk *disk, struct disk_request *request,
                 struct disk_file *file, const struct iovec *iov,
                 unsigned iov_count, uint64_t offset)
{
    ASSERT(iov_count <= DISK_IOV_MAX);
    request->iov = iov;
    request->iov_count = iov_count;
    request->offset = offset;
    on_file(disk, request, DISK_APPEND, file);
}

void disk_truncate(struct disk *disk, struct disk_request *request,
                   struct disk_file *file, uint64_t size)
{
    file->cut_count++;
    if (size < file->cut_lowest)
        file->cut_lowest = size;
    request->length = size;
    request->offset = size;
    on_file(disk, request, DISK_TRUNCATE, file);
}

void disk_allocate(struct disk *disk, struct disk_request *request,
                   struct disk_file *file, uint64_t length)
{
    request->length = length;
    request->offset = length;
    on_file(disk, request, DISK_ALLOCATE, file);
}

void disk_sync(struct disk *disk, struct disk_request *request,
               struct disk_file *const *files, size_t count)
{
    struct operation *operation;

    request->files = files;
    request->file_count = count;
    operation = submit(disk, request, DISK_SYNC, NULL);
    for (size_t i = 0; i < count && !operation->busy; i++)
        disk_file_hold(files[i]);
    disk_submitted(operation);
}

/* ---- files ------------------------------------------------------------- */

struct disk_file *disk_file_new(struct disk *disk, struct inode *inode)
{
    struct disk_file *file = calloc(1, sizeof *file);

    ASSERT(file != NULL);
    file->disk = disk;
    file->inode = inode;
    file->references = 1;
    file->cut_lowest = UINT64_MAX;
    file->failures_heard = inode->failures;
    list_init(&file->link);
    list_append(&disk->files, &file->link);
    inode_hold(inode);
    inode->opens++;
    inode_recharge(inode);
    return file;
}

static void file_free(struct disk_file *file)
{
    struct inode *inode = file->inode;

    list_remove(&file->link);
    if (file->locks)
        inode->locked = false;
    inode->opens--;
    inode_recharge(inode);
    inode_drop(inode);
    free(file);
}

void disk_file_hold(struct disk_file *file)
{
    file->references++;
}

void disk_file_drop(struct disk_file *file)
{
    ASSERT(file->references > 0);
    file->references--;
    if (file->references == 0 && file->closed)
        file_free(file);
}

void disk_close(struct disk *disk, struct disk_file *file)
{
    (void)disk;
    if (file == NULL)
        return;
    ASSERT(!file->closed);
    file->closed = true;
    disk_file_drop(file);
}

/* ---- answers of list --------------------------------------------------- */

void disk_names_free(struct disk *disk, struct disk_request *request)
{
    struct list *block;

    (void)disk;
    if (request->names == NULL)
        return;
    block = (struct list *)(void *)request->names - 1;
    list_remove(block);
    free(block);
    request->names = NULL;
    request->name_count = 0;
}

/* ---- life -------------------------------------------------------------- */

static void make_empty(struct disk *disk)
{
    disk->root = inode_new(disk, true);
}

struct disk *disk_new(struct node *node)
{
    struct disk *disk = calloc(1, sizeof *disk);

    ASSERT(disk != NULL);
    disk->node = node;
    list_init(&disk->inodes);
    list_init(&disk->records);
    list_init(&disk->changes);
    list_init(&disk->damages);
    list_init(&disk->files);
    list_init(&disk->operations);
    list_init(&disk->names);
    disk->capacity = CAPACITY_DEFAULT;
    disk->next_inode = 1;
    disk->habits = disk_profile_habits(world_disk_profile(node->world));
    make_empty(disk);
    return disk;
}

static void make_nothing(struct disk *disk)
{
    struct list *link;

    while ((link = list_first(&disk->changes)) != &disk->changes)
        change_free(container_of(link, struct change, link));
    inode_drop(disk->root);
    ASSERT(list_empty(&disk->inodes));
    ASSERT(disk->used == 0);
}

void disk_free(struct disk *disk)
{
    make_nothing(disk);
    image_free(disk->image);
    free(disk);
}

void disk_process_ended(struct disk *disk, bool power)
{
    struct list *link;

    disk_crash_in_flight(disk);
    while ((link = list_first(&disk->operations)) != &disk->operations)
        operation_free(container_of(link, struct operation, link));
    while ((link = list_first(&disk->files)) != &disk->files)
        file_free(container_of(link, struct disk_file, link));
    while ((link = list_pop(&disk->names)) != NULL)
        free(link);
    if (power)
        disk_crash_power(disk);
    disk->paths_last_us = 0;
    ASSERT(disk->in_flight == 0);
}

void disk_process_starts(struct disk *disk)
{
    list_for_each (node, &disk->inodes)
        file_evict(container_of(node, struct inode, link));
}

/* ---- what is done to it ------------------------------------------------ */

void node_wipe_disk(struct node *node)
{
    ASSERT(!node->up);
    world_note(node->world, node, "disk wiped");
    make_nothing(node->disk);
    make_empty(node->disk);
}

void node_set_disk_capacity(struct node *node, uint64_t bytes)
{
    world_note(node->world, node, "disk capacity %llu",
               (unsigned long long)bytes);
    node->disk->capacity = bytes;
}

uint64_t node_disk_used(const struct node *node)
{
    return node->disk->used;
}

size_t node_stored(struct node *node, const char *path, void *buffer,
                   size_t size)
{
    struct inode *inode = node->disk->root;
    char part[256];

    while (inode != NULL && path_part(&path, part, sizeof part))
        inode = inode->directory ? entries_find(inode, STABLE, part) : NULL;
    if (inode == NULL || inode->directory)
        return 0;
    if (size > inode->content[STABLE].size)
        size = inode->content[STABLE].size;
    if (size > 0)
        memcpy(buffer, inode->content[STABLE].data, size);
    return size;
}

bool node_rot(struct node *node, const char *path, uint64_t offset)
{
    struct inode *inode = tree_find(node->disk, path);
    uint8_t bit = (uint8_t)(1u << world_random_below(node->world, node,
                                                     PURPOSE_DISK_ROT, 8));
    bool found = false;

    if (inode == NULL || inode->directory)
        return false;
    for (unsigned view = 0; view < VIEWS; view++) {
        if (offset >= inode->content[view].size)
            continue;
        inode->content[view].data[offset] ^= bit;
        found = true;
    }
    if (found)
        world_note(node->world, node, "rot in %s at %llu", path,
                   (unsigned long long)offset);
    return found;
}
