#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
#   tests/cluster/ten_kills.sh [SEED]
#
# Three brokers under a continuous load of idempotent producers with acks=all
# while a random one is killed with -9 and comes back, again and again. At the
# end every acknowledged record is read at its offset, and none twice. The
# order of kills comes from SEED (1), their effect from the machine.
set -u
cd "$(dirname "$0")/../.." || exit 3
. ci/sizes
. tests/cluster/lib.sh

RANDOM=${1-1}
cluster_up 3
"$KQ" topic create load --partitions 3 --replicas 3 || exit 1

seconds=$((KILLS * (KILL_PAUSE_SECONDS + 3)))
[ "$seconds" -ge "$LOAD_SECONDS" ] || seconds=$LOAD_SECONDS
python3 tests/cluster/offer.py "$LOAD_RECORDS_A_SECOND" "$seconds" |
    "$KQ" produce load --report "$CLUSTER/acknowledged" \
    2>"$CLUSTER/produce.err" &
producer=$!
other "$producer"
sleep 3

for ((kill = 1; kill <= KILLS; kill++)); do
    broker=$((RANDOM % 3 + 1))
    "$KQ" dev kill "$broker" --dir "$CLUSTER" >/dev/null ||
        failed "broker $broker did not run"
    sleep 1
    "$KQ" dev start "$broker" --dir "$CLUSTER" >/dev/null 2>&1 ||
        failed "broker $broker did not start after kill -9"
    say "kill $kill of $KILLS: broker $broker;" \
        "$(wc -l <"$CLUSTER/acknowledged") records acknowledged"
    sleep "$KILL_PAUSE_SECONDS"
done

wait "$producer"
code=$?
tail -n 3 "$CLUSTER/produce.err"
[ "$code" -le 1 ] || failed "kq produce ended with $code"
eventually 60 healthy || {
    failed "not all replicas are in sync 60 s after the last kill"
    "$KQ" cluster status
}
"$KQ" consume load --from beginning --stop-at-end --format '%p %o %v\n' \
    >"$CLUSTER/read" || failed "consuming failed"
python3 tests/cluster/verify.py "$CLUSTER/acknowledged" "$CLUSTER/read" \
    $((LOAD_RECORDS_A_SECOND * seconds)) || failed "see above"
echo "$FAILURES failed"
