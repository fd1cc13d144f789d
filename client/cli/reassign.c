/* SPDX-License-Identifier: Apache-2.0
 *
 * kq cluster reassign: the command line; apply and cancel. A plan is made by
 * reassign_plan.c, and reassign_watch.c shows how far partitions are.
 */
#include "client/cli/reassign.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/options.h"
#include "client/cli/parse.h"
#include "client/cli/plan_file.h"

#define REQUEST_ITEMS 200 /* partitions a request */
#define TOLD_MS       10000
#define TOLD_RETRY_MS 50

static const char help[] =
    "Usage: kq cluster reassign plan --brokers 1,2,3 [--topics a,b]\n"
    "                [--replicas N]\n"
    "       kq cluster reassign apply FILE|- [--throttle BYTES]\n"
    "       kq cluster reassign watch [--timeout TIME]\n"
    "       kq cluster reassign cancel [--topics a,b]\n"
    "\n"
    "Partitions move to other brokers while they serve: new replicas copy\n"
    "first; once all of them are in sync the others are taken out.\n"
    "\n"
    "plan prints which partitions are to move so that these brokers alone\n"
    "hold them, evenly, over different racks, and as little as possible is\n"
    "copied; nothing is done. Only partitions that change are in it.\n"
    "  --brokers 1,2,3     all brokers that are to hold partitions\n"
    "  --topics a,b        of these topics (default: all)\n"
    "  --replicas N        so many replicas each (default: as many as now)\n"
    "\n"
    "apply does what a plan says, a line for each partition, the preferred\n"
    "leader first: 'orders/0: [1, 2, 3]'. It returns when the moves have\n"
    "begun. Exit 0 when all have, 1 when some were refused, 2 when the file\n"
    "is wrong: nothing was done then.\n"
    "  --throttle BYTES    each broker copies at most so many bytes a second:\n"
    "                      64k 10M 1G (default: no limit). To change it,\n"
    "                      apply the same plan again\n"
    "\n"
    "watch shows how far they are until nothing is being reassigned. Exit 0\n"
    "then, 3 when the time is over.\n"
    "  --timeout TIME      500ms 30s 10m 2h (default: no limit)\n"
    "\n"
    "cancel takes partitions back to where they were; what was copied is\n"
    "deleted. Exit 0 when all go back, 1 when some were refused.\n"
    "\n"
    "  --bootstrap HOST:PORT,...  the cluster\n";

bool is_reassigned(const struct kq_partition *partition)
{
    return partition->adding_count + partition->removing_count > 0;
}

const struct kq_topic *find_topic(const struct kq_cluster *cluster,
                                  const char *name)
{
    for (size_t i = 0; i < cluster->topic_count; i++)
        if (strcmp(cluster->topics[i].name, name) == 0)
            return &cluster->topics[i];
    return NULL;
}

bool names_topic(const char *topics, const char *topic)
{
    size_t length = strlen(topic);

    for (const char *at = topics; at != NULL && *at != '\0';) {
        size_t size = strcspn(at, ",");

        if (size == length && strncmp(at, topic, size) == 0)
            return true;
        at += size + (at[size] == ',');
    }
    return topics == NULL;
}

int check_topics(const struct kq_cluster *cluster, const char *topics)
{
    for (const char *at = topics; at != NULL && *at != '\0';) {
        size_t size = strcspn(at, ",");
        char *name = strndup(at, size);
        bool known;

        if (name == NULL)
            abort();
        known = find_topic(cluster, name) != NULL;
        if (!known)
            fail(EXIT_USAGE,
                 "topic '%s': no such topic; 'kq topic list' shows "
                 "those there are",
                 name);
        free(name);
        if (!known)
            return EXIT_USAGE;
        at += size + (at[size] == ',');
    }
    return EXIT_DONE;
}

/* ---- requests ---- */

struct outcome {
    size_t begun;
    size_t refused;
};

/* False when nothing was said about them. Of what is refused nothing is to be
 * seen later: its replicas are taken out of the list. */
static bool send_some(struct kq_client *client, struct kq_reassignment *items,
                      size_t count, struct outcome *outcome)
{
    struct kq_reassign_result *results = calloc(count, sizeof *results);
    enum kq_error error;

    if (results == NULL)
        abort();
    error = kq_reassign(client, items, count, REQUEST_TIMEOUT_MS, results);
    for (size_t i = 0; error == KQ_ERROR_NONE && i < count; i++) {
        const struct kq_reassign_result *result = &results[i];

        if (result->error == KQ_ERROR_NONE) {
            outcome->begun++;
            continue;
        }
        outcome->refused++;
        items[i].replica_count = 0;
        fail(EXIT_CHECK, "%s/%d: %s%s%s", items[i].topic, items[i].partition,
             kq_error_sentence(result->error), *result->detail ? ": " : "",
             result->detail);
    }
    free(results);
    if (error != KQ_ERROR_NONE)
        fail(EXIT_ENVIRONMENT,
             "the controller does not answer: %s; %zu partitions had begun "
             "before, do it again",
             kq_error_sentence(error), outcome->begun);
    return error == KQ_ERROR_NONE;
}

static bool send_all(struct kq_client *client, struct kq_reassignment *items,
                     size_t count, struct outcome *outcome)
{
    for (size_t i = 0; i < count; i += REQUEST_ITEMS)
        if (!send_some(client, &items[i],
                       count - i < REQUEST_ITEMS ? count - i : REQUEST_ITEMS,
                       outcome))
            return false;
    return true;
}

/* ---- apply ---- */

static void check_file(struct plan_file *file, const struct kq_cluster *cluster)
{
    for (size_t i = 0; i < file->count; i++) {
        const struct plan_line *line = &file->lines[i];
        const struct kq_topic *topic = find_topic(cluster, line->topic);

        if (topic == NULL)
            plan_file_complain(file, line->line, "there is no topic '%s'",
                               line->topic);
        else if ((size_t)line->partition >= topic->partition_count)
            plan_file_complain(
                file, line->line, "topic %s has no partition %d, but 0 to %zu",
                line->topic, line->partition, topic->partition_count - 1);
    }
}

static bool is_told(const struct kq_cluster *cluster,
                    const struct kq_reassignment *item)
{
    const struct kq_topic *topic = find_topic(cluster, item->topic);
    const struct kq_partition *partition;

    if (topic == NULL || (size_t)item->partition >= topic->partition_count)
        return true; /* deleted meanwhile */
    partition = &topic->partitions[item->partition];
    return partition->replica_count >= item->replica_count &&
           memcmp(partition->replicas, item->replicas,
                  item->replica_count * sizeof *item->replicas) == 0;
}

/* So that the next command finds it: the controller hears of its own write a
 * moment after it. */
static void wait_until_told(struct kq_client *client,
                            const struct kq_reassignment *items, size_t count)
{
    int64_t deadline_ms = now_ms() + TOLD_MS;
    size_t told = 0;

    while (told < count && now_ms() < deadline_ms) {
        struct kq_cluster *cluster;

        if (kq_moves_describe(client, REQUEST_TIMEOUT_MS, 0, &cluster) ==
            KQ_ERROR_NONE)
            while (told < count && is_told(cluster, &items[told]))
                told++;
        kq_cluster_free(cluster);
        if (told < count)
            sleep_ms(TOLD_RETRY_MS);
    }
}

static int apply_file(struct kq_client *client,
                      const struct reassign_command *command,
                      const struct plan_file *file)
{
    struct kq_reassignment *items = calloc(file->count + 1, sizeof *items);
    struct outcome outcome = {0};
    bool answered;

    if (items == NULL)
        abort();
    for (size_t i = 0; i < file->count; i++) {
        const struct plan_line *line = &file->lines[i];

        items[i] = (struct kq_reassignment){line->topic, line->partition,
                                            line->replicas, line->replica_count,
                                            (uint64_t)command->throttle};
    }
    answered = send_all(client, items, file->count, &outcome);
    if (answered)
        wait_until_told(client, items, file->count);
    free(items);
    if (!answered)
        return EXIT_ENVIRONMENT;
    printf("%zu of %zu partitions move, or lie there already; 'kq cluster "
           "reassign watch' shows how far they are\n",
           outcome.begun, file->count);
    return outcome.refused > 0 ? EXIT_CHECK : EXIT_DONE;
}

int reassign_apply(struct kq_client *client,
                   const struct reassign_command *command)
{
    struct kq_cluster *cluster = NULL;
    struct plan_file file;
    enum kq_error error = KQ_ERROR_NONE;
    int code = EXIT_USAGE;

    if (plan_file_read(&file, command->file))
        error = kq_moves_describe(client, REQUEST_TIMEOUT_MS, 0, &cluster);
    if (error != KQ_ERROR_NONE)
        code = fail(exit_code_of(error), "cannot describe the cluster: %s",
                    kq_error_sentence(error));
    if (cluster != NULL)
        check_file(&file, cluster);
    if (file.complaints > 0)
        fail(EXIT_USAGE, "nothing was done");
    else if (cluster != NULL)
        code = apply_file(client, command, &file);
    kq_cluster_free(cluster);
    plan_file_release(&file);
    return code;
}

/* ---- cancel ---- */

static size_t collect_moves(const struct kq_cluster *cluster,
                            const char *topics, struct kq_reassignment *items)
{
    size_t count = 0;

    for (size_t i = 0; i < cluster->topic_count; i++) {
        const struct kq_topic *topic = &cluster->topics[i];

        for (size_t k = 0; k < topic->partition_count; k++) {
            if (!is_reassigned(&topic->partitions[k]) ||
                !names_topic(topics, topic->name))
                continue;
            if (items != NULL)
                items[count] = (struct kq_reassignment){
                    .topic = topic->name, .partition = (int32_t)k};
            count++;
        }
    }
    return count;
}

static int cancel_in(struct kq_client *client, const struct kq_cluster *cluster,
                     const char *topics)
{
    size_t count = collect_moves(cluster, topics, NULL);
    struct kq_reassignment *items = calloc(count + 1, sizeof *items);
    struct outcome outcome = {0};
    bool answered;

    if (items == NULL)
        abort();
    collect_moves(cluster, topics, items);
    answered = send_all(client, items, count, &outcome);
    free(items);
    if (!answered)
        return EXIT_ENVIRONMENT;
    if (count == 0)
        printf("nothing is being reassigned\n");
    else
        printf("%zu of %zu partitions go back to where they were\n",
               outcome.begun, count);
    return outcome.refused > 0 ? EXIT_CHECK : EXIT_DONE;
}

int reassign_cancel(struct kq_client *client,
                    const struct reassign_command *command)
{
    struct kq_cluster *cluster;
    enum kq_error error =
        kq_moves_describe(client, REQUEST_TIMEOUT_MS, 0, &cluster);
    int code;

    if (error != KQ_ERROR_NONE)
        return fail(exit_code_of(error), "cannot describe the cluster: %s",
                    kq_error_sentence(error));
    code = check_topics(cluster, command->topics);
    if (code == EXIT_DONE)
        code = cancel_in(client, cluster, command->topics);
    kq_cluster_free(cluster);
    return code;
}

/* ---- the command line ---- */

static const struct {
    const char *name;
    int (*run)(struct kq_client *client,
               const struct reassign_command *command);
} actions[] = {{"plan", reassign_plan},
               {"apply", reassign_apply},
               {"watch", reassign_watch},
               {"cancel", reassign_cancel}};

#define ACTIONS (sizeof actions / sizeof actions[0])

static int take_timeout(void *command, char *text)
{
    struct reassign_command *to = command;

    if (!parse_milliseconds(text, &to->timeout_ms) || to->timeout_ms == 0)
        return fail_usage("cluster reassign",
                          "--timeout '%s' is not a time such as 30s or 10m",
                          text);
    return EXIT_DONE;
}

#define TO(member) OPTION_TO(struct reassign_command, member)
static const struct command_option options[] = {
    {"brokers", 0, OPTION_TEXT, TO(brokers)},
    {"topics", 0, OPTION_TEXT, TO(topics)},
    {"replicas", 0, OPTION_NUMBER, "a number", TO(replicas), .minimum = 1,
     .maximum = REPLICAS_MAX},
    {"throttle", 0, OPTION_BYTES, "a number of bytes", TO(throttle),
     .minimum = 1, .maximum = INT64_MAX},
    {"timeout", 0, OPTION_OTHER, .take = take_timeout},
    {"bootstrap", 'b', OPTION_TEXT, TO(bootstrap)},
    {0},
};
#undef TO

static const struct syntax syntax = {"cluster reassign", help, options};

/* What an action does not take must not be left unsaid: more would move than
 * was meant. */
static int check_options(const struct reassign_command *command,
                         int (*run)(struct kq_client *client,
                                    const struct reassign_command *command))
{
    if (run == reassign_plan && command->brokers == NULL)
        return fail_usage("cluster reassign", "give --brokers: all that are to "
                                              "hold partitions");
    if ((command->brokers != NULL || command->replicas > 0) &&
        run != reassign_plan)
        return fail_usage("cluster reassign",
                          "--brokers and --replicas belong to plan");
    if (command->topics != NULL && run != reassign_plan &&
        run != reassign_cancel)
        return fail_usage("cluster reassign",
                          "--topics belongs to plan and cancel");
    if (command->throttle > 0 && run != reassign_apply)
        return fail_usage("cluster reassign", "--throttle belongs to apply");
    if (command->timeout_ms > 0 && run != reassign_watch)
        return fail_usage("cluster reassign", "--timeout belongs to watch");
    return EXIT_DONE;
}

int command_reassign(int argc, char **argv)
{
    struct reassign_command command = {0};
    struct kq_options client_options;
    struct kq_client *client;
    size_t action = 0;
    int code = read_options(&syntax, argc, argv, &command);

    if (code != EXIT_DONE)
        return code == HELP_SHOWN ? EXIT_DONE : code;
    while (optind < argc && action < ACTIONS &&
           strcmp(argv[optind], actions[action].name) != 0)
        action++;
    if (optind == argc || action == ACTIONS)
        return fail_usage("cluster reassign",
                          "say plan, apply, watch or cancel");
    if (argc - optind != (actions[action].run == reassign_apply ? 2 : 1))
        return fail_usage("cluster reassign", "'%s' takes %s",
                          actions[action].name,
                          actions[action].run == reassign_apply
                              ? "one file, or - for standard input"
                              : "no name");
    command.file = argv[optind + 1];
    code = check_options(&command, actions[action].run);
    if (code != EXIT_DONE)
        return code;
    kq_options_init(&client_options);
    client = cluster_connect(command.bootstrap, &client_options, &code);
    if (client == NULL)
        return code;
    code = actions[action].run(client, &command);
    kq_client_free(client);
    return code;
}
