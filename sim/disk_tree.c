/* SPDX-License-Identifier: Apache-2.0
 *
 * Inodes and names. Every change of names is made in the cache view at once
 * and in the stable view when a directory that it touches is synced, after
 * all that it builds on. What else makes it durable, and what it takes with
 * it, is a habit of the profile.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/disk_internal.h"

/* ---- inodes ------------------------------------------------------------ */

/* The caller holds it. */
struct inode *inode_new(struct disk *disk, bool directory)
{
    struct inode *inode = calloc(1, sizeof *inode);

    ASSERT(inode != NULL);
    inode->disk = disk;
    inode->id = disk->next_inode++;
    inode->directory = directory;
    inode->references = 1;
    list_init(&inode->link);
    list_init(&inode->records);
    list_append(&disk->inodes, &inode->link);
    return inode;
}

void inode_hold(struct inode *inode)
{
    inode->references++;
}

/* The inode has one entry less in this view. */
static void entry_gone(struct inode *inode, enum view view)
{
    if (view == CACHE) {
        inode->links--;
        inode_recharge(inode);
    }
    inode_drop(inode);
}

static void entries_clear(struct inode *directory, enum view view)
{
    struct entries *entries = &directory->entries[view];

    for (size_t i = 0; i < entries->count; i++) {
        free(entries->entries[i].name);
        entry_gone(entries->entries[i].inode, view);
    }
    entries->count = 0;
}

void inode_drop(struct inode *inode)
{
    ASSERT(inode->references > 0);
    if (--inode->references > 0)
        return;
    while (!list_empty(&inode->records))
        record_free(
            container_of(list_first(&inode->records), struct record, link));
    for (unsigned view = 0; view < VIEWS; view++) {
        entries_clear(inode, (enum view)view);
        free(inode->entries[view].entries);
        content_release(&inode->content[view]);
    }
    damage_forget(inode);
    list_remove(&inode->link);
    free(inode->path);
    free(inode);
}

void inode_name(struct inode *inode, const char *path)
{
    if (inode->path != NULL && strcmp(inode->path, path) == 0)
        return;
    free(inode->path);
    inode->path = strdup(path);
    ASSERT(inode->path != NULL);
}

void inode_recharge(struct inode *inode)
{
    uint64_t size = inode->content[CACHE].size;
    uint64_t charge = 0;

    if (!inode->directory && (inode->links > 0 || inode->opens > 0))
        charge = size > inode->allocated ? size : inode->allocated;
    inode->disk->used = inode->disk->used - inode->charged + charge;
    inode->charged = charge;
}

/* ---- entries ----------------------------------------------------------- */

/* Where the name is or belongs. */
static size_t entries_place(const struct entries *entries, const char *name,
                            bool *found)
{
    size_t low = 0;
    size_t high = entries->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(entries->entries[middle].name, name);

        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = false;
    return low;
}

struct inode *entries_find(const struct inode *directory, enum view view,
                           const char *name)
{
    const struct entries *entries = &directory->entries[view];
    bool found;
    size_t at = entries_place(entries, name, &found);

    return found ? entries->entries[at].inode : NULL;
}

static void entries_remove(struct inode *directory, enum view view,
                           const char *name)
{
    struct entries *entries = &directory->entries[view];
    bool found;
    size_t at = entries_place(entries, name, &found);
    struct entry old;

    if (!found)
        return;
    old = entries->entries[at];
    entries->count--;
    memmove(&entries->entries[at], &entries->entries[at + 1],
            (entries->count - at) * sizeof old);
    free(old.name);
    entry_gone(old.inode, view);
}

static void entries_insert(struct entries *entries, size_t at, const char *name,
                           struct inode *inode)
{
    if (entries->count == entries->room) {
        entries->room = entries->room ? entries->room * 2 : 8;
        entries->entries =
            realloc(entries->entries, entries->room * sizeof(struct entry));
        ASSERT(entries->entries != NULL);
    }
    memmove(&entries->entries[at + 1], &entries->entries[at],
            (entries->count - at) * sizeof(struct entry));
    entries->entries[at] = (struct entry){strdup(name), inode};
    entries->count++;
}

static void entries_set(struct inode *directory, enum view view,
                        const char *name, struct inode *inode)
{
    struct entries *entries = &directory->entries[view];
    bool found;
    size_t at = entries_place(entries, name, &found);
    struct inode *old = found ? entries->entries[at].inode : NULL;

    inode_hold(inode);
    if (found)
        entries->entries[at].inode = inode;
    else
        entries_insert(entries, at, name, inode);
    if (view == CACHE) {
        inode->links++;
        inode_recharge(inode);
    }
    if (found)
        entry_gone(old, view);
}

void entries_clone(struct inode *directory, enum view to, enum view from)
{
    const struct entries *source = &directory->entries[from];

    entries_clear(directory, to);
    for (size_t i = 0; i < source->count; i++)
        entries_set(directory, to, source->entries[i].name,
                    source->entries[i].inode);
}

/* ---- paths ------------------------------------------------------------- */

bool path_part(const char **path, char *part, size_t size)
{
    size_t length = 0;

    do {
        while (**path == '/')
            (*path)++;
        length = (size_t)(strchrnul(*path, '/') - *path);
        if (length == 0)
            return false;
        ASSERT(length < size);
        memcpy(part, *path, length);
        part[length] = '\0';
        *path += length;
    } while (strcmp(part, ".") == 0);
    return true;
}

struct inode *tree_find(struct disk *disk, const char *path)
{
    struct inode *inode = disk->root;
    char part[256];

    while (inode != NULL && path_part(&path, part, sizeof part))
        inode = inode->directory ? entries_find(inode, CACHE, part) : NULL;
    return inode;
}

struct inode *tree_parent(struct disk *disk, const char *path, char *name,
                          size_t name_size)
{
    struct inode *inode = disk->root;
    char next[256];

    if (!path_part(&path, name, name_size))
        return NULL;
    while (path_part(&path, next, sizeof next)) {
        inode = entries_find(inode, CACHE, name);
        if (inode == NULL || !inode->directory)
            return NULL;
        memcpy(name, next, strlen(next) + 1);
    }
    return inode;
}

/* ---- changes ----------------------------------------------------------- */

static void change_apply(struct change *change, enum view view)
{
    switch (change->kind) {
    case CHANGE_LINK:
        entries_set(change->directory, view, change->name, change->inode);
        return;
    case CHANGE_UNLINK:
        entries_remove(change->directory, view, change->name);
        return;
    case CHANGE_RENAME:
        entries_set(change->to_directory, view, change->to_name, change->inode);
        entries_remove(change->directory, view, change->name);
        return;
    }
    UNREACHABLE();
}

void change_free(struct change *change)
{
    list_remove(&change->link);
    inode_drop(change->directory);
    inode_drop(change->inode);
    if (change->to_directory != NULL)
        inode_drop(change->to_directory);
    free(change->name);
    free(change->to_name);
    free(change);
}

void change_commit(struct change *change)
{
    const struct disk_habits *habits = change->directory->disk->habits;

    if (change->covers > 0 && habits->rename_takes_data == ALWAYS)
        file_settle(change->inode, change->covers);
    change_apply(change, STABLE);
    change_free(change);
}

static bool changes_name(const struct change *change,
                         const struct inode *directory, const char *name)
{
    return (change->directory == directory &&
            strcmp(change->name, name) == 0) ||
           (change->to_directory == directory &&
            strcmp(change->to_name, name) == 0);
}

bool change_meets(const struct change *change, const struct change *other)
{
    return changes_name(change, other->directory, other->name) ||
           (other->to_directory != NULL &&
            changes_name(change, other->to_directory, other->to_name));
}

/* The journal is committed by itself. */
static void commit_old(struct disk *disk)
{
    while (!list_empty(&disk->changes)) {
        struct change *oldest =
            container_of(list_first(&disk->changes), struct change, link);

        if (oldest->clean ||
            oldest->at_us > disk_world(disk)->now_us - WRITEBACK_US)
            return;
        change_commit(oldest);
    }
}

static struct change *change_new(enum change_kind kind, struct inode *directory,
                                 const char *name, struct inode *inode)
{
    struct change *change = calloc(1, sizeof *change);

    ASSERT(change != NULL);
    commit_old(directory->disk);
    change->kind = kind;
    change->at_us = disk_world(directory->disk)->now_us;
    change->directory = directory;
    change->inode = inode;
    change->name = strdup(name);
    inode_hold(directory);
    inode_hold(inode);
    list_init(&change->link);
    list_append(&directory->disk->changes, &change->link);
    return change;
}

void tree_link(struct inode *directory, const char *name, struct inode *inode)
{
    change_apply(change_new(CHANGE_LINK, directory, name, inode), CACHE);
}

void tree_unlink(struct inode *directory, const char *name)
{
    struct inode *inode = entries_find(directory, CACHE, name);

    change_apply(change_new(CHANGE_UNLINK, directory, name, inode), CACHE);
}

void tree_rename(struct inode *directory, const char *name,
                 struct inode *to_directory, const char *to_name)
{
    struct inode *inode = entries_find(directory, CACHE, name);
    struct change *change = change_new(CHANGE_RENAME, directory, name, inode);

    if (entries_find(to_directory, CACHE, to_name) != NULL)
        change->covers = directory->disk->next_record;
    inode_hold(to_directory);
    change->to_directory = to_directory;
    change->to_name = strdup(to_name);
    change_apply(change, CACHE);
}

static bool touches_marked(const struct change *change)
{
    return change->directory->marked ||
           (change->to_directory != NULL && change->to_directory->marked);
}

static void mark(struct change *change, bool marked)
{
    change->directory->marked = marked;
    if (change->to_directory != NULL)
        change->to_directory->marked = marked;
}

/* From this change backwards: those of its directories, and whatever touches
 * a directory that one of them touches too. */
static void commit_related(struct disk *disk, struct list *from)
{
    struct list *head = &disk->changes;
    struct list wanted;
    struct list *previous;

    list_init(&wanted);
    for (struct list *at = from; at != head; at = previous) {
        struct change *change = container_of(at, struct change, link);

        previous = at->previous;
        if (!touches_marked(change))
            continue;
        mark(change, true);
        list_remove(at);
        list_append(wanted.next, at);
    }
    while (!list_empty(&wanted)) {
        struct change *change =
            container_of(list_first(&wanted), struct change, link);

        mark(change, false);
        change_commit(change);
    }
}

static void commit_up_to(struct disk *disk, const struct change *last)
{
    struct change *change;

    do {
        change = container_of(list_first(&disk->changes), struct change, link);
        change_commit(change);
    } while (change != last);
}

static bool touches(const struct change *change, const struct inode *directory)
{
    return change->directory == directory || change->to_directory == directory;
}

void tree_sync_failed(struct inode *directory)
{
    struct disk *disk = directory->disk;

    if (!disk_does(disk, disk->habits->forgets_names))
        return;
    list_for_each (at, &disk->changes) {
        struct change *change = container_of(at, struct change, link);

        change->clean |= touches(change, directory);
    }
}

/* A sync would write it. */
static bool is_dirty(const struct inode *directory)
{
    list_for_each (at, &directory->disk->changes) {
        const struct change *change = container_of(at, struct change, link);

        if (!change->clean && touches(change, directory))
            return true;
    }
    return false;
}

void tree_sync(struct inode *directory)
{
    struct disk *disk = directory->disk;
    struct list *head = &disk->changes;

    if (!is_dirty(directory))
        return;
    directory->marked = true;
    if (disk->habits->sync_takes_earlier != ALWAYS) {
        commit_related(disk, head->previous);
    } else {
        struct list *at = head->previous;

        while (at != head &&
               !touches_marked(container_of(at, struct change, link)))
            at = at->previous;
        if (at != head)
            commit_up_to(disk, container_of(at, struct change, link));
    }
    directory->marked = false;
}

void tree_sync_name(struct inode *inode)
{
    struct disk *disk = inode->disk;

    if (disk->habits->sync_takes_name != ALWAYS)
        return;
    list_for_each (at, &disk->changes) {
        struct change *change = container_of(at, struct change, link);

        if (change->kind != CHANGE_LINK || change->inode != inode)
            continue;
        if (disk->habits->sync_takes_earlier == ALWAYS) {
            commit_up_to(disk, change);
        } else {
            mark(change, true);
            commit_related(disk, at);
        }
        return;
    }
}

/* What happened to names so far is durable first: it may well have been. */
void tree_forget(struct disk *disk, const char *name)
{
    while (!list_empty(&disk->changes)) {
        struct change *oldest =
            container_of(list_first(&disk->changes), struct change, link);

        change_apply(oldest, STABLE);
        change_free(oldest);
    }
    for (unsigned view = 0; view < VIEWS; view++)
        entries_remove(disk->root, view, name);
}
