/* SPDX-License-Identifier: Apache-2.0
 *
 * Partitions that an operator moves to other brokers: what steps want is asked
 * for until it is accepted; a later step takes the place of an earlier one.
 */
#include <string.h>

#include "base/assert.h"
#include "seam/memory.h"
#include "sim/workload/internal.h"

#define REQUEST_US 5000000

struct move_part {
    Kq__Reassignment message;
    uint32_t replicas[STEP_TARGETS_MAX];
};

struct move_ask {
    struct worker *worker;
    size_t topic;
    struct uuid id; /* of that topic */
    Kq__Message message;
    Kq__ReassignRequest request;
    struct move_part parts[SCENARIO_PARTITIONS_MAX];
    Kq__Reassignment *pointers[SCENARIO_PARTITIONS_MAX];
};

/* ---- what is wanted ---- */

static void want(struct move *move, const struct scenario_step *step)
{
    move->wanted = step;
    move->cancelled = move->cancelled || step->action == STEP_CANCEL_REASSIGN;
}

bool run_move(struct run *run, const struct scenario_step *step)
{
    struct run_topic *topic = &run->topics[step->topic];

    if (!topic->exists || step->partition >= topic->partition_count)
        return false;
    topic->moves_any = true;
    for (uint32_t i = 0; i < topic->partition_count; i++)
        if (step->partition < 0 || step->partition == i)
            want(&topic->moves[i], step);
    return true;
}

bool run_moves_wanted(const struct run_topic *topic)
{
    for (size_t i = 0; topic->moves_any && i < SCENARIO_PARTITIONS_MAX; i++)
        if (topic->moves[i].wanted != NULL)
            return true;
    return false;
}

/* A whole topic is spread: each partition begins with another broker. */
static uint32_t replica_at(const struct scenario_step *step, uint32_t partition,
                           size_t place)
{
    if (step->partition < 0)
        place = (place + partition) % step->target_count;
    return (uint32_t)step->targets[place].index + 1;
}

static uint32_t set_of(const struct scenario_step *step)
{
    uint32_t set = 0;

    for (size_t i = 0; i < step->target_count; i++)
        set |= 1u << step->targets[i].index;
    return set;
}

bool run_lies_well(const struct run *run, size_t topic, uint32_t partition)
{
    const struct run_partition *state =
        &run->topics[topic].partitions[partition];
    const struct move *move = &run->topics[topic].moves[partition];

    if (state->moving)
        return false;
    if (!move->moved || move->cancelled)
        return true;
    /* a request that went astray may have come after a later one */
    for (size_t i = 0; i < run->scenario->step_count; i++) {
        const struct scenario_step *step = &run->scenario->steps[i];

        if (step->action == STEP_REASSIGN && step->topic == (int64_t)topic &&
            (step->partition < 0 || step->partition == (int64_t)partition) &&
            set_of(step) == state->assigned)
            return true;
    }
    return false;
}

/* ---- asking ---- */

static void take_result(struct run_topic *topic,
                        const Kq__ReassignResult *result)
{
    struct move *move;

    if (result->partition >= SCENARIO_PARTITIONS_MAX ||
        result->error != ERROR_NONE)
        return;
    move = &topic->moves[result->partition];
    if (move->asked == NULL)
        return;
    move->moved = move->moved || move->asked->action == STEP_REASSIGN;
    if (move->wanted == move->asked)
        move->wanted = NULL;
}

static void answered(void *context, enum error error, const Kq__Message *answer)
{
    struct move_ask *ask = context;
    struct run_topic *topic = &ask->worker->run->topics[ask->topic];

    topic->moves_open = false;
    if (error == ERROR_NONE && answer != NULL &&
        uuid_equal(&topic->id, &ask->id) &&
        answer->body_case == KQ__MESSAGE__BODY_REASSIGN_RESPONSE)
        for (size_t i = 0; i < answer->reassign_response->n_results; i++)
            take_result(topic, answer->reassign_response->results[i]);
    for (size_t i = 0; i < SCENARIO_PARTITIONS_MAX; i++)
        topic->moves[i].asked = NULL;
    heap_free(ask->worker->seam->heap, ask);
}

static void add_part(struct move_ask *ask, struct run_topic *topic,
                     uint32_t partition)
{
    struct move *move = &topic->moves[partition];
    size_t at = ask->request.n_partitions++;
    struct move_part *part = &ask->parts[at];

    move->asked = move->wanted;
    kq__reassignment__init(&part->message);
    part->message.topic = topic->topic->name;
    part->message.partition = partition;
    part->message.n_replicas = move->asked->target_count;
    part->message.replicas = part->replicas;
    for (size_t i = 0; i < move->asked->target_count; i++)
        part->replicas[i] = replica_at(move->asked, partition, i);
    part->message.has_copy_rate = move->asked->copy_rate > 0;
    part->message.copy_rate = (uint64_t)move->asked->copy_rate;
    ask->pointers[at] = &part->message;
}

void admin_move(struct worker *worker, size_t index)
{
    struct run_topic *topic = &worker->run->topics[index];
    struct move_ask *ask;

    if (topic->moves_open || !run_moves_wanted(topic))
        return;
    ask = heap_alloc(worker->seam->heap, sizeof *ask);
    ask->worker = worker;
    ask->topic = index;
    ask->id = topic->id;
    kq__message__init(&ask->message);
    kq__reassign_request__init(&ask->request);
    ask->request.partitions = ask->pointers;
    for (uint32_t i = 0; i < SCENARIO_PARTITIONS_MAX; i++)
        if (topic->moves[i].wanted != NULL)
            add_part(ask, topic, i);
    ask->message.body_case = KQ__MESSAGE__BODY_REASSIGN_REQUEST;
    ask->message.reassign_request = &ask->request;
    topic->moves_open = true;
    client_request(worker->client, &ask->message, true, REQUEST_US, answered,
                   ask);
}
