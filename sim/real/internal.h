/* SPDX-License-Identifier: Apache-2.0
 *
 * The real world as sim/workload sees it through sim/world.h: brokers and
 * ZooKeeper servers are processes with an address and a directory of their
 * own, clients live in this process, each on a loop of its own.
 *
 *     DIR/bN/{broker.properties,log,facts-LIFE}   DIR/bN/disk/data
 *     DIR/zN/{zoo.cfg,log,data}
 *
 * Each has a network namespace (network.c) or, where that cannot be, an
 * address 127.A.B.C: A and B belong to the run, C to the process.
 */
#ifndef SIM_REAL_INTERNAL_H
#define SIM_REAL_INTERNAL_H

#include <limits.h>
#include <sys/types.h>

#include "base/list.h"
#include "real/loop.h"
#include "sim/queue.h"
#include "sim/real/real.h"
#include "sim/streams.h"
#include "sim/world.h"

#define REAL_SERVERS_MAX 7
#define ZOOKEEPER_PORT   2181
#define REAL_HOSTS_MAX   64
#define NODE_NAME_BYTES  16
#define LINE_BYTES       2048

/* ---- processes: process.c ---- */

/* What it wrote to its log since the last look, line by line. */
struct log_tail {
    FILE *file; /* NULL: not open */
    char line[LINE_BYTES];
    size_t have;
};

struct process {
    char name[NODE_NAME_BYTES]; /* its directory's too */
    pid_t pid;                  /* 0: it does not run */
    struct log_tail tail;
};

/* DIR/NAME/FILE; file NULL: DIR/NAME. Ends the program when that is too
 * long. */
void real_path(const struct world *world, const char *name, const char *file,
               char path[PATH_MAX]);
/* Makes it; ends the program when that fails. */
void real_make_directory(const char *path);
/* Ends the program when that fails. */
FILE *real_create(const char *path);
void real_finish(FILE *file, const char *path);

struct program {
    const char *directory; /* where it runs */
    char *const *argv;     /* ends with NULL */
    const char *variable;  /* "NAME=VALUE" of its environment; NULL: none */
};

/* Starts it, its output behind its log. It ends with this process. Ends the
 * program when that fails. */
void process_start(struct world *world, struct process *process,
                   const struct program *program);
void process_signal(const struct process *process, int signal);
/* Whether it has ended, and how (waitpid(2)). */
bool process_has_ended(struct process *process, int *status);
/* It is killed, if it runs, and waited for. */
void process_kill(struct process *process);
/* The same, and its log is closed. */
void process_release(struct process *process);
/* The next line of its log, without its end and cut after LINE_BYTES, valid
 * until the next call; NULL: none yet. */
const char *process_line(struct process *process);

/* ---- facts that a broker writes to a file: facts.c ---- */

struct facts {
    int fd; /* -1: not open */
    char *text;
    size_t have;
    size_t room;
};

/* What was read and is not told yet. */
struct told {
    int64_t at_us; /* of the machine's clock */
    uint64_t order;
    struct node *node;
    struct fact fact;
};

struct telling {
    struct told *told;
    size_t count;
    size_t room;
    uint64_t next_order;
};

void facts_open(struct facts *facts, const char *path);
void facts_close(struct facts *facts);
/* Reads all files and tells the observer, in the order of time, what happened
 * before this call began. */
void facts_tell(struct world *world);

/* ---- the world and its nodes ---- */

struct rule; /* faults.c */

struct node {
    struct world *world;
    char name[NODE_NAME_BYTES];
    uint32_t index;
    const struct node_kind *kind;
    void *context;
    size_t heap_bytes_max;
    struct streams streams;
    bool up;
    bool paused;
    unsigned starts;
    int exit_code;
    char why[LINE_BYTES];
    /* a broker */
    struct process process;
    struct facts facts;
    int faults_in; /* pipes of its fault points; -1: not open */
    int faults_out;
    const struct rule *switches[FAULT_COUNT][FAULT_SWITCHES]; /* who has it */
    /* a client */
    struct loop *loop;
    void *object;
    int64_t due_us; /* its next turn, of the machine's clock */
};

/* A network namespace. */
struct host {
    char name[NODE_NAME_BYTES];
    unsigned number;  /* from 1 */
    int namespace;    /* a descriptor of it */
    uint64_t deaf_to; /* set of 1 << (number - 1): what these send is lost */
};

struct world {
    struct world_options options;
    struct queue queue;
    struct list calls; /* of world_at() */
    struct streams streams;
    int64_t start_us; /* of the machine's clock */
    int64_t progress_us;
    uint64_t events;
    char *assertion;
    char directory[PATH_MAX];
    unsigned block; /* A and B of its addresses, without a network */
    struct host hosts[REAL_HOSTS_MAX];
    unsigned host_count;
    struct node **nodes;
    uint32_t node_count;
    unsigned server_count;
    struct process servers[REAL_SERVERS_MAX];
    struct rule **rules; /* faults.c */
    unsigned rule_count;
    uint64_t points[FAULT_COUNT]; /* times they fired */
    struct znodes *znodes;        /* NULL: none was asked for */
    struct telling telling;
    int epoll_fd; /* of the clients' loops */
};

/* The clock of all processes here: CLOCK_BOOTTIME. */
int64_t real_now_us(void);

static inline bool is_broker(const struct node *node)
{
    return node->kind->settings != NULL;
}

/* All brokers stop as SIGTERM has it, or are killed after a while. Gives back
 * what went wrong, as a sentence; "": nothing. */
void nodes_stop(struct world *world, char problem[LINE_BYTES]);
void node_release(struct node *node);
/* Who ended by himself is noticed, and what he said is told. */
void nodes_look(struct world *world);
/* Clients whose turn is due. */
void nodes_turn(struct world *world);
/* When the next one is due, of the machine's clock. */
int64_t nodes_due_us(const struct world *world);
void node_tell_words(struct node *node);

/* Says it and ends the program with exit code 3, after everything that it
 * started. */
_Noreturn void real_failed(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* Ends the program in the same way when a signal told it to, and removes the
 * directory of the run. Not from within world_free(). */
void real_heed_signals(void);

/* ---- fault points of brokers: faults.c ---- */

#define FAULT_PIPES "fiu" /* how their names begin, in a broker's directory */

/* A broker that is up, as long as its pipes are not open. */
void faults_listen(struct node *node);
void faults_close(struct node *node);
/* It says that this point fired, by the rule of this number (0: by none). */
void faults_fired(struct node *node, const char *name, unsigned number);
void faults_release(struct world *world);

/* ---- the network: network.c; addresses without one: place.c ---- */

bool network_is_there(void);
/* Makes it; NULL: there is no network but loopback. */
struct host *network_host(struct world *world, const char *name);
/* What this thread opens from now on is there; NULL: where it was at first. */
void network_enter(const struct host *host);
void network_end(struct world *world);

/* Ends the program when there is no block of addresses left. */
unsigned place_choose(void);
void place_address(unsigned block, const char *name,
                   char host[WORLD_HOST_BYTES]);

/* ---- zookeeper.c, znodes.c ---- */

struct znodes;
void znodes_end(struct world *world);

/* A server that ended, and was not ended here, is noticed. */
void zookeeper_look(struct world *world);
void zookeeper_end(struct world *world);

#endif
