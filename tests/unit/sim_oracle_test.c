/* SPDX-License-Identifier: Apache-2.0
 *
 * Oracles on facts and histories made by hand: each must stay silent on a
 * good run and speak on the one thing it is for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/oracle/oracle.h"

#define SECOND 1000000LL

static const struct judge_topic topics[] = {{.name = "orders",
                                             .partitions = 1,
                                             .replicas = 3,
                                             .min_insync = 2,
                                             .retention_ms = 10000,
                                             .retention_bytes = -1,
                                             .segment_bytes = 1000,
                                             .segment_ms = 1000,
                                             .retention_check_ms = 1000,
                                             .record_bytes_max = 100}};

static const struct partition_key key = {.topic_id = {{7}}, .partition = 0};

static int setup_with(void **state, int64_t leaderless_us)
{
    struct judge_options options = {.oracles = (1ULL << ORACLE_COUNT) - 1,
                                    .brokers = 3,
                                    .leaderless_us = leaderless_us,
                                    .topics = topics,
                                    .topic_count = 1};
    struct judge *judge = judge_new(&options);

    judge_topic_is(judge, &key.topic_id, 0);
    for (unsigned node = 0; node < 3; node++)
        judge_node(judge, node, NODE_STARTED);
    *state = judge;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, 0);
}

static int setup_always_led(void **state)
{
    return setup_with(state, 300000);
}

static int teardown(void **state)
{
    judge_free(*state);
    return 0;
}

static void fact(struct judge *judge, unsigned node, enum fact_type type,
                 int64_t offset, int64_t end, int64_t value)
{
    struct fact it = {.type = type,
                      .key = key,
                      .leader_epoch = 1,
                      .offset = offset,
                      .end_offset = end,
                      .value = value};

    judge_fact(judge, node, &it);
}

/* A batch of one record, with a body that is named by `crc`. */
static void append(struct judge *judge, unsigned node, int64_t offset,
                   uint32_t crc)
{
    fact(judge, node, FACT_APPENDED, offset, offset + 1, crc);
    fact(judge, node, FACT_DURABLE, 0, offset + 1, 0);
}

static void append_all(struct judge *judge, int64_t offset, uint32_t crc)
{
    for (unsigned node = 0; node < 3; node++)
        append(judge, node, offset, crc);
    for (unsigned node = 0; node < 3; node++)
        fact(judge, node, FACT_HIGH_WATERMARK, 0, offset + 1, 0);
}

static void sent(struct judge *judge, uint32_t producer, uint64_t sequence,
                 bool idempotent)
{
    struct history event = {.type = HISTORY_SENT,
                            .key = key,
                            .producer = producer,
                            .sequence = sequence,
                            .crc = (uint32_t)sequence + 1,
                            .bytes = 100,
                            .acks = -1,
                            .idempotent = idempotent,
                            .single = true};

    judge_history(judge, &event);
}

static void acked(struct judge *judge, uint32_t producer, uint64_t sequence,
                  int64_t offset)
{
    struct history event = {.type = HISTORY_ACKED,
                            .key = key,
                            .producer = producer,
                            .sequence = sequence,
                            .offset = offset};

    judge_history(judge, &event);
}

static void got(struct judge *judge, unsigned reader, uint32_t producer,
                uint64_t sequence, int64_t offset)
{
    struct history event = {.type = HISTORY_READ,
                            .key = key,
                            .reader = reader,
                            .producer = producer,
                            .sequence = sequence,
                            .offset = offset,
                            .crc = (uint32_t)sequence + 1,
                            .intact = true,
                            .final = reader == 9};

    judge_history(judge, &event);
}

static void told(struct judge *judge, enum history_type type, unsigned reader,
                 int64_t offset)
{
    struct history event = {.type = type,
                            .key = key,
                            .reader = reader,
                            .offset = offset,
                            .final = reader == 9};

    judge_history(judge, &event);
}

static void end_at(struct judge *judge, int64_t read_to)
{
    struct ending_partition partition = {.key = key,
                                         .led = true,
                                         .in_sync = 3,
                                         .replicas = 3,
                                         .written = true,
                                         .lies_well = true,
                                         .read = true,
                                         .read_to = read_to};
    struct ending ending = {1000, &partition, 1, NULL};

    judge_end(judge, &ending);
}

static void assert_broken(struct judge *judge, enum oracle_id oracle)
{
    const struct violation *violation = judge_violation(judge);

    assert_non_null(violation);
    if (violation->oracle != oracle)
        print_message("%s: %s\n", oracle_name(violation->oracle),
                      violation->message);
    assert_int_equal(violation->oracle, oracle);
}

static void assert_silent(struct judge *judge)
{
    const struct violation *violation = judge_violation(judge);

    if (violation != NULL)
        fail_msg("%s: %s", oracle_name(violation->oracle), violation->message);
}

/* Two records, written everywhere, acknowledged and read. */
static void good_run(struct judge *judge)
{
    fact(judge, 0, FACT_ROLE, 0, 0, FACT_ROLE_LEADER);
    for (int64_t offset = 0; offset < 2; offset++) {
        sent(judge, 0, (uint64_t)offset, true);
        append_all(judge, offset, (uint32_t)offset + 50);
        fact(judge, 0, FACT_ACKNOWLEDGED, offset, offset + 1, -1);
        acked(judge, 0, (uint64_t)offset, offset);
    }
}

static void close_run(struct judge *judge)
{
    told(judge, HISTORY_POSITIONED, 9, 0);
    got(judge, 9, 0, 0, 0);
    got(judge, 9, 0, 1, 1);
    told(judge, HISTORY_SEEN_END, 9, 2);
    end_at(judge, 2);
}

static void test_good_run_is_silent(void **state)
{
    good_run(*state);
    close_run(*state);
    assert_silent(*state);
    assert_int_equal(judge_counts(*state).acked, 2);
    assert_int_equal(judge_leader(*state, &key), 0);
}

static void test_lost_acknowledged(void **state)
{
    good_run(*state);
    told(*state, HISTORY_POSITIONED, 9, 0);
    got(*state, 9, 0, 0, 0);
    end_at(*state, 2);
    assert_broken(*state, ORACLE_ACKNOWLEDGED);
    assert_int_equal(judge_violation(*state)->offset, 1);
}

static const struct uuid old_topic = {{8}};

/* A good run, but that one record is acknowledged by the other topic. */
static void run_with_old_topic(struct judge *judge)
{
    struct history event = {.type = HISTORY_ACKED,
                            .key = {.topic_id = old_topic, .partition = 0},
                            .sequence = 2,
                            .offset = 7};

    good_run(judge);
    sent(judge, 0, 2, true);
    judge_history(judge, &event);
    close_run(judge);
}

/* A leader that had not heard of the deletion took it. */
static void test_acknowledged_by_the_deleted_topic(void **state)
{
    judge_topic_is(*state, &old_topic, 0);
    judge_topic_gone(*state, &old_topic);
    run_with_old_topic(*state);
    assert_silent(*state);
}

static void test_acknowledged_by_no_topic(void **state)
{
    run_with_old_topic(*state);
    assert_broken(*state, ORACLE_ACKNOWLEDGED);
    assert_int_equal(judge_violation(*state)->offset, 7);
}

static void test_retention_excuses_acknowledged(void **state)
{
    good_run(*state);
    judge_time(*state, 60 * SECOND);
    fact(*state, 0, FACT_LOG_START, 1, 0, 0);
    fact(*state, 0, FACT_DELETED, 0, 1, 0);
    told(*state, HISTORY_POSITIONED, 9, 1);
    got(*state, 9, 0, 1, 1);
    end_at(*state, 2);
    assert_broken(*state, ORACLE_RETENTION_REMOVES); /* 1 is old, too */
}

static void test_acknowledged_before_durable(void **state)
{
    fact(*state, 0, FACT_APPENDED, 0, 1, 50);
    append(*state, 1, 0, 50);
    fact(*state, 0, FACT_ACKNOWLEDGED, 0, 1, -1);
    assert_broken(*state, ORACLE_COUNTED);
}

/* B1: as far as the leader, with a tail of its own. */
static void test_acknowledged_by_another_tail(void **state)
{
    good_run(*state);
    append(*state, 0, 2, 52);
    append(*state, 1, 2, 99);
    fact(*state, 0, FACT_ACKNOWLEDGED, 2, 3, -1);
    assert_broken(*state, ORACLE_COUNTED);
}

static void test_acknowledged_by_two_of_three(void **state)
{
    good_run(*state);
    append(*state, 0, 2, 52);
    append(*state, 1, 2, 52);
    append(*state, 2, 2, 99);
    fact(*state, 0, FACT_ACKNOWLEDGED, 2, 3, -1);
    assert_silent(*state);
}

static void test_invented(void **state)
{
    good_run(*state);
    told(*state, HISTORY_POSITIONED, 1, 0);
    got(*state, 1, 0, 77, 0);
    assert_broken(*state, ORACLE_INVENTED);
}

static void test_two_values(void **state)
{
    good_run(*state);
    got(*state, 1, 0, 0, 0);
    got(*state, 2, 0, 1, 0);
    assert_broken(*state, ORACLE_ONE_VALUE);
}

static void test_acknowledged_elsewhere(void **state)
{
    good_run(*state);
    sent(*state, 0, 2, true);
    got(*state, 1, 0, 0, 0);
    acked(*state, 0, 2, 0);
    assert_broken(*state, ORACLE_ONE_VALUE);
}

static void test_hole_in_log(void **state)
{
    append(*state, 0, 0, 50);
    append(*state, 0, 2, 51);
    assert_broken(*state, ORACLE_DENSE);
}

static void test_hole_in_reading(void **state)
{
    good_run(*state);
    told(*state, HISTORY_POSITIONED, 1, 0);
    got(*state, 1, 0, 1, 1);
    assert_broken(*state, ORACLE_DENSE);
}

static void test_repeat_of_idempotent(void **state)
{
    good_run(*state);
    append_all(*state, 2, 52);
    got(*state, 9, 0, 0, 0);
    got(*state, 9, 0, 1, 1);
    got(*state, 9, 0, 1, 2);
    assert_broken(*state, ORACLE_ORDER);
}

static void test_a_reader_may_begin_anew(void **state)
{
    good_run(*state);
    got(*state, 9, 0, 0, 0);
    got(*state, 9, 0, 1, 1);
    told(*state, HISTORY_POSITIONED, 9, 0);
    got(*state, 9, 0, 0, 0);
    got(*state, 9, 0, 1, 1);
    assert_silent(*state);
}

static void test_order_of_single_requests(void **state)
{
    good_run(*state);
    sent(*state, 1, 0, false);
    sent(*state, 1, 1, false);
    acked(*state, 1, 1, 5);
    acked(*state, 1, 0, 6);
    told(*state, HISTORY_POSITIONED, 9, 7);
    end_at(*state, 7);
    assert_broken(*state, ORACLE_ORDER);
}

static void test_watermark_back(void **state)
{
    good_run(*state);
    fact(*state, 1, FACT_HIGH_WATERMARK, 0, 1, 0);
    assert_broken(*state, ORACLE_WATERMARK);
}

static void test_watermark_back_after_crash_is_fine(void **state)
{
    good_run(*state);
    judge_node(*state, 1, NODE_CRASHED);
    judge_node(*state, 1, NODE_STARTED);
    fact(*state, 1, FACT_OPENED, 0, 2, 0);
    fact(*state, 1, FACT_HIGH_WATERMARK, 0, 1, 0);
    assert_silent(*state);
}

static void test_cut_below_watermark(void **state)
{
    good_run(*state);
    fact(*state, 1, FACT_TRUNCATED, 0, 1, 0);
    assert_broken(*state, ORACLE_WATERMARK);
}

static void test_end_seen_back(void **state)
{
    good_run(*state);
    told(*state, HISTORY_SEEN_END, 1, 2);
    told(*state, HISTORY_SEEN_END, 1, 1);
    assert_broken(*state, ORACLE_WATERMARK);
}

static void test_read_uncommitted(void **state)
{
    good_run(*state);
    sent(*state, 0, 2, true);
    append(*state, 0, 2, 52);
    got(*state, 1, 0, 2, 2);
    assert_broken(*state, ORACLE_VISIBLE);
}

static void test_served_uncommitted(void **state)
{
    good_run(*state);
    fact(*state, 0, FACT_SERVED, 0, 3, 0);
    assert_broken(*state, ORACLE_VISIBLE);
}

static void test_replicas_differ(void **state)
{
    append(*state, 0, 0, 50);
    append(*state, 1, 0, 51);
    fact(*state, 0, FACT_HIGH_WATERMARK, 0, 1, 0);
    assert_silent(*state);
    fact(*state, 1, FACT_HIGH_WATERMARK, 0, 1, 0);
    assert_broken(*state, ORACLE_AGREE);
}

static void test_cut_tail_may_differ(void **state)
{
    append(*state, 0, 0, 50);
    append(*state, 1, 0, 51);
    fact(*state, 0, FACT_HIGH_WATERMARK, 0, 1, 0);
    fact(*state, 1, FACT_TRUNCATED, 0, 0, 0);
    append(*state, 1, 0, 50);
    fact(*state, 1, FACT_HIGH_WATERMARK, 0, 1, 0);
    assert_silent(*state);
}

static void test_durable_lost(void **state)
{
    good_run(*state);
    judge_node(*state, 2, NODE_CRASHED);
    judge_node(*state, 2, NODE_STARTED);
    fact(*state, 2, FACT_OPENED, 0, 1, 1);
    assert_broken(*state, ORACLE_DURABLE);
}

static void test_wiped_may_be_empty(void **state)
{
    good_run(*state);
    judge_node(*state, 2, NODE_WIPED);
    judge_node(*state, 2, NODE_STARTED);
    fact(*state, 2, FACT_OPENED, 0, 0, 1);
    append(*state, 2, 0, 50);
    append(*state, 2, 1, 51);
    fact(*state, 2, FACT_HIGH_WATERMARK, 0, 2, 0);
    assert_silent(*state);
}

static void test_two_leaders(void **state)
{
    good_run(*state);
    fact(*state, 1, FACT_ROLE, 0, 0, FACT_ROLE_LEADER);
    assert_broken(*state, ORACLE_ONE_LEADER);
}

static void role(struct judge *judge, unsigned node, int32_t epoch)
{
    judge_fact(judge, node,
               &(struct fact){.type = FACT_ROLE,
                              .key = key,
                              .leader_epoch = epoch,
                              .value = FACT_ROLE_LEADER});
}

static void test_answer_after_the_lease(void **state)
{
    good_run(*state);
    role(*state, 0, 1);
    append(*state, 0, 2, 52);
    role(*state, 1, 2);
    fact(*state, 0, FACT_ACKNOWLEDGED, 2, 3, 1); /* epoch 1, acks=1 */
    assert_broken(*state, ORACLE_LEASE);
}

static void test_reader_served_after_the_lease(void **state)
{
    good_run(*state);
    role(*state, 0, 1);
    role(*state, 1, 2);
    fact(*state, 0, FACT_SERVED, 0, 2, 0);
    assert_broken(*state, ORACLE_LEASE);
}

/* acks=all rests on the replicas, not on the lease. */
static void test_all_may_answer_after_the_lease(void **state)
{
    good_run(*state);
    role(*state, 0, 1);
    fact(*state, 0, FACT_SERVED, 0, 2, 0);
    role(*state, 1, 2);
    fact(*state, 0, FACT_ACKNOWLEDGED, 1, 2, -1);
    assert_silent(*state);
}

/* The newest state it has read is of this epoch. */
static void no_role(struct judge *judge, unsigned node, int32_t epoch)
{
    judge_fact(judge, node,
               &(struct fact){.type = FACT_ROLE,
                              .key = key,
                              .leader_epoch = epoch,
                              .value = FACT_ROLE_NONE});
}

static void test_next_leader_comes_soon(void **state)
{
    good_run(*state);
    role(*state, 0, 1);
    no_role(*state, 0, 2);
    judge_time(*state, 300000);
    role(*state, 1, 2);
    judge_node(*state, 0, NODE_CRASHED);
    role(*state, 2, 3);
    no_role(*state, 1, 3);
    judge_time(*state, 4 * SECOND);
    judge_node(*state, 1, NODE_CRASHED);
    assert_silent(*state);
}

static void test_next_leader_comes_late(void **state)
{
    good_run(*state);
    role(*state, 0, 1);
    no_role(*state, 0, 2);
    judge_time(*state, 300001);
    role(*state, 1, 2);
    assert_broken(*state, ORACLE_LED);
}

static void test_leader_stops_and_nobody_follows(void **state)
{
    good_run(*state);
    role(*state, 0, 1);
    no_role(*state, 0, 1);
    assert_broken(*state, ORACLE_LED);
}

static void test_leader_ends(void **state)
{
    good_run(*state);
    role(*state, 0, 1);
    judge_node(*state, 0, NODE_CRASHED);
    assert_broken(*state, ORACLE_LED);
}

static void test_old_leader_ends_before_the_next_leads(void **state)
{
    good_run(*state);
    role(*state, 0, 1);
    no_role(*state, 0, 2);
    judge_node(*state, 0, NODE_CRASHED);
    assert_broken(*state, ORACLE_LED);
}

/* Its session was over, and it hears of that when it is awake again. */
static void test_who_was_replaced_unheard_may_stop_leading(void **state)
{
    good_run(*state);
    role(*state, 0, 1);
    role(*state, 1, 2);
    no_role(*state, 0, 1);
    judge_node(*state, 0, NODE_CRASHED);
    assert_silent(*state);
}

static void test_leader_may_end_where_nobody_asks(void **state)
{
    good_run(*state);
    role(*state, 0, 1);
    no_role(*state, 0, 1);
    judge_node(*state, 0, NODE_CRASHED);
    assert_silent(*state);
}

/* What was shown since the reader looked for its place does not count. */
static void test_closing_reader_below_log_start(void **state)
{
    struct history event = {.type = HISTORY_POSITIONED,
                            .key = key,
                            .reader = 9,
                            .offset = 1,
                            .since_us = 4 * SECOND,
                            .final = true};

    good_run(*state);
    judge_time(*state, 5 * SECOND);
    fact(*state, 0, FACT_LOG_START, 2, 0, 0);
    judge_time(*state, 6 * SECOND);
    judge_history(*state, &event);
    assert_silent(*state);
    event.since_us = 5 * SECOND;
    judge_history(*state, &event);
    assert_broken(*state, ORACLE_LOG_START);
}

static void test_log_start_back(void **state)
{
    good_run(*state);
    judge_time(*state, 60 * SECOND);
    fact(*state, 0, FACT_LOG_START, 1, 0, 0);
    fact(*state, 0, FACT_LOG_START, 0, 0, 0);
    assert_broken(*state, ORACLE_LOG_START);
}

static void test_young_removed(void **state)
{
    good_run(*state);
    judge_time(*state, 5 * SECOND);
    fact(*state, 0, FACT_LOG_START, 1, 0, 0);
    fact(*state, 0, FACT_DELETED, 0, 1, 0);
    told(*state, HISTORY_POSITIONED, 9, 1);
    got(*state, 9, 0, 1, 1);
    end_at(*state, 2);
    assert_broken(*state, ORACLE_RETENTION_KEEPS);
}

/* The first segment goes, and what came back says what its age is. */
static void remove_three(struct judge *judge, int64_t at_us)
{
    for (unsigned node = 0; node < 3; node++)
        fact(judge, node, FACT_HIGH_WATERMARK, 0, 3, 0);
    judge_time(judge, at_us);
    fact(judge, 0, FACT_LOG_START, 3, 0, 0);
    fact(judge, 0, FACT_DELETED, 0, 3, 0);
    told(judge, HISTORY_POSITIONED, 9, 3);
    end_at(judge, 3);
}

/* Another leader wrote over it and was cut again. */
static void test_a_batch_that_comes_back_is_as_old_as_it_was(void **state)
{
    good_run(*state);
    append(*state, 1, 2, 52);
    judge_time(*state, 8 * SECOND);
    append(*state, 0, 2, 53);
    fact(*state, 0, FACT_TRUNCATED, 0, 2, 0);
    append(*state, 0, 2, 52);
    append(*state, 2, 2, 52);
    remove_three(*state, 11 * SECOND);
    assert_silent(*state);
}

/* It was written, and the broker fell before it could say so. */
static void test_a_batch_found_at_a_start_was_born_before(void **state)
{
    good_run(*state);
    judge_node(*state, 1, NODE_CRASHED);
    judge_time(*state, 8 * SECOND);
    judge_node(*state, 1, NODE_STARTED);
    fact(*state, 1, FACT_OPENED, 0, 3, 0);
    append(*state, 0, 2, 52);
    append(*state, 2, 2, 52);
    remove_three(*state, 11 * SECOND);
    assert_silent(*state);
}

/* Written as the broker fell, by a leader alone: no fact told of it. */
static void test_a_batch_that_nobody_told_of_is_not_young(void **state)
{
    good_run(*state);
    for (unsigned node = 0; node < 3; node++)
        judge_node(*state, node, NODE_CRASHED);
    judge_time(*state, 8 * SECOND);
    for (unsigned node = 0; node < 3; node++) {
        judge_node(*state, node, NODE_STARTED);
        fact(*state, node, FACT_OPENED, 0, 3, 0);
    }
    judge_time(*state, 10 * SECOND);
    for (unsigned node = 0; node < 3; node++)
        append(*state, node, 3, 53);
    remove_three(*state, 11 * SECOND);
    assert_silent(*state);
}

/* Nor the next time, when it fell again before it had opened its log. */
static void test_who_falls_again_wrote_nothing_in_between(void **state)
{
    good_run(*state);
    judge_node(*state, 1, NODE_CRASHED);
    judge_time(*state, 7 * SECOND);
    judge_node(*state, 1, NODE_STARTED);
    judge_node(*state, 1, NODE_CRASHED);
    judge_time(*state, 8 * SECOND);
    judge_node(*state, 1, NODE_STARTED);
    fact(*state, 1, FACT_OPENED, 0, 3, 0);
    append(*state, 0, 2, 52);
    append(*state, 2, 2, 52);
    remove_three(*state, 11 * SECOND);
    assert_silent(*state);
}

/* Retention is one minute, then two seconds: old enough at once; then a
 * minute again: for a while a broker may not have heard. */
static bool removal_is_fine(int64_t wait_us)
{
    struct judge_topic topic = topics[0];
    struct judge_options options = {.oracles = 1ULL << ORACLE_RETENTION_KEEPS,
                                    .brokers = 3,
                                    .topics = &topic,
                                    .topic_count = 1};
    struct ending ending = {0};
    struct judge *judge;
    bool fine;

    topic.retention_ms = 2000;
    topic.retention_bytes = -1;
    judge = judge_new(&options);
    judge_topic_is(judge, &key.topic_id, 0);
    judge_node(judge, 0, NODE_STARTED);
    append_all(judge, 0, 11);
    topic.retention_ms = 60000;
    judge_alter(judge, 0, &topic);
    judge_altered(judge, 0);
    judge_time(judge, wait_us);
    fact(judge, 0, FACT_DELETED, 0, 1, 0);
    judge_end(judge, &ending);
    fine = judge_violation(judge) == NULL;
    judge_free(judge);
    return fine;
}

static void other_settings_are_heard_within_a_while(void **state)
{
    (void)state;
    assert_false(removal_is_fine(1 * SECOND));
    assert_true(removal_is_fine(2 * SECOND));
    assert_false(removal_is_fine(9 * SECOND));
    assert_true(removal_is_fine(61 * SECOND));
}

static void test_uncommitted_removed(void **state)
{
    good_run(*state);
    append(*state, 0, 2, 52);
    judge_time(*state, 60 * SECOND);
    fact(*state, 0, FACT_DELETED, 2, 3, 0);
    assert_broken(*state, ORACLE_RETENTION_KEEPS);
}

static void test_old_not_removed(void **state)
{
    good_run(*state);
    judge_time(*state, 60 * SECOND);
    close_run(*state);
    assert_broken(*state, ORACLE_RETENTION_REMOVES);
}

static void test_not_whole(void **state)
{
    struct ending_partition partition = {
        .key = key, .led = true, .in_sync = 2, .replicas = 3};
    struct ending ending = {1000, &partition, 1, NULL};

    good_run(*state);
    judge_end(*state, &ending);
    assert_broken(*state, ORACLE_WHOLE);
}

static void test_operator_is_not_told(void **state)
{
    struct ending ending = {1000, NULL, 0, "orders"};

    good_run(*state);
    judge_end(*state, &ending);
    assert_broken(*state, ORACLE_WHOLE);
}

static void test_deleted_topic_is_forgotten(void **state)
{
    struct ending ending = {1000, NULL, 0, NULL};

    good_run(*state);
    judge_topic_gone(*state, &key.topic_id);
    fact(*state, 1, FACT_HIGH_WATERMARK, 0, 1, 0);
    judge_end(*state, &ending);
    assert_silent(*state);
}

#define LED(test)                                                              \
    cmocka_unit_test_setup_teardown(test, setup_always_led, teardown)
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* All replicas of a topic with this flush.ms are cut below what they had
 * committed, and other records take the place. */
static bool agrees_after_a_loss(int64_t flush_ms)
{
    struct judge_topic topic = topics[0];
    struct judge_options options = {.oracles = 1ULL << ORACLE_AGREE,
                                    .brokers = 3,
                                    .topics = &topic,
                                    .topic_count = 1};
    struct judge *judge;
    bool agrees;

    topic.flush_ms = flush_ms;
    judge = judge_new(&options);
    judge_topic_is(judge, &key.topic_id, 0);
    for (unsigned node = 0; node < 3; node++)
        judge_node(judge, node, NODE_STARTED);
    append_all(judge, 0, 11);
    for (unsigned node = 0; node < 3; node++)
        fact(judge, node, FACT_TRUNCATED, 0, 0, 0);
    append_all(judge, 0, 12);
    agrees = judge_violation(judge) == NULL;
    judge_free(judge);
    return agrees;
}

static void only_a_lazy_topic_may_lose_what_was_committed(void **state)
{
    (void)state;
    assert_true(agrees_after_a_loss(200));
    assert_false(agrees_after_a_loss(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_lazy_topic_may_lose_what_was_committed),
        cmocka_unit_test(other_settings_are_heard_within_a_while),
        CASE(test_good_run_is_silent),
        CASE(test_lost_acknowledged),
        CASE(test_acknowledged_by_the_deleted_topic),
        CASE(test_acknowledged_by_no_topic),
        CASE(test_retention_excuses_acknowledged),
        CASE(test_acknowledged_before_durable),
        CASE(test_acknowledged_by_another_tail),
        CASE(test_acknowledged_by_two_of_three),
        CASE(test_invented),
        CASE(test_two_values),
        CASE(test_acknowledged_elsewhere),
        CASE(test_hole_in_log),
        CASE(test_hole_in_reading),
        CASE(test_repeat_of_idempotent),
        CASE(test_a_reader_may_begin_anew),
        CASE(test_order_of_single_requests),
        CASE(test_watermark_back),
        CASE(test_watermark_back_after_crash_is_fine),
        CASE(test_cut_below_watermark),
        CASE(test_end_seen_back),
        CASE(test_read_uncommitted),
        CASE(test_served_uncommitted),
        CASE(test_replicas_differ),
        CASE(test_cut_tail_may_differ),
        CASE(test_durable_lost),
        CASE(test_wiped_may_be_empty),
        CASE(test_two_leaders),
        CASE(test_answer_after_the_lease),
        CASE(test_reader_served_after_the_lease),
        CASE(test_all_may_answer_after_the_lease),
        LED(test_next_leader_comes_soon),
        LED(test_next_leader_comes_late),
        LED(test_leader_stops_and_nobody_follows),
        LED(test_leader_ends),
        LED(test_old_leader_ends_before_the_next_leads),
        LED(test_who_was_replaced_unheard_may_stop_leading),
        CASE(test_leader_may_end_where_nobody_asks),
        CASE(test_closing_reader_below_log_start),
        CASE(test_log_start_back),
        CASE(test_young_removed),
        CASE(test_a_batch_that_comes_back_is_as_old_as_it_was),
        CASE(test_a_batch_found_at_a_start_was_born_before),
        CASE(test_a_batch_that_nobody_told_of_is_not_young),
        CASE(test_who_falls_again_wrote_nothing_in_between),
        CASE(test_uncommitted_removed),
        CASE(test_old_not_removed),
        CASE(test_not_whole),
        CASE(test_operator_is_not_told),
        CASE(test_deleted_topic_is_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
