/* SPDX-License-Identifier: Apache-2.0
 *
 * A run from its first node to its verdict.
 */
#include "sim/workload/run.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "sim/workload/internal.h"

#define SETUP_US      60000000
#define CLOSING_US    30000000
#define WALL_START_MS 1700000000000LL

/* ---- what the judge is told ---- */

void run_history(const struct worker *worker, const struct history *event)
{
    struct run *run = worker->run;

    world_catch_up(run->world);
    chronicle_history(run->chronicle, world_now_us(run->world),
                      node_index(worker->host->node), event);
    judge_time(run->judge, world_now_us(run->world));
    judge_history(run->judge, event);
}

static struct run *run_of(struct world_observer *observer)
{
    return container_of(observer, struct run, observer);
}

static void on_fact(struct world_observer *observer, struct node *node,
                    const struct fact *fact)
{
    struct run *run = run_of(observer);
    unsigned index = node_index(node);
    int64_t now_us = world_now_us(run->world);

    if (index >= (unsigned)run->scenario->brokers)
        return;
    run->brokers[index].starting = false;
    chronicle_fact(run->chronicle, now_us, index, fact);
    judge_time(run->judge, now_us);
    judge_fact(run->judge, index, fact);
    if (fact->type == FACT_FENCED)
        broker_host_fenced(&run->brokers[index]);
    run_steps_fact(run, index, fact);
    run_look_in_sync(run);
}

static void on_down(struct world_observer *observer, struct node *node)
{
    struct run *run = run_of(observer);
    struct broker_host *host = run_broker(run, node);

    if (host == NULL)
        return;
    judge_time(run->judge, world_now_us(run->world));
    judge_node(run->judge, host->index, NODE_CRASHED);
    broker_host_down(host);
}

static void on_up(struct world_observer *observer, struct node *node)
{
    struct run *run = run_of(observer);
    struct broker_host *host = run_broker(run, node);

    if (host == NULL)
        return;
    judge_time(run->judge, world_now_us(run->world));
    judge_node(run->judge, host->index, NODE_STARTED);
    if (host->damaged)
        judge_node(run->judge, host->index, NODE_DAMAGED);
    host->starting = true;
}

static void add_turn(struct run_turns *turns, uint64_t turn)
{
    if (turns->count > 0 && turns->turns[turns->count - 1] == turn)
        return;
    if (turns->count == turns->room) {
        turns->room = turns->room ? turns->room * 2 : 64;
        turns->turns =
            realloc(turns->turns, turns->room * sizeof *turns->turns);
        if (turns->turns == NULL)
            abort();
    }
    turns->turns[turns->count++] = turn;
}

static void on_disk(struct world_observer *observer, struct node *node,
                    const struct disk_call *call)
{
    struct run *run = run_of(observer);
    struct broker_host *host = run_broker(run, node);

    if (host != NULL)
        run_disk_call(run, host, call);
    if (run->forks != NULL && run->phase == PHASE_WORK &&
        (call->operation == DISK_SYNC ||
         call->operation == DISK_SYNC_DIRECTORY))
        add_turn(&run->forks->syncs, world_turn(run->world));
}

static void on_mark(struct world_observer *observer, enum mark mark)
{
    struct run *run = run_of(observer);

    (void)mark;
    if (run->forks != NULL && run->phase == PHASE_WORK)
        add_turn(&run->forks->marks, world_turn(run->world) + 1);
}

static enum damage_time may_damage(struct world_observer *observer,
                                   struct node *node,
                                   const struct disk_place *place)
{
    struct run *run = run_of(observer);
    struct broker_host *host = run_broker(run, node);

    return host != NULL && run->phase == PHASE_WORK
               ? atlas_time(run, host, place)
               : DAMAGE_NEVER;
}

static void on_damage(struct world_observer *observer, struct node *node,
                      const struct disk_place *place)
{
    struct run *run = run_of(observer);

    atlas_damaged(run, run_broker(run, node), place);
}

static void on_note(struct world_observer *observer, const struct node *node,
                    const char *text)
{
    struct run *run = run_of(observer);

    if (run->world == NULL)
        return; /* it is being made */
    chronicle_note(run->chronicle, world_now_us(run->world),
                   node ? (int)node_index(node) : -1, text);
}

static void on_log(struct world_observer *observer, const struct node *node,
                   enum trace_level level, const char *text)
{
    struct run *run = run_of(observer);

    chronicle_log(run->chronicle, world_now_us(run->world), node_index(node),
                  level, text);
}

void run_say(struct run *run, const char *who, enum chronicle_kind kind,
             const char *what)
{
    chronicle_say(run->chronicle, world_now_us(run->world), who, kind, what);
}

static void on_asked(struct world_observer *observer, struct node *node,
                     unsigned fault, bool fires)
{
    run_decided_asking(run_of(observer), node, fault, fires);
}

/* ---- topics ---- */

struct partition_key run_key(const struct run *run, size_t topic,
                             uint32_t partition)
{
    return (struct partition_key){run->topics[topic].id, partition};
}

void run_topic_exists(struct run *run, size_t topic, const struct uuid *id)
{
    struct run_topic *state = &run->topics[topic];

    if (state->exists || !state->wanted || state->deleting)
        return;
    state->exists = true;
    state->id = *id;
    state->partition_count = (uint32_t)state->topic->partitions;
    memset(state->partitions, 0, sizeof state->partitions);
    judge_topic_is(run->judge, id, topic);
    chronicle_topic(run->chronicle, id, state->topic->name);
}

void run_topic_has(struct run_topic *topic, size_t partition_count)
{
    ASSERT(partition_count <= SCENARIO_PARTITIONS_MAX);
    if (topic->partition_count < partition_count)
        topic->partition_count = (uint32_t)partition_count;
}

uint64_t run_unanswered(const struct run *run, size_t topic)
{
    uint64_t count = 0;

    for (int64_t i = 0; i < run->scenario->client_count; i++)
        if (node_is_up(run->clients[i].node))
            count += run->clients[i].unanswered[topic];
    return count;
}

bool run_topic_asked(const struct run_topic *topic)
{
    for (size_t i = 0; i < ADDITIONS_MAX; i++)
        if (topic->additions[i].to != 0)
            return true;
    return run_moves_wanted(topic);
}

/* What was moved away from a broker is gone there. */
static bool is_tidy(const struct run *run, size_t topic, uint32_t partition)
{
    struct partition_key key = run_key(run, topic, partition);

    return judge_stray(run->judge, &key,
                       run->topics[topic].partitions[partition].assigned) < 0;
}

static bool topic_is_whole(const struct run *run, size_t index)
{
    const struct run_topic *topic = &run->topics[index];

    if (run_topic_asked(topic))
        return false;
    for (uint32_t i = 0; i < topic->partition_count; i++) {
        const struct run_partition *partition = &topic->partitions[i];

        if (!partition->led || partition->replicas == 0 || partition->moving ||
            partition->in_sync < partition->replicas || !is_tidy(run, index, i))
            return false;
    }
    return true;
}

bool run_is_whole(const struct run *run)
{
    for (size_t i = 0; i < run->scenario->topic_count; i++) {
        const struct run_topic *topic = &run->topics[i];

        if (topic->deleting || (topic->wanted && !topic->exists) ||
            (topic->exists && !topic_is_whole(run, i)))
            return false;
    }
    return true;
}

/* ---- phases ---- */

static bool over(const struct run *run)
{
    return judge_violation(run->judge) != NULL;
}

static bool setup_done(void *context)
{
    return over(context) || run_is_whole(context);
}

static bool work_done(void *context)
{
    return over(context);
}

static bool all_written(const struct run *run)
{
    for (size_t t = 0; t < run->scenario->topic_count; t++) {
        const struct run_topic *topic = &run->topics[t];

        if (run_unanswered(run, t) > 0)
            return false;
        for (uint32_t i = 0; topic->exists && i < topic->partition_count; i++)
            if (!topic->partitions[i].written)
                return false;
    }
    return true;
}

/* Whole for as long as metadata may be wrong about it: what they show is as
 * old as the last session that ended. */
static bool heal_done(void *context)
{
    struct run *run = context;
    int64_t now_us = world_now_us(run->world);

    if (over(run))
        return true;
    if (!all_written(run) || !run_is_whole(run) ||
        !judge_mended(run->judge, 0)) {
        run->whole_since_us = 0;
        return false;
    }
    if (run->whole_since_us == 0)
        run->whole_since_us = now_us;
    return now_us - run->whole_since_us >= run->scenario->stale_us;
}

static bool closing_done(void *context)
{
    const struct run *run = context;

    if (over(run))
        return true;
    for (size_t t = 0; t < run->scenario->topic_count; t++)
        for (uint32_t i = 0; i < run->topics[t].partition_count; i++)
            if (run->topics[t].exists && !run->topics[t].partitions[i].read)
                return false;
    return true;
}

static bool run_for(struct run *run, int64_t us, bool (*done)(void *context))
{
    return world_run(run->world, world_now_us(run->world) + us, done, run);
}

static void begin_work(struct run *run)
{
    run->phase = PHASE_WORK;
    run->start_us = world_now_us(run->world);
    chronicle_say(run->chronicle, run->start_us, "", CHRONICLE_PHASE,
                  "the work begins");
    for (int64_t i = 0; i < run->scenario->client_count; i++)
        node_start(run->clients[i].node);
    fault_plan_begin(run);
    run_steps_begin(run);
}

static void begin_heal(struct run *run)
{
    run->phase = PHASE_HEAL;
    run->healed_us = world_now_us(run->world);
    for (unsigned i = 0; i < (unsigned)run->scenario->brokers; i++)
        for (unsigned how = 0; how < STRIKE_HOWS; how++)
            run->report->disk_operations[how][i] =
                run_strike_operations(run, i, (enum strike_how)how);
    run_steps_heal(run);
    judge_time(run->judge, world_now_us(run->world));
    judge_healed(run->judge);
    chronicle_say(run->chronicle, run->healed_us, "", CHRONICLE_PHASE,
                  "faults are over");
    for (size_t t = 0; t < run->scenario->topic_count; t++)
        for (size_t i = 0; i < SCENARIO_PARTITIONS_MAX; i++) {
            struct run_partition *partition = &run->topics[t].partitions[i];

            *partition =
                (struct run_partition){.truncate_to = partition->truncate_to};
        }
}

/* The clients end: what is not acknowledged now never will be. */
static void begin_closing(struct run *run)
{
    run->phase = PHASE_CLOSING;
    chronicle_say(run->chronicle, world_now_us(run->world), "", CHRONICLE_PHASE,
                  "clients end, and all is read once more");
    for (int64_t i = 0; i < run->scenario->client_count; i++)
        if (node_is_up(run->clients[i].node))
            node_crash(run->clients[i].node, NODE_CRASH_PROCESS);
}

/* As many as it has, or as an operator asks for in vain. */
static uint32_t wanted_count(const struct run_topic *topic)
{
    uint32_t count = topic->exists ? topic->partition_count
                                   : (uint32_t)topic->topic->partitions;

    for (size_t i = 0; i < ADDITIONS_MAX; i++)
        if (count < topic->additions[i].to)
            count = topic->additions[i].to;
    return count;
}

/* As the topic was made, or as it was moved. */
static uint32_t replicas_of(const struct run_topic *topic, uint32_t partition)
{
    const struct move *move = &topic->moves[partition];
    uint32_t known = topic->partitions[partition].replicas;

    return (move->moved || move->cancelled) && known > 0
               ? known
               : (uint32_t)topic->topic->replicas;
}

static void end(struct run *run, int64_t within_us)
{
    struct ending_partition *partitions =
        calloc(SCENARIO_PARTITIONS_MAX * (run->scenario->topic_count + 1),
               sizeof *partitions);
    struct ending ending = {within_us, partitions, 0, NULL};

    if (partitions == NULL)
        abort();
    for (size_t t = 0; t < run->scenario->topic_count; t++) {
        const struct run_topic *topic = &run->topics[t];

        if (topic->exists && run_topic_asked(topic))
            ending.refused = topic->topic->name;
        for (uint32_t i = 0; topic->wanted && i < wanted_count(topic); i++) {
            const struct run_partition *state = &topic->partitions[i];

            partitions[ending.partition_count++] =
                (struct ending_partition){.key = run_key(run, t, i),
                                          .led = topic->exists && state->led,
                                          .in_sync = state->in_sync,
                                          .replicas = replicas_of(topic, i),
                                          .lies_well = run_lies_well(run, t, i),
                                          .assigned = state->assigned,
                                          .written = state->written,
                                          .read = state->read,
                                          .read_to = state->read_to};
        }
    }
    judge_time(run->judge, world_now_us(run->world));
    judge_end(run->judge, &ending);
    free(partitions);
}

/* True when the scenario got to its end, good or bad. */
static bool run_phases(struct run *run)
{
    const struct scenario *scenario = run->scenario;

    if (!run_for(run, SETUP_US, setup_done))
        return false;
    if (over(run))
        return true;
    begin_work(run);
    run_for(run, scenario->duration_us, work_done);
    if (over(run))
        return true;
    begin_heal(run);
    run_for(run, scenario->heal_within_us, heal_done);
    run->phase = PHASE_SETTLE;
    if (!over(run))
        run_for(run, scenario->settle_us, work_done);
    if (over(run))
        return true;
    begin_closing(run);
    run_for(run, CLOSING_US, closing_done);
    if (!over(run))
        end(run, scenario->heal_within_us);
    return true;
}

/* ---- the report ---- */

static void report_error(struct run_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void report_error(struct run_report *report, const char *format, ...)
{
    va_list arguments;

    report->result = RUN_ERROR;
    va_start(arguments, format);
    vsnprintf(report->message, sizeof report->message, format, arguments);
    va_end(arguments);
}

/* What the strike kept from happening is no fault of the scenario. */
static void report_no_strike(struct run *run)
{
    const struct run_strike *strike = &run->report->strike;
    uint64_t submitted;

    if (strike->how == STRIKE_FUTURE) {
        if (world_turn(run->world) < strike->nth)
            report_error(run->report,
                         "only %" PRIu64 " turns came, so nothing was "
                         "otherwise from turn %" PRIu64 " on",
                         world_turn(run->world), strike->nth);
        return;
    }
    submitted = run_strike_operations(run, strike->broker, strike->how);
    if (submitted < strike->nth)
        report_error(run->report,
                     "b%u submitted only %" PRIu64
                     " disk operations that this can befall, so nothing "
                     "happened at the %" PRIu64 "th",
                     strike->broker + 1, submitted, strike->nth);
}

/* A run that did too little proves nothing. */
static void report_vacuous(struct run *run)
{
    const struct scenario *scenario = run->scenario;
    const struct scenario_least *least = &scenario->at_least;
    struct run_report *report = run->report;
    const struct judge_counts *did = &report->records;

    if (did->sent < (uint64_t)least->sent ||
        did->acked < (uint64_t)least->acked ||
        did->read < (uint64_t)least->read) {
        report_error(report,
                     "it sent %" PRIu64 ", had acknowledged %" PRIu64
                     " and read %" PRIu64 " records; at-least says %" PRId64
                     ", %" PRId64 " and %" PRId64,
                     did->sent, did->acked, did->read, least->sent,
                     least->acked, least->read);
        return;
    }
    if (scenario->drawn)
        return; /* what comes of its steps is left to chance */
    for (size_t i = 0; i < scenario->step_count; i++)
        if (report->steps[i] == 0 && run_can_step(&scenario->steps[i])) {
            report_error(
                report, "the step in line %u (%s) was never carried out",
                scenario->steps[i].line, step_name(scenario->steps[i].action));
            return;
        }
    for (size_t i = 0; i < scenario->fault_count; i++)
        if (scenario->faults[i].nth_count > 0 && report->faults[i] == 0 &&
            run_can_fault(&scenario->faults[i])) {
            report_error(report,
                         "the fault in line %u (%s, nth %" PRIu64
                         ") never took effect",
                         scenario->faults[i].line,
                         fault_describe(scenario->faults[i].point)->name,
                         scenario->faults[i].nths[0]);
            return;
        }
}

static void tell_where(const struct run *run, const struct violation *violation,
                       struct violation_place *where)
{
    char name[UUID_TEXT_SIZE];

    where->key = violation->key;
    where->offset = violation->offset;
    where->at_us = violation->now_us;
    if (violation->node < (unsigned)run->scenario->brokers)
        snprintf(where->node, sizeof where->node, "%s",
                 node_name(run->brokers[violation->node].node));
    if (uuid_is_zero(&violation->key.topic_id))
        return;
    uuid_format(&violation->key.topic_id, name);
    snprintf(where->place, sizeof where->place, "%s/%u", name,
             violation->key.partition);
    for (size_t i = 0; i < run->scenario->topic_count; i++)
        if (uuid_equal(&run->topics[i].id, &violation->key.topic_id))
            snprintf(where->place, sizeof where->place, "%s/%u",
                     run->topics[i].topic->name, violation->key.partition);
}

static void report_violation(struct run *run, const struct violation *violation)
{
    struct run_report *report = run->report;

    report->result = RUN_FAIL;
    report->oracle = (int)violation->oracle;
    snprintf(report->message, sizeof report->message, "%s", violation->message);
    report->has_story = true;
    tell_where(run, violation, &report->where);
    chronicle_violation(run->chronicle, violation);
}

static void fill_report(struct run *run, bool set_up)
{
    struct run_report *report = run->report;
    const struct violation *violation = judge_violation(run->judge);

    report->disk_profile = world_disk_profile(run->world);
    report->trace_hash = world_hash(run->world);
    report->sim_ms = world_now_us(run->world) / 1000;
    report->events = world_events(run->world);
    report->records = judge_counts(run->judge);
    for (size_t i = 0; i < FAULT_COUNT; i++)
        report->points[i] = world_point_fired(run->world, (enum fault_point)i);
    for (size_t i = 0; i < FAULT_COUNT; i++)
        report->observed[i] =
            world_point_observed(run->world, (enum fault_point)i);
    for (size_t i = 0; i < MARK_COUNT; i++)
        report->marks[i] = world_marks(run->world, (enum mark)i);
    fault_plan_report(run);
    if (violation != NULL) {
        report_violation(run, violation);
    } else if (!set_up) {
        report_error(report, "the cluster was not whole %d s after its start",
                     SETUP_US / 1000000);
        report->has_story = true;
    } else if (report->strike.nth > 0) {
        report_no_strike(run);
    } else {
        report_vacuous(run);
    }
}

/* ---- building ---- */

static void add_each(struct run *run, char letter, int64_t count,
                     enum chronicle_lane_type type)
{
    for (unsigned i = 1; i <= (unsigned)count; i++) {
        char name[16];

        snprintf(name, sizeof name, "%c%u", letter, i);
        chronicle_add_lane(run->chronicle, name, type);
    }
}

/* In the order in which the world gets its nodes. */
static void add_lanes(struct run *run)
{
    const struct scenario *scenario = run->scenario;

    add_each(run, 'b', scenario->brokers, LANE_BROKER);
    add_each(run, 'c', scenario->client_count, LANE_CLIENT);
    chronicle_add_lane(run->chronicle, "admin", LANE_CLIENT);
    add_each(run, 'z', scenario->zookeepers, LANE_SERVER);
    chronicle_add_lane(run->chronicle, "world", LANE_WORLD);
}

static bool is_struck(const struct run *run)
{
    const struct run_strike *strike = &run->report->strike;

    return strike->nth > 0 && strike->how != STRIKE_FUTURE;
}

static void build(struct run *run, const struct run_extras *extras,
                  struct judge_topic *topics)
{
    const struct scenario *scenario = run->scenario;
    struct world_options options = {.seed = run->seed,
                                    .observer = &run->observer,
                                    .trace = extras->trace,
                                    .wall_start_ms = WALL_START_MS,
                                    .disk_profile = scenario->disk_profile};
    struct judge_options judge = {
        .oracles = run_oracles(scenario),
        .brokers = (unsigned)scenario->brokers,
        .clock_slack_ms = scenario->clock_slack_ms,
        /* who is struck hands nothing over */
        .leaderless_us = is_struck(run) ? 0 : scenario->leaderless_us,
        .topics = topics,
        .topic_count = scenario->topic_count};

    run->observer =
        (struct world_observer){.on_fact = on_fact,
                                .on_down = on_down,
                                .on_up = on_up,
                                .on_disk = on_disk,
                                .on_mark = on_mark,
                                .may_damage = may_damage,
                                .on_damage = on_damage,
                                .on_asked = on_asked,
                                .on_note = run->chronicle ? on_note : NULL,
                                .on_log = run->chronicle ? on_log : NULL};
    list_init(&run->pending);
    list_init(&run->undone);
    list_init(&run->znodes);
    run->world = world_new(&options);
    if (run->report->strike.how == STRIKE_FUTURE)
        world_fork(run->world, run->report->strike.nth,
                   run->report->strike.future);
    for (size_t i = 0; i < scenario->topic_count; i++) {
        topics[i] = scenario->topics[i].judged;
        run->topics[i].judged = topics[i];
        run->topics[i].topic = &scenario->topics[i];
        run->topics[i].wanted = !scenario->topics[i].late;
    }
    run->judge = judge_new(&judge);
    add_lanes(run);
    world_add_zookeeper(run->world, (unsigned)scenario->zookeepers);
    for (unsigned i = 0; i < (unsigned)scenario->brokers; i++)
        broker_host_init(run, i);
    run_strike_begin(run);
    client_hosts_init(run);
    for (int64_t i = 0; i < scenario->brokers; i++)
        node_start(run->brokers[i].node);
    node_start(run->admin.node);
}

static int64_t wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void run_scenario(const struct scenario *scenario, uint64_t seed,
                  const struct run_extras *extras, struct run_report *report)
{
    static const struct run_extras none = {0};
    struct run *run = calloc(1, sizeof *run);
    struct judge_topic *topics =
        calloc(scenario->topic_count + 1, sizeof *topics);
    int64_t began_ms = wall_ms();
    bool set_up;

    if (run == NULL || topics == NULL)
        abort();
    *report = (struct run_report){.result = RUN_PASS, .oracle = -1};
    run->scenario = scenario;
    run->seed = seed;
    run->report = report;
    if (extras == NULL)
        extras = &none;
    run->decisions = extras->decisions;
    run->chronicle = extras->chronicle;
    run->forks = extras->forks;
    if (extras->strike != NULL)
        report->strike = *extras->strike;
    build(run, extras, topics);
    set_up = run_phases(run);
    fill_report(run, set_up);
    world_free(run->world);
    judge_free(run->judge);
    run_later_release(run);
    run_steps_release(run);
    fault_plan_release(run);
    free(run->looks);
    free(topics);
    free(run);
    report->wall_ms = wall_ms() - began_ms;
}
