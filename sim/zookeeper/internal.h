/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of sim/zookeeper/ share. All state hangs off struct
 * ensemble and the handles; nothing is ordered by pointer. See README.md for
 * the model.
 */
#ifndef SIM_ZOOKEEPER_INTERNAL_H
#define SIM_ZOOKEEPER_INTERNAL_H

#include <zookeeper/zookeeper.h>

#include "base/assert.h"
#include "base/list.h"
#include "base/tree.h"
#include "sim/internal.h"
#include "sim/zookeeper/tree.h"

#define SERVERS_MAX       9u
#define TICK_US           200000  /* tickTime of our test servers */
#define HALF_TICK_US      100000  /* what a leader pings and looks by */
#define SYNC_LIMIT_US     2000000 /* syncLimit 10 */
#define SESSION_MIN_MS    400
#define SESSION_MAX_MS    60000
#define REQUEST_BYTES_MAX 1048575 /* jute.maxbuffer */
#define RETRANSMIT_US     20000   /* of what a cut link holds */

/* Streams of world_random(). */
enum purpose {
    PURPOSE_UP = 1000, /* a packet's way to the server */
    PURPOSE_DOWN,
    PURPOSE_SHUFFLE, /* the order of a handle's servers */
    PURPOSE_PASSWORD,
    PURPOSE_ELECTION,
    PURPOSE_FORWARD,          /* a server's way to the leader */
    PURPOSE_DELAY,            /* the fault zookeeper/delay */
    PURPOSE_APPLY = 1100,     /* + server: its lag */
    PURPOSE_APPLY_LONG = 1200 /* + server: a long lag now and then */
};

/* ---- ensemble.c: the calls that wait for a time ---- */

/* Embedded in what it wakes; runs outside of any node. */
struct call {
    void (*run)(struct call *call);
    int64_t at_us;
    uint64_t sequence;
    bool waiting;
    RB_ENTRY(call) entry;
};
RB_HEAD(call_tree, call);

struct server;
struct session;
RB_HEAD(session_tree, session);

struct ensemble {
    struct world *world;
    struct call_tree calls;
    uint64_t call_sequence;
    int64_t woken_at_us; /* the world calls back then; INT64_MAX: not */
    bool freeing;
    unsigned server_count;
    struct server *servers; /* [0] is "z1" */
    struct server *leader;  /* the newest one elected; NULL: none yet */
    uint32_t epoch;
    int64_t election_at_us; /* 0: no election under way */
    struct call tick;
    /* the order of writes: transactions [log_first, log_end) */
    struct tree tip; /* all of it applied */
    struct transaction **log;
    uint64_t log_first;
    uint64_t log_end;
    size_t log_room;
    int64_t last_zxid;
    struct session_tree sessions; /* those that are not closed */
    uint64_t session_count;
    struct list handles;     /* every zhandle_t, in the order of making */
    struct list connections; /* every struct connection */
    uint64_t connection_count;
};

int64_t ensemble_now(const struct ensemble *ensemble);
void zk_call_at(struct ensemble *ensemble, struct call *call, int64_t at_us);
void zk_call_cancel(struct ensemble *ensemble, struct call *call);
uint64_t zk_draw(struct ensemble *ensemble, struct node *node, uint32_t purpose,
                 uint64_t bound);

/* ---- packet.c: what travels between a handle and a server, and back ---- */

enum packet_type {
    PACKET_CONNECT,
    PACKET_WRITE, /* create, set, delete: one operation */
    PACKET_MULTI,
    PACKET_GET,
    PACKET_EXISTS,
    PACKET_CHILDREN,
    PACKET_SYNC,
    PACKET_SET_WATCHES,
    PACKET_PING,
    PACKET_CLOSE_SESSION,
    PACKET_EVENT, /* a watch has fired */
    PACKET_END    /* the connection is closed by the sender */
};

enum watch_kind { WATCH_DATA, WATCH_EXISTS, WATCH_CHILD, WATCH_KINDS };

struct paths {
    size_t count;
    char **paths;
};

/* A request, and later its own answer. Always in one place: on a list, or
 * with the node's background. */
struct packet {
    struct list link;
    struct background background;
    struct connection *connection; /* holds a reference */
    int64_t at_us;                 /* when it arrives */
    enum packet_type type;
    int32_t xid;
    bool watch;
    char *path; /* reads, sync, events */
    struct op *ops;
    size_t op_count;
    size_t bytes; /* about, on the wire */
    /* with the server */
    bool forwarded; /* on the way to the leader, until it has decided */
    bool orphan;    /* its connection is gone; it is decided all the same */
    bool decided;   /* the leader has given it its place: `index` */
    uint64_t index; /* answered once the server has applied so many */
    bool lose_answer;
    int64_t delay_us;
    /* the answer */
    int rc;
    int64_t zxid;
    struct Stat stat;
    struct blob *data;
    struct paths children;
    /* connect; set watches: last_zxid too */
    int64_t session_id;
    char password[16];
    int timeout_ms;
    int64_t last_zxid;
    struct paths watches[WATCH_KINDS];
    int event; /* ZOO_CREATED_EVENT ... */
};

struct packet *zk_packet_new(struct connection *connection,
                             enum packet_type type);
void zk_packet_free(struct packet *packet);
void zk_paths_add(struct paths *paths, const char *path);
void zk_paths_release(struct paths *paths);

/* ---- connection.c: one TCP connection ---- */

struct connection {
    struct ensemble *ensemble;
    struct list link; /* ensemble->connections */
    uint64_t id;
    unsigned references; /* the handle, the server, each packet */
    struct node *node;
    struct _zhandle *client; /* NULL: that end is closed */
    struct server *to;       /* whom it was made to */
    struct server *server;   /* NULL: that end is closed, or not yet open */
    struct list server_link; /* server->connections */
    bool ended_up;           /* PACKET_END is the last that goes up */
    bool ended_down;
    struct list up;
    struct list down;
    int64_t up_at_us; /* the last arrival */
    int64_t down_at_us;
    struct call up_call;
    struct call down_call;
    /* with the server */
    int64_t session_id;  /* 0: not established */
    struct list waiting; /* packets not answered, in order */
    struct list watches; /* struct server_watch */
};

struct connection *zk_connection_new(struct ensemble *ensemble,
                                     struct _zhandle *client,
                                     struct server *to);
void zk_connection_release(struct connection *connection);
/* Both take the packet. */
void zk_connection_send_up(struct connection *connection,
                           struct packet *packet);
void zk_connection_send_down(struct connection *connection,
                             struct packet *packet);
/* An end closes; what it sent before still arrives. */
void zk_connection_close_client(struct connection *connection);
void zk_connection_close_server(struct connection *connection);
/* It breaks: what is under way to the client is lost, both ends hear it. */
void zk_connection_break(struct connection *connection);
/* Drops what is under way, before the ensemble is freed. */
void zk_connection_drain(struct connection *connection);

/* ---- log.c: the order of writes ---- */

enum transaction_type {
    TRANSACTION_OPS,
    TRANSACTION_ERROR, /* a write that failed: takes a zxid, changes nothing */
    TRANSACTION_CREATE_SESSION,
    TRANSACTION_CLOSE_SESSION
};

struct transaction {
    enum transaction_type type;
    int64_t zxid;
    int64_t time_ms;
    int64_t committed_at_us;
    int64_t session_id;
    struct change *changes;
    size_t count;
};

/* Decides a write at the leader: checks it against all that was decided
 * before, takes the next zxid, fills the packet's results in. */
void zk_log_write(struct ensemble *ensemble, struct packet *packet,
                  int64_t session_id);
void zk_log_create_session(struct ensemble *ensemble, struct session *session);
/* Ends a session: its ephemerals go in one transaction. */
void zk_log_close_session(struct ensemble *ensemble, int64_t session_id);
struct transaction *zk_log_at(struct ensemble *ensemble, uint64_t index);
/* Forgets what every server has applied. */
void zk_log_trim(struct ensemble *ensemble);
void zk_log_release(struct ensemble *ensemble);

/* ---- session.c: the leader's table ---- */

struct session {
    int64_t id;
    char password[16];
    int timeout_ms;
    int64_t expires_at_us;
    uint32_t touched; /* bit: this server heard it since it last reported */
    uint64_t owner;   /* connection id */
    struct node *node;
    RB_ENTRY(session) entry;
};
struct session *zk_session_find(struct ensemble *ensemble, int64_t id);
/* All of them, by id. */
struct session *zk_session_first(struct ensemble *ensemble);
struct session *zk_session_next(struct session *session);
/* The leader answers a PACKET_CONNECT that reached it through `via`. */
void zk_session_connect(struct ensemble *ensemble, struct server *via,
                        struct packet *packet);
void zk_session_touch(struct ensemble *ensemble, struct server *server,
                      int64_t session_id);
/* Every half tick: servers report whom they heard, the silent expire. */
void zk_session_tick(struct ensemble *ensemble);
/* A new leader gives everybody a full time-out. */
void zk_session_restart_all(struct ensemble *ensemble);
/* Frees the session and writes its end; `how` is a word for the trace. */
void zk_session_end(struct ensemble *ensemble, struct session *session,
                    const char *how);
void zk_session_remove(struct ensemble *ensemble, struct session *session);

/* ---- server.c: roles and the applying of the log ---- */

enum role { ROLE_DOWN, ROLE_LOOKING, ROLE_FOLLOWING, ROLE_LEADING };

struct server_watch {
    RB_ENTRY(server_watch) entry;
    struct list link; /* connection->watches */
    enum watch_kind kind;
    char *path;
    struct connection *connection;
};
RB_HEAD(watch_tree, server_watch);

struct server {
    struct ensemble *ensemble;
    unsigned index; /* 0.. */
    char name[8];   /* "z1" */
    enum role role;
    struct server *leader; /* of a follower; itself when leading */
    uint32_t epoch;        /* of that leader */
    int64_t heard_at_us;   /* the leader, or as leader: a quorum */
    int64_t join_at_us;    /* 0: not joining */
    struct tree tree;
    uint64_t applied;
    int64_t applied_zxid;
    struct call apply;
    struct list connections;
    struct watch_tree watches;
    struct list outgoing; /* struct forward: to the leader */
    struct call forward;
    int64_t forward_at_us;
};

/* A packet that the leader is asked to decide. It is in its connection's
 * list of those that wait too, unless it is an orphan. */
struct forward {
    struct list link;
    struct packet *packet;
    int64_t at_us;
};

void zk_server_init(struct ensemble *ensemble, unsigned index);
void zk_server_release(struct server *server);
void zk_server_crash(struct server *server);
void zk_server_start(struct server *server);
bool zk_server_serves(const struct server *server);
/* The links between two servers carry both ways. */
bool zk_server_linked(const struct server *a, const struct server *b);
/* Whether what is proposed now is committed. */
bool zk_server_has_quorum(const struct server *leader);
/* Something was appended to the log. */
void zk_server_wake_all(struct ensemble *ensemble);
void zk_server_forward(struct server *server, struct packet *packet);
void zk_server_tick(struct ensemble *ensemble);
/* At time zero all run and the last one leads. */
void zk_server_bootstrap(struct ensemble *ensemble);

/* ---- serve.c: requests at a server ---- */
void zk_serve_packet(struct connection *connection, struct packet *packet);
/* Answers what can be answered now, in order. */
void zk_serve_waiting(struct connection *connection);

/* ---- watch.c: a server's watches ---- */
void zk_watch_add(struct connection *connection, enum watch_kind kind,
                  const char *path);
void zk_watch_forget(struct connection *connection);
/* Watches fire for a change that this server has just applied. */
void zk_watch_change(struct server *server, const struct change *change);
void zk_watch_event(struct connection *connection, int event, const char *path);
void zk_watch_set(struct connection *connection, const struct packet *packet);

/* ---- client.c, client_watch.c: the library's side ---- */

struct client_watch;
RB_HEAD(client_watch_tree, client_watch);

enum completion_type {
    COMPLETION_VOID,
    COMPLETION_STAT,
    COMPLETION_DATA,
    COMPLETION_STRING,
    COMPLETION_STRINGS
};

/* A request of the caller's that is not answered. */
struct completion {
    struct list link;
    int32_t xid;
    enum completion_type type;
    union {
        void_completion_t on_void;
        stat_completion_t on_stat;
        data_completion_t on_data;
        string_completion_t on_string;
        strings_completion_t on_strings;
    };
    const void *context;
    watcher_fn watcher;
    void *watcher_context;
    enum watch_kind watch_kind;
    char *path;
    zoo_op_result_t *results;   /* of a multi; the caller's */
    enum change_type *op_types; /* of each of them */
    size_t result_count;
    struct packet *unsent; /* until there is a connection */
};

struct wake {
    struct background background;
    struct _zhandle *handle; /* NULL: cancelled */
};

struct _zhandle {
    struct ensemble *ensemble;
    struct node *node;
    struct list link; /* ensemble->handles */
    watcher_fn watcher;
    void *context;
    struct server **hosts;
    size_t host_count;
    size_t host_next;
    bool delay;   /* all were tried: wait before the next */
    bool calling; /* within a callback */
    int recv_timeout_ms;
    clientid_t id;
    int state;
    int64_t last_zxid;
    int32_t xid;
    struct connection *connection;
    int64_t last_recv_us;
    int64_t last_send_us;
    struct wake *wake;
    int64_t wake_at_us;
    struct list outstanding; /* struct completion */
    struct client_watch_tree watches;
};

/* The library's loop turns: connects, pings, gives up, sets its alarm. */
void zk_client_turn(zhandle_t *handle);
/* A packet has come; on the node's background. Takes it. */
void zk_client_receive(struct packet *packet);
void zk_client_submit(zhandle_t *handle, struct completion *completion,
                      struct packet *packet);
void zk_client_free(zhandle_t *handle);
void zk_completion_free(struct completion *completion);

void zk_client_watch_add(zhandle_t *handle, const struct completion *completion,
                         int rc);
void zk_client_watch_fire(zhandle_t *handle, int event, const char *path);
/* A session event goes to the handle's watcher and to every other one. */
void zk_client_watch_session(zhandle_t *handle, int state);
/* NULL when there is nothing to set again. */
struct packet *zk_client_watch_packet(zhandle_t *handle);
void zk_client_watch_release(zhandle_t *handle);

#endif
