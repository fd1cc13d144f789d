/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions, the lease and watches. The handle of the moment and what its
 * threads post is in coord/handle.c; requests are in coord/request.c.
 */
#include "coord/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "seam/memory.h"
#include "seam/trace.h"

/* ---- opening and closing handles ---- */

/* The hosts as the library gets them: without the chroot, and an odd number
 * of them, because an even one defeats its back-off (ZOOKEEPER-4466). */
static char *hosts_of(struct heap *heap, const char *connect)
{
    size_t length = strcspn(connect, "/");
    size_t first = strcspn(connect, ",/");
    size_t count = 1;
    char *hosts = heap_alloc(heap, length + first + 2);

    for (size_t i = 0; i < length; i++)
        count += connect[i] == ',';
    if (count % 2 == 0)
        snprintf(hosts, length + first + 2, "%.*s,%.*s", (int)length, connect,
                 (int)first, connect);
    else
        snprintf(hosts, length + 1, "%.*s", (int)length, connect);
    return hosts;
}

struct coord *coord_new(struct seam *seam, const char *connect,
                        int session_timeout_ms, struct coord_listener *listener)
{
    struct coord *coord = heap_alloc(seam->heap, sizeof *coord);
    const char *chroot = connect + strcspn(connect, "/");

    coord->seam = seam;
    coord->listener = listener;
    coord->session_timeout_ms = session_timeout_ms;
    coord->hosts = hosts_of(seam->heap, connect);
    coord->chroot =
        heap_strdup(seam->heap, strcmp(chroot, "/") == 0 ? "" : chroot);
    coord->lease_until_us = INT64_MIN;
    list_init(&coord->pending);
    list_init(&coord->failing);
    list_init(&coord->watches);
    coord->lease_timer.fire = coord_lease_fire;
    coord->lease_request.done = coord_lease_done;
    coord->reopen_timer.fire = coord_reopen_fire;
    return coord;
}

void coord_free(struct coord *coord)
{
    if (coord == NULL)
        return;
    ASSERT(coord->handle == NULL);
    timer_stop(coord->seam->timers, &coord->lease_timer);
    timer_stop(coord->seam->timers, &coord->reopen_timer);
    heap_free(coord->seam->heap, coord->hosts);
    heap_free(coord->seam->heap, coord->chroot);
    heap_free(coord->seam->heap, coord);
}

void coord_start(struct coord *coord)
{
    ASSERT(coord->handle == NULL);
    coord->state = COORD_OPENING;
    coord->handle = handle_open(coord);
}

void coord_reopen_fire(struct timer *timer)
{
    coord_start(container_of(timer, struct coord, reopen_timer));
}

void coord_opened(struct coord *coord, bool opened)
{
    if (opened || coord->stopping)
        return;
    trace_log(coord->seam->trace, TRACE_ERROR,
              "cannot make a ZooKeeper handle for '%s': a host name may not "
              "resolve; trying again",
              coord->hosts);
    coord->handle = NULL;
    timer_start(coord->seam->timers, &coord->reopen_timer,
                coord->seam->now.monotonic_us + COORD_REOPEN_US);
}

static void fire_all_watches(struct coord *coord)
{
    struct list fired;
    struct list *node;

    list_init(&fired);
    list_splice(&fired, &coord->watches);
    coord->watch_count = 0;
    list_for_each (at, &fired)
        container_of(at, struct coord_watch, node)->id = 0;
    while ((node = list_pop(&fired)) != NULL) {
        struct coord_watch *watch =
            container_of(node, struct coord_watch, node);

        watch->fire(watch);
    }
}

/* Ends the session as far as our users are concerned. */
static void session_over(struct coord *coord, enum error error)
{
    coord->state = COORD_OPENING;
    coord->lease_until_us = INT64_MIN;
    coord->session_ready = false;
    timer_stop(coord->seam->timers, &coord->lease_timer);
    coord_fail_pending(coord, error);
    fire_all_watches(coord);
}

void coord_stop(struct coord *coord, void (*done)(void *context), void *context)
{
    coord->stopping = true;
    coord->stopped = done;
    coord->stopped_context = context;
    timer_stop(coord->seam->timers, &coord->reopen_timer);
    session_over(coord, ERROR_SHUTTING_DOWN);
    if (coord->handle != NULL)
        handle_close(coord->handle);
    else
        coord_closed(coord);
}

void coord_closed(struct coord *coord)
{
    coord->handle = NULL;
    if (!coord->stopping) {
        coord_start(coord);
        return;
    }
    coord->closed = true;
    coord_tell_stopped(coord);
}

void coord_tell_stopped(struct coord *coord)
{
    void (*stopped)(void *context) = coord->stopped;

    if (!coord->closed || coord->failing_posted || stopped == NULL)
        return;
    coord->stopped = NULL;
    stopped(coord->stopped_context);
}

/* ---- what the session does ---- */

static void connected(struct coord *coord, int64_t session_id, int timeout_ms)
{
    coord->negotiated_ms = timeout_ms;
    coord->session_id = session_id;
    coord->state = COORD_CONNECTED;
    timer_start(coord->seam->timers, &coord->lease_timer,
                coord->seam->now.monotonic_us);
    if (coord->session_ready) {
        coord->listener->on_reconnected(coord->listener);
        return;
    }
    trace_log(coord->seam->trace, TRACE_INFO,
              "ZooKeeper session 0x%" PRIx64 ", timeout %d ms", session_id,
              timeout_ms);
    coord_make_chroot(coord);
}

void coord_chroot_made(struct coord *coord)
{
    coord->session_ready = true;
    coord->listener->on_session(coord->listener);
}

void coord_session_event(struct coord *coord, int state, int64_t session_id,
                         int timeout_ms)
{
    if (coord->stopping)
        return;
    if (state == ZOO_CONNECTED_STATE) {
        connected(coord, session_id, timeout_ms);
    } else if (state == ZOO_EXPIRED_SESSION_STATE ||
               state == ZOO_AUTH_FAILED_STATE) {
        trace_log(coord->seam->trace, TRACE_WARN,
                  "ZooKeeper session 0x%" PRIx64 " is over (%s)",
                  coord->session_id,
                  state == ZOO_AUTH_FAILED_STATE ? "authentication failed"
                                                 : "expired");
        SOMETIMES(coord->seam->trace, SESSION_EXPIRED);
        session_over(coord, ERROR_SESSION_EXPIRED);
        coord->listener->on_expired(coord->listener);
        handle_close(coord->handle);
    } else if (coord->state == COORD_CONNECTED) {
        coord->state = COORD_SUSPENDED;
    }
}

enum coord_state coord_state(const struct coord *coord)
{
    return coord->state;
}

int64_t coord_session_id(const struct coord *coord)
{
    return coord->session_id;
}

int64_t coord_session_timeout_ms(const struct coord *coord)
{
    return coord->negotiated_ms ? coord->negotiated_ms
                                : coord->session_timeout_ms;
}

/* ---- the lease ---- */

int64_t coord_lease_until_us(const struct coord *coord)
{
    return coord->lease_until_us;
}

void coord_lease_renew(struct coord *coord, int64_t sent_at_us)
{
    int64_t until = sent_at_us + coord->negotiated_ms * INT64_C(1000) / 2;

    if (until > coord->lease_until_us)
        coord->lease_until_us = until;
}

void coord_lease_fire(struct timer *timer)
{
    struct coord *coord = container_of(timer, struct coord, lease_timer);

    timer_start(coord->seam->timers, timer,
                coord->seam->now.monotonic_us +
                    coord->negotiated_ms * INT64_C(1000) / 6);
    if (coord->state == COORD_CONNECTED && coord->lease_request.ticket == NULL)
        coord_sync(coord, &coord->lease_request, "/");
}

void coord_lease_done(struct coord_request *request)
{
    (void)request; /* the answer renewed the lease */
}

/* ---- watches ---- */

uint64_t coord_watch_arm(struct coord *coord, struct coord_watch *watch)
{
    if (watch->id != 0)
        coord_watch_cancel(coord, watch);
    ASSERT(coord->watch_count < COORD_WATCHES_MAX);
    coord->watch_count++;
    watch->id = ++coord->next_watch_id;
    list_init(&watch->node);
    list_append(&coord->watches, &watch->node);
    return watch->id;
}

void coord_watch_cancel(struct coord *coord, struct coord_watch *watch)
{
    if (watch->id == 0)
        return;
    watch->id = 0;
    list_remove(&watch->node);
    ASSERT(coord->watch_count > 0);
    coord->watch_count--;
}

void coord_watch_event(struct coord *coord, uint64_t id)
{
    list_for_each (node, &coord->watches) {
        struct coord_watch *watch =
            container_of(node, struct coord_watch, node);

        if (watch->id != id)
            continue;
        coord_watch_cancel(coord, watch);
        watch->fire(watch);
        return;
    }
}
