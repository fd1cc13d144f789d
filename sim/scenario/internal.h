/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the loader share. A mapping of the file is read by a
 * table of fields, in the order of the table (not of the file), so that a
 * field may rely on those above it.
 */
#ifndef SCENARIO_INTERNAL_H
#define SCENARIO_INTERNAL_H

#include <stddef.h>

#include <yaml.h>

#include "sim/scenario/scenario.h"

struct loader {
    yaml_document_t *document;
    const char *path;
    struct complaints *complaints;
    struct scenario *scenario;
};

struct field;
typedef void field_reader(struct loader *loader, yaml_node_t *node, void *to,
                          const struct field *field);

/* What a key takes: how it is read, and how `kqsim schema` says it. */
struct type {
    field_reader *read;
    enum {
        TYPE_ONE,
        TYPE_MANY, /* a list, or a single one without brackets */
        TYPE_LIST, /* a list */
        TYPE_NAMED /* a mapping from names to such values */
    } shape;
    /* Of one value, one of: members of its JSON Schema; a name of these, from
     * 0 until NULL; a mapping of these fields; a mapping whose keys are such
     * names. */
    const char *schema;
    const char *(*name)(size_t n);
    const struct field *fields;
    size_t field_count;
    const char *(*key)(size_t n);
    bool ranged; /* within minimum and maximum of the field */
    /* instead: writes the members of its JSON Schema */
    void (*put)(FILE *out, const struct field *field);
};

struct field {
    const char *key;
    const struct type *type;
    size_t offset; /* of what it fills, in the object of the mapping */
    bool required;
    int64_t minimum;
    int64_t maximum;
    const char *sentence;
};

/* ---- complaint.c ---- */

void complain(struct loader *loader, const yaml_node_t *node,
              const char *format, ...) __attribute__((format(printf, 3, 4)));
void complain_at(struct loader *loader, yaml_mark_t mark, const char *format,
                 ...) __attribute__((format(printf, 3, 4)));
/* The nearest of the names, or NULL when none is near. */
const char *nearest(const char *word, const char *const names[], size_t count);
/* ", did you mean 'x'?" or "" into a buffer that the next call reuses. */
const char *did_you_mean(const char *word, const char *const names[],
                         size_t count);

/* ---- walk.c ---- */

/* `what` is for messages ("a topic"). */
void read_mapping(struct loader *loader, yaml_node_t *node, const char *what,
                  const struct field *fields, size_t count, void *object);
/* The node as a list: one item when it is not a sequence. */
size_t list_count(const yaml_node_t *node);
yaml_node_t *list_item(struct loader *loader, yaml_node_t *node, size_t at);
/* True, or a complaint that a list is due. */
bool is_sequence(struct loader *loader, yaml_node_t *node, const char *what);
/* The text of a scalar, or NULL and a complaint. */
const char *scalar(struct loader *loader, yaml_node_t *node, const char *what);
/* The value of a key of a mapping, or NULL. */
yaml_node_t *mapping_find(struct loader *loader, yaml_node_t *node,
                          const char *key);
/* The key of an entry; NULL and a complaint when it is none or stands there
 * a second time. */
const char *entry_key(struct loader *loader, yaml_node_t *node,
                      yaml_node_pair_t *pair);

/* ---- value.c ---- */

bool parse_duration(const char *text, int64_t *us);
bool parse_size(const char *text, int64_t *bytes);
bool parse_count(const char *text, int64_t *count);

#define SCHEMA_DURATION                                                        \
    "\"type\": [\"string\", \"integer\"], "                                    \
    "\"pattern\": \"^-?[0-9]+ *(us|ms|s|m|h|d)$|^0$\", "                       \
    "\"minimum\": 0, \"maximum\": 0"

#define SCHEMA_SIZE                                                            \
    "\"type\": [\"string\", \"integer\"], "                                    \
    "\"pattern\": \"^[0-9]+ *(B|KiB|MiB|GiB)$|^0$\", "                         \
    "\"minimum\": 0, \"maximum\": 0"
#define SCHEMA_PLACE "\"type\": \"string\", \"pattern\": \"^.+/[0-9]+$\""
#define SCHEMA_SPAN                                                            \
    "\"anyOf\": [{" SCHEMA_DURATION                                            \
    "}, {\"type\": \"array\", \"items\": {" SCHEMA_DURATION                    \
    "}, \"minItems\": 2, \"maxItems\": 2}]"

field_reader read_count;  /* int64_t, minimum..maximum */
field_reader read_millis; /* int64_t of milliseconds, may be negative */
field_reader read_span;   /* struct span */
field_reader read_size;   /* int64_t of bytes */
field_reader read_bool;

extern const struct type type_text, type_count, type_duration, type_millis,
    type_span, type_size, type_interval, type_chance, type_bool;

/* ---- names.c ---- */

extern const struct type type_point, type_oracles, type_marks, type_profile,
    type_damage;
const char *point_name(enum fault_point point);
const char *mark_name(size_t mark);
const char *profile_name(enum disk_profile profile); /* not drawn */

/* ---- settings.c ---- */

field_reader read_topic_config; /* struct settings */
extern const struct type type_broker_config, type_topic_config;
/* The n-th key of a topic's configuration; NULL past the end. */
const char *topic_config_key(size_t n);
/* Fills judged of every topic, and the defaults that hang on the brokers'
 * configuration. */
void resolve_topics(struct loader *loader);

/* ---- target.c ---- */

field_reader read_topic;     /* int64_t, index */
field_reader read_partition; /* two int64_t: topic and partition */
field_reader read_move;      /* the same; partition -1: the topic */
extern const struct type type_topic, type_target, type_partition;
/* JSON Schema of a node, or of `other` ('|' and a word, or nothing). */
void target_schema(FILE *out, const char *other);
bool parse_target(struct loader *loader, yaml_node_t *node,
                  struct target *target);
bool parse_place(struct loader *loader, yaml_node_t *node, const char *text,
                 int64_t *topic, int64_t *partition);
/* The topic has so many partitions, and not the one that was named. */
void complain_partition(struct loader *loader, yaml_node_t *node,
                        const struct scenario_topic *topic, int64_t partitions);

/* "controller"; of those with a number or a partition what stands before. */
const char *target_word(enum target_kind kind);

/* ---- clients.c, steps.c ---- */

extern const struct scenario_producer producer_defaults;

const char *condition_name(enum condition_kind kind);

extern const struct type type_producers, type_consumers, type_steps,
    type_faults;

/* ---- scenario.c ---- */

/* The whole file. */
extern const struct type type_scenario;

#define SCENARIO_RESTART_DELAY_US 1000000
#define SCENARIO_CLOCK_SLACK_MS   100
/* Those that are judged when the file names none. */
uint64_t scenario_oracles(bool unbounded);

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Zeroed; ends the process when there is no memory. */
void *loader_alloc(size_t count, size_t size);
char *loader_copy(const char *text);

#endif
