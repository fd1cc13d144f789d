/* SPDX-License-Identifier: Apache-2.0
 *
 * Partitions added to a topic: what the controller stages and refuses, and
 * what the metadata show of it while it is being read.
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

#define BROKERS 5

struct fixture {
    struct lone_controller lone;
    struct intent intent;
    bool done;
};

static void set_live(struct fixture *fixture, uint32_t count)
{
    struct live_broker live[REPLICAS_MAX];

    for (uint32_t i = 0; i < count; i++)
        live[i] =
            (struct live_broker){10 * (i + 1), UINT64_C(1) << 40, true, false};
    lone_controller_set_live(&fixture->lone, live, count);
}

static int setup(void **state)
{
    static struct fixture fixture;
    struct controller_options controller = {.broker_id = 10,
                                            .min_insync_replicas = 2,
                                            .partitions_max =
                                                PARTITIONS_PER_TOPIC_MAX};

    memset(&fixture, 0, sizeof fixture);
    lone_controller_init(&fixture.lone, &controller);
    set_live(&fixture, BROKERS);
    lone_controller_begin_write(&fixture.lone);
    *state = &fixture;
    return 0;
}

static struct staged_chunk *staged_at(struct fixture *fixture, uint32_t chunk)
{
    struct staged_chunk *found = NULL;

    list_for_each (node, &fixture->lone.write.chunks) {
        struct staged_chunk *staged =
            container_of(node, struct staged_chunk, node);

        if (staged->chunk != chunk)
            continue;
        assert_null(found); /* a znode is written once */
        found = staged;
    }
    return found;
}

static int teardown(void **state)
{
    lone_controller_release(&((struct fixture *)*state)->lone);
    return 0;
}

/* ---- topics ---- */

static struct topic *apply_topic(struct fixture *fixture, int32_t version,
                                 uint32_t partition_count)
{
    Kq__TopicNode node = KQ__TOPIC_NODE__INIT;
    struct uuid id = {{1}};

    node.topic_id.data = id.bytes;
    node.topic_id.len = sizeof id.bytes;
    node.partition_count = partition_count;
    return metadata_apply_topic(&fixture->lone.metadata, "orders", version,
                                &node);
}

/* Replicas go round 10, 20 ... 50, from 20. */
static bool apply_chunk(struct fixture *fixture, struct topic *topic,
                        uint32_t chunk, int32_t version, uint32_t count)
{
    struct partition_state *states =
        heap_alloc(fixture->lone.seam->heap, count * sizeof *states);
    bool taken;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t first = 1 + chunk * CHUNK_PARTITIONS + i;
        uint32_t replicas[3];

        for (uint32_t r = 0; r < 3; r++)
            replicas[r] = 10 * ((first + r) % BROKERS + 1);
        partition_state_create(
            &states[i], replicas, 3, 2, false,
            &(struct live_brokers){fixture->lone.controller.live_count,
                                   fixture->lone.controller.live});
        states[i].partition_epoch = (uint32_t)version;
    }
    taken = metadata_apply_chunk(
        &fixture->lone.metadata, topic,
        &(struct chunk_states){chunk, version, count, states, 0});
    heap_free(fixture->lone.seam->heap, states);
    return taken;
}

static struct topic *orders(struct fixture *fixture, uint32_t partition_count)
{
    struct topic *topic = apply_topic(fixture, 0, partition_count);

    for (uint32_t i = 0; i < topic->chunk_count; i++)
        assert_true(
            apply_chunk(fixture, topic, i, 3, topic_chunk_size(topic, i)));
    assert_true(topic_loaded(topic));
    return topic;
}

/* ---- requests ---- */

static void intent_done(struct intent *intent)
{
    container_of(intent, struct fixture, intent)->done = true;
}

static bool ask(struct fixture *fixture, uint32_t to, uint32_t known)
{
    fixture->done = false;
    fixture->intent = (struct intent){.kind = INTENT_ALTER_TOPIC,
                                      .done = intent_done,
                                      .name = "orders",
                                      .partition_count = to,
                                      .partitions_known = known};
    return controller_stage_alter(&fixture->lone.controller, &fixture->intent);
}

static void assert_refused(struct fixture *fixture, enum error error,
                           const char *words)
{
    assert_true(fixture->done);
    assert_int_equal(fixture->intent.error, error);
    if (strstr(fixture->intent.detail, words) == NULL)
        fail_msg("'%s' does not say '%s'", fixture->intent.detail, words);
    assert_true(list_empty(&fixture->lone.write.chunks));
    assert_null(fixture->lone.write.altered_topic);
}

static void fewer_or_as_many_are_refused(void **state)
{
    struct fixture *fixture = *state;

    orders(fixture, 6);
    assert_false(ask(fixture, 5, 3));
    assert_refused(fixture, ERROR_INVALID_ARGUMENT,
                   "it has 6 partitions, and 5 are wanted");
    assert_false(ask(fixture, 6, 0));
    assert_refused(fixture, ERROR_INVALID_ARGUMENT,
                   "it has 6 partitions, and 6 are wanted");
    assert_false(ask(fixture, 6, 6));
    assert_refused(fixture, ERROR_INVALID_ARGUMENT, "6 are wanted");
}

/* Z1: the answer was lost. */
static void who_asks_again_is_told_that_it_was_done(void **state)
{
    struct fixture *fixture = *state;

    orders(fixture, 6);
    assert_false(ask(fixture, 6, 3));
    assert_refused(fixture, ERROR_NONE, "");
}

static void more_than_may_be_are_refused(void **state)
{
    struct fixture *fixture = *state;

    orders(fixture, 3);
    fixture->lone.controller.options.partitions_max = 20;
    assert_false(ask(fixture, 21, 3));
    assert_refused(fixture, ERROR_INVALID_ARGUMENT,
                   "21 partitions are wanted, and a topic has at most 20");
    set_live(fixture, 2);
    assert_false(ask(fixture, 4, 3));
    assert_refused(fixture, ERROR_INVALID_REPLICATION,
                   "have 3 replicas, and 2 brokers are alive");
}

static void settings_are_another_request(void **state)
{
    struct fixture *fixture = *state;
    const struct intent_config config = {"flush.ms", "0"};

    orders(fixture, 3);
    fixture->intent = (struct intent){.kind = INTENT_ALTER_TOPIC,
                                      .done = intent_done,
                                      .name = "orders",
                                      .partition_count = 4,
                                      .configs = &config,
                                      .config_count = 1};
    assert_false(
        controller_stage_alter(&fixture->lone.controller, &fixture->intent));
    assert_refused(fixture, ERROR_INVALID_ARGUMENT, "without settings");
}

/* All the states of a topic, not only the new ones: decision 0015. */
static void what_no_write_holds_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct topic *topic = orders(fixture, 9000);

    for (uint32_t i = 0; i < topic->partition_count; i++) {
        struct partition_state *partition = &topic->states[i];

        partition->replica_count = REPLICAS_MAX;
        for (uint32_t r = 0; r < REPLICAS_MAX; r++) {
            partition->replicas[r] = 10 * (r + 1);
            replica_set_add(&partition->isr,
                            (struct replica){10 * (r + 1), UINT64_C(1) << 40});
        }
    }
    set_live(fixture, REPLICAS_MAX);
    assert_false(ask(fixture, 9001, 9000));
    assert_refused(fixture, ERROR_INVALID_ARGUMENT, "add fewer");
}

/* ---- what is staged ---- */

/* 300 partitions lie in two chunks; 600 in three. */
static void the_spreading_goes_on_where_it_stopped(void **state)
{
    struct fixture *fixture = *state;
    struct staged_chunk *second, *third;
    struct topic *topic = orders(fixture, 300);

    assert_true(ask(fixture, 600, 300));
    assert_false(fixture->done);
    assert_ptr_equal(fixture->lone.write.altered_topic, topic);
    assert_null(staged_at(fixture, 0));
    second = staged_at(fixture, 1);
    third = staged_at(fixture, 2);
    assert_non_null(second);
    assert_non_null(third);
    assert_int_equal(second->count, 256);
    assert_int_equal(second->version, 3);
    assert_int_equal(third->count, 600 - 512);
    assert_int_equal(third->version, CHUNK_NEW);
    assert_true(second->changed && third->changed);
    for (uint32_t i = 256; i < 600; i++) {
        const struct partition_state *partition =
            i < 512 ? &second->states[i - 256] : &third->states[i - 512];

        assert_int_equal(partition->replica_count, 3);
        assert_int_equal(partition->leader, partition->replicas[0]);
        assert_int_equal(partition->isr.count, 3);
        assert_int_equal(partition->min, 2);
        assert_true(partition->fresh);
        for (uint32_t r = 0; r < 3; r++)
            assert_int_equal(partition->replicas[r],
                             10 * ((1 + i + r) % BROKERS + 1));
    }
    assert_int_equal(topic->partition_count, 300); /* not before it is there */
}

/* The one who would be next is gone: the one behind it is. */
static void the_dead_are_given_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct topic *topic = orders(fixture, 4); /* the last begins with 50 */
    struct staged_chunk *staged;

    topic->states[3].replicas[0] = 30;
    fixture->lone.controller.live[3].broker_id = 45; /* in the place of 40 */
    assert_true(ask(fixture, 7, 4));
    staged = staged_at(fixture, 0);
    assert_int_equal(staged->states[4].replicas[0], 45);
    assert_int_equal(staged->states[5].replicas[0], 50);
    assert_int_equal(staged->states[6].replicas[0], 10);
}

static void what_was_staged_before_is_kept(void **state)
{
    struct fixture *fixture = *state;
    struct topic *topic = orders(fixture, 4);
    struct staged_chunk *staged =
        controller_stage_chunk(&fixture->lone.write, topic, 0);
    size_t bytes = fixture->lone.write.bytes;

    staged->states[2].partition_epoch = 77;
    staged->changed = true;
    assert_true(ask(fixture, 6, 4));
    staged = staged_at(fixture, 0);
    assert_int_equal(staged->count, 6);
    assert_int_equal(staged->states[2].partition_epoch, 77);
    assert_int_equal(fixture->lone.write.chunk_count, 1);
    assert_true(fixture->lone.write.bytes > bytes);
}

/* ---- what is shown while it is read ---- */

static void no_partition_is_shown_before_all_are_known(void **state)
{
    struct fixture *fixture = *state;
    struct topic *topic = orders(fixture, 300);

    assert_ptr_equal(apply_topic(fixture, 1, 600), topic);
    assert_int_equal(topic->partition_count, 300);
    assert_true(apply_chunk(fixture, topic, 2, 0, 600 - 512));
    assert_int_equal(topic->partition_count, 300);
    assert_true(topic_loaded(topic));
    fixture->lone.told = 0;
    assert_true(apply_chunk(fixture, topic, 1, 4, 256));
    assert_int_equal(topic->partition_count, 600);
    assert_int_equal(topic->chunk_count, 3);
    assert_null(topic->grown);
    assert_int_equal(fixture->lone.told, 44 + 344); /* the old ones, then all */
    assert_int_equal(topic->states[300].partition_epoch, 4);
    assert_int_equal(topic->states[299].partition_epoch, 4);
    assert_int_equal(topic->states[0].partition_epoch, 3);
    assert_int_equal(topic->chunk_versions[0], 3);
}

/* The states are newer than what is known of the topic. */
static void what_is_known_is_taken_from_a_larger_chunk(void **state)
{
    struct fixture *fixture = *state;
    struct topic *topic = orders(fixture, 4);

    fixture->lone.told = 0;
    assert_true(apply_chunk(fixture, topic, 0, 4, 9));
    assert_int_equal(topic->partition_count, 4);
    assert_int_equal(fixture->lone.told, 4);
    assert_int_equal(topic->states[3].partition_epoch, 4);
    apply_topic(fixture, 1, 9);
    assert_int_equal(topic->partition_count, 4);
    assert_false(apply_chunk(fixture, topic, 0, 3, 2)); /* damaged */
    assert_true(apply_chunk(fixture, topic, 0, 4, 9));
    assert_int_equal(topic->partition_count, 9);
    assert_int_equal(topic->states[8].partition_epoch, 4);
}

static void it_grows_again_while_it_is_read(void **state)
{
    struct fixture *fixture = *state;
    struct topic *topic = orders(fixture, 4);

    apply_topic(fixture, 1, 6);
    apply_topic(fixture, 2, 9);
    apply_topic(fixture, 1, 6); /* an older reading */
    assert_true(apply_chunk(fixture, topic, 0, 5, 6));
    assert_int_equal(topic->partition_count, 4);
    assert_true(apply_chunk(fixture, topic, 0, 6, 9));
    assert_int_equal(topic->partition_count, 9);
    apply_topic(fixture, 1, 6);
    assert_int_equal(topic->partition_count, 9);
    assert_null(topic->grown);
}

/* A znode that cannot be read: what the controller wrote then would take the
 * partitions away that it does not know. */
static void what_is_not_all_read_is_not_written(void **state)
{
    struct fixture *fixture = *state;
    const struct intent_config config = {"flush.ms", "100"};

    orders(fixture, 4);
    apply_topic(fixture, 1, 300);
    assert_false(ask(fixture, 310, 4));
    assert_refused(fixture, ERROR_AGAIN, "");
    fixture->done = false;
    fixture->intent = (struct intent){.kind = INTENT_ALTER_TOPIC,
                                      .done = intent_done,
                                      .name = "orders",
                                      .configs = &config,
                                      .config_count = 1};
    assert_false(
        controller_stage_alter(&fixture->lone.controller, &fixture->intent));
    assert_refused(fixture, ERROR_AGAIN, "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(fewer_or_as_many_are_refused),
        TEST(who_asks_again_is_told_that_it_was_done),
        TEST(more_than_may_be_are_refused),
        TEST(settings_are_another_request),
        TEST(what_no_write_holds_is_refused),
        TEST(the_spreading_goes_on_where_it_stopped),
        TEST(the_dead_are_given_nothing),
        TEST(what_was_staged_before_is_kept),
        TEST(no_partition_is_shown_before_all_are_known),
        TEST(what_is_not_all_read_is_not_written),
        TEST(what_is_known_is_taken_from_a_larger_chunk),
        TEST(it_grows_again_while_it_is_read),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
