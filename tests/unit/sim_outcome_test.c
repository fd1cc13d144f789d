/* SPDX-License-Identifier: Apache-2.0
 *
 * What two runs came to is compared by what happened, whoever it happened to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "sim/report/outcome.h"
#include "sim/workload/chronicle.h"

static const struct partition_key key = {.topic_id = {{7}}, .partition = 0};

static struct chronicle *make(void)
{
    struct chronicle *chronicle = chronicle_new(1000);

    chronicle_add_lane(chronicle, "b1", LANE_BROKER);
    chronicle_add_lane(chronicle, "b2", LANE_BROKER);
    chronicle_add_lane(chronicle, "b3", LANE_BROKER);
    chronicle_add_lane(chronicle, "c1", LANE_CLIENT);
    chronicle_add_lane(chronicle, "world", LANE_WORLD);
    chronicle_topic(chronicle, &key.topic_id, "orders");
    return chronicle;
}

static void leads(struct chronicle *chronicle, unsigned lane, int32_t epoch)
{
    struct fact fact = {.type = FACT_ROLE,
                        .key = key,
                        .leader_epoch = epoch,
                        .value = FACT_ROLE_LEADER};

    chronicle_fact(chronicle, 1000, lane, &fact);
}

static void opened(struct chronicle *chronicle, unsigned lane)
{
    struct fact fact = {.type = FACT_OPENED, .key = key};

    chronicle_fact(chronicle, 1000, lane, &fact);
}

/* A run in which `first` leads, is killed, and `second` takes over. */
static struct chronicle *fail_over(unsigned first, unsigned second,
                                   const char *left)
{
    struct chronicle *chronicle = make();

    leads(chronicle, first, 0);
    chronicle_say(chronicle, 2000, "", CHRONICLE_PHASE, "the work begins");
    chronicle_say(chronicle, 2000, chronicle_lane_name(chronicle, first),
                  CHRONICLE_STEP, "kill");
    chronicle_in_sync(chronicle, 2500, &key, left);
    leads(chronicle, second, 1);
    opened(chronicle, first);
    return chronicle;
}

static char *compared(const struct chronicle *one, const struct chronicle *two,
                      uint64_t acked)
{
    struct run_report report = {.result = RUN_PASS, .records.acked = 7};
    struct run_report other = {.result = RUN_PASS, .records.acked = acked};
    struct outcome *sim = outcome_new(&report, one);
    struct outcome *real = outcome_new(&other, two);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    outcome_compare(out, sim, real);
    fclose(out);
    outcome_free(sim);
    outcome_free(real);
    return text;
}

static struct outcome *through_text(const struct outcome *outcome)
{
    FILE *file = tmpfile();
    struct outcome *back;

    assert_non_null(file);
    outcome_write(file, outcome);
    rewind(file);
    back = outcome_read(file);
    assert_non_null(back);
    assert_null(outcome_read(file));
    fclose(file);
    return back;
}

static void brokers_are_named_by_what_they_do(void **state)
{
    struct chronicle *sim = fail_over(0, 1, "b2+b3");
    struct chronicle *real = fail_over(2, 0, "b1+b2");
    char *text = compared(sim, real, 7);

    (void)state;
    assert_null(strstr(text, "differs"));
    assert_non_null(strstr(text, "leaders of orders/0: A B\n"));
    assert_non_null(strstr(text, "in sync of orders/0: B+C\n"));
    assert_non_null(strstr(text, "befallen by kill: A\n"));
    assert_non_null(strstr(text, "A (b1 in the simulator, b3 in reality)"));
    free(text);
    chronicle_free(sim);
    chronicle_free(real);
}

static void another_order_is_a_difference(void **state)
{
    struct chronicle *sim = fail_over(0, 1, "b2+b3");
    struct chronicle *real = fail_over(2, 0, "b1+b2");
    char *text;

    (void)state;
    leads(real, 2, 2);
    opened(real, 2);
    text = compared(sim, real, 8);
    assert_non_null(strstr(text, "differs: leaders of orders/0\n"
                                 "      sim   A B\n"
                                 "      real  A B A\n"));
    free(text);
    chronicle_free(sim);
    chronicle_free(real);
}

static void counts_differ_when_one_of_them_is_nothing(void **state)
{
    struct chronicle *sim = fail_over(0, 1, "b2+b3");
    struct chronicle *real = fail_over(0, 1, "b2+b3");
    char *text;

    (void)state;
    opened(real, 2);
    text = compared(sim, real, 8);
    assert_null(strstr(text, "differs"));
    assert_non_null(
        strstr(text, "  counted in both worlds: 2 things\n"
                     "      records acknowledged: 7 in the simulator, 8 in "
                     "reality\n"
                     "      logs: opened: 1 in the simulator, 2 in reality\n"));
    free(text);
    text = compared(sim, real, 0);
    assert_non_null(strstr(text, "differs: records acknowledged\n"
                                 "      sim   7\n"
                                 "      real  0\n"));
    assert_null(strstr(text, "differs: logs"));
    assert_non_null(strstr(text, "counted in both worlds: 1 things"));
    free(text);
    chronicle_free(sim);
    chronicle_free(real);
}

static void programs_are_told_counts_and_kinds_apart(void **state)
{
    struct chronicle *sim = fail_over(0, 1, "b2+b3");
    struct chronicle *real = fail_over(0, 1, "b2+b3");
    struct scenario scenario = {.path = (char[]){"a.yaml"}};
    struct run_report report = {.result = RUN_PASS, .records.acked = 7};
    struct outcome *one = outcome_new(&report, sim), *two, *back;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    report.records.acked = 8;
    two = outcome_new(&report, real);
    back = through_text(one);
    outcome_compare_json(out, &scenario, 3, back, two);
    fclose(out);
    assert_non_null(strstr(text, "\"seed\":3,\"differences\":[],\"figures\":["
                                 "{\"subject\":\"records acknowledged\","
                                 "\"sim\":\"7\",\"real\":\"8\"}],\"alike\":"));
    free(text);
    outcome_free(one);
    outcome_free(two);
    outcome_free(back);
    chronicle_free(sim);
    chronicle_free(real);
}

static void records_given_up_are_counted_by_error(void **state)
{
    struct chronicle *chronicle = fail_over(0, 1, "b2+b3");
    struct history event = {
        .type = HISTORY_FAILED, .key = key, .error = ERROR_TIMED_OUT};
    struct chronicle *other = fail_over(0, 1, "b2+b3");
    char *text;

    (void)state;
    chronicle_history(chronicle, 3000, 3, &event);
    event.sequence = 1;
    chronicle_history(chronicle, 3000, 3, &event);
    event.error = ERROR_IO;
    event.sequence = 2;
    chronicle_history(chronicle, 3000, 3, &event);
    text = compared(chronicle, other, 7);
    assert_non_null(strstr(text, ")\n      sim   2\n      real  -\n"));
    assert_non_null(strstr(text, ")\n      sim   1\n      real  -\n"));
    assert_non_null(strstr(text, error_sentence(ERROR_TIMED_OUT)));
    free(text);
    chronicle_free(chronicle);
    chronicle_free(other);
}

static void what_brokers_say_is_counted_without_numbers(void **state)
{
    struct chronicle *chronicle = fail_over(0, 1, "b2+b3");
    struct chronicle *other = fail_over(0, 1, "b2+b3");
    char *text;

    (void)state;
    chronicle_log(chronicle, 3000, 0, TRACE_WARN, "session 0x12ab34cd56 over");
    chronicle_log(chronicle, 3000, 1, TRACE_WARN, "session 0x99 over");
    chronicle_log(other, 3000, 1, TRACE_WARN, "session 0x1 over");
    chronicle_log(other, 3000, 1, TRACE_INFO, "nobody counts this");
    text = compared(chronicle, other, 7);
    assert_non_null(strstr(text,
                           "times brokers said \"session #x# over\": 2 in the "
                           "simulator, 1 in reality\n"));
    assert_null(strstr(text, "nobody"));
    free(text);
    chronicle_free(chronicle);
    chronicle_free(other);
}

static void any_text_comes_back_as_it_was(void **state)
{
    static const char why[] = "\n\ttab \"quoted\" 'too'\r\n\nc:\\new\\\\t \\";
    struct chronicle *chronicle = fail_over(0, 1, "b2+b3");
    struct run_report report = {.result = RUN_FAIL};
    struct outcome *outcome, *back;
    char *text = NULL;
    size_t size;
    FILE *out;

    (void)state;
    snprintf(report.message, sizeof report.message, "%s", why);
    chronicle_log(chronicle, 3000, 0, TRACE_WARN, why);
    outcome = outcome_new(&report, chronicle);
    back = through_text(outcome);
    out = open_memstream(&text, &size);
    outcome_compare(out, outcome, back);
    fclose(out);
    assert_null(strstr(text, "differs"));
    assert_non_null(strstr(text, why));
    assert_non_null(strstr(strstr(text, why) + 1, why));
    free(text);
    outcome_free(back);
    outcome_free(outcome);
    chronicle_free(chronicle);
}

static void an_outcome_comes_back_from_text(void **state)
{
    struct chronicle *chronicle = fail_over(0, 1, "b2+b3");
    struct run_report report = {.result = RUN_FAIL, .message = "why"};
    struct outcome *outcome;
    FILE *file = tmpfile();
    struct outcome *back;
    char *one = NULL, *two = NULL;
    size_t one_size, two_size;
    FILE *out;

    (void)state;
    assert_non_null(file);
    for (unsigned i = 0; i < 300; i++) /* more than are told */
        leads(chronicle, i % 2, 2 + (int32_t)i);
    outcome = outcome_new(&report, chronicle);
    outcome_write(file, outcome);
    outcome_write(file, outcome);
    rewind(file);
    back = outcome_read(file);
    assert_non_null(back);
    assert_false(outcome_is_good(back));
    out = open_memstream(&one, &one_size);
    outcome_write(out, outcome);
    fclose(out);
    out = open_memstream(&two, &two_size);
    outcome_write(out, back);
    fclose(out);
    assert_string_equal(one, two);
    outcome_free(back);
    back = outcome_read(file);
    assert_non_null(back);
    outcome_free(back);
    assert_null(outcome_read(file));
    fclose(file);
    free(one);
    free(two);
    outcome_free(outcome);
    chronicle_free(chronicle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brokers_are_named_by_what_they_do),
        cmocka_unit_test(another_order_is_a_difference),
        cmocka_unit_test(counts_differ_when_one_of_them_is_nothing),
        cmocka_unit_test(programs_are_told_counts_and_kinds_apart),
        cmocka_unit_test(records_given_up_are_counted_by_error),
        cmocka_unit_test(what_brokers_say_is_counted_without_numbers),
        cmocka_unit_test(any_text_comes_back_as_it_was),
        cmocka_unit_test(an_outcome_comes_back_from_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
