/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of real/ share: the loop's parts and its sources of events.
 */
#ifndef REAL_INTERNAL_H
#define REAL_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "real/loop.h"
#include "seam/disk.h"
#include "seam/inbox.h"
#include "seam/timer.h"

/* A descriptor in epoll; embedded. A source that died within a turn stays
 * in memory until the turn's end. */
struct source {
    void (*ready)(struct source *source, uint32_t events);
    int fd;
    bool dead;
};

struct loop {
    struct seam seam;
    struct loop_options options;
    int epoll_fd;
    int wake_fd; /* eventfd: the inbox or the disk has something */
    struct source wake;
    int signal_fd; /* -1: none */
    struct source signals;
    bool stop;
    void (*on_event)(void *node, const struct event *event);
    void *node;
};

void loop_clock(struct loop *loop, struct moment *now);
/* Fills the time in and hands the event to the node. */
void loop_deliver(struct loop *loop, struct event *event);
bool loop_watch(struct loop *loop, struct source *source, uint32_t events);
void loop_rewatch(struct loop *loop, struct source *source, uint32_t events);
void loop_unwatch(struct loop *loop, struct source *source);
/* Makes the loop turn; any thread. */
void loop_wake(struct loop *loop);

struct heap *heap_new(size_t bytes_max);
void heap_destroy(struct heap *heap);

struct trace *trace_new(struct loop *loop);
void trace_destroy(struct trace *trace);
uint64_t trace_mark_count(const struct trace *trace, enum mark mark);

struct timers *timers_new(struct loop *loop);
void timers_destroy(struct timers *timers);
/* Microseconds to the next deadline; -1: none. */
int64_t timers_next(struct timers *timers, int64_t now_us);
void timers_run(struct timers *timers);

struct inbox *inbox_new(struct loop *loop);
void inbox_destroy(struct inbox *inbox);
void inbox_run(struct inbox *inbox);

struct disk *disk_new(struct loop *loop);
void disk_destroy(struct disk *disk);
void disk_run(struct disk *disk);
/* Requests that have not come back yet. */
unsigned disk_in_flight(const struct disk *disk);

struct net *net_new(struct loop *loop);
void net_destroy(struct net *net);
/* Delivers what was put off, sends what was queued. True: more is to do. */
bool net_run(struct net *net);
/* Frees what died in this turn. */
void net_bury(struct net *net);

/* ---- disk.c and net.c meet in an open file ---- */

struct disk_file {
    struct disk *disk;
    int fd;
    dev_t device;            /* the file system */
    bool closed;             /* by disk_close() */
    unsigned references;     /* operations and sends that need it; loop only */
    struct list opened_node; /* of the disk; loop only */
    struct list operations;  /* waiting, in order; under the disk's lock */
    struct list node;        /* runnable; under the disk's lock */
    bool running;            /* under the disk's lock */
    bool runnable;
    /* cuts, for sends in the queue; loop only */
    uint64_t cut_count;
    uint64_t cut_lowest;
};

void disk_file_hold(struct disk_file *file);
void disk_file_drop(struct disk_file *file);
/* Reads a range into the page cache; done on the loop. */
void disk_warm(struct disk *disk, struct disk_request *request,
               struct disk_file *file, uint64_t offset, uint64_t length);

enum error error_of_errno(int number);

#endif
