/* SPDX-License-Identifier: Apache-2.0
 *
 * What lies in a log directory, as structs and pure functions: for the log
 * itself and for whoever looks at a directory that no broker runs on
 * (docs/storage-format.md). Bytes are hostile: every function says false, or
 * names the fault, for any that are not what they should be. Each is defined
 * in the file that writes the format.
 */
#ifndef LOG_FORMAT_H
#define LOG_FORMAT_H

#include "base/cursor.h"
#include "log/index.h"
#include "log/log.h"
#include "log/producers.h"
#include "rules/epochs.h"

/* Whatever a topic's limit is: nothing longer is taken from a disk. */
#define LOG_BATCH_BYTES_MAX (64u << 20)
#define LOG_EPOCHS_MAX      256
#define BALLAST_NAME        "ballast" /* space set aside: log/space.h */
#define FAILED_NAME         "failed"  /* the directory did: log/doubt.c */
#define MENDING_NAME        "mending" /* of a log, see log/mend.c */

#define META_MAGIC       0x544d514bu /* "KQMT" */
#define CLEAN_MAGIC      0x4c43514bu /* "KQCL" */
#define CHECKPOINT_MAGIC 0x4b43514bu /* "KQCK" */
#define INDEX_MAGIC      0x5849514bu /* "KQIX" */
#define EPOCHS_MAGIC     0x5045514bu /* "KQEP" */
#define LIVES_MAGIC      0x564c514bu /* "KQLV" */
#define MENDING_MAGIC    0x444d514bu /* "KQMD" */

#define META_BYTES            40
#define CLEAN_BYTES           16
#define CHECKPOINT_HEAD_BYTES 24
#define CHECKPOINT_LOG_BYTES  96
#define CHECKPOINT_TAIL_BYTES 8
#define INDEX_SUMMARY_BYTES   56
#define INDEX_ENTRY_BYTES     24
#define EPOCHS_HEAD_BYTES     8
#define EPOCHS_ENTRY_BYTES    16
#define LIVES_HEAD_BYTES      16
#define LIVES_ENTRY_BYTES     8
#define MENDING_BYTES         8

/* ---- names ---- */

#define SEGMENT_NAME_SIZE 40
/* The suffix of a name is "log", "index" or "producers". */
void segment_name(char name[SEGMENT_NAME_SIZE], int64_t offset,
                  const char *suffix);
bool segment_name_parse(const char *name, const char *suffix, int64_t *offset);
bool parse_log_name(const char *name, struct partition_key *key);
/* In a log directory: a small file that was being written, a log that was
 * being deleted. Anything else that ends so is somebody else's. */
bool log_name_is_temporary(const char *name);
bool log_name_is_deleted(const char *name);
int key_compare(const struct partition_key *a, const struct partition_key *b);

/* ---- small files: small_file.c ---- */

enum small_file_fault {
    SMALL_FILE_WHOLE,
    SMALL_FILE_SHORT, /* no header */
    SMALL_FILE_MAGIC,
    SMALL_FILE_VERSION,
    SMALL_FILE_SIZE, /* not the one that the header says */
    SMALL_FILE_CHECKSUM
};

/* `prefix`: only a part was read, only the header is looked at. */
enum small_file_fault small_file_inspect(const uint8_t *data, size_t size,
                                         uint32_t magic, bool prefix);

/* ---- payloads ---- */

struct meta {
    struct uuid cluster_id;
    uint32_t broker_id;
    struct uuid directory_id;
};

/* open.c */
bool meta_decode(const uint8_t *data, size_t size, struct meta *meta);

/* A place in a log: offset, and where its batch lies or will lie. */
struct place {
    int64_t offset;
    int64_t segment; /* its base offset */
    uint64_t position;
};

/* What the checkpoint holds of a log. */
struct stored_log {
    struct partition_key key;
    uint64_t generation;
    struct place recovery;
    int64_t first_append_ms; /* of the segment of `recovery` */
    int64_t last_append_ms;
    int64_t max_timestamp_ms;
    int64_t high_watermark;
    int64_t log_start_offset;
    bool no_producers; /* none known at the recovery point */
    bool doubtful;
    bool lossy; /* as it was recovered, and not in sync since */
};

/* checkpoint.c */
bool checkpoint_head_decode(struct cursor *cursor, struct uuid *boot_id,
                            uint32_t *count);
bool stored_log_decode(struct cursor *cursor, struct stored_log *stored);
/* Whether a payload of `size` bytes holds so many logs. */
bool checkpoint_fits(size_t size, uint32_t count);
/* Believed time when a payload that fits was written, behind the logs;
 * INT64_MIN: none. */
int64_t checkpoint_believed_ms(const uint8_t *payload, size_t size);

/* The head of an index file. */
struct index_summary {
    int64_t base_offset;
    int64_t end_offset;
    uint64_t size;
    int64_t first_append_ms;
    int64_t last_append_ms;
    int64_t max_timestamp_ms;
    uint32_t count; /* of entries */
};

/* segment.c. The summary has a checksum of its own. */
bool index_summary_decode(const uint8_t *data, size_t size,
                          struct index_summary *summary);
void index_entry_decode(const uint8_t *at, struct index_entry *entry);

/* epochs_file.c; epochs->capacity is LOG_EPOCHS_MAX. */
bool epochs_decode(struct epochs *epochs, const uint8_t *data, size_t size);

#define LIVES_MAX 64

/* Broker epochs that a directory was used under. */
struct lives {
    uint64_t floor;             /* what is below it counts as used */
    uint64_t epochs[LIVES_MAX]; /* ascending, none below the floor */
    size_t count;
};

/* lives.c */
bool lives_decode(struct lives *lives, const uint8_t *data, size_t size);
bool lives_has(const struct lives *lives, uint64_t broker_epoch);
/* Past LIVES_MAX the oldest goes, and counts as used with all before it. */
void lives_add(struct lives *lives, uint64_t broker_epoch);

#endif
