/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts go into the hash and to the observer, marks into the hash and their
 * counters; logs are text alone, for the trace and for an observer.
 */
#include "seam/trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sim/line.h"
#include "sim/twins.h"

static const char *const fact_names[FACT_COUNT] = {
#define FACT(name, text, meaning) text,
#include "seam/facts.def"
#undef FACT
};

static const char *const mark_names[MARK_COUNT] = {
#define MARK(name, text, sentence) text,
#include "seam/marks.def"
#undef MARK
};

static const char *const level_names[] = {
    [TRACE_DEBUG] = "DEBUG",
    [TRACE_INFO] = "INFO",
    [TRACE_WARN] = "WARN",
    [TRACE_ERROR] = "ERROR",
};

void trace_log(struct trace *trace, enum trace_level level, const char *format,
               ...)
{
    struct world *world = trace->node->world;
    struct world_observer *observer = world->options.observer;
    bool heard =
        observer != NULL && observer->on_log != NULL && level >= TRACE_INFO;
    char text[1000];
    va_list arguments;

    if (!heard && !world_keeps_text(world))
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    world_text(world, trace->node, "%s %s", level_names[level], text);
    if (heard)
        observer->on_log(observer, trace->node, level, text);
}

void trace_mark(struct trace *trace, enum mark mark)
{
    struct world *world = trace->node->world;
    struct world_observer *observer = world->options.observer;
    uint64_t words[2] = {0x100u + (uint64_t)mark, trace->node->index};

    if (world->marks[mark]++ == 0 && observer != NULL &&
        observer->on_mark != NULL)
        observer->on_mark(observer, mark);
    world_hash_add(world, words, sizeof words);
    if (world_keeps_text(world))
        world_text(world, trace->node, "mark %s", mark_names[mark]);
}

static void fact_text(struct trace *trace, const struct fact *fact)
{
    char topic_id[UUID_TEXT_SIZE];
    struct line line;

    uuid_format(&fact->key.topic_id, topic_id);
    line_begin(&line, trace->node->world, trace->node);
    line_add(&line, "fact");
    line_add(&line, fact_names[fact->type]);
    line_add(&line, topic_id);
    line_append(&line, "-");
    line_append_unsigned(&line, fact->key.partition);
    line_add(&line, "epoch");
    line_add_number(&line, fact->leader_epoch);
    line_add(&line, "offset");
    line_add_number(&line, fact->offset);
    line_add(&line, "end");
    line_add_number(&line, fact->end_offset);
    line_add(&line, "value");
    line_add_number(&line, fact->value);
    line_end(&line);
}

void trace_fact(struct trace *trace, const struct fact *fact)
{
    struct world *world = trace->node->world;
    struct world_observer *observer = world->options.observer;
    uint64_t words[9] = {0x200u + (uint64_t)fact->type,
                         trace->node->index,
                         0,
                         0,
                         fact->key.partition,
                         (uint64_t)fact->leader_epoch,
                         (uint64_t)fact->offset,
                         (uint64_t)fact->end_offset,
                         (uint64_t)fact->value};

    memcpy(&words[2], &fact->key.topic_id, sizeof fact->key.topic_id);
    world_hash_add(world, words, sizeof words);
    if (world_keeps_text(world))
        fact_text(trace, fact);
    if (observer != NULL && observer->on_fact != NULL)
        observer->on_fact(observer, trace->node, fact);
}
