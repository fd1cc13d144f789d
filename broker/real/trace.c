/* SPDX-License-Identifier: Apache-2.0
 *
 * Logs to standard error, facts as JSON lines to a file when asked, marks
 * as counters. A fact bears the time at which it is written, and is written
 * before anybody can hear of it: facts of all brokers of a machine, sorted by
 * time, have what they come from before them.
 */
#include "seam/trace.h"

#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include "real/internal.h"

struct trace {
    struct loop *loop;
    uint64_t marks[MARK_COUNT];
};

static const char *const level_names[] = {
    [TRACE_DEBUG] = "DEBUG",
    [TRACE_INFO] = "INFO",
    [TRACE_WARN] = "WARN",
    [TRACE_ERROR] = "ERROR",
};

static const char *const fact_names[FACT_COUNT] = {
#define FACT(name, text, meaning) text,
#include "seam/facts.def"
#undef FACT
};

struct trace *trace_new(struct loop *loop)
{
    struct trace *trace = calloc(1, sizeof *trace);

    if (trace != NULL)
        trace->loop = loop;
    return trace;
}

void trace_destroy(struct trace *trace)
{
    free(trace);
}

uint64_t trace_mark_count(const struct trace *trace, enum mark mark)
{
    return trace->marks[mark];
}

void trace_log(struct trace *trace, enum trace_level level, const char *format,
               ...)
{
    const struct loop_options *options = &trace->loop->options;
    struct moment now;
    char text[1024];
    char date[32];
    struct tm parts;
    time_t seconds;
    va_list arguments;

    if (level < options->log_level)
        return;
    loop_clock(trace->loop, &now);
    seconds = (time_t)(now.wall_ms / 1000);
    gmtime_r(&seconds, &parts);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "%s.%03dZ %-5s %s: %s\n", date, (int)(now.wall_ms % 1000),
            level_names[level], options->name, text);
}

void trace_mark(struct trace *trace, enum mark mark)
{
    trace->marks[mark]++;
}

void trace_fact(struct trace *trace, const struct fact *fact)
{
    FILE *file = trace->loop->options.facts;
    char topic_id[UUID_TEXT_SIZE];
    struct moment now;

    if (file == NULL)
        return;
    loop_clock(trace->loop, &now);
    uuid_format(&fact->key.topic_id, topic_id);
    fprintf(file,
            "{\"at_us\":%lld,\"fact\":\"%s\",\"topic_id\":\"%s\","
            "\"partition\":%u,\"leader_epoch\":%d,\"offset\":%lld,"
            "\"end_offset\":%lld,\"value\":%lld}\n",
            (long long)now.monotonic_us, fact_names[fact->type], topic_id,
            fact->key.partition, fact->leader_epoch, (long long)fact->offset,
            (long long)fact->end_offset, (long long)fact->value);
}
