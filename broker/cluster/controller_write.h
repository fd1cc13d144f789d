/* SPDX-License-Identifier: Apache-2.0
 *
 * One controller write: what it stages, how it is sent and what follows;
 * private to the controller.
 */
#ifndef CLUSTER_CONTROLLER_WRITE_H
#define CLUSTER_CONTROLLER_WRITE_H

#include "cluster/controller.h"

/* A chunk's states as they will be. */
struct staged_chunk {
    struct list node;
    struct topic *topic; /* NULL: freed while the write was in flight */
    uint32_t chunk;
    int32_t version; /* expected; the next one is version + 1 */
    size_t bytes;    /* about what it takes in ZooKeeper */
    bool changed;
    uint32_t count;
    struct partition_state states[];
};

#define CHUNK_NEW (-1) /* a version: it is created */

/* A detail of ERROR_CORRUPT. */
#define CONTROLLER_SEE_STATUS                                                  \
    "a znode of it is damaged: 'kq cluster status' names it and says what to " \
    "do"

struct controller_write {
    struct controller *controller;
    struct coord_request request;
    bool sent;
    uint64_t first_change; /* of those that go with it */
    bool tells_brokers;    /* one of them is of brokers */
    size_t told_bytes;     /* of states that they carry */
    struct list chunks;    /* of struct staged_chunk */
    struct list intents;   /* answered when it is committed */
    size_t chunk_count;
    size_t bytes; /* estimate */
    /* at most one topic is created, deleted or altered in a write */
    struct intent *topic_intent;
    struct topic *deleted_topic;
    struct topic *altered_topic;
    int64_t altered_flush_ms; /* of the altered topic, as it will be */
    uint32_t altered_min;     /* likewise: min.insync.replicas */
    struct bytes topic_node; /* creation, alteration: payload of /topics/NAME */
    struct partition_state *new_states; /* creation */
};

/* Gathers what there is to do into a write and sends it. */
void controller_run(struct controller *controller);
/* ZooKeeper has answered: the write is committed, or all is read again; frees
 * it. `request`: the write's, which goes with it. */
void controller_write_end(struct controller_write *write,
                          const struct coord_request *request);
/* Drops the write; its intents are answered with `error`. */
void controller_write_drop(struct controller *controller, enum error error);
/* Loses its place: reads who is controller, and all else, again. */
void controller_reload(struct controller *controller, const char *why);
/* cluster/controller_live.c: the brokers that count for this partition; valid
 * until the next call. */
struct live_brokers controller_live(struct controller *controller,
                                    const struct partition_key *key);
/* The sender's znode was read in the version that the intent goes with. */
bool controller_has_read(const struct controller *controller,
                         const struct intent *intent);
/* The sender has read all that this controller wrote before it knew the
 * sender's registration, so all that names a former life of it. */
bool controller_was_read(const struct controller *controller,
                         const struct intent *intent);
/* Answers an intent. */
void intent_finish(struct intent *intent, enum error error);

/* The copy of a chunk, made when there is none, however full the write is. */
struct staged_chunk *controller_stage_chunk(struct controller_write *write,
                                            struct topic *topic,
                                            uint32_t chunk);
/* The same; NULL when there is none and the write is full. */
struct staged_chunk *controller_stage(struct controller_write *write,
                                      struct topic *topic, uint32_t chunk);
/* The staged state of a partition; NULL with an error when there is none,
 * or with ERROR_AGAIN when the write is full. */
struct partition_state *controller_state_of(struct controller *controller,
                                            const struct intent_item *item,
                                            struct staged_chunk **staged,
                                            enum error *error);
void controller_unstage(struct controller_write *write,
                        struct staged_chunk *staged);
/* Its states have more or fewer replicas now. */
void controller_weigh(struct controller_write *write,
                      struct staged_chunk *staged);
/* About what such states take in ZooKeeper. */
size_t controller_states_bytes(const struct partition_state *states,
                               uint32_t count);
/* controller_stage_chunk() with room for `count` states, of which the caller
 * writes those that the topic does not have yet. */
struct staged_chunk *controller_stage_grown(struct controller_write *write,
                                            struct topic *topic, uint32_t chunk,
                                            uint32_t count);

/* cluster/controller_topics.c: stage one topic's creation, deletion or
 * alteration; false when the intent was answered instead. */
bool controller_stage_create(struct controller *controller,
                             struct intent *intent);
bool controller_stage_delete(struct controller *controller,
                             struct intent *intent);
bool controller_stage_alter(struct controller *controller,
                            struct intent *intent);

/* cluster/controller_decide.c: stages what the registered brokers mean for
 * every partition. What does not fit is done by the next write. */
void controller_decide_all(struct controller *controller);
/* Preferred leaders, of one topic or of all. False when the write is full:
 * what has moved is looked at again, and stays. */
bool controller_stage_elect(struct controller *controller,
                            struct intent *intent);

/* One partition that has no leader gets one, with what that has. False when
 * the write is full; else it was answered or will be. */
bool controller_stage_unclean(struct controller *controller,
                              struct intent *intent);
/* cluster/controller_reassign.c: stages the rest of what is asked for; false
 * when the write is full. */
bool controller_stage_reassign(struct controller *controller,
                               struct intent *intent);
/* Lets go who may go from a staged partition that is reassigned: true when its
 * state changed. To be called after each change of an ISR or of a leader,
 * unless decide_all is set. */
bool controller_complete(struct controller *controller,
                         const struct partition_key *key,
                         struct partition_state *state);

/* cluster/controller_multi.c: sends all that is staged. */
void controller_multi_send(struct controller_write *write);

/* Notes a change for /changes. topic_id NULL: brokers or controller. */
#define CHANGE_NO_CHUNK UINT32_MAX
Kq__Change *controller_add_change(struct controller *controller,
                                  const struct uuid *topic_id, uint32_t chunk);
/* All that are kept go, as their sequence begins anew. */
void controller_drop_changes(struct controller *controller);
/* The states that the changes carry are dropped then: they are of one write. */
struct bytes controller_changes_encode(struct controller *controller);

#endif
