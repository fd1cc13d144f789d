/* SPDX-License-Identifier: Apache-2.0
 *
 * Two channels of a node that speaks to itself: how large a message may be.
 */
#include "wire/channel.h"

#include <stdio.h>
#include <stdlib.h>

#include "seam/memory.h"
#include "seam/net.h"
#include "tests/seam/harness.h"

#define HOST       "127.0.0.1"
#define TIMEOUT_US 15000000
#define NAME_BYTES 240

struct end {
    struct channel channel;
    struct channel_handler handler;
    bool ready;
    bool closed;
    enum error close_error;
};

static const struct channel_identity identity = {
    .client_id = "test", .frame_bytes_max = FRAME_BYTES_MAX_DEFAULT};
static const struct channel_identity broker_identity = {
    .client_id = "broker",
    .is_broker = true,
    .broker_id = 1,
    .frame_bytes_max = FRAME_BYTES_MAX_DEFAULT};
static struct end client;
static struct end server;
static size_t answer_topics; /* so many has the next answer */
static bool scarce;          /* there is little memory for it */

static struct {
    struct call call;
    bool done;
    enum error error;
    size_t topics;
} asked;

static void on_ready(struct channel_handler *handler)
{
    container_of(handler, struct end, handler)->ready = true;
}

static void on_closed(struct channel_handler *handler, enum error error)
{
    struct end *end = container_of(handler, struct end, handler);

    end->closed = true;
    end->close_error = error;
}

/* So many long names, in one block. */
static char **names_new(size_t count)
{
    char **names = malloc(count * (sizeof *names + NAME_BYTES));
    char *at = (char *)(names + count);

    assert_non_null(names);
    for (size_t i = 0; i < count; i++, at += NAME_BYTES) {
        snprintf(at, NAME_BYTES, "%0*zu", NAME_BYTES - 1, i);
        names[i] = at;
    }
    return names;
}

#define BLOCKS 64

/* Leaves less than a megabyte of the heap. */
static void take_memory(struct heap *heap, void *blocks[BLOCKS])
{
    size_t size = (size_t)1 << 30;

    for (unsigned i = 0; i < BLOCKS && size >= 1u << 19; i++) {
        blocks[i] = heap_try_alloc(heap, size);
        if (blocks[i] == NULL)
            size /= 2;
    }
}

static void tell_topics(struct channel *channel, uint64_t correlation_id)
{
    Kq__MetadataResponse body = KQ__METADATA_RESPONSE__INIT;
    Kq__Message message = KQ__MESSAGE__INIT;
    char **names = names_new(answer_topics);
    Kq__TopicMetadata *topics = calloc(answer_topics, sizeof *topics);

    body.topics = calloc(answer_topics, sizeof *body.topics);
    body.n_topics = answer_topics;
    for (size_t i = 0; i < answer_topics; i++) {
        kq__topic_metadata__init(&topics[i]);
        topics[i].name = names[i];
        body.topics[i] = &topics[i];
    }
    message.correlation_id = correlation_id;
    message.body_case = KQ__MESSAGE__BODY_METADATA_RESPONSE;
    message.metadata_response = &body;
    channel_send(channel, &message, NULL, 0, NULL, NULL);
    free(body.topics);
    free(topics);
    free(names);
}

static void on_message(struct channel_handler *handler, struct frame *frame)
{
    struct channel *channel =
        &container_of(handler, struct end, handler)->channel;
    struct heap *heap = channel->seam->heap;
    void *blocks[BLOCKS] = {NULL};

    if (scarce)
        take_memory(heap, blocks);
    tell_topics(channel, frame->message->correlation_id);
    for (unsigned i = 0; i < BLOCKS; i++)
        heap_free(heap, blocks[i]);
    frame_free(frame);
}

static void on_accepted(const struct event *event)
{
    channel_accept(&server.channel, event->connection);
}

static void end_init(struct end *end, struct seam *seam,
                     const struct channel_identity *who)
{
    *end = (struct end){.handler = {.on_ready = on_ready,
                                    .on_message = on_message,
                                    .on_closed = on_closed}};
    channel_init(&end->channel, seam, who, &end->handler);
}

static int setup_as(void **state, const struct channel_identity *who)
{
    struct net_listener *listener;
    struct seam *seam;

    if (harness_setup(state) != 0)
        return 1;
    seam = harness_seam(*state);
    end_init(&client, seam, who);
    end_init(&server, seam, &broker_identity);
    scarce = false;
    harness_on_accepted(*state, on_accepted);
    if (net_listen(seam->net, HOST, 0, &listener) != ERROR_NONE)
        return 1;
    channel_connect(&client.channel, HOST, net_listener_port(listener));
    harness_wait(*state, harness_flag, &client.ready);
    return 0;
}

static int setup(void **state)
{
    return setup_as(state, &identity);
}

static int setup_brokers(void **state)
{
    return setup_as(state, &broker_identity);
}

static void on_answer(struct call *call, enum error error, struct frame *frame)
{
    (void)call;
    asked.done = true;
    asked.error = error;
    if (frame != NULL)
        asked.topics = frame->message->metadata_response->n_topics;
    frame_free(frame);
}

/* Asks about so many topics, and is told of so many. */
static enum error ask(struct harness *harness, size_t about, size_t told)
{
    Kq__MetadataRequest body = KQ__METADATA_REQUEST__INIT;
    Kq__Message message = KQ__MESSAGE__INIT;
    char **names = names_new(about);

    memset(&asked, 0, sizeof asked);
    answer_topics = told;
    body.topics = names;
    body.n_topics = about;
    message.body_case = KQ__MESSAGE__BODY_METADATA_REQUEST;
    message.metadata_request = &body;
    asked.call.done = on_answer;
    channel_call(&client.channel, &asked.call, &message, NULL, 0, TIMEOUT_US);
    free(names);
    harness_wait(harness, harness_flag, &asked.done);
    return asked.error;
}

static void an_answer_may_be_longer_than_a_request(void **state)
{
    size_t count = 2 * FRAME_HEADER_BYTES_MAX / NAME_BYTES;

    assert_int_equal(ask(*state, 1, count), ERROR_NONE);
    assert_int_equal(asked.topics, count);
    assert_int_equal(ask(*state, count, 1), ERROR_TOO_LARGE);
    assert_int_equal(ask(*state, 1, 1), ERROR_NONE);
}

static void an_answer_that_is_too_long_is_an_error(void **state)
{
    size_t count = FRAME_ANSWER_BYTES_MAX / NAME_BYTES;

    assert_int_equal(ask(*state, 1, count), ERROR_TOO_LARGE);
    assert_int_equal(ask(*state, 1, 1), ERROR_NONE);
}

/* None between brokers is so long (decision 0041). */
static void brokers_tell_each_other_no_long_answers(void **state)
{
    size_t count = 2 * FRAME_HEADER_BYTES_MAX / NAME_BYTES;

    assert_int_equal(ask(*state, 1, count), ERROR_TOO_LARGE);
    assert_int_equal(ask(*state, 1, 1), ERROR_NONE);
}

static void a_long_answer_without_memory_is_an_error(void **state)
{
    size_t count = 2 * FRAME_HEADER_BYTES_MAX / NAME_BYTES;

    scarce = true;
    assert_int_equal(ask(*state, 1, count), ERROR_TOO_LARGE);
    scarce = false;
    assert_int_equal(ask(*state, 1, count), ERROR_NONE);
}

/* Who was asked does not know by whom: what is sent unasked is as short as a
 * request. */
static void a_long_answer_to_nothing_is_not_taken(void **state)
{
    answer_topics = 2 * FRAME_HEADER_BYTES_MAX / NAME_BYTES;
    client.channel.peer_is_broker = false; /* or it would not be sent */
    tell_topics(&client.channel, 1);
    harness_wait(*state, harness_flag, &server.closed);
    assert_int_equal(server.close_error, ERROR_TOO_LARGE);
}

int main(void)
{
#define CHANNEL_TEST(test)                                                     \
    cmocka_unit_test_setup_teardown(test, setup, harness_teardown)
#define BROKER_TEST(test)                                                      \
    cmocka_unit_test_setup_teardown(test, setup_brokers, harness_teardown)
    const struct CMUnitTest tests[] = {
        CHANNEL_TEST(an_answer_may_be_longer_than_a_request),
        CHANNEL_TEST(an_answer_that_is_too_long_is_an_error),
        BROKER_TEST(brokers_tell_each_other_no_long_answers),
        CHANNEL_TEST(a_long_answer_without_memory_is_an_error),
        CHANNEL_TEST(a_long_answer_to_nothing_is_not_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
