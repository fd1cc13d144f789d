/* SPDX-License-Identifier: Apache-2.0
 *
 * What operations on a disk are called, in either world.
 */
#include "sim/world.h"

static const char *const operation_names[] = {
    [DISK_OPEN] = "open",         [DISK_READ] = "read",
    [DISK_APPEND] = "append",     [DISK_SYNC] = "sync",
    [DISK_TRUNCATE] = "truncate", [DISK_ALLOCATE] = "allocate",
    [DISK_RENAME] = "rename",     [DISK_UNLINK] = "unlink",
    [DISK_MKDIR] = "mkdir",       [DISK_RMDIR] = "rmdir",
    [DISK_LIST] = "list",         [DISK_SYNC_DIRECTORY] = "sync-directory",
    [DISK_LOCK] = "lock",         [DISK_FREE_SPACE] = "free-space",
    [DISK_CLOSE] = "close",
};

const char *disk_operation_name(enum disk_operation operation)
{
    return operation_names[operation];
}
