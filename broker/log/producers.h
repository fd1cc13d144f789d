/* SPDX-License-Identifier: Apache-2.0
 *
 * The idempotent producers that a log remembers (rules/producer.h), and
 * their snapshot as bytes. Bounded: past PRODUCERS_MAX the longest idle one
 * is forgotten, and the log is `forgetful` from then on.
 */
#ifndef LOG_PRODUCERS_H
#define LOG_PRODUCERS_H

#include "base/cursor.h"
#include "base/list.h"
#include "base/tree.h"
#include "rules/producer.h"
#include "seam/memory.h"

#define PRODUCERS_MAX   4096
#define PRODUCERS_MAGIC 0x5250514bu /* "KQPR" */

struct producer_node {
    RB_ENTRY(producer_node) by_id;
    struct list idle; /* longest idle first */
    struct producer producer;
};

RB_HEAD(producer_tree, producer_node);

struct producers {
    struct heap *heap;
    struct producer_tree tree;
    struct list idle;
    size_t count;
    bool forgetful;
};

void producers_init(struct producers *producers, struct heap *heap);
void producers_clear(struct producers *producers, bool forgetful);
struct producer *producers_find(struct producers *producers, int64_t id);
void producers_note(struct producers *producers,
                    const struct batch_header *header);
/* Batches from `offset` on are gone. False: some producer is unknown now of
 * which the log below still holds batches: read it again. */
bool producers_cut_end(struct producers *producers, int64_t offset);

/* Where the snapshot stands: state of all batches below `offset`, which
 * lies (or will lie) at `position` of a segment. */
struct producers_place {
    int64_t offset;
    int64_t segment;
    uint64_t position;
};

/* The head of a snapshot's payload; `count` producers follow it. */
struct producers_head {
    struct producers_place place;
    bool forgetful;
    uint32_t count;
};

bool producers_head_decode(struct cursor *cursor, struct producers_head *head);
bool producer_decode(struct cursor *cursor, struct producer *producer);

/* A small_file_buffer(). */
uint8_t *producers_encode(struct producers *producers,
                          const struct producers_place *place, size_t *size);
/* False (and empty) when the bytes are not a snapshot. */
bool producers_decode(struct producers *producers, const uint8_t *data,
                      size_t size, struct producers_place *place);

#endif
