/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/placement.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "rules/replication.h"

bool placement_same_rack(const char *a, const char *b)
{
    return *a != '\0' && strcmp(a, b) == 0;
}

/* First those that are the first of their racks, then the second ones. No two
 * have one place. */
static uint64_t place_of(const struct placeable *broker)
{
    return (uint64_t)broker->rank * UINT32_MAX + broker->rack_number;
}

static int compare(const void *left, const void *right)
{
    uint64_t a = place_of(left), b = place_of(right);

    return (a > b) - (a < b);
}

void placement_arrange(struct placeable *brokers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct placeable *broker = &brokers[i];

        broker->rack_number = i;
        broker->rank = 0;
        for (uint32_t k = 0; k < i; k++) {
            if (!placement_same_rack(broker->rack, brokers[k].rack))
                continue;
            broker->rack_number = brokers[k].rack_number;
            broker->rank++;
        }
    }
    qsort(brokers, count, sizeof *brokers, compare);
}

uint32_t placement_after(const struct placeable *brokers, uint32_t count,
                         uint32_t broker_id)
{
    uint32_t lower = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (brokers[i].broker_id == broker_id)
            return i + 1;
        lower += brokers[i].broker_id < broker_id;
    }
    return lower;
}

/* How many of those chosen share its rack; UINT32_MAX: it is one of them. */
static uint32_t shared(const struct placeable *broker,
                       const struct placeable *const *chosen, uint32_t count)
{
    uint32_t with = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (chosen[i] == broker)
            return UINT32_MAX;
        with += chosen[i]->rack_number == broker->rack_number;
    }
    return with;
}

void placement_choose(const struct placeable *brokers, uint32_t count,
                      uint64_t first, uint32_t replica_count,
                      uint32_t *replicas)
{
    const struct placeable *chosen[REPLICAS_MAX];

    ASSERT(replica_count <= REPLICAS_MAX);
    ASSERT(replica_count <= count);
    for (uint32_t r = 0; r < replica_count; r++) {
        uint32_t least = UINT32_MAX;

        for (uint32_t i = 0; i < count; i++) {
            const struct placeable *broker = &brokers[(first + i) % count];
            uint32_t with = shared(broker, chosen, r);

            if (with < least) {
                least = with;
                chosen[r] = broker;
            }
        }
        replicas[r] = chosen[r]->broker_id;
    }
}
