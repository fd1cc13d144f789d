/* SPDX-License-Identifier: Apache-2.0
 *
 * An outcome is a list of (subject, value): "leaders of orders/0" is "A C A".
 * Values are counts, or sequences of words. Here it is kept, written, read and
 * compared; outcome_run.c makes it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/report/outcome_internal.h"

#define VALUE_BYTES 400
#define LINE_BYTES                                                             \
    (2 * (OUTCOME_SUBJECT_BYTES + VALUE_BYTES + 1)) /* all escaped */
#define NOTHING       "-"
#define ENDLESS       "..."
#define REPEATS_BYTES 12

struct entry {
    char subject[OUTCOME_SUBJECT_BYTES];
    char value[VALUE_BYTES];
    bool counted; /* value is the figure of count; else that is 0 */
    uint64_t count;
    size_t last;      /* where the last word of a sequence begins */
    unsigned repeats; /* of that word */
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

void outcome_count(struct outcome *outcome, const char *subject, uint64_t count)
{
    struct entry *entry = entry_of(outcome, subject);

    entry->counted = true;
    entry->count += count;
    snprintf(entry->value, sizeof entry->value, "%" PRIu64, entry->count);
}

void outcome_next(struct outcome *outcome, const char *subject,
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

struct outcome *outcome_empty(void)
{
    struct outcome *outcome = calloc(1, sizeof *outcome);

    if (outcome == NULL)
        abort();
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
            outcome_count(outcome, line + 1, strtoull(tab + 1, NULL, 10));
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
    const struct entry *entry = find(outcome, OUTCOME_RESULT);

    return entry != NULL &&
           strcmp(entry->value, report_result_name(RUN_PASS)) == 0;
}

/* ---- comparing ---- */

/* Which broker has which letter. */
static bool is_chance(const char *subject)
{
    return strncmp(subject, OUTCOME_BROKER, strlen(OUTCOME_BROKER)) == 0;
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
        char subject[] = OUTCOME_BROKER "A";

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
