/* SPDX-License-Identifier: Apache-2.0
 *
 * A run that broke a promise is made once more, recorded this time: it is
 * the same run, so what is told of it is what happened, and sweeps record
 * nothing. A second run that goes another way is told too: that must not be.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "sim/report/report.h"
#include "sim/report/touch.h"

#define FIRST_LINES 14 /* of what touched a record, when there is more */
#define LAST_LINES  26
#define OTHER_LINES 12 /* what happened last in its partition */

struct chronicle *chronicle_again(const struct scenario *scenario,
                                  uint64_t seed,
                                  const struct run_report *report)
{
    struct chronicle *chronicle = chronicle_new(CHRONICLE_EVENTS_MAX);
    struct run_extras extras = {.strike = &report->strike,
                                .chronicle = chronicle};
    struct run_report *again = calloc(1, sizeof *again);
    bool same;

    if (again == NULL)
        abort();
    run_scenario(scenario, seed, &extras, again);
    same = again->trace_hash == report->trace_hash;
    if (!same)
        fprintf(stderr,
                "kqsim: a second run of %s, seed %" PRIu64
                " went another way: trace hashes %016" PRIx64 " and %016" PRIx64
                "\n",
                scenario->path, seed, report->trace_hash, again->trace_hash);
    free(again);
    if (same)
        return chronicle;
    chronicle_free(chronicle);
    return NULL;
}

/* What the verdict is about. */
static uint16_t partition_at_fault(const struct chronicle *chronicle)
{
    for (size_t i = 0; i < chronicle_count(chronicle); i++)
        if (chronicle_at(chronicle, i)->kind == CHRONICLE_VIOLATION)
            return chronicle_at(chronicle, i)->partition;
    return CHRONICLE_NO_PARTITION;
}

/* ---- lines ---- */

static void tell_event(FILE *out, const struct chronicle *chronicle, size_t i)
{
    const struct chronicle_event *event = chronicle_at(chronicle, i);
    char place[CHRONICLE_PLACE_BYTES] = "", words[CHRONICLE_WORDS_BYTES];

    if (event->partition != CHRONICLE_NO_PARTITION)
        chronicle_place(chronicle, event->partition, place);
    chronicle_words(event, words);
    fprintf(out, "  %12.6f  %-5s %s%s%s\n", (double)event->at_us / 1e6,
            chronicle_lane_name(chronicle, event->lane), place,
            place[0] != '\0' ? ": " : "", words);
}

/* The first ones and the last ones; the verdict has been told already. */
static void tell_some(FILE *out, const struct chronicle *chronicle,
                      const size_t *events, size_t count)
{
    bool all = count <= FIRST_LINES + LAST_LINES;

    for (size_t i = 0; i < count; i++) {
        if (!all && i == FIRST_LINES)
            fprintf(out, "  %12s  %zu more\n", "...",
                    count - FIRST_LINES - LAST_LINES);
        if (all || i < FIRST_LINES || i >= count - LAST_LINES)
            if (chronicle_at(chronicle, events[i])->kind != CHRONICLE_VIOLATION)
                tell_event(out, chronicle, events[i]);
    }
}

static void tell_last(FILE *out, const struct chronicle *chronicle,
                      uint16_t partition)
{
    size_t chosen[OTHER_LINES], count = 0;

    for (size_t i = chronicle_count(chronicle); i > 0 && count < OTHER_LINES;
         i--) {
        const struct chronicle_event *event = chronicle_at(chronicle, i - 1);

        if (event->kind != CHRONICLE_VIOLATION &&
            (event->partition == partition ||
             event->partition == CHRONICLE_NO_PARTITION))
            chosen[count++] = i - 1;
    }
    while (count > 0)
        tell_event(out, chronicle, chosen[--count]);
}

static void tell_where(FILE *out, const struct violation_place *where)
{
    fputs("  where:", out);
    if (where->place[0] != '\0')
        fprintf(out, " %s,", where->place);
    if (where->offset >= 0)
        fprintf(out, " offset %" PRId64 ",", where->offset);
    if (where->node[0] != '\0')
        fprintf(out, " on %s,", where->node);
    fprintf(out, " at %.6f s\n", (double)where->at_us / 1e6);
}

static void tell_touched(FILE *out, const struct chronicle *chronicle,
                         const struct run_report *report)
{
    const struct violation_place *where = &report->where;
    struct touch touch = {chronicle, partition_at_fault(chronicle),
                          where->offset};
    size_t count, *events;

    if (touch.partition == CHRONICLE_NO_PARTITION)
        touch.offset = -1;
    events = touch_events(&touch, &count);
    if (touch.offset >= 0)
        fprintf(out, "  what touched offset %" PRId64 " of %s, in order:\n",
                touch.offset, where->place);
    else if (touch.partition != CHRONICLE_NO_PARTITION)
        fprintf(out, "  what befell %s, in order:\n", where->place);
    else
        fputs("  what happened, in order:\n", out);
    tell_some(out, chronicle, events, count);
    free(events);
    fputs("  what happened last:\n", out);
    tell_last(out, chronicle, touch.partition);
}

void explain(FILE *out, const struct chronicle *chronicle,
             const struct run_report *report)
{
    if (report->result == RUN_FAIL)
        tell_where(out, &report->where);
    if (chronicle != NULL)
        tell_touched(out, chronicle, report);
}
