/* SPDX-License-Identifier: Apache-2.0
 *
 * libkq without a broker: many threads at once, every callback exactly once,
 * bounds, and an end in the middle of it all. Run it under TSan too. With
 * brokers it is tested by tests/cluster.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <kq/kq.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define THREADS            4
#define RECORDS_PER_THREAD 2000
#define NOBODY             "127.0.0.1:1" /* nobody listens there */

static struct kq_client *client_at(const char *bootstrap,
                                   int64_t delivery_timeout_ms,
                                   uint64_t buffer_bytes)
{
    struct kq_options options;
    struct kq_client *client = NULL;

    kq_options_init(&options);
    options.bootstrap = bootstrap;
    options.delivery_timeout_ms = delivery_timeout_ms;
    if (buffer_bytes > 0)
        options.buffer_bytes = buffer_bytes;
    assert_int_equal(kq_client_new(&options, &client), KQ_ERROR_NONE);
    return client;
}

struct sender {
    struct kq_client *client;
    pthread_t thread;
    struct mark {
        int times;
        enum kq_error error;
    } marks[RECORDS_PER_THREAD];
};

static void on_delivered(void *context, enum kq_error error, int32_t partition,
                         int64_t offset)
{
    struct mark *mark = context;

    (void)partition;
    if (offset != -1)
        abort(); /* cmocka's checks are for the main thread */
    mark->times++;
    mark->error = error;
}

static void *send_records(void *argument)
{
    struct sender *sender = argument;
    struct kq_header header = {"h", {"x", 1}};
    struct kq_record record = {.key = {"key", 3},
                               .value = {"value", 5},
                               .timestamp_ms = -1,
                               .headers = &header,
                               .header_count = 1};

    for (int i = 0; i < RECORDS_PER_THREAD; i++)
        if (kq_produce(sender->client, i % 2 ? "odd" : "even", KQ_ANY_PARTITION,
                       &record, on_delivered, &sender->marks[i],
                       KQ_WAIT) != KQ_ERROR_NONE)
            abort();
    return NULL;
}

static void send_from_threads(struct sender *senders, struct kq_client *client)
{
    for (int i = 0; i < THREADS; i++) {
        senders[i].client = client;
        assert_int_equal(
            pthread_create(&senders[i].thread, NULL, send_records, &senders[i]),
            0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(senders[i].thread, NULL);
}

static void expect_all(const struct sender *senders, enum kq_error error)
{
    for (int i = 0; i < THREADS; i++)
        for (int k = 0; k < RECORDS_PER_THREAD; k++) {
            assert_int_equal(senders[i].marks[k].times, 1);
            assert_int_equal(senders[i].marks[k].error, error);
        }
}

static void test_time_out(void **state)
{
    struct sender *senders = calloc(THREADS, sizeof *senders);
    struct kq_client *client = client_at(NOBODY, 500, 0);

    (void)state;
    send_from_threads(senders, client);
    assert_int_equal(kq_flush(client, 20000), KQ_ERROR_NONE);
    expect_all(senders, KQ_ERROR_TIMED_OUT);
    kq_client_free(client);
    expect_all(senders, KQ_ERROR_TIMED_OUT);
    free(senders);
}

static void test_free_cancels(void **state)
{
    struct sender *senders = calloc(THREADS, sizeof *senders);
    struct kq_client *client = client_at(NOBODY, 60000, 0);

    (void)state;
    send_from_threads(senders, client);
    kq_client_free(client);
    expect_all(senders, KQ_ERROR_CANCELLED);
    free(senders);
}

static void test_flush_tells_the_first_error(void **state)
{
    struct kq_record record = {.value = {"x", 1}, .timestamp_ms = -1};
    struct kq_client *client = client_at(NOBODY, 200, 0);

    (void)state;
    assert_int_equal(kq_produce(client, "t", 0, &record, NULL, NULL, KQ_WAIT),
                     KQ_ERROR_NONE);
    assert_int_equal(kq_flush(client, 1), KQ_ERROR_TIMED_OUT);
    assert_int_equal(kq_flush(client, -1), KQ_ERROR_TIMED_OUT);
    assert_int_equal(kq_flush(client, -1), KQ_ERROR_NONE);
    kq_client_free(client);
}

static void test_bounds(void **state)
{
    static char value[1 << 20];
    struct kq_record record = {.value = {value, sizeof value / 2},
                               .timestamp_ms = -1};
    struct mark mark = {0};
    struct kq_client *client = client_at(NOBODY, 60000, 4 << 20);
    enum kq_error error = KQ_ERROR_NONE;
    int accepted = 0;

    (void)state;
    while (error == KQ_ERROR_NONE && accepted < 1000) {
        error = kq_produce(client, "t", 0, &record, NULL, NULL, KQ_NO_WAIT);
        accepted += error == KQ_ERROR_NONE;
    }
    assert_int_equal(error, KQ_ERROR_BUSY);
    assert_in_range(accepted, 7, 24); /* 8 would need no overhead */
    kq_client_free(client);
    client = client_at(NOBODY, 60000, 0);
    record.value.size = sizeof value;
    assert_int_equal(
        kq_produce(client, "t", 0, &record, on_delivered, &mark, KQ_WAIT),
        KQ_ERROR_NONE);
    assert_int_equal(kq_flush(client, 10000), KQ_ERROR_NONE);
    assert_int_equal(mark.times, 1);
    assert_int_equal(mark.error, KQ_ERROR_TOO_LARGE);
    kq_client_free(client);
}

static void test_requests_time_out(void **state)
{
    struct kq_topic_options options = {.partitions = 1, .replicas = 1};
    struct kq_client *client = client_at(NOBODY, 1000, 0);
    char detail[KQ_DETAIL_BYTES] = "?";
    struct kq_cluster *cluster;

    (void)state;
    assert_int_equal(kq_client_wait(client, 100), KQ_ERROR_TIMED_OUT);
    assert_int_equal(kq_topic_create(client, "t", &options, 100, detail),
                     KQ_ERROR_TIMED_OUT);
    assert_string_equal(detail, "");
    assert_int_equal(kq_topic_delete(client, "t", 100, NULL),
                     KQ_ERROR_TIMED_OUT);
    assert_int_equal(kq_topic_add_partitions(client, "t", 2, 100, detail),
                     KQ_ERROR_TIMED_OUT);
    assert_int_equal(kq_topic_add_partitions(client, "t", 0, 100, detail),
                     KQ_ERROR_INVALID_ARGUMENT);
    assert_int_equal(kq_cluster_describe(client, NULL, 100, &cluster),
                     KQ_ERROR_TIMED_OUT);
    assert_null(cluster);
    kq_client_free(client);
}

static void test_consumers_come_and_go(void **state)
{
    struct kq_client *client = client_at(NOBODY, 1000, 0);
    const struct kq_message *messages;

    (void)state;
    for (int i = 0; i < 10; i++) {
        struct kq_consumer *consumer = kq_consumer_new(client);

        kq_consumer_subscribe(consumer, "t", 0, KQ_START_BEGINNING, 0);
        kq_consumer_subscribe(consumer, "t", 1, KQ_START_END, 0);
        kq_consumer_subscribe_topic(consumer, "u", KQ_START_END, 0);
        assert_int_equal(kq_consumer_poll(consumer, 5, &messages), 0);
        kq_consumer_free(consumer);
    }
    kq_consumer_free(NULL);
    kq_client_free(client);
}

static void test_options(void **state)
{
    struct kq_options options;
    struct kq_client *client;

    (void)state;
    kq_options_init(&options);
    assert_int_equal(kq_client_new(&options, &client),
                     KQ_ERROR_INVALID_ARGUMENT);
    options.bootstrap = "no port";
    assert_int_equal(kq_client_new(&options, &client),
                     KQ_ERROR_INVALID_ARGUMENT);
    assert_null(client);
    options.bootstrap = NOBODY;
    options.acks = 1; /* and still idempotent */
    assert_int_equal(kq_client_new(&options, &client),
                     KQ_ERROR_INVALID_ARGUMENT);
    options.idempotence = false;
    assert_int_equal(kq_client_new(&options, &client), KQ_ERROR_NONE);
    kq_client_free(client);
    kq_client_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time_out),
        cmocka_unit_test(test_free_cancels),
        cmocka_unit_test(test_flush_tells_the_first_error),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_requests_time_out),
        cmocka_unit_test(test_consumers_come_and_go),
        cmocka_unit_test(test_options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
