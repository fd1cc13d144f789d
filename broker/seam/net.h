/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections: byte streams with back-pressure both ways. Never blocks.
 * Loop thread only. No call below calls back into the core; everything
 * comes as an event.
 */
#ifndef SEAM_NET_H
#define SEAM_NET_H

#include <stddef.h>
#include <sys/uio.h>

#include "base/error.h"
#include "base/list.h"
#include "seam/event.h"
#include "seam/seam.h"

#define NET_SEND_PARTS_MAX 4

/* Embedded in what a connection belongs to. on_event gets CONNECTED,
 * READABLE and CLOSED of that connection. */
struct connection_owner {
    void (*on_event)(struct connection_owner *owner, const struct event *event);
};

/* One queued piece of output: bytes or a range of a file. Embedded by the
 * sender and left alone until done(), which comes exactly once (as
 * EVENT_NET_SENT), also when the connection is closed first. */
struct net_send {
    void (*done)(struct net_send *send); /* set by the caller */
    enum error error;                    /* result */
    struct iovec parts[NET_SEND_PARTS_MAX];
    unsigned part_count;

    /* the world's until done */
    struct disk_file *file;
    uint64_t file_offset;
    uint64_t file_length;
    struct connection *connection;
    struct list node;
    uint64_t sent;
    void *world;
};

/* Listens; connections come as EVENT_NET_ACCEPTED. `host` is an address or a
 * name; port 0 picks one (net_listener_port). Start-up only: it may resolve
 * a name. */
enum error net_listen(struct net *net, const char *host, uint16_t port,
                      struct net_listener **listener);
uint16_t net_listener_port(const struct net_listener *listener);
void net_listener_close(struct net *net, struct net_listener *listener);

/* Starts to connect. Always returns a handle; CONNECTED or CLOSED follows.
 * Borrows host until return. */
struct connection *net_connect(struct net *net, const char *host, uint16_t port,
                               struct connection_owner *owner);

/* An accepted connection gets its owner here, within its ACCEPTED event. */
void net_set_owner(struct connection *connection,
                   struct connection_owner *owner);
struct connection_owner *net_owner(const struct connection *connection);

/* "address:port" of the peer, for logs; lives as long as the handle. */
const char *net_peer_name(const struct connection *connection);

/* Copies up to `size` received bytes; 0 when none wait now. */
size_t net_read(struct connection *connection, void *buffer, size_t size);

/* Stops READABLE events (the peer's window fills); resume brings one at the
 * next turn if bytes wait. A connection starts resumed. */
void net_pause(struct connection *connection);
void net_resume(struct connection *connection);

/* Queues the parts (borrowed until done). After the connection has closed,
 * done comes with ERROR_CLOSED. */
void net_send(struct connection *connection, struct net_send *send);

/* Queues a range of a file: one operation that holds the file and reads the
 * bytes when they leave. If disk_truncate() cut into the range meanwhile,
 * or the file is shorter, the connection is closed. Ranges that are not in
 * memory are made resident off the loop first. */
void net_send_file(struct connection *connection, struct net_send *send,
                   struct disk_file *file, uint64_t offset, uint64_t length);

/* Bytes queued and not yet handed to the system. */
size_t net_unsent(const struct connection *connection);

/* Drops the connection at once. No event of it follows but the done() of
 * its queued sends (ERROR_CLOSED); the handle is dead. */
void net_close(struct connection *connection);

#endif
