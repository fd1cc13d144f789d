/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages from the node's background calls, in the order of posting, and
 * calls that block, one after the other.
 */
#include "seam/inbox.h"

#include "sim/pool.h"
#include "sim/twins.h"

/* Before every message; keeps it 16-aligned. */
struct memory {
    struct list link;
    size_t size;
    size_t unused;
};

static void give(struct memory *memory)
{
    pool_give(memory, sizeof *memory + memory->size);
}

void *inbox_message_new(struct inbox *inbox, size_t size)
{
    struct memory *memory = pool_take_zeroed(sizeof *memory + size);

    memory->size = size;
    list_append(&inbox->memory, &memory->link);
    return memory + 1;
}

void inbox_message_free(struct inbox *inbox, void *message)
{
    struct memory *memory = (struct memory *)message - 1;

    (void)inbox;
    list_remove(&memory->link);
    give(memory);
}

void inbox_post(struct inbox *inbox, struct inbox_message *message)
{
    ASSERT(inbox->node->up);
    list_init(&message->node);
    list_append(&inbox->messages, &message->node);
    node_arrive(inbox->node, &inbox->deliver);
}

/* One a turn. */
static void on_deliver(struct delivery *delivery)
{
    struct inbox *inbox = container_of(delivery, struct inbox, deliver);
    struct list *link = list_pop(&inbox->messages);
    struct event event = {.type = EVENT_INBOX};
    struct event_key key = {.what = "inbox"};

    if (link == NULL)
        return;
    if (!list_empty(&inbox->messages))
        node_arrive(inbox->node, delivery);
    event.inbox_message = container_of(link, struct inbox_message, node);
    key.id = inbox->delivered++;
    node_handle(inbox->node, &event, &key);
}

/* ---- offloaded calls --------------------------------------------------- */

static void start_next(struct inbox *inbox)
{
    struct world *world = inbox->node->world;

    if (inbox->working || list_empty(&inbox->jobs))
        return;
    inbox->working = true;
    node_background(inbox->node, &inbox->worker,
                    world->now_us + world_between(world, inbox->node,
                                                  PURPOSE_OFFLOAD, 20, 500));
}

static void worker_run(struct background *call)
{
    struct inbox *inbox = container_of(call, struct inbox, worker);
    struct inbox_message *message =
        container_of(list_pop(&inbox->jobs), struct inbox_message, node);
    struct offload *offload = container_of(message, struct offload, message);

    offload->run(offload);
    inbox->working = false;
    inbox_post(inbox, message);
    start_next(inbox);
}

static void worker_drop(struct background *call)
{
    container_of(call, struct inbox, worker)->working = false;
}

static void offload_deliver(struct inbox_message *message)
{
    struct offload *offload = container_of(message, struct offload, message);

    offload->done(offload);
}

void inbox_offload(struct inbox *inbox, struct offload *offload)
{
    offload->message.deliver = offload_deliver;
    list_init(&offload->message.node);
    list_append(&inbox->jobs, &offload->message.node);
    start_next(inbox);
}

/* ---- life -------------------------------------------------------------- */

void inbox_init(struct inbox *inbox, struct node *node)
{
    *inbox = (struct inbox){.node = node};
    list_init(&inbox->memory);
    list_init(&inbox->messages);
    list_init(&inbox->jobs);
    delivery_init(&inbox->deliver, on_deliver);
    inbox->worker.run = worker_run;
    inbox->worker.drop = worker_drop;
}

/* Jobs lie in the node's heap, which is dropped after this. */
void inbox_drop(struct inbox *inbox)
{
    struct list *link;

    list_remove(&inbox->deliver.link);
    list_init(&inbox->messages);
    list_init(&inbox->jobs);
    while ((link = list_pop(&inbox->memory)) != NULL)
        give(container_of(link, struct memory, link));
}
