/* SPDX-License-Identifier: Apache-2.0
 *
 * Processes that this one starts, and what they write. They end with it,
 * however it ends: the kernel sees to that (prctl(2), PR_SET_PDEATHSIG).
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "sim/real/internal.h"

#define EXEC_FAILED 127

/* ---- files ---- */

void real_path(const struct world *world, const char *name, const char *file,
               char path[PATH_MAX])
{
    int size = snprintf(path, PATH_MAX, "%s/%s%s%s", world->directory, name,
                        file ? "/" : "", file ? file : "");

    if (size >= PATH_MAX)
        real_failed("the path of %s in %s is too long", name, world->directory);
}

void real_make_directory(const char *path)
{
    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        real_failed("cannot make the directory %s: %s", path, strerror(errno));
}

FILE *real_create(const char *path)
{
    FILE *file = fopen(path, "we");

    if (file == NULL)
        real_failed("cannot write %s: %s", path, strerror(errno));
    return file;
}

void real_finish(FILE *file, const char *path)
{
    bool good = !ferror(file);

    if (fclose(file) != 0 || !good)
        real_failed("cannot write %s: %s", path, strerror(errno));
}

static int remove_one(const char *path, const struct stat *status, int type,
                      struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

void real_remove(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- life ---- */

/* A variable, which counts by being the first of its name, and what this
 * program has. It is made before the child is there, and nothing is set here:
 * threads of libraries read. Free it with free(). */
static char **environment_of(const struct program *program)
{
    size_t used = program->variable != NULL, count = 0;
    char **environment;

    while (environ[count] != NULL)
        count++;
    environment = calloc(used + count + 1, sizeof *environment);
    ASSERT(environment != NULL);
    environment[0] = (char *)(uintptr_t)program->variable;
    memcpy(environment + used, environ, count * sizeof *environment);
    return environment;
}

/* In the child, which leaves all else to its parent. */
static _Noreturn void become(const struct host *host,
                             const struct program *program, const char *log,
                             char *const *environment)
{
    sigset_t none;
    int to;

    setsid();
    if (host != NULL && setns(host->namespace, CLONE_NEWNET) != 0)
        _exit(EXEC_FAILED);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    to = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (to < 0 || dup2(to, 1) < 0 || dup2(to, 2) < 0 ||
        chdir(program->directory) != 0)
        _exit(EXEC_FAILED);
    close(0);
    if (open("/dev/null", O_RDONLY) != 0)
        _exit(EXEC_FAILED);
    close_range(3, ~0U, 0);
    execvpe(program->argv[0], program->argv, environment);
    fprintf(stderr, "cannot start %s: %s\n", program->argv[0], strerror(errno));
    _exit(EXEC_FAILED);
}

void process_start(struct world *world, struct process *process,
                   const struct program *program)
{
    const struct host *host = network_host(world, process->name);
    char **environment = environment_of(program);
    char log[PATH_MAX];
    pid_t parent = getpid();

    ASSERT(process->pid == 0);
    real_path(world, process->name, "log", log);
    fflush(stdout);
    fflush(stderr);
    process->pid = fork();
    if (process->pid < 0) {
        process->pid = 0;
        real_failed("cannot start a process: %s", strerror(errno));
    }
    if (process->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent)
            become(host, program, log, environment);
        _exit(EXEC_FAILED);
    }
    free(environment);
    process->tail.have = 0; /* a line that its last life did not end */
    if (process->tail.file == NULL)
        process->tail.file = fopen(log, "a+e");
    if (process->tail.file == NULL)
        real_failed("cannot read %s: %s", log, strerror(errno));
}

void process_signal(const struct process *process, int signal)
{
    if (process->pid > 0)
        kill(process->pid, signal);
}

bool process_has_ended(struct process *process, int *status)
{
    if (process->pid == 0 || waitpid(process->pid, status, WNOHANG) <= 0)
        return false;
    process->pid = 0;
    return true;
}

void process_kill(struct process *process)
{
    if (process->pid == 0)
        return;
    kill(process->pid, SIGKILL);
    while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    process->pid = 0;
}

/* ---- what it says ---- */

const char *process_line(struct process *process)
{
    struct log_tail *tail = &process->tail;
    int c;

    while (tail->file != NULL && (c = getc(tail->file)) != EOF) {
        if (c != '\n') {
            if (tail->have < sizeof tail->line - 1)
                tail->line[tail->have++] = (char)c;
            continue;
        }
        tail->line[tail->have] = '\0';
        tail->have = 0;
        return tail->line;
    }
    if (tail->file != NULL)
        clearerr(tail->file); /* there may be more, later */
    return NULL;
}

void process_release(struct process *process)
{
    process_kill(process);
    if (process->tail.file != NULL)
        fclose(process->tail.file);
    process->tail.file = NULL;
}
