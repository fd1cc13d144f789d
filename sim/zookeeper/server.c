/* SPDX-License-Identifier: Apache-2.0
 *
 * One server: its role, its copy of the tree and how far it has applied the
 * log, what it asks of the leader.
 *
 *     DOWN --start--> LOOKING --elected--> LEADING
 *                     LOOKING --joined--> FOLLOWING
 *     LEADING, FOLLOWING --lost its quorum or leader--> LOOKING
 *     any --crash--> DOWN
 *
 * A leader that was cut off stays LEADING until it notices; meanwhile it
 * answers reads, and others may have elected a newer one.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sim/zookeeper/internal.h"

#define APPLY_MIN_US       200
#define APPLY_SPREAD_US    1500
#define APPLY_LONG_US      80000 /* one transaction in APPLY_LONG_IN */
#define APPLY_LONG_IN      64
#define FORWARD_MIN_US     60
#define FORWARD_SPREAD_US  240
#define ELECTION_MIN_US    200000
#define ELECTION_SPREAD_US 400000
#define JOIN_MIN_US        50000
#define JOIN_SPREAD_US     250000

static void apply_run(struct call *call);
static void forward_run(struct call *call);

/* ---- who hears whom ---- */

bool zk_server_serves(const struct server *server)
{
    return server->role == ROLE_FOLLOWING || server->role == ROLE_LEADING;
}

static bool carries(const struct server *from, const struct server *to)
{
    return from == to ||
           world_connected(from->ensemble->world, from->name, to->name);
}

bool zk_server_linked(const struct server *a, const struct server *b)
{
    return carries(a, b) && carries(b, a);
}

static bool follows(const struct server *server, const struct server *leader)
{
    return server->role == ROLE_FOLLOWING && server->leader == leader &&
           server->epoch == leader->epoch;
}

static unsigned quorum(const struct ensemble *ensemble)
{
    return ensemble->server_count / 2 + 1;
}

bool zk_server_has_quorum(const struct server *leader)
{
    struct ensemble *ensemble = leader->ensemble;
    unsigned count = 1;

    if (leader->role != ROLE_LEADING || leader != ensemble->leader)
        return false;
    for (unsigned i = 0; i < ensemble->server_count; i++) {
        const struct server *server = &ensemble->servers[i];

        count += follows(server, leader) && zk_server_linked(server, leader);
    }
    return count >= quorum(ensemble);
}

/* ---- applying the log ---- */

/* The next transaction is applied when it has come here and not before the
 * one in front of it. */
static void apply_plan(struct server *server)
{
    struct ensemble *ensemble = server->ensemble;
    const struct transaction *next;
    int64_t at;

    if (!zk_server_serves(server) || server->apply.waiting ||
        server->applied == ensemble->log_end)
        return;
    next = zk_log_at(ensemble, server->applied);
    at = next->committed_at_us + APPLY_MIN_US +
         (int64_t)zk_draw(ensemble, NULL, PURPOSE_APPLY + server->index,
                          APPLY_SPREAD_US);
    if (server->role == ROLE_FOLLOWING &&
        zk_draw(ensemble, NULL, PURPOSE_APPLY_LONG + server->index,
                APPLY_LONG_IN) == 0)
        at += (int64_t)zk_draw(
            ensemble, NULL, PURPOSE_APPLY_LONG + server->index, APPLY_LONG_US);
    zk_call_at(ensemble, &server->apply, at);
}

void zk_server_wake_all(struct ensemble *ensemble)
{
    for (unsigned i = 0; i < ensemble->server_count; i++)
        apply_plan(&ensemble->servers[i]);
}

static void end_session(struct server *server, int64_t session_id)
{
    list_for_each_safe (node, &server->connections) {
        struct connection *connection =
            container_of(node, struct connection, server_link);
        const struct packet *head =
            container_of(list_first(&connection->waiting), struct packet, link);

        if (connection->session_id != session_id)
            continue;
        if (list_empty(&connection->waiting) ||
            head->type != PACKET_CLOSE_SESSION)
            zk_connection_close_server(connection);
    }
}

static void apply_one(struct server *server)
{
    const struct transaction *transaction =
        zk_log_at(server->ensemble, server->applied);

    server->applied++;
    server->applied_zxid = transaction->zxid;
    for (size_t i = 0; i < transaction->count; i++) {
        zk_tree_apply(&server->tree, &transaction->changes[i],
                      transaction->zxid, transaction->time_ms, NULL);
        zk_watch_change(server, &transaction->changes[i]);
    }
    if (transaction->type == TRANSACTION_CLOSE_SESSION)
        end_session(server, transaction->session_id);
}

static void serve_all(struct server *server)
{
    list_for_each_safe (node, &server->connections)
        zk_serve_waiting(container_of(node, struct connection, server_link));
}

static void apply_run(struct call *call)
{
    struct server *server = container_of(call, struct server, apply);
    struct ensemble *ensemble = server->ensemble;

    if (!zk_server_serves(server) || server->leader != ensemble->leader ||
        !carries(server->leader, server)) {
        zk_call_at(ensemble, call, ensemble_now(ensemble) + RETRANSMIT_US);
        return;
    }
    apply_one(server);
    serve_all(server);
    zk_log_trim(ensemble);
    apply_plan(server);
}

/* ---- asking the leader ---- */

void zk_server_forward(struct server *server, struct packet *packet)
{
    struct ensemble *ensemble = server->ensemble;
    struct forward *forward = calloc(1, sizeof *forward);
    int64_t at = ensemble_now(ensemble);

    ASSERT(forward != NULL);
    if (server->leader != server)
        at += FORWARD_MIN_US + (int64_t)zk_draw(ensemble, NULL, PURPOSE_FORWARD,
                                                FORWARD_SPREAD_US);
    if (at < server->forward_at_us)
        at = server->forward_at_us;
    server->forward_at_us = at;
    forward->packet = packet;
    forward->at_us = at;
    packet->forwarded = true;
    list_append(&server->outgoing, &forward->link);
    if (!server->forward.waiting)
        zk_call_at(ensemble, &server->forward, at);
}

static void close_wanted(struct ensemble *ensemble, struct packet *packet)
{
    struct session *session =
        zk_session_find(ensemble, packet->connection->session_id);

    if (session != NULL)
        zk_session_end(ensemble, session, "closed");
    packet->index = ensemble->log_end;
}

static void decide(struct server *via, struct packet *packet)
{
    struct ensemble *ensemble = via->ensemble;
    struct connection *connection = packet->connection;
    struct session *session = zk_session_find(ensemble, connection->session_id);

    packet->decided = true;
    if (packet->type == PACKET_CONNECT) {
        zk_session_connect(ensemble, via, packet);
        return;
    }
    if (packet->type == PACKET_SYNC) {
        packet->index = ensemble->log_end;
        return;
    }
    if (packet->type == PACKET_CLOSE_SESSION) {
        close_wanted(ensemble, packet);
        return;
    }
    if (session == NULL || session->owner != connection->id) {
        packet->rc = session == NULL ? ZSESSIONEXPIRED : ZSESSIONMOVED;
        for (size_t i = 0; i < packet->op_count; i++)
            packet->ops[i].error = packet->rc;
        return;
    }
    zk_log_write(ensemble, packet, connection->session_id);
    packet->index = ensemble->log_end;
}

static bool leader_decides(const struct server *server)
{
    const struct server *leader = server->leader;

    return (server == leader || follows(server, leader)) &&
           zk_server_linked(server, leader) && zk_server_has_quorum(leader);
}

static void forward_run(struct call *call)
{
    struct server *server = container_of(call, struct server, forward);
    struct ensemble *ensemble = server->ensemble;
    struct forward *forward =
        container_of(list_first(&server->outgoing), struct forward, link);
    struct packet *packet = forward->packet;

    ASSERT(!list_empty(&server->outgoing));
    if (!leader_decides(server)) {
        zk_call_at(ensemble, call, ensemble_now(ensemble) + RETRANSMIT_US);
        return;
    }
    list_remove(&forward->link);
    free(forward);
    if (!list_empty(&server->outgoing)) {
        forward =
            container_of(list_first(&server->outgoing), struct forward, link);
        zk_call_at(ensemble, call, forward->at_us);
    }
    decide(server, packet);
    if (packet->orphan)
        zk_packet_free(packet);
    else
        zk_serve_waiting(packet->connection);
}

/* ---- roles ---- */

/* Its connections break, and what it asked of the leader is lost. */
static void stop_serving(struct server *server, enum role role)
{
    struct list *node;

    while (!list_empty(&server->connections))
        zk_connection_close_server(container_of(
            list_first(&server->connections), struct connection, server_link));
    while ((node = list_pop(&server->outgoing)) != NULL) {
        struct forward *forward = container_of(node, struct forward, link);

        ASSERT(forward->packet->orphan);
        zk_packet_free(forward->packet);
        free(forward);
    }
    zk_call_cancel(server->ensemble, &server->forward);
    zk_call_cancel(server->ensemble, &server->apply);
    server->role = role;
    server->leader = NULL;
    server->join_at_us = 0;
}

static void look(struct server *server)
{
    world_note(server->ensemble->world, NULL, "zookeeper %s looks for a leader",
               server->name);
    stop_serving(server, ROLE_LOOKING);
}

/* A server has caught up with the leader before it serves. */
static void serve_as(struct server *server, struct server *leader)
{
    struct ensemble *ensemble = server->ensemble;

    world_note(ensemble->world, NULL, "zookeeper %s %s %s, epoch %u",
               server->name, server == leader ? "leads as" : "follows",
               leader->name, ensemble->epoch);
    server->role = server == leader ? ROLE_LEADING : ROLE_FOLLOWING;
    server->leader = leader;
    server->epoch = ensemble->epoch;
    server->heard_at_us = ensemble_now(ensemble);
    server->forward_at_us = 0;
    while (server->applied < ensemble->log_end)
        apply_one(server);
}

static void lead(struct server *leader)
{
    struct ensemble *ensemble = leader->ensemble;

    ensemble->epoch++;
    ensemble->leader = leader;
    ensemble->last_zxid = (int64_t)((uint64_t)ensemble->epoch << 32);
    serve_as(leader, leader);
    for (unsigned i = 0; i < ensemble->server_count; i++) {
        struct server *server = &ensemble->servers[i];

        if (server->role == ROLE_LOOKING && zk_server_linked(server, leader))
            serve_as(server, leader);
    }
    zk_session_restart_all(ensemble);
}

void zk_server_bootstrap(struct ensemble *ensemble)
{
    lead(&ensemble->servers[ensemble->server_count - 1]);
}

/* The best of those that can reach a quorum of servers that look too. */
static struct server *candidate(struct ensemble *ensemble)
{
    struct server *best = NULL;

    for (unsigned i = 0; i < ensemble->server_count; i++) {
        struct server *server = &ensemble->servers[i];
        unsigned reached = 0;

        for (unsigned j = 0; j < ensemble->server_count; j++)
            reached += ensemble->servers[j].role == ROLE_LOOKING &&
                       zk_server_linked(server, &ensemble->servers[j]);
        if (server->role == ROLE_LOOKING && reached >= quorum(ensemble) &&
            (best == NULL || server->applied >= best->applied))
            best = server;
    }
    return best;
}

static void elect(struct ensemble *ensemble)
{
    struct server *best = candidate(ensemble);
    int64_t now = ensemble_now(ensemble);

    if (best == NULL) {
        ensemble->election_at_us = 0;
        return;
    }
    if (ensemble->election_at_us == 0)
        ensemble->election_at_us =
            now + ELECTION_MIN_US +
            (int64_t)zk_draw(ensemble, NULL, PURPOSE_ELECTION,
                             ELECTION_SPREAD_US);
    if (now < ensemble->election_at_us)
        return;
    ensemble->election_at_us = 0;
    lead(best);
}

static void join(struct server *server)
{
    struct ensemble *ensemble = server->ensemble;
    struct server *leader = ensemble->leader;
    int64_t now = ensemble_now(ensemble);

    if (leader->role != ROLE_LEADING || !zk_server_linked(server, leader)) {
        server->join_at_us = 0;
        return;
    }
    if (server->join_at_us == 0)
        server->join_at_us =
            now + JOIN_MIN_US +
            (int64_t)zk_draw(ensemble, NULL, PURPOSE_ELECTION, JOIN_SPREAD_US);
    if (now >= server->join_at_us)
        serve_as(server, leader);
}

/* Does the server still have a leader, the leader still its quorum? */
static void check_role(struct server *server)
{
    struct server *leader = server->leader;
    int64_t now = ensemble_now(server->ensemble);
    bool leads = leader->role == ROLE_LEADING && leader->epoch == server->epoch;

    if (server->role == ROLE_LEADING ? zk_server_has_quorum(server)
                                     : leads && carries(leader, server))
        server->heard_at_us = now;
    if ((!leads && carries(leader, server)) ||
        now - server->heard_at_us > SYNC_LIMIT_US)
        look(server);
}

void zk_server_tick(struct ensemble *ensemble)
{
    for (unsigned i = 0; i < ensemble->server_count; i++) {
        struct server *server = &ensemble->servers[i];

        if (zk_server_serves(server))
            check_role(server);
        else if (server->role == ROLE_LOOKING)
            join(server);
    }
    elect(ensemble);
}

/* ---- life and death ---- */

void zk_server_init(struct ensemble *ensemble, unsigned index)
{
    struct server *server = &ensemble->servers[index];

    server->ensemble = ensemble;
    server->index = index;
    snprintf(server->name, sizeof server->name, "z%u", (index + 1) % 1000);
    server->role = ROLE_LOOKING;
    server->apply.run = apply_run;
    server->forward.run = forward_run;
    zk_tree_init(&server->tree);
    list_init(&server->connections);
    list_init(&server->outgoing);
    RB_INIT(&server->watches);
}

void zk_server_release(struct server *server)
{
    stop_serving(server, ROLE_DOWN);
    zk_tree_release(&server->tree);
}

void zk_server_crash(struct server *server)
{
    if (server->role == ROLE_DOWN)
        return;
    world_note(server->ensemble->world, NULL, "zookeeper %s crashes",
               server->name);
    stop_serving(server, ROLE_DOWN);
    for (struct session *session = zk_session_first(server->ensemble);
         session != NULL; session = zk_session_next(session))
        session->touched &= ~(UINT32_C(1) << server->index);
}

void zk_server_start(struct server *server)
{
    if (server->role != ROLE_DOWN)
        return;
    world_note(server->ensemble->world, NULL, "zookeeper %s starts",
               server->name);
    server->role = ROLE_LOOKING;
}
