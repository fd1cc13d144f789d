/* SPDX-License-Identifier: Apache-2.0
 *
 * Idempotent producers: new, written before, out of order, fenced; and the
 * wrap of sequences at 2^31.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/producer.h"

#define NOWHERE (-7)

static struct batch_header batch(uint32_t epoch, int32_t sequence,
                                 uint32_t count, int64_t offset)
{
    return (struct batch_header){.producer_id = 5,
                                 .producer_epoch = epoch,
                                 .base_sequence = sequence,
                                 .record_count = count,
                                 .last_offset_delta = count - 1,
                                 .base_offset = offset};
}

static void note(struct producer *producer, struct batch_header header)
{
    producer->id = header.producer_id;
    producer_note(producer, &header);
}

static enum producer_verdict decide(const struct producer *known,
                                    struct batch_header header, bool forgetful,
                                    int64_t *offset)
{
    *offset = NOWHERE;
    return producer_decide(known, &header, forgetful, offset);
}

static void the_next_sequence_is_new(void **state)
{
    struct producer producer = {0};
    int64_t at;

    (void)state;
    note(&producer, batch(0, 0, 10, 100));
    assert_int_equal(decide(&producer, batch(0, 10, 1, 0), false, &at),
                     PRODUCER_NEW);
    assert_int_equal(decide(&producer, batch(0, 11, 1, 0), false, &at),
                     PRODUCER_OUT_OF_ORDER);
    assert_int_equal(decide(&producer, batch(0, 9, 1, 0), false, &at),
                     PRODUCER_OUT_OF_ORDER);
}

static void a_repeated_batch_is_known_by_its_range(void **state)
{
    struct producer producer = {0};
    int64_t at;

    (void)state;
    for (int32_t i = 0; i < PRODUCER_BATCHES_MAX; i++)
        note(&producer, batch(0, i * 10, 10, 1000 + i * 20));
    for (int32_t i = 0; i < PRODUCER_BATCHES_MAX; i++) {
        assert_int_equal(decide(&producer, batch(0, i * 10, 10, 0), false, &at),
                         PRODUCER_DUPLICATE);
        assert_int_equal(at, 1000 + i * 20);
    }
    /* another range that begins alike is no repetition */
    assert_int_equal(decide(&producer, batch(0, 10, 9, 0), false, &at),
                     PRODUCER_OUT_OF_ORDER);
    assert_int_equal(at, NOWHERE);
}

static void only_the_last_five_are_remembered(void **state)
{
    struct producer producer = {0};
    int64_t at;

    (void)state;
    for (int32_t i = 0; i <= PRODUCER_BATCHES_MAX; i++)
        note(&producer, batch(0, i, 1, i));
    assert_true(producer.more);
    assert_int_equal(producer.batch_count, PRODUCER_BATCHES_MAX);
    assert_int_equal(decide(&producer, batch(0, 0, 1, 0), false, &at),
                     PRODUCER_OUT_OF_ORDER);
    assert_int_equal(decide(&producer, batch(0, 1, 1, 0), false, &at),
                     PRODUCER_DUPLICATE);
}

static void an_older_epoch_is_fenced_and_a_newer_one_starts_over(void **state)
{
    struct producer producer = {0};
    int64_t at;

    (void)state;
    note(&producer, batch(3, 0, 10, 100));
    assert_false(producer.more); /* there was none before */
    assert_int_equal(decide(&producer, batch(2, 10, 1, 0), false, &at),
                     PRODUCER_FENCED);
    assert_int_equal(decide(&producer, batch(4, 10, 1, 0), false, &at),
                     PRODUCER_OUT_OF_ORDER);
    assert_int_equal(decide(&producer, batch(4, 0, 1, 0), false, &at),
                     PRODUCER_NEW);
    note(&producer, batch(4, 0, 1, 110));
    assert_int_equal(producer.batch_count, 1);
    assert_int_equal(producer.epoch, 4);
    assert_true(producer.more); /* those of epoch 3 */
    assert_int_equal(decide(&producer, batch(3, 0, 10, 0), false, &at),
                     PRODUCER_FENCED);
}

static void an_unknown_producer_starts_at_zero(void **state)
{
    int64_t at;

    (void)state;
    assert_int_equal(decide(NULL, batch(0, 0, 1, 0), false, &at), PRODUCER_NEW);
    assert_int_equal(decide(NULL, batch(0, 1, 1, 0), false, &at),
                     PRODUCER_OUT_OF_ORDER);
    assert_int_equal(decide(NULL, batch(0, 1, 1, 0), true, &at), PRODUCER_NEW);
}

static void sequences_wrap_to_zero(void **state)
{
    struct producer producer = {0};
    int64_t at;

    (void)state;
    assert_int_equal(producer_last_sequence(INT32_MAX, 0), INT32_MAX);
    assert_int_equal(producer_last_sequence(INT32_MAX, 1), 0);
    assert_int_equal(producer_last_sequence(INT32_MAX - 1, 3), 1);
    note(&producer, batch(0, INT32_MAX - 9, 10, 100)); /* ends at the top */
    assert_int_equal(decide(&producer, batch(0, 0, 1, 0), false, &at),
                     PRODUCER_NEW);
    note(&producer, batch(0, 0, 1, 110));
    note(&producer, batch(0, 1, 5, 111));
    assert_int_equal(
        decide(&producer, batch(0, INT32_MAX - 9, 10, 0), false, &at),
        PRODUCER_DUPLICATE);
    assert_int_equal(at, 100);
}

static void a_batch_may_straddle_the_wrap(void **state)
{
    struct producer producer = {0};
    int64_t at;

    (void)state;
    note(&producer, batch(0, INT32_MAX - 1, 4, 100));
    assert_int_equal(producer.batches[0].last_sequence, 1);
    assert_int_equal(decide(&producer, batch(0, 2, 1, 0), false, &at),
                     PRODUCER_NEW);
    assert_int_equal(
        decide(&producer, batch(0, INT32_MAX - 1, 4, 0), false, &at),
        PRODUCER_DUPLICATE);
}

static void a_cut_forgets_what_it_cut(void **state)
{
    struct producer producer = {0};
    int64_t at;

    (void)state;
    note(&producer, batch(0, 0, 10, 100));
    note(&producer, batch(0, 10, 10, 110));
    assert_true(producer_cut_end(&producer, 110));
    assert_int_equal(decide(&producer, batch(0, 10, 10, 0), false, &at),
                     PRODUCER_NEW);
    assert_false(producer_cut_end(&producer, 100));
    assert_false(producer.more);
}

static void stored_states_are_judged(void **state)
{
    struct producer producer = {0};

    (void)state;
    assert_false(producer_valid(&producer)); /* no batch */
    note(&producer, batch(0, 0, 10, 100));
    note(&producer, batch(0, 10, 10, 110));
    assert_true(producer_valid(&producer));
    producer.batches[1].base_offset = 100;
    assert_false(producer_valid(&producer));
    producer.batches[1].base_offset = 110;
    producer.batches[1].last_sequence = -1;
    assert_false(producer_valid(&producer));
    producer.batches[1].last_sequence = 19;
    producer.batch_count = PRODUCER_BATCHES_MAX + 1;
    assert_false(producer_valid(&producer));
    producer.batch_count = 2;
    producer.id = -1;
    assert_false(producer_valid(&producer));
}

/* Each field of the first batch, by itself. */
static void no_field_of_a_batch_is_negative(void **state)
{
    struct producer good = {0};
    struct producer producer;

    (void)state;
    note(&good, batch(0, 0, 10, 0));
    good.id = 0;
    assert_true(producer_valid(&good)); /* the first id, the first offset */
    producer = good;
    producer.batches[0].base_sequence = -1;
    assert_false(producer_valid(&producer));
    producer = good;
    producer.batches[0].last_sequence = -1;
    assert_false(producer_valid(&producer));
    producer = good;
    producer.batches[0].base_offset = -1;
    assert_false(producer_valid(&producer));
}

/* What lies behind the producer looks like one batch more. */
static void nothing_past_the_last_batch_is_touched(void **state)
{
    struct {
        struct producer producer;
        int64_t behind[4];
    } memory = {.behind = {1000, 2000, 3000, 4000}};
    struct producer *producer = &memory.producer;

    (void)state;
    for (int32_t i = 0; i < PRODUCER_BATCHES_MAX; i++)
        note(producer, batch(0, i, 1, i));
    producer->batch_count = PRODUCER_BATCHES_MAX + 1;
    assert_false(producer_valid(producer));
    producer->batch_count = PRODUCER_BATCHES_MAX;
    note(producer, batch(0, PRODUCER_BATCHES_MAX, 1, PRODUCER_BATCHES_MAX));
    for (int64_t i = 0; i < 4; i++)
        assert_int_equal(memory.behind[i], 1000 * (i + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_sequence_is_new),
        cmocka_unit_test(a_repeated_batch_is_known_by_its_range),
        cmocka_unit_test(only_the_last_five_are_remembered),
        cmocka_unit_test(an_older_epoch_is_fenced_and_a_newer_one_starts_over),
        cmocka_unit_test(an_unknown_producer_starts_at_zero),
        cmocka_unit_test(sequences_wrap_to_zero),
        cmocka_unit_test(a_batch_may_straddle_the_wrap),
        cmocka_unit_test(a_cut_forgets_what_it_cut),
        cmocka_unit_test(stored_states_are_judged),
        cmocka_unit_test(no_field_of_a_batch_is_negative),
        cmocka_unit_test(nothing_past_the_last_batch_is_touched),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
