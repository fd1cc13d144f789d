/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/cli.h"
#include "client/cli/parse.h"

#define FIRST 256 /* what getopt_long() is to return for the first row */

/* The rows as getopt_long() takes them. */
struct getopt_table {
    struct option options[OPTIONS_MAX + 2];
    char letters[2 * OPTIONS_MAX + 3];
};

static void table_init(struct getopt_table *table,
                       const struct command_option *rows)
{
    char *letter = table->letters;
    int i;

    *letter++ = ':';
    *letter++ = 'h';
    for (i = 0; rows[i].name != NULL; i++) {
        if (i == OPTIONS_MAX)
            abort();
        int value =
            rows[i].kind == OPTION_FLAG ? no_argument : required_argument;

        table->options[i] =
            (struct option){rows[i].name, value, NULL, FIRST + i};
        if (rows[i].letter == 0)
            continue;
        *letter++ = rows[i].letter;
        if (value == required_argument)
            *letter++ = ':';
    }
    *letter = '\0';
    table->options[i] = (struct option){"help", no_argument, NULL, 'h'};
    table->options[i + 1] = (struct option){0};
}

static const struct command_option *find(const struct command_option *rows,
                                         int found)
{
    if (found >= FIRST)
        return &rows[found - FIRST];
    while (rows->letter != found)
        rows++;
    return rows;
}

static void store(const struct command_option *row, void *to, int64_t number)
{
    const void *from = &number; /* little-endian, as everything here */

    memcpy(to, from, row->size);
}

static int take_number(const struct syntax *syntax,
                       const struct command_option *row, void *to)
{
    int64_t number;
    bool good = row->kind == OPTION_BYTES
                    ? parse_bytes(optarg, &number) && number >= row->minimum &&
                          number <= row->maximum
                    : parse_number(optarg, row->minimum, row->maximum, &number);

    if (good) {
        store(row, to, number);
        return EXIT_DONE;
    }
    if (row->maximum == INT64_MAX)
        return fail_usage(syntax->command,
                          "--%s '%s' is not %s of %lld or more", row->name,
                          optarg, row->what, (long long)row->minimum);
    return fail_usage(syntax->command, "--%s '%s' is not %s from %lld to %lld",
                      row->name, optarg, row->what, (long long)row->minimum,
                      (long long)row->maximum);
}

static int take(const struct syntax *syntax, const struct command_option *row,
                void *command)
{
    void *to = (char *)command + row->offset;

    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)to = true;
        return EXIT_DONE;
    case OPTION_TEXT:
        *(const char **)to = optarg;
        return EXIT_DONE;
    case OPTION_NUMBER:
    case OPTION_BYTES:
        return take_number(syntax, row, to);
    case OPTION_OTHER:
        break;
    }
    return row->take(command, optarg);
}

int read_options(const struct syntax *syntax, int argc, char **argv,
                 void *command)
{
    struct getopt_table table;
    int code = EXIT_DONE;
    int found;

    table_init(&table, syntax->options);
    while (code == EXIT_DONE &&
           (found = getopt_long(argc, argv, table.letters, table.options,
                                NULL)) != -1) {
        if (found == 'h')
            return fputs(syntax->help, stdout), HELP_SHOWN;
        if (found == ':')
            return fail_usage(syntax->command, "option %s needs a value",
                              argv[optind - 1]);
        if (found == '?')
            return fail_usage(syntax->command, "unknown option '%s'",
                              argv[optind - 1]);
        code = take(syntax, find(syntax->options, found), command);
    }
    return code;
}

int take_acks(const char *command, const char *text, struct kq_options *options)
{
    if (!parse_acks(text, &options->acks))
        return fail_usage(command, "--acks is 0, 1 or all, not '%s'", text);
    options->idempotence = options->acks == -1;
    return EXIT_DONE;
}
