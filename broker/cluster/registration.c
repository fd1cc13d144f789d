/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/registration.h"

#include <string.h>

#include "base/assert.h"
#include "cluster/znode.h"
#include "seam/memory.h"
#include "seam/trace.h"

#define RETRY_US 200000

static void run(struct registration *registration);

static void retry_later(struct registration *registration)
{
    timer_start(registration->seam->timers, &registration->retry,
                registration->seam->now.monotonic_us + RETRY_US);
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

static void tree_done(struct coord_request *request)
{
    struct registration *registration = end(request, REGISTRATION_TREE);

    if (registration == NULL)
        return;
    if (request->error != ERROR_NONE && request->error != ERROR_NODE_EXISTS) {
        retry_later(registration);
        return;
    }
    registration->tree_at++;
    if (registration->tree_at == TREE_COUNT)
        registration->step = REGISTRATION_CLUSTER_ID;
    run(registration);
}

static void make_tree(struct registration *registration)
{
    const char *path = tree[registration->tree_at];
    struct coord_op op = {
        .operation = COORD_CREATE,
        .path = path,
        .data = tree_payload(registration, path),
    };

    start(registration, tree_done);
    coord_multi(registration->coord, &registration->request, &op, 1);
    heap_free(registration->seam->heap, (void *)(uintptr_t)op.data.data);
}

/* ---- the cluster's id ---- */

static void cluster_done(struct coord_request *request)
{
    struct registration *registration = end(request, REGISTRATION_CLUSTER_ID);
    Kq__ClusterNode *node;
    struct uuid id;
    void *block = NULL;
    bool ok;

    if (registration == NULL)
        return;
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
            trace_log(registration->seam->trace, TRACE_ERROR,
                      "znode " ZNODE_CLUSTER " is damaged: cannot tell which "
                      "cluster this is");
        retry_later(registration);
        return;
    }
    registration->step = REGISTRATION_KNOWN;
    registration->listener->on_cluster_id(registration->listener, &id);
}

/* ---- registering ---- */

static struct bytes encode_node(struct registration *registration)
{
    const struct registration_node *from = &registration->node;
    Kq__BrokerNode node = KQ__BROKER_NODE__INIT;
    Kq__LogDirectoryNode directory = KQ__LOG_DIRECTORY_NODE__INIT;
    Kq__LogDirectoryNode *directories = &directory;

    directory.directory_id.data =
        (uint8_t *)(uintptr_t)from->directory_id.bytes;
    directory.directory_id.len = sizeof from->directory_id.bytes;
    node.host = (char *)(uintptr_t)from->host;
    node.port = from->port;
    if (from->rack[0] != '\0')
        node.rack = (char *)(uintptr_t)from->rack;
    node.incarnation.data = (uint8_t *)(uintptr_t)from->incarnation.bytes;
    node.incarnation.len = sizeof from->incarnation.bytes;
    node.boot_id.data = (uint8_t *)(uintptr_t)from->boot_id.bytes;
    node.boot_id.len = sizeof from->boot_id.bytes;
    node.n_log_directories = 1;
    node.log_directories = &directories;
    node.has_clean_token = from->has_clean_token;
    node.clean_token.data = (uint8_t *)(uintptr_t)from->clean_token.bytes;
    node.clean_token.len = sizeof from->clean_token.bytes;
    return znode_pack(registration->seam->heap, &node.base);
}

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
    } else {
        registration->step = REGISTRATION_WAITING;
        if (!registration->warned)
            trace_log(registration->seam->trace, TRACE_WARN,
                      "broker %u is registered by another session (0x%llx): "
                      "waiting for it to end. If this goes on, another broker "
                      "has the same broker.id",
                      registration->node.broker_id,
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
    znode_broker_path(path, registration->node.broker_id);
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

    znode_broker_path(path, registration->node.broker_id);
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
    case REGISTRATION_IDLE:
    case REGISTRATION_KNOWN:
    case REGISTRATION_WAITING:
    case REGISTRATION_REGISTERED:
        return;
    }
}

void registration_begin(struct registration *registration)
{
    ASSERT(registration->step == REGISTRATION_IDLE);
    registration->step = REGISTRATION_TREE;
    registration->tree_at = 0;
    registration->warned = false;
    run(registration);
}

void registration_register(struct registration *registration,
                           const struct registration_node *node)
{
    if (registration->step != REGISTRATION_KNOWN)
        return; /* the session is over; the next one asks again */
    registration->node = *node;
    registration->step = REGISTRATION_REGISTERING;
    run(registration);
}
