/* SPDX-License-Identifier: Apache-2.0
 *
 * What the commands of kq share: exit codes, words to the user, and how a
 * command finds the cluster. Each command is one file with one entry,
 * command_NAME(argc, argv), where argv[0] is its name; it returns the exit
 * code of the process.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <kq/kq.h>
#include <stdbool.h>
#include <stdint.h>

#define EXIT_DONE        0
#define EXIT_CHECK       1
#define EXIT_USAGE       2
#define EXIT_ENVIRONMENT 3

/* How long a request to the cluster may take. */
#define REQUEST_TIMEOUT_MS 15000

int command_topic(int argc, char **argv);
int command_produce(int argc, char **argv);
int command_consume(int argc, char **argv);
int command_bench(int argc, char **argv);
int command_cluster(int argc, char **argv);
int command_reassign(int argc, char **argv); /* of kq cluster */
int command_dev(int argc, char **argv);
int command_log(int argc, char **argv);

/* "kq: ..." on standard error; returns the code. */
int fail(int exit_code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same with EXIT_USAGE and a hint at "kq COMMAND --help". */
int fail_usage(const char *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The exit code for an error of the library. */
int exit_code_of(enum kq_error error);

/* A client of the cluster at `bootstrap`; NULL: $KQ_BOOTSTRAP, else the
 * cluster of ./kq-dev when it is up, else 127.0.0.1:9092. Waits a few
 * seconds for a broker. NULL after a message, with the exit code. The rest
 * of options is taken as it is. Free with kq_client_free(). */
struct kq_client *cluster_connect(const char *bootstrap,
                                  struct kq_options *options, int *exit_code);

/* Describes one topic, waiting a little for one that was just created. NULL
 * after a message, with the exit code. Free with kq_cluster_free(). */
struct kq_cluster *cluster_topic(struct kq_client *client, const char *topic,
                                 int *exit_code);

/* Milliseconds of a clock that never goes back. */
int64_t now_ms(void);
int64_t now_us(void);
void sleep_ms(int64_t ms);

/* A progress line on standard error when that is a terminal; at most twice
 * a second. progress_end() wipes it. */
struct progress {
    bool terminal;
    bool shown;
    int64_t next_ms;
};
void progress_init(struct progress *progress);
/* Whether it is time for progress_show(). */
bool progress_due(struct progress *progress);
void progress_show(struct progress *progress, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void progress_end(struct progress *progress);

/* SIGINT sets a flag from here on, a second one ends the process. */
void interrupt_catch(void);
bool interrupted(void);

#endif
