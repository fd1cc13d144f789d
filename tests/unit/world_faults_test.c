/* SPDX-License-Identifier: Apache-2.0
 *
 * Several rules about one fault point mean the same as in the simulator: each
 * counts its own askings and its own limit, and none keeps another from its
 * turn. This process is the broker too: it listens, and asks.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim/real/internal.h"

#define POINT      FAULT_DISK_SYNC_EIO
#define MARK_POINT FAULT_NET_RESET /* no rule is about it */
#define LOOKS_MAX  5000            /* 1 ms each */
#define SPAN_US    1000            /* of the rules of a test */

static struct world world;
static struct node node;
static struct node *nodes[] = {&node};
static int words = -1; /* what the broker says */
static int64_t now_us;
static const struct timespec look_again = {0, 1000000};

/* ---- the broker ---- */

static bool ask(enum fault_point point)
{
    int before = dup(STDERR_FILENO);
    bool fires;

    dup2(words, STDERR_FILENO);
    fires = fault_ask(point);
    dup2(before, STDERR_FILENO);
    close(before);
    return fires;
}

static void wait_for_mark(const char *command, bool fires)
{
    unsigned looks = 0;

    assert_int_equal(write(node.faults_in, command, strlen(command)),
                     strlen(command));
    while (ask(MARK_POINT) != fires) {
        assert_true(looks++ < LOOKS_MAX);
        nanosleep(&look_again, NULL);
    }
}

/* What it was told so far has been done: it is done in this order. */
static void settle(void)
{
    wait_for_mark("enable name=net/reset\n", true);
    wait_for_mark("disable name=net/reset\n", false);
}

/* Asks so often, and says when it fired: "..x.x". */
static void asks(unsigned times, const char *expected)
{
    char fired[32] = "";

    assert_true(times < sizeof fired);
    for (unsigned i = 0; i < times; i++) {
        fired[i] = ask(POINT) ? 'x' : '.';
        node_tell_words(&node);
        settle();
    }
    assert_string_equal(fired, expected);
}

/* ---- the scenario ---- */

static void happen(int64_t until_us)
{
    struct happening *next;

    while ((next = queue_take(&world.queue, until_us)) != NULL)
        next->run(next);
    settle();
}

static unsigned add(struct world_fault fault)
{
    fault.point = POINT;
    fault.from_us = now_us;
    fault.until_us = now_us + SPAN_US;
    return world_add_fault(&world, &fault);
}

static unsigned at_asking(const uint64_t *nth)
{
    return add((struct world_fault){.nths = nth, .nth_count = 1});
}

static unsigned at_once(uint64_t limit)
{
    return add((struct world_fault){.rate = 1, .limit = limit});
}

/* Rules of another test do not act any more. */
static int end_spans(void **state)
{
    (void)state;
    now_us += SPAN_US;
    happen(now_us);
    return 0;
}

static void each_rule_counts_its_own_askings(void **state)
{
    static const uint64_t third = 3, fifth = 5;
    unsigned one = at_asking(&third);
    unsigned two = at_asking(&fifth);

    (void)state;
    happen(now_us);
    asks(10, "..x.x.....");
    assert_int_equal(world_fault_fired(&world, one), 1);
    assert_int_equal(world_fault_fired(&world, two), 1);
}

static void a_rule_that_never_fires_keeps_none_from_its_turn(void **state)
{
    static const uint64_t never = 1000000, second = 2;
    unsigned one = at_asking(&never);
    unsigned two = at_asking(&second);

    (void)state;
    happen(now_us);
    asks(4, ".x..");
    assert_int_equal(world_fault_fired(&world, one), 0);
    assert_int_equal(world_fault_fired(&world, two), 1);
}

static void each_rule_has_a_limit_of_its_own(void **state)
{
    unsigned one = at_once(2);
    unsigned two = at_once(3);

    (void)state;
    happen(now_us);
    asks(8, "xxxxx...");
    assert_int_equal(world_fault_fired(&world, one), 2);
    assert_int_equal(world_fault_fired(&world, two), 3);
}

/* The asking of which the first rule made a fault is one of the second too. */
static void an_asking_at_which_another_fired_counts(void **state)
{
    static const uint64_t second = 2;
    unsigned one = at_once(2);
    unsigned two = at_asking(&second);

    (void)state;
    happen(now_us);
    asks(4, "xx..");
    assert_int_equal(world_fault_fired(&world, one), 2);
    assert_int_equal(world_fault_fired(&world, two), 0);
}

static void a_rule_without_a_switch_gets_the_next_that_is_free(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FAULT_SWITCHES + 2; i++)
        at_once(1);
    happen(now_us);
    asks(FAULT_SWITCHES + 4, "xxxxxx..");
    for (unsigned i = 0; i < FAULT_SWITCHES + 2; i++)
        assert_int_equal(world_fault_fired(&world, world.rule_count - 1 - i),
                         1);
}

/* ---- one broker for all tests ---- */

static void start_broker(void)
{
    char path[PATH_MAX];

    real_path(&world, node.name, NULL, path);
    real_make_directory(path);
    real_path(&world, node.name, "log", path);
    node.process.tail.file = fopen(path, "a+e");
    assert_non_null(node.process.tail.file);
    words = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_true(words >= 0);
    real_path(&world, node.name, FAULT_PIPES, path);
    setenv(FAULT_PIPES_VARIABLE, path, 1);
    fault_listen();
}

static int begin(void **state)
{
    (void)state;
    snprintf(world.directory, sizeof world.directory, "/tmp/faults-XXXXXX");
    assert_non_null(mkdtemp(world.directory));
    world.nodes = nodes;
    world.node_count = 1;
    list_init(&world.calls);
    queue_init(&world.queue);
    node = (struct node){.world = &world, .faults_in = -1, .faults_out = -1};
    snprintf(node.name, sizeof node.name, "b1");
    node.process.pid = getpid();
    start_broker();
    at_once(1); /* without a rule nobody needs its pipes */
    for (unsigned i = 0; i < LOOKS_MAX && node.faults_in < 0; i++) {
        faults_listen(&node);
        nanosleep(&look_again, NULL);
    }
    assert_true(node.faults_in >= 0);
    return end_spans(state);
}

static int end(void **state)
{
    (void)state;
    faults_close(&node);
    faults_release(&world);
    queue_release(&world.queue);
    fclose(node.process.tail.file);
    close(words);
    real_remove(world.directory);
    return 0;
}

#define RULES_TEST(test) cmocka_unit_test_teardown(test, end_spans)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RULES_TEST(each_rule_counts_its_own_askings),
        RULES_TEST(a_rule_that_never_fires_keeps_none_from_its_turn),
        RULES_TEST(each_rule_has_a_limit_of_its_own),
        RULES_TEST(an_asking_at_which_another_fired_counts),
        RULES_TEST(a_rule_without_a_switch_gets_the_next_that_is_free),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
