/* SPDX-License-Identifier: Apache-2.0
 *
 * What the swarm draws: always the same from a seed, always a scenario, and
 * of everything there is something.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/scenario/scenario.h"
#include "sim/swarm/swarm.h"

#define SEEDS 500

static struct scenario *draw(uint64_t seed)
{
    struct complaints complaints = {NULL, 0, 0};
    char *text = swarm_draw(seed);
    struct scenario *scenario =
        scenario_parse("x.yaml", text, strlen(text), &complaints);

    if (scenario == NULL)
        fail_msg("%s%s", complaints.text, text);
    free(text);
    return scenario;
}

static void a_seed_draws_the_same_text(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        char *first = swarm_draw(seed);
        char *again = swarm_draw(seed);
        char *other = swarm_draw(seed + 1);

        assert_string_equal(first, again);
        assert_string_not_equal(first, other);
        free(first);
        free(again);
        free(other);
    }
}

static void what_is_drawn_is_a_scenario_and_holds_everything(void **state)
{
    unsigned faults[FAULT_COUNT] = {0};
    unsigned steps[STEP_COUNT] = {0};
    unsigned brokers[SCENARIO_BROKERS_MAX + 1] = {0};
    unsigned unbounded = 0;

    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct scenario *scenario = draw(seed);

        brokers[scenario->brokers]++;
        unbounded += scenario->unbounded;
        for (size_t i = 0; i < scenario->fault_count; i++)
            faults[scenario->faults[i].point]++;
        for (size_t i = 0; i < scenario->step_count; i++)
            steps[scenario->steps[i].action]++;
        scenario_free(scenario);
    }
    for (size_t i = 0; i < FAULT_COUNT; i++)
        if (faults[i] == 0)
            fail_msg("row %zu of faults/catalogue.def is never drawn", i);
    for (int i = 1; i <= SCENARIO_BROKERS_MAX; i++)
        assert_true(brokers[i] > 0);
    assert_true(steps[STEP_KILL] > 0 && steps[STEP_POWER_CUT] > 0);
    assert_true(steps[STEP_WIPE] > 0 && steps[STEP_TRUNCATE] > 0);
    assert_true(steps[STEP_CUT] > 0 && steps[STEP_DISK_FAILS] > 0);
    assert_true(unbounded > 0);
}

/* A topic that may lose what the kernel has not written loses no power. */
static void power_goes_only_where_all_is_synced(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct scenario *scenario = draw(seed);
        bool strict = true;

        for (size_t i = 0; i < scenario->topic_count; i++)
            strict &= scenario->topics[i].judged.flush_ms == 0;
        for (size_t i = 0; i < scenario->step_count; i++)
            assert_true(strict || scenario->steps[i].action != STEP_POWER_CUT);
        scenario_free(scenario);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_draws_the_same_text),
        cmocka_unit_test(what_is_drawn_is_a_scenario_and_holds_everything),
        cmocka_unit_test(power_goes_only_where_all_is_synced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
