#!/usr/bin/env bash
# What a large download costs where the network is the limit, as it is outside of loopback: four downloads of 100 MiB at
# a time through a pair of virtual interfaces whose queue lets 1 Gbit/s pass. Needs root, ip, tc (tbf) and curl.
#
#   RATE=1gbit ROUNDS=3 benches/peers/rate_limited.sh [SERVER...]
#
# Printed are the server's cpu time, and how often it was woken or interrupted: few times for as many bytes is what
# a full queue should lead to.
set -euo pipefail
cd "$(dirname "$0")"

RATE=${RATE:-1gbit}
ROUNDS=${ROUNDS:-3}
SERVERS=${*:-ours nginx lighttpd h2o}
DOWNLOADS=4
space=otuserver-$$ # the network namespace of the servers
link=otu$$
port=31000
folder=$(mktemp -d)
server= # the process group of the server that is running

finish() {
    [ -z "$server" ] || kill -KILL -- "-$server" 2>/dev/null || true
    ip link delete "$link" 2>/dev/null || true
    ip netns delete "$space" 2>/dev/null || true
    rm -rf "$folder"
}
trap finish EXIT
export RUST_LOG=warn # no access log, as with the others

make_network() {
    ip netns add "$space"
    ip link add "$link" type veth peer name inside netns "$space"
    ip address add 198.18.77.1/30 dev "$link"
    ip link set "$link" up
    ip -n "$space" address add 198.18.77.2/30 dev inside
    ip -n "$space" link set inside up
    tc -n "$space" qdisc add dev inside root tbf rate "$RATE" burst 256kb latency 20ms
}

# processes GROUP: the processes of a process group.
processes() {
    awk -v group="$1" '{ sub(/.*\) /, ""); if ($3 == group) print FILENAME }' /proc/[0-9]*/stat 2>/dev/null | cut -d/ -f3
}

# cpu_ticks GROUP: user and system time of its processes, in hundredths of a second.
cpu_ticks() {
    local process
    for process in $(processes "$1"); do
        sed 's/.*) //' "/proc/$process/stat"
    done | awk '{ sum += $12 + $13 } END { print sum }'
}

# switches GROUP: context switches of its threads.
switches() {
    local process
    for process in $(processes "$1"); do
        cat "/proc/$process"/task/*/status
    done | awk '/ctxt_switches/ { sum += $2 } END { print sum }'
}

# start SERVER: heard on all addresses of its namespace, where nobody else is.
start() {
    port=$((port + 1))
    rm -rf "${folder:?}"/*
    python3 servers.py "$1" 100m "$port" "$folder" >"$folder/command" 2>/dev/null || return 1
    sed -i 's/127\.0\.0\.1/0.0.0.0/' "$folder"/*.conf 2>/dev/null || true
    mapfile -t command <"$folder/command"
    [ "$1" != ours ] || command+=(--host 0.0.0.0)
    setsid ip netns exec "$space" taskset -c 0 "${command[@]}" >"$folder/output" 2>&1 &
    server=$!
    for _ in {1..100}; do
        ! (exec 3<>"/dev/tcp/198.18.77.2/$port") 2>/dev/null || return 0
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    echo "$1 does not start" >&2
    return 1
}

download() {
    local number loads=()
    for ((number = 0; number < DOWNLOADS; number++)); do
        taskset -c 1 curl -sf --max-time 60 -o /dev/null "http://198.18.77.2:$port/100m.bin" &
        loads+=($!)
    done
    for number in "${loads[@]}"; do
        wait "$number"
    done
}

python3 -c 'import scenarios, servers; servers.build_floor(); scenarios.make_site()'
make_network
printf '%s, %s MiB\n%-12s%10s%12s\n' "$RATE" "$((DOWNLOADS * 100))" '' 'cpu ms' switches
for ((round = 0; round < ROUNDS; round++)); do
    for name in $SERVERS; do
        start "$name" || continue
        ticks=$(cpu_ticks "$server") before=$(switches "$server")
        download
        printf '%-12s%10s%12s\n' "$name" "$((($(cpu_ticks "$server") - ticks) * 10))" "$(($(switches "$server") - before))"
        kill -TERM -- "-$server" 2>/dev/null || true
        sleep 0.3
        kill -KILL -- "-$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
        server=
    done
done
