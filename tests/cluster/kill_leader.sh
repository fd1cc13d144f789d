#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Kill -9 of the leader in the middle of a file: every line is acknowledged,
# there once and in order. The killed broker comes back, catches up, is the
# only one left of the first two, and gives the same file.
set -u
cd "$(dirname "$0")/../.." || exit 3
. tests/cluster/lib.sh

LINES=60000
cluster_up 3
"$KQ" topic create story --partitions 1 --replicas 3 || exit 1
make_lines "$LINES" >"$CLUSTER/wanted"
first=$(leader_of story 0)

# The second half is sent when the leader is dead.
{
    head -n $((LINES / 2)) "$CLUSTER/wanted"
    "$KQ" dev kill "$first" --dir "$CLUSTER" >&2
    tail -n $((LINES / 2)) "$CLUSTER/wanted"
} | "$KQ" produce story || failed "not every line was acknowledged"

same() { # what
    "$KQ" consume story --from beginning --stop-at-end >"$CLUSTER/got" ||
        failed "$1: consuming failed"
    if cmp "$CLUSTER/wanted" "$CLUSTER/got"; then
        say "ok: $1: $LINES lines, byte for byte"
    else
        failed "$1: the lines differ"
    fi
}

second=$(leader_of story 0)
[ "$second" != "$first" ] || failed "broker $first is dead and leads"
same "after the leader $first was killed, from broker $second"

"$KQ" dev start "$first" --dir "$CLUSTER" || failed "no start after kill -9"
eventually 60 healthy || {
    failed "not all replicas are in sync 60 s after the return of $first"
    "$KQ" cluster status
}

# Now only the one that came back, and a third, know the story.
"$KQ" dev kill "$second" --dir "$CLUSTER"
led_by_another() {
    local now

    now=$(leader_of story 0)
    [ -n "$now" ] && [ "$now" != none ] && [ "$now" != "$second" ]
}
eventually 60 led_by_another || failed "no new leader after broker $second"
same "after the leader $second was killed, from broker $(leader_of story 0)"
"$KQ" dev start "$second" --dir "$CLUSTER" || failed "no start after kill -9"
eventually 60 healthy || failed "not all replicas are in sync after 60 s"
echo "$FAILURES failed"
