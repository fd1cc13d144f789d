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

uint64_t node_disk_operations(const struct node *node)
{
    return node->disk->submitted;
}

void disk_submitted(struct operation *operation, const char *name)
{
    struct disk *disk = operation->disk;
    const struct disk_strike *strike = &disk->strike;

    disk->submitted++;
    if (disk->submitted != strike->nth)
        return;
    operation->struck = true;
    if (strike->kind == DISK_STRIKE_DONE)
        return;
    world_note(disk_world(disk), disk->node, "struck at its %s", name);
    strike->call(strike->context, name);
    if (disk->node->ending && !disk->node->exited)
        node_escape(disk->node);
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

bool disk_strike_fails(struct operation *operation)
{
    enum disk_strike_kind kind = operation->disk->strike.kind;

    if (kind != DISK_STRIKE_ERROR && kind != DISK_STRIKE_FULL)
        return false;
    disk_execute_failing(operation, kind == DISK_STRIKE_FULL &&
                                            takes_space(operation->request)
                                        ? ERROR_DISK_FULL
                                        : ERROR_IO);
    return true;
}

void disk_strike_done(struct disk *disk, const char *name)
{
    const struct disk_strike *strike = &disk->strike;

    if (strike->kind != DISK_STRIKE_DONE)
        return;
    world_note(disk_world(disk), disk->node, "struck after its %s", name);
    strike->call(strike->context, name);
}
