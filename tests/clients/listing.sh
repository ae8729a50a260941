# Clients that walk a folder by its listing: wget, lftp, rclone. Chromium: what hostile names do to a page.

use_listing() {
    # What `serve` sets belongs to this server.
    local site=$tmp/listed out=$tmp/walked url port log server line
    make_listed_site
    mkdir -p "$out"
    serve listing --listing
    if have wget; then
        works "wget -r -np over a listing" wget --no-config --no-proxy --no-hsts -q --tries=1 --timeout=10 -r -np -nH -l 9 \
            --restrict-file-names=nocontrol --reject-regex '[?]sort=' -P "$out/wget" "$url/folder/"
        find "$out/wget" -name index.html -delete
        same "wget -r -np over a listing: every file" "$site/folder" "$out/wget/folder"
        is "wget -r -np over a listing: and nothing else" folder "$(ls "$out/wget")"
    else
        skip "wget over a listing" "not found"
    fi
    if have lftp; then
        works "lftp mirror" lftp --norc -c "set net:timeout 10; set net:max-retries 1; mirror $url/folder/ $out/lftp"
        same "lftp mirror: every file" "$site/folder" "$out/lftp"
    else
        skip lftp "not found"
    fi
    if have rclone; then
        local r=(rclone --config /dev/null --retries 1 --low-level-retries 1 --http-url "$url" -q)
        works "rclone copy" "${r[@]}" copy :http:folder "$out/rclone"
        same "rclone copy: every file" "$site/folder" "$out/rclone"
        is "rclone lsd: the folders" "deeper" "$("${r[@]}" lsf --dirs-only :http:folder 2>&1 | tr -d / | tr '\n' ' ' | sed 's/ $//')"
    else
        skip rclone "not found"
    fi
    if have chromium; then
        line=$(browse --virtual-time-budget=3000 --dump-dom "$url/hostile/")
        has "chromium: a listing with hostile names" '<title>Index of /hostile/</title>' "$line"
        hasnt "chromium: no name has become an element" '<(img|script|svg|iframe)' "$line"
        is "chromium: as many rows as names" "$(($(ls "$site/hostile" | wc -l) + 1))" "$(grep -c '<tr><td>' <<<"$line")"
    else
        skip "chromium shows a listing" "not found"
    fi
    hasnt "the listing's log has no warning and no error" ' (WARN|ERROR) ' "$(<"$log")"
    stop listing
}

make_listed_site() {
    local name
    mkdir -p "$site/folder/deeper/empty of files" "$site/hostile" "$site/beside"
    echo beside >"$site/beside/file"
    for name in plain.txt 'a b.txt' 'a&b.txt' 'größe.txt' '100%.txt' 'q?a.txt' 'h#a.txt' 'c:d.txt' "it's.txt" 'plus+.txt' 'semi;.txt'; do
        echo "$name" >"$site/folder/$name"
    done
    head -c 100000 /dev/urandom >"$site/folder/deeper/large.bin"
    echo deep >"$site/folder/deeper/empty of files/not quite"
    for name in '<img src=x onerror=document.title=1>' '"><svg onload=document.title=1>' '<script>document.title=1<' \
        "' autofocus onfocus='document.title=1" 'javascript:document.title=1' '<iframe src=x>' '<!--' '&lt;script&gt;'; do
        echo x >"$site/hostile/$name"
    done
}
