/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts of brokers (kafkaesqued --facts), in an order that the judge can rely
 * on: no fact is told before one that it comes from.
 *
 * A broker stamps a fact with the clock of the machine as it writes it, before
 * anybody can hear of it. Let all files be read at a time T. Of a fact with a
 * stamp before T, whatever it comes from was written before that stamp, so has
 * been read by now. What was read with stamps before T is told in the order of
 * stamps; the rest waits for the next time. So it does no harm when a broker
 * stands still between a stamp and its writing: nobody heard of that fact.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "sim/real/internal.h"

#define READ_BYTES 65536

static const char *const names[FACT_COUNT] = {
#define FACT(name, text, meaning) text,
#include "seam/facts.def"
#undef FACT
};

void facts_open(struct facts *facts, const char *path)
{
    facts->fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
    facts->have = 0;
    if (facts->fd < 0)
        real_failed("cannot read %s: %s", path, strerror(errno));
}

void facts_close(struct facts *facts)
{
    if (facts->fd >= 0)
        close(facts->fd);
    facts->fd = -1;
    free(facts->text);
    *facts = (struct facts){.fd = -1};
}

static bool type_of(const char *name, enum fact_type *type)
{
    for (unsigned i = 0; i < FACT_COUNT; i++) {
        if (strcmp(names[i], name) != 0)
            continue;
        *type = (enum fact_type)i;
        return true;
    }
    return false;
}

/* As broker/real/trace.c writes it. */
static bool parse(const char *line, struct told *told)
{
    long long at_us, offset, end_offset, value;
    char name[32], id[UUID_TEXT_SIZE];
    struct fact *fact = &told->fact;

    if (sscanf(
            line,
            "{\"at_us\":%lld,\"fact\":\"%31[^\"]\",\"topic_id\":\"%32[^\"]\","
            "\"partition\":%u,\"leader_epoch\":%d,\"offset\":%lld,"
            "\"end_offset\":%lld,\"value\":%lld}",
            &at_us, name, id, &fact->key.partition, &fact->leader_epoch,
            &offset, &end_offset, &value) != 8 ||
        !type_of(name, &fact->type) || !uuid_parse(id, &fact->key.topic_id))
        return false;
    told->at_us = at_us;
    fact->offset = offset;
    fact->end_offset = end_offset;
    fact->value = value;
    return true;
}

static void take_line(struct world *world, struct node *node, const char *line)
{
    struct telling *telling = &world->telling;
    struct told told = {.node = node, .order = telling->next_order++};

    if (!parse(line, &told))
        real_failed("%s wrote a fact that cannot be read: %s", node->name,
                    line);
    if (told.fact.type >= FACT_SYNC && told.fact.type <= FACT_FRAME_RECEIVED)
        return; /* they only count */
    if (telling->count == telling->room) {
        telling->room = telling->room ? telling->room * 2 : 256;
        telling->told =
            realloc(telling->told, telling->room * sizeof *telling->told);
        ASSERT(telling->told != NULL);
    }
    telling->told[telling->count++] = told;
}

/* What has no end yet stays. */
static void take_lines(struct world *world, struct node *node)
{
    struct facts *facts = &node->facts;
    char *at = facts->text;
    char *end;

    while ((end = memchr(at, '\n', facts->have - (size_t)(at - facts->text))) !=
           NULL) {
        *end = '\0';
        take_line(world, node, at);
        at = end + 1;
    }
    facts->have -= (size_t)(at - facts->text);
    memmove(facts->text, at, facts->have);
}

static void read_all(struct world *world, struct node *node)
{
    struct facts *facts = &node->facts;
    ssize_t got;

    if (facts->fd < 0)
        return;
    do {
        if (facts->room - facts->have < READ_BYTES) {
            facts->room = facts->have + 2 * READ_BYTES;
            facts->text = realloc(facts->text, facts->room);
            ASSERT(facts->text != NULL);
        }
        got = read(facts->fd, facts->text + facts->have, READ_BYTES);
        if (got <= 0)
            return;
        facts->have += (size_t)got;
        take_lines(world, node);
    } while (got == READ_BYTES);
}

static int by_time(const void *a, const void *b)
{
    const struct told *one = a;
    const struct told *two = b;

    if (one->at_us != two->at_us)
        return one->at_us < two->at_us ? -1 : 1;
    return one->order < two->order ? -1 : 1;
}

void facts_tell(struct world *world)
{
    struct telling *telling = &world->telling;
    struct world_observer *observer = world->options.observer;
    int64_t began_us = real_now_us();
    size_t count = 0;

    for (uint32_t i = 0; i < world->node_count; i++)
        read_all(world, world->nodes[i]);
    if (telling->count == 0)
        return;
    qsort(telling->told, telling->count, sizeof *telling->told, by_time);
    while (count < telling->count && telling->told[count].at_us < began_us) {
        const struct told *told = &telling->told[count++];

        world->events++;
        if (observer != NULL && observer->on_fact != NULL)
            observer->on_fact(observer, told->node, &told->fact);
    }
    telling->count -= count;
    memmove(telling->told, telling->told + count,
            telling->count * sizeof *telling->told);
}
