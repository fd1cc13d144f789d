/* SPDX-License-Identifier: Apache-2.0
 *
 * The options of a command, a row each: where the value goes, and what it may
 * be. Every command has --help and -h besides.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <kq/kq.h>
#include <stddef.h>

#define OPTIONS_MAX 16

enum option_kind {
    OPTION_FLAG,   /* bool */
    OPTION_TEXT,   /* const char *, borrowed from argv */
    OPTION_NUMBER, /* an integer of any width within [minimum, maximum] */
    OPTION_BYTES,  /* the same, may have a unit (parse_bytes()) */
    OPTION_OTHER   /* what take() makes of it */
};

struct command_option {
    const char *name; /* without "--" */
    char letter;      /* of its short form; 0: it has none */
    enum option_kind kind;
    const char *what; /* numbers, in messages: "a number" */
    size_t offset;    /* in the command's struct ... */
    size_t size;      /* ... and of the member */
    int64_t minimum;
    int64_t maximum; /* INT64_MAX: as large as you like */
    /* EXIT_DONE, or the exit code after a message. */
    int (*take)(void *command, char *text);
};

#define OPTION_TO(type, member)                                                \
    .offset = offsetof(type, member), .size = sizeof((type *)NULL)->member

/* Sets the members of `command`. EXIT_DONE: the words begin at argv[optind];
 * HELP_SHOWN: there is nothing more to do; else the exit code after a message.
 * The row behind the last one has no name. */
#define HELP_SHOWN (-1)
struct syntax {
    const char *command; /* for messages */
    const char *help;
    const struct command_option *options;
};
int read_options(const struct syntax *syntax, int argc, char **argv,
                 void *command);

/* --acks, which says whether the producer is idempotent, too. */
int take_acks(const char *command, const char *text,
              struct kq_options *options);

#endif
