/* SPDX-License-Identifier: Apache-2.0
 *
 * The controller's part in moving partitions to other brokers: checks, what is
 * asked for staged on the states, its end when the target is in sync. What may
 * be done is decided by rules/reassign.h.
 */
#include "rules/reassign.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cluster/controller_write.h"
#include "cluster/topic_config.h"
#include "seam/trace.h"

static enum error refuse(struct reassignment *item, enum error error,
                         const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static enum error refuse(struct reassignment *item, enum error error,
                         const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(item->detail, sizeof item->detail, format, arguments);
    va_end(arguments);
    return error;
}

/* ---- checks ---- */

static enum error check_target(struct reassignment *item)
{
    if (item->target_count > REPLICAS_MAX)
        return refuse(item, ERROR_INVALID_ARGUMENT,
                      "a partition has 1 to %d replicas", REPLICAS_MAX);
    for (uint32_t i = 0; i < item->target_count; i++)
        for (uint32_t k = 0; k < i; k++)
            if (item->target[i] == item->target[k])
                return refuse(item, ERROR_INVALID_ARGUMENT,
                              "broker %u is named twice", item->target[i]);
    return ERROR_NONE;
}

static enum error check_place(struct reassignment *item,
                              const struct topic *topic)
{
    if (topic == NULL)
        return ERROR_UNKNOWN_TOPIC;
    if (topic->damaged ||
        (item->partition < topic->partition_count &&
         !topic_chunk_whole(topic, item->partition / CHUNK_PARTITIONS)))
        return refuse(item, ERROR_CORRUPT, CONTROLLER_SEE_STATUS);
    if (!topic_settled(topic)) /* what is not known would be written over */
        return refuse(item, ERROR_AGAIN,
                      "its partitions are not all known yet; try again");
    if (item->partition >= topic->partition_count)
        return refuse(item, ERROR_UNKNOWN_PARTITION,
                      "it has partitions 0 to %u", topic->partition_count - 1);
    return ERROR_NONE;
}

/* Who is to come must be there, and take it: while a log directory is offline a
 * broker makes no log that may lie in that one (L10). */
static enum error check_guest(const struct controller *controller,
                              struct reassignment *item, uint32_t broker_id)
{
    struct live_brokers live = {controller->live_count, controller->live};
    const struct broker_endpoint *endpoint =
        brokers_find(&controller->brokers, broker_id);

    if (live_broker_find(&live, broker_id) == NULL)
        return refuse(item, ERROR_INVALID_REPLICATION,
                      "broker %u is not registered", broker_id);
    if (endpoint != NULL && broker_has_offline(endpoint))
        return refuse(item, ERROR_INVALID_REPLICATION,
                      "a log directory of broker %u is offline ('kq cluster "
                      "status' says which and why): it takes no replica from "
                      "others until that is back",
                      broker_id);
    return ERROR_NONE;
}

/* Who holds it now may be away. */
static enum error check_brokers(const struct controller *controller,
                                struct reassignment *item,
                                const struct partition_state *state)
{
    enum error error = ERROR_NONE;

    for (uint32_t i = 0; i < item->target_count && error == ERROR_NONE; i++)
        if (!partition_state_has_replica(state, item->target[i]))
            error = check_guest(controller, item, item->target[i]);
    return error;
}

/* ---- what is asked for ---- */

static void format_set(const struct replica_set *set, char *text, size_t size)
{
    size_t used = 0;

    snprintf(text, size, "none");
    for (uint32_t i = 0; i < set->count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%u",
                                 i == 0 ? "" : ", ", set->members[i].broker_id);
}

static enum error explain(struct reassignment *item,
                          const struct partition_state *state, enum error error)
{
    char isr[12 * REPLICAS_MAX], eligible[12 * REPLICAS_MAX];

    if (error == ERROR_INVALID_ARGUMENT)
        return refuse(item, error,
                      "with those that are to go there would be more than %d "
                      "replicas at once: do it in two steps",
                      REPLICAS_MAX);
    format_set(&state->isr, isr, sizeof isr);
    format_set(&state->eligible, eligible, sizeof eligible);
    return refuse(item, error,
                  "who would go at once is needed: in sync are %s, and may "
                  "hold what was acknowledged: %s; wait until %u of those that "
                  "stay are in sync",
                  isr, eligible, state->min);
}

static void note_begun(struct controller *controller,
                       const struct reassignment *item,
                       const struct partition_state *before,
                       const struct partition_state *state)
{
    struct trace *trace = controller->seam->trace;
    bool was = partition_state_reassigned(before);

    if (before->partition_epoch == state->partition_epoch)
        return; /* nothing to do */
    if (was && item->target_count > 0)
        SOMETIMES(trace, REASSIGNMENT_CHAINED);
    if (was && item->target_count == 0)
        SOMETIMES(trace, REASSIGNMENT_CANCELLED);
    trace_log(trace, TRACE_INFO, "partition %s/%u %s", item->topic,
              item->partition,
              item->target_count == 0 ? "goes back to where it was"
                                      : "is being reassigned");
}

static enum error begin(struct controller *controller,
                        struct reassignment *item,
                        struct partition_state *state)
{
    struct partition_state before = *state;
    enum error error = check_brokers(controller, item, state);

    if (error != ERROR_NONE)
        return error;
    error = item->target_count == 0
                ? partition_state_cancel(state)
                : partition_state_reassign(state, item->target,
                                           item->target_count, item->copy_rate);
    if (error == ERROR_NOT_ENOUGH_REPLICAS)
        SOMETIMES(controller->seam->trace, REASSIGNMENT_REFUSED);
    if (error != ERROR_NONE)
        return explain(item, state, error);
    note_begun(controller, item, &before, state);
    return ERROR_NONE;
}

/* False when the write is full. */
static bool stage_item(struct controller *controller, struct reassignment *item)
{
    struct topic *topic = metadata_topic(controller->metadata, item->topic);
    struct partition_key key = {.partition = item->partition};
    struct staged_chunk *staged;
    struct partition_state *state;
    struct live_brokers live;
    uint32_t was;

    item->error = check_place(item, topic);
    if (item->error == ERROR_NONE)
        item->error = check_target(item);
    if (item->error != ERROR_NONE)
        return true;
    staged = controller_stage(controller->write, topic,
                              item->partition / CHUNK_PARTITIONS);
    if (staged == NULL)
        return false;
    state = &staged->states[item->partition % CHUNK_PARTITIONS];
    key.topic_id = topic->id;
    live = controller_live(controller, &key);
    was = state->partition_epoch;
    partition_state_decide(state, &live); /* who is in sync, as of now */
    item->error = begin(controller, item, state);
    controller_complete(controller, &key, state);
    if (state->partition_epoch != was)
        staged->changed = true;
    controller_weigh(controller->write, staged);
    return true;
}

bool controller_stage_reassign(struct controller *controller,
                               struct intent *intent)
{
    while (intent->staged_items < intent->item_count) {
        if (!stage_item(controller,
                        &intent->reassignments[intent->staged_items]))
            return false;
        intent->staged_items++;
    }
    return true;
}

/* ---- its end ---- */

/* min.insync.replicas of the topic, as of this write. */
static uint32_t min_of(const struct controller *controller,
                       const struct topic *topic)
{
    const struct controller_write *write = controller->write;

    return write->altered_topic == topic
               ? write->altered_min
               : (uint32_t)topic_setting(
                     topic, TOPIC_MIN_INSYNC_REPLICAS,
                     controller->options.min_insync_replicas);
}

bool controller_complete(struct controller *controller,
                         const struct partition_key *key,
                         struct partition_state *state)
{
    const struct topic *topic;
    bool handing_over = state->handing_over;
    struct live_brokers live;

    if (!partition_state_reassigned(state))
        return false;
    live = controller_live(controller, key);
    topic = metadata_topic_by_id(controller->metadata, &key->topic_id);
    if (!partition_state_complete(state, min_of(controller, topic), &live))
        return false;
    if (!handing_over && state->handing_over)
        SOMETIMES(controller->seam->trace, LEADER_LET_GO);
    if (partition_state_reassigned(state))
        return true;
    SOMETIMES(controller->seam->trace, REASSIGNED);
    trace_log(controller->seam->trace, TRACE_INFO,
              "partition %s/%u lies where it is to lie; broker %u leads epoch "
              "%u",
              topic->name, key->partition, state->leader, state->leader_epoch);
    return true;
}
