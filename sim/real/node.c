/* SPDX-License-Identifier: Apache-2.0
 *
 * Nodes of the real world. A broker is a process: kafkaesqued in a directory
 * of its own. A client is what it is in the simulator, on a loop of
 * broker/real/ in this process.
 *
 * The heap of a client that ends is left, as that of a process would be: its
 * parts do not know each other's memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "sim/real/internal.h"

#define SIGNALLED    (-1) /* exit code of who was ended by a signal */
#define STOP_US      20000000
#define STOP_LOOK_NS 20000000

struct node *world_add_node(struct world *world, const char *name,
                            const struct node_kind *kind, void *context,
                            size_t heap_bytes_max)
{
    struct node *node = calloc(1, sizeof *node);
    struct node **nodes =
        realloc(world->nodes, (world->node_count + 1) * sizeof(struct node *));

    ASSERT(node != NULL && nodes != NULL);
    world->nodes = nodes;
    node->world = world;
    snprintf(node->name, sizeof node->name, "%s", name);
    node->index = world->node_count;
    node->kind = kind;
    node->context = context;
    node->heap_bytes_max = heap_bytes_max;
    node->facts.fd = -1;
    node->faults_in = -1;
    node->faults_out = -1;
    snprintf(node->process.name, sizeof node->process.name, "%s", name);
    streams_init(&node->streams, world->options.seed, name);
    nodes[world->node_count++] = node;
    return node;
}

/* ---- observers ---- */

static void told_up(struct node *node)
{
    struct world_observer *observer = node->world->options.observer;

    if (observer != NULL && observer->on_up != NULL)
        observer->on_up(observer, node);
}

static void told_note(struct node *node, const char *text)
{
    struct world_observer *observer = node->world->options.observer;

    if (observer != NULL && observer->on_note != NULL)
        observer->on_note(observer, node, text);
}

/* All that it said comes first. */
static void told_down(struct node *node)
{
    struct world_observer *observer = node->world->options.observer;

    node->up = false;
    node->paused = false;
    if (is_broker(node)) {
        node_tell_words(node);
        facts_tell(node->world);
        facts_close(&node->facts);
        faults_close(node);
    }
    if (observer != NULL && observer->on_down != NULL)
        observer->on_down(observer, node);
}

/* ---- words ---- */

static const struct {
    const char *word;
    enum trace_level level;
} levels[] = {
    {"Z DEBUG ", TRACE_DEBUG},
    {"Z INFO  ", TRACE_INFO},
    {"Z WARN  ", TRACE_WARN},
    {"Z ERROR ", TRACE_ERROR},
};

/* "fault NAME" and, behind it, which rule it was. */
static void tell_fault(struct node *node, const char *line)
{
    char name[FAULT_SWITCH_BYTES] = "", text[FAULT_SWITCH_BYTES + 8];
    unsigned rule = 0;

    if (sscanf(line, "fault %47s %u", name, &rule) < 1)
        return;
    snprintf(text, sizeof text, "fault %s", name);
    told_note(node, text);
    faults_fired(node, name, rule);
}

/* As broker/real/trace.c writes them; else it is a last word. */
static void tell_line(struct node *node, const char *line)
{
    struct world_observer *observer = node->world->options.observer;

    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        const char *at = strstr(line, levels[i].word);

        if (at == NULL || (at = strstr(at, ": ")) == NULL)
            continue;
        if (observer != NULL && observer->on_log != NULL)
            observer->on_log(observer, node, levels[i].level, at + 2);
        return;
    }
    if (strncmp(line, "fault ", 6) == 0)
        tell_fault(node, line);
    else if (strncmp(line, "kafkaesqued: ", 13) == 0)
        snprintf(node->why, sizeof node->why, "%s", line + 13);
    else if (strstr(line, "assertion failed") != NULL && node->why[0] == '\0')
        snprintf(node->why, sizeof node->why, "%s", line);
}

void node_tell_words(struct node *node)
{
    const char *line;

    while ((line = process_line(&node->process)) != NULL)
        tell_line(node, line);
}

/* ---- a broker ---- */

static void write_settings(struct node *node, char path[PATH_MAX])
{
    FILE *file;

    real_path(node->world, node->name, "broker.properties", path);
    file = real_create(path);
    fputs(node->kind->settings(node->context), file);
    real_finish(file, path);
}

static void broker_start_process(struct node *node)
{
    char directory[PATH_MAX], disk[PATH_MAX], config[PATH_MAX];
    char facts[PATH_MAX], name[32], path[PATH_MAX], pipes[PATH_MAX];
    char variable[PATH_MAX + sizeof FAULT_PIPES_VARIABLE];
    char *argv[] = {path, "--config", config, "--facts", facts, NULL};
    struct program program = {disk, argv, variable};

    snprintf(path, sizeof path, "%s", real_options()->broker);
    real_path(node->world, node->name, NULL, directory);
    real_path(node->world, node->name, "disk", disk);
    real_make_directory(directory);
    real_make_directory(disk);
    write_settings(node, config);
    snprintf(name, sizeof name, "facts-%u", node->starts);
    real_path(node->world, node->name, name, facts);
    facts_open(&node->facts, facts);
    real_path(node->world, node->name, FAULT_PIPES, pipes);
    snprintf(variable, sizeof variable, FAULT_PIPES_VARIABLE "=%s", pipes);
    process_start(node->world, &node->process, &program);
}

static void note_assertion(struct node *node, int status)
{
    if (WTERMSIG(status) != SIGABRT || node->world->assertion != NULL ||
        node->why[0] == '\0')
        return;
    node->world->assertion = strdup(node->why);
    ASSERT(node->world->assertion != NULL);
}

/* It ended, and nobody here ended it. */
static void broker_ended(struct node *node, int status)
{
    node_tell_words(node);
    if (WIFEXITED(status)) {
        node->exit_code = WEXITSTATUS(status);
    } else {
        node->exit_code = SIGNALLED;
        note_assertion(node, status);
        if (node->why[0] == '\0')
            snprintf(node->why, sizeof node->why, "signal %d (%s)",
                     WTERMSIG(status), strsignal(WTERMSIG(status)));
    }
    told_note(node, "exit");
    told_down(node);
}

/* ---- a client ---- */

/* Whose event it is. */
static void on_event(void *context, const struct event *event)
{
    struct node *node = context;

    node->world->events++;
    node->kind->on_event(node->object, event);
}

static void client_start(struct node *node)
{
    struct loop_options options = {.heap_bytes_max = node->heap_bytes_max,
                                   .log_level = TRACE_ERROR,
                                   .name = node->name,
                                   .without_disk = true};
    struct epoll_event interest = {.events = EPOLLIN, .data.ptr = node};

    network_enter(network_host(node->world, node->name));
    node->loop = loop_new(&options);
    if (node->loop == NULL ||
        epoll_ctl(node->world->epoll_fd, EPOLL_CTL_ADD,
                  loop_descriptor(node->loop), &interest) != 0)
        real_failed("no descriptors are left for a client: %s",
                    strerror(errno));
    node->object =
        node->kind->start(node, loop_seam(node->loop), node->context);
    node->due_us = 0;
    network_enter(NULL);
}

static void client_end(struct node *node)
{
    loop_free(node->loop);
    node->loop = NULL;
    node->object = NULL;
}

void nodes_turn(struct world *world)
{
    for (uint32_t i = 0; i < world->node_count; i++) {
        struct node *node = world->nodes[i];

        if (node->loop == NULL || node->paused)
            continue;
        network_enter(network_host(world, node->name));
        node->due_us = loop_turn(node->loop, on_event, node);
        network_enter(NULL);
    }
}

int64_t nodes_due_us(const struct world *world)
{
    int64_t due_us = INT64_MAX;

    for (uint32_t i = 0; i < world->node_count; i++) {
        const struct node *node = world->nodes[i];

        if (node->loop != NULL && !node->paused && node->due_us < due_us)
            due_us = node->due_us;
    }
    return due_us;
}

/* ---- life ---- */

void nodes_look(struct world *world)
{
    for (uint32_t i = 0; i < world->node_count; i++) {
        struct node *node = world->nodes[i];
        int status;

        if (!is_broker(node) || !node->up)
            continue;
        node_tell_words(node);
        faults_listen(node);
        if (process_has_ended(&node->process, &status))
            broker_ended(node, status);
    }
}

void node_start(struct node *node)
{
    char text[32];

    ASSERT(!node->up);
    node->up = true;
    node->paused = false;
    node->exit_code = 0;
    node->why[0] = '\0';
    node->starts++;
    snprintf(text, sizeof text, "start %u", node->starts);
    told_note(node, text);
    told_up(node);
    if (is_broker(node))
        broker_start_process(node);
    else
        client_start(node);
}

void node_crash(struct node *node, enum node_crash how)
{
    (void)how;
    ASSERT(node->up);
    if (is_broker(node))
        process_kill(&node->process);
    else
        client_end(node);
    told_note(node, "killed");
    told_down(node);
}

void node_stop(struct node *node)
{
    ASSERT(is_broker(node));
    process_signal(&node->process, SIGTERM);
}

void node_pause(struct node *node)
{
    if (!node->up || node->paused)
        return;
    told_note(node, "pause");
    node->paused = true;
    if (is_broker(node))
        process_signal(&node->process, SIGSTOP);
    else
        epoll_ctl(node->world->epoll_fd, EPOLL_CTL_DEL,
                  loop_descriptor(node->loop), NULL);
}

void node_resume(struct node *node)
{
    struct epoll_event interest = {.events = EPOLLIN, .data.ptr = node};

    if (!node->up || !node->paused)
        return;
    told_note(node, "resume");
    node->paused = false;
    if (is_broker(node)) {
        process_signal(&node->process, SIGCONT);
        return;
    }
    epoll_ctl(node->world->epoll_fd, EPOLL_CTL_ADD, loop_descriptor(node->loop),
              &interest);
    node->due_us = 0;
}

/* ---- the end ---- */

static void tell_stop(const struct node *node, int status,
                      char problem[LINE_BYTES])
{
    if (WIFSIGNALED(status))
        snprintf(problem, LINE_BYTES, "%s was told to stop and ended by %s",
                 node->name, strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) != 0)
        snprintf(problem, LINE_BYTES,
                 "%s was told to stop and ended with code %d", node->name,
                 WEXITSTATUS(status));
}

/* How many run still. */
static unsigned look_for_ends(struct world *world, char problem[LINE_BYTES])
{
    unsigned count = 0;

    for (uint32_t i = 0; i < world->node_count; i++) {
        struct node *node = world->nodes[i];
        int status;

        if (!is_broker(node) || node->process.pid == 0)
            continue;
        if (process_has_ended(&node->process, &status))
            tell_stop(node, status, problem);
        else
            count++;
    }
    return count;
}

void nodes_stop(struct world *world, char problem[LINE_BYTES])
{
    static const struct timespec pause = {0, STOP_LOOK_NS};
    int64_t deadline_us = real_now_us() + STOP_US;

    problem[0] = '\0';
    for (uint32_t i = 0; i < world->node_count; i++)
        if (is_broker(world->nodes[i])) {
            process_signal(&world->nodes[i]->process, SIGTERM);
            process_signal(&world->nodes[i]->process, SIGCONT);
        }
    while (look_for_ends(world, problem) > 0) {
        if (real_now_us() > deadline_us) {
            snprintf(problem, LINE_BYTES,
                     "a broker that was told to stop goes on after %d s",
                     STOP_US / 1000000);
            return;
        }
        nanosleep(&pause, NULL);
    }
}

void node_release(struct node *node)
{
    if (node->loop != NULL)
        client_end(node);
    process_release(&node->process);
    facts_close(&node->facts);
    faults_close(node);
    streams_release(&node->streams);
    free(node);
}

/* ---- its disk ---- */

/* Of a path in the directory where it runs. */
static void disk_path(const struct node *node, const char *path,
                      char full[PATH_MAX])
{
    char inner[PATH_MAX];

    if (snprintf(inner, sizeof inner, "disk/%s", path) >= PATH_MAX)
        real_failed("the path %s is too long", path);
    real_path(node->world, node->name, inner, full);
}

void node_wipe_disk(struct node *node)
{
    char path[PATH_MAX];

    real_path(node->world, node->name, "disk", path);
    real_remove(path);
}

void node_wipe_directory(struct node *node, const char *name)
{
    char path[PATH_MAX];

    disk_path(node, name, path);
    real_remove(path);
}

bool node_has_path(const struct node *node, const char *path)
{
    char full[PATH_MAX];

    disk_path(node, path, full);
    return access(full, F_OK) == 0;
}

bool node_rot(struct node *node, const char *path, uint64_t offset)
{
    char full[PATH_MAX];
    uint8_t byte;
    bool good = false;
    int fd;

    disk_path(node, path, full);
    fd = open(full, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return false;
    if (pread(fd, &byte, 1, (off_t)offset) == 1) {
        byte ^= 1;
        good = pwrite(fd, &byte, 1, (off_t)offset) == 1;
    }
    close(fd);
    return good;
}

/* ---- questions ---- */

struct node *world_node(struct world *world, const char *name)
{
    for (uint32_t i = 0; i < world->node_count; i++)
        if (strcmp(world->nodes[i]->name, name) == 0)
            return world->nodes[i];
    return NULL;
}

const char *node_name(const struct node *node)
{
    return node->name;
}

uint32_t node_index(const struct node *node)
{
    return node->index;
}

struct world *node_world(const struct node *node)
{
    return node->world;
}

bool node_is_up(const struct node *node)
{
    return node->up;
}

void *node_object(const struct node *node)
{
    return node->object;
}

unsigned node_starts(const struct node *node)
{
    return node->starts;
}

int node_exit_code(const struct node *node)
{
    return node->exit_code;
}

const char *node_exit_why(const struct node *node)
{
    return node->why;
}

bool node_is_paused(const struct node *node)
{
    return node->paused;
}
