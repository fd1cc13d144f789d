/* SPDX-License-Identifier: Apache-2.0
 *
 * The one operation of a disk at which something is to happen: the process
 * ends, or the operation fails. What is counted is what all processes of the
 * node submitted, so that an operation has the same number in every run that
 * is the same up to it.
 */
#include "sim/disk_internal.h"

void node_strike_disk(struct node *node, const struct disk_strike *strike)
{
    ASSERT(strike->nth > 0 && strike->call != NULL);
    node->disk->strike = *strike;
}

uint64_t node_disk_operations(const struct node *node,
                              enum disk_strike_kind kind)
{
    return node->disk->submitted[kind];
}

/* What a file system may find no space for. */
static bool takes_space(const struct disk_request *request)
{
    switch (request->operation) {
    case DISK_OPEN:
        return (request->flags & (DISK_OPEN_CREATE | DISK_OPEN_CREATE_EXCL)) !=
               0;
    case DISK_APPEND:
    case DISK_TRUNCATE:
    case DISK_ALLOCATE:
    case DISK_RENAME:
    case DISK_MKDIR:
    case DISK_LOCK:
        return true;
    default:
        return false;
    }
}

static bool can_befall(enum disk_strike_kind kind,
                       const struct disk_request *request)
{
    return kind != DISK_STRIKE_SHORT || request->operation == DISK_APPEND;
}

static const char *path_of(const struct operation *operation)
{
    const struct disk_request *request = operation->request;

    if (operation->file != NULL)
        return operation->file->inode->path;
    if (request->operation == DISK_SYNC)
        return request->file_count > 0 ? request->files[0]->inode->path : "";
    return request->path;
}

void disk_submitted(struct operation *operation)
{
    struct disk_call call = {operation->request->operation, path_of(operation)};
    struct disk *disk = operation->disk;
    struct world *world = disk_world(disk);
    struct world_observer *observer = world->options.observer;
    const struct disk_strike *strike = &disk->strike;

    if (observer != NULL && observer->on_disk != NULL)
        observer->on_disk(observer, disk->node, &call);
    for (unsigned kind = 0; kind < DISK_STRIKE_KINDS; kind++)
        disk->submitted[kind] +=
            can_befall((enum disk_strike_kind)kind, operation->request);
    if (!can_befall(strike->kind, operation->request) ||
        disk->submitted[strike->kind] != strike->nth)
        return;
    operation->struck = true;
    if (strike->chosen != NULL)
        strike->chosen(strike->context, &call);
    if (strike->kind == DISK_STRIKE_DONE)
        return;
    world_note(world, disk->node, "struck at its %s",
               disk_operation_name(call.operation));
    strike->call(strike->context);
    if (disk->node->ending && !disk->node->exited)
        node_escape(disk->node);
}

bool disk_strike_fails(struct operation *operation)
{
    switch (operation->disk->strike.kind) {
    case DISK_STRIKE_ERROR:
        disk_execute_failing(operation, ERROR_IO);
        return true;
    case DISK_STRIKE_FULL:
        disk_execute_failing(operation, takes_space(operation->request)
                                            ? ERROR_DISK_FULL
                                            : ERROR_IO);
        return true;
    case DISK_STRIKE_SHORT:
        disk_execute_short(operation);
        return true;
    default:
        return false;
    }
}

void disk_strike_done(struct disk *disk)
{
    const struct disk_strike *strike = &disk->strike;

    if (strike->kind != DISK_STRIKE_DONE)
        return;
    world_note(disk_world(disk), disk->node, "struck after an operation");
    strike->call(strike->context);
}
