/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the lives of a log directory: the broker epochs that it was used
 * under, stored before any role is taken in one. A replica that the cluster
 * names under another epoch has been somewhere else since: this is an older
 * disk (decision 0022).
 *
 * Payload of the file, little-endian: floor u64, count u32, reserved u32;
 * then the epochs, u64 each, ascending, none below the floor. What is below
 * the floor counts as used: it was before the file, or is of too long ago.
 */
#include <string.h>

#include "base/assert.h"
#include "log/internal.h"

/* ---- what is stored ---- */

bool lives_decode(struct lives *lives, const uint8_t *data, size_t size)
{
    struct cursor cursor;
    uint64_t last;
    uint32_t count;

    memset(lives, 0, sizeof *lives);
    cursor_init(&cursor, data, size);
    last = lives->floor = cursor_u64(&cursor);
    count = cursor_u32(&cursor);
    cursor_u32(&cursor);
    if (cursor.failed || count > LIVES_MAX ||
        size != LIVES_HEAD_BYTES + (size_t)count * LIVES_ENTRY_BYTES)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t epoch = cursor_u64(&cursor);

        if (epoch < last || (i > 0 && epoch == last))
            return false;
        lives->epochs[i] = last = epoch;
    }
    lives->count = count;
    return true;
}

static uint8_t *encode(const struct lives *lives, struct heap *heap,
                       size_t *size)
{
    struct writer writer;
    uint8_t *payload;
    uint8_t *data;

    *size = LIVES_HEAD_BYTES + lives->count * LIVES_ENTRY_BYTES;
    data = small_file_buffer(heap, *size, &payload);
    writer_init(&writer, payload, *size);
    writer_u64(&writer, lives->floor);
    writer_u32(&writer, (uint32_t)lives->count);
    writer_u32(&writer, 0);
    for (size_t i = 0; i < lives->count; i++)
        writer_u64(&writer, lives->epochs[i]);
    ASSERT(!writer.failed);
    return data;
}

bool lives_has(const struct lives *lives, uint64_t broker_epoch)
{
    if (broker_epoch < lives->floor)
        return true;
    for (size_t i = 0; i < lives->count; i++)
        if (lives->epochs[i] == broker_epoch)
            return true;
    return false;
}

void lives_add(struct lives *lives, uint64_t broker_epoch)
{
    size_t at;

    if (lives_has(lives, broker_epoch))
        return;
    if (lives->count == LIVES_MAX) {
        lives->floor = lives->epochs[0] + 1;
        lives->count--;
        memmove(lives->epochs, lives->epochs + 1,
                lives->count * sizeof lives->epochs[0]);
        if (lives_has(lives, broker_epoch))
            return;
    }
    for (at = lives->count; at > 0; at--) {
        if (lives->epochs[at - 1] < broker_epoch)
            break;
        lives->epochs[at] = lives->epochs[at - 1];
    }
    lives->epochs[at] = broker_epoch;
    lives->count++;
}

/* ---- the file ---- */

void lives_write(struct log_directory *directory, struct small_file *file)
{
    size_t size;
    uint8_t *data =
        encode(&directory->lives.known, directory->seam->heap, &size);

    file->space = &directory->space;
    small_file_write(file, directory->seam, directory->options.path, "lives",
                     LIVES_MAGIC, data, size);
}

static void start(struct log_directory *directory);

static void written(struct small_file *file, enum error error)
{
    struct log_directory *directory = file->context;
    struct directory_lives *lives = &directory->lives;

    lives->writing = false;
    if (error != ERROR_NONE) {
        directory_fail(directory, error, "write", "lives");
    } else if (!directory->failed) {
        lives->stored = lives->writes;
        if (lives->wanted != lives->stored)
            start(directory);
        else if (directory->phase == DIRECTORY_OPEN)
            directory->owner->lived(directory->owner);
    }
    if (directory->closing != NULL)
        closing_kick(directory);
}

static void start(struct log_directory *directory)
{
    struct directory_lives *lives = &directory->lives;

    lives->writing = true;
    lives->writes = lives->wanted;
    lives->file.done = written;
    lives->file.context = directory;
    lives_write(directory, &lives->file);
}

void log_directory_begin_life(struct log_directory *directory,
                              uint64_t broker_epoch)
{
    struct directory_lives *lives = &directory->lives;

    if (!directory_usable(directory))
        return;
    if (lives->unknown) {
        lives->unknown = false;
        lives->known.floor = broker_epoch;
    }
    lives_add(&lives->known, broker_epoch);
    lives->wanted = broker_epoch;
    if (!lives->writing)
        start(directory);
}

bool log_directory_in_life(const struct log_directory *directory,
                           uint64_t broker_epoch)
{
    return directory->lives.stored == broker_epoch;
}

bool log_directory_lived(const struct log_directory *directory,
                         uint64_t broker_epoch)
{
    return directory->lives.unknown ||
           lives_has(&directory->lives.known, broker_epoch);
}
