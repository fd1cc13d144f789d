/* SPDX-License-Identifier: Apache-2.0
 *
 * What a leader does: takes batches, follows its followers, moves the high
 * watermark, proposes ISR changes and log starts.
 */
#include "cluster/leader.h"

#include <string.h>

#include "base/assert.h"
#include "cluster/replicas.h"
#include "seam/trace.h"

#define REVIEW_PAUSE_US 500000
/* Asked to give way to one that keeps up, as it had all not longer than
 * RECENT_US ago, a leader takes no records for GIVE_WAY_US at most; if the
 * other one has not all by then, it does for as long. */
#define RECENT_US       300000
#define GIVE_WAY_US     1000000

/* ---- waiters ---- */

void partition_wake(struct list *waiters)
{
    struct list woken;
    struct list *node;

    list_init(&woken);
    list_splice(&woken, waiters);
    while ((node = list_pop(&woken)) != NULL) {
        struct partition_waiter *waiter =
            container_of(node, struct partition_waiter, node);

        waiter->wake(waiter);
    }
}

static void finish_acks(struct list *waiters, int64_t reached, enum error error)
{
    struct list finished;
    struct list *node;

    list_init(&finished);
    list_for_each_safe (at, waiters) {
        struct ack_waiter *waiter = container_of(at, struct ack_waiter, node);

        if (waiter->end_offset > reached)
            break; /* in the order of offsets */
        list_remove(at);
        list_append(&finished, at);
    }
    while ((node = list_pop(&finished)) != NULL) {
        struct ack_waiter *waiter = container_of(node, struct ack_waiter, node);

        waiter->done(waiter, error);
    }
}

/* Those who wait for an offset past the log's end: what they wait for is not
 * in the log, and other records will be there. */
static void refuse_acks(struct list *waiters, int64_t log_end)
{
    struct list refused;
    struct list *node;

    list_init(&refused);
    list_for_each_safe (at, waiters) {
        if (container_of(at, struct ack_waiter, node)->end_offset <= log_end)
            continue;
        list_remove(at);
        list_append(&refused, at);
    }
    while ((node = list_pop(&refused)) != NULL) {
        struct ack_waiter *waiter = container_of(node, struct ack_waiter, node);

        waiter->done(waiter, ERROR_DISK_FULL);
    }
}

void leader_taken_back(struct partition *partition)
{
    refuse_acks(&partition->leader_acks, partition->log->log_end_offset);
    refuse_acks(&partition->all_acks, partition->log->log_end_offset);
}

static void finish_floors(struct list *waiters, int64_t reached,
                          enum error error)
{
    struct list finished;
    struct list *node;

    list_init(&finished);
    list_for_each_safe (at, waiters) {
        if (container_of(at, struct floor_waiter, node)->floor > reached)
            continue;
        list_remove(at);
        list_append(&finished, at);
    }
    while ((node = list_pop(&finished)) != NULL) {
        struct floor_waiter *waiter =
            container_of(node, struct floor_waiter, node);

        waiter->done(waiter, error);
    }
}

void partition_wait_ack(struct partition *partition, int32_t acks,
                        struct ack_waiter *waiter)
{
    struct list *list =
        acks == -1 ? &partition->all_acks : &partition->leader_acks;

    list_init(&waiter->node);
    list_append(list, &waiter->node);
}

void leader_wake_readers(struct partition *partition)
{
    partition_wake(&partition->data_waiters);
    partition_wake(&partition->watermark_waiters);
}

/* ---- life cycle ---- */

void leader_stop(struct partition *partition)
{
    partition->proposed = false;
    partition->resigning = false;
    partition->give_way_until_us = 0;
    list_remove(&partition->alter_node);
    finish_acks(&partition->leader_acks, INT64_MAX, ERROR_NOT_LEADER);
    finish_acks(&partition->all_acks, INT64_MAX, ERROR_NOT_LEADER);
    finish_floors(&partition->floor_waiters, INT64_MAX, ERROR_NOT_LEADER);
    leader_wake_readers(partition);
}

enum error partition_check_leader(const struct partition *partition,
                                  bool has_epoch, uint32_t leader_epoch)
{
    if (has_epoch && partition->state_known &&
        leader_epoch < partition->state.leader_epoch)
        return ERROR_FENCED_EPOCH;
    if (has_epoch && (!partition->state_known ||
                      leader_epoch > partition->state.leader_epoch))
        return ERROR_UNKNOWN_EPOCH;
    if (partition->role != PARTITION_LEADER)
        return ERROR_NOT_LEADER;
    return ERROR_NONE;
}

/* ---- the high watermark ---- */

static void set_high_watermark(struct partition *partition, int64_t to)
{
    struct fact fact = {
        .type = FACT_HIGH_WATERMARK,
        .key = partition->key,
        .leader_epoch = (int32_t)partition->role_epoch,
        .end_offset = to,
    };

    ASSERT_INVARIANT(R1, to > partition->high_watermark);
    ASSERT_INVARIANT(R2, to <= partition->log->log_end_offset);
    partition->high_watermark = to;
    log_set_high_watermark(partition->log, to);
    trace_fact(partition_seam(partition)->trace, &fact);
}

/* What counts is the leader's to say: a follower that has not read yet that
 * the topic is strict again still counts what it has not synced. */
static int64_t counted_of(const struct partition *partition,
                          const struct follower *follower)
{
    return partition->log->settings.flush_ms == 0 ? follower->durable_offset
                                                  : follower->counted_offset;
}

static uint32_t positions_of(const struct partition *partition,
                             struct replica_position *positions)
{
    struct replica self = replicas_self(partition->replicas);
    uint32_t count = 0;

    positions[count++] =
        (struct replica_position){self, partition_counted_offset(partition)};
    for (uint32_t i = 0; i < partition->state.replica_count; i++) {
        const struct follower *follower = &partition->followers[i];

        if (follower->valid && follower->replica.broker_id != self.broker_id)
            positions[count++] = (struct replica_position){
                follower->replica, counted_of(partition, follower)};
    }
    return count;
}

/* Whom the controller would take: registered, not about to stop, with a log
 * directory that works. Who is not yet in what was read of the brokers fetches
 * on and is looked at again. */
static bool may_join(const struct partition *partition,
                     const struct follower *follower)
{
    const struct broker_endpoint *endpoint = brokers_find(
        &partition->replicas->metadata->brokers, follower->replica.broker_id);

    return endpoint != NULL &&
           endpoint->broker_epoch == follower->replica.broker_epoch &&
           !endpoint->leaving &&
           !broker_replica_offline(endpoint, &partition->key);
}

static void propose(struct partition *partition, const struct replica_set *isr,
                    int64_t floor);

/* A lazy topic that is to be strict again: `lazy` goes when every member
 * holds durably what it may have been counted for before. What comes later
 * counts only when it is durable. An eligible replica that is not in sync
 * keeps it, until the ISR suffices without it. */
static void review_lazy(struct partition *partition,
                        const struct replica_position *positions,
                        uint32_t count)
{
    const struct partition_state *state = &partition->state;

    if (!state->lazy || partition->log->settings.flush_ms != 0) {
        partition->strict_end = NO_POSITION;
        return;
    }
    if (partition->strict_end == NO_POSITION)
        partition->strict_end = partition->log->log_end_offset;
    if (partition->proposed || state->eligible.count > 0 ||
        partition_seam(partition)->now.monotonic_us < partition->review_at_us ||
        !positions_reach(partition->strict_end, &state->isr, positions, count))
        return;
    propose(partition, &state->isr, 0);
    partition->proposed_synced = true;
}

/* Answers who waits for a floor that is there, proposes what is still to be
 * reached. */
static void review_floor(struct partition *partition)
{
    int64_t wanted = 0;

    finish_floors(&partition->floor_waiters, partition->state.log_start_floor,
                  ERROR_NONE);
    if (partition->proposed ||
        partition_seam(partition)->now.monotonic_us < partition->review_at_us)
        return;
    list_for_each (at, &partition->floor_waiters) {
        int64_t floor = container_of(at, struct floor_waiter, node)->floor;

        if (floor > wanted)
            wanted = floor;
    }
    if (wanted > 0)
        propose(partition, &partition->state.isr, wanted);
}

enum error partition_raise_floor(struct partition *partition,
                                 struct floor_waiter *waiter)
{
    if (partition->role != PARTITION_LEADER)
        return ERROR_NOT_LEADER;
    if (waiter->floor <= partition->state.log_start_floor)
        return ERROR_NONE;
    if (waiter->floor > partition->high_watermark)
        return partition->high_watermark < partition->epoch_start_offset
                   ? ERROR_OFFSET_NOT_AVAILABLE
                   : ERROR_OFFSET_OUT_OF_RANGE;
    list_init(&waiter->node);
    list_append(&partition->floor_waiters, &waiter->node);
    review_floor(partition);
    return ERROR_AGAIN;
}

/* ---- giving way ---- */

/*     leads --asked to, the successor keeps up--> takes no records
 *     takes no records --GIVE_WAY_US is over--> leads, for as long
 *     takes no records --is_ready()--> resigns, and answers nobody
 *     resigns --a newer state is read--> as that says
 *     resigns --the controller refuses--> leads
 */

bool partition_may_answer(const struct partition *partition)
{
    return replicas_lease_holds(partition->replicas) && !partition->resigning &&
           !partition_is_outdone(partition);
}

static bool gives_way(const struct partition *partition)
{
    return partition_seam(partition)->now.monotonic_us <
           partition->give_way_until_us;
}

/* A follower that the state names, in the life that it names. */
static const struct follower *successor_of(const struct partition *partition)
{
    const struct partition_state *state = &partition->state;

    for (uint32_t i = 0; i < state->replica_count; i++) {
        const struct follower *follower = &partition->followers[i];

        if (follower->replica.broker_id == state->successor &&
            follower->valid &&
            replica_set_has_epoch(&state->isr, state->successor,
                                  follower->replica.broker_epoch))
            return follower;
    }
    return NULL;
}

/* It has all that we have, and we owe nobody an answer that it could not
 * give. */
static bool is_ready(const struct partition *partition,
                     const struct follower *successor)
{
    const struct log *log = partition->log;

    return counted_of(partition, successor) >= log->log_end_offset &&
           log->next_offset == log->log_end_offset &&
           list_empty(&partition->leader_acks);
}

/* Takes no records for a while, or does again. */
static void review_giving_way(struct partition *partition,
                              const struct follower *successor)
{
    struct seam *seam = partition_seam(partition);
    int64_t now_us = seam->now.monotonic_us;

    if (gives_way(partition) || now_us < partition->give_way_again_us)
        return;
    if (partition->give_way_until_us > 0) {
        SOMETIMES(seam->trace, HAND_OVER_WAITS);
        partition->give_way_until_us = 0;
        partition->give_way_again_us = now_us + GIVE_WAY_US;
    } else if (now_us - successor->caught_up_us <= RECENT_US) {
        partition->give_way_until_us = now_us + GIVE_WAY_US;
    }
}

static void review_hand_over(struct partition *partition)
{
    const struct follower *successor;

    if (!partition->state.handing_over) {
        partition->give_way_until_us = 0;
        partition->give_way_again_us = 0;
        return;
    }
    if (partition->proposed || partition->role != PARTITION_LEADER ||
        partition_seam(partition)->now.monotonic_us < partition->review_at_us)
        return;
    successor = successor_of(partition);
    if (successor == NULL)
        return;
    review_giving_way(partition, successor);
    if (!gives_way(partition) || !is_ready(partition, successor))
        return;
    propose(partition, &partition->state.isr, 0);
    partition->resigning = true;
}

void partition_advance(struct partition *partition)
{
    struct replica_position positions[REPLICAS_MAX + 1];
    uint32_t count = positions_of(partition, positions);
    int64_t next = high_watermark_next(
        partition->high_watermark, partition->state.min, &partition->state.isr,
        partition->proposed ? &partition->proposed_isr : NULL, positions,
        count);

    if (partition->state.isr.count < partition->state.min)
        SOMETIMES(partition_seam(partition)->trace, BELOW_MIN);
    if (next > partition->high_watermark) {
        set_high_watermark(partition, next);
        finish_acks(&partition->all_acks, next, ERROR_NONE);
        partition_wake(&partition->watermark_waiters);
        partition_apply_floor(partition);
    }
    review_hand_over(partition);
    review_lazy(partition, positions, count);
    review_floor(partition);
}

void leader_progress(struct partition *partition)
{
    finish_acks(&partition->leader_acks, log_counted_offset(partition->log),
                partition_may_answer(partition) ? ERROR_NONE : ERROR_TIMED_OUT);
    partition_advance(partition);
    if (partition->role == PARTITION_LEADER)
        partition_wake(&partition->data_waiters);
}

/* What lies below the floor was committed before it was written, whatever
 * this replica has heard of the watermark since. */
static void trust_floor(struct partition *partition)
{
    int64_t floor = partition->state.log_start_floor;

    if (floor > partition->log->log_end_offset)
        floor = partition->log->log_end_offset;
    if (floor > partition->high_watermark)
        set_high_watermark(partition, floor);
    partition_apply_floor(partition);
}

void leader_start(struct partition *partition)
{
    int64_t now_us = partition_seam(partition)->now.monotonic_us;

    partition->proposed = false;
    partition->resigning = false;
    partition->give_way_until_us = 0;
    partition->give_way_again_us = 0;
    partition->strict_end = NO_POSITION;
    partition->review_at_us = 0;
    partition->epoch_start_offset = partition->log->log_end_offset;
    for (uint32_t i = 0; i < partition->state.replica_count; i++)
        partition->followers[i] = (struct follower){
            .replica = {partition->state.replicas[i], 0},
            .counted_offset = NO_POSITION,
            .durable_offset = NO_POSITION,
            .caught_up_us = now_us,
            .last_fetch_end = INT64_MAX,
        };
    trust_floor(partition);
    leader_progress(partition);
    partition_review_isr(partition);
}

/* ---- appending ---- */

static enum error may_append(struct partition *partition, int32_t acks)
{
    if (partition->role != PARTITION_LEADER)
        return ERROR_NOT_LEADER;
    if (partition->state.fresh) /* not yet (R10) */
        return partition->state.isr.count < partition->state.min
                   ? ERROR_NOT_ENOUGH_REPLICAS
                   : ERROR_NOT_LEADER;
    if (partition->resigning || gives_way(partition))
        return ERROR_NOT_LEADER; /* or soon not any more (R17) */
    if (partition_is_outdone(partition))
        return ERROR_NOT_LEADER; /* or not any more (R11) */
    if (partition->log->unsure &&
        ((partition->state.isr.count > 1 && !partition->beyond_mending) ||
         !partition->log->damaged))
        return ERROR_NOT_LEADER; /* until it knows who wrote what is mended */
    if (log_directory_failed(partition->log->directory))
        return ERROR_LOG_DIRECTORY_FAILED;
    if (log_directory_full(partition->log->directory))
        return ERROR_DISK_FULL;
    if (acks == -1 && partition->state.isr.count < partition->state.min)
        return ERROR_NOT_ENOUGH_REPLICAS;
    if (acks != -1 && !partition_may_answer(partition)) {
        SOMETIMES(partition_seam(partition)->trace, LEASE_EXPIRED);
        return ERROR_LEASE_EXPIRED;
    }
    return ERROR_NONE;
}

/* What the topic allows, and brokers take from each other: half a frame. */
static uint32_t batch_bytes_max(const struct partition *partition)
{
    uint32_t half = partition->replicas->identity->frame_bytes_max / 2;
    uint32_t wanted = partition->log->settings.batch_bytes_max;

    return wanted < half ? wanted : half;
}

enum error partition_append(struct partition *partition, int32_t acks,
                            struct log_append *append, uint8_t *batch,
                            size_t size, int64_t *base_offset)
{
    struct log *log = partition->log;
    struct batch_header header;
    enum error error = may_append(partition, acks);

    if (error == ERROR_NONE)
        error = batch_check_produced(batch, size, batch_bytes_max(partition),
                                     &header);
    if (error == ERROR_NONE)
        error = log_check_producer(log, &header, base_offset);
    if (error != ERROR_NONE)
        return error;
    *base_offset = log->next_offset;
    batch_stamp(batch, log->next_offset, partition->role_epoch,
                replicas_now_ms(partition->replicas), &partition->key.topic_id,
                partition->key.partition);
    return log_append(log, append, batch, size);
}

/* ---- followers ---- */

static struct follower *follower_of(struct partition *partition,
                                    uint32_t broker_id)
{
    for (uint32_t i = 0; i < partition->state.replica_count; i++)
        if (partition->followers[i].replica.broker_id == broker_id)
            return &partition->followers[i];
    return NULL;
}

bool partition_follower_at(const struct partition *partition,
                           uint32_t broker_id, int64_t *counted_offset,
                           int64_t *durable_offset)
{
    for (uint32_t i = 0; i < partition->state.replica_count; i++) {
        const struct follower *follower = &partition->followers[i];

        if (follower->replica.broker_id != broker_id || !follower->valid)
            continue;
        *counted_offset = counted_of(partition, follower);
        *durable_offset = follower->durable_offset;
        return *counted_offset >= 0 && *durable_offset >= 0;
    }
    return false;
}

/* Where the follower's log leaves ours, if it does. When our history does not
 * reach down to its epoch, what it has above our history is not ours, and what
 * lies below nobody can compare: it starts over at our log start. */
static enum error compare_logs(const struct partition *partition,
                               const struct follower_fetch *fetch,
                               struct divergence *at)
{
    const struct log *log = partition->log;

    if (fetch->fetch_offset < log->log_start_offset)
        return ERROR_OFFSET_OUT_OF_RANGE;
    if (!fetch->has_last_epoch)
        return fetch->fetch_offset > log->log_end_offset
                   ? ERROR_OFFSET_OUT_OF_RANGE
                   : ERROR_NONE;
    if (!log_epoch_end(log, fetch->last_epoch, &at->epoch, &at->end_offset)) {
        at->unknown = true;
        at->end_offset = log_epochs_start(log);
        return ERROR_OFFSET_OUT_OF_RANGE;
    }
    at->diverges =
        at->epoch != fetch->last_epoch || at->end_offset < fetch->fetch_offset;
    return ERROR_NONE;
}

static void note_fetch(struct partition *partition, struct follower *follower,
                       const struct follower_fetch *fetch)
{
    int64_t now_us = partition_seam(partition)->now.monotonic_us;
    int64_t end = partition->log->log_end_offset;

    if (fetch->counted_offset > follower->counted_offset)
        follower->counted_offset = fetch->counted_offset;
    if (fetch->durable_offset > follower->durable_offset)
        follower->durable_offset = fetch->durable_offset;
    if (counted_of(partition, follower) >= end)
        follower->caught_up_us = now_us;
    else if (counted_of(partition, follower) >= follower->last_fetch_end &&
             follower->last_fetch_us > follower->caught_up_us)
        follower->caught_up_us = follower->last_fetch_us;
    follower->last_fetch_us = now_us;
    follower->last_fetch_end = end;
}

/* Another incarnation of the follower, or of its log: what was known of its
 * position is void. False when the fetch is older than what is known. */
static bool note_identity(struct follower *follower,
                          const struct follower_fetch *fetch)
{
    uint64_t known = follower->replica.broker_epoch;

    if (fetch->replica.broker_epoch < known ||
        (fetch->replica.broker_epoch == known &&
         fetch->generation < follower->generation))
        return false;
    if (fetch->replica.broker_epoch > known ||
        fetch->generation > follower->generation) {
        follower->replica = fetch->replica;
        follower->generation = fetch->generation;
        follower->valid = false;
        follower->counted_offset = NO_POSITION;
        follower->durable_offset = NO_POSITION;
    }
    return true;
}

static bool counted_on(const struct partition *partition, uint32_t broker_id)
{
    return replica_set_has(&partition->state.isr, broker_id) ||
           replica_set_has(&partition->state.eligible, broker_id);
}

/* Somebody who is counted on and may know more than our log holds. */
static uint32_t who_may_know(const struct partition *partition)
{
    uint32_t self = replicas_self(partition->replicas).broker_id;

    for (uint32_t i = 0; i < partition->state.replica_count; i++) {
        const struct follower *follower = &partition->followers[i];
        uint32_t id = follower->replica.broker_id;

        if (id != self && !follower->valid && counted_on(partition, id))
            return id;
    }
    return NO_BROKER;
}

static void say_outdone(struct partition *partition, uint32_t waits_for)
{
    if (!partition_says(partition, &partition->outdone_said_us))
        return;
    trace_log(partition_seam(partition)->trace, TRACE_ERROR,
              "partition %s/%u: a replica knows that the records below offset "
              "%lld are committed, and they are not all in the log here: this "
              "is an older copy of the disk, or the disk has lost writes. "
              "Nothing is taken until broker %u, which may have them, leads, "
              "or has lost its disk: see \"A leader has lost records\" in "
              "docs/operations.md",
              partition->topic->name, partition->key.partition,
              (long long)partition->outdone_watermark, waits_for);
}

/* Who may have been counted says that more is committed than our log holds: an
 * older disk. Another one is to lead, if there is one who can. */
static void note_refusal(struct partition *partition,
                         const struct follower_fetch *fetch)
{
    if (partition->outdone || !counted_on(partition, fetch->replica.broker_id))
        return;
    partition->outdone = true;
    partition->outdone_told = false;
    partition->outdone_watermark = fetch->refused_watermark;
    partition->outdone_said_us = 0;
    SOMETIMES(partition_seam(partition)->trace, LEADER_OUTDONE);
    say_outdone(partition, fetch->replica.broker_id);
    replicas_report(partition->replicas);
}

void leader_review_outdone(struct partition *partition)
{
    struct seam *seam = partition_seam(partition);
    uint32_t waits_for;

    if (!partition->outdone)
        return;
    waits_for = who_may_know(partition);
    if (waits_for != NO_BROKER) {
        say_outdone(partition, waits_for);
        return;
    }
    partition->outdone = false;
    SOMETIMES(seam->trace, LOSS_ACCEPTED);
    trace_log(seam->trace, TRACE_ERROR,
              "partition %s/%u: records below offset %lld were committed, and "
              "no replica that is counted on has them all: they are lost, and "
              "the partition goes on from offset %lld",
              partition->topic->name, partition->key.partition,
              (long long)partition->outdone_watermark,
              (long long)partition->log->next_offset);
}

enum error partition_follower_fetch(struct partition *partition,
                                    const struct follower_fetch *fetch,
                                    struct divergence *divergence)
{
    enum error error =
        partition_check_leader(partition, true, fetch->leader_epoch);
    struct follower *follower;

    divergence->diverges = false;
    divergence->unknown = false;
    if (error != ERROR_NONE)
        return error;
    follower = follower_of(partition, fetch->replica.broker_id);
    if (follower == NULL)
        return ERROR_NOT_REPLICA;
    if (!note_identity(follower, fetch))
        return ERROR_STALE_BROKER_EPOCH;
    error = compare_logs(partition, fetch, divergence);
    follower->valid = error == ERROR_NONE && !divergence->diverges;
    if (!follower->valid) {
        follower->counted_offset = NO_POSITION;
        follower->durable_offset = NO_POSITION;
        if (fetch->refused)
            note_refusal(partition, fetch);
        return error; /* not counted (B1) */
    }
    if (fetch->counted_offset > fetch->fetch_offset ||
        fetch->durable_offset > fetch->fetch_offset)
        return ERROR_INVALID_ARGUMENT;
    note_fetch(partition, follower, fetch);
    partition_advance(partition);
    partition_review_isr(partition);
    return ERROR_NONE;
}

void partition_follower_position(struct partition *partition,
                                 const struct follower_fetch *position)
{
    const struct replica *replica = &position->replica;
    struct follower *follower;

    if (partition->role != PARTITION_LEADER ||
        partition->role_epoch != position->leader_epoch)
        return;
    follower = follower_of(partition, replica->broker_id);
    if (follower == NULL || !follower->valid ||
        follower->replica.broker_epoch != replica->broker_epoch ||
        follower->generation != position->generation)
        return;
    note_fetch(partition, follower, position);
    partition_advance(partition);
    partition_review_isr(partition);
}

/* ---- proposals ---- */

static bool lags(const struct partition *partition,
                 const struct follower *follower)
{
    int64_t now_us = partition_seam(partition)->now.monotonic_us;

    return counted_of(partition, follower) < partition->log->log_end_offset &&
           now_us - follower->caught_up_us >
               partition->replicas->options.lag_us;
}

static bool caught_up(const struct partition *partition,
                      const struct follower *follower)
{
    int64_t counted = counted_of(partition, follower);

    return follower->valid && counted >= partition->high_watermark &&
           counted >= partition->epoch_start_offset;
}

static void propose(struct partition *partition, const struct replica_set *isr,
                    int64_t floor)
{
    partition->proposed = true;
    partition->proposed_at = partition->state.partition_epoch;
    partition->proposed_isr = *isr;
    partition->proposed_floor = floor;
    partition->proposed_synced = false;
    partition->resigning = false;
    partition->retracting = false;
    partition->alter_attempts = 0;
    replicas_want_alter(partition->replicas, partition);
}

/* Who is in the ISR of a fresh partition by its creation alone may be without a
 * log as yet, which would be a lost one if the partition were not fresh (R10);
 * and while it is below `min`, the others that are counted on are such, too. */
static bool all_have_logs(const struct partition *partition,
                          const struct replica_set *isr)
{
    if (isr->count < partition->state.min)
        return false;
    for (uint32_t i = 0; i < partition->state.replica_count; i++) {
        const struct follower *follower = &partition->followers[i];

        if (partition->state.replicas[i] !=
                partition->replicas->options.broker_id &&
            replica_set_has(isr, partition->state.replicas[i]) &&
            !follower->valid)
            return false;
    }
    return true;
}

void partition_review_isr(struct partition *partition)
{
    struct seam *seam = partition_seam(partition);
    struct replica self = replicas_self(partition->replicas);
    struct replica_set isr = partition->state.isr;

    if (partition->role != PARTITION_LEADER)
        return;
    leader_review_outdone(partition);
    review_hand_over(partition);
    if (partition->proposed || partition->outdone ||
        seam->now.monotonic_us < partition->review_at_us)
        return;
    for (uint32_t i = 0; i < partition->state.replica_count; i++) {
        const struct follower *follower = &partition->followers[i];
        uint32_t id = follower->replica.broker_id;

        if (id == self.broker_id)
            continue;
        if (replica_set_has(&partition->state.isr, id)) {
            /* who could lead without the damage stays */
            if (lags(partition, follower) &&
                !partition_has_uncommitted_damage(partition))
                replica_set_remove(&isr, id);
        } else if (caught_up(partition, follower) &&
                   may_join(partition, follower)) {
            replica_set_add(&isr, follower->replica);
        }
    }
    if (partition->state.fresh ? !all_have_logs(partition, &isr)
                               : isr.count == partition->state.isr.count)
        return;
    if (isr.count < partition->state.isr.count)
        SOMETIMES(seam->trace, ISR_SHRUNK);
    if (isr.count > partition->state.isr.count)
        SOMETIMES(seam->trace, ISR_EXPANDED);
    propose(partition, &isr, 0);
}

void partition_retain(struct partition *partition, int64_t now_ms)
{
    int64_t target;

    if (partition->role != PARTITION_LEADER || partition->proposed)
        return;
    target = log_retention_target(partition->log, now_ms);
    if (target > partition->state.log_start_floor &&
        target <= partition->high_watermark)
        propose(partition, &partition->state.isr, target);
}

static void withdraw(struct partition *partition)
{
    list_remove(&partition->alter_node);
    partition->proposed = false;
    partition->resigning = false;
    partition->review_at_us =
        partition_seam(partition)->now.monotonic_us + REVIEW_PAUSE_US;
    replicas_review_at(partition->replicas, partition->review_at_us);
}

void partition_alter_done(struct partition *partition, enum error error)
{
    partition->alter_sent = false;
    if (!partition->proposed)
        return;
    switch (error) {
    case ERROR_NONE: /* the new state is on its way */
        return;
    case ERROR_UNKNOWN_TOPIC:
    case ERROR_UNKNOWN_PARTITION:
    case ERROR_INVALID_CONFIG: /* the topic is lazy again */
        withdraw(partition);
        return;
    case ERROR_CORRUPT: /* the states cannot be written */
    case ERROR_INELIGIBLE_REPLICA:
        if (partition->alter_attempts == 1 ||
            (partition->state.fresh && !partition->resigning)) {
            withdraw(partition); /* nothing is appended while it is fresh */
            return;
        }
        /* An earlier try may still be on its way and be accepted later. Until
         * a state with a higher partition epoch bars it, the watermark must
         * wait for the proposed members too. */
        partition->retracting = !partition->state.fresh;
        break;
    case ERROR_FENCED_EPOCH:
    case ERROR_STALE_PARTITION_EPOCH:
    case ERROR_NOT_LEADER:
        /* Our idea of the state is out of date, perhaps by this very
         * proposal, whose first answer was lost (K12): read it. */
        metadata_refresh(partition->replicas->metadata, partition->topic,
                         partition->key.partition);
        break;
    default: /* it may have been applied: ask again */
        break;
    }
    replicas_want_alter(partition->replicas, partition);
}
