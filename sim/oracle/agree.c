/* SPDX-License-Identifier: Apache-2.0
 *
 * Invariant I9. The first node whose watermark passes a batch fixes what is
 * committed there; every other node must hold the same batch when its own
 * watermark passes. Each batch of each replica is compared once, and again
 * after a restart or a cut.
 */
#include <inttypes.h>
#include <string.h>

#include "sim/oracle/internal.h"

struct agreed {
    int64_t base_offset;
    int64_t next_offset;
    uint32_t body_crc;
    unsigned node;
};

struct agreed_partition {
    uint32_t unclean_epoch;
    struct vector batches; /* struct agreed by offset; may have holes */
    int64_t checked[JUDGE_NODES_MAX];
};

struct agree_state {
    struct vector partitions; /* struct agreed_partition by index */
};

/* The batch that holds `offset` or is the first after it, or NULL. */
static const struct agreed *find(const struct agreed_partition *agreed,
                                 int64_t offset)
{
    size_t low = 0, high = agreed->batches.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (VECTOR_AT(&agreed->batches, struct agreed, middle)->next_offset <=
            offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < agreed->batches.count
               ? VECTOR_AT(&agreed->batches, struct agreed, low)
               : NULL;
}

static void compare(struct judge *judge, const struct partition *partition,
                    unsigned node, struct agreed_partition *agreed,
                    const struct held *held)
{
    const struct agreed *other;

    if (!held->known)
        return;
    other = find(agreed, held->base_offset);
    if (other == NULL) {
        *(struct agreed *)vector_push(&agreed->batches, sizeof(struct agreed)) =
            (struct agreed){held->base_offset, held->next_offset,
                            held->body_crc, node};
        return;
    }
    if (other->base_offset >= held->next_offset ||
        (other->base_offset == held->base_offset &&
         other->next_offset == held->next_offset &&
         other->body_crc == held->body_crc))
        return;
    judge_fail(judge, ORACLE_AGREE, partition, node, held->base_offset,
               "%s differs below the high watermark: b%u holds batch "
               "[%" PRId64 ", %" PRId64 ") with body CRC %08x, b%u holds "
               "[%" PRId64 ", %" PRId64 ") with %08x",
               judge_place(judge, partition), node + 1, held->base_offset,
               held->next_offset, held->body_crc, other->node + 1,
               other->base_offset, other->next_offset, other->body_crc);
}

static void check_up_to(struct judge *judge, const struct partition *partition,
                        unsigned node, struct agreed_partition *agreed,
                        int64_t high_watermark)
{
    const struct replica *replica = &partition->replicas[node];
    int64_t from = agreed->checked[node];

    if (from < replica->log_start)
        from = replica->log_start;
    for (size_t i = replica_index(replica, from); i < replica->held.count;
         i++) {
        const struct held *held = VECTOR_AT(&replica->held, struct held, i);

        if (held->next_offset > high_watermark)
            break;
        compare(judge, partition, node, agreed, held);
        agreed->checked[node] = held->next_offset;
    }
}

/* A lazy topic may lose what was committed when several replicas lose power, or
 * the only one: who is cut to what is left says so, or who leads with it. */
static void forget(struct judge *judge, const struct partition *partition,
                   struct agreed_partition *agreed, int64_t end_offset)
{
    if (!judge_lazy(judge, partition))
        return;
    while (agreed->batches.count > 0 &&
           VECTOR_AT(&agreed->batches, struct agreed, agreed->batches.count - 1)
                   ->next_offset > end_offset)
        agreed->batches.count--;
}

/* One leads with what it has: that is what counts from now on. */
static void forget_all(struct agreed_partition *agreed, uint32_t epoch)
{
    agreed->unclean_epoch = epoch;
    agreed->batches.count = 0;
    memset(agreed->checked, 0, sizeof agreed->checked);
}

/* It has not heard yet that one leads with less than it knows to be committed.
 */
static bool is_behind(const struct partition *partition, unsigned node)
{
    const struct replica *replica = &partition->replicas[node];

    return partition->unclean_epoch > 0 &&
           (replica->role == FACT_ROLE_NONE ||
            replica->leader_epoch < (int32_t)partition->unclean_epoch);
}

/* Where the log of a replica ends from now on, for all of them; else -1. */
static int64_t end_told(const struct fact *fact)
{
    if (fact->type == FACT_TRUNCATED)
        return fact->end_offset;
    if (fact->type == FACT_ROLE && fact->value == FACT_ROLE_LEADER)
        return fact->offset;
    return -1;
}

static void on_fact(struct judge *judge, void *state,
                    struct partition *partition, unsigned node,
                    const struct fact *fact)
{
    struct agree_state *agree = state;
    struct agreed_partition *agreed;
    int64_t end = end_told(fact);

    if (fact->type != FACT_HIGH_WATERMARK && fact->type != FACT_OPENED &&
        end < 0)
        return;
    vector_reach(&agree->partitions, partition->index + 1,
                 sizeof(struct agreed_partition));
    agreed = VECTOR_AT(&agree->partitions, struct agreed_partition,
                       partition->index);
    if (agreed->unclean_epoch < partition->unclean_epoch)
        forget_all(agreed, partition->unclean_epoch);
    if (end >= 0)
        forget(judge, partition, agreed, end);
    if (is_behind(partition, node))
        return;
    if (fact->type == FACT_HIGH_WATERMARK)
        check_up_to(judge, partition, node, agreed, fact->end_offset);
    else if (fact->end_offset < agreed->checked[node])
        agreed->checked[node] = fact->end_offset;
}

static void release(void *state)
{
    struct agree_state *agree = state;

    for (size_t i = 0; i < agree->partitions.count; i++)
        vector_release(
            &VECTOR_AT(&agree->partitions, struct agreed_partition, i)
                 ->batches);
    vector_release(&agree->partitions);
}

const struct oracle oracle_agree = {.state_size = sizeof(struct agree_state),
                                    .on_fact = on_fact,
                                    .release = release};
