/* SPDX-License-Identifier: Apache-2.0
 *
 * Faults of a scenario in brokers that have fault points (kafkaesqued-faults),
 * enabled through the pipes of libfiu's remote control. A point of a process
 * has one switch: of several rules about it the first that is not used up
 * holds it.
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
    bool active; /* its span has begun and is not over */
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

/* The rule that holds this switch; NULL: none. */
static struct rule *holder(const struct node *node, enum fault_point point)
{
    const struct world *world = node->world;

    for (unsigned i = 0; i < world->rule_count; i++) {
        struct rule *rule = world->rules[i];

        if (rule->active && rule->fault.point == point &&
            (rule->fault.node == NULL || rule->fault.node == node) &&
            !is_used_up(rule))
            return rule;
    }
    return NULL;
}

/* As fault_listen() takes it. */
static void write_command(const struct rule *rule, enum fault_point point,
                          char command[COMMAND_BYTES])
{
    const char *name = fault_describe(point)->name;
    char limit[32] = "";

    if (rule != NULL && rule->fault.limit > 0)
        snprintf(limit, sizeof limit, ",failinfo=%llu",
                 (unsigned long long)(rule->fault.limit - rule->fired));
    if (rule == NULL)
        snprintf(command, COMMAND_BYTES, "disable name=%s\n", name);
    else if (rule->fault.nth_count > 0)
        snprintf(command, COMMAND_BYTES, "enable name=%s,failnum=%llu\n", name,
                 (unsigned long long)rule->fault.nths[0] + 1);
    else
        snprintf(command, COMMAND_BYTES,
                 "enable_random name=%s,probability=%.6f%s\n", name,
                 rule->fault.rate, limit);
}

static void set_switch(struct node *node, enum fault_point point)
{
    char command[COMMAND_BYTES];
    char answers[64];

    if (node->faults_in < 0)
        return;
    write_command(holder(node, point), point, command);
    if (write(node->faults_in, command, strlen(command)) < 0 &&
        errno != EPIPE) /* it has ended */
        real_failed("%s takes no faults: %s", node->name, strerror(errno));
    while (read(node->faults_out, answers, sizeof answers) > 0)
        continue;
}

static void set_switches(struct rule *rule)
{
    for (uint32_t i = 0; i < rule->world->node_count; i++) {
        struct node *node = rule->world->nodes[i];

        if (rule->fault.node == NULL || rule->fault.node == node)
            set_switch(node, rule->fault.point);
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
    *rule = (struct rule){.world = world, .fault = *fault};
    world->rules = rules;
    rules[world->rule_count] = rule;
    world_at(world, fault->from_us, begin, rule);
    if (fault->until_us != INT64_MAX)
        world_at(world, fault->until_us, end, rule);
    return world->rule_count++;
}

void faults_fired(struct node *node, const char *name)
{
    struct rule *rule;
    enum fault_point point;

    if (!fault_by_name(name, &point))
        return;
    node->world->points[point]++;
    rule = holder(node, point);
    if (rule == NULL)
        return;
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
        if (holder(node, (enum fault_point)i) != NULL)
            set_switch(node, (enum fault_point)i);
}

void faults_close(struct node *node)
{
    if (node->faults_in >= 0)
        close(node->faults_in);
    if (node->faults_out >= 0)
        close(node->faults_out);
    node->faults_in = -1;
    node->faults_out = -1;
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
