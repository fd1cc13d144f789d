/* SPDX-License-Identifier: Apache-2.0
 *
 * Damage of the medium that no error tells of: a write that never reached
 * it, or another place of it; a bit that is not what was stored.
 *
 * Whoever watches the world says of a place whether it may be damaged. When
 * the time of a write has not come yet it is stored as it should be, and
 * damaged later: as if its page had stayed in the cache until then. What is
 * written again is whole again.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/disk_internal.h"

#define TARGETS 8 /* so many lengths of the write before its place */

struct damage {
    struct list link; /* disk->damages, in order */
    enum fault_point point;
    struct inode *inode;
    uint64_t offset;
    uint64_t length;
    bool done;           /* else its time has not come */
    bool seen;           /* by a read */
    struct inode *other; /* where a misdirected write landed */
    uint64_t other_offset;
    uint8_t bytes[]; /* what was there before; what was written */
};

static uint64_t draw(struct disk *disk, uint64_t bound)
{
    return world_random_below(disk_world(disk), disk->node, PURPOSE_DISK_DAMAGE,
                              bound);
}

static bool is_armed(const struct disk *disk, enum fault_point point)
{
    return disk_world(disk)->armed[point];
}

static enum damage_time time_of(const struct inode *inode, uint64_t offset,
                                uint64_t length)
{
    struct disk *disk = inode->disk;
    struct world_observer *observer = disk_world(disk)->options.observer;
    const struct disk_place place = {inode->path, offset, length};

    if (observer == NULL || observer->may_damage == NULL)
        return DAMAGE_NOW;
    return observer->may_damage(observer, disk->node, &place);
}

static void tell(struct inode *inode, uint64_t offset, uint64_t length,
                 enum fault_point point)
{
    struct disk *disk = inode->disk;
    struct world_observer *observer = disk_world(disk)->options.observer;
    const struct disk_place place = {inode->path, offset, length};

    world_note(disk_world(disk), disk->node, "%s: %s at %llu",
               fault_describe(point)->name, inode->path,
               (unsigned long long)offset);
    if (observer != NULL && observer->on_damage != NULL)
        observer->on_damage(observer, disk->node, &place);
}

static void damage_free(struct damage *damage)
{
    list_remove(&damage->link);
    free(damage);
}

static bool overlaps(uint64_t offset, uint64_t length, uint64_t other,
                     uint64_t other_length)
{
    return offset < other + other_length && other < offset + length;
}

static bool is_dirty(const struct inode *inode, uint64_t offset,
                     uint64_t length)
{
    list_for_each (link, &inode->records) {
        const struct record *record = container_of(link, struct record, link);

        if (record->kind == RECORD_SIZE ||
            overlaps(offset, length, record->offset, record->length))
            return true;
    }
    return false;
}

/* ---- writes ---- */

/* It lies where another write of this length may have begun. */
static struct inode *choose_other(const struct record *record, uint64_t *offset)
{
    struct inode *inode = record->inode;
    struct disk *disk = inode->disk;
    uint64_t back = (1 + draw(disk, TARGETS)) * record->length;
    uint64_t nth = draw(disk, TARGETS);
    bool same = draw(disk, 2) == 0;

    *offset = record->offset;
    if (same && record->offset >= back) {
        *offset -= back;
        return inode;
    }
    list_for_each (link, &disk->inodes) {
        struct inode *other = container_of(link, struct inode, link);

        if (!other->directory && other != inode && other->path != NULL &&
            other->content[STABLE].size >= record->offset + record->length &&
            nth-- == 0)
            return other;
    }
    return NULL;
}

static struct damage *damage_new(const struct record *record,
                                 enum fault_point point)
{
    struct inode *inode = record->inode;
    const struct content *stable = &inode->content[STABLE];
    struct damage *damage = calloc(1, sizeof *damage + 2 * record->length);
    uint64_t there = 0;

    ASSERT(damage != NULL);
    *damage = (struct damage){.point = point,
                              .inode = inode,
                              .offset = record->offset,
                              .length = record->length};
    if (record->offset < stable->size)
        there = stable->size - record->offset;
    if (there > record->length)
        there = record->length;
    if (there > 0)
        memcpy(damage->bytes, stable->data + record->offset, there);
    memcpy(damage->bytes + record->length, record->data, record->length);
    list_init(&damage->link);
    list_append(&inode->disk->damages, &damage->link);
    return damage;
}

static void rewritten(const struct record *record)
{
    struct disk *disk = record->inode->disk;

    list_for_each_safe (link, &disk->damages) {
        struct damage *damage = container_of(link, struct damage, link);

        if (damage->inode == record->inode &&
            overlaps(damage->offset, damage->length, record->offset,
                     record->length))
            damage_free(damage);
    }
}

void damage_write(const struct record *record)
{
    struct disk *disk = record->inode->disk;
    struct inode *other;
    struct damage *damage;
    uint64_t offset;

    rewritten(record);
    if (record->length == 0 || record->inode->path == NULL)
        return;
    if (is_armed(disk, FAULT_DISK_WRITE_LOST) &&
        time_of(record->inode, record->offset, record->length) !=
            DAMAGE_NEVER &&
        NODE_FAULT(disk->node, DISK_WRITE_LOST)) {
        damage_new(record, FAULT_DISK_WRITE_LOST);
        return;
    }
    if (!is_armed(disk, FAULT_DISK_WRITE_MISDIRECTED) ||
        time_of(record->inode, record->offset, record->length) == DAMAGE_NEVER)
        return;
    other = choose_other(record, &offset);
    if (other == NULL || time_of(other, offset, record->length) == DAMAGE_NEVER)
        return;
    if (!NODE_FAULT(disk->node, DISK_WRITE_MISDIRECTED))
        return;
    damage = damage_new(record, FAULT_DISK_WRITE_MISDIRECTED);
    damage->other = other;
    damage->other_offset = offset;
}

/* The medium holds these bytes; and so does the cache, as far as it is not
 * to be written back. */
static void put(struct inode *inode, uint64_t offset, const uint8_t *bytes,
                uint64_t length)
{
    bool dirty = is_dirty(inode, offset, length);

    for (unsigned view = 0; view < VIEWS; view++) {
        struct content *content = &inode->content[view];
        uint64_t part = length;

        if (offset >= content->size || (view == CACHE && dirty))
            continue;
        if (part > content->size - offset)
            part = content->size - offset;
        content_write(content, offset, bytes, part);
    }
}

static bool ripe(const struct damage *damage)
{
    return !damage->done &&
           time_of(damage->inode, damage->offset, damage->length) ==
               DAMAGE_NOW &&
           (damage->other == NULL ||
            time_of(damage->other, damage->other_offset, damage->length) ==
                DAMAGE_NOW);
}

void damage_ripen(struct disk *disk)
{
    list_for_each_safe (link, &disk->damages) {
        struct damage *damage = container_of(link, struct damage, link);

        if (!ripe(damage))
            continue;
        damage->done = true;
        put(damage->inode, damage->offset, damage->bytes, damage->length);
        tell(damage->inode, damage->offset, damage->length, damage->point);
        if (damage->other == NULL)
            continue;
        put(damage->other, damage->other_offset, damage->bytes + damage->length,
            damage->length);
        tell(damage->other, damage->other_offset, damage->length,
             damage->point);
    }
}

void damage_forget(const struct inode *inode)
{
    list_for_each_safe (link, &inode->disk->damages) {
        struct damage *damage = container_of(link, struct damage, link);

        if (damage->inode == inode || damage->other == inode)
            damage_free(damage);
    }
}

/* ---- reads ---- */

static void note_seen(struct inode *inode, uint64_t offset, uint64_t length)
{
    struct world *world = disk_world(inode->disk);

    list_for_each (link, &inode->disk->damages) {
        struct damage *damage = container_of(link, struct damage, link);

        if (!damage->done || damage->seen ||
            !((damage->inode == inode &&
               overlaps(offset, length, damage->offset, damage->length)) ||
              (damage->other == inode &&
               overlaps(offset, length, damage->other_offset, damage->length))))
            continue;
        damage->seen = true;
        world->observed[damage->point]++;
    }
}

void damage_read(struct inode *inode, uint64_t offset, uint8_t *buffer,
                 uint64_t length)
{
    struct disk *disk = inode->disk;
    uint64_t at;
    uint8_t bit;
    bool stays;

    if (length == 0)
        return;
    note_seen(inode, offset, length);
    if (!is_armed(disk, FAULT_DISK_ROT))
        return;
    at = draw(disk, length);
    bit = (uint8_t)(1u << draw(disk, 8));
    stays = draw(disk, 2) == 0 && !is_dirty(inode, offset + at, 1);
    if (inode->path == NULL || time_of(inode, offset + at, 1) != DAMAGE_NOW ||
        !NODE_FAULT(disk->node, DISK_ROT))
        return;
    buffer[at] ^= bit;
    for (unsigned view = 0; view < VIEWS && stays; view++)
        if (offset + at < inode->content[view].size)
            inode->content[view].data[offset + at] ^= bit;
    disk_world(disk)->observed[FAULT_DISK_ROT]++;
    tell(inode, offset + at, 1, FAULT_DISK_ROT);
}
