/* SPDX-License-Identifier: Apache-2.0
 *
 * Configuration of a broker, made from one table (config.def). Files hold
 * KEY=VALUE lines, '#' starts a comment line.
 */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_TEXT_BYTES    1024
#define CONFIG_MESSAGE_BYTES 512
#define CONFIG_LOG_DIRS_MAX  32

struct config {
#define CONFIG_TEXT(field, key, value, sentence) char field[CONFIG_TEXT_BYTES];
#define CONFIG_NUMBER(field, key, unit, value, minimum, maximum, sentence)     \
    int64_t field;
#include "server/config.def"
#undef CONFIG_TEXT
#undef CONFIG_NUMBER
};

/* All defaults; required keys are left empty or negative. */
void config_init(struct config *config);

/* Sets one key from text. On failure writes a sentence naming the key, the
 * value and what is allowed, and returns false. */
bool config_set(struct config *config, const char *key, const char *value,
                char message[CONFIG_MESSAGE_BYTES]);

/* Reads the text of a file; messages start with "name:line:column: ". */
bool config_parse(struct config *config, const char *name, char *text,
                  char message[CONFIG_MESSAGE_BYTES]);

/* Required keys and rules across keys. */
bool config_check(const struct config *config,
                  char message[CONFIG_MESSAGE_BYTES]);

/* The n-th directory of log.dirs, without blanks around it and slashes at its
 * end: false past the last one. */
bool config_log_dir(const struct config *config, size_t n,
                    char path[CONFIG_TEXT_BYTES]);

/* The n-th key, for --help: false past the end. */
struct config_key {
    const char *key;
    const char *unit;
    const char *default_value; /* NULL: required */
    const char *sentence;
};
bool config_key(size_t n, struct config_key *key, char buffer[32]);

#endif
