# curl: conditional requests.

use_curl_conditions() {
    local file
    for file in small.txt large.txt; do conditions_of "$file"; done
}

conditions_of() {
    local file=$1 path=$site/$1 tag date wrong
    is "curl -z future $file: 304" 304 "$(code -z 'Fri, 01 Jan 2100 00:00:00 GMT' "$url/$file")"
    is "curl -z past $file: 200" 200 "$(code -z 'Sat, 03 Feb 2001 00:00:00 GMT' "$url/$file")"
    is "curl -z -past $file: 412" 412 "$(code -z '-Sat, 03 Feb 2001 00:00:00 GMT' "$url/$file")"
    is "curl -z -future $file: 200" 200 "$(code -z '-Fri, 01 Jan 2100 00:00:00 GMT' "$url/$file")"
    c -R -o "$tmp/copy" "$url/$file" >/dev/null
    is "curl -R $file: its time" "$(stat -c %Y "$path")" "$(stat -c %Y "$tmp/copy")"
    is "curl -z its copy $file: 304" 304 "$(code -z "$tmp/copy" "$url/$file")"
    touch -d '2001-02-03' "$tmp/copy"
    is "curl -z an older copy $file: 200" 200 "$(code -z "$tmp/copy" "$url/$file")"
    for date in 'Mon, 06 May 2024 07:08:09 GMT' 'Monday, 06-May-24 07:08:09 GMT' 'Mon May  6 07:08:09 2024'; do
        is "curl If-Modified-Since: $date, $file: 304" 304 "$(code -H "If-Modified-Since: $date" "$url/$file")"
    done
    is "curl If-Modified-Since that is no date, $file: 200" 200 "$(code -H 'If-Modified-Since: soon' "$url/$file")"
    rm -f "$tmp/etag"
    is "curl --etag-save $file: 200" 200 "$(code --etag-save "$tmp/etag" "$url/$file")"
    is "curl --etag-compare $file: 304" 304 "$(code --etag-compare "$tmp/etag" "$url/$file")"
    is "curl --etag-compare --etag-save $file: 304" 304 \
        "$(code --etag-compare "$tmp/etag" --etag-save "$tmp/etag" "$url/$file")"
    is "curl --etag-compare -I $file: 304" 304 "$(code -I --etag-compare "$tmp/etag" "$url/$file")"
    is "curl --etag-compare -z past $file: the tag decides" 304 \
        "$(code --etag-compare "$tmp/etag" -z 'Sat, 03 Feb 2001 00:00:00 GMT' "$url/$file")"
    tag=$(<"$tmp/etag")
    wrong='"0"'
    is "curl If-None-Match with a list, $file: 304" 304 "$(code -H "If-None-Match: $wrong, W/$tag" "$url/$file")"
    is "curl If-None-Match in two lines, $file: 304" 304 \
        "$(code -H "If-None-Match: $wrong" -H "If-None-Match: $tag" "$url/$file")"
    is "curl If-None-Match: *, $file: 304" 304 "$(code -H 'If-None-Match: *' "$url/$file")"
    is "curl If-Match, $file: 200" 200 "$(code -H "If-Match: $tag" "$url/$file")"
    is "curl If-Match with a weak tag, $file: 412" 412 "$(code -H "If-Match: W/$tag" "$url/$file")"
    is "curl If-Range with the tag, $file: 206" 206 "$(code -r 0-9 -H "If-Range: $tag" "$url/$file")"
    is "curl If-Range with the date, $file: 206" 206 \
        "$(code -r 0-9 -H 'If-Range: Mon, 06 May 2024 07:08:09 GMT' "$url/$file")"
    is "curl If-Range with a wrong tag, $file: 200" 200 "$(code -r 0-9 -H "If-Range: $wrong" "$url/$file")"
    is "curl If-Range with a later date, $file: 200" 200 \
        "$(code -r 0-9 -H 'If-Range: Mon, 06 May 2024 07:08:10 GMT' "$url/$file")"
    is "curl -r beyond with a wrong If-Range, $file: 200" 200 "$(code -r 99999999- -H "If-Range: $wrong" "$url/$file")"
    is "curl -r with its tag in If-None-Match, $file: 304" 304 "$(code -r 0-9 --etag-compare "$tmp/etag" "$url/$file")"
    # A 304 repeats what the 200 says.
    local reply kept
    kept='^(etag|cache-control|vary|content-location|expires): '
    reply=$(head_of --etag-compare "$tmp/etag" "$url/$file")
    is "curl $file: the 304 says what the 200 says" "$(head_of "$url/$file" | grep -Ei "$kept")" "$(grep -Ei "$kept" <<<"$reply")"
    hasnt "curl $file: the 304 does not tell of a body" '^(content-(type|length|encoding)|transfer-encoding): ' "$reply"
}
