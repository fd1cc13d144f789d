/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns how small files are written and read (log/small_file.h). Never
 * decides what an error means: the owner fences or rebuilds.
 */
#include "log/small_file.h"

#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "log/internal.h"

#define VERSION 1

uint8_t *small_file_buffer(struct heap *heap, size_t payload_size,
                           uint8_t **payload)
{
    uint8_t *data = heap_alloc(heap, SMALL_FILE_HEADER_BYTES + payload_size);

    *payload = data + SMALL_FILE_HEADER_BYTES;
    return data;
}

static uint32_t checksum(const uint8_t *data, size_t size)
{
    uint32_t crc = crc32c(0, data, 16);

    return crc32c(crc, data + SMALL_FILE_HEADER_BYTES,
                  size - SMALL_FILE_HEADER_BYTES);
}

void small_file_release(struct small_file *file)
{
    struct heap *heap;

    if (file->seam == NULL)
        return;
    heap = file->seam->heap;
    timer_stop(file->seam->timers, &file->pause);
    space_forget(&file->waiter);
    disk_close(file->seam->disk, file->file);
    heap_free(heap, file->data);
    heap_free(heap, file->directory);
    heap_free(heap, file->path);
    heap_free(heap, file->temporary);
    file->file = NULL;
    file->data = NULL;
    file->payload = NULL;
    file->directory = NULL;
    file->path = NULL;
    file->temporary = NULL;
}

static void prepare(struct small_file *file, struct seam *seam, uint32_t magic)
{
    ASSERT(file->data == NULL);
    ASSERT(file->path == NULL);
    file->seam = seam;
    file->magic = magic;
    file->step = 0;
    file->payload = NULL;
    file->payload_size = 0;
}

/* ---- writing ---- */

enum {
    STEP_OPEN,
    STEP_EMPTY,
    STEP_WRITE,
    STEP_SYNC,
    STEP_RENAME,
    STEP_NAME,
    STEP_REMOVE
};

static void finish_write(struct small_file *file, enum error error)
{
    small_file_release(file);
    file->done(file, error);
}

static void write_submit(struct small_file *file)
{
    struct disk *disk = file->seam->disk;
    struct disk_request *request = &file->request;

    switch (file->step) {
    case STEP_OPEN:
        disk_open(disk, request, file->temporary, DISK_OPEN_CREATE);
        return;
    case STEP_EMPTY:
        disk_truncate(disk, request, file->file, 0);
        return;
    case STEP_WRITE:
        file->iov = (struct iovec){file->data, file->size};
        disk_append(disk, request, file->file, &file->iov, 1, 0);
        return;
    case STEP_SYNC:
        disk_sync(disk, request, &file->file, 1);
        return;
    case STEP_RENAME:
        disk_rename(disk, request, file->temporary, file->path);
        return;
    case STEP_NAME:
        disk_sync_directory(disk, request, file->directory);
        return;
    case STEP_REMOVE:
        disk_unlink(disk, request, file->temporary);
        return;
    default:
        UNREACHABLE();
    }
}

/* Too many requests in flight: nothing was done, so it is done later. */
static void wait_for_room(struct small_file *file,
                          void (*fire)(struct timer *timer))
{
    file->pause.fire = fire;
    timer_start(file->seam->timers, &file->pause,
                file->seam->now.monotonic_us + DISK_BUSY_PAUSE_US);
}

static void write_fire(struct timer *timer)
{
    write_submit(container_of(timer, struct small_file, pause));
}

static void write_again(struct space_waiter *waiter)
{
    struct small_file *file = container_of(waiter, struct small_file, waiter);

    if (space_lost(file->space))
        finish_write(file, ERROR_LOG_DIRECTORY_FAILED);
    else
        write_submit(file);
}

/* A sync that says so has failed for good, like any other. */
static bool lacked_space(const struct small_file *file, enum error error)
{
    return error == ERROR_DISK_FULL && file->step != STEP_SYNC &&
           file->step != STEP_NAME;
}

/* It begins again with an empty file: what was written of it is given back. */
static void find_space(struct small_file *file)
{
    if (file->step == STEP_WRITE)
        file->step = STEP_EMPTY;
    file->waiter.again = write_again;
    if (file->space != NULL && space_wait(file->space, &file->waiter))
        return;
    if (file->step == STEP_OPEN || file->step == STEP_REMOVE) {
        finish_write(file, ERROR_DISK_FULL);
        return;
    }
    disk_close(file->seam->disk, file->file);
    file->file = NULL;
    file->step = STEP_REMOVE;
    write_submit(file);
}

static void write_step(struct disk_request *request)
{
    struct small_file *file = container_of(request, struct small_file, request);

    if (request->error == ERROR_BUSY) {
        wait_for_room(file, write_fire);
        return;
    }
    if (file->step == STEP_REMOVE) {
        finish_write(file, ERROR_DISK_FULL);
        return;
    }
    if (lacked_space(file, request->error)) {
        find_space(file);
        return;
    }
    if (request->error != ERROR_NONE) {
        finish_write(file, request->error);
        return;
    }
    if (file->step == STEP_OPEN)
        file->file = request->file;
    if (file->step == STEP_SYNC) {
        disk_close(file->seam->disk, file->file);
        file->file = NULL;
    }
    if (file->step++ == STEP_NAME)
        finish_write(file, ERROR_NONE);
    else
        write_submit(file);
}

void small_file_write(struct small_file *file, struct seam *seam,
                      const char *directory, const char *name, uint32_t magic,
                      uint8_t *data, size_t payload_size)
{
    char temporary[128];
    size_t length = strlen(name);

    prepare(file, seam, magic);
    ASSERT(length + sizeof ".tmp" <= sizeof temporary);
    memcpy(temporary, name, length);
    memcpy(temporary + length, ".tmp", sizeof ".tmp");
    file->data = data;
    file->size = SMALL_FILE_HEADER_BYTES + payload_size;
    store_u32(data, magic);
    store_u32(data + 4, VERSION);
    store_u64(data + 8, payload_size);
    store_u32(data + 16, checksum(data, file->size));
    file->directory = heap_strdup(seam->heap, directory);
    file->path = path_of(seam->heap, directory, name);
    file->temporary = path_of(seam->heap, directory, temporary);
    file->request.done = write_step;
    write_submit(file);
}

/* ---- reading ---- */

static void finish_read(struct small_file *file, enum error error)
{
    disk_close(file->seam->disk, file->file);
    file->file = NULL;
    if (error == ERROR_NONE) {
        file->payload = file->data + SMALL_FILE_HEADER_BYTES;
        file->payload_size = file->size - SMALL_FILE_HEADER_BYTES;
    }
    file->done(file, error);
}

enum small_file_fault small_file_inspect(const uint8_t *data, size_t size,
                                         uint32_t magic, bool prefix)
{
    if (size < SMALL_FILE_HEADER_BYTES)
        return SMALL_FILE_SHORT;
    if (load_u32(data) != magic)
        return SMALL_FILE_MAGIC;
    if (load_u32(data + 4) != VERSION)
        return SMALL_FILE_VERSION;
    if (prefix)
        return SMALL_FILE_WHOLE;
    if (load_u64(data + 8) != size - SMALL_FILE_HEADER_BYTES)
        return SMALL_FILE_SIZE;
    return load_u32(data + 16) == checksum(data, size) ? SMALL_FILE_WHOLE
                                                       : SMALL_FILE_CHECKSUM;
}

static void read_submit(struct small_file *file)
{
    struct disk *disk = file->seam->disk;

    if (file->step == 0)
        disk_open(disk, &file->request, file->path, DISK_OPEN_READ_ONLY);
    else
        disk_read(disk, &file->request, file->file, file->data, file->wanted,
                  0);
}

static void read_opened(struct small_file *file)
{
    struct disk_request *request = &file->request;
    size_t wanted = (size_t)request->size;

    file->file = request->file;
    if (request->size < SMALL_FILE_HEADER_BYTES ||
        request->size > SMALL_FILE_BYTES_MAX) {
        finish_read(file, ERROR_CORRUPT);
        return;
    }
    if (file->size > 0 && wanted > file->size)
        wanted = file->size;
    file->data = heap_try_alloc(file->seam->heap, wanted);
    if (file->data == NULL) {
        finish_read(file, ERROR_OUT_OF_MEMORY);
        return;
    }
    file->wanted = wanted;
    read_submit(file);
}

static void read_fire(struct timer *timer)
{
    read_submit(container_of(timer, struct small_file, pause));
}

/* Of a later version, and whole: nobody's damage. */
static bool is_newer(const uint8_t *data, size_t size)
{
    return load_u32(data + 4) > VERSION &&
           load_u64(data + 8) == size - SMALL_FILE_HEADER_BYTES &&
           load_u32(data + 16) == checksum(data, size);
}

static enum error what_was_read(const struct small_file *file, bool prefix)
{
    switch (small_file_inspect(file->data, file->size, file->magic, prefix)) {
    case SMALL_FILE_WHOLE:
        return ERROR_NONE;
    case SMALL_FILE_VERSION:
        return !prefix && is_newer(file->data, file->size) ? ERROR_FOREIGN
                                                           : ERROR_CORRUPT;
    default:
        return ERROR_CORRUPT;
    }
}

static void read_step(struct disk_request *request)
{
    struct small_file *file = container_of(request, struct small_file, request);
    bool prefix = file->size > 0; /* was asked for */

    if (request->error == ERROR_BUSY) {
        wait_for_room(file, read_fire);
        return;
    }

    if (request->error != ERROR_NONE) {
        finish_read(file, request->error);
        return;
    }
    if (file->step++ == 0) {
        read_opened(file); /* submits the reading */
        return;
    }
    file->size = (size_t)request->size;
    finish_read(file, what_was_read(file, prefix));
}

void small_file_read(struct small_file *file, struct seam *seam,
                     const char *path, uint32_t magic, size_t prefix_max)
{
    prepare(file, seam, magic);
    file->size = prefix_max ? SMALL_FILE_HEADER_BYTES + prefix_max : 0;
    file->path = heap_strdup(seam->heap, path);
    file->request.done = read_step;
    read_submit(file);
}
