#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
#   tests/cluster/failing_disk.sh [SYNC]
#
# One broker alone, so that no replica makes good for it, on a file system
# that fails when it is told (tests/lib/faultfs.c), under a load with
# acks=all. After a failed sync or write it fences its directory, says which
# operation failed and ends with exit code 3; the next start recovers, and
# nothing that was acknowledged is lost, also when the pages of the failed
# sync are. A short write is no failure. A read that fails is told to the
# reader, who gets every record later. SYNC: which sync from the order on
# fails (3). Needs root and FUSE; exit 77 where there is none.
set -u
if [ "${KQ_APART-}" != 1 ]; then
    [ "$(id -u)" -eq 0 ] && KQ_APART=1 exec unshare --mount "$0" "$@"
    echo "skipped: mounting a file system takes root"
    exit 77
fi
cd "$(dirname "$0")/../.." || exit 3
. ci/sizes
. tests/cluster/lib.sh

SYNC=${1-3}
FAULTFS=$PWD/build/faultfs

if [ ! -x "$FAULTFS" ] || [ ! -c /dev/fuse ]; then
    echo "skipped: no build/faultfs or no /dev/fuse"
    exit 77
fi

cluster_directory
DATA=$CLUSTER/broker-1/data
mkdir -p "$DATA" "$CLUSTER/under"
touch "$DATA/not-mounted"
"$FAULTFS" "$CLUSTER/under" "$DATA" 2>"$CLUSTER/faultfs.err" &
other $!
mounted "$DATA"
eventually 10 test -f "$DATA/.fault" || {
    echo "skipped: FUSE cannot mount here: $(cat "$CLUSTER/faultfs.err")"
    exit 77
}
cluster_up 1 --set min.insync.replicas=1 --set default.replication.factor=1 \
    --set log.checkpoint.interval.ms=500
"$KQ" topic create load --partitions 2 --replicas 1 \
    --config segment.bytes=262144 || exit 1

python3 tests/cluster/offer.py "$LOAD_RECORDS_A_SECOND" \
    --until "$CLUSTER/enough" --count "$CLUSTER/offered" |
    "$KQ" produce load --report "$CLUSTER/acknowledged" \
        2>"$CLUSTER/produce.err" &
producer=$!
other "$producer"

acknowledged() {
    wc -l <"$CLUSTER/acknowledged"
}

flows() { # more than this were acknowledged
    [ "$(acknowledged)" -gt "$1" ]
}

order() { # words of an order to faultfs
    echo "$*" >"$DATA/.fault" || failed "faultfs does not take: $*"
}

met() {
    grep -q '^met ' "$DATA/.fault"
}

down() {
    "$KQ" dev status --dir "$CLUSTER" | grep -q '^broker-1 .* down'
}

# The broker ends by itself with this sentence, starts again and serves.
fences() { # sentence, words of an order...
    local sentence=$1 from

    shift
    : >"$(log_of 1)"
    order "$@"
    eventually 20 met || failed "$*: it was never met"
    if ! eventually 20 down; then
        failed "$*: the broker runs on"
        return
    fi
    grep -q "$sentence" "$(log_of 1)" ||
        failed "$*: the log does not say '$sentence'"
    grep -q '^kafkaesqued: ' "$(log_of 1)" ||
        failed "$*: it does not say why it ended"
    "$KQ" log verify "$DATA" >"$CLUSTER/verify" 2>&1 || {
        failed "$*: kq log verify:"
        head -n 3 "$CLUSTER/verify"
    }
    "$KQ" dev start 1 --dir "$CLUSTER" >/dev/null ||
        failed "$*: it does not start again"
    from=$(acknowledged)
    eventually 30 flows $((from + LOAD_RECORDS_A_SECOND)) ||
        failed "$*: it does not serve again"
    say "ok: $*: $(grep -m 1 "$sentence" "$(log_of 1)" | cut -c 1-140)"
}

# Many files that wait for a sync at the same time, once the order is given.
many_files() {
    eventually 20 grep -q '^waiting' "$DATA/.fault"
    "$KQ" topic create many --partitions 40 --replicas 1
}

# The broker goes on.
bears() { # words of an order...
    local from

    order "$@"
    eventually 20 met || failed "$*: it was never met"
    from=$(acknowledged)
    eventually 30 flows $((from + LOAD_RECORDS_A_SECOND)) ||
        failed "$*: it does not serve"
    say "ok: $*: nobody noticed"
}

eventually 30 flows "$LOAD_RECORDS_A_SECOND" || failed "nothing flows"
fences 'could not sync segments' sync "$SYNC" drop .log
fences 'could not sync segments' sync "$SYNC" keep .log
fences 'could not append to a segment' write 5 eio .log
bears write 5 short .log
fences 'could not write checkpoint' sync 1 drop checkpoint.tmp
fences 'could not write an index' sync 1 drop .index.tmp
fences 'could not write a producer snapshot' sync 1 keep .producers.tmp
many_files >"$CLUSTER/many" 2>&1 & # what is not synced one by one is not met
other $!
fences 'could not write the epoch history' sync 30 drop epochs.tmp

touch "$CLUSTER/enough"
wait "$producer"
tail -n 1 "$CLUSTER/produce.err"
order read 2 eio .log
"$KQ" consume load --from beginning --stop-at-end --format '%p %o %v\n' \
    >"$CLUSTER/read" || failed "consuming failed"
met || failed "no read failed"
python3 tests/cluster/verify.py "$CLUSTER/acknowledged" "$CLUSTER/read" \
    "$(cat "$CLUSTER/offered")" || failed "see above"
echo "$FAILURES failed"
