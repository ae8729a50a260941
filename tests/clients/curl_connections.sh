# curl: methods, bodies, versions and connections.

use_curl_connections() {
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
    is "curl -X OPTIONS *: 204" 204 "$(code -X OPTIONS --request-target '*' "$url/")"
    is "curl -X OPTIONS: 204" 204 "$(code -X OPTIONS "$url/")"
    has "curl -X OPTIONS: Allow" '^allow: get, head, options$' "$(head_of -X OPTIONS "$url/")"
    is "curl --http2 is not upgraded: 200" 200 "$(code --http2 "$url/")"
    is "curl --http2 is not upgraded: 1.1" 1.1 "$(c --http2 -o /dev/null -w '%{http_version}' "$url/")"
    is "curl --http2-prior-knowledge" "2 200" "$(c --http2-prior-knowledge -o /dev/null -w '%{http_version} %{http_code}' "$url/")"
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
