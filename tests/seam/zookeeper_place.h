/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a test of zookeeper.h runs: with the real library and Debian's
 * server (zookeeper_real.c), or in the simulated world (zookeeper_sim.c).
 */
#ifndef TESTS_SEAM_ZOOKEEPER_PLACE_H
#define TESTS_SEAM_ZOOKEEPER_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include <zookeeper/zookeeper.h>

struct place;

/* The real place has one server, kept for the whole program. */
struct place *place_new(unsigned servers, uint64_t seed);
void place_free(struct place *place);
const char *place_hosts(const struct place *place);

/* Calls the library as client 0, 1, ... would. */
void place_call(struct place *place, unsigned client,
                void (*call)(void *context), void *context);
/* Lets time go until done(context), at most so long; whether it was. The
 * real place holds its lock while it asks. */
bool place_wait(struct place *place, bool (*done)(void *context), void *context,
                int ms);
/* Around what callbacks write. Unlocking wakes place_wait(). */
void place_lock(struct place *place);
void place_unlock(struct place *place);
/* The servers end the session of this client's handle. */
void place_expire(struct place *place, unsigned client, const clientid_t *id);

#endif
