/* SPDX-License-Identifier: Apache-2.0
 *
 * kq log dump|verify: what a stopped broker left in its log directory.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cli/cli.h"
#include "client/cli/log_dump.h"
#include "client/cli/log_verify.h"
#include "client/cli/options.h"

#define LOCKS_MAX 64

static const char help[] =
    "Usage: kq log dump DIR|FILE... [--json] [--records]\n"
    "       kq log verify DIR\n"
    "\n"
    "Reads the log directory of a stopped broker (log.dirs), or parts of it,\n"
    "and changes nothing.\n"
    "\n"
    "dump    prints what is there: DIR is a log directory or the directory\n"
    "        of one log, FILE any file of them. Exit 1 when damage was met.\n"
    "  --json     one object a line; docs/operations.md names the fields\n"
    "  --records  keys, values and headers of the records too\n"
    "\n"
    "verify  holds everything against everything: checksums, offsets, epochs,\n"
    "        indexes, snapshots of producers, the checkpoint. Prints\n"
    "        FILE:BYTE: and a sentence for each problem. A 'note' is what a\n"
    "        crash leaves behind and the next start puts right.\n"
    "        Exit 0 sound, 1 damaged, 3 when a file cannot be read.\n";

struct locks {
    int fds[LOCKS_MAX];
    size_t count;
};

static void locks_release(struct locks *locks)
{
    while (locks->count > 0)
        close(locks->fds[--locks->count]);
}

/* The lock of `directory`; *found when it has one. */
static int lock_directory(struct locks *locks, const char *directory,
                          bool *found)
{
    enum log_lock lock;
    int fd;

    if (locks->count == LOCKS_MAX)
        return fail(EXIT_USAGE, "more than %d paths at once", LOCKS_MAX);
    lock = log_lock_take(directory, &fd);
    *found = lock != LOG_LOCK_MISSING;
    if (lock == LOG_LOCK_HELD)
        locks->fds[locks->count++] = fd;
    if (lock == LOG_LOCK_BUSY)
        return fail(EXIT_ENVIRONMENT,
                    "a broker runs on %s: stop it first, or look at a copy",
                    directory);
    return EXIT_DONE;
}

/* A path may be a log directory, a log in one, or a file in either. */
static int lock_path(struct locks *locks, const char *path)
{
    char directory[LOG_PATH_SIZE];
    const char *slash = strrchr(path, '/');
    struct stat status;
    bool found = false;
    int code = EXIT_DONE;

    if (strlen(path) > LOG_PATH_SIZE - 16)
        return fail(EXIT_USAGE, "the path is too long");
    if (stat(path, &status) != 0)
        return fail(errno == ENOENT ? EXIT_USAGE : EXIT_ENVIRONMENT, "'%s': %s",
                    path, strerror(errno));
    if (S_ISDIR(status.st_mode))
        snprintf(directory, sizeof directory, "%s", path);
    else
        snprintf(directory, sizeof directory, "%.*s",
                 slash ? (int)(slash - path) + (slash == path) : 1,
                 slash ? path : ".");
    for (int i = 0; i < 2 && code == EXIT_DONE && !found; i++) {
        code = lock_directory(locks, directory, &found);
        strncat(directory, "/..", sizeof directory - strlen(directory) - 1);
    }
    return code;
}

static int run_verify(char **paths, int count)
{
    static const char *const marks[] = {"meta", "checkpoint", "lock"};
    struct locks locks = {.count = 0};
    char path[LOG_PATH_SIZE];
    bool found = false;
    int code;

    if (count != 1)
        return fail_usage("log", "'kq log verify' takes one directory");
    code = lock_path(&locks, paths[0]);
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        log_path(path, paths[0], marks[i]);
        found = found || access(path, F_OK) == 0;
    }
    if (code == EXIT_DONE && !found)
        code = fail(EXIT_USAGE,
                    "'%s' is not the log directory of a broker: it holds no "
                    "meta, checkpoint or lock",
                    paths[0]);
    if (code == EXIT_DONE)
        code = log_verify_run(paths[0], stdout);
    locks_release(&locks);
    return code;
}

static int run_dump(char **paths, int count, const struct log_dump_options *how)
{
    struct locks locks = {.count = 0};
    int code = EXIT_DONE;

    if (count < 1)
        return fail_usage("log", "'kq log dump' takes directories and files");
    for (int i = 0; i < count && code == EXIT_DONE; i++)
        code = lock_path(&locks, paths[i]);
    for (int i = 0; i < count && code <= EXIT_CHECK; i++) {
        int next = log_dump_run(paths[i], how, stdout);

        code = next > code ? next : code;
    }
    locks_release(&locks);
    return code;
}

static const struct command_option options[] = {
    {"json", 0, OPTION_FLAG, OPTION_TO(struct log_dump_options, json)},
    {"records", 0, OPTION_FLAG, OPTION_TO(struct log_dump_options, records)},
    {0},
};

static const struct syntax syntax = {"log", help, options};

int command_log(int argc, char **argv)
{
    struct log_dump_options how = {false, false};
    int code = read_options(&syntax, argc, argv, &how);

    if (code != EXIT_DONE)
        return code == HELP_SHOWN ? EXIT_DONE : code;
    if (optind == argc)
        return fail_usage("log", "say dump or verify");
    argv += optind;
    argc -= optind;
    if (strcmp(argv[0], "dump") == 0)
        code = run_dump(argv + 1, argc - 1, &how);
    else if (strcmp(argv[0], "verify") == 0)
        code = how.json || how.records
                   ? fail_usage("log", "--json and --records are for dump")
                   : run_verify(argv + 1, argc - 1);
    else
        code = fail_usage("log", "there is no 'kq log %s'", argv[0]);
    if (fflush(stdout) != 0 || ferror(stdout))
        return fail(EXIT_ENVIRONMENT, "standard output: %s", strerror(errno));
    return code;
}
