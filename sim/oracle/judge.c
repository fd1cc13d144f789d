/* SPDX-License-Identifier: Apache-2.0
 *
 * Hands facts and events to the oracles chosen, then to the model. The
 * order of the oracles is the order of oracle.def, the same in every run.
 */
#include "base/assert.h"
#include "sim/oracle/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    const struct oracle *oracle;
    const char *name;
    const char *invariant;
    const char *sentence;
} oracles[] = {
#define ORACLE(name, file, text, invariant, sentence)                          \
    {&oracle_##file, text, invariant, sentence},
#include "sim/oracle/oracle.def"
#undef ORACLE
};

const char *oracle_name(enum oracle_id id)
{
    return oracles[id].name;
}

const char *oracle_invariant(enum oracle_id id)
{
    return oracles[id].invariant;
}

const char *oracle_sentence(enum oracle_id id)
{
    return oracles[id].sentence;
}

static bool chosen(const struct judge *judge, size_t id)
{
    return (judge->options.oracles >> id & 1) != 0;
}

static void find_listeners(struct judge *judge)
{
    for (size_t i = 0; i < ORACLE_COUNT; i++) {
        const struct listener listener = {oracles[i].oracle, judge->states[i]};

        if (!chosen(judge, i))
            continue;
        if (listener.oracle->on_fact != NULL)
            judge->of_facts.all[judge->of_facts.count++] = listener;
        if (listener.oracle->on_history != NULL)
            judge->of_history.all[judge->of_history.count++] = listener;
    }
}

struct judge *judge_new(const struct judge_options *options)
{
    struct judge *judge = memory_zeroed(sizeof *judge);

    ASSERT(options->brokers <= JUDGE_NODES_MAX);
    judge->options = *options;
    judge->controller = -1;
    judge->alterations =
        memory_zeroed((options->topic_count + 1) * sizeof *judge->alterations);
    for (size_t i = 0; i < options->topic_count; i++)
        judge->alterations[i].now = options->topics[i];
    model_init(&judge->model, options->brokers);
    for (size_t i = 0; i < ORACLE_COUNT; i++)
        if (oracles[i].oracle->state_size > 0)
            judge->states[i] = memory_zeroed(oracles[i].oracle->state_size);
    find_listeners(judge);
    return judge;
}

void judge_free(struct judge *judge)
{
    if (judge == NULL)
        return;
    for (size_t i = 0; i < ORACLE_COUNT; i++) {
        if (oracles[i].oracle->release != NULL)
            oracles[i].oracle->release(judge->states[i]);
        free(judge->states[i]);
    }
    free(judge->alterations);
    records_release(&judge->records);
    model_release(&judge->model);
    free(judge);
}

void judge_time(struct judge *judge, int64_t now_us)
{
    ASSERT(now_us >= judge->now_us);
    judge->now_us = now_us;
}

void judge_topic_is(struct judge *judge, const struct uuid *topic_id,
                    size_t topic)
{
    ASSERT(topic < judge->options.topic_count);
    model_bind(&judge->model, topic_id, (int)topic);
}

void judge_topic_gone(struct judge *judge, const struct uuid *topic_id)
{
    model_gone(&judge->model, topic_id);
}

static bool about_partition(enum fact_type type)
{
    return type <= FACT_OUTLIVED || type == FACT_REMOVED;
}

static void note_controller(struct judge *judge, unsigned node,
                            const struct fact *fact)
{
    if (fact->leader_epoch < judge->controller_epoch)
        return;
    judge->controller_epoch = fact->leader_epoch;
    judge->controller = (int)node;
}

/* What was sent before may be gone, whether it was acknowledged or not. */
static void forgive(struct judge *judge, const struct partition *partition)
{
    for (uint32_t p = 0; p < judge->records.producers.count; p++) {
        struct vector *sent =
            VECTOR_AT(&judge->records.producers, struct vector, p);

        for (uint64_t s = 0; s < sent->count; s++) {
            struct record *record = VECTOR_AT(sent, struct record, s);

            if (record->partition == partition->index)
                record->forgiven = true;
        }
    }
}

/* A replica leads with less than was committed. Where that may be, nothing that
 * was found before binds any more. */
static void note_unclean(struct judge *judge, struct partition *partition,
                         uint32_t epoch)
{
    if (epoch <= partition->unclean_epoch ||
        !(partition->unclean_asked ||
          (partition->topic >= 0 &&
           judge_loosest(judge, partition).unclean_election)))
        return;
    partition->unclean_epoch = epoch;
    partition->unclean_us = judge->now_us;
    vector_release(&partition->found);
    forgive(judge, partition);
}

void judge_fact(struct judge *judge, unsigned node, const struct fact *fact)
{
    struct partition *partition = NULL;

    if (judge->failed ||
        (fact->type > FACT_CONTROLLER && !about_partition(fact->type)))
        return;
    ASSERT(node < judge->options.brokers);
    if (about_partition(fact->type))
        partition = model_partition(&judge->model, &fact->key);
    if (partition != NULL && partition->gone)
        return;
    for (size_t i = 0; i < judge->of_facts.count; i++) {
        const struct listener *listener = &judge->of_facts.all[i];

        listener->oracle->on_fact(judge, listener->state, partition, node,
                                  fact);
    }
    if (fact->type == FACT_UNCLEAN)
        note_unclean(judge, partition, (uint32_t)fact->value);
    else if (partition != NULL)
        model_fact(&judge->model, partition, node, fact, judge->now_us);
    else if (fact->type == FACT_CONTROLLER)
        note_controller(judge, node, fact);
}

void judge_node(struct judge *judge, unsigned node, enum node_change change)
{
    if (judge->failed)
        return;
    ASSERT(node < judge->options.brokers);
    for (size_t i = 0; i < ORACLE_COUNT; i++)
        if (chosen(judge, i) && oracles[i].oracle->on_node != NULL)
            oracles[i].oracle->on_node(judge, judge->states[i], node, change);
    model_node(&judge->model, node, change, judge->now_us);
    if (judge->controller == (int)node &&
        (change == NODE_CRASHED || change == NODE_WIPED))
        judge->controller = -1;
}

void judge_replica(struct judge *judge, unsigned node,
                   const struct partition_key *key, enum node_change change)
{
    if (!judge->failed)
        model_replica(&judge->model, node, key, change, judge->now_us);
}

static void note_sent(struct judge *judge, const struct partition *partition,
                      const struct history *event)
{
    struct record *record =
        records_add(&judge->records, event->producer, event->sequence);

    *record = (struct record){.partition = (uint32_t)partition->index,
                              .crc = event->crc,
                              .bytes = event->bytes,
                              .state = RECORD_SENT,
                              .acks = event->acks,
                              .idempotent = event->idempotent,
                              .single = event->single,
                              .offset = -1};
    judge->counts.sent++;
}

static void note_answer(struct judge *judge, struct partition *partition,
                        const struct history *event)
{
    struct record *record =
        records_find(&judge->records, event->producer, event->sequence);

    ASSERT(record != NULL);
    ASSERT(record->state == RECORD_SENT);
    record->state = event->type == HISTORY_ACKED ? RECORD_ACKED : RECORD_FAILED;
    if (event->type != HISTORY_ACKED)
        return;
    record->partition = (uint32_t)partition->index;
    record->offset = event->offset;
    if (event->offset >= 0 && record->acks == -1)
        partition_size(partition, event->offset, record->bytes);
    judge->counts.acked++;
}

static void note_read(struct judge *judge, struct partition *partition,
                      const struct history *event)
{
    struct found *found = partition_found(partition, event->offset);
    const struct record *record =
        records_find(&judge->records, event->producer, event->sequence);

    found->producer = event->producer + 1;
    found->sequence = event->sequence;
    found->final |= event->final;
    if (record != NULL)
        partition_size(partition, event->offset, record->bytes);
    judge->counts.read++;
}

void judge_history(struct judge *judge, const struct history *event)
{
    struct partition *partition;

    if (judge->failed)
        return;
    partition = model_partition(&judge->model, &event->key);
    for (size_t i = 0;
         i < judge->of_history.count && !judge->failed && !partition->gone;
         i++) {
        const struct listener *listener = &judge->of_history.all[i];

        listener->oracle->on_history(judge, listener->state, partition, event);
    }
    if (judge->failed)
        return;
    if (event->type == HISTORY_SENT)
        note_sent(judge, partition, event);
    else if (event->type == HISTORY_ACKED || event->type == HISTORY_FAILED)
        note_answer(judge, partition, event);
    else if (event->type == HISTORY_READ)
        note_read(judge, partition, event);
    else if (event->final && event->type == HISTORY_POSITIONED)
        partition->final_start = event->offset;
    else if (event->final && event->type == HISTORY_GAP)
        partition->final_start = event->offset;
}

void judge_healed(struct judge *judge)
{
    judge->healed_us = judge->now_us;
}

void judge_end(struct judge *judge, const struct ending *ending)
{
    for (size_t i = 0; i < ending->partition_count; i++) {
        const struct ending_partition *end = &ending->partitions[i];

        if (end->read)
            model_partition(&judge->model, &end->key)->final_end = end->read_to;
    }
    for (size_t i = 0; i < ORACLE_COUNT && !judge->failed; i++)
        if (chosen(judge, i) && oracles[i].oracle->on_end != NULL)
            oracles[i].oracle->on_end(judge, judge->states[i], ending);
}

const struct violation *judge_violation(const struct judge *judge)
{
    return judge->failed ? &judge->violation : NULL;
}

void judge_fail(struct judge *judge, enum oracle_id oracle,
                const struct partition *partition, unsigned node,
                int64_t offset, const char *format, ...)
{
    struct violation *violation = &judge->violation;
    va_list arguments;

    if (judge->failed)
        return;
    judge->failed = true;
    violation->oracle = oracle;
    if (partition != NULL)
        violation->key = partition->key;
    violation->node = node;
    violation->offset = offset;
    violation->now_us = judge->now_us;
    va_start(arguments, format);
    vsnprintf(violation->message, sizeof violation->message, format, arguments);
    va_end(arguments);
}

struct judge_counts judge_counts(const struct judge *judge)
{
    return judge->counts;
}

/* ---- an operator's truncation ---- */

void judge_order(struct judge *judge, const struct partition_key *key,
                 int64_t offset)
{
    struct partition *partition = model_partition(&judge->model, key);

    if (partition->ordered < offset)
        partition->ordered = offset;
}

void judge_ordered(struct judge *judge, const struct partition_key *key,
                   int64_t offset)
{
    struct partition *partition = model_partition(&judge->model, key);

    if (partition->ordered_done < offset)
        partition->ordered_done = offset;
}

void judge_unclean(struct judge *judge, const struct partition_key *key)
{
    model_partition(&judge->model, key)->unclean_asked = true;
}

/* ---- settings ---- */

/* How long a broker may go on by what a topic was set to before. */
#define HEARING_US 2000000

/* A limit of -1 is none. */
static int64_t lower(int64_t a, int64_t b)
{
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return a < b ? a : b;
}

static struct judge_topic loosest(const struct judge_topic *a,
                                  const struct judge_topic *b)
{
    struct judge_topic out = *a;

    out.retention_ms = lower(a->retention_ms, b->retention_ms);
    out.retention_bytes = lower(a->retention_bytes, b->retention_bytes);
    out.min_insync =
        a->min_insync < b->min_insync ? a->min_insync : b->min_insync;
    out.unclean_election = a->unclean_election || b->unclean_election;
    return out;
}

static struct judge_topic loosest_now(const struct judge *judge,
                                      const struct judge_alteration *alteration)
{
    if (alteration->before.name == NULL ||
        (!alteration->open &&
         judge->now_us > alteration->settled_us + HEARING_US))
        return alteration->now;
    return loosest(&alteration->now, &alteration->before);
}

void judge_alter(struct judge *judge, size_t topic,
                 const struct judge_topic *settings)
{
    struct judge_alteration *alteration = &judge->alterations[topic];

    ASSERT(topic < judge->options.topic_count);
    alteration->before = loosest_now(judge, alteration);
    alteration->now = *settings;
    alteration->open = true;
}

void judge_altered(struct judge *judge, size_t topic)
{
    judge->alterations[topic].open = false;
    judge->alterations[topic].settled_us = judge->now_us;
}

const struct judge_topic *judge_settings(const struct judge *judge,
                                         const struct partition *partition)
{
    return partition->topic < 0 ? NULL
                                : &judge->alterations[partition->topic].now;
}

struct judge_topic judge_loosest(const struct judge *judge,
                                 const struct partition *partition)
{
    return loosest_now(judge, &judge->alterations[partition->topic]);
}

int64_t judge_settled_us(const struct judge *judge,
                         const struct partition *partition)
{
    const struct judge_alteration *alteration =
        &judge->alterations[partition->topic];

    return alteration->open ? INT64_MAX : alteration->settled_us;
}

bool judge_lazy(const struct judge *judge, const struct partition *partition)
{
    const struct judge_topic *topic = judge_settings(judge, partition);

    if (partition->lazy_known)
        return partition->lazy;
    return topic == NULL || topic->flush_ms != 0;
}
