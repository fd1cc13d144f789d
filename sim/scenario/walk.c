/* SPDX-License-Identifier: Apache-2.0
 *
 * Mappings and lists of a YAML document.
 */
#include <string.h>

#include "sim/scenario/internal.h"

#define KEYS_MAX   64
#define KEYS_BYTES 300

static yaml_node_t *node_at(struct loader *loader, int index)
{
    return yaml_document_get_node(loader->document, index);
}

const char *scalar(struct loader *loader, yaml_node_t *node, const char *what)
{
    const char *text;

    if (node->type != YAML_SCALAR_NODE) {
        complain(loader, node, "%s must be a single value, not a %s", what,
                 node->type == YAML_MAPPING_NODE ? "mapping" : "list");
        return NULL;
    }
    text = (const char *)node->data.scalar.value;
    if (strlen(text) != node->data.scalar.length) {
        complain(loader, node, "%s holds a zero byte", what);
        return NULL;
    }
    return text;
}

static yaml_node_pair_t *find_pair(struct loader *loader, yaml_node_t *node,
                                   const char *key)
{
    yaml_node_pair_t *pair;

    if (node->type != YAML_MAPPING_NODE)
        return NULL;
    for (pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        yaml_node_t *name = node_at(loader, pair->key);

        if (name->type == YAML_SCALAR_NODE &&
            strcmp((const char *)name->data.scalar.value, key) == 0)
            return pair;
    }
    return NULL;
}

yaml_node_t *mapping_find(struct loader *loader, yaml_node_t *node,
                          const char *key)
{
    yaml_node_pair_t *pair = find_pair(loader, node, key);

    return pair ? node_at(loader, pair->value) : NULL;
}

const char *entry_key(struct loader *loader, yaml_node_t *node,
                      yaml_node_pair_t *pair)
{
    yaml_node_t *key = node_at(loader, pair->key);
    const char *text = scalar(loader, key, "a key");

    if (text != NULL && find_pair(loader, node, text) != pair) {
        complain(loader, key, "'%s' stands here a second time", text);
        return NULL;
    }
    return text;
}

/* ", but these: a, b" or, when they are too many to help, "". */
static const char *all_keys(char list[KEYS_BYTES], const char *const names[],
                            size_t count)
{
    size_t used = 0;

    for (size_t i = 0; i < count && used < KEYS_BYTES; i++)
        used += (size_t)snprintf(list + used, KEYS_BYTES - used, "%s%s",
                                 i > 0 ? ", " : ", but these: ", names[i]);
    return used < KEYS_BYTES ? list : "";
}

/* A key that no field has, or that stands there twice. */
static void check_key(struct loader *loader, yaml_node_t *node,
                      yaml_node_pair_t *pair, const char *what,
                      const struct field *fields, size_t count)
{
    const char *text = entry_key(loader, node, pair);
    const char *names[KEYS_MAX];
    char list[KEYS_BYTES];

    if (text == NULL)
        return;
    for (size_t i = 0; i < count && i < KEYS_MAX; i++) {
        names[i] = fields[i].key;
        if (strcmp(text, names[i]) == 0)
            return;
    }
    if (count > KEYS_MAX)
        count = KEYS_MAX;
    complain(loader, node_at(loader, pair->key), "%s has no key '%s'%s", what,
             text,
             nearest(text, names, count) ? did_you_mean(text, names, count)
                                         : all_keys(list, names, count));
}

void read_mapping(struct loader *loader, yaml_node_t *node, const char *what,
                  const struct field *fields, size_t count, void *object)
{
    yaml_node_pair_t *pair;

    if (node->type != YAML_MAPPING_NODE) {
        complain(loader, node, "%s must be a mapping of keys to values%s", what,
                 node->type == YAML_SCALAR_NODE && node->data.scalar.length == 0
                     ? ", if only {}"
                     : "");
        return;
    }
    for (pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++)
        check_key(loader, node, pair, what, fields, count);
    for (size_t i = 0; i < count; i++) {
        yaml_node_t *value = mapping_find(loader, node, fields[i].key);

        if (value != NULL)
            fields[i].type->read(loader, value,
                                 (char *)object + fields[i].offset, &fields[i]);
        else if (fields[i].required)
            complain(loader, node, "%s needs '%s': %s", what, fields[i].key,
                     fields[i].sentence);
    }
}

size_t list_count(const yaml_node_t *node)
{
    if (node->type != YAML_SEQUENCE_NODE)
        return 1;
    return (size_t)(node->data.sequence.items.top -
                    node->data.sequence.items.start);
}

yaml_node_t *list_item(struct loader *loader, yaml_node_t *node, size_t at)
{
    if (node->type != YAML_SEQUENCE_NODE)
        return node;
    return node_at(loader, node->data.sequence.items.start[at]);
}

bool is_sequence(struct loader *loader, yaml_node_t *node, const char *what)
{
    if (node->type == YAML_SEQUENCE_NODE)
        return true;
    complain(loader, node, "%s must be a list: begin each item with '- '",
             what);
    return false;
}
