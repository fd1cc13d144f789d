/* SPDX-License-Identifier: Apache-2.0
 *
 * coord/ over the real library and a real server: sessions come, go and are
 * followed by new ones; requests and watches do what coord.h says.
 */
#include "tests/seam/harness.h"

#include <stdio.h>
#include <string.h>

#include "base/list.h"
#include "coord/coord.h"
#include "coord/internal.h"
#include "tests/seam/zookeeper_place.h"

#define TIMEOUT_MS 4000
#define ROUNDS     40

struct user {
    struct harness *harness;
    struct place *place;
    struct coord *coord;
    struct coord_listener listener;
    struct coord_request request;
    struct coord_watch watch;
    int sessions;
    int expirations;
    bool session; /* one came since this was last cleared */
    bool expired;
    bool stopped;
    bool done;
    bool fired;
};

static void on_session(struct coord_listener *listener)
{
    struct user *user = container_of(listener, struct user, listener);

    user->sessions++;
    user->session = true;
}

static void on_expired(struct coord_listener *listener)
{
    struct user *user = container_of(listener, struct user, listener);

    user->expirations++;
    user->expired = true;
}

static void on_reconnected(struct coord_listener *listener)
{
    (void)listener;
}

static void on_done(struct coord_request *request)
{
    container_of(request, struct user, request)->done = true;
}

static void on_fire(struct coord_watch *watch)
{
    container_of(watch, struct user, watch)->fired = true;
}

static void on_stopped(void *context)
{
    ((struct user *)context)->stopped = true;
}

static void open_session(struct user *user)
{
    char connect[128];

    snprintf(connect, sizeof connect, "%s/kafka/esque",
             place_hosts(user->place));
    user->session = false;
    user->stopped = false;
    user->coord = coord_new(harness_seam(user->harness), connect, TIMEOUT_MS,
                            &user->listener);
    coord_start(user->coord);
    harness_wait(user->harness, harness_flag, &user->session);
    assert_int_equal(coord_state(user->coord), COORD_CONNECTED);
}

static void close_session(struct user *user)
{
    coord_stop(user->coord, on_stopped, user);
    harness_wait(user->harness, harness_flag, &user->stopped);
    coord_free(user->coord);
}

static int set_up(void **state)
{
    static struct user user;

    memset(&user, 0, sizeof user);
    user.harness = harness_new();
    user.place = place_new(1, 1);
    user.listener.on_session = on_session;
    user.listener.on_expired = on_expired;
    user.listener.on_reconnected = on_reconnected;
    user.request.done = on_done;
    user.watch.fire = on_fire;
    *state = &user;
    return 0;
}

static int tear_down(void **state)
{
    struct user *user = *state;

    harness_free(user->harness);
    place_free(user->place);
    return 0;
}

static enum error await(struct user *user)
{
    harness_wait(user->harness, harness_flag, &user->done);
    user->done = false;
    return user->request.error;
}

static enum error write_one(struct user *user, enum coord_operation operation,
                            const char *path, int32_t version, bool ephemeral)
{
    struct coord_op op = {.operation = operation,
                          .path = path,
                          .data = bytes_of_string("x"),
                          .version = version,
                          .ephemeral = ephemeral};

    coord_multi(user->coord, &user->request, &op, 1);
    return await(user);
}

/* ---- tests ---- */

static void sessions_come_and_go(void **state)
{
    struct user *user = *state;

    for (int i = 0; i < ROUNDS; i++) {
        open_session(user);
        assert_int_equal(
            write_one(user, COORD_CREATE, "/mine", COORD_ANY_VERSION, true),
            ERROR_NONE);
        close_session(user);
    }
    assert_int_equal(user->sessions, ROUNDS);
    assert_int_equal(user->expirations, 0);
}

static void a_write_is_compared_and_a_watch_fires(void **state)
{
    struct user *user = *state;

    open_session(user);
    coord_exists(user->coord, &user->request, "/counter", &user->watch);
    assert_int_equal(await(user), ERROR_NO_NODE);
    assert_int_equal(write_one(user, COORD_CREATE, "/counter", 0, false),
                     ERROR_NONE);
    harness_wait(user->harness, harness_flag, &user->fired);
    assert_int_equal(write_one(user, COORD_SET, "/counter", 1, false),
                     ERROR_BAD_VERSION);
    assert_int_equal(write_one(user, COORD_SET, "/counter", 0, false),
                     ERROR_NONE);
    assert_int_equal(write_one(user, COORD_CREATE, "/counter", 0, false),
                     ERROR_NODE_EXISTS);
    coord_get(user->coord, &user->request, "/counter", true, NULL);
    assert_int_equal(await(user), ERROR_NONE);
    assert_int_equal(user->request.stat.version, 1);
    assert_int_equal(write_one(user, COORD_DELETE, "/counter", 1, false),
                     ERROR_NONE);
    assert_true(coord_lease_until_us(user->coord) >
                harness_seam(user->harness)->now.monotonic_us);
    close_session(user);
}

static void a_multi_names_the_operation_that_failed(void **state)
{
    struct user *user = *state;
    const struct coord_op ops[] = {
        {.operation = COORD_CREATE, .path = "/one"},
        {.operation = COORD_CHECK, .path = "/none", .version = 3},
        {.operation = COORD_CREATE, .path = "/two"}};

    open_session(user);
    coord_multi(user->coord, &user->request, ops, 3);
    assert_int_equal(await(user), ERROR_NO_NODE);
    assert_int_equal(user->request.failed_op, 1);
    coord_children(user->coord, &user->request, "/", true, NULL);
    assert_int_equal(await(user), ERROR_NONE);
    assert_int_equal(user->request.child_count, 0);
    close_session(user);
}

static void an_expired_session_is_followed_by_a_new_one(void **state)
{
    struct user *user = *state;
    int64_t id;

    open_session(user);
    id = coord_session_id(user->coord);
    coord_get(user->coord, &user->request, "/", true, &user->watch);
    assert_int_equal(await(user), ERROR_NONE);
    user->fired = false;
    user->session = false;
    place_expire(user->place, 0, zoo_client_id(user->coord->handle->zookeeper));
    harness_wait(user->harness, harness_flag, &user->expired);
    assert_true(user->fired);
    harness_wait(user->harness, harness_flag, &user->session);
    assert_true(coord_session_id(user->coord) != id);
    assert_int_equal(
        write_one(user, COORD_CREATE, "/mine", COORD_ANY_VERSION, true),
        ERROR_NONE);
    close_session(user);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sessions_come_and_go),
        TEST(a_write_is_compared_and_a_watch_fires),
        TEST(a_multi_names_the_operation_that_failed),
        TEST(an_expired_session_is_followed_by_a_new_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
