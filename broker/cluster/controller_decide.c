/* SPDX-License-Identifier: Apache-2.0
 *
 * What the registered brokers mean for every partition, and where leaders
 * are wanted: staged chunk by chunk, as far as a write has room.
 */
#include <string.h>

#include "cluster/controller_write.h"
#include "seam/trace.h"

/* Looks at one partition; true when its state changed. */
struct visited {
    const struct topic *topic;
    uint32_t partition;
    struct partition_state *state;
    const struct live_brokers *live;
};
typedef bool visit_function(struct controller *controller, void *context,
                            const struct visited *visited);

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

        if (visit(controller, context,
                  &(struct visited){topic, key.partition, &staged->states[i],
                                    &live}))
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

static bool decide(struct controller *controller, void *context,
                   const struct visited *visited)
{
    struct partition_state *state = visited->state;
    bool orphan = state->leader == NO_BROKER && state->eligible.count > 0;
    struct partition_key key = {visited->topic->id, visited->partition};
    bool changed = partition_state_decide(state, visited->live);

    (void)context;
    if (changed && orphan && state->leader != NO_BROKER)
        SOMETIMES(controller->seam->trace, ELECTED_FROM_ELIGIBLE);
    changed |= controller_complete(controller, &key, state, false);
    if (controller->balance_all &&
        partition_state_prefer(state, visited->live)) {
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
                   const struct visited *visited)
{
    struct partition_state *state = visited->state;
    struct intent *intent = context;

    (void)controller;
    if (partition_state_prefer(state, visited->live)) {
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
