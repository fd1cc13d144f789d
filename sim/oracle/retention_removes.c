/* SPDX-License-Identifier: Apache-2.0
 *
 * Invariant I14. Judged at the end, on each leader, if the cluster has been
 * free of faults for long enough: the oldest segment must not have been due
 * for removal for more than two checks and a margin. Where a segment ends is
 * not known from outside; it is over once segment.bytes or segment.ms have
 * passed since its first batch.
 */
#include <inttypes.h>

#include "sim/oracle/internal.h"

#define MARGIN_MS 5000

static int64_t bound_ms(const struct judge *judge,
                        const struct judge_topic *topic)
{
    return 2 * topic->retention_check_ms + MARGIN_MS +
           judge->options.clock_slack_ms;
}

static int64_t size_at_least(const struct partition *partition, int64_t from,
                             int64_t to)
{
    int64_t size = 0;

    for (int64_t offset = from;
         offset < to && (size_t)offset < partition->sizes.count; offset++)
        size += *VECTOR_AT(&partition->sizes, uint32_t, offset);
    return size;
}

/* The batch by which the first segment has certainly ended, or NULL. */
static const struct birth *segment_over(const struct partition *partition,
                                        const struct judge_topic *topic,
                                        int64_t log_start)
{
    size_t at = partition_birth(partition, log_start);
    const struct birth *first, *birth;
    int64_t size = 0;

    if (at >= partition->births.count)
        return NULL;
    first = VECTOR_AT(&partition->births, struct birth, at);
    for (; at < partition->births.count; at++) {
        birth = VECTOR_AT(&partition->births, struct birth, at);
        size +=
            size_at_least(partition, birth->base_offset, birth->next_offset);
        if (size > topic->segment_bytes ||
            birth->born_us - first->born_us > topic->segment_ms * 1000)
            return birth;
    }
    /* One segment holds all that is left: it is rolled when all of it has
     * expired. */
    return VECTOR_AT(&partition->births, struct birth,
                     partition->births.count - 1);
}

static void judge_age(struct judge *judge, const struct partition *partition,
                      const struct judge_topic *topic, unsigned node,
                      const struct replica *replica)
{
    const struct birth *over =
        segment_over(partition, topic, replica->log_start);
    int64_t due_us;

    if (topic->retention_ms < 0 || over == NULL ||
        over->next_offset > replica->high_watermark)
        return;
    due_us = over->born_us + topic->retention_ms * 1000;
    if (due_us < judge->healed_us)
        due_us = judge->healed_us;
    if (due_us < judge_settled_us(judge, partition))
        due_us = judge_settled_us(judge, partition);
    if (due_us > judge->now_us ||
        judge->now_us <= due_us + bound_ms(judge, topic) * 1000)
        return;
    judge_fail(judge, ORACLE_RETENTION_REMOVES, partition, node,
               replica->log_start,
               "leader b%u of %s still starts at %" PRId64
               ": the segment there ends by offset %" PRId64
               ", whose batch is %" PRId64 " ms old (retention.ms %" PRId64
               ", checked every %" PRId64 " ms)",
               node + 1, judge_place(judge, partition), replica->log_start,
               over->next_offset, (judge->now_us - over->born_us) / 1000,
               topic->retention_ms, topic->retention_check_ms);
}

/* Nothing was written for long enough: bursts may outrun the checks. */
static bool quiet(const struct judge *judge, const struct partition *partition,
                  const struct judge_topic *topic)
{
    size_t count = partition->births.count;

    return count > 0 && judge->now_us - VECTOR_AT(&partition->births,
                                                  struct birth, count - 1)
                                            ->born_us >
                            bound_ms(judge, topic) * 1000;
}

static void judge_size(struct judge *judge, const struct partition *partition,
                       const struct judge_topic *topic, unsigned node,
                       const struct replica *replica)
{
    int64_t size =
        size_at_least(partition, replica->log_start, replica->high_watermark);

    if (topic->retention_bytes < 0 ||
        judge->now_us <= judge->healed_us + bound_ms(judge, topic) * 1000 ||
        !quiet(judge, partition, topic) ||
        size <= topic->retention_bytes + 2 * topic->segment_bytes +
                    topic->record_bytes_max)
        return;
    judge_fail(judge, ORACLE_RETENTION_REMOVES, partition, node,
               replica->log_start,
               "leader b%u of %s still holds %" PRId64
               " bytes of records (retention.bytes %" PRId64
               ", segments of %" PRId64 ")",
               node + 1, judge_place(judge, partition), size,
               topic->retention_bytes, topic->segment_bytes);
}

static void on_end(struct judge *judge, void *state,
                   const struct ending *ending)
{
    (void)state;
    (void)ending;
    for (size_t i = 0; i < judge->model.partitions.count; i++) {
        const struct partition *partition = model_at(&judge->model, i);
        const struct judge_topic *topic = judge_settings(judge, partition);
        int leader = judge_leader(judge, &partition->key);

        if (topic == NULL || leader < 0 || partition->gone)
            continue;
        judge_age(judge, partition, topic, (unsigned)leader,
                  &partition->replicas[leader]);
        judge_size(judge, partition, topic, (unsigned)leader,
                   &partition->replicas[leader]);
    }
}

const struct oracle oracle_retention_removes = {.on_end = on_end};
