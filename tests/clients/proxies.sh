# nginx and HAProxy in front, as the README shows them: the client is in the log, and no field that it sends changes that.

# block LANGUAGE NUMBER: a piece of code of the README
block() {
    awk -v begin="\`\`\`$1" -v number="$2" '$0 == "```" { on = 0 } on { print } $0 == begin { on = ++count == number }' "$project/README.md"
}

free_port() { python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# front NAME COMMAND...: a proxy in the background that listens on $front; sets $proxy
front() {
    local name=$1
    shift
    timeout -k 2 30 "$@" >"$tmp/$name.out" 2>&1 &
    proxy=$!
    for _ in {1..100}; do
        (exec 3<>"/dev/tcp/127.0.0.1/$front") 2>/dev/null && return
        kill -0 "$proxy" 2>/dev/null || break
        sleep 0.05
    done
    bad "$name listens" "$(tail -n 5 "$tmp/$name.out")"
}

end_front() {
    kill -TERM "$proxy" 2>/dev/null
    wait "$proxy" 2>/dev/null
}

# asks NAME SCHEME ARGUMENTS...: a client at 127.0.0.5 asks through the proxy; the log names it, whatever fields it sends
asks() {
    local name=$1 scheme=$2 mark=$RANDOM$RANDOM field
    shift 2
    for field in "${fields[@]}"; do
        mark=$((mark + 1))
        is "$name: 200 with «$field»" 200 "$(code "$@" --interface 127.0.0.5 -H "$field" --resolve "localhost:$front:127.0.0.1" "$scheme://localhost:$front/small.txt?$mark")"
        for _ in {1..40}; do
            grep -Fq "?$mark " "$log" && break
            sleep 0.05
        done
        has "$name: the client is in the log with «$field»" '^127\.0\.0\.5 ' "$(grep -F "?$mark " "$log")"
    done
}

use_proxies() {
    local -a plain=("$server" "$url" "$port" "$log")
    local front proxy kind scheme
    local -a fields=("X-Nothing: x" "X-Forwarded-For: 203.0.113.9" "Forwarded: for=203.0.113.9" 'X-Forwarded-For: "' 'Forwarded: for="')
    if have nginx; then
        front=$(free_port)
        serve nginx --trusted-proxies 127.0.0.1
        mkdir -p "$tmp/nginx"
        block nginx 1 | sed "s/listen 80/listen 127.0.0.1:$front/; s/127.0.0.1:8000/127.0.0.1:$port/" >"$tmp/nginx/site.conf"
        {
            echo "daemon off; master_process off; pid $tmp/nginx/pid; error_log stderr; events {}"
            echo "http { access_log off; client_body_temp_path $tmp/nginx/b; proxy_temp_path $tmp/nginx/p; fastcgi_temp_path $tmp/nginx/f;"
            echo "uwsgi_temp_path $tmp/nginx/u; scgi_temp_path $tmp/nginx/s; include $tmp/nginx/site.conf; }"
        } >"$tmp/nginx/nginx.conf"
        front nginx nginx -c "$tmp/nginx/nginx.conf" -p "$tmp/nginx" -e stderr
        asks "nginx with the README's lines" http
        end_front
        stop "behind nginx"
    else
        skip nginx "not found"
    fi
    if have haproxy; then
        front=$(free_port)
        serve forwardfor --trusted-proxies 127.0.0.1
        block haproxy 1 | sed "s/bind :80/bind 127.0.0.1:$front/; s/127.0.0.1:8000/127.0.0.1:$port/" >"$tmp/forwardfor.cfg"
        front forwardfor haproxy -db -f "$tmp/forwardfor.cfg"
        asks "HAProxy with the README's lines" http
        end_front
        sed -i 's/option forwardfor/http-request del-header X-Forwarded-For\n    http-request add-header Forwarded for=%[src];proto=http/' "$tmp/forwardfor.cfg"
        front forwarded haproxy -db -f "$tmp/forwardfor.cfg"
        asks "HAProxy with Forwarded" http
        end_front
        stop "behind HAProxy"
        use_proxy_protocol
    else
        skip HAProxy "not found"
    fi
    server=${plain[0]} url=${plain[1]} port=${plain[2]} log=${plain[3]}
}

# The PROXY protocol, both versions, with plain HTTP and TLS after it.
use_proxy_protocol() {
    local -a tls=() fields=("X-Forwarded-For: 203.0.113.9")
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$tmp/proxy-key.pem" \
        -out "$tmp/proxy-cert.pem" -days 30 -subj /CN=localhost -addext subjectAltName=DNS:localhost 2>"$tmp/out" &&
        tls=(--tls-cert "$tmp/proxy-cert.pem" --tls-key "$tmp/proxy-key.pem")
    for scheme in http https; do
        [[ $scheme == https && ${#tls[@]} == 0 ]] && { skip "TLS after a PROXY header" "no openssl"; continue; }
        [[ $scheme == http ]] && serve "proxy-$scheme" --proxy-protocol --trusted-proxies 127.0.0.1
        [[ $scheme == https ]] && serve "proxy-$scheme" --proxy-protocol --trusted-proxies 127.0.0.1 "${tls[@]}"
        for kind in send-proxy send-proxy-v2 send-proxy-v2-ssl-cn; do
            front=$(free_port)
            block haproxy 2 | sed "s/bind :443/bind 127.0.0.1:$front/; s/127.0.0.1:8443/127.0.0.1:$port/; s/send-proxy-v2 check/$kind check inter 100ms/" >"$tmp/$kind.cfg"
            front "$kind" haproxy -db -f "$tmp/$kind.cfg"
            asks "HAProxy, $kind and $scheme" "$scheme" --cacert "$tmp/proxy-cert.pem"
            sleep 0.5 # a few checks
            is "HAProxy, $kind and $scheme: its checks keep the server" 200 "$(code --cacert "$tmp/proxy-cert.pem" --resolve "localhost:$front:127.0.0.1" "$scheme://localhost:$front/small.txt")"
            end_front
        done
        is "without a PROXY header ($scheme): nothing" 000 "$(code "${url/127.0.0.1/localhost}/small.txt" 2>/dev/null | tail -c 3)"
        stop "behind the PROXY protocol, $scheme"
    done
}
