/* SPDX-License-Identifier: Apache-2.0
 *
 * Pulls from one leader for all the replicas that follow it. At most two
 * fetches are under way: the second lets partitions that became idle go on
 * while the first is parked. When both are and more partitions come, they are
 * called back, not more often than every CALL_BACK_US. A counted offset that
 * moves while its fetch is parked is told by a one-way ReplicaPosition, so that
 * no acknowledgement waits for a fetch to return.
 */
#ifndef CLUSTER_FETCHER_H
#define CLUSTER_FETCHER_H

#include "base/list.h"
#include "cluster/peers.h"

#define FETCHES_MAX          2
#define FETCH_PARTITIONS_MAX 8000 /* within FRAME_HEADER_BYTES_MAX */

struct replicas;
struct partition;

struct fetcher {
    struct replicas *replicas;
    uint32_t leader;
    struct list node; /* replicas->fetchers */
    struct peer_listener listener;
    struct peer peer;
    struct list idle;      /* partitions to be fetched next */
    struct list waiting;   /* partitions that back off */
    struct list positions; /* partitions whose counted offset moved */
    struct list fetches;   /* under way */
    unsigned fetch_count;
    bool called_back;       /* and the leader was asked to answer them now */
    int64_t called_back_us; /* when that was last */
    bool fetch_full;        /* the last one had no room for more partitions */
    unsigned partition_count;
    struct timer back_off;
    struct timer kick;
};

struct fetcher *fetcher_new(struct replicas *replicas, uint32_t leader);
void fetcher_free(struct fetcher *fetcher);

void fetcher_add(struct fetcher *fetcher, struct partition *partition);
void fetcher_remove(struct fetcher *fetcher, struct partition *partition);
/* The partition's counted offset moved, or its appends are done. */
void fetcher_progress(struct fetcher *fetcher, struct partition *partition);
/* What the last fetches brought found no space: fetched again later. */
void fetcher_taken_back(struct fetcher *fetcher, struct partition *partition);

#endif
