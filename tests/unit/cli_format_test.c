/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/format.h"

static const struct kq_header headers[] = {
    {"a", {"1", 1}},
    {"b", {NULL, 0}},
};

static const struct kq_message message = {
    .type = KQ_MESSAGE_RECORD,
    .topic = "events",
    .partition = 3,
    .offset = 9007199254740993,
    .record = {.key = {"k\0y", 3},
               .value = {"v%n\0", 4},
               .timestamp_ms = 1700000000123,
               .headers = headers,
               .header_count = 2},
};

static void expect(const char *text, const char *wanted, size_t size)
{
    size_t column = 0;
    struct format *format = format_new(text, &column);
    char *written = NULL;
    size_t written_size = 0;
    FILE *to = open_memstream(&written, &written_size);

    assert_non_null(format);
    assert_non_null(to);
    format_write(format, to, &message);
    fclose(to);
    assert_int_equal(written_size, size);
    assert_memory_equal(written, wanted, size);
    free(written);
    format_free(format);
}

#define EXPECT(text, wanted) expect(text, wanted, sizeof(wanted) - 1)

static void test_conversions(void **state)
{
    (void)state;
    EXPECT("%v\\n", "v%n\0\n");
    EXPECT("%k", "k\0y");
    EXPECT("%o %p %t", "9007199254740993 3 1700000000123");
    EXPECT("%h|%T", "a=1,b=|events");
    EXPECT("", "");
}

static void test_literals(void **state)
{
    (void)state;
    EXPECT("100%% \\t\\\\\\0\\x41\\xfF.", "100% \t\\\0A\xff.");
    EXPECT("%%v", "%v");
}

static void expect_wrong(const char *text, size_t wanted)
{
    size_t column = 0;

    assert_null(format_new(text, &column));
    assert_int_equal(column, wanted);
}

static void test_wrong(void **state)
{
    (void)state;
    expect_wrong("%z", 1);
    expect_wrong("ab%", 3);
    expect_wrong("%v\\q", 3);
    expect_wrong("\\", 1);
    expect_wrong("a\\x4", 2);
    expect_wrong("\\x4g", 1);
    expect_wrong("\\x", 1);
}

static void test_null_record(void **state)
{
    struct kq_message null = {.topic = "t"};
    size_t column = 0;
    struct format *format = format_new("[%k][%v][%h]", &column);
    char *written = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&written, &size);

    (void)state;
    format_write(format, to, &null);
    fclose(to);
    assert_string_equal(written, "[][][]");
    free(written);
    format_free(format);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conversions),
        cmocka_unit_test(test_literals),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_null_record),
    };

    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
