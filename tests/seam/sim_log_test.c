/* SPDX-License-Identifier: Apache-2.0
 *
 * A log directory on a simulated disk: the process ends at one disk operation
 * after the other, starts again and goes on, and then the power fails. What
 * was durable is there; what was damaged is still known or mended.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/log.h"
#include "tests/seam/lab.h"

#define WAIT_US     10000000
#define BATCH_BYTES 200

static const struct partition_key key = {{{7}}, 0};

static const struct log_settings settings = {
    .segment_bytes = 5 * BATCH_BYTES,
    .segment_ms = 3600000,
    .retention_ms = -1,
    .retention_bytes = -1,
    .batch_bytes_max = 1 << 20,
};

/* A node with a log directory, opened whenever it starts. */
struct shelf {
    struct lab lab;
    struct lab_node *node;
    struct log_directory_owner owner;
    struct log_directory *directory;
    struct log *log;
    bool opened;
    bool ended; /* what was asked for last */
    enum error error;
    struct timer later;
    struct log_append append;
    struct log_owner log_owner;
    struct log_mend mend;
    uint8_t batch[BATCH_BYTES];
    uint8_t whole[5 * BATCH_BYTES]; /* the second segment, as it was */
    int64_t durable;                /* known to be: what must never be lost */
    uint32_t epoch;                 /* of the next append */
    bool struck;
    uint64_t nth; /* what struck, for messages */
};

static void opened(struct log_directory_owner *owner, enum error error,
                   const char *detail)
{
    struct shelf *shelf = container_of(owner, struct shelf, owner);

    if (error != ERROR_NONE)
        fail_msg("the directory was not opened: %s", detail);
    shelf->log = log_find(shelf->directory, &key);
    if (shelf->log != NULL)
        log_set_owner(shelf->log, &shelf->log_owner);
    shelf->opened = true;
}

static void failed(struct log_directory_owner *owner, enum error error,
                   const char *detail)
{
    (void)owner;
    (void)error;
    fail_msg("the directory failed: %s", detail);
}

static void progressed(struct log_owner *owner)
{
    struct shelf *shelf = container_of(owner, struct shelf, log_owner);

    if (shelf->log->durable_end_offset > shelf->durable) {
        shelf->durable = shelf->log->durable_end_offset;
        shelf->ended = true;
    }
}

static void open_again(struct timer *timer)
{
    struct shelf *shelf = container_of(timer, struct shelf, later);
    struct log_directory_options options = {
        .path = "logs",
        .broker_id = 1,
        .checkpoint_interval_ms = 50,
        .index_interval_bytes = 256,
        .recoveries_max = 4,
        .default_settings = settings,
    };

    shelf->directory =
        log_directory_new(shelf->node->seam, &options, &shelf->owner);
    log_directory_open(shelf->directory);
}

static void started(struct lab_node *node)
{
    struct shelf *shelf = node->context;

    shelf->opened = false;
    shelf->directory = NULL;
    shelf->log = NULL;
    memset(&shelf->later, 0, sizeof shelf->later);
    shelf->later.fire = open_again;
    timer_start(node->seam->timers, &shelf->later, 0);
}

/* A cut has begun: nothing above it is promised from here on. */
static void on_fact(struct world_observer *observer, struct node *node,
                    const struct fact *fact)
{
    struct lab *lab = container_of(observer, struct lab, observer);
    struct shelf *shelf = container_of(lab, struct shelf, lab);

    (void)node;
    if (fact->type == FACT_TRUNCATING && fact->end_offset < shelf->durable)
        shelf->durable = fact->end_offset;
}

static void shelf_init(struct shelf *shelf, uint64_t seed)
{
    memset(shelf, 0, sizeof *shelf);
    lab_init(&shelf->lab, seed, 0);
    shelf->lab.observer.on_fact = on_fact;
    shelf->node = &shelf->lab.nodes[0];
    shelf->node->node = world_add_node(shelf->lab.world, "n0", &lab_kind,
                                       shelf->node, LAB_HEAP_BYTES);
    shelf->owner = (struct log_directory_owner){opened, failed, NULL};
    shelf->log_owner.on_progress = progressed;
    shelf->epoch = 1;
    shelf->node->context = shelf;
    shelf->node->started = started;
    node_start(shelf->node->node);
    lab_wait(&shelf->lab, &shelf->opened, WAIT_US);
}

static void created(void *context, enum error error, struct log *log)
{
    struct shelf *shelf = context;

    assert_int_equal(error, ERROR_NONE);
    shelf->log = log;
    log_set_owner(log, &shelf->log_owner);
    shelf->ended = true;
}

static void create(struct shelf *shelf)
{
    shelf->ended = false;
    log_create(shelf->directory, &key, &settings, created, shelf);
    lab_wait(&shelf->lab, &shelf->ended, WAIT_US);
}

static void append_done(struct log_append *append, enum error error)
{
    (void)append;
    assert_int_equal(error, ERROR_NONE);
}

static void append_fire(struct timer *timer)
{
    struct shelf *shelf = container_of(timer, struct shelf, later);
    struct batch_header header = {
        .length = BATCH_BYTES,
        .magic = BATCH_MAGIC,
        .record_count = 1,
        .producer_id = -1,
        .base_sequence = -1,
    };

    memset(shelf->batch, 0, sizeof shelf->batch);
    batch_encode(&header, shelf->batch);
    batch_seal(shelf->batch, BATCH_BYTES);
    batch_stamp(shelf->batch, shelf->log->next_offset, shelf->epoch, 1000,
                &key.topic_id, key.partition);
    shelf->append = (struct log_append){.done = append_done};
    assert_int_equal(
        log_append(shelf->log, &shelf->append, shelf->batch, BATCH_BYTES),
        ERROR_NONE);
}

static bool is_down(const struct shelf *shelf)
{
    return !node_is_up(shelf->node->node);
}

static bool ended_or_down(void *context)
{
    const struct shelf *shelf = context;

    return shelf->ended || is_down(shelf);
}

static bool opened_or_down(void *context)
{
    const struct shelf *shelf = context;

    return shelf->opened || is_down(shelf);
}

static void wait_for(struct shelf *shelf, bool (*test)(void *context))
{
    struct world *world = shelf->lab.world;

    if (!test(shelf) &&
        !world_run(world, world_now_us(world) + WAIT_US, test, shelf))
        fail_msg("it did not come");
}

/* From within the node: it may end in the midst of it. */
static void append(struct shelf *shelf)
{
    if (is_down(shelf))
        return;
    shelf->ended = false;
    shelf->later.fire = append_fire;
    timer_start(shelf->node->seam->timers, &shelf->later, 0);
    wait_for(shelf, ended_or_down);
}

/* Also when it ends once more while it recovers. */
static void restart(struct shelf *shelf, enum node_crash how)
{
    if (!is_down(shelf))
        node_crash(shelf->node->node, how);
    do {
        node_start(shelf->node->node);
        wait_for(shelf, opened_or_down);
    } while (is_down(shelf));
    assert_non_null(shelf->log);
    assert_false(shelf->log->lossy);
    if (shelf->log->log_end_offset < shelf->durable)
        fail_msg("the log ends at %lld, but %lld was durable",
                 (long long)shelf->log->log_end_offset,
                 (long long)shelf->durable);
}

static void kill(void *context)
{
    struct shelf *shelf = context;

    shelf->struck = true;
    node_crash(shelf->node->node, NODE_CRASH_PROCESS);
}

static void cut_power(void *context)
{
    struct shelf *shelf = context;

    shelf->struck = true;
    node_crash(shelf->node->node, NODE_CRASH_POWER);
}

/* False: it was over before its nth disk operation. */
static bool killed_in_a_roll(uint64_t seed, uint64_t nth)
{
    struct shelf shelf;
    struct disk_strike strike = {
        .kind = DISK_STRIKE_SUBMITTED, .call = kill, .context = &shelf};

    shelf_init(&shelf, seed);
    create(&shelf);
    for (unsigned i = 0; i < 5; i++)
        append(&shelf);
    lab_pass(&shelf.lab, 500000); /* checkpoints come to rest */
    strike.nth = node_disk_operations(shelf.node->node, strike.kind) + nth;
    node_strike_disk(shelf.node->node, &strike);
    append(&shelf);
    restart(&shelf, NODE_CRASH_PROCESS);
    append(&shelf);
    restart(&shelf, NODE_CRASH_POWER);
    lab_release(&shelf.lab);
    return shelf.struck;
}

static void a_roll_cut_short_by_a_kill_outlives_the_power(void **state)
{
    (void)state;
    for (uint64_t nth = 1;; nth++) {
        bool struck = false;

        for (uint64_t seed = 1; seed <= 20; seed++)
            struck |= killed_in_a_roll(seed, nth);
        if (!struck)
            return;
        assert_true(nth < 100);
    }
}

/* ---- mending ------------------------------------------------------------ */

#define SEGMENT_PATH "logs/07000000000000000000000000000000-0/%020d.log"

static void mend_done(struct log_mend *mend, enum error error)
{
    struct shelf *shelf = container_of(mend, struct shelf, mend);

    if (error == ERROR_CORRUPT) {
        assert_int_equal(shelf->mend.offset, 7);
        error = log_mend_write(mend, shelf->whole, sizeof shelf->whole);
        assert_int_equal(error, ERROR_NONE);
        return;
    }
    assert_int_equal(error, ERROR_NONE);
    log_mend_end(mend);
    shelf->ended = true;
}

static void mend_fire(struct timer *timer)
{
    struct shelf *shelf = container_of(timer, struct shelf, later);

    log_mend_begin(&shelf->mend, shelf->log, mend_done);
    assert_int_equal(log_mend_look(&shelf->mend), ERROR_NONE);
}

static bool damaged_or_down(void *context)
{
    const struct shelf *shelf = context;

    return shelf->log->damaged || is_down(shelf);
}

static void mend(struct shelf *shelf)
{
    if (is_down(shelf))
        return;
    shelf->ended = false;
    shelf->later.fire = mend_fire;
    timer_start(shelf->node->seam->timers, &shelf->later, 0);
    wait_for(shelf, ended_or_down);
}

static void read_segment(struct shelf *shelf)
{
    char path[128];

    snprintf(path, sizeof path, SEGMENT_PATH, 5);
    assert_int_equal(
        node_stored(shelf->node->node, path, shelf->whole, sizeof shelf->whole),
        sizeof shelf->whole);
}

static void find_damage(struct shelf *shelf)
{
    if (is_down(shelf))
        return;
    log_suspect(shelf->log, 6);
    wait_for(shelf, damaged_or_down);
    if (is_down(shelf))
        return;
    assert_int_equal(shelf->log->damage_offset, 7);
    assert_int_equal(shelf->log->damage_end_offset, 10);
}

static bool is_whole(struct shelf *shelf)
{
    uint8_t now[sizeof shelf->whole];
    char path[128];

    snprintf(path, sizeof path, SEGMENT_PATH, 5);
    assert_int_equal(node_stored(shelf->node->node, path, now, sizeof now),
                     sizeof now);
    return memcmp(now, shelf->whole, sizeof now) == 0;
}

/* The log keeps its end, and is damaged or mended: durably, once it said so. */
static bool struck_in_a_mend(uint64_t seed, uint64_t nth, enum node_crash how)
{
    struct shelf shelf;
    char path[128];
    struct disk_strike strike = {.kind = DISK_STRIKE_SUBMITTED,
                                 .call =
                                     how == NODE_CRASH_POWER ? cut_power : kill,
                                 .context = &shelf};

    shelf_init(&shelf, seed);
    shelf.nth = nth;
    create(&shelf);
    for (unsigned i = 0; i < 13; i++)
        append(&shelf);
    lab_pass(&shelf.lab, 500000);
    read_segment(&shelf);
    snprintf(path, sizeof path, SEGMENT_PATH, 5);
    assert_true(node_rot(shelf.node->node, path, 2 * BATCH_BYTES + 150));
    find_damage(&shelf);
    strike.nth = node_disk_operations(shelf.node->node, strike.kind) + nth;
    node_strike_disk(shelf.node->node, &strike);
    mend(&shelf);
    restart(&shelf, NODE_CRASH_POWER); /* starts it, if it is down */
    restart(&shelf, NODE_CRASH_POWER);
    assert_int_equal(shelf.log->log_end_offset, 13);
    if (shelf.ended)
        assert_true(is_whole(&shelf));
    if (!is_whole(&shelf)) {
        find_damage(&shelf);
        mend(&shelf);
    }
    restart(&shelf, NODE_CRASH_POWER);
    assert_true(is_whole(&shelf));
    append(&shelf);
    lab_release(&shelf.lab);
    return shelf.struck;
}

static void a_mend_may_end_anywhere(void **state)
{
    (void)state;
    for (uint64_t nth = 1;; nth++) {
        bool struck = false;

        for (uint64_t seed = 1; seed <= 10; seed++) {
            struck |= struck_in_a_mend(seed, nth, NODE_CRASH_PROCESS);
            struck |= struck_in_a_mend(seed, nth, NODE_CRASH_POWER);
        }
        if (!struck)
            return;
        assert_true(nth < 200);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_roll_cut_short_by_a_kill_outlives_the_power),
        cmocka_unit_test(a_mend_may_end_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
