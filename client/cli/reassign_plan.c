/* SPDX-License-Identifier: Apache-2.0
 *
 * kq cluster reassign plan: from what the cluster says to what plan.h decides,
 * and its print.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/parse.h"
#include "client/cli/plan.h"
#include "client/cli/reassign.h"

/* What plan_make() is given; topics in the order of their names. */
struct input {
    struct plan_broker *brokers;
    size_t broker_count;
    struct plan_partition *partitions;
    size_t count;
};

static void *zeroed(size_t count, size_t size)
{
    void *memory = calloc(count + 1, size);

    if (memory == NULL)
        abort();
    return memory;
}

/* ---- brokers ---- */

static const struct kq_broker *find_broker(const struct kq_cluster *cluster,
                                           int64_t id)
{
    for (size_t i = 0; i < cluster->broker_count; i++)
        if (cluster->brokers[i].id == id)
            return &cluster->brokers[i];
    return NULL;
}

static int compare_brokers(const void *a, const void *b)
{
    const struct plan_broker *left = a, *right = b;

    return left->id < right->id ? -1 : left->id > right->id;
}

static int add_broker(const struct kq_cluster *cluster, const char *text,
                      struct input *input)
{
    const struct kq_broker *broker;
    int64_t id;

    if (!parse_number(text, 0, INT32_MAX, &id))
        return fail(EXIT_USAGE, "--brokers: '%s' is not the number of a broker",
                    text);
    broker = find_broker(cluster, id);
    if (broker == NULL)
        return fail(EXIT_USAGE,
                    "broker %lld is not there; 'kq cluster status' shows those "
                    "there are",
                    (long long)id);
    for (size_t i = 0; i < input->broker_count; i++)
        if (input->brokers[i].id == id)
            return fail(EXIT_USAGE, "--brokers: broker %lld is named twice",
                        (long long)id);
    input->brokers[input->broker_count++] =
        (struct plan_broker){.id = broker->id, .rack = broker->rack};
    return EXIT_DONE;
}

static int read_brokers(const struct kq_cluster *cluster, const char *list,
                        struct input *input)
{
    char *copy = strdup(list), *at = copy;
    int code = EXIT_DONE;

    if (copy == NULL)
        abort();
    input->brokers = zeroed(cluster->broker_count, sizeof *input->brokers);
    while (code == EXIT_DONE && at != NULL)
        code = add_broker(cluster, strsep(&at, ","), input);
    free(copy);
    qsort(input->brokers, input->broker_count, sizeof *input->brokers,
          compare_brokers);
    return code;
}

/* ---- partitions ---- */

static int add_topic(const struct kq_topic *topic, int64_t replicas,
                     struct input *input)
{
    for (size_t i = 0; i < topic->partition_count; i++) {
        const struct kq_partition *from = &topic->partitions[i];
        size_t current = from->replica_count - from->removing_count;
        size_t wanted = replicas > 0 ? (size_t)replicas : current;

        if (wanted > input->broker_count)
            return fail(EXIT_USAGE,
                        "%s/%zu is to have %zu replicas: name as many brokers, "
                        "or give --replicas",
                        topic->name, i, wanted);
        input->partitions[input->count++] =
            (struct plan_partition){.topic = topic->name,
                                    .partition = (int32_t)i,
                                    .current = from->replicas,
                                    .current_count = current,
                                    .target_count = wanted};
    }
    return EXIT_DONE;
}

static int compare_topics(const void *a, const void *b)
{
    const struct kq_topic *const *left = a;
    const struct kq_topic *const *right = b;

    return strcmp((*left)->name, (*right)->name);
}

static int read_partitions(const struct kq_cluster *cluster,
                           const struct reassign_command *command,
                           struct input *input)
{
    const struct kq_topic **topics =
        zeroed(cluster->topic_count, sizeof *topics);
    size_t count = 0, partitions = 0;
    int code = EXIT_DONE;

    for (size_t i = 0; i < cluster->topic_count; i++) {
        if (!names_topic(command->topics, cluster->topics[i].name))
            continue;
        topics[count++] = &cluster->topics[i];
        partitions += cluster->topics[i].partition_count;
    }
    qsort(topics, count, sizeof(const struct kq_topic *), compare_topics);
    input->partitions = zeroed(partitions, sizeof *input->partitions);
    for (size_t i = 0; i < count && code == EXIT_DONE; i++)
        code = add_topic(topics[i], command->replicas, input);
    free(topics);
    return code;
}

/* ---- output ---- */

static void print_ids(const int32_t *ids, size_t count)
{
    printf("[");
    for (size_t i = 0; i < count; i++)
        printf("%s%d", i == 0 ? "" : ", ", ids[i]);
    printf("]");
}

static void print_summary(const struct input *input)
{
    size_t added = 0, removed = 0, changed = 0;

    for (size_t i = 0; i < input->count; i++) {
        added += plan_added(&input->partitions[i]);
        removed += plan_removed(&input->partitions[i]);
        changed += plan_changes(&input->partitions[i]);
    }
    printf("# %zu of %zu partitions change: %zu replicas are copied, %zu are "
           "taken out\n",
           changed, input->count, added, removed);
    for (size_t i = 0; i < input->broker_count; i++) {
        const struct plan_broker *broker = &input->brokers[i];

        printf("# broker %d%s%s: %zu replicas then, %zu of them new; preferred "
               "leader of %zu\n",
               broker->id, *broker->rack ? ", rack " : "", broker->rack,
               broker->replicas, broker->added, broker->leaders);
    }
}

/* Behind a partition stands where it lies now. */
static void print_plan(const struct input *input)
{
    print_summary(input);
    for (size_t i = 0; i < input->count; i++) {
        const struct plan_partition *partition = &input->partitions[i];

        if (!plan_changes(partition))
            continue;
        printf("%s/%d: ", partition->topic, partition->partition);
        print_ids(partition->target, partition->target_count);
        printf(" # now ");
        print_ids(partition->current, partition->current_count);
        printf("\n");
    }
}

int reassign_plan(struct kq_client *client,
                  const struct reassign_command *command)
{
    struct kq_cluster *cluster;
    struct input input = {0};
    enum kq_error error =
        kq_moves_describe(client, REQUEST_TIMEOUT_MS, 0, &cluster);
    int code;

    if (error != KQ_ERROR_NONE)
        return fail(exit_code_of(error), "cannot describe the cluster: %s",
                    kq_error_sentence(error));
    code = check_topics(cluster, command->topics);
    if (code == EXIT_DONE)
        code = read_brokers(cluster, command->brokers, &input);
    if (code == EXIT_DONE)
        code = read_partitions(cluster, command, &input);
    if (code == EXIT_DONE) {
        plan_make(input.brokers, input.broker_count, input.partitions,
                  input.count);
        print_plan(&input);
    }
    free(input.partitions);
    free(input.brokers);
    kq_cluster_free(cluster);
    return code;
}
