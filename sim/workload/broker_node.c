/* SPDX-License-Identifier: Apache-2.0
 *
 * A broker as a node of the world, and the operator who looks after it: one
 * that gave up because its environment failed it (exit code 3), or goes on
 * without a log directory that works again, is started again after
 * restart-delay. Any other end that no step asked for breaks invariant I16,
 * unless damage has no bound: then it may refuse its disk.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/assert.h"
#include "sim/workload/internal.h"

#define BROKER_HEAP_BYTES (256u << 20)

static void stopped(struct broker_owner *owner, int exit_code, const char *why)
{
    struct broker_host *host = container_of(owner, struct broker_host, owner);

    node_exit(host->node, exit_code, why);
}

static void *start(struct node *node, struct seam *seam, void *context)
{
    struct broker_host *host = context;
    struct broker *broker = broker_new(seam, &host->config, &host->owner);

    (void)node;
    broker_start(broker);
    return broker;
}

static void on_event(void *object, const struct event *event)
{
    broker_on_event(object, event);
}

static const char *settings(void *context)
{
    return ((const struct broker_host *)context)->settings;
}

const struct node_kind broker_kind = {start, on_event, settings};

/* ---- settings ---- */

static void set(struct broker_host *host, const char *key, const char *format,
                ...) __attribute__((format(printf, 3, 4)));

static void set(struct broker_host *host, const char *key, const char *format,
                ...)
{
    size_t used = strlen(host->settings);
    va_list arguments;

    used += (size_t)snprintf(host->settings + used,
                             sizeof host->settings - used, "%s=", key);
    ASSERT(used < sizeof host->settings);
    va_start(arguments, format);
    used += (size_t)vsnprintf(host->settings + used,
                              sizeof host->settings - used, format, arguments);
    va_end(arguments);
    ASSERT(used + 1 < sizeof host->settings);
    memcpy(host->settings + used, "\n", 2);
}

void run_directory_name(const struct run *run, int64_t n,
                        char name[DIRECTORY_NAME_BYTES])
{
    if (run->scenario->log_dirs == 1)
        snprintf(name, DIRECTORY_NAME_BYTES, "data");
    else
        snprintf(name, DIRECTORY_NAME_BYTES, "data%d", (int)n);
}

static void set_connect(struct broker_host *host)
{
    const struct run *run = host->run;
    char text[SCENARIO_ZOOKEEPERS_MAX * (WORLD_HOST_BYTES + 8)] = "";
    size_t used = 0;

    for (unsigned i = 1; i <= (unsigned)run->scenario->zookeepers; i++) {
        char name[16], address[WORLD_HOST_BYTES];

        snprintf(name, sizeof name, "z%u", i);
        world_host(run->world, name, address);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s:%d",
                                 i > 1 ? "," : "", address, ZOOKEEPER_PORT);
    }
    set(host, "zookeeper.connect", "%s", text);
}

static void set_log_dirs(struct broker_host *host)
{
    char dirs[SCENARIO_LOG_DIRS_MAX * DIRECTORY_NAME_BYTES] = "";

    for (int64_t i = 1; i <= host->run->scenario->log_dirs; i++) {
        char directory[DIRECTORY_NAME_BYTES];
        size_t used = strlen(dirs);

        run_directory_name(host->run, i, directory);
        snprintf(dirs + used, sizeof dirs - used, "%s%s", i > 1 ? "," : "",
                 directory);
    }
    set(host, "log.dirs", "%s", dirs);
}

static void fill_config(struct broker_host *host, const char *name)
{
    const struct scenario *scenario = host->run->scenario;
    char address[WORLD_HOST_BYTES];
    char message[CONFIG_MESSAGE_BYTES];
    char text[BROKER_SETTINGS_BYTES];
    bool good;

    world_host(host->run->world, name, address);
    set_connect(host);
    set(host, "broker.id", "%u", host->index + 1);
    set(host, "listener.port", "%d", BROKER_PORT);
    set(host, "listener.host", "%s", address);
    set_log_dirs(host);
    for (size_t i = 0; i < scenario->config.count; i++)
        set(host, scenario->config.items[i].key, "%s",
            scenario->config.items[i].value);
    config_init(&host->config);
    memcpy(text, host->settings, sizeof text);
    good = config_parse(&host->config, name, text, message);
    ASSERT(good);
}

void broker_host_init(struct run *run, unsigned index)
{
    struct broker_host *host = &run->brokers[index];
    char name[16];

    host->run = run;
    host->index = index;
    host->owner = (struct broker_owner){stopped, NULL};
    snprintf(name, sizeof name, "b%u", index + 1);
    fill_config(host, name);
    host->node =
        world_add_node(run->world, name, &broker_kind, host, BROKER_HEAP_BYTES);
}

void broker_host_start(struct broker_host *host)
{
    if (node_is_up(host->node)) {
        host->again = host->planned; /* a clean end takes its time */
        return;
    }
    host->planned = false;
    host->again = false;
    host->fenced = false;
    node_start(host->node);
}

static void start_again(void *context)
{
    struct broker_host *host = context;

    if (!host->planned)
        broker_host_start(host);
}

/* Unless a step has it fail: then until that is undone. */
static void take_back(void *context)
{
    struct broker_host *host = context;

    if (!host->fenced || host->failed != 0 || !node_is_up(host->node))
        return;
    host->planned = true;
    node_crash(host->node, NODE_CRASH_PROCESS);
    broker_host_start(host);
}

void broker_host_fenced(struct broker_host *host)
{
    struct run *run = host->run;

    if (host->fenced || run->scenario->log_dirs == 1)
        return;
    host->fenced = true;
    world_at(run->world,
             world_now_us(run->world) + run->scenario->restart_delay_us,
             take_back, host);
}

/* It ended by itself. */
static void ended(struct broker_host *host)
{
    struct run *run = host->run;
    int code = node_exit_code(host->node);
    const char *why = node_exit_why(host->node);

    if (code == 3 && !run->scenario->unbounded && why != NULL &&
        strstr(why, error_sentence(ERROR_DISK_FULL)) != NULL) {
        snprintf(run->unsound, sizeof run->unsound,
                 "a full disk is an answer, and the broker ended: %s", why);
        judge_unsound(run->judge, host->index, run->unsound);
        return;
    }
    if (code == 3 || run->scenario->unbounded) {
        world_at(run->world,
                 world_now_us(run->world) + run->scenario->restart_delay_us,
                 start_again, host);
        return;
    }
    snprintf(run->unsound, sizeof run->unsound,
             "the broker ended with code %d and nobody asked for it: %s", code,
             why ? why : "it did not say why");
    judge_unsound(run->judge, host->index, run->unsound);
}

void broker_host_down(struct broker_host *host)
{
    struct run *run = host->run;
    const char *assertion = world_assertion(run->world);

    if (assertion != NULL) {
        snprintf(run->unsound, sizeof run->unsound, "an assertion failed at %s",
                 assertion);
        judge_unsound(run->judge, host->index, run->unsound);
    } else if (!host->planned) {
        ended(host);
    } else if (host->again) {
        host->planned = false;
        world_at(run->world, world_now_us(run->world), start_again, host);
    }
}
