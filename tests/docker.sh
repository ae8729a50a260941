#!/usr/bin/env bash
# The container, tried for real: builds the image, looks at it, runs it in the ways that the README
# shows, fetches pages, and times `docker stop`.
#
# Needs a Docker engine on this machine that answers `docker version`, curl, and for the first build
# either a registry to pull the base image from or that image already here. Where there is no engine
# it says "skipped: ..." and exits 0. tests/docker_engine.sh starts an engine and makes the base
# image on a machine that has neither.
#
# Leaves what any `docker build` leaves: the build cache. Its containers, its tag and its
# temporary folder are removed.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() { echo "skipped: $1"; exit 0; }
command -v docker >/dev/null || skip "no docker command"
command -v curl >/dev/null || skip "no curl command"
timeout 20 docker version >/dev/null 2>&1 || skip "no Docker engine answers"

image=otuserver-test:$$
scratch=$(mktemp -d)
containers=()
clean_up() {
    [ ${#containers[@]} -eq 0 ] || docker rm -f "${containers[@]}" >/dev/null
    docker image rm "$image" >/dev/null 2>&1 || true # a tag of ours: other names of the image stay
    rm -rf "$scratch"
}
trap clean_up EXIT

passed=0 failed=0
# check NAME COMMAND...: one test; it passes when the command does.
check() {
    local name=$1; shift
    if "$@"; then passed=$((passed + 1)); echo "ok    $name"
    else failed=$((failed + 1)); echo "FAIL  $name: $*"; fi
}

# start [DOCKER FLAG...] -- [SERVER FLAG...]: runs a container and waits until its server listens;
# sets $container and $url.
start() {
    local flags=()
    while [ "$1" != -- ]; do flags+=("$1"); shift; done
    shift
    container=$(docker run -d -p 127.0.0.1::8000 "${flags[@]}" "$image" "$@")
    containers+=("$container")
    for _ in $(seq 100); do
        log=$(docker logs "$container" 2>&1)
        case $log in
        *"listening on"*)
            url=http://$(docker port "$container" 8000/tcp)
            return ;;
        esac
        sleep 0.1
    done
    echo "the server did not start: $log"
    exit 1
}

fetch() { curl --silent --show-error --fail --max-time 10 "$@"; }
serves() { fetch "$url/$1" | cmp - "$2"; }
header() { grep -qix "$1" <<<"$(fetch --head "$url/" | tr -d '\r')"; }
status() { [ "$(curl -s --max-time 10 --path-as-is -o /dev/null -w '%{http_code}' "$url/$1")" = "$2" ]; }
logged() { # the engine's copy of the log may come later than the answer
    for _ in $(seq 50); do
        grep -qF -- "$1" <<<"$(docker logs "$container" 2>&1)" && return
        sleep 0.1
    done
    return 1
}
exits() { local want=$1 got=0; shift; docker run --rm "$image" "$@" >/dev/null 2>&1 || got=$?; [ "$got" = "$want" ]; }

echo "building the image ..."
if ! docker build -t "$image" . >"$scratch/build.log" 2>&1; then
    tail -n 30 "$scratch/build.log"
    echo "FAIL  docker build (where no base image can be pulled: tests/docker_engine.sh)"
    exit 1
fi

inspect() { docker image inspect --format "$1" "$image"; }
size=$(inspect '{{.Size}}')
check "the image is under 8 MB ($size bytes)" [ "$size" -lt 8000000 ]
check "the user is a number and not root" grep -qE '^[1-9][0-9]*(:[1-9][0-9]*)?$' <(inspect '{{.Config.User}}')
check "port 8000 is declared" [ "$(inspect '{{json .Config.ExposedPorts}}')" = '{"8000/tcp":{}}' ]

# As the README has it.
start --
check "says where it listens" logged "listening on http://0.0.0.0:8000, serving /www with 1 worker"
check "serves the page" serves "" www/index.html
while IFS= read -r -d '' file; do
    check "serves /$file" serves "$file" "www/$file"
done < <(cd www && find . -type f -not -path '*/.*' -printf '%P\0')
check "Server" header 'Server: Otuserver'
check "Content-Type" header 'Content-Type: text/html'
check "Content-Length" header "Content-Length: $(wc -c <www/index.html)"
check "a missing file is 404" status no-such-file 404
check "the way out is barred" status '%2e%2e/httpd' 400
check "logs the request" logged '"GET / HTTP/1.1" 200'

# Stop it while a client holds a kept-alive connection open, which counts as idle.
address=${url#http://}
exec {client}<>"/dev/tcp/${address%:*}/${address##*:}"
printf 'GET / HTTP/1.1\r\nHost: test\r\n\r\n' >&"$client"
IFS= read -r -t 10 -u "$client" line
check "a kept-alive connection is answered" grep -q '^HTTP/1.1 200' <<<"$line"
began=$(date +%s%N)
docker stop "$container" >/dev/null
took=$((($(date +%s%N) - began) / 1000000))
exec {client}>&-
check "docker stop takes under a second ($took ms)" [ "$took" -lt 1000 ]
check "it exits 0" [ "$(docker inspect --format '{{.State.ExitCode}}' "$container")" = 0 ]

# A folder of the user's, mounted read-only over the sample site.
mkdir "$scratch/www"
chmod 755 "$scratch" "$scratch/www"
echo '<h1>one</h1>' >"$scratch/www/index.html"
start -v "$scratch/www:/www:ro" --
check "serves a mounted folder" serves "" "$scratch/www/index.html"
echo '<h1>and another</h1>' >"$scratch/www/new.html"
mv "$scratch/www/new.html" "$scratch/www/index.html"
check "sees a file replaced in it" serves "" "$scratch/www/index.html"
check "serves nothing of the sample site" status style.css 404
docker kill --signal INT "$container" >/dev/null
check "Ctrl-C ends it with 0" [ "$(timeout 5 docker wait "$container")" = 0 ]

# Flags after the image's name, and an environment variable.
start -e HTTPD_WORKERS=2 -- --document-root /
check "obeys the environment and flags" logged 'serving / with 2 workers'
check "a wrong flag is exit code 2" exits 2 --no-such-flag
check "--version is exit code 0" exits 0 --version

# Locked down as far as it goes.
start --read-only --cap-drop ALL --security-opt no-new-privileges --
check "serves with no capability on a read-only system" serves "" www/index.html

# Container profiles that forbid openat2: the server must walk the path itself.
if docker info --format '{{.SecurityOptions}}' | grep -q name=seccomp; then
    for errno in 1 38; do # EPERM, ENOSYS
        cat >"$scratch/profile.json" <<JSON
{"defaultAction": "SCMP_ACT_ALLOW",
 "syscalls": [{"names": ["openat2"], "action": "SCMP_ACT_ERRNO", "errnoRet": $errno}]}
JSON
        start --security-opt "seccomp=$scratch/profile.json" --
        check "serves where openat2 fails with error $errno" serves "" www/index.html
        check "still keeps the way out barred" status '%2e%2e/httpd' 400
    done
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
