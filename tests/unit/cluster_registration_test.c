/* SPDX-License-Identifier: Apache-2.0
 *
 * A broker's registration, step by step: it makes a tree only where there is
 * none, waits where a hand has taken something away, and says what it is to
 * nobody's place but its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cluster/registration.h"
#include "cluster/znode.h"
#include "real/loop.h"
#include "seam/memory.h"
#include "tests/lib/scripted_coord.h"

#define ID_PATH ZNODE_BROKER_IDS "/5"

struct fixture {
    struct loop *loop;
    struct seam *seam;
    struct coord *coord;
    struct registration_listener listener;
    struct registration registration;
    struct registration_node node;
    struct uuid cluster_id;
    unsigned known;
    unsigned registered;
    unsigned told;
    uint64_t broker_epoch;
    uint32_t version;
};

static void on_cluster_id(struct registration_listener *listener,
                          const struct uuid *cluster_id)
{
    struct fixture *fixture = container_of(listener, struct fixture, listener);

    fixture->cluster_id = *cluster_id;
    fixture->known++;
}

static void on_registered(struct registration_listener *listener,
                          uint64_t broker_epoch, int64_t registered_ms)
{
    struct fixture *fixture = container_of(listener, struct fixture, listener);

    (void)registered_ms;
    fixture->broker_epoch = broker_epoch;
    fixture->registered++;
}

static void on_told(struct registration_listener *listener, uint32_t version)
{
    struct fixture *fixture = container_of(listener, struct fixture, listener);

    fixture->version = version;
    fixture->told++;
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
    fixture.listener =
        (struct registration_listener){on_cluster_id, on_registered, on_told};
    fixture.node = (struct registration_node){
        .broker_id = 5, .host = "here", .port = 9092, .rack = ""};
    registration_init(&fixture.registration, fixture.seam, fixture.coord,
                      &fixture.listener);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    registration_stop(&fixture->registration);
    coord_free(fixture->coord);
    loop_free(fixture->loop);
    return 0;
}

static void begin(struct fixture *fixture)
{
    registration_begin(&fixture->registration);
    scripted_answer_all(fixture->coord);
}

/* What it waits for has come. */
static void retry(struct fixture *fixture)
{
    struct registration *registration = &fixture->registration;

    assert_true(timer_running(&registration->retry));
    timer_stop(fixture->seam->timers, &registration->retry);
    registration->retry.fire(&registration->retry);
    scripted_answer_all(fixture->coord);
}

static void take_part(struct fixture *fixture)
{
    registration_register(&fixture->registration, &fixture->node);
    scripted_answer_all(fixture->coord);
}

static Kq__BrokerNode *read_node(struct fixture *fixture, void **block)
{
    return znode_unpack(fixture->seam->heap, &kq__broker_node__descriptor,
                        scripted_get(fixture->coord, ID_PATH), block);
}

/* ---- the cluster ---- */

static void a_new_cluster_is_made_whole(void **state)
{
    static const char *const paths[] = {
        ZNODE_CLUSTER, ZNODE_BROKER_IDS,   ZNODE_CONTROLLER_EPOCH,
        ZNODE_TOPICS,  ZNODE_PRODUCER_IDS, ZNODE_CHANGES};
    struct fixture *fixture = *state;

    begin(fixture);
    assert_int_equal(fixture->known, 1);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        assert_non_null(scripted_get(fixture->coord, paths[i]).data);
}

static void another_broker_may_make_it_first(void **state)
{
    struct fixture *fixture = *state;
    struct uuid made;

    begin(fixture);
    made = fixture->cluster_id;
    registration_stop(&fixture->registration);
    begin(fixture);
    assert_int_equal(fixture->known, 2);
    assert_true(uuid_equal(&made, &fixture->cluster_id));
}

/* As a hand leaves it that took the id away: a new id would make strangers of
 * all brokers. */
static void a_cluster_without_its_id_waits_for_it(void **state)
{
    struct fixture *fixture = *state;
    uint8_t kept[64];
    struct bytes data;
    size_t size;

    begin(fixture);
    data = scripted_get(fixture->coord, ZNODE_CLUSTER);
    size = data.size;
    assert_in_range(size, 1, sizeof kept);
    memcpy(kept, data.data, size);
    registration_stop(&fixture->registration);
    scripted_remove(fixture->coord, ZNODE_CLUSTER);
    begin(fixture);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(fixture->known, 1);
        assert_null(scripted_get(fixture->coord, ZNODE_CLUSTER).data);
        retry(fixture);
    }
    scripted_put(fixture->coord, ZNODE_CLUSTER, (struct bytes){kept, size});
    retry(fixture);
    assert_int_equal(fixture->known, 2);
}

static void a_damaged_id_is_waited_for(void **state)
{
    struct fixture *fixture = *state;
    Kq__ClusterNode node = KQ__CLUSTER_NODE__INIT;
    uint8_t id[16] = {9};
    struct bytes data;

    scripted_put(fixture->coord, ZNODE_CLUSTER, bytes_of_string("garbage"));
    begin(fixture);
    retry(fixture);
    assert_int_equal(fixture->known, 0);
    for (size_t length = 15; length <= 16; length++) {
        node.cluster_id.data = id;
        node.cluster_id.len = length;
        data = znode_pack(fixture->seam->heap, &node.base);
        scripted_put(fixture->coord, ZNODE_CLUSTER, data);
        heap_free(fixture->seam->heap, (void *)(uintptr_t)data.data);
        retry(fixture);
        assert_int_equal(fixture->known, length == 16);
    }
    assert_int_equal(fixture->cluster_id.bytes[0], 9);
}

static void what_could_not_be_asked_is_asked_again(void **state)
{
    struct fixture *fixture = *state;

    scripted_fail(fixture->coord, ZNODE_CLUSTER, ERROR_OUTCOME_UNKNOWN);
    begin(fixture);
    assert_int_equal(fixture->known, 0);
    scripted_fail(fixture->coord, ZNODE_TOPICS, ERROR_OUTCOME_UNKNOWN);
    retry(fixture); /* the tree cannot be made */
    assert_int_equal(fixture->known, 0);
    scripted_fail(fixture->coord, "", ERROR_NONE);
    retry(fixture);
    assert_int_equal(fixture->known, 1);
}

/* ---- the broker ---- */

static void it_is_registered_once(void **state)
{
    struct fixture *fixture = *state;
    Kq__BrokerNode *node;
    void *block;

    begin(fixture);
    take_part(fixture);
    assert_int_equal(fixture->registered, 1);
    assert_int_equal(fixture->told, 1);
    node = read_node(fixture, &block);
    assert_non_null(node);
    assert_string_equal(node->host, "here");
    assert_null(node->rack);
    heap_free(fixture->seam->heap, block);
    take_part(fixture); /* it is registered already */
    assert_int_equal(fixture->registered, 1);
}

static void a_rack_is_told(void **state)
{
    struct fixture *fixture = *state;
    Kq__BrokerNode *node;
    void *block;

    fixture->node.rack = "left";
    begin(fixture);
    take_part(fixture);
    node = read_node(fixture, &block);
    assert_string_equal(node->rack, "left");
    heap_free(fixture->seam->heap, block);
}

/* Decision 0006: who stands there may still be alive. */
static void an_older_registration_is_waited_for(void **state)
{
    struct fixture *fixture = *state;
    struct registration *registration = &fixture->registration;

    begin(fixture);
    scripted_put(fixture->coord, ID_PATH, bytes_of_string("older"));
    scripted_own(fixture->coord, ID_PATH, SCRIPTED_SESSION + 1);
    take_part(fixture);
    assert_int_equal(registration->step, REGISTRATION_WAITING);
    registration->watch.fire(&registration->watch); /* it was only changed */
    scripted_answer_all(fixture->coord);
    assert_int_equal(fixture->registered, 0);
    assert_int_equal(registration->step, REGISTRATION_WAITING);
    scripted_remove(fixture->coord, ID_PATH);
    registration->watch.fire(&registration->watch);
    scripted_answer_all(fixture->coord);
    assert_int_equal(fixture->registered, 1);
    registration->watch.fire(&registration->watch); /* too late */
    assert_false(scripted_answer(fixture->coord));
}

static void what_changed_is_told_behind_what_is_being_told(void **state)
{
    struct fixture *fixture = *state;
    Kq__BrokerNode *node;
    void *block;

    begin(fixture);
    take_part(fixture);
    registration_update(&fixture->registration);
    assert_true(scripted_answer(fixture->coord)); /* it looked */
    fixture->node.leaving = true;
    registration_update(&fixture->registration); /* as it is being written */
    scripted_answer_all(fixture->coord);
    if (timer_running(&fixture->registration.retry))
        retry(fixture);
    assert_false(fixture->registration.stale);
    assert_int_equal(fixture->version, 2);
    node = read_node(fixture, &block);
    assert_true(node->leaving);
    heap_free(fixture->seam->heap, block);
}

static void what_was_perhaps_not_told_is_told_again(void **state)
{
    struct fixture *fixture = *state;
    unsigned told;

    begin(fixture);
    take_part(fixture);
    told = fixture->told;
    registration_update(&fixture->registration);
    assert_true(scripted_answer(fixture->coord));
    scripted_fail(fixture->coord, ID_PATH, ERROR_OUTCOME_UNKNOWN);
    scripted_answer_all(fixture->coord); /* the write */
    assert_int_equal(fixture->told, told);
    retry(fixture); /* nor can it be read */
    assert_int_equal(fixture->told, told);
    scripted_fail(fixture->coord, "", ERROR_NONE);
    retry(fixture);
    assert_int_equal(fixture->told, told + 1);
    assert_int_equal(fixture->version, 1);
}

/* Its session is over, though nobody has said so yet. */
static void nothing_is_told_in_the_place_of_another(void **state)
{
    struct fixture *fixture = *state;
    unsigned told;

    begin(fixture);
    take_part(fixture);
    told = fixture->told;
    scripted_put(fixture->coord, ID_PATH, bytes_of_string("another"));
    scripted_own(fixture->coord, ID_PATH, SCRIPTED_SESSION + 1);
    registration_update(&fixture->registration);
    scripted_answer_all(fixture->coord);
    retry(fixture);
    assert_int_equal(fixture->told, told);
    assert_int_equal(scripted_get(fixture->coord, ID_PATH).size,
                     strlen("another"));
}

/* Whatever a session asked is nothing to the next one. */
static void what_an_older_session_asked_does_not_count(void **state)
{
    struct fixture *fixture = *state;
    struct registration *registration = &fixture->registration;

    registration_begin(registration);
    registration_stop(registration);
    scripted_answer_all(fixture->coord);
    assert_int_equal(fixture->known, 0);
    assert_false(timer_running(&registration->retry));
    registration_register(registration, &fixture->node); /* too late, too */
    assert_false(scripted_answer(fixture->coord));
    registration_begin(registration);
    scripted_answer_all(fixture->coord);
    assert_int_equal(fixture->known, 1);
    registration_register(registration, &fixture->node);
    registration_stop(registration);
    registration_begin(registration); /* before the answer has come */
    scripted_answer_all(fixture->coord);
    assert_int_equal(fixture->registered, 0);
    retry(fixture);
    assert_int_equal(fixture->known, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_new_cluster_is_made_whole),
        TEST(another_broker_may_make_it_first),
        TEST(a_cluster_without_its_id_waits_for_it),
        TEST(a_damaged_id_is_waited_for),
        TEST(what_could_not_be_asked_is_asked_again),
        TEST(it_is_registered_once),
        TEST(a_rack_is_told),
        TEST(an_older_registration_is_waited_for),
        TEST(what_changed_is_told_behind_what_is_being_told),
        TEST(what_was_perhaps_not_told_is_told_again),
        TEST(nothing_is_told_in_the_place_of_another),
        TEST(what_an_older_session_asked_does_not_count),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
