/* SPDX-License-Identifier: Apache-2.0
 *
 * The small things that everything stands on: checksums, streams of random
 * numbers, lists, identifiers, cursors, arenas, errors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/crc32c.h"
#include "base/cursor.h"
#include "base/error.h"
#include "base/list.h"
#include "base/random.h"
#include "base/uuid.h"

static void crc32c_has_its_check_value(void **state)
{
    uint8_t zeros[32] = {0};

    (void)state;
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(crc32c(0, zeros, sizeof zeros), 0x8a9136aa); /* RFC 3720 */
    assert_int_equal(crc32c(0, "", 0), 0);
    for (size_t cut = 0; cut <= 9; cut++)
        assert_int_equal(
            crc32c(crc32c(0, "123456789", cut), &"123456789"[cut], 9 - cut),
            0xe3069283);
}

/* Bit by bit, as the standard says it. */
static uint32_t slow_crc32c(const uint8_t *at, size_t size)
{
    uint32_t crc = UINT32_MAX;

    for (; size > 0; size--) {
        crc ^= *at++;
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

/* There are ways of its own for what is short, and for odd ends. */
static void crc32c_of_any_length_and_place(void **state)
{
    uint8_t data[600 + 8];

    (void)state;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * i * 37 + i);
    for (size_t size = 0; size <= 600; size++) {
        const uint8_t *at = data + size % 8;
        size_t cut = size / 3;

        assert_int_equal(crc32c(0, at, size), slow_crc32c(at, size));
        assert_int_equal(crc32c(crc32c(0, at, cut), at + cut, size - cut),
                         slow_crc32c(at, size));
    }
}

static void a_draw_depends_on_key_and_number_alone(void **state)
{
    struct random a;
    struct random b;
    uint64_t drawn[100];

    (void)state;
    random_init(&a, 7);
    for (unsigned i = 0; i < 100; i++)
        drawn[i] = random_u64(&a);
    random_init(&b, 7);
    b.drawn = 50;
    assert_int_equal(random_u64(&b), drawn[50]);
    random_init(&b, 8);
    assert_int_not_equal(random_u64(&b), drawn[0]);
}

static void bounded_draws_cover_their_range(void **state)
{
    struct random random;
    unsigned counts[10] = {0};

    (void)state;
    random_init(&random, 1);
    for (unsigned i = 0; i < 10000; i++)
        counts[random_below(&random, 10)]++;
    for (unsigned i = 0; i < 10; i++)
        assert_in_range(counts[i], 850, 1150);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(random_below(&random, 1), 0);
}

static void fills_are_whole(void **state)
{
    struct random random;
    uint8_t bytes[19] = {0};
    uint8_t again[19];

    (void)state;
    random_init(&random, 3);
    random_fill(&random, bytes, 17);
    assert_int_equal(bytes[17], 0);
    assert_int_equal(random.drawn, 3);
    random_init(&random, 3);
    random_fill(&random, again, 17);
    assert_memory_equal(bytes, again, 17);
}

struct item {
    int value;
    struct list node;
};

static void assert_list(struct list *head, const char *values)
{
    list_for_each (node, head) {
        struct item *item = container_of(node, struct item, node);

        assert_int_equal(item->value, *values);
        values++;
    }
    assert_int_equal(*values, '\0');
}

static void lists_keep_their_order(void **state)
{
    struct item items[] = {{.value = 'a'}, {.value = 'b'}, {.value = 'c'}};
    struct list one;
    struct list two;

    (void)state;
    list_init(&one);
    list_init(&two);
    assert_true(list_empty(&one));
    assert_null(list_pop(&one));
    list_splice(&one, &two);
    assert_list(&one, "");
    for (unsigned i = 0; i < 3; i++)
        list_append(i < 2 ? &one : &two, &items[i].node);
    list_splice(&one, &two);
    assert_true(list_empty(&two));
    assert_list(&one, "abc");
    list_remove(&items[1].node);
    list_remove(&items[1].node); /* twice is allowed */
    assert_list(&one, "ac");
    list_for_each_safe (node, &one)
        list_remove(node);
    assert_list(&one, "");
}

static int sign(int number)
{
    return (number > 0) - (number < 0);
}

static void uuids_are_in_the_order_of_their_bytes(void **state)
{
    struct uuid a = {{0}};
    struct uuid b = {{0}};

    (void)state;
    for (unsigned i = 0; i < 16; i++)
        for (unsigned j = 0; j < 16; j++) {
            a.bytes[i] = 0x80;
            b.bytes[j] = 0x7f;
            b.bytes[15] ^= 1;
            assert_int_equal(uuid_compare(&a, &b),
                             sign(memcmp(a.bytes, b.bytes, 16)));
            assert_int_equal(uuid_compare(&b, &a), -uuid_compare(&a, &b));
            assert_int_equal(uuid_compare(&a, &a), 0);
            a.bytes[i] = b.bytes[j] = 0;
        }
}

static void uuids_are_32_digits(void **state)
{
    struct uuid id = {{0}};
    struct uuid back;
    char text[UUID_TEXT_SIZE];

    (void)state;
    assert_true(uuid_is_zero(&id));
    for (unsigned i = 0; i < 16; i++)
        id.bytes[i] = (uint8_t)(i * 17);
    uuid_format(&id, text);
    assert_string_equal(text, "00112233445566778899aabbccddeeff");
    assert_true(uuid_parse(text, &back));
    assert_true(uuid_equal(&id, &back));
    assert_false(uuid_parse("", &back));
    assert_false(uuid_parse("00112233445566778899aabbccddeef", &back));
    assert_false(uuid_parse("00112233445566778899aabbccddeeff0", &back));
    assert_false(uuid_parse("00112233445566778899aabbccddeefg", &back));
    assert_false(uuid_from_bytes(id.bytes, 15, &back));
    assert_true(uuid_from_bytes(id.bytes, 16, &back));
}

static void reading_past_the_end_fails_and_stays_failed(void **state)
{
    const uint8_t data[] = {1, 0, 2, 0, 0, 0, 9};
    struct cursor cursor;

    (void)state;
    cursor_init(&cursor, data, sizeof data);
    assert_int_equal(cursor_u16(&cursor), 1);
    assert_int_equal(cursor_u32(&cursor), 2);
    assert_false(cursor.failed);
    assert_int_equal(cursor_u16(&cursor), 0);
    assert_true(cursor.failed);
    assert_null(cursor_take(&cursor, 1)); /* though one byte is left */
    cursor_init(&cursor, data, sizeof data);
    assert_null(cursor_take(&cursor, SIZE_MAX));
}

static void writing_past_the_end_fails_and_writes_nothing(void **state)
{
    uint8_t data[8];
    struct writer writer;

    (void)state;
    memset(data, 0xee, sizeof data);
    writer_init(&writer, data, 6);
    writer_u32(&writer, 0x04030201);
    writer_u32(&writer, 7);
    writer_u16(&writer, 7);
    assert_true(writer.failed);
    assert_int_equal(load_u32(data), 0x04030201);
    assert_int_equal(load_u32(data + 4), 0xeeeeeeee);
    writer_init(&writer, data, 6);
    writer_bytes(&writer, NULL, 0);
    writer_bytes(&writer, "abcdef", 6);
    assert_false(writer.failed);
    assert_memory_equal(data, "abcdef", 6);
}

static void arenas_keep_to_their_budget(void **state)
{
    _Alignas(16) uint8_t block[64];
    struct arena arena;

    (void)state;
    arena_init(&arena, block, sizeof block);
    assert_ptr_equal(arena_alloc(&arena, 1), block);
    assert_ptr_equal(arena_alloc(&arena, 17), block + 16);
    assert_null(arena_alloc(&arena, 17));
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_alloc(&arena, SIZE_MAX - 15));
    assert_ptr_equal(arena_alloc(&arena, 16), block + 48);
    assert_null(arena_alloc(&arena, 1));
    arena_reset(&arena);
    assert_non_null(arena_alloc(&arena, 64));
}

static void errors_are_found_by_their_code(void **state)
{
    (void)state;
    assert_string_equal(error_name(ERROR_DISK_FULL), "DISK_FULL");
    assert_int_equal(error_from_code(0), ERROR_NONE);
    assert_int_equal(error_from_code(60), ERROR_UNKNOWN_TOPIC);
    assert_int_equal(error_from_code(9999), ERROR_UNKNOWN);
    assert_string_equal(error_name((enum error)9999), "?");
    assert_non_null(error_sentence((enum error)9999));
#define ERROR(name, code, sentence)                                            \
    assert_int_equal(error_from_code(code), ERROR_##name);                     \
    assert_true(sentence[0] != '\0');
#include "base/error.def"
#undef ERROR
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32c_has_its_check_value),
        cmocka_unit_test(crc32c_of_any_length_and_place),
        cmocka_unit_test(a_draw_depends_on_key_and_number_alone),
        cmocka_unit_test(bounded_draws_cover_their_range),
        cmocka_unit_test(fills_are_whole),
        cmocka_unit_test(lists_keep_their_order),
        cmocka_unit_test(uuids_are_in_the_order_of_their_bytes),
        cmocka_unit_test(uuids_are_32_digits),
        cmocka_unit_test(reading_past_the_end_fails_and_stays_failed),
        cmocka_unit_test(writing_past_the_end_fails_and_writes_nothing),
        cmocka_unit_test(arenas_keep_to_their_budget),
        cmocka_unit_test(errors_are_found_by_their_code),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
