/* SPDX-License-Identifier: Apache-2.0
 *
 * Producers and consumers of a scenario.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/scenario/internal.h"

static void read_acks(struct loader *loader, yaml_node_t *node, void *to,
                      const struct field *field)
{
    const char *text = scalar(loader, node, field->key);

    if (text == NULL)
        return;
    if (strcmp(text, "all") == 0)
        *(int64_t *)to = -1;
    else if (strcmp(text, "0") == 0 || strcmp(text, "1") == 0)
        *(int64_t *)to = text[0] - '0';
    else
        complain(loader, node, "'%s' is not a value for acks: 0, 1 or all",
                 text);
}

static void read_idempotence(struct loader *loader, yaml_node_t *node, void *to,
                             const struct field *field)
{
    struct scenario_producer *producer = to;

    producer->idempotence_given = true;
    read_bool(loader, node, &producer->idempotence, field);
}

/* now, an offset from now such as -30d, or at: milliseconds since 1970. */
static void read_timestamps(struct loader *loader, yaml_node_t *node, void *to,
                            const struct field *field)
{
    struct scenario_producer *producer = to;
    const char *text = scalar(loader, node, field->key);
    int64_t value;

    if (text == NULL || strcmp(text, "now") == 0)
        return;
    if (strncmp(text, "at ", 3) == 0 && parse_count(text + 3, &value)) {
        producer->timestamps = TIMESTAMPS_AT;
        producer->timestamp_ms = value;
    } else if (parse_duration(text, &value)) {
        producer->timestamps = TIMESTAMPS_OFFSET;
        producer->timestamp_ms = value / 1000;
    } else {
        complain(loader, node,
                 "'%s' is not a value for timestamps: now, a distance from "
                 "now such as -30d, or 'at' and milliseconds since 1970",
                 text);
    }
}

static const struct type type_acks = {.read = read_acks,
                                      .schema = "\"enum\": [0, 1, \"all\"]"};
static const struct type type_idempotence = {.read = read_idempotence,
                                             .schema = "\"type\": \"boolean\""};
static const struct type type_timestamps = {
    .read = read_timestamps,
    .schema = "\"type\": [\"string\", \"integer\"], "
              "\"pattern\": \"^now$|^at -?[0-9]+$|"
              "^-?[0-9]+ *(us|ms|s|m|h|d)$|^0$\""};

#define PRODUCER(member) offsetof(struct scenario_producer, member)

static const struct field producer_fields[] = {
    {"topic", &type_topic, PRODUCER(topic), true, 0, 0,
     "the topic it writes to"},
    {"clients", &type_count, PRODUCER(clients), false, 1, SCENARIO_CLIENTS_MAX,
     "how many such clients there are"},
    {"rate", &type_interval, PRODUCER(interval_us), true, 0, 0,
     "batches of each client, such as 5/s"},
    {"batch", &type_count, PRODUCER(batch), false, 1, 1000,
     "records in a batch"},
    {"record-size", &type_size, PRODUCER(record_bytes), false, 32, 512 << 10,
     "bytes of a record"},
    {"acks", &type_acks, PRODUCER(acks), false, 0, 0, "0, 1 or all"},
    {"idempotence", &type_idempotence, 0, false, 0, 0,
     "whether repeats are told apart; needs acks: all"},
    {"partition", &type_count, PRODUCER(partition), false, 0,
     SCENARIO_PARTITIONS_MAX, "the only one written to; else all in turn"},
    {"timestamps", &type_timestamps, 0, false, 0, 0,
     "now, a distance from now, or 'at' milliseconds"},
    {"timestamps-every", &type_count, PRODUCER(timestamp_every), false, 1,
     1000000, "only each so many-th batch has them, the others have now"},
    {"in-flight", &type_count, PRODUCER(in_flight), false, 1, 5,
     "requests under way to one broker"},
    {"delivery-timeout", &type_duration, PRODUCER(delivery_timeout_us), false,
     100000, 0, "after this long a record has failed"},
    {"from", &type_duration, PRODUCER(from_us), false, 0, 0, "when it begins"},
    {"until", &type_duration, PRODUCER(until_us), false, 0, 0,
     "when it ends; else with the duration"},
};

const struct scenario_producer producer_defaults = {
    .clients = 1,
    .interval_us = 200000,
    .batch = 1,
    .record_bytes = 100,
    .acks = -1,
    .partition = -1,
    .timestamp_every = 1,
    .in_flight = 5,
    .delivery_timeout_us = 120000000,
    .until_us = SCENARIO_FOR_EVER,
};

static void read_producer(struct loader *loader, yaml_node_t *node,
                          struct scenario_producer *producer)
{
    const struct scenario *scenario = loader->scenario;

    *producer = producer_defaults;
    read_mapping(loader, node, "a producer", producer_fields,
                 COUNT_OF(producer_fields), producer);
    if (!producer->idempotence_given)
        producer->idempotence = producer->acks == -1;
    if (producer->idempotence && producer->acks != -1)
        complain(loader, node, "idempotence: true needs acks: all");
    if (producer->until_us <= producer->from_us)
        complain(loader, node, "the producer ends before it begins");
    if (scenario->topic_count > 0 &&
        producer->partition >= scenario->topics[producer->topic].partitions)
        complain_partition(loader, node, &scenario->topics[producer->topic],
                           scenario->topics[producer->topic].partitions);
}

/* More clients, checked against the limit. */
static void count_clients(struct loader *loader, yaml_node_t *node,
                          int64_t clients)
{
    struct scenario *scenario = loader->scenario;

    scenario->client_count += clients;
    if (scenario->client_count > SCENARIO_CLIENTS_MAX &&
        scenario->client_count - clients <= SCENARIO_CLIENTS_MAX)
        complain(loader, node, "more than %d clients", SCENARIO_CLIENTS_MAX);
}

static void read_producers(struct loader *loader, yaml_node_t *node, void *to,
                           const struct field *field)
{
    struct scenario *scenario = loader->scenario;
    size_t count;

    (void)to;
    if (!is_sequence(loader, node, field->key))
        return;
    count = list_count(node);
    scenario->producers = loader_alloc(count, sizeof *scenario->producers);
    scenario->producer_count = count;
    for (size_t i = 0; i < count; i++) {
        read_producer(loader, list_item(loader, node, i),
                      &scenario->producers[i]);
        count_clients(loader, list_item(loader, node, i),
                      scenario->producers[i].clients);
    }
}

static void read_start(struct loader *loader, yaml_node_t *node, void *to,
                       const struct field *field)
{
    const char *text = scalar(loader, node, field->key);

    if (text == NULL)
        return;
    if (strcmp(text, "earliest") != 0 && strcmp(text, "latest") != 0)
        complain(loader, node,
                 "'%s' is not a value for start: earliest or "
                 "latest",
                 text);
    *(bool *)to = strcmp(text, "latest") == 0;
}

static const struct type type_start = {
    .read = read_start, .schema = "\"enum\": [\"earliest\", \"latest\"]"};

#define CONSUMER(member) offsetof(struct scenario_consumer, member)

static const struct field consumer_fields[] = {
    {"topic", &type_topic, CONSUMER(topic), true, 0, 0, "the topic it reads"},
    {"clients", &type_count, CONSUMER(clients), false, 1, SCENARIO_CLIENTS_MAX,
     "how many such clients there are"},
    {"start", &type_start, CONSUMER(latest), false, 0, 0, "earliest or latest"},
    {"from", &type_duration, CONSUMER(from_us), false, 0, 0, "when it begins"},
    {"until", &type_duration, CONSUMER(until_us), false, 0, 0, "when it ends"},
};

static void read_consumers(struct loader *loader, yaml_node_t *node, void *to,
                           const struct field *field)
{
    struct scenario *scenario = loader->scenario;
    size_t count;

    (void)to;
    if (!is_sequence(loader, node, field->key))
        return;
    count = list_count(node);
    scenario->consumers = loader_alloc(count, sizeof *scenario->consumers);
    scenario->consumer_count = count;
    for (size_t i = 0; i < count; i++) {
        struct scenario_consumer *consumer = &scenario->consumers[i];

        *consumer = (struct scenario_consumer){.clients = 1,
                                               .until_us = SCENARIO_FOR_EVER};
        read_mapping(loader, list_item(loader, node, i), "a consumer",
                     consumer_fields, COUNT_OF(consumer_fields), consumer);
        count_clients(loader, list_item(loader, node, i), consumer->clients);
    }
}

const struct type type_producers = {.read = read_producers,
                                    .shape = TYPE_LIST,
                                    .fields = producer_fields,
                                    .field_count = COUNT_OF(producer_fields)};
const struct type type_consumers = {.read = read_consumers,
                                    .shape = TYPE_LIST,
                                    .fields = consumer_fields,
                                    .field_count = COUNT_OF(consumer_fields)};
