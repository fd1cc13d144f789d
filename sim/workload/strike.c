/* SPDX-License-Identifier: Apache-2.0
 *
 * The strike of a run: at one disk operation of a broker it crashes, or the
 * operation fails, or the disk is full from then on, for a while. The operator
 * starts a broker that crashed soon again; one that gave up over an error after
 * restart-delay, as always.
 */
#include "sim/workload/internal.h"

#define START_AGAIN_US 100000
#define FULL_US        2500000

static void start_again(struct run *run, size_t index)
{
    if (run->brokers[index].planned)
        broker_host_start(&run->brokers[index]);
}

static void make_room(struct run *run, size_t index)
{
    node_set_disk_capacity(run->brokers[index].node, DISK_BYTES_UNBOUND);
}

static const char *const stories[] = {
    [STRIKE_POWER] = "power lost at a disk operation",
    [STRIKE_PROCESS] = "killed at a disk operation",
    [STRIKE_ERROR] = "a disk operation is to fail",
    [STRIKE_FULL] = "the disk is full at a disk operation",
};

static void on_operation(void *context, const char *operation)
{
    struct run *run = context;
    struct run_report *report = run->report;
    enum strike_how how = report->strike.how;
    struct broker_host *host = &run->brokers[report->strike.broker];

    snprintf(report->struck, sizeof report->struck, "%s", operation);
    story_event(run->story, world_now_us(run->world), node_name(host->node),
                stories[how]);
    if (how == STRIKE_ERROR)
        return;
    if (how == STRIKE_FULL) {
        node_set_disk_capacity(
            host->node, report->strike.late ? 0 : node_disk_used(host->node));
        run_later(run, FULL_US, make_room, host->index);
        return;
    }
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
    if (plan->how == STRIKE_FULL)
        strike.kind = DISK_STRIKE_SUBMITTED;
    else if (plan->how == STRIKE_ERROR)
        strike.kind = plan->late ? DISK_STRIKE_FULL : DISK_STRIKE_ERROR;
    else
        strike.kind = plan->late ? DISK_STRIKE_DONE : DISK_STRIKE_SUBMITTED;
    node_strike_disk(run->brokers[plan->broker].node, &strike);
}
