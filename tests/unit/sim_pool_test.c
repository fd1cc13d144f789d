/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks of every size: apart from each other, aligned, zeroed when asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/pool.h"

#define SMALL_STEPS 1100u
#define SIZE_STEPS  (SMALL_STEPS + 8 * 12)
#define ROUNDS      3

static const uint8_t zeros[300 << 10];

/* Every small one; then those around each power of two and its quarters. */
static size_t size_of(size_t step)
{
    size_t quarter;

    if (step < SMALL_STEPS)
        return step + 1;
    step -= SMALL_STEPS;
    quarter = (size_t)256 << step / 12;
    return (4 + step / 3 % 4) * quarter + step % 3 - 1;
}

static void check(const uint8_t *memory, size_t size, uint8_t byte)
{
    for (size_t i = 0; i < size; i++)
        assert_int_equal(memory[i], byte);
}

static void blocks_are_apart_and_aligned(void **state)
{
    uint8_t *blocks[SIZE_STEPS];

    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < SIZE_STEPS; i++) {
            size_t size = size_of(i);

            blocks[i] = pool_take(size);
            assert_int_equal((uintptr_t)blocks[i] % 16, 0);
            memset(blocks[i], (int)(uint8_t)i, size);
        }
        for (size_t i = 0; i < SIZE_STEPS; i++) {
            size_t size = size_of(i);

            check(blocks[i], size, (uint8_t)i);
            pool_give(blocks[i], size);
        }
    }
}

static void what_is_given_out_again_is_zeroed_when_asked(void **state)
{
    (void)state;
    for (size_t size = 1; size < sizeof zeros; size += 1 + size / 3) {
        uint8_t *memory = pool_take(size);

        memset(memory, 0xff, size);
        pool_give(memory, size);
        memory = pool_take_zeroed(size);
        assert_memory_equal(memory, zeros, size);
        pool_give(memory, size);
    }
    pool_give(NULL, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_apart_and_aligned),
        cmocka_unit_test(what_is_given_out_again_is_zeroed_when_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
