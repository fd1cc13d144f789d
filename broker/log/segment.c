/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns segments: their names, the vector of a log, summaries, which of them
 * are open, and the loading of those that are not. Payload of an index file,
 * little-endian:
 *
 *     at  size  field
 *      0    8   base offset
 *      8    8   end offset
 *     16    8   size of the segment in bytes
 *     24    8   append time of the first batch
 *     32    8   append time of the last batch
 *     40    8   highest record timestamp
 *     48    4   count of entries
 *     52    4   CRC-32C of bytes [0, 52)
 *     56        entries: offset i64, position u64, max timestamp i64
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/crc32c.h"
#include "base/cursor.h"
#include "log/internal.h"

/* Who waited for a file is served before it may be closed: a timer that is
 * started when the file is there is due earlier. */
#define IDLE_US 1000

/* One loading of a segment. */
struct load {
    struct segment *segment;
    struct disk_request request;
    char *path;
    struct small_file file;
    struct scan scan;
    struct index index;
    uint64_t end;
};

void segment_name(char name[SEGMENT_NAME_SIZE], int64_t offset,
                  const char *suffix)
{
    snprintf(name, SEGMENT_NAME_SIZE, "%020" PRId64 ".%s", offset, suffix);
}

bool segment_name_parse(const char *name, const char *suffix, int64_t *offset)
{
    int64_t value = 0;

    for (size_t i = 0; i < 20; i++) {
        if (name[i] < '0' || name[i] > '9' ||
            __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, name[i] - '0', &value))
            return false;
    }
    *offset = value;
    return name[20] == '.' && strcmp(name + 21, suffix) == 0;
}

char *segment_path(const struct log_body *body, int64_t offset,
                   const char *suffix)
{
    char name[SEGMENT_NAME_SIZE];

    segment_name(name, offset, suffix);
    return path_of(body->log.directory->seam->heap, body->path, name);
}

/* ---- the vector ---- */

struct segment *segment_add(struct log_body *body, int64_t base_offset)
{
    struct heap *heap = body->log.directory->seam->heap;
    struct segment *segment = heap_alloc(heap, sizeof *segment);

    if (body->segment_count == body->segment_capacity) {
        size_t capacity =
            body->segment_capacity ? body->segment_capacity * 2 : 4;

        body->segments = heap_grow(heap, body->segments,
                                   body->segment_count * sizeof(void *),
                                   capacity * sizeof(void *));
        body->segment_capacity = capacity;
    }
    ASSERT(body->segment_count == 0 ||
           active_segment(body)->base_offset < base_offset);
    segment->log = &body->log;
    segment->base_offset = base_offset;
    segment->end_offset = base_offset;
    segment->max_timestamp_ms = INT64_MIN;
    list_init(&segment->idle);
    body->segments[body->segment_count++] = segment;
    return segment;
}

static void idle_leave(struct segment *segment)
{
    if (segment->idle_in == NULL)
        return;
    segment->idle_in->count--;
    segment->idle_in = NULL;
    list_remove(&segment->idle);
}

static void segment_free(struct segment *segment)
{
    struct log_directory *directory = segment->log->directory;
    struct heap *heap = directory->seam->heap;

    idle_leave(segment);
    disk_close(directory->seam->disk, segment->file);
    index_release(&segment->index, heap);
    heap_free(heap, segment->snapshot);
    heap_free(heap, segment);
}

void segments_drop(struct log_body *body, size_t first, size_t count)
{
    ASSERT(first + count <= body->segment_count);
    for (size_t i = first; i < first + count; i++) {
        uint64_t size = body->segments[i]->size;

        body->log.size_bytes -=
            size < body->log.size_bytes ? size : body->log.size_bytes;
        segment_free(body->segments[i]);
    }
    body->segment_count -= count;
    if (count > 0)
        memmove(body->segments + first, body->segments + first + count,
                (body->segment_count - first) * sizeof *body->segments);
}

size_t segment_at(const struct log_body *body, int64_t offset)
{
    size_t low = 0, high = body->segment_count;

    ASSERT(high > 0);
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (body->segments[middle]->base_offset <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? low - 1 : 0;
}

void place_settle(const struct log_body *body, struct place *place)
{
    const struct segment *segment =
        body->segments[segment_at(body, place->offset)];

    if (segment->base_offset == place->offset && !segment->unborn)
        *place = (struct place){place->offset, place->offset, 0};
}

void segment_note(struct segment *segment, const struct batch_header *header,
                  uint64_t position)
{
    struct log_directory *directory = segment->log->directory;

    if (segment->end_offset == segment->base_offset)
        segment->first_append_ms = header->append_time_ms;
    segment->last_append_ms = header->append_time_ms;
    if (header->max_timestamp_ms > segment->max_timestamp_ms)
        segment->max_timestamp_ms = header->max_timestamp_ms;
    segment->end_offset = batch_next_offset(header);
    index_note(&segment->index, directory->seam->heap,
               directory->options.index_interval_bytes, header, position);
}

/* ---- the index file ---- */

uint8_t *segment_encode(const struct segment *segment, size_t *size)
{
    const struct index *index = &segment->index;
    uint8_t *payload, *data;
    struct writer writer;

    *size = INDEX_SUMMARY_BYTES + index->count * INDEX_ENTRY_BYTES;
    data =
        small_file_buffer(segment->log->directory->seam->heap, *size, &payload);
    writer_init(&writer, payload, *size);
    writer_u64(&writer, (uint64_t)segment->base_offset);
    writer_u64(&writer, (uint64_t)segment->end_offset);
    writer_u64(&writer, segment->size);
    writer_u64(&writer, (uint64_t)segment->first_append_ms);
    writer_u64(&writer, (uint64_t)segment->last_append_ms);
    writer_u64(&writer, (uint64_t)segment->max_timestamp_ms);
    writer_u32(&writer, (uint32_t)index->count);
    writer_u32(&writer, crc32c(0, payload, INDEX_SUMMARY_BYTES - 4));
    for (size_t i = 0; i < index->count; i++) {
        writer_u64(&writer, (uint64_t)index->entries[i].offset);
        writer_u64(&writer, index->entries[i].position);
        writer_u64(&writer, (uint64_t)index->entries[i].max_timestamp_ms);
    }
    ASSERT(!writer.failed);
    return data;
}

bool index_summary_decode(const uint8_t *data, size_t size,
                          struct index_summary *summary)
{
    if (size < INDEX_SUMMARY_BYTES ||
        load_u32(data + 52) != crc32c(0, data, INDEX_SUMMARY_BYTES - 4))
        return false;
    *summary =
        (struct index_summary){.base_offset = (int64_t)load_u64(data),
                               .end_offset = (int64_t)load_u64(data + 8),
                               .size = load_u64(data + 16),
                               .first_append_ms = (int64_t)load_u64(data + 24),
                               .last_append_ms = (int64_t)load_u64(data + 32),
                               .max_timestamp_ms = (int64_t)load_u64(data + 40),
                               .count = load_u32(data + 48)};
    return true;
}

void index_entry_decode(const uint8_t *at, struct index_entry *entry)
{
    *entry = (struct index_entry){(int64_t)load_u64(at), load_u64(at + 8),
                                  (int64_t)load_u64(at + 16)};
}

bool segment_decode_summary(struct segment *segment, const uint8_t *data,
                            size_t size)
{
    struct index_summary summary;

    if (!index_summary_decode(data, size, &summary) ||
        summary.base_offset != segment->base_offset)
        return false;
    segment->end_offset = summary.end_offset;
    segment->size = summary.size;
    segment->first_append_ms = summary.first_append_ms;
    segment->last_append_ms = summary.last_append_ms;
    segment->max_timestamp_ms = summary.max_timestamp_ms;
    return segment->end_offset >= segment->base_offset;
}

/* The entries must lie within the segment as it is (B41). */
static bool decode_entries(const struct segment *segment, struct index *index,
                           const uint8_t *data, size_t size)
{
    struct heap *heap = segment->log->directory->seam->heap;
    size_t count;

    if (size < INDEX_SUMMARY_BYTES ||
        (int64_t)load_u64(data) != segment->base_offset ||
        (int64_t)load_u64(data + 8) != segment->end_offset ||
        load_u64(data + 16) != segment->size)
        return false;
    count = load_u32(data + 48);
    if (count > INDEX_ENTRIES_MAX || count == 0 ||
        size != INDEX_SUMMARY_BYTES + count * INDEX_ENTRY_BYTES)
        return false;
    index->entries = heap_alloc(heap, count * sizeof *index->entries);
    index->capacity = count;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *at = data + INDEX_SUMMARY_BYTES + i * INDEX_ENTRY_BYTES;
        struct index_entry *entry = &index->entries[i];

        index_entry_decode(at, entry);
        if (entry->offset >= segment->end_offset ||
            entry->position >= segment->size ||
            (i == 0 &&
             (entry->offset != segment->base_offset || entry->position != 0)) ||
            (i > 0 && (entry->offset <= entry[-1].offset ||
                       entry->position <= entry[-1].position)))
            return false;
    }
    index->count = count;
    return true;
}

/* ---- open and closed ---- */

bool segment_reaches(const struct segment *segment, int64_t offset)
{
    const struct index *index = &segment->index;

    return segment->file != NULL &&
           (segment->indexed ||
            (index->count > 0 && index->entries[0].offset <= offset));
}

/* Somebody works on it, or will. */
static bool in_use(const struct segment *segment)
{
    const struct log_body *body = segment->log->body;

    return segment->loading || segment->dirty || segment->seal_wanted ||
           segment->end_offset > body->log.log_end_offset || body->in_round ||
           body->window_loading || body->exclusive.kind != EXCLUSIVE_NONE;
}

static void index_drop(struct segment *segment)
{
    segment->indexed = false;
    index_release(&segment->index, segment->log->directory->seam->heap);
}

/* The index of an active segment stays: it is written when it is sealed. */
static void close_file(struct segment *segment)
{
    struct log_directory *directory = segment->log->directory;

    idle_leave(segment);
    disk_close(directory->seam->disk, segment->file);
    segment->file = NULL;
    if (segment->sealed)
        index_drop(segment);
}

static void close_idle(struct idle_files *files)
{
    list_for_each_safe (node, &files->segments) {
        struct segment *segment = container_of(node, struct segment, idle);

        if (files->count <= files->count_max)
            return;
        if (!in_use(segment))
            close_file(segment);
    }
}

void idle_fire(struct timer *timer)
{
    struct log_directory *directory =
        container_of(timer, struct log_directory, idle_timer);

    close_idle(&directory->sealed_files);
    close_idle(&directory->active_files);
}

void segment_touch(struct segment *segment)
{
    struct log_directory *directory = segment->log->directory;
    struct idle_files *files =
        segment->sealed ? &directory->sealed_files : &directory->active_files;

    idle_leave(segment);
    if (segment->file == NULL) {
        if (segment->sealed && !segment->seal_wanted && !segment->loading)
            index_drop(segment); /* it was closed before it was sealed */
        return;
    }
    segment->idle_in = files;
    list_append(&files->segments, &segment->idle);
    files->count++;
    if (files->count > files->count_max &&
        !timer_running(&directory->idle_timer))
        timer_start(directory->seam->timers, &directory->idle_timer,
                    directory->seam->now.monotonic_us + IDLE_US);
}

void segment_resize(struct segment *segment, uint64_t size)
{
    segment->log->size_bytes += size - segment->size; /* modulo 2^64 */
    segment->size = size;
}

void segment_mended(struct segment *segment, uint64_t size)
{
    ASSERT(segment->sealed);
    segment_resize(segment, size);
    segment->unreadable = false;
    if (in_use(segment) || body_of(segment->log)->sealing)
        return; /* what it has of an index is right, if coarse */
    close_file(segment);
    segment->index_good = false;
    segment->seal_wanted = true;
}

static void load_finish(struct load *load, bool indexed)
{
    struct segment *segment = load->segment;
    struct log_body *body = body_of(segment->log);
    struct heap *heap = body->log.directory->seam->heap;

    if (indexed)
        index_prepend(&segment->index, heap, &load->index);
    segment->indexed = segment->indexed || indexed;
    if (!segment->indexed)
        segment->seal_wanted = false; /* recovery will scan it again */
    segment->unreadable = !indexed;
    segment->loading = false;
    body->loads--;
    index_release(&load->index, heap);
    small_file_release(&load->file);
    scan_release(&load->scan);
    heap_free(heap, load->path);
    heap_free(heap, load);
    segment_touch(segment);
    append_pump(body);
    seal_next(body);
    log_progress(body);
    log_kick(body);
}

static bool load_batch(struct scan *scan, const struct batch_header *header)
{
    struct load *load = scan->context;
    struct log_directory *directory = load->segment->log->directory;

    index_note(&load->index, directory->seam->heap,
               directory->options.index_interval_bytes, header, scan->position);
    return true;
}

static void load_scanned(struct scan *scan)
{
    struct load *load = scan->context;
    struct segment *segment = load->segment;

    /* What could be read serves; readers check every batch themselves. */
    if (scan->result != SCAN_END) {
        trace_log(segment->log->directory->seam->trace, TRACE_WARN,
                  "segment %s/%020" PRId64 ".log: no batch can be read at "
                  "byte %" PRIu64,
                  body_of(segment->log)->path, segment->base_offset,
                  scan->position);
        scrub_suspect(body_of(segment->log), segment->base_offset);
    }
    load_finish(load, load->index.count > 0);
}

static void load_by_scan(struct load *load)
{
    struct segment *segment = load->segment;

    load->end = segment->index.count > 0 ? segment->index.entries[0].position
                                         : segment->size;
    if (load->end == 0) {
        load_finish(load, true);
        return;
    }
    load->scan = (struct scan){.seam = segment->log->directory->seam,
                               .key = segment->log->key,
                               .file = segment->file,
                               .end = load->end,
                               .dense = true,
                               .due = segment->base_offset,
                               .on_batch = load_batch,
                               .done = load_scanned,
                               .context = load};
    scan_start(&load->scan);
}

static void load_read(struct small_file *file, enum error error)
{
    struct load *load = file->context;
    struct segment *segment = load->segment;

    if (error == ERROR_NONE &&
        decode_entries(segment, &load->index, file->payload,
                       file->payload_size)) {
        load_finish(load, true);
        return;
    }
    index_release(&load->index, segment->log->directory->seam->heap);
    load_by_scan(load);
}

static void load_opened(struct disk_request *request)
{
    struct load *load = container_of(request, struct load, request);
    struct segment *segment = load->segment;
    struct log_body *body = body_of(segment->log);
    char *path;

    if (request->error == ERROR_NONE && segment->file == NULL) {
        segment->file = request->file;
        if (!segment->sealed)
            SOMETIMES(body->log.directory->seam->trace, SEGMENT_REOPENED);
    }
    if (segment->file == NULL) {
        trace_log(body->log.directory->seam->trace, TRACE_WARN,
                  "cannot open segment %s: %s", load->path,
                  error_sentence(request->error));
        append_cannot_open(segment, request->error);
        load_finish(load, false);
        return;
    }
    if (!segment->sealed || segment->index.count > 0) {
        load_by_scan(load);
        return;
    }
    path = segment_path(body, segment->base_offset, "index");
    load->file.done = load_read;
    load->file.context = load;
    small_file_read(&load->file, body->log.directory->seam, path, INDEX_MAGIC,
                    0);
    heap_free(body->log.directory->seam->heap, path);
}

void segment_load(struct segment *segment)
{
    struct log_body *body = body_of(segment->log);
    struct seam *seam = body->log.directory->seam;
    struct load *load;

    if (segment->loading)
        return;
    segment->loading = true;
    body->loads++;
    load = heap_alloc(seam->heap, sizeof *load);
    load->segment = segment;
    load->path = segment_path(body, segment->base_offset, "log");
    load->request.done = load_opened;
    if (segment->file != NULL) {
        /* the file is open: a request on it brings us back as an event */
        disk_read(seam->disk, &load->request, segment->file, load, 0, 0);
        return;
    }
    disk_open(seam->disk, &load->request, load->path, DISK_OPEN_EXISTING);
}
