/* SPDX-License-Identifier: Apache-2.0
 *
 * How facts move the model of one replica:
 *
 *     OPENED     start, end; what lay past the end is gone; no role yet
 *     APPENDED   the end moves; a batch more
 *     DURABLE    durable moves
 *     TRUNCATING what is above may be gone after a crash
 *     TRUNCATED  the end moves back (or the log is started over further on)
 *     OUTLIVED   it starts over with its next cut
 *     DAMAGED, MENDED    it has batches that it cannot read, it has none
 *     LOG_START, DELETED, HIGH_WATERMARK, ROLE
 *     REMOVED    nothing of it counts any more
 *
 * A crash stops the node and changes nothing that is stored.
 */
#include "sim/oracle/model.h"

size_t replica_index(const struct replica *replica, int64_t offset)
{
    size_t low = replica->held_first, high = replica->held.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (VECTOR_AT(&replica->held, struct held, middle)->next_offset <=
            offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct held *replica_held(const struct replica *replica, int64_t offset)
{
    size_t index = replica_index(replica, offset);

    return index < replica->held.count
               ? VECTOR_AT(&replica->held, struct held, index)
               : NULL;
}

size_t partition_birth(const struct partition *partition, int64_t offset)
{
    size_t low = 0, high = partition->births.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (VECTOR_AT(&partition->births, struct birth, middle)->next_offset <=
            offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* When a batch was born that some replica holds already; else now. What a
 * replica was found to hold at its start was born before it went down. */
static int64_t born_us(const struct partition *partition,
                       const struct fact *fact, int64_t now_us)
{
    for (unsigned node = 0; node < JUDGE_NODES_MAX; node++) {
        const struct held *held =
            replica_held(&partition->replicas[node], fact->offset);

        if (held == NULL || held->base_offset > fact->offset ||
            held->next_offset < fact->end_offset)
            continue;
        if (!held->known || held->body_crc == (uint32_t)fact->value)
            return held->born_us;
    }
    return now_us;
}

/* The first replica that writes a batch gives it its time; a batch written
 * over another one (an uncommitted tail that was cut) takes its place. */
static void note_birth(struct partition *partition, const struct fact *fact,
                       int64_t at_us)
{
    size_t at = partition_birth(partition, fact->offset);
    struct birth *birth;

    if (at < partition->births.count) {
        birth = VECTOR_AT(&partition->births, struct birth, at);
        if (birth->base_offset == fact->offset &&
            birth->next_offset == fact->end_offset &&
            birth->body_crc == (uint32_t)fact->value)
            return;
        if (birth->next_offset <= partition->committed)
            return; /* a disagreement, for another to judge */
        partition->births.count = at;
    }
    birth = vector_push(&partition->births, sizeof *birth);
    *birth = (struct birth){fact->offset, fact->end_offset,
                            (uint32_t)fact->value, at_us};
}

static void cut(struct replica *replica, int64_t end)
{
    size_t index = replica_index(replica, end);

    if (index < replica->held.count)
        replica->held.count = index;
    replica->end = end;
    if (replica->durable > end)
        replica->durable = end;
}

static void start_over(struct replica *replica, int64_t offset)
{
    replica->held.count = 0;
    replica->held_first = 0;
    replica->log_start = offset;
    replica->end = offset;
    replica->durable = offset;
}

static void append(struct replica *replica, const struct held *batch)
{
    *(struct held *)vector_push(&replica->held, sizeof *batch) = *batch;
    replica->end = batch->next_offset;
}

static void advance_start(struct replica *replica, int64_t log_start)
{
    if (log_start <= replica->log_start)
        return;
    replica->log_start = log_start;
    while (replica->held_first < replica->held.count &&
           VECTOR_AT(&replica->held, struct held, replica->held_first)
                   ->next_offset <= log_start)
        replica->held_first++;
    if (replica->end < log_start)
        start_over(replica, log_start);
}

static void opened(struct replica *replica, const struct fact *fact)
{
    if (!replica->present || fact->end_offset < replica->log_start)
        start_over(replica, fact->offset);
    replica->present = true;
    replica->open = true;
    replica->damaged = false;
    replica->reported = false;
    replica->outlived = false;
    if (fact->end_offset < replica->end)
        cut(replica, fact->end_offset);
    else if (fact->end_offset > replica->end)
        append(replica, &(struct held){.base_offset = replica->end,
                                       .next_offset = fact->end_offset,
                                       .born_us = replica->down_us});
    advance_start(replica, fact->offset);
    replica->durable = replica->end;
    if (replica->durable_most < replica->end)
        replica->durable_most = replica->end;
    replica->high_watermark = 0;
    replica->role = FACT_ROLE_NONE;
}

static void appended(struct partition *partition, struct replica *replica,
                     const struct fact *fact, int64_t now_us)
{
    struct held batch = {fact->offset, fact->end_offset, (uint32_t)fact->value,
                         true, born_us(partition, fact, now_us)};

    note_birth(partition, fact, batch.born_us);
    replica->present = true;
    replica->open = true;
    append(replica, &batch);
}

static void truncated(struct replica *replica, int64_t end)
{
    if (end > replica->end || end < replica->log_start)
        start_over(replica, end);
    else
        cut(replica, end);
    if (replica->durable_most > end)
        replica->durable_most = end;
    if (replica->high_watermark > end)
        replica->high_watermark = end;
    replica->outlived = false;
}

/* Moved to other nodes: what it said that it held it did hold. */
static void removed(struct replica *replica)
{
    vector_release(&replica->held);
    *replica = (struct replica){.durable_most = replica->durable_most,
                                .up = replica->up,
                                .down_us = replica->down_us};
}

static void role_taken(struct replica *replica, const struct fact *fact)
{
    replica->role = (enum fact_role)fact->value;
    replica->leader_epoch = fact->leader_epoch;
}

static void note_watermark(struct partition *partition, struct replica *replica,
                           int64_t high_watermark)
{
    if (high_watermark > replica->high_watermark)
        replica->high_watermark = high_watermark;
    if (high_watermark > partition->committed)
        partition->committed = high_watermark;
}

static void note_lazy(struct partition *partition, const struct fact *fact)
{
    if (partition->lazy_known && fact->offset < partition->lazy_epoch)
        return; /* one that reads late */
    partition->lazy_known = true;
    partition->lazy = fact->value != 0;
    partition->lazy_epoch = fact->offset;
}

void model_fact(struct model *model, struct partition *partition, unsigned node,
                const struct fact *fact, int64_t now_us)
{
    struct replica *replica = &partition->replicas[node];

    (void)model;
    switch (fact->type) {
    case FACT_APPENDED:
        appended(partition, replica, fact, now_us);
        break;
    case FACT_DURABLE:
        replica->durable = fact->end_offset;
        if (replica->durable_most < fact->end_offset)
            replica->durable_most = fact->end_offset;
        break;
    case FACT_HIGH_WATERMARK:
        note_watermark(partition, replica, fact->end_offset);
        break;
    case FACT_LOG_START:
        advance_start(replica, fact->offset);
        break;
    case FACT_OPENED:
        opened(replica, fact);
        break;
    case FACT_TRUNCATING:
        if (replica->durable > fact->end_offset)
            replica->durable = fact->end_offset;
        break;
    case FACT_TRUNCATED:
        truncated(replica, fact->end_offset);
        break;
    case FACT_DAMAGED:
        if (!replica->reported)
            replica->reported_us = now_us;
        replica->reported = true;
        break;
    case FACT_OUTLIVED:
        replica->outlived = true;
        break;
    case FACT_MENDED:
        replica->reported = false;
        break;
    case FACT_ROLE:
        role_taken(replica, fact);
        break;
    case FACT_REMOVED:
        removed(replica);
        break;
    case FACT_LAZY:
        note_lazy(partition, fact);
        break;
    default:
        break;
    }
}

static void change_replica(struct replica *replica, enum node_change change,
                           int64_t now_us)
{
    switch (change) {
    case NODE_STARTED:
        replica->up = true;
        return;
    case NODE_CRASHED:
        replica->up = false;
        if (replica->open)
            replica->down_us = now_us;
        replica->open = false;
        break;
    case NODE_WIPED:
        replica->up = false;
        vector_release(&replica->held);
        *replica = (struct replica){.durable_most = replica->durable_most};
        break;
    case NODE_DAMAGED:
        replica->damaged = true;
        replica->rotten = true;
        return;
    }
    replica->role = FACT_ROLE_NONE;
}

void model_node(struct model *model, unsigned node, enum node_change change,
                int64_t now_us)
{
    if (change != NODE_DAMAGED)
        model->up[node] = change == NODE_STARTED;
    for (size_t i = 0; i < model->partitions.count; i++)
        change_replica(&model_at(model, i)->replicas[node], change, now_us);
}

void model_replica(struct model *model, unsigned node,
                   const struct partition_key *key, enum node_change change,
                   int64_t now_us)
{
    struct partition *partition = model_find(model, key);

    if (partition != NULL)
        change_replica(&partition->replicas[node], change, now_us);
}
