/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the decisions about epoch histories (rules/epochs.h). Never allocates
 * and never does I/O; the order of the entries is checked on every change.
 */
#include "rules/epochs.h"

#include <string.h>

#include "base/assert.h"

void epochs_init(struct epochs *epochs, struct epoch_entry *entries,
                 size_t capacity)
{
    ASSERT(capacity > 0);
    *epochs = (struct epochs){entries, 0, capacity};
}

static const struct epoch_entry *newest(const struct epochs *epochs)
{
    return epochs->count ? &epochs->entries[epochs->count - 1] : NULL;
}

static void forget_oldest(struct epochs *epochs, size_t count)
{
    ASSERT(count <= epochs->count);
    epochs->count -= count;
    memmove(epochs->entries, epochs->entries + count,
            epochs->count * sizeof *epochs->entries);
}

bool epochs_is_news(const struct epochs *epochs, uint32_t epoch)
{
    return epochs->count == 0 || newest(epochs)->epoch != epoch;
}

bool epochs_append(struct epochs *epochs, uint32_t epoch, int64_t start_offset)
{
    if (start_offset < 0)
        return false;
    if (!epochs_is_news(epochs, epoch))
        return true;
    if (epochs->count > 0 && epoch < newest(epochs)->epoch)
        return false;
    epochs_cut_end(epochs, start_offset);
    if (epochs->count == epochs->capacity)
        forget_oldest(epochs, 1);
    epochs->entries[epochs->count++] =
        (struct epoch_entry){epoch, start_offset};
    /* L9: histories ascend in epoch and in offset */
    ASSERT_INVARIANT(L9,
                     epochs->count < 2 ||
                         epochs_valid(epochs->entries + epochs->count - 2, 2));
    return true;
}

void epochs_cut_end(struct epochs *epochs, int64_t end_offset)
{
    while (epochs->count > 0 && newest(epochs)->start_offset >= end_offset)
        epochs->count--;
}

void epochs_cut_start(struct epochs *epochs, int64_t start_offset)
{
    size_t below = 0; /* entries that begin at or below the new start */

    while (below < epochs->count &&
           epochs->entries[below].start_offset <= start_offset)
        below++;
    if (below == 0)
        return;
    forget_oldest(epochs, below - 1);
    epochs->entries[0].start_offset = start_offset;
    ASSERT_INVARIANT(L9, epochs_valid(epochs->entries, epochs->count));
}

void epochs_clear(struct epochs *epochs)
{
    epochs->count = 0;
}

uint32_t epochs_last(const struct epochs *epochs)
{
    return epochs->count ? newest(epochs)->epoch : 0;
}

bool epochs_end(const struct epochs *epochs, uint32_t epoch, int64_t log_end,
                uint32_t *found, int64_t *end_offset)
{
    size_t at = epochs->count;

    while (at > 0 && epochs->entries[at - 1].epoch > epoch)
        at--;
    if (at == 0)
        return false;
    *found = epochs->entries[at - 1].epoch;
    *end_offset =
        at < epochs->count ? epochs->entries[at].start_offset : log_end;
    return true;
}

bool epochs_at(const struct epochs *epochs, int64_t offset, uint32_t *epoch)
{
    size_t at = epochs->count;

    while (at > 0 && epochs->entries[at - 1].start_offset > offset)
        at--;
    if (at == 0)
        return false;
    *epoch = epochs->entries[at - 1].epoch;
    return true;
}

bool epochs_valid(const struct epoch_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (entries[i].start_offset < 0)
            return false;
        if (i > 0 && (entries[i].epoch <= entries[i - 1].epoch ||
                      entries[i].start_offset <= entries[i - 1].start_offset))
            return false;
    }
    return true;
}
