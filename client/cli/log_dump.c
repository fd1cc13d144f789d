/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns what kq log dump prints of each kind of file, and the way through a
 * directory. What is damaged is said as an item of its own, and the rest of
 * the file is left out when nothing in it can be told apart.
 */
#include "client/cli/log_dump.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "client/cli/cli.h"
#include "client/cli/log_emit.h"
#include "client/cli/log_read.h"
#include "client/cli/log_records.h"
#include "log/small_file.h"

#define WIDTH_OFFSET 10
#define WIDTH_BYTES  8

struct dump {
    struct log_emit emit;
    bool records;
    const char *file; /* the one looked at */
    int code;
};

static void dump_fault(struct dump *dump, const struct log_fault *fault)
{
    int code = fault->unreadable ? EXIT_ENVIRONMENT : EXIT_CHECK;

    emit_begin(&dump->emit, fault->unreadable ? "unreadable" : "damage",
               dump->file, fault->position);
    emit_string(&dump->emit, "problem", fault->text);
    emit_end(&dump->emit);
    if (code > dump->code)
        dump->code = code;
}

static void dump_damage(struct dump *dump, uint64_t position, const char *text)
{
    struct log_fault fault;

    log_fault_set(&fault, position, "%s", text);
    dump_fault(dump, &fault);
}

/* ---- records ---- */

static struct bytes bytes_of(bool has, const ProtobufCBinaryData *data)
{
    if (!has)
        return (struct bytes){NULL, 0};
    if (data->len == 0)
        return bytes_of_string("");
    return (struct bytes){data->data, data->len};
}

static void print_record(struct dump *dump, const struct segment_walk *walk,
                         uint32_t at, const Kq__Record *record)
{
    struct log_emit *emit = &dump->emit;

    emit_begin(emit, "record", dump->file, walk->position);
    emit_number(emit, "offset", walk->header.base_offset + at, WIDTH_OFFSET,
                "");
    emit_time(emit, "timestamp",
              (int64_t)((uint64_t)walk->header.base_timestamp_ms +
                        (uint64_t)record->timestamp_delta));
    emit_bytes(emit, "key", bytes_of(record->has_key, &record->key));
    emit_bytes(emit, "value", bytes_of(record->has_value, &record->value));
    emit_list_begin(emit, "headers");
    for (size_t i = 0; i < record->n_headers; i++) {
        const Kq__Header *header = record->headers[i];

        emit_list_next(emit, i == 0);
        emit_bytes(emit, "key", bytes_of_string(header->key));
        emit_bytes(emit, "value", bytes_of(header->has_value, &header->value));
    }
    emit_list_end(emit, record->n_headers == 0);
    emit_end(emit);
}

struct records {
    struct dump *dump;
    const struct segment_walk *walk;
};

static void each_record(void *context, uint32_t at, const Kq__Record *record)
{
    const struct records *records = context;

    if (record != NULL)
        print_record(records->dump, records->walk, at, record);
    else
        dump_damage(records->dump, records->walk->position,
                    "a record of the batch cannot be decoded");
}

static void dump_records(struct dump *dump, const struct segment_walk *walk)
{
    struct records records = {dump, walk};
    struct bytes set = {walk->batch + BATCH_HEADER_BYTES,
                        walk->header.length - BATCH_HEADER_BYTES};

    if ((walk->header.attributes & BATCH_CODEC_MASK) != BATCH_CODEC_NONE)
        return; /* "codec" of the batch says why */
    if (!log_records_each(set, walk->header.record_count, each_record,
                          &records))
        dump_damage(dump, walk->position,
                    "the records of the batch are not as many as its header "
                    "counts, or cut short");
}

/* ---- segments ---- */

static const char *codec_name(uint32_t attributes)
{
    static const char *const names[] = {"none", "lz4", "zstd"};
    uint32_t codec = attributes & BATCH_CODEC_MASK;

    return codec < sizeof names / sizeof names[0] ? names[codec] : "unknown";
}

static void print_batch(struct dump *dump, const struct segment_walk *walk,
                        bool body_good)
{
    const struct batch_header *header = &walk->header;
    struct log_emit *emit = &dump->emit;

    emit_begin(emit, "batch", dump->file, walk->position);
    emit_number(emit, "base_offset", header->base_offset, WIDTH_OFFSET, "");
    emit_number(emit, "last_offset", batch_next_offset(header) - 1,
                WIDTH_OFFSET, "");
    emit_unsigned(emit, "records", header->record_count, 6, "");
    emit_unsigned(emit, "length", header->length, WIDTH_BYTES, "B");
    emit_unsigned(emit, "leader_epoch", header->leader_epoch, 4, "");
    emit_time(emit, "append_time", header->append_time_ms);
    emit_time(emit, "base_timestamp", header->base_timestamp_ms);
    emit_time(emit, "max_timestamp", header->max_timestamp_ms);
    emit_string(emit, "codec", codec_name(header->attributes));
    emit_unsigned(emit, "attributes", header->attributes, 2, "");
    emit_number(emit, "producer_id", header->producer_id, 6, "");
    emit_unsigned(emit, "producer_epoch", header->producer_epoch, 3, "");
    emit_number(emit, "base_sequence", header->base_sequence, 8, "");
    emit_checksum(emit, "header_crc", header->header_crc);
    emit_bool(emit, "header_crc_checked", walk->key != NULL);
    emit_checksum(emit, "body_crc", header->body_crc);
    emit_bool(emit, "body_crc_good", body_good);
    emit_end(emit);
}

/* The log that a segment is of, by the name of its directory. */
static bool key_of(const char *path, struct partition_key *key)
{
    char *real = realpath(path, NULL);
    char *slash = real ? strrchr(real, '/') : NULL;
    bool known = false;

    if (slash != NULL) {
        *slash = '\0';
        slash = strrchr(real, '/');
        known = slash != NULL && parse_log_name(slash + 1, key);
    }
    free(real);
    return known;
}

static void dump_segment(struct dump *dump)
{
    struct segment_walk walk;
    struct partition_key key;
    bool known = key_of(dump->file, &key);
    struct log_fault fault;

    if (!segment_walk_open(&walk, dump->file, known ? &key : NULL, &fault)) {
        dump_fault(dump, &fault);
        return;
    }
    emit_begin(&dump->emit, "segment", dump->file, 0);
    emit_unsigned(&dump->emit, "size", walk.size, 0, "B");
    emit_end(&dump->emit);
    for (;;) {
        enum segment_step step = segment_walk_next(&walk, &fault);

        if (step == SEGMENT_END)
            break;
        if (step != SEGMENT_LOST)
            print_batch(dump, &walk, step == SEGMENT_BATCH);
        if (step != SEGMENT_BATCH)
            dump_fault(dump, &fault);
        if (step == SEGMENT_LOST)
            break;
        if (step == SEGMENT_BATCH && dump->records &&
            !(walk.header.attributes & BATCH_CONTROL))
            dump_records(dump, &walk);
    }
    segment_walk_close(&walk);
}

/* ---- small files ---- */

static void dump_meta(struct dump *dump, const struct log_small *file)
{
    struct meta meta;

    if (!meta_decode(file->payload, file->payload_size, &meta)) {
        dump_damage(dump, 8, "the payload is of the wrong size");
        return;
    }
    emit_begin(&dump->emit, "meta", dump->file, 0);
    emit_uuid(&dump->emit, "cluster_id", &meta.cluster_id);
    emit_unsigned(&dump->emit, "broker_id", meta.broker_id, 0, "");
    emit_uuid(&dump->emit, "directory_id", &meta.directory_id);
    emit_end(&dump->emit);
}

static void dump_clean(struct dump *dump, const struct log_small *file)
{
    struct uuid token;

    if (!uuid_from_bytes(file->payload, file->payload_size, &token)) {
        dump_damage(dump, 8, "the payload is of the wrong size");
        return;
    }
    emit_begin(&dump->emit, "clean", dump->file, 0);
    emit_uuid(&dump->emit, "token", &token);
    emit_end(&dump->emit);
}

static void dump_lives(struct dump *dump, const struct log_small *file)
{
    struct lives lives;

    if (!lives_decode(&lives, file->payload, file->payload_size)) {
        dump_damage(dump, SMALL_FILE_HEADER_BYTES,
                    "the broker epochs are no list that ascends");
        return;
    }
    emit_begin(&dump->emit, "lives", dump->file, 0);
    emit_unsigned(&dump->emit, "floor", lives.floor, 0, "");
    emit_end(&dump->emit);
    for (size_t i = 0; i < lives.count; i++) {
        emit_begin(&dump->emit, "life", dump->file,
                   SMALL_FILE_HEADER_BYTES + LIVES_HEAD_BYTES +
                       i * LIVES_ENTRY_BYTES);
        emit_unsigned(&dump->emit, "broker_epoch", lives.epochs[i], 0, "");
        emit_end(&dump->emit);
    }
}

static void print_stored(struct dump *dump, const struct stored_log *stored,
                         uint64_t position)
{
    struct log_emit *emit = &dump->emit;

    emit_begin(emit, "checkpoint_log", dump->file, position);
    emit_uuid(emit, "topic_id", &stored->key.topic_id);
    emit_unsigned(emit, "partition", stored->key.partition, 4, "");
    emit_number(emit, "log_start_offset", stored->log_start_offset,
                WIDTH_OFFSET, "");
    emit_number(emit, "high_watermark", stored->high_watermark, WIDTH_OFFSET,
                "");
    emit_number(emit, "recovery_offset", stored->recovery.offset, WIDTH_OFFSET,
                "");
    emit_number(emit, "recovery_segment", stored->recovery.segment,
                WIDTH_OFFSET, "");
    emit_unsigned(emit, "recovery_position", stored->recovery.position,
                  WIDTH_BYTES, "B");
    emit_unsigned(emit, "generation", stored->generation, 3, "");
    emit_bool(emit, "no_producers", stored->no_producers);
    emit_bool(emit, "doubtful", stored->doubtful);
    emit_bool(emit, "lossy", stored->lossy);
    emit_time(emit, "first_append_time", stored->first_append_ms);
    emit_time(emit, "last_append_time", stored->last_append_ms);
    emit_time(emit, "max_timestamp", stored->max_timestamp_ms);
    emit_end(emit);
}

static void dump_checkpoint(struct dump *dump, const struct log_small *file)
{
    struct stored_log stored;
    struct cursor cursor;
    struct uuid boot_id;
    uint32_t count;

    cursor_init(&cursor, file->payload, file->payload_size);
    if (!checkpoint_head_decode(&cursor, &boot_id, &count)) {
        dump_damage(dump, 8, "the payload is too short");
        return;
    }
    emit_begin(&dump->emit, "checkpoint", dump->file, 0);
    emit_uuid(&dump->emit, "boot_id", &boot_id);
    emit_unsigned(&dump->emit, "logs", count, 0, "");
    if (checkpoint_fits(file->payload_size, count) &&
        checkpoint_believed_ms(file->payload, file->payload_size) != INT64_MIN)
        emit_time(&dump->emit, "believed_time",
                  checkpoint_believed_ms(file->payload, file->payload_size));
    emit_end(&dump->emit);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t position = SMALL_FILE_HEADER_BYTES + cursor.at;

        if (!stored_log_decode(&cursor, &stored)) {
            dump_damage(dump, position,
                        "the entry of a log is cut short, or "
                        "holds a negative offset");
            return;
        }
        print_stored(dump, &stored, position);
    }
}

static void dump_index(struct dump *dump, const struct log_small *file)
{
    struct log_emit *emit = &dump->emit;
    struct index_summary summary;

    if (!index_summary_decode(file->payload, file->payload_size, &summary)) {
        dump_damage(dump, SMALL_FILE_HEADER_BYTES,
                    "the checksum of the summary does not match");
        return;
    }
    emit_begin(emit, "index", dump->file, 0);
    emit_number(emit, "base_offset", summary.base_offset, 0, "");
    emit_number(emit, "end_offset", summary.end_offset, 0, "");
    emit_unsigned(emit, "size", summary.size, 0, "B");
    emit_time(emit, "first_append_time", summary.first_append_ms);
    emit_time(emit, "last_append_time", summary.last_append_ms);
    emit_time(emit, "max_timestamp", summary.max_timestamp_ms);
    emit_unsigned(emit, "entries", summary.count, 0, "");
    emit_end(emit);
    if ((file->payload_size - INDEX_SUMMARY_BYTES) / INDEX_ENTRY_BYTES !=
        summary.count)
        dump_damage(dump, SMALL_FILE_HEADER_BYTES + 48,
                    "the count of entries does not fit the payload");
    for (size_t at = INDEX_SUMMARY_BYTES;
         at + INDEX_ENTRY_BYTES <= file->payload_size;
         at += INDEX_ENTRY_BYTES) {
        struct index_entry entry;

        index_entry_decode(file->payload + at, &entry);
        emit_begin(emit, "index_entry", dump->file,
                   SMALL_FILE_HEADER_BYTES + at);
        emit_number(emit, "offset", entry.offset, WIDTH_OFFSET, "");
        emit_unsigned(emit, "batch_position", entry.position, WIDTH_BYTES, "B");
        emit_time(emit, "max_timestamp", entry.max_timestamp_ms);
        emit_end(emit);
    }
}

static void dump_epochs(struct dump *dump, const struct log_small *file)
{
    struct epoch_entry entries[LOG_EPOCHS_MAX];
    struct epochs epochs;

    epochs_init(&epochs, entries, LOG_EPOCHS_MAX);
    if (!epochs_decode(&epochs, file->payload, file->payload_size)) {
        dump_damage(dump, SMALL_FILE_HEADER_BYTES,
                    "the entries do not ascend, or not as many are there as "
                    "the count says");
        return;
    }
    emit_begin(&dump->emit, "epochs", dump->file, 0);
    emit_unsigned(&dump->emit, "entries", epochs.count, 0, "");
    emit_end(&dump->emit);
    for (size_t i = 0; i < epochs.count; i++) {
        emit_begin(&dump->emit, "epoch", dump->file,
                   SMALL_FILE_HEADER_BYTES + EPOCHS_HEAD_BYTES +
                       i * EPOCHS_ENTRY_BYTES);
        emit_unsigned(&dump->emit, "leader_epoch", entries[i].epoch, 4, "");
        emit_number(&dump->emit, "start_offset", entries[i].start_offset,
                    WIDTH_OFFSET, "");
        emit_end(&dump->emit);
    }
}

static void dump_mending(struct dump *dump, const struct log_small *file)
{
    if (file->payload_size != MENDING_BYTES) {
        dump_damage(dump, SMALL_FILE_HEADER_BYTES, "it holds no offset");
        return;
    }
    emit_begin(&dump->emit, "mending", dump->file, 0);
    emit_number(&dump->emit, "from_offset", (int64_t)load_u64(file->payload), 0,
                "");
    emit_end(&dump->emit);
}

static void print_producer(struct dump *dump, const struct producer *producer,
                           uint64_t position)
{
    struct log_emit *emit = &dump->emit;

    emit_begin(emit, "producer", dump->file, position);
    emit_number(emit, "producer_id", producer->id, 6, "");
    emit_unsigned(emit, "producer_epoch", producer->epoch, 3, "");
    emit_bool(emit, "more", producer->more);
    emit_list_begin(emit, "batches");
    for (uint32_t i = 0; i < producer->batch_count; i++) {
        emit_list_next(emit, i == 0);
        emit_number(emit, "base_offset", producer->batches[i].base_offset, 0,
                    "");
        emit_number(emit, "base_sequence", producer->batches[i].base_sequence,
                    0, "");
        emit_number(emit, "last_sequence", producer->batches[i].last_sequence,
                    0, "");
    }
    emit_list_end(emit, producer->batch_count == 0);
    emit_end(emit);
}

static void dump_producers(struct dump *dump, const struct log_small *file)
{
    struct producers_head head;
    struct producer producer;
    struct cursor cursor;

    cursor_init(&cursor, file->payload, file->payload_size);
    if (!producers_head_decode(&cursor, &head)) {
        dump_damage(dump, SMALL_FILE_HEADER_BYTES,
                    "the head is cut short or counts too many producers");
        return;
    }
    emit_begin(&dump->emit, "producers", dump->file, 0);
    emit_number(&dump->emit, "offset", head.place.offset, 0, "");
    emit_number(&dump->emit, "segment", head.place.segment, 0, "");
    emit_unsigned(&dump->emit, "batch_position", head.place.position, 0, "B");
    emit_bool(&dump->emit, "forgetful", head.forgetful);
    emit_unsigned(&dump->emit, "producers", head.count, 0, "");
    emit_end(&dump->emit);
    for (uint32_t i = 0; i < head.count; i++) {
        uint64_t position = SMALL_FILE_HEADER_BYTES + cursor.at;

        if (!producer_decode(&cursor, &producer)) {
            dump_damage(dump, position,
                        "the entry of a producer is cut short or not one");
            return;
        }
        print_producer(dump, &producer, position);
    }
}

/* ---- which file is what ---- */

static const struct kind {
    const char *name; /* with a dot first: what the name ends with */
    uint32_t magic;   /* 0: a segment */
    void (*print)(struct dump *dump, const struct log_small *file);
} kinds[] = {
    {"meta", META_MAGIC, dump_meta},
    {"clean", CLEAN_MAGIC, dump_clean},
    {"lives", LIVES_MAGIC, dump_lives},
    {"checkpoint", CHECKPOINT_MAGIC, dump_checkpoint},
    {"epochs", EPOCHS_MAGIC, dump_epochs},
    {MENDING_NAME, MENDING_MAGIC, dump_mending},
    {".index", INDEX_MAGIC, dump_index},
    {".producers", PRODUCERS_MAGIC, dump_producers},
    {".log", 0, NULL},
};

static const struct kind *kind_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t length = strlen(name);

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t size = strlen(kinds[i].name);
        bool whole = kinds[i].name[0] != '.';

        if (length >= size && (!whole || length == size) &&
            strcmp(name + length - size, kinds[i].name) == 0)
            return &kinds[i];
    }
    return NULL;
}

static void dump_file(struct dump *dump, const struct kind *kind)
{
    struct log_fault fault;
    struct log_small file;

    if (!dump->emit.json)
        fprintf(dump->emit.out, "%s\n", dump->file);
    if (kind->magic == 0) {
        dump_segment(dump);
        return;
    }
    if (log_small_read(dump->file, kind->magic, &file, &fault))
        kind->print(dump, &file);
    else
        dump_fault(dump, &fault);
    log_small_release(&file);
}

/* A directory's files, and those of the logs in it. */
static void dump_directory(struct dump *dump, const char *path, bool deeper)
{
    struct log_names names;
    struct log_fault fault;

    if (!log_names_read(path, &names)) {
        log_fault_set(&fault, 0, "it cannot be listed: %s", strerror(errno));
        fault.unreadable = true;
        dump->file = path;
        dump_fault(dump, &fault);
        return;
    }
    for (size_t i = 0; i < names.count; i++) {
        char inner[LOG_PATH_SIZE];
        struct partition_key key;

        log_path(inner, path, names.names[i]);
        dump->file = inner;
        if (parse_log_name(names.names[i], &key) && deeper)
            dump_directory(dump, inner, false);
        else if (kind_of(inner) != NULL)
            dump_file(dump, kind_of(inner));
    }
    log_names_release(&names);
}

int log_dump_run(const char *path, const struct log_dump_options *options,
                 FILE *out)
{
    struct dump dump = {.emit = {out, options->json, false},
                        .records = options->records,
                        .file = path};
    struct stat status;

    if (stat(path, &status) != 0)
        return fail(EXIT_ENVIRONMENT, "'%s': %s", path, strerror(errno));
    if (S_ISDIR(status.st_mode))
        dump_directory(&dump, path, true);
    else if (kind_of(path) != NULL)
        dump_file(&dump, kind_of(path));
    else
        return fail(EXIT_USAGE,
                    "'%s' is no file of a log directory: its name should be "
                    "meta, checkpoint, clean, epochs, or end with .log, "
                    ".index or .producers",
                    path);
    return dump.code;
}
