/* SPDX-License-Identifier: Apache-2.0
 *
 * Znodes that cannot be used as they are: missing, damaged or written by
 * hand. What they speak of stands still; each is said once in the log, and
 * told to who asks for the cluster's health. Nothing is written over them
 * (decision 0035).
 */
#ifndef CLUSTER_DEFECTS_H
#define CLUSTER_DEFECTS_H

#include "base/list.h"
#include "coord/coord.h"

#define DEFECT_WHY_BYTES 200

/* Who finds it: the first of them that does. */
enum defect_source {
    DEFECT_SCAN,       /* topics, states, changes: cluster/metadata_read.c */
    DEFECT_STRAY,      /* what is no topic's */
    DEFECT_BROKERS,    /* registrations: cluster/brokers.c */
    DEFECT_CHECK,      /* what only a check reads */
    DEFECT_CONTROLLER, /* what an election reads */
    DEFECT_PRODUCERS   /* blocks of producer ids */
};

struct defect {
    struct list node;
    enum defect_source source;
    char *path;
    char why[DEFECT_WHY_BYTES]; /* completes "it is damaged: " */
    const char *way_out;        /* likewise a sentence; never freed */
    bool exists;
    int64_t czxid; /* as it was read last, with the version */
    int32_t version;
    bool seen; /* by the reading under way */
};

struct defects {
    struct seam *seam;
    struct list list; /* of struct defect, ascending by path */
    /* so many of DEFECT_SCAN are none any more */
    uint32_t repaired;
};

void defects_init(struct defects *defects, struct seam *seam);
void defects_release(struct defects *defects);

/* What is not as it should be; the strings are copied but way_out. */
struct defect_found {
    enum defect_source source;
    const char *path;
    const struct coord_stat *stat; /* NULL: it does not exist */
    const char *why;
    const char *way_out;
};
/* True when it is news; then a line goes to the log. */
bool defects_note(struct defects *defects, const struct defect_found *found);
/* It was read by anybody, and is whole. True when it was not before. */
bool defects_clear(struct defects *defects, const char *path);
/* A complete reading of this source begins, and ends: what it did not note
 * is not there any more. */
void defects_begin(struct defects *defects, enum defect_source source);
void defects_end(struct defects *defects, enum defect_source source);
/* The topic was deleted, and all below it. */
void defects_forget_topic(struct defects *defects, const char *name);

/* Any of this topic, of it or below it. */
bool defects_of_topic(const struct defects *defects, const char *name);
/* Any of this path, or of the topic that it belongs to. */
bool defects_concern(const struct defects *defects, const char *path);
/* NULL: none of this path. */
struct defect *defects_find(const struct defects *defects, const char *path);
/* Any that was found by a scan: something is not known. */
bool defects_any(const struct defects *defects);

#endif
