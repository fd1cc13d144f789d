/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/mender.h"

#include <string.h>

#include "base/assert.h"
#include "cluster/replicas.h"
#include "log/format.h"
#include "seam/memory.h"
#include "seam/trace.h"

#define PAUSE_US    500000 /* at least; and PAUSE_TIMES what looking took */
#define PAUSE_TIMES 10
#define ANSWER_US   2000000 /* until the next replica is asked */
#define WAIT_MS     500
#define BYTES_WANT  (1u << 20)

static void ask(struct mender *mender);

static struct seam *seam_of(const struct mender *mender)
{
    return mender->replicas->seam;
}

/* The partition in work, if its log is still the one that is mended. */
static struct partition *current(const struct mender *mender)
{
    struct partition *partition = replicas_find(mender->replicas, &mender->key);

    return partition != NULL && partition->log != NULL &&
                   partition->log == mender->mend.log
               ? partition
               : NULL;
}

/* ---- from one to the next ---- */

static void go_on(struct mender *mender, int64_t delay_us)
{
    timer_start(seam_of(mender)->timers, &mender->timer,
                seam_of(mender)->now.monotonic_us + delay_us);
}

static void drop_frame(struct mender *mender)
{
    frame_free(mender->frame);
    mender->frame = NULL;
}

/* In vain: what is looked through again and again is so at times only. */
static int64_t pause_us(const struct mender *mender)
{
    int64_t pause = mender->look_us * PAUSE_TIMES;

    return pause > PAUSE_US ? pause : PAUSE_US;
}

static void rest(struct mender *mender, int64_t delay_us)
{
    drop_frame(mender);
    log_mend_end(&mender->mend);
    mender->state = MENDER_IDLE;
    peer_aim(&mender->peer, NO_BROKER);
    go_on(mender, delay_us);
}

static void stepped(struct mender *mender, enum error error)
{
    if (error == ERROR_CORRUPT && mender->replicas->registered)
        ask(mender);
    else if (error != ERROR_NONE)
        rest(mender, pause_us(mender));
    else
        rest(mender, 0);
}

static void mended(struct log_mend *mend, enum error error)
{
    struct mender *mender = container_of(mend, struct mender, mend);

    drop_frame(mender);
    if (mender->look_us == 0)
        mender->look_us =
            seam_of(mender)->now.monotonic_us - mender->begun_us + 1;
    stepped(mender, error);
}

static bool is_damaged(const struct partition *partition)
{
    return partition->log != NULL && partition->log->damaged &&
           partition->state_known && !partition->stopping &&
           !partition_is_offline(partition);
}

/* After the last one, in a circle; NULL when there is none. */
static struct partition *choose(struct mender *mender)
{
    struct partition *first = NULL;

    for (struct partition *at = replicas_first(mender->replicas); at != NULL;
         at = replicas_next(at)) {
        if (!is_damaged(at))
            continue;
        if (key_compare(&at->key, &mender->key) > 0)
            return at;
        if (first == NULL)
            first = at;
    }
    return first;
}

static void work(struct mender *mender)
{
    struct partition *partition = choose(mender);
    enum error error;

    if (partition == NULL)
        return;
    mender->state = MENDER_MENDING;
    mender->key = partition->key;
    mender->asked = 0;
    mender->begun_us = seam_of(mender)->now.monotonic_us;
    mender->look_us = 0;
    log_mend_begin(&mender->mend, partition->log, mended);
    error = log_mend_look(&mender->mend);
    if (error != ERROR_NONE)
        rest(mender, PAUSE_US);
}

/* ---- asking ---- */

/* The nth to be asked: the leader, then the others. NO_BROKER past them. */
static uint32_t candidate(const struct partition *partition, uint32_t nth)
{
    const struct partition_state *state = &partition->state;
    uint32_t self = replicas_self(partition->replicas).broker_id;

    if (state->leader != NO_BROKER && state->leader != self && nth-- == 0)
        return state->leader;
    for (uint32_t i = 0; i < state->replica_count; i++)
        if (state->replicas[i] != self && state->replicas[i] != state->leader &&
            nth-- == 0)
            return state->replicas[i];
    return NO_BROKER;
}

static void send_request(struct mender *mender)
{
    const struct replicas *replicas = mender->replicas;
    Kq__Message message = KQ__MESSAGE__INIT;
    Kq__FetchRequest request = KQ__FETCH_REQUEST__INIT;
    Kq__ReplicaIdentity identity = KQ__REPLICA_IDENTITY__INIT;
    Kq__FetchPartition part = KQ__FETCH_PARTITION__INIT;
    Kq__FetchPartition *parts = &part;

    part.topic_id.data = mender->key.topic_id.bytes;
    part.topic_id.len = sizeof mender->key.topic_id.bytes;
    part.partition = mender->key.partition;
    part.fetch_offset = (uint64_t)mender->mend.offset;
    part.max_bytes = BYTES_WANT;
    part.has_mends = part.mends = 1;
    identity.broker_id = replicas->options.broker_id;
    identity.broker_epoch = replicas->broker_epoch;
    request.replica = &identity;
    request.max_wait_ms = WAIT_MS;
    request.min_bytes = 1;
    request.max_bytes = BYTES_WANT;
    request.n_partitions = 1;
    request.partitions = &parts;
    message.body_case = KQ__MESSAGE__BODY_FETCH_REQUEST;
    message.fetch_request = &request;
    timer_stop(seam_of(mender)->timers, &mender->timer);
    mender->state = MENDER_ASKING;
    channel_call(&mender->peer.channel, &mender->call, &message, NULL, 0,
                 ANSWER_US);
}

/* Nobody has it. True: nobody needs it either. */
static bool give_up(struct mender *mender, struct partition *partition)
{
    partition->beyond_mending = true;
    if (partition_is_outdone(partition))
        replicas_report(partition->replicas);
    return log_mend_fill(&mender->mend, partition->state.log_start_floor) ==
           ERROR_NONE;
}

/* The one to be asked now; a pause when all were. */
static void ask(struct mender *mender)
{
    struct partition *partition = current(mender);
    uint32_t broker_id = NO_BROKER;

    if (partition != NULL)
        broker_id = candidate(partition, mender->asked);
    if (broker_id == NO_BROKER) {
        mender->asked = 0;
        mender->state = MENDER_MENDING;
        if (partition == NULL || !give_up(mender, partition))
            rest(mender, pause_us(mender));
        return; /* else mended() goes on */
    }
    mender->state = MENDER_CONNECTING;
    peer_aim(&mender->peer, broker_id);
    if (peer_ready(&mender->peer))
        send_request(mender);
    else
        go_on(mender, ANSWER_US);
}

static void ask_next(struct mender *mender)
{
    mender->asked++;
    ask(mender);
}

/* What was sent: the batches, if there are any. */
static enum error take(struct mender *mender, const struct partition *partition)
{
    const Kq__FetchPartitionResult *result;
    const Kq__FetchResponse *response;
    const struct frame *frame = mender->frame;

    if (frame->message->body_case != KQ__MESSAGE__BODY_FETCH_RESPONSE)
        return ERROR_BAD_FRAME;
    response = frame->message->fetch_response;
    if (response->n_partitions != 1)
        return ERROR_BAD_FRAME;
    result = response->partitions[0];
    if (result->error != ERROR_NONE)
        return error_from_code(result->error);
    mender->mend.from_leader = partition->role == PARTITION_FOLLOWER &&
                               result->has_leader_epoch &&
                               result->leader_epoch == partition->role_epoch;
    return log_mend_write(&mender->mend, frame->attachment,
                          frame->attachment_size);
}

static void answered(struct call *call, enum error error, struct frame *frame)
{
    struct mender *mender = container_of(call, struct mender, call);
    struct partition *partition = current(mender);

    mender->state = MENDER_MENDING;
    mender->frame = frame;
    if (partition == NULL || !mender->replicas->registered) {
        rest(mender, 0);
        return;
    }
    if (error == ERROR_NONE)
        error = take(mender, partition);
    if (error == ERROR_NONE) {
        mender->asked = 0; /* mended() goes on */
        return;
    }
    drop_frame(mender);
    if (error == ERROR_CANCELLED)
        rest(mender, PAUSE_US);
    else
        ask_next(mender);
}

static void fire(struct timer *timer)
{
    struct mender *mender = container_of(timer, struct mender, timer);

    if (mender->state == MENDER_IDLE)
        work(mender);
    else if (mender->state == MENDER_CONNECTING)
        ask_next(mender); /* no connection came about */
}

static void on_ready(struct peer_listener *listener)
{
    struct mender *mender = container_of(listener, struct mender, listener);

    if (mender->state == MENDER_CONNECTING && current(mender) != NULL)
        send_request(mender);
}

/* ---- life cycle ---- */

void mender_init(struct mender *mender, struct replicas *replicas)
{
    memset(mender, 0, sizeof *mender);
    mender->replicas = replicas;
    mender->call.done = answered;
    mender->timer.fire = fire;
    mender->listener.on_ready = on_ready;
    peer_init(&mender->peer, replicas->seam, &replicas->metadata->brokers,
              replicas->identity, &mender->listener);
}

void mender_release(struct mender *mender)
{
    timer_stop(seam_of(mender)->timers, &mender->timer);
    peer_release(&mender->peer); /* forgets the call */
    drop_frame(mender);
    if (!mender->mend.busy) /* else the disk goes, too */
        log_mend_end(&mender->mend);
}

void mender_kick(struct mender *mender)
{
    if (mender->state == MENDER_IDLE)
        go_on(mender, 0);
}
