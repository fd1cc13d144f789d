/* SPDX-License-Identifier: Apache-2.0
 *
 * The one door into the core. The world calls broker_on_event() or
 * client_on_event() with one event at a time, on one thread, never from
 * inside a call that the core made into the seam (no re-entry).
 */
#ifndef SEAM_EVENT_H
#define SEAM_EVENT_H

#include "base/error.h"
#include "seam/seam.h"

struct disk_request;
struct net_listener;
struct net_send;
struct connection;
struct timer;
struct inbox_message;

enum event_type {
    EVENT_DISK_DONE,     /* disk_request: completed, see its error */
    EVENT_NET_ACCEPTED,  /* listener, connection: a new inbound connection */
    EVENT_NET_CONNECTED, /* connection: net_connect() succeeded */
    EVENT_NET_READABLE,  /* connection: bytes wait; read until 0 or pause */
    EVENT_NET_SENT,      /* net_send: left, or will never leave: its error */
    EVENT_NET_CLOSED,    /* connection, error: closed by peer or failure;
                            the handle dies when the event returns */
    EVENT_TIMER,         /* timer: its deadline has come; it is stopped */
    EVENT_INBOX,         /* inbox_message: posted by another thread */
    EVENT_STOP           /* please shut down cleanly (SIGTERM) */
};

struct event {
    enum event_type type;
    enum error error;
    struct moment now;
    union {
        struct disk_request *disk_request;
        struct net_send *net_send;
        struct connection *connection;
        struct timer *timer;
        struct inbox_message *inbox_message;
    };
    struct net_listener *listener;
};

#endif
