/* SPDX-License-Identifier: Apache-2.0
 *
 * An outcome is a list of (subject, value): "leaders of orders/0" is "A C A".
 * It is made from the chronicle, which both worlds fill. Who leads at first is
 * chance, so brokers have names in the order in which they are met: A leads
 * the first partition.
 */
#include "sim/report/outcome.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SUBJECT_BYTES 400
#define VALUE_BYTES   400
#define LINE_BYTES    (2 * (SUBJECT_BYTES + VALUE_BYTES + 1)) /* all escaped */
#define RESULT        "result"
#define NOTHING       "-"
#define ENDLESS       "..."
#define REPEATS_BYTES 12

struct entry {
    char subject[SUBJECT_BYTES];
    char value[VALUE_BYTES];
    bool counted; /* value is the figure of count; else that is 0 */
    uint64_t count;
    size_t last;      /* where the last word of a sequence begins */
    unsigned repeats; /* of that word */
};

#define LETTERS        26
#define BROKER_SUBJECT "broker "

/* Names of brokers, by lane. */
struct letters {
    char of_lane[LETTERS]; /* 0: it has none yet */
    unsigned count;
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

    entry->counted = true;
    entry->count += count;
    snprintf(entry->value, sizeof entry->value, "%" PRIu64, entry->count);
}

/* Behind what is there; words that repeat are counted, "opened x4". A sequence
 * that is too long ends with "...". */
static void add_next(struct outcome *outcome, const char *subject,
                     const char *next)
{
    struct entry *entry = entry_of(outcome, subject);
    size_t length = strlen(next), used = strlen(entry->value);
    const char *last = entry->value + entry->last;
    size_t room = sizeof entry->value - used;

    if (used > 0 && strncmp(last, next, length) == 0 &&
        (last[length] == '\0' || last[length] == ' ')) {
        room = sizeof entry->value - entry->last;
        snprintf(entry->value + entry->last, room, "%s x%u", next,
                 ++entry->repeats);
        return;
    }
    if (length + REPEATS_BYTES + sizeof ENDLESS > room)
        next = ENDLESS;
    if (used > 0 && strcmp(last, ENDLESS) == 0)
        return;
    entry->last = used > 0 ? used + 1 : 0;
    entry->repeats = 1;
    snprintf(entry->value + used, room, "%s%s", used > 0 ? " " : "", next);
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

/* Of a number, also one with parts: "10.77.0.1:9092". */
static size_t number_length(const char *text)
{
    size_t length = strspn(text, "0123456789");

    while ((text[length] == '.' || text[length] == ':') &&
           isdigit((unsigned char)text[length + 1]))
        length += 1 + strspn(text + length + 1, "0123456789");
    return length;
}

/* Numbers and identifiers differ in every run: "#" stands for each. */
static void generalise(const char *text, char out[SUBJECT_BYTES])
{
    size_t used = 0;

    for (const char *at = text; *at != '\0' && used + 1 < SUBJECT_BYTES;) {
        size_t word = strspn(at, "0123456789abcdef");

        if (word >= 8 || isdigit((unsigned char)*at)) {
            at += word >= 8 ? word : number_length(at);
            if (used == 0 || out[used - 1] != '#')
                out[used++] = '#';
        } else {
            out[used++] = *at++;
        }
    }
    out[used] = '\0';
}

/* A broker's letter; the name of anybody else. */
static const char *name_of(struct outcome *outcome, struct letters *letters,
                           const struct chronicle *chronicle, size_t lane,
                           char text[2])
{
    const char *name = chronicle_lane_name(chronicle, lane);
    char subject[SUBJECT_BYTES];

    if (chronicle_lane_type(chronicle, lane) != LANE_BROKER || lane >= LETTERS)
        return name;
    if (letters->of_lane[lane] == 0) {
        letters->of_lane[lane] = (char)('A' + letters->count++);
        snprintf(subject, sizeof subject, BROKER_SUBJECT "%c",
                 letters->of_lane[lane]);
        add_next(outcome, subject, name);
    }
    text[0] = letters->of_lane[lane];
    text[1] = '\0';
    return text;
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

static void count_fault(struct outcome *outcome, enum fault_point point,
                        uint64_t count)
{
    char subject[SUBJECT_BYTES];

    snprintf(subject, sizeof subject, "faults: %s",
             fault_describe(point)->name);
    add_count(outcome, subject, count);
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

/* "b1+b3" in letters, in their order. */
static void name_set(struct outcome *outcome, struct letters *letters,
                     const struct chronicle *chronicle, const char *set,
                     char text[2 * LETTERS])
{
    bool in[LETTERS] = {false};
    size_t used = 0;

    text[0] = '\0';
    for (size_t lane = 0; lane < chronicle_lanes(chronicle) && lane < LETTERS;
         lane++) {
        char letter[2];

        if (strstr(set, chronicle_lane_name(chronicle, lane)) != NULL)
            in[name_of(outcome, letters, chronicle, lane, letter)[0] - 'A'] =
                true;
    }
    for (size_t i = 0; i < LETTERS; i++)
        if (in[i])
            used += (size_t)snprintf(text + used, 2 * LETTERS - used, "%s%c",
                                     used > 0 ? "+" : "", (char)('A' + i));
    if (used == 0)
        snprintf(text, 2 * LETTERS, "nobody");
}

/* The events of one run, as they are taken. */
struct taking {
    struct outcome *outcome;
    const struct chronicle *chronicle;
    struct letters letters;
};

static void take_state(struct taking *taking,
                       const struct chronicle_event *event, const char *place)
{
    char set[2 * LETTERS];

    name_set(taking->outcome, &taking->letters, taking->chronicle, event->text,
             set);
    next_about(taking->outcome, "in sync of ", place, set);
}

static void take(struct taking *taking, const struct chronicle_event *event)
{
    struct outcome *outcome = taking->outcome;
    char place[CHRONICLE_PLACE_BYTES] = "", letter[2];
    const char *who = name_of(outcome, &taking->letters, taking->chronicle,
                              event->lane, letter);

    if (event->partition != CHRONICLE_NO_PARTITION)
        chronicle_place(taking->chronicle, event->partition, place);
    switch (event->kind) {
    case CHRONICLE_STEP:
        if (strstr(event->text, "undone") == NULL)
            next_about(outcome, "befallen by ", event->text, who);
        break;
    case CHRONICLE_LEADER:
        next_about(outcome, "leaders of ", place, who);
        break;
    case CHRONICLE_IN_SYNC:
        take_state(taking, event, place);
        break;
    case CHRONICLE_CONTROLLER:
        next_about(outcome, "controllers", "", who);
        break;
    case CHRONICLE_FAILED:
        take_failure(outcome, event);
        break;
    case CHRONICLE_TROUBLE:
        count_about(outcome, "times readers were told: ", event->text);
        break;
    case CHRONICLE_GAP:
        count_about(outcome, "gaps met by readers of ", place);
        break;
    case CHRONICLE_START:
        if (who == letter)
            add_count(outcome, "starts of brokers", 1);
        break;
    case CHRONICLE_OPENED:
    case CHRONICLE_OPENED_LOSSY:
    case CHRONICLE_TRUNCATED:
    case CHRONICLE_DAMAGED:
    case CHRONICLE_MENDED:
    case CHRONICLE_FENCED:
    case CHRONICLE_REMOVED:
        count_about(outcome, "logs: ", chronicle_kind_name(event->kind));
        break;
    case CHRONICLE_WARN:
    case CHRONICLE_ERROR:
        take_words(outcome, "brokers", event->text);
        break;
    default:
        break;
    }
}

/* The last event of this kind about a partition before the work began. */
static void take_last(struct taking *taking, size_t end, size_t partition,
                      enum chronicle_kind kind)
{
    const struct chronicle_event *last = NULL;

    for (size_t i = 0; i < end; i++) {
        const struct chronicle_event *event =
            chronicle_at(taking->chronicle, i);

        if (event->kind == kind && event->partition == partition)
            last = event;
    }
    if (last != NULL)
        take(taking, last);
}

/* Partitions, by their names. */
static void sort_places(const struct chronicle *chronicle, size_t *order,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char name[CHRONICLE_PLACE_BYTES], other[CHRONICLE_PLACE_BYTES];
        size_t at = i;

        chronicle_place(chronicle, i, name);
        for (; at > 0; at--) {
            chronicle_place(chronicle, order[at - 1], other);
            if (strverscmp(other, name) <= 0)
                break;
            order[at] = order[at - 1];
        }
        order[at] = i;
    }
}

/* Who led and was in sync as the work began; from it the letters of brokers.
 * Gives back where the work begins. */
static size_t take_beginning(struct taking *taking)
{
    const struct chronicle *chronicle = taking->chronicle;
    size_t partitions = chronicle_partitions(chronicle);
    size_t *order = calloc(partitions + 1, sizeof *order);
    size_t end = 0;

    if (order == NULL)
        abort();
    while (end < chronicle_count(chronicle) &&
           chronicle_at(chronicle, end)->kind != CHRONICLE_PHASE)
        end++;
    sort_places(chronicle, order, partitions);
    for (size_t i = 0; i < partitions; i++)
        take_last(taking, end, order[i], CHRONICLE_LEADER);
    for (size_t i = 0; i < partitions; i++)
        take_last(taking, end, order[i], CHRONICLE_IN_SYNC);
    free(order);
    return end;
}

struct outcome *outcome_new(const struct run_report *report,
                            const struct chronicle *chronicle)
{
    struct outcome *outcome = outcome_empty();
    struct taking taking = {.outcome = outcome, .chronicle = chronicle};

    add_next(outcome, RESULT, report_result_name(report->result));
    if (report->result != RUN_PASS)
        add_next(outcome, "message", report->message);
    add_count(outcome, "records sent", report->records.sent);
    add_count(outcome, "records acknowledged", report->records.acked);
    add_count(outcome, "records read", report->records.read);
    for (size_t i = 0; i < FAULT_COUNT; i++)
        if (report->points[i] > 0)
            count_fault(outcome, (enum fault_point)i, report->points[i]);
    for (size_t i = take_beginning(&taking); i < chronicle_count(chronicle);
         i++)
        take(&taking, chronicle_at(chronicle, i));
    return outcome;
}

/* ---- as text ---- */

/* A line is KIND, SUBJECT, a tab, VALUE; KIND is '#' of what is counted, else
 * '='. Within the other two \t, \n and \\ stand for a tab,
 * the end of a line and a backslash. */
static const char escaped[] = "\t\n\\";
static const char letters_of[] = "tn\\";

static void put_escaped(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        const char *found = strchr(escaped, *text);

        if (found != NULL)
            fprintf(out, "\\%c", letters_of[found - escaped]);
        else
            putc(*text, out);
    }
}

/* In its place. */
static void unescape(char *text)
{
    char *to = text;

    for (const char *at = text; *at != '\0'; at++) {
        const char *found =
            *at == '\\' && at[1] != '\0' ? strchr(letters_of, at[1]) : NULL;

        *to++ = found != NULL ? escaped[found - letters_of] : *at;
        at += found != NULL;
    }
    *to = '\0';
}

void outcome_write(FILE *out, const struct outcome *outcome)
{
    for (size_t i = 0; i < outcome->count; i++) {
        putc(outcome->entries[i].counted ? '#' : '=', out);
        put_escaped(out, outcome->entries[i].subject);
        putc('\t', out);
        put_escaped(out, outcome->entries[i].value);
        putc('\n', out);
    }
    fputc('\n', out);
}

struct outcome *outcome_read(FILE *in)
{
    struct outcome *outcome = outcome_empty();
    char line[LINE_BYTES];

    while (fgets(line, sizeof line, in) != NULL && line[0] != '\n') {
        char *tab = strchr(line, '\t');
        struct entry *entry;

        line[strcspn(line, "\n")] = '\0';
        if (tab == NULL)
            continue;
        *tab = '\0';
        unescape(line);
        unescape(tab + 1);
        if (line[0] == '#') {
            add_count(outcome, line + 1, strtoull(tab + 1, NULL, 10));
            continue;
        }
        entry = entry_of(outcome, line + 1);
        snprintf(entry->value, sizeof entry->value, "%s", tab + 1);
    }
    if (outcome->count > 0)
        return outcome;
    outcome_free(outcome);
    return NULL;
}

bool outcome_is_good(const struct outcome *outcome)
{
    const struct entry *entry = find(outcome, RESULT);

    return entry != NULL &&
           strcmp(entry->value, report_result_name(RUN_PASS)) == 0;
}

/* ---- comparing ---- */

/* Which broker has which letter. */
static bool is_chance(const char *subject)
{
    return strncmp(subject, BROKER_SUBJECT, strlen(BROKER_SUBJECT)) == 0;
}

/* How a subject compares. Counts are of the same kind of thing: how many there
 * were hangs on time, that there were any does not. */
enum comparison { ALIKE, FIGURES, DIFFERENT };

static enum comparison compare(const struct entry *a, const struct entry *b)
{
    const struct entry *one = a ? a : b;

    if (one->counted) {
        uint64_t in_a = a ? a->count : 0, in_b = b ? b->count : 0;

        if (in_a == in_b)
            return ALIKE;
        return in_a > 0 && in_b > 0 ? FIGURES : DIFFERENT;
    }
    return a && b && strcmp(a->value, b->value) == 0 ? ALIKE : DIFFERENT;
}

static const char *value_of(const struct entry *entry)
{
    return entry == NULL || entry->value[0] == '\0' ? NOTHING : entry->value;
}

typedef void telling(void *context, const char *subject, const char *a,
                     const char *b);

/* Calls for each subject of one and, after these, of the other alone, that
 * compares so; tell may be NULL. Gives back how many did. */
static size_t each(const struct outcome *sim, const struct outcome *real,
                   enum comparison wanted, telling *tell, void *context)
{
    size_t count = 0;

    for (size_t i = 0; i < sim->count + real->count; i++) {
        bool both = i < sim->count;
        const char *subject = both ? sim->entries[i].subject
                                   : real->entries[i - sim->count].subject;
        const struct entry *a = find(sim, subject);
        const struct entry *b = find(real, subject);

        if ((!both && a != NULL) || is_chance(subject) ||
            compare(a, b) != wanted)
            continue;
        if (tell != NULL)
            tell(context, subject, value_of(a), value_of(b));
        count++;
    }
    return count;
}

static void tell_words(void *context, const char *subject, const char *a,
                       const char *b)
{
    fprintf(context, "  differs: %s\n      sim   %s\n      real  %s\n", subject,
            a, b);
}

static void tell_figures(void *context, const char *subject, const char *a,
                         const char *b)
{
    fprintf(context, "      %s: %s in the simulator, %s in reality\n", subject,
            a, b);
}
static void tell_letters(FILE *out, const struct outcome *sim,
                         const struct outcome *real)
{
    fputs("  brokers:", out);
    for (char letter = 'A'; letter <= 'Z'; letter++) {
        char subject[] = BROKER_SUBJECT "A";

        subject[sizeof subject - 2] = letter;
        if (find(sim, subject) != NULL || find(real, subject) != NULL)
            fprintf(out, " %c (%s in the simulator, %s in reality)", letter,
                    value_of(find(sim, subject)),
                    value_of(find(real, subject)));
    }
    fputc('\n', out);
}

static void tell_alike(void *context, const char *subject, const char *a,
                       const char *b)
{
    (void)b;
    fprintf(context, "      %s: %s\n", subject, a);
}

void outcome_compare(FILE *out, const struct outcome *sim,
                     const struct outcome *real)
{
    tell_letters(out, sim, real);
    each(sim, real, DIFFERENT, tell_words, out);
    fprintf(out, "  counted in both worlds: %zu things\n",
            each(sim, real, FIGURES, NULL, NULL));
    each(sim, real, FIGURES, tell_figures, out);
    fprintf(out, "  alike in both worlds: %zu things\n",
            each(sim, real, ALIKE, NULL, NULL));
    each(sim, real, ALIKE, tell_alike, out);
}

static void tell_object(void *context, const char *subject, const char *a,
                        const char *b)
{
    struct report_list *list = context;

    report_list_next(list);
    fputs("{\"subject\":", list->out);
    report_put_string(list->out, subject);
    fputs(",\"sim\":", list->out);
    report_put_string(list->out, a);
    fputs(",\"real\":", list->out);
    report_put_string(list->out, b);
    fputc('}', list->out);
}

static void put_list(FILE *out, const char *key, const struct outcome *sim,
                     const struct outcome *real, enum comparison wanted)
{
    struct report_list list = {out, false};

    fprintf(out, ",\"%s\":[", key);
    each(sim, real, wanted, tell_object, &list);
    putc(']', out);
}

void outcome_compare_json(FILE *out, const struct scenario *scenario,
                          uint64_t seed, const struct outcome *sim,
                          const struct outcome *real)
{
    fputs("{\"scenario\":", out);
    report_put_string(out, scenario->path);
    fprintf(out, ",\"seed\":%" PRIu64, seed);
    put_list(out, "differences", sim, real, DIFFERENT);
    put_list(out, "figures", sim, real, FIGURES);
    fprintf(out, ",\"alike\":%zu}\n", each(sim, real, ALIKE, NULL, NULL));
}
