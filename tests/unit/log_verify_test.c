/* SPDX-License-Identifier: Apache-2.0
 *
 * kq log verify and dump on directories that the log code made: what a broker
 * leaves, also by a crash, is sound; one damage of any kind is found where it
 * is; and no bytes whatever break the tools.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail /* kq has a function of this name */

#include "base/crc32c.h"
#include "client/cli/cli.h"
#include "client/cli/log_dump.h"
#include "client/cli/log_records.h"
#include "client/cli/log_verify.h"
#include "log/small_file.h"
#include "tests/lib/log_world.h"

#define FILES_MAX    64
#define BATCH        180 /* bytes of a batch with a body of 100 */
#define DAMAGES      2000
#define RECORD_TRIES 20000

/* The tools' only need of the rest of kq. */
int fail(int exit_code, const char *format, ...)
{
    (void)format;
    return exit_code;
}

#define BROKEN(...)                                                            \
    (print_error(__VA_ARGS__), print_error("\n"), _fail(__FILE__, __LINE__))

/* A directory as it was left, and every file of it in memory. */
struct kept {
    struct world *world;
    char names[FILES_MAX][128]; /* relative to the directory */
    uint8_t *data[FILES_MAX];
    size_t sizes[FILES_MAX];
    size_t count;
    char *said; /* by the last verification */
};

/* ---- running the tools ---- */

static int verify(struct kept *kept)
{
    size_t size;
    FILE *out;
    int code;

    free(kept->said);
    out = open_memstream(&kept->said, &size);
    assert_non_null(out);
    code = log_verify_run(kept->world->path, out);
    fclose(out);
    return code;
}

static void dump(struct kept *kept, bool json)
{
    struct log_dump_options how = {json, true};
    FILE *out = fopen("/dev/null", "w");

    assert_non_null(out);
    assert_in_range(log_dump_run(kept->world->path, &how, out), 0, 3);
    fclose(out);
}

static void assert_sound(struct kept *kept)
{
    if (verify(kept) != EXIT_DONE)
        BROKEN("%s", kept->said);
}

/* The byte that the first problem is said to be at. */
static size_t first_byte(const struct kept *kept)
{
    const char *first = strstr(kept->said, "the first is at ");

    assert_non_null(first);
    return strtoull(strrchr(first, ':') + 1, NULL, 10);
}

/* Damaged, and the first problem is in this file. */
static void assert_damaged_at(struct kept *kept, const char *name,
                              const char *what)
{
    char first[512];

    snprintf(first, sizeof first, "first is at %s/%s:", kept->world->path,
             name);
    if (verify(kept) != EXIT_CHECK || strstr(kept->said, first) == NULL)
        BROKEN("%s of %s: %s", what, name, kept->said);
}

/* ---- files ---- */

static const char *full(const struct kept *kept, const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/%s", kept->world->path, name);
    return path;
}

static void write_file(struct kept *kept, const char *name, const void *data,
                       size_t size)
{
    FILE *file = fopen(full(kept, name), "r+b");

    if (file == NULL)
        file = fopen(full(kept, name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fflush(file), 0);
    assert_int_equal(ftruncate(fileno(file), (off_t)size), 0);
    assert_int_equal(fclose(file), 0);
}

static void restore(struct kept *kept, size_t at)
{
    write_file(kept, kept->names[at], kept->data[at], kept->sizes[at]);
}

static void keep_file(struct kept *kept, const char *name)
{
    FILE *file = fopen(full(kept, name), "rb");
    size_t size = (size_t)world_size(full(kept, name));
    size_t at = kept->count++;

    assert_true(at < FILES_MAX);
    assert_non_null(file);
    snprintf(kept->names[at], sizeof kept->names[at], "%s", name);
    kept->data[at] = malloc(size + 1);
    kept->sizes[at] = size;
    assert_int_equal(fread(kept->data[at], 1, size, file), size);
    fclose(file);
}

static void keep(struct kept *kept)
{
    struct log_names names, inner;
    char name[512];

    assert_true(log_names_read(kept->world->path, &names));
    for (size_t i = 0; i < names.count; i++) {
        if (strcmp(names.names[i], "lock") == 0)
            continue;
        if (!log_names_read(full(kept, names.names[i]), &inner)) {
            keep_file(kept, names.names[i]);
            continue;
        }
        for (size_t j = 0; j < inner.count; j++) {
            snprintf(name, sizeof name, "%s/%s", names.names[i],
                     inner.names[j]);
            keep_file(kept, name);
        }
        log_names_release(&inner);
    }
    log_names_release(&names);
}

static bool ends(const char *name, const char *end)
{
    size_t length = strlen(name), size = strlen(end);

    return length >= size && strcmp(name + length - size, end) == 0;
}

/* The nth kept file whose name ends so. */
static size_t find(const struct kept *kept, const char *end, unsigned nth)
{
    for (size_t i = 0; i < kept->count; i++)
        if (ends(kept->names[i], end) && nth-- == 0)
            return i;
    BROKEN("there is no %s", end);
    return 0;
}

/* Writes a small file with other bytes and the checksums that fit them. */
static void forge(struct kept *kept, size_t at, size_t payload_at,
                  const void *bytes, size_t size)
{
    size_t whole = kept->sizes[at];
    uint8_t *data = malloc(whole);
    uint8_t *payload = data + SMALL_FILE_HEADER_BYTES;
    uint32_t crc;

    memcpy(data, kept->data[at], whole);
    assert_true(SMALL_FILE_HEADER_BYTES + payload_at + size <= whole);
    memcpy(payload + payload_at, bytes, size);
    if (ends(kept->names[at], ".index"))
        store_u32(payload + 52, crc32c(0, payload, 52));
    crc = crc32c(0, data, 16);
    crc = crc32c(crc, payload, whole - SMALL_FILE_HEADER_BYTES);
    store_u32(data + 16, crc);
    write_file(kept, kept->names[at], data, whole);
    free(data);
}

static void forge_u64(struct kept *kept, size_t at, size_t payload_at,
                      uint64_t value)
{
    forge(kept, at, payload_at, &value, sizeof value);
}

/* ---- the directory ---- */

static int32_t sequence_of(unsigned i)
{
    return (int32_t)(i / 2 * 2);
}

/* Two logs: several segments, epochs and producers; the second one was cut. */
static void fill(struct world *world)
{
    struct log *log = world_create(world, 0, &world_settings);
    struct log *other = world_create(world, 1, &world_settings);

    for (unsigned i = 0; i < 60; i++)
        world_append(world, log,
                     &(struct world_batch){.epoch = 1 + i / 20,
                                           .records = 2,
                                           .timestamp_ms = 1000 + i % 7,
                                           .producer_id = 7 + i % 2,
                                           .sequence = sequence_of(i)});
    log_set_high_watermark(log, 100);
    world_fill(world, other, 60, &(struct world_batch){.epoch = 4});
    world_truncate(world, other, 31);
    world_fill(world, other, 30, &(struct world_batch){.epoch = 6});
}

static int setup_open(void **state)
{
    struct kept *kept = calloc(1, sizeof *kept);

    kept->world = world_new();
    assert_int_equal(world_open(kept->world), ERROR_NONE);
    *state = kept;
    return 0;
}

static int setup(void **state)
{
    struct kept *kept;

    setup_open(state);
    kept = *state;
    fill(kept->world);
    world_shutdown(kept->world);
    keep(kept);
    return 0;
}

static int teardown(void **state)
{
    struct kept *kept = *state;

    for (size_t i = 0; i < kept->count; i++)
        free(kept->data[i]);
    free(kept->said);
    world_free(kept->world);
    free(kept);
    return 0;
}

/* ---- sound ---- */

static void what_a_broker_leaves_is_sound(void **state)
{
    struct kept *kept = *state;

    assert_sound(kept);
    assert_non_null(strstr(kept->said, "2 logs"));
    assert_non_null(strstr(kept->said, "121 batches"));
    assert_non_null(strstr(kept->said, "181 records"));
    assert_non_null(strstr(kept->said, "sound; 0 notes"));
    dump(kept, false);
    dump(kept, true);
    for (size_t i = 0; i < kept->count; i++)
        assert_int_equal(world_size(full(kept, kept->names[i])),
                         kept->sizes[i]);
}

static void what_a_crash_leaves_is_sound(void **state)
{
    struct kept *kept = *state;
    struct world *world = kept->world;
    struct log *log = world_create(world, 0, &world_settings);

    for (unsigned i = 0; i < 12; i++) {
        for (unsigned j = 0; j < 10; j++)
            world_append(world, log,
                         &(struct world_batch){.epoch = 1 + i / 4,
                                               .producer_id = 3,
                                               .sequence = (int32_t)j,
                                               .producer_epoch = i});
        if (i == 3)
            world_truncate(world, log, 25);
        if (i == 6) {
            log_set_high_watermark(log, 60);
            log_advance_start(log, 50);
        }
        if (i == 9)
            world_restart(world, log, 1000);
        world_submit(world, log, &(struct world_batch){.epoch = 1 + i / 4});
        world_crash_closed(world);
        assert_sound(kept);
        assert_int_equal(world_open(world), ERROR_NONE);
        log = world_log(world, 0);
        world_append(world, log, &(struct world_batch){.epoch = 1 + i / 4});
        if (i % 3 == 2) {
            world_shutdown(world);
            assert_sound(kept);
            assert_int_equal(world_open(world), ERROR_NONE);
            log = world_log(world, 0);
        }
    }
    world_shutdown(world);
    assert_sound(kept);
}

static void without_a_clean_shutdown_a_torn_tail_is_a_note(void **state)
{
    struct kept *kept = *state;
    struct world *world = kept->world;
    struct log *log = world_create(world, 0, &world_settings);
    const char *name = "00000000000000000000.log";

    world_fill(world, log, 10, &(struct world_batch){.epoch = 1});
    world_crash_closed(world); /* the recovery point is 0 */
    world_cut(world_file(world, 0, name), 10 * BATCH - 50);
    assert_sound(kept);
    assert_non_null(strstr(kept->said, "cuts the log here, at offset 9"));
    world_flip(world_file(world, 0, name), 3 * BATCH + 100);
    assert_sound(kept);
    assert_non_null(strstr(kept->said, "cuts the log here, at offset 3"));
}

/* ---- one damage ---- */

static void a_flipped_bit_is_found_in_its_file(void **state)
{
    struct kept *kept = *state;

    for (size_t i = 0; i < kept->count; i++) {
        size_t step = ends(kept->names[i], ".log") ? 13 : 1;

        for (size_t at = 0; at < kept->sizes[i];
             at += at < 2 * BATCH ? 1 : step) {
            world_flip(full(kept, kept->names[i]), (long)at);
            assert_damaged_at(kept, kept->names[i], "a flip");
            /* of a batch its first byte; a small file has one checksum */
            if (ends(kept->names[i], ".log"))
                assert_int_equal(first_byte(kept), at / BATCH * BATCH);
            else
                assert_true(first_byte(kept) <= at);
            restore(kept, i);
        }
    }
    assert_sound(kept);
}

static void damage_of_a_batch_is_named_by_its_byte(void **state)
{
    struct kept *kept = *state;
    size_t at = find(kept, ".log", 0);
    char name[200];

    for (unsigned batch = 0; batch < 5; batch++) {
        world_flip(full(kept, kept->names[at]), (long)(batch * BATCH + 90));
        snprintf(name, sizeof name, "%s:%u:", kept->names[at], batch * BATCH);
        assert_int_equal(verify(kept), EXIT_CHECK);
        assert_non_null(strstr(kept->said, name));
        assert_non_null(strstr(kept->said, "damaged: 1 problem,"));
        restore(kept, at);
    }
}

static void a_cut_file_is_damage(void **state)
{
    struct kept *kept = *state;

    for (size_t i = 0; i < kept->count; i++) {
        size_t size = kept->sizes[i];
        size_t sizes[] = {0, 1, size / 2, size - 1,
                          size > BATCH ? size - BATCH : 3};

        for (size_t j = 0; j < sizeof sizes / sizeof sizes[0]; j++) {
            if (sizes[j] >= size)
                continue;
            world_cut(full(kept, kept->names[i]), (long)sizes[j]);
            if (verify(kept) != EXIT_CHECK)
                BROKEN("%s cut to %zu: %s", kept->names[i], sizes[j],
                       kept->said);
            restore(kept, i);
        }
    }
}

/* A start finds out by itself what snapshots and the token tell. */
static bool can_be_missed(const char *name)
{
    return strcmp(name, "clean") == 0 || strcmp(name, "lives") == 0 ||
           ends(name, ".producers");
}

static void a_missing_file_is_damage_unless_a_start_can_miss_it(void **state)
{
    struct kept *kept = *state;
    unsigned noted = 0;

    for (size_t i = 0; i < kept->count; i++) {
        int code = can_be_missed(kept->names[i]) ? EXIT_DONE : EXIT_CHECK;

        assert_int_equal(unlink(full(kept, kept->names[i])), 0);
        if (verify(kept) != code)
            BROKEN("without %s: %s", kept->names[i], kept->said);
        noted += strstr(kept->said, "at the end of the log is missing") != NULL;
        restore(kept, i);
    }
    assert_int_equal(noted, 1); /* older ones are for older recovery points */
}

static void swap(struct kept *kept, size_t a, size_t b)
{
    write_file(kept, kept->names[a], kept->data[b], kept->sizes[b]);
    write_file(kept, kept->names[b], kept->data[a], kept->sizes[a]);
    if (verify(kept) != EXIT_CHECK)
        BROKEN("%s for %s: %s", kept->names[a], kept->names[b], kept->said);
    restore(kept, a);
    restore(kept, b);
}

static void swapped_files_are_damage(void **state)
{
    struct kept *kept = *state;
    size_t swapped = 0;

    for (size_t i = 0; i < kept->count; i++)
        for (size_t j = i + 1; j < kept->count; j++) {
            if (kept->sizes[i] == kept->sizes[j] &&
                memcmp(kept->data[i], kept->data[j], kept->sizes[i]) == 0)
                continue;
            swap(kept, i, j);
            swapped++;
        }
    assert_true(swapped > 20);
    assert_sound(kept);
}

static void a_lie_with_a_good_checksum_is_found(void **state)
{
    struct kept *kept = *state;
    size_t checkpoint = find(kept, "checkpoint", 0);
    static const struct {
        const char *end;
        size_t at;
        uint64_t value;
    } lies[] = {
        {".index", 8, 43},       /* end offset */
        {".index", 16, 180},     /* size */
        {".index", 24, 1},       /* first append time */
        {".index", 40, 0},       /* highest timestamp */
        {".index", 56 + 8, 180}, /* position of the first entry */
        {".index", 56 + 16, 0},  /* and its timestamp */
        {"epochs", 8, 2},        /* the first epoch begins later */
        {"epochs", 24, 42},      /* the second one too */
        {"epochs", 40, 100},
        {"120.producers", 0, 121},           /* of another offset */
        {"120.producers", 16, 1},            /* at another byte */
        {"120.producers", 32 + 20, 5},       /* sequences of a batch */
        {"120.producers", 32 + 20 + 8, 109}, /* its offset */
    };

    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        size_t file = find(kept, lies[i].end, 0);

        forge_u64(kept, file, lies[i].at, lies[i].value);
        if (strcmp(lies[i].end, "epochs") != 0)
            assert_damaged_at(kept, kept->names[file], "a lie");
        else if (verify(kept) != EXIT_CHECK) /* told of the batch */
            BROKEN("lie %zu: %s", i, kept->said);
        restore(kept, file);
    }
    for (size_t at = 24 + 32; at < 24 + 96; at += 8) {
        if (at == 24 + 64 || at == 24 + 88)
            continue; /* last append time; a log may start anywhere */
        forge_u64(kept, checkpoint, at, at == 24 + 72 ? 0 : 10001);
        assert_damaged_at(kept, "checkpoint", "a lie");
        restore(kept, checkpoint);
    }
    forge_u64(kept, checkpoint, 24 + 88, 10001);
    assert_damaged_at(kept, "checkpoint", "a late start");
    restore(kept, checkpoint);
    assert_sound(kept);
}

static void an_older_epoch_after_a_newer_one_is_damage(void **state)
{
    struct kept *kept = *state;
    size_t at = find(kept, ".log", 0);
    uint8_t *data = malloc(kept->sizes[at]);
    struct partition_key key;
    char name[128];

    memcpy(name, kept->names[at], sizeof name);
    *strchr(name, '/') = '\0';
    assert_true(parse_log_name(name, &key));
    memcpy(data, kept->data[at], kept->sizes[at]);
    batch_stamp(data + BATCH, 2, 0, 5, &key.topic_id, key.partition);
    write_file(kept, kept->names[at], data, kept->sizes[at]);
    assert_damaged_at(kept, kept->names[at], "an epoch");
    assert_non_null(strstr(kept->said, "has leader epoch 0, the one before "
                                       "it 1"));
    batch_stamp(data + BATCH, 3, 1, 5, &key.topic_id, key.partition);
    write_file(kept, kept->names[at], data, kept->sizes[at]);
    assert_damaged_at(kept, kept->names[at], "a gap");
    assert_non_null(strstr(kept->said, "begins at offset 3, not at 2"));
    free(data);
    restore(kept, at);
}

/* As a crash leaves it at each point of log_restart(). */
static void a_log_that_was_to_start_over_is_a_note(void **state)
{
    struct kept *kept = *state;
    size_t checkpoint = find(kept, "checkpoint", 0);
    size_t clean = find(kept, "clean", 0);
    uint8_t entry[96];
    char name[256];

    memcpy(entry, kept->data[checkpoint] + SMALL_FILE_HEADER_BYTES + 24, 96);
    store_u64(entry + 32, 1000);
    store_u64(entry + 40, 1000);
    store_u64(entry + 48, 0);
    store_u64(entry + 80, 1000);
    store_u64(entry + 88, 1000);
    forge(kept, checkpoint, 24, entry, sizeof entry);
    assert_int_equal(verify(kept), EXIT_CHECK);
    assert_int_equal(unlink(full(kept, kept->names[clean])), 0);
    assert_sound(kept);
    assert_non_null(strstr(kept->said, "was to start over at offset 1000"));
    snprintf(name, sizeof name, "%.34s/00000000000000001000.log",
             kept->names[find(kept, ".log", 0)]);
    write_file(kept, name, "", 0);
    assert_sound(kept);
    assert_non_null(strstr(kept->said, "all of it is below the log start"));
    assert_int_equal(unlink(full(kept, name)), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(unlink(full(kept, kept->names[find(kept, ".log", i)])),
                         0);
    assert_sound(kept);
    assert_non_null(strstr(kept->said, "the log has no segment"));
}

/* Deleted, and no checkpoint was written since. */
static void a_deletion_cut_short_is_a_note(void **state)
{
    struct kept *kept = *state;
    struct world *world = kept->world;
    struct log *log = world_create(world, 0, &world_settings);
    char name[64], command[600];

    world_fill(world, log, 10, &(struct world_batch){.epoch = 1});
    world_create(world, 1, &world_settings);
    world_shutdown(world);
    keep(kept);
    assert_sound(kept);
    snprintf(name, sizeof name, "%.34s",
             kept->names[find(kept, "00000.log", 0)]);
    snprintf(command, sizeof command, "rm -r %s", full(kept, name));
    assert_int_equal(system(command), 0);
    assert_damaged_at(kept, "checkpoint", "a missing log");
    assert_int_equal(unlink(full(kept, kept->names[find(kept, "clean", 0)])),
                     0);
    assert_sound(kept);
    assert_non_null(strstr(kept->said, "note: the log "));
    assert_non_null(strstr(kept->said, " is missing"));
}

static void what_was_set_aside_is_named(void **state)
{
    struct kept *kept = *state;
    char name[256];

    snprintf(name, sizeof name, "%.34s/00000000000000000000.log.3.damaged",
             kept->names[find(kept, ".log", 0)]);
    write_file(kept, name, "x", 1);
    assert_sound(kept);
    assert_non_null(strstr(kept->said, "00.log.3.damaged:0: note: it was set "
                                       "aside because it is damaged"));
}

static void leftovers_are_notes(void **state)
{
    struct kept *kept = *state;
    static const char *const names[] = {"checkpoint.tmp", "strange",
                                        "00000000000000000000000000000001-7"
                                        ".deleted"};

    for (size_t i = 0; i < 3; i++)
        write_file(kept, names[i], "x", 1);
    assert_sound(kept);
    assert_non_null(strstr(kept->said, "3 notes"));
}

/* ---- any damage ---- */

static uint64_t draw(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void harm(uint8_t *data, size_t *size, size_t room, uint64_t *state)
{
    static const uint64_t values[] = {0,          1,          79,
                                      80,         0x7fffffff, 0xffffffff,
                                      0x80000000, UINT64_MAX, INT64_MAX};
    size_t at = *size > 0 ? draw(state) % *size : 0;
    size_t length = draw(state) % 200;

    if (length > *size - at)
        length = *size - at;
    switch (draw(state) % 6) {
    case 0:
        memset(data + at, 0, length);
        break;
    case 1:
        for (size_t i = 0; i < length; i++)
            data[at + i] = (uint8_t)draw(state);
        break;
    case 2:
        *size = at;
        break;
    case 3:
        for (; *size < room && length-- > 0; ++*size)
            data[*size] = (uint8_t)draw(state);
        break;
    case 4:
        if (length >= 8)
            store_u64(data + at, values[draw(state) % 9]);
        break;
    default:
        if (length >= 4)
            store_u32(data + at, (uint32_t)values[draw(state) % 9]);
        break;
    }
}

static void no_damage_breaks_the_tools(void **state)
{
    struct kept *kept = *state;
    uint64_t random = 20241;
    unsigned silent = 0;

    for (unsigned i = 0; i < DAMAGES; i++) {
        size_t at = draw(&random) % kept->count;
        size_t size = kept->sizes[at], room = size + 200;
        uint8_t *data = malloc(room);
        unsigned times = 1 + (unsigned)(draw(&random) % 4);
        bool same;

        memcpy(data, kept->data[at], size);
        while (times-- > 0)
            harm(data, &size, room, &random);
        same =
            size == kept->sizes[at] && memcmp(data, kept->data[at], size) == 0;
        if (i % 3 == 0 && size >= SMALL_FILE_HEADER_BYTES && !same &&
            !ends(kept->names[at], ".log")) {
            uint8_t *payload = data + SMALL_FILE_HEADER_BYTES;
            size_t left = size - SMALL_FILE_HEADER_BYTES;

            if (left >= 56 && ends(kept->names[at], ".index"))
                store_u32(payload + 52, crc32c(0, payload, 52));
            store_u64(data + 8, left);
            store_u32(data + 16, crc32c(crc32c(0, data, 16), payload, left));
            same = true; /* well formed: it may say something true */
        }
        write_file(kept, kept->names[at], data, size);
        silent += !same && verify(kept) != EXIT_CHECK;
        if (same)
            assert_in_range(verify(kept), EXIT_DONE, EXIT_CHECK);
        if (i % 4 == 0)
            dump(kept, i % 8 == 0);
        if (silent > 0)
            BROKEN("%s, round %u: %s", kept->names[at], i, kept->said);
        free(data);
        restore(kept, at);
    }
    assert_sound(kept);
}

static void count_record(void *context, uint32_t at, const Kq__Record *record)
{
    unsigned *count = context;

    (void)at;
    *count += record != NULL;
}

static void no_bytes_break_the_records(void **state)
{
    Kq__Header header = KQ__HEADER__INIT;
    Kq__Header *headers[] = {&header, &header};
    Kq__Record record = KQ__RECORD__INIT;
    Kq__Record *records[] = {&record, &record, &record};
    Kq__RecordSet set = KQ__RECORD_SET__INIT;
    uint64_t random = 77;
    uint8_t good[512], data[1024];
    unsigned count = 0;
    size_t length;

    (void)state;
    header.key = (char *)(uintptr_t) "a header";
    record.has_key = record.has_value = true;
    record.key = (ProtobufCBinaryData){3, (uint8_t *)(uintptr_t) "key"};
    record.value = (ProtobufCBinaryData){5, (uint8_t *)(uintptr_t) "value"};
    record.n_headers = 2;
    record.headers = headers;
    set.n_records = 3;
    set.records = records;
    length = kq__record_set__pack(&set, good);
    assert_true(log_records_each((struct bytes){good, length}, 3, count_record,
                                 &count));
    assert_int_equal(count, 3);
    assert_false(log_records_each((struct bytes){good, length}, 2, count_record,
                                  &count));
    for (unsigned i = 0; i < RECORD_TRIES; i++) {
        size_t size = length;

        memcpy(data, good, length);
        harm(data, &size, sizeof data, &random);
        log_records_each((struct bytes){data, size}, 3, count_record, &count);
    }
    assert_true(count > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name, set_up)                                                     \
    cmocka_unit_test_setup_teardown(name, set_up, teardown)
        TEST(what_a_broker_leaves_is_sound, setup),
        TEST(what_a_crash_leaves_is_sound, setup_open),
        TEST(without_a_clean_shutdown_a_torn_tail_is_a_note, setup_open),
        TEST(a_flipped_bit_is_found_in_its_file, setup),
        TEST(damage_of_a_batch_is_named_by_its_byte, setup),
        TEST(a_cut_file_is_damage, setup),
        TEST(a_missing_file_is_damage_unless_a_start_can_miss_it, setup),
        TEST(swapped_files_are_damage, setup),
        TEST(a_lie_with_a_good_checksum_is_found, setup),
        TEST(an_older_epoch_after_a_newer_one_is_damage, setup),
        TEST(a_log_that_was_to_start_over_is_a_note, setup),
        TEST(a_deletion_cut_short_is_a_note, setup_open),
        TEST(what_was_set_aside_is_named, setup),
        TEST(leftovers_are_notes, setup),
        TEST(no_damage_breaks_the_tools, setup),
        cmocka_unit_test(no_bytes_break_the_records),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
