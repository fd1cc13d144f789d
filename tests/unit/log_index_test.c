/* SPDX-License-Identifier: Apache-2.0
 *
 * Offsets and positions past 32 bits (B37): in the look-up structures, and
 * in a log that grows over each such border.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "log/index.h"
#include "real/internal.h"
#include "tests/lib/log_world.h"

static const int64_t borders[] = {INT64_C(1) << 31, INT64_C(1) << 32,
                                  INT64_C(5) << 32, INT64_C(1) << 62};
#define BORDERS (sizeof borders / sizeof borders[0])

static void index_finds_what_lies_past_32_bits(void **state)
{
    struct heap *heap = heap_new(1 << 20);

    (void)state;
    for (size_t b = 0; b < BORDERS; b++) {
        struct index index = {0};
        int64_t first = borders[b] - 4;

        for (int64_t i = 0; i < 8; i++)
            index_note(&index, heap, 1,
                       &(struct batch_header){.base_offset = first + i * 3},
                       (uint64_t)(first + i * 200));
        for (int64_t at = 0; at < 24; at++) {
            ptrdiff_t found = index_floor(&index, first + at);

            assert_int_equal(found, at / 3);
            assert_int_equal(index.entries[found].offset, first + at / 3 * 3);
            assert_int_equal(index.entries[found].position,
                             first + at / 3 * 200);
        }
        assert_int_equal(index_floor(&index, first - 1), -1);
        index_cut_end(&index, first + 12);
        assert_int_equal(index.count, 4);
        index_release(&index, heap);
    }
    heap_destroy(heap);
}

static void ring_and_window_find_it_too(void **state)
{
    struct heap *heap = heap_new(1 << 20);

    (void)state;
    for (size_t b = 0; b < BORDERS; b++) {
        struct ring ring = {0};
        int64_t first = borders[b] - 4;
        struct window window = {.from = first, .to = first + 24};

        for (int64_t i = 0; i < 8; i++) {
            ring_note(&ring, heap, first + i * 3, (uint64_t)(first + i * 200),
                      0);
            window_note(&window, heap, first + i * 3,
                        (uint64_t)(first + i * 200));
        }
        for (int64_t at = 0; at < 24; at++) {
            assert_int_equal(ring_floor(&ring, first + at), at / 3);
            assert_int_equal(window_floor(&window, first + at), at / 3);
            assert_int_equal(ring_at(&ring, (size_t)(at / 3))->position,
                             first + at / 3 * 200);
            assert_int_equal(window.entries[at / 3].position,
                             first + at / 3 * 200);
        }
        ring_release(&ring, heap);
        window_release(&window, heap);
    }
    heap_destroy(heap);
}

/* However long a segment is, its index is not: every second entry goes, and
 * the one before it stands for what that one stood for. */
static void a_full_index_keeps_every_second_entry(void **state)
{
    struct heap *heap = heap_new(4 << 20);
    struct index index = {0};

    (void)state;
    for (int64_t i = 0; i <= INDEX_ENTRIES_MAX; i++)
        index_note(
            &index, heap, 1,
            &(struct batch_header){.base_offset = i * 3, .max_timestamp_ms = i},
            (uint64_t)i * 200);
    assert_int_equal(index.count, INDEX_ENTRIES_MAX / 2 + 1);
    for (size_t i = 0; i < index.count; i++) {
        const struct index_entry *entry = &index.entries[i];
        bool last = i + 1 == index.count;

        assert_int_equal(entry->offset, i * 6);
        assert_int_equal(entry->position, i * 400);
        assert_int_equal(entry->max_timestamp_ms, last ? 2 * i : 2 * i + 1);
    }
    assert_int_equal(index_floor(&index, 3), 0);
    assert_int_equal(index_floor(&index, 6), 1);
    index_release(&index, heap);
    heap_destroy(heap);
}

/* Read from every offset, by the tables in memory, and after a restart by
 * the index files. */
static void a_log_grows_over_32_bits(void **state)
{
    (void)state;
    for (size_t b = 0; b < BORDERS; b++) {
        struct world *world = world_new();
        int64_t first = borders[b] - 50;
        struct log *log;

        assert_int_equal(world_open(world), ERROR_NONE);
        log = world_create(world, 0, &world_settings);
        world_restart(world, log, first);
        world_fill(world, log, 100, &(struct world_batch){.epoch = 1});
        for (int64_t at = 0; at <= 100; at += 9)
            assert_int_equal(world_read(world, log, first + at, first + 100),
                             100 - at);
        world_shutdown(world);
        assert_int_equal(world_open(world), ERROR_NONE);
        log = world_log(world, 0);
        assert_int_equal(log->log_start_offset, first);
        assert_int_equal(log->log_end_offset, first + 100);
        for (int64_t at = 0; at <= 100; at += 9)
            assert_int_equal(world_read(world, log, first + at, first + 100),
                             100 - at);
        world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(index_finds_what_lies_past_32_bits),
        cmocka_unit_test(ring_and_window_find_it_too),
        cmocka_unit_test(a_full_index_keeps_every_second_entry),
        cmocka_unit_test(a_log_grows_over_32_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
