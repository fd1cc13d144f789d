/* SPDX-License-Identifier: Apache-2.0
 *
 * Steps (what happens when) and faults (what may go wrong by itself).
 */
#include <stdlib.h>
#include <string.h>

#include "sim/scenario/internal.h"

static const enum step_takes takes_of[] = {
#define STEP(name, key, takes, undone, stored, sentence) TAKES_##takes,
#include "sim/scenario/step.def"
#undef STEP
};

enum { DONE, UNDONE };
static const bool undone[] = {
#define STEP(name, key, takes, undone, stored, sentence) undone,
#include "sim/scenario/step.def"
#undef STEP
};

static const enum step_stored stored_of[] = {
#define STEP(name, key, takes, undone, stored, sentence) STORED_##stored,
#include "sim/scenario/step.def"
#undef STEP
};

static const char *const step_names[] = {
#define STEP(name, key, takes, undone, stored, sentence) key,
#include "sim/scenario/step.def"
#undef STEP
};

const char *step_name(enum step_action action)
{
    return step_names[action];
}

static const char *const conditions[] = {"appended", "committed", "elected",
                                         "truncated", "strict"};

enum step_takes step_takes(enum step_action action)
{
    return takes_of[action];
}

enum step_stored step_stored(enum step_action action)
{
    return stored_of[action];
}

const char *condition_name(enum condition_kind kind)
{
    return conditions[kind - CONDITION_APPENDED];
}

/* While a step is read: which action and which qualifiers were given. */
struct draft {
    struct scenario_step step;
    bool has_action;
    bool has_at;
    bool has_when;
    bool has_after;
    bool has_hold;
    bool has_every;
    bool has_times;
    bool has_one_way;
    bool has_by;
    bool has_bytes;
    bool has_place;
    bool has_config;
    bool has_to;
    bool has_directory;
    bool has_brokers;
    bool has_copy_rate;
    bool has_before;
    bool has_byte;
    bool has_broker;
    bool has_as;
};

static void read_link(struct loader *loader, yaml_node_t *node,
                      struct scenario_step *step)
{
    if (step->action == STEP_HEAL && node->type == YAML_SCALAR_NODE &&
        strcmp((const char *)node->data.scalar.value, "all") == 0) {
        step->from.kind = TARGET_NOBODY;
        return;
    }
    if (node->type != YAML_SEQUENCE_NODE || list_count(node) != 2) {
        complain(loader, node, "%s takes two nodes, such as [b1, zookeepers]",
                 step_name(step->action));
        return;
    }
    parse_target(loader, list_item(loader, node, 0), &step->from);
    parse_target(loader, list_item(loader, node, 1), &step->to);
}

static void read_nodes(struct loader *loader, yaml_node_t *node,
                       struct scenario_step *step)
{
    size_t count = list_count(node);

    if (count == 0 || count > STEP_TARGETS_MAX) {
        complain(loader, node, "%s takes one to %d nodes",
                 step_name(step->action), STEP_TARGETS_MAX);
        return;
    }
    for (size_t i = 0; i < count; i++)
        if (parse_target(loader, list_item(loader, node, i),
                         &step->targets[step->target_count]))
            step->target_count++;
}

/* Where it is to lie, the preferred leader first. */
static void read_brokers(struct loader *loader, yaml_node_t *node, void *to,
                         const struct field *field)
{
    struct draft *draft = to;
    struct scenario_step *step = &draft->step;

    (void)field;
    draft->has_brokers = true;
    read_nodes(loader, node, step);
    for (size_t i = 0; i < step->target_count; i++) {
        if (step->targets[i].kind != TARGET_BROKER)
            complain(loader, node, "'brokers' names brokers: [b1, b2]");
        for (size_t k = 0; k < i; k++)
            if (step->targets[k].index == step->targets[i].index)
                complain(loader, node, "b%lld is named twice",
                         (long long)step->targets[i].index + 1);
    }
}

static const char *const damages[] = {"garbage", "empty", "flipped", "removed"};

const char *znode_damage_name(enum znode_damage damage)
{
    return damages[damage];
}

static void read_znode(struct loader *loader, yaml_node_t *node,
                       struct scenario_step *step)
{
    const char *text = scalar(loader, node, step_name(step->action));

    if (text == NULL)
        return;
    if (text[0] != '/' || text[1] == '\0' || strlen(text) >= sizeof step->znode)
        complain(loader, node,
                 "'%.40s' is no path of a znode, such as "
                 "/topics/orders/state/0",
                 text);
    else
        snprintf(step->znode, sizeof step->znode, "%s", text);
}

static void read_as(struct loader *loader, yaml_node_t *node, void *to,
                    const struct field *field)
{
    const char *text = scalar(loader, node, field->key);
    struct draft *draft = to;

    draft->has_as = true;
    for (size_t i = 0; text != NULL && i < COUNT_OF(damages); i++)
        if (strcmp(text, damages[i]) == 0) {
            draft->step.damage = (enum znode_damage)i;
            return;
        }
    if (text != NULL)
        complain(loader, node,
                 "a znode is damaged as garbage, empty, flipped or "
                 "removed, not as '%s'%s",
                 text, did_you_mean(text, damages, COUNT_OF(damages)));
}

static void read_action(struct loader *loader, yaml_node_t *node, void *to,
                        const struct field *field)
{
    struct draft *draft = to;
    struct scenario_step *step = &draft->step;

    if (draft->has_action) {
        complain(loader, node,
                 "a step does one thing: '%s' and '%s' are two steps",
                 step_name(step->action), field->key);
        return;
    }
    draft->has_action = true;
    step->action = (enum step_action)field->minimum;
    step->line = (unsigned)node->start_mark.line + 1;
    if (takes_of[step->action] == TAKES_LINK)
        read_link(loader, node, step);
    else if (takes_of[step->action] == TAKES_TOPIC)
        read_topic(loader, node, &step->topic, field);
    else if (takes_of[step->action] == TAKES_PLACE)
        read_partition(loader, node, &step->topic, field);
    else if (takes_of[step->action] == TAKES_ZNODE)
        read_znode(loader, node, step);
    else if (takes_of[step->action] == TAKES_MOVE)
        read_move(loader, node, &step->topic, field);
    else
        read_nodes(loader, node, step);
}

/* "orders/0 appended 100" */
static void read_when(struct loader *loader, yaml_node_t *node, void *to,
                      const struct field *field)
{
    struct draft *draft = to;
    struct condition *when = &draft->step.when;
    const char *text = scalar(loader, node, field->key);
    char place[256], kind[32], count[32], rest[2];

    draft->has_when = true;
    if (text == NULL)
        return;
    if (sscanf(text, "%255s %31s %31s %1s", place, kind, count, rest) != 3 ||
        !parse_count(count, &when->count) || when->count < 1) {
        complain(loader, node,
                 "'%s' is not a condition: write TOPIC/N, what (appended, "
                 "committed, elected, truncated, strict) and a number, such "
                 "as orders/0 appended 100",
                 text);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(conditions); i++)
        if (strcmp(kind, conditions[i]) == 0)
            when->kind = (enum condition_kind)(CONDITION_APPENDED + i);
    if (when->kind == CONDITION_NONE)
        complain(loader, node, "a partition is not '%s'%s", kind,
                 did_you_mean(kind, conditions, COUNT_OF(conditions)));
    parse_place(loader, node, place, &when->topic, &when->partition);
}

#define QUALIFIER(name, flag, reads, member, ...)                              \
    static void read_##name(struct loader *loader, yaml_node_t *node,          \
                            void *to, const struct field *field)               \
    {                                                                          \
        struct draft *draft = to;                                              \
                                                                               \
        draft->flag = true;                                                    \
        reads(loader, node, &draft->step.member, field);                       \
    }                                                                          \
    static const struct type type_##name = {.read = read_##name, __VA_ARGS__};
#define SPAN  .schema = SCHEMA_SPAN
#define COUNT .schema = "\"type\": \"integer\"", .ranged = true
QUALIFIER(at, has_at, read_span, at, SPAN)
QUALIFIER(after, has_after, read_span, after, SPAN)
QUALIFIER(for, has_hold, read_span, hold, SPAN)
QUALIFIER(every, has_every, read_span, every, SPAN)
QUALIFIER(times, has_times, read_count, times, COUNT)
QUALIFIER(one_way, has_one_way, read_bool, one_way,
          .schema = "\"type\": \"boolean\"")
QUALIFIER(by, has_by, read_millis, by_ms, .schema = SCHEMA_DURATION)
QUALIFIER(bytes, has_bytes, read_size, bytes, .schema = SCHEMA_SIZE)
QUALIFIER(directory, has_directory, read_count, directory, COUNT)
QUALIFIER(place, has_place, read_partition, topic, .schema = SCHEMA_PLACE)
QUALIFIER(byte, has_byte, read_count, byte, COUNT)
QUALIFIER(before, has_before, read_count, before, COUNT)
QUALIFIER(config, has_config, read_topic_config, config,
          .key = topic_config_key)
QUALIFIER(to, has_to, read_count, partitions, COUNT)
QUALIFIER(broker, has_broker, read_count, broker, COUNT)
QUALIFIER(copy_rate, has_copy_rate, read_size, copy_rate, .schema = SCHEMA_SIZE)
#undef QUALIFIER
#undef SPAN
#undef COUNT

static void put_action(FILE *out, const struct field *field)
{
    switch (takes_of[field->minimum]) {
    case TAKES_TOPIC:
    case TAKES_MOVE:
    case TAKES_ZNODE:
        fputs("\"type\": \"string\"", out);
        return;
    case TAKES_PLACE:
        fputs(SCHEMA_PLACE, out);
        return;
    default:
        target_schema(out, field->minimum == STEP_HEAL ? "|all" : "");
    }
}

static const struct type type_action = {
    .read = read_action, .shape = TYPE_MANY, .put = put_action};
static const char *nth_damage(size_t n)
{
    return n < COUNT_OF(damages) ? damages[n] : NULL;
}

static const struct type type_as = {.read = read_as, .name = nth_damage};
static const struct type type_when = {
    .read = read_when,
    .schema = "\"type\": \"string\", \"pattern\": \"^.+/[0-9]+ +"
              "(appended|committed|elected|truncated|strict) +[0-9]+$\""};
static const struct type type_brokers = {.read = read_brokers,
                                         .shape = TYPE_MANY,
                                         .schema =
                                             "\"type\": \"string\", "
                                             "\"pattern\": \"^b[0-9]+$\""};

static const struct field step_fields[] = {
#define STEP(name, key, takes, undone, stored, sentence)                       \
    {key, &type_action, 0, false, STEP_##name, 0, sentence},
#include "sim/scenario/step.def"
#undef STEP
    {"at", &type_at, 0, false, 0, 0, "when, or a window to draw it from"},
    {"when", &type_when, 0, false, 0, 0, "the condition it waits for"},
    {"after", &type_after, 0, false, 0, 0, "so long after the condition"},
    {"for", &type_for, 0, false, 0, 0, "undone after so long"},
    {"every", &type_every, 0, false, 0, 0, "between repetitions"},
    {"times", &type_times, 0, false, 1, 10000, "how often"},
    {"one-way", &type_one_way, 0, false, 0, 0, "only from the first"},
    {"by", &type_by, 0, false, 0, 0, "how far the clock moves"},
    {"bytes", &type_bytes, 0, false, 4096, 1LL << 50, "size of the disk"},
    {"directory", &type_directory, 0, false, 1, SCENARIO_LOG_DIRS_MAX,
     "which log directory"},
    {"partition", &type_place, 0, false, 0, 0, "whose log rots"},
    {"byte", &type_byte, 0, false, 1, 1LL << 40,
     "which byte of the segment rots, or of the znode is flipped"},
    {"before", &type_before, 0, false, 1, INT64_MAX, "the first that stays"},
    {"config", &type_config, 0, false, 0, 0, "the topic's other settings"},
    {"to", &type_to, 0, false, 2, SCENARIO_PARTITIONS_MAX,
     "how many partitions it has then"},
    {"broker", &type_broker, 0, false, 1, SCENARIO_BROKERS_MAX,
     "which one is to lead"},
    {"as", &type_as, 0, false, 0, 0, "what lies in its place"},
    {"brokers", &type_brokers, 0, false, 0, 0, "on which brokers it is to lie"},
    {"copy-rate", &type_copy_rate, 0, false, 1, 1LL << 40,
     "so many bytes a second each of them copies at most"},
};

static void check_directory(struct loader *loader, yaml_node_t *node,
                            const struct draft *draft)
{
    const char *name = step_name(draft->step.action);
    bool takes = takes_of[draft->step.action] == TAKES_DIRECTORY;

    if (draft->has_directory != takes)
        complain(loader, node,
                 takes ? "%s needs 'directory': which log directory, from 1"
                       : "directory belongs to disk-fails and disk-replaced, "
                         "not to %s",
                 name);
    else if (takes && draft->step.directory > loader->scenario->log_dirs)
        complain(loader, node, "a broker has log directories 1 to %lld only",
                 (long long)loader->scenario->log_dirs);
}

static void check_partitions(struct loader *loader, yaml_node_t *node,
                             const struct draft *draft)
{
    bool takes = draft->step.action == STEP_ADD_PARTITIONS;
    const struct scenario_topic *topic;

    if (draft->has_to != takes)
        complain(loader, node,
                 takes ? "%s needs 'to': how many partitions there are then"
                       : "to belongs to add-partitions, not to %s",
                 step_name(draft->step.action));
    if (!takes || loader->scenario->topic_count == 0)
        return;
    topic = &loader->scenario->topics[draft->step.topic];
    if (draft->step.partitions <= topic->partitions)
        complain(loader, node,
                 "topic '%s' begins with %lld partitions: 'to' is more",
                 topic->name, (long long)topic->partitions);
}

static void check_broker(struct loader *loader, yaml_node_t *node,
                         const struct draft *draft)
{
    bool takes = draft->step.action == STEP_ELECT_UNCLEANLY;

    if (draft->has_broker != takes)
        complain(loader, node,
                 takes ? "%s needs 'broker': which one is to lead, such as 2"
                       : "broker belongs to elect-uncleanly, not to %s",
                 step_name(draft->step.action));
    else if (takes && draft->step.broker > loader->scenario->brokers)
        complain(loader, node, "there are brokers 1 to %lld only",
                 (long long)loader->scenario->brokers);
}

static void check_move(struct loader *loader, yaml_node_t *node,
                       const struct draft *draft)
{
    const struct scenario_step *step = &draft->step;
    bool takes = step->action == STEP_REASSIGN;
    struct scenario_topic *topic;

    if (draft->has_brokers != takes)
        complain(loader, node,
                 takes ? "%s needs 'brokers': where it is to lie, such as "
                         "[b1, b2]"
                       : "brokers belongs to reassign, not to %s",
                 step_name(step->action));
    if (draft->has_copy_rate && !takes)
        complain(loader, node, "copy-rate belongs to reassign, not to %s",
                 step_name(step->action));
    if (!takes || loader->scenario->topic_count == 0)
        return;
    topic = &loader->scenario->topics[step->topic];
    if (topic->replicas_least > (int64_t)step->target_count)
        topic->replicas_least = (int64_t)step->target_count;
}

static void check_qualifiers(struct loader *loader, yaml_node_t *node,
                             const struct draft *draft)
{
    enum step_action action = draft->step.action;
    const char *name = step_name(action);

    if (draft->has_one_way && action != STEP_CUT)
        complain(loader, node, "one-way belongs to cut, not to %s", name);
    if (draft->has_by != (action == STEP_CLOCK_JUMP))
        complain(loader, node,
                 draft->has_by ? "by belongs to clock-jump, not to %s"
                               : "%s needs 'by': how far the clock moves, "
                                 "such as 30d or -5s",
                 name);
    if (draft->has_bytes && action != STEP_DISK_CAPACITY)
        complain(loader, node, "bytes belongs to disk-capacity, not to %s",
                 name);
    if (draft->has_place != (action == STEP_ROT))
        complain(loader, node,
                 draft->has_place ? "partition belongs to rot, not to %s"
                                  : "%s needs 'partition': whose log, such as "
                                    "orders/0",
                 name);
    if (draft->has_byte && action != STEP_ROT && action != STEP_DAMAGE_ZNODE)
        complain(loader, node,
                 "byte belongs to rot and damage-znode, not to %s", name);
    if (draft->has_before != (action == STEP_TRUNCATE))
        complain(loader, node,
                 draft->has_before ? "before belongs to truncate, not to %s"
                                   : "%s needs 'before': the first offset that "
                                     "stays",
                 name);
    if (draft->has_config != (action == STEP_ALTER_TOPIC))
        complain(loader, node,
                 draft->has_config ? "config belongs to alter-topic, not to %s"
                                   : "%s needs 'config': the settings that it "
                                     "changes, such as {retention.ms: 5s}",
                 name);
    if (draft->has_as && action != STEP_DAMAGE_ZNODE)
        complain(loader, node, "as belongs to damage-znode, not to %s", name);
    check_directory(loader, node, draft);
    check_partitions(loader, node, draft);
    check_broker(loader, node, draft);
    check_move(loader, node, draft);
    if (draft->has_hold && !undone[action])
        complain(loader, node, "%s cannot be undone: leave 'for' out", name);
}

static void check_times(struct loader *loader, yaml_node_t *node,
                        const struct draft *draft)
{
    const struct scenario_step *step = &draft->step;

    if (draft->has_at == draft->has_when)
        complain(loader, node,
                 "a step needs either 'at' (a time) or 'when' (a condition)");
    if (draft->has_after && !draft->has_when)
        complain(loader, node, "'after' belongs to 'when'");
    if (draft->has_every && draft->has_when)
        complain(loader, node, "'every' belongs to 'at', not to 'when'");
    if (draft->has_times && !draft->has_every)
        complain(loader, node, "'times' needs 'every'");
    if (draft->has_every && step->every.from_us == 0)
        complain(loader, node, "'every' must be more than 0");
    if (draft->has_at && step->at.to_us >= loader->scenario->duration_us)
        complain(loader, node,
                 "the step lies after the duration of the scenario");
}

static void complain_no_action(struct loader *loader, yaml_node_t *node)
{
    char list[1024] = "";
    size_t used = 0;

    for (size_t i = 0; i < COUNT_OF(step_names) && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s",
                                 i > 0 ? ", " : "", step_names[i]);
    complain(loader, node, "the step does nothing: give it one of %s", list);
}

/* One of its keys is none, but near to one: that has been said. */
static bool is_misspelt(struct loader *loader, yaml_node_t *node)
{
    const char *names[COUNT_OF(step_fields)];
    yaml_node_pair_t *pair;

    for (size_t i = 0; i < COUNT_OF(step_fields); i++)
        names[i] = step_fields[i].key;
    for (pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        yaml_node_t *key = yaml_document_get_node(loader->document, pair->key);
        const char *text = (const char *)key->data.scalar.value;
        const char *near;

        if (key->type != YAML_SCALAR_NODE)
            continue;
        near = nearest(text, names, COUNT_OF(names));
        if (near != NULL && strcmp(near, text) != 0)
            return true;
    }
    return false;
}

static void read_step(struct loader *loader, yaml_node_t *node,
                      struct scenario_step *step)
{
    struct draft draft = {
        .step = {.hold = {-1, -1}, .times = -1, .bytes = -1, .line = 0}};

    draft.step.every.from_us = -1; /* until it is read */
    read_mapping(loader, node, "a step", step_fields, COUNT_OF(step_fields),
                 &draft);
    if (node->type != YAML_MAPPING_NODE)
        return;
    if (!draft.has_every)
        draft.step.every.from_us = 0;
    if (!draft.has_action) {
        if (!is_misspelt(loader, node))
            complain_no_action(loader, node);
        settings_release(&draft.step.config);
        return;
    }
    check_qualifiers(loader, node, &draft);
    check_times(loader, node, &draft);
    if (!draft.has_every)
        draft.step.times = 1;
    if (draft.step.action == STEP_CREATE_TOPIC &&
        loader->scenario->topic_count > 0)
        loader->scenario->topics[draft.step.topic].late = true;
    *step = draft.step;
}

/* Before any step is read: what they speak of may be added by another. */
static void note_added(struct loader *loader, yaml_node_t *node)
{
    struct scenario *scenario = loader->scenario;
    yaml_node_t *name = mapping_find(loader, node, "add-partitions");
    yaml_node_t *to = mapping_find(loader, node, "to");
    int64_t count;

    if (name == NULL || name->type != YAML_SCALAR_NODE || to == NULL ||
        to->type != YAML_SCALAR_NODE ||
        !parse_count((const char *)to->data.scalar.value, &count) ||
        count > SCENARIO_PARTITIONS_MAX)
        return; /* complained of when the step is read */
    for (size_t i = 0; i < scenario->topic_count; i++) {
        struct scenario_topic *topic = &scenario->topics[i];

        if (strcmp(topic->name, (const char *)name->data.scalar.value) == 0 &&
            count > topic->partitions_max)
            topic->partitions_max = count;
    }
}

static void read_steps(struct loader *loader, yaml_node_t *node, void *to,
                       const struct field *field)
{
    struct scenario *scenario = loader->scenario;
    size_t count;

    (void)to;
    if (!is_sequence(loader, node, field->key))
        return;
    count = list_count(node);
    if (count > SCENARIO_STEPS_MAX) {
        complain(loader, node, "more than %d steps", SCENARIO_STEPS_MAX);
        return;
    }
    scenario->steps = loader_alloc(count, sizeof *scenario->steps);
    scenario->step_count = count;
    for (size_t i = 0; i < count; i++)
        note_added(loader, list_item(loader, node, i));
    for (size_t i = 0; i < count; i++)
        read_step(loader, list_item(loader, node, i), &scenario->steps[i]);
}

/* One number, or several that grow. */
static void read_nths(struct loader *loader, yaml_node_t *node, void *to,
                      const struct field *field)
{
    struct scenario_fault *fault = to;
    size_t count = list_count(node);

    if (count == 0 || count > SCENARIO_NTHS_MAX) {
        complain(loader, node, "nth takes one to %d numbers",
                 SCENARIO_NTHS_MAX);
        return;
    }
    fault->nths = loader_alloc(count, sizeof *fault->nths);
    for (size_t i = 0; i < count; i++) {
        yaml_node_t *item = list_item(loader, node, i);
        int64_t nth = 0;

        read_count(loader, item, &nth, field);
        if (i > 0 && nth > 0 && (uint64_t)nth <= fault->nths[i - 1])
            complain(loader, item,
                     "each number of nth is greater than the one before");
        fault->nths[fault->nth_count++] = (uint64_t)nth;
    }
}

static const struct type type_nths = {.read = read_nths,
                                      .shape = TYPE_MANY,
                                      .schema = "\"type\": \"integer\"",
                                      .ranged = true};

#define FAULT_FIELD(member) offsetof(struct scenario_fault, member)

static const struct field fault_fields[] = {
    {"point", &type_point, FAULT_FIELD(point), true, 0, 0,
     "a fault point; 'kqsim faults' lists them"},
    {"node", &type_target, FAULT_FIELD(node), false, 0, 0,
     "whom it befalls; else any"},
    {"nth", &type_nths, 0, false, 1, INT64_MAX,
     "it fires at the so many-th asking, or at each of several"},
    {"rate", &type_chance, FAULT_FIELD(rate), false, 0, 0,
     "the chance of each asking"},
    {"from", &type_duration, FAULT_FIELD(from_us), false, 0, 0,
     "when it begins"},
    {"until", &type_duration, FAULT_FIELD(until_us), false, 0, 0,
     "when it ends; else with the duration"},
    {"limit", &type_count, FAULT_FIELD(limit), false, 1, INT64_MAX,
     "it fires at most so often"},
};

static void read_fault(struct loader *loader, yaml_node_t *node,
                       struct scenario_fault *fault)
{
    *fault =
        (struct scenario_fault){.node = {.kind = TARGET_EVERYBODY},
                                .until_us = SCENARIO_FOR_EVER,
                                .line = (unsigned)node->start_mark.line + 1};
    read_mapping(loader, node, "a fault", fault_fields, COUNT_OF(fault_fields),
                 fault);
    if (node->type == YAML_MAPPING_NODE &&
        (mapping_find(loader, node, "nth") != NULL) ==
            (mapping_find(loader, node, "rate") != NULL))
        complain(loader, node,
                 "a fault needs either 'nth' (once, at that asking) or 'rate' "
                 "(a chance)");
    if (fault->until_us <= fault->from_us)
        complain(loader, node, "the fault ends before it begins");
    if (fault->from_us >= loader->scenario->duration_us)
        complain(loader, node,
                 "the fault lies after the duration of the scenario");
}

static void read_faults(struct loader *loader, yaml_node_t *node, void *to,
                        const struct field *field)
{
    struct scenario *scenario = loader->scenario;
    size_t count;

    (void)to;
    if (!is_sequence(loader, node, field->key))
        return;
    count = list_count(node);
    if (count > SCENARIO_FAULTS_MAX) {
        complain(loader, node, "more than %d faults", SCENARIO_FAULTS_MAX);
        return;
    }
    scenario->faults = loader_alloc(count, sizeof *scenario->faults);
    scenario->fault_count = count;
    for (size_t i = 0; i < count; i++)
        read_fault(loader, list_item(loader, node, i), &scenario->faults[i]);
}

const struct type type_steps = {.read = read_steps,
                                .shape = TYPE_LIST,
                                .fields = step_fields,
                                .field_count = COUNT_OF(step_fields)};
const struct type type_faults = {.read = read_faults,
                                 .shape = TYPE_LIST,
                                 .fields = fault_fields,
                                 .field_count = COUNT_OF(fault_fields)};
