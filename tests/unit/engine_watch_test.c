/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is told of a topic's partitions, and what asks for one that is not
 * known yet. No broker answers: the test says what metadata say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/engine/internal.h"
#include "real/loop.h"

#define TIMEOUT_US 60000000

struct fixture {
    struct loop *loop;
    struct seam *seam;
    struct client *client;
    struct topic_watch watch;
    struct topic *topic;
    unsigned tellings;
    uint32_t count;   /* last told */
    enum error error; /* of the watch or the request */
    bool unwatches;
    bool answered;
};

static void on_partitions(struct topic_watch *watch, uint32_t count)
{
    struct fixture *fixture = container_of(watch, struct fixture, watch);

    fixture->tellings++;
    fixture->count = count;
    if (fixture->unwatches)
        client_unwatch_topic(watch);
}

static void on_error(struct topic_watch *watch, enum error error)
{
    container_of(watch, struct fixture, watch)->error = error;
}

static int setup(void **state)
{
    static struct fixture fixture;
    struct loop_options loop = {.heap_bytes_max = 64u << 20,
                                .log_level = TRACE_ERROR,
                                .name = "test",
                                .without_disk = true};
    struct client_options options;

    fixture = (struct fixture){.loop = loop_new(&loop)};
    fixture.seam = loop_seam(fixture.loop);
    client_options_init(&options);
    options.bootstrap = "127.0.0.1:1";
    fixture.client = client_new(fixture.seam, &options);
    assert_non_null(fixture.client);
    fixture.topic = client_metadata_topic(fixture.client, "orders");
    fixture.watch.on_partitions = on_partitions;
    fixture.watch.on_error = on_error;
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    client_free(fixture->client);
    loop_free(fixture->loop);
    return 0;
}

/* The topic of this id has so many partitions, nobody leads them. */
static void metadata_say(struct fixture *fixture, uint8_t id, uint32_t count)
{
    fixture->topic->known = true;
    fixture->topic->id = (struct uuid){{id}};
    fixture->topic->partition_count = count;
}

static void told_at_first_and_when_there_are_more(void **state)
{
    struct fixture *fixture = *state;

    client_watch_topic(fixture->client, &fixture->watch, "orders");
    watches_work(fixture->client);
    assert_int_equal(fixture->tellings, 0);
    metadata_say(fixture, 1, 3);
    watches_work(fixture->client);
    watches_work(fixture->client);
    assert_int_equal(fixture->tellings, 1);
    assert_int_equal(fixture->count, 3);
    metadata_say(fixture, 1, 5);
    watches_work(fixture->client);
    watches_work(fixture->client);
    assert_int_equal(fixture->tellings, 2);
    assert_int_equal(fixture->count, 5);
}

/* Its partitions are not those that are being read. */
static void another_topic_of_that_name_is_not_watched(void **state)
{
    struct fixture *fixture = *state;

    client_watch_topic(fixture->client, &fixture->watch, "orders");
    metadata_say(fixture, 1, 3);
    watches_work(fixture->client);
    metadata_say(fixture, 2, 5);
    watches_work(fixture->client);
    assert_int_equal(fixture->tellings, 1);
    assert_int_equal(fixture->error, ERROR_UNKNOWN_TOPIC);
    assert_null(fixture->watch.client);
    client_watch_topic(fixture->client, &fixture->watch, "orders");
    watches_work(fixture->client);
    assert_int_equal(fixture->count, 5);
}

static void nobody_is_told_after_unwatching(void **state)
{
    struct fixture *fixture = *state;

    fixture->unwatches = true;
    client_watch_topic(fixture->client, &fixture->watch, "orders");
    metadata_say(fixture, 1, 3);
    watches_work(fixture->client);
    metadata_say(fixture, 1, 5);
    watches_work(fixture->client);
    assert_int_equal(fixture->tellings, 1);
    client_unwatch_topic(&fixture->watch);
}

static void on_answer(void *context, enum error error,
                      const Kq__Message *answer)
{
    struct fixture *fixture = context;

    assert_null(answer);
    fixture->answered = true;
    fixture->error = error;
}

/* It may have been added a moment ago. */
static void an_unknown_partition_is_asked_for_a_while(void **state)
{
    struct fixture *fixture = *state;
    Kq__Message message = KQ__MESSAGE__INIT;
    Kq__DeleteRecordsRequest body = KQ__DELETE_RECORDS_REQUEST__INIT;

    metadata_say(fixture, 1, 3);
    body.topic = (char *)(uintptr_t) "orders";
    body.partition = 4;
    message.body_case = KQ__MESSAGE__BODY_DELETE_RECORDS_REQUEST;
    message.delete_records_request = &body;
    client_request(fixture->client, &message, false, TIMEOUT_US, on_answer,
                   fixture);
    requests_work(fixture->client);
    assert_false(fixture->answered);
    assert_true(fixture->client->metadata.wanted);
    fixture->seam->now.monotonic_us += TIMEOUT_US / 2;
    requests_work(fixture->client);
    assert_true(fixture->answered);
    assert_int_equal(fixture->error, ERROR_UNKNOWN_PARTITION);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(told_at_first_and_when_there_are_more),
        TEST(another_topic_of_that_name_is_not_watched),
        TEST(nobody_is_told_after_unwatching),
        TEST(an_unknown_partition_is_asked_for_a_while),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
