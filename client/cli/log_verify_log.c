/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the verification of one log. Its small files are read first; they say
 * what the segments must hold (log_claims.c). Then every batch is read once,
 * in order, and held against all of it; an index against its segment
 * (log_verify_index.c).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "client/cli/log_checking.h"
#include "log/small_file.h"

bool checking_believed(const struct checking *checking, int64_t offset)
{
    return checking->verify->clean || checking->stored == NULL ||
           offset < checking->stored->recovery.offset;
}

void checking_file(struct checking *checking, const char *name)
{
    snprintf(checking->file, sizeof checking->file, "%s/%s", checking->name,
             name);
}

void checking_numbered(struct checking *checking, int64_t offset,
                       const char *suffix)
{
    char name[SEGMENT_NAME_SIZE];

    segment_name(name, offset, suffix);
    checking_file(checking, name);
}

static void full_path(const struct checking *checking, char *path)
{
    log_path(path, checking->verify->path, checking->file);
}

bool checking_small(struct checking *checking, uint32_t magic,
                    struct log_small *file)
{
    char path[LOG_PATH_SIZE];
    struct log_fault fault;

    full_path(checking, path);
    if (log_small_read(path, magic, file, &fault))
        return true;
    verify_fault(checking->verify, checking->file, &fault);
    return false;
}

/* ---- a segment ---- */

static void count_batch(struct checking *checking,
                        const struct batch_header *header)
{
    struct log_verify *verify = checking->verify;

    if (checking->batches++ == 0)
        checking->first_append_ms = header->append_time_ms;
    checking->last_append_ms = header->append_time_ms;
    if (header->max_timestamp_ms > checking->max_timestamp_ms)
        checking->max_timestamp_ms = header->max_timestamp_ms;
    if (checking->stored != NULL &&
        header->base_offset < checking->stored->recovery.offset)
        checking->durable_max_ms = checking->max_timestamp_ms;
    verify->batches++;
    verify->records += header->record_count;
    verify->bytes += header->length;
}

static void take_batch(struct checking *checking,
                       const struct segment_walk *walk)
{
    const struct batch_header *header = &walk->header;

    if (header->base_offset != checking->expected) {
        BLAME(checking, checking->expected, walk->position,
              "the batch begins at offset %" PRId64 ", not at %" PRId64
              ", where the one before it ends",
              header->base_offset, checking->expected);
        if (!checking_believed(checking, checking->expected)) {
            checking->ended = true;
            return;
        }
    }
    if (header->base_offset > checking->expected)
        claims_skip(checking, header->base_offset);
    checking->expected = header->base_offset;
    claims_check(checking, walk->position, header);
    checking_index_batch(checking, walk->position, header);
    count_batch(checking, header);
    checking->expected = batch_next_offset(header);
    checking->size = walk->next;
}

/* No batch can be made out at the fault. */
static void lose(struct checking *checking, const struct log_fault *fault)
{
    checking->blind = checking->blind || fault->unreadable;
    if (fault->unreadable || checking_believed(checking, checking->expected)) {
        verify_fault(checking->verify, checking->file, fault);
        return;
    }
    NOTE(checking, fault->position,
         "%s; this is above the recovery point: the next start cuts the log "
         "here, at offset %" PRId64,
         fault->text, checking->expected);
    checking->ended = true;
}

/* Whether all of it could be read. */
static bool walk_batches(struct checking *checking, struct segment_walk *walk)
{
    struct log_fault fault;

    while (!checking->ended) {
        switch (segment_walk_next(walk, &fault)) {
        case SEGMENT_END:
            return true;
        case SEGMENT_BATCH:
            take_batch(checking, walk);
            break;
        case SEGMENT_BATCH_DAMAGED:
            lose(checking, &fault);
            if (!checking->ended)
                take_batch(checking, walk);
            break;
        case SEGMENT_LOST:
            lose(checking, &fault);
            checking->indexed = false;
            return false;
        }
    }
    checking->indexed = false;
    return false;
}

/* The checkpoint's summary of the segment that holds the recovery point. */
static void check_stored_times(struct checking *checking)
{
    const struct stored_log *stored = checking->stored;

    if (stored == NULL || stored->recovery.segment != checking->base ||
        stored->recovery.position == 0 || checking->batches == 0)
        return;
    if (stored->first_append_ms != checking->first_append_ms ||
        stored->max_timestamp_ms < checking->durable_max_ms)
        verify_damage(checking->verify, "checkpoint", checking->stored_at + 56,
                      "the times of segment %" PRId64
                      " of %s are not those of its batches",
                      checking->base, checking->name);
}

static bool has_name(const struct log_names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->names[i], name) == 0)
            return true;
    return false;
}

static void begin_segment(struct checking *checking,
                          const struct log_names *names, bool last)
{
    char name[SEGMENT_NAME_SIZE];

    checking->batches = 0;
    checking->max_timestamp_ms = INT64_MIN;
    checking->durable_max_ms = INT64_MIN;
    checking->indexed = false;
    segment_name(name, checking->base, "index");
    checking_file(checking, name);
    if (!has_name(names, name)) {
        if (!last && checking->verify->clean)
            DAMAGE(checking, 0,
                   "the index of a sealed segment is missing; "
                   "the next start makes it again");
        else if (!last)
            NOTE(checking, 0,
                 "the index of a sealed segment is missing; the "
                 "next start makes it again");
    } else if (last) {
        NOTE(checking, 0,
             "an index of a segment that is not sealed; the next "
             "start removes it");
    } else {
        checking_index_take(checking);
    }
    checking_numbered(checking, checking->base, "log");
}

/* Reads the segment; the log goes on with the next one, if there is one. */
static void walk_segment(struct checking *checking, int64_t next)
{
    char path[LOG_PATH_SIZE];
    struct segment_walk walk;
    struct log_fault fault;
    bool whole = false;

    log_path(path, checking->verify->path, checking->file);
    if (segment_walk_open(&walk, path, checking->key, &fault)) {
        checking->verify->segments++;
        whole = walk_batches(checking, &walk);
        if (whole) {
            checking_index_end(checking, walk.size);
            check_stored_times(checking);
        }
        segment_walk_close(&walk);
    } else {
        checking->blind = checking->blind || fault.unreadable;
        verify_fault(checking->verify, checking->file, &fault);
    }
    if (whole || checking->ended)
        return;
    claims_skip(checking, next);
    if (next != INT64_MAX)
        checking->expected = next;
}

static void check_segment(struct checking *checking,
                          const struct log_names *names, size_t at)
{
    bool last = at + 1 == checking->base_count;

    if (at > 0) {
        checking->previous = checking->base;
        checking->previous_size = checking->size;
    }
    checking->base = checking->bases[at];
    checking->size = 0;
    begin_segment(checking, names, last);
    if (checking->base != checking->expected) {
        BLAME(checking, checking->expected, 0,
              "the segment begins at offset %" PRId64
              ", the one before it ends at %" PRId64,
              checking->base, checking->expected);
        checking->ended = !checking_believed(checking, checking->expected);
        if (!checking->ended) {
            claims_skip(checking, checking->base);
            checking->expected = checking->base;
        }
    }
    if (!checking->ended)
        walk_segment(checking, last ? INT64_MAX : checking->bases[at + 1]);
    log_small_release(&checking->index);
}

/* ---- the log as a whole ---- */

#define ENTRY(checking, at, ...)                                               \
    verify_damage((checking)->verify, "checkpoint",                            \
                  (checking)->stored_at + (at), __VA_ARGS__)

/* Nothing at or above the log start was synced: the log is new, or a crash
 * found it starting over there (log_restart_at() in broker/log/truncate.c). */
static bool starts_over(const struct checking *checking)
{
    return !checking->verify->clean && checking->stored != NULL &&
           checking->stored->recovery.offset ==
               checking->stored->log_start_offset;
}

static void no_segment(struct checking *checking)
{
    checking_file(checking, "");
    if (starts_over(checking))
        NOTE(checking, 0, "the log has no segment; the next start makes one");
    else if (checking->stored != NULL || checking->verify->clean)
        DAMAGE(checking, 0, "the log has no segment");
}

/* Segments wholly below the log start: a crash leaves them to be removed. */
static void pass_removed(struct checking *checking)
{
    int64_t start = checking->stored->log_start_offset;
    size_t below = 0;

    while (below + 1 < checking->base_count &&
           checking->bases[below + 1] <= start) {
        checking_numbered(checking, checking->bases[below++], "log");
        NOTE(checking, 0,
             "all of it is below the log start %" PRId64 "; it is being "
             "removed",
             start);
    }
    if (checking->verify->clean)
        return; /* nothing explains them: they are verified */
    checking->base_count -= below;
    memmove(checking->bases, checking->bases + below,
            checking->base_count * sizeof *checking->bases);
}

/* What the checkpoint says of the start, before the segments are read. */
static void check_start(struct checking *checking)
{
    const struct stored_log *stored = checking->stored;

    if (checking->base_count == 0) {
        no_segment(checking);
        return;
    }
    if (stored == NULL)
        return;
    pass_removed(checking);
    if (stored->log_start_offset >= checking->bases[0])
        return;
    checking_numbered(checking, checking->bases[0], "log");
    if (starts_over(checking)) {
        NOTE(checking, 0,
             "the log was to start over at offset %" PRId64
             "; the next start does it",
             stored->log_start_offset);
        checking->base_count = 0;
        return;
    }
    DAMAGE(checking, 0,
           "the first segment, but the log starts at %" PRId64
           ": the records in between are missing",
           stored->log_start_offset);
}

/* And of the end, after. */
static void check_end(struct checking *checking)
{
    const struct stored_log *stored = checking->stored;
    int64_t end = checking->expected;

    if (starts_over(checking) && stored->log_start_offset > end) {
        verify_note(checking->verify, "checkpoint", checking->stored_at + 88,
                    "%s was to start over at offset %" PRId64
                    "; the next start does it",
                    checking->name, stored->log_start_offset);
        return;
    }
    if (stored->recovery.offset > end ||
        (checking->verify->clean && stored->recovery.offset < end))
        ENTRY(checking, 32,
              "the recovery point of %s is offset %" PRId64
              ", the log ends at %" PRId64,
              checking->name, stored->recovery.offset, end);
    if (stored->high_watermark > end)
        ENTRY(checking, 80,
              "the high watermark of %s was %" PRId64
              ", the log ends at %" PRId64 ": records were lost",
              checking->name, stored->high_watermark, end);
    if (stored->log_start_offset > end)
        ENTRY(checking, 88,
              "the log start of %s is %" PRId64 ", the log ends at %" PRId64,
              checking->name, stored->log_start_offset, end);
}

static void check_epochs_end(struct checking *checking)
{
    const struct epochs *epochs = &checking->epochs;

    checking_file(checking, "epochs");
    for (size_t i = 0; checking->has_epochs && i < epochs->count; i++)
        if (epochs->entries[i].start_offset > checking->expected) {
            BLAME(checking, epochs->entries[i].start_offset,
                  SMALL_FILE_HEADER_BYTES + EPOCHS_HEAD_BYTES +
                      i * EPOCHS_ENTRY_BYTES,
                  "epoch %u begins at offset %" PRId64
                  ", the log ends at %" PRId64,
                  epochs->entries[i].epoch, epochs->entries[i].start_offset,
                  checking->expected);
            return;
        }
}

/* ---- the names of its files ---- */

static bool has_base(const struct checking *checking, int64_t base)
{
    for (size_t i = 0; i < checking->base_count; i++)
        if (checking->bases[i] == base)
            return true;
    return false;
}

static void take_bases(struct checking *checking, const struct log_names *names)
{
    int64_t offset;

    checking->bases = calloc(names->count + 1, sizeof *checking->bases);
    if (checking->bases == NULL)
        abort();
    for (size_t i = 0; i < names->count; i++)
        if (segment_name_parse(names->names[i], "log", &offset))
            checking->bases[checking->base_count++] = offset;
}

static void take_file(struct checking *checking, const char *name)
{
    size_t length = strlen(name);
    int64_t offset;

    if (segment_name_parse(name, "log", &offset))
        return;
    if (segment_name_parse(name, "producers", &offset)) {
        claims_take_snapshot(checking, offset);
        return;
    }
    if (strcmp(name, "epochs") == 0) {
        claims_take_epochs(checking);
        return;
    }
    checking_file(checking, name);
    if (strcmp(name, MENDING_NAME) == 0) {
        NOTE(checking, 0,
             "damage was being mended: the next start reads again what may "
             "not have been synced");
    } else if (segment_name_parse(name, "index", &offset)) {
        if (has_base(checking, offset))
            return;
        if (checking->verify->clean)
            DAMAGE(checking, 0, "an index without its segment");
        else
            NOTE(checking, 0,
                 "an index without its segment; the next start "
                 "removes it");
    } else if (length > 4 && strcmp(name + length - 4, ".tmp") == 0) {
        NOTE(checking, 0, "it was being written; the next start removes it");
    } else if (length > 8 && strcmp(name + length - 8, ".damaged") == 0) {
        NOTE(checking, 0,
             "it was set aside because it is damaged; its records were "
             "fetched again. Remove it when nobody wants it");
    } else {
        NOTE(checking, 0, "no file of a log has this name");
    }
}

static void check_epochs_there(struct checking *checking,
                               const struct log_names *names)
{
    const struct stored_log *stored = checking->stored;

    if (has_name(names, "epochs") || stored == NULL ||
        stored->recovery.offset <= stored->log_start_offset)
        return;
    checking_file(checking, "epochs");
    DAMAGE(checking, 0,
           "it is missing; the next start reads the whole log to "
           "make it again");
}

static void claim_recovery(struct checking *checking)
{
    const struct place *place = &checking->stored->recovery;

    if (place->offset < checking->bases[0])
        return; /* the log was cut short at its start: check_start() */
    claims_add(checking, &(struct claim){.offset = place->offset,
                                         .segment = place->segment,
                                         .place = place->position,
                                         .producer_id = -1,
                                         .snapshot = -1,
                                         .position = checking->stored_at + 32});
}

/* A clean shutdown leaves a snapshot at the end, when there are producers and
 * room for it: a full disk does without. The next start reads from an older
 * one, so nothing is lost by it. */
static void check_snapshot_there(struct checking *checking,
                                 const struct log_names *names)
{
    const struct stored_log *stored = checking->stored;
    char name[SEGMENT_NAME_SIZE];

    if (stored->no_producers || !checking->verify->clean ||
        stored->recovery.offset != checking->expected)
        return;
    segment_name(name, stored->recovery.offset, "producers");
    if (has_name(names, name))
        return;
    checking_file(checking, name);
    NOTE(checking, 0,
         "the snapshot of producers at the end of the log is missing (a stop "
         "on a full disk leaves none): the next start reads from an older "
         "one");
}

/* ---- the door ---- */

static void check_log(struct checking *checking, const struct log_names *names)
{
    take_bases(checking, names);
    check_start(checking);
    for (size_t i = 0; i < names->count; i++)
        take_file(checking, names->names[i]);
    check_epochs_there(checking, names);
    if (checking->base_count == 0)
        return;
    if (checking->stored != NULL && !starts_over(checking))
        claim_recovery(checking);
    claims_sort(checking);
    checking->expected = checking->bases[0];
    for (size_t i = 0; i < checking->base_count && !checking->ended; i++)
        check_segment(checking, names, i);
    if (checking->blind)
        return;
    claims_end(checking);
    check_epochs_end(checking);
    if (checking->stored == NULL)
        return;
    check_end(checking);
    check_snapshot_there(checking, names);
}

void verify_log(struct log_verify *verify, const char *name,
                const struct partition_key *key,
                const struct stored_log *stored, uint64_t stored_at)
{
    struct checking *checking = calloc(1, sizeof *checking);
    char path[LOG_PATH_SIZE];
    struct log_names names;

    if (checking == NULL)
        abort();
    checking->verify = verify;
    checking->name = name;
    checking->key = key;
    checking->stored = stored;
    checking->stored_at = stored_at;
    checking->previous = -1;
    epochs_init(&checking->epochs, checking->epoch_entries, LOG_EPOCHS_MAX);
    verify->logs++;
    log_path(path, verify->path, name);
    if (log_names_read(path, &names)) {
        check_log(checking, &names);
        log_names_release(&names);
    } else if (errno == ENOTDIR) {
        verify_damage(verify, name, 0, "it is not a directory");
    } else {
        verify_note(verify, name, 0, "it cannot be listed: %s",
                    strerror(errno));
        verify->unreadable = true;
    }
    free(checking->claims);
    free(checking->bases);
    free(checking);
}
