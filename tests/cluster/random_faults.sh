#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
#   tests/cluster/random_faults.sh [SECONDS [SEED]]
#
# Three brokers and three ZooKeeper servers, each on a network of its own, under
# a load of idempotent producers with acks=all, while for SECONDS one to three
# faults at a time strike random ones of them: kill -9, a clean stop, a pause,
# cuts of the network one way or both between brokers, from ZooKeeper and from
# the clients, connections that end and come back slow, a broker killed that
# another one does not hear, servers of ZooKeeper killed or paused with or
# without the quorum, all brokers killed, and a disk replaced by an empty one.
# After each round all is in sync again; at the end every acknowledged record is
# read at its offset, none twice. The faults come from SEED (1), their effect
# from the machine. Needs root, network namespaces and iptables; exit 77 where
# there are none.
set -u
if [ "${KQ_APART-}" != 1 ]; then
    unshare --mount --net true 2>/dev/null &&
        KQ_APART=1 exec unshare --mount --net "$0" "$@"
    echo "skipped: no network namespaces here, or not root"
    exit 77
fi
cd "$(dirname "$0")/../.." || exit 3
. ci/sizes
. tests/cluster/lib.sh
. tests/cluster/hosts.sh

FAULT_SECONDS=${1-$CI_FAULT_SECONDS}
RANDOM=${2-1}
BROKERS=3
SERVERS=3
HEAL_SECONDS=90
RETENTION_BYTES=1048576
# A record of the load takes fewer bytes in the log than this.
RECORD_BYTES_MAX=300

# Of the round: what was struck, in words, and what takes it back.
struck=" "
words=""
undo=()

# one HOST...: a random one into `host` that nothing struck yet; false: none
one() {
    local left=("$@")

    while [ "${#left[@]}" -gt 0 ]; do
        local at=$((RANDOM % ${#left[@]}))

        host=${left[at]}
        [[ $struck == *" $host "* ]] || return 0
        left=("${left[@]:0:at}" "${left[@]:at+1}")
    done
    return 1
}

brokers=() servers=()
for ((i = 1; i <= BROKERS; i++)); do brokers+=("broker-$i"); done
for ((i = 1; i <= SERVERS; i++)); do servers+=("zookeeper-$i"); done

strike() { # host, words, what takes it back
    struck+="$1 "
    words+="${words:+, }$2"
    undo+=("$3")
}

kill_host() { # host
    stop "$1" KILL
    strike "$1" "$1 killed" "start $1"
}

pause_host() { # host
    kill -STOP "${PIDS[$1]}"
    strike "$1" "$1 paused" "kill -CONT ${PIDS[$1]}"
}

# One way, the other, or both.
cut_between() { # host, others...
    local other undone="" way=$((RANDOM % 3))

    for other in "${@:2}"; do
        if [ "$way" -ne 1 ]; then
            cut "$1" "$other"
            undone+="heal $1 $other;"
        fi
        if [ "$way" -ne 2 ]; then
            cut "$other" "$1"
            undone+="heal $other $1;"
        fi
    done
    strike "$1" "$1 $([ $way -eq 1 ] || echo '>')|$(
        [ $way -eq 2 ] || echo '<') ${*:2}" "$undone"
}

others_than() { # host
    local other

    for other in "${brokers[@]}"; do
        [ "$other" = "$1" ] || echo "$other"
    done
}

fault_kill() {
    ! one "${brokers[@]}" || kill_host "$host"
}

fault_stop() {
    one "${brokers[@]}" || return
    stop "$host" TERM || failed "$host ended with $? when it was told to stop"
    strike "$host" "$host stopped" "start $host"
}

fault_pause() {
    ! one "${brokers[@]}" || pause_host "$host"
}

fault_cut_brokers() {
    local others

    one "${brokers[@]}" || return
    mapfile -t others < <(others_than "$host")
    if [ $((RANDOM % 2)) -eq 0 ]; then
        cut_between "$host" "${others[@]}"
    else
        cut_between "$host" "${others[RANDOM % ${#others[@]}]}"
    fi
}

fault_cut_zookeeper() {
    ! one "${brokers[@]}" || cut_between "$host" "${servers[@]}"
}

fault_cut_clients() {
    ! one "${brokers[@]}" || cut_between "$host" clients
}

fault_alone() {
    local others

    one "${brokers[@]}" || return
    mapfile -t others < <(others_than "$host")
    cut_between "$host" "${others[@]}" "${servers[@]}" clients
}

fault_slow() {
    local most=$((50 + RANDOM % 950))

    one "${brokers[@]}" || return
    slow "$host" $((most / 10)) "$most"
    strike "$host" "$host slow by up to $most ms" "fast $host"
}

fault_server() {
    one "${servers[@]}" || return
    if [ $((RANDOM % 2)) -eq 0 ]; then
        kill_host "$host"
    else
        pause_host "$host"
    fi
}

fault_quorum() {
    fault_server
    fault_server
}

# All are in sync when a round begins; two disks are never lost in one.
fault_disk() {
    [[ $words != *emptied* ]] || return
    one "${brokers[@]}" || return
    stop "$host" KILL
    find "$CLUSTER/$host/data" -mindepth 1 -delete
    strike "$host" "$host emptied" "start $host"
}

# One broker is cut off from another and killed soon after: of what it leads,
# what was acknowledged in between must be where the next leader is.
fault_cut_and_kill() {
    local others

    one "${brokers[@]}" || return
    mapfile -t others < <(others_than "$host")
    cut_between "$host" "${others[RANDOM % ${#others[@]}]}"
    sleep "$((RANDOM % 2)).$((RANDOM % 10))"
    stop "$host" KILL
    strike "$host" "then killed" "start $host"
}

# All at once, and the first to be back has its disk, or an empty one.
fault_outage() {
    local broker

    [ "$struck" = " " ] && one "${brokers[@]}" || return
    for broker in "${brokers[@]}"; do
        kill -KILL "${PIDS[$broker]}"
    done
    for broker in "${brokers[@]}"; do
        wait "${PIDS[$broker]}" 2>/dev/null
    done
    words="all brokers killed, $host first back"
    if [ $((RANDOM % 2)) -eq 0 ]; then
        find "$CLUSTER/$host/data" -mindepth 1 -delete
        words+=", emptied"
    fi
    sleep "$((RANDOM % 5)).$((RANDOM % 10))"
    start "$host"
    sleep "$((1 + RANDOM % 4)).$((RANDOM % 10))"
    struck=" ${brokers[*]} "
    for broker in "${brokers[@]}"; do
        [ "$broker" = "$host" ] || undo+=("start $broker")
    done
}

FAULTS=(fault_kill fault_stop fault_pause fault_cut_brokers
    fault_cut_zookeeper fault_cut_clients fault_alone fault_slow fault_server
    fault_quorum fault_disk fault_cut_and_kill fault_outage)

round() { # number
    local host count=$((RANDOM % 3)) broker

    struck=" " words="" undo=()
    for ((; count >= 0; count--)); do
        "${FAULTS[RANDOM % ${#FAULTS[@]}]}"
        sleep "$((RANDOM % 2)).$((RANDOM % 10))"
    done
    sleep "$((RANDOM % 7)).$((RANDOM % 10))"
    for command in "${undo[@]}"; do
        eval "$command"
    done
    eventually "$HEAL_SECONDS" healthy || {
        failed "not whole $HEAL_SECONDS s after round $1: $words"
        "$KQ" cluster status
        exit 1
    }
    for broker in "${brokers[@]}"; do
        is_running "$broker" || failed "$broker ended in round $1: $words"
    done
    say "round $1: $words; $(load_acknowledged) records acknowledged"
}

hosts_up "$BROKERS" "$SERVERS" default.replication.factor=3 \
    log.retention.check.interval.ms=500 log.checkpoint.interval.ms=1000
"$KQ" topic create whole --partitions 24 --replicas 3 || exit 1
"$KQ" topic create short --partitions 2 --replicas 3 \
    --config segment.bytes=262144 \
    --config retention.bytes=$RETENTION_BYTES || exit 1

load_begin whole short
end=$((SECONDS + FAULT_SECONDS))
for ((number = 1; SECONDS < end; number++)); do
    sleep "$((RANDOM % 3)).$((RANDOM % 10))"
    round "$number"
done
load_end
load_check whole
load_check short $((RETENTION_BYTES / RECORD_BYTES_MAX))
for broker in "${brokers[@]}"; do
    stop "$broker" TERM || failed "$broker ended with $? at the end"
    "$KQ" log verify "$CLUSTER/$broker/data" >"$CLUSTER/verify-$broker" || {
        failed "kq log verify of $broker after a clean stop:"
        head "$CLUSTER/verify-$broker"
    }
done
echo "$FAILURES failed"
