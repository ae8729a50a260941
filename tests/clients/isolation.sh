# A page that `_headers` isolates (COOP, COEP): a module and WebAssembly run in it, with shared memory.

use_isolation() {
    # What `serve` sets belongs to this server.
    local site=$tmp/isolated url port log server
    have chromium || { skip "an isolated page" "no chromium"; return; }
    mkdir -p "$site"
    printf '/*\n  Cross-Origin-Opener-Policy: same-origin\n  Cross-Origin-Embedder-Policy: require-corp\n' >"$site/_headers"
    # A module that exports a function `f`, which returns 42.
    printf '\0asm\1\0\0\0\1\5\1\140\0\1\177\3\2\1\0\7\5\1\1f\0\0\12\6\1\4\0\101\52\13' >"$site/answer.wasm"
    cat >"$site/answer.js" <<'END'
const { instance } = await WebAssembly.instantiateStreaming(fetch('answer.wasm'));
const memory = new SharedArrayBuffer(instance.exports.f());
document.body.textContent = `isolated: ${crossOriginIsolated}, shared bytes: ${memory.byteLength}`;
END
    echo '<!doctype html><title>isolated</title><body><script type="module" src="answer.js"></script>' >"$site/index.html"
    serve isolation
    has "chromium: a module and WebAssembly in an isolated page" 'isolated: true, shared bytes: 42' \
        "$(browse --virtual-time-budget=3000 --dump-dom "$url/")"
    stop isolation
    serve isolation --rules off
    hasnt "chromium: without the rules it is not isolated" 'shared bytes: 42' \
        "$(browse --virtual-time-budget=3000 --dump-dom "$url/")"
    stop isolation
}
