/* SPDX-License-Identifier: Apache-2.0
 *
 * The world that a runner works with: nodes (brokers, clients), the network
 * between them, a ZooKeeper ensemble, and time. The linker decides which one.
 *
 * sim/: one thread, one virtual clock, one seed. Each node has a seam of its
 * own; the ensemble stands behind zookeeper.h. Same binary, same calls, same
 * seed: the same trace, byte for byte.
 *
 * sim/real/: brokers and servers are processes, time is the machine's. What
 * such a world cannot do, world_cannot() says; asked for it all the same, it
 * does nothing, and counts are zero.
 *
 * Several worlds may exist one after the other in a process, never two at a
 * time (zookeeper.h and the fault points have no context argument).
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "faults/fault.h"
#include "seam/disk.h"
#include "seam/event.h"
#include "seam/seam.h"
#include "seam/trace.h"
#include "sim/disk_profile.h"

struct world;
struct node;

/* A disk operation as it is submitted; `path` of an open file: by which it
 * was opened or renamed last. Valid until return. */
struct disk_call {
    enum disk_operation operation;
    const char *path;
};
const char *disk_operation_name(enum disk_operation operation); /* "append" */

/* A part of a file. Valid until return. */
struct disk_place {
    const char *path;
    uint64_t offset;
    uint64_t length;
};

/* Whether the medium may be damaged there. */
enum damage_time { DAMAGE_NEVER, DAMAGE_LATER, DAMAGE_NOW };

/* Embedded by whoever watches (the judge). Any may be NULL. */
struct world_observer {
    void (*on_fact)(struct world_observer *observer, struct node *node,
                    const struct fact *fact);
    /* A node ended: by node_exit(), an assertion, a crash step. */
    void (*on_down)(struct world_observer *observer, struct node *node);
    void (*on_up)(struct world_observer *observer, struct node *node);
    void (*on_disk)(struct world_observer *observer, struct node *node,
                    const struct disk_call *call);
    /* Asked before a fault that damages silently; NULL: everything may be. */
    enum damage_time (*may_damage)(struct world_observer *observer,
                                   struct node *node,
                                   const struct disk_place *place);
    void (*on_damage)(struct world_observer *observer, struct node *node,
                      const struct disk_place *place);
    /* A fault (its index) was asked in its span whether it fires. `node` may
     * be NULL. */
    void (*on_asked)(struct world_observer *observer, struct node *node,
                     unsigned fault, bool fires);
    /* A mark is reached for the first time. */
    void (*on_mark)(struct world_observer *observer, enum mark mark);
    /* A line of the trace that is hashed: what befalls nodes (NULL: none),
     * links and the ensemble. Valid until return. */
    void (*on_note)(struct world_observer *observer, const struct node *node,
                    const char *text);
    /* What a node says to people, from TRACE_INFO on; likewise. */
    void (*on_log)(struct world_observer *observer, const struct node *node,
                   enum trace_level level, const char *text);
};

/* What steps, faults and oracles need of a world, and not every one has. */
enum world_skill {
    SKILL_POWER,   /* a process ends and what was not synced goes with it */
    SKILL_NETWORK, /* links are cut and healed */
    SKILL_CLOCKS,  /* wall clocks jump */
    SKILL_EXPIRE,  /* the ensemble ends a session */
    SKILL_IMAGES,  /* of disks as a loss of power would leave them */
    SKILL_SPACE,   /* disks have a size */
    SKILL_OUTAGE,  /* a log directory fails as a whole */
    SKILL_ORDER    /* it is known which of two things on two nodes was first */
};
/* Why not, as half a sentence; NULL: it can. */
const char *world_cannot(enum world_skill skill);
/* The same of a fault that fires at so many askings (0: by chance). */
const char *world_cannot_fault(enum fault_point point, size_t nths);
const char *world_name(void); /* "sim", "real" */

struct world_options {
    uint64_t seed;
    struct world_observer *observer; /* borrowed; may be NULL */
    FILE *trace;                     /* text of everything; NULL: none */
    int64_t wall_start_ms;           /* wall clock at time 0 */
    enum disk_profile disk_profile;
};

struct world *world_new(const struct world_options *options);
void world_free(struct world *world);

int64_t world_now_us(const struct world *world);
uint64_t world_hash(const struct world *world);   /* of the trace so far */
uint64_t world_events(const struct world *world); /* delivered so far */
/* The one given, or the one drawn. */
enum disk_profile world_disk_profile(const struct world *world);
uint64_t world_marks(const struct world *world, enum mark mark);
/* The first assertion that failed in a node ("file:line: text"), or NULL:
 * the run has failed. */
const char *world_assertion(const struct world *world);

/* The number of what happens now, or happened last: 1 and up. */
uint64_t world_turn(const struct world *world);
/* From this turn on all draws are those of another future (1 and up) that this
 * seed could have had. */
void world_fork(struct world *world, uint64_t turn, uint32_t future);

/* Runs until virtual time `until_us`, or until `done(context)` says so after
 * some event (may be NULL). True when done. */
bool world_run(struct world *world, int64_t until_us,
               bool (*done)(void *context), void *context);

/* The observer is told all that nodes said before now: what a client sees
 * comes after what it comes from. */
void world_catch_up(struct world *world);

/* Calls back at a virtual time, outside of any node. */
void world_at(struct world *world, int64_t at_us, void (*call)(void *context),
              void *context);

/* Draw n of the stream (seed, name, purpose): streams do not move each
 * other. `node` may be NULL (the world itself). Purposes below 1000 are the
 * world's own; callers use 1000 and up. */
uint64_t world_random(struct world *world, struct node *node, uint32_t purpose);
uint64_t world_random_below(struct world *world, struct node *node,
                            uint32_t purpose, uint64_t bound);

/* ---- nodes ---- */

struct node_kind {
    /* Builds the node in seam->heap and starts it; what it returns is given
     * to on_event. seam->now is set. */
    void *(*start)(struct node *node, struct seam *seam, void *context);
    void (*on_event)(void *object, const struct event *event);
    /* A broker, which may be a process of its own: its settings, a KEY=VALUE a
     * line. NULL: a client. */
    const char *(*settings)(void *context);
};

/* `name` is its host name ("b1", "c1"); copied. It is down until started.
 * What it listens on is reached as name:port. heap_bytes_max: its limit. */
struct node *world_add_node(struct world *world, const char *name,
                            const struct node_kind *kind, void *context,
                            size_t heap_bytes_max);
struct node *world_node(struct world *world, const char *name);
/* The host by which nodes reach this node or server ("z1"). */
#define WORLD_HOST_BYTES 32
void world_host(const struct world *world, const char *name,
                char host[WORLD_HOST_BYTES]);
const char *node_name(const struct node *node);
uint32_t node_index(const struct node *node); /* in the order of adding */
struct world *node_world(const struct node *node);
bool node_is_up(const struct node *node);
void *node_object(const struct node *node); /* NULL when down */
unsigned node_starts(const struct node *node);

enum node_crash {
    NODE_CRASH_PROCESS, /* kill -9: what was written is still there */
    NODE_CRASH_POWER    /* unsynced writes are kept, dropped or torn */
};

void node_start(struct node *node); /* it is down */
void node_crash(struct node *node, enum node_crash how);
void node_stop(struct node *node); /* EVENT_STOP: it exits by itself */
/* From within the node's events: the process ends when the event is over. */
void node_exit(struct node *node, int exit_code, const char *why);
int node_exit_code(const struct node *node); /* of the last exit */
const char *node_exit_why(const struct node *node);
/* While paused no event reaches it; what it submitted goes on. */
void node_pause(struct node *node);
void node_resume(struct node *node);
bool node_is_paused(const struct node *node);
/* The wall clock of the node moves by this much. */
void node_clock_jump(struct node *node, int64_t by_ms);
/* An empty disk; the node is down. */
void node_wipe_disk(struct node *node);
/* A top directory as a disk of its own: every operation on it fails, or works
 * again. */
void node_fail_directory(struct node *node, const char *name, bool fails);
/* It is empty from now on; the node is down. */
void node_wipe_directory(struct node *node, const char *name);
bool node_has_path(const struct node *node, const char *path);
/* Remembers what a loss of power would leave of the disk, now; the disk of a
 * node that is down becomes what was remembered last. */
void node_save_disk(struct node *node);
bool node_has_image(const struct node *node);
void node_restore_disk(struct node *node);
void node_set_disk_capacity(struct node *node, uint64_t bytes);
uint64_t node_disk_used(const struct node *node); /* bytes */
/* What a loss of power would leave of this file, now; the bytes there are. */
size_t node_stored(struct node *node, const char *path, void *buffer,
                   size_t size);
/* Flips a bit of this file's stored bytes; false when it is not so long. */
bool node_rot(struct node *node, const char *path, uint64_t offset);

/* ---- one disk operation of a node ---- */

enum disk_strike_kind {
    DISK_STRIKE_SUBMITTED, /* call() while its code submits it */
    DISK_STRIKE_DONE,      /* call() when it has handled the completion */
    DISK_STRIKE_ERROR,     /* call(), and later it fails with ERROR_IO */
    DISK_STRIKE_FULL,      /* the same; if it may need space ERROR_DISK_FULL */
    DISK_STRIKE_SHORT,     /* an append: some of it is written, ERROR_IO */
    DISK_STRIKE_KINDS
};

/* What befalls the nth disk operation (1.., of those that this kind can
 * befall, over all processes of the node so far and to come). chosen() is
 * told which one that is, as it is submitted (NULL: nobody). call() may crash
 * the node: then its code does not go on. */
struct disk_strike {
    enum disk_strike_kind kind;
    uint64_t nth;
    void (*chosen)(void *context, const struct disk_call *call);
    void (*call)(void *context);
    void *context;
};

/* Copied; there is one a node. */
void node_strike_disk(struct node *node, const struct disk_strike *strike);
/* Submitted so far, of those that this kind can befall. */
uint64_t node_disk_operations(const struct node *node,
                              enum disk_strike_kind kind);

/* ---- the network between names (nodes, "z1".."zN") ---- */

/* Nothing goes from a to b (and, unless one_way, from b to a) until healed;
 * connections hang, they are not reset. "*" is everybody else. */
void world_cut(struct world *world, const char *a, const char *b, bool one_way);
void world_heal(struct world *world, const char *a, const char *b);
void world_heal_all(struct world *world);
bool world_connected(struct world *world, const char *from, const char *to);

/* ---- the ensemble: servers z1..zN, reached by nodes as "z1:2181,..." ---- */

void world_add_zookeeper(struct world *world, unsigned servers);
void world_zookeeper_crash(struct world *world, unsigned server); /* 1..N */
void world_zookeeper_start(struct world *world, unsigned server);
/* The wall clock of all servers moves. */
void world_zookeeper_clock_jump(struct world *world, int64_t by_ms);
/* The ensemble ends the session of this node now; false when it has none. */
bool world_zookeeper_expire(struct world *world, struct node *node);
/* As an operator does it by hand: the znode has this content, is made if it is
 * not there, or (size < 0) is removed. False when that is refused: there is no
 * quorum, no parent, or it has children. */
bool world_zookeeper_put(struct world *world, const char *path,
                         const char *bytes, int size);
/* Of a znode, as all that was decided leaves it: its size, and its content
 * (*bytes, which the caller frees), or -1 when there is none. */
int world_zookeeper_read(struct world *world, const char *path, char **bytes);
/* The same as it is known without asking, which may be a little older. */
int world_zookeeper_peek(struct world *world, const char *path, char **bytes);

/* ---- faults ---- */

struct world_fault {
    enum fault_point point;
    struct node *node; /* NULL: any */
    uint64_t nth; /* fires at the nth asking (1..) in its span; 0: not so */
    const uint64_t *nths; /* at each of these, which grow; borrowed for the */
    size_t nth_count;     /* life of the world; none of both: by rate */
    double rate;          /* probability of each asking */
    int64_t from_us;
    int64_t until_us; /* INT64_MAX: for ever */
    uint64_t limit;   /* at most so many times; 0: no limit */
};

/* Copied; give a node that exists. Returns its index for the counts. */
unsigned world_add_fault(struct world *world, const struct world_fault *fault);
/* How often a declared fault took effect; how often a point did. */
uint64_t world_fault_fired(const struct world *world, unsigned index);
uint64_t world_point_fired(const struct world *world, enum fault_point point);
uint64_t world_point_asked(const struct world *world, enum fault_point point);
/* Damage of this sort that some read met. */
uint64_t world_point_observed(const struct world *world,
                              enum fault_point point);

#endif
