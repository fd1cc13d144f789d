/* SPDX-License-Identifier: Apache-2.0
 *
 * The broker as a whole: its start, its sessions with ZooKeeper, its end.
 *
 *     start -> session -> cluster id -> logs opened -> listening
 *           -> registered -> metadata read -> ready
 *     session over -> no role, no controller -> (again from "session")
 *     told to stop -> what it leads is handed over -> ZooKeeper left
 *           -> logs closed -> stopped
 */
#include "server/broker.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "seam/dispatch.h"
#include "seam/memory.h"
#include "seam/trace.h"
#include "server/internal.h"

static struct log_settings default_settings(const struct config *config)
{
    return (struct log_settings){
        .segment_bytes = (uint64_t)config->segment_bytes,
        .segment_ms = config->segment_ms,
        .retention_ms = config->retention_ms,
        .retention_bytes = config->retention_bytes,
        .flush_ms = config->flush_ms,
        .batch_bytes_max = (uint32_t)config->message_bytes_max,
    };
}

/* ---- the end ---- */

static void tell_stopped(struct broker *broker)
{
    if (broker->stopped)
        return;
    broker->stopped = true;
    broker->owner->stopped(broker->owner, broker->exit_code, broker->why);
}

static void directories_shut(void *context, enum error error)
{
    struct broker *broker = context;

    if (error != ERROR_NONE && broker->exit_code == 0) {
        broker->exit_code = 3;
        snprintf(broker->why, sizeof broker->why,
                 "not all logs in %.300s were closed cleanly: %s",
                 broker->config->log_dirs, error_sentence(error));
    }
    tell_stopped(broker);
}

static void session_closed(void *context)
{
    struct broker *broker = context;

    if (broker->open && log_directories_online(&broker->directories) > 0)
        log_directories_shutdown(&broker->directories, directories_shut,
                                 broker);
    else
        tell_stopped(broker);
}

/* Leaves ZooKeeper first, so that others take over while the logs close. */
static void shut_down(struct broker *broker, int exit_code)
{
    if (broker->stopping)
        return;
    broker->stopping = true;
    broker->exit_code = exit_code;
    timer_stop(broker->seam->timers, &broker->startup_timer);
    handover_stop(&broker->handover);
    if (broker->listener != NULL)
        net_listener_close(broker->seam->net, broker->listener);
    broker->listener = NULL;
    controller_stop(&broker->controller);
    replicas_suspend(&broker->replicas);
    metadata_stop(&broker->metadata);
    registration_stop(&broker->registration);
    session_close_all(broker);
    coord_stop(broker->coord, session_closed, broker);
}

void broker_fail(struct broker *broker, int exit_code, const char *format, ...)
{
    va_list arguments;

    if (broker->stopping)
        return;
    va_start(arguments, format);
    vsnprintf(broker->why, sizeof broker->why, format, arguments);
    va_end(arguments);
    trace_log(broker->seam->trace, TRACE_DEBUG, "%s", broker->why);
    shut_down(broker, exit_code);
}

/* Told to stop: at once when there is nothing to hand over, and when it is told
 * again. */
static void leave(struct broker *broker)
{
    if (broker->stopping || !handover_begin(&broker->handover)) {
        shut_down(broker, 0);
        return;
    }
    broker->node.leaving = true;
    registration_update(&broker->registration);
}

static void on_handed_over(struct handover_listener *listener)
{
    shut_down(container_of(listener, struct broker, handover_listener), 0);
}

/* ---- ZooKeeper ---- */

static void startup_fire(struct timer *timer)
{
    struct broker *broker = container_of(timer, struct broker, startup_timer);

    broker_fail(broker, 3,
                "no ZooKeeper server answered at %s within %lld ms: start "
                "one, or correct zookeeper.connect",
                broker->config->zookeeper_connect,
                (long long)broker->config->zookeeper_startup_timeout_ms);
}

static void on_session(struct coord_listener *listener)
{
    struct broker *broker =
        container_of(listener, struct broker, coord_listener);

    if (broker->stopping)
        return;
    broker->had_session = true;
    timer_stop(broker->seam->timers, &broker->startup_timer);
    registration_begin(&broker->registration);
}

static void on_expired(struct coord_listener *listener)
{
    struct broker *broker =
        container_of(listener, struct broker, coord_listener);

    if (broker->stopping)
        return;
    controller_stop(&broker->controller);
    replicas_suspend(&broker->replicas);
    metadata_stop(&broker->metadata);
    registration_stop(&broker->registration);
}

static void on_reconnected(struct coord_listener *listener)
{
    (void)listener; /* what was interrupted tries again by itself */
}

/* ---- logs and listener ---- */

static bool open_listener(struct broker *broker)
{
    const struct config *config = broker->config;
    enum error error =
        net_listen(broker->seam->net, config->listener_host,
                   (uint16_t)config->listener_port, &broker->listener);

    if (error != ERROR_NONE) {
        broker_fail(broker, 3,
                    "cannot listen on %s:%lld: %s; choose another "
                    "listener.host or listener.port",
                    config->listener_host, (long long)config->listener_port,
                    error_sentence(error));
        return false;
    }
    broker->port = net_listener_port(broker->listener);
    return true;
}

static void fill_node(struct broker *broker)
{
    const struct config *config = broker->config;
    const struct uuid *token =
        log_directories_clean_token(&broker->directories);
    struct registration_node *node = &broker->node;

    node->broker_id = (uint32_t)config->broker_id;
    node->host = config->advertised_host[0] ? config->advertised_host
                                            : config->listener_host;
    node->port = config->advertised_port ? (uint16_t)config->advertised_port
                                         : broker->port;
    node->rack = config->broker_rack;
    node->boot_id = broker->seam->boot_id;
    random_fill(&broker->random, &node->incarnation, sizeof node->incarnation);
    node->has_clean_token = token != NULL;
    if (token != NULL)
        node->clean_token = *token;
}

void broker_logs_opened(struct broker *broker)
{
    if (!open_listener(broker))
        return;
    fill_node(broker);
    registration_register(&broker->registration, &broker->node);
}

static void on_cluster_id(struct registration_listener *listener,
                          const struct uuid *cluster_id)
{
    struct broker *broker =
        container_of(listener, struct broker, registration_listener);
    char id[UUID_TEXT_SIZE];

    if (!broker->opening) {
        struct log_settings settings = default_settings(broker->config);

        broker->identity.cluster_id = *cluster_id;
        broker_logs_open(broker, &settings);
    } else if (!uuid_equal(&broker->identity.cluster_id, cluster_id)) {
        uuid_format(cluster_id, id);
        broker_fail(broker, 2,
                    "ZooKeeper now says the cluster is %s, which is "
                    "not the one this broker belongs to",
                    id);
    } else if (broker->open) {
        registration_register(&broker->registration, &broker->node);
    }
}

static void on_registered(struct registration_listener *listener,
                          uint64_t broker_epoch, int64_t registered_ms)
{
    struct broker *broker =
        container_of(listener, struct broker, registration_listener);

    trace_log(broker->seam->trace, TRACE_INFO,
              "broker %u registered, epoch %llu, listening on %s:%u",
              broker->node.broker_id, (unsigned long long)broker_epoch,
              broker->config->listener_host, broker->port);
    replicas_registered(&broker->replicas, broker_epoch, registered_ms);
    controller_start(&broker->controller, broker_epoch);
    metadata_scan(&broker->metadata);
}

static void on_told(struct registration_listener *listener, uint32_t version)
{
    struct broker *broker =
        container_of(listener, struct broker, registration_listener);

    replicas_told(&broker->replicas, version);
}

/* ---- metadata, passed on to those who live by it ---- */

static void on_ready(struct metadata_listener *listener)
{
    struct broker *broker =
        container_of(listener, struct broker, metadata_listener);

    controller_metadata_ready(&broker->controller);
    replicas_metadata_ready(&broker->replicas);
    describe_checked(broker);
    if (!broker->ready_told && broker->owner->ready != NULL)
        broker->owner->ready(broker->owner, broker->port);
    broker->ready_told = true;
}

static void on_states(struct metadata_listener *listener, struct topic *topic,
                      uint32_t first, uint32_t count)
{
    struct broker *broker =
        container_of(listener, struct broker, metadata_listener);

    replicas_on_states(&broker->replicas, topic, first, count);
}

static void on_deleted(struct metadata_listener *listener, struct topic *topic)
{
    struct broker *broker =
        container_of(listener, struct broker, metadata_listener);

    controller_topic_deleted(&broker->controller, topic);
    replicas_on_deleted(&broker->replicas, topic);
}

static void on_brokers(struct metadata_listener *listener)
{
    struct broker *broker =
        container_of(listener, struct broker, metadata_listener);

    replicas_on_brokers(&broker->replicas);
}

/* ---- life cycle ---- */

static void init_parts(struct broker *broker)
{
    struct seam *seam = broker->seam;
    const struct config *config = broker->config;
    struct controller_options controller = {
        .broker_id = (uint32_t)config->broker_id,
        .coalesce_us = config->controller_coalesce_ms * 1000,
        .balance_us = config->leader_balance_ms * 1000,
        .min_insync_replicas = (uint32_t)config->min_insync_replicas,
        .partitions_max = (uint32_t)config->partitions_max,
        .flush_ms = config->flush_ms,
    };
    struct replicas_options replicas = {
        .broker_id = (uint32_t)config->broker_id,
        .lag_us = config->replica_lag_ms * 1000,
        .fetch_wait_ms = config->replica_fetch_wait_ms,
        .fetch_bytes = (uint32_t)config->replica_fetch_bytes,
        .retention_check_us = config->retention_check_ms * 1000,
        .clock_skew_max_ms = config->clock_skew_max_ms,
        .request_partitions_max = (uint32_t)config->request_partitions_max,
        .log_settings = default_settings(config),
    };

    registration_init(&broker->registration, seam, broker->coord,
                      &broker->registration_listener);
    metadata_init(&broker->metadata, seam, broker->coord,
                  &broker->metadata_listener);
    broker->metadata.bulk_reads_max = (uint32_t)config->znode_reads_max;
    controller_init(&broker->controller, seam, broker->coord, &broker->metadata,
                    &controller);
    replicas_init(&broker->replicas, seam, broker->coord, &broker->metadata,
                  &broker->identity, &broker->replicas_listener, &replicas);
    handover_init(&broker->handover, &broker->replicas,
                  &broker->handover_listener, config->handover_ms * 1000);
    producer_ids_init(&broker->producer_ids, seam, broker->coord,
                      &broker->metadata.defects);
}

static void check_fire(struct timer *timer)
{
    describe_checked(container_of(timer, struct broker, check_timer));
}

struct broker *broker_new(struct seam *seam, const struct config *config,
                          struct broker_owner *owner)
{
    struct broker *broker = heap_alloc(seam->heap, sizeof *broker);

    broker->seam = seam;
    broker->config = config;
    broker->owner = owner;
    random_init(&broker->random, seam->random_key);
    list_init(&broker->sessions);
    list_init(&broker->checks);
    broker->check_timer.fire = check_fire;
    broker->coord_listener =
        (struct coord_listener){on_session, on_expired, on_reconnected};
    broker->registration_listener =
        (struct registration_listener){on_cluster_id, on_registered, on_told};
    broker->handover_listener = (struct handover_listener){on_handed_over};
    broker_logs_init(broker);
    broker->metadata_listener =
        (struct metadata_listener){on_ready, on_states, on_deleted, on_brokers};
    broker->startup_timer.fire = startup_fire;
    broker->identity = (struct channel_identity){
        .client_id = "broker",
        .is_broker = true,
        .broker_id = (uint32_t)config->broker_id,
        .frame_bytes_max = (uint32_t)config->frame_bytes_max,
    };
    broker->coord =
        coord_new(seam, config->zookeeper_connect,
                  (int)config->session_timeout_ms, &broker->coord_listener);
    init_parts(broker);
    return broker;
}

void broker_start(struct broker *broker)
{
    coord_start(broker->coord);
    timer_start(broker->seam->timers, &broker->startup_timer,
                broker->seam->now.monotonic_us +
                    broker->config->zookeeper_startup_timeout_ms * 1000);
}

void broker_free(struct broker *broker)
{
    if (broker == NULL)
        return;
    timer_stop(broker->seam->timers, &broker->check_timer);
    describe_drop(broker);
    list_for_each_safe (node, &broker->sessions) {
        struct session *session = container_of(node, struct session, node);

        list_remove(node);
        channel_release(&session->channel);
        heap_free(broker->seam->heap, session);
    }
    replicas_release(&broker->replicas);
    controller_release(&broker->controller);
    metadata_release(&broker->metadata);
    broker_logs_release(broker);
    coord_free(broker->coord);
    heap_free(broker->seam->heap, broker);
}

void broker_on_event(struct broker *broker, const struct event *event)
{
    broker->seam->now = event->now;
    switch (event->type) {
    case EVENT_NET_ACCEPTED:
        session_accept(broker, event->connection);
        return;
    case EVENT_STOP:
        leave(broker);
        return;
    default:
        event_dispatch(event);
        return;
    }
}
