/* SPDX-License-Identifier: Apache-2.0
 *
 * Invariant I4. The first reader fixes what an offset holds; later readers
 * and acknowledgements with acks=all must agree. (With acks=1 an offset may
 * be told for a record that is lost with the leader.)
 */
#include <inttypes.h>

#include "sim/oracle/internal.h"

static void on_history(struct judge *judge, void *state,
                       struct partition *partition, const struct history *event)
{
    const struct found *found;
    const struct record *record;

    (void)state;
    if (event->type == HISTORY_ACKED) {
        record =
            records_find(&judge->records, event->producer, event->sequence);
        if (record == NULL || record->acks != -1)
            return;
    } else if (event->type != HISTORY_READ) {
        return;
    }
    if (event->offset < 0 || (size_t)event->offset >= partition->found.count)
        return;
    found = VECTOR_AT(&partition->found, struct found, event->offset);
    if (found->producer == 0 || (found->producer == event->producer + 1 &&
                                 found->sequence == event->sequence))
        return;
    judge_fail(
        judge, ORACLE_ONE_VALUE, partition, JUDGE_NODES_MAX, event->offset,
        "%s offset %" PRId64 " was read as record %" PRIu64
        " of producer %u; now it is %s as record %" PRIu64 " of producer %u",
        judge_place(judge, partition), event->offset, found->sequence,
        found->producer - 1,
        event->type == HISTORY_READ ? "read" : "acknowledged", event->sequence,
        event->producer);
}

const struct oracle oracle_one_value = {.on_history = on_history};
