#!/usr/bin/env bash
# Counts that do not vary with the machine's mood: system calls a request (strace) and user instructions a request
# (callgrind), ours and the peers' that are there. Only the waits vary (epoll_wait, and the accept4 or read that finds
# nothing): under strace a server is so slow that the next request is often there before it could wait for it.
#
#   benches/peers/counts.sh [SERVER...]
#
# Every figure is what a run with 2N requests counts more than a run with N, divided by N: starting up, the first
# look at a file, and ending cancel out.
set -euo pipefail
cd "$(dirname "$0")"

N=${N:-1000}
TRACED=${*:-floor ours nginx nginx-cache lighttpd h2o caddy lwan static-web-server darkhttpd}
# Not caddy: callgrind does not follow the Go runtime.
COUNTED=${*:-floor ours nginx nginx-cache lighttpd h2o}
port=30000
folder=$(mktemp -d)
server= # the process group of the server that is running

finish() {
    [ -z "$server" ] || kill -KILL -- "-$server" 2>/dev/null || true
    rm -rf "$folder"
}
trap finish EXIT
export RUST_LOG=warn # no access log, as with the others

# serve_and_load SERVER CASE CONNECTIONS REQUESTS WRAPPER...: one run of a server inside strace or valgrind.
serve_and_load() {
    local name=$1 case=$2 connections=$3 requests=$4 keep_alive=-k
    shift 4
    [ "$case" != ab ] || keep_alive=
    port=$((port + 1))
    rm -rf "${folder:?}"/*
    python3 servers.py "$name" "$case" "$port" "$folder" >"$folder/command" 2>/dev/null || return 1
    mapfile -t command <"$folder/command"
    # A process group of its own, which is how it is ended.
    setsid "$@" "${command[@]}" >"$folder/output" 2>&1 &
    server=$!
    for _ in {1..150}; do
        ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
        kill -0 "$server" 2>/dev/null || return 1
        sleep 0.1
    done
    timeout 60 ab -q $keep_alive -c "$connections" -n "$requests" "http://127.0.0.1:$port/" >"$folder/ab" 2>&1 || return 1
    sleep 0.3 # the last connections are still to be closed, and that is to be counted
    kill -TERM -- "-$server" 2>/dev/null || true
    # Some do not leave a wrapper; the second signal ends those.
    for _ in {1..50}; do
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL -- "-$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    server=
    # A refused request is cheap, and would look well here.
    grep -q '^Failed requests: *0$' "$folder/ab" && ! grep -q '^Non-2xx' "$folder/ab"
}

# calls SERVER CASE CONNECTIONS: all system calls a request, and which; those below one in 200 requests are left out.
calls() {
    local factor
    for factor in 1 2; do
        serve_and_load "$1" "$2" "$3" $((factor * N)) strace -f -c -o "$folder/strace" 2>/dev/null || return 1
        awk '$4 ~ /^[0-9]+$/ && $NF != "total" { print $NF, $4 }' "$folder/strace" >"$kept/$factor"
    done
    awk -v n="$N" '
        NR == FNR { before[$1] = $2; next }
        { each = ($2 - before[$1]) / n; if (each >= 0.005) { sum += each; printf "%s %.2f\n", $1, each } }
        END { printf "total %.2f\n", sum }' "$kept/1" "$kept/2" | sort -k2,2nr |
        awk '$1 == "total" { total = $2; next } { list = list "  " $1 " " $2 } END { printf "%6.2f %s\n", total, list }'
}

# instructions SERVER CASE: user instructions a request over one connection at a time.
instructions() {
    local factor
    for factor in 1 2; do
        serve_and_load "$1" "$2" 1 $((factor * N)) \
            valgrind --tool=callgrind --trace-children=yes --callgrind-out-file="$folder/callgrind.%p" || return 1
        # The sum over all its processes.
        awk '/^totals:/ { sum += $2 } END { print sum + 0 }' "$folder"/callgrind.* >"$kept/$factor"
    done
    awk -v n="$N" 'NR == 1 { before = $1 } NR == 2 { printf "%.0f\n", ($1 - before) / n }' "$kept/1" "$kept/2"
}

# Only those that are there.
present() {
    local name
    for name in "$@"; do
        ! python3 servers.py "$name" tiny 1 "$folder" >/dev/null 2>&1 || echo "$name"
    done
}

kept=$folder.kept
mkdir "$kept"
trap 'finish; rm -rf "$kept"' EXIT
ulimit -n "$(ulimit -Hn)"
python3 -c 'import scenarios, servers; servers.build_floor(); scenarios.make_site()'

if command -v strace >/dev/null; then
    # A list of names is to fall apart into words: hence no quotes.
    # shellcheck disable=SC2086
    while IFS='|' read -r title case connections; do
        printf '\nsystem calls a request, %s\n' "$title"
        for name in $(present $TRACED); do
            printf '  %-18s%s\n' "$name" "$(calls "$name" "$case" "$connections" || echo '     -')"
        done
    done <<'CASES'
keep-alive, 1 connection|ab-k|1
keep-alive, 100 connections|ab-k|100
one connection a request|ab|1
one connection a request, 100 at a time|ab|100
CASES
fi

if command -v valgrind >/dev/null; then
    printf '\nuser instructions a request\n  %-18s%12s%28s\n' '' keep-alive 'one connection a request'
    # shellcheck disable=SC2086
    for name in $(present $COUNTED); do
        printf '  %-18s%12s%28s\n' "$name" "$(instructions "$name" ab-k || echo -)" "$(instructions "$name" ab || echo -)"
    done
fi
