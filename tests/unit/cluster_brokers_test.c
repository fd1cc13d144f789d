/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is registered, as it is read from the znodes of brokers: what cannot be
 * is no broker and is named, until it is repaired, and a reading that failed
 * changes nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cluster/brokers.h"
#include "cluster/defects.h"
#include "cluster/znode.h"
#include "real/loop.h"
#include "seam/memory.h"
#include "tests/lib/scripted_coord.h"

struct fixture {
    struct loop *loop;
    struct seam *seam;
    struct coord *coord;
    struct brokers_listener listener;
    struct brokers brokers;
    struct defects defects;
    unsigned readings;
};

static void on_brokers(struct brokers_listener *listener,
                       const struct brokers *brokers)
{
    struct fixture *fixture = container_of(listener, struct fixture, listener);

    assert_ptr_equal(brokers, &fixture->brokers);
    fixture->readings++;
}

static int setup(void **state)
{
    static struct fixture fixture;
    struct loop_options options = {.heap_bytes_max = 64u << 20,
                                   .log_level = TRACE_ERROR + 1,
                                   .name = "test",
                                   .without_disk = true};

    memset(&fixture, 0, sizeof fixture);
    fixture.loop = loop_new(&options);
    fixture.seam = loop_seam(fixture.loop);
    fixture.coord = coord_new(fixture.seam, "", 0, NULL);
    fixture.listener.on_brokers = on_brokers;
    brokers_init(&fixture.brokers, fixture.seam, fixture.coord,
                 &fixture.listener);
    defects_init(&fixture.defects, fixture.seam);
    fixture.brokers.defects = &fixture.defects;
    scripted_put(fixture.coord, ZNODE_BROKER_IDS, bytes_of_string(""));
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    brokers_release(&fixture->brokers);
    defects_release(&fixture->defects);
    coord_free(fixture->coord);
    loop_free(fixture->loop);
    return 0;
}

/* ---- znodes of brokers ---- */

/* One that is well, but for what the caller then changes. */
struct written {
    Kq__BrokerNode node;
    Kq__OfflineReplicas offline[2];
    Kq__OfflineReplicas *pointers[2];
    uint32_t partitions[2][2];
    uint8_t ids[2][16];
    char host[400];
    char rack[400];
    uint8_t id[16];
};

static Kq__BrokerNode *written(struct written *to)
{
    memset(to, 0, sizeof *to);
    kq__broker_node__init(&to->node);
    snprintf(to->host, sizeof to->host, "host");
    to->node.host = to->host;
    to->node.port = 9092;
    to->node.incarnation.data = to->node.boot_id.data = to->id;
    to->node.incarnation.len = to->node.boot_id.len = sizeof to->id;
    for (uint32_t i = 0; i < 2; i++) {
        kq__offline_replicas__init(&to->offline[i]);
        to->ids[i][0] = (uint8_t)(i + 1);
        to->partitions[i][0] = 4;
        to->partitions[i][1] = 7;
        to->offline[i].topic_id.data = to->ids[i];
        to->offline[i].topic_id.len = 16;
        to->offline[i].partitions = to->partitions[i];
        to->offline[i].n_partitions = 2;
        to->pointers[i] = &to->offline[i];
    }
    to->node.offline = to->pointers;
    return &to->node;
}

static void put(struct fixture *fixture, const char *id,
                const Kq__BrokerNode *node)
{
    struct heap *heap = fixture->seam->heap;
    struct bytes data = znode_pack(heap, &node->base);
    char path[ZNODE_PATH_BYTES];

    snprintf(path, sizeof path, "%s/%s", ZNODE_BROKER_IDS, id);
    scripted_put(fixture->coord, path, data);
    heap_free(heap, (void *)(uintptr_t)data.data);
}

static void read_all(struct fixture *fixture)
{
    unsigned before = fixture->readings;

    brokers_read(&fixture->brokers, false);
    scripted_answer_all(fixture->coord);
    assert_int_equal(fixture->readings, before + 1);
}

static const struct defect *defect_of(struct fixture *fixture)
{
    return defects_find(&fixture->defects, ZNODE_BROKER_IDS "/1");
}

/* ---- the tests ---- */

static void brokers_are_found_by_id(void **state)
{
    struct fixture *fixture = *state;
    const struct broker_endpoint *endpoint;
    struct written to;

    put(fixture, "10", written(&to));
    put(fixture, "9", written(&to));
    written(&to)->has_leaving = 1;
    to.node.leaving = 1;
    snprintf(to.rack, sizeof to.rack, "left");
    to.node.rack = to.rack;
    put(fixture, "1000", &to.node);
    read_all(fixture);
    assert_int_equal(fixture->brokers.count, 3);
    assert_int_equal(fixture->brokers.list[0].broker_id, 9);
    assert_int_equal(fixture->brokers.list[1].broker_id, 10);
    endpoint = brokers_find(&fixture->brokers, 1000);
    assert_non_null(endpoint);
    assert_true(endpoint->leaving);
    assert_string_equal(endpoint->rack, "left");
    assert_int_equal(endpoint->port, 9092);
    assert_null(brokers_find(&fixture->brokers, 11));
    endpoint = brokers_find(&fixture->brokers, 9);
    assert_false(endpoint->leaving);
    assert_string_equal(endpoint->rack, "");
}

static void what_is_named_like_no_broker_is_none(void **state)
{
    static const char *const names[] = {"x", "1x", "4294967295", "-1"};
    struct fixture *fixture = *state;
    struct written to;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        put(fixture, names[i], written(&to));
    read_all(fixture);
    assert_int_equal(fixture->brokers.count, 0);
    put(fixture, "1", written(&to));
    read_all(fixture);
    assert_int_equal(fixture->brokers.count, 1);
}

static void nobody_may_be_there(void **state)
{
    struct fixture *fixture = *state;

    read_all(fixture);
    assert_int_equal(fixture->brokers.count, 0);
}

/* Read as a broker, 1 is wrong, and these words say how. */
static void assert_wrong(struct fixture *fixture, const char *words)
{
    read_all(fixture);
    assert_null(brokers_find(&fixture->brokers, 1));
    assert_non_null(brokers_find(&fixture->brokers, 2));
    assert_non_null(defect_of(fixture));
    if (strstr(defect_of(fixture)->why, words) == NULL)
        fail_msg("'%s' does not say '%s'", defect_of(fixture)->why, words);
}

static void a_broker_that_cannot_be_counts_as_gone_and_is_named(void **state)
{
    struct fixture *fixture = *state;
    struct written to;

    put(fixture, "2", written(&to));
    memset(written(&to)->host, 'h', BROKER_HOST_BYTES);
    put(fixture, "1", &to.node);
    assert_wrong(fixture, "host or rack");
    written(&to)->rack = to.rack;
    memset(to.rack, 'r', BROKER_RACK_BYTES);
    put(fixture, "1", &to.node);
    assert_wrong(fixture, "host or rack");
    written(&to)->port = 65536;
    put(fixture, "1", &to.node);
    assert_wrong(fixture, "above 65535");
    scripted_put(fixture->coord, ZNODE_BROKER_IDS "/1", bytes_of_string(""));
    assert_wrong(fixture, "");
    scripted_put(fixture->coord, ZNODE_BROKER_IDS "/1",
                 bytes_of_string("garbage"));
    assert_wrong(fixture, "");
    put(fixture, "1", written(&to));
    read_all(fixture);
    assert_non_null(brokers_find(&fixture->brokers, 1));
    assert_null(defect_of(fixture));
}

/* They are looked up by halves: in another order some would not be found, and
 * a replica that is offline would be elected. */
static void offline_replicas_that_do_not_ascend_are_refused(void **state)
{
    struct fixture *fixture = *state;
    const struct broker_endpoint *endpoint;
    struct partition_key key = {{{2}}, 7};
    struct written to;

    put(fixture, "2", written(&to));
    written(&to)->n_offline = 2;
    to.offline[1].topic_id.len = 15;
    put(fixture, "1", &to.node);
    assert_wrong(fixture, "not in order");
    written(&to)->n_offline = 2;
    to.ids[1][0] = 1; /* twice */
    put(fixture, "1", &to.node);
    assert_wrong(fixture, "not in order");
    written(&to)->n_offline = 2;
    to.ids[0][0] = 3;
    put(fixture, "1", &to.node);
    assert_wrong(fixture, "not in order");
    written(&to)->n_offline = 2;
    to.partitions[1][1] = 4;
    put(fixture, "1", &to.node);
    assert_wrong(fixture, "not in order");
    written(&to)->n_offline = 2;
    put(fixture, "1", &to.node);
    read_all(fixture);
    assert_null(defect_of(fixture));
    endpoint = brokers_find(&fixture->brokers, 1);
    assert_true(broker_has_offline(endpoint));
    assert_int_equal(broker_offline_count(endpoint), 4);
    assert_true(broker_replica_offline(endpoint, &key));
    key.partition = 5;
    assert_false(broker_replica_offline(endpoint, &key));
    key = (struct partition_key){{{3}}, 7};
    assert_false(broker_replica_offline(endpoint, &key));
    endpoint = brokers_find(&fixture->brokers, 2);
    assert_false(broker_has_offline(endpoint));
    assert_int_equal(broker_offline_count(endpoint), 0);
    assert_false(broker_replica_offline(endpoint, &key));
}

/* Who is elected does not depend on what could not be read just now. */
static void a_reading_that_fails_changes_nothing(void **state)
{
    static const char *const paths[] = {ZNODE_BROKER_IDS,
                                        ZNODE_BROKER_IDS "/2"};
    struct fixture *fixture = *state;
    struct brokers *brokers = &fixture->brokers;
    struct written to;

    put(fixture, "1", written(&to));
    put(fixture, "2", written(&to));
    read_all(fixture);
    for (size_t i = 0; i < 2; i++) {
        scripted_fail(fixture->coord, paths[i], ERROR_OUTCOME_UNKNOWN);
        brokers_read(brokers, true);
        scripted_answer_all(fixture->coord);
        assert_int_equal(fixture->readings, 1 + i);
        assert_int_equal(brokers->count, 2);
        assert_true(timer_running(&brokers->retry)); /* again, later */
        scripted_fail(fixture->coord, "", ERROR_NONE);
        timer_stop(fixture->seam->timers, &brokers->retry);
        brokers->retry.fire(&brokers->retry);
        scripted_answer_all(fixture->coord);
        assert_int_equal(fixture->readings, 2 + i);
        assert_int_equal(brokers->count, 2);
    }
}

static void who_goes_while_all_are_read_is_none(void **state)
{
    struct fixture *fixture = *state;
    struct written to;

    put(fixture, "1", written(&to));
    put(fixture, "2", written(&to));
    brokers_read(&fixture->brokers, false);
    assert_true(scripted_answer(fixture->coord)); /* the list */
    scripted_remove(fixture->coord, ZNODE_BROKER_IDS "/1");
    scripted_answer_all(fixture->coord);
    assert_int_equal(fixture->brokers.count, 1);
    assert_null(brokers_find(&fixture->brokers, 1));
}

/* What was asked for meanwhile is read behind it, once. */
static void who_asks_again_is_answered_by_another_reading(void **state)
{
    struct fixture *fixture = *state;
    struct written to;

    put(fixture, "1", written(&to));
    brokers_read(&fixture->brokers, true);
    assert_true(scripted_answer(fixture->coord));
    put(fixture, "2", written(&to));
    brokers_read(&fixture->brokers, true);
    fixture->brokers.watch.fire(&fixture->brokers.watch);
    scripted_answer_all(fixture->coord);
    assert_int_equal(fixture->readings, 2);
    assert_int_equal(fixture->brokers.count, 2);
    brokers_stop(&fixture->brokers);
    fixture->brokers.watch.fire(&fixture->brokers.watch); /* too late */
    assert_false(scripted_answer(fixture->coord));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(brokers_are_found_by_id),
        TEST(what_is_named_like_no_broker_is_none),
        TEST(nobody_may_be_there),
        TEST(a_broker_that_cannot_be_counts_as_gone_and_is_named),
        TEST(offline_replicas_that_do_not_ascend_are_refused),
        TEST(a_reading_that_fails_changes_nothing),
        TEST(who_goes_while_all_are_read_is_none),
        TEST(who_asks_again_is_answered_by_another_reading),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
