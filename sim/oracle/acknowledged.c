/* SPDX-License-Identifier: Apache-2.0
 *
 * Invariant I1. At the end the closing reader has gone through every
 * partition from its log start; each record that was acknowledged with
 * acks=all and lies at or after that start must have been met, at its
 * offset. What is before the start is for the retention oracles to justify. A
 * topic that was deleted owes nothing; one that nobody ever heard of could not
 * have promised it.
 */
#include <inttypes.h>

#include "sim/oracle/internal.h"

static void check(struct judge *judge, uint32_t producer, uint64_t sequence,
                  const struct record *record)
{
    struct partition *partition = model_at(&judge->model, record->partition);
    const struct found *found = NULL;

    if (record->state == RECORD_ACKED && record->acks == -1 &&
        partition->topic < 0 && !partition->gone)
        judge_fail(judge, ORACLE_ACKNOWLEDGED, partition, JUDGE_NODES_MAX,
                   record->offset,
                   "record %" PRIu64 " of producer %u was acknowledged at %s "
                   "offset %" PRId64 " of a topic that nobody made",
                   sequence, producer, judge_place(judge, partition),
                   record->offset);
    if (record->state != RECORD_ACKED || record->acks != -1 ||
        record->forgiven || partition->gone || partition->final_end < 0 ||
        record->offset < partition->final_start)
        return;
    if ((size_t)record->offset < partition->found.count)
        found = VECTOR_AT(&partition->found, struct found, record->offset);
    if (found != NULL && found->final && found->producer == producer + 1 &&
        found->sequence == sequence)
        return;
    judge_fail(judge, ORACLE_ACKNOWLEDGED, partition, JUDGE_NODES_MAX,
               record->offset,
               "record %" PRIu64 " of producer %u was acknowledged at %s "
               "offset %" PRId64 "; the closing reader, which read from "
               "%" PRId64 " to %" PRId64 ", %s",
               sequence, producer, judge_place(judge, partition),
               record->offset, partition->final_start, partition->final_end,
               found != NULL && found->final ? "found another record there"
                                             : "did not find it");
}

static void on_end(struct judge *judge, void *state,
                   const struct ending *ending)
{
    (void)state;
    (void)ending;
    for (uint32_t p = 0; p < judge->records.producers.count; p++) {
        struct vector *sent =
            VECTOR_AT(&judge->records.producers, struct vector, p);

        for (uint64_t s = 0; s < sent->count; s++)
            check(judge, p, s, VECTOR_AT(sent, struct record, s));
    }
}

const struct oracle oracle_acknowledged = {.on_end = on_end};
