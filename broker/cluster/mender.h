/* SPDX-License-Identifier: Apache-2.0
 *
 * Fetches what cannot be read here (log->damaged) from whatever replica has
 * it, the leader first, and has it written again where it lay (log_mend()).
 * One partition at a time, at any role: nobody's role changes for it.
 *
 *     IDLE --some log is damaged--> MENDING --a batch is wanted--> CONNECTING
 *     CONNECTING --connected--> ASKING --the batch has come--> MENDING
 *     CONNECTING, ASKING --not there--> CONNECTING to the next replica, or
 *         MENDING when all were asked: what nobody needs is filled
 *     MENDING --mended, nobody has it, or the log changed--> IDLE, and on with
 *         the next log after a pause
 */
#ifndef CLUSTER_MENDER_H
#define CLUSTER_MENDER_H

#include "cluster/peers.h"
#include "log/log.h"

struct replicas;

enum mender_state {
    MENDER_IDLE,       /* until the timer fires */
    MENDER_MENDING,    /* log_mend_...() will call back */
    MENDER_CONNECTING, /* to the replica to be asked, until the timer fires */
    MENDER_ASKING      /* a fetch of the batch that is wanted is under way */
};

struct mender {
    struct replicas *replicas;
    struct peer_listener listener;
    struct peer peer;
    struct timer timer;
    int64_t begun_us; /* when it began to look */
    int64_t look_us;  /* how long that took, until a batch was wanted */
    enum mender_state state;
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
