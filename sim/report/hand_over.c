/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/report/hand_over.h"

#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "sim/report/outcome.h"

#define NUMBER_BYTES 24
#define OPTIONS_MAX  10

/* ---- the runs in this world ---- */

static void run_here(const struct hand_over *plan,
                     const struct scenario *scenario, uint64_t seed,
                     FILE *outcomes)
{
    struct chronicle *chronicle = chronicle_new(CHRONICLE_EVENTS_MAX);
    struct run_extras extras = {.chronicle = chronicle};
    struct run_report *report = calloc(1, sizeof *report);
    struct tally tally = {0};
    struct outcome *outcome;

    if (report == NULL)
        abort();
    run_scenario(scenario, seed, &extras, report);
    if (plan->json) {
        report_json(stdout, scenario, seed, report);
    } else {
        tally_add(&tally, report);
        report_tally(stdout, scenario, &tally);
    }
    outcome = outcome_new(report, chronicle);
    outcome_write(outcomes, outcome);
    outcome_free(outcome);
    chronicle_free(chronicle);
    if (report->result != RUN_PASS)
        report_failure(plan->json ? stderr : stdout, scenario, seed, report);
    free(report);
}

/* A descriptor for kqreal; -1: errno says why not. */
static int run_all_here(const struct hand_over *plan)
{
    FILE *outcomes = tmpfile();
    int fd;

    if (outcomes == NULL)
        return -1;
    for (size_t i = 0; i < plan->scenario_count; i++)
        for (uint64_t s = 0; s < plan->seeds; s++)
            run_here(plan, plan->scenarios[i], plan->first_seed + s, outcomes);
    if (fflush(outcomes) != 0)
        return -1;
    fd = dup(fileno(outcomes));
    if (fd >= 0 && lseek(fd, 0, SEEK_SET) != 0)
        return -1;
    return fd;
}

/* ---- the other one ---- */

/* It stands beside this program. */
static bool find_program(char path[PATH_MAX])
{
    char self[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);

    if (size < 0)
        return false;
    self[size] = '\0';
    return snprintf(path, PATH_MAX, "%s/kqreal", dirname(self)) < PATH_MAX &&
           access(path, X_OK) == 0;
}

static void add_number(char **arguments, size_t *count, const char *option,
                       uint64_t number)
{
    char *text = malloc(NUMBER_BYTES);

    if (text == NULL)
        abort();
    snprintf(text, NUMBER_BYTES, "%" PRIu64, number);
    arguments[(*count)++] = (char *)(uintptr_t)option;
    arguments[(*count)++] = text;
}

void hand_over(const struct hand_over *plan)
{
    char **arguments =
        calloc(plan->scenario_count + OPTIONS_MAX, sizeof *arguments);
    char program[PATH_MAX];
    size_t count = 0;
    int outcomes;

    if (arguments == NULL)
        abort();
    if (!find_program(program))
        return;
    arguments[count++] = program;
    for (size_t i = 0; i < plan->scenario_count; i++)
        arguments[count++] = plan->scenarios[i]->path;
    add_number(arguments, &count, "--seed", plan->first_seed);
    add_number(arguments, &count, "--seeds", plan->seeds);
    if (plan->json)
        arguments[count++] = (char *)(uintptr_t) "--json";
    if (plan->both) {
        outcomes = run_all_here(plan);
        if (outcomes < 0)
            return;
        add_number(arguments, &count, HAND_OVER_BESIDE, (uint64_t)outcomes);
    }
    fflush(stdout);
    fflush(stderr);
    execv(program, arguments);
}
