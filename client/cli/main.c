/* SPDX-License-Identifier: Apache-2.0
 *
 * kq: finds the command and runs it.
 */
#include <stdio.h>
#include <string.h>

#include "client/cli/cli.h"
#include "real/loop.h"

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} commands[] = {
    {"topic", command_topic, "create, list, describe and delete topics"},
    {"produce", command_produce, "send lines of standard input or of a file"},
    {"consume", command_consume, "print the records of a topic"},
    {"bench", command_bench, "measure throughput and latency"},
    {"cluster", command_cluster, "show brokers and what is not well"},
    {"dev", command_dev, "run a whole local cluster"},
    {"log", command_log, "look into the log directory of a stopped broker"},
};

#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

static int print_help(void)
{
    printf("Usage: kq COMMAND [OPTIONS]\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf("  %-9s %s\n", commands[i].name, commands[i].summary);
    printf("\n"
           "'kq COMMAND --help' says more. The cluster: --bootstrap HOST:PORT,"
           "...,\nelse $KQ_BOOTSTRAP, else the one in ./kq-dev when it is up, "
           "else 127.0.0.1:9092.\n"
           "Exit: 0 done; 1 a check failed; 2 bad usage or input; 3 the "
           "environment.\n");
    return EXIT_DONE;
}

int main(int argc, char **argv)
{
    loop_keep_memory();
    if (argc < 2 || strcmp(argv[1], "--help") == 0 ||
        strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
        return argc < 2 ? (print_help(), EXIT_USAGE) : print_help();
    if (strcmp(argv[1], "--version") == 0) {
        printf("kq 0.1.0\n");
        return EXIT_DONE;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    return fail(EXIT_USAGE, "there is no command '%s'; see 'kq --help'",
                argv[1]);
}
