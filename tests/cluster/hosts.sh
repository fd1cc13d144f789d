# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A cluster whose machines are network namespaces on one bridge: `broker-N`,
# `zookeeper-N`, and `clients`, where the test itself runs. Sourced after
# lib.sh by a script that is root in mount and network namespaces of its own
# (`unshare --mount --net`): with these all of it is gone, whatever happens.

HOSTS=()
declare -A PIDS=() # of what runs on a host

address_of() { # host
    case "$1" in
    broker-*) echo "10.77.0.${1#*-}" ;;
    zookeeper-*) echo "10.77.0.$((10 + ${1#*-}))" ;;
    *) echo 10.77.0.100 ;;
    esac
}

# on HOST COMMAND...
on() {
    if [ "$1" = clients ]; then
        "${@:2}"
    else
        ip netns exec "$@"
    fi
}

make_hub() {
    mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns &&
        ip link set lo up && ip link add hub type bridge &&
        ip addr add "$(address_of clients)/24" dev hub &&
        ip link set hub up && iptables -L INPUT >/dev/null &&
        ip link add probe type veth peer name eborp && ip link del probe || {
        echo "skipped: no bridge, veth or iptables here"
        exit 77
    }
}

make_host() { # host
    HOSTS+=("$1")
    mkdir -p "$CLUSTER/$1"
    ip netns add "$1" &&
        ip link add "$1" type veth peer name eth0 netns "$1" &&
        ip link set "$1" master hub up &&
        ip -n "$1" addr add "$(address_of "$1")/24" dev eth0 &&
        ip -n "$1" link set lo up && ip -n "$1" link set eth0 up || exit 3
}

configure_server() { # number, servers
    local directory=$CLUSTER/zookeeper-$1 i

    mkdir -p "$directory/data"
    echo "$1" >"$directory/data/myid"
    {
        echo "tickTime=200"
        echo "initLimit=50"
        echo "syncLimit=20"
        echo "dataDir=$directory/data"
        echo "clientPort=2181"
        echo "clientPortAddress=$(address_of "zookeeper-$1")"
        echo "maxClientCnxns=0"
        echo "4lw.commands.whitelist=srvr"
        echo "admin.enableServer=false"
        for ((i = 1; i <= $2; i++)); do
            echo "server.$i=$(address_of "zookeeper-$i"):2888:3888"
        done
    } >"$directory/zoo.cfg"
}

configure_broker() { # number, servers, KEY=VALUE...
    local directory=$CLUSTER/broker-$1 connect="" i

    mkdir -p "$directory/data"
    for ((i = 1; i <= $2; i++)); do
        connect+="${connect:+,}$(address_of "zookeeper-$i"):2181"
    done
    {
        echo "broker.id=$1"
        echo "zookeeper.connect=$connect/kafkaesque"
        echo "zookeeper.session.timeout.ms=3000"
        echo "zookeeper.startup.timeout.ms=60000"
        echo "listener.host=$(address_of "broker-$1")"
        echo "log.dirs=$directory/data"
        [ $# -eq 2 ] || printf '%s\n' "${@:3}"
    } >"$directory/broker.properties"
}

start() { # host
    local command=("$BROKER" --config "$CLUSTER/$1/broker.properties")

    [[ $1 != zookeeper-* ]] ||
        command=(java -Xmx96m -XX:+UseSerialGC -XX:TieredStopAtLevel=1
            -XX:+PerfDisableSharedMem -Dzookeeper.jmx.log4j.disable=true
            -Dorg.slf4j.simpleLogger.defaultLogLevel=warn
            -cp /usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar
            org.apache.zookeeper.server.quorum.QuorumPeerMain
            "$CLUSTER/$1/zoo.cfg")
    ip netns exec "$1" "${command[@]}" >>"$CLUSTER/$1/log" 2>&1 &
    PIDS[$1]=$!
}

# stop HOST SIGNAL: and waits for its end; gives its exit code
stop() {
    kill -"$2" "${PIDS[$1]}"
    wait "${PIDS[$1]}" 2>/dev/null
}

is_running() { # host
    kill -0 "${PIDS[$1]}" 2>/dev/null
}

# What FROM sends does not reach TO.
cut() { # from, to
    on "$2" iptables -A INPUT -s "$(address_of "$1")" -j DROP
}

heal() { # from, to
    on "$2" iptables -D INPUT -s "$(address_of "$1")" -j DROP
}

hosts_down() {
    local host

    for host in "${HOSTS[@]}"; do
        [ -z "${PIDS[$host]-}" ] || stop "$host" KILL 2>/dev/null
    done
}

# hosts_up BROKERS SERVERS [KEY=VALUE]...
hosts_up() {
    local i

    cluster_directory
    make_hub
    for ((i = 1; i <= $2; i++)); do
        make_host "zookeeper-$i"
        configure_server "$i" "$2"
        start "zookeeper-$i"
    done
    KQ_BOOTSTRAP=""
    for ((i = 1; i <= $1; i++)); do
        make_host "broker-$i"
        configure_broker "$i" "${@:2}"
        start "broker-$i"
        KQ_BOOTSTRAP+="${KQ_BOOTSTRAP:+,}$(address_of "broker-$i"):9092"
    done
    export KQ_BOOTSTRAP
    eventually 60 healthy || {
        failed "the cluster is not up after 60 s"
        exit 1
    }
}
