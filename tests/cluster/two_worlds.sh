#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Scenarios on real processes, when something is wrong: a promise that is
# broken is told, what cannot be done is named, and what was started ends and
# leaves nothing, also when it is interrupted. That they pass is shown by the
# step two-worlds.
set -u
cd "$(dirname "$0")/../.." || exit 3
. tests/cluster/lib.sh

KQSIM=$PWD/build/kqsim
cluster_directory
export TMPDIR=$CLUSTER/runs
mkdir "$TMPDIR"

# short NAME: a scenario of a few seconds; more lines from standard input
short() { # name
    {
        cat <<'END'
description: A healthy cluster keeps what it acknowledged.
cluster:
  brokers: 2
  zookeepers: 1
  config: {zookeeper.session.timeout.ms: 6s}
topics:
  orders: {replicas: 2}
producers:
  - {topic: orders, rate: 20/s}
consumers:
  - {topic: orders}
duration: 3s
END
        cat
    } >"$CLUSTER/$1.yaml"
}

# runs CODE WORD COMMAND...: ends with CODE and says WORD
runs() {
    local wanted=$1 word=$2 output code

    shift 2
    output=$(timeout -k 5 120 "$@" 2>&1 </dev/null)
    code=$?
    if [ "$code" -ne "$wanted" ]; then
        failed "exit $code instead of $wanted: $*"
        tail -n 5 <<<"$output"
    elif ! grep -qF -- "$word" <<<"$output"; then
        failed "no word of '$word': $*"
        tail -n 5 <<<"$output"
    else
        say "ok: exit $code: $(grep -F -m 1 -- "$word" <<<"$output" |
            cut -c 1-150)"
    fi
}

# Processes whose command names the directory of runs.
left() {
    pgrep -f -- "$TMPDIR/kqreal" | grep -vx $$
}

brokers_run() {
    pgrep -f -- "--config $TMPDIR/kqreal"
}

logs_are_there() {
    find "$TMPDIR" -path '*/disk/data/*' -name '*.log' | grep -q .
}

no_trace() { # of what
    if left >/dev/null || [ -n "$(ls -A "$TMPDIR")" ]; then
        failed "$1 left something: $(left | paste -sd' ') $(ls "$TMPDIR")"
    else
        say "ok: $1 left nothing"
    fi
}

# ---- a broken promise ----

# Whoever leads is gone for as long as its session lasts: 6 s, not 1.
short too-soon <<'END'
steps:
  - {at: 2900ms, kill: leader(orders/0)}
heal-within: 1s
oracles: [whole-again]
END
runs 1 'whole-again (I15) is broken' "$KQSIM" run --world real \
    "$CLUSTER/too-soon.yaml"
if left >/dev/null; then
    failed "a run that failed left processes"
fi
if ls "$TMPDIR"/kqreal.*/b1/log >/dev/null; then
    say "ok: logs are kept"
    rm -rf "$TMPDIR"/kqreal.*
else
    failed "no logs of the run that failed are kept"
fi

# A ZooKeeper server that ends, though no step says so.
short patient <<'END'
heal-within: 1s
END
"$KQSIM" run --world real "$CLUSTER/patient.yaml" >"$CLUSTER/out" 2>&1 &
pid=$!
other "$pid"
eventually 60 logs_are_there || failed "no log of orders/0 was made"
kill -TERM "$(pgrep -f -- "$TMPDIR/kqreal.*/z1/zoo.cfg")"
wait "$pid"
code=$?
ended='ZooKeeper server z1 ended by itself, with exit status 143: its log is '
if [ "$code" -ne 1 ] || ! grep -q '^ERROR ' "$CLUSTER/out" ||
    ! log=$(grep -oP "$ended\K[^ ;]*" "$CLUSTER/out") || [ ! -f "$log" ]; then
    failed "exit $code when a server ended by itself"
    tail -n 5 "$CLUSTER/out"
else
    say "ok: exit 1: $ended$log"
fi
rm -rf "$TMPDIR"/kqreal.*

# Brokers that give up for no reason.
mkdir "$CLUSTER/broken"
cp build/kqreal build/kafkaesqued-faults build/kq "$CLUSTER/broken"
printf '#!/bin/sh\necho "kafkaesqued: no wish to" >&2\nexit 2\n' \
    >"$CLUSTER/broken/kafkaesqued"
chmod +x "$CLUSTER/broken/kafkaesqued"
short plain </dev/null
runs 1 'no wish to' "$CLUSTER/broken/kqreal" "$CLUSTER/plain.yaml"
rm -rf "$TMPDIR"/kqreal.*

# Logs that are damaged when all have stopped, says who reads them.
mkdir "$CLUSTER/damaged"
cp build/kqreal build/kafkaesqued build/kafkaesqued-faults "$CLUSTER/damaged"
printf '#!/bin/sh\necho "$3: this is no log"\nexit 1\n' >"$CLUSTER/damaged/kq"
chmod +x "$CLUSTER/damaged/kq"
runs 1 'this is no log' "$CLUSTER/damaged/kqreal" "$CLUSTER/plain.yaml"
rm -rf "$TMPDIR"/kqreal.*

# ---- what cannot be done ----

short jumps <<'END'
steps:
  - {at: 1s, clock-jump: b1, by: 1d, for: 1s}
  - {at: 1s, power-cut: b2, for: 100ms}
faults:
  - {point: zookeeper/delay, rate: 1%}
END
runs 0 '(clock-jump): ' "$KQSIM" run --world=real "$CLUSTER/jumps.yaml"
runs 0 '"differences":[' "$KQSIM" run --world=both --json "$CLUSTER/jumps.yaml"
no_trace "a run that passed"

# ---- faults ----

# A fault with nth that does not fire is an error.
short faulty <<'END'
faults:
  - {point: disk/sync/eio, node: b1, nth: 20}
END
runs 0 '"disk/sync/eio":1' "$KQSIM" run --world real --json \
    "$CLUSTER/faulty.yaml"
sed -i 's/nth: 20/nth: 9999999/' "$CLUSTER/faulty.yaml"
runs 1 'never took effect' "$KQSIM" run --world real "$CLUSTER/faulty.yaml"
rm -rf "$TMPDIR"/kqreal.*

# ---- usage and environment ----

runs 2 'sim, real or both' "$KQSIM" run --world moon "$CLUSTER/plain.yaml"
runs 2 'for the simulator alone' "$KQSIM" run --world real --html page.html \
    "$CLUSTER/plain.yaml"
rm "$CLUSTER/broken/kafkaesqued"
runs 3 'kafkaesqued' "$CLUSTER/broken/kqreal" "$CLUSTER/plain.yaml"
cp build/kqsim "$CLUSTER/broken"
rm "$CLUSTER/broken/kqreal"
runs 3 'kqreal' "$CLUSTER/broken/kqsim" run --world real "$CLUSTER/plain.yaml"

# ---- interrupted ----

"$KQSIM" run --world real "$CLUSTER/plain.yaml" >"$CLUSTER/out" 2>&1 &
pid=$!
other "$pid"
eventually 60 brokers_run || failed "no broker started"
kill -INT "$pid"
wait "$pid"
code=$?
[ "$code" -eq 3 ] || failed "exit $code instead of 3 when interrupted"
no_trace "an interrupted run"

"$KQSIM" run --world real "$CLUSTER/plain.yaml" >"$CLUSTER/out" 2>&1 &
pid=$!
other "$pid"
eventually 60 brokers_run || failed "no broker started"
kill -KILL "$pid"
wait "$pid" 2>/dev/null
gone() {
    ! left
}
if eventually 5 gone; then
    say "ok: what a killed run had started has ended"
else
    failed "what a killed run had started goes on"
fi
rm -rf "$TMPDIR"/kqreal.*
echo "$FAILURES failed"
