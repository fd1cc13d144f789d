/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/registration.h"

#include <string.h>

#include "base/assert.h"
#include "cluster/znode.h"
#include "seam/memory.h"
#include "seam/trace.h"

#define RETRY_US 200000
#define LOOK_US  2000000 /* at what only a hand can repair */

static void run(struct registration *registration);

static void retry_in(struct registration *registration, int64_t delay_us)
{
    timer_start(registration->seam->timers, &registration->retry,
                registration->seam->now.monotonic_us + delay_us);
}

static void retry_later(struct registration *registration)
{
    retry_in(registration, RETRY_US);
}

static void retry_fire(struct timer *timer)
{
    run(container_of(timer, struct registration, retry));
}

static void watch_fire(struct coord_watch *watch)
{
    struct registration *registration =
        container_of(watch, struct registration, watch);

    if (registration->step == REGISTRATION_WAITING) {
        registration->step = REGISTRATION_REGISTERING;
        run(registration);
    }
}

void registration_init(struct registration *registration, struct seam *seam,
                       struct coord *coord,
                       struct registration_listener *listener)
{
    memset(registration, 0, sizeof *registration);
    registration->seam = seam;
    registration->coord = coord;
    registration->listener = listener;
    registration->retry.fire = retry_fire;
    registration->watch.fire = watch_fire;
    random_init(&registration->random, seam->random_key ^ UINT64_C(0xc1d));
}

void registration_stop(struct registration *registration)
{
    registration->step = REGISTRATION_IDLE;
    timer_stop(registration->seam->timers, &registration->retry);
    coord_watch_cancel(registration->coord, &registration->watch);
}

static void start(struct registration *registration,
                  void (*done)(struct coord_request *request))
{
    ASSERT(!registration->request_open);
    registration->request_open = true;
    registration->request.done = done;
}

/* NULL when the session that asked is over. */
static struct registration *end(struct coord_request *request,
                                enum registration_step expected)
{
    struct registration *registration =
        container_of(request, struct registration, request);

    registration->request_open = false;
    if (registration->step == expected)
        return registration;
    if (registration->step != REGISTRATION_IDLE)
        retry_later(registration); /* another session waits its turn */
    return NULL;
}

/* ---- the tree ---- */

/* Of a new cluster, all of it in one write: what is missing later was removed,
 * and making it anew would say that it is empty (decision 0035). */
static const char *const tree[] = {
    ZNODE_CLUSTER,          ZNODE_BROKERS, ZNODE_BROKER_IDS,
    ZNODE_CONTROLLER_EPOCH, ZNODE_TOPICS,  ZNODE_PRODUCER_IDS,
    ZNODE_CHANGES,          "/users",      "/acls",
};
#define TREE_COUNT (sizeof tree / sizeof tree[0])

static struct bytes tree_payload(struct registration *registration,
                                 const char *path)
{
    struct heap *heap = registration->seam->heap;
    Kq__ClusterNode cluster = KQ__CLUSTER_NODE__INIT;
    Kq__ControllerEpochNode epoch = KQ__CONTROLLER_EPOCH_NODE__INIT;
    Kq__ChangesNode changes = KQ__CHANGES_NODE__INIT;
    Kq__ProducerIdsNode producer_ids = KQ__PRODUCER_IDS_NODE__INIT;
    struct uuid id;

    if (strcmp(path, ZNODE_CLUSTER) == 0) {
        random_fill(&registration->random, &id, sizeof id);
        cluster.cluster_id.data = id.bytes;
        cluster.cluster_id.len = sizeof id.bytes;
        return znode_pack(heap, &cluster.base);
    }
    if (strcmp(path, ZNODE_CONTROLLER_EPOCH) == 0)
        return znode_pack(heap, &epoch.base);
    if (strcmp(path, ZNODE_CHANGES) == 0) {
        changes.next_sequence = 1;
        return znode_pack(heap, &changes.base);
    }
    if (strcmp(path, ZNODE_PRODUCER_IDS) == 0)
        return znode_pack(heap, &producer_ids.base);
    return (struct bytes){heap_alloc(heap, 1), 0};
}

/* Another broker may have made it at the same time. */
static void tree_done(struct coord_request *request)
{
    struct registration *registration = end(request, REGISTRATION_TREE);

    if (registration == NULL)
        return;
    registration->step = REGISTRATION_CLUSTER_ID;
    registration->tree_exists = request->error == ERROR_NODE_EXISTS;
    if (request->error == ERROR_NONE || registration->tree_exists)
        run(registration);
    else
        retry_later(registration);
}

static void make_tree(struct registration *registration)
{
    struct heap *heap = registration->seam->heap;
    struct coord_op ops[TREE_COUNT];

    for (size_t i = 0; i < TREE_COUNT; i++)
        ops[i] = (struct coord_op){.operation = COORD_CREATE,
                                   .path = tree[i],
                                   .data = tree_payload(registration, tree[i])};
    start(registration, tree_done);
    coord_multi(registration->coord, &registration->request, ops, TREE_COUNT);
    for (size_t i = 0; i < TREE_COUNT; i++)
        heap_free(heap, (void *)(uintptr_t)ops[i].data.data);
}

/* ---- the cluster's id ---- */

static void say_unknown(struct registration *registration, const char *why)
{
    if (!registration->warned)
        trace_log(registration->seam->trace, TRACE_ERROR,
                  "znode " ZNODE_CLUSTER " %s: cannot tell which cluster this "
                  "is; write back what was there",
                  why);
    registration->warned = true;
}

/* A new cluster, unless there is something of an old one. */
static void no_cluster(struct registration *registration)
{
    if (registration->tree_exists) {
        say_unknown(registration,
                    "is missing, and others of the cluster are there");
        registration->tree_exists = false;
        retry_in(registration, LOOK_US);
        return;
    }
    registration->step = REGISTRATION_TREE;
    run(registration);
}

static void cluster_done(struct coord_request *request)
{
    struct registration *registration = end(request, REGISTRATION_CLUSTER_ID);
    Kq__ClusterNode *node;
    struct uuid id;
    void *block = NULL;
    bool ok;

    if (registration == NULL)
        return;
    if (request->error == ERROR_NO_NODE) {
        no_cluster(registration);
        return;
    }
    node = request->error != ERROR_NONE
               ? NULL
               : znode_unpack(registration->seam->heap,
                              &kq__cluster_node__descriptor, request->data,
                              &block);
    ok = node != NULL &&
         uuid_from_bytes(node->cluster_id.data, node->cluster_id.len, &id);
    heap_free(registration->seam->heap, block);
    if (!ok) {
        if (request->error == ERROR_NONE)
            say_unknown(registration, "is damaged");
        retry_later(registration);
        return;
    }
    registration->step = REGISTRATION_KNOWN;
    registration->warned = false;
    registration->listener->on_cluster_id(registration->listener, &id);
}

/* ---- what the znode says ---- */

/* The messages of a node that have no fixed number. */
struct node_parts {
    Kq__LogDirectoryNode *directories;
    Kq__LogDirectoryNode **directory_pointers;
    Kq__OfflineReplicas *offline;
    Kq__OfflineReplicas **offline_pointers;
    uint32_t *partitions;
};

static void parts_alloc(struct heap *heap, const struct registration_node *from,
                        struct node_parts *parts)
{
    size_t count = from->directory_count + 1;
    size_t offline = from->offline_count + 1;

    parts->directories = heap_alloc(heap, count * sizeof *parts->directories);
    parts->directory_pointers =
        heap_alloc(heap, count * sizeof *parts->directory_pointers);
    parts->offline = heap_alloc(heap, offline * sizeof *parts->offline);
    parts->offline_pointers =
        heap_alloc(heap, offline * sizeof *parts->offline_pointers);
    parts->partitions = heap_alloc(heap, offline * sizeof *parts->partitions);
}

static void parts_free(struct heap *heap, struct node_parts *parts)
{
    heap_free(heap, parts->directories);
    heap_free(heap, parts->directory_pointers);
    heap_free(heap, parts->offline);
    heap_free(heap, parts->offline_pointers);
    heap_free(heap, parts->partitions);
}

static void put_directories(const struct registration_node *from,
                            struct node_parts *parts, Kq__BrokerNode *node)
{
    for (size_t i = 0; i < from->directory_count; i++) {
        const struct registration_directory *directory = &from->directories[i];
        Kq__LogDirectoryNode *to = &parts->directories[i];

        kq__log_directory_node__init(to);
        to->directory_id.data = (uint8_t *)(uintptr_t)directory->id.bytes;
        to->directory_id.len =
            directory->has_id ? sizeof directory->id.bytes : 0;
        to->failed = directory->failed;
        to->path = (char *)(uintptr_t)directory->path;
        if (directory->failed)
            to->detail = (char *)(uintptr_t)directory->detail;
        parts->directory_pointers[i] = to;
    }
    node->n_log_directories = from->directory_count;
    node->log_directories = parts->directory_pointers;
}

static void put_offline(const struct registration_node *from,
                        struct node_parts *parts, Kq__BrokerNode *node)
{
    Kq__OfflineReplicas *to = NULL;

    for (size_t i = 0; i < from->offline_count; i++) {
        const struct partition_key *key = &from->offline[i];

        if (to == NULL || memcmp(to->topic_id.data, key->topic_id.bytes,
                                 sizeof key->topic_id.bytes) != 0) {
            to = &parts->offline[node->n_offline];
            kq__offline_replicas__init(to);
            to->topic_id.data = (uint8_t *)(uintptr_t)key->topic_id.bytes;
            to->topic_id.len = sizeof key->topic_id.bytes;
            to->partitions = &parts->partitions[i];
            parts->offline_pointers[node->n_offline++] = to;
        }
        to->partitions[to->n_partitions++] = key->partition;
    }
    node->offline = parts->offline_pointers;
}

static struct bytes encode_node(struct registration *registration)
{
    const struct registration_node *from = registration->node;
    struct heap *heap = registration->seam->heap;
    Kq__BrokerNode node = KQ__BROKER_NODE__INIT;
    struct node_parts parts;
    struct bytes out;

    parts_alloc(heap, from, &parts);
    put_directories(from, &parts, &node);
    put_offline(from, &parts, &node);
    node.host = (char *)(uintptr_t)from->host;
    node.port = from->port;
    if (from->rack[0] != '\0')
        node.rack = (char *)(uintptr_t)from->rack;
    node.incarnation.data = (uint8_t *)(uintptr_t)from->incarnation.bytes;
    node.incarnation.len = sizeof from->incarnation.bytes;
    node.boot_id.data = (uint8_t *)(uintptr_t)from->boot_id.bytes;
    node.boot_id.len = sizeof from->boot_id.bytes;
    node.has_clean_token = from->has_clean_token;
    node.clean_token.data = (uint8_t *)(uintptr_t)from->clean_token.bytes;
    node.clean_token.len = sizeof from->clean_token.bytes;
    node.has_leaving = from->leaving;
    node.leaving = from->leaving;
    out = znode_pack(heap, &node.base);
    parts_free(heap, &parts);
    return out;
}

/* ---- what it says has changed ---- */

static void told(struct registration *registration)
{
    if (registration->stale)
        run(registration);
    else
        registration->listener->on_told(registration->listener,
                                        registration->version);
}

static void set_done(struct coord_request *request)
{
    struct registration *registration = end(request, REGISTRATION_REGISTERED);

    if (registration == NULL)
        return;
    if (request->error != ERROR_NONE) {
        registration->stale = true; /* perhaps it was written: read first */
        retry_later(registration);
        return;
    }
    told(registration);
}

static void looked(struct coord_request *request)
{
    struct registration *registration = end(request, REGISTRATION_REGISTERED);
    char path[ZNODE_PATH_BYTES];
    struct coord_op op = {.operation = COORD_SET, .path = path};

    if (registration == NULL)
        return;
    if (request->error != ERROR_NONE ||
        request->stat.ephemeral_owner !=
            coord_session_id(registration->coord)) {
        retry_later(registration); /* else the session's end is on its way */
        return;
    }
    op.version = request->stat.version;
    op.data = encode_node(registration);
    registration->version = (uint32_t)request->stat.version + 1;
    registration->stale = false;
    znode_broker_path(path, registration->node->broker_id);
    start(registration, set_done);
    coord_multi(registration->coord, &registration->request, &op, 1);
    heap_free(registration->seam->heap, (void *)(uintptr_t)op.data.data);
}

static void look(struct registration *registration)
{
    char path[ZNODE_PATH_BYTES];

    znode_broker_path(path, registration->node->broker_id);
    start(registration, looked);
    coord_get(registration->coord, &registration->request, path, true, NULL);
}

void registration_update(struct registration *registration)
{
    registration->stale = true;
    if (registration->step == REGISTRATION_REGISTERED)
        run(registration);
}

/* ---- registering ---- */

/* Whose registration is it that stands there now? */
static void read_done(struct coord_request *request)
{
    struct registration *registration = end(request, REGISTRATION_REGISTERING);

    if (registration == NULL)
        return;
    if (request->error == ERROR_NO_NODE) {
        run(registration);
    } else if (request->error != ERROR_NONE) {
        retry_later(registration);
    } else if (request->stat.ephemeral_owner ==
               coord_session_id(registration->coord)) {
        registration->step = REGISTRATION_REGISTERED;
        coord_watch_cancel(registration->coord, &registration->watch);
        registration->listener->on_registered(registration->listener,
                                              (uint64_t)request->stat.czxid,
                                              request->stat.ctime_ms);
        registration->version = (uint32_t)request->stat.version;
        told(registration);
    } else {
        registration->step = REGISTRATION_WAITING;
        if (!registration->warned)
            trace_log(registration->seam->trace, TRACE_WARN,
                      "broker %u is registered by another session (0x%llx): "
                      "waiting for it to end. If this goes on, another broker "
                      "has the same broker.id",
                      registration->node->broker_id,
                      (unsigned long long)request->stat.ephemeral_owner);
        registration->warned = true;
    }
}

static void create_done(struct coord_request *request)
{
    struct registration *registration = end(request, REGISTRATION_REGISTERING);
    char path[ZNODE_PATH_BYTES];

    if (registration == NULL)
        return;
    if (request->error != ERROR_NONE && request->error != ERROR_NODE_EXISTS) {
        retry_later(registration);
        return;
    }
    znode_broker_path(path, registration->node->broker_id);
    start(registration, read_done);
    coord_get(registration->coord, &registration->request, path, true,
              &registration->watch);
}

static void create(struct registration *registration)
{
    char path[ZNODE_PATH_BYTES];
    struct coord_op op = {
        .operation = COORD_CREATE,
        .path = path,
        .data = encode_node(registration),
        .ephemeral = true,
    };

    znode_broker_path(path, registration->node->broker_id);
    start(registration, create_done);
    coord_multi(registration->coord, &registration->request, &op, 1);
    heap_free(registration->seam->heap, (void *)(uintptr_t)op.data.data);
}

static void run(struct registration *registration)
{
    if (registration->request_open) {
        retry_later(registration);
        return;
    }
    switch (registration->step) {
    case REGISTRATION_TREE:
        make_tree(registration);
        return;
    case REGISTRATION_CLUSTER_ID:
        start(registration, cluster_done);
        coord_get(registration->coord, &registration->request, ZNODE_CLUSTER,
                  true, NULL);
        return;
    case REGISTRATION_REGISTERING:
        create(registration);
        return;
    case REGISTRATION_REGISTERED:
        if (registration->stale)
            look(registration);
        return;
    case REGISTRATION_IDLE:
    case REGISTRATION_KNOWN:
    case REGISTRATION_WAITING:
        return;
    }
}

void registration_begin(struct registration *registration)
{
    ASSERT(registration->step == REGISTRATION_IDLE);
    registration->step = REGISTRATION_CLUSTER_ID;
    registration->tree_exists = false;
    registration->warned = false;
    run(registration);
}

void registration_register(struct registration *registration,
                           const struct registration_node *node)
{
    if (registration->step != REGISTRATION_KNOWN)
        return; /* the session is over; the next one asks again */
    registration->node = node;
    registration->stale = false;
    registration->step = REGISTRATION_REGISTERING;
    run(registration);
}
