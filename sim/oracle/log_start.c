/* SPDX-License-Identifier: Apache-2.0
 *
 * Invariant I12. The start is visible only after it was stored, so a crash
 * does not excuse a node either. Across leaders: nobody serves what lies
 * below a start that an earlier leader showed. A new leader's own log may be
 * behind for a moment.
 */
#include <inttypes.h>

#include "sim/oracle/internal.h"

/* By a leader; they rise. */
struct shown {
    int64_t offset;
    int64_t us;
};

struct log_start_state {
    struct vector partitions; /* struct vector of struct shown, by partition */
};

static struct vector *all_shown(struct log_start_state *start,
                                const struct partition *partition)
{
    vector_reach(&start->partitions, partition->index + 1,
                 sizeof(struct vector));
    return VECTOR_AT(&start->partitions, struct vector, partition->index);
}

/* The highest so far, by this time. */
static int64_t shown_by(struct log_start_state *start,
                        const struct partition *partition, int64_t us)
{
    const struct vector *all = all_shown(start, partition);

    for (size_t i = all->count; i > 0; i--) {
        const struct shown *shown = VECTOR_AT(all, struct shown, i - 1);

        if (shown->us <= us)
            return shown->offset;
    }
    return 0;
}

static void check_node(struct judge *judge, const struct partition *partition,
                       unsigned node, int64_t offset, const char *how)
{
    const struct replica *replica = &partition->replicas[node];

    if (replica->present && !replica->damaged && offset < replica->log_start)
        judge_fail(judge, ORACLE_LOG_START, partition, node, offset,
                   "the log start of %s on b%u went back from %" PRId64
                   " to %" PRId64 " %s",
                   judge_place(judge, partition), node + 1, replica->log_start,
                   offset, how);
}

static void note_leader(const struct judge *judge,
                        struct log_start_state *start,
                        const struct partition *partition, int64_t offset)
{
    struct shown *shown;

    if (offset <= shown_by(start, partition, INT64_MAX))
        return;
    shown = vector_push(all_shown(start, partition), sizeof *shown);
    *shown = (struct shown){offset, judge->now_us};
}

static void check_served(struct judge *judge, struct log_start_state *start,
                         const struct partition *partition, unsigned node,
                         int64_t offset)
{
    int64_t shown = shown_by(start, partition, INT64_MAX);

    if (offset < partition->ordered_done)
        judge_fail(judge, ORACLE_LOG_START, partition, node, offset,
                   "leader b%u of %s served %" PRId64
                   ", an operator was told that all below %" PRId64 " is gone",
                   node + 1, judge_place(judge, partition), offset,
                   partition->ordered_done);
    if (offset < shown)
        judge_fail(judge, ORACLE_LOG_START, partition, node, offset,
                   "leader b%u of %s served %" PRId64
                   ", an earlier leader showed log start %" PRId64,
                   node + 1, judge_place(judge, partition), offset, shown);
}

static void on_fact(struct judge *judge, void *state,
                    struct partition *partition, unsigned node,
                    const struct fact *fact)
{
    if (fact->type == FACT_OPENED)
        check_node(judge, partition, node, fact->offset, "when it opened");
    else if (fact->type == FACT_TRUNCATED)
        check_node(judge, partition, node, fact->end_offset, "by a cut");
    else if (fact->type == FACT_LOG_START)
        check_node(judge, partition, node, fact->offset, "while it ran");
    if (fact->type == FACT_LOG_START &&
        partition->replicas[node].role == FACT_ROLE_LEADER)
        note_leader(judge, state, partition, fact->offset);
    else if (fact->type == FACT_SERVED)
        check_served(judge, state, partition, node, fact->offset);
}

static void on_history(struct judge *judge, void *state,
                       struct partition *partition, const struct history *event)
{
    int64_t shown;

    /* The closing reader comes after everything else but retention. */
    if (!event->final || event->type != HISTORY_POSITIONED)
        return;
    shown = shown_by(state, partition, event->since_us);
    if (event->offset < partition->ordered_done)
        judge_fail(judge, ORACLE_LOG_START, partition, JUDGE_NODES_MAX,
                   event->offset,
                   "the closing reader of %s begins at %" PRId64
                   "; an operator was told that all below %" PRId64 " is gone",
                   judge_place(judge, partition), event->offset,
                   partition->ordered_done);
    if (event->offset < shown)
        judge_fail(judge, ORACLE_LOG_START, partition, JUDGE_NODES_MAX,
                   event->offset,
                   "the closing reader of %s begins at %" PRId64
                   "; leaders had shown log start %" PRId64,
                   judge_place(judge, partition), event->offset, shown);
}

static void release(void *state)
{
    struct log_start_state *start = state;

    for (size_t i = 0; i < start->partitions.count; i++)
        vector_release(VECTOR_AT(&start->partitions, struct vector, i));
    vector_release(&start->partitions);
}

const struct oracle oracle_log_start = {.state_size =
                                            sizeof(struct log_start_state),
                                        .on_fact = on_fact,
                                        .on_history = on_history,
                                        .release = release};
