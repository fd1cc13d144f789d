/* SPDX-License-Identifier: Apache-2.0
 *
 * Single values: counts, durations, sizes, rates.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/scenario/internal.h"

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit durations[] = {{"us", 1},
                                        {"ms", 1000},
                                        {"s", 1000000},
                                        {"m", 60 * 1000000LL},
                                        {"h", 3600 * 1000000LL},
                                        {"d", 86400 * 1000000LL}};

static const struct unit sizes[] = {
    {"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};

static const struct unit rates[] = {
    {"/s", 1000000}, {"/m", 60 * 1000000LL}, {"/h", 3600 * 1000000LL}};

/* A whole number and what follows it. */
static bool split_number(const char *text, int64_t *number, const char **rest)
{
    char *end;
    long long value;

    if (*text != '-' && (*text < '0' || *text > '9'))
        return false;
    errno = 0;
    value = strtoll(text, &end, 10);
    if (end == text || errno != 0)
        return false;
    *number = value;
    *rest = end + strspn(end, " ");
    return true;
}

static bool parse_unit(const char *text, const struct unit *units, size_t count,
                       int64_t *value)
{
    const char *rest;
    int64_t number;

    if (!split_number(text, &number, &rest))
        return false;
    if (*rest == '\0' && number == 0) {
        *value = 0;
        return true;
    }
    for (size_t i = 0; i < count; i++)
        if (strcmp(rest, units[i].name) == 0)
            return !__builtin_mul_overflow(number, units[i].factor, value);
    return false;
}

bool parse_duration(const char *text, int64_t *us)
{
    return parse_unit(text, durations, COUNT_OF(durations), us);
}

bool parse_size(const char *text, int64_t *bytes)
{
    return parse_unit(text, sizes, COUNT_OF(sizes), bytes);
}

bool parse_count(const char *text, int64_t *count)
{
    const char *rest;

    return split_number(text, count, &rest) && *rest == '\0';
}

static void read_text(struct loader *loader, yaml_node_t *node, void *to,
                      const struct field *field)
{
    const char *text = scalar(loader, node, field->key);

    if (text == NULL)
        return;
    if (*text == '\0')
        complain(loader, node, "%s is empty: %s", field->key, field->sentence);
    free(*(char **)to);
    *(char **)to = loader_copy(text);
}

static void in_range(struct loader *loader, yaml_node_t *node,
                     const struct field *field, int64_t value)
{
    if (value < field->minimum || value > field->maximum)
        complain(loader, node, "%s must be from %" PRId64 " to %" PRId64 ": %s",
                 field->key, field->minimum, field->maximum, field->sentence);
}

void read_count(struct loader *loader, yaml_node_t *node, void *to,
                const struct field *field)
{
    const char *text = scalar(loader, node, field->key);
    int64_t value;

    if (text == NULL)
        return;
    if (!parse_count(text, &value)) {
        complain(loader, node, "'%s' is not a whole number: %s: %s", text,
                 field->key, field->sentence);
        return;
    }
    in_range(loader, node, field, value);
    *(int64_t *)to = value;
}

static bool duration(struct loader *loader, yaml_node_t *node, const char *key,
                     bool negative, int64_t *us)
{
    const char *text = scalar(loader, node, key);

    if (text == NULL)
        return false;
    if (!parse_duration(text, us)) {
        complain(loader, node,
                 "'%s' is not a duration for '%s': write a whole number and a "
                 "unit (us, ms, s, m, h, d), such as 250ms",
                 text, key);
        return false;
    }
    if (*us < 0 && !negative) {
        complain(loader, node, "'%s' must not be negative", key);
        return false;
    }
    return true;
}

static void read_duration(struct loader *loader, yaml_node_t *node, void *to,
                          const struct field *field)
{
    int64_t us;

    if (!duration(loader, node, field->key, false, &us))
        return;
    if (us < field->minimum)
        complain(loader, node, "'%s' must be at least %" PRId64 " ms",
                 field->key, field->minimum / 1000);
    *(int64_t *)to = us;
}

void read_millis(struct loader *loader, yaml_node_t *node, void *to,
                 const struct field *field)
{
    int64_t us;

    if (duration(loader, node, field->key, true, &us))
        *(int64_t *)to = us / 1000;
}

void read_span(struct loader *loader, yaml_node_t *node, void *to,
               const struct field *field)
{
    struct span span = {0, 0};
    bool bare = node->type == YAML_SCALAR_NODE &&
                strchr((const char *)node->data.scalar.value, ',') != NULL;

    if (bare || (node->type == YAML_SEQUENCE_NODE && list_count(node) != 2)) {
        complain(loader, node,
                 "'%s' is a duration, or a window of two such as [2s, 8s]",
                 field->key);
        return;
    }
    if (!duration(loader, list_item(loader, node, 0), field->key, false,
                  &span.from_us) ||
        !duration(loader, list_item(loader, node, list_count(node) - 1),
                  field->key, false, &span.to_us))
        return;
    if (span.to_us < span.from_us)
        complain(loader, node, "the window of '%s' ends before it begins",
                 field->key);
    *(struct span *)to = span;
}

void read_size(struct loader *loader, yaml_node_t *node, void *to,
               const struct field *field)
{
    const char *text = scalar(loader, node, field->key);
    int64_t bytes;

    if (text == NULL)
        return;
    if (!parse_size(text, &bytes)) {
        complain(loader, node,
                 "'%s' is not a size for '%s': write a whole number and a unit "
                 "(B, KiB, MiB, GiB), such as 64KiB",
                 text, field->key);
        return;
    }
    in_range(loader, node, field, bytes);
    *(int64_t *)to = bytes;
}

static void read_interval(struct loader *loader, yaml_node_t *node, void *to,
                          const struct field *field)
{
    const char *text = scalar(loader, node, field->key);
    const char *rest;
    int64_t number;

    if (text == NULL)
        return;
    if (split_number(text, &number, &rest) && number > 0)
        for (size_t i = 0; i < COUNT_OF(rates); i++)
            if (strcmp(rest, rates[i].name) == 0 &&
                rates[i].factor / number > 0) {
                *(int64_t *)to = rates[i].factor / number;
                return;
            }
    complain(loader, node,
             "'%s' is not a rate for '%s': write a whole number and /s, /m or "
             "/h, such as 5/s",
             text, field->key);
}

static void read_chance(struct loader *loader, yaml_node_t *node, void *to,
                        const struct field *field)
{
    const char *text = scalar(loader, node, field->key);
    char *end;
    double value;

    if (text == NULL)
        return;
    value = strtod(text, &end);
    if (end != text && strcmp(end, "%") == 0) {
        value /= 100;
        end++;
    }
    if (end == text || *end != '\0' || !(value > 0 && value <= 1)) {
        complain(loader, node,
                 "'%s' is not a chance for '%s': write a number above 0 and up "
                 "to 1, or a percentage such as 2%%",
                 text, field->key);
        return;
    }
    *(double *)to = value;
}

void read_bool(struct loader *loader, yaml_node_t *node, void *to,
               const struct field *field)
{
    const char *text = scalar(loader, node, field->key);

    if (text == NULL)
        return;
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        complain(loader, node, "'%s' is not a value for %s: true or false",
                 text, field->key);
    *(bool *)to = strcmp(text, "true") == 0;
}

/* ---- as JSON Schema ---- */

const struct type type_text = {.read = read_text,
                               .schema = "\"type\": \"string\", "
                                         "\"minLength\": 1"};
const struct type type_count = {
    .read = read_count, .schema = "\"type\": \"integer\"", .ranged = true};
const struct type type_duration = {.read = read_duration,
                                   .schema = SCHEMA_DURATION};
const struct type type_millis = {.read = read_millis,
                                 .schema = SCHEMA_DURATION};
const struct type type_span = {.read = read_span, .schema = SCHEMA_SPAN};
const struct type type_size = {.read = read_size, .schema = SCHEMA_SIZE};
const struct type type_interval = {
    .read = read_interval,
    .schema = "\"type\": \"string\", \"pattern\": \"^[0-9]+ */[smh]$\""};
const struct type type_chance = {.read = read_chance,
                                 .schema =
                                     "\"type\": [\"string\", \"number\"], "
                                     "\"pattern\": \"^[0-9.]+%?$\", "
                                     "\"exclusiveMinimum\": 0, \"maximum\": 1"};
const struct type type_bool = {.read = read_bool,
                               .schema = "\"type\": \"boolean\""};
