/* SPDX-License-Identifier: Apache-2.0
 *
 * Fault points of broker/real/, as kafkaesqued-faults has them: each does what
 * its row in faults/catalogue.def says, when it is asked for and not else.
 */
#include <stdatomic.h>
#include <string.h>

#include "faults/fault.h"
#include "seam/memory.h"
#include "seam/net.h"
#include "tests/seam/disk_op.h"

/* Points are asked by threads of the disk too. */
static atomic_int left; /* times that the point fires still */

static bool answer(void *context, enum fault_point point)
{
    int before = atomic_load(&left);

    (void)context;
    (void)point;
    while (before > 0)
        if (atomic_compare_exchange_weak(&left, &before, before - 1))
            return true;
    return false;
}

/* The next time that this point is asked, it fires. */
static void fire_once(enum fault_point point)
{
    bool enabled[FAULT_COUNT] = {false};

    enabled[point] = true;
    atomic_store(&left, 1);
    fault_control(answer, NULL, enabled);
}

static int off(void **state)
{
    fault_control(NULL, NULL, NULL);
    return harness_teardown(state);
}

static void a_write_fails_and_leaves_any_prefix(void **state)
{
    struct disk_file *file = create(*state, "a");
    char text[8] = "";
    struct op op;

    fire_once(FAULT_DISK_APPEND_EIO);
    assert_int_equal(append(*state, file, 0, "abcdef"), ERROR_IO);
    disk_read(disk_of(*state), &op_init(&op)->request, file, text, 6, 0);
    assert_int_equal(op_wait(*state, &op), ERROR_NONE);
    assert_true(op.request.size < 6);
    assert_memory_equal(text, "abcdef", op.request.size);
    assert_int_equal(append(*state, file, 0, "abcdef"), ERROR_NONE);
    expect(*state, file, 0, 6, "abcdef");
}

static void a_write_finds_no_space(void **state)
{
    struct disk_file *file = create(*state, "a");

    fire_once(FAULT_DISK_APPEND_ENOSPC);
    assert_int_equal(append(*state, file, 0, "abcdef"), ERROR_DISK_FULL);
    assert_int_equal(append(*state, file, 0, "abcdef"), ERROR_NONE);
}

static void a_read_fails(void **state)
{
    struct disk_file *file = create(*state, "a");
    char byte;
    struct op op;

    assert_int_equal(append(*state, file, 0, "a"), ERROR_NONE);
    fire_once(FAULT_DISK_READ_EIO);
    disk_read(disk_of(*state), &op_init(&op)->request, file, &byte, 1, 0);
    assert_int_equal(op_wait(*state, &op), ERROR_IO);
    expect(*state, file, 0, 1, "a");
}

static void a_sync_fails(void **state)
{
    struct disk_file *file = create(*state, "a");

    fire_once(FAULT_DISK_SYNC_EIO);
    assert_int_equal(sync_files(*state, &file, 1), ERROR_IO);
    assert_int_equal(sync_files(*state, &file, 1), ERROR_NONE);
}

static void the_sync_of_a_directory_fails(void **state)
{
    fire_once(FAULT_DISK_SYNC_DIRECTORY_EIO);
    assert_int_equal(on_path(*state, disk_sync_directory, ""), ERROR_IO);
    assert_int_equal(on_path(*state, disk_sync_directory, ""), ERROR_NONE);
}

static void a_file_is_not_opened(void **state)
{
    struct disk_file *file;

    fire_once(FAULT_DISK_OPEN_EIO);
    assert_int_equal(open_file(*state, "a", DISK_OPEN_CREATE, &file), ERROR_IO);
    assert_int_equal(open_file(*state, "a", DISK_OPEN_CREATE, &file),
                     ERROR_NONE);
}

static void a_buffer_is_refused(void **state)
{
    struct heap *heap = harness_seam(*state)->heap;
    void *memory;

    fire_once(FAULT_MEMORY_REFUSE);
    assert_null(heap_try_alloc(heap, 10));
    memory = heap_try_alloc(heap, 10);
    assert_non_null(memory);
    heap_free(heap, memory);
}

/* ---- connections ---- */

struct end {
    struct connection_owner owner;
    bool connected;
    bool closed;
    enum error error;
};

static void on_end(struct connection_owner *owner, const struct event *event)
{
    struct end *end = container_of(owner, struct end, owner);
    char bytes[64];

    while (event->type == EVENT_NET_READABLE &&
           net_read(event->connection, bytes, sizeof bytes) > 0)
        continue;
    if (event->type == EVENT_NET_CONNECTED)
        end->connected = true;
    if (event->type != EVENT_NET_CLOSED)
        return;
    end->closed = true;
    end->error = event->error;
}

static struct end other = {.owner = {on_end}};

static void on_accepted(const struct event *event)
{
    net_set_owner(event->connection, &other.owner);
}

static struct connection *connect_to(void **state, struct end *end)
{
    struct net *net = harness_seam(*state)->net;
    struct net_listener *listener;

    harness_on_accepted(*state, on_accepted);
    assert_int_equal(net_listen(net, "127.0.0.1", 0, &listener), ERROR_NONE);
    *end = (struct end){.owner = {on_end}};
    other = (struct end){.owner = {on_end}};
    return net_connect(net, "127.0.0.1", net_listener_port(listener),
                       &end->owner);
}

static void a_connection_is_refused(void **state)
{
    struct end end;

    fire_once(FAULT_NET_CONNECT_REFUSE);
    connect_to(state, &end);
    harness_wait(*state, harness_flag, &end.closed);
    assert_int_equal(end.error, ERROR_REFUSED);
    assert_false(end.connected);
    connect_to(state, &end);
    harness_wait(*state, harness_flag, &end.connected);
}

static void on_sent(struct net_send *send)
{
    (void)send;
}

static void a_connection_is_reset_while_bytes_are_sent(void **state)
{
    struct end end;
    struct connection *connection = connect_to(state, &end);
    struct net_send send = {
        .done = on_sent, .parts = {{"bytes", 5}}, .part_count = 1};

    harness_wait(*state, harness_flag, &end.connected);
    fire_once(FAULT_NET_RESET);
    net_send(connection, &send);
    harness_wait(*state, harness_flag, &end.closed);
    harness_wait(*state, harness_flag, &other.closed);
}

#define FAULT_TEST(test)                                                       \
    cmocka_unit_test_setup_teardown(test, harness_setup, off)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAULT_TEST(a_write_fails_and_leaves_any_prefix),
        FAULT_TEST(a_write_finds_no_space),
        FAULT_TEST(a_read_fails),
        FAULT_TEST(a_sync_fails),
        FAULT_TEST(the_sync_of_a_directory_fails),
        FAULT_TEST(a_file_is_not_opened),
        FAULT_TEST(a_buffer_is_refused),
        FAULT_TEST(a_connection_is_refused),
        FAULT_TEST(a_connection_is_reset_while_bytes_are_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
