/* SPDX-License-Identifier: Apache-2.0
 *
 * FetchRequest, of consumers (up to the high watermark) and followers (up to
 * the log end, with their position). One that finds too little is parked
 * until a partition moves on or its time is up. What is found leaves by
 * net_send_file(), straight from the log.
 */
#include "base/assert.h"
#include "seam/memory.h"
#include "seam/trace.h"
#include "server/internal.h"

#define REQUEST_PARTITIONS_MAX 10000
#define WAIT_MS_MAX            60000

struct fetch_part {
    struct partition_waiter waiter;
    struct fetch_request *fetch;
    const Kq__FetchPartition *request;
    struct partition_key key;
    enum error error;
    struct divergence divergence;
    /* of this evaluation */
    int64_t high_watermark;
    int64_t log_start_offset;
    uint32_t leader_epoch;
    bool leads; /* of a mender's: a leader answers, and not just anybody */
    int64_t limit;
    struct log_range range;
    bool cold; /* the log is making ready to read there */
};

struct fetch_request {
    struct session *session;
    struct frame *frame;
    const Kq__FetchRequest *request;
    bool is_follower;
    struct replica replica;
    struct list node;   /* of a follower: session->parked */
    struct timer timer; /* its time is up, or something woke it */
    int64_t until_us;
    bool woken;
    size_t part_count;
    struct fetch_part parts[];
};

static void unpark(struct fetch_request *fetch)
{
    timer_stop(fetch->session->broker->seam->timers, &fetch->timer);
    list_remove(&fetch->node);
    for (size_t i = 0; i < fetch->part_count; i++)
        list_remove(&fetch->parts[i].waiter.node);
}

static void release(struct fetch_request *fetch)
{
    struct session *session = fetch->session;

    unpark(fetch);
    frame_free(fetch->frame);
    heap_free(session->broker->seam->heap, fetch);
    session_request_end(session);
}

/* ---- the answer ---- */

static void note_served(struct fetch_request *fetch,
                        const struct fetch_part *part)
{
    struct fact fact = {
        .type = FACT_SERVED,
        .key = part->key,
        .leader_epoch = (int32_t)part->leader_epoch,
        .offset = (int64_t)part->request->fetch_offset,
        .end_offset = part->limit,
    };

    if (!fetch->is_follower && part->range.length > 0)
        trace_fact(fetch->session->broker->seam->trace, &fact);
}

static void fill_result(const struct fetch_part *part,
                        Kq__FetchPartitionResult *result)
{
    kq__fetch_partition_result__init(result);
    result->topic_id = part->request->topic_id;
    result->partition = part->request->partition;
    result->error = part->error;
    if (part->error == ERROR_OFFSET_OUT_OF_RANGE) {
        result->has_log_start_offset = 1;
        result->log_start_offset = (uint64_t)part->log_start_offset;
        result->has_diverging_end_offset = part->divergence.unknown;
        result->diverging_end_offset = (uint64_t)part->divergence.end_offset;
    }
    if (part->error != ERROR_NONE)
        return;
    result->has_leader_epoch = !part->request->mends || part->leads;
    result->leader_epoch = part->leader_epoch;
    if (part->divergence.diverges) { /* this and nothing else */
        result->has_diverging_epoch = 1;
        result->diverging_epoch = part->divergence.epoch;
        result->has_diverging_end_offset = 1;
        result->diverging_end_offset = (uint64_t)part->divergence.end_offset;
        return;
    }
    result->has_high_watermark = 1;
    result->high_watermark = (uint64_t)part->high_watermark;
    result->has_log_start_offset = 1;
    result->log_start_offset = (uint64_t)part->log_start_offset;
    result->has_attachment_length = part->range.length > 0;
    result->attachment_length = (uint32_t)part->range.length;
}

static void answer(struct fetch_request *fetch)
{
    struct session *session = fetch->session;
    struct heap *heap = session->broker->seam->heap;
    Kq__Message message = KQ__MESSAGE__INIT;
    Kq__FetchResponse response = KQ__FETCH_RESPONSE__INIT;
    size_t count = fetch->part_count;
    Kq__FetchPartitionResult *results =
        heap_alloc(heap, (count + 1) * sizeof *results);
    Kq__FetchPartitionResult **pointers =
        heap_alloc(heap, (count + 1) * sizeof *pointers);
    struct channel_piece *pieces =
        heap_alloc(heap, (count + 1) * sizeof *pieces);
    size_t piece_count = 0;

    for (size_t i = 0; i < count; i++) {
        const struct fetch_part *part = &fetch->parts[i];

        fill_result(part, &results[i]);
        pointers[i] = &results[i];
        if (!results[i].has_attachment_length)
            continue;
        pieces[piece_count++] = (struct channel_piece){
            .file = part->range.file,
            .offset = part->range.position,
            .length = part->range.length,
        };
        note_served(fetch, part);
    }
    response.n_partitions = count;
    response.partitions = pointers;
    message.correlation_id = fetch->frame->message->correlation_id;
    message.body_case = KQ__MESSAGE__BODY_FETCH_RESPONSE;
    message.fetch_response = &response;
    if (!session->closed)
        channel_send(&session->channel, &message, pieces, piece_count, NULL,
                     NULL);
    heap_free(heap, pieces);
    heap_free(heap, pointers);
    heap_free(heap, results);
    release(fetch);
}

/* ---- what is there ---- */

/* How far this reader may read, and whether it may. */
static enum error limit_of(struct fetch_request *fetch, struct fetch_part *part,
                           struct partition *partition)
{
    int64_t offset = (int64_t)part->request->fetch_offset;
    struct log *log = partition->log;
    enum error error =
        partition_check_leader(partition, part->request->has_leader_epoch,
                               part->request->leader_epoch);

    if (error != ERROR_NONE)
        return error;
    part->high_watermark = partition->high_watermark;
    part->log_start_offset = fetch->is_follower
                                 ? log->log_start_offset
                                 : partition_log_start(partition);
    part->leader_epoch = partition->role_epoch;
    part->limit =
        fetch->is_follower ? log->log_end_offset : partition->high_watermark;
    if (!fetch->is_follower && !partition_may_answer(partition))
        return ERROR_LEASE_EXPIRED;
    if (offset < part->log_start_offset || offset > log->log_end_offset)
        return ERROR_OFFSET_OUT_OF_RANGE;
    /* A reader at the end would be told a watermark behind what it has seen,
     * as long as a new leader does not know better (K9). */
    if (!fetch->is_follower && offset >= part->limit &&
        partition->high_watermark < partition->epoch_start_offset)
        return ERROR_OFFSET_NOT_AVAILABLE;
    return ERROR_NONE;
}

/* Who mends takes what is here, whatever may come of it: it knows by epoch
 * and offset whether that is what it had. */
static enum error limit_of_mender(struct fetch_part *part,
                                  const struct partition *partition)
{
    const struct log *log = partition->log;
    int64_t offset = (int64_t)part->request->fetch_offset;

    if (partition_is_offline(partition) || log->truncating)
        return ERROR_NOT_LEADER;
    part->log_start_offset = log->log_start_offset;
    part->leads = partition->role == PARTITION_LEADER;
    part->leader_epoch = partition->role_epoch;
    part->limit = log->log_end_offset;
    return offset < log->log_start_offset || offset > log->log_end_offset
               ? ERROR_OFFSET_OUT_OF_RANGE
               : ERROR_NONE;
}

/* Looks at one partition; the bytes found. */
static uint64_t evaluate_part(struct fetch_request *fetch,
                              struct fetch_part *part, uint32_t budget)
{
    struct partition *partition =
        replicas_find(&fetch->session->broker->replicas, &part->key);
    int64_t offset = (int64_t)part->request->fetch_offset;
    enum error error;

    part->range.length = 0;
    part->cold = false;
    if (part->error != ERROR_NONE || part->divergence.diverges)
        return 0;
    if (partition == NULL || partition->log == NULL) {
        part->error = ERROR_NOT_LEADER;
        return 0;
    }
    part->error = part->request->mends ? limit_of_mender(part, partition)
                                       : limit_of(fetch, part, partition);
    if (part->error != ERROR_NONE || offset >= part->limit)
        return 0;
    if (budget > part->request->max_bytes)
        budget = part->request->max_bytes;
    error =
        log_locate(partition->log, offset, part->limit, budget, &part->range);
    if (error == ERROR_AGAIN) { /* on_progress follows */
        part->range.length = 0;
        part->cold = true;
        return 0;
    }
    /* Others have it, and will give it soon: ask again. Else it is gone. */
    if (error == ERROR_CORRUPT && partition->state.isr.count > 1)
        error = ERROR_NOT_LEADER;
    part->error = error;
    if (error != ERROR_NONE)
        part->range.length = 0;
    return part->range.length;
}

/* A partition gives at least a batch, however little is asked for; only the
 * first one that gives anything may exceed what is asked for of all. The others
 * have their turn first when it asks again, as what it got takes its time. */
static bool finds_no_room(struct fetch_part *part, uint64_t found,
                          uint64_t left)
{
    if (found == 0 || part->range.length <= left)
        return false;
    part->range.length = 0;
    return true;
}

/* True when the answer can go. */
static bool evaluate(struct fetch_request *fetch)
{
    uint64_t found = 0;
    bool ready = false;

    for (size_t i = 0; i < fetch->part_count; i++) {
        struct fetch_part *part = &fetch->parts[i];
        uint64_t left = found < fetch->request->max_bytes
                            ? fetch->request->max_bytes - found
                            : 0;

        if (left == 0) {
            part->range.length = 0;
            continue;
        }
        evaluate_part(fetch, part, (uint32_t)left);
        if (finds_no_room(part, found, left))
            ready = true;
        found += part->range.length;
        if (part->error != ERROR_NONE || part->divergence.diverges)
            ready = true;
    }
    return ready || (found > 0 && found >= fetch->request->min_bytes);
}

/* ---- parking ---- */

/* Cold data is there when the log makes progress; the watermark does not
 * have to move for it. */
static struct list *waiters_of(const struct fetch_part *part,
                               struct partition *partition)
{
    return part->fetch->is_follower || part->cold
               ? &partition->data_waiters
               : &partition->watermark_waiters;
}

static void park(struct fetch_request *fetch)
{
    list_remove(&fetch->node);
    if (fetch->is_follower)
        list_append(&fetch->session->parked, &fetch->node);
    for (size_t i = 0; i < fetch->part_count; i++) {
        struct fetch_part *part = &fetch->parts[i];
        struct partition *partition =
            replicas_find(&fetch->session->broker->replicas, &part->key);

        list_remove(&part->waiter.node);
        if (partition != NULL)
            list_append(waiters_of(part, partition), &part->waiter.node);
    }
}

static void arm(struct fetch_request *fetch, int64_t at_us)
{
    timer_start(fetch->session->broker->seam->timers, &fetch->timer, at_us);
}

/* By a timer: a fetch waits for thousands of partitions, and one turn may
 * move all of them; it is looked at once. */
static void wake(struct partition_waiter *waiter)
{
    struct fetch_part *part = container_of(waiter, struct fetch_part, waiter);
    struct fetch_request *fetch = part->fetch;

    if (fetch->woken)
        return;
    fetch->woken = true;
    arm(fetch, fetch->session->broker->seam->now.monotonic_us);
}

/* The follower wants them back: their time is up. */
static void unpark_all(struct session *session)
{
    int64_t now_us = session->broker->seam->now.monotonic_us;

    list_for_each (node, &session->parked) {
        struct fetch_request *fetch =
            container_of(node, struct fetch_request, node);

        fetch->until_us = now_us;
        arm(fetch, now_us);
    }
}

static void timer_fire(struct timer *timer)
{
    struct fetch_request *fetch =
        container_of(timer, struct fetch_request, timer);
    int64_t now_us = fetch->session->broker->seam->now.monotonic_us;

    fetch->woken = false;
    if (fetch->session->closed) {
        release(fetch);
    } else if (evaluate(fetch) || now_us >= fetch->until_us) {
        answer(fetch);
    } else {
        arm(fetch, fetch->until_us);
        park(fetch);
    }
}

/* ---- the request ---- */

static void start_part(struct fetch_request *fetch, struct fetch_part *part)
{
    const Kq__FetchPartition *request = part->request;
    struct follower_fetch position;
    struct partition *partition =
        find_partition(fetch->session->broker, request->topic_id,
                       request->partition, &part->error);

    if (partition == NULL)
        return;
    part->key = partition->key;
    if (request->fetch_offset > INT64_MAX) {
        part->error = ERROR_INVALID_ARGUMENT;
        return;
    }
    if (request->mends) {
        if (!fetch->is_follower)
            part->error = ERROR_INVALID_ARGUMENT;
        return;
    }
    if (request->damaged && partition->log != NULL)
        log_suspect(partition->log, (int64_t)request->fetch_offset);
    if (!fetch->is_follower)
        return;
    if (partition->log != NULL)
        part->log_start_offset = partition->log->log_start_offset;
    if (!request->has_leader_epoch || !request->has_counted_offset ||
        !request->has_generation || request->counted_offset > INT64_MAX ||
        request->durable_offset > INT64_MAX ||
        request->refused_watermark > INT64_MAX) {
        part->error = ERROR_INVALID_ARGUMENT;
        return;
    }
    position = (struct follower_fetch){
        .replica = fetch->replica,
        .leader_epoch = request->leader_epoch,
        .fetch_offset = (int64_t)request->fetch_offset,
        .has_last_epoch = request->has_last_fetched_epoch,
        .last_epoch = request->last_fetched_epoch,
        .counted_offset = (int64_t)request->counted_offset,
        .durable_offset =
            (int64_t)(request->has_durable_offset ? request->durable_offset
                                                  : request->counted_offset),
        .generation = request->generation,
        .refused = request->has_refused_watermark,
        .refused_watermark = (int64_t)request->refused_watermark,
    };
    part->error =
        partition_follower_fetch(partition, &position, &part->divergence);
}

static struct fetch_request *fetch_new(struct session *session,
                                       struct frame *frame)
{
    const Kq__FetchRequest *request = frame->message->fetch_request;
    struct fetch_request *fetch = heap_alloc(
        session->broker->seam->heap,
        sizeof *fetch + request->n_partitions * sizeof fetch->parts[0]);

    fetch->session = session;
    fetch->frame = frame;
    fetch->request = request;
    fetch->is_follower = request->replica != NULL;
    if (fetch->is_follower)
        fetch->replica = (struct replica){request->replica->broker_id,
                                          request->replica->broker_epoch};
    fetch->part_count = request->n_partitions;
    list_init(&fetch->node);
    fetch->timer.fire = timer_fire;
    for (size_t i = 0; i < fetch->part_count; i++) {
        struct fetch_part *part = &fetch->parts[i];

        part->fetch = fetch;
        part->waiter.wake = wake;
        part->request = request->partitions[i];
        list_init(&part->waiter.node);
    }
    return fetch;
}

void handle_fetch(struct session *session, struct frame *frame)
{
    const Kq__FetchRequest *request = frame->message->fetch_request;
    struct seam *seam = session->broker->seam;
    struct fetch_request *fetch;
    int64_t wait_ms;

    if (request->n_partitions > REQUEST_PARTITIONS_MAX ||
        (request->replica != NULL && !session->channel.peer_is_broker)) {
        session_answer_error(session, frame->message->correlation_id,
                             ERROR_INVALID_ARGUMENT);
        frame_free(frame);
        return;
    }
    fetch = fetch_new(session, frame);
    session_request_begin(session);
    for (size_t i = 0; i < fetch->part_count; i++)
        start_part(fetch, &fetch->parts[i]);
    if (evaluate(fetch) || request->max_wait_ms == 0) {
        answer(fetch);
        return;
    }
    wait_ms =
        request->max_wait_ms < WAIT_MS_MAX ? request->max_wait_ms : WAIT_MS_MAX;
    fetch->until_us = seam->now.monotonic_us + wait_ms * 1000;
    arm(fetch, fetch->until_us);
    park(fetch);
}

static bool read_position(const Kq__ReplicaPositionPartition *part,
                          struct follower_fetch *position)
{
    position->leader_epoch = part->leader_epoch;
    position->counted_offset = (int64_t)part->counted_offset;
    position->durable_offset =
        (int64_t)(part->has_durable_offset ? part->durable_offset
                                           : part->counted_offset);
    position->generation = part->generation;
    return position->counted_offset >= 0 && position->durable_offset >= 0;
}

void handle_replica_position(struct session *session, struct frame *frame)
{
    const Kq__ReplicaPosition *message = frame->message->replica_position;
    struct follower_fetch position = {
        .replica = {message->replica->broker_id,
                    message->replica->broker_epoch}};

    for (size_t i = 0; i < message->n_partitions; i++) {
        const Kq__ReplicaPositionPartition *part = message->partitions[i];
        enum error error;
        struct partition *partition = find_partition(
            session->broker, part->topic_id, part->partition, &error);

        if (partition != NULL && read_position(part, &position))
            partition_follower_position(partition, &position);
    }
    if (message->has_unpark && message->unpark)
        unpark_all(session);
    frame_free(frame);
}
