/* SPDX-License-Identifier: Apache-2.0
 *
 * Two runs of different seeds differ in every time. What is compared is what
 * happened to whom: kinds of events of brokers, in order.
 */
#include <string.h>

#include "sim/report/page.h"

static size_t find(const struct chronicle *chronicle, enum chronicle_kind kind,
                   size_t otherwise)
{
    for (size_t i = 0; i < chronicle_count(chronicle); i++)
        if (chronicle_at(chronicle, i)->kind == kind)
            return i;
    return otherwise;
}

/* The place that a promise was broken about; "": none, or no promise was. */
static void place_at_fault(const struct chronicle *chronicle,
                           char place[CHRONICLE_PLACE_BYTES])
{
    size_t at = find(chronicle, CHRONICLE_VIOLATION, SIZE_MAX);

    place[0] = '\0';
    if (at != SIZE_MAX &&
        chronicle_at(chronicle, at)->partition != CHRONICLE_NO_PARTITION)
        chronicle_place(chronicle, chronicle_at(chronicle, at)->partition,
                        place);
}

static void place_of(const struct chronicle *chronicle,
                     const struct chronicle_event *event,
                     char place[CHRONICLE_PLACE_BYTES])
{
    place[0] = '\0';
    if (event->partition != CHRONICLE_NO_PARTITION)
        chronicle_place(chronicle, event->partition, place);
}

static bool counts(const struct chronicle *chronicle,
                   const struct chronicle_event *event, const char *about)
{
    char place[CHRONICLE_PLACE_BYTES];

    if (chronicle_kind_plenty(event->kind) || event->kind == CHRONICLE_INFO ||
        event->kind == CHRONICLE_PHASE || event->kind == CHRONICLE_FAULT ||
        chronicle_lane_type(chronicle, event->lane) != LANE_BROKER)
        return event->kind == CHRONICLE_VIOLATION;
    place_of(chronicle, event, place);
    return about[0] == '\0' || place[0] == '\0' || strcmp(place, about) == 0;
}

/* The next one from `at` on that counts; the end, if there is none. */
static size_t next(const struct chronicle *chronicle, size_t at,
                   const char *about)
{
    while (at < chronicle_count(chronicle) &&
           !counts(chronicle, chronicle_at(chronicle, at), about))
        at++;
    return at;
}

static bool are_alike(const struct chronicle *one,
                      const struct chronicle_event *a,
                      const struct chronicle *two,
                      const struct chronicle_event *b)
{
    char here[CHRONICLE_PLACE_BYTES], there[CHRONICLE_PLACE_BYTES];

    place_of(one, a, here);
    place_of(two, b, there);
    return a->kind == b->kind && strcmp(here, there) == 0 &&
           strcmp(chronicle_lane_name(one, a->lane),
                  chronicle_lane_name(two, b->lane)) == 0;
}

bool first_difference(const struct page_run *one, const struct page_run *two,
                      size_t at[2])
{
    const struct chronicle *a = one->chronicle, *b = two->chronicle;
    char about[CHRONICLE_PLACE_BYTES];

    place_at_fault(a, about);
    at[0] = next(a, find(a, CHRONICLE_PHASE, 0), about);
    at[1] = next(b, find(b, CHRONICLE_PHASE, 0), about);
    while (at[0] < chronicle_count(a) && at[1] < chronicle_count(b)) {
        if (!are_alike(a, chronicle_at(a, at[0]), b, chronicle_at(b, at[1])))
            return true;
        at[0] = next(a, at[0] + 1, about);
        at[1] = next(b, at[1] + 1, about);
    }
    return at[0] < chronicle_count(a) || at[1] < chronicle_count(b);
}
