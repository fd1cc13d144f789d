/* SPDX-License-Identifier: Apache-2.0
 *
 * kq log verify: whether a log directory is what a broker left there.
 *
 * Damage is what no crash explains. What a crash does explain (a tail above
 * the recovery point, a leftover that the next start removes) is a note. Of
 * a directory with the token of a clean shutdown nothing is explained so.
 */
#ifndef CLI_LOG_VERIFY_H
#define CLI_LOG_VERIFY_H

#include <stdio.h>

#include "client/cli/log_read.h"

struct log_verify {
    FILE *out;
    const char *path;
    bool clean;
    bool known; /* the checkpoint is whole: `stored` can be relied upon */
    struct stored_log *stored;
    size_t stored_count;
    bool *seen; /* the log of an entry was found */

    uint64_t logs, segments, batches, records, bytes;
    uint64_t damages, notes;
    bool unreadable;                /* some file could not be read at all */
    char first[LOG_PATH_SIZE + 32]; /* damage: file:position */
};

/* Verifies a directory whose lock is held; prints "file:position: sentence"
 * for every problem and a summary. Returns the exit code: 0 sound, 1 damage,
 * 3 some file could not be read. */
int log_verify_run(const char *path, FILE *out);

/* ---- between its files ---- */

/* `file` is relative to the directory. */
void verify_damage(struct log_verify *verify, const char *file,
                   uint64_t position, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void verify_note(struct log_verify *verify, const char *file, uint64_t position,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));
void verify_fault(struct log_verify *verify, const char *file,
                  const struct log_fault *fault);
/* Where the entry of a log lies in the checkpoint file. */
uint64_t verify_entry_at(size_t entry);

/* One log: the directory `name`; stored is NULL when nothing is known. */
void verify_log(struct log_verify *verify, const char *name,
                const struct partition_key *key,
                const struct stored_log *stored, uint64_t stored_at);

#endif
