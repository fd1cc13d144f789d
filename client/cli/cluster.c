/* SPDX-License-Identifier: Apache-2.0
 *
 * kq cluster status: who is there, and which partitions are not well.
 * kq cluster elect: preferred replicas lead again; or, uncleanly, one that is
 * named leads where nobody who has all is there.
 * kq cluster reassign: see reassign.c.
 * kq cluster believe-clock: an operator vouches for a broker's wall clock.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "client/cli/cli.h"
#include "client/cli/options.h"
#include "client/cli/parse.h"

#define CLOCK_MS 2000 /* for a broker to say whether it believes its clock */

static const char help[] =
    "Usage: kq cluster status [--bootstrap HOST:PORT,...]\n"
    "       kq cluster elect [--topic NAME] [--bootstrap HOST:PORT,...]\n"
    "       kq cluster elect --unclean --topic NAME --partition N --broker N\n"
    "       kq cluster reassign plan|apply|watch|cancel ...\n"
    "       kq cluster believe-clock --broker N [--bootstrap HOST:PORT,...]\n"
    "\n"
    "status shows brokers (and which are about to stop), controller, log\n"
    "directories that are offline, znodes that are missing or damaged with "
    "what\n"
    "to do about each, and the partitions that are offline (without a "
    "leader),\n"
    "under min (too few in-sync replicas for acks=all) or under-replicated.\n"
    "Exit 0 when there are none, else 1.\n"
    "\n"
    "elect: the preferred replica of each partition, the first that\n"
    "'kq topic describe' names, leads again if it is in sync; of one topic\n"
    "or of all. Brokers do so by themselves at times\n"
    "(leader.balance.interval.ms). A leader gives way when the other one has\n"
    "all that it has: nothing is lost. Exit 0 when all are led by their\n"
    "preferred replicas or soon will be, else 1.\n"
    "elect --unclean: the partition has no leader, and those that have all\n"
    "that was acknowledged ('kq cluster status' names them) do not come\n"
    "back. The broker that is named leads with what it has; what it lacks is\n"
    "lost, also where it still lies.\n"
    "\n"
    "reassign: partitions move to other brokers; 'kq cluster reassign --help'\n"
    "says more.\n"
    "\n"
    "believe-clock: a broker that does not believe its wall clock deletes\n"
    "nothing by time; look at that clock, set it right if it is wrong, then\n"
    "let the broker believe it.\n";

struct health {
    size_t partitions;
    size_t offline;
    size_t under_min;
    size_t under_replicated;
    size_t directories; /* offline */
    size_t reassigned;
};

/* Who has to come back, or what else is to be done. */
static void print_way_out(const struct kq_topic *topic, size_t number,
                          const struct kq_partition *partition)
{
    if (partition->leader >= 0)
        return;
    if (partition->eligible_count == 0) {
        printf("    nobody is known to have all that was acknowledged: wait "
               "for a broker, or let one\n    lead with what it has: kq "
               "cluster elect --unclean --topic %s --partition %zu --broker "
               "N\n",
               topic->name, number);
        return;
    }
    printf("    all that was acknowledged is on broker");
    for (size_t i = 0; i < partition->eligible_count; i++)
        printf("%s %d", i == 0 ? "" : " or", partition->eligible[i]);
    printf(": start it (see also its log)\n");
}

/* New replicas that still copy are not missed. */
static bool all_in_sync(const struct kq_partition *partition)
{
    size_t missing = partition->replica_count - partition->isr_count;

    for (size_t i = 0; i < partition->adding_count; i++) {
        bool in_sync = false;

        for (size_t k = 0; k < partition->isr_count; k++)
            in_sync |= partition->isr[k] == partition->adding[i].broker;
        missing -= !in_sync;
    }
    return missing == 0;
}

static const char *judge(const struct kq_partition *partition,
                         struct health *health)
{
    health->partitions++;
    health->reassigned +=
        partition->adding_count + partition->removing_count > 0;
    if (partition->leader < 0) {
        health->offline++;
        return "offline";
    }
    if (partition->isr_count < partition->min) {
        health->under_min++;
        return "under min";
    }
    if (!all_in_sync(partition)) {
        health->under_replicated++;
        return "under-replicated";
    }
    return NULL;
}

static void print_health(const struct kq_cluster *cluster,
                         struct health *health)
{
    for (size_t i = 0; i < cluster->topic_count; i++) {
        const struct kq_topic *topic = &cluster->topics[i];

        for (size_t k = 0; k < topic->partition_count; k++) {
            const struct kq_partition *partition = &topic->partitions[k];
            const char *verdict = judge(partition, health);

            if (verdict != NULL)
                printf("  %s-%zu: %s, %zu of %zu replicas in sync\n",
                       topic->name, k, verdict, partition->isr_count,
                       partition->replica_count);
            print_way_out(topic, k, partition);
        }
    }
}

/* What is offline, why, and the way out. */
static void print_directories(const struct kq_broker *broker,
                              struct health *health)
{
    for (size_t i = 0; i < broker->offline_directory_count; i++) {
        const struct kq_log_directory *directory =
            &broker->offline_directories[i];

        printf("    log directory %s is offline: %s\n", directory->path,
               directory->detail);
        health->directories++;
    }
    if (broker->offline_directory_count > 0)
        printf("    %zu replicas of broker %d are offline. Repair the "
               "directory (or put an\n    empty one in its place: they are "
               "then fetched from the others), and start\n    the broker "
               "again\n",
               broker->offline_replica_count, broker->id);
}

static void print_broker(struct kq_client *client,
                         const struct kq_cluster *cluster,
                         const struct kq_broker *broker)
{
    struct kq_clock clock;

    printf("  broker %d at %s:%u%s%s%s", broker->id, broker->host, broker->port,
           *broker->rack ? ", rack " : "", broker->rack,
           broker->id == cluster->controller ? ", controller" : "");
    if (broker->leaving)
        printf(", is about to stop: others take over what it leads");
    if (kq_broker_clock(client, broker->id, false, CLOCK_MS, &clock) !=
        KQ_ERROR_NONE)
        printf(", does not answer");
    else if (!clock.believed)
        printf(", clock not believed: %lld ms off, nothing is deleted by time",
               (long long)clock.apart_ms);
    printf("\n");
}

/* What stands still, why, and the way out. */
static void print_damaged(const struct kq_cluster *cluster)
{
    for (size_t i = 0; i < cluster->damaged_count; i++)
        printf("  znode %s is damaged: %s\n    %s\n", cluster->damaged[i].path,
               cluster->damaged[i].why, cluster->damaged[i].way_out);
}

static int print_cluster(struct kq_client *client,
                         const struct kq_cluster *cluster)
{
    struct health health = {0};

    printf("cluster %s\n", cluster->id);
    for (size_t i = 0; i < cluster->broker_count; i++) {
        print_broker(client, cluster, &cluster->brokers[i]);
        print_directories(&cluster->brokers[i], &health);
    }
    if (cluster->controller < 0)
        printf("  no controller\n");
    print_damaged(cluster);
    print_health(cluster, &health);
    printf("%zu topics, %zu partitions: %zu offline, %zu under min, %zu "
           "under-replicated\n",
           cluster->topic_count, health.partitions, health.offline,
           health.under_min, health.under_replicated);
    if (health.reassigned > 0)
        printf("%zu of them are being reassigned: 'kq cluster reassign watch' "
               "shows how far they are\n",
               health.reassigned);
    return health.offline + health.under_min + health.under_replicated +
                           health.directories + cluster->damaged_count ==
                       0 &&
                   cluster->controller >= 0
               ? EXIT_DONE
               : EXIT_CHECK;
}

struct cluster_command {
    const char *bootstrap;
    const char *topic; /* NULL: none was named */
    int64_t broker;    /* -1: none was named */
    int64_t partition; /* likewise */
    bool unclean;
};

static int status(struct kq_client *client,
                  const struct cluster_command *command)
{
    struct kq_cluster *cluster;
    enum kq_error error =
        kq_cluster_check(client, REQUEST_TIMEOUT_MS, &cluster);
    int code;

    (void)command;
    if (error != KQ_ERROR_NONE)
        return fail(exit_code_of(error), "cannot describe the cluster: %s",
                    kq_error_sentence(error));
    code = print_cluster(client, cluster);
    kq_cluster_free(cluster);
    return code;
}

static int elect_uncleanly(struct kq_client *client,
                           const struct cluster_command *command)
{
    char detail[KQ_DETAIL_BYTES];
    enum kq_error error;

    if (command->topic == NULL || command->partition < 0 || command->broker < 0)
        return fail_usage("cluster", "elect --unclean takes --topic, "
                                     "--partition and --broker: who is to lead "
                                     "what");
    error = kq_leader_elect_uncleanly(
        client, command->topic, (int32_t)command->partition,
        (int32_t)command->broker, REQUEST_TIMEOUT_MS, detail);
    if (error != KQ_ERROR_NONE)
        return fail(exit_code_of(error), "%s-%lld: %s%s%s", command->topic,
                    (long long)command->partition, kq_error_sentence(error),
                    *detail ? ": " : "", detail);
    printf("broker %lld leads %s-%lld with what it has; what it lacks is "
           "lost\n",
           (long long)command->broker, command->topic,
           (long long)command->partition);
    return EXIT_DONE;
}

static int elect(struct kq_client *client,
                 const struct cluster_command *command)
{
    struct kq_election election;
    enum kq_error error;

    if (command->unclean)
        return elect_uncleanly(client, command);
    if (command->partition >= 0 || command->broker >= 0)
        return fail_usage("cluster", "--partition and --broker belong to elect "
                                     "--unclean");
    error =
        kq_leaders_elect(client, command->topic, REQUEST_TIMEOUT_MS, &election);
    if (error == KQ_ERROR_UNKNOWN_TOPIC)
        return fail(exit_code_of(error), "topic '%s': %s", command->topic,
                    kq_error_sentence(error));
    if (error != KQ_ERROR_NONE)
        return fail(exit_code_of(error), "cannot elect leaders: %s",
                    kq_error_sentence(error));
    printf("%zu partitions go back to their preferred replicas\n",
           election.moved);
    if (election.left == 0)
        return EXIT_DONE;
    printf("%zu are not: it is not in sync; see 'kq cluster status'\n",
           election.left);
    return EXIT_CHECK;
}

static int believe_clock(struct kq_client *client,
                         const struct cluster_command *command)
{
    int64_t broker = command->broker;
    struct kq_clock clock;
    enum kq_error error;

    if (broker < 0)
        return fail_usage("cluster", "give --broker");
    error = kq_broker_clock(client, (int32_t)broker, true, REQUEST_TIMEOUT_MS,
                            &clock);
    if (error == KQ_ERROR_TIMED_OUT)
        return fail(EXIT_ENVIRONMENT,
                    "broker %lld does not answer; 'kq cluster status' shows "
                    "those there are",
                    (long long)broker);
    if (error != KQ_ERROR_NONE)
        return fail(exit_code_of(error), "broker %lld: %s", (long long)broker,
                    kq_error_sentence(error));
    printf("broker %lld believes its wall clock\n", (long long)broker);
    return EXIT_DONE;
}

static const struct {
    const char *name;
    int (*run)(struct kq_client *client, const struct cluster_command *command);
} actions[] = {
    {"status", status}, {"elect", elect}, {"believe-clock", believe_clock}};

#define ACTIONS (sizeof actions / sizeof actions[0])

#define TO(member) OPTION_TO(struct cluster_command, member)
static const struct command_option options[] = {
    {"broker", 0, OPTION_NUMBER, "the number of a broker", TO(broker),
     .maximum = INT32_MAX},
    {"topic", 0, OPTION_TEXT, TO(topic)},
    {"partition", 0, OPTION_NUMBER, "the number of a partition", TO(partition),
     .maximum = INT32_MAX},
    {"unclean", 0, OPTION_FLAG, TO(unclean)},
    {"bootstrap", 'b', OPTION_TEXT, TO(bootstrap)},
    {0},
};
#undef TO

static const struct syntax syntax = {"cluster", help, options};

int command_cluster(int argc, char **argv)
{
    struct cluster_command command = {.broker = -1, .partition = -1};
    struct kq_options client_options;
    struct kq_client *client;
    size_t action = 0;
    int code;

    if (argc > 1 && strcmp(argv[1], "reassign") == 0)
        return command_reassign(argc - 1, argv + 1);
    code = read_options(&syntax, argc, argv, &command);
    if (code != EXIT_DONE)
        return code == HELP_SHOWN ? EXIT_DONE : code;
    while (argc - optind == 1 && action < ACTIONS &&
           strcmp(argv[optind], actions[action].name) != 0)
        action++;
    if (argc - optind != 1 || action == ACTIONS)
        return fail_usage("cluster", "say 'kq cluster status', 'kq cluster "
                                     "elect', 'kq cluster reassign' or 'kq "
                                     "cluster believe-clock --broker N'");
    kq_options_init(&client_options);
    client = cluster_connect(command.bootstrap, &client_options, &code);
    if (client == NULL)
        return code;
    code = actions[action].run(client, &command);
    kq_client_free(client);
    return code;
}
