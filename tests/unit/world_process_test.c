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

/* A broker that is a script. */
static void run_broker(const char *script)
{
    static const struct timespec look_again = {0, 1000000};
    static char path[PATH_MAX];
    static const struct real_options options = {.broker = path};
    FILE *file;
    unsigned looks = 0;

    real_path(&world, "broker", NULL, path);
    file = real_create(path);
    fputs(script, file);
    fchmod(fileno(file), 0755);
    real_finish(file, path);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_broker_alone_is_told_where_its_pipes_are, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
