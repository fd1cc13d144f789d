/* SPDX-License-Identifier: Apache-2.0
 *
 * One write of the controller: every decision that is due is staged on
 * copies of the states, then all of it goes out as one multi behind the
 * check of the controller epoch. When it is committed the copies become the
 * metadata; when its outcome is not certain, everything is read again.
 */
#include "cluster/controller_write.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "cluster/topic_config.h"
#include "rules/reassign.h"
#include "seam/memory.h"
#include "seam/trace.h"

void intent_finish(struct intent *intent, enum error error)
{
    intent->error = error;
    intent->done(intent);
}

/* ---- staging ---- */

static struct staged_chunk *find_staged(struct controller_write *write,
                                        const struct topic *topic,
                                        uint32_t chunk)
{
    list_for_each (node, &write->chunks) {
        struct staged_chunk *staged =
            container_of(node, struct staged_chunk, node);

        if (staged->topic == topic && staged->chunk == chunk)
            return staged;
    }
    return NULL;
}

/* Of the state of a partition that stays where it is: rather more. */
static size_t state_bytes(size_t replicas)
{
    return 48 + 16 * replicas;
}

size_t controller_states_bytes(const struct partition_state *states,
                               uint32_t count)
{
    size_t bytes = 0;

    for (uint32_t i = 0; i < count; i++)
        bytes += state_bytes(states[i].replica_count) *
                 (partition_state_reassigned(&states[i]) ? 2 : 1);
    return bytes;
}

void controller_weigh(struct controller_write *write,
                      struct staged_chunk *staged)
{
    write->bytes -= staged->bytes;
    staged->bytes = 64 + controller_states_bytes(staged->states, staged->count);
    write->bytes += staged->bytes;
}

static struct staged_chunk *staged_new(struct controller_write *write,
                                       struct topic *topic, uint32_t chunk,
                                       uint32_t count)
{
    struct staged_chunk *staged =
        heap_alloc(write->controller->seam->heap,
                   sizeof *staged + count * sizeof staged->states[0]);

    staged->topic = topic;
    staged->chunk = chunk;
    staged->version = CHUNK_NEW;
    staged->count = count;
    list_init(&staged->node);
    list_append(&write->chunks, &staged->node);
    write->chunk_count++;
    return staged;
}

void controller_unstage(struct controller_write *write,
                        struct staged_chunk *staged)
{
    list_remove(&staged->node);
    write->chunk_count--;
    write->bytes -= staged->bytes;
    heap_free(write->controller->seam->heap, staged);
}

struct staged_chunk *controller_stage_chunk(struct controller_write *write,
                                            struct topic *topic, uint32_t chunk)
{
    struct staged_chunk *staged = find_staged(write, topic, chunk);

    if (staged != NULL)
        return staged;
    staged = staged_new(write, topic, chunk, topic_chunk_size(topic, chunk));
    staged->version = topic->chunk_versions[chunk];
    memcpy(staged->states, topic->states + chunk * CHUNK_PARTITIONS,
           staged->count * sizeof staged->states[0]);
    controller_weigh(write, staged);
    return staged;
}

struct staged_chunk *controller_stage_grown(struct controller_write *write,
                                            struct topic *topic, uint32_t chunk,
                                            uint32_t count)
{
    struct staged_chunk *known = NULL;
    struct staged_chunk *grown;

    if (chunk < topic->chunk_count)
        known = controller_stage_chunk(write, topic, chunk);
    grown = staged_new(write, topic, chunk, count);
    if (known == NULL)
        return grown;
    ASSERT(known->count <= count);
    grown->version = known->version;
    memcpy(grown->states, known->states,
           known->count * sizeof known->states[0]);
    controller_unstage(write, known);
    return grown;
}

struct staged_chunk *controller_stage(struct controller_write *write,
                                      struct topic *topic, uint32_t chunk)
{
    if (find_staged(write, topic, chunk) == NULL &&
        (write->chunk_count >= CONTROLLER_WRITE_CHUNKS_MAX ||
         write->bytes > CONTROLLER_WRITE_BYTES_MAX))
        return NULL;
    return controller_stage_chunk(write, topic, chunk);
}

static bool must_decide(const struct controller *controller)
{
    return controller->decide_all || controller->balance_all;
}

struct partition_state *controller_state_of(struct controller *controller,
                                            const struct intent_item *item,
                                            struct staged_chunk **staged,
                                            enum error *error)
{
    struct topic *topic =
        metadata_topic_by_id(controller->metadata, &item->topic_id);

    *error = topic && topic->damaged ? ERROR_CORRUPT : ERROR_UNKNOWN_TOPIC;
    if (topic == NULL || !topic_settled(topic))
        return NULL;
    *error = ERROR_UNKNOWN_PARTITION;
    if (item->partition >= topic->partition_count)
        return NULL;
    *error = ERROR_CORRUPT; /* what is not known would be written over */
    if (!topic_chunk_whole(topic, item->partition / CHUNK_PARTITIONS))
        return NULL;
    *staged = controller_stage(controller->write, topic,
                               item->partition / CHUNK_PARTITIONS);
    *error = ERROR_AGAIN;
    if (*staged == NULL)
        return NULL;
    *error = ERROR_NONE;
    return &(*staged)->states[item->partition % CHUNK_PARTITIONS];
}

/* How long a topic's records may stay unsynced, as of this write. */
static int64_t flush_ms_of(const struct controller *controller,
                           const struct topic *topic)
{
    const struct controller_write *write = controller->write;

    return write->altered_topic == topic
               ? write->altered_flush_ms
               : topic_setting(topic, TOPIC_FLUSH_MS,
                               controller->options.flush_ms);
}

static enum error resign(struct controller *controller,
                         const struct replica *sender,
                         const struct intent_item *item)
{
    struct partition_key key = {item->topic_id, item->partition};
    struct staged_chunk *staged;
    enum error error;
    struct partition_state *state =
        controller_state_of(controller, item, &staged, &error);

    if (state == NULL)
        return error;
    error = partition_state_resign(state, sender, item->leader_epoch,
                                   item->partition_epoch);
    if (error != ERROR_NONE)
        return error;
    staged->changed = true;
    SOMETIMES(controller->seam->trace, HANDED_OVER);
    if (state->leader == state->replicas[0])
        SOMETIMES(controller->seam->trace, LEADER_WENT_HOME);
    controller_complete(controller, &key, state);
    return ERROR_NONE;
}

static enum error alter(struct controller *controller,
                        const struct replica *sender,
                        const struct intent_item *item)
{
    struct partition_key key = {item->topic_id, item->partition};
    struct live_brokers live = controller_live(controller, &key);
    struct staged_chunk *staged;
    enum error error;
    struct partition_state *state =
        controller_state_of(controller, item, &staged, &error);

    if (state == NULL)
        return error;
    if (item->synced && flush_ms_of(controller, staged->topic) != 0)
        return ERROR_INVALID_CONFIG; /* relaxed again meanwhile */
    error = partition_state_alter_isr(state, sender, item->leader_epoch,
                                      item->partition_epoch, &item->isr, &live);
    if (error == ERROR_NONE) {
        staged->changed = true;
        state->lazy = state->lazy && !item->synced;
        if (item->log_start_floor > state->log_start_floor)
            state->log_start_floor = item->log_start_floor;
        controller_complete(controller, &key, state);
    }
    return error;
}

static enum error replica_lost(struct controller *controller,
                               const struct replica *sender,
                               const struct intent_item *item)
{
    struct staged_chunk *staged;
    enum error error;
    struct partition_state *state =
        controller_state_of(controller, item, &staged, &error);

    if (state == NULL) /* a topic that is gone has nothing to lose */
        return error == ERROR_AGAIN ? error : ERROR_NONE;
    if (partition_state_replica_lost(state, sender->broker_id,
                                     sender->broker_epoch)) {
        staged->changed = true;
        controller->decide_all = true; /* it may have led */
        SOMETIMES(controller->seam->trace, REPLICA_LOST);
        trace_log(controller->seam->trace, TRACE_WARN,
                  "broker %u lost its replica of %s/%u", sender->broker_id,
                  staged->topic->name, item->partition);
    }
    return ERROR_NONE;
}

/* Refused while no other replica can serve: it asks again. */
static enum error replica_outdone(struct controller *controller,
                                  const struct replica *sender,
                                  const struct intent_item *item)
{
    struct partition_key key = {item->topic_id, item->partition};
    struct live_brokers live = controller_live(controller, &key);
    struct staged_chunk *staged;
    enum error error;
    struct partition_state *state =
        controller_state_of(controller, item, &staged, &error);

    if (state == NULL)
        return error == ERROR_AGAIN ? error : ERROR_NONE;
    if (!partition_state_replica_outdone(state, sender->broker_id,
                                         item->leader_epoch, &live))
        return ERROR_NONE;
    staged->changed = true;
    controller_complete(controller, &key, state);
    trace_log(controller->seam->trace, TRACE_WARN,
              "nobody counts on the replica of %s/%u on broker %u, which asked "
              "for it: it lacks records, or is too old; broker %u leads epoch "
              "%u",
              staged->topic->name, item->partition, sender->broker_id,
              state->leader, state->leader_epoch);
    return ERROR_NONE;
}

static enum error stage_item(struct controller *controller,
                             const struct intent *intent,
                             const struct intent_item *item)
{
    if (intent->kind == INTENT_ALTER)
        return item->resigns ? resign(controller, &intent->sender, item)
                             : alter(controller, &intent->sender, item);
    return item->outdone ? replica_outdone(controller, &intent->sender, item)
                         : replica_lost(controller, &intent->sender, item);
}

/* Stages the rest of an intent's items; false when the write is full. */
static bool stage_items(struct controller *controller, struct intent *intent)
{
    while (intent->staged_items < intent->item_count) {
        struct intent_item *item = &intent->items[intent->staged_items];
        enum error error = stage_item(controller, intent, item);

        if (error == ERROR_AGAIN)
            return false;
        item->error = error;
        intent->staged_items++;
    }
    return true;
}

static bool sender_is_live(const struct controller *controller,
                           const struct intent *intent)
{
    struct live_brokers live = {controller->live_count, controller->live};
    const struct live_broker *broker =
        live_broker_find(&live, intent->sender.broker_id);

    return broker != NULL &&
           broker->broker_epoch == intent->sender.broker_epoch;
}

static bool stage_topic(struct controller *controller, struct intent *intent)
{
    if (intent->kind == INTENT_CREATE_TOPIC)
        return controller_stage_create(controller, intent);
    if (intent->kind == INTENT_DELETE_TOPIC)
        return controller_stage_delete(controller, intent);
    return controller_stage_alter(controller, intent);
}

/* It may fill a write by itself: then it goes alone. */
static bool is_large(const struct controller *controller,
                     const struct intent *intent)
{
    const struct topic *topic =
        metadata_topic(controller->metadata, intent->name);
    size_t partitions = intent->partition_count;
    size_t replicas = intent->replication_factor;
    size_t bytes = 0;

    if (intent->kind == INTENT_ALTER_TOPIC && topic && topic_settled(topic)) {
        bytes = controller_states_bytes(topic->states, topic->partition_count);
        partitions -= partitions < topic->partition_count
                          ? partitions
                          : topic->partition_count;
        replicas = topic->states[0].replica_count;
    }
    bytes += partitions * state_bytes(replicas);
    return intent->kind != INTENT_DELETE_TOPIC &&
           bytes > CONTROLLER_WRITE_BYTES_MAX;
}

/* False when the write is full (or has its one topic): the intent waits. */
static bool stage_intent(struct controller *controller, struct intent *intent)
{
    struct controller_write *write = controller->write;

    switch (intent->kind) {
    case INTENT_ALTER:
    case INTENT_REPLICA_LOST:
        if (!sender_is_live(controller, intent)) {
            intent_finish(intent, ERROR_STALE_BROKER_EPOCH);
            return true;
        }
        if (intent->kind == INTENT_REPLICA_LOST &&
            !controller_was_read(controller, intent)) {
            SOMETIMES(controller->seam->trace, REPORT_OUTDATED);
            intent_finish(intent, ERROR_AGAIN);
            return true;
        }
        if (!controller_has_read(controller, intent)) {
            list_append(&controller->unread, &intent->node);
            brokers_read(&controller->brokers, true);
            return true;
        }
        if (!stage_items(controller, intent))
            return false;
        list_append(&write->intents, &intent->node);
        return true;
    case INTENT_ELECT:
        if (intent->name != NULL &&
            metadata_topic(controller->metadata, intent->name) == NULL) {
            intent_finish(intent, ERROR_UNKNOWN_TOPIC);
            return true;
        }
        if (!controller_stage_elect(controller, intent))
            return false;
        list_append(&write->intents, &intent->node);
        return true;
    case INTENT_ELECT_UNCLEAN:
        return controller_stage_unclean(controller, intent);
    case INTENT_REASSIGN:
        if (!controller_stage_reassign(controller, intent))
            return false;
        list_append(&write->intents, &intent->node);
        return true;
    case INTENT_CREATE_TOPIC:
    case INTENT_DELETE_TOPIC:
    case INTENT_ALTER_TOPIC:
        if (write->topic_intent != NULL ||
            (write->chunk_count > 0 && is_large(controller, intent)))
            return false;
        if (stage_topic(controller, intent)) {
            if (is_large(controller, intent))
                write->bytes = CONTROLLER_WRITE_BYTES_MAX + 1; /* no more */
            write->topic_intent = intent;
            list_append(&write->intents, &intent->node);
        }
        return true;
    }
    UNREACHABLE();
}

static void stage_intents(struct controller *controller)
{
    struct list waiting;
    struct list *node;

    list_init(&waiting);
    list_splice(&waiting, &controller->intents);
    while ((node = list_pop(&waiting)) != NULL) {
        struct intent *intent = container_of(node, struct intent, node);

        if (!stage_intent(controller, intent))
            list_append(&controller->intents, &intent->node);
    }
}

/* ---- committed ---- */

/* Brokers whose report is part of this write count from now on. */
static void mark_reported(struct controller *controller,
                          const struct intent *intent)
{
    for (uint32_t i = 0; i < controller->live_count; i++) {
        struct live_broker *broker = &controller->live[i];

        if (broker->broker_id == intent->sender.broker_id &&
            broker->broker_epoch == intent->sender.broker_epoch &&
            !broker->reported) {
            broker->reported = true;
            controller->decide_all = true;
        }
    }
}

static struct topic *apply_topic(struct controller *controller,
                                 struct controller_write *write,
                                 int32_t version)
{
    struct heap *heap = controller->seam->heap;
    Kq__TopicNode *node;
    struct topic *topic;
    void *block;

    node = znode_unpack(heap, &kq__topic_node__descriptor, write->topic_node,
                        &block);
    ASSERT(node != NULL);
    topic = metadata_apply_topic(controller->metadata,
                                 write->topic_intent->name, version, node);
    ASSERT(topic != NULL);
    heap_free(heap, block);
    return topic;
}

static void apply_new_topic(struct controller *controller,
                            struct controller_write *write)
{
    struct topic *topic = apply_topic(controller, write, 0);

    for (uint32_t i = 0; i < topic->chunk_count; i++)
        metadata_apply_chunk(controller->metadata, topic,
                             &(struct chunk_states){
                                 i, 0, topic_chunk_size(topic, i),
                                 write->new_states + i * CHUNK_PARTITIONS, 0});
}

static void apply_chunks(struct controller *controller,
                         struct controller_write *write)
{
    list_for_each (at, &write->chunks) {
        struct staged_chunk *staged =
            container_of(at, struct staged_chunk, node);

        if (staged->topic != NULL && staged->changed)
            metadata_apply_chunk(
                controller->metadata, staged->topic,
                &(struct chunk_states){staged->chunk, staged->version + 1,
                                       staged->count, staged->states, 0});
    }
}

static void free_write(struct controller_write *write)
{
    struct heap *heap = write->controller->seam->heap;

    list_for_each_safe (node, &write->chunks)
        controller_unstage(write,
                           container_of(node, struct staged_chunk, node));
    heap_free(heap, (void *)(uintptr_t)write->topic_node.data);
    heap_free(heap, write->new_states);
    heap_free(heap, write);
}

/* What was written may be what a broker waited for that is leaving. */
static bool anybody_leaves(const struct controller *controller)
{
    for (uint32_t i = 0; i < controller->live_count; i++)
        if (controller->live[i].leaving)
            return true;
    return false;
}

static void committed(struct controller *controller,
                      struct controller_write *write)
{
    struct list *node;

    controller->changes_version++;
    if (write->altered_topic != NULL) /* it may get room for more chunks */
        apply_topic(controller, write, write->altered_topic->version + 1);
    if (write->altered_topic != NULL && write->altered_topic->grown != NULL)
        SOMETIMES(controller->seam->trace, PARTITIONS_ADDED);
    apply_chunks(controller, write);
    if (write->deleted_topic != NULL)
        metadata_remove_topic(controller->metadata, write->deleted_topic);
    if (write->new_states != NULL)
        apply_new_topic(controller, write);
    if (write->topic_intent == NULL) /* what was made is read, to know it by */
        metadata_wrote(controller->metadata, write->first_change,
                       controller->next_sequence, write->tells_brokers);
    while ((node = list_pop(&write->intents)) != NULL) {
        struct intent *intent = container_of(node, struct intent, node);

        if (intent->kind == INTENT_REPLICA_LOST && !intent->more)
            mark_reported(controller, intent);
        intent_finish(intent, ERROR_NONE);
    }
    free_write(write);
    controller->decide_all |= anybody_leaves(controller);
    controller_run(controller);
}

void controller_write_drop(struct controller *controller, enum error error)
{
    struct controller_write *write = controller->write;
    struct list *node;

    if (write == NULL)
        return;
    controller->write = NULL;
    while ((node = list_pop(&write->intents)) != NULL)
        intent_finish(container_of(node, struct intent, node), error);
    if (!write->sent) /* else freed when its answer comes */
        free_write(write);
}

void controller_topic_deleted(struct controller *controller,
                              struct topic *topic)
{
    struct controller_write *write = controller->write;

    if (write == NULL)
        return;
    if (write->deleted_topic == topic)
        write->deleted_topic = NULL;
    if (write->altered_topic == topic)
        write->altered_topic = NULL;
    list_for_each (node, &write->chunks) {
        struct staged_chunk *staged =
            container_of(node, struct staged_chunk, node);

        if (staged->topic == topic)
            staged->topic = NULL;
    }
}

/* Nothing was written, as the znodes of a topic that was to be deleted are not
 * those that are known. */
static void refuse_deletion(struct controller *controller,
                            struct controller_write *write)
{
    struct intent *deletion = write->topic_intent;
    struct list *node;

    snprintf(deletion->detail, sizeof deletion->detail,
             "the znodes below it are not as they should be: remove %s/%s with "
             "all below it by hand",
             ZNODE_TOPICS, deletion->name);
    while ((node = list_pop(&write->intents)) != NULL) {
        struct intent *intent = container_of(node, struct intent, node);

        intent_finish(intent, intent == deletion ? ERROR_CORRUPT : ERROR_AGAIN);
    }
    controller->write = NULL;
    free_write(write);
    /* what it would have told must not go with the next write: brokers would
     * delete the logs */
    controller_reload(controller, "a topic could not be deleted");
}

static void write_done(struct coord_request *request)
{
    struct controller_write *write =
        container_of(request, struct controller_write, request);

    write->sent = false;
    if (write->controller->write == write)
        controller_write_end(write, request);
    else /* dropped meanwhile */
        free_write(write);
}

void controller_write_end(struct controller_write *write,
                          const struct coord_request *request)
{
    struct controller *controller = write->controller;

    if (request->error == ERROR_NONE) {
        controller->write = NULL;
        committed(controller, write);
        return;
    }
    if (write->deleted_topic != NULL &&
        (request->error == ERROR_NO_NODE ||
         request->error == ERROR_NODE_NOT_EMPTY)) {
        refuse_deletion(controller, write);
        return;
    }
    if (request->error == ERROR_BAD_VERSION && request->failed_op == 0)
        SOMETIMES(controller->seam->trace, CONTROLLER_FENCED);
    controller_reload(controller, error_sentence(request->error));
}

/* ---- sending ---- */

static void send_write(struct controller_write *write)
{
    write->request.done = write_done;
    write->sent = true;
    controller_multi_send(write);
}

static bool anything_staged(const struct controller_write *write)
{
    list_for_each (node, &write->chunks) {
        if (container_of(node, struct staged_chunk, node)->changed)
            return true;
    }
    return write->topic_intent != NULL || write->controller->brokers_changed;
}

static struct controller_write *write_new(struct controller *controller)
{
    struct controller_write *write =
        heap_alloc(controller->seam->heap, sizeof *write);

    write->controller = controller;
    list_init(&write->chunks);
    list_init(&write->intents);
    return write;
}

/* Nothing to write: what was asked is answered as it is. */
static void nothing_staged(struct controller *controller,
                           struct controller_write *write)
{
    struct list *node;

    controller->write = NULL;
    while ((node = list_pop(&write->intents)) != NULL) {
        struct intent *intent = container_of(node, struct intent, node);

        if (intent->kind == INTENT_REPLICA_LOST && !intent->more)
            mark_reported(controller, intent);
        intent_finish(intent, ERROR_NONE);
    }
    free_write(write);
    /* what found no room among so much that stays as it is goes next */
    if (must_decide(controller) || !list_empty(&controller->intents))
        timer_start(controller->seam->timers, &controller->coalesce,
                    controller->seam->now.monotonic_us);
}

static void refuse_all(struct controller *controller)
{
    struct list *node;

    while ((node = list_pop(&controller->intents)) != NULL)
        intent_finish(container_of(node, struct intent, node),
                      ERROR_NOT_CONTROLLER);
}

void controller_run(struct controller *controller)
{
    struct controller_write *write;

    if (controller->write != NULL)
        return;
    if (!controller_active(controller)) {
        refuse_all(controller);
        return;
    }
    if (controller->repaired != controller->metadata->defects.repaired) {
        /* nobody has said of what it speaks of that it is whole (R12) */
        controller_reload(controller, "a znode that was damaged is whole");
        return;
    }
    if (list_empty(&controller->intents) && !must_decide(controller) &&
        !controller->brokers_changed)
        return;
    controller->write = write = write_new(controller);
    if (must_decide(controller))
        controller_decide_all(controller);
    stage_intents(controller);
    if (anything_staged(write))
        send_write(write);
    else
        nothing_staged(controller, write);
}
