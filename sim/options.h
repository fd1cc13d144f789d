/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line of kqsim: options, and the files that are named.
 */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_ENVIRONMENT = 3 };

/* Those that take options, as a set. */
enum command {
    COMMAND_RUN = 1 << 0,
    COMMAND_EVERYWHERE = 1 << 1,
    COMMAND_SWARM = 1 << 2,
    COMMAND_SHRINK = 1 << 3,
    COMMAND_LINT = 1 << 4,
    COMMAND_EXPLORE = 1 << 5
};

struct files {
    char **paths;
    size_t count;
};

struct options {
    struct files files;
    uint64_t first_seed; /* 1 */
    uint64_t seeds;      /* 1 */
    uint64_t jobs;       /* 1 to 256 */
    bool has_seed;
    bool has_seeds;
    bool has_from;
    bool json;
    bool print;
    bool has_beside;
    uint64_t beside;
    uint64_t limit; /* 0: not said; likewise these two */
    uint64_t futures;
    uint64_t minutes;
    const char *trace; /* NULL: not said; likewise all that follow */
    const char *junit;
    const char *html;
    const char *how;
    const char *node;
    const char *at;
    const char *out;
    const char *world;   /* "real" or "both" */
    struct junit *cases; /* those of --junit, once it is open */
    FILE *page;          /* that of --html, once it is open */
};

/* Says it to standard error; gives the code back. */
int command_failed(int code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What follows the command; the scenario files in what is named. EXIT_DONE, or
 * a code when it has said what is wrong. To be released in any case. */
int options_take(struct options *options, enum command command, int count,
                 char **arguments);
void options_release(struct options *options);

#endif
