/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of replicas and what turns it: metadata, timers. Calls to the
 * controller are in cluster/controller_calls.c.
 */
#include "cluster/replicas.h"

#include <string.h>

#include "base/assert.h"
#include "cluster/controller_calls.h"
#include "seam/memory.h"
#include "seam/trace.h"

#define NOTHING_IS_OLD_MS INT64_MIN /* the age of a batch comes out below 0 */

static int compare_keys(const struct partition *a, const struct partition *b)
{
    int order = uuid_compare(&a->key.topic_id, &b->key.topic_id);

    if (order != 0)
        return order;
    return (a->key.partition > b->key.partition) -
           (a->key.partition < b->key.partition);
}

RB_GENERATE_STATIC(partitions, partition, by_key, compare_keys)

struct partition *replicas_find(struct replicas *replicas,
                                const struct partition_key *key)
{
    struct partition wanted;

    wanted.key = *key;
    return RB_FIND(partitions, &replicas->partitions, &wanted);
}

struct partition *replicas_first(struct replicas *replicas)
{
    return RB_MIN(partitions, &replicas->partitions);
}

struct partition *replicas_next(struct partition *partition)
{
    return RB_NEXT(partitions, NULL, partition);
}

struct replica replicas_self(const struct replicas *replicas)
{
    return (struct replica){replicas->options.broker_id,
                            replicas->broker_epoch};
}

bool replicas_lease_holds(const struct replicas *replicas)
{
    return replicas->seam->now.monotonic_us <
           coord_lease_until_us(replicas->coord);
}

struct fetcher *replicas_fetcher(struct replicas *replicas, uint32_t leader)
{
    struct fetcher *fetcher;

    list_for_each (node, &replicas->fetchers) {
        fetcher = container_of(node, struct fetcher, node);
        if (fetcher->leader == leader)
            return fetcher;
    }
    fetcher = fetcher_new(replicas, leader);
    list_append(&replicas->fetchers, &fetcher->node);
    return fetcher;
}

/* ---- the clock ---- */

int64_t replicas_now_ms(const struct replicas *replicas)
{
    const struct moment *now = &replicas->seam->now;

    return clock_now_ms(&replicas->clock, now->wall_ms, now->monotonic_us);
}

static void clock_changed(struct replicas *replicas)
{
    int64_t apart_ms = replicas->seam->now.wall_ms - replicas_now_ms(replicas);

    if (clock_is_believed(&replicas->clock)) {
        trace_log(replicas->seam->trace, TRACE_INFO,
                  "the wall clock is believed: retention by time goes on");
        return;
    }
    SOMETIMES(replicas->seam->trace, CLOCK_DOUBTED);
    trace_log(replicas->seam->trace, TRACE_ERROR,
              "the wall clock is %lld ms off and not believed: nothing is "
              "deleted by time until it is set right (clock.skew.max.ms)",
              (long long)apart_ms);
}

static void look_at_clock(struct replicas *replicas)
{
    const struct moment *now = &replicas->seam->now;

    if (clock_observe(&replicas->clock, now->wall_ms, now->monotonic_us))
        clock_changed(replicas);
    log_directories_note_time(replicas->directories, replicas_now_ms(replicas));
}

int64_t replicas_clock(struct replicas *replicas, bool believe)
{
    const struct moment *now = &replicas->seam->now;

    if (believe &&
        clock_believe(&replicas->clock, now->wall_ms, now->monotonic_us)) {
        trace_log(replicas->seam->trace, TRACE_INFO,
                  "an operator vouches for the wall clock");
        clock_changed(replicas);
    }
    look_at_clock(replicas);
    return now->wall_ms - replicas_now_ms(replicas);
}

/* ---- timers ---- */

static void lag_fire(struct timer *timer)
{
    struct replicas *replicas = container_of(timer, struct replicas, lag_timer);
    int64_t now_us = replicas->seam->now.monotonic_us;
    int64_t next_us = now_us + replicas->options.lag_us / 2;
    struct partition *partition;
    bool outdone = false;

    look_at_clock(replicas);
    RB_FOREACH(partition, partitions, &replicas->partitions)
    {
        if (partition->role == PARTITION_LEADER)
            partition_advance(partition); /* what was refused is tried again */
        partition_review_isr(partition);
        if (partition->review_at_us > now_us &&
            partition->review_at_us < next_us)
            next_us = partition->review_at_us;
        if (partition_is_outdone(partition)) {
            partition->outdone_told = false;
            outdone = true;
        }
    }
    if (outdone) /* perhaps somebody else can serve by now */
        replicas_report(replicas);
    timer_start(replicas->seam->timers, timer, next_us);
}

void replicas_review_at(struct replicas *replicas, int64_t at_us)
{
    struct timer *timer = &replicas->lag_timer;

    if (timer_running(timer) && timer->deadline_us > at_us)
        timer_start(replicas->seam->timers, timer, at_us);
}

static void retention_fire(struct timer *timer)
{
    struct replicas *replicas =
        container_of(timer, struct replicas, retention_timer);
    struct partition *partition;

    look_at_clock(replicas);
    RB_FOREACH(partition, partitions, &replicas->partitions)
    {
        if (partition->log != NULL)
            log_roll_idle(partition->log, replicas_now_ms(replicas));
        partition_retain(partition, clock_is_believed(&replicas->clock)
                                        ? replicas_now_ms(replicas)
                                        : NOTHING_IS_OLD_MS);
    }
    timer_start(replicas->seam->timers, timer,
                replicas->seam->now.monotonic_us +
                    replicas->options.retention_check_us);
}

/* ---- life cycle ---- */

void replicas_init(struct replicas *replicas, struct seam *seam,
                   struct coord *coord, struct metadata *metadata,
                   const struct channel_identity *identity,
                   struct replicas_listener *listener,
                   const struct replicas_options *options)
{
    memset(replicas, 0, sizeof *replicas);
    replicas->seam = seam;
    replicas->coord = coord;
    replicas->metadata = metadata;
    replicas->identity = identity;
    replicas->listener = listener;
    replicas->options = *options;
    clock_init(&replicas->clock, options->clock_skew_max_ms);
    RB_INIT(&replicas->partitions);
    list_init(&replicas->fetchers);
    list_init(&replicas->alters);
    throttle_init(&replicas->throttle);
    replicas->lag_timer.fire = lag_fire;
    replicas->retention_timer.fire = retention_fire;
    controller_calls_init(replicas);
    mender_init(&replicas->mender, replicas);
}

static void drop(struct replicas *replicas, struct partition *partition)
{
    RB_REMOVE(partitions, &replicas->partitions, partition);
    heap_free(replicas->seam->heap, partition);
}

void replicas_release(struct replicas *replicas)
{
    struct partition *partition;
    struct list *node;

    timer_stop(replicas->seam->timers, &replicas->lag_timer);
    timer_stop(replicas->seam->timers, &replicas->retention_timer);
    mender_release(&replicas->mender);
    while ((partition = RB_MIN(partitions, &replicas->partitions)) != NULL) {
        partition_release(partition);
        drop(replicas, partition);
    }
    while ((node = list_first(&replicas->fetchers)) != &replicas->fetchers)
        fetcher_free(container_of(node, struct fetcher, node));
    controller_calls_release(replicas);
}

void replicas_registered(struct replicas *replicas, uint64_t broker_epoch,
                         int64_t registered_ms)
{
    const struct moment *now = &replicas->seam->now;

    if (replicas->clock.state == CLOCK_UNKNOWN)
        clock_remember(&replicas->clock,
                       log_directories_stored_ms(replicas->directories));
    if (clock_refer(&replicas->clock, registered_ms, now->wall_ms,
                    now->monotonic_us))
        clock_changed(replicas);
    replicas->broker_epoch = broker_epoch;
    if (replicas->first_epoch == 0)
        replicas->first_epoch = broker_epoch;
    replicas->registered = true;
    replicas->reported = false;
    replicas->registration_version = -1;
    log_directories_begin_life(replicas->directories, broker_epoch);
    timer_start(replicas->seam->timers, &replicas->lag_timer,
                replicas->seam->now.monotonic_us +
                    replicas->options.lag_us / 2);
    timer_start(replicas->seam->timers, &replicas->retention_timer,
                replicas->seam->now.monotonic_us +
                    replicas->options.retention_check_us);
}

void replicas_suspend(struct replicas *replicas)
{
    struct partition *partition;

    replicas->registered = false;
    replicas->reported = false;
    RB_FOREACH(partition, partitions, &replicas->partitions)
    partition_suspend(partition);
    controller_calls_suspend(replicas);
}

/* ---- what is offline ---- */

static void tell_offline(struct replicas *replicas)
{
    if (!replicas->offline_changed)
        return;
    replicas->offline_changed = false;
    replicas->registration_version = -1;
    SOMETIMES(replicas->seam->trace, LOG_DIRECTORY_OFFLINE);
    replicas->listener->on_offline(replicas->listener);
}

void replicas_told(struct replicas *replicas, uint32_t version)
{
    replicas->registration_version = version;
    if (replicas->registered && replicas->metadata->ready)
        replicas_report(replicas);
}

void replicas_lived(struct replicas *replicas)
{
    if (replicas->registered && replicas->metadata->ready)
        replicas_report(replicas);
}

void replicas_directory_failed(struct replicas *replicas)
{
    struct partition *partition;
    struct partition *next;

    for (partition = replicas_first(replicas); partition; partition = next) {
        next = replicas_next(partition);
        if (partition_is_offline(partition))
            partition_update(partition);
    }
    replicas->offline_changed = true;
    tell_offline(replicas);
}

void replicas_set_offline(struct partition *partition)
{
    partition->offline = true;
    partition->replicas->offline_changed = true;
    tell_offline(partition->replicas);
}

static bool named_since(const struct replica_set *set, uint32_t broker_id,
                        uint64_t epoch)
{
    for (uint32_t i = 0; i < set->count; i++)
        if (set->members[i].broker_id == broker_id)
            return set->members[i].broker_epoch >= epoch;
    return false;
}

/* Not found, and a directory is not there: it lies in that one, unless this
 * process was here when it was made. */
static bool may_lie_elsewhere(const struct replicas *replicas,
                              const struct partition_state *state)
{
    uint32_t self = replicas->options.broker_id;

    return log_directories_incomplete(replicas->directories) &&
           !named_since(&state->isr, self, replicas->first_epoch) &&
           !named_since(&state->eligible, self, replicas->first_epoch);
}

/* ---- metadata ---- */

static struct partition *add(struct replicas *replicas,
                             const struct partition_key *key)
{
    struct partition *partition =
        heap_alloc(replicas->seam->heap, sizeof *partition);

    partition_init(partition, replicas, key);
    RB_INSERT(partitions, &replicas->partitions, partition);
    return partition;
}

static bool is_named(const struct replicas *replicas,
                     const struct partition_state *state)
{
    return partition_state_has_replica(state, replicas->options.broker_id);
}

/* Nothing is told about it or done with it from here on. */
static void stop(struct partition *partition, bool unassigned)
{
    partition->stopping = true;
    partition->unassigned = unassigned;
    partition_suspend(partition);
    partition->topic = NULL;
    replicas_reap(partition);
}

/* It was moved to others: its log goes, unless what is read is in doubt. A
 * log in a directory that has failed goes when a start finds it there. */
static void leave(struct replicas *replicas, struct partition *partition,
                  const struct topic *topic)
{
    if (partition->stopping)
        return;
    trace_log(replicas->seam->trace, TRACE_INFO,
              "partition %s/%u is not assigned to this broker any more: its "
              "log is deleted",
              topic->name, partition->key.partition);
    SOMETIMES(replicas->seam->trace, REPLICA_REMOVED);
    if (partition_is_offline(partition))
        replicas->offline_changed = true;
    stop(partition, true);
}

static void take_state(struct replicas *replicas, struct topic *topic,
                       uint32_t index)
{
    const struct partition_state *state = &topic->states[index];
    struct partition_key key = {topic->id, index};
    struct partition *partition = replicas_find(replicas, &key);
    struct log *log;

    if (partition != NULL && !is_named(replicas, state) &&
        !replicas->metadata->damaged) {
        leave(replicas, partition, topic);
        return;
    }
    if (partition != NULL && partition->stopping)
        return; /* replicas_reap() looks again */
    if (partition == NULL) {
        if (!is_named(replicas, state))
            return;
        partition = add(replicas, &key);
        log = log_directories_find(replicas->directories, &key);
        if (log != NULL)
            partition_set_log(partition, log);
        else
            partition->offline = may_lie_elsewhere(replicas, state);
        if (partition_is_offline(partition))
            replicas->offline_changed = true;
    }
    partition_set_state(partition, topic, state);
}

void replicas_on_states(struct replicas *replicas, struct topic *topic,
                        uint32_t first, uint32_t count)
{
    if (!replicas->registered)
        return; /* metadata_ready will bring them all */
    for (uint32_t i = 0; i < count; i++)
        take_state(replicas, topic, first + i);
    tell_offline(replicas);
}

/* It may have been assigned again while it was still being stopped. */
static void look_again(struct replicas *replicas,
                       const struct partition_key *key)
{
    struct topic *topic =
        metadata_topic_by_id(replicas->metadata, &key->topic_id);

    if (!replicas->registered || topic == NULL || !topic_loaded(topic) ||
        key->partition >= topic->partition_count ||
        !is_named(replicas, &topic->states[key->partition]))
        return;
    SOMETIMES(replicas->seam->trace, REPLICA_AGAIN);
    take_state(replicas, topic, key->partition);
    tell_offline(replicas);
}

bool replicas_reap(struct partition *partition)
{
    struct replicas *replicas = partition->replicas;
    struct partition_key key = partition->key;
    struct log *log = partition->log;
    bool unassigned = partition->unassigned;

    if (!partition->stopping || partition->operations > 0)
        return false;
    partition_release(partition);
    if (log != NULL && !unassigned)
        log_delete(log);
    else if (log != NULL && !log_directory_failed(log->directory))
        log_remove(log);
    drop(replicas, partition);
    if (unassigned)
        look_again(replicas, &key);
    return true;
}

void replicas_on_deleted(struct replicas *replicas, struct topic *topic)
{
    for (uint32_t i = 0; i < topic->partition_count; i++) {
        struct partition_key key = {topic->id, i};
        struct partition *partition = replicas_find(replicas, &key);

        if (partition != NULL)
            stop(partition, false);
    }
}

/* What is known of its topic is whole, and says that it is not to be here. */
static bool is_moved(const struct replicas *replicas, const struct topic *topic,
                     uint32_t partition)
{
    return topic_settled(topic) && partition < topic->partition_count &&
           !is_named(replicas, &topic->states[partition]);
}

static void delete_orphan(struct replicas *replicas, struct log *log)
{
    const struct topic *topic =
        metadata_topic_by_id(replicas->metadata, &log->key.topic_id);
    char id[UUID_TEXT_SIZE];

    uuid_format(&log->key.topic_id, id);
    if (topic == NULL) {
        trace_log(replicas->seam->trace, TRACE_INFO,
                  "log %s-%u: its topic was deleted, so is the log", id,
                  log->key.partition);
        log_delete(log);
    } else if (is_moved(replicas, topic, log->key.partition)) {
        SOMETIMES(replicas->seam->trace, REPLICA_REMOVED_AT_START);
        trace_log(replicas->seam->trace, TRACE_INFO,
                  "log %s-%u: partition %s/%u was moved to other brokers, the "
                  "log is deleted",
                  id, log->key.partition, topic->name, log->key.partition);
        log_remove(log);
    }
}

/* Logs of topics that were deleted while this broker was away (K20), and of
 * partitions that were moved. While something cannot be read, nothing is known
 * to be gone. A log that a partition still holds goes with it, when its last
 * operation is done. */
static void delete_orphans(struct replicas *replicas)
{
    struct log *next;

    if (replicas->metadata->damaged)
        return;
    for (struct log *log = log_directories_next(replicas->directories, NULL);
         log; log = next) {
        next = log_directories_next(replicas->directories, log);
        if (replicas_find(replicas, &log->key) == NULL)
            delete_orphan(replicas, log);
    }
}

void replicas_metadata_ready(struct replicas *replicas)
{
    if (!replicas->registered)
        return;
    for (struct topic *topic = metadata_first(replicas->metadata); topic;
         topic = metadata_next(topic))
        if (topic_loaded(topic))
            for (uint32_t i = 0; i < topic->partition_count; i++)
                take_state(replicas, topic, i);
    delete_orphans(replicas);
    tell_offline(replicas);
    replicas_report(replicas);
    mender_kick(&replicas->mender);
}
