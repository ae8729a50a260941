# httplint and REDbot: no remark that is not known.

find_lint() {
    lint_python=
    if python3 -c 'import httplint, redbot' 2>/dev/null; then
        lint_python=$(python3 -c 'import sys; print(sys.executable)')
    elif [[ ${CLIENTS_INSTALL:-} == 1 ]]; then
        if python3 -m venv "$tmp/venv" && timeout 60 "$tmp/venv/bin/python" -m pip install -q httplint redbot >"$tmp/out" 2>&1; then
            lint_python=$tmp/venv/bin/python
        else
            lint_missing="not to be installed: $(tail -n 1 "$tmp/out")"
        fi
    else
        lint_missing='not found (CLIENTS_INSTALL=1 installs them)'
    fi
}

use_lint() {
    if [[ -z $lint_python ]]; then
        skip "httplint and REDbot" "$lint_missing"
        return
    fi
    checks httplint "$lint_python" "$clients/lint_replies.py" "$port"
    local path report
    for path in / /app.js /large.txt /small.txt /empty.txt /dir /none /logo.svg; do
        report=$(bounded 20 "$lint_python" -m redbot.cli -o text "$url$path" 2>&1)
        has "REDbot $path: has an opinion" '^\* General' "$report"
        report=$(grep -E '^ +\* ' <<<"$report" | grep -Evi -e "clock is correct|last changed|content-length header is correct|all caches to store it|cannot be served from cache without validation" \
            -e 'conditional requests are supported|ranged request returned the correct|gzip compression is supported' \
            -e 'location header contains a relative URI|could not be found|cannot be stored by caches|same representation')
        is "REDbot $path: no remark that is not known" '' "$report"
    done
}
