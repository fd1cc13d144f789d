/* SPDX-License-Identifier: Apache-2.0
 *
 * Our ZooKeeper client, over libzookeeper_mt's own API. It owns the handle:
 * opens it off the loop, closes an expired one and opens the next, so that
 * its users see one coordinator with sessions that come and go.
 *
 *     OPENING --connected--> CONNECTED <--lost/found--> SUSPENDED
 *     CONNECTED, SUSPENDED --told expired--> OPENING (a new handle)
 *
 * The library calls back on threads of its own; those callbacks only copy
 * and post to the inbox, tagged with the handle they belong to. Loop thread
 * only, everything below. Paths are under the chroot, which is created.
 */
#ifndef COORD_COORD_H
#define COORD_COORD_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/list.h"
#include "seam/seam.h"

#define COORD_DATA_BYTES_MAX                                                   \
    (512u << 10) /* of a znode; jute's limit is 1 MiB */
/* Of a multi, data and paths; the rest of jute's 1 MiB is for headers. */
#define COORD_MULTI_BYTES_MAX 1000000u
#define COORD_WATCHES_MAX     64
#define COORD_MULTI_MAX       1024

struct coord;

enum coord_state { COORD_OPENING, COORD_CONNECTED, COORD_SUSPENDED };

/* Embedded by the user. */
struct coord_listener {
    /* A new session: ephemerals of the old one are gone or will go, watches
     * are forgotten (they have fired). */
    void (*on_session)(struct coord_listener *listener);
    /* Told that the session is over. Nothing may be assumed held any more;
     * on_session follows. */
    void (*on_expired)(struct coord_listener *listener);
    /* Connected again within the same session. */
    void (*on_reconnected)(struct coord_listener *listener);
};

struct coord_stat {
    int64_t czxid;
    int64_t ctime_ms;        /* by the wall clock of a ZooKeeper server */
    int64_t ephemeral_owner; /* session id, 0 for a persistent znode */
    int32_t version;
};

/* One operation; embedded by the caller, untouched until done, which comes
 * exactly once and never from inside a call (except after coord_free). */
struct coord_request {
    void (*done)(struct coord_request *request); /* set by the caller */
    /* NO_NODE, NODE_EXISTS, BAD_VERSION, NODE_NOT_EMPTY: certain.
     * NOT_CONNECTED: nothing was done. OUTCOME_UNKNOWN: it may have been
     * done; read and compare. SESSION_EXPIRED likewise. TOO_LARGE. */
    enum error error;
    struct coord_stat stat; /* of get, exists, set */
    struct bytes data;      /* of get; borrowed until done returns */
    char *const *children;  /* sorted; borrowed until done returns */
    size_t child_count;
    size_t failed_op; /* of a multi that failed: which operation */
    struct list node; /* coord's */
    void *ticket;     /* coord's */
};

/* Fires once, when the znode (or its children) may have changed: also when
 * the session ended. Embedded by the user. */
struct coord_watch {
    void (*fire)(struct coord_watch *watch);
    uint64_t id; /* coord's; 0: not armed */
    struct list node;
};

/* `connect` is "host:port,host:port/chroot"; copied. */
struct coord *coord_new(struct seam *seam, const char *connect,
                        int session_timeout_ms,
                        struct coord_listener *listener);
void coord_start(struct coord *coord);
/* Closes the session (its ephemerals go at once); done comes on the loop.
 * Pending requests fail before. */
void coord_stop(struct coord *coord, void (*done)(void *context),
                void *context);
/* After coord_stop() is done, or never started. Takes NULL. */
void coord_free(struct coord *coord);

enum coord_state coord_state(const struct coord *coord);
int64_t coord_session_id(const struct coord *coord);
int64_t coord_session_timeout_ms(const struct coord *coord); /* negotiated */

/* The lease: until when (monotonic) the session cannot have been expired by
 * the ensemble. Half the negotiated timeout after the sending of the last
 * write or sync that was answered. */
int64_t coord_lease_until_us(const struct coord *coord);

/* Reads. With `sync` a sync of the same session precedes the read, so that
 * it sees all that was committed before. `watch` may be NULL; it is armed
 * when the read succeeds (exists: also on NO_NODE). */
void coord_get(struct coord *coord, struct coord_request *request,
               const char *path, bool sync, struct coord_watch *watch);
void coord_exists(struct coord *coord, struct coord_request *request,
                  const char *path, struct coord_watch *watch);
void coord_children(struct coord *coord, struct coord_request *request,
                    const char *path, bool sync, struct coord_watch *watch);
void coord_watch_cancel(struct coord *coord, struct coord_watch *watch);

enum coord_operation { COORD_CREATE, COORD_SET, COORD_DELETE, COORD_CHECK };

#define COORD_ANY_VERSION (-1)

struct coord_op {
    enum coord_operation operation;
    const char *path;
    struct bytes data; /* create, set */
    int32_t version;   /* set, delete, check; or COORD_ANY_VERSION */
    bool ephemeral;    /* create */
};

/* All of them or none, one transaction. Copies everything. One operation
 * is sent as itself. */
void coord_multi(struct coord *coord, struct coord_request *request,
                 const struct coord_op *ops, size_t count);

#endif
