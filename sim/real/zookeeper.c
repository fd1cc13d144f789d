/* SPDX-License-Identifier: Apache-2.0
 *
 * A real ensemble: z1 to zN, each a Java process.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "client/cli/java.h"
#include "sim/real/internal.h"

#define QUORUM_PORTS  "2888:3888"
#define READY_US      90000000
#define LOOK_AGAIN_US 20000
#define ANSWER_BYTES  4096

static char server_problem[LINE_BYTES];

static struct process *server_of(struct world *world, unsigned number)
{
    ASSERT(number >= 1 && number <= world->server_count);
    return &world->servers[number - 1];
}

/* ---- configuration ---- */

static void name_each(const struct world *world, FILE *file)
{
    for (unsigned i = 1; world->server_count > 1 && i <= world->server_count;
         i++) {
        char name[NODE_NAME_BYTES], host[WORLD_HOST_BYTES];

        snprintf(name, sizeof name, "z%u", i);
        world_host(world, name, host);
        fprintf(file, "server.%u=%s:%s\n", i, host, QUORUM_PORTS);
    }
}

static void write_number(struct world *world, const char *name, unsigned number)
{
    char path[PATH_MAX];
    FILE *file;

    real_path(world, name, "data/myid", path);
    file = real_create(path);
    fprintf(file, "%u\n", number);
    real_finish(file, path);
}

static void configure(struct world *world, const char *name, unsigned number)
{
    char directory[PATH_MAX], data[PATH_MAX], path[PATH_MAX];
    char host[WORLD_HOST_BYTES];
    FILE *file;

    real_path(world, name, NULL, directory);
    real_path(world, name, "data", data);
    real_make_directory(directory);
    real_make_directory(data);
    write_number(world, name, number);
    world_host(world, name, host);
    real_path(world, name, "zoo.cfg", path);
    file = real_create(path);
    fprintf(file,
            "tickTime=200\n"
            "initLimit=50\n"
            "syncLimit=20\n"
            "dataDir=%s\n"
            "clientPort=%d\n"
            "clientPortAddress=%s\n"
            "maxClientCnxns=0\n"
            "minSessionTimeout=400\n"
            "maxSessionTimeout=60000\n"
            "4lw.commands.whitelist=srvr\n"
            "admin.enableServer=false\n"
            "preAllocSize=1024\n",
            data, ZOOKEEPER_PORT, host);
    name_each(world, file);
    real_finish(file, path);
}

/* ---- does it serve ---- */

static bool ask(const char *host, char answer[ANSWER_BYTES])
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(ZOOKEEPER_PORT)};
    struct timeval patience = {1, 0};
    size_t used = 0;
    ssize_t got = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return false;
    inet_pton(AF_INET, host, &address.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        send(fd, "srvr", 4, MSG_NOSIGNAL) == 4)
        while (used < ANSWER_BYTES - 1 &&
               (got = recv(fd, answer + used, ANSWER_BYTES - 1 - used, 0)) > 0)
            used += (size_t)got;
    close(fd);
    answer[used] = '\0';
    return used > 0;
}

/* It names a mode when it serves. */
static bool serves(const struct world *world, const char *name)
{
    char host[WORLD_HOST_BYTES], answer[ANSWER_BYTES];

    world_host(world, name, host);
    return ask(host, answer) && strstr(answer, "Mode: ") != NULL;
}

static void wait_until_serves(struct world *world, struct process *server,
                              int64_t deadline_us)
{
    static const struct timespec pause = {0, LOOK_AGAIN_US * 1000L};
    int status;

    while (!serves(world, server->name)) {
        real_heed_signals();
        if (process_has_ended(server, &status))
            real_failed("ZooKeeper server %s ended at once: see %s/%s/log",
                        server->name, world->directory, server->name);
        if (real_now_us() > deadline_us)
            real_failed("ZooKeeper server %s does not serve after %d s",
                        server->name, READY_US / 1000000);
        nanosleep(&pause, NULL);
    }
}

/* ---- life ---- */

static void start(struct world *world, struct process *server)
{
    char directory[PATH_MAX], config[PATH_MAX];
    char *argv[] = {ZOOKEEPER_ARGUMENTS, config, NULL};
    struct program program = {.directory = directory, .argv = argv};

    real_path(world, server->name, NULL, directory);
    real_path(world, server->name, "zoo.cfg", config);
    process_start(world, server, &program);
}

void world_add_zookeeper(struct world *world, unsigned servers)
{
    int64_t deadline_us = real_now_us() + READY_US;

    ASSERT(servers <= REAL_SERVERS_MAX);
    server_problem[0] = '\0';
    world->server_count = servers;
    for (unsigned i = 1; i <= servers; i++) {
        struct process *server = server_of(world, i);

        snprintf(server->name, sizeof server->name, "z%u", i);
        configure(world, server->name, i);
        start(world, server);
    }
    for (unsigned i = 1; i <= servers; i++)
        wait_until_serves(world, server_of(world, i), deadline_us);
    world->start_us = real_now_us(); /* that was no time of the run */
}

void zookeeper_end(struct world *world)
{
    for (unsigned i = 1; i <= world->server_count; i++)
        process_release(server_of(world, i));
}

const char *real_server_problem(void)
{
    return server_problem[0] != '\0' ? server_problem : NULL;
}

static void tell_end(const struct world *world, const struct process *server,
                     int status)
{
    char log[PATH_MAX], how[64];

    if (WIFSIGNALED(status))
        snprintf(how, sizeof how, "by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(how, sizeof how, "with exit status %d", WEXITSTATUS(status));
    real_path(world, server->name, "log", log);
    snprintf(server_problem, sizeof server_problem,
             "ZooKeeper server %s ended by itself, %s: its log is %.1024s",
             server->name, how, log);
}

void zookeeper_look(struct world *world)
{
    for (unsigned i = 1; i <= world->server_count; i++) {
        struct process *server = server_of(world, i);
        int status;

        if (process_has_ended(server, &status) && server_problem[0] == '\0')
            tell_end(world, server, status);
    }
}

void world_zookeeper_crash(struct world *world, unsigned server)
{
    zookeeper_look(world);
    process_kill(server_of(world, server));
}

void world_zookeeper_start(struct world *world, unsigned server)
{
    zookeeper_look(world);
    if (server_of(world, server)->pid == 0)
        start(world, server_of(world, server));
}

const char *real_missing(void)
{
    if (access(ZOOKEEPER_JAR, R_OK) != 0)
        return ZOOKEEPER_JAR " is missing: apt-get install zookeeper";
    if (access(LOGGER_JAR, R_OK) != 0)
        return LOGGER_JAR " is missing: apt-get install libslf4j-java";
    if (system("command -v java >/dev/null 2>&1") != 0)
        return "java is missing: apt-get install default-jre-headless";
    return NULL;
}
