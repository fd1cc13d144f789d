/* SPDX-License-Identifier: Apache-2.0
 *
 * What the twins of sim/ and the ensemble of sim/zookeeper/ share beyond
 * world.h. Nothing outside of sim/ and sim/zookeeper/ includes it.
 */
#ifndef SIM_INTERNAL_H
#define SIM_INTERNAL_H

#include "base/list.h"
#include "sim/world.h"

struct ensemble;

/* The world under way, and the node whose code runs now (NULL: none). They
 * are what zookeeper.h and the fault points, which have no context argument,
 * look up. */
struct world *world_current(void);
struct node *node_current(void);

/* A call on behalf of a node's background threads: the node is current while
 * it runs, it may post to the node's inbox and must not touch its core. It
 * runs at `at_us` or, if the node is paused then, when it resumes. If the
 * process ends first, drop() is called instead. Either may free the struct.
 * Calls of one node at one time run in the order of asking. */
struct background {
    void (*run)(struct background *call);
    void (*drop)(struct background *call);
    /* the world's: */
    struct node *node;
    struct list link;
    int64_t at_us;
    uint64_t sequence;
};
void node_background(struct node *node, struct background *call, int64_t at_us);

/* Adds to the hash of the trace, and a line to its text where one is kept.
 * `node` may be NULL. */
void world_note(struct world *world, const struct node *node,
                const char *format, ...) __attribute__((format(printf, 3, 4)));
void world_hash_add(struct world *world, const void *bytes, size_t size);
/* Formatting is wasted when nobody reads the text. */
bool world_keeps_text(const struct world *world);

/* ---- sim/zookeeper/ensemble.c, called by world.c ---- */

/* Servers "z1".."zN"; they run. Owned by the world. */
struct ensemble *ensemble_new(struct world *world, unsigned servers);
void ensemble_free(struct ensemble *ensemble);
void ensemble_crash(struct ensemble *ensemble, unsigned server);
void ensemble_start(struct ensemble *ensemble, unsigned server);
bool ensemble_expire(struct ensemble *ensemble, struct node *node);
bool ensemble_put(struct ensemble *ensemble, const char *path,
                  const char *bytes, int size);
int ensemble_read(struct ensemble *ensemble, const char *path, char **bytes);
/* The process of this node ended: its handles are gone without a word, its
 * sessions go on until the ensemble misses them. Called after the node's
 * background calls were dropped. */
void ensemble_node_ended(struct ensemble *ensemble, struct node *node);
/* The right wall clock: each node's strays from it. */
int64_t world_wall_ms(const struct world *world);
int64_t world_zookeeper_skew_ms(const struct world *world);
/* NULL when the world has none. */
struct ensemble *world_ensemble(struct world *world);

#endif
