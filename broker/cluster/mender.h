/* SPDX-License-Identifier: Apache-2.0
 *
 * Fetches what cannot be read here (log->damaged) from whatever replica has
 * it, the leader first, and has it written again where it lay (log_mend()).
 * One partition at a time, at any role: nobody's role changes for it.
 *
 *     IDLE --log damaged--> LOOKING --a batch is wanted--> ASKING one replica
 *       ^                     ^  |                           | after another
 *       +------- mended ------|--+                           |
 *       |                     +----- WRITING <--- answered --+
 *       +------- nobody has it, or the log changed: a pause -+
 */
#ifndef CLUSTER_MENDER_H
#define CLUSTER_MENDER_H

#include "cluster/peers.h"
#include "log/log.h"

struct replicas;

struct mender {
    struct replicas *replicas;
    struct peer_listener listener;
    struct peer peer;
    struct timer timer;
    int64_t begun_us; /* when it began to look */
    int64_t look_us;  /* how long that took, until a batch was wanted */
    bool working;     /* on `key`, until rest() */
    bool calling;     /* a fetch of the batch that is wanted is under way */
    struct partition_key key; /* in work, or the last one */
    uint32_t asked;           /* replicas asked for the batch in vain */
    struct call call;
    struct frame *frame; /* the answer, while it is written */
    struct log_mend mend;
};

void mender_init(struct mender *mender, struct replicas *replicas);
void mender_release(struct mender *mender);
/* Some log may be damaged: looks for one, if it is at rest. */
void mender_kick(struct mender *mender);

#endif
