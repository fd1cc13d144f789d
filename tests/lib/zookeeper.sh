#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# One ZooKeeper server for a test, on loopback.
#
#   zookeeper.sh start DIR PORT [OWNER_PID]   returns when it serves; it is
#                                             stopped when OWNER_PID is gone
#   zookeeper.sh stop DIR                     stops it and removes DIR
#
# Exit codes: 0 done, 2 bad usage, 3 it does not start.
set -u

say() { echo "zookeeper.sh: $*" >&2; }

start() {
    local dir=$1 port=$2 owner=${3:-} i
    mkdir -p "$dir/data" || exit 3
    cat >"$dir/zoo.cfg" <<CFG
tickTime=200
initLimit=20
syncLimit=10
dataDir=$dir/data
clientPort=$port
clientPortAddress=127.0.0.1
maxClientCnxns=0
minSessionTimeout=400
maxSessionTimeout=60000
4lw.commands.whitelist=*
admin.enableServer=false
preAllocSize=1024
CFG
    setsid java -Xms32m -Xmx96m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
        -Xss256k -XX:MaxMetaspaceSize=64m -XX:ReservedCodeCacheSize=32m \
        -XX:+PerfDisableSharedMem -Xshare:auto \
        -Dzookeeper.jmx.log4j.disable=true -Dzookeeper.forceSync=no \
        -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
        -cp /usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar \
        org.apache.zookeeper.server.quorum.QuorumPeerMain "$dir/zoo.cfg" \
        >"$dir/out" 2>&1 </dev/null &
    echo $! >"$dir/pid"
    if [ -n "$owner" ]; then
        setsid "$0" watch "$dir" "$owner" >/dev/null 2>&1 </dev/null &
    fi
    for ((i = 0; i < 200; i++)); do
        answer "$port" | grep -q '^Mode: ' && return 0
        kill -0 "$(cat "$dir/pid")" 2>/dev/null || break
        sleep 0.1
    done
    say "the server on port $port does not start; its last words:"
    tail -n 5 "$dir/out" >&2
    stop "$dir"
    exit 3
}

# A server that is still starting may take the question and never answer.
answer() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1" && printf srvr >&3 && timeout 2 cat <&3) \
        2>/dev/null
}

stop() {
    local dir=$1 pid
    [ -f "$dir/pid" ] || return 0
    pid=$(cat "$dir/pid")
    kill "$pid" 2>/dev/null
    for _ in {1..50}; do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null
    rm -rf "$dir"
}

# In a session of its own: what kills the test's process group spares it.
watch() {
    while kill -0 "$2" && kill -0 "$(cat "$1/pid")"; do
        sleep 0.5
    done 2>/dev/null
    stop "$1"
}

case ${1:-} in
watch) [ $# -eq 3 ] && watch "$2" "$3" && exit 0 ;;
start) [ $# -ge 3 ] && start "$2" "$3" "${4:-}" && exit 0 ;;
stop) [ $# -eq 2 ] && stop "$2" && exit 0 ;;
esac
say "usage: zookeeper.sh start DIR PORT [OWNER_PID] | stop DIR"
exit 2
