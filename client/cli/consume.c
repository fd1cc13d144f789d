/* SPDX-License-Identifier: Apache-2.0
 *
 * kq consume: prints records as a format says, each partition in the order
 * of its offsets.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/cli.h"
#include "client/cli/format.h"
#include "client/cli/options.h"
#include "client/cli/parse.h"

#define IDLE_POLL_MS       200
#define WRITE_BUFFER_BYTES (256u << 10)
#define END_FETCH_WAIT_MS  20

static const char help[] =
    "Usage: kq consume TOPIC [OPTIONS]\n"
    "\n"
    "  --partition P     only this partition (default: all, and those that\n"
    "                    are added meanwhile, from their beginning)\n"
    "  --from WHERE      beginning (default), end, an offset, @MILLISECONDS\n"
    "                    since 1970, or a time such as 2026-01-31T12:00:30\n"
    "                    (UTC unless it says otherwise)\n"
    "  --stop-at-end     stop when all that is committed has been printed\n"
    "  --max N           stop after N records\n"
    "  --format F        default '%v\\n'; " FORMAT_HELP "\n"
    "                    (k key, v value, o offset, p partition, t timestamp\n"
    "                    in ms, h headers, T topic)\n"
    "  --bootstrap HOST:PORT,...  the cluster\n";

struct consume {
    const char *topic;
    const char *bootstrap;
    int32_t partition;
    struct start start;
    bool stop_at_end;
    int64_t records_max;
    const char *format_text;
    struct format *format;
    struct kq_options options;
    /* running */
    int64_t records;
    size_t open_ends; /* partitions whose end was not seen */
    bool *ended;
    int code;
    bool done;
};

static void on_stopped(struct consume *consume,
                       const struct kq_message *message)
{
    consume->done = true;
    fflush(stdout);
    if (message->error == KQ_ERROR_OFFSET_OUT_OF_RANGE)
        consume->code = fail(EXIT_USAGE,
                             "the offset wanted is not in partition %d of "
                             "topic '%s', which starts at %lld",
                             message->partition, message->topic,
                             (long long)message->offset);
    else if (message->partition < 0)
        consume->code =
            fail(exit_code_of(message->error), "topic '%s' cannot be read: %s",
                 message->topic, kq_error_sentence(message->error));
    else
        consume->code = fail(exit_code_of(message->error),
                             "partition %d of topic '%s' cannot be read: %s",
                             message->partition, message->topic,
                             kq_error_sentence(message->error));
}

static void on_end(struct consume *consume, const struct kq_message *message)
{
    if (!consume->stop_at_end || consume->ended[message->partition])
        return;
    consume->ended[message->partition] = true;
    if (--consume->open_ends == 0)
        consume->done = true;
}

static void on_record(struct consume *consume, const struct kq_message *message)
{
    if (consume->stop_at_end && consume->ended[message->partition])
        return; /* it came after the end that was asked for */
    format_write(consume->format, stdout, message);
    if (++consume->records == consume->records_max)
        consume->done = true;
}

static void print_messages(struct consume *consume,
                           const struct kq_message *messages, size_t count)
{
    for (size_t i = 0; i < count && !consume->done; i++) {
        switch (messages[i].type) {
        case KQ_MESSAGE_RECORD:
            on_record(consume, &messages[i]);
            break;
        case KQ_MESSAGE_END:
            on_end(consume, &messages[i]);
            break;
        case KQ_MESSAGE_STOPPED:
            on_stopped(consume, &messages[i]);
            break;
        }
    }
}

/* Prints until it is done; what is printed is flushed before each wait. */
static void print_records(struct consume *consume, struct kq_consumer *consumer)
{
    const struct kq_message *messages;

    while (!consume->done && !interrupted() && !ferror(stdout)) {
        size_t count = kq_consumer_poll(consumer, 0, &messages);

        if (count == 0) {
            fflush(stdout);
            count = kq_consumer_poll(consumer, IDLE_POLL_MS, &messages);
        }
        print_messages(consume, messages, count);
    }
    if (fflush(stdout) != 0 && consume->code == EXIT_DONE)
        consume->code =
            fail(EXIT_ENVIRONMENT, "cannot write: %s", strerror(errno));
}

static void subscribe(struct consume *consume, struct kq_consumer *consumer,
                      size_t partitions)
{
    if (consume->partition < 0 && !consume->stop_at_end) {
        kq_consumer_subscribe_topic(consumer, consume->topic,
                                    consume->start.start,
                                    consume->start.position);
        return;
    }
    for (size_t i = 0; i < partitions; i++) {
        if (consume->partition >= 0 && (size_t)consume->partition != i)
            continue;
        consume->open_ends++;
        kq_consumer_subscribe(consumer, consume->topic, (int32_t)i,
                              consume->start.start, consume->start.position);
    }
}

static int run_on(struct consume *consume, struct kq_client *client)
{
    struct kq_cluster *cluster;
    struct kq_consumer *consumer;
    size_t partitions;

    cluster = cluster_topic(client, consume->topic, &consume->code);
    if (cluster == NULL)
        return consume->code;
    partitions = cluster->topics[0].partition_count;
    kq_cluster_free(cluster);
    if (consume->partition >= 0 && (size_t)consume->partition >= partitions)
        return fail(EXIT_USAGE, "topic '%s' has no partition %d: it has %zu",
                    consume->topic, consume->partition, partitions);
    consume->ended = calloc(partitions, sizeof *consume->ended);
    if (consume->ended == NULL)
        abort();
    interrupt_catch();
    consumer = kq_consumer_new(client);
    subscribe(consume, consumer, partitions);
    print_records(consume, consumer);
    kq_consumer_free(consumer);
    free(consume->ended);
    return consume->code;
}

/* ---- the command line ---- */

static int take_start(void *command, char *text)
{
    if (parse_start(text, &((struct consume *)command)->start))
        return EXIT_DONE;
    return fail_usage("consume",
                      "--from '%s' is not beginning, end, an offset, "
                      "@MILLISECONDS or a time",
                      text);
}

#define TO(member) OPTION_TO(struct consume, member)
static const struct command_option options[] = {
    {"partition", 0, OPTION_NUMBER, "a partition", TO(partition),
     .maximum = INT32_MAX},
    {"from", 0, OPTION_OTHER, .take = take_start},
    {"stop-at-end", 0, OPTION_FLAG, TO(stop_at_end)},
    {"max", 'n', OPTION_NUMBER, "a number", TO(records_max), .minimum = 1,
     .maximum = INT64_MAX},
    {"format", 'f', OPTION_TEXT, TO(format_text)},
    {"bootstrap", 'b', OPTION_TEXT, TO(bootstrap)},
    {0},
};
#undef TO

static const struct syntax syntax = {"consume", help, options};

int command_consume(int argc, char **argv)
{
    struct consume consume = {
        .partition = -1,
        .start = {KQ_START_BEGINNING, 0},
        .format_text = "%v\\n",
    };
    struct kq_client *client;
    size_t column = 0;
    int code;

    kq_options_init(&consume.options);
    code = read_options(&syntax, argc, argv, &consume);
    if (code != EXIT_DONE)
        return code == HELP_SHOWN ? EXIT_DONE : code;
    if (argc - optind != 1)
        return fail_usage("consume", "name one topic");
    consume.topic = argv[optind];
    consume.format = format_new(consume.format_text, &column);
    if (consume.format == NULL)
        return fail_usage("consume",
                          "--format '%s' is wrong at column %zu: it knows %s",
                          consume.format_text, column, FORMAT_HELP);
    if (consume.stop_at_end)
        consume.options.fetch_wait_ms = END_FETCH_WAIT_MS;
    setvbuf(stdout, NULL, _IOFBF, WRITE_BUFFER_BYTES);
    client = cluster_connect(consume.bootstrap, &consume.options, &code);
    if (client != NULL)
        code = run_on(&consume, client);
    kq_client_free(client);
    format_free(consume.format);
    return code;
}
