/* SPDX-License-Identifier: Apache-2.0
 *
 * A scenario file from its text to its structs: the top of the format.
 */
#include "sim/scenario/scenario.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/scenario/internal.h"

#define FILE_BYTES_MAX (1 << 20)

/* ---- cluster ---- */

#define TOP(member) offsetof(struct scenario, member)

static const struct field cluster_fields[] = {
    {"brokers", &type_count, TOP(brokers), false, 1, SCENARIO_BROKERS_MAX,
     "how many brokers there are"},
    {"zookeepers", &type_count, TOP(zookeepers), false, 1,
     SCENARIO_ZOOKEEPERS_MAX, "how many ZooKeeper servers there are"},
    {"log-dirs", &type_count, TOP(log_dirs), false, 1, SCENARIO_LOG_DIRS_MAX,
     "how many log directories each broker has"},
    {"config", &type_broker_config, TOP(config), false, 0, 0,
     "configuration of every broker"},
};

static void read_members(struct loader *loader, yaml_node_t *node, void *to,
                         const struct field *field)
{
    read_mapping(loader, node, field->key, field->type->fields,
                 field->type->field_count, to);
}

static const struct type type_cluster = {.read = read_members,
                                         .fields = cluster_fields,
                                         .field_count =
                                             COUNT_OF(cluster_fields)};

/* ---- disks ---- */

static const struct field disk_fields[] = {
    {"profile", &type_profile, TOP(disk_profile), false, 0, 0,
     "the file system whose habits they have; else drawn"},
    {"damage", &type_damage, TOP(unbounded), false, 0, 0,
     "atlas, or unbounded: where silent damage may be"},
};

static const struct type type_disk = {.read = read_members,
                                      .fields = disk_fields,
                                      .field_count = COUNT_OF(disk_fields)};

/* ---- topics ---- */

#define TOPIC_FIELD(member) offsetof(struct scenario_topic, member)

static const struct field topic_fields[] = {
    {"partitions", &type_count, TOPIC_FIELD(partitions), false, 1,
     SCENARIO_PARTITIONS_MAX, "how many partitions it has"},
    {"replicas", &type_count, TOPIC_FIELD(replicas), false, 1,
     SCENARIO_BROKERS_MAX, "how many replicas each has"},
    {"config", &type_topic_config, TOPIC_FIELD(config), false, 0, 0,
     "configuration of the topic"},
};

static void read_one_topic(struct loader *loader, yaml_node_t *name,
                           yaml_node_t *node, struct scenario_topic *topic)
{
    topic->partitions = 1;
    topic->replicas =
        loader->scenario->brokers < 3 ? loader->scenario->brokers : 3;
    read_mapping(loader, node, "a topic", topic_fields, COUNT_OF(topic_fields),
                 topic);
    topic->partitions_max = topic->partitions;
    topic->replicas_least = topic->replicas;
    if (topic->replicas > loader->scenario->brokers)
        complain(loader, name,
                 "topic '%s' has %lld replicas; there are %lld brokers",
                 topic->name, (long long)topic->replicas,
                 (long long)loader->scenario->brokers);
    if (strchr(topic->name, '/') != NULL || strchr(topic->name, ')') != NULL)
        complain(loader, name, "a topic's name holds no '/' and no ')'");
}

static void read_topics(struct loader *loader, yaml_node_t *node, void *to,
                        const struct field *field)
{
    struct scenario *scenario = loader->scenario;
    yaml_node_pair_t *pair;

    (void)to;
    if (node->type != YAML_MAPPING_NODE) {
        complain(loader, node, "%s must be a mapping of names to topics",
                 field->key);
        return;
    }
    if (node->data.mapping.pairs.top - node->data.mapping.pairs.start >
        SCENARIO_TOPICS_MAX) {
        complain(loader, node, "more than %d topics", SCENARIO_TOPICS_MAX);
        return;
    }
    scenario->topics = loader_alloc(
        (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start),
        sizeof *scenario->topics);
    for (pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        struct scenario_topic *topic = &scenario->topics[scenario->topic_count];
        const char *name = entry_key(loader, node, pair);

        if (name == NULL)
            continue;
        topic->name = loader_copy(name);
        scenario->topic_count++;
        read_one_topic(
            loader, yaml_document_get_node(loader->document, pair->key),
            yaml_document_get_node(loader->document, pair->value), topic);
    }
    if (scenario->topic_count == 0)
        complain(loader, node, "a scenario needs at least one topic");
}

static const struct type type_topics = {.read = read_topics,
                                        .shape = TYPE_NAMED,
                                        .fields = topic_fields,
                                        .field_count = COUNT_OF(topic_fields)};

/* ---- what it must have done ---- */

static const struct field least_fields[] = {
    {"sent", &type_count, offsetof(struct scenario_least, sent), false, 0,
     INT64_MAX, "records given to producers"},
    {"acked", &type_count, offsetof(struct scenario_least, acked), false, 0,
     INT64_MAX, "records acknowledged"},
    {"read", &type_count, offsetof(struct scenario_least, read), false, 0,
     INT64_MAX, "records read"},
};

static const struct type type_least = {.read = read_members,
                                       .fields = least_fields,
                                       .field_count = COUNT_OF(least_fields)};

/* ---- the top ---- */

static const struct field top_fields[] = {
    {"description", &type_text, TOP(description), true, 0, 0,
     "a sentence that says what happens and what must hold"},
    {"cluster", &type_cluster, 0, false, 0, 0, "brokers and ZooKeeper servers"},
    {"duration", &type_duration, TOP(duration_us), true, 100000, 0,
     "how long the workload runs, such as 20s"},
    {"disk", &type_disk, 0, false, 0, 0, "the disks of all brokers"},
    {"topics", &type_topics, 0, true, 0, 0, "the topics, by name"},
    {"producers", &type_producers, 0, true, 0, 0, "who writes"},
    {"consumers", &type_consumers, 0, false, 0, 0, "who reads"},
    {"steps", &type_steps, 0, false, 0, 0, "what happens, and when"},
    {"faults", &type_faults, 0, false, 0, 0, "what may go wrong by itself"},
    {"oracles", &type_oracles, TOP(oracles), false, 0, 0,
     "the promises that are judged; else all"},
    {"at-least", &type_least, TOP(at_least), false, 0, 0,
     "what a run must have done to prove anything"},
    {"heal-within", &type_duration, TOP(heal_within_us), false, 1000000, 0,
     "how long the cluster may take to be whole after faults"},
    {"settle", &type_duration, TOP(settle_us), false, 0, 0,
     "how long to run on, whole, before the closing read"},
    {"restart-delay", &type_duration, TOP(restart_delay_us), false, 0, 0,
     "after which a broker that gave up is started again"},
    {"clock-slack", &type_millis, TOP(clock_slack_ms), false, 0, 0,
     "how far the wall clocks stray from the truth"},
    {"always-led", &type_duration, TOP(leaderless_us), false, 1000, 0,
     "how long it may take from one leader of a partition to the next"},
    {"reaches", &type_marks, TOP(reaches), false, 0, 0,
     "marks that a sweep over the seeds must reach"},
};

const struct type type_scenario = {.fields = top_fields,
                                   .field_count = COUNT_OF(top_fields)};

/* The largest record any producer of the topic sends. The closing phase
 * writes small ones. */
#define CLOSING_RECORD_BYTES 64

/* What must hold whatever happens to the disks. What was lost everywhere may
 * be written anew: then an offset has two values, one after the other. */
#define SAFE                                                                   \
    (1ULL << ORACLE_INVENTED | 1ULL << ORACLE_VISIBLE |                        \
     1ULL << ORACLE_ONE_LEADER | 1ULL << ORACLE_SOUND)

uint64_t scenario_oracles(bool unbounded)
{
    return unbounded ? SAFE : (1ULL << ORACLE_COUNT) - 1;
}

static void finish(struct loader *loader)
{
    struct scenario *scenario = loader->scenario;

    if (scenario->unbounded)
        scenario->oracles &= SAFE;
    resolve_topics(loader);
    for (size_t i = 0; i < scenario->topic_count; i++)
        scenario->topics[i].judged.record_bytes_max = CLOSING_RECORD_BYTES;
    for (size_t i = 0; i < scenario->producer_count; i++) {
        const struct scenario_producer *producer = &scenario->producers[i];
        struct judge_topic *judged = &scenario->topics[producer->topic].judged;

        if (producer->record_bytes > judged->record_bytes_max)
            judged->record_bytes_max = producer->record_bytes;
    }
    if (scenario->at_least.sent < 1)
        scenario->at_least.sent = 1;
    if (scenario->at_least.acked < 1)
        scenario->at_least.acked = 1;
    if (scenario->at_least.read < 1)
        scenario->at_least.read = 1;
}

static char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *name = loader_copy(slash ? slash + 1 : path);
    size_t length = strlen(name);

    if (length > 5 && strcmp(name + length - 5, ".yaml") == 0)
        name[length - 5] = '\0';
    return name;
}

static struct scenario *scenario_new(const char *path)
{
    struct scenario *scenario = loader_alloc(1, sizeof *scenario);

    scenario->path = loader_copy(path);
    scenario->name = name_of(path);
    scenario->brokers = 3;
    scenario->zookeepers = 3;
    scenario->log_dirs = 1;
    scenario->duration_us = SCENARIO_FOR_EVER; /* until it is read */
    scenario->oracles = scenario_oracles(false);
    scenario->heal_within_us = -1;
    scenario->restart_delay_us = SCENARIO_RESTART_DELAY_US;
    scenario->clock_slack_ms = SCENARIO_CLOCK_SLACK_MS;
    return scenario;
}

static void read_document(struct loader *loader)
{
    yaml_node_t *root = yaml_document_get_root_node(loader->document);
    static const yaml_mark_t start = {0, 0, 0};

    if (root == NULL) {
        complain_at(loader, start,
                    "the file holds no scenario ('kqsim new FILE' writes one "
                    "to begin with)");
        return;
    }
    read_mapping(loader, root, "a scenario", top_fields, COUNT_OF(top_fields),
                 loader->scenario);
    if (loader->complaints->count == 0)
        finish(loader);
}

/* What the parser says, and what mostly is behind it. */
static const struct {
    const char *problem;
    const char *hint;
} hints[] = {
    {"did not find expected '-' indicator",
     "indent this line as far as the keys beside it"},
    {"did not find expected key",
     "indent this line as far as the keys beside it"},
    {"mapping values are not allowed in this context",
     "the line above, or this one, is indented wrongly; or a text that holds "
     "': ' needs quotes"},
    {"found character that cannot start any token",
     "indent with spaces, not with tabs; other texts may need quotes"},
    {"found unexpected end of stream", "a quote is not closed"},
    {"found undefined alias", "a text that begins with '*' needs quotes"},
};

static const char *hint_of(const char *problem)
{
    for (size_t i = 0; problem != NULL && i < COUNT_OF(hints); i++)
        if (strcmp(problem, hints[i].problem) == 0)
            return hints[i].hint;
    return NULL;
}

static void complain_syntax(struct loader *loader, const yaml_parser_t *parser)
{
    const char *hint = hint_of(parser->problem);
    const yaml_mark_t *begin = &parser->context_mark;
    char context[160] = "";

    if (parser->context != NULL && begin->index == parser->problem_mark.index)
        snprintf(context, sizeof context, ", %s", parser->context);
    else if (parser->context != NULL)
        snprintf(context, sizeof context, ", %s that begins at %zu:%zu",
                 parser->context, begin->line + 1, begin->column + 1);
    complain_at(loader, parser->problem_mark, "this is not YAML: %s%s%s%s",
                parser->problem ? parser->problem : "it cannot be read",
                context, hint ? ": " : "", hint ? hint : "");
}

/* One file is one scenario. */
static void check_single(struct loader *loader, yaml_parser_t *parser)
{
    yaml_document_t second;

    if (!yaml_parser_load(parser, &second)) {
        complain_syntax(loader, parser);
        return;
    }
    if (yaml_document_get_root_node(&second) != NULL)
        complain_at(loader, second.start_mark,
                    "a second document begins here: one file is one scenario");
    yaml_document_delete(&second);
}

struct scenario *scenario_parse(const char *path, const char *text, size_t size,
                                struct complaints *complaints)
{
    struct scenario *scenario = scenario_new(path);
    yaml_document_t document;
    struct loader loader = {&document, path, complaints, scenario};
    size_t before = complaints->count;
    yaml_parser_t parser;

    if (!yaml_parser_initialize(&parser))
        abort();
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    if (yaml_parser_load(&parser, &document)) {
        read_document(&loader);
        if (yaml_document_get_root_node(&document) != NULL)
            check_single(&loader, &parser);
        yaml_document_delete(&document);
    } else {
        complain_syntax(&loader, &parser);
    }
    yaml_parser_delete(&parser);
    if (complaints->count == before)
        return scenario;
    scenario_free(scenario);
    return NULL;
}

struct scenario *scenario_load(const char *path, struct complaints *complaints)
{
    static const yaml_mark_t start = {0, 0, 0};
    struct loader loader = {NULL, path, complaints, NULL};
    char *text = loader_alloc(1, FILE_BYTES_MAX);
    FILE *file = fopen(path, "rb");
    struct scenario *scenario = NULL;
    size_t size;

    if (file == NULL) {
        complain_at(&loader, start, "cannot be opened: %s", strerror(errno));
        free(text);
        return NULL;
    }
    size = fread(text, 1, FILE_BYTES_MAX, file);
    if (ferror(file))
        complain_at(&loader, start, "cannot be read: %s", strerror(errno));
    else if (size == FILE_BYTES_MAX)
        complain_at(&loader, start, "is larger than a scenario can be");
    else
        scenario = scenario_parse(path, text, size, complaints);
    fclose(file);
    free(text);
    return scenario;
}

void scenario_free(struct scenario *scenario)
{
    if (scenario == NULL)
        return;
    for (size_t i = 0; i < scenario->topic_count; i++) {
        free(scenario->topics[i].name);
        settings_release(&scenario->topics[i].config);
    }
    free(scenario->topics);
    free(scenario->producers);
    free(scenario->consumers);
    for (size_t i = 0; i < scenario->step_count; i++)
        settings_release(&scenario->steps[i].config);
    free(scenario->steps);
    for (size_t i = 0; i < scenario->fault_count; i++)
        free(scenario->faults[i].nths);
    free(scenario->faults);
    settings_release(&scenario->config);
    free(scenario->description);
    free(scenario->name);
    free(scenario->path);
    free(scenario);
}
