/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "sim/report/report.h"
#include "sim/world.h"

static const char *const results[] = {"pass", "fail", "error"};

static const char *const mark_names[] = {
#define MARK(name, text, sentence) text,
#include "seam/marks.def"
#undef MARK
};

static void put_count(FILE *out, const char *name, uint64_t count, bool *first)
{
    if (count == 0)
        return;
    if (!*first)
        putc(',', out);
    *first = false;
    report_put_string(out, name);
    fprintf(out, ":%" PRIu64, count);
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

struct listing {
    FILE *out;
    bool first;
};

static void put_sentence(void *context, const char *sentence)
{
    struct listing *listing = context;

    fputs(listing->first ? "" : ",", listing->out);
    listing->first = false;
    report_put_string(listing->out, sentence);
}

/* Of the simulator nothing is said: it leaves nothing out. */
static void put_world(FILE *out, const struct scenario *scenario)
{
    struct listing listing = {out, true};

    if (world_cannot(SKILL_ORDER) == NULL)
        return;
    fprintf(out, ",\"world\":\"%s\",\"skipped\":[", world_name());
    run_skipped(scenario, put_sentence, &listing);
    putc(']', out);
}

void report_json(FILE *out, const struct scenario *scenario, uint64_t seed,
                 const struct run_report *report)
{
    bool first = true;

    fputs("{\"scenario\":", out);
    report_put_string(out, scenario->path);
    fprintf(out, ",\"seed\":%" PRIu64 ",\"result\":\"%s\"", seed,
            results[report->result]);
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
            ",\"wall_ms\":%" PRId64 ",\"events\":%" PRIu64 ",\"faults\":{",
            report->trace_hash, report->sim_ms, report->wall_ms,
            report->events);
    for (size_t i = 0; i < FAULT_COUNT; i++)
        put_count(out, fault_describe((enum fault_point)i)->name,
                  report->points[i], &first);
    fputs("},\"observed\":{", out);
    first = true;
    for (size_t i = 0; i < FAULT_COUNT; i++)
        put_count(out, fault_describe((enum fault_point)i)->name,
                  report->observed[i], &first);
    fprintf(out,
            "},\"records\":{\"sent\":%" PRIu64 ",\"acked\":%" PRIu64
            ",\"read\":%" PRIu64 "},\"marks\":{",
            report->records.sent, report->records.acked, report->records.read);
    first = true;
    for (size_t i = 0; i < MARK_COUNT; i++)
        put_count(out, mark_names[i], report->marks[i], &first);
    fputs("}}\n", out);
}
