/* SPDX-License-Identifier: Apache-2.0
 *
 * When to read what:
 *
 *     scan: changes (sync, watch) + brokers + controller + list of topics
 *             -> each topic -> each of its chunks; all in -> ready
 *     watch on changes fires: changes again; per entry: a chunk, unless its
 *             new states came with it to who knows the old ones; a topic
 *             whose settings changed or that has more partitions (and its
 *             chunks), a deletion, or brokers and controller; a gap, or an
 *             unknown topic: scan
 *     elected as controller: changes (sync), as if the watch had fired; all
 *             in -> ready
 *
 * Readings run side by side; one that fails makes everything be read again
 * after a while, because what it would have said is not known.
 *
 * What was read and cannot be used is noted (cluster/defects.h). Then all is
 * read again after LOOK_US, twice that, ... LOOK_US_MAX.
 */
#include "cluster/metadata_read.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "seam/memory.h"
#include "seam/trace.h"

#define RETRY_US    100000
#define LOOK_US_MAX 8000000
#define DOUBT_US    1000000

/* ---- starting ---- */

static void read_changes(struct metadata *metadata)
{
    struct metadata_read *read = metadata_read_new(metadata, READ_CHANGES);

    coord_get(metadata->coord, &read->request, ZNODE_CHANGES, true,
              &metadata->changes_watch);
}

static void read_controller(struct metadata *metadata)
{
    struct metadata_read *read = metadata_read_new(metadata, READ_CONTROLLER);

    coord_get(metadata->coord, &read->request, ZNODE_CONTROLLER, true, NULL);
}

static void read_children(struct metadata *metadata)
{
    struct metadata_read *read = metadata_read_new(metadata, READ_TOPICS);

    coord_children(metadata->coord, &read->request, ZNODE_TOPICS, true, NULL);
}

static void confirm(struct metadata_read *of, enum chunk_condition condition)
{
    struct metadata *metadata = of->metadata;
    struct metadata_read *read = metadata_read_new(metadata, READ_CONFIRM);
    char path[ZNODE_PATH_BYTES];

    read->topic = of->topic;
    read->chunk = of->chunk;
    read->condition = condition;
    read->exists = of->request.error == ERROR_NONE;
    read->stat = of->request.stat;
    znode_topic_path(path, of->topic->name);
    coord_get(metadata->coord, &read->request, path, true, NULL);
}

static void check(struct metadata *metadata, enum read_kind kind,
                  const char *path)
{
    struct metadata_read *read = metadata_read_new(metadata, kind);

    coord_get(metadata->coord, &read->request, path, true, NULL);
}

/* As old as the cluster, or its children say nothing of what was deleted. */
static void read_topics(struct metadata *metadata)
{
    check(metadata, READ_CLUSTER, ZNODE_CLUSTER);
    check(metadata, READ_ROOT, ZNODE_TOPICS);
    read_children(metadata);
}

static void start_scan(struct metadata *metadata)
{
    metadata->rescan_wanted = false;
    metadata->reads_failed = false;
    metadata->blind = false;
    metadata->scanned_us = metadata->seam->now.monotonic_us;
    metadata->cluster_czxid = 0;
    metadata->topics_czxid = 0;
    if (coord_state(metadata->coord) != COORD_CONNECTED) {
        metadata->rescan_wanted = true;
        timer_start(metadata->seam->timers, &metadata->retry,
                    metadata->seam->now.monotonic_us + RETRY_US);
        return;
    }
    metadata->rescanning = true;
    metadata->from_here = false;
    for (struct topic *topic = metadata_first(metadata); topic;
         topic = metadata_next(topic))
        topic->seen = false;
    defects_begin(&metadata->defects, DEFECT_SCAN);
    defects_begin(&metadata->defects, DEFECT_STRAY);
    read_changes(metadata);
    read_topics(metadata);
    metadata_refresh_brokers(metadata);
    if (!metadata->check_all)
        return;
    metadata->check_all = false;
    check(metadata, READ_EPOCH, ZNODE_CONTROLLER_EPOCH);
    check(metadata, READ_PRODUCER_IDS, ZNODE_PRODUCER_IDS);
}

static void retry_fire(struct timer *timer)
{
    struct metadata *metadata = container_of(timer, struct metadata, retry);

    if (!metadata->stopped && list_empty(&metadata->reads))
        start_scan(metadata);
}

/* ---- reading again, as something is damaged ---- */

static void look_again(struct metadata *metadata)
{
    if (!metadata->stopped && (metadata->damaged || metadata->blind) &&
        !timer_running(&metadata->look))
        timer_start(metadata->seam->timers, &metadata->look,
                    metadata->seam->now.monotonic_us + metadata->look_us);
}

static void look_fire(struct timer *timer)
{
    struct metadata *metadata = container_of(timer, struct metadata, look);

    if (metadata->look_us < LOOK_US_MAX)
        metadata->look_us *= 2;
    metadata_scan(metadata);
}

static void changes_fire(struct coord_watch *watch)
{
    struct metadata *metadata =
        container_of(watch, struct metadata, changes_watch);

    if (!metadata->stopped)
        read_changes(metadata);
}

void metadata_read_init(struct metadata *metadata)
{
    metadata->changes_watch.fire = changes_fire;
    metadata->retry.fire = retry_fire;
    metadata->look.fire = look_fire;
    metadata->look_us = LOOK_US;
}

void metadata_scan(struct metadata *metadata)
{
    metadata->stopped = false;
    metadata->rescan_wanted = true;
    if (list_empty(&metadata->reads))
        start_scan(metadata);
}

bool metadata_is_followed(const struct metadata *metadata)
{
    return metadata->ready && !metadata->stopped && !metadata->rescanning &&
           !metadata->rescan_wanted && !metadata->reads_failed;
}

void metadata_catch_up(struct metadata *metadata)
{
    if (!metadata_is_followed(metadata) || metadata->damaged ||
        metadata->blind) {
        metadata_scan(metadata);
        return;
    }
    SOMETIMES(metadata->seam->trace, CAUGHT_UP);
    metadata->catching_up = true;
    read_changes(metadata);
}

/* One that is under way is waited for: else none would ever end. */
void metadata_check(struct metadata *metadata)
{
    metadata->check_all = true;
    if (!metadata->rescanning)
        metadata_scan(metadata);
}

void metadata_doubt(struct metadata *metadata)
{
    if (!metadata->stopped && !metadata->rescanning &&
        metadata->seam->now.monotonic_us - metadata->scanned_us >= DOUBT_US)
        metadata_scan(metadata);
}

void metadata_scan_soon(struct metadata *metadata)
{
    if (metadata->stopped)
        return;
    metadata->rescan_wanted = true;
    if (list_empty(&metadata->reads))
        timer_start(metadata->seam->timers, &metadata->retry,
                    metadata->seam->now.monotonic_us);
}

void metadata_stop(struct metadata *metadata)
{
    metadata->stopped = true;
    metadata->ready = false;
    metadata->rescanning = false;
    metadata->catching_up = false;
    timer_stop(metadata->seam->timers, &metadata->retry);
    timer_stop(metadata->seam->timers, &metadata->look);
    coord_watch_cancel(metadata->coord, &metadata->changes_watch);
    brokers_stop(&metadata->brokers);
    metadata_drop_queued(metadata);
}

void metadata_refresh(struct metadata *metadata, struct topic *topic,
                      uint32_t partition)
{
    if (!metadata->stopped)
        metadata_read_chunk(metadata, topic, partition / CHUNK_PARTITIONS,
                            true);
}

void metadata_refresh_brokers(struct metadata *metadata)
{
    read_controller(metadata);
    brokers_read(&metadata->brokers, false);
}

/* ---- what was read ---- */

static void got_controller(struct metadata_read *read,
                           const Kq__ControllerNode *node)
{
    struct metadata *metadata = read->metadata;

    if (node != NULL && read->request.stat.ephemeral_owner == 0)
        metadata_read_damaged(read, "it is not ephemeral: it is no broker's");
    else
        metadata_read_well(read);
    metadata->controller_id = node ? node->broker_id : NO_BROKER;
    if (node != NULL)
        metadata->controller_epoch = node->controller_epoch;
    metadata->listener->on_brokers(metadata->listener);
}

/* No topic is known to be gone. */
static void keep_topics(struct metadata *metadata)
{
    for (struct topic *topic = metadata_first(metadata); topic;
         topic = metadata_next(topic))
        topic->seen = true;
}

/* NULL, or why a topic that is not below it may not have been deleted. The tree
 * of a cluster is made in one write. */
static const char *root_wrong(const struct metadata *metadata)
{
    if (metadata->cluster_czxid == 0)
        return "nobody can tell whether it is as old as the "
               "cluster: " ZNODE_CLUSTER " is missing";
    if (metadata->topics_czxid > metadata->cluster_czxid)
        return "it was made after the cluster was, so by hand";
    return NULL;
}

static void got_topics(struct metadata_read *read)
{
    const struct coord_request *request = &read->request;
    const char *wrong = root_wrong(read->metadata);

    if (read->metadata->reads_failed)
        return; /* perhaps that of the cluster: all is read again */
    if (wrong == NULL) {
        metadata_read_well(read);
    } else {
        metadata_read_damaged(read, wrong);
        keep_topics(read->metadata);
    }
    for (size_t i = 0; i < request->child_count; i++)
        if (topic_name_valid(request->children[i]))
            metadata_read_topic(read->metadata, request->children[i]);
        else
            metadata_read_stray(read->metadata, request->children[i]);
}

static void read_chunks(struct metadata *metadata, struct topic *topic)
{
    for (uint32_t i = 0; i < topic_chunks(topic); i++)
        metadata_read_chunk(metadata, topic, i, false);
}

/* It is there, and that is all that is known of it by now. */
static void topic_damaged(struct metadata_read *read, const char *why)
{
    struct topic *topic = read->kind == READ_CONFIRM
                              ? read->topic
                              : metadata_topic(read->metadata, read->name);

    metadata_read_damaged(read, why);
    if (topic == NULL)
        return;
    topic->seen = true;
    topic->damaged = true;
    if (read->kind == READ_TOPIC)
        read_chunks(read->metadata, topic);
}

/* Another topic of this name, if its states say so too: then the logs of the
 * one that is known go. */
static void renew(struct metadata_read *of, struct topic *topic,
                  const Kq__TopicNode *node)
{
    struct metadata *metadata = of->metadata;
    struct metadata_read *read = metadata_read_new(metadata, READ_RENEWAL);
    char path[ZNODE_PATH_BYTES];

    topic->seen = true;
    read->name = heap_strdup(metadata->seam->heap, of->name);
    read->stat = of->request.stat;
    uuid_from_bytes(node->topic_id.data, node->topic_id.len, &read->id);
    znode_chunk_path(path, of->name, 0);
    coord_get(metadata->coord, &read->request, path, true, NULL);
}

static void got_renewal(struct metadata_read *read,
                        const Kq__PartitionStates *node)
{
    struct metadata *metadata = read->metadata;
    struct topic *topic = metadata_topic(metadata, read->name);
    char path[ZNODE_PATH_BYTES];
    struct uuid id;

    if (node != NULL &&
        uuid_from_bytes(node->topic_id.data, node->topic_id.len, &id) &&
        uuid_equal(&id, &read->id)) {
        metadata_read_topic(metadata, read->name)->renewed = true;
        return;
    }
    znode_topic_path(path, read->name);
    metadata_note(metadata,
                  &(struct defect_found){DEFECT_SCAN, path, &read->stat,
                                         "its topic id is not that of its "
                                         "states",
                                         metadata_way_out(READ_TOPIC)});
    if (topic != NULL)
        topic->damaged = true;
}

/* Partitions are never taken away: a hand has raised the count, if nothing of
 * the topic was shown yet, or lowers it. */
static bool lowers(const struct metadata_read *read, const struct topic *topic,
                   const Kq__TopicNode *node)
{
    return topic_has_id(topic, node->topic_id) &&
           read->request.stat.version >= topic->version &&
           node->partition_count < topic->partition_count;
}

static void got_topic(struct metadata_read *read, const Kq__TopicNode *node)
{
    struct metadata *metadata = read->metadata;
    const struct coord_stat *stat = &read->request.stat;
    struct topic *topic = metadata_topic(metadata, read->name);
    char buffer[DEFECT_WHY_BYTES];
    const char *why = metadata_topic_wrong(metadata, read->name, node, buffer);

    if (why != NULL) {
        topic_damaged(read, why);
        return;
    }
    if (topic != NULL && !read->renewed &&
        !topic_has_id(topic, node->topic_id)) {
        renew(read, topic, node);
        return;
    }
    if (topic != NULL && topic->czxid != 0 && stat->czxid > topic->czxid)
        topic->version = -1; /* made anew: versions begin again */
    if (topic != NULL && lowers(read, topic, node)) {
        if (topic_loaded(topic)) {
            topic_damaged(read, "it has fewer partitions than it had");
            return;
        }
        metadata_remove_topic(metadata, topic);
        topic = NULL;
    }
    if (topic == NULL && metadata->damaged) /* nobody knew of it meanwhile */
        metadata->defects.repaired++;
    topic = metadata_apply_topic(metadata, read->name, stat->version, node);
    topic->czxid = stat->czxid;
    topic->damaged = false;
    topic->seen = true;
    metadata_read_well(read);
    read_chunks(metadata, topic);
}

static void got_chunk(struct metadata_read *read,
                      const Kq__PartitionStates *node)
{
    struct metadata *metadata = read->metadata;
    struct topic *topic = read->topic;
    struct heap *heap = metadata->seam->heap;
    struct partition_state *states;
    const struct coord_stat *stat = &read->request.stat;
    struct chunk_states chunk = {read->chunk, stat->version,
                                 (uint32_t)node->n_partitions, NULL,
                                 stat->czxid};
    char buffer[DEFECT_WHY_BYTES];
    const char *why;

    if (!topic_has_id(topic,
                      node->topic_id)) { /* perhaps it was created anew */
        confirm(read, CHUNK_DAMAGED);
        return;
    }
    chunk.states = states =
        heap_alloc_unset(heap, CHUNK_PARTITIONS * sizeof *states);
    why = metadata_decode_chunk(chunk.chunk, node, states, buffer);
    if (why == NULL && !metadata_apply_chunk(metadata, topic, &chunk))
        why = "it holds fewer partitions than its topic has";
    heap_free(heap, states);
    if (why != NULL)
        metadata_read_chunk_damaged(read, CHUNK_DAMAGED, stat, why);
    else if (topic->grown == NULL &&
             topic->chunk_conditions[read->chunk] == CHUNK_LARGER)
        confirm(read, CHUNK_LARGER);
    else
        metadata_read_well(read);
}

static const char *const mismatches[] = {
    [CHUNK_LARGER] = "it holds more partitions than its topic has",
    [CHUNK_DAMAGED] = "it belongs to another topic",
    [CHUNK_MISSING] = "it does not exist",
};

static uint32_t partitions_read(const struct topic *topic)
{
    return topic->grown ? topic->grown->partition_count
                        : topic->partition_count;
}

/* The chunk was read before its topic is read here: if the topic is what it
 * was, the chunk is not what it should be. */
static void confirmed(struct metadata_read *read, const Kq__TopicNode *node)
{
    struct topic *topic = read->topic;
    char buffer[DEFECT_WHY_BYTES];
    const char *why =
        metadata_topic_wrong(read->metadata, topic->name, node, buffer);

    if (why != NULL)
        topic_damaged(read, why);
    else if (!topic_has_id(topic, node->topic_id) ||
             node->partition_count > partitions_read(topic)) {
        read->metadata->rescan_wanted = true;
        return;
    }
    metadata_read_chunk_damaged(read, read->condition,
                                read->exists ? &read->stat : NULL,
                                mismatches[read->condition]);
}

static const ProtobufCMessageDescriptor *descriptor_of(enum read_kind kind)
{
    static const ProtobufCMessageDescriptor *const descriptors[] = {
        [READ_CHANGES] = &kq__changes_node__descriptor,
        [READ_CONTROLLER] = &kq__controller_node__descriptor,
        [READ_TOPIC] = &kq__topic_node__descriptor,
        [READ_CHUNK] = &kq__partition_states__descriptor,
        [READ_CONFIRM] = &kq__topic_node__descriptor,
        [READ_RENEWAL] = &kq__partition_states__descriptor,
        [READ_CLUSTER] = &kq__cluster_node__descriptor,
        [READ_EPOCH] = &kq__controller_epoch_node__descriptor,
        [READ_PRODUCER_IDS] = &kq__producer_ids_node__descriptor,
    };

    return descriptors[kind];
}

static void not_decoded(struct metadata_read *read)
{
    const struct coord_request *request = &read->request;
    const char *why = znode_unpack_wrong(request->data);

    if (read->kind == READ_RENEWAL)
        got_renewal(read, NULL);
    else if (read->kind == READ_TOPIC || read->kind == READ_CONFIRM)
        topic_damaged(read, why);
    else if (read->kind == READ_CHUNK)
        metadata_read_chunk_damaged(read, CHUNK_DAMAGED, &request->stat, why);
    else
        metadata_read_damaged(read, why);
    if (read->kind == READ_CHANGES) /* nor what else was read meanwhile */
        read->metadata->blind = true;
    if (read->kind == READ_CONFIRM)
        metadata_read_chunk_damaged(read, read->condition,
                                    read->exists ? &read->stat : NULL,
                                    mismatches[read->condition]);
}

static void decoded(struct metadata_read *read, const void *node)
{
    switch (read->kind) {
    case READ_CHANGES:
        metadata_read_well(read);
        metadata_got_changes(read->metadata, node, read->request.stat.version);
        return;
    case READ_CONTROLLER:
        got_controller(read, node);
        return;
    case READ_TOPIC:
        got_topic(read, node);
        return;
    case READ_CHUNK:
        got_chunk(read, node);
        return;
    case READ_CONFIRM:
        confirmed(read, node);
        return;
    case READ_RENEWAL:
        got_renewal(read, node);
        return;
    case READ_CLUSTER:
    case READ_EPOCH:
    case READ_PRODUCER_IDS:
        metadata_read_well(read);
        return;
    case READ_ROOT:
    case READ_TOPICS:
        break;
    }
    UNREACHABLE();
}

static void got(struct metadata_read *read)
{
    struct heap *heap = read->metadata->seam->heap;
    void *block;
    void *node;

    if ((read->kind == READ_CHUNK || read->kind == READ_CONFIRM) &&
        read->topic == NULL)
        return; /* deleted meanwhile */
    if (read->kind == READ_CLUSTER)
        read->metadata->cluster_czxid = read->request.stat.czxid;
    node = znode_unpack(heap, descriptor_of(read->kind), read->request.data,
                        &block);
    if (node == NULL)
        not_decoded(read);
    else
        decoded(read, node);
    heap_free(heap, block);
}

/* There is no such znode. */
static void got_nothing(struct metadata_read *read)
{
    switch (read->kind) {
    case READ_CONTROLLER:
        got_controller(read, NULL);
        return;
    case READ_ROOT:
    case READ_TOPICS:
        metadata_read_damaged(read, "it does not exist");
        keep_topics(read->metadata);
        return;
    case READ_CHUNK:
        if (read->topic != NULL) /* perhaps its topic is gone, too */
            confirm(read, CHUNK_MISSING);
        return;
    case READ_RENEWAL:
        got_renewal(read, NULL);
        return;
    case READ_TOPIC:
    case READ_CONFIRM: /* deleted meanwhile; the changes say so */
        return;
    case READ_CHANGES:
        read->metadata->blind = true;
        metadata_read_damaged(read, "it does not exist");
        return;
    case READ_CLUSTER:
    case READ_EPOCH:
    case READ_PRODUCER_IDS:
        metadata_read_damaged(read, "it does not exist");
        return;
    }
    UNREACHABLE();
}

static void remove_unseen(struct metadata *metadata)
{
    struct topic *next;

    for (struct topic *topic = metadata_first(metadata); topic; topic = next) {
        next = metadata_next(topic);
        if (!topic->seen)
            metadata_remove_topic(metadata, topic);
    }
}

/* All was read, and the states of some partitions were not there. */
static void note_grown(struct metadata *metadata)
{
    static const struct coord_stat any;
    char path[ZNODE_PATH_BYTES];

    for (struct topic *topic = metadata_first(metadata); topic;
         topic = metadata_next(topic)) {
        if (topic->grown == NULL ||
            defects_of_topic(&metadata->defects, topic->name))
            continue;
        znode_topic_path(path, topic->name);
        metadata_note(metadata,
                      &(struct defect_found){DEFECT_SCAN, path, &any,
                                             "it has more partitions than its "
                                             "states",
                                             metadata_way_out(READ_TOPIC)});
    }
}

static void end_scan(struct metadata *metadata)
{
    metadata->rescanning = false;
    remove_unseen(metadata);
    note_grown(metadata);
    defects_end(&metadata->defects, DEFECT_SCAN);
    defects_end(&metadata->defects, DEFECT_STRAY);
    metadata->damaged = defects_any(&metadata->defects);
    metadata->ready = true;
    metadata->catching_up = true;
}

/* Nothing is in flight: go on with what was asked for meanwhile. */
static void settle(struct metadata *metadata)
{
    if (metadata->stopped)
        return;
    if (metadata->reads_failed) {
        metadata->rescanning = false;
        metadata->reads_failed = false;
        metadata->rescan_wanted = true;
        timer_start(metadata->seam->timers, &metadata->retry,
                    metadata->seam->now.monotonic_us + RETRY_US);
        return;
    }
    if (metadata->rescan_wanted) {
        start_scan(metadata);
        return;
    }
    metadata->changes_read = metadata->next_sequence;
    if (metadata->rescanning)
        end_scan(metadata);
    if (metadata->catching_up) {
        metadata->catching_up = false;
        metadata->listener->on_ready(metadata->listener);
    }
    look_again(metadata);
}

void metadata_read_done(struct coord_request *request)
{
    struct metadata_read *read =
        container_of(request, struct metadata_read, request);
    struct metadata *metadata = read->metadata;

    if (metadata->stopped)
        ; /* the session that asked is over */
    else if (request->error == ERROR_NO_NODE)
        got_nothing(read);
    else if (request->error != ERROR_NONE)
        metadata->reads_failed = true;
    else if (read->kind == READ_ROOT)
        metadata->topics_czxid = request->stat.czxid;
    else if (read->kind == READ_TOPICS)
        got_topics(read);
    else
        got(read);
    if (read->bulk)
        metadata->bulk_reads--;
    metadata_read_free(read);
    if (metadata->reads_failed) /* all is read again */
        metadata_drop_queued(metadata);
    metadata_ask_queued(metadata);
    if (list_empty(&metadata->reads))
        settle(metadata);
    else
        metadata_note_read(metadata);
}
