/* SPDX-License-Identifier: Apache-2.0
 *
 * Invariant I2. When a leader answers acks=all, at least min replicas have
 * said that the batch is durable. A replica that lost its disk since then
 * still counts: it had it. One that holds another batch there does not,
 * however far it has come (B1).
 */
#include <inttypes.h>

#include "sim/oracle/internal.h"

#define ACKS_ALL (-1)

static bool holds(const struct held *held, int64_t offset)
{
    return held != NULL && held->known && held->base_offset <= offset;
}

static bool holds_another(const struct partition *partition, unsigned node,
                          unsigned leader, int64_t offset)
{
    const struct held *own = replica_held(&partition->replicas[node], offset);
    const struct held *led = replica_held(&partition->replicas[leader], offset);

    return holds(own, offset) && holds(led, offset) &&
           (own->base_offset != led->base_offset ||
            own->body_crc != led->body_crc);
}

static void on_fact(struct judge *judge, void *state,
                    struct partition *partition, unsigned node,
                    const struct fact *fact)
{
    struct judge_topic topic;
    unsigned count = 0;
    uint32_t min;

    (void)state;
    if (fact->type != FACT_ACKNOWLEDGED || fact->value != ACKS_ALL)
        return;
    if (judge_settings(judge, partition) == NULL ||
        judge_lazy(judge, partition))
        return;
    topic = judge_loosest(judge, partition);
    min = topic.min_insync < topic.replicas ? topic.min_insync : topic.replicas;
    for (unsigned n = 0; n < judge->options.brokers; n++)
        count += partition->replicas[n].durable_most >= fact->end_offset &&
                 !holds_another(partition, n, node, fact->offset);
    if (count < min)
        judge_fail(judge, ORACLE_COUNTED, partition, node, fact->offset,
                   "b%u acknowledged %s offsets %" PRId64 " to %" PRId64
                   " while %u replicas held them durably; %u are required",
                   node + 1, judge_place(judge, partition), fact->offset,
                   fact->end_offset - 1, count, min);
}

const struct oracle oracle_counted = {.on_fact = on_fact};
