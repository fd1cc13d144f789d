/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings of a topic as people write them: what is no value is refused with a
 * sentence that says what is one, and a log gets what its topic says, or else
 * what its broker says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cluster/topic_config.h"

static char sentence[256];

static bool takes(const char *key, const char *value)
{
    sentence[0] = '\0';
    return topic_config_check(key, value, sentence, sizeof sentence);
}

static void assert_refused(const char *key, const char *value,
                           const char *words)
{
    assert_false(takes(key, value));
    if (strstr(sentence, words) == NULL)
        fail_msg("'%s' does not say '%s'", sentence, words);
}

static void numbers_keep_to_their_range(void **unused)
{
    (void)unused;
    assert_true(takes("segment.bytes", "4096"));
    assert_true(takes("retention.ms", "-1"));
    assert_true(takes("min.insync.replicas", "32"));
    assert_refused("segment.bytes", "4095", "from 4096 to 17179869184");
    assert_refused("retention.ms", "-2", "from -1 to");
    assert_refused("min.insync.replicas", "33", "from 1 to 32");
    assert_refused("retention.ms", "", "give a whole number");
    assert_refused("retention.ms", "1h", "'1h' is not a value");
    assert_refused("retention.ms", "99999999999999999999", "whole number");
    assert_refused("retention.ms", "-99999999999999999999", "whole number");
}

static void switches_are_true_or_false(void **unused)
{
    const char *key = "unclean.leader.election.enable";

    (void)unused;
    assert_true(takes(key, "true"));
    assert_true(takes(key, "false"));
    assert_refused(key, "1", "give true or false");
    assert_refused(key, "True", "give true or false");
    assert_refused(key, "", "give true or false");
}

/* It is what takes a setting away. */
static void no_value_is_one(void **unused)
{
    (void)unused;
    assert_true(takes("segment.bytes", NULL));
    assert_refused("segment.byte", NULL, "no setting 'segment.byte'");
}

static void an_unknown_key_is_answered_with_all_there_are(void **unused)
{
    char small[64];

    (void)unused;
    assert_true(topic_config_known("flush.ms"));
    assert_false(topic_config_known("flush"));
    assert_refused("flush", "0", "no setting 'flush'; take retention.ms,");
    assert_non_null(strstr(sentence, ", flush.ms,"));
    assert_non_null(strstr(sentence, ", unclean.leader.election.enable"));
    /* of a sentence that is too long there is the beginning */
    memset(small, 'x', sizeof small);
    assert_false(topic_config_check("flush", "0", small, 40));
    assert_int_equal(strlen(small), 39);
    assert_int_equal(small[40], 'x');
}

/* ---- what a topic says ---- */

static const struct log_settings of_broker = {.segment_bytes = 5000,
                                              .segment_ms = 2000,
                                              .retention_ms = 3000,
                                              .retention_bytes = 4000,
                                              .flush_ms = 6000,
                                              .batch_bytes_max = 7000};

static void a_log_gets_what_its_topic_says(void **unused)
{
    char bytes_key[] = "segment.bytes", bytes[] = "8192";
    char age_key[] = "retention.ms", age[] = "-1";
    char flush_key[] = "flush.ms", flush[] = "77";
    struct topic_config configs[] = {
        {bytes_key, bytes}, {age_key, age}, {flush_key, flush}};
    struct topic topic = {.configs = configs, .config_count = 3};
    struct log_settings got = topic_log_settings(&topic, true, &of_broker);

    (void)unused;
    assert_int_equal(got.segment_bytes, 8192);
    assert_int_equal(got.retention_ms, -1);
    assert_int_equal(got.flush_ms, 77);
    assert_int_equal(got.segment_ms, 2000);
    assert_int_equal(got.retention_bytes, 4000);
    assert_int_equal(got.batch_bytes_max, 7000);
}

/* Whoever leads says when the last of what was not synced is (R7). */
static void only_what_is_lazy_waits_to_be_synced(void **unused)
{
    struct topic topic = {0};

    (void)unused;
    assert_int_equal(topic_log_settings(&topic, true, &of_broker).flush_ms,
                     6000);
    assert_int_equal(topic_log_settings(&topic, false, &of_broker).flush_ms, 0);
}

/* A znode may have been written by hand. */
static void what_is_no_value_counts_as_not_said(void **unused)
{
    char key[] = "segment.bytes", value[] = "many";
    struct topic_config config = {key, value};
    struct topic topic = {.configs = &config, .config_count = 1};

    (void)unused;
    assert_int_equal(topic_setting(&topic, TOPIC_SEGMENT_BYTES, 5000), 5000);
    assert_int_equal(topic_setting(&topic, TOPIC_SEGMENT_MS, 9), 9);
}

/* ---- what people are told ---- */

static void what_is_told_is_taken_back(void **unused)
{
    char text[TOPIC_SETTING_BYTES];

    (void)unused;
    for (unsigned i = 0; i < TOPIC_SETTING_COUNT; i++) {
        enum topic_setting setting = (enum topic_setting)i;

        topic_setting_write(
            setting, topic_setting_default(setting, &of_broker, 3), text);
        assert_true(takes(topic_setting_key(setting), text));
    }
}

static void defaults_are_the_brokers(void **unused)
{
    static const int64_t wanted[TOPIC_SETTING_COUNT] = {
        [TOPIC_RETENTION_MS] = 3000,     [TOPIC_RETENTION_BYTES] = 4000,
        [TOPIC_SEGMENT_BYTES] = 5000,    [TOPIC_SEGMENT_MS] = 2000,
        [TOPIC_FLUSH_MS] = 6000,         [TOPIC_MIN_INSYNC_REPLICAS] = 3,
        [TOPIC_MAX_MESSAGE_BYTES] = 7000};
    char text[TOPIC_SETTING_BYTES];

    (void)unused;
    for (unsigned i = 0; i < TOPIC_SETTING_COUNT; i++)
        assert_int_equal(
            topic_setting_default((enum topic_setting)i, &of_broker, 3),
            wanted[i]);
    topic_setting_write(TOPIC_UNCLEAN_LEADER_ELECTION, 1, text);
    assert_string_equal(text, "true");
    topic_setting_write(TOPIC_UNCLEAN_LEADER_ELECTION, 0, text);
    assert_string_equal(text, "false");
    topic_setting_write(TOPIC_RETENTION_MS, -1, text);
    assert_string_equal(text, "-1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_keep_to_their_range),
        cmocka_unit_test(switches_are_true_or_false),
        cmocka_unit_test(no_value_is_one),
        cmocka_unit_test(an_unknown_key_is_answered_with_all_there_are),
        cmocka_unit_test(a_log_gets_what_its_topic_says),
        cmocka_unit_test(only_what_is_lazy_waits_to_be_synced),
        cmocka_unit_test(what_is_no_value_counts_as_not_said),
        cmocka_unit_test(what_is_told_is_taken_back),
        cmocka_unit_test(defaults_are_the_brokers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
