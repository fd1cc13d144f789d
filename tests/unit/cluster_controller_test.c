/* SPDX-License-Identifier: Apache-2.0
 *
 * One controller without an ensemble: what it decides about intents that
 * change nothing, so that nothing is ever sent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "seam/memory.h"
#include "tests/lib/lone_controller.h"

#define TOPICS (3 * CONTROLLER_WRITE_CHUNKS_MAX)

struct fixture {
    struct lone_controller lone;
};

static struct topic *add_topic(struct fixture *fixture, uint32_t number,
                               const struct partition_state *state)
{
    Kq__TopicNode node = KQ__TOPIC_NODE__INIT;
    struct uuid id = {{(uint8_t)number, (uint8_t)(number >> 8), 1}};
    struct topic *topic;
    char name[16];

    snprintf(name, sizeof name, "t%u", number);
    node.topic_id.data = id.bytes;
    node.topic_id.len = sizeof id.bytes;
    node.partition_count = 1;
    topic = metadata_apply_topic(&fixture->lone.metadata, name, 0, &node);
    assert_non_null(topic);
    metadata_apply_chunk(&fixture->lone.metadata, topic,
                         &(struct chunk_states){0, 0, 1, state, 0});
    return topic;
}

static int setup(void **state)
{
    static struct fixture fixture;
    static const struct live_broker live[] = {{1, 10, true, false},
                                              {2, 20, true, false}};
    struct controller_options controller = {
        .broker_id = 1, .partitions_max = PARTITIONS_PER_TOPIC_MAX};

    memset(&fixture, 0, sizeof fixture);
    lone_controller_init(&fixture.lone, &controller);
    lone_controller_set_live(&fixture.lone, live, 2);
    fixture.lone.controller.state = CONTROLLER_ACTIVE;
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    lone_controller_release(&((struct fixture *)*state)->lone);
    return 0;
}

/* Submits the intent, and runs until it is answered: a write, which nobody
 * would answer, is not what it needed. */
static void assert_answered_with(struct fixture *fixture, enum error error,
                                 const struct intent *intent)
{
    assert_true(lone_controller_ask(&fixture->lone, intent));
    assert_int_equal(fixture->lone.asked.error, error);
}

static void assert_answered(struct fixture *fixture, enum intent_kind kind,
                            struct intent_item *items, size_t count)
{
    struct intent intent = {
        .kind = kind, .sender = {1, 10}, .items = items, .item_count = count};

    assert_answered_with(fixture, ERROR_NONE, &intent);
}

/* An intent over more chunks than a write takes, none of which it changes. */
static void what_changes_nothing_is_answered_without_a_write(void **state)
{
    struct fixture *fixture = *state;
    struct heap *heap = fixture->lone.seam->heap;
    struct intent_item *items = heap_alloc(heap, TOPICS * sizeof *items);
    struct partition_state led = {.replica_count = 1,
                                  .replicas = {1},
                                  .leader = 1,
                                  .leader_epoch = 7,
                                  .isr = {1, {{1, 10}}},
                                  .min = 1};
    uint32_t number = 0;

    while (number < TOPICS)
        add_topic(fixture, number++, &led);
    number = 0;
    for (struct topic *topic = metadata_first(&fixture->lone.metadata); topic;
         topic = metadata_next(topic))
        items[number++] =
            (struct intent_item){.topic_id = topic->id, .leader_epoch = 6};
    assert_answered(fixture, INTENT_ALTER, items, TOPICS);
    for (number = 0; number < TOPICS; number++)
        assert_int_equal(items[number].error, ERROR_FENCED_EPOCH);
    heap_free(heap, items);
}

/* Four brokers in two racks: each partition has a replica in both. */
static void replicas_are_spread_over_racks(void **state)
{
    struct fixture *fixture = *state;
    struct controller *controller = &fixture->lone.controller;
    struct brokers *brokers = &controller->brokers;
    struct heap *heap = fixture->lone.seam->heap;
    struct intent intent = {.kind = INTENT_CREATE_TOPIC,
                            .name = "spread",
                            .partition_count = 8,
                            .replication_factor = 2};
    const struct partition_state *states;
    struct live_broker live[4];

    brokers->list = heap_alloc(heap, 4 * sizeof *brokers->list);
    for (uint32_t i = 0; i < 4; i++) {
        live[i] = (struct live_broker){i + 1, 10, true, false};
        brokers->list[i] =
            (struct broker_endpoint){.broker_id = i + 1, .broker_epoch = 10};
        snprintf(brokers->list[i].rack, BROKER_RACK_BYTES, "%s",
                 i < 2 ? "left" : "right");
    }
    brokers->count = 4;
    lone_controller_set_live(&fixture->lone, live, 4);
    lone_controller_begin_write(&fixture->lone);
    assert_true(controller_stage_create(controller, &intent));
    states = fixture->lone.write.new_states;
    for (uint32_t i = 0; i < 8; i++)
        assert_true((states[i].replicas[0] <= 2) !=
                    (states[i].replicas[1] <= 2));
}

/* What no multi of ZooKeeper's holds would end the session each time that it
 * is tried. */
static void a_topic_too_large_for_one_write_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct intent intent = {.kind = INTENT_CREATE_TOPIC,
                            .name = "large",
                            .partition_count = 10000,
                            .replication_factor = 16};
    struct live_broker live[16];

    for (uint32_t i = 0; i < 16; i++)
        live[i] = (struct live_broker){i + 1, 1ull << 40, true, false};
    lone_controller_set_live(&fixture->lone, live, 16);
    assert_answered_with(fixture, ERROR_INVALID_ARGUMENT, &intent);
    assert_non_null(
        strstr(fixture->lone.asked.detail, "10000 partitions take"));
    assert_non_null(strstr(fixture->lone.asked.detail, "fewer partitions"));
}

/* The only one who could take over lies in a log directory that is offline:
 * an outdone leader keeps what it has (B45). */
static void nobody_who_is_offline_takes_over(void **state)
{
    struct fixture *fixture = *state;
    struct partition_state led = {.replica_count = 2,
                                  .replicas = {1, 2},
                                  .leader = 1,
                                  .leader_epoch = 7,
                                  .isr = {1, {{1, 10}}},
                                  .eligible = {1, {{2, 20}}},
                                  .min = 2};
    struct topic *topic = add_topic(fixture, 0, &led);
    struct intent_item item = {
        .topic_id = topic->id, .leader_epoch = 7, .outdone = true};
    struct brokers *brokers = &fixture->lone.controller.brokers;
    Kq__BrokerNode node = KQ__BROKER_NODE__INIT;
    Kq__OfflineReplicas offline = KQ__OFFLINE_REPLICAS__INIT;
    Kq__OfflineReplicas *pointer = &offline;
    uint32_t partition = 0;

    offline.topic_id.data = topic->id.bytes;
    offline.topic_id.len = sizeof topic->id.bytes;
    offline.partitions = &partition;
    offline.n_partitions = 1;
    node.offline = &pointer;
    node.n_offline = 1;
    brokers->list =
        heap_alloc(fixture->lone.seam->heap, 2 * sizeof *brokers->list);
    brokers->list[0] =
        (struct broker_endpoint){.broker_id = 1, .broker_epoch = 10};
    brokers->list[1] = (struct broker_endpoint){
        .broker_id = 2, .broker_epoch = 20, .node = &node};
    brokers->count = 2;
    assert_answered(fixture, INTENT_REPLICA_LOST, &item, 1);
}

/* A write that named a former life of the broker may have come after what it
 * has read: then it cannot have said that this one is lost. */
static void a_report_from_before_the_last_states_does_not_count(void **state)
{
    struct fixture *fixture = *state;
    struct controller *controller = &fixture->lone.controller;
    struct intent report = {
        .kind = INTENT_REPLICA_LOST, .sender = {2, 20}, .changes_read = 77};

    controller->live[1].reported = false;
    controller->live_since[1] = 78;
    assert_answered_with(fixture, ERROR_AGAIN, &report);
    assert_false(controller->live[1].reported);
    report.changes_read = 78;
    assert_answered_with(fixture, ERROR_NONE, &report);
    assert_true(controller->live[1].reported);
}

/* Of those that the next request names nothing is known yet. */
static void a_part_of_a_report_is_no_report(void **state)
{
    struct fixture *fixture = *state;
    struct controller *controller = &fixture->lone.controller;
    struct intent report = {
        .kind = INTENT_REPLICA_LOST, .sender = {2, 20}, .more = true};

    controller->live[1].reported = false;
    assert_answered_with(fixture, ERROR_NONE, &report);
    assert_false(controller->live[1].reported);
    report.more = false;
    assert_answered_with(fixture, ERROR_NONE, &report);
    assert_true(controller->live[1].reported);
}

/* Who did not hear the answer asks again; it is another thing to ask of one
 * that others elected since. */
static void an_unclean_election_may_be_asked_for_twice(void **state)
{
    struct fixture *fixture = *state;
    struct intent_item item = {.broker_id = 1};
    struct intent intent = {.kind = INTENT_ELECT_UNCLEAN,
                            .name = "t0",
                            .items = &item,
                            .item_count = 1};
    struct partition_state led = {.replica_count = 2,
                                  .replicas = {1, 2},
                                  .leader = 1,
                                  .leader_epoch = 7,
                                  .unclean_epoch = 7,
                                  .isr = {1, {{1, 10}}},
                                  .min = 1};

    add_topic(fixture, 0, &led);
    assert_answered_with(fixture, ERROR_NONE, &intent);
    item.broker_id = 2;
    assert_answered_with(fixture, ERROR_ELECTION_NOT_NEEDED, &intent);
    item.broker_id = 1;
    led.leader_epoch = 8;
    intent.name = "t1";
    add_topic(fixture, 1, &led);
    assert_answered_with(fixture, ERROR_ELECTION_NOT_NEEDED, &intent);
    led.leader_epoch = led.unclean_epoch = 0; /* none yet */
    intent.name = "t2";
    add_topic(fixture, 2, &led);
    assert_answered_with(fixture, ERROR_ELECTION_NOT_NEEDED, &intent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            what_changes_nothing_is_answered_without_a_write, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_topic_too_large_for_one_write_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(replicas_are_spread_over_racks, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(nobody_who_is_offline_takes_over, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            a_report_from_before_the_last_states_does_not_count, setup,
            teardown),
        cmocka_unit_test_setup_teardown(a_part_of_a_report_is_no_report, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            an_unclean_election_may_be_asked_for_twice, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
