/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections to the other brokers (and to this one, for calls to the
 * controller): one channel a broker and purpose, opened when it is wanted,
 * opened again after a pause when it is lost.
 */
#ifndef CLUSTER_PEERS_H
#define CLUSTER_PEERS_H

#include "cluster/brokers.h"
#include "wire/channel.h"

#define PEER_RETRY_US 100000

/* Embedded by the user. */
struct peer_listener {
    void (*on_ready)(struct peer_listener *listener);
    /* Its calls have failed one by one before. May be NULL. */
    void (*on_lost)(struct peer_listener *listener, enum error error);
};

struct peer {
    struct seam *seam;
    const struct brokers *brokers; /* where addresses come from */
    struct peer_listener *listener;
    struct channel_handler handler;
    struct channel channel;
    struct timer retry;
    uint32_t broker_id;
    bool wanted;
};

void peer_init(struct peer *peer, struct seam *seam,
               const struct brokers *brokers,
               const struct channel_identity *identity,
               struct peer_listener *listener);
void peer_release(struct peer *peer);

/* Keeps a channel to this broker open; NO_BROKER: to none. */
void peer_aim(struct peer *peer, uint32_t broker_id);
/* A call may be made. */
static inline bool peer_ready(const struct peer *peer)
{
    return peer->wanted && channel_ready(&peer->channel);
}

#endif
