#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What is wrong is said in one sentence, with the right exit code, and harms
# nobody else: garbage on a broker's port, wrong configuration, no ZooKeeper,
# a port in use, a directory that cannot be had, an unknown topic.
set -u
cd "$(dirname "$0")/../.." || exit 3
. tests/cluster/lib.sh

PATIENCE=30 # seconds until a program that should give up has done so

# refuses CODE WORD COMMAND...: ends by itself with CODE, says WORD, and says
# it in few lines
refuses() {
    local wanted=$1 word=$2 output code

    shift 2
    output=$(timeout -k 2 "$PATIENCE" "$@" 2>&1 >/dev/null </dev/null)
    code=$?
    if [ "$code" -ne "$wanted" ]; then
        failed "exit $code instead of $wanted: $*"
        tail -n 3 <<<"$output"
    elif ! grep -qiF -- "$word" <<<"$output"; then
        failed "no word of '$word': $*"
        tail -n 3 <<<"$output"
    elif [ "$(grep -c . <<<"$output")" -gt 20 ]; then
        failed "$(grep -c . <<<"$output") lines for one mistake: $*"
        head -n 3 <<<"$output"
    else
        say "ok: exit $code: $(grep -iF -m 1 -- "$word" <<<"$output" |
            cut -c 1-150)"
    fi
}

cluster_up 1
zookeeper=127.0.0.1:$(sed -n 's/^zookeeper\.port=//p' "$CLUSTER/cluster")
port=$(port_of 1)
scratch=$CLUSTER/scratch
mkdir "$scratch"
base=(--set broker.id=9 --set "zookeeper.connect=$zookeeper"
    --set listener.port=0 --set "log.dirs=$scratch/logs")

# ---- configuration ----

refuses 2 'brokr.id' "$BROKER" "${base[@]}" --set brokr.id=1
refuses 2 'listener.port' "$BROKER" "${base[@]}" --set listener.port=99999
refuses 2 'KEY=VALUE' "$BROKER" "${base[@]}" --set nonsense
refuses 2 'log.dirs' "$BROKER" --set broker.id=9 \
    --set "zookeeper.connect=$zookeeper"
printf 'broker.id=9\nlog.roll.ms=soon\n' >"$scratch/bad.properties"
refuses 2 'bad.properties:2:1' "$BROKER" --config "$scratch/bad.properties"
refuses 2 'none.properties' "$BROKER" --config "$scratch/none.properties"
refuses 2 'no-such-option' "$BROKER" --no-such-option

# ---- environment ----

refuses 3 'ZooKeeper' "$BROKER" "${base[@]}" \
    --set zookeeper.connect=127.0.0.1:1 \
    --set zookeeper.startup.timeout.ms=1500
refuses 3 "$port" "$BROKER" "${base[@]}" --set "listener.port=$port"
# root may write anywhere: a file in the way, a tree that takes no directory
touch "$scratch/file"
refuses 3 "$scratch/file" "$BROKER" "${base[@]}" \
    --set "log.dirs=$scratch/file/logs"
refuses 3 '/proc' "$BROKER" "${base[@]}" --set log.dirs=/proc/kq-logs
# a directory that another broker uses
refuses 3 'lock' "$BROKER" "${base[@]}" \
    --set "log.dirs=$CLUSTER/broker-1/data"

# ---- clients ----

"$KQ" topic create good --partitions 1 --replicas 1 || failed "no topic"
refuses 2 'nowhere' "$KQ" produce nowhere
refuses 2 'nowhere' "$KQ" consume nowhere --stop-at-end
refuses 2 'nowhere' "$KQ" topic describe nowhere
refuses 2 'good' "$KQ" topic create good
refuses 2 'bad/name' "$KQ" topic create bad/name
refuses 2 'replicas' "$KQ" topic create wide --replicas 7
refuses 2 'partition 5' "$KQ" produce good --partition 5
refuses 2 'frmo' "$KQ" consume good --frmo beginning
refuses 3 '127.0.0.1:1' "$KQ" topic list --bootstrap 127.0.0.1:1

# ---- znodes ----

zk() {
    printf '%s\n' "$@" quit |
        /usr/share/zookeeper/bin/zkCli.sh -server "$zookeeper" \
            >"$scratch/zk.out" 2>&1
}

"$KQ" topic create hurt --partitions 1 --replicas 1 || failed "no topic"
eventually 30 healthy || failed "not healthy before znodes are damaged"
zk 'set /topics/hurt/state/0 garbage' 'create /topics/mess garbage' \
    'set /changes garbage'
output=$("$KQ" cluster status) && failed "damaged znodes are well"
for path in /topics/hurt/state/0 /topics/mess /changes; do
    if grep -q "znode $path is damaged: its bytes are not" <<<"$output"; then
        say "ok: $path is named"
    else
        failed "the status does not name $path: $output"
    fi
done
zk 'delete /changes'
made_again() {
    "$KQ" topic create other --partitions 1 --replicas 1 ||
        "$KQ" topic describe other
}
eventually 30 made_again || failed "no controller again"
refuses 1 'kq cluster status' "$KQ" topic create mess
refuses 1 'kq cluster status' "$KQ" topic alter hurt --config flush.ms=100
"$KQ" topic delete hurt || failed "a topic with damaged states stays"
zk 'delete /topics/mess'
eventually 30 healthy || failed "not healthy: $("$KQ" cluster status)"

# ---- frames ----

# A good consumer holds its connection all the while.
"$KQ" consume good --from beginning --max 2 >"$scratch/got" 2>&1 &
reader=$!
other "$reader"
echo before | "$KQ" produce good 2>/dev/null || failed "produce before"

for case in $(python3 tests/cluster/bad_frames.py list); do
    if ! name=$(python3 tests/cluster/bad_frames.py "$port" "$case"); then
        failed "frames: $case: the connection was not closed"
    elif ! eventually 3 grep -qE "$name (closed|is refused): " \
        "$(log_of 1)"; then
        failed "frames: $case: no reason in the broker's log"
    else
        say "ok: $case: $(grep -F "$name " "$(log_of 1)" | sed "s/.*$name //")"
    fi
done

echo after | "$KQ" produce good 2>/dev/null || failed "produce after"
finished() {
    ! kill -0 "$reader" 2>/dev/null
}
eventually 10 finished || failed "the good consumer was harmed"
[ "$(cat "$scratch/got")" = $'before\nafter' ] ||
    failed "the good consumer read: $(cat "$scratch/got")"
"$KQ" dev status --dir "$CLUSTER" >/dev/null || failed "the broker is down"
echo "$FAILURES failed"
