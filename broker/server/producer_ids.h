/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers for idempotent producers: a block at a time is taken from
 * /producer_ids by compare-and-set, so that no number is given twice.
 */
#ifndef SERVER_PRODUCER_IDS_H
#define SERVER_PRODUCER_IDS_H

#include "cluster/defects.h"
#include "coord/coord.h"

#define PRODUCER_ID_BLOCK 1000

struct producer_id_waiter {
    /* error, or an id nobody else has */
    void (*done)(struct producer_id_waiter *waiter, enum error error,
                 uint64_t producer_id);
    struct list node;
};

struct producer_ids {
    struct seam *seam;
    struct coord *coord;
    struct coord_request request;
    bool request_open;
    uint64_t next;
    uint64_t end;
    uint64_t wanted_end;
    struct list waiters;
    struct defects *defects; /* borrowed */
};

void producer_ids_init(struct producer_ids *ids, struct seam *seam,
                       struct coord *coord, struct defects *defects);
/* done comes now or later. */
void producer_ids_take(struct producer_ids *ids,
                       struct producer_id_waiter *waiter);

#endif
