/* SPDX-License-Identifier: Apache-2.0
 *
 * A mark that moves (durable, committed, seen by a reader) touches a record
 * when it passes it. What clients call a record until it has an offset, its
 * producer and sequence, is learnt from the acknowledgement that told it.
 */
#include "sim/report/touch.h"

#include <stdlib.h>
#include <string.h>

#define SENDERS 8 /* an offset that has more of them is told of the first */

/* A record as its producer knows it. */
struct sender {
    uint16_t lane;
    int32_t producer;
    int64_t sequence;
};

struct look {
    const struct touch *touch;
    int64_t (*marks)[3]; /* by lane: durable, committed, seen end */
    struct sender senders[SENDERS];
    size_t sender_count;
};

static bool holds(const struct chronicle_event *event, int64_t offset)
{
    return event->a <= offset && offset <= event->b;
}

/* ---- who sent it ---- */

static void find_senders(struct look *look)
{
    const struct touch *touch = look->touch;

    for (size_t i = 0; i < chronicle_count(touch->chronicle); i++) {
        const struct chronicle_event *event = chronicle_at(touch->chronicle, i);

        if (event->kind == CHRONICLE_ACKED &&
            event->partition == touch->partition &&
            holds(event, touch->offset) && look->sender_count < SENDERS)
            look->senders[look->sender_count++] = (struct sender){
                event->lane, event->epoch, event->c + touch->offset - event->a};
    }
}

static bool is_sent_here(const struct look *look,
                         const struct chronicle_event *event)
{
    for (size_t i = 0; i < look->sender_count; i++) {
        const struct sender *sender = &look->senders[i];

        if (sender->lane == event->lane && sender->producer == event->epoch &&
            holds(event, sender->sequence))
            return true;
    }
    return false;
}

/* ---- one event ---- */

/* It was at or below the record and is above it now. */
static bool passes(struct look *look, const struct chronicle_event *event,
                   unsigned mark)
{
    int64_t before = look->marks[event->lane][mark];

    look->marks[event->lane][mark] = event->a;
    return before <= look->touch->offset && event->a > look->touch->offset;
}

/* The marks of its log fall back with it. */
static bool falls(struct look *look, const struct chronicle_event *event,
                  int64_t end)
{
    for (unsigned mark = 0; mark < 2; mark++)
        if (look->marks[event->lane][mark] > end)
            look->marks[event->lane][mark] = end;
    return end <= look->touch->offset;
}

static bool touches_record(struct look *look,
                           const struct chronicle_event *event)
{
    switch (event->kind) {
    case CHRONICLE_DURABLE:
        return passes(look, event, 0);
    case CHRONICLE_HIGH_WATERMARK:
        return passes(look, event, 1);
    case CHRONICLE_SEEN_END:
        return passes(look, event, 2);
    case CHRONICLE_OPENED:
    case CHRONICLE_OPENED_LOSSY:
        falls(look, event, event->b);
        return true;
    case CHRONICLE_TRUNCATING:
    case CHRONICLE_TRUNCATED:
        return falls(look, event, event->a);
    case CHRONICLE_LOG_START:
    case CHRONICLE_POSITIONED:
    case CHRONICLE_GAP:
        return event->a > look->touch->offset;
    case CHRONICLE_SENT:
    case CHRONICLE_FAILED:
        return is_sent_here(look, event);
    case CHRONICLE_ACKED_UNSEEN:
        return false;
    case CHRONICLE_APPENDED:
    case CHRONICLE_ACKNOWLEDGED:
    case CHRONICLE_SERVED:
    case CHRONICLE_DELETED:
    case CHRONICLE_DAMAGED:
    case CHRONICLE_ACKED:
    case CHRONICLE_READ:
        return holds(event, look->touch->offset);
    default:
        return true;
    }
}

/* To a record the disk matters, to a partition all that does more than take
 * time. */
static bool fault_matters(const struct touch *touch, const char *point)
{
    if (touch->offset >= 0)
        return strncmp(point, "disk/", 5) == 0;
    return strstr(point, "delay") == NULL && strstr(point, "stall") == NULL;
}

/* About no partition: it befalls the logs of a broker, or it does not. */
static bool touches_logs(const struct touch *touch,
                         const struct chronicle_event *event)
{
    const char *group = chronicle_kind_group(event->kind);
    bool broker =
        chronicle_lane_type(touch->chronicle, event->lane) == LANE_BROKER;

    if (event->kind == CHRONICLE_PHASE || event->kind == CHRONICLE_CONTROLLER)
        return true;
    if (event->kind == CHRONICLE_ROOM)
        return false; /* told of all when faults end */
    if (event->kind == CHRONICLE_FAULT)
        return broker && event->text != NULL &&
               fault_matters(touch, event->text);
    return broker &&
           (strcmp(group, "node") == 0 || strcmp(group, "step") == 0 ||
            strcmp(group, "fault") == 0 || event->kind == CHRONICLE_FENCED ||
            event->kind == CHRONICLE_ERROR ||
            event->kind == CHRONICLE_SESSION_OVER);
}

static bool touches(struct look *look, size_t i)
{
    const struct touch *touch = look->touch;
    const struct chronicle_event *event = chronicle_at(touch->chronicle, i);

    if (event->kind == CHRONICLE_VIOLATION)
        return true;
    if (event->partition == CHRONICLE_NO_PARTITION)
        return touches_logs(touch, event);
    if (touch->partition != CHRONICLE_NO_PARTITION &&
        event->partition != touch->partition)
        return false;
    return touch->offset >= 0 ? touches_record(look, event)
                              : !chronicle_kind_plenty(event->kind);
}

size_t *touch_events(const struct touch *touch, size_t *count)
{
    struct look look = {.touch = touch};
    size_t lanes = chronicle_lanes(touch->chronicle);
    size_t *events =
        calloc(chronicle_count(touch->chronicle) + 1, sizeof *events);

    look.marks = calloc(lanes + 1, sizeof *look.marks);
    if (events == NULL || look.marks == NULL)
        abort();
    if (touch->offset >= 0)
        find_senders(&look);
    *count = 0;
    for (size_t i = 0; i < chronicle_count(touch->chronicle); i++)
        if (touches(&look, i))
            events[(*count)++] = i;
    free(look.marks);
    return events;
}
