/* SPDX-License-Identifier: Apache-2.0
 *
 * Output: queued parts leave by sendmsg(), many in one call; ranges of files
 * by sendfile(), once they are in the page cache, so that the loop does not
 * wait for the disk.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/assert.h"
#include "faults/fault.h"
#include "real/net_internal.h"

#define IOV_MAX_PER_CALL        64
#define SENDFILE_BYTES_PER_CALL (1u << 20)
#define PROBE_STRIDE_BYTES      (256u << 10)

/* What struct net_send.world holds for a file: the cuts seen when queued. */
static uint64_t cuts_when_queued(const struct net_send *send)
{
    return (uint64_t)(uintptr_t)send->world;
}

void net_want_flush(struct connection *connection)
{
    if (list_empty(&connection->flush_node) && !connection->source.dead)
        list_append(&connection->net->flush, &connection->flush_node);
}

static void send_over(struct net *net, struct net_send *send, enum error error)
{
    send->error = error;
    if (send->file != NULL)
        disk_file_drop(send->file);
    list_append(&net->sent, &send->node);
}

static void queue(struct connection *connection, struct net_send *send,
                  size_t size)
{
    send->connection = connection;
    send->sent = 0;
    list_init(&send->node);
    if (connection->failed || connection->source.dead) {
        send_over(connection->net, send, ERROR_CLOSED);
        return;
    }
    list_append(&connection->sends, &send->node);
    connection->unsent += size;
    net_want_flush(connection);
}

void net_send(struct connection *connection, struct net_send *send)
{
    size_t size = 0;

    ASSERT(send->part_count <= NET_SEND_PARTS_MAX);
    for (unsigned i = 0; i < send->part_count; i++)
        size += send->parts[i].iov_len;
    send->file = NULL;
    queue(connection, send, size);
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
    queue(connection, send, length);
}

size_t net_unsent(const struct connection *connection)
{
    return connection->unsent;
}

void sends_cancel(struct connection *connection)
{
    struct list *node;

    while ((node = list_pop(&connection->sends)) != NULL)
        send_over(connection->net, container_of(node, struct net_send, node),
                  ERROR_CLOSED);
    connection->unsent = 0;
}

void sends_deliver(struct net *net)
{
    struct list sent;
    struct list *node;

    list_init(&sent);
    list_splice(&sent, &net->sent);
    while ((node = list_pop(&sent)) != NULL) {
        struct event event = {.type = EVENT_NET_SENT,
                              .net_send =
                                  container_of(node, struct net_send, node)};

        loop_deliver(net->loop, &event);
    }
}

/* ---- bytes ---- */

static struct net_send *first_send(struct connection *connection)
{
    return container_of(list_first(&connection->sends), struct net_send, node);
}

/* The vectors of the sends at the front, up to the first range of a file. */
static unsigned gather(struct connection *connection, struct iovec *iov,
                       bool *file_follows)
{
    unsigned count = 0;

    *file_follows = false;
    list_for_each (node, &connection->sends) {
        struct net_send *send = container_of(node, struct net_send, node);
        uint64_t skip = send->sent;

        if (send->file != NULL) {
            *file_follows = true;
            break;
        }
        for (unsigned i = 0; i < send->part_count; i++) {
            const struct iovec *part = &send->parts[i];

            if (count == IOV_MAX_PER_CALL)
                return count;
            if (skip >= part->iov_len) {
                skip -= part->iov_len;
                continue;
            }
            iov[count].iov_base = (uint8_t *)part->iov_base + skip;
            iov[count].iov_len = part->iov_len - skip;
            count++;
            skip = 0;
        }
    }
    return count;
}

/* Takes `sent` bytes off the front; sends that are through are done. */
static void advance(struct connection *connection, uint64_t sent)
{
    connection->unsent -= sent;
    while (!list_empty(&connection->sends)) {
        struct net_send *send = first_send(connection);
        uint64_t size = send->file_length;
        uint64_t take;

        if (send->file == NULL) {
            size = 0;
            for (unsigned i = 0; i < send->part_count; i++)
                size += send->parts[i].iov_len;
        }
        take = size - send->sent < sent ? size - send->sent : sent;
        send->sent += take;
        sent -= take;
        if (send->sent < size)
            return;
        list_remove(&send->node);
        send_over(connection->net, send, ERROR_NONE);
        if (sent == 0 && !list_empty(&connection->sends) &&
            first_send(connection)->file != NULL)
            return;
    }
}

/* True when more can be sent at once. */
static bool flush_parts(struct connection *connection)
{
    struct iovec iov[IOV_MAX_PER_CALL];
    bool file_follows;
    struct msghdr message = {.msg_iov = iov};
    ssize_t sent;
    size_t wanted = 0;

    message.msg_iovlen = gather(connection, iov, &file_follows);
    for (size_t i = 0; i < message.msg_iovlen; i++)
        wanted += iov[i].iov_len;
    if (wanted == 0) { /* nothing but empty parts */
        advance(connection, 0);
        return true;
    }
    if (FAULT_FIRES(NET_RESET)) {
        connection_fail(connection, ERROR_CLOSED);
        return false;
    }
    sent = sendmsg(connection->source.fd, &message,
                   MSG_NOSIGNAL | (file_follows ? MSG_MORE : 0));
    if (sent < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            connection->blocked = true;
        else if (errno != EINTR)
            connection_fail(connection, ERROR_CLOSED);
        return errno == EINTR;
    }
    advance(connection, (uint64_t)sent);
    connection->blocked = (size_t)sent < wanted;
    return !connection->blocked;
}

/* ---- ranges of files ---- */

static bool was_cut(const struct net_send *send)
{
    const struct disk_file *file = send->file;

    return file->cut_count != cuts_when_queued(send) &&
           send->file_offset + send->file_length > file->cut_lowest;
}

static bool resident_at(int fd, uint64_t offset)
{
    uint8_t byte;
    struct iovec iov = {&byte, 1};

    return preadv2(fd, &iov, 1, (off_t)offset, RWF_NOWAIT) >= 0 ||
           errno != EAGAIN;
}

/* A look at some of its pages; a wrong guess costs a wait, nothing else. */
static bool is_resident(const struct net_send *send)
{
    uint64_t end = send->file_offset + send->file_length;

    for (uint64_t at = send->file_offset; at < end; at += PROBE_STRIDE_BYTES)
        if (!resident_at(send->file->fd, at))
            return false;
    return resident_at(send->file->fd, end - 1);
}

static void warm_done(struct disk_request *request)
{
    struct connection *connection =
        container_of(request, struct connection, warm_request);

    connection->warming = false;
    if (!connection->source.dead)
        net_want_flush(connection);
}

/* True when more can be sent at once. */
static bool flush_file(struct connection *connection, struct net_send *send)
{
    uint64_t left = send->file_length - send->sent;
    off_t at = (off_t)(send->file_offset + send->sent);
    ssize_t sent;

    if (was_cut(send)) {
        connection_fail(connection, ERROR_CANCELLED);
        return false;
    }
    if (left == 0) {
        advance(connection, 0);
        return true;
    }
    sent = sendfile(connection->source.fd, send->file->fd, &at,
                    left < SENDFILE_BYTES_PER_CALL ? left
                                                   : SENDFILE_BYTES_PER_CALL);
    if (sent > 0) {
        advance(connection, (uint64_t)sent);
        return true;
    }
    if (sent == 0) /* the file is shorter than what was promised */
        connection_fail(connection, ERROR_CORRUPT);
    else if (errno == EAGAIN || errno == EWOULDBLOCK)
        connection->blocked = true;
    else if (errno != EINTR)
        connection_fail(connection, ERROR_CLOSED);
    return sent < 0 && errno == EINTR;
}

static bool warm(struct connection *connection, struct net_send *send)
{
    if (send->sent > 0 || send->file_length == 0 || was_cut(send) ||
        connection->warmed == send || is_resident(send))
        return true;
    connection->warming = true;
    connection->warmed = send;
    connection->warm_request.done = warm_done;
    disk_warm(connection->net->loop->seam.disk, &connection->warm_request,
              send->file, send->file_offset, send->file_length);
    return false;
}

void connection_flush(struct connection *connection)
{
    bool more = true;

    while (more && !list_empty(&connection->sends) && connection->connected &&
           !connection->blocked && !connection->failed &&
           !connection->warming) {
        struct net_send *send = first_send(connection);

        if (send->file == NULL)
            more = flush_parts(connection);
        else
            more = warm(connection, send) && flush_file(connection, send);
    }
    connection_interest(connection);
}
