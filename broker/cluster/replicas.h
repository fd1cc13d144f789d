/* SPDX-License-Identifier: Apache-2.0
 *
 * All replicas of this broker: makes them from the metadata, reports the
 * lost ones before any takes a role, carries their wishes to the controller,
 * looks after lag and retention.
 */
#ifndef CLUSTER_REPLICAS_H
#define CLUSTER_REPLICAS_H

#include "cluster/fetcher.h"
#include "cluster/mender.h"
#include "cluster/partition.h"
#include "cluster/peers.h"
#include "cluster/throttle.h"
#include "log/directories.h"
#include "rules/clock.h"

struct replicas_options {
    uint32_t broker_id;
    int64_t lag_us;
    int64_t fetch_wait_ms;
    uint32_t fetch_bytes;
    int64_t retention_check_us;
    int64_t clock_skew_max_ms;
    uint32_t request_partitions_max;  /* in a request to the controller; > 0 */
    struct log_settings log_settings; /* of topics that do not say */
};

RB_HEAD(partitions, partition);
struct report;

/* Embedded by the owner. */
struct replicas_listener {
    /* Other replicas are offline than before: to be registered, then
     * replicas_told(). */
    void (*on_offline)(struct replicas_listener *listener);
};

struct replicas {
    struct seam *seam;
    struct coord *coord;
    struct metadata *metadata;
    struct log_directories *directories; /* set once they are open */
    const struct channel_identity *identity;
    struct replicas_listener *listener;
    struct replicas_options options;
    struct partitions partitions;
    struct list fetchers; /* of struct fetcher, one a leader */
    struct mender mender;
    struct throttle throttle;
    struct believed_clock clock;
    uint64_t broker_epoch;
    uint64_t first_epoch; /* the first of this process */
    bool registered;
    bool offline_changed; /* the listener is to be told */
    /* Version of the registration that says what is offline; -1: none does */
    int64_t registration_version;
    int64_t reported_version; /* the controller knows of */
    bool reported; /* the controller knows what is lost: roles may be taken */
    uint32_t reported_to; /* controller epoch */
    /* calls to the controller */
    struct peer_listener controller_listener;
    struct peer controller;
    struct call report_call;
    struct report *report; /* under way, or NULL */
    struct call alter_call;
    bool alter_open;
    struct list alters; /* partitions that want something */
    struct timer alter_retry;
    struct timer report_retry;
    struct timer lag_timer;
    struct timer retention_timer;
};

void replicas_init(struct replicas *replicas, struct seam *seam,
                   struct coord *coord, struct metadata *metadata,
                   const struct channel_identity *identity,
                   struct replicas_listener *listener,
                   const struct replicas_options *options);
void replicas_release(struct replicas *replicas);

/* Registered under this epoch, at this time by ZooKeeper's clock; the
 * metadata are read next. */
void replicas_registered(struct replicas *replicas, uint64_t broker_epoch,
                         int64_t registered_ms);
/* The registration says what is offline, in this version. */
void replicas_told(struct replicas *replicas, uint32_t version);
/* All log directories may have stored that this life has begun. */
void replicas_lived(struct replicas *replicas);
/* A log directory has failed: its replicas give up their roles. */
void replicas_directory_failed(struct replicas *replicas);
/* The replica's log could not be made. */
void replicas_set_offline(struct partition *partition);
/* Session over. */
void replicas_suspend(struct replicas *replicas);
/* metadata_listener, passed on */
void replicas_metadata_ready(struct replicas *replicas);
void replicas_on_states(struct replicas *replicas, struct topic *topic,
                        uint32_t first, uint32_t count);
void replicas_on_deleted(struct replicas *replicas, struct topic *topic);
void replicas_on_brokers(struct replicas *replicas);

struct partition *replicas_first(struct replicas *replicas); /* by key */
struct partition *replicas_next(struct partition *partition);
/* NULL when this broker holds no such replica. */
struct partition *replicas_find(struct replicas *replicas,
                                const struct partition_key *key);

/* Believed time (rules/clock.h): what batches are stamped with. */
int64_t replicas_now_ms(const struct replicas *replicas);
/* By how many ms the wall clock is ahead of believed time. `believe`: first of
 * all, an operator vouches for the wall clock. Not before the broker was
 * registered. */
int64_t replicas_clock(struct replicas *replicas, bool believe);
/* A leader may acknowledge acks=1 and serve reads: the lease holds. */
bool replicas_lease_holds(const struct replicas *replicas);

/* All leaders here look at their in-sync replicas then, at the latest. */
void replicas_review_at(struct replicas *replicas, int64_t at_us);
/* Wishes of partitions. */
void replicas_want_alter(struct replicas *replicas,
                         struct partition *partition);
/* A replica turned out lost: it is told to the controller. */
void replicas_report(struct replicas *replicas);
/* Frees a partition whose topic is gone, or that was moved to others, once
 * nothing of it is in flight: true when it did. Its log is deleted. */
bool replicas_reap(struct partition *partition);
/* This broker as a member of replica sets. */
struct replica replicas_self(const struct replicas *replicas);
/* The fetcher for this leader, made when there is none. */
struct fetcher *replicas_fetcher(struct replicas *replicas, uint32_t leader);

#endif
