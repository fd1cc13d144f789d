/* SPDX-License-Identifier: Apache-2.0
 *
 * The disk of a real node. Operations wait in the queue of their file (path
 * operations in one of their own); two threads take runnable queues in turn,
 * so that each file keeps its order and none holds up another. Syncs have a
 * thread of their own: appends go on while one runs. What waits and can be done
 * in one system call is: appends that go on where the one before ends, many
 * syncs. What the operations do is in real/disk_work.c.
 */
#include "seam/disk.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "real/disk_work.h"
#include "real/internal.h"

#define IO_THREADS 2

struct disk {
    struct loop *loop;
    unsigned in_flight; /* loop only */
    struct list opened; /* of struct disk_file; loop only */
    pthread_mutex_t lock;
    pthread_cond_t io_wanted;
    pthread_cond_t sync_wanted;
    pthread_t threads[IO_THREADS + 1];
    unsigned thread_count;
    struct list runnable;   /* of struct disk_file; under the lock, like all */
    struct list syncs;      /* of struct disk_request */
    struct list completed;  /* of struct disk_request */
    struct disk_file paths; /* the queue of path operations */
    bool quit;
};

static struct disk_request *request_of(struct list *node)
{
    return container_of(node, struct disk_request, node);
}

/* ---- threads ---- */

/* Under the lock. */
static void complete(struct disk *disk, struct disk_request *request)
{
    bool first = list_empty(&disk->completed);

    list_append(&disk->completed, &request->node);
    if (first)
        loop_wake(disk->loop);
}

/* What was taken so far: one operation, or several that are done as one. */
struct taken {
    struct list requests;
    uint64_t begin, end; /* appends: in the file */
    unsigned iov_count;
};

/* Whether the operation goes together with those before. */
static bool joins(const struct disk_request *next, const struct taken *taken)
{
    const struct disk_request *last = request_of(taken->requests.previous);

    if (next->operation != last->operation)
        return false;
    if (next->operation == DISK_APPEND)
        return next->offset == taken->end &&
               taken->end - taken->begin < JOINED_BYTES_MAX &&
               taken->iov_count + next->iov_count <= JOINED_IOV_MAX;
    return next->operation == DISK_SYNC_DIRECTORY;
}

/* Under the lock: the next operation of the file, and those that join it. */
static void take(struct disk_file *file, struct taken *taken)
{
    taken->begin = request_of(list_first(&file->operations))->offset;
    taken->iov_count = 0;
    do {
        struct disk_request *request = request_of(list_pop(&file->operations));

        list_append(&taken->requests, &request->node);
        if (request->operation == DISK_APPEND) {
            taken->end = request->offset + disk_append_size(request);
            taken->iov_count += request->iov_count;
        }
    } while (!list_empty(&file->operations) &&
             joins(request_of(list_first(&file->operations)), taken));
}

static void *io_main(void *argument)
{
    struct disk *disk = argument;
    struct taken taken;

    list_init(&taken.requests);
    pthread_mutex_lock(&disk->lock);
    while (!disk->quit) {
        struct list *node = list_pop(&disk->runnable);
        struct disk_file *file;

        if (node == NULL) {
            pthread_cond_wait(&disk->io_wanted, &disk->lock);
            continue;
        }
        file = container_of(node, struct disk_file, node);
        file->runnable = false;
        file->running = true;
        take(file, &taken);
        pthread_mutex_unlock(&disk->lock);
        disk_work(&taken.requests);
        pthread_mutex_lock(&disk->lock);
        file->running = false;
        if (!list_empty(&file->operations)) {
            file->runnable = true;
            list_append(&disk->runnable, &file->node);
        }
        while ((node = list_pop(&taken.requests)) != NULL)
            complete(disk, request_of(node));
    }
    pthread_mutex_unlock(&disk->lock);
    return NULL;
}

/* The file system of a sync of any files. */
static dev_t device_of(const struct disk_request *request)
{
    return request->files[0]->device;
}

/* Under the lock: the next sync, and with it all others of its file system
 * when they are so many files that one syncfs() does for them. */
static void take_syncs(struct disk *disk, struct list *taken)
{
    struct disk_request *first = request_of(list_pop(&disk->syncs));
    size_t files = first->file_count;

    list_append(taken, &first->node);
    if (files == 0)
        return;
    list_for_each_safe (node, &disk->syncs) {
        struct disk_request *request = request_of(node);

        if (request->file_count > 0 && device_of(request) == device_of(first))
            files += request->file_count;
    }
    if (files < SYNCFS_FILES_MIN)
        return;
    list_for_each_safe (node, &disk->syncs) {
        struct disk_request *request = request_of(node);

        if (request->file_count == 0 || device_of(request) != device_of(first))
            continue;
        list_remove(node);
        list_append(taken, node);
    }
}

static void *sync_main(void *argument)
{
    struct disk *disk = argument;
    struct list taken;
    struct list *node;

    list_init(&taken);
    pthread_mutex_lock(&disk->lock);
    while (!disk->quit) {
        if (list_empty(&disk->syncs)) {
            pthread_cond_wait(&disk->sync_wanted, &disk->lock);
            continue;
        }
        take_syncs(disk, &taken);
        pthread_mutex_unlock(&disk->lock);
        disk_work(&taken);
        pthread_mutex_lock(&disk->lock);
        while ((node = list_pop(&taken)) != NULL)
            complete(disk, request_of(node));
    }
    pthread_mutex_unlock(&disk->lock);
    return NULL;
}

static bool start_thread(struct disk *disk, void *(*run)(void *argument))
{
    if (pthread_create(&disk->threads[disk->thread_count], NULL, run, disk) !=
        0)
        return false;
    disk->thread_count++;
    return true;
}

struct disk *disk_new(struct loop *loop)
{
    struct disk *disk = calloc(1, sizeof *disk);

    if (disk == NULL)
        return NULL;
    disk->loop = loop;
    pthread_mutex_init(&disk->lock, NULL);
    pthread_cond_init(&disk->io_wanted, NULL);
    pthread_cond_init(&disk->sync_wanted, NULL);
    list_init(&disk->opened);
    list_init(&disk->runnable);
    list_init(&disk->syncs);
    list_init(&disk->completed);
    list_init(&disk->paths.operations);
    list_init(&disk->paths.node);
    for (unsigned i = 0; i < IO_THREADS; i++)
        if (!start_thread(disk, io_main))
            goto fail;
    if (start_thread(disk, sync_main))
        return disk;
fail:
    disk_destroy(disk);
    return NULL;
}

static void file_free(struct disk_file *file)
{
    list_remove(&file->opened_node);
    close(file->fd);
    free(file);
}

/* Closes what is still open. */
void disk_destroy(struct disk *disk)
{
    if (disk == NULL)
        return;
    pthread_mutex_lock(&disk->lock);
    disk->quit = true;
    pthread_cond_broadcast(&disk->io_wanted);
    pthread_cond_broadcast(&disk->sync_wanted);
    pthread_mutex_unlock(&disk->lock);
    for (unsigned i = 0; i < disk->thread_count; i++)
        pthread_join(disk->threads[i], NULL);
    list_for_each_safe (node, &disk->opened)
        file_free(container_of(node, struct disk_file, opened_node));
    pthread_cond_destroy(&disk->io_wanted);
    pthread_cond_destroy(&disk->sync_wanted);
    pthread_mutex_destroy(&disk->lock);
    free(disk);
}

/* ---- submission ---- */

/* False: too many in flight; the request completes with BUSY. */
static bool admit(struct disk *disk, struct disk_request *request,
                  enum disk_operation operation)
{
    request->operation = operation;
    request->error = ERROR_NONE;
    request->world = NULL;
    list_init(&request->node);
    if (disk->in_flight++ < DISK_IN_FLIGHT_MAX)
        return true;
    request->error = ERROR_BUSY;
    pthread_mutex_lock(&disk->lock);
    complete(disk, request);
    pthread_mutex_unlock(&disk->lock);
    return false;
}

static void enqueue(struct disk *disk, struct disk_file *file,
                    struct disk_request *request)
{
    request->world = file;
    if (file != &disk->paths)
        disk_file_hold(file);
    pthread_mutex_lock(&disk->lock);
    list_append(&file->operations, &request->node);
    if (!file->running && !file->runnable) {
        file->runnable = true;
        list_append(&disk->runnable, &file->node);
        pthread_cond_signal(&disk->io_wanted);
    }
    pthread_mutex_unlock(&disk->lock);
}

static void on_path(struct disk *disk, struct disk_request *request,
                    enum disk_operation operation, const char *path)
{
    request->path = path;
    if (admit(disk, request, operation))
        enqueue(disk, &disk->paths, request);
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
    if (admit(disk, request, DISK_READ))
        enqueue(disk, file, request);
}

void disk_warm(struct disk *disk, struct disk_request *request,
               struct disk_file *file, uint64_t offset, uint64_t length)
{
    disk_read(disk, request, file, NULL, length, offset);
}

void disk_append(struct disk *disk, struct disk_request *request,
                 struct disk_file *file, const struct iovec *iov,
                 unsigned iov_count, uint64_t offset)
{
    ASSERT(iov_count <= DISK_IOV_MAX);
    request->iov = iov;
    request->iov_count = iov_count;
    request->offset = offset;
    if (admit(disk, request, DISK_APPEND))
        enqueue(disk, file, request);
}

void disk_truncate(struct disk *disk, struct disk_request *request,
                   struct disk_file *file, uint64_t size)
{
    file->cut_count++;
    if (size < file->cut_lowest)
        file->cut_lowest = size;
    request->length = size;
    if (admit(disk, request, DISK_TRUNCATE))
        enqueue(disk, file, request);
}

void disk_allocate(struct disk *disk, struct disk_request *request,
                   struct disk_file *file, uint64_t length)
{
    request->length = length;
    if (admit(disk, request, DISK_ALLOCATE))
        enqueue(disk, file, request);
}

void disk_sync(struct disk *disk, struct disk_request *request,
               struct disk_file *const *files, size_t count)
{
    request->files = files;
    request->file_count = count;
    if (!admit(disk, request, DISK_SYNC))
        return;
    for (size_t i = 0; i < count; i++)
        disk_file_hold(files[i]);
    pthread_mutex_lock(&disk->lock);
    list_append(&disk->syncs, &request->node);
    pthread_cond_signal(&disk->sync_wanted);
    pthread_mutex_unlock(&disk->lock);
}

void disk_names_free(struct disk *disk, struct disk_request *request)
{
    (void)disk;
    for (size_t i = 0; i < request->name_count; i++)
        free(request->names[i]);
    free(request->names);
    request->names = NULL;
    request->name_count = 0;
}

/* ---- files ---- */

void disk_file_hold(struct disk_file *file)
{
    file->references++;
}

void disk_file_drop(struct disk_file *file)
{
    ASSERT(file->references > 0);
    file->references--;
    if (file->references > 0 || !file->closed)
        return;
    file_free(file);
}

static struct disk_file *file_new(struct disk *disk, int fd)
{
    struct disk_file *file = calloc(1, sizeof *file);
    struct stat stat;
    bool known = fstat(fd, &stat) == 0;

    ASSERT(file != NULL);
    ASSERT(known);
    file->disk = disk;
    file->fd = fd;
    file->device = stat.st_dev;
    file->references = 1;
    file->cut_lowest = UINT64_MAX;
    list_init(&file->operations);
    list_init(&file->node);
    list_append(&disk->opened, &file->opened_node);
    return file;
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

/* ---- completion ---- */

static void finish(struct disk *disk, struct disk_request *request)
{
    struct event event = {.type = EVENT_DISK_DONE, .disk_request = request};
    struct disk_file *file = request->world;

    disk->in_flight--;
    if (request->error == ERROR_BUSY && file == NULL &&
        request->operation != DISK_SYNC) {
        loop_deliver(disk->loop, &event);
        return;
    }
    if ((request->operation == DISK_OPEN || request->operation == DISK_LOCK) &&
        request->error == ERROR_NONE)
        request->file = file_new(disk, (int)request->offset);
    if (request->operation == DISK_SYNC && request->error != ERROR_BUSY)
        for (size_t i = 0; i < request->file_count; i++)
            disk_file_drop(request->files[i]);
    if (file != NULL && file != &disk->paths)
        disk_file_drop(file);
    loop_deliver(disk->loop, &event);
}

unsigned disk_in_flight(const struct disk *disk)
{
    return disk->in_flight;
}

void disk_run(struct disk *disk)
{
    struct list completed;
    struct list *node;

    list_init(&completed);
    pthread_mutex_lock(&disk->lock);
    list_splice(&completed, &disk->completed);
    pthread_mutex_unlock(&disk->lock);
    while ((node = list_pop(&completed)) != NULL)
        finish(disk, request_of(node));
}
