/* SPDX-License-Identifier: Apache-2.0
 *
 * Topics and states as they are read from znodes, one answer at a time: what
 * cannot be is named and what was known stays, a topic is gone only when
 * ZooKeeper says so, and what the changes leave out is read again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cluster/metadata.h"
#include "real/loop.h"
#include "seam/memory.h"
#include "tests/lib/scripted_coord.h"

#define ORDERS "/topics/orders"
#define STATES "/topics/orders/state/0"

struct fixture {
    struct loop *loop;
    struct seam *seam;
    struct coord *coord;
    struct metadata_listener listener;
    struct metadata metadata;
    unsigned readings; /* complete ones */
    unsigned deleted;
    unsigned told; /* partitions */
};

static void on_ready(struct metadata_listener *listener)
{
    container_of(listener, struct fixture, listener)->readings++;
}

static void on_states(struct metadata_listener *listener, struct topic *topic,
                      uint32_t first, uint32_t count)
{
    (void)topic;
    (void)first;
    container_of(listener, struct fixture, listener)->told += count;
}

static void on_deleted(struct metadata_listener *listener, struct topic *topic)
{
    (void)topic;
    container_of(listener, struct fixture, listener)->deleted++;
}

static void on_brokers(struct metadata_listener *listener)
{
    (void)listener;
}

/* ---- what lies in ZooKeeper ---- */

static void put(struct fixture *fixture, const char *path,
                const ProtobufCMessage *message)
{
    struct bytes data = znode_pack(fixture->seam->heap, message);

    scripted_put(fixture->coord, path, data);
    heap_free(fixture->seam->heap, (void *)(uintptr_t)data.data);
}

static void put_garbage(struct fixture *fixture, const char *path)
{
    scripted_put(fixture->coord, path, bytes_of_string("\xff garbage"));
}

static void put_topic(struct fixture *fixture, const char *path, uint8_t id,
                      uint32_t partitions)
{
    Kq__TopicNode node = KQ__TOPIC_NODE__INIT;
    struct uuid topic_id = {{id}};

    node.topic_id.data = topic_id.bytes;
    node.topic_id.len = sizeof topic_id.bytes;
    node.partition_count = partitions;
    put(fixture, path, &node.base);
}

/* All of them led by `leader`, which is also the epoch. */
static struct bytes states_of(struct fixture *fixture, uint8_t id,
                              uint32_t first, uint32_t count, uint32_t leader)
{
    static struct partition_state states[CHUNK_PARTITIONS];
    struct uuid topic_id = {{id}};

    for (uint32_t i = 0; i < count; i++)
        states[i] = (struct partition_state){.replica_count = 1,
                                             .replicas = {leader},
                                             .leader = leader,
                                             .leader_epoch = leader,
                                             .isr = {1, {{leader, 1}}},
                                             .min = 1};
    return znode_chunk_encode(fixture->seam->heap, &topic_id, first, states,
                              count);
}

static void put_states(struct fixture *fixture, const char *path, uint8_t id,
                       uint32_t first, uint32_t count, uint32_t leader)
{
    struct bytes data = states_of(fixture, id, first, count, leader);

    scripted_put(fixture->coord, path, data);
    heap_free(fixture->seam->heap, (void *)(uintptr_t)data.data);
}

/* Says that its states are of this version, and something else may be done to
 * them. */
static void alter_states(struct fixture *fixture,
                         void (*alter)(Kq__PartitionStates *node))
{
    Kq__PartitionStates *node;
    void *block;

    put_states(fixture, STATES, 1, 0, 2, 3);
    node = znode_unpack(fixture->seam->heap, &kq__partition_states__descriptor,
                        scripted_get(fixture->coord, STATES), &block);
    alter(node);
    put(fixture, STATES, &node->base);
    heap_free(fixture->seam->heap, block);
}

/* One change, which is the next; the rest as the caller wants it. */
static void put_changes(struct fixture *fixture, uint64_t sequence,
                        const Kq__Change *change)
{
    Kq__ChangesNode node = KQ__CHANGES_NODE__INIT;
    Kq__Change copied = KQ__CHANGE__INIT;
    Kq__Change *pointer = &copied;

    if (change != NULL)
        copied = *change;
    copied.sequence = sequence;
    node.next_sequence = sequence + 1;
    node.n_changes = 1;
    node.changes = &pointer;
    put(fixture, ZNODE_CHANGES, &node.base);
}

/* The tree is as old as the cluster; one topic of two partitions. */
static int setup(void **state)
{
    static struct fixture fixture;
    struct loop_options options = {.heap_bytes_max = 64u << 20,
                                   .log_level = TRACE_ERROR + 1,
                                   .name = "test",
                                   .without_disk = true};
    Kq__ClusterNode cluster = KQ__CLUSTER_NODE__INIT;
    Kq__ControllerEpochNode epoch = KQ__CONTROLLER_EPOCH_NODE__INIT;
    Kq__ProducerIdsNode producer_ids = KQ__PRODUCER_IDS_NODE__INIT;
    uint8_t id[16] = {1};

    memset(&fixture, 0, sizeof fixture);
    fixture.loop = loop_new(&options);
    fixture.seam = loop_seam(fixture.loop);
    fixture.coord = coord_new(fixture.seam, "", 0, NULL);
    fixture.listener =
        (struct metadata_listener){on_ready, on_states, on_deleted, on_brokers};
    metadata_init(&fixture.metadata, fixture.seam, fixture.coord,
                  &fixture.listener);
    scripted_put(fixture.coord, ZNODE_TOPICS, bytes_of_string(""));
    scripted_put(fixture.coord, ZNODE_BROKER_IDS, bytes_of_string(""));
    cluster.cluster_id.data = id;
    cluster.cluster_id.len = sizeof id;
    put(&fixture, ZNODE_CLUSTER, &cluster.base);
    put(&fixture, ZNODE_CONTROLLER_EPOCH, &epoch.base);
    put(&fixture, ZNODE_PRODUCER_IDS, &producer_ids.base);
    put_changes(&fixture, 4, NULL);
    put_topic(&fixture, ORDERS, 1, 2);
    put_states(&fixture, STATES, 1, 0, 2, 3);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    metadata_release(&fixture->metadata);
    coord_free(fixture->coord);
    loop_free(fixture->loop);
    return 0;
}

/* ---- what is known ---- */

static struct topic *orders(struct fixture *fixture)
{
    return metadata_topic(&fixture->metadata, "orders");
}

static void scan(struct fixture *fixture)
{
    unsigned before = fixture->readings;

    metadata_scan(&fixture->metadata);
    scripted_answer_all(fixture->coord);
    assert_true(fixture->readings > before);
    assert_true(fixture->metadata.ready);
}

/* What a watch brings. */
static void hear(struct fixture *fixture)
{
    fixture->metadata.changes_watch.fire(&fixture->metadata.changes_watch);
    scripted_answer_all(fixture->coord);
}

static void assert_leader(struct fixture *fixture, uint32_t leader)
{
    assert_non_null(orders(fixture));
    for (uint32_t i = 0; i < orders(fixture)->partition_count; i++)
        assert_int_equal(orders(fixture)->states[i].leader, leader);
}

static const char *wrong(struct fixture *fixture, const char *path)
{
    const struct defect *defect =
        defects_find(&fixture->metadata.defects, path);

    return defect ? defect->why : NULL;
}

static void assert_wrong(struct fixture *fixture, const char *path,
                         const char *words)
{
    const char *why = wrong(fixture, path);

    if (why == NULL || strstr(why, words) == NULL)
        fail_msg("of %s '%s' does not say '%s'", path, why ? why : "", words);
}

/* ---- readings ---- */

static void all_is_read(void **state)
{
    struct fixture *fixture = *state;

    scan(fixture);
    assert_int_equal(orders(fixture)->partition_count, 2);
    assert_true(topic_whole(orders(fixture)));
    assert_leader(fixture, 3);
    assert_false(fixture->metadata.damaged);
    assert_int_equal(fixture->metadata.next_sequence, 5);
    scripted_remove(fixture->coord, ORDERS);
    scan(fixture);
    assert_null(orders(fixture));
    assert_int_equal(fixture->deleted, 1);
}

static void what_could_not_be_read_is_read_again(void **state)
{
    static const char *const paths[] = {ZNODE_CHANGES, ZNODE_TOPICS, ORDERS,
                                        STATES};
    struct fixture *fixture = *state;
    struct metadata *metadata = &fixture->metadata;

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        scripted_fail(fixture->coord, paths[i], ERROR_OUTCOME_UNKNOWN);
        metadata_scan(metadata);
        scripted_answer_all(fixture->coord);
        assert_int_equal(fixture->readings, i);
        assert_true(timer_running(&metadata->retry));
        scripted_fail(fixture->coord, "", ERROR_NONE);
        timer_stop(fixture->seam->timers, &metadata->retry);
        metadata->retry.fire(&metadata->retry);
        scripted_answer_all(fixture->coord);
        assert_int_equal(fixture->readings, i + 1);
        assert_leader(fixture, 3);
    }
}

static void what_a_session_asked_is_nothing_to_the_next(void **state)
{
    struct fixture *fixture = *state;

    metadata_scan(&fixture->metadata);
    metadata_stop(&fixture->metadata);
    scripted_answer_all(fixture->coord);
    assert_int_equal(fixture->readings, 0);
    assert_null(orders(fixture));
    metadata_refresh_brokers(&fixture->metadata);
    scan(fixture);
    assert_leader(fixture, 3);
    metadata_stop(&fixture->metadata);
    hear(fixture); /* too late */
    metadata_refresh(&fixture->metadata, orders(fixture), 0);
    metadata_doubt(&fixture->metadata);
    assert_false(scripted_answer(fixture->coord));
}

static void what_was_asked_is_forgotten_with_all(void **state)
{
    struct fixture *fixture = *state;

    metadata_scan(&fixture->metadata);
    assert_true(scripted_answer(fixture->coord));
    /* teardown releases what is still being read */
}

/* ---- what cannot be ---- */

static void a_topic_of_no_name_is_passed_over(void **state)
{
    struct fixture *fixture = *state;

    put_topic(fixture, "/topics/a b", 2, 1);
    scan(fixture);
    assert_leader(fixture, 3);
    assert_wrong(fixture, "/topics/a b", "no topic can have this name");
    assert_false(fixture->metadata.damaged); /* it keeps nobody from anything */
    scripted_remove(fixture->coord, "/topics/a b");
    scan(fixture);
    assert_null(wrong(fixture, "/topics/a b"));
}

/* Logs of what is known to be gone are deleted. */
static void no_topic_is_gone_when_all_are(void **state)
{
    struct fixture *fixture = *state;

    scan(fixture);
    scripted_remove(fixture->coord, ZNODE_TOPICS);
    scripted_remove(fixture->coord, ORDERS);
    scan(fixture);
    assert_wrong(fixture, ZNODE_TOPICS, "does not exist");
    assert_true(fixture->metadata.damaged);
    assert_leader(fixture, 3);
    scripted_put(fixture->coord, ZNODE_TOPICS, bytes_of_string(""));
    scan(fixture);
    assert_wrong(fixture, ZNODE_TOPICS, "made after the cluster");
    assert_leader(fixture, 3);
    scripted_remove(fixture->coord, ZNODE_CLUSTER);
    scan(fixture);
    assert_wrong(fixture, ZNODE_TOPICS, "nobody can tell");
    assert_leader(fixture, 3);
    assert_int_equal(fixture->deleted, 0);
}

static void to_a_newer_version(Kq__PartitionStates *node)
{
    node->has_format = 1;
    node->format = ZNODE_FORMAT + 1;
}

static void to_another_place(Kq__PartitionStates *node)
{
    node->partitions[1]->partition = 7;
}

static void to_no_min(Kq__PartitionStates *node)
{
    node->partitions[1]->min = 0;
}

static void to_fewer(Kq__PartitionStates *node)
{
    node->n_partitions = 1;
}

static void to_nothing(Kq__PartitionStates *node)
{
    (void)node;
}

static void states_that_cannot_be_leave_what_was_known(void **state)
{
    struct fixture *fixture = *state;

    scan(fixture);
    put_states(fixture, STATES, 1, 0, 2, 4);
    alter_states(fixture, to_a_newer_version);
    scan(fixture);
    assert_wrong(fixture, STATES, "newer version");
    alter_states(fixture, to_another_place);
    scan(fixture);
    assert_wrong(fixture, STATES, "of partition 1: it is not in its place");
    alter_states(fixture, to_no_min);
    scan(fixture);
    assert_wrong(fixture, STATES, "of partition 1: its min");
    alter_states(fixture, to_fewer);
    scan(fixture);
    assert_wrong(fixture, STATES, "fewer partitions");
    put_garbage(fixture, STATES);
    scan(fixture);
    assert_non_null(wrong(fixture, STATES));
    scripted_remove(fixture->coord, STATES);
    scan(fixture);
    assert_wrong(fixture, STATES, "does not exist");
    assert_false(topic_whole(orders(fixture)));
    assert_leader(fixture, 3);
    alter_states(fixture, to_nothing);
    put_states(fixture, STATES, 1, 0, 2, 5);
    scan(fixture);
    assert_null(wrong(fixture, STATES));
    assert_true(topic_whole(orders(fixture)));
    assert_leader(fixture, 5);
}

static void more_partitions_than_a_znode_holds_are_none(void **state)
{
    static Kq__PartitionState *partitions[CHUNK_PARTITIONS + 1];
    static struct partition_state states[CHUNK_PARTITIONS];
    Kq__PartitionStates node = KQ__PARTITION_STATES__INIT;
    char why[DEFECT_WHY_BYTES];

    (void)state;
    node.partitions = partitions;
    node.n_partitions = CHUNK_PARTITIONS + 1;
    assert_non_null(metadata_decode_chunk(0, &node, states, why));
}

/* A chunk that is not its topic's: the topic is read once more, it may have
 * been made anew; and then that cannot be read. */
static void states_of_another_topic_are_named(void **state)
{
    struct fixture *fixture = *state;

    scan(fixture);
    put_states(fixture, STATES, 2, 0, 2, 4);
    scan(fixture);
    assert_wrong(fixture, STATES, "another topic");
    assert_leader(fixture, 3);
    put_states(fixture, STATES, 1, 0, 3, 4);
    scan(fixture);
    assert_wrong(fixture, STATES, "more partitions than its topic");
    assert_leader(fixture, 4); /* of those that it has */
    assert_int_equal(orders(fixture)->partition_count, 2);
}

/* Between the reading of a chunk and of its topic the topic is damaged. */
static void a_topic_that_is_damaged_meanwhile_is_named_too(void **state)
{
    struct fixture *fixture = *state;

    scan(fixture);
    for (unsigned round = 0; round < 2; round++) {
        put_states(fixture, STATES, 2, 0, 2, 4);
        metadata_refresh(&fixture->metadata, orders(fixture), 1);
        assert_true(scripted_answer(fixture->coord)); /* the chunk */
        if (round == 0)
            put_garbage(fixture, ORDERS);
        else
            put_topic(fixture, ORDERS, 1, 0);
        scripted_answer_all(fixture->coord);
        assert_non_null(wrong(fixture, ORDERS));
        assert_wrong(fixture, STATES, "another topic");
        assert_leader(fixture, 3);
        assert_true(orders(fixture)->damaged);
        put_topic(fixture, ORDERS, 1, 2);
        put_states(fixture, STATES, 1, 0, 2, 3);
        scan(fixture);
        assert_true(topic_whole(orders(fixture)));
    }
}

static void a_topic_of_fewer_partitions_is_damaged(void **state)
{
    struct fixture *fixture = *state;

    scan(fixture);
    put_topic(fixture, ORDERS, 1, 1);
    scan(fixture);
    assert_wrong(fixture, ORDERS, "fewer partitions than it had");
    assert_int_equal(orders(fixture)->partition_count, 2);
    put_topic(fixture, ORDERS, 1, 2);
    scan(fixture);
    assert_null(wrong(fixture, ORDERS));
    put_topic(fixture, ORDERS, 1, 2 + CHUNK_PARTITIONS);
    scan(fixture);
    assert_true(fixture->metadata.damaged);
    assert_int_equal(orders(fixture)->partition_count, 2);
}

/* Another id under its name: it was made anew if its states say so, too. */
static void a_topic_made_anew_is_known_by_its_states(void **state)
{
    struct fixture *fixture = *state;

    scan(fixture);
    put_topic(fixture, ORDERS, 2, 2);
    scan(fixture); /* by a hand */
    assert_wrong(fixture, ORDERS, "not that of its states");
    put_garbage(fixture, STATES);
    scan(fixture);
    assert_wrong(fixture, ORDERS, "not that of its states");
    scripted_remove(fixture->coord, STATES);
    scan(fixture);
    assert_wrong(fixture, ORDERS, "not that of its states");
    assert_int_equal(fixture->deleted, 0);
    assert_leader(fixture, 3);
    put_states(fixture, STATES, 2, 0, 2, 9);
    scan(fixture);
    assert_null(wrong(fixture, ORDERS));
    assert_int_equal(fixture->deleted, 1);
    assert_leader(fixture, 9);
}

static void a_controller_that_is_no_broker_is_named(void **state)
{
    struct fixture *fixture = *state;
    Kq__ControllerNode node = KQ__CONTROLLER_NODE__INIT;

    node.broker_id = 3;
    node.controller_epoch = 8;
    put(fixture, ZNODE_CONTROLLER, &node.base);
    scan(fixture);
    assert_wrong(fixture, ZNODE_CONTROLLER, "not ephemeral");
    scripted_own(fixture->coord, ZNODE_CONTROLLER, SCRIPTED_SESSION);
    scan(fixture);
    assert_null(wrong(fixture, ZNODE_CONTROLLER));
    assert_int_equal(fixture->metadata.controller_id, 3);
    assert_int_equal(fixture->metadata.controller_epoch, 8);
    scripted_remove(fixture->coord, ZNODE_CONTROLLER);
    metadata_refresh_brokers(&fixture->metadata);
    scripted_answer_all(fixture->coord);
    assert_int_equal(fixture->metadata.controller_id, NO_BROKER);
}

/* What nobody follows is read when somebody asks, and keeps no log from being
 * deleted. */
static void a_check_reads_what_nobody_follows(void **state)
{
    static const char *const paths[] = {ZNODE_CONTROLLER_EPOCH,
                                        ZNODE_PRODUCER_IDS};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < 2; i++) {
        put_garbage(fixture, paths[i]);
        scan(fixture);
        assert_null(wrong(fixture, paths[i]));
        metadata_check(&fixture->metadata);
        metadata_check(&fixture->metadata); /* one is enough */
        scripted_answer_all(fixture->coord);
        assert_non_null(wrong(fixture, paths[i]));
        assert_false(fixture->metadata.damaged);
        scripted_remove(fixture->coord, paths[i]);
        metadata_check(&fixture->metadata);
        scripted_answer_all(fixture->coord);
        assert_wrong(fixture, paths[i], "does not exist");
    }
}

/* ---- changes ---- */

static void nothing_is_read_that_a_change_brings(void **state)
{
    struct fixture *fixture = *state;
    struct bytes data = states_of(fixture, 1, 0, 2, 6);
    Kq__Change change = KQ__CHANGE__INIT;
    struct uuid id = {{1}};

    scan(fixture);
    change.has_topic_id = change.has_chunk = 1;
    change.topic_id.data = id.bytes;
    change.topic_id.len = sizeof id.bytes;
    change.has_states = change.has_version = 1;
    change.version = orders(fixture)->chunk_versions[0] + 1;
    change.states.data = (uint8_t *)(uintptr_t)data.data;
    change.states.len = data.size;
    put_changes(fixture, 5, &change);
    hear(fixture);
    assert_leader(fixture, 6); /* STATES still say 3 */
    assert_int_equal(fixture->metadata.next_sequence, 6);
    heap_free(fixture->seam->heap, (void *)(uintptr_t)data.data);
}

/* Each is wrong in another way: the chunk is read instead. */
static void states_that_do_not_come_next_are_read(void **state)
{
    struct fixture *fixture = *state;
    Kq__Change change = KQ__CHANGE__INIT;
    struct uuid id = {{1}};

    scan(fixture);
    change.has_topic_id = change.has_chunk = 1;
    change.topic_id.data = id.bytes;
    change.topic_id.len = sizeof id.bytes;
    for (uint32_t i = 0; i < 5; i++) {
        struct bytes data = states_of(fixture, i == 0 ? 2 : 1, i == 1 ? 1 : 0,
                                      i == 2 ? 3 : 2, 50);

        put_states(fixture, STATES, 1, 0, 2, 10 + i);
        change.has_states = 1;
        change.has_version = i != 3;
        change.version = orders(fixture)->chunk_versions[0] + (i == 4 ? 2 : 1);
        change.states.data = (uint8_t *)(uintptr_t)data.data;
        change.states.len = data.size;
        put_changes(fixture, 5 + i, &change);
        hear(fixture);
        assert_leader(fixture, 10 + i);
        heap_free(fixture->seam->heap, (void *)(uintptr_t)data.data);
    }
    assert_int_equal(fixture->readings, 1);
}

/* Changes were missed, were written by hand, or begin again: all is read. */
static void what_the_changes_leave_out_is_read(void **state)
{
    static const uint64_t sequences[] = {9, 3, 4};
    struct fixture *fixture = *state;

    scan(fixture);
    for (uint32_t i = 0; i < 3; i++) {
        put_states(fixture, STATES, 1, 0, 2, 10 + i);
        put_changes(fixture, sequences[i], NULL);
        if (i == 2) { /* nobody that knows how wrote it */
            Kq__ChangesNode node = KQ__CHANGES_NODE__INIT;

            node.next_sequence = fixture->metadata.next_sequence;
            node.has_version = 1;
            node.version = 1000;
            put(fixture, ZNODE_CHANGES, &node.base);
        }
        hear(fixture);
        assert_int_equal(fixture->readings, 2 + i);
        assert_leader(fixture, 10 + i);
    }
}

/* A controller need not read what it wrote, if it knows all that came before.
 */
static void what_was_written_is_known(void **state)
{
    struct fixture *fixture = *state;
    struct metadata *metadata = &fixture->metadata;

    metadata_wrote(metadata, 0, 2, false); /* nothing was read yet */
    assert_int_equal(metadata->next_sequence, 0);
    scan(fixture);
    assert_int_equal(metadata->next_sequence, 5);
    metadata_wrote(metadata, 6, 8, false); /* another one wrote number 5 */
    assert_int_equal(metadata->next_sequence, 5);
    assert_int_equal(metadata->changes_read, 5);
    metadata_wrote(metadata, 5, 8, false);
    assert_int_equal(metadata->next_sequence, 8);
    assert_int_equal(metadata->changes_read, 8);
}

static void without_changes_all_is_read_again_and_again(void **state)
{
    struct fixture *fixture = *state;
    struct metadata *metadata = &fixture->metadata;

    scan(fixture);
    put_garbage(fixture, ZNODE_CHANGES);
    hear(fixture);
    assert_non_null(wrong(fixture, ZNODE_CHANGES));
    assert_true(timer_running(&metadata->look));
    put_states(fixture, STATES, 1, 0, 2, 8);
    scripted_remove(fixture->coord, ZNODE_CHANGES);
    timer_stop(fixture->seam->timers, &metadata->look);
    metadata->look.fire(&metadata->look);
    scripted_answer_all(fixture->coord);
    assert_wrong(fixture, ZNODE_CHANGES, "does not exist");
    assert_leader(fixture, 8);
    metadata_catch_up(metadata); /* a new controller cannot either */
    scripted_answer_all(fixture->coord);
    put_changes(fixture, 70, NULL);
    scan(fixture);
    assert_null(wrong(fixture, ZNODE_CHANGES));
    assert_int_equal(metadata->next_sequence, 71);
}

static void put_name(struct fixture *fixture, uint64_t sequence, uint8_t id,
                     const char *name)
{
    Kq__Change change = KQ__CHANGE__INIT;
    struct uuid topic_id = {{id}};

    change.has_topic_id = change.has_chunk = 1;
    change.topic_id.data = topic_id.bytes;
    change.topic_id.len = sizeof topic_id.bytes;
    change.name = (char *)(uintptr_t)name;
    put_changes(fixture, sequence, &change);
}

/* By its name, if the change bears one; else all topics are looked through. */
static void a_new_topic_is_found(void **state)
{
    static const char *const names[] = {"news", NULL, "a b"};
    struct fixture *fixture = *state;
    char path[ZNODE_PATH_BYTES];

    scan(fixture);
    for (uint8_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "/topics/n%u", i);
        put_topic(fixture, i == 0 ? "/topics/news" : path, (uint8_t)(i + 5), 1);
        znode_chunk_path(path, i == 0 ? "news" : path + strlen("/topics/"), 0);
        put_states(fixture, path, (uint8_t)(i + 5), 0, 1, 4);
        put_name(fixture, 5u + i, (uint8_t)(i + 5), names[i]);
        hear(fixture);
        assert_int_equal(fixture->readings, i == 0 ? 1 : i + 1);
    }
    assert_non_null(metadata_topic(&fixture->metadata, "news"));
    assert_non_null(metadata_topic(&fixture->metadata, "n1"));
    assert_non_null(metadata_topic(&fixture->metadata, "n2"));
}

static void a_topic_that_is_deleted_while_it_is_read_is_gone(void **state)
{
    struct fixture *fixture = *state;
    Kq__Change change = KQ__CHANGE__INIT;
    struct uuid id = {{1}};

    scan(fixture);
    metadata_refresh(&fixture->metadata, orders(fixture), 0);
    metadata_remove_topic(&fixture->metadata, orders(fixture));
    scripted_answer_all(fixture->coord);
    assert_null(orders(fixture));
    scan(fixture);
    change.has_topic_id = 1; /* and no chunk: it is deleted */
    change.topic_id.data = id.bytes;
    change.topic_id.len = 15;
    put_changes(fixture, 5, &change);
    hear(fixture); /* nobody's id */
    assert_non_null(orders(fixture));
    change.topic_id.len = sizeof id.bytes;
    put_changes(fixture, 6, &change);
    hear(fixture);
    assert_null(orders(fixture));
    put_changes(fixture, 7, &change);
    hear(fixture);
    assert_int_equal(fixture->metadata.next_sequence, 8);
}

/* n0 to n8, of one partition each; their ids are 5 to 13. */
static void put_many(struct fixture *fixture)
{
    char path[ZNODE_PATH_BYTES];

    for (uint8_t i = 0; i < 9; i++) {
        snprintf(path, sizeof path, "/topics/n%u", i);
        put_topic(fixture, path, (uint8_t)(i + 5), 1);
        snprintf(path, sizeof path, "/topics/n%u/state/0", i);
        put_states(fixture, path, (uint8_t)(i + 5), 0, 1, 4);
    }
}

/* A server that is asked for all at once would have no time for elections. */
static void only_so_much_is_asked_for_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct metadata *metadata = &fixture->metadata;

    put_many(fixture);
    metadata->bulk_reads_max = 2;
    metadata_scan(metadata);
    while (scripted_answer(fixture->coord))
        assert_true(metadata->bulk_reads <= 2);
    assert_int_equal(fixture->readings, 1);
    metadata_scan(metadata);
    while (list_empty(&metadata->queued))
        assert_true(scripted_answer(fixture->coord));
    metadata_stop(metadata); /* what waits is dropped */
    assert_true(list_empty(&metadata->queued));
    scripted_answer_all(fixture->coord);
    assert_int_equal(fixture->readings, 1);
    scan(fixture);
    assert_non_null(metadata_topic(metadata, "n8"));
}

static void what_waits_of_a_deleted_topic_is_not_asked_for(void **state)
{
    struct fixture *fixture = *state;
    struct metadata *metadata = &fixture->metadata;

    put_many(fixture);
    metadata->bulk_reads_max = 1;
    metadata_scan(metadata);
    while (metadata_topic(metadata, "n8") == NULL)
        assert_true(scripted_answer(fixture->coord));
    assert_false(list_empty(&metadata->queued)); /* its states, for one */
    metadata_remove_topic(metadata, metadata_topic(metadata, "n8"));
    scripted_answer_all(fixture->coord);
    assert_int_equal(fixture->readings, 1);
    assert_int_equal(metadata->bulk_reads, 0);
    assert_null(metadata_topic(metadata, "n8"));
    assert_true(topic_whole(metadata_topic(metadata, "n7")));
}

/* All is read again: the rest would be read in vain. */
static void behind_what_failed_nothing_is_asked_for(void **state)
{
    struct fixture *fixture = *state;
    struct metadata *metadata = &fixture->metadata;

    put_many(fixture);
    scripted_fail(fixture->coord, "/topics/n3", ERROR_OUTCOME_UNKNOWN);
    metadata->bulk_reads_max = 1;
    metadata_scan(metadata);
    while (!metadata->reads_failed && scripted_answer(fixture->coord))
        ;
    assert_true(list_empty(&metadata->queued));
    scripted_fail(fixture->coord, "", ERROR_NONE);
    scripted_answer_all(fixture->coord);
    scan(fixture);
    assert_non_null(metadata_topic(metadata, "n8"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(all_is_read),
        TEST(what_could_not_be_read_is_read_again),
        TEST(what_a_session_asked_is_nothing_to_the_next),
        TEST(what_was_asked_is_forgotten_with_all),
        TEST(a_topic_of_no_name_is_passed_over),
        TEST(no_topic_is_gone_when_all_are),
        TEST(states_that_cannot_be_leave_what_was_known),
        TEST(more_partitions_than_a_znode_holds_are_none),
        TEST(states_of_another_topic_are_named),
        TEST(a_topic_that_is_damaged_meanwhile_is_named_too),
        TEST(a_topic_of_fewer_partitions_is_damaged),
        TEST(a_topic_made_anew_is_known_by_its_states),
        TEST(a_controller_that_is_no_broker_is_named),
        TEST(a_check_reads_what_nobody_follows),
        TEST(nothing_is_read_that_a_change_brings),
        TEST(states_that_do_not_come_next_are_read),
        TEST(what_the_changes_leave_out_is_read),
        TEST(what_was_written_is_known),
        TEST(without_changes_all_is_read_again_and_again),
        TEST(a_new_topic_is_found),
        TEST(a_topic_that_is_deleted_while_it_is_read_is_gone),
        TEST(only_so_much_is_asked_for_at_once),
        TEST(what_waits_of_a_deleted_topic_is_not_asked_for),
        TEST(behind_what_failed_nothing_is_asked_for),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
