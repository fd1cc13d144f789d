#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# ci/nightly finds what fails, tells how to run it again, and writes it down
# shrunk; and it is green where nothing fails. Needs a built tree in build/.
set -u
cd "$(dirname "$0")/../.." || exit 3
OUT=$(mktemp -d /tmp/kq-nightly.XXXXXX)
trap 'rm -rf "$OUT"' EXIT
trap 'exit 1' INT TERM
SCENARIO=tests/sim/whole-again-too-soon.yaml # fails, and is meant to
GOOD=scenarios/replication/one-record-at-a-time-on-an-idle-cluster.yaml

fail() {
    echo "FAILED: $*"
    cat "$OUT/said"
    exit 1
}

nightly() { # scenarios
    ci/nightly --minutes 0.01 --build build --from 3 --scenarios "$1" \
        --out "$OUT" >"$OUT/said" 2>&1
}

nightly "$SCENARIO"
[ $? -eq 1 ] || fail "a failure is not told by exit code 1"
again=$(grep -m 1 -x "    build/kqsim run $SCENARIO --seed [0-9]*" "$OUT/said")
[ -n "$again" ] || fail "no line that runs it again"
seed=${again##* }
$again >"$OUT/again" 2>&1
[ $? -eq 1 ] || fail "'$again' does not fail"
shrunk="$OUT/whole-again-too-soon-seed-$seed-shrunk.yaml"
[ -s "$shrunk" ] || fail "nothing was shrunk"
grep -q '^steps:' "$SCENARIO" || fail "$SCENARIO has nothing to shrink"
! grep -q '^steps:' "$shrunk" || fail "what was shrunk is not smaller"
build/kqsim run "$shrunk" --seed "$seed" >"$OUT/again" 2>&1
[ $? -eq 1 ] || fail "what was shrunk does not fail"

nightly "$GOOD" || fail "what passes is red"
tail -n 1 "$OUT/said" | grep -q '^[1-9][0-9]* passed, 0 failed$' ||
    fail "no count of what passed"
echo "ok: a failure is told, shrunk and fails; what passes passes"
