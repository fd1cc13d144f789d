/* SPDX-License-Identifier: Apache-2.0
 *
 * A scenario is written so that reading it gives the same scenario again,
 * whatever key it has.
 */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/scenario/scenario.h"

static struct scenario *parse(const char *text)
{
    struct complaints complaints = {NULL, 0, 0};
    struct scenario *scenario =
        scenario_parse("x.yaml", text, strlen(text), &complaints);

    if (scenario == NULL)
        fail_msg("%s%s", complaints.text, text);
    return scenario;
}

/* What is written of the text is the text. */
static void stays(const char *text)
{
    struct scenario *scenario = parse(text);
    char *written = scenario_write(scenario);

    assert_string_equal(written, text);
    free(written);
    scenario_free(scenario);
}

#define HEAD                                                                   \
    "description: >-\n"                                                        \
    "  d\n"                                                                    \
    "cluster:\n"                                                               \
    "  brokers: 3\n"                                                           \
    "  zookeepers: 3\n"

#define TOPICS                                                                 \
    "duration: 10s\n"                                                          \
    "topics:\n"                                                                \
    "  orders: {partitions: 2}\n"

#define PRODUCERS                                                              \
    "producers:\n"                                                             \
    "  - {topic: orders, rate: 5/s}\n"

static void what_goes_without_saying_is_not_said(void **state)
{
    (void)state;
    stays(HEAD TOPICS PRODUCERS);
}

static void the_cluster_is_written(void **state)
{
    (void)state;
    stays("description: >-\n"
          "  A sentence that is longer than a line of this file is folded "
          "into several,\n"
          "  each of them within its columns.\n"
          "cluster:\n"
          "  brokers: 4\n"
          "  zookeepers: 5\n"
          "  log-dirs: 2\n"
          "  config:\n"
          "    zookeeper.session.timeout.ms: 1500\n"
          "    replica.lag.time.max.ms: 2500\n"
          "disk: {profile: xfs, damage: unbounded}\n"
          "duration: 150001us\n"
          "topics:\n"
          "  a: {}\n"
          "  b.2_c-d: {partitions: 7, replicas: 4, config: {flush.ms: -1, "
          "retention.ms: 5000}}\n"
          "producers:\n"
          "  - {topic: a, rate: 5/s}\n");
}

static void clients_are_written(void **state)
{
    (void)state;
    stays(HEAD TOPICS
          "producers:\n"
          "  - {topic: orders, clients: 2, rate: 7/s, batch: 3, record-size: "
          "2KiB, acks: 1, partition: 0, timestamps: -30d, timestamps-every: "
          "2, in-flight: 1, delivery-timeout: 1500ms, from: 1s, until: 2s}\n"
          "  - {topic: orders, rate: 1500/s, record-size: 33B, idempotence: "
          "false, timestamps: at 86400000}\n"
          "  - {topic: orders, rate: 7/m, acks: 0}\n"
          "  - {topic: orders, rate: 3/h}\n"
          "consumers:\n"
          "  - {topic: orders}\n"
          "  - {topic: orders, clients: 3, start: latest, from: 1s, until: "
          "3s}\n");
}

static void steps_are_written(void **state)
{
    (void)state;
    stays(HEAD TOPICS PRODUCERS
          "steps:\n"
          "  - {at: 1234567us, kill: b1, for: 250ms}\n"
          "  - {at: [1s, 2s], power-cut: [b2, any broker, leader(orders/1)], "
          "for: [10ms, 20ms], every: [1s, 2s], times: 4}\n"
          "  - {at: 0s, pause: followers(orders/0), every: 1s}\n"
          "  - {when: orders/1 committed 30, after: 5ms, stop: [c1, z3]}\n"
          "  - {when: orders/0 strict 1, start: everybody}\n"
          "  - {at: 1s, cut: [b1, zookeepers], one-way: true, for: 1s}\n"
          "  - {at: 1s, heal: all}\n"
          "  - {at: 1s, heal: [controller, any client]}\n"
          "  - {at: 1s, clock-jump: b3, by: -5s}\n"
          "  - {at: 1s, disk-capacity: brokers, bytes: 64KiB}\n"
          "  - {at: 1s, disk-capacity: b1}\n"
          "  - {at: 1s, disk-fails: b1, directory: 1, for: 1ms}\n"
          "  - {at: 1s, rot: follower(orders/0), partition: orders/1, byte: "
          "77}\n"
          "  - {at: 1s, damage-znode: '/changes', for: 1s}\n"
          "  - {at: 1s, damage-znode: '/topics/orders/state/0', as: flipped}\n"
          "  - {at: 1s, delete-topic: orders}\n"
          "  - {at: 2s, create-topic: orders}\n"
          "  - {at: 3s, add-partitions: orders, to: 4}\n"
          "  - {at: 3s, truncate: orders/1, before: 20}\n"
          "  - {at: 3s, alter-topic: orders, config: {retention.ms: 1000}}\n");
}

static void faults_and_limits_are_written(void **state)
{
    (void)state;
    stays(HEAD TOPICS PRODUCERS
          "faults:\n"
          "  - {point: disk/sync/eio, node: b2, nth: 3}\n"
          "  - {point: net/delay, nth: [1, 17, 204]}\n"
          "  - {point: net/reset, rate: 0.02, from: 1s, until: 2s, limit: "
          "4}\n"
          "  - {point: net/reset, rate: 0.00123}\n"
          "oracles: [order-per-producer, whole-again]\n"
          "at-least: {sent: 5, acked: 4}\n"
          "heal-within: 40s\n"
          "settle: 3s\n"
          "restart-delay: 200ms\n"
          "clock-slack: 2s\n"
          "always-led: 300ms\n"
          "reaches: [log/segment-rolled]\n");
}

/* But for where it stood, and for its settings, which lie elsewhere. */
static bool same_step(const struct scenario_step *a,
                      const struct scenario_step *b)
{
    struct scenario_step copies[2] = {*a, *b};

    for (size_t i = 0; i < 2; i++) {
        copies[i].line = 0;
        memset(&copies[i].config, 0, sizeof copies[i].config);
    }
    return memcmp(&copies[0], &copies[1], sizeof copies[0]) == 0;
}

static void stays_a_file(const char *path)
{
    struct complaints complaints = {NULL, 0, 0};
    struct scenario *scenario = scenario_load(path, &complaints);
    struct scenario *again;
    char *written;
    char *twice;

    if (scenario == NULL)
        fail_msg("%s", complaints.text);
    written = scenario_write(scenario);
    again = parse(written);
    twice = scenario_write(again);
    assert_string_equal(written, twice);
    assert_int_equal(scenario->step_count, again->step_count);
    for (size_t i = 0; i < scenario->step_count; i++)
        if (!same_step(&scenario->steps[i], &again->steps[i]))
            fail_msg("step %zu of %s is not what it was:\n%s", i + 1, path,
                     written);
    free(twice);
    free(written);
    scenario_free(again);
    scenario_free(scenario);
}

static void every_scenario_stays_what_it_is(void **state)
{
    glob_t files;

    (void)state;
    assert_int_equal(glob(SCENARIOS "/*/*.yaml", 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++)
        stays_a_file(files.gl_pathv[i]);
    globfree(&files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_without_saying_is_not_said),
        cmocka_unit_test(the_cluster_is_written),
        cmocka_unit_test(clients_are_written),
        cmocka_unit_test(steps_are_written),
        cmocka_unit_test(faults_and_limits_are_written),
        cmocka_unit_test(every_scenario_stays_what_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
