/* SPDX-License-Identifier: Apache-2.0
 *
 * Invariant I17. A leader's lease ends before its session can: so nobody whose
 * session was over when he was replaced answers acks=1 or a reader. Who is
 * replaced while he is alive, because he leaves or another one is preferred,
 * may do so until he hears of it. What acks=all promises does not rest on it.
 */
#include "sim/oracle/internal.h"

struct led {
    int32_t newest;                    /* epoch that was led */
    int64_t since_us[JUDGE_NODES_MAX]; /* when each began to lead last */
};

struct lease_state {
    struct vector partitions; /* struct led by index */
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
    struct led *led;

    if (!leads && !rests_on_lease(fact))
        return;
    vector_reach(&lease->partitions, partition->index + 1, sizeof(struct led));
    led = VECTOR_AT(&lease->partitions, struct led, partition->index);
    if (leads)
        led->since_us[node] = judge->now_us;
    if (leads && fact->leader_epoch > led->newest)
        led->newest = fact->leader_epoch;
    if (!leads && fact->leader_epoch < led->newest &&
        judge->session_over_us[node] >= led->since_us[node])
        judge_fail(judge, ORACLE_LEASE, partition, node, fact->offset,
                   "b%u %s of %s in epoch %d, after another leader began "
                   "epoch %d",
                   node + 1,
                   fact->type == FACT_SERVED ? "served a reader"
                                             : "answered a write (acks=1)",
                   judge_place(judge, partition), fact->leader_epoch,
                   led->newest);
}

static void release(void *state)
{
    vector_release(&((struct lease_state *)state)->partitions);
}

const struct oracle oracle_lease = {.state_size = sizeof(struct lease_state),
                                    .on_fact = on_fact,
                                    .release = release};
