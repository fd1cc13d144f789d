/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine's door, its one timer and its options. Everything that happens
 * asks for a turn; a turn looks at all of the state (client_work). Turns are
 * brought by the timer, so that all events of one moment share one.
 */
#include "base/assert.h"
#include "client/engine/internal.h"
#include "seam/dispatch.h"
#include "seam/memory.h"
#include "seam/trace.h"

void client_options_init(struct client_options *options)
{
    *options = (struct client_options){
        .bootstrap = NULL,
        .client_id = "kq",
        .acks = -1,
        .idempotence = true,
        .batch_bytes = 128 << 10,
        .batch_bytes_max = 1 << 20,
        .linger_us = 0,
        .buffer_bytes = 32 << 20,
        .in_flight_max = 5,
        .request_timeout_us = 10000000,
        .delivery_timeout_us = 120000000,
        .retry_backoff_us = 100000,
        .metadata_age_us = 10000000,
        .fetch_bytes = 1 << 20,
        .fetch_wait_us = 500000,
    };
}

int64_t client_now(const struct client *client)
{
    return client->seam->now.monotonic_us;
}

void client_wake(struct client *client, int64_t at_us)
{
    struct timer *timer = &client->timer;

    if (timer_running(timer) && timer->deadline_us <= at_us)
        return;
    timer_start(client->seam->timers, timer, at_us);
}

void client_wake_now(struct client *client)
{
    client_wake(client, client_now(client));
}

int64_t client_backoff(const struct client *client, unsigned failures)
{
    int64_t factor = 1;

    while (failures-- > 1 && factor < BACKOFF_FACTOR_MAX)
        factor *= 2;
    return client->options.retry_backoff_us * factor;
}

bool error_refreshes(enum error error)
{
    switch (error) {
    case ERROR_UNKNOWN_TOPIC:
    case ERROR_UNKNOWN_PARTITION:
    case ERROR_NOT_LEADER:
    case ERROR_NO_LEADER:
    case ERROR_NOT_REPLICA:
    case ERROR_NOT_CONTROLLER:
    case ERROR_FENCED_EPOCH:
    case ERROR_UNKNOWN_EPOCH:
    case ERROR_LEASE_EXPIRED:
    case ERROR_SHUTTING_DOWN:
    case ERROR_LOG_DIRECTORY_FAILED:
    case ERROR_IO:
    case ERROR_CLOSED:
    case ERROR_REFUSED:
    case ERROR_TIMED_OUT:
    case ERROR_UNREACHABLE:
    case ERROR_CANCELLED:
        return true;
    default:
        return false;
    }
}

bool error_retriable(enum error error)
{
    switch (error) {
    case ERROR_AGAIN:
    case ERROR_BUSY:
    case ERROR_OUT_OF_MEMORY:
    case ERROR_DISK_FULL:
    case ERROR_NOT_ENOUGH_REPLICAS:
    case ERROR_OFFSET_NOT_AVAILABLE:
    case ERROR_OUTCOME_UNKNOWN:
    case ERROR_NOT_CONNECTED:
    case ERROR_SESSION_EXPIRED:
    case ERROR_CORRUPT_BATCH: /* damaged on its way */
        return true;
    default:
        return error_refreshes(error);
    }
}

static void client_work(struct timer *timer)
{
    struct client *client = container_of(timer, struct client, timer);

    ASSERT(!client->working);
    client->working = true;
    client_metadata_work(client);
    requests_work(client);
    watches_work(client);
    producer_work(client);
    consumer_work(client);
    client->working = false;
}

struct client *client_new(struct seam *seam,
                          const struct client_options *options)
{
    struct client *client = heap_alloc(seam->heap, sizeof *client);
    const char *name = options->client_id ? options->client_id : "kq";

    ASSERT(!options->idempotence || options->acks == -1);
    client->seam = seam;
    client->options = *options;
    client->options.bootstrap = NULL;
    client->client_id = heap_strdup(seam->heap, name);
    client->options.client_id = client->client_id;
    client->identity.client_id = client->client_id;
    client->identity.frame_bytes_max = FRAME_BYTES_MAX_DEFAULT;
    client->timer.fire = client_work;
    random_init(&client->random, seam->random_key);
    list_init(&client->remotes);
    list_init(&client->requests);
    list_init(&client->readers);
    list_init(&client->fetches);
    list_init(&client->watches);
    client->any_turn = -1;
    client_metadata_init(client);
    producer_init(client);
    if (!seeds_parse(client, options->bootstrap)) {
        client_free(client);
        return NULL;
    }
    client->seed =
        remote_new(client, client->seeds[0].host, client->seeds[0].port);
    client->seed->seed = true;
    return client;
}

static void seeds_release(struct client *client)
{
    for (size_t i = 0; i < client->seed_count; i++)
        heap_free(client->seam->heap, client->seeds[i].host);
    heap_free(client->seam->heap, client->seeds);
}

void client_free(struct client *client)
{
    struct heap *heap;
    struct list *node;

    if (client == NULL)
        return;
    heap = client->seam->heap;
    timer_stop(client->seam->timers, &client->timer);
    if (client->seed)
        remote_free(client->seed);
    while ((node = list_pop(&client->remotes)) != NULL)
        remote_free(container_of(node, struct remote, node));
    requests_release(client);
    watches_release(client);
    fetches_release(client);
    consumer_release(client);
    producer_release(client);
    client_metadata_release(client);
    seeds_release(client);
    heap_free(heap, client->decode_block);
    heap_free(heap, client->client_id);
    heap_free(heap, client);
}

void client_on_event(struct client *client, const struct event *event)
{
    ASSERT(event->type != EVENT_NET_ACCEPTED);
    client->seam->now = event->now;
    if (event->type == EVENT_STOP)
        return;
    event_dispatch(event);
}
