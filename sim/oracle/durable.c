/* SPDX-License-Identifier: Apache-2.0
 *
 * Invariant I10. A log that opens again reaches at least as far as the node
 * last called durable. Only a wiped or damaged disk excuses it. And nobody
 * reports damage that was not made.
 */
#include <inttypes.h>

#include "sim/oracle/internal.h"

static void on_fact(struct judge *judge, void *state,
                    struct partition *partition, unsigned node,
                    const struct fact *fact)
{
    const struct replica *replica;

    (void)state;
    if (fact->type != FACT_DAMAGED && fact->type != FACT_OPENED)
        return; /* of others there may be no partition */
    replica = &partition->replicas[node];
    if (fact->type == FACT_DAMAGED && !replica->rotten &&
        fact->value != ERROR_IO) /* the disk said so itself */
        judge_fail(judge, ORACLE_DURABLE, partition, node, fact->offset,
                   "b%u says that %s is damaged from %" PRId64
                   " on; its disk is sound",
                   node + 1, judge_place(judge, partition), fact->offset);
    if (fact->type != FACT_OPENED)
        return;
    if (!replica->present || replica->damaged ||
        fact->end_offset >= replica->durable)
        return;
    judge_fail(judge, ORACLE_DURABLE, partition, node, fact->end_offset,
               "b%u opened its log of %s with end %" PRId64
               "; before the crash it was durable up to %" PRId64,
               node + 1, judge_place(judge, partition), fact->end_offset,
               replica->durable);
}

const struct oracle oracle_durable = {.on_fact = on_fact};
