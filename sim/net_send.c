/* SPDX-License-Identifier: Apache-2.0
 *
 * Output: what was queued leaves after the event, as far as the window of
 * the lane lets it, in segments that join and split sends anywhere. Bytes of
 * files are read when they leave.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/disk_internal.h"
#include "sim/net_internal.h"
#include "sim/pool.h"

#define SEGMENT_BYTES_MAX (64u << 10)
#define DELAY_US_MAX      2000000

/* A send whose done() is under way. */
struct ending {
    struct delivery delivery;
    struct list link; /* net->over */
    struct net *net;
    struct net_send *send;
};

static void on_over(struct delivery *delivery)
{
    struct ending *ending = container_of(delivery, struct ending, delivery);
    struct event event = {.type = EVENT_NET_SENT, .net_send = ending->send};
    struct event_key key = {.what = "sent",
                            .a = ending->send->sent,
                            .b = (uint64_t)ending->send->error};
    struct node *node = ending->net->node;

    list_remove(&ending->link);
    pool_give(ending, sizeof *ending);
    node_handle(node, &event, &key);
}

static void send_over(struct net *net, struct net_send *send, enum error error)
{
    struct ending *ending = pool_take_zeroed(sizeof *ending);

    send->error = error;
    if (send->file != NULL)
        disk_file_drop(send->file);
    ending->net = net;
    ending->send = send;
    list_init(&ending->link);
    list_append(&net->over, &ending->link);
    delivery_init(&ending->delivery, on_over);
    node_arrive(net->node, &ending->delivery);
}

void sends_drop(struct net *net)
{
    struct list *link;

    while ((link = list_pop(&net->over)) != NULL)
        pool_give(container_of(link, struct ending, link),
                  sizeof(struct ending));
}

void sends_cancel(struct connection *connection)
{
    struct list *link;

    while ((link = list_pop(&connection->sends)) != NULL)
        send_over(connection->net, container_of(link, struct net_send, node),
                  ERROR_CLOSED);
    connection->unsent = 0;
}

/* ---- queueing ---------------------------------------------------------- */

static uint64_t send_size(const struct net_send *send)
{
    uint64_t size = send->file_length;

    if (send->file != NULL)
        return size;
    size = 0;
    for (unsigned i = 0; i < send->part_count; i++)
        size += send->parts[i].iov_len;
    return size;
}

static void queue(struct connection *connection, struct net_send *send)
{
    struct world *world = connection->net->node->world;

    send->connection = connection;
    send->sent = 0;
    list_init(&send->node);
    if (connection->failed || connection->dead) {
        send_over(connection->net, send, ERROR_CLOSED);
        return;
    }
    list_append(&connection->sends, &send->node);
    connection->unsent += send_size(send);
    if (!happening_waits(&connection->pump))
        world_schedule(world, &connection->pump, world->now_us);
}

void net_send(struct connection *connection, struct net_send *send)
{
    ASSERT(send->part_count <= NET_SEND_PARTS_MAX);
    send->file = NULL;
    queue(connection, send);
}

void net_send_file(struct connection *connection, struct net_send *send,
                   struct disk_file *file, uint64_t offset, uint64_t length)
{
    send->part_count = 0;
    send->file = file;
    send->file_offset = offset;
    send->file_length = length;
    send->world = (void *)(uintptr_t)file->cut_count;
    disk_file_hold(file);
    queue(connection, send);
}

size_t net_unsent(const struct connection *connection)
{
    return connection->unsent;
}

/* ---- leaving ----------------------------------------------------------- */

static bool was_cut(const struct net_send *send)
{
    const struct disk_file *file = send->file;

    return file->cut_count != (uint64_t)(uintptr_t)send->world &&
           send->file_offset + send->file_length > file->cut_lowest;
}

/* Copies from where the send stands. */
static void copy_parts(const struct net_send *send, uint8_t *to, size_t size)
{
    uint64_t skip = send->sent;

    for (unsigned i = 0; i < send->part_count && size > 0; i++) {
        const struct iovec *part = &send->parts[i];
        size_t length;

        if (skip >= part->iov_len) {
            skip -= part->iov_len;
            continue;
        }
        length = part->iov_len - skip;
        if (length > size)
            length = size;
        memcpy(to, (const uint8_t *)part->iov_base + skip, length);
        to += length;
        size -= length;
        skip = 0;
    }
}

/* False: the range was cut or is not there; the connection has failed. */
static bool copy_file(struct connection *connection,
                      const struct net_send *send, uint8_t *to, size_t size)
{
    if (was_cut(send)) {
        connection_fail(connection, ERROR_CANCELLED);
        return false;
    }
    if (disk_file_peek(send->file, send->file_offset + send->sent, to, size) ==
        size)
        return true;
    connection_fail(connection, ERROR_CORRUPT);
    return false;
}

/* Fills the segment from the sends at the front; those that are through are
 * done. */
static bool fill(struct connection *connection, struct segment *segment)
{
    size_t filled = 0;

    while (!list_empty(&connection->sends)) {
        struct net_send *send =
            container_of(list_first(&connection->sends), struct net_send, node);
        uint64_t left = send_size(send) - send->sent;
        size_t part = segment->size - filled;

        if (left < part)
            part = (size_t)left;
        if (part == 0 && left > 0)
            return true;
        if (send->file == NULL)
            copy_parts(send, segment->data + filled, part);
        else if (!copy_file(connection, send, segment->data + filled, part))
            return false;
        filled += part;
        send->sent += part;
        connection->unsent -= part;
        if (part < left)
            return true;
        list_remove(&send->node);
        send_over(connection->net, send, ERROR_NONE);
    }
    return true;
}

/* False: it does not get out. */
static bool faults_allow(struct connection *connection, struct segment *segment)
{
    struct node *node = connection->net->node;

    if (NODE_FAULT(node, NET_DELAY))
        segment->at_us = world_between(node->world, node, PURPOSE_NET_FAULT, 0,
                                       DELAY_US_MAX);
    if (NODE_FAULT(node, NET_HALF_OPEN))
        wire_kill(connection->wire);
    if (!NODE_FAULT(node, NET_RESET))
        return true;
    wire_leave(connection, SEGMENT_RST);
    connection_fail(connection, ERROR_CLOSED);
    return false;
}

static size_t segment_size(struct connection *connection, size_t room)
{
    struct node *node = connection->net->node;
    size_t size = connection->unsent < room ? connection->unsent : room;

    if (size > SEGMENT_BYTES_MAX)
        size = SEGMENT_BYTES_MAX;
    if (size > 1 && world_chance(node->world, node, PURPOSE_NET_SPLIT, 16))
        size = 1 + (size_t)world_random_below(node->world, node,
                                              PURPOSE_NET_SPLIT, size - 1);
    return size;
}

void connection_pump(struct connection *connection)
{
    while (connection->connected && !connection->failed && !connection->dead &&
           !list_empty(&connection->sends)) {
        struct lane *lane = &connection->wire->lanes[connection->side];
        size_t room = lane->window - lane->used;
        struct segment *segment;

        if (room == 0 && connection->unsent > 0)
            return;
        segment = segment_new(SEGMENT_DATA, segment_size(connection, room));
        if (!fill(connection, segment) || segment->size == 0 ||
            !faults_allow(connection, segment)) {
            segment_free(segment);
            continue;
        }
        lane->used += segment->size;
        net_lane_send(lane, segment);
    }
}

void on_pump(struct happening *happening)
{
    connection_pump(container_of(happening, struct connection, pump));
}
