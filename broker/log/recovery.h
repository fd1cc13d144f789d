/* SPDX-License-Identifier: Apache-2.0
 *
 * The recovery of one log, and of all logs of a directory. One log:
 *
 *     list -> epochs -> snapshot, newest first -> segments, in order:
 *         open -> summary, or scan -> next ... -> repair -> sync -> done
 *
 * recover.c finds out what the log holds, repair.c makes the directory agree
 * with that, recover_all.c runs several at once and shares their syncs.
 */
#ifndef LOG_RECOVERY_H
#define LOG_RECOVERY_H

#include "log/internal.h"

struct recovery {
    struct recoveries *all;
    struct list node; /* all->running, then ->unsynced, then ->in_round */
    struct log_directory *directory;
    struct log_body *body;
    struct stored_log stored;
    bool lost;     /* there is no checkpoint to go by */
    bool unsynced; /* has given its slot up and waits for a sync */
    struct disk_request request;
    struct small_file file;
    struct scan scan;
    struct steps steps;
    char *path;

    int64_t *bases; /* of segment files, ascending */
    size_t base_count;
    int64_t *indexes; /* of index files */
    size_t index_count;
    int64_t *snapshots; /* ascending */
    size_t snapshot_count;
    size_t snapshot_at; /* those below are still to be tried */
    bool has_epochs;
    bool has_mending;
    int64_t mending; /* what lies behind may not be on the disk (log/mend.c) */
    struct epoch_entry *noted; /* the history as it was on disk */
    size_t noted_count;

    struct place start; /* checked from here on */
    size_t at;          /* bases[at] is looked at */
    int64_t expected;   /* the offset that comes next */
    bool ended;         /* the log ends at `expected`; the rest goes */
    bool rebuilding;    /* the scan is of a segment below `start` */
    bool resumed;       /* the scan went on at the recovery point */
    bool hollow;        /* the end is known, the bytes before it are not there:
                           a new segment begins there */
    int64_t damage_offset; /* the first that cannot be read ... */
    int64_t damage_end;    /* ... and where it goes on; 0: all is whole */
    bool created;
    uint64_t file_size; /* of the segment looked at */
};

/* ---- recover.c ---- */

/* `stored` is what the checkpoint holds of it, NULL when the checkpoint was
 * lost. Then recovery_done(), or recovery_unsynced() before it. */
struct recovery *recovery_new(struct recoveries *all,
                              const struct partition_key *key,
                              const struct stored_log *stored);
void recovery_free(struct recovery *recovery);
/* A file of the log is unlinked by the repair. */
void recovery_remove_later(struct recovery *recovery, int64_t offset,
                           const char *suffix);

/* ---- repair.c ---- */

void recovery_repair(struct recovery *recovery);
/* What was written again is durable: the log is there, at once or by
 * recovery_done() later. */
void recovery_finish(struct recovery *recovery);

/* ---- recover_all.c ---- */

struct recoveries;

/* Owned by the opening. `done` comes once, when nothing is in flight any
 * more; `name` is the log that could not be recovered, `path` what of it. */
struct recoveries *recoveries_new(struct log_directory *directory,
                                  void (*done)(struct log_directory *directory,
                                               enum error error,
                                               const char *name,
                                               const char *path));
void recoveries_free(struct recoveries *all);
/* Borrows `stored` until done. */
void recoveries_add(struct recoveries *all, const struct partition_key *key,
                    const struct stored_log *stored);
void recoveries_run(struct recoveries *all);

struct log_directory *recoveries_directory(const struct recoveries *all);
/* Another log failed: this one need not go on. */
bool recoveries_stopped(const struct recoveries *all);
void recoveries_note_bytes(struct recoveries *all, uint64_t bytes);
/* Dirty segments are to be synced; recovery_finish() follows. */
void recovery_unsynced(struct recovery *recovery);
/* Frees it. */
void recovery_done(struct recovery *recovery, enum error error,
                   const char *path);

#endif
