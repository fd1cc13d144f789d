/* SPDX-License-Identifier: Apache-2.0
 *
 * The processes of a local cluster: started apart from this one, found
 * again by process id, start time and boot id.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/cli/cli.h"
#include "client/cli/dev.h"

#define BOOT_ID_SIZE    40
#define STOP_RETRY_MS   20
#define TAIL_BYTES      1500
#define START_TIME_WORD 20 /* of /proc/PID/stat, behind the command's ')' */

extern char **environ;

struct identity {
    pid_t pid;
    unsigned long long start_time; /* in ticks since the boot */
    char boot_id[BOOT_ID_SIZE];
};

/* ---- who is it ---- */

static bool read_text(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got;

    if (fd < 0)
        return false;
    got = read(fd, text, size - 1);
    close(fd);
    if (got < 0)
        return false;
    text[got] = '\0';
    return true;
}

/* Who bears this number now; false when nobody that lives does. */
static bool identify(pid_t pid, struct identity *identity)
{
    char path[64];
    char text[1024];
    char *at;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (!read_text(path, text, sizeof text) ||
        (at = strrchr(text, ')')) == NULL)
        return false;
    if (at[1] == '\0' || at[2] == 'Z' || at[2] == 'X')
        return false;
    for (int i = 0; i < START_TIME_WORD && at != NULL; i++)
        at = strchr(at + 1, ' ');
    if (at == NULL)
        return false;
    identity->pid = pid;
    identity->start_time = strtoull(at + 1, NULL, 10);
    if (!read_text("/proc/sys/kernel/random/boot_id", identity->boot_id,
                   sizeof identity->boot_id))
        return false;
    identity->boot_id[strcspn(identity->boot_id, "\n")] = '\0';
    return true;
}

static void process_path(const struct dev *dev, int number, const char *file,
                         char path[PATH_MAX])
{
    char name[32];

    dev_name(number, name);
    dev_path(dev, name, file, path);
}

pid_t dev_running(const struct dev *dev, int number)
{
    struct identity stored;
    struct identity found;
    char path[PATH_MAX];
    char text[128];
    int pid;

    process_path(dev, number, "pid", path);
    if (!read_text(path, text, sizeof text) ||
        sscanf(text, "%d %llu %39s", &pid, &stored.start_time,
               stored.boot_id) != 3)
        return 0;
    if (!identify(pid, &found) || found.start_time != stored.start_time ||
        strcmp(found.boot_id, stored.boot_id) != 0)
        return 0;
    return pid;
}

/* ---- starting ---- */

static bool store_pid(const struct dev *dev, int number, pid_t pid)
{
    struct identity identity;
    char path[PATH_MAX];
    char text[128];
    FILE *file;

    if (!identify(pid, &identity))
        return true; /* it has ended already; the log says why */
    process_path(dev, number, "pid", path);
    snprintf(text, sizeof text, "%d %llu %s\n", (int)pid, identity.start_time,
             identity.boot_id);
    file = fopen(path, "we");
    if (file != NULL && fputs(text, file) >= 0 && fclose(file) == 0)
        return true;
    kill(pid, SIGKILL);
    fail(EXIT_ENVIRONMENT, "cannot write %s: %s", path, strerror(errno));
    return false;
}

/* A session of its own, default signals, nothing of ours but its log. */
static int spawn(char *const *argv, const char *log, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t all;
    sigset_t none;
    int failed;

    sigfillset(&all);
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, log,
                                     O_WRONLY | O_CREAT | O_APPEND, 0644);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID |
                                              POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    failed = posix_spawnp(pid, argv[0], &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

bool dev_spawn(const struct dev *dev, int number, char *const *argv)
{
    char path[PATH_MAX];
    pid_t pid;
    int failed;

    process_path(dev, number, "pid", path);
    unlink(path);
    process_path(dev, number, "log", path);
    failed = spawn(argv, path, &pid);
    if (failed == 0)
        return store_pid(dev, number, pid);
    fail(EXIT_ENVIRONMENT, "cannot start %s: %s", argv[0], strerror(failed));
    return false;
}

/* ---- stopping ---- */

void dev_signal(const struct dev *dev, int number, int signal)
{
    pid_t pid = dev_running(dev, number);

    if (pid > 0)
        kill(pid, signal);
}

bool dev_wait_gone(const struct dev *dev, int number, int64_t timeout_ms)
{
    int64_t deadline_ms = now_ms() + timeout_ms;

    while (dev_running(dev, number) != 0) {
        if (now_ms() >= deadline_ms)
            return false;
        sleep_ms(STOP_RETRY_MS);
    }
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ; /* those that this process started */
    return true;
}

/* ---- logs ---- */

long dev_log_size(const struct dev *dev, int number)
{
    struct stat stat_of;
    char path[PATH_MAX];

    process_path(dev, number, "log", path);
    return stat(path, &stat_of) == 0 ? (long)stat_of.st_size : 0;
}

static FILE *open_log(const struct dev *dev, int number, long from)
{
    char path[PATH_MAX];
    FILE *log;

    process_path(dev, number, "log", path);
    log = fopen(path, "re");
    if (log != NULL)
        fseek(log, from, SEEK_SET);
    return log;
}

bool dev_log_has(const struct dev *dev, int number, long from, const char *text)
{
    FILE *log = open_log(dev, number, from);
    char line[2048];
    bool found = false;

    if (log == NULL)
        return false;
    while (!found && fgets(line, sizeof line, log) != NULL)
        found = strstr(line, text) != NULL;
    fclose(log);
    return found;
}

void dev_log_tail(const struct dev *dev, int number, long from)
{
    long size = dev_log_size(dev, number);
    FILE *log = open_log(dev, number,
                         size - from > TAIL_BYTES ? size - TAIL_BYTES : from);
    char line[2048];

    if (log == NULL)
        return;
    while (fgets(line, sizeof line, log) != NULL)
        fprintf(stderr, "  %s", line);
    fclose(log);
}
