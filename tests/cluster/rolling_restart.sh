#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
#   tests/cluster/rolling_restart.sh [ROUNDS]
#
# Three brokers under a load of idempotent producers with acks=all. In each
# round (2) every broker is told to stop, and started again; the next one when
# all is in sync, but in the last round as soon as it is up. Nothing is lost,
# nothing fails, no partition has to wait for an acknowledgement as long as half
# a session, which is less than a broker costs that is gone without a word. Then
# all brokers stop, and none waits for another one.
set -u
cd "$(dirname "$0")/../.." || exit 3
. ci/sizes
. tests/cluster/lib.sh

ROUNDS=${1-2}
SESSION_MS=6000
GAP_MS_MAX=$((SESSION_MS / 2))
DOWN_SECONDS_MAX=10

cluster_up 3 --set zookeeper.session.timeout.ms=$SESSION_MS \
    --set controlled.shutdown.max.ms=60000
"$KQ" topic create load --partitions 6 --replicas 3 || exit 1

# Partitions that no broker leads, each time that somebody looks.
watch_leaders() {
    while [ ! -e "$CLUSTER/enough" ]; do
        "$KQ" topic describe load 2>/dev/null |
            awk '$1 ~ /^[0-9]+$/ { all++; none += $2 == "none" }
                END { if (all) print none + 0 }' >>"$CLUSTER/leaderless"
        sleep 0.1
    done
}

pid_of() { # broker
    cut -d ' ' -f 1 "$CLUSTER/broker-$1/pid"
}

ended() { # pid
    ! kill -0 "$1" 2>/dev/null
}

restart() { # broker
    local pid

    pid=$(pid_of "$1")
    kill -TERM "$pid"
    eventually 30 ended "$pid" || failed "broker $1 did not stop"
    "$KQ" dev start "$1" --dir "$CLUSTER" >/dev/null 2>&1 ||
        failed "broker $1 did not start again"
}

in_sync() {
    eventually 60 healthy || {
        failed "not all replicas are in sync after 60 s"
        "$KQ" cluster status
    }
}

load_begin load
python3 tests/cluster/gaps.py "$CLUSTER/acknowledged-load" \
    --until "$CLUSTER/enough" >"$CLUSTER/gap" &
gaps=$!
other "$gaps"
watch_leaders &
other $!
sleep 3

for ((round = 1; round <= ROUNDS; round++)); do
    for broker in 1 2 3; do
        restart "$broker"
        [ "$round" -eq "$ROUNDS" ] || in_sync
        say "round $round of $ROUNDS: broker $broker was restarted;" \
            "$(load_acknowledged) records acknowledged"
    done
done
in_sync
sleep 3

load_end || failed "not every record was acknowledged"
wait "$gaps"
read -r gap partition <"$CLUSTER/gap"
looks=$(wc -l <"$CLUSTER/leaderless")
leaderless=$(awk '{ sum += $1 } END { print sum + 0 }' "$CLUSTER/leaderless")
given=$(cat "$CLUSTER"/broker-*/log | grep -c 'handed over [0-9]* partitions')
slowest=$(cat "$CLUSTER"/broker-*/log |
    sed -n 's/.*handed over [0-9]* partitions in \([0-9]*\) ms.*/\1/p' |
    sort -n | tail -n 1)
say "the longest time without an acknowledgement: $gap ms (partition" \
    "$partition); in $looks looks $leaderless partitions had no leader;" \
    "$given hand-overs took at most $slowest ms"
[ "$gap" -lt "$GAP_MS_MAX" ] ||
    failed "partition $partition had no acknowledgement for $gap ms"
[ "$looks" -gt 0 ] || failed "nobody could say who leads"
[ "$leaderless" -eq 0 ] || failed "partitions had no leader"
[ "$given" -eq $((3 * ROUNDS)) ] ||
    failed "$((3 * ROUNDS)) brokers were stopped, $given handed over"
! grep -h 'stopping as the leader\|stopping after' "$CLUSTER"/broker-*/log ||
    failed "a broker stopped before others led"
load_check load

start=$SECONDS
"$KQ" dev down --dir "$CLUSTER" || failed "the brokers did not stop"
[ $((SECONDS - start)) -lt "$DOWN_SECONDS_MAX" ] ||
    failed "stopping all brokers took $((SECONDS - start)) s"
echo "$FAILURES failed"
