/* SPDX-License-Identifier: Apache-2.0
 *
 * ProduceRequest: each batch is checked, stamped where it was received and
 * appended from there; the frame lives until the last append is done. The
 * answer goes when every partition has its acknowledgement, an error, or
 * the time is up.
 */
#include "base/assert.h"
#include "seam/memory.h"
#include "seam/trace.h"
#include "server/internal.h"

#define PRODUCE_PARTITIONS_MAX 10000
#define TIMEOUT_MS_MAX         600000

struct produce_part {
    struct produce *produce;
    struct log_append append;
    struct ack_waiter ack;
    const Kq__ProducePartition *request;
    struct partition_key key;
    uint32_t leader_epoch;
    bool waiting; /* for its acknowledgement */
    enum error error;
    int64_t base_offset;
    int64_t log_start_offset;
};

struct produce {
    struct session *session;
    struct frame *frame;
    uint64_t correlation_id;
    int32_t acks;
    struct timer timer;
    size_t appends; /* in flight: the frame is still needed */
    size_t waiting;
    bool started; /* every part was looked at */
    bool answered;
    size_t part_count;
    struct produce_part parts[];
};

static void note_acknowledged(struct produce *produce,
                              const struct produce_part *part)
{
    struct fact fact = {
        .type = FACT_ACKNOWLEDGED,
        .key = part->key,
        .leader_epoch = (int32_t)part->leader_epoch,
        .offset = part->base_offset,
        .end_offset = part->ack.end_offset,
        .value = produce->acks,
    };

    trace_fact(produce->session->broker->seam->trace, &fact);
}

static void send_answer(struct produce *produce)
{
    struct heap *heap = produce->session->broker->seam->heap;
    Kq__Message message = KQ__MESSAGE__INIT;
    Kq__ProduceResponse response = KQ__PRODUCE_RESPONSE__INIT;
    size_t count = produce->part_count;
    Kq__ProducePartitionResult *results =
        heap_alloc(heap, (count + 1) * sizeof *results);
    Kq__ProducePartitionResult **pointers =
        heap_alloc(heap, (count + 1) * sizeof *pointers);

    for (size_t i = 0; i < count; i++) {
        const struct produce_part *part = &produce->parts[i];
        Kq__ProducePartitionResult *result = &results[i];

        kq__produce_partition_result__init(result);
        result->topic_id = part->request->topic_id;
        result->partition = part->request->partition;
        result->error = part->error;
        result->has_base_offset = part->error == ERROR_NONE;
        result->base_offset = (uint64_t)part->base_offset;
        result->has_log_start_offset = part->error == ERROR_NONE;
        result->log_start_offset = (uint64_t)part->log_start_offset;
        pointers[i] = result;
        if (part->error == ERROR_NONE)
            note_acknowledged(produce, part);
    }
    response.n_partitions = count;
    response.partitions = pointers;
    message.body_case = KQ__MESSAGE__BODY_PRODUCE_RESPONSE;
    message.produce_response = &response;
    session_answer(produce->session, produce->correlation_id, &message);
    heap_free(heap, pointers);
    heap_free(heap, results);
}

/* Answers when nothing is waited for any more; frees when, besides, no append
 * needs the frame. */
static void settle(struct produce *produce)
{
    struct session *session = produce->session;
    struct seam *seam = session->broker->seam;

    if (!produce->started || produce->waiting > 0)
        return;
    if (!produce->answered) {
        produce->answered = true;
        timer_stop(seam->timers, &produce->timer);
        if (produce->acks != 0)
            send_answer(produce);
    }
    if (produce->appends > 0)
        return;
    frame_free(produce->frame);
    heap_free(seam->heap, produce);
    session_request_end(session);
}

static void part_done(struct produce_part *part, enum error error)
{
    if (!part->waiting)
        return;
    part->waiting = false;
    part->error = error;
    list_remove(&part->ack.node);
    ASSERT(part->produce->waiting > 0);
    part->produce->waiting--;
}

static void ack_done(struct ack_waiter *waiter, enum error error)
{
    struct produce_part *part = container_of(waiter, struct produce_part, ack);

    part_done(part, error);
    settle(part->produce);
}

static void append_done(struct log_append *append, enum error error)
{
    struct produce_part *part =
        container_of(append, struct produce_part, append);
    struct produce *produce = part->produce;

    produce->appends--;
    if (error != ERROR_NONE)
        part_done(part, error);
    settle(produce);
}

static void timer_fire(struct timer *timer)
{
    struct produce *produce = container_of(timer, struct produce, timer);

    for (size_t i = 0; i < produce->part_count; i++)
        part_done(&produce->parts[i], ERROR_TIMED_OUT);
    settle(produce);
}

static void start_part(struct produce_part *part, uint8_t *batch, size_t size)
{
    struct produce *produce = part->produce;
    struct broker *broker = produce->session->broker;
    enum error error;
    struct partition *partition = find_partition(
        broker, part->request->topic_id, part->request->partition, &error);

    part->error = error;
    if (partition == NULL)
        return;
    part->key = partition->key;
    part->leader_epoch = partition->role_epoch;
    part->append.done = append_done;
    part->ack.done = ack_done;
    error = partition_append(partition, produce->acks, &part->append, batch,
                             size, &part->base_offset);
    part->error = error;
    if (error == ERROR_NONE)
        produce->appends++;
    if (error != ERROR_NONE && error != ERROR_DUPLICATE_SEQUENCE)
        return;
    part->error = ERROR_NONE;
    part->log_start_offset = partition->log->log_start_offset;
    if (produce->acks == 0)
        return;
    /* A duplicate is acknowledged when what it repeats is. */
    part->ack.end_offset = part->base_offset + load_u32(batch + 40) + 1;
    part->waiting = true;
    produce->waiting++;
    partition_wait_ack(partition, produce->acks, &part->ack);
}

/* Offsets are waited for in their order, so what is there already is
 * acknowledged at once. */
static void settle_parts(struct produce *produce)
{
    struct broker *broker = produce->session->broker;

    for (size_t i = 0; i < produce->part_count; i++) {
        struct produce_part *part = &produce->parts[i];
        struct partition *partition =
            part->waiting ? replicas_find(&broker->replicas, &part->key) : NULL;

        if (partition == NULL)
            continue;
        if (produce->acks == -1 &&
            part->ack.end_offset <= partition->high_watermark)
            part_done(part, ERROR_NONE);
        else if (produce->acks == 1 &&
                 part->ack.end_offset <= log_counted_offset(partition->log))
            part_done(part, ERROR_NONE); /* the append found the lease held */
    }
}

/* Whether the attachment is as long as its parts say, and the request is
 * one that can be served. */
static bool well_formed(const struct frame *frame)
{
    const Kq__ProduceRequest *request = frame->message->produce_request;
    size_t left = frame->attachment_size;

    if (request->acks < -1 || request->acks > 1 ||
        request->n_partitions > PRODUCE_PARTITIONS_MAX)
        return false;
    for (size_t i = 0; i < request->n_partitions; i++) {
        uint32_t size = request->partitions[i]->attachment_length;

        if (size > left || size < BATCH_HEADER_BYTES)
            return false;
        left -= size;
    }
    return left == 0;
}

void handle_produce(struct session *session, struct frame *frame)
{
    struct seam *seam = session->broker->seam;
    const Kq__ProduceRequest *request = frame->message->produce_request;
    struct produce *produce;
    uint8_t *batch = frame->attachment;
    int64_t timeout_ms;

    if (!well_formed(frame)) {
        session_answer_error(session, frame->message->correlation_id,
                             ERROR_INVALID_ARGUMENT);
        frame_free(frame);
        return;
    }
    produce =
        heap_alloc(seam->heap, sizeof *produce + request->n_partitions *
                                                     sizeof produce->parts[0]);
    produce->session = session;
    produce->frame = frame;
    produce->correlation_id = frame->message->correlation_id;
    produce->acks = request->acks;
    produce->part_count = request->n_partitions;
    produce->timer.fire = timer_fire;
    session_request_begin(session);
    timeout_ms = request->timeout_ms < TIMEOUT_MS_MAX ? request->timeout_ms
                                                      : TIMEOUT_MS_MAX;
    timer_start(seam->timers, &produce->timer,
                seam->now.monotonic_us + timeout_ms * 1000);
    for (size_t i = 0; i < produce->part_count; i++) {
        struct produce_part *part = &produce->parts[i];

        part->produce = produce;
        part->request = request->partitions[i];
        start_part(part, batch, part->request->attachment_length);
        batch += part->request->attachment_length;
    }
    settle_parts(produce);
    produce->started = true;
    settle(produce);
}
