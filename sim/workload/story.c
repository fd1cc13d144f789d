/* SPDX-License-Identifier: Apache-2.0
 *
 * A ring of the last facts and of what befell nodes, told when a run fails.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "sim/workload/internal.h"

#define RING       16384
#define LINES_MAX  40
#define LINE_BYTES 140

struct entry {
    int64_t now_us;
    const char *what; /* NULL: a fact */
    char who[16];
    unsigned node;
    struct fact fact;
};

struct story {
    uint64_t count;
    struct entry ring[RING];
};

static const char *const fact_names[FACT_COUNT] = {
#define FACT(name, text, meaning) text,
#include "seam/facts.def"
#undef FACT
};

struct story *story_new(void)
{
    struct story *story = malloc(sizeof *story);

    if (story == NULL)
        abort();
    story->count = 0;
    return story;
}

void story_free(struct story *story)
{
    free(story);
}

static struct entry *next(struct story *story, int64_t now_us)
{
    struct entry *entry = &story->ring[story->count++ % RING];

    entry->now_us = now_us;
    return entry;
}

void story_fact(struct story *story, int64_t now_us, unsigned node,
                const struct fact *fact)
{
    struct entry *entry;

    if (fact->type >= FACT_SYNC && fact->type != FACT_REMOVED)
        return;
    entry = next(story, now_us);
    entry->what = NULL;
    entry->node = node;
    entry->fact = *fact;
}

void story_event(struct story *story, int64_t now_us, const char *who,
                 const char *what)
{
    struct entry *entry = next(story, now_us);

    entry->what = what;
    snprintf(entry->who, sizeof entry->who, "%s", who);
}

static const char *role_name(int64_t role)
{
    static const char *const names[] = {"none", "leader", "follower"};

    return role >= 0 && role <= FACT_ROLE_FOLLOWER ? names[role] : "?";
}

static void fact_text(const struct fact *fact, char *text, size_t size)
{
    const char *name = fact_names[fact->type];

    switch (fact->type) {
    case FACT_DURABLE:
    case FACT_HIGH_WATERMARK:
    case FACT_TRUNCATED:
    case FACT_TRUNCATING:
        snprintf(text, size, "%s %" PRId64, name, fact->end_offset);
        return;
    case FACT_LOG_START:
        snprintf(text, size, "%s %" PRId64, name, fact->offset);
        return;
    case FACT_ROLE:
        snprintf(text, size, "%s %s, epoch %d, log end %" PRId64, name,
                 role_name(fact->value), fact->leader_epoch, fact->offset);
        return;
    case FACT_LAZY:
        snprintf(text, size, "%s %s, partition epoch %" PRId64, name,
                 fact->value ? "yes" : "no", fact->offset);
        return;
    case FACT_UNCLEAN:
        snprintf(text, size, "%s since epoch %" PRId64, name, fact->value);
        return;
    case FACT_OPENED:
        snprintf(text, size, "%s from %" PRId64 " to %" PRId64 "%s", name,
                 fact->offset, fact->end_offset, fact->value ? ", lossy" : "");
        return;
    case FACT_CONTROLLER:
        snprintf(text, size, "%s, epoch %d", name, fact->leader_epoch);
        return;
    case FACT_FENCED:
        snprintf(text, size, "%s: %s", name,
                 error_name(error_from_code((unsigned)fact->value)));
        return;
    case FACT_ACKNOWLEDGED:
        snprintf(text, size, "%s %" PRId64 " to %" PRId64 ", acks %" PRId64,
                 name, fact->offset, fact->end_offset - 1, fact->value);
        return;
    default:
        snprintf(text, size, "%s %" PRId64 " to %" PRId64 ", epoch %d", name,
                 fact->offset, fact->end_offset - 1, fact->leader_epoch);
        return;
    }
}

static bool matters(const struct entry *entry, const struct partition_key *key)
{
    if (entry->what != NULL || entry->fact.type == FACT_CONTROLLER ||
        entry->fact.type == FACT_FENCED || key == NULL)
        return true;
    return entry->fact.type != FACT_SERVED &&
           entry->fact.key.partition == key->partition &&
           uuid_equal(&entry->fact.key.topic_id, &key->topic_id);
}

static void tell_entry(const struct entry *entry, char line[LINE_BYTES])
{
    char text[96];

    if (entry->what != NULL) {
        snprintf(line, LINE_BYTES, "%11.6f  %-4s %s\n",
                 (double)entry->now_us / 1e6, entry->who, entry->what);
        return;
    }
    fact_text(&entry->fact, text, sizeof text);
    snprintf(line, LINE_BYTES, "%11.6f  b%-3u %s\n",
             (double)entry->now_us / 1e6, entry->node + 1, text);
}

void story_tell(const struct story *story, const struct partition_key *key,
                char text[RUN_STORY_BYTES])
{
    uint64_t oldest = story->count > RING ? story->count - RING : 0;
    uint64_t chosen[LINES_MAX];
    size_t count = 0, used = 0;

    for (uint64_t i = story->count; i > oldest && count < LINES_MAX; i--)
        if (matters(&story->ring[(i - 1) % RING], key))
            chosen[count++] = i - 1;
    text[0] = '\0';
    while (count-- > 0) {
        char line[LINE_BYTES];
        size_t length;

        tell_entry(&story->ring[chosen[count] % RING], line);
        length = strlen(line);
        if (used + length + 1 > RUN_STORY_BYTES)
            return;
        memcpy(text + used, line, length + 1);
        used += length;
    }
}
