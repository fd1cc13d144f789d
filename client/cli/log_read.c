/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the reading of log directories for kq log (log_read.h). The formats
 * are those of broker/log and broker/rules; here is only the I/O.
 */
#include "client/cli/log_read.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log/small_file.h"

#define PIECE_BYTES   (256u << 10)
#define PRODUCER_SIZE (20 + 16 * PRODUCER_BATCHES_MAX)

void log_fault_set(struct log_fault *fault, uint64_t position,
                   const char *format, ...)
{
    va_list arguments;

    fault->position = position;
    fault->unreadable = false;
    va_start(arguments, format);
    vsnprintf(fault->text, sizeof fault->text, format, arguments);
    va_end(arguments);
}

static void errno_fault(struct log_fault *fault, uint64_t position)
{
    int code = errno;

    log_fault_set(fault, position, "it cannot be read: %s", strerror(code));
    fault->unreadable = code != EIO;
}

void log_path(char *path, const char *directory, const char *name)
{
    int size = snprintf(path, LOG_PATH_SIZE, "%s/%s", directory, name);

    if (size < 0)
        abort();
}

static void *take_memory(void *old, size_t size)
{
    void *memory = realloc(old, size);

    if (memory == NULL)
        abort();
    return memory;
}

/* ---- names ---- */

static int compare_names(const void *a, const void *b)
{
    const char *const *left = a;
    const char *const *right = b;

    return strcmp(*left, *right);
}

bool log_names_read(const char *path, struct log_names *names)
{
    DIR *directory = opendir(path);
    size_t capacity = 0;
    struct dirent *entry;

    *names = (struct log_names){0};
    if (directory == NULL)
        return false;
    while ((entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (names->count == capacity) {
            capacity = capacity ? capacity * 2 : 64;
            names->names = take_memory(names->names, capacity * sizeof(char *));
        }
        names->names[names->count] = strdup(entry->d_name);
        if (names->names[names->count++] == NULL)
            abort();
    }
    closedir(directory);
    if (names->count > 0)
        qsort(names->names, names->count, sizeof(char *), compare_names);
    return true;
}

void log_names_release(struct log_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->names[i]);
    free(names->names);
    *names = (struct log_names){0};
}

enum log_lock log_lock_take(const char *directory, int *fd)
{
    char path[LOG_PATH_SIZE];

    log_path(path, directory, "lock");
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0)
        return LOG_LOCK_MISSING;
    if (flock(*fd, LOCK_SH | LOCK_NB) == 0)
        return LOG_LOCK_HELD;
    close(*fd);
    *fd = -1;
    return LOG_LOCK_BUSY;
}

/* ---- files ---- */

/* A regular file and its size; -1 with *fault. */
static int open_file(const char *path, uint64_t *size, struct log_fault *fault)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;

    if (fd < 0) {
        errno_fault(fault, 0);
        return -1;
    }
    if (fstat(fd, &status) != 0) {
        errno_fault(fault, 0);
        close(fd);
        return -1;
    }
    if (!S_ISREG(status.st_mode)) {
        log_fault_set(fault, 0, "it is not a regular file");
        close(fd);
        return -1;
    }
    *size = (uint64_t)status.st_size;
    return fd;
}

/* Reads all of it, or as far as the file goes; -1 with errno. */
static ssize_t read_at(int fd, uint8_t *to, size_t size, uint64_t position)
{
    size_t done = 0;

    while (done < size) {
        ssize_t got =
            pread(fd, to + done, size - done, (off_t)(position + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

static size_t payload_max(uint32_t magic)
{
    switch (magic) {
    case META_MAGIC:
        return META_BYTES;
    case CLEAN_MAGIC:
        return CLEAN_BYTES;
    case LIVES_MAGIC:
        return LIVES_HEAD_BYTES + LIVES_MAX * LIVES_ENTRY_BYTES;
    case INDEX_MAGIC:
        return INDEX_SUMMARY_BYTES + INDEX_ENTRIES_MAX * INDEX_ENTRY_BYTES;
    case EPOCHS_MAGIC:
        return EPOCHS_HEAD_BYTES + LOG_EPOCHS_MAX * EPOCHS_ENTRY_BYTES;
    case PRODUCERS_MAGIC:
        return 32 + PRODUCERS_MAX * PRODUCER_SIZE;
    default:
        return SMALL_FILE_BYTES_MAX - SMALL_FILE_HEADER_BYTES;
    }
}

static bool small_whole(const uint8_t *data, size_t size, uint32_t magic,
                        struct log_fault *fault)
{
    switch (small_file_inspect(data, size, magic, false)) {
    case SMALL_FILE_WHOLE:
        return true;
    case SMALL_FILE_SHORT:
        log_fault_set(fault, 0, "%zu bytes: the header alone has %d", size,
                      SMALL_FILE_HEADER_BYTES);
        break;
    case SMALL_FILE_MAGIC:
        log_fault_set(fault, 0,
                      "the magic is %08x, not %08x: it is no file "
                      "of this kind",
                      load_u32(data), magic);
        break;
    case SMALL_FILE_VERSION:
        log_fault_set(fault, 4, "version %u is not known", load_u32(data + 4));
        break;
    case SMALL_FILE_SIZE:
        log_fault_set(fault, 8,
                      "the payload should have %llu bytes and has "
                      "%zu",
                      (unsigned long long)load_u64(data + 8),
                      size - SMALL_FILE_HEADER_BYTES);
        break;
    case SMALL_FILE_CHECKSUM:
        log_fault_set(fault, 16, "the checksum does not match");
        break;
    }
    return false;
}

bool log_small_read(const char *path, uint32_t magic, struct log_small *file,
                    struct log_fault *fault)
{
    uint64_t size;
    ssize_t got;
    int fd = open_file(path, &size, fault);

    *file = (struct log_small){0};
    if (fd < 0)
        return false;
    if (size > payload_max(magic) + SMALL_FILE_HEADER_BYTES) {
        log_fault_set(fault, 0, "%llu bytes: no file of this kind has so many",
                      (unsigned long long)size);
        close(fd);
        return false;
    }
    file->data = take_memory(NULL, (size_t)size + 1);
    got = read_at(fd, file->data, (size_t)size, 0);
    if (got < 0)
        errno_fault(fault, 0);
    close(fd);
    if (got < 0 || !small_whole(file->data, (size_t)got, magic, fault))
        return false;
    file->payload = file->data + SMALL_FILE_HEADER_BYTES;
    file->payload_size = (size_t)got - SMALL_FILE_HEADER_BYTES;
    return true;
}

void log_small_release(struct log_small *file)
{
    free(file->data);
    *file = (struct log_small){0};
}

/* ---- segments ---- */

bool segment_walk_open(struct segment_walk *walk, const char *path,
                       const struct partition_key *key, struct log_fault *fault)
{
    *walk = (struct segment_walk){.key = key};
    walk->fd = open_file(path, &walk->size, fault);
    return walk->fd >= 0;
}

void segment_walk_close(struct segment_walk *walk)
{
    if (walk->fd >= 0)
        close(walk->fd);
    free(walk->buffer);
    walk->buffer = NULL;
    walk->fd = -1;
}

/* `wanted` bytes of the file from `next` on, NULL with *fault. */
static const uint8_t *fetch(struct segment_walk *walk, size_t wanted,
                            struct log_fault *fault)
{
    size_t offset = (size_t)(walk->next - walk->buffer_at);
    uint64_t left = walk->size - walk->next;
    size_t length = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
    ssize_t got;

    if (walk->next >= walk->buffer_at && offset <= walk->filled &&
        walk->filled - offset >= wanted)
        return walk->buffer + offset;
    if (length < wanted)
        length = wanted;
    if (walk->capacity < length) {
        walk->buffer = take_memory(walk->buffer, length);
        walk->capacity = length;
    }
    walk->filled = 0;
    walk->buffer_at = walk->next;
    got = read_at(walk->fd, walk->buffer, length, walk->next);
    if (got < 0) {
        errno_fault(fault, walk->next);
        return NULL;
    }
    walk->filled = (size_t)got;
    if (walk->filled >= wanted)
        return walk->buffer;
    log_fault_set(fault, walk->next,
                  "the file became shorter while it was "
                  "read");
    return NULL;
}

static bool all_zero(const uint8_t *at, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (at[i] != 0)
            return false;
    return true;
}

static void explain_header(const struct segment_walk *walk, const uint8_t *at,
                           struct log_fault *fault)
{
    const struct batch_header *header = &walk->header;

    if (all_zero(at, BATCH_HEADER_BYTES))
        log_fault_set(fault, walk->next, "zeros where a batch should begin");
    else if (header->magic != BATCH_MAGIC)
        log_fault_set(fault, walk->next,
                      "no batch begins here: the magic is %u, not %d",
                      header->magic, BATCH_MAGIC);
    else if (header->length < BATCH_HEADER_BYTES ||
             header->length > LOG_BATCH_BYTES_MAX)
        log_fault_set(fault, walk->next, "a length of %u is not from %d to %u",
                      header->length, BATCH_HEADER_BYTES, LOG_BATCH_BYTES_MAX);
    else
        log_fault_set(fault, walk->next,
                      "the header holds values that no batch has");
}

/* The header at `next`: whole, and the batch lies within the file. */
static bool take_header(struct segment_walk *walk, struct log_fault *fault)
{
    uint64_t left = walk->size - walk->next;
    const uint8_t *at;
    uint32_t crc;

    if (left < BATCH_HEADER_BYTES) {
        log_fault_set(fault, walk->next,
                      "%llu bytes are left, a batch's header has %d",
                      (unsigned long long)left, BATCH_HEADER_BYTES);
        return false;
    }
    at = fetch(walk, BATCH_HEADER_BYTES, fault);
    if (at == NULL)
        return false;
    if (batch_decode(at, BATCH_HEADER_BYTES, LOG_BATCH_BYTES_MAX,
                     &walk->header) != ERROR_NONE) {
        explain_header(walk, at, fault);
        return false;
    }
    crc = walk->key
              ? batch_header_crc(at, &walk->key->topic_id, walk->key->partition)
              : walk->header.header_crc;
    if (crc != walk->header.header_crc) {
        log_fault_set(fault, walk->next,
                      "the checksum of the header does not match (%08x stored, "
                      "%08x computed): damaged, or of another partition",
                      walk->header.header_crc, crc);
        return false;
    }
    if (walk->header.length > left) {
        log_fault_set(fault, walk->next,
                      "the batch has %u bytes, the file ends after %llu",
                      walk->header.length, (unsigned long long)left);
        return false;
    }
    return true;
}

enum segment_step segment_walk_next(struct segment_walk *walk,
                                    struct log_fault *fault)
{
    uint32_t crc;

    if (walk->next >= walk->size)
        return SEGMENT_END;
    if (!take_header(walk, fault))
        return SEGMENT_LOST;
    walk->batch = fetch(walk, walk->header.length, fault);
    if (walk->batch == NULL)
        return SEGMENT_LOST;
    walk->position = walk->next;
    walk->next += walk->header.length;
    crc = batch_body_crc(walk->batch, walk->header.length);
    if (crc == walk->header.body_crc)
        return SEGMENT_BATCH;
    log_fault_set(fault, walk->position,
                  "the checksum of the batch at offset %lld does not match "
                  "(%08x stored, %08x computed)",
                  (long long)walk->header.base_offset, walk->header.body_crc,
                  crc);
    return SEGMENT_BATCH_DAMAGED;
}
