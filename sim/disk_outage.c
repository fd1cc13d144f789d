/* SPDX-License-Identifier: Apache-2.0
 *
 * Top directories of a node that are disks of their own: each may fail as a
 * whole, be repaired, and be replaced by an empty one. While one has failed
 * every operation on it ends with an input/output error; what it writes or
 * syncs then is drawn, as for any failing operation.
 */
#include <stdio.h>
#include <string.h>

#include "sim/disk_internal.h"

static bool top_of(const char *path, char top[DISK_TOP_BYTES])
{
    size_t length;

    while (*path == '/' || (*path == '.' && path[1] == '/'))
        path++;
    length = strcspn(path, "/");
    if (length >= DISK_TOP_BYTES)
        return false;
    memcpy(top, path, length);
    top[length] = '\0';
    return true;
}

static unsigned find(const struct disk *disk, const char *top)
{
    unsigned at = 0;

    while (at < disk->failing_count && strcmp(disk->failing[at], top) != 0)
        at++;
    return at;
}

static bool path_fails(const struct disk *disk, const char *path)
{
    char top[DISK_TOP_BYTES];

    return path != NULL && top_of(path, top) &&
           find(disk, top) < disk->failing_count;
}

void disk_file_note_top(struct disk_file *file, const char *path)
{
    if (!top_of(path, file->top))
        file->top[0] = '\0';
}

bool disk_file_fails(const struct disk_file *file)
{
    return find(file->disk, file->top) < file->disk->failing_count;
}

bool disk_operation_fails(const struct operation *operation)
{
    const struct disk *disk = operation->disk;
    const struct disk_request *request = operation->request;

    if (disk->failing_count == 0)
        return false;
    if (operation->file != NULL)
        return disk_file_fails(operation->file);
    if (request->operation == DISK_SYNC) {
        for (size_t i = 0; i < request->file_count; i++)
            if (disk_file_fails(request->files[i]))
                return true;
        return false;
    }
    return path_fails(disk, request->path) ||
           (request->operation == DISK_RENAME &&
            path_fails(disk, request->path_to));
}

void node_fail_directory(struct node *node, const char *name, bool fails)
{
    struct disk *disk = node->disk;
    unsigned at = find(disk, name);

    world_note(node->world, node, "directory %s %s", name,
               fails ? "fails" : "works");
    ASSERT(strlen(name) < DISK_TOP_BYTES);
    if (fails && at == disk->failing_count) {
        ASSERT(disk->failing_count < DISK_FAILING_MAX);
        snprintf(disk->failing[disk->failing_count++], DISK_TOP_BYTES, "%s",
                 name);
    } else if (!fails && at < disk->failing_count) {
        disk->failing_count--;
        memmove(disk->failing[at], disk->failing[at + 1],
                (disk->failing_count - at) * sizeof disk->failing[0]);
    }
}

bool node_has_path(const struct node *node, const char *path)
{
    return tree_find(node->disk, path) != NULL;
}

void node_wipe_directory(struct node *node, const char *name)
{
    ASSERT(!node->up);
    world_note(node->world, node, "directory %s is replaced", name);
    tree_forget(node->disk, name);
}
