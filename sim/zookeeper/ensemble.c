/* SPDX-License-Identifier: Apache-2.0
 *
 * The ensemble as the world knows it, and its queue of calls: one world_at()
 * is pending for the earliest of them.
 */
#include <stdlib.h>

#include "sim/zookeeper/internal.h"

/* ---- calls ---- */

static int call_compare(const struct call *a, const struct call *b)
{
    if (a->at_us != b->at_us)
        return a->at_us < b->at_us ? -1 : 1;
    return a->sequence < b->sequence ? -1 : a->sequence > b->sequence;
}
RB_GENERATE_STATIC(call_tree, call, entry, call_compare)

int64_t ensemble_now(const struct ensemble *ensemble)
{
    return world_now_us(ensemble->world);
}

uint64_t zk_draw(struct ensemble *ensemble, struct node *node, uint32_t purpose,
                 uint64_t bound)
{
    return world_random_below(ensemble->world, node, purpose, bound);
}

static void ensemble_wake(void *context)
{
    struct ensemble *ensemble = context;
    int64_t now = ensemble_now(ensemble);
    struct call *call;

    if (now >= ensemble->woken_at_us)
        ensemble->woken_at_us = INT64_MAX;
    while ((call = RB_MIN(call_tree, &ensemble->calls)) != NULL &&
           call->at_us <= now) {
        zk_call_cancel(ensemble, call);
        call->run(call);
    }
    if (call != NULL && call->at_us < ensemble->woken_at_us) {
        ensemble->woken_at_us = call->at_us;
        world_at(ensemble->world, call->at_us, ensemble_wake, ensemble);
    }
}

void zk_call_at(struct ensemble *ensemble, struct call *call, int64_t at_us)
{
    int64_t now = ensemble_now(ensemble);

    ASSERT(!call->waiting);
    call->at_us = at_us < now ? now : at_us;
    call->sequence = ++ensemble->call_sequence;
    call->waiting = true;
    RB_INSERT(call_tree, &ensemble->calls, call);
    if (call->at_us >= ensemble->woken_at_us)
        return;
    ensemble->woken_at_us = call->at_us;
    world_at(ensemble->world, call->at_us, ensemble_wake, ensemble);
}

void zk_call_cancel(struct ensemble *ensemble, struct call *call)
{
    if (!call->waiting)
        return;
    RB_REMOVE(call_tree, &ensemble->calls, call);
    call->waiting = false;
}

/* ---- what the world calls ---- */

static void tick_run(struct call *call)
{
    struct ensemble *ensemble = container_of(call, struct ensemble, tick);

    zk_server_tick(ensemble);
    zk_session_tick(ensemble);
    zk_call_at(ensemble, call, ensemble_now(ensemble) + HALF_TICK_US);
}

struct ensemble *ensemble_new(struct world *world, unsigned servers)
{
    struct ensemble *ensemble = calloc(1, sizeof *ensemble);

    ASSERT(ensemble != NULL);
    ASSERT(servers > 0);
    ASSERT(servers <= SERVERS_MAX);
    ensemble->world = world;
    ensemble->woken_at_us = INT64_MAX;
    ensemble->server_count = servers;
    ensemble->servers = calloc(servers, sizeof *ensemble->servers);
    ASSERT(ensemble->servers != NULL);
    RB_INIT(&ensemble->calls);
    RB_INIT(&ensemble->sessions);
    list_init(&ensemble->handles);
    list_init(&ensemble->connections);
    zk_tree_init(&ensemble->tip);
    for (unsigned i = 0; i < servers; i++)
        zk_server_init(ensemble, i);
    zk_server_bootstrap(ensemble);
    ensemble->tick.run = tick_run;
    zk_call_at(ensemble, &ensemble->tick,
               ensemble_now(ensemble) + HALF_TICK_US);
    return ensemble;
}

void ensemble_free(struct ensemble *ensemble)
{
    struct session *session;

    if (ensemble == NULL)
        return;
    ensemble->freeing = true;
    list_for_each_safe (node, &ensemble->connections)
        zk_connection_drain(container_of(node, struct connection, link));
    list_for_each_safe (node, &ensemble->handles) {
        zhandle_t *handle = container_of(node, struct _zhandle, link);

        handle->connection = NULL;
        zk_client_free(handle);
    }
    for (unsigned i = 0; i < ensemble->server_count; i++)
        zk_server_release(&ensemble->servers[i]);
    while ((session = zk_session_first(ensemble)) != NULL)
        zk_session_remove(ensemble, session);
    zk_log_release(ensemble);
    zk_tree_release(&ensemble->tip);
    free(ensemble->servers);
    free(ensemble);
}

void ensemble_crash(struct ensemble *ensemble, unsigned server)
{
    ASSERT(server >= 1);
    ASSERT(server <= ensemble->server_count);
    zk_server_crash(&ensemble->servers[server - 1]);
}

void ensemble_start(struct ensemble *ensemble, unsigned server)
{
    ASSERT(server >= 1);
    ASSERT(server <= ensemble->server_count);
    zk_server_start(&ensemble->servers[server - 1]);
}

bool ensemble_expire(struct ensemble *ensemble, struct node *node)
{
    struct session *next;
    bool found = false;

    if (ensemble->leader == NULL || !zk_server_has_quorum(ensemble->leader))
        return false;
    for (struct session *session = zk_session_first(ensemble); session != NULL;
         session = next) {
        next = zk_session_next(session);
        if (session->node != node)
            continue;
        zk_session_end(ensemble, session, "expired by the ensemble");
        found = true;
    }
    return found;
}

/* ---- an operator's hand ---- */

bool ensemble_put(struct ensemble *ensemble, const char *path,
                  const char *bytes, int size)
{
    bool exists = zk_tree_find(&ensemble->tip, path) != NULL;
    struct packet *packet;
    struct op *op;
    bool done;

    if (ensemble->leader == NULL || !zk_server_has_quorum(ensemble->leader))
        return false;
    packet = zk_packet_new(NULL, PACKET_WRITE);
    packet->ops = calloc(1, sizeof *packet->ops);
    ASSERT(packet->ops != NULL);
    packet->op_count = 1;
    op = &packet->ops[0];
    op->type = size < 0 ? CHANGE_DELETE : exists ? CHANGE_SET : CHANGE_CREATE;
    op->path = strdup(path);
    ASSERT(op->path != NULL);
    op->data = zk_blob_new(bytes, size);
    op->version = -1;
    zk_log_write(ensemble, packet, 0);
    done = packet->rc == ZOK;
    zk_packet_free(packet);
    return done;
}

int ensemble_read(struct ensemble *ensemble, const char *path, char **bytes)
{
    const struct znode *node = zk_tree_find(&ensemble->tip, path);
    size_t size = node && node->data ? node->data->size : 0;

    *bytes = NULL;
    if (node == NULL)
        return -1;
    *bytes = malloc(size + 1);
    ASSERT(*bytes != NULL);
    if (size > 0)
        memcpy(*bytes, node->data->bytes, size);
    return (int)size;
}

void ensemble_node_ended(struct ensemble *ensemble, struct node *node)
{
    list_for_each_safe (at, &ensemble->handles) {
        zhandle_t *handle = container_of(at, struct _zhandle, link);

        if (handle->node == node)
            zk_client_free(handle);
    }
}
