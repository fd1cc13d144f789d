/* SPDX-License-Identifier: Apache-2.0
 *
 * Invariant I3. Records describe themselves (sim/workload), so a reader
 * knows which one it holds and whether its bytes are whole.
 */
#include <inttypes.h>

#include "sim/oracle/internal.h"

static const char *wrong(const struct judge *judge,
                         const struct partition *partition,
                         const struct history *event)
{
    const struct record *record;

    if (!event->intact)
        return "its bytes do not match their own checksum";
    record = records_find(&judge->records, event->producer, event->sequence);
    if (record == NULL)
        return "no such record was ever sent";
    if (record->partition != partition->index)
        return "that record was sent to another partition or to an earlier "
               "topic of this name";
    if (record->crc != event->crc)
        return "that record was sent with other bytes";
    return NULL;
}

static void on_history(struct judge *judge, void *state,
                       struct partition *partition, const struct history *event)
{
    const char *why;

    (void)state;
    if (event->type != HISTORY_READ)
        return;
    why = wrong(judge, partition, event);
    if (why != NULL)
        judge_fail(judge, ORACLE_INVENTED, partition, JUDGE_NODES_MAX,
                   event->offset,
                   "a reader found record %" PRIu64 " of producer %u at %s "
                   "offset %" PRId64 ": %s",
                   event->sequence, event->producer,
                   judge_place(judge, partition), event->offset, why);
}

const struct oracle oracle_invented = {.on_history = on_history};
