/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the engine share. The engine is level-triggered: what
 * happens changes state and asks for a turn (client_wake); client_work()
 * then looks at all of the state and does what can be done.
 *
 *     remote    a broker and the channel to it        remote.c
 *     topic     what is known of a topic              metadata.c
 *     request   an administrative question            request.c
 *     lane      a partition being produced to         lane.c, producer.c
 *     bundle    a record batch being built or sent    bundle.c
 *     waiting   a record whose topic is not known     waiting.c
 *     reader    a partition being read                consumer.c, fetch.c
 *     watch     who is told of a topic's partitions   watch.c
 */
#ifndef ENGINE_INTERNAL_H
#define ENGINE_INTERNAL_H

#include "base/random.h"
#include "client/engine/client.h"
#include "seam/timer.h"
#include "wire/channel.h"
#include "wire/field.h"

/* How long a topic may be unknown to the brokers before we believe it. */
#define TOPIC_PATIENCE_US  5000000
/* Limit of the back-off, as a multiple of retry_backoff_us. */
#define BACKOFF_FACTOR_MAX 10
/* Batches of one partition in flight with idempotence; as many as brokers
 * remember. */
#define LANE_IN_FLIGHT_MAX 5
#define FRAME_BYTES_WANTED (8u << 20)
#define LEADER_NONE        (-1)

/* ---- remote ---- */

struct remote {
    struct client *client;
    struct channel channel;
    struct channel_handler handler;
    bool seed;   /* the bootstrap list is its address */
    bool listed; /* in the newest metadata */
    uint32_t broker_id;
    char *host;
    uint16_t port;
    unsigned failures; /* since it was last ready */
    int64_t retry_at_us;
    unsigned produce_in_flight;
    unsigned fetches;
    struct list lanes;   /* gathered in one turn, to be sent to */
    struct list readers; /* likewise, to be fetched from */
    struct list node;    /* on client->remotes, by broker id */
};

struct seed {
    char *host;
    uint16_t port;
};

/* Reads "host:port[,host:port...]" into client->seeds; false if it is not
 * of this form. */
bool seeds_parse(struct client *client, const char *bootstrap);
struct remote *remote_new(struct client *client, const char *host,
                          uint16_t port);
void remote_free(struct remote *remote);
/* Connects now or when its back-off is over; true when it is ready. */
bool remote_want(struct remote *remote);
/* A call to it was not answered: it counts as dead. */
void remote_distrust(struct remote *remote);
/* A ready remote, the next one round the brokers; NULL (and one is being
 * connected) when there is none. */
struct remote *client_any_remote(struct client *client);
/* The remote of a broker in the metadata, or NULL. */
struct remote *client_remote(struct client *client, int64_t broker_id);

/* ---- metadata ---- */

struct place {
    int64_t leader; /* broker id or LEADER_NONE */
    uint32_t leader_epoch;
    struct lane *lane; /* NULL until produced to */
};

struct topic {
    char *name;
    struct uuid id;
    bool known;
    bool denied; /* since asked_at_us a broker said that there is none */
    uint32_t partition_count; /* the topic's of this id, as far as known */
    uint32_t place_count;     /* at least as many: of all that bore the name */
    struct place *places;
    int64_t asked_at_us; /* somebody wants it and it is not known */
    uint32_t turn;       /* partition of records without a key */
    struct list waiting; /* of struct waiting */
};

struct metadata {
    struct topic **topics; /* by name */
    size_t topic_count;
    int64_t controller; /* broker id or -1 */
    bool answered;      /* at least once */
    bool wanted;
    unsigned failures;
    int64_t not_before_us;
    int64_t answered_at_us;
    struct call call;
    struct remote *asked;
};

void client_metadata_init(struct client *client);
void client_metadata_release(struct client *client);
void client_metadata_work(struct client *client);
/* Asks for a refresh, soon but not more often than the back-off allows. */
void client_metadata_refresh(struct client *client);
/* The topic's entry, made when it is new; patience starts anew when it had
 * run out. */
struct topic *client_metadata_topic(struct client *client, const char *name);
/* ERROR_NONE: known; ERROR_AGAIN: being asked for; ERROR_UNKNOWN_TOPIC when
 * patience is over. */
enum error topic_state(struct client *client, struct topic *topic);
/* The topic is known, and not to have a partition that was first asked for
 * then: ERROR_AGAIN: being asked for; ERROR_UNKNOWN_PARTITION when patience is
 * over. */
enum error topic_await(struct client *client, int64_t asked_at_us);
/* When a leader that failed is tried again: after a back-off, and at once when
 * another one is known to lead (KIP-951). */
struct retry {
    unsigned failures; /* since the last success */
    int64_t at_us;
    uint32_t leader_epoch; /* that failed last */
};

void retry_after_failure(struct client *client, struct retry *retry,
                         const struct topic *topic, uint32_t partition);
/* Whether it is too early; then the client wakes in time. */
bool retry_waits(struct client *client, const struct retry *retry,
                 const struct topic *topic, uint32_t partition);

/* The leader's remote when ready; otherwise NULL, and what is needed to
 * have it is under way. */
struct remote *topic_leader(struct client *client, struct topic *topic,
                            uint32_t partition);

/* ---- requests ---- */

void requests_work(struct client *client);
void requests_release(struct client *client);

/* ---- producing ---- */

struct delivery {
    void (*done)(void *context, const struct client_delivery *delivery);
    void *context;
};

struct bundle {
    struct list node; /* lane->queue, lane->in_flight, producer.finished */
    struct lane *lane;
    uint8_t *data; /* header, then the RecordSet so far */
    size_t size;
    size_t capacity;
    struct delivery *deliveries;
    uint32_t record_count;
    uint32_t delivery_capacity;
    int64_t base_timestamp_ms;
    int64_t max_timestamp_ms;
    int64_t due_at_us;      /* linger is over */
    int64_t deadline_us;    /* delivery time-out of its oldest record */
    uint64_t order;         /* of creation, within its lane */
    struct uuid topic_id;   /* that it was last sent to */
    int64_t producer_id;    /* -1: not sequenced */
    uint32_t base_sequence; /* valid when sequenced */
    unsigned attempts;
    enum error error; /* the result when finished */
    int64_t base_offset;
    bool full;      /* takes no more records */
    bool uncertain; /* a try may have written it */
};

struct bundle *bundle_new(struct client *client, struct lane *lane);
/* Takes NULL. */
void bundle_free(struct client *client, struct bundle *bundle);
/* Bytes that the record adds to a batch, a bound from above. */
size_t record_bytes(const struct client_record *record);
/* Whether the record can be added without passing batch_bytes. */
bool bundle_fits(const struct client *client, const struct bundle *bundle,
                 const struct client_record *record);
/* False when it is full; it is marked so. */
bool bundle_append(struct client *client, struct bundle *bundle,
                   const struct client_record *record,
                   const struct delivery *delivery);
/* Writes header and checksum; no more records after it. */
void bundle_seal(struct bundle *bundle, uint32_t producer_epoch);
/* What it counts against buffer_bytes. */
size_t bundle_memory(const struct bundle *bundle);

struct lane {
    struct topic *topic;
    uint32_t partition;
    struct list queue;     /* of struct bundle, in order; the last is open */
    struct list in_flight; /* in order of sequences */
    unsigned in_flight_count;
    uint64_t next_order;
    uint32_t next_sequence;
    struct retry retry;
    struct list node;   /* producer.lanes while the queue is not empty */
    struct list sender; /* remote->lanes within a turn */
};

struct waiting {
    struct list node;
    struct client_record record; /* points into this allocation */
    struct delivery delivery;
    int32_t partition;
    int64_t deadline_us;
    enum error error; /* when it has failed */
    size_t memory;
};

struct producer {
    struct list lanes;    /* with something to send, in order of arrival */
    struct list finished; /* of struct bundle: results to be told */
    struct list failed;   /* of struct waiting: likewise */
    struct list calls;    /* of struct produce_call */
    uint64_t buffered;    /* bytes */
    size_t unanswered;    /* records */
    unsigned sequenced;   /* bundles with a sequence, not finished */
    int64_t producer_id;  /* -1: none */
    uint32_t producer_epoch;
    bool reset_wanted; /* a new id before anything else is sequenced */
    struct id_request *id_request;
};

void producer_init(struct client *client);
void producer_release(struct client *client);
void producer_work(struct client *client);
/* Asks for a producer id unless that is under way. */
void producer_ask_id(struct client *client);

struct lane *topic_lane(struct client *client, struct topic *topic,
                        uint32_t partition);
/* Appends to the lane's open bundle or a new one. */
void lane_add(struct client *client, struct lane *lane,
              const struct client_record *record,
              const struct delivery *delivery);
/* Partition for a record of a known topic, or -1 when there is none. */
int64_t topic_pick(struct client *client, struct topic *topic,
                   int32_t partition, const struct client_record *record);
/* Takes a bundle that is on no list: its callers are told by producer_work. */
void producer_finish(struct client *client, struct bundle *bundle,
                     enum error error);
/* Fails what is past its deadline; wakes for the next one. */
void lane_expire(struct client *client, struct lane *lane);
/* Fails all that is queued. */
void lane_fail(struct client *client, struct lane *lane, enum error error);
/* The next bundle that may be sent now, or NULL. */
struct bundle *lane_ready(struct client *client, struct lane *lane);
/* Moves it from queue to in_flight, numbered and sealed. */
void lane_send(struct client *client, struct lane *lane, struct bundle *bundle);
/* The result of one try, as the broker said or the connection failed. */
void lane_answered(struct client *client, struct bundle *bundle,
                   enum error error);
/* Sends what it can of the lanes gathered on remote->lanes. */
void remote_produce(struct client *client, struct remote *remote);

void waiting_add(struct client *client, struct topic *topic, int32_t partition,
                 const struct client_record *record,
                 const struct delivery *delivery);
/* Routes or fails the records that wait for topics. */
void waiting_work(struct client *client);
void waiting_release(struct client *client);

/* ---- consuming ---- */

struct reader {
    struct client *client;
    struct subscription *subscription; /* NULL once unsubscribed */
    struct topic *topic;
    uint32_t partition;
    struct uuid topic_id; /* that next_offset belongs to; zero: none yet */
    struct call call;     /* list offsets */
    struct remote *asked;
    bool fetching;    /* part of a fetch, or its records are delivered */
    bool list_latest; /* no record is as late as the timestamp */
    bool skip_older;  /* records before timestamp_ms */
    bool replaced;    /* the topic was deleted, another bears its name */
    int64_t asked_at_us;
    int64_t timestamp_ms;
    int64_t told_end;       /* offset at which on_end was told */
    int64_t told_watermark; /* what was told there */
    uint32_t fetch_bytes;
    unsigned corrupt; /* answers with a damaged batch since the last good one */
    struct retry retry;
    struct list node;    /* client->readers */
    struct list fetcher; /* remote->readers within a turn */
};

void consumer_work(struct client *client);
void consumer_release(struct client *client);
/* Subscribed, not stopped, not paused. */
bool reader_flows(const struct reader *reader);
/* A try failed: later again, or it stops when there is no hope. Calls back. */
void reader_failed(struct reader *reader, enum error error,
                   int64_t log_start_offset);
/* Stops it. Calls back. */
void reader_stop(struct reader *reader, enum error error,
                 int64_t log_start_offset);
/* Frees it. */
void reader_free(struct reader *reader);
/* Sends one fetch for the readers gathered on remote->readers. */
void remote_fetch(struct client *client, struct remote *remote);
void fetches_release(struct client *client);

void watches_work(struct client *client);
void watches_release(struct client *client);

/* Fields of the messages of proto/record.proto. */
enum { SET_RECORDS = 1 };
enum {
    RECORD_KEY = 1,
    RECORD_VALUE = 2,
    RECORD_TIMESTAMP_DELTA = 3,
    RECORD_HEADERS = 4
};
enum { HEADER_KEY = 1, HEADER_VALUE = 2 };

/* Whether the set holds exactly `count` entries, all within their bounds. */
bool record_set_valid(struct bytes set, uint32_t count);
/* The next entry of a valid set; false at its end. */
bool record_scan_next(struct field_scan *scan, struct bytes *record);
/* Decodes an entry. Key and values lie in it, headers in the client's decode
 * block, where they stay until the next one. ERROR_CORRUPT_BATCH,
 * ERROR_OUT_OF_MEMORY. */
enum error record_decode(struct client *client, struct bytes entry,
                         int64_t base_timestamp_ms,
                         struct client_record *record);

/* ---- the client ---- */

struct client {
    struct seam *seam;
    struct client_options options;
    char *client_id;
    struct channel_identity identity;
    struct random random;
    struct timer timer;
    bool working;
    struct seed *seeds;
    size_t seed_count;
    size_t seed_turn;
    struct remote *seed;
    struct list remotes; /* without the seed */
    int64_t any_turn;    /* broker id last taken by client_any_remote */
    struct metadata metadata;
    struct list requests; /* of struct request */
    struct producer producer;
    struct list readers; /* in order of subscription */
    struct list fetches; /* of struct fetch */
    struct list watches; /* of struct topic_watch */
    uint8_t *decode_block;
    size_t decode_size;
};

/* Asks for client_work() at this time at the latest. */
void client_wake(struct client *client, int64_t at_us);
void client_wake_now(struct client *client);
int64_t client_now(const struct client *client);
/* The back-off after so many failures. */
int64_t client_backoff(const struct client *client, unsigned failures);

/* Whether another try may help. */
bool error_retriable(enum error error);
/* Whether the metadata may be out of date. */
bool error_refreshes(enum error error);

#endif
