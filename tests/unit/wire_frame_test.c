/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames as hostile input: every length is bounded before memory is taken,
 * every changed byte is seen, a decoded message keeps to its budget, and no
 * message of the schema can contain itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/crc32c.h"
#include "base/random.h"
#include "real/internal.h"
#include "seam/memory.h"
#include "wire/frame.h"

#define FRAME_MAX     (1u << 20)
#define HEAP_BYTES    (64u << 20)
#define RANDOM_CASES  10000
#define PRODUCE_PARTS 5

static int setup(void **state)
{
    *state = heap_new(HEAP_BYTES);
    return *state == NULL;
}

static int teardown(void **state)
{
    size_t left = heap_used(*state);

    heap_destroy(*state);
    return left != 0; /* a frame was not given back */
}

/* A produce request for five partitions. */
static size_t example(uint8_t *to, size_t size)
{
    Kq__ProducePartition parts[PRODUCE_PARTS];
    Kq__ProducePartition *pointers[PRODUCE_PARTS];
    Kq__ProduceRequest request = KQ__PRODUCE_REQUEST__INIT;
    Kq__Message message = KQ__MESSAGE__INIT;
    uint8_t id[16] = "topic of bytes.";

    for (uint32_t i = 0; i < PRODUCE_PARTS; i++) {
        kq__produce_partition__init(&parts[i]);
        parts[i].topic_id = (ProtobufCBinaryData){sizeof id, id};
        parts[i].partition = i;
        parts[i].attachment_length = 1000 + i;
        pointers[i] = &parts[i];
    }
    request.acks = -1;
    request.timeout_ms = 30000;
    request.n_partitions = PRODUCE_PARTS;
    request.partitions = pointers;
    message.correlation_id = 77;
    message.body_case = KQ__MESSAGE__BODY_PRODUCE_REQUEST;
    message.produce_request = &request;
    assert_true(frame_encoded_size(&message) <= size);
    size = frame_encoded_size(&message);
    frame_encode(&message, 5010, to, size);
    return size;
}

/* What a reader does with the bytes of one frame. */
static enum error decode(struct heap *heap, const uint8_t *data, size_t size,
                         struct frame **out)
{
    struct frame_prefix prefix;
    enum error error;

    *out = NULL;
    if (size < FRAME_PREFIX_BYTES)
        return ERROR_AGAIN;
    error =
        frame_prefix_decode(data, FRAME_MAX, FRAME_HEADER_BYTES_MAX, &prefix);
    if (error)
        return error;
    if (size - FRAME_PREFIX_BYTES < prefix.header_length)
        return ERROR_AGAIN;
    *out = frame_new(heap);
    return frame_decode(*out, &prefix, data + FRAME_PREFIX_BYTES);
}

static void a_frame_comes_back(void **state)
{
    uint8_t bytes[512];
    size_t size = example(bytes, sizeof bytes);
    struct frame *frame;
    const Kq__Message *message;

    assert_int_equal(decode(*state, bytes, size, &frame), ERROR_NONE);
    message = frame->message;
    assert_int_equal(message->correlation_id, 77);
    assert_int_equal(message->body_case, KQ__MESSAGE__BODY_PRODUCE_REQUEST);
    assert_int_equal(message->produce_request->acks, -1);
    assert_int_equal(message->produce_request->n_partitions, PRODUCE_PARTS);
    assert_int_equal(message->produce_request->partitions[4]->attachment_length,
                     1004);
    assert_int_equal(load_u32(bytes), size - 4 + 5010);
    frame_free(frame);
}

static void a_frame_cut_anywhere_is_not_decoded(void **state)
{
    uint8_t bytes[512];
    size_t size = example(bytes, sizeof bytes);

    for (size_t cut = 0; cut < size; cut++) {
        struct frame *frame;
        uint8_t *copy = malloc(cut + 1); /* its end is the sanitizer's */

        assert_non_null(copy);
        memcpy(copy, bytes, cut);
        assert_int_equal(decode(*state, copy, cut, &frame), ERROR_AGAIN);
        assert_null(frame);
        free(copy);
    }
}

static void every_flipped_bit_of_a_header_is_seen(void **state)
{
    uint8_t bytes[512];
    size_t size = example(bytes, sizeof bytes);

    for (size_t i = 4; i < size; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            struct frame *frame;

            bytes[i] = (uint8_t)(bytes[i] ^ (1u << bit));
            assert_int_not_equal(decode(*state, bytes, size, &frame),
                                 ERROR_NONE);
            frame_free(frame);
            bytes[i] = (uint8_t)(bytes[i] ^ (1u << bit));
        }
}

static enum error prefix_of(uint32_t length, uint32_t header_length)
{
    struct frame_prefix prefix;
    uint8_t bytes[FRAME_PREFIX_BYTES] = {0};

    store_u32(bytes, length);
    store_u32(bytes + 4, header_length);
    return frame_prefix_decode(bytes, FRAME_MAX, FRAME_HEADER_BYTES_MAX,
                               &prefix);
}

static void lengths_are_bounded_before_memory_is_taken(void **state)
{
    (void)state;
    assert_int_equal(prefix_of(9, 1), ERROR_NONE);
    assert_int_equal(prefix_of(FRAME_MAX, 100), ERROR_NONE);
    assert_int_equal(prefix_of(0, 0), ERROR_BAD_FRAME);
    assert_int_equal(prefix_of(7, 1), ERROR_BAD_FRAME);
    assert_int_equal(prefix_of(8, 0), ERROR_BAD_FRAME);
    assert_int_equal(prefix_of(100, 0), ERROR_BAD_FRAME);
    assert_int_equal(prefix_of(100, 93), ERROR_BAD_FRAME);
    assert_int_equal(prefix_of(100, UINT32_MAX), ERROR_BAD_FRAME);
    assert_int_equal(prefix_of(FRAME_MAX + 1, 1), ERROR_TOO_LARGE);
    assert_int_equal(prefix_of(UINT32_MAX, 1), ERROR_TOO_LARGE);
}

static enum error header_of(uint32_t length, uint32_t header_bytes_max)
{
    struct frame_prefix prefix;
    uint8_t bytes[FRAME_PREFIX_BYTES] = {0};

    store_u32(bytes, 2 * FRAME_ANSWER_BYTES_MAX);
    store_u32(bytes + 4, length);
    return frame_prefix_decode(bytes, FRAME_BYTES_MAX_DEFAULT, header_bytes_max,
                               &prefix);
}

static void headers_have_a_limit_of_their_own(void **state)
{
    (void)state;
    assert_int_equal(header_of(FRAME_HEADER_BYTES_MAX, FRAME_HEADER_BYTES_MAX),
                     ERROR_NONE);
    assert_int_equal(
        header_of(FRAME_HEADER_BYTES_MAX + 1, FRAME_HEADER_BYTES_MAX),
        ERROR_TOO_LARGE);
    assert_int_equal(header_of(FRAME_ANSWER_BYTES_MAX, FRAME_ANSWER_BYTES_MAX),
                     ERROR_NONE);
    assert_int_equal(
        header_of(FRAME_ANSWER_BYTES_MAX + 1, FRAME_ANSWER_BYTES_MAX),
        ERROR_TOO_LARGE);
}

/* A header with a right checksum, from bytes that need not be a message. */
static enum error decode_header(struct heap *heap, const uint8_t *header,
                                uint32_t size)
{
    struct frame_prefix prefix = {size, crc32c(0, header, size), 0};
    struct frame *frame = frame_new(heap);
    enum error error = frame_decode(frame, &prefix, header);

    assert_true(error == ERROR_NONE || error == ERROR_BAD_FRAME);
    assert_true(frame->memory <= sizeof *frame + FRAME_ARENA_BYTES_MIN +
                                     (size_t)size * FRAME_ARENA_FACTOR);
    frame_free(frame);
    return error;
}

static void garbage_never_harms(void **state)
{
    struct random random;

    random_init(&random, 1);
    for (unsigned i = 0; i < RANDOM_CASES; i++) {
        uint32_t size = 1 + (uint32_t)random_below(&random, 300);
        uint8_t *header = malloc(size);

        assert_non_null(header);
        random_fill(&random, header, size);
        decode_header(*state, header, size);
        free(header);
    }
}

/* Near misses get further than noise: a good message with a few changes. */
static void damaged_messages_never_harm(void **state)
{
    uint8_t bytes[512];
    size_t size = example(bytes, sizeof bytes) - FRAME_PREFIX_BYTES;
    struct random random;

    random_init(&random, 2);
    for (unsigned i = 0; i < RANDOM_CASES; i++) {
        uint8_t *header = malloc(size);

        assert_non_null(header);
        memcpy(header, bytes + FRAME_PREFIX_BYTES, size);
        for (uint64_t n = 1 + random_below(&random, 4); n > 0; n--)
            header[random_below(&random, size)] = (uint8_t)random_u64(&random);
        decode_header(*state, header,
                      (uint32_t)(1 + random_below(&random, size)));
        free(header);
    }
}

/* A metadata request for `count` topics whose names have `length` bytes. */
static enum error decode_topics(struct heap *heap, uint32_t count,
                                uint8_t length)
{
    uint32_t inner = count * (2u + length);
    uint8_t *header = malloc(8 + (size_t)inner);
    size_t at = 0;
    enum error error;

    assert_non_null(header);
    header[at++] = 0x08; /* correlation_id = 1 */
    header[at++] = 0x01;
    header[at++] = 0x6a; /* metadata_request (13), length as three bytes */
    header[at++] = (uint8_t)(0x80 | (inner & 0x7f));
    header[at++] = (uint8_t)(0x80 | (inner >> 7 & 0x7f));
    header[at++] = (uint8_t)(inner >> 14);
    for (uint32_t i = 0; i < count; i++) {
        header[at++] = 0x0a; /* topics */
        header[at++] = length;
        memset(header + at, 'x', length);
        at += length;
    }
    error = decode_header(heap, header, (uint32_t)at);
    free(header);
    return error;
}

/* The most memory for the fewest bytes are empty strings: those are refused
 * in great number, names that could exist are not. */
static void the_arena_holds_what_can_be_meant(void **state)
{
    assert_int_equal(decode_topics(*state, 10, 0), ERROR_NONE);
    assert_int_equal(decode_topics(*state, 20000, 0), ERROR_BAD_FRAME);
    assert_int_equal(decode_topics(*state, 17000, 2), ERROR_NONE);
    assert_int_equal(decode_topics(*state, 30000, 20), ERROR_NONE);
}

static void unknown_fields_are_dropped(void **state)
{
    const uint8_t header[] = {0x08, 0x01, 0x6a, 0x00, 0xa0, 0x06,
                              0x07, 0xaa, 0x06, 0x01, 0xff};

    assert_int_equal(decode_header(*state, header, sizeof header), ERROR_NONE);
}

/* ---- the envelope ---- */

/* As protobuf-c writes the message, and back to the same kind of body. */
static void goes_and_comes(struct heap *heap, const Kq__Message *message)
{
    static uint8_t ours[20000];
    static uint8_t theirs[20000];
    size_t size = frame_encoded_size(message);
    struct frame *frame;

    assert_true(size <= sizeof ours);
    assert_int_equal(size - FRAME_PREFIX_BYTES,
                     kq__message__get_packed_size(message));
    frame_encode(message, 0, ours, size);
    kq__message__pack(message, theirs);
    assert_memory_equal(ours + FRAME_PREFIX_BYTES, theirs,
                        size - FRAME_PREFIX_BYTES);
    assert_int_equal(decode(heap, ours, size, &frame), ERROR_NONE);
    assert_int_equal(frame->message->correlation_id, message->correlation_id);
    assert_int_equal(frame->message->body_case, message->body_case);
    frame_free(frame);
}

/* Its messages within messages are what protobuf-c takes for empty. */
static void fill_empty(ProtobufCMessage *body)
{
    static Kq__ReplicaIdentity identity = KQ__REPLICA_IDENTITY__INIT;

    for (unsigned i = 0; i < body->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &body->descriptor->fields[i];
        void *at = (uint8_t *)body + field->offset;

        if (field->label != PROTOBUF_C_LABEL_REQUIRED)
            continue;
        if (field->type == PROTOBUF_C_TYPE_STRING)
            *(const char **)at = "name";
        else if (field->descriptor == &kq__replica_identity__descriptor)
            *(Kq__ReplicaIdentity **)at = &identity;
        else
            assert_int_not_equal(field->type, PROTOBUF_C_TYPE_MESSAGE);
    }
}

static void every_body_is_written_as_protobuf_would(void **state)
{
    const uint64_t ids[] = {0, 127, 128, UINT32_MAX, UINT64_MAX};
    const ProtobufCMessageDescriptor *all = &kq__message__descriptor;
    Kq__Message message = KQ__MESSAGE__INIT;
    unsigned bodies = 0;

    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        message.correlation_id = ids[i];
        goes_and_comes(*state, &message);
    }
    for (unsigned i = 0; i < all->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &all->fields[i];
        const ProtobufCMessageDescriptor *kind = field->descriptor;
        union {
            ProtobufCMessage base;
            uint8_t room[512];
        } body;

        if (field->type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        assert_true(kind->sizeof_message <= sizeof body);
        kind->message_init(&body.base);
        fill_empty(&body.base);
        message.body_case = (Kq__Message__BodyCase)field->id;
        message.hello_request = (Kq__HelloRequest *)&body;
        goes_and_comes(*state, &message);
        bodies++;
    }
    assert_true(bodies > 30);
}

/* The length before the body grows by a byte at 128 and at 16,384. */
static void bodies_of_any_length_come_back(void **state)
{
    static char name[17000];
    Kq__DeleteTopicRequest request = KQ__DELETE_TOPIC_REQUEST__INIT;
    Kq__Message message = KQ__MESSAGE__INIT;

    memset(name, 'n', sizeof name - 1);
    message.correlation_id = 1;
    message.body_case = KQ__MESSAGE__BODY_DELETE_TOPIC_REQUEST;
    message.delete_topic_request = &request;
    for (size_t length = 0; length < sizeof name;
         length += length < 300 || length > 16000 ? 1 : 700) {
        request.name = name + sizeof name - 1 - length;
        goes_and_comes(*state, &message);
    }
}

static void an_envelope_must_be_whole(void **state)
{
    /* clock_request is field 44; its broker_id is 7 */
    const uint8_t whole[] = {0xe2, 2, 2, 0x08, 7, 0x08, 1};
    const uint8_t without_id[] = {0xe2, 2, 2, 0x08, 7};
    const uint8_t two_bodies[] = {0x08, 1,    0xe2, 2, 2,    0x08,
                                  7,    0xe2, 2,    2, 0x08, 7};
    const uint8_t number_for_body[] = {0x08, 1, 0xe0, 2, 0};
    const uint8_t bytes_for_id[] = {0x0a, 0, 0xe2, 2, 2, 0x08, 7};
    const uint8_t cut_body[] = {0x08, 1, 0xe2, 2, 3, 0x08, 7};

    assert_int_equal(decode_header(*state, whole, sizeof whole), ERROR_NONE);
    assert_int_equal(decode_header(*state, without_id, sizeof without_id),
                     ERROR_BAD_FRAME);
    assert_int_equal(decode_header(*state, two_bodies, sizeof two_bodies),
                     ERROR_BAD_FRAME);
    assert_int_equal(
        decode_header(*state, number_for_body, sizeof number_for_body),
        ERROR_BAD_FRAME);
    assert_int_equal(decode_header(*state, bytes_for_id, sizeof bytes_for_id),
                     ERROR_BAD_FRAME);
    assert_int_equal(decode_header(*state, cut_body, sizeof cut_body),
                     ERROR_BAD_FRAME);
}

/* ---- the schema ---- */

#define DEPTH_MAX 16

static void assert_not_recursive(const ProtobufCMessageDescriptor *message,
                                 const ProtobufCMessageDescriptor **path,
                                 unsigned depth)
{
    assert_true(depth < DEPTH_MAX);
    for (unsigned i = 0; i < depth; i++)
        if (path[i] == message)
            fail_msg("%s contains itself", message->name);
    path[depth] = message;
    for (unsigned i = 0; i < message->n_fields; i++)
        if (message->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
            assert_not_recursive(message->fields[i].descriptor, path,
                                 depth + 1);
}

static void no_message_contains_itself(void **state)
{
    const ProtobufCMessageDescriptor *path[DEPTH_MAX];

    (void)state;
    assert_true(kq__message__descriptor.n_fields > 20);
    assert_not_recursive(&kq__message__descriptor, path, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_comes_back),
        cmocka_unit_test(a_frame_cut_anywhere_is_not_decoded),
        cmocka_unit_test(every_flipped_bit_of_a_header_is_seen),
        cmocka_unit_test(lengths_are_bounded_before_memory_is_taken),
        cmocka_unit_test(headers_have_a_limit_of_their_own),
        cmocka_unit_test(garbage_never_harms),
        cmocka_unit_test(damaged_messages_never_harm),
        cmocka_unit_test(the_arena_holds_what_can_be_meant),
        cmocka_unit_test(unknown_fields_are_dropped),
        cmocka_unit_test(every_body_is_written_as_protobuf_would),
        cmocka_unit_test(bodies_of_any_length_come_back),
        cmocka_unit_test(an_envelope_must_be_whole),
        cmocka_unit_test(no_message_contains_itself),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
