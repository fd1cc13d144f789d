/* SPDX-License-Identifier: Apache-2.0
 *
 * What ZooKeeper says about the cluster, as last read: topics, partition
 * states, brokers, the controller. Kept up to date through one data watch,
 * on `changes`: the entries say which chunk to read again; a gap in their
 * sequence makes it read everything.
 *
 * The controller is the only writer of topics and states; what it has
 * written it puts in here itself (metadata_apply_chunk).
 */
#ifndef CLUSTER_METADATA_H
#define CLUSTER_METADATA_H

#include "base/tree.h"

#include "cluster/brokers.h"
#include "cluster/znode.h"
#include "coord/coord.h"

#define PARTITIONS_PER_TOPIC_MAX 10000

struct topic_config {
    char *key;
    char *value;
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
    uint32_t chunks_missing;
    struct topic_config *configs;
    size_t config_count;
    int32_t version; /* of /topics/NAME: its configs */
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
    struct list reads; /* in flight, of struct metadata_read */
    bool rescan_wanted;
    bool rescanning;
    bool from_here; /* the scan knows with which change it begins */
    bool reads_failed;
    bool damaged; /* a znode could not be read: nothing is known to be gone */
    struct coord_watch changes_watch;
    struct timer retry;
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
/* Session over: nothing is ready, nothing followed, until the next scan. */
void metadata_stop(struct metadata *metadata);
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
/* And no partitions are still to be shown: nothing that is known of it is a
 * part of what ZooKeeper has. */
static inline bool topic_settled(const struct topic *topic)
{
    return topic_loaded(topic) && topic->grown == NULL;
}
/* Chunks that it has in ZooKeeper, as far as its znode was read. */
static inline uint32_t topic_chunks(const struct topic *topic)
{
    return topic->grown ? topic->grown->chunk_count : topic->chunk_count;
}
/* The value of a configuration key of the topic, or NULL. */
const char *topic_config_value(const struct topic *topic, const char *key);

/* The controller's own writes, once committed. `version`: of the znode. A
 * topic that has more partitions now shows them when the last of their chunks
 * is applied. */
struct topic *metadata_apply_topic(struct metadata *metadata, const char *name,
                                   int32_t version, const Kq__TopicNode *node);
/* It may hold more partitions than the topic is known to have: these are not
 * taken. False when it holds less. */
bool metadata_apply_chunk(struct metadata *metadata, struct topic *topic,
                          const struct chunk_states *chunk);
void metadata_remove_topic(struct metadata *metadata, struct topic *topic);

/* Partitions in a chunk of the topic. */
uint32_t topic_chunk_size(const struct topic *topic, uint32_t chunk);

#endif
