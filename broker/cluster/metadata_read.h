/* SPDX-License-Identifier: Apache-2.0
 *
 * The readings behind cluster/metadata.h; private to it.
 */
#ifndef CLUSTER_METADATA_READ_H
#define CLUSTER_METADATA_READ_H

#include "cluster/metadata.h"

/* All is read again so soon while a znode is damaged, then less often. */
#define LOOK_US 500000

enum read_kind {
    READ_CHANGES,
    READ_CONTROLLER,
    READ_ROOT, /* the znode above all topics */
    READ_TOPICS,
    READ_TOPIC,
    READ_CHUNK,
    READ_CONFIRM, /* the topic of a chunk that does not go with it */
    READ_RENEWAL, /* a state of a topic that has another id */
    READ_CLUSTER, /* what is wrong with it keeps no log from going */
    READ_EPOCH,   /* these are read by a check alone */
    READ_PRODUCER_IDS
};

struct metadata_read {
    struct coord_request request;
    struct metadata *metadata;
    enum read_kind kind;
    char *name;          /* of READ_TOPIC */
    struct topic *topic; /* of READ_CHUNK; NULL: deleted meanwhile */
    uint32_t chunk;
    /* of READ_CONFIRM: what is wrong with the chunk, unless the topic has
     * changed, and as what it was read */
    enum chunk_condition condition;
    bool exists;
    struct coord_stat stat;
    /* the topic's: of READ_RENEWAL, as its znode says; of READ_TOPIC, as the
     * change says that speaks of it first, or zero */
    struct uuid id;
    bool renewed; /* of READ_TOPIC: so do its states */
    bool bulk;
    struct list node;
    struct list queued;
};

void metadata_read_init(struct metadata *metadata);
/* All is read again, as soon as nothing is being read. */
void metadata_scan_soon(struct metadata *metadata);
/* A reading has come back. */
void metadata_read_done(struct coord_request *request);

/* cluster/metadata_ask.c. Znodes of topics are read in bulk: so many at once.
 */
#define BULK_READS_DEFAULT 512

/* One that is about to be asked for: fill the rest and ask. */
struct metadata_read *metadata_read_new(struct metadata *metadata,
                                        enum read_kind kind);
void metadata_read_free(struct metadata_read *read);
struct metadata_read *metadata_read_topic(struct metadata *metadata,
                                          const char *name);
/* What is read because of something that was just read needs no sync of its
 * own: a session never sees an older state than it has seen. */
void metadata_read_chunk(struct metadata *metadata, struct topic *topic,
                         uint32_t chunk, bool sync);
/* As many of the queue as may be under way. */
void metadata_ask_queued(struct metadata *metadata);
/* What is not asked for will not be. */
void metadata_drop_queued(struct metadata *metadata);
/* The topic goes: readings of it are to be dropped when they arrive. */
void metadata_forget_reads(struct metadata *metadata, struct topic *topic);
/* At release, when the coordinator will not answer any more. */
void metadata_drop_reads(struct metadata *metadata);

/* cluster/metadata_defects.c: what cannot be used. What stands still while a
 * znode is damaged, and what to do. */
const char *metadata_way_out(enum read_kind kind);
void metadata_note(struct metadata *metadata, const struct defect_found *found);
/* What was read is not as it should be, or not there. */
void metadata_read_damaged(struct metadata_read *read, const char *why);
/* It is as it should be. What was known while it was not may be old: read all
 * of it. */
void metadata_read_well(struct metadata_read *read);
void metadata_read_chunk_damaged(struct metadata_read *read,
                                 enum chunk_condition condition,
                                 const struct coord_stat *stat,
                                 const char *why);
void metadata_read_stray(struct metadata *metadata, const char *name);

/* cluster/metadata_changes.c: what /changes says. */
void metadata_got_changes(struct metadata *metadata,
                          const Kq__ChangesNode *node, int32_t version);
/* All that was written so far is known, or will be by the changes alone. */
bool metadata_is_followed(const struct metadata *metadata);
/* Something was read, or need not be: perhaps it was all. */
void metadata_note_read(struct metadata *metadata);

#endif
