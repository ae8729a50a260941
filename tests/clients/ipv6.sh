# curl: addresses of IPv6.

use_ipv6() {
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
