#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
#   tests/cluster/power_cuts.sh [CUTS [SEED]]
#
# Three brokers, each on a file system of its own (the first on ext4, the
# second on xfs, the third on either), under a load with acks=all while one of
# them or all lose power at a random moment: nothing that is not on the device
# by then gets there, and the journal is replayed by the next mount. Every
# third cut comes twice, the second one while the broker recovers. One topic
# rolls and removes small segments all the while. After each cut kq log verify
# finds nothing that a crash does not explain; at the end every acknowledged
# record is read at its offset, none twice, and what may not be removed is
# there. Needs root and loop devices; exit 77 where there are none.
set -u
if [ "${KQ_APART-}" != 1 ]; then
    [ "$(id -u)" -eq 0 ] && KQ_APART=1 exec unshare --mount "$0" "$@"
    echo "skipped: mounting a file system takes root"
    exit 77
fi
cd "$(dirname "$0")/../.." || exit 3
. ci/sizes
. tests/cluster/lib.sh

CUTS=${1-$CI_POWER_CUTS}
RANDOM=${2-1}
RETENTION_BYTES=1048576
# A record of the load takes fewer bytes in the log than this.
RECORD_BYTES_MAX=300

data_of() { # broker
    echo "$CLUSTER/broker-$1/data"
}

mount_broker() { # broker
    mount -o loop "$CLUSTER/image-$1" "$(data_of "$1")"
}

# make_image BROKER ext4|xfs
make_image() {
    local how=(mkfs.ext4 -q -F)

    [ "$2" = ext4 ] || how=(mkfs.xfs -q -f)
    mkdir -p "$(data_of "$1")"
    # no broker takes the bare directory for its own
    touch "$(data_of "$1")/not-mounted"
    truncate -s 600M "$CLUSTER/image-$1"
    "${how[@]}" "$CLUSTER/image-$1" || exit 3
    if ! mount_broker "$1"; then
        echo "skipped: no loop device can be mounted here"
        exit 77
    fi
    mounted "$(data_of "$1")"
}

# After the cut: the broker is gone, the journal is replayed.
bring_back() { # broker
    "$KQ" dev kill "$1" --dir "$CLUSTER" >/dev/null 2>&1
    eventually 20 umount "$(data_of "$1")" ||
        failed "the file system of broker $1 is still in use"
    mount_broker "$1" || failed "the file system of broker $1 is not mounted"
    # exit 1 is damage that no crash explains
    "$KQ" log verify "$(data_of "$1")" >"$CLUSTER/verify-$1" 2>&1 || {
        failed "kq log verify of broker $1 after cut $cut:"
        grep -v ': note: ' "$CLUSTER/verify-$1" | head
    }
}

# Starts them at once; their ends are in `starting`.
begin_start() { # broker...
    local broker

    starting=()
    for broker in "$@"; do
        "$KQ" dev start "$broker" --dir "$CLUSTER" \
            >"$CLUSTER/start-$broker" 2>&1 &
        starting+=($!)
    done
}

# While they recover, sooner or later.
cut_again() { # broker...
    begin_start "$@"
    sleep "0.$((RANDOM % 5))$((RANDOM % 10))"
    cut_power "$@"
    wait "${starting[@]}"
}

cut_power() { # broker...
    local broker directories=() processes=()

    for broker in "$@"; do
        directories+=("$(data_of "$broker")")
        processes+=(--pid-of "$CLUSTER/broker-$broker/pid")
    done
    python3 tests/cluster/power_cut.py "${directories[@]}" "${processes[@]}" ||
        failed "the power of broker $* cannot be cut"
    for broker in "$@"; do
        bring_back "$broker"
    done
}

cluster_directory
types=(ext4 xfs)
for broker in 1 2; do
    make_image "$broker" "${types[broker - 1]}"
done
make_image 3 "${types[RANDOM % 2]}"
cluster_up 3 --set log.retention.check.interval.ms=500 \
    --set log.checkpoint.interval.ms=1000
"$KQ" topic create whole --partitions 24 --replicas 3 || exit 1
"$KQ" topic create short --partitions 2 --replicas 3 \
    --config segment.bytes=262144 \
    --config retention.bytes=$RETENTION_BYTES || exit 1

load_begin whole short

for ((cut = 1; cut <= CUTS; cut++)); do
    sleep "$((1 + RANDOM % 3)).$((RANDOM % 10))"
    brokers=($((RANDOM % 3 + 1)))
    [ $((cut % 2)) -ne 0 ] || brokers=(1 2 3)
    cut_power "${brokers[@]}"
    again=
    if [ $((cut % 3)) -eq 0 ]; then
        cut_again "${brokers[@]}"
        again=", again while it recovered"
    fi
    begin_start "${brokers[@]}"
    wait "${starting[@]}"
    for broker in "${brokers[@]}"; do
        grep -q 'started broker\|runs already' "$CLUSTER/start-$broker" || {
            failed "broker $broker does not start after cut $cut:"
            cat "$CLUSTER/start-$broker"
        }
    done
    say "cut $cut of $CUTS: broker ${brokers[*]}$again;" \
        "$(load_acknowledged) records acknowledged"
    eventually 60 healthy || {
        failed "not all replicas are in sync 60 s after cut $cut"
        "$KQ" cluster status
    }
done

load_end
load_check whole
load_check short $((RETENTION_BYTES / RECORD_BYTES_MAX))
"$KQ" dev down --dir "$CLUSTER" >/dev/null
for broker in 1 2 3; do
    "$KQ" log verify "$(data_of "$broker")" >"$CLUSTER/verify-$broker" || {
        failed "kq log verify of broker $broker after a clean stop:"
        head "$CLUSTER/verify-$broker"
    }
done
echo "$FAILURES failed"
