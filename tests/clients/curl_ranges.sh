# curl: ranges, and what a download goes on with.

use_curl_ranges() {
    local file
    for file in small.txt large.txt; do ranges_of "$file"; done
}

ranges_of() {
    local file=$1 path=$site/$1 size form from to body=$tmp/body
    size=$(stat -c %s "$path")
    while read -r form from to; do
        is "curl -r $form $file: 206" 206 "$(c -r "$form" -o "$body" -w '%{http_code}' "$url/$file")"
        tail -c "+$((from + 1))" "$path" | head -c "$((to - from + 1))" >"$tmp/slice"
        same "curl -r $form $file: the slice" "$tmp/slice" "$body"
    done <<END
0-0 0 0
0-499 0 499
500-999 500 999
1000- 1000 $((size - 1))
-500 $((size - 500)) $((size - 1))
-99999999999999999999 0 $((size - 1))
0-99999999999999999999 0 $((size - 1))
$((size - 1))-$((size - 1)) $((size - 1)) $((size - 1))
END
    is "curl -r $size- $file: 416" 416 "$(code -r "$size-" "$url/$file")"
    has "curl -r $size- $file: its length" "^content-range: bytes \*/$size\$" "$(head_of -r "$size-" "$url/$file")"
    is "curl -r 99999999999999999999- $file: 416" 416 "$(code -r 99999999999999999999- "$url/$file")"
    is "curl Range: bytes=-0 $file: 416" 416 "$(code -H 'Range: bytes=-0' "$url/$file")"
    is "curl Range: bytes=5-2 $file is none: 200" 200 "$(code -H 'Range: bytes=5-2' "$url/$file")"
    is "curl Range: lines=1-2 $file is unknown: 200" 200 "$(code -H 'Range: lines=1-2' "$url/$file")"
    is "curl -I -r 0-9 $file: a HEAD has no ranges" 200 "$(code -I -r 0-9 "$url/$file")"
    is "curl -r 0-9,$((size - 5))-,20-29 $file: 206" 206 \
        "$(c -r "0-9,$((size - 5))-,20-29" -D "$tmp/head" -o "$body" -w '%{http_code}' "$url/$file")"
    checks "curl several ranges" python3 "$clients/byte_ranges.py" "$path" "$tmp/head" "$body" "$file"
    for form in 1 700 $((size - 1)); do
        head -c "$form" "$path" >"$body"
        is "curl -C - $file after $form bytes: 206" 206 "$(c -C - -o "$body" -w '%{http_code}' "$url/$file")"
        same "curl -C - $file after $form bytes: whole" "$path" "$body"
    done
    c -C - -o "$body" "$url/$file" >/dev/null
    same "curl -C - $file when it is whole: untouched" "$path" "$body"
    rm "$body"
    c -C 1000 -o "$body" "$url/$file" >/dev/null
    tail -c +1001 "$path" >"$tmp/slice"
    same "curl -C 1000 $file" "$tmp/slice" "$body"
}
