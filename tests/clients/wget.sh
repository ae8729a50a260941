# wget: whole files, the rest of one, dates, and a mirror.

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
    same "wget -r: the same site" "$project/www" .
    cd "$project" || return
}
