/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/seam/disk_op.h"

#include <string.h>

unsigned op_completed;

static void on_done(struct disk_request *request)
{
    struct op *op = container_of(request, struct op, request);

    assert_false(op->done);
    op->done = true;
    op->number = ++op_completed;
}

struct op *op_init(struct op *op)
{
    *op = (struct op){.request.done = on_done};
    return op;
}

enum error op_wait(struct harness *harness, struct op *op)
{
    assert_false(op->done);
    harness_wait(harness, harness_flag, &op->done);
    return op->request.error;
}

struct disk *disk_of(struct harness *harness)
{
    return harness_seam(harness)->disk;
}

enum error open_file(struct harness *harness, const char *name, unsigned flags,
                     struct disk_file **file)
{
    struct op op;

    disk_open(disk_of(harness), &op_init(&op)->request,
              harness_path(harness, name), flags);
    if (op_wait(harness, &op) == ERROR_NONE)
        *file = op.request.file;
    return op.request.error;
}

enum error append(struct harness *harness, struct disk_file *file,
                  uint64_t offset, const char *text)
{
    struct iovec iov = {(void *)(uintptr_t)text, strlen(text)};
    struct op op;

    disk_append(disk_of(harness), &op_init(&op)->request, file, &iov, 1,
                offset);
    return op_wait(harness, &op);
}

enum error allocate(struct harness *harness, struct disk_file *file,
                    uint64_t length)
{
    struct op op;

    disk_allocate(disk_of(harness), &op_init(&op)->request, file, length);
    return op_wait(harness, &op);
}

enum error truncate_to(struct harness *harness, struct disk_file *file,
                       uint64_t size)
{
    struct op op;

    disk_truncate(disk_of(harness), &op_init(&op)->request, file, size);
    return op_wait(harness, &op);
}

enum error sync_files(struct harness *harness, struct disk_file *const *files,
                      size_t count)
{
    struct op op;

    disk_sync(disk_of(harness), &op_init(&op)->request, files, count);
    return op_wait(harness, &op);
}

enum error rename_to(struct harness *harness, const char *from, const char *to)
{
    struct op op;

    disk_rename(disk_of(harness), &op_init(&op)->request,
                harness_path(harness, from), harness_path(harness, to));
    return op_wait(harness, &op);
}

enum error on_path(struct harness *harness, path_call *call, const char *name)
{
    struct op op;

    call(disk_of(harness), &op_init(&op)->request, harness_path(harness, name));
    return op_wait(harness, &op);
}

struct disk_file *create(struct harness *harness, const char *name)
{
    struct disk_file *file = NULL;

    assert_int_equal(open_file(harness, name, DISK_OPEN_CREATE, &file), 0);
    return file;
}

void expect(struct harness *harness, struct disk_file *file, uint64_t offset,
            size_t length, const char *text)
{
    char buffer[256] = {0};
    struct op op;

    assert_true(length < sizeof buffer);
    disk_read(disk_of(harness), &op_init(&op)->request, file, buffer, length,
              offset);
    assert_int_equal(op_wait(harness, &op), ERROR_NONE);
    assert_int_equal(op.request.size, strlen(text));
    assert_string_equal(buffer, text);
}

uint64_t size_of(struct harness *harness, const char *name)
{
    struct op op;

    disk_open(disk_of(harness), &op_init(&op)->request,
              harness_path(harness, name), DISK_OPEN_READ_ONLY);
    assert_int_equal(op_wait(harness, &op), ERROR_NONE);
    disk_close(disk_of(harness), op.request.file);
    return op.request.size;
}

uint64_t free_space(struct harness *harness)
{
    struct op op;

    disk_free_space(disk_of(harness), &op_init(&op)->request,
                    harness_path(harness, "."));
    assert_int_equal(op_wait(harness, &op), ERROR_NONE);
    return op.request.size;
}
