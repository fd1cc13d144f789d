/* SPDX-License-Identifier: Apache-2.0
 *
 * Invariant I6. Idempotent producers: the closing reader meets the records
 * of a producer in a partition in ascending sequence, each once (some may be
 * missing: given up by the producer). Others may repeat; if they keep one
 * request in flight, the offsets they were told ascend.
 */
#include <inttypes.h>

#include "sim/oracle/internal.h"

/* What the closing reader has met of a partition. */
struct met {
    int64_t next_offset;
    struct vector last; /* uint64_t by producer: its last sequence + 1 */
};

struct order_state {
    struct vector partitions; /* struct met */
};

/* A reader that met damage begins anew. */
static uint64_t *last_of(struct order_state *order, size_t partition,
                         const struct history *event)
{
    struct met *met;

    vector_reach(&order->partitions, partition + 1, sizeof(struct met));
    met = VECTOR_AT(&order->partitions, struct met, partition);
    if (event->offset < met->next_offset)
        vector_release(&met->last);
    met->next_offset = event->offset + 1;
    vector_reach(&met->last, event->producer + 1, sizeof(uint64_t));
    return VECTOR_AT(&met->last, uint64_t, event->producer);
}

static void on_history(struct judge *judge, void *state,
                       struct partition *partition, const struct history *event)
{
    const struct record *record;
    uint64_t *last;

    if (event->type != HISTORY_READ || !event->final)
        return;
    record = records_find(&judge->records, event->producer, event->sequence);
    if (record == NULL || !record->idempotent)
        return;
    last = last_of(state, partition->index, event);
    if (event->sequence < *last)
        judge_fail(judge, ORACLE_ORDER, partition, JUDGE_NODES_MAX,
                   event->offset,
                   "%s holds record %" PRIu64 " of idempotent producer %u at "
                   "offset %" PRId64 ", after its record %" PRIu64 ": %s",
                   judge_place(judge, partition), event->sequence,
                   event->producer, event->offset, *last - 1,
                   event->sequence == *last - 1 ? "a repeat" : "out of order");
    *last = event->sequence + 1;
}

static void check_producer(struct judge *judge, uint32_t producer)
{
    struct vector *sent =
        VECTOR_AT(&judge->records.producers, struct vector, producer);
    struct vector last = {NULL, 0, 0}; /* int64_t by partition: offset + 1 */

    vector_reach(&last, judge->model.partitions.count, sizeof(int64_t));
    for (uint64_t s = 0; s < sent->count; s++) {
        const struct record *record = VECTOR_AT(sent, struct record, s);
        int64_t *before = VECTOR_AT(&last, int64_t, record->partition);

        if (record->state != RECORD_ACKED || !record->single ||
            record->acks != -1 || record->forgiven)
            continue;
        if (record->offset < *before) {
            const struct partition *partition =
                model_at(&judge->model, record->partition);

            judge_fail(judge, ORACLE_ORDER, partition, JUDGE_NODES_MAX,
                       record->offset,
                       "record %" PRIu64 " of producer %u was acknowledged at "
                       "%s offset %" PRId64
                       ", an earlier one of it at offset %" PRId64,
                       s, producer, judge_place(judge, partition),
                       record->offset, *before - 1);
        }
        *before = record->offset + 1;
    }
    vector_release(&last);
}

static void on_end(struct judge *judge, void *state,
                   const struct ending *ending)
{
    (void)state;
    (void)ending;
    for (uint32_t p = 0; p < judge->records.producers.count; p++)
        check_producer(judge, p);
}

static void release(void *state)
{
    struct order_state *order = state;

    for (size_t i = 0; i < order->partitions.count; i++)
        vector_release(&VECTOR_AT(&order->partitions, struct met, i)->last);
    vector_release(&order->partitions);
}

const struct oracle oracle_order = {.state_size = sizeof(struct order_state),
                                    .on_history = on_history,
                                    .on_end = on_end,
                                    .release = release};
