/* SPDX-License-Identifier: Apache-2.0
 *
 * Invariant I7. On a node: from its start to its crash, whatever roles it
 * takes. Before a client: what one reader was told as the end, across
 * leaders (KIP-207). And no replica of a durable topic cuts its log below
 * the watermark it knows (KIP-101 cut to it; cutting below it loses more),
 * but for one that starts over because too many epochs have passed to compare
 * it: then another one holds all that is below. After an unclean election
 * what was told before does not count.
 */
#include <inttypes.h>

#include "sim/oracle/internal.h"

struct seen {
    int64_t end;
    int64_t told_us;
};

struct watermark_state {
    struct vector seen; /* struct seen by reader */
};

static bool starts_over(const struct judge *judge,
                        const struct partition *partition, unsigned node)
{
    const struct replica *replica = &partition->replicas[node];

    if (!replica->outlived)
        return false;
    for (unsigned i = 0; i < judge->options.brokers; i++) {
        const struct replica *other = &partition->replicas[i];

        if (i != node && other->present && !other->damaged &&
            other->log_start <= replica->high_watermark &&
            other->durable >= replica->high_watermark)
            return true;
    }
    return false;
}

static void on_fact(struct judge *judge, void *state,
                    struct partition *partition, unsigned node,
                    const struct fact *fact)
{
    const struct replica *replica;

    (void)state;
    if (fact->type != FACT_HIGH_WATERMARK && fact->type != FACT_TRUNCATED)
        return;
    replica = &partition->replicas[node];
    if (fact->end_offset >= replica->high_watermark)
        return;
    if (fact->type == FACT_HIGH_WATERMARK) {
        judge_fail(judge, ORACLE_WATERMARK, partition, node, fact->end_offset,
                   "the high watermark of %s on b%u went back from %" PRId64
                   " to %" PRId64,
                   judge_place(judge, partition), node + 1,
                   replica->high_watermark, fact->end_offset);
        return;
    }
    if (!judge_lazy(judge, partition) && partition->unclean_epoch == 0 &&
        !starts_over(judge, partition, node))
        judge_fail(judge, ORACLE_WATERMARK, partition, node, fact->end_offset,
                   "b%u cut its log of %s to %" PRId64
                   ", below the high watermark %" PRId64 " that it knows",
                   node + 1, judge_place(judge, partition), fact->end_offset,
                   replica->high_watermark);
}

static void on_history(struct judge *judge, void *state,
                       struct partition *partition, const struct history *event)
{
    struct watermark_state *watermark = state;
    struct seen *seen;

    if (event->type != HISTORY_SEEN_END)
        return;
    vector_reach(&watermark->seen, event->reader + 1, sizeof *seen);
    seen = VECTOR_AT(&watermark->seen, struct seen, event->reader);
    if (event->offset < seen->end && (partition->unclean_epoch == 0 ||
                                      seen->told_us > partition->unclean_us))
        judge_fail(judge, ORACLE_WATERMARK, partition, JUDGE_NODES_MAX,
                   event->offset,
                   "reader %u of %s was told the end %" PRId64
                   " after it was told %" PRId64,
                   event->reader, judge_place(judge, partition), event->offset,
                   seen->end);
    *seen = (struct seen){event->offset, judge->now_us};
}

static void release(void *state)
{
    vector_release(&((struct watermark_state *)state)->seen);
}

const struct oracle oracle_watermark = {.state_size =
                                            sizeof(struct watermark_state),
                                        .on_fact = on_fact,
                                        .on_history = on_history,
                                        .release = release};
