/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams of random draws, keyed by (seed, name, purpose). Draw n of one
 * depends on nothing else, so that a new stream moves none of the others.
 */
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/assert.h"
#include "sim/streams.h"

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

void streams_fork(struct streams *streams, uint32_t future)
{
    streams->key = XXH3_64bits_withSeed(&future, sizeof future, streams->key);
    for (uint32_t i = 0; i < PURPOSE_OWN_COUNT; i++)
        stream_init(streams, &streams->own[i], i);
    for (size_t i = 0; i < streams->more_count; i++)
        stream_init(streams, &streams->more[i], streams->more[i].purpose);
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
