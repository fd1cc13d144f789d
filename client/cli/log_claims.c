/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns what the small files of a log claim about its batches: the epoch
 * history, the snapshots of producers, the recovery point. Each claim names
 * an offset; the batches meet them in order.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "client/cli/log_checking.h"
#include "log/small_file.h"

#define CLAIMS_MAX 262144 /* of producers; further ones are not compared */

/* ---- the epoch history ---- */

void claims_take_epochs(struct checking *checking)
{
    struct log_small file;

    checking_file(checking, "epochs");
    if (checking_small(checking, EPOCHS_MAGIC, &file)) {
        checking->has_epochs =
            epochs_decode(&checking->epochs, file.payload, file.payload_size);
        if (!checking->has_epochs)
            DAMAGE(checking, SMALL_FILE_HEADER_BYTES,
                   "the entries do not ascend, or not as many are there as "
                   "the count says");
    }
    log_small_release(&file);
}

static void check_batch_epoch(struct checking *checking, uint64_t position,
                              const struct batch_header *header)
{
    int64_t last = batch_next_offset(header) - 1;
    uint32_t epoch;

    if (header->leader_epoch < checking->epoch)
        BLAME(checking, header->base_offset, position,
              "the batch at offset %" PRId64 " has leader epoch %u, the one "
              "before it %u",
              header->base_offset, header->leader_epoch, checking->epoch);
    checking->epoch = header->leader_epoch;
    if (!checking->has_epochs ||
        !checking_believed(checking, header->base_offset) ||
        (checking->stored != NULL &&
         header->base_offset < checking->stored->log_start_offset))
        return;
    if (!epochs_at(&checking->epochs, header->base_offset, &epoch)) {
        if (checking->epochs.count < LOG_EPOCHS_MAX)
            DAMAGE(checking, position,
                   "the epoch history does not reach down to offset %" PRId64,
                   header->base_offset);
        return;
    }
    if (epoch == header->leader_epoch)
        epochs_at(&checking->epochs, last, &epoch);
    if (epoch != header->leader_epoch)
        DAMAGE(checking, position,
               "the batch at offset %" PRId64 " has leader epoch %u, the "
               "history says %u",
               header->base_offset, header->leader_epoch, epoch);
}

/* ---- claims ---- */

void claims_add(struct checking *checking, const struct claim *claim)
{
    if (checking->claim_count == checking->claim_capacity) {
        size_t capacity =
            checking->claim_capacity ? checking->claim_capacity * 2 : 64;

        checking->claims =
            realloc(checking->claims, capacity * sizeof *checking->claims);
        if (checking->claims == NULL)
            abort();
        checking->claim_capacity = capacity;
    }
    checking->claims[checking->claim_count++] = *claim;
}

static int compare_claims(const void *a, const void *b)
{
    const struct claim *left = a, *right = b;

    if (left->offset != right->offset)
        return left->offset < right->offset ? -1 : 1;
    if (left->snapshot != right->snapshot)
        return left->snapshot < right->snapshot ? -1 : 1;
    return (left->position > right->position) -
           (left->position < right->position);
}

void claims_sort(struct checking *checking)
{
    if (checking->claim_count > 0)
        qsort(checking->claims, checking->claim_count, sizeof *checking->claims,
              compare_claims);
}

/* Names the file that claims, for one message. */
static void blame_claim(struct checking *checking, const struct claim *claim,
                        const char *what)
{
    char file[LOG_PATH_SIZE], name[SEGMENT_NAME_SIZE];

    if (claim->snapshot < 0) {
        verify_damage(checking->verify, "checkpoint", claim->position,
                      "recovery point of %s at offset %" PRId64 ": %s",
                      checking->name, claim->offset, what);
        return;
    }
    segment_name(name, claim->snapshot, "producers");
    snprintf(file, sizeof file, "%s/%s", checking->name, name);
    verify_damage(checking->verify, file, claim->position,
                  "offset %" PRId64 ": %s", claim->offset, what);
}

/* Claims below the next batch that no batch met. */
static void pass_claims(struct checking *checking, int64_t below)
{
    while (checking->claim_at < checking->claim_count &&
           checking->claims[checking->claim_at].offset < below) {
        const struct claim *claim = &checking->claims[checking->claim_at++];

        if (claim->offset >= checking->bases[0])
            blame_claim(checking, claim, "no batch of the log begins there");
    }
}

static void check_claim_place(struct checking *checking,
                              const struct claim *claim, uint64_t position)
{
    if (claim->segment < 0 ||
        (claim->segment == checking->base && claim->place == position))
        return;
    if (position == 0 && claim->segment == checking->previous &&
        claim->place == checking->previous_size)
        return; /* the end of the segment before is the same place */
    blame_claim(checking, claim, "its batch is not at the byte it names");
}

static void check_claim_producer(struct checking *checking,
                                 const struct claim *claim,
                                 const struct batch_header *header)
{
    if (claim->producer_id < 0)
        return;
    if (header->producer_id != claim->producer_id ||
        header->producer_epoch != claim->producer_epoch ||
        header->base_sequence != claim->base_sequence ||
        producer_last_sequence(header->base_sequence,
                               header->last_offset_delta) !=
            claim->last_sequence)
        blame_claim(checking, claim,
                    "the batch there has another producer or sequence");
}

/* `header` is NULL at the end of the log. */
static void meet_claims(struct checking *checking, int64_t offset,
                        uint64_t position, const struct batch_header *header)
{
    pass_claims(checking, offset);
    while (checking->claim_at < checking->claim_count &&
           checking->claims[checking->claim_at].offset == offset) {
        const struct claim *claim = &checking->claims[checking->claim_at++];

        check_claim_place(checking, claim, position);
        if (header != NULL)
            check_claim_producer(checking, claim, header);
        else if (claim->producer_id >= 0)
            blame_claim(checking, claim, "the log ends there");
    }
}

void claims_check(struct checking *checking, uint64_t position,
                  const struct batch_header *header)
{
    check_batch_epoch(checking, position, header);
    meet_claims(checking, header->base_offset, position, header);
}

void claims_skip(struct checking *checking, int64_t offset)
{
    pass_claims(checking, checking->expected);
    while (checking->claim_at < checking->claim_count &&
           checking->claims[checking->claim_at].offset < offset)
        checking->claim_at++;
}

void claims_end(struct checking *checking)
{
    meet_claims(checking, checking->expected, checking->size, NULL);
    pass_claims(checking, INT64_MAX);
}

/* ---- producer snapshots ---- */

static int compare_ids(const void *a, const void *b)
{
    const int64_t *left = a, *right = b;

    return (*left > *right) - (*left < *right);
}

static void check_unique(struct checking *checking, int64_t *ids, size_t count)
{
    if (count > 0)
        qsort(ids, count, sizeof *ids, compare_ids);
    for (size_t i = 1; i < count; i++)
        if (ids[i] == ids[i - 1]) {
            DAMAGE(checking, SMALL_FILE_HEADER_BYTES,
                   "producer %" PRId64 " is there twice", ids[i]);
            return;
        }
}

static void claim_batches(struct checking *checking, int64_t snapshot,
                          const struct producer *producer, uint64_t position)
{
    for (uint32_t i = 0; i < producer->batch_count; i++) {
        const struct producer_batch *batch = &producer->batches[i];

        if (batch->base_offset >= snapshot) {
            DAMAGE(checking, position,
                   "producer %" PRId64 " has a batch at offset %" PRId64
                   ", not below the snapshot's own",
                   producer->id, batch->base_offset);
            return;
        }
        if (!checking_believed(checking, snapshot - 1) ||
            checking->producer_claims++ >= CLAIMS_MAX)
            continue;
        claims_add(checking,
                   &(struct claim){.offset = batch->base_offset,
                                   .segment = -1,
                                   .producer_id = producer->id,
                                   .producer_epoch = producer->epoch,
                                   .base_sequence = batch->base_sequence,
                                   .last_sequence = batch->last_sequence,
                                   .snapshot = snapshot,
                                   .position = position});
    }
}

static void take_producers(struct checking *checking, int64_t snapshot,
                           struct cursor *cursor, uint32_t count)
{
    int64_t *ids = calloc((size_t)count + 1, sizeof *ids);
    struct producer producer;

    if (ids == NULL)
        abort();
    for (uint32_t i = 0; i < count; i++) {
        uint64_t position = SMALL_FILE_HEADER_BYTES + cursor->at;

        if (!producer_decode(cursor, &producer)) {
            DAMAGE(checking, position,
                   "the entry of a producer is cut short or not one");
            free(ids);
            return;
        }
        ids[i] = producer.id;
        claim_batches(checking, snapshot, &producer, position);
    }
    if (cursor->at != cursor->size)
        DAMAGE(checking, SMALL_FILE_HEADER_BYTES + cursor->at,
               "%zu bytes after the last producer", cursor->size - cursor->at);
    check_unique(checking, ids, count);
    free(ids);
}

void claims_take_snapshot(struct checking *checking, int64_t offset)
{
    struct producers_head head;
    struct log_small file;
    struct cursor cursor;

    checking_numbered(checking, offset, "producers");
    if (!checking_small(checking, PRODUCERS_MAGIC, &file)) {
        log_small_release(&file);
        return;
    }
    cursor_init(&cursor, file.payload, file.payload_size);
    if (!producers_head_decode(&cursor, &head)) {
        DAMAGE(checking, SMALL_FILE_HEADER_BYTES,
               "the head is cut short, or counts more than %d producers",
               PRODUCERS_MAX);
    } else if (head.place.offset != offset) {
        DAMAGE(checking, SMALL_FILE_HEADER_BYTES,
               "it is of offset %" PRId64 ", its name says %" PRId64,
               head.place.offset, offset);
    } else {
        if (checking_believed(checking, offset - 1))
            claims_add(checking,
                       &(struct claim){.offset = offset,
                                       .segment = head.place.segment,
                                       .place = head.place.position,
                                       .producer_id = -1,
                                       .snapshot = offset,
                                       .position = SMALL_FILE_HEADER_BYTES});
        take_producers(checking, offset, &cursor, head.count);
    }
    log_small_release(&file);
}
