/* SPDX-License-Identifier: Apache-2.0
 *
 * A log directory on the real loop, in a temporary directory, for tests that
 * call and wait. A "crash" is a copy of the directory while it is in use.
 */
#ifndef TESTS_LIB_LOG_WORLD_H
#define TESTS_LIB_LOG_WORLD_H

#include <stdio.h>

#include "log/log.h"
#include "real/loop.h"

#define WORLD_APPENDS_MAX 4096

struct world_append {
    struct log_append append;
    struct world *world;
    uint8_t *bytes;
    bool done;
    enum error error;
    unsigned order; /* the how-manieth to be done */
};

struct world {
    char root[64]; /* the temporary directory */
    char path[96]; /* of the log directory */
    struct loop *loop;
    struct seam *seam;
    FILE *facts;
    struct log_directory_options options;
    struct log_directory_owner owner;
    struct log_directory *directory;
    bool opened;
    enum error open_error;
    char detail[512];
    bool failed;
    unsigned failures;
    struct log_owner log_owner;
    unsigned progress;
    unsigned taken_back;
    unsigned damages; /* told of */
    struct world_append *appends[WORLD_APPENDS_MAX];
    unsigned append_count;
    unsigned done_count;
    bool answered; /* the last asynchronous call */
    enum error answer;
    struct log *made;
    int64_t clock_ms; /* append time of the next batch */
};

/* What goes into a batch. */
struct world_batch {
    uint32_t epoch;
    uint32_t records;  /* 0: 1 */
    size_t body_bytes; /* 0: 100 */
    int64_t timestamp_ms;
    int64_t producer_id; /* 0: none */
    uint32_t producer_epoch;
    int32_t sequence;
    uint8_t fill;
};

extern const struct log_settings world_settings; /* small segments, flush 0 */

struct world *world_new(void);
void world_free(struct world *world);
/* For cmocka: *state is a world that is not opened yet. In the second one the
 * recovery point stays where the directory was opened. */
int world_setup(void **state);
int world_setup_without_checkpoints(void **state);
int world_teardown(void **state);

/* Opens the directory world->path; returns the error. */
enum error world_open(struct world *world);
void world_shutdown(struct world *world);
/* Forgets the directory without a shutdown. */
void world_drop(struct world *world);
/* Copies the directory as it is now and opens the copy instead. */
enum error world_crash(struct world *world);
/* Copies it, closes the original, and opens nothing. */
void world_crash_closed(struct world *world);

struct log *world_create(struct world *world, uint32_t partition,
                         const struct log_settings *settings);
struct log *world_log(struct world *world, uint32_t partition);

/* Submits one batch at the log's next offset. */
struct world_append *world_submit(struct world *world, struct log *log,
                                  const struct world_batch *batch);
/* Submits and waits until it is durable. */
void world_append(struct world *world, struct log *log,
                  const struct world_batch *batch);
void world_fill(struct world *world, struct log *log, unsigned count,
                const struct world_batch *batch);
/* Opens the directory and makes log 0 of so many batches, of epoch 1. */
struct log *world_filled(struct world *world, unsigned count);
void world_truncate(struct world *world, struct log *log, int64_t end_offset);
void world_restart(struct world *world, struct log *log, int64_t offset);
void world_begin_epoch(struct world *world, struct log *log, uint32_t epoch);

/* What an asynchronous call is given to answer to: sets answered, answer. */
void world_answered(void *context, enum error error);

/* Runs the loop until *flag; fails the test after a minute. */
void world_until(struct world *world, const bool *flag);
void world_until_true(struct world *world, bool (*test)(void *context),
                      void *context);
/* Runs the loop until nothing is left to do and the checkpoint on disk is of
 * now; not for a world whose checkpoints are far apart. */
void world_settle(struct world *world);
/* Runs the loop until the disk has nothing under way: what a directory that
 * has failed still had. */
void world_rest(struct world *world);
/* Runs the loop for so long: to see that something does not happen. */
void world_run(struct world *world, unsigned ms);

/* log_locate(), waiting while it says AGAIN. */
enum error world_locate(struct world *world, struct log *log, int64_t offset,
                        int64_t limit, uint32_t bytes_max,
                        struct log_range *range);
/* Reads [from, to) batch by batch through log_locate(), checks every batch;
 * returns how many there were. */
unsigned world_read(struct world *world, struct log *log, int64_t from,
                    int64_t to);
/* Facts of this name so far. */
unsigned world_facts(struct world *world, const char *name);

/* Paths below the log directory, for damage. Static. */
const char *world_file(struct world *world, uint32_t partition,
                       const char *name);
bool world_exists(const char *path);
void world_flip(const char *path, long at);
void world_cut(const char *path, long size);
long world_size(const char *path);

#endif
