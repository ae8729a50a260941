# aria2c: many ranges at once, going on, pipelining.

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
