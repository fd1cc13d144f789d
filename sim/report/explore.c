/* SPDX-License-Identifier: Apache-2.0
 *
 * A first run tells where to fork. Each future is a run of its own from the
 * start: that costs about twice what a fork of the process would, and any of
 * them can be made again alone.
 */
#include "sim/report/explore.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- where ---- */

static void add_futures(const struct explore *explore,
                        struct run_strike *strikes, size_t *count,
                        uint64_t turn)
{
    for (uint32_t i = 1; i <= explore->futures; i++)
        strikes[(*count)++] =
            (struct run_strike){.how = STRIKE_FUTURE, .nth = turn, .future = i};
}

/* Of how many of these points futures are to be run. */
static size_t share(const struct explore *explore, size_t points,
                    uint64_t runs_taken)
{
    uint64_t left;

    if (explore->limit == 0)
        return points;
    left = explore->limit > runs_taken ? explore->limit - runs_taken : 0;
    left = (left + explore->futures - 1) / explore->futures;
    return left < points ? (size_t)left : points;
}

/* The futures of all points, as far as the limit lets. */
static struct run_strike *plan(const struct explore *explore,
                               const struct run_forks *forks, size_t *count)
{
    size_t marks = share(explore, forks->marks.count, 0);
    size_t syncs =
        share(explore, forks->syncs.count, (uint64_t)marks * explore->futures);
    struct run_strike *strikes =
        calloc((marks + syncs) * explore->futures + 1, sizeof *strikes);

    if (strikes == NULL)
        abort();
    *count = 0;
    for (size_t i = 0; i < marks; i++)
        add_futures(explore, strikes, count, forks->marks.turns[i]);
    for (size_t i = 0; i < syncs; i++)
        add_futures(explore, strikes, count,
                    forks->syncs.turns[i * forks->syncs.count / syncs]);
    if (explore->limit > 0 && *count > explore->limit)
        *count = (size_t)explore->limit; /* not all futures of the last one */
    return strikes;
}

/* ---- the whole ---- */

static bool run_futures(const struct explore *explore,
                        const struct run_forks *forks)
{
    struct scenario *scenario = explore->scenario;
    size_t count;
    struct run_strike *strikes = plan(explore, forks, &count);
    struct sweep sweep = {.scenarios = &scenario,
                          .scenario_count = 1,
                          .first_seed = explore->seed,
                          .seeds = 1,
                          .jobs = explore->jobs,
                          .json = explore->json,
                          .junit = explore->junit,
                          .strikes = strikes,
                          .strike_count = count};
    bool good = true;

    if (!explore->json)
        printf("%s, seed %" PRIu64
               ": %zu marks reached, %zu turns with a sync: %zu futures\n",
               scenario->path, explore->seed, forks->marks.count,
               forks->syncs.count, count);
    if (count > 0)
        good = sweep_run(&sweep);
    free(strikes);
    return good;
}

bool explore_run(const struct explore *explore)
{
    struct run_report *report = calloc(1, sizeof *report);
    struct run_forks forks = {0};
    struct run_extras extras = {.forks = &forks};
    bool good;

    if (report == NULL)
        abort();
    run_scenario(explore->scenario, explore->seed, &extras, report);
    good = report->result == RUN_PASS;
    if (!good)
        report_failure(explore->json ? stderr : stdout, explore->scenario,
                       explore->seed, report);
    else
        good = run_futures(explore, &forks);
    free(forks.marks.turns);
    free(forks.syncs.turns);
    free(report);
    return good;
}
