/* SPDX-License-Identifier: Apache-2.0
 *
 * Znodes that cannot be used as they are: each is said once, the controller
 * writes nothing over them, and who reports its replicas counts only when it
 * could read what the controller can (R12, R14).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "seam/memory.h"
#include "tests/lib/lone_controller.h"

struct fixture {
    struct lone_controller lone;
    struct intent intent;
    bool done;
};

static const struct coord_stat stat_1 = {.czxid = 7, .version = 1};

static int setup(void **state)
{
    static struct fixture fixture;
    struct controller_options options = {
        .broker_id = 10, .min_insync_replicas = 1, .partitions_max = 1000};
    const struct live_broker live[] = {{10, 100, true, false},
                                       {20, 200, false, false}};

    memset(&fixture, 0, sizeof fixture);
    lone_controller_init(&fixture.lone, &options);
    lone_controller_set_live(&fixture.lone, live, 2);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    lone_controller_release(&((struct fixture *)*state)->lone);
    return 0;
}

/* ---- what is noted ---- */

static bool note(struct fixture *fixture, const char *path,
                 const struct coord_stat *stat, const char *why)
{
    return defects_note(
        &fixture->lone.metadata.defects,
        &(struct defect_found){DEFECT_SCAN, path, stat, why, "repair it"});
}

static void each_is_said_once(void **state)
{
    struct fixture *fixture = *state;
    struct defects *defects = &fixture->lone.metadata.defects;
    const struct coord_stat later = {.czxid = 7, .version = 2};
    const struct coord_stat anew = {.czxid = 9, .version = 1};

    assert_false(defects_any(defects));
    assert_true(note(fixture, "/topics/b", &stat_1, "it is empty"));
    assert_false(note(fixture, "/topics/b", &stat_1, "it is empty"));
    assert_true(note(fixture, "/topics/b", &stat_1, "it is another thing"));
    assert_true(note(fixture, "/topics/b", &later, "it is another thing"));
    assert_true(note(fixture, "/topics/b", &anew, "it is another thing"));
    assert_true(note(fixture, "/topics/b", NULL, "it is another thing"));
    assert_false(note(fixture, "/topics/b", NULL, "it is another thing"));
    assert_true(defects_any(defects));
    assert_string_equal(defects_find(defects, "/topics/b")->way_out,
                        "repair it");
}

static void they_stand_in_the_order_of_their_paths(void **state)
{
    struct fixture *fixture = *state;
    static const char *const wanted[] = {"/a", "/b", "/c"};
    size_t at = 0;

    note(fixture, "/b", &stat_1, "it is empty");
    note(fixture, "/c", &stat_1, "it is empty");
    note(fixture, "/a", &stat_1, "it is empty");
    list_for_each (node, &fixture->lone.metadata.defects.list)
        assert_string_equal(container_of(node, struct defect, node)->path,
                            wanted[at++]);
    assert_int_equal(at, 3);
}

static void what_is_none_any_more_is_counted(void **state)
{
    struct fixture *fixture = *state;
    struct defects *defects = &fixture->lone.metadata.defects;

    note(fixture, "/topics/a", &stat_1, "it is empty");
    note(fixture, "/topics/ab", &stat_1, "it is empty");
    note(fixture, "/topics/a/state/0", NULL, "it does not exist");
    assert_false(defects_clear(defects, "/topics/c"));
    assert_true(defects_clear(defects, "/topics/a"));
    assert_int_equal(defects->repaired, 1);
    defects_forget_topic(defects, "a");
    assert_int_equal(defects->repaired, 2);
    assert_null(defects_find(defects, "/topics/a/state/0"));
    assert_true(defects_of_topic(defects, "ab"));
    defects_begin(defects, DEFECT_SCAN);
    defects_end(defects, DEFECT_SCAN);
    assert_false(defects_any(defects));
    assert_int_equal(defects->repaired, 3);
}

/* ---- topics ---- */

static void fill_topic(Kq__TopicNode *node, struct uuid *id, uint8_t number,
                       uint32_t partitions)
{
    kq__topic_node__init(node);
    *id = (struct uuid){{number}};
    node->topic_id.data = id->bytes;
    node->topic_id.len = sizeof id->bytes;
    node->partition_count = partitions;
}

static struct topic *read_topic(struct fixture *fixture, const char *name,
                                uint8_t number, uint32_t partitions)
{
    Kq__TopicNode node;
    struct uuid id;

    fill_topic(&node, &id, number, partitions);
    return metadata_apply_topic(&fixture->lone.metadata, name, 0, &node);
}

/* Both brokers hold them, and 10 leads. */
static bool read_chunk(struct fixture *fixture, struct topic *topic,
                       uint32_t chunk, uint32_t count, int32_t version,
                       int64_t czxid)
{
    static struct partition_state states[CHUNK_PARTITIONS];
    const uint32_t replicas[] = {10, 20};
    struct live_brokers live = {2, fixture->lone.controller.live};

    for (uint32_t i = 0; i < count; i++)
        partition_state_create(&states[i], replicas, 2, 1, false, &live);
    return metadata_apply_chunk(
        &fixture->lone.metadata, topic,
        &(struct chunk_states){chunk, version, count, states, czxid});
}

static const char *wrong(struct fixture *fixture, const Kq__TopicNode *node)
{
    static char why[DEFECT_WHY_BYTES];

    return metadata_topic_wrong(&fixture->lone.metadata, "new", node, why);
}

static void a_topic_that_cannot_be_is_refused(void **state)
{
    struct fixture *fixture = *state;
    char key[] = "retention.ms", good[] = "1000", bad[] = "soon";
    Kq__TopicConfig config = KQ__TOPIC_CONFIG__INIT;
    Kq__TopicConfig *configs[] = {&config};
    Kq__TopicNode node;
    struct uuid id;

    fill_topic(&node, &id, 1, 4);
    assert_null(wrong(fixture, &node));
    node.partition_count = 0;
    assert_non_null(strstr(wrong(fixture, &node), "no partitions"));
    node.partition_count = PARTITIONS_PER_TOPIC_MAX + 1;
    assert_non_null(strstr(wrong(fixture, &node), "more partitions"));
    node.partition_count = 4;
    node.topic_id.len = 15;
    assert_non_null(strstr(wrong(fixture, &node), "16 bytes"));
    node.topic_id.len = 16;
    node.has_format = 1;
    node.format = ZNODE_FORMAT + 1;
    assert_non_null(strstr(wrong(fixture, &node), "newer version"));
    node.format = ZNODE_FORMAT;
    config.key = key;
    config.value = bad;
    node.configs = configs;
    node.n_configs = 1;
    assert_non_null(strstr(wrong(fixture, &node), "retention.ms"));
    config.value = good;
    assert_null(wrong(fixture, &node));
    key[0] = 'x'; /* a newer version's */
    assert_null(wrong(fixture, &node));
}

static void two_topics_have_two_ids(void **state)
{
    struct fixture *fixture = *state;

    assert_non_null(read_topic(fixture, "orders", 1, 1));
    assert_null(read_topic(fixture, "copy", 1, 1));
    assert_null(metadata_topic(&fixture->lone.metadata, "copy"));
    assert_non_null(read_topic(fixture, "copy", 2, 1));
}

/* ---- what the controller writes ---- */

static void intent_done(struct intent *intent)
{
    container_of(intent, struct fixture, intent)->done = true;
}

static void assert_stages(struct fixture *fixture, size_t chunks)
{
    struct live_broker *live = fixture->lone.controller.live;

    lone_controller_begin_write(&fixture->lone);
    live[0].broker_epoch++; /* the leader came back as somebody else */
    controller_decide_all(&fixture->lone.controller);
    live[0].broker_epoch--;
    assert_int_equal(fixture->lone.write.chunk_count, chunks);
    lone_controller_end_write(&fixture->lone);
}

static void a_damaged_chunk_is_left_alone_and_others_are_not(void **state)
{
    struct fixture *fixture = *state;
    struct topic *topic = read_topic(fixture, "orders", 1, 300);
    struct intent_item item = {.topic_id = {{1}}};
    struct staged_chunk *staged;
    enum error error;

    assert_true(read_chunk(fixture, topic, 0, 256, 1, 7));
    assert_true(read_chunk(fixture, topic, 1, 44, 1, 8));
    assert_true(topic_whole(topic));
    assert_stages(fixture, 2);
    topic_set_condition(topic, 1, CHUNK_DAMAGED);
    assert_true(topic_settled(topic));
    assert_false(topic_whole(topic));
    assert_stages(fixture, 1);
    lone_controller_begin_write(&fixture->lone);
    assert_non_null(
        controller_state_of(&fixture->lone.controller, &item, &staged, &error));
    item.partition = 299;
    assert_null(
        controller_state_of(&fixture->lone.controller, &item, &staged, &error));
    assert_int_equal(error, ERROR_CORRUPT);
    lone_controller_end_write(&fixture->lone);
    assert_true(read_chunk(fixture, topic, 1, 44, 2, 8));
    assert_true(topic_whole(topic));
    assert_stages(fixture, 2);
}

/* Its znode cannot be read, or was written by hand, and there are more. */
static void partitions_that_a_topic_does_not_know_are_kept(void **state)
{
    struct fixture *fixture = *state;
    struct topic *topic = read_topic(fixture, "orders", 1, 4);

    assert_true(read_chunk(fixture, topic, 0, 9, 1, 7));
    assert_true(topic_loaded(topic));
    assert_false(topic_settled(topic));
    assert_stages(fixture, 0);
    assert_ptr_equal(read_topic(fixture, "orders", 1, 9), topic);
    assert_true(read_chunk(fixture, topic, 0, 9, 1, 7));
    assert_int_equal(topic->partition_count, 9);
    assert_true(topic_settled(topic));
    topic->damaged = true;
    assert_stages(fixture, 0);
}

static void what_is_asked_of_what_is_damaged_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct controller *controller = &fixture->lone.controller;
    struct topic *topic = read_topic(fixture, "orders", 1, 4);
    const struct intent_config config = {"min.insync.replicas", "2"};

    assert_true(read_chunk(fixture, topic, 0, 4, 1, 7));
    topic_set_condition(topic, 0, CHUNK_MISSING);
    note(fixture, "/topics/mess", &stat_1, "it is empty");
    lone_controller_begin_write(&fixture->lone);
    fixture->intent = (struct intent){.kind = INTENT_ALTER_TOPIC,
                                      .done = intent_done,
                                      .name = "orders",
                                      .configs = &config,
                                      .config_count = 1};
    assert_false(controller_stage_alter(controller, &fixture->intent));
    assert_int_equal(fixture->intent.error, ERROR_CORRUPT);
    assert_non_null(strstr(fixture->intent.detail, "kq cluster status"));
    fixture->intent = (struct intent){.kind = INTENT_CREATE_TOPIC,
                                      .done = intent_done,
                                      .name = "mess",
                                      .partition_count = 1,
                                      .replication_factor = 1};
    assert_false(controller_stage_create(controller, &fixture->intent));
    assert_int_equal(fixture->intent.error, ERROR_CORRUPT);
    lone_controller_end_write(&fixture->lone);
}

/* Else the next write would tell all brokers that it was. */
static void a_deletion_that_is_refused_is_told_to_nobody(void **state)
{
    static const struct coord_request refused = {.error = ERROR_NO_NODE};
    struct fixture *fixture = *state;
    struct controller *controller = &fixture->lone.controller;
    struct topic *topic = read_topic(fixture, "orders", 1, 4);
    struct controller_write *write =
        heap_alloc(fixture->lone.seam->heap, sizeof *write);

    controller->state = CONTROLLER_ACTIVE;
    fixture->intent = (struct intent){
        .kind = INTENT_DELETE_TOPIC, .done = intent_done, .name = "orders"};
    list_init(&fixture->intent.node);
    write->controller = controller;
    list_init(&write->chunks);
    list_init(&write->intents);
    list_append(&write->intents, &fixture->intent.node);
    write->topic_intent = &fixture->intent;
    write->deleted_topic = topic;
    controller->write = write;
    controller_add_change(controller, &topic->id, CHANGE_NO_CHUNK);
    controller_write_end(write, &refused);
    assert_true(fixture->done);
    assert_int_equal(fixture->intent.error, ERROR_CORRUPT);
    assert_int_equal(controller->state, CONTROLLER_LOOKING);
}

/* Each write of the controller has all changes in it. */
static void the_last_changes_alone_bear_names(void **state)
{
    struct fixture *fixture = *state;
    struct controller *controller = &fixture->lone.controller;
    struct uuid id = {{1}};
    size_t named = 0;

    for (unsigned i = 0; i < CHANGES_KEPT + 10; i++)
        controller_add_change(controller, &id, 0)->name =
            heap_strdup(fixture->lone.seam->heap, "orders");
    assert_int_equal(controller->change_count, CHANGES_KEPT);
    for (unsigned i = 0; i < CHANGES_KEPT; i++)
        named += controller->changes[i].name != NULL;
    assert_int_equal(named, CHANGES_NAMED);
    assert_non_null(controller->changes[CHANGES_KEPT - 1].name);
}

/* ---- who removes a znode, and writes it back ---- */

static void versions_begin_again_when_a_znode_is_made_anew(void **state)
{
    struct fixture *fixture = *state;
    struct topic *topic = read_topic(fixture, "orders", 1, 4);

    assert_true(read_chunk(fixture, topic, 0, 4, 5, 7));
    assert_true(read_chunk(fixture, topic, 0, 4, 4, 7)); /* an older reading */
    assert_int_equal(topic->chunk_versions[0], 5);
    assert_true(read_chunk(fixture, topic, 0, 4, 6, 0)); /* written by us */
    assert_true(read_chunk(fixture, topic, 0, 4, 0, 9));
    assert_int_equal(topic->chunk_versions[0], 0);
    assert_true(read_chunk(fixture, topic, 0, 4, 6, 7)); /* older than that */
    assert_int_equal(topic->chunk_versions[0], 0);
}

/* ---- who is whole ---- */

static void a_report_counts_when_as_much_was_read(void **state)
{
    struct fixture *fixture = *state;
    char path[] = "/topics/orders/state/0";
    char *paths[] = {path};
    const struct intent intent = {.kind = INTENT_REPLICA_LOST,
                                  .sender = {20, 200},
                                  .changes_read = UINT64_MAX,
                                  .damaged = paths,
                                  .damaged_count = 1};

    assert_false(controller_was_read(&fixture->lone.controller, &intent));
    note(fixture, path, &stat_1, "it is empty");
    assert_true(controller_was_read(&fixture->lone.controller, &intent));
}

/* What was said before does not count for what is known only now. */
static void a_repair_begins_a_new_term(void **state)
{
    struct fixture *fixture = *state;
    struct controller *controller = &fixture->lone.controller;

    controller->state = CONTROLLER_ACTIVE;
    note(fixture, "/topics/orders/state/0", &stat_1, "it is empty");
    controller_run(controller);
    assert_int_equal(controller->state, CONTROLLER_ACTIVE);
    defects_clear(&fixture->lone.metadata.defects, "/topics/orders/state/0");
    controller_run(controller);
    assert_int_equal(controller->state, CONTROLLER_LOOKING);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(each_is_said_once),
        TEST(they_stand_in_the_order_of_their_paths),
        TEST(what_is_none_any_more_is_counted),
        TEST(a_topic_that_cannot_be_is_refused),
        TEST(two_topics_have_two_ids),
        TEST(a_damaged_chunk_is_left_alone_and_others_are_not),
        TEST(partitions_that_a_topic_does_not_know_are_kept),
        TEST(what_is_asked_of_what_is_damaged_is_refused),
        TEST(a_deletion_that_is_refused_is_told_to_nobody),
        TEST(the_last_changes_alone_bear_names),
        TEST(versions_begin_again_when_a_znode_is_made_anew),
        TEST(a_report_counts_when_as_much_was_read),
        TEST(a_repair_begins_a_new_term),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
