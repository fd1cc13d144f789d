/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of coord/ share.
 */
#ifndef COORD_INTERNAL_H
#define COORD_INTERNAL_H

#include <zookeeper/zookeeper.h>

#include "coord/coord.h"
#include "seam/inbox.h"
#include "seam/timer.h"

#define COORD_REOPEN_US  1000000
#define COORD_PATH_BYTES 1024

struct handle;

struct coord {
    struct seam *seam;
    struct coord_listener *listener;
    char *hosts;
    char *chroot; /* "" or "/a/b" */
    int session_timeout_ms;
    int negotiated_ms;
    int64_t session_id;
    enum coord_state state;
    bool session_ready; /* the listener knows of it */
    bool stopping;
    bool closed; /* while stopping: there is no handle any more */
    void (*stopped)(void *context);
    void *stopped_context;
    struct handle *handle; /* NULL between two */
    struct list pending;   /* tickets of requests that were sent */
    struct list failing;   /* requests that fail at the next turn */
    bool failing_posted;
    struct list watches;
    size_t watch_count;
    uint64_t next_watch_id;
    int64_t lease_until_us;
    struct timer lease_timer;
    struct timer reopen_timer;
    struct coord_request lease_request;
    /* the chroot being made, one level at a time */
    struct coord_request chroot_request;
    size_t chroot_made; /* bytes of it */
};

/* ---- coord.c, called by the others ---- */
void coord_opened(struct coord *coord, bool opened);
void coord_closed(struct coord *coord);
/* Once it is closed and every request has failed. The caller may be gone
 * then. */
void coord_tell_stopped(struct coord *coord);
void coord_session_event(struct coord *coord, int state, int64_t session_id,
                         int timeout_ms);
void coord_lease_renew(struct coord *coord, int64_t sent_at_us);
void coord_lease_fire(struct timer *timer);
void coord_lease_done(struct coord_request *request);
void coord_reopen_fire(struct timer *timer);
void coord_chroot_made(struct coord *coord);
uint64_t coord_watch_arm(struct coord *coord, struct coord_watch *watch);
void coord_watch_event(struct coord *coord, uint64_t id);

/* ---- handle.c ---- */

/* One zhandle_t and what its threads may touch: fields marked T, which do
 * not change while the threads run. */
struct handle {
    struct inbox *inbox;  /* T */
    struct coord *coord;  /* loop only, as everything that follows */
    zhandle_t *zookeeper; /* set by the opening job */
    struct offload open;
    struct offload close;
    bool opening;
    bool closing;
    bool close_wanted;
    const char *hosts;     /* T, the coordinator's */
    int timeout_ms;        /* T */
    struct list early;     /* session events before it was open */
    struct list watches;   /* of struct watch_context, armed in the library */
    struct list abandoned; /* tickets that failed before they were answered */
};

struct handle *handle_open(struct coord *coord);
/* Closes off the loop; coord_closed() follows. */
void handle_close(struct handle *handle);
void handle_free(struct handle *handle);

/* The context of a one-shot watch in the library; it is the message that
 * its firing posts. */
struct watch_context {
    struct inbox_message message;
    struct handle *handle;
    uint64_t id;
    struct list node;
};
struct watch_context *watch_context_new(struct handle *handle, uint64_t id);
void watch_context_free(struct watch_context *context);
void handle_watcher(zhandle_t *zookeeper, int type, int state, const char *path,
                    void *context);

/* ---- request.c ---- */
void coord_fail_pending(struct coord *coord, enum error error);
void coord_sync(struct coord *coord, struct coord_request *request,
                const char *path);
void coord_make_chroot(struct coord *coord);
/* After a handle is closed: its tickets will never be called back. */
void coord_forget_tickets(struct handle *handle);

#endif
