/* SPDX-License-Identifier: Apache-2.0
 *
 * What this broker tells and asks the controller, over one channel; part of
 * the replicas.
 */
#ifndef CLUSTER_CONTROLLER_CALLS_H
#define CLUSTER_CONTROLLER_CALLS_H

#include "cluster/replicas.h"

void controller_calls_init(struct replicas *replicas);
void controller_calls_release(struct replicas *replicas);
void controller_calls_suspend(struct replicas *replicas);

#endif
