# Chromium: the sample page, characters beyond ASCII, and a video or sound that plays and seeks.

browser=(chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync --disable-dev-shm-usage --disable-extensions --no-proxy-server
    --host-resolver-rules='MAP * ~NOTFOUND, EXCLUDE 127.0.0.1')

browse() { bounded 40 "${browser[@]}" --user-data-dir="$(mktemp -d -p "$tmp")" "$@" 2>/dev/null; }

use_chromium() {
    have chromium || { skip chromium "not found"; return; }
    local dom lines before
    before=$(wc -l <"$log")
    dom=$(browse --virtual-time-budget=5000 --dump-dom "$url/")
    has "chromium: the sample page" '<h1>.*your folder is being served' "$dom"
    has "chromium: its script shows the 200" 'class="code">200' "$dom"
    has "chromium: its script shows the 304" 'class="code">304' "$dom"
    dom=$(browse --virtual-time-budget=3000 --dump-dom "$url/about/")
    has "chromium: the second page" '<h1>' "$dom"
    sleep 0.2
    lines=$(tail -n "+$((before + 1))" "$log")
    for file in / /style.css /script.js /logo.svg /about/; do
        has "chromium fetches $file" "\"GET $file HTTP/1.1\" 200 " "$lines"
    done
    is "chromium: no failed request" '' "$(grep -Ev '" (200|304) [0-9]+ "' <<<"$lines")"

    see_characters

    local kind=video file=media/clip.mp4 profile title='' debug='' page
    mkdir -p "$site/media"
    if have ffmpeg && bounded 40 ffmpeg -nostdin -v error -f lavfi -i 'testsrc2=size=640x360:rate=20:duration=30,noise=alls=100:allf=t' \
        -c:v libx264 -preset ultrafast -qp 23 -pix_fmt yuv420p -g 20 "$site/$file" >/dev/null 2>&1; then
        :
    elif have ffmpeg && bounded 40 ffmpeg -nostdin -v error -y -f lavfi -i 'testsrc2=size=640x360:rate=20:duration=30,noise=alls=100:allf=t' \
        -c:v libvpx -deadline realtime -cpu-used 8 -b:v 10M -g 20 "$site/media/clip.webm" >/dev/null 2>&1; then
        file=media/clip.webm
    else
        kind=audio file=media/clip.wav
        python3 -c 'import sys, wave, os
with wave.open(sys.argv[1], "wb") as sound:
    sound.setnchannels(2), sound.setsampwidth(2), sound.setframerate(48000), sound.writeframes(os.urandom(48000 * 4 * 300))' "$site/$file"
    fi
    cat >"$site/media/index.html" <<END
<!doctype html><meta charset="utf-8"><title>waiting</title>
<$kind id="media" src="../$file" muted preload="auto"></$kind>
<script>
const media = document.querySelector("#media"), story = [];
const happens = (name) => new Promise((resolve) => media.addEventListener(name, resolve, { once: true }));
const plays = (from) => new Promise((resolve) => {
  const look = () => media.currentTime > from + 0.2 ? resolve() : setTimeout(look, 20);
  look();
});
media.addEventListener("error", () => { document.title = "error " + media.error.code + " " + media.error.message; });
async function go() {
  await media.play();
  await plays(0);
  story.push("plays");
  for (const part of [0.9, 0.1, 0.6]) {
    const seeked = happens("seeked");
    media.currentTime = media.duration * part;
    await seeked;
    await plays(media.duration * part);
    story.push("seeked to " + part);
  }
  document.title = "done: " + story.join(", ");
}
go().catch((error) => { document.title = "error " + error; });
</script>
END
    profile=$(mktemp -d -p "$tmp")
    # The end of `timeout` is the end of all that it started.
    timeout -k 2 30 "${browser[@]}" --autoplay-policy=no-user-gesture-required --remote-debugging-port=0 \
        --user-data-dir="$profile" "$url/media/" >/dev/null 2>&1 &
    local player=$!
    for _ in {1..100}; do
        sleep 0.25
        kill -0 "$player" 2>/dev/null || break
        [[ -s $profile/DevToolsActivePort ]] && debug=$(head -n 1 "$profile/DevToolsActivePort")
        [[ -n $debug ]] || continue
        page=$(bounded 5 curl -q -s --noproxy '*' "http://127.0.0.1:$debug/json/list")
        title=$(grep -Eo '"title": "(done|error|waiting)[^"]*"' <<<"$page" | head -n 1)
        [[ $title == *'"done'* || $title == *'"error'* ]] && break
    done
    kill -TERM "$player" 2>/dev/null
    wait "$player" 2>/dev/null
    is "chromium plays and seeks a $kind" '"title": "done: plays, seeked to 0.9, seeked to 0.1, seeked to 0.6"' "$title"
    sleep 0.2
    # It asks with its cached tag, too: 304.
    lines=$(grep -F "GET /$file " "$log" | grep -Eo '" [0-9]{3} ' | sort -u | tr -d '" \n')
    has "chromium: the replies for the $kind are 206 (304 for what it has)" '^206(304)?$' "$lines"
    lines=$(grep -F "GET /$file " "$log" | grep -c '" 206 ')
    if ((lines >= 2)); then ok "chromium: asks for the $kind in several ranges"; else bad "chromium: asks for the $kind in several ranges" "$lines request(s)"; fi
}

# Texts in UTF-8 that do not say so, also where a page in another charset uses them, and an image that is coded by name.
see_characters() {
    local dom
    mkdir -p "$site/characters"
    echo '<!doctype html><title>ü</title><p>page größe</p><script>document.write("in " + document.characterSet)</script>' >"$site/characters/page.html"
    echo 'plain größe' >"$site/characters/plain.txt"
    echo 'document.write("script größe");' >"$site/characters/script.js"
    echo 'p::before { content: "style größe" }' >"$site/characters/style.css"
    python3 -c 'import gzip, sys
with gzip.open(sys.argv[1], "w") as file:
    file.write(b"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"31\" height=\"17\"/>")' "$site/characters/image.svgz"
    cat >"$site/characters/latin.html" <<'END'
<!doctype html><meta charset="iso-8859-1"><title>latin</title><link rel="stylesheet" href="style.css"><p></p>
<script src="script.js"></script><img src="image.svgz">
<script>
document.write(getComputedStyle(document.querySelector("p"), "::before").content);
addEventListener("load", () => document.body.append("image " + document.images[0].naturalWidth));
</script>
END
    dom=$(browse --virtual-time-budget=3000 --dump-dom "$url/characters/page.html")
    has "chromium: a page in UTF-8 that does not say so" 'page größe' "$dom"
    has "chromium: it is read as UTF-8" 'in UTF-8' "$dom"
    dom=$(browse --virtual-time-budget=3000 --dump-dom "$url/characters/plain.txt")
    has "chromium: a text in UTF-8" 'plain größe' "$dom"
    dom=$(browse --virtual-time-budget=3000 --dump-dom "$url/characters/latin.html")
    has "chromium: a script in UTF-8 on a page in another charset" 'script größe' "$dom"
    has "chromium: a style sheet in UTF-8 on a page in another charset" 'style größe' "$dom"
    has "chromium: an image called .svgz" 'image 31' "$dom"
}
