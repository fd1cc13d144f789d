/* SPDX-License-Identifier: Apache-2.0
 *
 * A log directory on a simulated disk of which one operation fails, each in
 * turn: with EIO, for want of space, or half done. Whoever waits is told, a
 * directory that failed says so once and takes nothing more, and whatever was
 * durable is there at the next start.
 */
#include <stdio.h>
#include <string.h>

#include "log/log.h"
#include "tests/seam/lab.h"

#define WAIT_US     10000000
#define BATCH_BYTES 200
#define TOPIC       "07000000000000000000000000000000"
#define FIRST       "logs/" TOPIC "-0/00000000000000000000.log"
#define FIRST_OTHER "logs/" TOPIC "-1/00000000000000000000.log"
#define DAMAGED     "logs/" TOPIC "-0/00000000000000000005.log"
#define SEEDS       3

static const struct partition_key key = {{{7}}, 0};
static const struct partition_key other = {{{7}}, 1};

static const struct log_settings settings = {
    .segment_bytes = 5 * BATCH_BYTES,
    .segment_ms = 3600000,
    .retention_ms = -1,
    .retention_bytes = -1,
    .batch_bytes_max = 1 << 20,
};

/* A node with a log directory. */
struct shelf {
    struct lab lab;
    struct lab_node *node;
    struct log_directory_owner owner;
    struct log_directory *directory;
    struct log *log; /* of `key` */
    struct log_owner log_owner;
    bool opened;
    enum error open_error;
    unsigned failures;
    bool ended; /* what was asked for last */
    enum error error;
    struct log *made;
    struct log_append append;
    struct log_mend mend;
    uint8_t batch[BATCH_BYTES];
    uint8_t whole[5 * BATCH_BYTES]; /* the second segment, as it was */
    int64_t durable;                /* known to be: what must never be lost */
    bool struck;
};

/* ---- what the directory says ---- */

static void opened(struct log_directory_owner *owner, enum error error,
                   const char *detail)
{
    struct shelf *shelf = container_of(owner, struct shelf, owner);

    assert_false(shelf->opened);
    assert_int_equal(error != ERROR_NONE, detail[0] != '\0');
    shelf->opened = true;
    shelf->open_error = error;
    if (error != ERROR_NONE)
        return;
    shelf->log = log_find(shelf->directory, &key);
    if (shelf->log == NULL)
        return;
    log_set_owner(shelf->log, &shelf->log_owner);
    if (shelf->log->durable_end_offset > shelf->durable)
        shelf->durable = shelf->log->durable_end_offset;
}

static void failed(struct log_directory_owner *owner, enum error error,
                   const char *detail)
{
    assert_int_not_equal(error, ERROR_NONE);
    assert_non_null(strstr(detail, "could not "));
    container_of(owner, struct shelf, owner)->failures++;
}

static void progressed(struct log_owner *owner)
{
    struct shelf *shelf = container_of(owner, struct shelf, log_owner);

    if (!shelf->log->truncating &&
        shelf->log->durable_end_offset > shelf->durable)
        shelf->durable = shelf->log->durable_end_offset;
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

static void answered(void *context, enum error error)
{
    struct shelf *shelf = context;

    assert_false(shelf->ended);
    shelf->ended = true;
    shelf->error = error;
}

static void created(void *context, enum error error, struct log *log)
{
    struct shelf *shelf = context;

    assert_int_equal(error == ERROR_NONE, log != NULL);
    shelf->made = log;
    answered(shelf, error);
}

static void appended(struct log_append *append, enum error error)
{
    answered(container_of(append, struct shelf, append), error);
}

static void mend_done(struct log_mend *mend, enum error error)
{
    answered(container_of(mend, struct shelf, mend), error);
}

/* ---- waiting ---- */

static void wait_for(struct shelf *shelf, bool (*test)(void *context))
{
    struct world *world = shelf->lab.world;

    if (!test(shelf) &&
        !world_run(world, world_now_us(world) + WAIT_US, test, shelf))
        fail_msg("it did not come");
}

static bool has_ended(void *context)
{
    return ((struct shelf *)context)->ended;
}

static bool has_opened(void *context)
{
    return ((struct shelf *)context)->opened;
}

static bool has_failed(void *context)
{
    return ((struct shelf *)context)->failures > 0;
}

static bool is_durable_or_failed(void *context)
{
    const struct shelf *shelf = context;

    return log_directory_failed(shelf->directory) ||
           shelf->log->durable_end_offset == shelf->log->next_offset;
}

static bool has_path(struct shelf *shelf, const char *path)
{
    return node_has_path(shelf->node->node, path);
}

static bool is_renamed(void *context)
{
    return !has_path(context, "logs/" TOPIC "-1");
}

static bool is_begun(void *context)
{
    return has_path(context, FIRST_OTHER);
}

static bool is_marked(void *context)
{
    return has_path(context, "logs/" TOPIC "-0/mending");
}

/* ---- what is asked of it: false when the directory has failed ---- */

static bool usable(const struct shelf *shelf)
{
    return !log_directory_failed(shelf->directory);
}

/* Waits for the answer; it is an error only if the directory has failed. */
static bool answer_is_good(struct shelf *shelf)
{
    wait_for(shelf, has_ended);
    if (shelf->error != ERROR_NONE)
        assert_false(usable(shelf));
    return shelf->error == ERROR_NONE;
}

static bool open_directory(struct shelf *shelf)
{
    static const struct log_directory_options options = {
        .path = "logs",
        .broker_id = 1,
        .checkpoint_interval_ms = 50,
        .index_interval_bytes = 256,
        .recoveries_max = 4,
        .reserve_bytes = 4096,
        .space_interval_ms = 50,
        .default_settings = settings,
    };

    if (!node_is_up(shelf->node->node))
        node_start(shelf->node->node);
    shelf->opened = false;
    shelf->failures = 0;
    shelf->log = NULL;
    shelf->directory =
        log_directory_new(shelf->node->seam, &options, &shelf->owner);
    log_directory_open(shelf->directory);
    wait_for(shelf, has_opened);
    return shelf->open_error == ERROR_NONE;
}

static bool make(struct shelf *shelf, const struct partition_key *of)
{
    shelf->ended = false;
    log_create(shelf->directory, of, &settings, created, shelf);
    if (!answer_is_good(shelf))
        return false;
    assert_true(has_path(shelf, of == &key ? FIRST : FIRST_OTHER));
    if (of == &key) {
        shelf->log = shelf->made;
        log_set_owner(shelf->log, &shelf->log_owner);
    }
    return true;
}

static void submit(struct shelf *shelf, uint32_t epoch)
{
    struct log *log = shelf->log;
    struct batch_header header = {
        .length = BATCH_BYTES,
        .magic = BATCH_MAGIC,
        .record_count = 1,
        .producer_id = 5,
        .base_sequence = (int32_t)log->next_offset,
    };
    enum error error;

    memset(shelf->batch, 0, sizeof shelf->batch);
    batch_encode(&header, shelf->batch);
    batch_seal(shelf->batch, BATCH_BYTES);
    batch_stamp(shelf->batch, log->next_offset, epoch, 1000, &key.topic_id,
                key.partition);
    shelf->append = (struct log_append){.done = appended};
    shelf->ended = false;
    error = log_append(log, &shelf->append, shelf->batch, BATCH_BYTES);
    if (error != ERROR_NONE)
        answered(shelf, error);
}

/* One batch, offered again as long as there is no room for it. */
static bool append(struct shelf *shelf, uint32_t epoch)
{
    for (unsigned tries = 0; tries < 100; tries++) {
        submit(shelf, epoch);
        wait_for(shelf, has_ended);
        if (shelf->error == ERROR_NONE) {
            wait_for(shelf, is_durable_or_failed);
            return usable(shelf);
        }
        if (shelf->error == ERROR_LOG_DIRECTORY_FAILED) {
            assert_false(usable(shelf));
            return false;
        }
        if (shelf->error != ERROR_DISK_FULL && shelf->error != ERROR_AGAIN)
            fail_msg("an append says %s", error_sentence(shelf->error));
        lab_pass(&shelf->lab, 20000);
    }
    fail_msg("there is no room for ever");
    return false;
}

static bool append_many(struct shelf *shelf, unsigned count, uint32_t epoch)
{
    while (count-- > 0)
        if (!append(shelf, epoch))
            return false;
    return true;
}

static bool pass(struct shelf *shelf)
{
    lab_pass(&shelf->lab, 300000);
    return usable(shelf);
}

static bool begin_epoch(struct shelf *shelf, uint32_t epoch)
{
    shelf->ended = false;
    log_begin_epoch(shelf->log, epoch, answered, shelf);
    return answer_is_good(shelf);
}

/* Rot in the second segment is found, and mended with what was there. */
static bool find_damage(struct shelf *shelf)
{
    struct node *node = shelf->node->node;

    assert_int_equal(
        node_stored(node, DAMAGED, shelf->whole, sizeof shelf->whole),
        sizeof shelf->whole);
    assert_true(node_rot(node, DAMAGED, 2 * BATCH_BYTES + 150));
    for (unsigned tries = 0; tries < 10 && !shelf->log->damaged; tries++) {
        log_suspect(shelf->log, 6);
        if (!pass(shelf))
            return false;
    }
    assert_true(shelf->log->damage_offset <= 7); /* or a read failed below */
    assert_int_equal(shelf->log->damage_end_offset, 10);
    return true;
}

static void begin_mend(struct shelf *shelf)
{
    shelf->ended = false;
    log_mend_begin(&shelf->mend, shelf->log, mend_done);
    assert_int_equal(log_mend_look(&shelf->mend), ERROR_NONE);
    wait_for(shelf, has_ended);
}

static void mend_on(struct shelf *shelf)
{
    shelf->ended = false;
    assert_int_equal(
        log_mend_write(&shelf->mend, shelf->whole, sizeof shelf->whole),
        ERROR_NONE);
}

static bool mend(struct shelf *shelf)
{
    for (unsigned tries = 0; tries < 10 && usable(shelf); tries++) {
        begin_mend(shelf);
        if (shelf->error == ERROR_CORRUPT) {
            mend_on(shelf);
            wait_for(shelf, has_ended);
        }
        log_mend_end(&shelf->mend);
        if (shelf->error == ERROR_NONE) {
            assert_false(shelf->log->damaged);
            return true;
        }
    }
    assert_false(usable(shelf));
    return false;
}

/* Again when a read failed: what cannot be read bars the cut until it is looked
 * at once more. */
static bool cut(struct shelf *shelf, int64_t end)
{
    for (unsigned tries = 0; tries < 10; tries++) {
        shelf->ended = false;
        log_truncate(shelf->log, end, answered, shelf);
        wait_for(shelf, has_ended);
        if (shelf->error != ERROR_CORRUPT)
            return answer_is_good(shelf);
        assert_true(shelf->log->damaged);
        if (!mend(shelf))
            return false;
    }
    fail_msg("it is not cut");
    return false;
}

static bool start_over(struct shelf *shelf, int64_t offset)
{
    shelf->ended = false;
    log_restart_at(shelf->log, offset, answered, shelf);
    if (!answer_is_good(shelf))
        return false;
    assert_int_equal(shelf->log->log_start_offset, offset);
    return true;
}

static bool delete_below(struct shelf *shelf, int64_t offset)
{
    log_set_high_watermark(shelf->log, shelf->log->log_end_offset);
    log_advance_start(shelf->log, offset);
    if (!pass(shelf))
        return false;
    assert_int_equal(shelf->log->log_start_offset, offset);
    return true;
}

static bool make_anew(struct shelf *shelf)
{
    log_remove(log_find(shelf->directory, &other));
    return make(shelf, &other) && pass(shelf);
}

static bool shut_down(struct shelf *shelf)
{
    shelf->ended = false;
    log_directory_shutdown(shelf->directory, answered, shelf);
    wait_for(shelf, has_ended);
    assert_int_equal(shelf->error == ERROR_NONE, usable(shelf));
    return usable(shelf);
}

/* ---- how a start finds the directory ---- */

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
}

static void fill(struct shelf *shelf)
{
    assert_true(open_directory(shelf) && make(shelf, &key) &&
                make(shelf, &other) && append_many(shelf, 13, 1) &&
                pass(shelf));
}

static void fresh(struct shelf *shelf)
{
    (void)shelf;
}

static void after_a_clean_end(struct shelf *shelf)
{
    fill(shelf);
    assert_true(shut_down(shelf));
    node_crash(shelf->node->node, NODE_CRASH_PROCESS);
}

static void after_a_power_cut(struct shelf *shelf)
{
    fill(shelf);
    submit(shelf, 1);
    node_crash(shelf->node->node, NODE_CRASH_POWER);
}

static void after_a_failure(struct shelf *shelf)
{
    fill(shelf);
    lab_fault(shelf->node, FAULT_DISK_SYNC_EIO, 1);
    assert_false(append(shelf, 1));
    wait_for(shelf, has_failed);
    assert_true(has_path(shelf, "logs/failed"));
    node_crash(shelf->node->node, NODE_CRASH_PROCESS);
}

static void while_it_mends(struct shelf *shelf)
{
    fill(shelf);
    assert_true(find_damage(shelf));
    begin_mend(shelf);
    assert_int_equal(shelf->error, ERROR_CORRUPT);
    mend_on(shelf);
    wait_for(shelf, is_marked);
    node_crash(shelf->node->node, NODE_CRASH_PROCESS);
}

static void while_it_removes(struct shelf *shelf)
{
    fill(shelf);
    log_delete(log_find(shelf->directory, &other));
    wait_for(shelf, is_renamed);
    node_crash(shelf->node->node, NODE_CRASH_PROCESS);
}

static void while_it_makes(struct shelf *shelf)
{
    assert_true(open_directory(shelf) && make(shelf, &key) && pass(shelf));
    log_create(shelf->directory, &other, &settings, created, shelf);
    shelf->ended = false;
    wait_for(shelf, is_begun);
    assert_false(shelf->ended);
    node_crash(shelf->node->node, NODE_CRASH_PROCESS);
}

/* ---- what happens then ---- */

static bool begin_and_end(struct shelf *shelf)
{
    return open_directory(shelf) && (shelf->log || make(shelf, &key)) &&
           append(shelf, 2) && pass(shelf) && shut_down(shelf);
}

static bool all_there_is(struct shelf *shelf)
{
    return open_directory(shelf) && begin_epoch(shelf, 2) &&
           append_many(shelf, 7, 2) && cut(shelf, 16) && cut(shelf, 8) &&
           append_many(shelf, 8, 3) && delete_below(shelf, 5) &&
           make_anew(shelf) && start_over(shelf, 40) && append(shelf, 4) &&
           pass(shelf) && shut_down(shelf);
}

/* It does not say that it is mended before it durably is; nor after a write
 * that found no space and was all there nevertheless (L13). */
static bool a_mend(struct shelf *shelf)
{
    uint8_t stored[sizeof shelf->whole];

    if (!open_directory(shelf) || !find_damage(shelf) || !mend(shelf))
        return false;
    assert_int_equal(
        node_stored(shelf->node->node, DAMAGED, stored, sizeof stored),
        sizeof stored);
    assert_memory_equal(stored, shelf->whole, sizeof stored);
    return pass(shelf) && shut_down(shelf);
}

/* ---- one of its disk operations fails ---- */

static void strike(void *context)
{
    ((struct shelf *)context)->struck = true;
}

/* It takes nothing, and says so. */
static void assert_fenced(struct shelf *shelf)
{
    if (shelf->open_error != ERROR_NONE)
        return;
    if (shelf->failures == 0 && !shelf->ended)
        wait_for(shelf, has_failed);
    lab_pass(&shelf->lab, 200000);
    assert_true(shelf->failures <= 1);
    if (shelf->failures == 0 || shelf->log == NULL)
        return; /* the shutdown told it */
    submit(shelf, 9);
    assert_int_equal(shelf->error, ERROR_LOG_DIRECTORY_FAILED);
    assert_false(begin_epoch(shelf, 9));
    assert_false(cut(shelf, shelf->log->log_end_offset));
    assert_false(shut_down(shelf));
}

/* The next start, after a kill or a loss of power, and the one after the other
 * of the two find what was durable. */
static void assert_kept(struct shelf *shelf, bool power_first)
{
    for (unsigned i = 0; i < 2; i++) {
        node_crash(shelf->node->node, (i == 0) == power_first
                                          ? NODE_CRASH_POWER
                                          : NODE_CRASH_PROCESS);
        if (!open_directory(shelf))
            fail_msg("it does not start again: %s",
                     error_sentence(shelf->open_error));
        if (shelf->log == NULL) {
            assert_int_equal(shelf->durable, 0);
            continue;
        }
        assert_false(shelf->log->lossy);
        if (shelf->log->log_end_offset < shelf->durable)
            fail_msg("start %u: the log ends at %lld, and %lld was durable", i,
                     (long long)shelf->log->log_end_offset,
                     (long long)shelf->durable);
        if (shelf->log->damaged)
            continue; /* rot was not mended yet */
        assert_true(append(shelf, 10));
    }
}

struct story {
    void (*before)(struct shelf *shelf);
    bool (*then)(struct shelf *shelf);
};

/* False: it was over before its nth operation. */
static bool fails_at(const struct story *story, enum disk_strike_kind kind,
                     uint64_t nth, uint64_t seed)
{
    struct disk_strike plan = {.kind = kind, .call = strike};
    struct shelf shelf;
    bool struck;

    shelf_init(&shelf, seed);
    story->before(&shelf);
    plan.context = &shelf;
    plan.nth = node_disk_operations(shelf.node->node, kind) + nth;
    node_strike_disk(shelf.node->node, &plan);
    if (!story->then(&shelf)) {
        assert_true(shelf.struck);
        assert_fenced(&shelf);
    }
    struck = shelf.struck;
    plan.nth = UINT64_MAX;
    node_strike_disk(shelf.node->node, &plan);
    if (!node_is_up(shelf.node->node))
        node_start(shelf.node->node);
    assert_kept(&shelf, seed % 2 == 0);
    lab_release(&shelf.lab);
    return struck;
}

static void each_in_turn(const struct story *story)
{
    static const enum disk_strike_kind kinds[] = {
        DISK_STRIKE_ERROR, DISK_STRIKE_FULL, DISK_STRIKE_SHORT};

    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        bool struck = true;

        for (uint64_t nth = 1; struck; nth++) {
            struck = false;
            for (uint64_t seed = 1; seed <= SEEDS; seed++)
                struck |= fails_at(story, kinds[i], nth, seed);
            assert_true(nth < 1000);
        }
    }
}

static void a_first_start(void **state)
{
    (void)state;
    each_in_turn(&(struct story){fresh, begin_and_end});
}

static void a_start_after_a_clean_end(void **state)
{
    (void)state;
    each_in_turn(&(struct story){after_a_clean_end, begin_and_end});
}

static void a_start_after_a_power_cut(void **state)
{
    (void)state;
    each_in_turn(&(struct story){after_a_power_cut, begin_and_end});
}

static void a_start_after_a_failure(void **state)
{
    (void)state;
    each_in_turn(&(struct story){after_a_failure, begin_and_end});
}

static void a_start_that_finds_a_mend(void **state)
{
    (void)state;
    each_in_turn(&(struct story){while_it_mends, begin_and_end});
}

static void a_start_that_finds_a_removal(void **state)
{
    (void)state;
    each_in_turn(&(struct story){while_it_removes, begin_and_end});
}

static void a_start_that_finds_a_log_half_made(void **state)
{
    (void)state;
    each_in_turn(&(struct story){while_it_makes, begin_and_end});
}

static void all_that_a_log_does(void **state)
{
    (void)state;
    each_in_turn(&(struct story){after_a_clean_end, all_there_is});
}

static void a_mend_of_a_segment(void **state)
{
    (void)state;
    each_in_turn(&(struct story){after_a_clean_end, a_mend});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_first_start),
        cmocka_unit_test(a_start_after_a_clean_end),
        cmocka_unit_test(a_start_after_a_power_cut),
        cmocka_unit_test(a_start_after_a_failure),
        cmocka_unit_test(a_start_that_finds_a_mend),
        cmocka_unit_test(a_start_that_finds_a_removal),
        cmocka_unit_test(a_start_that_finds_a_log_half_made),
        cmocka_unit_test(all_that_a_log_does),
        cmocka_unit_test(a_mend_of_a_segment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
