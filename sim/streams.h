/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams of random draws, keyed by (seed, name, purpose). No world is in
 * here.
 */
#ifndef SIM_STREAMS_H
#define SIM_STREAMS_H

#include <stddef.h>
#include <stdint.h>

#include "base/random.h"

enum purpose {
    PURPOSE_CPU,
    PURPOSE_START,
    PURPOSE_CLOCK,
    PURPOSE_DISK_LATENCY,
    PURPOSE_DISK_FAULT,
    PURPOSE_DISK_CRASH,
    PURPOSE_DISK_ROT,
    PURPOSE_NET_LATENCY,
    PURPOSE_NET_SPLIT,
    PURPOSE_NET_FAULT,
    PURPOSE_NET_WINDOW,
    PURPOSE_OFFLOAD,
    PURPOSE_DISK_PROFILE,
    PURPOSE_DISK_DAMAGE,
    PURPOSE_OWN_COUNT,
    PURPOSE_FAULT_RATE = 100 /* + the point */
};

struct stream {
    uint32_t purpose;
    struct random random;
};

struct streams {
    uint64_t key;
    struct stream own[PURPOSE_OWN_COUNT];
    struct stream *more;
    size_t more_count;
};

void streams_init(struct streams *streams, uint64_t seed, const char *name);
void streams_release(struct streams *streams);
/* From now on draws are those of another future, 1 and up. */
void streams_fork(struct streams *streams, uint32_t future);
/* That of a purpose, from its beginning or where it was left; valid until the
 * next call. */
struct random *streams_find(struct streams *streams, uint32_t purpose);

#endif
