/* SPDX-License-Identifier: Apache-2.0
 *
 * Values on the command line. Pure; each returns false when the text is not
 * of its form.
 */
#ifndef CLI_PARSE_H
#define CLI_PARSE_H

#include <kq/kq.h>

/* A whole number within [minimum, maximum]. */
bool parse_number(const char *text, int64_t minimum, int64_t maximum,
                  int64_t *value);

/* Bytes: 4096, 64k, 1M, 2G (powers of 1024; "kB", "KiB" and so on too). */
bool parse_bytes(const char *text, int64_t *value);

/* Milliseconds: 500, 500ms, 30s, 15m, 12h, 7d. */
bool parse_milliseconds(const char *text, int64_t *value);

/* The value of a topic setting as brokers take it: keys that end in .ms and
 * .bytes may have a unit. NULL, or what it should have been. */
const char *parse_setting(const char *key, const char *text, char plain[24]);

/* 0, 1 or all (-1). */
bool parse_acks(const char *text, int *acks);

/* beginning, end, an offset, @MILLISECONDS, or a time such as 2026-01-31,
 * 2026-01-31T12:00, 2026-01-31T12:00:30.250, each with Z or +HH:MM behind it
 * or taken as UTC. */
struct start {
    enum kq_start start;
    int64_t position;
};
bool parse_start(const char *text, struct start *start);

/* One byte: itself, or \t \n \r \0 \\ \xHH. */
bool parse_byte(const char *text, char *byte);

/* Splits KEY=VALUE in place. NULL when there is no '=' or no key. */
char *split_setting(char *text);

#endif
