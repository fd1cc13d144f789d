/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes of a file in both views, and the records in between. The kernel
 * writes back by itself what is old (WRITEBACK_US) or too much.
 *
 * A failed sync leaves its records behind as clean pages (unless the profile
 * keeps them dirty): no later sync covers them, and a crash decides what of
 * them was written.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/disk_internal.h"
#include "sim/pool.h"

#define WRITEBACK_BYTES (32u << 20)

/* ---- contents ---------------------------------------------------------- */

static void content_reserve(struct content *content, uint64_t size)
{
    uint64_t room = content->room ? content->room : 4096;

    if (size <= content->room)
        return;
    while (room < size)
        room *= 2;
    content->data = realloc(content->data, room);
    ASSERT(content->data != NULL);
    content->room = room;
}

void content_resize(struct content *content, uint64_t size)
{
    content_reserve(content, size);
    if (size > content->size)
        memset(content->data + content->size, 0, size - content->size);
    content->size = size;
}

void content_write(struct content *content, uint64_t offset, const void *data,
                   uint64_t length)
{
    if (length == 0)
        return;
    if (offset > content->size)
        content_resize(content, offset);
    content_reserve(content, offset + length);
    memcpy(content->data + offset, data, length);
    if (offset + length > content->size)
        content->size = offset + length;
}

void content_copy(struct content *to, const struct content *from)
{
    to->size = 0;
    content_write(to, 0, from->data, from->size);
}

void content_release(struct content *content)
{
    free(content->data);
    *content = (struct content){0};
}

/* ---- records ----------------------------------------------------------- */

void record_free(struct record *record)
{
    if (!list_empty(&record->order))
        record->inode->disk->record_bytes -= record->length;
    list_remove(&record->link);
    list_remove(&record->order);
    pool_give(record, sizeof *record + record->room);
}

static bool has_failed(const struct record *record)
{
    return list_empty(&record->order);
}

static void record_fail(struct record *record)
{
    record->inode->disk->record_bytes -= record->length;
    list_remove(&record->order);
}

static uint64_t record_end(const struct record *record)
{
    return record->offset + record->length;
}

/* What is older and failed must not come back over this one. */
static void cover_failed(const struct record *record)
{
    list_for_each_safe (link, &record->inode->records) {
        struct record *older = container_of(link, struct record, link);
        uint64_t low;
        uint64_t high;

        if (older == record)
            return;
        ASSERT(has_failed(older) && older->kind == RECORD_WRITE);
        if (record->kind == RECORD_SIZE) {
            if (older->offset >= record->offset)
                record_free(older);
            else if (record_end(older) > record->offset)
                older->length = record->offset - older->offset;
            continue;
        }
        low = older->offset > record->offset ? older->offset : record->offset;
        high = record_end(older) < record_end(record) ? record_end(older)
                                                      : record_end(record);
        if (low < high)
            memcpy(older->data + (low - older->offset),
                   record->data + (low - record->offset), high - low);
    }
}

static void record_settle(struct record *record)
{
    struct content *stable = &record->inode->content[STABLE];
    struct disk *disk = record->inode->disk;

    cover_failed(record);
    if (record->kind == RECORD_SIZE) {
        content_resize(stable, record->offset);
        record_free(record);
        return;
    }
    damage_write(record);
    content_write(stable, record->offset, record->data, record->length);
    record_free(record);
    damage_ripen(disk);
}

static void write_back(struct disk *disk)
{
    int64_t old_us = disk_world(disk)->now_us - WRITEBACK_US;

    while (!list_empty(&disk->records)) {
        struct record *oldest =
            container_of(list_first(&disk->records), struct record, order);

        if (oldest->at_us > old_us && disk->record_bytes <= WRITEBACK_BYTES)
            return;
        record_settle(oldest);
    }
}

static struct record *record_new(struct inode *inode, enum record_kind kind,
                                 uint64_t offset, uint64_t length)
{
    struct disk *disk = inode->disk;
    struct record *record = pool_take(sizeof *record + length);

    *record = (struct record){.inode = inode,
                              .kind = kind,
                              .number = disk->next_record++,
                              .at_us = disk_world(disk)->now_us,
                              .offset = offset,
                              .length = length,
                              .room = length};
    list_init(&record->link);
    list_init(&record->order);
    list_append(&inode->records, &record->link);
    list_append(&disk->records, &record->order);
    disk->record_bytes += length;
    return record;
}

static void gather(uint8_t *to, const struct iovec *iov, uint64_t length)
{
    while (length > 0) {
        uint64_t part = iov->iov_len < length ? iov->iov_len : length;

        if (part > 0)
            memcpy(to, iov->iov_base, part);
        to += part;
        length -= part;
        iov++;
    }
}

void file_write(struct inode *inode, uint64_t offset, const struct iovec *iov,
                uint64_t length)
{
    struct record *record;

    if (length == 0)
        return;
    record = record_new(inode, RECORD_WRITE, offset, length);
    gather(record->data, iov, length);
    content_write(&inode->content[CACHE], offset, record->data, length);
    inode_recharge(inode);
    write_back(inode->disk);
}

void file_resize(struct inode *inode, uint64_t size)
{
    record_new(inode, RECORD_SIZE, size, 0);
    content_resize(&inode->content[CACHE], size);
    if (inode->allocated > size)
        inode->allocated = size;
    inode_recharge(inode);
    write_back(inode->disk);
}

/* ---- syncs ------------------------------------------------------------- */

void file_settle(struct inode *inode, uint64_t covered)
{
    list_for_each_safe (link, &inode->records) {
        struct record *record = container_of(link, struct record, link);

        if (record->number >= covered)
            return;
        if (!has_failed(record))
            record_settle(record);
    }
}

void file_sync(struct inode *inode, uint64_t covered)
{
    file_settle(inode, covered);
    tree_sync_name(inode);
}

/* The cache shows what is stored where the record was, and what was written
 * after it. */
static void revert(struct record *record)
{
    struct inode *inode = record->inode;
    struct content *cache = &inode->content[CACHE];
    const struct content *stable = &inode->content[STABLE];
    uint64_t end = record_end(record);

    if (end > cache->size)
        end = cache->size;
    list_for_each (link, &inode->records) {
        struct record *later = container_of(link, struct record, link);

        if (later->number > record->number && later->kind == RECORD_SIZE &&
            later->offset < end)
            end = later->offset;
    }
    for (uint64_t at = record->offset; at < end; at++)
        cache->data[at] = at < stable->size ? stable->data[at] : 0;
    list_for_each (link, &inode->records) {
        struct record *later = container_of(link, struct record, link);

        if (later->number > record->number && later->kind == RECORD_WRITE &&
            later->offset < end) {
            uint64_t size = cache->size;

            content_write(cache, later->offset, later->data, later->length);
            content_resize(cache, size);
        }
    }
    record_free(record);
}

void file_sync_failed(struct inode *inode, uint64_t covered)
{
    const struct disk_habits *habits = inode->disk->habits;
    bool old;

    inode->failures++;
    if (disk_does(inode->disk, habits->keeps_dirty))
        return;
    old = disk_does(inode->disk, habits->reads_old);
    list_for_each_safe (link, &inode->records) {
        struct record *record = container_of(link, struct record, link);

        if (record->number >= covered)
            return;
        if (has_failed(record))
            continue;
        if (record->kind == RECORD_SIZE)
            record_settle(record); /* in the journal */
        else if (old)
            revert(record);
        else
            record_fail(record);
    }
}

void file_evict(struct inode *inode)
{
    struct disk *disk = inode->disk;

    list_for_each_safe (link, &inode->records) {
        struct record *record = container_of(link, struct record, link);

        if (has_failed(record) &&
            world_chance(disk_world(disk), disk->node, PURPOSE_DISK_CRASH, 2))
            revert(record);
    }
}
