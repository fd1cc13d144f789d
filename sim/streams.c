/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams of random draws, keyed by (seed, name, purpose). Draw n of one
 * depends on nothing else, so that a new stream moves none of the others.
 */
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "sim/twins.h"

static void stream_init(const struct streams *streams, struct stream *stream,
                        uint32_t purpose)
{
    stream->purpose = purpose;
    random_init(&stream->random,
                XXH3_64bits_withSeed(&purpose, sizeof purpose, streams->key));
}

void streams_init(struct streams *streams, uint64_t seed, const char *name)
{
    memset(streams, 0, sizeof *streams);
    streams->key = XXH3_64bits_withSeed(name, strlen(name), seed);
    for (uint32_t i = 0; i < PURPOSE_OWN_COUNT; i++)
        stream_init(streams, &streams->own[i], i);
}

void streams_release(struct streams *streams)
{
    free(streams->more);
}

struct random *streams_find(struct streams *streams, uint32_t purpose)
{
    struct stream *more;

    if (purpose < PURPOSE_OWN_COUNT)
        return &streams->own[purpose].random;
    for (size_t i = 0; i < streams->more_count; i++)
        if (streams->more[i].purpose == purpose)
            return &streams->more[i].random;
    more = realloc(streams->more, (streams->more_count + 1) * sizeof *more);
    ASSERT(more != NULL);
    streams->more = more;
    stream_init(streams, &more[streams->more_count], purpose);
    return &more[streams->more_count++].random;
}

static struct random *find(struct world *world, struct node *node,
                           uint32_t purpose)
{
    return streams_find(node ? &node->streams : &world->streams, purpose);
}

uint64_t world_random(struct world *world, struct node *node, uint32_t purpose)
{
    return random_u64(find(world, node, purpose));
}

uint64_t world_random_below(struct world *world, struct node *node,
                            uint32_t purpose, uint64_t bound)
{
    return random_below(find(world, node, purpose), bound);
}

int64_t world_between(struct world *world, struct node *node,
                      enum purpose purpose, int64_t low, int64_t high)
{
    return low + (int64_t)world_random_below(world, node, purpose,
                                             (uint64_t)(high - low) + 1);
}

bool world_chance(struct world *world, struct node *node, enum purpose purpose,
                  uint64_t of)
{
    return world_random_below(world, node, purpose, of) == 0;
}
