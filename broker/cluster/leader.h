/* SPDX-License-Identifier: Apache-2.0
 *
 * The leader's side of a partition, for cluster/partition.c alone; what
 * others call is in cluster/partition.h.
 */
#ifndef CLUSTER_LEADER_H
#define CLUSTER_LEADER_H

#include "cluster/partition.h"

struct seam *partition_seam(const struct partition *partition);

void leader_start(struct partition *partition);
void leader_stop(struct partition *partition);
/* The log moved on, or the committed state did. */
void leader_progress(struct partition *partition);
/* Goes on when nobody who is counted on knows more than we have; else it is
 * said again from time to time. */
void leader_review_outdone(struct partition *partition);
/* What was past the log's end found no space. */
void leader_taken_back(struct partition *partition);
/* Of struct partition_waiter: what they wait for may be there. */
void partition_wake(struct list *waiters);
/* What they asked for may be an error now. */
void leader_wake_readers(struct partition *partition);

#endif
