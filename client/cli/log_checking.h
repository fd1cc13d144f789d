/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files that verify one log share: log_verify_log.c goes through
 * the segments, log_claims.c holds each batch against what the other files
 * of the log say of it.
 */
#ifndef CLI_LOG_CHECKING_H
#define CLI_LOG_CHECKING_H

#include "client/cli/log_verify.h"

/* A batch begins at this offset, says some file. */
struct claim {
    int64_t offset;
    int64_t segment;     /* -1: not said */
    uint64_t place;      /* in the segment */
    int64_t producer_id; /* -1: not said */
    uint32_t producer_epoch;
    int32_t base_sequence, last_sequence;
    int64_t snapshot;  /* whose; -1: the checkpoint's recovery point */
    uint64_t position; /* in that file */
};

struct checking {
    struct log_verify *verify;
    const char *name;
    const struct partition_key *key;
    const struct stored_log *stored; /* NULL: not known */
    uint64_t stored_at;
    char file[LOG_PATH_SIZE]; /* relative; the one looked at */
    int64_t *bases;
    size_t base_count;
    bool has_epochs; /* and they are whole */
    struct epochs epochs;
    struct epoch_entry epoch_entries[LOG_EPOCHS_MAX];
    struct claim *claims;
    size_t claim_count, claim_capacity, claim_at, producer_claims;

    int64_t expected; /* offset of the next batch */
    uint32_t epoch;   /* of the last batch */
    int64_t previous; /* the segment before, and where it ended */
    uint64_t previous_size;
    bool blind; /* some file could not be read: the end is not known */
    bool ended; /* no crash-proof data from here on */

    /* the segment looked at */
    int64_t base;
    uint64_t size; /* up to the last batch taken */
    uint64_t batches;
    int64_t first_append_ms, last_append_ms, max_timestamp_ms;
    int64_t durable_max_ms; /* of batches below the recovery point */
    struct log_small index;
    bool indexed; /* index is whole, and this its summary: */
    struct index_summary summary;
    size_t entry_at;
};

/* Below it the data was synced: no crash explains what is wrong. */
bool checking_believed(const struct checking *checking, int64_t offset);
/* Which file of the log is looked at. */
void checking_file(struct checking *checking, const char *name);
void checking_numbered(struct checking *checking, int64_t offset,
                       const char *suffix);
/* The file looked at; false after its fault was told. Release in any case. */
bool checking_small(struct checking *checking, uint32_t magic,
                    struct log_small *file);

#define DAMAGE(checking, position, ...)                                        \
    verify_damage((checking)->verify, (checking)->file, (position), __VA_ARGS__)
#define NOTE(checking, position, ...)                                          \
    verify_note((checking)->verify, (checking)->file, (position), __VA_ARGS__)
/* Damage, unless a crash explains it. */
#define BLAME(checking, offset, position, ...)                                 \
    (checking_believed((checking), (offset))                                   \
         ? DAMAGE((checking), (position), __VA_ARGS__)                         \
         : NOTE((checking), (position), __VA_ARGS__))

/* ---- log_verify_index.c ---- */

/* Reads the index of the segment looked at. */
void checking_index_take(struct checking *checking);
/* The next batch, before it is counted. */
void checking_index_batch(struct checking *checking, uint64_t position,
                          const struct batch_header *header);
/* All batches of the segment were seen: it ends at `size`. */
void checking_index_end(struct checking *checking, uint64_t size);

/* ---- log_claims.c ---- */

/* Reads the file of the epoch history. */
void claims_take_epochs(struct checking *checking);
/* Reads a snapshot of producers. */
void claims_take_snapshot(struct checking *checking, int64_t offset);
void claims_add(struct checking *checking, const struct claim *claim);
/* All are there; the segments come next. */
void claims_sort(struct checking *checking);
/* The next batch, in order. */
void claims_check(struct checking *checking, uint64_t position,
                  const struct batch_header *header);
/* Batches below `offset` are lost: that was told, nothing is missed. */
void claims_skip(struct checking *checking, int64_t offset);
/* The log ends where the segment looked at does. */
void claims_end(struct checking *checking);

#endif
