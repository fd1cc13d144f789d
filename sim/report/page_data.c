/* SPDX-License-Identifier: Apache-2.0
 *
 * The JSON in a page:
 *
 *     {"kinds": [[name, group, words], ...],
 *      "runs": [{scenario, seed, result, ..., "lanes": [[name, type], ...],
 *                "partitions": [name, ...], "touched": [index, ...],
 *                "events": [[time since the one before in us, lane, kind,
 *                            partition + 1, text or 0, a, b, c, epoch], ...]},
 *               ...],
 *      "difference": [index of the first run, index of the second]}
 *
 * Zeros at the end of an event are left out. "<" is written as an escape, so
 * that no text ends the script that this is in.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "sim/report/page.h"
#include "sim/report/touch.h"

static const char *const lane_types[] = {"broker", "client", "server", "world"};

static void put_text(FILE *out, const char *name, const char *text)
{
    fprintf(out, ",\n\"%s\":", name);
    report_put_string(out, text);
}

/* ---- events ---- */

static void put_event(FILE *out, const struct chronicle_event *event,
                      int64_t before_us)
{
    bool about = event->partition != CHRONICLE_NO_PARTITION;
    const int64_t numbers[] = {event->a, event->b, event->c, event->epoch};
    size_t count = sizeof numbers / sizeof numbers[0];

    while (count > 0 && numbers[count - 1] == 0)
        count--;
    fprintf(out, "[%" PRId64 ",%u,%d,%u", event->at_us - before_us, event->lane,
            (int)event->kind, about ? event->partition + 1u : 0);
    if (event->text != NULL) {
        putc(',', out);
        report_put_string(out, event->text);
    } else if (count > 0) {
        fputs(",0", out);
    }
    for (size_t i = 0; i < count; i++)
        fprintf(out, ",%" PRId64, numbers[i]);
    putc(']', out);
}

static void put_events(FILE *out, const struct chronicle *chronicle)
{
    int64_t before_us = 0;

    fputs(",\n\"events\":[", out);
    for (size_t i = 0; i < chronicle_count(chronicle); i++) {
        const struct chronicle_event *event = chronicle_at(chronicle, i);

        fputs(i > 0 ? ",\n" : "\n", out);
        put_event(out, event, before_us);
        before_us = event->at_us;
    }
    fputs("]", out);
}

static void put_touched(FILE *out, const struct page_run *run)
{
    struct touch touch = {run->chronicle, CHRONICLE_NO_PARTITION,
                          run->report->where.offset};
    size_t count, *events;

    for (size_t i = 0; i < chronicle_count(run->chronicle); i++)
        if (chronicle_at(run->chronicle, i)->kind == CHRONICLE_VIOLATION)
            touch.partition = chronicle_at(run->chronicle, i)->partition;
    if (touch.partition == CHRONICLE_NO_PARTITION)
        touch.offset = -1;
    events = touch_events(&touch, &count);
    fputs(",\n\"touched\":[", out);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s%zu", i > 0 ? "," : "", events[i]);
    fputs("]", out);
    free(events);
}

/* ---- a run ---- */

static void put_names(FILE *out, const struct chronicle *chronicle)
{
    fputs(",\n\"lanes\":[", out);
    for (size_t i = 0; i < chronicle_lanes(chronicle); i++)
        fprintf(out, "%s[\"%s\",\"%s\"]", i > 0 ? "," : "",
                chronicle_lane_name(chronicle, i),
                lane_types[chronicle_lane_type(chronicle, i)]);
    fputs("],\n\"partitions\":[", out);
    for (size_t i = 0; i < chronicle_partitions(chronicle); i++) {
        char place[CHRONICLE_PLACE_BYTES];

        chronicle_place(chronicle, i, place);
        fputs(i > 0 ? "," : "", out);
        report_put_string(out, place);
    }
    fputs("]", out);
}

static void put_verdict(FILE *out, const struct run_report *report)
{
    const struct violation_place *where = &report->where;
    enum oracle_id oracle = (enum oracle_id)report->oracle;

    put_text(out, "message", report->message);
    if (report->result != RUN_FAIL)
        return;
    put_text(out, "oracle", oracle_name(oracle));
    put_text(out, "invariant", oracle_invariant(oracle));
    put_text(out, "promise", oracle_sentence(oracle));
    put_text(out, "place", where->place);
    put_text(out, "node", where->node);
    fprintf(out, ",\n\"offset\":%" PRId64 ",\n\"at_us\":%" PRId64,
            where->offset, where->at_us);
}

static void put_replay(FILE *out, const struct page_run *run)
{
    char *text = NULL;
    size_t size = 0;
    FILE *line = open_memstream(&text, &size);

    if (line == NULL)
        abort();
    report_replay(line, run->scenario, run->seed, run->report);
    if (fclose(line) != 0)
        abort();
    if (size > 0)
        text[size - 1] = '\0'; /* instead of the end of the line */
    put_text(out, "replay", text);
    free(text);
}

static void put_run(FILE *out, const struct page_run *run)
{
    const struct run_report *report = run->report;
    const struct judge_counts *records = &report->records;
    int64_t until_us;
    size_t left_out = chronicle_left_out(run->chronicle, &until_us);

    fprintf(out, "{\"seed\":%" PRIu64, run->seed);
    put_text(out, "scenario", run->scenario->path);
    put_text(out, "result", report_result_name(report->result));
    put_verdict(out, report);
    put_replay(out, run);
    put_text(out, "disk", disk_profile_name(report->disk_profile));
    fprintf(out,
            ",\n\"hash\":\"%016" PRIx64 "\",\n\"end_us\":%" PRId64
            ",\n\"world_events\":%" PRIu64 ",\n\"left_out\":%zu"
            ",\n\"left_out_us\":%" PRId64 ",\n\"records\":[%" PRIu64 ",%" PRIu64
            ",%" PRIu64 "]",
            report->trace_hash, report->sim_ms * 1000, report->events, left_out,
            until_us, records->sent, records->acked, records->read);
    put_names(out, run->chronicle);
    put_touched(out, run);
    put_events(out, run->chronicle);
    fputs("}", out);
}

static void put_kinds(FILE *out)
{
    fputs("\"kinds\":[", out);
    for (int i = 0; i < CHRONICLE_KINDS; i++) {
        enum chronicle_kind kind = (enum chronicle_kind)i;

        fprintf(out, "%s[\"%s\",\"%s\",", i > 0 ? ",\n" : "",
                chronicle_kind_name(kind), chronicle_kind_group(kind));
        report_put_string(out, chronicle_kind_words(kind));
        putc(']', out);
    }
    fputs("]", out);
}

void page_data(FILE *out, const struct page_run *runs, size_t count)
{
    size_t at[2];

    fputs("{", out);
    put_kinds(out);
    fputs(",\n\"runs\":[", out);
    for (size_t i = 0; i < count; i++) {
        fputs(i > 0 ? ",\n" : "", out);
        put_run(out, &runs[i]);
    }
    fputs("]", out);
    if (count == 2 && first_difference(&runs[0], &runs[1], at))
        fprintf(out, ",\n\"difference\":[%zu,%zu]", at[0], at[1]);
    fputs("}", out);
}
