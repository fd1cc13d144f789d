/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/topic_config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

struct setting {
    const char *key;
    int64_t minimum;
    int64_t maximum;
};

static const struct setting settings[] = {
#define TOPIC_CONFIG(name, key, minimum, maximum, sentence)                    \
    {key, minimum, maximum},
#include "cluster/topic_config.def"
#undef TOPIC_CONFIG
};

static bool is_switch(const struct setting *setting)
{
    return setting->minimum == 0 && setting->maximum == 1;
}

static bool parse(const struct setting *setting, const char *text,
                  int64_t *value)
{
    char *end;

    if (is_switch(setting)) {
        *value = strcmp(text, "true") == 0;
        return *value || strcmp(text, "false") == 0;
    }
    errno = 0;
    *value = strtoll(text, &end, 10);
    return *text != '\0' && *end == '\0' && errno == 0 &&
           *value >= setting->minimum && *value <= setting->maximum;
}

static void complain_unknown(const char *key, char *sentence, size_t size)
{
    int used =
        snprintf(sentence, size, "there is no setting '%.40s'; take", key);

    for (size_t i = 0; i < TOPIC_SETTING_COUNT && (size_t)used < size; i++)
        used += snprintf(sentence + used, size - (size_t)used, "%s %s",
                         i == 0 ? "" : ",", settings[i].key);
}

bool topic_config_known(const char *key)
{
    for (size_t i = 0; i < TOPIC_SETTING_COUNT; i++)
        if (strcmp(settings[i].key, key) == 0)
            return true;
    return false;
}

bool topic_config_check(const char *key, const char *value, char *sentence,
                        size_t size)
{
    int64_t number;

    for (size_t i = 0; i < TOPIC_SETTING_COUNT; i++) {
        const struct setting *setting = &settings[i];

        if (strcmp(setting->key, key) != 0)
            continue;
        if (value == NULL || parse(setting, value, &number))
            return true;
        if (is_switch(setting))
            snprintf(sentence, size,
                     "'%.40s' is not a value for %s: give true or false", value,
                     key);
        else
            snprintf(sentence, size,
                     "'%.40s' is not a value for %s: give a whole number from "
                     "%" PRId64 " to %" PRId64,
                     value, key, setting->minimum, setting->maximum);
        return false;
    }
    complain_unknown(key, sentence, size);
    return false;
}

int64_t topic_setting(const struct topic *topic, enum topic_setting setting,
                      int64_t other)
{
    const char *text = topic_config_value(topic, settings[setting].key);
    int64_t value;

    if (text == NULL || !parse(&settings[setting], text, &value))
        return other;
    return value;
}

const char *topic_setting_key(enum topic_setting setting)
{
    return settings[setting].key;
}

void topic_setting_write(enum topic_setting setting, int64_t value,
                         char text[TOPIC_SETTING_BYTES])
{
    if (is_switch(&settings[setting]))
        snprintf(text, TOPIC_SETTING_BYTES, "%s", value ? "true" : "false");
    else
        snprintf(text, TOPIC_SETTING_BYTES, "%" PRId64, value);
}

int64_t topic_setting_default(enum topic_setting setting,
                              const struct log_settings *defaults,
                              uint32_t min_insync_replicas)
{
    switch (setting) {
    case TOPIC_RETENTION_MS:
        return defaults->retention_ms;
    case TOPIC_RETENTION_BYTES:
        return defaults->retention_bytes;
    case TOPIC_SEGMENT_BYTES:
        return (int64_t)defaults->segment_bytes;
    case TOPIC_SEGMENT_MS:
        return defaults->segment_ms;
    case TOPIC_FLUSH_MS:
        return defaults->flush_ms;
    case TOPIC_MIN_INSYNC_REPLICAS:
        return min_insync_replicas;
    case TOPIC_MAX_MESSAGE_BYTES:
        return defaults->batch_bytes_max;
    case TOPIC_UNCLEAN_LEADER_ELECTION:
        return false;
    case TOPIC_SETTING_COUNT:
        break;
    }
    UNREACHABLE();
}

struct log_settings topic_log_settings(const struct topic *topic, bool lazy,
                                       const struct log_settings *defaults)
{
    struct log_settings out = *defaults;

    out.segment_bytes = (uint64_t)topic_setting(
        topic, TOPIC_SEGMENT_BYTES, (int64_t)defaults->segment_bytes);
    out.segment_ms =
        topic_setting(topic, TOPIC_SEGMENT_MS, defaults->segment_ms);
    out.retention_ms =
        topic_setting(topic, TOPIC_RETENTION_MS, defaults->retention_ms);
    out.retention_bytes =
        topic_setting(topic, TOPIC_RETENTION_BYTES, defaults->retention_bytes);
    out.flush_ms =
        lazy ? topic_setting(topic, TOPIC_FLUSH_MS, defaults->flush_ms) : 0;
    out.batch_bytes_max = (uint32_t)topic_setting(
        topic, TOPIC_MAX_MESSAGE_BYTES, defaults->batch_bytes_max);
    return out;
}
