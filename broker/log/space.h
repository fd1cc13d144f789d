/* SPDX-License-Identifier: Apache-2.0
 *
 * The space of a log directory. A disk without space is an answer, not a
 * failure: what can be done without is left out, the rest waits and is tried
 * again, and nothing is lost by either.
 *
 *     ROOMY   --free space below the reserve--> FULL
 *     any     --an operation found no space--> STARVED
 *     FULL, STARVED   --a quarter above the reserve, nobody waits--> ROOMY
 *
 * FULL refuses producers. STARVED refuses every append, followers' too, and
 * lets indexes and snapshots of producers wait. What retention, a start and a
 * clean end must write (checkpoint, epoch histories, meta, names) waits here;
 * the first to wait gets the ballast: a file of a quarter of the reserve,
 * allocated while there was room, that is given up for them alone.
 */
#ifndef LOG_SPACE_H
#define LOG_SPACE_H

#include <stdbool.h>

#include "seam/disk.h"
#include "seam/timer.h"

struct log_directory;

/* Waits for space to try again. Zeroed or list_init(): waits for nothing. */
struct space_waiter {
    void (*again)(struct space_waiter *waiter);
    struct list node;
};

enum ballast {
    BALLAST_UNKNOWN, /* one may lie there, from before the start */
    BALLAST_HELD,
    BALLAST_GONE,
    BALLAST_IMPOSSIBLE /* this file system cannot allocate */
};

struct space {
    bool full;
    bool starved;
    struct list waiters;
    struct timer retry;
    int64_t give_up_us; /* while closing: nobody waits longer; 0: not set */
    struct timer poll;
    uint64_t left;   /* above the reserve, when it was looked at */
    uint64_t unseen; /* bytes appended since */
    struct disk_request poll_request;
    bool asked;
    bool roll_waits; /* for another look: there was no room for a segment */
    enum ballast ballast;
    struct disk_request ballast_request;
    struct disk_file *ballast_file;
    char *ballast_path;
    bool ballast_busy;
};

void space_init(struct log_directory *directory);
void space_start(struct log_directory *directory); /* looks now and then */
void space_stop(struct log_directory *directory);  /* no longer */
/* options.space_interval_ms */
int64_t space_interval_us(const struct log_directory *directory);
void space_release(struct log_directory *directory);
/* No request of it is in flight. */
bool space_idle(const struct space *space);
/* So many bytes are free. */
void space_note(struct log_directory *directory, uint64_t free_bytes);
/* So many bytes are being appended. Once they may be half of what was left
 * above the reserve, it looks at once: files take more than their bytes. */
void space_take(struct log_directory *directory, uint64_t bytes);
/* An operation found no space. */
void space_starve(struct log_directory *directory);
/* Gives up the ballast, if there is any. */
void space_give_ballast(struct log_directory *directory);
/* again() comes when it is worth another try, and when the directory has
 * failed: then space_lost(). False: waiting is over, the directory is being
 * closed and has waited long enough. */
bool space_wait(struct space *space, struct space_waiter *waiter);
void space_forget(struct space_waiter *waiter);
bool space_lost(const struct space *space);
/* The directory failed: whoever waits is told soon. */
void space_fail(struct log_directory *directory);

#endif
