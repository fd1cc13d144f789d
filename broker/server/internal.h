/* SPDX-License-Identifier: Apache-2.0
 *
 * The broker as the files of server/ see it.
 */
#ifndef SERVER_INTERNAL_H
#define SERVER_INTERNAL_H

#include "cluster/controller.h"
#include "cluster/handover.h"
#include "cluster/registration.h"
#include "cluster/replicas.h"
#include "server/broker.h"
#include "server/producer_ids.h"
#include "wire/channel.h"

struct broker {
    struct seam *seam;
    const struct config *config;
    struct broker_owner *owner;
    struct random random;

    struct coord *coord;
    struct coord_listener coord_listener;
    struct timer startup_timer; /* ZooKeeper must answer before it fires */
    bool had_session;

    struct registration registration;
    struct registration_listener registration_listener;
    struct registration_node node; /* what we register as, and */
    struct registration_directory *node_directories; /* what it points at */
    struct partition_key *node_offline;

    struct log_directories directories;
    struct log_directories_owner directories_owner;
    bool opening; /* the directories have been asked to open */
    bool open;    /* and have answered */

    struct metadata metadata;
    struct metadata_listener metadata_listener;
    struct controller controller;
    struct replicas replicas;
    struct replicas_listener replicas_listener;
    struct handover handover;
    struct handover_listener handover_listener;
    struct producer_ids producer_ids;
    struct channel_identity identity;

    struct net_listener *listener;
    uint16_t port;
    struct list sessions;
    size_t session_count;
    struct list checks; /* requests that wait for all znodes to be read */
    struct timer check_timer;

    bool ready_told;
    bool stopping;
    bool stopped;
    int exit_code;
    char why[CONFIG_MESSAGE_BYTES];
};

/* One inbound connection. Freed when it is closed and no request of it is
 * open. */
struct session {
    struct broker *broker;
    struct channel channel;
    struct channel_handler handler;
    struct list node;
    struct list parked; /* fetches of a follower */
    size_t open_requests;
    bool closed;
};

void session_accept(struct broker *broker, struct connection *connection);
void session_close_all(struct broker *broker);
/* A request is being worked on; end it when it is answered. Past
 * SESSION_REQUESTS_MAX the channel is paused. */
#define SESSION_REQUESTS_MAX 100
void session_request_begin(struct session *session);
void session_request_end(struct session *session);
/* Answers a request; nothing happens when the session is closed. */
void session_answer(struct session *session, uint64_t correlation_id,
                    Kq__Message *message);
void session_answer_error(struct session *session, uint64_t correlation_id,
                          enum error error);

/* Handlers of requests: each takes the frame. */
void handle_produce(struct session *session, struct frame *frame);
void handle_fetch(struct session *session, struct frame *frame);
void handle_replica_position(struct session *session, struct frame *frame);
void handle_metadata(struct session *session, struct frame *frame);
/* Answers those that wait for a reading of all znodes. */
void describe_checked(struct broker *broker);
/* Nobody will be answered any more. */
void describe_drop(struct broker *broker);
void handle_list_offsets(struct session *session, struct frame *frame);
void handle_init_producer(struct session *session, struct frame *frame);
void handle_create_topic(struct session *session, struct frame *frame);
void handle_delete_topic(struct session *session, struct frame *frame);
void handle_delete_records(struct session *session, struct frame *frame);
void handle_elect_leaders(struct session *session, struct frame *frame);
void handle_reassign(struct session *session, struct frame *frame);
void handle_clock(struct session *session, struct frame *frame);
void handle_alter_topic(struct session *session, struct frame *frame);
void handle_alter_partition(struct session *session, struct frame *frame);
void handle_replica_lost(struct session *session, struct frame *frame);

/* The partition a request names; NULL with the error to answer. */
struct partition *find_partition(struct broker *broker,
                                 ProtobufCBinaryData topic_id, uint32_t index,
                                 enum error *error);

/* log_dirs.c: the log directories of the broker. */
void broker_logs_init(struct broker *broker);
/* The cluster's id is known. Then broker_logs_opened(), or broker_fail(). */
void broker_logs_open(struct broker *broker,
                      const struct log_settings *settings);
void broker_logs_release(struct broker *broker);
/* broker.c's */
void broker_logs_opened(struct broker *broker);

/* Ends the broker by itself. */
void broker_fail(struct broker *broker, int exit_code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
