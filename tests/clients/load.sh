# ab and wrk: no request fails. The argument says how many workers there are.

use_load() {
    local workers=$1 mode report
    if have ab; then
        for mode in '' -k; do
            # shellcheck disable=SC2086 # no word where it is empty
            report=$(bounded 30 ab -q -n 5000 -c 100 $mode "$url/index.html" 2>&1)
            is "ab -n 5000 -c 100 $mode with $workers: complete, failed, write errors, not 2xx" '5000 0 0 0' \
                "$(awk -F: '/^Complete requests/ {c = $2} /^Failed requests/ {f = $2} /^Write errors/ {w = $2} /^Non-2xx/ {n = $2}
                    END {print c + 0, f + 0, w + 0, n + 0}' <<<"$report")"
            [[ -n $mode ]] && is "ab -k with $workers: all kept alive" 5000 "$(awk '/^Keep-Alive requests/ {print $3}' <<<"$report")"
        done
        report=$(bounded 30 ab -q -n 1000 -c 50 -k "$url/none" 2>&1)
        is "ab -k of nothing with $workers: 404, none failed" '0 1000' \
            "$(awk -F: '/^Failed requests/ {f = $2} /^Non-2xx/ {n = $2} END {print f + 0, n + 0}' <<<"$report")"
        report=$(bounded 30 ab -q -n 2000 -c 50 -k -i "$url/large.txt" 2>&1)
        is "ab -i -k large.txt with $workers: none failed" '2000 0' \
            "$(awk -F: '/^Complete requests/ {c = $2} /^Failed requests/ {f = $2} END {print c + 0, f + 0}' <<<"$report")"
    else
        skip "ab with $workers" "not found"
    fi
    if have wrk; then
        report=$(bounded 30 wrk -t 2 -c 100 -d 2s "$url/index.html" 2>&1)
        has "wrk -c 100 with $workers: answers" '^Requests/sec: +[1-9]' "$report"
        hasnt "wrk -c 100 with $workers: no error" '^ *(Socket errors|Non-2xx)' "$report"
    else
        skip "wrk with $workers" "not found"
    fi
}
