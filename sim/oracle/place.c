/* SPDX-License-Identifier: Apache-2.0
 *
 * Who plays which part, as the facts show it: what targets such as
 * leader(orders/0) mean; and names for messages.
 */
#include <stdio.h>

#include "sim/oracle/internal.h"

#define NAMES     4
#define NAME_SIZE 96

const char *judge_place(const struct judge *judge,
                        const struct partition *partition)
{
    static _Thread_local char names[NAMES][NAME_SIZE];
    static _Thread_local unsigned turn;
    char *name = names[turn++ % NAMES];
    const struct judge_topic *topic = judge_settings(judge, partition);
    char id[UUID_TEXT_SIZE];

    uuid_format(&partition->key.topic_id, id);
    snprintf(name, NAME_SIZE, "%s/%u", topic ? topic->name : id,
             partition->key.partition);
    return name;
}

int judge_leader(const struct judge *judge, const struct partition_key *key)
{
    const struct partition *partition = model_find(&judge->model, key);
    int leader = -1;
    int32_t epoch = -1;

    if (partition == NULL)
        return -1;
    for (unsigned node = 0; node < judge->options.brokers; node++) {
        const struct replica *replica = &partition->replicas[node];

        if (replica->up && replica->role == FACT_ROLE_LEADER &&
            replica->leader_epoch > epoch) {
            leader = (int)node;
            epoch = replica->leader_epoch;
        }
    }
    return leader;
}

unsigned judge_followers(const struct judge *judge,
                         const struct partition_key *key)
{
    const struct partition *partition = model_find(&judge->model, key);
    unsigned set = 0;

    if (partition == NULL)
        return 0;
    for (unsigned node = 0; node < judge->options.brokers; node++)
        if (partition->replicas[node].up &&
            partition->replicas[node].role == FACT_ROLE_FOLLOWER)
            set |= 1U << node;
    return set;
}

bool judge_mended(const struct judge *judge, int64_t for_us)
{
    for (size_t i = 0; i < judge->model.partitions.count; i++) {
        const struct partition *partition = model_at(&judge->model, i);

        for (unsigned node = 0; node < judge->options.brokers; node++) {
            const struct replica *replica = &partition->replicas[node];

            if (replica->up && replica->reported &&
                judge->now_us - replica->reported_us >= for_us)
                return false;
        }
    }
    return true;
}

bool judge_others_hold(const struct judge *judge,
                       const struct partition_key *key, unsigned node,
                       int64_t from, int64_t to)
{
    const struct partition *partition = model_find(&judge->model, key);

    if (partition == NULL)
        return false;
    for (unsigned other = 0; other < judge->options.brokers; other++) {
        const struct replica *replica = &partition->replicas[other];

        if (other != node && replica->up && !replica->damaged &&
            replica->log_start <= from && replica->durable >= to &&
            replica->high_watermark >= to)
            return true;
    }
    return false;
}

int judge_stray(const struct judge *judge, const struct partition_key *key,
                uint32_t assigned)
{
    const struct partition *partition = model_find(&judge->model, key);

    if (partition == NULL || assigned == 0)
        return -1;
    for (unsigned node = 0; node < judge->options.brokers; node++)
        if ((assigned >> node & 1) == 0 && partition->replicas[node].up &&
            partition->replicas[node].present)
            return (int)node;
    return -1;
}

int judge_controller(const struct judge *judge)
{
    return judge->controller;
}
