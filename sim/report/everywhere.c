/* SPDX-License-Identifier: Apache-2.0
 *
 * A run without a strike counts the operations; up to the one that is struck
 * each further run is the same, so that their numbers mean the same. Which
 * operations are struck early and which late alternates, and is the other
 * way round with the next seed.
 */
#include "sim/report/everywhere.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/world.h"

/* ---- in words ---- */

static const char *const how_names[] = {
    [STRIKE_POWER] = "power", [STRIKE_PROCESS] = "process",
    [STRIKE_ERROR] = "error", [STRIKE_FULL] = "full",
    [STRIKE_SHORT] = "short", [STRIKE_FUTURE] = "future",
};

const char *strike_how_name(enum strike_how how)
{
    return how_names[how];
}

bool strike_how_parse(const char *text, enum strike_how *how)
{
    for (size_t i = 0; i < STRIKE_HOWS; i++)
        if (strcmp(text, how_names[i]) == 0) {
            *how = (enum strike_how)i;
            return true;
        }
    return false;
}

void strike_format(const struct run_strike *strike,
                   char text[STRIKE_TEXT_BYTES])
{
    if (strike->how == STRIKE_FUTURE)
        snprintf(text, STRIKE_TEXT_BYTES, "%" PRIu64 ":%" PRIu32, strike->nth,
                 strike->future);
    else
        snprintf(text, STRIKE_TEXT_BYTES, "b%u:%" PRIu64 "%s",
                 strike->broker + 1, strike->nth, strike->late ? "+" : "");
}

/* A number from 1 on; NULL: it is none. */
static const char *parse_number(const char *text, uint64_t *number)
{
    char *end;

    if (*text < '1' || *text > '9')
        return NULL;
    *number = strtoull(text, &end, 10);
    return end;
}

bool strike_parse_future(const char *text, struct run_strike *strike)
{
    uint64_t future;

    if ((text = parse_number(text, &strike->nth)) == NULL || *text != ':' ||
        (text = parse_number(text + 1, &future)) == NULL || *text != '\0' ||
        future > UINT32_MAX)
        return false;
    strike->how = STRIKE_FUTURE;
    strike->future = (uint32_t)future;
    return true;
}

bool strike_parse(const char *text, int64_t brokers, struct run_strike *strike)
{
    uint64_t broker;

    if (*text != 'b' || (text = parse_number(text + 1, &broker)) == NULL ||
        *text != ':' || broker > (uint64_t)brokers)
        return false;
    text = parse_number(text + 1, &strike->nth);
    if (text == NULL)
        return false;
    strike->broker = (unsigned)broker - 1;
    strike->late = *text == '+' && strike->how != STRIKE_SHORT;
    return text[strike->late] == '\0';
}

/* ---- what a scenario leaves for it ---- */

static bool has_topic(const struct scenario *scenario,
                      bool (*test)(const struct judge_topic *topic))
{
    for (size_t i = 0; i < scenario->topic_count; i++)
        if (test(&scenario->topics[i].judged))
            return true;
    for (size_t i = 0; i < scenario->step_count; i++) {
        const struct scenario_step *step = &scenario->steps[i];
        struct judge_topic altered;

        if (step->action != STEP_ALTER_TOPIC)
            continue;
        altered = scenario->topics[step->topic].judged;
        settings_apply(&step->config, &altered);
        if (test(&altered))
            return true;
    }
    return false;
}

static bool is_lazy(const struct judge_topic *topic)
{
    return topic->flush_ms != 0;
}

static bool one_is_enough(const struct judge_topic *topic)
{
    return topic->min_insync == 1 && topic->replicas > 1;
}

static bool takes_data(const struct scenario *scenario)
{
    for (size_t i = 0; i < scenario->step_count; i++)
        if (step_stored(scenario->steps[i].action) == STORED_TAKEN)
            return true;
    return false;
}

const char *everywhere_too_much(const struct scenario *scenario,
                                enum strike_how how)
{
    if (how != STRIKE_PROCESS && has_topic(scenario, is_lazy))
        return "a topic whose flush.ms is not 0 does not promise to outlive "
               "one more loss of power or of a disk; see --how process";
    if (takes_data(scenario) && has_topic(scenario, one_is_enough))
        return "a step takes stored data away, and with min.insync.replicas 1 "
               "one more failure makes that the last copy";
    return NULL;
}

/* ---- which operations ---- */

static uint64_t operations_of(const struct everywhere *everywhere,
                              const struct run_report *report, unsigned broker)
{
    if (everywhere->broker >= 0 && (unsigned)everywhere->broker != broker)
        return 0;
    return report->disk_operations[everywhere->how][broker];
}

static uint64_t operations(const struct everywhere *everywhere,
                           const struct run_report *report)
{
    uint64_t count = 0;

    for (unsigned i = 0; i < (unsigned)everywhere->scenario->brokers; i++)
        count += operations_of(everywhere, report, i);
    return count;
}

/* Of the brokers' operations, one broker after the other, from 0. */
static struct run_strike strike_at(const struct everywhere *everywhere,
                                   const struct run_report *report, uint64_t at)
{
    unsigned broker = 0;

    while (at >= operations_of(everywhere, report, broker))
        at -= operations_of(everywhere, report, broker++);
    return (struct run_strike){.how = everywhere->how,
                               .broker = broker,
                               .nth = at + 1,
                               .late = everywhere->how != STRIKE_SHORT &&
                                       (at + everywhere->seed) % 2 == 1};
}

static void count_struck(void *context, const struct run_report *report)
{
    struct everywhere_table *table = context;

    if (report->struck)
        disk_points_add(&table->struck, &report->struck_at);
}

static void count_all(struct everywhere_table *table,
                      const struct disk_points *points)
{
    for (unsigned stage = 0; stage < DISK_STAGES; stage++)
        for (unsigned kind = 0; kind < DISK_KIND_COUNT; kind++)
            for (unsigned i = 0; i < DISK_OPERATIONS; i++)
                table->all.count[stage][kind][i] +=
                    points->count[stage][kind][i];
}

static bool strike_all(const struct everywhere *everywhere,
                       const struct run_report *report)
{
    uint64_t total = operations(everywhere, report);
    uint64_t count = everywhere->limit > 0 && everywhere->limit < total
                         ? everywhere->limit
                         : total;
    struct run_strike *strikes = calloc(count + 1, sizeof *strikes);
    struct scenario *scenario = everywhere->scenario;
    struct sweep sweep = {.scenarios = &scenario,
                          .scenario_count = 1,
                          .first_seed = everywhere->seed,
                          .seeds = 1,
                          .jobs = everywhere->jobs,
                          .json = everywhere->json,
                          .junit = everywhere->junit,
                          .strikes = strikes,
                          .strike_count = count,
                          .told = count_struck,
                          .context = everywhere->table};
    bool good;

    if (strikes == NULL)
        abort();
    for (uint64_t i = 0; i < count; i++)
        strikes[i] = strike_at(everywhere, report,
                               (i * total + everywhere->seed % total) / count);
    good = sweep_run(&sweep);
    free(strikes);
    return good;
}

/* ---- the whole ---- */

static void tell_counts(const struct everywhere *everywhere,
                        const struct run_report *report)
{
    printf("%s, seed %" PRIu64 ", --how %s: disk operations",
           everywhere->scenario->path, everywhere->seed,
           strike_how_name(everywhere->how));
    for (unsigned i = 0; i < (unsigned)everywhere->scenario->brokers; i++)
        printf("%s b%u %" PRIu64, i > 0 ? "," : "", i + 1,
               report->disk_operations[everywhere->how][i]);
    putchar('\n');
}

bool everywhere_run(const struct everywhere *everywhere)
{
    struct run_report *report = calloc(1, sizeof *report);
    bool good;

    if (report == NULL)
        abort();
    run_scenario(everywhere->scenario, everywhere->seed, NULL, report);
    good = report->result == RUN_PASS;
    if (!good)
        report_failure(everywhere->json ? stderr : stdout, everywhere->scenario,
                       everywhere->seed, report);
    if (good && !everywhere->json)
        tell_counts(everywhere, report);
    count_all(everywhere->table, &report->disk_points);
    if (good && operations(everywhere, report) > 0)
        good = strike_all(everywhere, report);
    free(report);
    return good;
}

/* ---- the table ---- */

static uint64_t in_column(const struct everywhere_table *table, unsigned i)
{
    uint64_t count = 0;

    for (unsigned stage = 0; stage < DISK_STAGES; stage++)
        for (unsigned kind = 0; kind < DISK_KIND_COUNT; kind++)
            count += table->all.count[stage][kind][i];
    return count;
}

static void print_row(FILE *out, const struct everywhere_table *table,
                      unsigned stage, unsigned kind)
{
    const uint32_t *struck = table->struck.count[stage][kind];
    const uint32_t *all = table->all.count[stage][kind];
    uint64_t any = 0;

    for (unsigned i = 0; i < DISK_OPERATIONS; i++)
        any += all[i];
    if (any == 0)
        return;
    fprintf(out, "  %-6s%-11s", stage == DISK_STARTING ? "start" : "work",
            disk_kind_name((enum disk_kind)kind));
    for (unsigned i = 0; i < DISK_OPERATIONS; i++) {
        char cell[32] = ".";

        if (in_column(table, i) == 0)
            continue;
        if (all[i] > 0)
            snprintf(cell, sizeof cell, "%" PRIu32 "/%" PRIu32, struck[i],
                     all[i]);
        fprintf(out, " %11s", cell);
    }
    putc('\n', out);
}

void everywhere_table_print(FILE *out, const struct everywhere_table *table)
{
    fputs("operations struck, of all there were, by file:\n  ", out);
    fprintf(out, "%-17s", "");
    for (unsigned i = 0; i < DISK_OPERATIONS; i++)
        if (in_column(table, i) > 0) {
            const char *name = disk_operation_name((enum disk_operation)i);

            fprintf(out, " %11s", i == DISK_SYNC_DIRECTORY ? "sync-dir" : name);
        }
    putc('\n', out);
    for (unsigned stage = 0; stage < DISK_STAGES; stage++)
        for (unsigned kind = 0; kind < DISK_KIND_COUNT; kind++)
            print_row(out, table, stage, kind);
}
