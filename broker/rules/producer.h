/* SPDX-License-Identifier: Apache-2.0
 *
 * Idempotent producers: whether a batch is new, was written before, or does
 * not follow what was written. A producer numbers its records per partition
 * from 0 in each of its epochs; 2^31 - 1 is followed by 0. Its last batches
 * are remembered, as many as it may have in flight. Pure.
 *
 * An unknown producer must start at sequence 0: a higher one means that the
 * batch before it was refused or is still on its way, and taking it would
 * break the order. The one exception is a log that may have forgotten
 * producers (`forgetful`): a replica that was filled from above offset 0, or
 * one that evicted the longest idle producers. There any start is taken,
 * because refusing would stop a correct producer for ever.
 */
#ifndef RULES_PRODUCER_H
#define RULES_PRODUCER_H

#include "rules/batch.h"

#define PRODUCER_BATCHES_MAX 5

struct producer_batch {
    int32_t base_sequence;
    int32_t last_sequence;
    int64_t base_offset;
};

struct producer {
    int64_t id;
    uint32_t epoch;
    uint32_t batch_count; /* oldest first; 1 to PRODUCER_BATCHES_MAX */
    struct producer_batch batches[PRODUCER_BATCHES_MAX];
    bool more; /* there were earlier batches than these */
};

enum producer_verdict {
    PRODUCER_NEW,
    PRODUCER_DUPLICATE,
    PRODUCER_OUT_OF_ORDER,
    PRODUCER_FENCED
};

/* Whether the batch bears a producer id at all. */
static inline bool producer_applies(const struct batch_header *batch)
{
    return batch->producer_id >= 0;
}

/* The sequence of the last record of a batch. */
int32_t producer_last_sequence(int32_t base_sequence, uint32_t delta);

/* `known` is the producer with the batch's id, NULL when there is none. On
 * DUPLICATE *base_offset is where the batch was written. */
enum producer_verdict producer_decide(const struct producer *known,
                                      const struct batch_header *batch,
                                      bool forgetful, int64_t *base_offset);

/* Remembers a batch that is in the log; `producer` is zeroed but for the id
 * when it is the first. The batch is not judged: it has been accepted by
 * the leader of its epoch. */
void producer_note(struct producer *producer, const struct batch_header *batch);

/* Forgets batches that start at or above `offset`. False when none is left;
 * then `more` says whether the log below may know better. */
bool producer_cut_end(struct producer *producer, int64_t offset);

/* What any state read from a disk must fulfil. */
bool producer_valid(const struct producer *producer);

#endif
