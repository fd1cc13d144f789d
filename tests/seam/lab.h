/* SPDX-License-Identifier: Apache-2.0
 *
 * A simulated world for the tests of what only it has: nodes that do nothing
 * by themselves, and disk operations that wait for their end.
 */
#ifndef TESTS_SEAM_LAB_H
#define TESTS_SEAM_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "seam/dispatch.h"
#include "seam/memory.h"
#include "sim/world.h"

#define LAB_HEAP_BYTES (8u << 20)
#define LAB_FILE_BYTES 16384

struct lab_node {
    struct node *node;
    struct seam *seam; /* while it is up */
    /* Run in the node; any may be NULL. */
    void (*started)(struct lab_node *lab_node);
    void (*accepted)(struct lab_node *lab_node, const struct event *event);
    void (*stopped)(struct lab_node *lab_node);
    void *context;
};

struct lab {
    struct world *world;
    struct lab_node nodes[4]; /* "n0".. */
    struct world_observer observer;
    unsigned ups;
    unsigned downs;
};

extern const struct node_kind lab_kind; /* its context is a lab_node */

/* The first `count` nodes run. */
void lab_init(struct lab *lab, uint64_t seed, unsigned count);
/* The same, on disks of this profile (else: drawn). */
void lab_init_on(struct lab *lab, uint64_t seed, unsigned count,
                 enum disk_profile profile);
/* All of them, down; a text of everything to `trace` (may be NULL). */
void lab_init_traced(struct lab *lab, uint64_t seed, FILE *trace);
void lab_release(struct lab *lab);
/* Lets so much virtual time pass. */
void lab_pass(struct lab *lab, int64_t us);
/* Fails the test after `limit_us`. */
void lab_wait(struct lab *lab, bool *flag, int64_t limit_us);
/* Power fails, or the process is killed, and it starts again. */
void lab_bounce(struct lab_node *node, enum node_crash how);

/* ---- disk operations of a node, to their end --------------------------- */

struct lab_op {
    struct disk_request request;
    bool done;
};

struct disk_request *lab_op_init(struct lab_op *op);
enum error lab_end(struct lab_node *node, struct lab_op *op);
struct disk_file *lab_open(struct lab_node *node, const char *path);
enum error lab_append(struct lab_node *node, struct disk_file *file,
                      uint64_t offset, char letter, size_t count);
enum error lab_truncate(struct lab_node *node, struct disk_file *file,
                        uint64_t size);
enum error lab_sync(struct lab_node *node, struct disk_file *file);
enum error lab_path(struct lab_node *node,
                    void (*call)(struct disk *disk,
                                 struct disk_request *request,
                                 const char *path),
                    const char *path);
enum error lab_rename(struct lab_node *node, const char *from, const char *to);
/* The bytes of a file, at most LAB_FILE_BYTES; -1: there is none. */
long lab_read(struct lab_node *node, const char *path, char *bytes);
bool lab_exists(struct lab_node *node, const char *path);

/* Fires once, at the nth asking of this node from now on. */
unsigned lab_fault(struct lab_node *node, enum fault_point point, uint64_t nth);

/* ---- outcomes over many seeds ------------------------------------------ */

/* The first node runs, with an empty file "a" that is durable by name. */
struct disk_file *lab_begin(struct lab *lab, uint64_t seed);
/* How many of the bytes are this letter. */
size_t lab_count(const char *bytes, long size, char letter);

/* How often each outcome was seen. */
struct lab_seen {
    unsigned lost;
    unsigned kept;
    unsigned other;
};

/* `found` bytes, or names, are left of `whole`. */
void lab_tally(struct lab_seen *seen, size_t found, size_t whole);
void lab_expect_all(const struct lab_seen *seen);
void lab_expect_both(const struct lab_seen *seen); /* lost and kept */

#endif
