/* SPDX-License-Identifier: Apache-2.0
 *
 * A scenario from its structs to its text: what scenario_parse() makes the
 * same structs of. What is as it is without being said is left out.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "sim/scenario/internal.h"

#define TEXT_COLUMNS 76

/* A mapping on one line, {a: 1, b: 2}. */
struct row {
    FILE *out;
    const struct scenario *scenario;
    bool begun;
};

/* ---- single values ---- */

/* In quotes where YAML would take it for something else. */
static void put_name(FILE *out, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

    if (*text != '\0' && text[strspn(text, plain)] == '\0' &&
        strcmp(text, "-") != 0) {
        fputs(text, out);
        return;
    }
    putc('\'', out);
    for (; *text != '\0'; text++)
        fputs(*text == '\'' ? "''" : (const char[]){*text, '\0'}, out);
    putc('\'', out);
}

static void put_duration(FILE *out, int64_t us)
{
    static const struct {
        const char *unit;
        int64_t us;
    } units[] = {
        {"d", 86400000000}, {"h", 3600000000}, {"s", 1000000}, {"ms", 1000}};

    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (us != 0 && us % units[i].us == 0) {
            fprintf(out, "%" PRId64 "%s", us / units[i].us, units[i].unit);
            return;
        }
    fprintf(out, us == 0 ? "0s" : "%" PRId64 "us", us);
}

static void put_span(FILE *out, const struct span *span)
{
    bool window = span->from_us != span->to_us;

    if (window)
        putc('[', out);
    put_duration(out, span->from_us);
    if (!window)
        return;
    fputs(", ", out);
    put_duration(out, span->to_us);
    putc(']', out);
}

static void put_size(FILE *out, int64_t bytes)
{
    bool kib = bytes > 0 && bytes % 1024 == 0;

    fprintf(out, "%" PRId64 "%s", kib ? bytes / 1024 : bytes,
            kib ? "KiB" : "B");
}

/* The rate that read_interval() makes this interval of. */
static void put_rate(FILE *out, int64_t interval_us)
{
    static const struct {
        const char *unit;
        int64_t us;
    } units[] = {{"/s", 1000000}, {"/m", 60000000}, {"/h", 3600000000}};
    size_t i = 0;
    int64_t number = 0;

    for (; i < COUNT_OF(units); i++) {
        number = units[i].us / (interval_us + 1) + 1; /* the smallest */
        if (units[i].us / number == interval_us)
            break;
    }
    fprintf(out, "%" PRId64 "%s", number, units[i].unit);
}

static void put_chance(FILE *out, double chance)
{
    char text[32];
    int digits = 1;

    do {
        snprintf(text, sizeof text, "%.*g", digits, chance);
    } while (strtod(text, NULL) != chance && ++digits <= 17);
    fputs(text, out);
}

/* ---- rows ---- */

static FILE *put_key(struct row *row, const char *key)
{
    fprintf(row->out, "%s%s: ", row->begun ? ", " : "{", key);
    row->begun = true;
    return row->out;
}

static void put_count(struct row *row, const char *key, int64_t value,
                      int64_t otherwise)
{
    if (value != otherwise)
        fprintf(put_key(row, key), "%" PRId64, value);
}

static void put_time(struct row *row, const char *key, int64_t us,
                     int64_t otherwise)
{
    if (us != otherwise)
        put_duration(put_key(row, key), us);
}

static void end_row(struct row *row)
{
    fputs(row->begun ? "}\n" : "{}\n", row->out);
}

static void put_place(const struct row *row, int64_t topic, int64_t partition)
{
    char place[512];

    snprintf(place, sizeof place, "%s/%" PRId64,
             row->scenario->topics[topic].name, partition);
    fputs(place, row->out);
}

static void put_config(struct row *row, const struct settings *settings)
{
    struct row inner = {.out = row->out};

    put_key(row, "config");
    for (size_t i = 0; i < settings->count; i++)
        put_name(put_key(&inner, settings->items[i].key),
                 settings->items[i].value);
    fputs(inner.begun ? "}" : "{}", row->out);
}

static void put_target(const struct row *row, const struct target *target)
{
    const char *word = target_word(target->kind);

    if (target->kind == TARGET_BROKER || target->kind == TARGET_CLIENT ||
        target->kind == TARGET_ZOOKEEPER) {
        fprintf(row->out, "%s%" PRId64, word, target->index + 1);
        return;
    }
    fputs(word, row->out);
    if (target->kind != TARGET_LEADER && target->kind != TARGET_FOLLOWER &&
        target->kind != TARGET_FOLLOWERS)
        return;
    putc('(', row->out);
    put_place(row, target->topic, target->partition);
    putc(')', row->out);
}

/* ---- clients ---- */

static void put_timestamps(struct row *row,
                           const struct scenario_producer *producer)
{
    if (producer->timestamps == TIMESTAMPS_AT)
        fprintf(put_key(row, "timestamps"), "at %" PRId64,
                producer->timestamp_ms);
    else if (producer->timestamps == TIMESTAMPS_OFFSET)
        put_duration(put_key(row, "timestamps"), producer->timestamp_ms * 1000);
    put_count(row, "timestamps-every", producer->timestamp_every, 1);
}

static void put_producer(struct row *row,
                         const struct scenario_producer *producer)
{
    const struct scenario_producer *usual = &producer_defaults;

    put_name(put_key(row, "topic"),
             row->scenario->topics[producer->topic].name);
    put_count(row, "clients", producer->clients, usual->clients);
    put_rate(put_key(row, "rate"), producer->interval_us);
    put_count(row, "batch", producer->batch, usual->batch);
    if (producer->record_bytes != usual->record_bytes)
        put_size(put_key(row, "record-size"), producer->record_bytes);
    put_count(row, "acks", producer->acks, usual->acks);
    if (producer->idempotence != (producer->acks == -1))
        fputs(producer->idempotence ? "true" : "false",
              put_key(row, "idempotence"));
    put_count(row, "partition", producer->partition, usual->partition);
    put_timestamps(row, producer);
    put_count(row, "in-flight", producer->in_flight, usual->in_flight);
    put_time(row, "delivery-timeout", producer->delivery_timeout_us,
             usual->delivery_timeout_us);
    put_time(row, "from", producer->from_us, usual->from_us);
    put_time(row, "until", producer->until_us, usual->until_us);
    end_row(row);
}

static void put_consumer(struct row *row,
                         const struct scenario_consumer *consumer)
{
    put_name(put_key(row, "topic"),
             row->scenario->topics[consumer->topic].name);
    put_count(row, "clients", consumer->clients, 1);
    if (consumer->latest)
        fputs("latest", put_key(row, "start"));
    put_time(row, "from", consumer->from_us, 0);
    put_time(row, "until", consumer->until_us, SCENARIO_FOR_EVER);
    end_row(row);
}

/* ---- steps and faults ---- */

static void put_when(struct row *row, const struct scenario_step *step)
{
    if (step->when.kind == CONDITION_NONE) {
        put_span(put_key(row, "at"), &step->at);
        return;
    }
    put_key(row, "when");
    put_place(row, step->when.topic, step->when.partition);
    fprintf(row->out, " %s %" PRId64, condition_name(step->when.kind),
            step->when.count);
    if (step->after.to_us > 0)
        put_span(put_key(row, "after"), &step->after);
}

static void put_nodes(struct row *row, const struct scenario_step *step)
{
    if (step->target_count != 1)
        putc('[', row->out);
    for (size_t i = 0; i < step->target_count; i++) {
        fputs(i > 0 ? ", " : "", row->out);
        put_target(row, &step->targets[i]);
    }
    if (step->target_count != 1)
        putc(']', row->out);
}

static void put_action(struct row *row, const struct scenario_step *step)
{
    put_key(row, step_name(step->action));
    switch (step_takes(step->action)) {
    case TAKES_LINK:
        if (step->from.kind == TARGET_NOBODY) {
            fputs("all", row->out);
            break;
        }
        putc('[', row->out);
        put_target(row, &step->from);
        fputs(", ", row->out);
        put_target(row, &step->to);
        putc(']', row->out);
        break;
    case TAKES_TOPIC:
        put_name(row->out, row->scenario->topics[step->topic].name);
        break;
    case TAKES_ZNODE:
        put_name(row->out, step->znode);
        if (step->damage != ZNODE_GARBAGE)
            fputs(znode_damage_name(step->damage), put_key(row, "as"));
        break;
    case TAKES_PLACE:
        put_place(row, step->topic, step->partition);
        break;
    case TAKES_MOVE:
        if (step->partition < 0)
            put_name(row->out, row->scenario->topics[step->topic].name);
        else
            put_place(row, step->topic, step->partition);
        if (step->target_count == 0)
            break;
        put_key(row, "brokers");
        put_nodes(row, step);
        break;
    default:
        put_nodes(row, step);
    }
}

static void put_step(struct row *row, const struct scenario_step *step)
{
    put_when(row, step);
    put_action(row, step);
    if (step->one_way)
        fputs("true", put_key(row, "one-way"));
    if (step->action == STEP_CLOCK_JUMP)
        put_duration(put_key(row, "by"), step->by_ms * 1000);
    if (step->bytes >= 0)
        put_size(put_key(row, "bytes"), step->bytes);
    put_count(row, "directory", step->directory, 0);
    if (step->action == STEP_ROT) {
        put_key(row, "partition");
        put_place(row, step->topic, step->partition);
    }
    put_count(row, "byte", step->byte, 0);
    put_count(row, "to", step->partitions, 0);
    put_count(row, "before", step->before, 0);
    put_count(row, "broker", step->broker, 0);
    if (step->copy_rate > 0)
        put_size(put_key(row, "copy-rate"), step->copy_rate);
    if (step->action == STEP_ALTER_TOPIC)
        put_config(row, &step->config);
    if (step->hold.from_us >= 0)
        put_span(put_key(row, "for"), &step->hold);
    if (step->every.to_us > 0) {
        put_span(put_key(row, "every"), &step->every);
        put_count(row, "times", step->times, -1);
    }
    end_row(row);
}

static void put_fault(struct row *row, const struct scenario_fault *fault)
{
    fputs(point_name(fault->point), put_key(row, "point"));
    if (fault->node.kind != TARGET_EVERYBODY) {
        put_key(row, "node");
        put_target(row, &fault->node);
    }
    if (fault->nth_count == 0) {
        put_chance(put_key(row, "rate"), fault->rate);
    } else {
        put_key(row, "nth");
        fputs(fault->nth_count > 1 ? "[" : "", row->out);
        for (size_t i = 0; i < fault->nth_count; i++)
            fprintf(row->out, "%s%" PRIu64, i > 0 ? ", " : "", fault->nths[i]);
        fputs(fault->nth_count > 1 ? "]" : "", row->out);
    }
    put_time(row, "from", fault->from_us, 0);
    put_time(row, "until", fault->until_us, SCENARIO_FOR_EVER);
    put_count(row, "limit", fault->limit, 0);
    end_row(row);
}

/* ---- the top ---- */

/* Folded: lines of words below a ">-". */
static void put_description(FILE *out, const char *text)
{
    size_t column = TEXT_COLUMNS;

    fputs("description: >-", out);
    while (*(text += strspn(text, " \t\n")) != '\0') {
        size_t length = strcspn(text, " \t\n");
        bool fits = column + 1 + length <= TEXT_COLUMNS;

        fprintf(out, "%s%.*s", fits ? " " : "\n  ", (int)length, text);
        column = (fits ? column + 1 : 0) + length;
        text += length;
    }
    putc('\n', out);
}

static void put_cluster(FILE *out, const struct scenario *scenario)
{
    const struct settings *config = &scenario->config;

    fprintf(out,
            "cluster:\n  brokers: %" PRId64 "\n  zookeepers: %" PRId64 "\n",
            scenario->brokers, scenario->zookeepers);
    if (scenario->log_dirs != 1)
        fprintf(out, "  log-dirs: %" PRId64 "\n", scenario->log_dirs);
    if (config->count > 0)
        fputs("  config:\n", out);
    for (size_t i = 0; i < config->count; i++) {
        fprintf(out, "    %s: ", config->items[i].key);
        put_name(out, config->items[i].value);
        putc('\n', out);
    }
    if (scenario->disk_profile != DISK_PROFILE_DRAWN || scenario->unbounded) {
        struct row row = {.out = out};

        fputs("disk: ", out);
        if (scenario->disk_profile != DISK_PROFILE_DRAWN)
            fputs(profile_name(scenario->disk_profile),
                  put_key(&row, "profile"));
        if (scenario->unbounded)
            fputs("unbounded", put_key(&row, "damage"));
        end_row(&row);
    }
}

static void put_topics(FILE *out, const struct scenario *scenario)
{
    int64_t usual = scenario->brokers < 3 ? scenario->brokers : 3;

    fputs("topics:\n", out);
    for (size_t i = 0; i < scenario->topic_count; i++) {
        const struct scenario_topic *topic = &scenario->topics[i];
        struct row row = {.out = out};

        fputs("  ", out);
        put_name(out, topic->name);
        fputs(": ", out);
        put_count(&row, "partitions", topic->partitions, 1);
        put_count(&row, "replicas", topic->replicas, usual);
        if (topic->config.count > 0)
            put_config(&row, &topic->config);
        end_row(&row);
    }
}

static void put_rows(FILE *out, const struct scenario *scenario)
{
    fputs("producers:\n", out);
    for (size_t i = 0; i < scenario->producer_count; i++) {
        fputs("  - ", out);
        put_producer(&(struct row){out, scenario, false},
                     &scenario->producers[i]);
    }
    fputs(scenario->consumer_count > 0 ? "consumers:\n" : "", out);
    for (size_t i = 0; i < scenario->consumer_count; i++) {
        fputs("  - ", out);
        put_consumer(&(struct row){out, scenario, false},
                     &scenario->consumers[i]);
    }
    fputs(scenario->step_count > 0 ? "steps:\n" : "", out);
    for (size_t i = 0; i < scenario->step_count; i++) {
        fputs("  - ", out);
        put_step(&(struct row){out, scenario, false}, &scenario->steps[i]);
    }
    fputs(scenario->fault_count > 0 ? "faults:\n" : "", out);
    for (size_t i = 0; i < scenario->fault_count; i++) {
        fputs("  - ", out);
        put_fault(&(struct row){out, scenario, false}, &scenario->faults[i]);
    }
}

static void put_set(FILE *out, const char *key, uint64_t set,
                    const char *(*name)(size_t index))
{
    const char *before = "";

    fprintf(out, "%s: [", key);
    for (size_t i = 0; i < 64; i++)
        if ((set >> i & 1) != 0) {
            fprintf(out, "%s%s", before, name(i));
            before = ", ";
        }
    fputs("]\n", out);
}

static const char *name_of_oracle(size_t index)
{
    return oracle_name((enum oracle_id)index);
}

static void put_line(FILE *out, const char *key, int64_t us, int64_t otherwise)
{
    if (us == otherwise)
        return;
    fprintf(out, "%s: ", key);
    put_duration(out, us);
    putc('\n', out);
}

static void put_limits(FILE *out, const struct scenario *scenario)
{
    const struct scenario_least *least = &scenario->at_least;
    struct row row = {.out = out};

    if (scenario->oracles != scenario_oracles(scenario->unbounded))
        put_set(out, "oracles", scenario->oracles, name_of_oracle);
    if (least->sent > 1 || least->acked > 1 || least->read > 1) {
        fputs("at-least: ", out);
        put_count(&row, "sent", least->sent, 1);
        put_count(&row, "acked", least->acked, 1);
        put_count(&row, "read", least->read, 1);
        end_row(&row);
    }
    if (scenario->heal_within_given)
        put_line(out, "heal-within", scenario->heal_within_us, -1);
    put_line(out, "settle", scenario->settle_us, 0);
    put_line(out, "restart-delay", scenario->restart_delay_us,
             SCENARIO_RESTART_DELAY_US);
    put_line(out, "clock-slack", scenario->clock_slack_ms * 1000,
             SCENARIO_CLOCK_SLACK_MS * 1000);
    put_line(out, "always-led", scenario->leaderless_us, 0);
    if (scenario->reaches != 0)
        put_set(out, "reaches", scenario->reaches, mark_name);
}

char *scenario_write(const struct scenario *scenario)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL)
        abort();
    put_description(out, scenario->description);
    put_cluster(out, scenario);
    fputs("duration: ", out);
    put_duration(out, scenario->duration_us);
    putc('\n', out);
    put_topics(out, scenario);
    put_rows(out, scenario);
    put_limits(out, scenario);
    if (fclose(out) != 0)
        abort();
    return text;
}
