/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulated place, for tests that have no other.
 */
#ifndef TESTS_SEAM_ZOOKEEPER_SIM_H
#define TESTS_SEAM_ZOOKEEPER_SIM_H

#include "sim/world.h"
#include "tests/seam/zookeeper_place.h"

struct world *place_world(struct place *place);
struct node *place_node(struct place *place, unsigned client);
void place_pass(struct place *place, int ms);

#endif
