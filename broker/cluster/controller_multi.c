/* SPDX-License-Identifier: Apache-2.0
 *
 * A write of the controller as ZooKeeper gets it: one multi that checks the
 * controller epoch first, then all that is staged, then /changes.
 */
#include <string.h>

#include "base/assert.h"
#include "cluster/controller_write.h"
#include "seam/memory.h"

/* ---- /changes ---- */

/* Those who are so far behind read everything: ZooKeeper keeps its last 500
 * transactions in memory, and /changes is in each of the controller's. */
static void forget_name(struct controller *controller)
{
    Kq__Change *old;

    if (controller->change_count <= CHANGES_NAMED)
        return;
    old = &controller->changes[controller->change_count - 1 - CHANGES_NAMED];
    heap_free(controller->seam->heap, old->name);
    old->name = NULL;
}

Kq__Change *controller_add_change(struct controller *controller,
                                  const struct uuid *topic_id, uint32_t chunk)
{
    size_t at = controller->change_count;
    Kq__Change *change;

    if (at == CHANGES_KEPT) { /* the oldest goes */
        heap_free(controller->seam->heap, controller->changes[0].name);
        at = --controller->change_count;
        memmove(controller->changes, controller->changes + 1,
                at * sizeof *controller->changes);
        memmove(controller->change_topics, controller->change_topics + 1,
                at * sizeof *controller->change_topics);
        for (size_t i = 0; i < at; i++)
            controller->changes[i].topic_id.data =
                controller->change_topics[i].bytes;
    }
    change = &controller->changes[at];
    kq__change__init(change);
    change->sequence = controller->next_sequence++;
    if (topic_id != NULL) {
        controller->change_topics[at] = *topic_id;
        change->has_topic_id = 1;
        change->topic_id.data = controller->change_topics[at].bytes;
        change->topic_id.len = sizeof topic_id->bytes;
        change->has_chunk = chunk != CHANGE_NO_CHUNK;
        change->chunk = chunk;
    }
    controller->change_count++;
    forget_name(controller);
    return change;
}

void controller_drop_changes(struct controller *controller)
{
    for (size_t i = 0; i < controller->change_count; i++)
        heap_free(controller->seam->heap, controller->changes[i].name);
    controller->change_count = 0;
}

struct bytes controller_changes_encode(struct controller *controller)
{
    Kq__ChangesNode node = KQ__CHANGES_NODE__INIT;
    Kq__Change *pointers[CHANGES_KEPT];
    struct bytes encoded;

    for (size_t i = 0; i < controller->change_count; i++)
        pointers[i] = &controller->changes[i];
    node.next_sequence = controller->next_sequence;
    node.n_changes = controller->change_count;
    node.changes = pointers;
    node.has_version = 1;
    node.version = controller->changes_version + 1;
    encoded = znode_pack(controller->seam->heap, &node.base);
    for (size_t i = 0; i < controller->change_count; i++)
        controller->changes[i].has_states = 0;
    return encoded;
}

/* ---- the multi ---- */

struct op_list {
    struct coord_op ops[COORD_MULTI_MAX];
    char paths[COORD_MULTI_MAX][ZNODE_PATH_BYTES];
    size_t count;
};

static char *op_add(struct op_list *list, enum coord_operation operation,
                    struct bytes data, int32_t version)
{
    size_t at = list->count++;

    ASSERT(at < COORD_MULTI_MAX);
    list->ops[at] = (struct coord_op){
        .operation = operation,
        .path = list->paths[at],
        .data = data,
        .version = version,
    };
    return list->paths[at];
}

/* Brokers take the states from the change, if they follow, and need not read
 * the chunk. */
static void tell_chunk(struct controller_write *write,
                       const struct staged_chunk *staged, struct bytes payload)
{
    Kq__Change *change = controller_add_change(
        write->controller, &staged->topic->id, staged->chunk);

    if (write->topic_intent != NULL || /* it may need all the room there is */
        write->told_bytes + payload.size > CHANGES_STATES_MAX)
        return;
    write->told_bytes += payload.size;
    change->has_version = 1;
    change->version = staged->version + 1;
    change->has_states = 1;
    change->states.data = (uint8_t *)(uintptr_t)payload.data;
    change->states.len = payload.size;
}

static void add_chunks(struct controller_write *write, struct op_list *list)
{
    struct heap *heap = write->controller->seam->heap;

    list_for_each (node, &write->chunks) {
        struct staged_chunk *staged =
            container_of(node, struct staged_chunk, node);
        struct bytes payload;

        if (!staged->changed)
            continue;
        payload = znode_chunk_encode(heap, &staged->topic->id,
                                     staged->chunk * CHUNK_PARTITIONS,
                                     staged->states, staged->count);
        znode_chunk_path(
            op_add(list,
                   staged->version == CHUNK_NEW ? COORD_CREATE : COORD_SET,
                   payload, staged->version),
            staged->topic->name, staged->chunk);
        if (staged->topic != write->altered_topic) /* else all are read */
            tell_chunk(write, staged, payload);
    }
}

static void add_new_topic(struct controller_write *write, struct op_list *list)
{
    struct controller *controller = write->controller;
    struct heap *heap = controller->seam->heap;
    const struct intent *intent = write->topic_intent;
    const struct bytes none = {(const uint8_t *)"", 0};
    Kq__Change *change;
    uint8_t *copy = heap_alloc(heap, write->topic_node.size + 1);

    memcpy(copy, write->topic_node.data, write->topic_node.size);
    znode_topic_path(op_add(list, COORD_CREATE,
                            (struct bytes){copy, write->topic_node.size}, 0),
                     intent->name);
    znode_state_path(op_add(list, COORD_CREATE, none, 0), intent->name);
    for (uint32_t first = 0; first < intent->partition_count;
         first += CHUNK_PARTITIONS) {
        uint32_t left = intent->partition_count - first;
        uint32_t count = left < CHUNK_PARTITIONS ? left : CHUNK_PARTITIONS;

        znode_chunk_path(
            op_add(list, COORD_CREATE,
                   znode_chunk_encode(heap, &intent->topic_id, first,
                                      write->new_states + first, count),
                   0),
            intent->name, first / CHUNK_PARTITIONS);
    }
    change = controller_add_change(controller, &intent->topic_id, 0);
    change->has_settings = change->settings = 1;
    change->name = heap_strdup(heap, intent->name);
}

static void add_altered_topic(struct controller_write *write,
                              struct op_list *list)
{
    struct controller *controller = write->controller;
    const struct topic *topic = write->altered_topic;
    Kq__Change *change;
    uint8_t *copy =
        heap_alloc(controller->seam->heap, write->topic_node.size + 1);

    memcpy(copy, write->topic_node.data, write->topic_node.size);
    znode_topic_path(op_add(list, COORD_SET,
                            (struct bytes){copy, write->topic_node.size},
                            topic->version),
                     topic->name);
    change = controller_add_change(controller, &topic->id, 0);
    change->has_settings = change->settings = 1;
}

static void add_deleted_topic(struct controller_write *write,
                              struct op_list *list)
{
    const struct topic *topic = write->deleted_topic;
    const struct bytes none = {NULL, 0};

    for (uint32_t i = 0; i < topic_chunks(topic); i++) {
        const struct topic *of = topic->grown ? topic->grown : topic;

        if (of->chunk_conditions[i] == CHUNK_MISSING)
            continue;
        znode_chunk_path(op_add(list, COORD_DELETE, none, COORD_ANY_VERSION),
                         topic->name, i);
    }
    znode_state_path(op_add(list, COORD_DELETE, none, COORD_ANY_VERSION),
                     topic->name);
    znode_topic_path(op_add(list, COORD_DELETE, none, COORD_ANY_VERSION),
                     topic->name);
    controller_add_change(write->controller, &topic->id, CHANGE_NO_CHUNK);
}

void controller_multi_send(struct controller_write *write)
{
    struct controller *controller = write->controller;
    struct heap *heap = controller->seam->heap;
    struct op_list *list = heap_alloc_unset(heap, sizeof *list);
    const struct bytes none = {NULL, 0};

    list->count = 0;
    write->first_change = controller->next_sequence;
    write->tells_brokers = controller->brokers_changed;
    memcpy(op_add(list, COORD_CHECK, none, controller->epoch_version),
           ZNODE_CONTROLLER_EPOCH, sizeof ZNODE_CONTROLLER_EPOCH);
    add_chunks(write, list);
    if (write->new_states != NULL)
        add_new_topic(write, list);
    if (write->deleted_topic != NULL)
        add_deleted_topic(write, list);
    if (write->altered_topic != NULL)
        add_altered_topic(write, list);
    if (controller->brokers_changed)
        controller_add_change(controller, NULL, CHANGE_NO_CHUNK);
    controller->brokers_changed = false;
    memcpy(op_add(list, COORD_SET, controller_changes_encode(controller),
                  controller->changes_version),
           ZNODE_CHANGES, sizeof ZNODE_CHANGES);
    coord_multi(controller->coord, &write->request, list->ops, list->count);
    for (size_t i = 0; i < list->count; i++)
        if (list->ops[i].data.size > 0)
            heap_free(heap, (void *)(uintptr_t)list->ops[i].data.data);
    heap_free(heap, list);
}
