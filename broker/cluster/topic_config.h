/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings of a topic, from the table topic_config.def.
 */
#ifndef CLUSTER_TOPIC_CONFIG_H
#define CLUSTER_TOPIC_CONFIG_H

#include "cluster/metadata.h"
#include "log/log.h"

enum topic_setting {
#define TOPIC_CONFIG(name, key, minimum, maximum, sentence) TOPIC_##name,
#include "cluster/topic_config.def"
#undef TOPIC_CONFIG
    TOPIC_SETTING_COUNT
};

/* False, with a sentence that names the key and what it takes, when there is
 * no such setting or the value (NULL: none) is not in its range. */
bool topic_config_check(const char *key, const char *value, char *sentence,
                        size_t size);

bool topic_config_known(const char *key);

/* The value of a setting, or `other` when the topic does not set it. */
int64_t topic_setting(const struct topic *topic, enum topic_setting setting,
                      int64_t other);

const char *topic_setting_key(enum topic_setting setting);
/* The value as people write it. */
#define TOPIC_SETTING_BYTES 24
void topic_setting_write(enum topic_setting setting, int64_t value,
                         char text[TOPIC_SETTING_BYTES]);
/* What this broker gives to a topic that does not set it. */
int64_t topic_setting_default(enum topic_setting setting,
                              const struct log_settings *defaults,
                              uint32_t min_insync_replicas);

/* All that a log needs, with the broker's defaults for what is not set. A
 * partition that is not lazy is synced before it counts, whatever a broker's
 * own default became since the topic was made. */
struct log_settings topic_log_settings(const struct topic *topic, bool lazy,
                                       const struct log_settings *defaults);

#endif
