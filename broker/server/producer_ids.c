/* SPDX-License-Identifier: Apache-2.0 */
#include "server/producer_ids.h"

#include <string.h>

#include "cluster/defects.h"
#include "cluster/znode.h"
#include "seam/memory.h"

void producer_ids_init(struct producer_ids *ids, struct seam *seam,
                       struct coord *coord, struct defects *defects)
{
    memset(ids, 0, sizeof *ids);
    ids->seam = seam;
    ids->coord = coord;
    ids->defects = defects;
    list_init(&ids->waiters);
}

static void finish_all(struct producer_ids *ids, enum error error)
{
    struct list *node;

    while ((error != ERROR_NONE || ids->next < ids->end) &&
           (node = list_pop(&ids->waiters)) != NULL) {
        struct producer_id_waiter *waiter =
            container_of(node, struct producer_id_waiter, node);

        waiter->done(waiter, error, error == ERROR_NONE ? ids->next++ : 0);
    }
}

static void refill(struct producer_ids *ids);

static void set_done(struct coord_request *request)
{
    struct producer_ids *ids =
        container_of(request, struct producer_ids, request);

    ids->request_open = false;
    if (request->error == ERROR_NONE) {
        ids->next = ids->wanted_end - PRODUCER_ID_BLOCK;
        ids->end = ids->wanted_end;
        finish_all(ids, ERROR_NONE);
    } else if (request->error != ERROR_BAD_VERSION) {
        finish_all(ids, ERROR_AGAIN); /* a block may be lost, none is shared */
    }
    if (!list_empty(&ids->waiters))
        refill(ids);
}

static void note_damage(struct producer_ids *ids)
{
    const struct coord_request *request = &ids->request;
    struct defect_found found = {
        DEFECT_PRODUCERS, ZNODE_PRODUCER_IDS, &request->stat,
        znode_unpack_wrong(request->data),
        "no idempotent producer can begin: write back what was there, or a "
        "number above all that were given"};

    if (request->error == ERROR_NO_NODE) {
        found.stat = NULL;
        found.why = "it does not exist";
    } else if (request->error != ERROR_NONE) {
        return;
    }
    defects_note(ids->defects, &found);
}

static void get_done(struct coord_request *request)
{
    struct producer_ids *ids =
        container_of(request, struct producer_ids, request);
    struct heap *heap = ids->seam->heap;
    Kq__ProducerIdsNode *node = NULL;
    Kq__ProducerIdsNode next = KQ__PRODUCER_IDS_NODE__INIT;
    struct coord_op op = {.operation = COORD_SET, .path = ZNODE_PRODUCER_IDS};
    void *block = NULL;

    if (request->error == ERROR_NONE)
        node = znode_unpack(heap, &kq__producer_ids_node__descriptor,
                            request->data, &block);
    if (node == NULL) {
        note_damage(ids);
        ids->request_open = false;
        finish_all(ids, ERROR_AGAIN);
        return;
    }
    defects_clear(ids->defects, ZNODE_PRODUCER_IDS);
    ids->wanted_end = node->next_producer_id + PRODUCER_ID_BLOCK;
    heap_free(heap, block);
    next.next_producer_id = ids->wanted_end;
    op.data = znode_pack(heap, &next.base);
    op.version = request->stat.version;
    request->done = set_done;
    coord_multi(ids->coord, request, &op, 1);
    heap_free(heap, (void *)(uintptr_t)op.data.data);
}

static void refill(struct producer_ids *ids)
{
    if (ids->request_open)
        return;
    ids->request_open = true;
    ids->request.done = get_done;
    coord_get(ids->coord, &ids->request, ZNODE_PRODUCER_IDS, true, NULL);
}

void producer_ids_take(struct producer_ids *ids,
                       struct producer_id_waiter *waiter)
{
    list_init(&waiter->node);
    list_append(&ids->waiters, &waiter->node);
    if (ids->next < ids->end)
        finish_all(ids, ERROR_NONE);
    else
        refill(ids);
}
