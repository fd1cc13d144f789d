/* SPDX-License-Identifier: Apache-2.0
 *
 * kqreal: runs scenarios on real processes and judges them. kqsim hands over
 * to it (kqsim run --world real), and has read the files and options before.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/real/real.h"
#include "sim/report/hand_over.h"
#include "sim/report/outcome.h"

#define VERIFY_S 120 /* for the logs of one directory */

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_ENVIRONMENT = 3 };

static const char usage[] =
    "usage: kqreal FILE... [--seed S] [--seeds N] [--json]\n"
    "kqsim run FILE... --world real is the way to start it.\n";

struct options {
    char **files;
    size_t file_count;
    uint64_t first_seed;
    uint64_t seeds;
    bool json;
    FILE *beside; /* outcomes of the same runs in the simulator; NULL: none */
    char broker[PATH_MAX];
    char broker_with_faults[PATH_MAX];
    char kq[PATH_MAX];
};

/* ---- options ---- */

static bool take_number(const char *text, uint64_t *number)
{
    char *end = NULL;

    if (text == NULL)
        return false;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == '\0';
}

static bool take_options(struct options *options, int count, char **arguments)
{
    uint64_t descriptor;

    *options = (struct options){.first_seed = 1, .seeds = 1};
    options->files = calloc((size_t)count + 1, sizeof *options->files);
    if (options->files == NULL)
        abort();
    for (int i = 0; i < count; i++) {
        const char *next = i + 1 < count ? arguments[i + 1] : NULL;

        if (strcmp(arguments[i], "--json") == 0)
            options->json = true;
        else if (strcmp(arguments[i], "--seed") == 0 &&
                 take_number(next, &options->first_seed))
            i++;
        else if (strcmp(arguments[i], "--seeds") == 0 &&
                 take_number(next, &options->seeds))
            i++;
        else if (strcmp(arguments[i], HAND_OVER_BESIDE) == 0 &&
                 take_number(next, &descriptor)) {
            options->beside = fdopen((int)descriptor, "r");
            if (options->beside == NULL)
                return false;
            i++;
        } else if (arguments[i][0] == '-')
            return false;
        else
            options->files[options->file_count++] = arguments[i];
    }
    return options->file_count > 0;
}

/* Fault points are in a program of their own. */
static const char *broker_for(const struct options *options,
                              const struct scenario *scenario)
{
    for (size_t i = 0; i < scenario->fault_count; i++)
        if (run_can_fault(&scenario->faults[i]))
            return options->broker_with_faults;
    return options->broker;
}

/* ---- one run ---- */

static FILE *out_of(const struct options *options)
{
    return options->json ? stderr : stdout;
}

/* With what the simulator made of it. True when all is well in both. */
static bool compare(const struct options *options,
                    const struct scenario *scenario, uint64_t seed,
                    const struct outcome *real)
{
    struct outcome *sim =
        options->beside ? outcome_read(options->beside) : NULL;
    bool good = options->beside == NULL || (sim && outcome_is_good(sim));

    if (options->beside != NULL && sim == NULL)
        fputs("kqreal: the simulator's outcome of this run is missing\n",
              stderr);
    else if (sim != NULL && options->json)
        outcome_compare_json(stdout, scenario, seed, sim, real);
    else if (sim != NULL)
        outcome_compare(stdout, sim, real);
    outcome_free(sim);
    return good && outcome_is_good(real);
}

static void make_directory(char directory[PATH_MAX])
{
    const char *base = getenv("TMPDIR");

    snprintf(directory, PATH_MAX, "%s/kqreal.XXXXXX", base ? base : "/tmp");
    if (mkdtemp(directory) != NULL)
        return;
    fprintf(stderr, "kqreal: cannot make the directory %s: %s\n", directory,
            strerror(errno));
    exit(EXIT_ENVIRONMENT);
}

/* ---- the logs of brokers that have stopped ---- */

static bool flips_bits(const struct scenario *scenario)
{
    for (size_t i = 0; i < scenario->step_count; i++)
        if (scenario->steps[i].action == STEP_ROT)
            return true;
    return false;
}

static void verify(const struct options *options, const char *log_directory,
                   struct run_report *report)
{
    char words[RUN_MESSAGE_BYTES / 2];

    if (verify_log(options->kq, log_directory, VERIFY_S, words, sizeof words))
        return;
    report->result = RUN_FAIL;
    snprintf(report->message, sizeof report->message,
             "kq log verify of a broker that has stopped: %s", words);
}

/* How they stopped, and what they left. What was flipped on purpose and not
 * met is no fault of theirs. */
static void check_stopped(const struct options *options,
                          const struct scenario *scenario,
                          const char *directory, struct run_report *report)
{
    char path[PATH_MAX + 64];

    if (report->result == RUN_PASS && real_stop_problem() != NULL) {
        report->result = RUN_FAIL;
        snprintf(report->message, sizeof report->message, "%.600s",
                 real_stop_problem());
    }
    for (int64_t i = 1; i <= scenario->brokers; i++)
        for (int64_t d = 1; d <= scenario->log_dirs; d++) {
            char number[8] = "";

            if (scenario->log_dirs > 1)
                snprintf(number, sizeof number, "%d", (int)d);
            snprintf(path, sizeof path, "%s/b%d/disk/data%s", directory, (int)i,
                     number);
            if (report->result == RUN_PASS && !flips_bits(scenario))
                verify(options, path, report);
        }
}

/* Without one of its servers a run proves nothing, whatever came of it. */
static void check_servers(struct run_report *report)
{
    char seen[RUN_MESSAGE_BYTES];

    if (real_server_problem() == NULL)
        return;
    snprintf(seen, sizeof seen, "%s", report->message);
    snprintf(report->message, sizeof report->message, "%.500s%s%.180s",
             real_server_problem(),
             report->result == RUN_PASS ? "" : "; then: ",
             report->result == RUN_PASS ? "" : seen);
    report->result = RUN_ERROR;
}

/* True when all is well. */
static bool run_one(const struct options *options,
                    const struct scenario *scenario, uint64_t seed)
{
    char directory[PATH_MAX];
    struct real_options real = {.directory = directory,
                                .broker = broker_for(options, scenario),
                                .title = isatty(STDERR_FILENO) ? scenario->name
                                                               : NULL};
    struct chronicle *chronicle = chronicle_new(CHRONICLE_EVENTS_MAX);
    struct run_extras extras = {.chronicle = chronicle};
    struct run_report *report = calloc(1, sizeof *report);
    struct outcome *outcome;
    bool good;

    if (report == NULL)
        abort();
    make_directory(directory);
    real_options_set(&real);
    run_scenario(scenario, seed, &extras, report);
    check_stopped(options, scenario, directory, report);
    check_servers(report);
    report_run(scenario, seed, report, options->json);
    if (!options->json)
        report_skipped(stdout, scenario);
    outcome = outcome_new(report, chronicle);
    good = compare(options, scenario, seed, outcome);
    if (report->result == RUN_PASS) {
        real_remove(directory);
    } else {
        report_failure_recorded(out_of(options), scenario, seed, report,
                                chronicle);
        fprintf(out_of(options), "  logs, facts and data are in %s\n",
                directory);
    }
    fflush(stdout);
    outcome_free(outcome);
    chronicle_free(chronicle);
    free(report);
    return good;
}

static int run_each(const struct options *options)
{
    struct complaints complaints = {NULL, 0, 0};
    int code = EXIT_DONE;

    for (size_t i = 0; i < options->file_count; i++) {
        struct scenario *scenario =
            scenario_load(options->files[i], &complaints);

        if (scenario == NULL) {
            fputs(complaints.text, stderr);
            return EXIT_USAGE;
        }
        for (uint64_t s = 0; s < options->seeds; s++)
            if (!run_one(options, scenario, options->first_seed + s))
                code = EXIT_FAILED;
        scenario_free(scenario);
    }
    return code;
}

int main(int count, char **arguments)
{
    struct options options;
    const char *missing = real_missing();
    int code;

    if (!take_options(&options, count - 1, arguments + 1)) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    if (missing == NULL &&
        (!program_beside("kafkaesqued", options.broker) ||
         !program_beside("kafkaesqued-faults", options.broker_with_faults) ||
         !program_beside("kq", options.kq)))
        missing = "kafkaesqued, kafkaesqued-faults or kq is missing: build or "
                  "install them beside kqreal";
    if (missing != NULL) {
        fprintf(stderr, "kqreal: %s\n", missing);
        return EXIT_ENVIRONMENT;
    }
    real_network_begin();
    code = run_each(&options);
    free(options.files);
    return code;
}
