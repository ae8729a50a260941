# curl: precompressed files.

use_curl_codings() {
    local coding suffix tags='' tag
    for coding in br:br zstd:zst gzip:gz; do
        suffix=${coding#*:} coding=${coding%:*}
        if [[ ! -f $site/app.js.$suffix ]]; then
            skip "curl --compressed $coding" "no program to make a .$suffix file"
            continue
        fi
        c -H "Accept-Encoding: $coding" -D "$tmp/head" -o "$tmp/body" "$url/app.js" >/dev/null
        same "curl Accept-Encoding: $coding: the .$suffix file" "$site/app.js.$suffix" "$tmp/body"
        has "curl Accept-Encoding: $coding: Content-Encoding" "^content-encoding: $coding" "$(<"$tmp/head")"
        has "curl Accept-Encoding: $coding: Vary" "^vary: accept-encoding" "$(<"$tmp/head")"
        has "curl Accept-Encoding: $coding: the type of the original" "^content-type: text/javascript" "$(<"$tmp/head")"
        if curl -q --version | grep -Eq "(^Features:.* |/)($(sed 's/gzip/libz/;s/br/brotli/' <<<"$coding"))"; then
            c --compressed -H "Accept-Encoding: $coding" -o "$tmp/body" "$url/app.js" >/dev/null
            same "curl --compressed $coding: decodes to the original" "$site/app.js" "$tmp/body"
        else
            skip "curl --compressed $coding" "this curl cannot decode it"
        fi
        c -H "Accept-Encoding: $coding" -r 100-199 -o "$tmp/body" "$url/app.js" >/dev/null
        tail -c +101 "$site/app.js" | head -c 100 >"$tmp/slice"
        same "curl Accept-Encoding: $coding -r 100-199: of the file itself" "$tmp/slice" "$tmp/body"
        tag=$(head_of -H "Accept-Encoding: $coding" "$url/app.js" | tr -d '\r' | sed -n 's/^etag: //Ip')
        c -H "Accept-Encoding: $coding" -H "If-Range: $tag" -r 100-199 -o "$tmp/body" "$url/app.js" >/dev/null
        tail -c +101 "$site/app.js.$suffix" | head -c 100 >"$tmp/slice"
        same "curl Accept-Encoding: $coding -r 100-199, If-Range: of the coded bytes" "$tmp/slice" "$tmp/body"
        if curl -q --version | grep -Eq "(^Features:.* |/)($(sed 's/gzip/libz/;s/br/brotli/' <<<"$coding"))"; then
            c --compressed -H "Accept-Encoding: $coding" -D "$tmp/head" -o "$tmp/body" "$url/large.txt" >/dev/null
            has "curl --compressed $coding large.txt: compressed on the fly" "^content-encoding: $coding" "$(<"$tmp/head")"
            same "curl --compressed $coding large.txt: decodes to the file" "$site/large.txt" "$tmp/body"
        fi
        rm -f "$tmp/etag"
        c -H "Accept-Encoding: $coding" --etag-save "$tmp/etag" -o /dev/null "$url/app.js" >/dev/null
        tag=$(<"$tmp/etag")
        is "curl Accept-Encoding: $coding --etag-compare: 304" 304 \
            "$(code -H "Accept-Encoding: $coding" --etag-compare "$tmp/etag" "$url/app.js")"
        is "curl: the $coding tag is not that of the original: 200" 200 "$(code --etag-compare "$tmp/etag" "$url/app.js")"
        is "curl If-Range: the $coding tag, range of the original: 200" 200 \
            "$(code -r 0-9 -H "If-Range: $tag" "$url/app.js")"
        tags+="$tag"$'\n'
        c -o "$tmp/body" "$url/app.js.$suffix" >/dev/null
        same "curl app.js.$suffix: the file itself" "$site/app.js.$suffix" "$tmp/body"
        is "curl Accept-Encoding: $coding;q=0: none" 0 \
            "$(head_of -H "Accept-Encoding: $coding;q=0" "$url/app.js" | grep -ci '^content-encoding')"
    done
    is "curl: no tag for two codings" "$(grep -c . <<<"$tags")" "$(sort -u <<<"$tags" | grep -c .)"
    c --compressed -o "$tmp/body" "$url/app.js" >/dev/null
    same "curl --compressed app.js" "$site/app.js" "$tmp/body"
    c --compressed --http1.0 -o "$tmp/body" "$url/app.js" >/dev/null
    same "curl --compressed --http1.0 app.js" "$site/app.js" "$tmp/body"
    [[ -n $tags ]] && has "curl app.js without a coding: Vary too" '^vary: accept-encoding' "$(head_of "$url/app.js")"
    hasnt "curl empty.txt: no Vary" '^vary' "$(head_of --compressed "$url/empty.txt")"
    is "curl Accept-Encoding: identity;q=0 small.txt: 406" 406 "$(code -H 'Accept-Encoding: identity;q=0' "$url/small.txt")"
}
