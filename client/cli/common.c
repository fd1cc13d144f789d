/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/cli/cli.h"
#include "client/cli/dev.h"

#define CONNECT_TIMEOUT_MS 5000
#define TOPIC_PATIENCE_MS  3000
#define PROGRESS_EVERY_MS  500

/* ---- words ---- */

int fail(int exit_code, const char *format, ...)
{
    va_list arguments;

    fflush(stdout);
    fputs("kq: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return exit_code;
}

int fail_usage(const char *command, const char *format, ...)
{
    va_list arguments;

    fputs("kq: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "; see 'kq %s --help'\n", command);
    return EXIT_USAGE;
}

int exit_code_of(enum kq_error error)
{
    switch (error) {
    case KQ_ERROR_NONE:
        return EXIT_DONE;
    case KQ_ERROR_INVALID_ARGUMENT:
    case KQ_ERROR_UNKNOWN_TOPIC:
    case KQ_ERROR_UNKNOWN_PARTITION:
    case KQ_ERROR_TOPIC_EXISTS:
    case KQ_ERROR_INVALID_TOPIC:
    case KQ_ERROR_INVALID_CONFIG:
    case KQ_ERROR_INVALID_REPLICATION:
    case KQ_ERROR_INELIGIBLE_REPLICA:
    case KQ_ERROR_ELECTION_NOT_NEEDED:
    case KQ_ERROR_OFFSET_OUT_OF_RANGE:
    case KQ_ERROR_TOO_LARGE:
        return EXIT_USAGE;
    case KQ_ERROR_CORRUPT:
    case KQ_ERROR_CORRUPT_BATCH:
    case KQ_ERROR_INVALID_BATCH:
        return EXIT_CHECK;
    default:
        return EXIT_ENVIRONMENT;
    }
}

/* ---- the cluster ---- */

static const char *find_bootstrap(const char *given, char *buffer, size_t size)
{
    const char *environment = getenv("KQ_BOOTSTRAP");

    if (given != NULL)
        return given;
    if (environment != NULL && *environment != '\0')
        return environment;
    if (dev_bootstrap(DEV_DIR_DEFAULT, buffer, size))
        return buffer;
    return "127.0.0.1:9092";
}

struct kq_client *cluster_connect(const char *bootstrap,
                                  struct kq_options *options, int *exit_code)
{
    struct kq_client *client;
    char buffer[2048];
    enum kq_error error;

    options->bootstrap = find_bootstrap(bootstrap, buffer, sizeof buffer);
    error = kq_client_new(options, &client);
    if (error == KQ_ERROR_INVALID_ARGUMENT) {
        *exit_code = fail(EXIT_USAGE,
                          "'%s' is not a list of brokers: give "
                          "HOST:PORT[,HOST:PORT...]",
                          options->bootstrap);
        return NULL;
    }
    if (error == KQ_ERROR_NONE)
        error = kq_client_wait(client, CONNECT_TIMEOUT_MS);
    else
        client = NULL;
    if (error == KQ_ERROR_NONE)
        return client;
    *exit_code = fail(EXIT_ENVIRONMENT,
                      "no broker at %s was ready within %d s; start the "
                      "cluster or name another one with --bootstrap",
                      options->bootstrap, CONNECT_TIMEOUT_MS / 1000);
    kq_client_free(client);
    return NULL;
}

struct kq_cluster *cluster_topic(struct kq_client *client, const char *topic,
                                 int *exit_code)
{
    int64_t deadline_ms = now_ms() + TOPIC_PATIENCE_MS;
    struct kq_cluster *cluster;
    enum kq_error error;

    do {
        error =
            kq_cluster_describe(client, topic, REQUEST_TIMEOUT_MS, &cluster);
        if (error == KQ_ERROR_NONE)
            return cluster;
        sleep_ms(100);
    } while (error == KQ_ERROR_UNKNOWN_TOPIC && now_ms() < deadline_ms);
    *exit_code = fail(exit_code_of(error), "topic '%s': %s%s", topic,
                      kq_error_sentence(error),
                      error == KQ_ERROR_UNKNOWN_TOPIC
                          ? "; 'kq topic list' shows those there are"
                          : "");
    return NULL;
}

/* ---- time ---- */

int64_t now_us(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

int64_t now_ms(void)
{
    return now_us() / 1000;
}

void sleep_ms(int64_t ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&time, NULL);
}

/* ---- progress ---- */

void progress_init(struct progress *progress)
{
    progress->terminal = isatty(STDERR_FILENO) != 0;
    progress->shown = false;
    progress->next_ms = now_ms() + PROGRESS_EVERY_MS;
}

bool progress_due(struct progress *progress)
{
    int64_t now = progress->terminal ? now_ms() : 0;

    if (!progress->terminal || now < progress->next_ms)
        return false;
    progress->next_ms = now + PROGRESS_EVERY_MS;
    return true;
}

void progress_show(struct progress *progress, const char *format, ...)
{
    va_list arguments;

    progress->shown = true;
    fputs("\r\033[K", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fflush(stderr);
}

void progress_end(struct progress *progress)
{
    if (progress->shown)
        fputs("\r\033[K", stderr);
    progress->shown = false;
}

/* ---- interrupts ---- */

static volatile sig_atomic_t interrupt_seen;

static void on_interrupt(int signal)
{
    (void)signal;
    interrupt_seen = 1;
}

void interrupt_catch(void)
{
    struct sigaction action = {.sa_handler = on_interrupt,
                               .sa_flags = (int)SA_RESETHAND};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool interrupted(void)
{
    return interrupt_seen != 0;
}
