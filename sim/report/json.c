/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "sim/report/report.h"
#include "sim/world.h"

static void put_count(struct report_list *list, const char *name,
                      uint64_t count)
{
    if (count == 0)
        return;
    report_list_next(list);
    report_put_string(list->out, name);
    fprintf(list->out, ":%" PRIu64, count);
}

/* An object with what is not 0. */
static void put_points(FILE *out, const char *key,
                       const uint64_t counts[FAULT_COUNT])
{
    struct report_list list = {out, false};

    fprintf(out, ",\"%s\":{", key);
    for (size_t i = 0; i < FAULT_COUNT; i++)
        put_count(&list, fault_describe((enum fault_point)i)->name, counts[i]);
    putc('}', out);
}

static void put_marks(FILE *out, const struct run_report *report)
{
    struct report_list list = {out, false};

    fputs(",\"marks\":{", out);
    for (size_t i = 0; i < MARK_COUNT; i++)
        put_count(&list, report_mark_name((enum mark)i), report->marks[i]);
    putc('}', out);
}

static void put_text(FILE *out, const char *key, const char *text)
{
    fprintf(out, ",\"%s\":", key);
    if (text == NULL || *text == '\0')
        fputs("null", out);
    else
        report_put_string(out, text);
}

static void put_strike(FILE *out, const struct run_report *report)
{
    char at[STRIKE_TEXT_BYTES];

    if (report->strike.nth == 0)
        return;
    strike_format(&report->strike, at);
    put_text(out, "how", strike_how_name(report->strike.how));
    put_text(out, "at", at);
    if (!report->struck)
        return;
    put_text(out, "operation",
             disk_operation_name(report->struck_at.operation));
    put_text(out, "file", disk_kind_name(report->struck_at.kind));
    put_text(out, "stage",
             report->struck_at.stage == DISK_STARTING ? "start" : "work");
}

static void put_sentence(void *context, const char *sentence)
{
    struct report_list *list = context;

    report_list_next(list);
    report_put_string(list->out, sentence);
}

/* Of the simulator nothing is said: it leaves nothing out. */
static void put_world(FILE *out, const struct scenario *scenario)
{
    struct report_list list = {out, false};

    if (world_cannot(SKILL_ORDER) == NULL)
        return;
    fprintf(out, ",\"world\":\"%s\",\"skipped\":[", world_name());
    run_skipped(scenario, put_sentence, &list);
    putc(']', out);
}

void report_json(FILE *out, const struct scenario *scenario, uint64_t seed,
                 const struct run_report *report)
{
    fputs("{\"scenario\":", out);
    report_put_string(out, scenario->path);
    fprintf(out, ",\"seed\":%" PRIu64 ",\"result\":\"%s\"", seed,
            report_result_name(report->result));
    put_world(out, scenario);
    put_text(out, "oracle",
             report->oracle < 0 ? NULL
                                : oracle_name((enum oracle_id)report->oracle));
    put_text(out, "message", report->message);
    put_strike(out, report);
    if (report->disk_profile != DISK_PROFILE_DRAWN)
        put_text(out, "disk", disk_profile_name(report->disk_profile));
    fprintf(out,
            ",\"trace_hash\":\"%016" PRIx64 "\",\"sim_ms\":%" PRId64
            ",\"wall_ms\":%" PRId64 ",\"events\":%" PRIu64,
            report->trace_hash, report->sim_ms, report->wall_ms,
            report->events);
    put_points(out, "faults", report->points);
    put_points(out, "observed", report->observed);
    fprintf(out,
            ",\"records\":{\"sent\":%" PRIu64 ",\"acked\":%" PRIu64
            ",\"read\":%" PRIu64 "}",
            report->records.sent, report->records.acked, report->records.read);
    put_marks(out, report);
    fputs("}\n", out);
}
