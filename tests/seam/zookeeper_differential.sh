#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs the same random scripts on the real ZooKeeper and on the simulated one
# and compares all they said.
#
#   zookeeper_differential.sh BUILD_DIR [COUNT [FROM]]   default: 300 from 1
#
# Exit codes: 0 they agree, 1 they differ, 2 bad usage, 3 no real server.
set -u
[ $# -ge 1 ] && [ -x "$1/seam_real_zookeeper_script" ] || {
    echo "usage: zookeeper_differential.sh BUILD_DIR [COUNT [FROM]]" >&2
    exit 2
}
build=$1 count=${2:-300} from=${3:-1}
dir=$(mktemp -d) || exit 3
trap 'rm -rf "$dir"' EXIT
# Most of the time of a script is waiting: with many, four servers run a quarter
# each. What a server says depends on the scripts before.
parts=4
[ "$count" -ge 100 ] || parts=1
pids=()
for ((i = 0; i < parts; i++)); do
    first=$((from + count * i / parts)) end=$((from + count * (i + 1) / parts))
    "$build/seam_real_zookeeper_script" $((end - first)) "$first" \
        >"$dir/real.$i" &
    pids+=($!)
    "$build/seam_sim_zookeeper_script" $((end - first)) "$first" \
        >>"$dir/sim" || exit 1
done
for pid in "${pids[@]}"; do
    wait "$pid" || exit 3
done
cat "$dir"/real.* >"$dir/real"
if ! cmp -s "$dir/real" "$dir/sim"; then
    diff "$dir/real" "$dir/sim" | head -n 20
    line=$(cmp "$dir/real" "$dir/sim" | sed 's/.*line //')
    echo "first difference after:" >&2
    head -n "$line" "$dir/real" | tail -n 12 >&2
    exit 1
fi
echo "$count scripts, $(wc -l <"$dir/real") lines: they agree"
