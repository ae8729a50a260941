# Builds of others: a single-page application made by Vite, and a site made by Eleventy, walked in a browser.

use_generators() {
    # What `serve` sets belongs to these servers.
    local site url port log server
    [[ ${CLIENTS_INSTALL:-} == 1 ]] || { skip "builds of Vite and Eleventy" "CLIENTS_INSTALL=1 is not set"; return; }
    have npm && have chromium || { skip "builds of Vite and Eleventy" "no npm, or no chromium"; return; }
    if install_from_npm vite vite@7; then use_vite; else skip "a build of Vite" "npm cannot install it"; fi
    if install_from_npm eleventy @11ty/eleventy@3; then use_eleventy; else skip "a build of Eleventy" "npm cannot install it"; fi
}

# install_from_npm FOLDER PACKAGE: into a folder of its own
install_from_npm() {
    mkdir -p "$tmp/$1"
    echo '{"private":true,"type":"module"}' >"$tmp/$1/package.json"
    (cd "$tmp/$1" && bounded 60 npm install --silent --no-audit --no-fund --save-dev "$2" >"$tmp/out" 2>&1)
}

# walk URL: the page after its scripts have run; what the console says goes to $tmp/console
walk() {
    bounded 40 "${browser[@]}" --user-data-dir="$(mktemp -d -p "$tmp")" --enable-logging=stderr \
        --virtual-time-budget=3000 --dump-dom "$1" 2>"$tmp/console"
}
console_is_silent() { hasnt "chromium: $1: the console says nothing" 'CONSOLE' "$(<"$tmp/console")"; }

use_vite() {
    local folder=$tmp/vite page script
    mkdir -p "$folder/src"
    cat >"$folder/index.html" <<'END'
<!doctype html><html lang="en"><head><title>app</title><link rel="icon" href="data:,"></head>
<body><div id="view"></div><script type="module" src="/src/main.js"></script></body></html>
END
    cat >"$folder/src/main.js" <<'END'
import './style.css';
const { show } = await import('./view.js');
show(document.getElementById('view'), location.pathname);
END
    echo 'export function show(view, path) { view.textContent = `the view of ${path}: größer`; }' >"$folder/src/view.js"
    echo 'body { color: teal }' >"$folder/src/style.css"
    works "vite build" env -C "$folder" npx vite build
    site=$folder/dist
    serve vite --fallback index.html --immutable 'assets/**'
    for page in / /deep/link /deep/link?q=1; do
        has "chromium: Vite's application at $page" "the view of ${page%%\?*}: größer" "$(walk "$url$page")"
        console_is_silent "Vite's application at $page"
    done
    script=$(cd "$site" && echo assets/index-*.js)
    has "Vite: a hashed script is immutable" '^cache-control: .*immutable' "$(head_of "$url/$script")"
    is "Vite: a missing script is no page" 404 "$(code -H 'Sec-Fetch-Dest: script' "$url/assets/index-old.js")"
    is "Vite: a deep link is a page" 200 "$(code -H 'Accept: text/html' "$url/deep/link")"
    stop vite
}

use_eleventy() {
    local folder=$tmp/eleventy page
    mkdir -p "$folder/posts"
    printf -- '---\npermalink: /\n---\n<title>home</title><a href="/posts/größe/">a post</a>\n' >"$folder/index.html"
    printf -- '---\npermalink: /404.html\n---\n<title>not here</title>\n' >"$folder/404.html"
    printf '# Größe\n\nA post.\n' >"$folder/posts/größe.md"
    works "eleventy" env -C "$folder" npx eleventy --quiet
    site=$folder/_site
    serve eleventy
    page=$(walk "$url/posts/größe/")
    has "chromium: Eleventy's page of a name beyond ASCII" '<h1[^>]*>Größe</h1>' "$page"
    has "Eleventy: a missing page is its 404.html" '<title>not here</title>' "$(walk "$url/posts/missing/")"
    is "Eleventy: and its status is 404" 404 "$(code "$url/posts/missing/")"
    is "Eleventy: a folder without its slash is redirected" 301 "$(code "$url/posts/gr%C3%B6%C3%9Fe")"
    stop eleventy
}
