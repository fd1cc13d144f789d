/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns a swarm's runs: a few hundred seeds at a time are drawn and given to
 * a sweep, so that memory does not grow with the number of seeds.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sim/report/sweep.h"
#include "sim/swarm/swarm.h"

#define SEEDS_AT_ONCE 256

struct total {
    uint64_t runs;
    uint64_t failed;
    uint64_t errors;
    uint64_t acked;
    int64_t sim_ms;
    uint64_t faults[FAULT_COUNT];
};

static int64_t wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void note(void *context, const struct run_report *report)
{
    struct total *total = context;

    total->runs++;
    total->failed += report->result == RUN_FAIL;
    total->errors += report->result == RUN_ERROR;
    total->acked += report->records.acked;
    total->sim_ms += report->sim_ms;
    for (size_t i = 0; i < FAULT_COUNT; i++)
        total->faults[i] += report->points[i];
}

/* What is drawn is a scenario: anything else is a fault of draw.c. */
struct scenario *swarm_scenario(uint64_t seed)
{
    struct complaints complaints = {NULL, 0, 0};
    char *text = swarm_draw(seed);
    char path[32];
    struct scenario *scenario;

    snprintf(path, sizeof path, "swarm-%" PRIu64 ".yaml", seed);
    scenario = scenario_parse(path, text, strlen(text), &complaints);
    if (scenario == NULL) {
        fprintf(stderr, "%s", complaints.text);
        abort();
    }
    scenario->drawn = true;
    free(text);
    return scenario;
}

static bool run_some(const struct swarm *swarm, uint64_t first, size_t count,
                     struct total *total)
{
    struct scenario *scenarios[SEEDS_AT_ONCE];
    struct sweep sweep = {.scenarios = scenarios,
                          .scenario_count = count,
                          .first_seed = first,
                          .seeds = 1,
                          .drawn = true,
                          .jobs = swarm->jobs,
                          .json = swarm->json,
                          .junit = swarm->junit,
                          .trace = swarm->trace,
                          .told = note,
                          .context = total};
    bool good;

    for (size_t i = 0; i < count; i++)
        scenarios[i] = swarm_scenario(first + i);
    good = sweep_run(&sweep);
    for (size_t i = 0; i < count; i++)
        scenario_free(scenarios[i]);
    return good;
}

static void tell_total(FILE *out, const struct total *total, int64_t took_ms)
{
    fprintf(out,
            "%s swarm: %" PRIu64 " runs, %" PRIu64 " failed, %" PRIu64
            " proved nothing, %" PRIu64
            " records acknowledged, %.0f simulated s in %.1f s\n",
            total->failed > 0   ? "FAIL  "
            : total->errors > 0 ? "ERROR "
                                : "pass  ",
            total->runs, total->failed, total->errors, total->acked,
            (double)total->sim_ms / 1e3, (double)took_ms / 1e3);
    for (size_t i = 0; i < FAULT_COUNT; i++)
        if (total->faults[i] > 0)
            fprintf(out, "  %-24s %" PRIu64 " times\n",
                    fault_describe((enum fault_point)i)->name,
                    total->faults[i]);
}

bool swarm_run(const struct swarm *swarm)
{
    struct total total = {0};
    int64_t began_ms = wall_ms();
    int64_t limit_ms = (int64_t)swarm->minutes * 60000;
    bool good = true;
    uint64_t done = 0;

    while (done < swarm->seeds &&
           (limit_ms == 0 || wall_ms() - began_ms < limit_ms)) {
        uint64_t left = swarm->seeds - done;
        size_t count = left < SEEDS_AT_ONCE ? (size_t)left : SEEDS_AT_ONCE;

        good &= run_some(swarm, swarm->first_seed + done, count, &total);
        done += count;
        if (isatty(STDERR_FILENO))
            fprintf(stderr,
                    "\r%" PRIu64 " of %" PRIu64 " seeds, %" PRIu64 " failed%s",
                    done, swarm->seeds, total.failed + total.errors,
                    done == swarm->seeds ? "\r\033[K" : "");
    }
    tell_total(swarm->json ? stderr : stdout, &total, wall_ms() - began_ms);
    return good;
}
