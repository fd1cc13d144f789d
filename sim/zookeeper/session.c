/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions as the leader keeps them. It alone decides that one is over: when
 * no server reported having heard of the client for the time-out, counted in
 * ticks. A new leader starts all time-outs anew.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/zookeeper/internal.h"

static int session_compare(const struct session *a, const struct session *b)
{
    return a->id < b->id ? -1 : a->id > b->id;
}
RB_GENERATE_STATIC(session_tree, session, entry, session_compare)

struct session *zk_session_find(struct ensemble *ensemble, int64_t id)
{
    struct session key = {.id = id};

    return RB_FIND(session_tree, &ensemble->sessions, &key);
}

struct session *zk_session_first(struct ensemble *ensemble)
{
    return RB_MIN(session_tree, &ensemble->sessions);
}

struct session *zk_session_next(struct session *session)
{
    return RB_NEXT(session_tree, NULL, session);
}

void zk_session_remove(struct ensemble *ensemble, struct session *session)
{
    RB_REMOVE(session_tree, &ensemble->sessions, session);
    free(session);
}

/* ---- time-outs ---- */

static void extend(struct ensemble *ensemble, struct session *session)
{
    int64_t at = ensemble_now(ensemble) + session->timeout_ms * INT64_C(1000);

    session->expires_at_us = (at / TICK_US + 1) * TICK_US;
}

static int clamp_timeout(int timeout_ms)
{
    if (timeout_ms < SESSION_MIN_MS)
        return SESSION_MIN_MS;
    return timeout_ms > SESSION_MAX_MS ? SESSION_MAX_MS : timeout_ms;
}

void zk_session_touch(struct ensemble *ensemble, struct server *server,
                      int64_t session_id)
{
    struct session *session = zk_session_find(ensemble, session_id);

    if (session == NULL)
        return;
    if (server == ensemble->leader && server->role == ROLE_LEADING)
        extend(ensemble, session);
    else
        session->touched |= UINT32_C(1) << server->index;
}

static void report(struct ensemble *ensemble, struct session *session)
{
    struct server *leader = ensemble->leader;

    for (unsigned i = 0; i < ensemble->server_count; i++) {
        struct server *server = &ensemble->servers[i];
        uint32_t bit = UINT32_C(1) << i;

        if (!(session->touched & bit) || server->leader != leader ||
            server->role != ROLE_FOLLOWING || !zk_server_linked(server, leader))
            continue;
        session->touched &= ~bit;
        extend(ensemble, session);
    }
}

void zk_session_tick(struct ensemble *ensemble)
{
    struct session *session;
    struct session *next;

    if (ensemble->leader == NULL || !zk_server_has_quorum(ensemble->leader))
        return;
    for (session = zk_session_first(ensemble); session != NULL;
         session = next) {
        next = zk_session_next(session);
        report(ensemble, session);
        if (session->expires_at_us > ensemble_now(ensemble))
            continue;
        zk_session_end(ensemble, session, "expired");
    }
}

void zk_session_end(struct ensemble *ensemble, struct session *session,
                    const char *how)
{
    int64_t id = session->id;

    world_note(ensemble->world, session->node,
               "zookeeper session %#" PRIx64 " %s", (uint64_t)id, how);
    zk_session_remove(ensemble, session);
    zk_log_close_session(ensemble, id);
}

void zk_session_restart_all(struct ensemble *ensemble)
{
    for (struct session *session = zk_session_first(ensemble); session != NULL;
         session = zk_session_next(session)) {
        session->touched = 0;
        extend(ensemble, session);
    }
}

/* ---- connecting ---- */

/* The number of the server in the highest byte, as in ZooKeeper. */
static struct session *session_new(struct ensemble *ensemble,
                                   const struct server *via,
                                   const struct packet *packet)
{
    struct session *session = calloc(1, sizeof *session);
    uint64_t password[2];

    ASSERT(session != NULL);
    for (size_t i = 0; i < 2; i++)
        password[i] = zk_draw(ensemble, NULL, PURPOSE_PASSWORD, UINT64_MAX);
    memcpy(session->password, password, sizeof session->password);
    session->id = (int64_t)(((uint64_t)via->index + 1) << 56 |
                            ((uint64_t)ensemble->epoch & 0xffff) << 32 |
                            ++ensemble->session_count);
    session->node = packet->connection->node;
    RB_INSERT(session_tree, &ensemble->sessions, session);
    return session;
}

void zk_session_connect(struct ensemble *ensemble, struct server *via,
                        struct packet *packet)
{
    struct session *session;
    bool created = packet->session_id == 0;

    if (created) {
        session = session_new(ensemble, via, packet);
    } else {
        session = zk_session_find(ensemble, packet->session_id);
        if (session == NULL || memcmp(session->password, packet->password,
                                      sizeof session->password) != 0) {
            packet->session_id = 0;
            packet->timeout_ms = 0;
            return;
        }
    }
    session->timeout_ms = clamp_timeout(packet->timeout_ms);
    session->owner = packet->connection->id;
    extend(ensemble, session);
    world_note(ensemble->world, session->node,
               "zookeeper session %#" PRIx64 " %s %s", (uint64_t)session->id,
               created ? "created at" : "moved to", via->name);
    packet->session_id = session->id;
    packet->timeout_ms = session->timeout_ms;
    memcpy(packet->password, session->password, sizeof packet->password);
    if (created) {
        zk_log_create_session(ensemble, session);
        packet->index = ensemble->log_end;
    }
}
