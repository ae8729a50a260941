#!/usr/bin/env bash
# tests/docker.sh on a machine that has no Docker engine running and can pull no image.
#
#   sudo tests/docker_engine.sh            starts an engine, makes the base image, runs tests/docker.sh
#   sudo tests/docker_engine.sh COMMAND    runs COMMAND instead; while it runs, `docker` works as usual
#
# Needs root, the Debian packages docker.io, iptables and debootstrap (with a Debian mirror for the
# last), a Rust toolchain, and a way to crates.io. Where something is missing it says "skipped: ..."
# and exits 0.
#
# The base image is a small Debian with gcc and one copy of this machine's Rust toolchain, under the
# name in the Dockerfile's FROM line. It only stands in for the official image, so it is kept away
# from the machine's own images: in target/docker (1 GB, root's), where the next run finds it. If an
# engine runs already it is that engine's, and removed at the end.
#
# The packet filter of a running engine slows every loopback connection of the machine: measure
# nothing meanwhile. At the end the engine started here is stopped, its bridge and its rules are gone.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() { echo "skipped: $1"; exit 0; }
[ "$(id -u)" = 0 ] || skip "starting a Docker engine needs root"
for command in docker dockerd iptables ip debootstrap rustc; do
    command -v "$command" >/dev/null ||
        skip "no $command (Debian packages docker.io, iptables, iproute2, debootstrap; rustc by rustup)"
done

state=$PWD/target/docker
mkdir -p "$state"
engine=

# The network settings that an engine changes, as they were before.
remember_network() {
    forwarding=$(sysctl -n net.ipv4.ip_forward)
    for tables in iptables ip6tables; do
        $tables-save >"$state/$tables" 2>/dev/null || true
        grep -qE '^-A|^:[A-Z]+ DROP' "$state/$tables" || : >"$state/$tables" # no rules at all
    done
    had_bridge=$(ip -o link show docker0 2>/dev/null || true)
}
restore_network() {
    for tables in iptables ip6tables; do
        for table in $($tables-save 2>/dev/null | sed -n 's/^\*//p'); do
            if ! grep -q "^\*$table" "$state/$tables"; then # made by the engine: empty it
                $tables -t "$table" -F
                for chain in INPUT FORWARD OUTPUT; do
                    $tables -t "$table" -P "$chain" ACCEPT 2>/dev/null || true
                done
                $tables -t "$table" -X
            fi
        done
        [ ! -s "$state/$tables" ] || $tables-restore <"$state/$tables"
    done
    [ -n "$had_bridge" ] || ip link del docker0 2>/dev/null || true
    sysctl -q -w "net.ipv4.ip_forward=$forwarding"
}

start_engine() {
    remember_network
    dockerd --data-root "$state/data" >"$state/dockerd.log" 2>&1 &
    engine=$!
    trap stop_engine EXIT
    for _ in $(seq 300); do
        docker version >/dev/null 2>&1 && return
        kill -0 "$engine" 2>/dev/null || break
        sleep 0.1
    done
    tail -n 3 "$state/dockerd.log"
    skip "dockerd does not start here"
}
stop_engine() {
    kill "$engine" 2>/dev/null || true
    wait "$engine" || true
    restore_network
}

make_base_image() {
    local name=$1 suite=$2 toolchain root
    toolchain=$(rustc --print sysroot)
    [ "$toolchain" != /usr ] || skip "rustc is Debian's: a toolchain in a folder of its own is needed"
    echo "making $name from Debian $suite and $toolchain ..."
    root=$(mktemp -d "$state/root.XXXXXX")
    debootstrap --variant=minbase --include=gcc,libc6-dev "$suite" "$root" >"$state/debootstrap.log" ||
        { tail -n 20 "$state/debootstrap.log"; rm -rf --one-file-system "$root"; exit 1; }
    # The machine's own list of authorities: it may have to trust a proxy of its network.
    install -D -m 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
    tar -C "$toolchain" --exclude=lib/rustlib/src -c bin/cargo bin/rustc lib | tar -C "$root/usr/local" -x
    tar -C "$root" --exclude=./var/cache/apt --exclude=./usr/share/doc --exclude=./dev -c . |
        docker import --message "stand-in: this machine's Rust toolchain" - "$name" >/dev/null
    rm -rf "$root"
}

base=$(sed -n 's/^FROM \(rust:[^ ]*\).*/\1/p' Dockerfile)
timeout 20 docker version >/dev/null 2>&1 || start_engine
if ! docker image inspect "$base" >/dev/null 2>&1; then
    make_base_image "$base" "${base##*-}"
    [ -n "$engine" ] || trap 'docker image rm "$base" >/dev/null' EXIT
fi

if [ $# -gt 0 ]; then "$@"; else bash tests/docker.sh; fi
