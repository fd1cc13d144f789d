# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A cluster of real processes for one test; sourced by bash from the root of
# the repository. The exit of the shell stops it, whatever happened; its
# directory stays when the test failed.

KQ=$PWD/build/kq
BROKER=$PWD/build/kafkaesqued
FAILURES=0
CLUSTER=
OTHERS=()
MOUNTS=()

for program in "$KQ" "$BROKER"; do
    [ -x "$program" ] || {
        echo "$program is missing: ninja -C build" >&2
        exit 3
    }
done

say() {
    printf '%s  %s\n' "$(date -u +%H:%M:%S)" "$*"
}

failed() {
    say "FAILED: $*"
    FAILURES=$((FAILURES + 1))
}

# Stops what cluster_up(), hosts_up() and `other` started.
cluster_down() {
    local pid mount

    for pid in "${OTHERS[@]}"; do
        kill "$pid" 2>/dev/null
    done
    ! declare -F hosts_down >/dev/null || hosts_down
    [ ! -e "$CLUSTER/cluster" ] || "$KQ" dev down --dir "$CLUSTER" >/dev/null
    for mount in "${MOUNTS[@]}"; do
        ! mountpoint -q "$mount" || umount "$mount" || umount --lazy "$mount"
    done
}

leave() {
    local code=$?

    trap - EXIT INT TERM
    cluster_down
    [ "$FAILURES" -eq 0 ] || code=1
    if [ -n "$CLUSTER" ] && [ "$code" -ne 0 ]; then
        say "the brokers' logs and data are in $CLUSTER"
    elif [ -n "$CLUSTER" ]; then
        rm -rf "$CLUSTER"
    fi
    exit "$code"
}
trap leave EXIT
trap 'exit 1' INT TERM

# The directory of the cluster to come.
cluster_directory() {
    [ -n "$CLUSTER" ] ||
        CLUSTER=$(mktemp -d "${TMPDIR:-/tmp}/kq-cluster.XXXXXX")
}

# What is mounted there is unmounted at the end. Seen by this script and what
# it starts alone: `unshare --mount` comes first.
mounted() { # directory
    MOUNTS+=("$1")
}

# cluster_up BROKERS [--set KEY=VALUE]...
cluster_up() {
    local brokers=$1

    shift
    cluster_directory
    "$KQ" dev up --brokers "$brokers" --dir "$CLUSTER" "$@" || exit 3
    KQ_BOOTSTRAP=$(sed -n 's/^broker\.[0-9]*\.port=/127.0.0.1:/p' \
        "$CLUSTER/cluster" | paste -sd,)
    export KQ_BOOTSTRAP
}

# A process that must end with the test.
other() { # pid
    OTHERS+=("$1")
}

port_of() { # broker
    sed -n "s/^broker\.$1\.port=//p" "$CLUSTER/cluster"
}

log_of() { # broker
    echo "$CLUSTER/broker-$1/log"
}

leader_of() { # topic, partition
    "$KQ" topic describe "$1" |
        awk -v partition="$2" '$1 == partition { print $2 }'
}

# eventually SECONDS COMMAND...: tries until it succeeds
eventually() {
    local end=$((SECONDS + $1))

    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.3
    done
}

healthy() {
    "$KQ" cluster status
}

# ---- a load, and what became of it ----

LOADS=()

# load_begin TOPIC...: idempotent producers with acks=all, until load_end
load_begin() {
    local topic

    for topic in "$@"; do
        python3 tests/cluster/offer.py "$LOAD_RECORDS_A_SECOND" \
            --until "$CLUSTER/enough" --count "$CLUSTER/offered-$topic" |
            "$KQ" produce "$topic" --report "$CLUSTER/acknowledged-$topic" \
                2>"$CLUSTER/produce-$topic.err" &
        LOADS+=($!)
        other $!
    done
}

load_acknowledged() {
    cat "$CLUSTER"/acknowledged-* | wc -l
}

load_end() {
    touch "$CLUSTER/enough"
    wait "${LOADS[@]}"
}

# load_check TOPIC [RETAINED]: every acknowledged record is read at its offset,
# and none twice. RETAINED: so many records of it retention may not remove
load_check() {
    tail -n 2 "$CLUSTER/produce-$1.err"
    "$KQ" consume "$1" --from beginning --stop-at-end \
        --format '%p %o %v\n' >"$CLUSTER/read" || failed "consuming $1 failed"
    python3 tests/cluster/verify.py "$CLUSTER/acknowledged-$1" \
        "$CLUSTER/read" "$(cat "$CLUSTER/offered-$1")" ${2+"$2"} ||
        failed "topic $1: see above"
}

# Lines that differ and are easy to find again, always the same.
make_lines() { # count
    awk -v count="$1" 'BEGIN {
        for (i = 1; i <= count; i++)
            printf "%d the quick brown fox %d jumps over %x\n", i,
                (i * 7919) % 104729, i * 2654435
    }'
}
