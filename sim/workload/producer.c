/* SPDX-License-Identifier: Apache-2.0
 *
 * A client that sends a batch at a fixed rate while the workload runs.
 */
#include "sim/workload/internal.h"

static int64_t timestamp(const struct worker *worker)
{
    const struct scenario_producer *plan = worker->host->producer;

    if (plan->timestamps == TIMESTAMPS_NOW ||
        worker->batches % (uint64_t)plan->timestamp_every != 0)
        return -1;
    if (plan->timestamps == TIMESTAMPS_AT)
        return plan->timestamp_ms;
    return worker->seam->now.wall_ms + plan->timestamp_ms;
}

static void send_batch(struct worker *worker)
{
    const struct scenario_producer *plan = worker->host->producer;
    const struct run_topic *topic = &worker->run->topics[(size_t)plan->topic];
    struct sending sending = {
        .topic = (size_t)plan->topic,
        .partition = (uint32_t)plan->partition,
        .record_bytes = plan->record_bytes,
        .timestamp_ms = timestamp(worker),
        .acks = (int32_t)plan->acks,
        .idempotent = plan->idempotence,
        .single = plan->in_flight == 1,
    };

    if (plan->partition < 0)
        sending.partition =
            (uint32_t)(worker->batches % topic->partition_count);
    worker->batches++;
    for (int64_t i = 0; i < plan->batch; i++)
        if (!worker_send(worker, &sending))
            return;
}

static void tick(struct timer *timer)
{
    struct worker *worker = container_of(timer, struct worker, timer);
    const struct scenario_producer *plan = worker->host->producer;
    const struct run *run = worker->run;
    int64_t at_us = world_now_us(run->world) - run->start_us;

    if (run->phase != PHASE_WORK || at_us >= plan->until_us)
        return;
    if (run->topics[(size_t)plan->topic].exists)
        send_batch(worker);
    worker_wake(worker, plan->interval_us);
}

void producer_begin(struct worker *worker)
{
    const struct scenario_producer *plan = worker->host->producer;
    const struct run *run = worker->run;
    int64_t at_us = world_now_us(run->world) - run->start_us;
    int64_t delay_us = at_us < plan->from_us ? plan->from_us - at_us : 0;

    delay_us +=
        (int64_t)world_random_below(run->world, worker->host->node,
                                    RANDOM_CLIENT, (uint64_t)plan->interval_us);
    worker->timer.fire = tick;
    worker_wake(worker, delay_us);
}
