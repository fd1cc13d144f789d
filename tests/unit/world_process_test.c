/* SPDX-License-Identifier: Apache-2.0
 *
 * Processes of the real world, and what they are given.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "sim/real/internal.h"

#define LOOKS_MAX 5000 /* 1 ms each */

static const char *settings(void *context)
{
    (void)context;
    return "";
}

static const struct node_kind broker = {.settings = settings};
static const struct timespec look_again = {0, 1000000};
static struct world world;
static struct node node = {.world = &world,
                           .kind = &broker,
                           .name = "b1",
                           .faults_in = -1,
                           .faults_out = -1,
                           .facts.fd = -1};
static struct node *nodes[] = {&node};

static int begin(void **state)
{
    (void)state;
    snprintf(world.directory, sizeof world.directory, "/tmp/process-XXXXXX");
    assert_non_null(mkdtemp(world.directory));
    world.nodes = nodes;
    world.node_count = 1;
    snprintf(node.process.name, sizeof node.process.name, "b1");
    return 0;
}

static int end(void **state)
{
    (void)state;
    process_release(&node.process);
    facts_close(&node.facts);
    real_remove(world.directory);
    return 0;
}

static void write_script(const char *name, const char *script,
                         char path[PATH_MAX])
{
    FILE *file;

    real_path(&world, name, NULL, path);
    file = real_create(path);
    fputs(script, file);
    fchmod(fileno(file), 0755);
    real_finish(file, path);
}

static void run_broker(const char *script)
{
    static char path[PATH_MAX];
    static const struct real_options options = {.broker = path};
    unsigned looks = 0;

    write_script("broker", script, path);
    real_options_set(&options);
    node_start(&node);
    while (node_is_up(&node)) {
        assert_true(looks++ < LOOKS_MAX);
        nanosleep(&look_again, NULL);
        nodes_look(&world);
    }
}

static void a_broker_alone_is_told_where_its_pipes_are(void **state)
{
    char expected[PATH_MAX + 32];

    (void)state;
    setenv("MARK", "and all else", 1);
    run_broker("#!/bin/sh\necho \"kafkaesqued: $KQ_FAULTS $MARK\"\nexit 2\n");
    snprintf(expected, sizeof expected, "%s/b1/fiu and all else",
             world.directory);
    assert_string_equal(node_exit_why(&node), expected);
    assert_null(getenv(FAULT_PIPES_VARIABLE));
}

static void start_server(const char *script)
{
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, (char *)(uintptr_t)script,
                    NULL};
    struct program program = {.directory = world.directory, .argv = argv};
    char path[PATH_MAX];

    snprintf(world.servers[0].name, sizeof world.servers[0].name, "z1");
    real_path(&world, "z1", NULL, path);
    real_make_directory(path);
    world.server_count = 1;
    process_start(&world, &world.servers[0], &program);
}

static void a_server_that_is_ended_here_is_no_problem(void **state)
{
    (void)state;
    start_server("exec sleep 100");
    zookeeper_look(&world);
    world_zookeeper_crash(&world, 1);
    zookeeper_look(&world);
    assert_null(real_server_problem());
    zookeeper_end(&world);
}

static void a_server_that_ends_by_itself_is_named(void **state)
{
    char expected[PATH_MAX + 128];

    (void)state;
    start_server("exit 7");
    for (unsigned i = 0; i < LOOKS_MAX && !real_server_problem(); i++) {
        zookeeper_look(&world);
        nanosleep(&look_again, NULL);
    }
    snprintf(expected, sizeof expected,
             "ZooKeeper server z1 ended by itself, with exit status 7: its log "
             "is %s/z1/log",
             world.directory);
    assert_non_null(real_server_problem());
    assert_string_equal(real_server_problem(), expected);
    zookeeper_end(&world);
}

static bool verified(const char *script, char words[256])
{
    char path[PATH_MAX];

    write_script("kq", script, path);
    return verify_log(path, "/a log", 1, words, 256);
}

static void logs_are_verified_within_a_limit(void **state)
{
    char words[256];

    (void)state;
    assert_true(
        verified("#!/bin/sh\n[ \"$*\" = 'log verify /a log' ]\n", words));
    assert_false(
        verified("#!/bin/sh\necho damaged; echo more; exit 1\n", words));
    assert_string_equal(words, "damaged");
    assert_false(verified("#!/bin/sh\necho begun; exec sleep 20\n", words));
    assert_string_equal(words,
                        "/a log was not read after 1 s, and it was ended");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_broker_alone_is_told_where_its_pipes_are, begin, end),
        cmocka_unit_test_setup_teardown(
            a_server_that_is_ended_here_is_no_problem, begin, end),
        cmocka_unit_test_setup_teardown(a_server_that_ends_by_itself_is_named,
                                        begin, end),
        cmocka_unit_test_setup_teardown(logs_are_verified_within_a_limit, begin,
                                        end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
