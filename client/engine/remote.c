/* SPDX-License-Identifier: Apache-2.0
 *
 * Brokers and the channels to them: one channel a broker, and one (the
 * seed) that goes round the bootstrap list until metadata names the rest.
 * Connections are made when somebody wants them and tried again with a
 * back-off.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "client/engine/internal.h"
#include "seam/memory.h"
#include "seam/trace.h"

#define SEEDS_MAX 64

/* ---- bootstrap ---- */

/* Reads one "host:port" of `size` bytes. */
static bool seed_parse(struct client *client, const char *text, size_t size,
                       struct seed *seed)
{
    const char *colon = memrchr(text, ':', size);
    char *end;
    unsigned long port;

    if (colon == NULL || colon == text || colon[1] < '0' || colon[1] > '9')
        return false;
    port = strtoul(colon + 1, &end, 10);
    if (end != text + size || port == 0 || port > UINT16_MAX)
        return false;
    seed->port = (uint16_t)port;
    seed->host = heap_alloc(client->seam->heap, (size_t)(colon - text) + 1);
    memcpy(seed->host, text, (size_t)(colon - text));
    return true;
}

bool seeds_parse(struct client *client, const char *bootstrap)
{
    const char *at = bootstrap;

    client->seeds =
        heap_alloc(client->seam->heap, SEEDS_MAX * sizeof *client->seeds);
    while (at != NULL && client->seed_count < SEEDS_MAX) {
        const char *comma = strchr(at, ',');
        size_t size = comma ? (size_t)(comma - at) : strlen(at);

        if (!seed_parse(client, at, size, &client->seeds[client->seed_count]))
            return false;
        client->seed_count++;
        at = comma ? comma + 1 : NULL;
    }
    return client->seed_count > 0 && at == NULL;
}

/* ---- one remote ---- */

static void remote_on_ready(struct channel_handler *handler)
{
    struct remote *remote = container_of(handler, struct remote, handler);

    remote->failures = 0;
    client_wake_now(remote->client);
}

/* The next address of the bootstrap list. */
static void seed_advance(struct client *client, struct remote *remote)
{
    struct heap *heap = client->seam->heap;

    client->seed_turn = (client->seed_turn + 1) % client->seed_count;
    heap_free(heap, remote->host);
    remote->host = heap_strdup(heap, client->seeds[client->seed_turn].host);
    remote->port = client->seeds[client->seed_turn].port;
}

static void remote_on_closed(struct channel_handler *handler, enum error error)
{
    struct remote *remote = container_of(handler, struct remote, handler);
    struct client *client = remote->client;
    unsigned rounds = ++remote->failures;

    if (error == ERROR_WRONG_CLUSTER || error == ERROR_UNSUPPORTED_VERSION)
        trace_log(client->seam->trace, TRACE_ERROR, "%s:%u cannot be used: %s",
                  remote->host, remote->port, error_sentence(error));
    if (remote->seed) {
        seed_advance(client, remote);
        rounds = remote->failures / (unsigned)client->seed_count;
    }
    remote->retry_at_us = client_now(client);
    if (rounds > 0)
        remote->retry_at_us += client_backoff(client, rounds);
    client_metadata_refresh(client);
    client_wake_now(client);
}

struct remote *remote_new(struct client *client, const char *host,
                          uint16_t port)
{
    struct remote *remote = heap_alloc(client->seam->heap, sizeof *remote);

    remote->client = client;
    remote->host = heap_strdup(client->seam->heap, host);
    remote->port = port;
    remote->handler.on_ready = remote_on_ready;
    remote->handler.on_closed = remote_on_closed;
    channel_init(&remote->channel, client->seam, &client->identity,
                 &remote->handler);
    list_init(&remote->lanes);
    list_init(&remote->readers);
    list_init(&remote->node);
    return remote;
}

void remote_free(struct remote *remote)
{
    struct heap *heap = remote->client->seam->heap;

    channel_release(&remote->channel);
    heap_free(heap, remote->host);
    heap_free(heap, remote);
}

bool remote_want(struct remote *remote)
{
    struct client *client = remote->client;

    if (channel_ready(&remote->channel))
        return true;
    if (remote->channel.state != CHANNEL_CLOSED)
        return false;
    if (remote->retry_at_us > client_now(client)) {
        client_wake(client, remote->retry_at_us);
        return false;
    }
    channel_connect(&remote->channel, remote->host, remote->port);
    return false;
}

void remote_distrust(struct remote *remote)
{
    trace_log(remote->client->seam->trace, TRACE_WARN,
              "%s:%u does not answer; connecting again", remote->host,
              remote->port);
    channel_close(&remote->channel, ERROR_TIMED_OUT);
}

/* ---- choosing ---- */

struct remote *client_remote(struct client *client, int64_t broker_id)
{
    list_for_each (node, &client->remotes) {
        struct remote *remote = container_of(node, struct remote, node);

        if (remote->broker_id == broker_id)
            return remote->listed ? remote : NULL;
    }
    return NULL;
}

static struct remote *next_ready(struct client *client, int64_t after)
{
    list_for_each (node, &client->remotes) {
        struct remote *remote = container_of(node, struct remote, node);

        if (remote->broker_id > after && remote->listed &&
            channel_ready(&remote->channel))
            return remote;
    }
    return NULL;
}

struct remote *client_any_remote(struct client *client)
{
    struct remote *remote = next_ready(client, client->any_turn);

    if (remote == NULL)
        remote = next_ready(client, -1);
    if (remote) {
        client->any_turn = remote->broker_id;
        return remote;
    }
    if (remote_want(client->seed))
        return client->seed;
    /* the brokers may have left the addresses that we were started with */
    list_for_each (node, &client->remotes) {
        remote = container_of(node, struct remote, node);
        if (remote->listed)
            remote_want(remote);
    }
    return NULL;
}
