/* SPDX-License-Identifier: Apache-2.0
 *
 * How fast new replicas copy, and who does not wait for them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cluster/replicas.h"
#include "rules/reassign.h"

#define SELF   3
#define EPOCH  103
#define SECOND INT64_C(1000000)

struct fixture {
    struct replicas replicas;
    struct partition slow;
    struct partition other;
    struct moment now;
};

/* Moved from 1 to this broker, at this rate. */
static void copy(struct fixture *fixture, struct partition *partition,
                 uint64_t rate)
{
    const uint32_t target[] = {SELF};

    memset(partition, 0, sizeof *partition);
    partition->replicas = &fixture->replicas;
    list_init(&partition->copying_node);
    partition->state = (struct partition_state){
        .replica_count = 1, .replicas = {1}, .leader = 1, .min = 1};
    replica_set_add(&partition->state.isr, (struct replica){1, 101});
    partition_state_reassign(&partition->state, target, 1, rate);
    throttle_note(&fixture->replicas.throttle, partition);
}

static int setup(void **state)
{
    static struct fixture fixture;

    memset(&fixture, 0, sizeof fixture);
    fixture.replicas.options.broker_id = SELF;
    fixture.replicas.broker_epoch = EPOCH;
    fixture.now.monotonic_us = 100 * SECOND;
    throttle_init(&fixture.replicas.throttle);
    copy(&fixture, &fixture.slow, 1000);
    *state = &fixture;
    return 0;
}

static int64_t pause_of(struct fixture *fixture,
                        const struct partition *partition, uint32_t *bytes)
{
    return throttle_pause_us(&fixture->replicas.throttle, partition,
                             &fixture->now, bytes);
}

/* What came within ten seconds, asked for as often as it may be. */
static int64_t copied(struct fixture *fixture, int64_t batch_bytes)
{
    int64_t until_us = fixture->now.monotonic_us + 10 * SECOND;
    int64_t total = 0;

    while (fixture->now.monotonic_us < until_us) {
        uint32_t bytes = UINT32_MAX;
        int64_t pause_us = pause_of(fixture, &fixture->slow, &bytes);

        if (pause_us > 0) {
            fixture->now.monotonic_us += pause_us;
            continue;
        }
        throttle_charge(&fixture->replicas.throttle, &fixture->slow,
                        (size_t)batch_bytes);
        total += batch_bytes;
    }
    return total;
}

static void so_many_bytes_come_in_a_second(void **state)
{
    assert_in_range(copied(*state, 10), 9900, 10300);
}

/* A batch is more than there is: what is owed is waited for. */
static void a_large_batch_is_paid_for(void **state)
{
    assert_in_range(copied(*state, 3000), 9000, 13000);
}

static void a_fetch_is_as_large_as_may_be(void **state)
{
    struct fixture *fixture = *state;
    uint32_t bytes = 5000;

    assert_int_equal(pause_of(fixture, &fixture->slow, &bytes), 0);
    assert_int_equal(bytes, 101); /* what comes within a tenth of a second */
}

static void nobody_else_waits(void **state)
{
    struct fixture *fixture = *state;
    uint32_t bytes = 5000;

    copy(fixture, &fixture->other, 0);
    throttle_charge(&fixture->replicas.throttle, &fixture->slow, 100000);
    assert_true(pause_of(fixture, &fixture->slow, &bytes) > 0);
    assert_int_equal(pause_of(fixture, &fixture->other, &bytes), 0);
    assert_int_equal(bytes, 5000);
}

static void who_is_in_sync_waits_no_more(void **state)
{
    struct fixture *fixture = *state;
    struct partition *slow = &fixture->slow;
    uint32_t bytes = 5000;

    throttle_charge(&fixture->replicas.throttle, slow, 100000);
    replica_set_add(&slow->state.isr, (struct replica){SELF, EPOCH - 1});
    throttle_note(&fixture->replicas.throttle, slow);
    assert_true(pause_of(fixture, slow, &bytes) > 0); /* a former life */
    replica_set_add(&slow->state.isr, (struct replica){SELF, EPOCH});
    throttle_note(&fixture->replicas.throttle, slow);
    assert_int_equal(pause_of(fixture, slow, &bytes), 0);
}

static void the_lowest_rate_is_that_of_all(void **state)
{
    struct fixture *fixture = *state;
    uint32_t bytes = 500000;

    copy(fixture, &fixture->other, 1000000);
    assert_int_equal(pause_of(fixture, &fixture->other, &bytes), 0);
    assert_int_equal(bytes, 101);
}

/* However much is owed: the rate may be another one by then. */
static void nobody_waits_long_without_asking(void **state)
{
    struct fixture *fixture = *state;
    uint32_t bytes;

    throttle_charge(&fixture->replicas.throttle, &fixture->slow, 1000000);
    assert_in_range(pause_of(fixture, &fixture->slow, &bytes), 1, SECOND);
    fixture->slow.state.copy_rate = 100000000;
    throttle_note(&fixture->replicas.throttle, &fixture->slow);
    fixture->now.monotonic_us += SECOND / 10;
    assert_int_equal(pause_of(fixture, &fixture->slow, &bytes), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(so_many_bytes_come_in_a_second, setup),
        cmocka_unit_test_setup(a_large_batch_is_paid_for, setup),
        cmocka_unit_test_setup(a_fetch_is_as_large_as_may_be, setup),
        cmocka_unit_test_setup(nobody_else_waits, setup),
        cmocka_unit_test_setup(who_is_in_sync_waits_no_more, setup),
        cmocka_unit_test_setup(the_lowest_rate_is_that_of_all, setup),
        cmocka_unit_test_setup(nobody_waits_long_without_asking, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
