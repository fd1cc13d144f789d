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

/* FACT(NAME, "name", meaning of offset, end_offset, value). Unnamed fields
 * are zero. leader_epoch is given wherever one is known. */
enum fact_type {
    FACT_APPENDED,       /* batch written: base offset, next offset, body CRC */
    FACT_DURABLE,        /* -, the log is durable below end_offset */
    FACT_HIGH_WATERMARK, /* -, end_offset is the high watermark known here */
    FACT_LOG_START,      /* offset: new log start offset, visible */
    FACT_OPENED,         /* log recovered: log start, log end, lossy 0/1 */
    FACT_TRUNCATED,      /* -, new end offset */
    FACT_TRUNCATING,     /* -, a cut begins: a crash now may leave any end
                            from end_offset on */
    FACT_ROLE,           /* value: enum fact_role; offset: log end */
    FACT_LAZY,           /* the state says lazy: value 0/1; offset: its
                            partition epoch. At first only if it is. */
    FACT_ACKNOWLEDGED,   /* produce answered: base offset, next, acks */
    FACT_SERVED,         /* consumer read: first offset, limit offset */
    FACT_DELETED,        /* segment unlinked: base offset, next, reason */
    FACT_DAMAGED,        /* offsets [offset, end_offset) cannot be read:
                            value is CORRUPT, or IO: the disk says so */
    FACT_MENDED,         /* no damage is known any more */
    FACT_OUTLIVED,       /* a follower older than the epochs that its leader
                            knows starts over: -, the logs part there at the
                            latest */
    FACT_CONTROLLER,     /* leader_epoch: controller epoch won by this node */
    FACT_FENCED,         /* a log directory is offline: value is the error */
    FACT_SYNC,           /* a commit round was submitted: value files */
    FACT_FRAME_SENT,     /* value: body case of the message */
    FACT_FRAME_RECEIVED, /* value: body case of the message */
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
