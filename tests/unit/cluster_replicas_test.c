/* SPDX-License-Identifier: Apache-2.0
 *
 * Replicas of one broker: when it deletes a log that is not assigned to it any
 * more, what it takes as a leader and from whom, and whose clock it believes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cluster/replicas.h"
#include "seam/memory.h"
#include "tests/lib/log_world.h"

#define SELF 10

struct fixture {
    struct world *world;
    struct log_directories_owner directories_owner;
    struct log_directories directories;
    struct coord_listener coord_listener;
    struct coord *coord;
    struct metadata_listener listener;
    struct metadata metadata;
    struct replicas_listener replicas_listener;
    struct channel_identity identity;
    struct replicas replicas;
    bool answered;
};

static const struct partition_key key = {{{1}}, 0};

static void on_topic(struct metadata_listener *listener, struct topic *topic)
{
    (void)listener;
    (void)topic;
}

static void on_states(struct metadata_listener *listener, struct topic *topic,
                      uint32_t first, uint32_t count)
{
    struct fixture *fixture = container_of(listener, struct fixture, listener);

    replicas_on_states(&fixture->replicas, topic, first, count);
}

static void on_nothing(struct metadata_listener *listener)
{
    (void)listener;
}

static void on_coord(struct coord_listener *listener)
{
    (void)listener;
}

static void opened(struct log_directories_owner *owner, enum error error,
                   const char *detail)
{
    (void)detail;
    assert_int_equal(error, ERROR_NONE);
    container_of(owner, struct fixture, directories_owner)->answered = true;
}

static void lived(struct log_directories_owner *owner)
{
    (void)owner;
}

static void created(void *context, enum error error, struct log *log)
{
    struct fixture *fixture = context;

    (void)log;
    assert_int_equal(error, ERROR_NONE);
    fixture->answered = true;
}

static void shut(void *context, enum error error)
{
    struct fixture *fixture = context;

    (void)error;
    fixture->answered = true;
}

static void open_directory(struct fixture *fixture)
{
    const char *path = fixture->world->path;

    fixture->directories_owner =
        (struct log_directories_owner){opened, NULL, lived};
    log_directories_init(&fixture->directories, fixture->world->seam,
                         &fixture->directories_owner);
    log_directories_open(&fixture->directories, &path, 1,
                         &fixture->world->options);
    world_until(fixture->world, &fixture->answered);
    fixture->answered = false;
    log_create(fixture->directories.roots[0].directory, &key, &world_settings,
               created, fixture);
    world_until(fixture->world, &fixture->answered);
}

/* Registered, with a log of partition 0 of a topic. */
static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct replicas_options options = {.broker_id = SELF,
                                       .request_partitions_max = 500,
                                       .lag_us = 1000000,
                                       .clock_skew_max_ms = 1000,
                                       .log_settings = world_settings};
    struct seam *seam;

    assert_non_null(fixture);
    fixture->world = world_new();
    seam = fixture->world->seam;
    fixture->coord_listener =
        (struct coord_listener){on_coord, on_coord, on_coord};
    fixture->coord =
        coord_new(seam, "127.0.0.1:1", 6000, &fixture->coord_listener);
    fixture->listener =
        (struct metadata_listener){on_nothing, on_states, on_topic, on_nothing};
    metadata_init(&fixture->metadata, seam, fixture->coord, &fixture->listener);
    fixture->identity.frame_bytes_max = 65536;
    replicas_init(&fixture->replicas, seam, fixture->coord, &fixture->metadata,
                  &fixture->identity, &fixture->replicas_listener, &options);
    open_directory(fixture);
    fixture->replicas.directories = &fixture->directories;
    fixture->replicas.registered = true;
    fixture->replicas.broker_epoch = 7;
    fixture->metadata.ready = true;
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    replicas_release(&fixture->replicas);
    metadata_release(&fixture->metadata);
    coord_free(fixture->coord);
    fixture->answered = false;
    log_directories_shutdown(&fixture->directories, shut, fixture);
    world_until(fixture->world, &fixture->answered);
    log_directories_release(&fixture->directories);
    world_free(fixture->world);
    free(fixture);
    return 0;
}

/* ---- what is read ---- */

static struct topic *read_topic(struct fixture *fixture, uint32_t partitions)
{
    Kq__TopicNode node = KQ__TOPIC_NODE__INIT;
    struct uuid id = key.topic_id;

    node.topic_id.data = id.bytes;
    node.topic_id.len = sizeof id.bytes;
    node.partition_count = partitions;
    return metadata_apply_topic(&fixture->metadata, "orders", 1, &node);
}

/* The one partition is on this broker and on another one. */
static void read_state(struct fixture *fixture, int32_t version,
                       uint32_t broker_id)
{
    const uint32_t replicas[] = {20, broker_id};
    struct live_brokers nobody = {0, NULL};
    struct topic *topic = read_topic(fixture, 1);
    struct partition_state state;

    partition_state_create(&state, replicas, 2, 1, false, &nobody);
    assert_true(
        metadata_apply_chunk(&fixture->metadata, topic,
                             &(struct chunk_states){0, version, 1, &state, 0}));
}

static void assert_log(struct fixture *fixture, bool there)
{
    assert_int_equal(log_directories_find(&fixture->directories, &key) != NULL,
                     there);
}

/* ---- the tests ---- */

static void a_log_goes_when_its_partition_is_moved(void **state)
{
    struct fixture *fixture = *state;

    read_state(fixture, 1, SELF);
    assert_non_null(replicas_find(&fixture->replicas, &key));
    read_state(fixture, 2, 30);
    assert_null(replicas_find(&fixture->replicas, &key));
    assert_log(fixture, false);
}

/* While something cannot be read. */
static void a_log_stays_while_metadata_are_damaged(void **state)
{
    struct fixture *fixture = *state;

    read_state(fixture, 1, SELF);
    fixture->metadata.damaged = true;
    read_state(fixture, 2, 30);
    assert_non_null(replicas_find(&fixture->replicas, &key));
    replicas_metadata_ready(&fixture->replicas);
    assert_log(fixture, true);
    fixture->metadata.damaged = false;
    replicas_metadata_ready(&fixture->replicas);
    assert_log(fixture, false);
}

static void a_log_found_at_a_start_goes_when_all_is_known(void **state)
{
    struct fixture *fixture = *state;
    struct topic *topic;

    topic = read_topic(fixture, 1);
    replicas_metadata_ready(&fixture->replicas);
    assert_log(fixture, true); /* its state was not read yet */
    read_state(fixture, 1, 30);
    read_topic(fixture, 600);
    assert_false(topic_settled(topic));
    replicas_metadata_ready(&fixture->replicas);
    assert_log(fixture, true); /* nor are those of other partitions */
}

static void a_log_found_at_a_start_goes(void **state)
{
    struct fixture *fixture = *state;

    read_state(fixture, 1, 30);
    fixture->metadata.damaged = true;
    replicas_metadata_ready(&fixture->replicas);
    assert_log(fixture, true);
    fixture->metadata.damaged = false;
    replicas_metadata_ready(&fixture->replicas);
    assert_log(fixture, false);
}

static void a_log_found_at_a_start_stays_where_it_belongs(void **state)
{
    struct fixture *fixture = *state;

    read_state(fixture, 1, SELF);
    replicas_metadata_ready(&fixture->replicas);
    assert_log(fixture, true);
}

/* What was known last is older: nothing is done by it. */
static void a_state_that_is_read_late_changes_nothing(void **state)
{
    struct fixture *fixture = *state;

    read_state(fixture, 3, SELF);
    read_state(fixture, 2, 30);
    assert_non_null(replicas_find(&fixture->replicas, &key));
    assert_log(fixture, true);
}

/* Something of it is in flight meanwhile. */
static void what_is_assigned_again_while_it_stops_begins_anew(void **state)
{
    struct fixture *fixture = *state;
    struct partition *partition;

    read_state(fixture, 1, SELF);
    partition = replicas_find(&fixture->replicas, &key);
    partition->operations++;
    read_state(fixture, 2, 30);
    assert_true(partition->stopping);
    read_state(fixture, 3, SELF);
    assert_true(partition->stopping);
    assert_log(fixture, true);
    partition->operations--;
    assert_true(replicas_reap(partition));
    partition = replicas_find(&fixture->replicas, &key);
    assert_non_null(partition);
    assert_false(partition->stopping);
    assert_null(partition->log);
    assert_log(fixture, false);
}

/* Of a topic of two. */
static struct partition *second(struct fixture *fixture)
{
    struct partition_key other = {key.topic_id, 1};

    return replicas_find(&fixture->replicas, &other);
}

static bool has_log(void *context)
{
    return second(context)->log != NULL;
}

/* The topic is altered while it is being made (R8). */
static void a_new_log_lives_by_the_settings_of_when_it_is_there(void **state)
{
    struct fixture *fixture = *state;
    const uint32_t replicas[] = {20, SELF};
    struct live_broker brokers[] = {{SELF, 7, true, false},
                                    {20, 5, true, false}};
    struct live_brokers live = {2, brokers}, nobody = {0, NULL};
    struct topic *topic = read_topic(fixture, 2);
    Kq__TopicConfig entry = KQ__TOPIC_CONFIG__INIT;
    Kq__TopicConfig *entries[] = {&entry};
    Kq__TopicNode node = KQ__TOPIC_NODE__INIT;
    struct partition_state states[2];

    fixture->replicas.reported = true;
    partition_state_create(&states[0], replicas, 2, 1, false, &nobody);
    partition_state_create(&states[1], replicas, 2, 1, false, &live);
    assert_true(metadata_apply_chunk(
        &fixture->metadata, topic, &(struct chunk_states){0, 1, 2, states, 0}));
    assert_false(has_log(fixture));
    fixture->replicas.reported = false; /* it takes no role when it is made */
    entry.key = (char *)(uintptr_t) "segment.bytes";
    entry.value = (char *)(uintptr_t) "123456";
    node.topic_id.data = topic->id.bytes;
    node.topic_id.len = sizeof topic->id.bytes;
    node.partition_count = 2;
    node.configs = entries;
    node.n_configs = 1;
    metadata_apply_topic(&fixture->metadata, "orders", 2, &node);
    world_until_true(fixture->world, has_log, fixture);
    assert_int_equal(second(fixture)->log->settings.segment_bytes, 123456);
}

static void a_topic_that_is_deleted_while_it_stops_does_not_come_back(
    void **state)
{
    struct fixture *fixture = *state;
    struct topic *topic;
    struct partition *partition;

    read_state(fixture, 1, SELF);
    partition = replicas_find(&fixture->replicas, &key);
    partition->operations++;
    read_state(fixture, 2, 30);
    read_state(fixture, 3, SELF);
    topic = metadata_topic_by_id(&fixture->metadata, &key.topic_id);
    replicas_on_deleted(&fixture->replicas, topic);
    partition->operations--;
    assert_true(replicas_reap(partition));
    assert_null(replicas_find(&fixture->replicas, &key));
    assert_log(fixture, false);
}

/* ---- what a leader takes ---- */

#define OTHER 20
#define EPOCH 4

/* It leads, in sync with the other one; nothing follows from that by itself. */
static struct partition *lead(struct fixture *fixture)
{
    struct partition *partition;

    read_state(fixture, 1, SELF);
    partition = replicas_find(&fixture->replicas, &key);
    assert_non_null(partition->log);
    partition->role = PARTITION_LEADER;
    partition->role_epoch = EPOCH;
    partition->state.leader = SELF;
    partition->state.leader_epoch = EPOCH;
    partition->state.fresh = false;
    partition->state.isr = (struct replica_set){2, {{OTHER, 1}, {SELF, 7}}};
    partition->followers[0] = (struct follower){
        .replica = {OTHER, 1}, .counted_offset = -1, .durable_offset = -1};
    partition->followers[1] = (struct follower){.replica = {SELF, 0}};
    return partition;
}

static void stop_leading(struct partition *partition)
{
    partition->role = PARTITION_NONE;
}

/* What is appended is no batch, so that nothing is if it may be. */
#define TAKEN ERROR_INVALID_BATCH

static enum error append_bytes(struct partition *partition, int32_t acks,
                               size_t size)
{
    static struct log_append unused;
    static uint8_t nothing[65536];
    int64_t base_offset;

    return partition_append(partition, acks, &unused, nothing, size,
                            &base_offset);
}

static enum error append(struct partition *partition, int32_t acks)
{
    return append_bytes(partition, acks, 8);
}

static void who_does_not_lead_takes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct partition *partition = lead(fixture);

    assert_int_equal(append(partition, -1), TAKEN);
    partition->state.fresh = true;
    assert_int_equal(append(partition, 1), ERROR_NOT_LEADER);
    partition->state.min = 3;
    assert_int_equal(append(partition, 1), ERROR_NOT_ENOUGH_REPLICAS);
    partition->state.min = 1;
    partition->state.fresh = false;
    partition->resigning = true;
    assert_int_equal(append(partition, -1), ERROR_NOT_LEADER);
    partition->resigning = false;
    partition->give_way_until_us = INT64_MAX;
    assert_int_equal(append(partition, -1), ERROR_NOT_LEADER);
    partition->give_way_until_us = 0;
    partition->outdone = true;
    assert_int_equal(append(partition, -1), ERROR_NOT_LEADER);
    partition->outdone = false;
    partition->role = PARTITION_FOLLOWER;
    assert_int_equal(append(partition, -1), ERROR_NOT_LEADER);
    stop_leading(partition);
}

static void a_leader_takes_what_it_can_promise(void **state)
{
    struct fixture *fixture = *state;
    struct partition *partition = lead(fixture);

    partition->state.min = 3;
    assert_int_equal(append(partition, -1), ERROR_NOT_ENOUGH_REPLICAS);
    partition->state.min = 2;
    assert_int_equal(append(partition, -1), TAKEN);
    assert_int_equal(append(partition, 1), ERROR_LEASE_EXPIRED);
    assert_int_equal(append(partition, 0), ERROR_LEASE_EXPIRED);
    stop_leading(partition);
}

/* Who wrote what is damaged is not known: a batch that comes again would be
 * taken twice. It waits for what is mended, unless nobody can do that. */
static void a_leader_unsure_of_producers_waits(void **state)
{
    struct fixture *fixture = *state;
    struct partition *partition = lead(fixture);
    struct log *log = partition->log;

    partition->high_watermark = 9; /* all that is damaged is committed */
    log->unsure = true;
    log->damaged = true;
    log->damage_offset = 3;
    log->damage_end_offset = 5;
    assert_int_equal(append(partition, -1), ERROR_NOT_LEADER);
    partition->beyond_mending = true; /* all were asked, in vain */
    assert_int_equal(append(partition, -1), TAKEN);
    partition->beyond_mending = false;
    partition->state.isr.count = 1; /* there is nobody to ask */
    partition->state.isr.members[0] = (struct replica){SELF, 7};
    assert_int_equal(append(partition, -1), TAKEN);
    log->damaged = false; /* mended, and being read again */
    assert_int_equal(append(partition, -1), ERROR_NOT_LEADER);
    log->unsure = false;
    assert_int_equal(append(partition, -1), TAKEN);
    log->damage_offset = log->damage_end_offset = 0;
    partition->high_watermark = 0;
    stop_leading(partition);
}

/* The second try is refused: the first may still be accepted. While the
 * partition is fresh that does not matter, and another ISR may be needed. */
static void a_refused_proposal_is_withdrawn_while_it_is_fresh(void **state)
{
    struct fixture *fixture = *state;
    struct partition *partition = lead(fixture);

    for (unsigned fresh = 0; fresh < 2; fresh++) {
        partition->state.fresh = fresh > 0;
        partition->proposed = true;
        partition->retracting = false;
        partition->alter_attempts = 2;
        partition_alter_done(partition, ERROR_INELIGIBLE_REPLICA);
        assert_int_equal(partition->proposed, !fresh);
        assert_int_equal(partition->retracting, !fresh);
    }
    partition->proposed = partition->resigning =
        true; /* the ISR is as it was */
    partition_alter_done(partition, ERROR_INELIGIBLE_REPLICA);
    assert_true(partition->proposed);
    assert_false(partition->retracting);
    partition->state.fresh = false;
    stop_leading(partition);
}

/* A follower could not fetch what fills its frames. */
static void a_batch_is_half_a_frame_at_most(void **state)
{
    struct fixture *fixture = *state;
    struct partition *partition = lead(fixture);

    partition->log->settings.batch_bytes_max = 65536;
    assert_int_equal(append_bytes(partition, -1, 32768), TAKEN);
    assert_int_equal(append_bytes(partition, -1, 32769), ERROR_TOO_LARGE);
    partition->log->settings.batch_bytes_max = 1024;
    assert_int_equal(append_bytes(partition, -1, 1025), ERROR_TOO_LARGE);
    stop_leading(partition);
}

static void only_committed_records_are_deleted(void **state)
{
    struct fixture *fixture = *state;
    struct partition *partition = lead(fixture);
    struct floor_waiter waiter = {.floor = 5};

    partition->state.log_start_floor = 5;
    assert_int_equal(partition_raise_floor(partition, &waiter), ERROR_NONE);
    waiter.floor = 6;
    partition->high_watermark = 5;
    partition->epoch_start_offset = 9; /* it may know of more soon */
    assert_int_equal(partition_raise_floor(partition, &waiter),
                     ERROR_OFFSET_NOT_AVAILABLE);
    partition->epoch_start_offset = 5;
    assert_int_equal(partition_raise_floor(partition, &waiter),
                     ERROR_OFFSET_OUT_OF_RANGE);
    partition->role = PARTITION_FOLLOWER;
    assert_int_equal(partition_raise_floor(partition, &waiter),
                     ERROR_NOT_LEADER);
    stop_leading(partition);
}

static void positions_that_cannot_be_are_not_counted(void **state)
{
    struct fixture *fixture = *state;
    struct partition *partition = lead(fixture);
    const struct follower_fetch good = {.replica = {OTHER, 1},
                                        .leader_epoch = EPOCH};
    struct follower_fetch fetch = good;
    struct divergence divergence;
    int64_t counted, durable;

    fetch.replica.broker_id = 30;
    assert_int_equal(partition_follower_fetch(partition, &fetch, &divergence),
                     ERROR_NOT_REPLICA);
    assert_false(partition_follower_at(partition, 30, &counted, &durable));
    fetch = good;
    fetch.leader_epoch = EPOCH - 1;
    assert_int_equal(partition_follower_fetch(partition, &fetch, &divergence),
                     ERROR_FENCED_EPOCH);
    fetch = good;
    fetch.replica.broker_epoch = 0; /* a former life of it */
    assert_int_equal(partition_follower_fetch(partition, &fetch, &divergence),
                     ERROR_STALE_BROKER_EPOCH);
    fetch = good;
    fetch.counted_offset = 1; /* past what it fetched */
    assert_int_equal(partition_follower_fetch(partition, &fetch, &divergence),
                     ERROR_INVALID_ARGUMENT);
    fetch = good;
    fetch.durable_offset = 1;
    assert_int_equal(partition_follower_fetch(partition, &fetch, &divergence),
                     ERROR_INVALID_ARGUMENT);
    assert_false(partition_follower_at(partition, OTHER, &counted, &durable));
    stop_leading(partition);
}

/* ---- the clock ---- */

static void a_clock_that_jumped_is_believed_at_an_operators_word(void **state)
{
    struct fixture *fixture = *state;
    struct replicas *replicas = &fixture->replicas;
    struct moment *now = &fixture->world->seam->now;
    const int64_t hour_ms = 3600000;
    int64_t before_ms;

    assert_int_equal(replicas_clock(replicas, true), 0);
    before_ms = replicas_now_ms(replicas);
    now->wall_ms += hour_ms;
    assert_int_equal(replicas_clock(replicas, false), hour_ms);
    assert_int_equal(replicas_now_ms(replicas), before_ms);
    assert_int_equal(replicas_clock(replicas, true), 0);
    assert_int_equal(replicas_now_ms(replicas), before_ms + hour_ms);
    now->wall_ms -= hour_ms;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_log_goes_when_its_partition_is_moved,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_log_stays_while_metadata_are_damaged,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_log_found_at_a_start_goes_when_all_is_known, setup, teardown),
        cmocka_unit_test_setup_teardown(a_log_found_at_a_start_goes, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            a_log_found_at_a_start_stays_where_it_belongs, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_state_that_is_read_late_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(
            what_is_assigned_again_while_it_stops_begins_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_new_log_lives_by_the_settings_of_when_it_is_there, setup,
            teardown),
        cmocka_unit_test_setup_teardown(
            a_topic_that_is_deleted_while_it_stops_does_not_come_back, setup,
            teardown),
        cmocka_unit_test_setup_teardown(who_does_not_lead_takes_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_leader_takes_what_it_can_promise,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_leader_unsure_of_producers_waits,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_refused_proposal_is_withdrawn_while_it_is_fresh, setup, teardown),
        cmocka_unit_test_setup_teardown(a_batch_is_half_a_frame_at_most, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(only_committed_records_are_deleted,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            positions_that_cannot_be_are_not_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_clock_that_jumped_is_believed_at_an_operators_word, setup,
            teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
