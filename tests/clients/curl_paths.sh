# curl: paths and redirects.

use_curl_paths() {
    local expected path
    while read -r expected path; do
        is "curl --path-as-is $path: $expected" "$expected" "$(code --path-as-is "$url$path")"
    done <<'END'
400 /../../../../etc/passwd
400 /%2e%2e/%2e%2e/etc/passwd
404 /dir/..%2f..%2f..%2fetc/passwd
400 /.%2e/.%2e/etc/passwd
404 /..%5c..%5cetc/passwd
404 /%252e%252e/etc/passwd
200 /dir/../small.txt
200 /dir/./deep//file.txt
200 //small.txt
200 /small.txt?../../x
404 /dir%2findex.html
400 /%00
400 /small.txt%00.html
400 /%zz
404 /.hidden
404 /dir/../.hidden
404 /%2ehidden
200 /.well-known/known.txt
404 /small.txt/
404 /none
404 /app.css
301 /dir
200 /dir/
404 /dir/deep/
200 /sp%20ace/%C3%BC%20%231.txt
END
    is "curl -L /dir: follows" "$url/dir/" "$(c -L -o /dev/null -w '%{url_effective}' "$url/dir")"
    is "curl -L /dir?q=1&r=/: the query stays" "$url/dir/?q=1&r=/" "$(c -L -o /dev/null -w '%{url_effective}' "$url/dir?q=1&r=/")"
    is "curl -L //dir: stays on this host" "$url/dir/" \
        "$(c -L --path-as-is -o /dev/null -w '%{url_effective}' "$url//dir" | sed 's,//dir/$,/dir/,')"
    is "curl -L --path-as-is /x/..//dir: stays on this host" 200 "$(code -L --path-as-is "$url/x/..//dir")"
    # This curl encodes what others send as it was typed; a request target it leaves alone.
    c -o "$tmp/body" "$url/größe.txt" >/dev/null
    same "curl größe.txt" "$site/größe.txt" "$tmp/body"
    c -o "$tmp/body" --request-target /größe.txt "$url" >/dev/null
    same "curl größe.txt, in raw UTF-8" "$site/größe.txt" "$tmp/body"
    is "curl größe.txt, in raw UTF-8: the log encodes it" 1 "$(logged '"GET /gr\\xC3\\xB6\\xC3\\x9Fe\.txt HTTP/1\.1" 200 .*curl')"
    has "curl grüße, in raw UTF-8: the location is encoded" '^location: (.*/)?gr%C3%BC%C3%9Fe/$' \
        "$(head_of --request-target /grüße "$url")"
    is "curl, raw bytes that are no UTF-8: 404" 404 "$(code --request-target $'/\377\376' "$url")"
    is "curl, a control character: 400" 400 "$(code --request-target $'/a\001b' "$url")"
    is "curl, a target of 16 KiB and more: 414" 414 "$(code "$url/$(printf '%017000d' 0)")"
    is "curl, 101 fields: 431" 431 "$(for n in {1..101}; do echo "header = \"X-$n: 1\""; done | code -K - "$url/")"
    is "curl, a field of 70 kB: 431" 431 "$(printf 'header = "X-Long: %070000d"\n' 0 | code -K - "$url/")"
}
