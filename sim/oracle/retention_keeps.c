/* SPDX-License-Identifier: Apache-2.0
 *
 * Invariant I13. A segment may be removed when its last batch is older than
 * retention.ms (by the world's clock, not by any node's), or when what
 * stays, of what is committed, is still as large as retention.bytes allows:
 * a tail that will be cut off drives nothing out; or when an operator wants
 * it gone. The first replica that removes a segment is judged: the others
 * follow, perhaps much later. Size is judged at the end, when it is known how
 * large the records are; what is not known counts as large.
 */
#include <inttypes.h>

#include "sim/oracle/internal.h"

/* What a record may take beside key and value: its own fields and a whole
 * batch header. */
#define RECORD_OVERHEAD_MAX 160

struct removal {
    size_t partition;
    unsigned node;
    int64_t base_offset;
    int64_t next_offset;
    int64_t end_offset;       /* of what was committed then */
    int64_t age_ms;           /* of its youngest batch */
    struct judge_topic topic; /* as it was set then */
};

struct keeps_state {
    struct vector removals; /* struct removal: not old enough */
    struct vector judged;   /* int64_t by partition: removed up to there */
};

static int64_t age_of_last_ms(const struct judge *judge,
                              const struct partition *partition,
                              int64_t next_offset)
{
    size_t at = partition_birth(partition, next_offset - 1);
    const struct birth *birth;

    if (at >= partition->births.count)
        return INT64_MAX; /* older than the model */
    birth = VECTOR_AT(&partition->births, struct birth, at);
    if (birth->base_offset >= next_offset)
        return INT64_MAX; /* found at a start, and nobody told of it before */
    return (judge->now_us - birth->born_us) / 1000;
}

static void on_fact(struct judge *judge, void *state,
                    struct partition *partition, unsigned node,
                    const struct fact *fact)
{
    struct keeps_state *keeps = state;
    struct judge_topic topic;
    int64_t *judged;
    int64_t age_ms;

    if (fact->type != FACT_DELETED || fact->end_offset <= fact->offset)
        return;
    if (fact->end_offset > partition->committed) {
        judge_fail(judge, ORACLE_RETENTION_KEEPS, partition, node, fact->offset,
                   "b%u removed offsets %" PRId64 " to %" PRId64
                   " of %s; only those below %" PRId64 " are committed",
                   node + 1, fact->offset, fact->end_offset - 1,
                   judge_place(judge, partition), partition->committed);
        return;
    }
    vector_reach(&keeps->judged, partition->index + 1, sizeof(int64_t));
    judged = VECTOR_AT(&keeps->judged, int64_t, partition->index);
    if (judge_settings(judge, partition) == NULL ||
        fact->end_offset <= *judged || fact->end_offset <= partition->ordered)
        return; /* the others follow the first, perhaps much later */
    *judged = fact->end_offset;
    topic = judge_loosest(judge, partition);
    age_ms = age_of_last_ms(judge, partition, fact->end_offset);
    if (topic.retention_ms >= 0 &&
        age_ms >= topic.retention_ms - judge->options.clock_slack_ms)
        return;
    *(struct removal *)vector_push(&keeps->removals, sizeof(struct removal)) =
        (struct removal){
            partition->index,     node,   fact->offset, fact->end_offset,
            partition->committed, age_ms, topic};
}

static int64_t size_at_most(const struct partition *partition,
                            const struct judge_topic *topic, int64_t from,
                            int64_t to)
{
    int64_t size = 0;

    for (int64_t offset = from; offset < to; offset++) {
        uint32_t bytes = 0;

        if ((size_t)offset < partition->sizes.count)
            bytes = *VECTOR_AT(&partition->sizes, uint32_t, offset);
        size += (bytes ? bytes : topic->record_bytes_max) + RECORD_OVERHEAD_MAX;
    }
    return size;
}

static void judge_removal(struct judge *judge, const struct removal *removal)
{
    const struct partition *partition =
        model_at(&judge->model, removal->partition);
    const struct judge_topic *topic = &removal->topic;
    int64_t left = size_at_most(partition, topic, removal->next_offset,
                                removal->end_offset);

    if (partition->gone ||
        (topic->retention_bytes >= 0 && left >= topic->retention_bytes))
        return;
    judge_fail(judge, ORACLE_RETENTION_KEEPS, partition, removal->node,
               removal->base_offset,
               "b%u removed offsets %" PRId64 " to %" PRId64 " of %s, %" PRId64
               " ms old (retention.ms %" PRId64 "), which left at most %" PRId64
               " bytes (retention.bytes %" PRId64 ")",
               removal->node + 1, removal->base_offset,
               removal->next_offset - 1, judge_place(judge, partition),
               removal->age_ms, topic->retention_ms, left,
               topic->retention_bytes);
}

static void on_end(struct judge *judge, void *state,
                   const struct ending *ending)
{
    struct keeps_state *keeps = state;

    (void)ending;
    for (size_t i = 0; i < keeps->removals.count; i++)
        judge_removal(judge, VECTOR_AT(&keeps->removals, struct removal, i));
}

static void release(void *state)
{
    vector_release(&((struct keeps_state *)state)->removals);
    vector_release(&((struct keeps_state *)state)->judged);
}

const struct oracle oracle_retention_keeps = {.state_size =
                                                  sizeof(struct keeps_state),
                                              .on_fact = on_fact,
                                              .on_end = on_end,
                                              .release = release};
