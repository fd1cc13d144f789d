/* SPDX-License-Identifier: Apache-2.0
 *
 * One partition being produced to: its batches stay in the order of their
 * creation, whatever happens to each of them.
 *
 *     queue --lane_send()--> in_flight --answered--> finished
 *       ^---------retriable------'
 *
 * Without idempotence one batch is in flight. With it up to
 * LANE_IN_FLIGHT_MAX are, and brokers refuse what comes out of sequence; so
 * a batch keeps its sequence through all tries. When a sequenced batch is
 * given up, its successors cannot be taken by the broker any more. Those that
 * were certainly not written are numbered anew under a new producer id; the
 * others fail too, because sending them again could write them twice.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/assert.h"
#include "client/engine/internal.h"
#include "seam/memory.h"
#include "seam/trace.h"

#define SEQUENCE_MASK 0x7fffffffu

struct lane *topic_lane(struct client *client, struct topic *topic,
                        uint32_t partition)
{
    struct place *place = &topic->places[partition];
    struct lane *lane = place->lane;

    ASSERT(partition < topic->place_count);
    if (lane)
        return lane;
    lane = heap_alloc(client->seam->heap, sizeof *lane);
    lane->topic = topic;
    lane->partition = partition;
    list_init(&lane->queue);
    list_init(&lane->in_flight);
    list_init(&lane->node);
    list_init(&lane->sender);
    place->lane = lane;
    return lane;
}

/* The bundle that takes records, or NULL. */
static struct bundle *lane_open_bundle(const struct lane *lane)
{
    struct bundle *last;

    if (list_empty(&lane->queue))
        return NULL;
    last = container_of(lane->queue.previous, struct bundle, node);
    return last->full ? NULL : last;
}

/* Round the partitions, one batch each: on when the record would not fit. */
static uint32_t topic_next_turn(struct client *client, struct topic *topic,
                                const struct client_record *record)
{
    const struct lane *lane = topic->places[topic->turn].lane;
    struct bundle *bundle = lane ? lane_open_bundle(lane) : NULL;

    if (bundle && bundle_fits(client, bundle, record))
        return topic->turn;
    if (bundle) {
        bundle->full = true;
        client_wake_now(client);
    }
    for (uint32_t i = 1; i <= topic->partition_count; i++) {
        uint32_t turn = (topic->turn + i) % topic->partition_count;

        if (topic->places[turn].leader == LEADER_NONE)
            continue;
        topic->turn = turn;
        break;
    }
    return topic->turn;
}

int64_t topic_pick(struct client *client, struct topic *topic,
                   int32_t partition, const struct client_record *record)
{
    if (partition >= 0)
        return (uint32_t)partition < topic->partition_count ? partition : -1;
    if (record->key.data)
        return (int64_t)(XXH3_64bits(record->key.data, record->key.size) %
                         topic->partition_count);
    return topic_next_turn(client, topic, record);
}

void lane_add(struct client *client, struct lane *lane,
              const struct client_record *record,
              const struct delivery *delivery)
{
    struct producer *producer = &client->producer;
    struct bundle *bundle = lane_open_bundle(lane);
    size_t before = bundle ? bundle_memory(bundle) : 0;

    if (bundle == NULL || !bundle_append(client, bundle, record, delivery)) {
        if (bundle)
            client_wake_now(client); /* it is full */
        bundle = bundle_new(client, lane);
        bundle->order = lane->next_order++;
        before = 0;
        list_append(&lane->queue, &bundle->node);
        client_wake(client, bundle->due_at_us);
        if (!bundle_append(client, bundle, record, delivery))
            UNREACHABLE();
    }
    producer->buffered += bundle_memory(bundle) - before;
    if (bundle->size >= client->options.batch_bytes) {
        bundle->full = true;
        client_wake_now(client);
    }
    if (list_empty(&lane->node))
        list_append(&producer->lanes, &lane->node);
}

/* ---- the end of a bundle ---- */

/* Takes it off the lane with an error. */
static void lane_give_up(struct client *client, struct bundle *bundle,
                         enum error error)
{
    struct lane *lane = bundle->lane;

    if (bundle->producer_id >= 0)
        client->producer.reset_wanted = true;
    if (bundle->uncertain)
        error = ERROR_TIMED_OUT;
    trace_log(client->seam->trace, TRACE_WARN,
              "%u records for %s-%u were given up after %u tries: %s",
              bundle->record_count, lane->topic->name, lane->partition,
              bundle->attempts, error_sentence(error));
    list_remove(&bundle->node);
    producer_finish(client, bundle, error);
}

/* Nothing of it was sent: say why rather than that time ran out. */
static enum error lane_obstacle(const struct client *client,
                                const struct lane *lane)
{
    const struct topic *topic = lane->topic;

    (void)client;
    if (!topic->known)
        return ERROR_UNKNOWN_TOPIC;
    if (topic->places[lane->partition].leader == LEADER_NONE)
        return ERROR_NO_LEADER;
    return ERROR_UNREACHABLE;
}

void lane_expire(struct client *client, struct lane *lane)
{
    list_for_each_safe (node, &lane->queue) {
        struct bundle *bundle = container_of(node, struct bundle, node);

        if (bundle->deadline_us > client_now(client)) {
            client_wake(client, bundle->deadline_us);
            return;
        }
        lane_give_up(client, bundle,
                     bundle->attempts ? bundle->error
                                      : lane_obstacle(client, lane));
    }
}

void lane_fail(struct client *client, struct lane *lane, enum error error)
{
    list_for_each_safe (node, &lane->queue)
        lane_give_up(client, container_of(node, struct bundle, node), error);
}

/* ---- sending ---- */

/* Whether it can be numbered now; if not, an id is being asked for. */
static bool lane_may_number(struct client *client)
{
    struct producer *producer = &client->producer;

    if (producer->reset_wanted)
        return false;
    if (producer->producer_id >= 0)
        return true;
    producer_ask_id(client);
    return false;
}

struct bundle *lane_ready(struct client *client, struct lane *lane)
{
    unsigned limit = client->options.idempotence ? LANE_IN_FLIGHT_MAX : 1;
    struct bundle *bundle;

    if (list_empty(&lane->queue) || lane->in_flight_count >= limit)
        return NULL;
    if (retry_waits(client, &lane->retry, lane->topic, lane->partition))
        return NULL;
    bundle = container_of(list_first(&lane->queue), struct bundle, node);
    if (!bundle->full && bundle->due_at_us > client_now(client)) {
        client_wake(client, bundle->due_at_us);
        return NULL;
    }
    if (client->options.idempotence && bundle->producer_id < 0 &&
        !lane_may_number(client))
        return NULL;
    return bundle;
}

static void lane_number(struct client *client, struct lane *lane,
                        struct bundle *bundle)
{
    struct producer *producer = &client->producer;

    bundle->producer_id = producer->producer_id;
    bundle->base_sequence = lane->next_sequence;
    lane->next_sequence =
        (lane->next_sequence + bundle->record_count) & SEQUENCE_MASK;
    producer->sequenced++;
    bundle_seal(bundle, producer->producer_epoch);
}

void lane_send(struct client *client, struct lane *lane, struct bundle *bundle)
{
    if (client->options.idempotence && bundle->producer_id < 0)
        lane_number(client, lane, bundle);
    else if (bundle->attempts == 0)
        bundle_seal(bundle, 0);
    if (bundle->attempts++ > 0)
        SOMETIMES(client->seam->trace, PRODUCER_RETRIED);
    bundle->topic_id = lane->topic->id;
    list_remove(&bundle->node);
    list_append(&lane->in_flight, &bundle->node);
    lane->in_flight_count++;
}

/* ---- answers ---- */

/* Back into the queue, where its order of creation belongs. */
static void lane_requeue(struct client *client, struct bundle *bundle)
{
    struct lane *lane = bundle->lane;
    struct list *at = &lane->queue;

    list_for_each (node, &lane->queue) {
        if (container_of(node, struct bundle, node)->order > bundle->order) {
            at = node;
            break;
        }
    }
    list_append(at, &bundle->node); /* before `at` */
    if (list_empty(&lane->node))
        list_append(&client->producer.lanes, &lane->node);
}

static bool older_in(const struct list *list, const struct bundle *bundle)
{
    list_for_each (node, list) {
        const struct bundle *other = container_of(node, struct bundle, node);

        if (other->order < bundle->order && other->producer_id >= 0)
            return true;
    }
    return false;
}

/* Whether a batch before it is still under way, with an earlier sequence. */
static bool lane_has_older(const struct bundle *bundle)
{
    return older_in(&bundle->lane->queue, bundle) ||
           older_in(&bundle->lane->in_flight, bundle);
}

static void lane_retry(struct client *client, struct bundle *bundle,
                       enum error error)
{
    struct lane *lane = bundle->lane;

    bundle->error = error;
    if (!retry_waits(client, &lane->retry, lane->topic, lane->partition))
        retry_after_failure(client, &lane->retry, lane->topic,
                            lane->partition); /* once for all in flight */
    if (error_refreshes(error))
        client_metadata_refresh(client);
    lane_requeue(client, bundle);
}

/* The broker refused its sequence or its producer id. */
static void lane_out_of_sequence(struct client *client, struct bundle *bundle,
                                 enum error error)
{
    struct producer *producer = &client->producer;

    if (error == ERROR_OUT_OF_ORDER_SEQUENCE && lane_has_older(bundle)) {
        bundle->error = error;
        lane_requeue(client, bundle);
        return;
    }
    producer->reset_wanted = true;
    if (bundle->uncertain) {
        lane_give_up(client, bundle, error);
        return;
    }
    producer->sequenced--;
    bundle->producer_id = -1;
    lane_retry(client, bundle, error);
}

static bool error_certain(enum error error)
{
    return error == ERROR_BUSY || error == ERROR_AGAIN ||
           error == ERROR_DISK_FULL || error == ERROR_OUT_OF_MEMORY ||
           error == ERROR_CORRUPT_BATCH;
}

void lane_answered(struct client *client, struct bundle *bundle,
                   enum error error)
{
    struct lane *lane = bundle->lane;

    list_remove(&bundle->node);
    lane->in_flight_count--;
    client_wake_now(client);
    switch (error) {
    case ERROR_NONE:
    case ERROR_DUPLICATE_SEQUENCE:
        lane->retry = (struct retry){0};
        producer_finish(client, bundle, ERROR_NONE);
        return;
    case ERROR_OUT_OF_ORDER_SEQUENCE:
    case ERROR_UNKNOWN_PRODUCER:
    case ERROR_FENCED_PRODUCER:
        if (bundle->producer_id >= 0) {
            lane_out_of_sequence(client, bundle, error);
            return;
        }
        break;
    default:
        break;
    }
    if (!error_retriable(error)) {
        lane_give_up(client, bundle, error);
        return;
    }
    if (!error_certain(error))
        bundle->uncertain = true;
    lane_retry(client, bundle, error);
}
