/* SPDX-License-Identifier: Apache-2.0
 *
 * Administrative requests: sent to any broker or to the controller, and sent
 * again after whatever another try may cure, until their time is over. A
 * request whose answer was lost may have been carried out.
 *
 *     WAITING --a broker is ready--> CALLING --answer--> done()
 *        ^-----------retriable----------'
 *     WAITING or CALLING --deadline--> done()
 */
#include "base/assert.h"
#include "client/engine/internal.h"
#include "seam/memory.h"

struct request {
    struct client *client;
    Kq__Message *message;
    bool to_controller;
    int64_t asked_at_us;
    int64_t deadline_us;
    int64_t retry_at_us;
    unsigned failures;
    enum error error; /* of the last try */
    void (*done)(void *context, enum error error, const Kq__Message *answer);
    void *context;
    struct call call;
    struct remote *asked;
    struct topic *topic; /* whose leader is asked; NULL: not yet looked up */
    struct list node;    /* on client->requests */
};

static void request_finish(struct request *request, enum error error,
                           const Kq__Message *answer)
{
    struct heap *heap = request->client->seam->heap;

    list_remove(&request->node);
    request->done(request->context, error, answer);
    heap_free(heap, request);
}

/* The error that stands inside an answer. */
static enum error answer_error(const Kq__Message *answer)
{
    switch (answer->body_case) {
    case KQ__MESSAGE__BODY_CREATE_TOPIC_RESPONSE:
        return error_from_code(answer->create_topic_response->error);
    case KQ__MESSAGE__BODY_DELETE_TOPIC_RESPONSE:
        return error_from_code(answer->delete_topic_response->error);
    case KQ__MESSAGE__BODY_ALTER_TOPIC_RESPONSE:
        return error_from_code(answer->alter_topic_response->error);
    case KQ__MESSAGE__BODY_DELETE_RECORDS_RESPONSE:
        return error_from_code(answer->delete_records_response->error);
    case KQ__MESSAGE__BODY_ELECT_LEADERS_RESPONSE:
        return error_from_code(answer->elect_leaders_response->error);
    case KQ__MESSAGE__BODY_REASSIGN_RESPONSE:
        return error_from_code(answer->reassign_response->error);
    case KQ__MESSAGE__BODY_CLOCK_RESPONSE:
        return error_from_code(answer->clock_response->error);
    case KQ__MESSAGE__BODY_INIT_PRODUCER_RESPONSE:
        return error_from_code(answer->init_producer_response->error);
    default:
        return ERROR_NONE;
    }
}

/* The controller knows which topics and partitions there are; other brokers may
 * lag. */
static bool request_again(const struct request *request, enum error error)
{
    if (request->to_controller &&
        (error == ERROR_UNKNOWN_TOPIC || error == ERROR_UNKNOWN_PARTITION))
        return false;
    return error_retriable(error);
}

static void request_done(struct call *call, enum error error,
                         struct frame *frame)
{
    struct request *request = container_of(call, struct request, call);
    struct client *client = request->client;
    enum error inner = frame ? answer_error(frame->message) : error;

    if (error == ERROR_TIMED_OUT && client_now(client) < request->deadline_us)
        remote_distrust(request->asked);
    if (!request_again(request, inner)) {
        request_finish(request, error, frame ? frame->message : NULL);
        frame_free(frame);
        return;
    }
    frame_free(frame);
    if (error_refreshes(inner))
        client_metadata_refresh(client);
    request->error = inner;
    request->failures++;
    request->retry_at_us =
        client_now(client) + client_backoff(client, request->failures);
    client_wake_now(client);
}

/* The one broker that a request is for, if it is not for any. */
static bool request_named(const Kq__Message *message, uint32_t *broker_id)
{
    switch (message->body_case) {
    case KQ__MESSAGE__BODY_CLOCK_REQUEST:
        *broker_id = message->clock_request->broker_id;
        return true;
    case KQ__MESSAGE__BODY_METADATA_REQUEST:
        *broker_id = message->metadata_request->broker_id;
        return message->metadata_request->has_broker_id;
    default:
        return false;
    }
}

static struct remote *request_remote(struct request *request)
{
    struct client *client = request->client;
    struct remote *remote;
    uint32_t broker_id;

    if (request_named(request->message, &broker_id)) {
        remote = client_remote(client, broker_id);
        if (remote == NULL)
            client_metadata_refresh(client);
        return remote != NULL && remote_want(remote) ? remote : NULL;
    }
    if (!request->to_controller)
        return client_any_remote(client);
    remote = client_remote(client, client->metadata.controller);
    if (remote && request->error != ERROR_NOT_CONTROLLER)
        return remote_want(remote) ? remote : NULL;
    /* wait for metadata that names another one */
    client_metadata_refresh(client);
    request->error = ERROR_NONE;
    request->retry_at_us = client_now(client) + client_backoff(client, 1);
    client_wake(client, request->retry_at_us);
    return NULL;
}

/* The leader of the partition that the request is about; NULL with
 * ERROR_AGAIN while it is being looked for. */
static struct remote *request_leader(struct request *request, enum error *error)
{
    const Kq__DeleteRecordsRequest *body =
        request->message->delete_records_request;
    struct client *client = request->client;
    struct remote *remote = NULL;
    struct topic *topic;

    if (request->topic == NULL)
        request->topic = client_metadata_topic(client, body->topic);
    topic = request->topic;
    *error = topic_state(client, topic);
    if (*error == ERROR_NONE && body->partition >= topic->partition_count)
        *error = topic_await(client, request->asked_at_us);
    if (*error == ERROR_NONE)
        remote = topic_leader(client, topic, body->partition);
    if (remote == NULL && *error == ERROR_NONE)
        *error = ERROR_AGAIN;
    return remote;
}

static void request_send(struct request *request, struct remote *remote)
{
    struct client *client = request->client;
    int64_t timeout_us = request->deadline_us - client_now(client);

    if (timeout_us > client->options.request_timeout_us)
        timeout_us = client->options.request_timeout_us;
    request->asked = remote;
    request->call.done = request_done;
    channel_call(&remote->channel, &request->call, request->message, NULL, 0,
                 timeout_us);
}

static void request_work(struct request *request)
{
    struct client *client = request->client;
    int64_t now_us = client_now(client);
    enum error error = ERROR_NONE;
    struct remote *remote;

    if (request->call.channel)
        return;
    if (request->deadline_us <= now_us) {
        request_finish(request, ERROR_TIMED_OUT, NULL);
        return;
    }
    client_wake(client, request->deadline_us);
    if (request->retry_at_us > now_us) {
        client_wake(client, request->retry_at_us);
        return;
    }
    remote =
        request->message->body_case == KQ__MESSAGE__BODY_DELETE_RECORDS_REQUEST
            ? request_leader(request, &error)
            : request_remote(request);
    if (remote)
        request_send(request, remote);
    else if (error == ERROR_UNKNOWN_TOPIC || error == ERROR_UNKNOWN_PARTITION)
        request_finish(request, error, NULL);
}

void requests_work(struct client *client)
{
    struct list todo;

    list_init(&todo);
    list_splice(&todo, &client->requests);
    while (!list_empty(&todo)) {
        struct request *request =
            container_of(list_first(&todo), struct request, node);

        list_remove(&request->node);
        list_append(&client->requests, &request->node);
        request_work(request);
    }
}

void client_request(struct client *client, Kq__Message *message,
                    bool to_controller, int64_t timeout_us,
                    void (*done)(void *context, enum error error,
                                 const Kq__Message *answer),
                    void *context)
{
    struct request *request = heap_alloc(client->seam->heap, sizeof *request);

    request->client = client;
    request->message = message;
    request->to_controller = to_controller;
    request->asked_at_us = client_now(client);
    request->deadline_us = request->asked_at_us + timeout_us;
    request->done = done;
    request->context = context;
    list_append(&client->requests, &request->node);
    client_wake_now(client);
}

void requests_release(struct client *client)
{
    struct list *node;

    while ((node = list_pop(&client->requests)) != NULL)
        heap_free(client->seam->heap, container_of(node, struct request, node));
}
