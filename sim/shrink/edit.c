/* SPDX-License-Identifier: Apache-2.0
 *
 * What may be left out of a scenario: steps, occurrences of faults, clients,
 * topics, settings. Who is left keeps its meaning: clients behind one that
 * goes are called anew, and what was about somebody who is gone goes too.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/shrink/internal.h"

/* ---- lists ---- */

static void close_gap(void *items, size_t *count, size_t at, size_t size)
{
    char *gap = (char *)items + at * size;

    memmove(gap, gap + size, (*count - at - 1) * size);
    --*count;
}

bool remove_step(struct scenario *scenario, size_t at)
{
    settings_release(&scenario->steps[at].config);
    close_gap(scenario->steps, &scenario->step_count, at,
              sizeof *scenario->steps);
    return true;
}

void remove_fault(struct scenario *scenario, size_t at)
{
    free(scenario->faults[at].nths);
    close_gap(scenario->faults, &scenario->fault_count, at,
              sizeof *scenario->faults);
}

/* ---- who is gone ---- */

/* How what is said of nodes, topics and partitions changes: each returns
 * false when what it spoke of is no more. */
struct change {
    bool (*node)(const struct change *change, struct target *target);
    bool (*place)(const struct change *change, int64_t *topic,
                  int64_t *partition);
    enum target_kind kind;
    int64_t at;
    int64_t from;
};

static bool has_place(const struct target *target)
{
    return target->kind == TARGET_LEADER || target->kind == TARGET_FOLLOWER ||
           target->kind == TARGET_FOLLOWERS;
}

static bool change_target(const struct change *change, struct target *target)
{
    if (has_place(target))
        return change->place == NULL ||
               change->place(change, &target->topic, &target->partition);
    return change->node == NULL || change->node(change, target);
}

static bool change_targets(const struct change *change,
                           struct scenario_step *step)
{
    for (size_t i = step->target_count; i-- > 0;)
        if (!change_target(change, &step->targets[i]))
            close_gap(step->targets, &step->target_count, i,
                      sizeof *step->targets);
    return step->target_count > 0;
}

static bool change_step(const struct change *change, struct scenario_step *step)
{
    enum step_takes takes = step_takes(step->action);

    if (step->when.kind != CONDITION_NONE && change->place != NULL &&
        !change->place(change, &step->when.topic, &step->when.partition))
        return false;
    if ((takes == TAKES_TOPIC || takes == TAKES_PLACE || takes == TAKES_ROT ||
         takes == TAKES_MOVE) &&
        change->place != NULL &&
        !change->place(change, &step->topic, &step->partition))
        return false;
    if (takes == TAKES_TOPIC || takes == TAKES_PLACE || takes == TAKES_ZNODE ||
        step->action == STEP_CANCEL_REASSIGN)
        return true;
    if (takes == TAKES_LINK)
        return step->from.kind == TARGET_NOBODY ||
               (change_target(change, &step->from) &&
                change_target(change, &step->to));
    return change_targets(change, step);
}

static void change_all(struct scenario *scenario, const struct change *change)
{
    for (size_t i = scenario->step_count; i-- > 0;)
        if (!change_step(change, &scenario->steps[i]))
            remove_step(scenario, i);
    for (size_t i = scenario->fault_count; i-- > 0;)
        if (!change_target(change, &scenario->faults[i].node))
            remove_fault(scenario, i);
}

static bool is_below(const struct change *change, struct target *target)
{
    return target->kind != change->kind || target->index < change->from;
}

void forget_nodes(struct scenario *scenario, enum target_kind kind,
                  int64_t from)
{
    struct change change = {.node = is_below, .kind = kind, .from = from};

    change_all(scenario, &change);
}

static bool move_partition(const struct change *change, int64_t *topic,
                           int64_t *partition)
{
    if (*topic == change->at && *partition >= change->from)
        *partition = change->from - 1;
    return true;
}

void forget_partitions(struct scenario *scenario, int64_t topic, int64_t from)
{
    struct change change = {.place = move_partition, .at = topic, .from = from};

    change_all(scenario, &change);
}

static bool move_client(const struct change *change, struct target *target)
{
    if (target->kind != TARGET_CLIENT || target->index < change->at)
        return true;
    return target->index-- > change->at;
}

static bool move_topic(const struct change *change, int64_t *topic,
                       int64_t *partition)
{
    (void)partition;
    if (*topic < change->at)
        return true;
    return (*topic)-- > change->at;
}

/* ---- steps ---- */

size_t count_steps(const struct scenario *scenario)
{
    return scenario->step_count;
}

/* ---- occurrences of faults; one that has a rate counts as one ---- */

static size_t occurrences_of(const struct scenario_fault *fault)
{
    return fault->nth_count > 0 ? fault->nth_count : 1;
}

size_t count_occurrences(const struct scenario *scenario)
{
    size_t count = 0;

    for (size_t i = 0; i < scenario->fault_count; i++)
        count += occurrences_of(&scenario->faults[i]);
    return count;
}

static bool remove_occurrence(struct scenario *scenario, size_t at)
{
    size_t i = 0;
    struct scenario_fault *fault;

    while (at >= occurrences_of(&scenario->faults[i]))
        at -= occurrences_of(&scenario->faults[i++]);
    fault = &scenario->faults[i];
    if (occurrences_of(fault) == 1)
        remove_fault(scenario, i);
    else
        close_gap(fault->nths, &fault->nth_count, at, sizeof *fault->nths);
    return true;
}

/* ---- clients ---- */

size_t count_clients(const struct scenario *scenario)
{
    return (size_t)scenario->client_count;
}

static bool remove_client(struct scenario *scenario, size_t at)
{
    struct change change = {.node = move_client, .at = (int64_t)at};
    int64_t left = (int64_t)at;
    size_t i = 0;

    change_all(scenario, &change);
    scenario->client_count--;
    for (; i < scenario->producer_count; i++) {
        struct scenario_producer *producer = &scenario->producers[i];

        if (left < producer->clients) {
            if (--producer->clients == 0)
                close_gap(scenario->producers, &scenario->producer_count, i,
                          sizeof *producer);
            return true;
        }
        left -= producer->clients;
    }
    for (i = 0; left >= scenario->consumers[i].clients; i++)
        left -= scenario->consumers[i].clients;
    if (--scenario->consumers[i].clients == 0)
        close_gap(scenario->consumers, &scenario->consumer_count, i,
                  sizeof *scenario->consumers);
    return true;
}

/* ---- topics ---- */

static size_t count_topics(const struct scenario *scenario)
{
    return scenario->topic_count;
}

static void remove_clients_of(struct scenario *scenario, int64_t topic)
{
    size_t client = 0;

    for (size_t i = 0; i < scenario->producer_count;) {
        struct scenario_producer producer = scenario->producers[i];

        for (int64_t k = 0; k < producer.clients; k++)
            if (producer.topic == topic)
                remove_client(scenario, client);
            else
                client++;
        i += producer.topic != topic;
    }
    for (size_t i = 0; i < scenario->consumer_count;) {
        struct scenario_consumer consumer = scenario->consumers[i];

        for (int64_t k = 0; k < consumer.clients; k++)
            if (consumer.topic == topic)
                remove_client(scenario, client);
            else
                client++;
        i += consumer.topic != topic;
    }
}

static bool remove_topic(struct scenario *scenario, size_t at)
{
    struct change change = {.place = move_topic, .at = (int64_t)at};

    remove_clients_of(scenario, (int64_t)at);
    change_all(scenario, &change);
    for (size_t i = 0; i < scenario->producer_count; i++)
        scenario->producers[i].topic -=
            scenario->producers[i].topic > (int64_t)at;
    for (size_t i = 0; i < scenario->consumer_count; i++)
        scenario->consumers[i].topic -=
            scenario->consumers[i].topic > (int64_t)at;
    free(scenario->topics[at].name);
    settings_release(&scenario->topics[at].config);
    close_gap(scenario->topics, &scenario->topic_count, at,
              sizeof *scenario->topics);
    return true;
}

/* ---- settings ---- */

bool destroys(const struct scenario *scenario)
{
    for (size_t i = 0; i < scenario->step_count; i++)
        if (step_stored(scenario->steps[i].action) != STORED_KEPT)
            return true;
    for (size_t i = 0; i < scenario->fault_count; i++)
        switch (scenario->faults[i].point) {
        case FAULT_DISK_WRITE_LOST:
        case FAULT_DISK_WRITE_MISDIRECTED:
        case FAULT_DISK_ROT:
            return true;
        default:
            break;
        }
    return false;
}

/* What the promise itself hangs on stays as it is. */
static bool may_go(const struct scenario *scenario, const char *key)
{
    static const char *const promises[] = {
        "flush.ms", "log.flush.interval.ms", "min.insync.replicas",
        "zookeeper.session.timeout.ms", "replica.lag.time.max.ms"};
    size_t count = scenario->heal_within_given ? 5 : 3;

    for (size_t i = 0; i < count; i++)
        if (strcmp(key, promises[i]) == 0)
            return false;
    return true;
}

static struct settings *settings_at(struct scenario *scenario, size_t i)
{
    if (i == 0)
        return &scenario->config;
    return i <= scenario->topic_count
               ? &scenario->topics[i - 1].config
               : &scenario->steps[i - 1 - scenario->topic_count].config;
}

static size_t count_settings(const struct scenario *scenario)
{
    size_t count = scenario->config.count;

    for (size_t i = 0; i < scenario->topic_count; i++)
        count += scenario->topics[i].config.count;
    for (size_t i = 0; i < scenario->step_count; i++)
        count += scenario->steps[i].config.count;
    return count;
}

static bool remove_setting(struct scenario *scenario, size_t at)
{
    struct settings *settings = &scenario->config;

    for (size_t i = 1; at >= settings->count; i++) {
        at -= settings->count;
        settings = settings_at(scenario, i);
    }
    if (!may_go(scenario, settings->items[at].key))
        return false;
    free(settings->items[at].key);
    free(settings->items[at].value);
    close_gap(settings->items, &settings->count, at, sizeof *settings->items);
    return true;
}

const struct edit edits_of_elements[EDITS_OF_ELEMENTS] = {
    {count_steps, remove_step},       {count_occurrences, remove_occurrence},
    {count_clients, remove_client},   {count_topics, remove_topic},
    {count_settings, remove_setting},
};
