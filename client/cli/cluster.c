/* SPDX-License-Identifier: Apache-2.0
 *
 * kq cluster status: who is there, and which partitions are not well.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "client/cli/cli.h"

static const char help[] =
    "Usage: kq cluster status [--bootstrap HOST:PORT,...]\n"
    "\n"
    "Shows brokers, controller, log directories that are offline, and the\n"
    "partitions that are offline (without a leader), under min (too few\n"
    "in-sync replicas for acks=all) or under-replicated. Exit 0 when there\n"
    "are none, else 1.\n";

struct health {
    size_t partitions;
    size_t offline;
    size_t under_min;
    size_t under_replicated;
    size_t directories; /* offline */
};

static const char *judge(const struct kq_partition *partition,
                         struct health *health)
{
    health->partitions++;
    if (partition->leader < 0) {
        health->offline++;
        return "offline";
    }
    if (partition->isr_count < partition->min) {
        health->under_min++;
        return "under min";
    }
    if (partition->isr_count < partition->replica_count) {
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

static int print_cluster(const struct kq_cluster *cluster)
{
    struct health health = {0};

    printf("cluster %s\n", cluster->id);
    for (size_t i = 0; i < cluster->broker_count; i++) {
        printf("  broker %d at %s:%u%s\n", cluster->brokers[i].id,
               cluster->brokers[i].host, cluster->brokers[i].port,
               cluster->brokers[i].id == cluster->controller ? ", controller"
                                                             : "");
        print_directories(&cluster->brokers[i], &health);
    }
    if (cluster->controller < 0)
        printf("  no controller\n");
    print_health(cluster, &health);
    printf("%zu topics, %zu partitions: %zu offline, %zu under min, %zu "
           "under-replicated\n",
           cluster->topic_count, health.partitions, health.offline,
           health.under_min, health.under_replicated);
    return health.offline + health.under_min + health.under_replicated +
                           health.directories ==
                       0 &&
                   cluster->controller >= 0
               ? EXIT_DONE
               : EXIT_CHECK;
}

int command_cluster(int argc, char **argv)
{
    static const struct option table[] = {
        {"bootstrap", required_argument, NULL, 'b'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    const char *bootstrap = NULL;
    struct kq_cluster *cluster;
    struct kq_options options;
    struct kq_client *client;
    enum kq_error error;
    int option;
    int code;

    while ((option = getopt_long(argc, argv, ":b:h", table, NULL)) != -1) {
        if (option == 'h')
            return fputs(help, stdout), EXIT_DONE;
        if (option != 'b')
            return fail_option("cluster", option, argv);
        bootstrap = optarg;
    }
    if (argc - optind != 1 || strcmp(argv[optind], "status") != 0)
        return fail_usage("cluster", "say 'kq cluster status'");
    kq_options_init(&options);
    client = cluster_connect(bootstrap, &options, &code);
    if (client == NULL)
        return code;
    error = kq_cluster_describe(client, NULL, REQUEST_TIMEOUT_MS, &cluster);
    code = error == KQ_ERROR_NONE
               ? print_cluster(cluster)
               : fail(exit_code_of(error), "cannot describe the cluster: %s",
                      kq_error_sentence(error));
    kq_cluster_free(cluster);
    kq_client_free(client);
    return code;
}
