/* SPDX-License-Identifier: Apache-2.0
 *
 * Znodes that were read and cannot be used: what is said of them, and when
 * they are read again.
 */
#include <stdio.h>

#include "cluster/metadata_read.h"
#include "seam/trace.h"

/* What stands still while it is damaged, and what to do. */
static const char *const ways_out[] = {
    [READ_CHANGES] = "no controller can be elected, and brokers miss what "
                     "changes: delete it, and the next controller makes it "
                     "anew",
    [READ_CONTROLLER] = "no controller can be elected: delete it",
    [READ_ROOT] = "all topics stay as they were known last: write back what "
                  "was there",
    [READ_TOPICS] = "what is missing below it is not taken for deleted, and "
                    "its logs stay: write back what was there, and at the end "
                    "delete " ZNODE_CLUSTER " and make it again with the same "
                    "bytes",
    [READ_TOPIC] = "the topic stays as it was known last: write back what was "
                   "there, or remove it with all below it, which deletes the "
                   "topic",
    [READ_CHUNK] = "its partitions stay as they were known last, and nobody is "
                   "elected: write back what was there, or delete the topic",
    [READ_CLUSTER] = "no broker can start: write back what was there",
    [READ_EPOCH] = "no controller can be elected: write back what was there, "
                   "or a number above all epochs so far",
    [READ_PRODUCER_IDS] = "no idempotent producer can begin: write back what "
                          "was there, or a number above all that were given",
};

const char *metadata_way_out(enum read_kind kind)
{
    return ways_out[kind];
}

static void path_of(const struct metadata_read *read,
                    char path[ZNODE_PATH_BYTES])
{
    static const char *const paths[] = {
        [READ_CHANGES] = ZNODE_CHANGES,
        [READ_CONTROLLER] = ZNODE_CONTROLLER,
        [READ_ROOT] = ZNODE_TOPICS,
        [READ_TOPICS] = ZNODE_TOPICS,
        [READ_CLUSTER] = ZNODE_CLUSTER,
        [READ_EPOCH] = ZNODE_CONTROLLER_EPOCH,
        [READ_PRODUCER_IDS] = ZNODE_PRODUCER_IDS,
    };

    if (read->kind == READ_TOPIC)
        znode_topic_path(path, read->name);
    else if (read->kind == READ_CONFIRM)
        znode_topic_path(path, read->topic->name);
    else if (read->kind == READ_CHUNK)
        znode_chunk_path(path, read->topic->name, read->chunk);
    else
        snprintf(path, ZNODE_PATH_BYTES, "%s", paths[read->kind]);
}

static enum defect_source source_of(enum read_kind kind)
{
    return kind < READ_CLUSTER ? DEFECT_SCAN : DEFECT_CHECK;
}

void metadata_note(struct metadata *metadata, const struct defect_found *found)
{
    if (defects_note(&metadata->defects, found)) {
        metadata->look_us = LOOK_US;
        timer_stop(metadata->seam->timers, &metadata->look);
    }
    metadata->damaged = defects_any(&metadata->defects);
}

void metadata_read_damaged(struct metadata_read *read, const char *why)
{
    enum read_kind kind = read->kind == READ_CONFIRM ? READ_TOPIC : read->kind;
    char path[ZNODE_PATH_BYTES];

    path_of(read, path);
    metadata_note(read->metadata,
                  &(struct defect_found){source_of(kind), path,
                                         read->request.error == ERROR_NONE
                                             ? &read->request.stat
                                             : NULL,
                                         why, ways_out[kind]});
}

void metadata_read_well(struct metadata_read *read)
{
    struct metadata *metadata = read->metadata;
    char path[ZNODE_PATH_BYTES];

    path_of(read, path);
    if (defects_clear(&metadata->defects, path) && !metadata->rescanning &&
        read->kind < READ_CLUSTER)
        metadata->rescan_wanted = true;
    metadata->damaged = defects_any(&metadata->defects);
}

void metadata_read_chunk_damaged(struct metadata_read *read,
                                 enum chunk_condition condition,
                                 const struct coord_stat *stat, const char *why)
{
    char path[ZNODE_PATH_BYTES];

    topic_set_condition(read->topic, read->chunk, condition);
    znode_chunk_path(path, read->topic->name, read->chunk);
    metadata_note(read->metadata,
                  &(struct defect_found){DEFECT_SCAN, path, stat, why,
                                         ways_out[READ_CHUNK]});
}

void metadata_read_stray(struct metadata *metadata, const char *name)
{
    static const struct coord_stat any;
    char path[ZNODE_PATH_BYTES];

    znode_topic_path(path, name);
    metadata_note(metadata,
                  &(struct defect_found){DEFECT_STRAY, path, &any,
                                         "no topic can have this name",
                                         "it is passed over: remove it"});
}
