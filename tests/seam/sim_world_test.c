/* SPDX-License-Identifier: Apache-2.0
 *
 * The world itself: the same seed gives the same trace; nodes start, stop,
 * pause, fail and crash; clocks; draws; faults by number.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/internal.h"
#include "tests/seam/lab.h"

/* ---- a busy node ------------------------------------------------------- */

/* It writes, syncs, offloads and sets timers for as long as it lives. */
struct busy {
    struct lab_node *lab_node;
    struct timer timer;
    struct offload offload;
    struct disk_request open;
    struct disk_request write;
    struct disk_file *file;
    struct iovec iov;
    uint64_t rounds;
};

static void busy_written(struct disk_request *request)
{
    struct busy *busy = container_of(request, struct busy, write);
    struct seam *seam = busy->lab_node->seam;
    struct fact fact = {.type = FACT_APPENDED,
                        .offset = (int64_t)busy->rounds,
                        .value = (int64_t)seam->random_key};

    busy->rounds++;
    trace_log(seam->trace, TRACE_INFO, "wrote %u", (unsigned)busy->rounds);
    trace_fact(seam->trace, &fact);
    SOMETIMES(seam->trace, SEGMENT_ROLLED);
    timer_start(seam->timers, &busy->timer, seam->now.monotonic_us + 100);
}

static void busy_ran(struct offload *offload)
{
    (void)offload;
}

static void busy_done(struct offload *offload)
{
    struct busy *busy = container_of(offload, struct busy, offload);

    disk_append(busy->lab_node->seam->disk, &busy->write, busy->file,
                &busy->iov, 1, busy->rounds % 100);
}

static void busy_fire(struct timer *timer)
{
    struct busy *busy = container_of(timer, struct busy, timer);

    inbox_offload(busy->lab_node->seam->inbox, &busy->offload);
}

static void busy_opened(struct disk_request *request)
{
    struct busy *busy = container_of(request, struct busy, open);

    busy->file = request->file;
    busy_fire(&busy->timer);
}

static void busy_start(struct lab_node *lab_node)
{
    struct seam *seam = lab_node->seam;
    struct busy *busy = heap_alloc(seam->heap, sizeof *busy);

    lab_node->context = busy;
    busy->lab_node = lab_node;
    busy->timer.fire = busy_fire;
    busy->offload.run = busy_ran;
    busy->offload.done = busy_done;
    busy->open.done = busy_opened;
    busy->write.done = busy_written;
    busy->iov = (struct iovec){"bytes", 5};
    disk_open(seam->disk, &busy->open, "f", DISK_OPEN_CREATE);
}

struct outcome {
    uint64_t hash;
    uint64_t events;
    char *text;
    size_t text_size;
};

static void crash_power(void *context)
{
    node_crash(context, NODE_CRASH_POWER);
}

static void start_node(void *context)
{
    node_start(context);
}

/* The lab's nodes with a trace, crashes and faults. */
static struct outcome run_busy(uint64_t seed, bool text)
{
    struct lab lab;
    struct outcome outcome = {0};
    struct world_fault fault = {
        .point = FAULT_DISK_STALL, .rate = 0.01, .until_us = INT64_MAX};
    FILE *file =
        text ? open_memstream(&outcome.text, &outcome.text_size) : NULL;

    lab_init_traced(&lab, seed, file);
    for (int i = 0; i < 3; i++)
        lab.nodes[i].started = busy_start;
    for (int i = 0; i < 3; i++)
        node_start(lab.nodes[i].node);
    world_add_fault(lab.world, &fault);
    world_at(lab.world, 500000, crash_power, lab.nodes[1].node);
    world_at(lab.world, 700000, start_node, lab.nodes[1].node);
    world_run(lab.world, 5000000, NULL, NULL);
    outcome.hash = world_hash(lab.world);
    outcome.events = world_events(lab.world);
    assert_true(world_marks(lab.world, MARK_SEGMENT_ROLLED) > 100);
    assert_true(world_point_fired(lab.world, FAULT_DISK_STALL) > 0);
    assert_int_equal(lab.ups, 4);
    assert_int_equal(lab.downs, 1);
    lab_release(&lab);
    if (file != NULL)
        fclose(file);
    return outcome;
}

static void the_same_seed_is_the_same_trace(void **state)
{
    struct outcome first = run_busy(7, false);
    struct outcome second = run_busy(7, false);
    struct outcome other = run_busy(8, false);

    (void)state;
    assert_true(first.events > 1000);
    assert_int_equal(first.hash, second.hash);
    assert_int_equal(first.events, second.events);
    assert_int_not_equal(first.hash, other.hash);
}

static void the_text_does_not_change_the_hash(void **state)
{
    struct outcome plain = run_busy(7, false);
    struct outcome traced = run_busy(7, true);
    struct outcome again = run_busy(7, true);

    (void)state;
    assert_int_equal(plain.hash, traced.hash);
    assert_string_equal(traced.text, again.text);
    assert_non_null(strstr(traced.text, "fact appended"));
    assert_non_null(strstr(traced.text, "fault disk/stall"));
    assert_non_null(strstr(traced.text, "power lost"));
    free(traced.text);
    free(again.text);
}

/* ---- time -------------------------------------------------------------- */

static void a_world_where_nothing_can_happen_ends(void **state)
{
    struct lab lab;

    (void)state;
    lab_init(&lab, 1, 1);
    assert_false(world_run(lab.world, INT64_MAX, NULL, NULL));
    assert_int_equal(world_now_us(lab.world), 0);
    assert_false(world_run(lab.world, 1000, NULL, NULL));
    assert_int_equal(world_now_us(lab.world), 1000);
    lab_release(&lab);
}

static char letters[8];

static void add_letter(void *context)
{
    size_t length = strlen(letters);

    snprintf(letters + length, sizeof letters - length, "%s",
             (const char *)context);
}

static void calls_come_in_the_order_of_time_and_asking(void **state)
{
    struct lab lab;

    (void)state;
    lab_init(&lab, 1, 1);
    letters[0] = '\0';
    world_at(lab.world, 2000, add_letter, "c");
    world_at(lab.world, 1000, add_letter, "a");
    world_at(lab.world, 1000, add_letter, "b");
    world_at(lab.world, 9000, add_letter, "d");
    world_run(lab.world, 5000, NULL, NULL);
    assert_string_equal(letters, "abc");
    assert_int_equal(world_now_us(lab.world), 5000);
    lab_release(&lab);
}

struct moments {
    struct timer timer;
    struct lab_node *lab_node;
    struct moment fired;
    bool done;
};

static void on_moment(struct timer *timer)
{
    struct moments *moments = container_of(timer, struct moments, timer);

    moments->fired = moments->lab_node->seam->now;
    moments->done = true;
}

static void fire_in(struct moments *moments, struct lab_node *node, int64_t us)
{
    *moments = (struct moments){.timer.fire = on_moment, .lab_node = node};
    timer_start(node->seam->timers, &moments->timer,
                node->seam->now.monotonic_us + us);
}

static void a_clock_jumps_alone(void **state)
{
    struct lab lab;
    struct lab_node *node = &lab.nodes[0];
    struct moments moments;
    struct moment before;

    (void)state;
    lab_init(&lab, 1, 1);
    before = node->seam->now;
    assert_in_range(before.wall_ms, 1700000000000 - 100, 1700000000000 + 100);
    node_clock_jump(node->node, -3600000);
    fire_in(&moments, node, 1000000);
    lab_pass(&lab, 2000000);
    assert_true(moments.done);
    assert_in_range(moments.fired.monotonic_us - before.monotonic_us, 1000000,
                    1000100);
    assert_int_equal(moments.fired.wall_ms - before.wall_ms, 1000 - 3600000);
    lab_release(&lab);
}

static void a_start_changes_what_it_should(void **state)
{
    struct lab lab;
    struct lab_node *node = &lab.nodes[0];
    struct seam first;
    struct seam second;

    (void)state;
    lab_init(&lab, 1, 1);
    first = *node->seam;
    assert_false(uuid_is_zero(&first.boot_id));
    lab_bounce(node, NODE_CRASH_PROCESS);
    second = *node->seam;
    assert_true(uuid_equal(&first.boot_id, &second.boot_id));
    assert_int_not_equal(first.random_key, second.random_key);
    assert_int_not_equal(first.now.monotonic_us, second.now.monotonic_us);
    lab_bounce(node, NODE_CRASH_POWER);
    assert_false(uuid_equal(&first.boot_id, &node->seam->boot_id));
    assert_int_equal(node_starts(node->node), 3);
    lab_release(&lab);
}

/* ---- life -------------------------------------------------------------- */

static void exit_at_stop(struct lab_node *node)
{
    node_exit(node->node, 3, "asked to");
    assert_true(node_is_up(node->node));
}

static void a_node_exits_when_its_event_is_over(void **state)
{
    struct lab lab;
    struct lab_node *node = &lab.nodes[0];

    (void)state;
    lab_init(&lab, 1, 2);
    node->stopped = exit_at_stop;
    node_stop(node->node);
    assert_true(node_is_up(node->node));
    lab_pass(&lab, 1000);
    assert_false(node_is_up(node->node));
    assert_null(node_object(node->node));
    assert_int_equal(node_exit_code(node->node), 3);
    assert_string_equal(node_exit_why(node->node), "asked to");
    assert_int_equal(lab.downs, 1);
    assert_null(world_assertion(lab.world));
    assert_true(node_is_up(lab.nodes[1].node));
    lab_release(&lab);
}

static void fail_at_stop(struct lab_node *node)
{
    heap_alloc(node->seam->heap, 100);
    ASSERT(node == NULL);
}

static void an_assertion_ends_its_node_alone(void **state)
{
    struct lab lab;
    struct moments moments;

    (void)state;
    lab_init(&lab, 1, 2);
    lab.nodes[0].stopped = fail_at_stop;
    fire_in(&moments, &lab.nodes[1], 1000);
    node_stop(lab.nodes[0].node);
    lab_pass(&lab, 10000);
    assert_false(node_is_up(lab.nodes[0].node));
    assert_non_null(strstr(world_assertion(lab.world), "node == NULL"));
    assert_non_null(
        strstr(world_assertion(lab.world), "seam/sim_world_test.c:"));
    assert_int_equal(lab.downs, 1);
    assert_true(moments.done);
    lab_release(&lab);
}

static void exhaust(struct lab_node *node)
{
    heap_alloc(node->seam->heap, LAB_HEAP_BYTES + 1);
}

static void out_of_memory_ends_a_node_even_at_its_start(void **state)
{
    struct lab lab;

    (void)state;
    lab_init(&lab, 1, 1);
    node_crash(lab.nodes[0].node, NODE_CRASH_PROCESS);
    lab.nodes[0].started = exhaust;
    node_start(lab.nodes[0].node);
    assert_false(node_is_up(lab.nodes[0].node));
    assert_non_null(strstr(world_assertion(lab.world), "out of memory"));
    assert_int_equal(lab.downs, 2);
    lab_release(&lab);
}

static void a_paused_node_sees_everything_later(void **state)
{
    struct lab lab;
    struct lab_node *node = &lab.nodes[0];
    struct moments moments[2];
    struct lab_op op;
    struct moment before;

    (void)state;
    lab_init(&lab, 1, 1);
    before = node->seam->now;
    fire_in(&moments[0], node, 1000);
    fire_in(&moments[1], node, 2000);
    disk_mkdir(node->seam->disk, lab_op_init(&op), "d");
    node_pause(node->node);
    assert_true(node_is_paused(node->node));
    lab_pass(&lab, 5000000);
    assert_false(op.done || moments[0].done || moments[1].done);
    node_resume(node->node);
    lab_pass(&lab, 1000);
    assert_true(op.done && moments[0].done && moments[1].done);
    assert_int_equal(op.request.error, ERROR_NONE);
    assert_true(moments[0].fired.monotonic_us >= before.monotonic_us + 5000000);
    assert_true(moments[1].fired.monotonic_us >= moments[0].fired.monotonic_us);
    lab_release(&lab);
}

/* What was submitted before a pause is done in it. */
static void a_pause_does_not_hold_the_disk(void **state)
{
    struct lab lab;
    struct lab_node *node = &lab.nodes[0];
    struct disk_file *file;
    char letter = 'A';
    struct iovec iov = {&letter, 1};
    char bytes[LAB_FILE_BYTES];
    struct lab_op op;

    (void)state;
    lab_init(&lab, 1, 1);
    file = lab_open(node, "a");
    disk_append(node->seam->disk, lab_op_init(&op), file, &iov, 1, 0);
    node_pause(node->node);
    lab_pass(&lab, 1000000);
    lab_bounce(node, NODE_CRASH_PROCESS);
    assert_false(op.done);
    assert_int_equal(lab_read(node, "a", bytes), 1);
    lab_release(&lab);
}

/* ---- background calls -------------------------------------------------- */

struct call {
    struct background background;
    struct node *seen; /* the current node while it ran */
    bool ran;
    bool dropped;
};

static void call_run(struct background *background)
{
    struct call *call = container_of(background, struct call, background);

    call->ran = true;
    call->seen = node_current();
}

static void call_drop(struct background *background)
{
    container_of(background, struct call, background)->dropped = true;
}

static void background_calls_wait_and_are_dropped(void **state)
{
    struct lab lab;
    struct node *node;
    struct call calls[3] = {0};

    (void)state;
    lab_init(&lab, 1, 1);
    node = lab.nodes[0].node;
    for (int i = 0; i < 3; i++) {
        calls[i].background.run = call_run;
        calls[i].background.drop = call_drop;
        node_background(node, &calls[i].background, 1000 * (i + 1));
    }
    lab_pass(&lab, 1500);
    assert_true(calls[0].ran && !calls[1].ran);
    assert_ptr_equal(calls[0].seen, node);
    assert_null(node_current());
    node_pause(node);
    lab_pass(&lab, 1000);
    assert_false(calls[1].ran);
    node_resume(node);
    lab_pass(&lab, 0);
    assert_true(calls[1].ran);
    node_crash(node, NODE_CRASH_PROCESS);
    assert_true(calls[2].dropped && !calls[2].ran);
    assert_false(calls[0].dropped || calls[1].dropped);
    lab_release(&lab);
}

/* ---- draws and faults -------------------------------------------------- */

static void streams_do_not_move_each_other(void **state)
{
    struct lab lab;
    uint64_t first[4];
    uint64_t other;

    (void)state;
    lab_init(&lab, 5, 2);
    for (int i = 0; i < 4; i++)
        first[i] = world_random(lab.world, lab.nodes[0].node, 1000);
    other = world_random(lab.world, lab.nodes[1].node, 1000);
    assert_int_not_equal(other, first[0]);
    lab_release(&lab);
    lab_init(&lab, 5, 2);
    for (int i = 0; i < 4; i++) {
        world_random(lab.world, NULL, 1000);
        world_random(lab.world, lab.nodes[0].node, 1001);
        assert_int_equal(world_random(lab.world, lab.nodes[0].node, 1000),
                         first[i]);
        assert_true(world_random_below(lab.world, NULL, 1002, 3) < 3);
    }
    lab_release(&lab);
}

static void a_fault_fires_at_its_number(void **state)
{
    struct lab lab;
    struct heap *heap;
    unsigned fault;

    (void)state;
    lab_init(&lab, 1, 2);
    heap = lab.nodes[0].seam->heap;
    fault = lab_fault(&lab.nodes[0], FAULT_MEMORY_REFUSE, 3);
    for (int i = 1; i < 10; i++) {
        void *memory = heap_try_alloc(heap, 8);

        assert_int_equal(memory == NULL, i == 3);
        heap_free(heap, memory);
        memory = heap_try_alloc(lab.nodes[1].seam->heap, 8);
        assert_non_null(memory);
    }
    assert_int_equal(world_fault_fired(lab.world, fault), 1);
    assert_int_equal(world_point_fired(lab.world, FAULT_MEMORY_REFUSE), 1);
    assert_int_equal(world_point_asked(lab.world, FAULT_MEMORY_REFUSE), 18);
    lab_release(&lab);
}

static void a_fault_keeps_its_limit_and_its_time(void **state)
{
    struct world_fault fault = {.point = FAULT_DISK_READ_EIO,
                                .rate = 1.0,
                                .from_us = 1000000,
                                .until_us = 2000000,
                                .limit = 2};
    struct lab lab;
    struct lab_node *node = &lab.nodes[0];
    struct disk_file *file;
    unsigned failed = 0;
    char byte;

    (void)state;
    lab_init(&lab, 1, 1);
    file = lab_open(node, "a");
    world_add_fault(lab.world, &fault);
    for (int i = 0; i < 10; i++) {
        struct lab_op op;

        disk_read(node->seam->disk, lab_op_init(&op), file, &byte, 1, 0);
        failed += lab_end(node, &op) == ERROR_IO;
        assert_true(failed == 0 || world_now_us(lab.world) > 1000000);
        lab_pass(&lab, 300000);
    }
    assert_int_equal(failed, 2);
    lab_release(&lab);
}

static void every_point_has_a_name_of_its_own(void **state)
{
    enum fault_point found;

    (void)state;
    for (unsigned i = 0; i < FAULT_COUNT; i++) {
        const struct fault_description *description =
            fault_describe((enum fault_point)i);

        assert_true(fault_by_name(description->name, &found));
        assert_int_equal(found, i);
        assert_true(strlen(description->happens) > 0);
        assert_true(strlen(description->holds) > 0);
    }
    assert_false(fault_by_name("disk/*", &found));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_is_the_same_trace),
        cmocka_unit_test(the_text_does_not_change_the_hash),
        cmocka_unit_test(a_world_where_nothing_can_happen_ends),
        cmocka_unit_test(calls_come_in_the_order_of_time_and_asking),
        cmocka_unit_test(a_clock_jumps_alone),
        cmocka_unit_test(a_start_changes_what_it_should),
        cmocka_unit_test(a_node_exits_when_its_event_is_over),
        cmocka_unit_test(an_assertion_ends_its_node_alone),
        cmocka_unit_test(out_of_memory_ends_a_node_even_at_its_start),
        cmocka_unit_test(a_paused_node_sees_everything_later),
        cmocka_unit_test(a_pause_does_not_hold_the_disk),
        cmocka_unit_test(background_calls_wait_and_are_dropped),
        cmocka_unit_test(streams_do_not_move_each_other),
        cmocka_unit_test(a_fault_fires_at_its_number),
        cmocka_unit_test(a_fault_keeps_its_limit_and_its_time),
        cmocka_unit_test(every_point_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
