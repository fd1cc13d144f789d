/* SPDX-License-Identifier: Apache-2.0
 *
 * What we hold of ZooKeeper, as one suite for the real one and the simulated
 * one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/seam/zookeeper_caller.h"

#define TIMEOUT_MS 4000

/* A place, a client, a second one when wanted, and a path of one's own. */
struct bench {
    struct place *place;
    struct caller one;
    struct caller two;
    char base[32];
    char path[8][CALLER_TEXT_MAX];
    unsigned next_path;
};

static int set_up(void **state)
{
    static struct bench bench;
    static unsigned count;

    memset(&bench, 0, sizeof bench);
    bench.place = place_new(1, ++count);
    caller_open(&bench.one, bench.place, 0, TIMEOUT_MS);
    caller_open(&bench.two, bench.place, 1, TIMEOUT_MS);
    snprintf(bench.base, sizeof bench.base, "/test-%u", count);
    *state = &bench;
    return caller_create(&bench.one, bench.base, NULL, 0);
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    if (bench->one.handle != NULL)
        caller_close(&bench->one);
    if (bench->two.handle != NULL)
        caller_close(&bench->two);
    place_free(bench->place);
    return 0;
}

/* A path under the test's own. */
static const char *under(struct bench *bench, const char *name)
{
    char *path = bench->path[bench->next_path++ % 8];

    snprintf(path, sizeof bench->path[0], "%s/%s", bench->base, name);
    return path;
}

/* ---- znodes ---- */

static void a_znode_is_created_read_set_and_deleted(void **state)
{
    struct bench *bench = *state;
    const char *a = under(bench, "a");
    struct answer answer;

    assert_int_equal(caller_get(&bench->one, a, 0, &answer), ZNONODE);
    assert_int_equal(caller_exists(&bench->one, a, 0, &answer), ZNONODE);
    assert_int_equal(caller_create(&bench->one, a, "first", 0), ZOK);
    assert_int_equal(caller_create(&bench->one, a, "again", 0), ZNODEEXISTS);
    assert_int_equal(caller_get(&bench->one, a, 0, &answer), ZOK);
    assert_string_equal(answer.data, "first");
    assert_int_equal(answer.size, 5);
    assert_int_equal(caller_set(&bench->one, a, "second", 1), ZBADVERSION);
    assert_int_equal(caller_set(&bench->one, a, "second", 0), ZOK);
    assert_int_equal(caller_set(&bench->one, a, "third", -1), ZOK);
    assert_int_equal(caller_get(&bench->one, a, 0, &answer), ZOK);
    assert_string_equal(answer.data, "third");
    assert_int_equal(answer.stat.version, 2);
    assert_int_equal(caller_delete(&bench->one, a, 1), ZBADVERSION);
    assert_int_equal(caller_delete(&bench->one, a, 2), ZOK);
    assert_int_equal(caller_delete(&bench->one, a, -1), ZNONODE);
    assert_int_equal(caller_set(&bench->one, a, "no", -1), ZNONODE);
}

static void a_parent_must_exist_and_one_with_children_stays(void **state)
{
    struct bench *bench = *state;

    assert_int_equal(caller_create(&bench->one, under(bench, "a/b"), "", 0),
                     ZNONODE);
    assert_int_equal(caller_create(&bench->one, under(bench, "a"), "", 0), ZOK);
    assert_int_equal(caller_create(&bench->one, under(bench, "a/b"), "", 0),
                     ZOK);
    assert_int_equal(caller_delete(&bench->one, under(bench, "a"), -1),
                     ZNOTEMPTY);
    assert_int_equal(caller_delete(&bench->one, under(bench, "a/b"), -1), ZOK);
    assert_int_equal(caller_delete(&bench->one, under(bench, "a"), -1), ZOK);
}

static void null_data_and_empty_data_differ(void **state)
{
    struct bench *bench = *state;
    struct answer answer;

    caller_create(&bench->one, under(bench, "null"), NULL, 0);
    caller_create(&bench->one, under(bench, "empty"), "", 0);
    assert_int_equal(caller_get(&bench->one, under(bench, "null"), 0, &answer),
                     ZOK);
    assert_int_equal(answer.size, -1);
    assert_int_equal(answer.stat.dataLength, 0);
    assert_int_equal(caller_get(&bench->one, under(bench, "empty"), 0, &answer),
                     ZOK);
    assert_int_equal(answer.size, 0);
}

static void children_are_listed(void **state)
{
    struct bench *bench = *state;
    struct answer answer;

    for (int i = 9; i >= 0; i--) {
        char name[16];

        snprintf(name, sizeof name, "n%d", i);
        caller_create(&bench->one, under(bench, name), "", 0);
    }
    caller_create(&bench->one, under(bench, "n1/deep"), "", 0);
    assert_int_equal(caller_children(&bench->two, bench->base, 0, &answer),
                     ZOK);
    assert_int_equal(answer.child_count, 10);
    assert_string_equal(answer.children[0], "n0");
    assert_string_equal(answer.children[9], "n9");
    assert_int_equal(
        caller_children(&bench->two, under(bench, "n2"), 0, &answer), ZOK);
    assert_int_equal(answer.child_count, 0);
    assert_int_equal(
        caller_children(&bench->two, under(bench, "x"), 0, &answer), ZNONODE);
}

static void a_stat_tells_of_versions_and_transactions(void **state)
{
    struct bench *bench = *state;
    const char *a = under(bench, "a");
    struct Stat created;
    struct answer answer;

    caller_create(&bench->one, a, "12345", 0);
    caller_exists(&bench->one, a, 0, &answer);
    created = answer.stat;
    assert_true(created.czxid > 0);
    assert_true(created.mzxid == created.czxid);
    assert_true(created.pzxid == created.czxid);
    assert_int_equal(created.version, 0);
    assert_int_equal(created.cversion, 0);
    assert_int_equal(created.aversion, 0);
    assert_int_equal(created.dataLength, 5);
    assert_int_equal(created.numChildren, 0);
    assert_true(created.ephemeralOwner == 0);
    caller_set(&bench->one, a, "1", 0);
    caller_create(&bench->one, under(bench, "a/b"), "", 0);
    caller_create(&bench->one, under(bench, "a/c"), "", 0);
    caller_delete(&bench->one, under(bench, "a/b"), -1);
    caller_set(&bench->one, under(bench, "a/c"), "x", -1);
    caller_exists(&bench->one, a, 0, &answer);
    assert_true(answer.stat.czxid == created.czxid);
    assert_true(answer.stat.mzxid > created.mzxid);
    assert_true(answer.stat.pzxid > answer.stat.mzxid);
    assert_int_equal(answer.stat.version, 1);
    assert_int_equal(answer.stat.cversion, 3);
    assert_int_equal(answer.stat.dataLength, 1);
    assert_int_equal(answer.stat.numChildren, 1);
}

static void a_failed_write_takes_a_zxid(void **state)
{
    struct bench *bench = *state;
    struct answer first;
    struct answer second;

    caller_create(&bench->one, under(bench, "a"), "", 0);
    caller_exists(&bench->one, under(bench, "a"), 0, &first);
    caller_create(&bench->one, under(bench, "a"), "", 0);
    caller_create(&bench->one, under(bench, "b"), "", 0);
    caller_exists(&bench->one, under(bench, "b"), 0, &second);
    assert_int_equal(second.stat.czxid - first.stat.czxid, 2);
}

static void sequences_count_the_creations(void **state)
{
    struct bench *bench = *state;
    struct request request = request_of(VERB_CREATE, under(bench, "s-"), "", 0);
    char expected[CALLER_TEXT_MAX];
    struct answer answer;

    caller_create(&bench->one, under(bench, "a"), "", 0);
    caller_delete(&bench->one, under(bench, "a"), -1);
    request.flags = ZOO_SEQUENCE;
    assert_int_equal(caller_do(&bench->one, &request, &answer), ZOK);
    snprintf(expected, sizeof expected, "%s/s-0000000001", bench->base);
    assert_string_equal(answer.path, expected);
}

static void bad_paths_are_refused_at_once(void **state)
{
    static const char *const bad[] = {"",        "a",     "/a/", "//a",
                                      "/a//b",   "/./a",  "/..", "/a/.",
                                      "/a/../b", "/a\x01"};
    struct bench *bench = *state;
    struct answer answer;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct request request = request_of(VERB_EXISTS, bad[i], NULL, 0);

        assert_int_equal(caller_send(&bench->one, &request, &answer),
                         ZBADARGUMENTS);
    }
    assert_int_equal(caller_create(&bench->one, under(bench, "a..b"), "", 0),
                     ZOK);
    assert_int_equal(caller_create(&bench->one, under(bench, "..."), "", 0),
                     ZOK);
    assert_int_equal(caller_delete(&bench->one, "/", -1), ZBADARGUMENTS);
}

/* ---- ephemerals ---- */

static void ephemerals_go_with_a_closed_session(void **state)
{
    struct bench *bench = *state;
    const char *e = under(bench, "e");
    struct answer answer;

    assert_int_equal(caller_create(&bench->one, e, "mine", ZOO_EPHEMERAL), ZOK);
    assert_int_equal(caller_create(&bench->one, under(bench, "e/x"), "", 0),
                     ZNOCHILDRENFOREPHEMERALS);
    assert_int_equal(caller_exists(&bench->two, e, 1, &answer), ZOK);
    assert_true(answer.stat.ephemeralOwner == bench->one.id.client_id);
    assert_true(answer.stat.ephemeralOwner != 0);
    caller_close(&bench->one);
    assert_true(caller_wait_events(&bench->two, 1, CALLER_WAIT_MS));
    assert_int_equal(bench->two.events[0].type, ZOO_DELETED_EVENT);
    assert_int_equal(caller_exists(&bench->two, e, 0, &answer), ZNONODE);
}

static void ephemerals_go_with_an_expired_session(void **state)
{
    struct bench *bench = *state;
    struct request request = request_of(VERB_GET, "/", NULL, 0);
    const char *e = under(bench, "e");
    struct answer answer;

    caller_create(&bench->one, e, "", ZOO_EPHEMERAL);
    caller_get(&bench->one, bench->base, 2, &answer);
    caller_exists(&bench->two, e, 1, &answer);
    place_expire(bench->place, 0, &bench->one.id);
    assert_true(caller_wait_events(&bench->two, 1, CALLER_WAIT_MS));
    assert_int_equal(caller_exists(&bench->two, e, 0, &answer), ZNONODE);
    assert_true(caller_wait_state(&bench->one, ZOO_EXPIRED_SESSION_STATE,
                                  CALLER_WAIT_MS));
    assert_int_equal(zoo_state(bench->one.handle), ZOO_EXPIRED_SESSION_STATE);
    assert_int_not_equal(is_unrecoverable(bench->one.handle), 0);
    assert_int_equal(caller_send(&bench->one, &request, &answer),
                     ZINVALIDSTATE);
    assert_true(bench->one.session_events_of_watches > 0);
    caller_close(&bench->one);
    caller_open(&bench->one, bench->place, 0, TIMEOUT_MS);
    assert_int_equal(caller_create(&bench->one, e, "", ZOO_EPHEMERAL), ZOK);
}

static void a_multi_on_an_expired_handle_is_a_marshalling_error(void **state)
{
    struct bench *bench = *state;
    struct request op = request_of(VERB_CHECK, "/", NULL, -1);
    struct request request = {.verb = VERB_MULTI, .ops = &op, .op_count = 1};
    struct answer answer;

    place_expire(bench->place, 0, &bench->one.id);
    assert_true(caller_wait_state(&bench->one, ZOO_EXPIRED_SESSION_STATE,
                                  CALLER_WAIT_MS));
    assert_int_equal(caller_send(&bench->one, &request, &answer),
                     ZMARSHALLINGERROR);
}

static void the_timeout_is_clamped(void **state)
{
    static const int asked[] = {10, 400, 5000, 60000, 600000};
    static const int given[] = {400, 400, 5000, 60000, 60000};
    struct bench *bench = *state;

    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        struct caller caller;

        caller_open(&caller, bench->place, 2, asked[i]);
        assert_int_equal(caller.timeout_ms, given[i]);
        caller_close(&caller);
    }
}

/* ---- watches ---- */

static void a_data_watch_fires_once(void **state)
{
    struct bench *bench = *state;
    const char *a = under(bench, "a");
    struct answer answer;

    caller_create(&bench->one, a, "", 0);
    assert_int_equal(caller_get(&bench->two, a, 1, &answer), ZOK);
    assert_int_equal(caller_get(&bench->two, a, 1, &answer), ZOK);
    caller_set(&bench->one, a, "1", -1);
    caller_set(&bench->one, a, "2", -1);
    caller_delete(&bench->one, a, -1);
    assert_true(caller_wait_events(&bench->two, 1, CALLER_WAIT_MS));
    caller_sync(&bench->two);
    assert_int_equal(bench->two.event_count, 1);
    assert_int_equal(bench->two.events[0].type, ZOO_CHANGED_EVENT);
    assert_int_equal(bench->two.events[0].state, ZOO_CONNECTED_STATE);
    assert_string_equal(bench->two.events[0].path, a);
}

static void an_exists_watch_sees_the_creation(void **state)
{
    struct bench *bench = *state;
    const char *a = under(bench, "a");
    struct answer answer;

    assert_int_equal(caller_get(&bench->two, a, 1, &answer), ZNONODE);
    assert_int_equal(caller_exists(&bench->two, a, 2, &answer), ZNONODE);
    caller_create(&bench->one, a, "", 0);
    assert_true(caller_wait_events(&bench->two, 1, CALLER_WAIT_MS));
    caller_sync(&bench->two);
    assert_int_equal(bench->two.event_count, 1);
    assert_int_equal(bench->two.events[0].tag, 2);
    assert_int_equal(bench->two.events[0].type, ZOO_CREATED_EVENT);
}

static void a_child_watch_sees_creation_and_deletion_not_data(void **state)
{
    struct bench *bench = *state;
    struct answer answer;

    caller_children(&bench->two, bench->base, 1, &answer);
    caller_create(&bench->one, under(bench, "a"), "", 0);
    assert_true(caller_wait_events(&bench->two, 1, CALLER_WAIT_MS));
    assert_int_equal(bench->two.events[0].type, ZOO_CHILD_EVENT);
    assert_string_equal(bench->two.events[0].path, bench->base);
    caller_children(&bench->two, bench->base, 1, &answer);
    caller_set(&bench->one, under(bench, "a"), "x", -1);
    caller_create(&bench->one, under(bench, "a/b"), "", 0);
    caller_sync(&bench->two);
    assert_int_equal(bench->two.event_count, 1);
    caller_delete(&bench->one, under(bench, "a/b"), -1);
    caller_delete(&bench->one, under(bench, "a"), -1);
    assert_true(caller_wait_events(&bench->two, 2, CALLER_WAIT_MS));
    assert_int_equal(bench->two.events[1].type, ZOO_CHILD_EVENT);
}

static void a_deletion_reaches_each_watcher_once(void **state)
{
    struct bench *bench = *state;
    const char *a = under(bench, "a");
    struct answer answer;

    caller_create(&bench->one, a, "", 0);
    caller_get(&bench->two, a, 1, &answer);
    caller_children(&bench->two, a, 1, &answer);
    caller_children(&bench->two, a, 2, &answer);
    caller_exists(&bench->two, a, 3, &answer);
    caller_delete(&bench->one, a, -1);
    assert_true(caller_wait_events(&bench->two, 3, CALLER_WAIT_MS));
    caller_sync(&bench->two);
    assert_int_equal(bench->two.event_count, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(bench->two.events[i].type, ZOO_DELETED_EVENT);
}

static void a_watch_fires_before_the_write_is_answered(void **state)
{
    struct bench *bench = *state;
    const char *a = under(bench, "a");
    struct answer answer;

    caller_exists(&bench->one, a, 1, &answer);
    caller_create(&bench->one, a, "", 0);
    assert_int_equal(bench->one.event_count, 1);
}

/* ---- multi ---- */

static void a_multi_does_all(void **state)
{
    struct bench *bench = *state;
    struct request ops[5];
    struct request request = {.verb = VERB_MULTI, .ops = ops, .op_count = 5};
    struct answer before;
    struct answer answer;

    caller_create(&bench->one, under(bench, "old"), "", 0);
    ops[0] = request_of(VERB_CHECK, under(bench, "old"), NULL, 0);
    ops[1] = request_of(VERB_CREATE, under(bench, "a"), "1", 0);
    ops[2] = request_of(VERB_CREATE, under(bench, "a/b"), "2", 0);
    ops[3] = request_of(VERB_SET, under(bench, "a"), "three", 0);
    ops[4] = request_of(VERB_DELETE, under(bench, "old"), NULL, 0);
    assert_int_equal(caller_do(&bench->one, &request, &answer), ZOK);
    for (int i = 0; i < 5; i++)
        assert_int_equal(answer.results[i].err, ZOK);
    assert_string_equal(answer.paths[1], under(bench, "a"));
    assert_int_equal(answer.stats[3].version, 1);
    assert_int_equal(answer.stats[3].numChildren, 1);
    before = answer;
    caller_exists(&bench->two, under(bench, "a/b"), 0, &answer);
    caller_sync(&bench->two);
    caller_exists(&bench->two, under(bench, "a/b"), 0, &answer);
    assert_true(answer.stat.czxid == before.stats[3].mzxid);
    assert_int_equal(
        caller_exists(&bench->two, under(bench, "old"), 0, &answer), ZNONODE);
}

static void a_multi_that_fails_does_nothing(void **state)
{
    struct bench *bench = *state;
    struct request ops[4];
    struct request request = {.verb = VERB_MULTI, .ops = ops, .op_count = 4};
    struct answer answer;

    caller_create(&bench->one, under(bench, "v"), "", 0);
    caller_exists(&bench->two, under(bench, "a"), 1, &answer);
    ops[0] = request_of(VERB_CREATE, under(bench, "a"), "", 0);
    ops[1] = request_of(VERB_SET, under(bench, "v"), "changed", 0);
    ops[2] = request_of(VERB_CHECK, under(bench, "v"), NULL, 7);
    ops[3] = request_of(VERB_CREATE, under(bench, "b"), "", 0);
    assert_int_equal(caller_do(&bench->one, &request, &answer), ZBADVERSION);
    assert_int_equal(answer.results[0].err, ZOK);
    assert_int_equal(answer.results[1].err, ZOK);
    assert_int_equal(answer.results[2].err, ZBADVERSION);
    assert_int_equal(answer.results[3].err, ZRUNTIMEINCONSISTENCY);
    ops[2] = request_of(VERB_DELETE, under(bench, "none"), NULL, -1);
    assert_int_equal(caller_do(&bench->one, &request, &answer), ZNONODE);
    ops[0] = request_of(VERB_CREATE, under(bench, "v"), "", 0);
    assert_int_equal(caller_do(&bench->one, &request, &answer), ZNODEEXISTS);
    assert_int_equal(answer.results[0].err, ZNODEEXISTS);
    assert_int_equal(answer.results[1].err, ZRUNTIMEINCONSISTENCY);
    caller_sync(&bench->two);
    assert_int_equal(caller_exists(&bench->two, under(bench, "a"), 0, &answer),
                     ZNONODE);
    assert_int_equal(caller_get(&bench->two, under(bench, "v"), 0, &answer),
                     ZOK);
    assert_int_equal(answer.stat.version, 0);
    assert_int_equal(bench->two.event_count, 0);
}

/* ---- order and connections ---- */

static void a_sync_shows_what_was_committed_before(void **state)
{
    struct bench *bench = *state;
    struct answer answer;

    for (int i = 0; i < 20; i++) {
        char name[16];

        snprintf(name, sizeof name, "n%d", i);
        caller_create(&bench->one, under(bench, name), "", 0);
        assert_int_equal(caller_sync(&bench->two), ZOK);
        assert_int_equal(
            caller_exists(&bench->two, under(bench, name), 0, &answer), ZOK);
    }
}

static void answers_come_in_the_order_of_asking(void **state)
{
    struct bench *bench = *state;
    struct request write = request_of(VERB_SET, under(bench, "a"), "x", -1);
    struct request read = request_of(VERB_GET, under(bench, "a"), NULL, 0);
    struct request sync = request_of(VERB_SYNC, under(bench, "a"), NULL, 0);
    struct answer answers[30];
    int first;

    caller_create(&bench->one, under(bench, "a"), "", 0);
    first = bench->one.answers;
    for (int i = 0; i < 30; i++)
        assert_int_equal(caller_send(&bench->one,
                                     i % 3 == 0   ? &write
                                     : i % 3 == 1 ? &read
                                                  : &sync,
                                     &answers[i]),
                         ZOK);
    for (int i = 0; i < 30; i++) {
        assert_true(caller_wait(&answers[i], CALLER_WAIT_MS));
        assert_int_equal(answers[i].rc, ZOK);
        assert_int_equal(answers[i].order, first + i);
        if (i % 3 == 1)
            assert_int_equal(answers[i].stat.version, i / 3 + 1);
    }
}

static void a_request_too_large_breaks_the_connection(void **state)
{
    static char large[1100000];
    struct bench *bench = *state;
    struct request request = request_of(VERB_CREATE, under(bench, "a"), "", 0);
    struct answer answer;

    request.data = large;
    request.size = sizeof large;
    caller_get(&bench->one, bench->base, 1, &answer);
    assert_int_equal(caller_do(&bench->one, &request, &answer),
                     ZCONNECTIONLOSS);
    assert_true(
        caller_wait_state(&bench->one, ZOO_CONNECTED_STATE, CALLER_WAIT_MS));
    assert_int_equal(bench->one.connected, 2);
    assert_int_equal(caller_exists(&bench->one, under(bench, "a"), 0, &answer),
                     ZNONODE);
    caller_set(&bench->two, bench->base, "x", -1);
    assert_true(caller_wait_events(&bench->one, 1, CALLER_WAIT_MS));
    assert_int_equal(bench->one.events[0].type, ZOO_CHANGED_EVENT);
}

static void requests_before_the_connection_are_sent_with_it(void **state)
{
    struct bench *bench = *state;
    struct request request = request_of(VERB_GET, "/", NULL, 0);
    struct caller caller;
    struct answer answer;

    caller_start(&caller, bench->place, 2, TIMEOUT_MS);
    assert_int_equal(caller_do(&caller, &request, &answer), ZOK);
    caller_close(&caller);
}

static void an_idle_session_is_kept_alive(void **state)
{
    struct bench *bench = *state;
    struct request request = request_of(VERB_GET, "/", NULL, 0);
    struct caller caller;
    struct answer answer;

    caller_open(&caller, bench->place, 2, 400);
    assert_false(caller_wait_events(&caller, 1, 2000));
    assert_int_equal(caller.state, ZOO_CONNECTED_STATE);
    assert_int_equal(caller.connected, 1);
    assert_int_equal(caller_do(&caller, &request, &answer), ZOK);
    caller_close(&caller);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(a_znode_is_created_read_set_and_deleted),
        TEST(a_parent_must_exist_and_one_with_children_stays),
        TEST(null_data_and_empty_data_differ),
        TEST(children_are_listed),
        TEST(a_stat_tells_of_versions_and_transactions),
        TEST(a_failed_write_takes_a_zxid),
        TEST(sequences_count_the_creations),
        TEST(bad_paths_are_refused_at_once),
        TEST(ephemerals_go_with_a_closed_session),
        TEST(ephemerals_go_with_an_expired_session),
        TEST(a_multi_on_an_expired_handle_is_a_marshalling_error),
        TEST(the_timeout_is_clamped),
        TEST(a_data_watch_fires_once),
        TEST(an_exists_watch_sees_the_creation),
        TEST(a_child_watch_sees_creation_and_deletion_not_data),
        TEST(a_deletion_reaches_each_watcher_once),
        TEST(a_watch_fires_before_the_write_is_answered),
        TEST(a_multi_does_all),
        TEST(a_multi_that_fails_does_nothing),
        TEST(a_sync_shows_what_was_committed_before),
        TEST(answers_come_in_the_order_of_asking),
        TEST(a_request_too_large_breaks_the_connection),
        TEST(requests_before_the_connection_are_sent_with_it),
        TEST(an_idle_session_is_kept_alive),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
