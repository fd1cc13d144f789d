/* SPDX-License-Identifier: Apache-2.0
 *
 * Whom a target means at this moment, by the facts.
 */
#include "sim/workload/internal.h"

static size_t add_node(struct party *parties, size_t count, struct node *node)
{
    parties[count] = (struct party){node, 0};
    return count + 1;
}

static size_t all_brokers(struct run *run, struct party *parties, size_t count)
{
    for (int64_t i = 0; i < run->scenario->brokers; i++)
        count = add_node(parties, count, run->brokers[i].node);
    return count;
}

static size_t all_clients(struct run *run, struct party *parties, size_t count)
{
    for (int64_t i = 0; i < run->scenario->client_count; i++)
        count = add_node(parties, count, run->clients[i].node);
    return count;
}

static size_t all_zookeepers(struct run *run, struct party *parties,
                             size_t count)
{
    for (unsigned i = 1; i <= (unsigned)run->scenario->zookeepers; i++)
        parties[count++] = (struct party){NULL, i};
    return count;
}

/* One of them, drawn. */
static size_t any(struct run *run, struct party *parties, size_t count)
{
    if (count > 1)
        parties[0] =
            parties[world_random_below(run->world, NULL, RANDOM_TARGET, count)];
    return count > 0 ? 1 : 0;
}

static size_t only_up(struct party *parties, size_t count)
{
    size_t left = 0;

    for (size_t i = 0; i < count; i++)
        if (parties[i].node == NULL || node_is_up(parties[i].node))
            parties[left++] = parties[i];
    return left;
}

static size_t one_broker(struct run *run, struct party *parties, int index)
{
    return index < 0 ? 0 : add_node(parties, 0, run->brokers[index].node);
}

static size_t followers(struct run *run, const struct target *target,
                        struct party *parties)
{
    struct partition_key key =
        run_key(run, (size_t)target->topic, (uint32_t)target->partition);
    unsigned set = judge_followers(run->judge, &key);
    size_t count = 0;

    for (int64_t i = 0; i < run->scenario->brokers; i++)
        if ((set >> i & 1) != 0)
            count = add_node(parties, count, run->brokers[i].node);
    return count;
}

static int leader(struct run *run, const struct target *target)
{
    struct partition_key key =
        run_key(run, (size_t)target->topic, (uint32_t)target->partition);

    return judge_leader(run->judge, &key);
}

static size_t everybody(struct run *run, struct party *parties)
{
    size_t count = all_brokers(run, parties, 0);

    count = all_clients(run, parties, count);
    return all_zookeepers(run, parties, count);
}

size_t run_resolve(struct run *run, const struct target *target,
                   struct party parties[PARTIES_MAX])
{
    switch (target->kind) {
    case TARGET_BROKER:
        return add_node(parties, 0, run->brokers[target->index].node);
    case TARGET_CLIENT:
        return add_node(parties, 0, run->clients[target->index].node);
    case TARGET_ZOOKEEPER:
        parties[0] = (struct party){NULL, (unsigned)target->index + 1};
        return 1;
    case TARGET_LEADER:
        return one_broker(run, parties, leader(run, target));
    case TARGET_FOLLOWER:
        return any(run, parties, followers(run, target, parties));
    case TARGET_FOLLOWERS:
        return followers(run, target, parties);
    case TARGET_CONTROLLER:
        return one_broker(run, parties, judge_controller(run->judge));
    case TARGET_ANY_BROKER:
        return any(run, parties,
                   only_up(parties, all_brokers(run, parties, 0)));
    case TARGET_ANY_CLIENT:
        return any(run, parties,
                   only_up(parties, all_clients(run, parties, 0)));
    case TARGET_ANY_ZOOKEEPER:
        return any(run, parties, all_zookeepers(run, parties, 0));
    case TARGET_BROKERS:
        return all_brokers(run, parties, 0);
    case TARGET_CLIENTS:
        return all_clients(run, parties, 0);
    case TARGET_ZOOKEEPERS:
        return all_zookeepers(run, parties, 0);
    case TARGET_EVERYBODY:
        return everybody(run, parties);
    case TARGET_NOBODY:
        break;
    }
    return 0;
}

void party_name(const struct party *party, char name[16])
{
    if (party->node != NULL)
        snprintf(name, 16, "%s", node_name(party->node));
    else
        snprintf(name, 16, "z%u", party->number);
}

struct broker_host *run_broker(struct run *run, const struct node *node)
{
    for (int64_t i = 0; i < run->scenario->brokers; i++)
        if (run->brokers[i].node == node)
            return &run->brokers[i];
    return NULL;
}
