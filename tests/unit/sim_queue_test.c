/* SPDX-License-Identifier: Apache-2.0
 *
 * What is taken out of the queue of happenings comes by time, and at one
 * time in the order of adding.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sim/twins.h"

#define HAPPENINGS 200
#define ROUNDS     50000
#define LOOK_US    2

struct thing {
    struct happening happening;
    uint64_t added; /* which one it was */
};

static struct thing things[HAPPENINGS];

/* The first by looking at all. */
static struct thing *first_of_all(void)
{
    struct thing *first = NULL;

    for (size_t i = 0; i < HAPPENINGS; i++) {
        struct thing *thing = &things[i];

        if (happening_waits(&thing->happening) &&
            (first == NULL || thing->happening.at_us < first->happening.at_us ||
             (thing->happening.at_us == first->happening.at_us &&
              thing->added < first->added)))
            first = thing;
    }
    return first;
}

static uint64_t draw(uint64_t *state, uint64_t bound)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (*state >> 33) % bound;
}

static void what_is_first_is_taken_first(void **state)
{
    struct queue queue;
    uint64_t random = 1;
    uint64_t added = 0;
    int64_t now_us = 0;

    (void)state;
    queue_init(&queue);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct thing *thing = &things[draw(&random, HAPPENINGS)];
        struct thing *first;
        struct happening *taken;

        if (!happening_waits(&thing->happening)) {
            thing->added = added++;
            queue_add(&queue, &thing->happening,
                      now_us + (int64_t)draw(&random, 10));
        } else if (draw(&random, 4) == 0) {
            queue_remove(&queue, &thing->happening);
        }
        if (draw(&random, 2) == 0)
            continue;
        first = first_of_all();
        taken = queue_take(&queue, now_us + LOOK_US);
        if (first == NULL || first->happening.at_us > now_us + LOOK_US) {
            assert_null(taken);
            continue;
        }
        assert_ptr_equal(taken, &first->happening);
        assert_false(happening_waits(taken));
        now_us = taken->at_us;
    }
    assert_true(now_us > 500);
    queue_release(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_first_is_taken_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
