/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs candidates in processes of their own: one that dies takes nothing
 * along. A text that did not fail as it must is not run
 * again.
 */
#include <inttypes.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "sim/report/sweep.h"
#include "sim/shrink/internal.h"

static int64_t wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- texts ---- */

static struct scenario *parse(const char *path, const char *text)
{
    struct complaints complaints = {NULL, 0, 0};
    struct scenario *scenario =
        scenario_parse(path, text, strlen(text), &complaints);

    complaints_release(&complaints);
    return scenario;
}

struct scenario *scenario_copy(const struct scenario *scenario)
{
    char *text = scenario_write(scenario);
    struct scenario *copy = parse(scenario->path, text);

    ASSERT(copy != NULL);
    free(text);
    return copy;
}

/* ---- what was tried ---- */

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Takes the text, which is new. */
static void remember(struct trial *trial, char *text)
{
    if (tsearch(text, &trial->tried, compare) == NULL)
        abort();
}

static bool was_tried(struct trial *trial, const char *text)
{
    return tfind(text, &trial->tried, compare) != NULL;
}

/* ---- verdicts ---- */

/* Without its numbers and the name of a node: which assertion it was, say. */
static void pattern_of(const char *message, char pattern[RUN_MESSAGE_BYTES])
{
    size_t size = 0;

    for (; *message != '\0'; message++)
        if (*message < '0' || *message > '9')
            pattern[size++] = *message;
    pattern[size] = '\0';
}

/* What brokers say of themselves is told apart by their words. */
static bool fails_so(const struct trial *trial, const struct run_report *report)
{
    char pattern[RUN_MESSAGE_BYTES];

    if (report->result != RUN_FAIL || report->oracle != trial->oracle)
        return false;
    if (report->oracle != ORACLE_SOUND)
        return true;
    pattern_of(report->message, pattern);
    return strcmp(pattern, trial->pattern) == 0;
}

static void tell_progress(const struct trial *trial)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr,
                "\r%" PRIu64 " runs; left: steps %zu, occurrences of faults "
                "%zu, clients %zu\033[K",
                trial->runs, count_steps(trial->now),
                count_occurrences(trial->now), count_clients(trial->now));
}

static void accept(struct trial *trial, struct scenario *scenario, char *text,
                   const struct run_report *report)
{
    scenario_free(trial->now);
    free(trial->text);
    trial->now = scenario;
    trial->text = text;
    memcpy(trial->message, report->message, sizeof trial->message);
}

/* ---- runs ---- */

struct verdict {
    const struct trial *trial;
    uint64_t seed; /* that is told of */
    bool found;
    uint64_t first;           /* that it fails with as it must, */
    struct run_report report; /* and how */
};

static void take_verdict(void *context, const struct run_report *report)
{
    struct verdict *verdict = context;

    if (!verdict->found && fails_so(verdict->trial, report)) {
        verdict->found = true;
        verdict->first = verdict->seed;
        verdict->report = *report;
    }
    verdict->seed++;
}

static void run(struct trial *trial, struct scenario *scenario, uint64_t seeds,
                void (*told)(void *context, const struct run_report *report),
                void *context)
{
    struct sweep sweep = {.scenarios = &scenario,
                          .scenario_count = 1,
                          .first_seed = trial->plan->seed,
                          .seeds = seeds,
                          .quiet = true,
                          .jobs = trial->plan->jobs,
                          .told = told,
                          .context = context};

    sweep_run(&sweep);
    trial->runs += seeds;
}

/* Takes both. */
static bool judge(struct trial *trial, struct scenario *scenario, char *text)
{
    struct verdict verdict = {.trial = trial, .seed = trial->plan->seed};

    run(trial, scenario, trial->seeds, take_verdict, &verdict);
    if (verdict.found) {
        trial->seed = verdict.first;
        accept(trial, scenario, text, &verdict.report);
    } else {
        remember(trial, text);
        scenario_free(scenario);
    }
    tell_progress(trial);
    return verdict.found;
}

bool trial_has_time(struct trial *trial)
{
    if (wall_ms() >= trial->deadline_ms)
        trial->out_of_time = true;
    return !trial->out_of_time;
}

bool trial_one(struct trial *trial, struct scenario *scenario)
{
    char *text = scenario_write(scenario);
    struct scenario *candidate = NULL;

    scenario_free(scenario);
    if (trial_has_time(trial) && !was_tried(trial, text))
        candidate = parse(trial->plan->scenario->path, text);
    if (candidate != NULL)
        return judge(trial, candidate, text);
    free(text);
    return false;
}

/* ---- the whole ---- */

static void take_first(void *context, const struct run_report *report)
{
    *(struct run_report *)context = *report;
}

void trial_begin(struct trial *trial, const struct shrink_plan *plan,
                 struct run_report *report)
{
    struct scenario *scenario = scenario_copy(plan->scenario);

    *trial = (struct trial){
        .plan = plan, .seed = plan->seed, .seeds = 1, .deadline_ms = INT64_MAX};
    if (plan->minutes > 0)
        trial->deadline_ms = wall_ms() + (int64_t)plan->minutes * 60000;
    run(trial, scenario, 1, take_first, report);
    trial->oracle = report->oracle;
    pattern_of(report->message, trial->pattern);
    accept(trial, scenario, scenario_write(scenario), report);
}

/* What failed with no seed so far may fail with another. */
void trial_widen(struct trial *trial, uint64_t seeds)
{
    trial->seeds = seeds;
    tdestroy(trial->tried, free);
    trial->tried = NULL;
}

void trial_release(struct trial *trial)
{
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    scenario_free(trial->now);
    free(trial->text);
    tdestroy(trial->tried, free);
}
