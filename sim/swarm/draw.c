/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the draw of a scenario. Each subject draws from a stream of its own,
 * so that a new one moves none of the others.
 *
 * What is drawn keeps to what the system promises to outlive: disks are
 * emptied at one broker alone, where every topic has three replicas and
 * acknowledges with two; silent damage does not go with that, and keeps to
 * the atlas, or without it only safety is judged.
 */
#include "sim/swarm/swarm.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/streams.h"

enum subject {
    SUBJECT_CLUSTER,
    SUBJECT_KNOBS,
    SUBJECT_TOPICS,
    SUBJECT_CLIENTS,
    SUBJECT_OPERATOR,
    SUBJECT_HAZARDS, /* one a row from here on */
    SUBJECT_FAULTS = 1000,
    SUBJECT_MOVES = 2000
};

#define TOPICS_MAX        3
#define SWARM_BROKERS_MAX 7
#define CLOCK_JUMP_MS_MIN 61000 /* beyond clock.skew.max.ms: not believed */

struct topic {
    int64_t partitions;
    int64_t replicas;
};

struct draw {
    FILE *out;
    struct streams streams;
    int64_t brokers;
    int64_t zookeepers;
    int64_t log_dirs;
    int64_t topic_count;
    struct topic topics[TOPICS_MAX];
    int64_t clients;
    int64_t duration_ms;
    bool strict;         /* flush.ms is 0 everywhere: power may be lost */
    bool spare_replicas; /* and a broker's disk */
    bool unbounded;
    bool strays;         /* time of brokers, from the truth */
    const char *heading; /* of a list whose first row is not there yet */
};

/* ---- drawing ---- */

static int64_t between(struct draw *draw, uint32_t subject, int64_t low,
                       int64_t high)
{
    return low + (int64_t)random_below(streams_find(&draw->streams, subject),
                                       (uint64_t)(high - low) + 1);
}

static bool chance(struct draw *draw, uint32_t subject, int64_t percent)
{
    return between(draw, subject, 1, 100) <= percent;
}

/* Small ones as often as large ones: each power of two alike. */
static int64_t magnitude(struct draw *draw, uint32_t subject, int64_t low,
                         int64_t high)
{
    int64_t doublings = 0;
    int64_t top;

    while (low << (doublings + 1) <= high)
        doublings++;
    top = low << between(draw, subject, 0, doublings);
    return between(draw, subject, low + (top - low) / 2, top);
}

static void write_line(struct draw *draw, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void write_line(struct draw *draw, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vfprintf(draw->out, format, arguments);
    va_end(arguments);
    fputc('\n', draw->out);
}

/* A list is there when it has a row. */
static void begin_row(struct draw *draw)
{
    if (draw->heading != NULL)
        write_line(draw, "%s", draw->heading);
    draw->heading = NULL;
}

/* ---- the cluster ---- */

static void draw_knob(struct draw *draw, const char *key, int64_t low,
                      int64_t high)
{
    int64_t value = magnitude(draw, SUBJECT_KNOBS, low, high);

    if (chance(draw, SUBJECT_KNOBS, 60))
        write_line(draw, "    %s: %" PRId64, key, value);
}

static void draw_cluster(struct draw *draw)
{
    int64_t session_ms = magnitude(draw, SUBJECT_CLUSTER, 400, 2000);
    int64_t lag_ms = session_ms + between(draw, SUBJECT_CLUSTER, 100, 1000);

    draw->brokers = chance(draw, SUBJECT_CLUSTER, 70)
                        ? between(draw, SUBJECT_CLUSTER, 3, 4)
                        : between(draw, SUBJECT_CLUSTER, 1, 7);
    draw->zookeepers = 1 + 2 * between(draw, SUBJECT_CLUSTER, 0, 2);
    draw->log_dirs = chance(draw, SUBJECT_CLUSTER, 30) ? 2 : 1;
    write_line(draw, "cluster:");
    write_line(draw, "  brokers: %" PRId64, draw->brokers);
    write_line(draw, "  zookeepers: %" PRId64, draw->zookeepers);
    write_line(draw, "  log-dirs: %" PRId64, draw->log_dirs);
    write_line(draw, "  config:");
    write_line(draw, "    zookeeper.session.timeout.ms: %" PRId64, session_ms);
    write_line(draw, "    replica.lag.time.max.ms: %" PRId64, lag_ms);
    write_line(draw, "    replica.fetch.wait.max.ms: %" PRId64,
               magnitude(draw, SUBJECT_CLUSTER, 20, lag_ms / 4));
    draw_knob(draw, "log.checkpoint.interval.ms", 100, 3000);
    draw_knob(draw, "log.retention.check.interval.ms", 100, 2000);
    draw_knob(draw, "log.index.interval.bytes", 256, 4096);
    draw_knob(draw, "log.open.files.max", 1, 64);
    draw_knob(draw, "log.scrub.interval.ms", 500, 8000);
    draw_knob(draw, "log.scrub.bytes.per.second", 1024, 1048576);
    draw_knob(draw, "num.recovery.threads.per.data.dir", 1, 16);
    draw_knob(draw, "replica.fetch.max.bytes", 1024, 131072);
    draw_knob(draw, "controller.coalesce.ms", 1, 100);
    draw_knob(draw, "leader.balance.interval.ms", 100, 5000);
    draw_knob(draw, "zookeeper.max.in.flight.requests", 1, 16);
    draw_knob(draw, "controller.request.partitions.max", 1, 4);
}

/* ---- topics ---- */

static void draw_topic_config(struct draw *draw, int64_t min, int64_t flush_ms)
{
    fprintf(draw->out,
            "    config: {min.insync.replicas: %" PRId64
            ", segment.bytes: %" PRId64,
            min, magnitude(draw, SUBJECT_TOPICS, 4096, 65536));
    if (flush_ms != 0)
        fprintf(draw->out, ", flush.ms: %" PRId64, flush_ms);
    if (chance(draw, SUBJECT_TOPICS, 25))
        fprintf(draw->out, ", retention.ms: %" PRId64,
                magnitude(draw, SUBJECT_TOPICS, 1000, 8000));
    if (chance(draw, SUBJECT_TOPICS, 25))
        fprintf(draw->out, ", retention.bytes: %" PRId64,
                magnitude(draw, SUBJECT_TOPICS, 8192, 131072));
    if (chance(draw, SUBJECT_TOPICS, 25))
        fprintf(draw->out, ", segment.ms: %" PRId64,
                magnitude(draw, SUBJECT_TOPICS, 1000, 4000));
    fputs("}\n", draw->out);
}

static int64_t draw_flush_ms(struct draw *draw)
{
    if (chance(draw, SUBJECT_TOPICS, 75))
        return 0;
    return chance(draw, SUBJECT_TOPICS, 50)
               ? -1
               : magnitude(draw, SUBJECT_TOPICS, 10, 1000);
}

static void draw_topics(struct draw *draw)
{
    int64_t replicas_max = draw->brokers < 5 ? draw->brokers : 5;

    draw->topic_count = between(draw, SUBJECT_TOPICS, 1, TOPICS_MAX);
    draw->strict = true;
    draw->spare_replicas = true;
    write_line(draw, "topics:");
    for (int64_t i = 0; i < draw->topic_count; i++) {
        struct topic *topic = &draw->topics[i];
        int64_t min;
        int64_t flush_ms = draw_flush_ms(draw);

        topic->partitions = magnitude(draw, SUBJECT_TOPICS, 1, 6);
        topic->replicas = replicas_max >= 3 && chance(draw, SUBJECT_TOPICS, 70)
                              ? 3
                              : between(draw, SUBJECT_TOPICS, 1, replicas_max);
        min = chance(draw, SUBJECT_TOPICS, 70)
                  ? topic->replicas / 2 + 1
                  : between(draw, SUBJECT_TOPICS, 1, topic->replicas);
        draw->strict &= flush_ms == 0;
        draw->spare_replicas &= topic->replicas >= 3 && min >= 2;
        write_line(draw, "  t%" PRId64 ":", i);
        write_line(draw, "    partitions: %" PRId64, topic->partitions);
        write_line(draw, "    replicas: %" PRId64, topic->replicas);
        draw_topic_config(draw, min, flush_ms);
    }
}

/* ---- clients ---- */

static void draw_producer(struct draw *draw, int64_t topic)
{
    static const char *const acks[] = {"all", "all", "all", "all", "1", "0"};
    int64_t clients = between(draw, SUBJECT_CLIENTS, 1, 2);

    write_line(draw,
               "  - {topic: t%" PRId64 ", clients: %" PRId64 ", rate: %" PRId64
               "/s, batch: %" PRId64 ", record-size: %" PRId64
               "B, acks: %s, in-flight: %" PRId64 "}",
               topic, clients, magnitude(draw, SUBJECT_CLIENTS, 5, 40),
               magnitude(draw, SUBJECT_CLIENTS, 1, 16),
               magnitude(draw, SUBJECT_CLIENTS, 40, 800),
               topic == 0 ? "all" : acks[between(draw, SUBJECT_CLIENTS, 0, 5)],
               between(draw, SUBJECT_CLIENTS, 1, 5));
    draw->clients += clients;
}

static void draw_clients(struct draw *draw)
{
    write_line(draw, "producers:");
    for (int64_t i = 0; i < draw->topic_count; i++)
        draw_producer(draw, i);
    write_line(draw, "consumers:");
    for (int64_t i = 0; i < draw->topic_count; i++)
        if (i == 0 || chance(draw, SUBJECT_CLIENTS, 50)) {
            write_line(draw, "  - {topic: t%" PRId64 "}", i);
            draw->clients++;
        }
}

/* ---- hazards ---- */

enum target {
    BROKER,
    BROKERS,
    CLIENT,
    ZOOKEEPER,
    ZOOKEEPERS,
    BROKER_AND_BROKER,
    BROKER_AND_ZOOKEEPER,
    CLIENT_AND_BROKER,
    DIRECTORY,
    FIRST_DIRECTORY,
    FIRST_BROKER
};

enum needs {
    NOTHING,
    STRICT, /* to lose power, or a disk: other flush.ms do not promise it */
    TWO_BROKERS,
    STRICT_ON_TWO_DIRECTORIES,
    SPARE_REPLICAS,  /* to lose a disk on purpose */
    NO_LOSS_BY_HAND, /* silent damage */
};

static const struct hazard {
    const char *step;
    enum target target;
    int64_t percent;
    enum needs needs;
    int64_t hold_from_ms;
    int64_t hold_to_ms;
} hazards[] = {
#define HAZARD(step, target, percent, needs, from, to)                         \
    {step, target, percent, needs, from, to},
#define FAULT_RATE(point, percent, needs, most)
#include "sim/swarm/hazard.def"
#undef HAZARD
#undef FAULT_RATE
};

static const struct fault_rate {
    const char *point;
    int64_t percent;
    enum needs needs;
    int64_t most; /* in 100,000 */
} fault_rates[] = {
#define HAZARD(step, target, percent, needs, from, to)
#define FAULT_RATE(point, percent, needs, most) {point, percent, needs, most},
#include "sim/swarm/hazard.def"
#undef HAZARD
#undef FAULT_RATE
};

static bool meets(const struct draw *draw, enum needs needs)
{
    switch (needs) {
    case NOTHING:
        return true;
    case STRICT:
        return draw->strict;
    case TWO_BROKERS:
        return draw->brokers >= 2;
    case STRICT_ON_TWO_DIRECTORIES:
        return draw->strict && draw->log_dirs >= 2;
    case SPARE_REPLICAS:
        return draw->strict && draw->spare_replicas && !draw->unbounded;
    case NO_LOSS_BY_HAND:
        return !meets(draw, SPARE_REPLICAS);
    }
    return false;
}

static void write_broker(struct draw *draw, uint32_t subject)
{
    int64_t topic = between(draw, subject, 0, draw->topic_count - 1);
    int64_t partition =
        between(draw, subject, 0, draw->topics[topic].partitions - 1);

    switch (between(draw, subject, 0, 5)) {
    case 0:
        fputs("controller", draw->out);
        return;
    case 1:
        fprintf(draw->out, "leader(t%" PRId64 "/%" PRId64 ")", topic,
                partition);
        return;
    case 2:
        fprintf(draw->out, "b%" PRId64,
                between(draw, subject, 1, draw->brokers));
        return;
    default:
        fputs("any broker", draw->out);
    }
}

static void write_link(struct draw *draw, uint32_t subject, char from,
                       int64_t from_count, char to, int64_t to_count)
{
    int64_t first = between(draw, subject, 1, from_count);
    int64_t second =
        between(draw, subject, 1, from == to ? to_count - 1 : to_count);

    if (from == to && second >= first)
        second++;
    fprintf(draw->out, "[%c%" PRId64 ", %c%" PRId64 "]%s", from, first, to,
            second, chance(draw, subject, 40) ? ", one-way: true" : "");
}

static void write_target(struct draw *draw, uint32_t subject,
                         enum target target)
{
    switch (target) {
    case BROKER:
        write_broker(draw, subject);
        return;
    case BROKERS:
        fputs("brokers", draw->out);
        return;
    case CLIENT:
        fputs("any client", draw->out);
        return;
    case ZOOKEEPER:
        fputs("any zookeeper", draw->out);
        return;
    case ZOOKEEPERS:
        fputs("zookeepers", draw->out);
        return;
    case BROKER_AND_BROKER:
        write_link(draw, subject, 'b', draw->brokers, 'b', draw->brokers);
        return;
    case BROKER_AND_ZOOKEEPER:
        write_link(draw, subject, 'b', draw->brokers, 'z', draw->zookeepers);
        return;
    case CLIENT_AND_BROKER:
        write_link(draw, subject, 'c', draw->clients, 'b', draw->brokers);
        return;
    case DIRECTORY:
        fprintf(draw->out, "any broker, directory: %" PRId64,
                between(draw, subject, 1, draw->log_dirs));
        return;
    case FIRST_DIRECTORY:
        fprintf(draw->out, "b1, directory: %" PRId64,
                between(draw, subject, 1, draw->log_dirs));
        return;
    case FIRST_BROKER:
        fputs("b1", draw->out);
        return;
    }
}

static void write_hazard(struct draw *draw, uint32_t subject,
                         const struct hazard *hazard)
{
    int64_t at_ms = between(draw, subject, 500, draw->duration_ms / 2);
    int64_t every_ms = magnitude(draw, subject, 400, draw->duration_ms / 2);

    begin_row(draw);
    fprintf(draw->out,
            "  - {at: [%" PRId64 "ms, %" PRId64 "ms], %s: ", at_ms / 2, at_ms,
            hazard->step);
    write_target(draw, subject, hazard->target);
    if (strcmp(hazard->step, "clock-jump") == 0) {
        draw->strays = true; /* how long it was down it does not know */
        fprintf(draw->out, ", by: %s%" PRId64 "ms",
                chance(draw, subject, 50) ? "-" : "",
                magnitude(draw, subject, CLOCK_JUMP_MS_MIN, 86400000));
    }
    if (hazard->hold_to_ms > 0) {
        int64_t most =
            magnitude(draw, subject, hazard->hold_from_ms, hazard->hold_to_ms);

        fprintf(draw->out, ", for: [%" PRId64 "ms, %" PRId64 "ms]",
                hazard->hold_from_ms, most);
        every_ms += most;
    }
    write_line(draw, ", every: [%" PRId64 "ms, %" PRId64 "ms]}", every_ms / 2,
               every_ms);
}

/* What an operator does beside. */
static void draw_operator(struct draw *draw)
{
    int64_t topic = between(draw, SUBJECT_OPERATOR, 0, draw->topic_count - 1);
    int64_t offset = magnitude(draw, SUBJECT_OPERATOR, 5, 100);

    if (chance(draw, SUBJECT_OPERATOR, 10)) {
        begin_row(draw);
        write_line(draw,
                   "  - {when: t%" PRId64 "/0 committed %" PRId64
                   ", truncate: t%" PRId64 "/0, before: %" PRId64 "}",
                   topic, offset, topic, offset);
    }
    if (chance(draw, SUBJECT_OPERATOR, 10)) {
        begin_row(draw);
        write_line(draw,
                   "  - {at: [1s, 3s], alter-topic: t%" PRId64
                   ", config: {segment.bytes: %" PRId64 "}}",
                   topic, magnitude(draw, SUBJECT_OPERATOR, 4096, 65536));
    }
    if (chance(draw, SUBJECT_OPERATOR, 20)) {
        begin_row(draw);
        write_line(draw,
                   "  - {at: [1s, 3s], add-partitions: t%" PRId64
                   ", to: %" PRId64 "}",
                   topic,
                   draw->topics[topic].partitions +
                       magnitude(draw, SUBJECT_OPERATOR, 1, 6));
    }
}

/* Some brokers, each once, in any order. */
static void write_brokers(struct draw *draw, int64_t count)
{
    int64_t brokers[SWARM_BROKERS_MAX];

    for (int64_t i = 0; i < draw->brokers; i++)
        brokers[i] = i + 1;
    for (int64_t i = 0; i < count; i++) {
        int64_t at = between(draw, SUBJECT_MOVES, i, draw->brokers - 1);
        int64_t broker = brokers[at];

        brokers[at] = brokers[i];
        brokers[i] = broker;
        fprintf(draw->out, "%sb%" PRId64, i == 0 ? "" : ", ", broker);
    }
}

/* Topics go to other brokers, and never have fewer replicas. */
static void draw_moves(struct draw *draw)
{
    int64_t count = chance(draw, SUBJECT_MOVES, 35)
                        ? between(draw, SUBJECT_MOVES, 1, 4)
                        : 0;

    for (int64_t i = 0; i < count; i++) {
        int64_t topic = between(draw, SUBJECT_MOVES, 0, draw->topic_count - 1);

        begin_row(draw);
        fprintf(draw->out,
                "  - {at: [500ms, %" PRId64 "ms], reassign: t%" PRId64
                ", brokers: [",
                draw->duration_ms - 1000, topic);
        write_brokers(draw,
                      between(draw, SUBJECT_MOVES, draw->topics[topic].replicas,
                              draw->brokers));
        if (chance(draw, SUBJECT_MOVES, 30))
            write_line(draw, "], copy-rate: %" PRId64 "KiB}",
                       magnitude(draw, SUBJECT_MOVES, 1000, 20000));
        else
            write_line(draw, "]}");
        if (chance(draw, SUBJECT_MOVES, 15))
            write_line(draw,
                       "  - {at: [1s, %" PRId64
                       "ms], cancel-reassign: t%" PRId64 "}",
                       draw->duration_ms - 500, topic);
    }
}

static void draw_steps(struct draw *draw)
{
    draw->heading = "steps:";
    for (uint32_t i = 0; i < sizeof hazards / sizeof hazards[0]; i++)
        if (meets(draw, hazards[i].needs) &&
            chance(draw, SUBJECT_HAZARDS + i, hazards[i].percent))
            write_hazard(draw, SUBJECT_HAZARDS + i, &hazards[i]);
    draw_operator(draw);
    draw_moves(draw);
}

static void draw_faults(struct draw *draw)
{
    draw->heading = "faults:";
    for (uint32_t i = 0; i < sizeof fault_rates / sizeof fault_rates[0]; i++) {
        const struct fault_rate *rate = &fault_rates[i];
        uint32_t subject = SUBJECT_FAULTS + i;
        int64_t of_100000;

        if (!meets(draw, rate->needs) || !chance(draw, subject, rate->percent))
            continue;
        of_100000 = magnitude(draw, subject, rate->most / 16 + 1, rate->most);
        begin_row(draw);
        write_line(draw, "  - {point: %s, rate: %.5f}", rate->point,
                   (double)of_100000 / 1e5);
        if (strcmp(rate->point, "disk/stall") == 0)
            draw->strays = true; /* stamped, and in the log two stalls later */
    }
    if (draw->strays)
        write_line(draw, "clock-slack: 4200ms");
}

/* ---- the door ---- */

char *swarm_draw(uint64_t seed)
{
    struct draw draw = {.out = NULL};
    char *text = NULL;
    size_t size = 0;

    draw.out = open_memstream(&text, &size);
    if (draw.out == NULL)
        abort();
    streams_init(&draw.streams, seed, "swarm");
    write_line(&draw, "# Drawn by: kqsim swarm --seed %" PRIu64 " --print",
               seed);
    write_line(&draw, "description: Swarm %" PRIu64 ".", seed);
    draw.duration_ms = magnitude(&draw, SUBJECT_CLUSTER, 4000, 16000);
    draw.unbounded = chance(&draw, SUBJECT_CLUSTER, 8);
    draw_cluster(&draw);
    draw_topics(&draw);
    draw_clients(&draw);
    write_line(&draw, "disk: {damage: %s}",
               draw.unbounded ? "unbounded" : "atlas");
    write_line(&draw, "duration: %" PRId64 "ms", draw.duration_ms);
    draw_steps(&draw);
    draw_faults(&draw);
    streams_release(&draw.streams);
    if (fclose(draw.out) != 0)
        abort();
    return text;
}
