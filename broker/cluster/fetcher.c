/* SPDX-License-Identifier: Apache-2.0
 *
 * Fetches under way and what comes back. A follower appends what it was
 * sent as it is, after checking both CRCs; it cuts its log only where the
 * leader says that they diverge, never by a high watermark (K1).
 */
#include "cluster/fetcher.h"

#include <string.h>

#include "base/assert.h"
#include "cluster/leader.h"
#include "cluster/replicas.h"
#include "seam/memory.h"
#include "seam/trace.h"

#define FETCH_BYTES_MAX  (8u << 20)
#define BACK_OFF_US      100000
#define BACK_OFF_FULL_US 1000000 /* no space: that does not change soon */
#define CALL_BACK_US     10000

/* One fetch request, and then the appends of its answer. */
struct fetch {
    struct fetcher *fetcher; /* NULL: the fetcher is gone */
    struct call call;
    struct list node;       /* fetcher->fetches, until answered */
    struct list partitions; /* of struct partition, FOLLOWER_FETCHING */
    struct frame *frame;    /* the answer, until its appends are done */
    unsigned appends;
    struct heap *heap;
};

struct follower_append {
    struct log_append append;
    struct fetch *fetch;
};

static void fetcher_run(struct fetcher *fetcher);

/* ---- a partition's way through ---- */

/* Gathers what this event frees or moves. */
static void run_soon(struct fetcher *fetcher)
{
    timer_start(fetcher->replicas->seam->timers, &fetcher->kick,
                fetcher->replicas->seam->now.monotonic_us);
}

static void set_idle(struct fetcher *fetcher, struct partition *partition)
{
    partition->step = FOLLOWER_IDLE;
    list_remove(&partition->fetch_node);
    list_append(&fetcher->idle, &partition->fetch_node);
    run_soon(fetcher);
}

static struct partition *waiting_partition(struct list *node)
{
    return container_of(node, struct partition, fetch_node);
}

static void back_off(struct fetcher *fetcher, struct partition *partition,
                     int64_t pause_us)
{
    struct seam *seam = fetcher->replicas->seam;
    struct list *after = &fetcher->waiting; /* in the order of their time */

    partition->step = FOLLOWER_WAITING;
    partition->retry_at_us = seam->now.monotonic_us + pause_us;
    list_remove(&partition->fetch_node);
    while (after->previous != &fetcher->waiting &&
           waiting_partition(after->previous)->retry_at_us >
               partition->retry_at_us)
        after = after->previous;
    list_append(after, &partition->fetch_node);
    timer_start(seam->timers, &fetcher->back_off,
                waiting_partition(list_first(&fetcher->waiting))->retry_at_us);
}

static void back_off_fire(struct timer *timer)
{
    struct fetcher *fetcher = container_of(timer, struct fetcher, back_off);
    struct seam *seam = fetcher->replicas->seam;

    list_for_each_safe (node, &fetcher->waiting) {
        struct partition *partition = waiting_partition(node);

        if (partition->retry_at_us > seam->now.monotonic_us) {
            timer_start(seam->timers, timer, partition->retry_at_us);
            return;
        }
        set_idle(fetcher, partition);
    }
}

void fetcher_add(struct fetcher *fetcher, struct partition *partition)
{
    struct log *log = partition->log;

    fetcher->partition_count++;
    partition->told_counted = NO_POSITION;
    partition->sent_damage = false;
    partition->refused = false;
    partition->outlived = false;
    partition->heard = false;
    partition->leader_high_watermark = 0;
    partition->has_last_epoch =
        log_epoch_before(log, log->next_offset, &partition->last_epoch);
    peer_aim(&fetcher->peer, fetcher->leader);
    set_idle(fetcher, partition);
}

void fetcher_remove(struct fetcher *fetcher, struct partition *partition)
{
    ASSERT(fetcher->partition_count > 0);
    fetcher->partition_count--;
    list_remove(&partition->fetch_node);
    list_remove(&partition->position_node);
    if (fetcher->partition_count == 0)
        peer_aim(&fetcher->peer, NO_BROKER);
}

/* ---- positions ---- */

/* Synced, and not past what the replica may be counted for. */
static uint64_t durable_of(const struct partition *partition)
{
    int64_t durable = partition->log->durable_end_offset;
    int64_t counted = partition->told_counted;

    return (uint64_t)(partition->log->damaged && counted < durable ? counted
                                                                   : durable);
}

static void send_position(struct fetcher *fetcher,
                          Kq__ReplicaPositionPartition **parts, size_t count,
                          bool unpark)
{
    struct replicas *replicas = fetcher->replicas;
    Kq__Message message = KQ__MESSAGE__INIT;
    Kq__ReplicaPosition position = KQ__REPLICA_POSITION__INIT;
    Kq__ReplicaIdentity identity = KQ__REPLICA_IDENTITY__INIT;

    identity.broker_id = replicas->options.broker_id;
    identity.broker_epoch = replicas->broker_epoch;
    position.replica = &identity;
    position.n_partitions = count;
    position.partitions = parts;
    position.has_unpark = position.unpark = unpark;
    message.body_case = KQ__MESSAGE__BODY_REPLICA_POSITION;
    message.replica_position = &position;
    channel_send(&fetcher->peer.channel, &message, NULL, 0, NULL, NULL);
}

static void send_positions(struct fetcher *fetcher)
{
    Kq__ReplicaPositionPartition parts[64];
    Kq__ReplicaPositionPartition *pointers[64];
    size_t count = 0;

    while (count < 64 && !list_empty(&fetcher->positions)) {
        struct partition *partition = container_of(
            list_pop(&fetcher->positions), struct partition, position_node);
        Kq__ReplicaPositionPartition *part = &parts[count];

        kq__replica_position_partition__init(part);
        part->topic_id.data = partition->key.topic_id.bytes;
        part->topic_id.len = sizeof partition->key.topic_id.bytes;
        part->partition = partition->key.partition;
        part->leader_epoch = partition->role_epoch;
        partition->told_counted = partition_counted_offset(partition);
        part->counted_offset = (uint64_t)partition->told_counted;
        part->generation = partition->log->generation;
        part->durable_offset = durable_of(partition);
        part->has_durable_offset = part->durable_offset != part->counted_offset;
        pointers[count++] = part;
    }
    send_position(fetcher, pointers, count, false);
}

void partition_set_leader_watermark(struct partition *partition,
                                    int64_t high_watermark)
{
    struct log *log = partition->log;
    struct fact fact = {
        .type = FACT_HIGH_WATERMARK,
        .key = partition->key,
        .leader_epoch = (int32_t)partition->role_epoch,
    };

    if (high_watermark > partition->leader_high_watermark)
        partition->leader_high_watermark = high_watermark;
    high_watermark = partition->leader_high_watermark;
    if (high_watermark > log->log_end_offset)
        high_watermark = log->log_end_offset;
    if (high_watermark <= partition->high_watermark)
        return;
    partition->high_watermark = high_watermark;
    log_set_high_watermark(log, high_watermark);
    fact.end_offset = high_watermark;
    trace_fact(partition_seam(partition)->trace, &fact);
    partition_apply_floor(partition);
}

void fetcher_progress(struct fetcher *fetcher, struct partition *partition)
{
    if (partition->step == FOLLOWER_CUTTING)
        return;
    partition_set_leader_watermark(partition, 0);
    if (partition_counted_offset(partition) <= partition->told_counted ||
        (partition->step != FOLLOWER_FETCHING &&
         fetcher->fetch_count < FETCHES_MAX))
        return; /* the next fetch says it */
    list_remove(&partition->position_node);
    list_append(&fetcher->positions, &partition->position_node);
    run_soon(fetcher);
}

static void recall_epoch(struct partition *partition)
{
    partition->has_last_epoch = log_epoch_before(
        partition->log, partition->log->next_offset, &partition->last_epoch);
}

void fetcher_taken_back(struct fetcher *fetcher, struct partition *partition)
{
    if (partition->step == FOLLOWER_CUTTING)
        return; /* cut_done() sees to it */
    recall_epoch(partition);
    back_off(fetcher, partition, BACK_OFF_FULL_US);
}

/* ---- cutting ---- */

static void cut_done(void *context, enum error error)
{
    struct partition *partition = context;

    partition->operations--;
    if (replicas_reap(partition) ||
        (error != ERROR_NONE && error != ERROR_CORRUPT))
        return; /* the directory is fenced */
    if (partition->high_watermark > partition->log->log_end_offset)
        partition->high_watermark = partition->log->log_end_offset;
    if (partition->role == PARTITION_FOLLOWER &&
        partition->step == FOLLOWER_CUTTING) {
        recall_epoch(partition);
        partition->told_counted = NO_POSITION;
        if (error == ERROR_NONE)
            set_idle(partition->fetcher, partition);
        else /* below the cut there is damage: it is mended first */
            back_off(partition->fetcher, partition, BACK_OFF_US);
    } else {
        partition_update(partition);
    }
}

static void cut_start(struct partition *partition)
{
    partition->step = FOLLOWER_CUTTING;
    list_remove(&partition->fetch_node);
    list_remove(&partition->position_node);
    partition->operations++;
}

static void say_refusal(struct partition *partition, int64_t end)
{
    struct seam *seam = partition_seam(partition);

    if (!partition_says(partition, &partition->refusal_said_us))
        return;
    SOMETIMES(seam->trace, CUT_REFUSED);
    trace_log(seam->trace, TRACE_ERROR,
              "partition %s/%u: the log of the leader, broker %u, leaves ours "
              "at offset %lld, and what is here below %lld is committed: the "
              "leader has lost records, and they are not cut off here. See "
              "\"A leader has lost records\" in docs/operations.md",
              partition->topic->name, partition->key.partition,
              partition->role_leader, (long long)end,
              (long long)partition->high_watermark);
}

static bool may_cut(const struct partition *partition, int64_t end)
{
    return partition_state_may_cut(&partition->state,
                                   log_last_epoch(partition->log),
                                   partition->high_watermark, end);
}

/* The logs part at or above our watermark, but nobody knows where: one of the
 * two is too old for the other's history. So the leader lacks nothing that is
 * known to be committed, and this log starts over, when nobody counts on it. */
static bool may_start_over(struct fetcher *fetcher, struct partition *partition,
                           int64_t latest)
{
    struct seam *seam = partition_seam(partition);
    struct fact fact = {.type = FACT_OUTLIVED,
                        .key = partition->key,
                        .leader_epoch = (int32_t)partition->role_epoch,
                        .end_offset = latest};

    if (!partition_spares_self(partition)) {
        if (!partition->outlived) {
            SOMETIMES(seam->trace, MEMBER_OUTLIVED);
            partition->outlived = true;
            partition->outdone_told = false;
            replicas_report(fetcher->replicas);
        }
        back_off(fetcher, partition, BACK_OFF_FULL_US);
        return false;
    }
    partition->outlived = false;
    trace_fact(seam->trace, &fact);
    SOMETIMES(seam->trace, FOLLOWER_OUTLIVED);
    trace_log(seam->trace, TRACE_WARN,
              "partition %s/%u: too many leader epochs have passed to tell "
              "where the log of the leader, broker %u, leaves ours: this "
              "replica starts over",
              partition->topic->name, partition->key.partition,
              partition->role_leader);
    return true;
}

/* The leader asks for a cut to `end`: not below what is known to be committed
 * (R11, decision 0023), unless the logs may well be the same up to there: they
 * part at `latest` at the latest. A refusal is told with the next fetch. */
static bool refuses(struct fetcher *fetcher, struct partition *partition,
                    int64_t end, int64_t latest)
{
    if (may_cut(partition, end))
        return false;
    if (may_cut(partition, latest))
        return !may_start_over(fetcher, partition, latest);
    say_refusal(partition, latest);
    back_off(fetcher, partition,
             partition->refused ? BACK_OFF_FULL_US : BACK_OFF_US);
    partition->refused = true;
    return true;
}

/* The leader's log leaves ours at `end` of `epoch` at the latest. */
static void diverged(struct fetcher *fetcher, struct partition *partition,
                     uint32_t epoch, int64_t end)
{
    struct seam *seam = partition_seam(partition);
    struct log *log = partition->log;
    int64_t latest;
    uint32_t found;
    int64_t own_end;

    if (log_epoch_end(log, epoch, &found, &own_end)) {
        if (own_end < end)
            end = own_end;
        if (end < log->log_start_offset)
            end = log->log_start_offset;
        latest = end;
    } else {
        own_end = log_epochs_start(log);
        latest = own_end < end ? own_end : end;
        end = log->log_start_offset;
    }
    if (refuses(fetcher, partition, end, latest))
        return;
    trace_log(seam->trace, TRACE_INFO,
              "partition %s/%u: cut from %lld to %lld, the leader's epoch %u",
              partition->topic->name, partition->key.partition,
              (long long)log->next_offset, (long long)end,
              partition->role_epoch);
    SOMETIMES(seam->trace, FOLLOWER_TRUNCATED);
    cut_start(partition);
    log_truncate(log, end, cut_done, partition);
}

/* The leader has nothing as old as what we ask for, or as our epochs, and
 * then the logs part at `latest` at the latest: start over there. */
static void out_of_range(struct fetcher *fetcher, struct partition *partition,
                         int64_t leader_start, int64_t latest)
{
    struct log *log = partition->log;

    if (leader_start < log->log_start_offset)
        leader_start = log->log_start_offset;
    if (refuses(fetcher, partition, leader_start,
                latest > leader_start ? latest : leader_start))
        return;
    SOMETIMES(partition_seam(partition)->trace, OUT_OF_RANGE_FOLLOWER);
    cut_start(partition);
    log_restart_at(log, leader_start, cut_done, partition);
    partition->high_watermark = leader_start;
}

/* ---- an answer ---- */

static void fetch_release(struct fetch *fetch)
{
    if (fetch->appends > 0)
        return;
    frame_free(fetch->frame);
    heap_free(fetch->heap, fetch);
}

static void append_done(struct log_append *append, enum error error)
{
    struct follower_append *follower =
        container_of(append, struct follower_append, append);
    struct fetch *fetch = follower->fetch;

    (void)error; /* cancelled by a cut, or the directory is fenced */
    heap_free(fetch->heap, follower);
    fetch->appends--;
    fetch_release(fetch);
}

/* The new whole batches in what was sent, checked. ERROR_NONE with size 0:
 * nothing new. */
static enum error check_batches(struct partition *partition,
                                const uint8_t *data, size_t size,
                                const uint8_t **from, size_t *take)
{
    struct log *log = partition->log;
    int64_t next = log->next_offset;
    size_t at = 0;

    *from = NULL;
    *take = 0;
    while (at < size) {
        struct batch_header header;
        enum error error = batch_check(
            data + at, size - at, (uint32_t)(64u << 20),
            &partition->key.topic_id, partition->key.partition, &header);

        if (error == ERROR_AGAIN)
            return ERROR_NONE; /* the last one is cut short */
        if (error != ERROR_NONE)
            return error;
        at += header.length;
        if (*from == NULL && batch_next_offset(&header) <= next)
            continue; /* from before what was asked for */
        if (header.base_offset != next ||
            header.leader_epoch > partition->role_epoch ||
            (partition->has_last_epoch &&
             header.leader_epoch < partition->last_epoch))
            return ERROR_CORRUPT_BATCH;
        if (*from == NULL)
            *from = data + at - header.length;
        *take += header.length;
        next = batch_next_offset(&header);
        partition->has_last_epoch = true;
        partition->last_epoch = header.leader_epoch;
    }
    /* what was asked for is sent in any case: they lie in its place */
    return size > 0 && *from == NULL ? ERROR_CORRUPT_BATCH : ERROR_NONE;
}

/* How long the partition has to back off; 0: it was taken. */
static int64_t append_batches(struct fetch *fetch, struct partition *partition,
                              const uint8_t *data, size_t size)
{
    struct follower_append *follower;
    const uint8_t *from;
    size_t take;
    enum error error = check_batches(partition, data, size, &from, &take);

    partition->sent_damage =
        error == ERROR_CORRUPT_BATCH || error == ERROR_INVALID_BATCH;
    if (error == ERROR_NONE && take == 0)
        return 0;
    if (error == ERROR_NONE) {
        follower = heap_alloc(fetch->heap, sizeof *follower);
        follower->fetch = fetch;
        follower->append.done = append_done;
        error = log_append(partition->log, &follower->append, from, take);
        if (error == ERROR_NONE) {
            fetch->appends++;
            return 0;
        }
        heap_free(fetch->heap, follower);
    }
    recall_epoch(partition);
    if (error == ERROR_DISK_FULL)
        return BACK_OFF_FULL_US; /* the directory has told it */
    trace_log(partition_seam(partition)->trace, TRACE_WARN,
              "partition %s/%u: what broker %u sent is not taken: %s",
              partition->topic->name, partition->key.partition,
              partition->role_leader, error_sentence(error));
    return BACK_OFF_US;
}

static void take_result(struct fetcher *fetcher, struct fetch *fetch,
                        struct partition *partition,
                        const Kq__FetchPartitionResult *result,
                        const uint8_t *data, size_t size)
{
    enum error error = error_from_code(result->error);
    int64_t pause_us;

    partition->heard |=
        error == ERROR_NONE || error == ERROR_OFFSET_OUT_OF_RANGE;
    if (error == ERROR_OFFSET_OUT_OF_RANGE && result->has_log_start_offset) {
        out_of_range(fetcher, partition, (int64_t)result->log_start_offset,
                     (int64_t)(result->has_diverging_end_offset
                                   ? result->diverging_end_offset
                                   : result->log_start_offset));
        return;
    }
    if (error != ERROR_NONE) {
        back_off(fetcher, partition, BACK_OFF_US);
        return;
    }
    if (result->has_diverging_epoch && result->has_diverging_end_offset) {
        diverged(fetcher, partition, result->diverging_epoch,
                 (int64_t)result->diverging_end_offset);
        return;
    }
    throttle_charge(&fetcher->replicas->throttle, partition, size);
    pause_us = append_batches(fetch, partition, data, size);
    if (pause_us > 0) {
        back_off(fetcher, partition, pause_us);
        return;
    }
    if (result->has_high_watermark)
        partition_set_leader_watermark(partition,
                                       (int64_t)result->high_watermark);
    set_idle(fetcher, partition);
}

/* The partition of a result, if it still waits for this fetch. */
static struct partition *partition_of(struct fetch *fetch,
                                      const Kq__FetchPartitionResult *result)
{
    struct partition_key key = {.partition = result->partition};
    struct partition *partition;

    if (!uuid_from_bytes(result->topic_id.data, result->topic_id.len,
                         &key.topic_id))
        return NULL;
    partition = replicas_find(fetch->fetcher->replicas, &key);
    if (partition == NULL)
        return NULL;
    list_for_each (node, &fetch->partitions) {
        if (node == &partition->fetch_node)
            return partition;
    }
    return NULL;
}

static void take_answer(struct fetcher *fetcher, struct fetch *fetch)
{
    const Kq__FetchResponse *response = fetch->frame->message->fetch_response;
    const uint8_t *data = fetch->frame->attachment;
    size_t left = fetch->frame->attachment_size;

    for (size_t i = 0; i < response->n_partitions; i++) {
        const Kq__FetchPartitionResult *result = response->partitions[i];
        size_t size = result->attachment_length;
        struct partition *partition = partition_of(fetch, result);

        if (size > left)
            break; /* lies about its length: the rest is not read */
        if (partition != NULL)
            take_result(fetcher, fetch, partition, result, data, size);
        data += size;
        left -= size;
    }
}

static void fetch_done(struct call *call, enum error error, struct frame *frame)
{
    struct fetch *fetch = container_of(call, struct fetch, call);
    struct fetcher *fetcher = fetch->fetcher;
    struct list *node;

    fetch->frame = frame;
    list_remove(&fetch->node);
    fetcher->fetch_count--;
    fetcher->called_back = false;
    if (error == ERROR_NONE &&
        frame->message->body_case == KQ__MESSAGE__BODY_FETCH_RESPONSE)
        take_answer(fetcher, fetch);
    else
        error = error != ERROR_NONE ? error : ERROR_BAD_FRAME;
    while ((node = list_first(&fetch->partitions)) != &fetch->partitions) {
        struct partition *partition =
            container_of(node, struct partition, fetch_node);

        if (error == ERROR_NONE)
            set_idle(fetcher, partition); /* nothing new for it */
        else
            back_off(fetcher, partition, BACK_OFF_US);
    }
    if (error == ERROR_TIMED_OUT) /* a peer that hears but does not answer */
        channel_close(&fetcher->peer.channel, error);
    fetch_release(fetch);
    fetcher_run(fetcher);
}

/* ---- a request ---- */

/* What is fetched at once is appended at once, into one segment: no more
 * than a segment takes, or retention by size would have to keep too much. */
static uint32_t bytes_wanted(const struct partition *partition)
{
    struct replicas *replicas = partition->replicas;
    uint32_t bytes = replicas->options.fetch_bytes;
    uint64_t segment = partition->log->settings.segment_bytes;

    throttle_pause_us(&replicas->throttle, partition, &replicas->seam->now,
                      &bytes);
    return bytes < segment ? bytes : (uint32_t)segment;
}

static void fill_part(struct partition *partition, Kq__FetchPartition *part)
{
    struct log *log = partition->log;

    kq__fetch_partition__init(part);
    part->topic_id.data = partition->key.topic_id.bytes;
    part->topic_id.len = sizeof partition->key.topic_id.bytes;
    part->partition = partition->key.partition;
    part->fetch_offset = (uint64_t)log->next_offset;
    part->max_bytes = bytes_wanted(partition);
    part->has_leader_epoch = 1;
    part->leader_epoch = partition->role_epoch;
    part->has_last_fetched_epoch = partition->has_last_epoch;
    part->last_fetched_epoch = partition->last_epoch;
    partition->told_counted = partition_counted_offset(partition);
    part->has_counted_offset = 1;
    part->counted_offset = (uint64_t)partition->told_counted;
    part->has_log_start_offset = 1;
    part->log_start_offset = (uint64_t)log->log_start_offset;
    part->has_generation = 1;
    part->generation = log->generation;
    part->durable_offset = durable_of(partition);
    part->has_durable_offset = part->durable_offset != part->counted_offset;
    part->has_damaged = part->damaged = partition->sent_damage;
    part->has_refused_watermark = partition->refused;
    part->refused_watermark = (uint64_t)partition->high_watermark;
}

/* Of all its partitions; a leader is not told how large a frame may be. */
static uint32_t bytes_at_once(const struct fetcher *fetcher)
{
    uint32_t half = fetcher->replicas->identity->frame_bytes_max / 2;

    return half < FETCH_BYTES_MAX ? half : FETCH_BYTES_MAX;
}

static void send_fetch(struct fetcher *fetcher, struct fetch *fetch,
                       Kq__FetchPartition **pointers, size_t count)
{
    const struct replicas_options *options = &fetcher->replicas->options;
    Kq__Message message = KQ__MESSAGE__INIT;
    Kq__FetchRequest request = KQ__FETCH_REQUEST__INIT;
    Kq__ReplicaIdentity identity = KQ__REPLICA_IDENTITY__INIT;

    identity.broker_id = options->broker_id;
    identity.broker_epoch = fetcher->replicas->broker_epoch;
    request.replica = &identity;
    request.max_wait_ms = (uint32_t)options->fetch_wait_ms;
    request.min_bytes = 1;
    request.max_bytes = bytes_at_once(fetcher);
    request.n_partitions = count;
    request.partitions = pointers;
    message.body_case = KQ__MESSAGE__BODY_FETCH_REQUEST;
    message.fetch_request = &request;
    channel_call(&fetcher->peer.channel, &fetch->call, &message, NULL, 0,
                 options->fetch_wait_ms * 1000 + options->lag_us / 2);
}

static void fetch_start(struct fetcher *fetcher)
{
    struct heap *heap = fetcher->replicas->seam->heap;
    struct fetch *fetch = heap_alloc(heap, sizeof *fetch);
    Kq__FetchPartition *parts;
    Kq__FetchPartition **pointers;
    size_t limit = fetcher->partition_count < FETCH_PARTITIONS_MAX
                       ? fetcher->partition_count
                       : FETCH_PARTITIONS_MAX;
    size_t count = 0;

    parts = heap_alloc(heap, limit * sizeof *parts);
    pointers = heap_alloc(heap, limit * sizeof *pointers);
    fetch->fetcher = fetcher;
    fetch->heap = heap;
    fetch->call.done = fetch_done;
    list_init(&fetch->node);
    list_init(&fetch->partitions);
    list_append(&fetcher->fetches, &fetch->node);
    fetcher->fetch_count++;
    while (count < limit && !list_empty(&fetcher->idle)) {
        struct list *node = list_pop(&fetcher->idle);
        struct partition *partition =
            container_of(node, struct partition, fetch_node);

        list_append(&fetch->partitions, node);
        list_remove(&partition->position_node);
        partition->step = FOLLOWER_FETCHING;
        fill_part(partition, &parts[count]);
        pointers[count] = &parts[count];
        count++;
    }
    fetcher->fetch_full = count == FETCH_PARTITIONS_MAX;
    send_fetch(fetcher, fetch, pointers, count);
    heap_free(heap, pointers);
    heap_free(heap, parts);
}

/* New replicas that have copied enough for now wait, and nobody with them. */
static void hold_back(struct fetcher *fetcher)
{
    struct replicas *replicas = fetcher->replicas;

    if (list_empty(&replicas->throttle.copying))
        return;
    list_for_each_safe (node, &fetcher->idle) {
        struct partition *partition =
            container_of(node, struct partition, fetch_node);
        uint32_t bytes = UINT32_MAX;
        int64_t pause_us = throttle_pause_us(&replicas->throttle, partition,
                                             &replicas->seam->now, &bytes);

        if (pause_us == 0)
            continue;
        SOMETIMES(replicas->seam->trace, COPY_THROTTLED);
        back_off(fetcher, partition, pause_us);
    }
}

/* All fetches are under way, maybe parked, and partitions wait for one. */
static void call_back(struct fetcher *fetcher)
{
    struct seam *seam = fetcher->replicas->seam;
    int64_t next_us = fetcher->called_back_us + CALL_BACK_US;

    if (fetcher->called_back || fetcher->fetch_full)
        return;
    if (seam->now.monotonic_us < next_us) {
        timer_start(seam->timers, &fetcher->kick, next_us);
        return;
    }
    fetcher->called_back = true;
    fetcher->called_back_us = seam->now.monotonic_us;
    SOMETIMES(seam->trace, FETCHES_CALLED_BACK);
    send_position(fetcher, NULL, 0, true);
}

static void fetcher_run(struct fetcher *fetcher)
{
    if (!peer_ready(&fetcher->peer))
        return;
    while (!list_empty(&fetcher->positions))
        send_positions(fetcher);
    hold_back(fetcher);
    while (!list_empty(&fetcher->idle) && fetcher->fetch_count < FETCHES_MAX)
        fetch_start(fetcher);
    if (!list_empty(&fetcher->idle))
        call_back(fetcher);
}

static void kick_fire(struct timer *timer)
{
    fetcher_run(container_of(timer, struct fetcher, kick));
}

/* ---- the connection ---- */

static void on_ready(struct peer_listener *listener)
{
    fetcher_run(container_of(listener, struct fetcher, listener));
}

struct fetcher *fetcher_new(struct replicas *replicas, uint32_t leader)
{
    struct fetcher *fetcher = heap_alloc(replicas->seam->heap, sizeof *fetcher);

    fetcher->replicas = replicas;
    fetcher->leader = leader;
    fetcher->called_back_us = replicas->seam->now.monotonic_us - CALL_BACK_US;
    list_init(&fetcher->node);
    list_init(&fetcher->idle);
    list_init(&fetcher->waiting);
    list_init(&fetcher->positions);
    list_init(&fetcher->fetches);
    fetcher->back_off.fire = back_off_fire;
    fetcher->kick.fire = kick_fire;
    fetcher->listener.on_ready = on_ready;
    peer_init(&fetcher->peer, replicas->seam, &replicas->metadata->brokers,
              replicas->identity, &fetcher->listener);
    return fetcher;
}

void fetcher_free(struct fetcher *fetcher)
{
    struct seam *seam = fetcher->replicas->seam;

    ASSERT(fetcher->partition_count == 0);
    timer_stop(seam->timers, &fetcher->back_off);
    timer_stop(seam->timers, &fetcher->kick);
    peer_release(&fetcher->peer); /* forgets the calls */
    list_for_each_safe (node, &fetcher->fetches) {
        struct fetch *fetch = container_of(node, struct fetch, node);

        list_remove(node);
        fetch_release(fetch);
    }
    list_remove(&fetcher->node);
    heap_free(seam->heap, fetcher);
}
