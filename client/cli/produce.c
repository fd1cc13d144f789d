/* SPDX-License-Identifier: Apache-2.0
 *
 * kq produce: each line is a record.
 */
#include <errno.h>
#include <getopt.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/cli.h"
#include "client/cli/options.h"
#include "client/cli/parse.h"

#define HEADERS_MAX       32
#define READ_BUFFER_BYTES (1u << 20)

static const char help[] =
    "Usage: kq produce TOPIC [OPTIONS]\n"
    "\n"
    "Sends each line of standard input, without its end, as a record. Exit 1\n"
    "when any of them was not acknowledged.\n"
    "\n"
    "  --file F              read F instead of standard input\n"
    "  --key-separator C     the key is what stands before the first C;\n"
    "                        without C in the line there is no key\n"
    "  --header KEY=VALUE    a header for every record; may be repeated\n"
    "  --acks 0|1|all        who must have it (default all)\n"
    "  --partition P         this partition (default: by the key's hash, or\n"
    "                        all in turn)\n"
    "  --linger-ms N         wait so long for a batch to fill (default 5)\n"
    "  --timeout-ms N        give a record up after this (default 120000)\n"
    "  --report F            write 'partition offset line' of each record\n"
    "                        that was acknowledged to F; lines count from 1\n"
    "  --bootstrap HOST:PORT,...  the cluster\n";

struct produce {
    const char *topic;
    const char *bootstrap;
    const char *file;
    bool keyed;
    char separator;
    int32_t partition;
    struct kq_header headers[HEADERS_MAX];
    size_t header_count;
    struct kq_options options;
    const char *report_file;
    FILE *report; /* NULL: none; the client's thread writes it */
    /* told by the client's thread */
    atomic_ullong acknowledged;
    atomic_ullong failed;
    atomic_int first_error;
    /* the reader's */
    uint64_t records;
    uint64_t bytes;
};

static void on_delivered(void *context, enum kq_error error, int32_t partition,
                         int64_t offset)
{
    struct produce *produce = context;
    int none = KQ_ERROR_NONE;

    (void)partition;
    (void)offset;
    if (error == KQ_ERROR_NONE) {
        atomic_fetch_add_explicit(&produce->acknowledged, 1,
                                  memory_order_relaxed);
        return;
    }
    atomic_compare_exchange_strong(&produce->first_error, &none, (int)error);
    atomic_fetch_add_explicit(&produce->failed, 1, memory_order_relaxed);
}

/* Which line a record is, for the report. */
struct sent {
    struct produce *produce;
    uint64_t line;
};

static void on_reported(void *context, enum kq_error error, int32_t partition,
                        int64_t offset)
{
    struct sent *sent = context;
    struct produce *produce = sent->produce;

    if (error == KQ_ERROR_NONE)
        fprintf(produce->report, "%d %lld %llu\n", partition, (long long)offset,
                (unsigned long long)sent->line);
    free(sent);
    on_delivered(produce, error, partition, offset);
}

static enum kq_error send_reported(struct produce *produce,
                                   struct kq_client *client,
                                   const struct kq_record *record)
{
    struct sent *sent = malloc(sizeof *sent);
    enum kq_error error;

    if (sent == NULL)
        return KQ_ERROR_OUT_OF_MEMORY;
    *sent = (struct sent){produce, produce->records};
    error = kq_produce(client, produce->topic, produce->partition, record,
                       on_reported, sent, KQ_WAIT);
    if (error != KQ_ERROR_NONE)
        free(sent);
    return error;
}

static enum kq_error send_line(struct produce *produce,
                               struct kq_client *client, const char *line,
                               size_t size)
{
    struct kq_record record = {
        .value = {line, size},
        .timestamp_ms = -1,
        .headers = produce->headers,
        .header_count = produce->header_count,
    };
    const char *separator =
        produce->keyed ? memchr(line, produce->separator, size) : NULL;

    if (separator != NULL) {
        record.key = (struct kq_bytes){line, (size_t)(separator - line)};
        record.value = (struct kq_bytes){separator + 1,
                                         size - (size_t)(separator - line) - 1};
    }
    produce->records++;
    produce->bytes += size;
    if (produce->report != NULL)
        return send_reported(produce, client, &record);
    return kq_produce(client, produce->topic, produce->partition, &record,
                      on_delivered, produce, KQ_WAIT);
}

static int send_lines(struct produce *produce, struct kq_client *client,
                      FILE *from)
{
    struct progress progress;
    size_t room = 0;
    char *line = NULL;
    int code = EXIT_DONE;
    ssize_t size;

    progress_init(&progress);
    while (code == EXIT_DONE && !interrupted() &&
           (size = getline(&line, &room, from)) >= 0) {
        enum kq_error error;

        if (size > 0 && line[size - 1] == '\n')
            size--;
        error = send_line(produce, client, line, (size_t)size);
        if (error != KQ_ERROR_NONE)
            code = fail(exit_code_of(error), "line %llu: %s",
                        (unsigned long long)produce->records,
                        kq_error_sentence(error));
        if ((produce->records & 1023) == 0 && progress_due(&progress))
            progress_show(&progress, "%llu records read, %llu acknowledged",
                          (unsigned long long)produce->records,
                          (unsigned long long)produce->acknowledged);
    }
    if (code == EXIT_DONE && ferror(from))
        code = fail(EXIT_ENVIRONMENT, "cannot read on: %s", strerror(errno));
    free(line);
    progress_end(&progress);
    return code;
}

static int summarise(struct produce *produce, int64_t start_us)
{
    double seconds = (double)(now_us() - start_us) / 1e6;
    unsigned long long acknowledged = produce->acknowledged;
    unsigned long long failed = produce->failed;

    fprintf(stderr,
            "%llu records, %.1f MB in %.2f s (%.0f records/s, %.1f "
            "MB/s)\n",
            acknowledged, (double)produce->bytes / 1e6, seconds,
            (double)acknowledged / seconds,
            (double)produce->bytes / 1e6 / seconds);
    if (failed == 0)
        return EXIT_DONE;
    return fail(EXIT_CHECK, "%llu of %llu records were not acknowledged: %s",
                failed, (unsigned long long)produce->records,
                kq_error_sentence((enum kq_error)produce->first_error));
}

/* ---- the command line ---- */

static int take_separator(void *command, char *text)
{
    struct produce *produce = command;

    produce->keyed = true;
    if (!parse_byte(text, &produce->separator))
        return fail_usage("produce", "'%s' is not one character", text);
    return EXIT_DONE;
}

static int take_header(void *command, char *text)
{
    struct produce *produce = command;
    struct kq_header *header = &produce->headers[produce->header_count];
    char *value;

    if (produce->header_count == HEADERS_MAX)
        return fail_usage("produce", "more than %d headers", HEADERS_MAX);
    value = split_setting(text);
    if (value == NULL)
        return fail_usage("produce", "--header '%s' is not KEY=VALUE", text);
    header->key = text;
    header->value = (struct kq_bytes){value, strlen(value)};
    produce->header_count++;
    return EXIT_DONE;
}

static int take_own_acks(void *command, char *text)
{
    return take_acks("produce", text, &((struct produce *)command)->options);
}

#define TO(member) OPTION_TO(struct produce, member)
static const struct command_option options[] = {
    {"file", 'f', OPTION_TEXT, TO(file)},
    {"key-separator", 'k', OPTION_OTHER, .take = take_separator},
    {"header", 0, OPTION_OTHER, .take = take_header},
    {"acks", 0, OPTION_OTHER, .take = take_own_acks},
    {"partition", 0, OPTION_NUMBER, "a partition", TO(partition),
     .maximum = INT32_MAX},
    {"linger-ms", 0, OPTION_NUMBER, "a number", TO(options.linger_ms),
     .maximum = 60000},
    {"timeout-ms", 0, OPTION_NUMBER, "a number",
     TO(options.delivery_timeout_ms), .minimum = 1, .maximum = 86400000},
    {"report", 0, OPTION_TEXT, TO(report_file)},
    {"bootstrap", 'b', OPTION_TEXT, TO(bootstrap)},
    {0},
};
#undef TO

static const struct syntax syntax = {"produce", help, options};

static int run(struct produce *produce, FILE *from)
{
    struct kq_cluster *cluster;
    struct kq_client *client;
    size_t partitions;
    int64_t start_us;
    int code = EXIT_DONE;

    client = cluster_connect(produce->bootstrap, &produce->options, &code);
    if (client == NULL)
        return code;
    cluster = cluster_topic(client, produce->topic, &code);
    if (cluster == NULL) {
        kq_client_free(client);
        return code;
    }
    partitions = cluster->topics[0].partition_count;
    kq_cluster_free(cluster);
    if (produce->partition >= 0 && (size_t)produce->partition >= partitions) {
        kq_client_free(client);
        return fail(EXIT_USAGE, "topic '%s' has no partition %d: it has %zu",
                    produce->topic, produce->partition, partitions);
    }
    start_us = now_us();
    interrupt_catch();
    code = send_lines(produce, client, from);
    kq_flush(client, -1);
    kq_client_free(client);
    if (code != EXIT_DONE)
        summarise(produce, start_us);
    else
        code = summarise(produce, start_us);
    return code;
}

int command_produce(int argc, char **argv)
{
    static struct produce produce;
    FILE *from = stdin;
    int code;

    produce.partition = KQ_ANY_PARTITION;
    kq_options_init(&produce.options);
    produce.options.linger_ms = 5;
    code = read_options(&syntax, argc, argv, &produce);
    if (code != EXIT_DONE)
        return code == HELP_SHOWN ? EXIT_DONE : code;
    if (argc - optind != 1)
        return fail_usage("produce", "name one topic");
    produce.topic = argv[optind];
    if (produce.file != NULL)
        from = fopen(produce.file, "re");
    if (from == NULL)
        return fail(EXIT_USAGE, "cannot read %s: %s", produce.file,
                    strerror(errno));
    if (produce.report_file != NULL) {
        produce.report = fopen(produce.report_file, "we");
        if (produce.report == NULL)
            return fail(EXIT_ENVIRONMENT, "cannot write %s: %s",
                        produce.report_file, strerror(errno));
    }
    setvbuf(from, NULL, _IOFBF, READ_BUFFER_BYTES);
    code = run(&produce, from);
    if (produce.report != NULL && fclose(produce.report) != 0)
        code = fail(EXIT_ENVIRONMENT, "cannot write %s: %s",
                    produce.report_file, strerror(errno));
    if (from != stdin)
        fclose(from);
    return code;
}
