/* SPDX-License-Identifier: Apache-2.0
 *
 * Faults of a scenario in brokers that have fault points (kafkaesqued-faults),
 * enabled through the pipes of libfiu's remote control. Each rule holds a
 * switch of its own in every broker that it is about, until its span or its
 * limit is over; while all FAULT_SWITCHES of a point are held, a rule more
 * about it waits. Askings are counted by each broker for itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "sim/real/internal.h"

#define COMMAND_BYTES 160

struct rule {
    struct world *world;
    struct world_fault fault;
    unsigned number; /* 1 and up */
    bool active;     /* its span has begun and is not over */
    uint64_t fired;
};

const char *world_cannot_fault(enum fault_point point, size_t nths)
{
    static const bool there[FAULT_COUNT] = {
        [FAULT_DISK_READ_EIO] = true,
        [FAULT_DISK_APPEND_EIO] = true,
        [FAULT_DISK_APPEND_ENOSPC] = true,
        [FAULT_DISK_SYNC_EIO] = true,
        [FAULT_DISK_SYNC_DIRECTORY_EIO] = true,
        [FAULT_DISK_OPEN_EIO] = true,
        [FAULT_DISK_STALL] = true,
        [FAULT_NET_CONNECT_REFUSE] = true,
        [FAULT_NET_RESET] = true,
        [FAULT_MEMORY_REFUSE] = true,
    };

    if (!there[point])
        return "kafkaesqued-faults has no such point";
    return nths > 1 ? "libfiu fires once, or by chance" : NULL;
}

/* ---- switches ---- */

static bool is_used_up(const struct rule *rule)
{
    return (rule->fault.nth_count > 0 && rule->fired > 0) ||
           (rule->fault.limit > 0 && rule->fired >= rule->fault.limit);
}

static bool is_about(const struct rule *rule, const struct node *node,
                     enum fault_point point)
{
    return rule->active && rule->fault.point == point &&
           (rule->fault.node == NULL || rule->fault.node == node) &&
           !is_used_up(rule);
}

static void tell(struct node *node, const char *command)
{
    char answers[64];

    if (write(node->faults_in, command, strlen(command)) < 0 &&
        errno != EPIPE) /* it has ended */
        real_failed("%s takes no faults: %s", node->name, strerror(errno));
    while (read(node->faults_out, answers, sizeof answers) > 0)
        continue;
}

static void turn_off(struct node *node, enum fault_point point, unsigned at)
{
    char name[FAULT_SWITCH_BYTES], command[COMMAND_BYTES];

    fault_switch_name(point, at, name);
    snprintf(command, sizeof command, "disable name=%s\n", name);
    tell(node, command);
    node->switches[point][at] = NULL;
}

/* As fault_listen() takes it. */
static void turn_on(struct node *node, enum fault_point point, unsigned at,
                    const struct rule *rule)
{
    char name[FAULT_SWITCH_BYTES], command[COMMAND_BYTES];
    uint64_t left = rule->fault.limit ? rule->fault.limit - rule->fired : 0;
    unsigned long long info = (uint64_t)rule->number << FAULT_RULE_SHIFT;

    info |= left < UINT32_MAX ? left : UINT32_MAX;
    fault_switch_name(point, at, name);
    if (rule->fault.nth_count > 0)
        snprintf(command, sizeof command,
                 "enable name=%s,failnum=%llu,failinfo=%llu\n", name,
                 (unsigned long long)rule->fault.nths[0] + 1, info);
    else
        snprintf(command, sizeof command,
                 "enable_random name=%s,probability=%.6f,failinfo=%llu\n", name,
                 rule->fault.rate, info);
    tell(node, command);
    node->switches[point][at] = rule;
}

static bool has_switch(const struct node *node, const struct rule *rule)
{
    for (unsigned i = 0; i < FAULT_SWITCHES; i++)
        if (node->switches[rule->fault.point][i] == rule)
            return true;
    return false;
}

/* The next rule that waits for a switch; NULL: none. */
static const struct rule *waiting(const struct node *node,
                                  enum fault_point point)
{
    const struct world *world = node->world;

    for (unsigned i = 0; i < world->rule_count; i++)
        if (is_about(world->rules[i], node, point) &&
            !has_switch(node, world->rules[i]))
            return world->rules[i];
    return NULL;
}

static void set_switches_of(struct node *node, enum fault_point point)
{
    for (unsigned i = 0; node->faults_in >= 0 && i < FAULT_SWITCHES; i++) {
        const struct rule *rule = node->switches[point][i];

        if (rule != NULL && is_about(rule, node, point))
            continue;
        if (rule != NULL)
            turn_off(node, point, i);
        rule = waiting(node, point);
        if (rule != NULL)
            turn_on(node, point, i, rule);
    }
}

static void set_switches(struct rule *rule)
{
    for (uint32_t i = 0; i < rule->world->node_count; i++) {
        struct node *node = rule->world->nodes[i];

        if (rule->fault.node == NULL || rule->fault.node == node)
            set_switches_of(node, rule->fault.point);
    }
}

/* ---- rules ---- */

static void begin(void *context)
{
    struct rule *rule = context;

    rule->active = true;
    set_switches(rule);
}

static void end(void *context)
{
    struct rule *rule = context;

    rule->active = false;
    set_switches(rule);
}

unsigned world_add_fault(struct world *world, const struct world_fault *fault)
{
    struct rule **rules =
        realloc(world->rules, (world->rule_count + 1) * sizeof *rules);
    struct rule *rule = calloc(1, sizeof *rule);

    ASSERT(rules != NULL && rule != NULL);
    *rule = (struct rule){
        .world = world, .fault = *fault, .number = world->rule_count + 1};
    world->rules = rules;
    rules[world->rule_count] = rule;
    world_at(world, fault->from_us, begin, rule);
    if (fault->until_us != INT64_MAX)
        world_at(world, fault->until_us, end, rule);
    return world->rule_count++;
}

void faults_fired(struct node *node, const char *name, unsigned number)
{
    struct world *world = node->world;
    struct rule *rule;
    enum fault_point point;

    if (!fault_by_name(name, &point))
        return;
    world->points[point]++;
    if (number == 0 || number > world->rule_count)
        return;
    rule = world->rules[number - 1];
    rule->fired++;
    if (is_used_up(rule))
        set_switches(rule);
}

/* ---- pipes ---- */

static int open_pipe(const struct node *node, const char *which, int flags)
{
    char name[64], path[PATH_MAX];

    snprintf(name, sizeof name, FAULT_PIPES "-%d.%s", (int)node->process.pid,
             which);
    real_path(node->world, node->name, name, path);
    return open(path, flags | O_NONBLOCK | O_CLOEXEC);
}

/* The process makes them when it listens: tried until then. */
void faults_listen(struct node *node)
{
    if (node->world->rule_count == 0 || node->faults_in >= 0)
        return;
    if (node->faults_out < 0)
        node->faults_out = open_pipe(node, "out", O_RDONLY);
    if (node->faults_out < 0)
        return;
    node->faults_in = open_pipe(node, "in", O_WRONLY);
    for (unsigned i = 0; node->faults_in >= 0 && i < FAULT_COUNT; i++)
        set_switches_of(node, (enum fault_point)i);
}

void faults_close(struct node *node)
{
    if (node->faults_in >= 0)
        close(node->faults_in);
    if (node->faults_out >= 0)
        close(node->faults_out);
    node->faults_in = -1;
    node->faults_out = -1;
    memset(node->switches, 0, sizeof node->switches);
}

void faults_release(struct world *world)
{
    for (unsigned i = 0; i < world->rule_count; i++)
        free(world->rules[i]);
    free(world->rules);
}

/* ---- counts ---- */

uint64_t world_fault_fired(const struct world *world, unsigned index)
{
    ASSERT(index < world->rule_count);
    return world->rules[index]->fired;
}

uint64_t world_point_fired(const struct world *world, enum fault_point point)
{
    return world->points[point];
}
