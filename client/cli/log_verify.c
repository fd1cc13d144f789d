/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the verification of a log directory: meta, clean token, checkpoint,
 * and which logs there are. The logs themselves are log_verify_log.c's.
 */
#include "client/cli/log_verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "client/cli/cli.h"
#include "log/small_file.h"

/* ---- words ---- */

static void print_problem(struct log_verify *verify, const char *file,
                          uint64_t position, const char *format,
                          va_list arguments)
{
    fprintf(verify->out, "%s/%s:%" PRIu64 ": ", verify->path, file, position);
    vfprintf(verify->out, format, arguments);
    fputc('\n', verify->out);
}

void verify_damage(struct log_verify *verify, const char *file,
                   uint64_t position, const char *format, ...)
{
    va_list arguments;

    if (verify->damages++ == 0)
        snprintf(verify->first, sizeof verify->first, "%s/%s:%" PRIu64,
                 verify->path, file, position);
    va_start(arguments, format);
    print_problem(verify, file, position, format, arguments);
    va_end(arguments);
}

void verify_note(struct log_verify *verify, const char *file, uint64_t position,
                 const char *format, ...)
{
    va_list arguments;
    char text[512];

    verify->notes++;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(verify->out, "%s/%s:%" PRIu64 ": note: %s\n", verify->path, file,
            position, text);
}

void verify_fault(struct log_verify *verify, const char *file,
                  const struct log_fault *fault)
{
    if (fault->unreadable) {
        verify->unreadable = true;
        verify_note(verify, file, fault->position, "%s", fault->text);
        return;
    }
    verify_damage(verify, file, fault->position, "%s", fault->text);
}

uint64_t verify_entry_at(size_t entry)
{
    return SMALL_FILE_HEADER_BYTES + CHECKPOINT_HEAD_BYTES +
           entry * CHECKPOINT_LOG_BYTES;
}

/* ---- meta, clean, lives ---- */

static bool exists(const struct log_verify *verify, const char *name)
{
    char path[LOG_PATH_SIZE];
    struct stat status;

    log_path(path, verify->path, name);
    return lstat(path, &status) == 0 || errno != ENOENT;
}

/* Says what is wrong when it cannot. Release the file in any case. */
static bool read_small(struct log_verify *verify, const char *name,
                       uint32_t magic, struct log_small *file)
{
    char path[LOG_PATH_SIZE];
    struct log_fault fault;

    log_path(path, verify->path, name);
    if (log_small_read(path, magic, file, &fault))
        return true;
    verify_fault(verify, name, &fault);
    return false;
}

static void verify_meta(struct log_verify *verify)
{
    struct log_small file;
    struct meta meta;

    if (!exists(verify, "meta")) {
        verify_damage(verify, "meta", 0,
                      "it is missing: no broker starts on this directory");
        return;
    }
    if (read_small(verify, "meta", META_MAGIC, &file) &&
        !meta_decode(file.payload, file.payload_size, &meta))
        verify_damage(verify, "meta", 8, "a payload of %zu bytes, not %d",
                      file.payload_size, META_BYTES);
    log_small_release(&file);
}

static void verify_clean(struct log_verify *verify)
{
    struct log_small file;

    if (!exists(verify, "clean"))
        return;
    verify->clean = true;
    if (read_small(verify, "clean", CLEAN_MAGIC, &file) &&
        file.payload_size != CLEAN_BYTES)
        verify_damage(verify, "clean", 8, "a payload of %zu bytes, not %d",
                      file.payload_size, CLEAN_BYTES);
    log_small_release(&file);
}

static void verify_lives(struct log_verify *verify)
{
    struct log_small file;
    struct lives lives;

    if (!exists(verify, "lives")) {
        verify_note(verify, "lives", 0,
                    "it is missing: an older version wrote this directory; "
                    "the next start makes it");
        return;
    }
    if (read_small(verify, "lives", LIVES_MAGIC, &file) &&
        !lives_decode(&lives, file.payload, file.payload_size))
        verify_damage(verify, "lives", SMALL_FILE_HEADER_BYTES,
                      "its broker epochs are no list that ascends");
    log_small_release(&file);
}

/* ---- the checkpoint ---- */

/* The entries, each at its place; false after the first that is wrong. */
static bool take_entries(struct log_verify *verify, struct cursor *cursor,
                         uint32_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct stored_log *stored = &verify->stored[i];

        if (!stored_log_decode(cursor, stored)) {
            verify_damage(verify, "checkpoint", verify_entry_at(i),
                          "the entry of a log holds a negative offset");
            return false;
        }
        if (i > 0 && key_compare(&stored[-1].key, &stored->key) >= 0) {
            verify_damage(verify, "checkpoint", verify_entry_at(i),
                          "the entries of logs are not in order");
            return false;
        }
    }
    return true;
}

static void take_checkpoint(struct log_verify *verify,
                            const struct log_small *file)
{
    struct cursor cursor;
    struct uuid boot_id;
    uint32_t count;

    cursor_init(&cursor, file->payload, file->payload_size);
    if (!checkpoint_head_decode(&cursor, &boot_id, &count)) {
        verify_damage(verify, "checkpoint", 8,
                      "a payload of %zu bytes is too short",
                      file->payload_size);
        return;
    }
    if (!checkpoint_fits(file->payload_size, count)) {
        verify_damage(verify, "checkpoint", SMALL_FILE_HEADER_BYTES + 16,
                      "a count of %u logs does not fit a payload of %zu bytes",
                      count, file->payload_size);
        return;
    }
    verify->stored = calloc((size_t)count + 1, sizeof *verify->stored);
    verify->seen = calloc((size_t)count + 1, sizeof *verify->seen);
    if (verify->stored == NULL || verify->seen == NULL)
        abort();
    verify->stored_count = count;
    verify->known = take_entries(verify, &cursor, count);
}

static void verify_checkpoint(struct log_verify *verify)
{
    struct log_small file;

    if (!exists(verify, "checkpoint")) {
        verify_damage(verify, "checkpoint", 0,
                      "it is missing: every replica here counts as lossy");
        return;
    }
    if (read_small(verify, "checkpoint", CHECKPOINT_MAGIC, &file))
        take_checkpoint(verify, &file);
    log_small_release(&file);
}

/* ---- the names ---- */

static const struct stored_log *find_stored(struct log_verify *verify,
                                            const struct partition_key *key)
{
    for (size_t i = 0; verify->known && i < verify->stored_count; i++)
        if (key_compare(&verify->stored[i].key, key) == 0) {
            verify->seen[i] = true;
            return &verify->stored[i];
        }
    return NULL;
}

static bool is_ours(const char *name)
{
    static const char *const names[] = {"lock",     "meta",  "checkpoint",
                                        "clean",    "lives", BALLAST_NAME,
                                        FAILED_NAME};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* A log that the checkpoint does not know. */
static void verify_unknown(struct log_verify *verify, const char *name,
                           bool has_batches)
{
    if (has_batches)
        verify_damage(verify, name, 0,
                      "the checkpoint does not know this log: no broker "
                      "starts here until it is moved away");
    else if (verify->clean)
        verify_damage(verify, name, 0,
                      "the checkpoint does not know this log: the next start "
                      "removes it");
    else
        verify_note(verify, name, 0,
                    "the log was being made, nobody knows of it; the next "
                    "start removes it");
}

static void verify_name(struct log_verify *verify, const char *name)
{
    const struct stored_log *stored;
    uint64_t before = verify->batches;
    struct partition_key key;

    if (is_ours(name))
        return;
    if (log_name_is_temporary(name)) {
        verify_note(verify, name, 0,
                    "it was being written; the next start removes it");
        return;
    }
    if (log_name_is_deleted(name)) {
        verify_note(verify, name, 0,
                    "it was being deleted; the next start removes it");
        return;
    }
    if (!parse_log_name(name, &key)) {
        verify_note(verify, name, 0, "no file of a broker has this name");
        return;
    }
    stored = find_stored(verify, &key);
    verify_log(verify, name, &key, stored,
               stored ? verify_entry_at((size_t)(stored - verify->stored)) : 0);
    if (verify->known && stored == NULL)
        verify_unknown(verify, name, verify->batches > before);
}

/* A log that is deleted is gone before the checkpoint forgets it, so a crash
 * explains an entry without a log; after a clean shutdown nothing does. */
static void verify_missing(struct log_verify *verify)
{
    char id[UUID_TEXT_SIZE];

    for (size_t i = 0; verify->known && i < verify->stored_count; i++) {
        if (verify->seen[i])
            continue;
        uuid_format(&verify->stored[i].key.topic_id, id);
        if (verify->clean)
            verify_damage(verify, "checkpoint", verify_entry_at(i),
                          "the log %s-%u is missing: the replica is lost", id,
                          verify->stored[i].key.partition);
        else
            verify_note(verify, "checkpoint", verify_entry_at(i),
                        "the log %s-%u is missing: the replica is lost, "
                        "unless its topic was being deleted",
                        id, verify->stored[i].key.partition);
    }
}

static void print_summary(struct log_verify *verify)
{
    fprintf(verify->out,
            "%s: %" PRIu64 " logs, %" PRIu64 " segments, %" PRIu64
            " batches, %" PRIu64 " records, %" PRIu64 " bytes; %s shutdown\n",
            verify->path, verify->logs, verify->segments, verify->batches,
            verify->records, verify->bytes,
            verify->clean ? "clean" : "no clean");
    if (verify->damages > 0)
        fprintf(verify->out,
                "damaged: %" PRIu64 " problem%s, %" PRIu64
                " notes; the first is at %s\n",
                verify->damages, verify->damages == 1 ? "" : "s", verify->notes,
                verify->first);
    else if (verify->unreadable)
        fprintf(verify->out, "not verified: some files could not be read\n");
    else
        fprintf(verify->out, "sound; %" PRIu64 " notes\n", verify->notes);
}

int log_verify_run(const char *path, FILE *out)
{
    struct log_verify verify = {.out = out, .path = path};
    struct log_names names;

    if (!log_names_read(path, &names)) {
        fprintf(out, "%s: it cannot be listed: %s\n", path, strerror(errno));
        return EXIT_ENVIRONMENT;
    }
    verify_meta(&verify);
    verify_clean(&verify);
    verify_lives(&verify);
    verify_checkpoint(&verify);
    for (size_t i = 0; i < names.count; i++)
        verify_name(&verify, names.names[i]);
    verify_missing(&verify);
    log_names_release(&names);
    print_summary(&verify);
    free(verify.stored);
    free(verify.seen);
    if (verify.damages > 0)
        return EXIT_CHECK;
    return verify.unreadable ? EXIT_ENVIRONMENT : EXIT_DONE;
}
