/* SPDX-License-Identifier: Apache-2.0
 *
 * A connection, as net.c (its life) and net_send.c (its output) see it.
 */
#ifndef REAL_NET_INTERNAL_H
#define REAL_NET_INTERNAL_H

#include "real/internal.h"
#include "seam/net.h"

struct resolution;

struct net {
    struct loop *loop;
    struct list connections;
    struct list listeners;
    struct list flush;  /* connections with something to send */
    struct list closed; /* connections whose CLOSED is to be delivered */
    struct list sent;   /* net_sends whose done is to be delivered */
    struct list dead;   /* freed at the end of the turn */
    struct list dead_listeners;
};

struct connection {
    struct net *net;
    struct source source; /* fd -1: a name is being resolved */
    struct connection_owner *owner;
    struct resolution *resolution;
    struct list node;        /* net->connections or net->dead */
    struct list flush_node;  /* net->flush */
    struct list closed_node; /* net->closed */
    uint32_t interest;
    bool connected;
    bool paused;
    bool blocked; /* the socket takes no more for now */
    bool failed;  /* CLOSED is to be delivered */
    enum error error;
    struct list sends; /* of struct net_send, in order */
    size_t unsent;
    bool warming; /* the first send's range is being read from disk */
    const struct net_send *warmed; /* the last one read for */
    struct disk_request warm_request;
    char name[64];
};

void connection_interest(struct connection *connection);
void connection_fail(struct connection *connection, enum error error);
void net_want_flush(struct connection *connection);
void connection_flush(struct connection *connection);
/* All queued sends end with ERROR_CLOSED. */
void sends_cancel(struct connection *connection);
void sends_deliver(struct net *net);

#endif
