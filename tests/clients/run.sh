#!/usr/bin/env bash
# Drives httpd with clients that others wrote, and compares what they got with what lies on the disk.
#
#   tests/clients/run.sh [HTTPD]      HTTPD: the binary; without it the script builds target/release/httpd.
#
# Needs bash, coreutils, curl and Python 3. Each of these is used where it is found and skipped with a word
# where it is not: wget, lftp, rclone, busybox, aria2c, zsync, git, ab (apache2-utils), wrk, apt-get with
# dpkg-deb, pip, haproxy, nginx, chromium, openssl, sslscan, sslyze (Python), nghttp and h2load, htpasswd; brotli, gzip and zstd for coded files; ffmpeg for a video (without it a sound is played);
# goaccess, fail2ban, logrotate, promtool and prometheus, mandoc, man, zsh, fish, systemd-analyze, jq; IPv6 on the loopback.
# httplint and REDbot, hyper-h2, kubernetes-validate and compose-spec are skipped unless Python finds them, or CLIENTS_INSTALL=1
# lets the script install them with pip into virtual environments that are removed at the end, and Vite and Eleventy with
# npm; that is all that ever leaves the machine. Everything else talks to 127.0.0.1 and [::1], and lives in one temporary folder.
# CLIENTS_KEEP=1 leaves that folder, and says where.
#
# One line a check, at the end `N passed, N failed, N skipped`. Exit status 1 when one failed, 2 when the
# server could not be started. Every client has its bound, and all of them together have 170 seconds.
set -u

clients=$(cd "$(dirname "$0")" && pwd)
project=$(dirname "$(dirname "$clients")")
mib=$((1024 * 1024))
# A file each, with a function `use_NAME`, in this order.
names=(curl_ranges curl_conditions curl_codings curl_heads curl_connections curl_paths ipv6 unix wget busybox aria2 zsync git apt pip
    python haproxy proxies lint chromium isolation listing tls http2 hyper_h2 logins generators log_readers prometheus documents)
for name in harness site "${names[@]}" load; do
    # shellcheck source=/dev/null
    source "$clients/$name.sh"
done

for need in curl python3 timeout; do
    have "$need" || { echo "run.sh needs $need" >&2; exit 2; }
done
if [[ $# -gt 0 ]]; then
    httpd=$(realpath "$1")
else
    (cd "$project" && cargo build --quiet --release) || exit 2
    httpd=${CARGO_TARGET_DIR:-$project/target}/release/httpd
fi
tmp=$(mktemp -d)
trap tidy EXIT
trap 'exit 130' INT TERM HUP
SECONDS=0
find_lint
clean_environment
make_site
serve main
if [[ $url != http://127.0.0.1:* ]]; then
    echo "the server did not start: $(<"$tmp/main.err")" >&2
    exit 2
fi

for name in "${names[@]}"; do
    echo "${name//_/ }"
    "use_$name"
done
echo load
use_load "one worker"
hasnt "the server (one worker) says nothing else on standard error" . "$(sed 1d "$tmp/main.err")"
hasnt "the log has no warning and no error" ' (WARN|ERROR) ' "$(grep -E ' (WARN|ERROR) ' "$log")"
stop "one worker"
serve many --workers 4
use_load "four workers"
stop "four workers"

echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
