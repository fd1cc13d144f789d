/* SPDX-License-Identifier: Apache-2.0
 *
 * This broker's place in ZooKeeper: makes the tree when it is missing, reads
 * the cluster's id, registers the broker as an ephemeral znode whose czxid
 * is the broker epoch. A registration left by an older session is waited
 * for, never removed: the broker behind it may still believe in it.
 *
 *     IDLE --session--> TREE --> CLUSTER_ID --> KNOWN --asked--> REGISTERING
 *     REGISTERING <--> WAITING (for an old one to go);  --> REGISTERED
 */
#ifndef CLUSTER_REGISTRATION_H
#define CLUSTER_REGISTRATION_H

#include "base/random.h"
#include "coord/coord.h"
#include "seam/timer.h"

enum registration_step {
    REGISTRATION_IDLE,
    REGISTRATION_TREE,
    REGISTRATION_CLUSTER_ID,
    REGISTRATION_KNOWN,
    REGISTRATION_REGISTERING,
    REGISTRATION_WAITING,
    REGISTRATION_REGISTERED
};

/* What the znode says; strings are borrowed. */
struct registration_node {
    uint32_t broker_id;
    const char *host;
    uint16_t port;
    const char *rack;
    struct uuid incarnation;
    struct uuid boot_id;
    struct uuid directory_id;
    bool has_clean_token;
    struct uuid clean_token;
};

struct registration_listener {
    void (*on_cluster_id)(struct registration_listener *listener,
                          const struct uuid *cluster_id);
    /* registered_ms: when, by ZooKeeper's clock. */
    void (*on_registered)(struct registration_listener *listener,
                          uint64_t broker_epoch, int64_t registered_ms);
};

struct registration {
    struct seam *seam;
    struct coord *coord;
    struct registration_listener *listener;
    struct registration_node node;
    struct random random;
    enum registration_step step;
    size_t tree_at;
    bool request_open;
    bool warned;
    struct coord_request request;
    struct coord_watch watch;
    struct timer retry;
};

void registration_init(struct registration *registration, struct seam *seam,
                       struct coord *coord,
                       struct registration_listener *listener);
/* A session has begun. */
void registration_begin(struct registration *registration);
/* Asks to be registered as this; on_cluster_id has come. */
void registration_register(struct registration *registration,
                           const struct registration_node *node);
/* The session is over. */
void registration_stop(struct registration *registration);

#endif
