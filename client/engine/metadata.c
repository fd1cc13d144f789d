/* SPDX-License-Identifier: Apache-2.0
 *
 * What the brokers said about brokers, topics and leaders. One question at a
 * time, about all topics that this client uses; asked again when an answer
 * or a lost connection shows that it is out of date, with a back-off. What
 * bears an older leader epoch than we know comes from a broker that lags and
 * is not believed.
 */
#include "base/assert.h"
#include "client/engine/internal.h"
#include "seam/memory.h"
#include "seam/trace.h"

#define PLACES_MAX 100000

void client_metadata_init(struct client *client)
{
    client->metadata.controller = -1;
}

static void topic_free(struct heap *heap, struct topic *topic)
{
    for (uint32_t i = 0; i < topic->place_count; i++)
        heap_free(heap, topic->places[i].lane);
    heap_free(heap, topic->places);
    heap_free(heap, topic->name);
    heap_free(heap, topic);
}

void client_metadata_release(struct client *client)
{
    struct heap *heap = client->seam->heap;

    for (size_t i = 0; i < client->metadata.topic_count; i++)
        topic_free(heap, client->metadata.topics[i]);
    heap_free(heap, client->metadata.topics);
}

void client_metadata_refresh(struct client *client)
{
    if (!client->metadata.wanted)
        client_wake_now(client);
    client->metadata.wanted = true;
}

/* ---- topics ---- */

/* Where the name stands or would stand. */
static size_t topic_position(const struct metadata *metadata, const char *name)
{
    size_t low = 0;
    size_t high = metadata->topic_count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (strcmp(metadata->topics[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct topic *topic_find(const struct metadata *metadata,
                                const char *name)
{
    size_t at = topic_position(metadata, name);

    if (at < metadata->topic_count &&
        strcmp(metadata->topics[at]->name, name) == 0)
        return metadata->topics[at];
    return NULL;
}

static bool topic_patience_over(const struct client *client,
                                const struct topic *topic)
{
    return topic->denied &&
           client_now(client) >= topic->asked_at_us + TOPIC_PATIENCE_US;
}

struct topic *client_metadata_topic(struct client *client, const char *name)
{
    struct metadata *metadata = &client->metadata;
    struct heap *heap = client->seam->heap;
    struct topic *topic = topic_find(metadata, name);
    size_t at = topic_position(metadata, name);
    size_t count = metadata->topic_count;

    if (topic && !topic->known && topic_patience_over(client, topic)) {
        topic->asked_at_us = client_now(client);
        topic->denied = false;
    }
    if (topic)
        return topic;
    topic = heap_alloc(heap, sizeof *topic);
    topic->name = heap_strdup(heap, name);
    topic->asked_at_us = client_now(client);
    list_init(&topic->waiting);
    metadata->topics =
        heap_grow(heap, metadata->topics, count * sizeof *metadata->topics,
                  (count + 1) * sizeof *metadata->topics);
    memmove(metadata->topics + at + 1, metadata->topics + at,
            (count - at) * sizeof *metadata->topics);
    metadata->topics[at] = topic;
    metadata->topic_count++;
    return topic;
}

enum error topic_state(struct client *client, struct topic *topic)
{
    if (topic->known)
        return ERROR_NONE;
    if (topic_patience_over(client, topic))
        return ERROR_UNKNOWN_TOPIC;
    client_metadata_refresh(client);
    return ERROR_AGAIN;
}

enum error topic_await(struct client *client, int64_t asked_at_us)
{
    int64_t until_us = asked_at_us + TOPIC_PATIENCE_US;

    if (client_now(client) >= until_us)
        return ERROR_UNKNOWN_PARTITION;
    client_metadata_refresh(client);
    client_wake(client, until_us);
    return ERROR_AGAIN;
}

struct remote *topic_leader(struct client *client, struct topic *topic,
                            uint32_t partition)
{
    struct remote *remote = NULL;

    if (partition < topic->place_count)
        remote = client_remote(client, topic->places[partition].leader);
    if (remote == NULL) {
        client_metadata_refresh(client);
        return NULL;
    }
    if (remote_want(remote))
        return remote;
    if (remote->failures > 0) /* another may lead by now */
        client_metadata_refresh(client);
    return NULL;
}

static uint32_t leader_epoch(const struct topic *topic, uint32_t partition)
{
    return partition < topic->place_count
               ? topic->places[partition].leader_epoch
               : 0;
}

void retry_after_failure(struct client *client, struct retry *retry,
                         const struct topic *topic, uint32_t partition)
{
    retry->leader_epoch = leader_epoch(topic, partition);
    retry->at_us =
        client_now(client) + client_backoff(client, ++retry->failures);
    client_wake(client, retry->at_us);
}

bool retry_waits(struct client *client, const struct retry *retry,
                 const struct topic *topic, uint32_t partition)
{
    if (retry->at_us <= client_now(client) ||
        leader_epoch(topic, partition) > retry->leader_epoch)
        return false;
    client_wake(client, retry->at_us);
    return true;
}

/* ---- asking ---- */

static void metadata_apply(struct client *client,
                           const Kq__MetadataResponse *answer);

static void metadata_done(struct call *call, enum error error,
                          struct frame *frame)
{
    struct client *client = container_of(call, struct client, metadata.call);
    struct metadata *metadata = &client->metadata;

    client_wake_now(client);
    if (error == ERROR_TIMED_OUT)
        remote_distrust(metadata->asked);
    if (frame &&
        frame->message->body_case != KQ__MESSAGE__BODY_METADATA_RESPONSE)
        error = ERROR_BAD_FRAME;
    if (error != ERROR_NONE) {
        metadata->failures++;
        metadata->wanted = true;
    } else {
        metadata->failures = 0;
        metadata->answered = true;
        metadata->answered_at_us = client_now(client);
        metadata_apply(client, frame->message->metadata_response);
    }
    metadata->not_before_us =
        client_now(client) + client_backoff(client, metadata->failures);
    frame_free(frame);
}

static void metadata_ask(struct client *client, struct remote *remote)
{
    struct metadata *metadata = &client->metadata;
    struct heap *heap = client->seam->heap;
    Kq__MetadataRequest body = KQ__METADATA_REQUEST__INIT;
    Kq__Message message = KQ__MESSAGE__INIT;
    char **names;

    names = heap_alloc(heap, (metadata->topic_count + 1) * sizeof *names);
    for (size_t i = 0; i < metadata->topic_count; i++)
        names[i] = metadata->topics[i]->name;
    body.topics = names;
    body.n_topics = metadata->topic_count;
    message.body_case = KQ__MESSAGE__BODY_METADATA_REQUEST;
    message.metadata_request = &body;
    metadata->wanted = false;
    metadata->asked = remote;
    metadata->call.done = metadata_done;
    channel_call(&remote->channel, &metadata->call, &message, NULL, 0,
                 client->options.request_timeout_us);
    heap_free(heap, names);
}

/* What changed without an error, such as partitions that were added, is seen
 * in time. */
static void refresh_what_is_old(struct client *client)
{
    struct metadata *metadata = &client->metadata;
    int64_t old_at_us =
        metadata->answered_at_us + client->options.metadata_age_us;

    if (!metadata->answered || metadata->topic_count == 0 || metadata->wanted ||
        metadata->call.channel)
        return;
    if (client_now(client) >= old_at_us)
        metadata->wanted = true;
    else
        client_wake(client, old_at_us);
}

void client_metadata_work(struct client *client)
{
    struct metadata *metadata = &client->metadata;
    struct remote *remote;

    refresh_what_is_old(client);
    if (!metadata->wanted || metadata->call.channel)
        return;
    if (metadata->not_before_us > client_now(client)) {
        client_wake(client, metadata->not_before_us);
        return;
    }
    remote = client_any_remote(client);
    if (remote)
        metadata_ask(client, remote);
}

/* ---- believing ---- */

/* A new remote, in its place by broker id. */
static struct remote *remote_insert(struct client *client,
                                    const Kq__BrokerEndpoint *endpoint)
{
    struct remote *remote =
        remote_new(client, endpoint->host, (uint16_t)endpoint->port);
    struct list *at = &client->remotes;

    remote->broker_id = endpoint->broker_id;
    list_for_each (node, &client->remotes) {
        if (container_of(node, struct remote, node)->broker_id >
            remote->broker_id) {
            at = node;
            break;
        }
    }
    list_append(at, &remote->node); /* before `at` */
    return remote;
}

static void apply_endpoint(struct client *client,
                           const Kq__BrokerEndpoint *endpoint)
{
    struct heap *heap = client->seam->heap;
    struct remote *remote = NULL;

    if (endpoint->port == 0 || endpoint->port > UINT16_MAX)
        return;
    list_for_each (node, &client->remotes) {
        remote = container_of(node, struct remote, node);
        if (remote->broker_id == endpoint->broker_id)
            break;
        remote = NULL;
    }
    if (remote == NULL)
        remote = remote_insert(client, endpoint);
    remote->listed = true;
    if (remote->port == endpoint->port &&
        strcmp(remote->host, endpoint->host) == 0)
        return;
    heap_free(heap, remote->host);
    remote->host = heap_strdup(heap, endpoint->host);
    remote->port = (uint16_t)endpoint->port;
    remote->failures = 0;
    channel_close(&remote->channel, ERROR_CLOSED);
}

/* Another topic bears the name now: what we knew of the old one is void. */
static void topic_replaced(struct client *client, struct topic *topic)
{
    for (uint32_t i = 0; i < topic->place_count; i++) {
        topic->places[i].leader = LEADER_NONE;
        topic->places[i].leader_epoch = 0;
    }
    topic->partition_count = 0;
    client->producer.reset_wanted = true;
}

static void topic_resize(struct client *client, struct topic *topic,
                         uint32_t count)
{
    uint32_t old = topic->place_count;

    if (topic->partition_count < count) /* else that broker lags */
        topic->partition_count = count;
    if (count <= old)
        return;
    topic->places =
        heap_grow(client->seam->heap, topic->places,
                  old * sizeof *topic->places, count * sizeof *topic->places);
    for (uint32_t i = old; i < count; i++)
        topic->places[i].leader = LEADER_NONE;
    topic->place_count = count;
}

static void apply_partition(struct topic *topic,
                            const Kq__PartitionMetadata *partition)
{
    struct place *place;

    if (partition->partition >= topic->place_count)
        return;
    place = &topic->places[partition->partition];
    if (partition->leader_epoch < place->leader_epoch)
        return; /* from a broker that lags */
    place->leader_epoch = partition->leader_epoch;
    place->leader =
        partition->has_leader ? (int64_t)partition->leader : LEADER_NONE;
}

static void topic_lost(struct client *client, struct topic *topic,
                       unsigned error)
{
    if (topic->known)
        topic->asked_at_us = client_now(client);
    topic->known = false;
    if (error == ERROR_UNKNOWN_TOPIC || error == ERROR_INVALID_TOPIC)
        topic->denied = true;
}

static void apply_topic(struct client *client, const Kq__TopicMetadata *answer)
{
    struct topic *topic = topic_find(&client->metadata, answer->name);
    struct uuid id;

    if (topic == NULL)
        return;
    if (answer->error != ERROR_NONE || !answer->has_topic_id ||
        !uuid_from_bytes(answer->topic_id.data, answer->topic_id.len, &id) ||
        answer->n_partitions > PLACES_MAX) {
        topic_lost(client, topic, answer->error);
        return;
    }
    if (!uuid_is_zero(&topic->id) && !uuid_equal(&topic->id, &id))
        topic_replaced(client, topic);
    topic->id = id;
    topic->known = answer->n_partitions > 0;
    topic->denied = false;
    if (topic->partition_count == 0 && topic->known)
        topic->turn =
            (uint32_t)random_below(&client->random, answer->n_partitions);
    topic_resize(client, topic, (uint32_t)answer->n_partitions);
    for (size_t i = 0; i < answer->n_partitions; i++)
        apply_partition(topic, answer->partitions[i]);
}

static void metadata_apply(struct client *client,
                           const Kq__MetadataResponse *answer)
{
    struct uuid *cluster_id = &client->identity.cluster_id;

    if (answer->n_brokers > 0) {
        list_for_each (node, &client->remotes)
            container_of(node, struct remote, node)->listed = false;
    }
    for (size_t i = 0; i < answer->n_brokers; i++)
        apply_endpoint(client, answer->brokers[i]);
    client->metadata.controller =
        answer->has_controller ? (int64_t)answer->controller : -1;
    if (uuid_is_zero(cluster_id) && answer->has_cluster_id &&
        !uuid_from_bytes(answer->cluster_id.data, answer->cluster_id.len,
                         cluster_id))
        trace_log(client->seam->trace, TRACE_WARN,
                  "the cluster's id is not of 16 bytes");
    for (size_t i = 0; i < answer->n_topics; i++)
        apply_topic(client, answer->topics[i]);
}
