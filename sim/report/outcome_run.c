/* SPDX-License-Identifier: Apache-2.0
 *
 * What a run came to, from its chronicle, which both worlds fill. Who leads at
 * first is chance, so brokers have names in the order in which they are met: A
 * leads the first partition.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "sim/report/outcome_internal.h"

#define LETTERS 26

/* Names of brokers, by lane. */
struct letters {
    char of_lane[LETTERS]; /* 0: it has none yet */
    unsigned count;
};

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
static void generalise(const char *text, char out[OUTCOME_SUBJECT_BYTES])
{
    size_t used = 0;

    for (const char *at = text;
         *at != '\0' && used + 1 < OUTCOME_SUBJECT_BYTES;) {
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
    char subject[OUTCOME_SUBJECT_BYTES];

    if (chronicle_lane_type(chronicle, lane) != LANE_BROKER || lane >= LETTERS)
        return name;
    if (letters->of_lane[lane] == 0) {
        letters->of_lane[lane] = (char)('A' + letters->count++);
        snprintf(subject, sizeof subject, OUTCOME_BROKER "%c",
                 letters->of_lane[lane]);
        outcome_next(outcome, subject, name);
    }
    text[0] = letters->of_lane[lane];
    text[1] = '\0';
    return text;
}

static void count_about(struct outcome *outcome, const char *what,
                        const char *whom)
{
    char subject[OUTCOME_SUBJECT_BYTES];

    snprintf(subject, sizeof subject, "%s%s", what, whom);
    outcome_count(outcome, subject, 1);
}

static void next_about(struct outcome *outcome, const char *what,
                       const char *whom, const char *next)
{
    char subject[OUTCOME_SUBJECT_BYTES];

    snprintf(subject, sizeof subject, "%s%s", what, whom);
    outcome_next(outcome, subject, next);
}

static void count_fault(struct outcome *outcome, enum fault_point point,
                        uint64_t count)
{
    char subject[OUTCOME_SUBJECT_BYTES];

    snprintf(subject, sizeof subject, "faults: %s",
             fault_describe(point)->name);
    outcome_count(outcome, subject, count);
}

static void take_words(struct outcome *outcome, const char *who,
                       const char *text)
{
    char general[OUTCOME_SUBJECT_BYTES];
    char subject[OUTCOME_SUBJECT_BYTES];

    generalise(text, general);
    snprintf(subject, sizeof subject, "times %s said \"%.300s\"", who, general);
    outcome_count(outcome, subject, 1);
}

static void take_failure(struct outcome *outcome,
                         const struct chronicle_event *event)
{
    char subject[OUTCOME_SUBJECT_BYTES];

    snprintf(subject, sizeof subject, "records given up (%s)",
             error_sentence((enum error)event->c));
    outcome_count(outcome, subject, (uint64_t)(event->b - event->a + 1));
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
            outcome_count(outcome, "starts of brokers", 1);
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

    outcome_next(outcome, OUTCOME_RESULT, report_result_name(report->result));
    if (report->result != RUN_PASS)
        outcome_next(outcome, "message", report->message);
    outcome_count(outcome, "records sent", report->records.sent);
    outcome_count(outcome, "records acknowledged", report->records.acked);
    outcome_count(outcome, "records read", report->records.read);
    for (size_t i = 0; i < FAULT_COUNT; i++)
        if (report->points[i] > 0)
            count_fault(outcome, (enum fault_point)i, report->points[i]);
    for (size_t i = take_beginning(&taking); i < chronicle_count(chronicle);
         i++)
        take(&taking, chronicle_at(chronicle, i));
    return outcome;
}
