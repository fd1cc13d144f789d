/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of broker/log share. A log's data is a vector of segments,
 * the last one active. Who may change what, and when:
 *
 *     append.c    submits, moves log_end in order, rolls (roll.c)
 *     commit.c    one sync round at a time over all logs; moves durable_end
 *     checkpoint.c, epochs_file.c, lives.c
 *                             small files, replaced crash-safely
 *     truncate.c, remove.c    alone with the log: they wait until nothing of
 *                             it is in flight (log_idle()), then run
 *     scrub.c     reads, and changes nothing
 *     damage.c    what cannot be read
 *     mend.c      writes that again where it lay; excludes what is alone
 *     recover.c   before anybody else
 *     space.c     never: it wakes who waits for space
 */
#ifndef LOG_INTERNAL_H
#define LOG_INTERNAL_H

#include "base/random.h"
#include "base/tree.h"
#include "log/format.h"
#include "log/index.h"
#include "log/log.h"
#include "log/producers.h"
#include "log/scan.h"
#include "log/small_file.h"
#include "log/space.h"
#include "log/steps.h"
#include "rules/epochs.h"
#include "seam/timer.h"

#define LOG_APPENDS_MAX       2048 /* submitted at once, by a broker */
#define LOG_COLD_FILES_MAX    256  /* open sealed segments, with indexes */
#define LOG_SNAPSHOT_INTERVAL (64u << 20) /* bytes between two of them */

struct segment {
    struct log *log;
    int64_t base_offset;
    int64_t end_offset; /* like next_offset: of what was submitted */
    uint64_t size;      /* bytes, likewise */
    struct disk_file *file;
    bool sealed;
    bool unborn;  /* the file is still to be made (roll.c) */
    bool dirty;   /* holds completed writes that no sync has covered */
    bool indexed; /* the index reaches down to the base */
    bool loading;
    bool unreadable;  /* the last loading failed: the next reader hears of it */
    bool index_good;  /* recovery found its index file to fit */
    bool seal_wanted; /* index and snapshot are still to be written */
    int64_t first_append_ms;
    int64_t last_append_ms;
    int64_t max_timestamp_ms;
    struct index index;
    uint8_t *snapshot; /* of producers at end_offset, to be written */
    size_t snapshot_size;
    struct idle_files *idle_in; /* where its file may be closed; or NULL */
    struct list idle;
};

/* Open files that nothing needs at the moment. */
struct idle_files {
    struct list segments; /* struct segment, oldest use first */
    unsigned count;
    unsigned count_max; /* past it they are closed */
};

/* Waits for a small file to be written, from a state not older than now. */
struct save_waiter {
    void (*done)(struct save_waiter *waiter, enum error error);
    struct list node;
};

struct saver {
    struct list next;    /* for the write after this one */
    struct list current; /* for the one under way */
    bool running;
};

enum exclusive {
    EXCLUSIVE_NONE,
    EXCLUSIVE_TRUNCATE,
    EXCLUSIVE_RESTART,
    EXCLUSIVE_TAKE_BACK, /* appends that found no space: append.c */
    EXCLUSIVE_REBUILD    /* the producers: what was damaged can be read */
};

struct exclusive_job {
    enum exclusive kind;
    bool running;
    bool storing; /* the checkpoint already holds what it will be */
    bool tried;   /* to open the segment of the cut */
    struct timer later;
    struct producers_place rebuilt; /* producers: what they stand for */
    int64_t reopened;               /* ... and where they go on from */
    size_t snapshot_at;
    int64_t offset;
    void (*done)(void *context, enum error error);
    void *context;
    /* Asked for while appends are taken back: the next one. */
    enum exclusive next;
    int64_t next_offset;
    void (*next_done)(void *context, enum error error);
    void *next_context;
    struct place cut;
    struct save_waiter stored;
    struct steps steps;
    struct scan scan;
    struct small_file snapshot;
};

/* What else of a log cannot be read, beside the damage that it tells of: all
 * between is looked at again when that is mended. */
struct more_damage {
    bool known;
    int64_t offset;     /* the lowest */
    int64_t end_offset; /* the highest */
    enum error error;   /* like damage_error, of the last */
};

struct log_body {
    struct log log;
    RB_ENTRY(log_body) by_key;
    char *path;
    bool creating;
    bool dying;
    bool gone;    /* dying, and its directory is renamed for good */
    bool returns; /* dying, and may be made again */

    struct segment **segments;
    size_t segment_count;
    size_t segment_capacity;

    struct list in_flight; /* struct log_append: submitted, in order */
    struct list held;      /* struct log_append: wait for a file, a slot */
    struct list held_node; /* directory->held */
    bool torn; /* one of in_flight found no space: nothing after it counts */
    struct place log_end;
    struct place durable_end;

    struct list sync_node; /* directory->commit.wanted */
    bool in_round;
    struct timer flush_timer;

    struct ring ring;     /* the newest batches, exactly */
    struct window window; /* the batches of one interval, exactly */
    int64_t window_next;  /* the offset after what it has read */
    struct scan window_scan;
    bool window_loading;
    unsigned loads;

    bool rolling; /* the file of a segment is being made */
    struct segment *roll_segment;
    int64_t roll_after_us; /* there was no room for a segment */
    struct steps roll_steps;
    bool sealing;
    struct small_file seal_file;
    struct segment *seal_segment;

    struct epochs epochs;
    struct epoch_entry epoch_entries[LOG_EPOCHS_MAX];
    bool epochs_dirty;
    bool epochs_guessed; /* made again from batches, and some are damaged */
    struct saver epochs_saver;
    struct small_file epochs_file;

    struct producers producers;
    int64_t *snapshots; /* offsets, ascending */
    size_t snapshot_count, snapshot_capacity;
    uint64_t snapshot_bytes; /* appended since the newest */
    bool snapshotting;
    int64_t snapshot_offset;
    struct small_file snapshot_file;
    bool pruning;
    struct steps prune_steps;
    int64_t captured_offset; /* recovery offset of the last checkpoint */

    struct save_waiter epoch_noted; /* log_begin_epoch() */
    struct timer epoch_timer;
    enum error epoch_error;
    void (*epoch_done)(void *context, enum error error);
    void *epoch_context;

    struct log_mend *mend;    /* its damage is being mended; or NULL */
    enum error damage_error;  /* CORRUPT; IO: the disk says it */
    unsigned damage_changes;  /* other damage became known, so many times */
    struct more_damage more;  /* beside the first */
    struct list suspect_node; /* directory->scrub.suspects */
    int64_t suspect_offset;

    int64_t evidence; /* a stored high watermark above the log's end, or -1 */

    int64_t wanted_start;
    int64_t storing_start;
    bool advancing;
    struct save_waiter start_stored;
    struct steps start_steps;
    size_t start_removed; /* segments that start_steps unlinks; else 0 */

    struct exclusive_job exclusive;
    struct steps life_steps; /* creation and removal */
    struct save_waiter created;
    void (*create_done)(void *context, enum error error, struct log *log);
    void *create_context;
};

RB_HEAD(log_tree, log_body);
RB_PROTOTYPE(log_tree, log_body, by_key, log_body_compare)

/* One segment is read at a time; see log/scrub.c. */
struct scrub {
    struct log_body *body; /* whose segment; NULL: none, or it is gone */
    uint64_t generation;   /* of the log when its segment was opened */
    int64_t base_offset;   /* of the segment */
    struct disk_file *file;
    char *path;
    bool busy; /* a request is under way */
    bool urgent;
    bool mismatch;
    struct disk_request request;
    struct scan scan;
    uint64_t position;
    uint64_t end;
    int64_t next_offset;  /* of the batch at `position` */
    struct list suspects; /* struct log_body, by suspect_node */
    struct timer timer;
    bool passing;
    struct partition_key cursor; /* the next segment: of this log or later, */
    int64_t cursor_offset;       /* in this one from here on */
    int64_t begun_us;
    uint64_t bytes;
    unsigned damaged_count;
};

struct round_entry {
    struct log_body *body;
    struct place target;
};

struct commit {
    struct list wanted; /* struct log_body, by sync_node */
    bool running;
    struct timer kick;
    struct disk_request request;
    struct round_entry *entries;
    size_t entry_count, entry_capacity;
    struct disk_file **files;
    size_t file_count, file_capacity;
};

struct checkpoint {
    struct saver saver;
    struct small_file file;
    struct timer timer;
    bool stale;
    uint8_t *data; /* encoded, waits for the epoch histories */
    size_t size;
    struct partition_key cursor; /* last log whose history was looked at */
    bool cursor_set;
    struct save_waiter epochs;
    struct save_waiter periodic;
    bool periodic_running;
    bool again; /* something became stale meanwhile and cannot wait */
};

/* The mark that the directory failed is being made; its owner waits. */
struct doubt {
    bool marking;
    struct steps steps;
    struct timer timer;
};

enum directory_phase {
    DIRECTORY_NEW,
    DIRECTORY_OPENING,
    DIRECTORY_OPEN,
    DIRECTORY_CLOSING,
    DIRECTORY_CLOSED
};

struct directory_lives {
    struct lives known;
    bool unknown; /* no file: all before the next life counts as used */
    bool writing;
    uint64_t wanted; /* the life to be stored; 0: none yet */
    uint64_t writes; /* that the write under way will have stored */
    uint64_t stored; /* durably */
    struct small_file file;
};

struct opening; /* open.c */
struct closing; /* shutdown.c */

struct log_directory {
    struct seam *seam;
    struct log_directory_options options;
    struct log_directory_owner *owner;
    enum directory_phase phase;
    struct random random;
    struct uuid id;
    struct uuid clean_token;
    bool clean;
    int64_t stored_ms;   /* believed time, as it was found; INT64_MIN: none */
    int64_t believed_ms; /* as last noted */
    int64_t believed_written_ms; /* as last captured for the checkpoint */
    bool rebooted; /* the last use did not end cleanly, in another boot */
    bool marked;   /* ... or it failed: doubt.c left a mark */
    bool ours;     /* the meta file says so, or this start made it */
    bool failed;
    enum error error; /* why it failed */
    char detail[512];
    struct disk_file *lock;

    struct list logs; /* struct log, by key */
    size_t log_count;
    struct log_tree tree;
    struct log_tree dying; /* at most one of a key */
    unsigned appends;      /* submitted, at most appends_max */
    unsigned appends_max;
    struct list held; /* struct log_body with held appends */
    struct idle_files sealed_files;
    struct idle_files active_files;
    struct timer idle_timer;
    uint64_t removals; /* logs removed by this process */

    struct commit commit;
    struct checkpoint checkpoint;
    struct space space;
    struct scrub scrub;
    struct directory_lives lives;
    struct doubt doubt;

    struct opening *opening;
    struct closing *closing;
};

static inline struct log_body *body_of(struct log *log)
{
    return log->body;
}

static inline struct segment *active_segment(const struct log_body *body)
{
    return body->segments[body->segment_count - 1];
}

/* ---- directory.c ---- */

/* Fences the directory: `what` names the operation and the file. */
void directory_fail(struct log_directory *directory, enum error error,
                    const char *what, const char *path);
/* The owner hears of it: from doubt.c. */
void directory_tell_failed(struct log_directory *directory);
/* Opened: timers run. */
void directory_start(struct log_directory *directory);
bool directory_usable(const struct log_directory *directory);
void saver_init(struct saver *saver);
void saver_finish(struct list *waiters, enum error error);

/* ---- open.c ---- */

void opening_free(struct log_directory *directory);

/* ---- doubt.c ---- */

/* After a failure, once: leaves the mark, then directory_tell_failed(). */
void doubt_mark(struct log_directory *directory);
void doubt_release(struct log_directory *directory);

/* ---- shutdown.c ---- */

void closing_kick(struct log_directory *directory);
void closing_failed(struct log_directory *directory, enum error error);
void closing_free(struct log_directory *directory);

/* ---- life.c: making, finding, removing logs ---- */

struct log_body *log_body_new(struct log_directory *directory,
                              const struct partition_key *key,
                              const struct log_settings *settings);
void log_body_free(struct log_body *body);
struct log_body *body_next(struct log_directory *directory,
                           struct log_body *body);
/* The first one at or after the key; NULL: none. */
struct log_body *body_from(struct log_directory *directory,
                           const struct partition_key *key);
void body_insert(struct log_body *body);
void log_fail(struct log_body *body);
/* Nothing of the log is in flight. */
bool log_idle(const struct log_body *body);
/* Something of it came to an end: starts what waits for that. */
void log_kick(struct log_body *body);
void log_progress(struct log_body *body);
char *path_of(struct heap *heap, const char *directory, const char *name);

/* ---- segment.c ---- */

char *segment_path(const struct log_body *body, int64_t offset,
                   const char *suffix);
struct segment *segment_add(struct log_body *body, int64_t base_offset);
/* Takes the segments [first, first + count) off and frees them. */
void segments_drop(struct log_body *body, size_t first, size_t count);
/* The index of the segment that holds `offset`; the last one for its end. */
size_t segment_at(const struct log_body *body, int64_t offset);
/* The end of a sealed segment is the start of the next one, once that has a
 * file: the place moves there. */
void place_settle(const struct log_body *body, struct place *place);
/* A batch lies at `position`: the summary and the index follow. */
void segment_note(struct segment *segment, const struct batch_header *header,
                  uint64_t position);
/* The segment is used, or has become another kind: its file stays open a
 * while longer. Never closes a file within the call. */
void segment_touch(struct segment *segment);
void idle_fire(struct timer *timer);
/* `size` bytes of it are there. */
void segment_resize(struct segment *segment, uint64_t size);
/* The same of a sealed one that was damaged: its index is made again. */
void segment_mended(struct segment *segment, uint64_t size);
/* Opens the file and loads or rebuilds the index; then log_progress(). */
void segment_load(struct segment *segment);
/* The file is open and the index reaches down to `offset`: after a start, that
 * of the active segment holds what was recovered and appended since. */
bool segment_reaches(const struct segment *segment, int64_t offset);
uint8_t *segment_encode(const struct segment *segment, size_t *size);
/* Takes the summary from the start of an index file. */
bool segment_decode_summary(struct segment *segment, const uint8_t *data,
                            size_t size);

/* ---- append.c, roll.c ---- */

void append_note(struct log_body *body, struct segment *segment,
                 const struct batch_header *header, uint64_t position);
void append_pump(struct log_body *body);
/* Something at the log's end found no space: what is held comes to nothing,
 * and what lies past the end is cut off once nothing is in flight. */
void append_take_back(struct log_body *body);
/* The file of the segment could not be opened: where an append waits for it,
 * the directory fails. */
void append_cannot_open(struct segment *segment, enum error error);
void roll_start(struct log_body *body);
/* The active segment holds something and nothing stands against a roll. */
bool roll_allowed(const struct log_body *body);
void seal_next(struct log_body *body);

/* ---- commit.c ---- */

void commit_init(struct log_directory *directory);
/* Completed appends of the log are to be synced, when its settings say so;
 * `now`: in any case. */
void commit_want(struct log_body *body, bool now);
void commit_forget(struct log_body *body);
void commit_release(struct log_directory *directory);

/* ---- checkpoint.c ---- */

void checkpoint_init(struct log_directory *directory);
void checkpoint_request(struct log_directory *directory,
                        struct save_waiter *waiter);
/* What is stale now is stored without waiting for the interval. */
void checkpoint_soon(struct log_directory *directory);
void checkpoint_fail(struct log_directory *directory, enum error error);
void checkpoint_release(struct log_directory *directory);
/* The stored logs, by key; heap_free() it; and the boot id of the kernel
 * that it was written under. False when it is damaged. */
bool checkpoint_decode(struct heap *heap, const uint8_t *data, size_t size,
                       struct stored_log **logs, size_t *count,
                       struct uuid *boot_id);

/* ---- epochs_file.c ---- */

void epochs_save(struct log_body *body, struct save_waiter *waiter);
void epochs_note(struct log_body *body, const struct batch_header *header);

/* ---- lives.c ---- */

/* Writes what is known into the file; file->done and context are set. */
void lives_write(struct log_directory *directory, struct small_file *file);

/* ---- snapshots: producers_file.c ---- */

void snapshot_start(struct log_body *body);
void snapshot_added(struct log_body *body, int64_t offset);
/* Unlinks what no recovery will start from. */
void snapshots_prune(struct log_body *body, int64_t recovery_offset);

/* ---- damage.c ---- */

/* Batches of [offset, end_offset) cannot be read. */
void damage_found(struct log_body *body, int64_t offset, int64_t end_offset);
/* The same, of sectors that the disk does not give. */
void damage_unreadable(struct log_body *body, int64_t offset,
                       int64_t end_offset);
/* Beside the damage that is known: looked at when that is mended. */
void damage_more(struct log_body *body, int64_t offset, int64_t end_offset);
/* What is known is said: to people, and as a fact. */
void damage_report(const struct log_body *body);
/* The log's start or end has moved: perhaps past the damage. */
void damage_settle(struct log_body *body);
/* The log goes, and its damage with it. */
void damage_leave(struct log_body *body);
/* All below `offset` can be read, `offset` is the next that cannot, unless
 * the damage ends there. True while some is left. */
bool damage_mended(struct log_body *body, int64_t offset);

/* ---- mend.c ---- */

/* The log goes. */
void mend_forget(struct log_body *body);

/* ---- scrub.c ---- */

void scrub_init(struct log_directory *directory);
void scrub_start(struct log_directory *directory);
/* The segment that holds `offset` is to be read at once. */
void scrub_suspect(struct log_body *body, int64_t offset);
/* The log goes. */
void scrub_forget(struct log_body *body);
void scrub_release(struct log_directory *directory);

/* ---- truncate.c, retain.c, remove.c, read.c ---- */

/* The last known batch boundary at or below `offset` in the segment; false
 * when none is known. */
bool boundary_floor(const struct log_body *body, const struct segment *segment,
                    int64_t offset, struct ring_entry *found);
void exclusive_run(struct log_body *body);
void exclusive_take_back(struct log_body *body);
void exclusive_rebuild(struct log_body *body);
void exclusive_fail(struct log_body *body, enum error error);
void advance_next(struct log_body *body);
void remove_run(struct log_body *body);

#endif
