/* SPDX-License-Identifier: Apache-2.0
 *
 * A recorder of one run: what happened, in order, as small structures that a
 * report puts into words or a page draws. It only listens: a run that is
 * recorded is the run that it was (decision 0036). The calls that note
 * something take NULL for a recorder, and then do nothing.
 */
#ifndef WORKLOAD_CHRONICLE_H
#define WORKLOAD_CHRONICLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "seam/trace.h"
#include "sim/oracle/oracle.h"

enum chronicle_kind {
#define CHRONICLE(name, text, group, plenty, words) CHRONICLE_##name,
#include "sim/workload/chronicle_kind.def"
#undef CHRONICLE
    CHRONICLE_KINDS
};

const char *chronicle_kind_name(enum chronicle_kind kind);
const char *chronicle_kind_group(enum chronicle_kind kind);
const char *chronicle_kind_words(enum chronicle_kind kind);
bool chronicle_kind_plenty(enum chronicle_kind kind);

#define CHRONICLE_NO_PARTITION UINT16_MAX

struct chronicle_event {
    int64_t at_us; /* of the world */
    enum chronicle_kind kind;
    uint16_t lane;
    uint16_t partition; /* index; CHRONICLE_NO_PARTITION: about none */
    int32_t epoch;
    int64_t a, b, c;  /* chronicle_kind.def says what they are */
    const char *text; /* or NULL */
};

/* What has a lane: nodes in the order of the world, then the ensemble, then
 * the world itself (cuts, phases, what has no node). */
enum chronicle_lane_type { LANE_BROKER, LANE_CLIENT, LANE_SERVER, LANE_WORLD };

struct chronicle;

#define CHRONICLE_EVENTS_MAX 300000u
/* At most so many events are kept; what there is plenty of goes first, the
 * oldest first. */
struct chronicle *chronicle_new(size_t events_max);
void chronicle_free(struct chronicle *chronicle);

/* ---- noting ---- */

void chronicle_add_lane(struct chronicle *chronicle, const char *name,
                        enum chronicle_lane_type type);
/* This id is a life of the topic of this name. */
void chronicle_topic(struct chronicle *chronicle, const struct uuid *topic_id,
                     const char *name);
/* `lane`: the index of the node, here and below. */
void chronicle_fact(struct chronicle *chronicle, int64_t now_us, unsigned lane,
                    const struct fact *fact);
void chronicle_history(struct chronicle *chronicle, int64_t now_us,
                       unsigned lane, const struct history *event);
/* A line of the trace; lane -1: of no node. */
void chronicle_note(struct chronicle *chronicle, int64_t now_us, int lane,
                    const char *text);
void chronicle_log(struct chronicle *chronicle, int64_t now_us, unsigned lane,
                   enum trace_level level, const char *text);
/* A step or a phase, of whom it befalls; nobody of this name: the world. */
void chronicle_say(struct chronicle *chronicle, int64_t now_us, const char *who,
                   enum chronicle_kind kind, const char *text);
/* Who is in sync, as ZooKeeper has it. */
void chronicle_in_sync(struct chronicle *chronicle, int64_t now_us,
                       const struct partition_key *key, const char *text);
/* The verdict, in the lane of the node that it is about. */
void chronicle_violation(struct chronicle *chronicle,
                         const struct violation *violation);

/* ---- reading ---- */

size_t chronicle_count(const struct chronicle *chronicle);
const struct chronicle_event *chronicle_at(const struct chronicle *chronicle,
                                           size_t i);
size_t chronicle_lanes(const struct chronicle *chronicle);
const char *chronicle_lane_name(const struct chronicle *chronicle, size_t lane);
enum chronicle_lane_type chronicle_lane_type(const struct chronicle *chronicle,
                                             size_t lane);
size_t chronicle_partitions(const struct chronicle *chronicle);
#define CHRONICLE_PLACE_BYTES 300
/* "orders/0"; a later life of the topic: "orders/0 (2)". */
void chronicle_place(const struct chronicle *chronicle, size_t partition,
                     char text[CHRONICLE_PLACE_BYTES]);
/* How many events were left out, the newest of them at this time. */
size_t chronicle_left_out(const struct chronicle *chronicle, int64_t *until_us);

#define CHRONICLE_WORDS_BYTES 1100
/* What happened, without when, who and where. */
void chronicle_words(const struct chronicle_event *event,
                     char text[CHRONICLE_WORDS_BYTES]);

#endif
