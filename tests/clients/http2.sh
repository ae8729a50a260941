# HTTP/2 as curl, nghttp, h2load and Chromium speak it.

use_http2() {
    local folder=$tmp/http2 path reply kind number
    local -a plain=("$server" "$url" "$port" "$log") ways=()
    have openssl || { skip "HTTP/2" "no openssl"; return; }
    [[ $(curl --version) == *HTTP2* ]] || { skip "HTTP/2" "curl does not speak it"; return; }
    mkdir -p "$folder" "$site/hundred"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$folder/key.pem" \
        -out "$folder/cert.pem" -days 30 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>"$tmp/out"
    for kind in plain tls; do
        if [[ $kind == tls ]]; then
            serve http2-tls --tls-cert "$folder/cert.pem" --tls-key "$folder/key.pem"
            ways=(--http2 --cacert "$folder/cert.pem")
        else
            serve http2-plain
            ways=(--http2-prior-knowledge)
        fi
        for path in /small.txt /large.txt /app.js; do
            c "${ways[@]}" -o "$tmp/got" "$url$path"
            same "curl, HTTP/2, $kind: $path" "$site$path" "$tmp/got"
        done
        is "curl, HTTP/2, $kind: the version" 2 "$(c "${ways[@]}" -o "$tmp/got" -w '%{http_version}' "$url/")"
        is "curl, HTTP/2, $kind: HEAD" 200 "$(code "${ways[@]}" -I "$url/large.txt")"
        is "curl, HTTP/2, $kind: a range" 206 "$(code "${ways[@]}" -r 10-19 "$url/large.txt")"
        is "curl, HTTP/2, $kind: several ranges" 206 "$(code "${ways[@]}" -r 0-9,20-29 "$url/large.txt")"
        is "curl, HTTP/2, $kind: nothing there" 404 "$(code "${ways[@]}" "$url/nothing")"
        is "curl, HTTP/2, $kind: POST" 405 "$(code "${ways[@]}" -d "@$site/large.txt" "$url/small.txt")"
        # curl 7.88 fails with prior knowledge, whatever the server.
        [[ $kind == tls ]] && is "curl, HTTP/2, $kind: two requests on one connection" "1 0 " \
            "$(c "${ways[@]}" -o "$tmp/got" -o "$tmp/got" -w '%{num_connects} ' "$url/small.txt" "$url/small.txt")"
        reply=$(c "${ways[@]}" -I "$url/small.txt" | tr -d '\r' | sed -n 's/^etag: //p')
        is "curl, HTTP/2, $kind: not modified" 304 "$(code "${ways[@]}" -H "If-None-Match: $reply" "$url/small.txt")"
        use_nghttp2 "$kind"
        [[ $kind == tls ]] && browse_hundred
        hasnt "HTTP/2, $kind: no warning and no error in the log" ' (WARN|ERROR) ' "$(grep -E ' (WARN|ERROR) ' "$log")"
        stop "HTTP/2, $kind"
    done
    server=${plain[0]} url=${plain[1]} port=${plain[2]} log=${plain[3]}
}

use_nghttp2() {
    local kind=$1 reply
    if have nghttp; then
        reply=$(bounded 20 nghttp -nv "$url/small.txt" "$url/large.txt" 2>&1)
        is "nghttp, $kind: two responses" 2 "$(grep -c ':status: 200' <<<"$reply")"
        hasnt "nghttp, $kind: no error" 'error_code=[^N]|RST_STREAM' "$reply"
    else
        skip "nghttp, $kind" "not found"
    fi
    if have h2load; then
        reply=$(bounded 30 h2load -n 20000 -c 50 -m 20 "$url/small.txt" 2>&1)
        has "h2load, $kind: 20,000 requests" '20000 succeeded, 0 failed, 0 errored, 0 timeout' "$reply"
        reply=$(bounded 30 h2load -n 400 -c 4 -m 100 "$url/large.txt" 2>&1)
        has "h2load, $kind: 100 downloads at a time" '400 succeeded, 0 failed, 0 errored, 0 timeout' "$reply"
    else
        skip "h2load, $kind" "not found"
    fi
}

# A page of a hundred files, which come on one connection.
browse_hundred() {
    have chromium || { skip "chromium over HTTP/2" "not found"; return; }
    local number dom lines before
    for number in {1..100}; do
        echo "window.loaded = (window.loaded || 0) + 1;" >"$site/hundred/$number.js"
    done
    {
        echo '<!doctype html><meta charset="utf-8"><title>hundred</title><link rel="icon" href="data:,">'
        for number in {1..100}; do echo "<script src=\"$number.js\"></script>"; done
        echo '<p id="result"></p><script>
const protocols = new Set(performance.getEntriesByType("resource").map((entry) => entry.nextHopProtocol));
document.querySelector("#result").textContent = `${window.loaded} by ${[...protocols].join(", ")}`;
</script>'
    } >"$site/hundred/index.html"
    before=$(wc -l <"$log")
    dom=$(browse --ignore-certificate-errors --enable-logging=stderr --virtual-time-budget=5000 --dump-dom "$url/hundred/")
    has "chromium over HTTP/2: a page of a hundred files" '100 by h2' "$dom"
    hasnt "chromium over HTTP/2: no console error" 'CONSOLE.*(error|failed)' "$dom"
    sleep 0.2
    lines=$(tail -n "+$((before + 1))" "$log")
    is "chromium over HTTP/2: 101 responses" 101 "$(grep -c '"GET /hundred/[^ ]* HTTP/2.0" 200 ' <<<"$lines")"
}
