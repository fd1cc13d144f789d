/* SPDX-License-Identifier: Apache-2.0
 *
 * Invariant I11. Epochs are small numbers: an array from epoch to node.
 */
#include "sim/oracle/internal.h"

struct one_leader_state {
    struct vector controllers; /* unsigned by epoch: node + 1 */
    struct vector partitions;  /* struct vector of the same, by index */
};

/* Who held the epoch before, or -1; notes the node as its holder. */
static int take(struct vector *holders, int32_t epoch, unsigned node)
{
    unsigned *holder;
    int before;

    if (epoch < 0)
        return -1;
    vector_reach(holders, (size_t)epoch + 1, sizeof(unsigned));
    holder = VECTOR_AT(holders, unsigned, epoch);
    before = (int)*holder - 1;
    *holder = node + 1;
    return before;
}

static void check_controller(struct judge *judge,
                             struct one_leader_state *leaders, unsigned node,
                             const struct fact *fact)
{
    int before = take(&leaders->controllers, fact->leader_epoch, node);

    if (before >= 0 && before != (int)node)
        judge_fail(judge, ORACLE_ONE_LEADER, NULL, node, -1,
                   "b%u won controller epoch %d, which b%d had won", node + 1,
                   fact->leader_epoch, before + 1);
}

static void on_fact(struct judge *judge, void *state,
                    struct partition *partition, unsigned node,
                    const struct fact *fact)
{
    struct one_leader_state *leaders = state;
    int before;

    if (fact->type == FACT_CONTROLLER) {
        check_controller(judge, leaders, node, fact);
        return;
    }
    if (fact->type != FACT_ROLE || fact->value != FACT_ROLE_LEADER)
        return;
    vector_reach(&leaders->partitions, partition->index + 1,
                 sizeof(struct vector));
    before =
        take(VECTOR_AT(&leaders->partitions, struct vector, partition->index),
             fact->leader_epoch, node);
    if (before >= 0 && before != (int)node)
        judge_fail(judge, ORACLE_ONE_LEADER, partition, node, -1,
                   "b%u leads %s in epoch %d, which b%d led", node + 1,
                   judge_place(judge, partition), fact->leader_epoch,
                   before + 1);
}

static void release(void *state)
{
    struct one_leader_state *leaders = state;

    for (size_t i = 0; i < leaders->partitions.count; i++)
        vector_release(VECTOR_AT(&leaders->partitions, struct vector, i));
    vector_release(&leaders->partitions);
    vector_release(&leaders->controllers);
}

const struct oracle oracle_one_leader = {.state_size =
                                             sizeof(struct one_leader_state),
                                         .on_fact = on_fact,
                                         .release = release};
