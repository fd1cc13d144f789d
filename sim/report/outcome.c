/* SPDX-License-Identifier: Apache-2.0
 *
 * An outcome is a list of (subject, value): "leaders of orders/0" is
 * "b1 b3 b1". It is made from the chronicle, which both worlds fill.
 */
#include "sim/report/outcome.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SUBJECT_BYTES 400
#define VALUE_BYTES   400
#define LINE_BYTES    (SUBJECT_BYTES + VALUE_BYTES + 8)
#define RESULT        "result"
#define NOTHING       "-"

struct entry {
    char subject[SUBJECT_BYTES];
    char value[VALUE_BYTES];
    uint64_t count; /* of what is counted; else 0 */
};

struct outcome {
    struct entry *entries;
    size_t count;
    size_t room;
};

/* ---- entries ---- */

static struct entry *find(const struct outcome *outcome, const char *subject)
{
    for (size_t i = 0; i < outcome->count; i++)
        if (strcmp(outcome->entries[i].subject, subject) == 0)
            return &outcome->entries[i];
    return NULL;
}

static struct entry *entry_of(struct outcome *outcome, const char *subject)
{
    struct entry *entry = find(outcome, subject);

    if (entry != NULL)
        return entry;
    if (outcome->count == outcome->room) {
        outcome->room = outcome->room ? outcome->room * 2 : 32;
        outcome->entries =
            realloc(outcome->entries, outcome->room * sizeof *outcome->entries);
        if (outcome->entries == NULL)
            abort();
    }
    entry = &outcome->entries[outcome->count++];
    *entry = (struct entry){.count = 0};
    snprintf(entry->subject, sizeof entry->subject, "%s", subject);
    return entry;
}

static void add_count(struct outcome *outcome, const char *subject,
                      uint64_t count)
{
    struct entry *entry = entry_of(outcome, subject);

    entry->count += count;
    snprintf(entry->value, sizeof entry->value, "%" PRIu64, entry->count);
}

/* Behind what is there; a sequence that is too long ends with "...". */
static void add_next(struct outcome *outcome, const char *subject,
                     const char *next)
{
    struct entry *entry = entry_of(outcome, subject);
    size_t used = strlen(entry->value);
    bool full = used + strlen(next) + 6 > sizeof entry->value;

    if (full && strstr(entry->value, "...") != NULL)
        return;
    snprintf(entry->value + used, sizeof entry->value - used, "%s%s",
             used > 0 ? " " : "", full ? "..." : next);
}

void outcome_free(struct outcome *outcome)
{
    if (outcome == NULL)
        return;
    free(outcome->entries);
    free(outcome);
}

static struct outcome *outcome_empty(void)
{
    struct outcome *outcome = calloc(1, sizeof *outcome);

    if (outcome == NULL)
        abort();
    return outcome;
}

/* ---- from a chronicle ---- */

/* Numbers and identifiers differ in every run: "#" stands for each. */
static void generalise(const char *text, char out[SUBJECT_BYTES])
{
    size_t used = 0;

    for (const char *at = text; *at != '\0' && used + 1 < SUBJECT_BYTES;) {
        size_t word = strspn(at, "0123456789abcdef");

        if (word >= 8 || isdigit((unsigned char)*at)) {
            at += word >= 8 ? word : strspn(at, "0123456789.:");
            if (used == 0 || out[used - 1] != '#')
                out[used++] = '#';
        } else {
            out[used++] = *at++;
        }
    }
    out[used] = '\0';
}

static void count_about(struct outcome *outcome, const char *what,
                        const char *whom)
{
    char subject[SUBJECT_BYTES];

    snprintf(subject, sizeof subject, "%s%s", what, whom);
    add_count(outcome, subject, 1);
}

static void next_about(struct outcome *outcome, const char *what,
                       const char *whom, const char *next)
{
    char subject[SUBJECT_BYTES];

    snprintf(subject, sizeof subject, "%s%s", what, whom);
    add_next(outcome, subject, next);
}

static void take_words(struct outcome *outcome, const char *who,
                       const char *text)
{
    char general[SUBJECT_BYTES];
    char subject[SUBJECT_BYTES];

    generalise(text, general);
    snprintf(subject, sizeof subject, "times %s said \"%.300s\"", who, general);
    add_count(outcome, subject, 1);
}

static void take_failure(struct outcome *outcome,
                         const struct chronicle_event *event)
{
    char subject[SUBJECT_BYTES];

    snprintf(subject, sizeof subject, "records given up (%s)",
             error_sentence((enum error)event->c));
    add_count(outcome, subject, (uint64_t)(event->b - event->a + 1));
}

static void take(struct outcome *outcome, const struct chronicle *chronicle,
                 const struct chronicle_event *event)
{
    const char *who = chronicle_lane_name(chronicle, event->lane);
    char place[CHRONICLE_PLACE_BYTES] = "";

    if (event->partition != CHRONICLE_NO_PARTITION)
        chronicle_place(chronicle, event->partition, place);
    switch (event->kind) {
    case CHRONICLE_STEP:
        next_about(outcome, "befallen by ", event->text, who);
        break;
    case CHRONICLE_LEADER:
        next_about(outcome, "leaders of ", place, who);
        break;
    case CHRONICLE_IN_SYNC:
        next_about(outcome, "in sync of ", place, event->text);
        break;
    case CHRONICLE_CONTROLLER:
        next_about(outcome, "controllers", "", who);
        break;
    case CHRONICLE_FAILED:
        take_failure(outcome, event);
        break;
    case CHRONICLE_TROUBLE:
        count_about(outcome, "readers told that ", event->text);
        break;
    case CHRONICLE_GAP:
        count_about(outcome, "gaps met by readers of ", place);
        break;
    case CHRONICLE_START:
        count_about(outcome, "starts of ", who);
        break;
    case CHRONICLE_OPENED:
    case CHRONICLE_OPENED_LOSSY:
    case CHRONICLE_TRUNCATED:
    case CHRONICLE_DAMAGED:
    case CHRONICLE_MENDED:
    case CHRONICLE_FENCED:
    case CHRONICLE_REMOVED:
        next_about(outcome, "what became of logs of ", who,
                   chronicle_kind_name(event->kind));
        break;
    case CHRONICLE_WARN:
    case CHRONICLE_ERROR:
        take_words(outcome, "brokers", event->text);
        break;
    default:
        break;
    }
}

/* How it began is no part of it, but for who led when the work began. */
static bool counts(const struct chronicle_event *event, bool working)
{
    return working || event->kind == CHRONICLE_LEADER ||
           event->kind == CHRONICLE_IN_SYNC ||
           event->kind == CHRONICLE_CONTROLLER;
}

struct outcome *outcome_new(const struct run_report *report,
                            const struct chronicle *chronicle)
{
    static const char *const results[] = {"pass", "fail", "error"};
    struct outcome *outcome = outcome_empty();
    bool working = false;

    add_next(outcome, RESULT, results[report->result]);
    if (report->result != RUN_PASS)
        add_next(outcome, "message", report->message);
    add_count(outcome, "records sent", report->records.sent);
    add_count(outcome, "records acknowledged", report->records.acked);
    add_count(outcome, "records read", report->records.read);
    for (size_t i = 0; i < chronicle_count(chronicle); i++) {
        const struct chronicle_event *event = chronicle_at(chronicle, i);

        working |= event->kind == CHRONICLE_PHASE;
        if (counts(event, working))
            take(outcome, chronicle, event);
    }
    return outcome;
}

/* ---- as text ---- */

void outcome_write(FILE *out, const struct outcome *outcome)
{
    for (size_t i = 0; i < outcome->count; i++)
        fprintf(out, "%s\t%s\n", outcome->entries[i].subject,
                outcome->entries[i].value);
    fputc('\n', out);
}

struct outcome *outcome_read(FILE *in)
{
    struct outcome *outcome = outcome_empty();
    char line[LINE_BYTES];

    while (fgets(line, sizeof line, in) != NULL && line[0] != '\n') {
        char *tab = strchr(line, '\t');

        line[strcspn(line, "\n")] = '\0';
        if (tab == NULL)
            continue;
        *tab = '\0';
        add_next(outcome, line, tab + 1);
    }
    if (outcome->count > 0)
        return outcome;
    outcome_free(outcome);
    return NULL;
}

bool outcome_is_good(const struct outcome *outcome)
{
    const struct entry *entry = find(outcome, RESULT);

    return entry != NULL && strcmp(entry->value, "pass") == 0;
}

/* ---- comparing ---- */

static const char *value_in(const struct outcome *outcome, const char *subject)
{
    const struct entry *entry = find(outcome, subject);

    return entry == NULL || entry->value[0] == '\0' ? NOTHING : entry->value;
}

/* Calls for each subject of one and, after these, of the other alone. Gives
 * back how many are alike. */
static size_t each_difference(const struct outcome *sim,
                              const struct outcome *real,
                              void (*tell)(void *context, const char *subject,
                                           const char *a, const char *b),
                              void *context)
{
    size_t alike = 0;

    for (size_t i = 0; i < sim->count; i++) {
        const char *subject = sim->entries[i].subject;
        const char *a = value_in(sim, subject);
        const char *b = value_in(real, subject);

        if (strcmp(a, b) == 0)
            alike++;
        else
            tell(context, subject, a, b);
    }
    for (size_t i = 0; i < real->count; i++)
        if (find(sim, real->entries[i].subject) == NULL)
            tell(context, real->entries[i].subject, NOTHING,
                 value_in(real, real->entries[i].subject));
    return alike;
}

static void tell_words(void *context, const char *subject, const char *a,
                       const char *b)
{
    fprintf(context, "  differs: %s\n      sim   %s\n      real  %s\n", subject,
            a, b);
}

void outcome_compare(FILE *out, const struct outcome *sim,
                     const struct outcome *real)
{
    size_t alike = each_difference(sim, real, tell_words, out);

    fprintf(out, "  alike in both worlds: %zu things", alike);
    for (size_t i = 0; i < sim->count; i++)
        if (strcmp(value_in(sim, sim->entries[i].subject),
                   value_in(real, sim->entries[i].subject)) == 0)
            fprintf(out, "\n      %s: %s", sim->entries[i].subject,
                    value_in(sim, sim->entries[i].subject));
    fputc('\n', out);
}

struct listing {
    FILE *out;
    bool first;
};

static void tell_object(void *context, const char *subject, const char *a,
                        const char *b)
{
    struct listing *listing = context;

    fputs(listing->first ? "" : ",", listing->out);
    listing->first = false;
    fputs("{\"subject\":", listing->out);
    report_put_string(listing->out, subject);
    fputs(",\"sim\":", listing->out);
    report_put_string(listing->out, a);
    fputs(",\"real\":", listing->out);
    report_put_string(listing->out, b);
    fputc('}', listing->out);
}

void outcome_compare_json(FILE *out, const struct scenario *scenario,
                          uint64_t seed, const struct outcome *sim,
                          const struct outcome *real)
{
    struct listing listing = {out, true};
    size_t alike;

    fputs("{\"scenario\":", out);
    report_put_string(out, scenario->path);
    fprintf(out, ",\"seed\":%" PRIu64 ",\"differences\":[", seed);
    alike = each_difference(sim, real, tell_object, &listing);
    fprintf(out, "],\"alike\":%zu}\n", alike);
}
