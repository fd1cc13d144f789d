/* SPDX-License-Identifier: Apache-2.0
 *
 * Epoch histories, and that two of them find the point where their logs
 * part (K1, K2, K3, K5 of the schedules that lost data elsewhere).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/epochs.h"

#define CAPACITY 4

struct history {
    struct epochs epochs;
    struct epoch_entry entries[CAPACITY];
};

static void history_init(struct history *history)
{
    epochs_init(&history->epochs, history->entries, CAPACITY);
}

static void append(struct history *history, uint32_t epoch, int64_t offset)
{
    assert_true(epochs_append(&history->epochs, epoch, offset));
}

/* What a follower does with a leader's answer. */
static int64_t cut_point(const struct history *leader, int64_t leader_end,
                         const struct history *follower, int64_t follower_end)
{
    uint32_t found;
    uint32_t own;
    int64_t end;
    int64_t own_end;

    if (!epochs_end(&leader->epochs, epochs_last(&follower->epochs), leader_end,
                    &found, &end))
        return 0;
    if (!epochs_end(&follower->epochs, found, follower_end, &own, &own_end))
        return 0;
    return end < own_end ? end : own_end;
}

static void an_epoch_ends_where_the_next_begins(void **state)
{
    struct history history;
    uint32_t found;
    int64_t end;

    (void)state;
    history_init(&history);
    assert_int_equal(epochs_last(&history.epochs), 0);
    assert_false(epochs_end(&history.epochs, 9, 100, &found, &end));
    append(&history, 1, 0);
    append(&history, 3, 10);
    append(&history, 7, 25);
    assert_int_equal(epochs_last(&history.epochs), 7);
    assert_true(epochs_end(&history.epochs, 1, 40, &found, &end));
    assert_int_equal(found, 1);
    assert_int_equal(end, 10);
    assert_true(epochs_end(&history.epochs, 5, 40, &found, &end));
    assert_int_equal(found, 3);
    assert_int_equal(end, 25);
    assert_true(epochs_end(&history.epochs, 7, 40, &found, &end));
    assert_int_equal(end, 40);
    assert_true(epochs_end(&history.epochs, 99, 40, &found, &end));
    assert_int_equal(found, 7);
    assert_false(epochs_end(&history.epochs, 0, 40, &found, &end));
}

static void offsets_belong_to_epochs(void **state)
{
    struct history history;
    uint32_t epoch;

    (void)state;
    history_init(&history);
    append(&history, 2, 5);
    append(&history, 4, 9);
    assert_false(epochs_at(&history.epochs, 4, &epoch));
    assert_false(epochs_at(&history.epochs, 0, &epoch));
    assert_true(epochs_at(&history.epochs, 5, &epoch));
    assert_int_equal(epoch, 2);
    assert_true(epochs_at(&history.epochs, 8, &epoch));
    assert_int_equal(epoch, 2);
    assert_true(epochs_at(&history.epochs, 9, &epoch));
    assert_int_equal(epoch, 4);
}

static void nothing_goes_backwards(void **state)
{
    struct history history;

    (void)state;
    history_init(&history);
    append(&history, 5, 10);
    assert_false(epochs_append(&history.epochs, 4, 20));
    assert_false(epochs_append(&history.epochs, 6, -1));
    assert_false(epochs_is_news(&history.epochs, 5));
    append(&history, 5, 30); /* no news: where it began stays */
    assert_int_equal(history.epochs.count, 1);
    assert_int_equal(history.entries[0].start_offset, 10);
}

/* K5: elections back to back without a write between. */
static void epochs_without_a_batch_are_dropped(void **state)
{
    struct history history;

    (void)state;
    history_init(&history);
    append(&history, 1, 0);
    append(&history, 2, 10);
    append(&history, 3, 10);
    append(&history, 4, 10);
    assert_int_equal(history.epochs.count, 2);
    assert_int_equal(epochs_last(&history.epochs), 4);
    append(&history, 5, 0);
    assert_int_equal(history.epochs.count, 1);
    assert_int_equal(history.entries[0].epoch, 5);
}

static void a_full_history_forgets_its_oldest(void **state)
{
    struct history history;
    uint32_t found;
    int64_t end;

    (void)state;
    history_init(&history);
    for (uint32_t i = 0; i < CAPACITY + 2; i++) {
        append(&history, i + 1, 10 * (int64_t)i);
        assert_int_equal(history.epochs.count, i < CAPACITY ? i + 1 : CAPACITY);
    }
    assert_true(epochs_valid(history.entries, history.epochs.count));
    assert_false(epochs_end(&history.epochs, 2, 100, &found, &end));
    assert_true(epochs_end(&history.epochs, 3, 100, &found, &end));
    assert_int_equal(end, 30);
}

/* What an array holds past its count is left over, and says nothing. */
static void a_cut_looks_at_no_more_than_the_history(void **state)
{
    struct history history;

    (void)state;
    history_init(&history);
    append(&history, 1, 0);
    append(&history, 2, 10);
    history.entries[2] = (struct epoch_entry){99, 0};
    epochs_cut_start(&history.epochs, 50);
    assert_int_equal(history.epochs.count, 1);
    assert_int_equal(history.entries[0].epoch, 2);
    assert_int_equal(history.entries[0].start_offset, 50);
}

static void cuts_keep_what_holds_records(void **state)
{
    struct history history;

    (void)state;
    history_init(&history);
    append(&history, 1, 0);
    append(&history, 2, 10);
    append(&history, 3, 20);
    epochs_cut_end(&history.epochs, 21);
    assert_int_equal(history.epochs.count, 3);
    epochs_cut_end(&history.epochs, 20);
    assert_int_equal(epochs_last(&history.epochs), 2);
    epochs_cut_start(&history.epochs, 9);
    assert_int_equal(history.entries[0].start_offset, 9);
    assert_int_equal(history.entries[0].epoch, 1);
    epochs_cut_start(&history.epochs, 10);
    assert_int_equal(history.epochs.count, 1);
    assert_int_equal(history.entries[0].epoch, 2);
    epochs_cut_start(&history.epochs, 5); /* never back down */
    assert_int_equal(history.entries[0].start_offset, 10);
    epochs_clear(&history.epochs);
    assert_int_equal(history.epochs.count, 0);
}

/* K1: a follower behind the leader's watermark keeps what it holds. */
static void k1_a_returning_follower_keeps_its_records(void **state)
{
    struct history leader;
    struct history follower;

    (void)state;
    history_init(&leader);
    history_init(&follower);
    append(&leader, 1, 0);
    append(&follower, 1, 0);
    assert_int_equal(cut_point(&leader, 2, &follower, 2), 2);
    assert_int_equal(cut_point(&leader, 3, &follower, 2), 2);
}

/* K2: both lost power; the other one led from below and wrote. */
static void k2_another_value_at_one_offset_is_cut(void **state)
{
    struct history leader;
    struct history follower;

    (void)state;
    history_init(&leader);
    history_init(&follower);
    append(&follower, 1, 0); /* m1 m2 */
    append(&leader, 1, 0);   /* m1 */
    append(&leader, 2, 1);   /* m3 */
    assert_int_equal(cut_point(&leader, 2, &follower, 2), 1);
}

/* K3: the follower asks for an epoch that the leader never had. */
static void k3_an_epoch_the_leader_never_had_is_cut(void **state)
{
    struct history a;
    struct history b;
    uint32_t found;
    int64_t end;

    (void)state;
    history_init(&a);
    history_init(&b);
    append(&a, 0, 0); /* an uncommitted tail up to 10 */
    append(&b, 0, 0);
    append(&b, 1, 5);  /* B led from below it, up to 8 */
    append(&a, 2, 10); /* A leads again and never cut, up to 12 */
    assert_true(epochs_end(&a.epochs, 1, 12, &found, &end));
    assert_int_equal(found, 0);
    assert_int_equal(end, 10);
    assert_int_equal(cut_point(&a, 12, &b, 8), 5);
}

static void stored_histories_are_judged(void **state)
{
    const struct epoch_entry good[] = {{1, 0}, {2, 5}};
    const struct epoch_entry same_epoch[] = {{1, 0}, {1, 5}};
    const struct epoch_entry same_offset[] = {{1, 5}, {2, 5}};
    const struct epoch_entry negative[] = {{1, -1}};

    (void)state;
    assert_true(epochs_valid(good, 2));
    assert_true(epochs_valid(good, 0));
    assert_false(epochs_valid(same_epoch, 2));
    assert_false(epochs_valid(same_offset, 2));
    assert_false(epochs_valid(negative, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_epoch_ends_where_the_next_begins),
        cmocka_unit_test(offsets_belong_to_epochs),
        cmocka_unit_test(nothing_goes_backwards),
        cmocka_unit_test(epochs_without_a_batch_are_dropped),
        cmocka_unit_test(a_full_history_forgets_its_oldest),
        cmocka_unit_test(a_cut_looks_at_no_more_than_the_history),
        cmocka_unit_test(cuts_keep_what_holds_records),
        cmocka_unit_test(k1_a_returning_follower_keeps_its_records),
        cmocka_unit_test(k2_another_value_at_one_offset_is_cut),
        cmocka_unit_test(k3_an_epoch_the_leader_never_had_is_cut),
        cmocka_unit_test(stored_histories_are_judged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
