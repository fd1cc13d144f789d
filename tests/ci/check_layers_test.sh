#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# ci/check-layers must turn red on every kind of crossing: each is made in a
# copy, the one object it touches is compiled anew, and the sentence that
# names it is looked for. Needs a built tree in build/.
set -u
cd "$(dirname "$0")/../.." || exit 3
COPY=$(mktemp -d /tmp/kq-layers.XXXXXX)
trap 'rm -rf "$COPY"' EXIT
trap 'exit 1' INT TERM
FAILED=0

mkdir "$COPY/build"
cp -r broker client "$COPY"
for ring in proto base rules wire coord log cluster server engine; do
    mkdir -p "$COPY/build/CMakeFiles"
    [ ! -d "build/CMakeFiles/$ring.dir" ] ||
        cp -r "build/CMakeFiles/$ring.dir" "$COPY/build/CMakeFiles"
done

check() {
    ci/check-layers --root "$COPY" --build "$COPY/build" --objects-only \
        2>&1
}

compile() { # ring, source
    gcc -std=c17 -O1 -g -fPIC -fno-common -D_GNU_SOURCE -I"$COPY" \
        -I"$COPY/broker" -Ibuild/proto -c "$COPY/$2" \
        -o "$COPY/build/CMakeFiles/$1.dir/$2.o"
}

# crossing NAME RING SOURCE TEXT SENTENCE: TEXT at the end of SOURCE
crossing() {
    cp "$COPY/$3" "$COPY/saved.c"
    printf '%s\n' "$4" >>"$COPY/$3"
    if ! compile "$2" "$3"; then
        echo "FAILED: $1: does not compile"
        FAILED=$((FAILED + 1))
    elif out=$(check); then
        echo "FAILED: $1: check-layers stayed green"
        FAILED=$((FAILED + 1))
    elif ! grep -qF -- "$5" <<<"$out"; then
        echo "FAILED: $1: no sentence with: $5"
        echo "$out" | head -n 5
        FAILED=$((FAILED + 1))
    else
        echo "ok: $1: $(grep -F -m 1 -- "$5" <<<"$out")"
    fi
    cp "$COPY/saved.c" "$COPY/$3"
    compile "$2" "$3"
}

if ! out=$(check); then
    echo "FAILED: the unharmed copy is red:"
    head -n 5 <<<"$out"
    FAILED=1
fi

crossing 'a clock in broker/rules' rules broker/rules/retention.c '
#include <time.h>
int64_t retention_now(void);
int64_t retention_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}' "broker/rules/retention.c: calls 'clock_gettime'"

crossing 'a static variable in broker/cluster' cluster \
    broker/cluster/peers.c '
unsigned peers_count(void);
unsigned peers_count(void)
{
    static unsigned count;
    return ++count;
}' "broker/cluster/peers.c: 4 bytes of writable data in .bss"

crossing 'an initialised variable in broker/wire' wire broker/wire/frame.c '
unsigned frame_limit = 7;' \
    "broker/wire/frame.c: 4 bytes of writable data in .data"

crossing 'a thread-local variable in broker/server' server \
    broker/server/fetch.c '
_Thread_local unsigned fetch_depth;' \
    "broker/server/fetch.c: 4 bytes of writable data in .tbss"

crossing 'malloc in broker/coord' coord broker/coord/coord.c '
#include <stdlib.h>
void *coord_memory(void);
void *coord_memory(void)
{
    return malloc(7);
}' "broker/coord/coord.c: calls 'malloc'"

crossing 'memory of the seam in broker/rules' rules broker/rules/epochs.c '
void *heap_alloc(void *heap, size_t size);
void *epochs_memory(void *heap);
void *epochs_memory(void *heap)
{
    return heap_alloc(heap, 7);
}' "broker/rules/epochs.c: calls 'heap_alloc'"

crossing 'a call from rules up into cluster' rules broker/rules/epochs.c '
bool epochs_ready(void);
void partition_release(void *partition);
bool epochs_ready(void)
{
    partition_release(NULL);
    return true;
}' "broker/rules/epochs.c: uses 'partition_release' of cluster/"

crossing 'ZooKeeper outside of coord' cluster broker/cluster/peers.c '
int zoo_state(void *handle);
int peers_state(void *handle);
int peers_state(void *handle)
{
    return zoo_state(handle);
}' "broker/cluster/peers.c: calls 'zoo_state'"

crossing 'an include from rules into the seam' rules \
    broker/rules/retention.c '#include "seam/seam.h"' \
    'includes "seam/seam.h"'

echo "$FAILED failed"
[ "$FAILED" -eq 0 ]
