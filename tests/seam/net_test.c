/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections of a node to itself: connect, refuse, accept, bytes both ways,
 * back-pressure, ranges of files, ends.
 */
#include "seam/net.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/seam/harness.h"

#define HOST        "127.0.0.1"
#define ROOM        (8u << 20)
#define LARGE_BYTES (6u << 20)

struct end {
    struct connection_owner owner;
    struct connection *connection; /* NULL: closed or not there yet */
    bool connected;
    bool closed;
    enum error error;
    uint8_t *bytes;
    size_t size;
    size_t wanted; /* `full` when there are so many */
    bool full;
    bool echoes;
};

struct output {
    struct net_send send;
    bool done;
    unsigned number;
};

static struct end client;
static struct end server;
static struct net_listener *listener;
static unsigned sent_count;

/* ---- ends -------------------------------------------------------------- */

static void read_all(struct end *end)
{
    size_t got;

    while (end->connection != NULL &&
           (got = net_read(end->connection, end->bytes + end->size,
                           ROOM - end->size)) > 0)
        end->size += got;
    end->full = end->size >= end->wanted;
}

static void on_event(struct connection_owner *owner, const struct event *event)
{
    struct end *end = container_of(owner, struct end, owner);

    assert_ptr_equal(event->connection, end->connection);
    assert_false(end->closed);
    switch (event->type) {
    case EVENT_NET_CONNECTED:
        assert_false(end->connected);
        end->connected = true;
        return;
    case EVENT_NET_READABLE:
        assert_true(end->connected);
        read_all(end);
        return;
    case EVENT_NET_CLOSED:
        end->closed = true;
        end->error = event->error;
        end->connection = NULL;
        return;
    default:
        fail();
    }
}

static void on_accepted(const struct event *event)
{
    assert_ptr_equal(event->listener, listener);
    assert_null(server.connection);
    server.connection = event->connection;
    server.connected = true;
    net_set_owner(event->connection, &server.owner);
    assert_ptr_equal(net_owner(event->connection), &server.owner);
}

static void end_init(struct end *end)
{
    uint8_t *bytes = end->bytes;

    *end = (struct end){.owner.on_event = on_event, .wanted = SIZE_MAX};
    end->bytes = bytes ? bytes : malloc(ROOM);
}

static struct net *net_of(struct harness *harness)
{
    return harness_seam(harness)->net;
}

static int setup(void **state)
{
    if (harness_setup(state) != 0)
        return 1;
    end_init(&client);
    end_init(&server);
    sent_count = 0;
    harness_on_accepted(*state, on_accepted);
    return net_listen(net_of(*state), HOST, 0, &listener) != ERROR_NONE;
}

static void connect_to(struct harness *harness, uint16_t port)
{
    client.connection = net_connect(net_of(harness), HOST, port, &client.owner);
    assert_non_null(client.connection);
    assert_false(client.connected);
}

static void connect_both(struct harness *harness)
{
    connect_to(harness, net_listener_port(listener));
    harness_wait(harness, harness_flag, &client.connected);
    harness_wait(harness, harness_flag, &server.connected);
}

static void wait_bytes(struct harness *harness, struct end *end, size_t size)
{
    end->wanted = size;
    end->full = end->size >= size;
    harness_wait(harness, harness_flag, &end->full);
}

/* ---- output ------------------------------------------------------------ */

static void on_sent(struct net_send *send)
{
    struct output *output = container_of(send, struct output, send);

    assert_false(output->done);
    output->done = true;
    output->number = ++sent_count;
}

static void send_bytes(struct end *end, struct output *output,
                       const void *bytes, size_t size)
{
    *output = (struct output){.send.done = on_sent, .send.part_count = 1};
    output->send.parts[0] = (struct iovec){(void *)(uintptr_t)bytes, size};
    net_send(end->connection, &output->send);
}

static uint8_t pattern(size_t at)
{
    return (uint8_t)(at * 31 + at / 251);
}

static uint8_t *make_pattern(size_t size)
{
    uint8_t *bytes = malloc(size);

    for (size_t i = 0; i < size; i++)
        bytes[i] = pattern(i);
    return bytes;
}

static void expect_pattern(const struct end *end, size_t size)
{
    assert_int_equal(end->size, size);
    for (size_t i = 0; i < size; i++)
        if (end->bytes[i] != pattern(i))
            fail_msg("byte %zu is wrong", i);
}

/* ---- connecting -------------------------------------------------------- */

static void nobody_listens_so_it_is_refused(void **state)
{
    uint16_t port = net_listener_port(listener);

    net_listener_close(net_of(*state), listener);
    connect_to(*state, port);
    harness_wait(*state, harness_flag, &client.closed);
    assert_int_equal(client.error, ERROR_REFUSED);
    assert_false(client.connected);
}

static void a_name_that_is_not_there_is_unreachable(void **state)
{
    client.connection = net_connect(net_of(*state), "no-such-host.invalid",
                                    9092, &client.owner);
    harness_wait(*state, harness_flag, &client.closed);
    assert_int_equal(client.error, ERROR_UNREACHABLE);
}

static void a_port_is_taken_once(void **state)
{
    struct net_listener *other = NULL;
    uint16_t port = net_listener_port(listener);

    assert_int_not_equal(port, 0);
    assert_int_equal(net_listen(net_of(*state), HOST, port, &other),
                     ERROR_ADDRESS_IN_USE);
    assert_int_equal(net_listen(net_of(*state), HOST, 0, &other), ERROR_NONE);
    assert_int_not_equal(net_listener_port(other), port);
}

static void both_ends_hear_of_it(void **state)
{
    char name[64];

    connect_both(*state);
    snprintf(name, sizeof name, "%s:%u", HOST,
             (unsigned)net_listener_port(listener));
    assert_string_equal(net_peer_name(client.connection), name);
    assert_non_null(strchr(net_peer_name(server.connection), ':'));
    assert_int_equal(net_read(client.connection, client.bytes, ROOM), 0);
}

static void decline(const struct event *event)
{
    assert_null(net_owner(event->connection));
}

static void a_connection_nobody_owns_is_closed(void **state)
{
    harness_on_accepted(*state, decline);
    connect_to(*state, net_listener_port(listener));
    harness_wait(*state, harness_flag, &client.closed);
}

/* ---- bytes ------------------------------------------------------------- */

static void bytes_go_both_ways(void **state)
{
    struct output outputs[4];
    struct output empty;

    connect_both(*state);
    send_bytes(&client, &outputs[0], "one ", 4);
    send_bytes(&client, &empty, "", 0);
    send_bytes(&client, &outputs[1], "two ", 4);
    assert_false(outputs[0].done);
    assert_int_equal(net_unsent(client.connection), 8);
    wait_bytes(*state, &server, 8);
    assert_memory_equal(server.bytes, "one two ", 8);
    outputs[2] = (struct output){.send.done = on_sent, .send.part_count = 4};
    outputs[2].send.parts[0] = (struct iovec){"a", 1};
    outputs[2].send.parts[1] = (struct iovec){"", 0};
    outputs[2].send.parts[2] = (struct iovec){"bc", 2};
    outputs[2].send.parts[3] = (struct iovec){"d", 1};
    net_send(server.connection, &outputs[2].send);
    wait_bytes(*state, &client, 4);
    assert_memory_equal(client.bytes, "abcd", 4);
    harness_wait(*state, harness_flag, &outputs[2].done);
    assert_int_equal(outputs[0].number, 1);
    assert_int_equal(empty.number, 2);
    assert_int_equal(outputs[1].number, 3);
    assert_int_equal(outputs[1].send.error, ERROR_NONE);
    assert_int_equal(net_unsent(client.connection), 0);
}

static void what_is_queued_before_connected_leaves_after(void **state)
{
    struct output output;

    connect_to(*state, net_listener_port(listener));
    send_bytes(&client, &output, "early", 5);
    harness_wait(*state, harness_flag, &server.connected);
    wait_bytes(*state, &server, 5);
    assert_memory_equal(server.bytes, "early", 5);
}

static void a_reader_that_pauses_holds_the_sender(void **state)
{
    uint8_t *bytes = make_pattern(LARGE_BYTES);
    struct output output;
    size_t unsent;

    connect_both(*state);
    net_pause(server.connection);
    send_bytes(&client, &output, bytes, LARGE_BYTES);
    assert_int_equal(net_unsent(client.connection), LARGE_BYTES);
    harness_pass(*state, 200000);
    unsent = net_unsent(client.connection);
    assert_true(unsent > 0 && unsent < LARGE_BYTES);
    assert_int_equal(server.size, 0);
    assert_false(output.done);
    harness_pass(*state, 50000);
    assert_int_equal(net_unsent(client.connection), unsent);
    net_resume(server.connection);
    assert_int_equal(server.size, 0);
    wait_bytes(*state, &server, LARGE_BYTES);
    expect_pattern(&server, LARGE_BYTES);
    harness_wait(*state, harness_flag, &output.done);
    assert_int_equal(net_unsent(client.connection), 0);
    free(bytes);
}

#define PIECES 200

static void many_pieces_arrive_in_order(void **state)
{
    static struct output outputs[PIECES];
    uint8_t *bytes = make_pattern(PIECES * 1000);
    size_t at = 0;

    connect_both(*state);
    for (size_t i = 0; i < PIECES; i++) {
        size_t size = 1 + i * 7 % 1000;

        send_bytes(&client, &outputs[i], bytes + at, size);
        at += size;
    }
    wait_bytes(*state, &server, at);
    expect_pattern(&server, at);
    harness_wait(*state, harness_flag, &outputs[PIECES - 1].done);
    for (size_t i = 0; i < PIECES; i++)
        assert_int_equal(outputs[i].number, i + 1);
    free(bytes);
}

/* ---- ends of connections ----------------------------------------------- */

static void what_was_sent_before_a_close_is_read(void **state)
{
    struct output output;

    connect_both(*state);
    send_bytes(&client, &output, "last words", 10);
    harness_wait(*state, harness_flag, &output.done);
    net_close(client.connection);
    harness_wait(*state, harness_flag, &server.closed);
    assert_int_equal(server.size, 10);
    assert_int_equal(server.error, ERROR_CLOSED);
    assert_false(client.closed);
}

static void a_closed_connection_ends_its_sends(void **state)
{
    uint8_t *bytes = make_pattern(LARGE_BYTES);
    struct output outputs[2];
    struct output late;

    connect_both(*state);
    net_pause(server.connection);
    send_bytes(&client, &outputs[0], bytes, LARGE_BYTES);
    send_bytes(&client, &outputs[1], bytes, 1);
    harness_pass(*state, 50000);
    assert_false(outputs[0].done);
    net_close(client.connection);
    assert_false(outputs[0].done);
    send_bytes(&client, &late, bytes, 1);
    assert_false(late.done);
    harness_wait(*state, harness_flag, &late.done);
    assert_true(outputs[0].done && outputs[1].done);
    assert_int_equal(outputs[0].send.error, ERROR_CLOSED);
    assert_int_equal(outputs[1].send.error, ERROR_CLOSED);
    assert_int_equal(late.send.error, ERROR_CLOSED);
    assert_false(client.closed);
    free(bytes);
}

static struct output at_the_end;

static void send_when_closed(struct connection_owner *owner,
                             const struct event *event)
{
    struct end *end = container_of(owner, struct end, owner);

    if (event->type == EVENT_NET_CLOSED)
        send_bytes(end, &at_the_end, "x", 1);
    on_event(owner, event);
}

static void a_send_at_the_close_ends_too(void **state)
{
    connect_both(*state);
    server.owner.on_event = send_when_closed;
    at_the_end.done = false;
    net_close(client.connection);
    harness_wait(*state, harness_flag, &server.closed);
    harness_wait(*state, harness_flag, &at_the_end.done);
    assert_int_equal(at_the_end.send.error, ERROR_CLOSED);
}

static void a_listener_that_closes_leaves_its_connections(void **state)
{
    struct output output;

    connect_both(*state);
    net_listener_close(net_of(*state), listener);
    send_bytes(&client, &output, "abc", 3);
    wait_bytes(*state, &server, 3);
}

/* ---- ranges of files --------------------------------------------------- */

struct op {
    struct disk_request request;
    bool done;
};

static void on_disk(struct disk_request *request)
{
    container_of(request, struct op, request)->done = true;
}

static struct disk_file *make_file(struct harness *harness, size_t size)
{
    struct disk *disk = harness_seam(harness)->disk;
    uint8_t *bytes = make_pattern(size);
    struct iovec iov = {bytes, size};
    struct op op = {.request.done = on_disk};
    struct op write = {.request.done = on_disk};

    disk_open(disk, &op.request, harness_path(harness, "file"),
              DISK_OPEN_CREATE);
    harness_wait(harness, harness_flag, &op.done);
    disk_append(disk, &write.request, op.request.file, &iov, 1, 0);
    harness_wait(harness, harness_flag, &write.done);
    assert_int_equal(write.request.error, ERROR_NONE);
    free(bytes);
    return op.request.file;
}

static void send_range(struct end *end, struct output *output,
                       struct disk_file *file, uint64_t offset, uint64_t length)
{
    *output = (struct output){.send.done = on_sent};
    net_send_file(end->connection, &output->send, file, offset, length);
}

static void a_range_of_a_file_is_sent(void **state)
{
    struct disk_file *file = make_file(*state, LARGE_BYTES);
    struct output outputs[4];

    connect_both(*state);
    send_bytes(&client, &outputs[0], (uint8_t[]){pattern(0)}, 1);
    send_range(&client, &outputs[1], file, 1, LARGE_BYTES - 11);
    send_range(&client, &outputs[2], file, LARGE_BYTES - 10, 0);
    send_range(&client, &outputs[3], file, LARGE_BYTES - 10, 10);
    assert_int_equal(net_unsent(client.connection), LARGE_BYTES);
    disk_close(harness_seam(*state)->disk, file);
    wait_bytes(*state, &server, LARGE_BYTES);
    expect_pattern(&server, LARGE_BYTES);
    harness_wait(*state, harness_flag, &outputs[3].done);
    assert_int_equal(outputs[3].send.error, ERROR_NONE);
}

/* Even if the file is as long again by then. */
static void a_range_that_was_cut_closes_the_connection(void **state)
{
    struct disk_file *file = make_file(*state, LARGE_BYTES);
    struct op op = {.request.done = on_disk};
    struct op again = {.request.done = on_disk};
    struct iovec iov = {"x", 1};
    struct output output;

    connect_both(*state);
    net_pause(server.connection);
    send_range(&client, &output, file, 0, LARGE_BYTES);
    harness_pass(*state, 50000);
    assert_false(output.done);
    disk_truncate(harness_seam(*state)->disk, &op.request, file,
                  LARGE_BYTES - 1);
    disk_append(harness_seam(*state)->disk, &again.request, file, &iov, 1,
                LARGE_BYTES - 1);
    harness_wait(*state, harness_flag, &again.done);
    net_resume(server.connection);
    harness_wait(*state, harness_flag, &client.closed);
    harness_wait(*state, harness_flag, &output.done);
    assert_int_equal(output.send.error, ERROR_CLOSED);
    harness_wait(*state, harness_flag, &server.closed);
    assert_true(server.size < LARGE_BYTES);
    assert_true(op.done);
    disk_close(harness_seam(*state)->disk, file);
}

static void a_cut_behind_the_range_does_not_matter(void **state)
{
    struct disk_file *file = make_file(*state, LARGE_BYTES);
    struct op op = {.request.done = on_disk};
    struct output output;

    connect_both(*state);
    net_pause(server.connection);
    send_range(&client, &output, file, 0, LARGE_BYTES - 1);
    disk_truncate(harness_seam(*state)->disk, &op.request, file,
                  LARGE_BYTES - 1);
    harness_wait(*state, harness_flag, &op.done);
    net_resume(server.connection);
    wait_bytes(*state, &server, LARGE_BYTES - 1);
    expect_pattern(&server, LARGE_BYTES - 1);
    disk_close(harness_seam(*state)->disk, file);
}

/* R7: retention removes the segment that a reader is being sent, and another
 * file takes its name; the reader gets the bytes that it was promised. */
static void a_range_of_a_file_that_is_removed_arrives_whole(void **state)
{
    struct disk *disk = harness_seam(*state)->disk;
    struct disk_file *file = make_file(*state, LARGE_BYTES);
    struct op removed = {.request.done = on_disk};
    struct op made = {.request.done = on_disk};
    struct op written = {.request.done = on_disk};
    uint8_t *zeros = calloc(1, LARGE_BYTES);
    struct iovec iov = {zeros, LARGE_BYTES};
    struct output output;

    connect_both(*state);
    net_pause(server.connection);
    send_range(&client, &output, file, 0, LARGE_BYTES);
    disk_unlink(disk, &removed.request, harness_path(*state, "file"));
    disk_close(disk, file);
    harness_wait(*state, harness_flag, &removed.done);
    assert_int_equal(removed.request.error, ERROR_NONE);
    disk_open(disk, &made.request, harness_path(*state, "file"),
              DISK_OPEN_CREATE_EXCL);
    harness_wait(*state, harness_flag, &made.done);
    assert_int_equal(made.request.error, ERROR_NONE);
    disk_append(disk, &written.request, made.request.file, &iov, 1, 0);
    harness_wait(*state, harness_flag, &written.done);
    free(zeros);
    assert_false(output.done);
    net_resume(server.connection);
    wait_bytes(*state, &server, LARGE_BYTES);
    expect_pattern(&server, LARGE_BYTES);
    disk_close(disk, made.request.file);
}

static void a_range_that_is_not_there_closes_the_connection(void **state)
{
    struct disk_file *file = make_file(*state, 1000);
    struct output output;

    connect_both(*state);
    send_range(&client, &output, file, 500, 501);
    harness_wait(*state, harness_flag, &client.closed);
    harness_wait(*state, harness_flag, &output.done);
    assert_int_equal(output.send.error, ERROR_CLOSED);
    disk_close(harness_seam(*state)->disk, file);
}

int main(void)
{
#define NET_TEST(test)                                                         \
    cmocka_unit_test_setup_teardown(test, setup, harness_teardown)
    const struct CMUnitTest tests[] = {
        NET_TEST(nobody_listens_so_it_is_refused),
        NET_TEST(a_name_that_is_not_there_is_unreachable),
        NET_TEST(a_port_is_taken_once),
        NET_TEST(both_ends_hear_of_it),
        NET_TEST(a_connection_nobody_owns_is_closed),
        NET_TEST(bytes_go_both_ways),
        NET_TEST(what_is_queued_before_connected_leaves_after),
        NET_TEST(a_reader_that_pauses_holds_the_sender),
        NET_TEST(many_pieces_arrive_in_order),
        NET_TEST(what_was_sent_before_a_close_is_read),
        NET_TEST(a_closed_connection_ends_its_sends),
        NET_TEST(a_send_at_the_close_ends_too),
        NET_TEST(a_listener_that_closes_leaves_its_connections),
        NET_TEST(a_range_of_a_file_is_sent),
        NET_TEST(a_range_that_was_cut_closes_the_connection),
        NET_TEST(a_range_of_a_file_that_is_removed_arrives_whole),
        NET_TEST(a_cut_behind_the_range_does_not_matter),
        NET_TEST(a_range_that_is_not_there_closes_the_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
