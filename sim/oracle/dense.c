/* SPDX-License-Identifier: Apache-2.0
 *
 * Invariant I5. A batch is appended where the log ends, and a reader that
 * began somewhere meets every offset from there on, unless it is told that
 * retention went past it.
 */
#include <inttypes.h>

#include "sim/oracle/internal.h"

struct dense_state {
    struct vector next; /* int64_t by reader: offset expected + 1; 0: none */
};

static void on_fact(struct judge *judge, void *state,
                    struct partition *partition, unsigned node,
                    const struct fact *fact)
{
    const struct replica *replica;

    (void)state;
    if (fact->type != FACT_APPENDED)
        return;
    replica = &partition->replicas[node];
    if ((!replica->present || fact->offset == replica->end) &&
        fact->end_offset > fact->offset)
        return;
    judge_fail(judge, ORACLE_DENSE, partition, node, fact->offset,
               "b%u appended offsets %" PRId64 " to %" PRId64
               " to its log of %s, which ended at %" PRId64,
               node + 1, fact->offset, fact->end_offset - 1,
               judge_place(judge, partition), replica->end);
}

static void on_history(struct judge *judge, void *state,
                       struct partition *partition, const struct history *event)
{
    struct dense_state *dense = state;
    int64_t *next;

    if (event->type < HISTORY_READ)
        return;
    vector_reach(&dense->next, event->reader + 1, sizeof(int64_t));
    next = VECTOR_AT(&dense->next, int64_t, event->reader);
    if (event->type == HISTORY_POSITIONED || event->type == HISTORY_GAP) {
        *next = event->offset + 1;
        return;
    }
    if (event->type != HISTORY_READ)
        return;
    if (*next != 0 && *next - 1 != event->offset)
        judge_fail(
            judge, ORACLE_DENSE, partition, JUDGE_NODES_MAX, event->offset,
            "reader %u of %s got offset %" PRId64 " where %" PRId64 " was due",
            event->reader, judge_place(judge, partition), event->offset,
            *next - 1);
    *next = event->offset + 2;
}

static void release(void *state)
{
    vector_release(&((struct dense_state *)state)->next);
}

const struct oracle oracle_dense = {.state_size = sizeof(struct dense_state),
                                    .on_fact = on_fact,
                                    .on_history = on_history,
                                    .release = release};
