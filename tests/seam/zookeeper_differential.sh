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
"$build/seam_real_zookeeper_script" "$count" "$from" >"$dir/real" || exit 3
"$build/seam_sim_zookeeper_script" "$count" "$from" >"$dir/sim" || exit 1
if ! cmp -s "$dir/real" "$dir/sim"; then
    diff "$dir/real" "$dir/sim" | head -n 20
    line=$(cmp "$dir/real" "$dir/sim" | sed 's/.*line //')
    echo "first difference after:" >&2
    head -n "$line" "$dir/real" | tail -n 12 >&2
    exit 1
fi
echo "$count scripts, $(wc -l <"$dir/real") lines: they agree"
