/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/plan_file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "client/cli/cli.h"
#include "client/cli/parse.h"

void plan_file_complain(struct plan_file *file, size_t line, const char *format,
                        ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fail(EXIT_USAGE, "%s:%zu: %s", file->name, line, text);
    file->complaints++;
}

/* ---- one line ---- */

static size_t line_of(const yaml_node_t *node)
{
    return node->start_mark.line + 1;
}

/* NULL when it is no text. */
static char *text_of(const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE ||
        memchr(node->data.scalar.value, '\0', node->data.scalar.length) != NULL)
        return NULL;
    return (char *)node->data.scalar.value;
}

static bool read_key(struct plan_file *file, const yaml_node_t *node,
                     struct plan_line *line)
{
    char *text = text_of(node);
    char *slash = text ? strrchr(text, '/') : NULL;
    int64_t partition;

    if (slash == NULL || slash == text ||
        !parse_number(slash + 1, 0, INT32_MAX, &partition)) {
        plan_file_complain(file, line_of(node),
                           "'%s' is not TOPIC/PARTITION, such as orders/0",
                           text ? text : "?");
        return false;
    }
    line->topic = strndup(text, (size_t)(slash - text));
    if (line->topic == NULL)
        abort();
    line->partition = (int32_t)partition;
    return true;
}

static void read_broker(struct plan_file *file, const yaml_node_t *node,
                        struct plan_line *line)
{
    const char *text = text_of(node);
    int64_t id;

    if (text == NULL || !parse_number(text, 0, INT32_MAX, &id)) {
        plan_file_complain(file, line_of(node),
                           "'%s' is not the number of a broker",
                           text ? text : "?");
        return;
    }
    for (size_t i = 0; i < line->replica_count; i++)
        if (line->replicas[i] == id) {
            plan_file_complain(file, line_of(node),
                               "%s/%d: broker %lld is named twice", line->topic,
                               line->partition, (long long)id);
            return;
        }
    if (line->replica_count == REPLICAS_MAX) {
        plan_file_complain(file, line_of(node),
                           "%s/%d: a partition has 1 to %d replicas",
                           line->topic, line->partition, REPLICAS_MAX);
        return;
    }
    line->replicas[line->replica_count++] = (int32_t)id;
}

static void read_line(struct plan_file *file, yaml_document_t *document,
                      const yaml_node_pair_t *pair)
{
    const yaml_node_t *key = yaml_document_get_node(document, pair->key);
    const yaml_node_t *value = yaml_document_get_node(document, pair->value);
    struct plan_line *line = &file->lines[file->count];

    *line = (struct plan_line){.line = line_of(key)};
    if (!read_key(file, key, line))
        return;
    file->count++;
    if (value->type != YAML_SEQUENCE_NODE ||
        value->data.sequence.items.start == value->data.sequence.items.top) {
        plan_file_complain(file, line->line,
                           "%s/%d: name the brokers that are to hold it, such "
                           "as [1, 2, 3]",
                           line->topic, line->partition);
        return;
    }
    for (const yaml_node_item_t *item = value->data.sequence.items.start;
         item < value->data.sequence.items.top; item++)
        read_broker(file, yaml_document_get_node(document, *item), line);
}

/* ---- the whole ---- */

static int compare_lines(const void *a, const void *b)
{
    const struct plan_line *left = a, *right = b;
    int order = strcmp(left->topic, right->topic);

    if (order != 0)
        return order;
    if (left->partition != right->partition)
        return left->partition < right->partition ? -1 : 1;
    return left->line < right->line ? -1 : left->line > right->line;
}

static void check_twice(struct plan_file *file)
{
    if (file->count > 0)
        qsort(file->lines, file->count, sizeof *file->lines, compare_lines);
    for (size_t i = 1; i < file->count; i++) {
        const struct plan_line *line = &file->lines[i];

        if (strcmp(line->topic, line[-1].topic) == 0 &&
            line->partition == line[-1].partition)
            plan_file_complain(file, line->line, "%s/%d is already in line %zu",
                               line->topic, line->partition, line[-1].line);
    }
}

static void read_root(struct plan_file *file, yaml_document_t *document)
{
    const yaml_node_t *root = yaml_document_get_root_node(document);
    const yaml_node_pair_t *first, *end;

    if (root == NULL)
        return; /* nothing moves */
    if (root->type != YAML_MAPPING_NODE) {
        plan_file_complain(file, line_of(root),
                           "this is no plan: give a line for each partition, "
                           "such as orders/0: [1, 2, 3]");
        return;
    }
    first = root->data.mapping.pairs.start;
    end = root->data.mapping.pairs.top;
    file->lines = calloc((size_t)(end - first) + 1, sizeof *file->lines);
    if (file->lines == NULL)
        abort();
    for (const yaml_node_pair_t *pair = first; pair < end; pair++)
        read_line(file, document, pair);
    check_twice(file);
}

static void read_stream(struct plan_file *file, FILE *stream)
{
    yaml_document_t document;
    yaml_parser_t parser;

    if (!yaml_parser_initialize(&parser))
        abort();
    yaml_parser_set_input_file(&parser, stream);
    if (yaml_parser_load(&parser, &document)) {
        read_root(file, &document);
        yaml_document_delete(&document);
    } else {
        plan_file_complain(
            file, parser.problem_mark.line + 1, "this is not YAML: %s",
            parser.problem ? parser.problem : "it cannot be read");
    }
    yaml_parser_delete(&parser);
}

bool plan_file_read(struct plan_file *file, const char *path)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *stream = standard ? stdin : fopen(path, "rb");

    *file = (struct plan_file){.name = standard ? "stdin" : path};
    if (stream == NULL) {
        fail(EXIT_USAGE, "'%s': %s", path, strerror(errno));
        file->complaints++;
        return false;
    }
    read_stream(file, stream);
    if (!standard)
        fclose(stream);
    return file->complaints == 0;
}

void plan_file_release(struct plan_file *file)
{
    for (size_t i = 0; i < file->count; i++)
        free(file->lines[i].topic);
    free(file->lines);
}
