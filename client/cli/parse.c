/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

bool parse_number(const char *text, int64_t minimum, int64_t maximum,
                  int64_t *value)
{
    char *end;
    long long number;

    if (*text != '-' && (*text < '0' || *text > '9'))
        return false;
    errno = 0;
    number = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0)
        return false;
    if (number < minimum || number > maximum)
        return false;
    *value = number;
    return true;
}

bool parse_bytes(const char *text, int64_t *value)
{
    static const char units[] = "kmgt";
    char *end;
    const char *unit;
    long long number;
    int shift;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    number = strtoll(text, &end, 10);
    if (errno != 0)
        return false;
    *value = number;
    if (*end == '\0')
        return true;
    unit = strchr(units, *end | 0x20);
    if (unit == NULL)
        return false;
    if (end[1] != '\0' && strcasecmp(end + 1, "b") != 0 &&
        strcasecmp(end + 1, "ib") != 0)
        return false;
    shift = 10 * (int)(unit - units + 1);
    if (number > INT64_MAX >> shift)
        return false;
    *value = number << shift;
    return true;
}

bool parse_milliseconds(const char *text, int64_t *value)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"", 1},      {"ms", 1},      {"s", 1000},
                 {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    char *end;
    long long number;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    number = strtoll(text, &end, 10);
    if (errno != 0)
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(end, units[i].unit) == 0)
            return !__builtin_mul_overflow(number, units[i].ms, value);
    return false;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), size = strlen(end);

    return length >= size && strcmp(text + length - size, end) == 0;
}

const char *parse_setting(const char *key, const char *text, char plain[24])
{
    int64_t number;

    snprintf(plain, 24, "%s", text);
    if (ends_with(key, ".enable"))
        return strcmp(text, "true") == 0 || strcmp(text, "false") == 0
                   ? NULL
                   : "true or false";
    if (strlen(text) < 24 && parse_number(text, INT64_MIN, INT64_MAX, &number))
        return NULL; /* the broker knows the range */
    if (ends_with(key, ".ms")) {
        if (!parse_milliseconds(text, &number))
            return "a time such as 500ms, 30s, 15m, 12h, 7d, or milliseconds";
    } else if (ends_with(key, ".bytes")) {
        if (!parse_bytes(text, &number))
            return "a size such as 64k, 16M, 2G, or bytes";
    } else {
        return "a whole number";
    }
    snprintf(plain, 24, "%lld", (long long)number);
    return NULL;
}

bool parse_acks(const char *text, int *acks)
{
    if (strcmp(text, "all") == 0 || strcmp(text, "-1") == 0)
        *acks = -1;
    else if (strcmp(text, "0") == 0 || strcmp(text, "1") == 0)
        *acks = *text - '0';
    else
        return false;
    return true;
}

/* ---- times ---- */

/* Reads exactly `digits` digits; moves on. */
static bool take_digits(const char **at, int digits, int *value)
{
    *value = 0;
    for (int i = 0; i < digits; i++, (*at)++) {
        if (**at < '0' || **at > '9')
            return false;
        *value = *value * 10 + (**at - '0');
    }
    return true;
}

static bool take_char(const char **at, char wanted)
{
    if (**at != wanted)
        return false;
    (*at)++;
    return true;
}

static bool take_date(const char **at, struct tm *parts)
{
    if (!take_digits(at, 4, &parts->tm_year) || !take_char(at, '-') ||
        !take_digits(at, 2, &parts->tm_mon) || !take_char(at, '-') ||
        !take_digits(at, 2, &parts->tm_mday))
        return false;
    if (parts->tm_year < 1970 || parts->tm_mon < 1 || parts->tm_mon > 12 ||
        parts->tm_mday < 1 || parts->tm_mday > 31)
        return false;
    parts->tm_year -= 1900;
    parts->tm_mon--;
    return true;
}

/* Up to three digits behind the point count; more are skipped. */
static void take_fraction(const char **at, int *ms)
{
    int scale = 100;

    *ms = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++, scale /= 10)
        *ms += scale * (**at - '0');
}

static bool take_clock(const char **at, struct tm *parts, int *ms)
{
    if (!take_digits(at, 2, &parts->tm_hour) || !take_char(at, ':') ||
        !take_digits(at, 2, &parts->tm_min))
        return false;
    if (take_char(at, ':')) {
        if (!take_digits(at, 2, &parts->tm_sec))
            return false;
        if (take_char(at, '.'))
            take_fraction(at, ms);
    }
    return parts->tm_hour < 24 && parts->tm_min < 60 && parts->tm_sec < 61;
}

static bool take_zone(const char **at, int *minutes)
{
    int sign = **at == '-' ? -1 : 1;
    int hours;
    int rest;

    *minutes = 0;
    if (**at == '\0' || take_char(at, 'Z'))
        return **at == '\0';
    if (!take_char(at, '+') && !take_char(at, '-'))
        return false;
    if (!take_digits(at, 2, &hours) || !take_char(at, ':') ||
        !take_digits(at, 2, &rest) || **at != '\0')
        return false;
    *minutes = sign * (hours * 60 + rest);
    return hours < 24 && rest < 60;
}

static bool parse_time(const char *text, int64_t *ms)
{
    struct tm parts = {0};
    int fraction_ms = 0;
    int zone;

    if (!take_date(&text, &parts))
        return false;
    if ((*text == 'T' || *text == ' ') &&
        (text++, !take_clock(&text, &parts, &fraction_ms)))
        return false;
    if (!take_zone(&text, &zone))
        return false;
    *ms = ((int64_t)timegm(&parts) - (int64_t)zone * 60) * 1000 + fraction_ms;
    return true;
}

bool parse_start(const char *text, struct start *start)
{
    *start = (struct start){KQ_START_OFFSET, 0};
    if (strcmp(text, "beginning") == 0)
        start->start = KQ_START_BEGINNING;
    else if (strcmp(text, "end") == 0)
        start->start = KQ_START_END;
    else if (*text == '@' ||
             (strchr(text, '-') != NULL && strchr(text, '-') != text))
        start->start = KQ_START_TIMESTAMP;
    if (start->start == KQ_START_OFFSET)
        return parse_number(text, 0, INT64_MAX, &start->position);
    if (start->start != KQ_START_TIMESTAMP)
        return true;
    if (*text == '@')
        return parse_number(text + 1, 0, INT64_MAX, &start->position);
    return parse_time(text, &start->position);
}

/* ---- small things ---- */

bool parse_byte(const char *text, char *byte)
{
    static const char names[] = "tnr0\\";
    static const char values[] = "\t\n\r\0\\";
    const char *name;
    unsigned value;
    char rest;

    *byte = text[0];
    if (text[0] != '\0' && text[1] == '\0')
        return true;
    if (text[0] != '\\')
        return false;
    if (text[1] == 'x' && strlen(text) == 4 &&
        sscanf(text + 2, "%2x%c", &value, &rest) == 1) {
        *byte = (char)value;
        return true;
    }
    name = text[1] == '\0' ? NULL : strchr(names, text[1]);
    if (name == NULL || text[2] != '\0')
        return false;
    *byte = values[name - names];
    return true;
}

char *split_setting(char *text)
{
    char *equals = strchr(text, '=');

    if (equals == NULL || equals == text)
        return NULL;
    *equals = '\0';
    return equals + 1;
}
