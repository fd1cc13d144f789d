/* SPDX-License-Identifier: Apache-2.0
 *
 * What a controller does not do: each is refused with an error that says what
 * it is and a sentence for people, and nothing of it is written. And where
 * preferred leaders are wanted: who moves, who stays, and what is counted.
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

struct fixture {
    struct lone_controller lone;
};

/* 1 leads, 2 is in sync, both are there and reported. */
static const struct partition_state led = {.replica_count = 2,
                                           .replicas = {1, 2},
                                           .leader = 1,
                                           .leader_epoch = 7,
                                           .partition_epoch = 3,
                                           .isr = {2, {{1, 10}, {2, 20}}},
                                           .min = 1};

static int setup(void **state)
{
    static struct fixture fixture;
    static const struct live_broker live[] = {{1, 10, true, false},
                                              {2, 20, true, false}};
    struct controller_options options = {
        .broker_id = 1, .min_insync_replicas = 1, .partitions_max = 100};

    memset(&fixture, 0, sizeof fixture);
    lone_controller_init(&fixture.lone, &options);
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

static struct topic *add_topic(struct fixture *fixture, const char *name,
                               uint8_t number,
                               const struct partition_state *state)
{
    Kq__TopicNode node = KQ__TOPIC_NODE__INIT;
    struct uuid id = {{number, 1}};
    struct topic *topic;

    node.topic_id.data = id.bytes;
    node.topic_id.len = sizeof id.bytes;
    node.partition_count = 1;
    topic = metadata_apply_topic(&fixture->lone.metadata, name, 0, &node);
    assert_non_null(topic);
    metadata_apply_chunk(&fixture->lone.metadata, topic,
                         &(struct chunk_states){0, 0, 1, state, 0});
    return topic;
}

/* ---- asked, and answered at once ---- */

/* Nothing is sent, or it would not be answered. */
static void ask(struct fixture *fixture, const struct intent *intent)
{
    assert_true(lone_controller_ask(&fixture->lone, intent));
}

static void assert_refused(struct fixture *fixture, const struct intent *intent,
                           enum error error, const char *words)
{
    ask(fixture, intent);
    assert_int_equal(fixture->lone.asked.error, error);
    if (strstr(fixture->lone.asked.detail, words) == NULL)
        fail_msg("'%s' does not say '%s'", fixture->lone.asked.detail, words);
}

/* ---- topics ---- */

static void a_topic_that_cannot_be_is_not_made(void **state)
{
    static const struct intent_config bad = {"retention.ms", "soon"};
    struct fixture *fixture = *state;
    const struct intent good = {.kind = INTENT_CREATE_TOPIC,
                                .name = "news",
                                .partition_count = 1,
                                .replication_factor = 1};
    struct intent intent = good;

    intent.name = "no/slash";
    assert_refused(fixture, &intent, ERROR_INVALID_TOPIC, "1 to 249");
    intent = good;
    intent.partition_count = 0;
    assert_refused(fixture, &intent, ERROR_INVALID_ARGUMENT, "at least one");
    intent.partition_count = 101;
    assert_refused(fixture, &intent, ERROR_INVALID_ARGUMENT, "at most 100");
    intent = good;
    intent.replication_factor = 0;
    assert_refused(fixture, &intent, ERROR_INVALID_ARGUMENT, "1 to 16");
    intent.replication_factor = REPLICAS_MAX + 1;
    assert_refused(fixture, &intent, ERROR_INVALID_ARGUMENT, "1 to 16");
    intent.replication_factor = 3; /* two are there */
    assert_refused(fixture, &intent, ERROR_INVALID_REPLICATION, "");
    intent = good;
    intent.configs = &bad;
    intent.config_count = 1;
    assert_refused(fixture, &intent, ERROR_INVALID_CONFIG, "'soon'");
    add_topic(fixture, "news", 1, &led);
    assert_refused(fixture, &good, ERROR_TOPIC_EXISTS, "");
}

static void a_topic_is_not_altered_to_what_cannot_be(void **state)
{
    static const struct intent_config bad = {"flush.mss", "1"};
    static struct intent_config many[65];
    struct fixture *fixture = *state;
    struct intent intent = {
        .kind = INTENT_ALTER_TOPIC, .name = "news", .configs = &bad};

    assert_refused(fixture, &intent, ERROR_UNKNOWN_TOPIC, "");
    add_topic(fixture, "news", 1, &led);
    assert_refused(fixture, &intent, ERROR_INVALID_ARGUMENT,
                   "no setting is named");
    intent.config_count = 1;
    assert_refused(fixture, &intent, ERROR_INVALID_CONFIG, "'flush.mss'");
    for (size_t i = 0; i < 65; i++)
        many[i] = (struct intent_config){"flush.ms", "1"};
    intent.configs = many;
    intent.config_count = 65;
    assert_refused(fixture, &intent, ERROR_INVALID_ARGUMENT, "than there are");
}

static void what_is_not_there_is_not_deleted(void **state)
{
    struct fixture *fixture = *state;
    const struct intent intent = {.kind = INTENT_DELETE_TOPIC, .name = "news"};

    assert_refused(fixture, &intent, ERROR_UNKNOWN_TOPIC, "");
}

/* What was staged for it would be written beside its deletion. */
static void nothing_is_written_of_a_topic_that_goes(void **state)
{
    struct fixture *fixture = *state;
    struct topic *news = add_topic(fixture, "news", 1, &led);
    struct topic *kept = add_topic(fixture, "kept", 2, &led);
    struct staged_chunk *of_news, *of_kept;

    fixture->lone.asked = (struct intent){.kind = INTENT_DELETE_TOPIC,
                                          .done = lone_controller_answered,
                                          .name = "news"};
    lone_controller_begin_write(&fixture->lone);
    of_news = controller_stage(&fixture->lone.write, news, 0);
    of_kept = controller_stage(&fixture->lone.write, kept, 0);
    of_news->changed = true;
    of_kept->changed = true;
    assert_true(controller_stage_delete(&fixture->lone.controller,
                                        &fixture->lone.asked));
    assert_false(of_news->changed);
    assert_true(of_kept->changed);
    assert_ptr_equal(fixture->lone.write.deleted_topic, news);
}

/* By another controller, or by hand, while a write of it is under way. */
static void a_topic_that_is_gone_is_not_written_to(void **state)
{
    struct fixture *fixture = *state;
    struct controller *controller = &fixture->lone.controller;
    struct controller_write *write = &fixture->lone.write;
    struct topic *news = add_topic(fixture, "news", 1, &led);
    struct topic *kept = add_topic(fixture, "kept", 2, &led);
    struct staged_chunk *of_news, *of_kept;

    controller_topic_deleted(controller, news); /* there is no write */
    lone_controller_begin_write(&fixture->lone);
    of_news = controller_stage(write, news, 0);
    of_kept = controller_stage(write, kept, 0);
    write->altered_topic = news;
    write->deleted_topic = kept;
    controller_topic_deleted(controller, news);
    assert_null(of_news->topic);
    assert_ptr_equal(of_kept->topic, kept);
    assert_null(write->altered_topic);
    assert_ptr_equal(write->deleted_topic, kept);
    controller_topic_deleted(controller, kept);
    assert_null(of_kept->topic);
    assert_null(write->deleted_topic);
}

/* ---- partitions ---- */

static void assert_item(struct fixture *fixture, enum intent_kind kind,
                        const struct intent_item *item, enum error error)
{
    struct intent_item asked = *item;

    ask(fixture,
        &(struct intent){
            .kind = kind, .sender = {1, 10}, .items = &asked, .item_count = 1});
    assert_int_equal(fixture->lone.asked.error, ERROR_NONE);
    assert_int_equal(asked.error, error);
}

static void what_is_asked_of_no_partition_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct topic *topic = add_topic(fixture, "news", 1, &led);
    struct intent_item item = {.topic_id = {{9}}, .leader_epoch = 7};

    assert_item(fixture, INTENT_ALTER, &item, ERROR_UNKNOWN_TOPIC);
    item.resigns = true;
    assert_item(fixture, INTENT_ALTER, &item, ERROR_UNKNOWN_TOPIC);
    item.topic_id = topic->id;
    item.partition = 1;
    assert_item(fixture, INTENT_ALTER, &item, ERROR_UNKNOWN_PARTITION);
    item.resigns = false;
    assert_item(fixture, INTENT_ALTER, &item, ERROR_UNKNOWN_PARTITION);
}

/* A report of what is gone must not be made again and again. */
static void what_is_gone_has_nothing_to_lose(void **state)
{
    struct fixture *fixture = *state;
    struct intent_item item = {.topic_id = {{9}}, .leader_epoch = 7};

    assert_item(fixture, INTENT_REPLICA_LOST, &item, ERROR_NONE);
    item.outdone = true;
    assert_item(fixture, INTENT_REPLICA_LOST, &item, ERROR_NONE);
}

static void who_lost_it_in_a_full_write_is_heard_by_the_next(void **state)
{
    struct fixture *fixture = *state;
    struct topic *topic = add_topic(fixture, "news", 1, &led);
    struct intent_item item = {.topic_id = topic->id, .leader_epoch = 7};
    struct staged_chunk *staged;
    enum error error;

    lone_controller_begin_write(&fixture->lone);
    fixture->lone.write.bytes = CONTROLLER_WRITE_BYTES_MAX + 1;
    assert_null(
        controller_state_of(&fixture->lone.controller, &item, &staged, &error));
    assert_int_equal(error, ERROR_AGAIN);
    fixture->lone.write.bytes = 0;
    assert_non_null(
        controller_state_of(&fixture->lone.controller, &item, &staged, &error));
}

/* The leader says that all is synced; meanwhile the topic is lazy again. */
static void what_is_relaxed_is_not_called_strict(void **state)
{
    struct fixture *fixture = *state;
    struct partition_state lazy = led;
    struct intent_item item = {.leader_epoch = 7,
                               .partition_epoch = 3,
                               .isr = led.isr,
                               .synced = true};

    lazy.lazy = true;
    item.topic_id = add_topic(fixture, "news", 1, &lazy)->id;
    fixture->lone.controller.options.flush_ms = 1000;
    assert_item(fixture, INTENT_ALTER, &item, ERROR_INVALID_CONFIG);
}

/* Its sender has a newer registration than what was read of the brokers. */
static void what_waits_for_a_reading_is_refused_at_the_end(void **state)
{
    struct fixture *fixture = *state;
    struct controller *controller = &fixture->lone.controller;
    struct brokers *brokers = &controller->brokers;
    struct intent *asked = &fixture->lone.asked;

    brokers->list = heap_alloc(fixture->lone.seam->heap, sizeof *brokers->list);
    brokers->list->broker_id = 1;
    brokers->list->broker_epoch = 10;
    brokers->count = 1;
    *asked = (struct intent){.kind = INTENT_ALTER,
                             .sender = {1, 10},
                             .registration_version = 1,
                             .done = lone_controller_answered};
    controller_submit(controller, asked);
    controller_run(controller);
    assert_false(fixture->lone.answered);
    assert_true(list_empty(&controller->intents));
    controller_stop(controller);
    assert_true(fixture->lone.answered);
    assert_int_equal(asked->error, ERROR_NOT_CONTROLLER);
}

/* ---- unclean elections ---- */

static void assert_not_elected(struct fixture *fixture, const char *topic,
                               uint32_t partition, uint32_t broker_id,
                               enum error error, const char *words)
{
    struct intent_item item = {.partition = partition, .broker_id = broker_id};

    assert_refused(fixture,
                   &(struct intent){.kind = INTENT_ELECT_UNCLEAN,
                                    .name = topic,
                                    .items = &item,
                                    .item_count = 1},
                   error, words);
}

static void nobody_is_elected_uncleanly_who_cannot_lead(void **state)
{
    struct fixture *fixture = *state;
    struct partition_state orphan = led;
    struct topic *topic;

    assert_not_elected(fixture, "none", 0, 1, ERROR_UNKNOWN_TOPIC, "");
    add_topic(fixture, "led", 1, &led);
    assert_not_elected(fixture, "led", 0, 2, ERROR_ELECTION_NOT_NEEDED,
                       "broker 1 leads led/0");
    assert_not_elected(fixture, "led", 1, 2, ERROR_UNKNOWN_PARTITION, "");
    orphan.leader = NO_BROKER;
    orphan.isr.count = 0;
    orphan.replica_count = 3;
    orphan.replicas[2] = 3; /* is not there */
    topic = add_topic(fixture, "orphan", 2, &orphan);
    assert_not_elected(fixture, "orphan", 0, 3, ERROR_INELIGIBLE_REPLICA,
                       "broker 3 is not there");
    assert_not_elected(fixture, "orphan", 0, 4, ERROR_INELIGIBLE_REPLICA,
                       "broker 4 has no replica of orphan/0");
    topic_set_condition(topic, 0, CHUNK_DAMAGED);
    assert_not_elected(fixture, "orphan", 0, 1, ERROR_CORRUPT,
                       "kq cluster status");
}

static void an_unclean_election_waits_for_room(void **state)
{
    struct fixture *fixture = *state;
    struct intent_item item = {.broker_id = 1};

    add_topic(fixture, "news", 1, &led);
    fixture->lone.asked = (struct intent){.kind = INTENT_ELECT_UNCLEAN,
                                          .done = lone_controller_answered,
                                          .name = "news",
                                          .items = &item,
                                          .item_count = 1};
    lone_controller_begin_write(&fixture->lone);
    fixture->lone.write.bytes = CONTROLLER_WRITE_BYTES_MAX + 1;
    assert_false(controller_stage_unclean(&fixture->lone.controller,
                                          &fixture->lone.asked));
    assert_false(fixture->lone.answered);
}

/* ---- moves ---- */

static void assert_not_moved(struct fixture *fixture, const char *topic,
                             uint32_t partition, enum error error,
                             const char *words)
{
    struct reassignment item = {.topic = topic,
                                .partition = partition,
                                .target_count = 1,
                                .target = {2}};

    ask(fixture, &(struct intent){.kind = INTENT_REASSIGN,
                                  .reassignments = &item,
                                  .item_count = 1});
    assert_int_equal(fixture->lone.asked.error, ERROR_NONE);
    assert_int_equal(item.error, error);
    assert_non_null(strstr(item.detail, words));
}

static void what_is_not_known_is_not_moved(void **state)
{
    struct fixture *fixture = *state;
    struct topic *topic = add_topic(fixture, "news", 1, &led);

    assert_not_moved(fixture, "none", 0, ERROR_UNKNOWN_TOPIC, "");
    assert_not_moved(fixture, "news", 1, ERROR_UNKNOWN_PARTITION, "0 to 0");
    topic_set_condition(topic, 0, CHUNK_DAMAGED);
    assert_not_moved(fixture, "news", 0, ERROR_CORRUPT, "kq cluster status");
    topic_set_condition(topic, 0, CHUNK_LARGER);
    assert_not_moved(fixture, "news", 0, ERROR_CORRUPT, "kq cluster status");
    topic_set_condition(topic, 0, CHUNK_WHOLE);
    topic->damaged = true;
    assert_not_moved(fixture, "news", 0, ERROR_CORRUPT, "kq cluster status");
    topic->damaged = false;
    topic->chunks_missing = 1; /* still being read */
    assert_not_moved(fixture, "news", 0, ERROR_AGAIN, "try again");
}

static void a_move_over_too_many_is_refused_with_a_way(void **state)
{
    struct fixture *fixture = *state;
    struct partition_state wide = led;

    wide.replica_count = REPLICAS_MAX;
    for (uint32_t i = 0; i < REPLICAS_MAX; i++)
        wide.replicas[i] = i + 10;
    wide.replicas[0] = 1;
    wide.isr = (struct replica_set){1, {{1, 10}}};
    add_topic(fixture, "wide", 1, &wide);
    assert_not_moved(fixture, "wide", 0, ERROR_INVALID_ARGUMENT,
                     "in two steps");
}

/* ---- preferred leaders ---- */

/* 2 leads, and 1 is preferred. */
static struct partition_state away(void)
{
    struct partition_state state = led;

    state.leader = 2;
    return state;
}

static struct intent *elect(struct fixture *fixture, const char *name)
{
    fixture->lone.asked = (struct intent){.kind = INTENT_ELECT,
                                          .done = lone_controller_answered,
                                          .name = name,
                                          .moved = 99,
                                          .left = 99};
    lone_controller_begin_write(&fixture->lone);
    assert_true(controller_stage_elect(&fixture->lone.controller,
                                       &fixture->lone.asked));
    return &fixture->lone.asked;
}

static void leaders_go_where_they_are_preferred(void **state)
{
    struct fixture *fixture = *state;
    struct partition_state cannot = away(), asked = away(), gone = away();
    struct partition_state moves = away();
    const struct intent *intent;
    struct staged_chunk *staged;

    cannot.isr = (struct replica_set){1, {{2, 20}}};
    asked.handing_over = true;
    asked.successor = 1;
    gone.leader = NO_BROKER;
    gone.isr.count = 0;
    add_topic(fixture, "home", 1, &led);
    add_topic(fixture, "moves", 2, &moves);
    add_topic(fixture, "cannot", 3, &cannot);
    add_topic(fixture, "asked", 4, &asked);
    add_topic(fixture, "gone", 5, &gone);
    intent = elect(fixture, NULL);
    assert_int_equal(intent->moved, 2); /* one is on its way */
    assert_int_equal(intent->left, 2);
    assert_int_equal(fixture->lone.write.chunk_count, 1);
    staged = container_of(list_first(&fixture->lone.write.chunks),
                          struct staged_chunk, node);
    assert_string_equal(staged->topic->name, "moves");
    assert_true(staged->states[0].handing_over);
    assert_int_equal(staged->states[0].successor, 1);
    assert_int_equal(staged->states[0].leader, 2); /* it gives way itself */
}

static void leaders_of_one_topic_go(void **state)
{
    struct fixture *fixture = *state;
    struct partition_state moves = away();
    const struct intent *intent;

    add_topic(fixture, "a", 1, &moves);
    add_topic(fixture, "b", 2, &moves);
    add_topic(fixture, "c", 3, &moves)->damaged = true;
    intent = elect(fixture, "b");
    assert_int_equal(intent->moved, 1);
    assert_int_equal(intent->left, 0);
    assert_int_equal(fixture->lone.write.chunk_count, 1);
    lone_controller_end_write(&fixture->lone);
    intent = elect(fixture, "c"); /* not all of it is known */
    assert_int_equal(intent->moved, 0);
    assert_int_equal(intent->left, 0);
}

static void an_election_waits_for_room(void **state)
{
    struct fixture *fixture = *state;
    struct partition_state moves = away();

    add_topic(fixture, "a", 1, &moves);
    fixture->lone.asked = (struct intent){.kind = INTENT_ELECT};
    lone_controller_begin_write(&fixture->lone);
    fixture->lone.write.chunk_count = CONTROLLER_WRITE_CHUNKS_MAX;
    assert_false(controller_stage_elect(&fixture->lone.controller,
                                        &fixture->lone.asked));
    fixture->lone.write.chunk_count = 0;
}

static void an_election_that_moves_nobody_is_answered(void **state)
{
    struct fixture *fixture = *state;
    struct intent intent = {.kind = INTENT_ELECT, .name = "none"};

    assert_refused(fixture, &intent, ERROR_UNKNOWN_TOPIC, "");
    add_topic(fixture, "news", 1, &led);
    intent.name = "news";
    assert_refused(fixture, &intent, ERROR_NONE, "");
    intent.name = NULL;
    assert_refused(fixture, &intent, ERROR_NONE, "");
    assert_int_equal(fixture->lone.asked.moved, 0);
    assert_int_equal(fixture->lone.asked.left, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_topic_that_cannot_be_is_not_made),
        TEST(a_topic_is_not_altered_to_what_cannot_be),
        TEST(what_is_not_there_is_not_deleted),
        TEST(nothing_is_written_of_a_topic_that_goes),
        TEST(a_topic_that_is_gone_is_not_written_to),
        TEST(what_is_asked_of_no_partition_is_refused),
        TEST(what_is_gone_has_nothing_to_lose),
        TEST(who_lost_it_in_a_full_write_is_heard_by_the_next),
        TEST(what_is_relaxed_is_not_called_strict),
        TEST(what_waits_for_a_reading_is_refused_at_the_end),
        TEST(nobody_is_elected_uncleanly_who_cannot_lead),
        TEST(an_unclean_election_waits_for_room),
        TEST(what_is_not_known_is_not_moved),
        TEST(a_move_over_too_many_is_refused_with_a_way),
        TEST(leaders_go_where_they_are_preferred),
        TEST(leaders_of_one_topic_go),
        TEST(an_election_waits_for_room),
        TEST(an_election_that_moves_nobody_is_answered),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
