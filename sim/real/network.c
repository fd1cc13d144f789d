/* SPDX-License-Identifier: Apache-2.0
 *
 * A network between processes that can be cut. Where the kernel lets it, this
 * program moves into a network namespace of its own, and gives each broker,
 * client and server another one, joined by a bridge:
 *
 *     hub 10.77.0.254 --- b1 10.77.0.1, b2 10.77.0.2, ..., z1, c1, admin
 *
 * A cut is a rule of iptables(8) where the packets arrive. All of it is gone
 * with the program. Elsewhere (not root, no iptables) all are on loopback
 * (place.c), and cuts are left out.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "sim/real/internal.h"

#define COMMAND_BYTES 512
#define MAKE_HUB                                                               \
    "exec >/dev/null 2>&1; ip link set lo up && "                              \
    "ip link add hub type bridge && "                                          \
    "ip addr add 10.77.0.254/24 dev hub && ip link set hub up && "             \
    "iptables -w 10 -n -L INPUT"

static bool has_network;
static int own_namespace = -1;

/* ---- commands ---- */

/* In a namespace of the network (-1: ours); true when it went well. */
static bool run_in(int namespace, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool run_in(int namespace, const char *format, ...)
{
    char command[COMMAND_BYTES];
    va_list arguments;
    int status = 0;
    pid_t pid;

    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    fflush(stdout);
    fflush(stderr);
    pid = fork();
    if (pid == 0) {
        if (namespace >= 0 && setns(namespace, CLONE_NEWNET) != 0)
            _exit(1);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(1);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* ---- moving in ---- */

static bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool good = fd >= 0 && write(fd, text, strlen(text)) > 0;

    if (fd >= 0)
        close(fd);
    return good;
}

/* Root, or in a namespace of users in which we are root. */
static bool leave_network(void)
{
    char map[64];
    uid_t user = getuid();
    gid_t group = getgid();

    if (unshare(CLONE_NEWNET) == 0)
        return true;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
        return false;
    snprintf(map, sizeof map, "0 %u 1", user);
    if (!write_text("/proc/self/uid_map", map) ||
        !write_text("/proc/self/setgroups", "deny"))
        return false;
    snprintf(map, sizeof map, "0 %u 1", group);
    return write_text("/proc/self/gid_map", map);
}

static bool move_in(void)
{
    return leave_network() && run_in(-1, MAKE_HUB);
}

/* A child tries it: there is no way back. */
static bool may_move_in(void)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0)
        _exit(move_in() ? 0 : 1);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void real_network_begin(void)
{
    if (!may_move_in() || !move_in())
        return;
    own_namespace = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    has_network = own_namespace >= 0;
}

bool network_is_there(void)
{
    return has_network;
}

/* ---- hosts ---- */

static struct host *find(const struct world *world, const char *name)
{
    for (unsigned i = 0; i < world->host_count; i++)
        if (strcmp(world->hosts[i].name, name) == 0)
            return (struct host *)(uintptr_t)&world->hosts[i];
    return NULL;
}

void network_enter(const struct host *host)
{
    if (has_network &&
        setns(host ? host->namespace : own_namespace, CLONE_NEWNET) != 0)
        real_failed("cannot enter a network namespace: %s", strerror(errno));
}

/* Joined with the hub by a cable that is called as the host is. */
static void plug_in(struct host *host, unsigned number)
{
    bool good = run_in(host->namespace,
                       "exec 2>&1; ip link add eth0 type veth "
                       "peer name %s netns %d && "
                       "ip addr add 10.77.0.%u/24 dev eth0 && "
                       "ip link set eth0 up && ip link set lo up",
                       host->name, (int)getpid(), number) &&
                run_in(-1, "ip link set %s master hub up", host->name);

    if (!good)
        real_failed("cannot join %s with the network", host->name);
}

struct host *network_host(struct world *world, const char *name)
{
    struct host *host = find(world, name);

    if (host != NULL || !has_network)
        return host;
    ASSERT(world->host_count < REAL_HOSTS_MAX);
    host = &world->hosts[world->host_count++];
    *host = (struct host){.number = world->host_count};
    snprintf(host->name, sizeof host->name, "%s", name);
    if (unshare(CLONE_NEWNET) != 0)
        real_failed("cannot make a network namespace: %s", strerror(errno));
    host->namespace = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (host->namespace < 0)
        real_failed("cannot open a network namespace: %s", strerror(errno));
    network_enter(NULL);
    plug_in(host, host->number);
    return host;
}

void network_end(struct world *world)
{
    for (unsigned i = 0; i < world->host_count; i++) {
        run_in(-1, "exec 2>&1; ip link del %s", world->hosts[i].name);
        close(world->hosts[i].namespace);
    }
    world->host_count = 0;
}

void world_host(const struct world *world, const char *name,
                char host[WORLD_HOST_BYTES])
{
    const struct host *there =
        network_host((struct world *)(uintptr_t)world, name);

    if (there != NULL)
        snprintf(host, WORLD_HOST_BYTES, "10.77.0.%u", there->number);
    else
        place_address(world->block, name, host);
}

/* ---- cuts ---- */

/* What `from` sends does not reach `to`, or does again. */
static void set_cut(struct world *world, const char *from, const char *to,
                    bool cut)
{
    const struct host *source = find(world, from);
    struct host *target = find(world, to);
    uint64_t bit;

    if (source == NULL || target == NULL)
        return;
    bit = UINT64_C(1) << (source->number - 1);
    if (((target->deaf_to & bit) != 0) == cut)
        return;
    target->deaf_to ^= bit;
    if (!run_in(target->namespace,
                "iptables -w 10 -%c INPUT -s 10.77.0.%u -j DROP",
                cut ? 'A' : 'D', source->number))
        real_failed("iptables does not %s the link from %s to %s",
                    cut ? "cut" : "heal", from, to);
}

void world_cut(struct world *world, const char *a, const char *b, bool one_way)
{
    set_cut(world, a, b, true);
    if (!one_way)
        set_cut(world, b, a, true);
}

void world_heal(struct world *world, const char *a, const char *b)
{
    set_cut(world, a, b, false);
    set_cut(world, b, a, false);
}

void world_heal_all(struct world *world)
{
    for (unsigned i = 0; i < world->host_count; i++)
        for (unsigned j = 0; j < world->host_count; j++)
            set_cut(world, world->hosts[i].name, world->hosts[j].name, false);
}

bool world_connected(struct world *world, const char *from, const char *to)
{
    const struct host *source = find(world, from);
    const struct host *target = find(world, to);

    return source == NULL || target == NULL ||
           (target->deaf_to >> (source->number - 1) & 1) == 0;
}
