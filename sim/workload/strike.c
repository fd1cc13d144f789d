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

static struct disk_point point_of(const struct broker_host *host,
                                  const struct disk_call *call)
{
    return (struct disk_point){host->starting ? DISK_STARTING : DISK_SERVING,
                               disk_kind_of(call->path), call->operation};
}

void run_disk_call(struct run *run, struct broker_host *host,
                   const struct disk_call *call)
{
    struct disk_point point = point_of(host, call);

    if (run->phase <= PHASE_WORK)
        disk_points_add(&run->report->disk_points, &point);
}

static void on_chosen(void *context, const struct disk_call *call)
{
    struct run *run = context;
    struct run_report *report = run->report;

    report->struck = true;
    report->struck_at = point_of(&run->brokers[report->strike.broker], call);
}

static void on_operation(void *context)
{
    static const char *const words[] = {
        [STRIKE_POWER] = "power lost at a disk operation",
        [STRIKE_PROCESS] = "killed at a disk operation",
        [STRIKE_ERROR] = "a disk operation is to fail",
        [STRIKE_FULL] = "the disk is full at a disk operation",
        [STRIKE_SHORT] = "an append is to be cut short",
    };
    struct run *run = context;
    struct run_report *report = run->report;
    enum strike_how how = report->strike.how;
    struct broker_host *host = &run->brokers[report->strike.broker];

    run_say(run, node_name(host->node), CHRONICLE_STEP, words[how]);
    if (how == STRIKE_ERROR || how == STRIKE_SHORT)
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

/* One that comes late is another, of the same operations. */
static const enum disk_strike_kind kinds[STRIKE_HOWS] = {
    [STRIKE_POWER] = DISK_STRIKE_SUBMITTED,
    [STRIKE_PROCESS] = DISK_STRIKE_SUBMITTED,
    [STRIKE_ERROR] = DISK_STRIKE_ERROR,
    [STRIKE_FULL] = DISK_STRIKE_SUBMITTED,
    [STRIKE_SHORT] = DISK_STRIKE_SHORT,
};

uint64_t run_strike_operations(const struct run *run, unsigned broker,
                               enum strike_how how)
{
    return node_disk_operations(run->brokers[broker].node, kinds[how]);
}

void run_strike_begin(struct run *run)
{
    const struct run_strike *plan = &run->report->strike;
    struct disk_strike strike = {.nth = plan->nth,
                                 .chosen = on_chosen,
                                 .call = on_operation,
                                 .context = run};

    if (plan->nth == 0 || plan->how == STRIKE_FUTURE)
        return;
    strike.kind = kinds[plan->how];
    if (plan->late && plan->how == STRIKE_ERROR)
        strike.kind = DISK_STRIKE_FULL;
    else if (plan->late && plan->how != STRIKE_FULL)
        strike.kind = DISK_STRIKE_DONE;
    node_strike_disk(run->brokers[plan->broker].node, &strike);
}
