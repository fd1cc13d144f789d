/* SPDX-License-Identifier: Apache-2.0
 *
 * The logs of one log directory: what replicas append to, cut, read and
 * delete from. Loop thread only; everything asynchronous answers by a
 * callback, never from inside the call.
 *
 * On disk, under the log directory:
 *     meta                       cluster id, broker id, directory id
 *     checkpoint                 boot id; recovery point, high watermark, log
 *                                start, generation of every log
 *     lives                      broker epochs that it was used under
 *     clean                      token of a clean shutdown, removed at start
 *     failed                     it failed when it was used last (log/doubt.c)
 *     lock
 *     ballast                    space set aside (log/space.h)
 *     TOPICID-PARTITION/         32 hex digits, '-', decimal
 *         %020d.log              segment, by base offset
 *         %020d.index            of a sealed segment: sparse (offset,
 *                                position, max timestamp) and a summary;
 *                                rebuilt when missing or damaged
 *         epochs                 epoch history
 *         %020d.producers        snapshot of producer state at this offset
 *
 * Offsets of a log:  log_start <= high_watermark(stored) <= ...
 *     durable_end <= log_end <= next_offset
 * next_offset counts submitted appends, log_end completed ones (their bytes
 * can be read), durable_end synced ones. The counted offset is durable_end
 * when flush_ms is 0, log_end otherwise.
 */
#ifndef LOG_LOG_H
#define LOG_LOG_H

#include <stdbool.h>
#include <sys/uio.h>

#include "base/error.h"
#include "base/list.h"
#include "log/scan.h"
#include "log/small_file.h"
#include "rules/batch.h"
#include "seam/disk.h"
#include "seam/seam.h"
#include "seam/trace.h"

struct log;
struct log_directory;

/* A topic's settings, resolved. */
struct log_settings {
    uint64_t segment_bytes;
    int64_t segment_ms;      /* age at which a segment is rolled; > 0 */
    int64_t retention_ms;    /* -1: no limit */
    int64_t retention_bytes; /* -1: no limit; of one partition */
    int64_t flush_ms;        /* 0: synced before it counts; -1: the kernel */
    uint32_t batch_bytes_max;
};

struct log_directory_options {
    const char *path; /* borrowed for the life of the directory */
    uint32_t index;   /* of the broker's directories: 0 .. count - 1 */
    uint32_t count;   /* of them; 0 means 1 */
    struct uuid cluster_id;
    uint32_t broker_id;
    int64_t checkpoint_interval_ms;
    uint32_t index_interval_bytes;
    uint64_t scrub_bytes_per_second; /* 0: nothing is read for its own sake */
    int64_t scrub_interval_ms;       /* between the beginnings of two passes */
    unsigned recoveries_max;         /* logs recovered at once at start; > 0 */
    /* Of all directories: segments that stay open though nothing is under way
     * on them; of sealed ones at most 256. */
    unsigned open_files_max;
    uint64_t reserve_bytes; /* below this much free space: disk_full */
    /* How often free space is looked at; what waits for some is tried again
     * five times as often. 0 means 1000. */
    int64_t space_interval_ms;
    /* settings of a log found on disk until log_configure() */
    struct log_settings default_settings;
};

/* Embedded by the owner of the directory. */
struct log_directory_owner {
    /* Answer to log_directory_open(). On an error `detail` is a sentence
     * that names the file and the way out; static or valid until return. */
    void (*opened)(struct log_directory_owner *owner, enum error error,
                   const char *detail);
    /* A write or a sync failed: the directory is fenced; nothing in doubt
     * will be reported durable. Called once. */
    void (*failed)(struct log_directory_owner *owner, enum error error,
                   const char *detail);
    /* What log_directory_begin_life() asked for is stored. */
    void (*lived)(struct log_directory_owner *owner);
};

struct log_directory *log_directory_new(
    struct seam *seam, const struct log_directory_options *options,
    struct log_directory_owner *owner);

/* Locks, reads meta (writes it when the directory is fresh: empty or absent),
 * checkpoint and clean token, recovers every log; then opened(). */
void log_directory_open(struct log_directory *directory);

/* Syncs everything, writes the checkpoint and last the clean token; then
 * done. No appends may be submitted afterwards. */
void log_directory_shutdown(struct log_directory *directory,
                            void (*done)(void *context, enum error error),
                            void *context);
/* Closes files; pending callbacks never come. Takes NULL. The seam's disk
 * must have no request of it in flight (after shutdown, or at exit). */
void log_directory_free(struct log_directory *directory);

/* From the meta file, once opened. */
const struct uuid *log_directory_id(const struct log_directory *directory);
/* Whether the last shutdown was clean; its token (NULL otherwise). */
const struct uuid *log_directory_clean_token(const struct log_directory *dir);
/* Believed time (rules/clock.h) as an earlier use of the directory last stored
 * it; INT64_MIN: it did not. */
int64_t log_directory_stored_ms(const struct log_directory *directory);
/* The broker is registered under this epoch: stored durably, then lived()
 * comes, from within no call. What has failed does not answer. */
void log_directory_begin_life(struct log_directory *directory,
                              uint64_t broker_epoch);
/* The directory's last life is this one, durably. */
bool log_directory_in_life(const struct log_directory *directory,
                           uint64_t broker_epoch);
/* It was used under this epoch, or no one can tell any more. */
bool log_directory_lived(const struct log_directory *directory,
                         uint64_t broker_epoch);
/* It goes into every checkpoint, and makes one due once a minute. */
void log_directory_note_time(struct log_directory *directory,
                             int64_t believed_ms);
/* Free space is below the reserve, or there is none: refuse produce. Looked at
 * each space_interval_ms, and when what was above the reserve may be written.
 */
bool log_directory_full(const struct log_directory *directory);
bool log_directory_failed(const struct log_directory *directory);
/* Logs in it, those being made too. */
size_t log_directory_log_count(const struct log_directory *directory);

/* Embedded by the replica that owns a log; set with log_set_owner(). */
struct log_owner {
    /* log_end or durable_end moved forward. */
    void (*on_progress)(struct log_owner *owner);
    /* Appends found no space and were taken back: next_offset is log_end
     * again. Whoever waits for an offset past it waits for what is not in the
     * log, and other records will be there. May be NULL. */
    void (*on_taken_back)(struct log_owner *owner);
    /* log->damaged is new, or its offset is lower. May be NULL. */
    void (*on_damage)(struct log_owner *owner);
};

/* Read freely; written by log/ alone. */
struct log {
    struct partition_key key;
    struct log_directory *directory;
    struct log_owner *owner;
    struct log_settings settings;
    int64_t log_start_offset;
    int64_t next_offset;
    int64_t log_end_offset;
    int64_t durable_end_offset;
    int64_t high_watermark; /* as last given by log_set_high_watermark() */
    uint64_t generation;    /* bumped durably by a truncation */
    bool lossy;             /* recovery ended below the stored high watermark */
    /* The kernel went down under it: what was never synced may be gone
     * without a trace. Stays until log_trust(). */
    bool doubtful;
    /* Batches of [damage_offset, damage_end_offset) cannot be read: the
     * first that is known. Not stored: what is read again is found again. */
    bool damaged;
    int64_t damage_offset;
    int64_t damage_end_offset;
    /* Some damage is newer than the snapshot of producers that a start began
     * with: which of them wrote there is known once it is mended, and found out
     * by then. */
    bool unsure;
    bool truncating;       /* or taking back: appends are refused meanwhile */
    uint64_t size_bytes;   /* of all segments */
    struct list node;      /* in the directory's list, by key */
    struct log_body *body; /* private */
};

static inline int64_t log_counted_offset(const struct log *log)
{
    return log->settings.flush_ms == 0 ? log->durable_end_offset
                                       : log->log_end_offset;
}

struct log *log_find(struct log_directory *directory,
                     const struct partition_key *key);
/* The first and next log by key, or NULL. */
struct log *log_next(struct log_directory *directory, struct log *log);

/* Makes an empty log that starts at offset 0, durable before done. */
void log_create(struct log_directory *directory,
                const struct partition_key *key,
                const struct log_settings *settings,
                void (*done)(void *context, enum error error, struct log *log),
                void *context);

void log_set_owner(struct log *log, struct log_owner *owner); /* or NULL */
void log_configure(struct log *log, const struct log_settings *settings);
/* The replica is in sync: whatever was lost is there again. Stored at once:
 * a start that still found the doubt would give up a good replica. */
void log_trust(struct log *log);

/* Removes the log and its files (renamed away first, so that a crash leaves
 * no half log). The handle is dead at once. */
void log_delete(struct log *log);
/* The same where the log may be made again under its key: not before the
 * checkpoint has forgotten this one, or a start would take the recovery point
 * of this one for the other's. */
void log_remove(struct log *log);
/* Such a log is still being deleted, or the directory has failed before it was:
 * then it may be there at the next start. */
bool log_directory_removes(const struct log_directory *directory,
                           const struct partition_key *key);

/* One append: whole batches, stamped, first base offset == next_offset, in
 * one leader epoch or several ascending ones, offsets dense. Embedded by the
 * caller, untouched until done. ERROR_DISK_FULL: there was no space, and the
 * last batches at least are not in the log; on_taken_back follows. On any
 * other error of the disk the directory is fenced. The generation may have
 * moved on meanwhile (truncation): then the batches are not in the log any
 * more and done says ERROR_CANCELLED. */
struct log_append {
    void (*done)(struct log_append *append, enum error error);
    const uint8_t *batches; /* borrowed until done */
    size_t size;
    /* log/'s until done */
    struct log *log;
    int64_t base_offset;
    int64_t end_offset;
    uint64_t generation;
    struct disk_request request;
    struct iovec iov;
    struct list node;
    void *private;
};

/* ERROR_NONE: submitted, next_offset moved. ERROR_AGAIN: a truncation or a
 * roll is running (on_progress follows when it is over) and nothing was
 * done. ERROR_DISK_FULL: there is no space, or appends that found none are
 * being taken back. ERROR_LOG_DIRECTORY_FAILED. The batches' headers are
 * trusted: the caller has checked them. */
enum error log_append(struct log *log, struct log_append *append,
                      const uint8_t *batches, size_t size);

/* Where to read. The file is valid while the caller does not return to the
 * loop: hand it to net_send_file() (which holds it) at once. */
struct log_range {
    struct disk_file *file;
    uint64_t position;
    uint64_t length;
    int64_t base_offset;    /* of the first batch: <= the offset asked for */
    int64_t end_offset_max; /* no batch in the range goes past this */
};

/* Finds whole batches from the one that holds `offset` on, up to about
 * `bytes_max` (at least one batch; the last may be cut short) and not past
 * `limit` (a batch boundary: high watermark or log end). offset == limit
 * gives a length of 0. May start at an earlier batch in cold segments.
 * ERROR_OFFSET_OUT_OF_RANGE; ERROR_CORRUPT: it lies in known damage;
 * ERROR_AGAIN: the index of that segment is being rebuilt, on_progress
 * follows. */
enum error log_locate(struct log *log, int64_t offset, int64_t limit,
                      uint32_t bytes_max, struct log_range *range);

/* The first offset whose batch has max timestamp >= timestamp_ms, below
 * limit; -1 in *offset when there is none. Batch granularity of the sparse
 * index: never too late, possibly early. ERROR_AGAIN as above. */
enum error log_offset_by_time(struct log *log, int64_t timestamp_ms,
                              int64_t limit, int64_t *offset);

/* Cuts to end_offset (a batch boundary or inside; the cut is at the start of
 * the batch that holds it), bumps the generation durably, then done. Appends
 * in flight are cancelled. Facts and durable_end follow. */
void log_truncate(struct log *log, int64_t end_offset,
                  void (*done)(void *context, enum error error), void *context);

/* Empties the log and starts it over at `offset` (a follower below the
 * leader's log start). Also bumps the generation. */
void log_restart_at(struct log *log, int64_t offset,
                    void (*done)(void *context, enum error error),
                    void *context);

/* A reader was sent what is no batch, from `offset` on: the segment is read
 * at once, and checked. */
void log_suspect(struct log *log, int64_t offset);

/* The mending of a damaged log, from its damage on (log/mend.c). Embedded by
 * the caller; zeroed is none. Each of look and write answers ERROR_NONE and
 * later done(); or an error at once, and done() does not come:
 * ERROR_CANCELLED: the log was cut, other damage was found, or it is not
 * damaged any more: end it, and begin anew if it is. done():
 * ERROR_NONE: it is mended. ERROR_CORRUPT: the batch at mend->offset is
 * wanted. ERROR_CANCELLED; ERROR_DISK_FULL or another error: try later. */
struct log_mend {
    int64_t offset;
    bool from_leader; /* set by the caller: the batches to be written are */
    /* log/'s */
    void (*done)(struct log_mend *mend, enum error error);
    struct log *log; /* NULL: it is gone */
    struct seam *seam;
    uint64_t generation; /* of the log, and ... */
    unsigned changes;    /* ... of its damage, when the mending began */
    bool busy;           /* until done() */
    bool marked;         /* a start will read again what is written */
    enum error refusal;  /* of a write that may be done later */
    bool fresh;          /* the name of the file may not be durable */
    int64_t base_offset; /* of the segment */
    int64_t end_offset;  /* of what is to be mended in it */
    uint64_t position;   /* of the batch at `offset` */
    uint64_t file_size;
    uint8_t *filler; /* what lies there, then what takes its place */
    int64_t floor;   /* of a filling */
    int64_t first_append_ms, last_append_ms, max_timestamp_ms;
    char *path;
    struct disk_file *file;
    struct disk_request request;
    struct small_file mark;
    struct iovec iov;
    struct scan scan;
};

/* One at a time for a log; log->damaged. */
void log_mend_begin(struct log_mend *mend, struct log *log,
                    void (*done)(struct log_mend *mend, enum error error));
enum error log_mend_look(struct log_mend *mend);
/* What another replica has at mend->offset: whole batches, borrowed until
 * done. Checked: what does not belong there is ERROR_CORRUPT_BATCH. */
enum error log_mend_write(struct log_mend *mend, const uint8_t *batches,
                          size_t size);
/* Nobody has the batch at mend->offset, which lies below `floor`: no reader
 * wants it. It and what is damaged behind it is filled, up to the next whole
 * batch. done(): as above. ERROR_OFFSET_OUT_OF_RANGE, also by done(): some of
 * it is wanted. */
enum error log_mend_fill(struct log_mend *mend, int64_t floor);
/* Not between a call and its done(). Also when the log is gone. */
void log_mend_end(struct log_mend *mend);

/* Epoch history: entries (epoch, start offset) ascending. */
uint32_t log_last_epoch(const struct log *log); /* 0 when empty */
/* The end of the largest epoch <= `epoch` in this log: its number and the
 * first offset after it (log end for the newest). False when there is none:
 * then the log diverges from its start. */
bool log_epoch_end(const struct log *log, uint32_t epoch, uint32_t *found,
                   int64_t *end_offset);
/* Where the history begins: what lies below is of older epochs, nobody knows
 * which. The log end when there is none. */
int64_t log_epochs_start(const struct log *log);
/* The epoch of the batch that ends at or holds offset - 1; false when the
 * history does not reach down to it. */
bool log_epoch_before(const struct log *log, int64_t offset, uint32_t *epoch);
/* A leader notes its epoch at its log end even before a batch bears it
 * (K5); durable before done. */
void log_begin_epoch(struct log *log, uint32_t epoch,
                     void (*done)(void *context, enum error error),
                     void *context);

/* Remembered for the next checkpoint; never back within a generation. */
void log_set_high_watermark(struct log *log, int64_t high_watermark);

/* Rolls the active segment when its first batch is older than segment_ms,
 * though nothing is appended that would roll it. One that holds nothing stays
 * (R13). `now_ms` is believed time. */
void log_roll_idle(struct log *log, int64_t now_ms);

/* Retention: the log start offset that time and size ask for now, never
 * above high_watermark and for no more bytes than are below it;
 * log_start_offset when nothing is to go. `now_ms` is believed time. Whole
 * segments; the active one is rolled first when all of it has expired. */
int64_t log_retention_target(struct log *log, int64_t now_ms);

/* The last place at or below `offset` where a log may begin: the start of a
 * segment, or the end of the log. Inside a segment nothing is gained by less,
 * and a log that begins inside a batch could not be fetched from there. */
int64_t log_start_at(const struct log *log, int64_t offset);

/* Moves the log start (the floor is already committed in ZooKeeper), stores
 * it, then unlinks segments wholly below it. Never back. */
void log_advance_start(struct log *log, int64_t offset);

/* Producer state of idempotent producers (rules/producer.h). The check is
 * made before log_append(); the state follows appended batches, on leaders
 * and followers, through recovery and truncation. ERROR_NONE: append it.
 * ERROR_DUPLICATE_SEQUENCE: *base_offset is where it was written.
 * ERROR_OUT_OF_ORDER_SEQUENCE, ERROR_FENCED_PRODUCER. ERROR_DISK_FULL: appends
 * are being taken back, what is known of the producer is not certain. */
enum error log_check_producer(struct log *log, const struct batch_header *batch,
                              int64_t *base_offset);

#endif
