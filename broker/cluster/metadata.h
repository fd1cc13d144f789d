/* SPDX-License-Identifier: Apache-2.0
 *
 * What ZooKeeper says about the cluster, as last read: topics, partition
 * states, brokers, the controller. Kept up to date through one data watch,
 * on `changes`: the entries say which chunk to read again; a gap in their
 * sequence makes it read everything.
 *
 * The controller is the only writer of topics and states; what it has
 * written it puts in here itself (metadata_apply_chunk).
 *
 * What cannot be used as it is (cluster/defects.h) stays as it was known last,
 * if it was: nothing is deleted because of it, and nothing written over it. It
 * is looked at again now and then, and all is read anew when it has changed.
 */
#ifndef CLUSTER_METADATA_H
#define CLUSTER_METADATA_H

#include "base/tree.h"

#include "cluster/brokers.h"
#include "cluster/defects.h"
#include "cluster/znode.h"
#include "coord/coord.h"

#define PARTITIONS_PER_TOPIC_MAX 10000

struct topic_config {
    char *key;
    char *value;
};

/* How a chunk was found when it was read last. */
enum chunk_condition {
    CHUNK_WHOLE,
    CHUNK_LARGER, /* it holds partitions that the topic is not known to have */
    CHUNK_DAMAGED,
    CHUNK_MISSING /* likewise: there is none */
};

struct topic {
    RB_ENTRY(topic) by_name;
    RB_ENTRY(topic) by_id;
    char *name;
    struct uuid id;
    uint32_t partition_count;
    struct partition_state *states; /* partition_count of them */
    uint32_t chunk_count;
    int32_t *chunk_versions; /* -1: not read yet */
    int64_t *chunk_czxids;   /* of their znodes; 0: not known */
    enum chunk_condition *chunk_conditions;
    uint32_t chunks_missing; /* so many are still to be read */
    uint32_t chunks_larger;
    uint32_t chunks_damaged; /* or missing */
    bool damaged;            /* /topics/NAME is: all of it is as it was */
    struct topic_config *configs;
    size_t config_count;
    int32_t version; /* of /topics/NAME: its configs */
    int64_t czxid;   /* likewise; 0: not read yet */
    bool seen;       /* by the rescan under way */
    /* With more partitions, while their states are being read: nobody sees
     * one of them before all are there. Has partitions and chunks only. */
    struct topic *grown;
};

/* A chunk as it lies in ZooKeeper. */
struct chunk_states {
    uint32_t chunk;
    int32_t version;
    uint32_t count;
    const struct partition_state *states; /* so many */
    int64_t czxid;                        /* 0: written, not read */
};

RB_HEAD(topics_by_name, topic);
RB_HEAD(topics_by_id, topic);

/* Embedded by the user. None is called from inside a metadata_ function but
 * metadata_apply_* and metadata_remove_topic. */
struct metadata_listener {
    /* First complete reading in this session; again after every rescan. */
    void (*on_ready)(struct metadata_listener *listener);
    /* States of partitions [first, first + count), or the topic's settings,
     * were read or written. */
    void (*on_states)(struct metadata_listener *listener, struct topic *topic,
                      uint32_t first, uint32_t count);
    /* About to be freed. */
    void (*on_deleted)(struct metadata_listener *listener, struct topic *topic);
    /* Brokers or the controller may have changed. */
    void (*on_brokers)(struct metadata_listener *listener);
};

struct metadata {
    struct seam *seam;
    struct coord *coord;
    struct metadata_listener *listener;
    struct topics_by_name by_name;
    struct topics_by_id by_id;
    bool ready; /* everything has been read in this session */
    bool stopped;
    uint64_t next_sequence; /* of the changes read */
    uint64_t changes_read;  /* below it, what they speak of is read too */
    int32_t changes_version;
    struct list reads;   /* asked for or about to be, of struct metadata_read */
    struct list queued;  /* of them: not asked for yet */
    uint32_t bulk_reads; /* asked for that came from the queue */
    uint32_t bulk_reads_max; /* > 0; may be set at any time */
    bool rescan_wanted;
    bool rescanning;
    bool from_here; /* the scan knows with which change it begins */
    bool blind;     /* it does not, and will be made again: there was none */
    bool reads_failed;
    bool catching_up; /* on_ready when what is being read is in */
    bool damaged; /* a znode could not be read: nothing is known to be gone */
    struct defects defects;
    bool check_all; /* the next scan reads what nobody follows, too */
    struct coord_watch changes_watch;
    struct timer retry;
    struct timer look;  /* reads all again, as something is damaged */
    int64_t look_us;    /* the next time after so long */
    int64_t scanned_us; /* when the last scan began */
    /* of the znodes as last read; 0: not */
    int64_t cluster_czxid;
    int64_t topics_czxid;
    struct brokers_listener brokers_listener;
    struct brokers brokers;
    /* /controller as last read; NO_BROKER when there is none */
    uint32_t controller_id;
    uint32_t controller_epoch;
};

void metadata_init(struct metadata *metadata, struct seam *seam,
                   struct coord *coord, struct metadata_listener *listener);
void metadata_release(struct metadata *metadata);

/* Reads everything (with a sync), then on_ready; from then on follows the
 * changes. Also to be called when a reading may be stale: then everything
 * is read again. */
void metadata_scan(struct metadata *metadata);
/* The same for a controller that was just elected (decision 0038). What its
 * predecessors wrote is in the changes: where all of them were followed, only
 * the rest is read. Else everything. */
void metadata_catch_up(struct metadata *metadata);
/* The changes [first, next) are this broker's own and were put in here, but for
 * those of `brokers`: they need not be read back, if all before was read. */
void metadata_wrote(struct metadata *metadata, uint64_t first, uint64_t next,
                    bool brokers);
/* As metadata_scan(), and all other znodes too, for who asks whether any is
 * damaged. */
void metadata_check(struct metadata *metadata);
/* Session over: nothing is ready, nothing followed, until the next scan. */
void metadata_stop(struct metadata *metadata);
/* Somebody cannot use a znode that seems whole here: all is read again, but not
 * more often than each second. */
void metadata_doubt(struct metadata *metadata);
/* Reads one chunk again (a leader was told that its state is stale). */
void metadata_refresh(struct metadata *metadata, struct topic *topic,
                      uint32_t partition);
/* Reads brokers and controller again. */
void metadata_refresh_brokers(struct metadata *metadata);

struct topic *metadata_topic(struct metadata *metadata, const char *name);
struct topic *metadata_topic_by_id(struct metadata *metadata,
                                   const struct uuid *id);
struct topic *metadata_first(struct metadata *metadata); /* by name */
struct topic *metadata_next(struct topic *topic);
static inline bool topic_loaded(const struct topic *topic)
{
    return topic->chunks_missing == 0;
}
/* And no partitions are still to be shown, nor kept from being known by a
 * damaged znode: nothing that is known of it is a part of what ZooKeeper
 * has. */
static inline bool topic_settled(const struct topic *topic)
{
    return topic_loaded(topic) && topic->grown == NULL && !topic->damaged &&
           topic->chunks_larger == 0;
}
/* And none of its chunks is damaged. */
static inline bool topic_whole(const struct topic *topic)
{
    return topic_settled(topic) && topic->chunks_damaged == 0;
}
/* What is known of the chunk is what ZooKeeper has: it may be written. */
static inline bool topic_chunk_whole(const struct topic *topic, uint32_t chunk)
{
    return topic->chunk_conditions[chunk] == CHUNK_WHOLE;
}
/* Chunks that it has in ZooKeeper, as far as its znode was read. */
static inline uint32_t topic_chunks(const struct topic *topic)
{
    return topic->grown ? topic->grown->chunk_count : topic->chunk_count;
}
/* The value of a configuration key of the topic, or NULL. */
const char *topic_config_value(const struct topic *topic, const char *key);

/* NULL, or what is wrong with /topics/NAME: a sentence, in `why` if it is made
 * for this case. */
const char *metadata_topic_wrong(struct metadata *metadata, const char *name,
                                 const Kq__TopicNode *node,
                                 char why[DEFECT_WHY_BYTES]);
/* What was read, or the controller's own writes, once committed. `version`: of
 * the znode. A topic that has more partitions now shows them when the last of
 * their chunks is applied. NULL when the node is wrong. */
struct topic *metadata_apply_topic(struct metadata *metadata, const char *name,
                                   int32_t version, const Kq__TopicNode *node);
/* It may hold more partitions than the topic is known to have: these are not
 * taken. False when it holds less. */
bool metadata_apply_chunk(struct metadata *metadata, struct topic *topic,
                          const struct chunk_states *chunk);
/* Every partition of the chunk, in its place; room for CHUNK_PARTITIONS. NULL,
 * or what is wrong. */
const char *metadata_decode_chunk(uint32_t chunk,
                                  const Kq__PartitionStates *node,
                                  struct partition_state *states,
                                  char why[DEFECT_WHY_BYTES]);
bool topic_has_id(const struct topic *topic, ProtobufCBinaryData topic_id);
void metadata_remove_topic(struct metadata *metadata, struct topic *topic);
/* It stays as it was known last. */
void topic_set_condition(struct topic *topic, uint32_t chunk,
                         enum chunk_condition condition);

/* Partitions in a chunk of the topic. */
uint32_t topic_chunk_size(const struct topic *topic, uint32_t chunk);

#endif
