# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A cluster whose machines are network namespaces on one bridge: `broker-N`,
# `zookeeper-N`, and `clients`, where the test itself runs. Sourced after
# lib.sh by a script that is root in mount and network namespaces of its own
# (`unshare --mount --net`): with these all of it is gone, whatever happens.

HOSTS=()
declare -A PIDS=() # of what runs on a host
declare -A SLOW=() # of what slows its connections down

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

SLOW_PORT=7777

# slow HOST MS MS: connections of the host end, and what it opens and accepts
# from here on goes through slow_link.py.
slow() {
    ip netns exec "$1" tests/cluster/slow_link.py "$SLOW_PORT" "$2" "$3" \
        >"$CLUSTER/$1/slow" 2>&1 &
    SLOW[$1]=$!
    eventually 10 grep -q ready "$CLUSTER/$1/slow" || {
        failed "slow_link.py does not listen on $1"
        return 1
    }
    on "$1" iptables -t nat -A OUTPUT -p tcp ! -o lo -m mark ! --mark 1 \
        -j REDIRECT --to-ports "$SLOW_PORT"
    on "$1" iptables -t nat -A PREROUTING -p tcp ! --dport "$SLOW_PORT" \
        -j REDIRECT --to-ports "$SLOW_PORT"
    reset_connections "$1"
}

# As it was: connections end once more.
fast() { # host
    on "$1" iptables -t nat -F
    kill -KILL "${SLOW[$1]}" || {
        failed "slow_link.py of $1 ended by itself:"
        cat "$CLUSTER/$1/slow"
    }
    wait "${SLOW[$1]}" 2>/dev/null
    unset "SLOW[$1]"
}

# Those that are open, of a host that goes on sending on them.
reset_connections() { # host
    on "$1" iptables -I OUTPUT -p tcp ! -o lo -m mark ! --mark 1 \
        -m conntrack --ctstate ESTABLISHED \
        -j REJECT --reject-with tcp-reset
    sleep 1
    on "$1" iptables -D OUTPUT -p tcp ! -o lo -m mark ! --mark 1 \
        -m conntrack --ctstate ESTABLISHED \
        -j REJECT --reject-with tcp-reset
}

hosts_down() {
    local host

    for host in "${HOSTS[@]}"; do
        [ -z "${SLOW[$host]-}" ] || fast "$host"
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
