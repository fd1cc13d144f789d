/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/peers.h"

#include <string.h>

#include "base/assert.h"
#include "rules/replication.h"

static void open_channel(struct peer *peer)
{
    const struct broker_endpoint *endpoint;

    if (!peer->wanted || peer->channel.state != CHANNEL_CLOSED)
        return;
    endpoint = brokers_find(peer->brokers, peer->broker_id);
    if (endpoint != NULL)
        channel_connect(&peer->channel, endpoint->host, endpoint->port);
    else
        timer_start(peer->seam->timers, &peer->retry,
                    peer->seam->now.monotonic_us + PEER_RETRY_US);
}

static void retry_fire(struct timer *timer)
{
    open_channel(container_of(timer, struct peer, retry));
}

static void on_ready(struct channel_handler *handler)
{
    struct peer *peer = container_of(handler, struct peer, handler);

    if (peer->wanted)
        peer->listener->on_ready(peer->listener);
}

static void on_closed(struct channel_handler *handler, enum error error)
{
    struct peer *peer = container_of(handler, struct peer, handler);

    timer_start(peer->seam->timers, &peer->retry,
                peer->seam->now.monotonic_us + PEER_RETRY_US);
    if (peer->wanted && peer->listener->on_lost != NULL)
        peer->listener->on_lost(peer->listener, error);
}

void peer_init(struct peer *peer, struct seam *seam,
               const struct brokers *brokers,
               const struct channel_identity *identity,
               struct peer_listener *listener)
{
    memset(peer, 0, sizeof *peer);
    peer->seam = seam;
    peer->brokers = brokers;
    peer->listener = listener;
    peer->broker_id = NO_BROKER;
    peer->handler.on_ready = on_ready;
    peer->handler.on_closed = on_closed;
    peer->retry.fire = retry_fire;
    channel_init(&peer->channel, seam, identity, &peer->handler);
}

void peer_release(struct peer *peer)
{
    timer_stop(peer->seam->timers, &peer->retry);
    channel_release(&peer->channel);
}

void peer_aim(struct peer *peer, uint32_t broker_id)
{
    bool moved = broker_id != peer->broker_id;

    peer->wanted = broker_id != NO_BROKER;
    peer->broker_id = broker_id;
    if (moved && peer->channel.state != CHANNEL_CLOSED)
        channel_close(&peer->channel, ERROR_CANCELLED);
    else if (!timer_running(&peer->retry))
        open_channel(peer);
}
