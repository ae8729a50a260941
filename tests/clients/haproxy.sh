# HAProxy: `option httpchk` without a word more asks OPTIONS / HTTP/1.0, and takes out who does not answer 2xx or 3xx.

use_haproxy() {
    have haproxy || { skip haproxy "not found"; return; }
    local front proxy
    front=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
    cat >"$tmp/haproxy.cfg" <<END
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
listen site
    bind 127.0.0.1:$front
    option httpchk
    server one 127.0.0.1:$port check inter 100ms
END
    timeout -k 2 20 haproxy -db -f "$tmp/haproxy.cfg" >"$tmp/haproxy.out" 2>&1 &
    proxy=$!
    # Three checks that fail take a server out.
    for _ in {1..100}; do
        (($(grep -c '"OPTIONS / HTTP/1.0"' "$log") >= 5)) && break
        kill -0 "$proxy" 2>/dev/null || break
        sleep 0.1
    done
    has "haproxy: option httpchk is answered 204" '"OPTIONS / HTTP/1.0" 204 ' "$(grep -m 5 OPTIONS\ / "$log")"
    is "haproxy keeps the server: 200" 200 "$(code "http://127.0.0.1:$front/small.txt")"
    kill -TERM "$proxy" 2>/dev/null
    wait "$proxy" 2>/dev/null
}
