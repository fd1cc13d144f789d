#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# R16 on a real file system of its own, filled to the last byte by something
# else while records are produced: no broker ends, reads go on, the one with
# the full disk starts again after kill -9, retention deletes there, and with
# the space that it made writing resumes by itself. Every line is there once.
# Needs to be root, to mount it; without, it says so and passes.
set -u
cd "$(dirname "$0")/../.." || exit 3
. tests/cluster/lib.sh

LINES=40000
MIB=48
DISK=

unmount() {
    [ -z "$DISK" ] || umount -l "$DISK"
    leave
}

probe=$(mktemp -d /tmp/kq-mount.XXXXXX)
if ! mount -t tmpfs -o size=1m tmpfs "$probe" 2>/dev/null; then
    rmdir "$probe"
    echo "skipped: no file system can be mounted here (it takes root)"
    echo "0 failed"
    exit 0
fi
umount "$probe"
rmdir "$probe"

cluster_up 3 --set log.reserve.bytes=4194304 \
    --set log.retention.check.interval.ms=500 \
    --set log.checkpoint.interval.ms=1000 \
    --set replica.lag.time.max.ms=4000 \
    --set zookeeper.session.timeout.ms=3000

# ---- broker 1 moves to a small disk ----

data=$CLUSTER/broker-1/data
"$KQ" dev kill 1 --dir "$CLUSTER"
mkdir "$CLUSTER/disk"
mount -t tmpfs -o size="${MIB}m" tmpfs "$CLUSTER/disk" || exit 3
DISK=$CLUSTER/disk
trap unmount EXIT
mv "$data" "$DISK/data"
ln -s "$DISK/data" "$data"
"$KQ" dev start 1 --dir "$CLUSTER" || exit 1
eventually 60 healthy || failed "not healthy on the small disk"

"$KQ" topic create story --partitions 3 --replicas 3 || exit 1
"$KQ" topic create bulk --partitions 1 --replicas 3 \
    --config retention.ms=15000 --config segment.bytes=1048576 || exit 1
make_lines "$LINES" >"$CLUSTER/wanted"

free_bytes() {
    df --output=avail -B1 "$DISK" | tail -1 | tr -d ' '
}
segments() {
    find "$DISK"/data/ -name '*.log' | wc -l
}
# To the last byte, whatever is free.
fill() { # file
    dd if=/dev/zero of="$DISK/$1" bs=64k 2>/dev/null
    dd if=/dev/zero of="$DISK/$1" bs=512 oflag=append conv=notrunc 2>/dev/null
}
count_said() { # words
    grep -c "$1" "$(log_of 1)"
}
said_more() { # words, than so often
    [ "$(count_said "$1")" -gt "$2" ]
}

# ---- 16 MiB that retention will take; then, under load, the disk is full ----

awk 'BEGIN { line = sprintf("%1000s", ""); gsub(/ /, "x", line)
             for (i = 0; i < 16384; i++) print line }' |
    "$KQ" produce bulk || failed "bulk: not every line was acknowledged"
for ((i = 0; i < 20; i++)); do
    sed -n "$((i * LINES / 20 + 1)),$(((i + 1) * LINES / 20))p" \
        "$CLUSTER/wanted"
    sleep 0.5
done | "$KQ" produce story &
producer=$!
other "$producer"
sleep 1
before=$(segments)
fill filler
say "broker 1 leads partitions $("$KQ" topic describe story |
    awk '$2 == 1 { printf "%s ", $1 }'); $before segments, no byte is free"
eventually 20 said_more 'producers are refused\|no space is left' 0 ||
    failed "broker 1 did not say that its disk is full"
"$KQ" consume bulk --from beginning --max 10 --stop-at-end >/dev/null ||
    failed "reads do not go on"
fewer_segments() {
    [ "$(segments)" -lt $((before - 8)) ]
}
eventually 60 fewer_segments ||
    failed "retention deleted nothing on the full disk: $(segments) segments"
eventually 30 said_more 'producers are served again' 0 ||
    failed "writing did not resume by itself"
say "retention left $(segments) segments, and writing has resumed"
wait "$producer" || failed "story: not every line was acknowledged"
eventually 60 healthy || failed "not all replicas are in sync again"

# ---- kill -9, and a start without a free byte ----

eventually 10 test -f "$DISK/data/ballast" || failed "there is no ballast"
sleep 1
"$KQ" dev kill 1 --dir "$CLUSTER"
fill filler2
[ "$(free_bytes)" -eq 0 ] || failed "$(free_bytes) bytes are free"
given=$(count_said 'registered, epoch')
"$KQ" dev start 1 --dir "$CLUSTER" || failed "no start on a full disk"
said_more 'registered, epoch' "$given" || failed "broker 1 has not registered"
rm "$DISK/filler2"
eventually 60 healthy || {
    failed "not all replicas are in sync again"
    "$KQ" cluster status
}
[ -f "$DISK/filler" ] || failed "the filler is gone: this proved nothing"

# ---- what is there ----

"$KQ" consume story --from beginning --stop-at-end | sort >"$CLUSTER/got" ||
    failed "consuming failed"
if cmp <(sort "$CLUSTER/wanted") "$CLUSTER/got"; then
    say "ok: $LINES lines, each once"
else
    failed "the lines differ"
fi
"$KQ" dev down --dir "$CLUSTER" >/dev/null
"$KQ" log verify "$DISK/data" | tail -1
[ "${PIPESTATUS[0]}" -eq 0 ] || failed "the small disk's logs are damaged"
echo "$FAILURES failed"
