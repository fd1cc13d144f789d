/* SPDX-License-Identifier: Apache-2.0
 *
 * The log directories of one broker, as log.dirs names them: opened
 * together, found in together; each fails alone. A directory that is offline
 * stays so until the broker starts again; what lies in it is neither served
 * nor made anew elsewhere.
 *
 *     OPENING --opened--> ONLINE --a write or a sync failed--> OFFLINE
 *     OPENING --it cannot be opened--> OFFLINE
 *
 * What is not ours (another broker's or cluster's, in use, of another
 * format, a log that lies in two directories) is no failure of a disk: then
 * nothing is opened at all.
 */
#ifndef LOG_DIRECTORIES_H
#define LOG_DIRECTORIES_H

#include "log/log.h"
#include "seam/timer.h"

#define LOG_DIRECTORIES_MAX 32

struct log_directories;

enum log_root_state { LOG_ROOT_OPENING, LOG_ROOT_ONLINE, LOG_ROOT_OFFLINE };

/* One directory of the set. */
struct log_root {
    struct log_directory_owner owner;
    struct log_directories *all;
    struct log_directory *directory;
    enum log_root_state state;
    enum error error;
    bool opened; /* its logs are known, also when it failed since */
    bool told;   /* the owner knows that it failed */
    char *path;
    char detail[512]; /* why it is offline; a sentence */
};

/* Embedded by the owner of the set. */
struct log_directories_owner {
    /* Answer to log_directories_open(): ERROR_NONE when one at least is
     * online. Else `detail` is a sentence that names the file and the way
     * out, valid until return. */
    void (*opened)(struct log_directories_owner *owner, enum error error,
                   const char *detail);
    /* A directory that was online has failed; never from inside a call. */
    void (*failed)(struct log_directories_owner *owner,
                   const struct log_root *root);
    /* log_directories_in_life() may have become true. */
    void (*lived)(struct log_directories_owner *owner);
};

struct log_directories {
    struct seam *seam;
    struct log_directories_owner *owner;
    struct log_root *roots; /* in the order of log.dirs */
    size_t count;
    size_t waiting; /* for so many of them to open or to close */
    struct timer failed_timer;
    /* shutdown */
    void (*done)(void *context, enum error error);
    void *context;
    enum error error;
};

void log_directories_init(struct log_directories *all, struct seam *seam,
                          struct log_directories_owner *owner);
/* Opens each path; copies them. `options` holds what they have in common. */
void log_directories_open(struct log_directories *all, const char *const *paths,
                          size_t count,
                          const struct log_directory_options *options);
/* Closes those that are online, as log_directory_shutdown(); then done with
 * the first error. */
void log_directories_shutdown(struct log_directories *all,
                              void (*done)(void *context, enum error error),
                              void *context);
/* Frees all; see log_directory_free(). What was never opened is taken. */
void log_directories_release(struct log_directories *all);

/* The token of the first, when the last shutdown of all was clean. */
const struct uuid *log_directories_clean_token(
    const struct log_directories *all);
size_t log_directories_online(const struct log_directories *all);
/* A configured directory is not there: a log that is not found may be in it. */
bool log_directories_incomplete(const struct log_directories *all);

/* The broker is registered under this epoch: each directory that is online
 * stores it (log_directory_begin_life()). */
void log_directories_begin_life(struct log_directories *all,
                                uint64_t broker_epoch);
/* All that are online have stored it. */
bool log_directories_in_life(const struct log_directories *all,
                             uint64_t broker_epoch);

/* Believed time, the latest that any directory had stored when it was opened;
 * INT64_MIN: none had. */
int64_t log_directories_stored_ms(const struct log_directories *all);
/* What all that are online are to store (log_directory_note_time()). */
void log_directories_note_time(const struct log_directories *all,
                               int64_t believed_ms);

/* The log, also when its directory has failed since; NULL: in none that was
 * opened. */
struct log *log_directories_find(const struct log_directories *all,
                                 const struct partition_key *key);
/* The directory that such a log is still being removed from, also when it has
 * failed since; or NULL. */
struct log_directory *log_directories_removing(
    const struct log_directories *all, const struct partition_key *key);
/* The first and next log of those online, by directory and key, or NULL. */
struct log *log_directories_next(const struct log_directories *all,
                                 struct log *log);
/* Where a new log goes: online, with room before without, with the fewest
 * logs, the first of those. NULL when none is online. */
struct log_directory *log_directories_choose(const struct log_directories *all);

#endif
