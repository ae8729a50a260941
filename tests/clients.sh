#!/usr/bin/env bash
# Drives httpd with clients that others wrote, and compares what they got with what lies on the disk.
#
#   tests/clients.sh [HTTPD]      HTTPD: the binary; without it the script builds target/release/httpd.
#
# Needs bash, coreutils, curl and Python 3. Each of these is used where it is found and skipped with a word
# where it is not: wget, aria2c, git, ab (apache2-utils), wrk, apt-get with dpkg-deb, pip, chromium; brotli,
# gzip and zstd for coded files; ffmpeg for a video (without it a sound is played); IPv6 on the loopback.
# httplint and REDbot are skipped unless Python finds them, or CLIENTS_INSTALL=1 lets the script install
# them with pip into a virtual environment that is removed at the end; that is all that ever leaves the
# machine. Everything else talks to 127.0.0.1 and [::1], and lives in one temporary folder.
# CLIENTS_KEEP=1 leaves that folder behind, and says where.
#
# One line a check, at the end `N passed, N failed, N skipped`. Exit status 1 when one failed, 2 when the
# server could not be started. Every client has its bound, and all of them together have 170 seconds.
set -u

here=$(cd "$(dirname "$0")/.." && pwd)
passed=0 failed=0 skipped=0
servers=()
tmp=$(mktemp -d)
mib=$((1024 * 1024))

tidy() {
    local server
    # A subshell that is ended before it has put its traps away must not end the servers.
    ((BASHPID == $$)) || return
    for server in "${servers[@]}"; do kill -KILL "$server" 2>/dev/null; done
    if [[ ${CLIENTS_KEEP:-} == 1 ]]; then echo "kept: $tmp" >&2; else rm -rf "$tmp" 2>/dev/null || { sleep 1; rm -rf "$tmp"; }; fi
}
trap tidy EXIT
trap 'exit 130' INT TERM HUP

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
# tally NAME: the lines `ok NAME` and `bad NAME | WHY` that a program left in $tmp/checks become checks.
# Never behind a pipe: what is counted in a subshell is lost.
tally() {
    local word rest
    [[ -s $tmp/checks ]] || bad "$1" "no check was made"
    while read -r word rest; do
        case $word in
            ok) ok "$rest" ;;
            bad) bad "${rest%% | *}" "${rest#* | }" ;;
            *) bad "$1" "$word $rest" ;;
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
        line=$(grep -m 1 'listening on http://' "$tmp/$name.err" 2>/dev/null) && break
        kill -0 "$server" 2>/dev/null || break
        sleep 0.05
    done
    url=${line##*listening on }
    url=${url%%,*}
    port=${url##*:}
    [[ $url == http://* ]] && servers+=("$server")
}

# logged PATTERN: how many lines of the log match, once it has all of them: it is written after the reply
logged() {
    sleep 0.2
    grep -Ec -e "$1" "$log"
}

make_site() {
    site=$tmp/www
    cp -r "$here/www" "$site"
    mkdir -p "$site/dir/deep" "$site/sp ace" "$site/.well-known" "$site/many"
    seq 1 900 >"$site/small.txt"
    seq 1 200000 >"$site/large.txt"
    : >"$site/empty.txt"
    seq 1 20000 | sed 's/.*/console.log("line &");/' >"$site/app.js"
    echo '<!doctype html><title>dir</title>' >"$site/dir/index.html"
    echo deep >"$site/dir/deep/file.txt"
    echo ü >"$site/sp ace/ü #1.txt"
    echo well >"$site/.well-known/known.txt"
    echo hidden >"$site/.hidden"
    for number in {1..40}; do echo "$number" >"$site/many/$number.txt"; done
    head -c $((64 * mib)) /dev/urandom >"$site/64m.bin"
    find "$site" -exec touch -d '2024-05-06 07:08:09.123456789' {} +
    have brotli && brotli -q 5 -k "$site/app.js" && touch -r "$site/app.js" "$site/app.js.br"
    have zstd && zstd -q -k "$site/app.js" && touch -r "$site/app.js" "$site/app.js.zst"
    have gzip && gzip -k "$site/app.js" && touch -r "$site/app.js" "$site/app.js.gz"
}

c() { bounded 20 curl -q -sS --noproxy '*' "$@" 2>&1; }
code() { c -o /dev/null -w '%{http_code}' "$@"; }
# head_of ARGUMENTS...: the reply's head without the date
head_of() { c -D - -o /dev/null "$@" | tr -d '\r' | grep -v '^Date: '; }

curl_ranges() {
    local file=$1 path=$site/$1 size form from to body=$tmp/body
    size=$(stat -c %s "$path")
    while read -r form from to; do
        is "curl -r $form $file: 206" 206 "$(c -r "$form" -o "$body" -w '%{http_code}' "$url/$file")"
        tail -c "+$((from + 1))" "$path" | head -c "$((to - from + 1))" >"$tmp/slice"
        same "curl -r $form $file: the slice" "$tmp/slice" "$body"
    done <<END
0-0 0 0
0-499 0 499
500-999 500 999
1000- 1000 $((size - 1))
-500 $((size - 500)) $((size - 1))
-99999999999999999999 0 $((size - 1))
0-99999999999999999999 0 $((size - 1))
$((size - 1))-$((size - 1)) $((size - 1)) $((size - 1))
END
    is "curl -r $size- $file: 416" 416 "$(code -r "$size-" "$url/$file")"
    has "curl -r $size- $file: its length" "^content-range: bytes \*/$size\$" "$(head_of -r "$size-" "$url/$file")"
    is "curl -r 99999999999999999999- $file: 416" 416 "$(code -r 99999999999999999999- "$url/$file")"
    is "curl Range: bytes=-0 $file: 416" 416 "$(code -H 'Range: bytes=-0' "$url/$file")"
    is "curl Range: bytes=5-2 $file is none: 200" 200 "$(code -H 'Range: bytes=5-2' "$url/$file")"
    is "curl Range: lines=1-2 $file is unknown: 200" 200 "$(code -H 'Range: lines=1-2' "$url/$file")"
    is "curl -I -r 0-9 $file: a HEAD has no ranges" 200 "$(code -I -r 0-9 "$url/$file")"
    is "curl -r 0-9,$((size - 5))-,20-29 $file: 206" 206 \
        "$(c -r "0-9,$((size - 5))-,20-29" -D "$tmp/head" -o "$body" -w '%{http_code}' "$url/$file")"
    python3 - "$path" "$tmp/head" "$body" "$file" >"$tmp/checks" 2>&1 <<'END' || echo "bad the program of the checks | exit status $?" >>"$tmp/checks"
import email.parser, email.policy, re, sys
path, head, body, name = sys.argv[1:]
whole = open(path, "rb").read()
fields = open(head, "rb").read().split(b"\r\n", 1)[1]
content = open(body, "rb").read()
message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(fields + content)
# The parser takes bytes for text, and changes ends of lines: the parts are cut here.
boundary = message.get_boundary().encode()
pieces = re.split(rb"(?:\A|\r\n)--" + re.escape(boundary) + rb"(?:--)?[ \t]*(?:\r\n|\Z)", content)
wanted = [(0, 9), (len(whole) - 5, len(whole) - 1), (20, 29)]
found, slices = [], True
for piece in pieces[1:-1]:
    lines, _, part = piece.partition(b"\r\n\r\n")
    first, last, size = map(int, re.search(rb"(?i)content-range: bytes (\d+)-(\d+)/(\d+)", lines).groups())
    found.append((first, last))
    slices = slices and size == len(whole) and part == whole[first:last + 1]
problems = []
if message.get_content_type() != "multipart/byteranges": problems.append(message.get_content_type())
if found != wanted: problems.append(f"parts {found}, wanted {wanted}")
if not slices: problems.append("a part is not the slice")
if int(message["Content-Length"]) != len(content): problems.append("Content-Length")
if message["Content-Range"]: problems.append("Content-Range in the head")
print(f"bad curl several ranges of {name} | {problems}" if problems else f"ok curl several ranges of {name}: the parts")
END
    tally "curl several ranges"
    for form in 1 700 $((size - 1)); do
        head -c "$form" "$path" >"$body"
        is "curl -C - $file after $form bytes: 206" 206 "$(c -C - -o "$body" -w '%{http_code}' "$url/$file")"
        same "curl -C - $file after $form bytes: whole" "$path" "$body"
    done
    c -C - -o "$body" "$url/$file" >/dev/null
    same "curl -C - $file when it is whole: untouched" "$path" "$body"
    rm "$body"
    c -C 1000 -o "$body" "$url/$file" >/dev/null
    tail -c +1001 "$path" >"$tmp/slice"
    same "curl -C 1000 $file" "$tmp/slice" "$body"
}

curl_conditions() {
    local file=$1 path=$site/$1 tag date wrong
    is "curl -z future $file: 304" 304 "$(code -z 'Fri, 01 Jan 2100 00:00:00 GMT' "$url/$file")"
    is "curl -z past $file: 200" 200 "$(code -z 'Sat, 03 Feb 2001 00:00:00 GMT' "$url/$file")"
    is "curl -z -past $file: 412" 412 "$(code -z '-Sat, 03 Feb 2001 00:00:00 GMT' "$url/$file")"
    is "curl -z -future $file: 200" 200 "$(code -z '-Fri, 01 Jan 2100 00:00:00 GMT' "$url/$file")"
    c -R -o "$tmp/copy" "$url/$file" >/dev/null
    is "curl -R $file: its time" "$(stat -c %Y "$path")" "$(stat -c %Y "$tmp/copy")"
    is "curl -z its copy $file: 304" 304 "$(code -z "$tmp/copy" "$url/$file")"
    touch -d '2001-02-03' "$tmp/copy"
    is "curl -z an older copy $file: 200" 200 "$(code -z "$tmp/copy" "$url/$file")"
    for date in 'Mon, 06 May 2024 07:08:09 GMT' 'Monday, 06-May-24 07:08:09 GMT' 'Mon May  6 07:08:09 2024'; do
        is "curl If-Modified-Since: $date, $file: 304" 304 "$(code -H "If-Modified-Since: $date" "$url/$file")"
    done
    is "curl If-Modified-Since that is no date, $file: 200" 200 "$(code -H 'If-Modified-Since: soon' "$url/$file")"
    rm -f "$tmp/etag"
    is "curl --etag-save $file: 200" 200 "$(code --etag-save "$tmp/etag" "$url/$file")"
    is "curl --etag-compare $file: 304" 304 "$(code --etag-compare "$tmp/etag" "$url/$file")"
    is "curl --etag-compare --etag-save $file: 304" 304 \
        "$(code --etag-compare "$tmp/etag" --etag-save "$tmp/etag" "$url/$file")"
    is "curl --etag-compare -I $file: 304" 304 "$(code -I --etag-compare "$tmp/etag" "$url/$file")"
    is "curl --etag-compare -z past $file: the tag decides" 304 \
        "$(code --etag-compare "$tmp/etag" -z 'Sat, 03 Feb 2001 00:00:00 GMT' "$url/$file")"
    tag=$(<"$tmp/etag")
    wrong='"0"'
    is "curl If-None-Match with a list, $file: 304" 304 "$(code -H "If-None-Match: $wrong, W/$tag" "$url/$file")"
    is "curl If-None-Match in two lines, $file: 304" 304 \
        "$(code -H "If-None-Match: $wrong" -H "If-None-Match: $tag" "$url/$file")"
    is "curl If-None-Match: *, $file: 304" 304 "$(code -H 'If-None-Match: *' "$url/$file")"
    is "curl If-Match, $file: 200" 200 "$(code -H "If-Match: $tag" "$url/$file")"
    is "curl If-Match with a weak tag, $file: 412" 412 "$(code -H "If-Match: W/$tag" "$url/$file")"
    is "curl If-Range with the tag, $file: 206" 206 "$(code -r 0-9 -H "If-Range: $tag" "$url/$file")"
    is "curl If-Range with the date, $file: 206" 206 \
        "$(code -r 0-9 -H 'If-Range: Mon, 06 May 2024 07:08:09 GMT' "$url/$file")"
    is "curl If-Range with a wrong tag, $file: 200" 200 "$(code -r 0-9 -H "If-Range: $wrong" "$url/$file")"
    is "curl If-Range with a later date, $file: 200" 200 \
        "$(code -r 0-9 -H 'If-Range: Mon, 06 May 2024 07:08:10 GMT' "$url/$file")"
    is "curl -r beyond with a wrong If-Range, $file: 200" 200 "$(code -r 99999999- -H "If-Range: $wrong" "$url/$file")"
    is "curl -r with its tag in If-None-Match, $file: 304" 304 "$(code -r 0-9 --etag-compare "$tmp/etag" "$url/$file")"
    # What a 304 repeats is what the 200 says.
    local reply kept
    kept='^(etag|cache-control|vary|content-location|expires): '
    reply=$(head_of --etag-compare "$tmp/etag" "$url/$file")
    is "curl $file: the 304 says what the 200 says" "$(head_of "$url/$file" | grep -Ei "$kept")" "$(grep -Ei "$kept" <<<"$reply")"
    hasnt "curl $file: the 304 does not tell of a body" '^(content-(type|length|encoding)|transfer-encoding): ' "$reply"
}

curl_codings() {
    local coding suffix tags='' tag
    for coding in br:br zstd:zst gzip:gz; do
        suffix=${coding#*:} coding=${coding%:*}
        if [[ ! -f $site/app.js.$suffix ]]; then
            skip "curl --compressed $coding" "no program to make a .$suffix file"
            continue
        fi
        c -H "Accept-Encoding: $coding" -D "$tmp/head" -o "$tmp/body" "$url/app.js" >/dev/null
        same "curl Accept-Encoding: $coding: the .$suffix file" "$site/app.js.$suffix" "$tmp/body"
        has "curl Accept-Encoding: $coding: Content-Encoding" "^content-encoding: $coding" "$(<"$tmp/head")"
        has "curl Accept-Encoding: $coding: Vary" "^vary: accept-encoding" "$(<"$tmp/head")"
        has "curl Accept-Encoding: $coding: the type of the original" "^content-type: text/javascript" "$(<"$tmp/head")"
        if curl -q --version | grep -Eq "(^Features:.* |/)($(sed 's/gzip/libz/;s/br/brotli/' <<<"$coding"))"; then
            c --compressed -H "Accept-Encoding: $coding" -o "$tmp/body" "$url/app.js" >/dev/null
            same "curl --compressed $coding: decodes to the original" "$site/app.js" "$tmp/body"
        else
            skip "curl --compressed $coding" "this curl cannot decode it"
        fi
        c -H "Accept-Encoding: $coding" -r 100-199 -o "$tmp/body" "$url/app.js" >/dev/null
        tail -c +101 "$site/app.js.$suffix" | head -c 100 >"$tmp/slice"
        same "curl Accept-Encoding: $coding -r 100-199: of the coded bytes" "$tmp/slice" "$tmp/body"
        rm -f "$tmp/etag"
        c -H "Accept-Encoding: $coding" --etag-save "$tmp/etag" -o /dev/null "$url/app.js" >/dev/null
        tag=$(<"$tmp/etag")
        is "curl Accept-Encoding: $coding --etag-compare: 304" 304 \
            "$(code -H "Accept-Encoding: $coding" --etag-compare "$tmp/etag" "$url/app.js")"
        is "curl: the $coding tag is not that of the original: 200" 200 "$(code --etag-compare "$tmp/etag" "$url/app.js")"
        is "curl If-Range: the $coding tag, range of the original: 200" 200 \
            "$(code -r 0-9 -H "If-Range: $tag" "$url/app.js")"
        tags+="$tag"$'\n'
        c -o "$tmp/body" "$url/app.js.$suffix" >/dev/null
        same "curl app.js.$suffix: the file itself" "$site/app.js.$suffix" "$tmp/body"
        is "curl Accept-Encoding: $coding;q=0: none" 0 \
            "$(head_of -H "Accept-Encoding: $coding;q=0" "$url/app.js" | grep -ci '^content-encoding')"
    done
    is "curl: no tag for two codings" "$(grep -c . <<<"$tags")" "$(sort -u <<<"$tags" | grep -c .)"
    c --compressed -o "$tmp/body" "$url/app.js" >/dev/null
    same "curl --compressed app.js" "$site/app.js" "$tmp/body"
    c --compressed --http1.0 -o "$tmp/body" "$url/app.js" >/dev/null
    same "curl --compressed --http1.0 app.js" "$site/app.js" "$tmp/body"
    [[ -n $tags ]] && has "curl app.js without a coding: Vary too" '^vary: accept-encoding' "$(head_of "$url/app.js")"
    hasnt "curl small.txt: no Vary" '^vary' "$(head_of --compressed "$url/small.txt")"
    is "curl Accept-Encoding: identity;q=0 small.txt: 406" 406 "$(code -H 'Accept-Encoding: identity;q=0' "$url/small.txt")"
}

curl_heads() {
    local arguments path
    while read -r path arguments; do
        # shellcheck disable=SC2086 # the arguments are words
        is "curl -I $path $arguments: the head of the GET" "$(head_of $arguments "$url$path")" "$(head_of -I $arguments "$url$path")"
    done <<'END'
/
/app.js
/app.js --compressed
/app.js -H Accept-Encoding:identity;q=0
/large.txt
/empty.txt
/dir
/dir?q=1
/none
/none --http1.0
/%zz
/small.txt -H If-Match:"0"
/small.txt -H If-None-Match:*
/small.txt -H Expect:tea
END
}

curl_connections() {
    local reply count started
    is "curl: three files, one connection" '1 0 0 ' \
        "$(c -w '%{num_connects} ' -o /dev/null "$url/" -o /dev/null "$url/none" -o /dev/null "$url/64m.bin" -r 0-9)"
    reply=$(head_of --http1.0 "$url/")
    has "curl --http1.0: 200" '^HTTP/1.[01] 200' "$reply"
    has "curl --http1.0: says that it closes" '^connection: close' "$reply"
    c --http1.0 -o "$tmp/body" "$url/large.txt" >/dev/null
    same "curl --http1.0 large.txt" "$site/large.txt" "$tmp/body"
    has "curl --http1.0 with keep-alive: says so" '^connection: keep-alive' \
        "$(head_of --http1.0 -H 'Connection: keep-alive' "$url/")"
    is "curl --http1.0 with keep-alive: one connection" '1 0 ' \
        "$(c --http1.0 -H 'Connection: keep-alive' -w '%{num_connects} ' -o /dev/null "$url/" -o /dev/null "$url/small.txt")"
    is "curl -H 'Connection: close': two connections" '1 1 ' \
        "$(c -H 'Connection: close' -w '%{num_connects} ' -o /dev/null "$url/" -o /dev/null "$url/small.txt")"
    is "curl -d: 405 and the connection goes on" '405 1 200 0 ' \
        "$(c -w '%{http_code} %{num_connects} ' -d a=b -o /dev/null "$url/" --next -q -w '%{http_code} %{num_connects} ' -sS -o /dev/null "$url/")"
    is "curl -d in chunks: 405 and the connection goes on" '405 1 200 0 ' \
        "$(c -w '%{http_code} %{num_connects} ' -H 'Transfer-Encoding: chunked' -H 'Expect:' --data-binary "@$site/small.txt" -o /dev/null "$url/" \
            --next -q -w '%{http_code} %{num_connects} ' -sS -o /dev/null "$url/")"
    is "curl -X GET -d: 200 and the connection goes on" '200 1 200 0 ' \
        "$(c -w '%{http_code} %{num_connects} ' -X GET -d 'GET /none HTTP/1.1' -o /dev/null "$url/" --next -q -w '%{http_code} %{num_connects} ' -sS -o /dev/null "$url/")"
    is "curl -F with a file: 405" 405 "$(code -F "file=@$site/small.txt" "$url/")"
    started=$(date +%s%N)
    is "curl Expect: 100-continue: 405" 405 "$(code --expect100-timeout 5 -H 'Expect: 100-continue' -d a=b "$url/")"
    count=$((($(date +%s%N) - started) / 1000000))
    if ((count < 2000)); then ok "curl Expect: 100-continue: at once"; else bad "curl Expect: 100-continue: at once" "$count ms"; fi
    has "curl Expect: 100-continue: says that it closes" '^connection: close' \
        "$(head_of --expect100-timeout 5 -H 'Expect: 100-continue' -d a=b "$url/")"
    c -d '' -o "$tmp/slice" "$url/" >/dev/null
    is "curl -d of 64 MiB: 405" 405 "$(c -H 'Expect:' --data-binary "@$site/64m.bin" -o "$tmp/body" -w '%{http_code}' "$url/")"
    same "curl -d of 64 MiB: the 405 arrives whole" "$tmp/slice" "$tmp/body"
    is "curl -d of 64 MiB that waits: 405" 405 "$(code --data-binary "@$site/64m.bin" "$url/")"
    is "curl -d of 64 MiB in chunks: 405" 405 \
        "$(code -H 'Transfer-Encoding: chunked' -H 'Expect:' --data-binary "@$site/64m.bin" "$url/")"
    is "curl -T: refused with 405" 405 "$(code -T "$site/small.txt" "$url/new.txt")"
    is "curl -T - in chunks: refused with 405" 405 "$(head -c 3000000 "$site/64m.bin" | code -T - "$url/new.bin")"
    if [[ -e $site/new.txt || -e $site/new.bin ]]; then bad "curl -T writes nothing" "new.*"; else ok "curl -T writes nothing"; fi
    has "curl -T: Allow" '^allow: get, head' "$(head_of -T "$site/small.txt" "$url/new.txt")"
    is "curl -X DELETE: 405" 405 "$(code -X DELETE "$url/small.txt")"
    is "curl -X BREW: 501" 501 "$(code -X BREW "$url/")"
    is "curl -X OPTIONS *: 405" 405 "$(code -X OPTIONS --request-target '*' "$url/")"
    is "curl --http2 is not upgraded: 200" 200 "$(code --http2 "$url/")"
    is "curl --http2 is not upgraded: 1.1" 1.1 "$(c --http2 -o /dev/null -w '%{http_version}' "$url/")"
    c --http2-prior-knowledge -o /dev/null "$url/" >/dev/null
    is "curl --http2-prior-knowledge: refused with 505" 1 "$(logged '^127[^"]*"(-|PRI \* HTTP/2\.0)" 505 ')"
    is "curl --tr-encoding: 200" 200 "$(code --tr-encoding "$url/")"
    # noproxy is for the other calls; here the server is asked as if it were a proxy.
    is "curl -x, an absolute target: 200" 200 "$(bounded 20 curl -q -sS -x "$url" -o /dev/null -w '%{http_code}' "$url/small.txt")"
    is "curl -x -p, CONNECT: 405" 405 "$(bounded 20 curl -q -s -x "$url" -p -o /dev/null -w '%{http_connect}' "$url/small.txt")"
    is "curl --haproxy-protocol: 400" 400 "$(code --haproxy-protocol "$url/")"
    is "curl -H Host: (none): 400" 400 "$(code -H 'Host:' "$url/")"
    (cd "$tmp" && mkdir many && c -Z --parallel-max 40 -o 'many/#1.txt' "$url/many/[1-40].txt" >/dev/null)
    same "curl -Z: 40 files at once" "$site/many" "$tmp/many"
    c --limit-rate 20M -o "$tmp/body" "$url/64m.bin" >/dev/null
    same "curl --limit-rate: a slow reader of 64 MiB" "$site/64m.bin" "$tmp/body"
}

curl_paths() {
    local expected path
    while read -r expected path; do
        is "curl --path-as-is $path: $expected" "$expected" "$(code --path-as-is "$url$path")"
    done <<'END'
400 /../../../../etc/passwd
400 /%2e%2e/%2e%2e/etc/passwd
404 /dir/..%2f..%2f..%2fetc/passwd
400 /.%2e/.%2e/etc/passwd
404 /..%5c..%5cetc/passwd
404 /%252e%252e/etc/passwd
200 /dir/../small.txt
200 /dir/./deep//file.txt
200 //small.txt
200 /small.txt?../../x
404 /dir%2findex.html
400 /%00
400 /small.txt%00.html
400 /%zz
404 /.hidden
404 /dir/../.hidden
404 /%2ehidden
200 /.well-known/known.txt
404 /small.txt/
404 /none
404 /app.css
301 /dir
200 /dir/
404 /dir/deep/
200 /sp%20ace/%C3%BC%20%231.txt
END
    is "curl -L /dir: follows" "$url/dir/" "$(c -L -o /dev/null -w '%{url_effective}' "$url/dir")"
    is "curl -L /dir?q=1&r=/: the query stays" "$url/dir/?q=1&r=/" "$(c -L -o /dev/null -w '%{url_effective}' "$url/dir?q=1&r=/")"
    is "curl -L //dir: stays on this host" "$url/dir/" \
        "$(c -L --path-as-is -o /dev/null -w '%{url_effective}' "$url//dir" | sed 's,//dir/$,/dir/,')"
    is "curl -L --path-as-is /x/..//dir: stays on this host" 200 "$(code -L --path-as-is "$url/x/..//dir")"
    is "curl, a target of 16 KiB and more: 414" 414 "$(code "$url/$(printf '%017000d' 0)")"
    is "curl, 101 fields: 431" 431 "$(for n in {1..101}; do echo "header = \"X-$n: 1\""; done | code -K - "$url/")"
    is "curl, a field of 70 kB: 431" 431 "$(printf 'header = "X-Long: %070000d"\n' 0 | code -K - "$url/")"
}

curl_ipv6() {
    local url port log server
    if ! grep -q . /proc/net/if_inet6 2>/dev/null; then
        skip "curl IPv6" "no IPv6 here"
        return
    fi
    serve six --host ::1
    has "curl IPv6: the address in brackets" '^http://\[::1\]:[0-9]+$' "$url"
    is "curl -6 -g: 200" 200 "$(code -6 -g "$url/")"
    c -6 -g -o "$tmp/body" "$url/large.txt" >/dev/null
    same "curl -6: large.txt" "$site/large.txt" "$tmp/body"
    is "curl -6: the address in the log" 1 "$(logged '^::1 - - .* "GET /large.txt HTTP/1.1" 200 ')"
    stop "IPv6"
    serve both --host ::
    is "curl -4 to ::, which takes both: 200" 200 "$(code "http://127.0.0.1:$port/")"
    is "curl -6 to ::, which takes both: 200" 200 "$(code -g "http://[::1]:$port/")"
    stop "::"
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

use_wget() {
    have wget || { skip wget "not found"; return; }
    local w=(wget --no-config --no-proxy --no-hsts -q --tries=1 --timeout=10) out=$tmp/wget
    mkdir -p "$out" && cd "$out" || return
    works "wget small.txt" "${w[@]}" "$url/small.txt"
    same "wget small.txt: whole" "$site/small.txt" small.txt
    head -c 30000000 "$site/64m.bin" >64m.bin
    works "wget -c 64m.bin" "${w[@]}" -c "$url/64m.bin"
    same "wget -c: whole" "$site/64m.bin" 64m.bin
    is "wget -c asks for the rest: 206" 1 "$(logged '"GET /64m.bin HTTP/1.1" 206 37108864 .*Wget')"
    works "wget -c of a whole file" "${w[@]}" -c "$url/64m.bin"
    same "wget -c of a whole file: untouched" "$site/64m.bin" 64m.bin
    works "wget --start-pos" "${w[@]}" --start-pos=1000 -O rest "$url/small.txt"
    tail -c +1001 "$site/small.txt" >"$tmp/slice"
    same "wget --start-pos: the rest" "$tmp/slice" rest
    works "wget -N" "${w[@]}" -N "$url/large.txt"
    works "wget -N again" "${w[@]}" -N "$url/large.txt"
    is "wget -N again: 304" 1 "$(logged '"GET /large.txt HTTP/1.1" 304 .*Wget')"
    works "wget --spider" "${w[@]}" --spider "$url/dir"
    if bounded 20 "${w[@]}" --spider "$url/none"; then bad "wget --spider of nothing" "exit status 0"; else ok "wget --spider of nothing"; fi
    if [[ -f $site/app.js.gz ]] && "${w[@]}" --compression=gzip -O app.js "$url/app.js" 2>/dev/null; then
        same "wget --compression=gzip: decodes to the original" "$site/app.js" app.js
    else
        skip "wget --compression=gzip" "no gzip, or this wget does not know it"
    fi
    mkdir -p mirror && cd mirror || return
    works "wget -r: mirrors the sample site" "${w[@]}" -r -l 5 -nH "$url/"
    same "wget -r: the same site" "$here/www" .
    cd "$here" || return
}

use_aria2() {
    have aria2c || { skip aria2c "not found"; return; }
    local a=(aria2c --no-conf --quiet --console-log-level=error --all-proxy= --max-tries=1 --file-allocation=none -d "$tmp/aria")
    works "aria2c -x8 64m.bin" "${a[@]}" -x8 -s8 -k1M "$url/64m.bin"
    same "aria2c -x8: whole" "$site/64m.bin" "$tmp/aria/64m.bin"
    local parts
    parts=$(logged '"GET /64m.bin HTTP/1.1" 206 .*aria2')
    if ((parts >= 7)); then ok "aria2c -x8: asks in ranges"; else bad "aria2c -x8: asks in ranges" "$parts replies of 206"; fi
    head -c 5000000 "$site/64m.bin" >"$tmp/aria/part.bin"
    works "aria2c -c" "${a[@]}" -c -o part.bin "$url/64m.bin"
    same "aria2c -c: whole" "$site/64m.bin" "$tmp/aria/part.bin"
    works "aria2c --conditional-get" "${a[@]}" --conditional-get=true --allow-overwrite=true "$url/64m.bin"
    is "aria2c --conditional-get: 304" 1 "$(logged '"GET /64m.bin HTTP/1.1" 304 .*aria2')"
    works "aria2c --enable-http-pipelining" "${a[@]}" --enable-http-pipelining=true -x1 -s4 -k1M -o piped.bin "$url/64m.bin"
    same "aria2c --enable-http-pipelining: whole" "$site/64m.bin" "$tmp/aria/piped.bin"
    works "aria2c with gzip" "${a[@]}" --http-accept-gzip=true "$url/app.js"
    same "aria2c with gzip: decodes to the original" "$site/app.js" "$tmp/aria/app.js"
}

use_git() {
    have git || { skip git "not found"; return; }
    local work=$tmp/git/work bare=$site/repo.git
    local as=(git -c user.name=Somebody -c user.email=somebody@localhost -c init.defaultBranch=main -c gc.auto=0)
    mkdir -p "$tmp/git"
    {
        "${as[@]}" init "$work" && cd "$work" && seq 1 1000 >one && "${as[@]}" add one && "${as[@]}" commit -m one
        seq 1 2000 >two && "${as[@]}" add two && "${as[@]}" commit -m two && "${as[@]}" tag -a -m first first
        "${as[@]}" clone --bare "$work" "$bare" && cd "$bare" && "${as[@]}" repack -ad && "${as[@]}" update-server-info
    } >/dev/null 2>&1
    works "git clone of a pack" "${as[@]}" clone "$url/repo.git" "$tmp/git/clone"
    works "git fsck of the clone" git -C "$tmp/git/clone" fsck --strict
    {
        cd "$work" && seq 1 3000 >three && "${as[@]}" add three && "${as[@]}" commit -m three
        "${as[@]}" push "$bare" HEAD:refs/heads/main && cd "$bare" && "${as[@]}" update-server-info
    } >/dev/null 2>&1
    cd "$here" || return
    works "git pull of loose objects" "${as[@]}" -C "$tmp/git/clone" pull --ff-only
    works "git clone with loose objects" "${as[@]}" clone "$url/repo.git" "$tmp/git/again"
    is "git: the last commit" "$(git -C "$work" rev-parse HEAD)" "$(git -C "$tmp/git/clone" rev-parse HEAD)"
    is "git: the same in a new clone" "$(git -C "$work" rev-parse HEAD first)" "$(git -C "$tmp/git/again" rev-parse HEAD first)"
    works "git ls-remote" "${as[@]}" ls-remote --exit-code "$url/repo.git" refs/heads/main
    cp -r "$work" "$site/checkout"
    is "git: a checkout's .git is not served" 404 "$(code "$url/checkout/.git/HEAD")"
    if bounded 20 "${as[@]}" clone "$url/checkout" "$tmp/git/stolen" >/dev/null 2>&1; then
        bad "git clone of a checkout" "exit status 0"
    else
        ok "git clone of a checkout is refused"
    fi
    "${as[@]}" -C "$work" commit -q --allow-empty -m four
    if bounded 20 "${as[@]}" -C "$work" push "$url/repo.git" HEAD >/dev/null 2>&1; then
        bad "git push" "exit status 0"
    else
        ok "git push is refused"
    fi
}

use_benchmarks() {
    local workers=$1 mode report
    if have ab; then
        for mode in '' -k; do
            # shellcheck disable=SC2086 # no word where it is empty
            report=$(bounded 30 ab -q -n 5000 -c 100 $mode "$url/index.html" 2>&1)
            is "ab -n 5000 -c 100 $mode with $workers: complete, failed, write errors, not 2xx" '5000 0 0 0' \
                "$(awk -F: '/^Complete requests/ {c = $2} /^Failed requests/ {f = $2} /^Write errors/ {w = $2} /^Non-2xx/ {n = $2}
                    END {print c + 0, f + 0, w + 0, n + 0}' <<<"$report")"
            [[ -n $mode ]] && is "ab -k with $workers: all kept alive" 5000 "$(awk '/^Keep-Alive requests/ {print $3}' <<<"$report")"
        done
        report=$(bounded 30 ab -q -n 1000 -c 50 -k "$url/none" 2>&1)
        is "ab -k of nothing with $workers: 404, none failed" '0 1000' \
            "$(awk -F: '/^Failed requests/ {f = $2} /^Non-2xx/ {n = $2} END {print f + 0, n + 0}' <<<"$report")"
        report=$(bounded 30 ab -q -n 2000 -c 50 -k -i "$url/large.txt" 2>&1)
        is "ab -i -k large.txt with $workers: none failed" '2000 0' \
            "$(awk -F: '/^Complete requests/ {c = $2} /^Failed requests/ {f = $2} END {print c + 0, f + 0}' <<<"$report")"
    else
        skip "ab with $workers" "not found"
    fi
    if have wrk; then
        report=$(bounded 30 wrk -t 2 -c 100 -d 2s "$url/index.html" 2>&1)
        has "wrk -c 100 with $workers: answers" '^Requests/sec: +[1-9]' "$report"
        hasnt "wrk -c 100 with $workers: no error" '^ *(Socket errors|Non-2xx)' "$report"
    else
        skip "wrk with $workers" "not found"
    fi
}

use_apt() {
    if ! have apt-get || ! have dpkg-deb; then
        skip apt "apt-get or dpkg-deb not found"
        return
    fi
    local root=$tmp/apt pool=$site/apt name deb
    mkdir -p "$root"/etc/apt/{apt.conf.d,preferences.d,sources.list.d,trusted.gpg.d} "$pool" \
        "$root"/var/lib/apt/lists/partial "$root"/var/cache/apt/archives/partial "$root"/var/log/apt "$root"/var/lib/dpkg
    : >"$root/var/lib/dpkg/status"
    for name in one two three four five; do
        mkdir -p "$tmp/deb/DEBIAN" "$tmp/deb/usr/share/otu-$name"
        printf 'Package: otu-%s\nVersion: 1.0\nArchitecture: all\nMaintainer: Somebody <somebody@localhost>\nDescription: test\n' "$name" >"$tmp/deb/DEBIAN/control"
        head -c 200000 "$site/64m.bin" >"$tmp/deb/usr/share/otu-$name/data"
        chmod -R go-w "$tmp/deb"
        chmod 755 "$tmp/deb" "$tmp/deb/DEBIAN"
        deb=otu-${name}_1.0_all.deb
        dpkg-deb --root-owner-group -b "$tmp/deb" "$pool/$deb" >/dev/null
        rm -r "$tmp/deb"
        touch -d '2024-05-06 07:08:09' "$pool/$deb"
        {
            dpkg-deb -f "$pool/$deb"
            printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$deb" "$(stat -c %s "$pool/$deb")" "$(sha256sum <"$pool/$deb" | cut -d ' ' -f 1)"
        } >>"$pool/Packages"
    done
    gzip -kn "$pool/Packages"
    (
        cd "$pool" || exit
        printf 'Origin: test\nLabel: test\nSuite: test\nCodename: test\nDate: %s\nArchitectures: all\nSHA256:\n' "$(date -u -R)"
        for name in Packages Packages.gz; do printf ' %s %s %s\n' "$(sha256sum <$name | cut -d ' ' -f 1)" "$(stat -c %s $name)" "$name"; done
    ) >"$tmp/Release"
    mv "$tmp/Release" "$pool/Release"
    touch -d '2024-05-06 07:08:09' "$pool"/{Packages,Packages.gz,Release}
    echo "deb [trusted=yes] $url/apt ./" >"$root/etc/apt/sources.list"
    cat >"$root/apt.conf" <<END
Dir "$root";
Dir::State "$root/var/lib/apt";
Dir::State::status "$root/var/lib/dpkg/status";
Dir::Cache "$root/var/cache/apt";
Dir::Etc "$root/etc/apt";
Dir::Log "$root/var/log/apt";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::http::Proxy "DIRECT";
Acquire::Retries "0";
END
    local a=(env "APT_CONFIG=$root/apt.conf" apt-get -q)
    works "apt-get update" "${a[@]}" update
    hasnt "apt-get update: no complaint" '^(E|Err):|Hash Sum' "$(<"$tmp/out")"
    works "apt-get update again" "${a[@]}" update
    is "apt-get update again: 304" 1 "$(logged '"GET /apt/./Release HTTP/1.1" 304 ')"
    mkdir -p "$tmp/debs" && cd "$tmp/debs" || return
    works "apt-get download" "${a[@]}" download otu-one
    same "apt-get download: the package" "$pool/otu-one_1.0_all.deb" otu-one_1.0_all.deb
    cd "$here" || return
    deb=$root/var/cache/apt/archives/partial/otu-two_1.0_all.deb
    head -c 70000 "$pool/otu-two_1.0_all.deb" >"$deb"
    touch -r "$pool/otu-two_1.0_all.deb" "$deb"
    works "apt-get install --download-only: five packages" "${a[@]}" -y install --download-only otu-one otu-two otu-three otu-four otu-five
    for name in one two three four five; do
        same "apt: otu-$name" "$pool/otu-${name}_1.0_all.deb" "$root/var/cache/apt/archives/otu-${name}_1.0_all.deb"
    done
    is "apt goes on with what it has: 206" 1 "$(logged '"GET /apt/./otu-two_1.0_all.deb HTTP/1.1" 206 ')"
}

use_pip() {
    python3 -m pip --version >/dev/null 2>&1 || { skip pip "not found"; return; }
    python3 - "$site" <<'END'
import base64, hashlib, os, sys, zipfile
site = sys.argv[1]
wheel = "otu_sample-1.0-py3-none-any.whl"
os.makedirs(f"{site}/wheels")
os.makedirs(f"{site}/simple/otu-sample")
files = {
    "otu_sample.py": b"ANSWER = 42\n" + b"# " + os.urandom(40000).hex().encode() + b"\n",
    "otu_sample-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: otu-sample\nVersion: 1.0\n",
    "otu_sample-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}
record = ""
with zipfile.ZipFile(f"{site}/wheels/{wheel}", "w") as archive:
    for name, content in files.items():
        archive.writestr(name, content)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record += f"{name},sha256={digest},{len(content)}\n"
    archive.writestr("otu_sample-1.0.dist-info/RECORD", record + "otu_sample-1.0.dist-info/RECORD,,\n")
digest = hashlib.sha256(open(f"{site}/wheels/{wheel}", "rb").read()).hexdigest()
page = "<!doctype html><title>index</title><a href='{}'>{}</a>\n"
open(f"{site}/simple/index.html", "w").write(page.format("otu-sample/", "otu-sample"))
open(f"{site}/simple/otu-sample/index.html", "w").write(page.format(f"../../wheels/{wheel}#sha256={digest}", wheel))
END
    local p=(python3 -m pip --isolated --disable-pip-version-check --no-input --retries 0 --timeout 10 download -q --no-deps
        --index-url "$url/simple/" --trusted-host 127.0.0.1)
    works "pip download" "${p[@]}" --no-cache-dir -d "$tmp/pip/plain" otu-sample==1.0
    same "pip download: the wheel" "$site/wheels" "$tmp/pip/plain"
    works "pip download with a cache" "${p[@]}" --cache-dir "$tmp/pip/cache" -d "$tmp/pip/first" otu-sample
    works "pip download from the cache" "${p[@]}" --cache-dir "$tmp/pip/cache" -d "$tmp/pip/second" otu-sample
    same "pip download from the cache: the wheel" "$site/wheels" "$tmp/pip/second"
    local again
    again=$(logged '"GET /(wheels|simple)/.*" 304 .*pip/')
    if ((again >= 1)); then ok "pip asks whether it changed: 304"; else bad "pip asks whether it changed: 304" "no such line in the log"; fi
    works "pip download in ranges (fast-deps)" "${p[@]}" --use-feature=fast-deps --no-cache-dir -d "$tmp/pip/lazy" otu-sample
    same "pip download in ranges: the wheel" "$site/wheels" "$tmp/pip/lazy"
    local parts
    parts=$(logged '"GET /wheels/.*" 206 .*pip/')
    if ((parts >= 1)); then ok "pip in ranges: 206"; else bad "pip in ranges: 206" "no such line in the log"; fi
}

use_python() {
    bounded 60 python3 - "$port" "$site" >"$tmp/checks" 2>&1 <<'END' || echo "bad the program of the checks | exit status $?" >>"$tmp/checks"
import email.utils, http.client, io, os, sys, time, urllib.error, urllib.request
port, site = int(sys.argv[1]), sys.argv[2]
url = f"http://127.0.0.1:{port}"
urllib.request.install_opener(urllib.request.build_opener(urllib.request.ProxyHandler({})))

def check(name, condition, why=""):
    print(f"ok python {name}" if condition else f"bad python {name} | {why}")

def content(name):
    with open(f"{site}/{name}", "rb") as file:
        return file.read()

connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
connection.connect()
socket = connection.sock
small, tag = content("small.txt"), None
# Every kind of reply on one connection: a length that is wrong by one byte breaks the next.
plan = [
    ("GET", "/small.txt", {}, None, 200, small), ("HEAD", "/small.txt", {}, None, 200, b""),
    ("GET", "/small.txt", {"If-None-Match": "TAG"}, None, 304, b""), ("HEAD", "/small.txt", {"If-None-Match": "TAG"}, None, 304, b""),
    ("GET", "/small.txt", {"Range": "bytes=10-19"}, None, 206, small[10:20]), ("GET", "/small.txt", {"Range": "bytes=999999-"}, None, 416, None),
    ("GET", "/small.txt", {"Range": "bytes=0-0,9-9"}, None, 206, None), ("HEAD", "/small.txt", {"Range": "bytes=0-0"}, None, 200, b""),
    ("GET", "/dir", {}, None, 301, None), ("HEAD", "/dir", {}, None, 301, b""), ("GET", "/none", {}, None, 404, None),
    ("HEAD", "/none", {}, None, 404, b""), ("GET", "/empty.txt", {}, None, 200, b""), ("GET", "/empty.txt", {"Range": "bytes=0-0"}, None, 416, None),
    ("GET", "/small.txt", {"If-Match": '"0"'}, None, 412, None), ("GET", "/small.txt", {"Accept-Encoding": "identity;q=0"}, None, 406, None),
    ("POST", "/", {}, b"x" * 5000, 405, None), ("POST", "/", {}, iter([b"one", b"two" * 1000]), 405, None), ("GET", "/", {}, b"GET /none HTTP/1.1\r\n\r\n", 200, None),
    ("GET", "/%00", {}, None, 400, None), ("GET", "/../x", {}, None, 400, None), ("GET", "/small.txt", {"Expect": "tea"}, None, 417, None),
    ("BREW", "/", {}, None, 501, None), ("OPTIONS", "*", {}, None, 405, None), ("GET", "/large.txt", {}, None, 200, content("large.txt")),
]
for method, target, fields, body, status, expected in plan:
    name = f"http.client {method} {target} {fields}".replace("|", "")
    fields = {key: tag if value == "TAG" else value for key, value in fields.items()}
    try:
        connection.request(method, target, body, fields)
        response = connection.getresponse()
        received = response.read()
    except Exception as error:
        check(name, False, repr(error))
        connection.close()
        continue
    tag = response.headers.get("ETag", tag)
    date = email.utils.parsedate_to_datetime(response.headers["Date"]).timestamp()
    what = f"{response.status} {response.headers.items()} {len(received)} bytes"
    check(f"{name}: {status}", response.status == status and (expected is None or received == expected) and abs(date - time.time()) < 2
          and (status == 304 or response.headers["Content-Length"] is not None), what)
check("http.client: all on one connection", connection.sock is socket, "it was closed in between")
connection.close()

with urllib.request.urlopen(f"{url}/dir?q=1", timeout=10) as response:
    check("urllib follows the redirect", response.url == f"{url}/dir/?q=1" and response.read() == content("dir/index.html"), response.url)
for name, fields, status in [("none", {}, 404), ("small.txt", {"If-Modified-Since": "Mon, 06 May 2024 07:08:09 GMT"}, 304)]:
    try:
        urllib.request.urlopen(urllib.request.Request(f"{url}/{name}", headers=fields), timeout=10)
        check(f"urllib {name}: {status}", False, "no error")
    except urllib.error.HTTPError as error:
        check(f"urllib {name}: {status}", error.code == status, error.code)
with urllib.request.urlopen(f"{url}/app.js", timeout=10) as response:
    check("urllib: the type", response.headers.get_content_type() == "text/javascript", response.headers.get_content_type())

with urllib.request.urlopen(f"{url}/64m.bin", timeout=10) as response:
    digest = response.read(1000)
    check("urllib reads 64 MiB", len(digest) + sum(len(part) for part in iter(lambda: response.read(1 << 16), b"")) == 64 << 20)
END
    tally python
}

find_lint() {
    lint_python=
    if python3 -c 'import httplint, redbot' 2>/dev/null; then
        lint_python=$(python3 -c 'import sys; print(sys.executable)')
    elif [[ ${CLIENTS_INSTALL:-} == 1 ]]; then
        if python3 -m venv "$tmp/venv" && timeout 60 "$tmp/venv/bin/python" -m pip install -q httplint redbot >"$tmp/out" 2>&1; then
            lint_python=$tmp/venv/bin/python
        else
            lint_missing="not to be installed: $(tail -n 1 "$tmp/out")"
        fi
    else
        lint_missing='not found (CLIENTS_INSTALL=1 installs them)'
    fi
}

use_lint() {
    if [[ -z $lint_python ]]; then
        skip "httplint and REDbot" "$lint_missing"
        return
    fi
    bounded 60 "$lint_python" - "$port" >"$tmp/checks" 2>&1 <<'END' || echo "bad the program of the checks | exit status $?" >>"$tmp/checks"
import http.client, re, socket, sys, time
from httplint import HttpRequestLinter, HttpResponseLinter
port = int(sys.argv[1])
host, base = f"127.0.0.1:{port}", f"http://127.0.0.1:{port}"

# Remarks that are right as observations and no faults of the reply.
EXPECTED = {
    # RFC 9110 section 15.3.7.2 forbids Content-Range in the head of several parts; httplint asks for it.
    "PARTIAL_WITHOUT_RANGE": lambda case: "," in dict(case[2]).get("Range", ""),
    # A redirect that must be asked for again each time: there is nothing in it to revalidate.
    "FRESHNESS_NO_CACHE_NO_VALIDATOR": lambda case: case[3] == 301,
    # The remark is the status itself.
    "STATUS_BAD_REQUEST": lambda case: case[3] == 400,
    "STATUS_URI_TOO_LONG": lambda case: case[3] == 414,
}

def head(path, name, fields={}):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("HEAD", path, headers=fields)
    return connection.getresponse().getheader(name)

def lint(method, path, fields, status, body=b""):
    lines = [("Host", host), ("User-Agent", "test")] + fields
    block = "".join(f"{name}: {value}\r\n" for name, value in lines)
    started = time.time()
    with socket.create_connection(("127.0.0.1", port), 10) as stream:
        stream.sendall(f"{method} {path} HTTP/1.1\r\n{block}\r\n".encode() + body)
        stream.shutdown(socket.SHUT_WR)
        data = b"".join(iter(lambda: stream.recv(65536), b""))
    top, _, rest = data.partition(b"\r\n")
    block, _, content = rest.partition(b"\r\n\r\n")
    version, code, phrase = top.split(b" ", 2)
    request = HttpRequestLinter(start_time=started)
    request.process_request_topline(method.encode(), (base + path).encode(), b"1.1")
    request.process_headers([(name.encode(), value.encode()) for name, value in lines])
    request.feed_content(body)
    request.finish_content(True)
    response = HttpResponseLinter(start_time=started, _related=request)
    response.is_head_response = method == "HEAD"
    response.base_uri = base + path
    response.process_response_topline(version.partition(b"/")[2], code, phrase)
    response.process_headers([tuple(line.split(b": ", 1)) for line in block.split(b"\r\n")])
    response.feed_content(content)
    response.finish_content(True)
    found = [] if int(code) == status else [f"status {code.decode()}"]
    notes = [note for outer in response.notes for note in (outer, *outer.subnotes)]
    for note in notes:
        name = type(note).__name__
        expected = EXPECTED.get(name, lambda case: False)
        if note.level.name in ("BAD", "WARN") and not expected((method, path, fields, status)):
            found.append(f"{note.level.name} {name}: {note.summary}")
    name = f"httplint {method} {path[:30]} {str(dict(fields) or '')[:80]} {status}".replace("|", "")
    print(f"bad {name} | {found}" if found else f"ok {name}")

tag, date = head("/large.txt", "ETag"), head("/large.txt", "Last-Modified")
gzip_tag = head("/app.js", "ETag", {"Accept-Encoding": "gzip"})
for method in ("GET", "HEAD"):
    for case in [
        ("/", [], 200), ("/small.txt", [], 200), ("/large.txt", [], 200), ("/empty.txt", [], 200), ("/logo.svg", [], 200),
        ("/style.css", [], 200), ("/script.js", [], 200), ("/64m.bin", [], 200) if method == "HEAD" else ("/.well-known/known.txt", [], 200),
        ("/app.js", [], 200), ("/app.js", [("Accept-Encoding", "gzip")], 200), ("/app.js", [("Accept-Encoding", "br")], 200),
        ("/app.js", [("Accept-Encoding", "zstd")], 200), ("/app.js.gz", [], 200), ("/app.js.br", [], 200), ("/sp%20ace/%C3%BC%20%231.txt", [], 200),
        ("/large.txt", [("If-None-Match", tag)], 304), ("/large.txt", [("If-Modified-Since", date)], 304),
        ("/app.js", [("If-None-Match", gzip_tag), ("Accept-Encoding", "gzip")], 304),
        ("/large.txt", [("If-Match", '"0"')], 412), ("/large.txt", [("Accept-Encoding", "identity;q=0")], 406),
        ("/dir", [], 301), ("/dir?q=1", [], 301), ("/none", [], 404), ("/%zz", [], 400), ("/large.txt", [("Expect", "tea")], 417),
        ("/" + "a" * 17000, [], 414), ("/", [("X-Long", "0" * 70000)], 431), ("/", [("X Y", "0")], 400), ("/", [("Host", "two")], 400),
        ("/", [("Transfer-Encoding", "other")], 501),
    ]:
        lint(method, *case)
lint("GET", "/large.txt", [("Range", "bytes=0-99")], 206)
lint("GET", "/small.txt", [("Range", "bytes=-99")], 206)
lint("GET", "/small.txt", [("Range", "bytes=0-9,100-199")], 206)
lint("GET", "/app.js", [("Range", "bytes=0-99"), ("Accept-Encoding", "gzip")], 206)
lint("GET", "/app.js", [("Range", "bytes=0-99"), ("If-Range", gzip_tag), ("Accept-Encoding", "gzip")], 206)
lint("GET", "/large.txt", [("Range", "bytes=99999999-")], 416)
lint("POST", "/", [("Content-Length", "3")], 405, b"a=b")
lint("POST", "/", [("Content-Length", "3"), ("Expect", "100-continue")], 405)
lint("OPTIONS", "/", [], 405)
lint("BREW", "/", [], 501)
END
    tally httplint
    local path report
    for path in / /app.js /large.txt /small.txt /empty.txt /dir /none /logo.svg; do
        report=$(bounded 20 "$lint_python" -m redbot.cli -o text "$url$path" 2>&1)
        has "REDbot $path: has an opinion" '^\* General' "$report"
        report=$(grep -E '^ +\* ' <<<"$report" | grep -Evi -e "clock is correct|last changed|content-length header is correct|all caches to store it|cannot be served from cache without validation" \
            -e 'conditional requests are supported|ranged request returned the correct|gzip compression is supported' \
            -e 'location header contains a relative URI|could not be found|cannot be stored by caches|same representation')
        is "REDbot $path: no remark that is not known" '' "$report"
    done
}

browser=(chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync --disable-dev-shm-usage --disable-extensions --no-proxy-server
    --host-resolver-rules='MAP * ~NOTFOUND, EXCLUDE 127.0.0.1')

browse() { bounded 40 "${browser[@]}" --user-data-dir="$(mktemp -d -p "$tmp")" "$@" 2>/dev/null; }

use_chromium() {
    have chromium || { skip chromium "not found"; return; }
    local dom lines before
    before=$(wc -l <"$log")
    dom=$(browse --virtual-time-budget=5000 --dump-dom "$url/")
    has "chromium: the sample page" '<h1>.*your folder is being served' "$dom"
    has "chromium: its script shows the 200" 'class="code">200' "$dom"
    has "chromium: its script shows the 304" 'class="code">304' "$dom"
    dom=$(browse --virtual-time-budget=3000 --dump-dom "$url/about/")
    has "chromium: the second page" '<h1>' "$dom"
    sleep 0.2
    lines=$(tail -n "+$((before + 1))" "$log")
    for file in / /style.css /script.js /logo.svg /about/; do
        has "chromium fetches $file" "\"GET $file HTTP/1.1\" 200 " "$lines"
    done
    is "chromium: no failed request" '' "$(grep -Ev '" (200|304) [0-9]+ "' <<<"$lines")"

    local kind=video file=media/clip.mp4 profile title='' debug='' page
    mkdir -p "$site/media"
    if have ffmpeg && bounded 40 ffmpeg -nostdin -v error -f lavfi -i 'testsrc2=size=640x360:rate=20:duration=30,noise=alls=100:allf=t' \
        -c:v libx264 -preset ultrafast -qp 23 -pix_fmt yuv420p -g 20 "$site/$file" >/dev/null 2>&1; then
        :
    elif have ffmpeg && bounded 40 ffmpeg -nostdin -v error -y -f lavfi -i 'testsrc2=size=640x360:rate=20:duration=30,noise=alls=100:allf=t' \
        -c:v libvpx -deadline realtime -cpu-used 8 -b:v 10M -g 20 "$site/media/clip.webm" >/dev/null 2>&1; then
        file=media/clip.webm
    else
        kind=audio file=media/clip.wav
        python3 -c 'import sys, wave, os
with wave.open(sys.argv[1], "wb") as sound:
    sound.setnchannels(2), sound.setsampwidth(2), sound.setframerate(48000), sound.writeframes(os.urandom(48000 * 4 * 300))' "$site/$file"
    fi
    cat >"$site/media/index.html" <<END
<!doctype html><meta charset="utf-8"><title>waiting</title>
<$kind id="media" src="../$file" muted preload="auto"></$kind>
<script>
const media = document.querySelector("#media"), story = [];
const happens = (name) => new Promise((resolve) => media.addEventListener(name, resolve, { once: true }));
const plays = (from) => new Promise((resolve) => {
  const look = () => media.currentTime > from + 0.2 ? resolve() : setTimeout(look, 20);
  look();
});
media.addEventListener("error", () => { document.title = "error " + media.error.code + " " + media.error.message; });
async function go() {
  await media.play();
  await plays(0);
  story.push("plays");
  for (const part of [0.9, 0.1, 0.6]) {
    const seeked = happens("seeked");
    media.currentTime = media.duration * part;
    await seeked;
    await plays(media.duration * part);
    story.push("seeked to " + part);
  }
  document.title = "done: " + story.join(", ");
}
go().catch((error) => { document.title = "error " + error; });
</script>
END
    profile=$(mktemp -d -p "$tmp")
    # The end of `timeout` is the end of all that it started.
    timeout -k 2 30 "${browser[@]}" --autoplay-policy=no-user-gesture-required --remote-debugging-port=0 \
        --user-data-dir="$profile" "$url/media/" >/dev/null 2>&1 &
    local player=$!
    for _ in {1..100}; do
        sleep 0.25
        kill -0 "$player" 2>/dev/null || break
        [[ -s $profile/DevToolsActivePort ]] && debug=$(head -n 1 "$profile/DevToolsActivePort")
        [[ -n $debug ]] || continue
        page=$(bounded 5 curl -q -s --noproxy '*' "http://127.0.0.1:$debug/json/list")
        title=$(grep -Eo '"title": "(done|error|waiting)[^"]*"' <<<"$page" | head -n 1)
        [[ $title == *'"done'* || $title == *'"error'* ]] && break
    done
    kill -TERM "$player" 2>/dev/null
    wait "$player" 2>/dev/null
    is "chromium plays and seeks a $kind" '"title": "done: plays, seeked to 0.9, seeked to 0.1, seeked to 0.6"' "$title"
    sleep 0.2
    # It asks with its cached tag, too: 304.
    lines=$(grep -F "GET /$file " "$log" | grep -Eo '" [0-9]{3} ' | sort -u | tr -d '" \n')
    has "chromium: the replies for the $kind are 206 (304 for what it has)" '^206(304)?$' "$lines"
    lines=$(grep -F "GET /$file " "$log" | grep -c '" 206 ')
    if ((lines >= 2)); then ok "chromium: asks for the $kind in several ranges"; else bad "chromium: asks for the $kind in several ranges" "$lines request(s)"; fi
}

for need in curl python3 timeout; do
    have "$need" || { echo "clients.sh needs $need" >&2; exit 2; }
done
if [[ $# -gt 0 ]]; then
    httpd=$(realpath "$1")
else
    (cd "$here" && cargo build --quiet --release) || exit 2
    httpd=${CARGO_TARGET_DIR:-$here/target}/release/httpd
fi
SECONDS=0
find_lint
clean_environment
make_site
serve main
if [[ $url != http://127.0.0.1:* ]]; then
    echo "the server did not start: $(<"$tmp/main.err")" >&2
    exit 2
fi

for file in small.txt large.txt; do
    curl_ranges "$file"
    curl_conditions "$file"
done
curl_codings
curl_heads
curl_connections
curl_paths
curl_ipv6
use_wget
use_aria2
use_git
use_apt
use_pip
use_python
use_lint
use_chromium
use_benchmarks "one worker"
hasnt "the server (one worker) says nothing else on standard error" . "$(sed 1d "$tmp/main.err")"
hasnt "the log has no warning and no error" ' (WARN|ERROR) ' "$(grep -E ' (WARN|ERROR) ' "$log")"
stop "one worker"
serve many --workers 4
use_benchmarks "four workers"
stop "four workers"

echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
