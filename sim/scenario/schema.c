/* SPDX-License-Identifier: Apache-2.0
 *
 * The format as JSON Schema (draft 2020-12), from the tables that read it:
 * what an editor completes and underlines. What the tables cannot say (a step
 * does one thing, but which qualifiers belong to it) only `kqsim lint` tells.
 */
#include <inttypes.h>

#include "sim/scenario/internal.h"

/* Our own tables hold nothing that JSON would want escaped. */
static void put_names(FILE *out, const char *(*name)(size_t n))
{
    const char *text;

    fputs("\"enum\": [", out);
    for (size_t i = 0; (text = name(i)) != NULL; i++)
        fprintf(out, "%s\"%s\"", i > 0 ? ", " : "", text);
    putc(']', out);
}

static void put_range(FILE *out, const struct field *field)
{
    fprintf(out, ", \"minimum\": %" PRId64, field->minimum);
    if (field->maximum != INT64_MAX)
        fprintf(out, ", \"maximum\": %" PRId64, field->maximum);
}

static void put_fields(FILE *out, const struct type *type);

/* The members that describe one value. */
static void put_value(FILE *out, const struct field *field,
                      const struct type *type)
{
    if (type->put != NULL) {
        type->put(out, field);
    } else if (type->fields != NULL) {
        put_fields(out, type);
    } else if (type->key != NULL) {
        fputs("\"type\": \"object\", \"propertyNames\": {", out);
        put_names(out, type->key);
        fputs("}, \"additionalProperties\": {\"type\": [\"string\", "
              "\"integer\", \"boolean\"]}",
              out);
    } else if (type->name != NULL) {
        put_names(out, type->name);
    } else {
        fputs(type->schema, out);
        if (type->ranged)
            put_range(out, field);
    }
}

static void put_field(FILE *out, const struct field *field)
{
    const struct type *type = field->type;

    fprintf(out, "\n\"%s\": {\"description\": \"%s\", ", field->key,
            field->sentence);
    if (type->shape == TYPE_LIST)
        fputs("\"type\": \"array\", \"items\": {", out);
    if (type->shape == TYPE_NAMED)
        fputs("\"type\": \"object\", \"additionalProperties\": {", out);
    if (type->shape == TYPE_MANY) {
        fputs("\"anyOf\": [{", out);
        put_value(out, field, type);
        fputs("}, {\"type\": \"array\", \"items\": {", out);
    }
    put_value(out, field, type);
    if (type->shape == TYPE_MANY)
        fputs("}}]", out);
    if (type->shape == TYPE_LIST || type->shape == TYPE_NAMED)
        putc('}', out);
    putc('}', out);
}

static void put_fields(FILE *out, const struct type *type)
{
    bool first = true;

    fputs("\"type\": \"object\", \"additionalProperties\": false, "
          "\"required\": [",
          out);
    for (size_t i = 0; i < type->field_count; i++) {
        if (!type->fields[i].required)
            continue;
        fprintf(out, "%s\"%s\"", first ? "" : ", ", type->fields[i].key);
        first = false;
    }
    fputs("], \"properties\": {", out);
    for (size_t i = 0; i < type->field_count; i++) {
        if (i > 0)
            putc(',', out);
        put_field(out, &type->fields[i]);
    }
    putc('}', out);
}

void scenario_schema(FILE *out)
{
    fputs("{\"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
          "\"title\": \"A scenario of kqsim\",\n",
          out);
    put_fields(out, &type_scenario);
    fputs("}\n", out);
}
