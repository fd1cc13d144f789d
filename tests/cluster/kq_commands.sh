#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# kq and kafkaesqued as an operator meets them: a real ZooKeeper and three
# brokers made by kq dev, every command once for good and once for bad, and
# the exit code and sentence of each. BUILD: where the programs are (build).
set -u
BUILD=$(realpath "${BUILD:-build}")
PATH=$BUILD:$PATH
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
WORK=$(mktemp -d)
unset KQ_BOOTSTRAP
checks=0
failures=0

cleanup() {
    cd "$WORK" && [ -d kq-dev ] && kq dev down >/dev/null
    cd / || exit
    if [ $failures -eq 0 ]; then
        rm -rf "$WORK"
    else
        echo "the brokers' logs and data are in $WORK"
    fi
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# expect CODE PATTERN COMMAND...: exit code, and a line that fits
expect() {
    local wanted=$1 pattern=$2 code
    shift 2
    timeout 120 "$@" >"$WORK/said" 2>&1 </dev/null
    code=$?
    checks=$((checks + 1))
    if [ $code -ne "$wanted" ]; then
        echo "FAILED: '$*' exits with $code, not $wanted:"
    elif ! grep -qE -- "$pattern" "$WORK/said"; then
        echo "FAILED: '$*' does not say '$pattern':"
    else
        return 0
    fi
    head -5 "$WORK/said"
    failures=$((failures + 1))
    return 1
}

# soon PATTERN COMMAND...: a line that fits, within five seconds: brokers hear
# of a change one after the other
soon() {
    local pattern=$1
    shift
    for _ in $(seq 50); do
        timeout 120 "$@" 2>&1 </dev/null | grep -qE -- "$pattern" && break
        sleep 0.1
    done
    expect 0 "$pattern" "$@"
}

# same WHAT FILE FILE
same() {
    checks=$((checks + 1))
    cmp "$2" "$3" && return 0
    echo "FAILED: $1"
    failures=$((failures + 1))
}

cd "$WORK" || exit 1
echo "== without a cluster"
expect 2 'Usage: kq COMMAND' kq
expect 0 'consume' kq --help
for command in topic produce consume bench cluster dev log; do
    expect 0 '^Usage: kq' kq $command --help
    expect 2 "unknown option '--nonsense'" kq $command --nonsense
done
expect 2 "no command 'nonsense'" kq nonsense
expect 2 'KEY=VALUE' kq topic create t --config nonsense
expect 2 'wrong at column 3' kq consume t --format 'ab%z'
expect 2 'not beginning, end' kq consume t --from yesterday
expect 2 'acks is 0, 1 or all' kq produce t --acks 2
expect 2 'not a list of brokers' kq topic list --bootstrap nonsense
expect 2 'no cluster in' kq dev status
expect 2 'say dump or verify' kq log
expect 2 "no 'kq log nonsense'" kq log nonsense
expect 2 'takes one directory' kq log verify
expect 2 'takes directories and files' kq log dump
expect 2 'are for dump' kq log verify . --json
expect 2 "'missing': No such file" kq log verify missing
expect 2 'is not the log directory of a broker' kq log verify .
expect 3 'no broker at 127.0.0.1:1 was ready within 5 s' \
    kq topic list --bootstrap 127.0.0.1:1
printf 'broker.id=1\n  nonsense=2\n' >bad.properties
expect 2 '^kafkaesqued: bad.properties:2:3: unknown' \
    kafkaesqued --config bad.properties
expect 2 'is not set and has no default' kafkaesqued --check-config
expect 2 "whole number from 0 to 65535" kafkaesqued --set listener.port=-1
expect 2 'No such file' kafkaesqued --config missing.properties
expect 0 'is valid' kafkaesqued --check-config --set broker.id=1 \
    --set zookeeper.connect=127.0.0.1:1 --set log.dirs=d
expect 3 'no ZooKeeper server answered at 127.0.0.1:1' kafkaesqued \
    --set broker.id=1 --set zookeeper.connect=127.0.0.1:1 --set log.dirs=d \
    --set zookeeper.startup.timeout.ms=500
kafkaesqued --help | sed -n '/^Keys, /,$p' >keys
sed -n '/^Keys, /,/^```/p' "$ROOT/docs/operations.md" | sed '/^```/d' \
    >documented
same 'docs/operations.md does not hold the keys of kafkaesqued --help' \
    keys documented

echo "== up"
expect 0 'up: 3 brokers' kq dev up --brokers 3 \
    --set leader.balance.interval.ms=0 || exit 1
expect 0 'up: 3 brokers' kq dev up
expect 2 'holds a cluster of 3 brokers' kq dev up --brokers 2
expect 0 '4 of 4 processes run' kq dev status
zookeeper=$(sed -n 's/^zookeeper.port=//p' kq-dev/cluster)
port=$(sed -n 's/^broker.1.port=//p' kq-dev/cluster)
expect 3 "cannot listen on 127.0.0.1:$port: the address is in use" \
    kafkaesqued --set broker.id=9 --set log.dirs=d9 \
    --set "zookeeper.connect=127.0.0.1:$zookeeper" \
    --set "listener.port=$port"

echo "== topics"
expect 0 'created topic lines' kq topic create lines --partitions 2 --replicas 3
expect 2 'exists already' kq topic create lines
expect 3 'a broker runs on kq-dev/broker-1/data: stop it first' \
    kq log verify kq-dev/broker-1/data
expect 3 'a broker runs on kq-dev/broker-1/data: stop it first' \
    kq log dump kq-dev/broker-1/data/meta
expect 2 'not valid' kq topic create 'no/slash'
expect 2 "no setting 'nonsense'" kq topic create t --config nonsense=1
expect 2 'fewer brokers are alive' kq topic create t --replicas 4
expect 0 'created' kq topic create small --partitions 1 --replicas 1 \
    --config retention.ms=60000
expect 0 'retention.ms=60000' kq topic describe small
expect 2 "topic 'nonsense': no such topic" kq topic describe nonsense
expect 0 '^lines$' kq topic list
expect 2 'no such topic' kq topic delete nonsense
expect 0 'altered topic small' kq topic alter small --config retention.ms=2h \
    --config segment.bytes=64k
soon 'retention.ms=7200000' kq topic describe small
expect 0 'altered topic small' kq topic alter small --default retention.ms
expect 0 'segment.bytes=65536' kq topic describe small
soon 'retention.ms=604800000 \(default\)' kq topic describe small
expect 0 'segment.bytes=65536' kq topic describe small
expect 2 "no setting 'retention'; take retention.ms" \
    kq topic alter small --config retention=1
expect 2 "'7weeks' is not a value for retention.ms" \
    kq topic alter small --config retention.ms=7weeks
expect 2 'give a whole number from 4096 to' \
    kq topic alter small --config segment.bytes=1
expect 2 'name a setting' kq topic alter small
expect 2 "'nonsense': no such topic" \
    kq topic alter nonsense --config retention.ms=1h
expect 0 '^topic small has 3 partitions' kq topic alter small --partitions 3
soon ', 3 partitions' kq topic describe small
expect 0 'segment.bytes=65536' kq topic describe small
# a broker that lags makes it a repeated request: done
for _ in $(seq 600); do
    kq topic alter small --partitions 3 >/dev/null 2>&1 || break
    sleep 0.1
done
expect 2 'it has 3 partitions, and 2 are wanted' \
    kq topic alter small --partitions 2
expect 2 'it has 3 partitions, and 3 are wanted' \
    kq topic alter small --partitions 3
expect 2 "'10001' is not a number from 1 to 10000" \
    kq topic alter small --partitions 10001
expect 2 'by two commands' \
    kq topic alter small --partitions 4 --config retention.ms=1h
expect 2 'replicas are changed by .kq cluster reassign' \
    kq topic alter small --replicas 2
expect 2 "topic 'nonsense' 4 partitions: no such topic" \
    kq topic alter nonsense --partitions 4
expect 0 'deleted topic small' kq topic delete small
expect 0 ' 0 offline, 0 under min, 0 under-replicated' kq cluster status

echo "== produce and consume"
seq -f 'line %.0f of a file that is sent' 100000 >sent
expect 0 '^100000 records' kq produce lines --file sent
kq consume lines --stop-at-end >got
same 'what was consumed is not what was produced' \
    <(sort sent) <(sort got)
expect 2 'no such topic' kq produce nonsense
expect 2 'No such file' kq produce lines --file missing
expect 2 'has no partition 7' kq produce lines --partition 7
expect 2 'has no partition 7' kq consume lines --partition 7
expect 2 'which starts at 0' kq consume lines --from 99999999 --stop-at-end
expect 0 'created' kq topic create keyed --partitions 1 --replicas 3
printf 'k1\tv1\n\tv2\nv3\nk4\t\nbin\t\0\1\377\n' |
    kq produce keyed --key-separator '\t' --header a=1 --header b= 2>/dev/null
kq consume keyed --stop-at-end --format '%o %p [%k] [%v] %h %T %%\n' >got
printf '%s\n' '0 0 [k1] [v1]' '1 0 [] [v2]' '2 0 [] [v3]' '3 0 [k4] []' |
    sed 's/$/ a=1,b= keyed %/' >wanted
printf '4 0 [bin] [\0\1\377] a=1,b= keyed %%\n' >>wanted
same 'keys, headers and bytes of the format' got wanted
expect 0 '^v2$' kq consume keyed --from 1 --max 1
expect 0 '^3$' kq consume keyed --from 3 --stop-at-end --format '%o\n'
expect 0 '^$' sh -c 'kq consume keyed --from end --stop-at-end; echo'
expect 0 '^0$' kq consume keyed --from @0 --max 1 --format '%o\n'
expect 0 '^0$' kq consume keyed --from 2020-01-31T10:00 --max 1 --format '%o\n'
expect 0 "" timeout --foreground --preserve-status -s INT 3 \
    kq consume keyed
expect 0 'created' kq topic create bench --partitions 2 --replicas 3
expect 0 'latency ms: p50' kq bench produce bench --records 2000 --size 100
expect 0 'latency ms: p50' kq bench latency bench --records 20
expect 0 'created' kq topic create spread --partitions 3 --replicas 3
expect 0 'produced 50 records' \
    kq bench produce bench spread --spread --records 50 --size 100
for partition in 0 1 2; do # of five targets each has ten
    expect 0 "^ *10 $partition\$" sh -c \
        "kq consume spread --from beginning --stop-at-end --format '%p\n' |
            sort | uniq -c"
done
expect 2 'only produce takes several topics' kq bench consume bench spread
expect 2 'no such topic' kq bench produce bench nonsense --records 1
expect 0 'consumed 2040 records' kq bench consume bench

echo "== partitions are added under a reader"
# printed LINE: within a minute
printed() {
    checks=$((checks + 1))
    for _ in $(seq 600); do
        grep -qxF -- "$1" followed && return 0
        sleep 0.1
    done
    echo "FAILED: the reader does not print '$1'"
    failures=$((failures + 1))
}
expect 0 'created' kq topic create growing --partitions 1 --replicas 3
kq consume growing --from end --format '%p %v\n' >followed 2>/dev/null &
reader=$!
for _ in $(seq 600); do # it is at the end when it prints one of these
    echo first | kq produce growing 2>/dev/null
    [ -s followed ] && break
    sleep 0.1
done
printed '0 first'
expect 0 'has 4 partitions' kq topic alter growing --partitions 4
soon ', 4 partitions' kq topic describe growing
expect 0 ' 0 offline, 0 under min' kq cluster status
for partition in 0 1 2 3; do
    echo "in $partition" >in
    soon '^1 record' kq produce growing --partition $partition --file in
done
for partition in 0 1 2 3; do
    printed "$partition in $partition"
done
kill -INT $reader
wait $reader
expect 0 '^in 3$' kq consume growing --partition 3 --stop-at-end
seq 400 | sed 's/.*/&\t&/' | kq produce growing --key-separator '\t' 2>/dev/null
expect 0 '^400$' sh -c "kq consume growing --stop-at-end --format '%k\n' |
    grep -c '[0-9]'"
expect 0 '^4$' sh -c "kq consume growing --stop-at-end --format '%p %k\n' |
    grep ' [0-9]' | cut -d' ' -f1 | sort -u | wc -l"

echo "== clocks"
expect 0 'broker 1 believes its wall clock' \
    kq cluster believe-clock --broker 1
expect 2 'give --broker' kq cluster believe-clock
expect 2 'not the number of a broker' kq cluster believe-clock --broker x
expect 3 'broker 9 does not answer' kq cluster believe-clock --broker 9
expect 0 'broker 1 at [0-9.:]+(, controller)?$' kq cluster status

echo "== truncation"
expect 0 'created' kq topic create short --partitions 1 --replicas 3
seq 1 50 >"$WORK/numbers"
expect 0 '' kq produce short --file "$WORK/numbers"
expect 2 'only what is committed can be deleted: the high watermark is 50' \
    kq topic truncate short --partition 0 --before 51
expect 0 'it starts at offset 31' \
    kq topic truncate short --partition 0 --before 31
expect 0 'it starts at offset 31' \
    kq topic truncate short --partition 0 --before 7
kq consume short --from beginning --stop-at-end >"$WORK/left" 2>/dev/null
seq 32 50 >"$WORK/numbers"
same "what was truncated" "$WORK/numbers" "$WORK/left"
expect 2 'no such partition' kq topic truncate short --partition 1 --before 1
expect 2 'no such topic' kq topic truncate nonsense --partition 0 --before 1
expect 2 'give --partition and --before' kq topic truncate short --before 1
expect 2 'is not an offset' kq topic truncate short --partition 0 --before x

echo "== reassign"
expect 0 '^Usage: kq cluster reassign' kq cluster reassign --help
expect 2 'say plan, apply, watch or cancel' kq cluster reassign
expect 2 'say plan, apply, watch or cancel' kq cluster reassign nonsense
expect 2 'topics belongs to plan and cancel' \
    kq cluster reassign apply plan --topics lines
expect 2 'give --brokers' kq cluster reassign plan
expect 2 "'plan' takes no name" kq cluster reassign plan lines --brokers 1
expect 2 "'apply' takes one file" kq cluster reassign apply
expect 2 'is not a time such as' kq cluster reassign watch --timeout soon
expect 2 "'x' is not a number of bytes" \
    kq cluster reassign apply plan --throttle x
expect 2 "'two' is not the number of a broker" \
    kq cluster reassign plan --brokers 1,two
expect 2 'broker 9 is not there' kq cluster reassign plan --brokers 1,9
expect 2 'broker 2 is named twice' kq cluster reassign plan --brokers 2,1,2
expect 2 "topic 'nonsense': no such topic" \
    kq cluster reassign plan --brokers 1 --topics lines,nonsense
expect 2 'lines/0 is to have 3 replicas: name as many brokers' \
    kq cluster reassign plan --brokers 1,2 --topics lines
expect 0 'created' kq topic create moved --partitions 2 --replicas 1
head -20000 sent | sed 's/^line/moved/' >to-move
expect 0 '^20000 records' kq produce moved --file to-move
# the two that hold neither, or one of them: both partitions go to others
was=$(kq topic describe moved | awk '$1 ~ /^[01]$/ { print $5 }' | xargs)
case $was in
"1 2" | "2 1") others=3 ;;
"1 3" | "3 1") others=2 ;;
*) others=1 ;;
esac
expect 0 '^# 2 of 2 partitions change: 2 replicas are copied, 2 are taken out' \
    kq cluster reassign plan --topics moved --brokers $others
expect 0 "^moved/1: \\[$others\\] # now \\[${was#* }\\]\$" \
    kq cluster reassign plan --topics moved --brokers $others
kq cluster reassign plan --topics moved --brokers $others >plan
# wrong LINE...: a file of these lines is refused as the last one says
wrong() {
    local sentence=$1
    shift
    printf '%s\n' '# a plan' "$@" >wrong
    expect 2 "^kq: wrong:$sentence" kq cluster reassign apply wrong
    expect 2 'nothing was done' kq cluster reassign apply wrong
}
expect 2 "'missing': No such file" kq cluster reassign apply missing
wrong '3: this is not YAML' 'moved/0: [1' 'moved/1: [2]'
wrong '2: this is no plan' '[1, 2]'
wrong "2: 'moved' is not TOPIC/PARTITION" 'moved: [1]'
wrong "3: there is no topic 'nonsense'" "moved/0: [$others]" 'nonsense/0: [1]'
wrong '2: topic moved has no partition 2, but 0 to 1' 'moved/2: [1]'
wrong '2: moved/0: broker 1 is named twice' 'moved/0: [1, 2, 1]'
wrong "3: 'x' is not the number of a broker" 'moved/0: [1,' 'x]'
wrong '2: moved/0: name the brokers' 'moved/0: []'
wrong '4: moved/0 is already in line 2' "moved/0: [$others]" 'moved/1: [1]' \
    'moved/0: [1]'
wrong '2: moved/0: a partition has 1 to 16' "moved/0: [$(seq -s, 17)]"
expect 0 'nothing is being reassigned' kq cluster reassign watch
expect 1 '^kq: moved/0: .*broker 9 is not registered' \
    sh -c "echo 'moved/0: [9]' | kq cluster reassign apply -"
expect 0 '^2 of 2 partitions move' \
    kq cluster reassign apply plan --throttle 20k
expect 0 '^2 of them are being reassigned: .kq cluster reassign watch' \
    kq cluster status
expect 0 "  adding $others  removing ${was% *}\$" kq topic describe moved
expect 3 '^kq: the time is over: 2 of 2 partitions are still' \
    kq cluster reassign watch --timeout 1s
cp said heard
expect 0 '^0 of 2 partitions done, [0-9.k]+ of 20.0k records' cat heard
expect 0 '\[#*\.*\] [0-9]+% 0/2 done, [0-9.k]+/20.0k' python3 -c "import pty
pty.spawn(['kq', 'cluster', 'reassign', 'watch', '--timeout', '2s'])"
expect 0 'nothing is being reassigned' \
    kq cluster reassign cancel --topics lines
expect 2 'no such topic' kq cluster reassign cancel --topics nonsense
expect 0 '^2 of 2 partitions go back' kq cluster reassign cancel
expect 0 '' kq cluster reassign watch --timeout 1m
expect 0 "^$was\$" sh -c \
    "kq topic describe moved | awk '\$1 ~ /^[01]\$/ { print \$5 }' | xargs"
expect 0 '^2 of 2 partitions move' \
    kq cluster reassign apply plan --throttle 20k
expect 0 '^2 of 2 partitions move' sh -c 'kq cluster reassign apply - <plan'
expect 0 '^done: 2 partitions, 20.0k records' \
    kq cluster reassign watch --timeout 1m
soon "^ *1 +$others +[0-9]+ +1 +$others +$others " kq topic describe moved
expect 0 '^# 0 of 2 partitions change' \
    kq cluster reassign plan --topics moved --brokers $others
expect 0 '^0 of 0 partitions move' sh -c "kq cluster reassign plan \
    --topics moved --brokers $others | kq cluster reassign apply -"
kq consume moved --stop-at-end >got
same 'records after a move' <(sort to-move) <(sort got)
# one is new and in sync, the other new one is dead, and so is the old one
expect 0 'created' kq topic create stuck --partitions 1 --replicas 1
old=$(kq topic describe stuck | awk '$1 == "0" { print $5 }')
new=$((old % 3 + 1))
dead=$((new % 3 + 1))
if kq cluster status | grep -q "broker $dead .*, controller"; then
    dead=$new # the controller is to answer at once
    new=$((6 - old - dead))
fi
expect 0 '^3 records' sh -c 'seq 3 | kq produce stuck'
expect 0 'killed' kq dev kill $dead
expect 0 '^1 of 1 partitions move' \
    sh -c "echo 'stuck/0: [$new, $dead]' | kq cluster reassign apply -"
soon "^ *0 .* ($old,$new|$new,$old) " kq topic describe stuck
expect 0 'killed' kq dev kill "$old"
for _ in $(seq 600); do
    kq topic describe stuck | grep -qE "^ *0 +$new " && break
    sleep 0.1
done
expect 1 "^kq: stuck/0: fewer replicas .* in sync are $new, " \
    kq cluster reassign cancel
expect 0 'started' kq dev start "$old"
expect 0 'started' kq dev start $dead
expect 0 '' kq cluster reassign watch --timeout 1m
soon "^ *0 .* $new,$dead  .* ($new,$dead|$dead,$new) " kq topic describe stuck
expect 0 '^3$' kq consume stuck --stop-at-end

echo "== kill, start, down"
expect 0 'created topic led' kq topic create led --partitions 3 --replicas 3
expect 0 'killed broker 2' kq dev kill 2
expect 1 '3 of 4 processes run' kq dev status
expect 1 'broker 2 does not run' kq dev kill 2
expect 2 'has no broker 9' kq dev kill 9
expect 0 '^1000 records' sh -c 'seq 1000 | kq produce lines'
expect 0 '[1-9][0-9]* are not: it is not in sync' sh -c '
    for i in $(seq 100); do kq cluster elect || exit 0; sleep 0.2; done; exit 1'
expect 0 'started broker 2' kq dev start 2
expect 0 'runs already' kq dev start 2
expect 0 '' sh -c 'for i in $(seq 100); do
    kq cluster status && exit 0; sleep 0.2; done; exit 1'
expect 2 "topic 'nonsense': no such topic" kq cluster elect --topic nonsense
expect 0 '^[1-9][0-9]* partitions go back to their preferred' \
    kq cluster elect --topic led
expect 0 ' partitions go back to their preferred' kq cluster elect
soon '^0 partitions' kq cluster elect
expect 0 'created topic alone' kq topic create alone --replicas 1 \
    --config unclean.leader.election.enable=false
expect 2 'give true or false' kq topic create maybe \
    --config unclean.leader.election.enable=1
expect 0 'unclean.leader.election.enable=false$' kq topic describe alone
lone=$(kq topic describe alone | awk '$1 == "0" { print $2 }')
expect 2 'takes --topic, --partition and --broker' \
    kq cluster elect --unclean --topic alone
expect 2 'belong to elect --unclean' kq cluster elect --broker 1
expect 2 "the partition has a leader: broker $lone leads alone/0" \
    kq cluster elect --unclean --topic alone --partition 0 --broker "$lone"
expect 0 "killed broker $lone" kq dev kill "$lone"
expect 0 "on broker $lone: start it" sh -c '
    for i in $(seq 100); do kq cluster status | grep "start it" && exit 0
    sleep 0.2; done; exit 1'
expect 2 "broker $lone is not there" \
    kq cluster elect --unclean --topic alone --partition 0 --broker "$lone"
expect 2 'broker 9 has no replica of alone/0' \
    kq cluster elect --unclean --topic alone --partition 0 --broker 9
expect 2 'no such partition' \
    kq cluster elect --unclean --topic alone --partition 7 --broker "$lone"
expect 0 "started broker $lone" kq dev start "$lone"
expect 0 '' sh -c 'for i in $(seq 100); do
    kq cluster status && exit 0; sleep 0.2; done; exit 1'
cp kq-dev/broker-1/pid pid
sleep 60 &
sed "s/^[0-9]* /$! /" pid >kq-dev/broker-1/pid
expect 1 'broker 1 does not run' kq dev kill 1
kill $! || failures=$((failures + 1))
cp pid kq-dev/broker-1/pid
expect 0 'down after' kq dev down
expect 0 'down after' kq dev down
expect 1 '0 of 4 processes run' kq dev status

echo "== the logs on the disk"
for broker in 1 2 3; do
    expect 0 '^sound; 0 notes' kq log verify kq-dev/broker-$broker/data
    expect 0 'clean shutdown$' kq log verify kq-dev/broker-$broker/data
done
kq log dump --json --records kq-dev/broker-1/data >dumped
expect 0 '^record .* key "bin"  value "\\x00\\x01\\xff".* value "1"' \
    kq log dump --records kq-dev/broker-1/data
python3 - dumped <<'END' | sort >got
import json, sys
for line in open(sys.argv[1], encoding="utf-8"):
    item = json.loads(line)
    value = item.get("value") or ""
    if item["type"] == "record" and value.startswith("line"):
        print(value)
END
same 'records in the dump' <(sort sent) got
for type in meta clean checkpoint checkpoint_log segment batch epochs epoch \
    producers producer; do
    expect 0 '^{' grep -m 1 "^{\"type\":\"$type\",\"file\":" dumped
done
expect 0 '"value_base64":"AAH/"' grep bin dumped
cp -r kq-dev/broker-1/data copy
segment=$(find copy -name '*.log' -size +10k | sort | head -1)
expect 0 '^batch ' kq log dump "$segment"
(cd "$(dirname "$segment")" && kq log dump "$(basename "$segment")") >got
expect 0 'header_crc_checked yes' cat got
printf 'x' | dd of="$segment" bs=1 seek=100 conv=notrunc status=none
expect 1 "^$segment:0: the checksum of the batch at offset 0 does not" \
    kq log verify copy
expect 1 "^damaged: 1 problem, 0 notes; the first is at $segment:0$" \
    kq log verify copy
expect 1 '^damage .* the checksum of the batch' kq log dump copy
expect 2 'is no file of a log directory' kq log dump sent
expect 0 'up: 3 brokers' kq dev up
kq consume lines --stop-at-end --format '%v\n' | grep '^line' >got
same 'records after down and up' <(sort sent) <(sort got)

checks=$((checks + 1))
if grep -E 'AddressSanitizer|runtime error|ThreadSanitizer|assertion' \
    kq-dev/broker-*/log; then
    echo 'FAILED: a broker says so'
    failures=$((failures + 1))
fi
echo "$((checks - failures)) of $checks checks passed"
[ $failures -eq 0 ]
