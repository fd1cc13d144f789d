/* SPDX-License-Identifier: Apache-2.0
 *
 * What the registered brokers mean for every partition, and where leaders
 * are wanted: staged chunk by chunk, as far as a write has room.
 */
#include <stdio.h>
#include <string.h>

#include "cluster/controller_write.h"
#include "cluster/topic_config.h"
#include "rules/reassign.h"
#include "seam/trace.h"

struct visited {
    const struct topic *topic;
    uint32_t partition;
    struct partition_state *state;
    const struct live_brokers *live;
};
/* Looks at one partition; true when its state changed. */
typedef bool visit_function(struct controller *controller, void *context,
                            const struct visited *visited);

/* False when the write is full. */
static bool visit_chunk(struct controller *controller, struct topic *topic,
                        uint32_t chunk, visit_function *visit, void *context)
{
    struct partition_key key = {topic->id, chunk * CHUNK_PARTITIONS};
    struct staged_chunk *staged;

    if (!topic_chunk_whole(topic, chunk))
        return true; /* it stays as it is */
    staged = controller_stage(controller->write, topic, chunk);
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

static enum error elect_unclean(struct controller *controller,
                                const struct visited *visited,
                                uint32_t broker_id)
{
    struct partition_state *state = visited->state;
    enum error error =
        partition_state_elect_unclean(state, broker_id, visited->live);

    if (error != ERROR_NONE)
        return error;
    SOMETIMES(controller->seam->trace, ELECTED_UNCLEANLY);
    trace_log(controller->seam->trace, TRACE_ERROR,
              "broker %u leads %s/%u from epoch %u on with what it has, as "
              "nobody that has all is there: acknowledged records may be gone",
              broker_id, visited->topic->name, visited->partition,
              state->leader_epoch);
    return ERROR_NONE;
}

/* One that has all is there, and has only not said yet that it is whole. */
static bool is_expected(const struct visited *visited)
{
    const struct replica_set *eligible = &visited->state->eligible;

    for (uint32_t i = 0; i < eligible->count; i++) {
        const struct live_broker *broker =
            live_broker_find(visited->live, eligible->members[i].broker_id);

        if (broker != NULL && !broker->reported)
            return true;
    }
    return false;
}

/* The topic wants any leader rather than none: the first that is there; but not
 * one that is still to be copied to, which has least: the move would then end
 * with it. */
static bool elect_any(struct controller *controller,
                      const struct visited *visited)
{
    const struct partition_state *state = visited->state;

    if (state->leader != NO_BROKER || is_expected(visited) ||
        !topic_setting(visited->topic, TOPIC_UNCLEAN_LEADER_ELECTION, false))
        return false;
    for (uint32_t i = 0; i < state->replica_count; i++) {
        uint32_t id = state->replicas[i];

        if (!partition_state_is_adding(state, id) &&
            elect_unclean(controller, visited, id) == ERROR_NONE)
            return true;
    }
    return false;
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
    if (leaving_count(after, live) < leaving_count(before, live))
        SOMETIMES(controller->seam->trace, LET_GO);
}

static bool decide(struct controller *controller, void *context,
                   const struct visited *visited)
{
    struct partition_state *state = visited->state;
    struct partition_state before = *state;
    bool orphan = state->leader == NO_BROKER && state->eligible.count > 0;
    struct partition_key key = {visited->topic->id, visited->partition};
    bool changed = partition_state_decide(state, visited->live);

    (void)context;
    if (changed)
        note_leaving(controller, &before, state, visited->live);
    if (changed && orphan && state->leader != NO_BROKER)
        SOMETIMES(controller->seam->trace, ELECTED_FROM_ELIGIBLE);
    changed |= elect_any(controller, visited);
    changed |= controller_complete(controller, &key, state);
    if (controller->balance_all)
        changed |= partition_state_prefer(state, visited->live);
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
    const struct partition_state *state = visited->state;
    struct intent *intent = context;

    bool changed = partition_state_prefer(visited->state, visited->live);

    (void)controller;
    if (changed ||
        (state->handing_over && state->successor == state->replicas[0]))
        intent->moved++;
    else if (state->leader != state->replicas[0])
        intent->left++;
    return changed;
}

bool controller_stage_elect(struct controller *controller,
                            struct intent *intent)
{
    intent->moved = 0;
    intent->left = 0;
    return visit_all(controller, intent->name, prefer, intent);
}

/* ---- unclean, by an operator's command ---- */

static enum error refuse_unclean(struct intent *intent, enum error error,
                                 const struct partition_state *state)
{
    const struct intent_item *item = intent->items;

    if (error == ERROR_CORRUPT)
        snprintf(intent->detail, sizeof intent->detail, CONTROLLER_SEE_STATUS);
    else if (error == ERROR_ELECTION_NOT_NEEDED)
        snprintf(intent->detail, sizeof intent->detail,
                 "broker %u leads %s/%u; it must be stopped first",
                 state->leader, intent->name, item->partition);
    else if (error == ERROR_INELIGIBLE_REPLICA)
        snprintf(intent->detail, sizeof intent->detail,
                 partition_state_has_replica(state, item->broker_id)
                     ? "broker %u is not there, or its replica of %s/%u is "
                       "offline"
                     : "broker %u has no replica of %s/%u: 'kq topic describe' "
                       "names those that have",
                 item->broker_id, intent->name, item->partition);
    return error;
}

bool controller_stage_unclean(struct controller *controller,
                              struct intent *intent)
{
    const struct topic *topic =
        metadata_topic(controller->metadata, intent->name);
    struct intent_item *item = intent->items;
    struct partition_key key;
    struct live_brokers live;
    struct staged_chunk *staged;
    struct partition_state *state;

    if (topic == NULL) {
        intent_finish(intent, ERROR_UNKNOWN_TOPIC);
        return true;
    }
    item->topic_id = topic->id;
    state = controller_state_of(controller, item, &staged, &item->error);
    if (state == NULL && item->error == ERROR_AGAIN)
        return false;
    if (state != NULL && state->leader == item->broker_id &&
        state->unclean_epoch > 0 &&
        state->unclean_epoch == state->leader_epoch) {
        intent_finish(intent, ERROR_NONE); /* done; the answer was lost */
        return true;
    }
    if (state != NULL) {
        key = (struct partition_key){topic->id, item->partition};
        live = controller_live(controller, &key);
        item->error = refuse_unclean(
            intent,
            elect_unclean(
                controller,
                &(struct visited){topic, item->partition, state, &live},
                item->broker_id),
            state);
    } else
        refuse_unclean(intent, item->error, NULL);
    if (item->error != ERROR_NONE) {
        intent_finish(intent, item->error);
        return true;
    }
    controller_complete(controller, &key, state);
    staged->changed = true;
    list_append(&controller->write->intents, &intent->node);
    return true;
}
