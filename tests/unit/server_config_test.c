/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration table and its parser: every mistake is one sentence
 * with a place, and every default is allowed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/config.h"

static void parse_into(struct config *config, const char *text, bool expected,
                       char message[CONFIG_MESSAGE_BYTES])
{
    char copy[2048];

    snprintf(copy, sizeof copy, "%s", text);
    *message = '\0';
    config_init(config);
    assert_int_equal(config_parse(config, "b.conf", copy, message), expected);
}

static void assert_refused(const char *text, const char *sentence)
{
    struct config config;
    char message[CONFIG_MESSAGE_BYTES];

    parse_into(&config, text, false, message);
    assert_string_equal(message, sentence);
}

#define REQUIRED                                                               \
    "broker.id=1\nzookeeper.connect=127.0.0.1:2181/kq\nlog.dirs=/tmp/logs\n"

static void settings_are_read(void **state)
{
    struct config config;
    char message[CONFIG_MESSAGE_BYTES];

    (void)state;
    parse_into(&config,
               "# a broker\n\n  broker.id = 7 \r\n"
               "zookeeper.connect=a:1,b:2/x=y\nlog.dirs= /data\n"
               "log.retention.ms=-1",
               true, message);
    assert_int_equal(config.broker_id, 7);
    assert_string_equal(config.zookeeper_connect, "a:1,b:2/x=y");
    assert_string_equal(config.log_dirs, "/data");
    assert_int_equal(config.retention_ms, -1);
    assert_int_equal(config.listener_port, 9092);
    assert_true(config_check(&config, message));
}

static void mistakes_have_a_place(void **state)
{
    (void)state;
    assert_refused("broker.id=1\n  nonsense\n",
                   "b.conf:2:3: 'nonsense' is not a setting: write KEY=VALUE");
    assert_refused("brokr.id=1\n", "b.conf:1:1: unknown configuration key "
                                   "'brokr.id': --help lists all keys");
    assert_refused("listener.port=70000\n",
                   "b.conf:1:1: '70000' is not a value for listener.port: "
                   "give a whole number from 0 to 65535");
    assert_refused("log.roll.ms=7 days\n",
                   "b.conf:1:1: '7 days' is not a value for log.roll.ms: give "
                   "a whole number of ms from 1000 to 31536000000000");
    assert_refused("broker.id=\n",
                   "b.conf:1:1: '' is not a value for broker.id: give a whole "
                   "number from 0 to 2147483647");
    assert_refused("broker.id=99999999999999999999\n",
                   "b.conf:1:1: '99999999999999999999' is not a value for "
                   "broker.id: give a whole number from 0 to 2147483647");
}

static void long_values_are_refused(void **state)
{
    char text[1200] = "log.dirs=";
    struct config config;
    char message[CONFIG_MESSAGE_BYTES];

    (void)state;
    memset(text + strlen(text), 'x', 1100);
    parse_into(&config, text, false, message);
    assert_string_equal(
        message, "b.conf:1:1: the value of log.dirs is longer than 1023 bytes");
}

static void check(const char *text, const char *begin)
{
    struct config config;
    char message[CONFIG_MESSAGE_BYTES];

    parse_into(&config, text, true, message);
    assert_false(config_check(&config, message));
    assert_memory_equal(message, begin, strlen(begin));
}

static void keys_that_have_no_default_are_asked_for(void **state)
{
    (void)state;
    check("broker.id=1\nlog.dirs=/x\n", "zookeeper.connect is not set");
    check("broker.id=1\nzookeeper.connect=a:1\n", "log.dirs is not set");
    check("zookeeper.connect=a:1\nlog.dirs=/x\n", "broker.id is not set");
}

static void rules_across_keys_hold(void **state)
{
    (void)state;
    check(REQUIRED "replica.lag.time.max.ms=6000\n",
          "replica.lag.time.max.ms (6000) must be more than"); /* K17 */
    check(REQUIRED "socket.request.max.bytes=65536\n",
          "message.max.bytes (1048576) must be at most half");
    check(REQUIRED "log.index.interval.bytes=16777216\n"
                   "socket.request.max.bytes=67108863\n",
          "log.index.interval.bytes (16777216) must be at most a quarter");
}

static void assert_log_dir(const struct config *config, size_t n,
                           const char *expected)
{
    char path[CONFIG_TEXT_BYTES];

    if (expected == NULL) {
        assert_false(config_log_dir(config, n, path));
        return;
    }
    assert_true(config_log_dir(config, n, path));
    assert_string_equal(path, expected);
}

static void log_directories_are_a_list(void **state)
{
    struct config config;
    char message[CONFIG_MESSAGE_BYTES];

    (void)state;
    parse_into(&config, REQUIRED "log.dirs=/d1/kq/ ,\t/d2/kq,/,d3\n", true,
               message);
    assert_log_dir(&config, 0, "/d1/kq");
    assert_log_dir(&config, 1, "/d2/kq");
    assert_log_dir(&config, 2, "/");
    assert_log_dir(&config, 3, "d3");
    assert_log_dir(&config, 4, NULL);
    parse_into(&config, REQUIRED "log.dirs=/data,/data2,/dat\n", true, message);
    assert_true(config_check(&config, message));
}

static void log_directories_are_different_ones(void **state)
{
    char many[600] = REQUIRED "log.dirs=/0";

    (void)state;
    check(REQUIRED "log.dirs=/a,/b,/a/\n",
          "log.dirs names the directory /a twice");
    check(REQUIRED "log.dirs=/a/b,/c,/a\n",
          "log.dirs names /a/b and /a, of which one lies in the other");
    check(REQUIRED "log.dirs=/a,/a/b\n", "log.dirs names /a and /a/b");
    check(REQUIRED "log.dirs=/,/b\n", "log.dirs names / and /b");
    check(REQUIRED "log.dirs=/a,,/b\n", "log.dirs ('/a,,/b') has an empty");
    check(REQUIRED "log.dirs=/a,\n", "log.dirs ('/a,') has an empty name");
    for (int i = 1; i <= CONFIG_LOG_DIRS_MAX; i++)
        snprintf(many + strlen(many), sizeof many - strlen(many), ",/%d", i);
    check(many, "log.dirs names more than 32 directories");
}

/* What --help prints as a default is taken back as a value. */
static void every_default_is_allowed(void **state)
{
    struct config config;
    struct config_key key;
    char buffer[32];
    char message[CONFIG_MESSAGE_BYTES] = "";
    size_t n = 0;
    unsigned required = 0;

    (void)state;
    config_init(&config);
    for (; config_key(n, &key, buffer); n++) {
        assert_true(key.sentence[0] != '\0');
        if (key.default_value == NULL)
            required++;
        else if (!config_set(&config, key.key, key.default_value, message))
            fail_msg("%s", message);
    }
    assert_true(n > 20);
    assert_int_equal(required, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_read),
        cmocka_unit_test(mistakes_have_a_place),
        cmocka_unit_test(long_values_are_refused),
        cmocka_unit_test(keys_that_have_no_default_are_asked_for),
        cmocka_unit_test(rules_across_keys_hold),
        cmocka_unit_test(log_directories_are_a_list),
        cmocka_unit_test(log_directories_are_different_ones),
        cmocka_unit_test(every_default_is_allowed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
