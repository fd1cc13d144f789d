/* SPDX-License-Identifier: Apache-2.0
 *
 * What one log takes and gives, and what the machine does for a plain loop:
 *
 *     log_bench append DIR BYTES BATCH    through the log, synced, many
 *                                         batches in flight
 *     log_bench read DIR BATCH PASSES     the log made by append, in order,
 *                                         so often; tells of the last
 *     log_bench write FILE BYTES CHUNK    pwrite() and fdatasync(), in turn
 *     log_bench lay HOW FILE BYTES CHUNK  the same as write, in a file that is
 *                                         "grown", "kept" (space reserved
 *                                         past its end), "sized" (reserved
 *                                         and of its full size) or "recycled"
 *                                         (written before)
 *     log_bench pread FILE CHUNK          a file, in order
 *
 * Each prints "BYTES_A_SECOND SYNCS BYTES" and leaves its files. ci/bench-log
 * compares them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "log/log.h"
#include "real/loop.h"
#include "rules/batch.h"
#include "seam/disk.h"
#include "seam/dispatch.h"

#define IN_FLIGHT_BYTES (4u << 20) /* appended and not yet durable */
#define READS           4          /* under way at once */
#define READ_BYTES      (1u << 20)

struct batch {
    struct log_append append;
    struct bench *bench;
    uint8_t *bytes;
    bool free;
};

struct read {
    struct disk_request request;
    struct bench *bench;
    uint8_t *buffer;
    bool free;
};

struct bench {
    struct loop *loop;
    struct seam *seam;
    struct log_directory *directory;
    struct log_directory_owner owner;
    struct log_owner log_owner;
    struct log *log;
    enum error error;
    bool answered;
    uint64_t syncs;
    int64_t durable; /* as last seen */
    struct batch *batches;
    size_t batch_count, batch_bytes;
    int64_t records_max;
    struct read reads[READS];
    int64_t next_offset; /* to read */
    uint64_t position, read_bytes;
};

static const struct partition_key key = {{{1, 2, 3}}, 0};
static const struct log_settings settings = {.segment_bytes = 1u << 30,
                                             .segment_ms = INT64_MAX / 2,
                                             .retention_ms = -1,
                                             .retention_bytes = -1,
                                             .flush_ms = 0,
                                             .batch_bytes_max = 1u << 20};

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void print(uint64_t bytes, double seconds, uint64_t syncs)
{
    printf("%.0f %llu %llu\n", (double)bytes / seconds,
           (unsigned long long)syncs, (unsigned long long)bytes);
}

static int die(const char *what)
{
    fprintf(stderr, "log_bench: %s: %s\n", what, strerror(errno));
    exit(3);
}

/* ---- the log ---- */

static void on_event(void *node, const struct event *event)
{
    struct bench *bench = node;

    event_dispatch(event);
    if (bench->answered)
        loop_stop(bench->loop);
}

/* Until answer(). */
static void run(struct bench *bench, const char *what)
{
    loop_run(bench->loop, on_event, bench);
    bench->answered = false;
    if (bench->error != ERROR_NONE) {
        fprintf(stderr, "log_bench: %s: %s\n", what,
                error_sentence(bench->error));
        exit(3);
    }
}

static void answer(void *context, enum error error)
{
    struct bench *bench = context;

    bench->error = error;
    bench->answered = true;
}

static void on_directory(struct log_directory_owner *owner, enum error error,
                         const char *detail)
{
    if (error != ERROR_NONE)
        fprintf(stderr, "log_bench: %s\n", detail);
    answer(container_of(owner, struct bench, owner), error);
}

static void on_created(void *context, enum error error, struct log *log)
{
    struct bench *bench = context;

    bench->log = log;
    answer(context, error);
}

static void open_directory(struct bench *bench, const char *path)
{
    struct loop_options loop_options = {
        .heap_bytes_max = 1u << 30, .log_level = TRACE_WARN, .name = "bench"};
    struct log_directory_options options = {.path = path,
                                            .cluster_id = {{42}},
                                            .broker_id = 1,
                                            .checkpoint_interval_ms = 5000,
                                            .index_interval_bytes = 4096,
                                            .recoveries_max = 16,
                                            .open_files_max = 2048,
                                            .default_settings = settings};

    bench->loop = loop_new(&loop_options);
    if (bench->loop == NULL)
        die("no loop");
    bench->seam = loop_seam(bench->loop);
    bench->owner =
        (struct log_directory_owner){on_directory, on_directory, NULL};
    bench->directory = log_directory_new(bench->seam, &options, &bench->owner);
    log_directory_open(bench->directory);
    run(bench, path);
}

static void close_directory(struct bench *bench)
{
    log_directory_shutdown(bench->directory, answer, bench);
    run(bench, "shutdown");
    log_directory_free(bench->directory);
    loop_free(bench->loop);
}

/* ---- appending ---- */

static void append_done(struct log_append *append, enum error error)
{
    struct batch *batch = container_of(append, struct batch, append);

    if (error != ERROR_NONE)
        answer(batch->bench, error);
}

static void fill(struct bench *bench)
{
    for (size_t i = 0; i < bench->batch_count; i++) {
        struct batch *batch = &bench->batches[i];
        int64_t offset = bench->log->next_offset;
        enum error error;

        if (offset == bench->records_max)
            return;
        if (!batch->free && batch->append.end_offset > bench->durable)
            continue;
        batch->free = false;
        batch_stamp(batch->bytes, offset, 1, 1000, &key.topic_id,
                    key.partition);
        error = log_append(bench->log, &batch->append, batch->bytes,
                           bench->batch_bytes);
        ASSERT(error == ERROR_NONE);
    }
}

static void on_progress(struct log_owner *owner)
{
    struct bench *bench = container_of(owner, struct bench, log_owner);

    if (bench->log->durable_end_offset == bench->durable)
        return;
    bench->durable = bench->log->durable_end_offset;
    bench->syncs++;
    fill(bench);
    if (bench->durable == bench->records_max)
        answer(bench, ERROR_NONE);
}

static void make_batches(struct bench *bench, size_t bytes)
{
    struct batch_header header = {.length = (uint32_t)bytes,
                                  .magic = BATCH_MAGIC,
                                  .record_count = 1,
                                  .producer_id = -1,
                                  .base_sequence = -1};

    bench->batch_bytes = bytes;
    bench->batch_count = IN_FLIGHT_BYTES / bytes + 1;
    bench->batches = calloc(bench->batch_count, sizeof *bench->batches);
    if (bench->batches == NULL)
        die("memory");
    for (size_t i = 0; i < bench->batch_count; i++) {
        struct batch *batch = &bench->batches[i];

        batch->bench = bench;
        batch->free = true;
        batch->append.done = append_done;
        batch->bytes = malloc(bytes);
        if (batch->bytes == NULL)
            die("memory");
        memset(batch->bytes, (int)i, bytes);
        batch_encode(&header, batch->bytes);
        batch_seal(batch->bytes, header.length);
    }
}

static void append(const char *path, uint64_t bytes, size_t batch_bytes)
{
    static struct bench bench;
    double start;

    open_directory(&bench, path);
    log_create(bench.directory, &key, &settings, on_created, &bench);
    run(&bench, "create");
    make_batches(&bench, batch_bytes);
    bench.records_max = (int64_t)(bytes / batch_bytes);
    bench.log_owner.on_progress = on_progress;
    log_set_owner(bench.log, &bench.log_owner);
    start = now();
    fill(&bench);
    run(&bench, "append");
    print(bytes, now() - start, bench.syncs);
    log_set_owner(bench.log, NULL);
    close_directory(&bench);
}

/* ---- reading ---- */

static void read_on(struct bench *bench);

static void read_done(struct disk_request *request)
{
    struct read *read = container_of(request, struct read, request);

    if (request->error != ERROR_NONE)
        answer(read->bench, request->error);
    read->free = true;
    read->bench->read_bytes += request->size;
    read_on(read->bench);
}

/* AGAIN is followed by progress; a range may begin before what was asked. */
static void read_on(struct bench *bench)
{
    struct log *log = bench->log;
    unsigned idle = 0;

    for (size_t i = 0; i < READS; i++) {
        struct read *read = &bench->reads[i];
        struct log_range range;

        if (!read->free)
            continue;
        idle++;
        if (bench->next_offset == log->log_end_offset ||
            log_locate(log, bench->next_offset, log->log_end_offset, READ_BYTES,
                       &range) != ERROR_NONE)
            continue;
        ASSERT(range.length <= READ_BYTES);
        bench->next_offset =
            range.base_offset + (int64_t)(range.length / bench->batch_bytes);
        read->free = false;
        idle--;
        disk_read(bench->seam->disk, &read->request, range.file, read->buffer,
                  range.length, range.position);
    }
    if (idle == READS && bench->next_offset == log->log_end_offset)
        answer(bench, ERROR_NONE);
}

static void on_loaded(struct log_owner *owner)
{
    read_on(container_of(owner, struct bench, log_owner));
}

static void read_log(const char *path, size_t batch_bytes, uint64_t passes)
{
    static struct bench bench;
    double start = 0;

    open_directory(&bench, path);
    bench.batch_bytes = batch_bytes;
    bench.log = log_find(bench.directory, &key);
    if (bench.log == NULL) {
        fprintf(stderr, "log_bench: %s holds no log of append\n", path);
        exit(2);
    }
    for (size_t i = 0; i < READS; i++) {
        bench.reads[i].bench = &bench;
        bench.reads[i].free = true;
        bench.reads[i].request.done = read_done;
        bench.reads[i].buffer = malloc(READ_BYTES);
        if (bench.reads[i].buffer == NULL)
            die("memory");
    }
    bench.log_owner.on_progress = on_loaded;
    log_set_owner(bench.log, &bench.log_owner);
    for (uint64_t pass = 0; pass < passes; pass++) {
        bench.next_offset = 0;
        bench.read_bytes = 0;
        start = now();
        read_on(&bench);
        run(&bench, "read");
    }
    print(bench.read_bytes, now() - start, 0);
    log_set_owner(bench.log, NULL);
    close_directory(&bench);
}

/* ---- plain loops ---- */

static void write_chunks(int fd, const char *path, uint64_t bytes, size_t chunk)
{
    uint8_t *data = malloc(chunk);
    double start = now();
    uint64_t syncs = 0;

    if (data == NULL)
        die("memory");
    memset(data, 'x', chunk);
    for (uint64_t at = 0; at < bytes; at += chunk, syncs++)
        if (pwrite(fd, data, chunk, (off_t)at) != (ssize_t)chunk ||
            fdatasync(fd) != 0)
            die(path);
    print(syncs * chunk, now() - start, syncs);
    free(data);
}

/* As a segment of the log might be before the first append. */
static bool lay(int fd, const char *how, uint64_t bytes)
{
    static uint8_t old[1 << 20];

    if (strcmp(how, "grown") == 0)
        return true;
    if (strcmp(how, "kept") == 0)
        return fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)bytes) == 0;
    if (strcmp(how, "sized") == 0)
        return fallocate(fd, 0, 0, (off_t)bytes) == 0;
    if (strcmp(how, "recycled") != 0) {
        fprintf(stderr, "log_bench: '%s' is no way to lay a file\n", how);
        exit(2);
    }
    memset(old, 'o', sizeof old);
    for (uint64_t at = 0; at < bytes; at += sizeof old)
        if (pwrite(fd, old, sizeof old, (off_t)at) != (ssize_t)sizeof old)
            return false;
    return true;
}

static void plain_write(const char *how, const char *path, uint64_t bytes,
                        size_t chunk)
{
    int fd = open(path, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0644);

    if (fd < 0 || !lay(fd, how, bytes) || fsync(fd) != 0)
        die(path);
    write_chunks(fd, path, bytes, chunk);
    close(fd);
}

/* Into as many buffers in turn as read_log() uses: caches count. */
static void plain_read(const char *path, size_t chunk)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t *data = malloc(READS * chunk);
    double start = now();
    uint64_t at = 0;
    unsigned turn = 0;
    ssize_t got;

    if (fd < 0 || data == NULL)
        die(path);
    while ((got = pread(fd, data + turn++ % READS * chunk, chunk, (off_t)at)) >
           0)
        at += (uint64_t)got;
    if (got < 0)
        die(path);
    print(at, now() - start, 0);
    close(fd);
    free(data);
}

static uint64_t number(const char *text)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);

    if (*end != '\0' || value == 0) {
        fprintf(stderr, "log_bench: '%s' is not a number above 0\n", text);
        exit(2);
    }
    return value;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (strcmp(what, "append") == 0 && argc == 5)
        append(argv[2], number(argv[3]), number(argv[4]));
    else if (strcmp(what, "read") == 0 && argc == 5)
        read_log(argv[2], number(argv[3]), number(argv[4]));
    else if (strcmp(what, "write") == 0 && argc == 5)
        plain_write("grown", argv[2], number(argv[3]), number(argv[4]));
    else if (strcmp(what, "lay") == 0 && argc == 6)
        plain_write(argv[2], argv[3], number(argv[4]), number(argv[5]));
    else if (strcmp(what, "pread") == 0 && argc == 4)
        plain_read(argv[2], number(argv[3]));
    else
        return fputs("usage: log_bench append DIR BYTES BATCH |\n"
                     "       read DIR BATCH PASSES |\n"
                     "       write FILE BYTES CHUNK | lay HOW FILE BYTES CHUNK "
                     "|\n"
                     "       pread FILE CHUNK\n",
                     stderr),
               2;
    return 0;
}
