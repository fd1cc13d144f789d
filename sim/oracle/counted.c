/* SPDX-License-Identifier: Apache-2.0
 *
 * Invariant I2. When a leader answers acks=all, at least min replicas have
 * said that the batch is durable. A replica that lost its disk since then
 * still counts: it had it.
 */
#include <inttypes.h>

#include "sim/oracle/internal.h"

#define ACKS_ALL (-1)

static void on_fact(struct judge *judge, void *state,
                    struct partition *partition, unsigned node,
                    const struct fact *fact)
{
    const struct judge_topic *topic;
    unsigned count = 0;
    uint32_t min;

    (void)state;
    if (fact->type != FACT_ACKNOWLEDGED || fact->value != ACKS_ALL)
        return;
    topic = judge_settings(judge, partition);
    if (topic == NULL || topic->flush_ms != 0)
        return;
    min = topic->min_insync < topic->replicas ? topic->min_insync
                                              : topic->replicas;
    for (unsigned n = 0; n < judge->options.brokers; n++)
        count += partition->replicas[n].durable_most >= fact->end_offset;
    if (count < min)
        judge_fail(judge, ORACLE_COUNTED, partition, node, fact->offset,
                   "b%u acknowledged %s offsets %" PRId64 " to %" PRId64
                   " while %u replicas held them durably; %u are required",
                   node + 1, judge_place(judge, partition), fact->offset,
                   fact->end_offset - 1, count, min);
}

const struct oracle oracle_counted = {.on_fact = on_fact};
