/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/brokers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "cluster/znode.h"
#include "seam/memory.h"
#include "seam/trace.h"

#define RETRY_US 100000

struct broker_read {
    struct coord_request request;
    struct brokers *brokers;
    struct broker_endpoint endpoint;
    bool present;
};

static void list_start(struct brokers *brokers);

static void watch_fire(struct coord_watch *watch)
{
    struct brokers *brokers = container_of(watch, struct brokers, watch);

    if (brokers->watching)
        brokers_read(brokers, true);
}

static void retry_fire(struct timer *timer)
{
    struct brokers *brokers = container_of(timer, struct brokers, retry);

    brokers_read(brokers, brokers->watching);
}

static int compare_ids(const void *a, const void *b)
{
    const struct broker_endpoint *left = a;
    const struct broker_endpoint *right = b;

    return (left->broker_id > right->broker_id) -
           (left->broker_id < right->broker_id);
}

static void list_free(struct brokers *brokers)
{
    struct heap *heap = brokers->seam->heap;

    for (uint32_t i = 0; i < brokers->count; i++)
        heap_free(heap, brokers->list[i].block);
    heap_free(heap, brokers->list);
    brokers->list = NULL;
    brokers->count = 0;
}

/* What was not published goes with them. */
static void reads_free(struct brokers *brokers)
{
    struct heap *heap = brokers->seam->heap;

    for (uint32_t i = 0; i < brokers->read_count; i++)
        heap_free(heap, brokers->reads[i].endpoint.block);
    heap_free(heap, brokers->reads);
    brokers->reads = NULL;
    brokers->read_count = 0;
}

static void publish(struct brokers *brokers)
{
    struct heap *heap = brokers->seam->heap;
    struct broker_endpoint *list =
        heap_alloc(heap, (brokers->read_count + 1) * sizeof *list);
    uint32_t count = 0;

    for (uint32_t i = 0; i < brokers->read_count; i++)
        if (brokers->reads[i].present) {
            list[count++] = brokers->reads[i].endpoint;
            brokers->reads[i].endpoint.block = NULL;
        }
    qsort(list, count, sizeof *list, compare_ids);
    list_free(brokers);
    brokers->list = list;
    brokers->count = count;
    brokers->listener->on_brokers(brokers->listener, brokers);
}

/* All reads are in: publish, or try again. */
static void finish(struct brokers *brokers)
{
    bool failed = brokers->failed;
    bool again = brokers->again;

    brokers->reading = false;
    if (!failed && brokers->defects != NULL)
        defects_end(brokers->defects, DEFECT_BROKERS);
    if (!failed)
        publish(brokers);
    reads_free(brokers);
    if (failed)
        timer_start(brokers->seam->timers, &brokers->retry,
                    brokers->seam->now.monotonic_us + RETRY_US);
    else if (again)
        brokers_read(brokers, brokers->watching);
}

/* Ascending, as it is looked up. */
static bool offline_valid(const Kq__BrokerNode *node)
{
    for (size_t i = 0; i < node->n_offline; i++) {
        const Kq__OfflineReplicas *of = node->offline[i];

        if (of->topic_id.len != sizeof(struct uuid) ||
            (i > 0 && memcmp(node->offline[i - 1]->topic_id.data,
                             of->topic_id.data, of->topic_id.len) >= 0))
            return false;
        for (size_t k = 1; k < of->n_partitions; k++)
            if (of->partitions[k - 1] >= of->partitions[k])
                return false;
    }
    return true;
}

static bool has_offline_directory(const Kq__BrokerNode *node)
{
    for (size_t i = 0; i < node->n_log_directories; i++)
        if (node->log_directories[i]->failed)
            return true;
    return node->n_offline > 0;
}

static const char *node_wrong(const Kq__BrokerNode *node)
{
    if (strlen(node->host) >= BROKER_HOST_BYTES ||
        (node->rack != NULL && strlen(node->rack) >= BROKER_RACK_BYTES))
        return "its host or rack is too long";
    if (node->port > UINT16_MAX)
        return "its port is above 65535";
    return offline_valid(node) ? NULL : "its offline replicas are not in order";
}

static void note(struct broker_read *read, const char *wrong)
{
    char path[ZNODE_PATH_BYTES];

    if (read->brokers->defects == NULL)
        return;
    znode_broker_path(path, read->endpoint.broker_id);
    if (wrong == NULL)
        defects_clear(read->brokers->defects, path);
    else
        defects_note(read->brokers->defects,
                     &(struct defect_found){
                         DEFECT_BROKERS, path, &read->request.stat, wrong,
                         "the broker counts as gone: start it again"});
}

static void decode(struct broker_read *read)
{
    struct heap *heap = read->brokers->seam->heap;
    struct broker_endpoint *endpoint = &read->endpoint;
    void *block;
    Kq__BrokerNode *node = znode_unpack(heap, &kq__broker_node__descriptor,
                                        read->request.data, &block);
    const char *wrong =
        node ? node_wrong(node) : znode_unpack_wrong(read->request.data);

    note(read, wrong);
    if (wrong == NULL) {
        snprintf(endpoint->host, sizeof endpoint->host, "%s", node->host);
        snprintf(endpoint->rack, sizeof endpoint->rack, "%s",
                 node->rack ? node->rack : "");
        endpoint->port = (uint16_t)node->port;
        endpoint->broker_epoch = (uint64_t)read->request.stat.czxid;
        endpoint->version = (uint32_t)read->request.stat.version;
        endpoint->leaving = node->has_leaving && node->leaving;
        read->present = true;
        if (has_offline_directory(node)) {
            endpoint->node = node;
            endpoint->block = block;
            return;
        }
    }
    heap_free(heap, block);
}

static void read_done(struct coord_request *request)
{
    struct broker_read *read =
        container_of(request, struct broker_read, request);
    struct brokers *brokers = read->brokers;

    if (request->error == ERROR_NONE)
        decode(read);
    else if (request->error != ERROR_NO_NODE) /* gone since: no broker */
        brokers->failed = true;
    ASSERT(brokers->reads_open > 0);
    if (--brokers->reads_open == 0)
        finish(brokers);
}

static void read_all(struct brokers *brokers)
{
    struct coord_request *list = &brokers->list_request;
    uint32_t count = 0;

    brokers->reads = heap_alloc(
        brokers->seam->heap, (list->child_count + 1) * sizeof *brokers->reads);
    for (size_t i = 0; i < list->child_count && count < BROKERS_MAX; i++) {
        struct broker_read *read = &brokers->reads[count];
        char *end;
        unsigned long id = strtoul(list->children[i], &end, 10);

        if (*end != '\0' || id >= NO_BROKER)
            continue;
        read->request.done = read_done;
        read->brokers = brokers;
        read->endpoint.broker_id = (uint32_t)id;
        count++;
    }
    brokers->read_count = count;
    brokers->reads_open = count;
    for (uint32_t i = 0; i < count; i++) {
        char path[ZNODE_PATH_BYTES];

        znode_broker_path(path, brokers->reads[i].endpoint.broker_id);
        coord_get(brokers->coord, &brokers->reads[i].request, path, false,
                  NULL);
    }
    if (count == 0)
        finish(brokers);
}

static void list_done(struct coord_request *request)
{
    struct brokers *brokers =
        container_of(request, struct brokers, list_request);

    if (request->error == ERROR_NONE) {
        read_all(brokers);
        return;
    }
    brokers->failed = true;
    finish(brokers);
}

static void list_start(struct brokers *brokers)
{
    if (brokers->defects != NULL)
        defects_begin(brokers->defects, DEFECT_BROKERS);
    brokers->reading = true;
    brokers->again = false;
    brokers->failed = false;
    brokers->list_request.done = list_done;
    coord_children(brokers->coord, &brokers->list_request, ZNODE_BROKER_IDS,
                   true, brokers->watching ? &brokers->watch : NULL);
}

void brokers_init(struct brokers *brokers, struct seam *seam,
                  struct coord *coord, struct brokers_listener *listener)
{
    memset(brokers, 0, sizeof *brokers);
    brokers->seam = seam;
    brokers->coord = coord;
    brokers->listener = listener;
    brokers->watch.fire = watch_fire;
    brokers->retry.fire = retry_fire;
}

void brokers_release(struct brokers *brokers)
{
    brokers_stop(brokers);
    list_free(brokers);
    reads_free(brokers);
}

void brokers_read(struct brokers *brokers, bool watch)
{
    brokers->watching = watch;
    timer_stop(brokers->seam->timers, &brokers->retry);
    if (coord_state(brokers->coord) != COORD_CONNECTED) {
        timer_start(brokers->seam->timers, &brokers->retry,
                    brokers->seam->now.monotonic_us + RETRY_US);
        return;
    }
    if (brokers->reading)
        brokers->again = true;
    else
        list_start(brokers);
}

void brokers_stop(struct brokers *brokers)
{
    brokers->watching = false;
    brokers->again = false;
    coord_watch_cancel(brokers->coord, &brokers->watch);
    timer_stop(brokers->seam->timers, &brokers->retry);
}

static int compare_topic(const void *key, const void *member)
{
    const struct partition_key *wanted = key;
    const Kq__OfflineReplicas *const *of = member;

    return memcmp(wanted->topic_id.bytes, (*of)->topic_id.data,
                  sizeof wanted->topic_id.bytes);
}

static int compare_partition(const void *key, const void *member)
{
    const uint32_t *wanted = key;
    const uint32_t *of = member;

    return (*wanted > *of) - (*wanted < *of);
}

bool broker_replica_offline(const struct broker_endpoint *endpoint,
                            const struct partition_key *key)
{
    const Kq__BrokerNode *node = endpoint->node;
    Kq__OfflineReplicas **of;

    if (node == NULL || node->n_offline == 0)
        return false;
    of = bsearch(key, node->offline, node->n_offline, sizeof *node->offline,
                 compare_topic);
    return of != NULL && (*of)->n_partitions > 0 &&
           bsearch(&key->partition, (*of)->partitions, (*of)->n_partitions,
                   sizeof(uint32_t), compare_partition) != NULL;
}

bool broker_has_offline(const struct broker_endpoint *endpoint)
{
    return endpoint->node != NULL;
}

uint32_t broker_offline_count(const struct broker_endpoint *endpoint)
{
    const Kq__BrokerNode *node = endpoint->node;
    uint32_t count = 0;

    for (size_t i = 0; node != NULL && i < node->n_offline; i++)
        count += (uint32_t)node->offline[i]->n_partitions;
    return count;
}

const struct broker_endpoint *brokers_find(const struct brokers *brokers,
                                           uint32_t broker_id)
{
    for (uint32_t i = 0; i < brokers->count; i++)
        if (brokers->list[i].broker_id == broker_id)
            return &brokers->list[i];
    return NULL;
}
