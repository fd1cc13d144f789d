/* SPDX-License-Identifier: Apache-2.0
 *
 * Invariant I8. What a leader gives to a consumer ends at its own high
 * watermark, and a reader meets no offset that no node knows as committed.
 */
#include <inttypes.h>

#include "sim/oracle/internal.h"

static void on_fact(struct judge *judge, void *state,
                    struct partition *partition, unsigned node,
                    const struct fact *fact)
{
    const struct replica *replica;

    (void)state;
    if (fact->type != FACT_SERVED)
        return;
    replica = &partition->replicas[node];
    if (fact->end_offset > replica->high_watermark)
        judge_fail(judge, ORACLE_VISIBLE, partition, node, fact->end_offset,
                   "b%u served %s up to %" PRId64
                   ", above its high watermark %" PRId64,
                   node + 1, judge_place(judge, partition), fact->end_offset,
                   replica->high_watermark);
}

static void on_history(struct judge *judge, void *state,
                       struct partition *partition, const struct history *event)
{
    (void)state;
    if (event->type == HISTORY_READ && event->offset >= partition->committed)
        judge_fail(
            judge, ORACLE_VISIBLE, partition, JUDGE_NODES_MAX, event->offset,
            "a reader found %s offset %" PRId64
            "; the highest watermark of any node is %" PRId64,
            judge_place(judge, partition), event->offset, partition->committed);
}

const struct oracle oracle_visible = {.on_fact = on_fact,
                                      .on_history = on_history};
