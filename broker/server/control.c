/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests to the controller: each becomes an intent and is answered when
 * the intent is.
 */
#include <string.h>

#include "base/assert.h"
#include "seam/memory.h"
#include "server/internal.h"

struct control {
    struct intent intent;
    struct session *session;
    struct frame *frame; /* what the intent's texts point into */
    uint64_t correlation_id;
    Kq__Message__BodyCase answer;
};

/* ---- answers ---- */

static void answer_topic(struct control *control)
{
    struct intent *intent = &control->intent;
    Kq__Message message = KQ__MESSAGE__INIT;
    Kq__CreateTopicResponse created = KQ__CREATE_TOPIC_RESPONSE__INIT;
    Kq__DeleteTopicResponse deleted = KQ__DELETE_TOPIC_RESPONSE__INIT;
    Kq__AlterTopicResponse altered = KQ__ALTER_TOPIC_RESPONSE__INIT;
    char *detail = *intent->detail ? intent->detail : NULL;

    message.body_case = control->answer;
    if (control->answer == KQ__MESSAGE__BODY_CREATE_TOPIC_RESPONSE) {
        created.error = intent->error;
        created.detail = detail;
        created.has_topic_id = intent->error == ERROR_NONE;
        created.topic_id.data = intent->topic_id.bytes;
        created.topic_id.len = sizeof intent->topic_id.bytes;
        message.create_topic_response = &created;
    } else if (control->answer == KQ__MESSAGE__BODY_ALTER_TOPIC_RESPONSE) {
        altered.error = intent->error;
        altered.detail = detail;
        message.alter_topic_response = &altered;
    } else {
        deleted.error = intent->error;
        deleted.detail = detail;
        message.delete_topic_response = &deleted;
    }
    session_answer(control->session, control->correlation_id, &message);
}

static void answer_alter(struct control *control)
{
    struct intent *intent = &control->intent;
    struct heap *heap = control->session->broker->seam->heap;
    Kq__Message message = KQ__MESSAGE__INIT;
    Kq__AlterPartitionResponse response = KQ__ALTER_PARTITION_RESPONSE__INIT;
    size_t count = intent->item_count;
    Kq__AlterPartitionResult *results =
        heap_alloc(heap, (count + 1) * sizeof *results);
    Kq__AlterPartitionResult **pointers =
        heap_alloc(heap, (count + 1) * sizeof *pointers);

    for (size_t i = 0; i < count; i++) {
        struct intent_item *item = &intent->items[i];

        kq__alter_partition_result__init(&results[i]);
        results[i].topic_id.data = item->topic_id.bytes;
        results[i].topic_id.len = sizeof item->topic_id.bytes;
        results[i].partition = item->partition;
        results[i].error = item->error;
        pointers[i] = &results[i];
    }
    response.error = intent->error;
    response.n_results = intent->error == ERROR_NONE ? count : 0;
    response.results = pointers;
    message.body_case = control->answer;
    message.alter_partition_response = &response;
    session_answer(control->session, control->correlation_id, &message);
    heap_free(heap, pointers);
    heap_free(heap, results);
}

static void answer_lost(struct control *control)
{
    Kq__Message message = KQ__MESSAGE__INIT;
    Kq__ReplicaLostResponse response = KQ__REPLICA_LOST_RESPONSE__INIT;

    response.error = control->intent.error;
    message.body_case = control->answer;
    message.replica_lost_response = &response;
    session_answer(control->session, control->correlation_id, &message);
}

static void answer_elect(struct control *control)
{
    struct intent *intent = &control->intent;
    Kq__Message message = KQ__MESSAGE__INIT;
    Kq__ElectLeadersResponse response = KQ__ELECT_LEADERS_RESPONSE__INIT;

    response.error = intent->error;
    response.has_moved = response.has_left = 1;
    response.moved = intent->moved;
    response.left = intent->left;
    response.detail = *intent->detail ? intent->detail : NULL;
    message.body_case = control->answer;
    message.elect_leaders_response = &response;
    session_answer(control->session, control->correlation_id, &message);
}

static void answer_reassign(struct control *control)
{
    struct intent *intent = &control->intent;
    struct heap *heap = control->session->broker->seam->heap;
    Kq__Message message = KQ__MESSAGE__INIT;
    Kq__ReassignResponse response = KQ__REASSIGN_RESPONSE__INIT;
    size_t count = intent->item_count;
    Kq__ReassignResult *results =
        heap_alloc(heap, (count + 1) * sizeof *results);
    Kq__ReassignResult **pointers =
        heap_alloc(heap, (count + 1) * sizeof *pointers);

    for (size_t i = 0; i < count; i++) {
        struct reassignment *item = &intent->reassignments[i];

        kq__reassign_result__init(&results[i]);
        results[i].topic = (char *)(uintptr_t)item->topic;
        results[i].partition = item->partition;
        results[i].error = item->error;
        results[i].detail = *item->detail ? item->detail : NULL;
        pointers[i] = &results[i];
    }
    response.error = intent->error;
    response.n_results = intent->error == ERROR_NONE ? count : 0;
    response.results = pointers;
    message.body_case = control->answer;
    message.reassign_response = &response;
    session_answer(control->session, control->correlation_id, &message);
    heap_free(heap, pointers);
    heap_free(heap, results);
}

static void control_done(struct intent *intent)
{
    struct control *control = container_of(intent, struct control, intent);
    struct session *session = control->session;
    struct heap *heap = session->broker->seam->heap;

    switch (intent->kind) {
    case INTENT_CREATE_TOPIC:
    case INTENT_DELETE_TOPIC:
    case INTENT_ALTER_TOPIC:
        answer_topic(control);
        break;
    case INTENT_ALTER:
        answer_alter(control);
        break;
    case INTENT_REPLICA_LOST:
        answer_lost(control);
        break;
    case INTENT_ELECT:
    case INTENT_ELECT_UNCLEAN:
        answer_elect(control);
        break;
    case INTENT_REASSIGN:
        answer_reassign(control);
        break;
    }
    heap_free(heap, (void *)(uintptr_t)intent->configs);
    heap_free(heap, intent->items);
    heap_free(heap, intent->reassignments);
    frame_free(control->frame);
    heap_free(heap, control);
    session_request_end(session);
}

/* ---- requests ---- */

static struct control *control_new(struct session *session, struct frame *frame,
                                   enum intent_kind kind,
                                   Kq__Message__BodyCase answer)
{
    struct control *control =
        heap_alloc(session->broker->seam->heap, sizeof *control);

    control->session = session;
    control->frame = frame;
    control->correlation_id = frame->message->correlation_id;
    control->answer = answer;
    control->intent.kind = kind;
    control->intent.done = control_done;
    session_request_begin(session);
    return control;
}

static void submit(struct control *control)
{
    controller_submit(&control->session->broker->controller, &control->intent);
}

static void items_alloc(struct control *control, size_t count)
{
    control->intent.item_count = count;
    control->intent.items =
        heap_alloc(control->session->broker->seam->heap,
                   (count + 1) * sizeof *control->intent.items);
}

void handle_create_topic(struct session *session, struct frame *frame)
{
    const Kq__CreateTopicRequest *request =
        frame->message->create_topic_request;
    struct control *control =
        control_new(session, frame, INTENT_CREATE_TOPIC,
                    KQ__MESSAGE__BODY_CREATE_TOPIC_RESPONSE);
    struct intent_config *configs =
        heap_alloc(session->broker->seam->heap,
                   (request->n_configs + 1) * sizeof *configs);
    const struct config *config = session->broker->config;

    for (size_t i = 0; i < request->n_configs; i++) {
        configs[i].key = request->configs[i]->key;
        configs[i].value = request->configs[i]->value;
    }
    control->intent.name = request->name;
    control->intent.partition_count =
        request->partition_count ? request->partition_count
                                 : (uint32_t)config->default_partitions;
    control->intent.replication_factor =
        request->replication_factor ? request->replication_factor
                                    : (uint32_t)config->default_replicas;
    control->intent.configs = configs;
    control->intent.config_count = request->n_configs;
    submit(control);
}

void handle_delete_topic(struct session *session, struct frame *frame)
{
    struct control *control =
        control_new(session, frame, INTENT_DELETE_TOPIC,
                    KQ__MESSAGE__BODY_DELETE_TOPIC_RESPONSE);

    control->intent.name = frame->message->delete_topic_request->name;
    submit(control);
}

void handle_alter_topic(struct session *session, struct frame *frame)
{
    const Kq__AlterTopicRequest *request = frame->message->alter_topic_request;
    struct control *control =
        control_new(session, frame, INTENT_ALTER_TOPIC,
                    KQ__MESSAGE__BODY_ALTER_TOPIC_RESPONSE);
    struct intent_config *configs =
        heap_alloc(session->broker->seam->heap,
                   (request->n_changes + 1) * sizeof *configs);

    for (size_t i = 0; i < request->n_changes; i++) {
        configs[i].key = request->changes[i]->key;
        configs[i].value = request->changes[i]->value;
    }
    control->intent.name = request->name;
    control->intent.partition_count = request->partition_count;
    control->intent.partitions_known = request->known_partition_count;
    control->intent.configs = configs;
    control->intent.config_count = request->n_changes;
    submit(control);
}

void handle_elect_leaders(struct session *session, struct frame *frame)
{
    const Kq__ElectLeadersRequest *request =
        frame->message->elect_leaders_request;
    struct control *control = control_new(
        session, frame, INTENT_ELECT, KQ__MESSAGE__BODY_ELECT_LEADERS_RESPONSE);

    control->intent.name = request->topic;
    if (request->unclean != NULL) {
        control->intent.kind = INTENT_ELECT_UNCLEAN;
        items_alloc(control, 1);
        control->intent.items[0].partition = request->unclean->partition;
        control->intent.items[0].broker_id = request->unclean->broker_id;
        if (request->topic == NULL)
            control->intent.name = "";
    }
    submit(control);
}

/* More brokers than there can be are refused by their number. */
static void read_reassignment(const Kq__Reassignment *from,
                              struct reassignment *to)
{
    to->topic = from->topic;
    to->partition = from->partition;
    to->target_count = (uint32_t)from->n_replicas;
    for (size_t i = 0; i < from->n_replicas && i < REPLICAS_MAX; i++)
        to->target[i] = from->replicas[i];
    to->copy_rate = from->has_copy_rate ? from->copy_rate : 0;
}

void handle_reassign(struct session *session, struct frame *frame)
{
    const Kq__ReassignRequest *request = frame->message->reassign_request;
    struct control *control = control_new(session, frame, INTENT_REASSIGN,
                                          KQ__MESSAGE__BODY_REASSIGN_RESPONSE);
    struct intent *intent = &control->intent;

    intent->item_count = request->n_partitions;
    intent->reassignments =
        heap_alloc(session->broker->seam->heap,
                   (request->n_partitions + 1) * sizeof *intent->reassignments);
    for (size_t i = 0; i < request->n_partitions; i++)
        read_reassignment(request->partitions[i], &intent->reassignments[i]);
    submit(control);
}

/* False when it names more replicas than there can be. */
static bool read_item(const Kq__AlterPartitionItem *from,
                      struct intent_item *to)
{
    if (from->n_isr > REPLICAS_MAX || from->log_start_floor > INT64_MAX ||
        !uuid_from_bytes(from->topic_id.data, from->topic_id.len,
                         &to->topic_id))
        return false;
    to->partition = from->partition;
    to->leader_epoch = from->leader_epoch;
    to->partition_epoch = from->partition_epoch;
    to->log_start_floor = (int64_t)from->log_start_floor;
    to->synced = from->has_synced && from->synced;
    to->resigns = from->has_resigns && from->resigns;
    for (size_t i = 0; i < from->n_isr; i++)
        replica_set_add(&to->isr, (struct replica){from->isr[i]->broker_id,
                                                   from->isr[i]->broker_epoch});
    return true;
}

void handle_alter_partition(struct session *session, struct frame *frame)
{
    const Kq__AlterPartitionRequest *request =
        frame->message->alter_partition_request;
    struct control *control =
        control_new(session, frame, INTENT_ALTER,
                    KQ__MESSAGE__BODY_ALTER_PARTITION_RESPONSE);
    size_t count = 0;

    items_alloc(control, request->n_items);
    for (size_t i = 0; i < request->n_items; i++)
        if (read_item(request->items[i], &control->intent.items[count]))
            count++;
    control->intent.item_count = count;
    control->intent.sender = (struct replica){request->broker->broker_id,
                                              request->broker->broker_epoch};
    submit(control);
}

void handle_replica_lost(struct session *session, struct frame *frame)
{
    const Kq__ReplicaLostRequest *request =
        frame->message->replica_lost_request;
    struct control *control =
        control_new(session, frame, INTENT_REPLICA_LOST,
                    KQ__MESSAGE__BODY_REPLICA_LOST_RESPONSE);
    size_t count = 0;

    items_alloc(control, request->n_lost);
    for (size_t i = 0; i < request->n_lost; i++) {
        struct intent_item *item = &control->intent.items[count];
        const Kq__LostReplica *lost = request->lost[i];

        if (!uuid_from_bytes(lost->topic_id.data, lost->topic_id.len,
                             &item->topic_id))
            continue;
        item->partition = lost->partition;
        item->outdone = lost->has_outdone && lost->outdone;
        item->leader_epoch = lost->leader_epoch;
        count++;
    }
    control->intent.item_count = count;
    control->intent.registration_version =
        request->has_registration_version ? request->registration_version : 0;
    control->intent.changes_read =
        request->has_changes_read ? request->changes_read : UINT64_MAX;
    control->intent.more = request->has_more && request->more;
    control->intent.damaged = request->damaged;
    control->intent.damaged_count = request->n_damaged;
    control->intent.sender = (struct replica){request->broker->broker_id,
                                              request->broker->broker_epoch};
    submit(control);
}
