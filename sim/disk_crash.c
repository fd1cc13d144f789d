/* SPDX-License-Identifier: Apache-2.0
 *
 * What a crash leaves. What was in flight happens, or stops somewhere, in
 * order for each file. A loss of power then takes from what was not synced:
 *   - writes are kept, lost or torn on sectors, each for itself or all after
 *     a point; a lost one may have grown the file, which reads as zeros;
 *   - of the changes of size of a file some first ones are kept;
 *   - of the changes of names some first ones, or any: a habit of the profile.
 */
#include <string.h>

#include "sim/disk_internal.h"

enum loss { LOSE_NOTHING, LOSE_ALL, LOSE_TAIL, LOSE_SOME, LOSS_COUNT };

static uint64_t draw(struct disk *disk, uint64_t bound)
{
    return world_random_below(disk_world(disk), disk->node, PURPOSE_DISK_CRASH,
                              bound);
}

/* ---- in flight --------------------------------------------------------- */

static void append_in_part(struct operation *operation)
{
    struct disk_request *request = operation->request;
    struct iovec first;
    const struct iovec *iov = request->iov;
    unsigned count = request->iov_count;

    if (count == 0 || iov[0].iov_len == 0 || draw(operation->disk, 2) == 0)
        return;
    first = iov[0];
    first.iov_len = draw(operation->disk, first.iov_len);
    request->iov = &first;
    request->iov_count = 1;
    disk_execute(operation, false);
    request->iov = iov;
    request->iov_count = count;
}

void disk_crash_in_flight(struct disk *disk)
{
    bool paths_stopped = false;

    list_for_each (link, &disk->operations) {
        struct operation *operation =
            container_of(link, struct operation, link);
        bool *stopped =
            operation->file ? &operation->file->stopped : &paths_stopped;

        if (operation->executed || operation->busy)
            continue;
        if (operation->request->operation == DISK_SYNC) {
            if (draw(disk, 2) == 0)
                disk_execute(operation, false);
            continue;
        }
        if (*stopped)
            continue;
        *stopped = draw(disk, 2) == 0;
        if (!*stopped)
            disk_execute(operation, false);
        else if (operation->request->operation == DISK_APPEND)
            append_in_part(operation);
    }
}

/* ---- bytes ------------------------------------------------------------- */

static void keep_sectors(struct record *record)
{
    struct disk *disk = record->inode->disk;
    struct content *stable = &record->inode->content[STABLE];
    uint64_t at = 0;

    while (at < record->length) {
        uint64_t part = SECTOR_BYTES - (record->offset + at) % SECTOR_BYTES;

        if (part > record->length - at)
            part = record->length - at;
        if (draw(disk, 2) == 0)
            content_write(stable, record->offset + at, record->data + at, part);
        else if (disk->habits->size_before_data == NEVER &&
                 record->offset + at >= stable->size)
            return; /* what lies behind it has not grown the file */
        at += part;
    }
}

static void grow(struct record *record)
{
    struct content *stable = &record->inode->content[STABLE];

    if (record->offset + record->length > stable->size)
        content_resize(stable, record->offset + record->length);
}

static void write_survives(struct record *record, enum loss loss)
{
    struct disk *disk = record->inode->disk;
    enum habit size_first = disk->habits->size_before_data;
    uint64_t fate = loss == LOSE_NOTHING ? 0
                    : loss == LOSE_ALL   ? 1
                                         : draw(disk, 3);

    if (size_first == NEVER &&
        record->offset > record->inode->content[STABLE].size)
        return;
    if (fate == 0)
        content_write(&record->inode->content[STABLE], record->offset,
                      record->data, record->length);
    else if (fate == 2)
        keep_sectors(record);
    if (fate != 0 && loss != LOSE_ALL && size_first != NEVER &&
        draw(disk, 4) == 0)
        grow(record);
}

static void file_crash(struct inode *inode, enum loss loss)
{
    struct disk *disk = inode->disk;
    bool over = false;

    while (!list_empty(&inode->records)) {
        struct record *record =
            container_of(list_first(&inode->records), struct record, link);

        if (!over && loss == LOSE_TAIL)
            over = draw(disk, 4) == 0;
        if (!over && record->kind == RECORD_SIZE) {
            over =
                loss == LOSE_ALL || (loss == LOSE_SOME && draw(disk, 2) == 0);
            if (!over)
                content_resize(&inode->content[STABLE], record->offset);
        } else if (!over) {
            write_survives(record, loss == LOSE_TAIL ? LOSE_NOTHING : loss);
        }
        record_free(record);
    }
    content_copy(&inode->content[CACHE], &inode->content[STABLE]);
    inode->allocated = 0;
}

/* ---- names ------------------------------------------------------------- */

/* What it builds on is lost, so it is lost too. */
static bool is_cut(const struct disk *disk, const struct change *change)
{
    list_for_each (node, &disk->changes) {
        const struct change *earlier = container_of(node, struct change, link);

        if (earlier == change)
            return false;
        if (earlier->lost && (disk->habits->names_in_order == ALWAYS ||
                              change_meets(earlier, change)))
            return true;
    }
    UNREACHABLE();
}

static void names_crash(struct disk *disk, enum loss loss)
{
    list_for_each (node, &disk->changes) {
        struct change *change = container_of(node, struct change, link);

        change->lost = loss == LOSE_ALL || is_cut(disk, change) ||
                       (loss != LOSE_NOTHING && draw(disk, 4) == 0);
    }
    list_for_each_safe (node, &disk->changes) {
        struct change *change = container_of(node, struct change, link);

        if (change->lost)
            change_free(change);
        else
            change_commit(change);
    }
}

/* ---- power ------------------------------------------------------------- */

void disk_crash_power(struct disk *disk)
{
    enum loss names = (enum loss)draw(disk, LOSS_COUNT);

    list_for_each (node, &disk->inodes)
        inode_hold(container_of(node, struct inode, link));
    names_crash(disk, names);
    list_for_each (node, &disk->inodes) {
        struct inode *inode = container_of(node, struct inode, link);

        if (inode->directory)
            entries_clone(inode, CACHE, STABLE);
        else if (!list_empty(&inode->records) ||
                 inode->content[CACHE].size != inode->content[STABLE].size)
            file_crash(inode, (enum loss)draw(disk, LOSS_COUNT));
        inode->locked = false;
    }
    list_for_each_safe (node, &disk->inodes) {
        struct inode *inode = container_of(node, struct inode, link);

        inode_recharge(inode);
        inode_drop(inode);
    }
}
