/* SPDX-License-Identifier: Apache-2.0
 *
 * The client engine: producer, consumer and administration over the seam.
 * Single-threaded and event-driven like the broker, so that the simulator
 * runs it too; libkq (client/shell) wraps it for threads. Every callback
 * comes from client_on_event(), never from inside a call.
 */
#ifndef ENGINE_CLIENT_H
#define ENGINE_CLIENT_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/list.h"
#include "seam/event.h"
#include "seam/seam.h"
#include "wire.pb-c.h"

struct client;

struct client_options {
    const char *bootstrap;    /* "host:port[,host:port...]"; copied */
    const char *client_id;    /* copied */
    int32_t acks;             /* 0, 1, -1 (all) */
    bool idempotence;         /* needs acks -1 */
    uint32_t batch_bytes;     /* a batch is sent when it is this large */
    uint32_t batch_bytes_max; /* larger records are refused */
    int64_t linger_us;        /* ... or this old */
    uint64_t buffer_bytes;    /* produced and not yet answered; past it: BUSY */
    uint32_t in_flight_max;   /* produce requests per broker */
    int64_t request_timeout_us;
    int64_t delivery_timeout_us; /* of a record, all tries */
    int64_t retry_backoff_us;
    int64_t metadata_age_us; /* brokers, leaders and partitions are asked for
                                again after so long, whatever happens */
    uint32_t fetch_bytes;    /* per partition */
    int64_t fetch_wait_us;   /* how long the broker may park a fetch */
};

/* Defaults for every field but bootstrap: acks all, idempotent. */
void client_options_init(struct client_options *options);

/* NULL when bootstrap is not of its form. The caller has set seam->now. */
struct client *client_new(struct seam *seam,
                          const struct client_options *options);
/* Drops everything; callbacks do not come. Not from inside a callback. The
 * done() of sends that were queued is still delivered by the world; events
 * of this client that come later go to event_dispatch(). Takes NULL. */
void client_free(struct client *client);
/* The door. */
void client_on_event(struct client *client, const struct event *event);

struct client_header {
    const char *key;
    struct bytes value; /* data NULL: null */
};

struct client_record {
    struct bytes key;     /* data NULL: null */
    struct bytes value;   /* data NULL: null */
    int64_t timestamp_ms; /* -1: now (producing) */
    const struct client_header *headers;
    size_t header_count;
};

#define CLIENT_ANY_PARTITION (-1)

/* What became of a record that was produced. */
struct client_delivery {
    enum error error;
    int32_t partition;    /* as it was asked for when it was never sent */
    int64_t offset;       /* -1 with acks 0 or on an error */
    struct uuid topic_id; /* of the topic it was last sent to, which another
                             of the same name may have followed; zero: never
                             sent */
};

/* Copies the record into a batch. `partition` may be CLIENT_ANY_PARTITION:
 * by hash of the key, or round the partitions batch by batch without one.
 * done: its delivery is borrowed until return. Errors are final
 * (delivery_timeout_us passed, or not retriable); TIMED_OUT and CLOSED mean
 * that the record may have been written; all others mean that it was not.
 * ERROR_BUSY at once: buffer full, done does not come; wait for a done.
 * ERROR_TOO_LARGE likewise. done may be NULL; it may produce. */
enum error client_produce(struct client *client, const char *topic,
                          int32_t partition, const struct client_record *record,
                          void (*done)(void *context,
                                       const struct client_delivery *delivery),
                          void *context);
/* Sends what lingers now. */
void client_flush(struct client *client);
/* Records produced and not yet done. */
size_t client_unanswered(const struct client *client);

/* Where a subscription starts. */
enum client_start {
    CLIENT_START_OFFSET,
    CLIENT_START_EARLIEST,
    CLIENT_START_LATEST,
    CLIENT_START_TIMESTAMP
};

/* One partition being read. Embedded by the user, zeroed before use. */
struct subscription {
    /* Records in offset order; borrowed until return. */
    void (*on_record)(struct subscription *subscription, int64_t offset,
                      const struct client_record *record);
    /* Caught up with the high watermark that the leader told. May be NULL. */
    void (*on_end)(struct subscription *subscription, int64_t high_watermark);
    /* It cannot go on by itself: UNKNOWN_TOPIC, OFFSET_OUT_OF_RANGE (the
     * log start is given), CORRUPT_BATCH. It is stopped. */
    void (*on_error)(struct subscription *subscription, enum error error,
                     int64_t log_start_offset);
    /* the engine's */
    struct client *client;
    char *topic;
    uint32_t partition;
    enum client_start start;
    int64_t start_offset; /* where it began, valid once positioned */
    int64_t next_offset;  /* likewise */
    struct uuid topic_id; /* of the topic they belong to; zero: not known */
    bool positioned;
    bool paused;
    bool active;
    void *private;
    struct list node;
};

/* `position`: offset or timestamp, as `start` says. Copies topic. The
 * callbacks may unsubscribe (and then free or subscribe anew), pause and
 * resume any subscription. */
void client_subscribe(struct client *client, struct subscription *subscription,
                      const char *topic, uint32_t partition,
                      enum client_start start, int64_t position);
/* No callback follows. Does nothing when it is not subscribed. */
void client_unsubscribe(struct subscription *subscription);
void subscription_pause(struct subscription *subscription);
void subscription_resume(struct subscription *subscription);

/* The partitions of a topic. Embedded by the user, zeroed before use. */
struct topic_watch {
    /* So many, once they are known; again when there are more. */
    void (*on_partitions)(struct topic_watch *watch, uint32_t count);
    /* UNKNOWN_TOPIC, also when another topic bears the name now: it is
     * stopped. */
    void (*on_error)(struct topic_watch *watch, enum error error);
    /* the engine's */
    struct client *client;
    struct topic *topic;
    struct uuid topic_id; /* of the one that was told of */
    uint32_t told;
    struct list node;
};

/* The callbacks may do what those of a subscription may, and unwatch. */
void client_watch_topic(struct client *client, struct topic_watch *watch,
                        const char *topic);
/* No callback follows. Does nothing when nothing is watched. */
void client_unwatch_topic(struct topic_watch *watch);

/* A request to any broker or the one it names (metadata), to the controller
 * (create, alter, delete, reassign) or, if it is to delete records, to the
 * leader they lie with, tried again until timeout_us; `message` is borrowed
 * until done. The answer is borrowed until return, NULL on an error. */
void client_request(struct client *client, Kq__Message *message,
                    bool to_controller, int64_t timeout_us,
                    void (*done)(void *context, enum error error,
                                 const Kq__Message *answer),
                    void *context);

#endif
