# The words of the checks, a server to check, and bounds for all of it. It wants $project, $httpd and $tmp.

passed=0 failed=0 skipped=0
servers=()

ok() { passed=$((passed + 1)) && printf 'ok    %s\n' "$1"; }
skip() { skipped=$((skipped + 1)) && printf 'skip  %s: %s\n' "$1" "$2"; }
bad() { failed=$((failed + 1)) && printf 'FAIL  %s: %s\n' "$1" "$(tr '\n' ' ' <<<"${2:0:600}")"; }

# is NAME EXPECTED ACTUAL
is() { if [[ $3 == "$2" ]]; then ok "$1"; else bad "$1" "expected «$2», got «$3»"; fi; }
# has NAME PATTERN TEXT: the text has a line that the extended regular expression matches
has() { if grep -Eiq -e "$2" <<<"$3"; then ok "$1"; else bad "$1" "no «$2» in «$3»"; fi; }
# hasnt NAME PATTERN TEXT
hasnt() { if grep -Eiq -e "$2" <<<"$3"; then bad "$1" "«$2» in «$3»"; else ok "$1"; fi; }
# same NAME EXPECTED ACTUAL: two files or folders
same() {
    local difference
    if difference=$(diff -rq "$2" "$3" 2>&1); then ok "$1"; else bad "$1" "$difference"; fi
}
# works NAME COMMAND...: its output goes to $tmp/out
works() {
    local name=$1 status=0
    shift
    bounded 60 "$@" >"$tmp/out" 2>&1 || status=$?
    if ((status == 0)); then ok "$name"; else bad "$name" "exit status $status: $(tail -n 5 "$tmp/out")"; fi
}
# checks NAME COMMAND...: the lines `ok NAME` and `bad NAME | WHY` that it prints become checks.
# Never after a pipe: what is counted in a subshell is lost.
checks() {
    local name=$1 word rest
    shift
    bounded 60 "$@" >"$tmp/checks" 2>&1 || echo "bad the program of the checks | exit status $?" >>"$tmp/checks"
    [[ -s $tmp/checks ]] || bad "$name" "no check was made"
    while read -r word rest; do
        case $word in
            ok) ok "$rest" ;;
            bad) bad "${rest%% | *}" "${rest#* | }" ;;
            *) bad "$name" "$word $rest" ;;
        esac
    done <"$tmp/checks"
}
have() { command -v "$1" >/dev/null 2>&1; }

# bounded SECONDS COMMAND...: no longer than that, nor than all may take together
bounded() {
    local limit=$1 left=$((170 - SECONDS))
    shift
    ((left > limit)) && left=$limit
    ((left > 0)) || return 124
    timeout -k 2 "$left" "$@"
}

# Nothing that is set up for the user or the machine may change what a client does.
clean_environment() {
    unset http_proxy https_proxy ftp_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY no_proxy NO_PROXY
    unset "${!PIP_@}" "${!HTTPD_@}" "${!GIT_@}" "${!PYTHON@}" "${!AB_@}" RUST_LOG WGETRC APT_CONFIG
    export HOME=$tmp/home LC_ALL=C.UTF-8 TZ=UTC PIP_CONFIG_FILE=/dev/null
    export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0
    export XDG_CONFIG_HOME=$HOME/.config XDG_CACHE_HOME=$HOME/.cache
    mkdir -p "$HOME"
}

# serve NAME ARGUMENTS...: sets $url, $port, $log and $server
serve() {
    local name=$1 line
    shift
    log=$tmp/$name.log
    "$httpd" --port 0 --document-root "$site" --file-log "$log" "$@" 2>"$tmp/$name.err" &
    server=$!
    for _ in {1..100}; do
        line=$(grep -m 1 'listening on http' "$tmp/$name.err" 2>/dev/null) && break
        kill -0 "$server" 2>/dev/null || break
        sleep 0.05
    done
    url=${line##*listening on }
    url=${url%%,*}
    port=${url##*:}
    [[ $url == http*://* ]] && servers+=("$server")
}

# stop NAME: the server of the last `serve` ends by itself when it is asked to
stop() {
    local status=0
    kill -TERM "$server" 2>/dev/null
    for _ in {1..120}; do
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "$server" 2>/dev/null
    wait "$server" || status=$?
    mapfile -t servers < <(printf '%s\n' "${servers[@]}" | grep -vx "$server")
    is "the server ($1) ends with 0 when it is asked to" 0 "$status"
}

# logged PATTERN: how many lines of the log match, once it has all of them: it is written after the reply
logged() {
    sleep 0.2
    grep -Ec -e "$1" "$log"
}

tidy() {
    local server
    # A subshell that is ended before it has put its traps away must not end the servers.
    ((BASHPID == $$)) || return
    for server in "${servers[@]}"; do kill -KILL "$server" 2>/dev/null; done
    if [[ ${CLIENTS_KEEP:-} == 1 ]]; then echo "kept: $tmp" >&2; else rm -rf "$tmp" 2>/dev/null || { sleep 1; rm -rf "$tmp"; }; fi
}

c() { bounded 20 curl -q -sS --noproxy '*' "$@" 2>&1; }
code() { c -o /dev/null -w '%{http_code}' "$@"; }
# head_of ARGUMENTS...: the reply's head without the date
head_of() { c -D - -o /dev/null "$@" | tr -d '\r' | grep -v '^Date: '; }
