# pip on a package index of our own: its cache, and ranges of a wheel.

use_pip() {
    python3 -m pip --version >/dev/null 2>&1 || { skip pip "not found"; return; }
    python3 "$clients/wheel.py" "$site"
    local p=(python3 -m pip --isolated --disable-pip-version-check --no-input --retries 0 --timeout 10 download -q --no-deps
        --index-url "$url/simple/" --trusted-host 127.0.0.1)
    works "pip download" "${p[@]}" --no-cache-dir -d "$tmp/pip/plain" otu-sample==1.0
    same "pip download: the wheel" "$site/wheels" "$tmp/pip/plain"
    works "pip download with a cache" "${p[@]}" --cache-dir "$tmp/pip/cache" -d "$tmp/pip/first" otu-sample
    works "pip download from the cache" "${p[@]}" --cache-dir "$tmp/pip/cache" -d "$tmp/pip/second" otu-sample
    same "pip download from the cache: the wheel" "$site/wheels" "$tmp/pip/second"
    local again
    again=$(logged '"GET /(wheels|simple)/.*" 304 .*pip/')
    if ((again >= 1)); then ok "pip asks whether it changed: 304"; else bad "pip asks whether it changed: 304" "no such line in the log"; fi
    works "pip download in ranges (fast-deps)" "${p[@]}" --use-feature=fast-deps --no-cache-dir -d "$tmp/pip/lazy" otu-sample
    same "pip download in ranges: the wheel" "$site/wheels" "$tmp/pip/lazy"
    local parts
    parts=$(logged '"GET /wheels/.*" 206 .*pip/')
    if ((parts >= 1)); then ok "pip in ranges: 206"; else bad "pip in ranges: 206" "no such line in the log"; fi
}
