/* SPDX-License-Identifier: Apache-2.0
 *
 * Invariant I17. A leader's lease ends before its session can; only then is
 * another one elected, or when the leader has said that it answers nobody any
 * more (R17): so nobody who was replaced answers acks=1 or a reader. What
 * acks=all promises does not rest on it.
 */
#include "sim/oracle/internal.h"

struct lease_state {
    struct vector newest; /* int32_t by index: the newest epoch that was led */
};

static bool rests_on_lease(const struct fact *fact)
{
    return fact->type == FACT_SERVED ||
           (fact->type == FACT_ACKNOWLEDGED && fact->value == 1);
}

static void on_fact(struct judge *judge, void *state,
                    struct partition *partition, unsigned node,
                    const struct fact *fact)
{
    struct lease_state *lease = state;
    bool leads = fact->type == FACT_ROLE && fact->value == FACT_ROLE_LEADER;
    int32_t *newest;

    if (!leads && !rests_on_lease(fact))
        return;
    vector_reach(&lease->newest, partition->index + 1, sizeof(int32_t));
    newest = VECTOR_AT(&lease->newest, int32_t, partition->index);
    if (leads && fact->leader_epoch > *newest)
        *newest = fact->leader_epoch;
    if (!leads && fact->leader_epoch < *newest)
        judge_fail(judge, ORACLE_LEASE, partition, node, fact->offset,
                   "b%u %s of %s in epoch %d, after another leader began "
                   "epoch %d",
                   node + 1,
                   fact->type == FACT_SERVED ? "served a reader"
                                             : "answered a write (acks=1)",
                   judge_place(judge, partition), fact->leader_epoch, *newest);
}

static void release(void *state)
{
    vector_release(&((struct lease_state *)state)->newest);
}

const struct oracle oracle_lease = {.state_size = sizeof(struct lease_state),
                                    .on_fact = on_fact,
                                    .release = release};
