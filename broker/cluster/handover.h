/* SPDX-License-Identifier: Apache-2.0
 *
 * What a broker does before it stops (decision 0032): it says that it is
 * leaving, goes on serving until others have taken over what they can, and
 * only then goes.
 *
 *     IDLE --told to stop, others can take over--> UNDER_WAY
 *     UNDER_WAY --nothing is left that they could--> DONE
 *     UNDER_WAY --the session is over, or time is up--> DONE
 *     IDLE, UNDER_WAY --told again, or the broker stops by itself--> DONE
 *
 * The controller decides who takes over (rules/replication.h); here it is
 * only looked at.
 */
#ifndef CLUSTER_HANDOVER_H
#define CLUSTER_HANDOVER_H

#include "cluster/replicas.h"

enum handover_step { HANDOVER_IDLE, HANDOVER_UNDER_WAY, HANDOVER_DONE };

/* Embedded by the owner. */
struct handover_listener {
    /* All is handed over, or the time is up; once, from a timer. */
    void (*on_handed_over)(struct handover_listener *listener);
};

struct handover {
    struct replicas *replicas; /* borrowed */
    struct handover_listener *listener;
    int64_t max_us;
    enum handover_step step;
    int64_t began_us;
    struct timer timer;
};

/* Borrows replicas and listener until handover_stop(). max_us: how long it may
 * take, in microseconds; 0: nothing is handed over. */
void handover_init(struct handover *handover, struct replicas *replicas,
                   struct handover_listener *listener, int64_t max_us);
/* The broker is told to stop. True: it has to say in its registration that it
 * is leaving, and on_handed_over follows. False: it may stop at once; also
 * when it was told before. */
bool handover_begin(struct handover *handover);
/* The broker stops: on_handed_over does not come any more. */
void handover_stop(struct handover *handover);

#endif
