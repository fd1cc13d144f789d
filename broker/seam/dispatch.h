/* SPDX-License-Identifier: Apache-2.0
 *
 * event_dispatch(): calls what an event's subject says: request->done,
 * send->done, owner->on_event, timer->fire, message->deliver. The same for
 * every node; NET_ACCEPTED and STOP are left to the node.
 */
#ifndef SEAM_DISPATCH_H
#define SEAM_DISPATCH_H

#include "base/assert.h"
#include "seam/disk.h"
#include "seam/event.h"
#include "seam/inbox.h"
#include "seam/net.h"
#include "seam/timer.h"

static inline void event_dispatch(const struct event *event)
{
    struct connection_owner *owner;

    switch (event->type) {
    case EVENT_DISK_DONE:
        event->disk_request->done(event->disk_request);
        return;
    case EVENT_NET_SENT:
        event->net_send->done(event->net_send);
        return;
    case EVENT_NET_CONNECTED:
    case EVENT_NET_READABLE:
    case EVENT_NET_CLOSED:
        owner = net_owner(event->connection);
        ASSERT(owner != NULL);
        owner->on_event(owner, event);
        return;
    case EVENT_TIMER:
        event->timer->fire(event->timer);
        return;
    case EVENT_INBOX:
        event->inbox_message->deliver(event->inbox_message);
        return;
    case EVENT_NET_ACCEPTED:
    case EVENT_STOP:
        break;
    }
    UNREACHABLE();
}

#endif
