/* SPDX-License-Identifier: Apache-2.0
 *
 * The epoch history of one log: which leader epoch began at which offset,
 * both strictly ascending (KIP-101, KIP-279). An epoch holds the offsets
 * from its start up to the start of the next one. Two logs diverge where
 * their histories do; a high watermark says nothing about that (K1, K2).
 *
 * Pure: the array is the caller's, nothing is allocated. When it is full the
 * oldest entry is forgotten: then the history does not reach down that far,
 * and a follower that asks about it is told so.
 */
#ifndef RULES_EPOCHS_H
#define RULES_EPOCHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct epoch_entry {
    uint32_t epoch;
    int64_t start_offset;
};

struct epochs {
    struct epoch_entry *entries; /* owned by the caller */
    size_t count;
    size_t capacity;
};

/* Borrows entries for the life of the history; capacity > 0. */
void epochs_init(struct epochs *epochs, struct epoch_entry *entries,
                 size_t capacity);

/* Notes that `epoch` begins at `start_offset`, which is the end of the log.
 * Epochs that would begin there or later held no batch: they are dropped
 * (K5). Nothing happens when it is the newest epoch already. An epoch or an
 * offset that goes backwards is refused: false. */
bool epochs_append(struct epochs *epochs, uint32_t epoch, int64_t start_offset);

/* Whether epochs_append() would change the history. */
bool epochs_is_news(const struct epochs *epochs, uint32_t epoch);

/* The log now ends at end_offset: epochs that begin there or later go. */
void epochs_cut_end(struct epochs *epochs, int64_t end_offset);

/* The log now starts at start_offset: epochs wholly below go, the one that
 * holds it begins there. */
void epochs_cut_start(struct epochs *epochs, int64_t start_offset);

void epochs_clear(struct epochs *epochs);

/* The newest epoch; 0 when there is none. */
uint32_t epochs_last(const struct epochs *epochs);

/* The largest epoch <= `epoch`, and the first offset after it: the start of
 * the next one, or log_end for the newest. False when all are newer: then
 * the logs diverge from the start of this one. */
bool epochs_end(const struct epochs *epochs, uint32_t epoch, int64_t log_end,
                uint32_t *found, int64_t *end_offset);

/* The epoch that holds `offset`; false when it lies below the history. */
bool epochs_at(const struct epochs *epochs, int64_t offset, uint32_t *epoch);

/* Strictly ascending in both: what any history read from a disk must be. */
bool epochs_valid(const struct epoch_entry *entries, size_t count);

#endif
