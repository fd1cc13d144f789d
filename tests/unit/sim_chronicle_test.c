/* SPDX-License-Identifier: Apache-2.0
 *
 * A chronicle made by hand: what it keeps, in which words, and which of it
 * touched a record.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/report/touch.h"
#include "sim/workload/chronicle.h"

enum { B1, B2, C1, Z1, WORLD };

static const struct partition_key key = {.topic_id = {{7}}, .partition = 1};
static const struct partition_key other = {.topic_id = {{8}}, .partition = 0};

static struct chronicle *make(size_t events_max)
{
    struct chronicle *chronicle = chronicle_new(events_max);

    chronicle_add_lane(chronicle, "b1", LANE_BROKER);
    chronicle_add_lane(chronicle, "b2", LANE_BROKER);
    chronicle_add_lane(chronicle, "c1", LANE_CLIENT);
    chronicle_add_lane(chronicle, "z1", LANE_SERVER);
    chronicle_add_lane(chronicle, "world", LANE_WORLD);
    chronicle_topic(chronicle, &key.topic_id, "orders");
    return chronicle;
}

static int setup(void **state)
{
    *state = make(1000);
    return 0;
}

static int teardown(void **state)
{
    chronicle_free(*state);
    return 0;
}

static void tell(struct chronicle *chronicle, unsigned lane,
                 enum fact_type type, int64_t offset, int64_t end_offset)
{
    struct fact fact = {.type = type,
                        .key = key,
                        .leader_epoch = 3,
                        .offset = offset,
                        .end_offset = end_offset};

    chronicle_fact(chronicle, 1000, lane, &fact);
}

static void sent(struct chronicle *chronicle, enum history_type type,
                 uint64_t sequence, int64_t offset)
{
    struct history event = {.type = type,
                            .key = key,
                            .producer = 5,
                            .sequence = sequence,
                            .offset = offset,
                            .acks = -1};

    chronicle_history(chronicle, 1000, C1, &event);
}

static void assert_says(const struct chronicle *chronicle, size_t i,
                        unsigned lane, const char *expected)
{
    char words[CHRONICLE_WORDS_BYTES];

    assert_true(i < chronicle_count(chronicle));
    assert_int_equal(chronicle_at(chronicle, i)->lane, lane);
    chronicle_words(chronicle_at(chronicle, i), words);
    assert_string_equal(words, expected);
}

/* ---- what it keeps ---- */

static void facts_are_kept_in_words(void **state)
{
    struct chronicle *chronicle = *state;
    char place[CHRONICLE_PLACE_BYTES];

    tell(chronicle, B2, FACT_APPENDED, 10, 12);
    assert_says(chronicle, 0, B2, "wrote 10 to 11, epoch 3");
    chronicle_place(chronicle, chronicle_at(chronicle, 0)->partition, place);
    assert_string_equal(place, "orders/1");
}

static void what_costs_time_is_not_kept(void **state)
{
    tell(*state, B1, FACT_SYNC, 0, 0);
    tell(*state, B1, FACT_FRAME_SENT, 0, 0);
    assert_int_equal(chronicle_count(*state), 0);
}

static void a_second_life_of_a_topic_is_named_so(void **state)
{
    struct chronicle *chronicle = *state;
    struct fact fact = {.type = FACT_MENDED, .key = other};
    char place[CHRONICLE_PLACE_BYTES];

    chronicle_topic(chronicle, &other.topic_id, "orders");
    chronicle_fact(chronicle, 0, B1, &fact);
    chronicle_place(chronicle, 0, place);
    assert_string_equal(place, "orders/0 (2)");
}

static void records_of_one_call_are_one_event(void **state)
{
    struct chronicle *chronicle = *state;

    sent(chronicle, HISTORY_SENT, 7, -1);
    sent(chronicle, HISTORY_SENT, 8, -1);
    sent(chronicle, HISTORY_ACKED, 7, 20);
    sent(chronicle, HISTORY_ACKED, 8, 21);
    sent(chronicle, HISTORY_ACKED, 9, 23);
    assert_int_equal(chronicle_count(chronicle), 3);
    assert_says(chronicle, 0, C1,
                "sends records 7 to 8 of producer 5, acks -1");
    assert_says(chronicle, 1, C1,
                "is told that its records from 7 on are at 20 to 21");
    sent(chronicle, HISTORY_ACKED, 10, -1);
    sent(chronicle, HISTORY_ACKED, 11, -1);
    assert_says(chronicle, 3, C1,
                "has sent its records 10 to 11, and asks for no answer");
}

static void lines_of_the_trace_are_told_apart(void **state)
{
    static const struct {
        int lane;
        const char *line;
        unsigned kept_in;
        const char *words;
    } lines[] = {
        {B1, "start 2", B1, "starts (start 2)"},
        {B1, "power lost", B1, "loses power"},
        {B1, "fault disk/sync/eio", B1, "fault: disk/sync/eio"},
        {B1, "zookeeper session 0x1 created at z1", B1,
         "session 0x1 created at z1"},
        {B1, "zookeeper session 0x1 expired", B1, "session 0x1 expired"},
        {-1, "zookeeper z1 leads as z1, epoch 4", Z1, "leads as z1, epoch 4"},
        {-1, "zookeeper 0x5 create /topics/a", Z1, "0x5 create /topics/a"},
        {-1, "cut b2 -> z1", B2, "the network is cut: b2 -> z1"},
        {-1, "heal all", WORLD, "the network heals: all"},
        {-1, "something else", WORLD, "something else"},
    };

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        chronicle_note(*state, 0, lines[i].lane, lines[i].line);
        assert_says(*state, i, lines[i].kept_in, lines[i].words);
    }
    chronicle_note(*state, 0, -1, "zookeeper crash z1");
    assert_int_equal(chronicle_count(*state), sizeof lines / sizeof lines[0]);
    assert_int_equal(chronicle_at(*state, 3)->kind, CHRONICLE_SESSION);
    assert_int_equal(chronicle_at(*state, 4)->kind, CHRONICLE_SESSION_OVER);
    assert_int_equal(chronicle_at(*state, 7)->b, Z1);
    assert_int_equal(chronicle_at(*state, 7)->c, 1);
}

static void when_it_is_full_the_oldest_of_plenty_goes(void **state)
{
    struct chronicle *chronicle = make(100);
    int64_t until_us;

    (void)state;
    chronicle_note(chronicle, 0, B1, "power lost");
    for (int64_t i = 0; i < 1000; i++)
        tell(chronicle, B1, FACT_DURABLE, 0, i);
    assert_true(chronicle_count(chronicle) <= 100);
    assert_int_equal(chronicle_count(chronicle) +
                         chronicle_left_out(chronicle, &until_us),
                     1001);
    assert_int_equal(until_us, 1000);
    assert_says(chronicle, 0, B1, "loses power");
    assert_says(chronicle, chronicle_count(chronicle) - 1, B1,
                "is durable below 999");
    chronicle_free(chronicle);
}

static void nobody_to_tell_is_told_nothing(void **state)
{
    struct fact fact = {.type = FACT_MENDED, .key = key};

    (void)state;
    chronicle_fact(NULL, 0, B1, &fact);
    chronicle_note(NULL, 0, B1, "exit");
    chronicle_say(NULL, 0, "b1", CHRONICLE_STEP, "kill");
}

/* ---- what touches a record ---- */

static void assert_touched(const struct chronicle *chronicle, int64_t offset,
                           const char *expected)
{
    struct touch touch = {chronicle, 0, offset};
    char told[256] = "";
    size_t count, *events = touch_events(&touch, &count);

    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(told);

        snprintf(told + used, sizeof told - used, "%s%zu", i > 0 ? " " : "",
                 events[i]);
    }
    free(events);
    assert_string_equal(told, expected);
}

static void a_batch_touches_what_it_holds(void **state)
{
    tell(*state, B1, FACT_APPENDED, 0, 10);
    tell(*state, B1, FACT_APPENDED, 10, 12);
    tell(*state, B2, FACT_APPENDED, 10, 12);
    tell(*state, B1, FACT_APPENDED, 12, 20);
    assert_touched(*state, 11, "1 2");
}

static void a_mark_touches_what_it_passes(void **state)
{
    tell(*state, B1, FACT_DURABLE, 0, 5);
    tell(*state, B1, FACT_DURABLE, 0, 6);
    tell(*state, B1, FACT_DURABLE, 0, 7);
    tell(*state, B2, FACT_DURABLE, 0, 9);
    tell(*state, B1, FACT_TRUNCATED, 0, 3);
    tell(*state, B1, FACT_DURABLE, 0, 8);
    assert_touched(*state, 5, "1 3 4 5");
}

static void a_record_is_followed_from_its_sender(void **state)
{
    sent(*state, HISTORY_SENT, 7, -1);
    sent(*state, HISTORY_SENT, 9, -1);
    sent(*state, HISTORY_ACKED, 9, 20);
    sent(*state, HISTORY_READ, 0, 20);
    sent(*state, HISTORY_READ, 0, 30);
    assert_touched(*state, 20, "1 2 3");
}

static void another_partition_does_not_touch_it(void **state)
{
    struct fact fact = {.type = FACT_APPENDED, .key = other, .end_offset = 9};

    tell(*state, B1, FACT_APPENDED, 0, 10);
    chronicle_fact(*state, 0, B1, &fact);
    assert_touched(*state, 5, "0");
}

static void what_befalls_brokers_touches_every_record(void **state)
{
    tell(*state, B1, FACT_APPENDED, 0, 10);
    chronicle_note(*state, 0, B1, "power lost");
    chronicle_note(*state, 0, C1, "killed");
    chronicle_note(*state, 0, B1, "fault disk/sync/eio");
    chronicle_note(*state, 0, B1, "fault net/delay");
    assert_touched(*state, 5, "0 1 3");
}

static void without_a_record_what_there_is_plenty_of_is_left_out(void **state)
{
    tell(*state, B1, FACT_OPENED, 0, 0);
    tell(*state, B1, FACT_APPENDED, 0, 10);
    tell(*state, B1, FACT_TRUNCATED, 0, 3);
    chronicle_note(*state, 0, B1, "fault net/half-open");
    chronicle_note(*state, 0, B1, "fault net/delay");
    assert_touched(*state, -1, "0 2 3");
}

#define TEST(function)                                                         \
    cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(facts_are_kept_in_words),
        TEST(what_costs_time_is_not_kept),
        TEST(a_second_life_of_a_topic_is_named_so),
        TEST(records_of_one_call_are_one_event),
        TEST(lines_of_the_trace_are_told_apart),
        TEST(when_it_is_full_the_oldest_of_plenty_goes),
        TEST(nobody_to_tell_is_told_nothing),
        TEST(a_batch_touches_what_it_holds),
        TEST(a_mark_touches_what_it_passes),
        TEST(a_record_is_followed_from_its_sender),
        TEST(another_partition_does_not_touch_it),
        TEST(what_befalls_brokers_touches_every_record),
        TEST(without_a_record_what_there_is_plenty_of_is_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
