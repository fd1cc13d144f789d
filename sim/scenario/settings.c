/* SPDX-License-Identifier: Apache-2.0
 *
 * Configuration of brokers and topics, checked by the tables of the product.
 * A value may bear a unit: 2s for a key that ends in .ms, 64KiB for one that
 * ends in .bytes.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "server/config.h"
#include "sim/scenario/internal.h"

struct topic_key {
    const char *key;
    int64_t minimum;
    int64_t maximum;
};

static const struct topic_key topic_keys[] = {
#define TOPIC_CONFIG(name, key, minimum, maximum, sentence)                    \
    {key, minimum, maximum},
#include "cluster/topic_config.def"
#undef TOPIC_CONFIG
};

/* What the simulator itself gives to each broker. */
static const char *const reserved[] = {
    "broker.id",       "zookeeper.connect", "listener.host", "listener.port",
    "advertised.host", "advertised.port",   "log.dirs"};

#define NAMES_MAX 64

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);

    return length >= tail && strcmp(text + length - tail, end) == 0;
}

/* The value as the product writes it: a number without a unit. */
static void plain(const char *key, const char *value, char *out, size_t size)
{
    int64_t number;

    if (parse_count(value, &number))
        snprintf(out, size, "%" PRId64, number);
    else if (ends_with(key, ".ms") && parse_duration(value, &number))
        snprintf(out, size, "%" PRId64, number / 1000);
    else if (ends_with(key, ".bytes") && parse_size(value, &number))
        snprintf(out, size, "%" PRId64, number);
    else
        snprintf(out, size, "%s", value);
}

static void settings_add(struct settings *settings, const char *key,
                         const char *value)
{
    struct setting *items =
        realloc(settings->items, (settings->count + 1) * sizeof *items);

    if (items == NULL)
        abort();
    settings->items = items;
    items[settings->count++] =
        (struct setting){loader_copy(key), loader_copy(value)};
}

void settings_release(struct settings *settings)
{
    for (size_t i = 0; i < settings->count; i++) {
        free(settings->items[i].key);
        free(settings->items[i].value);
    }
    free(settings->items);
    *settings = (struct settings){NULL, 0};
}

typedef bool key_checker(struct loader *loader, yaml_node_t *at,
                         yaml_node_t *value, const char *key, const char *text);

static void read_settings(struct loader *loader, yaml_node_t *node,
                          struct settings *settings, key_checker *check)
{
    yaml_node_pair_t *pair;

    if (node->type != YAML_MAPPING_NODE) {
        complain(loader, node, "config must be a mapping of keys to values");
        return;
    }
    for (pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        yaml_node_t *at = yaml_document_get_node(loader->document, pair->key);
        yaml_node_t *value =
            yaml_document_get_node(loader->document, pair->value);
        const char *key = entry_key(loader, node, pair);
        const char *text = key ? scalar(loader, value, key) : NULL;
        char number[CONFIG_TEXT_BYTES];

        if (text == NULL)
            continue;
        plain(key, text, number, sizeof number);
        if (check(loader, at, value, key, number))
            settings_add(settings, key, number);
    }
}

/* ---- brokers ---- */

static void complain_broker_key(struct loader *loader, yaml_node_t *at,
                                const char *key)
{
    const char *names[NAMES_MAX];
    size_t count = 0;
    struct config_key known;
    char buffer[32];

    while (count < NAMES_MAX && config_key(count, &known, buffer))
        names[count++] = known.key;
    complain(loader, at, "a broker has no configuration key '%s'%s", key,
             did_you_mean(key, names, count));
}

static bool is_broker_key(const char *key)
{
    struct config_key known;
    char buffer[32];

    for (size_t n = 0; config_key(n, &known, buffer); n++)
        if (strcmp(known.key, key) == 0)
            return true;
    return false;
}

static bool is_reserved(const char *key)
{
    for (size_t i = 0; i < COUNT_OF(reserved); i++)
        if (strcmp(key, reserved[i]) == 0)
            return true;
    return false;
}

static bool check_broker_key(struct loader *loader, yaml_node_t *at,
                             yaml_node_t *value, const char *key,
                             const char *text)
{
    char message[CONFIG_MESSAGE_BYTES];
    struct config *config;
    bool good;

    if (!is_broker_key(key)) {
        complain_broker_key(loader, at, key);
        return false;
    }
    if (is_reserved(key)) {
        complain(loader, at,
                 "'%s' is set by the simulator for each broker: leave it out",
                 key);
        return false;
    }
    config = loader_alloc(1, sizeof *config);
    config_init(config);
    good = config_set(config, key, text, message);
    free(config);
    if (!good)
        complain(loader, value, "%s", message);
    return good;
}

/* All defaults, then those of the file. */
static struct config *make_config(const struct settings *settings)
{
    struct config *config = loader_alloc(1, sizeof *config);
    char message[CONFIG_MESSAGE_BYTES];

    config_init(config);
    config_set(config, "broker.id", "1", message);
    config_set(config, "zookeeper.connect", "z1:2181", message);
    config_set(config, "log.dirs", "data", message);
    for (size_t i = 0; i < settings->count; i++)
        config_set(config, settings->items[i].key, settings->items[i].value,
                   message);
    return config;
}

static void read_broker_config(struct loader *loader, yaml_node_t *node,
                               void *to, const struct field *field)
{
    char message[CONFIG_MESSAGE_BYTES];
    struct settings *settings = to;
    size_t before = loader->complaints->count;
    struct config *config;

    (void)field;
    read_settings(loader, node, settings, check_broker_key);
    config = make_config(settings);
    if (loader->complaints->count == before && !config_check(config, message))
        complain(loader, node, "%s", message);
    free(config);
}

/* Of those that a file may set. */
static const char *nth_broker_key(size_t n)
{
    struct config_key known;
    char buffer[32];

    for (size_t at = 0; config_key(at, &known, buffer); at++)
        if (!is_reserved(known.key) && n-- == 0)
            return known.key;
    return NULL;
}

const struct type type_broker_config = {.read = read_broker_config,
                                        .key = nth_broker_key};

/* ---- topics ---- */

static bool is_switch(const struct topic_key *key)
{
    return key->minimum == 0 && key->maximum == 1;
}

static bool check_switch(struct loader *loader, yaml_node_t *value,
                         const char *key, const char *text)
{
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
        return true;
    complain(loader, value, "'%s' is not a value for %s: give true or false",
             text, key);
    return false;
}

static bool check_topic_key(struct loader *loader, yaml_node_t *at,
                            yaml_node_t *value, const char *key,
                            const char *text)
{
    const char *names[COUNT_OF(topic_keys)];
    int64_t number;

    for (size_t i = 0; i < COUNT_OF(topic_keys); i++) {
        const struct topic_key *known = &topic_keys[i];

        names[i] = known->key;
        if (strcmp(key, known->key) != 0)
            continue;
        if (is_switch(known))
            return check_switch(loader, value, key, text);
        if (parse_count(text, &number) && number >= known->minimum &&
            number <= known->maximum)
            return true;
        complain(loader, value,
                 "'%s' is not a value for %s: give a whole number%s from "
                 "%" PRId64 " to %" PRId64,
                 text, key,
                 ends_with(key, ".ms")      ? " with a unit, such as 2s,"
                 : ends_with(key, ".bytes") ? " with a unit, such as 64KiB,"
                                            : "",
                 known->minimum, known->maximum);
        return false;
    }
    complain(loader, at, "a topic has no configuration key '%s'%s", key,
             did_you_mean(key, names, COUNT_OF(names)));
    return false;
}

void read_topic_config(struct loader *loader, yaml_node_t *node, void *to,
                       const struct field *field)
{
    (void)field;
    read_settings(loader, node, to, check_topic_key);
}

const char *topic_config_key(size_t n)
{
    return n < COUNT_OF(topic_keys) ? topic_keys[n].key : NULL;
}

const struct type type_topic_config = {.read = read_topic_config,
                                       .key = topic_config_key};

static int64_t setting_or(const struct settings *settings, const char *key,
                          int64_t other)
{
    int64_t value;

    for (size_t i = 0; i < settings->count; i++)
        if (strcmp(settings->items[i].key, key) == 0 &&
            parse_count(settings->items[i].value, &value))
            return value;
    return other;
}

/* unclean.leader.election.enable */
static bool switched_on(const struct settings *settings, bool other)
{
    for (size_t i = 0; i < settings->count; i++)
        if (strcmp(settings->items[i].key, "unclean.leader.election.enable") ==
            0)
            return strcmp(settings->items[i].value, "true") == 0;
    return other;
}

static void resolve_topic(struct scenario_topic *topic,
                          const struct config *config)
{
    const struct settings *own = &topic->config;
    int64_t min =
        setting_or(own, "min.insync.replicas", config->min_insync_replicas);

    topic->judged = (struct judge_topic){
        .name = topic->name,
        .partitions = (uint32_t)topic->partitions,
        .replicas = (uint32_t)topic->replicas_least,
        .min_insync = (uint32_t)(min < topic->replicas ? min : topic->replicas),
        .retention_ms = setting_or(own, "retention.ms", config->retention_ms),
        .retention_bytes =
            setting_or(own, "retention.bytes", config->retention_bytes),
        .segment_bytes =
            setting_or(own, "segment.bytes", config->segment_bytes),
        .segment_ms = setting_or(own, "segment.ms", config->segment_ms),
        .flush_ms = setting_or(own, "flush.ms", config->flush_ms),
        .retention_check_ms = config->retention_check_ms,
        .unclean_election = switched_on(own, false),
    };
}

void settings_apply(const struct settings *settings, struct judge_topic *topic)
{
    topic->retention_ms =
        setting_or(settings, "retention.ms", topic->retention_ms);
    topic->retention_bytes =
        setting_or(settings, "retention.bytes", topic->retention_bytes);
    topic->segment_bytes =
        setting_or(settings, "segment.bytes", topic->segment_bytes);
    topic->segment_ms = setting_or(settings, "segment.ms", topic->segment_ms);
    topic->flush_ms = setting_or(settings, "flush.ms", topic->flush_ms);
    topic->min_insync = (uint32_t)setting_or(settings, "min.insync.replicas",
                                             topic->min_insync);
    if (topic->min_insync > topic->replicas)
        topic->min_insync = topic->replicas;
    topic->unclean_election = switched_on(settings, topic->unclean_election);
}

/* Session and lag time-out, and ten seconds (design, whole again). */
#define HEAL_MARGIN_MS 10000

void resolve_topics(struct loader *loader)
{
    struct scenario *scenario = loader->scenario;
    struct config *config = make_config(&scenario->config);

    for (size_t i = 0; i < scenario->topic_count; i++)
        resolve_topic(&scenario->topics[i], config);
    scenario->heal_within_given = scenario->heal_within_us >= 0;
    scenario->stale_us = config->session_timeout_ms * 1000;
    if (scenario->heal_within_us < 0)
        scenario->heal_within_us = (config->session_timeout_ms +
                                    config->replica_lag_ms + HEAL_MARGIN_MS) *
                                   1000;
    free(config);
}
