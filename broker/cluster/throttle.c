/* SPDX-License-Identifier: Apache-2.0
 *
 * A bucket of bytes that fills at the lowest rate. A fetch begins while there
 * is something in it, and may take more than there is; then all wait until it
 * has filled again.
 */
#include "cluster/throttle.h"

#include "cluster/replicas.h"
#include "rules/reassign.h"

#define RATE_MAX (INT64_C(1) << 40) /* bytes a second: no limit, really */
#define FULL_US  100000             /* the bucket holds what comes meanwhile */
#define PAUSE_US 500000             /* at most: the rate may become another */

void throttle_init(struct throttle *throttle)
{
    list_init(&throttle->copying);
}

void throttle_note(struct throttle *throttle, struct partition *partition)
{
    const struct partition_state *state = &partition->state;
    struct replica self = replicas_self(partition->replicas);

    list_remove(&partition->copying_node);
    if (state->copy_rate > 0 &&
        partition_state_is_adding(state, self.broker_id) &&
        !replica_set_has_epoch(&state->isr, self.broker_id, self.broker_epoch))
        list_append(&throttle->copying, &partition->copying_node);
}

static bool is_held(const struct partition *partition)
{
    return !list_empty(&partition->copying_node);
}

static int64_t rate_of(const struct throttle *throttle)
{
    int64_t rate = RATE_MAX;

    list_for_each (node, &throttle->copying) {
        uint64_t own =
            container_of(node, struct partition, copying_node)->state.copy_rate;

        if (own < (uint64_t)rate)
            rate = (int64_t)own;
    }
    return rate;
}

static void fill(struct throttle *throttle, int64_t rate, int64_t now_us)
{
    int64_t past_us = now_us - throttle->filled_us;
    int64_t most = rate * FULL_US / 1000000 + 1;
    int64_t added;

    if (past_us > PAUSE_US)
        past_us = PAUSE_US; /* nobody asked */
    added = past_us * rate / 1000000;
    if (added == 0)
        return; /* what is less than a byte counts the next time */
    throttle->filled_us = now_us;
    throttle->bytes =
        throttle->bytes + added < most ? throttle->bytes + added : most;
}

int64_t throttle_pause_us(struct throttle *throttle,
                          const struct partition *partition,
                          const struct moment *now, uint32_t *bytes)
{
    int64_t rate, pause_us;

    if (!is_held(partition))
        return 0;
    rate = rate_of(throttle);
    fill(throttle, rate, now->monotonic_us);
    if (throttle->bytes > 0) {
        if (throttle->bytes < *bytes)
            *bytes = (uint32_t)throttle->bytes;
        return 0;
    }
    pause_us = (1 - throttle->bytes) * 1000000 / rate + 1;
    return pause_us < PAUSE_US ? pause_us : PAUSE_US;
}

void throttle_charge(struct throttle *throttle,
                     const struct partition *partition, size_t bytes)
{
    if (is_held(partition))
        throttle->bytes -= (int64_t)bytes;
}
