/* SPDX-License-Identifier: Apache-2.0
 *
 * The outcomes of the runs of this world go to the other program through a
 * file without a name, whose descriptor it inherits.
 */
#include "sim/report/hand_over.h"

#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdlib.h>
#include <unistd.h>

#include "sim/report/outcome.h"

#define NUMBER_BYTES 24
#define WORDS_MAX    10 /* besides files; the last one is NULL */

/* ---- the runs in this world ---- */

static void run_here(const struct hand_over *plan,
                     const struct scenario *scenario, uint64_t seed,
                     FILE *outcomes)
{
    struct chronicle *chronicle = chronicle_new(CHRONICLE_EVENTS_MAX);
    struct run_extras extras = {.chronicle = chronicle};
    struct run_report *report = calloc(1, sizeof *report);
    struct outcome *outcome;

    if (report == NULL)
        abort();
    run_scenario(scenario, seed, &extras, report);
    report_run(scenario, seed, report, plan->json);
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
    fd = dup(fileno(outcomes));
    if (fclose(outcomes) != 0 || fd < 0 || lseek(fd, 0, SEEK_SET) != 0)
        return -1;
    return fd;
}

/* ---- the other one ---- */

bool program_beside(const char *name, char path[PATH_MAX])
{
    char self[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);

    if (size < 0)
        return false;
    self[size] = '\0';
    if (snprintf(path, PATH_MAX, "%s/%s", dirname(self), name) < PATH_MAX)
        return access(path, X_OK) == 0;
    errno = ENAMETOOLONG;
    return false;
}

struct words {
    char **at;
    size_t count;
};

static void add_word(struct words *words, const char *word)
{
    words->at[words->count++] = (char *)(uintptr_t)word;
}

static void add_number(struct words *words, const char *option, uint64_t number,
                       char text[NUMBER_BYTES])
{
    snprintf(text, NUMBER_BYTES, "%" PRIu64, number);
    add_word(words, option);
    add_word(words, text);
}

/* Does not return, unless that fails. `outcomes`: -1: there are none. */
static void go_on_as(const char *program, const struct hand_over *plan,
                     int outcomes)
{
    struct words words = {
        calloc(plan->scenario_count + WORDS_MAX, sizeof(char *)), 0};
    char seed[NUMBER_BYTES], seeds[NUMBER_BYTES], beside[NUMBER_BYTES];

    if (words.at == NULL)
        abort();
    add_word(&words, program);
    for (size_t i = 0; i < plan->scenario_count; i++)
        add_word(&words, plan->scenarios[i]->path);
    add_number(&words, "--seed", plan->first_seed, seed);
    add_number(&words, "--seeds", plan->seeds, seeds);
    if (plan->json)
        add_word(&words, "--json");
    if (outcomes >= 0)
        add_number(&words, HAND_OVER_BESIDE, (uint64_t)outcomes, beside);
    fflush(stdout);
    fflush(stderr);
    execv(program, words.at);
    free(words.at);
}

const char *hand_over(const struct hand_over *plan)
{
    char program[PATH_MAX];
    int outcomes = -1;

    if (!program_beside("kqreal", program))
        return "kqreal must lie beside kqsim";
    if (plan->both) {
        outcomes = run_all_here(plan);
        if (outcomes < 0)
            return "cannot keep the outcomes of the simulator for kqreal";
    }
    go_on_as(program, plan, outcomes);
    return "cannot start kqreal";
}
