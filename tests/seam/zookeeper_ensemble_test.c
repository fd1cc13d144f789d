/* SPDX-License-Identifier: Apache-2.0
 *
 * What the simulated ensemble does that cannot be had on demand from a real
 * one: lost requests and answers, stale reads, expiry noticed late, servers
 * that move sessions, lose their quorum, crash.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/seam/zookeeper_caller.h"
#include "tests/seam/zookeeper_sim.h"

#define TIMEOUT_MS 4000

struct bench {
    struct place *place;
    struct world *world;
    struct caller one;
    struct caller two;
};

static void bench_open(struct bench *bench, uint64_t seed)
{
    memset(bench, 0, sizeof *bench);
    bench->place = place_new(3, seed);
    bench->world = place_world(bench->place);
    caller_open(&bench->one, bench->place, 0, TIMEOUT_MS);
    caller_open(&bench->two, bench->place, 1, TIMEOUT_MS);
}

static int set_up(void **state)
{
    static struct bench bench;

    bench_open(&bench, 7);
    *state = &bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    assert_null(world_assertion(bench->world));
    place_free(bench->place);
    return 0;
}

static void fault(struct bench *bench, enum fault_point point, unsigned client,
                  uint64_t nth)
{
    struct world_fault rule = {.point = point,
                               .node = place_node(bench->place, client),
                               .nth = nth,
                               .until_us = INT64_MAX};

    world_add_fault(bench->world, &rule);
}

static const char *server_name(unsigned i)
{
    static const char *const names[] = {"z1", "z2", "z3"};

    return names[i];
}

/* Cuts a client from all servers but one ("": from all). */
static void leave_only(struct bench *bench, unsigned client, const char *server)
{
    const char *name = node_name(place_node(bench->place, client));

    for (unsigned i = 0; i < 3; i++) {
        world_heal(bench->world, name, server_name(i));
        if (strcmp(server_name(i), server) != 0)
            world_cut(bench->world, name, server_name(i), false);
    }
}

/* Begins anew, with one server only. */
static void open_at(struct bench *bench, struct caller *caller,
                    const char *hosts)
{
    unsigned client = caller->client;

    caller_close(caller);
    caller_open_at(caller, bench->place, client, TIMEOUT_MS, hosts);
}

/* ---- lost on the way ---- */

static void a_lost_request_was_not_carried_out(void **state)
{
    struct bench *bench = *state;
    struct answer answer;

    fault(bench, FAULT_ZOOKEEPER_LOSE_REQUEST, 0, 1);
    assert_int_equal(caller_create(&bench->one, "/a", "", 0), ZCONNECTIONLOSS);
    assert_true(
        caller_wait_state(&bench->one, ZOO_CONNECTED_STATE, CALLER_WAIT_MS));
    assert_int_equal(bench->one.connected, 2);
    place_pass(bench->place, 1000);
    caller_sync(&bench->two);
    assert_int_equal(caller_exists(&bench->two, "/a", 0, &answer), ZNONODE);
}

static void a_lost_answer_was_carried_out(void **state)
{
    struct bench *bench = *state;
    struct answer answer;

    fault(bench, FAULT_ZOOKEEPER_LOSE_ANSWER, 0, 1);
    assert_int_equal(caller_create(&bench->one, "/a", "", ZOO_EPHEMERAL),
                     ZCONNECTIONLOSS);
    assert_true(
        caller_wait_state(&bench->one, ZOO_CONNECTED_STATE, CALLER_WAIT_MS));
    caller_sync(&bench->one);
    assert_int_equal(caller_exists(&bench->one, "/a", 0, &answer), ZOK);
    assert_true(answer.stat.ephemeralOwner == bench->one.id.client_id);
}

static void all_that_is_outstanding_fails_in_order(void **state)
{
    struct bench *bench = *state;
    struct request request = request_of(VERB_CREATE, "/a", "", ZOO_EPHEMERAL);
    struct answer answers[5];
    int connecting_at = bench->one.answers;

    fault(bench, FAULT_ZOOKEEPER_LOSE_ANSWER, 0, 1);
    for (int i = 0; i < 5; i++)
        assert_int_equal(caller_send(&bench->one, &request, &answers[i]), ZOK);
    assert_true(caller_wait_state(&bench->one, ZOO_CONNECTING_STATE, 5000));
    for (int i = 0; i < 5; i++) {
        assert_true(caller_wait(&answers[i], 5000));
        assert_int_equal(answers[i].rc, ZCONNECTIONLOSS);
        assert_int_equal(answers[i].order, connecting_at + i);
    }
}

static void a_delayed_answer_comes(void **state)
{
    struct bench *bench = *state;
    int64_t before = world_now_us(bench->world);
    bool late = false;

    for (uint64_t i = 1; i <= 5; i++) {
        fault(bench, FAULT_ZOOKEEPER_DELAY, 0, i);
        assert_int_equal(caller_set(&bench->one, "/", "", -1), ZOK);
        late = late || world_now_us(bench->world) - before > 100000;
        before = world_now_us(bench->world);
    }
    assert_true(late);
}

static void a_fault_expires_the_session(void **state)
{
    struct bench *bench = *state;

    fault(bench, FAULT_ZOOKEEPER_EXPIRE, 0, 1);
    assert_int_not_equal(caller_set(&bench->one, "/", "", -1), ZOK);
    assert_true(caller_wait_state(&bench->one, ZOO_EXPIRED_SESSION_STATE,
                                  CALLER_WAIT_MS));
}

/* ---- stale reads ---- */

static void a_follower_may_be_behind_and_not_after_a_sync(void **state)
{
    struct bench *bench = *state;
    struct request sync = request_of(VERB_SYNC, "/", NULL, 0);
    struct answer answer;
    struct answer synced;

    open_at(bench, &bench->two, "z1:2181");
    open_at(bench, &bench->one, "z3:2181");
    caller_create(&bench->one, "/a", "old", 0);
    place_pass(bench->place, 500);
    world_cut(bench->world, "z1", "z3", false);
    assert_int_equal(caller_set(&bench->one, "/a", "new", 0), ZOK);
    place_pass(bench->place, 500);
    assert_int_equal(caller_get(&bench->two, "/a", 0, &answer), ZOK);
    assert_string_equal(answer.data, "old");
    assert_int_equal(caller_send(&bench->two, &sync, &synced), ZOK);
    assert_false(caller_wait(&synced, 300));
    world_heal(bench->world, "z1", "z3");
    assert_true(caller_wait(&synced, 5000));
    assert_int_equal(synced.rc, ZOK);
    assert_int_equal(caller_get(&bench->two, "/a", 0, &answer), ZOK);
    assert_string_equal(answer.data, "new");
}

static void followers_lag_by_themselves(void **state)
{
    struct bench *bench = *state;
    struct answer answer;
    int stale = 0;

    open_at(bench, &bench->two, "z1:2181");
    open_at(bench, &bench->one, "z3:2181");
    caller_create(&bench->one, "/a", "", 0);
    for (int i = 0; i < 50; i++) {
        caller_set(&bench->one, "/a", "", -1);
        caller_get(&bench->two, "/a", 0, &answer);
        stale += answer.stat.version != i + 1;
        caller_sync(&bench->two);
        caller_get(&bench->two, "/a", 0, &answer);
        assert_int_equal(answer.stat.version, i + 1);
    }
    assert_true(stale > 0);
    assert_true(stale < 50);
}

/* ---- sessions ---- */

static void a_client_that_is_cut_off_learns_late_that_it_expired(void **state)
{
    struct bench *bench = *state;
    int64_t cut_at = world_now_us(bench->world);
    struct answer answer;

    caller_create(&bench->one, "/e", "", ZOO_EPHEMERAL);
    caller_exists(&bench->two, "/e", 1, &answer);
    leave_only(bench, 0, "");
    assert_true(caller_wait_state(&bench->one, ZOO_CONNECTING_STATE, 4000));
    assert_true(world_now_us(bench->world) - cut_at >= 2 * 2600000 / 3);
    assert_int_equal(bench->two.event_count, 0);
    assert_true(caller_wait_events(&bench->two, 1, 6000));
    assert_int_equal(bench->two.events[0].type, ZOO_DELETED_EVENT);
    assert_true(world_now_us(bench->world) - cut_at >= 4000000);
    place_pass(bench->place, 20000);
    assert_int_equal(bench->one.state, ZOO_CONNECTING_STATE);
    world_heal_all(bench->world);
    assert_true(
        caller_wait_state(&bench->one, ZOO_EXPIRED_SESSION_STATE, 10000));
}

static void a_session_moves_to_another_server_and_lives(void **state)
{
    struct bench *bench = *state;
    int64_t id = bench->one.id.client_id;
    struct answer answer;

    caller_create(&bench->one, "/e", "", ZOO_EPHEMERAL);
    for (unsigned i = 1; i <= 6; i++) {
        world_zookeeper_crash(bench->world, 1 + i % 3);
        place_pass(bench->place, 3000);
        assert_int_equal(bench->one.state, ZOO_CONNECTED_STATE);
        world_zookeeper_start(bench->world, 1 + i % 3);
        place_pass(bench->place, 1000);
    }
    assert_true(bench->one.connected > 2);
    assert_true(bench->one.id.client_id == id);
    caller_sync(&bench->two);
    assert_int_equal(caller_exists(&bench->two, "/e", 0, &answer), ZOK);
}

/* A write under way when its client moves on is carried out or refused, and
 * not after the session has gone on elsewhere. */
static void a_write_of_an_old_connection_comes_too_late(void **state)
{
    struct bench *bench = *state;
    struct request request = request_of(VERB_CREATE, "/late", "", 0);
    struct answer answer;

    world_cut(bench->world, "c1", "z2", false);
    open_at(bench, &bench->one, "z1:2181,z2:2181");
    world_heal_all(bench->world);
    world_cut(bench->world, "c1", "z1", false);
    assert_int_equal(caller_send(&bench->one, &request, &answer), ZOK);
    assert_true(caller_wait(&answer, 10000));
    assert_int_equal(answer.rc, ZOPERATIONTIMEOUT);
    assert_true(caller_wait_state(&bench->one, ZOO_CONNECTED_STATE, 20000));
    world_heal_all(bench->world);
    place_pass(bench->place, 2000);
    caller_sync(&bench->two);
    assert_int_equal(caller_exists(&bench->two, "/late", 0, &answer), ZNONODE);
}

static void a_paused_node_loses_its_session_and_hears_of_it_later(void **state)
{
    struct bench *bench = *state;
    struct answer answer;

    caller_create(&bench->one, "/e", "", ZOO_EPHEMERAL);
    node_pause(place_node(bench->place, 0));
    place_pass(bench->place, 6000);
    assert_int_equal(bench->one.state, ZOO_CONNECTED_STATE);
    caller_sync(&bench->two);
    assert_int_equal(caller_exists(&bench->two, "/e", 0, &answer), ZNONODE);
    node_resume(place_node(bench->place, 0));
    assert_true(
        caller_wait_state(&bench->one, ZOO_EXPIRED_SESSION_STATE, 10000));
}

static void a_short_pause_costs_nothing(void **state)
{
    struct bench *bench = *state;

    node_pause(place_node(bench->place, 0));
    place_pass(bench->place, 2500);
    node_resume(place_node(bench->place, 0));
    place_pass(bench->place, 3000);
    assert_int_equal(bench->one.connected, 1);
    assert_int_equal(caller_set(&bench->one, "/", "", -1), ZOK);
}

static void a_killed_process_leaves_its_session_behind(void **state)
{
    struct bench *bench = *state;
    struct answer answer;

    caller_create(&bench->one, "/e", "", ZOO_EPHEMERAL);
    caller_exists(&bench->two, "/e", 1, &answer);
    node_crash(place_node(bench->place, 0), NODE_CRASH_PROCESS);
    place_pass(bench->place, 2000);
    assert_int_equal(caller_exists(&bench->two, "/e", 0, &answer), ZOK);
    node_start(place_node(bench->place, 0));
    caller_open(&bench->one, bench->place, 0, TIMEOUT_MS);
    assert_int_equal(caller_create(&bench->one, "/e", "", ZOO_EPHEMERAL),
                     ZNODEEXISTS);
    assert_true(caller_wait_events(&bench->two, 1, 5000));
    assert_int_equal(caller_create(&bench->one, "/e", "", ZOO_EPHEMERAL), ZOK);
}

/* ---- watches ---- */

static void watches_are_set_again_on_a_new_connection(void **state)
{
    struct bench *bench = *state;
    struct answer answer;

    caller_create(&bench->one, "/a", "", 0);
    caller_create(&bench->one, "/b", "", 0);
    caller_sync(&bench->two);
    caller_get(&bench->two, "/a", 1, &answer);
    caller_get(&bench->two, "/b", 2, &answer);
    caller_exists(&bench->two, "/c", 3, &answer);
    caller_children(&bench->two, "/", 4, &answer);
    leave_only(bench, 1, "");
    assert_true(caller_wait_state(&bench->two, ZOO_CONNECTING_STATE, 4000));
    caller_set(&bench->one, "/a", "changed", 0);
    caller_create(&bench->one, "/c", "", 0);
    world_heal_all(bench->world);
    assert_true(caller_wait_events(&bench->two, 3, 10000));
    place_pass(bench->place, 1000);
    assert_int_equal(bench->two.event_count, 3);
    assert_int_equal(bench->two.events[0].type, ZOO_CHANGED_EVENT);
    assert_int_equal(bench->two.events[1].type, ZOO_CREATED_EVENT);
    assert_int_equal(bench->two.events[2].type, ZOO_CHILD_EVENT);
    caller_delete(&bench->one, "/b", -1);
    assert_true(caller_wait_events(&bench->two, 4, 5000));
    assert_int_equal(bench->two.events[3].tag, 2);
    assert_int_equal(bench->two.events[3].type, ZOO_DELETED_EVENT);
}

/* ---- servers ---- */

static void without_a_quorum_nothing_is_written(void **state)
{
    struct bench *bench = *state;
    struct request request = request_of(VERB_CREATE, "/a", "", 0);
    struct answer answer;

    caller_create(&bench->one, "/e", "", ZOO_EPHEMERAL);
    world_zookeeper_crash(bench->world, 1);
    world_zookeeper_crash(bench->world, 2);
    caller_send(&bench->one, &request, &answer);
    assert_true(caller_wait(&answer, 20000));
    assert_int_not_equal(answer.rc, ZOK);
    place_pass(bench->place, 20000);
    assert_int_not_equal(bench->one.state, ZOO_CONNECTED_STATE);
    assert_int_not_equal(bench->one.state, ZOO_EXPIRED_SESSION_STATE);
    world_zookeeper_start(bench->world, 1);
    assert_true(caller_wait_state(&bench->one, ZOO_CONNECTED_STATE, 20000));
    assert_int_equal(caller_exists(&bench->one, "/e", 0, &answer), ZOK);
    assert_int_equal(caller_create(&bench->one, "/b", "", 0), ZOK);
}

static void another_leader_takes_over_and_forgets_nothing(void **state)
{
    struct bench *bench = *state;
    struct answer before;
    struct answer after;
    int64_t id = bench->one.id.client_id;

    caller_create(&bench->one, "/a", "", 0);
    caller_exists(&bench->one, "/a", 0, &before);
    world_zookeeper_crash(bench->world, 3);
    place_pass(bench->place, 5000);
    assert_true(caller_wait_state(&bench->one, ZOO_CONNECTED_STATE, 10000));
    assert_int_equal(caller_create(&bench->one, "/b", "", 0), ZOK);
    caller_exists(&bench->one, "/b", 0, &after);
    assert_true(after.stat.czxid >> 32 > before.stat.czxid >> 32);
    assert_int_equal(caller_exists(&bench->one, "/a", 0, &after), ZOK);
    assert_true(bench->one.id.client_id == id);
    world_zookeeper_start(bench->world, 3);
    place_pass(bench->place, 2000);
    open_at(bench, &bench->one, "z3:2181");
    assert_int_equal(caller_exists(&bench->one, "/b", 0, &after), ZOK);
}

static void a_leader_that_is_cut_off_is_replaced(void **state)
{
    struct bench *bench = *state;
    struct request request = request_of(VERB_CREATE, "/old", "", 0);
    struct answer answer;

    open_at(bench, &bench->one, "z3:2181");
    world_cut(bench->world, "z3", "z1", false);
    world_cut(bench->world, "z3", "z2", false);
    caller_send(&bench->one, &request, &answer);
    assert_true(caller_wait(&answer, 10000));
    assert_int_not_equal(answer.rc, ZOK);
    open_at(bench, &bench->one, "z1:2181");
    assert_int_equal(caller_create(&bench->one, "/new", "", 0), ZOK);
    world_heal_all(bench->world);
    place_pass(bench->place, 5000);
    open_at(bench, &bench->two, "z3:2181");
    caller_sync(&bench->two);
    assert_int_equal(caller_exists(&bench->two, "/new", 0, &answer), ZOK);
    assert_int_equal(caller_exists(&bench->two, "/old", 0, &answer), ZNONODE);
}

static void a_one_way_cut_is_a_cut(void **state)
{
    struct bench *bench = *state;

    for (unsigned i = 0; i < 3; i++)
        world_cut(bench->world, server_name(i), "c1", true);
    assert_true(caller_wait_state(&bench->one, ZOO_CONNECTING_STATE, 5000));
    world_heal_all(bench->world);
    assert_true(caller_wait_state(&bench->one, ZOO_CONNECTED_STATE, 10000));
}

/* ---- determinism ---- */

static uint64_t hash_of(uint64_t seed)
{
    struct bench bench;
    struct answer answer;
    uint64_t hash;

    bench_open(&bench, seed);
    fault(&bench, FAULT_ZOOKEEPER_LOSE_ANSWER, 0, 20);
    for (int i = 0; i < 40; i++) {
        char path[16];

        snprintf(path, sizeof path, "/n%d", i);
        caller_create(&bench.one, path, "", i % 2);
        caller_exists(&bench.two, path, 1 + i, &answer);
        if (i == 10)
            world_zookeeper_crash(bench.world, 3);
        if (i == 30)
            world_zookeeper_start(bench.world, 3);
    }
    caller_close(&bench.one);
    place_pass(bench.place, 10000);
    hash = world_hash(bench.world) + (uint64_t)bench.two.event_count;
    place_free(bench.place);
    return hash;
}

static void the_same_seed_is_the_same_run(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++)
        assert_true(hash_of(seed) == hash_of(seed));
    assert_true(hash_of(1) != hash_of(2));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(a_lost_request_was_not_carried_out),
        TEST(a_lost_answer_was_carried_out),
        TEST(all_that_is_outstanding_fails_in_order),
        TEST(a_delayed_answer_comes),
        TEST(a_fault_expires_the_session),
        TEST(a_follower_may_be_behind_and_not_after_a_sync),
        TEST(followers_lag_by_themselves),
        TEST(a_client_that_is_cut_off_learns_late_that_it_expired),
        TEST(a_session_moves_to_another_server_and_lives),
        TEST(a_write_of_an_old_connection_comes_too_late),
        TEST(a_paused_node_loses_its_session_and_hears_of_it_later),
        TEST(a_short_pause_costs_nothing),
        TEST(a_killed_process_leaves_its_session_behind),
        TEST(watches_are_set_again_on_a_new_connection),
        TEST(without_a_quorum_nothing_is_written),
        TEST(another_leader_takes_over_and_forgets_nothing),
        TEST(a_leader_that_is_cut_off_is_replaced),
        TEST(a_one_way_cut_is_a_cut),
        cmocka_unit_test(the_same_seed_is_the_same_run),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
