/* SPDX-License-Identifier: Apache-2.0
 *
 * The one order of writes. What is appended is committed: the leader asks
 * for a quorum before it decides. Servers apply it later, each in its time.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/zookeeper/internal.h"

/* ---- appending ---- */

static const char *const type_names[] = {
    [TRANSACTION_OPS] = "write",
    [TRANSACTION_ERROR] = "failed write",
    [TRANSACTION_CREATE_SESSION] = "create session",
    [TRANSACTION_CLOSE_SESSION] = "close session",
};

static struct transaction *transaction_new(struct ensemble *ensemble,
                                           enum transaction_type type,
                                           int64_t session_id)
{
    struct transaction *transaction = calloc(1, sizeof *transaction);

    ASSERT(transaction != NULL);
    transaction->type = type;
    transaction->session_id = session_id;
    transaction->zxid = ensemble->last_zxid + 1;
    transaction->committed_at_us = ensemble_now(ensemble);
    transaction->time_ms = world_wall_ms(ensemble->world) +
                           world_zookeeper_skew_ms(ensemble->world);
    return transaction;
}

static void transaction_free(struct transaction *transaction)
{
    for (size_t i = 0; i < transaction->count; i++)
        zk_change_release(&transaction->changes[i]);
    free(transaction->changes);
    free(transaction);
}

static void note(struct ensemble *ensemble,
                 const struct transaction *transaction)
{
    static const char *const verbs[] = {"create", "set", "delete", "check"};

    world_note(ensemble->world, NULL, "zookeeper %#" PRIx64 " %s of %#" PRIx64,
               (uint64_t)transaction->zxid, type_names[transaction->type],
               (uint64_t)transaction->session_id);
    for (size_t i = 0; i < transaction->count; i++)
        world_note(ensemble->world, NULL, "zookeeper %#" PRIx64 " %s %s",
                   (uint64_t)transaction->zxid,
                   verbs[transaction->changes[i].type],
                   transaction->changes[i].path);
}

static void append(struct ensemble *ensemble, struct transaction *transaction)
{
    uint64_t count = ensemble->log_end - ensemble->log_first;

    if (count == ensemble->log_room) {
        ensemble->log_room = count == 0 ? 64 : 2 * (size_t)count;
        ensemble->log =
            realloc(ensemble->log, ensemble->log_room * sizeof *ensemble->log);
        ASSERT(ensemble->log != NULL);
    }
    ensemble->log[count] = transaction;
    ensemble->log_end++;
    ensemble->last_zxid = transaction->zxid;
    note(ensemble, transaction);
    zk_server_wake_all(ensemble);
}

struct transaction *zk_log_at(struct ensemble *ensemble, uint64_t index)
{
    ASSERT(index >= ensemble->log_first);
    ASSERT(index < ensemble->log_end);
    return ensemble->log[index - ensemble->log_first];
}

void zk_log_trim(struct ensemble *ensemble)
{
    uint64_t applied = ensemble->log_end;
    uint64_t drop;

    for (unsigned i = 0; i < ensemble->server_count; i++)
        if (ensemble->servers[i].applied < applied)
            applied = ensemble->servers[i].applied;
    drop = applied - ensemble->log_first;
    if (drop < 64)
        return;
    for (uint64_t i = 0; i < drop; i++)
        transaction_free(ensemble->log[i]);
    memmove(ensemble->log, ensemble->log + drop,
            (size_t)(ensemble->log_end - applied) * sizeof *ensemble->log);
    ensemble->log_first = applied;
}

void zk_log_release(struct ensemble *ensemble)
{
    for (uint64_t i = ensemble->log_first; i < ensemble->log_end; i++)
        transaction_free(zk_log_at(ensemble, i));
    free(ensemble->log);
}

/* ---- deciding a write ---- */

/* What comes after an operation that failed, and what came before it. */
static void fail_ops(struct packet *packet, size_t failed, int error)
{
    for (size_t i = 0; i < packet->op_count; i++)
        packet->ops[i].error = i < failed    ? ZOK
                               : i == failed ? error
                                             : ZRUNTIMEINCONSISTENCY;
    packet->rc = error;
}

static void undo_all(struct ensemble *ensemble, struct transaction *transaction,
                     struct undo *undos)
{
    for (size_t i = transaction->count; i-- > 0;)
        zk_tree_undo(&ensemble->tip, &undos[i]);
    for (size_t i = 0; i < transaction->count; i++)
        zk_change_release(&transaction->changes[i]);
    transaction->count = 0;
    transaction->type = TRANSACTION_ERROR;
}

/* Applies one checked change to the tip and keeps its results. */
static void decide(struct ensemble *ensemble, struct transaction *transaction,
                   struct op *op, struct undo *undo)
{
    struct change *change = &transaction->changes[transaction->count++];

    zk_tree_apply(&ensemble->tip, change, transaction->zxid,
                  transaction->time_ms, undo);
    if (change->type == CHANGE_SET)
        zk_znode_stat(zk_tree_find(&ensemble->tip, change->path), &op->stat);
    if (change->type == CHANGE_CREATE && op->flags & ZOO_SEQUENCE) {
        free(op->path);
        op->path = strdup(change->path);
        ASSERT(op->path != NULL);
    }
}

void zk_log_write(struct ensemble *ensemble, struct packet *packet,
                  int64_t session_id)
{
    struct transaction *transaction =
        transaction_new(ensemble, TRANSACTION_OPS, session_id);
    struct undo *undos = calloc(packet->op_count + 1, sizeof *undos);
    size_t undo_count;

    transaction->changes =
        calloc(packet->op_count + 1, sizeof *transaction->changes);
    ASSERT(undos != NULL);
    ASSERT(transaction->changes != NULL);
    for (size_t i = 0; i < packet->op_count; i++) {
        struct op *op = &packet->ops[i];
        struct change *change = &transaction->changes[transaction->count];
        int error = zk_tree_check(&ensemble->tip, op, session_id, change);

        if (error != ZOK) {
            undo_all(ensemble, transaction, undos);
            fail_ops(packet, i, error);
            break;
        }
        if (op->type != CHANGE_CHECK)
            decide(ensemble, transaction, op, &undos[transaction->count]);
    }
    undo_count = transaction->count;
    for (size_t i = 0; i < undo_count; i++)
        zk_undo_release(&undos[i]);
    free(undos);
    append(ensemble, transaction);
}

/* ---- sessions ---- */

void zk_log_create_session(struct ensemble *ensemble, struct session *session)
{
    append(ensemble,
           transaction_new(ensemble, TRANSACTION_CREATE_SESSION, session->id));
}

static size_t ephemerals_of(struct ensemble *ensemble, int64_t session_id,
                            struct change *changes)
{
    size_t count = 0;

    for (struct znode *node = zk_tree_first(&ensemble->tip); node != NULL;
         node = zk_tree_next(node)) {
        if (node->stat.ephemeralOwner != session_id)
            continue;
        if (changes != NULL) {
            changes[count].type = CHANGE_DELETE;
            changes[count].path = strdup(node->path);
            ASSERT(changes[count].path != NULL);
        }
        count++;
    }
    return count;
}

void zk_log_close_session(struct ensemble *ensemble, int64_t session_id)
{
    struct transaction *transaction =
        transaction_new(ensemble, TRANSACTION_CLOSE_SESSION, session_id);
    size_t count = ephemerals_of(ensemble, session_id, NULL);

    transaction->changes = calloc(count + 1, sizeof *transaction->changes);
    ASSERT(transaction->changes != NULL);
    transaction->count =
        ephemerals_of(ensemble, session_id, transaction->changes);
    for (size_t i = 0; i < count; i++)
        zk_tree_apply(&ensemble->tip, &transaction->changes[i],
                      transaction->zxid, transaction->time_ms, NULL);
    append(ensemble, transaction);
}
