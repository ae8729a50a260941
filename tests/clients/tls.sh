# TLS as curl, openssl and wget speak it.

# answer ARGUMENTS...: what openssl s_client gets for one request
answer() {
    printf 'GET /small.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' |
        bounded 20 openssl s_client -connect "localhost:$port" -quiet -ign_eof "$@" 2>&1
}

use_tls() {
    local folder=$tmp/tls name kind arguments path reply
    local -a plain=("$server" "$url" "$port" "$log")
    local -a trust=(--cacert "$folder/cert.pem")
    have openssl || { skip "TLS" "no openssl"; return; }
    mkdir -p "$folder"
    while read -r kind arguments; do
        # shellcheck disable=SC2086 # the arguments are words
        openssl req -x509 -newkey $arguments -nodes -keyout "$folder/key.pem" -out "$folder/cert.pem" -days 30 \
            -subj /CN=localhost -addext subjectAltName=DNS:localhost 2>"$tmp/out" || { skip "TLS with $kind" "openssl cannot make it"; continue; }
        serve "tls-$kind" --tls-cert "$folder/cert.pem" --tls-key "$folder/key.pem" --http-redirect 0
        url=https://localhost:$port
        for path in /small.txt /large.txt /app.js; do
            c "${trust[@]}" -o "$tmp/got" "$url$path"
            same "curl, TLS with $kind: $path" "$site$path" "$tmp/got"
        done
        for name in 1.2 1.3; do
            is "curl, TLS $name with $kind" 200 "$(code "${trust[@]}" "--tlsv$name" --tls-max "$name" "$url/small.txt")"
        done
        stop "TLS with $kind"
    done <<'END'
P-256 ec -pkeyopt ec_paramgen_curve:prime256v1
P-384 ec -pkeyopt ec_paramgen_curve:secp384r1
Ed25519 ed25519
RSA-2048 rsa:2048
RSA-4096 rsa:4096
END
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$folder/key.pem" \
        -out "$folder/cert.pem" -days 30 -subj /CN=localhost -addext subjectAltName=DNS:localhost 2>"$tmp/out"
    serve tls --tls-cert "$folder/cert.pem" --tls-key "$folder/key.pem" --http-redirect 0
    local redirect
    redirect=$(grep -o 'redirecting http://.*' "$tmp/tls.err")
    redirect=${redirect#redirecting }
    url=https://localhost:$port

    is "curl -L: from http to https" 200 "$(code "${trust[@]}" -L --resolve "localhost:${redirect##*:}:127.0.0.1" "http://localhost:${redirect##*:}/small.txt")"
    is "curl: two requests on one connection" "1 0 " "$(c "${trust[@]}" -o "$tmp/got" -o "$tmp/got" -w '%{num_connects} ' "$url/small.txt" "$url/small.txt")"
    is "curl: HTTP/2 by ALPN" 2 "$(c "${trust[@]}" -o "$tmp/got" -w '%{http_version}' "$url/")"
    is "curl: HTTP/1.1 by ALPN" 1.1 "$(c "${trust[@]}" --http1.1 -o "$tmp/got" -w '%{http_version}' "$url/")"
    is "curl: a range" 206 "$(code "${trust[@]}" -r 10-19 "$url/large.txt")"
    has "curl: plain HTTP on the port of TLS" 'TLS' "$(c "http://localhost:$port/")"

    has "openssl s_client -tls1_3" '^HTTP/1.1 200 ' "$(answer -tls1_3)"
    has "openssl s_client -tls1_2" '^HTTP/1.1 200 ' "$(answer -tls1_2)"
    hasnt "openssl s_client -tls1_1" '^HTTP/1.1 ' "$(answer -tls1_1 -cipher DEFAULT@SECLEVEL=0)"
    hasnt "openssl s_client -tls1" '^HTTP/1.1 ' "$(answer -tls1 -cipher DEFAULT@SECLEVEL=0)"
    has "openssl s_client -noservername" '^HTTP/1.1 200 ' "$(answer -noservername 2>&1 || true)"
    has "openssl s_client -alpn http/1.1" '^HTTP/1.1 200 ' "$(answer -alpn http/1.1)"
    has "openssl s_client -alpn spdy/3: refused by name" 'alert number 120|no application protocol' "$(answer -alpn spdy/3)"
    for name in AES128-SHA AES256-SHA DHE-RSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES128-SHA; do
        hasnt "openssl s_client -cipher $name" '^HTTP/1.1 ' "$(answer -tls1_2 -cipher "$name@SECLEVEL=0")"
    done
    for name in ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-ECDSA-CHACHA20-POLY1305; do
        has "openssl s_client -cipher $name" '^HTTP/1.1 200 ' "$(answer -tls1_2 -cipher "$name")"
    done
    for name in tls1_2 tls1_3; do
        reply=$(printf 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' |
            bounded 20 openssl s_client -connect "localhost:$port" "-$name" -ign_eof -sess_out "$tmp/session" 2>&1)
        has "openssl s_client -$name: a new session" '^New, TLS' "$reply"
        reply=$(printf 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' |
            bounded 20 openssl s_client -connect "localhost:$port" "-$name" -ign_eof -sess_in "$tmp/session" 2>&1)
        has "openssl s_client -$name: the session is resumed" '^Reused, TLS' "$reply"
    done
    # R asks for a renegotiation, which TLS 1.3 does not have.
    reply=$({ printf 'R\n'; sleep 1; } | bounded 20 openssl s_client -connect "localhost:$port" -tls1_2 2>&1)
    has "openssl s_client: a renegotiation is refused" 'no renegotiation|alert|closed|error' "$reply"
    reply=$({ printf 'K\n'; sleep 0.3; printf 'k\n'; sleep 0.3; printf 'Q\n'; } | bounded 20 openssl s_client -connect "localhost:$port" -tls1_3 2>&1)
    has "openssl s_client: key updates" 'KEYUPDATE' "$reply"
    is "curl: the next client is served" 200 "$(code "${trust[@]}" "$url/small.txt")"
    if have wget; then
        works "wget over TLS" wget -q --ca-certificate="$folder/cert.pem" -O "$tmp/got" "$url/large.txt"
        same "wget over TLS: /large.txt" "$site/large.txt" "$tmp/got"
    else
        skip "wget over TLS" "no wget"
    fi
    if have sslscan; then
        hasnt "sslscan: no old version, no weak cipher" 'SSLv[23] +enabled|TLSv1\.[01] +enabled|vulnerable' "$(bounded 60 sslscan --no-colour "localhost:$port" 2>&1 | grep -v 'not vulnerable')"
    else
        skip "sslscan" "not found"
    fi
    if python3 -c 'import sslyze' 2>/dev/null; then
        reply=$(bounded 60 python3 -W ignore -m sslyze "127.0.0.1:$port" 2>&1)
        has "sslyze: TLS 1.3" 'TLS_AES_128_GCM_SHA256' "$reply"
        hasnt "sslyze: nothing vulnerable" '[^t] vulnerable' "$reply"
        is "sslyze: no version before 1.2" 4 "$(grep -c 'the server rejected all cipher suites' <<<"$reply")"
    else
        skip "sslyze" "python3 does not find it"
    fi
    stop "TLS"
    server=${plain[0]} url=${plain[1]} port=${plain[2]} log=${plain[3]}
}
