/* SPDX-License-Identifier: Apache-2.0
 *
 * A record batch from its first record to the broker's answer. Records are
 * encoded straight behind the header as entries of a RecordSet (tag, length,
 * Record), so that sealing a batch only writes its header. The bytes do not
 * change between tries.
 */
#include "base/assert.h"
#include "client/engine/internal.h"
#include "rules/batch.h"
#include "seam/memory.h"

#define BUNDLE_BYTES_MIN 1024
#define DELIVERIES_MIN   8

struct bundle *bundle_new(struct client *client, struct lane *lane)
{
    struct bundle *bundle = heap_alloc(client->seam->heap, sizeof *bundle);

    list_init(&bundle->node);
    bundle->lane = lane;
    bundle->size = BATCH_HEADER_BYTES;
    bundle->producer_id = -1;
    bundle->base_offset = -1;
    bundle->due_at_us = client_now(client) + client->options.linger_us;
    bundle->deadline_us =
        client_now(client) + client->options.delivery_timeout_us;
    return bundle;
}

void bundle_free(struct client *client, struct bundle *bundle)
{
    if (bundle == NULL)
        return;
    heap_free(client->seam->heap, bundle->data);
    heap_free(client->seam->heap, bundle->deliveries);
    heap_free(client->seam->heap, bundle);
}

size_t bundle_memory(const struct bundle *bundle)
{
    return bundle->size +
           (size_t)bundle->record_count * sizeof *bundle->deliveries;
}

/* ---- encoding one record ---- */

size_t record_bytes(const struct client_record *record)
{
    size_t size = 32 + record->key.size + record->value.size;

    for (size_t i = 0; i < record->header_count; i++)
        size +=
            32 + strlen(record->headers[i].key) + record->headers[i].value.size;
    return size;
}

static void bundle_reserve(struct client *client, struct bundle *bundle,
                           size_t size)
{
    struct heap *heap = client->seam->heap;
    size_t capacity = bundle->capacity ? bundle->capacity : BUNDLE_BYTES_MIN;
    uint32_t count = bundle->delivery_capacity;

    while (capacity < bundle->size + size)
        capacity *= 2;
    if (capacity > bundle->capacity)
        bundle->data =
            heap_grow(heap, bundle->data, bundle->capacity, capacity);
    bundle->capacity = capacity;
    if (bundle->record_count < count)
        return;
    bundle->delivery_capacity = count ? 2 * count : DELIVERIES_MIN;
    bundle->deliveries =
        heap_grow(heap, bundle->deliveries, count * sizeof *bundle->deliveries,
                  bundle->delivery_capacity * sizeof *bundle->deliveries);
}

static uint8_t *put_bytes(uint8_t *to, uint64_t number, struct bytes bytes)
{
    to = varint_put(to, field_tag(number, FIELD_BYTES));
    to = varint_put(to, bytes.size);
    if (bytes.size > 0)
        memcpy(to, bytes.data, bytes.size);
    return to + bytes.size;
}

static size_t put_size(uint64_t number, size_t size)
{
    return varint_size(field_tag(number, FIELD_BYTES)) + varint_size(size) +
           size;
}

static size_t header_size(const struct client_header *header)
{
    return put_size(HEADER_KEY, strlen(header->key)) +
           (header->value.data ? put_size(HEADER_VALUE, header->value.size)
                               : 0);
}

static size_t record_size(const struct client_record *record,
                          uint64_t timestamp)
{
    size_t size = 0;

    if (record->key.data != NULL)
        size += put_size(RECORD_KEY, record->key.size);
    if (record->value.data != NULL)
        size += put_size(RECORD_VALUE, record->value.size);
    if (timestamp != 0)
        size += varint_size(field_tag(RECORD_TIMESTAMP_DELTA, FIELD_VARINT)) +
                varint_size(timestamp);
    for (size_t i = 0; i < record->header_count; i++)
        size += put_size(RECORD_HEADERS, header_size(&record->headers[i]));
    return size;
}

static uint8_t *put_header(uint8_t *to, const struct client_header *header)
{
    to = varint_put(to, field_tag(RECORD_HEADERS, FIELD_BYTES));
    to = varint_put(to, header_size(header));
    to = put_bytes(to, HEADER_KEY, bytes_of_string(header->key));
    return header->value.data ? put_bytes(to, HEADER_VALUE, header->value) : to;
}

/* As an entry of the RecordSet; fields as protobuf orders them. */
static void bundle_put(struct bundle *bundle,
                       const struct client_record *record, int64_t delta_ms)
{
    uint64_t timestamp = zigzag(delta_ms);
    uint8_t *to = bundle->data + bundle->size;

    to = varint_put(to, field_tag(SET_RECORDS, FIELD_BYTES));
    to = varint_put(to, record_size(record, timestamp));
    if (record->key.data != NULL)
        to = put_bytes(to, RECORD_KEY, record->key);
    if (record->value.data != NULL)
        to = put_bytes(to, RECORD_VALUE, record->value);
    if (timestamp != 0) {
        to = varint_put(to, field_tag(RECORD_TIMESTAMP_DELTA, FIELD_VARINT));
        to = varint_put(to, timestamp);
    }
    for (size_t i = 0; i < record->header_count; i++)
        to = put_header(to, &record->headers[i]);
    bundle->size = (size_t)(to - bundle->data);
    ASSERT(bundle->size <= bundle->capacity);
}

bool bundle_fits(const struct client *client, const struct bundle *bundle,
                 const struct client_record *record)
{
    return bundle->record_count == 0 ||
           bundle->size + record_bytes(record) <= client->options.batch_bytes;
}

bool bundle_append(struct client *client, struct bundle *bundle,
                   const struct client_record *record,
                   const struct delivery *delivery)
{
    int64_t timestamp_ms = record->timestamp_ms;
    size_t size = record_bytes(record);

    if (bundle->full)
        return false;
    if (!bundle_fits(client, bundle, record)) {
        bundle->full = true;
        return false;
    }
    if (timestamp_ms < 0)
        timestamp_ms = client->seam->now.wall_ms;
    if (bundle->record_count == 0) {
        bundle->base_timestamp_ms = timestamp_ms;
        bundle->max_timestamp_ms = timestamp_ms;
    }
    if (timestamp_ms > bundle->max_timestamp_ms)
        bundle->max_timestamp_ms = timestamp_ms;
    bundle_reserve(client, bundle, size);
    bundle_put(bundle, record, timestamp_ms - bundle->base_timestamp_ms);
    bundle->deliveries[bundle->record_count++] = *delivery;
    return true;
}

void bundle_seal(struct bundle *bundle, uint32_t producer_epoch)
{
    bool sequenced = bundle->producer_id >= 0;
    struct batch_header header = {
        .length = (uint32_t)bundle->size,
        .magic = BATCH_MAGIC,
        .last_offset_delta = bundle->record_count - 1,
        .record_count = bundle->record_count,
        .base_timestamp_ms = bundle->base_timestamp_ms,
        .max_timestamp_ms = bundle->max_timestamp_ms,
        .producer_id = bundle->producer_id,
        .producer_epoch = sequenced ? producer_epoch : 0,
        .base_sequence = sequenced ? (int32_t)bundle->base_sequence : -1,
    };

    ASSERT(bundle->record_count > 0);
    bundle->full = true;
    batch_encode(&header, bundle->data);
    batch_seal(bundle->data, header.length);
}
