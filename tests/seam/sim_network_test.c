/* SPDX-License-Identifier: Apache-2.0
 *
 * The network between simulated nodes: cuts, ends that die, what a machine
 * without power does not say, and the faults of the catalogue.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/seam/lab.h"

#define PORT        9092
#define LIMIT_US    3000000
#define LARGE_BYTES (1u << 20)

struct end {
    struct connection_owner owner;
    struct connection *connection;
    bool connected;
    bool closed;
    enum error error;
    size_t size;
    size_t wanted;
    bool full;
    uint8_t first;
    uint8_t next; /* bytes count up */
};

struct output {
    struct net_send send;
    bool done;
};

static struct lab lab;
static struct end client; /* in n0 */
static struct end server; /* in n1 */
static struct net_listener *listener;

static void on_event(struct connection_owner *owner, const struct event *event)
{
    struct end *end = container_of(owner, struct end, owner);
    uint8_t buffer[1000];
    size_t got;

    if (event->type == EVENT_NET_CONNECTED) {
        end->connected = true;
    } else if (event->type == EVENT_NET_CLOSED) {
        end->closed = true;
        end->error = event->error;
        end->connection = NULL;
    } else {
        while ((got = net_read(end->connection, buffer, sizeof buffer)) > 0) {
            for (size_t i = 0; i < got; i++)
                assert_int_equal(buffer[i], end->next++);
            end->size += got;
        }
        end->full = end->size >= end->wanted;
    }
}

static void on_accepted(struct lab_node *node, const struct event *event)
{
    (void)node;
    assert_null(server.connection);
    server.connection = event->connection;
    server.connected = true;
    net_set_owner(event->connection, &server.owner);
}

static void listen_again(struct lab_node *node)
{
    assert_int_equal(net_listen(node->seam->net, "0.0.0.0", PORT, &listener),
                     ERROR_NONE);
}

static void begin(uint64_t seed)
{
    lab_init(&lab, seed, 3);
    client = (struct end){.owner.on_event = on_event, .wanted = SIZE_MAX};
    server = (struct end){.owner.on_event = on_event, .wanted = SIZE_MAX};
    lab.nodes[1].accepted = on_accepted;
    lab.nodes[1].started = listen_again;
    listen_again(&lab.nodes[1]);
}

static void connect_to(const char *host)
{
    client.connection =
        net_connect(lab.nodes[0].seam->net, host, PORT, &client.owner);
}

static void begin_connected(uint64_t seed)
{
    begin(seed);
    connect_to("n1");
    lab_wait(&lab, &client.connected, LIMIT_US);
    lab_wait(&lab, &server.connected, LIMIT_US);
}

static uint8_t *counting(void)
{
    static uint8_t bytes[LARGE_BYTES];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    return bytes;
}

static void on_sent(struct net_send *send)
{
    container_of(send, struct output, send)->done = true;
}

/* The bytes go on counting as long as `from` says what was sent before. */
static void send_some(struct end *end, struct output *output, size_t from,
                      size_t size)
{
    *output = (struct output){.send.done = on_sent, .send.part_count = 1};
    output->send.parts[0] = (struct iovec){counting() + from % 256, size};
    net_send(end->connection, &output->send);
}

static void wait_bytes(struct end *end, size_t size)
{
    end->wanted = size;
    end->full = end->size >= size;
    lab_wait(&lab, &end->full, LIMIT_US);
}

/* ---- connecting -------------------------------------------------------- */

static void who_does_not_listen_refuses(void **state)
{
    (void)state;
    begin(1);
    connect_to("n2");
    lab_wait(&lab, &client.closed, LIMIT_US);
    assert_int_equal(client.error, ERROR_REFUSED);
    client.closed = false;
    node_crash(lab.nodes[1].node, NODE_CRASH_PROCESS);
    connect_to("n1");
    lab_wait(&lab, &client.closed, LIMIT_US);
    assert_int_equal(client.error, ERROR_REFUSED);
    client.closed = false;
    connect_to("nowhere");
    lab_wait(&lab, &client.closed, LIMIT_US);
    assert_int_equal(client.error, ERROR_UNREACHABLE);
    lab_release(&lab);
}

static void across_a_cut_it_times_out(void **state)
{
    (void)state;
    begin(1);
    world_cut(lab.world, "n0", "*", false);
    assert_false(world_connected(lab.world, "n0", "n1"));
    assert_false(world_connected(lab.world, "n2", "n0"));
    assert_true(world_connected(lab.world, "n1", "n2"));
    assert_true(world_connected(lab.world, "n0", "n0"));
    connect_to("n1");
    lab_pass(&lab, 19000000);
    assert_false(client.closed);
    lab_wait(&lab, &client.closed, 3000000);
    assert_int_equal(client.error, ERROR_TIMED_OUT);
    lab_release(&lab);
}

static void after_a_short_cut_it_connects(void **state)
{
    (void)state;
    begin(1);
    world_cut(lab.world, "n1", "n0", true);
    assert_true(world_connected(lab.world, "n0", "n1"));
    connect_to("n1");
    lab_pass(&lab, 5000000);
    assert_false(client.connected || server.connected);
    world_heal(lab.world, "n0", "n1");
    lab_wait(&lab, &client.connected, LIMIT_US);
    lab_release(&lab);
}

/* ---- cuts -------------------------------------------------------------- */

static void across_a_cut_a_connection_hangs(void **state)
{
    struct output outputs[2];

    (void)state;
    begin_connected(1);
    world_cut(lab.world, "n0", "n1", false);
    send_some(&client, &outputs[0], 0, 1000);
    send_some(&server, &outputs[1], 0, 500);
    lab_pass(&lab, 60000000);
    assert_int_equal(server.size, 0);
    assert_int_equal(client.size, 0);
    assert_false(client.closed || server.closed);
    world_heal(lab.world, "n1", "n0");
    wait_bytes(&server, 1000);
    wait_bytes(&client, 500);
    lab_release(&lab);
}

static void a_cut_may_be_one_way(void **state)
{
    struct output outputs[2];

    (void)state;
    begin_connected(1);
    world_cut(lab.world, "n0", "n1", true);
    send_some(&client, &outputs[0], 0, 1000);
    send_some(&server, &outputs[1], 0, 500);
    wait_bytes(&client, 500);
    lab_pass(&lab, 1000000);
    assert_int_equal(server.size, 0);
    world_heal_all(lab.world);
    wait_bytes(&server, 1000);
    lab_release(&lab);
}

/* The acknowledgements do not come back, so the window fills. */
static void a_cut_on_the_way_back_holds_the_sender(void **state)
{
    struct output output;
    size_t size;

    (void)state;
    begin_connected(1);
    world_cut(lab.world, "n1", "n0", true);
    send_some(&client, &output, 0, LARGE_BYTES);
    lab_pass(&lab, 5000000);
    size = server.size;
    assert_true(size > 0 && size < LARGE_BYTES);
    assert_true(net_unsent(client.connection) > 0);
    world_heal(lab.world, "*", "*");
    wait_bytes(&server, LARGE_BYTES);
    lab_release(&lab);
}

/* ---- ends that die ----------------------------------------------------- */

static void a_killed_process_says_so(void **state)
{
    (void)state;
    begin_connected(1);
    node_crash(lab.nodes[1].node, NODE_CRASH_PROCESS);
    lab_wait(&lab, &client.closed, LIMIT_US);
    assert_int_equal(client.error, ERROR_CLOSED);
    lab_release(&lab);
}

static void behind_a_cut_nobody_hears_of_a_death(void **state)
{
    struct output output;
    unsigned silent = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        begin_connected(seed);
        world_cut(lab.world, "n0", "n1", false);
        lab_bounce(&lab.nodes[1], NODE_CRASH_PROCESS);
        lab_pass(&lab, 60000000);
        assert_false(client.closed);
        world_heal_all(lab.world);
        lab_pass(&lab, 60000000);
        if (!client.closed) {
            silent++;
            send_some(&client, &output, 0, 1);
        }
        lab_wait(&lab, &client.closed, LIMIT_US);
        lab_release(&lab);
    }
    assert_in_range(silent, 1, 19);
}

static void a_machine_without_power_says_nothing(void **state)
{
    struct output output;

    (void)state;
    begin_connected(1);
    node_crash(lab.nodes[1].node, NODE_CRASH_POWER);
    lab_pass(&lab, 60000000);
    assert_false(client.closed);
    send_some(&client, &output, 0, 10);
    lab_pass(&lab, 60000000);
    assert_false(client.closed);
    node_start(lab.nodes[1].node);
    lab_wait(&lab, &client.closed, LIMIT_US);
    lab_release(&lab);
}

static void when_it_runs_again_it_answers_who_asks(void **state)
{
    struct output output;

    (void)state;
    begin_connected(1);
    lab_bounce(&lab.nodes[1], NODE_CRASH_POWER);
    lab_pass(&lab, 60000000);
    assert_false(client.closed);
    send_some(&client, &output, 0, 10);
    lab_wait(&lab, &client.closed, LIMIT_US);
    server.connection = NULL;
    client.closed = client.connected = false;
    connect_to("n1");
    lab_wait(&lab, &client.connected, LIMIT_US);
    lab_release(&lab);
}

static void a_paused_process_keeps_its_connections(void **state)
{
    struct output output;

    (void)state;
    begin_connected(1);
    node_pause(lab.nodes[1].node);
    send_some(&client, &output, 0, LARGE_BYTES);
    lab_pass(&lab, 30000000);
    assert_int_equal(server.size, 0);
    assert_true(net_unsent(client.connection) > 0);
    assert_false(client.closed);
    node_resume(lab.nodes[1].node);
    wait_bytes(&server, LARGE_BYTES);
    lab_release(&lab);
}

/* ---- faults ------------------------------------------------------------ */

static void the_second_connect_is_refused(void **state)
{
    unsigned fault;

    (void)state;
    begin(1);
    fault = lab_fault(&lab.nodes[0], FAULT_NET_CONNECT_REFUSE, 2);
    connect_to("n1");
    lab_wait(&lab, &client.connected, LIMIT_US);
    assert_int_equal(world_fault_fired(lab.world, fault), 0);
    connect_to("n1");
    lab_wait(&lab, &client.closed, LIMIT_US);
    assert_int_equal(client.error, ERROR_REFUSED);
    assert_int_equal(world_fault_fired(lab.world, fault), 1);
    lab_release(&lab);
}

static void a_reset_is_heard_at_both_ends(void **state)
{
    struct output output;

    (void)state;
    begin_connected(1);
    lab_fault(&lab.nodes[0], FAULT_NET_RESET, 1);
    send_some(&client, &output, 0, 10);
    lab_wait(&lab, &client.closed, LIMIT_US);
    lab_wait(&lab, &server.closed, LIMIT_US);
    lab_wait(&lab, &output.done, LIMIT_US);
    assert_int_equal(server.size, 0);
    assert_int_equal(world_point_fired(lab.world, FAULT_NET_RESET), 1);
    lab_release(&lab);
}

static void a_half_open_connection_is_silent(void **state)
{
    struct output outputs[3];

    (void)state;
    begin_connected(1);
    lab_fault(&lab.nodes[0], FAULT_NET_HALF_OPEN, 2);
    send_some(&client, &outputs[0], 0, 10);
    wait_bytes(&server, 10);
    send_some(&client, &outputs[1], 10, LARGE_BYTES - 256);
    send_some(&server, &outputs[2], 0, 10);
    lab_pass(&lab, 60000000);
    assert_int_equal(server.size, 10);
    assert_int_equal(client.size, 0);
    assert_false(client.closed || server.closed);
    assert_true(net_unsent(client.connection) > 0);
    net_close(client.connection);
    lab_pass(&lab, 1000000);
    assert_true(outputs[1].done);
    assert_false(server.closed);
    lab_release(&lab);
}

static void late_bytes_keep_their_order(void **state)
{
    static struct output outputs[200];
    struct world_fault fault = {
        .point = FAULT_NET_DELAY, .rate = 0.3, .until_us = INT64_MAX};
    unsigned index;

    (void)state;
    begin_connected(1);
    index = world_add_fault(lab.world, &fault);
    for (unsigned i = 0; i < 200; i++) {
        send_some(&client, &outputs[i], i * 100, 100);
        lab_pass(&lab, 1000);
    }
    wait_bytes(&server, 20000);
    assert_in_range(world_fault_fired(lab.world, index), 20, 120);
    assert_int_equal(world_point_asked(lab.world, FAULT_NET_DELAY),
                     world_point_asked(lab.world, FAULT_NET_RESET));
    lab_release(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_does_not_listen_refuses),
        cmocka_unit_test(across_a_cut_it_times_out),
        cmocka_unit_test(after_a_short_cut_it_connects),
        cmocka_unit_test(across_a_cut_a_connection_hangs),
        cmocka_unit_test(a_cut_may_be_one_way),
        cmocka_unit_test(a_cut_on_the_way_back_holds_the_sender),
        cmocka_unit_test(a_killed_process_says_so),
        cmocka_unit_test(behind_a_cut_nobody_hears_of_a_death),
        cmocka_unit_test(a_machine_without_power_says_nothing),
        cmocka_unit_test(when_it_runs_again_it_answers_who_asks),
        cmocka_unit_test(a_paused_process_keeps_its_connections),
        cmocka_unit_test(the_second_connect_is_refused),
        cmocka_unit_test(a_reset_is_heard_at_both_ends),
        cmocka_unit_test(a_half_open_connection_is_silent),
        cmocka_unit_test(late_bytes_keep_their_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
