/* SPDX-License-Identifier: Apache-2.0
 *
 * What a node says about itself: logs for people, typed facts for oracles,
 * marks for sweeps. Oracles see only facts and client histories. Text is
 * formatted only where somebody reads it. Loop thread only.
 */
#ifndef SEAM_TRACE_H
#define SEAM_TRACE_H

#include <stdint.h>

#include "base/error.h"
#include "base/uuid.h"
#include "seam/seam.h"

enum trace_level { TRACE_DEBUG, TRACE_INFO, TRACE_WARN, TRACE_ERROR };

void trace_log(struct trace *trace, enum trace_level level, const char *format,
               ...) __attribute__((format(printf, 3, 4)));

enum mark {
#define MARK(name, text, sentence) MARK_##name,
#include "seam/marks.def"
#undef MARK
    MARK_COUNT
};

void trace_mark(struct trace *trace, enum mark mark);
#define SOMETIMES(trace, name) trace_mark((trace), MARK_##name)

/* A replica's identity in facts. */
struct partition_key {
    struct uuid topic_id;
    uint32_t partition;
};

enum fact_type {
#define FACT(name, text, meaning) FACT_##name,
#include "seam/facts.def"
#undef FACT
    FACT_COUNT
};

enum fact_role { FACT_ROLE_NONE, FACT_ROLE_LEADER, FACT_ROLE_FOLLOWER };

struct fact {
    enum fact_type type;
    struct partition_key key;
    int32_t leader_epoch;
    int64_t offset;
    int64_t end_offset;
    int64_t value;
};

void trace_fact(struct trace *trace, const struct fact *fact);

#endif
