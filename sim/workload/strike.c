/* SPDX-License-Identifier: Apache-2.0
 *
 * The strike of a run: at one disk operation of a broker it crashes, or the
 * operation fails. The operator starts a broker that crashed soon again; one
 * that gave up over an error after restart-delay, as always.
 */
#include "sim/workload/internal.h"

#define START_AGAIN_US 100000

static void start_again(struct run *run, size_t index)
{
    if (run->brokers[index].planned)
        broker_host_start(&run->brokers[index]);
}

static void on_operation(void *context, const char *operation)
{
    struct run *run = context;
    struct run_report *report = run->report;
    enum strike_how how = report->strike.how;
    struct broker_host *host = &run->brokers[report->strike.broker];

    snprintf(report->struck, sizeof report->struck, "%s", operation);
    story_event(run->story, world_now_us(run->world), node_name(host->node),
                how == STRIKE_ERROR     ? "a disk operation is to fail"
                : how == STRIKE_PROCESS ? "killed at a disk operation"
                                        : "power lost at a disk operation");
    if (how == STRIKE_ERROR)
        return;
    host->planned = true;
    run_later(run, START_AGAIN_US, start_again, host->index);
    node_crash(host->node,
               how == STRIKE_POWER ? NODE_CRASH_POWER : NODE_CRASH_PROCESS);
}

void run_strike_begin(struct run *run)
{
    const struct run_strike *plan = &run->report->strike;
    struct disk_strike strike = {
        .nth = plan->nth, .call = on_operation, .context = run};

    if (plan->nth == 0)
        return;
    if (plan->how == STRIKE_ERROR)
        strike.kind = plan->late ? DISK_STRIKE_FULL : DISK_STRIKE_ERROR;
    else
        strike.kind = plan->late ? DISK_STRIKE_DONE : DISK_STRIKE_SUBMITTED;
    node_strike_disk(run->brokers[plan->broker].node, &strike);
}
