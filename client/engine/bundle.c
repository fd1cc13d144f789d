/* SPDX-License-Identifier: Apache-2.0
 *
 * A record batch from its first record to the broker's answer. Records are
 * encoded straight behind the header as entries of a RecordSet (tag, length,
 * Record), so that sealing a batch only writes its header. The bytes do not
 * change between tries.
 */
#include "base/assert.h"
#include "client/engine/internal.h"
#include "record.pb-c.h"
#include "rules/batch.h"
#include "seam/memory.h"

#define RECORD_TAG       0x0a /* RecordSet.records: field 1, length-delimited */
#define BUNDLE_BYTES_MIN 1024
#define DELIVERIES_MIN   8
#define HEADERS_ON_STACK 16

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

static void set_bytes(struct bytes from, protobuf_c_boolean *has,
                      ProtobufCBinaryData *to)
{
    *has = from.data != NULL;
    to->data = (uint8_t *)(uintptr_t)from.data;
    to->len = from.data ? from.size : 0;
}

static size_t varint_put(uint8_t *to, size_t value)
{
    size_t size = 0;

    while (value >= 0x80) {
        to[size++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    to[size++] = (uint8_t)value;
    return size;
}

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

static void bundle_put(struct bundle *bundle, const Kq__Record *record)
{
    size_t length = kq__record__get_packed_size(record);

    bundle->data[bundle->size++] = RECORD_TAG;
    bundle->size += varint_put(bundle->data + bundle->size, length);
    bundle->size += kq__record__pack(record, bundle->data + bundle->size);
    ASSERT(bundle->size <= bundle->capacity);
}

/* The headers as protobuf-c wants them; `room` when they are few. */
static void bundle_put_record(struct client *client, struct bundle *bundle,
                              Kq__Record *encoded,
                              const struct client_record *record)
{
    Kq__Header room[HEADERS_ON_STACK];
    Kq__Header *pointers_room[HEADERS_ON_STACK];
    Kq__Header *headers = room;
    Kq__Header **pointers = pointers_room;
    struct heap *heap = client->seam->heap;
    size_t count = record->header_count;

    if (count > HEADERS_ON_STACK) {
        headers = heap_alloc(heap, count * sizeof *headers);
        pointers = heap_alloc(heap, count * sizeof(Kq__Header *));
    }
    for (size_t i = 0; i < count; i++) {
        headers[i] = (Kq__Header)KQ__HEADER__INIT;
        headers[i].key = (char *)(uintptr_t)record->headers[i].key;
        set_bytes(record->headers[i].value, &headers[i].has_value,
                  &headers[i].value);
        pointers[i] = &headers[i];
    }
    encoded->n_headers = count;
    encoded->headers = pointers;
    bundle_put(bundle, encoded);
    if (headers != room) {
        heap_free(heap, headers);
        heap_free(heap, pointers);
    }
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
    Kq__Record encoded = KQ__RECORD__INIT;
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
    set_bytes(record->key, &encoded.has_key, &encoded.key);
    set_bytes(record->value, &encoded.has_value, &encoded.value);
    encoded.timestamp_delta = timestamp_ms - bundle->base_timestamp_ms;
    encoded.has_timestamp_delta = encoded.timestamp_delta != 0;
    bundle_reserve(client, bundle, size);
    bundle_put_record(client, bundle, &encoded, record);
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
