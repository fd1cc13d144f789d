/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeps events in the order in which they happened. Records that one call
 * sends, has acknowledged or reads are told one by one and kept as one event.
 * What the trace says in words is told apart by how it begins.
 */
#include "sim/workload/chronicle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define LANE_NAME_BYTES 16

struct lane {
    char name[LANE_NAME_BYTES];
    enum chronicle_lane_type type;
};

struct topic {
    struct uuid id;
    char *name;
    unsigned life; /* from 1 */
};

struct list_of {
    void *items;
    size_t count;
    size_t room;
};

struct chronicle {
    struct list_of lanes;      /* struct lane */
    struct list_of topics;     /* struct topic */
    struct list_of partitions; /* struct partition_key */
    struct list_of events;     /* struct chronicle_event */
    size_t events_max;
    size_t left_out;
    int64_t left_out_us;
    int leading; /* the lane of the server that leads the ensemble, or -1 */
};

static void *push(struct list_of *list, size_t size)
{
    if (list->count == list->room) {
        list->room = list->room ? list->room * 2 : 16;
        list->items = realloc(list->items, list->room * size);
        if (list->items == NULL)
            abort();
    }
    return (char *)list->items + list->count++ * size;
}

static struct chronicle_event *event_at(const struct chronicle *chronicle,
                                        size_t i)
{
    return (struct chronicle_event *)chronicle->events.items + i;
}

static struct topic *topic_at(const struct chronicle *chronicle, size_t i)
{
    return (struct topic *)chronicle->topics.items + i;
}

static char *copy(const char *text)
{
    char *it = strdup(text);

    if (it == NULL)
        abort();
    return it;
}

struct chronicle *chronicle_new(size_t events_max)
{
    struct chronicle *chronicle = calloc(1, sizeof *chronicle);

    if (chronicle == NULL)
        abort();
    chronicle->events_max = events_max;
    chronicle->leading = -1;
    return chronicle;
}

void chronicle_free(struct chronicle *chronicle)
{
    if (chronicle == NULL)
        return;
    for (size_t i = 0; i < chronicle->events.count; i++)
        free((char *)event_at(chronicle, i)->text);
    for (size_t i = 0; i < chronicle->topics.count; i++)
        free(topic_at(chronicle, i)->name);
    free(chronicle->lanes.items);
    free(chronicle->topics.items);
    free(chronicle->partitions.items);
    free(chronicle->events.items);
    free(chronicle);
}

/* ---- kinds ---- */

static const struct {
    const char *name;
    const char *group;
    bool plenty;
    const char *words;
} kinds[] = {
#define CHRONICLE(name, text, group, plenty, words)                            \
    {text, group, plenty, words},
#include "sim/workload/chronicle_kind.def"
#undef CHRONICLE
};

const char *chronicle_kind_name(enum chronicle_kind kind)
{
    return kinds[kind].name;
}

const char *chronicle_kind_group(enum chronicle_kind kind)
{
    return kinds[kind].group;
}

const char *chronicle_kind_words(enum chronicle_kind kind)
{
    return kinds[kind].words;
}

bool chronicle_kind_plenty(enum chronicle_kind kind)
{
    return kinds[kind].plenty;
}

/* ---- who and where ---- */

void chronicle_add_lane(struct chronicle *chronicle, const char *name,
                        enum chronicle_lane_type type)
{
    struct lane *lane;

    if (chronicle == NULL)
        return;
    lane = push(&chronicle->lanes, sizeof *lane);
    lane->type = type;
    snprintf(lane->name, sizeof lane->name, "%s", name);
}

size_t chronicle_lanes(const struct chronicle *chronicle)
{
    return chronicle->lanes.count;
}

const char *chronicle_lane_name(const struct chronicle *chronicle, size_t lane)
{
    return ((struct lane *)chronicle->lanes.items)[lane].name;
}

enum chronicle_lane_type chronicle_lane_type(const struct chronicle *chronicle,
                                             size_t lane)
{
    return ((struct lane *)chronicle->lanes.items)[lane].type;
}

/* -1: nobody is called so. */
static int lane_of(const struct chronicle *chronicle, const char *name,
                   size_t length)
{
    for (size_t i = 0; i < chronicle->lanes.count; i++) {
        const char *other = chronicle_lane_name(chronicle, i);

        if (strlen(other) == length && memcmp(other, name, length) == 0)
            return (int)i;
    }
    return -1;
}

/* The world's own is the last one. */
static uint16_t lane_or_world(const struct chronicle *chronicle, int lane)
{
    return (uint16_t)(lane >= 0 ? (size_t)lane : chronicle->lanes.count - 1);
}

void chronicle_topic(struct chronicle *chronicle, const struct uuid *topic_id,
                     const char *name)
{
    struct topic *topic;
    unsigned life = 1;

    if (chronicle == NULL)
        return;
    for (size_t i = 0; i < chronicle->topics.count; i++)
        life += strcmp(topic_at(chronicle, i)->name, name) == 0;
    topic = push(&chronicle->topics, sizeof *topic);
    *topic = (struct topic){*topic_id, copy(name), life};
}

static uint16_t partition_of(struct chronicle *chronicle,
                             const struct partition_key *key)
{
    const struct partition_key *keys = chronicle->partitions.items;

    for (size_t i = 0; i < chronicle->partitions.count; i++)
        if (keys[i].partition == key->partition &&
            uuid_equal(&keys[i].topic_id, &key->topic_id))
            return (uint16_t)i;
    if (uuid_is_zero(&key->topic_id) ||
        chronicle->partitions.count == CHRONICLE_NO_PARTITION)
        return CHRONICLE_NO_PARTITION;
    *(struct partition_key *)push(&chronicle->partitions, sizeof *key) = *key;
    return (uint16_t)(chronicle->partitions.count - 1);
}

size_t chronicle_partitions(const struct chronicle *chronicle)
{
    return chronicle->partitions.count;
}

void chronicle_place(const struct chronicle *chronicle, size_t partition,
                     char text[CHRONICLE_PLACE_BYTES])
{
    const struct partition_key *key =
        (struct partition_key *)chronicle->partitions.items + partition;
    char id[UUID_TEXT_SIZE];

    for (size_t i = 0; i < chronicle->topics.count; i++) {
        const struct topic *topic = topic_at(chronicle, i);

        if (!uuid_equal(&topic->id, &key->topic_id))
            continue;
        if (topic->life > 1)
            snprintf(text, CHRONICLE_PLACE_BYTES, "%s/%u (%u)", topic->name,
                     key->partition, topic->life);
        else
            snprintf(text, CHRONICLE_PLACE_BYTES, "%s/%u", topic->name,
                     key->partition);
        return;
    }
    uuid_format(&key->topic_id, id);
    snprintf(text, CHRONICLE_PLACE_BYTES, "%s/%u", id, key->partition);
}

/* ---- keeping ---- */

/* Of the older half what there is plenty of; if that is little, all of it. */
static void make_room(struct chronicle *chronicle)
{
    size_t half = chronicle->events.count / 2, kept = 0, plenty = 0;

    for (size_t i = 0; i < half; i++)
        plenty += kinds[event_at(chronicle, i)->kind].plenty;
    for (size_t i = 0; i < chronicle->events.count; i++) {
        struct chronicle_event *event = event_at(chronicle, i);

        if (i >= half || (plenty > half / 4 && !kinds[event->kind].plenty)) {
            *event_at(chronicle, kept++) = *event;
            continue;
        }
        chronicle->left_out++;
        chronicle->left_out_us = event->at_us;
        free((char *)event->text);
    }
    chronicle->events.count = kept;
}

static void keep(struct chronicle *chronicle, struct chronicle_event event)
{
    if (chronicle->events.count >= chronicle->events_max)
        make_room(chronicle);
    if (event.text != NULL)
        event.text = copy(event.text);
    *(struct chronicle_event *)push(&chronicle->events, sizeof event) = event;
}

size_t chronicle_count(const struct chronicle *chronicle)
{
    return chronicle->events.count;
}

const struct chronicle_event *chronicle_at(const struct chronicle *chronicle,
                                           size_t i)
{
    return event_at(chronicle, i);
}

size_t chronicle_left_out(const struct chronicle *chronicle, int64_t *until_us)
{
    *until_us = chronicle->left_out_us;
    return chronicle->left_out;
}

/* ---- facts ---- */

static const enum chronicle_kind of_fact[FACT_COUNT] = {
    [FACT_APPENDED] = CHRONICLE_APPENDED,
    [FACT_DURABLE] = CHRONICLE_DURABLE,
    [FACT_HIGH_WATERMARK] = CHRONICLE_HIGH_WATERMARK,
    [FACT_LOG_START] = CHRONICLE_LOG_START,
    [FACT_OPENED] = CHRONICLE_OPENED,
    [FACT_TRUNCATED] = CHRONICLE_TRUNCATED,
    [FACT_TRUNCATING] = CHRONICLE_TRUNCATING,
    [FACT_ROLE] = CHRONICLE_NO_ROLE,
    [FACT_LAZY] = CHRONICLE_STRICT,
    [FACT_UNCLEAN] = CHRONICLE_UNCLEAN,
    [FACT_ACKNOWLEDGED] = CHRONICLE_ACKNOWLEDGED,
    [FACT_SERVED] = CHRONICLE_SERVED,
    [FACT_DELETED] = CHRONICLE_DELETED,
    [FACT_DAMAGED] = CHRONICLE_DAMAGED,
    [FACT_MENDED] = CHRONICLE_MENDED,
    [FACT_OUTLIVED] = CHRONICLE_OUTLIVED,
    [FACT_CONTROLLER] = CHRONICLE_CONTROLLER,
    [FACT_FENCED] = CHRONICLE_FENCED,
    [FACT_SYNC] = CHRONICLE_KINDS, /* what costs time is not kept */
    [FACT_FRAME_SENT] = CHRONICLE_KINDS,
    [FACT_FRAME_RECEIVED] = CHRONICLE_KINDS,
    [FACT_REMOVED] = CHRONICLE_REMOVED,
};

static enum chronicle_kind kind_of_fact(const struct fact *fact)
{
    if (fact->type == FACT_ROLE && fact->value == FACT_ROLE_LEADER)
        return CHRONICLE_LEADER;
    if (fact->type == FACT_ROLE && fact->value == FACT_ROLE_FOLLOWER)
        return CHRONICLE_FOLLOWER;
    if (fact->type == FACT_LAZY && fact->value != 0)
        return CHRONICLE_LAZY;
    if (fact->type == FACT_OPENED && fact->value != 0)
        return CHRONICLE_OPENED_LOSSY;
    return of_fact[fact->type];
}

void chronicle_fact(struct chronicle *chronicle, int64_t now_us, unsigned lane,
                    const struct fact *fact)
{
    struct chronicle_event event = {.at_us = now_us,
                                    .lane = (uint16_t)lane,
                                    .epoch = fact->leader_epoch,
                                    .a = fact->offset,
                                    .b = fact->end_offset - 1,
                                    .c = fact->value};

    if (chronicle == NULL || kind_of_fact(fact) == CHRONICLE_KINDS)
        return;
    event.kind = kind_of_fact(fact);
    event.partition = partition_of(chronicle, &fact->key);
    switch (fact->type) {
    case FACT_DURABLE:
    case FACT_HIGH_WATERMARK:
    case FACT_TRUNCATED:
    case FACT_TRUNCATING:
    case FACT_OUTLIVED:
        event.a = fact->end_offset;
        event.b = 0;
        break;
    case FACT_OPENED:
        event.b = fact->end_offset;
        break;
    case FACT_APPENDED:
    case FACT_ACKNOWLEDGED:
    case FACT_SERVED:
    case FACT_DELETED:
    case FACT_DAMAGED:
        break;
    case FACT_FENCED:
        event.text = error_name(error_from_code((unsigned)fact->value));
        event.b = 0;
        break;
    default:
        event.b = 0;
        break;
    }
    keep(chronicle, event);
}

/* ---- clients ---- */

static const enum chronicle_kind of_history[] = {
    [HISTORY_SENT] = CHRONICLE_SENT,
    [HISTORY_ACKED] = CHRONICLE_ACKED,
    [HISTORY_FAILED] = CHRONICLE_FAILED,
    [HISTORY_READ] = CHRONICLE_READ,
    [HISTORY_POSITIONED] = CHRONICLE_POSITIONED,
    [HISTORY_SEEN_END] = CHRONICLE_SEEN_END,
    [HISTORY_GAP] = CHRONICLE_GAP,
};

static struct chronicle_event event_of_history(const struct history *history)
{
    struct chronicle_event event = {.kind = of_history[history->type],
                                    .a = history->offset,
                                    .b = history->offset};

    switch (history->type) {
    case HISTORY_SENT:
    case HISTORY_FAILED:
        event.a = event.b = (int64_t)history->sequence;
        event.c = history->type == HISTORY_SENT ? history->acks
                                                : (int64_t)history->error;
        event.epoch = (int32_t)history->producer;
        break;
    case HISTORY_ACKED:
        event.c = (int64_t)history->sequence;
        event.epoch = (int32_t)history->producer;
        if (history->offset >= 0)
            break;
        event.kind = CHRONICLE_ACKED_UNSEEN;
        event.a = event.b = event.c;
        event.c = 0;
        break;
    case HISTORY_READ:
        break;
    default:
        event.b = 0;
        break;
    }
    return event;
}

/* The next record of the same call? */
static bool joins(struct chronicle_event *last,
                  const struct chronicle_event *event)
{
    bool same = last->kind == event->kind && last->lane == event->lane &&
                last->partition == event->partition &&
                last->at_us == event->at_us && last->epoch == event->epoch;

    switch (event->kind) {
    case CHRONICLE_ACKED:
        return same && event->a == last->b + 1 &&
               event->c - last->c == event->a - last->a;
    case CHRONICLE_FAILED:
        return same && event->a == last->b + 1 && event->c == last->c;
    case CHRONICLE_SENT:
    case CHRONICLE_ACKED_UNSEEN:
    case CHRONICLE_READ:
        return same && event->a == last->b + 1;
    default:
        return false;
    }
}

void chronicle_history(struct chronicle *chronicle, int64_t now_us,
                       unsigned lane, const struct history *history)
{
    struct chronicle_event event, *last;

    if (chronicle == NULL)
        return;
    event = event_of_history(history);
    event.at_us = now_us;
    event.lane = (uint16_t)lane;
    event.partition = partition_of(chronicle, &history->key);
    last = chronicle->events.count > 0
               ? event_at(chronicle, chronicle->events.count - 1)
               : NULL;
    if (last != NULL && joins(last, &event))
        last->b = event.b;
    else
        keep(chronicle, event);
}

/* ---- what the trace says in words ---- */

/* How a line begins, and what it then is; its text is the rest of it. */
struct opening {
    const char *words;
    enum chronicle_kind kind;
    bool whole; /* the text is all of it */
};

static const struct opening of_nodes[] = {
    {"start ", CHRONICLE_START, true},
    {"exit", CHRONICLE_EXIT, false},
    {"killed", CHRONICLE_KILLED, false},
    {"power lost", CHRONICLE_POWER, false},
    {"pause", CHRONICLE_PAUSE, false},
    {"resume", CHRONICLE_RESUME, false},
    {"wall clock jumps ", CHRONICLE_CLOCK, false},
    {"assertion failed: ", CHRONICLE_ASSERTION, false},
    {"fault ", CHRONICLE_FAULT, false},
    {"zookeeper session ", CHRONICLE_SESSION, false},
    {"directory ", CHRONICLE_DISK, true},
    {"disk capacity 18446744073709551615", CHRONICLE_ROOM, false},
    {"disk", CHRONICLE_DISK, true},
    {"an image of its disk ", CHRONICLE_DISK, true},
    {"its disk ", CHRONICLE_DISK, true},
    {"rot in ", CHRONICLE_DISK, true},
    {"struck ", CHRONICLE_DISK, true},
    {"", CHRONICLE_NOTE, true},
};

static const struct opening of_the_world[] = {
    {"cut ", CHRONICLE_CUT, false},
    {"heal ", CHRONICLE_HEAL, false},
    {"fault ", CHRONICLE_FAULT, false},
    {"zookeeper crash ", CHRONICLE_KINDS, true}, /* its server says it too */
    {"zookeeper start ", CHRONICLE_KINDS, true},
    {"zookeeper 0x", CHRONICLE_ZNODE, true},
    {"", CHRONICLE_NOTE, true},
};

static const struct opening of_servers[] = {
    {"crashes", CHRONICLE_SERVER_CRASHES, false},
    {"starts", CHRONICLE_SERVER_STARTS, false},
    {"looks for ", CHRONICLE_SERVER_LOOKS, false},
    {"leads as ", CHRONICLE_SERVER_LEADS, false},
    {"follows ", CHRONICLE_SERVER_FOLLOWS, false},
    {"", CHRONICLE_NOTE, true},
};

static struct chronicle_event read_line(const struct opening *openings,
                                        const char *text)
{
    size_t length = strlen(openings->words);

    while (strncmp(text, openings->words, length) != 0)
        length = strlen((++openings)->words);
    if (!openings->whole)
        text += length;
    return (struct chronicle_event){.kind = openings->kind,
                                    .partition = CHRONICLE_NO_PARTITION,
                                    .text = *text ? text : NULL};
}

/* It ends in many ways, and begins in two. */
static bool session_is_over(const char *text)
{
    return strstr(text, " created at ") == NULL &&
           strstr(text, " moved to ") == NULL;
}

static struct chronicle_event read_node_line(const char *text)
{
    struct chronicle_event event = read_line(of_nodes, text);

    if (event.kind == CHRONICLE_SESSION && session_is_over(event.text))
        event.kind = CHRONICLE_SESSION_OVER;
    return event;
}

/* "cut b1 -> b2", "heal all": a and b are the lanes, -1 all; c: one way. */
static void read_link(const struct chronicle *chronicle,
                      struct chronicle_event *event)
{
    const char *first = event->text;
    size_t length = strcspn(first, " ");
    const char *second = first + length;

    event->a = lane_of(chronicle, first, length);
    if (strncmp(second, " ->", 3) == 0)
        event->c = 1;
    second += strspn(second, " ->");
    event->b = lane_of(chronicle, second, strlen(second));
    event->lane = lane_or_world(chronicle, (int)event->a);
}

/* "zookeeper z1 starts", "zookeeper 0x100000003 create /brokers/ids/1". */
static struct chronicle_event read_world_line(struct chronicle *chronicle,
                                              const char *text)
{
    static const char zookeeper[] = "zookeeper ";
    const char *name = text + sizeof zookeeper - 1;
    struct chronicle_event event = read_line(of_the_world, text);
    int server = -1;

    event.lane = lane_or_world(chronicle, -1);
    if (strncmp(text, zookeeper, sizeof zookeeper - 1) == 0)
        server = lane_of(chronicle, name, strcspn(name, " "));
    if (server >= 0) {
        event = read_line(of_servers, name + strcspn(name, " ") + 1);
        event.lane = (uint16_t)server;
        if (event.kind == CHRONICLE_SERVER_LEADS)
            chronicle->leading = server;
    } else if (event.kind == CHRONICLE_ZNODE) {
        event.lane = lane_or_world(chronicle, chronicle->leading);
        event.text = name;
    } else if (event.kind == CHRONICLE_CUT || event.kind == CHRONICLE_HEAL) {
        read_link(chronicle, &event);
    }
    return event;
}

void chronicle_note(struct chronicle *chronicle, int64_t now_us, int lane,
                    const char *text)
{
    struct chronicle_event event;

    if (chronicle == NULL || chronicle->lanes.count == 0)
        return; /* or nobody is there yet */
    if (lane < 0) {
        event = read_world_line(chronicle, text);
    } else {
        event = read_node_line(text);
        event.lane = (uint16_t)lane;
    }
    event.at_us = now_us;
    if (event.kind != CHRONICLE_KINDS)
        keep(chronicle, event);
}

void chronicle_log(struct chronicle *chronicle, int64_t now_us, unsigned lane,
                   enum trace_level level, const char *text)
{
    static const enum chronicle_kind of_level[] = {
        [TRACE_DEBUG] = CHRONICLE_NOTE,
        [TRACE_INFO] = CHRONICLE_INFO,
        [TRACE_WARN] = CHRONICLE_WARN,
        [TRACE_ERROR] = CHRONICLE_ERROR};

    if (chronicle != NULL)
        keep(chronicle,
             (struct chronicle_event){.at_us = now_us,
                                      .kind = of_level[level],
                                      .lane = (uint16_t)lane,
                                      .partition = CHRONICLE_NO_PARTITION,
                                      .text = text});
}

void chronicle_say(struct chronicle *chronicle, int64_t now_us, const char *who,
                   enum chronicle_kind kind, const char *text)
{
    if (chronicle == NULL)
        return;
    keep(chronicle, (struct chronicle_event){
                        .at_us = now_us,
                        .kind = kind,
                        .lane = lane_or_world(
                            chronicle, lane_of(chronicle, who, strlen(who))),
                        .partition = CHRONICLE_NO_PARTITION,
                        .text = text});
}

void chronicle_in_sync(struct chronicle *chronicle, int64_t now_us,
                       const struct partition_key *key, const char *text)
{
    if (chronicle == NULL)
        return;
    keep(chronicle,
         (struct chronicle_event){.at_us = now_us,
                                  .kind = CHRONICLE_IN_SYNC,
                                  .lane = lane_or_world(chronicle, -1),
                                  .partition = partition_of(chronicle, key),
                                  .text = text});
}

void chronicle_violation(struct chronicle *chronicle,
                         const struct violation *violation)
{
    struct chronicle_event event = {.at_us = violation->now_us,
                                    .kind = CHRONICLE_VIOLATION,
                                    .a = violation->offset,
                                    .text = violation->message};

    if (chronicle == NULL)
        return;
    event.partition = partition_of(chronicle, &violation->key);
    event.lane = lane_or_world(chronicle, violation->node < JUDGE_NODES_MAX
                                              ? (int)violation->node
                                              : -1);
    keep(chronicle, event);
}

/* ---- in words ---- */

/* What a brace holds; its length in the words, 0: that is no such brace. */
static size_t hole(const struct chronicle_event *event, const char *words,
                   char text[CHRONICLE_WORDS_BYTES])
{
    const struct {
        const char *brace;
        int64_t number;
    } numbers[] = {{"{a}", event->a},
                   {"{b}", event->b},
                   {"{c}", event->c},
                   {"{e}", event->epoch}};

    if (strncmp(words, "{text}", 6) == 0) {
        snprintf(text, CHRONICLE_WORDS_BYTES, "%s",
                 event->text ? event->text : "");
        return 6;
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (strncmp(words, numbers[i].brace, 3) == 0) {
            snprintf(text, CHRONICLE_WORDS_BYTES, "%" PRId64,
                     numbers[i].number);
            return 3;
        }
    return 0;
}

void chronicle_words(const struct chronicle_event *event,
                     char text[CHRONICLE_WORDS_BYTES])
{
    const char *words = kinds[event->kind].words;
    size_t used = 0;

    while (*words != '\0' && used + 1 < CHRONICLE_WORDS_BYTES) {
        char held[CHRONICLE_WORDS_BYTES];
        size_t length = hole(event, words, held);

        if (length == 0) {
            text[used++] = *words++;
            continue;
        }
        used += (size_t)snprintf(text + used, CHRONICLE_WORDS_BYTES - used,
                                 "%s", held);
        words += length;
        if (used >= CHRONICLE_WORDS_BYTES)
            used = CHRONICLE_WORDS_BYTES - 1;
    }
    text[used] = '\0';
}
