/* SPDX-License-Identifier: Apache-2.0
 *
 * kq topic create|list|describe|alter|truncate|delete.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/cli.h"
#include "client/cli/options.h"
#include "client/cli/parse.h"
#include "rules/replication.h"

#define SETTINGS_MAX   64
#define READY_MS       10000
#define READY_RETRY_MS 50
#define PARTITIONS_MAX 10000

static const char help[] =
    "Usage: kq topic create NAME [--partitions N] [--replicas N]\n"
    "                [--config KEY=VALUE]...\n"
    "       kq topic list\n"
    "       kq topic describe NAME\n"
    "       kq topic alter NAME [--config KEY=VALUE]... [--default KEY]...\n"
    "       kq topic alter NAME --partitions N\n"
    "       kq topic truncate NAME --partition P --before OFFSET\n"
    "       kq topic delete NAME\n"
    "\n"
    "  --partitions N      partitions (default: the brokers' num.partitions);\n"
    "                      alter: so many from now on, more than there are;\n"
    "                      records with a key may go to another partition "
    "then\n"
    "  --replicas N        replicas of each (default: the brokers'\n"
    "                      default.replication.factor)\n"
    "  --config KEY=VALUE  a setting of the topic: retention.ms,\n"
    "                      retention.bytes, segment.bytes, segment.ms,\n"
    "                      flush.ms, min.insync.replicas, max.message.bytes,\n"
    "                      unclean.leader.election.enable;\n"
    "                      units: 500ms 30s 15m 12h 7d, 64k 16M 2G\n"
    "  --default KEY       takes a setting back to the brokers' default\n"
    "  --partition P, --before OFFSET\n"
    "                      the records of this partition below this offset "
    "are\n"
    "                      deleted for good\n"
    "  --bootstrap HOST:PORT,...  the cluster\n";

struct topic_command {
    const char *name;
    const char *bootstrap;
    struct kq_topic_options options;
    struct kq_setting settings[SETTINGS_MAX];
    char values[SETTINGS_MAX][24];
    int64_t partition; /* -1: not given */
    int64_t before;    /* likewise */
};

/* ---- output ---- */

static void print_ids(const int32_t *ids, size_t count)
{
    char text[256] = "-";
    size_t used = 0;

    for (size_t i = 0; i < count && used < sizeof text - 16; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%d",
                                 i > 0 ? "," : "", ids[i]);
    printf("  %-10s", text);
}

static size_t lazy_count(const struct kq_topic *topic)
{
    size_t count = 0;

    for (size_t i = 0; i < topic->partition_count; i++)
        count += topic->partitions[i].lazy;
    return count;
}

static bool sets(const struct kq_topic *topic, const char *key)
{
    for (size_t i = 0; i < topic->setting_count; i++)
        if (strcmp(topic->settings[i].key, key) == 0)
            return true;
    return false;
}

static void print_settings(const struct kq_cluster *cluster)
{
    const struct kq_topic *topic = &cluster->topics[0];

    for (size_t i = 0; i < topic->setting_count; i++)
        printf("  %s=%s\n", topic->settings[i].key, topic->settings[i].value);
    for (size_t i = 0; i < cluster->default_count; i++)
        if (!sets(topic, cluster->defaults[i].key))
            printf("  %s=%s (default)\n", cluster->defaults[i].key,
                   cluster->defaults[i].value);
}

/* The end of the line. */
static void print_move(const struct kq_partition *partition)
{
    for (size_t i = 0; i < partition->adding_count; i++)
        printf("%s%d", i == 0 ? "  adding " : ",", partition->adding[i].broker);
    for (size_t i = 0; i < partition->removing_count; i++)
        printf("%s%d", i == 0 ? "  removing " : ",", partition->removing[i]);
    printf("\n");
}

static void print_topic(const struct kq_cluster *cluster)
{
    const struct kq_topic *topic = &cluster->topics[0];

    printf("topic %s, id %s, %zu partition%s%s\n", topic->name, topic->id,
           topic->partition_count, topic->partition_count == 1 ? "" : "s",
           lazy_count(topic) > 0 ? ", lazy" : "");
    print_settings(cluster);
    printf("%9s  %6s  %5s  %3s  %-10s  %-10s  %-10s  %s\n", "partition",
           "leader", "epoch", "min", "replicas", "in-sync", "eligible",
           "log-start");
    for (size_t i = 0; i < topic->partition_count; i++) {
        const struct kq_partition *partition = &topic->partitions[i];

        printf("%9zu  ", i);
        if (partition->leader >= 0)
            printf("%6d", partition->leader);
        else
            printf("%6s", "none");
        printf("  %5u  %3u", partition->leader_epoch, partition->min);
        print_ids(partition->replicas, partition->replica_count);
        print_ids(partition->isr, partition->isr_count);
        print_ids(partition->eligible, partition->eligible_count);
        printf("  %lld", (long long)partition->log_start_offset);
        print_move(partition);
    }
}

/* ---- the actions ---- */

static bool all_led(const struct kq_topic *topic, size_t count)
{
    for (size_t i = 0; i < topic->partition_count; i++)
        if (topic->partitions[i].leader < 0)
            return false;
    return topic->partition_count >= count;
}

/* So that the next command finds it, whichever broker it asks: `count`
 * partitions, at least. */
static bool wait_until_led(struct kq_client *client, const char *name,
                           size_t count)
{
    int64_t deadline_ms = now_ms() + READY_MS;

    while (now_ms() < deadline_ms) {
        struct kq_cluster *cluster;
        bool led = kq_cluster_describe(client, name, REQUEST_TIMEOUT_MS,
                                       &cluster) == KQ_ERROR_NONE &&
                   all_led(&cluster->topics[0], count);

        kq_cluster_free(cluster);
        if (led)
            return true;
        sleep_ms(READY_RETRY_MS);
    }
    return false;
}

static int topic_create(struct kq_client *client, struct topic_command *command)
{
    char detail[KQ_DETAIL_BYTES];
    enum kq_error error;

    command->options.settings = command->settings;
    error = kq_topic_create(client, command->name, &command->options,
                            REQUEST_TIMEOUT_MS, detail);
    if (error != KQ_ERROR_NONE)
        return fail(exit_code_of(error), "cannot create topic '%s': %s%s%s",
                    command->name, kq_error_sentence(error),
                    *detail ? ": " : "", detail);
    if (!wait_until_led(client, command->name, 1))
        return fail(EXIT_ENVIRONMENT,
                    "topic '%s' was created, but not all of its partitions "
                    "have a leader yet; see 'kq topic describe %s'",
                    command->name, command->name);
    printf("created topic %s\n", command->name);
    return EXIT_DONE;
}

static int topic_delete(struct kq_client *client, struct topic_command *command)
{
    char detail[KQ_DETAIL_BYTES];
    enum kq_error error =
        kq_topic_delete(client, command->name, REQUEST_TIMEOUT_MS, detail);

    if (error != KQ_ERROR_NONE)
        return fail(exit_code_of(error), "cannot delete topic '%s': %s%s%s",
                    command->name, kq_error_sentence(error),
                    *detail ? ": " : "", detail);
    printf("deleted topic %s\n", command->name);
    return EXIT_DONE;
}

static bool is_told(const struct kq_topic *topic,
                    const struct topic_command *command)
{
    for (size_t i = 0; i < command->options.setting_count; i++) {
        const struct kq_setting *wanted = &command->settings[i];
        const char *value = NULL;

        for (size_t k = 0; k < topic->setting_count; k++)
            if (strcmp(topic->settings[k].key, wanted->key) == 0)
                value = topic->settings[k].value;
        if ((value == NULL) != (wanted->value == NULL) ||
            (value != NULL && strcmp(value, wanted->value) != 0))
            return false;
    }
    return true;
}

/* So that the next command finds it, whichever broker it asks. */
static void wait_until_told(struct kq_client *client,
                            const struct topic_command *command)
{
    int64_t deadline_ms = now_ms() + READY_MS;
    bool told = false;

    while (!told && now_ms() < deadline_ms) {
        struct kq_cluster *cluster;

        told = kq_cluster_describe(client, command->name, REQUEST_TIMEOUT_MS,
                                   &cluster) == KQ_ERROR_NONE &&
               is_told(&cluster->topics[0], command);
        kq_cluster_free(cluster);
        if (!told)
            sleep_ms(READY_RETRY_MS);
    }
}

static int add_partitions(struct kq_client *client,
                          struct topic_command *command)
{
    char detail[KQ_DETAIL_BYTES];
    uint32_t count = command->options.partitions;
    enum kq_error error;

    if (command->options.setting_count > 0)
        return fail_usage("topic", "change partitions and settings by two "
                                   "commands");
    error = kq_topic_add_partitions(client, command->name, count,
                                    REQUEST_TIMEOUT_MS, detail);
    if (error != KQ_ERROR_NONE)
        return fail(exit_code_of(error),
                    "cannot give topic '%s' %u partitions: %s%s%s",
                    command->name, count, kq_error_sentence(error),
                    *detail ? ": " : "", detail);
    if (!wait_until_led(client, command->name, count))
        return fail(EXIT_ENVIRONMENT,
                    "topic '%s' has %u partitions, but not all of them have a "
                    "leader yet; see 'kq topic describe %s'",
                    command->name, count, command->name);
    printf("topic %s has %u partitions\n", command->name, count);
    return EXIT_DONE;
}

static int topic_alter(struct kq_client *client, struct topic_command *command)
{
    char detail[KQ_DETAIL_BYTES];
    enum kq_error error;

    if (command->options.replicas > 0)
        return fail_usage("topic",
                          "replicas are changed by 'kq cluster reassign "
                          "plan --replicas N'");
    if (command->options.partitions > 0)
        return add_partitions(client, command);
    if (command->options.setting_count == 0)
        return fail_usage("topic", "name a setting by --config or --default, "
                                   "or --partitions");
    error = kq_topic_alter(client, command->name, command->settings,
                           command->options.setting_count, REQUEST_TIMEOUT_MS,
                           detail);
    if (error != KQ_ERROR_NONE)
        return fail(exit_code_of(error), "cannot alter topic '%s': %s%s%s",
                    command->name, kq_error_sentence(error),
                    *detail ? ": " : "", detail);
    wait_until_told(client, command);
    printf("altered topic %s\n", command->name);
    return EXIT_DONE;
}

static int topic_truncate(struct kq_client *client,
                          struct topic_command *command)
{
    struct kq_deletion deletion = {command->name, (int32_t)command->partition,
                                   command->before};
    char detail[KQ_DETAIL_BYTES];
    int64_t log_start = 0;
    enum kq_error error;

    if (command->partition < 0 || command->before < 0)
        return fail_usage("topic", "give --partition and --before");
    error = kq_records_delete(client, &deletion, REQUEST_TIMEOUT_MS, &log_start,
                              detail);
    if (error != KQ_ERROR_NONE)
        return fail(exit_code_of(error), "cannot truncate %s-%lld: %s%s%s",
                    command->name, (long long)command->partition,
                    kq_error_sentence(error), *detail ? ": " : "", detail);
    printf("truncated %s-%lld: it starts at offset %lld\n", command->name,
           (long long)command->partition, (long long)log_start);
    return EXIT_DONE;
}

static int topic_describe(struct kq_client *client,
                          struct topic_command *command)
{
    int code = EXIT_DONE;
    struct kq_cluster *cluster = cluster_topic(client, command->name, &code);

    if (cluster == NULL)
        return code;
    print_topic(cluster);
    kq_cluster_free(cluster);
    return EXIT_DONE;
}

static int compare_topics(const void *a, const void *b)
{
    const struct kq_topic *const *left = a;
    const struct kq_topic *const *right = b;

    return strcmp((*left)->name, (*right)->name);
}

static int topic_list(struct kq_client *client, struct topic_command *command)
{
    const struct kq_topic **topics;
    struct kq_cluster *cluster;
    enum kq_error error =
        kq_cluster_describe(client, NULL, REQUEST_TIMEOUT_MS, &cluster);

    (void)command;
    if (error != KQ_ERROR_NONE)
        return fail(exit_code_of(error), "cannot list the topics: %s",
                    kq_error_sentence(error));
    topics = calloc(cluster->topic_count + 1, sizeof *topics);
    if (topics == NULL)
        abort();
    for (size_t i = 0; i < cluster->topic_count; i++)
        topics[i] = &cluster->topics[i];
    qsort(topics, cluster->topic_count, sizeof(const struct kq_topic *),
          compare_topics);
    for (size_t i = 0; i < cluster->topic_count; i++)
        puts(topics[i]->name);
    free(topics);
    kq_cluster_free(cluster);
    return EXIT_DONE;
}

/* ---- the command line ---- */

static const struct topic_action {
    const char *name;
    int (*run)(struct kq_client *client, struct topic_command *command);
    bool named;
} actions[] = {
    {"create", topic_create, true},     {"list", topic_list, false},
    {"describe", topic_describe, true}, {"alter", topic_alter, true},
    {"truncate", topic_truncate, true}, {"delete", topic_delete, true},
};

static const struct topic_action *find_action(const char *name)
{
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    return NULL;
}

/* `given` of --config; NULL: --default. */
static int add_setting(struct topic_command *command, const char *key,
                       const char *given)
{
    size_t at = command->options.setting_count;
    const char *wanted = NULL;

    if (at == SETTINGS_MAX)
        return fail_usage("topic", "more than %d settings", SETTINGS_MAX);
    if (given != NULL)
        wanted = parse_setting(key, given, command->values[at]);
    if (wanted != NULL)
        return fail_usage("topic", "'%s' is not a value for %s: give %s", given,
                          key, wanted);
    command->settings[at] =
        (struct kq_setting){key, given ? command->values[at] : NULL};
    command->options.setting_count++;
    return EXIT_DONE;
}

static int take_setting(void *command, char *text)
{
    char *value = split_setting(text);

    if (value == NULL)
        return fail_usage("topic", "--config '%s' is not KEY=VALUE", text);
    return add_setting(command, text, value);
}

static int take_default(void *command, char *text)
{
    return add_setting(command, text, NULL);
}

#define TO(member) OPTION_TO(struct topic_command, member)
static const struct command_option options[] = {
    {"partitions", 0, OPTION_NUMBER, "a number", TO(options.partitions),
     .minimum = 1, .maximum = PARTITIONS_MAX},
    {"replicas", 0, OPTION_NUMBER, "a number", TO(options.replicas),
     .minimum = 1, .maximum = REPLICAS_MAX},
    {"config", 0, OPTION_OTHER, .take = take_setting},
    {"default", 0, OPTION_OTHER, .take = take_default},
    {"partition", 0, OPTION_NUMBER, "a partition", TO(partition),
     .maximum = PARTITIONS_MAX - 1},
    {"before", 0, OPTION_NUMBER, "an offset", TO(before), .maximum = INT64_MAX},
    {"bootstrap", 'b', OPTION_TEXT, TO(bootstrap)},
    {0},
};
#undef TO

static const struct syntax syntax = {"topic", help, options};

int command_topic(int argc, char **argv)
{
    struct topic_command command = {.partition = -1, .before = -1};
    const struct topic_action *action;
    struct kq_options client_options;
    struct kq_client *client;
    int code = read_options(&syntax, argc, argv, &command);

    if (code != EXIT_DONE)
        return code == HELP_SHOWN ? EXIT_DONE : code;
    if (optind == argc)
        return fail_usage(
            "topic", "say create, list, describe, alter, truncate or delete");
    action = find_action(argv[optind]);
    if (action == NULL)
        return fail_usage("topic", "there is no 'kq topic %s'", argv[optind]);
    if (argc - optind != (action->named ? 2 : 1))
        return fail_usage("topic", "'kq topic %s' takes %s", action->name,
                          action->named ? "one name" : "no name");
    command.name = argv[optind + 1];
    kq_options_init(&client_options);
    client = cluster_connect(command.bootstrap, &client_options, &code);
    if (client == NULL)
        return code;
    code = action->run(client, &command);
    kq_client_free(client);
    return code;
}
