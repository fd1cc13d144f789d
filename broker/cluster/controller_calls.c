/* SPDX-License-Identifier: Apache-2.0
 *
 * ReplicaLost: once per registration and per controller, before any role is
 * taken, and again while a leader is outdone; in as many requests, one after
 * the other, as its replicas take. AlterPartition: the proposals of all leaders
 * here, one request at a time; a proposal stays until a newer state is seen.
 */
#include "cluster/controller_calls.h"

#include <string.h>

#include "base/assert.h"
#include "seam/memory.h"
#include "seam/trace.h"

#define CALL_TIMEOUT_US 5000000
#define RETRY_US        100000

/* ---- the report ---- */

struct lost_replica {
    struct partition_key key;
    bool outdone;
    uint32_t leader_epoch; /* when it is */
};

/* What is told is what was the case when it began, all of it: what is heard of
 * meanwhile is the next one's. */
struct report {
    uint32_t controller_epoch;
    int64_t registration_version;
    uint64_t changes_read;
    char **damaged; /* paths of znodes */
    size_t damaged_count;
    struct lost_replica *lost;
    size_t lost_count;
    size_t told; /* of these, by requests that were answered or are open */
};

static void report_free(struct replicas *replicas)
{
    struct heap *heap = replicas->seam->heap;
    struct report *report = replicas->report;

    if (report == NULL)
        return;
    for (size_t i = 0; i < report->damaged_count; i++)
        heap_free(heap, report->damaged[i]);
    heap_free(heap, report->damaged);
    heap_free(heap, report->lost);
    heap_free(heap, report);
    replicas->report = NULL;
}

static void report_later(struct replicas *replicas)
{
    if (!timer_running(&replicas->report_retry))
        timer_start(replicas->seam->timers, &replicas->report_retry,
                    replicas->seam->now.monotonic_us + RETRY_US);
}

static bool report_due(struct replicas *replicas)
{
    struct partition *partition;

    if (!replicas->reported ||
        replicas->reported_to != replicas->metadata->controller_epoch ||
        replicas->reported_version != replicas->registration_version)
        return true;
    for (partition = replicas_first(replicas); partition;
         partition = replicas_next(partition)) {
        if (partition->state_known &&
            (partition_is_lost(partition) ||
             (partition_is_outdone(partition) && !partition->outdone_told)))
            return true;
    }
    return false;
}

static void report_fire(struct timer *timer)
{
    struct replicas *replicas =
        container_of(timer, struct replicas, report_retry);

    if (report_due(replicas))
        replicas_report(replicas);
}

/* A call that timed out may have been made on a connection that died and
 * nobody was told. */
static void distrust(struct replicas *replicas)
{
    channel_close(&replicas->controller.channel, ERROR_TIMED_OUT);
}

/* All was told. */
static void report_end(struct replicas *replicas)
{
    struct partition *next;

    replicas->reported = true;
    replicas->reported_to = replicas->report->controller_epoch;
    replicas->reported_version = replicas->report->registration_version;
    report_free(replicas);
    for (struct partition *partition = replicas_first(replicas); partition;
         partition = next) {
        next = replicas_next(partition);
        partition_update(partition);
    }
}

static void report_send(struct replicas *replicas);

static void report_done(struct call *call, enum error error,
                        struct frame *frame)
{
    struct replicas *replicas =
        container_of(call, struct replicas, report_call);

    if (error == ERROR_NONE &&
        frame->message->body_case == KQ__MESSAGE__BODY_REPLICA_LOST_RESPONSE)
        error = error_from_code(frame->message->replica_lost_response->error);
    frame_free(frame);
    if (error == ERROR_TIMED_OUT)
        distrust(replicas);
    if (error == ERROR_TOO_LARGE)
        trace_log(replicas->seam->trace, TRACE_ERROR,
                  "%zu damaged znodes are too many to be told to the "
                  "controller: this broker takes no role until they are mended",
                  replicas->report->damaged_count);
    report_later(replicas); /* looks whether another one is due */
    if (error != ERROR_NONE || !replicas->registered)
        report_free(replicas);
    else if (replicas->report->told < replicas->report->lost_count)
        report_send(replicas);
    else
        report_end(replicas);
}

static size_t partition_count(struct replicas *replicas)
{
    struct partition *partition;
    size_t count = 0;

    for (partition = replicas_first(replicas); partition;
         partition = replicas_next(partition))
        count++;
    return count;
}

static void take_lost(struct replicas *replicas, struct report *report)
{
    struct partition *partition;

    report->lost =
        heap_alloc(replicas->seam->heap,
                   (partition_count(replicas) + 1) * sizeof *report->lost);
    for (partition = replicas_first(replicas); partition;
         partition = replicas_next(partition)) {
        bool outdone =
            partition_is_outdone(partition) && partition_is_whole(partition);

        /* also where the state known here does not name it: a leader may
         * have brought it in under the old registration meanwhile */
        if (!partition->state_known || partition_is_offline(partition) ||
            (partition_is_whole(partition) && !outdone))
            continue;
        report->lost[report->lost_count++] =
            (struct lost_replica){partition->key, outdone,
                                  outdone ? partition->state.leader_epoch : 0};
        partition->outdone_told = outdone;
    }
}

static void take_damaged(struct replicas *replicas, struct report *report)
{
    const struct defects *defects = &replicas->metadata->defects;
    struct heap *heap = replicas->seam->heap;
    size_t limit = 0;

    list_for_each (node, &defects->list)
        limit++;
    report->damaged = heap_alloc(heap, (limit + 1) * sizeof *report->damaged);
    list_for_each (node, &defects->list) {
        const struct defect *defect = container_of(node, struct defect, node);

        if (defect->source == DEFECT_SCAN)
            report->damaged[report->damaged_count++] =
                heap_strdup(heap, defect->path);
    }
}

static void fill_lost(Kq__LostReplica *part, struct lost_replica *lost)
{
    kq__lost_replica__init(part);
    part->topic_id.data = lost->key.topic_id.bytes;
    part->topic_id.len = sizeof lost->key.topic_id.bytes;
    part->partition = lost->key.partition;
    part->has_outdone = part->outdone = lost->outdone;
    part->has_leader_epoch = lost->outdone;
    part->leader_epoch = lost->leader_epoch;
}

/* As many as a request takes of what is not told yet, which may be none. */
static void report_send(struct replicas *replicas)
{
    struct heap *heap = replicas->seam->heap;
    struct report *report = replicas->report;
    Kq__Message message = KQ__MESSAGE__INIT;
    Kq__ReplicaLostRequest request = KQ__REPLICA_LOST_REQUEST__INIT;
    Kq__ReplicaIdentity identity = KQ__REPLICA_IDENTITY__INIT;
    size_t limit = replicas->options.request_partitions_max;
    Kq__LostReplica *parts = heap_alloc_unset(heap, limit * sizeof *parts);
    Kq__LostReplica **pointers =
        heap_alloc_unset(heap, limit * sizeof *pointers);

    while (report->told < report->lost_count && request.n_lost < limit) {
        pointers[request.n_lost] = &parts[request.n_lost];
        fill_lost(&parts[request.n_lost++], &report->lost[report->told++]);
    }
    request.lost = pointers;
    request.has_more = request.more = report->told < report->lost_count;
    identity.broker_id = replicas->options.broker_id;
    identity.broker_epoch = replicas->broker_epoch;
    request.broker = &identity;
    request.has_registration_version = report->registration_version > 0;
    request.registration_version = (uint32_t)report->registration_version;
    request.has_changes_read = 1;
    request.changes_read = report->changes_read;
    if (!request.more) {
        request.damaged = report->damaged;
        request.n_damaged = report->damaged_count;
    }
    message.body_case = KQ__MESSAGE__BODY_REPLICA_LOST_REQUEST;
    message.replica_lost_request = &request;
    channel_call(&replicas->controller.channel, &replicas->report_call,
                 &message, NULL, 0, CALL_TIMEOUT_US);
    heap_free(heap, pointers);
    heap_free(heap, parts);
}

void replicas_report(struct replicas *replicas)
{
    struct report *report;

    if (!replicas->registered || !replicas->metadata->ready ||
        replicas->registration_version < 0 || replicas->report != NULL ||
        !log_directories_in_life(replicas->directories,
                                 replicas->broker_epoch) ||
        !peer_ready(&replicas->controller)) {
        report_later(replicas);
        return;
    }
    report = heap_alloc(replicas->seam->heap, sizeof *report);
    report->controller_epoch = replicas->metadata->controller_epoch;
    report->registration_version = replicas->registration_version;
    report->changes_read = replicas->metadata->changes_read;
    take_lost(replicas, report);
    take_damaged(replicas, report);
    replicas->report = report;
    report_send(replicas);
}

/* ---- proposals ---- */

struct alter_part {
    Kq__AlterPartitionItem item;
    Kq__IsrMember members[REPLICAS_MAX];
    Kq__IsrMember *pointers[REPLICAS_MAX];
};

static void alter_run(struct replicas *replicas);

static void alter_in(struct replicas *replicas, int64_t delay_us)
{
    int64_t at_us = replicas->seam->now.monotonic_us + delay_us;

    if (!timer_running(&replicas->alter_retry) ||
        replicas->alter_retry.deadline_us > at_us)
        timer_start(replicas->seam->timers, &replicas->alter_retry, at_us);
}

/* What was proposed while a request was under way goes now; repetitions
 * wait. */
static void alter_rest(struct replicas *replicas)
{
    list_for_each (node, &replicas->alters) {
        struct partition *partition =
            container_of(node, struct partition, alter_node);

        alter_in(replicas, partition->alter_attempts > 0 ? RETRY_US : 0);
    }
}

static void alter_fire(struct timer *timer)
{
    alter_run(container_of(timer, struct replicas, alter_retry));
}

static void answer_all(struct replicas *replicas, enum error error)
{
    struct partition *partition;

    for (partition = replicas_first(replicas); partition;
         partition = replicas_next(partition)) {
        if (partition->alter_sent)
            partition_alter_done(partition, error);
    }
}

static void answer_each(struct replicas *replicas,
                        const Kq__AlterPartitionResponse *response)
{
    for (size_t i = 0; i < response->n_results; i++) {
        const Kq__AlterPartitionResult *result = response->results[i];
        struct partition_key key = {.partition = result->partition};
        struct partition *partition;

        if (!uuid_from_bytes(result->topic_id.data, result->topic_id.len,
                             &key.topic_id))
            continue;
        partition = replicas_find(replicas, &key);
        if (partition != NULL && partition->alter_sent)
            partition_alter_done(partition, error_from_code(result->error));
    }
}

static void alter_done(struct call *call, enum error error, struct frame *frame)
{
    struct replicas *replicas = container_of(call, struct replicas, alter_call);
    const Kq__AlterPartitionResponse *response = NULL;

    replicas->alter_open = false;
    if (error == ERROR_NONE && frame->message->body_case ==
                                   KQ__MESSAGE__BODY_ALTER_PARTITION_RESPONSE) {
        response = frame->message->alter_partition_response;
        error = error_from_code(response->error);
    }
    if (error == ERROR_NONE && response != NULL)
        answer_each(replicas, response);
    answer_all(replicas, error != ERROR_NONE ? error : ERROR_UNKNOWN);
    frame_free(frame);
    if (error == ERROR_TIMED_OUT)
        distrust(replicas);
    alter_rest(replicas);
}

static void fill_alter(struct partition *partition, struct alter_part *part)
{
    const struct replica_set *isr = partition->retracting
                                        ? &partition->state.isr
                                        : &partition->proposed_isr;
    Kq__AlterPartitionItem *item = &part->item;

    kq__alter_partition_item__init(item);
    item->topic_id.data = partition->key.topic_id.bytes;
    item->topic_id.len = sizeof partition->key.topic_id.bytes;
    item->partition = partition->key.partition;
    item->leader_epoch = partition->role_epoch;
    item->partition_epoch = partition->proposed_at;
    for (uint32_t i = 0; i < isr->count; i++) {
        Kq__IsrMember *member = &part->members[i];

        kq__isr_member__init(member);
        member->broker_id = isr->members[i].broker_id;
        member->broker_epoch = isr->members[i].broker_epoch;
        part->pointers[i] = member;
    }
    item->n_isr = isr->count;
    item->isr = part->pointers;
    item->has_log_start_floor =
        partition->proposed_floor > 0 && !partition->retracting;
    item->log_start_floor = (uint64_t)partition->proposed_floor;
    item->has_synced = partition->proposed_synced && !partition->retracting;
    item->synced = 1;
    item->has_resigns = partition->resigning && !partition->retracting;
    item->resigns = 1;
}

static void send_alters(struct replicas *replicas)
{
    struct heap *heap = replicas->seam->heap;
    Kq__Message message = KQ__MESSAGE__INIT;
    Kq__AlterPartitionRequest request = KQ__ALTER_PARTITION_REQUEST__INIT;
    Kq__ReplicaIdentity identity = KQ__REPLICA_IDENTITY__INIT;
    size_t limit = replicas->options.request_partitions_max;
    struct alter_part *parts = heap_alloc_unset(heap, limit * sizeof *parts);
    Kq__AlterPartitionItem **pointers =
        heap_alloc_unset(heap, limit * sizeof *pointers);
    struct list *node;
    size_t count = 0;

    while (count < limit && (node = list_pop(&replicas->alters)) != NULL) {
        struct partition *partition =
            container_of(node, struct partition, alter_node);

        partition->alter_sent = true;
        partition->alter_attempts++;
        fill_alter(partition, &parts[count]);
        pointers[count] = &parts[count].item;
        count++;
    }
    identity.broker_id = replicas->options.broker_id;
    identity.broker_epoch = replicas->broker_epoch;
    request.broker = &identity;
    request.n_items = count;
    request.items = pointers;
    message.body_case = KQ__MESSAGE__BODY_ALTER_PARTITION_REQUEST;
    message.alter_partition_request = &request;
    replicas->alter_open = true;
    channel_call(&replicas->controller.channel, &replicas->alter_call, &message,
                 NULL, 0, CALL_TIMEOUT_US);
    heap_free(heap, pointers);
    heap_free(heap, parts);
}

static void alter_run(struct replicas *replicas)
{
    if (list_empty(&replicas->alters) || replicas->alter_open)
        return;
    if (replicas->registered && peer_ready(&replicas->controller))
        send_alters(replicas);
    else
        alter_in(replicas, RETRY_US);
}

void replicas_want_alter(struct replicas *replicas, struct partition *partition)
{
    list_remove(&partition->alter_node);
    list_append(&replicas->alters, &partition->alter_node);
    /* The first goes at the next turn, repetitions wait. */
    alter_in(replicas, partition->alter_attempts > 0 ? RETRY_US : 0);
}

/* ---- the channel ---- */

static void on_ready(struct peer_listener *listener)
{
    struct replicas *replicas =
        container_of(listener, struct replicas, controller_listener);

    if (replicas->registered && report_due(replicas))
        replicas_report(replicas);
    alter_run(replicas);
}

static void on_lost(struct peer_listener *listener, enum error error)
{
    struct replicas *replicas =
        container_of(listener, struct replicas, controller_listener);

    (void)error;
    /* It may have died: who is it now? */
    if (replicas->metadata->ready)
        metadata_refresh_brokers(replicas->metadata);
}

void replicas_on_brokers(struct replicas *replicas)
{
    peer_aim(&replicas->controller, replicas->registered
                                        ? replicas->metadata->controller_id
                                        : NO_BROKER);
    if (replicas->registered && replicas->metadata->ready &&
        report_due(replicas))
        replicas_report(replicas);
    /* who was not known to be alive may join now */
    replicas_review_at(replicas, replicas->seam->now.monotonic_us);
}

void controller_calls_init(struct replicas *replicas)
{
    replicas->report_call.done = report_done;
    replicas->alter_call.done = alter_done;
    replicas->report_retry.fire = report_fire;
    replicas->alter_retry.fire = alter_fire;
    replicas->controller_listener.on_ready = on_ready;
    replicas->controller_listener.on_lost = on_lost;
    peer_init(&replicas->controller, replicas->seam,
              &replicas->metadata->brokers, replicas->identity,
              &replicas->controller_listener);
}

void controller_calls_suspend(struct replicas *replicas)
{
    timer_stop(replicas->seam->timers, &replicas->report_retry);
    timer_stop(replicas->seam->timers, &replicas->alter_retry);
    peer_aim(&replicas->controller, NO_BROKER);
}

void controller_calls_release(struct replicas *replicas)
{
    timer_stop(replicas->seam->timers, &replicas->report_retry);
    timer_stop(replicas->seam->timers, &replicas->alter_retry);
    peer_release(&replicas->controller);
    report_free(replicas);
}
