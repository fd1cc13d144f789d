/* SPDX-License-Identifier: Apache-2.0
 *
 * kq bench: how fast records are acknowledged and read, and how long one
 * takes. Values hold their number and noise that does not compress.
 */
#include <getopt.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/cli/cli.h"
#include "client/cli/options.h"
#include "client/cli/parse.h"

#define RECORDS_MAX     100000000
#define RECORD_SIZE_MAX (16 << 20)
#define CONSUME_WAIT_MS 10000

static const char help[] =
    "Usage: kq bench produce TOPIC... [OPTIONS]  records acknowledged a "
    "second\n"
    "       kq bench consume TOPIC [OPTIONS]     records read a second\n"
    "       kq bench latency TOPIC [OPTIONS]     time to the acknowledgement,\n"
    "                                            one record in flight\n"
    "\n"
    "  --records N       how many (default 100000; latency 1000; consume:\n"
    "                    all there are)\n"
    "  --size BYTES      value size (default 1024; 64k and the like work)\n"
    "  --acks 0|1|all    (default all)\n"
    "  --in-flight N     produce requests a broker (default 5)\n"
    "  --linger-ms N     (default 5; latency 0)\n"
    "  --rate N          produce: no more than N records a second\n"
    "  --spread          produce: each record to the next partition (else a\n"
    "                    batch to each)\n"
    "  --batch BYTES     batch size (default 128k)\n"
    "  --bootstrap HOST:PORT,...  the cluster\n";

/* Where records go, in turn. */
struct target {
    const char *topic;
    int32_t partition; /* or KQ_ANY_PARTITION */
};

struct bench {
    char **topics;
    size_t topic_count;
    struct target *targets;
    size_t target_count;
    const char *bootstrap;
    int64_t records;
    int64_t size;
    int64_t linger_ms;
    int64_t rate; /* 0: as fast as it goes */
    bool spread;
    struct kq_options options;
    /* told by the client's thread */
    uint32_t *latency_us; /* by record */
    atomic_llong answered;
    atomic_int first_error;
};

struct sample {
    struct bench *bench;
    int64_t sent_us;
    int64_t index;
};

/* ---- results ---- */

static int compare_latency(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;

    return (left > right) - (left < right);
}

static double percentile_ms(const struct bench *bench, double share)
{
    int64_t at = (int64_t)(share * (double)(bench->records - 1) + 0.5);

    return bench->latency_us[at] / 1000.0;
}

static void print_rate(const char *what, int64_t records, int64_t bytes,
                       int64_t elapsed_us)
{
    double seconds = (double)(elapsed_us > 0 ? elapsed_us : 1) / 1e6;

    printf("%s %lld records, %.1f MB in %.3f s: %.0f records/s, %.1f MB/s\n",
           what, (long long)records, (double)bytes / 1e6, seconds,
           (double)records / seconds, (double)bytes / 1e6 / seconds);
}

static void print_latency(struct bench *bench)
{
    qsort(bench->latency_us, (size_t)bench->records, sizeof(uint32_t),
          compare_latency);
    printf("latency ms: p50 %.3f, p99 %.3f, p99.9 %.3f, max %.3f\n",
           percentile_ms(bench, 0.50), percentile_ms(bench, 0.99),
           percentile_ms(bench, 0.999), percentile_ms(bench, 1.0));
}

/* ---- producing ---- */

static void on_delivered(void *context, enum kq_error error, int32_t partition,
                         int64_t offset)
{
    struct sample *sample = context;
    struct bench *bench = sample->bench;
    int none = KQ_ERROR_NONE;

    (void)partition;
    (void)offset;
    bench->latency_us[sample->index] = (uint32_t)(now_us() - sample->sent_us);
    if (error != KQ_ERROR_NONE)
        atomic_compare_exchange_strong(&bench->first_error, &none, (int)error);
    atomic_fetch_add(&bench->answered, 1);
}

static void fill_noise(char *value, size_t size)
{
    uint64_t state = 0x9e3779b97f4a7c15u;

    for (size_t i = 0; i < size; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        value[i] = (char)(state >> 56);
    }
}

static enum kq_error send_one(struct bench *bench, struct kq_client *client,
                              char *value, struct sample *sample)
{
    struct kq_record record = {.value = {value, (size_t)bench->size},
                               .timestamp_ms = -1};
    const struct target *target =
        &bench->targets[(size_t)sample->index % bench->target_count];

    if (bench->size >= (int64_t)sizeof sample->index)
        memcpy(value, &sample->index, sizeof sample->index);
    sample->sent_us = now_us();
    return kq_produce(client, target->topic, target->partition, &record,
                      on_delivered, sample, KQ_WAIT);
}

/* Until record `index` is due. */
static void keep_pace(const struct bench *bench, int64_t start_us,
                      int64_t index)
{
    int64_t early_us =
        bench->rate == 0 ? 0
                         : start_us + index * 1000000 / bench->rate - now_us();

    if (early_us > 0)
        usleep((useconds_t)early_us);
}

/* Sends all; one at a time when `in_turn`. */
static enum kq_error send_all(struct bench *bench, struct kq_client *client,
                              struct sample *samples, bool in_turn)
{
    char *value = malloc((size_t)bench->size + 1);
    int64_t start_us = now_us();
    enum kq_error error = KQ_ERROR_NONE;
    struct progress progress;

    if (value == NULL)
        abort();
    fill_noise(value, (size_t)bench->size);
    progress_init(&progress);
    for (int64_t i = 0; i < bench->records && error == KQ_ERROR_NONE; i++) {
        samples[i] = (struct sample){.bench = bench, .index = i};
        keep_pace(bench, start_us, i);
        error = send_one(bench, client, value, &samples[i]);
        if (in_turn && error == KQ_ERROR_NONE)
            error = kq_flush(client, -1);
        if (progress_due(&progress))
            progress_show(&progress, "%lld of %lld records acknowledged",
                          (long long)bench->answered,
                          (long long)bench->records);
    }
    kq_flush(client, -1);
    progress_end(&progress);
    free(value);
    return error;
}

static int bench_send(struct bench *bench, struct kq_client *client,
                      bool in_turn)
{
    size_t count = (size_t)bench->records;
    struct sample *samples = calloc(count, sizeof *samples);
    int64_t start_us = now_us();
    enum kq_error error;

    bench->latency_us = calloc(count, sizeof *bench->latency_us);
    if (samples == NULL || bench->latency_us == NULL)
        abort();
    error = send_all(bench, client, samples, in_turn);
    if (error == KQ_ERROR_NONE)
        error = (enum kq_error)bench->first_error;
    if (error == KQ_ERROR_NONE) {
        print_rate("produced", bench->records, bench->records * bench->size,
                   now_us() - start_us);
        print_latency(bench);
    }
    free(bench->latency_us);
    free(samples);
    if (error == KQ_ERROR_NONE)
        return EXIT_DONE;
    return fail(error == KQ_ERROR_TOO_LARGE ? EXIT_USAGE : EXIT_CHECK,
                "not every record was acknowledged: %s",
                kq_error_sentence(error));
}

static int bench_produce(struct bench *bench, struct kq_client *client,
                         size_t partitions)
{
    (void)partitions;
    return bench_send(bench, client, false);
}

static int bench_latency(struct bench *bench, struct kq_client *client,
                         size_t partitions)
{
    (void)partitions;
    return bench_send(bench, client, true);
}

/* ---- consuming ---- */

struct tally {
    int64_t records;
    int64_t bytes;
    size_t open_ends;
    enum kq_error error;
};

static void count_messages(struct tally *tally,
                           const struct kq_message *messages, size_t count,
                           bool *ended)
{
    for (size_t i = 0; i < count; i++) {
        const struct kq_message *message = &messages[i];

        if (message->type == KQ_MESSAGE_RECORD) {
            tally->records++;
            tally->bytes += (int64_t)(message->record.key.size +
                                      message->record.value.size);
        } else if (message->type == KQ_MESSAGE_STOPPED) {
            tally->error = message->error;
        } else if (!ended[message->partition]) {
            ended[message->partition] = true;
            tally->open_ends--;
        }
    }
}

static int bench_consume(struct bench *bench, struct kq_client *client,
                         size_t partitions)
{
    struct kq_consumer *consumer = kq_consumer_new(client);
    struct tally tally = {.open_ends = partitions};
    bool *ended = calloc(partitions, sizeof *ended);
    int64_t start_us = now_us();
    size_t count = 1;

    if (ended == NULL)
        abort();
    for (size_t i = 0; i < partitions; i++)
        kq_consumer_subscribe(consumer, bench->topics[0], (int32_t)i,
                              KQ_START_BEGINNING, 0);
    while (count > 0 && tally.open_ends > 0 && tally.error == KQ_ERROR_NONE &&
           (bench->records == 0 || tally.records < bench->records)) {
        const struct kq_message *messages;

        count = kq_consumer_poll(consumer, CONSUME_WAIT_MS, &messages);
        count_messages(&tally, messages, count, ended);
    }
    print_rate("consumed", tally.records, tally.bytes, now_us() - start_us);
    kq_consumer_free(consumer);
    free(ended);
    if (tally.error != KQ_ERROR_NONE)
        return fail(exit_code_of(tally.error), "cannot read on: %s",
                    kq_error_sentence(tally.error));
    if (count == 0)
        return fail(EXIT_ENVIRONMENT, "nothing came for %d s",
                    CONSUME_WAIT_MS / 1000);
    return EXIT_DONE;
}

/* ---- the command line ---- */

static const struct bench_kind {
    const char *name;
    int (*run)(struct bench *bench, struct kq_client *client,
               size_t partitions);
    int64_t records;
    int64_t linger_ms;
} kinds[] = {
    {"produce", bench_produce, 100000, 5},
    {"consume", bench_consume, 0, 0},
    {"latency", bench_latency, 1000, 0},
};

static int take_own_acks(void *command, char *text)
{
    return take_acks("bench", text, &((struct bench *)command)->options);
}

#define NUMBER(name, member, least, most)                                      \
    {                                                                          \
        name, 0, OPTION_BYTES, "a number", OPTION_TO(struct bench, member),    \
            .minimum = least, .maximum = most                                  \
    }
static const struct command_option options[] = {
    NUMBER("records", records, 1, RECORDS_MAX),
    NUMBER("size", size, 0, RECORD_SIZE_MAX),
    {"acks", 0, OPTION_OTHER, .take = take_own_acks},
    NUMBER("in-flight", options.in_flight_max, 1, 1000),
    NUMBER("rate", rate, 1, RECORDS_MAX),
    {"spread", 0, OPTION_FLAG, OPTION_TO(struct bench, spread)},
    NUMBER("linger-ms", linger_ms, 0, 60000),
    NUMBER("batch", options.batch_bytes, 1, RECORD_SIZE_MAX),
    {"bootstrap", 'b', OPTION_TEXT, OPTION_TO(struct bench, bootstrap)},
    {0},
};
#undef NUMBER

static const struct syntax syntax = {"bench", help, options};

static void add_target(struct bench *bench, const char *topic,
                       int32_t partition)
{
    size_t count = bench->target_count++;

    bench->targets =
        realloc(bench->targets, bench->target_count * sizeof *bench->targets);
    if (bench->targets == NULL)
        abort();
    bench->targets[count] = (struct target){topic, partition};
}

/* Its partitions; 0 when it is not there, see code. `cluster`: all topics, as
 * a broker knew them that may not have heard of this one yet; or NULL. */
static size_t partitions_of(const struct kq_cluster *cluster,
                            struct kq_client *client, const char *topic,
                            int *code)
{
    struct kq_cluster *alone;
    size_t count = 0;

    for (size_t i = 0; cluster != NULL && i < cluster->topic_count; i++)
        if (strcmp(cluster->topics[i].name, topic) == 0)
            return cluster->topics[i].partition_count;
    alone = cluster_topic(client, topic, code);
    if (alone != NULL)
        count = alone->topics[0].partition_count;
    kq_cluster_free(alone);
    return count;
}

/* The partitions of the last topic; 0 when one is not there, see code. */
static size_t find_targets(struct bench *bench, struct kq_client *client,
                           int *code)
{
    struct kq_cluster *cluster = NULL;
    size_t partitions = 0;

    if (bench->topic_count > 1) /* by one request, if that works */
        kq_cluster_describe(client, NULL, REQUEST_TIMEOUT_MS, &cluster);
    for (size_t i = 0; i < bench->topic_count; i++) {
        partitions = partitions_of(cluster, client, bench->topics[i], code);
        for (size_t j = 0; bench->spread && j < partitions; j++)
            add_target(bench, bench->topics[i], (int32_t)j);
        if (!bench->spread)
            add_target(bench, bench->topics[i], KQ_ANY_PARTITION);
        if (partitions == 0)
            break;
    }
    kq_cluster_free(cluster);
    return partitions;
}

static int run(struct bench *bench, const struct bench_kind *kind)
{
    struct kq_client *client;
    size_t partitions;
    int code = EXIT_DONE;

    if (bench->records == 0)
        bench->records = kind->records;
    if (bench->linger_ms < 0)
        bench->linger_ms = kind->linger_ms;
    bench->options.linger_ms = bench->linger_ms;
    client = cluster_connect(bench->bootstrap, &bench->options, &code);
    if (client == NULL)
        return code;
    partitions = find_targets(bench, client, &code);
    if (partitions > 0)
        code = kind->run(bench, client, partitions);
    free(bench->targets);
    kq_client_free(client);
    return code;
}

int command_bench(int argc, char **argv)
{
    static struct bench bench;
    int code;

    bench.size = 1024;
    bench.linger_ms = -1;
    kq_options_init(&bench.options);
    code = read_options(&syntax, argc, argv, &bench);
    if (code != EXIT_DONE)
        return code == HELP_SHOWN ? EXIT_DONE : code;
    if (argc - optind < 2)
        return fail_usage("bench",
                          "say produce, consume or latency, and a topic");
    bench.topics = argv + optind + 1;
    bench.topic_count = (size_t)(argc - optind - 1);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].name, argv[optind]) != 0)
            continue;
        if (bench.topic_count > 1 && kinds[i].run != bench_produce)
            return fail_usage("bench", "only produce takes several topics");
        return run(&bench, &kinds[i]);
    }
    return fail_usage("bench", "there is no 'kq bench %s'", argv[optind]);
}
