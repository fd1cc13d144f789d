/* SPDX-License-Identifier: Apache-2.0
 *
 * Process j of J makes runs j, j + J, j + 2J, ... and writes their reports
 * into a pipe. The parent tells them in order. A process that dies takes one
 * run with it: that one is an error, and another process does the rest.
 */
#include "sim/report/sweep.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAILURES_TOLD 3

struct worker {
    pid_t pid;
    int from;                 /* its pipe; -1: it is done */
    size_t next;              /* the run it works on */
    struct run_report report; /* being read */
    size_t have;
};

struct state {
    const struct sweep *sweep;
    size_t runs;
    size_t told;
    struct run_report **reports; /* by run; NULL: not there yet */
    struct worker *workers;
    struct tally tally;
    bool good;
};

static void *memory(size_t count, size_t size)
{
    void *it = calloc(count ? count : 1, size);

    if (it == NULL) {
        fputs("kqsim: out of memory\n", stderr);
        exit(3);
    }
    return it;
}

/* Runs of one scenario and seed. */
static size_t runs_of_seed(const struct state *state)
{
    return state->sweep->strikes ? state->sweep->strike_count : 1;
}

static const struct scenario *scenario_of(const struct state *state, size_t run)
{
    return state->sweep
        ->scenarios[run / runs_of_seed(state) / state->sweep->seeds];
}

static uint64_t seed_of(const struct state *state, size_t run)
{
    if (state->sweep->drawn)
        return state->sweep->first_seed + run;
    return state->sweep->first_seed +
           run / runs_of_seed(state) % state->sweep->seeds;
}

static const struct run_strike *strike_of(const struct state *state, size_t run)
{
    return state->sweep->strikes
               ? &state->sweep->strikes[run % runs_of_seed(state)]
               : NULL;
}

/* ---- telling ---- */

static void tell_scenario(struct state *state, const struct scenario *scenario)
{
    char sentence[RUN_MESSAGE_BYTES];
    struct tally *tally = &state->tally;
    FILE *out = state->sweep->json ? stderr : stdout;

    if (state->sweep->quiet)
        return;
    tally->vacuous = state->sweep->strikes == NULL &&
                     tally_vacuous(tally, scenario, sentence);
    if (tally->vacuous) {
        state->good = false;
        fprintf(out, "ERROR  %s: %s\n", scenario->path, sentence);
        if (state->sweep->junit != NULL)
            junit_vacuous(state->sweep->junit, scenario, sentence);
    }
    if (!state->sweep->json && state->sweep->strikes == NULL &&
        tally->failed + tally->errors > FAILURES_TOLD)
        printf("  %" PRIu64 " more did not pass: --json names them\n",
               tally->failed + tally->errors - FAILURES_TOLD);
    if (!state->sweep->json && !state->sweep->drawn)
        report_tally(stdout, scenario, tally);
    fflush(stdout);
    memset(tally, 0, sizeof *tally);
}

static void tell_progress(const struct state *state)
{
    if (state->runs < 2 || state->sweep->drawn || state->sweep->quiet ||
        !isatty(STDERR_FILENO))
        return;
    fprintf(stderr, "\r%zu of %zu runs%s", state->told, state->runs,
            state->told == state->runs ? "\r\033[K" : "");
}

/* The first ones at length. */
static void tell_failure(struct state *state, size_t run)
{
    FILE *out = state->sweep->json ? stderr : stdout;
    const struct scenario *scenario = scenario_of(state, run);
    const struct run_report *report = state->reports[run];

    if (state->tally.failed + state->tally.errors <= FAILURES_TOLD)
        report_failure(out, scenario, seed_of(state, run), report);
    else if (report->strike.nth > 0)
        report_replay(out, scenario, seed_of(state, run), report);
}

static void tell_run(struct state *state, size_t run)
{
    const struct sweep *sweep = state->sweep;
    const struct run_report *report = state->reports[run];

    tally_add(&state->tally, report);
    if (sweep->told != NULL)
        sweep->told(sweep->context, report);
    if (report->result != RUN_PASS)
        state->good = false;
    if (sweep->json)
        report_json(stdout, scenario_of(state, run), seed_of(state, run),
                    report);
    if (sweep->junit != NULL)
        junit_run(sweep->junit, scenario_of(state, run), seed_of(state, run),
                  report);
    if (report->result != RUN_PASS && !sweep->quiet)
        tell_failure(state, run);
    if ((run + 1) % (sweep->seeds * runs_of_seed(state)) == 0)
        tell_scenario(state, scenario_of(state, run));
}

static void tell_ready(struct state *state)
{
    while (state->told < state->runs && state->reports[state->told] != NULL) {
        tell_run(state, state->told);
        free(state->reports[state->told]);
        state->reports[state->told] = NULL;
        state->told++;
        tell_progress(state);
    }
}

static void take(struct state *state, size_t run,
                 const struct run_report *report)
{
    state->reports[run] = memory(1, sizeof *report);
    *state->reports[run] = *report;
    tell_ready(state);
}

/* ---- one process ---- */

static void run_one(const struct state *state, size_t run,
                    struct run_report *report)
{
    struct run_extras extras = {.strike = strike_of(state, run),
                                .trace = state->sweep->trace};

    run_scenario(scenario_of(state, run), seed_of(state, run), &extras, report);
}

static void write_all(int to, const void *data, size_t size)
{
    const char *at = data;

    while (size > 0) {
        ssize_t wrote = write(to, at, size);

        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            _exit(3);
        at += wrote;
        size -= (size_t)wrote;
    }
}

/* Of libgcov: there in a build for coverage. */
void __gcov_dump(void) __attribute__((weak));

static _Noreturn void work(const struct state *state, size_t first, int to)
{
    struct run_report *report = memory(1, sizeof *report);

    for (size_t run = first; run < state->runs; run += state->sweep->jobs) {
        run_one(state, run, report);
        write_all(to, report, sizeof *report);
    }
    if (__gcov_dump != NULL)
        __gcov_dump();
    _exit(0);
}

static void launch(struct state *state, struct worker *worker, size_t first)
{
    int ends[2];

    worker->from = -1;
    if (first >= state->runs)
        return;
    fflush(stdout);
    fflush(stderr);
    if (pipe(ends) != 0 || (worker->pid = fork()) < 0) {
        fprintf(stderr, "kqsim: cannot start a process: %s\n", strerror(errno));
        exit(3);
    }
    if (worker->pid == 0) {
        close(ends[0]);
        work(state, first, ends[1]);
    }
    close(ends[1]);
    worker->from = ends[0];
    worker->next = first;
    worker->have = 0;
}

static void died(struct state *state, struct worker *worker, int status)
{
    struct run_report *report = memory(1, sizeof *report);
    size_t run = worker->next;

    report->result = RUN_ERROR;
    report->oracle = -1;
    if (state->sweep->strikes != NULL)
        report->strike = *strike_of(state, run);
    if (WIFSIGNALED(status))
        snprintf(report->message, sizeof report->message,
                 "the process that ran it died of signal %d (%s)",
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(report->message, sizeof report->message,
                 "the process that ran it ended with code %d",
                 WEXITSTATUS(status));
    take(state, run, report);
    free(report);
    launch(state, worker, run + state->sweep->jobs);
}

/* The pipe is at its end. */
static void finish(struct state *state, struct worker *worker)
{
    int status = 0;

    close(worker->from);
    worker->from = -1;
    while (waitpid(worker->pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (worker->next < state->runs)
        died(state, worker, status);
}

static void receive(struct state *state, struct worker *worker)
{
    ssize_t got = read(worker->from, (char *)&worker->report + worker->have,
                       sizeof worker->report - worker->have);

    if (got < 0 && errno == EINTR)
        return;
    if (got <= 0) {
        finish(state, worker);
        return;
    }
    worker->have += (size_t)got;
    if (worker->have < sizeof worker->report)
        return;
    take(state, worker->next, &worker->report);
    worker->next += state->sweep->jobs;
    worker->have = 0;
}

static bool wait_for_some(struct state *state)
{
    unsigned jobs = state->sweep->jobs;
    struct pollfd *polls = memory(jobs, sizeof *polls);
    bool any = false;

    for (unsigned i = 0; i < jobs; i++) {
        polls[i] = (struct pollfd){state->workers[i].from, POLLIN, 0};
        any |= state->workers[i].from >= 0;
    }
    if (any && poll(polls, jobs, -1) > 0)
        for (unsigned i = 0; i < jobs; i++)
            if (polls[i].revents != 0)
                receive(state, &state->workers[i]);
    free(polls);
    return any;
}

static void run_here(struct state *state)
{
    struct run_report *report = memory(1, sizeof *report);

    run_one(state, 0, report);
    take(state, 0, report);
    free(report);
}

static void run_there(struct state *state)
{
    state->workers = memory(state->sweep->jobs, sizeof *state->workers);
    for (unsigned i = 0; i < state->sweep->jobs; i++)
        launch(state, &state->workers[i], i);
    while (wait_for_some(state))
        ;
    free(state->workers);
}

bool sweep_run(const struct sweep *sweep)
{
    struct state state = {.sweep = sweep, .good = true};

    state.runs =
        sweep->scenario_count * (size_t)sweep->seeds * runs_of_seed(&state);
    state.reports = memory(state.runs, sizeof *state.reports);
    if (state.runs == 1 && !sweep->quiet)
        run_here(&state);
    else
        run_there(&state);
    free(state.reports);
    return state.good;
}
