/* SPDX-License-Identifier: Apache-2.0
 *
 * The scenario loader: every key into its struct, and every mistake at its
 * line and column.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/scenario/scenario.h"

#define SECOND 1000000LL

static struct scenario *parse(const char *text)
{
    struct complaints complaints = {NULL, 0, 0};
    struct scenario *scenario =
        scenario_parse("x.yaml", text, strlen(text), &complaints);

    if (scenario == NULL)
        fail_msg("%s", complaints.text);
    return scenario;
}

/* The whole text of the complaints about a file. */
static void complains(const char *text, const char *expected)
{
    struct complaints complaints = {NULL, 0, 0};
    struct scenario *scenario =
        scenario_parse("x.yaml", text, strlen(text), &complaints);

    assert_null(scenario);
    assert_string_equal(complaints.text, expected);
    complaints_release(&complaints);
}

/* At least one complaint that begins so. */
static void complains_at(const char *text, const char *beginning)
{
    struct complaints complaints = {NULL, 0, 0};
    struct scenario *scenario =
        scenario_parse("x.yaml", text, strlen(text), &complaints);

    assert_null(scenario);
    if (strncmp(complaints.text, beginning, strlen(beginning)) != 0)
        fail_msg("'%s' does not begin with '%s'", complaints.text, beginning);
    complaints_release(&complaints);
}

#define HEAD                                                                   \
    "description: d\n"                                                         \
    "duration: 10s\n"                                                          \
    "topics:\n"                                                                \
    "  orders: {partitions: 2}\n"                                              \
    "producers:\n"                                                             \
    "  - {topic: orders, rate: 5/s}\n"

/* ---- what is right ---- */

static void test_template(void **state)
{
    struct scenario *scenario = parse(scenario_template);

    (void)state;
    assert_int_equal(scenario->step_count, 2);
    assert_int_equal(scenario->fault_count, 1);
    scenario_free(scenario);
}

static void test_disk(void **state)
{
    struct scenario *scenario = parse(HEAD);

    (void)state;
    assert_int_equal(scenario->disk_profile, DISK_PROFILE_DRAWN);
    scenario_free(scenario);
    scenario = parse(HEAD "disk: {profile: posix}\n");
    assert_int_equal(scenario->disk_profile, DISK_PROFILE_POSIX);
    scenario_free(scenario);
}

static void test_defaults(void **state)
{
    struct scenario *scenario = parse(HEAD);

    (void)state;
    assert_string_equal(scenario->name, "x");
    assert_string_equal(scenario->description, "d");
    assert_int_equal(scenario->brokers, 3);
    assert_int_equal(scenario->zookeepers, 3);
    assert_int_equal(scenario->log_dirs, 1);
    assert_int_equal(scenario->duration_us, 10 * SECOND);
    assert_true(scenario->oracles == (1ULL << ORACLE_COUNT) - 1);
    assert_int_equal(scenario->heal_within_us, 26 * SECOND);
    assert_int_equal(scenario->client_count, 1);
    assert_int_equal(scenario->topics[0].replicas, 3);
    assert_int_equal(scenario->topics[0].judged.min_insync, 2);
    assert_int_equal(scenario->topics[0].judged.retention_ms, 604800000);
    assert_int_equal(scenario->producers[0].acks, -1);
    assert_true(scenario->producers[0].idempotence);
    scenario_free(scenario);
}

static void test_cluster_and_topics(void **state)
{
    struct scenario *scenario =
        parse("description: d\n"
              "duration: 2m\n"
              "cluster:\n"
              "  brokers: 5\n"
              "  zookeepers: 1\n"
              "  config:\n"
              "    zookeeper.session.timeout.ms: 1s\n"
              "    replica.lag.time.max.ms: 2000\n"
              "    log.segment.bytes: 8KiB\n"
              "topics:\n"
              "  orders:\n"
              "    partitions: 3\n"
              "    replicas: 1\n"
              "    config: {retention.ms: 10s, segment.bytes: 16KiB, "
              "flush.ms: -1}\n"
              "  audit: {replicas: 5, config: {min.insync.replicas: 3}}\n"
              "producers: []\n");

    (void)state;
    assert_int_equal(scenario->brokers, 5);
    assert_int_equal(scenario->zookeepers, 1);
    assert_int_equal(scenario->config.count, 3);
    assert_string_equal(scenario->config.items[0].value, "1000");
    assert_string_equal(scenario->config.items[2].value, "8192");
    assert_int_equal(scenario->heal_within_us, 13 * SECOND);
    assert_int_equal(scenario->topics[0].judged.retention_ms, 10000);
    assert_int_equal(scenario->topics[0].judged.segment_bytes, 16384);
    assert_int_equal(scenario->topics[0].judged.flush_ms, -1);
    assert_int_equal(scenario->topics[0].judged.min_insync, 1);
    assert_int_equal(scenario->topics[1].judged.min_insync, 3);
    assert_int_equal(scenario->topics[1].judged.segment_bytes, 8192);
    scenario_free(scenario);
}

static void test_clients(void **state)
{
    struct scenario *scenario =
        parse("description: d\n"
              "duration: 20s\n"
              "topics: {orders: {partitions: 3}}\n"
              "producers:\n"
              "  - topic: orders\n"
              "    clients: 2\n"
              "    rate: 100/s\n"
              "    batch: 7\n"
              "    record-size: 1KiB\n"
              "    acks: 1\n"
              "    partition: 2\n"
              "    timestamps: -30d\n"
              "    timestamps-every: 10\n"
              "    in-flight: 1\n"
              "    delivery-timeout: 5s\n"
              "    from: 1s\n"
              "    until: 8s\n"
              "  - {topic: orders, rate: 6/m, acks: all, idempotence: false,\n"
              "     timestamps: at 2145916800000}\n"
              "consumers:\n"
              "  - {topic: orders, clients: 2, start: latest, from: 2s,\n"
              "     until: 3s}\n");
    const struct scenario_producer *first = &scenario->producers[0];
    const struct scenario_producer *second = &scenario->producers[1];

    (void)state;
    assert_int_equal(scenario->client_count, 5);
    assert_int_equal(first->interval_us, 10000);
    assert_int_equal(first->batch, 7);
    assert_int_equal(first->record_bytes, 1024);
    assert_int_equal(first->acks, 1);
    assert_false(first->idempotence);
    assert_int_equal(first->partition, 2);
    assert_int_equal(first->timestamps, TIMESTAMPS_OFFSET);
    assert_int_equal(first->timestamp_ms, -30LL * 86400000);
    assert_int_equal(first->timestamp_every, 10);
    assert_int_equal(first->in_flight, 1);
    assert_int_equal(first->delivery_timeout_us, 5 * SECOND);
    assert_int_equal(first->from_us, SECOND);
    assert_int_equal(first->until_us, 8 * SECOND);
    assert_int_equal(second->interval_us, 10 * SECOND);
    assert_int_equal(second->timestamps, TIMESTAMPS_AT);
    assert_int_equal(second->timestamp_ms, 2145916800000LL);
    assert_false(second->idempotence);
    assert_true(scenario->consumers[0].latest);
    assert_int_equal(scenario->consumers[0].until_us, 3 * SECOND);
    assert_int_equal(scenario->topics[0].judged.record_bytes_max, 1024);
    scenario_free(scenario);
}

static void test_steps(void **state)
{
    struct scenario *scenario =
        parse(HEAD "steps:\n"
                   "  - {at: 1s, kill: b2}\n"
                   "  - {at: [2s, 8s], power-cut: [leader(orders/1), b1],\n"
                   "     for: [100ms, 2s], every: 1s, times: 3}\n"
                   "  - {at: 1s, cut: [controller, zookeepers],\n"
                   "     one-way: true, for: 1s}\n"
                   "  - {at: 3s, heal: all}\n"
                   "  - {at: 3s, clock-jump: any broker, by: 30d}\n"
                   "  - {at: 3s, disk-capacity: b3, bytes: 1MiB}\n"
                   "  - {at: 3s, rot: z1, partition: orders/1}\n"
                   "  - {when: orders/0 elected 2, pause: follower(orders/0),\n"
                   "     after: 50ms}\n"
                   "  - {at: 3s, delete-topic: orders}\n");
    const struct scenario_step *steps = scenario->steps;

    (void)state;
    assert_int_equal(steps[0].action, STEP_KILL);
    assert_int_equal(steps[0].targets[0].kind, TARGET_BROKER);
    assert_int_equal(steps[0].targets[0].index, 1);
    assert_int_equal(steps[0].hold.from_us, -1);
    assert_int_equal(steps[0].times, 1);
    assert_int_equal(steps[1].at.from_us, 2 * SECOND);
    assert_int_equal(steps[1].at.to_us, 8 * SECOND);
    assert_int_equal(steps[1].hold.to_us, 2 * SECOND);
    assert_int_equal(steps[1].times, 3);
    assert_int_equal(steps[1].target_count, 2);
    assert_int_equal(steps[1].targets[0].kind, TARGET_LEADER);
    assert_int_equal(steps[1].targets[0].partition, 1);
    assert_int_equal(steps[2].from.kind, TARGET_CONTROLLER);
    assert_int_equal(steps[2].to.kind, TARGET_ZOOKEEPERS);
    assert_true(steps[2].one_way);
    assert_int_equal(steps[3].from.kind, TARGET_NOBODY);
    assert_int_equal(steps[4].by_ms, 30LL * 86400000);
    assert_int_equal(steps[5].bytes, 1 << 20);
    assert_int_equal(steps[6].partition, 1);
    assert_int_equal(steps[7].when.kind, CONDITION_ELECTED);
    assert_int_equal(steps[7].when.count, 2);
    assert_int_equal(steps[7].after.from_us, 50000);
    assert_int_equal(steps[8].action, STEP_DELETE_TOPIC);
    scenario_free(scenario);
}

static void test_faults_and_the_rest(void **state)
{
    struct scenario *scenario =
        parse(HEAD "faults:\n"
                   "  - {point: disk/sync/eio, node: b2, nth: 3}\n"
                   "  - {point: net/reset, rate: 2%, from: 1s, until: 2s,\n"
                   "     limit: 4}\n"
                   "  - {point: net/delay, nth: [2, 5]}\n"
                   "oracles: [order-per-producer, whole-again]\n"
                   "at-least: {sent: 5, acked: 4, read: 3}\n"
                   "heal-within: 40s\n"
                   "settle: 3s\n"
                   "restart-delay: 200ms\n"
                   "clock-slack: 2s\n"
                   "always-led: 300ms\n"
                   "reaches: log/segment-rolled\n");

    (void)state;
    assert_int_equal(scenario->faults[0].point, FAULT_DISK_SYNC_EIO);
    assert_int_equal(scenario->faults[0].nths[0], 3);
    assert_int_equal(scenario->faults[0].nth_count, 1);
    assert_int_equal(scenario->faults[1].nth_count, 0);
    assert_int_equal(scenario->faults[2].nth_count, 2);
    assert_int_equal(scenario->faults[2].nths[1], 5);
    assert_int_equal(scenario->faults[1].node.kind, TARGET_EVERYBODY);
    assert_true(scenario->faults[1].rate == 0.02);
    assert_int_equal(scenario->faults[1].limit, 4);
    assert_int_equal(scenario->faults[1].until_us, 2 * SECOND);
    assert_true(scenario->oracles ==
                (1ULL << ORACLE_ORDER | 1ULL << ORACLE_WHOLE));
    assert_int_equal(scenario->at_least.acked, 4);
    assert_int_equal(scenario->heal_within_us, 40 * SECOND);
    assert_int_equal(scenario->settle_us, 3 * SECOND);
    assert_int_equal(scenario->restart_delay_us, 200000);
    assert_int_equal(scenario->clock_slack_ms, 2000);
    assert_int_equal(scenario->leaderless_us, 300000);
    assert_true(scenario->reaches == 1ULL << MARK_SEGMENT_ROLLED);
    scenario_free(scenario);
}

static void test_late_topic(void **state)
{
    struct scenario *scenario =
        parse(HEAD "steps:\n  - {at: 1s, create-topic: orders}\n");

    (void)state;
    assert_true(scenario->topics[0].late);
    scenario_free(scenario);
}

/* ---- what is wrong ---- */

static void test_files_that_hold_nothing(void **state)
{
    (void)state;
    complains("", "x.yaml:1:1: the file holds no scenario ('kqsim new FILE' "
                  "writes one to begin with)\n");
    complains("# only a comment\n",
              "x.yaml:1:1: the file holds no scenario ('kqsim new FILE' "
              "writes one to begin with)\n");
    complains("- a\n",
              "x.yaml:1:1: a scenario must be a mapping of keys to values\n");
    complains_at("a: [1\n", "x.yaml:2:1: this is not YAML: ");
    complains(HEAD "steps:\n  - at: 1s\n   kill: b1\n",
              "x.yaml:9:4: this is not YAML: did not find expected '-' "
              "indicator, while parsing a block collection that begins at "
              "8:3: indent this line as far as the keys beside it\n");
    complains(HEAD "cluster:\n  brokers: 3\n zookeepers: 3\n",
              "x.yaml:9:2: this is not YAML: did not find expected key, while "
              "parsing a block mapping that begins at 1:1: indent this line "
              "as far as the keys beside it\n");
    complains(HEAD "\tsettle: 1s\n",
              "x.yaml:7:1: this is not YAML: found character that cannot "
              "start any token, while scanning for the next token: indent "
              "with spaces, not with tabs; other texts may need quotes\n");
    complains("description: a leader: it dies\n",
              "x.yaml:1:22: this is not YAML: mapping values are not allowed "
              "in this context: the line above, or this one, is indented "
              "wrongly; or a text that holds ': ' needs quotes\n");
    complains(HEAD "---\nb: 1\n",
              "x.yaml:7:1: a second document begins here: one file is one "
              "scenario\n");
}

static void test_unknown_keys(void **state)
{
    (void)state;
    complains(HEAD "stepps: []\n",
              "x.yaml:7:1: a scenario has no key 'stepps', did you mean "
              "'steps'?\n");
    complains(
        HEAD "quux: []\n",
        "x.yaml:7:1: a scenario has no key 'quux', but these: description, "
        "cluster, duration, disk, topics, producers, consumers, steps, "
        "faults, oracles, at-least, heal-within, settle, "
        "restart-delay, clock-slack, always-led, reaches\n");
    complains(HEAD "at-least: {acknowledged: 3}\n",
              "x.yaml:7:12: at-least has no key 'acknowledged', but these: "
              "sent, acked, read\n");
    complains_at(HEAD "steps:\n  - {at: 1s, destroy: b1}\n",
                 "x.yaml:8:14: a step has no key 'destroy'\n"
                 "x.yaml:8:5: the step does nothing: give it one of kill,");
    complains(HEAD "  - {topic: orders, rate: 5/s, acs: all}\n",
              "x.yaml:7:32: a producer has no key 'acs', did you mean "
              "'acks'?\n");
    complains(HEAD "duration: 3s\n",
              "x.yaml:7:1: 'duration' stands here a second time\n");
    complains(HEAD "cluster:\n  config: {log.segment.byte: 1}\n",
              "x.yaml:8:12: a broker has no configuration key "
              "'log.segment.byte', did you mean 'log.segment.bytes'?\n");
    complains(HEAD "cluster:\n  config: {broker.id: 1}\n",
              "x.yaml:8:12: 'broker.id' is set by the simulator for each "
              "broker: leave it out\n");
}

static void test_missing_keys(void **state)
{
    (void)state;
    complains("duration: 1s\ntopics: {a: {}}\nproducers: []\n",
              "x.yaml:1:1: a scenario needs 'description': a sentence that "
              "says what happens and what must hold\n");
    complains(HEAD "faults:\n  - {rate: 1%}\n",
              "x.yaml:8:5: a fault needs 'point': a fault point; 'kqsim "
              "faults' lists them\n");
}

static void test_wrong_types(void **state)
{
    (void)state;
    complains(HEAD "steps: {}\n",
              "x.yaml:7:8: steps must be a list: begin each item with '- '\n");
    complains(HEAD "disk: {profile: exd4}\n",
              "x.yaml:7:17: there is no disk profile 'exd4', did you mean "
              "'ext4'? (ext4, xfs, btrfs, posix; without one it is drawn from "
              "the seed)\n");
    complains(HEAD "cluster: 3\n",
              "x.yaml:7:10: cluster must be a mapping of keys to values\n");
    complains(HEAD "cluster: {brokers: [3]}\n",
              "x.yaml:7:20: brokers must be a single value, not a list\n");
    complains(HEAD "cluster: {brokers: three}\n",
              "x.yaml:7:20: 'three' is not a whole number: brokers: how many "
              "brokers there are\n");
    complains(HEAD "cluster: {brokers: 70}\n",
              "x.yaml:7:20: brokers must be from 1 to 7: how many brokers "
              "there are\n");
}

static void test_bad_units(void **state)
{
    (void)state;
    complains(HEAD "settle: 20\n",
              "x.yaml:7:9: '20' is not a duration for 'settle': write a whole "
              "number and a unit (us, ms, s, m, h, d), such as 250ms\n");
    complains(
        HEAD "settle: 20 parsecs\n",
        "x.yaml:7:9: '20 parsecs' is not a duration for 'settle': write a "
        "whole number and a unit (us, ms, s, m, h, d), such as 250ms\n");
    complains(HEAD "  - {topic: orders, rate: 5}\n",
              "x.yaml:7:27: '5' is not a rate for 'rate': write a whole number "
              "and /s, /m or /h, such as 5/s\n");
    complains(HEAD "  - {topic: orders, rate: 5/s, record-size: 1KB}\n",
              "x.yaml:7:45: '1KB' is not a size for 'record-size': write a "
              "whole number and a unit (B, KiB, MiB, GiB), such as 64KiB\n");
    complains(HEAD "faults:\n  - {point: net/reset, rate: 2}\n",
              "x.yaml:8:30: '2' is not a chance for 'rate': write a number "
              "above 0 and up to 1, or a percentage such as 2%\n");
}

static void test_unknown_names(void **state)
{
    (void)state;
    complains(HEAD "faults:\n  - {point: disk/sync/io, rate: 1%}\n",
              "x.yaml:8:13: there is no fault point 'disk/sync/io', did you "
              "mean 'disk/sync/eio'? ('kqsim faults' lists them)\n");
    complains(HEAD "oracles: [orders]\n",
              "x.yaml:7:11: there is no oracle 'orders' ('kqsim oracles' "
              "lists them)\n");
    complains(HEAD "reaches: [x]\n", "x.yaml:7:11: there is no mark 'x' "
                                     "('kqsim marks' lists them)\n");
    complains(HEAD "steps:\n  - {at: 1s, kill: b4}\n",
              "x.yaml:8:20: there is no node 'b4': b1 to b3 exist\n");
    complains(HEAD "steps:\n  - {at: 1s, kill: leader(order/0)}\n",
              "x.yaml:8:20: no topic 'order' stands under topics, did you "
              "mean 'orders'?\n");
    complains(HEAD "steps:\n  - {at: 1s, kill: leader(orders/2)}\n",
              "x.yaml:8:20: topic 'orders' has partitions 0 to 1 only\n");
    complains(HEAD "  - {topic: ordes, rate: 1/s}\n",
              "x.yaml:7:13: no topic 'ordes' stands under topics, did you "
              "mean 'orders'?\n");
    complains("description: d\nduration: 1s\nproducers: []\n"
              "topics: {a: {}}\nsteps:\n  - {at: 0, kill: leader(a/1)}\n",
              "x.yaml:6:19: topic 'a' has partition 0 only\n");
    complains_at(HEAD "steps:\n  - {at: 1s, kill: leder(orders/0)}\n",
                 "x.yaml:8:20: 'leder(orders/0)' names no node, did you mean "
                 "'leader'? (");
    complains(HEAD "steps:\n  - {at: 1s, kill: 2}\n",
              "x.yaml:8:20: '2' names no node: brokers are b1, b2, ..., "
              "clients c1 and servers of ZooKeeper z1\n");
    complains(HEAD "steps:\n  - {at: 1s, kill: leader}\n",
              "x.yaml:8:20: 'leader' names no node: write "
              "leader(TOPIC/NUMBER), such as leader(orders/0)\n");
    complains_at(HEAD "steps:\n  - {at: 1s, kill: any brokers}\n",
                 "x.yaml:8:20: 'any brokers' names no node, did you mean "
                 "'any broker'?");
    complains_at(HEAD "steps:\n  - {at: 1s, kill: controler}\n",
                 "x.yaml:8:20: 'controler' names no node, did you mean "
                 "'controller'?");
}

static void test_steps_that_make_no_sense(void **state)
{
    (void)state;
    complains_at(HEAD "steps:\n  - {at: 1s}\n",
                 "x.yaml:8:5: the step does nothing: ");
    complains(HEAD "steps:\n  - {at: 1s, kill: b1, stop: b2}\n",
              "x.yaml:8:30: a step does one thing: 'kill' and 'stop' are two "
              "steps\n");
    complains(HEAD "steps:\n  - {kill: b1}\n",
              "x.yaml:8:5: a step needs either 'at' (a time) or 'when' (a "
              "condition)\n");
    complains(HEAD "steps:\n  - {at: 11s, kill: b1}\n",
              "x.yaml:8:5: the step lies after the duration of the "
              "scenario\n");
    complains(HEAD "steps:\n  - {at: [3s, 2s], kill: b1}\n",
              "x.yaml:8:10: the window of 'at' ends before it begins\n");
    complains(HEAD "steps:\n  - at: 2s, 3s\n    kill: b1\n",
              "x.yaml:8:9: 'at' is a duration, or a window of two such as [2s, "
              "8s]\n");
    complains(HEAD "steps:\n  - {at: 1s, clock-jump: b1}\n",
              "x.yaml:8:5: clock-jump needs 'by': how far the clock moves, "
              "such as 30d or -5s\n");
    complains(HEAD "steps:\n  - {at: 1s, expire: b1, for: 1s}\n",
              "x.yaml:8:5: expire cannot be undone: leave 'for' out\n");
    complains_at(HEAD "steps:\n  - {when: orders/0 grew 3, kill: b1}\n",
                 "x.yaml:8:12: a partition is not 'grew'");
    complains(HEAD "faults:\n  - {point: net/reset}\n",
              "x.yaml:8:5: a fault needs either 'nth' (once, at that asking) "
              "or 'rate' (a chance)\n");
    complains(HEAD "faults:\n  - {point: net/reset, nth: [3, 9, 9]}\n",
              "x.yaml:8:36: each number of nth is greater than the one "
              "before\n");
    complains(HEAD "faults:\n  - {point: net/reset, nth: []}\n",
              "x.yaml:8:29: nth takes one to 65536 numbers\n");
}

static void test_settings_out_of_range(void **state)
{
    (void)state;
    complains(HEAD "cluster:\n  config: {log.roll.ms: 5ms}\n",
              "x.yaml:8:25: '5' is not a value for log.roll.ms: give a whole "
              "number of ms from 1000 to 31536000000000\n");
    complains("description: d\nduration: 1s\nproducers: []\n"
              "topics: {a: {config: {segment.bytes: 12B}}}\n",
              "x.yaml:4:38: '12' is not a value for segment.bytes: give a "
              "whole number with a unit, such as 64KiB, from 4096 to "
              "17179869184\n");
    complains_at(HEAD "cluster:\n  config: {replica.lag.time.max.ms: 2s}\n",
                 "x.yaml:8:11: replica.lag.time.max.ms (2000) must be more");
    complains("description: d\nduration: 1s\nproducers: []\n"
              "topics: {a: {replicas: 4}}\n",
              "x.yaml:4:10: topic 'a' has 4 replicas; there are 3 brokers\n");
}

static void test_every_mistake_is_told(void **state)
{
    (void)state;
    complains(
        HEAD "settle: 1\nheal: 2s\nreaches: [x]\n",
        "x.yaml:8:1: a scenario has no key 'heal', but these: description, "
        "cluster, duration, disk, topics, producers, consumers, steps, "
        "faults, oracles, at-least, heal-within, settle, "
        "restart-delay, clock-slack, always-led, reaches\n"
        "x.yaml:7:9: '1' is not a duration for 'settle': write a whole "
        "number and a unit (us, ms, s, m, h, d), such as 250ms\n"
        "x.yaml:9:11: there is no mark 'x' ('kqsim marks' lists "
        "them)\n");
}

/* Of one mistake nothing else is said that only follows from it. */
static void test_no_mistake_is_told_twice(void **state)
{
    (void)state;
    complains("description: d\nduration: 15\nproducers: []\n"
              "topics: {a: {}}\nsteps:\n  - {at: 20s, kill: b1}\n",
              "x.yaml:2:11: '15' is not a duration for 'duration': write a "
              "whole number and a unit (us, ms, s, m, h, d), such as 250ms\n");
    complains(HEAD "steps:\n  - {at: 1s, kill: b1, every: 4}\n",
              "x.yaml:8:31: '4' is not a duration for 'every': write a whole "
              "number and a unit (us, ms, s, m, h, d), such as 250ms\n");
    complains(HEAD "steps:\n  - {at: 1s, kill: b1, every: 0}\n",
              "x.yaml:8:5: 'every' must be more than 0\n");
    complains(HEAD "steps:\n  - {at: 1s, klil: b1}\n",
              "x.yaml:8:14: a step has no key 'klil', did you mean 'kill'?\n");
    complains(HEAD "cluster:\n  config:\n"
                   "    replica.lag.time.max.ms: 2s\n"
                   "    zookeeper.session.timeout.ms: 1\n",
              "x.yaml:10:35: '1' is not a value for "
              "zookeeper.session.timeout.ms: give a whole number of ms from "
              "400 to 600000\n");
    complains("description: d\nduration: 1s\ntopics: [orders]\n"
              "producers:\n  - {topic: orders, rate: 5/s}\n",
              "x.yaml:3:9: topics must be a mapping of names to topics\n");
}

static void test_log_directories(void **state)
{
    struct scenario *scenario =
        parse(HEAD "cluster: {log-dirs: 2}\n"
                   "steps:\n"
                   "  - {at: 1s, disk-fails: b1, directory: 2, for: 2s}\n"
                   "  - {at: 1s, disk-replaced: b2, directory: 1}\n");

    (void)state;
    assert_int_equal(scenario->log_dirs, 2);
    assert_int_equal(scenario->steps[0].action, STEP_DISK_FAILS);
    assert_int_equal(scenario->steps[0].directory, 2);
    assert_int_equal(scenario->steps[1].directory, 1);
    scenario_free(scenario);
    complains(HEAD "steps:\n"
                   "  - {at: 1s, disk-fails: b1}\n"
                   "  - {at: 1s, disk-replaced: b1, directory: 2}\n"
                   "  - {at: 1s, wipe: b1, directory: 1}\n",
              "x.yaml:8:5: disk-fails needs 'directory': which log directory, "
              "from 1\n"
              "x.yaml:9:5: a broker has log directories 1 to 1 only\n"
              "x.yaml:10:5: directory belongs to disk-fails and "
              "disk-replaced, not to wipe\n");
}

static void a_znode_is_damaged_in_some_way(void **state)
{
    (void)state;
    complains(HEAD "steps:\n"
                   "  - {at: 1s, damage-znode: changes}\n",
              "x.yaml:8:28: 'changes' is no path of a znode, such as "
              "/topics/orders/state/0\n");
    complains(HEAD "steps:\n"
                   "  - {at: 1s, damage-znode: /changes, as: emty}\n",
              "x.yaml:8:42: a znode is damaged as garbage, empty, flipped or "
              "removed, not as 'emty', did you mean 'empty'?\n");
    complains(HEAD "steps:\n"
                   "  - {at: 1s, kill: b1, as: empty}\n",
              "x.yaml:8:5: as belongs to damage-znode, not to kill\n");
}

static void test_missing_file(void **state)
{
    struct complaints complaints = {NULL, 0, 0};

    (void)state;
    assert_null(scenario_load("/nonexistent/y.yaml", &complaints));
    assert_string_equal(complaints.text,
                        "/nonexistent/y.yaml:1:1: cannot be opened: No such "
                        "file or directory\n");
    complaints_release(&complaints);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_znode_is_damaged_in_some_way),
        cmocka_unit_test(test_template),
        cmocka_unit_test(test_disk),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_cluster_and_topics),
        cmocka_unit_test(test_clients),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_faults_and_the_rest),
        cmocka_unit_test(test_late_topic),
        cmocka_unit_test(test_files_that_hold_nothing),
        cmocka_unit_test(test_unknown_keys),
        cmocka_unit_test(test_missing_keys),
        cmocka_unit_test(test_wrong_types),
        cmocka_unit_test(test_bad_units),
        cmocka_unit_test(test_unknown_names),
        cmocka_unit_test(test_steps_that_make_no_sense),
        cmocka_unit_test(test_settings_out_of_range),
        cmocka_unit_test(test_every_mistake_is_told),
        cmocka_unit_test(test_no_mistake_is_told_twice),
        cmocka_unit_test(test_log_directories),
        cmocka_unit_test(test_missing_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
