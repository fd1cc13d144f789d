/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is meant: b1, c1, z1, leader(orders/0), any broker, ...
 */
#include <string.h>

#include "sim/scenario/internal.h"

static const struct {
    const char *name;
    enum target_kind kind;
} words[] = {
    {"controller", TARGET_CONTROLLER}, {"any broker", TARGET_ANY_BROKER},
    {"any client", TARGET_ANY_CLIENT}, {"any zookeeper", TARGET_ANY_ZOOKEEPER},
    {"brokers", TARGET_BROKERS},       {"clients", TARGET_CLIENTS},
    {"zookeepers", TARGET_ZOOKEEPERS}, {"everybody", TARGET_EVERYBODY},
};

static const struct {
    const char *name;
    enum target_kind kind;
} roles[] = {
    {"leader", TARGET_LEADER},
    {"follower", TARGET_FOLLOWER},
    {"followers", TARGET_FOLLOWERS},
};

const char *target_word(enum target_kind kind)
{
    static const char *const initials[] = {
        [TARGET_BROKER] = "b", [TARGET_CLIENT] = "c", [TARGET_ZOOKEEPER] = "z"};

    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (words[i].kind == kind)
            return words[i].name;
    for (size_t i = 0; i < COUNT_OF(roles); i++)
        if (roles[i].kind == kind)
            return roles[i].name;
    return kind < COUNT_OF(initials) ? initials[kind] : "nobody";
}

static int find_topic(const struct scenario *scenario, const char *name,
                      size_t length)
{
    for (size_t i = 0; i < scenario->topic_count; i++)
        if (strlen(scenario->topics[i].name) == length &&
            strncmp(scenario->topics[i].name, name, length) == 0)
            return (int)i;
    return -1;
}

static void complain_topic(struct loader *loader, yaml_node_t *node,
                           const char *name)
{
    const struct scenario *scenario = loader->scenario;
    const char *names[64];
    size_t count = 0;

    if (scenario->topic_count == 0) /* 'topics' itself is complained of */
        return;
    for (; count < scenario->topic_count && count < COUNT_OF(names); count++)
        names[count] = scenario->topics[count].name;
    complain(loader, node, "no topic '%s' stands under topics%s", name,
             did_you_mean(name, names, count));
}

void read_topic(struct loader *loader, yaml_node_t *node, void *to,
                const struct field *field)
{
    const char *text = scalar(loader, node, field->key);
    int topic;

    if (text == NULL)
        return;
    topic = find_topic(loader->scenario, text, strlen(text));
    if (topic < 0)
        complain_topic(loader, node, text);
    else
        *(int64_t *)to = topic;
}

void complain_partition(struct loader *loader, yaml_node_t *node,
                        const struct scenario_topic *topic, int64_t partitions)
{
    if (partitions == 1)
        complain(loader, node, "topic '%s' has partition 0 only", topic->name);
    else
        complain(loader, node, "topic '%s' has partitions 0 to %lld only",
                 topic->name, (long long)partitions - 1);
}

bool parse_place(struct loader *loader, yaml_node_t *node, const char *text,
                 int64_t *topic, int64_t *partition)
{
    const char *slash = strrchr(text, '/');
    char name[256];
    int at;

    if (slash == NULL || !parse_count(slash + 1, partition) || *partition < 0 ||
        slash - text >= (ptrdiff_t)sizeof name) {
        complain(loader, node,
                 "'%s' is not a partition: write TOPIC/NUMBER, such as "
                 "orders/0",
                 text);
        return false;
    }
    at = find_topic(loader->scenario, text, (size_t)(slash - text));
    if (at < 0) {
        snprintf(name, sizeof name, "%.*s", (int)(slash - text), text);
        complain_topic(loader, node, name);
        return false;
    }
    if (*partition >= loader->scenario->topics[at].partitions_max) {
        complain_partition(loader, node, &loader->scenario->topics[at],
                           loader->scenario->topics[at].partitions_max);
        return false;
    }
    *topic = at;
    return true;
}

void read_partition(struct loader *loader, yaml_node_t *node, void *to,
                    const struct field *field)
{
    const char *text = scalar(loader, node, field->key);
    int64_t *place = to;

    if (text != NULL)
        parse_place(loader, node, text, &place[0], &place[1]);
}

void read_move(struct loader *loader, yaml_node_t *node, void *to,
               const struct field *field)
{
    const char *text = scalar(loader, node, field->key);
    int64_t *place = to;

    place[1] = -1;
    if (text != NULL && strchr(text, '/') != NULL)
        parse_place(loader, node, text, &place[0], &place[1]);
    else if (text != NULL)
        read_topic(loader, node, to, field);
}

/* role(TOPIC/N); false when it is not of this form. */
static bool parse_role(struct loader *loader, yaml_node_t *node,
                       const char *text, struct target *target, bool *good)
{
    size_t length = strcspn(text, "(");
    size_t total = strlen(text);
    char place[256];

    if (text[length] != '(' || text[total - 1] != ')' ||
        total - length - 2 >= sizeof place)
        return false;
    for (size_t i = 0; i < COUNT_OF(roles); i++) {
        if (strlen(roles[i].name) != length ||
            strncmp(text, roles[i].name, length) != 0)
            continue;
        target->kind = roles[i].kind;
        snprintf(place, sizeof place, "%.*s", (int)(total - length - 2),
                 text + length + 1);
        *good = parse_place(loader, node, place, &target->topic,
                            &target->partition);
        return true;
    }
    return false;
}

/* b1, c1, z1 */
static bool parse_name(const struct loader *loader, const char *text,
                       struct target *target, int64_t *limit)
{
    const struct scenario *scenario = loader->scenario;
    int64_t number;

    if (*text == '\0' || !parse_count(text + 1, &number))
        return false;
    switch (*text) {
    case 'b':
        *target = (struct target){.kind = TARGET_BROKER};
        *limit = scenario->brokers;
        break;
    case 'c':
        *target = (struct target){.kind = TARGET_CLIENT};
        *limit = scenario->client_count;
        break;
    case 'z':
        *target = (struct target){.kind = TARGET_ZOOKEEPER};
        *limit = scenario->zookeepers;
        break;
    default:
        return false;
    }
    target->index = number - 1;
    return true;
}

/* The nearest of words and roles; of a role what stands before '('. */
static void complain_node(struct loader *loader, yaml_node_t *node,
                          const char *text)
{
    const char *names[COUNT_OF(words) + COUNT_OF(roles)];
    char word[64];

    snprintf(word, sizeof word, "%.*s", (int)strcspn(text, " ("), text);
    for (size_t i = 0; i < COUNT_OF(words); i++)
        names[i] = words[i].name;
    for (size_t i = 0; i < COUNT_OF(roles); i++) {
        names[COUNT_OF(words) + i] = roles[i].name;
        if (strcmp(word, roles[i].name) == 0) {
            complain(loader, node,
                     "'%s' names no node: write %s(TOPIC/NUMBER), such as "
                     "%s(orders/0)",
                     text, word, word);
            return;
        }
    }
    if (*text != '\0' && text[strspn(text, "0123456789")] == '\0') {
        complain(loader, node,
                 "'%s' names no node: brokers are b1, b2, ..., clients c1 and "
                 "servers of ZooKeeper z1",
                 text);
        return;
    }
    if (strchr(text, '(') == NULL)
        snprintf(word, sizeof word, "%s", text);
    complain(loader, node,
             "'%s' names no node%s (b1, c1, z1, leader(TOPIC/N), "
             "follower(TOPIC/N), controller, any broker, brokers, ...)",
             text, did_you_mean(word, names, COUNT_OF(names)));
}

bool parse_target(struct loader *loader, yaml_node_t *node,
                  struct target *target)
{
    const char *text = scalar(loader, node, "a node");
    bool good = false;
    int64_t limit;

    if (text == NULL)
        return false;
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (strcmp(text, words[i].name) == 0) {
            *target = (struct target){.kind = words[i].kind};
            return true;
        }
    if (parse_name(loader, text, target, &limit)) {
        if (target->index >= 0 && target->index < limit)
            return true;
        complain(loader, node, "there is no node '%s': %c1 to %c%lld exist",
                 text, *text, *text, (long long)limit);
        return false;
    }
    if (parse_role(loader, node, text, target, &good))
        return good;
    complain_node(loader, node, text);
    return false;
}

void target_schema(FILE *out, const char *other)
{
    fputs("\"type\": \"string\", \"pattern\": \"^([bcz][0-9]+", out);
    for (size_t i = 0; i < COUNT_OF(words); i++)
        fprintf(out, "|%s", words[i].name);
    for (size_t i = 0; i < COUNT_OF(roles); i++)
        fprintf(out, "|%s\\\\(.+/[0-9]+\\\\)", roles[i].name);
    fprintf(out, "%s)$\"", other);
}

static void put_target(FILE *out, const struct field *field)
{
    (void)field;
    target_schema(out, "");
}

static void read_target(struct loader *loader, yaml_node_t *node, void *to,
                        const struct field *field)
{
    (void)field;
    parse_target(loader, node, to);
}

#define SCHEMA_TEXT "\"type\": \"string\""

const struct type type_topic = {.read = read_topic, .schema = SCHEMA_TEXT};
const struct type type_target = {.read = read_target, .put = put_target};
const struct type type_partition = {.read = read_partition,
                                    .schema = SCHEMA_PLACE};
