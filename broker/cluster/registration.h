/* SPDX-License-Identifier: Apache-2.0
 *
 * This broker's place in ZooKeeper: makes the tree of a new cluster, reads the
 * cluster's id, registers the broker as an ephemeral znode whose czxid
 * is the broker epoch. A registration left by an older session is waited
 * for, never removed: the broker behind it may still believe in it.
 *
 *     IDLE --session--> CLUSTER_ID --> KNOWN --asked--> REGISTERING
 *     CLUSTER_ID --there is none--> TREE --> CLUSTER_ID
 *     REGISTERING <--> WAITING (for an old one to go);  --> REGISTERED
 *     REGISTERED --node changed: read, written if it is still ours-->
 * REGISTERED
 */
#ifndef CLUSTER_REGISTRATION_H
#define CLUSTER_REGISTRATION_H

#include "base/random.h"
#include "coord/coord.h"
#include "seam/timer.h"
#include "seam/trace.h"

enum registration_step {
    REGISTRATION_IDLE,
    REGISTRATION_TREE,
    REGISTRATION_CLUSTER_ID,
    REGISTRATION_KNOWN,
    REGISTRATION_REGISTERING,
    REGISTRATION_WAITING,
    REGISTRATION_REGISTERED
};

struct registration_directory {
    const char *path;
    const char *detail; /* why it failed */
    bool failed;
    bool has_id; /* not when it could not be opened */
    struct uuid id;
};

/* What the znode says; what it points at is borrowed. */
struct registration_node {
    uint32_t broker_id;
    const char *host;
    uint16_t port;
    const char *rack;
    struct uuid incarnation;
    struct uuid boot_id;
    bool has_clean_token;
    struct uuid clean_token;
    const struct registration_directory *directories;
    size_t directory_count;
    const struct partition_key *offline; /* replicas; ascending */
    size_t offline_count;
    bool leaving; /* it is about to stop */
};

/* More would not fit into a znode. */
#define REGISTRATION_OFFLINE_MAX 20000

struct registration_listener {
    void (*on_cluster_id)(struct registration_listener *listener,
                          const struct uuid *cluster_id);
    /* registered_ms: when, by ZooKeeper's clock. */
    void (*on_registered)(struct registration_listener *listener,
                          uint64_t broker_epoch, int64_t registered_ms);
    /* The znode says what the node says, in this version; after
     * on_registered, and after each registration_update(). */
    void (*on_told)(struct registration_listener *listener, uint32_t version);
};

struct registration {
    struct seam *seam;
    struct coord *coord;
    struct registration_listener *listener;
    const struct registration_node *node; /* borrowed */
    struct random random;
    enum registration_step step;
    bool tree_exists; /* some of it was there when all of it was to be made */
    bool request_open;
    bool warned;
    bool stale;       /* the node has changed since it was last written */
    uint32_t version; /* that a write under way makes */
    struct coord_request request;
    struct coord_watch watch;
    struct timer retry;
};

void registration_init(struct registration *registration, struct seam *seam,
                       struct coord *coord,
                       struct registration_listener *listener);
/* A session has begun. */
void registration_begin(struct registration *registration);
/* Asks to be registered as this; on_cluster_id has come. Borrows the node
 * from here on. */
void registration_register(struct registration *registration,
                           const struct registration_node *node);
/* What the node says has changed: the znode follows, on_told comes. */
void registration_update(struct registration *registration);
/* The session is over. */
void registration_stop(struct registration *registration);

#endif
