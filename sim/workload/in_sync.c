/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is in sync, as ZooKeeper has it, for the chronicle. No fact tells that.
 * It is looked at when something else happens: a run that is recorded must be
 * the run that it was, so nothing is added to what happens.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "cluster/znode.h"
#include "sim/workload/internal.h"

#define LOOK_US    50000
#define TEXT_BYTES (SCENARIO_BROKERS_MAX * 8)

/* Of one topic: what was seen last. */
struct in_sync_look {
    struct uuid id;
    bool seen[SCENARIO_PARTITIONS_MAX];
    uint32_t in_sync[SCENARIO_PARTITIONS_MAX]; /* sets of brokers, by id */
};

static uint32_t set_of(const Kq__PartitionState *state)
{
    uint32_t set = 0;

    for (size_t i = 0; i < state->n_isr; i++)
        if (state->isr[i]->broker_id < 32)
            set |= 1u << state->isr[i]->broker_id;
    return set;
}

static void tell(struct run *run, size_t topic, uint32_t partition,
                 uint32_t set)
{
    struct partition_key key = run_key(run, topic, partition);
    char text[TEXT_BYTES] = "";
    size_t used = 0;

    for (unsigned id = 1; id <= SCENARIO_BROKERS_MAX; id++)
        if ((set >> id & 1) != 0)
            used += (size_t)snprintf(text + used, sizeof text - used, "%sb%u",
                                     used > 0 ? "+" : "", id);
    chronicle_in_sync(run->chronicle, world_now_us(run->world), &key,
                      used > 0 ? text : "nobody");
}

static void look_at_partition(struct run *run, size_t topic,
                              const Kq__PartitionState *state)
{
    struct in_sync_look *look = &run->looks[topic];
    uint32_t set = set_of(state);

    if (state->partition >= SCENARIO_PARTITIONS_MAX ||
        (look->seen[state->partition] &&
         look->in_sync[state->partition] == set))
        return;
    look->seen[state->partition] = true;
    look->in_sync[state->partition] = set;
    tell(run, topic, state->partition, set);
}

static void look_at_topic(struct run *run, size_t topic)
{
    char path[ZNODE_PATH_BYTES];
    char *bytes = NULL;
    int size;
    Kq__PartitionStates *states;

    if (!run->topics[topic].exists)
        return;
    if (!uuid_equal(&run->looks[topic].id, &run->topics[topic].id))
        run->looks[topic] = (struct in_sync_look){.id = run->topics[topic].id};
    znode_chunk_path(path, run->topics[topic].topic->name, 0);
    size = world_zookeeper_peek(run->world, path, &bytes);
    states = size < 0 ? NULL
                      : kq__partition_states__unpack(NULL, (size_t)size,
                                                     (const uint8_t *)bytes);
    for (size_t i = 0; states != NULL && i < states->n_partitions; i++)
        look_at_partition(run, topic, states->partitions[i]);
    kq__partition_states__free_unpacked(states, NULL);
    free(bytes);
}

void run_look_in_sync(struct run *run)
{
    int64_t now_us;

    if (run->chronicle == NULL)
        return;
    now_us = world_now_us(run->world);
    if (now_us < run->next_look_us)
        return;
    run->next_look_us = now_us + LOOK_US;
    if (run->looks == NULL)
        run->looks = calloc(run->scenario->topic_count + 1, sizeof *run->looks);
    ASSERT(run->looks != NULL);
    for (size_t i = 0; i < run->scenario->topic_count; i++)
        look_at_topic(run, i);
}
