/* SPDX-License-Identifier: Apache-2.0
 *
 * Records are written and read by hand: the same bytes as protobuf-c's, the
 * same answers to what is not a record.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "client/engine/internal.h"
#include "real/internal.h"
#include "record.pb-c.h"
#include "rules/batch.h"
#include "seam/memory.h"

#define HEAP_BYTES   (64u << 20)
#define HEADERS_MAX  40
#define RANDOM_CASES 20000
#define BASE_MS      1700000000000

static struct seam seam;
static struct client client;
static struct lane lane;

static int setup(void **state)
{
    (void)state;
    seam.heap = heap_new(HEAP_BYTES);
    client.seam = &seam;
    client.options.batch_bytes = 1 << 20;
    return seam.heap == NULL;
}

static int teardown(void **state)
{
    size_t left;

    (void)state;
    heap_free(seam.heap, client.decode_block);
    client = (struct client){0};
    left = heap_used(seam.heap);
    heap_destroy(seam.heap);
    return left != 0;
}

static struct bytes some_bytes(struct random *random, const uint8_t *from)
{
    static const size_t sizes[] = {0, 1, 8, 127, 128, 300};

    if (random_below(random, 4) == 0)
        return (struct bytes){NULL, 0};
    return (struct bytes){from, sizes[random_below(random, 6)]};
}

static void draw(struct random *random, struct client_record *record,
                 struct client_header *headers, const uint8_t *from)
{
    static const int64_t deltas[] = {0, 1, -1, 63, 64, -65, INT32_MAX};
    static const size_t counts[] = {0, 0, 1, 3, HEADERS_MAX};

    record->key = some_bytes(random, from);
    record->value = some_bytes(random, from + 50);
    record->timestamp_ms = BASE_MS + deltas[random_below(random, 7)];
    record->headers = headers;
    record->header_count = counts[random_below(random, 5)];
    for (size_t i = 0; i < record->header_count; i++) {
        headers[i].key = i % 3 == 0 ? "" : "name";
        headers[i].value = some_bytes(random, from + 7);
    }
}

/* The record alone in a batch, behind one that sets the base timestamp; its
 * entry in the set. */
static struct bundle *encode(const struct client_record *record,
                             struct bytes *entry)
{
    static const struct client_record first = {.timestamp_ms = BASE_MS};
    static const struct delivery delivery;
    struct bundle *bundle = bundle_new(&client, &lane);
    struct field_scan scan;

    assert_true(bundle_append(&client, bundle, &first, &delivery));
    assert_true(bundle_append(&client, bundle, record, &delivery));
    scan = (struct field_scan){
        {bundle->data + BATCH_HEADER_BYTES, bundle->size - BATCH_HEADER_BYTES},
        0};
    assert_true(record_set_valid(scan.bytes, 2));
    assert_false(record_set_valid(scan.bytes, 1));
    assert_false(record_set_valid(scan.bytes, 3));
    assert_true(record_scan_next(&scan, entry));
    assert_true(record_scan_next(&scan, entry));
    return bundle;
}

static void same_bytes(struct bytes bytes, bool has,
                       const ProtobufCBinaryData *data)
{
    assert_int_equal(bytes.data != NULL, has);
    if (!has)
        return;
    assert_int_equal(bytes.size, data->len);
    if (data->len > 0)
        assert_memory_equal(bytes.data, data->data, data->len);
}

/* Nothing is a record that protobuf-c refuses, and the contents are the same.
 * It takes a field 0 whose tag is longer than it need be; we do not. False: we
 * refused what it takes. */
static bool as_protobuf_reads_it(struct bytes entry)
{
    Kq__Record *theirs = kq__record__unpack(NULL, entry.size, entry.data);
    struct client_record ours;
    enum error error = record_decode(&client, entry, BASE_MS, &ours);

    if (error != ERROR_NONE) {
        kq__record__free_unpacked(theirs, NULL);
        return theirs == NULL;
    }
    assert_non_null(theirs);
    same_bytes(ours.key, theirs->has_key, &theirs->key);
    same_bytes(ours.value, theirs->has_value, &theirs->value);
    assert_int_equal(
        ours.timestamp_ms,
        (int64_t)((uint64_t)BASE_MS + (uint64_t)theirs->timestamp_delta));
    assert_int_equal(ours.header_count, theirs->n_headers);
    for (size_t i = 0; i < ours.header_count; i++) {
        assert_string_equal(ours.headers[i].key, theirs->headers[i]->key);
        same_bytes(ours.headers[i].value, theirs->headers[i]->has_value,
                   &theirs->headers[i]->value);
    }
    kq__record__free_unpacked(theirs, NULL);
    return true;
}

static void records_are_what_protobuf_writes(void **state)
{
    uint8_t data[400];
    struct random random;

    (void)state;
    random_init(&random, 1);
    random_fill(&random, data, sizeof data);
    for (unsigned i = 0; i < RANDOM_CASES / 10; i++) {
        struct client_header headers[HEADERS_MAX];
        struct client_record record;
        struct bundle *bundle;
        Kq__Record *theirs;
        struct bytes entry;
        uint8_t *again;

        draw(&random, &record, headers, data);
        bundle = encode(&record, &entry);
        assert_true(as_protobuf_reads_it(entry));
        theirs = kq__record__unpack(NULL, entry.size, entry.data);
        assert_non_null(theirs);
        assert_int_equal(theirs->n_headers, record.header_count);
        same_bytes(record.key, theirs->has_key, &theirs->key);
        assert_int_equal(kq__record__get_packed_size(theirs), entry.size);
        again = malloc(entry.size + 1);
        assert_non_null(again);
        kq__record__pack(theirs, again);
        assert_memory_equal(again, entry.data, entry.size);
        free(again);
        kq__record__free_unpacked(theirs, NULL);
        bundle_free(&client, bundle);
    }
}

static void what_is_damaged_is_read_as_protobuf_would(void **state)
{
    uint8_t data[400];
    struct random random;
    unsigned stricter = 0;

    (void)state;
    random_init(&random, 2);
    random_fill(&random, data, sizeof data);
    for (unsigned i = 0; i < RANDOM_CASES; i++) {
        struct client_header headers[HEADERS_MAX];
        struct client_record record;
        struct bundle *bundle;
        struct bytes entry;
        uint8_t *copy;

        draw(&random, &record, headers, data);
        bundle = encode(&record, &entry);
        copy = malloc(entry.size + 1); /* its end is the sanitizer's */
        assert_non_null(copy);
        if (entry.size > 0) {
            memcpy(copy, entry.data, entry.size);
            for (uint64_t n = random_below(&random, 4); n > 0; n--)
                copy[random_below(&random, entry.size)] =
                    (uint8_t)random_below(&random, 256);
            entry.size -= random_below(&random, 2);
        }
        stricter += !as_protobuf_reads_it((struct bytes){copy, entry.size});
        free(copy);
        bundle_free(&client, bundle);
    }
    assert_true(stricter < RANDOM_CASES / 1000);
}

/* The most memory for the fewest bytes. */
static void headers_never_lack_memory(void **state)
{
    static uint8_t entry[4 * 100000];
    struct client_record record;

    (void)state;
    for (size_t i = 0; i < sizeof entry; i += 4)
        memcpy(entry + i, "\x22\x02\x0a\x00", 4);
    assert_int_equal(
        record_decode(&client, (struct bytes){entry, sizeof entry}, 0, &record),
        ERROR_NONE);
    assert_int_equal(record.header_count, sizeof entry / 4);
    assert_string_equal(record.headers[record.header_count - 1].key, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_what_protobuf_writes),
        cmocka_unit_test(what_is_damaged_is_read_as_protobuf_would),
        cmocka_unit_test(headers_never_lack_memory),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
