# zsync: what has changed in a file comes in answers of several ranges. Its reader drops one line before the first
# boundary (RFC 9110 section 14.6: an answer may begin with CRLF).

use_zsync() {
    have zsync && have zsyncmake || { skip zsync "not found"; return; }
    local work=$tmp/zsync part fetched
    mkdir -p "$work" && cd "$work" || return
    head -c $((4 * mib)) "$site/64m.bin" >old.img
    cp old.img "$site/image.img"
    for part in 100 350 600 850 1000; do
        head -c 9000 /dev/urandom | dd of="$site/image.img" bs=4096 seek="$part" conv=notrunc status=none
    done
    zsyncmake -b 2048 -u image.img -o "$site/image.img.zsync" "$site/image.img" 2>/dev/null
    bounded 10 zsync -q -i old.img -o new.img "$url/image.img.zsync" >"$tmp/out" 2>&1
    is "zsync ends" 0 $?
    same "zsync: the new file" "$site/image.img" new.img
    has "zsync asks for several ranges" '"GET /image.img HTTP/1.1" 206 ' "$(tail -n 5 "$log")"
    fetched=$(awk -F'"' '/"GET \/image.img HTTP/ {split($3, words, " "); sum += words[2]} END {printf "%d", sum}' "$log")
    if ((fetched > 0 && fetched < mib)); then
        ok "zsync: less than a quarter is sent"
    else
        bad "zsync: less than a quarter is sent" "$fetched bytes"
    fi
    rm -f "$site"/image.img*
    cd "$project" || return
}
