/* SPDX-License-Identifier: Apache-2.0
 *
 * Invariant I15. Liveness: the runner stops all faults, brings everybody
 * back, waits at most heal_within, and says here what it found.
 */
#include <inttypes.h>
#include <stdio.h>

#include "sim/oracle/internal.h"

/* What the final reader found just now may take so long. */
#define MEND_US 2000000

static void describe(const struct ending_partition *end, char *text,
                     size_t size)
{
    if (!end->led)
        snprintf(text, size, "has no leader");
    else if (end->in_sync < end->replicas)
        snprintf(text, size, "has %u of %u replicas in sync", end->in_sync,
                 end->replicas);
    else if (!end->lies_well)
        snprintf(text, size, "does not lie where it was moved to");
    else if (!end->written)
        snprintf(text, size, "takes no records with acks=all");
    else
        snprintf(text, size, "is readable up to %" PRId64 " only",
                 end->read_to);
}

static void on_end(struct judge *judge, void *state,
                   const struct ending *ending)
{
    char text[96];
    int stray;

    (void)state;
    for (size_t i = 0; i < ending->partition_count; i++) {
        const struct ending_partition *end = &ending->partitions[i];
        const struct partition *partition =
            model_partition(&judge->model, &end->key);

        stray = judge_stray(judge, &end->key, end->assigned);
        if (stray >= 0)
            judge_fail(judge, ORACLE_WHOLE, partition, (unsigned)stray, -1,
                       "%" PRId64 " ms after faults stopped b%d holds a log of "
                       "%s, which is not assigned to it",
                       ending->heal_within_us / 1000, stray + 1,
                       judge_place(judge, partition));
        if (end->led && end->in_sync >= end->replicas && end->lies_well &&
            end->written && end->read)
            continue;
        describe(end, text, sizeof text);
        judge_fail(judge, ORACLE_WHOLE, partition, JUDGE_NODES_MAX, -1,
                   "%" PRId64 " ms after faults stopped %s %s",
                   ending->heal_within_us / 1000, judge_place(judge, partition),
                   text);
        return;
    }
    if (ending->refused != NULL)
        judge_fail(judge, ORACLE_WHOLE, NULL, JUDGE_NODES_MAX, -1,
                   "%" PRId64 " ms after faults stopped an operator is still "
                   "not told that topic '%s' has the partitions asked for",
                   ending->heal_within_us / 1000, ending->refused);
    if (!judge_mended(judge, MEND_US))
        judge_fail(judge, ORACLE_WHOLE, NULL, JUDGE_NODES_MAX, -1,
                   "%" PRId64 " ms after faults stopped damage that was found "
                   "is not mended",
                   ending->heal_within_us / 1000);
}

const struct oracle oracle_whole = {.on_end = on_end};
