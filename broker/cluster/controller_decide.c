/* SPDX-License-Identifier: Apache-2.0
 *
 * What the registered brokers mean for every partition, and where leaders
 * are wanted: staged chunk by chunk, as far as a write has room.
 */
#include <string.h>

#include "cluster/controller_write.h"
#include "seam/trace.h"

/* Looks at one partition; true when its state changed. */
typedef bool visit_function(struct controller *controller, void *context,
                            struct partition_state *state,
                            const struct live_brokers *live);

/* False when the write is full. */
static bool visit_chunk(struct controller *controller, struct topic *topic,
                        uint32_t chunk, visit_function *visit, void *context)
{
    struct partition_key key = {topic->id, chunk * CHUNK_PARTITIONS};
    struct staged_chunk *staged =
        controller_stage(controller->write, topic, chunk);

    if (staged == NULL)
        return false;
    for (uint32_t i = 0; i < staged->count; i++, key.partition++) {
        struct live_brokers live = controller_live(controller, &key);

        if (visit(controller, context, &staged->states[i], &live))
            staged->changed = true;
    }
    if (!staged->changed)
        controller_unstage(controller->write, staged);
    return true;
}

/* Every partition of the topic, or of all (NULL); false when the write is
 * full. */
static bool visit_all(struct controller *controller, const char *name,
                      visit_function *visit, void *context)
{
    for (struct topic *topic = metadata_first(controller->metadata); topic;
         topic = metadata_next(topic)) {
        if (!topic_settled(topic) ||
            (name != NULL && strcmp(name, topic->name) != 0))
            continue;
        for (uint32_t i = 0; i < topic->chunk_count; i++)
            if (!visit_chunk(controller, topic, i, visit, context))
                return false;
    }
    return true;
}

/* Members of the ISR that are about to stop. */
static uint32_t leaving_count(const struct partition_state *state,
                              const struct live_brokers *live)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < live->count; i++)
        count += live->brokers[i].leaving &&
                 replica_set_has_epoch(&state->isr, live->brokers[i].broker_id,
                                       live->brokers[i].broker_epoch);
    return count;
}

static void note_leaving(struct controller *controller,
                         const struct partition_state *before,
                         const struct partition_state *after,
                         const struct live_brokers *live)
{
    const struct live_broker *leader = live_broker_find(live, before->leader);

    if (leader != NULL && leader->leaving && after->leader != before->leader)
        SOMETIMES(controller->seam->trace, HANDED_OVER);
    if (leaving_count(after, live) < leaving_count(before, live))
        SOMETIMES(controller->seam->trace, LET_GO);
}

static bool decide(struct controller *controller, void *context,
                   struct partition_state *state,
                   const struct live_brokers *live)
{
    struct partition_state before = *state;
    bool orphan = state->leader == NO_BROKER && state->eligible.count > 0;
    bool changed = partition_state_decide(state, live);

    (void)context;
    if (changed)
        note_leaving(controller, &before, state, live);
    if (changed && orphan && state->leader != NO_BROKER)
        SOMETIMES(controller->seam->trace, ELECTED_FROM_ELIGIBLE);
    if (controller->balance_all && partition_state_prefer(state, live)) {
        changed = true;
        SOMETIMES(controller->seam->trace, LEADER_WENT_HOME);
    }
    return changed;
}

void controller_decide_all(struct controller *controller)
{
    if (!visit_all(controller, NULL, decide, NULL))
        return; /* the next write goes on */
    controller->decide_all = false;
    controller->balance_all = false;
}

static bool prefer(struct controller *controller, void *context,
                   struct partition_state *state,
                   const struct live_brokers *live)
{
    struct intent *intent = context;

    (void)controller;
    if (partition_state_prefer(state, live)) {
        intent->moved++;
        return true;
    }
    if (state->leader != state->replicas[0])
        intent->left++;
    return false;
}

bool controller_stage_elect(struct controller *controller,
                            struct intent *intent)
{
    intent->left = 0;
    return visit_all(controller, intent->name, prefer, intent);
}
