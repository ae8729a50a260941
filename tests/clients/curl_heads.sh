# curl: the head of a HEAD is that of the GET.

use_curl_heads() {
    local arguments path
    while read -r path arguments; do
        # shellcheck disable=SC2086 # the arguments are words
        is "curl -I $path $arguments: the head of the GET" "$(head_of $arguments "$url$path")" "$(head_of -I $arguments "$url$path")"
    done <<'END'
/
/app.js
/app.js --compressed
/app.js -H Accept-Encoding:identity;q=0
/large.txt
/empty.txt
/dir
/dir?q=1
/none
/none --http1.0
/%zz
/small.txt -H If-Match:"0"
/small.txt -H If-None-Match:*
/small.txt -H Expect:tea
END
}
