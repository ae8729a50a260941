# The wget of busybox, which sends a name as it was typed.

use_busybox() {
    have busybox && busybox --list | grep -qx wget || { skip "busybox wget" "not found"; return; }
    works "busybox wget" busybox wget -q -O "$tmp/body" "$url/small.txt"
    same "busybox wget: whole" "$site/small.txt" "$tmp/body"
    works "busybox wget größe.txt, in raw UTF-8" busybox wget -q -O "$tmp/body" "$url/größe.txt"
    same "busybox wget größe.txt: whole" "$site/größe.txt" "$tmp/body"
    head -c 1000 "$site/large.txt" >"$tmp/body"
    works "busybox wget -c" busybox wget -q -c -O "$tmp/body" "$url/large.txt"
    same "busybox wget -c: whole" "$site/large.txt" "$tmp/body"
}
