/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/log_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "log/internal.h"
#include "real/internal.h"
#include "seam/dispatch.h"
#include "seam/memory.h"

static const struct uuid topic_id = {{1, 2, 3, 4, 5, 6, 7, 8, 9}};

const struct log_settings world_settings = {.segment_bytes = 4096,
                                            .segment_ms = 1000000000,
                                            .retention_ms = -1,
                                            .retention_bytes = -1,
                                            .flush_ms = 0,
                                            .batch_bytes_max = 1u << 20};

#define WAIT_MS 60000 /* a machine may stand still for a while */

/* ---- the loop ---- */

struct waiting {
    struct world *world;
    bool (*test)(void *context);
    void *context;
    struct timer timer;
    bool timed_out;
};

static void on_event(void *node, const struct event *event)
{
    struct waiting *waiting = node;

    event_dispatch(event);
    if (waiting->timed_out || waiting->test(waiting->context))
        loop_stop(waiting->world->loop);
}

static void time_out(struct timer *timer)
{
    container_of(timer, struct waiting, timer)->timed_out = true;
}

static bool wait_for(struct world *world, bool (*test)(void *context),
                     void *context, unsigned ms)
{
    struct waiting waiting = {world, test, context, {.fire = time_out}, false};
    struct moment now;

    if (test(context))
        return true;
    loop_clock(world->loop, &now);
    timer_start(world->seam->timers, &waiting.timer,
                now.monotonic_us + ms * 1000);
    world->loop->stop = false;
    loop_run(world->loop, on_event, &waiting);
    timer_stop(world->seam->timers, &waiting.timer);
    return !waiting.timed_out;
}

void world_until_true(struct world *world, bool (*test)(void *context),
                      void *context)
{
    assert_true(wait_for(world, test, context, WAIT_MS));
}

static bool flag_is_set(void *context)
{
    return *(const bool *)context;
}

void world_until(struct world *world, const bool *flag)
{
    world_until_true(world, flag_is_set, (void *)(uintptr_t)flag);
}

static bool never(void *context)
{
    (void)context;
    return false;
}

void world_run(struct world *world, unsigned ms)
{
    wait_for(world, never, NULL, ms);
}

/* ---- life ---- */

static void opened(struct log_directory_owner *owner, enum error error,
                   const char *detail)
{
    struct world *world = container_of(owner, struct world, owner);

    world->opened = true;
    world->open_error = error;
    snprintf(world->detail, sizeof world->detail, "%s", detail);
}

static void failed(struct log_directory_owner *owner, enum error error,
                   const char *detail)
{
    struct world *world = container_of(owner, struct world, owner);

    (void)error;
    world->failed = true;
    world->failures++;
    snprintf(world->detail, sizeof world->detail, "%s", detail);
}

static void damaged(struct log_owner *owner)
{
    container_of(owner, struct world, log_owner)->damages++;
}

static void progressed(struct log_owner *owner)
{
    container_of(owner, struct world, log_owner)->progress++;
}

static void took_back(struct log_owner *owner)
{
    container_of(owner, struct world, log_owner)->taken_back++;
}

struct world *world_new(void)
{
    struct world *world = calloc(1, sizeof *world);
    struct loop_options options = {.heap_bytes_max = 256u << 20,
                                   .log_level = TRACE_ERROR + 1,
                                   .name = "test"};

    assert_non_null(world);
    snprintf(world->root, sizeof world->root, "/tmp/kq-log-XXXXXX");
    assert_non_null(mkdtemp(world->root));
    snprintf(world->path, sizeof world->path, "%s/data", world->root);
    world->facts = tmpfile();
    options.facts = world->facts;
    if (getenv("KQ_TEST_LOG") != NULL)
        options.log_level = TRACE_DEBUG;
    world->loop = loop_new(&options);
    assert_non_null(world->loop);
    world->seam = loop_seam(world->loop);
    world->options = (struct log_directory_options){
        .path = world->path,
        .cluster_id = {{42}},
        .broker_id = 1,
        .checkpoint_interval_ms = 20,
        .index_interval_bytes = 512,
        .recoveries_max = 4,
        .open_files_max = 2048,
        .reserve_bytes = 0,
        .default_settings = world_settings,
    };
    world->owner = (struct log_directory_owner){opened, failed, NULL};
    world->log_owner.on_progress = progressed;
    world->log_owner.on_taken_back = took_back;
    world->log_owner.on_damage = damaged;
    world->clock_ms = 1000;
    return world;
}

/* No request of it is in flight. */
static bool at_rest(void *context)
{
    struct log_directory *directory = context;
    struct log_body *body = NULL;

    while ((body = body_next(directory, body)) != NULL)
        if (!log_idle(body))
            return false;
    return RB_EMPTY(&directory->dying) && !directory->commit.running &&
           !directory->checkpoint.saver.running && !directory->scrub.busy &&
           space_idle(&directory->space);
}

static bool settled(void *context)
{
    struct log_directory *directory = context;

    return at_rest(directory) && !directory->checkpoint.stale;
}

void world_settle(struct world *world)
{
    do /* what else happens in the turn may start something anew */
        world_until_true(world, settled, world->directory);
    while (!settled(world->directory));
}

/* What is under way would be written to when it is done, freed or not. A
 * directory that has failed says nothing more, and so the disk is asked. */
static bool nothing_under_way(void *context)
{
    struct world *world = context;

    return (log_directory_failed(world->directory) ||
            at_rest(world->directory)) &&
           loop_at_rest(world->loop);
}

static bool rests(void *context)
{
    return loop_at_rest(((struct world *)context)->loop);
}

void world_rest(struct world *world)
{
    world_until_true(world, rests, world);
}

void world_drop(struct world *world)
{
    do /* what else happens in the turn may start something anew */
        world_until_true(world, nothing_under_way, world);
    while (!nothing_under_way(world));
    log_directory_free(world->directory);
    world->directory = NULL;
}

static void appends_free(struct world *world)
{
    for (unsigned i = 0; i < world->append_count; i++) {
        free(world->appends[i]->bytes);
        free(world->appends[i]);
    }
    world->append_count = 0;
    world->done_count = 0;
}

void world_free(struct world *world)
{
    char command[128];

    if (world->directory != NULL)
        world_drop(world);
    appends_free(world);
    assert_int_equal(heap_used(world->seam->heap), 0);
    loop_free(world->loop);
    fclose(world->facts);
    snprintf(command, sizeof command, "rm -rf %s", world->root);
    assert_int_equal(system(command), 0);
    free(world);
}

int world_setup(void **state)
{
    *state = world_new();
    return 0;
}

int world_setup_without_checkpoints(void **state)
{
    struct world *world = world_new();

    world->options.checkpoint_interval_ms = 3600000;
    *state = world;
    return 0;
}

int world_teardown(void **state)
{
    world_free(*state);
    return 0;
}

enum error world_open(struct world *world)
{
    world->opened = false;
    world->failed = false;
    world->failures = 0;
    world->directory =
        log_directory_new(world->seam, &world->options, &world->owner);
    log_directory_open(world->directory);
    assert_false(world->opened);
    world_until(world, &world->opened);
    return world->open_error;
}

void world_answered(void *context, enum error error)
{
    struct world *world = context;

    world->answered = true;
    world->answer = error;
}

void world_shutdown(struct world *world)
{
    world->answered = false;
    log_directory_shutdown(world->directory, world_answered, world);
    assert_false(world->answered);
    world_until(world, &world->answered);
    assert_int_equal(world->answer, ERROR_NONE);
    assert_true(loop_at_rest(world->loop));
    log_directory_free(world->directory);
    world->directory = NULL;
}

/* What was submitted goes on while the loop stands still: a copy counts when
 * nothing changed under it. */
static const char copy_command[] =
    "look() { find %s -printf '%%p %%i %%s %%T@\\n' 2>&1; }; "
    "for attempt in $(seq 100); do "
    "rm -rf %s; before=$(look); "
    "cp -r %s %s 2>/dev/null && [ \"$before\" = \"$(look)\" ] && exit 0; "
    "done; exit 1";

void world_crash_closed(struct world *world)
{
    static unsigned copies;
    char command[2000];
    char copy[sizeof world->path];

    snprintf(copy, sizeof copy, "%s/copy%u", world->root, copies++);
    snprintf(command, sizeof command, copy_command, world->path, copy,
             world->path, copy);
    assert_int_equal(system(command), 0);
    world_drop(world);
    memcpy(world->path, copy, sizeof copy);
}

enum error world_crash(struct world *world)
{
    world_crash_closed(world);
    return world_open(world);
}

/* ---- logs ---- */

static void created(void *context, enum error error, struct log *log)
{
    struct world *world = context;

    world->answered = true;
    world->answer = error;
    world->made = log;
}

struct log *world_create(struct world *world, uint32_t partition,
                         const struct log_settings *settings)
{
    struct partition_key key = {topic_id, partition};

    world->answered = false;
    log_create(world->directory, &key, settings, created, world);
    assert_false(world->answered);
    world_until(world, &world->answered);
    assert_int_equal(world->answer, ERROR_NONE);
    assert_ptr_equal(world->made, log_find(world->directory, &key));
    log_set_owner(world->made, &world->log_owner);
    return world->made;
}

struct log *world_log(struct world *world, uint32_t partition)
{
    struct partition_key key = {topic_id, partition};
    struct log *log = log_find(world->directory, &key);

    if (log != NULL)
        log_set_owner(log, &world->log_owner);
    return log;
}

static uint8_t *make_batch(struct world *world, const struct log *log,
                           const struct world_batch *batch, size_t *size)
{
    size_t body = batch->body_bytes ? batch->body_bytes : 100;
    uint32_t records = batch->records ? batch->records : 1;
    struct batch_header header = {
        .length = (uint32_t)(BATCH_HEADER_BYTES + body),
        .magic = BATCH_MAGIC,
        .last_offset_delta = records - 1,
        .record_count = records,
        .base_timestamp_ms = batch->timestamp_ms,
        .max_timestamp_ms = batch->timestamp_ms,
        .producer_id = batch->producer_id ? batch->producer_id : -1,
        .producer_epoch = batch->producer_epoch,
        .base_sequence = batch->producer_id ? batch->sequence : -1,
    };
    uint8_t *bytes = malloc(header.length);

    assert_non_null(bytes);
    memset(bytes, batch->fill, header.length);
    batch_encode(&header, bytes);
    batch_seal(bytes, header.length);
    batch_stamp(bytes, log->next_offset, batch->epoch, world->clock_ms++,
                &log->key.topic_id, log->key.partition);
    *size = header.length;
    return bytes;
}

static void append_done(struct log_append *append, enum error error)
{
    struct world_append *it = container_of(append, struct world_append, append);

    assert_false(it->done);
    it->done = true;
    it->error = error;
    it->order = it->world->done_count++;
}

struct world_append *world_submit(struct world *world, struct log *log,
                                  const struct world_batch *batch)
{
    struct world_append *it = calloc(1, sizeof *it);
    size_t size;

    assert_non_null(it);
    assert_true(world->append_count < WORLD_APPENDS_MAX);
    it->world = world;
    it->append.done = append_done;
    it->bytes = make_batch(world, log, batch, &size);
    world->appends[world->append_count++] = it;
    assert_int_equal(log_append(log, &it->append, it->bytes, size), ERROR_NONE);
    assert_false(it->done);
    return it;
}

static bool all_durable(void *context)
{
    const struct log *log = context;

    return log->durable_end_offset == log->next_offset;
}

static bool all_written(void *context)
{
    const struct log *log = context;

    return log->log_end_offset == log->next_offset;
}

static void settle(struct world *world, struct log *log)
{
    world_until_true(
        world, log->settings.flush_ms == 0 ? all_durable : all_written, log);
}

void world_append(struct world *world, struct log *log,
                  const struct world_batch *batch)
{
    world_submit(world, log, batch);
    settle(world, log);
}

void world_fill(struct world *world, struct log *log, unsigned count,
                const struct world_batch *batch)
{
    for (unsigned i = 0; i < count; i++)
        world_submit(world, log, batch);
    settle(world, log);
}

struct log *world_filled(struct world *world, unsigned count)
{
    struct log *log;

    assert_int_equal(world_open(world), ERROR_NONE);
    log = world_create(world, 0, &world_settings);
    while (count > 0) {
        unsigned some = count < 10 ? count : 10;

        world_fill(world, log, some, &(struct world_batch){.epoch = 1});
        count -= some;
    }
    return log;
}

void world_truncate(struct world *world, struct log *log, int64_t end_offset)
{
    world->answered = false;
    log_truncate(log, end_offset, world_answered, world);
    assert_false(world->answered);
    assert_true(log->truncating);
    world_until(world, &world->answered);
    assert_int_equal(world->answer, ERROR_NONE);
    assert_false(log->truncating);
}

void world_restart(struct world *world, struct log *log, int64_t offset)
{
    world->answered = false;
    log_restart_at(log, offset, world_answered, world);
    world_until(world, &world->answered);
    assert_int_equal(world->answer, ERROR_NONE);
}

void world_begin_epoch(struct world *world, struct log *log, uint32_t epoch)
{
    world->answered = false;
    log_begin_epoch(log, epoch, world_answered, world);
    assert_false(world->answered);
    world_until(world, &world->answered);
    assert_int_equal(world->answer, ERROR_NONE);
}

/* ---- reading ---- */

struct progress_wait {
    struct world *world;
    unsigned before;
};

static bool has_progressed(void *context)
{
    const struct progress_wait *wait = context;

    return wait->world->progress != wait->before;
}

enum error world_locate(struct world *world, struct log *log, int64_t offset,
                        int64_t limit, uint32_t bytes_max,
                        struct log_range *range)
{
    for (unsigned tries = 0; tries < 10; tries++) {
        struct progress_wait wait = {world, world->progress};
        enum error error = log_locate(log, offset, limit, bytes_max, range);

        if (error != ERROR_AGAIN)
            return error;
        world_until_true(world, has_progressed, &wait);
    }
    return ERROR_AGAIN;
}

struct read_wait {
    struct disk_request request;
    bool done;
};

static void read_done(struct disk_request *request)
{
    container_of(request, struct read_wait, request)->done = true;
}

/* Goes through one range; returns the offset it comes to. */
static int64_t check_range(const struct log *log, const struct log_range *range,
                           const uint8_t *bytes, int64_t from, unsigned *count)
{
    int64_t next = range->base_offset;
    size_t at = 0;

    while (at < range->length) {
        struct batch_header header;
        enum error error =
            batch_check(bytes + at, range->length - at, 64u << 20,
                        &log->key.topic_id, log->key.partition, &header);

        if (error == ERROR_AGAIN)
            break; /* the last one is cut short */
        assert_int_equal(error, ERROR_NONE);
        assert_int_equal(header.base_offset, next);
        next = batch_next_offset(&header);
        assert_true(next <= range->end_offset_max);
        *count += next > from;
        at += header.length;
    }
    return next;
}

unsigned world_read(struct world *world, struct log *log, int64_t from,
                    int64_t to)
{
    unsigned count = 0;

    while (from < to) {
        struct log_range range;
        struct read_wait wait = {.request.done = read_done};
        uint8_t *bytes;
        int64_t next;

        assert_int_equal(world_locate(world, log, from, to, 1000, &range),
                         ERROR_NONE);
        assert_true(range.length > 0);
        assert_true(range.base_offset <= from);
        assert_true(range.end_offset_max <= to);
        bytes = malloc(range.length);
        disk_read(world->seam->disk, &wait.request, range.file, bytes,
                  range.length, range.position);
        world_until(world, &wait.done);
        assert_int_equal(wait.request.error, ERROR_NONE);
        assert_int_equal(wait.request.size, range.length);
        next = check_range(log, &range, bytes, from, &count);
        free(bytes);
        assert_true(next > from);
        from = next;
    }
    assert_int_equal(from, to);
    return count;
}

unsigned world_facts(struct world *world, const char *name)
{
    char line[512], wanted[64];
    unsigned count = 0;

    snprintf(wanted, sizeof wanted, "\"fact\":\"%s\"", name);
    fflush(world->facts);
    rewind(world->facts);
    while (fgets(line, sizeof line, world->facts) != NULL)
        count += strstr(line, wanted) != NULL;
    fseek(world->facts, 0, SEEK_END);
    return count;
}

/* ---- damage ---- */

const char *world_file(struct world *world, uint32_t partition,
                       const char *name)
{
    static char path[256];
    char id[UUID_TEXT_SIZE];

    uuid_format(&topic_id, id);
    snprintf(path, sizeof path, "%s/%s-%u%s%s", world->path, id, partition,
             name[0] ? "/" : "", name);
    return path;
}

bool world_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

long world_size(const char *path)
{
    struct stat stats;

    return stat(path, &stats) == 0 ? (long)stats.st_size : -1;
}

void world_flip(const char *path, long at)
{
    FILE *file = fopen(path, "r+b");
    int byte;

    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    byte = fgetc(file);
    assert_true(byte != EOF);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    fputc(byte ^ 0x10, file);
    fclose(file);
}

void world_cut(const char *path, long size)
{
    assert_int_equal(truncate(path, size), 0);
}
