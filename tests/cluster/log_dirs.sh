#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Two log directories a broker, and one of them on a disk of its own (a file
# system in a file) that is shut down under load, as a disk that dies: its
# leaders move, the broker goes on, `kq cluster status` says what is the
# matter; a start without it leaves its replicas offline; an empty one in its
# place is filled again. Then directories that are mixed up, each refused with
# its name. Needs root.
set -u
cd "$(dirname "$0")/../.." || exit 3
. tests/cluster/lib.sh

LINES_EACH=4000
DISK_MIB=256
DISK=

leave_with_disk() {
    local code=$?

    cluster_down
    [ -z "$DISK" ] || umount "$DISK" || failed "cannot unmount $DISK"
    (exit "$code")
    leave
}
trap leave_with_disk EXIT

make_disk() {
    rm -f "$CLUSTER/image"
    truncate -s "${DISK_MIB}M" "$CLUSTER/image" &&
        mkfs.ext4 -q "$CLUSTER/image" &&
        mount -o loop "$CLUSTER/image" "$DISK"
}

# From here on everything on it fails; what was synced stays.
shut_down_disk() {
    python3 - "$1" <<'PYTHON'
import fcntl, os, struct, sys
directory = os.open(sys.argv[1], os.O_RDONLY)
fcntl.ioctl(directory, 2 << 30 | 4 << 16 | ord("X") << 8 | 125,
            struct.pack("I", 2))
PYTHON
}

# says WORD...: the status is not good, and holds each word
says() {
    local word output

    output=$("$KQ" cluster status) && return 1
    for word; do
        grep -qF -- "$word" <<<"$output" || return 1
    done
}

all_led() {
    "$KQ" topic describe orders | awk '$1 ~ /^[0-9]+$/ && $2 !~ /^[0-9]+$/ {
        exit 1 }'
}

# Everything produced so far is there, once.
check_records() { # what
    "$KQ" consume orders --from beginning --stop-at-end --format '%v\n' \
        2>/dev/null | sort >"$CLUSTER/got"
    sort "$CLUSTER/sent" | cmp -s - "$CLUSTER/got" ||
        failed "$1: $(wc -l <"$CLUSTER/got") of $(wc -l <"$CLUSTER/sent") lines"
}

produce() { # prefix
    make_lines "$LINES_EACH" | sed "s/^/$1 /" >"$CLUSTER/lines"
    cat "$CLUSTER/lines" >>"$CLUSTER/sent"
    "$KQ" produce orders --file "$CLUSTER/lines" >/dev/null ||
        failed "$1: not all was acknowledged"
}

# A log may still be in the making when its leader is known.
holds_half() { # directory
    [ "$(find "$1" -mindepth 1 -maxdepth 1 -name '*-[0-9]*' | wc -l)" -eq 3 ]
}

restart() { # broker
    "$KQ" dev kill "$1" --dir "$CLUSTER" >/dev/null
    "$KQ" dev start "$1" --dir "$CLUSTER" >/dev/null || failed "no broker $1"
}

# ---- a cluster whose broker 1 has a disk of its own ----

CLUSTER=$(mktemp -d /tmp/kq-cluster.XXXXXX)
mkdir -p "$CLUSTER/broker-1/data-2"
DISK=$CLUSTER/broker-1/data-2
make_disk || exit 3
"$KQ" dev up --brokers 3 --log-dirs 2 --dir "$CLUSTER" || exit 3
KQ_BOOTSTRAP=$(sed -n 's/^broker\.[0-9]*\.port=/127.0.0.1:/p' \
    "$CLUSTER/cluster" | paste -sd,)
export KQ_BOOTSTRAP
"$KQ" topic create orders --partitions 6 --replicas 3 || failed "no topic"
eventually 30 healthy || failed "not healthy at the start"
for broker in 1 2 3; do
    for directory in data data-2; do
        eventually 30 holds_half "$CLUSTER/broker-$broker/$directory" ||
            failed "broker $broker has not 3 of 6 logs in $directory"
    done
done
produce first
pid=$(cut -d ' ' -f 1 "$CLUSTER/broker-1/pid")

# ---- it fails under load ----

make_lines "$LINES_EACH" | sed 's/^/second /' >"$CLUSTER/second"
cat "$CLUSTER/second" >>"$CLUSTER/sent"
"$KQ" produce orders --file "$CLUSTER/second" >/dev/null &
producer=$!
shut_down_disk "$DISK" || failed "the file system cannot be shut down"
wait "$producer" || failed "second: not all was acknowledged"
produce third
eventually 20 says "$DISK is offline" "3 replicas of broker 1 are offline" \
    " 0 offline, 0 under min, 3 under-replicated" ||
    failed "the status does not tell: $("$KQ" cluster status)"
all_led || failed "a partition has no leader"
kill -0 "$pid" 2>/dev/null || failed "broker 1 ended"
check_records "with a directory offline"
say "ok: a directory failed and its broker went on"
"$KQ" cluster status | grep -A3 'log directory'

# ---- a clean stop and a start without it ----

gone() {
    ! kill -0 "$pid" 2>/dev/null
}
kill -TERM "$pid"
eventually 20 gone || failed "broker 1 does not stop"
[ -e "$CLUSTER/broker-1/data/clean" ] ||
    failed "the directory that works was not closed cleanly"
"$KQ" dev start 1 --dir "$CLUSTER" >/dev/null || failed "no broker 1"
eventually 20 says "$DISK is offline" "3 replicas of broker 1 are offline" \
    " 0 offline, 0 under min, 3 under-replicated" ||
    failed "the status after a start: $("$KQ" cluster status)"
produce fourth
check_records "after a start without the directory"
say "ok: its replicas are offline, and the others served"

# ---- an empty one in its place ----

"$KQ" dev kill 1 --dir "$CLUSTER" >/dev/null
umount "$DISK"
make_disk || failed "no new disk"
"$KQ" dev start 1 --dir "$CLUSTER" >/dev/null || failed "no broker 1"
eventually 60 healthy || failed "not healthy: $("$KQ" cluster status)"
restart 2
restart 3
eventually 60 healthy || failed "not healthy at the end"
check_records "after the directory was replaced"
say "ok: the empty directory was filled again"

# ---- directories that are mixed up ----

# refused CODE WORD LOG.DIRS: broker 1 does not start with these
refused() {
    local output code

    output=$(timeout -k 2 30 "$BROKER" \
        --config "$CLUSTER/broker-1/broker.properties" \
        --set "log.dirs=$3" 2>&1 </dev/null)
    code=$?
    if [ "$code" -ne "$1" ] || ! grep -qF -- "$2" <<<"$output"; then
        failed "log.dirs=$3: exit $code instead of $1, or no word of '$2'"
        tail -n 3 <<<"$output"
    else
        say "ok: exit $code: $(grep -F "$2" <<<"$output" | tail -n 1 |
            sed "s|$CLUSTER/||g" | cut -c 1-150)"
    fi
}

"$KQ" dev kill 1 --dir "$CLUSTER" >/dev/null
one=$CLUSTER/broker-1/data
refused 2 "names the directory $one twice" "$one,$DISK,$one/"
refused 2 "of which one lies in the other" "$one,$one/inner"
ln -s "$one" "$CLUSTER/again"
refused 3 "again/lock" "$one,$CLUSTER/again"
refused 3 "broker-2/data/lock" "$one,$CLUSTER/broker-2/data"
"$KQ" dev kill 2 --dir "$CLUSTER" >/dev/null
refused 2 "was written by broker 2" "$one,$CLUSTER/broker-2/data"
"$KQ" dev start 2 --dir "$CLUSTER" >/dev/null || failed "no broker 2"

# a log copied, as by a hand that means to move it
log=$(find "$one" -mindepth 1 -maxdepth 1 -name '*-[0-9]*' | sort | head -n 1)
cp -r "$log" "$DISK/"
segments() {
    find "$one" "$DISK" -name '*.log' | wc -l
}
before=$(segments)
refused 2 "${log##*/}" "$one,$DISK"
[ "$(segments)" -eq "$before" ] || failed "something was deleted"
rm -rf "${DISK:?}/${log##*/}"
log=$(find "$one" -mindepth 1 -maxdepth 1 -name '*-[0-9]*' | sort | head -n 1)
"$KQ" dev start 1 --dir "$CLUSTER" >/dev/null || failed "no broker 1"
eventually 60 healthy || failed "not healthy after all: $("$KQ" cluster status)"
check_records "at the end"
echo "$FAILURES failed"
