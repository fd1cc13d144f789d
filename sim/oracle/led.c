/* SPDX-License-Identifier: Apache-2.0
 *
 * Invariant I18, where a scenario says always-led: nobody stops leading before
 * ZooKeeper names another leader, and that one leads within the time given.
 * Who was replaced says so under the new leader epoch.
 */
#include <inttypes.h>

#include "sim/oracle/internal.h"

struct led_state {
    struct vector since; /* int64_t by index: nobody has led since then, and
                            1 us; 0: somebody leads, or never did */
};

static int64_t *since_of(struct led_state *led, const struct partition *of)
{
    vector_reach(&led->since, of->index + 1, sizeof(int64_t));
    return VECTOR_AT(&led->since, int64_t, of->index);
}

static void check_gap(struct judge *judge, const struct partition *partition,
                      int64_t since)
{
    int64_t gap_us = judge->now_us + 1 - since;

    if (since > 0 && gap_us > judge->options.leaderless_us)
        judge_fail(judge, ORACLE_LED, partition, JUDGE_NODES_MAX, -1,
                   "nobody led %s for %" PRId64
                   " ms; always-led allows %" PRId64 " ms",
                   judge_place(judge, partition), gap_us / 1000,
                   judge->options.leaderless_us / 1000);
}

static bool others_lead(const struct judge *judge,
                        const struct partition *partition, unsigned node)
{
    for (unsigned other = 0; other < judge->options.brokers; other++)
        if (other != node && partition->replicas[other].up &&
            partition->replicas[other].role == FACT_ROLE_LEADER)
            return true;
    return false;
}

static void on_fact(struct judge *judge, void *state,
                    struct partition *partition, unsigned node,
                    const struct fact *fact)
{
    const struct replica *replica;
    int64_t *since;

    if (judge->options.leaderless_us == 0 || fact->type != FACT_ROLE)
        return;
    replica = &partition->replicas[node];
    since = since_of(state, partition);
    if (fact->value == FACT_ROLE_LEADER) {
        check_gap(judge, partition, *since);
        *since = 0;
        return;
    }
    if (replica->role != FACT_ROLE_LEADER)
        return;
    if (fact->leader_epoch <= replica->leader_epoch)
        judge_fail(judge, ORACLE_LED, partition, node, -1,
                   "b%u stopped leading %s in epoch %d, and no other leader "
                   "was named",
                   node + 1, judge_place(judge, partition),
                   replica->leader_epoch);
    if (!others_lead(judge, partition, node))
        *since = judge->now_us + 1;
}

static void on_node(struct judge *judge, void *state, unsigned node,
                    enum node_change change)
{
    (void)state;
    if (judge->options.leaderless_us == 0 || change != NODE_CRASHED)
        return;
    for (size_t i = 0; i < judge->model.partitions.count; i++) {
        const struct partition *partition = model_at(&judge->model, i);
        const struct replica *replica = &partition->replicas[node];

        if (!partition->gone && replica->up &&
            replica->role == FACT_ROLE_LEADER)
            judge_fail(judge, ORACLE_LED, partition, node, -1,
                       "b%u ended as the leader of %s", node + 1,
                       judge_place(judge, partition));
    }
}

static void on_end(struct judge *judge, void *state,
                   const struct ending *ending)
{
    (void)ending;
    for (size_t i = 0; i < judge->model.partitions.count; i++) {
        const struct partition *partition = model_at(&judge->model, i);

        if (judge->options.leaderless_us > 0 && !partition->gone)
            check_gap(judge, partition, *since_of(state, partition));
    }
}

static void release(void *state)
{
    vector_release(&((struct led_state *)state)->since);
}

const struct oracle oracle_led = {.state_size = sizeof(struct led_state),
                                  .on_fact = on_fact,
                                  .on_node = on_node,
                                  .on_end = on_end,
                                  .release = release};
