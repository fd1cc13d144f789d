/* SPDX-License-Identifier: Apache-2.0
 *
 * What becomes of log.dirs: opens the directories, goes on without one that
 * fails as long as there is another, and has the registration say which
 * replicas are offline with it.
 */
#include "base/assert.h"
#include "seam/memory.h"
#include "seam/trace.h"
#include "server/internal.h"

_Static_assert(CONFIG_LOG_DIRS_MAX <= LOG_DIRECTORIES_MAX,
               "what the configuration takes can be opened");

/* ---- what the registration says ---- */

static void list_directories(struct broker *broker)
{
    const struct log_directories *all = &broker->directories;
    struct registration_node *node = &broker->node;

    if (broker->node_directories == NULL)
        broker->node_directories = heap_alloc(
            broker->seam->heap, all->count * sizeof *broker->node_directories);
    for (size_t i = 0; i < all->count; i++) {
        const struct log_root *root = &all->roots[i];

        broker->node_directories[i] = (struct registration_directory){
            .path = root->path,
            .detail = root->detail,
            .failed = root->state != LOG_ROOT_ONLINE,
            .has_id = root->opened,
        };
        if (root->opened)
            broker->node_directories[i].id = *log_directory_id(root->directory);
    }
    node->directories = broker->node_directories;
    node->directory_count = all->count;
}

/* By key, as replicas_next() goes. */
static void list_offline(struct broker *broker)
{
    struct heap *heap = broker->seam->heap;
    struct partition *partition;
    size_t count = 0;

    for (partition = replicas_first(&broker->replicas); partition;
         partition = replicas_next(partition))
        count += partition_is_offline(partition);
    heap_free(heap, broker->node_offline);
    broker->node_offline =
        heap_alloc(heap, (count + 1) * sizeof *broker->node_offline);
    broker->node.offline_count = 0;
    for (partition = replicas_first(&broker->replicas); partition;
         partition = replicas_next(partition))
        if (partition_is_offline(partition))
            broker->node_offline[broker->node.offline_count++] = partition->key;
    broker->node.offline = broker->node_offline;
}

static void on_offline(struct replicas_listener *listener)
{
    struct broker *broker =
        container_of(listener, struct broker, replicas_listener);

    if (broker->stopping)
        return;
    list_directories(broker);
    list_offline(broker);
    if (broker->node.offline_count > REGISTRATION_OFFLINE_MAX) {
        broker_fail(broker, 3,
                    "%zu replicas lie in log directories that are offline, "
                    "more than can be registered: all of this broker's "
                    "partitions move to other brokers",
                    broker->node.offline_count);
        return;
    }
    registration_update(&broker->registration);
}

/* ---- opened, failed ---- */

static void tell_offline(struct broker *broker, const struct log_root *root)
{
    trace_log(broker->seam->trace, TRACE_ERROR,
              "the log directory %s is offline, %zu of %zu are left: the "
              "replicas in it are not served until it is repaired, replaced "
              "by an empty one or taken out of log.dirs, and the broker "
              "started again",
              root->path, log_directories_online(&broker->directories),
              broker->directories.count);
}

static void opened(struct log_directories_owner *owner, enum error error,
                   const char *detail)
{
    struct broker *broker =
        container_of(owner, struct broker, directories_owner);

    broker->open = true;
    if (broker->stopping)
        return;
    if (error != ERROR_NONE) {
        broker_fail(broker, error == ERROR_FOREIGN ? 2 : 3,
                    "cannot open the log directory %s", detail);
        return;
    }
    for (size_t i = 0; i < broker->directories.count; i++) {
        const struct log_root *root = &broker->directories.roots[i];
        struct fact fact = {.type = FACT_FENCED, .value = root->error};

        if (root->state == LOG_ROOT_ONLINE)
            continue;
        trace_fact(broker->seam->trace, &fact);
        tell_offline(broker, root);
    }
    broker->replicas.directories = &broker->directories;
    list_directories(broker);
    broker_logs_opened(broker);
}

static void failed(struct log_directories_owner *owner,
                   const struct log_root *root)
{
    struct broker *broker =
        container_of(owner, struct broker, directories_owner);

    if (broker->stopping)
        return;
    if (log_directories_online(&broker->directories) == 0) {
        broker_fail(broker, 3, "no log directory is left, %s failed: %s",
                    root->path, root->detail);
        return;
    }
    SOMETIMES(broker->seam->trace, LOG_DIRECTORY_FAILED);
    tell_offline(broker, root);
    replicas_directory_failed(&broker->replicas);
}

static void lived(struct log_directories_owner *owner)
{
    struct broker *broker =
        container_of(owner, struct broker, directories_owner);

    if (!broker->stopping)
        replicas_lived(&broker->replicas);
}

/* ---- life cycle ---- */

void broker_logs_init(struct broker *broker)
{
    broker->directories_owner =
        (struct log_directories_owner){opened, failed, lived};
    broker->replicas_listener.on_offline = on_offline;
    log_directories_init(&broker->directories, broker->seam,
                         &broker->directories_owner);
}

void broker_logs_open(struct broker *broker,
                      const struct log_settings *settings)
{
    const struct config *config = broker->config;
    struct heap *heap = broker->seam->heap;
    char(*paths)[CONFIG_TEXT_BYTES] =
        heap_alloc(heap, CONFIG_LOG_DIRS_MAX * sizeof *paths);
    const char *pointers[CONFIG_LOG_DIRS_MAX];
    size_t count = 0;
    struct log_directory_options options = {
        .cluster_id = broker->identity.cluster_id,
        .broker_id = (uint32_t)config->broker_id,
        .checkpoint_interval_ms = config->checkpoint_ms,
        .index_interval_bytes = (uint32_t)config->index_interval_bytes,
        .scrub_bytes_per_second = (uint64_t)config->scrub_bytes_per_second,
        .scrub_interval_ms = config->scrub_interval_ms,
        .recoveries_max = (unsigned)config->recoveries_max,
        .open_files_max = (unsigned)config->open_files_max,
        .reserve_bytes = (uint64_t)config->reserve_bytes,
        .default_settings = *settings,
    };

    ASSERT(!broker->opening);
    while (count < CONFIG_LOG_DIRS_MAX &&
           config_log_dir(config, count, paths[count])) {
        pointers[count] = paths[count];
        count++;
    }
    broker->opening = true;
    log_directories_open(&broker->directories, pointers, count, &options);
    heap_free(heap, paths);
}

void broker_logs_release(struct broker *broker)
{
    log_directories_release(&broker->directories);
    heap_free(broker->seam->heap, broker->node_directories);
    heap_free(broker->seam->heap, broker->node_offline);
}

bool broker_may_be_freed(const struct broker *broker)
{
    for (size_t i = 0; i < broker->directories.count; i++)
        if (broker->directories.roots[i].state == LOG_ROOT_OFFLINE ||
            log_directory_failed(broker->directories.roots[i].directory))
            return false;
    return true;
}
