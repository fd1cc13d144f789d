/* SPDX-License-Identifier: Apache-2.0
 *
 * For people: one line a scenario, and the story of a run that failed.
 */
#include <inttypes.h>
#include <string.h>

#include "sim/report/report.h"
#include "sim/world.h"

/* A rate may well not fire in a few runs. */
#define SWEEP_RUNS_MIN 10

static const char *called = "kqsim";

void report_called(const char *program)
{
    called = program;
}

static void tell_failure(FILE *out, const struct scenario *scenario,
                         uint64_t seed, const struct run_report *report,
                         const struct chronicle *chronicle)
{
    if (report->result == RUN_FAIL && report->oracle < 0)
        fprintf(out, "FAIL   %s, seed %" PRIu64 "\n  %s\n", scenario->path,
                seed, report->message);
    else if (report->result == RUN_FAIL)
        fprintf(
            out, "FAIL   %s, seed %" PRIu64 "\n  %s (%s) is broken: %s\n",
            scenario->path, seed, oracle_name((enum oracle_id)report->oracle),
            oracle_invariant((enum oracle_id)report->oracle), report->message);
    else
        fprintf(out, "ERROR  %s, seed %" PRIu64 "\n  %s\n", scenario->path,
                seed, report->message);
    if (report->disk_profile != DISK_PROFILE_DRAWN)
        fprintf(out, "  the disks are those of %s\n",
                disk_profile_name(report->disk_profile));
    if (report->has_story)
        explain(out, chronicle, report);
}

void report_failure(FILE *out, const struct scenario *scenario, uint64_t seed,
                    const struct run_report *report)
{
    struct chronicle *chronicle =
        report->has_story ? chronicle_again(scenario, seed, report) : NULL;

    tell_failure(out, scenario, seed, report, chronicle);
    chronicle_free(chronicle);
    fputs("  replay it: ", out);
    report_replay(out, scenario, seed, report);
    if (report->has_story)
        fputs("  look at it: add --html page.html\n", out);
}

void report_failure_recorded(FILE *out, const struct scenario *scenario,
                             uint64_t seed, const struct run_report *report,
                             const struct chronicle *chronicle)
{
    tell_failure(out, scenario, seed, report, chronicle);
    fprintf(out,
            "  try it again: %s run %s --seed %" PRIu64
            " --world %s # the same steps come at the same times, and no more "
            "than that is the same\n",
            called, scenario->path, seed, world_name());
}

static void put_skipped(void *context, const char *sentence)
{
    fprintf(context, "  skipped: %s\n", sentence);
}

void report_skipped(FILE *out, const struct scenario *scenario)
{
    run_skipped(scenario, put_skipped, out);
}

void report_replay(FILE *out, const struct scenario *scenario, uint64_t seed,
                   const struct run_report *report)
{
    char at[STRIKE_TEXT_BYTES];

    if (scenario->drawn) {
        fprintf(out,
                "%s swarm --seed %" PRIu64
                " --trace trace.txt # --print shows the scenario\n",
                called, seed);
        return;
    }
    if (report->strike.nth == 0) {
        fprintf(out, "%s run %s --seed %" PRIu64 " --trace trace.txt\n", called,
                scenario->path, seed);
        return;
    }
    strike_format(&report->strike, at);
    if (report->strike.how == STRIKE_FUTURE) {
        fprintf(out,
                "%s explore %s --seed %" PRIu64 " --at %s --trace trace.txt\n",
                called, scenario->path, seed, at);
        return;
    }
    fprintf(out,
            "%s crash-everywhere %s --seed %" PRIu64
            " --how %s --at %s --trace trace.txt # ",
            called, scenario->path, seed, strike_how_name(report->strike.how),
            at);
    if (report->struck)
        fprintf(
            out, "%s, %s%s\n", disk_operation_name(report->struck_at.operation),
            disk_kind_name(report->struck_at.kind),
            report->struck_at.stage == DISK_STARTING ? ", at its start" : "");
    else
        fputs("not reached\n", out);
}

void tally_add(struct tally *tally, const struct run_report *report)
{
    tally->runs++;
    tally->failed += report->result == RUN_FAIL;
    tally->errors += report->result == RUN_ERROR;
    tally->acked += report->records.acked;
    tally->sim_ms += report->sim_ms;
    tally->wall_ms += report->wall_ms;
    for (size_t i = 0; i < SCENARIO_FAULTS_MAX; i++)
        tally->faults[i] += report->faults[i];
    for (size_t i = 0; i < MARK_COUNT; i++)
        tally->marks[i] += report->marks[i];
}

bool tally_vacuous(const struct tally *tally, const struct scenario *scenario,
                   char sentence[RUN_MESSAGE_BYTES])
{
    if (tally->runs < SWEEP_RUNS_MIN)
        return false;
    for (size_t i = 0; i < scenario->fault_count; i++)
        if (tally->faults[i] == 0) {
            snprintf(sentence, RUN_MESSAGE_BYTES,
                     "the fault in line %u (%s) took effect in none of %" PRIu64
                     " runs: raise its rate or widen its span",
                     scenario->faults[i].line,
                     fault_describe(scenario->faults[i].point)->name,
                     tally->runs);
            return true;
        }
    for (size_t i = 0; i < MARK_COUNT; i++)
        if ((scenario->reaches >> i & 1) != 0 && tally->marks[i] == 0) {
            snprintf(sentence, RUN_MESSAGE_BYTES,
                     "none of %" PRIu64 " runs reached %s, which the scenario "
                     "says it reaches",
                     tally->runs, report_mark_name((enum mark)i));
            return true;
        }
    return false;
}

void report_tally(FILE *out, const struct scenario *scenario,
                  const struct tally *tally)
{
    const char *word = "pass";

    if (tally->errors > 0 || tally->vacuous)
        word = "ERROR";
    if (tally->failed > 0)
        word = "FAIL";
    fprintf(out, "%-6s %s: %" PRIu64 " run%s", word, scenario->path,
            tally->runs, tally->runs == 1 ? "" : "s");
    if (tally->failed > 0)
        fprintf(out, ", %" PRIu64 " failed", tally->failed);
    if (tally->errors > 0)
        fprintf(out, ", %" PRIu64 " proved nothing", tally->errors);
    fprintf(out, ", %" PRIu64 " records acknowledged, %.0f %s s in %.1f s\n",
            tally->acked, (double)tally->sim_ms / 1e3,
            strcmp(world_name(), "sim") == 0 ? "simulated" : world_name(),
            (double)tally->wall_ms / 1e3);
}

void report_run(const struct scenario *scenario, uint64_t seed,
                const struct run_report *report, bool json)
{
    struct tally tally = {0};

    if (json) {
        report_json(stdout, scenario, seed, report);
        return;
    }
    tally_add(&tally, report);
    report_tally(stdout, scenario, &tally);
}
