/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the verification of an index: its summary and entries against the
 * batches of its segment, as they are read.
 */
#include <inttypes.h>

#include "client/cli/log_checking.h"
#include "log/small_file.h"

void checking_index_take(struct checking *checking)
{
    struct index_summary *summary = &checking->summary;
    const struct log_small *index = &checking->index;

    checking->indexed = false;
    checking->entry_at = 0;
    checking_numbered(checking, checking->base, "index");
    if (!checking_small(checking, INDEX_MAGIC, &checking->index))
        return;
    if (!index_summary_decode(index->payload, index->payload_size, summary))
        DAMAGE(checking, SMALL_FILE_HEADER_BYTES,
               "the checksum of the summary does not match");
    else if (summary->base_offset != checking->base)
        DAMAGE(checking, SMALL_FILE_HEADER_BYTES,
               "it is of the segment at offset %" PRId64
               ", its name says %" PRId64,
               summary->base_offset, checking->base);
    else if (summary->count == 0 || summary->count > INDEX_ENTRIES_MAX ||
             index->payload_size !=
                 INDEX_SUMMARY_BYTES +
                     (size_t)summary->count * INDEX_ENTRY_BYTES)
        DAMAGE(checking, SMALL_FILE_HEADER_BYTES + 48,
               "a count of %u entries does not fit a payload of %zu bytes",
               summary->count, index->payload_size);
    else
        checking->indexed = true;
}

static void entry_of(const struct checking *checking, size_t at,
                     struct index_entry *entry)
{
    index_entry_decode(checking->index.payload + INDEX_SUMMARY_BYTES +
                           at * INDEX_ENTRY_BYTES,
                       entry);
}

/* One message an index: what follows a wrong entry is not compared. */
static void blame_entry(struct checking *checking, size_t at, const char *what)
{
    struct index_entry entry;

    entry_of(checking, at, &entry);
    checking_numbered(checking, checking->base, "index");
    DAMAGE(checking,
           SMALL_FILE_HEADER_BYTES + INDEX_SUMMARY_BYTES +
               at * INDEX_ENTRY_BYTES,
           "entry %zu (offset %" PRId64 ", byte %" PRIu64 "): %s", at,
           entry.offset, entry.position, what);
    checking->indexed = false;
    checking_numbered(checking, checking->base, "log");
}

/* The entry before `entry_at` covers batches up to here. */
static void close_entry(struct checking *checking)
{
    struct index_entry entry;

    if (checking->entry_at == 0)
        return;
    entry_of(checking, checking->entry_at - 1, &entry);
    if (entry.max_timestamp_ms < checking->max_timestamp_ms)
        blame_entry(checking, checking->entry_at - 1,
                    "a batch up to the next entry has a higher timestamp");
}

void checking_index_batch(struct checking *checking, uint64_t position,
                          const struct batch_header *header)
{
    struct index_entry entry;

    if (!checking->indexed || checking->entry_at == checking->summary.count)
        return;
    entry_of(checking, checking->entry_at, &entry);
    if (entry.offset > header->base_offset && entry.position > position &&
        checking->entry_at > 0)
        return;
    if (entry.offset != header->base_offset || entry.position != position) {
        blame_entry(checking, checking->entry_at,
                    "no batch begins at this offset and byte");
        return;
    }
    close_entry(checking);
    if (checking->indexed)
        checking->entry_at++;
}

void checking_index_end(struct checking *checking, uint64_t size)
{
    const struct index_summary *summary = &checking->summary;

    if (!checking->indexed)
        return;
    if (checking->entry_at < summary->count)
        blame_entry(checking, checking->entry_at,
                    "no batch begins at this offset and byte");
    else
        close_entry(checking);
    if (!checking->indexed)
        return;
    checking_numbered(checking, checking->base, "index");
    if (summary->size != size || summary->end_offset != checking->expected)
        DAMAGE(checking, SMALL_FILE_HEADER_BYTES + 8,
               "it says that the segment ends at offset %" PRId64
               " and byte %" PRIu64 "; that is at %" PRId64 " and %" PRIu64,
               summary->end_offset, summary->size, checking->expected, size);
    else if (summary->first_append_ms != checking->first_append_ms ||
             summary->last_append_ms != checking->last_append_ms ||
             summary->max_timestamp_ms < checking->max_timestamp_ms)
        DAMAGE(checking, SMALL_FILE_HEADER_BYTES + 24,
               "the times in its summary are not those of the batches");
    checking_numbered(checking, checking->base, "log");
}
