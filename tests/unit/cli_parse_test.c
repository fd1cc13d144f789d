/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "client/cli/parse.h"

static void test_numbers(void **state)
{
    int64_t value = 0;

    (void)state;
    assert_true(parse_number("42", 0, 100, &value));
    assert_int_equal(value, 42);
    assert_true(parse_number("-1", -1, 100, &value));
    assert_int_equal(value, -1);
    assert_true(parse_number("9223372036854775807", 0, INT64_MAX, &value));
    assert_int_equal(value, INT64_MAX);
    assert_false(parse_number("9223372036854775808", 0, INT64_MAX, &value));
    assert_false(parse_number("101", 0, 100, &value));
    assert_false(parse_number("", 0, 100, &value));
    assert_false(parse_number("-", -9, 100, &value));
    assert_false(parse_number("1x", 0, 100, &value));
    assert_false(parse_number(" 1", 0, 100, &value));
    assert_false(parse_number("+1", 0, 100, &value));
}

static void test_bytes(void **state)
{
    int64_t value = 0;

    (void)state;
    assert_true(parse_bytes("512", &value));
    assert_int_equal(value, 512);
    assert_true(parse_bytes("64k", &value));
    assert_int_equal(value, 65536);
    assert_true(parse_bytes("1MiB", &value));
    assert_int_equal(value, 1048576);
    assert_true(parse_bytes("2gb", &value));
    assert_int_equal(value, 2147483648);
    assert_false(parse_bytes("99999999999999t", &value));
    assert_false(parse_bytes("1q", &value));
    assert_false(parse_bytes("k", &value));
    assert_false(parse_bytes("-1", &value));
    assert_false(parse_bytes("1kx", &value));
}

static void expect_start(const char *text, enum kq_start kind, int64_t position)
{
    struct start start;

    assert_true(parse_start(text, &start));
    assert_int_equal(start.start, kind);
    assert_int_equal(start.position, position);
}

static void test_starts(void **state)
{
    (void)state;
    expect_start("beginning", KQ_START_BEGINNING, 0);
    expect_start("end", KQ_START_END, 0);
    expect_start("17", KQ_START_OFFSET, 17);
    expect_start("@1700000000123", KQ_START_TIMESTAMP, 1700000000123);
    expect_start("1970-01-02", KQ_START_TIMESTAMP, 86400000);
    expect_start("2023-11-14T22:13:20Z", KQ_START_TIMESTAMP, 1700000000000);
    expect_start("2023-11-14T23:13:20.5+01:00", KQ_START_TIMESTAMP,
                 1700000000500);
    expect_start("2023-11-14T22:13:20.1239-00:00", KQ_START_TIMESTAMP,
                 1700000000123);
    expect_start("2023-11-14 22:13", KQ_START_TIMESTAMP, 1699999980000);
}

static void test_wrong_starts(void **state)
{
    static const char *const wrong[] = {
        "",
        "start",
        "-1",
        "1.5",
        "@",
        "@x",
        "2023-13-01",
        "2023-1-1",
        "2023-01-01T",
        "1969-01-01",
        "2023-01-01T25:00",
        "2023-01-01T10:00+1",
        "2023-01-01x",
        "2023-01-01T10:00Zx",
    };
    struct start start;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(parse_start(wrong[i], &start));
}

static void test_small(void **state)
{
    char setting[] = "key=a=b";
    char none[] = "key";
    char empty[] = "=x";
    char byte = 0;
    int acks = 7;

    (void)state;
    assert_string_equal(split_setting(setting), "a=b");
    assert_string_equal(setting, "key");
    assert_null(split_setting(none));
    assert_null(split_setting(empty));
    assert_true(parse_acks("all", &acks) && acks == -1);
    assert_true(parse_acks("0", &acks) && acks == 0);
    assert_false(parse_acks("2", &acks));
    assert_true(parse_byte("\\t", &byte) && byte == '\t');
    assert_true(parse_byte("\\x1f", &byte) && byte == 0x1f);
    assert_true(parse_byte("\\0", &byte) && byte == 0);
    assert_true(parse_byte(":", &byte) && byte == ':');
    assert_true(parse_byte("\\", &byte) && byte == '\\');
    assert_false(parse_byte("", &byte));
    assert_false(parse_byte("ab", &byte));
    assert_false(parse_byte("\\xzz", &byte));
    assert_false(parse_byte("\\q", &byte));
}

static void test_settings(void **state)
{
    char plain[24];

    (void)state;
    assert_null(parse_setting("retention.ms", "7d", plain));
    assert_string_equal(plain, "604800000");
    assert_null(parse_setting("segment.ms", "1500ms", plain));
    assert_string_equal(plain, "1500");
    assert_null(parse_setting("retention.ms", "-1", plain));
    assert_string_equal(plain, "-1");
    assert_null(parse_setting("segment.bytes", "16M", plain));
    assert_string_equal(plain, "16777216");
    assert_null(parse_setting("min.insync.replicas", "2", plain));
    assert_string_equal(plain, "2");
    assert_non_null(parse_setting("retention.ms", "7 days", plain));
    assert_non_null(parse_setting("retention.ms", "9223372036854775d", plain));
    assert_non_null(parse_setting("segment.bytes", "16s", plain));
    assert_non_null(parse_setting("min.insync.replicas", "2k", plain));
    assert_non_null(parse_setting("flush.ms", "", plain));
    assert_non_null(
        parse_setting("flush.ms", "1000000000000000000000000", plain));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers), cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_starts),  cmocka_unit_test(test_wrong_starts),
        cmocka_unit_test(test_small),   cmocka_unit_test(test_settings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
