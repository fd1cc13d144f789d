/* SPDX-License-Identifier: Apache-2.0
 *
 * Invariant I18, where a scenario says always-led: nobody stops leading before
 * ZooKeeper names another leader, that one leads within the time given, and
 * whom it replaced is there until then. Who was replaced says so under the new
 * leader epoch.
 */
#include <inttypes.h>

#include "sim/oracle/internal.h"

struct gap {
    bool open;        /* nobody leads who did */
    int64_t since_us; /* if it is open */
    unsigned led;     /* if it is open: who led last */
};

struct led_state {
    struct vector gaps; /* struct gap by index */
};

static struct gap *gap_of(struct led_state *led, const struct partition *of)
{
    vector_reach(&led->gaps, of->index + 1, sizeof(struct gap));
    return VECTOR_AT(&led->gaps, struct gap, of->index);
}

static void check_gap(struct judge *judge, const struct partition *partition,
                      const struct gap *gap)
{
    int64_t gap_us = judge->now_us - gap->since_us;

    if (gap->open && gap_us > judge->options.leaderless_us)
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
    struct gap *gap;

    if (judge->options.leaderless_us == 0 || fact->type != FACT_ROLE)
        return;
    replica = &partition->replicas[node];
    gap = gap_of(state, partition);
    if (fact->value == FACT_ROLE_LEADER) {
        check_gap(judge, partition, gap);
        gap->open = false;
        return;
    }
    if (replica->role != FACT_ROLE_LEADER ||
        others_lead(judge, partition, node))
        return;
    if (fact->leader_epoch <= replica->leader_epoch)
        judge_fail(judge, ORACLE_LED, partition, node, -1,
                   "b%u stopped leading %s in epoch %d, and no other leader "
                   "was named",
                   node + 1, judge_place(judge, partition),
                   replica->leader_epoch);
    *gap = (struct gap){true, judge->now_us, node};
}

static void on_node(struct judge *judge, void *state, unsigned node,
                    enum node_change change)
{
    if (judge->options.leaderless_us == 0 || change != NODE_CRASHED)
        return;
    for (size_t i = 0; i < judge->model.partitions.count; i++) {
        const struct partition *partition = model_at(&judge->model, i);
        const struct replica *replica = &partition->replicas[node];
        const struct gap *gap = gap_of(state, partition);
        bool leads = replica->up && replica->role == FACT_ROLE_LEADER;

        if (!partition->gone && (leads || (gap->open && gap->led == node)))
            judge_fail(judge, ORACLE_LED, partition, node, -1,
                       "b%u ended before another one led %s", node + 1,
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
            check_gap(judge, partition, gap_of(state, partition));
    }
}

static void release(void *state)
{
    vector_release(&((struct led_state *)state)->gaps);
}

const struct oracle oracle_led = {.state_size = sizeof(struct led_state),
                                  .on_fact = on_fact,
                                  .on_node = on_node,
                                  .on_end = on_end,
                                  .release = release};
