/* SPDX-License-Identifier: Apache-2.0
 *
 * A client of ZooKeeper for tests: one handle, requests that can be waited
 * for, and what its watchers were told.
 */
#ifndef TESTS_SEAM_ZOOKEEPER_CALLER_H
#define TESTS_SEAM_ZOOKEEPER_CALLER_H

#include "tests/seam/zookeeper_place.h"

#define CALLER_WAIT_MS      20000
#define CALLER_OPS_MAX      8
#define CALLER_TEXT_MAX     128
#define CALLER_CHILDREN_MAX 64
#define CALLER_EVENTS_MAX   256

enum verb {
    VERB_CREATE,
    VERB_SET,
    VERB_DELETE,
    VERB_CHECK, /* in a multi only */
    VERB_GET,
    VERB_EXISTS,
    VERB_CHILDREN,
    VERB_SYNC,
    VERB_MULTI
};

struct request {
    enum verb verb;
    char path[CALLER_TEXT_MAX];
    const char *data; /* NULL with size -1: null data */
    int size;
    int version;
    int flags;
    int watch; /* 0: none; else the tag of its events */
    struct request *ops;
    int op_count;
};

struct answer {
    struct caller *caller;
    bool done;
    int order; /* the how-manieth answer it was */
    int rc;
    bool has_stat;
    struct Stat stat;
    int size;
    char data[CALLER_TEXT_MAX];
    char path[CALLER_TEXT_MAX];
    int child_count;
    char children[CALLER_CHILDREN_MAX][CALLER_TEXT_MAX]; /* sorted */
    int op_count;
    zoo_op_result_t results[CALLER_OPS_MAX];
    struct Stat stats[CALLER_OPS_MAX];
    char paths[CALLER_OPS_MAX][CALLER_TEXT_MAX];
};

struct happened {
    int tag;
    int type;
    int state;
    char path[CALLER_TEXT_MAX];
};

struct caller {
    struct place *place;
    unsigned client;
    zhandle_t *handle;
    const char *hosts;
    int timeout_ms;
    clientid_t id;
    int state;     /* of the last session event */
    int connected; /* times */
    int answers;
    struct happened events[CALLER_EVENTS_MAX]; /* of znodes */
    int event_count;
    int session_events_of_watches;
};

/* Waits until connected. */
void caller_open(struct caller *caller, struct place *place, unsigned client,
                 int timeout_ms);
/* With a list of servers of its own. */
void caller_open_at(struct caller *caller, struct place *place, unsigned client,
                    int timeout_ms, const char *hosts);
/* Does not wait. */
void caller_start(struct caller *caller, struct place *place, unsigned client,
                  int timeout_ms);
void caller_close(struct caller *caller);
bool caller_wait_state(struct caller *caller, int state, int ms);
bool caller_wait_events(struct caller *caller, int count, int ms);

/* What zoo_a*() returned; the answer comes later if that is ZOK. */
int caller_send(struct caller *caller, const struct request *request,
                struct answer *answer);
bool caller_wait(struct answer *answer, int ms);
/* Both; the code of the answer, or what zoo_a*() returned. */
int caller_do(struct caller *caller, const struct request *request,
              struct answer *answer);

/* Short forms; each waits. */
int caller_create(struct caller *caller, const char *path, const char *data,
                  int flags);
int caller_set(struct caller *caller, const char *path, const char *data,
               int version);
int caller_delete(struct caller *caller, const char *path, int version);
int caller_get(struct caller *caller, const char *path, int watch,
               struct answer *answer);
int caller_exists(struct caller *caller, const char *path, int watch,
                  struct answer *answer);
int caller_children(struct caller *caller, const char *path, int watch,
                    struct answer *answer);
int caller_sync(struct caller *caller);

struct request request_of(enum verb verb, const char *path, const char *data,
                          int version);

#endif
