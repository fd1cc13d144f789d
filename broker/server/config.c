/* SPDX-License-Identifier: Apache-2.0 */
#include "server/config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum field_kind { FIELD_TEXT, FIELD_NUMBER };

struct field {
    enum field_kind kind;
    size_t offset;
    const char *key;
    const char *unit;
    const char *text; /* default of a text; NULL: required */
    int64_t value;    /* default of a number */
    int64_t minimum;
    int64_t maximum;
    const char *sentence;
};

static const struct field fields[] = {
#define CONFIG_TEXT(field, key, value, sentence)                               \
    {FIELD_TEXT, offsetof(struct config, field), key, "", value, 0, 0, 0,      \
     sentence},
#define CONFIG_NUMBER(field, key, unit, value, minimum, maximum, sentence)     \
    {FIELD_NUMBER, offsetof(struct config, field),                             \
     key,          unit,                                                       \
     NULL,         value,                                                      \
     minimum,      maximum,                                                    \
     sentence},
#include "server/config.def"
#undef CONFIG_TEXT
#undef CONFIG_NUMBER
};

#define FIELD_COUNT (sizeof fields / sizeof fields[0])

static char *text_at(struct config *config, const struct field *field)
{
    return (char *)config + field->offset;
}

static int64_t *number_at(struct config *config, const struct field *field)
{
    return (int64_t *)(void *)((char *)config + field->offset);
}

void config_init(struct config *config)
{
    memset(config, 0, sizeof *config);
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        const struct field *field = &fields[i];

        if (field->kind == FIELD_NUMBER)
            *number_at(config, field) = field->value;
        else
            snprintf(text_at(config, field), CONFIG_TEXT_BYTES, "%s",
                     field->text ? field->text : "");
    }
}

static const struct field *field_find(const char *key)
{
    for (size_t i = 0; i < FIELD_COUNT; i++)
        if (strcmp(fields[i].key, key) == 0)
            return &fields[i];
    return NULL;
}

static bool set_number(struct config *config, const struct field *field,
                       const char *value, char message[CONFIG_MESSAGE_BYTES])
{
    char *end;
    long long number;

    errno = 0;
    number = strtoll(value, &end, 10);
    if (*value == '\0' || *end != '\0' || errno != 0 ||
        number < field->minimum || number > field->maximum) {
        snprintf(message, CONFIG_MESSAGE_BYTES,
                 "'%s' is not a value for %s: give a whole number%s%s from "
                 "%" PRId64 " to %" PRId64,
                 value, field->key, *field->unit ? " of " : "", field->unit,
                 field->minimum, field->maximum);
        return false;
    }
    *number_at(config, field) = number;
    return true;
}

bool config_set(struct config *config, const char *key, const char *value,
                char message[CONFIG_MESSAGE_BYTES])
{
    const struct field *field = field_find(key);

    if (field == NULL) {
        snprintf(message, CONFIG_MESSAGE_BYTES,
                 "unknown configuration key '%s': --help lists all keys", key);
        return false;
    }
    if (field->kind == FIELD_NUMBER)
        return set_number(config, field, value, message);
    if (strlen(value) >= CONFIG_TEXT_BYTES) {
        snprintf(message, CONFIG_MESSAGE_BYTES,
                 "the value of %s is longer than %d bytes", key,
                 CONFIG_TEXT_BYTES - 1);
        return false;
    }
    snprintf(text_at(config, field), CONFIG_TEXT_BYTES, "%s", value);
    return true;
}

static char *trim(char *text)
{
    char *end = text + strlen(text);

    while (end > text && strchr(" \t\r", end[-1]))
        *--end = '\0';
    return text + strspn(text, " \t");
}

/* Handles one line; writes a message without a position on failure. */
static bool parse_line(struct config *config, char *line, size_t *column,
                       char message[CONFIG_MESSAGE_BYTES])
{
    char *key = trim(line);
    char *equals;

    *column = (size_t)(key - line) + 1;
    if (*key == '\0' || *key == '#')
        return true;
    equals = strchr(key, '=');
    if (equals == NULL) {
        snprintf(message, CONFIG_MESSAGE_BYTES,
                 "'%.80s' is not a setting: write KEY=VALUE", key);
        return false;
    }
    *equals = '\0';
    return config_set(config, trim(key), trim(equals + 1), message);
}

bool config_parse(struct config *config, const char *name, char *text,
                  char message[CONFIG_MESSAGE_BYTES])
{
    size_t number = 0;

    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        bool last = text[length] == '\0';
        char inner[CONFIG_MESSAGE_BYTES];
        size_t column;

        text[length] = '\0';
        number++;
        if (!parse_line(config, text, &column, inner)) {
            snprintf(message, CONFIG_MESSAGE_BYTES, "%.100s:%zu:%zu: %.380s",
                     name, number, column, inner);
            return false;
        }
        text += length + (last ? 0 : 1);
    }
    return true;
}

static bool check_required(const struct config *config,
                           char message[CONFIG_MESSAGE_BYTES])
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        const struct field *field = &fields[i];
        const char *at = (const char *)config + field->offset;

        if (field->kind == FIELD_TEXT && field->text == NULL && *at == '\0') {
            snprintf(message, CONFIG_MESSAGE_BYTES,
                     "%s is not set and has no default: %s", field->key,
                     field->sentence);
            return false;
        }
    }
    if (config->broker_id >= 0)
        return true;
    snprintf(message, CONFIG_MESSAGE_BYTES,
             "broker.id is not set and has no default: give each broker of "
             "the cluster a number of its own");
    return false;
}

/* ---- log.dirs ---- */

bool config_log_dir(const struct config *config, size_t n,
                    char path[CONFIG_TEXT_BYTES])
{
    const char *at = config->log_dirs;
    size_t length;

    for (; n > 0; n--) {
        at += strcspn(at, ",");
        if (*at == '\0')
            return false;
        at++;
    }
    at += strspn(at, " \t");
    length = strcspn(at, ",");
    while (length > 0 && strchr(" \t", at[length - 1]))
        length--;
    while (length > 1 && at[length - 1] == '/')
        length--;
    memcpy(path, at, length);
    path[length] = '\0';
    return true;
}

/* One is the other, or lies in it. */
static bool overlaps(const char *outer, const char *inner)
{
    size_t length = strlen(outer);

    return strncmp(outer, inner, length) == 0 &&
           (inner[length] == '\0' || inner[length] == '/' ||
            outer[length - 1] == '/');
}

static bool check_log_dir(const struct config *config, size_t n,
                          const char *path, char message[CONFIG_MESSAGE_BYTES])
{
    char other[CONFIG_TEXT_BYTES];

    if (*path == '\0') {
        snprintf(message, CONFIG_MESSAGE_BYTES,
                 "log.dirs ('%.200s') has an empty name in it: write "
                 "directories with commas between them",
                 config->log_dirs);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        config_log_dir(config, i, other);
        if (strcmp(other, path) == 0) {
            snprintf(message, CONFIG_MESSAGE_BYTES,
                     "log.dirs names the directory %.300s twice: name each "
                     "once",
                     path);
            return false;
        }
        if (overlaps(other, path) || overlaps(path, other)) {
            snprintf(message, CONFIG_MESSAGE_BYTES,
                     "log.dirs names %.150s and %.150s, of which one lies in "
                     "the other: name directories that do not",
                     other, path);
            return false;
        }
    }
    return true;
}

static bool check_log_dirs(const struct config *config,
                           char message[CONFIG_MESSAGE_BYTES])
{
    char path[CONFIG_TEXT_BYTES];
    size_t n = 0;

    for (; config_log_dir(config, n, path); n++) {
        if (n == CONFIG_LOG_DIRS_MAX) {
            snprintf(message, CONFIG_MESSAGE_BYTES,
                     "log.dirs names more than %d directories",
                     CONFIG_LOG_DIRS_MAX);
            return false;
        }
        if (!check_log_dir(config, n, path, message))
            return false;
    }
    return true;
}

bool config_check(const struct config *config,
                  char message[CONFIG_MESSAGE_BYTES])
{
    if (!check_required(config, message))
        return false;
    if (config->replica_lag_ms <= config->session_timeout_ms) {
        snprintf(message, CONFIG_MESSAGE_BYTES,
                 "replica.lag.time.max.ms (%" PRId64 ") must be more than "
                 "zookeeper.session.timeout.ms (%" PRId64 "): else a leader "
                 "that is cut off evicts its followers before it is replaced",
                 config->replica_lag_ms, config->session_timeout_ms);
        return false;
    }
    if (config->message_bytes_max * 2 > config->frame_bytes_max) {
        snprintf(message, CONFIG_MESSAGE_BYTES,
                 "message.max.bytes (%" PRId64 ") must be at most half of "
                 "socket.request.max.bytes (%" PRId64 ")",
                 config->message_bytes_max, config->frame_bytes_max);
        return false;
    }
    if (config->index_interval_bytes * 4 > config->frame_bytes_max) {
        snprintf(message, CONFIG_MESSAGE_BYTES,
                 "log.index.interval.bytes (%" PRId64 ") must be at most a "
                 "quarter of socket.request.max.bytes (%" PRId64 "): what lies "
                 "between two index entries goes in one frame",
                 config->index_interval_bytes, config->frame_bytes_max);
        return false;
    }
    return check_log_dirs(config, message);
}

bool config_key(size_t n, struct config_key *key, char buffer[32])
{
    const struct field *field;

    if (n >= FIELD_COUNT)
        return false;
    field = &fields[n];
    snprintf(buffer, 32, "%" PRId64, field->value);
    *key = (struct config_key){
        .key = field->key,
        .unit = field->unit,
        .default_value = field->kind == FIELD_TEXT ? field->text : buffer,
        .sentence = field->sentence,
    };
    if (field->kind == FIELD_NUMBER && field->value < field->minimum)
        key->default_value = NULL;
    return true;
}
