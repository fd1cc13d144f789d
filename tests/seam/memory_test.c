/* SPDX-License-Identifier: Apache-2.0
 *
 * The heap: zeroed, aligned, accounted for, limited.
 */
#include "seam/memory.h"

#include "tests/seam/harness.h"

static void what_is_allocated_is_zero_and_aligned(void **state)
{
    struct heap *heap = harness_seam(*state)->heap;
    static const uint8_t zeros[1000];

    for (size_t size = 1; size < sizeof zeros; size += 111) {
        uint8_t *memory = heap_alloc(heap, size);

        assert_int_equal((uintptr_t)memory % 16, 0);
        assert_memory_equal(memory, zeros, size);
        memset(memory, 0xff, size);
        heap_free(heap, memory);
    }
    heap_free(heap, NULL);
}

static void what_is_used_is_known(void **state)
{
    struct heap *heap = harness_seam(*state)->heap;
    size_t before = heap_used(heap);
    void *a = heap_alloc(heap, 100);
    void *b = heap_try_alloc(heap, 50);

    assert_int_equal(heap_used(heap), before + 150);
    heap_free(heap, a);
    assert_int_equal(heap_used(heap), before + 50);
    heap_free(heap, b);
    assert_int_equal(heap_used(heap), before);
}

static void past_the_limit_a_buffer_is_refused(void **state)
{
    struct heap *heap = harness_seam(*state)->heap;
    size_t left = HARNESS_HEAP_BYTES - heap_used(heap);
    void *all;

    assert_null(heap_try_alloc(heap, left + 1));
    assert_null(heap_try_alloc(heap, SIZE_MAX));
    all = heap_try_alloc(heap, left);
    assert_non_null(all);
    assert_null(heap_try_alloc(heap, 1));
    heap_free(heap, all);
    assert_int_equal(heap_used(heap), HARNESS_HEAP_BYTES - left);
}

static void what_grows_keeps_its_bytes(void **state)
{
    struct heap *heap = harness_seam(*state)->heap;
    char *memory = heap_grow(heap, NULL, 0, 4);

    memcpy(memory, "abc", 4);
    memory = heap_grow(heap, memory, 4, 2000);
    assert_string_equal(memory, "abc");
    for (size_t i = 4; i < 2000; i++)
        assert_int_equal(memory[i], 0);
    heap_free(heap, memory);
}

static void a_string_is_copied(void **state)
{
    struct heap *heap = harness_seam(*state)->heap;
    char text[] = "text";
    char *copy = heap_strdup(heap, text);

    text[0] = 'n';
    assert_string_equal(copy, "text");
    heap_free(heap, copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SEAM_TEST(what_is_allocated_is_zero_and_aligned),
        SEAM_TEST(what_is_used_is_known),
        SEAM_TEST(past_the_limit_a_buffer_is_refused),
        SEAM_TEST(what_grows_keeps_its_bytes),
        SEAM_TEST(a_string_is_copied),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
