/* SPDX-License-Identifier: Apache-2.0
 *
 * Looks again and again whether all is handed over: what it depends on comes
 * from many sides, and each look is cheap. A partition that this broker led is
 * handed over when its new leader has answered it as a follower: then it
 * serves, and whoever still asks here was told so.
 */
#include "cluster/handover.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "seam/trace.h"

#define LOOK_US     20000
#define NAMED_BYTES 600

/* Those who hold this partition, as far as this broker knows; in `found`. */
static struct live_brokers holders(const struct partition *partition,
                                   struct live_broker found[REPLICAS_MAX])
{
    const struct brokers *brokers = &partition->replicas->metadata->brokers;
    uint32_t count = 0;

    for (uint32_t i = 0; i < brokers->count && count < REPLICAS_MAX; i++) {
        const struct broker_endpoint *endpoint = &brokers->list[i];

        if (partition_state_has_replica(&partition->state,
                                        endpoint->broker_id) &&
            !broker_replica_offline(endpoint, &partition->key))
            found[count++] = (struct live_broker){endpoint->broker_id,
                                                  endpoint->broker_epoch, true,
                                                  endpoint->leaving};
    }
    return (struct live_brokers){count, found};
}

static bool is_known(const struct partition *partition)
{
    return partition->state_known && partition->topic != NULL;
}

static bool may_leave(const struct partition *partition)
{
    struct live_broker found[REPLICAS_MAX];
    struct live_brokers live = holders(partition, found);
    struct replica self = replicas_self(partition->replicas);

    return partition_state_may_leave(&partition->state, &self, &live);
}

/* Whoever was named leader in our place leads, if it is alive. */
static bool is_taken_over(const struct partition *partition)
{
    struct live_broker found[REPLICAS_MAX];
    struct live_brokers live = holders(partition, found);
    const struct live_broker *leader =
        live_broker_find(&live, partition->state.leader);

    if (leader == NULL || partition_is_offline(partition) ||
        leader->broker_id == replicas_self(partition->replicas).broker_id)
        return true;
    return partition->role == PARTITION_FOLLOWER && partition->heard;
}

static bool is_done(const struct partition *partition)
{
    return !is_known(partition) ||
           (may_leave(partition) &&
            (!partition->gives || is_taken_over(partition)));
}

static bool all_done(const struct handover *handover)
{
    struct replicas *replicas = handover->replicas;

    for (struct partition *partition = replicas_first(replicas); partition;
         partition = replicas_next(partition))
        if (!is_done(partition))
            return false;
    return true;
}

/* ---- what is said of it ---- */

struct tally {
    size_t given;
    size_t kept;
    size_t named;
    char names[NAMED_BYTES]; /* of so many that are kept */
};

static void tally_add(struct tally *tally, const struct partition *partition)
{
    size_t used = strlen(tally->names);

    if (!is_known(partition))
        return;
    if (partition->role != PARTITION_LEADER) {
        tally->given += partition->gives;
        return;
    }
    tally->kept++;
    if (used + TOPIC_NAME_BYTES_MAX + 16 > sizeof tally->names)
        return;
    snprintf(tally->names + used, sizeof tally->names - used, "%s%s/%u",
             used > 0 ? ", " : "", partition->topic->name,
             partition->key.partition);
    tally->named++;
}

static void say_end(struct handover *handover, bool timed_out)
{
    struct seam *seam = handover->replicas->seam;
    long long took_ms = (seam->now.monotonic_us - handover->began_us) / 1000;
    struct tally tally = {0};

    for (struct partition *partition = replicas_first(handover->replicas);
         partition; partition = replicas_next(partition))
        tally_add(&tally, partition);
    if (timed_out)
        SOMETIMES(seam->trace, HANDOVER_TIMED_OUT);
    else if (tally.kept > 0)
        SOMETIMES(seam->trace, LED_TO_THE_END);
    trace_log(seam->trace, TRACE_INFO, "handed over %zu partitions in %lld ms",
              tally.given, took_ms);
    if (timed_out)
        trace_log(seam->trace, TRACE_WARN,
                  "stopping after controlled.shutdown.max.ms, before others "
                  "had taken over all that they could");
    if (tally.kept > 0)
        trace_log(seam->trace, TRACE_WARN,
                  "stopping as the leader of %zu partitions: %s%s", tally.kept,
                  tally.names, tally.named < tally.kept ? ", ..." : "");
}

/* ---- life cycle ---- */

static void look_later(struct handover *handover)
{
    struct seam *seam = handover->replicas->seam;

    timer_start(seam->timers, &handover->timer,
                seam->now.monotonic_us + LOOK_US);
}

static void look(struct timer *timer)
{
    struct handover *handover = container_of(timer, struct handover, timer);
    int64_t now_us = handover->replicas->seam->now.monotonic_us;
    bool done = all_done(handover);

    ASSERT(handover->step == HANDOVER_UNDER_WAY);
    if (done || now_us - handover->began_us >= handover->max_us) {
        say_end(handover, !done);
        handover->step = HANDOVER_DONE;
        handover->listener->on_handed_over(handover->listener);
        return;
    }
    look_later(handover);
}

void handover_init(struct handover *handover, struct replicas *replicas,
                   struct handover_listener *listener, int64_t max_us)
{
    memset(handover, 0, sizeof *handover);
    handover->replicas = replicas;
    handover->listener = listener;
    handover->max_us = max_us;
    handover->timer.fire = look;
}

bool handover_begin(struct handover *handover)
{
    struct replicas *replicas = handover->replicas;
    struct seam *seam = replicas->seam;
    size_t led = 0;

    if (handover->step != HANDOVER_IDLE || handover->max_us == 0 ||
        !replicas->registered || all_done(handover))
        return false;
    for (struct partition *partition = replicas_first(replicas); partition;
         partition = replicas_next(partition)) {
        partition->gives = partition->role == PARTITION_LEADER;
        led += partition->gives;
    }
    handover->step = HANDOVER_UNDER_WAY;
    handover->began_us = seam->now.monotonic_us;
    trace_log(seam->trace, TRACE_INFO,
              "told to stop: %zu partitions are led here, others take over",
              led);
    look_later(handover);
    return true;
}

void handover_stop(struct handover *handover)
{
    handover->step = HANDOVER_DONE;
    timer_stop(handover->replicas->seam->timers, &handover->timer);
}
