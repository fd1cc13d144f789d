/* SPDX-License-Identifier: Apache-2.0
 *
 * The run is written out (exact.c); then runs of elements are left out, half
 * of them at first and one at a time at last (Zeller and Hildebrandt,
 * "Simplifying and isolating failure-inducing input", IEEE TSE 2002), and
 * values made smaller, again and again until a whole round changes nothing:
 * then nothing that is left can go alone. At last each edit is tried with a
 * few more seeds: what is left out moves what comes by chance, and the
 * failure may be there with other latencies.
 */
#include "sim/shrink/shrink.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "sim/shrink/internal.h"

/* ---- writing out ---- */

#define WHAT_HOLDS "What must hold: "

/* What must hold is said anew; what a sweep has to reach is no matter. */
static void describe(struct trial *trial)
{
    struct scenario *scenario = scenario_copy(trial->now);
    enum oracle_id oracle = (enum oracle_id)trial->oracle;
    size_t size = strlen(oracle_sentence(oracle)) + sizeof WHAT_HOLDS + 1;

    free(scenario->description);
    scenario->description = malloc(size);
    if (scenario->description == NULL)
        abort();
    snprintf(scenario->description, size, WHAT_HOLDS "%s.",
             oracle_sentence(oracle));
    scenario->reaches = 0;
    scenario->at_least = (struct scenario_least){1, 1, 1};
    trial_one(trial, scenario);
}

static bool try_exact(struct trial *trial, const struct scenario *scenario,
                      const struct decisions *decisions, const bool *keep)
{
    const bool *keep_faults = keep ? keep + scenario->step_count : NULL;

    return trial_one(trial,
                     exact_scenario(scenario, decisions, keep, keep_faults));
}

/* One after the other: what cannot be written out stays as it is. */
static bool write_out_some(struct trial *trial, const struct scenario *scenario,
                           const struct decisions *decisions)
{
    size_t count = scenario->step_count + scenario->fault_count;
    bool *keep = malloc(count + 1);
    bool any = false;

    if (keep == NULL)
        abort();
    memset(keep, true, count);
    for (size_t i = 0; i < count; i++) {
        if (is_exact(scenario, i))
            continue;
        keep[i] = false;
        keep[i] = !try_exact(trial, scenario, decisions, keep);
        any |= !keep[i];
    }
    free(keep);
    return any;
}

/* True when something was written out that was not before. */
static bool write_out(struct trial *trial)
{
    struct scenario *scenario = scenario_copy(trial->now);
    struct decisions decisions = {0};
    struct run_extras extras = {.decisions = &decisions};
    struct run_report *report = malloc(sizeof *report);
    bool any = false;

    if (report == NULL)
        abort();
    for (size_t i = 0; i < scenario->step_count + scenario->fault_count; i++)
        any |= !is_exact(scenario, i);
    if (any && trial_has_time(trial)) {
        run_scenario(scenario, trial->seed, &extras, report);
        trial->runs++;
        any = try_exact(trial, scenario, &decisions, NULL) ||
              write_out_some(trial, scenario, &decisions);
    }
    decisions_release(&decisions);
    free(report);
    scenario_free(scenario);
    return any;
}

/* ---- rounds ---- */

static bool try_edit(struct trial *trial, const struct edit *edit, size_t at,
                     size_t width)
{
    struct scenario *scenario = scenario_copy(trial->now);
    bool any = false;

    for (; width > 0 && at < edit->count(scenario); width--)
        if (edit->apply(scenario, at))
            any = true;
        else
            at++;
    if (any)
        return trial_one(trial, scenario);
    scenario_free(scenario);
    return false;
}

/* True when it made the scenario smaller. */
static bool pass(struct trial *trial, const struct edit *edit, size_t width)
{
    bool any = false;
    size_t at = 0;

    while (at < edit->count(trial->now) && trial_has_time(trial))
        if (try_edit(trial, edit, at, width))
            any = true;
        else
            at += width;
    return any;
}

static bool leave_out(struct trial *trial, const struct edit *edit)
{
    size_t width = edit->count(trial->now);
    bool any = false;

    for (; width > 1; width = (width + 1) / 2) {
        any |= pass(trial, edit, width);
        if (width > edit->count(trial->now))
            width = edit->count(trial->now);
    }
    return pass(trial, edit, 1) || any;
}

static bool round_of_edits(struct trial *trial)
{
    bool any = write_out(trial);

    for (size_t i = 0; i < EDITS_OF_ELEMENTS; i++)
        any |= leave_out(trial, &edits_of_elements[i]);
    for (size_t i = 0; i < EDITS_OF_VALUES; i++)
        any |= pass(trial, &edits_of_values[i], 1);
    return any;
}

/* ---- the file ---- */

/* That are tried for what one seed does not show. */
#define SEEDS 8

/* Words in a comment, from this column on. */
static void put_comment(FILE *out, const char *text)
{
    size_t column = 0;

    while (*(text += strspn(text, " \n")) != '\0') {
        size_t length = strcspn(text, " \n");

        if (column > 0 && column + 1 + length > 78) {
            putc('\n', out);
            column = 0;
        }
        fprintf(out, "%s%.*s", column > 0 ? " " : "# ", (int)length, text);
        column += (column > 0 ? 1 : 2) + length;
        text += length;
    }
    putc('\n', out);
}

static char *file_text(const struct trial *trial)
{
    const struct shrink_plan *plan = trial->plan;
    enum oracle_id oracle = (enum oracle_id)trial->oracle;
    char *text = NULL, line[RUN_MESSAGE_BYTES + 128];
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL)
        abort();
    snprintf(line, sizeof line, "%s (%s) is broken: %s", oracle_name(oracle),
             oracle_invariant(oracle), trial->message);
    put_comment(out, line);
    fprintf(out,
            "#\n#     kqsim run %s --seed %" PRIu64 "\n#\n"
            "# Shrunk from:\n#\n#     kqsim run %s --seed %" PRIu64 "\n#\n",
            plan->out, trial->seed, plan->scenario->path, plan->seed);
    if (trial->out_of_time)
        snprintf(line, sizeof line,
                 "Time ran out: it may hold more than is needed.");
    else
        snprintf(line, sizeof line,
                 "Without any one of its steps, occurrences of faults and "
                 "clients the seeds %" PRIu64 " to %" PRIu64
                 " pass, or fail in another way.",
                 plan->seed, plan->seed + SEEDS - 1);
    put_comment(out, line);
    fputs(trial->text, out);
    if (fclose(out) != 0)
        abort();
    return text;
}

enum shrink_end shrink_run(const struct shrink_plan *plan,
                           struct shrunk *shrunk)
{
    struct run_report *report = malloc(sizeof *report);
    enum shrink_end end;
    struct trial trial;

    if (report == NULL)
        abort();
    ASSERT(plan->jobs > 0);
    *shrunk = (struct shrunk){0};
    trial_begin(&trial, plan, report);
    memcpy(shrunk->message, report->message, sizeof shrunk->message);
    if (report->result == RUN_FAIL) {
        describe(&trial);
        while (round_of_edits(&trial))
            ;
        trial_widen(&trial, SEEDS);
        while (round_of_edits(&trial))
            ;
        shrunk->text = file_text(&trial);
        shrunk->runs = trial.runs;
        shrunk->steps = count_steps(trial.now);
        shrunk->occurrences = count_occurrences(trial.now);
        shrunk->clients = count_clients(trial.now);
        memcpy(shrunk->message, trial.message, sizeof shrunk->message);
    }
    end = report->result == RUN_PASS    ? SHRINK_PASSES
          : report->result == RUN_ERROR ? SHRINK_PROVES_NOTHING
          : trial.out_of_time           ? SHRINK_OUT_OF_TIME
                                        : SHRINK_DONE;
    trial_release(&trial);
    free(report);
    return end;
}
