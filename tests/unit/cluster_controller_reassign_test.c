/* SPDX-License-Identifier: Apache-2.0
 *
 * Partitions that are to lie on other brokers: what the controller refuses,
 * with which sentence, and what it stages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rules/reassign.h"
#include "seam/memory.h"
#include "tests/lib/lone_controller.h"

#define BROKERS 5

struct fixture {
    struct lone_controller lone;
    Kq__TopicConfig *config; /* of the topic; NULL: it sets none */
    struct intent intent;
    struct reassignment items[PARTITIONS_PER_TOPIC_MAX];
};

/* Brokers 1 to 5 are alive. */
static int setup(void **state)
{
    static struct fixture fixture;
    struct controller_options controller = {.broker_id = 1,
                                            .min_insync_replicas = 2};
    struct live_broker live[BROKERS];

    memset(&fixture, 0, sizeof fixture);
    lone_controller_init(&fixture.lone, &controller);
    for (uint32_t i = 0; i < BROKERS; i++)
        live[i] = (struct live_broker){i + 1, 100 + i, true, false};
    lone_controller_set_live(&fixture.lone, live, BROKERS);
    lone_controller_begin_write(&fixture.lone);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    lone_controller_release(&((struct fixture *)*state)->lone);
    return 0;
}

/* Its partitions are on 1 and 2; 1 leads. */
static struct topic *orders(struct fixture *fixture, uint32_t partition_count)
{
    const uint32_t replicas[] = {1, 2};
    struct live_brokers live = {BROKERS, fixture->lone.controller.live};
    struct partition_state states[CHUNK_PARTITIONS];
    Kq__TopicNode node = KQ__TOPIC_NODE__INIT;
    struct uuid id = {{1}};
    struct topic *topic;

    node.topic_id.data = id.bytes;
    node.topic_id.len = sizeof id.bytes;
    node.partition_count = partition_count;
    node.n_configs = fixture->config != NULL;
    node.configs = &fixture->config;
    topic = metadata_apply_topic(&fixture->lone.metadata, "orders", 1, &node);
    for (uint32_t i = 0; i < CHUNK_PARTITIONS; i++)
        partition_state_create(&states[i], replicas, 2, 2, false, &live);
    for (uint32_t i = 0; i < topic->chunk_count; i++)
        assert_true(metadata_apply_chunk(
            &fixture->lone.metadata, topic,
            &(struct chunk_states){i, 1, topic_chunk_size(topic, i), states,
                                   0}));
    return topic;
}

static struct reassignment *want(struct fixture *fixture, const char *topic,
                                 uint32_t partition, const uint32_t *target,
                                 uint32_t count)
{
    struct reassignment *item = &fixture->items[fixture->intent.item_count++];

    *item = (struct reassignment){
        .topic = topic, .partition = partition, .target_count = count};
    for (uint32_t i = 0; i < count && i < REPLICAS_MAX; i++)
        item->target[i] = target[i];
    return item;
}
#define WANT(fixture, topic, partition, ...)                                   \
    want((fixture), (topic), (partition), (const uint32_t[]){__VA_ARGS__},     \
         sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static bool ask(struct fixture *fixture)
{
    fixture->intent.kind = INTENT_REASSIGN;
    fixture->intent.reassignments = fixture->items;
    return controller_stage_reassign(&fixture->lone.controller,
                                     &fixture->intent);
}

static void assert_result(const struct reassignment *item, enum error error,
                          const char *words)
{
    assert_int_equal(item->error, error);
    if (strstr(item->detail, words) == NULL)
        fail_msg("'%s' does not say '%s'", item->detail, words);
}

static struct staged_chunk *first_staged(struct fixture *fixture)
{
    return container_of(list_first(&fixture->lone.write.chunks),
                        struct staged_chunk, node);
}

static bool is_staged(struct fixture *fixture)
{
    list_for_each (node, &fixture->lone.write.chunks)
        if (container_of(node, struct staged_chunk, node)->changed)
            return true;
    return false;
}

/* ---- the tests ---- */

static void what_is_wrong_is_said_of_each(void **state)
{
    struct fixture *fixture = *state;
    uint32_t many[REPLICAS_MAX + 1] = {0};
    struct reassignment *unknown, *beyond, *twice, *dead, *crowd;

    orders(fixture, 3);
    unknown = WANT(fixture, "other", 0, 1);
    beyond = WANT(fixture, "orders", 3, 1);
    twice = WANT(fixture, "orders", 0, 3, 4, 3);
    dead = WANT(fixture, "orders", 0, 1, 9);
    crowd = want(fixture, "orders", 0, many, REPLICAS_MAX + 1);
    assert_true(ask(fixture));
    assert_result(unknown, ERROR_UNKNOWN_TOPIC, "");
    assert_result(beyond, ERROR_UNKNOWN_PARTITION, "partitions 0 to 2");
    assert_result(twice, ERROR_INVALID_ARGUMENT, "broker 3 is named twice");
    assert_result(dead, ERROR_INVALID_REPLICATION,
                  "broker 9 is not registered");
    assert_result(crowd, ERROR_INVALID_ARGUMENT, "1 to 16 replicas");
    assert_false(is_staged(fixture));
}

/* Whoever holds it may be away: it is to be moved for that very reason. */
static void who_holds_it_need_not_be_there(void **state)
{
    struct fixture *fixture = *state;
    struct reassignment *item;

    orders(fixture, 1);
    fixture->lone.controller.live[1] =
        fixture->lone.controller.live[2]; /* 2 is gone */
    fixture->lone.controller.live_count = 2;
    item = WANT(fixture, "orders", 0, 2, 3);
    assert_true(ask(fixture));
    assert_result(item, ERROR_NONE, "");
}

/* It could lie in the directory that is not there, so it would not be made. */
static void who_has_a_directory_offline_takes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct brokers *brokers = &fixture->lone.controller.brokers;
    Kq__BrokerNode node = KQ__BROKER_NODE__INIT;
    struct reassignment *comes, *stays;

    orders(fixture, 2);
    brokers->list =
        heap_alloc(fixture->lone.seam->heap, 2 * sizeof *brokers->list);
    brokers->count = 2;
    brokers->list[0] = (struct broker_endpoint){.broker_id = 2, .node = &node};
    brokers->list[1] = (struct broker_endpoint){.broker_id = 3, .node = &node};
    comes = WANT(fixture, "orders", 0, 1, 3);
    stays = WANT(fixture, "orders", 1, 2, 4);
    assert_true(ask(fixture));
    assert_result(comes, ERROR_INVALID_REPLICATION,
                  "a log directory of broker 3 is offline");
    assert_result(stays, ERROR_NONE, "");
}

static void a_move_is_staged(void **state)
{
    struct fixture *fixture = *state;
    struct reassignment *item;
    const struct partition_state *staged;

    orders(fixture, 3);
    item = WANT(fixture, "orders", 1, 3, 4);
    item->copy_rate = 1000;
    assert_true(ask(fixture));
    assert_result(item, ERROR_NONE, "");
    assert_true(is_staged(fixture));
    staged = &first_staged(fixture)->states[1];
    assert_int_equal(staged->replica_count, 4);
    assert_true(partition_state_is_adding(staged, 3));
    assert_true(partition_state_is_removing(staged, 1));
    assert_int_equal(staged->copy_rate, 1000);
    assert_false(partition_state_reassigned(&first_staged(fixture)->states[0]));
}

static void nothing_to_do_is_not_written(void **state)
{
    struct fixture *fixture = *state;
    struct reassignment *same, *none;

    orders(fixture, 1);
    same = WANT(fixture, "orders", 0, 1, 2);
    none = want(fixture, "orders", 0, NULL, 0);
    assert_true(ask(fixture));
    assert_result(same, ERROR_NONE, "");
    assert_result(none, ERROR_NONE, "");
    assert_false(is_staged(fixture));
}

static void who_is_needed_is_named(void **state)
{
    struct fixture *fixture = *state;
    struct topic *topic = orders(fixture, 1);
    struct partition_state *partition = &topic->states[0];
    const uint32_t target[] = {3, 4, 5};
    struct reassignment *item;

    partition_state_reassign(partition, target, 3, 0);
    partition->isr = (struct replica_set){2, {{3, 102}, {4, 103}}};
    partition->leader = 3;
    item = WANT(fixture, "orders", 0, 5);
    assert_true(ask(fixture));
    assert_result(item, ERROR_NOT_ENOUGH_REPLICAS, "in sync are 3, 4");
    assert_result(item, ERROR_NOT_ENOUGH_REPLICAS, "wait until 2");
    assert_false(is_staged(fixture));
}

/* The topic's own setting counts, not the brokers'. */
static void min_comes_from_the_topic_at_the_end(void **state)
{
    struct fixture *fixture = *state;
    struct topic *topic = orders(fixture, 1);
    struct partition_key key = {topic->id, 0};
    struct partition_state *partition = &topic->states[0];
    const uint32_t target[] = {1, 2, 3};

    partition_state_reassign(partition, target, 3, 0);
    replica_set_add(&partition->isr, (struct replica){3, 102});
    fixture->lone.write.altered_topic = topic;
    fixture->lone.write.altered_min = 3;
    assert_true(
        controller_complete(&fixture->lone.controller, &key, partition));
    assert_int_equal(partition->min, 3);
}

/* More than a write holds: the rest goes with the next one. */
static void what_finds_no_room_waits_for_the_next_write(void **state)
{
    struct fixture *fixture = *state;
    uint32_t staged;
    unsigned writes = 1;

    orders(fixture, PARTITIONS_PER_TOPIC_MAX);
    for (uint32_t i = 0; i < PARTITIONS_PER_TOPIC_MAX; i++)
        WANT(fixture, "orders", i, 3, 4);
    assert_false(ask(fixture));
    staged = (uint32_t)fixture->intent.staged_items;
    assert_in_range(staged, 1, PARTITIONS_PER_TOPIC_MAX - 1);
    assert_in_range(fixture->lone.write.bytes, CONTROLLER_WRITE_BYTES_MAX,
                    2 * CONTROLLER_WRITE_BYTES_MAX);
    do {
        lone_controller_end_write(&fixture->lone);
        lone_controller_begin_write(&fixture->lone);
        writes++;
    } while (!ask(fixture));
    assert_in_range(writes, 4, 40);
    assert_int_equal(fixture->intent.staged_items, PARTITIONS_PER_TOPIC_MAX);
}

/* Who is still to be copied to stands first in the assignment, and has least;
 * who has all may be there and only not have said so. */
static void any_leader_is_one_of_before(void **state)
{
    struct fixture *fixture = *state;
    struct live_broker *live = fixture->lone.controller.live;
    Kq__TopicConfig config = KQ__TOPIC_CONFIG__INIT;
    const uint32_t target[] = {4, 2};
    struct partition_state *partition;

    config.key = (char *)(uintptr_t) "unclean.leader.election.enable";
    config.value = (char *)(uintptr_t) "true";
    fixture->config = &config;
    partition = &orders(fixture, 1)->states[0];
    partition_state_reassign(partition, target, 2, 0);
    partition->isr = (struct replica_set){1, {{1, 100}}};
    live[0].broker_epoch = 200; /* 1 is back, and has not reported */
    live[0].reported = false;
    controller_decide_all(&fixture->lone.controller);
    assert_int_equal(first_staged(fixture)->states[0].leader, NO_BROKER);
    lone_controller_end_write(&fixture->lone);
    lone_controller_begin_write(&fixture->lone);
    live[0].broker_id = 0; /* nor is it there */
    controller_decide_all(&fixture->lone.controller);
    assert_int_equal(first_staged(fixture)->states[0].leader, 2);
    lone_controller_end_write(&fixture->lone);
    lone_controller_begin_write(&fixture->lone);
    live[1].broker_id = 0; /* nor is 2: 3, 4 and 5 are */
    controller_decide_all(&fixture->lone.controller);
    assert_int_equal(first_staged(fixture)->states[0].leader, NO_BROKER);
}

/* Another word on unclean elections, or a smaller min, may give a partition a
 * leader, or end a move: all are decided anew, and not at the next balance. */
static void other_settings_are_followed_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct controller *controller = &fixture->lone.controller;
    struct intent_config config = {"unclean.leader.election.enable", "true"};
    struct intent intent = {.kind = INTENT_ALTER_TOPIC,
                            .name = "orders",
                            .configs = &config,
                            .config_count = 1};

    orders(fixture, 1);
    controller->decide_all = false;
    assert_true(controller_stage_alter(controller, &intent));
    assert_true(controller->decide_all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_wrong_is_said_of_each, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(who_holds_it_need_not_be_there, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            who_has_a_directory_offline_takes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_move_is_staged, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_to_do_is_not_written, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(who_is_needed_is_named, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(min_comes_from_the_topic_at_the_end,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            what_finds_no_room_waits_for_the_next_write, setup, teardown),
        cmocka_unit_test_setup_teardown(any_leader_is_one_of_before, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(other_settings_are_followed_at_once,
                                        setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
