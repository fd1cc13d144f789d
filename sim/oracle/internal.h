/* SPDX-License-Identifier: Apache-2.0
 *
 * What oracles see: the model of the logs, the records sent, and where to
 * put a verdict. on_fact() and on_history() are called before the model
 * takes the fact or the event in, so that both sides can be compared.
 */
#ifndef ORACLE_INTERNAL_H
#define ORACLE_INTERNAL_H

#include "sim/oracle/model.h"
#include "sim/oracle/oracle.h"
#include "sim/oracle/records.h"
#include "sim/oracle/vector.h"

struct oracle {
    size_t state_size; /* its own memory, zeroed */
    void (*on_fact)(struct judge *judge, void *state,
                    struct partition *partition, unsigned node,
                    const struct fact *fact);
    void (*on_node)(struct judge *judge, void *state, unsigned node,
                    enum node_change change);
    void (*on_history)(struct judge *judge, void *state,
                       struct partition *partition,
                       const struct history *event);
    void (*on_end)(struct judge *judge, void *state,
                   const struct ending *ending);
    void (*release)(void *state);
};

#define ORACLE(name, file, text, invariant, sentence)                          \
    extern const struct oracle oracle_##file;
#include "sim/oracle/oracle.def"
#undef ORACLE

/* A topic's settings now, and what they were. */
struct judge_alteration {
    struct judge_topic now;
    struct judge_topic before; /* the loosest of those before */
    int64_t settled_us;        /* when it was told that `now` holds */
    bool open;                 /* it is not told yet */
};

/* An oracle that was chosen, and looks at events of one kind. */
struct listener {
    const struct oracle *oracle;
    void *state;
};

struct listeners {
    struct listener all[ORACLE_COUNT];
    size_t count;
};

struct judge {
    struct judge_options options;
    struct judge_alteration *alterations; /* by topic */
    int64_t now_us;
    int64_t healed_us;
    struct model model;
    struct records records;
    struct judge_counts counts;
    int controller;
    int64_t controller_epoch;
    void *states[ORACLE_COUNT];
    struct listeners of_facts; /* the kinds that come by the thousand */
    struct listeners of_history;
    bool failed;
    struct violation violation;
};

/* Notes a broken promise; only the first one counts. node: or
 * JUDGE_NODES_MAX; partition: or NULL; offset: or -1. */
void judge_fail(struct judge *judge, enum oracle_id oracle,
                const struct partition *partition, unsigned node,
                int64_t offset, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* "orders/0", for messages; valid until the next call but three. */
const char *judge_place(const struct judge *judge,
                        const struct partition *partition);

/* The settings of its topic, or NULL while the topic is not known. */
const struct judge_topic *judge_settings(const struct judge *judge,
                                         const struct partition *partition);
/* For a topic that is known: what they may still be for a broker that has
 * not heard; the smallest of the limits. */
struct judge_topic judge_loosest(const struct judge *judge,
                                 const struct partition *partition);
/* Since when the topic certainly has its settings; INT64_MAX: not yet. */
int64_t judge_settled_us(const struct judge *judge,
                         const struct partition *partition);
/* What it acknowledges may be lost with the power. */
bool judge_lazy(const struct judge *judge, const struct partition *partition);

#endif
