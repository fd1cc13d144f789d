/* SPDX-License-Identifier: Apache-2.0
 *
 * A simulated disk has two views. CACHE is what the node reads and lists;
 * STABLE is what a loss of power leaves for sure. What is in the one and not
 * yet in the other is kept as lists in order:
 *     record  a write or a change of size of one file, until a sync
 *     change  of names in a directory, until the directory is synced
 * disk.c takes requests and completes them; disk_work.c carries them out;
 * disk_tree.c holds names, disk_file.c bytes; disk_crash.c says what is left.
 */
#ifndef SIM_DISK_INTERNAL_H
#define SIM_DISK_INTERNAL_H

#include "seam/disk.h"
#include "sim/twins.h"

#define SECTOR_BYTES     512u
#define DISK_TOP_BYTES   32
#define DISK_FAILING_MAX 8
#define WRITEBACK_US     30000000 /* what is older is durable by itself */

enum view { CACHE, STABLE, VIEWS };

struct content {
    uint8_t *data;
    uint64_t size;
    uint64_t room;
};

struct inode;
struct image;

struct entry {
    char *name;
    struct inode *inode;
};

struct entries { /* sorted by byte value */
    struct entry *entries;
    size_t count;
    size_t room;
};

struct inode {
    struct disk *disk;
    uint64_t id;
    char *path; /* by which it was opened or renamed last; NULL: never */
    bool directory;
    unsigned references; /* entries of both views, opens, changes */
    unsigned links;      /* entries of the cache view */
    unsigned opens;
    bool locked;
    bool marked;       /* scratch of sync_directory */
    unsigned failures; /* syncs of it that failed */
    struct list link;  /* disk->inodes */
    /* a file */
    struct content content[VIEWS];
    uint64_t allocated;
    uint64_t charged;    /* of disk->used */
    struct list records; /* of struct record, in order */
    /* a directory */
    struct entries entries[VIEWS];
};

enum record_kind { RECORD_WRITE, RECORD_SIZE };

struct record {
    struct list link;  /* inode->records */
    struct list order; /* disk->records; not once it failed */
    struct inode *inode;
    enum record_kind kind;
    uint64_t number;
    int64_t at_us;
    uint64_t offset; /* size: the new size */
    uint64_t length;
    size_t room; /* for data */
    uint8_t data[];
};

enum change_kind { CHANGE_LINK, CHANGE_UNLINK, CHANGE_RENAME };

struct change {
    struct list link; /* disk->changes */
    enum change_kind kind;
    int64_t at_us;
    struct inode *directory;
    char *name;
    struct inode *inode;
    struct inode *to_directory; /* rename */
    char *to_name;
    uint64_t covers; /* a rename over a file: records below this number */
    bool clean;      /* its sync failed, and no other wants to write it */
    bool lost;       /* scratch of a crash */
};

struct disk {
    struct node *node;
    struct list inodes;
    struct inode *root;
    uint64_t next_inode;
    struct list records; /* the oldest first */
    uint64_t record_bytes;
    uint64_t next_record;
    struct list changes;
    struct list damages;
    uint64_t capacity;
    uint64_t used;
    const struct disk_habits *habits;
    uint64_t submitted[DISK_STRIKE_KINDS]; /* operations, of all processes */
    struct disk_strike strike;
    char failing[DISK_FAILING_MAX][DISK_TOP_BYTES]; /* top directories */
    unsigned failing_count;
    struct image *image; /* taken before; NULL: an empty disk, or none */
    bool has_image;
    /* of the running process */
    struct list files;      /* of struct disk_file */
    struct list operations; /* of struct operation, as submitted */
    struct list names;      /* answers of list */
    unsigned in_flight;
    int64_t paths_last_us;
};

struct disk_file {
    struct disk *disk;
    struct inode *inode;
    struct list link;         /* disk->files */
    char top[DISK_TOP_BYTES]; /* the top directory it was opened in */
    bool closed;
    bool read_only;
    bool locks;
    unsigned references; /* operations, sends, the opener */
    int64_t last_us;     /* when its last operation completes */
    uint64_t cut_count;  /* for sends in the queue */
    uint64_t cut_lowest;
    unsigned failures_heard;
    bool stopped; /* at a crash: nothing in flight after this happened */
};

struct operation {
    struct happening happening;
    struct delivery delivery;
    struct list link; /* disk->operations */
    struct disk *disk;
    struct disk_request *request;
    struct disk_file *file; /* held; NULL: paths, sync */
    uint64_t covered;       /* sync: records below this number */
    bool busy;
    bool executed;
    bool struck;
};

static inline struct world *disk_world(const struct disk *disk)
{
    return disk->node->world;
}

/* ---- disk_profile.c ---- */
/* What MAYBE be is drawn. */
bool disk_does(const struct disk *disk, enum habit habit);

/* ---- disk.c ---- */
struct disk_file *disk_file_new(struct disk *disk, struct inode *inode);
void disk_file_hold(struct disk_file *file);
void disk_file_drop(struct disk_file *file);

/* ---- disk_work.c ---- */
/* Sets the results of the request. Without `faults` none is asked for. */
void disk_execute(struct operation *operation, bool faults);
/* It fails with this error; what is written or synced then is drawn. */
void disk_execute_failing(struct operation *operation, enum error error);
/* An append fails with ERROR_IO when some of it is written, if it can. */
void disk_execute_short(struct operation *operation);
/* A read for a send: the bytes there are. */
size_t disk_file_peek(struct disk_file *file, uint64_t offset, void *buffer,
                      size_t size);

/* ---- disk_tree.c ---- */
struct inode *inode_new(struct disk *disk, bool directory);
void inode_hold(struct inode *inode);
void inode_drop(struct inode *inode);
void inode_name(struct inode *inode, const char *path);
/* Brings disk->used up to date with the inode. */
void inode_recharge(struct inode *inode);
/* The next part of the path into `part`; false at its end. */
bool path_part(const char **path, char *part, size_t size);
/* In the cache view; NULL: not there. */
struct inode *tree_find(struct disk *disk, const char *path);
/* The directory of the last part of the path; NULL: not there. `name` points
 * into the path and may be followed by slashes. */
struct inode *tree_parent(struct disk *disk, const char *path, char *name,
                          size_t name_size);
struct inode *entries_find(const struct inode *directory, enum view view,
                           const char *name);
void entries_clone(struct inode *directory, enum view to, enum view from);
void tree_link(struct inode *directory, const char *name, struct inode *inode);
void tree_unlink(struct inode *directory, const char *name);
void tree_rename(struct inode *directory, const char *name,
                 struct inode *to_directory, const char *to_name);
/* Makes it durable, and what has to be before it; frees it. */
void change_commit(struct change *change);
void change_free(struct change *change);
/* Takes a top directory out, in both views; the node is down. */
void tree_forget(struct disk *disk, const char *name);
/* Both change one name. */
bool change_meets(const struct change *change, const struct change *other);
/* What makes the entries of this directory durable, in an order that keeps
 * renames whole. */
void tree_sync(struct inode *directory);
void tree_sync_failed(struct inode *directory);
/* The file is synced, and its name with it where that is the habit. */
void tree_sync_name(struct inode *inode);

/* ---- disk_file.c ---- */
void content_write(struct content *content, uint64_t offset, const void *data,
                   uint64_t length);
void content_resize(struct content *content, uint64_t size);
void content_copy(struct content *to, const struct content *from);
void content_release(struct content *content);
/* The first `length` bytes of the vectors, which hold as many. */
void file_write(struct inode *inode, uint64_t offset, const struct iovec *iov,
                uint64_t length);
void file_resize(struct inode *inode, uint64_t size);
void file_sync(struct inode *inode, uint64_t covered);
/* The same, of its bytes alone. */
void file_settle(struct inode *inode, uint64_t covered);
/* A sync of it failed: what was covered is clean and perhaps gone. */
void file_sync_failed(struct inode *inode, uint64_t covered);
/* Pages whose sync failed fall out of the cache, perhaps. */
void file_evict(struct inode *inode);
void record_free(struct record *record);

/* ---- disk_outage.c ---- */
void disk_file_note_top(struct disk_file *file, const char *path);
bool disk_file_fails(const struct disk_file *file);
/* It works in a top directory that fails. */
bool disk_operation_fails(const struct operation *operation);

/* ---- disk_image.c ---- */
void image_free(struct image *image);

/* ---- disk_damage.c ---- */
/* The record reaches the medium next: damage that it suffers is planned. */
void damage_write(const struct record *record);
/* Whatever may happen by now does. */
void damage_ripen(struct disk *disk);
void damage_forget(const struct inode *inode);
/* These bytes were read from the file. */
void damage_read(struct inode *inode, uint64_t offset, uint8_t *buffer,
                 uint64_t length);

/* ---- disk_strike.c ---- */
/* It is complete now. Counts it; returns unless the node was crashed at this
 * operation. */
void disk_submitted(struct operation *operation);
/* True when it is the one that fails; it has failed then. */
bool disk_strike_fails(struct operation *operation);
/* The node has handled its completion. */
void disk_strike_done(struct disk *disk);

/* ---- disk_crash.c ---- */
/* What is in flight happens or not. */
void disk_crash_in_flight(struct disk *disk);
void disk_crash_power(struct disk *disk);

#endif
