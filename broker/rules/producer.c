/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the decisions about idempotent producers (rules/producer.h); follows
 * KIP-98 and KIP-360 but for the start of unknown producers. Never allocates
 * and never does I/O.
 */
#include "rules/producer.h"

#include <string.h>

#include "base/assert.h"

int32_t producer_last_sequence(int32_t base_sequence, uint32_t delta)
{
    uint64_t last = (uint64_t)base_sequence + delta;

    return (int32_t)(last & INT32_MAX); /* 2^31 values, wrapping to 0 */
}

static int32_t next_sequence(const struct producer *producer)
{
    const struct producer_batch *last =
        &producer->batches[producer->batch_count - 1];

    return producer_last_sequence(last->last_sequence, 1);
}

static const struct producer_batch *find(const struct producer *producer,
                                         const struct batch_header *batch)
{
    int32_t last =
        producer_last_sequence(batch->base_sequence, batch->last_offset_delta);

    for (uint32_t i = producer->batch_count; i > 0; i--) {
        const struct producer_batch *at = &producer->batches[i - 1];

        if (at->base_sequence == batch->base_sequence &&
            at->last_sequence == last)
            return at;
    }
    return NULL;
}

enum producer_verdict producer_decide(const struct producer *known,
                                      const struct batch_header *batch,
                                      bool forgetful, int64_t *base_offset)
{
    const struct producer_batch *written;

    ASSERT(producer_applies(batch));
    if (!known)
        return batch->base_sequence == 0 || forgetful ? PRODUCER_NEW
                                                      : PRODUCER_OUT_OF_ORDER;
    ASSERT(known->id == batch->producer_id);
    ASSERT(producer_valid(known));
    if (batch->producer_epoch < known->epoch)
        return PRODUCER_FENCED;
    if (batch->producer_epoch > known->epoch)
        return batch->base_sequence == 0 ? PRODUCER_NEW : PRODUCER_OUT_OF_ORDER;
    written = find(known, batch);
    if (written) {
        *base_offset = written->base_offset;
        return PRODUCER_DUPLICATE;
    }
    return batch->base_sequence == next_sequence(known) ? PRODUCER_NEW
                                                        : PRODUCER_OUT_OF_ORDER;
}

void producer_note(struct producer *producer, const struct batch_header *batch)
{
    ASSERT(producer->id == batch->producer_id);
    if (batch->producer_epoch != producer->epoch && producer->batch_count) {
        producer->batch_count = 0;
        producer->more = true;
    }
    if (producer->batch_count == PRODUCER_BATCHES_MAX) {
        memmove(producer->batches, producer->batches + 1,
                sizeof producer->batches - sizeof producer->batches[0]);
        producer->batch_count--;
        producer->more = true;
    }
    producer->epoch = batch->producer_epoch;
    producer->batches[producer->batch_count++] = (struct producer_batch){
        batch->base_sequence,
        producer_last_sequence(batch->base_sequence, batch->last_offset_delta),
        batch->base_offset};
    ASSERT(producer_valid(producer));
}

bool producer_cut_end(struct producer *producer, int64_t offset)
{
    while (producer->batch_count > 0 &&
           producer->batches[producer->batch_count - 1].base_offset >= offset)
        producer->batch_count--;
    return producer->batch_count > 0;
}

bool producer_valid(const struct producer *producer)
{
    if (producer->id < 0 || producer->batch_count == 0 ||
        producer->batch_count > PRODUCER_BATCHES_MAX)
        return false;
    for (uint32_t i = 0; i < producer->batch_count; i++) {
        const struct producer_batch *at = &producer->batches[i];

        if (at->base_sequence < 0 || at->last_sequence < 0 ||
            at->base_offset < 0)
            return false;
        if (i > 0 && at->base_offset <= at[-1].base_offset)
            return false;
    }
    return true;
}
