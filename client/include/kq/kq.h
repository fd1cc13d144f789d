/* SPDX-License-Identifier: Apache-2.0
 *
 * libkq: produce, consume and administer a Kafkaesque cluster.
 *
 *     struct kq_options options;
 *     struct kq_client *client;
 *
 *     kq_options_init(&options);
 *     options.bootstrap = "127.0.0.1:9092";
 *     if (kq_client_new(&options, &client) != KQ_ERROR_NONE)
 *         ...
 *     kq_produce(client, "topic", KQ_ANY_PARTITION, &record, NULL, NULL,
 *                KQ_WAIT);
 *     if (kq_flush(client, 10000) != KQ_ERROR_NONE)
 *         ...
 *     kq_client_free(client);
 *
 * Threads: every function may be called from any thread, several at once,
 * with these limits: kq_client_free() and kq_consumer_free() come last and
 * once; a consumer is polled by one thread at a time. A client runs one
 * thread of its own; callbacks come there, so they must be short, and must
 * not call anything of this library but kq_produce() (which then never
 * waits) and kq_error_*(). fork(): the child must not use a client.
 *
 * Units stand at the end of names (_ms, _bytes). Timestamps are milliseconds
 * since 1970-01-01 UTC. Strings are UTF-8, ended by a zero byte. Functions
 * borrow what they are given until they return, unless said otherwise.
 */
#ifndef KQ_KQ_H
#define KQ_KQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef KQ_API
#define KQ_API __attribute__((visibility("default")))
#endif

/* Zero is success. The numbers are those of the protocol; what each means:
 * kq_error_sentence(). */
enum kq_error {
    KQ_ERROR_NONE = 0,
    KQ_ERROR_UNKNOWN = 1,
    KQ_ERROR_AGAIN = 2,
    KQ_ERROR_OUT_OF_MEMORY = 3,
    KQ_ERROR_INVALID_ARGUMENT = 4,
    KQ_ERROR_CLOSED = 5,
    KQ_ERROR_REFUSED = 6,
    KQ_ERROR_TIMED_OUT = 7,
    KQ_ERROR_BUSY = 8,
    KQ_ERROR_CANCELLED = 9,
    KQ_ERROR_UNREACHABLE = 10,
    KQ_ERROR_ADDRESS_IN_USE = 11,
    KQ_ERROR_PERMISSION = 12,
    KQ_ERROR_NOT_FOUND = 20,
    KQ_ERROR_EXISTS = 21,
    KQ_ERROR_IO = 22,
    KQ_ERROR_DISK_FULL = 23,
    KQ_ERROR_LOCKED = 24,
    KQ_ERROR_NOT_EMPTY = 25,
    KQ_ERROR_CORRUPT = 26,
    KQ_ERROR_FOREIGN = 27,
    KQ_ERROR_LOG_DIRECTORY_FAILED = 28,
    KQ_ERROR_BAD_FRAME = 40,
    KQ_ERROR_UNSUPPORTED_VERSION = 41,
    KQ_ERROR_UNKNOWN_REQUEST = 42,
    KQ_ERROR_WRONG_CLUSTER = 43,
    KQ_ERROR_TOO_LARGE = 44,
    KQ_ERROR_CORRUPT_BATCH = 45,
    KQ_ERROR_INVALID_BATCH = 46,
    KQ_ERROR_UNKNOWN_TOPIC = 60,
    KQ_ERROR_UNKNOWN_PARTITION = 61,
    KQ_ERROR_TOPIC_EXISTS = 62,
    KQ_ERROR_INVALID_TOPIC = 63,
    KQ_ERROR_INVALID_CONFIG = 64,
    KQ_ERROR_INVALID_REPLICATION = 65,
    KQ_ERROR_NOT_LEADER = 66,
    KQ_ERROR_NO_LEADER = 67,
    KQ_ERROR_NOT_CONTROLLER = 68,
    KQ_ERROR_FENCED_EPOCH = 69,
    KQ_ERROR_UNKNOWN_EPOCH = 70,
    KQ_ERROR_STALE_BROKER_EPOCH = 71,
    KQ_ERROR_STALE_PARTITION_EPOCH = 72,
    KQ_ERROR_INELIGIBLE_REPLICA = 73,
    KQ_ERROR_OFFSET_OUT_OF_RANGE = 74,
    KQ_ERROR_OFFSET_NOT_AVAILABLE = 75,
    KQ_ERROR_NOT_ENOUGH_REPLICAS = 76,
    KQ_ERROR_DUPLICATE_SEQUENCE = 77,
    KQ_ERROR_OUT_OF_ORDER_SEQUENCE = 78,
    KQ_ERROR_FENCED_PRODUCER = 79,
    KQ_ERROR_UNKNOWN_PRODUCER = 80,
    KQ_ERROR_NOT_REPLICA = 81,
    KQ_ERROR_LEASE_EXPIRED = 82,
    KQ_ERROR_SHUTTING_DOWN = 83,
    KQ_ERROR_ELECTION_NOT_NEEDED = 84,
    KQ_ERROR_NO_NODE = 100,
    KQ_ERROR_NODE_EXISTS = 101,
    KQ_ERROR_BAD_VERSION = 102,
    KQ_ERROR_NODE_NOT_EMPTY = 103,
    KQ_ERROR_OUTCOME_UNKNOWN = 104,
    KQ_ERROR_SESSION_EXPIRED = 105,
    KQ_ERROR_NOT_CONNECTED = 106,
    KQ_ERROR_NOT_AUTHORISED = 107,
};

/* "DISK_FULL"; "?" for an unknown number. Static. */
KQ_API const char *kq_error_name(enum kq_error error);
/* What happened, to follow a colon. Static. */
KQ_API const char *kq_error_sentence(enum kq_error error);

/* ---- client ---- */

struct kq_client;

struct kq_options {
    const char *bootstrap; /* "host:port[,host:port...]"; required */
    const char *client_id; /* in the brokers' logs */
    int acks;              /* -1: all in-sync replicas; 1: leader; 0: none */
    bool idempotence;      /* no record twice by retries; needs acks -1 */
    int64_t linger_ms;     /* wait so long for a batch to fill */
    uint32_t batch_bytes;  /* a batch is sent when it is this large */
    uint32_t record_bytes_max;  /* larger records are TOO_LARGE */
    uint64_t buffer_bytes;      /* records not yet answered; at least 2 MiB more
                                   than record_bytes_max */
    uint32_t in_flight_max;     /* produce requests a broker */
    int64_t request_timeout_ms; /* of one try */
    int64_t delivery_timeout_ms; /* of a record, all tries */
    int64_t metadata_age_ms;     /* after so long, it is asked anew which
                                    partitions there are and who leads them */
    uint32_t fetch_bytes;        /* a partition and request */
    int64_t fetch_wait_ms;       /* a broker waits so long for new records */
    uint64_t consume_bytes;      /* read ahead for one consumer */
    bool log;                    /* warnings to standard error */
};

/* Defaults for all but bootstrap: acks -1, idempotent, no linger. */
KQ_API void kq_options_init(struct kq_options *options);

/* Copies the options. INVALID_ARGUMENT: bootstrap is not of its form, or
 * options contradict each other; AGAIN: no threads or descriptors left. Does
 * not wait for a connection. Free with kq_client_free(). */
KQ_API enum kq_error kq_client_new(const struct kq_options *options,
                                   struct kq_client **client);

/* Waits until a broker has answered, at most so long: NONE or TIMED_OUT. */
KQ_API enum kq_error kq_client_wait(struct kq_client *client,
                                    int64_t timeout_ms);

/* Ends its thread. Records without an answer get their callbacks with
 * CANCELLED first (they may have been written): kq_flush() before, if they
 * matter. All its consumers are freed before. Takes NULL. */
KQ_API void kq_client_free(struct kq_client *client);

/* ---- records ---- */

/* data NULL: null, which is not the same as empty. */
struct kq_bytes {
    const void *data;
    size_t size;
};

struct kq_header {
    const char *key;
    struct kq_bytes value;
};

struct kq_record {
    struct kq_bytes key;
    struct kq_bytes value;
    int64_t timestamp_ms; /* negative: now */
    const struct kq_header *headers;
    size_t header_count;
};

/* ---- producing ---- */

/* By hash of the key; without a key, batch by batch round the partitions. */
#define KQ_ANY_PARTITION (-1)

enum kq_wait {
    KQ_WAIT,   /* until there is room for the record */
    KQ_NO_WAIT /* BUSY instead */
};

/* What became of a record; on the client's thread. offset is -1 with acks 0
 * and after an error. TIMED_OUT, CLOSED and CANCELLED: it may have been
 * written; all other errors: it was not. */
typedef void kq_delivered(void *context, enum kq_error error, int32_t partition,
                          int64_t offset);

/* Copies the record and sends it in the background, together with others.
 * `delivered` (may be NULL) comes exactly once if NONE is returned, and not
 * otherwise. Errors: BUSY, TOO_LARGE, INVALID_ARGUMENT (no topic name). */
KQ_API enum kq_error kq_produce(struct kq_client *client, const char *topic,
                                int32_t partition,
                                const struct kq_record *record,
                                kq_delivered *delivered, void *context,
                                enum kq_wait wait);

/* Sends what lingers and waits until every record is answered and every
 * callback has returned: NONE, TIMED_OUT, or the first error of a record
 * that had no callback, since the last flush. timeout_ms -1: no limit (each
 * record has one). */
KQ_API enum kq_error kq_flush(struct kq_client *client, int64_t timeout_ms);

/* ---- consuming ---- */

struct kq_consumer;

enum kq_start {
    KQ_START_OFFSET,    /* position: the offset */
    KQ_START_BEGINNING, /* position is ignored */
    KQ_START_END,
    KQ_START_TIMESTAMP /* position: the first record at or after this */
};

enum kq_message_type {
    KQ_MESSAGE_RECORD,
    KQ_MESSAGE_END,    /* all that was committed has been read; offset is the
                          next one. Comes again after more records. */
    KQ_MESSAGE_STOPPED /* the partition cannot be read on: see error. For
                          OFFSET_OUT_OF_RANGE, offset is the log's start. */
};

struct kq_message {
    enum kq_message_type type;
    enum kq_error error;
    const char *topic;
    int32_t partition;
    int64_t offset;
    struct kq_record record; /* of KQ_MESSAGE_RECORD, else zero */
};

/* Free with kq_consumer_free(), before the client. */
KQ_API struct kq_consumer *kq_consumer_new(struct kq_client *client);
KQ_API void kq_consumer_free(struct kq_consumer *consumer); /* takes NULL */

/* Reads one more partition. What is wrong with it comes as a message. */
KQ_API void kq_consumer_subscribe(struct kq_consumer *consumer,
                                  const char *topic, int32_t partition,
                                  enum kq_start start, int64_t position);

/* Reads a whole topic: the partitions that there are from `start`, and those
 * that are added to it later from their beginning, within about
 * metadata_age_ms. When there is no such topic, a message STOPPED comes with
 * partition -1. */
KQ_API void kq_consumer_subscribe_topic(struct kq_consumer *consumer,
                                        const char *topic, enum kq_start start,
                                        int64_t position);

/* Waits at most so long (0: not at all) for messages; returns how many, and
 * points at them. They are the consumer's and go with the next poll. The
 * messages of one partition come in the order of their offsets. */
KQ_API size_t kq_consumer_poll(struct kq_consumer *consumer, int64_t timeout_ms,
                               const struct kq_message **messages);

/* ---- administration: each waits for its answer, at most timeout_ms ---- */

struct kq_setting {
    const char *key;
    const char *value;
};

struct kq_topic_options {
    uint32_t partitions; /* 0: the brokers' default */
    uint32_t replicas;   /* likewise */
    const struct kq_setting *settings;
    size_t setting_count;
};

#define KQ_DETAIL_BYTES 256

/* `detail` (may be NULL) gets the broker's words about an error, or "".
 * TIMED_OUT: it may have been done. */
KQ_API enum kq_error kq_topic_create(struct kq_client *client, const char *name,
                                     const struct kq_topic_options *options,
                                     int64_t timeout_ms,
                                     char detail[KQ_DETAIL_BYTES]);
KQ_API enum kq_error kq_topic_delete(struct kq_client *client, const char *name,
                                     int64_t timeout_ms,
                                     char detail[KQ_DETAIL_BYTES]);
/* Changes the settings named; a value of NULL takes one back to the brokers'
 * default. The others stay as they are. It can be asked again. */
KQ_API enum kq_error kq_topic_alter(struct kq_client *client, const char *name,
                                    const struct kq_setting *settings,
                                    size_t count, int64_t timeout_ms,
                                    char detail[KQ_DETAIL_BYTES]);

/* Gives a topic more partitions: `partitions` from now on. Records with a key
 * may go to another partition from then on. It asks a broker how many there
 * are and then the controller, each for at most timeout_ms. INVALID_ARGUMENT:
 * it has as many or more, or may not have so many. After TIMED_OUT, look how
 * many it has before it is asked again. */
KQ_API enum kq_error kq_topic_add_partitions(struct kq_client *client,
                                             const char *name,
                                             uint32_t partitions,
                                             int64_t timeout_ms,
                                             char detail[KQ_DETAIL_BYTES]);

struct kq_deletion {
    const char *topic;
    int32_t partition;
    int64_t before_offset;
};

/* Deletes the records of a partition below an offset, for all readers and
 * for good. *log_start_offset (may be NULL): where it begins now.
 * OFFSET_OUT_OF_RANGE: so much is not committed. It can be asked again. */
KQ_API enum kq_error kq_records_delete(struct kq_client *client,
                                       const struct kq_deletion *deletion,
                                       int64_t timeout_ms,
                                       int64_t *log_start_offset,
                                       char detail[KQ_DETAIL_BYTES]);

struct kq_election {
    size_t
        moved; /* partitions whose leaders give way to the preferred replica */
    size_t left; /* that another one leads, or none: it is not in sync */
};

/* Lets the preferred replicas, the first of each assignment, lead again where
 * they are in sync; `topic` NULL: of all topics. Brokers do so by themselves
 * at times. It can be asked again. */
KQ_API enum kq_error kq_leaders_elect(struct kq_client *client,
                                      const char *topic, int64_t timeout_ms,
                                      struct kq_election *election);

/* A partition that has no leader, as nobody who has all that was acknowledged
 * is there, gets this one: its replica leads with what it has, and what it
 * lacks is lost. ELECTION_NOT_NEEDED: there is a leader. INELIGIBLE_REPLICA:
 * that broker is not there, or has no replica. `detail` says more. After
 * TIMED_OUT it can be asked again. */
KQ_API enum kq_error kq_leader_elect_uncleanly(
    struct kq_client *client, const char *topic, int32_t partition,
    int32_t broker, int64_t timeout_ms, char detail[KQ_DETAIL_BYTES]);

struct kq_reassignment {
    const char *topic;
    int32_t partition;
    /* The brokers that are to hold it, the preferred leader first; all of
     * them, also those that hold it now. */
    const int32_t *replicas;
    size_t replica_count; /* 0: what is under way is cancelled */
    uint64_t copy_rate;   /* bytes a second that each broker copies for new
                             replicas, at most; 0: no limit */
};

struct kq_reassign_result {
    enum kq_error error;          /* NONE: it has begun, or nothing is to do */
    char detail[KQ_DETAIL_BYTES]; /* the broker's words about an error, or "" */
};

/* Partitions are to lie on these brokers. Each goes on while new replicas
 * copy, and is done when all of them are in sync: kq_moves_describe(). A later
 * call replaces an earlier one. Some hundred partitions a call; results[i]
 * says what became of items[i], also where another one was refused. If not
 * NONE is returned, results hold that error: after TIMED_OUT and CLOSED it may
 * have been done, and can be asked again. */
KQ_API enum kq_error kq_reassign(struct kq_client *client,
                                 const struct kq_reassignment *items,
                                 size_t count, int64_t timeout_ms,
                                 struct kq_reassign_result *results);

struct kq_clock {
    bool believed;    /* else nothing is deleted by time */
    int64_t apart_ms; /* from the time that the broker goes by */
};

/* Whether a broker believes its wall clock; `believe`: the caller vouches for
 * it from now on. TIMED_OUT: there is no such broker, or it is away. */
KQ_API enum kq_error kq_broker_clock(struct kq_client *client, int32_t broker,
                                     bool believe, int64_t timeout_ms,
                                     struct kq_clock *clock);

struct kq_log_directory {
    const char *path;
    const char *detail; /* why it is offline, a sentence; "": not known */
};

struct kq_broker {
    int32_t id;
    const char *host;
    uint16_t port;
    const char *rack; /* "": it says none */
    /* Those of its log directories that are offline, and how many replicas
     * lie in them. */
    const struct kq_log_directory *offline_directories;
    size_t offline_directory_count;
    size_t offline_replica_count;
    bool leaving; /* it is about to stop: others take over what it leads */
};

/* A znode that is missing, damaged or was written by hand. */
struct kq_damaged_znode {
    const char *path;
    const char *why;     /* a sentence, as is */
    const char *way_out; /* what stands still, and what to do */
};

/* Of a partition that is reassigned: one that is to hold it. */
struct kq_new_replica {
    int32_t broker;
    int64_t copied_offset; /* it has all records below; -1: not known */
};

struct kq_partition {
    int32_t leader; /* -1: none */
    uint32_t leader_epoch;
    uint32_t min; /* in-sync replicas needed */
    const int32_t *replicas;
    size_t replica_count;
    const int32_t *isr;
    size_t isr_count;
    const int32_t *eligible; /* may be elected though not in sync */
    size_t eligible_count;
    int64_t log_start_offset; /* as far as ZooKeeper was told */
    bool lazy; /* records may be lost with the power (flush.ms not 0) */
    /* While it is reassigned: who is to come and who is to go; `replicas` has
     * both, the latter at its end. */
    const struct kq_new_replica *adding;
    size_t adding_count;
    const int32_t *removing;
    size_t removing_count;
    uint64_t copy_rate; /* bytes a second; 0: no limit */
    /* What new replicas copy, from the log's start to its end; -1: not known,
     * see kq_moves_describe(). */
    int64_t copy_start_offset;
    int64_t copy_end_offset;
};

struct kq_topic {
    const char *name;
    enum kq_error error;
    char id[33]; /* hexadecimal; "" after an error */
    const struct kq_partition *partitions;
    size_t partition_count;
    const struct kq_setting *settings; /* those that were set */
    size_t setting_count;
};

struct kq_cluster {
    char id[33];        /* hexadecimal */
    int32_t controller; /* -1: none */
    const struct kq_broker *brokers;
    size_t broker_count;
    const struct kq_topic *topics;
    size_t topic_count;
    /* of one topic: what it is given where it does not set it */
    const struct kq_setting *defaults;
    size_t default_count;
    const struct kq_damaged_znode *damaged; /* of all topics only */
    size_t damaged_count;
};

/* What one broker knows; topic NULL: of all topics. UNKNOWN_TOPIC when there
 * is no such one. Free with kq_cluster_free(). */
KQ_API enum kq_error kq_cluster_describe(struct kq_client *client,
                                         const char *topic, int64_t timeout_ms,
                                         struct kq_cluster **cluster);
/* The same of all topics by one broker that reads all znodes before, unless it
 * cannot reach ZooKeeper: so those that are damaged are named. */
KQ_API enum kq_error kq_cluster_check(struct kq_client *client,
                                      int64_t timeout_ms,
                                      struct kq_cluster **cluster);
/* The same of all topics, by the controller, which hears first of what is
 * reassigned. How far new replicas are, leaders alone know: each that has such
 * a partition is asked, too, for at most leader_timeout_ms; of those who do
 * not answer it is not known. 0: leaders are not asked. */
KQ_API enum kq_error kq_moves_describe(struct kq_client *client,
                                       int64_t timeout_ms,
                                       int64_t leader_timeout_ms,
                                       struct kq_cluster **cluster);
KQ_API void kq_cluster_free(struct kq_cluster *cluster); /* takes NULL */

#ifdef __cplusplus
}
#endif

#endif
