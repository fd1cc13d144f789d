/* SPDX-License-Identifier: Apache-2.0
 *
 * What may be less, or rounder: time, nodes, partitions, replicas, what
 * clients send, when steps happen. Each edit offers the smallest value first
 * and never a larger one than there is, so that it comes to an end.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/shrink/internal.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define MILLISECOND 1000
#define SECOND      1000000

static const int64_t units[] = {SECOND, 100 * MILLISECOND, 10 * MILLISECOND,
                                MILLISECOND};
#define UNITS COUNT_OF(units)

/* ---- duration ---- */

static size_t count_durations(const struct scenario *scenario)
{
    (void)scenario;
    return 7;
}

/* By eighths, and to round times. */
static bool shorten(struct scenario *scenario, size_t at)
{
    int64_t now = scenario->duration_us;
    int64_t unit = now > 2 * SECOND ? SECOND : 100 * MILLISECOND;
    int64_t us = now * (int64_t)(at + 1) / 8;

    us = (us + unit - 1) / unit * unit;
    if (us >= now)
        return false;
    scenario->duration_us = us;
    for (size_t i = scenario->step_count; i-- > 0;)
        if (scenario->steps[i].when.kind == CONDITION_NONE &&
            scenario->steps[i].at.to_us >= us)
            remove_step(scenario, i);
    for (size_t i = scenario->fault_count; i-- > 0;)
        if (scenario->faults[i].from_us >= us)
            remove_fault(scenario, i);
    return true;
}

/* ---- nodes ---- */

static size_t count_nodes(const struct scenario *scenario)
{
    return (size_t)(scenario->brokers + scenario->zookeepers +
                    scenario->log_dirs);
}

static bool fewer_brokers(struct scenario *scenario, int64_t brokers)
{
    for (size_t i = 0; i < scenario->topic_count; i++) {
        struct scenario_topic *topic = &scenario->topics[i];

        if (topic->replicas <= brokers)
            continue;
        if (destroys(scenario))
            return false;
        topic->replicas = brokers;
    }
    scenario->brokers = brokers;
    forget_nodes(scenario, TARGET_BROKER, brokers);
    return true;
}

static bool fewer_directories(struct scenario *scenario, int64_t log_dirs)
{
    scenario->log_dirs = log_dirs;
    for (size_t i = scenario->step_count; i-- > 0;)
        if (scenario->steps[i].directory > log_dirs)
            remove_step(scenario, i);
    return true;
}

/* First the brokers, then the servers of ZooKeeper, then the directories. */
static bool fewer_nodes(struct scenario *scenario, size_t at)
{
    int64_t number = (int64_t)at + 1;

    if (number <= scenario->brokers)
        return number < scenario->brokers && fewer_brokers(scenario, number);
    number -= scenario->brokers;
    if (number < scenario->zookeepers) {
        scenario->zookeepers = number;
        forget_nodes(scenario, TARGET_ZOOKEEPER, number);
        return true;
    }
    number -= scenario->zookeepers;
    return number > 0 && number < scenario->log_dirs &&
           fewer_directories(scenario, number);
}

/* ---- topics ---- */

static size_t count_partitions(const struct scenario *scenario)
{
    return scenario->topic_count * SCENARIO_PARTITIONS_MAX;
}

static bool fewer_partitions(struct scenario *scenario, size_t at)
{
    size_t topic = at / SCENARIO_PARTITIONS_MAX;
    int64_t number = (int64_t)(at % SCENARIO_PARTITIONS_MAX) + 1;

    if (number >= scenario->topics[topic].partitions)
        return false;
    scenario->topics[topic].partitions = number;
    for (size_t i = 0; i < scenario->producer_count; i++)
        if (scenario->producers[i].topic == (int64_t)topic &&
            scenario->producers[i].partition >= number)
            scenario->producers[i].partition = number - 1;
    forget_partitions(scenario, (int64_t)topic, number);
    return true;
}

static size_t count_replicas(const struct scenario *scenario)
{
    return scenario->topic_count * SCENARIO_BROKERS_MAX;
}

static bool fewer_replicas(struct scenario *scenario, size_t at)
{
    struct scenario_topic *topic = &scenario->topics[at / SCENARIO_BROKERS_MAX];
    int64_t number = (int64_t)(at % SCENARIO_BROKERS_MAX) + 1;

    if (number >= topic->replicas || destroys(scenario))
        return false;
    topic->replicas = number;
    return true;
}

/* ---- what clients do ---- */

#define PRODUCER_WAYS 8

static size_t count_producer_ways(const struct scenario *scenario)
{
    return scenario->producer_count * PRODUCER_WAYS;
}

static bool set(int64_t *value, int64_t to)
{
    bool changes = *value != to;

    *value = to;
    return changes;
}

static bool simpler_producer(struct scenario *scenario, size_t at)
{
    struct scenario_producer *producer =
        &scenario->producers[at / PRODUCER_WAYS];

    switch (at % PRODUCER_WAYS) {
    case 0:
        return set(&producer->batch, 1);
    case 1:
        return set(&producer->record_bytes, 100);
    case 2:
        return set(&producer->in_flight, 5);
    case 3:
        return producer->interval_us < 200 * MILLISECOND &&
               set(&producer->interval_us, 200 * MILLISECOND);
    case 4:
        return producer->interval_us < 50 * MILLISECOND &&
               set(&producer->interval_us, 50 * MILLISECOND);
    case 5:
        return producer->timestamps != TIMESTAMPS_NOW &&
               ((producer->timestamps = TIMESTAMPS_NOW),
                set(&producer->timestamp_every, 1), true);
    case 6:
        return set(&producer->from_us, 0);
    default:
        return set(&producer->until_us, SCENARIO_FOR_EVER);
    }
}

#define CONSUMER_WAYS 3

static size_t count_consumer_ways(const struct scenario *scenario)
{
    return scenario->consumer_count * CONSUMER_WAYS;
}

static bool simpler_consumer(struct scenario *scenario, size_t at)
{
    struct scenario_consumer *consumer =
        &scenario->consumers[at / CONSUMER_WAYS];
    bool latest = consumer->latest;

    switch (at % CONSUMER_WAYS) {
    case 0:
        consumer->latest = false;
        return latest;
    case 1:
        return set(&consumer->from_us, 0);
    default:
        return set(&consumer->until_us, SCENARIO_FOR_EVER);
    }
}

/* ---- what steps say besides ---- */

#define STEP_WAYS 6

static size_t count_step_ways(const struct scenario *scenario)
{
    return scenario->step_count * STEP_WAYS;
}

static bool fewer_times(struct scenario_step *step, int64_t times)
{
    if (step->every.to_us == 0 || (step->times > 0 && step->times <= times))
        return false;
    step->times = times;
    if (times == 1)
        step->every = (struct span){0, 0};
    return true;
}

/* Who is down when others lose their disks must come back. */
static bool simpler_step(struct scenario *scenario, size_t at)
{
    struct scenario_step *step = &scenario->steps[at / STEP_WAYS];
    bool one_way = step->one_way;
    bool held = step->hold.from_us >= 0;

    switch (at % STEP_WAYS) {
    case 0:
        step->one_way = false;
        return one_way;
    case 1:
        step->hold = (struct span){-1, -1};
        return held && !destroys(scenario);
    default:
        return fewer_times(step, 1LL << (at % STEP_WAYS - 2));
    }
}

static size_t count_roundings(const struct scenario *scenario)
{
    return scenario->step_count * 3 * UNITS;
}

/* A time that is a multiple of the unit already, or none, stays. */
static bool round_span(struct span *span, int64_t unit)
{
    int64_t us = (span->from_us + unit / 2) / unit * unit;

    if (span->from_us != span->to_us || span->from_us <= 0 || us == 0 ||
        span->from_us % unit == 0)
        return false;
    *span = (struct span){us, us};
    return true;
}

static bool rounder(struct scenario *scenario, size_t at)
{
    struct scenario_step *step = &scenario->steps[at / (3 * UNITS)];
    int64_t unit = units[at % UNITS];

    switch (at / UNITS % 3) {
    case 0:
        return round_span(&step->at, unit);
    case 1:
        return round_span(&step->after, unit);
    default:
        return round_span(&step->hold, unit);
    }
}

const struct edit edits_of_values[EDITS_OF_VALUES] = {
    {count_durations, shorten},
    {count_nodes, fewer_nodes},
    {count_partitions, fewer_partitions},
    {count_replicas, fewer_replicas},
    {count_producer_ways, simpler_producer},
    {count_consumer_ways, simpler_consumer},
    {count_step_ways, simpler_step},
    {count_roundings, rounder},
};
