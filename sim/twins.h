/* SPDX-License-Identifier: Apache-2.0
 *
 * What world, node and the twins of the seam share: the way an event takes to
 * a node's door, and the parts of a node. Only the files directly in sim/
 * include it.
 *
 *     happening   something at a virtual time, in the world's queue
 *     delivery    an event that has arrived at a node and waits for its turn
 */
#ifndef SIM_TWINS_H
#define SIM_TWINS_H

#include <setjmp.h>

#include "base/assert.h"
#include "base/list.h"
#include "seam/inbox.h"
#include "seam/timer.h"
#include "sim/internal.h"
#include "sim/queue.h"
#include "sim/streams.h"

/* ---- the world --------------------------------------------------------- */

struct fault_rule {
    struct world_fault fault;
    uint64_t asked; /* of whom it is about, in its span */
    size_t next;    /* of its nths */
    uint64_t fired;
};

struct world {
    struct world_options options;
    struct queue queue;
    int64_t now_us;
    int64_t zookeeper_skew_ms; /* of the ensemble's wall clock */
    uint64_t hash;
    uint64_t events;
    uint64_t marks[MARK_COUNT];
    char *assertion;
    struct streams streams;
    uint64_t turn;
    uint64_t fork_turn; /* 0: no future but the one of the seed */
    uint32_t future;
    struct node **nodes;
    uint32_t node_count;
    struct node *current;
    jmp_buf *escape; /* out of the node's code that runs now */
    struct ensemble *ensemble;
    struct list calls; /* of world_at() */
    enum disk_profile disk_profile;
    /* faults.c */
    struct fault_rule *rules;
    unsigned rule_count;
    struct node *asking;
    bool armed[FAULT_COUNT];
    uint64_t asked[FAULT_COUNT];
    uint64_t fired[FAULT_COUNT];
    uint64_t observed[FAULT_COUNT];
    /* net */
    struct list cuts;
    struct list wires;
    uint64_t next_wire;
};

void world_schedule(struct world *world, struct happening *happening,
                    int64_t at_us);
void world_cancel(struct world *world, struct happening *happening);
/* Uniform in [low, high]. */
int64_t world_between(struct world *world, struct node *node,
                      enum purpose purpose, int64_t low, int64_t high);
/* True once in `of` times. */
bool world_chance(struct world *world, struct node *node, enum purpose purpose,
                  uint64_t of);
/* A line of the text; nothing when none is kept. Not in the hash. */
void world_text(struct world *world, const struct node *node,
                const char *format, ...) __attribute__((format(printf, 3, 4)));

void faults_release(struct world *world);
/* Counts an asking; true when the point is armed. */
bool node_asks(struct node *node, enum fault_point point);
#define NODE_FAULT(node, name)                                                 \
    (node_asks((node), FAULT_##name) && fault_ask(FAULT_##name))

/* ---- deliveries -------------------------------------------------------- */

/* Embedded in what the event is about. deliver() runs as the node; it frees
 * what it must before node_handle(), which may not return. */
struct delivery {
    void (*deliver)(struct delivery *delivery);
    struct list link;
};

static inline void delivery_init(struct delivery *delivery,
                                 void (*deliver)(struct delivery *delivery))
{
    delivery->deliver = deliver;
    list_init(&delivery->link);
}

static inline bool delivery_waits(const struct delivery *delivery)
{
    return !list_empty(&delivery->link);
}

/* Takes its place behind what has arrived before, if it does not wait
 * already. */
void node_arrive(struct node *node, struct delivery *delivery);
/* What an event is known by in the trace. */
struct event_key {
    const char *what;
    uint64_t id;
    uint64_t a;
    uint64_t b;
};
/* Fills the time in and hands the event to the node. */
void node_handle(struct node *node, struct event *event,
                 const struct event_key *key);
int64_t node_monotonic_us(const struct node *node);

/* ---- parts of a node --------------------------------------------------- */

struct heap {
    struct node *node;
    struct list blocks;
    size_t used;
    size_t bytes_max;
};
void heap_init(struct heap *heap, struct node *node, size_t bytes_max);
void heap_drop(struct heap *heap);

RB_HEAD(timer_tree, timer);
struct timers {
    struct node *node;
    struct timer_tree tree;
    uint64_t next_sequence;
    struct happening due;
    struct delivery fire;
    /* whether the node does nothing but to run one timer */
    const struct timer *last;
    uint64_t last_handled;
    int64_t same_since_us;
    unsigned same_count;
};
void timers_init(struct timers *timers, struct node *node);
void timers_drop(struct timers *timers);

struct inbox {
    struct node *node;
    struct list memory;   /* every message there is */
    struct list messages; /* posted, in order */
    struct delivery deliver;
    struct list jobs; /* offloaded; the first one runs */
    struct background worker;
    bool working;
    uint64_t delivered;
};
void inbox_init(struct inbox *inbox, struct node *node);
void inbox_drop(struct inbox *inbox);

struct trace {
    struct node *node;
};

struct disk *disk_new(struct node *node);
void disk_free(struct disk *disk);
void disk_process_ended(struct disk *disk, bool power);
void disk_process_starts(struct disk *disk);

struct net *net_new(struct node *node);
void net_free(struct net *net);
void net_process_ended(struct net *net, bool power);
void net_process_starts(struct net *net);
/* Frees what died in the event that is over. */
void net_bury(struct net *net);
/* Connections that hung go on. */
void net_healed(struct world *world);
void cuts_release(struct world *world);

struct node {
    struct world *world;
    char *name;
    uint32_t index;
    uint64_t handled; /* events, of all its processes */
    const struct node_kind *kind;
    void *context;
    size_t heap_bytes_max;
    bool up;
    bool paused;
    bool running; /* its code is on the stack */
    bool ending;  /* when the event is over */
    bool ending_by_power;
    bool exited; /* ending by node_exit() */
    int exit_code;
    char why[256];
    unsigned starts;
    void *object;
    struct seam seam;
    struct list pending; /* of struct delivery */
    struct happening dispatch;
    struct delivery stop;
    int64_t busy_until_us;
    struct list backgrounds; /* of struct background_call */
    struct list held;        /* the same; came due in a pause */
    uint64_t next_background;
    int64_t monotonic_offset_us;
    int64_t wall_offset_ms;
    struct uuid boot_id;
    struct heap heap;
    struct timers timers;
    struct inbox inbox;
    struct trace trace;
    struct disk *disk;
    struct net *net;
    struct streams streams;
};

void node_free(struct node *node);
/* The process ends now, whatever it does; not from within its own code. */
void node_end(struct node *node, bool power);
/* Out of the node's code, to the world's dispatcher. */
_Noreturn void node_escape(struct node *node);
/* Records what failed and escapes; does not return when a node's code runs. */
void world_assertion_failed(struct world *world, const char *text);

#endif
