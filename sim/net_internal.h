/* SPDX-License-Identifier: Apache-2.0
 *
 * A connection has two ends (struct connection, the handle of a process) and
 * a wire between them, which outlives either end while the other may hear of
 * it. Each direction of a wire is a lane: segments in order, one at a time
 * about to arrive.
 */
#ifndef SIM_NET_INTERNAL_H
#define SIM_NET_INTERNAL_H

#include "seam/disk.h"
#include "seam/net.h"
#include "sim/twins.h"

enum segment_kind { SEGMENT_DATA, SEGMENT_FIN, SEGMENT_RST };

struct segment {
    struct list link; /* lane->segments or connection->received */
    enum segment_kind kind;
    int64_t at_us;
    size_t size;
    size_t read; /* by the receiver */
    uint8_t data[];
};

struct wire;

struct lane {
    struct wire *wire;
    unsigned from; /* the side it leaves from; it goes to 1 - from */
    struct list segments;
    struct happening arrival; /* of the first segment */
    bool hangs;               /* it met a cut, or a node without power */
    int64_t last_us;          /* arrival of the last segment */
    size_t window;
    size_t used;             /* bytes sent and not yet read by the receiver */
    struct happening credit; /* the sender hears that bytes were read */
    size_t credited;
};

struct wire {
    struct world *world;
    uint64_t id;
    struct list link; /* world->wires */
    struct node *nodes[2];
    struct connection *ends[2]; /* NULL: not yet, or gone */
    struct lane lanes[2];
    bool dead; /* half open: nothing arrives any more */
    struct happening handshake;
    bool refused;
    uint16_t port;
    int64_t give_up_us;
};

struct net {
    struct node *node;
    struct list connections;
    struct list listeners;
    struct list dead; /* connections, freed when the event is over */
    struct list dead_listeners;
    struct list over;   /* sends whose done() is under way (struct ending) */
    uint16_t next_port; /* for connections and port 0 */
    bool without_power;
};

struct net_listener {
    struct net *net;
    struct list link;
    uint16_t port;
};

struct connection {
    struct net *net;
    struct wire *wire; /* NULL: off it */
    unsigned side;
    struct list link; /* net->connections or net->dead */
    struct connection_owner *owner;
    struct net_listener *listener; /* while ACCEPTED is under way */
    bool connected;
    bool paused;
    bool failed; /* CLOSED is under way */
    bool dead;   /* the handle */
    bool ended;  /* the peer has closed; what was received can be read */
    enum error error;
    struct list received; /* of struct segment */
    size_t received_bytes;
    struct list sends; /* of struct net_send */
    size_t unsent;
    struct happening pump;
    struct delivery accepted;
    struct delivery established;
    struct delivery readable;
    struct delivery closed;
    char name[80];
};

/* ---- net.c ---- */
struct connection *connection_new(struct net *net, struct wire *wire,
                                  unsigned side);
/* No more of it; CLOSED is delivered. */
void connection_fail(struct connection *connection, enum error error);
void connection_want_read(struct connection *connection);

/* ---- net_send.c ---- */
void connection_pump(struct connection *connection);
void on_pump(struct happening *happening);
/* All queued sends end with ERROR_CLOSED. */
void sends_cancel(struct connection *connection);
void sends_drop(struct net *net);

/* ---- net_wire.c ---- */
struct wire *wire_new(struct world *world, struct node *from);
void wire_free(struct wire *wire);
/* Nothing arrives any more, and nobody is told. */
void wire_kill(struct wire *wire);
/* Microseconds that something takes from this side to the other. */
int64_t wire_latency_us(struct wire *wire, unsigned from);
/* Takes the segment. */
void net_lane_send(struct lane *lane, struct segment *segment);
struct segment *segment_new(enum segment_kind kind, size_t size);
void segment_free(struct segment *segment);
/* The receiver has read this much. */
void lane_credit(struct lane *lane, size_t bytes);
/* The end lets go: the other end is told in the order of what was sent. */
void wire_leave(struct connection *connection, enum segment_kind how);
/* The end is gone and says nothing. */
void wire_vanish(struct connection *connection);
bool nodes_connected(struct world *world, const struct node *from,
                     const struct node *to);

/* ---- net_connect.c ---- */
void connecting_init(struct connection *connection);
void connecting_start(struct connection *connection, const char *host,
                      uint16_t port);

#endif
