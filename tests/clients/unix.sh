# A socket file: curl, and HAProxy and nginx as proxies in front of it.

# free_port: one that nobody listens on
free_port() { python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# through NAME URL: the site as a proxy shows it
through() {
    local name=$1 front=$2 file
    for _ in {1..100}; do
        [[ $(code "$front/small.txt") == 200 ]] && break
        sleep 0.05
    done
    for file in small.txt large.txt; do
        c -o "$tmp/body" "$front/$file" >/dev/null
        same "$name: $file" "$site/$file" "$tmp/body"
    done
    c -r 1000-1999 -o "$tmp/body" "$front/large.txt" >/dev/null
    is "$name: a range" 1000 "$(stat -c %s "$tmp/body")"
    is "$name: 404" 404 "$(code "$front/missing")"
    is "$name: what is not modified is 304" 304 \
        "$(code -H "If-None-Match: $(c -I "$front/small.txt" | tr -d '\r' | sed -n 's/^etag: //Ip')" "$front/small.txt")"
    # Slower than the server gives: it waits until the proxy takes more.
    c --limit-rate 20M -o "$tmp/body" "$front/large.txt" >/dev/null
    same "$name: large.txt for a slow client" "$site/large.txt" "$tmp/body"
    # shellcheck disable=SC2046
    bounded 20 curl -q -sS --noproxy '*' --parallel --parallel-max 20 $(for _ in {1..200}; do echo "-o /dev/null $front/small.txt"; done) \
        -w '%{http_code}\n' >"$tmp/out" 2>&1
    is "$name: 200 requests, 20 at once" 200 "$(grep -c '^200$' "$tmp/out")"
}

use_unix() {
    local url port log server front proxy socket=$tmp/site.sock
    serve unix --listen "unix:$socket,mode=0600" --max-connections-per-ip 1
    is "the mode of the socket file" 600 "$(stat -c %a "$socket")"
    is "curl --unix-socket: 200" 200 "$(code --unix-socket "$socket" http://localhost/)"
    c --unix-socket "$socket" -o "$tmp/body" http://localhost/large.txt >/dev/null
    same "curl --unix-socket: large.txt" "$site/large.txt" "$tmp/body"
    is "curl --unix-socket: two URLs over one connection" 1 \
        "$(c --unix-socket "$socket" -v -o /dev/null http://localhost/ -o /dev/null http://localhost/small.txt | grep -ic 're-using existing')"
    is "curl --unix-socket: the client in the log" 1 "$(logged '^unix - - .* "GET /large.txt HTTP/1.1" 200 ')"

    front=$(free_port)
    if have haproxy; then
        cat >"$tmp/haproxy-unix.cfg" <<END
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
listen site
    bind 127.0.0.1:$front
    option httpchk
    server one unix@$socket check inter 100ms
END
        timeout -k 2 60 haproxy -db -f "$tmp/haproxy-unix.cfg" >"$tmp/haproxy-unix.out" 2>&1 &
        proxy=$!
        through "haproxy to a socket file" "http://127.0.0.1:$front"
        kill -TERM "$proxy" 2>/dev/null
        wait "$proxy" 2>/dev/null
    else
        skip "haproxy to a socket file" "not found"
    fi

    front=$(free_port)
    if have nginx; then
        mkdir -p "$tmp/nginx"
        cat >"$tmp/nginx/nginx.conf" <<END
daemon off;
master_process off;
pid $tmp/nginx/pid;
error_log $tmp/nginx/error.log;
events {}
http {
    access_log off;
    client_body_temp_path $tmp/nginx/body;
    proxy_temp_path $tmp/nginx/proxy;
    fastcgi_temp_path $tmp/nginx/fastcgi;
    uwsgi_temp_path $tmp/nginx/uwsgi;
    scgi_temp_path $tmp/nginx/scgi;
    upstream site { server unix:$socket; keepalive 8; }
    server {
        listen 127.0.0.1:$front;
        location / { proxy_pass http://site; proxy_http_version 1.1; proxy_set_header Connection ""; }
        location /old/ { proxy_pass http://unix:$socket:/; }
    }
}
END
        timeout -k 2 60 nginx -p "$tmp/nginx" -c "$tmp/nginx/nginx.conf" >"$tmp/nginx/out" 2>&1 &
        proxy=$!
        through "nginx to a socket file" "http://127.0.0.1:$front"
        through "nginx to a socket file by HTTP/1.0" "http://127.0.0.1:$front/old"
        kill -TERM "$proxy" 2>/dev/null
        wait "$proxy" 2>/dev/null
    else
        skip "nginx to a socket file" "not found"
    fi
    stop "socket file"
    is "the socket file is removed" "" "$(ls "$socket" 2>/dev/null)"
}
